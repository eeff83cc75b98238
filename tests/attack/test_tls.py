# SPDX-License-Identifier: Apache-2.0
"""TLS, and the way into it: what was said in clear counts for nothing after it,
no renegotiation, no other protocol's clients, no handshake without end."""
import json
import socket
import ssl
import struct
import subprocess

import pytest

from harness import Server, eventually
from raw import TIMEOUT, Raw, at_lmtp

STARTTLS = {"imap": b"s STARTTLS\r\n", "pop3": b"STLS\r\n"}
YES = {"imap": b"s OK", "pop3": b"+OK"}
# What an attacker puts between, and what its answer begins with.
INJECTED = {"imap": (b"x NOOP\r\n", b"x "),
            "pop3": (b"CAPA\r\n", b"+OK Capabilities")}


@pytest.fixture(params=["imap", "pop3"])
def protocol(request):
    return request.param


def asked_under_tls(raw, protocol):
    """The first answer under TLS."""
    raw.send({"imap": b"z NOOP\r\n", "pop3": b"QUIT\r\n"}[protocol])
    return raw.line()


@pytest.mark.parametrize("behind", [
    INJECTED,
    {p: (INJECTED[p][0] * 500, INJECTED[p][1]) for p in INJECTED},
    {"imap": (b"x LOGIN {1}\r\n", b"x "), "pop3": (b"USER a\r\n", b"+OK")},
    {"imap": (b"x", b"x "), "pop3": (b"C", b"-ERR")},
    {"imap": (b"\r\n", b"* BAD"), "pop3": (b"\r\n", b"-ERR")},
], ids=["a command", "many", "half a login", "half a word", "a line's end"])
def test_behind_starttls(server, protocol, behind):
    """In the same segment: never taken for something said under TLS."""
    data, answer = behind[protocol]
    with Raw(server, protocol) as raw:
        raw.line()
        raw.send(STARTTLS[protocol] + data)
        said = raw.rest()
        assert YES[protocol] not in said
        assert answer not in said.split(b"\r\n")[1:]


def test_between_answer_and_handshake(server, protocol):
    """In clear, where the handshake should be: the end, without an answer."""
    with Raw(server, protocol) as raw:
        raw.line()
        raw.send(STARTTLS[protocol])
        assert raw.line().startswith(YES[protocol])
        raw.send(INJECTED[protocol][0])
        assert INJECTED[protocol][1] not in raw.rest()


def test_before_starttls(server, protocol):
    """A name given in clear is forgotten; so is half a command."""
    with Raw(server, protocol) as raw:
        raw.line()
        raw.send({"imap": b"i ID (\"name\" \"evil\")\r\n",
                  "pop3": b"USER evil\r\n"}[protocol])
        while not raw.line().startswith((b"i OK", b"+OK")):
            pass
        raw.send(STARTTLS[protocol])
        assert raw.line().startswith(YES[protocol])
        raw.begin_tls(server)
        if protocol == "pop3":
            raw.send(b"PASS x\r\n")
            assert raw.line().startswith(b"-ERR")
        assert asked_under_tls(raw, protocol).startswith((b"z OK", b"+OK"))


def test_handshake_behind_starttls(server, protocol):
    """The one thing that may stand there: the client's hello."""
    outgoing = ssl.MemoryBIO()
    incoming = ssl.MemoryBIO()
    tls = server.context.wrap_bio(incoming, outgoing,
                                  server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    with Raw(server, protocol) as raw:
        raw.line()
        raw.send(STARTTLS[protocol] + outgoing.read())
        assert raw.line().startswith(YES[protocol])
        incoming.write(raw.seen)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                incoming.write(raw.sock.recv(65536))
        assert tls.version() == "TLSv1.3"


def test_twice(server, protocol):
    with Raw(server, protocol) as raw:
        raw.line()
        raw.send(STARTTLS[protocol])
        raw.line()
        raw.begin_tls(server)
        raw.send(STARTTLS[protocol])
        assert raw.line().startswith((b"s BAD", b"-ERR"))


def test_lmtp_has_none(server):
    with at_lmtp(server) as raw:
        raw.send(b"STARTTLS\r\nNOOP\r\n")
        assert raw.line().startswith(b"500 ")
        assert raw.line().startswith(b"250 ")


def openssl(server, *arguments, protocol="imap", says=b""):
    """What s_client and the server came to."""
    port = getattr(server, f"{protocol}s_port")
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *arguments],
        input=says, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=TIMEOUT, check=False)
    return done.stdout


