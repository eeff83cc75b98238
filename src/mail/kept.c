/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/kept.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "mail/private.h"

#include <stdlib.h>

#define BUCKETS 1024

/* Texts of the messages of one block; once it is in a list it does not change
 * any more. Or, alone, what was found. */
struct kept_page {
	_Atomic uint32_t refs;
	uint32_t number;
	uint32_t count; /* texts */
	struct buf bytes;
	struct {
		uint32_t at, n; /* n is 0: it is not there */
	} texts[BLOCK_UIDS];
};

/* What is kept of a mailbox under one key. */
struct kept_list {
	struct kept_list *bucket_next;
	struct kept_list *older, *newer;
	account_num account;
	mailbox_num mailbox;
	uint32_t uidvalidity;
	uint64_t used_ms;
	size_t bytes;
	size_t count, room;
	struct kept_page **pages; /* ascending */
	/* Of keep_found; NULL: nothing. */
	struct kept_page *found;
	struct uidset uids;
	size_t key_n;
	char key[];
};

struct kept {
	pthread_mutex_t lock;
	struct kept_list *buckets[BUCKETS]; /* by mailbox */
	uint32_t forgotten[BUCKETS];
	struct kept_list *oldest, *newest;
	size_t bytes;
};

/* Pages. */

static struct kept_page *page_new(uint32_t number)
{
	struct kept_page *page = xcalloc(1, sizeof *page);

	page->refs = 1;
	page->number = number;
	page->bytes = BUF_UNBOUNDED;
	return page;
}

static void page_unref(struct kept_page *page)
{
	if (!page || atomic_fetch_sub(&page->refs, 1) != 1)
		return;
	buf_fini(&page->bytes);
	free(page);
}

static struct kept_page *page_copy(const struct kept_page *from)
{
	struct kept_page *page = page_new(from->number);

	page->count = from->count;
	memcpy(page->texts, from->texts, sizeof page->texts);
	buf_add(&page->bytes, buf_str(&from->bytes));
	return page;
}

static void page_shrink(struct kept_page *page)
{
	if (!page->bytes.n)
		return;
	page->bytes.p = xrealloc(page->bytes.p, page->bytes.n, 1);
	page->bytes.cap = page->bytes.n;
}

static size_t page_memory(const struct kept_page *page)
{
	return page ? sizeof *page + page->bytes.cap : 0;
}

static str page_text(const struct kept_page *page, uid_num uid)
{
	uint32_t i = uid % BLOCK_UIDS;

	if (!page || !page->texts[i].n)
		return str_none();
	return str_of(page->bytes.p + page->texts[i].at, page->texts[i].n);
}

/* Lists. All with the lock. */

static struct kept_list **bucket_of(
	struct kept *kept, account_num account, mailbox_num mailbox)
{
	return &kept->buckets[mailbox_hash(account, mailbox) % BUCKETS];
}

static uint32_t *forgotten_of(
	struct kept *kept, account_num account, mailbox_num mailbox)
{
	return &kept->forgotten[mailbox_hash(account, mailbox) % BUCKETS];
}

static void order_remove(struct kept *kept, struct kept_list *list)
{
	if (list->older)
		list->older->newer = list->newer;
	else
		kept->oldest = list->newer;
	if (list->newer)
		list->newer->older = list->older;
	else
		kept->newest = list->older;
}

static void order_append(struct kept *kept, struct kept_list *list)
{
	list->newer = NULL;
	list->older = kept->newest;
	if (list->older)
		list->older->newer = list;
	else
		kept->oldest = list;
	kept->newest = list;
	list->used_ms = clock_monotonic_ms();
}

static void count_bytes(
	struct kept *kept, struct kept_list *list, size_t more, size_t less)
{
	list->bytes += more - less;
	kept->bytes += more - less;
}

static void list_free(struct kept *kept, struct kept_list *list)
{
	struct kept_list **at = bucket_of(kept, list->account, list->mailbox);

	while (*at != list)
		at = &(*at)->bucket_next;
	*at = list->bucket_next;
	order_remove(kept, list);
	kept->bytes -= list->bytes;
	for (size_t i = 0; i < list->count; i++)
		page_unref(list->pages[i]);
	free(list->pages);
	page_unref(list->found);
	uidset_fini(&list->uids);
	free(list);
}

static struct kept_list *list_new(
	struct kept *kept, const struct mailbox_ref *ref, str key)
{
	struct kept_list **bucket = bucket_of(kept, ref->account, ref->id);
	struct kept_list *list = xcalloc(1, sizeof *list + key.n);

	list->account = ref->account;
	list->mailbox = ref->id;
	list->uidvalidity = ref->uidvalidity;
	list->key_n = key.n;
	memcpy(list->key, key.p, key.n);
	list->bucket_next = *bucket;
	*bucket = list;
	order_append(kept, list);
	count_bytes(kept, list, sizeof *list + key.n, 0);
	return list;
}

/* It was asked for just now. NULL: there is none. */
static struct kept_list *list_find(
	struct kept *kept, const struct mailbox_ref *ref, str key)
{
	struct kept_list *list = *bucket_of(kept, ref->account, ref->id);

