/* SPDX-License-Identifier: Apache-2.0 */
/* An address that can be taken can be written and taken again, as the same;
 * and whoever it may be, looking for its account ends well. */
#include "auth/recipient.h"
#include "auth/resolve.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct accounts *accounts;
static struct resolve_rules *rules;

static void add_account(const char *name)
{
	struct account account = {
		.name = strdup(name), .enabled = true, .detail = true};

	if (accounts_add(accounts, &account))
		abort();
	account_fini(&account);
}

static void begin(void)
{
	str ann = STR("ann");
	size_t which;

	if (accounts)
		return;
	if (accounts_open(":memory:", &accounts))
		abort();
	rules = resolve_rules_new("example.org", "ann", "+-");
	add_account("ann");
	add_account("bob@example.org");
	if (alias_add(accounts, STR("@c.example"), &ann, 1, &which) ||
		alias_add(accounts, STR("\"a b\"@c.example"), &ann, 1, &which))
		abort();
}

static void check_key(str input)
{
	struct buf once = BUF_UNBOUNDED, printed = BUF_UNBOUNDED,
		   twice = BUF_UNBOUNDED;
	struct recipient r;

	recipient_init(&r);
	if (recipient_parse(&r, input, true) == OK &&
		recipient_key(&r, buf_str(&r.local), &once) == OK) {
		recipient_print_key(buf_str(&once), &printed);
		/* what was mapped may have grown past the bound */
		if (printed.n <= RECIPIENT_MAX &&
			(recipient_parse(&r, buf_str(&printed), true) != OK ||
				recipient_key(&r, buf_str(&r.local), &twice) !=
					OK ||
				!str_eq(buf_str(&once), buf_str(&twice))))
			abort();
	}
	recipient_fini(&r);
	buf_fini(&once);
	buf_fini(&twice);
	buf_fini(&printed);
}

static bool is_name(str name, void *arg)
{
	(void)arg;
	if (name.n == 0 || name.n > ACCOUNT_NAME_MAX)
		abort();
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = str_of((const char *)data, size);
	struct resolved found;
	enum err e;

	begin();
	check_key(input);
	resolve_each_name(rules, input, is_name, NULL);
	e = accounts_resolve(accounts, rules, input, ACCOUNT_LMTP, &found);
	if ((e == OK) != (found.count > 0) ||
		(e && e != ERR_INVALID && e != ERR_NOTFOUND))
		abort();
	resolved_fini(&found);
	return 0;
}
