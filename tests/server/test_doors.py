# SPDX-License-Identifier: Apache-2.0
"""By what doors clients come: Unix sockets, proxies."""
import os
import pathlib
import re
import socket
import stat
import struct
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import Server, eventually, free_port, shared_server  # noqa: E402


class Client:
    """Lines of IMAP over whatever socket."""

    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(30)
        self.file = sock.makefile("rb")

    def line(self):
        return self.file.readline().decode().rstrip("\r\n")

    def send(self, text):
        self.sock.sendall(text.encode())

    def command(self, text):
        """The tagged answer."""
        self.send(text + "\r\n")
        tag = text.split()[0]
        while True:
            line = self.line()
            if not line or line.startswith(tag + " "):
                return line

    def close(self):
        self.file.close()
        self.sock.close()


def test_unix_socket():
    server = Server()
    path = server.directory / "imap"
    server.settings["listen.imap"] = f'["{path}"]'
    server.settings["listen.socket_mode"] = '"0666"'
    server.write_config()
    server.start()
    try:
        name, password = server.account()
        for again in (False, True):
            if again:
                # What it left behind is replaced.
                server.kill()
                assert path.exists()
                server.start()
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o666
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(str(path))
            client = Client(sock)
            assert client.line().startswith("* OK")
            assert " OK " in client.command(f"a LOGIN {name} {password}")
            assert " OK " in client.command("b SELECT INBOX")
            client.close()
        server.stop()
        assert not path.exists()
    finally:
        server.close()


