/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/verify.h"
#include "base/alloc.h"
#include "mail/bytes.h"
#include "mail/link.h"
#include "mail/lost.h"
#include "mail/private.h"
#include "message/digest.h"
#include "message/flags.h"
#include "message/mailbox_name.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* A message that was found damaged, and in which words. */
struct finding {
	message_num message;
	const char *words;
	bool told; /* with a mailbox and a UID */
};

struct verifying {
	struct verify *v;
	struct store_txn *txn;
	account_num account;
	struct account_record record;
	bool known;		  /* the record */
	uint64_t bytes, messages; /* of all memberships */
	uint32_t mailboxes;
	/* Messages, as far as their numbers fit. */
	struct uidset looked_at, referred;
	struct finding *findings;
	size_t finding_count;
	bool cancelled;
	struct buf key, value, plain;
};

static void problem(struct verifying *vs, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void problem(struct verifying *vs, const char *format, ...)
{
	struct buf words = BUF_UNBOUNDED;
	va_list ap;

	va_start(ap, format);
	buf_vaddf(&words, format, ap);
	va_end(ap);
	vs->v->problems++;
	vs->v->account = vs->account;
	vs->v->problem(vs->v->arg, buf_str(&words));
	buf_fini(&words);
}

/* Reads what vs->key names; the decoders then find what is wrong with it. */
static enum err get(struct verifying *vs)
{
	buf_reset(&vs->value);
	return store_get(vs->txn, buf_str(&vs->key), &vs->value);
}

/* Where that cannot be read, it is told of the records there, not of those that
 * need them. */
static bool has(struct verifying *vs)
{
	enum err e = store_has(vs->txn, buf_str(&vs->key));

	return e == OK || e == ERR_CORRUPT;
}

/* The name of a mailbox; also of one whose record is damaged. */
static void add_name(struct verifying *vs, mailbox_num id, struct buf *out)
{
	struct buf key = BUF_UNBOUNDED, value = BUF_UNBOUNDED;
	struct mailbox_record record;
	struct store_iter *it;
	size_t before = out->n;
	str k, v;

	key_mailbox(&key, vs->account, 'm', id);
	if (store_get(vs->txn, buf_str(&key), &value) == OK &&
		mailbox_decode(buf_str(&value), &record) == OK) {
		buf_add(out, record.name);
	} else {
		key_account_prefix(&key, vs->account, 'n');
		it = store_scan_prefix(vs->txn, buf_str(&key));
		while (out->n == before && store_iter_next(it, &k, &v)) {
			struct cursor c = cursor_of(v);

			if (cursor_be32(&c) == id)
				buf_add(out, key_tail(k));
		}
		(void)!store_iter_end(it);
	}
	if (out->n == before)
		buf_addf(out, "mailbox %u", id);
	buf_fini(&key);
	buf_fini(&value);
}

/* What the place of a key says, as far as it has bytes: it need not be whole.
 */
static uint64_t place(str key, size_t at, unsigned bytes)
{
	uint64_t n = 0;

	for (size_t i = KEY_HEAD + at; bytes--; i++)
		n = n << 8 | (i < key.n ? (unsigned char)key.p[i] : 0);
	return n;
}

/* What cannot be read: of which mailbox, if it is of one. */
static void tell_gap(void *arg, str from, str to, uint64_t damage)
{
	struct verifying *vs = arg;
	char letter = from.n >= KEY_HEAD ? from.p[KEY_HEAD - 1] : 0;
	mailbox_num id = (mailbox_num)place(from, 0, 4);
	bool one = place(to, 0, 4) == id && damage_is_of_mailbox(letter);
	struct buf name = BUF_UNBOUNDED;

	if (one) {
		add_name(vs, id, &name);
		buf_add_c(&name, ": ");
	}
	problem(vs, "%.*s%s, and cannot all be read%s", STR_ARG(buf_str(&name)),
		damage_words(letter),
		damage ? "" : ", nor mended (culver repair)");
	buf_fini(&name);
}

/* Calls fn for each key that begins so, until it fails. */
typedef enum err scan_fn(struct verifying *, str key, str value, void *arg);

struct passing {
	struct verifying *vs;
	scan_fn *fn;
	void *arg;
	void (*gap)(void *arg, str from, str to, uint64_t damage);
};

static enum err pass_entry(void *arg, str key, str value)
{
	struct passing *p = arg;

	return p->fn(p->vs, key, value, p->arg);
}

static void pass_gap(void *arg, str from, str to, uint64_t damage)
{
	struct passing *p = arg;

	p->gap(p->gap == tell_gap ? p->vs : p->arg, from, to, damage);
}

/* Where the records themselves are damaged, that is told, and the others are
 * looked at. */
static enum err scan_past(struct verifying *vs, str prefix, struct passing *p)
{
	const struct store_salvage how = {pass_entry, pass_gap, p};
	struct buf end = BUF_UNBOUNDED;
	enum err e;

	p->vs = vs;
	buf_add(&end, prefix);
	key_prefix_end(&end);
	e = store_salvage(vs->txn, prefix, buf_str(&end), &how);
	buf_fini(&end);
	return e;
}

static enum err scan_letter(struct verifying *vs, char letter, scan_fn *fn)
{
	struct passing p = {.fn = fn, .gap = tell_gap};
	struct buf prefix = BUF_UNBOUNDED;
	enum err e;

	key_account_prefix(&prefix, vs->account, letter);
	e = scan_past(vs, buf_str(&prefix), &p);
	buf_fini(&prefix);
	return e;
}

/* Messages: whether all of one is there. Each is looked at once, when the
 * first membership leads to it, so that it can be named by mailbox and UID. */

/* The next record of a message, into the hash. */
static bool hash_chunk(struct verifying *vs, message_num message,
	uint32_t chunk, EVP_MD_CTX *hashing, uint64_t *size)
{
	key_chunk(&vs->key, vs->account, message, chunk);
	buf_reset(&vs->plain);
	if (get(vs) ||
		chunk_decode(buf_str(&vs->value), message, chunk, &vs->plain) ||
		(chunk && vs->plain.n == 0))
		return false;
	*size += vs->plain.n;
	return EVP_DigestUpdate(hashing, buf_str(&vs->plain).p, vs->plain.n);
}

static const char *check_bytes(struct verifying *vs, message_num message,
	const struct message_record *record)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *hashing = EVP_MD_CTX_new();
	uint64_t size = 0;
	uint32_t chunk = 0;
	bool good = true;

	if (!hashing || !EVP_DigestInit_ex(hashing, EVP_sha256(), NULL))
		abort();
	/* An empty message has an empty record. */
	do
		good = hash_chunk(vs, message, chunk++, hashing, &size);
	while (good && size < record->size);
	EVP_DigestFinal_ex(hashing, hash, NULL);
	EVP_MD_CTX_free(hashing);
	vs->v->bytes += size;
	key_chunk(&vs->key, vs->account, message, chunk);
	if (!good)
		return "its bytes cannot be read";
	if (size != record->size ||
		memcmp(hash, record->hash, HASH_SIZE) != 0 ||
		store_has(vs->txn, buf_str(&vs->key)) == OK)
		return "its bytes are damaged";
	return NULL;
}

