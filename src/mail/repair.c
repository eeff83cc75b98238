/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/repair.h"
#include "base/alloc.h"
#include "base/log.h"
#include "mail/repair_private.h"

#include <stdlib.h>
#include <time.h>

/* What an account's write comes to that shall not be done, in a dry run or
 * because there are bits to put right first. */
#define UNDONE ERR_CLOSED
#define TRIES 4
/* What does not stay right is not corrected for ever. */
#define ROUNDS 10

struct mending {
	struct store_damage *list;
	size_t count;
	bool blocked; /* something could not be repaired */
};

void repair_say(struct repairing *r, bool lost, const char *format, ...)
{
	struct buf words = BUF_UNBOUNDED;
	struct r_said *said = R_ADD(&r->words, &r->said);
	va_list ap;

	va_start(ap, format);
	buf_vaddf(&words, format, ap);
	va_end(ap);
	said->words = arena_str(&r->words, buf_str(&words));
	said->lost = lost;
	buf_fini(&words);
}

void repair_put(struct repairing *r, str value)
{
	r->changes = true;
	store_put(r->ch.txn, buf_str(&r->ch.key), value);
}

void repair_delete(struct repairing *r)
{
	r->changes = true;
	store_delete(r->ch.txn, buf_str(&r->ch.key));
}

/* The account. */

/* Greater than all that was given out, as far as anything says so. */
static void settle_account(struct repairing *r)
{
	struct account_record *a = &r->ch.record, was = r->record;

	*a = r->record;
	if (!r->account_good)
		*a = (struct account_record){
			.next_mailbox = 1,
			.next_message = 1,
			.next_uidvalidity = (uint32_t)r->ch.now,
			.modseq = 1,
		};
	if (a->next_mailbox <= r->greatest_mailbox)
		a->next_mailbox = r->greatest_mailbox + 1;
	if (a->next_message <= r->greatest_message)
		a->next_message = r->greatest_message + 1;
	if (a->next_message <= r->greatest_linked && !r->account_good)
		a->next_message = r->greatest_linked + 1;
	if (a->next_uidvalidity <= r->greatest_uidvalidity && !r->account_good)
		a->next_uidvalidity = r->greatest_uidvalidity + 1;
	if (a->modseq < r->greatest_modseq)
		a->modseq = r->greatest_modseq;
	if (!r->account_good)
		repair_say(r, true,
			"the account's record is made anew; its quota is lost: "
			"set it again");
	if (!r->account_good || a->next_mailbox != was.next_mailbox ||
		a->next_message != was.next_message || a->modseq != was.modseq)
		r->changes = true;
}

/* A gap among messages' bytes only, where it is not a table that is damaged:
 * what is more than a bit is told to who reads the message. */
static bool is_of_bytes(const struct r_gap *g)
{
	char from = g->from.n >= KEY_HEAD ? g->from.p[KEY_HEAD - 1] : 0,
	     to = g->to.n >= KEY_HEAD ? g->to.p[KEY_HEAD - 1] : 0;

	return g->damage == 0 && from == to && (from == 'c' || from == 'f');
}

static bool can_be_repaired(struct repairing *r)
{
	for (size_t i = 0; i < r->gaps.count; i++)
		if (r->gaps.list[i].damage == 0 &&
			!is_of_bytes(&r->gaps.list[i])) {
			repair_say(r, true,
				"more than a block of a table is damaged: "
				"nothing is repaired; restore it from a "
				"backup, or export what can be read");
			return false;
		}
	return true;
}

static void bury_gaps(struct repairing *r)
{
	static const struct {
		char letter;
		const char *words;
	} lost[] = {
		{'c', "bytes of messages are lost"},
		{'e', "annotations are lost"},
		{'f', "bytes of messages are lost"},
		{'o', "what was delivered before is forgotten"},
		{'r', "names that mailboxes had are forgotten"},
	};
	bool any = false;

	for (size_t i = 0; i < r->gaps.count; i++) {
		const struct r_gap *g = &r->gaps.list[i];

		if (g->damage == 0)
			continue;
		store_bury(r->ch.txn, g->from, g->to);
		r->changes = any = true;
	}
	for (size_t i = 0; any && i < COUNT_OF(lost); i++)
		if (repair_letter_in_gap(r, lost[i].letter))
			repair_say(r, true, "perhaps %s", lost[i].words);
}

static void correct_bytes(struct repairing *r)
{
	for (size_t i = 0; i < r->gaps.count; i++)
		if (is_of_bytes(&r->gaps.list[i]))
			repair_bytes(
				r, r->gaps.list[i].from, r->gaps.list[i].to);
	repair_bytes_end(r);
}

