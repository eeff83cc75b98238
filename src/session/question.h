/* SPDX-License-Identifier: Apache-2.0 */
/*
 * question: what sessions ask of auth, private to this folder. A question
 * belongs to the loop's thread until it is answered, then to its owner; all
 * functions are the loop's thread's but where said. A bounded number is on its
 * way to auth at a time, so that the loop never waits for room; the others wait
 * here. Each has a number that never comes again while one waits for it, so
 * that an answer that comes late, or after its session ended, is nobody's.
 */
#ifndef SESSION_QUESTION_H
#define SESSION_QUESTION_H

#include "base/buf.h"
#include "net/loop.h"
#include "session/session.h"

#include <stdatomic.h>

struct question {
	struct questions *all;
	void (*answered)(void *owner);
	void *owner;
	uint32_t type;
	struct buf payload;
	uint32_t id; /* 0: not sent */
	struct loop_timer timer;
	struct question *next, *prev; /* in its bucket, or in the queue */
	enum err err;
	struct buf answer;
	_Atomic bool done; /* then it is its owner's */
};

#define QUESTION_BUCKETS 64

struct questions {
	struct loop *loop;
	struct session_sender sender;
	struct question_list {
		struct question *first, *last;
	} queue, sent[QUESTION_BUCKETS];
	unsigned sent_count;
	uint32_t last_id;
};

/* Any thread; payload is copied. answered(owner) is called once it is done,
 * unless it was freed before. */
struct question *question_new(struct questions *, uint32_t type, str payload,
	void (*answered)(void *owner), void *owner);
/* Any thread when it is done; in the loop's thread it is taken back before.
 * NULL is fine. */
void question_free(struct question *);

/* The answer to the one that was sent so; nobody's are dropped. */
void questions_answer(struct questions *, uint32_t id, enum err, str payload);
/* None that was sent will be answered any more. */
void questions_lost(struct questions *);

#endif
