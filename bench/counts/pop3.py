#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What POP3 costs with 100,000 messages: login, STAT and QUIT read the
mailbox's record and no more; LIST and UIDL of all read its blocks once, never
a digest or a message; RETR reads one message; QUIT that deletes is one write."""
import socket

from bench import (KIB, MIB, Bench, Counting, Imap, Report, account, arguments,
                   fill, fill_up, make_message, memory_total)

# Memberships are kept 128 to a record.
PER_RECORD = 128
READERS = 8


class Pop3:
    def __init__(self, server, name="ann", password="pw", tls=False):
        self.sock = socket.create_connection(server.pop3_address(tls), 60)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = server.context.wrap_socket(
                self.sock, server_hostname="localhost")
        self.file = self.sock.makefile("rb")
        self.line()
        self.do(f"USER {name}")
        self.do(f"PASS {password}")

    def line(self):
        line = self.file.readline()
        assert line.startswith(b"+OK"), line
        return line

    def do(self, text):
        self.sock.sendall(text.encode() + b"\r\n")
        return self.line()

    def lines(self, text):
        """Those of an answer of many, how many."""
        self.do(text)
        count = 0
        while self.file.readline() != b".\r\n":
            count += 1
        return count

    def close(self):
        self.file.close()
        self.sock.close()


def reads(counting):
    return counting.store["reads"] + counting.store["scanned"]


def measure(server, report, count):
    blocks = count // PER_RECORD + 32
    with Counting(server) as c:
        pop = Pop3(server)
        stat = pop.do("STAT")
        pop.do("QUIT")
    report.line(stat.startswith(b"+OK %d " % count), "STAT", stat.decode())
    report.at_most("records read by login, STAT and QUIT", reads(c), 16)
    report.at_most("writes of it", c.store["writes"], 0)
    pop = Pop3(server)
    with Counting(server) as c:
        listed = pop.lines("UIDL")
    report.line(listed == count, "UIDL of all", str(listed))
    report.at_most("records read by UIDL, from disk", reads(c), blocks)
    with Counting(server) as c:
        listed = pop.lines("LIST")
    report.line(listed == count, "LIST of all", str(listed))
    report.at_most("records read by LIST after it", reads(c), 8)
    with Counting(server) as c:
        pop.do(f"LIST {count}")
        pop.do("UIDL 1")
    report.at_most("records read by LIST and UIDL of one", reads(c), 8)
    with Counting(server) as c:
        pop.lines("RETR 77")
    report.at_most("records read by RETR", reads(c), 8)
    for i in range(1, 101):
        pop.do(f"DELE {i}")
    with Counting(server) as c:
        pop.do("QUIT")
    report.at_most("writes of a QUIT that deletes 100", c.store["writes"], 2)
    report.at_most("syncs of it", c.store["syncs"], 3)


def measure_slow(server, report, tls):
    """A reader that stops holds a batch, not the message; and no thread, of
    which there are as many as readers here."""
    name = "TLS" if tls else "plain"
    Pop3(server, "bob", tls=tls).close()
    before = memory_total(server)
    readers = [Pop3(server, "bob", tls=tls) for _ in range(READERS)]
    for pop in readers:
        pop.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * KIB)
        pop.sock.sendall(b"RETR 1\r\n")
        pop.line()
    other = Pop3(server, "bob", tls=tls)
    other.do("NOOP")
    report.at_most(
        f"memory of {READERS} {name} readers of 60 MB who stopped",
        (memory_total(server) - before) / MIB, READERS, "MiB")
    for pop in [*readers, other]:
        pop.close()


def main():
    options = arguments(__doc__, count=100_000)
    count = 20_000 if options.short else options.count
    report = Report()
    with Bench(workers__mail_threads=str(READERS)) as server:
        account(server)
        account(server, "bob")
        fill_up(server, "ann", count)
        Imap(server).login("ann").close()
        # What this process has seen, it would have in memory.
        server.stop()
        server.start()
        measure(server, report, count)
        fill(server, "bob", [make_message(0, (b"x" * 998 + b"\r\n") * 60000)])
        measure_slow(server, report, False)
        measure_slow(server, report, True)
    report.exit()


if __name__ == "__main__":
    main()
