# SPDX-License-Identifier: Apache-2.0
"""Delivery by LMTP, with Python's smtplib and by hand."""
import concurrent.futures
import pathlib
import signal
import smtplib
import socket

import pytest

from harness import Server, eventually
from people import crlf, fetch_all, login, message, ok

DOMAIN = "example.org"


def lmtp_server(**settings):
    server = Server(settings)
    server.lmtp_socket = server.directory / "lmtp"
    server.settings["listen.lmtp"] = \
        f'["127.0.0.1:{server.lmtp_port}", "{server.lmtp_socket}"]'
    server.settings["listen.socket_mode"] = '"0666"'
    server.write_config()
    return server.start()


@pytest.fixture(scope="module")
def server():
    one = lmtp_server()
    yield one
    one.close()


class Lmtp:
    """By hand."""

    def __init__(self, server, hello=True):
        self.sock = socket.create_connection(
            ("127.0.0.1", server.lmtp_port), timeout=60)
        self.file = self.sock.makefile("rb")
        self.greeting = self.line()
        if hello:
            self.say("LHLO test.example")
            while self.line().startswith("250-"):
                pass

    def line(self):
        return self.file.readline().decode().rstrip("\r\n")

    def say(self, *lines):
        self.send("".join(f"{line}\r\n" for line in lines).encode())

    def send(self, data):
        self.sock.sendall(data)

    def ask(self, line):
        self.say(line)
        return self.line()

    def begin(self, *recipients):
        """Up to the message."""
        self.say("MAIL FROM:<ann@example.net>",
                 *[f"RCPT TO:<{r}>" for r in recipients], "DATA")
        return [self.line() for _ in range(len(recipients) + 2)]

    def deliver(self, recipient, data=b"Subject: x\r\n\r\n"):
        """The last answer."""
        got = self.begin(recipient)
        if not got[-1].startswith("354"):
            return got[1]
        self.send(data + b".\r\n")
        return self.line()

    def rest(self):
        return self.file.read().decode()

    def close(self):
        self.file.close()
        self.sock.close()


def address(account, detail=""):
    return f"{account[0]}{detail}@{DOMAIN}"


def inbox(server, account, mailbox="INBOX"):
    imap = login(server, account)
    found = list(fetch_all(imap, mailbox).values())
    imap.logout()
    return found


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_smtplib(server, unix):
    ann, bob = server.account(), server.account()
    lmtp = smtplib.LMTP(str(server.lmtp_socket)) if unix else \
        smtplib.LMTP("127.0.0.1", server.lmtp_port)
    data = message(1, body="..dots\r\n.\r\nand more")
    refused = lmtp.sendmail(
        "ann@example.net", [address(ann), f"nobody@{DOMAIN}"], data)
    assert list(refused) == [f"nobody@{DOMAIN}"]
    assert refused[f"nobody@{DOMAIN}"][0] == 550
    assert lmtp.sendmail("", [address(bob)], data) == {}
    lmtp.quit()
    (found,) = inbox(server, ann)
    head, rest = found[:-len(data)], found[-len(data):]
    assert rest == data
    assert head.startswith(b"Return-Path: <ann@example.net>\r\nDelivered-To: "
                           + address(ann).encode() + b"\r\nReceived: from ")
    (found,) = inbox(server, bob)
    assert found.startswith(b"Return-Path: <>\r\n")


def test_news_of_delivery(server):
    """A session in IDLE hears of it; so does the log."""
    account = server.account()
    imap = login(server, account)
    ok(imap.select())
    imap.send(b"x IDLE\r\n")
    assert imap.readline().startswith(b"+")
    lmtp = Lmtp(server)
    assert lmtp.deliver(address(account), message(2)).startswith("250 2.0.0")
    lmtp.close()
    assert imap.readline() == b"* 1 EXISTS\r\n"
    imap.shutdown()
    line = eventually(
        lambda: [one for one in server.log_text().splitlines()
                 if f"recipient={address(account)}" in one],
        "a line in the log")[0]
    for part in ("msg=delivered", "sender=ann@example.net",
                 f"account={account[0]}", "mailbox=INBOX", "bytes=",
                 "2@example.com", "result=ok", "remote=127.0.0.1:"):
        assert part in line, line


