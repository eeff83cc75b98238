/* SPDX-License-Identifier: Apache-2.0 */
#include "net/limits.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/secret.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The mapping: a header, then the regions. A region is a total and a table of
 * peers in buckets of WAYS slots: a peer is in one of its two buckets, the
 * emptier one when it came, or nowhere. The owner alone writes a region, so
 * that a peer has one slot; readers look through both buckets in each region.
 * A slot whose count is 0 is free.
 *
 * There are twice as many slots as connections. Of two buckets of 16 that are
 * half full on average, both are never full in practice (with one choice it
 * happened once in 200); a connection that finds them so is refused.
 */
enum { WAYS = 16, MAGIC = 0x43756c31 };

struct slot {
	_Atomic uint64_t peer;
	_Atomic uint32_t count;
	uint32_t unused;
};

struct region {
	_Atomic uint32_t total;
	struct slot slots[] __attribute__((aligned(64)));
};

struct header {
	uint32_t magic;
	uint32_t regions;
	uint64_t buckets;      /* a power of two */
	uint64_t mix[2];       /* nobody outside foresees who shares a bucket */
	unsigned char pad[32]; /* the regions begin on a cache line */
};

struct limits {
	struct header *map;
	size_t size;
	/* Read once: other processes can write the header. */
	uint32_t regions;
	uint64_t buckets;
	uint64_t mix[2];
	unsigned own;
	uint32_t max_total, max_per_peer;
};

static size_t region_size(uint64_t buckets)
{
	return sizeof(struct region) + buckets * WAYS * sizeof(struct slot);
}

static struct region *region_at(const struct limits *l, unsigned i)
{
	char *first = (char *)(l->map + 1);

	return (struct region *)(void *)(first + i * region_size(l->buckets));
}

/* The finaliser of MurmurHash3: every bit of h counts in every bit. */
static uint64_t scramble(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

static struct slot *bucket_of(const struct limits *l, struct region *region,
	uint64_t peer, unsigned choice)
{
	uint64_t h =
		scramble(scramble(peer ^ l->mix[choice]) + l->mix[1 - choice]);

	return &region->slots[(h & (l->buckets - 1)) * WAYS];
}

static enum err map(int fd, size_t size, struct limits **limits_r)
{
	struct limits *l;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		log_error("limits", "cannot map shared memory",
			LOG_ERR(err_from_errno(errno)));
		return err_from_errno(errno);
	}
	l = xcalloc(1, sizeof *l);
	l->map = p;
	l->size = size;
	*limits_r = l;
	return OK;
}

static void take_header(struct limits *l)
{
	l->regions = l->map->regions;
	l->buckets = l->map->buckets;
	memcpy(l->mix, l->map->mix, sizeof l->mix);
}

