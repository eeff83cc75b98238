/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured log lines. One line is a message and fields:
 *
 *	log_info("imap", "login", LOG_STR("account", name), LOG_U64("uid", u));
 *
 * written as logfmt or JSON to one descriptor with one write. Topics ("imap",
 * "store", "tls", …) may have levels of their own. Control bytes and quotes
 * in values are escaped, so that no input can forge a line. Secrets have no
 * field type. Thread-safe. Levels and destination change at run time.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/str.h"

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_field {
	const char *name;
	enum { LOG_FIELD_STR, LOG_FIELD_U64, LOG_FIELD_I64 } kind;
	str s;
	uint64_t u;
	int64_t i;
};

#define LOG_STR(name, value)                                                   \
	((struct log_field){(name), LOG_FIELD_STR, (value), 0, 0})
#define LOG_C(name, value) LOG_STR(name, str_c(value))
#define LOG_U64(name, value)                                                   \
	((struct log_field){(name), LOG_FIELD_U64, {0}, (value), 0})
#define LOG_I64(name, value)                                                   \
	((struct log_field){(name), LOG_FIELD_I64, {0}, 0, (value)})
#define LOG_ERR(value) LOG_C("error", err_words(value))

/* The role's name stands in every line. fd stays the caller's. */
void log_setup(const char *role, int fd, enum log_format);
/* The level of all topics without one of their own. */
void log_set_level(enum log_level);
/* topic must live for ever (a literal). At most 16 topics. */
void log_set_topic_level(const char *topic, enum log_level);
void log_clear_topic_levels(void);
bool log_enabled(const char *topic, enum log_level);
/* "error", "warn", "info", "debug"; ERR_INVALID otherwise. */
MUST enum err log_level_parse(str, enum log_level *level_r);

void log_write(enum log_level, const char *topic, const char *message,
	const struct log_field *, size_t count);

#define LOG_AT(level, topic, message, ...)                                     \
	do {                                                                   \
		const struct log_field log_fields_[] = {                       \
			LOG_U64(NULL, 0), ##__VA_ARGS__};                      \
		if (log_enabled(topic, level))                                 \
			log_write(level, topic, message, log_fields_ + 1,      \
				sizeof log_fields_ / sizeof *log_fields_ - 1); \
	} while (0)
#define log_error(topic, ...) LOG_AT(LOG_ERROR, topic, __VA_ARGS__)
#define log_warn(topic, ...) LOG_AT(LOG_WARN, topic, __VA_ARGS__)
#define log_info(topic, ...) LOG_AT(LOG_INFO, topic, __VA_ARGS__)
#define log_debug(topic, ...) LOG_AT(LOG_DEBUG, topic, __VA_ARGS__)

#endif
