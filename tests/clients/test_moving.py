# SPDX-License-Identifier: Apache-2.0
"""Moving house with everything: from Dovecot and back, every real message,
all dialects of mbox, and what is broken off and begun again."""
import calendar
import contextlib
import imaplib
import os
import pty
import re
import signal
import subprocess
import time

import pytest

from dovecot import Dovecot
from harness import Server, eventually
from people import append, crlf, fetch_all, login, message, ok


def state_of(imap):
    """{mailbox: (uidvalidity, uidnext, {uid: (flags, date)}, {uid: bytes})}"""
    out = {}
    for name in listed(imap):
        bodies = fetch_all(imap, name)
        out[name] = (
            imap.untagged_responses["UIDVALIDITY"][-1],
            imap.untagged_responses["UIDNEXT"][-1],
            dict(flags_and_date(line) for line in
                 ok(imap.uid("FETCH", "1:*", "(FLAGS INTERNALDATE)"))
                 if line),
            bodies)
    return out


def flags_and_date(line):
    uid = int(re.search(rb"UID (\d+)", line)[1])
    flags = {f.decode() for f in imaplib.ParseFlags(line)} - {"\\Recent"}
    date = re.search(rb'INTERNALDATE "(.*?)"', line)[1].decode()
    return uid, (frozenset(flags), seconds(date))


def seconds(date):
    """An INTERNALDATE as a point in time."""
    sign = -1 if date[21] == "-" else 1
    zone = sign * (int(date[22:24]) * 3600 + int(date[24:26]) * 60)
    return calendar.timegm(
        time.strptime(date[:20].strip(), "%d-%b-%Y %H:%M:%S")) - zone


def subscribed(imap):
    return sorted(re.search(r'\) "/" "?(.+?)"?$', line.decode())[1]
                  for line in ok(imap.lsub()) if line)


@contextlib.contextmanager
def at_dovecot(homes, user="ann", extra=""):
    """A connection to a Dovecot, which must find nothing to complain of."""
    dovecot = Dovecot(homes, extra=extra)
    complaints = ""
    try:
        imap = imaplib.IMAP4("127.0.0.1", dovecot.port, timeout=60)
        imap.login(user, "pw")
        yield imap
        imap.logout()
    finally:
        log = (dovecot.directory / "log").read_text()
        if re.search(r"Error|Warning|Panic", log):
            complaints = log
            print(log)
        dovecot.close()
    assert not complaints


# -------- from Dovecot, and back --------

NAMES = ["Work/Deep/Deeper", "Entw&APw-rfe", "&ZeVnLIqe-/&BEIENQRBBEI-",
         "with space", "R&AOk-sum&AOk-s", "empty"]

PARENTS = ["&ZeVnLIqe-", "Work", "Work/Deep"]


def fill(imap):
    """A life of mail, with gaps in the UIDs."""
    for name in NAMES:
        ok(imap.create(f'"{name}"'))
    append(imap, "INBOX", *[message(i) for i in range(1, 9)])
    append(imap, "INBOX", message(9, body="Bär\nbare\n"),
           flags="(\\Seen $Forwarded)")
    ok(imap.append("Work/Deep/Deeper", "(\\Answered)",
                   '" 1-Feb-2003 04:05:06 +0700"', message(10)))
    append(imap, "Entw&APw-rfe", message(11), message(11), flags="(\\Draft)")
    append(imap, "&ZeVnLIqe-/&BEIENQRBBEI-", message(12),
           flags="(\\Flagged Junk)")
    append(imap, '"with space"', message(13), message(14))
    ok(imap.select("INBOX"))
    ok(imap.uid("STORE", "1:3", "+FLAGS", "($label1 work)"))
    ok(imap.uid("STORE", "5", "+FLAGS", "(\\Seen \\Flagged NonJunk)"))
    ok(imap.uid("STORE", "2,6:7", "+FLAGS", "(\\Deleted)"))
    ok(imap.expunge())
    ok(imap.uid("STORE", "8", "+FLAGS", "(\\Deleted)"))
    ok(imap.select('"with space"'))
    ok(imap.uid("STORE", "2", "+FLAGS", "(\\Deleted)"))
    ok(imap.expunge())  # the highest UID is gone
    for name in ("INBOX", "Work/Deep/Deeper", "&ZeVnLIqe-/&BEIENQRBBEI-"):
        ok(imap.subscribe(f'"{name}"'))