	while (list &&
		(list->account != ref->account || list->mailbox != ref->id ||
			list->uidvalidity != ref->uidvalidity ||
			!str_eq(str_of(list->key, list->key_n), key)))
		list = list->bucket_next;
	if (list) {
		order_remove(kept, list);
		order_append(kept, list);
	}
	return list;
}

/* Of the first page with this number or a greater one. */
static size_t place_of(const struct kept_list *list, uint32_t number)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (list->pages[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct kept_page *list_page(
	const struct kept_list *list, uint32_t number)
{
	size_t at = place_of(list, number);

	return at < list->count && list->pages[at]->number == number
		       ? list->pages[at]
		       : NULL;
}

static void remove_page(
	struct kept *kept, struct kept_list *list, uint32_t number)
{
	size_t at = place_of(list, number);
	struct kept_page *page = list_page(list, number);

	if (!page)
		return;
	count_bytes(kept, list, 0, page_memory(page));
	page_unref(page);
	list->count--;
	memmove(list->pages + at, list->pages + at + 1,
		(list->count - at) * sizeof(struct kept_page *));
}

/* Takes the page over. */
static void insert_page(
	struct kept *kept, struct kept_list *list, struct kept_page *page)
{
	size_t at;

	remove_page(kept, list, page->number);
	if (list->count == list->room) {
		size_t more = list->room ? list->room : 8;

		list->pages = xrealloc(list->pages, list->room + more,
			sizeof(struct kept_page *));
		list->room += more;
		count_bytes(kept, list, more * sizeof(struct kept_page *), 0);
	}
	at = place_of(list, page->number);
	memmove(list->pages + at + 1, list->pages + at,
		(list->count - at) * sizeof(struct kept_page *));
	list->pages[at] = page;
	list->count++;
	count_bytes(kept, list, page_memory(page), 0);
}

static void forget_found(struct kept *kept, struct kept_list *list)
{
	if (!list->found)
		return;
	count_bytes(kept, list, 0,
		page_memory(list->found) + uidset_memory(&list->uids));
	page_unref(list->found);
	list->found = NULL;
	uidset_clear(&list->uids);
}

/* Others go, from the oldest on. False: it is too much nevertheless. */
static bool make_room(
	struct kept *kept, const struct kept_list *keep, size_t most)
{
	struct kept_list *list = kept->oldest, *newer;

	for (; kept->bytes > most && list; list = newer) {
		newer = list->newer;
		if (list != keep)
			list_free(kept, list);
	}
	return kept->bytes <= most;
}

/* Walking. */

void kept_begin(struct kept_walk *w, struct mail *mail,
	const struct mailbox_ref *ref, str key, bool keeps)
{
	*w = (struct kept_walk){.ref = ref, .key = key, .keeps = keeps};
	if (key.n > KEPT_KEY_MAX || !mail_limits_of(mail).answers)
		return;
	w->mail = mail;
	w->forgotten = kept_forgotten(mail, ref);
}

/* What is fresh takes the place of what is there. Two who made the same at once
 * leave the one that has more. */
static void publish(struct kept_walk *w)
{
	struct kept *kept = w->mail->kept;
	size_t most = mail_limits_of(w->mail).answers;
	struct kept_page *fresh = w->fresh, *old;
	struct kept_list *list;

	w->fresh = NULL;
	page_shrink(fresh);
	pthread_mutex_lock(&kept->lock);
	if (*forgotten_of(kept, w->ref->account, w->ref->id) != w->forgotten) {
		pthread_mutex_unlock(&kept->lock);
		page_unref(fresh);
		return;
	}
	list = list_find(kept, w->ref, w->key);
	if (!list)
		list = list_new(kept, w->ref, w->key);
	old = list_page(list, fresh->number);
	if (!old || old->count < fresh->count) {
		uint32_t number = fresh->number;

		insert_page(kept, list, fresh);
		/* The first ones stay: who goes through them all begins there
		 * again. */
		if (!make_room(kept, list, most))
			remove_page(kept, list, number);
	} else {
		page_unref(fresh);
	}
	pthread_mutex_unlock(&kept->lock);
}

void kept_pause(struct kept_walk *w)
{
	if (w->fresh)
		publish(w);
	page_unref(w->page);
	w->page = NULL;
	w->looks = false;
}

static void look_at(struct kept_walk *w, uint32_t number)
{
	struct kept *kept = w->mail->kept;
	struct kept_list *list;

	kept_pause(w);
	w->looks = true;
	w->number = number;
	pthread_mutex_lock(&kept->lock);
	list = list_find(kept, w->ref, w->key);
	if (list)
		w->page = list_page(list, number);
	if (w->page)
		atomic_fetch_add(&w->page->refs, 1);
	pthread_mutex_unlock(&kept->lock);
}

str kept_get(struct kept_walk *w, uid_num uid)
{
	if (!w->mail)
		return str_none();
	if (!w->looks || w->number != uid / BLOCK_UIDS)
		look_at(w, uid / BLOCK_UIDS);
	return page_text(w->fresh ? w->fresh : w->page, uid);
}

void kept_put(struct kept_walk *w, uid_num uid, str text)
{
	struct kept_page *page;
	uint32_t i = uid % BLOCK_UIDS;

	if (!w->mail || !w->keeps || !text.n || text.n > KEPT_TEXT_MAX)
		return;
	if (!w->looks || w->number != uid / BLOCK_UIDS)
		look_at(w, uid / BLOCK_UIDS);
	if (!w->fresh)
		w->fresh = w->page ? page_copy(w->page) : page_new(w->number);
	page = w->fresh;
	if (page->texts[i].n)
		return;
	page->texts[i].at = (uint32_t)page->bytes.n;
	page->texts[i].n = (uint32_t)text.n;
	page->count++;
	buf_add(&page->bytes, text);
}

void kept_end(struct kept_walk *w)
{
	if (w->mail)
		kept_pause(w);
	w->mail = NULL;
}

/* Findings. */

uint32_t kept_forgotten(struct mail *mail, const struct mailbox_ref *ref)
{
	struct kept *kept = mail->kept;
	uint32_t n;

	pthread_mutex_lock(&kept->lock);
	n = *forgotten_of(kept, ref->account, ref->id);
	pthread_mutex_unlock(&kept->lock);
	return n;
}

bool kept_found(struct mail *mail, const struct mailbox_ref *ref, str key,
	const struct uidset *uids, struct buf *found_r)
{
	struct kept *kept = mail->kept;
	struct kept_page *found = NULL;
	struct kept_list *list;

	pthread_mutex_lock(&kept->lock);
	list = list_find(kept, ref, key);
	if (list && list->found && uidset_eq(&list->uids, uids)) {
		found = list->found;
		atomic_fetch_add(&found->refs, 1);
	}
	pthread_mutex_unlock(&kept->lock);
	if (!found)
		return false;
	buf_add(found_r, buf_str(&found->bytes));
	page_unref(found);
	return true;
}

void keep_found(struct mail *mail, const struct mailbox_ref *ref, str key,
	const struct uidset *uids, uint32_t forgotten, str found)
{
	struct kept *kept = mail->kept;
	size_t most = mail_limits_of(mail).answers;
	struct kept_list *list;

	if (found.n > most || key.n > KEPT_KEY_MAX)
		return;
	pthread_mutex_lock(&kept->lock);
	if (*forgotten_of(kept, ref->account, ref->id) == forgotten) {
		list = list_find(kept, ref, key);
		if (!list)
			list = list_new(kept, ref, key);
		forget_found(kept, list);
		list->found = page_new(0);
		buf_add(&list->found->bytes, found);
		page_shrink(list->found);
		uidset_copy(&list->uids, uids);
		count_bytes(kept, list,
			page_memory(list->found) + uidset_memory(&list->uids),
			0);
		if (!make_room(kept, list, most))
			list_free(kept, list);
	}
	pthread_mutex_unlock(&kept->lock);
}

/* Forgetting. */

void kept_forget_block(struct mail *mail, account_num account,
	mailbox_num mailbox, uint32_t block)
{
	struct kept *kept = mail->kept;
	struct kept_list *list;

	pthread_mutex_lock(&kept->lock);
	++*forgotten_of(kept, account, mailbox);
	list = *bucket_of(kept, account, mailbox);
	for (; list; list = list->bucket_next) {
		if (list->account != account || list->mailbox != mailbox)
			continue;
		remove_page(kept, list, block);
		forget_found(kept, list);
	}
	pthread_mutex_unlock(&kept->lock);
}

void kept_forget_mailbox(
	struct mail *mail, account_num account, mailbox_num mailbox)
{
	struct kept *kept = mail->kept;
	struct kept_list *list, *next;

	pthread_mutex_lock(&kept->lock);
	++*forgotten_of(kept, account, mailbox);
	list = *bucket_of(kept, account, mailbox);
	for (; list; list = next) {
		next = list->bucket_next;
		if (list->account == account && list->mailbox == mailbox)
			list_free(kept, list);
	}
	pthread_mutex_unlock(&kept->lock);
}

void kept_forget_before(struct mail *mail, uint64_t ms)
{
	struct kept *kept = mail->kept;

	pthread_mutex_lock(&kept->lock);
	while (kept->oldest && kept->oldest->used_ms < ms)
		list_free(kept, kept->oldest);
	pthread_mutex_unlock(&kept->lock);
}

size_t kept_memory(struct mail *mail)
{
	size_t n;

	pthread_mutex_lock(&mail->kept->lock);
	n = mail->kept->bytes;
	pthread_mutex_unlock(&mail->kept->lock);
	return n;
}

struct kept *kept_new(void)
{
	struct kept *kept = xcalloc(1, sizeof *kept);

	pthread_mutex_init(&kept->lock, NULL);
	return kept;
}

void kept_free(struct kept *kept)
{
	while (kept->oldest)
		list_free(kept, kept->oldest);
	pthread_mutex_destroy(&kept->lock);
	free(kept);
}
