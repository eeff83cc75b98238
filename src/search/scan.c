/* SPDX-License-Identifier: Apache-2.0 */
#include "search/scan.h"
#include "message/charset.h"
#include "message/date.h"
#include "message/encoded_word.h"
#include "message/fold.h"
#include "message/transfer.h"

#define PIECE (32 * 1024)

/* Up to n bytes at `at`, fewer at a chunk's border; from the chunk that was
 * read last where that has them: a message of many small parts is read once. */
static enum err window_get(struct scan *scan, message_num message, uint64_t at,
	uint64_t n, str *bytes_r)
{
	struct message_reader *r = &scan->reader;
	bool same = r->message == message;
	enum err e = OK;

	if (!same || at < scan->window_at ||
		at - scan->window_at >= scan->window.n) {
		buf_reset(&scan->window);
		if (!same)
			*r = (struct message_reader){
				.account = scan->digests.account,
				.message = message,
				.along = &scan->along};
		e = message_read_record(
			r, scan->txn, at, &scan->window, &scan->window_at);
	}
	*bytes_r = str_take(str_skip(buf_str(&scan->window),
				    (size_t)(at - scan->window_at)),
		(size_t)n);
	return e || bytes_r->n ? e : ERR_CORRUPT;
}

void scan_init(struct scan *scan, struct plan *plan, struct arena *arena)
{
	str *needles = ARENA_ARRAY(arena, str, plan->leaf_count);

	*scan = (struct scan){
		.plan = plan,
		.digest_bytes = BUF_UNBOUNDED,
		.window = BUF_UNBOUNDED,
		.field = {.max = SCAN_FIELD_MAX},
		.text = BUF_UNBOUNDED,
		.folded = BUF_UNBOUNDED,
	};
	scan->which = ARENA_ARRAY(arena, struct plan_leaf *, plan->leaf_count);
	for (size_t i = 0; i < plan->leaf_count; i++) {
		struct plan_leaf *leaf = &plan->leaves[i];

		if (leaf->kind != LEAF_BODY && leaf->kind != LEAF_TEXT)
			continue;
		needles[scan->needles] = leaf->needle;
		scan->which[scan->needles++] = leaf;
	}
	if (scan->needles)
		scan->match = match_new(
			arena, match_set_new(arena, needles, scan->needles));
}

void scan_fini(struct scan *scan)
{
	buf_fini(&scan->digest_bytes);
	buf_fini(&scan->window);
	buf_fini(&scan->field);
	buf_fini(&scan->text);
	buf_fini(&scan->folded);
}

/* Headers. */

static void settle(struct plan_leaf *leaf, bool yes)
{
	if (yes)
		leaf->verdict = VERDICT_YES;
}

static bool sent_matches(const struct plan_leaf *leaf, str value)
{
	struct date date;
	int32_t day;

	if (date_parse_rfc5322(value, &date))
		return false;
	day = date_day(date);
	return leaf->row->order < 0    ? day < leaf->node->day
	       : leaf->row->order == 0 ? day == leaf->node->day
				       : day >= leaf->node->day;
}

/* Has it to look at the field of that name? */
static bool asks(const struct plan_leaf *leaf, str name)
{
	if (leaf->verdict == VERDICT_YES)
		return false;
	return leaf->kind == LEAF_SENT
		       ? str_ieq_c(name, "Date")
		       : leaf->kind == LEAF_FIELD && str_ieq(name, leaf->field);
}

/* Most fields of a header nobody asks for. */
static bool is_asked(const struct scan *scan, str name, bool top)
{
	if (scan->match)
		return true;
	for (size_t i = 0; top && i < scan->plan->leaf_count; i++)
		if (asks(&scan->plan->leaves[i], name))
			return true;
	return false;
}

static void ask_leaves(struct scan *scan, str name, str raw)
{
	str folded = buf_str(&scan->folded);

	for (size_t i = 0; i < scan->plan->leaf_count; i++) {
		struct plan_leaf *leaf = &scan->plan->leaves[i];

		if (!asks(leaf, name))
			continue;
		if (leaf->kind == LEAF_SENT)
			settle(leaf, sent_matches(leaf, raw));
		else
			settle(leaf, leaf->needle.n == 0 ||
					     str_find(folded, leaf->needle) <
						     folded.n);
	}
}

