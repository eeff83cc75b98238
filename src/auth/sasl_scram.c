/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM (RFC 5802, RFC 7677), the server's side. Why not GNU SASL's:
 * docs/decisions/0006-scram-of-our-own.md. */
#include "auth/sasl_steps.h"
#include "auth/text.h"
#include "base/alloc.h"
#include "base/base64.h"
#include "base/cursor.h"

#include <assert.h>
#include <stdlib.h>

#define NONCE_BYTES 18 /* of ours; 24 characters */
#define NONCE_MAX 512  /* of the client's */

struct scram {
	enum { FIRST, KEYS, FINAL, LAST } state;
	/* NULL: the client binds to no channel. */
	const struct sasl_binding *binding;
	struct buf gs2_header;
	struct buf nonce; /* the client's, then ours */
	/* AuthMessage of section 3, as far as it was said. */
	struct buf auth_message;
	struct scram_keys keys;
	bool decoy; /* keys are nobody's */
};

/* -------- grammar, section 7 -------- */

/* saslname = 1*(value-safe-char / "=2C" / "=3D") */
static bool unescape(str s, struct buf *name_r)
{
	struct cursor c = cursor_of(s);

	while (!cursor_done(&c)) {
		if (cursor_accept_str(&c, STR("=2C")))
			buf_add_byte(name_r, ',');
		else if (cursor_accept_str(&c, STR("=3D")))
			buf_add_byte(name_r, '=');
		else if (strchr("=,", *c.at)) /* NUL as well */
			return false;
		else
			buf_add_byte(name_r, *c.at++);
	}
	return true;
}

bool sasl_read_saslname(str s, struct buf *name_r)
{
	if (unescape(s, name_r) && name_r->n > 0 &&
		name_r->n <= SASL_NAME_MAX && text_is_utf8(buf_str(name_r)))
		return true;
	buf_reset(name_r);
	return false;
}

/* value = 1*value-char: no NUL and no comma. A whole message is looked at for
 * UTF-8 first. */
static bool is_value(str s)
{
	return s.n > 0 && !memchr(s.p, '\0', s.n) && !memchr(s.p, ',', s.n);
}

/* printable = %x21-2B / %x2D-7E, as often as one likes */
static bool is_nonce(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '!' || s.p[i] > '~' || s.p[i] == ',')
			return false;
	return s.n > 0;
}

/* The value of an attribute that must come next: "x=" up to a comma or the
 * end. */
static str read_attribute(struct cursor *c, char name)
{
	cursor_expect(c, name, "an attribute");
	cursor_expect(c, '=', "an equals sign");
	return cursor_until(c, ',');
}

/* attr-val = ALPHA "=" value ; one that is ignored, but not `m` */
static void read_extension(struct cursor *c)
{
	int name = cursor_peek(c);

	if (name < 0 || !ascii_is_alpha((char)name) || name == 'm')
		cursor_fail(c, ERR_INVALID, "an extension that is optional");
	else if (!is_value(read_attribute(c, (char)name)))
		cursor_fail(c, ERR_INVALID, "a value");
}

static bool is_plus(const struct sasl *s)
{
	return s->mechanism->flags & MECHANISM_BINDS;
}

/* Section 6: a client that says it saw no -PLUS, though there is one, talks
 * to us through somebody. */
static bool was_downgraded(const struct sasl *s)
{
	return s->facts.announced &
	       (MECHANISM_SCRAM_SHA_1_PLUS | MECHANISM_SCRAM_SHA_256_PLUS);
}

static const struct sasl_binding *find_binding(const struct sasl *s, str name)
{
	for (size_t i = 0; i < s->facts.binding_count; i++)
		if (s->bindings[i].data.n > 0 &&
			str_eq(s->bindings[i].name, name))
			return &s->bindings[i];
	return NULL;
}

/* gs2-cbind-flag = ("p=" cb-name) / "n" / "y"
 * NULL, or why the exchange ends here. */
