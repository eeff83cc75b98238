/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that writes is killed at any moment; everything it had
 * acknowledged is there when the store is opened again, and of what it had
 * not, each write is there whole or not at all.
 *
 * The writer is this program again, started with the directory: RocksDB's
 * threads do not outlive a fork. CULVER_CRASHES says how often.
 */
#include "engines.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WRITERS = 4, PARTS = 3 };

/* A write is PARTS keys, one with a value big enough for a blob file, and a
 * pointer to a lazy write before it. */
struct job {
	struct store *store;
	unsigned writer;
	uint64_t n;
	int acks;
};

struct ack {
	uint64_t n;
	uint64_t writer;
};

static void make_key(char key[64], const struct job *j, const char *part)
{
	snprintf(key, 64, "%s-%u-%012llu", part, j->writer,
		(unsigned long long)j->n);
}

static struct buf make_value(const struct job *j, size_t n)
{
	struct buf b = BUF_UNBOUNDED;

	while (b.n < n)
		buf_addf(&b, "%u.%llu ", j->writer, (unsigned long long)j->n);
	return b;
}

static enum err put_lazy(struct store_txn *t, void *arg)
{
	struct buf value = make_value(arg, 6000);
	char key[64];

	make_key(key, arg, "lazy");
	store_put(t, str_c(key), buf_str(&value));
	buf_fini(&value);
	return OK;
}

static const size_t part_size[PARTS] = {1, 9000, 100};

static enum err put_parts(struct store_txn *t, void *arg)
{
	for (unsigned i = 0; i < PARTS; i++) {
		struct buf value = make_value(arg, part_size[i]);
		char key[64], part[16];

		snprintf(part, sizeof part, "part%u", i);
		make_key(key, arg, part);
		store_put(t, str_c(key), buf_str(&value));
		buf_fini(&value);
	}
	return OK;
}

static void *write_for_ever(void *arg)
{
	struct job *j = arg;
	str scope = j->writer % 2 ? STR("1") : STR("0");

	for (;; j->n++) {
		struct ack ack = {j->n, j->writer};

		if (store_write_lazy(j->store, scope, put_lazy, j) ||
			store_write(j->store, scope, put_parts, j) ||
			write(j->acks, &ack, sizeof ack) != sizeof ack)
			_exit(1);
	}
	return NULL;
}

/* The writer's process: the numbers to begin with are argv[2]. */
static int child(char **argv)
{
	struct store *s;
	pthread_t threads[WRITERS];
	struct job jobs[WRITERS];
	uint64_t first;

	if (store_open_rocksdb(argv[1], &s) ||
		str_to_u64(str_c(argv[2]), UINT64_MAX, &first))
		return 1;
	for (unsigned i = 0; i < WRITERS; i++) {
		jobs[i] = (struct job){s, i, first, STDOUT_FILENO};
		if (pthread_create(&threads[i], NULL, write_for_ever, &jobs[i]))
			return 1;
	}
	pthread_join(threads[0], NULL);
	return 1;
}

static pid_t start(const char *dir, uint64_t first, int *acks_r)
{
	char number[32];
	int ends[2];
	pid_t pid;

	snprintf(number, sizeof number, "%llu", (unsigned long long)first);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execl("/proc/self/exe", "crash-child", dir, number,
			(char *)NULL);
		_exit(1);
	}
	close(ends[1]);
	*acks_r = ends[0];
	return pid;
}

/* Reads `count` acknowledgements, kills, reads the rest. */
static void kill_after(
	pid_t pid, int acks, unsigned count, uint64_t last[WRITERS])
{
	struct ack ack;
	int status;

	while (read(acks, &ack, sizeof ack) == sizeof ack) {
		assert_true(ack.writer < WRITERS);
		last[ack.writer] = ack.n;
		if (count && --count == 0)
			kill(pid, SIGKILL);
	}
	assert_int_equal(count, 0);
	close(acks);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static bool is_there(
	struct store_txn *t, const struct job *j, const char *part, size_t size)
{
	struct buf got = BUF_UNBOUNDED, expected = make_value(j, size);
	char key[64];
	enum err err;

	make_key(key, j, part);
	err = store_get(t, str_c(key), &got);
	assert_true(err == OK || err == ERR_NOTFOUND);
	if (!err)
		assert_true(str_eq(buf_str(&got), buf_str(&expected)));
	buf_fini(&got);
	buf_fini(&expected);
	return err == OK;
}

static bool is_whole(struct store_txn *t, const struct job *j)
{
	bool first = is_there(t, j, "part0", part_size[0]);

	assert_int_equal(is_there(t, j, "part1", part_size[1]), first);
	assert_int_equal(is_there(t, j, "part2", part_size[2]), first);
	if (first)
		assert_true(is_there(t, j, "lazy", 6000));
	return first;
}

static void check(const char *dir, uint64_t first, const uint64_t last[WRITERS])
{
	struct store *s;
	struct store_txn *t;

	assert_ok(store_open_rocksdb(dir, &s));
	t = store_begin_read(s);
	for (unsigned w = 0; w < WRITERS; w++) {
		struct job j = {.writer = w, .n = first};

		for (; j.n <= last[w]; j.n++)
			assert_true(is_whole(t, &j));
		/* The one that was under way; nothing after it. */
		(void)is_whole(t, &j);
		j.n++;
		assert_false(is_whole(t, &j));
	}
	store_end_read(t);
	store_close(s);
}

static void test_kill_at_any_moment(void **unused)
{
	const char *times = getenv("CULVER_CRASHES");
	int rounds = times ? atoi(times) : 3;
	char *dir = dir_make();

	(void)unused;
	for (int i = 0; i < rounds; i++) {
		uint64_t first = (uint64_t)i * 1000000 + 1;
		uint64_t last[WRITERS] = {0};
		int acks;
		pid_t pid = start(dir, first, &acks);

		for (unsigned w = 0; w < WRITERS; w++)
			last[w] = first - 1;
		kill_after(pid, acks, 1 + (unsigned)rand() % 400, last);
		check(dir, first, last);
	}
	dir_remove(dir);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill_at_any_moment),
	};

	if (argc == 3)
		return child(argv);
	srand((unsigned)getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