def test_from_dovecot_and_back(server, homes):
    """The same UIDs, UIDVALIDITY, UIDNEXT, flags, dates, bytes, mailboxes and
    subscriptions at Dovecot, here, and at Dovecot again."""
    account = server.account()
    with at_dovecot(homes) as there:
        fill(there)
        before, subscriptions = state_of(there), subscribed(there)
    server.culver("import", "--account", account[0], homes / "ann")
    imap = login(server, account)
    here = state_of(imap)
    # A mailbox has its parents here; Dovecot does without.
    assert {k: v for k, v in here.items() if k in before} == before
    assert sorted(here.keys() - before) == PARENTS
    assert not any(here[k][3] for k in PARENTS)
    assert subscribed(imap) == subscriptions

    again = server.culver("import", "--account", account[0],
                          homes / "ann").stdout
    assert again.startswith("0 messages added"), again
    assert state_of(imap) == here

    server.culver("export", "--account", account[0], homes / "bob")
    with at_dovecot(homes, "bob") as there:
        after = state_of(there)
        assert {k: after.get(k) for k in before} == before
        assert subscribed(there) == subscriptions


# In modified UTF-7.
HARD_NAMES = ["dots.in.names/and.below", "INBOX/Sent", "~tilde", "back\\slash\\2e",
              "50%", "a&-b", "cur", "new/tmp", ".dot", "trailing.",
              "x" * 200, "&AOQA9gD8-/&" + "AOQA9gD8" * 25 + "-"]


def test_hard_names_at_dovecot(server, homes):
    """Names that a file system's folder could not have as they are."""
    account = server.account()
    imap = login(server, account)
    for name in HARD_NAMES:
        quoted = name.replace("\\", "\\\\")
        ok(imap.create(f'"{quoted}"'))
        append(imap, f'"{quoted}"', message(len(name), subject=name[:40]))
        ok(imap.subscribe(f'"{quoted}"'))
    server.culver("export", "--account", account[0], homes / "ann")
    other = server.account()
    server.culver("import", "--account", other[0], homes / "ann")
    assert listed(login(server, other)) == listed(imap)
    assert subscribed(login(server, other)) == subscribed(imap)
    with at_dovecot(homes, extra="mail_plugins = listescape\n") as there:
        assert listed(there) == listed(imap)
        assert subscribed(there) == subscribed(imap)
        for name in HARD_NAMES:
            quoted = name.replace("\\", "\\\\")
            assert fetch_all(there, quoted) == fetch_all(imap, quoted)


def listed(imap):
    """Mailboxes that can be selected."""
    return sorted(re.search(r'\) "/" (.+)$', line.decode())[1].strip('"')
                  for line in ok(imap.list())
                  if b"\\NonExistent" not in line and b"\\Noselect" not in line)


def test_what_a_maildir_cannot_hold(server, tmp_path):
    """Said, and as much as goes is written."""
    account = server.account()
    imap = login(server, account)
    long = "/".join(["y" * 90] * 4)
    ok(imap.create(long))
    append(imap, long, message(1))
    append(imap, "INBOX", message(2),
           flags="(" + " ".join(f"k{i}" for i in range(30)) + ")")
    done = server.culver("export", "--account", account[0], tmp_path / "out",
                         check=False)
    assert done.returncode == 1
    assert "too long a name" in done.stderr, done.stderr
    assert "more keywords" in done.stderr, done.stderr
    files = [p for p in (tmp_path / "out").glob("**/cur/*")]
    assert len(files) == 2
    keywords = (tmp_path / "out" / "dovecot-keywords").read_text()
    assert len(keywords.splitlines()) == 26


def test_export_into_something(server, tmp_path):
    account = server.account()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    done = server.culver("export", "--account", account[0], tmp_path / "full",
                         check=False)
    assert done.returncode == 1 and "not empty" in done.stderr
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["file"]
    server.culver("export", "--account", account[0], tmp_path / "empty")
    assert (tmp_path / "empty" / "cur").is_dir()
    done = server.culver("export", "--account", account[0],
                         tmp_path / "no" / "where", check=False)
    assert done.returncode == 1 and done.stderr
    assert server.culver("export", "--account", account[0],
                         check=False).returncode == 2


