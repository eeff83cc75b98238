/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen: what is listened for, one table. A row makes the master bind the
 * addresses of a setting, and the fronts serve them with login_PROTOCOL
 * (login/login.h). To add a door, add a row, and its setting.
 *
 *	X(field, protocol, flags)
 *
 * field	of struct config, ADDRESSES
 * protocol	as in login/login.h; the listener's name, and with LISTEN_TLS
 *		"s" after it
 */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

enum listen_flag {
	LISTEN_TLS = 1,	  /* from the first byte */
	LISTEN_LOGIN = 2, /* people log in with passwords */
};

#define LISTEN_TABLE(X)                                                        \
	X(listen_imap, imap, LISTEN_LOGIN)                                     \
	X(listen_imaps, imap, LISTEN_LOGIN | LISTEN_TLS)                       \
	X(listen_pop3, pop3, LISTEN_LOGIN)                                     \
	X(listen_pop3s, pop3, LISTEN_LOGIN | LISTEN_TLS)                       \
	X(listen_lmtp, lmtp, 0)

#endif
