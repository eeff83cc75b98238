# SPDX-License-Identifier: Apache-2.0
"""Moving in and out: all real messages, byte for byte."""
import imaplib
import re

import pytest

from dovecot import Dovecot
from people import append, crlf, fetch_all, login, mailboxes, message, ok


@pytest.fixture(autouse=True)
def _moves(server):
    if not server.knows("import"):
        pytest.skip("culver import is not there yet")


def maildir(path, messages):
    """messages: {name in cur: bytes}"""
    for sub in ("cur", "new", "tmp"):
        (path / sub).mkdir(parents=True)
    for name, data in messages.items():
        (path / "cur" / name).write_bytes(data)


def test_whole_corpus(server, corpus):
    """Files of one message each: BODY[] is the file, bare LF as CR LF."""
    account = server.account()
    singles = []
    for line in (corpus / "MANIFEST.tsv").read_text().splitlines()[1:]:
        path, _, count, _ = line.split("\t")
        if path.endswith(".eml") or (count == "1" and "mbox" not in path):
            singles.append(corpus / path)
    assert len(singles) > 500
    server.culver("import", "--account", account[0], "--format", "eml",
                  "--mailbox", "All", *singles)
    imap = login(server, account)
    got = fetch_all(imap, "All")
    wanted = sorted(crlf(p.read_bytes()) for p in singles)
    assert len(got) == len(set(wanted)) or len(got) == len(wanted)
    assert set(got.values()) == set(wanted)
    # Sizes agree with what is sent.
    ok(imap.select("All", readonly=True))
    sizes = {}
    for line in ok(imap.uid("FETCH", "1:*", "(RFC822.SIZE)")):
        uid = int(re.search(rb"UID (\d+)", line)[1])
        sizes[uid] = int(re.search(rb"RFC822.SIZE (\d+)", line)[1])
    assert sizes == {uid: len(data) for uid, data in got.items()}
    # Everything that is kept of them can be asked for.
    for items in ("(ENVELOPE)", "(BODYSTRUCTURE)", "(BODY.PEEK[HEADER])",
                  "(BODY.PEEK[TEXT])", "(BODY.PEEK[1])", "(BODY.PEEK[1.MIME])",
                  "(BINARY.SIZE[])"):
        assert ok(imap.uid("FETCH", "1:*", items)), items


def test_headers_and_text_are_the_whole(server, corpus):
    account = server.account()
    server.culver("import", "--account", account[0], "--mailbox", "R",
                  corpus / "ruby-mail")
    imap = login(server, account)
    whole = fetch_all(imap, "R")
    assert whole
    ok(imap.select("R", readonly=True))
    parts = {}
    for item in ok(imap.uid("FETCH", "1:*",
                            "(BODY.PEEK[HEADER] BODY.PEEK[TEXT])")):
        if isinstance(item, tuple):
            uid = re.search(rb"UID (\d+)", item[0])
            if uid:
                current = int(uid[1])
                parts[current] = b""
            parts[current] += item[1]
    assert parts == whole


def test_again_adds_nothing(server, corpus):
    account = server.account()
    where = ["--account", account[0], "--mailbox", "M", corpus / "mimekit"]
    server.culver("import", *where)
    imap = login(server, account)
    first = fetch_all(imap, "M")
    assert first
    server.culver("import", *where)
    assert fetch_all(imap, "M") == first


MBOX = b"""From a@example.com Mon Jan  1 10:00:00 2024
Subject: one
Status: RO

>From the start.
x

From b@example.com Mon Jan  1 10:00:01 2024
Subject: two

y
"""


def test_mbox(server, tmp_path):
    account = server.account()
    (tmp_path / "box.mbox").write_bytes(MBOX)
    server.culver("import", "--account", account[0], "--mailbox", "Box",
                  tmp_path / "box.mbox")
    got = list(fetch_all(login(server, account), "Box").values())
    assert len(got) == 2
    assert b"Subject: one\r\n" in got[0] and b"rom the start.\r\n" in got[0]
    assert got[1].endswith(b"\r\n\r\ny\r\n")


