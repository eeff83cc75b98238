# SPDX-License-Identifier: Apache-2.0
"""COMPRESS=DEFLATE (RFC 4978), as a client with zlib speaks it."""
import re
import socket
import ssl
import zlib

import pytest
from people import message


class Compressed:
    """Plain lines over a deflated connection, in clear or inside TLS."""

    def __init__(self, server, account, tls):
        port = server.imaps_port if tls else server.imap_port
        self.sock = socket.create_connection(("localhost", port), timeout=60)
        if tls:
            self.sock = server.context.wrap_socket(
                self.sock, server_hostname="localhost")
        self.inflater = self.deflater = None
        self.seen = b""
        self.wire = 0
        self.account = account
        self.until(b"\r\n")
        name, password = account
        self.do(f"LOGIN {name} {password}")

    def receive(self):
        data = self.sock.recv(65536)
        assert data, "the server closed the connection"
        self.wire += len(data)
        self.seen += self.inflater.decompress(data) if self.inflater else data

    def until(self, end):
        while end not in self.seen:
            self.receive()
        at = self.seen.index(end) + len(end)
        out, self.seen = self.seen[:at], self.seen[at:]
        return out

    def send(self, data):
        if self.deflater:
            data = self.deflater.compress(data) + \
                self.deflater.flush(zlib.Z_SYNC_FLUSH)
        self.sock.sendall(data)

    def answer(self, tag):
        while not re.search(rb"(^|\r\n)%s [^\r]*\r\n" % tag, self.seen):
            self.receive()
        at = re.search(rb"(^|\r\n)%s [^\r]*\r\n" % tag, self.seen).end()
        out, self.seen = self.seen[:at], self.seen[at:]
        return out

    def do(self, command, status=b"OK"):
        self.send(b"t " + command.encode() + b"\r\n")
        out = self.answer(b"t")
        assert b"t " + status in out, out
        return out

    def compress(self):
        assert b"t OK" in self.do("COMPRESS DEFLATE")
        assert not self.seen
        self.inflater = zlib.decompressobj(-15)
        self.deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        return self


@pytest.fixture(params=[False, True], ids=["clear", "tls"])
def client(request, server):
    """With 200 messages in INBOX, appended by one command (RFC 3502)."""
    client = Compressed(server, server.account(), request.param)
    texts = [message(i, body="All work and no play. " * 100)
             for i in range(200)]
    client.send(b"m APPEND INBOX" +
                b"".join(b" {%d+}\r\n" % len(text) + text for text in texts)
                + b"\r\n")
    assert b"m OK [APPENDUID" in client.answer(b"m")
    return client.compress()


def test_conversation(client):
    assert b"200 EXISTS" in client.do("SELECT INBOX")
    before = client.wire
    out = client.do("FETCH 1:* (UID ENVELOPE BODY.PEEK[])")
    assert out.count(b" FETCH (") == 200
    assert out.count(b"All work and no play.") == 20000
    assert client.wire - before < len(out) / 10
    # Between these the session waits, and its compressor goes.
    for i in range(50):
        assert b"UID %d " % (i + 1) in client.do(f"FETCH {i + 1} (UID FLAGS)")


def test_active_once(client):
    assert b"[COMPRESSIONACTIVE]" in client.do("COMPRESS DEFLATE", b"NO")
    client.do("COMPRESS", b"BAD")


def test_unknown_mechanism(server):
    client = Compressed(server, server.account(), True)
    client.do("COMPRESS LZ4", b"NO")
    client.compress().do("NOOP")


def test_pipelined_and_split(client):
    """Many commands in one piece, and then each byte of one on its own."""
    client.do("SELECT INBOX")
    client.send(b"".join(b"p%d FETCH %d UID\r\n" % (i, i)
                         for i in range(1, 101)))
    assert client.answer(b"p100").count(b"FETCH (UID") == 100
    data = client.deflater.compress(b"q NOOP\r\n") + \
        client.deflater.flush(zlib.Z_SYNC_FLUSH)
    for i in range(len(data)):
        client.sock.sendall(data[i:i + 1])
    assert b"q OK" in client.answer(b"q")


def test_append(client):
    text = message(1, body="x" * 300000)
    client.send(b"a APPEND INBOX {%d+}\r\n" % len(text) + text + b"\r\n")
    assert b"a OK [APPENDUID" in client.answer(b"a")
    client.do("SELECT INBOX")
    out = client.do("FETCH 201 BODY.PEEK[]")
    assert text in out


def test_idle(client, server):
    client.do("SELECT INBOX")
    client.send(b"i IDLE\r\n")
    client.until(b"+ idling\r\n")
    other = Compressed(server, client.account, False)
    text = message(1)
    other.send(b"a APPEND INBOX {%d+}\r\n" % len(text) + text + b"\r\n")
    assert b"a OK" in other.answer(b"a")
    client.until(b"* 201 EXISTS\r\n")
    client.send(b"DONE\r\n")
    assert b"i OK" in client.answer(b"i")


def test_bomb(client):
    """What expands a thousandfold is a long line like any other."""
    sent = 0
    for piece in [b"x" * (1 << 20)] * 8 + [b"\r\nb NOOP\r\n"]:
        data = client.deflater.compress(piece) + \
            client.deflater.flush(zlib.Z_SYNC_FLUSH)
        sent += len(data)
        client.sock.sendall(data)
    assert sent < 50000
    out = client.answer(b"b")
    assert b" BAD " in out and b"b OK" in out


# Blocks with nothing in them: stored; and with a dynamic code, built for it.
EMPTY = {"stored": b"\x00\x00\x00\xff\xff",
         "dynamic": bytes.fromhex("04c0810800000000207feb070000ffff")}


# Not a timeout.
CUT_OFF = (AssertionError, ConnectionError, ssl.SSLEOFError)


@pytest.fixture(params=sorted(EMPTY))
def empty_block(request):
    block = EMPTY[request.param]
    inflater = zlib.decompressobj(-15)
    assert inflater.decompress(block * 3) == b""
    assert not inflater.unused_data and not inflater.eof
    return block


def test_bomb_of_one_line(client):
    """A line without end is skipped as far as a message may be long, and
    then the client is cut off."""
    spaces = zlib.compressobj(9, zlib.DEFLATED, -15)
    megabyte = spaces.compress(b"x" * (1 << 20)) + \
        spaces.flush(zlib.Z_FULL_FLUSH)
    assert len(megabyte) < 2000
    with pytest.raises(CUT_OFF):
        for _ in range(1000):
            client.sock.sendall(megabyte)
        while True:
            client.receive()
    assert b"BAD [LIMIT]" in client.seen and b"* BYE " in client.seen


def test_some_empty_blocks(client, empty_block):
    """Let pass: what follows is served."""
    client.sock.sendall(empty_block * (500_000 // len(empty_block)))
    client.deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    client.do("NOOP")


def test_endless_empty_blocks(client, empty_block):
    """Cut off, and nobody waits for them meanwhile."""
    with pytest.raises(CUT_OFF):
        for _ in range(100):
            client.sock.sendall(empty_block * (100_000 // len(empty_block)))
        while True:
            client.receive()


def test_not_deflate(client):
    client.deflater = None
    client.send(b"a NOOP\r\n")
    with pytest.raises((AssertionError, OSError)):
        while True:
            client.receive()
