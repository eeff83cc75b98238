/* SPDX-License-Identifier: Apache-2.0 */
#include "message/dovecot.h"

/* Takes a line without its end. *complete_r: it had one. */
static str take_line(str *rest, bool *complete_r)
{
	str line = str_take(*rest, str_find_byte(*rest, '\n'));

	*complete_r = line.n < rest->n;
	*rest = str_skip(*rest, line.n + 1);
	return line;
}

static str take_word(str *line)
{
	str word = str_take(*line, str_find_byte(*line, ' '));

	*line = str_skip(*line, word.n + 1);
	return word;
}

static uint32_t number_of(str s)
{
	uint64_t number;

	return str_to_u64(s, UINT32_MAX, &number) ? 0 : (uint32_t)number;
}

/* "V1275660208 N25022 G3085…", in any order. */
static void take_header_fields(struct dovecot_uidlist *list, str line)
{
	while (line.n) {
		str word = take_word(&line);

		if (str_starts(word, STR("V")))
			list->uid_validity = number_of(str_skip(word, 1));
		else if (str_starts(word, STR("N")))
			list->uid_next = number_of(str_skip(word, 1));
		else if (str_starts(word, STR("G")))
			list->guid = str_skip(word, 1);
	}
}

/* Version 3: extensions, each a letter and a value, then ":" and the name. */
static str take_extensions(str line, struct dovecot_uid *entry)
{
	while (line.n && line.p[0] != ':') {
		str word = take_word(&line);

		if (str_starts(word, STR("G")))
			entry->guid = str_skip(word, 1);
		else if (str_starts(word, STR("P")) && word.n > 1)
			entry->uidl = str_skip(word, 1);
	}
	return str_skip(line, 1);
}

static bool parse_entry(
	struct dovecot_uidlist *list, str line, struct dovecot_uid *entry)
{
	struct maildir_name name;

	*entry = (struct dovecot_uid){.guid = STR(""), .uidl = STR("")};
	entry->uid = number_of(take_word(&line));
	if (list->version == 3)
		line = take_extensions(line, entry);
	if (entry->uid <= list->last || entry->uid == UINT32_MAX ||
		maildir_name_parse(line, &name))
		return false;
	entry->unique = name.unique;
	list->last = entry->uid;
	return true;
}

bool dovecot_uidlist_next(
	struct dovecot_uidlist *list, struct dovecot_uid *entry_r)
{
	while (list->rest.n) {
		bool complete;
		str line = take_line(&list->rest, &complete);

		if (complete && parse_entry(list, line, entry_r))
			return true;
		list->skipped++;
	}
	return false;
}

/* UIDNEXT of a file that is being written may be behind its lines. */
static uid_num last_uid(struct dovecot_uidlist list)
{
	struct dovecot_uid entry;

	while (dovecot_uidlist_next(&list, &entry))
		;
	return list.last;
}

enum err dovecot_uidlist_begin(struct dovecot_uidlist *list_r, str text)
{
	struct dovecot_uidlist list = {.text = text, .rest = text};
	bool complete;
	str line = take_line(&list.rest, &complete);
	str version = take_word(&line);
	uid_num last;

	list.guid = STR("");
	if (!complete || !number_of(version))
		return ERR_INVALID;
	list.version = (int)number_of(version);
	if (list.version == 1) {
		list.uid_validity = number_of(take_word(&line));
		list.uid_next = number_of(take_word(&line));
	} else if (list.version == 3) {
		take_header_fields(&list, line);
	} else {
		return ERR_VERSION;
	}
	if (!list.uid_validity || !list.uid_next)
		return ERR_INVALID;
	last = last_uid(list);
	if (list.uid_next <= last)
		list.uid_next = last + 1;
	*list_r = list;
	return OK;
}

void dovecot_keywords_parse(str text, str names_r[MAILDIR_KEYWORDS])
{
	bool complete;

	for (int i = 0; i < MAILDIR_KEYWORDS; i++)
		names_r[i] = STR("");
	while (text.n) {
		str line = str_trim(take_line(&text, &complete));
		str index = take_word(&line);
		uint64_t number;

		if (!str_to_u64(index, MAILDIR_KEYWORDS - 1, &number))
			names_r[number] = line;
	}
}

void dovecot_subscriptions_begin(
	struct dovecot_subscriptions *subscriptions_r, str text, char separator)
{
	*subscriptions_r = (struct dovecot_subscriptions){
		.separator = separator,
		.rest = text,
	};
	if (str_starts(text, STR("V\t2\n"))) {
		subscriptions_r->has_tabs = true;
		subscriptions_r->rest = str_skip(text, strlen("V\t2\n"));
	}
}

bool dovecot_subscriptions_next(
	struct dovecot_subscriptions *s, struct arena *arena, str *mailbox_r)
{
	while (s->rest.n) {
		bool complete;
		str line = take_line(&s->rest, &complete);

		if (str_ends(line, STR("\r")))
			line.n--;
		if (line.n && maildir_mailbox_decode(arena, line,
				      s->has_tabs ? '\t' : s->separator,
				      mailbox_r) == OK)
			return true;
	}
	return false;
}
