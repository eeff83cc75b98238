/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192
#define VALUE_MAX_BYTES 2048
#define TOPICS_MAX 16

static struct {
	/* A reload changes these under threads that write. */
	_Atomic(const char *) role;
	_Atomic int fd;
	_Atomic int format; /* enum log_format */
	_Atomic int level;
	struct {
		_Atomic(const char *) name;
		_Atomic int level;
	} topics[TOPICS_MAX];
	pthread_mutex_t lock; /* for changes of topics */
} state = {
	.role = "culver",
	.fd = 2,
	.level = LOG_INFO,
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_setup(const char *role, int fd, enum log_format format)
{
	state.role = role;
	state.fd = fd;
	state.format = (int)format;
}

void log_set_level(enum log_level level)
{
	state.level = (int)level;
}

void log_set_topic_level(const char *topic, enum log_level level)
{
	pthread_mutex_lock(&state.lock);
	for (size_t i = 0; i < TOPICS_MAX; i++) {
		const char *name = state.topics[i].name;

		if (name && strcmp(name, topic) != 0)
			continue;
		state.topics[i].level = (int)level;
		state.topics[i].name = topic;
		break;
	}
	pthread_mutex_unlock(&state.lock);
}

void log_clear_topic_levels(void)
{
	pthread_mutex_lock(&state.lock);
	for (size_t i = 0; i < TOPICS_MAX; i++)
		state.topics[i].name = NULL;
	pthread_mutex_unlock(&state.lock);
}

bool log_enabled(const char *topic, enum log_level level)
{
	for (size_t i = 0; i < TOPICS_MAX; i++) {
		const char *name = state.topics[i].name;

		if (!name)
			break;
		if (strcmp(name, topic) == 0)
			return (int)level <= state.topics[i].level;
	}
	return (int)level <= state.level;
}

enum err log_level_parse(str s, enum log_level *level_r)
{
	for (size_t i = 0; i < COUNT_OF(level_names); i++) {
		if (str_eq_c(s, level_names[i])) {
			*level_r = (enum log_level)i;
			return OK;
		}
	}
	return ERR_INVALID;
}

static bool is_plain(str s)
{
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c >= 0x7f)
			return false;
	}
	return true;
}

/* The character that s begins with, which is not empty, and its bytes; -1 for
 * a byte that is not UTF-8 (RFC 3629). */
static int32_t first_character(str s, size_t *n_r)
{
	const unsigned char *p = (const unsigned char *)s.p;
	static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	int32_t c = n == 1 ? p[0] : p[0] & (0xff >> (n + 1));

	*n_r = 1;
	if (n > s.n || (n > 1 && (p[0] < 0xc2 || p[0] > 0xf4)))
		return -1;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return -1;
	*n_r = n;
	return c;
}

/* JSON's quoting, which logfmt shares. What is not ASCII stays, so that the
 * reader sees names in their script; but not what no terminal or JSON parser
 * should meet. */
static void add_quoted(struct buf *line, str s)
{
	size_t n;

	buf_add_byte(line, '"');
	for (; s.n; s = str_skip(s, n)) {
		int32_t c = first_character(s, &n);

		if (c == '"' || c == '\\')
			buf_addf(line, "\\%c", (int)c);
		else if (c < 0)
			buf_add_c(line, "\\ufffd");
		else if (c < ' ' || (c >= 0x7f && c < 0xa0))
			buf_addf(line, "\\u%04x", (unsigned)c);
		else
			buf_add(line, str_take(s, n));
	}
	buf_add_byte(line, '"');
}

static void add_value(struct buf *line, const struct log_field *f)
{
	str s = str_take(f->s, VALUE_MAX_BYTES);

	switch (f->kind) {
	case LOG_FIELD_U64:
		buf_add_u64(line, f->u);
		break;
	case LOG_FIELD_I64:
		buf_addf(line, "%lld", (long long)f->i);
		break;
	case LOG_FIELD_STR:
		if (state.format == LOG_LOGFMT && is_plain(s))
			buf_add(line, s);
		else
			add_quoted(line, s);
		break;
	}
}

static void add_field(struct buf *line, const struct log_field *f)
{
	if (state.format == LOG_JSON) {
		buf_add_byte(line, line->n ? ',' : '{');
		add_quoted(line, str_c(f->name));
		buf_add_byte(line, ':');
	} else {
		if (line->n)
			buf_add_byte(line, ' ');
		buf_add_c(line, f->name);
		buf_add_byte(line, '=');
	}
	add_value(line, f);
}

/* False when the line has no room for it: then nothing of it stays. */
static bool add_whole_field(struct buf *line, const struct log_field *f)
{
	size_t before = line->n;

	add_field(line, f);
	if (!buf_err(line))
		return true;
	line->err = OK;
	buf_truncate(line, before);
	return false;
}

static str timestamp(char *room, size_t size)
{
	int64_t now = clock_wall_ms();
	time_t seconds = (time_t)(now / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(room, size, "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(room + n, size - n, ".%03dZ", (int)(now % 1000));
	return str_of(room, n);
}

void log_write(enum log_level level, const char *topic, const char *message,
	const struct log_field *fields, size_t count)
{
	struct buf line;
	char when[40];
	ssize_t ignored;
	const struct log_field head[] = {
		LOG_STR("time", timestamp(when, sizeof when)),
		LOG_C("level", level_names[level]),
		LOG_C("role", state.role),
		LOG_C("topic", topic),
		LOG_C("msg", message),
	};

	buf_init(&line, LINE_MAX_BYTES);
	for (size_t i = 0; i < COUNT_OF(head); i++)
		(void)add_whole_field(&line, &head[i]);
	for (size_t i = 0; i < count && add_whole_field(&line, &fields[i]); i++)
		;
	line.max += 8; /* a line too long is cut, and still ends well */
	buf_add_c(&line, state.format == LOG_JSON ? "}\n" : "\n");
	ignored = write(state.fd, line.p, line.n);
	(void)ignored;
	buf_fini(&line);
}
