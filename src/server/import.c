/* SPDX-License-Identifier: Apache-2.0 */
#include "server/import.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "mail/message.h"
#include "mail/upload.h"
#include "message/flags.h"
#include "message/mailbox_name.h"
#include "server/mail_role.h"

#include <stdlib.h>

/* Messages that are made mail in one write. */
#define BATCH_MESSAGES 64
#define BATCH_BYTES (8u << 20)
#define PIECE (64 * 1024)
/* RFC 1939 section 7. */
#define UIDL_MAX 70

/* How many copies of a message the mailbox had, and how many came. */
struct copies {
	unsigned char hash[HASH_SIZE];
	uint32_t had, came;
};

struct import {
	struct control_call *call;
	struct mail *mail;
	struct mail_user user;
	struct arena arena; /* of the batch */
	/* The mailbox that messages go to. */
	char *mailbox;
	struct mailbox_ref ref;
	struct copies *copies; /* open addressing; came == 0: free */
	size_t copies_count, copies_room;
	/* The batch. */
	struct append_item items[BATCH_MESSAGES];
	const char *names[BATCH_MESSAGES]; /* in the arena */
	size_t count;
	uint64_t bytes;
	uid_num next; /* the UID that the next message would get */
	uint64_t added, skipped, refused;
};

/* Copies. */

static struct copies *copies_slot(
	struct copies *table, size_t room, const unsigned char *hash)
{
	size_t i = hash_str(str_of((const char *)hash, HASH_SIZE)) & (room - 1);

	while (table[i].came && memcmp(table[i].hash, hash, HASH_SIZE) != 0)
		i = (i + 1) & (room - 1);
	return &table[i];
}

static void copies_grow(struct import *im)
{
	size_t room = im->copies_room ? im->copies_room * 2 : 256;
	struct copies *table = xcalloc(room, sizeof *table);

	for (size_t i = 0; i < im->copies_room; i++)
		if (im->copies[i].came)
			*copies_slot(table, room, im->copies[i].hash) =
				im->copies[i];
	free(im->copies);
	im->copies = table;
	im->copies_room = room;
}

static void copies_forget(struct import *im)
{
	free(im->copies);
	im->copies = NULL;
	im->copies_count = im->copies_room = 0;
}

/* Is this one more than the mailbox has? */
static enum err is_new(struct import *im, struct upload *u, bool *new_r)
{
	const unsigned char *hash = upload_hash(u);
	struct copies *c;
	enum err e = OK;

	if (im->copies_count * 2 >= im->copies_room)
		copies_grow(im);
	c = copies_slot(im->copies, im->copies_room, hash);
	if (!c->came) {
		memcpy(c->hash, hash, HASH_SIZE);
		e = upload_count_copies(u, &im->ref, &c->had);
		im->copies_count++;
	}
	*new_r = ++c->came > c->had;
	return e;
}

/* The batch. */

static enum err read_uidnext(struct import *im, uid_num *uidnext_r)
{
	struct arena arena;
	struct mailbox_info info = {0};
	enum err e;

	arena_init(&arena, SIZE_MAX);
	e = mailbox_status(im->mail, &im->ref, &arena, &info);
	*uidnext_r = info.uidnext;
	arena_fini(&arena);
	return e;
}

/* Tells the client, which goes on, of a message. */
static enum err tell(struct import *im, const char *name, const char *words)
{
	return control_item(
		im->call, json_pack("{ss,ss}", "name", name, "error", words));
}

static enum err commit(struct import *im, size_t from, size_t count)
{
	struct append_result result = {0};
	enum err e = append_commit(im->mail, &im->user, str_c(im->mailbox),
		im->items + from, count, &result);

	uidset_fini(&result.uids);
	return e;
}

/* One that perhaps has a UID that new mail took meanwhile, or keywords that
 * are too many for the mailbox: it goes without. */
static enum err commit_one(struct import *im, size_t i)
{
	struct append_item *item = &im->items[i];
	uid_num uidnext = 0;
	enum err e = commit(im, i, 1);

