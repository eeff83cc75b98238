/* SPDX-License-Identifier: Apache-2.0 */
#include "server/privileges.h"
#include "base/alloc.h"
#include "base/log.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* For roles: become the user, change the root, raise the file limit. For the
 * master: read keys, own the state, signal roles. */
static const unsigned kept[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER,
	CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SYS_CHROOT, CAP_SYS_RESOURCE};

static uint64_t kept_bits(void)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < COUNT_OF(kept); i++)
		bits |= 1ull << kept[i];
	return bits;
}

/* What the process has never had is not asked for. */
static int set_capabilities(uint64_t bits)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		uint32_t half = (uint32_t)(bits >> (32 * i));

		data[i].permitted &= half;
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return (int)syscall(SYS_capset, &head, data);
}

enum err privileges_reduce(void)
{
	uint64_t bits = kept_bits();

	if (geteuid() != 0)
		return OK;
	/* Without the right to do this, there is less to lose. */
	for (unsigned cap = 0; cap < 64; cap++)
		if (!(bits >> cap & 1))
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (set_capabilities(bits) == 0)
		return OK;
	log_error("server", "privileges cannot be given up",
		LOG_C("reason", strerror(errno)));
	return ERR_DENIED;
}
