# SPDX-License-Identifier: Apache-2.0
"""Many connections that do nothing, little, or nothing but come and go: each
costs some KiB, nobody else notices, and when they are gone all is as it was."""
import json
import resource
import socket
import struct

import pytest

from harness import Server, eventually
from people import append, login, message, ok, working_beside
from raw import Raw, logged_in, memory
from soaking import bound

# Connections at a time; this process may have so many.
MANY = min(bound("FLOOD", 1000, 10_000),
           resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2)
# Sessions, which cost a login each.
SOME = MANY // 20
KB, MB = 1 << 10, 1 << 20


@pytest.fixture(scope="module", autouse=True)
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (min(hard, 2 * MANY + 1000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def one():
    server = Server().start()
    server.account("crowd")
    yield server
    server.close()


@pytest.fixture
def neighbour(one):
    with working_beside(one, one.account("neighbour")) as imap:
        yield imap


def figures(server, name):
    status = json.loads(server.culver("status", "--json").stdout)
    return sum(p[name] for p in status["auth"]["processes"])


def expect_only_neighbour(server, what):
    """Those of the test before have gone, or will in a moment."""
    eventually(lambda: figures(server, what) == 1, f"one of {what}")


def dial(address):
    sock = socket.create_connection(address, 60)
    sock.settimeout(60)
    return sock


def reset(sock):
    """Gone without a word, and without a trace here."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()


@pytest.fixture(scope="module", autouse=True)
def slow_readers():
    """(server, its memory before, connections that do not read): begun before
    the other tests, since the stall time is 10 s at least."""
    server = Server({"limits.stall_time": '"10s"'}).start()
    account = server.account()
    with logged_in(server, account) as raw:
        text = b"Subject: x\r\n\r\n" + b"0123456789abcdef\r\n" * (MB // 18)
        for _ in range(4):
            assert b"t OK" in raw.ask(
                b"APPEND INBOX {%d+}\r\n" % len(text) + text)
    base = memory(server)
    crowd = [logged_in(server, account) for _ in range(SOME)]
    for raw in crowd:
        raw.send(b"a SELECT INBOX\r\n" + b"a FETCH 1:* BODY[]\r\n" * 50)
    yield server, base, crowd
    for raw in crowd:
        raw.sock.close()
    server.close()


# What half a client says, and what it may cost: before a handshake, next to
# nothing; during one, OpenSSL's buffers for a record and for a message.
SILENT, PLAIN, SHAKING = 6 * KB, 8 * KB, 48 * KB
HALVES = [
    *[(p, b"", SILENT) for p in ("imap", "imaps", "pop3", "pop3s", "lmtp")],
    *[(p, b"a LOGIN {3}\r\n", PLAIN) for p in ("imap", "pop3", "lmtp")],
    *[(p, b"\x16\x03", SHAKING) for p in ("imaps", "pop3s")],
]


@pytest.mark.parametrize("protocol, said, most", HALVES, ids=repr)
def test_slow_writers(one, neighbour, protocol, said, most):
    """Before login, or before TLS."""
    # LMTP has nothing before its session.
    what = "sessions" if protocol == "lmtp" else "connections"
    expect_only_neighbour(one, what)
    before = memory(one)
    address = ("127.0.0.1", getattr(one, f"{protocol}_port"))
    crowd = [dial(address) for _ in range(MANY)]
    try:
        for sock in crowd:
            sock.sendall(said)
        eventually(lambda: figures(one, what) == 1 + len(crowd),
                   "all of them")
        assert ok(neighbour.noop())
        assert (memory(one) - before) / len(crowd) < most
    finally:
        for sock in crowd:
            reset(sock)
    expect_only_neighbour(one, what)
    eventually(lambda: memory(one) - before < 32 * MB, "their memory")


def test_slow_writers_after_login(one, neighbour):
    """Halves of commands, literals, messages and compressed bytes; a byte more
    now and then."""
    account = one.account("crowd")
    expect_only_neighbour(one, "sessions")
    base = memory(one)
    halves = [b"a SEARCH SUBJECT \"x", b"a SEARCH SUBJECT {100+}\r\nx",
              b"a APPEND INBOX {1000000+}\r\nx", b"a IDLE\r\n",
              b"a AUTHENTICATE", b"a COMPRESS DEFLATE\r\n\x01"]
    crowd = [logged_in(one, account) for _ in range(SOME)]
    for i, raw in enumerate(crowd):
        raw.send(halves[i % len(halves)])
    for _ in range(3):
        for raw in crowd:
            raw.send(b"x")
        assert ok(neighbour.noop())
    assert (memory(one) - base) / len(crowd) < 100 * KB
    for raw in crowd:
        reset(raw.sock)
    expect_only_neighbour(one, "sessions")


def test_slow_readers(slow_readers):
    """A large answer is wanted, and not taken: one batch of it waits, nobody
    else does."""
    server, base, crowd = slow_readers
    assert (memory(server) - base) / len(crowd) < 400 * KB
    imap = login(server)
    append(imap, "INBOX", message(1))
    imap.logout()


def test_pop3_and_lmtp_slow_readers(one, neighbour):
    """Pipelined commands whose answers nobody takes."""
    crowd = []
    for protocol, data in (("pop3", b"CAPA\r\n"), ("lmtp", b"HELP\r\n")):
        for _ in range(50):
            raw = Raw(one, protocol)
            raw.sock.setblocking(False)
            crowd.append(raw)
            try:
                for _ in range(200):
                    raw.sock.send(data * 5000)
            except (BlockingIOError, ConnectionResetError, BrokenPipeError):
                pass
    before = memory(one)
    assert ok(neighbour.noop())
    assert before < 400 * MB
    for raw in crowd:
        raw.sock.close()


def test_come_and_go(one, neighbour):
    """Connections that are gone before, while, and after they are greeted."""
    expect_only_neighbour(one, "connections")
    before = memory(one)
    for i in range(2 * MANY):
        address = ("127.0.0.1", (one.imap_port, one.imaps_port, one.pop3_port,
                                 one.pop3s_port, one.lmtp_port)[i % 5])
        sock = dial(address)
        if i % 3 == 1:
            sock.sendall(b"a NOOP\r\n\x16\x03\x01")
        if i % 3 == 2 and i % 5 in (0, 2):
            sock.recv(100)
        reset(sock)
    expect_only_neighbour(one, "connections")
    assert memory(one) - before < 16 * MB


def test_beyond_the_limit():
    """Refused politely, the first of them; then closed; and after the flood
    people come in again."""
    one = Server({"limits.connections": "50"}).start()
    try:
        account = one.account()
        crowd = [Raw(one) for _ in range(50)]
        for raw in crowd:
            assert raw.line().startswith(b"* OK")
        refused = [dial(one.address()) for _ in range(500)]
        for sock in refused:
            sock.settimeout(60)
            try:
                said = sock.recv(1000)
            except ConnectionResetError:
                said = b""
            assert said == b"" or said.startswith(b"* BYE [UNAVAILABLE]")
            sock.close()
        assert b"t OK" in crowd[0].ask(
            ('LOGIN "%s" "%s"' % account).encode())
        for raw in crowd:
            raw.sock.close()
        eventually(lambda: figures(one, "connections") == 0, "their end")
        logged_in(one, account).sock.close()
        assert "connection refused: too many" in one.log_text()
    finally:
        one.close()


def test_slow_readers_are_closed(slow_readers):
    """After the stall time; what was held for them is given back."""
    server, base, _ = slow_readers
    eventually(lambda: figures(server, "sessions") == 0, "the stall time", 120)
    eventually(lambda: memory(server) - base < 32 * MB, "memory given back")
