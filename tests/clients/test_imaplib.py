# SPDX-License-Identifier: Apache-2.0
"""Python's imaplib does what a person does."""
import re

import pytest

from people import append, fetch_all, login, mailboxes, message, ok


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
def test_a_day(server, tls):
    imap = login(server, tls=tls)
    append(imap, "INBOX", *[message(i) for i in range(1, 6)])
    assert ok(imap.select("INBOX")) == [b"5"]
    # Read one.
    data = ok(imap.fetch("2", "(BODY[])"))
    assert data[0][1] == message(2)
    assert b"\\Seen" in ok(imap.fetch("2", "(FLAGS)"))[0]
    # Flag one, find it.
    ok(imap.store("3", "+FLAGS", "\\Flagged"))
    assert ok(imap.search(None, "FLAGGED")) == [b"3"]
    assert ok(imap.search(None, "SUBJECT", '"message 4"')) == [b"4"]
    # File one.
    ok(imap.create("Work/2024"))
    ok(imap.copy("1", "Work/2024"))
    ok(imap.store("1", "+FLAGS", "\\Deleted"))
    ok(imap.expunge())
    assert ok(imap.select("INBOX")) == [b"4"]
    assert fetch_all(imap, "Work/2024") == {1: message(1)}
    # Move one; rename; delete.
    ok(imap.select("INBOX"))
    ok(imap.create("Elsewhere"))
    ok(imap.uid("MOVE", "2", "Elsewhere"))
    assert fetch_all(imap, "Elsewhere") == {1: message(2)}
    ok(imap.rename("Work/2024", "Work/Old"))
    assert "Work/Old" in mailboxes(imap)
    ok(imap.select("INBOX"))
    ok(imap.delete("Work/Old"))
    assert "Work/Old" not in mailboxes(imap)
    imap.logout()


def test_utf8(server):
    """RFC 6855, as enable() has it: names and headers in UTF-8. What append()
    writes then is not what the RFC says, and means it."""
    imap = login(server)
    ok(imap.enable("UTF8=ACCEPT"))
    ok(imap.create('"Entwürfe & mehr"'))
    assert any("Entwürfe & mehr".encode() in line for line in ok(imap.list()))
    data = "From: Jürgen <jürgen@exämple.org>\r\nSubject: Grüße\r\n\r\n" \
        "Hallo (du)\r\n".encode()
    append(imap, '"Entwürfe & mehr"', data, data * 1000)
    ok(imap.select('"Entwürfe & mehr"'))
    assert ok(imap.fetch("1", "(BODY.PEEK[])"))[0][1] == data
    assert ok(imap.fetch("2", "(BODY.PEEK[])"))[0][1] == data * 1000
    assert ok(imap.search(None, "SUBJECT", '"GRÜße"')) == [b"1 2"]
    imap.logout()


def test_big_message(server):
    """More than any buffer, through APPEND and FETCH, whole and in parts."""
    imap = login(server)
    line = b"0123456789abcdef" * 4 + b"\r\n"
    data = message(1) + line * 200_000
    append(imap, "INBOX", data)
    ok(imap.select("INBOX"))
    assert ok(imap.fetch("1", "(RFC822.SIZE)"))[0].endswith(
        b"RFC822.SIZE %d)" % len(data))
    assert ok(imap.fetch("1", "(BODY.PEEK[])"))[0][1] == data
    part = ok(imap.fetch("1", f"(BODY.PEEK[]<{len(data) - 100}.200>)"))
    assert part[0][1] == data[-100:]
    imap.logout()


def test_many_messages(server):
    """What comes back of 2,000 is what went in, in order."""
    imap = login(server)
    count = 2000
    tags = []
    for i in range(count):
        body = message(i)
        imap.send(b"t%d APPEND INBOX {%d+}\r\n" % (i, len(body)) + body +
                  b"\r\n")
        tags.append(b"t%d" % i)
        if len(tags) == 50:
            _drain(imap, tags)
    _drain(imap, tags)
    assert ok(imap.select("INBOX")) == [b"%d" % count]
    sizes = ok(imap.fetch("1:*", "(UID RFC822.SIZE ENVELOPE)"))
    seen = [int(re.match(rb"\d+ \(UID (\d+)", line)[1]) for line in sizes]
    assert seen == list(range(1, count + 1))
    found = ok(imap.search(None, "SUBJECT", '"Message 199"'))[0].split()
    # 199, 1990 … 1999
    assert len(found) == 11
    imap.logout()


def _drain(imap, tags):
    while tags:
        line = imap.readline()
        tag = line.split()[0]
        if tag == b"*":
            continue
        assert b" OK " in line, line
        tags.remove(tag)


def test_wrong_password(server):
    name, _ = server.account()
    with pytest.raises(Exception, match="AUTHENTICATIONFAILED"):
        login(server, (name, "wrong"))


def test_accounts_are_apart(server):
    ann, bob = login(server), login(server)
    append(ann, "INBOX", message(1))
    ok(ann.create("Secret"))
    assert ok(bob.select("INBOX")) == [b"0"]
    assert mailboxes(bob) == ["INBOX"]
    assert bob.select("Secret")[0] == "NO"
