/* SPDX-License-Identifier: Apache-2.0 */
#include "imap/source.h"

/* Output that is kept while its length is sent. */
#define KEEP_MAX (64 * 1024)
/* Room for what clients mostly ask for. */
#define KEPT_FIRST 1024

static const enum section_kind kinds[] = {
	[IMAP_TEXT_ALL] = SECTION_WHOLE,
	[IMAP_TEXT_HEADER] = SECTION_HEADER,
	[IMAP_TEXT_FIELDS] = SECTION_HEADER_FIELDS,
	[IMAP_TEXT_FIELDS_NOT] = SECTION_HEADER_FIELDS_NOT,
	[IMAP_TEXT_TEXT] = SECTION_TEXT,
	[IMAP_TEXT_MIME] = SECTION_MIME,
};

static bool is_binary(const struct imap_section *x)
{
	return x->name == IMAP_SECTION_BINARY ||
	       x->name == IMAP_SECTION_BINARY_SIZE;
}

static struct section section_of(const struct imap_section *x)
{
	struct section section = {
		.numbers = x->part,
		.number_count = x->part_n,
		.kind = kinds[x->text],
		.fields = x->fields,
		.field_count = x->fields_n,
	};

	if (x->name == IMAP_SECTION_RFC822_HEADER)
		section.kind = SECTION_HEADER;
	else if (x->name == IMAP_SECTION_RFC822_TEXT)
		section.kind = SECTION_TEXT;
	return section;
}

/* How a part's content is decoded. */
static enum err decoding(const struct digest *digest,
	const struct imap_section *x, uint32_t index, enum transfer *transfer_r)
{
	struct digest_part part;
	enum err e;

	*transfer_r = TRANSFER_IDENTITY;
	if (x->part_n == 0)
		return OK; /* the message itself, as it is */
	e = digest_part(digest, index, &part);
	if (e || part.kind != DIGEST_LEAF)
		return e;
	switch (part.encoding) {
	case ENCODING_BASE64:
		*transfer_r = TRANSFER_BASE64;
		return OK;
	case ENCODING_QP:
		*transfer_r = TRANSFER_QP;
		return OK;
	case ENCODING_UUENCODE:
		*transfer_r = TRANSFER_UUENCODE;
		return OK;
	case ENCODING_UNKNOWN:
		return ERR_CTE;
	default:
		return OK;
	}
}

enum err source_check(const struct digest *digest, const struct imap_section *x)
{
	struct section section = section_of(x);
	struct section_range range;
	enum transfer transfer;
	enum err e;

	if (!is_binary(x))
		return OK;
	e = section_resolve(digest, &section, &range);
	if (e)
		return e == ERR_NOTFOUND ? OK : e;
	return decoding(digest, x, range.part, &transfer);
}

static void start(struct section_source *src, const struct section_range *range,
	enum transfer transfer)
{
	const struct imap_section *x = src->section;

	src->at = range->at;
	src->end = range->at + range->n;
	if (src->kind == SOURCE_FILTER)
		header_filter_init(&src->filter, x->fields, x->fields_n,
			x->text == IMAP_TEXT_FIELDS_NOT);
	else if (src->kind == SOURCE_DECODE)
		transfer_decoder_init(&src->decoder, transfer);
}

/* Reads a piece of the message and appends what becomes of it; *end_r when it
 * was the last. */
static enum err pull(struct section_source *src, struct store_txn *txn,
	struct buf *out, bool *end_r)
{
	struct buf piece = BUF_UNBOUNDED;
	uint64_t n = src->end - src->at;
	enum err e =
		n ? message_read(&src->reader, txn, src->at, n, &piece) : OK;

	if (!e && n && piece.n == 0)
		e = ERR_CORRUPT;
	if (e) {
		buf_fini(&piece);
		return e;
	}
	src->at += piece.n;
	*end_r = src->at == src->end;
	if (src->kind == SOURCE_FILTER) {
		header_filter_feed(&src->filter, buf_str(&piece), out);
		if (*end_r)
			header_filter_finish(&src->filter, out);
	} else {
		transfer_decoder_feed(&src->decoder, buf_str(&piece), out);
		if (*end_r)
			transfer_decoder_finish(&src->decoder, out);
	}
	buf_fini(&piece);
	return OK;
}

/* Is a NUL in those bytes of the output that are within the partial? `at`: of
 * the first one. */
static bool has_nul(const struct imap_section *x, uint64_t at, str bytes)
{
	uint64_t from = at, end = at + bytes.n;

	if (x->partial && from < x->from)
		from = x->from;
	if (x->partial && end > x->from + x->length)
		end = x->from + x->length; /* both have 63 bits */
	return from < end &&
	       memchr(bytes.p + (from - at), '\0', (size_t)(end - from));
}

/* How many bytes come out in all; they are kept if they are few. */
static enum err measure(
	struct section_source *src, struct store_txn *txn, uint64_t *length_r)
{
	struct buf *kept = &src->kept;
	uint64_t dropped = 0;
	bool end = false;
	enum err e = OK;

