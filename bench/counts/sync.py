#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How often the disk is asked to keep what was written: once per APPEND, or
less when several wait. Counted by strace of the mail role, and by the store
itself."""
import threading

from bench import (Bench, Counting, Imap, Report, Trace, account, arguments,
                   can_trace, make_message, roles)

# What makes written bytes durable, or begins to.
SYNCS = "fdatasync", "fsync", "msync", "sync", "syncfs"


def append_all(imaps, each, mailbox_of):
    """Every connection appends `each` messages, all at the same time; every
    answer is waited for."""
    gate = threading.Barrier(len(imaps))

    def work(number, imap):
        gate.wait()
        for i in range(each):
            imap.append(mailbox_of(number), make_message(number * each + i))

    threads = [threading.Thread(target=work, args=pair)
               for pair in enumerate(imaps)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def append_pipelined(imaps, each, mailbox_of):
    """The same, but without waiting: sixteen are on their way."""
    for start in range(0, each, 16):
        few = range(start, min(start + 16, each))
        for number, imap in enumerate(imaps):
            imap.sock.sendall(b"".join(
                b"p%d APPEND %s {%d+}\r\n%s\r\n" % (
                    i, mailbox_of(number), len(message), message)
                for i in few for message in [make_message(i)]))
        for imap in imaps:
            for i in few:
                imap.finish(b"p%d" % i)


def measure(server, report, what, imaps, each, mailbox_of, per_append,
            append=append_all):
    count = len(imaps) * each
    with Counting(server) as c:
        if can_trace():
            with Trace(roles(server)["mail"], ",".join(SYNCS)) as t:
                append(imaps, each, mailbox_of)
        else:
            append(imaps, each, mailbox_of)
    if can_trace():
        report.at_most(f"syncs by strace, {count} APPENDs, {what}",
                       t.count(*SYNCS) / count, per_append, "each")
    else:
        report.skip("syncs by strace", "needs root and strace")
    report.at_most(f"syncs by the store, {count} APPENDs, {what}",
                   c.store["syncs"] / count, per_append, "each")
    if append is append_all:
        report.at_least("writes that were answered", c.store["writes"], count)


def main():
    options = arguments(__doc__, count=800)
    count = 160 if options.short else options.count
    report = Report()
    # Few of a file's own syncs (a new log) lie between: a hundredth.
    with Bench() as server:
        account(server, "one")
        imaps = [Imap(server).login("one") for _ in range(16)]
        # The first one makes INBOX.
        imaps[0].append(b"INBOX", make_message(0))
        for n, imap in enumerate(imaps):
            imap.do(b"CREATE box%d" % n)
        measure(server, report, "one connection", imaps[:1], count,
                lambda _: b"INBOX", 1.01)
        # The sixteen may come in some pieces, each with a sync of its own.
        measure(server, report, "one connection, pipelined", imaps[:1], count,
                lambda _: b"INBOX", 0.25, append_pipelined)
        measure(server, report, "16 connections, one mailbox", imaps,
                count // 16, lambda _: b"INBOX", 0.7)
        measure(server, report, "16 connections, a mailbox each", imaps,
                count // 16, lambda n: b"box%d" % n, 0.7)
        for n in range(16):
            account(server, f"u{n}")
        imaps = [Imap(server).login(f"u{n}") for n in range(16)]
        for imap in imaps:
            imap.append(b"INBOX", make_message(0))
        measure(server, report, "16 accounts", imaps, count // 16,
                lambda _: b"INBOX", 1.01)
    report.exit()


if __name__ == "__main__":
    main()
