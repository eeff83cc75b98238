# SPDX-License-Identifier: Apache-2.0
"""Line ends where none belong, in commands, names and messages: nothing that a
client or a sender says becomes a command of somebody else, an answer of ours,
a second message, or a line of the log."""
import base64
import re

import pytest

from delivering import Lmtp
from harness import Server, eventually
from raw import (Raw, at_lmtp, logged_in, logged_in_pop3, responses)

# What must never stand at the beginning of an answer's line.
EVIL = b"\r\n* 666 EXPUNGE\r\nt OK evil\r\nx"
# What every answer begins with, but for what EVIL would be.
ANSWER = re.compile(
    rb"(\* (OK|NO|BYE|PREAUTH|CAPABILITY|LIST|LSUB|STATUS|FLAGS|SEARCH|SORT"
    rb"|ESEARCH|THREAD|METADATA|NAMESPACE|ID|ENABLED|VANISHED"
    rb"|\d+ (EXISTS|RECENT|FETCH|UIDFETCH))|\+|[tz] (OK|NO|BAD)|\* BAD)( |$)")


def literal(data):
    return b"{%d+}\r\n" % len(data) + data


def check(said, tags):
    """Every line is an answer, each tag is answered once, and nothing of EVIL
    stands outside a literal."""
    lines = responses(said)
    for line in lines:
        assert ANSWER.match(line), line
        assert not line.startswith(b"* 666")
        assert not re.match(rb"t OK evil", line)
    heads = [line.split(b" ")[0] for line in lines]
    for tag in tags:
        assert heads.count(tag) == 1, lines
    return lines


@pytest.fixture(scope="module")
def server():
    """Not that of the other tests: what is logged is looked through, and
    logins fail."""
    one = Server().start()
    yield one
    one.close()


@pytest.fixture(scope="module")
def account(server):
    return server.account("ann")


NAMES = [EVIL, b"\r", b"a\rb", b"a\nb", b"\n* 666 EXPUNGE", b"a\0b",
         b"a\x1b[2Jb", b"\xc2\x85", b"\xe2\x80\xa8", b"&AAo-", b"&AA0ACg-",
         b"INBOX\r\n", b"\xff\xfe", b"a\x7f"]

TAKES_NAMES = [
    b"CREATE %s", b"DELETE %s", b"RENAME INBOX %s", b"RENAME %s a",
    b"SUBSCRIBE %s", b"UNSUBSCRIBE %s", b"SELECT %s", b"EXAMINE %s",
    b"STATUS %s (MESSAGES)", b"LIST \"\" %s", b"LIST %s %%", b"LSUB \"\" %s",
    b"APPEND %s {3+}\r\na:b", b"GETMETADATA %s /private/comment",
    b"SETMETADATA %s (/private/comment \"x\")", b"COPY 1 %s", b"MOVE 1 %s",
    b"UID COPY 1 %s",
]


@pytest.mark.parametrize("command", TAKES_NAMES, ids=lambda c: c.decode())
def test_names(server, account, command):
    """None of these can be a mailbox's; the refusal does not repeat it."""
    with logged_in(server, account) as raw:
        raw.ask(b"SELECT INBOX")
        for name in NAMES:
            said = raw.ask(command % literal(name))
            lines = check(said, [b"t"])
            assert lines[-1].startswith((b"t NO", b"t BAD")) or \
                b"LIST" in command or b"LSUB" in command, (name, lines)
            check(raw.ask(b"NOOP", b"z"), [b"z"])
        assert b"evil" not in raw.ask(b'LIST "" *')


WORDS = [
    b"ID (\"name\" %s)", b"ID (%s \"x\")", b"ENABLE %s",
    b"SEARCH CHARSET %s ALL", b"SEARCH SUBJECT %s", b"SEARCH KEYWORD %s",
    b"SEARCH HEADER %s x", b"SORT (ARRIVAL) %s ALL", b"THREAD %s UTF-8 ALL",
    b"FETCH 1 BODY[HEADER.FIELDS (%s)]",
    b"FETCH 1 BODY[HEADER.FIELDS.NOT (%s a)]",
    b"STORE 1 +FLAGS (%s)", b"STORE 1 +FLAGS %s",
    b"GETMETADATA INBOX %s", b"SETMETADATA INBOX (%s \"x\")",
    b"SETMETADATA INBOX (/private/comment %s)", b"COMPRESS %s",
    b"STATUS INBOX (%s)", b"SELECT INBOX (%s)", b"LIST (%s) \"\" *",
    b"LIST \"\" * RETURN (%s)", b"APPEND INBOX (%s) {3+}\r\na:b",
    b"CREATE a (USE (%s))", b"NOTIFY SET (MAILBOXES %s) (MessageNew)",
    b"UID %s 1", b"%s", b"%s INBOX",
]


