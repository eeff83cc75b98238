/* SPDX-License-Identifier: Apache-2.0 */
#include "load/mail.h"
#include "load/load.h"
#include "base/alloc.h"
#include "base/base64.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EPOCH = 1700000000, LINE = 72, LARGE_EVERY = 400 };

struct charset {
	const char *name, *encoding;
	const char *words[12];
};

/* Of ISO-2022-JP each word ends in ASCII. */
static const struct charset charsets[] = {
	{"us-ascii", "7bit",
		{"the", "meeting", "report", "please", "attached", "tomorrow",
			"question", "server", "of", "and", "thank", "you"}},
	{"utf-8", "quoted-printable",
		{"für", "größer", "Übersicht", "nächste", "Woche", "schön",
			"naïve", "café", "Ænderung", "señor", "où", "été"}},
	{"utf-8", "8bit",
		{"письмо", "сервер", "завтра", "отчёт", "спасибо", "вопрос",
			"встреча", "файл", "список", "ответ", "новый", "и"}},
	{"utf-8", "base64",
		{"会議", "報告", "明日", "質問", "添付", "資料", "連絡", "予定",
			"変更", "確認", "返信", "件名"}},
	{"iso-8859-1", "quoted-printable",
		{"f\xfcr",
			"gr\xf6\xdf"
			"er",
			"n\xe4"
			"chste",
			"caf\xe9", "se\xf1or", "o\xf9", "\xe9t\xe9", "na\xefve",
			"Stra\xdf"
			"e",
			"M\xfcnchen", "\xc4nderung", "und"}},
	{"windows-1252", "8bit",
		{"\x93quoted\x94", "\x96", "it\x92s", "\x80 100", "f\xfcr",
			"the", "offer", "price", "order", "invoice", "today",
			"\x85"}},
	{"iso-2022-jp", "7bit",
		{"\x1b$B2q5D\x1b(B", "\x1b$BJs9p\x1b(B", "\x1b$BL@F|\x1b(B",
			"\x1b$B<ALd\x1b(B", "server", "mail",
			"\x1b$BE:IU\x1b(B", "\x1b$B;qNA\x1b(B",
			"\x1b$BO\"Mm\x1b(B", "\x1b$BM=Dj\x1b(B",
			"\x1b$BJQ99\x1b(B", "\x1b$B3NG'\x1b(B"}},
};

static const char *const people[] = {"ann", "bob", "carol", "dave", "erin",
	"frank", "grace", "heidi", "ivan", "judy", "mallory", "niaj", "olivia",
	"peggy", "rupert", "sybil", "trent", "victor", "walter", "zoe"};

