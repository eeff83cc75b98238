/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "auth/sasl.h"
#include "base/base64.h"

#include <openssl/evp.h>

static const struct sasl_binding bindings[] = {
	{STR_LIT("tls-exporter"), STR_LIT("\x01\x02 exporter \xff")},
	{STR_LIT("tls-server-end-point"), STR_LIT("end point")},
};

/* A connection with TLS on which all that can be was announced. */
static struct sasl_facts facts_with_tls(void)
{
	return (struct sasl_facts){.bindings = bindings,
		.binding_count = COUNT_OF(bindings),
		.announced = MECHANISM_SCRAM_SHA_1_PLUS |
			     MECHANISM_SCRAM_SHA_256_PLUS,
		.decoy_secret = STR("stays the same"),
		.decoy_iterations = SCRAM_ITERATIONS_DEFAULT};
}

static struct sasl_facts facts_without_tls(void)
{
	return (struct sasl_facts){.decoy_secret = STR("stays the same"),
		.decoy_iterations = SCRAM_ITERATIONS_DEFAULT};
}

static void start(
	struct sasl *s, const char *mechanism, struct sasl_facts facts)
{
	sasl_init(s, mechanism_find(str_c(mechanism)), &facts);
}

/* -------- the RFCs' examples, byte by byte -------- */

struct example {
	const char *mechanism, *salt, *client_first, *nonce, *server_first,
		*client_final, *server_final;
};

static const struct example examples[] = {
	/* RFC 5802 section 5 */
	{"SCRAM-SHA-1", "QSXCR+Q6sek8bf92",
		"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j",
		"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
		"s=QSXCR+Q6sek8bf92,i=4096",
		"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
		"p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
		"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
	/* RFC 7677 section 3 */
	{"SCRAM-SHA-256",
		"W22ZaJ0SNY7soEsUEjb6gQ==", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
		"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
		"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
};

/* The keys of "pencil". */
static struct scram_keys example_keys(const struct example *e)
{
	struct buf salt = BUF_UNBOUNDED;
	struct scram_keys keys;

	assert_ok(base64_decode(&salt, str_c(e->salt)));
	assert_ok(scram_keys_derive(
		strstr(e->mechanism, "256") ? SCRAM_SHA_256 : SCRAM_SHA_1,
		STR("pencil"), 4096, buf_str(&salt), &keys));
	buf_fini(&salt);
	return keys;
}

static void rfc_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(examples); i++) {
		const struct example *e = &examples[i];
		struct scram_keys keys = example_keys(e);
		struct buf out = BUF_UNBOUNDED;
		struct sasl s;

		start(&s, e->mechanism, facts_without_tls());
		s.fixed_nonce = e->nonce;
		assert_int_equal(
			sasl_step(&s, str_none(), &out), SASL_CHALLENGE);
		assert_int_equal(out.n, 0);
		assert_int_equal(
			sasl_step(&s, str_c(e->client_first), &out), SASL_KEYS);
		assert_str(buf_str(&s.authcid), "user");
		assert_int_equal(sasl_scram_hash(&s), keys.hash);
		assert_int_equal(
			sasl_set_keys(&s, &keys, &out), SASL_CHALLENGE);
		assert_str(buf_str(&out), e->server_first);
		assert_int_equal(sasl_step(&s, str_c(e->client_final), &out),
			SASL_CHALLENGE);
		assert_str(buf_str(&out), e->server_final);
		assert_int_equal(sasl_step(&s, STR(""), &out), SASL_DONE);
		assert_int_equal(sasl_step(&s, STR(""), &out), SASL_MALFORMED);
		sasl_fini(&s);
		buf_fini(&out);
	}
}

/* -------- a client -------- */

struct client {
	const char *header; /* gs2-header */
	str cbind;	    /* data after it in c= */
	const char *password;
	const char *extension; /* in both messages; "" */
};

static str str_field(str message, const char *name)
{
	size_t at = str_find(message, str_c(name));

	assert_true(at < message.n);
	message = str_skip(message, at + strlen(name));
	return str_take(message, str_find_byte(message, ','));
}

