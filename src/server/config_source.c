/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config_source.h"
#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX (256 * 1024)
#define FILES_MAX 64
#define DEPTH_MAX 10

/* From this line of the text on, lines are those of a file from `line` on. */
struct config_span {
	unsigned from;
	size_t file;
	unsigned line;
};

/* libconfig's lexical states. */
enum state { IN_CODE, IN_STRING, IN_LINE_COMMENT, IN_BLOCK_COMMENT };

struct reader {
	const struct reader *parent; /* of the including file; NULL */
	struct config_source *source;
	struct config_errors *errors;
	str text; /* what is left of the file */
	size_t file;
	unsigned line;
	enum state state;
	unsigned opened;  /* line where the state began */
	bool line_begins; /* only blanks so far */
	unsigned depth;
};

static void add_file(struct config_source *source, const struct reader *parent,
	const char *name, str text, struct config_errors *errors);

/* Empties text_r and says why when that fails. */
static void read_file(const char *path, struct buf *text_r, const char **why_r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	ssize_t n = -1;

	*why_r = NULL;
	if (fd >= 0 && fstat(fd, &st) == 0) {
		do {
			char *room = buf_reserve(text_r, 8192);

			if (!room) {
				errno = EFBIG;
				n = -1;
				break;
			}
			n = read(fd, room, 8192);
			if (n > 0)
				buf_added(text_r, (size_t)n);
		} while (n > 0);
	}
	if (n < 0)
		*why_r = strerror(errno);
	if (fd >= 0)
		close(fd);
}

static void fail(struct reader *r, unsigned line, const char *what)
{
	config_errors_add(
		r->errors, r->source->files[r->file], line, "%s", what);
}

static void begin_span(struct reader *r)
{
	struct config_source *s = r->source;

	s->spans = xrealloc(s->spans, s->span_count + 1, sizeof *s->spans);
	s->spans[s->span_count++] =
		(struct config_span){s->lines + 1, r->file, r->line};
}

/* Beside the including file. */
static char *resolve(const char *including, str name)
{
	const char *slash = strrchr(including, '/');

	while (str_starts(name, STR("./")))
		name = str_skip(name, 2);
	if (str_starts(name, STR("/")) || !slash)
		return xstrndup(name.p, name.n);
	return xasprintf("%.*s/%.*s", (int)(slash - including), including,
		STR_ARG(name));
}

static bool is_open(const struct reader *r, const char *path)
{
	for (; r; r = r->parent)
		if (strcmp(r->source->files[r->file], path) == 0)
			return true;
	return false;
}

static void include(struct reader *r, str name)
{
	struct config_source *s = r->source;
	const char *why;
	struct buf text;
	char *path;

	if (!s->can_include || r->depth == DEPTH_MAX ||
		s->file_count == FILES_MAX) {
		fail(r, r->line,
			!s->can_include ? "@include: not possible here"
					: "@include: too many files or "
					  "levels; put some together");
		return;
	}
	path = resolve(s->files[r->file], name);
	if (is_open(r, path)) {
		fail(r, r->line, "@include: a file includes itself; remove it");
		free(path);
		return;
	}
	buf_init(&text, TEXT_MAX);
	read_file(path, &text, &why);
	if (why)
		config_errors_add(r->errors, s->files[r->file], r->line,
			"@include: cannot read %s: %s", path, why);
	else
		add_file(s, r, path, buf_str(&text), r->errors);
	buf_fini(&text);
	free(path);
	begin_span(r);
}

/* @include "name", alone on its line; r->text starts with the @. */
static void read_include(struct reader *r)
{
	str rest = str_take(r->text, str_find_byte(r->text, '\n'));
	str line = str_trim(rest);
	size_t quote;

	r->text = str_skip(r->text, rest.n);
	if (r->line_begins && str_starts(line, STR("@include"))) {
		line = str_trim(str_skip(line, strlen("@include")));
		quote = str_find_byte(str_skip(line, 1), '"');
		if (str_starts(line, STR("\"")) && quote > 0 &&
			quote + 2 == line.n &&
			str_find_byte(line, '\\') == line.n &&
			str_find_byte(line, '\0') == line.n) {
			include(r, str_of(line.p + 1, quote));
			return;
		}
	}
	fail(r, r->line,
		"@: a file is included by a line of its own, @include "
		"\"NAME\"");
}

static void enter(struct reader *r, enum state state)
{
	r->state = state;
	r->opened = r->line;
}

