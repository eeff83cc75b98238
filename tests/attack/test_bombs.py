# SPDX-License-Identifier: Apache-2.0
"""Messages that are little and mean much: parts, depths and headers without end.
Taken or refused, read back byte for byte, listed and searched; in bounded
memory, while others work on. What is to be 100 MB large is so in `make soak`
(CULVER_BOMB, in MB); what a MB shows, of cost and of the limits of parsers, is
shown by some MB, too."""
import itertools
import zlib

import pytest

from delivering import Lmtp, Refused
from harness import Server
from people import working_beside
from raw import logged_in, peak
from soaking import bound

MB = 1 << 20
LIMIT = 128 * MB
BOMB = bound("BOMB", 8, 100)
# Of what is many.
MANY = BOMB * 10_000
# What the role of mail may come to hold at the most: RocksDB's write buffers,
# and little besides.
PEAK = 420 * MB


@pytest.fixture(scope="module")
def one():
    server = Server({"limits.literal": '"128mb"'}).start()
    yield server
    server.close()


@pytest.fixture
def neighbour(one):
    with working_beside(one, one.account("neighbour")) as imap:
        yield imap


def multiparts(depth, alike=False):
    """Each in the other."""
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n" %
        ((b"b%d" % (0 if alike else i),) * 2) for i in range(depth))


