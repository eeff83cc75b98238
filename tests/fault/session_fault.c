/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of each protocol over a store that fails at its n-th call, for every
 * n, each kind of error, and each command that changes something; and with
 * every write run twice, as after a conflict. Whatever fails, the client hears
 * of it with a code, the mail is as it was, the session goes on, and the same
 * command succeeds when nothing fails. A command that was answered well did
 * all of it, also when something failed: then it was only about telling what
 * had changed (the n of those are printed with CULVER_SOAK). Commands that only
 * read give a whole answer or none.
 *
 * One session tries every n, so it also shows that a hundred failures leave
 * nothing behind.
 */
#include "dump.h"
#include "base/cursor.h"
#include "base/ipc.h"
#include "base/log.h"
#include "imap/fixture.h"
#include "lmtp/lmtp.h"
#include "pop3/pop3.h"
#include "store/fault.h"

#define SMALL 100
#define LARGE (2 * CHUNK_SIZE + 1000)
#define ACCOUNTS 3

static const struct {
	unsigned on;
	enum err err;
	const char *name;
} faults[] = {
	{FAULT_ANY, ERR_IO, "any call"},
	{FAULT_COMMIT, ERR_NOSPACE, "a commit, no space"},
	{FAULT_COMMIT, ERR_CONFLICT, "a commit, others are always faster"},
	{FAULT_GET | FAULT_SCAN, ERR_CORRUPT, "a read, damage"},
};

struct place {
	struct store_fault fault;
	struct world w;
	struct client c;
};

/* ------------------------------------------------------------------- people */

static enum err resolve(void *ctx, uint32_t type, uint32_t id, str payload)
{
	static const char *const names[] = {"", "ann", "bob", "cas"};
	struct place *p = ctx;
	struct cursor c = cursor_of(payload);
	struct buf out = BUF_UNBOUNDED;
	unsigned number = 0;
	str address;

	(void)type;
	(void)cursor_sized(&c);
	address = cursor_sized(&c);
	for (unsigned i = 1; i <= ACCOUNTS; i++)
		if (str_starts(address, str_c(names[i])))
			number = i;
	assert_true(number > 0);
	buf_add_varint(&out, OK);
	buf_add_sized(&out, STR(""));
	buf_add_varint(&out, 1);
	buf_add_varint(&out, number);
	buf_add_sized(&out, str_c(names[number]));
	buf_add_varint(&out, 1);
	session_service_answer(p->w.service, id, buf_str(&out));
	buf_fini(&out);
	return OK;
}

static void dial(struct place *p, const struct session_protocol *protocol)
{
	const struct handover h = {.protocol = str_c(protocol->name),
		.tag = STR("L"),
		.session = STR("test"),
		.remote = STR("127.0.0.1:1")};
	bool lmtp = protocol == &lmtp_protocol;
	const struct ticket t = {.account = lmtp ? 0 : 1,
		.name = lmtp ? STR("") : STR("ann"),
		.rights = lmtp ? TICKET_MAY_DELIVER : TICKET_MAY_ALL};

	p->c = (struct client){
		world_dial(&p->w, protocol, &h, &t), BUF_UNBOUNDED};
}

static void hang_up(struct place *p)
{
	close(p->c.fd);
	buf_fini(&p->c.in);
	world_await_sessions(&p->w, 0);
}

/* ------------------------------------------------------------ conversation */

static void send_all(struct place *p, str s)
{
	while (s.n) {
		ssize_t n = send(p->c.fd, s.p, s.n, MSG_NOSIGNAL);

		assert_true(n > 0);
		s = str_skip(s, (size_t)n);
	}
}

/* {S} {L}: literals with a small and with a large message. */
static void expand(const char *text, struct buf *out)
{
	unsigned number = 100;

	for (; *text; text++) {
		bool large = strncmp(text, "{L}", 3) == 0;
		struct buf bytes = BUF_UNBOUNDED;

		if (!large && strncmp(text, "{S}", 3) != 0) {
			buf_add_byte(out, *text);
			continue;
		}
		buf_addf(&bytes, "Subject: message %u\r\n\r\n", number++);
		while (bytes.n < (large ? LARGE : SMALL))
			buf_addf(&bytes, "line at %zu of %u\r\n", bytes.n,
				number);
		buf_addf(out, "{%zu+}\r\n", bytes.n);
		buf_add(out, buf_str(&bytes));
		buf_fini(&bytes);
		text += 2;
	}
}

