/* SPDX-License-Identifier: Apache-2.0 */
#include "server/settings.h"
#include "base/alloc.h"
#include "base/secret.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

const struct setting settings[] = {
#define S(field, name, kind, def, allowed, reload, example, help)              \
	{name, SETTING_##kind, def, allowed, reload, example, help,            \
		offsetof(struct config, field)},
	SETTINGS_TABLE(S)
#undef S
};
const size_t settings_count = COUNT_OF(settings);

/* The field of a row; its type follows from the row's kind. */
static void *field_of(const struct setting *s, struct config *config)
{
	return (char *)config + s->offset;
}

static const void *field_of_const(
	const struct setting *s, const struct config *config)
{
	return (const char *)config + s->offset;
}

const struct setting *setting_find(str name)
{
	for (size_t i = 0; i < settings_count; i++)
		if (str_eq_c(name, settings[i].name))
			return &settings[i];
	return NULL;
}

/* The n-th of the words in "one|other"; false when there are fewer. */
static bool word_at(const char *words, unsigned n, str *word_r)
{
	str rest = str_c(words);

	for (; n; n--) {
		size_t bar = str_find_byte(rest, '|');

		if (bar == rest.n)
			return false;
		rest = str_skip(rest, bar + 1);
	}
	*word_r = str_take(rest, str_find_byte(rest, '|'));
	return rest.n > 0;
}

/* "one, two or three" */
static void add_words(struct buf *out, const char *words, const char *quote)
{
	str word, next;

	for (unsigned i = 0; word_at(words, i, &word); i++) {
		if (i)
			buf_add_c(out,
				word_at(words, i + 1, &next) ? ", " : " or ");
		buf_addf(out, "%s%.*s%s", quote, STR_ARG(word), quote);
	}
}

static enum err parse_word(
	const struct setting *s, str text, unsigned *index_r, struct buf *why)
{
	str word;

	for (unsigned i = 0; word_at(s->allowed, i, &word); i++) {
		if (str_eq(text, word)) {
			*index_r = i;
			return OK;
		}
	}
	buf_addf(why, "\"%.*s\" is not known; write ",
		STR_ARG(str_take(text, 60)));
	add_words(why, s->allowed, "\"");
	return ERR_INVALID;
}

static enum err parse_words(const struct setting *s, str text,
	struct words *words_r, struct buf *why)
{
	struct words all = {0};

	for (text = str_trim(text); text.n; text = str_trim(text)) {
		str word = str_take(text, str_find_byte(text, ' '));
		unsigned index = 0;

		text = str_skip(text, word.n);
		if (parse_word(s, word, &index, why))
			return ERR_INVALID;
		if (words_have(&all, index) || all.count == SETTING_WORDS_MAX) {
			buf_addf(why, "\"%.*s\" is given twice; remove one",
				STR_ARG(word));
			return ERR_INVALID;
		}
		all.list[all.count++] = (unsigned char)index;
	}
	*words_r = all;
	return OK;
}

bool words_have(const struct words *words, unsigned word)
{
	return memchr(words->list, (int)word, words->count);
}

bool setting_is_list(const struct setting *s)
{
	return s->kind == SETTING_ADDRESSES || s->kind == SETTING_NETWORKS ||
	       s->kind == SETTING_WORDS;
}

/* Units, from the smallest up. */
struct unit {
	const char *name;
	uint64_t factor;
};
static const struct unit size_units[] = {
	{"b", 1},
	{"kb", 1024},
	{"mb", 1024 * 1024},
	{"gb", 1024 * 1024 * 1024},
	{"tb", 1024ull * 1024 * 1024 * 1024},
	{NULL, 0},
};
static const struct unit time_units[] = {
	{"ms", 1},
	{"s", 1000},
	{"min", 60 * 1000},
	{"h", 60 * 60 * 1000},
	{"d", 24 * 60 * 60 * 1000},
	{NULL, 0},
};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(enum setting_kind kind)
{
	switch (kind) {
	case SETTING_SIZE:
		return size_units;
	case SETTING_TIME:
		return time_units;
	default:
		return no_units;
	}
}

/* number [SP] unit; ERR_LIMIT when negative or too large for 64 bits. */
static enum err parse_amount(
	enum setting_kind kind, str text, uint64_t *value_r)
{
	size_t digits = 0;
	uint64_t number;
	str unit;