@pytest.mark.parametrize("command", WORDS, ids=lambda c: c.decode())
def test_words(server, account, command):
    """As a literal, quoted, and as it is: what is said back is one answer."""
    with logged_in(server, account) as raw:
        raw.ask(b"APPEND INBOX {12+}\r\nSubject: a\r\n")
        raw.ask(b"SELECT INBOX")
        for word in (EVIL, b"a\rb", b"a\nb", b"a\0b", b"\x80", b"{3}", b"\"",
                     b"\\", b"a)b", b"\xe2\x80\xa8"):
            check(raw.ask(command % literal(word)), [b"t"])
            quoted = word.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            if b"\r\n" not in word:
                raw.send(b"t " + command % (b'"%s"' % quoted) + b"\r\n")
                check(raw.until(b"(?:t|\\*)"), [])
            check(raw.ask(b"NOOP", b"z"), [b"z"])


TAGS = [b"+", b"*", b"a+b", b"", b"t\0", b"t\r", b"(", b"{1}", b"\"t\"",
        b"t" * 5000, b"\xc3\xa4", b"%", b"\\", b"\x1b[2J"]


@pytest.mark.parametrize("tag", TAGS, ids=lambda t: repr(t[:9]))
def test_tags(server, account, tag):
    """What cannot be one is not repeated."""
    for raw in (Raw(server), logged_in(server, account)):
        with raw:
            if not raw.sock.getsockname():
                continue
            raw.send(tag + b" NOOP\r\nz NOOP\r\n")
            said = raw.until(b"z")
            for line in responses(said)[:-1]:
                assert re.match(rb"\* (BAD|OK|BYE)|t+ (OK|BAD)|a\+b BAD", line)


# Two commands in what the server is to take for one, or the other way round.
FRAMES = [
    (b"t NOOP {9}\r\nz NOOP\r\n\r\n", "a literal where none belongs"),
    (b"t NOOP {9+}\r\nz NOOP\r\n\r\n", "and one that comes unasked"),
    (b"t LIST \"\" {9+}\r\n* OK\r\nx\r\n\r\n", "an answer as a name"),
    (b"t SELECT {5+}\r\nINBOX {9+}\r\nx NOOP\r\n\r\n\r\n", "a second one"),
    (b"t SEARCH SUBJECT {3+} \r\nz NOOP\r\n", "a blank behind the brace"),
    (b"t SEARCH SUBJECT \"{3+}\"\r\nz NOOP\r\n", "a brace in quotes"),
    (b"t SEARCH SUBJECT \"{3+}\r\nz NOOP\r\n", "in quotes that stay open"),
    (b"t SEARCH SUBJECT \"a\\\r\nz NOOP\r\n", "a backslash at the end"),
    (b"t SEARCH SUBJECT {03+}\r\nabc\r\nz NOOP\r\n", "a zero before"),
    (b"t SEARCH SUBJECT {+3}\r\nz NOOP\r\n", "a sign"),
    (b"t SEARCH SUBJECT {-1}\r\nz NOOP\r\n", "less than none"),
    (b"t SEARCH SUBJECT {0x3+}\r\nz NOOP\r\n", "another base"),
    (b"t SEARCH SUBJECT {3+}+}\r\nz NOOP\r\n", "more braces"),
    (b"t SEARCH SUBJECT {3+}\nabc\nz NOOP\r\n", "line feeds alone"),
    (b"t SEARCH SUBJECT {3+}\rabc\r\nz NOOP\r\n", "a bare CR"),
    (b"t SEARCH SUBJECT ~{3+}\r\nabc\r\nz NOOP\r\n", "literal8"),
    (b"t SEARCH SUBJECT {4294967299+}\r\nabc\r\nz NOOP\r\n", "32 bits and 3"),
    (b"t SEARCH SUBJECT {18446744073709551619+}\r\nabc\r\nz NOOP\r\n",
     "64 bits and 3"),
    (b"t APPEND INBOX {3+}\r\na:bz NOOP\r\n", "no end behind a message"),
    (b"t APPEND INBOX {3+}\r\na:b\r\nz NOOP\r\n", "as it should be"),
    (b"t APPEND nowhere {9+}\r\nz NOOP\r\n\r\n", "a refused message"),
    (b"t APPEND INBOX {9}\r\nz NOOP\r\n\r\n", "one that was not awaited"),
    (b"t IDLE\r\nz NOOP\r\nDONE\r\n", "a command while it idles"),
    (b"t NOOP\rz NOOP\r\n", "a bare CR for a line's end"),
    (b"t NOOP\nz NOOP\n", "bare LFs"),
    (b"t NOOP\0\r\nz NOOP\r\n", "a NUL"),
    (b"t UID\r\n FETCH 1 UID\r\nz NOOP\r\n", "a folded command"),
]


