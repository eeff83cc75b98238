/* SPDX-License-Identifier: Apache-2.0 */
/* front: accepts nobody yet. */
#include "server/role.h"
#include "server/roles.h"

#include <poll.h>
#include <unistd.h>

int front_main(int master_fd)
{
	struct role role;
	enum role_event event = ROLE_NOTHING;
	str name;

	if (role_begin(&role, ROLE_FRONT, master_fd) || role_ready(&role))
		return 1;
	while (!role.stopping && event != ROLE_GONE) {
		struct pollfd p = {.fd = role.master, .events = POLLIN};

		(void)poll(&p, 1, -1);
		event = role_next(&role, &name);
	}
	role_fini(&role);
	return 0;
}
