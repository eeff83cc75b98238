/* SPDX-License-Identifier: Apache-2.0 */
#include "message/date.h"

#include "base/alloc.h"
#include "base/cursor.h"
#include "message/lex.h"

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 first */

/* ---- the calendar ---- */

/* Howard Hinnant's algorithm: years begin in March, so that the leap day is
 * their last. */
int32_t date_day_of(int32_t year, int month, int mday)
{
	int32_t y = month <= 2 ? year - 1 : year;
	int32_t era = (y >= 0 ? y : y - 399) / 400;
	int32_t of_era = y - era * 400;
	int32_t of_year =
		(153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + mday - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 719468;
}

void date_day_split(int32_t day, int32_t *year_r, int *month_r, int *mday_r)
{
	int64_t z = (int64_t)day + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t y =
		(of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) /
		365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;

	*mday_r = (int)(of_year - (153 * m + 2) / 5 + 1);
	*month_r = (int)(m < 10 ? m + 3 : m - 9);
	*year_r = (int32_t)(y + era * 400 + (*month_r <= 2));
}

static int days_in_month(int32_t year, int month)
{
	static const unsigned char length[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return length[month - 1] + (month == 2 && leap);
}

/* What a date says, before it is checked. */
struct fields {
	int32_t year;
	int month, mday; /* from 1; 0: not seen */
	int hour, minute, second;
	int zone; /* minutes east */
};

static enum err to_day(const struct fields *f, int32_t *day_r)
{
	if (f->year < 0 || f->year > 9999 || f->month < 1 || f->month > 12 ||
		f->mday < 1 || f->mday > days_in_month(f->year, f->month))
		return ERR_INVALID;
	*day_r = date_day_of(f->year, f->month, f->mday);
	return OK;
}

/* A leap second is the second after. */
static enum err to_date(const struct fields *f, struct date *date_r)
{
	int32_t day;

	if (to_day(f, &day) || f->hour > 23 || f->minute > 59 ||
		f->second > 60 || f->zone <= -24 * 60 || f->zone >= 24 * 60)
		return ERR_INVALID;
	date_r->zone = f->zone;
	date_r->seconds = (int64_t)day * 86400 + f->hour * 3600 +
			  f->minute * 60 + f->second - (int64_t)f->zone * 60;
	return OK;
}

static int64_t local_seconds(struct date d)
{
	return d.seconds + (int64_t)d.zone * 60;
}

static int32_t day_of_seconds(int64_t seconds)
{
	return (int32_t)((seconds >= 0 ? seconds : seconds - 86399) / 86400);
}

int32_t date_day(struct date d)
{
	return day_of_seconds(local_seconds(d));
}

/* ---- IMAP ---- */

/* Exactly n digits. */
static int digits(struct cursor *c, size_t n)
{
	int value = 0;

	while (n-- > 0) {
		int byte = cursor_peek(c);

		if (byte < '0' || byte > '9') {
			cursor_fail(c, ERR_INVALID, "digit");
			return 0;
		}
		value = value * 10 + (byte - '0');
		c->at++;
	}
	return value;
}

/* 1..12, or 0 when the three letters are no month. */
static int month_of(str name)
{
	for (int m = 0; m < 12; m++)
		if (str_ieq(name, str_of(months + 3 * m, 3)))
			return m + 1;
	return 0;
}

/* date-day "-" date-month "-" date-year; date-day-fixed has a blank for the
 * tens, which mutt leaves out. */
static void imap_day(struct cursor *c, bool fixed, struct fields *f)
{
	if (fixed && cursor_accept(c, ' ')) {
		f->mday = digits(c, 1);
	} else {
		f->mday = digits(c, 1);
		if (cursor_peek(c) != '-')
			f->mday = f->mday * 10 + digits(c, 1);
	}
	cursor_expect(c, '-', "-");
	f->month = month_of(cursor_take(c, 3));
	cursor_expect(c, '-', "-");
	f->year = digits(c, 4);
}

enum err date_parse_imap_day(str s, int32_t *day_r)
{
	struct cursor c = cursor_of(s);
	struct fields f = {0};

	imap_day(&c, false, &f);
	if (!cursor_ok(&c) || !cursor_done(&c))
		return ERR_INVALID;
	return to_day(&f, day_r);
}

/* zone = ("+" / "-") 4DIGIT */
static int numeric_zone(struct cursor *c)
{
	bool west = cursor_accept(c, '-');
	int zone;

	if (!west)
		cursor_expect(c, '+', "zone");
	zone = digits(c, 4);
	if (zone % 100 > 59)
		cursor_fail(c, ERR_INVALID, "zone");
	zone = zone / 100 * 60 + zone % 100;
	return west ? -zone : zone;
}

/* date-time = date-day-fixed "-" date-month "-" date-year SP time SP zone */
enum err date_parse_imap(str s, struct date *date_r)
{
	struct cursor c = cursor_of(s);
	struct fields f = {0};

	imap_day(&c, true, &f);
	cursor_expect(&c, ' ', "SP");
	f.hour = digits(&c, 2);
	cursor_expect(&c, ':', ":");
	f.minute = digits(&c, 2);
	cursor_expect(&c, ':', ":");
	f.second = digits(&c, 2);
	cursor_expect(&c, ' ', "SP");
	f.zone = numeric_zone(&c);
	if (!cursor_ok(&c) || !cursor_done(&c))
		return ERR_INVALID;
	return to_date(&f, date_r);
}

/* ---- RFC 5322 ---- */

/* The tokens of a date, in whatever order they come. */
struct reading {
	str in;
	size_t at;
	struct fields f;
	bool has_year, has_time, has_zone;
};

static str read_run(struct reading *r, bool (*is)(char))
{
	size_t from = r->at;

	while (r->at < r->in.n && is(r->in.p[r->at]))
		r->at++;
	return str_of(r->in.p + from, r->at - from);
}

static bool accept(struct reading *r, char c)
{
	if (r->at >= r->in.n || r->in.p[r->at] != c)
		return false;
	r->at++;
	return true;
}

/* -1 for a number that no date has. */
static int number_of(str s)
{
	uint64_t n;

	return str_to_u64(s, 99999, &n) ? -1 : (int)n;
}

static int read_number(struct reading *r)
{
	return number_of(read_run(r, ascii_is_digit));
}

/* obs-year: two digits up to 49 are this century's, three count from 1900. */
static void set_year(struct reading *r, str digits_of_year)
{
	int year = number_of(digits_of_year);

	if (digits_of_year.n <= 2)
		year += year < 50 ? 2000 : 1900;
	else if (digits_of_year.n == 3)
		year += 1900;
	r->f.year = year;
	r->has_year = true;
}

/* Takes ":" and what may stand around it in obs-time. */
static bool accept_colon(struct reading *r)
{
	size_t at = lex_skip_cfws(r->in, r->at);

	if (at >= r->in.n || r->in.p[at] != ':')
		return false;
	r->at = lex_skip_cfws(r->in, at + 1);
	return true;
}

/* The hour and ":" were read. A fraction of a second is dropped. */
static void read_time(struct reading *r, int hour)
{
	r->has_time = true;
	r->f.hour = hour;
	r->f.minute = read_number(r);
	if (accept_colon(r))
		r->f.second = read_number(r);
	if (accept(r, '.') || accept(r, ','))
		read_run(r, ascii_is_digit);
}

/* The year was read, and "-" is next: ISO 8601. */
static void read_iso_date(struct reading *r, str year)
{
	set_year(r, year);
	accept(r, '-');
	r->f.month = read_number(r);
	accept(r, '-');
	r->f.mday = read_number(r);
}

static bool digit_after(const struct reading *r, char c)
{
	return r->at + 1 < r->in.n && r->in.p[r->at] == c &&
	       ascii_is_digit(r->in.p[r->at + 1]);
}

static void read_digits(struct reading *r)
{
	str run = read_run(r, ascii_is_digit);

	if (!r->has_time && accept_colon(r))
		read_time(r, number_of(run));
	else if (run.n == 4 && !r->has_year && digit_after(r, '-'))
		read_iso_date(r, run);
	else if (run.n <= 2 && !r->f.mday)
		r->f.mday = number_of(run);
	else if (!r->has_year)
		set_year(r, run);
}

/* "0100", "01:00", "1". A zone that cannot be is UTC. */
static void read_numeric_zone(struct reading *r, bool west)
{
	str run = read_run(r, ascii_is_digit);
	int n = number_of(run), zone;

	if (accept(r, ':'))
		zone = n * 60 + read_number(r);
	else
		zone = run.n <= 2 ? n * 60 : n / 100 * 60 + n % 100;
	if (n < 0 || zone < 0 || zone >= 24 * 60)
		zone = 0;
	r->f.zone = west ? -zone : zone;
	r->has_zone = true;
}

/* obs-zone; every other name is UTC (RFC 5322 section 4.3). */
static void set_named_zone(struct reading *r, str name)
{
	static const struct {
		str name;
		int hours;
	} zones[] = {
		{STR_LIT("EST"), -5},
		{STR_LIT("EDT"), -4},
		{STR_LIT("CST"), -6},
		{STR_LIT("CDT"), -5},
		{STR_LIT("MST"), -7},
		{STR_LIT("MDT"), -6},
		{STR_LIT("PST"), -8},
		{STR_LIT("PDT"), -7},
	};

	for (size_t i = 0; i < COUNT_OF(zones); i++)
		if (str_ieq(name, zones[i].name))
			r->f.zone = zones[i].hours * 60;
	/* "GMT+0100" goes on. */
	r->has_zone = !digit_after(r, '+') && !digit_after(r, '-');
}

static void set_half_day(struct reading *r, bool afternoon)
{
	if (r->f.hour == 12)
		r->f.hour = 0;
	if (afternoon && r->f.hour < 12)
		r->f.hour += 12;
}

/* Day names say nothing. */
static void read_word(struct reading *r)
{
	str word = read_run(r, ascii_is_alpha);
	int month = month_of(str_take(word, 3));

	if (month && !r->f.month)
		r->f.month = month;
	else if (r->has_time &&
		 (str_ieq_c(word, "AM") || str_ieq_c(word, "PM")))
		set_half_day(r, ascii_upper(word.p[0]) == 'P');
	else if (r->has_time && !r->has_zone)
		set_named_zone(r, word);
}

static void read_token(struct reading *r)
{
	char c = r->in.p[r->at];

	if (ascii_is_digit(c)) {
		read_digits(r);
	} else if (ascii_is_alpha(c)) {
		read_word(r);
	} else {
		r->at++;
		if ((c == '+' || c == '-') && r->has_time && !r->has_zone &&
			r->at < r->in.n && ascii_is_digit(r->in.p[r->at]))
			read_numeric_zone(r, c == '-');
	}
}

enum err date_parse_rfc5322(str s, struct date *date_r)
{
	struct reading r = {.in = s};

	while ((r.at = lex_skip_cfws(s, r.at)) < s.n) {
		if (r.has_zone && r.has_year)
			break;
		read_token(&r);
	}
	if (!r.has_year || r.f.hour < 0 || r.f.minute < 0 || r.f.second < 0)
		return ERR_INVALID;
	return to_date(&r.f, date_r);
}

/* ---- printing ---- */

static const char *month_name(int month)
{
	return months + 3 * (month - 1);
}

/* Two digits; printf took a good part of listing a mailbox. */
static void print_two(struct buf *out, int n, char pad)
{
	if (n > 99) {
		buf_addf(out, "%d", n);
		return;
	}
	buf_add_byte(out, (char)(n < 10 ? pad : '0' + n / 10));
	buf_add_byte(out, (char)('0' + n % 10));
}

static void print_month_year(struct buf *out, int month, int32_t year)
{
	buf_add_byte(out, '-');
	buf_add(out, str_of(month_name(month), 3));
	buf_add_byte(out, '-');
	if (year >= 1000)
		buf_add_u64(out, (uint64_t)year);
	else
		buf_addf(out, "%04d", (int)year);
}

static void print_time_zone(struct buf *out, struct date d)
{
	int64_t local = local_seconds(d);
	int64_t of_day = local - (int64_t)day_of_seconds(local) * 86400;
	int zone = d.zone < 0 ? -d.zone : d.zone;

	print_two(out, (int)(of_day / 3600), '0');
	buf_add_byte(out, ':');
	print_two(out, (int)(of_day / 60 % 60), '0');
	buf_add_byte(out, ':');
	print_two(out, (int)(of_day % 60), '0');
	buf_add(out, d.zone < 0 ? STR(" -") : STR(" +"));
	print_two(out, zone / 60, '0');
	print_two(out, zone % 60, '0');
}

void date_print_imap(struct buf *out, struct date d)
{
	int32_t year;
	int month, mday;

	date_day_split(date_day(d), &year, &month, &mday);
	print_two(out, mday, ' ');
	print_month_year(out, month, year);
	buf_add_byte(out, ' ');
	print_time_zone(out, d);
}

void date_print_imap_day(struct buf *out, int32_t day)
{
	int32_t year;
	int month, mday;

	date_day_split(day, &year, &month, &mday);
	buf_addf(out, "%d-%.3s-%04d", mday, month_name(month), (int)year);
}

void date_print_rfc5322(struct buf *out, struct date d)
{
	int32_t day = date_day(d), year;
	int month, mday;

	date_day_split(day, &year, &month, &mday);
	buf_addf(out, "%.3s, %d %.3s %04d ", days + 3 * ((day % 7 + 7) % 7),
		mday, month_name(month), (int)year);
	print_time_zone(out, d);
}