static void make_proof(const struct client *c, enum scram_hash hash,
	str server_first, str auth_message, struct buf *out)
{
	size_t size = scram_key_size(hash);
	unsigned char salted[SCRAM_KEY_MAX], key[SCRAM_KEY_MAX],
		stored[SCRAM_KEY_MAX], signature[SCRAM_KEY_MAX];
	struct buf salt = BUF_UNBOUNDED;
	uint64_t iterations;

	assert_ok(base64_decode(&salt, str_field(server_first, ",s=")));
	assert_ok(str_to_u64(
		str_field(server_first, ",i="), 1000000, &iterations));
	PKCS5_PBKDF2_HMAC(c->password, -1, (unsigned char *)salt.p, (int)salt.n,
		(int)iterations,
		hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256(), (int)size,
		salted);
	scram_hmac(hash, str_of((char *)salted, size), STR("Client Key"), key);
	scram_digest(hash, str_of((char *)key, size), stored);
	scram_hmac(hash, str_of((char *)stored, size), auth_message, signature);
	for (size_t i = 0; i < size; i++)
		key[i] ^= signature[i];
	base64_add(out, str_of((char *)key, size));
	buf_fini(&salt);
}

static void client_final(const struct client *c, enum scram_hash hash,
	str first_bare, str server_first, struct buf *out)
{
	struct buf input = BUF_UNBOUNDED, message = BUF_UNBOUNDED;

	buf_add_c(&input, c->header);
	buf_add(&input, c->cbind);
	buf_reset(out);
	buf_add_c(out, "c=");
	base64_add(out, buf_str(&input));
	buf_add_c(out, ",r=");
	buf_add(out, str_field(server_first, "r="));
	buf_add_c(out, c->extension);
	buf_add(&message, first_bare);
	buf_add_byte(&message, ',');
	buf_add(&message, server_first);
	buf_add_byte(&message, ',');
	buf_add(&message, buf_str(out));
	buf_add_c(out, ",p=");
	make_proof(c, hash, server_first, buf_str(&message), out);
	buf_fini(&input);
	buf_fini(&message);
}

/* Runs it through; what comes of the last message. The challenge of that is
 * in out. */
static enum sasl_step run(struct sasl *s, const struct client *c,
	const struct scram_keys *keys, struct buf *out)
{
	struct buf first = BUF_UNBOUNDED, final = BUF_UNBOUNDED;
	enum sasl_step step;
	str bare;

	buf_addf(&first, "%sn=user,r=nonce%s", c->header, c->extension);
	bare = str_skip(buf_str(&first), strlen(c->header));
	step = sasl_step(s, buf_str(&first), out);
	if (step == SASL_KEYS) {
		assert_int_equal(sasl_set_keys(s, keys, out), SASL_CHALLENGE);
		client_final(c, sasl_scram_hash(s), bare, buf_str(out), &final);
		step = sasl_step(s, buf_str(&final), out);
	}
	buf_fini(&first);
	buf_fini(&final);
	return step;
}

