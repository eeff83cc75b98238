/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "server/config.h"

static void test_every_row_is_sound(void **unused)
{
	struct config *config = config_new();
	struct buf text = BUF_UNBOUNDED;

	(void)unused;
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *s = &settings[i];

		buf_reset(&text);
		setting_print(s, config, &text);
		assert_str(buf_str(&text), s->def);
		assert_ptr_equal(setting_find(str_c(s->name)), s);
		if (*s->example)
			assert_ok(setting_parse(
				s, str_c(s->example), config, NULL));
		assert_true(s->help[strlen(s->help) - 1] != '.');
	}
	buf_fini(&text);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_is_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