def test_aliases(server):
    """An alias, one of several accounts, and a catch-all; one copy each."""
    ann, bob = server.account(), server.account()
    server.culver("alias", "add", "sales@alias.example", ann[0], bob[0])
    server.culver("alias", "add", "@alias.example", ann[0])
    lmtp = Lmtp(server)
    got = lmtp.begin("sales@alias.example", "anybody@alias.example",
                     address(bob), "nobody@elsewhere.example")
    assert [line[:3] for line in got] == \
        ["250", "250", "250", "250", "550", "354"], got
    lmtp.send(message(3) + b".\r\n")
    for who in ("sales@alias.example", "anybody@alias.example", address(bob)):
        assert lmtp.line().startswith(f"250 2.0.0 <{who}>")
    (of_ann,), (of_bob,) = inbox(server, ann), inbox(server, bob)
    assert b"Delivered-To: sales@alias.example\r\n" \
        b"Delivered-To: anybody@alias.example\r\n" in of_ann
    assert b"anybody" not in of_bob
    lmtp.close()


def test_switched_off(server):
    account = server.account()
    lmtp = Lmtp(server)
    assert lmtp.deliver(address(account)).startswith("250")
    server.culver("account", "set", account[0], "lmtp=off")
    assert lmtp.deliver(address(account)).startswith("550 5.2.1")
    assert lmtp.ask("RSET").startswith("250")
    server.culver("account", "set", account[0], "lmtp=on")
    assert lmtp.deliver(address(account)).startswith("250")
    lmtp.close()


def test_detail(server):
    account = server.account()
    imap = login(server, account)
    ok(imap.create("Lists"))
    imap.logout()
    lmtp = Lmtp(server)
    assert lmtp.deliver(address(account, "+Lists")).startswith("250")
    assert lmtp.deliver(address(account, "+Other")).startswith("250")
    lmtp.close()
    assert len(inbox(server, account, "Lists")) == 1
    assert len(inbox(server, account)) == 1


def test_cut_off(server):
    """A client that goes amid a message leaves nothing; the one that stays is
    not disturbed."""
    account = server.account()
    other = Lmtp(server)
    other.begin(address(account))
    for data in (b"Subject: x\r\n", b"Subject: x\r\n\r\n.\r",
                 b"Subject: x\n.\n", b"x" * 300000):
        lmtp = Lmtp(server)
        lmtp.begin(address(account))
        lmtp.send(data)
        lmtp.close()
    other.send(message(4) + b".\r\n")
    assert other.line().startswith("250")
    other.close()
    assert len(inbox(server, account)) == 1


def test_real_mail(server, corpus):
    """Real messages come back as they were sent, behind our fields."""
    account = server.account()
    paths = sorted(p for p in corpus.rglob("*") if p.is_file())[:200]
    sent = []
    lmtp = Lmtp(server)
    for path in paths:
        data = crlf(path.read_bytes()).replace(b"\0", b"")
        data += b"" if data.endswith(b"\r\n") else b"\r\n"
        stuffed = b"\r\n".join(
            b"." + line if line.startswith(b".") else line
            for line in data.split(b"\r\n"))
        assert lmtp.deliver(address(account), stuffed).startswith("250"), path
        sent.append(data)
    lmtp.close()
    for data, found in zip(sent, inbox(server, account)):
        assert found.endswith(data)
        # The date, the last of what we put before it.
        assert b"\r\n" not in found[:-len(data)].split(b"\r\n\t")[-1][:-2]


def test_many_at_once(server):
    """40 connections, each to all of 3 accounts: nothing is lost, nothing is
    there twice."""
    accounts = [server.account() for _ in range(3)]

    def work(number):
        lmtp = Lmtp(server)
        for i in range(5):
            lmtp.begin(*map(address, accounts))
            lmtp.send(message(number * 100 + i) + b".\r\n")
            for _ in accounts:
                assert lmtp.line().startswith("250 2.0.0")
        lmtp.close()

    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        list(pool.map(work, range(40)))
    for account in accounts:
        found = [one.split(b"Message-ID: ")[1].split(b"\r\n")[0]
                 for one in inbox(server, account)]
        assert len(found) == len(set(found)) == 200


def test_hostile(server):
    """Nothing that is sent ends the server, or more than the session."""
    account = server.account()
    for data, last in (
            (b"\0\xff\r\n" * 30, "421 4.7.0"),
            (b"x" * 5_000_000 + b"\r\nQUIT\r\n", "221 2.0.0"),
            (b"RCPT TO:<" + b"@" * 3000 + b">\r\nQUIT\r\n", "221 2.0.0"),
            (b"MAIL FROM:<" + b"\"\\\\\"" * 900 + b"@x>\r\nQUIT\r\n",
             "221 2.0.0"),
            (b"BDAT 99999999999999999999 LAST\r\nQUIT\r\n", "421 4.5.4"),
            (b"BDAT 9223372036854775807 LAST\r\nQUIT\r\n", ""),
            (b"GET / HTTP/1.1\r\nMAIL FROM:<a@b>\r\n", "421 4.7.0"),
            (b"DATA\r\n" * 10 + b"QUIT\r\n", "221 2.0.0"),
            (b"\n.\n\r.\r\r\n", "500 5.5.2")):
        lmtp = Lmtp(server)
        try:
            lmtp.send(data)
            lmtp.sock.shutdown(socket.SHUT_WR)
            got = lmtp.rest().splitlines()
            assert (got[-1] if got else "").startswith(last), (data[:40], got)
        except ConnectionError:
            pass        # it was closed before all was sent
        lmtp.close()
    lmtp = Lmtp(server)
    assert lmtp.deliver(address(account)).startswith("250")
    lmtp.close()


