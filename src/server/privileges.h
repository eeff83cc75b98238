/* SPDX-License-Identifier: Apache-2.0 */
/* privileges: what the master keeps of root's power once its ports are bound:
 * what starting roles again and reading certificates needs. */
#ifndef SERVER_PRIVILEGES_H
#define SERVER_PRIVILEGES_H

#include "base/err.h"

/* Nothing happens when not root. Logged. */
MUST enum err privileges_reduce(void);

#endif