	while (digits < text.n && ascii_is_digit(text.p[digits]))
		digits++;
	if (!digits)
		return str_starts(text, STR("-")) ? ERR_LIMIT : ERR_INVALID;
	unit = str_trim(str_skip(text, digits));
	for (const struct unit *u = units_of(kind); u->name; u++) {
		if (!str_ieq_c(unit, u->name))
			continue;
		if (str_to_u64(str_take(text, digits), INT64_MAX / u->factor,
			    &number))
			return ERR_LIMIT;
		*value_r = number * u->factor;
		return OK;
	}
	return ERR_INVALID;
}

static void allowed_range(const struct setting *s, str *least_r, str *most_r)
{
	str allowed = str_c(s->allowed);
	size_t dots = str_find(allowed, STR(".."));

	*least_r = str_take(allowed, dots);
	*most_r = str_skip(allowed, dots + 2);
}

static void add_amount_form(struct buf *why, enum setting_kind kind)
{
	if (kind == SETTING_SIZE)
		buf_add_c(why, "write a number with kb, mb or gb, as in "
			       "\"64mb\"");
	else if (kind == SETTING_TIME)
		buf_add_c(why, "write a number with ms, s, min, h or d, as in "
			       "\"30min\"");
	else
		buf_add_c(why, "write a whole number");
}

static enum err parse_number(
	const struct setting *s, str text, uint64_t *value_r, struct buf *why)
{
	uint64_t value = 0, low = 0, high = 0;
	str least, most;
	enum err e = parse_amount(s->kind, text, &value);

	if (e == ERR_INVALID) {
		buf_addf(why, "\"%.*s\" is not %s; ",
			STR_ARG(str_take(text, 60)),
			s->kind == SETTING_SIZE	  ? "a size"
			: s->kind == SETTING_TIME ? "a time"
						  : "a number");
		add_amount_form(why, s->kind);
		return ERR_INVALID;
	}
	allowed_range(s, &least, &most);
	if (parse_amount(s->kind, least, &low) ||
		parse_amount(s->kind, most, &high))
		return ERR_INVALID; /* a bad row; a test finds it */
	if (e || value < low || value > high) {
		buf_addf(why, "%.*s is out of range; write %.*s to %.*s",
			STR_ARG(str_take(text, 60)), STR_ARG(least),
			STR_ARG(most));
		return ERR_LIMIT;
	}
	*value_r = value;
	return OK;
}

static void print_number(
	enum setting_kind kind, uint64_t value, struct buf *out)
{
	const struct unit *best = units_of(kind);

	for (const struct unit *u = best; u->name; u++)
		if (value && value % u->factor == 0)
			best = u;
	buf_add_u64(out, value / best->factor);
	buf_add_c(out, best->name);
}

/* The path of a Unix socket. */
static enum err parse_path(str path, struct listen_address *address_r)
{
	struct listen_address a = {.size = sizeof(struct sockaddr_un)};
	struct sockaddr_un *un = (struct sockaddr_un *)&a.sock;

	if (!str_starts(path, STR("/")) || str_ends(path, STR("/")) ||
		path.n >= sizeof un->sun_path)
		return ERR_INVALID;
	for (size_t i = 0; i < path.n; i++)
		if ((unsigned char)path.p[i] <= ' ' || path.p[i] == 0x7f)
			return ERR_INVALID;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path.p, path.n);
	memcpy(a.text, path.p, path.n);
	*address_r = a;
	return OK;
}

/* host ":" port, an IPv6 host in brackets; or a path */
enum err listen_address_parse(str text, struct listen_address *address_r)
{
	struct listen_address a = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a.sock;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a.sock;
	char host[INET6_ADDRSTRLEN];
	size_t colon = text.n;
	uint64_t port;
	str name;
	bool is_v6;

	if (str_starts(text, STR("/")) || str_starts(text, STR("unix:")))
		return parse_path(
			str_skip(text, text.p[0] == 'u' ? 5 : 0), address_r);
	while (colon && text.p[colon - 1] != ':')
		colon--;
	if (!colon || str_to_u64(str_skip(text, colon), 65535, &port))
		return ERR_INVALID;
	name = str_take(text, colon - 1);
	is_v6 = str_starts(name, STR("[")) && str_ends(name, STR("]"));
	if (is_v6)
		name = str_of(name.p + 1, name.n - 2);
	if (name.n >= sizeof host || memchr(name.p, '\0', name.n))
		return ERR_INVALID;
	memcpy(host, name.p, name.n);
	host[name.n] = '\0';
	if (is_v6 && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		a.size = sizeof *v6;
	} else if (!is_v6 && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		a.size = sizeof *v4;
	} else {
		return ERR_INVALID;
	}
	snprintf(a.text, sizeof a.text, is_v6 ? "[%s]:%u" : "%s:%u", host,
		(unsigned)port);
	*address_r = a;
	return OK;
}

