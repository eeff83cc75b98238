# SPDX-License-Identifier: Apache-2.0
"""UNAUTHENTICATE (RFC 8437): a connection goes back and forth between front and
mail, in clear and behind TLS, and nothing of one session is left for the next,
for the limits, or for the process."""
import base64
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import sys
import threading
import time
import zlib

import pytest

HERE = pathlib.Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]
from harness import Server, eventually  # noqa: E402
from test_doors import header  # noqa: E402
from test_mechanisms import make_client_certificate, openssl  # noqa: E402


def b64(text):
    return base64.b64encode(text.encode()).decode()


opened = []


@pytest.fixture(autouse=True)
def close_all():
    """Also of tests that fail: the next one counts connections."""
    yield
    while opened:
        opened.pop().close()


class Client:
    """Lines, in clear or TLS, perhaps deflated."""

    def __init__(self, server, tls=False, first=b"", context=None):
        opened.append(self)
        self.context = context or server.context
        self.sock = socket.create_connection(server.address(tls), timeout=60)
        self.sock.sendall(first)
        if tls:
            self.secure()
        self.seen = b""
        self.inflater = self.deflater = None
        self.greeting = self.line()
        assert self.greeting.startswith("* OK "), self.greeting

    def secure(self):
        self.sock = self.context.wrap_socket(
            self.sock, server_hostname="localhost")

    def receive(self):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError(self.seen)
        while data and self.inflater:
            self.seen += self.inflater.decompress(data)
            data = self.inflater.unused_data
            if not self.inflater.eof:
                return
            self.inflater = None
        self.seen += data

    def line(self):
        while b"\r\n" not in self.seen:
            self.receive()
        line, self.seen = self.seen.split(b"\r\n", 1)
        return line.decode()

    def send(self, *lines):
        data = b"".join(line.encode() + b"\r\n" for line in lines)
        if self.deflater:
            data = self.deflater.compress(data) \
                + self.deflater.flush(zlib.Z_SYNC_FLUSH)
        self.sock.sendall(data)

    def answer(self, tag):
        """All lines up to the tagged one, which comes last."""
        lines = [self.line()]
        while not lines[-1].startswith(tag + " "):
            lines.append(self.line())
        return lines

    def do(self, command, status="OK", tag="t"):
        self.send(f"{tag} {command}")
        lines = self.answer(tag)
        assert lines[-1].startswith(f"{tag} {status}"), lines
        return lines

    def login(self, account, status="OK"):
        return self.do("LOGIN %s %s" % account, status)[-1]

    def leave(self):
        lines = self.do("UNAUTHENTICATE")
        self.deflater = None
        while self.inflater:
            self.receive()
        return lines

    def compress(self):
        self.do("COMPRESS DEFLATE")
        self.inflater = zlib.decompressobj(-15)
        self.deflater = zlib.compressobj(9, zlib.DEFLATED, -15)

    def capabilities(self):
        return set(self.do("CAPABILITY")[0].split()[2:])

    def names(self):
        return {line.rsplit(" ", 1)[1] for line in self.do('LIST "" *')[:-1]}

    def close(self):
        self.sock.close()


def capabilities_of(greeting):
    return set(re.search(r"\[CAPABILITY ([^]]*)\]", greeting)[1].split())


@pytest.fixture(scope="module")
def server():
    one = Server({"proxy.networks": '["127.0.0.2/32"]',
                  "login.master_users": "true",
                  "limits.connections_per_address": "4",
                  "limits.connections_per_account": "3"})
    openssl(one.directory, "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
            "/CN=People", "-keyout", "ca.key", "-out", "ca.pem")
    one.settings["tls.client_ca"] = f'"{one.directory}/ca.pem"'
    one.write_config()
    one.start()
    yield one
    one.close()


