# SPDX-License-Identifier: Apache-2.0
"""SASL mechanisms as clients use them, over IMAP and POP3, with the channel
bindings and certificates of a real TLS connection."""
import base64
import hashlib
import hmac
import pathlib
import re
import secrets
import socket
import ssl
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import Server, eventually, free_port  # noqa: E402


def b64(data):
    return base64.b64encode(data).decode()


class Client:
    """A line protocol with SASL: IMAP or POP3."""

    def __init__(self, server, protocol, context=None):
        self.protocol = protocol
        port = server.imaps_port if protocol == "imap" else server.pop3s_port
        raw = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.sock = (context or server.context).wrap_socket(
            raw, server_hostname="localhost")
        self.file = self.sock.makefile("rb")
        assert self.line().startswith(("* OK", "+OK"))

    def line(self):
        return self.file.readline().decode().rstrip("\r\n")

    def send(self, text):
        self.sock.sendall(text.encode() + b"\r\n")

    def mechanisms(self):
        self.send("a CAPABILITY" if self.protocol == "imap" else "CAPA")
        text = ""
        while not text.endswith(("a OK CAPABILITY completed\n", "\n.\n")):
            text += self.line() + "\n"
        if self.protocol == "imap":
            return re.findall(r"AUTH=(\S+)", text)
        return re.search(r"SASL (.*)", text)[1].split()

    def authenticate(self, mechanism, respond, initial=None):
        """respond(challenge) gives a response, None to cancel; the last line
        that the server says."""
        command = "a AUTHENTICATE " if self.protocol == "imap" else "AUTH "
        if initial is not None:
            initial = " " + (b64(initial) or "=")
        self.send(command + mechanism + (initial or ""))
        while (line := self.line()).startswith("+ "):
            response = respond(base64.b64decode(line[2:]))
            self.send("*" if response is None else b64(response))
        return line

    def is_in(self, line):
        return line.startswith(("a OK", "+OK"))

    def close(self):
        self.file.close()
        self.sock.close()


class Scram:
    """The client of RFC 5802."""

    def __init__(self, name, password, hash_name, flag="n", binding=b""):
        self.hash, self.password = hash_name, password.encode()
        self.gs2 = flag.encode() + b",,"
        self.binding = binding
        self.bare = f"n={name},r={secrets.token_hex(9)}".encode()
        self.step = 0
        self.proven = False

    def first(self):
        return self.gs2 + self.bare

    def hmac(self, key, data):
        return hmac.digest(key, data, self.hash)

    def __call__(self, challenge):
        self.step += 1
        if self.step > 1:
            self.proven = challenge == b"v=" + base64.b64encode(self.signature)
            return b""
        fields = dict(f.split("=", 1) for f in challenge.decode().split(","))
        salted = hashlib.pbkdf2_hmac(
            self.hash, self.password, base64.b64decode(fields["s"]),
            int(fields["i"]))
        final = f"c={b64(self.gs2 + self.binding)},r={fields['r']}".encode()
        message = self.bare + b"," + challenge + b"," + final
        key = self.hmac(salted, b"Client Key")
        mask = self.hmac(hashlib.new(self.hash, key).digest(), message)
        self.signature = self.hmac(self.hmac(salted, b"Server Key"), message)
        proof = bytes(a ^ b for a, b in zip(key, mask))
        return final + b",p=" + base64.b64encode(proof)