/* How many bytes belong to the step that is next, and the state after it. */
static size_t step(struct reader *r)
{
	str t = r->text;
	char c = t.p[0];

	switch (r->state) {
	case IN_CODE:
		if (c == '"')
			enter(r, IN_STRING);
		else if (c == '#' || str_starts(t, STR("//")))
			enter(r, IN_LINE_COMMENT);
		else if (str_starts(t, STR("/*"))) {
			enter(r, IN_BLOCK_COMMENT);
			return 2;
		}
		return 1;
	case IN_STRING:
		if (c == '"')
			enter(r, IN_CODE);
		/* an escaped newline is two steps, for it is counted */
		return c == '\\' && t.n > 1 && t.p[1] != '\n' ? 2 : 1;
	case IN_LINE_COMMENT:
		if (c == '\n')
			enter(r, IN_CODE);
		return 1;
	case IN_BLOCK_COMMENT:
		if (!str_starts(t, STR("*/")))
			return 1;
		enter(r, IN_CODE);
		return 2;
	}
	return 1;
}

static void take_step(struct reader *r)
{
	str bytes = str_take(r->text, step(r));

	buf_add(&r->source->text, bytes);
	r->text = str_skip(r->text, bytes.n);
	if (bytes.p[0] == '\n') {
		r->line++;
		r->source->lines++;
		r->line_begins = true;
	} else if (bytes.p[0] != ' ' && bytes.p[0] != '\t') {
		r->line_begins = false;
	}
}

static void finish_file(struct reader *r)
{
	if (r->state == IN_STRING)
		fail(r, r->opened, "a text has no closing quote");
	if (r->state == IN_BLOCK_COMMENT)
		fail(r, r->opened, "a comment has no closing */");
	/* so that what follows an include is a line of its own */
	if (r->depth > 0 && !str_ends(buf_str(&r->source->text), STR("\n"))) {
		buf_add_byte(&r->source->text, '\n');
		r->source->lines++;
	}
}

static void add_file(struct config_source *source, const struct reader *parent,
	const char *name, str text, struct config_errors *errors)
{
	struct reader r = {
		.parent = parent,
		.source = source,
		.errors = errors,
		.text = text,
		.file = source->file_count,
		.line = 1,
		.line_begins = true,
		.depth = parent ? parent->depth + 1 : 0,
	};

	source->files = xrealloc(
		source->files, source->file_count + 1, sizeof *source->files);
	source->files[source->file_count++] = xstrdup(name);
	begin_span(&r);
	if (str_find_byte(text, '\0') != text.n) {
		fail(&r, 0, "holds NUL bytes; is it a text file?");
		return;
	}
	if (str_starts(text, STR("\xef\xbb\xbf")))
		r.text = str_skip(text, 3); /* Windows editors' mark */
	while (r.text.n) {
		if (r.state == IN_CODE && r.text.p[0] == '@')
			read_include(&r);
		else
			take_step(&r);
	}
	finish_file(&r);
}

static void start(struct config_source *source_r, bool can_include)
{
	*source_r = (struct config_source){.can_include = can_include};
	buf_init(&source_r->text, TEXT_MAX);
}

static void finish(struct config_source *source, struct config_errors *errors)
{
	if (buf_err(&source->text)) {
		config_errors_add(errors, source->files[0], 0,
			"longer than 256 KiB with its includes");
		buf_reset(&source->text);
	}
	source->text.max++;
	buf_add_byte(&source->text, '\0');
}

enum err config_source_read(struct config_source *source_r, const char *path,
	struct config_errors *errors)
{
	const char *why;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	read_file(path, &text, &why);
	if (why) {
		config_errors_add(errors, path, 0,
			"cannot be read: %s; name the configuration with -c "
			"FILE",
			why);
	} else {
		start(source_r, true);
		add_file(source_r, NULL, path, buf_str(&text), errors);
		finish(source_r, errors);
	}
	buf_fini(&text);
	return why ? ERR_INVALID : OK;
}

void config_source_take(struct config_source *source_r, str text,
	const char *name, struct config_errors *errors)
{
	start(source_r, false);
	add_file(source_r, NULL, name, text, errors);
	finish(source_r, errors);
}

void config_source_fini(struct config_source *source)
{
	for (size_t i = 0; i < source->file_count; i++)
		free(source->files[i]);
	free(source->files);
	free(source->spans);
	buf_fini(&source->text);
}

void config_source_locate(const struct config_source *source, unsigned line,
	const char **file_r, unsigned *line_r)
{
	const struct config_span *span = &source->spans[0];

	for (size_t i = 1; i < source->span_count; i++)
		if (source->spans[i].from <= line)
			span = &source->spans[i];
	*file_r = source->files[span->file];
	*line_r = span->line + (line > span->from ? line - span->from : 0);
}
