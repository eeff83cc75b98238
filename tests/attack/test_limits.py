# SPDX-License-Identifier: Apache-2.0
"""Literals, lines and counts against their limits: just within, just beyond, and
at the ends of the numbers that a machine has. Beyond is refused before it comes,
in the words that the RFC has for it, and the session goes on wherever the
protocol lets it."""
import re

import pytest

from harness import Server
from raw import Raw, logged_in, memory, responses

KB, MB = 1 << 10, 1 << 20
LIMIT = 64 * KB


@pytest.fixture(scope="module")
def small():
    """A server that takes messages of 64 KB at most, and short lines."""
    one = Server({"limits.literal": '"64kb"', "limits.line": '"8kb"'}).start()
    one.account("ann")
    yield one
    one.close()


def says(raw, data):
    """What is said to it and to a NOOP behind it; or until the end."""
    raw.send(data + b"z NOOP\r\n")
    while not re.search(rb"(^|\r\n)z (OK|BAD)[^\r]*\r\n", raw.seen):
        if not raw.receive():
            break
    out, raw.seen = raw.seen, b""
    return out


NUMBERS = [2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 3, 2**63 - 1, 2**63,
           2**64 - 1, 2**64, 2**64 + 3, 10**30, 10**300]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"{n:.3g}"
                         if n < 1e300 else "1e300")
def test_numbers(small, number):
    """Wherever a number may stand."""
    n = b"%d" % number
    with logged_in(small, small.account("ann")) as raw:
        raw.ask(b"SELECT INBOX")
        for command in (b"APPEND INBOX {%s}", b"SEARCH SUBJECT {%s}",
                        b"SEARCH LARGER %s", b"SEARCH OLDER %s",
                        b"SEARCH MODSEQ %s", b"FETCH %s FLAGS",
                        b"FETCH 1:%s FLAGS", b"UID FETCH %s:* FLAGS",
                        b"FETCH 1 BODY[]<%s.1>", b"FETCH 1 BODY[]<0.%s>",
                        b"FETCH 1 BODY[%s]", b"FETCH 1 BODY[1.%s.1.MIME]",
                        b"FETCH 1 (FLAGS) (CHANGEDSINCE %s)",
                        b"STORE 1 (UNCHANGEDSINCE %s) FLAGS ()",
                        b"UID EXPUNGE %s", b"UID COPY %s:1 INBOX",
                        b"SEARCH RETURN (PARTIAL %s:1) ALL",
                        b"SEARCH RETURN (PARTIAL -1:-%s) ALL",
                        b"GETMETADATA (MAXSIZE %s) INBOX /private/a",
                        b"SELECT INBOX (QRESYNC (1 %s))",
                        b"SELECT INBOX (QRESYNC (%s 1))"):
            said = says(raw, b"t " + command % n + b"\r\n")
            assert re.search(rb"(?m)^t (OK|NO|BAD) ", said), command
            assert re.search(rb"(?m)^z OK ", said), command
            if b"FETCH 1 BODY[]<0" not in command:
                assert b"{" not in said, said


@pytest.mark.parametrize("size, there", [
    (LIMIT - 1, True), (LIMIT, True), (LIMIT + 1, False), (2 * LIMIT, False)])
@pytest.mark.parametrize("sync", [True, False], ids=["sync", "nonsync"])
def test_message_sizes(small, size, there, sync):
    """RFC 7888 section 4: one that comes unasked is passed over."""
    text = b"a: b\r\n\r\n" + b"x" * (size - 8)
    with logged_in(small, small.account("ann")) as raw:
        raw.send(b"t APPEND INBOX {%d%s}\r\n" % (size, b"" if sync else b"+"))
        if sync and not there:
            assert raw.until(b"t").startswith(b"t NO [TOOBIG]")
        else:
            if sync:
                assert raw.line().startswith(b"+")
            raw.send(text + b"\r\n")
            answer = raw.until(b"t")
            assert answer.startswith(
                b"t OK" if there else b"t NO [TOOBIG]"), answer
        assert b"z OK" in raw.ask(b"NOOP", b"z")


