# SPDX-License-Identifier: Apache-2.0
"""Tokens: JWT with keys from a file or a URL, and introspection."""
import base64
import http.server
import imaplib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

import pytest

import daemons
from daemons import AWAY, NO, Directory, complaints, quoted
from harness import Server, eventually, make_certificate

ISSUER, AUDIENCE = "https://id.example.org/", "mail"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """An RSA key of the issuer."""

    def __init__(self, home, kid):
        self.kid, self.path = kid, home.path / f"{kid}.pem"
        subprocess.run(["openssl", "genrsa", "-out", self.path, "2048"],
                       check=True, stderr=subprocess.DEVNULL)

    def jwk(self):
        out = subprocess.run(["openssl", "rsa", "-in", self.path, "-noout",
                              "-modulus"], check=True, capture_output=True,
                             text=True).stdout
        modulus = bytes.fromhex(re.search(r"=([0-9A-F]+)", out)[1])
        return {"kty": "RSA", "kid": self.kid, "use": "sig", "alg": "RS256",
                "n": b64(modulus), "e": "AQAB"}

    def token(self, **claims):
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 600,
                  "sub": "4711", "scope": "openid mail", **claims}
        head = {"typ": "JWT", "alg": "RS256", "kid": self.kid}
        text = b64(json.dumps(head).encode()) + "." + \
            b64(json.dumps(claims).encode())
        signature = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", self.path],
            input=text.encode(), check=True, capture_output=True).stdout
        return text + "." + b64(signature)


class Issuer:
    """An HTTP server on loopback; /keys, /introspect, and bad company."""

    def __init__(self, home, tls=False):
        self.keys, self.active, self.asked, self.closed = [], {}, [], False
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body, **headers):
                if issuer.closed:  # on a connection that was kept
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                issuer.asked.append(self.path)
                if self.path == "/keys":
                    body = {"keys": [k.jwk() for k in issuer.keys]}
                    self.answer(200, json.dumps(body).encode())
                elif self.path == "/moved":
                    self.answer(302, b"", Location="/keys")
                elif self.path == "/huge":
                    self.answer(200, b'{"keys":[' + b" " * (1 << 20) + b"]}")
                else:
                    self.answer(200, b"<html>")

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                form = urllib.parse.parse_qs(body.decode())
                issuer.asked.append(form)
                want = "Basic " + base64.b64encode(
                    b"culver:p%25ss%3Aword").decode()
                if self.headers["Authorization"] != want:
                    self.answer(401, b"{}")
                    return
                known = issuer.active.get(form["token"][0])
                self.answer(200, json.dumps(
                    {"active": True, **known} if known
                    else {"active": False}).encode())

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        if tls:
            make_certificate(home.path)
            (home.path / "cert.pem").chmod(0o644)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(home.path / "cert.pem",
                                    home.path / "key.pem")
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True)
            self.url = self.url.replace("http:", "https:")
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def close(self):
        self.closed = True
        self.server.shutdown()
        self.server.server_close()


def login(server, token, name="", mechanism="OAUTHBEARER"):
    """"ok", or the response code of the refusal."""
    if mechanism == "XOAUTH2":
        first = f"user={name}\x01auth=Bearer {token}\x01\x01"
    else:
        gs2 = f"n,a={name}," if name else "n,,"
        first = f"{gs2}\x01auth=Bearer {token}\x01\x01"
    answers = iter([first.encode(), b"\x01"])
    imap = imaplib.IMAP4("127.0.0.1", server.imap_port, timeout=60)
    try:
        imap.authenticate(mechanism, lambda _: next(answers))
    except imaplib.IMAP4.error as error:
        text = str(error)
        return text[text.index("[") + 1:text.index("]")]
    finally:
        try:
            imap.logout()
        except (imaplib.IMAP4.error, OSError):
            pass
    return "ok"


