/* SPDX-License-Identifier: Apache-2.0 */
#include "message/charset.h"

#include "base/alloc.h"
#include "message/utf8.h"

#include <pthread.h>
#include <stdlib.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_cb.h>

/* How a charset is decoded. The three that nearly all mail uses need no ICU. */
enum kind {
	KIND_UTF8,
	KIND_1252,
	KIND_MIXED, /* UTF-8 where it is that, else windows-1252 */
	KIND_ICU,
};

struct charset_decoder {
	enum kind kind;
	UConverter *converter; /* KIND_ICU */
	const char *name;      /* ICU's name of it */
	UChar high;	       /* a high surrogate waiting for its low one */
	unsigned char held_n;  /* a UTF-8 character's first bytes */
	char held[UTF8_MAX];
};

/* ---- names ---- */

/* The longest name that ICU takes. */
#define NAME_MAX_BYTES 59

/* Names that mail means differently from their registration, or that ICU does
 * not know. The reading of the first group is the WHATWG Encoding Standard's,
 * and what Windows mailers mean. */
static const struct {
	const char *name;
	const char *icu; /* NULL: not ICU's */
	enum kind kind;
} meanings[] = {
	{"utf-8", NULL, KIND_UTF8},
	{"utf8", NULL, KIND_UTF8},
	{"iso-8859-1", NULL, KIND_1252},
	{"iso8859-1", NULL, KIND_1252},
	{"latin1", NULL, KIND_1252},
	{"windows-1252", NULL, KIND_1252},
	{"cp1252", NULL, KIND_1252},
	{"us-ascii", NULL, KIND_MIXED},
	{"ascii", NULL, KIND_MIXED},
	{"", NULL, KIND_MIXED},
	{"iso-8859-9", "windows-1254", KIND_ICU},
	{"iso-8859-11", "windows-874", KIND_ICU},
	{"tis-620", "windows-874", KIND_ICU},
	{"gb2312", "gb18030", KIND_ICU},
	{"gbk", "gb18030", KIND_ICU},
	{"euc-kr", "windows-949", KIND_ICU},
	{"ks_c_5601-1987", "windows-949", KIND_ICU},
	/* no label at all, in words */
	{"unknown-8bit", NULL, KIND_MIXED},
	{"unknown", NULL, KIND_MIXED},
	{"default", NULL, KIND_MIXED},
	{"iso-8859-8-i", "iso-8859-8", KIND_ICU},
	{"unicode-1-1-utf-7", "utf-7", KIND_ICU},
	{"unicode-2-0-utf-7", "utf-7", KIND_ICU},
	{"unicode-1-1-utf-8", NULL, KIND_UTF8},
};

static bool find_meaning(
	const char *name, enum kind *kind_r, const char **icu_r)
{
	for (size_t i = 0; i < COUNT_OF(meanings); i++) {
		if (!str_ieq_c(str_c(name), meanings[i].name))
			continue;
		*kind_r = meanings[i].kind;
		*icu_r = meanings[i].icu;
		return true;
	}
	return false;
}

/* Not a charset of mail, and ICU 72 decodes it differently when a sequence is
 * cut: test_all has found no other. */
static const char split_dependent[] = "x11-compound-text";

/* Names outside ICU's alias table are refused before ucnv_open, which would
 * look for a file of that name. */
static const char *icu_name(const char *name)
{
	UErrorCode e = U_ZERO_ERROR;

	if (ucnv_countAliases(name, &e) == 0 || U_FAILURE(e))
		return NULL;
	e = U_ZERO_ERROR;
	const char *canonical = ucnv_getAlias(name, 0, &e);
	if (U_FAILURE(e) || strcmp(canonical, split_dependent) == 0)
		return NULL;
	return canonical;
}