def test_endless_message(small):
    """What is announced beyond all bounds is not listened to."""
    with logged_in(small, small.account("ann")) as raw:
        raw.send(b"t APPEND INBOX {%d+}\r\n" % 10**15)
        for _ in range(4000):
            if not raw.send(b"x" * 65536):
                break
        else:
            raise AssertionError("260 MB were taken")
        assert b"t OK" not in raw.rest()


STRINGS = [b"SEARCH SUBJECT %s", b"CREATE %s", b"LIST \"\" %s",
           b"ID (\"name\" %s)", b"SETMETADATA INBOX (/private/comment %s)",
           b"SEARCH OR SUBJECT %s BODY x", b"STATUS %s (MESSAGES)"]


@pytest.mark.parametrize("command", STRINGS, ids=lambda c: c.decode())
@pytest.mark.parametrize("size", [KB, 64 * KB, 256 * KB, MB, 16 * MB])
def test_strings(small, command, size):
    """As a literal that waits, and as one that does not."""
    before = memory(small)
    with logged_in(small, small.account("ann")) as raw:
        raw.send(b"t " + command.split(b"%s")[0] + b"{%d}\r\n" % size)
        first = raw.line()
        if first.startswith(b"+"):
            assert size <= 256 * KB
            raw.send(b"x" * size + command.split(b"%s")[1] + b"\r\n")
            raw.until(b"t")
        else:
            assert re.match(rb"t (BAD|NO) ", first), first
        # A line ends behind the literal that was refused; what belonged to
        # it does not come.
        assert b"z OK" in raw.ask(b"NOOP", b"z")
    with logged_in(small, small.account("ann")) as raw:
        said = says(raw, b"t " + command %
                    (b"{%d+}\r\n" % size + b"x" * size) + b"\r\n")
        assert re.search(rb"(?m)^(t (OK|NO|BAD) |\* BYE )", said), said[:200]
    assert memory(small) - before < 8 * MB


def test_many_literals(small):
    """Each is small; together they are not."""
    before = memory(small)
    with logged_in(small, small.account("ann")) as raw:
        said = says(raw, b"t SEARCH" + b" SUBJECT {60+}\r\n" * 1 + b"x" * 60 +
                    (b" SUBJECT {60+}\r\n" + b"x" * 60) * 100_000 + b"\r\n")
        assert re.search(rb"(?m)^(t (OK|NO|BAD) |\* BYE )", said), said[:200]
    assert memory(small) - before < 8 * MB


@pytest.mark.parametrize("size, taken", [
    (8 * KB - 40, True), (8 * KB + 200, False), (100 * KB, False),
    (4 * MB, False)])
def test_lines(small, size, taken):
    """One that is too long is passed over, up to its end."""
    with logged_in(small, small.account("ann")) as raw:
        said = says(raw, b"t SEARCH SUBJECT \"" + b"x" * size + b"\"\r\n")
        # No mailbox is selected: BAD in any case, but not the same.
        assert re.search(rb"(?m)^[t*] BAD ", said), said[:200]
        assert (b"too long" not in said) == taken, said[:200]
        assert b"z OK" in said


BEFORE_LOGIN = [
    b"t LOGIN {%d}\r\n", b"t LOGIN a {%d}\r\n", b"t AUTHENTICATE {%d}\r\n",
    b"t ID (\"a\" {%d})\r\n", b"{%d}\r\n", b"t NOOP {%d}\r\n",
]


@pytest.mark.parametrize("command", BEFORE_LOGIN, ids=lambda c: c.decode())
@pytest.mark.parametrize("size", [4096, 65536, 2**31, 2**32 + 3, 10**30])
def test_before_login(server, command, size):
    """A few KiB are all that a stranger is given."""
    with Raw(server) as raw:
        raw.line()
        raw.send(command % size)
        first = raw.line()
        assert re.match(rb"\+ |(t|\*) (BAD|NO|BYE) ", first), first
        assert size <= 4096 or not first.startswith(b"+")
    with Raw(server) as raw:
        raw.line()
        raw.send((command % size).replace(b"}", b"+}"))
        for _ in range(64):
            if not raw.send(b"x" * 16384):
                break
        raw.end()
        said = responses(raw.rest())
        assert len(said) < 20
        assert all(re.match(rb"(t|\*) (BAD|NO|BYE) |\+ ", s) for s in said)