static const char *read_cbind_flag(struct sasl *s, struct cursor *c)
{
	if (cursor_accept_str(c, STR("p="))) {
		if (!is_plus(s))
			return "channel binding without -PLUS";
		s->scram->binding = find_binding(s, cursor_until(c, ','));
		return s->scram->binding ? NULL : "unknown channel binding";
	}
	if (cursor_accept(c, 'y')) {
		if (is_plus(s) || was_downgraded(s))
			return "client was not shown that channel binding is "
			       "offered";
		return NULL;
	}
	cursor_expect(c, 'n', "a channel binding flag");
	return is_plus(s) ? "no channel binding with -PLUS" : NULL;
}

/* gs2-header = gs2-cbind-flag "," [ authzid ] ","
 * authzid    = "a=" saslname */
static const char *read_gs2_header(struct sasl *s, struct cursor *c)
{
	const char *why = read_cbind_flag(s, c);

	if (why)
		return why;
	cursor_expect(c, ',', "a comma");
	if (cursor_peek(c) == 'a' &&
		!sasl_read_saslname(read_attribute(c, 'a'), &s->authzid))
		return "malformed authorization identity";
	cursor_expect(c, ',', "a comma");
	buf_add(&s->scram->gs2_header,
		str_of(c->start, (size_t)(c->at - c->start)));
	return cursor_ok(c) ? NULL : "malformed first message";
}

/*
 * client-first-message-bare = [reserved-mext ","]
 *                             username "," nonce ["," extensions]
 */
static const char *read_first_bare(struct sasl *s, struct cursor *c)
{
	str nonce;

	if (cursor_peek(c) == 'm')
		return "mandatory extension";
	if (!sasl_read_saslname(read_attribute(c, 'n'), &s->authcid))
		return "malformed name";
	cursor_expect(c, ',', "a comma");
	nonce = read_attribute(c, 'r');
	while (cursor_accept(c, ','))
		read_extension(c);
	if (!cursor_ok(c) || !cursor_done(c) || !is_nonce(nonce) ||
		nonce.n > NONCE_MAX)
		return "malformed first message";
	buf_add(&s->scram->nonce, nonce);
	return NULL;
}

/* -------- the exchange -------- */

static enum sasl_step read_first(struct sasl *s, str message)
{
	struct cursor c = cursor_of(message);
	const char *why;

	if (!text_is_utf8(message))
		return sasl_malformed(s, "malformed first message");
	why = read_gs2_header(s, &c);
	if (!why) {
		buf_add(&s->scram->auth_message, str_of(c.at, cursor_left(&c)));
		why = read_first_bare(s, &c);
	}
	if (why)
		return sasl_malformed(s, why);
	s->scram->state = KEYS;
	return SASL_KEYS;
}

static void add_nonce(struct sasl *s)
{
	char random[NONCE_BYTES];

	if (s->fixed_nonce) {
		buf_add_c(&s->scram->nonce, s->fixed_nonce);
		return;
	}
	secret_random(random, sizeof random);
	base64_add(&s->scram->nonce, str_of(random, sizeof random));
}

/* Keys that nobody has, behind a salt that this name always has: names that
 * are one account's are one here. */
static void make_decoy(struct sasl *s)
{
	struct scram_keys *k = &s->scram->keys;
	struct buf name = BUF_UNBOUNDED;

	assert(s->facts.decoy_secret.n > 0);
	*k = (struct scram_keys){.hash = sasl_scram_hash(s),
		.iterations = s->facts.decoy_iterations,
		.salt_n = SCRAM_SALT_SIZE};
	buf_add_byte(&name, (char)k->hash);
	if (text_prepare_username(buf_str(&s->authcid), &name))
		buf_add(&name, buf_str(&s->authcid));
	_Static_assert(SCRAM_SALT_SIZE <= SCRAM_KEY_MAX, "one hash makes it");
	scram_hmac(
		SCRAM_SHA_256, s->facts.decoy_secret, buf_str(&name), k->salt);
	secret_random(k->stored, sizeof k->stored);
	secret_random(k->server, sizeof k->server);
	buf_fini(&name);
	s->scram->decoy = true;
}

