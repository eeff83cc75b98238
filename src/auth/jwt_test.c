/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "auth/jwt.h"
#include "auth/jwt_key.h"
#include "base/base64.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

/* Issued by "joe" until 1300819380. Those that no RFC has were made with
 * Python's cryptography. */
static const struct {
	const char *why, *key, *token;
} vectors[] = {
	{"RFC 7515 A.1",
		"{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoq"
		"Q-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}",
		"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiL"
		"A0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9"
		"pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWF"
		"OEjXk"},
	{"RFC 7515 A.2",
		"{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd"
		"_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm"
		"4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9"
		"wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UT"
		"o7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5I"
		"hlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAc"
		"DTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}",
		"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4M"
		"TkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
		"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj"
		"5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ"
		"cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPv"
		"kSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-e"
		"OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6Lb"
		"gGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
	{"RFC 7515 A.3",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vu"
		"b9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue65"
		"9LNpXW6pCyStikYjKIWI5a0\"}",
		"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4M"
		"TkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
		"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa"
		"8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
	{"RS384",
		"{\"kty\":\"RSA\",\"n\":\"0xPDKiOnfqNZ91L-hM3sfsD9wYckKnrDO"
		"w4k02_hhKHwKU4x3PQ2sY6dEy-1De8uUwkWEe40luiAGXm6fb2graeXrh7"
		"jmi7R3pwHIANt2cU_92WqYtzFFurmh32xUhrw5g2ibHJ7v_mYdzyzGLmuN"
		"wIv3vZetg3WVPK6NtkHlaav68YDQKe4nD2yq9nSGzrH2Wbt4mtuZyC19Li"
		"GOO-0NLSJCAMgXKTSB7apTGHK9J2c7HfFcgaSmrK2M0UW9hfIfeSWeDjGE"
		"zVfBpZvu53O3_byeH2kRygZcTgssOB7fuK3uHr-BWrslu5Frw6-gwC6ERk"
		"-VL0EkHNKGV9qHe6d2Q\",\"e\":\"AQAB\"}",
		"eyJhbGciOiAiUlMzODQifQ.eyJpc3MiOiAiam9lIiwgImV4cCI6IDEzMDA"
		"4MTkzODB9.CQA9ZoXkuh3mtnCwfcH1hxxzILbVe7_4P_1g83-baviBaSDD"
		"O5pE6sJMwPWcjxIvsjDO0cDKD9Jr0Hxm6Edvii_7a3LR0UBiIdE3CVnzfk"
		"I2Wv9FB_x0dET2ZYZbNsW9mOPQEhsAgsY5ciaW7uEzwZQcs0G-nB1awna-"
		"eSg-zWc2-qhzx00dCN5S23vUQF3VWaVQCDD3OZhd0ezJfDmaPHtjtVoDWn"
		"IDKlFu1OldNDzsUYy-3CyBOYIZznAFsaCJ4ikXDfznpJFfBoSpZWLRSp3w"
		"51DbcBjifWy_BrwayCskildlfNBNYynN77Aje_f1RY3DfDFby5CxvLgANW"
		"s2sg"},
	{"RS512",
		"{\"kty\":\"RSA\",\"n\":\"0xPDKiOnfqNZ91L-hM3sfsD9wYckKnrDO"
		"w4k02_hhKHwKU4x3PQ2sY6dEy-1De8uUwkWEe40luiAGXm6fb2graeXrh7"
		"jmi7R3pwHIANt2cU_92WqYtzFFurmh32xUhrw5g2ibHJ7v_mYdzyzGLmuN"
		"wIv3vZetg3WVPK6NtkHlaav68YDQKe4nD2yq9nSGzrH2Wbt4mtuZyC19Li"
		"GOO-0NLSJCAMgXKTSB7apTGHK9J2c7HfFcgaSmrK2M0UW9hfIfeSWeDjGE"
		"zVfBpZvu53O3_byeH2kRygZcTgssOB7fuK3uHr-BWrslu5Frw6-gwC6ERk"
		"-VL0EkHNKGV9qHe6d2Q\",\"e\":\"AQAB\"}",
		"eyJhbGciOiAiUlM1MTIifQ.eyJpc3MiOiAiam9lIiwgImV4cCI6IDEzMDA"
		"4MTkzODB9.WLYSDSpcq6esTN9q5QyegICh3lPDKD6EZMbRY-8WTs3x5u86"
		"NVro-DEaZGSMMJt3QBt1V81ygYx6ox98we2KMuKQSrnTUvr9JlEKzNZxV5"
		"5qme24VtHYLXuCrTcap_KqtV_wKlnegCW9kn7yZ80monOd1BD_yYI1m1FI"
		"PfDkdBV8CigTtgfSdmQRnv8FLcbor63fvHcvXxH93riOwQAMk0VIK0ctHj"
		"ybbEHLKhDddUYH9yns3SppZqVLnAEoa--rh3LYbB76m5gzyAjDvuSaS4dR"
		"dKAncHgpfrW3e5dHlVnvSTd378vhpY7lVY_WMjIaE6WZTmPSXTd-k3E9xG"
		"LLyg"},
	{"PS256",
		"{\"kty\":\"RSA\",\"n\":\"0xPDKiOnfqNZ91L-hM3sfsD9wYckKnrDO"
		"w4k02_hhKHwKU4x3PQ2sY6dEy-1De8uUwkWEe40luiAGXm6fb2graeXrh7"
		"jmi7R3pwHIANt2cU_92WqYtzFFurmh32xUhrw5g2ibHJ7v_mYdzyzGLmuN"
		"wIv3vZetg3WVPK6NtkHlaav68YDQKe4nD2yq9nSGzrH2Wbt4mtuZyC19Li"
		"GOO-0NLSJCAMgXKTSB7apTGHK9J2c7HfFcgaSmrK2M0UW9hfIfeSWeDjGE"
		"zVfBpZvu53O3_byeH2kRygZcTgssOB7fuK3uHr-BWrslu5Frw6-gwC6ERk"
		"-VL0EkHNKGV9qHe6d2Q\",\"e\":\"AQAB\"}",
		"eyJhbGciOiAiUFMyNTYifQ.eyJpc3MiOiAiam9lIiwgImV4cCI6IDEzMDA"
		"4MTkzODB9.lPdDobjbiSo-dlJCwblTwkwGtrBN2kXih9hi1tMx5fIJuHH4"
		"JA2uRw8XD6_QYyQVPq8lTk3mHcjRZ2DI1FZbB-rsygU7OBULTSIg7b-6n7"
		"q0kjx10maaeyu-vsbjUrDLUeYnFApTcunhWyJTJwKR8guTm6yJdUFToBfJ"
		"Tpc5omoMCkvAfzbWuJd789e8Hz2zXoA4ejIkm2-0DblK1-pY6HpJV9FV6W"
		"oYpUzPhKI6bkI963OVGenMYU2ThEsq0X0LhKrbeMn2W513OYGfmUI0QCMx"
		"2PiOHtosPmLx_PqWkwTfaIKb_dyWoB3xZWpbFUy1LzanUGUzTzy69Ig1br"
		"zq6g"},
	{"PS384",
		"{\"kty\":\"RSA\",\"n\":\"0xPDKiOnfqNZ91L-hM3sfsD9wYckKnrDO"
		"w4k02_hhKHwKU4x3PQ2sY6dEy-1De8uUwkWEe40luiAGXm6fb2graeXrh7"
		"jmi7R3pwHIANt2cU_92WqYtzFFurmh32xUhrw5g2ibHJ7v_mYdzyzGLmuN"
		"wIv3vZetg3WVPK6NtkHlaav68YDQKe4nD2yq9nSGzrH2Wbt4mtuZyC19Li"
		"GOO-0NLSJCAMgXKTSB7apTGHK9J2c7HfFcgaSmrK2M0UW9hfIfeSWeDjGE"
		"zVfBpZvu53O3_byeH2kRygZcTgssOB7fuK3uHr-BWrslu5Frw6-gwC6ERk"
		"-VL0EkHNKGV9qHe6d2Q\",\"e\":\"AQAB\"}",
		"eyJhbGciOiAiUFMzODQifQ.eyJpc3MiOiAiam9lIiwgImV4cCI6IDEzMDA"
		"4MTkzODB9.FuXGMIdZQq70nmVbky3moTiBz64L0Flwoni6JU4LzrePxx0g"
		"RCz_7D2pLezAgog65vJsQ0MutXow4BNbGikkL2MuZh7pebSvkal2g4Mbl8"
		"mq42E8QMvAK34Z2EeVKpH3gZZtVXFXoZwV1uFDeca8OanZ07OI06lPMpa_"
		"ZJ4E01vXOPXoQjoYhKqB8k7GGmuXp6z6gi4PDntwO-7RPRHTaidu2ZOhH1"
		"XJcQm9LYi-U0XKB-1xt-8zO7MpLvsDrLIrBa594fzZ-Q1y6s60D-KODKHY"
		"lmbkvnlVw8aUgE_lTZE4_QA6fYUef0cTvVTq3-8vXhfcULOfgcPnkPFusf"
		"Hc1Q"},
	{"PS512",
		"{\"kty\":\"RSA\",\"n\":\"0xPDKiOnfqNZ91L-hM3sfsD9wYckKnrDO"
		"w4k02_hhKHwKU4x3PQ2sY6dEy-1De8uUwkWEe40luiAGXm6fb2graeXrh7"
		"jmi7R3pwHIANt2cU_92WqYtzFFurmh32xUhrw5g2ibHJ7v_mYdzyzGLmuN"
		"wIv3vZetg3WVPK6NtkHlaav68YDQKe4nD2yq9nSGzrH2Wbt4mtuZyC19Li"
		"GOO-0NLSJCAMgXKTSB7apTGHK9J2c7HfFcgaSmrK2M0UW9hfIfeSWeDjGE"
		"zVfBpZvu53O3_byeH2kRygZcTgssOB7fuK3uHr-BWrslu5Frw6-gwC6ERk"
		"-VL0EkHNKGV9qHe6d2Q\",\"e\":\"AQAB\"}",
		"eyJhbGciOiAiUFM1MTIifQ.eyJpc3MiOiAiam9lIiwgImV4cCI6IDEzMDA"
		"4MTkzODB9.H6WmD6gxMvRh5aAZbN2e9WiMzlGBHX-4ZqpNzAyKY-PCxsrL"
		"JS_AXwcHPz_mOc_mCjqZTeetjk64200hBpxzidu-FjuxyuXFTlL9SOW4un"
		"GYAhI6SvwGrmE8xDz-nz__ByQnqHuVwlvgYeMR4222OXBBzn7aRWABjKv4"
		"mzLmBB6X_RljEaIEs6twtf5-giZ1GKt1n4kx7PfafLOei9SGQ2WXpQPG0x"
		"2xNudL_YTC0sM7nEdRomRmidq0khJEZYaJWG-c2VZ-93YXJU8h8CK_sw6K"
		"3_CdKAH1eSKDFZE7yrhbLjdZpuPGJ_HKtKTEJXMEZlbXZvnTy3438m4qRe"
		"RpvQ"},
	{"ES384",
		"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"dLBTgKHDcYyzhhVq"
		"wrIUaIRJwVAUvq6Jujh68paqlxkfKT8XbMaTZ2YaRYJ6x84W\",\"y\":"
		"\"Kj8yWnRhX5uhYMIDQJL-Kl9q0XqTEi4nGW2iFTEclRxr79qoSEdWlc42"
		"KzaUUNQG\"}",
		"eyJhbGciOiAiRVMzODQifQ.eyJpc3MiOiAiam9lIiwgImV4cCI6IDEzMDA"
		"4MTkzODB9.opIgzcHMOMRZTO905y3dXFbTVDT4t3vJVzqocXsBeKsaCLqF"
		"Hg8CQkcoK7F1us_j8jZRlCzYORVhO1tz6SuyzCFXeu3xVx1WDvPFz4l8bZ"
		"L0cIKezByoW_QY3s9Jop-N"},
	{"EdDSA, the key of RFC 8037 A.1",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS"
		"_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		"eyJhbGciOiAiRWREU0EifQ.eyJpc3MiOiAiam9lIiwgImV4cCI6IDEzMDA"
		"4MTkzODB9.rnT9hx02CP51VYXESoF4HljCMYnYOWy4gTJuTH-TJQtXPcvz"
		"9LTYc2VJRURZmPEgpyuT1ORFgHXfxFaVIvnVBQ"},
};

#define VECTORS_NOW 1300819000

static struct jwt_keys *keys_of(const char *jwk)
{
	char *json = xasprintf("{\"keys\":[%s]}", jwk);
	struct jwt_keys *keys;
	size_t skipped;

	assert_ok(jwt_keys_parse(str_c(json), &keys, &skipped));
	free(json);
	return keys;
}

/* Is the name "joe" when the issuer is taken for one. */
static enum err verify_joe(str token, const struct jwt_keys *keys)
{
	struct jwt_expected x = {.issuer = STR("joe"),
		.name_claim = STR("iss"),
		.now = VECTORS_NOW};
	struct jwt_claims claims;
	const char *why;
	enum err e = jwt_verify(token, keys, &x, &claims, &why);

	assert_int_equal(e == OK, *why == '\0');
	if (e)
		return e;
	assert_str(buf_str(&claims.name), "joe");
	assert_int_equal(claims.expires, 1300819380);
	jwt_claims_fini(&claims);
	return OK;
}

static void verifies_the_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		struct jwt_keys *keys = keys_of(vectors[i].key);

		if (verify_joe(str_c(vectors[i].token), keys) != OK)
			fail_msg("%s", vectors[i].why);
		jwt_keys_free(keys);
	}
}

