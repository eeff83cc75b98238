/* SPDX-License-Identifier: Apache-2.0 */
/* What mail and front read from each other, who may be anybody: a hand-over
 * that was accepted comes out the same again, and so does one back; a ticket
 * never is right by chance. */
#include "session/handover.h"
#include "session/ticket.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_handover(str payload)
{
	struct buf out = BUF_UNBOUNDED, again = BUF_UNBOUNDED;
	struct handover h, copy;

	if (handover_decode(payload, &h) == OK) {
		handover_encode(&h, &out);
		if (handover_decode(buf_str(&out), &copy))
			abort();
		handover_encode(&copy, &again);
		if (!str_eq(buf_str(&out), buf_str(&again)))
			abort();
	}
	buf_fini(&out);
	buf_fini(&again);
}

static void check_handback(str payload)
{
	struct buf out = BUF_UNBOUNDED;
	struct handback h;

	if (handback_decode(payload, &h) == OK) {
		handback_encode(&h, &out);
		if (handback_decode(buf_str(&out), &h))
			abort();
	}
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char key[TICKET_KEY_SIZE] = "key";
	struct ticket_table *table = ticket_table_new(0);
	str input = str_of((const char *)data, size);
	struct ticket t;

	check_handover(input);
	check_handback(input);
	if (ticket_redeem(table, str_of(key, sizeof key), input, STR("imap"), 1,
		    &t) == OK)
		abort();
	ticket_table_free(table);
	return 0;
}
