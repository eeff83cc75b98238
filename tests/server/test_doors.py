# SPDX-License-Identifier: Apache-2.0
"""By what doors clients come: Unix sockets."""
import os
import pathlib
import socket
import stat
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import Server  # noqa: E402


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


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
