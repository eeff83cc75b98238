# SPDX-License-Identifier: Apache-2.0
"""mbsync: two-way synchronisation, and a second run that has nothing to do."""
import re
import subprocess

import pytest

from people import append, fetch_all, login, mailboxes, message, ok

CONFIG = """
IMAPAccount culver
Host localhost
Port {port}
User {user}
Pass {password}
SSLType IMAPS
CertificateFile {cert}

IMAPStore far
Account culver

MaildirStore near
Path {mail}/
Inbox {mail}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
Remove Both
SyncState *
CopyArrivalDate yes
"""
# What a run says to the server when there is something to do.
TRANSFER = re.compile(r"^.*>>> \d+ (?:APPEND|UID STORE|STORE|UID COPY|CREATE|"
                      r"UID FETCH .*BODY\.PEEK\[\]|EXPUNGE|UID EXPUNGE)"
                      r".*$", re.M)


class Mbsync:
    def __init__(self, server, account, directory):
        self.mail = directory / "mail"
        self.mail.mkdir()
        self.config = directory / "mbsyncrc"
        self.config.write_text(CONFIG.format(
            port=server.imaps_port, user=account[0], password=account[1],
            cert=server.directory / "cert.pem", mail=self.mail))
        self.config.chmod(0o600)

    def run(self):
        """Gives what was said on the network."""
        done = subprocess.run(
            ["/usr/bin/mbsync", "-c", self.config, "-Dn", "all"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        out = done.stdout.decode(errors="replace")
        assert done.returncode == 0, out[-4000:]
        return out

    def check_transfers_nothing(self):
        before = sorted(self.mail.rglob("*"))
        out = self.run()
        assert "SELECT" in out
        assert TRANSFER.findall(out) == []
        assert sorted(self.mail.rglob("*")) == before

    def files(self, mailbox):
        return [p for sub in ("cur", "new")
                for p in (self.mail / mailbox / sub).iterdir()]


def test_two_ways(server, tmp_path):
    account = server.account()
    imap = login(server, account)
    append(imap, "INBOX", *[message(i) for i in range(1, 11)])
    ok(imap.create("Work/Deep"))
    append(imap, "Work/Deep", message(20), flags="(\\Seen \\Flagged)")
    sync = Mbsync(server, account, tmp_path)
    assert TRANSFER.search(sync.run())
    assert len(sync.files("INBOX")) == 10
    deep = sync.files("Work/Deep")
    assert len(deep) == 1 and deep[0].name.endswith(":2,FS")
    sync.check_transfers_nothing()

    # The near side: a new message, a flag, a deletion, a new mailbox.
    first = next(p for p in sync.files("INBOX")
                 if b"Message 1\n" in p.read_bytes().replace(b"\r", b""))
    first.rename(first.parent.parent / "cur" /
                 (first.name.split(":")[0] + ":2,S"))
    second = next(p for p in sync.files("INBOX")
                  if b"Message 2\n" in p.read_bytes().replace(b"\r", b""))
    second.rename(second.parent.parent / "cur" /
                  (second.name.split(":")[0] + ":2,T"))
    (sync.mail / "INBOX/new/1.fresh").write_bytes(
        message(30).replace(b"\r\n", b"\n"))
    for sub in ("cur", "new", "tmp"):
        (sync.mail / "Fresh" / sub).mkdir(parents=True)
    (sync.mail / "Fresh/new/1.x").write_bytes(
        message(31).replace(b"\r\n", b"\n"))
    # The far side: a flag and a deletion.
    ok(imap.select("INBOX"))
    ok(imap.uid("STORE", "3", "+FLAGS", "(\\Answered)"))
    ok(imap.uid("STORE", "4", "+FLAGS", "(\\Deleted)"))
    ok(imap.expunge())
    sync.run()
    sync.check_transfers_nothing()

    assert "Fresh" in mailboxes(imap)
    assert len(sync.files("INBOX")) == 9
    far = fetch_all(imap, "INBOX")
    assert sorted(far) == [1, 3, 5, 6, 7, 8, 9, 10, 11]
    assert b"Subject: Message 30\r\n" in far[11]
    ok(imap.select("INBOX"))
    assert ok(imap.uid("SEARCH", "SEEN")) == [b"1"]
    names = [p.name for p in sync.files("INBOX")]
    assert sum(n.endswith(":2,R") for n in names) == 1, names


def test_real_mail(server, corpus, tmp_path):
    """The corpus, down to a Maildir and up again to another account."""
    if not server.knows("import"):
        pytest.skip("culver import is not there yet")
    account = server.account()
    server.culver("import", "--account", account[0], "--mailbox", "Real",
                  corpus / "mimekit", corpus / "notmuch")
    sync = Mbsync(server, account, tmp_path)
    sync.run()
    sync.check_transfers_nothing()
