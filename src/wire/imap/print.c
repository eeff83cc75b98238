/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/imap/print.h"
#include "wire/imap/parse.h"
#include "wire/imap/respond.h"

#include <assert.h>

struct printer {
	struct buf *out;
	bool utf8;
	bool utf8_alone;
};

static void sp(const struct printer *p)
{
	buf_add_byte(p->out, ' ');
}

static void word(const struct printer *p, const char *z)
{
	buf_add_c(p->out, z);
}

static void astring(const struct printer *p, str s)
{
	imap_put_astring(p->out, s, p->utf8);
}

/* The names of all bits that are set, with spaces between. */
static void bits(
	const struct printer *p, const struct imap_name *names, unsigned set)
{
	bool first = true;

	for (; names->name.p; names++) {
		if (!(set & names->bit))
			continue;
		if (!first)
			sp(p);
		first = false;
		buf_add(p->out, names->name);
	}
}

static void bit_list(
	const struct printer *p, const struct imap_name *names, unsigned set)
{
	word(p, "(");
	bits(p, names, set);
	word(p, ")");
}

static void value(const struct printer *p, const struct imap_value *v)
{
	if (!v->is_list) {
		size_t n = 0;

		/* A set may have "*", which only a bare one can show. */
		while (n < v->text.n && strchr("0123456789:,*$-", v->text.p[n]))
			n++;
		if (n && n == v->text.n)
			buf_add(p->out, v->text);
		else
			astring(p, v->text);
		return;
	}
	word(p, "(");
	for (const struct imap_value *item = v->first; item;
		item = item->next) {
		if (item != v->first)
			sp(p);
		value(p, item);
	}
	word(p, ")");
}

static void params(const struct printer *p, const struct imap_param *first)
{
	if (!first)
		return;
	word(p, " (");
	for (const struct imap_param *q = first; q; q = q->next) {
		if (q != first)
			sp(p);
		buf_add(p->out, q->name);
		if (q->value) {
			sp(p);
			value(p, q->value);
		}
	}
	word(p, ")");
}

static void print_authenticate(
	const struct printer *p, const struct imap_command *c)
{
	const struct imap_authenticate *a = &c->authenticate;

	sp(p);
	buf_add(p->out, a->mechanism);
	if (!str_is_none(a->initial)) {
		sp(p);
		astring(p, a->initial);
	}
}

static void print_login(const struct printer *p, const struct imap_command *c)
{
	sp(p);
	astring(p, c->login.user);
	sp(p);
	astring(p, c->login.password);
}

static void print_id(const struct printer *p, const struct imap_command *c)
{
	const struct imap_id *id = c->id;

	if (!id) {
		word(p, " NIL");
		return;
	}
	for (const char *before = " ("; id; id = id->next, before = " ") {
		word(p, before);
		imap_put_string(p->out, id->field, p->utf8);
		sp(p);
		imap_put_nstring(p->out, id->value, p->utf8);
	}
	word(p, ")");
}

static void print_enable(const struct printer *p, const struct imap_command *c)
{
	for (const struct imap_atom *a = c->enable; a; a = a->next) {
		sp(p);
		buf_add(p->out, a->text);
	}
}

static void print_compress(
	const struct printer *p, const struct imap_command *c)
{
	buf_addf(p->out, " %.*s", STR_ARG(c->compress));
}

static void mailbox(const struct printer *p, const struct imap_mailbox *m)
{
	sp(p);
	astring(p, m->raw);
}

static void print_select(const struct printer *p, const struct imap_command *c)
{
	mailbox(p, &c->select.mailbox);
	params(p, c->select.params);
}

static void print_rename(const struct printer *p, const struct imap_command *c)
{
	mailbox(p, &c->rename.from);
	mailbox(p, &c->rename.to);
}

static void print_create(const struct printer *p, const struct imap_command *c)
{
	unsigned use = c->create.use;

	mailbox(p, &c->create.mailbox);
	if (!use)
		return;
	word(p, " (USE (");
	bits(p, imap_special_use_names, use & ~(unsigned)IMAP_USE_UNKNOWN);
	if (use & IMAP_USE_UNKNOWN)
		word(p, use == IMAP_USE_UNKNOWN ? "\\Unknown" : " \\Unknown");
	word(p, "))");
}

static void print_patterns(const struct printer *p, const struct imap_list *l)
{
	const char *before = l->extended ? " (" : " ";

	for (const struct imap_pattern *q = l->patterns; q; q = q->next) {
		word(p, before);
		imap_put_string(p->out, q->raw, p->utf8);
		before = " ";
	}
	if (l->extended)
		word(p, ")");
}