static enum err create(
	int fd, unsigned regions, uint64_t buckets, struct limits **limits_r)
{
	size_t size = sizeof(struct header) + regions * region_size(buckets);
	enum err err;

	/* Sealed: whoever cut it short would crash the others. */
	if (ftruncate(fd, (off_t)size) < 0 ||
		fcntl(fd, F_ADD_SEALS,
			F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return err_from_errno(errno);
	err = map(fd, size, limits_r);
	if (err)
		return err;
	(*limits_r)->map->magic = MAGIC;
	(*limits_r)->map->regions = regions;
	(*limits_r)->map->buckets = buckets;
	secret_random((*limits_r)->map->mix, sizeof(*limits_r)->map->mix);
	take_header(*limits_r);
	return OK;
}

enum err limits_create(unsigned regions, unsigned connections,
	struct limits **limits_r, int *fd_r)
{
	uint64_t buckets = 1;
	enum err err;
	int fd;

	assert(regions && regions <= LIMITS_REGIONS_MAX);
	while (buckets * WAYS < UINT64_C(2) * connections)
		buckets *= 2;
	fd = memfd_create("culver-limits", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_from_errno(errno);
	err = create(fd, regions, buckets, limits_r);
	if (err) {
		close(fd);
		return err;
	}
	*fd_r = fd;
	return OK;
}

enum err limits_attach(int fd, unsigned region, struct limits **limits_r)
{
	struct limits *l = NULL;
	struct stat st;
	enum err err;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(struct header))
		return ERR_INVALID;
	err = map(fd, (size_t)st.st_size, &l);
	if (err)
		return err;
	take_header(l);
	if (l->map->magic != MAGIC || region >= l->regions ||
		l->regions > LIMITS_REGIONS_MAX || !l->buckets ||
		l->buckets > l->size || (l->buckets & (l->buckets - 1)) ||
		sizeof(struct header) + l->regions * region_size(l->buckets) !=
			l->size) {
		limits_free(l);
		return ERR_INVALID;
	}
	l->own = region;
	*limits_r = l;
	return OK;
}

void limits_free(struct limits *l)
{
	if (!l)
		return;
	munmap(l->map, l->size);
	free(l);
}

void limits_clear_region(struct limits *l, unsigned region)
{
	assert(region < l->regions);
	memset((void *)region_at(l, region), 0, region_size(l->buckets));
}

void limits_set(struct limits *l, unsigned total, unsigned per_peer)
{
	l->max_total = total;
	l->max_per_peer = per_peer;
}

/* The peer's slot in a bucket, or NULL; how many slots are free, and one of
 * them. */
static struct slot *look(struct slot *bucket, uint64_t peer, unsigned *free_r,
	struct slot **one_r)
{
	*free_r = 0;
	*one_r = NULL;
	for (size_t i = 0; i < WAYS; i++) {
		if (!atomic_load(&bucket[i].count)) {
			*one_r = &bucket[i];
			++*free_r;
		} else if (atomic_load(&bucket[i].peer) == peer) {
			return &bucket[i];
		}
	}
	return NULL;
}

/* The peer's slot; else, if wanted, a free one made its own; else NULL. */
static struct slot *find(
	const struct limits *l, unsigned region, uint64_t peer, bool make)
{
	struct slot *one[2], *slot;
	unsigned room[2];

	for (unsigned i = 0; i < 2; i++) {
		slot = look(bucket_of(l, region_at(l, region), peer, i), peer,
			&room[i], &one[i]);
		if (slot)
			return slot;
	}
	slot = one[room[1] > room[0]];
	if (!make || !slot)
		return NULL;
	atomic_store(&slot->peer, peer);
	return slot;
}

void limits_adopt(struct limits *l, uint64_t peer)
{
	struct slot *slot = find(l, l->own, peer, true);

	atomic_fetch_add(&region_at(l, l->own)->total, 1);
	if (slot)
		atomic_fetch_add(&slot->count, 1);
}

void limits_leave(struct limits *l, uint64_t peer)
{
	struct region *region = region_at(l, l->own);
	struct slot *slot = find(l, l->own, peer, false);

	/* Another process may have cleared what we counted. */
	if (atomic_load(&region->total))
		atomic_fetch_sub(&region->total, 1);
	if (slot)
		atomic_fetch_sub(&slot->count, 1);
}

unsigned limits_total(const struct limits *l)
{
	unsigned total = 0;

	for (unsigned i = 0; i < l->regions; i++)
		total += atomic_load(&region_at(l, i)->total);
	return total;
}

unsigned limits_of_peer(const struct limits *l, uint64_t peer)
{
	unsigned count = 0;

	for (unsigned i = 0; i < l->regions; i++) {
		struct slot *slot = find(l, i, peer, false);

		if (slot)
			count += atomic_load(&slot->count);
	}
	return count;
}

static enum limits_verdict enter(
	struct limits *l, uint64_t peer, unsigned max_per_peer)
{
	enum limits_verdict verdict = LIMITS_OK;

	if (!find(l, l->own, peer, true))
		return LIMITS_TOTAL;
	limits_adopt(l, peer);
	if (l->max_total && limits_total(l) > l->max_total)
		verdict = LIMITS_TOTAL;
	else if (max_per_peer && limits_of_peer(l, peer) > max_per_peer)
		verdict = LIMITS_PER_PEER;
	if (verdict)
		limits_leave(l, peer);
	return verdict;
}

enum limits_verdict limits_enter(struct limits *l, uint64_t peer)
{
	return enter(l, peer, l->max_per_peer);
}

enum limits_verdict limits_enter_total(struct limits *l, uint64_t peer)
{
	return enter(l, peer, 0);
}