def test_maildir_with_dovecots_lists(server, tmp_path):
    """Flags, keywords, UIDs, subscriptions, folders."""
    root = tmp_path / "Maildir"
    maildir(root, {"1.a:2,S": message(1), "2.b:2,FRa": message(2),
                   "3.c:2,": message(3)})
    maildir(root / ".Work.Deep", {"4.d:2,T": message(4)})
    maildir(root / ".Entw&APw-rfe", {"5.e:2,D": message(5)})
    (root / "dovecot-uidlist").write_text(
        "3 V1234567 N100 G0123456789abcdef0123456789abcdef\n"
        "10 :1.a\n20 :2.b\n33 :3.c\n")
    (root / "dovecot-keywords").write_text("0 $Forwarded\n1 Junk\n")
    (root / "subscriptions").write_text(
        "V\t2\n\nWork\tDeep\n")
    account = server.account()
    server.culver("import", "--account", account[0], root)
    imap = login(server, account)
    assert mailboxes(imap) == ["Entw&APw-rfe", "INBOX", "Work", "Work/Deep"]
    assert fetch_all(imap, "INBOX") == {
        10: message(1), 20: message(2), 33: message(3)}
    assert imap.untagged_responses["UIDVALIDITY"][-1] == b"1234567"
    flags = {int(re.search(rb"UID (\d+)", line)[1]):
             set(imaplib.ParseFlags(line))
             for line in ok(imap.uid("FETCH", "1:*", "(FLAGS)"))}
    for one in flags.values():
        one.discard(b"\\Recent")
    assert flags == {10: {b"\\Seen"},
                     20: {b"\\Flagged", b"\\Answered", b"$Forwarded"},
                     33: set()}
    assert b"Work/Deep" in ok(imap.lsub())[0]
    append(imap, "INBOX", message(6))
    assert max(fetch_all(imap, "INBOX")) >= 100


def test_export_to_dovecot(server, homes):
    """What Culver writes, Dovecot serves: the same mail, flags, mailboxes,
    UIDs, subscriptions."""
    account = server.account()
    imap = login(server, account)
    append(imap, "INBOX", *[message(i) for i in range(1, 8)])
    append(imap, "INBOX", message(8), flags="(\\Seen \\Flagged $Work)")
    ok(imap.create("Work/Deep"))
    ok(imap.create("&ZeVnLIqe-"))
    ok(imap.create('"dotted.name"'))
    append(imap, "Work/Deep", message(9))
    append(imap, "&ZeVnLIqe-", message(10), flags="(\\Answered)")
    ok(imap.subscribe("Work/Deep"))
    ok(imap.select("INBOX"))
    ok(imap.uid("STORE", "2,5", "+FLAGS", "(\\Deleted)"))
    ok(imap.expunge())

    home = homes / "ann"
    server.culver("export", "--account", account[0], home)
    dovecot = Dovecot(home.parent, "maildir:~/")
    try:
        there = imaplib.IMAP4("127.0.0.1", dovecot.port, timeout=30)
        there.login("ann", "pw")
        assert fetch_all(there, "INBOX") == fetch_all(imap, "INBOX")
        for flag in ("SEEN", "FLAGGED", "KEYWORD $Work"):
            ok(imap.select("INBOX")), ok(there.select("INBOX"))
            assert ok(there.uid("SEARCH", flag)) == \
                ok(imap.uid("SEARCH", flag)) == [b"8"]
        assert fetch_all(there, "Work/Deep") == {1: message(9)}
        assert fetch_all(there, "&ZeVnLIqe-") == {1: message(10)}
        subscribed = ok(there.lsub())
        assert any(b"Work/Deep" in line for line in subscribed if line)
        there.logout()
    finally:
        dovecot.close()


def test_export_and_import_again(server, corpus, tmp_path):
    account = server.account()
    server.culver("import", "--account", account[0], "--mailbox", "K",
                  corpus / "kde-kmime")
    server.culver("export", "--account", account[0], tmp_path / "out")
    other = server.account()
    server.culver("import", "--account", other[0], tmp_path / "out")
    first, second = login(server, account), login(server, other)
    assert mailboxes(first) == mailboxes(second)
    assert fetch_all(first, "K") == fetch_all(second, "K") != {}


def test_errors(server, tmp_path):
    account = server.account()
    for arguments in (
            ["--account", account[0], tmp_path / "not-there"],
            ["--account", "nobody-of-this-name", tmp_path]):
        done = server.culver("import", *arguments, check=False)
        assert done.returncode not in (0, 2) and done.stderr
    done = server.culver("import", check=False)
    assert done.returncode == 2 and done.stderr
