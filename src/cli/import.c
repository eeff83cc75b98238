/* SPDX-License-Identifier: Apache-2.0 */
/*
 * culver import: finds mail in files and sends it. INTERNALDATE is what
 * Dovecot would say: for Maildir the file's modification time; for mbox the
 * From_ line's date, for want of one the Date field's; for other files the
 * Date field's; else the modification time.
 */
#include "cli/import.h"
#include "base/alloc.h"
#include "message/mailbox_name.h"
#include "message/maildir.h"
#include "message/mbox.h"
#include "message/mbox_status.h"
#include "message/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64	/* of directories */
#define PROBE_SIZE 8192 /* of a file, to see what it is */

/* -------- words -------- */

char *import_label(const char *name)
{
	struct buf repaired = BUF_UNBOUNDED;
	char *label;

	utf8_add_repaired(&repaired, str_c(name));
	for (size_t i = 0; i < repaired.n; i++)
		if ((unsigned char)repaired.p[i] < ' ' || repaired.p[i] == 0x7f)
			repaired.p[i] = '?';
	label = xstrndup(buf_str(&repaired).p, repaired.n);
	buf_fini(&repaired);
	return label;
}

char *import_join(const char *a, const char *b)
{
	return *a ? xasprintf("%s/%s", a, b) : xstrdup(b);
}

static void say(const char *name, const char *why)
{
	char *label = import_label(name);

	fprintf(stderr, "%sculver: %s: %s\n",
		isatty(STDERR_FILENO) ? "\r\033[K" : "", label, why);
	free(label);
}

void import_problem(struct import *im, const char *name, const char *why)
{
	say(name, why);
	im->problems++;
}

/* -------- sending -------- */

/* The server says that it did not take a message. */
static int on_refused(
	struct client *c, enum client_role role, const json_t *item, void *arg)
{
	const char *name = json_string_value(json_object_get(item, "name"));
	const char *why = json_string_value(json_object_get(item, "error"));

	(void)c;
	(void)role;
	import_problem(arg, name ? name : "?", why ? why : "refused");
	return CLI_OK;
}

static int send_item(struct import *im, json_t *item)
{
	int code = client_send_item(&im->client, CLIENT_MAIL, item, STR(""));

	return code ? code
		    : client_listen(&im->client, CLIENT_MAIL, on_refused, im);
}

int import_select(struct import *im, str mailbox, uint32_t uidvalidity)
{
	if (im->mailbox && str_eq_c(mailbox, im->mailbox) && !uidvalidity)
		return CLI_OK;
	free(im->mailbox);
	im->mailbox = xstrndup(mailbox.p, mailbox.n);
	return send_item(im, json_pack("{s:s, s:I}", "mailbox", im->mailbox,
				     "uidvalidity", (json_int_t)uidvalidity));
}

int import_uidnext(struct import *im, uid_num uidnext)
{
	return send_item(
		im, json_pack("{s:I}", "uidnext", (json_int_t)uidnext));
}

int import_subscribe(struct import *im, str mailbox)
{
	return send_item(
		im, json_pack("{s:s%}", "subscribe", mailbox.p, mailbox.n));
}

static json_t *flags_json(const struct flag_list *flags)
{
	json_t *array = json_array();

	for (uint64_t bit = 1; bit <= FLAG_DRAFT; bit <<= 1) {
		str name = flags_system_name(bit);

		if (flags->system & bit)
			json_array_append_new(
				array, json_stringn(name.p, name.n));
	}
	for (size_t i = 0; i < flags->count; i++)
		json_array_append_new(array, json_stringn(flags->keywords[i].p,
						     flags->keywords[i].n));
	return array;
}

static int send_spool(struct import *im)
{
	uint64_t at = 0;
	int code = CLI_OK;

	while (!code && at < im->spool.size) {
		str bytes;

		/* The size was announced: there is no way back. */
		if (spool_read(&im->spool, at, &bytes)) {
			say("the temporary file", "cannot be read");
			return CLI_FAILED;
		}
		code = client_send_bytes(&im->client, CLIENT_MAIL, bytes);
		if (!code)
			code = client_listen(
				&im->client, CLIENT_MAIL, on_refused, im);
		at += bytes.n;
	}
	return code;
}