static const char *check_digest(
	struct verifying *vs, message_num message, uint64_t size)
{
	struct digest digest;
	enum err e;

	key_message(&vs->key, vs->account, 'd', message);
	e = get(vs);
	if (!e)
		e = digest_decode(buf_str(&vs->value), &digest);
	if (e == ERR_NOTFOUND)
		return "its digest is missing";
	return e || digest.size != size ? "its digest is damaged" : NULL;
}

static const char *check_message(struct verifying *vs, message_num message)
{
	struct message_record record;
	const char *words;
	enum err e;

	key_message(&vs->key, vs->account, 'i', message);
	e = get(vs);
	if (e == ERR_NOTFOUND)
		return "its message is missing";
	vs->v->messages++;
	if (e || message_decode(buf_str(&vs->value), &record))
		return "its message's record is damaged";
	if (vs->known && message >= vs->record.next_message)
		return "its message's number was not given out yet";
	words = check_bytes(vs, message, &record);
	if (!words)
		words = check_digest(vs, message, record.size);
	key_hash(&vs->key, vs->account, record.hash);
	if (!words && !has(vs))
		words = "its message cannot be found by its content";
	if (vs->v->progress && vs->v->progress(vs->v->arg, vs->v->messages))
		vs->cancelled = true;
	return words;
}