/* Feeds the matcher "Name: value", folded. */
static void match_field(struct scan *scan, str name)
{
	struct buf head = BUF_UNBOUNDED;

	if (!scan->match)
		return;
	fold_add(&head, name);
	if (name.n)
		buf_add(&head, STR(": "));
	match_break(scan->match);
	match_feed(scan->match, buf_str(&head));
	match_feed(scan->match, buf_str(&scan->folded));
	match_break(scan->match);
	buf_fini(&head);
}

/* One whole field, as it stands in the header; a line that is none has no
 * name. */
static void take_field(struct scan *scan, bool top)
{
	str field = buf_str(&scan->field);
	size_t colon = str_find_byte(field, ':');
	str name = str_of("", 0), value = field;

	if (colon < field.n) {
		name = str_trim(str_take(field, colon));
		value = str_skip(field, colon + 1);
	}
	if (str_trim(field).n && is_asked(scan, name, top)) {
		buf_reset(&scan->text);
		encoded_word_decode(&scan->text, str_trim(value));
		buf_reset(&scan->folded);
		fold_add(&scan->folded, buf_str(&scan->text));
		if (top)
			ask_leaves(scan, name, value);
		match_field(scan, name);
	}
	buf_reset(&scan->field);
}

static void take_line(struct scan *scan, str line, bool top)
{
	bool goes_on = line.n && (line.p[0] == ' ' || line.p[0] == '\t');

	if (!goes_on)
		take_field(scan, top);
	buf_add(&scan->field, line);
	scan->field.err = OK; /* a field too long is cut */
}

/* Fields of the header at that range. Lines may be split over pieces. */
static enum err read_header(struct scan *scan, message_num message, uint64_t at,
	uint64_t n, bool top)
{
	struct buf line = {.max = SCAN_FIELD_MAX};
	enum err e = OK;

	while (!e && n) {
		str rest;

		e = window_get(scan, message, at, n, &rest);
		if (e)
			break;
		at += rest.n;
		n -= rest.n;
		while (rest.n) {
			size_t end = str_find_byte(rest, '\n');
			bool whole = end < rest.n;

			buf_add(&line, str_take(rest, whole ? end + 1 : end));
			line.err = OK;
			rest = str_skip(rest, whole ? end + 1 : end);
			if (!whole)
				break;
			take_line(scan, buf_str(&line), top);
			buf_reset(&line);
		}
	}
	take_line(scan, buf_str(&line), top);
	take_field(scan, top);
	buf_fini(&line);
	return e;
}

static bool wants_header(const struct plan *plan)
{
	for (size_t i = 0; i < plan->leaf_count; i++)
		if (plan->leaves[i].kind != LEAF_BODY)
			return true;
	return false;
}

/* What was found so far, for leaves of that kind. */
static void note_found(struct scan *scan, enum leaf_kind kind)
{
	for (size_t i = 0; i < scan->needles; i++)
		if (scan->which[i]->kind == kind && match_found(scan->match, i))
			scan->which[i]->verdict = VERDICT_YES;
}

void scan_begin(struct scan *scan, struct store_txn *txn, account_num account)
{
	scan->txn = txn;
	records_begin(&scan->digests, txn, account, 'd');
	message_records_begin(&scan->along, txn, account);
}

void scan_end(struct scan *scan)
{
	records_end(&scan->digests);
	message_records_end(&scan->along);
}

enum err scan_header(struct scan *scan, const struct membership *m)
{
	struct digest_part top;
	enum err e;

