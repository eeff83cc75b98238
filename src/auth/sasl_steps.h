/* SPDX-License-Identifier: Apache-2.0 */
/* sasl_steps: the steps of the mechanisms, for sasl.c alone. Each is called
 * with the client's next response, of at most SASL_RESPONSE_MAX bytes and none
 * only in round 0, and an empty challenge. */
#ifndef AUTH_SASL_STEPS_H
#define AUTH_SASL_STEPS_H

#include "auth/sasl.h"

/* RFC 4616 section 2: each up to 255 octets must be accepted; passwords are as
 * long as a hash takes them. */
#define SASL_NAME_MAX 255

typedef enum sasl_step sasl_step_fn(
	struct sasl *, str response, struct buf *challenge);

sasl_step_fn sasl_plain_step;
sasl_step_fn sasl_login_step;
sasl_step_fn sasl_apop_step;
sasl_step_fn sasl_external_step;
sasl_step_fn sasl_anonymous_step;
sasl_step_fn sasl_oauthbearer_step;
sasl_step_fn sasl_xoauth2_step;
sasl_step_fn sasl_scram_step;
void sasl_scram_fini(struct sasl *);

/* Sets the reason, a literal. */
enum sasl_step sasl_malformed(struct sasl *, const char *reason);
enum sasl_step sasl_wrong(struct sasl *, const char *reason);

/* saslname of RFC 5802 section 7: 1..SASL_NAME_MAX bytes of UTF-8 without NUL,
 * "=2C" and "=3D" for comma and equals sign. Fills name_r,
 * which was empty, with what it stands for; it is empty after false. */
bool sasl_read_saslname(str, struct buf *name_r);

#endif
