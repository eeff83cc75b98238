/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "lookup/sources.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static char directory[64], path[96], fresh[96];

static int setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof directory, "/tmp/culver-passwd-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/passwd", directory);
	snprintf(fresh, sizeof fresh, "%s/fresh", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	rmdir(directory);
	return 0;
}

/* As editors and tools do: another file under the name. */
static void write_file(const char *text)
{
	FILE *f = fopen(fresh, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(rename(fresh, path), 0);
}

static enum err find(
	struct lookup_source *s, const char *name, struct lookup_person *person)
{
	const struct lookup_request q = {
		.op = LOOKUP_FIND, .name = str_c(name)};

	return lookup_ask(s, &q, person);
}

static void the_file_is_read_when_it_changes(void **state)
{
	struct lookup_source *s = lookup_passwd_new(path);
	struct lookup_person person;

	(void)state;
	lookup_person_init(&person);
	assert_int_equal(find(s, "bob", &person), ERR_UNAVAILABLE);
	write_file("# people\nbob:{PLAIN}1\nwrong\nEve:{PLAIN}2\nbob:{PLAIN}3");
	assert_ok(find(s, "bob", &person));
	assert_str(buf_str(&person.hash), "{PLAIN}1");
	assert_ok(find(s, "EVE", &person));
	assert_str(buf_str(&person.name), "eve");
	assert_int_equal(find(s, "wrong", &person), ERR_NOTFOUND);
	write_file("bob:{PLAIN}4\n");
	assert_ok(find(s, "bob", &person));
	assert_str(buf_str(&person.hash), "{PLAIN}4");
	assert_int_equal(find(s, "eve", &person), ERR_NOTFOUND);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(find(s, "bob", &person), ERR_UNAVAILABLE);
	lookup_person_fini(&person);
	lookup_source_free(s);
}

static void many_are_found(void **state)
{
	struct lookup_source *s = lookup_passwd_new(path);
	struct buf text = BUF_UNBOUNDED;
	struct lookup_person person;
	char name[32];

	(void)state;
	lookup_person_init(&person);
	for (int i = 0; i < 1000; i++)
		buf_addf(&text, "user%d:{PLAIN}%d\r\n", i, i);
	buf_add_byte(&text, '\0');
	write_file(text.p);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "user%d", i);
		assert_ok(find(s, name, &person));
		snprintf(name, sizeof name, "{PLAIN}%d", i);
		assert_str(buf_str(&person.hash), name);
	}
	assert_int_equal(find(s, "user1000", &person), ERR_NOTFOUND);
	buf_fini(&text);
	lookup_person_fini(&person);
	lookup_source_free(s);
}

static void questions_are_answered_by_kind(void **state)
{
	struct lookup_source *s = lookup_passwd_new(path);
	struct lookup_request q = {.op = LOOKUP_VERIFY,
		.name = STR("bob"),
		.secret = STR("x"),
		.remote = STR("192.0.2.1:99")};
	struct lookup_person person;

	(void)state;
	lookup_person_init(&person);
	write_file("bob:{PLAIN}1:::::: allow_nets=192.0.2.0/24 nologin\n");
	assert_int_equal(lookup_ask(s, &q, &person), ERR_UNSUPPORTED);
	assert_str(buf_str(&person.hash), "{PLAIN}1");
	assert_true(person.disabled);
	q.remote = STR("198.51.100.1:99");
	assert_int_equal(lookup_ask(s, &q, &person), ERR_DENIED);
	assert_int_equal(person.hash.n, 0);
	q.op = LOOKUP_TOKEN;
	assert_int_equal(lookup_ask(s, &q, &person), ERR_UNSUPPORTED);
	lookup_person_fini(&person);
	lookup_source_free(s);
}

static void *ask_often(void *arg)
{
	struct lookup_person person;

	lookup_person_init(&person);
	for (int i = 0; i < 200; i++)
		if (find(arg, "bob", &person) != OK ||
			!str_starts(buf_str(&person.hash), STR("{PLAIN}")))
			abort();
	lookup_person_fini(&person);
	return NULL;
}

static void threads_ask_while_it_changes(void **state)
{
	struct lookup_source *s = lookup_passwd_new(path);
	pthread_t threads[4];
	char line[64];

	(void)state;
	write_file("bob:{PLAIN}\n");
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, ask_often, s), 0);
	for (int i = 0; i < 50; i++) {
		snprintf(line, sizeof line, "a%d:x\nbob:{PLAIN}%d\n", i, i);
		write_file(line);
	}
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	lookup_source_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_file_is_read_when_it_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			many_are_found, setup, teardown),
		cmocka_unit_test_setup_teardown(
			questions_are_answered_by_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(
			threads_ask_while_it_changes, setup, teardown),
	};

	return cmocka_run_group_tests_name("passwd", tests, NULL, NULL);
}