def test_too_many_recipients(server):
    """RFC 5321 section 4.5.3.1.10: those that were accepted stay so."""
    account = server.account()
    lmtp = Lmtp(server)
    got = lmtp.begin(*[address(account)] * 101)
    assert got[100].startswith("250 2.1.5")
    assert got[101].startswith("452 4.5.3")
    lmtp.send(b".\r\n")
    assert all(lmtp.line().startswith("250 2.0.0") for _ in range(100))
    assert lmtp.ask("NOOP").startswith("250")
    lmtp.close()
    assert len(inbox(server, account)) == 1


@pytest.mark.parametrize("word, code", [("452", "452 4.2.2"),
                                        ("552", "552 5.2.2")])
def test_over_quota(word, code):
    server = lmtp_server(**{"lmtp.quota_full": f'"{word}"'})
    try:
        full, empty = server.account(), server.account()
        server.culver("account", "set", full[0], "quota=4kb")
        lmtp = Lmtp(server)
        lmtp.begin(address(full), address(empty))
        lmtp.send(message(5, body="x\r\n" * 3000) + b".\r\n")
        assert lmtp.line().startswith(f"{code} <{address(full)}>")
        assert lmtp.line().startswith("250 2.0.0")
        # What fits is taken.
        assert lmtp.deliver(address(full)).startswith("250")
        lmtp.close()
        assert len(inbox(server, full)) == 1
    finally:
        server.close()


def test_networks_and_limits():
    """Who may not deliver is told so in place of the greeting, also after a
    reload; and so are too many."""
    server = lmtp_server(**{"lmtp.networks": '["192.0.2.0/24", "unix"]',
                            "limits.connections": "3"})
    try:
        account = server.account()
        lmtp = Lmtp(server, hello=False)
        assert lmtp.greeting.startswith("421 4.7.0"), lmtp.greeting
        assert lmtp.rest() == ""
        lmtp.close()
        unix = smtplib.LMTP(str(server.lmtp_socket))
        assert unix.sendmail("a@b", [address(account)], message(6)) == {}
        unix.quit()
        server.settings["lmtp.networks"] = '["127.0.0.1"]'
        server.settings["lmtp.hostname"] = '"mx.example.net"'
        server.write_config()
        server.process.send_signal(signal.SIGHUP)

        def greeting():
            one = Lmtp(server, hello=False)
            one.close()
            return one.greeting == "220 mx.example.net LMTP Culver"
        eventually(greeting, "the new settings")

        def full():
            several = [Lmtp(server, hello=False) for _ in range(4)]
            for one in several:
                one.close()
            return several[3].greeting.startswith("421 4.3.2") and \
                several[2].greeting.startswith("220")
        eventually(full, "the fourth is one too many")
    finally:
        server.close()


def test_duplicates():
    server = lmtp_server(**{"lmtp.duplicates": '"1h"'})
    try:
        account = server.account()
        lmtp = Lmtp(server)
        for _ in range(3):
            assert lmtp.deliver(address(account), message(7)).startswith("250")
        assert lmtp.deliver(address(account), message(8)).startswith("250")
        lmtp.close()
        assert len(inbox(server, account)) == 2
        assert server.log_text().count("result=duplicate") == 2
    finally:
        server.close()


def test_end_of_service():
    """SIGTERM: who is silent is told; a message on its way is taken, answered
    and kept."""
    server = lmtp_server()
    try:
        account = server.account()
        silent, busy = Lmtp(server), Lmtp(server)
        busy.begin(address(account))
        busy.send(b"Subject: the last\r\n")
        server.process.send_signal(signal.SIGTERM)
        assert silent.line().startswith("421 4.3.2")
        assert silent.rest() == ""
        busy.send(b"\r\n.\r\n")
        assert busy.line().startswith("250 2.0.0")
        assert busy.line().startswith("421 4.3.2")
        busy.close()
        silent.close()
        server.process.wait(30)
        server.start()
        (found,) = inbox(server, account)
        assert b"Subject: the last\r\n" in found
    finally:
        server.close()


if __name__ == "__main__":
    raise SystemExit(pytest.main([str(pathlib.Path(__file__))]))
