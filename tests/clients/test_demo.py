# SPDX-License-Identifier: Apache-2.0
"""make run: from nothing to mail, stopped by Ctrl-C, and on with the same."""
import imaplib
import os
import signal
import ssl
import subprocess

from harness import CULVER, ROOT, eventually, free_port
from people import fetch_all, mailboxes


class Demo:
    def __init__(self, directory, ports):
        self.directory, self.ports = directory, ports
        self.out = open(directory / "out", "ab")
        self.process = subprocess.Popen(
            [ROOT / "tools/run-demo"], stdout=self.out, stderr=self.out,
            stdin=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "VAR": str(directory / "var"),
                 "IMAP_PORT": str(ports[0]), "IMAPS_PORT": str(ports[1])})
        eventually(self.serves, "it says how to connect", timeout=60)

    def text(self):
        return (self.directory / "out").read_text()

    def serves(self):
        assert self.process.poll() is None, self.text()
        return "Thunderbird" in self.text()

    def connect(self):
        name, password = (self.directory / "var/demo-account") \
            .read_text().split()
        imap = imaplib.IMAP4_SSL(
            "localhost", self.ports[1], ssl_context=ssl.create_default_context(
                cafile=str(self.directory / "var/tls/cert.pem")), timeout=30)
        imap.login(name, password)
        return imap

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)   # as a terminal does
        self.process.wait(30)
        assert self.process.returncode == 0, self.text()
        self.out.close()


def test_make_run(tmp_path):
    assert CULVER.exists()
    ports = free_port(), free_port()
    demo = Demo(tmp_path, ports)
    imap = demo.connect()
    names = mailboxes(imap)
    assert len(names) > 5
    mail = fetch_all(imap, "INBOX")
    assert len(mail) > 10
    demo.interrupt()

    (tmp_path / "out").unlink()
    demo = Demo(tmp_path, ports)
    imap = demo.connect()
    assert mailboxes(imap) == names
    assert fetch_all(imap, "INBOX") == mail
    demo.interrupt()
