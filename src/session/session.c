/* SPDX-License-Identifier: Apache-2.0 */
#include "session/session.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "session/counts.h"
#include "session/question.h"
#include "session/zip.h"
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* In session.word, beside the events. Whoever sets it submits the job. */
#define RUNNING (1u << 31)
/* The client went while the session did not listen to it. */
#define HUNG_UP (1u << 30)
#define IN_MIN 2048
/* Compressed input is read so much at a time. */
#define ZIP_PIECE 4096
/* Of such that become nothing, before others have their turn; and how many
 * bytes may: more than any client has reason to send. */
#define ZIP_PIECES 16
#define ZIP_BARREN_MAX ((size_t)1 << 20)

struct session_service {
	struct loop *loop;
	struct pool *pool;
	struct mail *mail;
	struct scoreboard *board;
	void (*ended)(void *, const struct session *);
	void *ended_arg;
	enum err (*hand_back)(void *, const struct session *, str unread);
	void *hand_back_arg;
	struct questions questions; /* the loop's thread's */
	pthread_mutex_t lock;	    /* of all that follows */
	struct session_limits limits;
	struct session_notes notes;
	struct session *sessions;
	unsigned count;
	struct alloc_tide tide;
	struct counts counts; /* of each account */
	bool stopping;
};

struct session_service *session_service_new(struct loop *loop,
	struct pool *pool, struct mail *mail, struct scoreboard *board)
{
	struct session_service *service = xcalloc(1, sizeof *service);

	service->loop = loop;
	service->pool = pool;
	service->mail = mail;
	service->board = board;
	service->questions.loop = loop;
	service->limits = (struct session_limits){
		.per_account = 100,
		.command_memory = 16 << 20,
		.literal = 64 << 20,
		.unauthenticate = true,
		.id_name = "Culver",
		.pop3_uidl = "%08Xu%08Xv",
		.host = "localhost",
		.recipients = 100,
	};
	pthread_mutex_init(&service->lock, NULL);
	return service;
}

void session_service_set_limits(
	struct session_service *service, const struct session_limits *limits)
{
	pthread_mutex_lock(&service->lock);
	service->limits = *limits;
	pthread_mutex_unlock(&service->lock);
}

struct session_limits session_service_limits(struct session_service *service)
{
	struct session_limits limits;

	pthread_mutex_lock(&service->lock);
	limits = service->limits;
	pthread_mutex_unlock(&service->lock);
	return limits;
}

void session_service_set_notes(
	struct session_service *service, const struct session_notes *notes)
{
	pthread_mutex_lock(&service->lock);
	service->notes = *notes;
	pthread_mutex_unlock(&service->lock);
}

void session_service_notes(
	struct session_service *service, struct session_notes *notes_r)
{
	pthread_mutex_lock(&service->lock);
	*notes_r = service->notes;
	pthread_mutex_unlock(&service->lock);
}

struct mail *session_service_mail(struct session_service *service)
{
	return service->mail;
}

void session_service_on_end(struct session_service *service,
	void (*fn)(void *, const struct session *), void *arg)
{
	service->ended = fn;
	service->ended_arg = arg;
}

void session_service_on_hand_back(struct session_service *service,
	enum err (*fn)(void *, const struct session *, str), void *arg)
{
	service->hand_back = fn;
	service->hand_back_arg = arg;
}

/* Scheduling. */

static void start(struct session *s)
{
	struct session_service *service = s->service;

	if (!s->protocol->quick || !loop_run_last(service->loop, &s->job))
		pool_submit(service->pool, &s->job);
}

void session_take_time(void)
{
	loop_let_go();
}

void session_may_last(void)
{
	loop_may_last();
}

/* Notes an event; the session's job is submitted unless it runs already. */
static void schedule(struct session *s, uint32_t event)
{
	uint32_t was = atomic_fetch_or(&s->word, event | RUNNING);

	if (!(was & RUNNING))
		start(s);
}

void session_wake(struct session *s)
{
	schedule(s, SESSION_CHANGED);
}