# ---------------------------------------------------------------- proxies

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def header(source, port=54321, command=1, tlvs=b""):
    """A PROXY header, version 2, as a proxy writes it."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    target = "2001:db8::2" if ":" in source else "198.51.100.2"
    block = socket.inet_pton(family, source) \
        + socket.inet_pton(family, target) \
        + struct.pack(">HH", port, 143) + tlvs
    return SIGNATURE + bytes([0x20 | command, 0x21 if ":" in source else 0x11]) \
        + struct.pack(">H", len(block)) + block


LOCAL = SIGNATURE + b"\x20\0\0\0"


@pytest.fixture(scope="module")
def proxied():
    return shared_server(**{"proxy.networks": '["127.0.0.0/8"]',
                            "limits.handshake_time": '"2s"',
                            "limits.connections_per_address": "3",
                            "limits.login_failures": "1"})


def connect(server, first, tls=False):
    sock = socket.create_connection(server.address(tls), timeout=30)
    sock.sendall(first)
    if tls:
        sock = server.context.wrap_socket(sock, server_hostname="localhost")
    return Client(sock)


def last_bytes(sock):
    try:
        return sock.recv(100)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("source", ["192.0.2.1", "2001:db8:1::7"])
def test_told_address_counts(proxied, source, tls):
    name, password = proxied.account()
    client = connect(proxied, header(source), tls)
    assert client.line().startswith("* OK")
    assert " OK " in client.command(f"a LOGIN {name} {password}")
    assert " OK " in client.command("b NOOP")
    client.close()
    eventually(lambda: re.search(
        rf'msg=login .*remote="?\[?{source}\]?"? .*account={name}',
        proxied.log_text()), "the address in the log")


def test_starttls_behind_a_proxy(proxied):
    name, password = proxied.account()
    client = connect(proxied, header("192.0.2.9", tlvs=b"\4\0\2xx"))
    assert client.line().startswith("* OK")
    assert " OK " in client.command("a STARTTLS")
    client.file.close()
    inside = Client(proxied.context.wrap_socket(
        client.sock, server_hostname="localhost"))
    assert " OK " in inside.command(f"b LOGIN {name} {password}")
    inside.close()


def test_limits_by_told_address(proxied):
    clients = [connect(proxied, header("192.0.2.50")) for _ in range(3)]
    assert all(c.line().startswith("* OK") for c in clients)
    refused = connect(proxied, header("192.0.2.50"))
    assert "too many connections from your address" in refused.line()
    other = connect(proxied, header("192.0.2.51"))
    assert other.line().startswith("* OK")
    # A /64 is one customer.
    more = [connect(proxied, header(f"2001:db8::{i}")) for i in range(1, 5)]
    assert ["* OK", "* OK", "* OK", "* BY"] == sorted(
        (c.line()[:4] for c in more), reverse=True)
    for client in [*clients, refused, other, *more]:
        client.close()


def test_health_checks(proxied):
    # More than an address may have: the proxy's own are not limited.
    checks = [connect(proxied, LOCAL) for _ in range(5)]
    for check in checks:
        assert check.line().startswith("* OK")
        assert check.command("a LOGOUT").startswith("a OK")
        check.close()
    with socket.create_connection(proxied.address()):
        pass  # a port that answers is enough for some


@pytest.mark.parametrize("first, why", [
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 54321 143\r\n", "version 1"),
    (b"a LOGIN anna secret\r\n", "there is none"),
    (b"\x16\3\1\0\xa5\1\0\0\xa1\3\3" + b"\0" * 20, "there is none"),
    (SIGNATURE + b"\x21\x11\0\4\xc0\0\2\1", "too short"),
    (SIGNATURE + b"\x21\x11\xff\xff", "too long"),
    (header("192.0.2.1", tlvs=b"\3\0\4\1\2\3\4"), "checksum is wrong"),
])
def test_wrong_headers(proxied, first, why):
    client = connect(proxied, first)
    assert last_bytes(client.sock) == b""
    client.close()
    eventually(lambda: re.search(
        rf'msg="PROXY header refused" .*reason="[^"]*{why}',
        proxied.log_text()), "the reason in the log")


def test_slow_headers(proxied):
    whole = header("192.0.2.1")
    slow = connect(proxied, whole[:1])
    for byte in whole[1:]:
        slow.sock.sendall(bytes([byte]))
    assert slow.line().startswith("* OK")
    slow.close()
    never = connect(proxied, whole[:20])
    assert never.line() == ""
    never.close()
    assert "no PROXY header in time" in proxied.log_text()


def test_untrusted():
    """From others a header is only wrong input."""
    server = shared_server(**{"proxy.networks": '["192.0.2.0/24", "::1"]'})
    client = connect(server, header("192.0.2.1") + b"\r\n")
    assert client.line().startswith("* OK")
    assert client.line().startswith("* BAD")
    assert client.command("a NOOP").startswith("a OK")
    client.close()
    tls = connect(server, b"")
    tls.close()
    sock = socket.create_connection(server.address(True), timeout=30)
    sock.sendall(header("192.0.2.1"))
    # An alert of TLS, or the end.
    assert not last_bytes(sock).startswith(b"* OK")
    sock.close()
    assert "192.0.2.1" not in server.log_text()


def test_other_protocols():
    """All doors are alike: LMTP asks by the told address who may deliver."""
    ports = free_port(), free_port()
    server = Server({"proxy.networks": '["127.0.0.0/8"]',
                     "listen.lmtp": f'["127.0.0.1:{ports[0]}"]',
                     "lmtp.networks": '["192.0.2.0/24"]',
                     "listen.pop3s": f'["127.0.0.1:{ports[1]}"]'}).start()

    def say(port, first, tls=False):
        sock = socket.create_connection(("127.0.0.1", port), timeout=30)
        sock.sendall(first)
        if tls:
            sock = server.context.wrap_socket(
                sock, server_hostname="localhost")
        client = Client(sock)
        line = client.line()
        client.close()
        return line

    try:
        assert say(ports[0], header("192.0.2.1")).startswith("220")
        assert say(ports[0], header("198.51.100.1")).startswith("421 4.7")
        assert say(ports[0], LOCAL).startswith("421 4.7")
        assert say(ports[1], header("192.0.2.1"), True).startswith("+OK")
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
