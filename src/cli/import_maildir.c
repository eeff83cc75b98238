/* SPDX-License-Identifier: Apache-2.0 */
/* What import.h says of Maildir. */
#include "base/alloc.h"
#include "cli/import.h"
#include "message/dovecot.h"
#include "message/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of Dovecot's files; a list of ten million messages. */
#define TEXT_MAX ((size_t)1 << 30)

struct entry {
	char *file; /* "cur/1700000000.M1P2.host:2,S" */
	struct maildir_name name;
	uid_num uid; /* 0: none yet */
	char *uidl;  /* NULL: none of its own */
};

struct folder {
	struct import *im;
	const char *path;
	struct entry *entries;
	size_t count, room;
	struct buf keywords; /* the file that the names are in */
	str names[MAILDIR_KEYWORDS];
};

bool maildir_is(const char *path)
{
	static const char *const own[] = {"cur", "new"};
	struct stat st;
	bool is = true;

	for (size_t i = 0; i < COUNT_OF(own); i++) {
		char *directory = import_join(path, own[i]);

		is = is && stat(directory, &st) == 0 && S_ISDIR(st.st_mode);
		free(directory);
	}
	return is;
}

/* -------- Dovecot's files -------- */

/* A whole file; false when there is none. */
static bool read_text(
	struct import *im, const char *path, const char *name, struct buf *text)
{
	char *full = import_join(path, name);
	struct stat st;
	int fd = import_open(im, full, true, &st), number = 0;
	ssize_t n = fd < 0 ? -1 : 1;

	buf_init(text, TEXT_MAX);
	while (n > 0 && !buf_err(text)) {
		char *room = buf_reserve(text, 64 * 1024);

		n = room ? read(fd, room, 64 * 1024) : 0;
		number = errno;
		if (n > 0)
			buf_added(text, (size_t)n);
	}
	if (n < 0 && fd >= 0)
		import_problem(im, full, strerror(number));
	else if (buf_err(text))
		import_problem(im, full, err_words(buf_err(text)));
	if (fd >= 0)
		close(fd);
	free(full);
	return n == 0 && !buf_err(text);
}

static int by_unique(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return str_cmp(x->name.unique, y->name.unique);
}

static void take_uids(struct folder *f, struct dovecot_uidlist *list)
{
	struct dovecot_uid line;

	if (f->count)
		qsort(f->entries, f->count, sizeof *f->entries, by_unique);
	while (dovecot_uidlist_next(list, &line)) {
		struct entry key = {.name.unique = line.unique};
		struct entry *found =
			f->count ? bsearch(&key, f->entries, f->count,
					   sizeof *f->entries, by_unique)
				 : NULL;

		if (found)
			found->uid = line.uid;
		if (found && line.uidl.n && !found->uidl)
			found->uidl = xstrndup(line.uidl.p, line.uidl.n);
	}
}

/* UIDVALIDITY and UIDNEXT stay as they are when they are not known. */
static void read_uidlist(
	struct folder *f, uint32_t *uidvalidity_r, uid_num *uidnext_r)
{
	struct dovecot_uidlist list;
	struct buf text;

	if (read_text(f->im, f->path, "dovecot-uidlist", &text)) {
		if (dovecot_uidlist_begin(&list, buf_str(&text)) == OK) {
			*uidvalidity_r = list.uid_validity;
			*uidnext_r = list.uid_next;
			take_uids(f, &list);
		} else {
			char *name = import_join(f->path, "dovecot-uidlist");

			import_problem(f->im, name, err_words(ERR_INVALID));
			free(name);
		}
	}
	buf_fini(&text);
}

/* -------- messages -------- */

static void add_entry(struct folder *f, const char *directory, const char *file)
{
	struct entry e = {0};

	if (file[0] == '.')
		return;
	e.file = import_join(directory, file);
	if (maildir_name_parse(
		    str_c(e.file + strlen(directory) + 1), &e.name) != OK) {
		import_problem(f->im, e.file, "is no name of a message");
		free(e.file);
		return;
	}
	if (f->count == f->room) {
		f->room = f->room ? f->room * 2 : 64;
		f->entries = xrealloc(f->entries, f->room, sizeof e);
	}
	f->entries[f->count++] = e;
}

static void scan(struct folder *f, const char *directory)
{
	char *full = import_join(f->path, directory);
	DIR *dir = opendir(full);
	const struct dirent *entry;

	errno = 0;
	while (dir && (entry = readdir(dir)))
		add_entry(f, directory, entry->d_name);
	if (errno || !dir)
		import_problem(f->im, full, strerror(errno));
	if (dir)
		closedir(dir);
	free(full);
}

