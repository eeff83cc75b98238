/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/print.h"
#include "base/buf.h"
#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

const char *print_string_of(const json_t *object, const char *member)
{
	const char *s = json_string_value(json_object_get(object, member));

	return s ? s : "";
}

json_int_t print_integer_of(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

const char *print_yes_no(const json_t *value)
{
	return json_is_true(value) ? "yes" : "no";
}

const char *print_time(
	json_int_t seconds, const char *otherwise, char *room, size_t size)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (seconds == 0)
		return otherwise;
	localtime_r(&t, &tm);
	strftime(room, size, "%Y-%m-%d %H:%M:%S %z", &tm);
	return room;
}

const char *print_size(json_int_t bytes, char *room, size_t size)
{
	static const char units[] = "bkmgt";
	size_t unit = 0;

	if (bytes == 0)
		return "none";
	while (unit + 2 < sizeof units && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	snprintf(room, size, "%lld%c%s", (long long)bytes, units[unit],
		unit ? "b" : "");
	return room;
}

char *print_words(const json_t *array)
{
	struct buf out = BUF_UNBOUNDED;
	char *words;

	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *word = json_string_value(json_array_get(array, i));

		buf_addf(&out, "%s%s", i ? "," : "", word ? word : "?");
	}
	words = xstrndup(buf_str(&out).p, out.n);
	buf_fini(&out);
	return words;
}

/* C1 controls too, U+0080 to U+009F: terminals take them for escapes. */
char *print_clean(const char *s)
{
	char *copy = xstrdup(s), *at = copy;

	for (; *at; at++) {
		unsigned char c = (unsigned char)at[0];

		if (c < ' ' || c == 0x7f)
			*at = '?';
		else if (c == 0xc2 && (unsigned char)at[1] >= 0x80 &&
			 (unsigned char)at[1] < 0xa0)
			at[0] = at[1] = '?';
	}
	return copy;
}

void print_array_item(const json_t *item, size_t *count)
{
	fputs((*count)++ ? ",\n " : "[", stdout);
	json_dumpf(item, stdout, 0);
}

void print_array_end(size_t count)
{
	puts(count ? "]" : "[]");
}
