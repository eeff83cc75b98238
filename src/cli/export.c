/* SPDX-License-Identifier: Apache-2.0 */
/*
 * culver export: an account as a Maildir++ tree that Dovecot serves:
 *
 *	cur/1700000000.V1275660208U12.culver,S=1355,W=1355:2,FSa
 *	dovecot-uidlist, dovecot-keywords	in each folder
 *	.Sub.Folder/cur/…
 *	subscriptions
 *
 * Messages are written as they are stored, with CRLF, so that every byte
 * comes back. A file's modification time is INTERNALDATE.
 */
#include "base/alloc.h"
#include "base/uidset.h"
#include "cli/client.h"
#include "message/flags.h"
#include "message/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (64 * 1024)

struct export
{
	int root; /* the directory */
	struct buf subscriptions;
	/* The mailbox that is being written. */
	int folder;    /* its directory; -1: none */
	char *mailbox; /* its name */
	uint32_t uidvalidity;
	uid_num uidnext; /* so far */
	struct buf uids; /* dovecot-uidlist without its header */
	char *keywords[MAILDIR_KEYWORDS];
	int keyword_count;
	bool keywords_lost;
	uint64_t messages, mailboxes;
	uint64_t problems;
};

static void problem(struct export *ex, const char *what, const char *why)
{
	fprintf(stderr, "culver: %s: %s\n", what, why);
	ex->problems++;
}

static int failed(const char *what)
{
	fprintf(stderr, "culver: %s: %s\n", what, strerror(errno));
	return CLI_FAILED;
}

/* -------- files -------- */

static bool write_all(int fd, str bytes)
{
	while (bytes.n) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			bytes = str_skip(bytes, (size_t)n);
	}
	return true;
}

