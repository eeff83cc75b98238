# SPDX-License-Identifier: Apache-2.0
"""After kill -9 a store of 100,000 messages is open, with all of them. The long
form brings each message by itself and wants it within 2 seconds; the short one
copies most of them, and its machine is busy with what nobody knows."""
import time

from harness import eventually
from mixed_load import Gone, Imap, kill_all
from people import message
from soaking import SOAKING, Progress, bound

PATIENCE = 2  # seconds


def fill_by_copies(imap, count):
    for i in range(100):
        assert imap.do("APPEND INBOX", message(i))[0] == "OK"
    assert imap.do("SELECT INBOX")[0] == "OK"
    have = 100
    while have < count:
        some = min(have, count - have)
        assert imap.do(f"COPY 1:{some} INBOX")[0] == "OK"
        have += some


def fill_one_by_one(imap, count, progress):
    """500 in a command, so that the log has much when the kill comes."""
    for first in range(0, count, 500):
        some = [message(i) for i in range(first, min(first + 500, count))]
        tag = b"m%d" % first
        imap.sock.sendall(
            tag + b" APPEND INBOX" + b"".join(
                b" {%d+}\r\n" % len(data) + data for data in some) + b"\r\n")
        while not (line := imap._line()).startswith(tag):
            assert line.startswith(b"* "), line
        assert b" OK " in line, line
        progress.maybe(f"{first} of {count} messages")


def time_to_select(server, account):
    begun = time.monotonic()
    server.start()
    ready = time.monotonic() - begun

    def select():
        try:
            imap = Imap(server, account)
            return imap.do("SELECT INBOX")
        except Gone:
            return None
    status, text, lines = eventually(select, "a SELECT")
    assert status == "OK", text
    return ready, time.monotonic() - begun, b"".join(lines)


def test_open_after_kill(own_server):
    server = own_server
    account = server.account()
    progress = Progress("open")
    count = bound("MESSAGES", 100_000, 100_000)
    imap = Imap(server, account)
    if SOAKING:
        fill_one_by_one(imap, count, progress)
    else:
        fill_by_copies(imap, count)
    for _ in range(3):
        kill_all(server)
        ready, total, said = time_to_select(server, account)
        assert b"* %d EXISTS" % count in said
        progress.tell(f"{count} messages: ready in {ready:.2f} s, "
                      f"INBOX selected in {total:.2f} s")
        assert not SOAKING or total < PATIENCE