int import_send(struct import *im, const struct import_message *m)
{
	char *label;
	json_t *item;
	int code;

	if (im->spool.err) {
		import_problem(im, m->name, err_words(im->spool.err));
		return CLI_OK;
	}
	label = import_label(m->name);
	item = json_pack("{s:s, s:o, s:I, s:i, s:I}", "name", label, "flags",
		flags_json(&m->flags), "date", (json_int_t)m->date.seconds,
		"zone", (int)m->date.zone, "uid", (json_int_t)m->uid);
	free(label);
	if (m->uidl)
		json_object_set_new(item, "uidl", json_string(m->uidl));
	code = client_send_item_begin(
		&im->client, CLIENT_MAIL, item, im->spool.size);
	im->messages++;
	return code ? code : send_spool(im);
}

/* -------- headers -------- */

/* Without its end. */
static str next_line(str *rest)
{
	str line = str_take(*rest, str_find_byte(*rest, '\n'));

	*rest = str_skip(*rest, line.n + 1);
	if (str_ends(line, STR("\r")))
		line.n--;
	return line;
}

bool import_date(const struct import *im, struct date *date_r)
{
	str rest = spool_head(&im->spool), line;

	while (rest.n && (line = next_line(&rest)).n)
		if (str_istarts(line, STR("Date:")) &&
			date_parse_rfc5322(
				str_skip(line, strlen("Date:")), date_r) == OK)
			return true;
	return false;
}

/* name of "name: value", also of "name : value"; empty when the line is no
 * field. */
static str field_name(str line)
{
	str name = str_take(line, str_find_byte(line, ':'));

	if (name.n == line.n)
		return STR("");
	name = str_trim(name);
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f)
			return STR("");
	return name;
}

/* Could a file that starts like this be a message? It begins with a field,
 * and its header has one that most mail has: a Makefile's does not. */
static bool is_message_likely(str start)
{
	static const char *const usual[] = {"From", "To", "Date", "Subject",
		"Received", "Return-Path", "Message-ID", "MIME-Version",
		"Content-Type", "Delivered-To"};
	str line = next_line(&start);

	if (!field_name(line).n)
		return false;
	for (; line.n; line = next_line(&start))
		for (size_t i = 0; i < COUNT_OF(usual); i++)
			if (str_ieq_c(field_name(line), usual[i]))
				return true;
	return false;
}

/* -------- files -------- */

static struct date modified(const struct stat *st)
{
	return (struct date){.seconds = st->st_mtim.tv_sec};
}

int import_open(
	struct import *im, const char *path, bool optional, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *why = NULL;

	if (fd < 0 || fstat(fd, st) < 0)
		why = optional && errno == ENOENT ? "" : strerror(errno);
	else if (!S_ISREG(st->st_mode))
		why = "is not a regular file";
	else if (im->guarded && st->st_uid != im->owner)
		why = "belongs to somebody else than the files around it";
	if (!why)
		return fd;
	if (*why)
		import_problem(im, path, why);
	if (fd >= 0)
		close(fd);
	return -1;
}

static void guard(struct import *im, const char *path)
{
	struct stat st;

	im->guarded = geteuid() == 0 && stat(path, &st) == 0 && st.st_uid != 0;
	if (im->guarded)
		im->owner = st.st_uid;
}

