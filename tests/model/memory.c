/* SPDX-License-Identifier: Apache-2.0 */
/* The game against sessions in this process, on the memory engine. */
#include "base/clock.h"
#include "mail/annotation.h"
#include "mail/view.h"
#include "run.h"

struct stage_world {
	struct world w;
	/* Of one look: keeps no view fresh for others, nor believes in one. */
	struct mail *eye;
};

static void begin(struct game *g)
{
	struct stage_world *s = xcalloc(1, sizeof *s);

	world_begin(&s->w);
	g->world = s;
}

static void end(struct game *g)
{
	struct stage_world *s = g->world;

	world_end(&s->w);
	free(s);
}

static void connect_player(struct player *p)
{
	struct stage_world *s = p->game->world;

	client_begin(&s->w, &p->talk.c);
}

static uint32_t flags_of(
	struct talk *t, const struct view *v, const struct membership *m)
{
	uint32_t flags = (uint32_t)m->flags & FLAGS_SYSTEM;

	for (uint32_t k = 0; k < v->keyword_count; k++)
		if (m->flags & flags_keyword_bit(k))
			flags |= talk_flag(t, v->keywords[k]);
	return flags;
}

static void see_messages(struct talk *t, struct sight *sight, struct view *v)
{
	struct view_iter it = view_iter(v, 1);
	const struct membership *m;

	sight->uidvalidity = v->uidvalidity;
	sight->uidnext = v->uidnext;
	sight->modseq = v->modseq;
	sight->count = 0;
	while ((m = view_iter_next(&it)))
		sight->all[sight->count++] = (struct message){
			.uid = m->uid,
			.flags = flags_of(t, v, m),
			.modseq = m->modseq,
		};
}

static void see_annotation(void *arg, str name, str value)
{
	struct sight *sight = arg;

	(void)name;
	value = str_skip(value, 5); /* note- */
	sight->note = 0;
	for (size_t i = 0; i < value.n; i++)
		sight->note = sight->note * 10 + (unsigned)(value.p[i] - '0');
}

static void see_subscriptions(
	struct game *g, struct talk *t, const struct mail_user *user)
{
	struct stage_world *s = g->world;
	struct arena arena;
	struct mailbox_info *list;
	size_t count;

	arena_init(&arena, SIZE_MAX);
	if (mailbox_list(s->eye, user, &arena, &list, &count))
		talk_die(t, "cannot list");
	for (int i = 0; i < NAMES; i++)
		g->sights[i].subscribed = false;
	while (count--)
		for (int i = 0; i < NAMES; i++)
			if (str_eq_c(list[count].name, box_names[i]))
				g->sights[i].subscribed =
					list[count].subscribed;
	arena_fini(&arena);
}

static void look(struct game *g, struct talk *t)
{
	struct mail_user user = {.account = 1, .rights = RIGHT_ALL};
	struct stage_world *s = g->world;

	s->eye = mail_new(s->w.store, NULL);
	see_subscriptions(g, t, &user);
	for (int i = 0; i < NAMES; i++) {
		struct sight *sight = &g->sights[i];
		struct mailbox_ref ref;
		struct view *v = NULL;
		enum err e = mailbox_open(
			s->eye, &user, str_c(box_names[i]), RIGHT_READ, &ref);

		sight->exists = !e;
		sight->note = 0;
		if (e == ERR_NOTFOUND)
			continue;
		if (e || view_acquire(s->eye, &ref, &v) ||
			annotation_scan(s->eye, &ref, see_annotation, sight))
			talk_die(t, "cannot look");
		see_messages(t, sight, v);
		view_release(s->eye, v);
	}
	mail_free(s->eye);
}

static void settle(struct game *g, unsigned online)
{
	struct stage_world *s = g->world;

	while (session_service_count(s->w.service) > online)
		usleep(100);
}

static void restart(struct game *g)
{
	struct stage_world *s = g->world;

	world_stop(&s->w);
	world_begin_on(&s->w, s->w.store);
}

static void prune(struct game *g, struct talk *t, bool year)
{
	struct stage_world *s = g->world;
	int64_t later = year ? 365 * 86400 : 2 * 3600;

	if (mail_purge(s->w.mail, false) ||
		mail_prune(s->w.mail, clock_wall_s() + later))
		talk_die(t, "cannot prune");
}

int main(void)
{
	static const struct stage stage = {
		.name = "in this process",
		.begin = begin,
		.end = end,
		.connect = connect_player,
		.look = look,
		.settle = settle,
		.restart = restart,
		.prune = prune,
		.looks_always = true,
		.scripts = 100,
		.players = 1,
		.patience = 120,
	};

	return run_main(&stage);
}
