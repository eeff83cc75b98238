/* SPDX-License-Identifier: Apache-2.0 */
/* Any address list: groups begin and end in turn, the text is to the letter of
 * RFC 9051, and its size is bounded by the input's. */
#include "message/address.h"
#include "message/check_imap.h"
#include "message/msgid.h"
#include "message/subject.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_groups(const struct address *a)
{
	bool in_group = false;
	for (; a; a = a->next) {
		if (address_is_group_start(a)) {
			if (in_group)
				abort();
			in_group = true;
		} else if (address_is_group_end(a)) {
			if (!in_group)
				abort();
			in_group = false;
		}
	}
	if (in_group)
		abort();
}

static void check_addresses_of(struct arena *arena, str value)
{
	struct buf out = BUF_UNBOUNDED;
	const struct address *list = address_parse(arena, value);
	check_groups(list);
	address_print(list, &out);
	struct cursor c = cursor_of(buf_str(&out));
	check_addresses(&c);
	if (!cursor_ok(&c) || !cursor_done(&c) || out.n > 20 * value.n + 100)
		abort();
	buf_fini(&out);
}

/* The base subject is its own base subject. */
static void check_subject(struct arena *arena, str value)
{
	bool reply;
	str base = subject_base(arena, value, &reply);
	if (!str_eq(subject_base(arena, base, &reply), base) || reply)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct buf ids = BUF_UNBOUNDED;
	str value = str_of((const char *)data, size);
	arena_init(&arena, 64 << 20);
	check_addresses_of(&arena, value);
	check_subject(&arena, value);
	for (str rest = value; msgid_next(&rest, &ids);)
		if (ids.n > size)
			abort();
	arena_fini(&arena);
	buf_fini(&ids);
	return 0;
}
