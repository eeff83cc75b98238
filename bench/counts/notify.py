#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What one APPEND sets in motion among many sessions: those in IDLE on its
mailbox are told, once; no other session is looked at. And those that asked by NOTIFY for
news of all mailboxes."""
from bench import (Bench, Counting, Imap, Report, Trace, account, arguments,
                   can_trace, make_message, roles)

TOUCHES = "sendto,sendmsg,recvfrom,recvmsg,epoll_ctl"
WATCHERS = 3


def session(server, name, mailbox, idle):
    imap = Imap(server).login(name)
    imap.do(b"SELECT " + mailbox)
    if idle:
        imap.idle()
    return imap


def notified(server, name):
    imap = Imap(server).login(name)
    imap.do(b"NOTIFY SET (personal (MessageNew MessageExpunge))")
    return imap


def deliver_news(imap, watchers, number):
    imap.append(b"news", make_message(number))
    return [watcher.until(b")\r\n") for watcher in watchers]


def news(server, writer, report):
    """NOTIFY: of another mailbox than any that is selected."""
    writer.do(b"CREATE news")
    watchers = [notified(server, "ann") for _ in range(WATCHERS)]
    deliver_news(writer, watchers, 5)
    with Counting(server) as c:
        told = deliver_news(writer, watchers, 6)
    report.at_most(f"records read by an APPEND, {WATCHERS} sessions being "
                   "told by NOTIFY",
                   c.store["reads"] + c.store["scanned"], 30)
    if can_trace():
        with Trace(roles(server)["mail"], TOUCHES) as t:
            told += deliver_news(writer, watchers, 7)
        report.at_most("answers and notifications sent, NOTIFY",
                       t.count("sendto", "sendmsg"), WATCHERS + 1)
        report.at_most("system calls on connections, NOTIFY", len(t.lines),
                       10 * (WATCHERS + 1))
    report.line(all(b.count(b"* STATUS news (") == 1 for b in told),
                "each was told once by NOTIFY", "")
    for imap in watchers:
        report.line(b"STATUS" not in imap.do(b"NOOP"),
                    "nothing came twice by NOTIFY", "")
        imap.close()


def deliver(imap, watchers, number):
    imap.append(b"INBOX", make_message(number))
    return [watcher.until(b" EXISTS\r\n") for watcher in watchers]


def main():
    options = arguments(__doc__, count=3000, watchers=1000)
    count = 400 if options.short else options.count
    idle = 100 if options.short else options.watchers
    report = Report()
    with Bench() as server:
        account(server, "ann")
        account(server, "bob")
        writer = Imap(server).login("ann")
        writer.do(b"CREATE other")
        writer.append(b"INBOX", make_message(1))
        others = [session(server, *who) for who in (
            ("ann", b"INBOX", False), ("ann", b"other", True),
            ("bob", b"INBOX", True), ("bob", b"INBOX", False),
        ) * (count // 4)]
        watchers = [session(server, "ann", b"INBOX", True)
                    for _ in range(idle)]
        deliver(writer, watchers, 2)
        with Counting(server) as c:
            told = deliver(writer, watchers, 3)
        # Each reads the mailbox's record, to see how new its view is.
        report.at_most(f"records read by an APPEND, {idle} sessions being "
                       f"told, {count} not",
                       c.store["reads"] + c.store["scanned"], idle + 30)
        if can_trace():
            with Trace(roles(server)["mail"], TOUCHES) as t:
                told = deliver(writer, watchers, 4)
            report.at_most("answers and notifications sent",
                           t.count("sendto", "sendmsg"), idle + 1)
            report.at_most("system calls on connections", len(t.lines),
                           idle + 10)
        else:
            report.skip("system calls", "needs root and strace")
        report.line(all(b.count(b"EXISTS") == 1 for b in told),
                    "each was told once", "")
        writer.do(b"NOOP")
        twice = 0
        for imap in watchers:
            imap.sock.sendall(b"DONE\r\n")
            twice += b"EXISTS" in imap.finish(b"I1")
        report.line(not twice, "nothing came twice", "")
        news(server, writer, report)
        for imap in others:
            imap.close()
    report.exit()


if __name__ == "__main__":
    main()