/* No byte of a token may be another. */
static void notices_any_change(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		struct jwt_keys *keys = keys_of(vectors[i].key);
		char *token = xstrdup(vectors[i].token);
		size_t n = strlen(token);

		for (size_t at = 0; at < n; at += 1 + at / 16) {
			char was = token[at];

			token[at] = was == 'A' ? 'B' : 'A';
			if (verify_joe(str_c(token), keys) == OK)
				fail_msg("%s at %zu", vectors[i].why, at);
			token[at] = was;
		}
		for (size_t cut = 0; cut < n; cut += 7)
			if (verify_joe(str_of(token, cut), keys) == OK)
				fail_msg("%s cut to %zu", vectors[i].why, cut);
		free(token);
		jwt_keys_free(keys);
	}
}

/* Each token with the keys of all others. */
static void believes_its_own_key_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(vectors); i++)
		for (size_t k = 0; k < COUNT_OF(vectors); k++) {
			struct jwt_keys *keys = keys_of(vectors[k].key);
			bool same = strcmp(vectors[i].key, vectors[k].key) == 0;
			enum err e = verify_joe(str_c(vectors[i].token), keys);

			assert_int_equal(e == OK, same);
			jwt_keys_free(keys);
		}
}

/* RFC 8037 appendix A.4, whose payload is no JSON. */
static void ed25519_example(void **state)
{
	const struct jwt_algorithm *a = jwt_algorithm_find("EdDSA");
	struct jwt_keys *keys =
		keys_of("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
			"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}");
	str input = STR("eyJhbGciOiJFZERTQSJ9."
			"RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
	struct buf signature = BUF_UNBOUNDED;

	(void)state;
	assert_ok(base64_decode_url(&signature,
		STR("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iy"
		    "lGjg5BhVsPt9g7sVvpAr_MuM0KAg")));
	assert_true(
		jwt_key_verify(&keys->keys[0], a, input, buf_str(&signature)));
	signature.p[40] ^= 1;
	assert_false(
		jwt_key_verify(&keys->keys[0], a, input, buf_str(&signature)));
	buf_fini(&signature);
	jwt_keys_free(keys);
}

/* -------- headers and claims, signed here -------- */

#define SECRET "0123456789abcdef0123456789abcdef"
/* base64url of it */
#define OCT_K "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
#define OCT_KEY "{\"kty\":\"oct\",\"k\":\"" OCT_K "\",\"kid\":\"one\"}"
#define HEADER "{\"alg\":\"HS256\"}"

static void sign(str header, str payload, str secret, struct buf *out)
{
	unsigned char mac[32];

	base64_add_url(out, header);
	buf_add_byte(out, '.');
	base64_add_url(out, payload);
	assert_non_null(HMAC(EVP_sha256(), secret.p, (int)secret.n,
		(unsigned char *)out->p, out->n, mac, NULL));
	buf_add_byte(out, '.');
	base64_add_url(out, str_of((char *)mac, sizeof mac));
}

static void headers(void **state)
{
	static const struct {
		const char *header;
		enum err expected;
		const char *why;
	} rows[] = {
		{HEADER, OK, "the least"},
		{"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", OK, "usual"},
		{"{\"alg\":\"HS256\",\"typ\":\"at+JWT\"}", OK, "RFC 9068"},
		{"{\"alg\":\"HS256\",\"kid\":\"one\"}", OK, "kid"},
		{"{\"alg\":\"HS256\",\"jku\":\"https://x/\"}", OK,
			"key in the token is not looked at"},
		{"{\"alg\":\"HS256\",\"kid\":\"two\"}", ERR_NOTFOUND,
			"unknown kid"},
		{"{\"alg\":\"HS256\",\"kid\":1}", ERR_INVALID,
			"kid is no string"},
		{"{\"alg\":\"RS256\"}", ERR_NOTFOUND, "no key of that kind"},
		{"{\"alg\":\"HS384\"}", ERR_INVALID, "not one of ours"},
		{"{\"alg\":\"hs256\"}", ERR_INVALID, "case"},
		{"{\"alg\":\"none\"}", ERR_INVALID, "none"},
		{"{\"alg\":\"\"}", ERR_INVALID, "empty"},
		{"{\"alg\":null}", ERR_INVALID, "null"},
		{"{}", ERR_INVALID, "no algorithm"},
		{"{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}", ERR_INVALID,
			"for something else"},
		{"{\"alg\":\"HS256\",\"typ\":1}", ERR_INVALID, "typ"},
		{"{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}",
			ERR_INVALID, "crit"},
		{"{\"alg\":\"HS256\",\"b64\":false}", ERR_INVALID, "b64"},
		{"{\"alg\":\"none\",\"alg\":\"HS256\"}", ERR_INVALID, "twice"},
		{"{\"alg\":\"HS256\"} ", OK, "blank at the end"},
		{"{\"alg\":\"HS256\"}x", ERR_INVALID, "more at the end"},
		{"[\"HS256\"]", ERR_INVALID, "no object"},
		{"\"HS256\"", ERR_INVALID, "a string"},
		{"", ERR_INVALID, "empty"},
		{"{\"alg\":\"HS256\",\"x\":[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}",
			ERR_INVALID, "deep"},
		{"{\"alg\":\"HS256\",\"x\":\"[[[[[[[[[[[[[[[[[\\\"[[\"}", OK,
			"brackets in a string"},
	};
	struct jwt_keys *keys = keys_of(OCT_KEY);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf token = BUF_UNBOUNDED;
		enum err e;

		sign(str_c(rows[i].header),
			STR("{\"iss\":\"joe\",\"exp\":1300819380}"),
			STR(SECRET), &token);
		e = verify_joe(buf_str(&token), keys);
		if (e != rows[i].expected)
			fail_msg("%s: %s", rows[i].why, err_words(e));
		buf_fini(&token);
	}
	jwt_keys_free(keys);
}

