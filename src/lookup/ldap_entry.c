/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup/ldap_entry.h"
#include "base/secret.h"

static enum err read_name(
	const struct ldap_entry *entry, str asked, struct lookup_person *person)
{
	const struct ldap_values *names = &entry->name;

	if (!entry->want_name)
		return person_take_name(person, asked);
	if (names->count == 1)
		return person_take_name(person, names->list[0]);
	for (size_t i = 0; i < names->count; i++)
		if (str_ieq(names->list[i], asked))
			return person_take_name(person, names->list[i]);
	return ERR_INVALID;
}

static enum err read_disabled(
	const struct ldap_values *values, struct lookup_person *person)
{
	for (size_t i = 0; i < values->count; i++) {
		bool on;

		if (person_read_bool(values->list[i], &on))
			return ERR_INVALID;
		person->disabled |= on;
	}
	return OK;
}

static const unsigned all_protocols =
#define X(symbol, name, bit) ACCOUNT_##symbol |
	ACCOUNT_PROTOCOL_TABLE(X)
#undef X
		0;

/* Who has no such attribute may use everything. Words of other services than
 * mail are no concern of ours. */
static void read_services(
	const struct ldap_values *values, struct lookup_person *person)
{
	unsigned allowed = 0;

	if (!values->count)
		return;
	for (size_t i = 0; i < values->count; i++) {
		struct person_column column;

		if (!person_column_parse(values->list[i], &column) &&
			column.kind == PERSON_PROTOCOL)
			allowed |= column.protocol;
	}
	person->denied |= all_protocols & ~allowed;
}

/* A password is stored as it is (RFC 4519 section 2.41), unless it says
 * otherwise (RFC 2307 section 5.3, and the forms of crypt(5)). */
static enum err read_hash(str value, struct lookup_person *person)
{
	struct buf clear = BUF_UNBOUNDED;
	enum err e;

	if (str_starts(value, STR("{")) || str_starts(value, STR("$")))
		return person_take_hash(person, value);
	buf_add_c(&clear, "{CLEAR}");
	buf_add(&clear, value);
	e = person_take_hash(person, buf_str(&clear));
	secret_wipe(clear.p, clear.cap);
	buf_fini(&clear);
	return e;
}

enum err ldap_entry_read(const struct ldap_entry *entry, str asked,
	struct lookup_person *person, const char **wrong_r)
{
	*wrong_r = "ldap.attribute_name";
	if (read_name(entry, asked, person))
		return ERR_INVALID;
	*wrong_r = "ldap.attribute_hash";
	if (entry->hash.count && read_hash(entry->hash.list[0], person))
		return ERR_INVALID;
	*wrong_r = "ldap.attribute_quota";
	if (entry->quota.count > 1 ||
		(entry->quota.count &&
			person_take_quota(person, entry->quota.list[0], 1)))
		return ERR_INVALID;
	*wrong_r = "ldap.attribute_disabled";
	if (read_disabled(&entry->disabled, person))
		return ERR_INVALID;
	read_services(&entry->services, person);
	return OK;
}
