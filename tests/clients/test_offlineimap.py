# SPDX-License-Identifier: Apache-2.0
"""offlineimap: two-way synchronisation, and a second run that has nothing to
do."""
import re
import subprocess

from people import append, fetch_all, login, mailboxes, message, ok

CONFIG = """
[general]
accounts = culver
metadata = {directory}/metadata
ui = basic
socktimeout = 60

[Account culver]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {mail}
sep = .
sync_deletes = yes

[Repository far]
type = IMAP
remotehost = localhost
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = yes
sslcacertfile = {cert}
"""
# What it says to the server when there is something to do. It looks at flags
# in each run: it has no use for mod-sequences.
TRANSFER = re.compile(
    r"^.*> \S+ (?:APPEND|UID STORE|STORE|CREATE|EXPUNGE|UID EXPUNGE|UID COPY|"
    r"UID MOVE|UID FETCH .*BODY).*$", re.M | re.I)


class Offlineimap:
    def __init__(self, server, account, directory):
        self.mail = directory / "mail"
        self.config = directory / "offlineimaprc"
        self.config.write_text(CONFIG.format(
            directory=directory, mail=self.mail, port=server.imaps_port,
            user=account[0], password=account[1],
            cert=server.directory / "cert.pem"))

    def run(self):
        """Gives what was said on the network."""
        done = subprocess.run(
            ["/usr/bin/offlineimap", "-c", self.config, "-o", "-1", "-d",
             "imap"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=300)
        out = done.stdout.decode(errors="replace")
        assert done.returncode == 0, out[-4000:]
        assert "ERROR" not in out, out[-4000:]
        return out

    def all_files(self):
        return sorted(self.mail.rglob("*"))

    def check_transfers_nothing(self):
        before = self.all_files()
        out = self.run()
        assert re.search(r"> \S+ (?:SELECT|EXAMINE) ", out), out[-4000:]
        assert TRANSFER.findall(out) == []
        assert self.all_files() == before

    def files(self, mailbox):
        return [p for sub in ("cur", "new")
                for p in (self.mail / mailbox / sub).iterdir()]

    def file(self, mailbox, number):
        wanted = f"Subject: Message {number}\n".encode()
        return next(p for p in self.files(mailbox)
                    if wanted in p.read_bytes().replace(b"\r", b""))


def set_flags(path, flags):
    path.rename(path.parent.parent / "cur" /
                (path.name.split(":")[0] + ":2," + flags))


def test_two_ways(server, tmp_path):
    account = server.account()
    imap = login(server, account)
    append(imap, "INBOX", *[message(i) for i in range(1, 11)])
    ok(imap.create("Work/Deep"))
    append(imap, "Work/Deep", message(20), flags="(\\Seen \\Flagged)")
    sync = Offlineimap(server, account, tmp_path)
    out = sync.run()
    assert TRANSFER.search(out), out[-4000:]
    assert len(sync.files("INBOX")) == 10
    deep = sync.files("Work.Deep")
    assert len(deep) == 1 and deep[0].name.endswith(":2,FS")
    sync.check_transfers_nothing()

    # The near side: flags, a deletion, a new message, a new mailbox.
    set_flags(sync.file("INBOX", 1), "S")
    sync.file("INBOX", 2).unlink()
    (sync.mail / "INBOX/new/1.fresh").write_bytes(
        message(30).replace(b"\r\n", b"\n"))
    for sub in ("cur", "new", "tmp"):
        (sync.mail / "Fresh" / sub).mkdir(parents=True)
    (sync.mail / "Fresh/new/1.x").write_bytes(
        message(31).replace(b"\r\n", b"\n"))
    # The far side: a flag, a deletion, a new message.
    ok(imap.select("INBOX"))
    ok(imap.uid("STORE", "3", "+FLAGS", "(\\Answered)"))
    ok(imap.uid("STORE", "4", "+FLAGS", "(\\Deleted)"))
    ok(imap.expunge())
    append(imap, "INBOX", message(40))
    sync.run()
    sync.check_transfers_nothing()

    assert "Fresh" in mailboxes(imap)
    far = fetch_all(imap, "INBOX")
    assert sorted(far) == [1, 3, 5, 6, 7, 8, 9, 10, 11, 12]
    assert b"Subject: Message 30\r\n" in far[12]
    assert len(fetch_all(imap, "Fresh")) == 1
    ok(imap.select("INBOX"))
    assert ok(imap.uid("SEARCH", "SEEN")) == [b"1"]
    assert len(sync.files("INBOX")) == 10
    assert sync.file("INBOX", 3).name.endswith(":2,R")
    assert sync.file("INBOX", 40)
