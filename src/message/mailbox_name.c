/* SPDX-License-Identifier: Apache-2.0 */
#include "message/mailbox_name.h"

#include "base/alloc.h"
#include "message/utf8.h"

#include <unicode/unorm2.h>
#include <unicode/ustring.h>

/* What may be given for a name: NFC makes some names shorter, none so much. */
#define INPUT_MAX (2 * MAILBOX_NAME_MAX)

static str join(struct arena *arena, str a, str b)
{
	char *p = arena_alloc(arena, a.n + b.n + 1);

	if (a.n)
		memcpy(p, a.p, a.n);
	if (b.n)
		memcpy(p + a.n, b.p, b.n);
	return str_of(p, a.n + b.n);
}

/* ---- Net-Unicode ---- */

static const UNormalizer2 *nfc(void)
{
	UErrorCode e = U_ZERO_ERROR;

	return unorm2_getNFCInstance(&e);
}

/* s is valid UTF-8 of at most INPUT_MAX bytes. ASCII is as it is. */
static str to_nfc(struct arena *arena, str s)
{
	UNSET UChar wide[INPUT_MAX], normal[3 * INPUT_MAX];
	UErrorCode e = U_ZERO_ERROR;
	int32_t n, size;
	char *p;

	if (utf8_is_ascii(s))
		return s;
	u_strFromUTF8(wide, (int32_t)COUNT_OF(wide), &n, s.p, (int32_t)s.n, &e);
	n = unorm2_normalize(
		nfc(), wide, n, normal, (int32_t)COUNT_OF(normal), &e);
	p = arena_alloc(arena, 3 * (size_t)n + 1);
	u_strToUTF8(p, 3 * n + 1, &size, normal, n, &e);
	return U_FAILURE(e) ? s : str_of(p, (size_t)size);
}

/* name is valid UTF-8 within the bound. */
static bool is_nfc(str name)
{
	UNSET UChar wide[MAILBOX_NAME_MAX];
	UErrorCode e = U_ZERO_ERROR;
	int32_t n;

	if (utf8_is_ascii(name))
		return true;
	u_strFromUTF8(
		wide, (int32_t)COUNT_OF(wide), &n, name.p, (int32_t)name.n, &e);
	return unorm2_isNormalized(nfc(), wide, n, &e) && U_SUCCESS(e);
}

static bool is_allowed(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7F && c <= 0x9F))
		return false;
	if (c == 0x2028 || c == 0x2029 || c == 0xFEFF)
		return false;
	return (c & 0xFFFE) != 0xFFFE && !(c >= 0xFDD0 && c <= 0xFDEF);
}

static bool has_only_allowed(str name)
{
	for (size_t at = 0; at < name.n;)
		if (!is_allowed(utf8_next(name, &at)))
			return false;
	return true;
}

static bool has_empty_component(str name)
{
	return name.n == 0 || name.p[0] == MAILBOX_SEPARATOR ||
	       name.p[name.n - 1] == MAILBOX_SEPARATOR ||
	       str_find(name, STR("//")) < name.n;
}

/* All but NFC, which is_nfc and to_nfc see to. */
static enum err check(str name)
{
	if (has_empty_component(name))
		return ERR_INVALID;
	if (name.n > MAILBOX_NAME_MAX ||
		mailbox_name_depth(name) > MAILBOX_DEPTH_MAX)
		return ERR_TOOBIG;
	return has_only_allowed(name) ? OK : ERR_INVALID;
}

static str first_component(str name)
{
	return str_take(name, str_find_byte(name, MAILBOX_SEPARATOR));
}

static str with_inbox(struct arena *arena, str name)
{
	str first = first_component(name);

	if (!str_ieq(first, STR("INBOX")) || str_eq(first, STR("INBOX")))
		return name;
	return join(arena, STR("INBOX"), str_skip(name, 5));
}

enum err mailbox_name_canonical(struct arena *arena, str name, str *name_r)
{
	enum err e;

	if (name.n > INPUT_MAX)
		return ERR_TOOBIG;
	if (!utf8_is_valid(name))
		return ERR_INVALID;
	if (name.n && name.p[name.n - 1] == MAILBOX_SEPARATOR)
		name.n--;
	name = to_nfc(arena, name);
	e = check(name);
	if (e)
		return e;
	*name_r = with_inbox(arena, name);
	return OK;
}

bool mailbox_name_is_canonical(str name)
{
	str first = first_component(name);

	if (!utf8_is_valid(name) || check(name) || !is_nfc(name))
		return false;
	return !str_ieq(first, STR("INBOX")) || str_eq(first, STR("INBOX"));
}