@pytest.fixture(params=["clear", "tls", "starttls", "clear-zip", "tls-zip"])
def client(request, server):
    tls = request.param.startswith("tls")
    one = Client(server, tls)
    if request.param == "starttls":
        one.do("STARTTLS")
        one.secure()
    one.zips = request.param.endswith("zip")
    one.before = one.capabilities()
    yield one
    one.close()


def settle(client):
    if client.zips:
        client.compress()


def test_as_if_new(server, client):
    anna, bert = server.account(), server.account()
    for account in (anna, bert, anna):
        after = capabilities_of(client.login(account))
        assert "UNAUTHENTICATE" in after
        assert "UNAUTHENTICATE" not in client.before
        settle(client)
        own = "of-" + account[0]
        if own not in client.names():
            client.do("CREATE " + own)
        assert client.names() == {"INBOX", own}
        client.do("ENABLE QRESYNC UIDONLY")
        client.do("SELECT INBOX")
        assert client.leave() == ["t OK UNAUTHENTICATE completed"]
        # The list before login, and its commands.
        assert client.capabilities() == client.before
        client.do("SELECT INBOX", "BAD")
        client.do("UNAUTHENTICATE", "BAD")
        client.login((account[0], "wrong"), "NO [AUTHENTICATIONFAILED]")
        client.do('ID ("name" "x")')
        client.login(bert)
        client.do("CHECK", "BAD")           # nothing is selected
        client.do("SELECT INBOX")
        client.do("SEARCH 1:*", "OK")       # UIDONLY is not enabled
        client.leave()


def test_in_one_packet(server, client):
    """The next login, and its session's first commands, an APPEND larger than
    any message between processes among them."""
    anna, bert = server.account(), server.account()
    body = "Subject: x\r\n\r\n" + "0123456789\r\n" * 30000
    client.login(anna)
    settle(client)
    client.send("a NOOP", "b UNAUTHENTICATE")
    client.deflater = None
    client.send("c AUTHENTICATE PLAIN " + b64("\0%s\0%s" % bert),
        "d SELECT INBOX",
        "e APPEND INBOX {%d+}" % len(body), *body.split("\r\n")[:-1], "",
        "f UID FETCH * RFC822.SIZE", "g UNAUTHENTICATE",
        "h LOGIN %s %s" % anna, "i UNAUTHENTICATE", "j CAPABILITY")
    for tag in "abcdef":
        last = client.answer(tag)
        assert last[-1].startswith(f"{tag} OK"), last
    assert f"RFC822.SIZE {len(body)})" in last[0]
    for tag in "ghij":
        last = client.answer(tag)
        assert last[-1].startswith(f"{tag} OK"), last
    assert set(last[0].split()[2:]) == client.before


def test_slowly(server, client):
    """Byte by byte."""
    anna = server.account()
    client.login(anna)
    settle(client)
    data = b"a UNAUTHENTICATE\r\n"
    if client.deflater:
        data = client.deflater.compress(data) \
            + client.deflater.flush(zlib.Z_SYNC_FLUSH)
    client.deflater = None
    for byte in data + b"b LOGIN %s %s\r\nc NOOP\r\n" % tuple(
            word.encode() for word in anna):
        client.sock.sendall(bytes([byte]))
        time.sleep(0.0005)
    for tag in "abc":
        assert client.answer(tag)[-1].startswith(f"{tag} OK")


def test_stream_ends(server, client):
    """A client may end its deflate stream for good."""
    if not client.zips:
        pytest.skip("not compressed")
    anna = server.account()
    client.login(anna)
    client.compress()
    client.sock.sendall(
        client.deflater.compress(b"a UNAUTHENTICATE\r\n")
        + client.deflater.flush(zlib.Z_FINISH) + b"b NOOP\r\n")
    client.deflater = None
    assert client.answer("a")[-1].startswith("a OK")
    assert client.answer("b")[-1].startswith("b OK")
    client.login(anna)
    client.compress()
    client.do("NOOP")
    # It may not compress on.
    client.send("a UNAUTHENTICATE", "b NOOP")
    client.deflater = None
    assert client.answer("a")[-1].startswith("a OK")
    assert client.line().startswith("* BYE ")
    with pytest.raises((EOFError, ssl.SSLError)):
        client.line()


