#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""For orientation, not a test: what clients do most, in time and in processor
time of the whole server; with --peer beside Debian's Dovecot (sdbox, as
shipped), if that is installed; with --calls the system calls of each."""
import os
import pathlib
import random
import sys
import tempfile
import time

from bench import (ROOT, Bench, Imap, Trace, account, arguments, fill,
                   fill_up, make_message, roles)

sys.path.insert(0, str(ROOT / "tests" / "clients"))
from dovecot import Dovecot  # noqa: E402

WORDS = ("the message a mailbox of server and to from in is that was read "
         "kept sent list every client whole answer number letter").split()


def realistic(number):
    """Like what people get: long headers, text and HTML, some attachments."""
    dice = random.Random(number)

    def text(n):
        out, line = [], ""
        while n > 0:
            line += dice.choice(WORDS) + " "
            if len(line) > 66:
                out.append(line.rstrip())
                n -= len(line)
                line = ""
        return "\r\n".join(out) + "\r\n"

    def blob(n):
        import base64
        return base64.encodebytes(dice.randbytes(n)).decode().replace(
            "\n", "\r\n")

    received = "".join(
        f"Received: from mx{i}.example.net (mx{i}.example.net [192.0.2.{i}])\r\n"
        f"\tby mail{i}.example.com (Postfix) with ESMTPS id {dice.getrandbits(44):X}\r\n"
        f"\tfor <bob@example.com>; Mon,  1 Jan 2024 10:0{i}:00 +0000 (UTC)\r\n"
        for i in range(5))
    head = received + (
        f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;\r\n"
        f"\ts=one; b={blob(256).strip().replace(chr(13) + chr(10), chr(13) + chr(10) + chr(9))}\r\n"
        f"From: =?utf-8?Q?Ann_Ex=C3=A4mple?= <ann{number % 50}@example.org>\r\n"
        f"To: Bob Example <bob@example.com>, \"Carol, E.\" <carol@example.net>\r\n"
        f"Cc: dave@example.org\r\n"
        f"Subject: Re: =?utf-8?B?w5xiZXIgZGll?= {dice.choice(WORDS)} {number}\r\n"
        f"Date: Mon, 1 Jan 2024 10:00:00 +0000\r\n"
        f"Message-ID: <{number}.{dice.getrandbits(64):x}@example.org>\r\n"
        f"In-Reply-To: <{number - 1}@example.org>\r\n"
        f"References: <1@example.org> <2@example.org>\r\n"
        f"List-Unsubscribe: <https://lists.example.org/u/{number}>\r\n"
        f"MIME-Version: 1.0\r\n")
    both = (f"Content-Type: multipart/alternative; boundary=\"alt\"\r\n\r\n"
            f"--alt\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
            f"{text(dice.randrange(500, 4000))}\r\n"
            f"--alt\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
            f"<html>{text(dice.randrange(2000, 20000))}</html>\r\n--alt--\r\n")
    if number % 10:
        return (head + both).encode()
    return (head + "Content-Type: multipart/mixed; boundary=\"mix\"\r\n\r\n"
            f"--mix\r\n{both}\r\n--mix\r\nContent-Type: image/jpeg; "
            f"name=\"photo.jpg\"\r\nContent-Transfer-Encoding: base64\r\n"
            f"Content-Disposition: attachment; filename=\"photo.jpg\"\r\n\r\n"
            f"{blob(dice.randrange(20000, 300000))}\r\n--mix--\r\n").encode()


def descendants(pid):
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += descendants(child)
    return found


def cpu_of(pids):
    total = 0
    for pid in pids:
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        total += sum(map(int, stat.rsplit(")", 1)[1].split()[11:15]))
    return total / os.sysconf("SC_CLK_TCK")


class Peer:
    """Dovecot in the shape that Imap takes."""

    def __init__(self):
        self.root = tempfile.TemporaryDirectory(prefix="dovecot-mail-")
        self.dovecot = Dovecot(self.root.name, "sdbox:~/sdbox")
        self.pid = self.dovecot.process.pid

    def address(self, tls=False):
        assert not tls
        return "127.0.0.1", self.dovecot.port

    def close(self):
        self.dovecot.close()
        self.root.cleanup()


def log_in_and_out(server, count):
    for _ in range(count):
        imap = Imap(server).login("ann")
        imap.do(b"LOGOUT")
        imap.close()


def works(server, count):
    """(what, how many, function)"""
    imap = Imap(server).login("ann")
    big, some = 50 * count, 1000

    def command(text, times=1):
        def run():
            for _ in range(times):
                imap.do(text)
        return run

    def select_big():
        imap.do(b"SELECT big")

    def append():
        for n in range(some):
            imap.append(b"new", make_message(n))

    fields = b"BODY.PEEK[HEADER.FIELDS (FROM TO CC DATE SUBJECT MESSAGE-ID)]"
    yield "LOGIN and LOGOUT", some, lambda: log_in_and_out(server, some)
    yield "APPEND", some, append
    yield f"SELECT of {big}", big, select_big
    yield "UID FETCH 1:* FLAGS", big, command(b"UID FETCH 1:* FLAGS")
    yield "UID SEARCH UNSEEN", big, command(b"UID SEARCH UNSEEN")
    yield ("STORE 1:* +FLAGS.SILENT", big,
           command(b"STORE 1:* +FLAGS.SILENT (\\Flagged)"))
    imap.do(b"SELECT some")
    yield "NOOP", 5000, command(b"NOOP", 5000)
    yield ("FETCH of ENVELOPE, BODYSTRUCTURE", count, command(
        b"FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE "
        b"BODYSTRUCTURE)"))
    yield "FETCH of header fields", count, command(
        b"FETCH 1:* (UID " + fields + b")")
    yield "FETCH BODY.PEEK[], all", count, command(b"FETCH 1:* BODY.PEEK[]")
    yield ("FETCH BODY.PEEK[], one by one", count, lambda: [
        imap.do(b"FETCH %d BODY.PEEK[]" % (n + 1)) for n in range(count)])
    yield "SEARCH TEXT, not found", count, command(b"SEARCH TEXT zebra")
    yield "COPY", count, command(b"COPY 1:* new")
    imap.close()


def prepare(server, count):
    imap = Imap(server).login("ann")
    for name in (b"some", b"big", b"new"):
        imap.do(b"CREATE " + name)
    fill(server, "ann", (realistic(n) for n in range(count)), b"some")
    fill_up(server, "ann", 50 * count, b"big")
    imap.close()


def measure(server, pid, count):
    """{what: (seconds, processor seconds, how many)}"""
    prepare(server, count)
    out = {}
    for what, n, run in works(server, count):
        if what.startswith("FETCH"):
            run()
        cpu, begun = cpu_of(descendants(pid)), time.perf_counter()
        run()
        out[what] = (time.perf_counter() - begun,
                     cpu_of(descendants(pid)) - cpu, n)
    return out


def count_calls(server, count):
    prepare(server, count)
    mail = roles(server)["mail"]
    for what, n, run in works(server, count):
        with Trace(mail, "all") as t:
            run()
        names = {}
        for line in t.lines:
            word = line.split("(")[0].split()[-1]
            if "resumed" in line:
                word = line.split("<... ")[1].split()[0]
            names[word] = names.get(word, 0) + 1
        most = sorted(names.items(), key=lambda x: -x[1])[:7]
        print(f"{what} of {n}: {len(t.lines) / n:.2f} each: " + ", ".join(
            f"{name} {c / n:.2f}" for name, c in most), flush=True)


def main():
    options = arguments(__doc__, count=2000, peer=0, calls=0)
    count = 200 if options.short else options.count
    peers = {}
    with Bench() as server:
        account(server)
        if options.calls:
            count_calls(server, count)
            return
        ours = measure(server, server.process.pid, count)
    if options.peer:
        peer = Peer()
        try:
            peers = measure(peer, peer.pid, count)
        finally:
            peer.close()
    print("| what | how many | each | processor, each |" +
          (" Dovecot, each | its processor | ratio | of processor |"
           if peers else ""))
    print("| --- " * (8 if peers else 4) + "|")
    for what, (wall, cpu, n) in ours.items():
        row = f"| {what} | {n} | {wall / n * 1e6:.1f} µs | {cpu / n * 1e6:.1f} µs |"
        if peers:
            w, c, _ = peers[what]
            row += (f" {w / n * 1e6:.1f} µs | {c / n * 1e6:.1f} µs |"
                    f" {wall / w:.2f} | {cpu / c if c else 0:.2f} |")
        print(row)


if __name__ == "__main__":
    main()
