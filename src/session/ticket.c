/* SPDX-License-Identifier: Apache-2.0 */
#include "session/ticket.h"
#include "base/alloc.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "base/secret.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

enum { VERSION = 1, MAC_SIZE = 32 };

/* ---------------------------------------------------------------- signing */

static void sign(str key, str text, unsigned char mac_r[MAC_SIZE])
{
	unsigned n = 0;

	assert(key.n == TICKET_KEY_SIZE);
	if (!HMAC(EVP_sha256(), key.p, (int)key.n,
		    (const unsigned char *)text.p, text.n, mac_r, &n) ||
		n != MAC_SIZE)
		abort();
}

void ticket_mint(str key, struct ticket *t, uint64_t now_ms, struct buf *out)
{
	unsigned char mac[MAC_SIZE];
	struct buf body;

	t->expires_ms = now_ms + TICKET_LIFETIME_MS;
	secret_random(t->nonce, sizeof t->nonce);
	buf_init(&body, TICKET_MAX - MAC_SIZE);
	buf_add_byte(&body, VERSION);
	buf_add_be64(&body, t->account);
	buf_add_be64(&body, t->expires_ms);
	buf_add_be32(&body, t->rights);
	buf_add(&body, str_of((const char *)t->nonce, sizeof t->nonce));
	buf_add_sized(&body, t->protocol);
	buf_add_sized(&body, t->name);
	assert(buf_err(&body) == OK);
	sign(key, buf_str(&body), mac);
	buf_add(out, buf_str(&body));
	buf_add(out, str_of((const char *)mac, sizeof mac));
	secret_wipe(body.p, body.n);
	buf_fini(&body);
}

uint64_t ticket_minted_ms(const struct ticket *t)
{
	return t->expires_ms - TICKET_LIFETIME_MS;
}

static enum err decode(str bytes, struct ticket *t)
{
	struct cursor c = cursor_of(str_take(bytes, bytes.n - MAC_SIZE));
	str nonce;

	if (cursor_u8(&c) != VERSION)
		return ERR_INVALID;
	t->account = cursor_be64(&c);
	t->expires_ms = cursor_be64(&c);
	t->rights = cursor_be32(&c);
	nonce = cursor_take(&c, sizeof t->nonce);
	t->protocol = cursor_sized(&c);
	t->name = cursor_sized(&c);
	if (!cursor_ok(&c) || !cursor_done(&c))
		return ERR_INVALID;
	memcpy(t->nonce, nonce.p, sizeof t->nonce);
	return OK;
}

/* --------------------------------------------------------- tickets in use */

/* A hash table with linear probing. Expired entries go when the table is
 * rebuilt, which is when it has become half full. */
struct used {
	unsigned char nonce[TICKET_NONCE_SIZE];
	uint64_t expires_ms; /* 0: free */
};

#define ENDED_BUCKETS 256
#define PROTOCOL_MAX 16

/* Tickets that may not be used any more. */
struct ended {
	struct ended *next;
	uint64_t account;
	char protocol[PROTOCOL_MAX]; /* "": any */
	uint64_t moment_ms;
};

struct ticket_table {
	struct used *slots;
	size_t size; /* a power of two */
	size_t count;
	uint64_t since_ms;
	struct ended *ended[ENDED_BUCKETS];
	uint64_t swept_ms;
};

/* What ended before the oldest ticket that still holds has done its work. */
static void sweep_ended(struct ticket_table *table, uint64_t now_ms)
{
	for (size_t i = 0; i < ENDED_BUCKETS; i++) {
		struct ended **at = &table->ended[i];

		while (*at) {
			struct ended *e = *at;

			if (now_ms - e->moment_ms <= TICKET_LIFETIME_MS) {
				at = &e->next;
				continue;
			}
			*at = e->next;
			free(e);
		}
	}
	table->swept_ms = now_ms;
}

static struct ended **bucket_of(struct ticket_table *table, uint64_t account)
{
	return &table->ended[hash_u64(account) % ENDED_BUCKETS];
}

