# SPDX-License-Identifier: Apache-2.0
"""A role gets no more descriptors, threads or memory. Those who are there are
served, those who come are refused or wait; the log says why, and not without
end; and when there is enough again everything goes on, without a restart."""
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys

import pytest

from delivering import DOMAIN, Gone as LmtpGone, Lmtp, LmtpServer, Refused
from harness import eventually
from mixed_load import Gone, Imap, Pop3
from people import message


# More than the descriptors that are left.
KNOCKS = 30
# SESSION_SPARE_FDS: those that mail gives to no session.
SPARE = 64


@pytest.fixture
def served():
    server = LmtpServer().start()
    yield server
    server.close()


def pids(server, role):
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text().rsplit(")", 1)[1].split()
            words = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(stat[1]) == server.process.pid and b"--role" in words and \
                words[words.index(b"--role") + 1].decode() == role:
            found.append(int(path.name))
    return found


def as_owner(pid, kind, soft=None):
    """The limits of a process, and then a new one: by somebody of its own user,
    for which root need not be almighty."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    uid, gid = (int(re.search(rf"{name}:\s+(\d+)", status)[1])
                for name in ("Uid", "Gid"))
    other = {} if uid == os.getuid() else {
        "user": uid, "group": gid, "extra_groups": []}
    done = subprocess.run(
        [sys.executable, "-I", "-c", LIMIT, str(pid), str(kind),
         str(soft or 0)], cwd="/", capture_output=True, text=True, check=True,
        **other)
    return int(done.stdout)


LIMIT = """
import resource, sys
pid, kind, soft = map(int, sys.argv[1:])
was, hard = resource.prlimit(pid, kind)
if soft:
    resource.prlimit(pid, kind, (soft, hard))