def test_certificate(server):
    """Section 4.2: one certificate, several people."""
    for name in ("admin@example.org", "cora", "dora"):
        server.account(name)
    server.culver("account", "set", "admin@example.org", "master=yes")
    make_client_certificate(server.directory, "admin", "admin@example.org")
    context = ssl.create_default_context(
        cafile=str(server.directory / "cert.pem"))
    context.load_cert_chain(server.directory / "admin.pem",
                            server.directory / "admin.key")
    client = Client(server, True, context=context)
    for name in ("cora", "dora", "", "cora"):
        assert "AUTH=EXTERNAL" in client.capabilities()
        client.do("AUTHENTICATE EXTERNAL " + (b64(name) or "="))
        own = name or "admin"
        if own not in client.names():
            client.do("CREATE " + own)
        assert client.names() == {"INBOX", own}
        client.leave()
    client.do("AUTHENTICATE EXTERNAL " + b64("nobody"),
              "NO [AUTHENTICATIONFAILED]")
    client.do("AUTHENTICATE EXTERNAL " + b64("dora"))
    assert client.names() == {"INBOX", "dora"}
    client.close()
    eventually(lambda: re.search(
        r"msg=login .*account=dora master=admin@example.org", server.log_text()),
        "who it was is in the log")


def from_proxy(server, source, tls):
    """By 127.0.0.2, which is a proxy."""
    class Proxied(Client):
        def __init__(self):
            opened.append(self)
            self.context = server.context
            self.sock = socket.create_connection(
                server.address(tls), timeout=60, source_address=("127.0.0.2", 0))
            self.sock.sendall(header(source))
            if tls:
                self.secure()
            self.seen = b""
            self.inflater = self.deflater = None
            self.greeting = self.line()
    return Proxied()


@pytest.mark.parametrize("tls", [False, True])
def test_behind_a_proxy(server, tls):
    """The address that was told stays; so does the limit for it."""
    anna = server.account()
    source = "192.0.2.%d" % (10 + tls)
    begin = len(server.log_text())
    clients = [from_proxy(server, source, tls) for _ in range(4)]
    client = clients[0]
    for _ in range(3):
        client.login(anna)
        client.leave()
        client.do("NOOP")
    refused = from_proxy(server, source, tls)
    assert refused.greeting.startswith("* BYE [UNAVAILABLE] too many")
    client.login(anna)
    again = from_proxy(server, source, tls)
    assert again.greeting.startswith("* BYE [UNAVAILABLE] too many")
    client.leave()
    assert client.do("NOOP")
    client.login(anna)
    eventually(lambda: len(re.findall(
        rf"msg=login .*remote={source} account={anna[0]} .*result=ok",
        server.log_text()[begin:])) == 5, "the client's address in the log")
    assert f"remote={source}:54321" in server.log_text()[begin:]
    for one in clients + [refused, again]:
        one.close()


def status(server):
    both = json.loads(server.culver("status", "--json").stdout)
    return {"sessions": sorted(s["account"] for s in both["mail"]["sessions"]),
            "connections": sum(p["connections"]
                               for p in both["auth"]["processes"]),
            "counted": sum(p["sessions"] for p in both["auth"]["processes"])}


def test_status(server):
    """What the administrator sees is what is."""
    eventually(lambda: status(server)["connections"] == 0, "all have gone")
    anna, bert = server.account(), server.account()
    clear, tls = Client(server), Client(server, True)
    for client, account, others in ((clear, anna, 1), (tls, bert, 2)):
        client.login(account)
    # Under TLS front has the connection all the time, else mail.
    assert status(server) == {
        "sessions": sorted([anna[0], bert[0]]), "connections": 1,
        "counted": 2}
    clear.leave()
    tls.leave()
    eventually(lambda: status(server) == {
        "sessions": [], "connections": 2, "counted": 0}, "none is logged in")
    tls.login(anna)
    clear.login(anna)
    eventually(lambda: status(server) == {
        "sessions": [anna[0]] * 2, "connections": 1, "counted": 2},
        "they are there again")
    clear.close()
    tls.close()
    eventually(lambda: status(server)["connections"] == 0, "all have gone")