# -------- every real message --------

def unquoted(data):
    return re.sub(rb"(?m)^>+From ", b"From ", data)


# The manifest does not count messages whose From_ line has no date.
UNCOUNTED = {"gmime/mbox/input/substring.mbox": 3,
             "mimekit/mbox/content-length.mbox": 29,
             "mimekit/mbox/issue1189.mbox": 4}


@pytest.mark.parametrize("running", [True, False])
def test_every_real_message(corpus, running):
    """The whole directory at once: as many as the manifest says, each byte of
    each from its file; a second time nothing."""
    one = Server()
    if running:
        one.start()
    try:
        account = one.account()
        wanted = {}
        for line in (corpus / "MANIFEST.tsv").read_text().splitlines()[1:]:
            path, _, count, _ = line.split("\t")
            wanted[path] = UNCOUNTED.get(path, int(count))
        total = sum(wanted.values())
        where = ["import", "--account", account[0], corpus]
        assert one.culver(*where).stdout == \
            f"{total} messages added, 0 there already\n"
        assert one.culver(*where).stdout == \
            f"0 messages added, {total} there already\n"
        checked = one.culver("verify").stdout
        assert checked.endswith(": 0 problems\n"), checked
        if not running:
            one.start()
        got = list(fetch_all(login(one, account), "INBOX").values())
        assert len(got) == total
        files = {path: crlf((corpus / path).read_bytes()) for path in wanted}
        singles = sorted(files[p] for p in wanted if p.endswith(".eml"))
        left = sorted(got)
        for data in singles:
            left.remove(data)
        boxes = {p: unquoted(files[p]) for p in wanted if p.endswith(".mbox")}
        for data in left:
            # bytes of an mbox follow each other as in the file
            assert any(unquoted(data) in box for box in boxes.values()), data
        assert len(left) == sum(wanted[p] for p in boxes)
    finally:
        if not one.process:
            one.start()
        one.close()


def test_real_messages_at_dovecot(server, corpus, homes):
    """Every byte of every real message, served by Dovecot."""
    account = server.account()
    server.culver("import", "--account", account[0], "--mailbox", "All",
                  corpus)
    server.culver("export", "--account", account[0], homes / "ann")
    here = fetch_all(login(server, account), "All")
    with at_dovecot(homes) as there:
        # Dovecot gives NUL as 0x80, as IMAP4rev1 cannot have it
        assert fetch_all(there, "All") == {
            uid: data.replace(b"\0", b"\x80") for uid, data in here.items()}


# -------- files --------

def test_dialects_of_mbox(server, tmp_path):
    body = b"Subject: %s\nDate: Tue, 2 Jan 2024 00:00:00 +0000\n"
    boxes = {
        "mboxo": (
            b"From a@b Mon Jan  1 10:00:00 2024\n" + body % b"o" +
            b"Status: RO\nX-Status: AF\n\n>From me\nx\n\n",
            b"\nFrom me\nx\n", "\\Seen \\Answered \\Flagged"),
        "mboxrd": (
            b"From a@b Mon Jan  1 10:00:00 2024\n" + body % b"rd" +
            b"X-Keywords: $Forwarded work\n\n>>From me\n\n",
            b"\n>From me\n", "$Forwarded work"),
        "mboxcl2": (
            b"From a@b Mon Jan  1 10:00:00 2024\n" + body % b"cl2" +
            b"Content-Length: 43\n\n"
            b"From c@d Mon Jan  1 10:00:00 2024\n>From me\n\n",
            b"\nFrom c@d Mon Jan  1 10:00:00 2024\n>From me\n", ""),
        "thunderbird": (
            b"From - \nX-Mozilla-Status: 0001\nX-Mozilla-Keys: $label1\n" +
            body % b"tb" + b"\nhello\n\n",
            b"\nhello\n", "\\Seen $label1"),
    }
    account = server.account()
    imap = login(server, account)
    for name, (text, end, flags) in boxes.items():
        path = tmp_path / name
        path.write_bytes(text * 2)
        server.culver("import", "--account", account[0], "--mailbox", name,
                      path)
        got = fetch_all(imap, name)
        assert len(got) == 2, name
        for data in got.values():
            assert data.endswith(crlf(end)), (name, data)
        lines = ok(imap.uid("FETCH", "1:*", "(FLAGS INTERNALDATE)"))
        date = 1704103200 if name != "thunderbird" else 1704153600
        assert [flags_and_date(line)[1] for line in lines] == \
            [(frozenset(flags.split()), date)] * 2, name


