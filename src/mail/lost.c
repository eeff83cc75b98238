/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/lost.h"
#include "base/alloc.h"
#include "mail/private.h"

#include <stdlib.h>

/* A change as RocksDB writes it: a tag, the key's length, the key. */
#define TAG_DELETE 0
#define TAG_PUT 1
#define ACCOUNT_KEY 10 /* 'A', its number, a letter */
#define KEY_LONGEST 127

/* Places beyond these are not told; who has lost so much looks at all. */
#define PLACES_MAX 1000

struct places {
	struct lost_place list[PLACES_MAX];
	size_t count;
};

/* The key here, or an empty one: bytes are what they are. */
static str key_at(str bytes)
{
	static const char letters[] = "abcdefhijlmnopqrsx";
	struct cursor c = cursor_of(bytes);
	uint8_t tag = cursor_u8(&c), size = cursor_u8(&c);
	str key = cursor_take(&c, size);

	if (!cursor_ok(&c) || (tag != TAG_PUT && tag != TAG_DELETE) ||
		size < ACCOUNT_KEY || size > KEY_LONGEST || key.p[0] != 'A' ||
		!memchr(letters, key.p[ACCOUNT_KEY - 1], sizeof letters - 1))
		return str_of("", 0);
	return key;
}

static struct lost_place *place_of(
	struct places *p, account_num account, mailbox_num mailbox)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].account == account &&
			p->list[i].mailbox == mailbox)
			return &p->list[i];
	if (p->count == PLACES_MAX)
		return NULL;
	p->list[p->count] = (struct lost_place){account, mailbox, 0, 0};
	return &p->list[p->count++];
}

static void take_key(struct places *p, str key)
{
	struct cursor c = cursor_of(key_tail(key));
	char letter = key.p[ACCOUNT_KEY - 1];
	mailbox_num mailbox = strchr("bm", letter) ? cursor_be32(&c) : 0;
	struct lost_place *place = place_of(p, key_account_of(key), mailbox);
	uid_num first;

	if (!place || letter != 'b')
		return;
	first = cursor_be32(&c) * BLOCK_UIDS;
	if (!place->last || first < place->first)
		place->first = first ? first : 1;
	if (first + BLOCK_UIDS - 1 > place->last)
		place->last = first + BLOCK_UIDS - 1;
}

static void find_places(struct places *p, str bytes)
{
	while (bytes.n) {
		str key = key_at(bytes);

		if (key.n)
			take_key(p, key);
		bytes = str_skip(bytes, key.n ? 2 + key.n : 1);
	}
}

/* An account is told for itself when nothing closer is known. */
static bool is_telling(const struct places *p, const struct lost_place *place)
{
	if (place->mailbox)
		return true;
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].account == place->account && p->list[i].mailbox)
			return false;
	return true;
}

static void name_of(
	struct store_txn *txn, const struct lost_place *p, struct buf *name)
{
	struct buf key = BUF_UNBOUNDED, value = BUF_UNBOUNDED;
	struct mailbox_record record;

	buf_reset(name);
	key_mailbox(&key, p->account, 'm', p->mailbox);
	if (p->mailbox && store_get(txn, buf_str(&key), &value) == OK &&
		mailbox_decode(buf_str(&value), &record) == OK)
		buf_add(name, record.name);
	else if (p->mailbox)
		buf_addf(name, "mailbox %u", (unsigned)p->mailbox);
	buf_fini(&key);
	buf_fini(&value);
}

enum err lost_read(struct mail *mail, lost_fn *fn, void *arg, uint64_t *bytes_r)
{
	struct buf bytes = BUF_UNBOUNDED, name = BUF_UNBOUNDED;
	struct places *p;
	struct store_txn *txn;
	enum err e = store_read_lost(mail->store, &bytes);

	*bytes_r = bytes.n;
	if (e) {
		buf_fini(&bytes);
		return e;
	}
	p = xcalloc(1, sizeof *p);
	find_places(p, buf_str(&bytes));
	txn = store_begin_read(mail->store);
	for (size_t i = 0; i < p->count; i++)
		if (is_telling(p, &p->list[i])) {
			name_of(txn, &p->list[i], &name);
			fn(arg, &p->list[i], buf_str(&name));
		}
	store_end_read(txn);
	buf_fini(&bytes);
	buf_fini(&name);
	free(p);
	return OK;
}
