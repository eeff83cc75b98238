#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What it takes to open a mailbox of 100,000 messages: some hundreds of
records, and nothing when it is open already."""
from bench import (Bench, Counting, Imap, Report, account, arguments, fill_up)

# Memberships are kept 128 to a record.
PER_RECORD = 128


def measure(server, report, what, imap, limit):
    with Counting(server) as c:
        answer = imap.do(b"SELECT INBOX")
    report.at_most(f"records read by SELECT, {what}",
                   c.store["reads"] + c.store["scanned"], limit)
    return answer


def main():
    options = arguments(__doc__, count=100_000)
    count = 20_000 if options.short else options.count
    report = Report()
    with Bench() as server:
        account(server)
        fill_up(server, "ann", count)
        # What this process has seen, it would have in memory.
        server.stop()
        server.start()
        records = count // PER_RECORD + 32
        answer = measure(server, report, f"{count} messages, from disk",
                         Imap(server).login("ann"), records)
        report.line(b"* %d EXISTS" % count in answer, "EXISTS", str(count))
        measure(server, report, "a mailbox that is open elsewhere",
                Imap(server).login("ann"), 2)
        imap = Imap(server).login("ann")
        imap.do(b"SELECT INBOX")
        with Counting(server) as c:
            imap.do(b"UID FETCH 1:* FLAGS")
        report.at_most("records read by UID FETCH 1:* FLAGS of them",
                       c.store["reads"] + c.store["scanned"], 16)
        with Counting(server) as c:
            imap.do(b"UID STORE 777 +FLAGS (\\Flagged)")
        report.at_most("records read by STORE of one of them",
                       c.store["reads"] + c.store["scanned"], 24)
        with Counting(server) as c:
            imap.do(b"STATUS INBOX (MESSAGES UNSEEN UIDNEXT RECENT)")
        report.at_most("records read by STATUS",
                       c.store["reads"] + c.store["scanned"], 2)
        with Counting(server) as c:
            imap.do(b"STATUS INBOX (MESSAGES UNSEEN UIDNEXT RECENT)")
        report.at_most("records read by STATUS, the second time",
                       c.store["reads"] + c.store["scanned"], 0)
    report.exit()


if __name__ == "__main__":
    main()
