/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pam: the system's users, or whoever else PAM's modules know. A handle per
 * question, since libpam allows one thread each. Modules run in this process;
 * pam_unix starts unix_chkpwd, which has the role's confinement and so none of
 * its set-group-id rights: the role's user must itself be able to read
 * /etc/shadow.
 */
#include "base/alloc.h"
#include "base/log.h"
#include "base/secret.h"
#include "lookup/person.h"
#include "lookup/sources.h"

#include <pwd.h>
#include <security/pam_appl.h>
#include <stdlib.h>
#include <unistd.h>

#define PASSWD_ROOM (64 * 1024)
#define MESSAGES_MAX PAM_MAX_NUM_MSG

struct pam {
	struct lookup_source source;
	char *service, *directory;
	uint64_t first_uid, last_uid;
};

struct conversation {
	const char *password; /* NULL once it is verified */
};

/* -------- what modules ask -------- */

static void free_answers(struct pam_response *answers, int count)
{
	for (int i = 0; i < count; i++) {
		char *text = answers[i].resp;

		if (text)
			secret_wipe(text, strlen(text));
		free(text);
	}
	free(answers);
}

/* What is hidden while it is typed is the password; nobody is there to be
 * asked anything else. */
static int answer_prompt(const struct conversation *c,
	const struct pam_message *message, struct pam_response *answer_r)
{
	switch (message->msg_style) {
	case PAM_PROMPT_ECHO_OFF:
		if (!c->password)
			return PAM_CONV_ERR;
		answer_r->resp = xstrdup(c->password);
		return PAM_SUCCESS;
	case PAM_ERROR_MSG:
	case PAM_TEXT_INFO:
		return PAM_SUCCESS;
	default:
		return PAM_CONV_ERR;
	}
}

static int converse(int count, const struct pam_message **messages,
	struct pam_response **answers_r, void *arg)
{
	struct pam_response *answers;
	int r = PAM_SUCCESS;

	if (count <= 0 || count > MESSAGES_MAX)
		return PAM_CONV_ERR;
	answers = xcalloc((size_t)count, sizeof *answers);
	for (int i = 0; i < count && r == PAM_SUCCESS; i++)
		r = answer_prompt(arg, messages[i], &answers[i]);
	if (r != PAM_SUCCESS) {
		free_answers(answers, count);
		return r;
	}
	*answers_r = answers;
	return PAM_SUCCESS;
}

/* Guessing is slowed down in auth; here it would hold a thread. */
static void no_delay(int result, unsigned micros, void *arg)
{
	(void)result;
	(void)micros;
	(void)arg;
}

/* -------- the meanings of what PAM says -------- */

static enum err meaning_of(int result)
{
	switch (result) {
	case PAM_SUCCESS:
		return OK;
	case PAM_USER_UNKNOWN:
		return ERR_NOTFOUND;
	case PAM_AUTH_ERR:
	case PAM_MAXTRIES:
	case PAM_CONV_ERR: /* it wants more than a password */
		return ERR_AUTH;
	case PAM_ACCT_EXPIRED:
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_AUTHTOK_EXPIRED:
	case PAM_CRED_EXPIRED:
		return ERR_EXPIRED;
	case PAM_PERM_DENIED:
		return ERR_DENIED;
	default:
		return ERR_UNAVAILABLE;
	}
}

static enum err judge(const struct pam *p, pam_handle_t *handle, int result)
{
	enum err e = meaning_of(result);

	if (e == ERR_UNAVAILABLE)
		log_error("auth", "PAM cannot verify",
			LOG_C("service", p->service),
			LOG_C("reason", pam_strerror(handle, result)));
	return e;
}

/* -------- verifying -------- */

static int set_items(pam_handle_t *handle, str remote)
{
	str host = lookup_host(remote);
	char *text = xstrndup(host.p, host.n);
	void (*delay)(int, unsigned, void *) = no_delay;
	int r = PAM_SUCCESS;

	if (*text)
		r = pam_set_item(handle, PAM_RHOST, text);
	if (r == PAM_SUCCESS)
		r = pam_set_item(
			handle, PAM_FAIL_DELAY, (const void *)(uintptr_t)delay);
	free(text);
	return r;
}