static struct finding *find_finding(struct verifying *vs, message_num message)
{
	for (size_t i = 0; i < vs->finding_count; i++)
		if (vs->findings[i].message == message)
			return &vs->findings[i];
	return NULL;
}

/* What is wrong with it, or NULL. */
static struct finding *look_at(struct verifying *vs, message_num message)
{
	bool fits = message <= UINT32_MAX;
	const char *words;

	if (fits && uidset_has(&vs->looked_at, (uint32_t)message))
		return find_finding(vs, message);
	words = check_message(vs, message);
	if (fits && message)
		uidset_add(&vs->looked_at, (uint32_t)message);
	if (!words)
		return NULL;
	vs->findings = xrealloc(
		vs->findings, vs->finding_count + 1, sizeof *vs->findings);
	vs->findings[vs->finding_count] =
		(struct finding){message, words, false};
	return &vs->findings[vs->finding_count++];
}

/* Mailboxes and memberships. */

static void note_referred(struct verifying *vs, message_num message)
{
	if (message && message <= UINT32_MAX)
		uidset_add(&vs->referred, (uint32_t)message);
}

struct box_count {
	struct verifying *vs;
	mailbox_num id;
	struct mailbox_record record;
	struct mailbox_record counted;
};

static void verify_member(
	struct verifying *vs, struct box_count *box, const struct membership *m)
{
	struct mailbox_record *c = &box->counted;
	struct finding *found;

	vs->v->memberships++;
	c->exists++;
	c->bytes += m->size;
	c->growth += m->growth;
	c->unseen += !(m->flags & FLAG_SEEN);
	c->deleted += (m->flags & FLAG_DELETED) != 0;
	if (m->uid == 0 || m->uid >= box->record.uidnext)
		problem(vs, "%.*s: UID %u is not below UIDNEXT %u",
			STR_ARG(box->record.name), m->uid, box->record.uidnext);
	if (m->modseq > box->record.modseq)
		problem(vs, "%.*s UID %u: its mod-sequence is in the future",
			STR_ARG(box->record.name), m->uid);
	found = look_at(vs, m->message);
	if (found) {
		found->told = true;
		problem(vs, "%.*s UID %u: %s (message %llu)",
			STR_ARG(box->record.name), m->uid, found->words,
			(unsigned long long)m->message);
	}
	key_mailbox_u32(&vs->key, vs->account, 'q', box->id, m->uid);
	if (m->own_uidl && !has(vs))
		problem(vs, "%.*s UID %u: its unique-id is missing",
			STR_ARG(box->record.name), m->uid);
	note_referred(vs, m->message);
	key_link(&vs->key, vs->account, m->message, box->id,
		m->uid / BLOCK_UIDS);
	if (!has(vs))
		problem(vs, "%.*s UID %u: its link is missing",
			STR_ARG(box->record.name), m->uid);
}

static void damaged_blocks(
	const struct box_count *box, uint64_t first, uint64_t end)
{
	problem(box->vs, "%.*s: UIDs %llu to %llu are damaged",
		STR_ARG(box->record.name), (unsigned long long)first,
		(unsigned long long)end - 1);
}

