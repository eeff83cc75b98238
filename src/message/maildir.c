/* SPDX-License-Identifier: Apache-2.0 */
#include "message/maildir.h"
#include "base/alloc.h"
#include "message/flags.h"
#include "message/mailbox_name.h"

/* In ASCII order, as the format wants them written. */
static const struct {
	char letter;
	uint64_t flag;
} letters[] = {
	{'D', FLAG_DRAFT},
	{'F', FLAG_FLAGGED},
	{'P', 0}, /* passed on; a keyword in IMAP */
	{'R', FLAG_ANSWERED},
	{'S', FLAG_SEEN},
	{'T', FLAG_DELETED},
};

static void take_letter(struct maildir_name *name, char c)
{
	if (c >= 'a' && c <= 'z')
		name->keywords |= 1u << (c - 'a');
	if (c == 'P')
		name->is_forwarded = true;
	for (size_t i = 0; i < COUNT_OF(letters); i++)
		if (letters[i].letter == c)
			name->flags |= letters[i].flag;
}

/* Where "2," and the flags begin, or s.n. */
static size_t find_info(str s)
{
	for (size_t i = s.n; i-- > 0;)
		if (memchr(":;!", s.p[i], 3) &&
			str_starts(str_skip(s, i + 1), STR("2,")))
			return i;
	return s.n;
}

/* ",S=1234,W=1260", in any order, among others. */
static void take_sizes(struct maildir_name *name)
{
	str rest = name->unique;

	name->size = name->wire_size = UINT64_MAX;
	for (;;) {
		uint64_t number;
		str field;

		rest = str_skip(rest, str_find_byte(rest, ',') + 1);
		if (!rest.n)
			return;
		field = str_take(rest, str_find_byte(rest, ','));
		if (str_to_u64(str_skip(field, 2), INT64_MAX, &number))
			continue;
		if (str_starts(field, STR("S=")))
			name->size = number;
		else if (str_starts(field, STR("W=")))
			name->wire_size = number;
	}
}

enum err maildir_name_parse(str file, struct maildir_name *name_r)
{
	struct maildir_name name = {.delivered = -1};
	size_t info = find_info(file);
	uint64_t seconds;
	str flags;

	if (!file.n || file.p[0] == '.' || info == 0 ||
		str_find_byte(file, '/') < file.n ||
		str_find_byte(file, '\0') < file.n ||
		str_find_byte(file, '\n') < file.n)
		return ERR_INVALID;
	name.unique = str_take(file, info);
	name.has_flags = info < file.n;
	flags = str_skip(file, info + strlen(":2,"));
	/* some append more fields after a comma */
	flags = str_take(flags, str_find_byte(flags, ','));
	for (size_t i = 0; i < flags.n; i++)
		take_letter(&name, flags.p[i]);
	take_sizes(&name);
	if (!str_to_u64(str_take(file, str_find_byte(file, '.')), UINT32_MAX,
		    &seconds))
		name.delivered = (int64_t)seconds;
	*name_r = name;
	return OK;
}

void maildir_name_add_flags(
	struct buf *out, uint64_t flags, bool is_forwarded, uint32_t keywords)
{
	buf_add_c(out, ":2,");
	for (size_t i = 0; i < COUNT_OF(letters); i++)
		if ((letters[i].flag & flags) ||
			(letters[i].letter == 'P' && is_forwarded))
			buf_add_byte(out, letters[i].letter);
	for (int i = 0; i < MAILDIR_KEYWORDS; i++)
		if (keywords >> i & 1)
			buf_add_byte(out, (char)('a' + i));
}

/* What listescape escapes, and how. Names from elsewhere may have a backslash
 * without a meaning, so no others are taken for escapes. */
static const struct {
	char byte;
	str escape;
} escapes[] = {
	{'.', STR_LIT("\\2e")},
	{'\\', STR_LIT("\\5c")},
	{'~', STR_LIT("\\7e")},
};

/* The byte that an escape at the start of s stands for; -1: none. */
static int unescape(str s)
{
	for (size_t i = 0; i < COUNT_OF(escapes); i++)
		if (str_istarts(s, escapes[i].escape))
			return escapes[i].byte;
	return -1;
}

/* Separators to slashes, escapes to what they stand for. */
static void add_separated(struct buf *out, str name, char separator)
{
	while (name.n) {
		int byte = unescape(name);

		if (byte >= 0)
			buf_add_byte(out, (char)byte);
		else
			buf_add_byte(out, name.p[0] == separator
						  ? MAILBOX_SEPARATOR
						  : name.p[0]);
		name = str_skip(name, byte >= 0 ? 3 : 1);
	}
}

/* Modified UTF-7, else UTF-8 as it is. */
static void add_utf8(struct buf *out, str name)
{
	if (mailbox_name_decode_utf7(out, name)) {
		buf_reset(out);
		buf_add(out, name);
	}
}

enum err maildir_mailbox_decode(
	struct arena *arena, str name, char separator, str *mailbox_r)
{
	struct buf separated, utf8;
	enum err e;

	if (separator != MAILBOX_SEPARATOR &&
		str_find_byte(name, MAILBOX_SEPARATOR) < name.n)
		return ERR_INVALID;
	buf_init(&separated, 4 * MAILBOX_NAME_MAX);
	buf_init(&utf8, 4 * MAILBOX_NAME_MAX);
	add_separated(&separated, name, separator);
	add_utf8(&utf8, buf_str(&separated));
	e = buf_err(&separated);
	/* what is canonical already is not copied */
	if (!e)
		e = mailbox_name_canonical(
			arena, arena_str(arena, buf_str(&utf8)), mailbox_r);
	buf_fini(&separated);
	buf_fini(&utf8);
	return e;
}

enum err maildir_folder_decode(
	struct arena *arena, str directory, str *mailbox_r)
{
	if (!directory.n || str_eq_c(directory, ".")) {
		*mailbox_r = STR("INBOX");
		return OK;
	}
	if (directory.p[0] != '.' || str_ends(directory, STR(".")))
		return ERR_INVALID;
	return maildir_mailbox_decode(
		arena, str_skip(directory, 1), '.', mailbox_r);
}

/* "~" is a home directory at the start of a name. */
static void add_escaped(struct buf *out, char c, bool is_first)
{
	for (size_t i = 0; i < COUNT_OF(escapes); i++) {
		if (c == escapes[i].byte && (c != '~' || is_first)) {
			buf_add(out, escapes[i].escape);
			return;
		}
	}
	buf_add_byte(out, c == MAILBOX_SEPARATOR ? '.' : c);
}

void maildir_folder_encode(struct buf *out, str mailbox)
{
	struct buf utf7 = BUF_UNBOUNDED;

	if (mailbox_name_is_inbox(mailbox))
		return;
	mailbox_name_add_utf7(&utf7, mailbox);
	buf_add_byte(out, '.');
	for (size_t i = 0; i < utf7.n; i++)
		add_escaped(out, utf7.p[i], i == 0);
	buf_fini(&utf7);
}
