# SPDX-License-Identifier: Apache-2.0
"""What goes on when a role dies, when everything dies at once, and when the
server is asked to end. Kills at random moments: test_kill_mixed.py."""
import os
import signal

from delivering import LmtpServer
from harness import eventually
from mixed_load import Game, kill_all
from people import fetch_all, login, message, ok
from soaking import seed


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


def test_all_die_at_once():
    """Three times; then it starts again."""
    server = LmtpServer().start()
    try:
        game = Game(server, seed(), [server.account(), server.account()])
        game.begin()
        for _ in range(3):
            game.progress(60)
            kill_all(server)
            server.start()
        game.progress(20)
        game.end()
        server.culver("verify")
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
