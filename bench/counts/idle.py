#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an idle session costs: memory (PSS) of all roles together, before and
after many sessions that wait: IMAP with INBOX selected, and the same in IDLE; POP3
that listed all and fetched one; LMTP behind a delivery, half of them amid the
next. Plain, compressed too: under 4 KiB each, LMTP 8 KiB; TLS: under 24 KiB."""
import functools
import os
import socket

from bench import (KIB, Bench, Imap, Report, account, arguments, fill,
                   make_message, memory)
from pop3 import Pop3

ACCOUNTS = 16
# Before the first look: what is there once, however many come.
WARM = 64


def imap(server, number, tls=False, compress=False, idle=True):
    session = Imap(server, tls).login(f"u{number % ACCOUNTS}")
    if compress:
        session.compress()
    session.do(b"SELECT INBOX")
    session.do(b"FETCH 1:* (FLAGS ENVELOPE)")
    if idle:
        session.idle()
    return session


def pop3(server, number, tls=False):
    session = Pop3(server, f"u{number % ACCOUNTS}", tls=tls)
    session.lines("LIST")
    session.lines("UIDL")
    session.lines("RETR 1")
    session.do("DELE 2")
    return session


def lmtp(server, number):
    session = socket.create_connection(("127.0.0.1", server.lmtp_port), 60)
    answers = session.makefile("rb")
    begin = "MAIL FROM:<a@example.com>\r\nRCPT TO:<u%d@example.org>\r\n" % (
        number % ACCOUNTS)
    message = b"BDAT 12 LAST\r\nHello again\n"
    session.sendall(b"LHLO x\r\n" + begin.encode() + message
                    + (begin.encode() if number % 2 else b"NOOP\r\n"))
    # Greeting, LHLO, MAIL, RCPT, message; then two more, or one.
    for _ in range(7 if number % 2 else 6):
        while answers.readline()[3:4] == b"-":
            pass
    answers.close()
    return session


def measure(report, count, limit, name, begin):
    # A server of its own: what others have freed would be used again.
    with Bench() as server:
        for n in range(ACCOUNTS):
            account(server, f"u{n}")
            fill(server, f"u{n}", [make_message(i) for i in range(20)])
        warm = [begin(server, n) for n in range(WARM)]
        before = memory(server)
        idle = [begin(server, n) for n in range(count)]
        after = memory(server)
        each = {role: (after[role] - before[role]) / count for role in after}
        report.at_most(f"memory of an idle {name} session (of {count})",
                       sum(each.values()), limit, "bytes")
        report.note(", ".join(f"{role} {n:,.0f}" for role, n in each.items()))
        for session in idle + warm:
            session.close()


def main():
    options = arguments(__doc__, count=5000)
    count = 1000 if options.short else options.count
    report = Report()
    if os.geteuid() != 0:
        report.note("not root: resident memory in place of PSS")
    measure(report, count, 4 * KIB, "plain", imap)
    measure(report, count, 4 * KIB, "plain, not in IDLE",
            functools.partial(imap, idle=False))
    measure(report, count, 4 * KIB, "compressed",
            functools.partial(imap, compress=True))
    measure(report, count, 24 * KIB, "TLS", functools.partial(imap, tls=True))
    measure(report, count, 4 * KIB, "plain POP3", pop3)
    measure(report, count, 24 * KIB, "TLS POP3",
            functools.partial(pop3, tls=True))
    measure(report, count, 8 * KIB, "LMTP", lmtp)
    report.exit()


if __name__ == "__main__":
    main()