static unsigned address_port(const struct listen_address *a)
{
	return a->sock.ss_family == AF_INET6
		       ? ((const struct sockaddr_in6 *)&a->sock)->sin6_port
		       : ((const struct sockaddr_in *)&a->sock)->sin_port;
}

static str address_host(const struct listen_address *a)
{
	if (a->sock.ss_family == AF_INET6)
		return str_of(
			(const char *)&((const struct sockaddr_in6 *)&a->sock)
				->sin6_addr,
			16);
	return str_of(
		(const char *)&((const struct sockaddr_in *)&a->sock)->sin_addr,
		4);
}

static bool is_wildcard(str host)
{
	for (size_t i = 0; i < host.n; i++)
		if (host.p[i])
			return false;
	return true;
}

bool listen_address_overlaps(
	const struct listen_address *a, const struct listen_address *b)
{
	str host_a = address_host(a), host_b = address_host(b);

	if (a->sock.ss_family == AF_UNIX || b->sock.ss_family == AF_UNIX)
		return strcmp(a->text, b->text) == 0;
	if (a->sock.ss_family != b->sock.ss_family || !address_port(a) ||
		address_port(a) != address_port(b))
		return false;
	return str_eq(host_a, host_b) || is_wildcard(host_a) ||
	       is_wildcard(host_b);
}

static void add_address_form(struct buf *why, str word)
{
	buf_addf(why,
		"\"%.*s\" is not an address; write IP:PORT, as in "
		"\"127.0.0.1:1143\" or \"[::1]:1143\"",
		STR_ARG(str_take(word, 60)));
	if (str_starts(word, STR("*:")) || str_starts(word, STR(":")))
		buf_add_c(why, "; all addresses are \"0.0.0.0\" and \"[::]\"");
	if (str_find_byte(word, '/') < word.n)
		buf_add_c(why, "; a Unix socket's path begins with \"/\"");
	if (str_istarts(word, STR("localhost")))
		buf_add_c(why, "; localhost is 127.0.0.1");
}

static enum err parse_addresses(
	str text, struct addresses *addresses_r, struct buf *why)
{
	struct addresses all = {0};

	for (text = str_trim(text); text.n; text = str_trim(text)) {
		str word = str_take(text, str_find_byte(text, ' '));
		struct listen_address a;

		text = str_skip(text, word.n);
		if (listen_address_parse(word, &a)) {
			add_address_form(why, word);
			free(all.list);
			return ERR_INVALID;
		}
		all.list = xrealloc(all.list, all.count + 1, sizeof a);
		all.list[all.count++] = a;
	}
	free(addresses_r->list);
	*addresses_r = all;
	return OK;
}

static enum err parse_networks(
	str text, struct networks *networks_r, struct buf *why)
{
	struct networks all;

	if (networks_parse(text, &all, why))
		return ERR_INVALID;
	networks_fini(networks_r);
	*networks_r = all;
	return OK;
}

static enum err parse_bool(str text, bool *value_r, struct buf *why)
{
	if (!str_eq_c(text, "true") && !str_eq_c(text, "false")) {
		buf_addf(why, "\"%.*s\" is neither; write true or false",
			STR_ARG(str_take(text, 60)));
		return ERR_INVALID;
	}
	*value_r = text.p[0] == 't';
	return OK;
}

static enum err parse_text(
	const struct setting *s, str text, char **value_r, struct buf *why)
{
	if (!text.n && str_eq_c(STR("nonempty"), s->allowed)) {
		buf_add_c(why, "is empty; write a value or leave it out");
		return ERR_INVALID;
	}
	for (size_t i = 0; i < text.n; i++) {
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f) {
			buf_add_c(why,
				text.p[i] == '\n'
					? "holds a line break; is a closing "
					  "quote missing?"
					: "holds a control character; remove "
					  "it");
			return ERR_INVALID;
		}
	}
	if (*value_r && s->kind == SETTING_SECRET)
		secret_wipe(*value_r, strlen(*value_r));
	free(*value_r);
	*value_r = xstrndup(text.p, text.n);
	return OK;
}

void setting_clear(const struct setting *s, struct config *config)
{
	void *field = field_of(s, config);
	char **text = field;

	switch (s->kind) {
	case SETTING_SECRET:
		if (*text)
			secret_wipe(*text, strlen(*text));
		/* fall through */
	case SETTING_TEXT:
	case SETTING_PATH:
		free(*text);
		*text = NULL;
		break;
	case SETTING_ADDRESSES:
		free(((struct addresses *)field)->list);
		*(struct addresses *)field = (struct addresses){0};
		break;
	case SETTING_NETWORKS:
		networks_fini(field);
		break;
	default:
		break;
	}
}

