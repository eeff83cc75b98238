/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"
#include "server/config_check.h"
#include "server/config_source.h"
#include "base/alloc.h"
#include "base/cursor.h"
#include "base/secret.h"

#include <errno.h>
#include <libconfig.h>
#include <stdlib.h>
#include <unistd.h>

#define ERRORS_MAX 100
#define ALIASES_MAX 50

struct loader {
	struct config *config;
	struct config_errors *errors;
	struct config_source source;
	struct config_place *places; /* as settings[] */
	struct alias *aliases;	     /* see hide_duplicate() */
	size_t alias_count;
};

/* A name that libconfig saw in place of another. */
struct alias {
	unsigned line;
	char *seen, *meant; /* owned */
};

static void add_error(struct config_errors *errors, bool warning,
	const char *file, unsigned line, const char *format, va_list args)
{
	struct buf text = BUF_UNBOUNDED;
	size_t at = errors->count;

	if (errors->count == ERRORS_MAX)
		return;
	buf_vaddf(&text, format, args);
	errors->list =
		xrealloc(errors->list, errors->count + 1, sizeof *errors->list);
	errors->count++;
	errors->warnings += warning;
	/* files stay in the order in which they came */
	while (at && strcmp(errors->list[at - 1].file, file) == 0 &&
		errors->list[at - 1].line > line) {
		errors->list[at] = errors->list[at - 1];
		at--;
	}
	errors->list[at] = (struct config_error){
		warning, xstrdup(file), line, xstrndup(text.p, text.n)};
	buf_fini(&text);
}

void config_errors_add(struct config_errors *errors, const char *file,
	unsigned line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_error(errors, false, file, line, format, args);
	va_end(args);
}

void config_warnings_add(struct config_errors *errors, const char *file,
	unsigned line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_error(errors, true, file, line, format, args);
	va_end(args);
}

void config_errors_print(const struct config_errors *errors, struct buf *out)
{
	for (size_t i = 0; i < errors->count; i++) {
		const struct config_error *e = &errors->list[i];

		buf_add_c(out, e->file);
		if (e->line)
			buf_addf(out, ":%u", e->line);
		buf_addf(out, ": %s%s\n", e->warning ? "warning: " : "",
			e->text);
	}
	if (errors->count == ERRORS_MAX)
		buf_add_c(out, "… and perhaps more\n");
}

void config_errors_fini(struct config_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++) {
		free(errors->list[i].file);
		free(errors->list[i].text);
	}
	free(errors->list);
	*errors = CONFIG_ERRORS_EMPTY;
}

struct config *config_new(void)
{
	struct config *config = xcalloc(1, sizeof *config);

	/* a test holds that all defaults are good */
	for (size_t i = 0; i < settings_count; i++)
		if (setting_parse(
			    &settings[i], str_c(settings[i].def), config, NULL))
			abort();
	return config;
}

void config_free(struct config *config)
{
	for (size_t i = 0; config && i < settings_count; i++)
		setting_clear(&settings[i], config);
	free(config);
}