/* From the first block that may be there to the last. */
static void tell_blocks(void *arg, str from, str to, uint64_t damage)
{
	const struct box_count *box = arg;
	uint64_t first = place(from, 4, 4), end = place(to, 4, 4),
		 last = box->record.uidnext / BLOCK_UIDS + 1;

	(void)damage;
	/* A key that goes on, or is another mailbox's. */
	end += to.n > KEY_HEAD + 8;
	if (place(to, 0, 4) != box->id || end > last)
		end = last;
	/* Between blocks there may be nothing. */
	if (first + (from.n > KEY_HEAD + 8) < end)
		damaged_blocks(box,
			(first + (from.n > KEY_HEAD + 8)) * BLOCK_UIDS,
			end * BLOCK_UIDS);
}

static enum err verify_block(
	struct verifying *vs, str key, str value, void *arg)
{
	struct box_count *box = arg;
	struct membership members[BLOCK_UIDS];
	struct cursor c = cursor_of(str_skip(key_tail(key), 4));
	uint32_t block = cursor_be32(&c);
	size_t count;

	if (!cursor_ok(&c) || block_decode(value, block, members, &count)) {
		damaged_blocks(box, (uint64_t)block * BLOCK_UIDS,
			((uint64_t)block + 1) * BLOCK_UIDS);
		return OK;
	}
	for (size_t i = 0; i < count && !vs->cancelled; i++)
		verify_member(vs, box, &members[i]);
	if (vs->cancelled)
		return ERR_CLOSED;
	return OK;
}

static enum err verify_blocks(struct verifying *vs, struct box_count *box)
{
	struct passing p = {.fn = verify_block, .arg = box, .gap = tell_blocks};
	struct buf prefix = BUF_UNBOUNDED;
	enum err e;

	box->vs = vs;
	key_mailbox(&prefix, vs->account, 'b', box->id);
	e = scan_past(vs, buf_str(&prefix), &p);
	buf_fini(&prefix);
	return e;
}

static void compare_count(struct verifying *vs, const struct box_count *box,
	const char *what, uint64_t said, uint64_t counted)
{
	if (said != counted)
		problem(vs, "%.*s: says %llu %s and has %llu",
			STR_ARG(box->record.name), (unsigned long long)said,
			what, (unsigned long long)counted);
}

static void verify_name(struct verifying *vs, const struct box_count *box)
{
	struct cursor c;
	enum err e;

	key_name(&vs->key, vs->account, 'n', box->record.name);
	e = store_get(vs->txn, buf_str(&vs->key), &vs->value);
	if (e == ERR_CORRUPT)
		return; /* told of names */
	if (e) {
		problem(vs, "%.*s: its name leads nowhere",
			STR_ARG(box->record.name));
		return;
	}
	c = cursor_of(buf_str(&vs->value));
	if (cursor_be32(&c) != box->id)
		problem(vs, "%.*s: its name leads to another mailbox",
			STR_ARG(box->record.name));
	if (!mailbox_name_is_canonical(box->record.name))
		problem(vs, "%.*s: its name is not canonical",
			STR_ARG(box->record.name));
}

static enum err verify_mailbox(
	struct verifying *vs, str key, str value, void *arg)
{
	struct cursor c = cursor_of(key_tail(key));
	struct box_count box = {.id = cursor_be32(&c)};
	enum err e;