void ticket_table_end(struct ticket_table *table, uint64_t account,
	str protocol, uint64_t moment_ms, uint64_t now_ms)
{
	struct ended **at = bucket_of(table, account);
	struct ended *e = *at;

	/* What mail's own clock has not seen yet. */
	if (moment_ms > now_ms)
		moment_ms = now_ms;
	if (protocol.n >= PROTOCOL_MAX)
		return; /* there is none of such a name */
	while (e && (e->account != account ||
			    !str_eq(protocol, str_c(e->protocol))))
		e = e->next;
	if (!e) {
		if (now_ms - table->swept_ms > TICKET_LIFETIME_MS)
			sweep_ended(table, now_ms);
		e = xcalloc(1, sizeof *e);
		e->account = account;
		memcpy(e->protocol, protocol.p, protocol.n);
		e->next = *at; /* after the sweep */
		*at = e;
	}
	if (moment_ms > e->moment_ms)
		e->moment_ms = moment_ms;
}

static bool has_ended(struct ticket_table *table, const struct ticket *t)
{
	const struct ended *e = *bucket_of(table, t->account);

	for (; e; e = e->next)
		if (e->account == t->account &&
			ticket_minted_ms(t) <= e->moment_ms &&
			(!e->protocol[0] || str_eq_c(t->protocol, e->protocol)))
			return true;
	return false;
}

struct ticket_table *ticket_table_new(uint64_t since_ms)
{
	struct ticket_table *table = xcalloc(1, sizeof *table);

	table->since_ms = since_ms;
	table->size = 64;
	table->slots = xcalloc(table->size, sizeof *table->slots);
	return table;
}

void ticket_table_free(struct ticket_table *table)
{
	if (!table)
		return;
	sweep_ended(table, UINT64_MAX);
	free(table->slots);
	free(table);
}

/* The nonce's slot, or the free one where it belongs. */
static struct used *find(struct ticket_table *table, const unsigned char *nonce)
{
	str key = str_of((const char *)nonce, TICKET_NONCE_SIZE);
	size_t i = hash_str(key) & (table->size - 1);

	while (table->slots[i].expires_ms &&
		memcmp(table->slots[i].nonce, nonce, TICKET_NONCE_SIZE) != 0)
		i = (i + 1) & (table->size - 1);
	return &table->slots[i];
}

static void insert(struct ticket_table *table, const struct used *entry)
{
	*find(table, entry->nonce) = *entry;
	table->count++;
}

/* Twice as large as what is still valid needs. */
static void rebuild(struct ticket_table *table, uint64_t now_ms)
{
	struct ticket_table old = *table;
	size_t valid = 0;

	for (size_t i = 0; i < old.size; i++)
		valid += old.slots[i].expires_ms > now_ms;
	for (table->size = 64; table->size < valid * 4;)
		table->size *= 2;
	table->slots = xcalloc(table->size, sizeof *table->slots);
	table->count = 0;
	for (size_t i = 0; i < old.size; i++) {
		if (old.slots[i].expires_ms > now_ms)
			insert(table, &old.slots[i]);
	}
	free(old.slots);
}

static enum err use_up(
	struct ticket_table *table, const struct ticket *t, uint64_t now_ms)
{
	struct used entry = {.expires_ms = t->expires_ms};

	if (find(table, t->nonce)->expires_ms)
		return ERR_INUSE;
	if (table->count * 2 >= table->size)
		rebuild(table, now_ms);
	memcpy(entry.nonce, t->nonce, sizeof entry.nonce);
	insert(table, &entry);
	return OK;
}

enum err ticket_redeem(struct ticket_table *table, str key, str bytes,
	str protocol, uint64_t now_ms, struct ticket *t)
{
	unsigned char mac[MAC_SIZE];
	str body;
	enum err err;

	if (bytes.n <= MAC_SIZE || bytes.n > TICKET_MAX)
		return ERR_INVALID;
	body = str_take(bytes, bytes.n - MAC_SIZE);
	sign(key, body, mac);
	if (!secret_eq(str_skip(bytes, body.n),
		    str_of((const char *)mac, sizeof mac)))
		return ERR_DENIED;
	err = decode(bytes, t);
	if (err)
		return err;
	if (!str_eq(t->protocol, protocol))
		return ERR_DENIED;
	if (now_ms >= t->expires_ms ||
		t->expires_ms < table->since_ms + TICKET_LIFETIME_MS ||
		has_ended(table, t))
		return ERR_EXPIRED;
	return use_up(table, t, now_ms);
}
