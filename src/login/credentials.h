/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credentials: how all protocols before login lead a SASL exchange (RFC 4422);
 * they differ in words only. Each step says what to do next; the response, if
 * there is one, is in login->response then.
 *
 *	ASK		LOGIN_AUTH is wanted
 *	CHALLENGE	send an empty challenge: the mechanism begins with a
 *			response of the client
 *	others		why it ends; nothing of it is left
 */
#ifndef LOGIN_CREDENTIALS_H
#define LOGIN_CREDENTIALS_H

#include "base/mechanism.h"
#include "login/login.h"

enum credentials_step {
	CREDENTIALS_ASK,
	CREDENTIALS_CHALLENGE,
	CREDENTIALS_UNKNOWN,   /* no such mechanism, or not offered */
	CREDENTIALS_NEEDS_TLS, /* it would be usable after STARTTLS */
	CREDENTIALS_NOT_BASE64,
	CREDENTIALS_CANCELLED,	/* by "*" */
	CREDENTIALS_IMPOSSIBLE, /* a name or password that cannot be */
};

/* The mechanisms that this connection may use now (base/mechanism.h). */
unsigned credentials_usable(const struct login *);

/* Responses may be tokens, up to LOGIN_RESPONSE_MAX: lines are longer where
 * they are, so that memory before login stays small where they are not. */
bool credentials_tokens(const struct login *);

/* AUTHENTICATE or AUTH. initial: base64, "=" for an empty one, or absent. */
enum credentials_step credentials_begin(
	struct login *, str mechanism, str initial);
/* The client's line after a challenge. *told_r: auth knows of the exchange, so
 * that an end of it is to be told (LOGIN_CANCEL). */
enum credentials_step credentials_continue(
	struct login *, str line, bool *told_r);
/* A name and a password are PLAIN's credentials (RFC 4616), so that auth knows
 * one form. */
enum credentials_step credentials_password(
	struct login *, str user, str password);

/* RFC 1939 section 7: one response to the greeting's timestamp. */
enum credentials_step credentials_apop(
	struct login *, str user, str stamp, str digest);

#endif
