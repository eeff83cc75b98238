/* SPDX-License-Identifier: Apache-2.0 */
#include "search/walk.h"
#include "mail/records.h"
#include "store/store.h"

/* Messages under one transaction. */
#define WALK_BATCH 256

static enum err walk_one(const struct search_scope *scope,
	struct records *digests, uid_num uid, struct buf *bytes,
	walk_function *call, void *arg)
{
	const struct membership *m = view_find(scope->view, uid);
	struct digest digest = {.flags = 0};
	str value;
	enum err e;

	if (!m)
		return ERR_CORRUPT; /* the view's blocks say so, its set not */
	e = records_look(digests, m->message, bytes, &value);
	if (!e)
		e = digest_decode(value, &digest);
	if (e)
		digest = (struct digest){.flags = 0};
	if (e)
		e = search_unreadable(scope, digests->txn, m, DAMAGE_DIGEST,
			e == ERR_NOTFOUND ? ERR_EXPUNGED : e);
	return e ? e : call(arg, m, &digest);
}

enum err walk_digests(const struct search_scope *scope,
	const struct uidset *uids, walk_function *call, void *arg)
{
	struct uidset_iter it = uidset_iter(uids, 1);
	uid_num uid = uidset_iter_next(&it);
	struct buf bytes = BUF_UNBOUNDED;
	uint32_t of = uidset_count(uids), done = 0;
	enum err e = OK;

	while (!e && uid) {
		struct store_txn *txn =
			store_begin_read(mail_store(scope->mail));
		struct records digests;

		records_begin(&digests, txn, scope->view->account, 'd');
		for (int i = 0; !e && uid && i < WALK_BATCH; i++) {
			e = walk_one(scope, &digests, uid, &bytes, call, arg);
			uid = uidset_iter_next(&it);
			done++;
		}
		records_end(&digests);
		store_end_read(txn);
		if (!e && scope->cancelled &&
			scope->cancelled(scope->arg, done, of))
			e = ERR_CLOSED;
	}
	buf_fini(&bytes);
	return e;
}