	if (e == ERR_LIMIT && item->uid) {
		e = read_uidnext(im, &uidnext);
		if (!e && item->uid < uidnext)
			item->uid = 0;
		if (!e)
			e = commit(im, i, 1);
	}
	if (e == ERR_LIMIT && item->keyword_count) {
		item->keyword_count = 0;
		e = commit(im, i, 1);
		if (!e)
			e = tell(im, im->names[i],
				"added without its keywords: the mailbox has "
				"too many");
	}
	return e;
}

static void forget_batch(struct import *im)
{
	for (size_t i = 0; i < im->count; i++)
		upload_free(im->items[i].upload);
	arena_reset(&im->arena);
	im->count = 0;
	im->bytes = 0;
}

static enum err commit_batch(struct import *im)
{
	enum err e = im->count ? commit(im, 0, im->count) : OK;
	uid_num from, to;

	if (e == ERR_LIMIT) {
		e = OK;
		for (size_t i = 0; i < im->count && !e; i++)
			e = commit_one(im, i);
	}
	if (!e)
		im->added += im->count;
	/* Mail that moved in is not new to its owner. */
	if (!e && im->count)
		e = message_claim_recent(im->mail, &im->ref, &from, &to);
	forget_batch(im);
	return e;
}

static enum err read_flags(
	struct import *im, const json_t *item, struct append_item *append)
{
	const json_t *flags = json_object_get(item, "flags");
	struct flag_list list = {0};
	enum err e = OK;

	for (size_t i = 0; !e && i < json_array_size(flags); i++) {
		const char *name = json_string_value(json_array_get(flags, i));

		e = name ? flag_list_add(&im->arena, &list,
				   arena_str(&im->arena, str_c(name)))
			 : ERR_INVALID;
	}
	append->system_flags = list.system;
	append->keywords = list.keywords;
	append->keyword_count = list.count;
	return e;
}

