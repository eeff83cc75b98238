# SPDX-License-Identifier: Apache-2.0
"""kill -9 of any role, or of everything, under load: nothing that was
acknowledged is lost, UIDs are never used twice, and the rest goes on."""
import os
import random
import re
import signal
import threading
import time

import pytest

from harness import Server, eventually
from people import fetch_all, login, message, ok


class Writer(threading.Thread):
    """Appends, numbers what was acknowledged: {uid: n}; connects again."""

    def __init__(self, server, account, number):
        super().__init__(daemon=True)
        self.server, self.account, self.number = server, account, number
        self.acknowledged = {}
        self.trouble = None
        self.stopping = threading.Event()
        self.errors = 0

    def run(self):
        n = 0
        while not self.stopping.is_set():
            try:
                imap = login(self.server, self.account)
                while not self.stopping.is_set():
                    n += 1
                    self._append(imap, self.number * 1_000_000 + n)
                imap.logout()
            except AssertionError as trouble:
                self.trouble = trouble
                return
            except Exception:
                self.errors += 1
                time.sleep(0.05)

    def _append(self, imap, number):
        code, data = imap.append("INBOX", None, None, message(number))
        if code == "OK":
            uid = int(re.search(rb"APPENDUID \d+ (\d+)", data[0])[1])
            assert uid not in self.acknowledged, f"UID {uid} was used twice"
            self.acknowledged[uid] = number


def wait_for_progress(writers, more):
    goal = sum(len(w.acknowledged) for w in writers) + more

    def enough():
        for writer in writers:
            if writer.trouble:
                raise writer.trouble
        return sum(len(w.acknowledged) for w in writers) >= goal
    eventually(enough, f"{more} more messages", timeout=90)


def check(server, account, writers):
    imap = login(server, account)
    stored = fetch_all(imap, "INBOX")
    imap.logout()
    seen = {}
    for writer in writers:
        for uid, number in writer.acknowledged.items():
            assert uid not in seen, f"UID {uid} was given twice"
            seen[uid] = number
            assert stored.get(uid) == message(number), \
                f"message {number} (UID {uid}) was acknowledged and is lost"
    assert seen


def verify(server):
    if server.knows("verify"):
        server.culver("verify")


def run_writers(server, account, count=4):
    writers = [Writer(server, account, i) for i in range(1, count + 1)]
    for writer in writers:
        writer.start()
    return writers


def stop(writers):
    for writer in writers:
        writer.stopping.set()
    for writer in writers:
        writer.join(60)
        assert not writer.is_alive()
        if writer.trouble:
            raise writer.trouble


@pytest.mark.parametrize("role", ["front", "auth", "mail"])
def test_a_role_dies(own_server, role):
    server = own_server
    account = server.account()
    writers = run_writers(server, account)
    wait_for_progress(writers, 50)
    for _ in range(3):
        roles = server.children()
        victims = [pid for name, pid in roles.items()
                   if name.startswith(role) or f"-{role}" in name]
        assert victims, roles
        os.kill(random.choice(victims), signal.SIGKILL)
        # Back, and working.
        wait_for_progress(writers, 50)
    assert server.process.poll() is None
    stop(writers)
    check(server, account, writers)
    verify(server)


def test_sessions_survive_auth(own_server):
    """Who is logged in does not notice that auth died."""
    server = own_server
    account = server.account()
    imap = login(server, account)
    ok(imap.select("INBOX"))
    pid = [p for n, p in server.children().items() if "auth" in n]
    os.kill(pid[0], signal.SIGKILL)
    ok(imap.append("INBOX", None, None, message(1)))
    assert ok(imap.fetch("1:*", "(UID)"))
    eventually(lambda: _can_log_in(server, account), "logins again")


def _can_log_in(server, account):
    try:
        login(server, account).logout()
        return True
    except Exception:
        return False


def test_power_cut():
    """Everything dies at once, three times; then it starts again."""
    server = Server().start()
    try:
        account = server.account()
        writers = run_writers(server, account)
        for _ in range(3):
            wait_for_progress(writers, 60)
            server.kill()
            eventually(lambda: not server.children(), "all roles gone")
            server.start()
        wait_for_progress(writers, 20)
        stop(writers)
        check(server, account, writers)
        verify(server)
    finally:
        server.close()


def test_sigterm_is_clean(own_server):
    """SIGTERM says BYE to who is there and loses nothing."""
    server = own_server
    account = server.account()
    imap = login(server, account)
    ok(imap.select("INBOX"))
    ok(imap.append("INBOX", None, None, message(1)))
    server.stop()
    rest = b""
    try:
        while line := imap.readline():
            rest += line
    except Exception:
        pass
    assert b"* BYE" in rest
    server.start()
    assert fetch_all(login(server, account), "INBOX") == {1: message(1)}


def test_a_second_server_is_refused(own_server):
    done = own_server.culver("serve", check=False)
    assert done.returncode == 4, done.stderr
