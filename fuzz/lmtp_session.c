/* SPDX-License-Identifier: Apache-2.0 */
/* What a client says to an LMTP session, whatever it likes: no crash, no leak,
 * the store agrees with itself after, and what was answered as delivered is
 * there. For bounded memory: -malloc_limit_mb=80 (a message may have 64). */
#include "base/cursor.h"
#include "base/ipc.h"
#include "talk.h"
#include "lmtp/lmtp.h"
#include "mail/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Auth: "n…" is nobody; all others mean one of two accounts, or both. */
static enum err resolve(void *ctx, uint32_t type, uint32_t id, str payload)
{
	struct cursor c = cursor_of(payload);
	struct buf out = BUF_UNBOUNDED;
	str address;
	unsigned which;

	must(type == IPC_RESOLVE);
	must(str_eq_c(cursor_sized(&c), "lmtp"));
	address = cursor_sized(&c);
	must(cursor_ok(&c) && cursor_done(&c) && address.n);
	which = (unsigned char)address.p[0] % 3;
	buf_add_varint(&out, address.p[0] == 'n' ? ERR_NOTFOUND : OK);
	buf_add_sized(&out, str_take(address, 3));
	buf_add_varint(&out, which == 2 ? 2 : 1);
	for (unsigned i = 0; i < 2; i++) {
		if (which != 2 && which != i)
			continue;
		buf_add_varint(&out, i + 1);
		buf_add_sized(&out, STR("name"));
		buf_add_varint(&out, i);
	}
	session_service_answer(
		*(struct session_service **)ctx, id, buf_str(&out));
	buf_fini(&out);
	return OK;
}

static void session(struct mail *mail, str input, struct buf *said)
{
	struct session_service *service =
		session_service_new(talk_loop, talk_pool, mail, NULL);
	struct session_sender sender = {resolve, &service, 10000};
	struct handover h = {
		.protocol = STR("lmtp"),
		.session = STR("fuzz"),
		.remote = STR("127.0.0.1:1"),
	};
	int fds[2];

	session_service_set_sender(service, &sender);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	session_begin(service, &lmtp_protocol, fds[1], &h,
		&(struct ticket){.name = STR(""),
			.rights = TICKET_MAY_DELIVER | TICKET_MAY_XCLIENT});
	talk(service, fds[0], input, said);
	close(fds[0]);
	session_service_free(service);
}

static size_t stored(struct mail *mail, account_num account)
{
	const struct mail_user user = {.account = account, .rights = RIGHT_ALL};
	struct mailbox_ref ref;
	struct view *view;
	size_t n;

	if (mailbox_open(mail, &user, STR("INBOX"), RIGHT_READ, &ref))
		return 0;
	must(view_acquire(mail, &ref, &view) == OK);
	n = uidset_count(&view->uids);
	view_release(mail, view);
	return n;
}

/* A message of several recipients is stored for two accounts at most, once
 * each; a recipient is answered for one or two. */
static void check(struct mail *mail, str said)
{
	size_t n = stored(mail, 1) + stored(mail, 2), delivered = 0;

	while (said.n) {
		size_t end = str_find_byte(said, '\n');
		str line = str_take(said, end);

		must(line.n > 4 && line.n < 512 && str_ends(line, STR("\r")));
		delivered += str_starts(line, STR("250 2.0.0 ")) &&
			     str_ends(line, STR(" Delivered\r"));
		said = str_skip(said, end + 1);
	}
	must(n <= 2 * delivered && (n > 0) == (delivered > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf said = BUF_UNBOUNDED;
	struct store *store;
	struct mail *mail;

	if (size > TALK_INPUT_MAX)
		return 0;
	talk_begin();
	store = store_open_memory();
	mail = mail_new(store, NULL);
	session(mail, str_of((const char *)data, size), &said);
	check(mail, buf_str(&said));
	talk_verify(store, mail);
	buf_fini(&said);
	return 0;
}