@pytest.mark.parametrize("data, why", FRAMES, ids=[why for _, why in FRAMES])
def test_frames(server, account, data, why):
    """The same answers for any way in which the bytes come, and after them the
    session is where it should be."""
    said = []
    for size in (len(data), 1, 7):
        with logged_in(server, account) as raw:
            for i in range(0, len(data), size):
                raw.send(data[i:i + size])
            raw.send(b"\r\nq NOOP\r\n")
            raw.end()
            out = raw.rest()
            responses(out)
            # Continuations are asked for when there is time.
            said.append(re.sub(rb"(?m)^\+ [^\r]*\r\n|APPENDUID \d+ \d+", b"",
                               out))
            assert out.count(b"\r\nz OK") + out.startswith(b"z OK") <= 1
    assert said[0] == said[1] == said[2], why


# Fields in which a line end, a NUL or a quote hides.
HOSTILE = [
    b"Subject: =?utf-8?q?a=0D=0A*_666_EXPUNGE=0D=0At_OK_evil?=",
    b"Subject: =?utf-8?b?DQoqIDY2NiBFWFBVTkdFDQp0IE9LIGV2aWw=?=",
    b"Subject: a\r* 666 EXPUNGE\rt OK evil",
    b"Subject: a\n* 666 EXPUNGE: \nt OK evil: ",
    b"Subject: a\0b\\\"c\r\n \"{3}",
    b"Subject: {10}",
    b"From: \"a\\\r\n b\" <\"x\\\0y\"@[\r\n ]>",
    b"From: =?utf-8?q?=22=0D=0A=5C?= <a@b\r>",
    b"To: a:b@c,\r\n d@\"e\n\";, (\\\r)",
    b"Message-ID: <a\r\n b\"\\@c\n>",
    b"In-Reply-To: <a\0>\r\nReferences: <\"\r>",
    b"Date: \r\n \"\\\n{3}",
    b"Content-Type: text/plain; name*=utf-8''%0d%0a*%20666%20EXPUNGE%0d%0a",
    b"Content-Type: text/plain; name=\"a\\\r\n\\\"\0b\r\"; x={3}",
    b"Content-Type: te\rxt/pl\nain; a\"b=c",
    b"Content-Type: multipart/mixed; boundary=\"\r\n \\\"\n{3}\"",
    b"Content-ID: <\r\n \"\n>\r\nContent-Description: \0{3}",
    b"Content-Disposition: att\rach; filename*0*=utf-8''%00; filename*1=\"\n\"",
    b"Content-Language: \"a\r\n \", \n\r\nContent-Location: \0\r\"{3}",
    b"Content-Transfer-Encoding: \"{3}\r\n \0",
    b"Content-MD5: {3}\r\n \"\r",
]

ASKED = [
    b"FETCH 1 (ENVELOPE BODYSTRUCTURE BODY PREVIEW)",
    b"FETCH 1 (BODY.PEEK[HEADER] BODY.PEEK[TEXT] BODY.PEEK[1] RFC822)",
    b"FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)] BODY.PEEK[1.MIME])",
    b"FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1])",
    b"SORT (SUBJECT FROM TO) UTF-8 ALL", b"THREAD REFERENCES UTF-8 ALL",
]