BOMBS = {
    "100,000 parts": lambda:
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" +
        b"--b\r\n\r\nx\r\n" * 100_000 + b"--b--\r\n",
    "100,000 empty parts": lambda:
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" +
        b"--b\r\n" * 100_000,
    "100,000 messages side by side": lambda:
        b"Content-Type: multipart/digest; boundary=b\r\n\r\n" +
        b"--b\r\n\r\nSubject: x\r\n\r\n" * 100_000,
    "depth 100,000": lambda: multiparts(100_000),
    "depth 100,000, one boundary": lambda: multiparts(100_000, True),
    "100,000 messages in one another": lambda:
        b"Content-Type: message/rfc822\r\n\r\n" * 100_000,
    "100,000 of both": lambda: b"".join(
        b"Content-Type: multipart/digest; boundary=b%d\r\n\r\n--b%d\r\n\r\n" %
        (i, i) for i in range(100_000)),
    "a header of 100 MB": lambda:
        b"X-Field: value\r\n" * (BOMB * MB // 16) + b"\r\nbody\r\n",
    "a field of 100 MB": lambda:
        b"Subject: " + b"x" * (BOMB * MB) + b"\r\n\r\nbody\r\n",
    "a folded field of 100 MB": lambda:
        b"To: a@b" + b",\r\n a@b" * (BOMB * MB // 8) + b"\r\n\r\nbody\r\n",
    "a line of 100 MB": lambda: b"\r\n" + b"x" * (BOMB * MB),
    "100,000,000 empty lines": lambda: b"\r\n" + b"\n" * (BOMB * MB),
    "1,000,000 parameters": lambda:
        b"Content-Type: text/plain" + b"".join(
            b";\r\n a*%d=x" % i for i in range(MANY)) + b"\r\n\r\nx\r\n",
    "1,000,000 references": lambda:
        b"References:" + b"".join(
            b" <%d@x>\r\n" % i for i in range(MANY)) + b"\r\nx\r\n",
    "1,000,000 encoded words": lambda:
        b"Subject:" + b" =?utf-8?q?a?=\r\n" * MANY + b"\r\nx\r\n",
    "a boundary of 1 MB": lambda:
        b"Content-Type: multipart/mixed; boundary=" + b"b" * MB +
        b"\r\n\r\n" + (b"--" + b"b" * MB + b"\r\n\r\n") * 9,
    "an address of 10 MB": lambda:
        b"From: <" + b"a." * (5 * MB) + b"@b>\r\n\r\nx\r\n",
}

ASKED = [
    b"FETCH 1 (UID RFC822.SIZE ENVELOPE BODYSTRUCTURE PREVIEW)",
    b"FETCH 1 (BODY BODY.PEEK[1]<0.9> BODY.PEEK[1.1.1.1.1.1.1.1.MIME])",
    b"FETCH 1 BODY.PEEK[99999]",
    b"FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT X-FIELD)]<0.100>)",
    b"FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1]<0.100>)",
    b"SEARCH OR SUBJECT zzz OR BODY zzz HEADER zzz \"\"",
    b"SORT (SUBJECT FROM TO DATE SIZE) UTF-8 ALL",
    b"THREAD REFERENCES UTF-8 ALL",
    b"COPY 1 box",
]


def fetched(raw):
    """The whole message, in its literal."""
    raw.send(b"b FETCH 1 BODY.PEEK[]\r\n")
    head = raw.line()
    text = raw.take(int(head[head.index(b"{") + 1:head.index(b"}")]))
    raw.until(b"b")
    return text


@pytest.mark.parametrize("name", BOMBS)
def test_append(one, neighbour, name):
    text = BOMBS[name]()
    assert len(text) < LIMIT
    with logged_in(one, one.account("bombed")) as raw:
        raw.ask(b"DELETE box")
        raw.ask(b"CREATE box")
        raw.send(b"a APPEND box {%d+}\r\n" % len(text))
        raw.send(text + b"\r\n")
        assert raw.until(b"a").startswith(b"a OK")
        assert b"* 1 EXISTS" in raw.ask(b"SELECT box")
        assert fetched(raw) == text
        for command in ASKED:
            assert b"t OK" in raw.ask(command), command
    assert peak(one, "mail") < PEAK


@pytest.mark.parametrize("name", list(BOMBS)[:6])
def test_delivery(one, neighbour, name):
    account = one.account("delivered")
    lmtp = Lmtp(one)
    try:
        codes = lmtp.deliver("x@y", [account[0]], BOMBS[name]())
        assert [code for code, _ in codes] == [250]
    except Refused as e:
        assert e.code // 100 == 5
    lmtp.quit()
    with logged_in(one, account) as raw:
        raw.ask(b"SELECT INBOX")
        assert b" FETCH (" in raw.ask(b"FETCH * (ENVELOPE BODYSTRUCTURE)")
    assert peak(one, "mail") < PEAK


def deflated(head, piece):
    """head, and pieces without end. Each is compressed alike, once: a full
    flush leaves nothing that the next one could refer to."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    yield deflater.compress(head) + deflater.flush(zlib.Z_FULL_FLUSH)
    one = deflater.compress(piece) + deflater.flush(zlib.Z_FULL_FLUSH)
    while True:
        yield one


# What comes before, a MB that comes again and again (a KB of it on the wire),
# and how often; None: as it is, without being deflated.
DEFLATED = BOMB * 8
STREAMS = {
    "a line": (b"", b"x" * MB),
    "line ends": (b"", b"\r\n" * (MB // 2)),
    "commands": (b"", b"a NOOP\r\n" * (MB // 8)),
    "a literal": (b"a SEARCH SUBJECT {4000000000+}\r\n", b"x" * MB),
    "a message": (b"a APPEND INBOX {4000000000+}\r\n", b"x" * MB),
    "a message, within the limit":
        (b"a APPEND INBOX {%d+}\r\n" % LIMIT, b"x" * MB),
    "blocks that are empty": None,
}


@pytest.mark.parametrize("name", STREAMS)
def test_deflate(one, neighbour, name):
    """What expands a thousandfold is taken as it would be in clear: cut at the
    limits of lines, literals and commands, whoever reads the answers or not."""
    with logged_in(one, one.account("bombed")) as raw:
        assert b"t OK" in raw.ask(b"COMPRESS DEFLATE")
        if STREAMS[name]:
            pieces = deflated(*STREAMS[name])
        else:
            pieces = itertools.repeat(b"\x00\x00\x00\xff\xff" * 20_000)
        raw.sock.settimeout(5)
        try:
            for piece in itertools.islice(pieces, DEFLATED):
                if not raw.send(piece):
                    break
        except TimeoutError:
            pass  # nobody takes the answers
    assert peak(one, "mail") < PEAK
