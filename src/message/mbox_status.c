/* SPDX-License-Identifier: Apache-2.0 */
#include "message/mbox_status.h"
#include "base/alloc.h"

static void add_letters(struct mbox_status *status, str value,
	const char *letters, const uint64_t *bits)
{
	for (size_t i = 0; i < value.n; i++) {
		const char *letter =
			memchr(letters, value.p[i], strlen(letters));

		if (letter)
			status->flags.system |= bits[letter - letters];
	}
}

static void take_status(
	struct arena *arena, struct mbox_status *status, str value)
{
	static const uint64_t bits[] = {FLAG_SEEN, FLAG_DELETED};

	(void)arena;
	add_letters(status, value, "RD", bits);
}

static void take_x_status(
	struct arena *arena, struct mbox_status *status, str value)
{
	static const uint64_t bits[] = {
		FLAG_ANSWERED, FLAG_FLAGGED, FLAG_DELETED, FLAG_DRAFT};

	(void)arena;
	add_letters(status, value, "AFDT", bits);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void add_keyword(
	struct arena *arena, struct mbox_status *status, str name)
{
	/* one that is not possible in IMAP is nothing to fail for */
	if (flags_keyword_is_valid(name) &&
		flag_list_add(arena, &status->flags, arena_str(arena, name)))
		return;
}

static void take_keywords(
	struct arena *arena, struct mbox_status *status, str value)
{
	for (value = str_trim(value); value.n; value = str_trim(value)) {
		size_t n = 0;

		while (n < value.n && !is_blank(value.p[n]))
			n++;
		add_keyword(arena, status, str_take(value, n));
		value = str_skip(value, n);
	}
}

static uint32_t hexadecimal(str value)
{
	uint32_t number = 0;

	value = str_trim(value);
	for (size_t i = 0; i < value.n && i < 8; i++) {
		char c = ascii_lower(value.p[i]);

		if (ascii_is_digit(c))
			number = number << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			number = number << 4 | (uint32_t)(c - 'a' + 10);
		else
			return 0;
	}
	return number;
}

/* nsMsgMessageFlags, as Thunderbird calls them. */
enum {
	MOZILLA_READ = 0x0001,
	MOZILLA_REPLIED = 0x0002,
	MOZILLA_MARKED = 0x0004,
	MOZILLA_EXPUNGED = 0x0008,
	MOZILLA_FORWARDED = 0x1000,
	MOZILLA2_IMAP_DELETED = 0x00200000,
	MOZILLA2_MDN_SENT = 0x00800000,
};

static void take_mozilla(
	struct arena *arena, struct mbox_status *status, str value)
{
	uint32_t bits = hexadecimal(value);

	if (bits & MOZILLA_READ)
		status->flags.system |= FLAG_SEEN;
	if (bits & MOZILLA_REPLIED)
		status->flags.system |= FLAG_ANSWERED;
	if (bits & MOZILLA_MARKED)
		status->flags.system |= FLAG_FLAGGED;
	if (bits & MOZILLA_FORWARDED)
		add_keyword(arena, status, STR("$Forwarded"));
	if (bits & MOZILLA_EXPUNGED)
		status->is_expunged = true;
}

static void take_mozilla2(
	struct arena *arena, struct mbox_status *status, str value)
{
	uint32_t bits = hexadecimal(value);

	if (bits & MOZILLA2_IMAP_DELETED)
		status->flags.system |= FLAG_DELETED;
	if (bits & MOZILLA2_MDN_SENT)
		add_keyword(arena, status, STR("$MDNSent"));
}

static const struct {
	str name;
	void (*take)(struct arena *, struct mbox_status *, str value);
} fields[] = {
	{STR_LIT("Status"), take_status},
	{STR_LIT("X-Status"), take_x_status},
	{STR_LIT("X-Keywords"), take_keywords},
	{STR_LIT("X-Mozilla-Status"), take_mozilla},
	{STR_LIT("X-Mozilla-Status2"), take_mozilla2},
	{STR_LIT("X-Mozilla-Keys"), take_keywords},
};

static void take_field(
	struct arena *arena, struct mbox_status *status, str field)
{
	size_t colon = str_find_byte(field, ':');
	str name = str_take(field, colon);

	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		if (str_ieq(name, fields[i].name)) {
			status->known = true;
			fields[i].take(
				arena, status, str_skip(field, colon + 1));
		}
	}
}

/* The first field of a header with the lines that continue it; empty at the
 * header's end. */
static str next_field(str head)
{
	size_t n = str_find_byte(head, '\n');

	if (str_starts(head, STR("\n")) || str_starts(head, STR("\r\n")))
		return STR("");
	while (n + 1 < head.n &&
		(head.p[n + 1] == ' ' || head.p[n + 1] == '\t'))
		n += 1 + str_find_byte(str_skip(head, n + 1), '\n');
	return str_take(head, n + 1);
}

void mbox_status_parse(
	struct arena *arena, str head, struct mbox_status *status_r)
{
	static const str internal = STR_LIT("Subject: DON'T DELETE THIS "
					    "MESSAGE -- FOLDER INTERNAL DATA");
	bool has_imap = false, has_subject = false;
	str field;

	*status_r = (struct mbox_status){0};
	for (; (field = next_field(head)).n; head = str_skip(head, field.n)) {
		take_field(arena, status_r, field);
		has_imap |= str_istarts(field, STR("X-IMAP:"));
		has_subject |= str_istarts(field, internal);
	}
	status_r->is_folder_data = has_imap && has_subject;
}