static void forms(void **state)
{
	static const char *const rows[] = {"", ".", "..", "...", "e30.e30",
		"e30.e30.", "e30.e30.AA.AA", "e30.e30.A", "e30=.e30.AAAA",
		"eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiJ9..AAAA",
		"eyJhbGciOiJIUzI1NiJ9.e30 .AAAA", "a b"};
	struct jwt_keys *keys = keys_of(OCT_KEY);
	char *longest = xcalloc(1, JWT_TOKEN_MAX + 2);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_not_equal(verify_joe(str_c(rows[i]), keys), OK);
	memset(longest, 'A', JWT_TOKEN_MAX + 1);
	assert_int_equal(verify_joe(str_c(longest), keys), ERR_INVALID);
	free(longest);
	jwt_keys_free(keys);
}

/* What has a public key must not be HMACed with it, in whatever form it is
 * taken for a secret. */
static void public_keys_are_no_secrets(void **state)
{
	static const char key[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
				  "\"" OCT_K "\"}";
	struct jwt_keys *keys = keys_of(key);
	struct buf token = BUF_UNBOUNDED;

	(void)state;
	assert_int_equal(jwt_keys_count(keys), 1);
	sign(STR(HEADER), STR("{\"iss\":\"joe\",\"exp\":1300819380}"),
		STR(SECRET), &token);
	assert_int_equal(verify_joe(buf_str(&token), keys), ERR_NOTFOUND);
	buf_fini(&token);
	jwt_keys_free(keys);
}

static void claims(void **state)
{
	static const struct {
		const char *claims;
		enum err expected;
		const char *name, *why;
	} rows[] = {
#define GOOD "\"iss\":\"https://id\",\"aud\":\"mail\",\"scope\":\"a imap\""
		{"{" GOOD ",\"exp\":2000,\"sub\":\"ann\"}", OK, "ann", "good"},
		{"{" GOOD ",\"exp\":2000.5,\"sub\":\"ann\"}", OK, "ann",
			"a date that is not whole"},
		{"{" GOOD ",\"exp\":971,\"sub\":\"ann\"}", OK, "ann",
			"within the leeway"},
		{"{" GOOD ",\"exp\":970,\"sub\":\"ann\"}", ERR_EXPIRED, 0,
			"beyond it"},
		{"{" GOOD ",\"exp\":-5,\"sub\":\"ann\"}", ERR_EXPIRED, 0,
			"before 1970"},
		{"{" GOOD ",\"sub\":\"ann\"}", ERR_INVALID, 0, "no exp"},
		{"{" GOOD ",\"exp\":\"2000\",\"sub\":\"ann\"}", ERR_INVALID, 0,
			"a date in quotes"},
		{"{" GOOD ",\"exp\":1e300,\"sub\":\"ann\"}", ERR_INVALID, 0,
			"out of range"},
		{"{" GOOD ",\"exp\":99999999999999999999,\"sub\":\"ann\"}",
			ERR_INVALID, 0, "overflow"},
		{"{" GOOD ",\"exp\":2000,\"nbf\":1030,\"sub\":\"ann\"}", OK,
			"ann", "nbf within the leeway"},
		{"{" GOOD ",\"exp\":2000,\"nbf\":1031,\"sub\":\"ann\"}",
			ERR_AGAIN, 0, "nbf beyond it"},
		{"{" GOOD ",\"exp\":2000,\"nbf\":\"1\",\"sub\":\"ann\"}",
			ERR_INVALID, 0, "nbf in quotes"},
		{"{" GOOD ",\"exp\":2000,\"iat\":1031,\"sub\":\"ann\"}",
			ERR_AGAIN, 0, "issued tomorrow"},
		{"{" GOOD ",\"exp\":2000,\"iat\":[],\"sub\":\"ann\"}",
			ERR_INVALID, 0, "iat is no number"},
		{"{" GOOD ",\"exp\":2000}", ERR_INVALID, 0, "no name"},
		{"{" GOOD ",\"exp\":2000,\"sub\":\"\"}", ERR_INVALID, 0,
			"empty name"},
		{"{" GOOD ",\"exp\":2000,\"sub\":7}", ERR_INVALID, 0,
			"a number"},
		{"{" GOOD ",\"exp\":2000,\"sub\":\"a\\nb\"}", ERR_INVALID, 0,
			"line break"},
		{"{" GOOD ",\"exp\":2000,\"sub\":\"a\\u0000b\"}", ERR_INVALID,
			0, "NUL"},
		{"{" GOOD ",\"exp\":2000,\"sub\":\"ann\",\"sub\":\"bob\"}",
			ERR_INVALID, 0, "two names"},
		{"{\"iss\":\"https://id\",\"aud\":[\"x\",\"mail\"],"
		 "\"scp\":[\"imap\"],\"exp\":2000,\"sub\":\"ann\"}",
			OK, "ann", "lists"},
		{"{\"iss\":\"https://id\",\"aud\":[\"x\",\"mailx\"],"
		 "\"scp\":[\"imap\"],\"exp\":2000,\"sub\":\"ann\"}",
			ERR_AUTH, 0, "others are meant"},
		{"{\"iss\":\"https://id\",\"aud\":{\"mail\":1},"
		 "\"scp\":[\"imap\"],\"exp\":2000,\"sub\":\"ann\"}",
			ERR_AUTH, 0, "an object"},
		{"{\"iss\":\"https://id\",\"scope\":\"imap\","
		 "\"exp\":2000,\"sub\":\"ann\"}",
			ERR_AUTH, 0, "nobody is meant"},
		{"{\"iss\":\"https://id/\",\"aud\":\"mail\","
		 "\"scope\":\"imap\",\"exp\":2000,\"sub\":\"ann\"}",
			ERR_AUTH, 0, "an issuer that looks alike"},
		{"{\"aud\":\"mail\",\"scope\":\"imap\",\"exp\":2000,"
		 "\"sub\":\"ann\"}",
			ERR_AUTH, 0, "no issuer"},
		{"{\"iss\":\"https://id\",\"aud\":\"mail\","
		 "\"scope\":\"imap4 smtp\",\"exp\":2000,\"sub\":\"ann\"}",
			ERR_DENIED, 0, "other scopes"},
		{"{\"iss\":\"https://id\",\"aud\":\"mail\",\"exp\":2000,"
		 "\"sub\":\"ann\"}",
			ERR_DENIED, 0, "no scope"},
		{"not JSON", ERR_INVALID, 0, "not JSON"},
	};
	struct jwt_keys *keys = keys_of(OCT_KEY);
	struct jwt_expected x = {.issuer = STR("https://id"),
		.audience = STR("mail"),
		.scope = STR("imap"),
		.now = 1000,
		.leeway = 30};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf token = BUF_UNBOUNDED;
		struct jwt_claims c;
		const char *why;
		enum err e;

		sign(STR(HEADER), str_c(rows[i].claims), STR(SECRET), &token);
		e = jwt_verify(buf_str(&token), keys, &x, &c, &why);
		if (e != rows[i].expected)
			fail_msg("%s: %s", rows[i].why, why);
		if (!e) {
			assert_str(buf_str(&c.name), rows[i].name);
			assert_str(buf_str(&c.subject), "ann");
			jwt_claims_fini(&c);
		}
		buf_fini(&token);
	}
	jwt_keys_free(keys);
}