def test_throttled(server):
    """Wrong passwords cost what they cost; a right one in between, on the same
    connection, does not change that, nor the number of failures that a
    connection may have in a row."""
    ella, fred = server.account(), server.account()
    begin = len(server.log_text())
    client = Client(server)
    for _ in range(2):
        for _ in range(4):
            client.login((ella[0], "wrong"), "NO")
        client.login(fred)
        client.leave()
    client.close()
    waited = [int(ms) for ms in re.findall(
        rf"account={ella[0]} .*result=\S+ .*ms=(\d+)", server.log_text()[begin:])]
    assert len(waited) == 8
    # Three are free, then 250 ms, 500 ms and so on from the last one's end.
    assert max(waited[5:]) > 500, waited
    client = Client(server)
    client.login(fred)
    client.leave()
    for _ in range(4):
        client.login((fred[0], "wrong"), "NO")
    client.send(f"t LOGIN {fred[0]} wrong")
    assert client.answer("t")[-1].startswith("t NO")
    assert client.line().startswith("* BYE Too many failed logins")
    client.close()


def usage(server):
    """Descriptors and resident KiB of each role; 0 KiB with a sanitizer, which
    keeps what was freed."""
    sanitized = b"__asan_init" in server.program.read_bytes()

    def of(pid):
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        kib = int(re.search(r"VmRSS:\s+(\d+)", text)[1])
        return (len(os.listdir(f"/proc/{pid}/fd")), 0 if sanitized else kib)
    return {role: of(pid) for role, pid in server.children().items()}


@pytest.mark.parametrize("tls", [False, True])
def test_a_thousand_times(server, tls):
    """Per address four connections, per account three sessions: never too many,
    and never too few, for all the comings and goings."""
    gina, hugo = server.account(), server.account()
    crowd = [Client(server, tls) for _ in range(3)]

    def cycle(times):
        for i in range(times):
            for client in crowd:
                client.send("a LOGIN %s %s" % (gina, hugo)[i % 2],
                            "b SELECT INBOX", "c UNAUTHENTICATE")
            for client in crowd:
                for tag in "abc":
                    last = client.answer(tag)[-1]
                    assert last.startswith(f"{tag} OK"), last

    cycle(100)
    eventually(lambda: status(server)["sessions"] == [], "all have left")
    before = usage(server)
    cycle(1000)
    eventually(lambda: status(server) == {
        "sessions": [], "connections": 3, "counted": 0}, "all have left")
    after = usage(server)
    for role in ("mail", "auth"):
        assert after[role][0] <= before[role][0] + 1, (role, before, after)
        assert after[role][1] < before[role][1] + 4096, (role, before, after)
    fourth = Client(server, tls)
    fifth = socket.create_connection(server.address(False), timeout=60)
    assert fifth.recv(100).startswith(b"* BYE [UNAVAILABLE] too many")
    fifth.close()
    for client in crowd:
        client.login(gina)
    fourth.login(gina, "NO [LIMIT]")
    for client in crowd + [fourth]:
        client.close()
    eventually(lambda: status(server)["connections"] == 0, "all have gone")
    again = [Client(server, tls) for _ in range(4)]
    for client in again[:3]:
        client.login(gina)
    for client in again:
        client.close()
    eventually(lambda: status(server)["connections"] == 0, "all have gone")