static void on_io(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	const uint32_t asked_for = EPOLLIN | EPOLLRDHUP | EPOLLOUT;

	(void)loop;
	schedule(LOOP_OWNER(watch, struct session, watch),
		events & asked_for ? SESSION_IO : HUNG_UP);
}

static uint64_t idle_ms(const struct session *s)
{
	uint64_t ms = session_service_limits(s->service).idle_ms;

	if (!ms || (s->protocol->idle_short && ms > s->protocol->idle_ms))
		return s->protocol->idle_ms;
	return ms;
}

/* Activity does not move the timer; when it fires, it looks. */
static void on_timer(struct loop *loop, struct loop_timer *timer)
{
	struct session *s = LOOP_OWNER(timer, struct session, timer);
	uint64_t now = loop_now_ms(loop), ms = idle_ms(s);
	uint64_t due = __atomic_load_n(&s->active_ms, __ATOMIC_RELAXED) + ms;

	if (now >= due)
		schedule(s, SESSION_EXPIRED);
	loop_timer_set(loop, timer, now >= due ? ms : due - now, on_timer);
}

static void note_activity(struct session *s)
{
	__atomic_store_n(&s->active_ms, clock_monotonic_ms(), __ATOMIC_RELAXED);
}

/* Ending. */

static void list_remove(struct session *s)
{
	struct session_service *service = s->service;
	bool ebbs;

	pthread_mutex_lock(&service->lock);
	if (s->next)
		s->next->prev = s->prev;
	if (s->prev)
		s->prev->next = s->next;
	else
		service->sessions = s->next;
	service->count--;
	ebbs = alloc_ebbs(&service->tide, service->count);
	if (s->user.account)
		counts_remove(&service->counts, s->user.account);
	pthread_mutex_unlock(&service->lock);
	if (ebbs)
		alloc_give_back();
}

static void log_end(const struct session *s)
{
	log_info(s->protocol->name, "session ended", LOG_C("session", s->id),
		LOG_C("account", s->account), LOG_C("remote", s->remote),
		LOG_U64("in", s->bytes_in), LOG_U64("out", s->bytes_out));
}

/* Whoever gave the socket could have set that closing it waits for the client.
 */
static void close_now(int fd)
{
	const struct linger never = {0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &never, sizeof never);
	close(fd);
}