@pytest.mark.parametrize("rev2", [False, True], ids=["rev1", "rev2"])
@pytest.mark.parametrize("field", HOSTILE, ids=lambda f: repr(f[:30]))
def test_messages(server, account, field, rev2):
    """By APPEND and by LMTP: all of it is data when it comes back."""
    text = field + b"\r\n\r\nbody\r\n* 666 EXPUNGE\r\n"
    with logged_in(server, account) as raw:
        if rev2:
            raw.ask(b"ENABLE IMAP4rev2")
        raw.ask(b"SELECT INBOX")
        raw.ask(b"STORE 1:* +FLAGS.SILENT \\Deleted")
        raw.ask(b"CLOSE")
        raw.ask(b"APPEND INBOX ~" + literal(text))
        raw.ask(b"SELECT INBOX")
        for command in ASKED:
            check(raw.ask(command), [b"t"])
            check(raw.ask(b"NOOP", b"z"), [b"z"])


# ------------------------------------------------------------------- logins

INITIALS = [
    b"\0ann\r\ntime=2026 level=error msg=evil\0x",
    b"\0ann\0x\r\nt OK evil",
    b"\0\n\0\n", b"a\0b\0c\0d", b"\0" * 300, b"\xff\xfe\0x\0y",
    b"\0ann\x1b[2J\0x",
]


@pytest.mark.parametrize("initial", INITIALS, ids=lambda i: repr(i[:12]))
def test_sasl(server, initial):
    """Names and passwords with line ends, NULs and what no terminal should
    see: refused, in one answer, and in one line of the log."""
    word = base64.b64encode(initial)
    with Raw(server, tls=True) as raw:
        raw.line()
        said = raw.ask(b"AUTHENTICATE PLAIN " + word)
        check(said, [b"t"])
        assert b"t OK" not in said and b"evil" not in said
        said = raw.ask(b"LOGIN " + literal(initial) + b" x")
        check(said, [b"t"])
    with Raw(server, "pop3", tls=True) as raw:
        raw.line()
        raw.send(b"AUTH PLAIN " + word + b"\r\n")
        assert raw.line().startswith(b"-ERR")
    check_log(server)


def check_log(server):
    """Each line is one of ours."""
    def whole():
        text = server.log_text()
        return text.endswith("\n") and text
    for line in eventually(whole, "a whole log").split("\n")[:-1]:
        assert line.startswith("time=20"), line
        assert "msg=evil" not in re.sub(r'"(\\.|[^"])*"', "", line), line
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line), repr(line)


def test_log(server, account):
    """Whatever can be named."""
    evil = b"x\r\ntime=2026 level=error msg=evil\x1b[2J\n"
    with Raw(server) as raw:
        raw.line()
        raw.ask(b"ID (\"name\" " + literal(evil) + b")")
        raw.ask(b"ID (" + literal(evil[:29]) + b" \"x\")")
        name, password = account
        raw.ask(f"LOGIN {name} {password}".encode())
        raw.ask(b"ID (\"name\" " + literal(evil) + b" \"os\" \"a\\\"b=c\")")
        raw.ask(b"SELECT " + literal(evil))
    with at_lmtp(server) as raw:
        raw.send(b"MAIL FROM:<\"a\\\x1b msg=evil \"@x>\r\n"
                 b"MAIL FROM:<\"a msg=evil level=error\"@x>\r\n"
                 b"RCPT TO:<\"b\\\" msg=evil \"@x>\r\nQUIT\r\n")
        raw.rest()
    check_log(server)


# --------------------------------------------------------------------- LMTP

ENDS = [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n",
        b".\r\n", b"\r\n.\0\r\n", b"\r\n. \r\n", b"\r\n..\r\n", b"\n\n.\n\n",
        b"\r\r\n.\r\r\n", b"\r\n\r.\r\n"]


@pytest.mark.parametrize("end", ENDS, ids=lambda e: repr(e))
def test_ends_of_data(server, end):
    """What is no end of a message here must not be one: else somebody's server
    in front, which thinks so, lets a second one through."""
    victim = server.account("victim")
    inner = b"MAIL FROM:<evil@x>\r\nRCPT TO:<%s>\r\nDATA\r\nevil\r\n" \
        % victim[0].encode()
    before = messages(server, victim)
    lmtp = Lmtp(server)
    lmtp.ask("MAIL FROM:<a@b>", 250)
    lmtp.ask(f"RCPT TO:<{victim[0]}>", 250)
    lmtp.ask("DATA", 354)
    lmtp.send(b"Subject: one\r\n\r\nx" + end + inner + b".\r\n")
    assert lmtp.answer()[0] == 250
    lmtp.quit()
    with logged_in(server, victim) as raw:
        raw.ask(b"SELECT INBOX")
        assert b"MAIL FROM:<evil@x>" in raw.ask(b"FETCH * BODY[]")
    assert messages(server, victim) == before + 1