static void names(void **state)
{
	static const struct {
		const char *claim, *claims;
		enum err expected;
		const char *name, *why;
	} rows[] = {
		{"email", "\"email\":\"a@b\"", OK, "a@b", "an address"},
		{"email", "\"email\":\"a@b\",\"email_verified\":true", OK,
			"a@b", "verified"},
		{"email", "\"email\":\"a@b\",\"email_verified\":false",
			ERR_DENIED, 0, "unverified"},
		{"email", "\"email\":\"a@b\",\"email_verified\":\"no\"",
			ERR_DENIED, 0, "not true"},
		{"preferred_username", "\"preferred_username\":\"ann\"", OK,
			"ann", "Keycloak"},
		{"email", "\"sub\":\"ann\"", ERR_INVALID, 0,
			"not another claim in its place"},
		{"", "\"sub\":\"ann\",\"email_verified\":false", OK, "ann",
			"sub is no address"},
		{"a claim whose name is longer than any claim's name that "
		 "there "
		 "is in the world",
			"\"sub\":\"ann\"", ERR_INVALID, 0, "long"},
	};
	struct jwt_keys *keys = keys_of(OCT_KEY);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct jwt_expected x = {
			.name_claim = str_c(rows[i].claim), .now = 1000};
		struct buf token = BUF_UNBOUNDED, json = BUF_UNBOUNDED;
		struct jwt_claims c;
		const char *why;
		enum err e;

		buf_addf(&json, "{\"exp\":2000,%s}", rows[i].claims);
		sign(STR(HEADER), buf_str(&json), STR(SECRET), &token);
		e = jwt_verify(buf_str(&token), keys, &x, &c, &why);
		if (e != rows[i].expected)
			fail_msg("%s: %s", rows[i].why, why);
		if (!e) {
			assert_str(buf_str(&c.name), rows[i].name);
			jwt_claims_fini(&c);
		}
		buf_fini(&token);
		buf_fini(&json);
	}
	jwt_keys_free(keys);
}

