/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup/passwd_line.h"
#include "base/cursor.h"

#include <arpa/inet.h>

enum err passwd_line_parse(
	str line, struct passwd_line *line_r, const char **why_r)
{
	struct cursor c = cursor_of(line);

	*line_r = (struct passwd_line){STR(""), STR(""), STR("")};
	if (line.n == 0 || line.p[0] == '#')
		return ERR_NOTFOUND;
	*why_r = "longer than 4096 bytes";
	if (line.n > PASSWD_LINE_MAX)
		return ERR_INVALID;
	*why_r = "holds a NUL byte";
	if (memchr(line.p, '\0', line.n))
		return ERR_INVALID;
	line_r->name = cursor_until(&c, ':');
	*why_r = "has no name before the first colon";
	if (line_r->name.n == 0 || cursor_done(&c))
		return ERR_INVALID;
	cursor_accept(&c, ':');
	line_r->hash = cursor_until(&c, ':');
	for (int field = 0; field < 5; field++) {
		cursor_accept(&c, ':');
		(void)cursor_until(&c, ':');
	}
	cursor_accept(&c, ':');
	line_r->extra = cursor_rest(&c);
	return OK;
}

/* The next of the words between spaces; false at the end. */
static bool next_word(str *rest, str *word_r)
{
	*rest = str_trim(*rest);
	*word_r = str_take(*rest, str_find_byte(*rest, ' '));
	*rest = str_skip(*rest, word_r->n);
	return word_r->n > 0;
}

/* "key=value"; value is none when word is another. */
static str value_of(str word, const char *key)
{
	size_t equals = str_find_byte(word, '=');

	if (equals == word.n || !str_eq_c(str_take(word, equals), key))
		return str_none();
	return str_skip(word, equals + 1);
}

/* "*:storage=1G", perhaps with more behind another colon. Rules of other
 * mailboxes than "*" are none of ours. */
static enum err read_quota_rule(str rule, struct lookup_person *person)
{
	struct cursor c = cursor_of(rule);
	str root = cursor_until(&c, ':');

	while (str_eq_c(root, "*") && cursor_accept(&c, ':')) {
		str limit = cursor_until(&c, ':');
		str storage = value_of(limit, "storage");
		str bytes = value_of(limit, "bytes");

		if (storage.p && person_take_quota(person, storage, 1024))
			return ERR_INVALID;
		if (bytes.p && person_take_quota(person, bytes, 1))
			return ERR_INVALID;
	}
	return OK;
}

static enum err read_extra(
	str word, struct lookup_person *person, const char **why_r)
{
	str rule = value_of(word, "userdb_quota_rule");
	str nologin = value_of(word, "nologin");

	if (rule.p && read_quota_rule(rule, person)) {
		*why_r = "has a quota that is none";
		return ERR_INVALID;
	}
	if (str_eq_c(word, "nologin") ||
		(nologin.p && !str_ieq_c(nologin, "no") &&
			!str_ieq_c(nologin, "n")))
		person->disabled = true;
	return OK;
}

enum err passwd_line_read(const struct passwd_line *line,
	struct lookup_person *person, const char **why_r)
{
	str rest = line->extra, word;
	enum err e;

	*why_r = "has a hash that is none";
	e = person_take_hash(person, line->hash);
	while (!e && next_word(&rest, &word))
		e = read_extra(word, person, why_r);
	return e;
}

/* -------- allow_nets -------- */

struct address {
	unsigned char bytes[16];
	unsigned bits; /* 32 or 128 */
};

static bool read_address(str text, struct address *address_r)
{
	char z[INET6_ADDRSTRLEN];

	*address_r = (struct address){0};
	if (text.n >= sizeof z)
		return false;
	memcpy(z, text.p, text.n);
	z[text.n] = '\0';
	address_r->bits = 32;
	if (inet_pton(AF_INET, z, address_r->bytes) == 1)
		return true;
	address_r->bits = 128;
	return inet_pton(AF_INET6, z, address_r->bytes) == 1;
}

static bool has_prefix(
	const struct address *host, const struct address *net, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(host->bytes, net->bytes, whole) != 0)
		return false;
	return rest == 0 ||
	       (host->bytes[whole] ^ net->bytes[whole]) >> (8 - rest) == 0;
}

/* What is no network holds nobody. */
static bool is_in(const struct address *host, str text)
{
	size_t slash = str_find_byte(text, '/');
	struct address net;
	uint64_t bits;

	if (!read_address(str_take(text, slash), &net) ||
		net.bits != host->bits)
		return false;
	bits = net.bits;
	if (slash < text.n &&
		str_to_u64(str_skip(text, slash + 1), net.bits, &bits))
		return false;
	return has_prefix(host, &net, (unsigned)bits);
}

static bool is_in_any(str host, str nets)
{
	struct cursor c = cursor_of(nets);
	struct address address;

	if (!read_address(host, &address))
		return false;
	do {
		if (is_in(&address, str_trim(cursor_until(&c, ','))))
			return true;
	} while (cursor_accept(&c, ','));
	return false;
}

bool passwd_line_allows(const struct passwd_line *line, str host)
{
	str rest = line->extra, word;

	while (next_word(&rest, &word)) {
		str nets = value_of(word, "allow_nets");

		if (nets.p && !is_in_any(host, nets))
			return false;
	}
	return true;
}
