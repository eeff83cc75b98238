/* SPDX-License-Identifier: Apache-2.0 */
/* mail: opens the store; refuses hand-overs, since nothing executes a session
 * yet. */
#include "base/log.h"
#include "server/role.h"
#include "server/roles.h"
#include "store/store.h"

#include <poll.h>
#include <unistd.h>

static enum err open_store(const struct config *config, struct store **store_r)
{
	if (config->store_engine == STORE_ENGINE_ROCKSDB)
		return store_open_rocksdb(".", store_r);
	*store_r = store_open_memory();
	return OK;
}

int mail_main(int master_fd)
{
	struct role role;
	struct store *store;
	enum role_event event = ROLE_NOTHING;
	str name;

	if (role_begin(&role, ROLE_MAIL, master_fd) ||
		open_store(role.config, &store) || role_ready(&role))
		return 1;
	while (!role.stopping && event != ROLE_GONE) {
		struct pollfd p = {.fd = role.master, .events = POLLIN};

		(void)poll(&p, 1, -1);
		event = role_next(&role, &name);
	}
	store_close(store);
	role_fini(&role);
	return 0;
}
