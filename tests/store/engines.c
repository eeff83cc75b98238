/* SPDX-License-Identifier: Apache-2.0 */
#include "engines.h"
#include "base/buf.h"
#include "store/fault.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct store *open_memory(const char *dir)
{
	(void)dir;
	return store_open_memory();
}

static struct store *open_rocksdb(const char *dir)
{
	struct store *s;

	assert_ok(store_open_rocksdb(dir, &s));
	return s;
}

static struct store_fault conflicts = {.conflicts = true};

static struct store *open_fault_memory(const char *dir)
{
	return store_open_fault(open_memory(dir), &conflicts);
}

static struct store *open_fault_rocksdb(const char *dir)
{
	return store_open_fault(open_rocksdb(dir), &conflicts);
}

const struct engine engines[] = {
	{"memory", false, open_memory},
	{"rocksdb", true, open_rocksdb},
	{"conflicts over memory", false, open_fault_memory},
	{"conflicts over rocksdb", true, open_fault_rocksdb},
};
const size_t engine_count = COUNT_OF(engines);

char *dir_make(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = xasprintf("%s/culver-store-XXXXXX", tmp ? tmp : "/tmp");

	assert_non_null(mkdtemp(dir));
	return dir;
}

void dir_remove(char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			assert_int_equal(unlinkat(dirfd(d), e->d_name, 0), 0);
	closedir(d);
	assert_int_equal(rmdir(dir), 0);
	free(dir);
}

static enum err put_pair(struct store_txn *t, void *arg)
{
	const char **pair = arg;

	store_put(t, str_c(pair[0]), str_c(pair[1]));
	return OK;
}

void put1(struct store *s, const char *key, const char *value)
{
	const char *pair[] = {key, value};

	assert_ok(store_write(s, STR("test"), put_pair, pair));
}

char *get1(struct store *s, const char *key)
{
	struct buf b = BUF_UNBOUNDED;
	struct store_txn *t = store_begin_read(s);
	enum err err = store_get(t, str_c(key), &b);
	char *value;

	store_end_read(t);
	assert_true(err == OK || err == ERR_NOTFOUND);
	value = err ? xstrdup("-") : xstrndup(b.p ? b.p : "", b.n);
	buf_fini(&b);
	return value;
}
