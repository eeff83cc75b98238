# SPDX-License-Identifier: Apache-2.0
"""kill -9 while POP3's QUIT deletes: all of it happened, or nothing, and after
"+OK" all of it."""
import imaplib
import os
import random
import signal
import socket
import threading
import time

import pytest

from harness import Server, eventually
from people import append, login, message, ok
from soaking import bound, seed

MESSAGES = 500


def line_of(file):
    line = file.readline()
    if not line:
        raise ConnectionError
    return line


def open_session(server, account):
    sock = socket.create_connection(server.pop3_address(), 60)
    file = sock.makefile("rb")
    line_of(file)
    for line in (f"USER {account[0]}", f"PASS {account[1]}"):
        sock.sendall(line.encode() + b"\r\n")
        assert line_of(file).startswith(b"+OK")
    return sock, file


def mark_all(sock, file, count):
    done = threading.Thread(target=lambda: sock.sendall(
        b"".join(b"DELE %d\r\n" % i for i in range(1, count + 1))))
    done.start()
    for _ in range(count):
        assert line_of(file).startswith(b"+OK")
    done.join()


def fill_up(server, account):
    """MESSAGES of them in INBOX, most of them copies; how many there are."""
    imap = login(server, account)
    append(imap, "INBOX", *[message(i) for i in range(25)])
    have = int(ok(imap.select("INBOX"))[0])
    while have < MESSAGES:
        ok(imap.copy(f"1:{min(have, MESSAGES - have)}", "INBOX"))
        have = int(ok(imap.select("INBOX"))[0])
    imap.logout()
    return have


def log_in_again(server, account):
    """Mail begins again; until then logins are answered, not served."""
    try:
        return login(server, account)
    except (imaplib.IMAP4.error, OSError):
        return None


def count_of(server, account):
    imap = eventually(lambda: log_in_again(server, account), "a login")
    count = int(ok(imap.select("INBOX", readonly=True))[0])
    imap.logout()
    return count


def quit_and_kill(server, sock, file, delay):
    """True when "+OK" came."""
    victim = server.children()["mail"]
    sock.sendall(b"QUIT\r\n")
    time.sleep(delay)
    os.kill(victim, signal.SIGKILL)
    try:
        return line_of(file).startswith(b"+OK")
    except OSError:
        return False


@pytest.mark.parametrize("leave", ["expunge", "trash"])
def test_kill_during_quit(leave):
    random.seed(seed() + 2)
    server = Server({"pop3.leave": f'"{leave}"'}).start()
    try:
        account = server.account()
        outcomes = set()
        for i in range(bound("POP3_KILLS", 6, 40)):
            count = fill_up(server, account)
            sock, file = open_session(server, account)
            mark_all(sock, file, count)
            said = quit_and_kill(server, sock, file,
                                 random.uniform(0, 0.02) * (i % 6 + 1))
            sock.close()
            left = count_of(server, account)
            assert left in (0, count), f"{left} of {count} are left"
            assert not said or left == 0
            outcomes.add(left == 0)
        assert True in outcomes
        server.culver("verify")
    finally:
        server.close()
