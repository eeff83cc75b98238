/* SPDX-License-Identifier: Apache-2.0 */
#include "session/question.h"
#include "base/alloc.h"

#include <stdlib.h>

/* On their way at a time: the channel has room for so many. */
#define SENT_MAX 64

/* Where it is: the queue, or the bucket of its number. */

static struct question_list *list_of(struct questions *all, uint32_t id)
{
	return id ? &all->sent[id % QUESTION_BUCKETS] : &all->queue;
}

static void put(struct questions *all, struct question *q)
{
	struct question_list *list = list_of(all, q->id);

	q->prev = list->last;
	if (list->last)
		list->last->next = q;
	else
		list->first = q;
	list->last = q;
	all->sent_count += q->id != 0;
}

static void take(struct questions *all, struct question *q)
{
	struct question_list *list = list_of(all, q->id);

	if (q->prev)
		q->prev->next = q->next;
	else
		list->first = q->next;
	if (q->next)
		q->next->prev = q->prev;
	else
		list->last = q->prev;
	q->next = q->prev = NULL;
	all->sent_count -= q->id != 0;
}

static struct question *find_sent(struct questions *all, uint32_t id)
{
	struct question *q = list_of(all, id)->first;

	while (q && q->id != id)
		q = q->next;
	return q;
}

/* Asking and answering. */

static void finish(struct question *q, enum err e, str payload)
{
	void (*answered)(void *) = q->answered;
	void *owner = q->owner;

	take(q->all, q);
	loop_timer_cancel(q->all->loop, &q->timer);
	q->err = e;
	buf_add(&q->answer, payload);
	/* From here on it may be freed. */
	atomic_store(&q->done, true);
	answered(owner);
}

static uint32_t next_id(struct questions *all)
{
	do
		all->last_id++;
	while (!all->last_id || find_sent(all, all->last_id));
	return all->last_id;
}

/* As many as may be on their way. */
static void send_queued(struct questions *all)
{
	const struct session_sender *to = &all->sender;
	struct question *q;

	while (all->sent_count < SENT_MAX && (q = all->queue.first)) {
		take(all, q);
		q->id = next_id(all);
		put(all, q);
		if (!to->send ||
			to->send(to->ctx, q->type, q->id, buf_str(&q->payload)))
			finish(q, ERR_UNAVAILABLE, str_of("", 0));
	}
}

static void on_timer(struct loop *loop, struct loop_timer *timer)
{
	struct question *q = LOOP_OWNER(timer, struct question, timer);
	struct questions *all = q->all;

	(void)loop;
	finish(q, ERR_UNAVAILABLE, str_of("", 0));
	send_queued(all);
}

static void ask(struct loop *loop, void *arg)
{
	struct question *q = arg;
	struct questions *all = q->all;

	put(all, q);
	loop_timer_set(loop, &q->timer, all->sender.patience_ms, on_timer);
	send_queued(all);
}

struct question *question_new(struct questions *all, uint32_t type, str payload,
	void (*answered)(void *), void *owner)
{
	struct question *q = xcalloc(1, sizeof *q);

	q->all = all;
	q->type = type;
	q->answered = answered;
	q->owner = owner;
	q->payload = BUF_UNBOUNDED;
	q->answer = BUF_UNBOUNDED;
	buf_add(&q->payload, payload);
	if (loop_is_here(all->loop))
		ask(all->loop, q);
	else
		loop_post(all->loop, ask, q);
	return q;
}

void question_free(struct question *q)
{
	if (!q)
		return;
	if (!atomic_load(&q->done)) {
		take(q->all, q);
		loop_timer_cancel(q->all->loop, &q->timer);
		send_queued(q->all);
	}
	buf_fini(&q->payload);
	buf_fini(&q->answer);
	free(q);
}

void questions_answer(
	struct questions *all, uint32_t id, enum err e, str payload)
{
	struct question *q = id ? find_sent(all, id) : NULL;

	if (q)
		finish(q, e, payload);
	send_queued(all);
}

void questions_lost(struct questions *all)
{
	for (size_t i = 0; i < QUESTION_BUCKETS; i++)
		while (all->sent[i].first)
			finish(all->sent[i].first, ERR_UNAVAILABLE,
				str_of("", 0));
	send_queued(all);
}