static int64_t integer(const json_t *item, const char *name, int64_t otherwise)
{
	const json_t *value = json_object_get(item, name);

	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static enum err receive(struct import *im, struct upload *u)
{
	char piece[PIECE];
	size_t n;
	enum err e, fed = OK;

	while (!(e = control_read(im->call, piece, sizeof piece, &n)) && n)
		if (!fed)
			fed = upload_feed(u, str_of(piece, n));
	return e ? e : fed;
}

/* The client's words for it. */
static const char *name_of(const json_t *item)
{
	const char *name = json_string_value(json_object_get(item, "name"));

	return name ? name : "a message";
}

/* A message that cannot be taken is no reason to refuse the rest. */
static enum err refuse(struct import *im, const json_t *item, enum err why)
{
	if (why != ERR_INVALID && why != ERR_TOOBIG && why != ERR_LIMIT)
		return why;
	im->refused++;
	return tell(im, name_of(item), err_words(why));
}

/* What POP3 could not tell is none. */
static str read_uidl(struct import *im, const json_t *item)
{
	const char *given = json_string_value(json_object_get(item, "uidl"));
	str uidl = str_c(given ? given : "");

	if (uidl.n > UIDL_MAX)
		return STR("");
	for (size_t i = 0; i < uidl.n; i++)
		if (uidl.p[i] < 0x21 || uidl.p[i] > 0x7e)
			return STR("");
	return arena_str(&im->arena, uidl);
}

static enum err take_message(struct import *im, const json_t *item)
{
	struct append_item *append = &im->items[im->count];
	struct upload *u;
	bool new = false;
	int64_t uid;
	enum err e = OK;

	if (!im->mailbox)
		return control_fail(
			im->call, ERR_INVALID, "a message before a mailbox");
	if (im->count == 0)
		e = read_uidnext(im, &im->next);
	if (e)
		return e;
	*append = (struct append_item){0};
	append->internal_date = integer(item, "date", clock_wall_s());
	append->zone = (int32_t)integer(item, "zone", 0);
	uid = integer(item, "uid", 0);
	append->uidl = read_uidl(im, item);
	e = read_flags(im, item, append);
	u = upload_new(im->mail, im->user.account);
	if (!e)
		e = receive(im, u);
	if (e) {
		upload_free(u);
		return refuse(im, item, e);
	}
	e = is_new(im, u, &new);
	if (e || !new) {
		im->skipped += !e;
		upload_free(u);
		return e;
	}
	append->upload = u;
	im->names[im->count] = arena_str(&im->arena, str_c(name_of(item))).p;
	/* The UID it had, if no other here can have it. */
	if (uid >= im->next && uid < UINT32_MAX)
		im->next = append->uid = (uid_num)uid;
	im->next++;
	im->bytes += upload_size(u);
	im->count++;
	control_progress(im->call, "messages", im->added + im->count, 0);
	if (im->count == BATCH_MESSAGES || im->bytes >= BATCH_BYTES)
		return commit_batch(im);
	return OK;
}

static enum err take_mailbox(struct import *im, const json_t *item)
{
	const char *given = json_string_value(json_object_get(item, "mailbox"));
	int64_t uidvalidity = integer(item, "uidvalidity", 0);
	str name;
	enum err e = commit_batch(im);

	if (e)
		return e;
	e = given ? mailbox_name_canonical(&im->arena, str_c(given), &name)
		  : ERR_INVALID;
	if (e)
		return control_fail(im->call, e, "not a mailbox name: %s",
			given ? given : "(none)");
	free(im->mailbox);
	im->mailbox = xstrndup(name.p, name.n);
	copies_forget(im);
	e = mailbox_open(im->mail, &im->user, name, RIGHT_INSERT, &im->ref);
	if (e == ERR_NOTFOUND)
		e = mailbox_create(im->mail, &im->user, name, 0, 0, &im->ref);
	if (!e && uidvalidity > 0 && uidvalidity < UINT32_MAX) {
		e = mailbox_set_uids(
			im->mail, &im->ref, (uint32_t)uidvalidity, 1);
		if (e == ERR_INUSE)
			e = OK; /* somebody uses it: it keeps its own */
	}
	return e;
}

static enum err take_uidnext(struct import *im, const json_t *item)
{
	int64_t uidnext = integer(item, "uidnext", 0);
	enum err e = commit_batch(im);

	if (e || !im->mailbox || uidnext <= 0 || uidnext >= UINT32_MAX)
		return e ? e : ERR_INVALID;
	return mailbox_set_uids(im->mail, &im->ref, 0, (uid_num)uidnext);
}

static enum err take_subscription(struct import *im, const json_t *item)
{
	const char *given =
		json_string_value(json_object_get(item, "subscribe"));
	str name;
	enum err e =
		given ? mailbox_name_canonical(&im->arena, str_c(given), &name)
		      : ERR_INVALID;

	return e ? e : mailbox_subscribe(im->mail, &im->user, name, true);
}

static enum err take_item(struct import *im, const json_t *item)
{
	if (json_object_get(item, "mailbox"))
		return take_mailbox(im, item);
	if (json_object_get(item, "uidnext"))
		return take_uidnext(im, item);
	if (json_object_get(item, "subscribe"))
		return take_subscription(im, item);
	return take_message(im, item);
}

enum err import_run(struct control_call *call, void *ctx)
{
	struct mail_service *service = ctx;
	struct import *im = xcalloc(1, sizeof *im);
	json_t *answer = control_answer(call);
	const json_t *item;
	enum err e;

	im->call = call;
	im->mail = service->mail;
	im->user.account = (account_num)control_integer(call, "account", 0);
	im->user.rights = RIGHT_ALL;
	arena_init(&im->arena, SIZE_MAX);
	e = im->user.account ? OK : ERR_INVALID;
	while (!e && !(e = control_next_item(call, &item)) && item)
		e = take_item(im, item);
	if (!e)
		e = commit_batch(im);
	forget_batch(im);
	json_object_set_new(
		answer, "added", json_integer((json_int_t)im->added));
	json_object_set_new(
		answer, "skipped", json_integer((json_int_t)im->skipped));
	json_object_set_new(
		answer, "refused", json_integer((json_int_t)im->refused));
	copies_forget(im);
	arena_fini(&im->arena);
	free(im->mailbox);
	free(im);
	return e;
}