uint64_t dice_roll(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static uint64_t below(uint64_t *dice, uint64_t n)
{
	return dice_roll(dice) % n;
}

/* Another seed= gives other mail. */
static uint64_t dice_of(uint64_t n)
{
	static uint64_t seed;

	if (!seed)
		seed = 1 + option_number("seed", 0);
	return seed * 0x43756c766572 ^ n * 0xd1342543de82ef95;
}

/* -------- what a message is made of -------- */

/* Around e^mu, by Box and Muller. */
static size_t log_normal(uint64_t *dice, double median, double sigma)
{
	double u = ((double)(dice_roll(dice) >> 11) + 1) / 9007199254740993.0;
	double v = (double)(dice_roll(dice) >> 11) / 9007199254740992.0;

	return (size_t)(median *
			exp(sigma * sqrt(-2 * log(u)) * cos(2 * M_PI * v)));
}

static void add_word(
	struct buf *out, const struct charset *charset, uint64_t *dice)
{
	uint64_t roll = dice_roll(dice);

	if (roll % 3 == 0)
		buf_add_c(out, charset->words[(roll >> 8) % 12]);
	else if (roll % 97 == 1)
		buf_addf(out, "%llu", (unsigned long long)(roll >> 40));
	else
		buf_add_c(out, charsets[0].words[(roll >> 8) % 12]);
}

/* Lines of words, about n bytes; now and then one begins with a dot. */
static void add_words(struct buf *out, const struct charset *charset,
	uint64_t *dice, size_t n)
{
	size_t end = out->n + n, line = out->n;

	while (out->n < end) {
		add_word(out, charset, dice);
		if (out->n - line > LINE - 16) {
			buf_add_c(out, below(dice, 40) ? "\r\n" : "\r\n.");
			line = out->n;
		} else {
			buf_add_byte(out, ' ');
		}
	}
	buf_add_c(out, "\r\n");
}

static void add_html(struct buf *out, const struct charset *charset,
	uint64_t *dice, size_t n)
{
	size_t end = out->n + n;

	buf_add_c(out, "<html><head><style>p { margin: 0 }</style></head>"
		       "<body>\r\n");
	while (out->n + 40 < end) {
		buf_add_c(out, "<p class=\"MsoNormal\" style=\"font: 11pt "
			       "Calibri\"><span>\r\n");
		add_words(out, charset, dice, 120 + below(dice, 300));
		buf_add_c(out, "</span></p>\r\n");
	}
	buf_add_c(out, "</body></html>\r\n");
}

static void add_quoted_printable(struct buf *out, str raw)
{
	size_t line = out->n;

	for (size_t i = 0; i < raw.n; i++) {
		unsigned char c = (unsigned char)raw.p[i];

		if (c == '\n')
			line = out->n + 1;
		else if (c != '\r' && out->n - line > LINE) {
			buf_add_c(out, "=\r\n");
			line = out->n;
		}
		if (c >= 0x7f || c == '=')
			buf_addf(out, "=%02X", c);
		else
			buf_add_byte(out, (char)c);
	}
}

static void add_base64(struct buf *out, str raw)
{
	struct buf line = BUF_UNBOUNDED;

	while (raw.n > 0) {
		buf_reset(&line);
		base64_add(&line, str_take(raw, 57));
		buf_add(out, buf_str(&line));
		buf_add_c(out, "\r\n");
		raw = str_skip(raw, 57);
	}
	buf_fini(&line);
}

static void add_encoded(struct buf *out, const char *encoding, str raw)
{
	if (strcmp(encoding, "base64") == 0)
		add_base64(out, raw);
	else if (strcmp(encoding, "quoted-printable") == 0)
		add_quoted_printable(out, raw);
	else
		buf_add(out, raw);
}

/* Header fields of a part of text, and its lines. */
static void add_text_part(
	struct buf *out, const char *subtype, uint64_t *dice, size_t n)
{
	const struct charset *charset =
		&charsets[below(dice, 2) ? 0 : below(dice, 7)];
	struct buf raw = BUF_UNBOUNDED;

	buf_addf(out,
		"Content-Type: text/%s; charset=%s\r\n"
		"Content-Transfer-Encoding: %s\r\n\r\n",
		subtype, charset->name, charset->encoding);
	if (strcmp(charset->encoding, "base64") == 0)
		n = n * 3 / 4;
	if (strcmp(subtype, "html") == 0)
		add_html(&raw, charset, dice, n);
	else
		add_words(&raw, charset, dice, n);
	add_encoded(out, charset->encoding, buf_str(&raw));
	buf_fini(&raw);
}

/* What is packed already, what is half text, and what is text. */
static void add_attachment(struct buf *out, uint64_t *dice, size_t n)
{
	static const char *const types[] = {"image/jpeg", "application/zip",
		"application/pdf", "application/msword", "text/csv"};
	uint64_t kind = below(dice, COUNT_OF(types));
	struct buf raw = BUF_UNBOUNDED;

	buf_addf(out,
		"Content-Type: %s; name=\"file%llu.dat\"\r\n"
		"Content-Disposition: attachment;\r\n"
		"\tfilename=\"file%llu.dat\"; size=%zu\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n",
		types[kind], (unsigned long long)below(dice, 1000),
		(unsigned long long)below(dice, 1000), n * 3 / 4);
	while (raw.n < n * 3 / 4 - n / 40) {
		uint64_t roll = dice_roll(dice);

		if (kind == 4 || (kind >= 2 && roll % 2))
			add_words(&raw, &charsets[0], dice, 400);
		else
			for (int i = 0; i < 50; i++, roll = dice_roll(dice))
				buf_add(&raw, str_of((char *)&roll, 8));
	}
	add_base64(out, buf_str(&raw));
	buf_fini(&raw);
}

/* -------- header -------- */

/* Whom message n answers; itself: nobody. */
static uint64_t parent_of(uint64_t n)
{
	uint64_t dice = dice_of(n) + 1;

	if (n == 0 || below(&dice, 100) < 45)
		return n;
	return n - 1 - below(&dice, n < 50 ? n : 50);
}

static void print_id(char *out, size_t size, enum mail_kind kind, uint64_t n)
{
	uint64_t dice = dice_of(n) + 2;

	snprintf(out, size, "<%llu.%llx.%s@mail.example.org>",
		(unsigned long long)n,
		(unsigned long long)(dice_roll(&dice) >> 24),
		kind == MAIL_SMALL ? "s" : "r");
}

static void add_references(struct buf *out, enum mail_kind kind, uint64_t n)
{
	uint64_t chain[8];
	size_t count = 0;
	char id[64];

	for (; parent_of(n) != n && count < COUNT_OF(chain); n = parent_of(n))
		chain[count++] = parent_of(n);
	if (count == 0)
		return;
	print_id(id, sizeof id, kind, chain[0]);
	buf_addf(out, "In-Reply-To: %s\r\nReferences:", id);
	while (count-- > 0) {
		print_id(id, sizeof id, kind, chain[count]);
		buf_addf(out, "%s %s", count % 2 ? "\r\n\t" : "", id);
	}
	buf_add_c(out, "\r\n");
}

static void add_subject(struct buf *out, uint64_t n)
{
	const struct charset *charset;
	struct buf words = BUF_UNBOUNDED;
	uint64_t root = n, dice;

	while (parent_of(root) != root)
		root = parent_of(root);
	dice = dice_of(root) + 3;
	charset = &charsets[below(&dice, 3) ? 0 : below(&dice, 4)];
	for (int i = 0; i < 4; i++) {
		add_word(&words, charset, &dice);
		buf_add_byte(&words, ' ');
	}
	buf_addf(&words, "%llu", (unsigned long long)root);
	buf_addf(out, "Subject: %s", root == n ? "" : "Re: ");
	if (charset == &charsets[0]) {
		buf_add(out, buf_str(&words));
	} else {
		buf_add_c(out, "=?utf-8?B?");
		base64_add(out, buf_str(&words));
		buf_add_c(out, "?=");
	}
	buf_add_c(out, "\r\n");
	buf_fini(&words);
}

static const char *print_date(time_t date)
{
	static char text[64];
	struct tm tm;

	gmtime_r(&date, &tm);
	strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &tm);
	return text;
}

