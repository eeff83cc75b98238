/* SPDX-License-Identifier: Apache-2.0 */
#include "store/wrongbit.h"
#include "base/onebit.h"
#include "store/fragment.h"
#include "store/masked.h"

/* Fragments. */

#define LENGTH_BITS 16
#define SECTOR 512
/* So many zeros in front of a sector's end are what was not written. */
#define UNWRITTEN 16

/* The fragment here; in its block it is behind `at` bytes. */
static bool has_unwritten(str fragment, size_t at)
{
	size_t end = SECTOR - at % SECTOR;

	for (; end < fragment.n + SECTOR; end += SECTOR) {
		size_t n = end < fragment.n ? end : fragment.n;

		if (n >= UNWRITTEN &&
			fragment_is_zero(
				str_of(fragment.p + n - UNWRITTEN, UNWRITTEN)))
			return true;
	}
	return false;
}

struct place {
	char *here; /* no fragment */
	size_t n, at;
	unsigned found; /* bits that make it one */
	uint64_t bit;	/* the last of them */
};

/* With what stands there now. A record is only divided where a block ends. */
static bool is_fragment(const struct place *p)
{
	size_t size = fragment_size(str_of(p->here, p->n));
	char type = p->here[FRAGMENT_TYPE];

	if (type == FRAGMENT_FIRST || type == FRAGMENT_MIDDLE)
		return p->at + size == FRAGMENT_BLOCK;
	return size > 0;
}

static void try_bit(struct place *p, uint64_t bit)
{
	onebit_turn(p->here, bit);
	if (is_fragment(p)) {
		p->found++;
		p->bit = bit;
	}
	onebit_turn(p->here, bit);
}

static void try_length(struct place *p)
{
	for (uint64_t i = 0; i < LENGTH_BITS; i++)
		try_bit(p, (uint64_t)8 * FRAGMENT_LENGTH + i);
}

static void try_sum_and_summed(struct place *p)
{
	str here = str_of(p->here, p->n);
	size_t size = fragment_size_in_head(here);
	str summed = str_skip(str_take(here, size), FRAGMENT_TYPE);
	uint64_t bit;

	if (size > p->n || has_unwritten(str_take(here, size), p->at) ||
		!masked_wrong_bit(
			summed, (uint32_t)le_get(here.p, MASKED_SIZE), &bit))
		return;
	if (bit >= 8 * summed.n)
		try_bit(p, bit - 8 * summed.n);
	else
		try_bit(p, bit + (uint64_t)8 * FRAGMENT_TYPE);
}

static bool turn_one(struct wrongbit_walk *w, uint64_t *bit_r)
{
	struct place p = {
		.here = w->block + w->at, .n = w->n - w->at, .at = w->at};

	if (!*w->tries || fragment_is_zero(str_of(p.here, p.n)))
		return false;
	--*w->tries;
	try_length(&p);
	try_sum_and_summed(&p);
	if (p.found != 1)
		return false;
	onebit_turn(p.here, p.bit);
	*bit_r = 8 * (uint64_t)w->at + p.bit;
	return true;
}

bool wrongbit_in_fragments(struct wrongbit_walk *w, uint64_t *bit_r)
{
	while (w->n - w->at >= FRAGMENT_HEAD) {
		str here = str_of(w->block + w->at, w->n - w->at);
		size_t size = fragment_size(here);

		if (!size && turn_one(w, bit_r))
			return true;
		w->at += size ? size : fragment_wrong_size(here);
	}
	return false;
}

/* Blob files. */

static const char blob_magic[] = {0x37, (char)0x8f, 0x24, 0};
/* Version 1; not compressed; no family of columns, flags or times. */
static const char blob_header[BLOB_HEADER] = {
	0x37, (char)0x8f, 0x24, 0, 1, 0, 0, 0};

bool wrongbit_in_blob_header(const char *header, uint64_t *bit_r)
{
	unsigned wrong = 0;

	for (uint64_t i = 0; i < 8 * BLOB_HEADER; i++)
		if ((header[i / 8] ^ blob_header[i / 8]) >> i % 8 & 1) {
			wrong++;
			*bit_r = i;
		}
	return wrong == 1;
}

/* Where it is none, blobs end. */
bool wrongbit_in_blob_footer(const char *footer, uint64_t *bit_r)
{
	size_t n = BLOB_FOOTER - MASKED_SIZE;
	char bytes[BLOB_FOOTER];

	if (!masked_wrong_bit(str_of(footer, n),
		    (uint32_t)le_get(footer + n, MASKED_SIZE), bit_r))
		return false;
	memcpy(bytes, footer, sizeof bytes);
	onebit_turn(bytes, *bit_r);
	return memcmp(bytes, blob_magic, sizeof blob_magic) == 0;
}

/* CURRENT. */

#define PREFIX STR("MANIFEST-")
#define DIGITS_LEAST 6

bool current_names(str current, char name_r[CURRENT_MAX])
{
	str number = str_skip(current, PREFIX.n);
	size_t digits = 0;

	while (digits < number.n && ascii_is_digit(number.p[digits]))
		digits++;
	if (current.n > CURRENT_MAX || !str_starts(current, PREFIX) ||
		digits < DIGITS_LEAST ||
		!str_eq_c(str_skip(number, digits), "\n"))
		return false;
	memcpy(name_r, current.p, current.n - 1);
	name_r[current.n - 1] = 0;
	return true;
}

struct current {
	str bytes;
	char name[CURRENT_MAX], but[CURRENT_MAX];
	wrongbit_is_there_fn *is_there;
	void *arg;
};

static bool names_another(void *arg)
{
	struct current *c = arg;

	return current_names(c->bytes, c->name) &&
	       strcmp(c->name, c->but) != 0 && c->is_there(c->arg, c->name);
}

bool wrongbit_in_current(char *bytes, size_t n, wrongbit_is_there_fn *is_there,
	void *arg, uint64_t *bit_r)
{
	struct current c = {
		.bytes = str_of(bytes, n), .is_there = is_there, .arg = arg};
	uint64_t other;

	if (n > CURRENT_MAX || current_names(c.bytes, c.name) ||
		!onebit_try(bytes, n, names_another, &c, bit_r))
		return false;
	memcpy(c.but, c.name, sizeof c.but);
	return !onebit_try(bytes, n, names_another, &c, &other);
}