static void clients(void **state)
{
	const struct {
		const char *mechanism;
		struct client client;
		bool tls;
		enum sasl_step step;
		const char *told, *why;
	} rows[] = {
		{"SCRAM-SHA-256", {"n,,", {"", 0}, "Taube", ""}, true,
			SASL_CHALLENGE, NULL, "right password"},
		{"SCRAM-SHA-1", {"n,,", {"", 0}, "Taube", ""}, true,
			SASL_CHALLENGE, NULL, "right password, SHA-1"},
		{"SCRAM-SHA-256", {"n,,", {"", 0}, "taube", ""}, true,
			SASL_WRONG, "", "wrong password"},
		{"SCRAM-SHA-256", {"n,,", {"", 0}, "Taube", ",x=y,z=="}, true,
			SASL_CHALLENGE, NULL, "unknown extensions"},
		{"SCRAM-SHA-256", {"n,,", {"", 0}, "Taube", ",m=y"}, true,
			SASL_MALFORMED, "", "an extension named m"},
		{"SCRAM-SHA-256", {"n,a=ann,", {"", 0}, "Taube", ""}, true,
			SASL_CHALLENGE, NULL, "acts as another"},
		{"SCRAM-SHA-256", {"y,,", {"", 0}, "Taube", ""}, false,
			SASL_CHALLENGE, NULL, "could bind, was not offered"},
		{"SCRAM-SHA-256", {"y,,", {"", 0}, "Taube", ""}, true,
			SASL_MALFORMED, "", "could bind, offer was hidden"},
		{"SCRAM-SHA-256",
			{"p=tls-exporter,,", bindings[0].data, "Taube", ""},
			true, SASL_MALFORMED, "", "binds without -PLUS"},
		{"SCRAM-SHA-256", {"n,,", {"more", 4}, "Taube", ""}, true,
			SASL_WRONG, "e=channel-bindings-dont-match",
			"data without a binding"},
		{"SCRAM-SHA-256-PLUS",
			{"p=tls-exporter,,", bindings[0].data, "Taube", ""},
			true, SASL_CHALLENGE, NULL, "tls-exporter"},
		{"SCRAM-SHA-1-PLUS",
			{"p=tls-server-end-point,,", bindings[1].data, "Taube",
				""},
			true, SASL_CHALLENGE, NULL, "the other, SHA-1"},
		{"SCRAM-SHA-256-PLUS",
			{"p=tls-exporter,,", bindings[1].data, "Taube", ""},
			true, SASL_WRONG, "e=channel-bindings-dont-match",
			"another channel"},
		{"SCRAM-SHA-256-PLUS",
			{"p=tls-exporter,,", {"", 0}, "Taube", ""}, true,
			SASL_WRONG, "e=channel-bindings-dont-match", "no data"},
		{"SCRAM-SHA-256-PLUS",
			{"p=tls-unique,,", bindings[0].data, "Taube", ""}, true,
			SASL_MALFORMED, "", "a binding there is none of"},
		{"SCRAM-SHA-256-PLUS",
			{"p=TLS-EXPORTER,,", bindings[0].data, "Taube", ""},
			true, SASL_MALFORMED, "", "names have case"},
		{"SCRAM-SHA-256-PLUS", {"p=,,", bindings[0].data, "Taube", ""},
			true, SASL_MALFORMED, "", "no name"},
		{"SCRAM-SHA-256-PLUS",
			{"p=tls-exporter,,", bindings[0].data, "Taube", ""},
			false, SASL_MALFORMED, "", "no TLS"},
		{"SCRAM-SHA-256-PLUS", {"n,,", {"", 0}, "Taube", ""}, true,
			SASL_MALFORMED, "", "-PLUS without binding"},
		{"SCRAM-SHA-256-PLUS", {"y,,", {"", 0}, "Taube", ""}, true,
			SASL_MALFORMED, "", "-PLUS and y"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scram_keys keys;
		struct buf out = BUF_UNBOUNDED;
		enum sasl_step step;
		struct sasl s;

		assert_ok(scram_keys_make(strstr(rows[i].mechanism, "256")
						  ? SCRAM_SHA_256
						  : SCRAM_SHA_1,
			STR("Taube"), 4096, &keys));
		start(&s, rows[i].mechanism,
			rows[i].tls ? facts_with_tls() : facts_without_tls());
		step = run(&s, &rows[i].client, &keys, &out);
		if (step != rows[i].step)
			print_error("%s: %s\n", rows[i].why, s.reason);
		assert_int_equal(step, rows[i].step);
		assert_int_equal(step != SASL_CHALLENGE, *s.reason != '\0');
		if (rows[i].told)
			assert_str(buf_str(&out), rows[i].told);
		else
			assert_int_equal(
				sasl_step(&s, STR(""), &out), SASL_DONE);
		sasl_fini(&s);
		buf_fini(&out);
	}
}

/* What was told is answered, and ends as refused, once. */
static void told_why(void **state)
{
	struct client c = {
		"p=tls-exporter,,", STR_LIT("elsewhere"), "Taube", ""};
	struct scram_keys keys;
	struct buf out = BUF_UNBOUNDED;
	struct sasl s;

	(void)state;
	assert_ok(scram_keys_make(SCRAM_SHA_256, STR("Taube"), 4096, &keys));
	start(&s, "SCRAM-SHA-256-PLUS", facts_with_tls());
	assert_int_equal(run(&s, &c, &keys, &out), SASL_WRONG);
	assert_int_equal(sasl_step(&s, STR("whatever"), &out), SASL_REFUSED);
	assert_string_equal(s.reason, "channel binding does not match");
	assert_int_equal(sasl_step(&s, STR(""), &out), SASL_MALFORMED);
	sasl_fini(&s);
	buf_fini(&out);
}

/* -------- nobody -------- */

/* s= and i= of the challenge for a name that has no keys. */
static void decoy(const char *mechanism, const char *name, const char *secret,
	struct buf *out)
{
	struct sasl_facts facts = facts_without_tls();
	struct buf first = BUF_UNBOUNDED;
	struct sasl s;
	size_t at;

	facts.decoy_secret = str_c(secret);
	start(&s, mechanism, facts);
	buf_addf(&first, "n,,n=%s,r=x", name);
	assert_int_equal(sasl_step(&s, buf_str(&first), out), SASL_KEYS);
	assert_int_equal(sasl_set_keys(&s, NULL, out), SASL_CHALLENGE);
	at = str_find(buf_str(out), STR(",s="));
	assert_true(at < out->n);
	buf_consume(out, at);
	sasl_fini(&s);
	buf_fini(&first);
}

static void unknown_names_look_alike(void **state)
{
	static const struct {
		const char *mechanism, *name, *secret;
		bool same;
	} rows[] = {
		{"SCRAM-SHA-256", "ann", "one", true},
		{"SCRAM-SHA-256", "ANN", "one", true},
		{"SCRAM-SHA-256", "bob", "one", false},
		{"SCRAM-SHA-256", "ann", "two", false},
		{"SCRAM-SHA-1", "ann", "one", false},
	};
	struct buf first = BUF_UNBOUNDED, other = BUF_UNBOUNDED;

	(void)state;
	decoy("SCRAM-SHA-256", "ann", "one", &first);
	assert_true(str_ends(buf_str(&first), STR(",i=10000")));
	/* as long as a real one's */
	assert_int_equal(
		first.n, strlen(",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=10000"));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		decoy(rows[i].mechanism, rows[i].name, rows[i].secret, &other);
		assert_int_equal(
			str_eq(buf_str(&first), buf_str(&other)), rows[i].same);
	}
	buf_fini(&first);
	buf_fini(&other);
}