enum err setting_parse(const struct setting *s, str text, struct config *config,
	struct buf *why)
{
	void *field = field_of(s, config);
	struct buf ignored;
	enum err e = ERR_INVALID;

	buf_init(&ignored, 0);
	if (!why)
		why = &ignored;
	switch (s->kind) {
	case SETTING_BOOL:
		e = parse_bool(text, field, why);
		break;
	case SETTING_INT:
	case SETTING_SIZE:
	case SETTING_TIME:
		e = parse_number(s, text, field, why);
		break;
	case SETTING_TEXT:
	case SETTING_PATH:
	case SETTING_SECRET:
		e = parse_text(s, text, field, why);
		break;
	case SETTING_WORDS:
		e = parse_words(s, text, field, why);
		break;
	case SETTING_ADDRESSES:
		e = parse_addresses(text, field, why);
		break;
	case SETTING_NETWORKS:
		e = parse_networks(text, field, why);
		break;
	case SETTING_ENUM:
	case SETTING_LEVEL:
	case SETTING_TOPIC:
		e = parse_word(s, text, field, why);
		break;
	}
	buf_fini(&ignored);
	return e;
}

static void print_addresses(const struct addresses *all, struct buf *out)
{
	for (size_t i = 0; i < all->count; i++)
		buf_addf(out, "%s%s", i ? " " : "", all->list[i].text);
}

static void print_words(
	const struct setting *s, const struct words *words, struct buf *out)
{
	str word;

	for (size_t i = 0; i < words->count; i++)
		if (word_at(s->allowed, words->list[i], &word))
			buf_addf(out, "%s%.*s", i ? " " : "", STR_ARG(word));
}

void setting_print(
	const struct setting *s, const struct config *config, struct buf *out)
{
	const void *field = field_of_const(s, config);

	if (s->kind == SETTING_SECRET && **(char *const *)field)
		buf_add_c(out, "(secret)");
	else
		setting_write(s, config, out);
}

void setting_write(
	const struct setting *s, const struct config *config, struct buf *out)
{
	const void *field = field_of_const(s, config);
	str word = str_none();

	switch (s->kind) {
	case SETTING_BOOL:
		buf_add_c(out, *(const bool *)field ? "true" : "false");
		break;
	case SETTING_INT:
	case SETTING_SIZE:
	case SETTING_TIME:
		print_number(s->kind, *(const uint64_t *)field, out);
		break;
	case SETTING_TEXT:
	case SETTING_PATH:
	case SETTING_SECRET:
		buf_add_c(out, *(char *const *)field);
		break;
	case SETTING_WORDS:
		print_words(s, field, out);
		break;
	case SETTING_ADDRESSES:
		print_addresses(field, out);
		break;
	case SETTING_NETWORKS:
		networks_print(field, out);
		break;
	case SETTING_ENUM:
	case SETTING_LEVEL:
	case SETTING_TOPIC:
		word_at(s->allowed, *(const unsigned *)field, &word);
		buf_add(out, word);
		break;
	}
}

/* Damerau-Levenshtein distance (adjacent swaps count once), of names of at
 * most 63 bytes; SIZE_MAX for longer ones. */
static size_t edit_distance(str a, str b)
{
	size_t rows[3][64];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	if (a.n > 63 || b.n > 63)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.n; j++)
		above[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t d = above[j - 1] + (a.p[i - 1] != b.p[j - 1]);

			if (above[j] + 1 < d)
				d = above[j] + 1;
			if (row[j - 1] + 1 < d)
				d = row[j - 1] + 1;
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] &&
				a.p[i - 2] == b.p[j - 1] &&
				before[j - 2] + 1 < d)
				d = before[j - 2] + 1;
			row[j] = d;
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[b.n];
}

static str last_part(str name)
{
	size_t at = name.n;

	while (at && name.p[at - 1] != '.')
		at--;
	return str_skip(name, at);
}

/* How far a wrong name is from a row's: a wrong group costs one, as much as a
 * slip of the finger. */
size_t setting_name_distance(str wrong, str right)
{
	size_t whole = edit_distance(wrong, right);
	size_t last = edit_distance(last_part(wrong), last_part(right));

	if (last != SIZE_MAX && last + 1 < whole)
		return last + 1;
	return whole;
}

