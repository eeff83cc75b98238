# SPDX-License-Identifier: Apache-2.0
"""make run: from nothing to mail, stopped by Ctrl-C, and on with the same."""
import imaplib
import os
import poplib
import signal
import smtplib
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
                 "IMAP_PORT": str(ports[0]), "IMAPS_PORT": str(ports[1]),
                 "POP3S_PORT": str(ports[2]), "LMTP_PORT": str(ports[3])})
        eventually(self.serves, "it says how to connect", timeout=60)

    def text(self):
        return (self.directory / "out").read_text()

    def serves(self):
        assert self.process.poll() is None, self.text()
        return "New mail comes" in self.text()

    def account(self):
        return (self.directory / "var/demo-account").read_text().split()

    def context(self):
        return ssl.create_default_context(
            cafile=str(self.directory / "var/tls/cert.pem"))

    def connect(self):
        imap = imaplib.IMAP4_SSL("localhost", self.ports[1],
                                 ssl_context=self.context(), timeout=30)
        imap.login(*self.account())
        return imap

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)   # as a terminal does
        self.process.wait(30)
        assert self.process.returncode == 0, self.text()
        self.out.close()


def test_make_run(tmp_path):
    assert CULVER.exists()
    ports = [free_port() for _ in range(4)]
    demo = Demo(tmp_path, ports)
    imap = demo.connect()
    names = mailboxes(imap)
    assert len(names) > 5
    mail = fetch_all(imap, "INBOX")
    assert len(mail) > 10
    name, password = demo.account()
    with smtplib.LMTP("localhost", ports[3]) as lmtp:
        lmtp.sendmail("me@example.org", f"{name}@localhost",
                      "Subject: Hello\r\n\r\nWorld\r\n")
    pop3 = poplib.POP3_SSL("localhost", ports[2], context=demo.context())
    pop3.user(name)
    pop3.pass_(password)
    assert pop3.stat()[0] == len(mail) + 1
    assert b"World" in pop3.retr(len(mail) + 1)[1]
    pop3.dele(len(mail) + 1)
    pop3.quit()
    demo.interrupt()

    (tmp_path / "out").unlink()
    demo = Demo(tmp_path, ports)
    imap = demo.connect()
    assert mailboxes(imap) == names
    assert fetch_all(imap, "INBOX") == mail
    demo.interrupt()