/* A small file, at once there as a whole. */
static int put_file(int directory, const char *name, str head, str text)
{
	char *begun = xasprintf("%s.new", name);
	int fd = openat(directory, begun,
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write_all(fd, head) && write_all(fd, text);

	if (fd >= 0)
		ok = close(fd) == 0 && ok;
	ok = ok && renameat(directory, begun, directory, name) == 0;
	free(begun);
	return ok ? CLI_OK : failed(name);
}

/* -------- folders -------- */

static int put_uidlist(struct export *ex)
{
	struct buf head = BUF_UNBOUNDED;
	int code;

	buf_addf(&head, "3 V%lu N%lu\n", (unsigned long)ex->uidvalidity,
		(unsigned long)ex->uidnext);
	code = put_file(ex->folder, "dovecot-uidlist", buf_str(&head),
		buf_str(&ex->uids));
	buf_fini(&head);
	return code;
}

static int put_keywords(struct export *ex)
{
	struct buf text = BUF_UNBOUNDED;
	int code = CLI_OK;

	for (int i = 0; i < ex->keyword_count; i++)
		buf_addf(&text, "%d %s\n", i, ex->keywords[i]);
	if (text.n)
		code = put_file(ex->folder, "dovecot-keywords", STR(""),
			buf_str(&text));
	buf_fini(&text);
	return code;
}

static void forget_folder(struct export *ex)
{
	if (ex->folder >= 0)
		close(ex->folder);
	ex->folder = -1;
	for (int i = 0; i < ex->keyword_count; i++)
		free(ex->keywords[i]);
	ex->keyword_count = 0;
	ex->keywords_lost = false;
	buf_reset(&ex->uids);
	free(ex->mailbox);
	ex->mailbox = NULL;
}

static int end_folder(struct export *ex)
{
	int code = CLI_OK;

	if (ex->folder >= 0)
		code = put_uidlist(ex);
	if (!code && ex->folder >= 0)
		code = put_keywords(ex);
	if (ex->keywords_lost)
		problem(ex, ex->mailbox,
			"has more keywords than a Maildir has letters for");
	forget_folder(ex);
	return code;
}

/* The directory's name. One that no file system could hold is cut, and the
 * mailbox's number makes it unique. */
static void folder_name(struct export *ex, struct buf *name)
{
	maildir_folder_encode(name, str_c(ex->mailbox));
	if (name->n <= NAME_MAX)
		return;
	buf_truncate(name, NAME_MAX - 32);
	buf_addf(name, "~%llu", (unsigned long long)ex->mailboxes);
	problem(ex, ex->mailbox,
		"is too long a name for a file system, and was cut");
}

static int begin_folder(struct export *ex)
{
	static const char *const own[] = {"tmp", "new", "cur"};
	struct buf name = BUF_UNBOUNDED;
	bool ok = true, is_root;

	folder_name(ex, &name);
	is_root = name.n == 0;
	if (is_root)
		buf_add_c(&name, ".");
	buf_add_byte(&name, '\0');
	if (!is_root)
		ok = mkdirat(ex->root, name.p, 0700) == 0;
	if (ok)
		ex->folder = openat(ex->root, name.p,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ok = ok && ex->folder >= 0;
	for (size_t i = 0; i < COUNT_OF(own) && ok; i++)
		ok = mkdirat(ex->folder, own[i], 0700) == 0;
	buf_fini(&name);
	if (!ok)
		return failed(ex->mailbox);
	/* Courier's mark of a folder */
	return is_root ? CLI_OK
		       : put_file(
				 ex->folder, "maildirfolder", STR(""), STR(""));
}

/* A name as Dovecot keeps it: the directory's, without the first dot. */
static void add_subscription(struct export *ex)
{
	struct buf name = BUF_UNBOUNDED;

	maildir_folder_encode(&name, str_c(ex->mailbox));
	buf_add(&ex->subscriptions,
		name.n ? str_skip(buf_str(&name), 1) : STR("INBOX"));
	buf_add_byte(&ex->subscriptions, '\n');
	buf_fini(&name);
}

static json_int_t integer(const json_t *item, const char *name)
{
	return json_integer_value(json_object_get(item, name));
}

static int take_mailbox(struct export *ex, const json_t *item)
{
	int code = end_folder(ex);

	if (code)
		return code;
	ex->mailbox =
		xstrdup(json_string_value(json_object_get(item, "mailbox")));
	ex->uidvalidity = (uint32_t)integer(item, "uidvalidity");
	ex->uidnext = (uid_num)integer(item, "uidnext");
	if (json_is_true(json_object_get(item, "subscribed")))
		add_subscription(ex);
	if (!json_is_true(json_object_get(item, "exists")))
		return CLI_OK;
	ex->mailboxes++;
	return begin_folder(ex);
}

/* -------- messages -------- */

/* The keyword's bit among the letters; 0 when they are used up. */
static uint32_t keyword_bit(struct export *ex, const char *name)
{
	int i = 0;

	while (i < ex->keyword_count &&
		!flags_keyword_eq(str_c(ex->keywords[i]), str_c(name)))
		i++;
	if (i == MAILDIR_KEYWORDS) {
		ex->keywords_lost = true;
		return 0;
	}
	if (i == ex->keyword_count)
		ex->keywords[ex->keyword_count++] = xstrdup(name);
	return UINT32_C(1) << i;
}

static void add_flags(struct export *ex, struct buf *name, const json_t *flags)
{
	uint64_t system = 0;
	uint32_t keywords = 0;
	bool is_forwarded = false;

	for (size_t i = 0; i < json_array_size(flags); i++) {
		const char *flag = json_string_value(json_array_get(flags, i));
		uint64_t bit = flag ? flags_system_bit(str_c(flag)) : 0;

		system |= bit;
		if (flag && !bit) {
			keywords |= keyword_bit(ex, flag);
			is_forwarded |= flags_keyword_eq(
				str_c(flag), STR("$Forwarded"));
		}
	}
	maildir_name_add_flags(name, system, is_forwarded, keywords);
}

struct sizes {
	uint64_t file;
	uint64_t wire; /* with every bare LF as CRLF */
};

/* The item's bytes into a file. */
static int copy_bytes(
	struct client *c, enum client_role role, int fd, struct sizes *sizes)
{
	char room[PIECE], last = 0;
	size_t n;
	int code;

	*sizes = (struct sizes){0};
	while (!(code = client_read(c, role, room, sizeof room, &n)) && n) {
		for (size_t i = 0; i < n; i++) {
			sizes->wire += room[i] == '\n' && last != '\r' ? 2 : 1;
			last = room[i];
		}
		sizes->file += n;
		if (!write_all(fd, str_of(room, n)))
			return failed("a message");
	}
	return code;
}

static int settle(struct export *ex, const json_t *item, int fd,
	const char *begun, const struct sizes *sizes)
{
	json_int_t date = integer(item, "date");
	struct timespec times[2] = {
		{.tv_sec = (time_t)date}, {.tv_sec = (time_t)date}};
	const char *uidl = json_string_value(json_object_get(item, "uidl"));
	struct buf name = BUF_UNBOUNDED;
	bool ok;

	buf_addf(&name, "cur/%s,S=%llu,W=%llu", begun + strlen("tmp/"),
		(unsigned long long)sizes->file,
		(unsigned long long)sizes->wire);
	buf_addf(&ex->uids, "%lld ", (long long)integer(item, "uid"));
	if (uidl)
		buf_addf(&ex->uids, "P%s ", uidl);
	buf_addf(&ex->uids, ":%.*s\n", (int)(name.n - strlen("cur/")),
		name.p + strlen("cur/"));
	add_flags(ex, &name, json_object_get(item, "flags"));
	buf_add_byte(&name, '\0');
	/* no file system has all dates */
	(void)!futimens(fd, times);
	ok = renameat(ex->folder, begun, ex->folder, name.p) == 0;
	buf_fini(&name);
	return ok ? CLI_OK : failed(begun);
}

static int take_message(struct export *ex, struct client *c,
	enum client_role role, const json_t *item)
{
	json_int_t date = integer(item, "date"), uid = integer(item, "uid");
	char *begun = xasprintf("tmp/%lld.V%luU%lld.culver",
		(long long)(date > 0 ? date : 0),
		(unsigned long)ex->uidvalidity, (long long)uid);
	int fd = openat(ex->folder, begun,
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct sizes sizes;
	int code = fd < 0 ? failed(begun) : copy_bytes(c, role, fd, &sizes);

	if (!code)
		code = settle(ex, item, fd, begun, &sizes);
	if (fd >= 0 && close(fd) < 0 && !code)
		code = failed(begun);
	if (uid >= ex->uidnext)
		ex->uidnext = (uid_num)uid + 1;
	ex->messages++;
	free(begun);
	return code;
}

static int on_item(
	struct client *c, enum client_role role, const json_t *item, void *arg)
{
	struct export *ex = arg;

	if (json_is_string(json_object_get(item, "mailbox")))
		return take_mailbox(ex, item);
	if (ex->folder < 0)
		return CLI_OK;
	return take_message(ex, c, role, item);
}

/* -------- the command -------- */

static bool is_empty(int fd)
{
	DIR *dir = fdopendir(dup(fd));
	const struct dirent *entry;
	bool empty = dir != NULL;

	while (empty && (entry = readdir(dir)))
		empty = strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0;
	if (dir)
		closedir(dir);
	return empty;
}

static int open_root(struct export *ex, const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return failed(path);
	ex->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ex->root < 0)
		return failed(path);
	if (is_empty(ex->root))
		return CLI_OK;
	fprintf(stderr, "culver: %s: is not empty\n", path);
	return CLI_FAILED;
}

static int finish(struct export *ex)
{
	int code = end_folder(ex);

	if (!code && ex->subscriptions.n)
		code = put_file(ex->root, "subscriptions", STR(""),
			buf_str(&ex->subscriptions));
	if (!code && syncfs(ex->root) < 0)
		code = failed("writing to the disk");
	if (!code)
		printf("%llu messages in %llu mailboxes written\n",
			(unsigned long long)ex->messages,
			(unsigned long long)ex->mailboxes);
	return !code && ex->problems ? CLI_FAILED : code;
}

static int run(struct export *ex, struct cli *cli, const char *account)
{
	struct client c;
	json_int_t number = 0;
	int code = client_open(&c, cli, true);

	if (!code)
		code = client_account(&c, account, &number);
	if (!code)
		code = open_root(ex, cli->argv[0]);
	if (!code)
		code = client_call(&c, CLIENT_MAIL,
			json_pack("{s:s, s:I}", "cmd", "export", "account",
				number),
			on_item, ex, NULL);
	if (!code)
		code = finish(ex);
	client_close(&c);
	return code;
}

int cli_export(struct cli *cli)
{
	struct export ex = {.root = -1,
		.folder = -1,
		.uids = BUF_UNBOUNDED,
		.subscriptions = BUF_UNBOUNDED};
	const char *account = NULL;
	const struct cli_option options[] = {{"--account", NULL, &account}};
	int code = cli_options(cli, options, COUNT_OF(options));

	if (!code && !account)
		code = cli_usage(cli, "which --account?");
	if (!code && cli->argc != 1)
		code = cli_usage(cli, "into which directory?");
	if (code)
		return code;
	code = run(&ex, cli, account);
	forget_folder(&ex);
	buf_fini(&ex.uids);
	buf_fini(&ex.subscriptions);
	if (ex.root >= 0)
		close(ex.root);
	return code;
}