const struct setting *setting_suggest(str name)
{
	const struct setting *best = NULL;
	size_t best_distance = last_part(name).n / 3 + 2;

	for (size_t i = 0; i < settings_count; i++) {
		size_t d = setting_name_distance(name, str_c(settings[i].name));

		if (d < best_distance) {
			best = &settings[i];
			best_distance = d;
		}
	}
	return best;
}

static str group_of(const struct setting *s)
{
	str name = str_c(s->name);
	size_t dot = str_find_byte(name, '.');

	return dot == name.n ? STR("") : str_take(name, dot);
}

/* In libconfig syntax. */
static void print_quoted(struct buf *out, str value)
{
	buf_add_byte(out, '"');
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '"' || value.p[i] == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, value.p[i]);
	}
	buf_add_byte(out, '"');
}

static void print_list(struct buf *out, str words)
{
	buf_add_c(out, "[");
	for (bool first = true; words.n; first = false) {
		str word = str_take(words, str_find_byte(words, ' '));

		if (!first)
			buf_add_c(out, ", ");
		print_quoted(out, word);
		words = str_trim(str_skip(words, word.n));
	}
	buf_add_c(out, "]");
}

static void print_value(
	const struct setting *s, const char *text, struct buf *out)
{
	if (setting_is_list(s))
		print_list(out, str_c(text));
	else if (s->kind == SETTING_BOOL || s->kind == SETTING_INT)
		buf_add_c(out, text);
	else
		print_quoted(out, str_c(text));
}

void settings_print_example(struct buf *out)
{
	str open = STR("");

	buf_add_c(out, "# Culver's configuration; see culver.conf(5). What is "
		       "commented out shows the\n# default. `culver -c FILE "
		       "check` tells everything that is wrong.\n");
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *s = &settings[i];
		str group = group_of(s);
		const char *tab = group.n ? "\t" : "";

		if (!str_eq(group, open)) {
			buf_add_c(out, open.n ? "};\n" : "");
			buf_addf(out, "\n%.*s = {\n", STR_ARG(group));
			open = group;
		} else {
			buf_add_c(out, "\n");
		}
		buf_addf(out, "%s# %c%s.\n%s%s", tab, ascii_upper(s->help[0]),
			s->help + 1, tab, *s->example ? "" : "#");
		buf_addf(out, "%.*s = ", STR_ARG(last_part(str_c(s->name))));
		print_value(s, *s->example ? s->example : s->def, out);
		buf_add_c(out, ";\n");
	}
	buf_add_c(out, "};\n");
}

/* Text for man(7): no line starts with a control, hyphens are plain. */
static void print_man_text(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '-')
			buf_add_c(out, "\\-");
		else if (*text == '\\')
			buf_add_c(out, "\\e");
		else
			buf_add_byte(out, *text);
	}
}

static const char *const kind_words[] = {
	[SETTING_BOOL] = "true or false",
	[SETTING_INT] = "number",
	[SETTING_SIZE] = "size",
	[SETTING_TIME] = "time",
	[SETTING_TEXT] = "text",
	[SETTING_PATH] = "path",
	[SETTING_ADDRESSES] = "list of addresses",
	[SETTING_NETWORKS] = "list of networks",
	[SETTING_ENUM] = "word",
	[SETTING_LEVEL] = "word",
	[SETTING_TOPIC] = "word",
	[SETTING_WORDS] = "list of words",
	[SETTING_SECRET] = "secret text",
};

static void print_man_allowed(const struct setting *s, struct buf *out)
{
	str least, most;

	switch (s->kind) {
	case SETTING_INT:
	case SETTING_SIZE:
	case SETTING_TIME:
		allowed_range(s, &least, &most);
		buf_addf(out, ", %.*s to %.*s", STR_ARG(least), STR_ARG(most));
		break;
	case SETTING_ENUM:
	case SETTING_LEVEL:
	case SETTING_TOPIC:
	case SETTING_WORDS:
		buf_add_c(out, ": ");
		add_words(out, s->allowed, "\"");
		break;
	default:
		break;
	}
}

void settings_print_man(struct buf *out)
{
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *s = &settings[i];

		buf_addf(out, ".TP\n.B %s\n", s->name);
		buf_addf(out, "(%s", kind_words[s->kind]);
		print_man_allowed(s, out);
		buf_add_c(out, "; default ");
		if (setting_is_list(s) && !*s->def)
			buf_add_c(out, "none");
		else
			print_value(s, s->def, out);
		buf_addf(out, "%s)\n.br\n",
			s->reload ? "" : "; a change needs a restart");
		buf_add_byte(out, ascii_upper(s->help[0]));
		print_man_text(out, s->help + 1);
		buf_add_c(out, ".\n");
	}
}
