/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/secret.h"
#include "server/auth_private.h"

enum lookup_source_kind source_kind(unsigned word)
{
	return (enum lookup_source_kind)(word - ACCOUNT_SOURCE_PASSWD);
}

bool source_is_on(const struct auth_rules *rules, const char *source)
{
	if (!*source)
		return words_have(&rules->sources, ACCOUNT_SOURCE_BUILTIN);
	for (unsigned kind = 0; kind < LOOKUP_SOURCES; kind++)
		if (strcmp(lookup_source_names[kind], source) == 0)
			return words_have(
				&rules->sources, kind + ACCOUNT_SOURCE_PASSWD);
	return false;
}

/* What the source knows about somebody becomes a row of accounts. `name` is
 * whom we asked for, if the source has no other way to write it. */
static enum err adopt(struct auth *a, enum lookup_source_kind kind, str name,
	const struct lookup_person *person, struct account *row_r)
{
	struct accounts_outsider outsider = {
		.source = lookup_source_names[kind],
		.name = person->name.n ? buf_str(&person->name) : name,
		.has_quota = person->has_quota,
		.quota = person->quota};
	bool news = false;
	enum err e =
		accounts_adopt(a->context.accounts, &outsider, row_r, &news);

	if (news)
		a->context.changed(&a->context);
	if (e)
		log_warn("auth", "a name that a source knows is not taken",
			LOG_C("source", outsider.source),
			LOG_STR("name", outsider.name), LOG_ERR(e));
	/* Not a name for us: as if it were not there. */
	return e == ERR_INVALID ? ERR_NOTFOUND : e;
}

/* -------- proving -------- */

/* The source told a hash: it is verified here. */
static enum err verify_hash(struct exchange *x, enum lookup_source_kind kind,
	const struct lookup_person *person)
{
	str password = str_of(x->sasl.password.p, x->sasl.password.n);
	struct secret hash = secret_of(buf_str(&person->hash));
	enum err e = lane_hash(x->lane, password, hash.n ? hash.p : NULL);

	x->hashed = e != ERR_UNSUPPORTED;
	secret_fini(&hash);
	if (e == ERR_UNSUPPORTED) {
		log_warn("auth", "a source has a hash of an unknown kind",
			LOG_C("source", lookup_source_names[kind]),
			LOG_STR("account", buf_str(&x->who)));
		e = ERR_AUTH;
	}
	return e;
}

static enum err prove(struct exchange *x, enum lookup_source_kind kind,
	struct lookup_person *person)
{
	bool token = x->sasl.mechanism->bit &
		     (MECHANISM_OAUTHBEARER | MECHANISM_XOAUTH2);
	const struct secret *shown = token ? &x->sasl.token : &x->sasl.password;
	struct lookup_request request = {
		.op = token ? LOOKUP_TOKEN : LOOKUP_VERIFY,
		.source = kind,
		.name = buf_str(&x->who),
		.secret = str_of(shown->p, shown->n),
		.remote = str_c(x->remote),
		.protocol = str_c(x->protocol)};
	enum err e = lookup_call(x->auth, &request, person);

	if (e == ERR_UNSUPPORTED && !token)
		e = verify_hash(x, kind, person);
	return e;
}

enum err source_verify(struct exchange *x, enum lookup_source_kind kind,
	struct account *row_r, unsigned *denied_r)
{
	struct lookup_person person;
	enum err e;

	*row_r = (struct account){0};
	lookup_person_init(&person);
	e = prove(x, kind, &person);
	/* Refused as a wrong password is, and as late. */
	if (!e && person.disabled) {
		e = ERR_DENIED;
		x->hashed = false;
	}
	if (!e)
		e = adopt(x->auth, kind, buf_str(&x->who), &person, row_r);
	*denied_r = person.denied;
	lookup_person_fini(&person);
	return e;
}

/* -------- finding -------- */

static enum err find_outside(struct auth *a, enum lookup_source_kind kind,
	str name, str protocol, struct account *row_r,
	struct sources_switches *switches)
{
	struct lookup_request request = {.op = LOOKUP_FIND,
		.source = kind,
		.name = name,
		.secret = STR(""),
		.remote = STR(""),
		.protocol = protocol};
	struct lookup_person person;
	enum err e;

	lookup_person_init(&person);
	e = lookup_call(a, &request, &person);
	if (!e)
		e = adopt(a, kind, name, &person, row_r);
	*switches = (struct sources_switches){person.disabled, person.denied};
	lookup_person_fini(&person);
	return e;
}

enum err source_ask(struct auth *a, const struct account *row, str protocol,
	struct sources_switches *switches)
{
	enum err e = ERR_NOTFOUND;
	struct account found = {0};

	*switches = (struct sources_switches){0};
	for (unsigned kind = 0; kind < LOOKUP_SOURCES; kind++)
		if (strcmp(lookup_source_names[kind], row->source) == 0)
			e = find_outside(a, (enum lookup_source_kind)kind,
				str_c(row->name), protocol, &found, switches);
	if (!e && found.id != row->id)
		e = ERR_NOTFOUND;
	account_fini(&found);
	return e == ERR_EXISTS ? ERR_NOTFOUND : e;
}

static enum err find_in(struct auth *a, unsigned word, str name, str protocol,
	struct account *row_r, struct sources_switches *switches)
{
	enum err e;

	if (word == ACCOUNT_SOURCE_OAUTH) /* it knows tokens only */
		return ERR_NOTFOUND;
	if (word != ACCOUNT_SOURCE_BUILTIN)
		return find_outside(
			a, source_kind(word), name, protocol, row_r, switches);
	e = accounts_get(a->context.accounts, name, row_r);
	if (!e && *row_r->source) {
		account_fini(row_r);
		return ERR_NOTFOUND;
	}
	return e == ERR_INVALID ? ERR_NOTFOUND : e;
}

enum err sources_find(struct auth *a, const struct auth_rules *rules, str name,
	str protocol, struct account *row_r, struct sources_switches *switches)
{
	*row_r = (struct account){0};
	*switches = (struct sources_switches){0};
	for (size_t i = 0; i < rules->sources.count; i++) {
		enum err e = find_in(a, rules->sources.list[i], name, protocol,
			row_r, switches);

		if (e == ERR_EXISTS) /* another source's, which may follow */
			continue;
		if (e != ERR_NOTFOUND && e != ERR_UNSUPPORTED)
			return !e || e == ERR_UNAVAILABLE ? e : ERR_UNAVAILABLE;
	}
	return ERR_NOTFOUND;
}
