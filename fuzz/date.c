/* SPDX-License-Identifier: Apache-2.0 */
/* Dates: what was read can be printed and read again. */
#include "message/date.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_date(struct date d)
{
	struct buf out = BUF_UNBOUNDED;
	struct date again;

	/* A leap second or a zone may lead out of the years that can be
	 * written. */
	if (date_day(d) < date_day_of(0, 1, 1) ||
		date_day(d) > date_day_of(9999, 12, 31))
		return;
	date_print_imap(&out, d);
	if (date_parse_imap(buf_str(&out), &again) ||
		again.seconds != d.seconds || again.zone != d.zone)
		abort();
	buf_reset(&out);
	date_print_rfc5322(&out, d);
	if (date_parse_rfc5322(buf_str(&out), &again) ||
		again.seconds != d.seconds || again.zone != d.zone)
		abort();
	buf_fini(&out);
}

static void check_day(int32_t day)
{
	struct buf out = BUF_UNBOUNDED;
	int32_t again;

	date_print_imap_day(&out, day);
	if (date_parse_imap_day(buf_str(&out), &again) || again != day)
		abort();
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str in = str_of((const char *)data, size);
	struct date d;
	int32_t day;

	if (date_parse_rfc5322(in, &d) == OK)
		check_date(d);
	if (date_parse_imap(in, &d) == OK)
		check_date(d);
	if (date_parse_imap_day(in, &day) == OK)
		check_day(day);
	return 0;
}