/* More of what the server says; false at its end. */
static bool hear_more(struct place *p)
{
	struct pollfd f = {.fd = p->c.fd, .events = POLLIN};
	char piece[65536];
	ssize_t n;

	assert_true(poll(&f, 1, PATIENCE_MS) > 0);
	n = recv(p->c.fd, piece, sizeof piece, 0);
	if (n > 0)
		buf_add(&p->c.in, str_of(piece, (size_t)n));
	return n > 0;
}

/* One command, tagged "q"; all that was said, which ends with the line that
 * begins so, or with the connection. */
static str ask_until(struct place *p, str command, const char *last)
{
	struct buf *in = &p->c.in;

	buf_reset(in);
	send_all(p, command);
	for (;;) {
		str all = buf_str(in);
		size_t at = 0;

		while (at < all.n &&
			!str_starts(str_skip(all, at), str_c(last)))
			at += str_find(str_skip(all, at), STR("\r\n")) + 2;
		if (at < all.n && str_ends(all, STR("\r\n")))
			return all;
		if (!hear_more(p))
			return all;
	}
}

static str ask(struct place *p, const char *command)
{
	struct buf line = BUF_UNBOUNDED;
	str said;

	buf_add_c(&line, "q ");
	expand(command, &line);
	buf_add_c(&line, "\r\n");
	said = ask_until(p, buf_str(&line), "q ");
	buf_fini(&line);
	return said;
}

static str last_line(str said)
{
	size_t at = 0;

	for (size_t i = 0; i + 2 < said.n; i++)
		if (said.p[i] == '\r' && said.p[i + 1] == '\n')
			at = i + 2;
	return str_skip(said, at);
}

static bool is_ok(str said)
{
	return str_starts(last_line(said), STR("q OK"));
}

static str must(struct place *p, const char *command)
{
	str said = ask(p, command);

	if (!is_ok(said))
		print_error("%s: %.*s\n", command, STR_ARG(said));
	assert_true(is_ok(said));
	return said;
}

/* Of what was said, what is the same each time: UIDVALIDITY is not, nor which
 * session claims that a message is \\Recent when one could not. */
static void add_comparable(struct buf *out, str said)
{
	static const char recent[] = "\\Recent";

	while (said.n) {
		size_t digits = 0;

		while (digits < said.n && said.p[digits] >= '0' &&
			said.p[digits] <= '9')
			digits++;
		if (digits > 8) {
			buf_add_byte(out, 'N');
		} else if (digits) {
			buf_add(out, str_take(said, digits));
		} else if (str_starts(said, str_c(recent))) {
			digits = sizeof recent - 1;
			if (digits < said.n && said.p[digits] == ' ')
				digits++;
			else if (str_ends(buf_str(out), STR(" ")))
				buf_truncate(out, out->n - 1);
		} else {
			buf_add_byte(out, said.p[0]);
			digits = 1;
		}
		said = str_skip(said, digits);
	}
	buf_add_byte(out, '\0');
	buf_truncate(out, out->n - 1);
}

/* What the client knows of its mailbox. */
static void probe(struct place *p, bool selected, struct buf *out)
{
	fault_arm(&p->fault, 0, 0, OK);
	buf_reset(out);
	if (!selected)
		return;
	ask(p, "NOOP");
	add_comparable(out, ask(p, "UID FETCH 1:* (FLAGS RFC822.SIZE)"));
}

/* --------------------------------------------------------------------- IMAP */

static const char *const inhabit[] = {
	"APPEND INBOX (odd) {S}",
	"APPEND INBOX (\\Deleted) {S}",
	"APPEND INBOX (\\Deleted odd) {S}",
	"APPEND INBOX {S} {S}",
	"APPEND INBOX (odd) {S}",
	"APPEND INBOX (\\Seen large) {L}",
	"CREATE a/b/c",
	"CREATE box (USE (\\Sent))",
	"APPEND box (other) {S}",
	"SUBSCRIBE box",
	"SETMETADATA INBOX (/private/a \"before\")",
	"SETMETADATA \"\" (/private/b \"before\")",
	"SELECT INBOX",
	"UID EXPUNGE 3",
	"COPY 3:4 a",
	"UNSELECT",
};

static void place_begin(struct place *p)
{
	*p = (struct place){0};
	world_begin_on(&p->w, store_open_fault(store_open_memory(), &p->fault));
	session_service_set_sender(p->w.service,
		&(struct session_sender){resolve, p, PATIENCE_MS});
	dial(p, &imap_protocol);
	hear(&p->c, "L OK");
	for (size_t i = 0; i < COUNT_OF(inhabit); i++)
		must(p, inhabit[i]);
}

