# SPDX-License-Identifier: Apache-2.0
"""Clients that are broken or mean: each is told so, memory stays bounded, and
the others do not notice."""
import pathlib
import re
import signal
import socket

import pytest

from harness import Server, eventually
from people import append, login, message, ok, working_beside


def connect(server):
    sock = socket.create_connection(server.address(), 30)
    sock.settimeout(60)
    return sock


def read_line(sock):
    out = b""
    while not out.endswith(b"\r\n"):
        data = sock.recv(1)
        if not data:
            return out
        out += data
    return out


def logged_in(server, account=None):
    sock = connect(server)
    read_line(sock)
    name, password = account or server.account()
    sock.sendall(f'a LOGIN "{name}" "{password}"\r\n'.encode())
    assert read_line(sock).startswith(b"a OK")
    return sock


def rest(sock):
    """What comes until the server closes."""
    out = b""
    try:
        while data := sock.recv(65536):
            out += data
    except ConnectionResetError:
        pass
    return out


def memory(server):
    """Bytes (PSS) of all roles together."""
    total = 0
    for pid in [server.process.pid, *server.children().values()]:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(re.search(r"^Pss:\s+(\d+) kB", text, re.M)[1]) * 1024
    return total


@pytest.fixture
def neighbour(server):
    with working_beside(server) as imap:
        yield imap


def send_all(sock, data):
    """False when the server has closed meanwhile."""
    try:
        sock.sendall(data)
        return True
    except (BrokenPipeError, ConnectionResetError):
        return False


NOISE = bytes(range(256)) * 40

BEFORE_LOGIN = [
    (b"x" * 1_000_000, "a line without end"),
    (b"a LOGIN " + b"(" * 100_000 + b"\r\n", "brackets"),
    (b"a LOGIN {4000000000}\r\n", "a literal before login"),
    (b"a LOGIN {4000000000+}\r\n" + b"x" * 100_000, "and one that comes"),
    (NOISE, "noise"),
    (b"\r\n" * 50_000, "empty lines"),
    (b"a NOOP\r\n" * 50_000, "many commands"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + NOISE, "TLS in clear"),
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP"),
    (b"a AUTHENTICATE PLAIN\r\n" + b"A" * 1_000_000 + b"\r\n", "long SASL"),
]


@pytest.mark.parametrize("data, why", BEFORE_LOGIN,
                         ids=[row[1] for row in BEFORE_LOGIN])
def test_before_login(server, neighbour, data, why):
    before = memory(server)
    sock = connect(server)
    assert read_line(sock).startswith(b"* OK")
    send_all(sock, data)
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    said = rest(sock)
    sock.close()
    assert re.search(rb"^(\S+ (BAD|NO|OK)|\* (BYE|BAD)|\+)", said, re.M) or \
        said == b"", said[:200]
    assert memory(server) - before < 8 << 20


AFTER_LOGIN = [
    (b"b SEARCH " + b"(" * 100_000 + b"\r\n", "nested brackets"),
    (b"b SEARCH " + b"NOT " * 200_000 + b"ALL\r\n", "nested NOT"),
    (b"b SEARCH " + b"OR ALL " * 100_000 + b"ALL\r\n", "nested OR"),
    (b"b FETCH 1 BODY[" + b"1." * 50_000 + b"1]\r\n", "a deep section"),
    (b"b FETCH " + b"1," * 500_000 + b"1 FLAGS\r\n", "a long set"),
    (b"b FETCH 1:4294967295 FLAGS\r\n", "a wide set"),
    (b"b FETCH 1 (" + b"FLAGS " * 100_000 + b"FLAGS)\r\n", "many items"),
    (b"b CREATE " + b"a/" * 100_000 + b"a\r\n", "a deep mailbox"),
    (b"b CREATE \"" + b"a" * 100_000 + b"\"\r\n", "a long name"),
    (b"b LIST \"\" \"" + b"*%" * 10_000 + b"\"\r\n", "wildcards"),
    (b"b LIST \"\" (" + b"\"%*\" " * 50_000 + b"\"*\")\r\n", "many patterns"),
    (b"b STORE 1 +FLAGS (" + b" ".join(b"k%d" % i for i in range(50_000)) +
     b")\r\n", "many keywords"),
    (b"b ID (" + b"\"a\" \"b\" " * 50_000 + b"\"a\" \"b\")\r\n", "a long ID"),
    (b"b ENABLE " + b"X" * 1_000_000 + b"\r\n", "a long word"),
    (b"b " + NOISE + b"\r\n", "noise"),
    (b"b APPEND INBOX CATENATE (" + b"URL /INBOX/;UID=1 " * 100_000 +
     b"TEXT {1+}\r\nx)\r\n", "many URLs"),
    (b"b APPEND INBOX CATENATE (TEXT {1+}\r\nx" +
     b" URL {18+}\r\n/INBOX/;UID=99999 TEXT {1+}\r\nx" * 50_000 +
     b")\r\n", "many URLs as literals, the first of nothing"),
    (b"b APPEND INBOX CATENATE (URL /" + b"a/../" * 10_000 +
     b"INBOX/;UID=1)\r\n", "a URL of dots"),
    (b"b APPEND INBOX CATENATE (URL /INBOX/;UID=1/;SECTION=" +
     b"1." * 4_000 + b"1)\r\n", "a URL of a deep section"),
    (b"b SETMETADATA \"\" (/private/filters/values/a \"" +
     b"NOT FILTER a " * 1000 + b"NOT FILTER a\")\r\nc SEARCH FILTER a\r\n",
     "a filter of itself"),
    (b"b APPEND INBOX {2000000000}\r\n", "a literal over the limit"),
    (b"b SEARCH SUBJECT {2000000000}\r\n", "and where none is due"),
]