/* By UID; then those without one, as they were delivered. */
static int by_uid(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid - 1 < y->uid - 1 ? -1 : 1;
	if (x->name.delivered != y->name.delivered)
		return x->name.delivered < y->name.delivered ? -1 : 1;
	return str_cmp(x->name.unique, y->name.unique);
}

static void add_keyword(
	struct arena *arena, struct flag_list *flags, str keyword)
{
	/* there are never too many, and others are no keywords in IMAP */
	if (flags_keyword_is_valid(keyword) &&
		flag_list_add(arena, flags, keyword))
		return;
}

static void take_flags(const struct folder *f, const struct maildir_name *name,
	struct arena *arena, struct flag_list *flags)
{
	*flags = (struct flag_list){.system = name->flags};
	if (name->is_forwarded)
		add_keyword(arena, flags, STR("$Forwarded"));
	for (int i = 0; i < MAILDIR_KEYWORDS; i++)
		if (name->keywords >> i & 1)
			add_keyword(arena, flags, f->names[i]);
}

/* gzip, bzip2, xz, zstd, LZ4: Dovecot's compressed mail. No message begins so.
 */
static bool is_compressed(str head)
{
	static const str magic[] = {STR_LIT("\x1f\x8b"), STR_LIT("BZh"),
		STR_LIT("\xfd"
			"7zXZ"),
		STR_LIT("\x28\xb5\x2f\xfd"), STR_LIT("Dovecot-LZ4")};

	for (size_t i = 0; i < COUNT_OF(magic); i++)
		if (str_starts(head, magic[i]))
			return true;
	return false;
}

static int send_entry(struct folder *f, const struct entry *e)
{
	char *full = import_join(f->path, e->file);
	struct import_message m = {
		.name = full, .uid = e->uid, .uidl = e->uidl};
	struct arena arena;
	int code = CLI_OK;

	arena_init(&arena, 64 * 1024);
	take_flags(f, &e->name, &arena, &m.flags);
	if (!import_load(f->im, full, &m.date))
		;
	else if (is_compressed(spool_head(&f->im->spool)))
		import_problem(f->im, full, "is compressed");
	else
		code = import_send(f->im, &m);
	arena_fini(&arena);
	free(full);
	return code;
}

static int send_entries(struct folder *f, uid_num uidnext)
{
	int code = CLI_OK;
	size_t i = 0;

	for (; i < f->count && f->entries[i].uid && !code; i++)
		code = send_entry(f, &f->entries[i]);
	if (!code && uidnext)
		code = import_uidnext(f->im, uidnext);
	for (; i < f->count && !code; i++)
		code = send_entry(f, &f->entries[i]);
	return code;
}

int maildir_import(
	struct import *im, const char *path, str mailbox, bool keep_uids)
{
	struct folder f = {.im = im, .path = path};
	uint32_t uidvalidity = 0;
	uid_num uidnext = 0;
	int code;

	scan(&f, "new");
	scan(&f, "cur");
	if (keep_uids)
		read_uidlist(&f, &uidvalidity, &uidnext);
	if (read_text(im, path, "dovecot-keywords", &f.keywords))
		dovecot_keywords_parse(buf_str(&f.keywords), f.names);
	if (f.count)
		qsort(f.entries, f.count, sizeof *f.entries, by_uid);
	code = import_select(im, mailbox, uidvalidity);
	if (!code)
		code = send_entries(&f, uidnext);
	for (size_t i = 0; i < f.count; i++) {
		free(f.entries[i].file);
		free(f.entries[i].uidl);
	}
	free(f.entries);
	buf_fini(&f.keywords);
	return code;
}

/* -------- subscriptions -------- */

static int subscribe(struct import *im, str mailbox)
{
	char *name = import_mailbox(im, mailbox);
	int code = import_subscribe(im, str_c(name));

	free(name);
	return code;
}

static int subscribe_all(struct import *im, str text, char separator)
{
	struct dovecot_subscriptions list;
	struct arena arena;
	str mailbox;
	int code = CLI_OK;

	arena_init(&arena, SIZE_MAX);
	dovecot_subscriptions_begin(&list, text, separator);
	while (!code && dovecot_subscriptions_next(&list, &arena, &mailbox)) {
		code = subscribe(im, mailbox);
		arena_reset(&arena);
	}
	arena_fini(&arena);
	return code;
}

int maildir_import_subscriptions(
	struct import *im, const char *path, char separator)
{
	static const char *const names[] = {
		"subscriptions", "courierimapsubscribed"};
	int code = CLI_OK;

	for (size_t i = 0; i < COUNT_OF(names) && !code; i++) {
		struct buf text;

		if (read_text(im, path, names[i], &text))
			code = subscribe_all(im, buf_str(&text), separator);
		buf_fini(&text);
	}
	return code;
}