static void place_end(struct place *p)
{
	world_end(&p->w);
}

/* What is stored; sessions and whoever comes anew see the same. */
static void dump(struct place *p, account_num account, struct buf *out)
{
	struct buf stored = BUF_UNBOUNDED;
	struct mail *anew = mail_new(p->w.store, NULL);

	fault_arm(&p->fault, 0, 0, OK);
	dump_account(anew, p->w.store, account, &stored);
	dump_account(p->w.mail, p->w.store, account, out);
	assert_str(buf_str(out), stored.p);
	mail_free(anew);
	buf_fini(&stored);
}

enum {
	READS = 1, /* changes nothing */
	STEPS = 2, /* several changes; those before the failure stay */
	GOES = 4,  /* success changes what the session has selected */
	BREAKS = 8 /* who has begun to send a literal can only hang up */
};

/* before: commands, a line each. */
static const struct scenario {
	const char *before, *command;
	unsigned flags;
} scenarios[] = {
	{NULL, "APPEND INBOX (\\Flagged new) {S}", 0},
	{NULL, "APPEND a/b (large) {L}", 0},
	{NULL, "APPEND box {S} (\\Seen) {L} (one) {S}", 0},
	{"SELECT INBOX", "APPEND INBOX (\\Flagged new) {S}", 0},
	{"SELECT INBOX", "APPEND INBOX {S} {S} {L}", 0},
	{"SELECT INBOX", "REPLACE 4 INBOX (\\Draft) {S}", 0},
	{"SELECT INBOX", "UID REPLACE 4 box {L}", 0},
	{NULL,
		"APPEND box (\\Flagged) CATENATE (TEXT {S} URL "
		"\"/INBOX/;UID=4/;SECTION=TEXT\" URL \"/INBOX/;UID=7\")",
		0},
	{"SELECT INBOX",
		"APPEND INBOX (new) CATENATE (URL \";UID=7\" TEXT {L}) {S}", 0},
	{"SELECT INBOX",
		"REPLACE 4 box CATENATE (TEXT {S} URL "
		"\"/INBOX/;UID=4/;SECTION=TEXT\")",
		0},
	{"SELECT INBOX", "COPY 2:5 box", 0},
	{"SELECT INBOX", "COPY 2:5 INBOX", 0},
	{"SELECT INBOX", "MOVE 2:5 box", 0},
	{"SELECT INBOX", "UID MOVE 4:7 INBOX", 0},
	{"SELECT INBOX", "STORE 1:* +FLAGS (work odd \\Seen)", 0},
	{"SELECT INBOX (CONDSTORE)",
		"UID STORE 1:* (UNCHANGEDSINCE 6) FLAGS (work)", 0},
	{"SELECT INBOX", "STORE 2:4 -FLAGS.SILENT (odd)", 0},
	{"SELECT INBOX\nSEARCH RETURN (UPDATE ALL) KEYWORD odd",
		"STORE 1:* +FLAGS (odd)", 0},
	{"SELECT INBOX\nUID SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 ALL",
		"MOVE 2:4 box", 0},
	{"NOTIFY SET (selected (MessageNew (UID FLAGS) MessageExpunge "
	 "FlagChange)) (personal (MessageNew MessageExpunge FlagChange "
	 "MailboxName MailboxMetadataChange))\nSELECT INBOX",
		"COPY 2:5 box", 0},
	{"SELECT INBOX", "EXPUNGE", 0},
	{"SELECT INBOX", "UID EXPUNGE 1:4", 0},
	{"SELECT INBOX", "CLOSE", GOES},
	{NULL, "CREATE new/er/est (USE (\\Junk))", 0},
	{NULL, "DELETE a", 0},
	{NULL, "DELETE box", 0},
	{"SELECT box", "DELETE a/b/c", 0},
	{NULL, "RENAME a x/y", 0},
	{NULL, "RENAME INBOX old/in", 0},
	{"SELECT INBOX", "RENAME INBOX old/in", 0},
	{NULL, "SUBSCRIBE none", 0},
	{NULL, "UNSUBSCRIBE box", 0},
	{NULL, "SETMETADATA INBOX (/private/a NIL /shared/b {S})", 0},
	{NULL, "SETMETADATA \"\" (/private/b \"x\" /private/c \"y\")", 0},
	{"SELECT INBOX", "FETCH 1:* (FLAGS BODY[HEADER])", STEPS},
	{"SELECT INBOX", "FETCH 1:* (FLAGS BODY[])", STEPS | BREAKS},
	{NULL, "SELECT INBOX", READS | GOES},
	{"ENABLE QRESYNC", "SELECT INBOX (QRESYNC (1 2 1:9))", READS | GOES},
	{NULL, "EXAMINE box", READS | GOES},
	{NULL, "STATUS INBOX (MESSAGES UNSEEN SIZE DELETED)", READS},
	{NULL, "LIST (SUBSCRIBED) \"\" * RETURN (STATUS (MESSAGES))", READS},
	{NULL, "LSUB \"\" *", READS},
	{NULL, "ESEARCH IN (personal) RETURN (COUNT ALL) UNSEEN", READS},
	{"SELECT box",
		"ESEARCH IN (selected subtree a) RETURN (MIN MAX) BODY line",
		READS},
	{NULL,
		"NOTIFY SET STATUS (personal (MessageNew MessageExpunge "
		"FlagChange MailboxName))",
		READS},
	{NULL, "GETMETADATA INBOX (/private/a)", READS},
	{"SELECT INBOX", "SEARCH BODY line NOT SUBJECT nothing", READS},
	{"SELECT INBOX", "SEARCH RETURN (SAVE COUNT) BODY line", READS},
	{"SELECT INBOX", "SEARCH RETURN (UPDATE COUNT ALL) BODY line", READS},
	{"SETMETADATA \"\" (/private/filters/values/few \"BODY line\")\n"
	 "SELECT INBOX",
		"SEARCH RETURN (ALL) FILTER few", READS},
	{"ENABLE QRESYNC\nSELECT INBOX",
		"UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)", READS},
	{"SELECT INBOX", "UID SORT (SUBJECT SIZE) UTF-8 ALL", READS},
	{"SELECT INBOX", "THREAD REFERENCES UTF-8 ALL", READS},
	{"SELECT INBOX", "UID FETCH 1:* (ENVELOPE BODYSTRUCTURE PREVIEW)",
		READS},
	{"SELECT INBOX", "FETCH 1:* (BODY.PEEK[TEXT])", READS | BREAKS},
};