def openssl(directory, *words):
    subprocess.run(["openssl", *words], cwd=directory, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_client_certificate(directory, name, address, purpose="clientAuth"):
    (directory / f"{name}.ext").write_text(
        f"subjectAltName=email:{address}\nextendedKeyUsage={purpose}\n")
    openssl(directory, "req", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x",
            "-keyout", f"{name}.key", "-out", f"{name}.csr")
    openssl(directory, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem",
            "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile",
            f"{name}.ext", "-out", f"{name}.pem")


@pytest.fixture(scope="module")
def server():
    server = Server()
    server.pop3s_port = free_port()
    openssl(server.directory, "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
            "/CN=People", "-keyout", "ca.key", "-out", "ca.pem")
    server.settings.update({
        "listen.pop3s": f'["127.0.0.1:{server.pop3s_port}"]',
        "tls.client_ca": f'"{server.directory}/ca.pem"'})
    server.write_config()
    server.start()
    server.account("anna@example.org")
    make_client_certificate(server.directory, "anna", "anna@example.org")
    make_client_certificate(server.directory, "nobody", "nobody@example.org")
    make_client_certificate(
        server.directory, "web", "anna@example.org", "serverAuth")
    yield server
    server.close()


protocols = pytest.mark.parametrize("protocol", ["imap", "pop3"])


@protocols
def test_announced(server, protocol):
    client = Client(server, protocol)
    assert client.mechanisms() == [
        "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-1", "PLAIN", "LOGIN"]
    client.close()


@protocols
def test_plain_and_login(server, protocol):
    name, password = server.account("anna@example.org")
    plain = f"\0{name}\0{password}".encode()
    for initial in (plain, None):
        client = Client(server, protocol)
        assert client.is_in(client.authenticate(
            "PLAIN", lambda _: plain, initial))
        client.close()
    words = {b"Username:": name.encode(), b"Password:": password.encode()}
    client = Client(server, protocol)
    assert client.is_in(client.authenticate("LOGIN", words.get))
    client.close()
    # Cancelled, and then right on the same connection.
    client = Client(server, protocol)
    line = client.authenticate("LOGIN", {b"Username:": b"x"}.get)
    assert line.startswith(("a BAD", "-ERR"))
    assert client.is_in(client.authenticate("LOGIN", words.get))
    client.close()


def context(server, version, name=None):
    context = server.context
    context.minimum_version = context.maximum_version = version
    if name:
        context.load_cert_chain(server.directory / f"{name}.pem",
                                server.directory / f"{name}.key")
    return context


TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def binding_of(client, kind):
    if kind == "tls-unique":
        return client.sock.get_channel_binding(kind)
    certificate = client.sock.getpeercert(binary_form=True)
    return hashlib.sha256(certificate).digest()


@protocols
@pytest.mark.parametrize("hash_name, words", [
    ("sha1", "SCRAM-SHA-1"), ("sha256", "SCRAM-SHA-256")])
@pytest.mark.parametrize("version, kind", [
    (TLS12, None), (TLS13, None), (TLS12, "tls-unique"),
    (TLS12, "tls-server-end-point"), (TLS13, "tls-server-end-point")])
def test_scram(server, protocol, hash_name, words, version, kind):
    name, password = server.account("anna@example.org")
    for right in (True, False):
        client = Client(server, protocol, context(server, version))
        flag, binding = "n", b""
        if kind:
            flag, binding = f"p={kind}", binding_of(client, kind)
        if not right and kind:
            binding = bytes([binding[0] ^ 1]) + binding[1:]
        elif not right:
            password += "x"
        scram = Scram(name, password, hash_name, flag, binding)
        line = client.authenticate(
            words + ("-PLUS" if kind else ""), scram, scram.first())
        assert client.is_in(line) == right, line
        assert scram.proven == right
        client.close()


@protocols
def test_scram_downgrade(server, protocol):
    """Who hides -PLUS from a client that could have used it is noticed."""
    name, password = server.account("anna@example.org")
    client = Client(server, protocol)
    scram = Scram(name, password, "sha256", "y")
    assert not client.is_in(client.authenticate(
        "SCRAM-SHA-256", scram, scram.first()))
    client.close()


def external(server, protocol, name, version, initial):
    client = Client(server, protocol, context(server, version, name))
    announced = "EXTERNAL" in client.mechanisms()
    line = client.authenticate("EXTERNAL", lambda _: b"", initial)
    result = announced, client.is_in(line)
    client.close()
    return result


@protocols
@pytest.mark.parametrize("version, initial", [
    (TLS12, b""), (TLS13, b""), (TLS12, None), (TLS13, None),
    (TLS13, b"anna@example.org")])
def test_external(server, protocol, version, initial):
    assert external(server, protocol, "anna", version, initial) == (True, True)


@protocols
@pytest.mark.parametrize("name, initial, announced", [
    ("anna", b"other@example.org", True),  # somebody else's account
    ("nobody", b"", True),                 # no such account
    ("web", b"", False),                   # made for something else
    (None, b"", False)])
def test_external_refused(server, protocol, name, initial, announced):
    assert external(server, protocol, name, TLS13, initial) \
        == (announced, False)
    if name == "web":
        eventually(lambda: 'msg="client certificate not accepted"'
                   in server.log_text(), "the reason in the log")


def test_authority_taken_away(server):
    """After a reload without the authority no session is resumed with its
    certificate."""
    own = context(server, TLS13, "anna")
    client = Client(server, "imap", own)
    assert "EXTERNAL" in client.mechanisms()
    session = client.sock.session
    client.close()
    ca = server.directory / "ca.pem"
    kept = ca.read_bytes()
    try:
        openssl(server.directory, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=Others", "-keyout", "others.key", "-out",
                "ca.pem")
        reload(server)

        def refused():
            raw = socket.create_connection(server.address(True), timeout=30)
            sock = own.wrap_socket(
                raw, server_hostname="localhost", session=session)
            greeting = sock.recv(4096)
            sock.close()
            assert greeting.startswith(b"* OK")
            return b"AUTH=EXTERNAL" not in greeting
        eventually(refused, "EXTERNAL is gone")
    finally:
        ca.write_bytes(kept)
        reload(server)


def reload(server):
    done = server.log_text().count("configuration reloaded")
    server.process.send_signal(1)
    eventually(lambda: server.log_text().count("configuration reloaded")
               > done, "the reload")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