def test_renegotiation(server, protocol):
    """Asked for by the client (a line "R"): refused. Without it the same
    dialogue comes to its end."""
    said = openssl(server, "-tls1_2", protocol=protocol, says=b"R\nquit\n")
    assert b"RENEGOTIATING" in said
    assert b"no renegotiation" in said
    assert b"verify return" not in said.split(b"RENEGOTIATING")[1]


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions(server, version):
    said = openssl(server, version, "-cipher", "ALL:@SECLEVEL=0")
    assert b"Cipher is (NONE)" in said
    assert b"* OK" not in said


@pytest.mark.parametrize("offered, chosen", [
    (None, None),
    (["imap"], "imap"),
    (["h2", "http/1.1", "imap"], "imap"),
])
def test_alpn(server, offered, chosen):
    """RFC 7301 section 3.2."""
    with Raw(server) as raw:
        raw.sock.close()
        raw.sock = socket.create_connection(server.address(True), TIMEOUT)
        raw.begin_tls(server, offered)
        assert raw.sock.selected_alpn_protocol() == chosen
        assert raw.line().startswith(b"* OK")


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("offered", [["http/1.1"], ["h2", "http/1.1"],
                                     ["pop3"], ["managesieve"], ["ima"],
                                     ["imap4"]])
def test_alpn_mismatch(server, offered, tls):
    """A browser that was sent here by somebody in the middle: the alert
    no_application_protocol, and not a byte of the protocol."""
    with Raw(server) as raw:
        raw.line()
        if tls == "starttls":
            raw.send(STARTTLS["imap"])
            raw.line()
        else:
            raw.sock.close()
            raw.sock = socket.create_connection(server.address(True), TIMEOUT)
        with pytest.raises(ssl.SSLError, match="no application protocol"):
            raw.begin_tls(server, offered)


def record(kind, data, version=0x0301):
    return struct.pack("!BHH", kind, version, len(data)) + data


HELLO = b"\x01" + (60000).to_bytes(3, "big") + b"\x03\x03" + bytes(32)


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"a NOOP\r\n",
    b"\0" * 65536,
    b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(37),
    record(22, HELLO) + record(22, bytes(16384)) * 20,
    record(22, b"\x01\x00\x00\x02\x03\x03"),
    record(22, b"") * 10000,
    record(23, b"x" * 100),
    record(24, b"\x01\xff\xff"),
    record(20, b"\x01") * 10000,
    record(21, b"\x01\x5a") * 10000,
    b"\x16\x03\x01\xff\xff" + bytes(65535),
], ids=["HTTP", "IMAP", "zeros", "SSLv2", "a hello too long", "half a hello",
        "empty records", "data first", "heartbeat", "change of ciphers",
        "alerts", "a record too long"])
def test_no_handshake(server, data):
    """Whatever it is, it ends, and nothing is said of what is behind."""
    with Raw(server) as raw:
        raw.sock.close()
        raw.sock = socket.create_connection(server.address(True), TIMEOUT)
        raw.send(data)
        raw.end()
        said = raw.rest()
        assert b"OK" not in said
        assert len(said) < 100


def test_handshake_without_end():
    """A hello that never comes, or a byte at a time: so long and no longer."""
    server = Server({"limits.handshake_time": '"1s"'}).start()
    try:
        for first in (b"", b"\x16", record(22, HELLO)):
            with Raw(server) as raw:
                raw.sock.close()
                raw.sock = socket.create_connection(
                    server.address(True), TIMEOUT)
                raw.send(first)
                assert b"OK" not in raw.rest()
        with Raw(server) as raw:
            raw.line()
            raw.send(STARTTLS["imap"])
            raw.line()
            assert raw.rest() == b""
        eventually(lambda: connections(server) == 0, "the end of them all")
    finally:
        server.close()


def connections(server):
    figures = json.loads(server.culver("status", "--json").stdout)
    return sum(p["connections"] for p in figures["auth"]["processes"])