	(void)arg;
	vs->v->mailboxes++;
	vs->mailboxes++;
	if (mailbox_decode(value, &box.record)) {
		struct buf name = BUF_UNBOUNDED;

		add_name(vs, box.id, &name);
		problem(vs, "%.*s: its record is damaged",
			STR_ARG(buf_str(&name)));
		buf_fini(&name);
		return OK;
	}
	verify_name(vs, &box);
	if (vs->known && box.record.modseq > vs->record.modseq)
		problem(vs, "%.*s: its mod-sequence is in the future",
			STR_ARG(box.record.name));
	e = verify_blocks(vs, &box);
	compare_count(
		vs, &box, "messages", box.record.exists, box.counted.exists);
	compare_count(vs, &box, "unseen messages", box.record.unseen,
		box.counted.unseen);
	compare_count(vs, &box, "deleted messages", box.record.deleted,
		box.counted.deleted);
	compare_count(vs, &box, "bytes", box.record.bytes, box.counted.bytes);
	compare_count(vs, &box, "bytes of line ends", box.record.growth,
		box.counted.growth);
	vs->bytes += box.counted.bytes;
	vs->messages += box.counted.exists;
	return e;
}

static enum err verify_name_entry(
	struct verifying *vs, str key, str value, void *arg)
{
	struct cursor c = cursor_of(value);

	(void)arg;
	key_mailbox(&vs->key, vs->account, 'm', cursor_be32(&c));
	if (!cursor_ok(&c) || !has(vs))
		problem(vs, "%.*s: the name of no mailbox",
			STR_ARG(key_tail(key)));
	return OK;
}

/* Messages that no mailbox led to, and what leads to all of them. */

static void verify_linked(struct verifying *vs, message_num message)
{
	uint32_t count = 1;
	bool known = message <= UINT32_MAX &&
		     uidset_has(&vs->referred, (uint32_t)message);

	/* A block that cannot be read may have it. */
	if (!known &&
		link_count(vs->txn, vs->account, message, 0, true, &count) ==
			OK &&
		count == 0)
		problem(vs, "message %llu: belongs to no mailbox",
			(unsigned long long)message);
}

static enum err verify_message(
	struct verifying *vs, str key, str value, void *arg)
{
	struct cursor c = cursor_of(key_tail(key));
	message_num message = cursor_be64(&c);
	struct finding *found = look_at(vs, message);

	(void)value;
	(void)arg;
	if (found && !found->told)
		problem(vs, "message %llu: %s", (unsigned long long)message,
			found->words);
	verify_linked(vs, message);
	return vs->cancelled ? ERR_CLOSED : OK;
}

/* A link is explained by a membership, or by what was expunged and is kept. */
static enum err verify_link(struct verifying *vs, str key, str value, void *arg)
{
	struct cursor c = cursor_of(key_tail(key));
	message_num first = cursor_be64(&c) * LINK_MESSAGES;
	mailbox_num mailbox = cursor_be32(&c);
	uint32_t block = cursor_be32(&c);
	bool needed;

	(void)value;
	(void)arg;
	/* A block that cannot be read was told, and may need it. */
	if (link_is_needed(vs->txn, vs->account, first, mailbox, block,
		    &needed) == OK &&
		!needed)
		problem(vs,
			"messages %llu and on: a link to block %u of mailbox "
			"%u, which has none of them",
			(unsigned long long)first, block, mailbox);
	return OK;
}

/* Content that is found by its hash. */
static enum err verify_hash(struct verifying *vs, str key, str value, void *arg)
{
	struct cursor c = cursor_of(value);
	message_num message = cursor_be64(&c);
	struct message_record record;

	(void)arg;
	key_message(&vs->key, vs->account, 'i', message);
	if (!cursor_ok(&c) ||
		store_get(vs->txn, buf_str(&vs->key), &vs->value) ||
		message_decode(buf_str(&vs->value), &record) ||
		!str_eq(key_tail(key),
			str_of((const char *)record.hash, HASH_SIZE)))
		problem(vs, "message %llu: is found by what it is not",
			(unsigned long long)message);
	return OK;
}

static bool is_pending(struct verifying *vs, char kind, uint64_t number)
{
	key_pending(&vs->key, vs->account, kind, number);
	return has(vs);
}

static void verify_kept(
	struct verifying *vs, mailbox_num mailbox, const struct membership *m)
{
	bool there;

