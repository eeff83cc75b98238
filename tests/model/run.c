/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"
#include "base/log.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define BATCH 100 /* scripts, before all begins anew */
#define PLAYERS 64
/* How often something that happens at the same time is tried before it is
 * believed to go well. */
#define TRIES 4

/* What is played now: so many of these, or this one so often. */
struct work {
	const struct stage *stage;
	const struct script *one; /* NULL: from seed `first` on */
	unsigned first, count, players;
};

struct player_process {
	pid_t pid; /* 0: it ended */
	int said;  /* its standard error */
	atomic_uint seed;
};

/* Of all processes. */
struct common {
	atomic_uint next;
	struct player_process players[PLAYERS];
};

static struct common *common;

/* -------------------------------------------------------------- one of them
 */

static void play_some(const struct work *w, struct player_process *me)
{
	unsigned i;

	while ((i = atomic_fetch_add(&common->next, 1)) < w->count) {
		struct script s;

		alarm(w->stage->patience);
		if (w->one)
			s = *w->one;
		else
			script_make(&s, w->stage, w->first + i);
		atomic_store(&me->seed, s.seed);
		script_run(&s);
	}
	if (w->stage->leave)
		w->stage->leave();
}

static void begin_player(const struct work *w, struct player_process *me)
{
	pid_t pid;

	me->said = memfd_create("said", MFD_CLOEXEC);
	fflush(NULL);
	pid = fork();
	if (me->said < 0 || pid < 0)
		abort();
	if (pid) {
		me->pid = pid;
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(me->said, STDERR_FILENO);
	play_some(w, me);
	exit(0);
}

/* -------------------------------------------------------------- their parent
 */

static struct player_process *player_of(pid_t pid)
{
	for (unsigned i = 0; i < PLAYERS; i++)
		if (common->players[i].pid == pid)
			return &common->players[i];
	return NULL;
}

static void copy_said(int fd)
{
	char piece[4096];
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, piece, sizeof piece)) > 0)
		fwrite(piece, 1, (size_t)n, stderr);
}

/* Others depend on who failed, and go no further. */
static void end_players(void)
{
	for (unsigned i = 0; i < PLAYERS; i++)
		if (common->players[i].pid)
			kill(common->players[i].pid, SIGKILL);
}

/* The first who fails, or NULL. */
static struct player_process *wait_for_players(const struct work *w)
{
	struct player_process *failed = NULL, *p;
	unsigned left = w->players;

	while (left) {
		int status;
		pid_t pid = wait(&status);

		if (pid < 0)
			abort();
		p = player_of(pid);
		if (!p) {
			if (w->stage->child_ended)
				w->stage->child_ended(pid, status);
			continue;
		}
		p->pid = 0;
		left--;
		if (!status || failed)
			continue;
		dprintf(p->said, "(its process ended with status %#x)\n",
			(unsigned)status);
		failed = p;
		end_players();
	}
	return failed;
}

/* True when all went well; else seed_r, if wanted, is of the one that did not,
 * or 0, if it is not clear which. What it said is printed, if wanted. */
static bool play(struct work w, unsigned *seed_r, bool aloud)
{
	struct player_process *failed;
	bool well;

	if (w.players > w.count)
		w.players = w.count;
	atomic_store(&common->next, 0);
	if (w.stage->open)
		w.stage->open(w.players);
	for (unsigned i = 0; i < w.players; i++)
		begin_player(&w, &common->players[i]);
	failed = wait_for_players(&w);
	well = !failed;
	if (failed && aloud)
		copy_said(failed->said);
	if (w.stage->close)
		well = w.stage->close(well, aloud) && well;
	if (seed_r)
		*seed_r = failed ? atomic_load(&failed->seed) : 0;
	for (unsigned i = 0; i < w.players; i++)
		close(common->players[i].said);
	return well;
}

/* ---------------------------------------------------------------- shortening
 */

static bool fails(const struct script *s, unsigned players, bool aloud)
{
	unsigned tries = script_is_sure(s) ? 1 : TRIES * players;

	return !play((struct work){.stage = s->stage,
			     .one = s,
			     .count = tries,
			     .players = players},
		NULL, aloud);
}

/* Leaves out what it fails without: halves, quarters, …, single events. */
static void shorten(struct script *s, unsigned players)
{
	for (unsigned n = s->count / 2; n; n = n > 1 ? (n + 1) / 2 : 0)
		for (unsigned at = 0; at < s->count;) {
			struct script less = *s;
			unsigned to = at + n < s->count ? at + n : s->count;

			memmove(&less.events[at], &less.events[to],
				(s->count - to) * sizeof less.events[0]);
			less.count -= to - at;
			if (fails(&less, players, false))
				*s = less;
			else
				at += n;
		}
}

/* False when it does not fail again. */
static bool report(const struct stage *stage, unsigned seed, unsigned players)
{
	struct script s;
	unsigned before;

	script_make(&s, stage, seed);
	if (!fails(&s, players, false))
		return false;
	do {
		before = s.count;
		shorten(&s, players);
	} while (s.count < before);
	fprintf(stderr, "seed %u fails with these %u events:\n", seed, s.count);
	if (!fails(&s, players, true))
		fprintf(stderr, "(but not always)\n");
	return true;
}

/* One of them, or, if it is not clear which, some of them. */
static void report_batch(const struct work *w, unsigned failed)
{
	unsigned first = failed ? failed : w->first;
	unsigned end = failed ? failed + 1 : w->first + w->count;
	bool again = false;

	for (unsigned seed = first; !again && seed < end; seed++)
		again = report(w->stage, seed, w->players);
	if (!again)
		fprintf(stderr, "seed %u failed, but not again\n", first);
}

int run_main(const struct stage *stage)
{
	unsigned seed = talk_from_environment("CULVER_SEED", 1), failed;
	unsigned scripts =
		talk_from_environment("CULVER_SCRIPTS", stage->scripts);
	unsigned players =
		talk_from_environment("CULVER_PLAYERS", stage->players);
	unsigned end = seed + scripts;

	common = mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (common == MAP_FAILED || players < 1 || players > PLAYERS)
		abort();
	log_set_level(LOG_ERROR);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..1\n");
	for (; seed < end; seed += BATCH) {
		unsigned count = end - seed < BATCH ? end - seed : BATCH;
		const struct work w = {stage, NULL, seed, count, players};

		if (play(w, &failed, true)) {
			printf("# seeds %u to %u\n", seed, seed + count - 1);
			continue;
		}
		report_batch(&w, failed);
		printf("not ok 1 - %u scripts, %s\n", scripts, stage->name);
		return 1;
	}
	printf("ok 1 - %u scripts, %s\n", scripts, stage->name);
	return 0;
}