def test_not_here():
    """RFC 8437 section 8: "MUST provide a way to disable it"."""
    server = Server({"imap.unauthenticate": "false"}).start()
    try:
        client = Client(server)
        account = server.account()
        assert "UNAUTHENTICATE" not in capabilities_of(client.login(account))
        assert "UNAUTHENTICATE" not in client.capabilities()
        client.send("a UNAUTHENTICATE", "b LOGIN %s %s" % account, "c NOOP")
        for tag, result in zip("abc", ("BAD", "BAD", "OK")):
            assert client.answer(tag)[-1].startswith(f"{tag} {result}")
        client.close()
    finally:
        server.close()


@pytest.fixture
def own():
    server = Server().start()
    yield server
    server.close()


@pytest.mark.parametrize("tls", [False, True])
def test_auth_is_away(own, tls):
    """Who left is told so, and may try again."""
    account = own.account()
    client = Client(own, tls)
    client.login(account)
    pid = own.children()["auth"]
    os.kill(pid, signal.SIGSTOP)
    client.send("a UNAUTHENTICATE", "b LOGIN %s %s" % account)
    assert client.answer("a")[-1].startswith("a OK")
    os.kill(pid, signal.SIGKILL)
    assert client.answer("b")[-1].startswith("b NO [UNAVAILABLE]")
    client.do("NOOP")
    eventually(lambda: re.search(r'msg="role is back"', own.log_text()),
               "auth is back")

    def back():
        client.send("c LOGIN %s %s" % account)
        return client.answer("c")[-1].startswith("c OK")
    eventually(back, "a login")
    client.leave()
    client.close()


@pytest.mark.parametrize("tls", [False, True])
def test_mail_dies(own, tls):
    """Who is before login when mail dies stays; whoever is not, or is on the
    way, hears something whole or nothing; all can come again."""
    account = own.account()
    resting = Client(own, tls)
    resting.login(account)
    resting.leave()
    ends, stop = [], threading.Event()

    def run():
        while not stop.is_set():
            try:
                client = Client(own, tls)
            except (OSError, EOFError, AssertionError):
                continue
            try:
                while not stop.is_set():
                    client.send("a LOGIN %s %s" % account, "b UNAUTHENTICATE")
                    last = client.answer("a")[-1]
                    assert re.match(r"a (OK|NO \[UNAVAILABLE\]) ", last), last
                    last = client.answer("b")[-1]
                    assert re.match(r"b (OK|BAD) ", last), last
            except (OSError, EOFError) as end:
                ends.append(end)
            client.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        begin = len(own.log_text())
        time.sleep(0.3)
        os.kill(own.children()["mail"], signal.SIGKILL)
        eventually(lambda: re.search(
            r'msg="role is back"', own.log_text()[begin:]), "mail is back", 90)
    stop.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()

    def back():
        resting.send("c LOGIN %s %s" % account)
        return resting.answer("c")[-1].startswith("c OK")
    eventually(back, "a login")
    resting.do("SELECT INBOX")
    resting.close()
    eventually(lambda: status(own) == {
        "sessions": [], "connections": 0, "counted": 0}, "all have gone")


@pytest.mark.parametrize("tls", [False, True])
def test_server_stops(tls):
    """In the middle of coming and going, all are told."""
    server = Server().start()
    account = server.account()
    clients = [Client(server, tls) for _ in range(4)]
    for client in clients[:2]:
        client.login(account)
    clients[0].leave()
    clients[2].login(account)
    clients[2].send("a UNAUTHENTICATE")
    server.process.send_signal(signal.SIGTERM)
    for client in clients:
        with pytest.raises((EOFError, OSError)):
            while True:
                last = client.line()
        assert last.startswith("* BYE "), last
        client.close()
    server.close()


def test_account_is_removed(own):
    """A connection that has left is not the account's any more."""
    ina, jack = own.account("ina"), own.account("jack")
    stays, goes = Client(own, True), Client(own)
    for client in (stays, goes):
        client.login(ina)
    stays.leave()
    own.culver("account", "remove", "ina")
    with pytest.raises((EOFError, OSError)):
        while True:
            goes.line()
    stays.login(jack)
    stays.do("SELECT INBOX")
    stays.close()
    goes.close()
