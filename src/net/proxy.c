/* SPDX-License-Identifier: Apache-2.0 */
#include "net/proxy.h"
#include "base/crc32c.h"
#include "base/cursor.h"

/* The fixed part: signature, version and command, family and transport, the
 * length of what follows. */
enum { FIXED = 16, SIGNATURE = 12 };

enum { VERSION_2 = 2 };
enum { COMMAND_LOCAL = 0, COMMAND_PROXY = 1 };
enum { FAMILY_UNSPEC = 0, FAMILY_INET = 1, FAMILY_INET6 = 2, FAMILY_UNIX = 3 };
enum { TRANSPORT_UNSPEC = 0, TRANSPORT_STREAM = 1, TRANSPORT_DGRAM = 2 };
enum { TLV_CRC32C = 3, UNIX_PATH = 108 };

static const str signature = STR_LIT("\r\n\r\n\0\r\nQUIT\n");
static const str version_1 = STR_LIT("PROXY ");

static enum err wrong(enum err err, const char *text, const char **why_r)
{
	*why_r = text;
	return err;
}

/* ---------------------------------------------------------------- checksum */

/* Of the whole header, with its own value (at `at`) as zeros. */
static bool is_right(str header, size_t at, uint32_t told)
{
	uint32_t crc = crc32c(0, str_take(header, at));

	crc = crc32c(crc, str_of("\0\0\0\0", 4));
	crc = crc32c(crc, str_skip(header, at + 4));
	return crc == told;
}

/* ----------------------------------------------------------------- reading */

static void read_v4(struct cursor *c, struct proxy_header *h)
{
	str from = cursor_take(c, 4), to = cursor_take(c, 4);
	uint16_t from_port = cursor_be16(c), to_port = cursor_be16(c);

	if (!cursor_ok(c))
		return;
	h->remote = endpoint_of_v4(from.p, from_port);
	h->local = endpoint_of_v4(to.p, to_port);
}

static void read_v6(struct cursor *c, struct proxy_header *h)
{
	str from = cursor_take(c, 16), to = cursor_take(c, 16);
	uint16_t from_port = cursor_be16(c), to_port = cursor_be16(c);

	if (!cursor_ok(c))
		return;
	h->remote = endpoint_of_v6(from.p, from_port);
	h->local = endpoint_of_v6(to.p, to_port);
}

/* Not our machine's: who comes to our Unix sockets is trusted with more. */
static void skip_unix(struct cursor *c, struct proxy_header *h)
{
	(void)cursor_take(c, UNIX_PATH);
	(void)cursor_take(c, UNIX_PATH);
	h->told = false;
}

static void read_addresses(
	struct cursor *c, unsigned family, struct proxy_header *h)
{
	h->told = true;
	switch (family) {
	case FAMILY_INET:
		read_v4(c, h);
		break;
	case FAMILY_INET6:
		read_v6(c, h);
		break;
	case FAMILY_UNIX:
		skip_unix(c, h);
		break;
	default:
		h->told = false;
	}
}

/* type, length, value; all must fit. One checksum: each takes a walk through
 * the header. */
static enum err read_tlvs(struct cursor *c, str header, const char **why_r)
{
	bool checked = false;

	while (!cursor_done(c) && cursor_ok(c)) {
		uint8_t type = cursor_u8(c);
		uint16_t length = cursor_be16(c);
		size_t at = cursor_pos(c);
		str value = cursor_take(c, length);
		struct cursor crc = cursor_of(value);

		if (!cursor_ok(c) || type != TLV_CRC32C)
			continue;
		if (length != 4 || checked)
			return wrong(ERR_INVALID, "not one checksum of 4 bytes",
				why_r);
		checked = true;
		if (!is_right(header, at, cursor_be32(&crc)))
			return wrong(
				ERR_CORRUPT, "the checksum is wrong", why_r);
	}
	if (!cursor_ok(c))
		return wrong(ERR_INVALID, "what it tells is cut off", why_r);
	return OK;
}

static enum err read_block(struct cursor *c, str header, unsigned kind,
	struct proxy_header *h, const char **why_r)
{
	unsigned family = kind >> 4, transport = kind & 15;

	if (family > FAMILY_UNIX || transport > TRANSPORT_DGRAM)
		return wrong(ERR_INVALID, "unknown family", why_r);
	if (transport == TRANSPORT_DGRAM)
		return wrong(ERR_INVALID, "not for a stream", why_r);
	/* "The receiver is free to accept the connection anyway and use the
	 * real endpoint addresses". */
	if (family == FAMILY_UNSPEC || transport == TRANSPORT_UNSPEC)
		return OK;
	read_addresses(c, family, h);
	if (!cursor_ok(c))
		return wrong(ERR_INVALID, "too short for its addresses", why_r);
	return read_tlvs(c, header, why_r);
}

static enum err read_fixed(str input, size_t *n_r, const char **why_r)
{
	struct cursor c = cursor_of(input);
	str begin = str_take(input, SIGNATURE);

	*n_r = FIXED;
	if (str_starts(input, version_1))
		return wrong(ERR_UNSUPPORTED,
			"it is version 1; version 2 is needed", why_r);
	if (input.n && str_starts(version_1, input))
		return ERR_AGAIN;
	if (!str_eq(begin, str_take(signature, begin.n)))
		return wrong(ERR_INVALID, "there is none", why_r);
	if (input.n > SIGNATURE &&
		(unsigned char)input.p[SIGNATURE] >> 4 != VERSION_2)
		return wrong(ERR_UNSUPPORTED, "unknown version", why_r);
	if (input.n < FIXED)
		return ERR_AGAIN;
	(void)cursor_take(&c, SIGNATURE + 2);
	*n_r = FIXED + cursor_be16(&c);
	if (*n_r > PROXY_MAX)
		return wrong(ERR_TOOBIG, "too long", why_r);
	return input.n < *n_r ? ERR_AGAIN : OK;
}

enum err proxy_parse(str input, struct proxy_header *header_r, size_t *n_r,
	const char **why_r)
{
	struct proxy_header h = {0};
	enum err err;
	struct cursor c;
	unsigned command, kind;
	str header;

	*why_r = "";
	err = read_fixed(input, n_r, why_r);
	if (err)
		return err;
	header = str_take(input, *n_r);
	c = cursor_of(header);
	(void)cursor_take(&c, SIGNATURE);
	command = cursor_u8(&c) & 15;
	kind = cursor_u8(&c);
	(void)cursor_be16(&c);
	/* LOCAL: "discard the protocol block including the family". */
	if (command > COMMAND_PROXY)
		err = wrong(ERR_INVALID, "unknown command", why_r);
	else if (command == COMMAND_PROXY)
		err = read_block(&c, header, kind, &h, why_r);
	if (!err)
		*header_r = h;
	return err;
}
