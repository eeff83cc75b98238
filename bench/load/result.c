/* SPDX-License-Identifier: Apache-2.0 */
#include "load/result.h"
#include "load/load.h"
#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct {
	const char *name;
	uint64_t begun, cpu_begun;
	uint64_t messages, bytes;
	uint64_t *latencies;
	size_t count, room;
} current;

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void wait_for_go(void)
{
	int c;

	fflush(stdout);
	if (!option_number("wait", 0))
		return;
	while ((c = getchar()) != '\n')
		if (c == EOF)
			exit(1);
}

void result_begin(const char *name)
{
	current.name = name;
	current.messages = current.bytes = 0;
	current.count = 0;
	printf("{\"begin\": \"%s\"}\n", name);
	wait_for_go();
	current.cpu_begun = cpu_ns();
	current.begun = now_ns();
}

void result_op(uint64_t ns, uint64_t messages, uint64_t bytes)
{
	if (current.count == current.room) {
		current.room = current.room ? 2 * current.room : 4096;
		current.latencies = xrealloc(current.latencies, current.room,
			sizeof *current.latencies);
	}
	current.latencies[current.count++] = ns;
	result_more(messages, bytes);
}

void result_more(uint64_t messages, uint64_t bytes)
{
	current.messages += messages;
	current.bytes += bytes;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Of sorted latencies, in seconds; the nearest rank. */
static double percentile(unsigned percent)
{
	size_t rank = (current.count * percent + 99) / 100;

	if (current.count == 0)
		return 0;
	return (double)current.latencies[rank ? rank - 1 : 0] / 1e9;
}

void result_end(void)
{
	uint64_t took = now_ns() - current.begun;
	uint64_t cpu = cpu_ns() - current.cpu_begun, busy = 0;

	for (size_t i = 0; i < current.count; i++)
		busy += current.latencies[i];
	qsort(current.latencies, current.count, sizeof *current.latencies,
		compare);
	printf("{\"end\": \"%s\", \"ops\": %zu, \"messages\": %llu, "
	       "\"bytes\": %llu, \"seconds\": %.9f, \"busy\": %.9f, "
	       "\"p50\": %.9f, \"p99\": %.9f, \"max\": %.9f, "
	       "\"client_cpu\": %.9f}\n",
		current.name, current.count,
		(unsigned long long)current.messages,
		(unsigned long long)current.bytes, (double)took / 1e9,
		(double)busy / 1e9, percentile(50), percentile(99),
		percentile(100), (double)cpu / 1e9);
	wait_for_go();
}

bool result_wants_more(uint64_t least)
{
	double seconds = atof(option_text("seconds", "0"));

	return current.count < option_number("count", least) ||
	       (double)(now_ns() - current.begun) < seconds * 1e9;
}

uint64_t result_ops(void)
{
	return current.count;
}
