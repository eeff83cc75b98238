# SPDX-License-Identifier: Apache-2.0
"""What the attacks share: connections that say whatever they like, and a reader
that is as strict as the grammar."""
import pathlib
import re
import socket

PROTOCOLS = ("imap", "pop3", "lmtp")
TIMEOUT = 20


class Raw:
    """Bytes, and nothing that corrects them."""

    def __init__(self, server, protocol="imap", tls=False):
        port = getattr(server, f"{protocol}{'s' if tls else ''}_port")
        self.sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.begin_tls(server)
        self.seen = b""

    def begin_tls(self, server, alpn=None):
        context = server.context
        if alpn:
            context.set_alpn_protocols(alpn)
        self.sock = context.wrap_socket(self.sock, server_hostname="localhost")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        """False when the other side has gone."""
        try:
            self.sock.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def end(self):
        """No more comes from here."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def receive(self):
        """False at the end."""
        try:
            data = self.sock.recv(1 << 18)
        except ConnectionResetError:
            return False
        self.seen += data
        return bool(data)

    def line(self):
        """One line with its end; what there is at the end of it all."""
        while b"\n" not in self.seen:
            if not self.receive():
                break
        line, end, self.seen = self.seen.partition(b"\n")
        return line + end

    def rest(self):
        """All that comes until the server closes."""
        while self.receive():
            pass
        out, self.seen = self.seen, b""
        return out

    def take(self, size):
        """So many bytes."""
        chunks = [self.seen[:size]]
        self.seen = self.seen[size:]
        left = size - len(chunks[0])
        while left:
            assert self.receive(), "the end, within a literal"
            chunks.append(self.seen[:left])
            self.seen = self.seen[left:]
            left -= len(chunks[-1])
        return b"".join(chunks)

    def until(self, tag):
        """All up to the tagged answer, that included; literals are passed
        over."""
        answer = re.compile(rb"(?:%s) (?:OK|NO|BAD)[^\r]*\r\n$" % tag)
        out = []
        begins = True
        while True:
            line = self.line()
            assert line.endswith(b"\n"), (out[-3:], line)
            out.append(line)
            if begins and answer.match(line):
                return b"".join(out)
            literal = LITERAL.search(line[:-2])
            begins = not literal
            if literal:
                out.append(self.take(int(literal[1])))

    def ask(self, command, tag=b"t"):
        assert self.send(tag + b" " + command + b"\r\n")
        return self.until(tag)


def logged_in(server, account=None, tls=False):
    raw = Raw(server, tls=tls)
    raw.line()
    name, password = account or server.account()
    assert b"t OK" in raw.ask(f'LOGIN "{name}" "{password}"'.encode())
    return raw


def logged_in_pop3(server, account):
    raw = Raw(server, "pop3")
    raw.line()
    name, password = account
    raw.send(f"USER {name}\r\nPASS {password}\r\n".encode())
    assert raw.line().startswith(b"+OK") and raw.line().startswith(b"+OK")
    return raw


def at_lmtp(server):
    """After LHLO."""
    raw = Raw(server, "lmtp")
    assert raw.line().startswith(b"220 ")
    raw.send(b"LHLO x\r\n")
    while raw.line()[3:4] != b" ":
        pass
    return raw


LITERAL = re.compile(rb"~?\{(\d+)\}$")


def responses(data):
    """What an IMAP server said, one response each; literals are replaced by
    {}. Every byte must be part of one, and lines end in CR LF alone."""
    out = []
    while data:
        response = b""
        while True:
            line, end, data = data.partition(b"\r\n")
            assert end, f"no end of line: {line[-100:]!r}"
            assert not re.search(rb"[\r\n\0]", line), f"in a line: {line!r}"
            found = LITERAL.search(line)
            response += line
            if not found:
                break
            assert len(data) >= int(found[1])
            data = data[int(found[1]):]
            response = response[:-len(found[0])] + b"{}"
        out.append(response)
    return out


def of_status(pid, field):
    """Bytes. That everybody may read, whoever the process belongs to."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{field}:\s+(\d+) kB", text)[1]) * 1024


def memory(server):
    """Bytes that all roles together hold, without the program itself."""
    return sum(of_status(pid, "RssAnon") for _, pid in server.processes())


def peak(server, role):
    """The most that a role ever held, in bytes."""
    return of_status(server.children()[role], "VmHWM")