print(was)
"""


class Limited:
    """Of each process of a role, so many more than it uses now."""

    def __init__(self, server, role, kind, more):
        self.server, self.role = server, role
        self.kind, self.more = kind, more

    def uses(self, pid):
        if self.kind == resource.RLIMIT_NOFILE:
            return max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 1
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        if self.kind == resource.RLIMIT_NPROC:
            return int(re.search(r"Threads:\s+(\d+)", status)[1])
        return 1024 * int(re.search(r"VmSize:\s+(\d+)", status)[1])

    def __enter__(self):
        self.before = {}
        for pid in pids(self.server, self.role):
            self.before[pid] = as_owner(
                pid, self.kind, self.uses(pid) + self.more)
        assert self.before
        return self

    def __exit__(self, *_):
        for pid, limit in self.before.items():
            if pathlib.Path(f"/proc/{pid}").exists():
                as_owner(pid, self.kind, limit)

    def nobody_died(self):
        assert set(pids(self.server, self.role)) == set(self.before), \
            self.server.tail()


def ask(imap, command, literal=None):
    status, text, lines = imap.do(command, literal)
    assert status == "OK", (command, text)
    return b"".join(lines).decode() + text


def use(imap, number):
    """All kinds of things, in a session that is there."""
    ask(imap, "APPEND INBOX", message(number))
    ask(imap, "SELECT INBOX")
    ask(imap, "UID FETCH 1:* (FLAGS BODY.PEEK[])")
    ask(imap, "UID STORE 1:* +FLAGS (work)")
    ask(imap, "UID SEARCH TEXT hello")


def all_works(server, account, number):
    """Somebody new is served in every way."""
    def does():
        try:
            imap = Imap(server, account)
            use(imap, number)
            imap.close()
            pop3 = Pop3(server, account)
            assert pop3.do("RETR 1").startswith(b"+OK")
            pop3.lines()
            assert pop3.do("QUIT").startswith(b"+OK")
            lmtp = Lmtp(server, timeout=5)
            ((code, text),) = lmtp.deliver(
                "x@example.net", [f"{account[0]}@{DOMAIN}"], message(number))
            lmtp.quit()
            return code == 250
        except (Gone, LmtpGone, Refused):
            return False
    eventually(does, "all is served again", timeout=60)


def knock(port, count):
    socks = []
    for _ in range(count):
        sock = socket.socket()
        sock.settimeout(2)
        try:
            sock.connect(("127.0.0.1", port))
        except OSError:
            sock.close()
            continue
        socks.append(sock)
    return socks


def complaints(server):
    return [line for line in server.log_text().splitlines()
            if "level=error" in line or "level=warn" in line]


@pytest.mark.parametrize("role", ["front", "auth", "mail"])
def test_descriptors(served, role):
    server = served
    account, other = server.account(), server.account()
    imap = Imap(server, account)
    use(imap, 1)
    more = 12 + (SPARE if role == "mail" else 0)
    with Limited(server, role, resource.RLIMIT_NOFILE, more) as limited:
        # Before login they are front's; logged in they are mail's.
        socks = knock(server.imap_port, KNOCKS) + \
            knock(server.imaps_port, KNOCKS)
        for sock in socks[:KNOCKS]:
            sock.sendall(f"a LOGIN {other[0]} {other[1]}\r\n".encode())
        answers = []
        for sock in socks[:KNOCKS]:
            try:
                said = b""
                while b"\na " not in said:
                    piece = sock.recv(4096)
                    if not piece:
                        break
                    said += piece
                answers.append(said.split(b"\na ")[-1][:2])
            except OSError:
                answers.append(b"")
        # front makes them wait; mail says so, and keeps some for the store.
        assert set(answers) <= {b"OK", b"NO"}, answers
        assert (b"NO" in answers) == (role == "mail"), answers
        for n in range(3):
            use(imap, 10 + n)
        limited.nobody_died()
        for sock in socks:
            sock.close()
        all_works(server, account, 20)
        limited.nobody_died()
    use(imap, 30)
    said = complaints(server)
    assert bool(said) == (role != "auth") and len(said) < 50, said
    imap.close()
    server.culver("verify")


@pytest.mark.parametrize("role", ["auth", "mail"])
def test_threads(served, role):
    """As many as there are now; what is asked waits for one of them."""
    server = served
    accounts = [server.account() for _ in range(3)]
    imaps = [Imap(server, account) for account in accounts for _ in range(5)]
    for imap in imaps:
        ask(imap, "SELECT INBOX")
    with Limited(server, role, resource.RLIMIT_NPROC, 0) as limited:
        for _ in range(3):
            for n, imap in enumerate(imaps):
                data = message(n)
                imap.sock.sendall(b"p APPEND INBOX {%d+}\r\n%s\r\n"
                                  b"q UID SEARCH TEXT hello\r\n"
                                  % (len(data), data))
            for imap in imaps:
                while not (line := imap._line()).startswith(b"q "):
                    assert not line.startswith(b"p ") or b"p OK" in line, line
                assert b"q OK" in line, line
        all_works(server, accounts[0], 20)
        limited.nobody_died()
    for imap in imaps:
        imap.close()
    server.culver("verify")


def test_memory(served):
    """Mail may ask for little more than it has, and much is asked of it. It
    may end, and does when a client's share of memory is not there; whoever comes
    then is served, and has everything that was acknowledged."""
    server = served
    account = server.account()
    imap = Imap(server, account)
    for n in range(1, 6):
        ask(imap, "APPEND INBOX", message(n, body="x" * 500_000))
    imap.close()
    with Limited(server, "mail", resource.RLIMIT_AS, 8 << 20):
        for number in range(40):
            try:
                imap = Imap(server, account)
                ask(imap, "SELECT INBOX")
                ask(imap, "UID FETCH 1:5 (BODY.PEEK[])")
                imap.do("UID SEARCH BODY nothing")
                imap.do("UID THREAD REFERENCES UTF-8 ALL")
            except (Gone, AssertionError):
                continue
        all_works(server, account, 20)
    imap = Imap(server, account)
    ask(imap, "SELECT INBOX")
    said = ask(imap, "UID FETCH 1:5 (RFC822.SIZE)")
    assert said.count("RFC822.SIZE") == 5
    imap.close()
    server.culver("verify")
