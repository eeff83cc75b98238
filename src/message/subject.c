/* SPDX-License-Identifier: Apache-2.0 */
#include "message/subject.h"

/* (1) Tabs and continuations become spaces, runs of spaces one. */
static str collapse(struct arena *arena, str s)
{
	char *p = arena_alloc(arena, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '\t' || c == '\r' || c == '\n')
			c = ' ';
		if (c != ' ' || !n || p[n - 1] != ' ')
			p[n++] = c;
	}
	return str_of(p, n);
}

/* (2) subj-trailer = "(fwd)" / WSP */
static str strip_trailers(str s, bool *reply_r)
{
	for (;;) {
		if (s.n && s.p[s.n - 1] == ' ') {
			s.n--;
		} else if (s.n >= 5 &&
			   str_ieq_c(str_skip(s, s.n - 5), "(fwd)")) {
			s.n -= 5;
			*reply_r = true;
		} else {
			return s;
		}
	}
}

static size_t skip_blanks(str s, size_t at)
{
	while (at < s.n && s.p[at] == ' ')
		at++;
	return at;
}

/* subj-blob = "[" *BLOBCHAR "]" *WSP; BLOBCHAR = %x01-5a / %x5c / %x5e-ff.
 * Returns the index after it, or `at` when there is none. */
static size_t skip_blob(str s, size_t at)
{
	size_t i = at;
	if (i == s.n || s.p[i++] != '[')
		return at;
	while (i < s.n && s.p[i] != '[' && s.p[i] != ']' && s.p[i])
		i++;
	if (i == s.n || s.p[i] != ']')
		return at;
	return skip_blanks(s, i + 1);
}

/* subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":" */
static size_t skip_refwd(str s, size_t at)
{
	size_t i = at;
	str rest = str_skip(s, at);
	if (str_istarts(rest, STR("fwd")))
		i += 3;
	else if (str_istarts(rest, STR("re")) || str_istarts(rest, STR("fw")))
		i += 2;
	else
		return at;
	i = skip_blob(s, skip_blanks(s, i));
	return i < s.n && s.p[i] == ':' ? i + 1 : at;
}

/*
 * (3), (4), (5): subj-leaders, and blobs as long as something is left.
 * subj-leader = (*subj-blob subj-refwd) / WSP. No refwd starts with "[", so
 * the blobs before one are all that stand there; without a refwd after them
 * all go by (4), but for the last if nothing follows it. Thus each byte is
 * looked at a bounded number of times.
 */
static str strip_leaders(str s, bool *reply_r)
{
	for (;;) {
		size_t blobs = skip_blanks(s, 0);
		s = str_skip(s, blobs);
		size_t end = 0, last = 0;
		for (size_t next; (next = skip_blob(s, end)) > end; end = next)
			last = end;
		size_t after = skip_refwd(s, end);
		if (after > end) {
			*reply_r = true;
			s = str_skip(s, after);
			continue;
		}
		return str_skip(s, end < s.n ? end : last);
	}
}

str subject_base(struct arena *arena, str decoded, bool *reply_r)
{
	str s = collapse(arena, decoded);
	*reply_r = false;
	for (;;) {
		s = strip_leaders(strip_trailers(s, reply_r), reply_r);
		/* (6) subj-fwd = subj-fwd-hdr subject subj-fwd-trl */
		if (!str_istarts(s, STR("[fwd:")) || !str_ends(s, STR("]")))
			return s;
		s = str_of(s.p + 5, s.n - 6);
		*reply_r = true;
	}
}