static void entries(const struct printer *p, const struct imap_entry *first)
{
	word(p, "(");
	for (const struct imap_entry *e = first; e; e = e->next) {
		if (e != first)
			sp(p);
		astring(p, e->name);
	}
	word(p, ")");
}

static void print_getmetadata(
	const struct printer *p, const struct imap_command *c)
{
	static const char *const depths[] = {
		" (DEPTH 0", " (DEPTH 1", " (DEPTH infinity"};
	const struct imap_metadata *m = &c->metadata;

	if (m->limited || m->depth)
		word(p, depths[m->depth]);
	if (m->limited) {
		word(p, " MAXSIZE ");
		buf_add_u64(p->out, m->max);
	}
	if (m->limited || m->depth)
		word(p, ")");
	mailbox(p, &m->mailbox);
	sp(p);
	entries(p, m->entries);
}

static void print_setmetadata(
	const struct printer *p, const struct imap_command *c)
{
	const struct imap_metadata *m = &c->metadata;
	const char *before = " (";

	mailbox(p, &m->mailbox);
	for (const struct imap_entry *e = m->entries; e; e = e->next) {
		word(p, before);
		astring(p, e->name);
		sp(p);
		imap_put_nstring8(p->out, e->value, p->utf8);
		before = " ";
	}
	word(p, ")");
}

static void print_list(const struct printer *p, const struct imap_command *c)
{
	const struct imap_list *l = &c->list;
	unsigned plain;

	if (l->select) {
		sp(p);
		bit_list(p, imap_list_select_names, l->select);
	}
	sp(p);
	astring(p, l->reference);
	print_patterns(p, l);
	if (!l->returns)
		return;
	word(p, " RETURN (");
	plain = l->returns & ~(unsigned)IMAP_RETURN_STATUS &
		~(unsigned)IMAP_RETURN_METADATA;
	bits(p, imap_list_return_names, plain);
	if (l->returns & IMAP_RETURN_STATUS) {
		word(p, plain ? " STATUS " : "STATUS ");
		bit_list(p, imap_status_names, l->status);
	}
	if (l->returns & IMAP_RETURN_METADATA) {
		word(p, l->returns == IMAP_RETURN_METADATA ? "METADATA "
							   : " METADATA ");
		entries(p, l->metadata);
	}
	word(p, ")");
}

static void print_status(const struct printer *p, const struct imap_command *c)
{
	mailbox(p, &c->status.mailbox);
	sp(p);
	bit_list(p, imap_status_names, c->status.items);
}

static void flag_list(const struct printer *p, const struct flag_list *flags)
{
	word(p, " (");
	flag_list_print(p->out, flags);
	word(p, ")");
}

static void print_announcement(
	const struct printer *p, const struct imap_append *a)
{
	word(p, a->binary ? "~{" : "{");
	buf_add_u64(p->out, a->size);
	word(p, a->sync ? "}" : "+}");
}

/* cat-part *(SP cat-part) ")", as far as it goes */
static void print_parts(const struct printer *p, const struct imap_append *a,
	const struct imap_append_message *m)
{
	for (const struct imap_append_url *u = m->urls; u; u = u->next) {
		word(p, u == m->urls ? "URL " : " URL ");
		astring(p, u->url);
	}
	if (m->next || !a->has_literal) {
		word(p, ")");
		return;
	}
	if (m->urls)
		sp(p);
	word(p, a->at == IMAP_APPEND_AT_UTF8_PART ? "UTF8 (" : "TEXT ");
	print_announcement(p, a);
}

static void print_message(const struct printer *p, const struct imap_append *a,
	const struct imap_append_message *m)
{
	flag_list(p, &m->flags);
	sp(p);
	if (m->has_date) {
		imap_put_date_time(p->out, m->date);
		sp(p);
	}
	if (m->catenate) {
		word(p, "CATENATE (");
		print_parts(p, a, m);
	} else {
		word(p, a->at == IMAP_APPEND_AT_UTF8 ? "UTF8 (" : "");
		print_announcement(p, a);
	}
}

static void print_append(const struct printer *p, const struct imap_command *c)
{
	const struct imap_append *a = &c->append;

	mailbox(p, &a->mailbox);
	for (const struct imap_append_message *m = a->messages; m; m = m->next)
		print_message(p, a, m);
}