/* What a scenario comes to when nothing fails. */
struct clean {
	struct buf before, after; /* what is stored */
	struct buf known_before, known_after;
	struct buf said;
};

static void clean_fini(struct clean *c)
{
	buf_fini(&c->before);
	buf_fini(&c->after);
	buf_fini(&c->known_before);
	buf_fini(&c->known_after);
	buf_fini(&c->said);
}

/* "q NO [CODE] words" */
static bool is_no(str said)
{
	return str_starts(last_line(said), STR("q NO ["));
}

static void begin(struct place *p, const struct scenario *sc)
{
	const char *at = sc->before;

	place_begin(p);
	while (at && *at) {
		size_t n = strcspn(at, "\n");
		char *command = xstrndup(at, n);

		must(p, command);
		free(command);
		at += n + (at[n] != '\0');
	}
}

static bool has_selected(const struct scenario *sc)
{
	return sc->before && strstr(sc->before, "SELECT");
}

static void run_clean(
	const struct scenario *sc, bool conflicts, struct clean *c)
{
	struct place p;

	*c = (struct clean){BUF_UNBOUNDED, BUF_UNBOUNDED, BUF_UNBOUNDED,
		BUF_UNBOUNDED, BUF_UNBOUNDED};
	begin(&p, sc);
	dump(&p, 1, &c->before);
	probe(&p, has_selected(sc), &c->known_before);
	p.fault.conflicts = conflicts;
	add_comparable(&c->said, must(&p, sc->command));
	p.fault.conflicts = false;
	dump(&p, 1, &c->after);
	probe(&p, has_selected(sc) && !(sc->flags & GOES), &c->known_after);
	check_mail(p.w.mail);
	client_end(&p.c);
	place_end(&p);
}

static bool is_told_of_damage(str said)
{
	return str_find(said, STR("* NO [CORRUPTION] Damaged and ")) < said.n;
}

/* One try; what came of it. */
struct outcome {
	bool fired, ok, gone;
	struct buf stored;
};

