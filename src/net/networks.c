/* SPDX-License-Identifier: Apache-2.0 */
#include "net/networks.h"
#include "base/alloc.h"

#include <arpa/inet.h>
#include <stdlib.h>

static size_t bytes_of(sa_family_t family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

/* ------------------------------------------------------------------- text */

static enum err not_a_network(struct buf *why, str word)
{
	if (why)
		buf_addf(why,
			"\"%.*s\" is not a network; write an address, with "
			"the number of bits that count, as in \"10.0.0.0/8\" "
			"or \"2001:db8::/32\"",
			STR_ARG(str_take(word, 60)));
	return ERR_INVALID;
}

static enum err parse_address(str text, struct network *n)
{
	char z[INET6_ADDRSTRLEN];

	if (text.n >= sizeof z || memchr(text.p, 0, text.n))
		return ERR_INVALID;
	memcpy(z, text.p, text.n);
	z[text.n] = 0;
	if (inet_pton(AF_INET, z, n->address) == 1)
		n->family = AF_INET;
	else if (inet_pton(AF_INET6, z, n->address) == 1)
		n->family = AF_INET6;
	else
		return ERR_INVALID;
	return OK;
}

/* The first `bits` of it, the rest 0. */
static void cut(unsigned char *address, size_t size, unsigned bits)
{
	for (size_t i = 0; i<size; i++, bits = bits> 8 ? bits - 8 : 0)
		if (bits < 8)
			address[i] &= (unsigned char)(0xff00u >> bits);
}

static void print_network(const struct network *n, struct buf *out)
{
	char room[INET6_ADDRSTRLEN];

	if (n->family == AF_UNIX) {
		buf_add_c(out, "unix");
		return;
	}
	if (inet_ntop(n->family, n->address, room, sizeof room))
		buf_add_c(out, room);
	if (n->prefix < 8 * bytes_of(n->family))
		buf_addf(out, "/%u", n->prefix);
}

static enum err check_tail(const struct network *n, str word, struct buf *why)
{
	struct network meant = *n;

	cut(meant.address, bytes_of(n->family), n->prefix);
	if (memcmp(meant.address, n->address, sizeof meant.address) == 0)
		return OK;
	if (why) {
		buf_addf(why, "\"%.*s\" has bits behind the prefix; write \"",
			STR_ARG(str_take(word, 60)));
		print_network(&meant, why);
		buf_add_c(why, "\"");
	}
	return ERR_INVALID;
}

/* A mapped address would never be met: it is an IPv4 address. */
static bool is_mapped(const struct network *n)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

	return n->family == AF_INET6 && n->prefix >= 96 &&
	       memcmp(n->address, mapped, sizeof mapped) == 0;
}

enum err network_parse(str word, struct network *network_r, struct buf *why)
{
	size_t slash = str_find_byte(word, '/');
	struct network n = {0};
	uint64_t bits;

	if (str_eq_c(word, "unix")) {
		*network_r = (struct network){.family = AF_UNIX};
		return OK;
	}
	if (parse_address(str_take(word, slash), &n))
		return not_a_network(why, word);
	bits = 8 * bytes_of(n.family);
	if (slash < word.n &&
		str_to_u64(str_skip(word, slash + 1), bits, &bits))
		return not_a_network(why, word);
	n.prefix = (unsigned char)bits;
	if (is_mapped(&n))
		return not_a_network(why, word);
	if (check_tail(&n, word, why))
		return ERR_INVALID;
	*network_r = n;
	return OK;
}

enum err networks_parse(str text, struct networks *networks_r, struct buf *why)
{
	struct networks all = {0};

	for (text = str_trim(text); text.n; text = str_trim(text)) {
		str word = str_take(text, str_find_byte(text, ' '));
		struct network n;

		text = str_skip(text, word.n);
		if (network_parse(word, &n, why)) {
			networks_fini(&all);
			return ERR_INVALID;
		}
		all.list = xrealloc(all.list, all.count + 1, sizeof n);
		all.list[all.count++] = n;
	}
	*networks_r = all;
	return OK;
}

void networks_copy(struct networks *dst, const struct networks *all)
{
	*dst = (struct networks){0};
	if (!all->count)
		return;
	dst->list = xrealloc(NULL, all->count, sizeof *all->list);
	memcpy(dst->list, all->list, all->count * sizeof *all->list);
	dst->count = all->count;
}

void networks_fini(struct networks *all)
{
	free(all->list);
	*all = (struct networks){0};
}

void networks_print(const struct networks *all, struct buf *out)
{
	for (size_t i = 0; i < all->count; i++) {
		if (i)
			buf_add_byte(out, ' ');
		print_network(&all->list[i], out);
	}
}

/* --------------------------------------------------------------- matching */

static bool holds(const struct network *n, const struct endpoint *e)
{
	unsigned char address[16] = {0};

	if (e->any.sa_family != n->family)
		return false;
	if (n->family == AF_INET)
		memcpy(address, &e->v4.sin_addr, 4);
	else if (n->family == AF_INET6)
		memcpy(address, &e->v6.sin6_addr, 16);
	cut(address, bytes_of(n->family), n->prefix);
	return memcmp(address, n->address, sizeof address) == 0;
}

bool networks_contain(const struct networks *all, const struct endpoint *e)
{
	for (size_t i = 0; i < all->count; i++)
		if (holds(&all->list[i], e))
			return true;
	return false;
}
