# SPDX-License-Identifier: Apache-2.0
"""What client tests share: connections, messages, the real mail."""
import contextlib
import imaplib
import pathlib
import re


def login(server, account=None, tls=True):
    """An imaplib connection of a (new) account."""
    name, password = account or server.account()
    if tls:
        imap = imaplib.IMAP4_SSL("localhost", server.imaps_port,
                                 ssl_context=server.context, timeout=60)
    else:
        imap = imaplib.IMAP4("localhost", server.imap_port, timeout=60)
    imap.login(name, password)
    return imap


def ok(result):
    status, data = result
    assert status == "OK", data
    return data


def message(number, body="Hello.", subject=None, **headers):
    """A small message, CR LF."""
    lines = [
        "From: Ann Example <ann@example.com>", "To: bob@example.com",
        f"Subject: {subject or f'Message {number}'}",
        f"Date: Mon, 1 Jan 2024 10:{number % 60:02}:00 +0000",
        f"Message-ID: <{number}@example.com>",
        *[f"{k.replace('_', '-')}: {v}" for k, v in headers.items()],
        "", body, ""]
    return "\r\n".join(lines).encode()


def append(imap, mailbox, *messages, flags=None):
    for data in messages:
        ok(imap.append(mailbox, flags, None, data))


def crlf(data):
    """As IMAP shows it: bare LF as CR LF."""
    return re.sub(rb"(?<!\r)\n", b"\r\n", data)


def fetch_all(imap, mailbox):
    """{uid: bytes} of a mailbox."""
    ok(imap.select(f'"{mailbox}"', readonly=True))
    out = {}
    for part in ok(imap.uid("FETCH", "1:*", "(BODY.PEEK[])")):
        if isinstance(part, tuple):
            uid = re.search(rb"UID (\d+)", part[0])
            out[int(uid[1])] = part[1]
    return out


def mailboxes(imap):
    return sorted(re.search(r'\) "/" "?(.+?)"?$', line.decode())[1]
                  for line in ok(imap.list()) if line)


def real_messages(corpus):
    """(path, bytes) of every message of the corpus that is a file of its own;
    the mbox files are taken apart by import."""
    for line in (corpus / "MANIFEST.tsv").read_text().splitlines()[1:]:
        path, _, messages, _ = line.split("\t")
        yield pathlib.Path(path), int(messages)


@contextlib.contextmanager
def working_beside(server, account=None):
    """Somebody who works on meanwhile, and must be able to."""
    imap = login(server, account)
    ok(imap.select("INBOX"))
    yield imap
    append(imap, "INBOX", message(1))
    assert ok(imap.noop())
    assert ok(imap.fetch("1", "(UID)"))
    imap.logout()