static void try_once(struct place *p, const struct scenario *sc, size_t kind,
	uint64_t n, const struct clean *c, struct outcome *o)
{
	str said;

	fault_arm(&p->fault, faults[kind].on, n, faults[kind].err);
	said = ask(p, sc->command);
	o->fired = fault_fired(&p->fault);
	o->ok = is_ok(said);
	o->gone = !o->ok && !str_starts(last_line(said), STR("q "));
	if (o->gone ? !(sc->flags & BREAKS) : !o->ok && !is_no(said)) {
		print_error("%s\nfailing at %llu of %s:\n%.*s", sc->command,
			(unsigned long long)n, faults[kind].name,
			STR_ARG(str_take(said, 2000)));
		fail();
	}
	/* What could not be looked at is told, and is not there. */
	if (o->ok && sc->flags & READS && !is_told_of_damage(said)) {
		struct buf same = BUF_UNBOUNDED;

		add_comparable(&same, said);
		assert_str(buf_str(&same), c->said.p);
		buf_fini(&same);
	}
	dump(p, 1, &o->stored);
}

/* The client and the store agree, and both with what was answered. */
static void check_outcome(struct place *p, const struct scenario *sc,
	const struct outcome *o, const struct clean *c)
{
	struct buf known = BUF_UNBOUNDED;

	if (o->ok)
		assert_str(buf_str(&o->stored), c->after.p);
	else if (!(sc->flags & STEPS))
		assert_str(buf_str(&o->stored), c->before.p);
	if (sc->before && !o->gone && !(sc->flags & (GOES | STEPS))) {
		probe(p, has_selected(sc), &known);
		assert_str(buf_str(&known),
			o->ok ? c->known_after.p : c->known_before.p);
	}
	buf_fini(&known);
}

static void try_kind(
	const struct scenario *sc, size_t kind, const struct clean *c)
{
	struct outcome o = {.fired = true, .stored = BUF_UNBOUNDED};
	struct place p;
	bool begun = false;

	for (uint64_t n = 1; o.fired; n++) {
		if (!begun)
			begin(&p, sc);
		try_once(&p, sc, kind, n, c, &o);
		check_outcome(&p, sc, &o, c);
		if (o.ok && o.fired && getenv("CULVER_SOAK"))
			print_message("# %s: OK though %s failed, the %llu.\n",
				sc->command, faults[kind].name,
				(unsigned long long)n);
		begun = !o.gone && !o.ok && !(sc->flags & (GOES | STEPS));
		if (begun)
			continue;
		check_mail(p.w.mail);
		if (o.gone)
			hang_up(&p);
		else
			client_end(&p.c);
		place_end(&p);
	}
	assert_true(o.ok);
	buf_fini(&o.stored);
}

static void test_imap(void **state)
{
	const struct scenario *sc = *state;
	struct clean c, again;

	run_clean(sc, false, &c);
	run_clean(sc, true, &again);
	assert_str(buf_str(&again.said), c.said.p);
	assert_str(buf_str(&again.after), c.after.p);
	for (size_t kind = 0; kind < COUNT_OF(faults); kind++)
		try_kind(sc, kind, &c);
	clean_fini(&c);
	clean_fini(&again);
}

/* --------------------------------------------------------------------- LMTP */

/* The next line that the server says. */
static str lmtp_line(struct place *p)
{
	struct buf *in = &p->c.in;

	for (;;) {
		size_t end = str_find(buf_str(in), STR("\r\n"));

		if (end < in->n)
			return str_take(buf_str(in), end + 2);
		assert_true(hear_more(p));
	}
}

/* Of one answer, of as many lines as it has: 2 to 5. */
static char lmtp_answer(struct place *p)
{
	for (;;) {
		str line = lmtp_line(p);
		bool last = line.n > 3 && line.p[3] != '-';
		char class = line.p[0];

		/* "452 4.3.1 words" */
		if (last && (class == '4' || class == '5'))
			assert_true(line.n > 10 && line.p[4] == class &&
				    line.p[5] == '.');
		buf_consume(&p->c.in, line.n);
		if (last)
			return class;
	}
}

static char lmtp_ask(struct place *p, const char *line)
{
	send_all(p, str_c(line));
	return lmtp_answer(p);
}

static void lmtp_begin(struct place *p)
{
	dial(p, &lmtp_protocol);
	assert_int_equal(lmtp_answer(p), '2');
	assert_int_equal(lmtp_ask(p, "LHLO here\r\n"), '2');
}

static const char *const recipients[ACCOUNTS] = {
	"RCPT TO:<ann@x>\r\n",
	"RCPT TO:<bob@x>\r\n",
	"RCPT TO:<cas@x>\r\n",
};

