# SPDX-License-Identifier: Apache-2.0
"""Delivery by the programs that people have: Debian's Postfix through its own
`lmtp`, and swaks."""
import re
import shutil
import subprocess

import pytest

from delivering import DOMAIN, LmtpServer
from harness import eventually
from people import fetch_all, login, message
from postfix import Postfix, skip_unless_possible


@pytest.fixture(scope="module")
def world():
    """A server with its Postfix, over TCP, for all of these tests."""
    skip_unless_possible()
    server = LmtpServer().start()
    try:
        mta = Postfix(f"lmtp:inet:127.0.0.1:{server.lmtp_port}").start()
        try:
            yield server, mta
        finally:
            mta.close()
    finally:
        server.close()


@pytest.fixture
def server(world):
    return world[0]


@pytest.fixture
def mta(world):
    return world[1]


def address(account, detail=None):
    return f"{account[0]}+{detail}@{DOMAIN}" if detail \
        else f"{account[0]}@{DOMAIN}"


def inbox(server, account, mailbox="INBOX"):
    imap = login(server, account)
    found = list(fetch_all(imap, mailbox).values())
    imap.logout()
    return found


def test_smtp_to_mailbox(server, mta):
    account = server.account()
    mta.send("ann@example.net", [address(account)], message(1))
    status, words = mta.result(address(account))
    assert status == "sent" and "2." in words, words
    (found,) = inbox(server, account)
    head = found.decode()
    assert head.startswith("Return-Path: <ann@example.net>\r\n"), head
    assert f"Delivered-To: {address(account)}\r\n" in head, head
    assert "Received: from mx.example.test" in head, head
    assert "Message-ID: <1@example.com>" in head, head
    assert found.endswith(b"\r\n\r\nHello.\r\n"), found


def test_sendmail_to_mailbox(server, mta):
    """Lines end in LF there; and a line that is a dot is a line."""
    account = server.account()
    mta.sendmail("ann@example.net", [address(account)],
                 b"Subject: local\n\nfirst\n.\n..\nlast\n")
    assert mta.result(address(account))[0] == "sent"
    (found,) = inbox(server, account)
    assert found.endswith(b"\r\n\r\nfirst\r\n.\r\n..\r\nlast\r\n"), found


def test_null_sender(server, mta):
    account = server.account()
    mta.send("<>", [address(account)], message(2))
    assert mta.result(address(account))[0] == "sent"
    (found,) = inbox(server, account)
    assert found.startswith(b"Return-Path: <>\r\n"), found


def test_unknown_recipient_bounces(server, mta):
    """To the sender, with the reason."""
    sender = server.account()
    nobody = f"nobody@{DOMAIN}"
    mta.send(address(sender), [nobody], message(3))
    status, words = mta.result(nobody)
    assert status == "bounced", words
    assert "550 5.1.1" in words, words
    assert mta.result(address(sender))[0] == "sent"
    (bounce,) = inbox(server, sender)
    assert b"Status: 5.1.1" in bounce, bounce
    assert f"Final-Recipient: rfc822; {nobody}".encode() in bounce, bounce


def test_sender_who_wants_to_be_told(server, mta):
    """NOTIFY=SUCCESS (RFC 3461): Postfix tells what became of it, as the last
    that can: nobody here sends reports, so DSN is not announced."""
    sender, account = server.account(), server.account()
    with mta.smtp() as smtp:
        smtp.ehlo("sender.example.test")
        smtp.sendmail(address(sender), [address(account)], message(6),
                      mail_options=["RET=HDRS", "ENVID=QQ314159"],
                      rcpt_options=["NOTIFY=SUCCESS,DELAY"])
    assert mta.result(address(account))[0] == "sent"
    assert mta.result(address(sender))[0] == "sent"
    (report,) = inbox(server, sender)
    assert b"Original-Envelope-Id: QQ314159\r\n" in report, report
    assert re.search(rb"\r\nAction: (delivered|relayed)\r\n", report), report


def test_two_recipients_of_one_message(server, mta):
    """One transaction: the known one has it though the other is not."""
    ann, bob = server.account(), server.account()
    nobody = f"no-{ann[0]}@{DOMAIN}"
    mta.send("x@example.net", [address(ann), nobody, address(bob)],
             message(4))
    assert mta.result(address(ann))[0] == "sent"
    assert mta.result(nobody)[0] == "bounced"
    assert mta.result(address(bob))[0] == "sent"
    (of_ann,), (of_bob,) = inbox(server, ann), inbox(server, bob)
    assert f"Delivered-To: {address(ann)}\r\n".encode() in of_ann
    assert f"Delivered-To: {address(bob)}\r\n".encode() in of_bob
    lines = [line for line in mta.log_text().splitlines()
             if address(ann) in line or address(bob) in line]
    assert len({re.search(r"lmtp\[(\d+)\]: (\w+):", line).groups()
                for line in lines}) == 1, lines


def test_large_message(server, mta):
    account = server.account()
    data = message(5, body="\r\n".join(
        f"{n} " + "x" * 70 for n in range(40000)))
    mta.send("x@example.net", [address(account)], data)
    assert mta.result(address(account))[0] == "sent"
    (found,) = inbox(server, account)
    assert found.endswith(data.split(b"\r\n\r\n", 1)[1])