def messages(server, account):
    with logged_in(server, account) as raw:
        said = raw.ask(b"STATUS INBOX (MESSAGES)")
        return int(re.search(rb"MESSAGES (\d+)", said)[1])


ADDRESSES = [b"a\rb@x", b"\"a\r250 2.0.0 ok\"@x", b"a\nb@x", b"\"\\\r\\\n\"@x",
             b"a\0@x", b"\"a\x1b[2J\"@x", b"a\xc2\x85b@x", b"a>250 ok<@x",
             b"\"a\"b@x", b"a" * 900 + b"@x", b"a@" + b"x." * 400 + b"x"]


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda a: repr(a[:20]))
def test_addresses(server, address):
    """What is said back of them is one line, ended by CR LF."""
    with at_lmtp(server) as raw:
        for command in (b"MAIL FROM:<%s>", b"MAIL FROM:<%s> SMTPUTF8",
                        b"MAIL FROM:<>\r\nRCPT TO:<%s>", b"VRFY %s",
                        b"LHLO %s", b"XCLIENT NAME=%s", b"%s"):
            raw.send(command % address + b"\r\nRSET\r\nNOOP z\r\n")
        raw.send(b"QUIT\r\n")
        for line in raw.rest().split(b"\r\n")[:-1]:
            assert re.match(rb"[245]\d\d[ -]", line), line
            assert not re.search(rb"[\r\n\0\x1b]", line), line


def test_bdat_hides_nothing(server):
    """A chunk is so many bytes, whatever is in them; and a refused one is
    passed over whole."""
    victim = server.account("victim")
    inner = b"\r\n.\r\nMAIL FROM:<evil@x>\r\n"
    with at_lmtp(server) as raw:
        raw.send(b"BDAT %d LAST\r\n" % len(inner) + inner)
        assert raw.line().startswith(b"503 ")
        raw.send(b"MAIL FROM:<>\r\n")
        assert raw.line().startswith(b"250 ")
        raw.send(b"RCPT TO:<%s>\r\nBDAT %d LAST\r\n" %
                 (victim[0].encode(), len(inner)) + inner)
        assert raw.line().startswith(b"250 ")
        assert raw.line().startswith(b"250 ")
        raw.send(b"QUIT\r\n")
        assert raw.rest().startswith(b"221 ")


# --------------------------------------------------------------------- POP3

def test_pop3_messages(server):
    """Dots, and bare CRs and LFs around them: the client sees one end, where
    the message ends."""
    ann = server.account("dots")
    bodies = [b"x" + end + b"+OK evil\r\n" for end in ENDS]
    with logged_in(server, ann) as raw:
        for body in bodies:
            said = raw.ask(b"APPEND INBOX ~" +
                           literal(b"Subject: a\r\n\r\n" + body))
            assert b"t OK" in said
    with logged_in_pop3(server, ann) as raw:
        for i in range(len(bodies)):
            for command in (b"RETR %d\r\n", b"TOP %d 99\r\n"):
                raw.send(command % (i + 1))
                assert raw.line().startswith(b"+OK")
                while True:
                    line = raw.line()
                    assert line.endswith(b"\r\n") and \
                        b"\n" not in line[:-2], line
                    if line == b".\r\n":
                        break
                    assert not line.startswith(b".") or line[1:2] == b"."
                raw.send(b"NOOP\r\n")
                assert raw.line() == b"+OK Nothing done\r\n"


@pytest.mark.parametrize("line", [
    b"RETR 1\rQUIT", b"RETR 1\0", b"USER a\rPASS b", b"LANG a\rb",
    b"TOP 1 \r0", b"DELE 1\x0bQUIT", b"\rQUIT", b"LIST 1\nQUIT",
], ids=repr)
def test_pop3_lines(server, line):
    """Never two commands, and nothing of it comes back as an answer."""
    ann = server.account("pop3-lines")
    with logged_in_pop3(server, ann) as raw:
        raw.send(line + b"\r\nNOOP\r\nQUIT\r\n")
        said = raw.rest().split(b"\r\n")
        assert said[-1] == b""
        for answer in said[:-1]:
            assert re.match(rb"(\+OK|-ERR)( |$)|[a-z*-]+ |\.$", answer), said
            assert b"\r" not in answer and b"\n" not in answer
        # Line feeds alone end lines here, as for most servers.
        assert len(said) <= 5
