# SPDX-License-Identifier: Apache-2.0
"""A client like a phone's: TLS, rev2, IDLE; hears of changes at once."""
import re
import threading
import time

from people import append, login, message, ok


class Phone:
    """Keeps a view of INBOX by IDLE alone."""

    def __init__(self, server, account):
        self.imap = login(server, account)
        self.imap.enable("IMAP4rev2")
        self.exists = int(ok(self.imap.select("INBOX"))[0])
        self.heard = []

    def idle(self):
        self.tag = self.imap._new_tag()
        self.imap.send(self.tag + b" IDLE\r\n")
        while not self.imap.readline().startswith(b"+"):
            pass

    def next_line(self):
        return self.imap.readline().rstrip()

    def done(self):
        self.imap.send(b"DONE\r\n")
        while True:
            line = self.imap.readline()
            if line.startswith(self.tag):
                assert b" OK " in line
                return


def test_sees_new_mail_within_a_second(server):
    account = server.account()
    phone = Phone(server, account)
    laptop = login(server, account)
    phone.idle()
    for i in range(1, 6):
        came = {}

        def listen():
            while True:
                line = phone.next_line()
                if re.fullmatch(rb"\* %d EXISTS" % i, line):
                    came["at"] = time.monotonic()
                    return

        thread = threading.Thread(target=listen)
        thread.start()
        append(laptop, "INBOX", message(i))
        said = time.monotonic()
        thread.join(30)
        assert came, "IDLE heard nothing"
        # The one promise with a number in it; a second is long.
        assert came["at"] - said < 1.0
    phone.done()
    data = ok(phone.imap.fetch("5", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
    assert b"Message 5" in data[0][1]


def test_many_phones(server):
    """Fifty idle sessions of one account all hear of it."""
    account = server.account()
    phones = [Phone(server, account) for _ in range(50)]
    for phone in phones:
        phone.idle()
    laptop = login(server, account)
    append(laptop, "INBOX", message(1))
    for phone in phones:
        assert phone.next_line() == b"* 1 EXISTS"
    ok(laptop.select("INBOX"))
    ok(laptop.store("1", "+FLAGS", "(\\Deleted)"))
    ok(laptop.expunge())
    for phone in phones:
        line = phone.next_line()
        while b"FETCH" in line or b"RECENT" in line:
            line = phone.next_line()
        assert line == b"* 1 EXPUNGE"
        phone.done()
