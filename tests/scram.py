# SPDX-License-Identifier: Apache-2.0
"""The client's side of SCRAM (RFC 5802), written from the RFC's text, and a
client that speaks just enough IMAP to log in with it."""
import base64
import hashlib
import hmac
import secrets
import socket


class Scram:
    """One exchange. binding: (name, bytes) for -PLUS; flag: "n" or "y"."""

    def __init__(self, mechanism, name, password, binding=None, flag="n",
                 authzid=""):
        self.hash = "sha1" if "SHA-1" in mechanism else "sha256"
        self.password = password.encode()
        if mechanism.endswith("-PLUS"):
            flag = "p=" + binding[0]
        self.gs2 = f"{flag},{'a=' + authzid if authzid else ''},"
        self.binding = binding[1] if binding else b""
        self.nonce = secrets.token_urlsafe(18)
        name = name.replace("=", "=3D").replace(",", "=2C")
        self.first_bare = f"n={name},r={self.nonce}"

    def first(self):
        return (self.gs2 + self.first_bare).encode()

    def mac(self, key, text):
        return hmac.new(key, text, self.hash).digest()

    def final(self, server_first):
        """The proof; .signature is what the server must answer."""
        server_first = server_first.decode()
        self.fields = dict(f.split("=", 1) for f in server_first.split(","))
        assert self.fields["r"].startswith(self.nonce)
        assert len(self.fields["r"]) > len(self.nonce)
        salted = hashlib.pbkdf2_hmac(
            self.hash, self.password, base64.b64decode(self.fields["s"]),
            int(self.fields["i"]))
        bound = self.gs2.encode()
        if self.gs2.startswith("p="):
            bound += self.binding
        without = f"c={base64.b64encode(bound).decode()},r={self.fields['r']}"
        message = f"{self.first_bare},{server_first},{without}".encode()
        key = self.mac(salted, b"Client Key")
        stored = hashlib.new(self.hash, key).digest()
        proof = bytes(a ^ b for a, b in zip(key, self.mac(stored, message)))
        self.signature = b"v=" + base64.b64encode(
            self.mac(self.mac(salted, b"Server Key"), message))
        return (without + ",p=" + base64.b64encode(proof).decode()).encode()


class Client:
    """IMAP before login, over any socket."""

    def __init__(self, sock):
        self.sock = sock
        self.file = sock.makefile("rb")
        self.greeting = self.line()

    def line(self):
        line = self.file.readline()
        assert line, "the server hung up"
        return line.decode(errors="replace").rstrip("\r\n")

    def send(self, text):
        self.sock.sendall(text.encode() + b"\r\n")

    def command(self, text):
        """The tagged answer; .untagged has the lines before it."""
        tag = text.split()[0]
        self.send(text)
        return self.tagged(tag)

    def tagged(self, tag):
        self.untagged = []
        while True:
            line = self.line()
            if line.startswith(tag + " "):
                return line
            self.untagged.append(line)

    def capabilities(self):
        self.command("c CAPABILITY")
        return self.untagged[0].split()[2:]

    def mechanisms(self):
        return {c[5:] for c in self.capabilities() if c.startswith("AUTH=")}

    def authenticate(self, mechanism, *responses, tag="a"):
        """Sends the responses as the server asks; the tagged answer.
        .challenges has what the server said, decoded. A response may be a
        function of the last challenge."""
        self.challenges = []
        self.send(f"{tag} AUTHENTICATE {mechanism}")
        left = list(responses)
        while True:
            line = self.line()
            if line.startswith(tag + " "):
                return line
            if not line.startswith("+"):
                continue
            self.challenges.append(base64.b64decode(line[1:].strip()))
            assert left, f"asked once more: {line}"
            response = left.pop(0)
            if callable(response):
                response = response(self.challenges[-1])
            self.send(base64.b64encode(response).decode())

    def scram(self, mechanism, name, password, **more):
        """The tagged answer; asserts the server's proof when it is OK."""
        exchange = Scram(mechanism, name, password, **more)
        answer = self.authenticate(
            mechanism, exchange.first(), exchange.final, b"")
        self.exchange = exchange
        if answer.startswith("a OK"):
            assert self.challenges[2] == exchange.signature
        return answer

    def plain(self, name, password, authzid=""):
        return self.authenticate(
            "PLAIN", f"{authzid}\0{name}\0{password}".encode())

    def login(self, name, password):
        """By the mechanism LOGIN."""
        return self.authenticate("LOGIN", name.encode(), password.encode())

    def close(self):
        self.file.close()
        self.sock.close()


def connect(server, tls=False, context=None, first=b""):
    sock = socket.create_connection(server.address(tls), timeout=60)
    sock.sendall(first)
    if tls:
        sock = (context or server.context).wrap_socket(
            sock, server_hostname="localhost")
    return Client(sock)
