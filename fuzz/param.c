/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters are read from anything; what is decoded is valid UTF-8. */
#include "message/param.h"
#include "message/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How many there are; none has bytes that IMAP's strings cannot have. */
static size_t check(const struct param *p)
{
	size_t count = 0;

	for (; p; p = p->next, count++)
		for (size_t i = 0; i < p->value.n; i++)
			if (strchr("\r\n", p->value.p[i]))
				abort(); /* NUL, too */
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;

	arena_init(&arena, 64 + 64 * size);
	struct param_value v =
		param_parse(&arena, str_of((const char *)data, size));
	size_t count = check(v.params);
	if (check(param_joined(&arena, v.params)) > count || count > PARAM_MAX)
		abort();
	if (!utf8_is_valid(param_get_decoded(&arena, v.params, "filename")) ||
		!utf8_is_valid(param_get_decoded(&arena, v.params, "f")))
		abort();
	arena_fini(&arena);
	return 0;
}
