/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/lmtp/reply.h"
#include "wire/lmtp/command.h"

#include <assert.h>

#define LINE_MAX_REPLY 512

static const struct {
	unsigned code;
	const char *enhanced;
	const char *words;
} table[] = {
#define X(name, code, enhanced, words) {code, enhanced, words},
	LMTP_SAY_TABLE(X)
#undef X
};

unsigned lmtp_say_code(enum lmtp_say say)
{
	return table[say].code;
}

const char *lmtp_say_words(enum lmtp_say say)
{
	return table[say].words;
}

static void put_codes(struct buf *out, enum lmtp_say say)
{
	assert(say != LMTP_SAY_NOTHING);
	buf_addf(out, "%u %s%s", table[say].code, table[say].enhanced,
		*table[say].enhanced ? " " : "");
}

void lmtp_put(struct buf *out, enum lmtp_say say)
{
	put_codes(out, say);
	buf_addf(out, "%s\r\n", table[say].words);
}

void lmtp_put_about(struct buf *out, enum lmtp_say say, str address)
{
	put_codes(out, say);
	/* What stands around it is far below 64 bytes. */
	if (address.n < LINE_MAX_REPLY - 64)
		buf_addf(out, "<%.*s> ", STR_ARG(address));
	buf_addf(out, "%s\r\n", table[say].words);
}

void lmtp_put_greeting(struct buf *out, str host)
{
	buf_addf(out, "220 %.*s LMTP Culver\r\n", STR_ARG(host));
}

/* DSN is not among them, though its parameters are taken: who delivers to a
 * server that announces it leaves the report of success to that server (RFC
 * 3461 section 5.2.2), and here nobody sends any. */
void lmtp_put_extensions(struct buf *out, str host, uint64_t size, bool xclient)
{
	buf_addf(out,
		"250-%.*s\r\n"
		"250-PIPELINING\r\n"
		"250-8BITMIME\r\n"
		"250-SMTPUTF8\r\n"
		"250-CHUNKING\r\n"
		"250-BINARYMIME\r\n",
		STR_ARG(host));
	if (xclient)
		buf_add_c(out, "250-XCLIENT NAME ADDR PORT PROTO HELO\r\n");
	/* RFC 1870 section 3: 0 says that no limit is fixed. */
	buf_addf(out,
		"250-SIZE %llu\r\n"
		"250 ENHANCEDSTATUSCODES\r\n",
		(unsigned long long)size);
}

void lmtp_put_help(struct buf *out)
{
	buf_add_c(out, "214 2.0.0");
	for (size_t i = 0; i < LMTP_VERB_COUNT; i++) {
		const struct lmtp_command_row *row = &lmtp_command_table[i];

		if (!row->refusal)
			buf_addf(out, " %.*s", STR_ARG(row->name));
	}
	buf_add_c(out, "\r\n");
}

enum lmtp_say lmtp_say_of(enum err e, bool quota_for_good)
{
	switch (e) {
	case OK:
		return LMTP_SAY_DELIVERED;
	case ERR_NOTFOUND:
		return LMTP_SAY_NO_SUCH_USER;
	case ERR_DENIED:
		return LMTP_SAY_SWITCHED_OFF;
	case ERR_QUOTA:
		return quota_for_good ? LMTP_SAY_OVER_QUOTA_FOR_GOOD
				      : LMTP_SAY_OVER_QUOTA;
	case ERR_NOSPACE:
		return LMTP_SAY_DISK_FULL;
	case ERR_TOOBIG:
		return LMTP_SAY_TOO_BIG;
	case ERR_LIMIT:
		return LMTP_SAY_TOO_MANY_RECIPIENTS;
	default:
		/* Ours to put right: the message must not be lost for it. */
		return LMTP_SAY_TRY_AGAIN;
	}
}
