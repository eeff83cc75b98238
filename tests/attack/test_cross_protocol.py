# SPDX-License-Identifier: Apache-2.0
"""Requests of other protocols, which a web page can make a browser send to any
port with commands in their bodies: closed at the first line."""
import pytest

from raw import PROTOCOLS, Raw, logged_in

REQUESTS = [
    b"GET / HTTP/1.1\r\n",
    b"GET /?q=a HTTP/1.0\r\n",
    b"POST / HTTP/1.1\r\n",
    b"PUT /x HTTP/1.1\r\n",
    b"HEAD / HTTP/1.1\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"CONNECT x:143 HTTP/1.1\r\n",
    b"DELETE / HTTP/1.1\r\n",
    b"PRI * HTTP/2.0\r\n",
    b"LOGIN /a HTTP/1.1\r\n",
    b"NOOP / HTTP/1.1\r\n",
    b"a / HTTP/1.1\r\n",
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("request_line", REQUESTS,
                         ids=[r.split()[0].decode() + r[-3:-2].decode()
                              for r in REQUESTS])
def test_http(server, protocol, request_line):
    """Neither the body's commands nor, of the headers, more than the first
    line is taken."""
    ann = server.account("crossed")
    body = {
        "imap": 'x LOGIN %s %s\r\nx CREATE evil\r\n' % ann,
        "pop3": "USER %s\r\nPASS %s\r\nDELE 1\r\nQUIT\r\n" % ann,
        "lmtp": "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\nevil\r\n"
                ".\r\nQUIT\r\n" % ann[0],
    }[protocol].encode()
    with Raw(server, protocol) as raw:
        raw.line()
        raw.send(request_line + b"Host: mail.example.org\r\n"
                 b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
                 % len(body) + body)
        said = raw.rest().splitlines()
        assert len(said) == 1, said
        assert said[0].startswith((b"* BYE", b"-ERR", b"421 ", b"* BAD"))
    with logged_in(server, ann) as raw:
        assert b"evil" not in raw.ask(b'LIST "" *')
        assert b"* 0 EXISTS" in raw.ask(b"SELECT INBOX")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("data", [
    b"EHLO x\r\nMAIL FROM:<a@b>\r\n",
    b"USER a\r\nPASV\r\nRETR x\r\n",
    b"*1\r\n$4\r\nPING\r\n",
    b"SSH-2.0-x\r\n",
    b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03",
    b"<?xml version='1.0'?><stream:stream to='x'>\n",
    b"INVITE sip:a@b SIP/2.0\r\nVia: x\r\n",
    b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03",
    b"\r\n\r\n\0\r\nQUIT\n",
], ids=["SMTP", "FTP", "Redis", "SSH", "RDP", "XMPP", "SIP", "TLS", "PROXY"])
def test_others(server, protocol, data):
    """Refused line by line, and closed after some."""
    with Raw(server, protocol) as raw:
        raw.line()
        raw.send(data + b"nonsense of many lines\r\n" * 100)
        raw.end()
        said = raw.rest()
        assert said.count(b"\n") < 60
        assert b"Logged in" not in said
