/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What verifying costs, as a hash's own parameters tell, in percent of a new
 * hash (yescrypt with 16 MiB: 24 ms where these were measured). Wrong by a
 * factor of two on another processor, which is good enough for both uses: to
 * see what is cheap, and what is absurd.
 */
#include "auth/password_form.h"
#include "base/alloc.h"
#include "base/cursor.h"

#include <crypt.h>

/* crypt(3)'s digits, by value; -1. */
static int digit64(int c)
{
	static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz";
	const char *at = c > 0 ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* A digit of yescrypt's that stands for min + its value: larger numbers take
 * several, and begin with one above 47. */
static uint64_t small_number(struct cursor *c, unsigned min)
{
	str digit = cursor_take(c, 1);
	int value = digit.n ? digit64(digit.p[0]) : -1;

	if (value < 0 || value > 47) {
		cursor_fail(c, ERR_UNSUPPORTED, "a small number");
		return 0;
	}
	return min + (unsigned)value;
}

static uint64_t power_of_two(uint64_t exponent)
{
	return (uint64_t)1 << (exponent < 40 ? exponent : 40);
}

static bool memory_hard(
	uint64_t log_n, uint64_t r, uint64_t p, struct password_cost *pc)
{
	uint64_t blocks = power_of_two(log_n) * r;

	pc->memory = 128 * blocks;
	pc->cost = PASSWORD_COST_NEW * blocks * p / (4096 * 32);
	return true;
}

/* "$y$" flavour N r "$": flavour j, and no more parameters, is all that
 * crypt_gensalt makes. */
static bool yescrypt(struct cursor *c, struct password_cost *pc)
{
	uint64_t log_n, r;

	cursor_expect(c, 'j', "the flavour");
	log_n = small_number(c, 1);
	r = small_number(c, 1);
	cursor_expect(c, '$', "the salt");
	return cursor_ok(c) && memory_hard(log_n, r, 1, pc);
}

/* So many digits, the lowest first. */
static uint64_t digits_of(struct cursor *c, size_t n)
{
	str digits = cursor_take(c, n);
	uint64_t value = 0;

	for (size_t i = digits.n; i-- > 0;) {
		int digit = digit64(digits.p[i]);

		if (digit < 0)
			cursor_fail(c, ERR_UNSUPPORTED, "a digit");
		value = value << 6 | (unsigned)(digit < 0 ? 0 : digit);
	}
	return value;
}

/* "$7$" N r p salt */
static bool scrypt(struct cursor *c, struct password_cost *pc)
{
	str digit = cursor_take(c, 1);
	int log_n = digit.n ? digit64(digit.p[0]) : -1;
	uint64_t r = digits_of(c, 5), p = digits_of(c, 5);

	return cursor_ok(c) && log_n > 0 && log_n < 32 && r > 0 && r < 1024 &&
	       p > 0 && p < 1024 && memory_hard((uint64_t)log_n, r, p, pc);
}

/* "$2b$" two digits "$" */
static bool bcrypt(struct cursor *c, struct password_cost *pc)
{
	uint64_t cost;

	if (str_to_u64(cursor_take(c, 2), 99, &cost))
		return false;
	pc->cost = PASSWORD_COST_NEW * power_of_two(cost) / 560;
	return cursor_peek(c) == '$';
}

/* Digits, and no more than the type holds. */
static uint64_t number(struct cursor *c)
{
	const char *from = c->at;
	uint64_t value = 0;

	while (c->at < c->end && ascii_is_digit(*c->at))
		c->at++;
	if (str_to_u64(
		    str_of(from, (size_t)(c->at - from)), UINT32_MAX, &value))
		cursor_fail(c, ERR_UNSUPPORTED, "a number");
	return value;
}

/* ["rounds=" number "$"] */
static uint64_t rounds_or(struct cursor *c, uint64_t usual)
{
	return cursor_accept_str(c, STR("rounds=")) ? number(c) : usual;
}

static bool sha2(struct cursor *c, struct password_cost *pc)
{
	pc->cost = rounds_or(c, 5000) / 1300;
	return cursor_ok(c);
}

/* "$sha1$" rounds "$" */
static bool sha1(struct cursor *c, struct password_cost *pc)
{
	pc->cost = number(c) / 500;
	return cursor_ok(c);
}

/* "$md5" ["," "rounds=" number] "$" */
static bool sunmd5(struct cursor *c, struct password_cost *pc)
{
	if (cursor_accept(c, ','))
		pc->cost = rounds_or(c, 0);
	pc->cost = (pc->cost + 4096) / 200;
	return cursor_ok(c);
}

static bool cheap(struct cursor *c, struct password_cost *pc)
{
	(void)c;
	pc->cost = 0;
	return true;
}

static const struct {
	str prefix;
	/* Reads the parameters behind it. */
	bool (*read)(struct cursor *, struct password_cost *);
} kinds[] = {
	{STR_LIT("$y$"), yescrypt},
	{STR_LIT("$gy$"), yescrypt},
	{STR_LIT("$7$"), scrypt},
	{STR_LIT("$2a$"), bcrypt},
	{STR_LIT("$2b$"), bcrypt},
	{STR_LIT("$2x$"), bcrypt},
	{STR_LIT("$2y$"), bcrypt},
	{STR_LIT("$5$"), sha2},
	{STR_LIT("$6$"), sha2},
	{STR_LIT("$sha1$"), sha1},
	{STR_LIT("$md5"), sunmd5},
	{STR_LIT("$1$"), cheap},
	{STR_LIT("$3$"), cheap},
};

/* The oldest kinds have no mark of their own: nearly any word is a salt to
 * crypt(3), and a password written in the place of a hash would pass.
 *	DES	two digits of salt, 11 of hash
 *	BSDi	"_", four of rounds, four of salt, 11 of hash
 */
static bool old_crypt(str hash, struct password_cost *pc)
{
	struct cursor c = cursor_of(hash);
	bool bsdi = cursor_accept(&c, '_');

	if (bsdi)
		pc->cost = digits_of(&c, 4) / 2400;
	(void)digits_of(&c, bsdi ? 4 : 2);
	(void)digits_of(&c, 11);
	return cursor_ok(&c) && cursor_done(&c);
}

bool password_cost_of_crypt(str hash, struct password_cost *pc)
{
	*pc = (struct password_cost){0};
	if (!str_starts(hash, STR("$")))
		return old_crypt(hash, pc);
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		struct cursor c = cursor_of(hash);

		if (cursor_accept_str(&c, kinds[i].prefix))
			return kinds[i].read(&c, pc);
	}
	return false;
}

/* "$argon2id$v=19$m=65536,t=3,p=1$"; the oldest have no version. */
bool password_cost_of_argon2(str hash, struct password_cost *pc)
{
	struct cursor c = cursor_of(hash);
	uint64_t m, t, lanes;

	*pc = (struct password_cost){0};
	cursor_expect(&c, '$', "a dollar sign");
	(void)cursor_until(&c, '$');
	cursor_expect(&c, '$', "a dollar sign");
	if (cursor_accept_str(&c, STR("v=")))
		(void)number(&c), cursor_expect(&c, '$', "parameters");
	if (!cursor_accept_str(&c, STR("m=")))
		return false;
	m = number(&c);
	if (!cursor_accept_str(&c, STR(",t=")))
		return false;
	t = number(&c);
	if (!cursor_accept_str(&c, STR(",p=")))
		return false;
	lanes = number(&c);
	pc->memory = m * 1024;
	pc->cost = m * t / 260;
	return cursor_ok(&c) && lanes <= 16;
}

bool password_cost_of_pbkdf2(uint64_t rounds, struct password_cost *pc)
{
	*pc = (struct password_cost){.cost = rounds / 1000};
	return rounds > 0;
}
