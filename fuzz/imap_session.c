/* SPDX-License-Identifier: Apache-2.0 */
/* What a client says after login, byte by byte whatever it likes, to a session
 * with some mail: no crash, no leak, and the store agrees with itself after.
 * For bounded memory: -malloc_limit_mb=80 (a message may have 64). */
#include "talk.h"
#include "grammar/grammar.h"
#include "imap/imap.h"
#include "mail/upload.h"
#include "session/ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

GRAMMAR_TARGET(grammar_imap)

static const str messages[] = {
	STR_LIT("From: Ann <ann@example.org>\r\nSubject: =?utf-8?q?caf=C3=A9?="
		"\r\n\r\nHello\r\n"),
	STR_LIT("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
		"one\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
		"Subject: inner\r\nContent-Type: text/html\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\nPGI+\r\n--b--\r\n"),
	STR_LIT(""),
	STR_LIT("Subject: quoted\r\nContent-Transfer-Encoding: quoted-printable"
		"\r\n\r\na=C3=A9=\r\nb\r\n"),
};

static void add_message(struct mail *mail, str text)
{
	static const struct mail_user user = {
		.account = 1, .rights = RIGHT_ALL};
	struct append_item item = {.upload = upload_new(mail, 1)};
	struct append_result result;

	must(upload_feed(item.upload, text) == OK);
	must(append_commit(mail, &user, STR("INBOX"), &item, 1, &result) == OK);
	uidset_fini(&result.uids);
	upload_free(item.upload);
}

static void session(struct mail *mail, str input)
{
	struct session_service *service =
		session_service_new(talk_loop, talk_pool, mail, NULL);
	struct handover h = {
		.protocol = STR("imap"),
		.tag = STR("L"),
		.session = STR("fuzz"),
		.remote = STR("127.0.0.1:1"),
	};
	int fds[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	session_begin(service, &imap_protocol, fds[1], &h,
		&(struct ticket){.account = 1,
			.name = STR("ann"),
			.rights = TICKET_MAY_ALL});
	talk(service, fds[0], input, NULL);
	close(fds[0]);
	session_service_free(service);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store *store;
	struct mail *mail;

	if (size > TALK_INPUT_MAX)
		return 0;
	talk_begin();
	store = store_open_memory();
	mail = mail_new(store, NULL);
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
		add_message(mail, messages[i]);
	session(mail, str_of((const char *)data, size));
	talk_verify(store, mail);
	return 0;
}
