/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/text.h"
#include "base/alloc.h"
#include "base/secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/usprep.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

/* No name or password is longer, in UTF-16 units, before or after. */
#define UNITS_MAX 4096

bool text_is_utf8(str s)
{
	for (size_t i = 0; i < s.n;) {
		UChar32 c;

		U8_NEXT((const uint8_t *)s.p, i, s.n, c);
		if (c < 0)
			return false;
	}
	return true;
}

/* Text in ICU's form: room for any that is short enough. */
struct units {
	UChar *p;
	int32_t n;
	bool failed;
};

static struct units units_of(str s)
{
	struct units u = {.p = xcalloc(UNITS_MAX, sizeof *u.p)};
	UErrorCode code = U_ZERO_ERROR;

	if (s.n >= UNITS_MAX) {
		u.failed = true;
		return u;
	}
	u_strFromUTF8(u.p, UNITS_MAX, &u.n, s.p, (int32_t)s.n, &code);
	u.failed = U_FAILURE(code) || u.n == 0;
	return u;
}

/* The character at *at, which moves over it. (ICU's macro for this does not
 * pass our warnings.) */
static UChar32 next_character(const struct units *u, int32_t *at)
{
	UChar lead = u->p[(*at)++], trail;

	if ((lead & 0xfc00) != 0xd800 || *at == u->n)
		return lead;
	trail = u->p[*at];
	if ((trail & 0xfc00) != 0xdc00)
		return lead;
	(*at)++;
	return U16_GET_SUPPLEMENTARY(lead, trail);
}

static void units_fini(struct units *u)
{
	secret_wipe(u->p, UNITS_MAX * sizeof *u->p);
	free(u->p);
}

/* Puts `next` in the place of u->p. */
static void replace(struct units *u, UChar *next, int32_t n, UErrorCode code)
{
	if (U_FAILURE(code) || n >= UNITS_MAX)
		u->failed = true;
	secret_wipe(u->p, UNITS_MAX * sizeof *u->p);
	free(u->p);
	u->p = next;
	u->n = n;
}

static void lower_case(struct units *u)
{
	UErrorCode code = U_ZERO_ERROR;
	UChar *next;
	int32_t n;

	if (u->failed)
		return;
	next = xcalloc(UNITS_MAX, sizeof *next);
	n = u_strToLower(next, UNITS_MAX, u->p, u->n, "", &code);
	replace(u, next, n, code);
}

static void compose(struct units *u)
{
	UErrorCode code = U_ZERO_ERROR;
	const UNormalizer2 *nfc = unorm2_getNFCInstance(&code);
	UChar *next;
	int32_t n;

	if (u->failed)
		return;
	next = xcalloc(UNITS_MAX, sizeof *next);
	n = unorm2_normalize(nfc, u->p, u->n, next, UNITS_MAX, &code);
	replace(u, next, n, code);
}

/* RFC 8265 section 3.3.1, the width mapping rule: full- and half-width
 * characters become what they decompose to. */
static UChar32 map_width(UChar32 c)
{
	UErrorCode code = U_ZERO_ERROR;
	const UNormalizer2 *nfkc = unorm2_getNFKCInstance(&code);
	int32_t width = u_getIntPropertyValue(c, UCHAR_EAST_ASIAN_WIDTH);
	UChar room[8];
	int32_t n;

	if (width != U_EA_FULLWIDTH && width != U_EA_HALFWIDTH)
		return c;
	n = unorm2_getRawDecomposition(nfkc, c, room, COUNT_OF(room), &code);
	return n == 1 && U_SUCCESS(code) ? room[0] : c;
}

/* RFC 8265 section 4.2.2, the additional mapping rule. */
static UChar32 map_space(UChar32 c)
{
	return u_charType(c) == U_SPACE_SEPARATOR ? ' ' : c;
}

