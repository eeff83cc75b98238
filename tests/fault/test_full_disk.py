# SPDX-License-Identifier: Apache-2.0
"""The disk is full: mail is refused for now, nothing that was taken is lost,
and once there is room it comes in again without a restart. On a small tmpfs in
a mount namespace of the server's own."""
import os
import pathlib
import subprocess

import pytest

from delivering import DOMAIN, Lmtp, LmtpServer
from harness import eventually
from mixed_load import Imap, Pop3
from people import fetch_all, login, message

MIB = 1 << 20
SIZE = 200 * MIB


class SmallServer(LmtpServer):
    """Its state is on a disk of its own. What else is there is `ballast`."""

    def __init__(self, **more):
        super().__init__(**more)
        self.disk = self.directory / "disk"
        self.disk.mkdir()
        self.settings["state"] = f'"{self.disk}/state"'
        self.write_config()
        self.real_program = self.program
        self.mounted = self.script(
            "mounted",
            f'mount -t tmpfs -o size={SIZE},mode=755 none "{self.disk}" && '
            f'exec "{self.program}" "$@"')
        self.serving = self.script(
            "serving", f'exec unshare -m "{self.mounted}" "$@"')

    def script(self, name, text):
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def start(self):
        self.program = self.serving
        super().start()
        # What the command line does, it does where the server is.
        self.program = self.script(
            "within", f"exec nsenter -t {self.process.pid} -m "
            f'--wd="{self.directory}" "{self.real_program}" "$@"')
        return self

    @property
    def seen(self):
        """The disk as the server sees it."""
        return pathlib.Path(f"/proc/{self.process.pid}/root{self.disk}")

    def leave(self, room):
        """Fills all but so many bytes."""
        stat = os.statvfs(self.seen)
        free = stat.f_bavail * stat.f_frsize
        with open(self.seen / "ballast", "ab") as f:
            f.write(b"\0" * (free - room))

    def make_room(self):
        os.unlink(self.seen / "ballast")


@pytest.fixture
def small_server():
    probe = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if probe.returncode:
        pytest.skip("only root has mount namespaces, and not everywhere")
    one = SmallServer().start()
    yield one
    one.close()


def numbers_in(server, account):
    imap = login(server, account)
    found = fetch_all(imap, "INBOX").values()
    imap.logout()
    return sorted(int(data.split(b"Message-ID: <")[1].split(b"@")[0])
                  for data in found)


def test_full_disk(small_server):
    server = small_server
    account = server.account()
    lmtp = Lmtp(server)

    def bring(number, size=100_000):
        body = "\r\n".join(f"{n:070}" for n in range(size // 72))
        ((code, text),) = lmtp.deliver(
            "x@example.net", [f"{account[0]}@{DOMAIN}"],
            message(number, body=body))
        return code, text

    answered = [1, 2, 3, 4, 5]
    for number in answered:
        code, text = bring(number)
        assert code == 250, (code, text)
    server.leave(8 * MIB)
    # Whatever size: none is taken, the connection stays, nothing is lost.
    for number, size in ((10, 100), (11, 20_000), (12, 3_000_000)):
        code, text = bring(number, size)
        assert code == 452 and text.startswith("4.3.1"), (code, text)
    assert numbers_in(server, account) == answered
    server.make_room()

    def taken():
        code, text = bring(20)
        assert code in (250, 452), (code, text)
        return code == 250
    eventually(taken, "a delivery after there is room again", timeout=60)
    assert bring(21, 3_000_000)[0] == 250
    assert numbers_in(server, account) == [*answered, 20, 21]
    lmtp.quit()
    server.culver("verify")


def test_full_disk_and_clients(small_server):
    """Whatever changes mail is refused with a code, by IMAP and POP3; reading
    goes on; afterwards the same sessions go on."""
    server = small_server
    account = server.account()
    imap, idle = Imap(server, account), Imap(server, account)
    for n in range(1, 6):
        assert imap.do("APPEND INBOX", message(n))[0] == "OK"
    assert imap.do("CREATE other")[0] == "OK"
    assert imap.do("APPEND other", message(9))[0] == "OK"
    assert imap.do("SELECT INBOX")[0] == "OK"
    assert imap.do("UID STORE 5 +FLAGS (\\Deleted)")[0] == "OK"
    imap.unavailable_is_gone = idle.unavailable_is_gone = False
    changes = [
        ("APPEND INBOX", message(6)),
        ("APPEND other", message(7, body="x" * 300_000)),
        ("UID STORE 1 +FLAGS (\\Flagged)", None),
        ("UID COPY 1:2 other", None),
        ("UID MOVE 1:2 other", None),
        ("UID EXPUNGE 5", None),
        ("EXPUNGE", None),
        ("CREATE third", None),
        ("RENAME other fourth", None),
        ("SUBSCRIBE other", None),
        ("SETMETADATA INBOX (/private/comment {5+}\r\nhello)", None),
    ]
    reads = [
        "UID FETCH 1:* (FLAGS BODY.PEEK[])", "UID SEARCH TEXT hello",
        "STATUS other (MESSAGES)", 'LIST "" *', "NOOP",
        "UID SORT (SUBJECT) UTF-8 ALL",
    ]
    server.leave(8 * MIB)
    for command, literal in changes:
        assert imap.do(command, literal)[:2] == (
            "NO", "[UNAVAILABLE] The server has no space left\r\n"), command
    for command in reads:
        assert imap.do(command)[0] == "OK", command
    # Its message is \Recent, which cannot be noted.
    assert idle.do("SELECT other")[0] == "OK"
    pop3 = Pop3(server, account)
    assert pop3.do("RETR 1").startswith(b"+OK")
    pop3.lines()
    assert pop3.do("DELE 2").startswith(b"+OK")
    assert pop3.do("QUIT").startswith(b"-ERR [SYS/TEMP]")
    assert numbers_in(server, account) == [1, 2, 3, 4, 5]
    server.make_room()
    eventually(lambda: imap.do("UID STORE 1 +FLAGS (\\Flagged)")[0] == "OK",
               "a change after there is room again", timeout=60)
    for command, literal in changes:
        assert imap.do(command, literal)[0] == "OK", command
    assert idle.do("APPEND INBOX", message(8))[0] == "OK"
    pop3 = Pop3(server, account)
    assert pop3.do("DELE 1").startswith(b"+OK")
    assert pop3.do("QUIT").startswith(b"+OK")
    assert numbers_in(server, account) == [4, 6, 8]
    server.culver("verify")