/* An alias of us-ascii or iso-8859-1 means what these mean. */
static bool resolve_name(
	const char *name, enum kind *kind_r, const char **icu_r)
{
	if (find_meaning(name, kind_r, icu_r)) {
		*icu_r = *icu_r ? icu_name(*icu_r) : NULL;
		return *kind_r != KIND_ICU || *icu_r;
	}
	*kind_r = KIND_ICU;
	*icu_r = icu_name(name);
	if (!*icu_r)
		return false;
	if (str_ieq_c(str_c(*icu_r), "US-ASCII"))
		*kind_r = KIND_MIXED;
	else if (str_ieq_c(str_c(*icu_r), "ISO-8859-1"))
		*kind_r = KIND_1252;
	else if (str_ieq_c(str_c(*icu_r), "UTF-8"))
		*kind_r = KIND_UTF8;
	return true;
}

static bool is_name_byte(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) ||
	       (c && strchr("-_.:+()", c));
}

/* A NUL-terminated name of harmless bytes; false when it cannot be one. */
static bool clean_name(str name, char clean[NAME_MAX_BYTES + 1])
{
	name = str_trim(name);
	if (name.n >= 2 && strchr("\"'", name.p[0]) &&
		name.p[name.n - 1] == name.p[0])
		name = str_trim(str_of(name.p + 1, name.n - 2));
	if (name.n > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		if (!is_name_byte(name.p[i]))
			return false;
		clean[i] = name.p[i];
	}
	clean[name.n] = '\0';
	return true;
}

static bool resolve(str name, enum kind *kind_r, const char **icu_r)
{
	char clean[NAME_MAX_BYTES + 1];

	if (!clean_name(name, clean))
		return false;
	if (resolve_name(clean, kind_r, icu_r))
		return true;
	return str_istarts(str_c(clean), STR("x-")) && clean[2] &&
	       resolve_name(clean + 2, kind_r, icu_r);
}

bool charset_is_known(str name)
{
	enum kind kind;
	const char *icu;

	return resolve(name, &kind, &icu);
}

/* ---- idle converters ---- */

#define CACHE_SIZE 16