/* What is unread may be the next login. */
static void hand_back(struct session *s)
{
	struct session_service *service = s->service;
	enum err e = ERR_UNSUPPORTED;

	if (s->in.n > HANDOVER_LEFTOVER_MAX)
		e = ERR_TOOBIG;
	else if (service->hand_back)
		e = service->hand_back(
			service->hand_back_arg, s, buf_str(&s->in));
	secret_wipe(s->in.p, s->in.cap);
	if (!e)
		return;
	log_info(s->protocol->name, "a connection cannot be handed back",
		LOG_C("session", s->id), LOG_ERR(e));
	if (s->protocol->stranded && send(s->watch.fd, s->protocol->stranded,
					     strlen(s->protocol->stranded),
					     MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug(s->protocol->name, "nor told");
	shutdown(s->watch.fd, SHUT_WR);
}

/* In the loop's thread, with the running bit still set: nobody else has it. */
static void end_session(struct loop *loop, void *arg)
{
	struct session *s = arg;
	struct session_service *service = s->service;

	loop_remove(loop, &s->watch);
	loop_timer_cancel(loop, &s->timer);
	log_end(s);
	SCOREBOARD_SUB(service->board, sessions, 1);
	if (service->ended)
		service->ended(service->ended_arg, s);
	if (s->leaving)
		hand_back(s);
	close_now(s->watch.fd);
	question_free(s->question);
	buf_fini(&s->in);
	buf_fini(&s->out);
	buf_fini(&s->wire);
	zip_free(s->zip);
	arena_fini(&s->arena);
	free(s->account);
	free(s->remote);
	free(s);
}

static void close_session(struct session *s)
{
	if (session_flush(s)) {
		/* What the client did not take is dropped. */
	}
	s->protocol->close(s);
	list_remove(s);
	if (loop_is_here(s->service->loop)) {
		end_session(s->service->loop, s);
		return;
	}
	if (!s->leaving)
		shutdown(s->watch.fd, SHUT_WR);
	loop_post(s->service->loop, end_session, s);
}

/* Running. */

/* What a session that waits must not hold. */
static void assert_parkable(const struct session *s, enum session_want want)
{
	store_assert_idle();
	if (want == SESSION_WANT_INPUT)
		assert(s->out.n == s->out_at && s->wire.n == s->wire_at);
	if (want == SESSION_WANT_ANSWER)
		assert(s->question);
}

static void release_buffers(struct session *s, enum session_want want)
{
	if (s->in.n == 0)
		buf_fini(&s->in);
	if (s->out.n == s->out_at) {
		buf_fini(&s->out);
		s->out_at = 0;
	}
	if (s->wire.n == s->wire_at) {
		buf_fini(&s->wire);
		s->wire_at = 0;
	}
	if (s->zip && want == SESSION_WANT_INPUT)
		zip_park(s->zip);
}

static uint32_t interest_of(enum session_want want)
{
	switch (want) {
	case SESSION_WANT_OUTPUT:
		return EPOLLONESHOT | EPOLLOUT;
	case SESSION_WANT_ANSWER:
		return EPOLLONESHOT;
	default:
		return EPOLLONESHOT | EPOLLIN | EPOLLRDHUP;
	}
}

/* Who was only woken is listened to still. */
static void listen_to(struct session *s, uint32_t interest)
{
	struct loop *loop = s->service->loop;

	if (s->armed == interest)
		return;
	s->armed = interest;
	if (s->watch.fn) {
		s->watch.interest = interest;
		loop_rearm(loop, &s->watch);
	} else if (loop_add(loop, &s->watch, s->watch.fd, interest, on_io)) {
		schedule(s, HUNG_UP);
	}
}

/* True when the session waits now, and may be somebody else's already. */
static bool park(struct session *s, enum session_want want)
{
	uint32_t running = RUNNING;

	assert_parkable(s, want);
	release_buffers(s, want);
	listen_to(s, interest_of(want));
	return atomic_compare_exchange_strong(&s->word, &running, 0);
}

static void run_job(struct pool_job *job)
{
	struct session *s = LOOP_OWNER(job, struct session, job);

	for (;;) {
		uint32_t events =
			atomic_fetch_and(&s->word, RUNNING) & ~RUNNING;
		enum session_want want = SESSION_WANT_CLOSE;

		if (events & (SESSION_IO | HUNG_UP))
			s->armed = 0;
		if (!(events & HUNG_UP))
			want = s->protocol->run(s, events);
		s->leaving = want == SESSION_WANT_HAND_BACK && !s->closed;
		if (want == SESSION_WANT_CLOSE || s->leaving || s->closed) {
			close_session(s);
			return;
		}
		if (want == SESSION_WANT_TURN) {
			pool_submit(s->service->pool, &s->job);
			return;
		}
		if (park(s, want))
			return;
	}
}

/* Input and output. */

/* For a client that never takes all there is: what it took goes. */
static void drop_sent(struct buf *out, size_t *at)
{
	if (*at < SESSION_OUT_HIGH)
		return;
	buf_consume(out, *at);
	*at = 0;
}

static enum err send_all(struct session *s, struct buf *out, size_t *at)
{
	while (*at < out->n) {
		ssize_t n = send(s->watch.fd, out->p + *at, out->n - *at,
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			drop_sent(out, at);
			return ERR_AGAIN;
		}
		if (n < 0) {
			s->closed = true;
			*at = out->n;
			return ERR_CLOSED;
		}
		*at += (size_t)n;
		s->bytes_out += (size_t)n;
		SCOREBOARD_ADD(s->service->board, bytes_out, n);
		note_activity(s);
	}
	*at = 0;
	buf_reset(out);
	return OK;
}

/* Compresses no more before what was compressed has gone. */
static enum err flush_compressed(struct session *s)
{
	for (;;) {
		enum err e = send_all(s, &s->wire, &s->wire_at);

		if (e == ERR_CLOSED)
			s->out_at = s->out.n;
		if (e || s->out_at == s->out.n)
			return e;
		zip_write(s->zip, str_skip(buf_str(&s->out), s->out_at),
			&s->wire);
		s->out_at = 0;
		buf_reset(&s->out);
	}
}

enum err session_flush(struct session *s)
{
	return s->zip ? flush_compressed(s) : send_all(s, &s->out, &s->out_at);
}

static enum err receive(struct session *s, char *room, size_t size, size_t *n_r)
{
	ssize_t n;

	*n_r = 0;
	if (s->armed & EPOLLIN)
		return ERR_AGAIN;
	do
		n = recv(s->watch.fd, room, size, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return ERR_AGAIN;
	if (n <= 0) {
		s->closed = true;
		return ERR_CLOSED;
	}
	*n_r = (size_t)n;
	s->bytes_in += (size_t)n;
	SCOREBOARD_ADD(s->service->board, bytes_in, n);
	note_activity(s);
	return OK;
}

static enum err receive_compressed(
	struct session *s, char *room, size_t size, size_t *n_r)
{
	UNSET char piece[ZIP_PIECE];
	int pieces = 0;
	enum err e;

	while ((e = zip_read(s->zip, room, size, n_r)) == ERR_AGAIN) {
		size_t n;

		if (zip_barren(s->zip) > ZIP_BARREN_MAX) {
			e = ERR_INVALID;
			break;
		}
		/* What is left in the socket wakes the session again. */
		if (pieces++ == ZIP_PIECES)
			return ERR_AGAIN;
		e = receive(s, piece, sizeof piece, &n);
		if (e)
			return e;
		zip_feed(s->zip, str_of(piece, n));
	}
	if (e == ERR_INVALID)
		log_info(s->protocol->name, "not compressed as agreed",
			LOG_C("session", s->id));
	if (e)
		s->closed = true;
	return e ? ERR_CLOSED : OK;
}

enum err session_read_into(
	struct session *s, char *room, size_t size, size_t *n_r)
{
	return s->zip ? receive_compressed(s, room, size, n_r)
		      : receive(s, room, size, n_r);
}

void session_compress(struct session *s)
{
	assert(!s->zip);
	s->zip = zip_new();
	buf_add(&s->wire, str_skip(buf_str(&s->out), s->out_at));
	s->out_at = 0;
	buf_reset(&s->out);
	zip_feed(s->zip, buf_str(&s->in));
	buf_reset(&s->in);
}

/* Output ends first: it does not wait for the client to end its own. The end
 * goes with the last words, for clients that look for it no longer. */
static enum err finish_output(struct session *s)
{
	if (s->zip && !s->finished) {
		zip_write(s->zip, str_skip(buf_str(&s->out), s->out_at),
			&s->wire);
		s->out_at = 0;
		buf_reset(&s->out);
		zip_finish(s->zip, &s->wire);
		s->finished = true;
	}
	return session_flush(s);
}

static enum err feed_compressed(struct session *s)
{
	char piece[ZIP_PIECE];
	size_t n;
	enum err e = receive(s, piece, sizeof piece, &n);

	if (!e)
		zip_feed(s->zip, str_of(piece, n));
	return e;
}

/* Up to where the client's compressed bytes end, which may have to come yet. */
static enum err finish_input(struct session *s)
{
	enum err e = OK;
	str rest;

	while (s->zip && !e) {
		e = s->in.n ? ERR_INVALID : zip_end(s->zip, &rest);
		if (e == ERR_AGAIN) {
			e = feed_compressed(s);
		} else if (!e) {
			buf_add(&s->in, rest);
			zip_free(s->zip);
			s->zip = NULL;
		}
	}
	return e;
}

enum session_want session_leave(struct session *s)
{
	enum err e = finish_output(s);

	if (e)
		return e == ERR_AGAIN ? SESSION_WANT_OUTPUT
				      : SESSION_WANT_CLOSE;
	e = finish_input(s);
	if (!e)
		return SESSION_WANT_HAND_BACK;
	if (e == ERR_AGAIN)
		return SESSION_WANT_INPUT;
	if (e == ERR_INVALID)
		buf_add_c(&s->wire, s->protocol->stranded);
	return SESSION_WANT_CLOSE;
}

void session_say_no_more(struct session *s)
{
	shutdown(s->watch.fd, SHUT_WR);
}

enum err session_read(struct session *s, size_t room)
{
	size_t size, n;
	char *at;
	enum err e;

	if (s->in.n >= room)
		return ERR_TOOBIG;
	size = s->in.cap - s->in.n;
	if (size < IN_MIN / 2)
		size = s->in.n < IN_MIN ? IN_MIN : s->in.n;
	if (size > room - s->in.n)
		size = room - s->in.n;
	at = buf_reserve(&s->in, size);
	if (!at)
		return ERR_TOOBIG;
	e = session_read_into(s, at, size, &n);
	buf_added(&s->in, n);
	return e;
}

void session_wait_begin(struct session *s)
{
	pool_wait_begin(s->service->pool);
}

void session_wait_end(struct session *s)
{
	pool_wait_end(s->service->pool);
}

/* Asking. */

static void on_answer(void *arg)
{
	schedule(arg, SESSION_ANSWERED);
}

void session_ask(struct session *s, uint32_t type, str payload)
{
	assert(!s->question || atomic_load(&s->question->done));
	question_free(s->question);
	s->question = question_new(
		&s->service->questions, type, payload, on_answer, s);
}

enum err session_answer(struct session *s, str *payload_r)
{
	struct question *q = s->question;

	if (!q || !atomic_load(&q->done))
		return ERR_AGAIN;
	*payload_r = buf_str(&q->answer);
	return q->err;
}

void session_service_set_sender(
	struct session_service *service, const struct session_sender *sender)
{
	service->questions.sender = *sender;
}

void session_service_answer(
	struct session_service *service, uint32_t id, str payload)
{
	questions_answer(&service->questions, id, OK, payload);
}

void session_service_unanswered(struct session_service *service)
{
	questions_lost(&service->questions);
}

/* Beginning. */

/* Counts the session that is to begin, if it may. */
static bool admit(struct session_service *service, account_num account)
{
	unsigned most;
	bool admitted;

	pthread_mutex_lock(&service->lock);
	most = service->limits.per_account;
	admitted = !service->stopping &&
		   (!account || !most ||
			   counts_get(&service->counts, account) < most);
	if (admitted && account)
		counts_add(&service->counts, account);
	pthread_mutex_unlock(&service->lock);
	return admitted;
}

static void list_add(struct session *s)
{
	struct session_service *service = s->service;

	pthread_mutex_lock(&service->lock);
	s->next = service->sessions;
	if (s->next)
		s->next->prev = s;
	service->sessions = s;
	service->count++;
	alloc_rises(&service->tide, service->count);
	pthread_mutex_unlock(&service->lock);
}

static void refuse(const struct session_protocol *protocol, int fd,
	const struct handover *h, enum err e)
{
	struct buf out = BUF_UNBOUNDED;

	protocol->refuse(h, e, &out);
	if (send(fd, out.p, out.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_info(protocol->name, "a refused client went");
	buf_fini(&out);
	close(fd);
}

/* The ticket's rights in the mailboxes' terms (RFC 4314). */
static uint32_t mail_rights(uint32_t rights)
{
	uint32_t r = 0;

	if (rights & TICKET_MAY_READ)
		r |= RIGHT_LOOKUP | RIGHT_READ;
	if (rights & TICKET_MAY_WRITE)
		r |= RIGHT_ALL;
	return r;
}

static struct session *new_session(struct session_service *service,
	const struct session_protocol *protocol, const struct handover *h)
{
	struct session *s = xcalloc(1, protocol->size);
	size_t n = h->session.n < sizeof s->id - 1 ? h->session.n
						   : sizeof s->id - 1;

	s->service = service;
	s->protocol = protocol;
	s->job.run = run_job;
	s->remote = xstrndup(h->remote.p, h->remote.n);
	s->peer_key = h->peer_key;
	s->tls = h->tls_version.n > 0;
	if (n)
		memcpy(s->id, h->session.p, n);
	buf_init(&s->in, SIZE_MAX);
	buf_init(&s->out, SIZE_MAX);
	buf_init(&s->wire, SIZE_MAX);
	arena_init(&s->arena, session_service_limits(service).command_memory);
	buf_add(&s->in, h->leftover);
	s->active_ms = clock_monotonic_ms();
	return s;
}

/* Descriptors are given out from below. */
static bool is_among_the_last(int fd)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	       (rlim_t)fd + SESSION_SPARE_FDS >= limit.rlim_cur;
}

static void refuse_for_want(const struct session_protocol *protocol, int fd,
	const struct handover *h)
{
	static _Atomic uint64_t told; /* the second */
	uint64_t now = clock_monotonic_ms() / 1000;

	if (atomic_exchange(&told, now) != now)
		log_error("session",
			"there are no more descriptors: logins are refused; "
			"raise the limit of open files (LimitNOFILE=), or have "
			"fewer connections",
			LOG_U64("kept_for_the_store", SESSION_SPARE_FDS));
	refuse(protocol, fd, h, ERR_UNAVAILABLE);
}

bool session_begin(struct session_service *service,
	const struct session_protocol *protocol, int fd,
	const struct handover *h, const struct ticket *t)
{
	struct session *s;

	if (is_among_the_last(fd)) {
		refuse_for_want(protocol, fd, h);
		return false;
	}
	if (!admit(service, t->account)) {
		log_warn(protocol->name, "too many sessions of one account",
			LOG_STR("account", t->name),
			LOG_STR("remote", h->remote));
		refuse(protocol, fd, h, ERR_LIMIT);
		return false;
	}
	s = new_session(service, protocol, h);
	s->account = xstrndup(t->name.p, t->name.n);
	s->user = (struct mail_user){
		.account = t->account, .rights = mail_rights(t->rights)};
	s->minted_ms = ticket_minted_ms(t);
	s->origin = h->origin;
	s->rights = t->rights;
	s->word = RUNNING; /* until it is in the set: no event comes between */
	protocol->open(s, h);
	list_add(s);
	SCOREBOARD_ADD(service->board, sessions, 1);
	SCOREBOARD_ADD(service->board, sessions_total, 1);
	loop_timer_set(service->loop, &s->timer, idle_ms(s), on_timer);
	s->watch.fd = fd;
	start(s);
	return true;
}

/* All of them. */

void session_service_stop(struct session_service *service)
{
	pthread_mutex_lock(&service->lock);
	service->stopping = true;
	/* Under the lock none of them can be freed. */
	for (struct session *s = service->sessions; s; s = s->next)
		schedule(s, SESSION_STOP);
	pthread_mutex_unlock(&service->lock);
}

void session_service_end(struct session_service *service, account_num account,
	str protocol, uint64_t minted_until_ms)
{
	pthread_mutex_lock(&service->lock);
	for (struct session *s = service->sessions; s; s = s->next)
		if (s->user.account == account &&
			s->minted_ms <= minted_until_ms &&
			(!protocol.n || str_eq_c(protocol, s->protocol->name)))
			schedule(s, SESSION_STOP);
	pthread_mutex_unlock(&service->lock);
}

unsigned session_service_count(struct session_service *service)
{
	unsigned n;

	pthread_mutex_lock(&service->lock);
	n = service->count;
	pthread_mutex_unlock(&service->lock);
	return n;
}

void session_service_each(struct session_service *service,
	void (*fn)(const struct session *, void *), void *arg)
{
	pthread_mutex_lock(&service->lock);
	for (struct session *s = service->sessions; s; s = s->next)
		fn(s, arg);
	pthread_mutex_unlock(&service->lock);
}

void session_service_free(struct session_service *service)
{
	pthread_mutex_destroy(&service->lock);
	counts_fini(&service->counts);
	free(service);
}