def settings_for(**more):
    return {"accounts.sources": '["builtin", "oauth"]',
            "accounts.timeout": '"2s"',
            "oauth.issuer": quoted(ISSUER),
            "oauth.audience": quoted(AUDIENCE),
            **{f"oauth.{k}": quoted(v) for k, v in more.items()}}


@pytest.fixture(scope="module")
def home():
    one = Directory()
    yield one
    one.close()


@pytest.fixture(scope="module")
def keys(home):
    return [Key(home, "first"), Key(home, "second")]


@pytest.fixture
def issuer(home):
    one = Issuer(home)
    yield one
    one.close()


@pytest.fixture(scope="module")
def by_file(home, keys):
    path = home.write("jwks.json", json.dumps({"keys": [keys[0].jwk()]}))
    one = Server(settings_for(jwks_file=path, scope="mail")).start()
    yield one
    one.close()


MAIL = "anna@example.org"


@pytest.mark.parametrize("claims, answer", [
    ({"email": MAIL}, "ok"),
    ({"email": MAIL, "email_verified": True}, "ok"),
    ({"email": MAIL, "email_verified": False}, NO),
    ({"email": MAIL, "aud": ["web", AUDIENCE]}, "ok"),
    ({"email": MAIL, "aud": "web"}, NO),
    ({"email": MAIL, "iss": "https://id.example.com/"}, NO),
    ({"email": MAIL, "scope": "openid"}, NO),
    ({"email": MAIL, "exp": 1}, "EXPIRED"),
    ({"email": MAIL, "nbf": int(time.time()) + 3600}, NO),
    ({"preferred_username": MAIL}, NO),
    ({"email": "a b\n"}, NO),
])
def test_claims(by_file, keys, claims, answer):
    assert login(by_file, keys[0].token(**claims)) == answer


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_whose_token_it_is(by_file, keys, mechanism):
    token = keys[0].token(email=MAIL)
    assert login(by_file, token, MAIL, mechanism) == "ok"
    assert login(by_file, token, "Anna@EXAMPLE.org", mechanism) == "ok"
    assert login(by_file, token, "eve@example.org", mechanism) == NO


def test_forgeries(by_file, keys):
    token = keys[0].token(email=MAIL)
    head, body, signature = token.split(".")
    none = b64(b'{"alg":"none"}')
    other = b64(json.dumps({"iss": ISSUER, "aud": AUDIENCE, "email": MAIL,
                            "scope": "mail", "exp": 1 << 40}).encode())
    assert login(by_file, f"{head}.{other}.{signature}") == NO
    assert login(by_file, f"{none}.{body}.") == NO
    assert login(by_file, "x") == NO
    assert login(by_file, keys[1].token(email=MAIL)) == NO


def test_the_file_changes(home, by_file, keys):
    home.write("jwks.json", json.dumps({"keys": [k.jwk() for k in keys]}))
    assert login(by_file, keys[1].token(email=MAIL)) == "ok"
    home.write("jwks.json", json.dumps({"keys": [keys[0].jwk()]}))
    assert login(by_file, keys[1].token(email=MAIL)) == NO
    assert login(by_file, keys[0].token(email=MAIL)) == "ok"


def test_a_url(keys, issuer):
    issuer.keys = keys[:1]
    one = Server(settings_for(jwks_url=issuer.url + "/keys")).start()
    try:
        eventually(lambda: issuer.asked, "keys fetched at start")
        assert login(one, keys[0].token(email=MAIL)) == "ok"
        assert login(one, keys[0].token(email=MAIL)) == "ok"
        # One that is not known asks again, once a minute: it just did.
        for _ in range(3):
            assert login(one, keys[1].token(email=MAIL)) == NO
        assert len(issuer.asked) == 1
        issuer.close()
        assert login(one, keys[0].token(email=MAIL)) == "ok"
    finally:
        one.close()