static void nobody_proves_anything(void **state)
{
	struct client c = {"n,,", {"", 0}, "Taube", ""};
	struct buf out = BUF_UNBOUNDED;
	struct scram_keys sha1;
	struct sasl s;

	(void)state;
	start(&s, "SCRAM-SHA-256", facts_with_tls());
	assert_int_equal(run(&s, &c, NULL, &out), SASL_WRONG);
	assert_int_equal(out.n, 0);
	sasl_fini(&s);
	/* keys of the other hash are none */
	assert_ok(scram_keys_make(SCRAM_SHA_1, STR("Taube"), 4096, &sha1));
	start(&s, "SCRAM-SHA-256", facts_with_tls());
	assert_int_equal(run(&s, &c, &sha1, &out), SASL_WRONG);
	sasl_fini(&s);
	buf_fini(&out);
}

/* -------- grammar -------- */

static void first_messages(void **state)
{
	static const struct {
		str message;
		const char *authcid, *authzid, *why; /* NULL: malformed */
	} rows[] = {
		{STR_LIT("n,,n=user,r=abc"), "user", "", "plain"},
		{STR_LIT("n,,n=a=2Cb=3Dc,r=abc"), "a,b=c", "", "escapes"},
		{STR_LIT("n,a=x=3Dy,n=user,r=abc"), "user", "x=y", "authzid"},
		{STR_LIT("n,,n=\xc3\xa4,r=abc"), "\xc3\xa4", "", "UTF-8"},
		{STR_LIT("n,,n=user,r=a=b,x=1"), "user", "", "an extension"},
		{STR_LIT(""), NULL, NULL, "empty"},
		{STR_LIT("n"), NULL, NULL, "a flag"},
		{STR_LIT("n,"), NULL, NULL, "half a header"},
		{STR_LIT("n,,"), NULL, NULL, "a header"},
		{STR_LIT("N,,n=user,r=abc"), NULL, NULL, "case of the flag"},
		{STR_LIT("x,,n=user,r=abc"), NULL, NULL, "unknown flag"},
		{STR_LIT("F,n,,n=user,r=abc"), NULL, NULL, "non-standard"},
		{STR_LIT("n,user,n=user,r=abc"), NULL, NULL, "not a="},
		{STR_LIT("n,a=,n=user,r=abc"), NULL, NULL, "empty authzid"},
		{STR_LIT("n,,m=x,n=user,r=abc"), NULL, NULL, "mandatory"},
		{STR_LIT("n,,r=abc,n=user"), NULL, NULL, "order"},
		{STR_LIT("n,,n=,r=abc"), NULL, NULL, "empty name"},
		{STR_LIT("n,,n=a=2cb,r=abc"), NULL, NULL, "lower-case escape"},
		{STR_LIT("n,,n=a=2,r=abc"), NULL, NULL, "half an escape"},
		{STR_LIT("n,,n=a=b,r=abc"), NULL, NULL, "bare equals sign"},
		{STR_LIT("n,,n=a\0b,r=abc"), NULL, NULL, "NUL"},
		{STR_LIT("n,,n=\xe4,r=abc"), NULL, NULL, "Latin-1"},
		{STR_LIT("n,,n=user"), NULL, NULL, "no nonce"},
		{STR_LIT("n,,n=user,"), NULL, NULL, "no nonce, comma"},
		{STR_LIT("n,,n=user,r="), NULL, NULL, "empty nonce"},
		{STR_LIT("n,,n=user,r=a b"), NULL, NULL, "blank in the nonce"},
		{STR_LIT("n,,n=user,r=\xc3\xa4"), NULL, NULL, "non-ASCII"},
		{STR_LIT("n,,n=user,r=abc,"), NULL, NULL, "comma at the end"},
		{STR_LIT("n,,n=user,r=abc,x"), NULL, NULL, "no value"},
		{STR_LIT("n,,n=user,r=abc,x="), NULL, NULL, "empty value"},
		{STR_LIT("n,,n=user,r=abc,1=x"), NULL, NULL, "digit"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = BUF_UNBOUNDED;
		enum sasl_step step;
		struct sasl s;

		start(&s, "SCRAM-SHA-256", facts_without_tls());
		step = sasl_step(&s, rows[i].message, &out);
		if (step != (rows[i].authcid ? SASL_KEYS : SASL_MALFORMED))
			fail_msg("%s", rows[i].why);
		if (rows[i].authcid) {
			assert_str(buf_str(&s.authcid), rows[i].authcid);
			assert_str(buf_str(&s.authzid), rows[i].authzid);
		}
		sasl_fini(&s);
		buf_fini(&out);
	}
}

#define PROOF "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define NONCE "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"

/* All but one of the RFC's last message is right. */
static void final_messages(void **state)
{
	static const struct {
		str message;
		enum sasl_step step;
		const char *why;
	} rows[] = {
		{STR_LIT("c=biws," NONCE "," PROOF), SASL_CHALLENGE, "right"},
		{STR_LIT("c=biws," NONCE ",x=y," PROOF), SASL_WRONG,
			"an extension the proof does not cover"},
		{STR_LIT("c=biws," NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsq"
			 "mmiz7AndVR="),
			SASL_MALFORMED, "unused bits"},
		{STR_LIT("c=biws," NONCE ",p=AAAA"), SASL_MALFORMED,
			"a short proof"},
		{STR_LIT("c=biws," NONCE ",p="), SASL_MALFORMED, "no proof"},
		{STR_LIT("c=biws," NONCE), SASL_MALFORMED, "no p="},
		{STR_LIT("c=biws," NONCE "," PROOF ","), SASL_MALFORMED,
			"comma at the end"},
		{STR_LIT("c=biws," NONCE "," PROOF ",x=y"), SASL_MALFORMED,
			"proof is not last"},
		{STR_LIT("c=biws," NONCE ",m=x," PROOF), SASL_MALFORMED,
			"mandatory extension"},
		{STR_LIT("c=biws,r=rOprNGfwEbeRWgbNEkqO," PROOF),
			SASL_MALFORMED, "only the client's nonce"},
		{STR_LIT("c=biws," NONCE "x," PROOF), SASL_MALFORMED,
			"longer nonce"},
		{STR_LIT("c=biws,r=," PROOF), SASL_MALFORMED, "no nonce"},
		{STR_LIT(NONCE ",c=biws," PROOF), SASL_MALFORMED, "order"},
		{STR_LIT("c=eSws," NONCE "," PROOF), SASL_WRONG,
			"y,, and not what was said first"},
		{STR_LIT("c=," NONCE "," PROOF), SASL_WRONG, "no header"},
		{STR_LIT("c=biws\0," NONCE "," PROOF), SASL_WRONG, "NUL"},
		{STR_LIT(""), SASL_MALFORMED, "empty"},
	};
	struct scram_keys keys = example_keys(&examples[1]);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = BUF_UNBOUNDED;
		enum sasl_step step;
		struct sasl s;

		start(&s, "SCRAM-SHA-256", facts_without_tls());
		s.fixed_nonce = examples[1].nonce;
		assert_int_equal(
			sasl_step(&s, str_c(examples[1].client_first), &out),
			SASL_KEYS);
		assert_int_equal(
			sasl_set_keys(&s, &keys, &out), SASL_CHALLENGE);
		step = sasl_step(&s, rows[i].message, &out);
		if (step != rows[i].step)
			fail_msg("%s: %s", rows[i].why, s.reason);
		sasl_fini(&s);
		buf_fini(&out);
	}
}