static void add_person(struct buf *out, uint64_t *dice)
{
	const char *name = people[below(dice, COUNT_OF(people))];

	buf_addf(out, "%s Example <%s%llu@example.org>", name, name,
		(unsigned long long)below(dice, 20));
}

static void add_people(
	struct buf *out, const char *field, uint64_t *dice, uint64_t most)
{
	uint64_t count = 1 + below(dice, most);

	buf_addf(out, "%s: ", field);
	for (uint64_t i = 0; i < count; i++) {
		if (i)
			buf_add_c(out, ",\r\n\t");
		add_person(out, dice);
	}
	buf_add_c(out, "\r\n");
}

static void add_trace(struct buf *out, uint64_t *dice, time_t date)
{
	uint64_t hops = 2 + below(dice, 5);

	for (uint64_t i = 0; i < hops; i++)
		buf_addf(out,
			"Received: from mx%llu.example.net (mx%llu.example.net "
			"[192.0.2.%llu])\r\n"
			"\tby mail%llu.example.com (Postfix) with ESMTPS id "
			"%llX\r\n"
			"\tfor <u0000@example.com>; %s\r\n",
			(unsigned long long)i, (unsigned long long)i,
			(unsigned long long)below(dice, 250),
			(unsigned long long)i,
			(unsigned long long)dice_roll(dice) >> 20,
			print_date(date));
}

static void add_signature(struct buf *out, uint64_t *dice)
{
	buf_add_c(out, "DKIM-Signature: v=1; a=rsa-sha256; "
		       "c=relaxed/relaxed;\r\n\td=example.org; s=one; "
		       "h=from:to:subject:date;\r\n\tb=");
	for (int i = 0; i < 8; i++) {
		uint64_t raw[5];

		for (size_t j = 0; j < COUNT_OF(raw); j++)
			raw[j] = dice_roll(dice);
		if (i)
			buf_add_c(out, "\r\n\t");
		base64_add(out, str_of((char *)raw, 39));
	}
	buf_add_c(out, "\r\n");
}

static void add_header(struct buf *out, enum mail_kind kind, uint64_t n,
	const struct mail *mail, uint64_t *dice)
{
	if (kind == MAIL_REALISTIC) {
		buf_add_c(out, "Return-Path: <sender@example.org>\r\n");
		add_trace(out, dice, mail->date);
		if (below(dice, 10) < 7)
			add_signature(out, dice);
	}
	add_people(out, "From", dice, 1);
	add_people(out, "To", dice, kind == MAIL_SMALL ? 1 : 4);
	if (kind == MAIL_REALISTIC && below(dice, 3) == 0)
		add_people(out, "Cc", dice, 6);
	add_subject(out, n);
	buf_addf(out, "Date: %s\r\nMessage-ID: %s\r\n", print_date(mail->date),
		mail->id);
	add_references(out, kind, n);
	if (kind == MAIL_REALISTIC && below(dice, 4) == 0)
		buf_add_c(out,
			"List-Id: A list <list.example.org>\r\n"
			"List-Unsubscribe: <mailto:leave@list.example.org>\r\n"
			"Precedence: list\r\n");
	if (kind == MAIL_REALISTIC)
		buf_add_c(out, "User-Agent: Mail/1.0 (X11; Linux x86_64)\r\n"
			       "X-Spam-Status: No, score=-2.1\r\n");
	buf_add_c(out, "MIME-Version: 1.0\r\n");
}

/* -------- whole messages -------- */

