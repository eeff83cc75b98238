/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/layout.h"
#include "base/cursor.h"

#define RECORD_VERSION 4

static uint64_t zigzag(int64_t n)
{
	return ((uint64_t)n << 1) ^ (uint64_t)(n >> 63);
}

static int64_t unzigzag(uint64_t n)
{
	return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

/* Keys. */

void key_account_prefix(struct buf *key, account_num account, char letter)
{
	buf_reset(key);
	buf_add_byte(key, 'A');
	buf_add_be64(key, account);
	buf_add_byte(key, letter);
}

void key_account(struct buf *key, account_num account)
{
	key_account_prefix(key, account, 'a');
}

void key_account_range(struct buf *from, struct buf *to, account_num account)
{
	key_account_prefix(from, account, '\0');
	buf_truncate(from, from->n - 1);
	buf_reset(to);
	buf_add(to, buf_str(from));
	key_prefix_end(to);
}

void key_prefix_end(struct buf *key)
{
	while (key->n && (unsigned char)key->p[key->n - 1] == 0xff)
		key->n--;
	if (key->n)
		key->p[key->n - 1]++;
}

void key_mailbox(
	struct buf *key, account_num account, char letter, mailbox_num mailbox)
{
	key_account_prefix(key, account, letter);
	buf_add_be32(key, mailbox);
}

void key_mailbox_u32(struct buf *key, account_num account, char letter,
	mailbox_num mailbox, uint32_t n)
{
	key_mailbox(key, account, letter, mailbox);
	buf_add_be32(key, n);
}

void key_journal(struct buf *key, account_num account, mailbox_num mailbox,
	modseq_num modseq)
{
	key_mailbox(key, account, 'j', mailbox);
	buf_add_be64(key, modseq);
}

void key_name(struct buf *key, account_num account, char letter, str name)
{
	key_account_prefix(key, account, letter);
	buf_add(key, name);
}

void key_retired(
	struct buf *key, account_num account, uint32_t uidvalidity, str name)
{
	key_account_prefix(key, account, 'r');
	buf_add_be32(key, uidvalidity);
	buf_add(key, name);
}

void key_message(
	struct buf *key, account_num account, char letter, message_num message)
{
	key_account_prefix(key, account, letter);
	buf_add_be64(key, message);
}

void key_chunk(struct buf *key, account_num account, message_num message,
	uint32_t chunk)
{
	key_message(key, account, chunk ? 'c' : 'f', message);
	if (chunk)
		buf_add_be32(key, chunk);
}

void key_links(struct buf *key, account_num account, message_num message)
{
	key_message(key, account, 'l', message / LINK_MESSAGES);
}

void key_link(struct buf *key, account_num account, message_num message,
	mailbox_num mailbox, uint32_t block)
{
	key_links(key, account, message);
	buf_add_be32(key, mailbox);
	buf_add_be32(key, block);
}

void key_expunged(struct buf *key, account_num account, mailbox_num mailbox,
	uint32_t block, modseq_num modseq)
{
	key_mailbox_u32(key, account, 'p', mailbox, block);
	buf_add_be64(key, modseq);
}

enum err key_expunged_read(str key, mailbox_num *mailbox_r, uint32_t *block_r,
	modseq_num *modseq_r)
{
	struct cursor c = cursor_of(key_tail(key));

	*mailbox_r = cursor_be32(&c);
	*block_r = cursor_be32(&c);
	*modseq_r = cursor_be64(&c);
	return cursor_ok(&c) && cursor_done(&c) ? OK : ERR_CORRUPT;
}

void key_hash(struct buf *key, account_num account,
	const unsigned char hash[HASH_SIZE])
{
	key_account_prefix(key, account, 'x');
	buf_add(key, str_of((const char *)hash, HASH_SIZE));
}

void key_seen(struct buf *key, account_num account, mailbox_num mailbox,
	const unsigned char hash[SEEN_HASH_SIZE])
{
	key_mailbox(key, account, 'o', mailbox);
	buf_add(key, str_of((const char *)hash, SEEN_HASH_SIZE));
}

void key_annotation(
	struct buf *key, account_num account, mailbox_num mailbox, str name)
{
	key_mailbox(key, account, 'e', mailbox);
	buf_add(key, name);
}

void key_pending(
	struct buf *key, account_num account, char kind, uint64_t number)
{
	buf_reset(key);
	buf_add_byte(key, 'P');
	buf_add_be64(key, account);
	buf_add_byte(key, kind);
	buf_add_be64(key, number);
}

enum err key_pending_read(
	str key, account_num *account_r, char *kind_r, uint64_t *number_r)
{
	struct cursor c = cursor_of(key);

	if (cursor_u8(&c) != 'P')
		return ERR_CORRUPT;
	*account_r = cursor_be64(&c);
	*kind_r = (char)cursor_u8(&c);
	*number_r = cursor_be64(&c);
	return cursor_ok(&c) && cursor_done(&c) ? OK : ERR_CORRUPT;
}

str key_tail(str key)
{
	return str_skip(key, KEY_HEAD);
}

account_num key_account_of(str key)
{
	struct cursor c = cursor_of(key);

	if (cursor_u8(&c) != 'A')
		return 0;
	return cursor_be64(&c);
}

/* Values. */

static enum err ended(struct cursor *c)
{
	return cursor_ok(c) && cursor_done(c) ? OK : ERR_CORRUPT;
}

static void begin(struct buf *value)
{
	buf_reset(value);
	buf_add_byte(value, RECORD_VERSION);
}

/* Before growth. */
static bool is_first_version(str value)
{
	return value.n && value.p[0] == 1;
}

static bool has_entries(str value)
{
	return value.n && value.p[0] > 2;
}

static bool has_home(str value)
{
	return value.n && value.p[0] > 3;
}

static struct cursor begun(str value)
{
	struct cursor c = cursor_of(value);

	uint8_t version = cursor_u8(&c);

	if (version < 1 || version > RECORD_VERSION)
		cursor_fail(&c, ERR_CORRUPT, "a known record version");
	return c;
}

/* A varint that must fit 32 bits. */
static uint32_t varint32(struct cursor *c)
{
	uint64_t n = cursor_varint(c);

	if (n > UINT32_MAX)
		cursor_fail(c, ERR_CORRUPT, "a 32-bit number");
	return cursor_ok(c) ? (uint32_t)n : 0;
}

void account_encode(const struct account_record *r, struct buf *value)
{
	begin(value);
	buf_add_varint(value, r->next_mailbox);
	buf_add_varint(value, r->next_message);
	buf_add_varint(value, r->next_uidvalidity);
	buf_add_varint(value, r->modseq);
	buf_add_varint(value, r->bytes);
	buf_add_varint(value, r->messages);
	buf_add_varint(value, r->quota);
	buf_add_varint(value, r->mailboxes);
}

enum err account_decode(str value, struct account_record *r)
{
	struct cursor c = begun(value);

	r->next_mailbox = varint32(&c);
	r->next_message = cursor_varint(&c);
	r->next_uidvalidity = varint32(&c);
	r->modseq = cursor_varint(&c);
	r->bytes = cursor_varint(&c);
	r->messages = cursor_varint(&c);
	r->quota = cursor_varint(&c);
	r->mailboxes = varint32(&c);
	return ended(&c);
}

void mailbox_encode(const struct mailbox_record *r, struct buf *value)
{
	begin(value);
	buf_add_sized(value, r->name);
	buf_add_varint(value, r->uidvalidity);
	buf_add_varint(value, r->uidnext);
	buf_add_varint(value, r->modseq);
	buf_add_varint(value, r->recent_from);
	buf_add_varint(value, r->exists);
	buf_add_varint(value, r->unseen);
	buf_add_varint(value, r->deleted);
	buf_add_varint(value, r->bytes);
	buf_add_varint(value, r->growth);
	buf_add_varint(value, r->special_use);
	buf_add_varint(value, zigzag(r->created));
	buf_add_varint(value, r->keyword_count);
	for (uint32_t i = 0; i < r->keyword_count; i++)
		buf_add_sized(value, r->keywords[i]);
}

enum err mailbox_decode(str value, struct mailbox_record *r)
{
	struct cursor c = begun(value);

	*r = (struct mailbox_record){0};
	r->name = cursor_sized(&c);
	r->uidvalidity = varint32(&c);
	r->uidnext = varint32(&c);
	r->modseq = cursor_varint(&c);
	r->recent_from = varint32(&c);
	r->exists = varint32(&c);
	r->unseen = varint32(&c);
	r->deleted = varint32(&c);
	r->bytes = cursor_varint(&c);
	if (!is_first_version(value))
		r->growth = cursor_varint(&c);
	r->special_use = varint32(&c);
	r->created = unzigzag(cursor_varint(&c));
	r->keyword_count = varint32(&c);
	if (r->keyword_count > KEYWORDS_MAX)
		return ERR_CORRUPT;
	for (uint32_t i = 0; i < r->keyword_count; i++)
		r->keywords[i] = cursor_sized(&c);
	return ended(&c);
}

static int64_t between(int64_t from, int64_t to)
{
	return (int64_t)((uint64_t)to - (uint64_t)from);
}

void message_encode(const struct message_record *r, struct buf *value)
{
	begin(value);
	buf_add_varint(value, r->size);
	buf_add(value, str_of((const char *)r->hash, HASH_SIZE));
	buf_add_varint(value, zigzag(r->received));
	buf_add_varint(value, r->home);
	buf_add_varint(value, r->home_uid);
	buf_add_varint(value, zigzag(between(r->received, r->internal_date)));
	buf_add_varint(value, zigzag(r->zone));
}

enum err message_decode(str value, struct message_record *r)
{
	struct cursor c = begun(value);
	str hash;

	r->size = cursor_varint(&c);
	hash = cursor_take(&c, HASH_SIZE);
	if (hash.n == HASH_SIZE)
		memcpy(r->hash, hash.p, HASH_SIZE);
	r->received = unzigzag(cursor_varint(&c));
	r->home = r->home_uid = 0;
	r->internal_date = r->received;
	r->zone = 0;
	if (has_home(value)) {
		r->home = varint32(&c);
		r->home_uid = varint32(&c);
		r->internal_date =
			(int64_t)((uint64_t)r->received +
				  (uint64_t)unzigzag(cursor_varint(&c)));
		r->zone = (int32_t)unzigzag(cursor_varint(&c));
	}
	return ended(&c);
}

static void add_set(struct buf *value, const struct uidset *set)
{
	struct buf bytes = BUF_UNBOUNDED;

	uidset_encode(set, &bytes);
	buf_add_sized(value, buf_str(&bytes));
	buf_fini(&bytes);
}

static void take_set(struct cursor *c, struct uidset *set)
{
	uidset_init(set);
	if (uidset_decode(set, cursor_sized(c)))
		cursor_fail(c, ERR_CORRUPT, "a set");
}

void journal_encode(const struct journal_record *r, struct buf *value)
{
	begin(value);
	buf_add_varint(value, zigzag(r->when));
	add_set(value, &r->added);
	add_set(value, &r->changed);
	add_set(value, &r->expunged);
}

enum err journal_decode(str value, struct journal_record *r)
{
	struct cursor c = begun(value);

	r->when = unzigzag(cursor_varint(&c));
	take_set(&c, &r->added);
	take_set(&c, &r->changed);
	take_set(&c, &r->expunged);
	return ended(&c);
}

void journal_fini(struct journal_record *r)
{
	uidset_fini(&r->added);
	uidset_fini(&r->changed);
	uidset_fini(&r->expunged);
}

void history_encode(const struct history_record *r, struct buf *value)
{
	begin(value);
	buf_add_varint(value, r->pruned);
	buf_add_varint(value, r->forgotten);
	buf_add_varint(value, zigzag(r->oldest));
	buf_add_varint(value, r->entries);
}

enum err history_decode(str value, struct history_record *r)
{
	struct cursor c = begun(value);

	r->pruned = cursor_varint(&c);
	r->forgotten = cursor_varint(&c);
	r->oldest = unzigzag(cursor_varint(&c));
	r->entries = has_entries(value) ? cursor_varint(&c) : 0;
	return ended(&c);
}

#define MEMBER_VARINTS 9

/* There is room. */
static char *put_member(char *at, const struct membership *m, uint32_t offset)
{
	at = varint_put(at, offset);
	at = varint_put(at, m->flags);
	at = varint_put(at, m->modseq);
	at = varint_put(at, m->message);
	at = varint_put(at, m->size);
	at = varint_put(at, m->growth * 4 + m->own_uidl * 2u + m->eightbit);
	at = varint_put(at, zigzag(m->internal_date));
	at = varint_put(at, zigzag(m->zone));
	return varint_put(at, zigzag(m->save_date));
}

static void take_member(struct cursor *c, struct membership *m, bool first)
{
	uint64_t form;

	m->flags = cursor_varint(c);
	m->modseq = cursor_varint(c);
	m->message = cursor_varint(c);
	m->size = cursor_varint(c);
	form = first ? 0 : cursor_varint(c);
	m->growth = form / 4;
	m->own_uidl = form / 2 % 2;
	m->eightbit = form % 2;
	m->internal_date = unzigzag(cursor_varint(c));
	m->zone = (int32_t)unzigzag(varint32(c));
	m->save_date = unzigzag(cursor_varint(c));
}

void block_encode(const struct membership *members, size_t count,
	uint32_t block, struct buf *value)
{
	char *room, *at;

	begin(value);
	room = at = buf_reserve(value, count * MEMBER_VARINTS * VARINT_MAX);
	for (size_t i = 0; room && i < count; i++)
		at = put_member(
			at, &members[i], members[i].uid - block * BLOCK_UIDS);
	buf_added(value, (size_t)(at - room));
}

enum err block_decode(str value, uint32_t block,
	struct membership members_r[BLOCK_UIDS], size_t *count_r)
{
	struct cursor c = begun(value);
	uint32_t least = 0;
	size_t n = 0;

	while (cursor_ok(&c) && !cursor_done(&c)) {
		uint32_t offset = varint32(&c);

		if (offset < least || offset >= BLOCK_UIDS)
			return ERR_CORRUPT;
		least = offset + 1;
		members_r[n].uid = block * BLOCK_UIDS + offset;
		take_member(&c, &members_r[n++], is_first_version(value));
	}
	*count_r = n;
	return ended(&c);
}

void seen_encode(int64_t until, struct buf *value)
{
	buf_reset(value);
	buf_add_be64(value, (uint64_t)until);
}

enum err seen_decode(str value, int64_t *until_r)
{
	struct cursor c = cursor_of(value);

	*until_r = (int64_t)cursor_be64(&c);
	return ended(&c);
}
