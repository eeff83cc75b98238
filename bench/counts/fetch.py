#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What FETCH reads: ENVELOPE, BODYSTRUCTURE, FLAGS, INTERNALDATE and
RFC822.SIZE no byte of any message, and at most one record for each; header
fields the beginning of each message, not the rest."""

import base64
import random

from bench import (KIB, Bench, Counting, Imap, Report, Trace, account,
                   arguments, can_trace, fill, make_message, roles)

READS = "read", "pread64", "readv", "preadv", "preadv2"
# Of one message: far more than all that is kept beside it.
BODY = 100 * KIB
# What is read with a header, whatever follows it.
HEAD = 20 * KIB


def big_message(number):
    """Nothing that could be compressed."""
    noise = base64.encodebytes(random.Random(number).randbytes(BODY * 3 // 4))
    return make_message(number, noise.replace(b"\n", b"\r\n"))


def blob_reads(trace):
    """Bytes read from files of values (strace -y names them)."""
    return sum(int(line.rsplit("= ", 1)[1].split()[0])
               for line in trace.lines
               if ".blob>" in line and "= -1" not in line)


def measure(server, report, imap, what, items, count, records):
    with Counting(server) as c:
        imap.do(b"FETCH 1:* " + items)
    report.at_most(f"records read by FETCH of {what}, {count} messages",
                   c.store["reads"] + c.store["scanned"], records)


def measure_files(server, report, imap, what, items, least, most):
    with Trace(roles(server)["mail"], ",".join(READS), "-y") as t:
        imap.do(b"FETCH 1:* " + items)
    read = blob_reads(t)
    text = f"bytes read from files of bodies by FETCH of {what}"
    if least:
        report.at_least(text, read, least)
    else:
        report.at_most(text, read, most)


def main():
    options = arguments(__doc__, count=1000)
    # Enough for the store to write files.
    count = 400 if options.short else options.count
    report = Report()
    with Bench() as server:
        account(server)
        fill(server, "ann", (big_message(n) for n in range(count)))
        imap = Imap(server).login("ann")
        imap.do(b"EXAMINE INBOX")
        flags = b"(UID FLAGS INTERNALDATE RFC822.SIZE)"
        parsed = b"(ENVELOPE BODYSTRUCTURE BODY)"
        header = b"(BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)])"
        body = b"(BODY.PEEK[])"
        measure(server, report, imap, "flags, dates, sizes", flags, count, 8)
        measure(server, report, imap, "envelopes, structures", parsed, count,
                count + 8)
        measure(server, report, imap, "header fields", header, count,
                2 * count + 8)
        if not can_trace():
            report.skip("files read", "needs root and strace")
            report.exit()
        # What lies in memory would not be read from files at all.
        server.stop()
        server.start()
        imap = Imap(server).login("ann")
        imap.do(b"EXAMINE INBOX")
        measure_files(server, report, imap, "flags, dates, sizes", flags, 0, 0)
        measure_files(server, report, imap, "envelopes, structures", parsed,
                      0, 0)
        measure_files(server, report, imap, "header fields", header, 0,
                      HEAD * count)
        # Else what is above would show nothing.
        measure_files(server, report, imap, "bodies", body,
                      BODY * count // 2, 0)
    report.exit()


if __name__ == "__main__":
    main()