static void fail_at(struct loader *l, unsigned line, const char *name,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

static void fail_at(struct loader *l, unsigned line, const char *name,
	const char *format, ...)
{
	struct buf text = BUF_UNBOUNDED;
	const char *file;
	unsigned file_line;
	va_list args;

	va_start(args, format);
	buf_vaddf(&text, format, args);
	va_end(args);
	config_source_locate(&l->source, line, &file, &file_line);
	config_errors_add(l->errors, file, file_line, "%s: %.*s", name,
		STR_ARG(buf_str(&text)));
	buf_fini(&text);
}

static unsigned line_of(const config_setting_t *node)
{
	return config_setting_source_line(node);
}

static bool is_group(str name)
{
	for (size_t i = 0; i < settings_count; i++)
		if (str_starts(str_c(settings[i].name), name) &&
			settings[i].name[name.n] == '.')
			return true;
	return false;
}

static const char *node_type(const config_setting_t *node)
{
	switch (config_setting_type(node)) {
	case CONFIG_TYPE_GROUP:
		return "a group { … }";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
	case CONFIG_TYPE_FLOAT:
		return "a bare number";
	case CONFIG_TYPE_STRING:
		return "text in quotes";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_LIST:
	case CONFIG_TYPE_ARRAY:
		return "a list";
	default:
		return "nothing";
	}
}

/* How a value of that kind is written, for "write …". */
static const char *kind_form(const struct setting *s)
{
	switch (s->kind) {
	case SETTING_BOOL:
		return "true or false, without quotes";
	case SETTING_INT:
		return "a whole number, without quotes";
	case SETTING_SIZE:
		return "a size with its unit in quotes, as in \"64mb\"";
	case SETTING_TIME:
		return "a time with its unit in quotes, as in \"30min\"";
	case SETTING_ADDRESSES:
		return "a list, as in [\"127.0.0.1:1143\", \"[::1]:1143\"]";
	case SETTING_WORDS:
		return "a list of words, each in quotes";
	case SETTING_NETWORKS:
		return "a list, as in [\"10.0.0.0/8\", \"::1\"]";
	default:
		return "text in quotes";
	}
}

static bool kind_fits(const struct setting *s, const config_setting_t *node)
{
	int type = config_setting_type(node);

	if (setting_is_list(s))
		return type == CONFIG_TYPE_ARRAY || type == CONFIG_TYPE_LIST;
	switch (s->kind) {
	case SETTING_BOOL:
		return type == CONFIG_TYPE_BOOL;
	case SETTING_INT:
		return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
	default:
		return type == CONFIG_TYPE_STRING;
	}
}

/* The text form of a single value of the right type. */
static void add_node_text(const config_setting_t *node, struct buf *text)
{
	switch (config_setting_type(node)) {
	case CONFIG_TYPE_BOOL:
		buf_add_c(
			text, config_setting_get_bool(node) ? "true" : "false");
		break;
	case CONFIG_TYPE_STRING:
		buf_add_c(text, config_setting_get_string(node));
		break;
	default:
		buf_addf(text, "%lld", config_setting_get_int64(node));
		break;
	}
}

/* One word of a list; each is checked by itself, so that all wrong ones are
 * told, on their lines. False when it is not good. */
static bool add_element(struct loader *l, const struct setting *s,
	const config_setting_t *node, struct buf *text)
{
	struct buf why = BUF_UNBOUNDED;
	bool good = false;
	struct config *scratch;
	str word;

	if (config_setting_type(node) != CONFIG_TYPE_STRING) {
		fail_at(l, line_of(node), s->name, "is %s in a list; write %s",
			node_type(node), kind_form(s));
		return false;
	}
	word = str_c(config_setting_get_string(node));
	scratch = xcalloc(1, sizeof *scratch);
	if (str_find_byte(word, ' ') < word.n || !word.n) {
		fail_at(l, line_of(node), s->name,
			"\"%.*s\" is not one %s; write each in quotes of its "
			"own",
			STR_ARG(str_take(word, 60)),
			s->kind == SETTING_WORDS      ? "word"
			: s->kind == SETTING_NETWORKS ? "network"
						      : "address");
	} else if (setting_parse(s, word, scratch, &why)) {
		fail_at(l, line_of(node), s->name, "%.*s",
			STR_ARG(buf_str(&why)));
	} else {
		buf_add_byte(text, ' ');
		buf_add(text, word);
		good = true;
	}
	setting_clear(s, scratch);
	free(scratch);
	buf_fini(&why);
	return good;
}

static bool add_elements(struct loader *l, const struct setting *s,
	const config_setting_t *node, struct buf *text)
{
	int count = config_setting_length(node);
	bool good = true;

	for (int i = 0; i < count; i++)
		if (!add_element(l, s,
			    config_setting_get_elem(node, (unsigned)i), text))
			good = false;
	return good;
}

static void take_setting(
	struct loader *l, const struct setting *s, const config_setting_t *node)
{
	struct config_place *place = &l->places[s - settings];
	struct buf text = BUF_UNBOUNDED, why = BUF_UNBOUNDED;

	config_source_locate(
		&l->source, line_of(node), &place->file, &place->line);
	if (!kind_fits(s, node)) {
		fail_at(l, line_of(node), s->name, "is %s; write %s",
			node_type(node), kind_form(s));
		return;
	}
	if (!setting_is_list(s))
		add_node_text(node, &text);
	else if (!add_elements(l, s, node, &text))
		goto out;
	if (setting_parse(s, buf_str(&text), l->config, &why))
		fail_at(l, line_of(node), s->name, "%.*s",
			STR_ARG(buf_str(&why)));
out:
	buf_fini(&text);
	buf_fini(&why);
}

static void refuse_unknown(
	struct loader *l, const char *name, const config_setting_t *node)
{
	const struct setting *near = setting_suggest(str_c(name));

	if (near)
		fail_at(l, line_of(node), name,
			"is not a setting; did you mean %s?", near->name);
	else
		fail_at(l, line_of(node), name,
			"is not a setting; see culver.conf(5), or remove it");
}

static size_t distance_of_group(str wrong, const struct setting *s)
{
	str name = str_c(s->name);
	size_t dot = str_find_byte(name, '.');

	if (dot == name.n)
		return SIZE_MAX;
	return setting_name_distance(wrong, str_take(name, dot));
}

/* The group whose name is closest to a wrong one; NULL when none is near. */
static const struct setting *suggest_group(str wrong)
{
	const struct setting *best = NULL;
	size_t best_distance = 3;

	for (size_t i = 0; i < settings_count; i++) {
		size_t d = distance_of_group(wrong, &settings[i]);

		if (d < best_distance) {
			best = &settings[i];
			best_distance = d;
		}
	}
	return best;
}

static void refuse_unknown_group(
	struct loader *l, const char *name, const config_setting_t *node)
{
	const struct setting *near = suggest_group(str_c(name));

	if (near)
		fail_at(l, line_of(node), name,
			"is not a group of settings; did you mean %.*s?",
			(int)strcspn(near->name, "."), near->name);
	else
		fail_at(l, line_of(node), name,
			"is not a group of settings; see culver.conf(5), or "
			"remove it");
}

static const char *name_of(const struct loader *l, const config_setting_t *node)
{
	const char *name = config_setting_name(node);

	for (size_t i = 0; i < l->alias_count; i++)
		if (l->aliases[i].line == line_of(node) &&
			strcmp(l->aliases[i].seen, name) == 0)
			return l->aliases[i].meant;
	return name;
}

static void take_member(
	struct loader *l, const char *group, const config_setting_t *node)
{
	char *name =
		xasprintf("%s%s%s", group, *group ? "." : "", name_of(l, node));
	const struct setting *s = setting_find(str_c(name));

	if (config_setting_type(node) == CONFIG_TYPE_NONE)
		; /* cut off by a syntax error, which is told */
	else if (s)
		take_setting(l, s, node);
	else
		refuse_unknown(l, name, node);
	free(name);
}

static void take_group(struct loader *l, const config_setting_t *node)
{
	const char *name = name_of(l, node);
	int count = config_setting_length(node);

	for (int i = 0; i < count; i++)
		take_member(
			l, name, config_setting_get_elem(node, (unsigned)i));
}

static void take_top(struct loader *l, const config_setting_t *node)
{
	const char *name = name_of(l, node);
	bool group = is_group(str_c(name));
	int type = config_setting_type(node);

	if (group && type == CONFIG_TYPE_GROUP)
		take_group(l, node);
	else if (group && type != CONFIG_TYPE_NONE)
		fail_at(l, line_of(node), name,
			"is a group of settings; write %s = { … };", name);
	else if (type == CONFIG_TYPE_GROUP && !setting_find(str_c(name)))
		refuse_unknown_group(l, name, node);
	else
		take_member(l, "", node);
}

#define DUPLICATE "duplicate setting name"

/* libconfig's words, with what to do. */
static const struct {
	const char *words;
	const char *remedy;
} syntax_remedies[] = {
	{"syntax error", "look here and in the line before for a missing "
			 "quote, bracket or semicolon"},
	{DUPLICATE, "a setting or group is given once; merge "
		    "the two"},
	{"mismatched element type in array", "write every element in quotes"},
};

static void tell_syntax_error(struct loader *l, const config_t *tree)
{
	const char *words = config_error_text(tree);
	const char *remedy = "see culver.conf(5)";

	for (size_t i = 0; words && i < COUNT_OF(syntax_remedies); i++)
		if (strcmp(words, syntax_remedies[i].words) == 0)
			remedy = syntax_remedies[i].remedy;
	fail_at(l, (unsigned)config_error_line(tree),
		words ? words : "syntax error", "%s", remedy);
}

static bool is_name_byte(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_' ||
	       c == '*';
}

/* The next "name =" or "name :" in what is left of a line; empty when there is
 * none. */
static str next_name(str *line)
{
	while (line->n) {
		size_t n = 0;
		str name, after;

		while (n < line->n && is_name_byte(line->p[n]))
			n++;
		name = str_take(*line, n);
		*line = str_skip(*line, n ? n : 1);
		after = str_trim(*line);
		if (name.n && ascii_is_alpha(name.p[0]) && after.n &&
			(after.p[0] == '=' || after.p[0] == ':'))
			return name;
	}
	return STR("");
}

static str text_line(const struct loader *l, unsigned line)
{
	str text = str_c(l->source.text.p);

	while (--line)
		text = str_skip(text, str_find_byte(text, '\n') + 1);
	return str_take(text, str_find_byte(text, '\n'));
}

/* libconfig stops at a name that it has seen, but what stands after it shall be
 * told too: the text gets another name in its place, and is read again. Of
 * several names in the line the first that was not yet tried is changed; all
 * keep their meaning by the alias. False when there is none. */
static bool hide_duplicate(struct loader *l, unsigned line)
{
	str rest = text_line(l, line);
	str name = next_name(&rest);
	char *at = l->source.text.p + (name.p - l->source.text.p);
	struct alias *alias;

	if (!name.n || l->alias_count == ALIASES_MAX)
		return false;
	l->aliases =
		xrealloc(l->aliases, l->alias_count + 1, sizeof *l->aliases);
	alias = &l->aliases[l->alias_count++];
	alias->line = line;
	alias->meant = xstrndup(name.p, name.n);
	memset(at, '*', name.n);
	if (name.n > 2) {
		at[name.n - 2] = (char)('a' + l->alias_count / 10);
		at[name.n - 1] = (char)('0' + l->alias_count % 10);
	}
	alias->seen = xstrndup(at, name.n);
	return true;
}

static void read_tree(struct loader *l, config_t *tree)
{
	unsigned told = 0;

	config_init(tree);
	while (config_read_string(tree, l->source.text.p) != CONFIG_TRUE) {
		unsigned line = (unsigned)config_error_line(tree);
		bool duplicate =
			strcmp(config_error_text(tree), DUPLICATE) == 0;

		if (line != told)
			tell_syntax_error(l, tree);
		told = line;
		if (!duplicate || !hide_duplicate(l, line))
			return;
		config_destroy(tree);
		config_init(tree);
	}
}

/* After a syntax error, what stands before it is still checked. */
static void take_tree(struct loader *l)
{
	const config_setting_t *root;
	config_t tree;

	read_tree(l, &tree);
	root = config_root_setting(&tree);
	for (int i = 0; i < config_setting_length(root); i++)
		take_top(l, config_setting_get_elem(root, (unsigned)i));
	config_destroy(&tree);
}

static void free_aliases(struct loader *l)
{
	for (size_t i = 0; i < l->alias_count; i++) {
		free(l->aliases[i].seen);
		free(l->aliases[i].meant);
	}
	free(l->aliases);
}

/* A row's list of words that are not a path. */
static bool is_word_of(const struct setting *s, const char *value)
{
	return *s->allowed && strcmp(s->allowed, value) == 0;
}

static void resolve_paths(struct config *config, const char *directory)
{
	for (size_t i = 0; i < settings_count; i++) {
		char **value = (char **)((char *)config + settings[i].offset);
		char *relative;

		if (settings[i].kind != SETTING_PATH || !**value ||
			**value == '/' || is_word_of(&settings[i], *value))
			continue;
		relative = *value;
		*value = xasprintf("%s/%s", directory, relative);
		free(relative);
	}
}

/* loader.source is filled. Gives all that is the loader's back. */
static enum err load(struct loader *l, const char *directory,
	bool look_at_files, struct config **config_r)
{
	l->config = config_new();
	l->places = xcalloc(settings_count, sizeof *l->places);
	for (size_t i = 0; i < settings_count; i++)
		l->places[i].file = l->source.files[0];
	take_tree(l);
	resolve_paths(l->config, directory);
	/* after an error, what is missing may be what was misspelt */
	if (!l->errors->count)
		config_check_rules(l->config, l->places, l->errors);
	if (look_at_files)
		config_check_files(l->config, l->places, l->errors);
	if (l->errors->count > l->errors->warnings) {
		config_free(l->config);
		l->config = NULL;
	}
	*config_r = l->config;
	free(l->places);
	free_aliases(l);
	config_source_fini(&l->source);
	return *config_r ? OK : ERR_INVALID;
}

enum err config_load(const char *path, struct config **config_r,
	struct config_errors *errors)
{
	struct loader l = {.errors = errors};
	char *directory = getcwd(NULL, 0);
	enum err e;

	*config_r = NULL;
	if (!directory) {
		config_errors_add(errors, path, 0,
			"the current directory is gone: %s", strerror(errno));
		return ERR_INVALID;
	}
	e = config_source_read(&l.source, path, errors);
	if (!e)
		e = load(&l, directory, true, config_r);
	free(directory);
	return e;
}

enum err config_parse(str text, const char *name, const char *directory,
	struct config **config_r, struct config_errors *errors)
{
	struct loader l = {.errors = errors};

	config_source_take(&l.source, text, name, errors);
	return load(&l, directory, false, config_r);
}

/* It may hold a secret. */
static void free_written(struct buf *text)
{
	if (text->p)
		secret_wipe(text->p, text->cap);
	buf_fini(text);
}

void config_encode(const struct config *config, bool secrets, struct buf *out)
{
	struct buf value = BUF_UNBOUNDED;

	for (size_t i = 0; i < settings_count; i++) {
		buf_reset(&value);
		if (secrets || settings[i].kind != SETTING_SECRET)
			setting_write(&settings[i], config, &value);
		buf_add_sized(out, str_c(settings[i].name));
		buf_add_sized(out, buf_str(&value));
	}
	free_written(&value);
}

enum err config_decode(str bytes, struct config **config_r)
{
	struct cursor c = cursor_of(bytes);
	struct config *config = config_new();

	while (cursor_ok(&c) && !cursor_done(&c)) {
		const struct setting *s = setting_find(cursor_sized(&c));
		str value = cursor_sized(&c);

		if (!s || setting_parse(s, value, config, NULL))
			cursor_fail(&c, ERR_INVALID, "a setting");
	}
	if (!cursor_ok(&c)) {
		config_free(config);
		*config_r = NULL;
		return ERR_INVALID;
	}
	*config_r = config;
	return OK;
}

static bool is_same(
	const struct setting *s, const struct config *a, const struct config *b)
{
	struct buf text_a = BUF_UNBOUNDED, text_b = BUF_UNBOUNDED;
	bool same;

	setting_write(s, a, &text_a);
	setting_write(s, b, &text_b);
	same = str_eq(buf_str(&text_a), buf_str(&text_b));
	free_written(&text_a);
	free_written(&text_b);
	return same;
}

const struct setting *config_change(const struct config *before,
	const struct config *now, const struct setting *after)
{
	const struct setting *s = after ? after + 1 : settings;

	for (; s < settings + settings_count; s++)
		if (!is_same(s, before, now))
			return s;
	return NULL;
}

void config_keep_fixed(struct config *now, const struct config *before)
{
	struct buf text = BUF_UNBOUNDED;

	for (size_t i = 0; i < settings_count; i++) {
		if (settings[i].reload)
			continue;
		buf_reset(&text);
		setting_write(&settings[i], before, &text);
		/* what was printed parses */
		if (setting_parse(&settings[i], buf_str(&text), now, NULL))
			abort();
	}
	free_written(&text);
}

void config_apply_log_levels(const struct config *config)
{
	log_set_level((enum log_level)config->log_level);
	log_clear_topic_levels();
	for (size_t i = 0; i < settings_count; i++) {
		const void *field = (const char *)config + settings[i].offset;

		if (settings[i].kind == SETTING_TOPIC &&
			*(const unsigned *)field != LOG_TOPIC_DEFAULT)
			log_set_topic_level(settings[i].name + strlen("log."),
				*(const enum log_level *)field);
	}
}

bool config_has_outside_source(const struct config *config)
{
	const struct words *sources = &config->accounts_sources;

	return sources->count > words_have(sources, ACCOUNT_SOURCE_BUILTIN);
}
