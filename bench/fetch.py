#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What FETCH reads: ENVELOPE, BODYSTRUCTURE, FLAGS, INTERNALDATE and
RFC822.SIZE no byte of any message, and at most one record for each; body
sections do (or this script could not tell)."""

from bench import (KIB, Bench, Counting, Imap, Report, Trace, account,
                   arguments, can_trace, fill, make_message, roles)

READS = "read", "pread64", "readv", "preadv", "preadv2"
# Of one message: far more than all that is kept beside it.
BODY = 40 * KIB


def big_message(number):
    line = b"%06d " % number + b"x" * 70 + b"\r\n"
    return make_message(number, line * (BODY // len(line)))


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
    count = 200 if options.short else options.count
    report = Report()
    with Bench() as server:
        account(server)
        fill(server, "ann", (big_message(n) for n in range(count)))
        imap = Imap(server).login("ann")
        imap.do(b"EXAMINE INBOX")
        flags = b"(UID FLAGS INTERNALDATE RFC822.SIZE)"
        parsed = b"(ENVELOPE BODYSTRUCTURE BODY)"
        body = b"(BODY.PEEK[])"
        measure(server, report, imap, "flags, dates, sizes", flags, count, 8)
        measure(server, report, imap, "envelopes, structures", parsed, count,
                count + 8)
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
        measure_files(server, report, imap, "bodies", body, 1, 0)
    report.exit()


if __name__ == "__main__":
    main()
