/* SPDX-License-Identifier: Apache-2.0 */
/* GETMETADATA, SETMETADATA: RFC 5464; LIST with METADATA: RFC 9590. Annotations
 * of the server are the account's own, under /private; what is under /shared
 * there the administrator has set, and no client. Private ones of a mailbox are
 * its owner's, and kept as shared ones are; guests see none and have none. */
#include "imap/private.h"
#include "mail/annotation.h"

/* Section 3.3: any one of these, besides l. */
#define RIGHTS_ANY (RIGHT_READ | RIGHT_SEEN | RIGHT_WRITE | RIGHT_INSERT)

struct answering {
	struct imap *imap;
	const struct imap_metadata *q;
	str mailbox;
	bool found[IMAP_ENTRIES_MAX];
	bool begun;
	uint64_t longest; /* of those that are too long */
};

static void put_pair(struct answering *a, str name, str value)
{
	struct buf *out = imap_out(a->imap);

	if (!a->begun) {
		buf_add_c(out, "* METADATA ");
		imap_put_mailbox(out, a->mailbox, a->imap->utf8);
		buf_add_c(out, " (");
	} else {
		buf_add_byte(out, ' ');
	}
	a->begun = true;
	imap_put_astring(out, name, false);
	buf_add_byte(out, ' ');
	imap_put_nstring8(out, value, a->imap->utf8);
}

/* Section 4.2.2. */
static bool is_below(str name, str above, enum imap_depth depth)
{
	if (depth == IMAP_DEPTH_0 || !str_starts(name, above) ||
		name.n == above.n || name.p[above.n] != '/')
		return false;
	name = str_skip(name, above.n + 1);
	return depth == IMAP_DEPTH_INFINITY ||
	       str_find_byte(name, '/') == name.n;
}

static bool is_private(str name)
{
	return str_starts(name, STR("/private/"));
}

static bool is_guest(const struct imap *s)
{
	return !(s->session.user.rights & RIGHT_WRITE);
}

bool imap_sees_annotation(const struct imap *s, str name)
{
	return !is_private(name) || !is_guest(s);
}

static void on_annotation(void *arg, str name, str value)
{
	struct answering *a = arg;
	bool wanted = false;
	size_t i = 0;

	if (!imap_sees_annotation(a->imap, name))
		return;
	for (const struct imap_entry *e = a->q->entries; e; e = e->next, i++) {
		if (str_eq(e->name, name))
			wanted = a->found[i] = true;
		else if (is_below(name, e->name, a->q->depth))
			wanted = true;
	}
	if (!wanted)
		return;
	if (a->q->limited && value.n > a->q->max) {
		if (value.n > a->longest)
			a->longest = value.n;
		return;
	}
	put_pair(a, name, value);
}

/* RFC 5464 section 3.2.1.1, in order of names. */
static void on_notes(struct answering *a)
{
	struct session_notes notes;

	session_service_notes(a->imap->session.service, &notes);
	if (*notes.admin)
		on_annotation(a, STR("/shared/admin"), str_c(notes.admin));
	if (*notes.comment)
		on_annotation(a, STR("/shared/comment"), str_c(notes.comment));
}

/* What has no value is NIL, if it was asked for by itself. */
static enum err answer(struct answering *a, const struct mailbox_ref *ref)
{
	enum err e = annotation_scan(imap_mail(a->imap), ref, on_annotation, a);
	size_t i = 0;

	if (a->q->server)
		on_notes(a);
	for (const struct imap_entry *x = a->q->entries; !e && x;
		x = x->next, i++)
		if (!a->found[i] && a->q->depth == IMAP_DEPTH_0)
			put_pair(a, x->name, str_none());
	if (a->begun)
		buf_add_c(imap_out(a->imap), ")\r\n");
	return e;
}

static enum err open_annotated(struct imap *s, const struct imap_metadata *q,
	struct mailbox_ref *ref_r)
{
	enum err e;

	if (q->server) {
		*ref_r = annotation_account(&s->session.user);
		e = OK;
	} else if (q->mailbox.err) {
		e = ERR_NOTFOUND;
	} else {
		e = mailbox_open(imap_mail(s), &s->session.user,
			q->mailbox.name, RIGHT_LOOKUP, ref_r);
	}
	if (!e && !(ref_r->rights & RIGHTS_ANY))
		e = ERR_DENIED;
	return e;
}

enum err imap_getmetadata(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	struct answering a = {
		.imap = s,
		.q = &c->metadata,
		.mailbox =
			c->metadata.server ? STR("") : c->metadata.mailbox.name,
	};
	struct mailbox_ref ref;
	enum err e = open_annotated(s, &c->metadata, &ref);

	if (!e)
		e = answer(&a, &ref);
	if (!e && a.longest)
		buf_addf(&reply->code, "[METADATA LONGENTRIES %llu] ",
			(unsigned long long)a.longest);
	return e;
}

enum err imap_put_metadata(struct imap *s, const struct mailbox_info *info,
	const struct imap_entry *entries)
{
	struct imap_metadata q = {.entries = (struct imap_entry *)entries};
	struct answering a = {.imap = s, .q = &q, .mailbox = info->name};
	struct mailbox_ref ref = {
		.account = s->session.user.account,
		.id = info->id,
		.rights = s->session.user.rights,
	};

	return ref.rights & RIGHTS_ANY ? answer(&a, &ref) : OK;
}

/* Section 3.2.1.1: /shared/admin is read-only, and so is all of /shared. */
static bool is_settable(const struct imap_metadata *q)
{
	for (const struct imap_entry *e = q->entries; e; e = e->next)
		if (q->server && !is_private(e->name))
			return false;
	return true;
}

static bool has_private(const struct imap_metadata *q)
{
	for (const struct imap_entry *e = q->entries; e; e = e->next)
		if (is_private(e->name))
			return true;
	return false;
}

static bool are_filters_sound(struct imap *s, const struct imap_metadata *q)
{
	for (const struct imap_entry *e = q->entries; q->server && e;
		e = e->next)
		if (!imap_is_filter_sound(s, e))
			return false;
	return true;
}

enum err imap_setmetadata(
	struct imap *s, struct imap_command *c, struct imap_reply *reply)
{
	const struct imap_metadata *q = &c->metadata;
	struct annotation items[IMAP_ENTRIES_MAX];
	struct mailbox_ref ref;
	size_t count = 0;
	enum err e = open_annotated(s, q, &ref);

	if (!e && is_guest(s) && has_private(q)) {
		reply->no = true;
		reply->text = "Nothing here is yours alone";
		buf_add_c(&reply->code, "[METADATA NOPRIVATE] ");
		return ERR_DENIED;
	}
	if (!e && !is_settable(q))
		e = ERR_DENIED;
	if (!e && !are_filters_sound(s, q)) {
		reply->no = true;
		reply->text = "That is no filter (RFC 5466)";
		buf_add_c(&reply->code, "[CANNOT] ");
		return ERR_INVALID;
	}
	if (e)
		return e;
	for (const struct imap_entry *x = q->entries; x; x = x->next)
		items[count++] = (struct annotation){x->name, x->value};
	e = annotation_set(imap_mail(s), &ref, items, count);
	if (e == ERR_TOOBIG) {
		reply->no = true;
		reply->text = "A value is too large";
		buf_addf(&reply->code, "[METADATA MAXSIZE %u] ",
			mail_limits_of(imap_mail(s)).annotation);
	}
	return e;
}