bool mailbox_name_is_inbox(str name)
{
	return str_ieq(name, STR("INBOX"));
}

/* ---- hierarchy ---- */

/* The index after the last separator, 0 when there is none. */
static size_t leaf_at(str name)
{
	size_t i = name.n;

	while (i > 0 && name.p[i - 1] != MAILBOX_SEPARATOR)
		i--;
	return i;
}

str mailbox_name_parent(str name)
{
	size_t leaf = leaf_at(name);

	return str_take(name, leaf ? leaf - 1 : 0);
}

str mailbox_name_leaf(str name)
{
	return str_skip(name, leaf_at(name));
}

size_t mailbox_name_depth(str name)
{
	size_t depth = 1;

	for (size_t i = 0; i < name.n; i++)
		depth += name.p[i] == MAILBOX_SEPARATOR;
	return depth;
}

bool mailbox_name_is_below(str name, str ancestor)
{
	return name.n > ancestor.n + 1 && str_starts(name, ancestor) &&
	       name.p[ancestor.n] == MAILBOX_SEPARATOR;
}

enum err mailbox_name_rebase(
	struct arena *arena, str name, str from, str to, str *name_r)
{
	str rest = str_skip(name, from.n);

	if (to.n + rest.n > MAILBOX_NAME_MAX)
		return ERR_TOOBIG;
	*name_r = join(arena, to, rest);
	return mailbox_name_depth(*name_r) > MAILBOX_DEPTH_MAX ? ERR_TOOBIG
							       : OK;
}

/* ---- modified UTF-7 ---- */