static struct {
	pthread_mutex_t lock;
	size_t victim; /* who goes next when it is full */
	struct {
		const char *name; /* ICU's own memory */
		UConverter *converter;
	} idle[CACHE_SIZE];
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static UConverter *cache_take(const char *name)
{
	UConverter *found = NULL;

	pthread_mutex_lock(&cache.lock);
	for (size_t i = 0; i < CACHE_SIZE && !found; i++) {
		if (!cache.idle[i].converter ||
			strcmp(cache.idle[i].name, name) != 0)
			continue;
		found = cache.idle[i].converter;
		cache.idle[i].converter = NULL;
	}
	pthread_mutex_unlock(&cache.lock);
	return found;
}

static void cache_give(const char *name, UConverter *converter)
{
	UConverter *out;
	size_t i;

	pthread_mutex_lock(&cache.lock);
	for (i = 0; i < CACHE_SIZE; i++)
		if (!cache.idle[i].converter)
			break;
	if (i == CACHE_SIZE)
		i = cache.victim++ % CACHE_SIZE;
	out = cache.idle[i].converter;
	cache.idle[i].name = name;
	cache.idle[i].converter = converter;
	pthread_mutex_unlock(&cache.lock);
	if (out)
		ucnv_close(out);
}

void charset_cache_clear(void)
{
	pthread_mutex_lock(&cache.lock);
	for (size_t i = 0; i < CACHE_SIZE; i++) {
		if (cache.idle[i].converter)
			ucnv_close(cache.idle[i].converter);
		cache.idle[i].converter = NULL;
	}
	pthread_mutex_unlock(&cache.lock);
}

/* ICU's own substitution writes U+001A in some charsets. */
static void write_replacement(const void *context,
	UConverterToUnicodeArgs *args, const char *bytes, int32_t length,
	UConverterCallbackReason reason, UErrorCode *e)
{
	static const UChar replacement = UTF8_REPLACEMENT;

	(void)context;
	(void)bytes;
	(void)length;
	if (reason > UCNV_IRREGULAR)
		return; /* reset, close, clone */
	*e = U_ZERO_ERROR;
	ucnv_cbToUWriteUChars(args, &replacement, 1, 0, e);
}

static UConverter *converter_open(const char *name)
{
	UErrorCode e = U_ZERO_ERROR;
	UConverter *converter = cache_take(name);

	if (converter)
		return converter;
	converter = ucnv_open(name, &e);
	if (U_FAILURE(e))
		return NULL;
	ucnv_setToUCallBack(converter, write_replacement, NULL, NULL, NULL, &e);
	if (U_SUCCESS(e))
		return converter;
	ucnv_close(converter);
	return NULL;
}

/* ---- the kinds ---- */

/* UTF-16 units converted at a time. */
#define PIVOT 1024

/* windows-1252, 0x80..0x9F; the five that it leaves free are C1 controls, as
 * WHATWG has them. */
static const uint16_t c1_of_1252[32] = {0x20AC, 0x81, 0x201A, 0x0192, 0x201E,
	0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,
	0x017D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013,
	0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D, 0x017E, 0x0178};

static void add_1252(struct buf *out, str in)
{
	size_t plain = 0;

	for (size_t i = 0; i < in.n; i++) {
		unsigned char c = (unsigned char)in.p[i];

		if (c < 0x80)
			continue;
		buf_add(out, str_of(in.p + plain, i - plain));
		utf8_add(out, c < 0xA0 ? c1_of_1252[c - 0x80] : c);
		plain = i + 1;
	}
	buf_add(out, str_of(in.p + plain, in.n - plain));
}

/* Each malformed sequence as windows-1252, the rest as it is. */
static void add_mixed(struct buf *out, str in)
{
	size_t good = 0, at = 0;

	while (at < in.n) {
		size_t from = at;
		uint32_t c;

		if ((unsigned char)in.p[at] < 0x80) {
			at++;
			continue;
		}
		c = utf8_next(in, &at);
		if (c != UTF8_REPLACEMENT ||
			utf8_is_valid(str_of(in.p + from, at - from)))
			continue;
		buf_add(out, str_of(in.p + good, from - good));
		add_1252(out, str_of(in.p + from, at - from));
		good = at;
	}
	buf_add(out, str_of(in.p + good, in.n - good));
}

static void add_utf8_kind(enum kind kind, struct buf *out, str in)
{
	if (kind == KIND_UTF8)
		utf8_add_repaired(out, in);
	else if (kind == KIND_MIXED)
		add_mixed(out, in);
	else
		add_1252(out, in);
}

/* Holds back the bytes of a character that the input cuts off. */
static void feed_utf8_kind(struct charset_decoder *d, str in, struct buf *out)
{
	while (d->held_n && in.n) {
		str held;

		d->held[d->held_n++] = in.p[0];
		in = str_skip(in, 1);
		held = str_of(d->held, d->held_n);
		if (utf8_cut(held) == held.n)
			continue;
		/* Its last byte may begin the next character. */
		d->held_n = (unsigned char)utf8_cut(held);
		add_utf8_kind(d->kind, out, str_take(held, held.n - d->held_n));
		memmove(d->held, held.p + held.n - d->held_n, d->held_n);
	}
	if (!in.n)
		return;
	d->held_n = (unsigned char)utf8_cut(in);
	memcpy(d->held, in.p + in.n - d->held_n, d->held_n);
	add_utf8_kind(d->kind, out, str_take(in, in.n - d->held_n));
}

/* Writes what a unit completes: nothing when it begins a pair, U+FFFD for a
 * lone surrogate. At most 3 bytes per unit, and 3 for what was held. */
static char *put_unit(struct charset_decoder *d, UChar unit, char *room)
{
	UChar high = d->high;
	uint32_t c = unit;

	d->high = 0;
	if (high && U16_IS_TRAIL(unit)) {
		c = (uint32_t)U16_GET_SUPPLEMENTARY(high, unit);
		return room + utf8_encode(c, room);
	}
	if (high)
		room += utf8_encode(UTF8_REPLACEMENT, room);
	if (U16_IS_LEAD(unit)) {
		d->high = unit;
		return room;
	}
	if (U16_IS_TRAIL(unit))
		c = UTF8_REPLACEMENT;
	return room + utf8_encode(c, room);
}

static void add_utf16(
	struct charset_decoder *d, const UChar *p, size_t n, struct buf *out)
{
	char room[3 * PIVOT + 8], *to = room;

