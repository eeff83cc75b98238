# SPDX-License-Identifier: Apache-2.0
"""Deliveries by LMTP, end to end: whose an address is, what is a duplicate, and
what becomes of it when something is switched off or away."""
import os
import re
import signal

import pytest

from delivering import DOMAIN, Lmtp, LmtpServer
from harness import eventually
from people import fetch_all, login, message, ok


@pytest.fixture(scope="module")
def server():
    one = LmtpServer({"lmtp.duplicates": '"1h"',
                      "accounts.domains": f'"{DOMAIN}"'}).start()
    yield one
    one.close()


@pytest.fixture(params=[False, True], ids=["tcp", "unix"])
def lmtp(server, request):
    client = Lmtp(server, unix=request.param)
    yield client
    client.quit()


def at(name):
    return f"{name}@{DOMAIN}"


def inbox(server, account, mailbox="INBOX"):
    imap = login(server, account)
    found = list(fetch_all(imap, mailbox).values())
    imap.logout()
    return found


_numbers = iter(range(1, 1 << 30))


def deliver(lmtp, *recipients, data=None):
    """Codes."""
    return [code for code, _ in lmtp.deliver(
        "x@example.net", recipients, data or message(next(_numbers)))]


def test_alias_of_two_accounts(server, lmtp):
    """One answer for the address, a copy for each of its accounts; and one for
    who is named beside it."""
    ann, bob = server.account(), server.account()
    team = f"team-{ann[0]}"
    server.culver("alias", "add", at(team), ann[0], bob[0])
    assert deliver(lmtp, at(team)) == [250]
    assert deliver(lmtp, at(team), at(ann[0])) == [250, 250]
    assert len(inbox(server, ann)) == 2
    of_bob = inbox(server, bob)
    assert len(of_bob) == 2
    assert f"Delivered-To: {at(team)}\r\n".encode() in of_bob[0]


def test_catch_all(server, lmtp):
    account = server.account()
    domain = f"{account[0]}.example"
    server.culver("alias", "add", f"@{domain}", account[0])
    other = server.account()
    server.culver("alias", "add", f"known@{domain}", other[0])
    assert deliver(lmtp, f"any@{domain}", f"known@{domain}") == [250, 250]
    assert len(inbox(server, account)) == 1
    assert len(inbox(server, other)) == 1
    assert deliver(lmtp, at(f"any-{account[0]}")) == [550]


def test_duplicates(server, lmtp):
    """Suppressed for each mailbox, whoever sends it again."""
    ann, bob = server.account(), server.account()
    imap = login(server, ann)
    ok(imap.create("lists"))
    imap.logout()
    data = message(next(_numbers))
    assert deliver(lmtp, at(ann[0]), data=data) == [250]
    assert deliver(lmtp, at(ann[0]), data=data + b"PS\r\n") == [250]
    assert deliver(lmtp, at(f"{ann[0]}+lists"), at(bob[0]),
                   data=data) == [250, 250]
    assert deliver(lmtp, at(f"{ann[0]}+lists"), data=data) == [250]
    assert len(inbox(server, ann)) == 1
    assert len(inbox(server, ann, "lists")) == 1
    assert len(inbox(server, bob)) == 1
    lines = [line for line in server.log_text().splitlines()
             if f"recipient={at(ann[0])} " in line]
    assert len(lines) == 2
    assert "result=ok" in lines[0] and "result=duplicate" in lines[1], lines


def test_switched_off(server, lmtp):
    """lmtp=off refuses mail for good; a disabled account's mail is kept."""
    account = server.account()
    server.culver("account", "set", account[0], "lmtp=off")
    assert deliver(lmtp, at(account[0]))[0] // 100 == 5
    server.culver("account", "set", account[0], "lmtp=on", "enabled=no")
    assert deliver(lmtp, at(account[0])) == [250]
    server.culver("account", "set", account[0], "enabled=yes")
    assert len(inbox(server, account)) == 1


def test_told_at_once(server, lmtp):
    """Who is in IDLE hears of it."""
    account = server.account()
    imap = login(server, account)
    ok(imap.select("INBOX"))
    imap.send(b"i IDLE\r\n")
    assert imap.readline().startswith(b"+ ")
    assert deliver(lmtp, at(account[0])) == [250]
    assert imap.readline() == b"* 1 EXISTS\r\n"
    imap.send(b"DONE\r\n")
    while not imap.readline().startswith(b"i OK"):
        pass
    imap.logout()


def test_removed_in_the_middle(server):
    """The account goes between RCPT and the end of the message."""
    lmtp = Lmtp(server)
    ann, bob = server.account(), server.account()
    lmtp.ask("MAIL FROM:<>", 250)
    for account in (ann, bob):
        lmtp.ask(f"RCPT TO:<{at(account[0])}>", 250)
    lmtp.ask("DATA", 354)
    server.culver("account", "remove", ann[0])
    del server.accounts[ann[0]]

    # Mail hears of it from auth, a little later.
    def gone():
        return ann[0] not in server.culver("account", "list").stdout
    eventually(gone, "the account's end")
    lmtp.send(message(next(_numbers)) + b".\r\n")
    codes = [lmtp.answer()[0], lmtp.answer()[0]]
    assert codes[1] == 250 and codes[0] in (250, 450, 451, 550, 554), codes
    assert len(inbox(server, bob)) == 1
    lmtp.quit()
    server.culver("verify")


def test_auth_is_away():
    """Refused for now, on the same connection, until auth is back."""
    server = LmtpServer().start()
    try:
        account = server.account()
        lmtp = Lmtp(server)
        assert deliver(lmtp, at(account[0])) == [250]
        pid = next(p for n, p in server.children().items() if "auth" in n)
        os.kill(pid, signal.SIGSTOP)
        lmtp.ask("MAIL FROM:<>", 250)
        lmtp.send(f"RCPT TO:<{at(account[0])}>\r\n".encode())
        os.kill(pid, signal.SIGKILL)
        code, text = lmtp.answer()
        assert code == 451, (code, text)

        def taken():
            code, text = lmtp.ask(f"RCPT TO:<{at(account[0])}>")
            assert code in (250, 451), (code, text)
            return code == 250
        eventually(taken, "a recipient once auth is back")
        lmtp.ask("DATA", 354)
        lmtp.send(message(2) + b".\r\n")
        assert lmtp.answer()[0] == 250
        assert len(inbox(server, account)) == 2
        lmtp.quit()
    finally:
        server.close()


def test_end_spares_who_comes_after(server):
    """`--now` ends those who logged in before; a login right after it stays,
    whichever way the two reach mail."""
    account = server.account()
    for _ in range(10):
        before = login(server, account)
        server.culver("account", "set", account[0], "imap=off", "--now")
        server.culver("account", "set", account[0], "imap=on")
        after = login(server, account)
        assert re.search(rb"BYE", before.readline())
        ok(after.noop())
        after.logout()
