/* SPDX-License-Identifier: Apache-2.0 */
#include "load/work.h"
#include "load/load.h"
#include "base/alloc.h"

#include <stdlib.h>

uint64_t work_first_user(void)
{
	return strtoull(option_text("user", "u0000") + 1, NULL, 10);
}

const char *work_mailbox(void)
{
	return option_text("box", "INBOX");
}

struct work_clients work_open(uint64_t depth)
{
	struct work_clients clients = {.count = option_number("conns", 1)};

	clients.users = option_number("users", 1);
	clients.all = xcalloc(clients.count, sizeof *clients.all);
	for (uint64_t i = 0; i < clients.count; i++) {
		clients.all[i].number = i;
		imap_open(&clients.all[i], depth);
		imap_login(
			&clients.all[i], work_first_user() + i % clients.users);
	}
	return clients;
}

void work_close(struct work_clients *clients)
{
	for (uint64_t i = 0; i < clients->count; i++)
		imap_close(&clients->all[i]);
	free(clients->all);
}

void work_wait(struct work_clients *clients)
{
	for (uint64_t i = 0; i < clients->count; i++)
		imap_wait(&clients->all[i]);
}

struct imap_command *work_append(struct imap *im, const char *mailbox,
	const struct mail *mails, uint64_t count)
{
	struct imap_command *command = imap_begin(im, "APPEND %s", mailbox);

	for (uint64_t i = 0; i < count; i++) {
		buf_addf(&im->conn.out, " \"%s\" {%zu+}\r\n",
			mail_internaldate(&mails[i]), mails[i].text.n);
		imap_add(im, mails[i].text);
		command->bytes += mails[i].text.n;
	}
	imap_add(im, STR("\r\n"));
	command->arg = count;
	return command;
}

const struct mail *work_select_filled(struct imap *im, uint64_t *count_r)
{
	uint64_t exists = imap_select(im, work_mailbox());

	*count_r = option_number("messages", exists);
	if (exists != *count_r)
		fail("%s has %llu messages", work_mailbox(),
			(unsigned long long)exists);
	return mail_make_all(mail_kind_wanted(), *count_r);
}