static void add_alternative(struct buf *out, uint64_t *dice, size_t n)
{
	char boundary[40];

	snprintf(boundary, sizeof boundary, "=_alt_%llx",
		(unsigned long long)dice_roll(dice));
	buf_addf(out,
		"Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n"
		"--%s\r\n",
		boundary, boundary);
	add_text_part(out, "plain", dice, n / 4);
	buf_addf(out, "\r\n--%s\r\n", boundary);
	add_text_part(out, "html", dice, n - n / 4);
	buf_addf(out, "\r\n--%s--\r\n", boundary);
}

static void add_mixed(struct buf *out, uint64_t *dice, size_t n)
{
	uint64_t attachments = 1 + below(dice, 3);
	char boundary[40];

	snprintf(boundary, sizeof boundary, "=_mix_%llx",
		(unsigned long long)dice_roll(dice));
	buf_addf(out,
		"Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n"
		"This is a message in MIME format.\r\n--%s\r\n",
		boundary, boundary);
	if (below(dice, 2))
		add_alternative(out, dice, 4000);
	else
		add_text_part(out, "plain", dice, 3000);
	for (uint64_t i = 0; i < attachments; i++) {
		buf_addf(out, "\r\n--%s\r\n", boundary);
		add_attachment(out, dice, (n - 4000) / attachments);
	}
	buf_addf(out, "\r\n--%s--\r\n", boundary);
}

/* Of about n bytes; gives the subtype. */
static const char *add_content(struct buf *out, uint64_t *dice, size_t n)
{
	uint64_t roll = below(dice, 100);
	const char *subtype = roll < 40 ? "plain" : "html";

	if (n > 30000 || (n > 12000 && roll < 30)) {
		add_mixed(out, dice, n);
		return "mixed";
	}
	if (n > 3000 && roll >= 25 && roll < 80) {
		add_alternative(out, dice, n);
		return "alternative";
	}
	add_text_part(out, subtype, dice, n);
	return subtype;
}

static size_t content_size(enum mail_kind kind, uint64_t n, uint64_t *dice)
{
	size_t size;

	if (kind == MAIL_SMALL)
		return 60 + below(dice, 400);
	if (n % LARGE_EVERY == LARGE_EVERY - 1)
		return 900000 + below(dice, 200000);
	/* The header has some 2,000 bytes. */
	size = log_normal(dice, 5500, 1.55);
	if (size > 800000)
		size = 800000;
	return size < 200 ? 200 : size;
}

enum mail_kind mail_kind_wanted(void)
{
	return strcmp(option_text("mail", "realistic"), "small") == 0
		       ? MAIL_SMALL
		       : MAIL_REALISTIC;
}

struct mail mail_make(enum mail_kind kind, uint64_t n, struct buf *out)
{
	uint64_t dice = dice_of(n) + (kind == MAIL_SMALL ? 5 : 4);
	size_t size = content_size(kind, n, &dice);
	struct mail mail = {.subtype = ""};
	size_t header;

	mail.date = EPOCH + (time_t)(n * 31 + below(&dice, 20000));
	print_id(mail.id, sizeof mail.id, kind, n);
	buf_reset(out);
	add_header(out, kind, n, &mail, &dice);
	if (kind == MAIL_SMALL) {
		add_text_part(out, mail.subtype = "plain", &dice, size);
	} else {
		mail.subtype = add_content(out, &dice, size);
	}
	mail.text = buf_str(out);
	header = str_find(mail.text, STR("\r\n\r\n")) + 4;
	mail.body = str_skip(mail.text, header);
	return mail;
}

const struct mail *mail_make_all(enum mail_kind kind, uint64_t count)
{
	struct mail *all = xcalloc(count + 1, sizeof *all);

	for (uint64_t i = 0; i < count; i++) {
		/* Each keeps its buffer. */
		struct buf out = BUF_UNBOUNDED;

		all[i] = mail_make(kind, i, &out);
	}
	return all;
}

const char *mail_internaldate(const struct mail *mail)
{
	static char text[64];
	struct tm tm;

	gmtime_r(&mail->date, &tm);
	strftime(text, sizeof text, "%d-%b-%Y %H:%M:%S +0000", &tm);
	return text;
}

void mail_check(const struct mail *mail, str bytes)
{
	if (!str_eq(mail->text, bytes))
		fail("message %s: %zu other bytes than its %zu: %.*s", mail->id,
			bytes.n, mail->text.n, STR_ARG(str_take(bytes, 200)));
}

void mail_stuff(const struct mail *mail, struct buf *out)
{
	str rest = mail->text;

	while (rest.n > 0) {
		size_t n = str_find_byte(rest, '\n');

		if (rest.p[0] == '.')
			buf_add_byte(out, '.');
		buf_add(out, str_take(rest, n + 1));
		rest = str_skip(rest, n + 1);
	}
	buf_add_c(out, ".\r\n");
}