def test_8bit(server, mta):
    """Postfix would recode it for a server that does not take 8BITMIME."""
    account = server.account()
    data = message(6, body="Gr\u00fc\u00dfe", MIME_Version="1.0",
                   Content_Type="text/plain; charset=utf-8",
                   Content_Transfer_Encoding="8bit")
    mta.send("x@example.net", [address(account)], data, ["BODY=8BITMIME"])
    assert mta.result(address(account))[0] == "sent"
    (found,) = inbox(server, account)
    assert found.endswith("Gr\u00fc\u00dfe\r\n".encode()), found


def test_smtputf8(server, mta):
    """Header fields and addresses in UTF-8."""
    account = server.account()
    data = message(7, subject="Gr\u00fc\u00dfe")
    mta.send("\u00e9tienne@example.net", [address(account)], data,
             ["SMTPUTF8", "BODY=8BITMIME"])
    assert mta.result(address(account))[0] == "sent"
    (found,) = inbox(server, account)
    text = found.decode()
    assert "Return-Path: <\u00e9tienne@example.net>\r\n" in text, text
    assert "Subject: Gr\u00fc\u00dfe\r\n" in text, text


def test_detail(server, mta):
    account = server.account()
    imap = login(server, account)
    imap.create("lists")
    imap.logout()
    for number, detail in enumerate(("lists", "none"), 10):
        mta.send("x@example.net", [address(account, detail)],
                 message(number))
        assert mta.result(address(account, detail))[0] == "sent"
    assert len(inbox(server, account, "lists")) == 1
    (other,) = inbox(server, account)
    assert b"Message-ID: <11@example.com>" in other


def set_quota(server, account, quota):
    server.culver("account", "set", account[0], f"quota={quota}")


@pytest.mark.parametrize("setting,status", [("452", "deferred"),
                                            ("552", "bounced")])
def test_over_quota(setting, status):
    skip_unless_possible()
    server = LmtpServer({
        "lmtp.quota_full": f'"{setting}"'}).start()
    mta = None
    try:
        mta = Postfix(f"lmtp:unix:{server.lmtp_socket}").start()
        account = server.account()
        set_quota(server, account, "1kb")
        mta.send("x@example.net", [address(account)],
                 message(1, body="x" * 2000))
        found, words = mta.result(address(account))
        assert found == status, words
        assert words.count(f"{setting} {setting[0]}.2.2"), words
        assert not inbox(server, account)
        if status == "deferred":
            set_quota(server, account, "10kb")
            mta.flush()
            mta.result(address(account), "sent")
            assert len(inbox(server, account)) == 1
    finally:
        if mta:
            mta.close()
        server.close()


def test_restart_meanwhile():
    """The server is away when the mail comes: it comes later, once."""
    skip_unless_possible()
    server = LmtpServer().start()
    mta = None
    try:
        # Postfix's own name for it: without "inet:" or "unix:" it is a host.
        mta = Postfix(f"lmtp:unix:{server.lmtp_socket}").start()
        account = server.account()
        mta.send("x@example.net", [address(account)], message(1))
        mta.result(address(account), "sent")
        server.stop()
        for number in (2, 3, 4):
            mta.send("x@example.net", [address(account)], message(number))
        for count in (1, 2, 3):
            mta.result(address(account), "deferred", count)
        server.start()
        mta.flush()
        for count in (2, 3, 4):
            mta.result(address(account), "sent", count)
        eventually(lambda: "Mail queue is empty" in mta.queue(),
                   "an empty queue")
        found = b"".join(inbox(server, account))
        for number in (1, 2, 3, 4):
            assert found.count(
                f"Message-ID: <{number}@example.com>".encode()) == 1
    finally:
        if mta:
            mta.close()
        server.close()


# swaks

@pytest.fixture
def swaks():
    if not shutil.which("swaks"):
        pytest.skip("swaks is not installed")

    def run(*arguments):
        done = subprocess.run(
            ["swaks", "--protocol", "LMTP", "--from", "x@example.net",
             *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=60)
        return done.returncode, done.stdout
    return run


@pytest.fixture(scope="module")
def lmtp_server():
    """Also without Postfix, and as an ordinary user."""
    server = LmtpServer().start()
    yield server
    server.close()


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_swaks(lmtp_server, swaks, unix):
    server = lmtp_server
    account = server.account()
    way = ["--socket", str(server.lmtp_socket)] if unix else \
        ["--server", "127.0.0.1", "--port", str(server.lmtp_port)]
    code, out = swaks(*way, "--to", address(account), "--body", "by swaks")
    assert code == 0, out
    assert re.search(r"^<-  220 ", out, re.M), out
    assert re.search(r"^<-  250 2\.", out, re.M), out
    (found,) = inbox(server, account)
    assert b"by swaks" in found
    code, out = swaks(*way, "--to", f"nobody@{DOMAIN}")
    assert code != 0 and "550 5.1.1" in out, out