/* One message for everybody; who has it according to the answers. */
static void lmtp_deliver(struct place *p, const struct buf *message, bool bdat,
	bool taken_r[ACCOUNTS])
{
	struct buf size = BUF_UNBOUNDED;
	bool any = false;

	memset(taken_r, 0, ACCOUNTS * sizeof *taken_r);
	assert_int_equal(lmtp_ask(p, "MAIL FROM:<x@y>\r\n"), '2');
	for (size_t i = 0; i < ACCOUNTS; i++)
		any |= taken_r[i] = lmtp_ask(p, recipients[i]) == '2';
	assert_true(any); /* who is whose does not ask the store */
	if (bdat) {
		buf_addf(&size, "BDAT %zu LAST\r\n", message->n);
		send_all(p, buf_str(&size));
		send_all(p, buf_str(message));
	} else {
		assert_int_equal(lmtp_ask(p, "DATA\r\n"), '3');
		send_all(p, buf_str(message));
		send_all(p, STR(".\r\n"));
	}
	for (size_t i = 0; i < ACCOUNTS; i++)
		if (taken_r[i])
			taken_r[i] = lmtp_answer(p) == '2';
	buf_fini(&size);
}

static void dump_all(struct place *p, struct buf stored[ACCOUNTS])
{
	for (size_t i = 0; i < ACCOUNTS; i++)
		dump(p, i + 1, &stored[i]);
}

struct delivery_case {
	const char *name;
	size_t size;
	bool bdat, conflicts;
	uint64_t duplicates_ms;
};

/* Everybody's mail, and that nothing failed. */
struct delivered {
	struct buf before[ACCOUNTS], after[ACCOUNTS];
};

static void place_for(struct place *p, const struct delivery_case *dc)
{
	struct session_limits limits;

	place_begin(p);
	client_end(&p->c);
	limits = session_service_limits(p->w.service);
	limits.duplicates_ms = dc->duplicates_ms;
	session_service_set_limits(p->w.service, &limits);
	lmtp_begin(p);
}

static void lmtp_message(const struct delivery_case *dc, struct buf *message)
{
	buf_add_c(message, "Message-ID: <1@x>\r\nSubject: one\r\n\r\n");
	while (message->n < dc->size)
		buf_addf(message, "line at %zu\r\n", message->n);
}

/* Date and time of arrival differ. */
static void lmtp_clean(const struct delivery_case *dc, bool conflicts,
	const struct buf *message, struct delivered *d)
{
	bool taken[ACCOUNTS];
	struct place p;

	for (size_t i = 0; i < ACCOUNTS; i++)
		d->before[i] = d->after[i] = BUF_UNBOUNDED;
	place_for(&p, dc);
	dump_all(&p, d->before);
	p.fault.conflicts = conflicts;
	lmtp_deliver(&p, message, dc->bdat, taken);
	p.fault.conflicts = false;
	for (size_t i = 0; i < ACCOUNTS; i++)
		assert_true(taken[i]);
	dump_all(&p, d->after);
	check_mail(p.w.mail);
	hang_up(&p);
	place_end(&p);
}

static void delivered_fini(struct delivered *d)
{
	for (size_t i = 0; i < ACCOUNTS; i++) {
		buf_fini(&d->before[i]);
		buf_fini(&d->after[i]);
	}
}

/* Each recipient's answer is true of that one. Whether any has it. */
static bool check_delivered(
	struct place *p, const struct delivered *d, const bool taken[ACCOUNTS])
{
	struct buf stored = BUF_UNBOUNDED;
	bool any = false;

	for (size_t i = 0; i < ACCOUNTS; i++) {
		any |= taken[i];
		dump(p, i + 1, &stored);
		assert_str(buf_str(&stored),
			taken[i] ? d->after[i].p : d->before[i].p);
	}
	buf_fini(&stored);
	return any;
}

static void lmtp_kind(const struct delivery_case *dc, size_t kind,
	const struct buf *message, const struct delivered *d)
{
	bool fired = true, begun = false, taken[ACCOUNTS];
	struct place p;

	for (uint64_t n = 1; fired; n++) {
		if (!begun)
			place_for(&p, dc);
		fault_arm(&p.fault, faults[kind].on, n, faults[kind].err);
		lmtp_deliver(&p, message, dc->bdat, taken);
		fired = fault_fired(&p.fault);
		begun = !check_delivered(&p, d, taken);
		if (begun)
			continue;
		check_mail(p.w.mail);
		/* A transport brings it to the others again, and to all. */
		lmtp_deliver(&p, message, dc->bdat, taken);
		for (size_t i = 0; i < ACCOUNTS; i++)
			assert_true(taken[i]);
		if (dc->duplicates_ms)
			check_delivered(&p, d, taken);
		check_mail(p.w.mail);
		hang_up(&p);
		place_end(&p);
	}
}

