/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/login_cache.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/secret.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>

#define WAYS 8 /* places where an entry may be */
#define MAC_SIZE 32

struct entry {
	uint64_t account; /* 0: empty */
	uint64_t expires;
	char mac[MAC_SIZE];
};

struct login_cache {
	pthread_mutex_t lock;
	char key[MAC_SIZE];
	struct entry entries[LOGIN_CACHE_ENTRIES];
};

struct login_cache *login_cache_new(void)
{
	struct login_cache *c = xcalloc(1, sizeof *c);

	pthread_mutex_init(&c->lock, NULL);
	secret_random(c->key, sizeof c->key);
	return c;
}

void login_cache_free(struct login_cache *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	secret_wipe(c, sizeof *c);
	free(c);
}

static void make_mac(const struct login_cache *c,
	const struct login_cache_key *key, char mac_r[MAC_SIZE])
{
	struct buf text = BUF_UNBOUNDED;

	/* In one piece: growing would leave copies of the password. */
	(void)buf_reserve(&text, 32 + key->against.n + key->password.n);
	buf_add_be64(&text, key->account);
	buf_add_sized(&text, key->against);
	buf_add(&text, key->password);
	if (!HMAC(EVP_sha256(), c->key, sizeof c->key,
		    (const unsigned char *)text.p, text.n,
		    (unsigned char *)mac_r, NULL))
		abort();
	secret_wipe(text.p, text.cap);
	buf_fini(&text);
}

/* The MAC is as good as a hash of it. */
static struct entry *first_way(struct login_cache *c, const char *mac)
{
	uint64_t at;

	memcpy(&at, mac, sizeof at);
	return &c->entries[(at % (LOGIN_CACHE_ENTRIES / WAYS)) * WAYS];
}

static struct entry *find(
	struct login_cache *c, uint64_t account, const char *mac)
{
	struct entry *way = first_way(c, mac);

	for (int i = 0; i < WAYS; i++)
		if (way[i].account == account &&
			secret_eq(str_of(way[i].mac, MAC_SIZE),
				str_of(mac, MAC_SIZE)))
			return &way[i];
	return NULL;
}

bool login_cache_has(
	struct login_cache *c, const struct login_cache_key *key, uint64_t now)
{
	char mac[MAC_SIZE];
	const struct entry *e;
	bool has;

	make_mac(c, key, mac);
	pthread_mutex_lock(&c->lock);
	e = find(c, key->account, mac);
	has = e && now < e->expires;
	pthread_mutex_unlock(&c->lock);
	return has;
}

void login_cache_add(struct login_cache *c, const struct login_cache_key *key,
	uint64_t now, uint64_t lifetime_ms)
{
	char mac[MAC_SIZE];
	struct entry *e;

	if (!lifetime_ms)
		return;
	make_mac(c, key, mac);
	pthread_mutex_lock(&c->lock);
	e = find(c, key->account, mac);
	if (!e) {
		struct entry *way = first_way(c, mac);

		e = way;
		for (int i = 1; i < WAYS; i++)
			if (way[i].expires < e->expires)
				e = &way[i];
	}
	e->account = key->account;
	e->expires = now + lifetime_ms;
	memcpy(e->mac, mac, MAC_SIZE);
	pthread_mutex_unlock(&c->lock);
}

void login_cache_forget(struct login_cache *c, uint64_t account)
{
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < LOGIN_CACHE_ENTRIES; i++)
		if (!account || c->entries[i].account == account)
			c->entries[i] = (struct entry){0};
	pthread_mutex_unlock(&c->lock);
}