static void set(const struct printer *p, const struct seqset *s)
{
	sp(p);
	seqset_print(p->out, s);
}

static void print_replace(const struct printer *p, const struct imap_command *c)
{
	set(p, &c->append.replaced);
	print_append(p, c);
}

static void print_section(const struct printer *p, const struct imap_section *s)
{
	struct imap_section plain = *s;
	struct buf name = BUF_UNBOUNDED;
	str rest;

	plain.partial = false;
	imap_put_section(&name, &plain, p->utf8);
	rest = buf_str(&name);
	if (s->peek && (s->name == IMAP_SECTION_BODY ||
			       s->name == IMAP_SECTION_BINARY)) {
		size_t bracket = str_find_byte(rest, '[');

		buf_add(p->out, str_take(rest, bracket));
		word(p, ".PEEK");
		rest = str_skip(rest, bracket);
	}
	buf_add(p->out, rest);
	if (s->partial) {
		word(p, "<");
		buf_add_u64(p->out, s->from);
		word(p, ".");
		buf_add_u64(p->out, s->length);
		word(p, ">");
	}
	buf_fini(&name);
}

static void fetch_atts(const struct printer *p, const struct imap_fetch *f)
{
	word(p, " (");
	bits(p, imap_fetch_names, f->items);
	for (const struct imap_section *s = f->sections; s; s = s->next) {
		if (s != f->sections || f->items)
			sp(p);
		print_section(p, s);
	}
	word(p, ")");
}

static void return_options(const struct printer *p, const struct imap_search *s)
{
	unsigned plain = s->returns & ~(unsigned)IMAP_SEARCH_PARTIAL &
			 ~(unsigned)IMAP_SEARCH_UPDATE;
	const char *before = plain ? " " : "";

	if (!s->extended)
		return;
	word(p, " RETURN (");
	bits(p, imap_search_return_names, plain);
	if (s->returns & IMAP_SEARCH_PARTIAL) {
		word(p, before);
		word(p, "PARTIAL ");
		imap_put_partial(p->out, &s->partial);
		before = " ";
	}
	if (s->returns & IMAP_SEARCH_UPDATE) {
		word(p, before);
		word(p, "UPDATE");
	}
	if (s->update)
		fetch_atts(p, s->update);
	word(p, ")");
}

/* filter-mailboxes */
static void filter(const struct printer *p, const struct imap_notify_group *g)
{
	const struct imap_notify_mailbox *m = g->mailboxes;

	bits(p, imap_notify_filter_names, g->filter);
	if (m)
		word(p, " (");
	for (; m; m = m->next) {
		astring(p, m->mailbox.raw);
		word(p, m->next ? " " : ")");
	}
}

static void source_options(const struct printer *p, const struct imap_search *s)
{
	if (!s->sources)
		return;
	word(p, " IN (");
	for (const struct imap_notify_group *g = s->sources; g; g = g->next) {
		filter(p, g);
		word(p, g->next ? " " : ")");
	}
}

static void print_search(const struct printer *p, const struct imap_command *c)
{
	const struct imap_search *s = &c->search;

	source_options(p, s);
	return_options(p, s);
	if (!p->utf8_alone &&
		(!str_is_none(s->charset) || !search_tree_is_ascii(s->where)))
		word(p, " CHARSET UTF-8");
	sp(p);
	search_tree_print(p->out, s->where);
}

static void print_sort(const struct printer *p, const struct imap_command *c)
{
	const struct sort_order *order = &c->sort.order;

	return_options(p, &c->sort.search);
	word(p, " (");
	for (unsigned i = 0; i < order->count; i++) {
		if (i)
			sp(p);
		if (order->by[i].reverse)
			word(p, "REVERSE ");
		bits(p, imap_sort_names, 1u << order->by[i].key);
	}
	word(p, ") UTF-8 ");
	search_tree_print(p->out, c->sort.search.where);
}

static void print_thread(const struct printer *p, const struct imap_command *c)
{
	sp(p);
	bits(p, imap_thread_names, c->thread.by);
	word(p, " UTF-8 ");
	search_tree_print(p->out, c->thread.search.where);
}

static void print_fetch(const struct printer *p, const struct imap_command *c)
{
	const struct imap_fetch *f = &c->fetch;

	set(p, &f->set);
	fetch_atts(p, f);
	params(p, f->modifiers);
}