static void test_lmtp(void **state)
{
	const struct delivery_case *dc = *state;
	struct buf message = BUF_UNBOUNDED;
	struct delivered d, again;

	lmtp_message(dc, &message);
	lmtp_clean(dc, false, &message, &d);
	lmtp_clean(dc, true, &message, &again);
	for (size_t i = 0; i < ACCOUNTS; i++)
		assert_str(buf_str(&again.after[i]), d.after[i].p);
	for (size_t kind = 0; kind < COUNT_OF(faults); kind++)
		lmtp_kind(dc, kind, &message, &d);
	delivered_fini(&d);
	delivered_fini(&again);
	buf_fini(&message);
}

static const struct delivery_case deliveries[] = {
	{"LMTP DATA", SMALL, .duplicates_ms = 60000},
	{"LMTP DATA, much of it", LARGE, .bdat = false},
	{"LMTP BDAT", LARGE, .bdat = true, .duplicates_ms = 60000},
};

/* --------------------------------------------------------------------- POP3 */

/* The line that ends what was said; "" at the end of the connection. */
static str pop3_ask(struct place *p, const char *command, bool many_lines)
{
	buf_reset(&p->c.in);
	if (command)
		send_all(p, str_c(command));
	for (;;) {
		str all = buf_str(&p->c.in);
		bool many = many_lines && str_starts(all, STR("+OK"));

		if (str_ends(all, many ? STR("\r\n.\r\n") : STR("\r\n")))
			return all;
		if (!hear_more(p))
			return STR("");
	}
}

/* RFC 3206's codes, and RFC 2449's. */
static bool is_err(str said)
{
	return str_starts(said, STR("-ERR [SYS/")) ||
	       str_starts(said, STR("-ERR [IN-USE]"));
}

struct pop3_case {
	const char *name, *before, *command;
	bool many_lines, to_trash;
	/* Before it deletes, QUIT marks as seen what was fetched, and makes the
	 * Trash: that may stay, of messages all or none go. */
	bool steps;
};

static const struct pop3_case pop3_cases[] = {
	{"POP3 QUIT", "DELE 1\r\nDELE 3\r\n", "QUIT\r\n", .steps = false},
	{"POP3 QUIT after RETR", "TOP 1 0\r\nRETR 2\r\nDELE 1\r\n", "QUIT\r\n",
		.steps = true},
	{"POP3 QUIT to the Trash", "DELE 1\r\nDELE 6\r\n", "QUIT\r\n",
		.to_trash = true, .steps = true},
	{"POP3 login", NULL, NULL, .steps = false},
	{"POP3 STAT", "", "STAT\r\n", .steps = false},
	{"POP3 LIST", "", "LIST\r\n", .many_lines = true},
	{"POP3 UIDL", "", "UIDL\r\n", .many_lines = true},
	{"POP3 TOP", "", "TOP 2 1\r\n", .many_lines = true},
	{"POP3 RETR", "", "RETR 1\r\n", .many_lines = true},
	{"POP3 RETR, much of it", "", "RETR 6\r\n", .many_lines = true},
};

/* Lines, each answered. */
static void pop3_prepare(struct place *p, const char *lines)
{
	while (*lines) {
		const char *end = strstr(lines, "\r\n") + 2;
		char *line = xstrndup(lines, (size_t)(end - lines));
		bool many = *line == 'T' || *line == 'R';

		assert_true(str_starts(pop3_ask(p, line, many), STR("+OK")));
		free(line);
		lines = end;
	}
}

static void pop3_place(struct place *p, const struct pop3_case *pc)
{
	struct session_limits limits;

	place_begin(p);
	client_end(&p->c);
	limits = session_service_limits(p->w.service);
	limits.pop3_to_trash = pc->to_trash;
	/* Without UIDVALIDITY, which is the time. */
	snprintf(limits.pop3_uidl, sizeof limits.pop3_uidl, "%%u");
	session_service_set_limits(p->w.service, &limits);
}

/* A session up to the command, then the command, with the fault armed. */
static str pop3_run(
	struct place *p, const struct pop3_case *pc, size_t kind, uint64_t n)
{
	if (!pc->command)
		fault_arm(&p->fault, faults[kind].on, n, faults[kind].err);
	dial(p, &pop3_protocol);
	if (!pc->command)
		return pop3_ask(p, NULL, false);
	assert_true(str_starts(pop3_ask(p, NULL, false), STR("+OK")));
	pop3_prepare(p, pc->before);
	fault_arm(&p->fault, faults[kind].on, n, faults[kind].err);
	return pop3_ask(p, pc->command, pc->many_lines);
}

