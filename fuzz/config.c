/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration that was accepted survives the way to the roles. */
#include "server/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 forgets the text that it was reading at a syntax error. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_errors errors = CONFIG_ERRORS_EMPTY;
	struct buf out = BUF_UNBOUNDED;
	struct config *config, *copy;
	str text = str_of((const char *)data, size);

	if (config_parse(text, "c", "/d", &config, &errors) == OK) {
		config_encode(config, true, &out);
		if (config_decode(buf_str(&out), &copy) ||
			config_change(config, copy, NULL))
			abort();
		config_free(copy);
		config_free(config);
	} else if (!errors.count) {
		abort();
	}
	config_errors_print(&errors, &out);
	config_errors_fini(&errors);
	if (config_decode(text, &config) == OK)
		config_free(config);
	buf_fini(&out);
	return 0;
}
