/* SPDX-License-Identifier: Apache-2.0 */
/* Stored bytes may be damaged in any way: they decode or not, and whatever is
 * then read of them stays inside. What decodes encodes to the same. */
#include "message/section.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_part(const struct digest *d, uint32_t index)
{
	struct digest_part p;
	uint32_t child;
	if (digest_part(d, index, &p))
		return;
	if (p.body_at + p.body_n > d->size || p.header_at > d->size)
		abort();
	for (uint32_t n = 0; n < 5; n++)
		if (!digest_child(d, index, n, &child) &&
			(child <= index || child >= d->part_count))
			abort();
}

static void check_section(const struct digest *d, uint32_t a, uint32_t b)
{
	uint32_t numbers[] = {a, b};
	for (int kind = SECTION_WHOLE; kind <= SECTION_MIME; kind++) {
		struct section s = {.numbers = numbers,
			.number_count = 2,
			.kind = (enum section_kind)kind};
		struct section_range r;
		if (!section_resolve(d, &s, &r) &&
			(r.at > d->size || r.n > d->size - r.at))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf again = BUF_UNBOUNDED;
	struct digest d, same;
	str id;
	if (digest_decode(str_of((const char *)data, size), &d))
		return 0;
	digest_encode(&d, &again);
	if (digest_decode(buf_str(&again), &same) ||
		!str_eq(same.parts, d.parts) || same.date != d.date)
		abort();
	for (str rest = d.references; digest_reference_next(&rest, &id);)
		if (id.n > d.references.n)
			abort();
	for (uint32_t i = 0; i < d.part_count; i++)
		check_part(&d, i);
	for (uint32_t i = 0; i < 9; i++)
		check_section(&d, i / 3, i % 3);
	buf_fini(&again);
	return 0;
}