	note_referred(vs, m->message);
	key_message(&vs->key, vs->account, 'i', m->message);
	there = has(vs);
	key_link(&vs->key, vs->account, m->message, mailbox,
		m->uid / BLOCK_UIDS);
	if (!there || !has(vs))
		problem(vs, "mailbox %u UID %u: its message went too early",
			mailbox, m->uid);
}

/* Expunged, and known to somebody: all of it is there still. */
static enum err verify_expunged(
	struct verifying *vs, str key, str value, void *arg)
{
	struct membership members[BLOCK_UIDS];
	size_t count = 0;
	mailbox_num mailbox;
	uint32_t block;
	modseq_num when;

	(void)arg;
	if (key_expunged_read(key, &mailbox, &block, &when) ||
		block_decode(value, block, members, &count)) {
		problem(vs, "mailbox %u: what was expunged is damaged",
			mailbox);
		return OK;
	}
	for (size_t i = 0; i < count; i++)
		verify_kept(vs, mailbox, &members[i]);
	if (!is_pending(vs, 'p', mailbox) && !is_pending(vs, 'z', mailbox))
		problem(vs, "mailbox %u, block %u: expunged, and kept for ever",
			mailbox, block);
	return OK;
}

static enum err verify_seen(struct verifying *vs, str key, str value, void *arg)
{
	int64_t until;

	(void)arg;
	if (key_tail(key).n != 4 + SEEN_HASH_SIZE || seen_decode(value, &until))
		problem(vs, "what came before is damaged");
	return OK;
}

/* Names are in lower case, and there are no names of nothing. */
static enum err verify_annotation(
	struct verifying *vs, str key, str value, void *arg)
{
	str name = str_skip(key_tail(key), 4);
	bool good = name.n > 0;

	(void)value;
	(void)arg;
	for (size_t i = 0; good && i < name.n; i++)
		good = name.p[i] < 'A' || name.p[i] > 'Z';
	if (!good)
		problem(vs, "an annotation has the name %.*s", STR_ARG(name));
	return OK;
}

static enum err verify_journal(
	struct verifying *vs, str key, str value, void *arg)
{
	struct cursor c = cursor_of(key_tail(key));
	mailbox_num id = cursor_be32(&c);
	modseq_num modseq = cursor_be64(&c);
	struct buf name = BUF_UNBOUNDED;
	struct journal_record j;

	(void)arg;
	if (journal_decode(value, &j)) {
		add_name(vs, id, &name);
		problem(vs, "%.*s: its journal is damaged at %llu",
			STR_ARG(buf_str(&name)), (unsigned long long)modseq);
	}
	journal_fini(&j);
	buf_fini(&name);
	return OK;
}

static enum err verify_history(
	struct verifying *vs, str key, str value, void *arg)
{
	struct cursor c = cursor_of(key_tail(key));
	struct buf name = BUF_UNBOUNDED;
	struct history_record h;

	(void)arg;
	if (history_decode(value, &h)) {
		add_name(vs, cursor_be32(&c), &name);
		problem(vs, "%.*s: what is known of its history is damaged",
			STR_ARG(buf_str(&name)));
	}
	buf_fini(&name);
	return OK;
}

/* Of which nothing is wrong that can be read. */
static enum err verify_readable(
	struct verifying *vs, str key, str value, void *arg)
{
	(void)vs;
	(void)key;
	(void)value;
	(void)arg;
	return OK;
}

/* Keys that belong to a number: calls fn once for each number. */
typedef void number_fn(struct verifying *, char letter, uint64_t number);

static enum err scan_numbers(
	struct verifying *vs, char letter, bool wide, number_fn *fn)
{
	struct buf from = BUF_UNBOUNDED, to = BUF_UNBOUNDED;
	bool more = true;
	enum err e = OK;