static void out_of_turn(void **state)
{
	struct buf out = BUF_UNBOUNDED, twice = BUF_UNBOUNDED;
	struct scram_keys keys = example_keys(&examples[1]);
	struct sasl s;

	(void)state;
	start(&s, "SCRAM-SHA-256", facts_without_tls());
	assert_int_equal(
		sasl_step(&s, STR("n,,n=user,r=abc"), &out), SASL_KEYS);
	assert_int_equal(
		sasl_step(&s, STR("n,,n=other,r=abc"), &out), SASL_MALFORMED);
	sasl_fini(&s);
	/* the nonce is new each time */
	start(&s, "SCRAM-SHA-256", facts_without_tls());
	assert_int_equal(
		sasl_step(&s, STR("n,,n=user,r=abc"), &out), SASL_KEYS);
	assert_int_equal(sasl_set_keys(&s, &keys, &out), SASL_CHALLENGE);
	sasl_fini(&s);
	start(&s, "SCRAM-SHA-256", facts_without_tls());
	assert_int_equal(
		sasl_step(&s, STR("n,,n=user,r=abc"), &twice), SASL_KEYS);
	assert_int_equal(sasl_set_keys(&s, &keys, &twice), SASL_CHALLENGE);
	assert_true(str_starts(buf_str(&twice), STR("r=abc")));
	assert_false(str_eq(buf_str(&out), buf_str(&twice)));
	sasl_fini(&s);
	buf_fini(&out);
	buf_fini(&twice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_examples),
		cmocka_unit_test(clients),
		cmocka_unit_test(told_why),
		cmocka_unit_test(unknown_names_look_alike),
		cmocka_unit_test(nobody_proves_anything),
		cmocka_unit_test(first_messages),
		cmocka_unit_test(final_messages),
		cmocka_unit_test(out_of_turn),
	};

	return cmocka_run_group_tests_name("sasl_scram", tests, NULL, NULL);
}