	buf_reset(&scan->digest_bytes);
	e = records_get(&scan->digests, m->message, &scan->digest_bytes);
	if (e == ERR_NOTFOUND)
		return ERR_EXPUNGED;
	if (!e)
		e = digest_decode(buf_str(&scan->digest_bytes), &scan->digest);
	if (!e)
		e = digest_part(&scan->digest, 0, &top);
	if (scan->match)
		match_reset(scan->match);
	if (!e && wants_header(scan->plan))
		e = read_header(
			scan, m->message, top.header_at, top.header_n, true);
	if (e)
		return e;
	note_found(scan, LEAF_TEXT);
	for (size_t i = 0; i < scan->plan->leaf_count; i++) {
		struct plan_leaf *leaf = &scan->plan->leaves[i];

		if (leaf->verdict == VERDICT_OPEN &&
			(leaf->kind == LEAF_SENT || leaf->kind == LEAF_FIELD))
			leaf->verdict = VERDICT_NO;
	}
	if (scan->match)
		match_reset(scan->match);
	return OK;
}

/* Bodies. */

static enum transfer transfer_of(enum digest_encoding encoding)
{
	switch (encoding) {
	case ENCODING_BASE64:
		return TRANSFER_BASE64;
	case ENCODING_QP:
		return TRANSFER_QP;
	case ENCODING_UUENCODE:
		return TRANSFER_UUENCODE;
	default:
		return TRANSFER_IDENTITY;
	}
}

/* Bytes → transfer decoding → charset → folding → matching. */
struct decoding {
	struct scan *scan;
	struct transfer_decoder transfer;
	struct charset_decoder *charset;
	struct fold fold;
	struct buf plain;
};

static void pass_on(struct decoding *d, bool end)
{
	struct scan *scan = d->scan;

	buf_reset(&scan->text);
	charset_decoder_feed(d->charset, buf_str(&d->plain), &scan->text);
	if (end)
		charset_decoder_finish(d->charset, &scan->text);
	buf_reset(&scan->folded);
	fold_feed(&d->fold, buf_str(&scan->text), &scan->folded);
	if (end)
		fold_finish(&d->fold, &scan->folded);
	match_feed(scan->match, buf_str(&scan->folded));
	buf_reset(&d->plain);
}

static enum err read_text(
	struct scan *scan, message_num message, const struct digest_part *part)
{
	struct decoding d = {.scan = scan, .plain = BUF_UNBOUNDED};
	uint64_t at = part->body_at, end = part->body_at + part->body_n;
	enum err e = charset_decoder_open(part->charset, &d.charset);

	if (e == ERR_CHARSET)
		e = charset_decoder_open(STR("us-ascii"), &d.charset);
	if (e)
		return e;
	transfer_decoder_init(&d.transfer, transfer_of(part->encoding));
	fold_init(&d.fold);
	match_break(scan->match);
	while (!e && at < end && !match_done(scan->match)) {
		uint64_t n = end - at < PIECE ? end - at : PIECE;
		str piece = str_none();

		e = window_get(scan, message, at, n, &piece);
		at += piece.n;
		transfer_decoder_feed(&d.transfer, piece, &d.plain);
		pass_on(&d, false);
	}
	transfer_decoder_finish(&d.transfer, &d.plain);
	pass_on(&d, true);
	match_break(scan->match);
	charset_decoder_close(d.charset);
	buf_fini(&d.plain);
	return e;
}

/* Text, and what no parser looked into (an encoded message/rfc822). */
static bool is_text(const struct digest_part *part)
{
	return part->kind == DIGEST_LEAF &&
	       (str_eq_c(part->type, "text") ||
		       str_eq_c(part->type, "message"));
}

enum err scan_body(struct scan *scan, const struct membership *m)
{
	enum err e = OK;

	for (uint32_t i = 0; !e && i < scan->digest.part_count; i++) {
		struct digest_part part;

		e = digest_part(&scan->digest, i, &part);
		/* The headers of parts and of messages inside are body. */
		if (!e && i > 0)
			e = read_header(scan, m->message, part.header_at,
				part.header_n, false);
		if (!e && is_text(&part))
			e = read_text(scan, m->message, &part);
		if (match_done(scan->match))
			break;
	}
	if (e)
		return e;
	for (size_t i = 0; i < scan->needles; i++)
		if (scan->which[i]->verdict == VERDICT_OPEN)
			scan->which[i]->verdict = match_found(scan->match, i)
							  ? VERDICT_YES
							  : VERDICT_NO;
	return OK;
}
