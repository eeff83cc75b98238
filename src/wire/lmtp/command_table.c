/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/lmtp/parser.h"
#include "wire/lmtp/parse.h"

#define ROW(name, parse, states)                                               \
	[LMTP_##name] = {                                                      \
		STR_LIT(#name), LMTP_##name, parse, states, LMTP_SAY_NOTHING}
#define REFUSED(name, say)                                                     \
	[LMTP_##name] = {STR_LIT(#name), LMTP_##name, lmtp_parse_text,         \
		LMTP_ANY_STATE, say}

/* name, argument, states; or what is said to it */
const struct lmtp_command_row lmtp_command_table[LMTP_VERB_COUNT] = {
	[LMTP_UNKNOWN] = {STR_LIT(""), LMTP_UNKNOWN, NULL, 0,
		LMTP_SAY_UNKNOWN_COMMAND},

	ROW(LHLO, lmtp_parse_lhlo, LMTP_ANY_STATE),
	ROW(MAIL, lmtp_parse_mail, LMTP_READY),
	ROW(RCPT, lmtp_parse_rcpt, LMTP_SENDER | LMTP_RECIPIENTS),
	ROW(DATA, NULL, LMTP_RECIPIENTS),
	/* LMTP_SENDER: RFC 2033 section 4.3 has an answer for it. */
	ROW(BDAT, lmtp_parse_bdat, LMTP_SENDER | LMTP_RECIPIENTS | LMTP_CHUNKS),
	ROW(RSET, NULL, LMTP_ANY_STATE),
	ROW(NOOP, lmtp_parse_text, LMTP_ANY_STATE),
	ROW(QUIT, NULL, LMTP_ANY_STATE),
	ROW(VRFY, lmtp_parse_vrfy, LMTP_ANY_STATE),
	ROW(HELP, lmtp_parse_text, LMTP_ANY_STATE),
	ROW(XCLIENT, lmtp_parse_xclient, LMTP_NEW | LMTP_READY),

	/* RFC 2033 section 4.1: "The 500 reply code is recommended." */
	REFUSED(HELO, LMTP_SAY_SAY_LHLO),
	REFUSED(EHLO, LMTP_SAY_SAY_LHLO),
	REFUSED(EXPN, LMTP_SAY_NOT_IMPLEMENTED),
};

enum lmtp_say lmtp_out_of_order(enum lmtp_verb verb, enum lmtp_state state)
{
	if (lmtp_command_table[verb].states & state)
		return LMTP_SAY_NOTHING;
	if (verb == LMTP_XCLIENT)
		return LMTP_SAY_MAIL_OPEN_XCLIENT;
	if (state == LMTP_NEW)
		return LMTP_SAY_LHLO_FIRST;
	if (state == LMTP_CHUNKS)
		return LMTP_SAY_RESET_FIRST;
	if (verb == LMTP_MAIL)
		return LMTP_SAY_MAIL_OPEN;
	return state == LMTP_READY ? LMTP_SAY_MAIL_FIRST
				   : LMTP_SAY_NO_RECIPIENTS;
}