	key_account_prefix(&from, vs->account, letter);
	key_account_prefix(&to, vs->account, (char)(letter + 1));
	while (!e && more) {
		struct store_iter *it =
			store_scan(vs->txn, buf_str(&from), buf_str(&to));
		uint64_t number = 0;
		str key, value;

		more = store_iter_next(it, &key, &value);
		if (more) {
			struct cursor c = cursor_of(key_tail(key));

			number = wide ? cursor_be64(&c) : cursor_be32(&c);
		}
		e = store_iter_end(it);
		if (e || !more)
			break;
		fn(vs, letter, number);
		if (wide)
			key_message(&from, vs->account, letter, number);
		else
			key_mailbox(&from, vs->account, letter,
				(mailbox_num)number);
		key_prefix_end(&from);
	}
	buf_fini(&from);
	buf_fini(&to);
	return e;
}

static enum err look_for_owners(
	struct verifying *vs, char letter, bool wide, number_fn *fn)
{
	enum err e = scan_numbers(vs, letter, wide, fn);

	if (e != ERR_CORRUPT)
		return e;
	/* Said already, by mailbox and UID if it is a message's bytes. */
	if (strchr("cdf", letter) && !vs->finding_count)
		problem(vs, "records of kind '%c' cannot all be read", letter);
	return OK;
}

static void verify_of_message(
	struct verifying *vs, char letter, uint64_t number)
{
	key_message(&vs->key, vs->account, 'i', number);
	if (has(vs) || (letter != 'd' && is_pending(vs, 'u', number)))
		return;
	problem(vs, "message %llu: it is not there, but its %s",
		(unsigned long long)number,
		letter == 'd' ? "digest is" : "bytes are");
}

static void verify_of_mailbox(
	struct verifying *vs, char letter, uint64_t number)
{
	key_mailbox(&vs->key, vs->account, 'm', (mailbox_num)number);
	if (has(vs) || is_pending(vs, 'z', number))
		return;
	problem(vs, "mailbox %llu: it is not there, but '%c' of it",
		(unsigned long long)number, letter);
}

static void verify_annotated(struct verifying *vs, char letter, uint64_t number)
{
	if (number) /* 0: the account's own */
		verify_of_mailbox(vs, letter, number);
}

/* Accounts. */

static enum err verify_account(struct verifying *vs)
{
	static const struct {
		char letter;
		scan_fn *fn;
	} parts[] = {
		{'e', verify_annotation},
		{'m', verify_mailbox},
		{'n', verify_name_entry},
		{'p', verify_expunged},
		{'h', verify_history},
		{'j', verify_journal},
		{'q', verify_readable},
		{'r', verify_readable},
		{'s', verify_readable},
		{'i', verify_message},
		{'l', verify_link},
		{'o', verify_seen},
		{'x', verify_hash},
	};
	static const struct {
		char letter;
		bool wide; /* numbers of messages, else of mailboxes */
		number_fn *fn;
	} owned[] = {
		{'b', false, verify_of_mailbox},
		{'c', true, verify_of_message},
		{'d', true, verify_of_message},
		{'e', false, verify_annotated},
		{'f', true, verify_of_message},
		{'h', false, verify_of_mailbox},
		{'j', false, verify_of_mailbox},
		{'o', false, verify_of_mailbox},
		{'q', false, verify_of_mailbox},
	};
	enum err e = OK;

	vs->v->accounts++;
	if (!vs->known)
		problem(vs, "its record is damaged");
	for (size_t i = 0; !e && i < sizeof parts / sizeof *parts; i++)
		e = scan_letter(vs, parts[i].letter, parts[i].fn);
	for (size_t i = 0; !e && i < sizeof owned / sizeof *owned; i++)
		e = look_for_owners(
			vs, owned[i].letter, owned[i].wide, owned[i].fn);
	if (e || !vs->known)
		return e;
	if (vs->record.bytes != vs->bytes)
		problem(vs, "says %llu bytes and has %llu",
			(unsigned long long)vs->record.bytes,
			(unsigned long long)vs->bytes);
	if (vs->record.messages != vs->messages)
		problem(vs, "says %llu messages and has %llu",
			(unsigned long long)vs->record.messages,
			(unsigned long long)vs->messages);
	if (vs->record.mailboxes != vs->mailboxes)
		problem(vs, "says %u mailboxes and has %u",
			vs->record.mailboxes, vs->mailboxes);
	return OK;
}