@pytest.mark.parametrize("path", ["/moved", "/huge", "/html"])
def test_bad_company(keys, issuer, path):
    issuer.keys = keys[:1]
    one = Server(settings_for(jwks_url=issuer.url + path)).start()
    try:
        assert login(one, keys[0].token(email=MAIL)) == AWAY
        assert "/keys" not in issuer.asked
    finally:
        one.close()


def test_https(home, keys):
    issuer = Issuer(home, tls=True)
    issuer.keys = keys[:1]
    url = issuer.url + "/keys"
    trusting = Server(settings_for(jwks_url=url,
                                   ca=home.path / "cert.pem")).start()
    doubting = Server(settings_for(jwks_url=url)).start()
    try:
        assert login(trusting, keys[0].token(email=MAIL)) == "ok"
        assert login(doubting, keys[0].token(email=MAIL)) == AWAY
    finally:
        trusting.close()
        doubting.close()
        issuer.close()


def test_introspection(issuer):
    issuer.active = {
        "good": {"username": "anna", "exp": int(time.time()) + 60},
        "for ever": {"username": "anna"},
        "old": {"username": "anna", "exp": 1},
        "nobody's": {"sub": "anna"},
    }
    settings = settings_for(introspection_url=issuer.url + "/introspect",
                            claim="username", client_id="culver",
                            client_secret="p%ss:word", issuer="", audience="")
    one = Server(settings).start()
    try:
        assert login(one, "good") == "ok"
        assert issuer.asked[-1] == {"token": ["good"],
                                    "token_type_hint": ["access_token"]}
        assert login(one, "good", "anna", "XOAUTH2") == "ok"
        assert login(one, "good", "eve") == NO
        assert login(one, "old") == "EXPIRED"
        assert login(one, "bad") == NO
        assert "p%ss" not in one.log_text()
        issuer.close()
        assert login(one, "good") == AWAY
    finally:
        one.close()


@pytest.mark.parametrize("more, setting, words", [
    ({"jwks_url": "http://id.example.org/"}, "jwks_url", "https://"),
    ({"jwks_url": "http://127.example.org/"}, "jwks_url", "https://"),
    ({"jwks_url": "https://u:p@id.example.org/"}, "jwks_url", '"@"'),
    ({}, "jwks_url", "none is given"),
    ({"jwks_url": "https://a/", "introspection_url": "https://a/"},
     "jwks_url", "all but one"),
    ({"jwks_url": "https://a/", "audience": ""}, "audience", "missing"),
    ({"introspection_url": "https://a/", "client_id": "x"},
     "client_secret", "missing"),
])
def test_wrong_settings_are_refused(more, setting, words):
    said = complaints(settings_for(**more))
    assert words in said and f"oauth.{setting}" in said


@pytest.mark.parametrize("threads", ["4", "256"])
def test_a_lookup_that_hangs(home, keys, threads):
    """Others' questions wait for it, for a thread or in the channel, and nobody
    else."""
    path = home.write("jwks.json", json.dumps({"keys": [keys[0].jwk()]}))
    server = Server(settings_for(jwks_file=path) |
                    {"workers.lookup_threads": threads}).start()
    lookup = server.children()["lookup"]
    clients = []
    try:
        name, password = server.account()
        os.kill(lookup, signal.SIGSTOP)
        # More than the channel holds.
        first = base64.b64encode(
            b"n,,\x01auth=Bearer " + b"x" * 8000 + b"\x01\x01")
        for _ in range(100):
            client = socket.create_connection(server.address())
            client.recv(1000)
            client.sendall(
                b"a AUTHENTICATE OAUTHBEARER " + first + b"\r\n")
            clients.append(client)
        for _ in range(10):
            assert daemons.login(server, name, password) == "ok"
        assert not re.search("lookup cannot be asked|from lookup in time",
                             server.log_text())
    finally:
        os.kill(lookup, signal.SIGCONT)
        for client in clients:
            client.close()
        server.close()
