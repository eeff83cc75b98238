/* SPDX-License-Identifier: Apache-2.0 */
#include "server/spawn.h"
#include "base/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

/* In the child: only what is safe after fork. */
static void become_role(
	enum role_kind kind, int channel, int inherited, pid_t master)
{
	char number[16];
	char *const args[] = {(char *)(uintptr_t) "culver",
		(char *)(uintptr_t) "--role",
		(char *)(uintptr_t)role_kind_name(kind), number, NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != master)
		_exit(1);
	snprintf(number, sizeof number, "%d", channel);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	fcntl(channel, F_SETFD, 0);
	if (inherited >= 0)
		fcntl(inherited, F_SETFD, 0);
	unsetenv("NOTIFY_SOCKET");
	execv("/proc/self/exe", args);
	_exit(1);
}

enum err spawn_role(
	enum role_kind kind, int inherited, pid_t *pid_r, int *channel_r)
{
	pid_t master = getpid();
	int fds[2];
	enum err e = ipc_pair(fds);

	if (e)
		return e;
	*pid_r = fork();
	if (*pid_r == 0)
		become_role(kind, fds[1], inherited, master);
	close(fds[1]);
	if (*pid_r < 0) {
		close(fds[0]);
		return err_from_errno(errno);
	}
	*channel_r = fds[0];
	return OK;
}
