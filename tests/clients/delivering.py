# SPDX-License-Identifier: Apache-2.0
"""What tests of delivery share: a server that takes mail by LMTP, and a client
by hand, since Python's own gives one answer where LMTP has one for each
recipient."""
import socket

from harness import Server

DOMAIN = "example.org"


class LmtpServer(Server):
    """Takes LMTP on a Unix socket too."""

    def __init__(self, settings=None, **more):
        super().__init__(settings, **more)
        self.lmtp_socket = self.directory / "lmtp.sock"
        self.settings["listen.lmtp"] = \
            f'["127.0.0.1:{self.lmtp_port}", "{self.lmtp_socket}"]'
        self.settings.setdefault("listen.socket_mode", '"0666"')
        self.write_config()


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code} {text}")
        self.code, self.text = code, text


class Gone(Exception):
    """The connection ended before the answer."""


class Lmtp:
    def __init__(self, server, unix=False, timeout=60):
        try:
            if unix:
                self.sock = socket.socket(socket.AF_UNIX)
                self.sock.settimeout(timeout)
                self.sock.connect(str(server.lmtp_socket))
            else:
                self.sock = socket.create_connection(
                    ("127.0.0.1", server.lmtp_port), timeout)
                self.sock.setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.file = self.sock.makefile("rb")
        except OSError as e:
            raise Gone from e
        self.expect(self.answer(), 220)
        self.offers = self.ask("LHLO sender.example.test", 250)[1]

    def answer(self):
        """(code, text), lines joined."""
        lines = []
        while True:
            try:
                line = self.file.readline()
            except OSError as e:
                raise Gone from e
            if not line.endswith(b"\r\n"):
                raise Gone(line)
            lines.append(line[4:-2].decode())
            if line[3:4] != b"-":
                return int(line[:3]), "\n".join(lines)

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError as e:
            raise Gone from e

    @staticmethod
    def expect(answer, code):
        if answer[0] != code:
            raise Refused(*answer)
        return answer

    def ask(self, command, code=None):
        self.send(command.encode() + b"\r\n")
        answer = self.answer()
        return answer if code is None else self.expect(answer, code)

    def deliver(self, sender, recipients, data):
        """[(code, text)] for each recipient, in order: of RCPT when that was
        refused, else of the message. All in one go."""
        lines = [f"MAIL FROM:<{sender}>",
                 *[f"RCPT TO:<{r}>" for r in recipients], "DATA"]
        self.send("".join(f"{line}\r\n" for line in lines).encode())
        self.expect(self.answer(), 250)
        results = [self.answer() for _ in recipients]
        code, text = self.answer()
        if code != 354:
            self.ask("RSET", 250)
            return [r if r[0] != 250 else (code, text) for r in results]
        stuffed = b"".join(b"." + line if line.startswith(b".") else line
                           for line in data.splitlines(keepends=True))
        self.send(stuffed + b".\r\n")
        return [self.answer() if r[0] == 250 else r for r in results]

    def quit(self):
        try:
            self.ask("QUIT", 221)
        finally:
            self.sock.close()

    def close(self):
        self.sock.close()