@pytest.mark.parametrize("data, why", AFTER_LOGIN,
                         ids=[row[1] for row in AFTER_LOGIN])
def test_after_login(server, neighbour, data, why):
    before = memory(server)
    sock = logged_in(server)
    sock.sendall(b"s SELECT INBOX\r\n")
    while not read_line(sock).startswith(b"s OK"):
        pass
    send_all(sock, data)
    send_all(sock, b"\r\nz LOGOUT\r\n")
    said = rest(sock)
    sock.close()
    assert re.search(rb"^(\S+ (BAD|NO|OK) |\* (BYE|BAD) )", said, re.M), \
        said[:200]
    assert memory(server) - before < 24 << 20


def test_slow_clients(server, neighbour):
    """Many that send a byte now and then, and never a line."""
    before = memory(server)
    socks = [connect(server) for _ in range(1000)]
    for sock in socks:
        assert read_line(sock).startswith(b"* OK")
    for byte in b"a LOGI":
        for sock in socks:
            sock.sendall(bytes([byte]))
    assert memory(server) - before < 1000 * 8192
    # Nobody else has to wait for them.
    login(server).logout()
    for sock in socks:
        sock.close()


def test_half_a_literal(server, neighbour):
    """An APPEND that stops in the middle leaves nothing."""
    account = server.account()
    sock = logged_in(server, account)
    sock.sendall(b"b APPEND INBOX {1000000+}\r\n" + b"x" * 500_000)
    sock.close()
    imap = login(server, account)
    assert ok(imap.select("INBOX")) == [b"0"]


def test_append_streams(server):
    """64 MB through APPEND and back cost far less memory than that."""
    sock = logged_in(server)
    before = memory(server)
    size = 64 << 20
    head = b"Subject: big\r\n\r\n"
    line = b"0123456789" * 6 + b"ab\r\n"
    body = head + line * ((size - len(head)) // len(line))
    sock.sendall(b"b APPEND INBOX {%d+}\r\n" % len(body))
    peak = 0
    for i in range(0, len(body), 1 << 20):
        sock.sendall(body[i:i + (1 << 20)])
        if i % (8 << 20) == 0:
            peak = max(peak, memory(server) - before)
    sock.sendall(b"\r\n")
    line = read_line(sock)
    assert line.startswith(b"b OK"), line
    # RocksDB's write buffer is most of it.
    assert peak < 160 << 20
    sock.close()


def test_limit_of_connections():
    """Refused politely, and logged."""
    one = Server({"limits.connections": "20"}).start()
    try:
        socks = [connect(one) for _ in range(20)]
        for sock in socks:
            assert read_line(sock).startswith(b"* OK")
        extra = connect(one)
        assert read_line(extra).startswith(b"* BYE [UNAVAILABLE]")
        assert rest(extra) == b""
        eventually(lambda: re.search("(?i)limit|connections", one.log_text()),
                   "a line in the log")
        socks.pop().close()

        def let_in():
            sock = connect(one)
            said = read_line(sock)
            sock.close()
            return said.startswith(b"* OK")
        eventually(let_in, "somebody new is let in")
        for sock in socks:
            sock.close()
    finally:
        one.close()


def test_reload_keeps_sessions(own_server):
    server = own_server
    imap = login(server)
    ok(imap.select("INBOX"))
    good = server.config.read_text()
    server.config.write_text("this is = not ; a [ configuration")
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: re.search(r"level=(error|warn).*culver.conf",
                                 server.log_text()), "why it was refused")
    append(imap, "INBOX", message(1))
    server.config.write_text(good + "imap = { literal_minus = true; };\n")
    server.process.send_signal(signal.SIGHUP)

    def applied():
        sock = connect(server)
        said = read_line(sock)
        sock.close()
        return b"LITERAL-" in said
    eventually(applied, "a new connection is offered LITERAL-")
    append(imap, "INBOX", message(2))
    assert ok(imap.fetch("1:*", "(UID)"))
    imap.logout()