static void map(struct units *u, UChar32 (*mapping)(UChar32))
{
	UChar *next;
	int32_t n = 0;

	if (u->failed)
		return;
	next = xcalloc(UNITS_MAX, sizeof *next);
	/* No mapping makes a character longer. */
	for (int32_t i = 0; i < u->n;) {
		UChar32 c = mapping(next_character(u, &i));
		UBool failed = false;

		U16_APPEND(next, n, UNITS_MAX, c, failed);
		u->failed |= failed;
	}
	replace(u, next, n, U_ZERO_ERROR);
}

static bool is_name_character(UChar32 c)
{
	static const char others[] = "._-+@'=~&!#$^";
	uint32_t mask = U_MASK(u_charType(c));

	if (c < 0x80 && c > 0 && strchr(others, (int)c))
		return true;
	return mask & (U_GC_L_MASK | U_GC_M_MASK | U_GC_ND_MASK);
}

static bool is_printable(UChar32 c)
{
	uint32_t mask = U_MASK(u_charType(c));

	return !(mask & (U_GC_CC_MASK | U_GC_CS_MASK | U_GC_CN_MASK));
}

static enum err print(
	struct units *u, bool (*allowed)(UChar32), struct buf *out)
{
	UErrorCode code = U_ZERO_ERROR;
	int32_t n = 0;
	char *room;

	for (int32_t i = 0; i < u->n && !u->failed;)
		u->failed = !allowed(next_character(u, &i));
	room = buf_reserve(out, 3 * UNITS_MAX);
	if (u->failed || !room)
		return ERR_INVALID;
	u_strToUTF8(room, 3 * UNITS_MAX, &n, u->p, u->n, &code);
	if (U_FAILURE(code))
		return ERR_INVALID;
	buf_added(out, (size_t)n);
	return OK;
}

enum err text_prepare_username(str s, struct buf *out)
{
	struct units u = units_of(s);
	enum err e;

	map(&u, map_width);
	lower_case(&u);
	compose(&u);
	e = print(&u, is_name_character, out);
	units_fini(&u);
	return e;
}

enum err text_prepare_password(str s, struct buf *out)
{
	struct units u = units_of(s);
	enum err e;

	map(&u, map_space);
	compose(&u);
	e = print(&u, is_printable, out);
	units_fini(&u);
	return e;
}

enum err text_prepare_local_part(str s, struct buf *out)
{
	struct units u = units_of(s);
	enum err e;

	map(&u, map_width);
	lower_case(&u);
	compose(&u);
	e = print(&u, is_printable, out);
	units_fini(&u);
	return e;
}

bool text_is_printable(str s)
{
	for (size_t i = 0; i < s.n;) {
		UChar32 c;

		U8_NEXT((const uint8_t *)s.p, i, s.n, c);
		if (c < 0 || !is_printable(c))
			return false;
	}
	return true;
}

/* Opened once, and never closed: threads share it, which is safe (ICU's manual,
 * usprep.h). */
static UStringPrepProfile *saslprep;
static pthread_once_t saslprep_once = PTHREAD_ONCE_INIT;

static void open_saslprep(void)
{
	UErrorCode code = U_ZERO_ERROR;

	saslprep = usprep_openByType(USPREP_RFC4013_SASLPREP, &code);
	if (U_FAILURE(code))
		abort(); /* an ICU without its own data */
}

static void prepare(struct units *u)
{
	UErrorCode code = U_ZERO_ERROR;
	UChar *next;
	int32_t n;

	if (u->failed)
		return;
	pthread_once(&saslprep_once, open_saslprep);
	next = xcalloc(UNITS_MAX, sizeof *next);
	n = usprep_prepare(saslprep, u->p, u->n, next, UNITS_MAX,
		USPREP_ALLOW_UNASSIGNED, NULL, &code);
	replace(u, next, n, code);
}

static bool is_any_character(UChar32 c)
{
	return c != 0;
}

enum err text_prepare_saslprep(str s, struct buf *out)
{
	struct units u = units_of(s);
	enum err e;

	prepare(&u);
	if (u.n == 0)
		u.failed = true;
	e = print(&u, is_any_character, out);
	units_fini(&u);
	return e ? text_prepare_password(s, out) : OK;
}