/* Modules may have mapped the name. */
static enum err take_user(
	const pam_handle_t *handle, struct lookup_person *person_r)
{
	const void *user = NULL;

	if (pam_get_item(handle, PAM_USER, &user) != PAM_SUCCESS || !user ||
		person_take_name(person_r, str_c(user)))
		return ERR_NOTFOUND;
	return OK;
}

static enum err run_modules(const struct pam *p, pam_handle_t *handle,
	str remote, struct conversation *c)
{
	int r = set_items(handle, remote);

	if (r == PAM_SUCCESS)
		r = pam_authenticate(
			handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	c->password = NULL;
	if (r == PAM_SUCCESS)
		r = pam_acct_mgmt(
			handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	return judge(p, handle, r);
}

static enum err verify(const struct pam *p, const char *name,
	const struct lookup_request *q, struct lookup_person *person_r)
{
	char *password = xstrndup(q->secret.p, q->secret.n);
	struct conversation c = {password};
	const struct pam_conv conv = {converse, &c};
	pam_handle_t *handle = NULL;
	enum err e;
	int r = pam_start_confdir(p->service, name, &conv,
		*p->directory ? p->directory : NULL, &handle);

	if (r == PAM_SUCCESS)
		e = run_modules(p, handle, q->remote, &c);
	else
		e = judge(p, handle, r);
	if (!e)
		e = take_user(handle, person_r);
	if (handle)
		pam_end(handle, r | (int)PAM_DATA_SILENT);
	secret_wipe(password, q->secret.n);
	free(password);
	return e;
}

/* -------- the source -------- */

/* ERR_NOTFOUND: the system does not know the name; ERR_DENIED: it is one of
 * its own users, such as root, whose mail and logins are not for here. */
static enum err find(const struct pam *p, const char *name)
{
	char *room = xmalloc(PASSWD_ROOM);
	struct passwd user, *found = NULL;
	int r = getpwnam_r(name, &user, room, PASSWD_ROOM, &found);
	enum err e = found ? OK : r ? ERR_UNAVAILABLE : ERR_NOTFOUND;

	if (r)
		log_error("auth", "the system's users cannot be read",
			LOG_C("reason", strerror(r)));
	if (found && (user.pw_uid < p->first_uid || user.pw_uid > p->last_uid))
		e = ERR_DENIED;
	free(room);
	return e;
}

static enum err ask(struct lookup_source *source,
	const struct lookup_request *q, struct lookup_person *person_r)
{
	const struct pam *p = (const struct pam *)source;
	char *name;
	enum err e;

	if (q->op == LOOKUP_TOKEN)
		return ERR_UNSUPPORTED;
	name = xstrndup(q->name.p, q->name.n);
	e = find(p, name);
	/* Users that only PAM knows have mail once they logged in. */
	if (q->op == LOOKUP_VERIFY && e != ERR_DENIED)
		e = verify(p, name, q, person_r);
	else if (e == ERR_DENIED)
		e = ERR_NOTFOUND;
	else if (!e)
		e = person_take_name(person_r, q->name) ? ERR_NOTFOUND : OK;
	free(name);
	return e;
}

/* pam_unix would say no more than "wrong password". */
static void prepare(struct lookup_source *source)
{
	(void)source;
	if (access("/etc/shadow", R_OK) != 0)
		log_info("auth",
			"/etc/shadow cannot be read, which pam_unix needs: put "
			"the user of users.lookup into its group");
}

static void free_source(struct lookup_source *source)
{
	struct pam *p = (struct pam *)source;

	free(p->service);
	free(p->directory);
	free(p);
}

struct lookup_source *lookup_pam_new(const struct lookup_pam_settings *settings)
{
	struct pam *p = xcalloc(1, sizeof *p);

	p->source = (struct lookup_source){.kind = LOOKUP_PAM,
		.prepare = prepare,
		.ask = ask,
		.free = free_source};
	p->service = xstrdup(settings->service);
	p->directory = xstrdup(settings->directory);
	p->first_uid = settings->first_uid;
	p->last_uid = settings->last_uid;
	return &p->source;
}