static void drop_bad_keys(struct repairing *r)
{
	for (size_t i = 0; i < r->bad_keys.count; i++) {
		buf_reset(&r->ch.key);
		buf_add(&r->ch.key, r->bad_keys.list[i]);
		repair_delete(r);
	}
}

static void forget_boxes(struct repairing *r)
{
	for (size_t i = 0; i < r->boxes.count; i++) {
		struct r_box *box = &r->boxes.list[i];

		uidset_fini(&box->expunged);
		uidset_fini(&box->damaged);
		uidset_fini(&box->added);
		uidset_fini(&box->altered);
		uidset_fini(&box->gone);
	}
	r->boxes.count = 0;
}

static void repairing_reset(struct repairing *r)
{
	struct mail *mail = r->mail;
	struct repair *repair = r->repair;
	account_num account = r->account;
	struct arena words = r->words;
	bool corrected = r->corrected;

	forget_boxes(r);
	uidset_fini(&r->deleted);
	uidset_fini(&r->uploads);
	uidset_fini(&r->expunging);
	*r = (struct repairing){
		.mail = mail, .repair = repair, .account = account};
	r->words = words;
	r->corrected = corrected;
	arena_reset(&r->words);
}

/* What is needed after the write. */
static void keep_results(struct repairing *r)
{
	for (size_t i = 0; i < r->gaps.count; i++) {
		struct r_gap *g = &r->gaps.list[i];

		if (g->damage == 0 ||
			store_is_one_bit(r->mail->store, g->damage))
			continue;
		*R_ADD(&r->words, &r->buried) = (struct r_gap){
			arena_str(&r->words, g->from), str_none(), g->damage};
	}
	for (size_t i = 0; i < r->boxes.count; i++)
		if (r->boxes.list[i].there && r->boxes.list[i].changed)
			*R_ADD(&r->words, &r->touched) = r->boxes.list[i].id;
}

static enum err repair_loaded(struct repairing *r)
{
	enum err e;

	r->blocked = !can_be_repaired(r);
	if (r->blocked)
		return OK;
	settle_account(r);
	bury_gaps(r);
	correct_bytes(r);
	drop_bad_keys(r);
	e = repair_messages(r);
	return e ? e : repair_boxes(r);
}

/* In a dry run: what is lost of the rest shows when they are right. */
static bool waits_for_bits(struct repairing *r)
{
	size_t bits = 0;

	for (size_t i = 0; i < r->gaps.count; i++)
		bits += store_is_one_bit(
			r->mail->store, r->gaps.list[i].damage);
	if (bits && bits < r->gaps.count)
		repair_say(r, true,
			"more is damaged than these bits; what is lost shows "
			"when they are right");
	return bits > 0;
}

static enum err repair_account(struct store_txn *txn, void *arg)
{
	struct repairing *r = arg;
	enum err e;

	repairing_reset(r);
	change_begin(&r->ch, txn, r->account);
	e = repair_load(r);
	r->met_damage = r->gaps.count > 0;
	if (!e && r->met_damage && !r->corrected)
		e = UNDONE;
	if (!e && r->any && !r->removed && !waits_for_bits(r))
		e = repair_loaded(r);
	keep_results(r);
	if (!r->changes)
		r->ch.record.next_mailbox = 0; /* nothing to write */
	if (!e && r->repair->dry)
		e = UNDONE;
	forget_boxes(r); /* the lists are in its arena */
	return change_end(&r->ch, e);
}

/* All accounts. */

static void say_all(struct repairing *r)
{
	struct repair *repair = r->repair;

	repair->account = r->account;
	for (size_t i = 0; i < r->said.count; i++) {
		const struct r_said *said = &r->said.list[i];

		repair->done += !said->lost;
		repair->lost += said->lost;
		repair->said(repair->arg, said->words, said->lost);
		if (!repair->dry)
			log_warn("mail", "repaired",
				LOG_U64("account_number", r->account),
				LOG_STR("what", said->words));
	}
}

/* Of each damage the first place. */
static void note_damages(struct mending *m, const struct repairing *r)
{
	for (size_t i = 0; i < r->buried.count; i++) {
		struct store_damage *d;
		size_t at = 0;

		while (at < m->count &&
			m->list[at].number != r->buried.list[i].damage)
			at++;
		if (at < m->count)
			continue;
		m->list = xrealloc(m->list, m->count + 1, sizeof *m->list);
		d = &m->list[m->count++];
		d->number = r->buried.list[i].damage;
		d->key = BUF_UNBOUNDED;
		buf_add(&d->key, r->buried.list[i].from);
	}
}