/* -------- sets of keys -------- */

#define P256                                                                   \
	"\"kty\":\"EC\",\"crv\":\"P-256\","                                    \
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","               \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""

static void sets(void **state)
{
	static const struct {
		const char *json;
		enum err expected;
		size_t count, skipped;
		const char *why;
	} rows[] = {
		{"{\"keys\":[]}", OK, 0, 0, "empty"},
		{"{\"keys\":[{" P256 "},{" P256 ",\"use\":\"sig\"}]}", OK, 2, 0,
			"two"},
		{"{\"keys\":[{" P256 ",\"alg\":\"ES256\"}],\"x\":1}", OK, 1, 0,
			"alg"},
		{"{\"keys\":[{" P256 ",\"key_ops\":[\"verify\"]}]}", OK, 1, 0,
			"key_ops"},
		{"{\"keys\":[{" P256 ",\"d\":\"AA\"}]}", OK, 1, 0,
			"the secret half is not looked at"},
		{"{\"keys\":[{" P256 ",\"use\":\"enc\"}]}", OK, 0, 1,
			"for encryption"},
		{"{\"keys\":[{" P256 ",\"key_ops\":[\"sign\"]}]}", OK, 0, 1,
			"to sign"},
		{"{\"keys\":[{" P256 ",\"alg\":\"RS256\"}]}", OK, 0, 1,
			"of another kind"},
		{"{\"keys\":[{" P256 ",\"alg\":\"HS256\"}]}", OK, 0, 1,
			"public, and HMAC"},
		{"{\"keys\":[{" P256 ",\"kid\":3}]}", OK, 0, 1, "kid"},
		{"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
		 "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		 "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"}]}",
			OK, 0, 1, "not base64url: unused bits"},
		{"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
		 "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		 "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}]}",
			OK, 0, 1, "not on the curve"},
		{"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-521\","
		 "\"x\":\"AA\",\"y\":\"AA\"}]}",
			OK, 0, 1, "another curve"},
		{"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"sXchDaQebHnPiGvyDOAT4saG"
		 "EUetSyo9MKLOoWFsueri23bOdgWp4Dy1WlUzewbgBHod5pcM9H95GQRV3JDXb"
		 "o"
		 "IRROSBigeC5yjU1hGzHHyXss8UDprecbAYxknTcQkhslANGRUZmdTOQ5qTRsL"
		 "A"
		 "t6BTYuyvVRdhS8exSZEy_c4gs_7svlJJQ4H9_NxsiIoLwAEk7-Q3UXERGYw_"
		 "75"
		 "IDrGA84-lA\",\"e\":\"AQAB\"}]}",
			OK, 0, 1, "a short RSA key"},
		{"{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}]}", OK, 0, 1,
			"a short secret"},
		{"{\"keys\":[1,null,[],{},{\"kty\":1},{\"kty\":\"X\"}]}", OK, 0,
			6, "no keys"},
		{"{\"keys\":{}}", ERR_INVALID, 0, 0, "no list"},
		{"{}", ERR_INVALID, 0, 0, "no member"},
		{"{" P256 "}", ERR_INVALID, 0, 0, "a key alone"},
		{"[]", ERR_INVALID, 0, 0, "no object"},
		{"", ERR_INVALID, 0, 0, "empty"},
		{"{\"keys\":[],\"keys\":[]}", ERR_INVALID, 0, 0, "twice"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct jwt_keys *keys;
		size_t skipped;
		enum err e =
			jwt_keys_parse(str_c(rows[i].json), &keys, &skipped);

		if (e != rows[i].expected || skipped != rows[i].skipped ||
			(!e && jwt_keys_count(keys) != rows[i].count))
			fail_msg("%s: %zu skipped", rows[i].why, skipped);
		jwt_keys_free(keys);
	}
}

