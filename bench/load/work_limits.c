/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine itself can do, without a server. */
#include "load/load.h"
#include "load/result.h"
#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RECORD = 8192, CHUNK = 256 * 1024 };

/* Each a record added to a file, and on the disk. */
static void run_sync(void)
{
	static char record[RECORD];
	char *path = xasprintf(
		"%s/bench-sync-%d", option_text("dir", "."), (int)getpid());
	int fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	result_begin("sync");
	while (result_wants_more(500)) {
		uint64_t begun = now_ns();

		if (write(fd, record, sizeof record) != RECORD || fdatasync(fd))
			fail("%s: %s", path, strerror(errno));
		result_op(now_ns() - begun, 0, RECORD);
	}
	result_end();
	close(fd);
	unlink(path);
	free(path);
}

/* -------- loopback -------- */

static int listen_anywhere(struct sockaddr_in *address)
{
	socklen_t n = sizeof *address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (bind(fd, (struct sockaddr *)address, n) || listen(fd, 1) ||
		getsockname(fd, (struct sockaddr *)address, &n))
		fail("listen: %s", strerror(errno));
	return fd;
}

static _Noreturn void send_until_closed(const struct sockaddr_in *address)
{
	static char chunk[CHUNK];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (const struct sockaddr *)address, sizeof *address))
		_exit(1);
	while (send(fd, chunk, sizeof chunk, MSG_NOSIGNAL) > 0)
		;
	_exit(0);
}

static void run_loopback(void)
{
	static char chunk[CHUNK];
	struct sockaddr_in address;
	int listener = listen_anywhere(&address), fd;
	pid_t child = fork();

	if (child == 0)
		send_until_closed(&address);
	fd = accept(listener, NULL, NULL);
	result_begin("loopback");
	while (result_wants_more(8000)) {
		uint64_t begun = now_ns();
		ssize_t n = recv(fd, chunk, sizeof chunk, 0);

		if (n <= 0)
			fail("recv: %s", strerror(errno));
		result_op(now_ns() - begun, 0, (uint64_t)n);
	}
	result_end();
	close(fd);
	close(listener);
	waitpid(child, NULL, 0);
}

/* -------- TLS handshakes, both sides in memory -------- */

static SSL_CTX *server_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);

	X509_set_version(certificate, 2);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		(const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_sign(certificate, key, EVP_sha256());
	if (SSL_CTX_use_certificate(context, certificate) != 1 ||
		SSL_CTX_use_PrivateKey(context, key) != 1)
		fail("no certificate");
	X509_free(certificate);
	EVP_PKEY_free(key);
	return context;
}

static void handshake(SSL_CTX *server_side, SSL_CTX *client_side)
{
	SSL *server = SSL_new(server_side), *client = SSL_new(client_side);
	BIO *to_server, *to_client;

	BIO_new_bio_pair(&to_server, 0, &to_client, 0);
	SSL_set_bio(server, to_client, to_client);
	SSL_set_bio(client, to_server, to_server);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	for (int i = 0; i < 10 && (SSL_in_init(server) || SSL_in_init(client));
		i++) {
		SSL_do_handshake(client);
		SSL_do_handshake(server);
	}
	if (SSL_in_init(server) || SSL_in_init(client))
		fail("the handshake does not end");
	SSL_free(server);
	SSL_free(client);
}

static void run_handshakes(void)
{
	SSL_CTX *server = server_context();
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
	result_begin("handshakes");
	while (result_wants_more(500)) {
		uint64_t begun = now_ns();

		handshake(server, client);
		result_op(now_ns() - begun, 0, 0);
	}
	result_end();
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

const struct workload workloads_limits[] = {
	{"sync", run_sync, "no server: 8 KiB added to a file in dir=, synced"},
	{"loopback", run_loopback, "no server: bytes over loopback"},
	{"handshakes", run_handshakes,
		"no server: TLS handshakes, both sides in one thread"},
	{0},
};