static void notify_events(
	const struct printer *p, const struct imap_notify_group *g)
{
	unsigned rest = g->events & ~(unsigned)IMAP_NOTIFY_NEW &
			~(unsigned)IMAP_NOTIFY_UNKNOWN;

	if (!g->events) {
		word(p, " NONE");
		return;
	}
	word(p, " (");
	if (g->events & IMAP_NOTIFY_NEW)
		word(p, "MessageNew");
	if (g->fetch)
		fetch_atts(p, g->fetch);
	if (g->events & IMAP_NOTIFY_NEW && rest)
		sp(p);
	bits(p, imap_notify_event_names, rest);
	if (g->events & IMAP_NOTIFY_UNKNOWN)
		word(p, g->events == IMAP_NOTIFY_UNKNOWN ? "UnknownEvent"
							 : " UnknownEvent");
	word(p, ")");
}

static void print_notify(const struct printer *p, const struct imap_command *c)
{
	const struct imap_notify_group *g = c->notify.groups;

	word(p, c->notify.set ? " SET" : " NONE");
	word(p, c->notify.status ? " STATUS" : "");
	for (; g; g = g->next) {
		word(p, " (");
		filter(p, g);
		notify_events(p, g);
		word(p, ")");
	}
}

static void print_cancelupdate(
	const struct printer *p, const struct imap_command *c)
{
	for (const struct imap_atom *a = c->cancel; a; a = a->next) {
		sp(p);
		imap_put_string(p->out, a->text, p->utf8);
	}
}

static void print_store(const struct printer *p, const struct imap_command *c)
{
	const struct imap_store *s = &c->store;
	static const char *const ops[] = {
		[IMAP_STORE_SET] = " FLAGS",
		[IMAP_STORE_ADD] = " +FLAGS",
		[IMAP_STORE_REMOVE] = " -FLAGS",
	};

	set(p, &s->set);
	params(p, s->modifiers);
	word(p, ops[s->op]);
	if (s->silent)
		word(p, ".SILENT");
	flag_list(p, &s->flags);
}

static void print_expunge(const struct printer *p, const struct imap_command *c)
{
	if (c->uid)
		set(p, &c->expunge);
}

static void print_copy(const struct printer *p, const struct imap_command *c)
{
	set(p, &c->copy.set);
	mailbox(p, &c->copy.mailbox);
}

/* The others have no arguments. */
static void (*const argument_printers[IMAP_VERB_COUNT])(
	const struct printer *, const struct imap_command *) = {
	[IMAP_ID] = print_id,
	[IMAP_AUTHENTICATE] = print_authenticate,
	[IMAP_LOGIN] = print_login,
	[IMAP_ENABLE] = print_enable,
	[IMAP_COMPRESS] = print_compress,
	[IMAP_SELECT] = print_select,
	[IMAP_EXAMINE] = print_select,
	[IMAP_CREATE] = print_create,
	[IMAP_DELETE] = print_select,
	[IMAP_RENAME] = print_rename,
	[IMAP_SUBSCRIBE] = print_select,
	[IMAP_UNSUBSCRIBE] = print_select,
	[IMAP_LIST] = print_list,
	[IMAP_LSUB] = print_list,
	[IMAP_STATUS] = print_status,
	[IMAP_APPEND] = print_append,
	[IMAP_GETMETADATA] = print_getmetadata,
	[IMAP_SETMETADATA] = print_setmetadata,
	[IMAP_NOTIFY] = print_notify,
	[IMAP_EXPUNGE] = print_expunge,
	[IMAP_SEARCH] = print_search,
	[IMAP_ESEARCH] = print_search,
	[IMAP_CANCELUPDATE] = print_cancelupdate,
	[IMAP_SORT] = print_sort,
	[IMAP_THREAD] = print_thread,
	[IMAP_FETCH] = print_fetch,
	[IMAP_STORE] = print_store,
	[IMAP_COPY] = print_copy,
	[IMAP_MOVE] = print_copy,
	[IMAP_REPLACE] = print_replace,
};

void imap_print_command(
	struct buf *out, const struct imap_command *c, unsigned dialect)
{
	struct printer p = {
		out, dialect & IMAP_UTF8, dialect & IMAP_UTF8_ALONE};

	assert(c->verb != IMAP_UNKNOWN);
	buf_add(out, c->tag);
	/* ESEARCH is of UIDs without saying so. */
	word(&p, c->uid && c->verb != IMAP_ESEARCH ? " UID " : " ");
	buf_add(out, imap_command_row(c->verb)->name);
	if (argument_printers[c->verb])
		argument_printers[c->verb](&p, c);
}