static void many_keys(void **state)
{
	struct buf json = BUF_UNBOUNDED;
	struct jwt_keys *keys;
	size_t skipped;

	(void)state;
	buf_add_c(&json, "{\"keys\":[");
	for (int i = 0; i < JWT_KEYS_COUNT_MAX + 3; i++)
		buf_addf(&json, "%s%s", i ? "," : "", OCT_KEY);
	buf_add_c(&json, "]}");
	assert_ok(jwt_keys_parse(buf_str(&json), &keys, &skipped));
	assert_int_equal(jwt_keys_count(keys), JWT_KEYS_COUNT_MAX);
	assert_int_equal(skipped, 3);
	jwt_keys_free(keys);
	while (json.n <= JWT_KEYS_MAX)
		buf_add_byte(&json, ' ');
	assert_int_equal(
		jwt_keys_parse(buf_str(&json), &keys, &skipped), ERR_TOOBIG);
	buf_fini(&json);
}

/* A key that says what it is for is for nothing else. */
static void key_says_its_algorithm(void **state)
{
	struct jwt_keys *keys;
	char *jwk;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		bool ps256 = strcmp(vectors[i].why, "PS256") == 0;

		if (strncmp(vectors[i].why, "PS", 2) != 0 &&
			strncmp(vectors[i].why, "RS", 2) != 0)
			continue;
		jwk = xasprintf("{\"alg\":\"PS256\",%s", vectors[i].key + 1);
		keys = keys_of(jwk);
		assert_int_equal(verify_joe(str_c(vectors[i].token), keys),
			ps256 ? OK : ERR_NOTFOUND);
		jwt_keys_free(keys);
		free(jwk);
	}
}

