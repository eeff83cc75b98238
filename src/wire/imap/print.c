/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/imap/print.h"
#include "wire/imap/respond.h"

#include <assert.h>

struct printer {
	struct buf *out;
	bool utf8;
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
		while (n < v->text.n && strchr("0123456789:,*$", v->text.p[n]))
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
	const struct printer *p, const struct imap_authenticate *a)
{
	sp(p);
	buf_add(p->out, a->mechanism);
	if (!str_is_none(a->initial)) {
		sp(p);
		astring(p, a->initial);
	}
}

static void print_login(const struct printer *p, const struct imap_login *l)
{
	sp(p);
	astring(p, l->user);
	sp(p);
	astring(p, l->password);
}

static void print_id(const struct printer *p, const struct imap_id *id)
{
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

static void print_enable(const struct printer *p, const struct imap_atom *a)
{
	for (; a; a = a->next) {
		sp(p);
		buf_add(p->out, a->text);
	}
}

static void mailbox(const struct printer *p, const struct imap_mailbox *m)
{
	sp(p);
	astring(p, m->raw);
}

static void print_create(const struct printer *p, const struct imap_create *c)
{
	mailbox(p, &c->mailbox);
	if (!c->use)
		return;
	word(p, " (USE (");
	bits(p, imap_special_use_names, c->use & ~(unsigned)IMAP_USE_UNKNOWN);
	if (c->use & IMAP_USE_UNKNOWN)
		word(p, c->use == IMAP_USE_UNKNOWN ? "\\Unknown"
						   : " \\Unknown");
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

static void print_list(const struct printer *p, const struct imap_list *l)
{
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
	bits(p, imap_list_return_names,
		l->returns & ~(unsigned)IMAP_RETURN_STATUS);
	if (l->returns & IMAP_RETURN_STATUS) {
		word(p, l->returns == IMAP_RETURN_STATUS ? "STATUS "
							 : " STATUS ");
		bit_list(p, imap_status_names, l->status);
	}
	word(p, ")");
}

static void flag_list(const struct printer *p, const struct flag_list *flags)
{
	word(p, " (");
	flag_list_print(p->out, flags);
	word(p, ")");
}

static void print_append(const struct printer *p, const struct imap_append *a)
{
	mailbox(p, &a->mailbox);
	flag_list(p, &a->flags);
	if (a->has_date) {
		sp(p);
		imap_put_date_time(p->out, a->date);
	}
	word(p, a->binary ? " ~{" : " {");
	buf_add_u64(p->out, a->size);
	word(p, a->sync ? "}" : "+}");
}

static void print_search(const struct printer *p, const struct imap_search *s)
{
	if (s->extended) {
		word(p, " RETURN ");
		bit_list(p, imap_search_return_names, s->returns);
	}
	if (!str_is_none(s->charset) || !search_tree_is_ascii(s->where))
		word(p, " CHARSET UTF-8");
	sp(p);
	search_tree_print(p->out, s->where);
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

static void set(const struct printer *p, const struct seqset *s)
{
	sp(p);
	seqset_print(p->out, s);
}

static void print_fetch(const struct printer *p, const struct imap_fetch *f)
{
	set(p, &f->set);
	word(p, " (");
	bits(p, imap_fetch_names, f->items);
	for (const struct imap_section *s = f->sections; s; s = s->next) {
		if (s != f->sections || f->items)
			sp(p);
		print_section(p, s);
	}
	word(p, ")");
	params(p, f->modifiers);
}

static void print_store(const struct printer *p, const struct imap_store *s)
{
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

static void print_arguments(
	const struct printer *p, const struct imap_command *c)
{
	switch (c->verb) {
	case IMAP_UNKNOWN:
	case IMAP_VERB_COUNT:
		assert(false);
		break;
	case IMAP_CAPABILITY:
	case IMAP_NOOP:
	case IMAP_LOGOUT:
	case IMAP_STARTTLS:
	case IMAP_NAMESPACE:
	case IMAP_IDLE:
	case IMAP_CHECK:
	case IMAP_CLOSE:
	case IMAP_UNSELECT:
		break;
	case IMAP_ID:
		print_id(p, c->id);
		break;
	case IMAP_AUTHENTICATE:
		print_authenticate(p, &c->authenticate);
		break;
	case IMAP_LOGIN:
		print_login(p, &c->login);
		break;
	case IMAP_ENABLE:
		print_enable(p, c->enable);
		break;
	case IMAP_SELECT:
	case IMAP_EXAMINE:
	case IMAP_DELETE:
	case IMAP_SUBSCRIBE:
	case IMAP_UNSUBSCRIBE:
		mailbox(p, &c->select.mailbox);
		params(p, c->select.params);
		break;
	case IMAP_CREATE:
		print_create(p, &c->create);
		break;
	case IMAP_RENAME:
		mailbox(p, &c->rename.from);
		mailbox(p, &c->rename.to);
		break;
	case IMAP_LIST:
	case IMAP_LSUB:
		print_list(p, &c->list);
		break;
	case IMAP_STATUS:
		mailbox(p, &c->status.mailbox);
		sp(p);
		bit_list(p, imap_status_names, c->status.items);
		break;
	case IMAP_APPEND:
		print_append(p, &c->append);
		break;
	case IMAP_EXPUNGE:
		if (c->uid)
			set(p, &c->expunge);
		break;
	case IMAP_SEARCH:
		print_search(p, &c->search);
		break;
	case IMAP_FETCH:
		print_fetch(p, &c->fetch);
		break;
	case IMAP_STORE:
		print_store(p, &c->store);
		break;
	case IMAP_COPY:
	case IMAP_MOVE:
		set(p, &c->copy.set);
		mailbox(p, &c->copy.mailbox);
		break;
	}
}

void imap_print_command(
	struct buf *out, const struct imap_command *c, bool utf8)
{
	struct printer p = {out, utf8};

	buf_add(out, c->tag);
	word(&p, c->uid ? " UID " : " ");
	buf_add(out, imap_command_row(c->verb)->name);
	print_arguments(&p, c);
}
