/* SPDX-License-Identifier: Apache-2.0 */
/*
 * date: the dates of messages (RFC 5322 section 3.3) and of IMAP (RFC 9051
 * date-time, date). No locale, no time zone data base, no clock.
 *
 * A day is a number: days since 1970-01-01 in the proleptic Gregorian
 * calendar. Years 0 to 9999.
 */
#ifndef MESSAGE_DATE_H
#define MESSAGE_DATE_H

#include "base/buf.h"
#include "base/str.h"

struct date {
	int64_t seconds; /* since 1970-01-01T00:00:00Z */
	int32_t zone;	 /* minutes east of UTC, -1439..1439 */
};

/* A Date header field's value. Tolerant: comments, obsolete zones and years
 * (RFC 5322 section 4.3), a missing or wrong day name, missing seconds or zone
 * (then UTC), month names in full, "-" between day, month and year, ISO 8601
 * (2004-02-29T10:00:00+01:00), asctime order (Sun Feb 29 10:00:00 2004), and
 * bytes after the date. ERR_INVALID when there is no real date in it. */
MUST enum err date_parse_rfc5322(str, struct date *date_r);

/* date-time without its quotes: " 1-Jul-1996 02:44:25 -0700". Strict, but for
 * a day of one digit without the space (mutt). ERR_INVALID. */
MUST enum err date_parse_imap(str, struct date *date_r);
/* date-text without quotes: "1-Feb-1994". ERR_INVALID. */
MUST enum err date_parse_imap_day(str, int32_t *day_r);

/* Appends "17-Jul-1996 02:44:25 -0700", 26 bytes, without quotes. */
void date_print_imap(struct buf *, struct date);
/* Appends "1-Feb-1994". */
void date_print_imap_day(struct buf *, int32_t day);
/* Appends "Wed, 17 Jul 1996 02:44:25 -0700". */
void date_print_rfc5322(struct buf *, struct date);

/* The day on the calendar where the date was written: SEARCH compares dates
 * "disregarding time and timezone" (RFC 9051 section 6.4.4). */
int32_t date_day(struct date);

/* Calendar arithmetic. month and mday count from 1. */
int32_t date_day_of(int32_t year, int month, int mday);
void date_day_split(int32_t day, int32_t *year_r, int *month_r, int *mday_r);

#endif