def test_files_and_directories(server, tmp_path):
    """auto: what is mail is found, what is none is said."""
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    large = b"Subject: large\n\n" + b"0123456789abcdef\n" * 200_000
    mail = {"a.eml": b"Subject: a\n\nx\n",
            "deep/17": b"Received: from x\nSubject: b\n\ny\r\nz\n",
            "deep/deeper/large.eml": large,
            "deep/empty.eml": b"",
            "deep/deeper/bare.eml": b"no header, \rno end\n\r\n\n\0\xff"}
    for path, data in mail.items():
        (tmp_path / path).write_bytes(data)
    (tmp_path / "Makefile").write_text("all:\n\tcc x.c\n")
    (tmp_path / "empty").write_text("")
    (tmp_path / "deep" / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    (tmp_path / ".hidden.eml").write_text("Subject: hidden\n\n")
    (tmp_path / "deep" / "loop").symlink_to(tmp_path)
    (tmp_path / "box").write_bytes(
        b"From a@b Mon Jan  1 10:00:00 2024\nSubject: c\n\nz\n\n" * 3)
    os.utime(tmp_path / "a.eml", (1_000_000_000, 1_000_000_000))
    account = server.account()
    done = server.culver("import", "--account", account[0], tmp_path,
                         check=False)
    imap = login(server, account)
    got = fetch_all(imap, "INBOX")
    box = b"Subject: c\r\n\r\nz\r\n"
    assert sorted(got.values()) == sorted(
        [crlf(d) for d in mail.values()] + [box] * 3)
    assert "x.png: is no mail" in done.stderr
    assert "Makefile: is no mail" in done.stderr
    # without a Date field the file's time
    found = ok(imap.uid("SEARCH", "ON", "9-Sep-2001"))
    assert len(found[0].split()) == 1
    # the link goes in a circle: it is no directory here
    assert "loop" in done.stderr and done.returncode == 1


def test_what_cannot_be_read_is_passed_over(server, tmp_path):
    account = server.account()
    maildir = tmp_path / "Maildir"
    for sub in ("cur", "new", "tmp"):
        (maildir / sub).mkdir(parents=True)
    (maildir / "cur" / "1.a:2,S").write_bytes(message(1))
    (maildir / "cur" / "2.b:2,S").write_bytes(b"\x1f\x8b\x08 compressed")
    (maildir / "new" / "3.c").mkdir()
    (maildir / "new" / "4.d").write_bytes(message(4))
    (maildir / "dovecot-uidlist").write_text("nonsense\n")
    (tmp_path / "picture").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    done = server.culver("import", "--account", account[0], maildir,
                         tmp_path / "picture", tmp_path / "nowhere",
                         check=False)
    assert done.returncode == 1
    for name in ("2.b:2,S", "3.c", "dovecot-uidlist", "picture", "nowhere"):
        assert name in done.stderr, done.stderr
    assert done.stdout == \
        "2 messages added, 0 there already, 5 problems\n"
    imap = login(server, account)
    assert sorted(fetch_all(imap, "INBOX").values()) == [
        message(1), message(4)]


def test_too_large_a_message(tmp_path):
    """It is named; the others come in."""
    one = Server({"limits.literal": '"64kb"'}).start()
    try:
        account = one.account()
        for i in range(3):
            (tmp_path / f"{i}.eml").write_bytes(
                message(i, body="x" * (100_000 if i == 1 else 10)))
        done = one.culver("import", "--account", account[0], tmp_path,
                          check=False)
        assert done.returncode == 1
        assert "1.eml: too large" in done.stderr, done.stderr
        assert done.stdout.startswith("2 messages added")
        assert len(fetch_all(login(one, account), "INBOX")) == 2
    finally:
        one.close()


def test_too_many_keywords(server, tmp_path):
    """56 go into a mailbox; what has more comes without, with its UID."""
    maildir = tmp_path / "Maildir"
    for sub in ("cur", "new", "tmp"):
        (maildir / sub).mkdir(parents=True)
    (maildir / "cur" / "1.a:2,ab").write_bytes(message(1))
    (maildir / "dovecot-keywords").write_text("0 late\n1 later\n")
    (maildir / "dovecot-uidlist").write_text("3 V7 N2000\n1000 :1.a\n")
    (tmp_path / "box").write_bytes(b"".join(
        b"From a@b Mon Jan  1 10:00:00 2024\nX-Keywords: %s\n\nx\n\n" %
        b" ".join(b"k%d" % (i * 5 + j) for j in range(5)) for i in range(12)))
    account = server.account()
    where = ["import", "--account", account[0]]
    done = server.culver(*where, tmp_path / "box", maildir, check=False)
    assert done.returncode == 1
    assert done.stdout == "13 messages added, 0 there already, 2 problems\n"
    assert "message 12: added without its keywords" in done.stderr
    assert "1.a:2,ab: added without its keywords" in done.stderr
    imap = login(server, account)
    assert sorted(fetch_all(imap, "INBOX")) == [*range(1, 13), 1000]
    lines = ok(imap.uid("FETCH", "1:*", "(FLAGS INTERNALDATE)"))
    assert [len(flags_and_date(line)[1][0]) for line in lines] == \
        [5] * 11 + [0, 0]


def test_over_quota(server, tmp_path):
    """What fits is there; the words say why there is no more."""
    account = server.account()
    server.culver("account", "set", account[0], "quota=1mb")
    for i in range(200):
        (tmp_path / f"{i:03}.eml").write_bytes(message(i, body="x" * 10_000))
    imap = login(server, account)
    done = server.culver("import", "--account", account[0], tmp_path,
                         check=False)
    assert done.returncode == 1 and "over quota" in done.stderr
    assert 0 < len(fetch_all(imap, "INBOX")) < 105
    server.culver("account", "set", account[0], "quota=none")
    assert server.culver("import", "--account", account[0], tmp_path)
    assert len(fetch_all(imap, "INBOX")) == 200


def on_terminal(server, *arguments):
    """Exit code, and what a person sees."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(server.program, [str(a) for a in (
            server.program, "-c", server.config, *arguments)])
    seen = b""
    while True:
        try:
            piece = os.read(fd, 4096)
        except OSError:
            piece = b""
        if not piece:
            break
        seen += piece
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


def test_progress_on_a_terminal(server, tmp_path):
    """One line that is written over, and gone in the end; none elsewhere."""
    for i in range(100):
        (tmp_path / f"{i}.eml").write_bytes(message(i))
    account = server.account()
    where = ["import", "--account", account[0], tmp_path]
    code, seen = on_terminal(server, *where)
    assert code == 0
    assert re.search(r"\r\x1b\[Kmessages: \d+", seen), seen
    assert seen.endswith(
        "\r\x1b[K100 messages added, 0 there already\r\n"), seen
    for more in (["export", "--account", account[0], tmp_path / "out"],
                 ["verify", "--account", account[0]]):
        code, seen = on_terminal(server, *more)
        assert code == 0 and "\r\x1b[Kmessages: " in seen, seen
    assert server.culver(*where).stderr == ""


def test_verify(server, tmp_path):
    account = server.account()
    imap = login(server, account)
    append(imap, "INBOX", message(1), message(2))
    assert re.fullmatch(
        r"1 accounts, \d+ mailboxes, 2 messages, \d+ bytes: 0 problems\n",
        server.culver("verify", "--account", account[0]).stdout)
    done = server.culver("verify", "--account", "nobody", check=False)
    assert done.returncode == 1 and "no account nobody" in done.stderr
    assert server.culver("verify", "x", check=False).returncode == 2


def test_status_shows_sessions(server):
    account = server.account()
    imap = login(server, account)
    lines = server.culver("status").stdout.splitlines()
    assert [line for line in lines if line.startswith(account[0]) and
            "imap" in line and "yes" in line], lines
    imap.logout()


def test_below_a_mailbox(server, tmp_path):
    """--mailbox with a tree: INBOX becomes it, the rest goes below."""
    tree = tmp_path / "Mail"
    for box, number in (("Inbox", 1), ("Archive/2019", 2), ("Archive", 3)):
        for sub in ("cur", "new", "tmp"):
            (tree / box / sub).mkdir(parents=True)
        (tree / box / "cur" / "1.x:2,").write_bytes(message(number))
    account = server.account()
    server.culver("import", "--account", account[0], "--mailbox", "Old/Mail",
                  tree)
    imap = login(server, account)
    assert fetch_all(imap, "Old/Mail") == {1: message(1)}
    assert fetch_all(imap, "Old/Mail/Archive/2019") == {1: message(2)}
    assert fetch_all(imap, "Old/Mail/Archive") == {1: message(3)}
    server.culver("import", "--account", account[0], tree)
    assert fetch_all(imap, "INBOX") == {1: message(1)}
    assert fetch_all(imap, "Archive/2019") == {1: message(2)}


# -------- broken off --------

# Enough to be amid them for a second or more, however fast the machine.
MANY = 20000


def many(tmp_path, count):
    """A Maildir with UIDs; what must be there in the end."""
    root = tmp_path / "Maildir"
    for sub in ("cur", "new", "tmp"):
        (root / sub).mkdir(parents=True)
    lines = ["3 V1234567 N900000\n"]
    wanted = {}
    for i in range(1, count + 1):
        data = message(i % (count // 2), body="x" * (i % 7) * 1000)
        (root / "cur" / f"{i}.a:2,S").write_bytes(data)
        lines.append(f"{3 * i} :{i}.a\n")
        wanted[3 * i] = data
    (root / "dovecot-uidlist").write_text("".join(lines))
    return root, wanted


def messages_in(imap):
    status = ok(imap.status("INBOX", "(MESSAGES)"))[0]
    return int(re.search(rb"MESSAGES (\d+)", status)[1])


@pytest.mark.parametrize("what", ["server", "mail", "command"])
def test_killed_and_repeated(own_server, tmp_path, what):
    """kill -9 amid an import: what came is whole, and a second import brings
    exactly the rest, with the same UIDs."""
    one = own_server
    root, wanted = many(tmp_path, MANY)
    account = one.account()
    imap = login(one, account)
    importing = subprocess.Popen(
        [one.program, "-c", one.config, "import", "--account", account[0],
         root], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: messages_in(imap) > 100, "the first messages")
    if what == "server":
        one.kill()
    elif what == "mail":
        os.kill(one.children()["mail"], signal.SIGKILL)
    else:
        importing.kill()
    code = importing.wait(60)
    assert code != 0, "it was over too soon"
    if what == "server":
        one.start()
    eventually(lambda: "mail" in one.children(), "the mail process")
    eventually(lambda: "0 problems" in one.culver(
        "verify", check=False).stdout, "a store without problems")
    done = one.culver("import", "--account", account[0], root)
    added, there = map(int, re.findall(r"\d+", done.stdout)[:2])
    assert added > 0 and there >= 100 and added + there == len(wanted)
    imap = login(one, account)
    assert fetch_all(imap, "INBOX") == wanted
    assert imap.untagged_responses["UIDVALIDITY"][-1] == b"1234567"
    assert imap.untagged_responses["UIDNEXT"][-1] == b"900000"
    assert one.culver("import", "--account", account[0], root).stdout == \
        f"0 messages added, {len(wanted)} there already\n"


def test_killed_without_a_server(tmp_path):
    """The command is its own server then; it ends in order, and the next
    command waits for that."""
    one = Server()
    try:
        root, wanted = many(tmp_path, MANY)
        account = one.account()
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(one.program, [str(a) for a in (
                one.program, "-c", one.config, "import", "--account",
                account[0], root)])
        seen = b""
        while not re.search(rb"messages: \d\d\d", seen):
            seen += os.read(fd, 4096)
        os.kill(pid, signal.SIGKILL)
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
        os.close(fd)
        done = one.culver("import", "--account", account[0], root)
        added, there = map(int, re.findall(r"\d+", done.stdout)[:2])
        assert added > 0 and there > 0 and added + there == len(wanted)
        one.start()
        assert fetch_all(login(one, account), "INBOX") == wanted
    finally:
        if not one.process:
            one.start()
        one.close()
