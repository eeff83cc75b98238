/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FILTERS: RFC 5466. A filter is an annotation of the account,
 * /private/filters/values/NAME, whose value is search criteria; the key FILTER
 * NAME of a search stands for them. Before the command is executed they are put
 * in its place, as one key, in parentheses so to speak: "NOT FILTER x" is what
 * x is not, however many keys it has.
 *
 * Names of annotations have no case, so neither have those of filters. What is
 * under /shared/filters only an administrator could set, and there is no way
 * to: there are none for all users.
 */
#include "imap/private.h"
#include "mail/annotation.h"
#include "wire/imap/parse.h"

/* Filters in filters; the RFC asks for 3 at least. */
#define NESTED_MAX 8

static const str prefix = STR_LIT("/private/filters/values/");

struct inserting {
	struct imap *imap;
	unsigned keys; /* that were put in */
	/* The filters in which this one stands, outermost first. */
	str open[NESTED_MAX];
	unsigned nested;
	str undefined; /* ERR_NOTFOUND: of that name there is none */
};

static str entry_of(struct arena *arena, str name)
{
	char *entry = ARENA_ARRAY(arena, char, prefix.n + name.n);

	memcpy(entry, prefix.p, prefix.n);
	for (size_t i = 0; i < name.n; i++)
		entry[prefix.n + i] = ascii_lower(name.p[i]);
	return str_of(entry, prefix.n + name.n);
}

/* Its value, in the arena. */
static enum err get_filter(struct imap *s, str name, str *value_r)
{
	struct mailbox_ref account = annotation_account(&s->session.user);
	struct buf value = BUF_UNBOUNDED;
	str entry;
	enum err e;

	if (name.n > IMAP_ENTRY_MAX)
		return ERR_NOTFOUND;
	entry = entry_of(imap_arena(s), name);
	if (!imap_sees_annotation(s, entry))
		return ERR_NOTFOUND;
	e = annotation_get(imap_mail(s), &account, entry, &value);
	if (!e)
		*value_r = arena_str(imap_arena(s), buf_str(&value));
	buf_fini(&value);
	return e;
}

/* It stands, at any depth, in itself. */
static bool is_loop(const struct inserting *in, str name)
{
	for (unsigned i = 0; i < in->nested; i++)
		if (str_ieq(in->open[i], name))
			return true;
	return false;
}

static enum err insert_in(struct inserting *, struct search_node *, unsigned);

/* Section 3.1: one that is a loop, or too deep, or no search criteria, is as
 * one that is not there. */
static enum err insert_one(
	struct inserting *in, struct search_node *node, unsigned depth)
{
	str name = node->text, value;
	struct search_node *where;
	enum err e = ERR_NOTFOUND;

	if (in->nested < NESTED_MAX && !is_loop(in, name))
		e = get_filter(in->imap, name, &value);
	if (!e)
		e = imap_parse_filter(
			imap_arena(in->imap), value, depth, &in->keys, &where);
	if (e == ERR_INVALID || e == ERR_UNSUPPORTED)
		e = ERR_NOTFOUND;
	if (e) {
		in->undefined = name;
		return e;
	}
	in->open[in->nested++] = name;
	node->key = SEARCH_AND;
	node->first = where->first;
	e = insert_in(in, node, depth);
	in->nested--;
	return e;
}

/* node: at that depth. */
static enum err insert_in(
	struct inserting *in, struct search_node *node, unsigned depth)
{
	enum search_arg arg = search_row(node->key)->arg;
	enum err e = OK;

	if (arg == SEARCH_ARG_FILTER)
		return insert_one(in, node, depth);
	if (arg != SEARCH_ARG_KEYS)
		return OK;
	for (node = node->first; !e && node; node = node->next)
		e = insert_in(in, node, depth + 1);
	return e;
}

/* The strings of filters are UTF-8, and so are all others then. */
static bool fits_charset(str charset)
{
	return str_is_none(charset) || str_ieq_c(charset, "UTF-8") ||
	       str_ieq_c(charset, "US-ASCII");
}

enum err imap_insert_filters(
	struct imap *s, const struct imap_command *c, struct imap_reply *reply)
{
	const struct imap_search *search = imap_command_search(c);
	struct inserting in = {.imap = s, .undefined = str_none()};
	enum err e;

	if (!search || !search_tree_asks(search->where, SEARCH_ON_FILTER))
		return OK;
	if (!fits_charset(search->charset)) {
		reply->bad = true;
		reply->text = "[BADCHARSET (UTF-8 US-ASCII)] Filters are UTF-8";
		return ERR_INVALID;
	}
	e = insert_in(&in, search->where, 0);
	if (e == ERR_NOTFOUND) {
		reply->no = true;
		reply->text = "There is no such filter";
		buf_addf(&reply->code, "[UNDEFINED-FILTER %.*s] ",
			STR_ARG(in.undefined));
	}
	/* RFC 9051 section 6.4.4.1 */
	if (e && search->returns & IMAP_SEARCH_SAVE)
		uidset_clear(&s->saved);
	return e;
}

bool imap_is_filter_sound(struct imap *s, const struct imap_entry *entry)
{
	struct arena_mark mark = arena_mark(imap_arena(s));
	struct search_node *where;
	unsigned keys = 0;
	enum err e = OK;

	if (!str_starts(entry->name, prefix))
		return true;
	if (!imap_is_filter_name(str_skip(entry->name, prefix.n)))
		return false;
	if (!str_is_none(entry->value))
		e = imap_parse_filter(
			imap_arena(s), entry->value, 0, &keys, &where);
	arena_rewind(imap_arena(s), mark);
	return e == OK;
}
