/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/alias.h"
#include "base/alloc.h"
#include "base/log.h"
#include "server/auth_commands.h"

#include <stdlib.h>

/* The request's "accounts", as strings of the request. */
struct names {
	str *list;
	size_t count;
};

static enum err take_names(struct control_call *call, struct names *names_r)
{
	const json_t *all = json_object_get(control_request(call), "accounts");
	size_t count = json_array_size(all);

	*names_r = (struct names){xcalloc(count + 1, sizeof(str)), count};
	for (size_t i = 0; i < count; i++) {
		const json_t *name = json_array_get(all, i);

		if (!json_is_string(name))
			return control_fail(call, ERR_INVALID,
				"accounts are named by strings");
		names_r->list[i] = str_of(
			json_string_value(name), json_string_length(name));
	}
	return OK;
}

static enum err fail_alias(struct control_call *call, enum err e,
	const char *address, const struct names *names, size_t which,
	bool removing)
{
	switch (e) {
	case OK:
		return OK;
	case ERR_INVALID:
		return control_fail(call, e,
			"\"%s\" is not an address: write local@domain, "
			"@domain for what the domain has nobody for, or a "
			"local part alone for every domain",
			address);
	case ERR_EXISTS:
		return control_fail(call, e,
			"there is an account %s, which gets its own mail",
			address);
	case ERR_LIMIT:
		return control_fail(call, e,
			"%s would have more than %d accounts", address,
			ALIAS_ACCOUNTS_MAX);
	case ERR_NOTFOUND:
		if (which == names->count)
			return control_fail(
				call, e, "there is no alias %s", address);
		if (removing)
			return control_fail(call, e, "%s does not go to %.*s",
				address, STR_ARG(names->list[which]));
		return control_fail(call, e, "there is no account %.*s",
			STR_ARG(names->list[which]));
	default:
		return control_fail(
			call, e, "alias %s: %s", address, err_words(e));
	}
}

typedef enum err change_fn(struct accounts *, str address, const str *accounts,
	size_t count, size_t *which_r);

static enum err change(struct control_call *call, struct auth_context *auth,
	change_fn *fn, const char *what)
{
	const char *address = control_string(call, "address");
	struct names names;
	size_t which;
	enum err e = take_names(call, &names);

	if (!e && !address)
		e = control_fail(call, ERR_INVALID, "which address?");
	if (!e) {
		e = fn(auth->accounts, str_c(address), names.list, names.count,
			&which);
		e = fail_alias(
			call, e, address, &names, which, fn == alias_remove);
	}
	for (size_t i = 0; !e && i < names.count; i++)
		log_info("auth", what, LOG_C("address", address),
			LOG_STR("account", names.list[i]));
	if (!e && names.count == 0)
		log_info("auth", what, LOG_C("address", address));
	free(names.list);
	return e;
}

enum err auth_alias_add(struct control_call *call, void *ctx)
{
	if (json_array_size(
		    json_object_get(control_request(call), "accounts")) == 0)
		return control_fail(
			call, ERR_INVALID, "to which account does it go?");
	return change(call, ctx, alias_add, "alias added");
}

enum err auth_alias_remove(struct control_call *call, void *ctx)
{
	return change(call, ctx, alias_remove, "alias removed");
}

static enum err tell(const struct alias *alias, void *arg)
{
	struct control_call *call = arg;
	json_t *item;

	if (control_cancelled(call))
		return ERR_CLOSED;
	item = json_pack("{s:s%, s:s%}", "alias", alias->address.p,
		alias->address.n, "account", alias->account.p,
		alias->account.n);
	return control_item(call, item);
}

enum err auth_aliases_tell(
	struct control_call *call, struct auth_context *auth, const char *whose)
{
	if (!whose)
		return alias_each(auth->accounts, tell, call);
	return alias_each_of(auth->accounts, str_c(whose), tell, call);
}

/* Of "whose", an address or account; without it all. */
enum err auth_alias_list(struct control_call *call, void *ctx)
{
	return auth_aliases_tell(call, ctx, control_string(call, "whose"));
}