static enum err read_at(
	void *closure, uint64_t offset, char *room, size_t size, size_t *n_r)
{
	const int *fd = closure;
	ssize_t n;

	do
		n = pread(*fd, room, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	*n_r = n > 0 ? (size_t)n : 0;
	return n < 0 ? err_from_errno(errno) : OK;
}

static bool load(struct import *im, int fd, const char *path)
{
	char *room = xmalloc(PROBE_SIZE * 8);
	uint64_t at = 0;
	size_t n = 0;
	enum err e;

	spool_begin(&im->spool);
	while (!(e = read_at(&fd, at, room, PROBE_SIZE * 8, &n)) && n) {
		spool_add(&im->spool, str_of(room, n));
		at += n;
	}
	free(room);
	if (!e)
		e = im->spool.err;
	if (e)
		import_problem(im, path, err_words(e));
	return !e;
}

bool import_load(struct import *im, const char *path, struct date *modified_r)
{
	struct stat st;
	int fd = import_open(im, path, false, &st);
	bool loaded;

	if (fd < 0)
		return false;
	*modified_r = modified(&st);
	loaded = load(im, fd, path);
	close(fd);
	return loaded;
}

static str default_mailbox(const struct import *im)
{
	return str_c(im->into ? im->into : "INBOX");
}

static int select_default(struct import *im)
{
	return import_select(im, default_mailbox(im), 0);
}

static int import_eml(
	struct import *im, int fd, const char *path, const struct stat *st)
{
	struct import_message m = {.name = path, .date = modified(st)};
	int code;

	if (!load(im, fd, path))
		return CLI_OK;
	import_date(im, &m.date);
	code = select_default(im);
	return code ? code : import_send(im, &m);
}

/* The message that mbox_next found. */
static int import_mbox_message(struct import *im, struct mbox *mbox,
	const struct mbox_from *from, struct import_message *m)
{
	struct mbox_status status;
	struct arena arena;
	str bytes;
	enum err e;
	int code = CLI_OK;

	spool_begin(&im->spool);
	while (!(e = mbox_read(mbox, &bytes)) && bytes.n)
		spool_add(&im->spool, bytes);
	if (e)
		return CLI_OK; /* mbox_next says it again */
	if (from->has_date)
		m->date = from->date;
	else
		import_date(im, &m->date);
	arena_init(&arena, SPOOL_MEMORY);
	mbox_status_parse(&arena, spool_head(&im->spool), &status);
	m->flags = status.flags;
	if (!status.is_expunged && !status.is_folder_data)
		code = import_send(im, m);
	arena_fini(&arena);
	return code;
}

static int import_mbox(
	struct import *im, int fd, const char *path, const struct stat *st)
{
	struct mbox mbox;
	struct mbox_from from;
	uint64_t number = 0;
	enum err e = OK;
	int code = select_default(im);

	mbox_init(&mbox, (struct mbox_input){read_at, &fd}, MBOX_AUTO);
	while (!code && !(e = mbox_next(&mbox, &from))) {
		char *name = xasprintf(
			"%s: message %llu", path, (unsigned long long)++number);
		struct import_message m = {.name = name, .date = modified(st)};

		code = import_mbox_message(im, &mbox, &from, &m);
		free(name);
	}
	if (!code && e == ERR_INVALID)
		import_problem(im, path, "is no mbox: it has no From_ line");
	else if (!code && e != ERR_NOTFOUND)
		import_problem(im, path, err_words(e));
	mbox_fini(&mbox);
	return code;
}

/* What the file is; IMPORT_AUTO: no mail. */
static enum import_format tell_format(
	const struct import *im, int fd, const char *path)
{
	char start[PROBE_SIZE];
	size_t n = 0;

	if (im->format != IMPORT_AUTO)
		return im->format;
	if (read_at(&fd, 0, start, sizeof start, &n))
		return IMPORT_EML; /* which tells the error */
	if (str_ends(str_c(path), STR(".eml")) &&
		!str_starts(str_of(start, n), STR("From ")))
		return IMPORT_EML; /* whatever is wrong with it */
	if (mbox_is_likely(str_of(start, n)))
		return IMPORT_MBOX;
	return is_message_likely(str_of(start, n)) ? IMPORT_EML : IMPORT_AUTO;
}

/* What is done about a file that is no mail. */
enum stranger {
	STRANGER_WRONG, /* the user named it */
	STRANGER_TOLD,
	STRANGER_SILENT, /* a Maildir has files of its own */
};

static int import_file(
	struct import *im, const char *path, enum stranger stranger)
{
	struct stat st;
	int fd = import_open(im, path, false, &st), code = CLI_OK;

	if (fd < 0)
		return CLI_OK;
	switch (tell_format(im, fd, path)) {
	case IMPORT_MBOX:
		code = import_mbox(im, fd, path, &st);
		break;
	case IMPORT_EML:
		code = import_eml(im, fd, path, &st);
		break;
	default:
		if (stranger == STRANGER_WRONG && st.st_size > 0)
			import_problem(im, path, "is no mail");
		else if (stranger == STRANGER_TOLD && st.st_size > 0)
			say(path, "is no mail, left out");
	}
	close(fd);
	return code;
}

/* -------- directories -------- */

static bool is_directory(const char *path, bool follow)
{
	struct stat st;

	return (follow ? stat(path, &st) : lstat(path, &st)) == 0 &&
	       S_ISDIR(st.st_mode);
}

static bool wants_maildir(const struct import *im)
{
	return im->format == IMPORT_AUTO || im->format == IMPORT_MAILDIR;
}

/* The mailbox of a folder: what --mailbox says, then the way to it. */
static int import_folder(struct import *im, const char *path, str mailbox)
{
	char *name = import_mailbox(im, mailbox);
	int code = maildir_import(im, path, str_c(name), true);

	free(name);
	return code;
}

char *import_mailbox(const struct import *im, str mailbox)
{
	if (!im->into)
		return xstrndup(mailbox.p, mailbox.n);
	if (mailbox_name_is_inbox(mailbox))
		return xstrdup(im->into);
	return xasprintf("%s/%.*s", im->into, STR_ARG(mailbox));
}

/* A Maildir: at `way` from the top, in directories below each other, "" for
 * the top; or as ".Sub.Folder" in one (dot). */
static int import_maildir(
	struct import *im, const char *path, const char *way, const char *dot)
{
	struct arena arena;
	str mailbox = STR("INBOX"), folder = STR("");
	enum err e = OK;
	int code = CLI_OK;

	arena_init(&arena, 64 * 1024);
	if (*way)
		e = maildir_mailbox_decode(
			&arena, str_c(way), MAILBOX_SEPARATOR, &mailbox);
	if (!e && *dot)
		e = maildir_folder_decode(&arena, str_c(dot), &folder);
	if (!e && *dot && *way)
		mailbox = arena_strf(
			&arena, "%.*s/%.*s", STR_ARG(mailbox), STR_ARG(folder));
	else if (!e && *dot)
		mailbox = folder;
	if (e)
		import_problem(im, path, "cannot be a mailbox's name");
	else
		code = import_folder(im, path, mailbox);
	arena_fini(&arena);
	return code;
}

/*
 * A directory is looked at in one of two ways. In a tree of Maildirs, a
 * directory's place in it is its mailbox's name: `way` from the top. Else way
 * is NULL and all mail in it goes to one mailbox.
 */
static int import_directory(
	struct import *im, const char *path, const char *way, int depth);

static int import_entry(struct import *im, const char *path, const char *way,
	const char *name, bool in_maildir, int depth)
{
	char *full = import_join(path, name), *further = NULL;
	/* Links to folders are used; in other trees they may lead anywhere. */
	bool directory = is_directory(full, way && name[0] == '.');
	int code = CLI_OK;

	if (name[0] == '.') {
		if (directory && way && maildir_is(full))
			code = import_maildir(im, full, way, name);
	} else if (directory) {
		further = way ? import_join(way, name) : NULL;
		code = import_directory(im, full, further, depth + 1);
	} else if (im->format != IMPORT_MAILDIR) {
		code = import_file(
			im, full, in_maildir ? STRANGER_SILENT : STRANGER_TOLD);
	}
	free(further);
	free(full);
	return code;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_skipped(const char *name, bool in_maildir)
{
	static const char *const own[] = {"cur", "new", "tmp"};

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return true;
	for (size_t i = 0; in_maildir && i < COUNT_OF(own); i++)
		if (strcmp(name, own[i]) == 0)
			return true;
	return false;
}

static int import_directory(
	struct import *im, const char *path, const char *way, int depth)
{
	bool maildir = wants_maildir(im) && maildir_is(path);
	struct dirent **entries = NULL;
	int code = CLI_OK, count = -1;

	errno = ELOOP;
	if (depth < DEPTH_MAX)
		count = scandir(path, &entries, NULL, by_name);
	if (count < 0) {
		import_problem(im, path, strerror(errno));
		return CLI_OK;
	}
	if (maildir && way)
		code = import_maildir(im, path, way, "");
	else if (maildir)
		code = maildir_import(im, path, default_mailbox(im), false);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		if (!code && !is_skipped(name, maildir))
			code = import_entry(
				im, path, way, name, maildir, depth);
		free(entries[i]);
	}
	free(entries);
	return code;
}

/* A Maildir, or a directory that has one in it, as mbsync and OfflineIMAP keep
 * them. */
static bool is_maildir_tree(const char *path)
{
	struct dirent **entries = NULL;
	bool is = maildir_is(path);
	int count = is ? 0 : scandir(path, &entries, NULL, by_name);

	for (int i = 0; i < count; i++) {
		char *full = import_join(path, entries[i]->d_name);

		is = is || (!is_skipped(entries[i]->d_name, false) &&
				   maildir_is(full));
		free(full);
		free(entries[i]);
	}
	free(entries);
	return is;
}

static int import_path(struct import *im, const char *path)
{
	bool tree;
	int code;

	guard(im, path);
	if (!is_directory(path, true)) {
		if (im->format != IMPORT_MAILDIR)
			return import_file(im, path, STRANGER_WRONG);
		import_problem(im, path, "is no Maildir");
		return CLI_OK;
	}
	tree = wants_maildir(im) && is_maildir_tree(path);
	if (im->format == IMPORT_MAILDIR && !tree)
		import_problem(im, path, "is no Maildir, and has none in it");
	code = import_directory(im, path, tree ? "" : NULL, 0);
	if (!code && tree)
		code = maildir_import_subscriptions(
			im, path, maildir_is(path) ? '.' : MAILBOX_SEPARATOR);
	return code;
}

/* -------- the command -------- */

static int take_format(struct cli *cli, const char *name, struct import *im)
{
	static const char *const names[] = {"auto", "mbox", "maildir", "eml"};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcmp(names[i], name) == 0) {
			im->format = (enum import_format)i;
			return CLI_OK;
		}
	return cli_usage(cli, "--format %s: auto, mbox, maildir or eml", name);
}

