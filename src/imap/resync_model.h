/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For resync_test.c: a simple model of an account's mailboxes. What commands
 * did is applied to it as their answers come; after each batch of commands it
 * is held against what the server has, which must be the same, and with
 * mod-sequences that grew exactly where something changed.
 */
#ifndef IMAP_RESYNC_MODEL_H
#define IMAP_RESYNC_MODEL_H

#include "imap/talk.h"
#include "mail/view.h"

#define NAMES 3
#define BOXES 48
#define MESSAGES 320

static const char *const box_names[NAMES] = {"INBOX", "a", "b"};

struct message {
	uid_num uid;
	uint32_t flags;
	modseq_num modseq; /* 0: it changed since the model was held */
};

/* Expunged after the one mod-sequence, no later than the other. */
struct gone {
	uid_num uid;
	modseq_num after, until; /* until 0: since the model was held */
};

struct box {
	bool changed; /* since */
	bool unknown; /* what is in it is to be learnt */
	bool unsure;  /* commands whose answers nobody heard may have acted */
	uint32_t uidvalidity;
	uid_num uidnext;
	modseq_num modseq;
	modseq_num forgotten; /* expunges up to here may be inexact */
	struct message all[MESSAGES];
	unsigned count;
	struct gone gone[MESSAGES];
	unsigned gone_count;
};

struct model {
	struct box boxes[BOXES];
	int count;
	int by_name[NAMES]; /* -1: there is none */
};

static struct message *box_find(struct box *b, uid_num uid)
{
	for (unsigned i = 0; i < b->count; i++)
		if (b->all[i].uid == uid)
			return &b->all[i];
	return NULL;
}

static void box_set(struct box *b, struct message *m, uint32_t flags)
{
	if (m->flags == flags)
		return;
	m->flags = flags;
	m->modseq = 0;
	b->changed = true;
}

static void box_append(struct box *b, uid_num uid, uint32_t flags)
{
	b->all[b->count++] = (struct message){uid, flags, 0};
	b->uidnext = uid + 1;
	b->changed = true;
}

static void box_expunge(struct box *b, uid_num uid)
{
	struct message *m = box_find(b, uid);

	b->gone[b->gone_count++] = (struct gone){uid, b->modseq, 0};
	memmove(m, m + 1, (size_t)(&b->all[--b->count] - m) * sizeof *m);
	b->changed = true;
}

/* Expunged, surely by then? */
static bool box_is_gone_by(const struct box *b, uid_num uid, modseq_num modseq)
{
	for (unsigned i = 0; i < b->gone_count; i++)
		if (b->gone[i].uid == uid)
			return b->gone[i].until && b->gone[i].until <= modseq;
	return false;
}

static int model_create(struct model *model, int name)
{
	struct box *b = &model->boxes[model->count];

	*b = (struct box){.changed = true, .uidnext = 1};
	return model->by_name[name] = model->count++;
}

/* Holding it against the server. */

static uint32_t flags_of(
	struct talk *t, const struct view *v, const struct membership *m)
{
	uint32_t flags = (uint32_t)m->flags & FLAGS_SYSTEM;

	for (uint32_t k = 0; k < v->keyword_count; k++)
		if (m->flags & flags_keyword_bit(k))
			flags |= talk_flag(t, v->keywords[k]);
	return flags;
}

#define CHECK_BOX(t, condition)                                                \
	do {                                                                   \
		if (!(condition))                                              \
			talk_die((t), "the model: " #condition);               \
	} while (0)

static void hold_message(struct talk *t, struct box *b, struct message *m,
	const struct view *v, const struct membership *is)
{
	CHECK_BOX(t, m->uid == is->uid);
	CHECK_BOX(t, m->flags == flags_of(t, v, is));
	if (m->modseq)
		CHECK_BOX(t, m->modseq == is->modseq);
	else
		CHECK_BOX(t, is->modseq > b->modseq);
	CHECK_BOX(t, is->modseq <= v->modseq);
	m->modseq = is->modseq;
}

static void learn(struct talk *t, struct box *b, const struct view *v)
{
	struct view_iter it = view_iter(v, 1);
	const struct membership *m;

	b->count = 0;
	while ((m = view_iter_next(&it)))
		box_append(b, m->uid, flags_of(t, v, m));
	b->uidnext = v->uidnext;
	b->unknown = false;
}

/* What changed has a new mod-sequence, what came a new UID. */
static void make_sure(struct talk *t, struct box *b, const struct view *v)
{
	struct view_iter it = view_iter(v, 1);
	const struct membership *m;
	uid_num uidnext = b->uidnext;

	for (unsigned i = b->count; i-- > 0;) {
		struct message *was = &b->all[i];

		m = view_find(v, was->uid);
		if (!m)
			box_expunge(b, was->uid);
		else if (m->modseq != was->modseq)
			box_set(b, was, flags_of(t, v, m));
		/* It may be as it was, after two changes. */
		if (m && m->modseq != was->modseq)
			was->modseq = 0;
	}
	while ((m = view_iter_next(&it))) {
		if (box_find(b, m->uid))
			continue;
		CHECK_BOX(t, m->uid >= uidnext);
		box_append(b, m->uid, flags_of(t, v, m));
	}
	CHECK_BOX(t, v->uidnext >= b->uidnext);
	b->uidnext = v->uidnext;
	b->changed = v->modseq != b->modseq;
	b->unsure = false;
}

static void hold_box(struct talk *t, struct box *b, const struct view *v)
{
	struct view_iter it = view_iter(v, 1);
	const struct membership *m;
	unsigned at = 0;

	if (b->unknown)
		learn(t, b, v);
	if (b->unsure)
		make_sure(t, b, v);
	if (!b->uidvalidity)
		b->uidvalidity = v->uidvalidity;
	CHECK_BOX(t, b->uidvalidity == v->uidvalidity);
	CHECK_BOX(t, b->uidnext == v->uidnext);
	CHECK_BOX(
		t, b->changed ? v->modseq > b->modseq : v->modseq == b->modseq);
	while ((m = view_iter_next(&it))) {
		CHECK_BOX(t, at < b->count);
		hold_message(t, b, &b->all[at++], v, m);
	}
	CHECK_BOX(t, at == b->count);
	for (unsigned i = 0; i < b->gone_count; i++)
		if (!b->gone[i].until)
			b->gone[i].until = v->modseq;
	b->modseq = v->modseq;
	b->changed = false;
}

static void model_hold(struct talk *t, struct model *model, struct mail *mail)
{
	struct mail_user user = {.account = 1, .rights = RIGHT_ALL};

	for (int i = 0; i < NAMES; i++) {
		struct mailbox_ref ref;
		struct view *v;
		enum err e = mailbox_open(
			mail, &user, str_c(box_names[i]), RIGHT_READ, &ref);

		CHECK_BOX(t, model->by_name[i] < 0 ? e == ERR_NOTFOUND : !e);
		if (e)
			continue;
		CHECK_BOX(t, view_acquire(mail, &ref, &v) == OK);
		hold_box(t, &model->boxes[model->by_name[i]], v);
		view_release(mail, v);
	}
}

#endif
