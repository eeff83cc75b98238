/* SPDX-License-Identifier: Apache-2.0 */
/* What auth reads from lookup, which is not trusted, and lookup from auth. What
 * was read can be written and read again. */
#include "lookup/lookup.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(str bytes)
{
	struct lookup_person person, again;
	struct buf out = BUF_UNBOUNDED;
	enum err answer, same;

	lookup_person_init(&person);
	lookup_person_init(&again);
	if (lookup_answer_decode(bytes, &answer, &person) == OK) {
		if (person.name.n > LOOKUP_NAME_MAX ||
			person.hash.n > LOOKUP_HASH_MAX)
			abort();
		lookup_answer_encode(answer, &person, &out);
		if (lookup_answer_decode(buf_str(&out), &same, &again) ||
			same != answer ||
			!str_eq(buf_str(&person.name), buf_str(&again.name)) ||
			person.quota != again.quota)
			abort();
	} else if (answer != ERR_UNAVAILABLE || person.name.n) {
		abort();
	}
	lookup_person_fini(&person);
	lookup_person_fini(&again);
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str bytes = str_of((const char *)data, size);
	struct lookup_request request, again;
	struct buf out = BUF_UNBOUNDED;

	check_answer(bytes);
	if (lookup_request_decode(bytes, &request) == OK) {
		lookup_request_encode(&request, &out);
		if (lookup_request_decode(buf_str(&out), &again) ||
			!str_eq(request.secret, again.secret))
			abort();
	}
	buf_fini(&out);
	return 0;
}
