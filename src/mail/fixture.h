/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: a store in memory with one account, Ann's. */
#ifndef MAIL_FIXTURE_H
#define MAIL_FIXTURE_H

#include "base/test.h"
#include "base/uidset.h"
#include "mail/mail.h"
#include "mail/message.h"
#include "mail/upload.h"
#include "mail/verify.h"
#include "mail/bytes.h"
#include "mail/view.h"
#include "message/flags.h"
#include "store/store.h"

static const struct mail_user ann = {.account = 1, .rights = RIGHT_ALL};

struct world {
	struct store *store;
	struct mail *mail;
	struct mailbox_ref inbox;
	bool put_aside; /* messages leave memory before they are committed */
};

static inline void begin(struct world *w)
{
	w->put_aside = false;
	w->store = store_open_memory();
	w->mail = mail_new(w->store, NULL);
	assert_ok(mailbox_open(
		w->mail, &ann, STR("INBOX"), RIGHT_READ, &w->inbox));
}

static void on_problem(void *arg, str words)
{
	(void)arg;
	print_error("verify: %.*s\n", STR_ARG(words));
}

/* Every test leaves a store that agrees with itself. */
static inline void end(struct world *w)
{
	struct verify v = {.problem = on_problem};

	assert_ok(verify_mail(w->mail, 0, &v));
	assert_int_equal(v.problems, 0);
	assert_true(v.accounts > 0);
	mail_free(w->mail);
	store_close(w->store);
}

static inline enum err append(struct world *w, const char *mailbox, str text,
	uint64_t flags, const char *keyword, uid_num *uid_r)
{
	struct upload *u = upload_new(w->mail, ann.account);
	str keywords[] = {str_c(keyword)};
	struct append_item item = {.upload = u,
		.system_flags = flags,
		.keywords = keywords,
		.keyword_count = keyword ? 1 : 0};
	struct append_result result = {0};
	enum err e = upload_feed(u, text);

	if (!e && w->put_aside)
		e = upload_put_aside(&u, 1);
	if (!e)
		e = append_commit(
			w->mail, &ann, str_c(mailbox), &item, 1, &result);
	*uid_r = uidset_min(&result.uids);
	uidset_fini(&result.uids);
	upload_free(u);
	return e;
}

static inline uid_num add(struct world *w, const char *text, uint64_t flags)
{
	uid_num uid;

	assert_ok(append(w, "INBOX", str_c(text), flags, NULL, &uid));
	return uid;
}

static inline void assert_uids(
	struct world *w, const struct mailbox_ref *ref, const char *expected)
{
	struct view *v;
	struct buf b = BUF_UNBOUNDED;

	assert_ok(view_acquire(w->mail, ref, &v));
	uidset_print(&v->uids, &b);
	assert_str(buf_str(&b), expected);
	view_release(w->mail, v);
	buf_fini(&b);
}

#endif
