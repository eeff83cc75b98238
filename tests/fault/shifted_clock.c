/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For LD_PRELOAD: the wall clock shows so many seconds more than it is as the
 * first 8 bytes of the file $CULVER_SHIFT say; who changes them sets the clock
 * of all processes. Time that only grows (CLOCK_MONOTONIC) is not touched, as
 * when an administrator or NTP sets the clock. Waits until a moment of the wall
 * clock are the kernel's, which knows nothing of this: the server has none
 * (pthread_cond_timedwait always with CLOCK_MONOTONIC).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *shift;

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("CULVER_SHIFT");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		abort();
	shift = p;
	close(fd);
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	static int (*real)(clockid_t, struct timespec *);
	int e;

	if (!real)
		real = REAL(clock_gettime);
	e = real(id, ts);
	if (e == 0 && shift &&
		(id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ts->tv_sec += *shift;
	return e;
}

int gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *t_r)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (t_r)
		*t_r = ts.tv_sec;
	return ts.tv_sec;
}