/* A write may be what the engine says of damage that it met by itself; it goes
 * on after a moment. */
static bool try_again(enum err e, unsigned *tries)
{
	if (e != ERR_CORRUPT || ++*tries > TRIES)
		return false;
	nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 200000000}, NULL);
	return true;
}

static void say_bit(void *arg, const char *file, uint64_t bit)
{
	struct repair *repair = arg;
	struct buf words = BUF_UNBOUNDED;

	buf_addf(&words, "a wrong bit of %s, in byte %llu, is put right", file,
		(unsigned long long)bit / 8);
	repair->account = 0;
	repair->done++;
	repair->said(repair->arg, buf_str(&words), false);
	buf_fini(&words);
}

/* Before anything is given up that is damaged by no more than a bit. */
static enum err correct(struct mail *mail, struct repair *repair, bool met_only,
	unsigned *corrected_r)
{
	struct store_correct c = {.dry = repair->dry,
		.met_only = met_only,
		.said = say_bit,
		.arg = repair};
	enum err e = store_correct(mail->store, &c);

	*corrected_r = c.corrected;
	return e;
}

static enum err write_once(struct repairing *r)
{
	unsigned tries = 0;
	enum err e;

	do
		e = account_write(r->mail, r->account, repair_account, r);
	while (try_again(e, &tries));
	return e;
}

/* Its write; if it met damage, again when bits are right: behind a block of an
 * index there may be more of them. */
static enum err write_account(struct repairing *r)
{
	enum err e = write_once(r);

	for (unsigned round = 1; e == UNDONE && r->met_damage && !r->corrected;
		round++) {
		unsigned corrected;

		e = correct(r->mail, r->repair, true, &corrected);
		r->corrected = r->repair->dry || !corrected || round == ROUNDS;
		if (!e)
			e = write_once(r);
	}
	return e == UNDONE && r->repair->dry ? OK : e;
}

static enum err repair_one(struct mail *mail, account_num account,
	struct repair *repair, struct mending *mending)
{
	struct repairing r = {
		.mail = mail, .repair = repair, .account = account};
	enum err e;

	arena_init(&r.words, SIZE_MAX);
	e = write_account(&r);
	if (!e) {
		say_all(&r);
		note_damages(mending, &r);
		mending->blocked |= r.blocked;
		repair->accounts += r.any;
	}
	for (size_t i = 0; !e && !repair->dry && i < r.touched.count; i++)
		mail_notify(mail, account, r.touched.list[i],
			NEWS_ADDED | NEWS_EXPUNGED | NEWS_FLAGS, NULL);
	repairing_reset(&r);
	arena_fini(&r.words);
	return e;
}

static enum err mend(
	struct mail *mail, struct repair *repair, const struct mending *m)
{
	struct buf words = BUF_UNBOUNDED;
	unsigned tries = 0;
	enum err e = OK;

	if (m->count == 0)
		return OK;
	repair->account = 0;
	do
		if (!repair->dry)
			e = store_mend(mail->store, m->list, m->count);
	while (try_again(e, &tries));
	buf_addf(&words,
		e ? "%zu damaged places cannot all be mended"
		  : "%zu damaged places are mended",
		m->count);
	repair->done += !e;
	repair->lost += e != OK;
	repair->said(repair->arg, buf_str(&words), e != OK);
	buf_fini(&words);
	return e;
}

static enum err repair_all(
	struct mail *mail, struct repair *repair, struct mending *mending)
{
	account_num at = 0;
	enum err e;

	while (!(e = mail_next_account(mail, at, &at)) && at) {
		e = repair_one(mail, at, repair, mending);
		if (!e && repair->progress &&
			repair->progress(repair->arg, repair->accounts))
			e = ERR_CLOSED;
		if (e)
			return e;
	}
	if (!e && !mending->blocked)
		e = mend(mail, repair, mending);
	return e;
}

enum err repair_mail(struct mail *mail, account_num only, struct repair *repair)
{
	struct mending mending = {0};
	unsigned corrected;
	enum err e;

	repair->accounts = repair->done = repair->lost = 0;
	e = correct(mail, repair, false, &corrected);
	if (!e)
		e = only ? repair_one(mail, only, repair, &mending)
			 : repair_all(mail, repair, &mending);
	for (size_t i = 0; i < mending.count; i++)
		buf_fini(&mending.list[i].key);
	free(mending.list);
	if (!repair->dry)
		mail_wake_janitor(mail);
	return e ? e : mending.blocked ? ERR_CORRUPT : OK;
}
