/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grammar: what makes inputs with structure, for targets whose input is lines
 * of a language. A grammar is a table of rules; each alternative is text in
 * which
 * "$name" stands for a rule, "$$" for a dollar, and "$literal" for an IMAP
 * literal of the rule "text", with its right size.
 *
 * grammar_mutate() changes the input by whole units (lines, with the literals
 * in them): makes new ones, leaves out, doubles, moves, and exchanges words
 * within one; every other time it leaves the bytes to libFuzzer.
 */
#ifndef FUZZ_GRAMMAR_H
#define FUZZ_GRAMMAR_H

#include "base/buf.h"

#include <stdint.h>

#define GRAMMAR_ALTERNATIVES 24

struct grammar_rule {
	const char *name; /* NULL ends the table */
	const char *alternatives[GRAMMAR_ALTERNATIVES]; /* the first ends it */
};

struct grammar {
	const struct grammar_rule *rules;
	const char *unit;  /* the rule of a whole unit */
	const char *token; /* the rule that words are exchanged for */
};

/* Lines of a session; one command with its dialect before it; a message. */
extern const struct grammar grammar_imap, grammar_imap_command, grammar_mime;

/* As LLVMFuzzerCustomMutator. */
size_t grammar_mutate(const struct grammar *, uint8_t *data, size_t size,
	size_t max, unsigned seed);
/* As LLVMFuzzerCustomCrossOver: units of both. */
size_t grammar_cross(const uint8_t *a, size_t a_n, const uint8_t *b, size_t b_n,
	uint8_t *out, size_t max, unsigned seed);

/* libFuzzer's own. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

#define GRAMMAR_TARGET(grammar)                                                \
	size_t LLVMFuzzerCustomMutator(                                        \
		uint8_t *data, size_t size, size_t max, unsigned seed);        \
	size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_n,         \
		const uint8_t *b, size_t b_n, uint8_t *out, size_t max,        \
		unsigned seed);                                                \
	size_t LLVMFuzzerCustomMutator(                                        \
		uint8_t *data, size_t size, size_t max, unsigned seed)         \
	{                                                                      \
		return grammar_mutate(&(grammar), data, size, max, seed);      \
	}                                                                      \
	size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_n,         \
		const uint8_t *b, size_t b_n, uint8_t *out, size_t max,        \
		unsigned seed)                                                 \
	{                                                                      \
		return grammar_cross(a, a_n, b, b_n, out, max, seed);          \
	}

#endif