static const char base64_modified[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789+,";

static bool is_direct(uint32_t c)
{
	return c >= 0x20 && c <= 0x7E;
}

/* Bits that wait to be a digit. */
struct bits {
	uint32_t value;
	unsigned count;
};

static void add_unit(struct buf *out, struct bits *b, uint32_t unit)
{
	b->value = b->value << 16 | unit;
	b->count += 16;
	while (b->count >= 6) {
		b->count -= 6;
		buf_add_byte(out, base64_modified[b->value >> b->count & 63]);
	}
	b->value &= (1u << b->count) - 1;
}

static void shift_back(struct buf *out, struct bits *b)
{
	if (b->count)
		buf_add_byte(
			out, base64_modified[b->value << (6 - b->count) & 63]);
	buf_add_byte(out, '-');
	*b = (struct bits){0};
}

void mailbox_name_add_utf7(struct buf *out, str s)
{
	struct bits bits = {0};
	bool shifted = false;

	for (size_t at = 0; at < s.n;) {
		uint32_t c = utf8_next(s, &at);

		if (is_direct(c)) {
			if (shifted)
				shift_back(out, &bits);
			shifted = false;
			buf_add_byte(out, (char)c);
			if (c == '&')
				buf_add_byte(out, '-');
			continue;
		}
		if (!shifted)
			buf_add_byte(out, '&');
		shifted = true;
		if (c > 0xFFFF) {
			add_unit(out, &bits, U16_LEAD(c));
			c = U16_TRAIL(c);
		}
		add_unit(out, &bits, c);
	}
	if (shifted)
		shift_back(out, &bits);
}

/* One UTF-16 unit inside base64. */
static bool take_unit(struct buf *out, uint32_t *high, uint32_t unit)
{
	if (*high) {
		if (!U16_IS_TRAIL(unit))
			return false;
		utf8_add(out, (uint32_t)U16_GET_SUPPLEMENTARY(*high, unit));
		*high = 0;
		return true;
	}
	if (U16_IS_TRAIL(unit) || is_direct(unit))
		return false;
	if (U16_IS_LEAD(unit))
		*high = unit;
	else
		utf8_add(out, unit);
	return true;
}

/* What stands between "&" and "-". */
static bool decode_base64(struct buf *out, str digits)
{
	struct bits b = {0};
	uint32_t high = 0;

	for (size_t i = 0; i < digits.n; i++) {
		const char *digit =
			digits.p[i] ? strchr(base64_modified, digits.p[i])
				    : NULL;

		if (!digit)
			return false;
		b.value = b.value << 6 | (uint32_t)(digit - base64_modified);
		b.count += 6;
		if (b.count < 16)
			continue;
		b.count -= 16;
		if (!take_unit(out, &high, b.value >> b.count & 0xFFFF))
			return false;
		b.value &= (1u << b.count) - 1;
	}
	return !high && b.count < 6 && b.value == 0;
}

enum err mailbox_name_decode_utf7(struct buf *out, str s)
{
	bool after_base64 = false;

	for (size_t at = 0; at < s.n;) {
		str rest = str_skip(s, at + 1);
		size_t n;

		if (!is_direct((unsigned char)s.p[at]))
			return ERR_INVALID;
		if (s.p[at] != '&') {
			buf_add_byte(out, s.p[at++]);
			after_base64 = false;
			continue;
		}
		n = str_find_byte(rest, '-');
		if (n == rest.n || (n > 0 && after_base64) ||
			!decode_base64(out, str_take(rest, n)))
			return ERR_INVALID;
		if (n == 0)
			buf_add_byte(out, '&');
		after_base64 = n > 0;
		at += n + 2;
	}
	return buf_err(out);
}

/* ---- LIST ---- */

static bool is_wildcard(char c)
{
	return c == '*' || c == '%';
}

enum err mailbox_pattern_canonical(
	struct arena *arena, str reference, str pattern, str *pattern_r)
{
	str whole;
	char *p;
	size_t n = 0;

	if (reference.n > INPUT_MAX || pattern.n > INPUT_MAX - reference.n)
		return ERR_TOOBIG;
	if (!utf8_is_valid(reference) || !utf8_is_valid(pattern))
		return ERR_INVALID;
	whole = to_nfc(arena, join(arena, reference, pattern));
	p = arena_alloc(arena, whole.n + 1);
	for (size_t i = 0; i < whole.n; i++) {
		/* "**", "*%", "%*" are "*"; "%%" is "%". */
		if (n && is_wildcard(whole.p[i]) && is_wildcard(p[n - 1])) {
			if (whole.p[i] == '*')
				p[n - 1] = '*';
			continue;
		}
		p[n++] = whole.p[i];
	}
	if (n > MAILBOX_NAME_MAX)
		return ERR_TOOBIG;
	*pattern_r = str_of(p, n);
	return OK;
}

/* The set of places in the pattern where the name read so far may be; place
 * pattern.n is its end. */
#define PLACE_WORDS (MAILBOX_NAME_MAX / 64 + 1)
struct places {
	uint64_t bits[PLACE_WORDS];
};

/* A wildcard may also be over: what follows it is then a place, too. */
static void add_place(struct places *set, str pattern, size_t i)
{
	for (;; i++) {
		if (set->bits[i / 64] >> (i % 64) & 1)
			return;
		set->bits[i / 64] |= UINT64_C(1) << (i % 64);
		if (i == pattern.n || !is_wildcard(pattern.p[i]))
			return;
	}
}

static void step_place(
	struct places *next, str pattern, size_t i, char c, bool any_case)
{
	char p;

	if (i == pattern.n)
		return;
	p = pattern.p[i];
	if (p == '*' || (p == '%' && c != MAILBOX_SEPARATOR))
		add_place(next, pattern, i);
	if (is_wildcard(p))
		return;
	if (p == c || (any_case && ascii_upper(p) == c))
		add_place(next, pattern, i + 1);
}

static void step_places(struct places *set, str pattern, char c, bool any_case)
{
	struct places next = {0};

	for (size_t w = 0; w <= pattern.n / 64; w++)
		for (uint64_t bits = set->bits[w]; bits; bits &= bits - 1)
			step_place(&next, pattern,
				w * 64 + (size_t)__builtin_ctzll(bits), c,
				any_case);
	*set = next;
}

/* False when the pattern is too long to be one. */
static bool run_pattern(struct places *set, str name, str pattern)
{
	size_t inbox = str_eq(first_component(name), STR("INBOX")) ? 5 : 0;

	*set = (struct places){0};
	if (pattern.n > MAILBOX_NAME_MAX)
		return false;
	add_place(set, pattern, 0);
	for (size_t i = 0; i < name.n; i++)
		step_places(set, pattern, name.p[i], i < inbox);
	return true;
}

static bool has_place(const struct places *set, size_t i)
{
	return set->bits[i / 64] >> (i % 64) & 1;
}

bool mailbox_name_matches(str name, str pattern)
{
	struct places set;

	return run_pattern(&set, name, pattern) && has_place(&set, pattern.n);
}

bool mailbox_name_may_match_below(str name, str pattern)
{
	struct places set;

	if (!run_pattern(&set, name, pattern))
		return false;
	step_places(&set, pattern, MAILBOX_SEPARATOR, false);
	for (size_t i = 0; i < pattern.n; i++)
		if (has_place(&set, i))
			return true;
	return false;
}