static void summarise(const struct import *im, const json_t *answer)
{
	json_int_t added = json_integer_value(json_object_get(answer, "added"));
	json_int_t skipped =
		json_integer_value(json_object_get(answer, "skipped"));

	printf("%lld messages added, %lld there already", (long long)added,
		(long long)skipped);
	if (im->problems)
		printf(", %llu problems", (unsigned long long)im->problems);
	putchar('\n');
}

static int run(struct import *im, struct cli *cli, json_int_t account)
{
	json_t *answer = NULL;
	int code = client_send(&im->client, CLIENT_MAIL,
		json_pack("{s:s, s:I}", "cmd", "import", "account", account));

	for (int i = 0; i < cli->argc && !code; i++)
		code = import_path(im, cli->argv[i]);
	if (!code)
		code = client_send_end(&im->client, CLIENT_MAIL);
	if (!code)
		code = client_finish(
			&im->client, CLIENT_MAIL, on_refused, im, &answer);
	if (!code)
		summarise(im, answer);
	json_decref(answer);
	return code;
}

int cli_import(struct cli *cli)
{
	struct import im = {0};
	const char *account = NULL, *format = "auto";
	const struct cli_option options[] = {
		{"--account", NULL, &account},
		{"--mailbox", NULL, &im.into},
		{"--format", NULL, &format},
	};
	json_int_t number;
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code)
		code = take_format(cli, format, &im);
	if (!code && !account)
		code = cli_usage(cli, "into which --account?");
	if (!code && cli->argc == 0)
		code = cli_usage(cli, "from which files or directories?");
	if (!code && im.into && !utf8_is_valid(str_c(im.into)))
		code = cli_usage(cli, "--mailbox: not UTF-8");
	if (code)
		return code;
	spool_init(&im.spool);
	code = client_open(&im.client, cli, true);
	if (!code)
		code = client_account(&im.client, account, &number);
	if (!code)
		code = run(&im, cli, number);
	client_close(&im.client);
	spool_fini(&im.spool);
	free(im.mailbox);
	return !code && im.problems ? CLI_FAILED : code;
}
