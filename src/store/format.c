/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine.h"
#include "base/log.h"

/* Its value is this word, a space, the version in decimal. */
#define FORMAT_KEY STR("\0format")
#define FORMAT_WORD STR("culver ")

static enum err copy(str value, void *arg)
{
	buf_add(arg, value);
	return buf_err(arg);
}

static enum err read_record(struct store *s, struct buf *value_r, bool *empty_r)
{
	struct store_txn *t = s->ops->begin_read(s);
	struct store_iter *it;
	enum err err = s->ops->look(t, FORMAT_KEY, false, copy, value_r),
		 scan_err;
	str k, v;

	*empty_r = false;
	if (err == ERR_NOTFOUND) {
		it = s->ops->scan(t, STR(""), STR(""), SCAN_PLAIN);
		it->txn = t;
		*empty_r = !s->ops->iter_next(it, &k, &v);
		scan_err = s->ops->iter_end(it);
		err = scan_err ? scan_err : err;
	}
	s->ops->end_read(t);
	return err;
}

enum err format_write(struct store *s)
{
	struct store_txn *t = s->ops->begin_batch(s, true);
	struct buf value = BUF_UNBOUNDED;

	buf_add(&value, FORMAT_WORD);
	buf_add_u64(&value, STORE_FORMAT);
	s->ops->put(t, FORMAT_KEY, buf_str(&value));
	buf_fini(&value);
	return s->ops->commit(t, true);
}

static enum err check_record(str record, const char *where)
{
	uint64_t version;

	if (!str_starts(record, FORMAT_WORD) ||
		str_to_u64(str_skip(record, FORMAT_WORD.n), UINT64_MAX,
			&version)) {
		log_error("store",
			"the format record is damaged; restore from a backup",
			LOG_C("where", where));
		return ERR_CORRUPT;
	}
	if (version == STORE_FORMAT)
		return OK;
	if (version < STORE_FORMAT)
		log_error("store",
			"a version of Culver before the first release wrote "
			"this store; export its mail with that one, and import "
			"it",
			LOG_C("where", where), LOG_U64("format", version));
	else
		log_error("store",
			"a newer Culver wrote this store; start that version, "
			"or "
			"restore a backup that this one made",
			LOG_C("where", where), LOG_U64("format", version),
			LOG_U64("newest_known", STORE_FORMAT));
	return ERR_VERSION;
}

enum err format_check(struct store *s, const char *where)
{
	struct buf record = BUF_UNBOUNDED;
	bool empty;
	enum err err = read_record(s, &record, &empty);

	if (!err) {
		err = check_record(buf_str(&record), where);
	} else if (err == ERR_NOTFOUND && empty) {
		err = format_write(s);
	} else if (err == ERR_CORRUPT) {
		/* It shares a block with somebody's mail; all others' can be
		 * read. A newer RocksDB's store was refused before. */
		log_error("store",
			"the place of the format record is damaged; it is "
			"written anew; run culver verify",
			LOG_C("where", where), LOG_U64("format", STORE_FORMAT));
		err = format_write(s);
	} else if (err == ERR_NOTFOUND) {
		log_error("store",
			"not a store of Culver's: there is data, but no "
			"format record; set another directory",
			LOG_C("where", where));
		err = ERR_CORRUPT;
	}
	buf_fini(&record);
	return err;
}
