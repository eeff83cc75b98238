# SPDX-License-Identifier: Apache-2.0
"""The clock steps back a day, and forward two. What is counted goes on
(UIDs, mod-sequences, the history of expunges); what is measured takes as long as
ever (timeouts, throttling, tickets, remembered logins); what is dated has the
date that the clock shows."""
import datetime
import json
import os
import re
import signal
import struct
import time

import pytest

from delivering import DOMAIN, Lmtp
from harness import eventually
from mixed_load import Gone, Imap, Pop3
from people import message
from preloaded import PreloadedServer

DAY = 86400


class ShiftedServer(PreloadedServer):
    def __init__(self, settings):
        super().__init__("shifted_clock.c", {"CULVER_SHIFT": "shift"},
                         settings=settings)
        self.shift(0)

    def shift(self, seconds):
        with open(self.directory / "shift", "r+b" if os.path.exists(
                self.directory / "shift") else "wb") as f:
            f.write(struct.pack("=q", seconds))
        self.shifted = seconds

    def today(self):
        """As the server's clock has it."""
        now = datetime.datetime.now(datetime.timezone.utc)
        return now + datetime.timedelta(seconds=self.shifted)


@pytest.fixture
def shifted():
    server = ShiftedServer({"lmtp.duplicates": '"1h"'}).start()
    yield server
    server.close()


def deliver(server, account, number):
    lmtp = Lmtp(server)
    ((code, text),) = lmtp.deliver(
        "x@example.net", [f"{account[0]}@{DOMAIN}"], message(number))
    assert code == 250, text
    lmtp.quit()


def ask(imap, command, literal=None):
    status, text, lines = imap.do(command, literal)
    assert status == "OK", (command, text)
    return b"".join(lines).decode() + text


def number(words, said):
    return int(re.search(words + r" (\d+)", said)[1])


def saved(imap, uid):
    said = ask(imap, f"UID FETCH {uid} (SAVEDATE INTERNALDATE)")
    return [datetime.datetime.strptime(d.strip(), "%d-%b-%Y %H:%M:%S %z")
            for d in re.findall(r'DATE "([^"]+)"', said)]


def check_counting(server, account, imap):
    """What is brought now comes after what was there; changes since then are
    known exactly."""
    before = ask(imap, "SELECT INBOX (CONDSTORE)")
    uidnext, modseq = (number(w, before) for w in ("UIDNEXT", "HIGHESTMODSEQ"))
    first = uidnext
    for n in range(3):
        said = ask(imap, "APPEND INBOX", message(1000 + uidnext + n))
        assert int(re.search(r"APPENDUID \d+ (\d+)", said)[1]) == first + n
    ask(imap, f"UID STORE {first} +FLAGS (\\Flagged)")
    ask(imap, f"UID STORE {first + 1} +FLAGS (\\Deleted)")
    ask(imap, f"UID EXPUNGE {first + 1}")
    after = ask(imap, "SELECT INBOX (CONDSTORE)")
    assert number("HIGHESTMODSEQ", after) > modseq
    assert number("UIDNEXT", after) == first + 3
    assert number("UIDVALIDITY", after) == number("UIDVALIDITY", before)
    said = ask(imap, f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq})")
    assert sorted(map(int, re.findall(r"UID (\d+)", said))) == \
        [first, first + 2]
    for uid in (first, first + 2):
        for date in saved(imap, uid):
            assert abs(date - server.today()).total_seconds() < 120, date
    # By the clock: none of these is older than a minute, nor from tomorrow.
    said = ask(imap, f"UID SEARCH UID {first}:* YOUNGER 3600")
    assert len(re.findall(r"\d+", said.split("\r\n")[0])) == 2
    return modseq


def check_history(server, account, since):
    """A client that was away hears of just what is gone."""
    imap = Imap(server, account)
    ask(imap, "ENABLE QRESYNC")
    validity = number("UIDVALIDITY", ask(imap, "EXAMINE INBOX"))
    said = ask(imap, f"SELECT INBOX (QRESYNC ({validity} {since} 1:100))")
    gone = ",".join(re.findall(r"VANISHED \(EARLIER\) ([\d:,]+)", said))
    imap.close()
    return gone


def guess(server, account):
    with pytest.raises(Gone):
        Imap(server, (account[0], "wrong"))


def test_guessing(shifted):
    """From the third failure on the next attempt waits 250 ms, and twice as
    long with each; the clock shortens and lengthens none of it. No attempt is
    looked at before its time, however fast or slow the machine is."""
    server = shifted
    account = server.account()
    for _ in range(3):
        guess(server, account)
    for shift, wait in ((-DAY, 0.5), (DAY, 2.0)):
        begun = time.monotonic()
        guess(server, account)
        server.shift(shift)
        guess(server, account)
        assert wait <= time.monotonic() - begun < 60
    begun = time.monotonic()
    Imap(server, account).close()
    assert time.monotonic() - begun < 60


def test_clock_steps(shifted):
    server = shifted
    account = server.account()
    imap, idler = Imap(server, account), Imap(server, account)
    deliver(server, account, 1)
    ask(idler, "SELECT INBOX")
    idler.sock.sendall(b"i IDLE\r\n")
    assert idler._line().startswith(b"+")
    pop3 = Pop3(server, account)
    sinces = [check_counting(server, account, imap)]
    dates = saved(imap, 1)
    for shift in (-DAY, DAY, -DAY):
        server.shift(shift)
        # Nobody was logged out, and who waits hears.
        assert pop3.do("NOOP").startswith(b"+OK")
        sinces.append(check_counting(server, account, imap))
        assert saved(imap, 1) == dates
        gone = check_history(server, account, sinces[0])
        assert len(gone.split(",")) == len(sinces), gone
    said = b""
    idler.sock.sendall(b"DONE\r\n")
    while not said.startswith(b"i "):
        said = idler._line()
    assert said.startswith(b"i OK"), said
    uptime = json.loads(server.culver("status", "--json").stdout)[
        "auth"]["uptime"]
    assert 0 <= uptime < 3600
    server.culver("verify")


def test_duplicates_and_the_clock(shifted):
    """Within the time that is set a message comes once, and one that was seen
    before the step back is still known; after that time it may come again."""
    server = shifted
    account = server.account()

    def copies():
        imap = Imap(server, account)
        said = ask(imap, "STATUS INBOX (MESSAGES)")
        imap.close()
        return number("MESSAGES", said)

    deliver(server, account, 1)
    server.shift(-DAY)
    deliver(server, account, 1)
    deliver(server, account, 2)
    deliver(server, account, 2)
    assert copies() == 2
    server.shift(DAY)
    deliver(server, account, 1)
    deliver(server, account, 2)
    assert copies() == 4


def test_restart_after_a_step(shifted):
    """A new process finds UIDs, mod-sequences and history where they were,
    though its clock says that it was yesterday."""
    server = shifted
    account = server.account()
    imap = Imap(server, account)
    sinces = [check_counting(server, account, imap)]
    server.shift(-DAY)
    os.kill(server.children()["mail"], signal.SIGKILL)

    def again():
        try:
            return Imap(server, account)
        except Gone:
            return None
    imap = eventually(again, "a login")
    sinces.append(check_counting(server, account, imap))
    assert len(check_history(server, account, sinces[0]).split(",")) == 2
    server.culver("verify")