/* RFC 7662 section 2.2. */
static void introspection(void **state)
{
	static const struct {
		const char *json;
		enum err err;
		const char *why;
	} rows[] = {
		{"{\"active\":true,\"username\":\"joe\",\"exp\":2000}", OK,
			"good"},
		{"{\"active\":true,\"username\":\"joe\"}", OK,
			"exp is optional here"},
		{"{\"active\":false}", ERR_AUTH, "not active"},
		{"{\"active\":\"true\",\"username\":\"joe\"}", ERR_INVALID,
			"a string is no boolean"},
		{"{\"username\":\"joe\"}", ERR_INVALID, "no verdict"},
		{"{\"active\":false,\"active\":true,\"username\":\"joe\"}",
			ERR_INVALID, "two verdicts"},
		{"{\"active\":true,\"username\":\"joe\",\"exp\":1000}",
			ERR_EXPIRED, "active, it says"},
		{"{\"active\":true,\"username\":\"joe\",\"aud\":\"web\"}", OK,
			"any audience"},
		{"{\"active\":true}", ERR_INVALID, "whose?"},
		{"[true]", ERR_INVALID, "no object"},
		{"<html>", ERR_INVALID, "no JSON"},
		{"", ERR_INVALID, "nothing"},
	};
	const struct jwt_expected x = {.name_claim = STR("username"),
		.issuer = STR(""),
		.audience = STR(""),
		.scope = STR(""),
		.now = 1500};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct jwt_claims c;
		const char *why;
		enum err e = jwt_introspection_read(
			str_c(rows[i].json), &x, &c, &why);

		if (e != rows[i].err)
			fail_msg("%s: %s", rows[i].json, rows[i].why);
		if (!e) {
			assert_str(buf_str(&c.name), "joe");
			jwt_claims_fini(&c);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifies_the_vectors),
		cmocka_unit_test(notices_any_change),
		cmocka_unit_test(believes_its_own_key_only),
		cmocka_unit_test(ed25519_example),
		cmocka_unit_test(headers),
		cmocka_unit_test(forms),
		cmocka_unit_test(public_keys_are_no_secrets),
		cmocka_unit_test(claims),
		cmocka_unit_test(names),
		cmocka_unit_test(sets),
		cmocka_unit_test(many_keys),
		cmocka_unit_test(key_says_its_algorithm),
		cmocka_unit_test(introspection),
	};

	return cmocka_run_group_tests_name("jwt", tests, NULL, NULL);
}
