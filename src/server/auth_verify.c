/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password.h"
#include "base/alloc.h"
#include "server/auth_role.h"

static struct auth_verdict refuse(
	enum err e, const char *reason, const char *told)
{
	return (struct auth_verdict){.err = e, .reason = reason, .told = told};
}

/* RFC 4616 section 2: the authorization identity, when there is one, must be
 * one that this account may act as: itself. */
static bool may_act_as(const struct account *account, str authzid)
{
	struct buf prepared = BUF_UNBOUNDED;
	bool may = authzid.n == 0 ||
		   (account_name_prepare(authzid, &prepared) == OK &&
			   str_eq_c(buf_str(&prepared), account->name));

	buf_fini(&prepared);
	return may;
}

/* Only who has the password learns any of this. */
static struct auth_verdict check_rights(
	const struct account *account, const struct sasl *s, str protocol)
{
	if (!may_act_as(account, buf_str(&s->authzid)))
		return refuse(ERR_DENIED, "may not act as another account",
			"You may not act as another account");
	if (!account->enabled)
		return refuse(ERR_DENIED, "account is disabled",
			"This account is disabled");
	if (account->denied & account_protocol_bit(protocol))
		return refuse(ERR_DENIED, "protocol is off for the account",
			"This account may not use this protocol");
	return (struct auth_verdict){.err = OK,
		.reason = "",
		.told = "",
		.account = account->id,
		.name = xstrdup(account->name)};
}

/* Every way to fail costs the time of one verification. */
struct auth_verdict auth_verify(
	struct accounts *accounts, const struct sasl *s, str protocol)
{
	str password = str_of(s->password.p, s->password.n);
	struct auth_verdict verdict;
	struct account account;
	enum err e = accounts_get(accounts, buf_str(&s->authcid), &account);

	if (e == ERR_NOTFOUND || e == ERR_INVALID) {
		password_verify_nobody(password);
		return refuse(ERR_AUTH, "unknown account", "");
	}
	if (e)
		return refuse(ERR_UNAVAILABLE, "accounts cannot be read",
			"Temporary failure, try again later");
	e = password_verify(password, account.hash);
	if (e == ERR_UNSUPPORTED) {
		password_verify_nobody(password);
		verdict =
			refuse(ERR_AUTH, "account has no usable password", "");
	} else if (e) {
		verdict = refuse(ERR_AUTH, "wrong password", "");
	} else {
		verdict = check_rights(&account, s, protocol);
	}
	account_fini(&account);
	return verdict;
}
