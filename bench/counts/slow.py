#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What big messages and slow clients cost: APPEND of 64 MB holds no 64 MB;
readers of it that stop reading hold under 1 MiB each and no thread; 1,000
connections that send a byte at a time hold little and stop nobody."""
import os
import pathlib
import socket
import threading
import time

from bench import (KIB, MIB, Bench, Imap, Peak, Report, account, arguments,
                   fill, make_message, memory, memory_total, roles)

SIZE = 64 * MIB
READERS = 8
# The store's write buffers (docs/decisions/0002) fill with whatever is
# written, and there are no more of them for more writers.
WRITE_BUFFERS = 3 * 16 * MIB


def append_big(server, tls, number):
    head = make_message(number)
    line = b"x" * 76 + b"\r\n"
    imap = Imap(server, tls).login("ann")
    imap.sock.sendall(b"$1$ APPEND big {%d+}\r\n" % SIZE + head)
    left = SIZE - len(head)
    block = line * 1000
    while left:
        n = min(left, len(block))
        imap.sock.sendall(block[:n])
        left -= n
    imap.sock.sendall(b"\r\n")
    imap.finish(b"$1$")
    imap.close()


def measure_append(server, report, at_once):
    """The buffers have been filled before; so the limit holds what one, and
    what several writers add."""
    threads = [threading.Thread(target=append_big, args=(server, n % 2, n))
               for n in range(at_once)]
    with Peak(server) as p:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    report.at_most(f"mail's peak for {at_once} × APPEND of 64 MB",
                   p.peak["mail"] / MIB, WRITE_BUFFERS / MIB + at_once, "MiB")
    report.at_most("fronts' peak meanwhile", sum(
        v for k, v in p.peak.items() if "front" in k) / MIB, 1 + at_once / 4,
        "MiB")


def restart(server):
    """What others have freed would be used again, and so look like nothing."""
    server.stop()
    server.start()


def slow_reader(server, tls):
    """Asks for 64 MB and takes the first bytes of it."""
    imap = Imap(server, tls)
    imap.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * KIB)
    imap.login("ann")
    imap.do(b"EXAMINE big")
    imap.begin(b"FETCH 1 BODY.PEEK[]")
    imap.until(b"BODY[] {")
    return imap


def work(imap):
    """Somebody who goes on meanwhile."""
    imap.do(b"NOOP")
    imap.do(b"FETCH 1 (FLAGS ENVELOPE)")


def measure_readers(server, report, tls):
    name = "TLS" if tls else "plain"
    restart(server)
    neighbour = Imap(server, tls).login("bob")
    neighbour.do(b"SELECT INBOX")
    work(neighbour)
    slow_reader(server, tls).close()
    time.sleep(0.2)
    before = memory_total(server)
    slow = [slow_reader(server, tls) for _ in range(READERS)]
    # Mail has one thread: when a reader held it, this would wait for ever.
    work(neighbour)
    held = memory_total(server) - before
    report.line(True, f"one thread serves {READERS} {name} readers and another",
                "yes")
    report.at_most(f"memory of a slow {name} reader of 64 MB",
                   held / READERS / KIB, 1024, "KiB")
    for imap in slow:
        imap.close()


def cpu_seconds(server):
    hertz = os.sysconf("SC_CLK_TCK")
    total = 0
    for pid in roles(server).values():
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        total += sum(map(int, stat.rsplit(")", 1)[1].split()[11:13]))
    return total / hertz


def latencies(imap, count):
    out = []
    for _ in range(count):
        begun = time.perf_counter()
        work(imap)
        out.append(time.perf_counter() - begun)
        time.sleep(0.01)
    return sorted(out)


def drip(imaps, text, rounds, stop):
    for i in range(rounds):
        begun = time.monotonic()
        for imap in imaps:
            imap.sock.sendall(text[i:i + 1])
        stop.wait(max(0, 1 - (time.monotonic() - begun)))


def measure_drips(server, report, count, rounds):
    restart(server)
    neighbour = Imap(server).login("bob")
    neighbour.do(b"SELECT INBOX")
    alone = latencies(neighbour, 100)
    before = memory(server)
    imaps = [Imap(server) for _ in range(count)]
    for imap in imaps[::2]:
        imap.login("bob")
        imap.do(b"SELECT INBOX")
    text = b"a" * rounds
    spent = cpu_seconds(server)
    stop = threading.Event()
    thread = threading.Thread(target=drip, args=(imaps, text, rounds, stop))
    thread.start()
    beside = latencies(neighbour, 100 * rounds // 2)
    thread.join()
    spent = cpu_seconds(server) - spent
    after = memory(server)
    each = (sum(after.values()) - sum(before.values())) / count
    report.at_most(f"memory of one of {count} that send a byte a second",
                   each / KIB, 12, "KiB")
    report.at_most("processor time of all roles meanwhile, for each byte",
                   spent / (count * rounds) * 1e6, 200, "µs")
    report.note("a command of another session meanwhile: median "
                f"{beside[len(beside) // 2] * 1e3:.2f} ms (alone: "
                f"{alone[len(alone) // 2] * 1e3:.2f} ms), 99 of 100 in "
                f"{beside[len(beside) * 99 // 100] * 1e3:.2f} ms (alone: "
                f"{alone[len(alone) * 99 // 100] * 1e3:.2f} ms)")
    for imap in imaps:
        imap.close()


def main():
    options = arguments(__doc__)
    report = Report()
    with Bench(workers__mail_threads="1") as server:
        account(server, "ann")
        account(server, "bob")
        fill(server, "bob", [make_message(1)])
        imap = Imap(server).login("ann")
        imap.do(b"CREATE big")
        measure_append(server, report, 1)
        measure_append(server, report, 1 if options.short else 4)
        measure_readers(server, report, False)
        measure_readers(server, report, True)
        measure_drips(server, report, 1000, 3 if options.short else 10)
    report.exit()


if __name__ == "__main__":
    main()