/* server-first-message = [reserved-mext ","] nonce "," salt ","
 *                        iteration-count ["," extensions] */
static void write_first(struct scram *scram, struct buf *challenge)
{
	buf_add_c(challenge, "r=");
	buf_add(challenge, buf_str(&scram->nonce));
	buf_add_c(challenge, ",s=");
	base64_add(challenge,
		str_of((char *)scram->keys.salt, scram->keys.salt_n));
	buf_add_c(challenge, ",i=");
	buf_add_u64(challenge, scram->keys.iterations);
	buf_add_byte(&scram->auth_message, ',');
	buf_add(&scram->auth_message, buf_str(challenge));
}

enum sasl_step sasl_set_keys(
	struct sasl *s, const struct scram_keys *keys, struct buf *challenge)
{
	assert(s->scram && s->scram->state == KEYS && !s->over);
	buf_reset(challenge);
	if (keys && keys->hash == sasl_scram_hash(s))
		s->scram->keys = *keys;
	else
		make_decoy(s);
	add_nonce(s);
	write_first(s->scram, challenge);
	s->scram->state = FINAL;
	return SASL_CHALLENGE;
}

/* The proof that the message ends with, and all that stands before it.
 *
 * client-final-message-without-proof = channel-binding "," nonce [","
 *                                      extensions]
 * client-final-message = client-final-message-without-proof "," proof
 */
struct final {
	str binding, nonce, without_proof;
	unsigned char proof[SCRAM_KEY_MAX];
};

static void read_proof(struct cursor *c, struct final *f, size_t size)
{
	struct buf proof;

	buf_init(&proof, SCRAM_KEY_MAX);
	cursor_expect(c, '=', "an equals sign");
	if (base64_decode(&proof, cursor_rest(c)) || proof.n != size)
		cursor_fail(c, ERR_INVALID, "a proof");
	else
		memcpy(f->proof, proof.p, size);
	buf_fini(&proof);
}

static bool parse_final(str message, struct final *f, size_t size)
{
	struct cursor c = cursor_of(message);

	f->binding = read_attribute(&c, 'c');
	cursor_expect(&c, ',', "a comma");
	f->nonce = read_attribute(&c, 'r');
	f->without_proof = str_of(c.start, cursor_pos(&c));
	cursor_expect(&c, ',', "a comma");
	while (cursor_ok(&c) && !cursor_accept(&c, 'p')) {
		read_extension(&c);
		f->without_proof = str_of(c.start, cursor_pos(&c));
		cursor_expect(&c, ',', "a comma");
	}
	read_proof(&c, f, size);
	return cursor_ok(&c) && text_is_utf8(message);
}

/* cbind-input = gs2-header [ cbind-data ] */
static bool binding_matches(const struct scram *scram, str said)
{
	struct buf input = BUF_UNBOUNDED, text = BUF_UNBOUNDED;
	bool same;

	buf_add(&input, buf_str(&scram->gs2_header));
	if (scram->binding)
		buf_add(&input, scram->binding->data);
	base64_add(&text, buf_str(&input));
	same = str_eq(buf_str(&text), said);
	buf_fini(&input);
	buf_fini(&text);
	return same;
}

static str key_of(const unsigned char *key, size_t size)
{
	return str_of((const char *)key, size);
}

/* Section 3:
 *	ClientSignature := HMAC(StoredKey, AuthMessage)
 *	ClientProof     := ClientKey XOR ClientSignature
 *	StoredKey       := H(ClientKey)
 */
