/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup_role: the role that asks outside sources of accounts for auth; see
 * lookup/lookup.h. A loop on the channel to auth, and a thread per question
 * that is under way: `workers.lookup_threads` at a time, some more wait, and
 * what comes beyond is answered with ERR_UNAVAILABLE at once. Answers come in
 * any order, under the id of the question.
 *
 * A reload makes the sources anew; questions under way end with the old ones.
 * What the role may read and whether it may start programs is fixed when it
 * starts, so settings that name files need a restart.
 */
#ifndef SERVER_LOOKUP_ROLE_H
#define SERVER_LOOKUP_ROLE_H

#include "server/config.h"
#include "server/confine.h"

/* What the sources that are configured need. The plan points into the config
 * and into static memory. */
void lookup_confine(const struct config *, struct confine_plan *);

#endif
