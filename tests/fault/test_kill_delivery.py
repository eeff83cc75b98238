# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the roles at random moments while 16 connections deliver. Each
sender does what a mail transport does: what was not answered it sends again. So
a message that was answered 250 is there, and none is there twice but by the
sender's own doubt: when the connection ended after the message and before its
answer. With suppression of duplicates, not even then."""
import collections
import random
import re
import threading
import time

import pytest

from delivering import DOMAIN, Gone, Lmtp, LmtpServer, Refused
from harness import eventually
from mixed_load import kill_role
from people import fetch_all, login, message
from soaking import Progress, bound, seed

SENDERS = 16
ACCOUNTS = 4


class Sender(threading.Thread):
    def __init__(self, server, accounts, index, seed):
        super().__init__(daemon=True)
        self.server, self.accounts, self.index = server, accounts, index
        self.random = random.Random(seed * 100 + index)
        self.answered = set()                   # (account, number)
        self.doubts = collections.Counter()
        self.refused = collections.Counter()    # code
        self.trouble = None
        self.stopping = threading.Event()
        self.lmtp = None

    def run(self):
        number = self.index * 1_000_000
        try:
            while not self.stopping.is_set():
                number += 1
                self.bring(number)
            if self.lmtp:
                self.lmtp.close()
        except Exception as trouble:    # told by the main thread
            self.trouble = trouble

    def bring(self, number):
        """Until each recipient is answered 250."""
        waiting = self.random.sample(
            self.accounts, self.random.choice((1, 1, 1, 2, ACCOUNTS)))
        data = message(number, body="x" * self.random.choice(
            (10, 3000, 200_000)))
        while waiting:
            try:
                if not self.lmtp:
                    self.lmtp = Lmtp(self.server, unix=self.index % 2)
                self.attempt(waiting, number, data)
            except (Gone, Refused) as e:
                if isinstance(e, Refused):
                    assert 400 <= e.code < 500, e
                if self.lmtp:
                    self.lmtp.close()
                self.lmtp = None
                time.sleep(0.02)

    def attempt(self, waiting, number, data):
        lmtp = self.lmtp
        lines = ["MAIL FROM:<x@example.net>",
                 *[f"RCPT TO:<{a[0]}@{DOMAIN}>" for a in waiting], "DATA"]
        lmtp.send("".join(f"{line}\r\n" for line in lines).encode())
        lmtp.expect(lmtp.answer(), 250)
        taken = []
        for account in list(waiting):
            code, text = lmtp.answer()
            assert code == 250 or 400 <= code < 500, (code, text)
            if code == 250:
                taken.append(account)
            else:
                self.refused[code] += 1
        code, text = lmtp.answer()
        if code != 354:
            assert not taken or 400 <= code < 500, (code, text)
            lmtp.ask("RSET", 250)
            time.sleep(0.02)
            return
        unanswered = list(taken)
        try:
            lmtp.send(data)
            # In doubt only once the end may have been read.
            lmtp.send(b".\r\n")
            for account in taken:
                code, text = lmtp.answer()
                unanswered.remove(account)
                if code == 250:
                    self.answered.add((account, number))
                    waiting.remove(account)
                else:
                    assert 400 <= code < 500, (code, text)
                    self.refused[code] += 1
        except Gone:
            for account in unanswered:
                self.doubts[account, number] += 1
            raise


def wait_for_progress(senders, more):
    goal = sum(len(s.answered) for s in senders) + more

    def enough():
        for sender in senders:
            if sender.trouble:
                raise sender.trouble
        return sum(len(s.answered) for s in senders) >= goal
    eventually(enough, f"{more} more deliveries", timeout=120)


def stored_in(server, account):
    """{number: copies}"""
    imap = login(server, account)
    found = fetch_all(imap, "INBOX").values()
    imap.logout()
    copies = collections.Counter()
    for data in found:
        number = int(re.search(rb"Message-ID: <(\d+)@", data)[1])
        assert data.endswith(b"\r\n") and b"\r\n\r\n" in data
        copies[number] += 1
    return copies


def check(server, accounts, senders, suppressed):
    lost, twice = [], []
    doubts = collections.Counter()
    for sender in senders:
        doubts.update(sender.doubts)
    for account in accounts:
        copies = stored_in(server, account)
        for sender in senders:
            lost += [(a, n) for a, n in sender.answered
                     if a == account and not copies[n]]
        for number, count in copies.items():
            most = 1 if suppressed else 1 + doubts[account, number]
            if count > most:
                twice.append((account, number, count, most))
    assert not lost, f"answered 250 and not there: {lost}"
    assert not twice, f"there more often than doubted: {twice}"


@pytest.mark.parametrize("window", ["0ms", "1h"])
def test_kills_under_deliveries(window):
    kills = bound("DELIVERY_KILLS", 8, 60)
    chance = random.Random(seed())
    progress = Progress(f"deliveries, duplicates within {window}")
    server = LmtpServer({"lmtp.duplicates": f'"{window}"'}).start()
    try:
        accounts = [server.account() for _ in range(ACCOUNTS)]
        senders = [Sender(server, accounts, i, seed())
                   for i in range(1, SENDERS + 1)]
        for sender in senders:
            sender.start()
        for n in range(kills):
            wait_for_progress(senders, chance.randint(1, 40))
            time.sleep(chance.random() * 0.05)
            kill_role(server, chance.choice(
                ("mail", "mail", "mail", "front", "auth")))
            progress.maybe(f"{n + 1} of {kills} kills")
        wait_for_progress(senders, 40)
        for sender in senders:
            sender.stopping.set()
        for sender in senders:
            sender.join(120)
            if sender.trouble:
                raise sender.trouble
            assert not sender.is_alive()
        progress.tell(
            f"{sum(len(s.answered) for s in senders)} answered, "
            f"{sum(s.doubts.total() for s in senders)} in doubt")
        check(server, accounts, senders, window != "0ms")
        server.culver("verify")
    except BaseException:
        print(f"seed {seed()}")
        raise
    finally:
        server.close()