/* Someone's who is not being removed. */
static bool has_mailboxes(struct verifying *vs)
{
	struct buf prefix = BUF_UNBOUNDED;
	struct store_iter *it;
	str key, value;
	bool has_some;

	if (is_pending(vs, 'a', 0))
		return false;
	key_account_prefix(&prefix, vs->account, 'm');
	it = store_scan_prefix(vs->txn, buf_str(&prefix));
	has_some = store_iter_next(it, &key, &value);
	if (store_iter_end(it) == ERR_CORRUPT)
		has_some = true;
	buf_fini(&prefix);
	return has_some;
}

static enum err verify_one(
	struct mail *mail, account_num account, struct verify *v)
{
	struct verifying vs = {
		.v = v,
		.account = account,
		.key = BUF_UNBOUNDED,
		.value = BUF_UNBOUNDED,
		.plain = BUF_UNBOUNDED,
	};
	bool nobody;
	enum err e;

	vs.txn = store_begin_read(mail->store);
	key_account(&vs.key, account);
	e = get(&vs);
	nobody = e == ERR_NOTFOUND && !has_mailboxes(&vs);
	if (!e)
		e = account_decode(buf_str(&vs.value), &vs.record);
	vs.known = !e;
	if (nobody || e == ERR_NOTFOUND || e == ERR_CORRUPT)
		e = OK;
	if (!e && !nobody)
		e = verify_account(&vs);
	store_end_read(vs.txn);
	buf_fini(&vs.key);
	buf_fini(&vs.value);
	buf_fini(&vs.plain);
	uidset_fini(&vs.looked_at);
	uidset_fini(&vs.referred);
	free(vs.findings);
	return e;
}

/* What the log lost stays a problem until somebody removes the file. */
struct telling_lost {
	struct verify *v;
	account_num only; /* 0: all */
};

static void tell_lost(void *arg, const struct lost_place *p, str mailbox)
{
	struct telling_lost *t = arg;
	struct verifying vs = {.v = t->v, .account = p->account};

	if (t->only && t->only != p->account)
		return;
	if (p->last)
		problem(&vs,
			"%.*s: the damaged log lost a change among UIDs %u to "
			"%u",
			STR_ARG(mailbox), p->first, p->last);
	else
		problem(&vs, "%.*s%sthe damaged log lost a change",
			STR_ARG(mailbox), mailbox.n ? ": " : "");
}

static enum err verify_lost(
	struct mail *mail, account_num account, struct verify *v)
{
	struct telling_lost t = {v, account};
	struct verifying vs = {.v = v};
	uint64_t bytes;
	enum err e = lost_read(mail, tell_lost, &t, &bytes);

	if (!e && !account)
		problem(&vs,
			"the log was damaged and %llu bytes of it lost; they "
			"are in LOST-WRITES; remove it when that was seen to",
			(unsigned long long)bytes);
	return e == ERR_NOTFOUND ? OK : e;
}

enum err verify_mail(struct mail *mail, account_num account, struct verify *v)
{
	account_num at = 0;
	enum err e;

	v->accounts = v->mailboxes = v->memberships = v->messages = v->bytes =
		v->problems = 0;
	e = verify_lost(mail, account, v);
	if (e)
		return e;
	if (account)
		return verify_one(mail, account, v);
	while (!(e = mail_next_account(mail, at, &at)) && at)
		if ((e = verify_one(mail, at, v)))
			break;
	return e;
}