static bool proof_is_right(const struct scram *scram, const struct final *f)
{
	const struct scram_keys *k = &scram->keys;
	size_t size = scram_key_size(k->hash);
	unsigned char client[SCRAM_KEY_MAX], stored[SCRAM_KEY_MAX];
	bool right;

	scram_hmac(k->hash, key_of(k->stored, size),
		buf_str(&scram->auth_message), client);
	for (size_t i = 0; i < size; i++)
		client[i] ^= f->proof[i];
	scram_digest(k->hash, key_of(client, size), stored);
	right = secret_eq(key_of(stored, size), key_of(k->stored, size));
	secret_wipe(client, sizeof client);
	return right && !scram->decoy;
}

/* server-final-message = (server-error / verifier) ["," extensions]
 *	ServerSignature := HMAC(ServerKey, AuthMessage) */
static void write_final(const struct scram *scram, struct buf *challenge)
{
	const struct scram_keys *k = &scram->keys;
	size_t size = scram_key_size(k->hash);
	unsigned char signature[SCRAM_KEY_MAX];

	scram_hmac(k->hash, key_of(k->server, size),
		buf_str(&scram->auth_message), signature);
	buf_add_c(challenge, "v=");
	base64_add(challenge, key_of(signature, size));
}

/*
 * A wrong proof is not told as "e=invalid-proof": section 5.1 leaves that to
 * the server, which would wait for one response more, and clients take the
 * protocol's own refusal for what it is, a wrong password. Another channel is
 * worth telling: the person is being listened to.
 */
static enum sasl_step read_final(
	struct sasl *s, str message, struct buf *challenge)
{
	struct scram *scram = s->scram;
	struct final f;

	if (!parse_final(message, &f, scram_key_size(scram->keys.hash)))
		return sasl_malformed(s, "malformed final message");
	if (!str_eq(f.nonce, buf_str(&scram->nonce)))
		return sasl_malformed(s, "another exchange's nonce");
	if (!binding_matches(scram, f.binding)) {
		buf_add_c(challenge, "e=channel-bindings-dont-match");
		return sasl_wrong(s, "channel binding does not match");
	}
	buf_add_byte(&scram->auth_message, ',');
	buf_add(&scram->auth_message, f.without_proof);
	if (!proof_is_right(scram, &f))
		return sasl_wrong(
			s, scram->decoy ? "no SCRAM keys" : "wrong password");
	write_final(scram, challenge);
	scram->state = LAST;
	return SASL_CHALLENGE;
}

static struct scram *new_scram(void)
{
	struct scram *scram = xcalloc(1, sizeof *scram);

	scram->gs2_header = BUF_UNBOUNDED;
	scram->nonce = BUF_UNBOUNDED;
	scram->auth_message = BUF_UNBOUNDED;
	return scram;
}

enum sasl_step sasl_scram_step(
	struct sasl *s, str response, struct buf *challenge)
{
	if (str_is_none(response)) /* the client speaks first */
		return SASL_CHALLENGE;
	if (!s->scram)
		s->scram = new_scram();
	switch (s->scram->state) {
	case FIRST:
		return read_first(s, response);
	case FINAL:
		return read_final(s, response, challenge);
	case LAST: /* the verifier was sent with a challenge, see sasl.h */
		if (response.n == 0)
			return SASL_DONE;
		return sasl_malformed(s, "response to the verifier");
	case KEYS:
		break;
	}
	return sasl_malformed(s, "response out of turn");
}

void sasl_scram_fini(struct sasl *s)
{
	if (!s->scram)
		return;
	buf_fini(&s->scram->gs2_header);
	buf_fini(&s->scram->nonce);
	buf_fini(&s->scram->auth_message);
	secret_wipe(s->scram, sizeof *s->scram);
	free(s->scram);
	s->scram = NULL;
}

enum scram_hash sasl_scram_hash(const struct sasl *s)
{
	return s->mechanism->bit & (MECHANISM_SCRAM_SHA_1 |
					   MECHANISM_SCRAM_SHA_1_PLUS)
		       ? SCRAM_SHA_1
		       : SCRAM_SHA_256;
}