/* "INBOX next 8 messages 6", and no more. */
static str inbox_line(str stored)
{
	return str_take(stored, str_find(stored, STR(" unseen")));
}

static void add_inbox_line(struct buf *out, const struct buf *stored)
{
	buf_add(out, inbox_line(buf_str(stored)));
	buf_add_byte(out, '\0');
}

/* What was said was the whole of it, or "-ERR", or, once it was begun, the end
 * of the connection. */
static void pop3_kind(const struct pop3_case *pc, size_t kind,
	const struct buf *before, const struct buf *after,
	const struct buf *whole)
{
	struct buf stored = BUF_UNBOUNDED, inbox_before = BUF_UNBOUNDED,
		   inbox_after = BUF_UNBOUNDED;
	bool fired = true, begun = false, ok = false;
	struct place p;

	add_inbox_line(&inbox_before, before);
	add_inbox_line(&inbox_after, after);

	for (uint64_t n = 1; fired; n++) {
		str said;

		if (!begun)
			pop3_place(&p, pc);
		said = pop3_run(&p, pc, kind, n);
		fired = fault_fired(&p.fault);
		ok = str_starts(said, STR("+OK"));
		if (ok)
			assert_str(said, whole->p);
		else
			assert_true(is_err(said) ||
				    (pc->many_lines && said.n == 0));
		dump(&p, 1, &stored);
		if (!pc->steps)
			assert_str(buf_str(&stored), ok ? after->p : before->p);
		else
			assert_str(inbox_line(buf_str(&stored)),
				ok ? inbox_after.p : inbox_before.p);
		hang_up(&p);
		begun = !ok && !pc->steps;
		if (begun)
			continue;
		check_mail(p.w.mail);
		place_end(&p);
	}
	assert_true(ok);
	assert_str(buf_str(&stored), after->p);
	buf_fini(&stored);
	buf_fini(&inbox_before);
	buf_fini(&inbox_after);
}

static void pop3_clean(const struct pop3_case *pc, bool conflicts,
	struct buf *before, struct buf *after, struct buf *whole)
{
	struct place p;

	pop3_place(&p, pc);
	dump(&p, 1, before);
	p.fault.conflicts = conflicts;
	buf_add(whole, pop3_run(&p, pc, 0, 0));
	p.fault.conflicts = false;
	buf_add_byte(whole, '\0');
	buf_truncate(whole, whole->n - 1);
	dump(&p, 1, after);
	hang_up(&p);
	place_end(&p);
}

static void test_pop3(void **state)
{
	const struct pop3_case *pc = *state;
	struct buf before = BUF_UNBOUNDED, after = BUF_UNBOUNDED,
		   whole = BUF_UNBOUNDED, after_again = BUF_UNBOUNDED,
		   whole_again = BUF_UNBOUNDED;

	pop3_clean(pc, false, &before, &after, &whole);
	pop3_clean(pc, true, &before, &after_again, &whole_again);
	assert_str(buf_str(&whole_again), whole.p);
	assert_str(buf_str(&after_again), after.p);
	for (size_t kind = 0; kind < COUNT_OF(faults); kind++)
		pop3_kind(pc, kind, &before, &after, &whole);
	buf_fini(&before);
	buf_fini(&after);
	buf_fini(&whole);
	buf_fini(&after_again);
	buf_fini(&whole_again);
}

/* --------------------------------------------------------------------- main */

#define IMAP_CASES COUNT_OF(scenarios)
#define LMTP_CASES COUNT_OF(deliveries)
#define POP3_CASES COUNT_OF(pop3_cases)

int main(void)
{
	struct CMUnitTest tests[IMAP_CASES + LMTP_CASES + POP3_CASES];
	struct CMUnitTest *t = tests;

	log_set_level(LOG_ERROR);
	for (size_t i = 0; i < IMAP_CASES; i++)
		*t++ = (struct CMUnitTest){scenarios[i].command, test_imap,
			NULL, NULL, (void *)&scenarios[i]};
	for (size_t i = 0; i < LMTP_CASES; i++)
		*t++ = (struct CMUnitTest){deliveries[i].name, test_lmtp, NULL,
			NULL, (void *)&deliveries[i]};
	for (size_t i = 0; i < POP3_CASES; i++)
		*t++ = (struct CMUnitTest){pop3_cases[i].name, test_pop3, NULL,
			NULL, (void *)&pop3_cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