	*kept = BUF_UNBOUNDED;
	buf_reserve(kept, KEPT_FIRST);
	while (!e && !end) {
		size_t before = kept->n;

		e = pull(src, txn, kept, &end);
		if (!e && !src->has_nul)
			src->has_nul = has_nul(src->section, dropped + before,
				str_skip(buf_str(kept), before));
		if (dropped || kept->n > KEEP_MAX) {
			dropped += kept->n;
			buf_reset(kept);
		}
	}
	*length_r = dropped + kept->n;
	if (e || dropped)
		buf_fini(kept);
	if (src->kind == SOURCE_FILTER)
		header_filter_fini(&src->filter);
	return e;
}

/* The partial's window into `length` bytes. */
static void set_window(struct section_source *src, uint64_t length)
{
	const struct imap_section *x = src->section;

	src->skip = x->partial ? x->from : 0;
	if (src->skip > length)
		src->skip = length;
	src->left = length - src->skip;
	if (x->partial && src->left > x->length)
		src->left = x->length;
}

enum err source_open(struct section_source *src, struct store_txn *txn,
	account_num account, message_num message, struct message_records *along,
	struct record_window *window, const struct digest *digest,
	const struct imap_section *x, uint64_t *length_r)
{
	struct section section = section_of(x);
	struct section_range range;
	enum transfer transfer = TRANSFER_IDENTITY;
	uint64_t length;
	enum err e = section_resolve(digest, &section, &range);

	if (!e && is_binary(x))
		e = decoding(digest, x, range.part, &transfer);
	if (e)
		return e;
	*src = (struct section_source){.reader = {.account = account,
					       .message = message,
					       .along = along},
		.section = x,
		.window = window};
	src->kind = range.filter ? SOURCE_FILTER
		    : transfer != TRANSFER_IDENTITY ||
				    x->name == IMAP_SECTION_BINARY
			    ? SOURCE_DECODE
			    : SOURCE_RAW;
	length = range.n;
	start(src, &range, transfer);
	if (src->kind != SOURCE_RAW) {
		e = measure(src, txn, &length);
		if (e)
			return e;
		if (length > src->kept.n)
			start(src, &range, transfer);
		else
			src->kind = SOURCE_KEPT;
	}
	set_window(src, length);
	if (src->kind == SOURCE_RAW)
		src->at += src->skip;
	*length_r = src->left;
	src->open = true;
	return OK;
}

static enum err read_window(
	struct section_source *src, struct store_txn *txn, struct buf *out)
{
	struct record_window *w = src->window;
	str bytes;

	if (w->reader.message != src->reader.message) {
		buf_reset(&w->bytes);
		w->reader = src->reader;
	}
	if (src->at < w->at || src->at - w->at >= w->bytes.n) {
		enum err e;

		buf_reset(&w->bytes);
		e = message_read_record(
			&w->reader, txn, src->at, &w->bytes, &w->at);
		if (e) {
			buf_reset(&w->bytes);
			return e;
		}
	}
	if (src->at - w->at >= w->bytes.n)
		return OK; /* past the end */
	bytes = str_skip(buf_str(&w->bytes), (size_t)(src->at - w->at));
	if (bytes.n > src->left)
		bytes.n = (size_t)src->left;
	buf_add(out, bytes);
	return buf_err(out);
}

void record_window_fini(struct record_window *w)
{
	buf_fini(&w->bytes);
	*w = (struct record_window){.bytes = BUF_UNBOUNDED};
}

static enum err read_raw(
	struct section_source *src, struct store_txn *txn, struct buf *out)
{
	size_t before = out->n, n;
	enum err e = src->window ? read_window(src, txn, out)
				 : message_read(&src->reader, txn, src->at,
					   src->left, out);

	n = out->n - before;
	if (!e && n == 0)
		e = ERR_CORRUPT;
	src->at += n;
	src->left -= n;
	return e;
}

enum err source_read(
	struct section_source *src, struct store_txn *txn, struct buf *out)
{
	struct buf made = BUF_UNBOUNDED;
	bool end;
	str bytes;
	enum err e;

	if (src->left == 0)
		return OK;
	if (src->kind == SOURCE_RAW)
		return read_raw(src, txn, out);
	if (src->kind == SOURCE_KEPT) {
		bytes = str_skip(buf_str(&src->kept), (size_t)src->skip);
		buf_add(out, str_take(bytes, (size_t)src->left));
		src->left = 0;
		return buf_err(out);
	}
	e = pull(src, txn, &made, &end);
	bytes = str_skip(buf_str(&made),
		(size_t)(src->skip < made.n ? src->skip : made.n));
	src->skip -= made.n - bytes.n;
	if (bytes.n > src->left)
		bytes.n = (size_t)src->left;
	buf_add(out, bytes);
	src->left -= bytes.n;
	buf_fini(&made);
	return e;
}

void source_close(struct section_source *src)
{
	if (src->open && src->kind == SOURCE_FILTER)
		header_filter_fini(&src->filter);
	if (src->open)
		buf_fini(&src->kept);
	src->open = false;
}