	for (size_t i = 0; i < n; i++) {
		if (p[i] < 0x80 && !d->high)
			*to++ = (char)p[i];
		else
			to = put_unit(d, p[i], to);
	}
	buf_add(out, str_of(room, (size_t)(to - room)));
}

static void feed_icu(
	struct charset_decoder *d, str in, bool flush, struct buf *out)
{
	const char *at = in.p ? in.p : "", *end = at + in.n;
	UChar pivot[PIVOT];
	UErrorCode e;

	do {
		const char *before = at;
		UChar *to = pivot;

		e = U_ZERO_ERROR;
		ucnv_toUnicode(d->converter, &to, pivot + COUNT_OF(pivot), &at,
			end, NULL, flush, &e);
		add_utf16(d, pivot, (size_t)(to - pivot), out);
		if (U_SUCCESS(e) || e == U_BUFFER_OVERFLOW_ERROR)
			continue;
		/* Nothing should come here; if it does, the stream goes on. */
		ucnv_resetToUnicode(d->converter);
		utf8_add(out, UTF8_REPLACEMENT);
		at += at == before && at < end;
	} while (e == U_BUFFER_OVERFLOW_ERROR || at < end);
}

/* ---- interface ---- */

enum err charset_decoder_open(str name, struct charset_decoder **decoder_r)
{
	const char *icu = NULL;
	UConverter *converter = NULL;
	enum kind kind;

	*decoder_r = NULL;
	if (!resolve(name, &kind, &icu))
		return ERR_CHARSET;
	if (kind == KIND_ICU && !(converter = converter_open(icu)))
		return ERR_CHARSET;
	*decoder_r = xcalloc(1, sizeof **decoder_r);
	(*decoder_r)->kind = kind;
	(*decoder_r)->converter = converter;
	(*decoder_r)->name = icu;
	return OK;
}

void charset_decoder_close(struct charset_decoder *d)
{
	if (d && d->converter) {
		ucnv_resetToUnicode(d->converter);
		cache_give(d->name, d->converter);
	}
	free(d);
}

void charset_decoder_feed(struct charset_decoder *d, str in, struct buf *out)
{
	if (d->kind == KIND_ICU)
		feed_icu(d, in, false, out);
	else
		feed_utf8_kind(d, in, out);
}

void charset_decoder_finish(struct charset_decoder *d, struct buf *out)
{
	if (d->kind == KIND_ICU) {
		feed_icu(d, STR(""), true, out);
		ucnv_resetToUnicode(d->converter);
		if (d->high)
			utf8_add(out, UTF8_REPLACEMENT);
		d->high = 0;
	}
	add_utf8_kind(d->kind, out, str_of(d->held, d->held_n));
	d->held_n = 0;
}

bool charset_decoder_is_pending(const struct charset_decoder *d)
{
	UErrorCode e = U_ZERO_ERROR;

	if (d->kind != KIND_ICU)
		return d->held_n > 0;
	return d->high || ucnv_toUCountPending(d->converter, &e) > 0;
}

enum err charset_add_utf8(struct buf *out, str name, str in)
{
	struct charset_decoder *d;
	enum err e = charset_decoder_open(name, &d);

	if (e)
		return e;
	charset_decoder_feed(d, in, out);
	charset_decoder_finish(d, out);
	charset_decoder_close(d);
	return OK;
}

void charset_add_unlabelled(struct buf *out, str in)
{
	if (utf8_is_valid(in))
		buf_add(out, in);
	else
		add_1252(out, in);
}
