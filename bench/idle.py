#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an idle session costs: memory (PSS) of all roles together, before and
after many sessions that have logged in, selected INBOX, and wait; half of them
in IDLE. Plain, compressed too: under 4 KiB each; TLS: under 24 KiB."""
import os

from bench import (KIB, Bench, Imap, Report, account, arguments, fill,
                   make_message, memory)

ACCOUNTS = 16
# Before the first look: what is there once, however many come.
WARM = 64


def session(server, number, tls, compress):
    imap = Imap(server, tls).login(f"u{number % ACCOUNTS}")
    if compress:
        imap.compress()
    imap.do(b"SELECT INBOX")
    imap.do(b"FETCH 1:* (FLAGS ENVELOPE)")
    if number % 2:
        imap.idle()
    else:
        imap.do(b"NOOP")
    return imap


def measure(report, count, limit, tls=False, compress=False):
    name = "TLS" if tls else "compressed" if compress else "plain"
    # A server of its own: what others have freed would be used again.
    with Bench() as server:
        for n in range(ACCOUNTS):
            account(server, f"u{n}")
            fill(server, f"u{n}", [make_message(i) for i in range(20)])
        warm = [session(server, n, tls, compress) for n in range(WARM)]
        before = memory(server)
        idle = [session(server, n, tls, compress) for n in range(count)]
        after = memory(server)
        each = {role: (after[role] - before[role]) / count for role in after}
        report.at_most(f"memory of an idle {name} session (of {count})",
                       sum(each.values()), limit, "bytes")
        report.note(", ".join(f"{role} {n:,.0f}" for role, n in each.items()))
        for imap in idle + warm:
            imap.close()


def main():
    options = arguments(__doc__, count=5000)
    count = 1000 if options.short else options.count
    report = Report()
    if os.geteuid() != 0:
        report.note("not root: resident memory in place of PSS")
    measure(report, count, 4 * KIB)
    measure(report, count, 4 * KIB, compress=True)
    measure(report, count, 24 * KIB, tls=True)
    report.exit()


if __name__ == "__main__":
    main()
