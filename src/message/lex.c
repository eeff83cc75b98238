/* SPDX-License-Identifier: Apache-2.0 */
#include "message/lex.h"

size_t lex_skip_cfws(str s, size_t at)
{
	size_t depth = 0;

	for (; at < s.n; at++) {
		char c = s.p[at];

		if (c == '(')
			depth++;
		else if (c == ')' && depth)
			depth--;
		else if (c == '\\' && depth)
			at++;
		else if (!depth && !lex_is_space(c))
			return at;
	}
	return s.n;
}

int lex_hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_upper(c);
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int lex_hex_byte(str s, size_t at)
{
	if (at + 1 >= s.n || lex_hex_value(s.p[at]) < 0 ||
		lex_hex_value(s.p[at + 1]) < 0)
		return -1;
	return lex_hex_value(s.p[at]) << 4 | lex_hex_value(s.p[at + 1]);
}
