#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long a login takes quietly, and while strangers guess: wrong passwords
for names that do not exist, --rate a second, each from an address of its own
(told by PROXY headers). The default hash, and no remembered passwords. Prints
both medians and their ratio, and what auth held. It says something about time,
so it is not part of the tests: those count (tests/server/test_auth.py)."""
import argparse
import select
import socket
import statistics
import struct
import subprocess
import sys
import time

from bench import MIB, Bench, memory

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def proxied(source):
    """A PROXY header, version 2."""
    return SIGNATURE + b"\x21\x11\0\x0c" + socket.inet_aton(source) \
        + socket.inet_aton("198.51.100.2") + struct.pack(">HH", 54321, 143)


def guess(port, rate, seconds):
    """The flood, in a process of its own."""
    poll, socks = select.epoll(), {}
    sent = answered = busy = 0
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        due = min(int((time.monotonic() - began) * rate), sent + 50)
        for i in range(sent, due):
            sock = socket.create_connection(("127.0.0.1", port))
            address = f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}"
            sock.sendall(proxied(address) +
                         f"a LOGIN stranger{i} wrong\r\n".encode())
            sock.setblocking(False)
            poll.register(sock.fileno(), select.EPOLLIN)
            socks[sock.fileno()] = sock
        sent = max(sent, due)
        for fd, _ in poll.poll(0.002):
            data = socks[fd].recv(4096)
            if not data or b"a NO" in data:
                answered += 1
                busy += b"UNAVAILABLE" in data
                poll.unregister(fd)
                socks.pop(fd).close()
    print(f"{sent} guesses, {answered} answered, {busy} of them with "
          "UNAVAILABLE")


def login(server, name, password):
    """Milliseconds."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.imap_port)) as sock:
        sock.sendall(proxied("192.0.2.7") +
                     f"a LOGIN {name} {password}\r\n".encode())
        seen = b""
        while b"a OK" not in seen:
            data = sock.recv(4096)
            assert data and b"a NO" not in seen, seen
            seen += data
    return 1000 * (time.monotonic() - began)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--guess", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.guess:
        guess(options.guess, options.rate, options.seconds)
        return
    with Bench(proxy__networks='["127.0.0.0/8"]',
               login__cache='"0ms"') as server:
        name, password = server.account()
        for _ in range(5):
            login(server, name, password)
        quiet = [login(server, name, password) for _ in range(30)]
        print(f"auth: {memory(server)['auth'] / MIB:.0f} MiB")
        flood = subprocess.Popen(
            [sys.executable, __file__, "--guess", str(server.imap_port),
             "--rate", str(options.rate), "--seconds", str(options.seconds)])
        time.sleep(2)
        loud, end = [], time.monotonic() + options.seconds - 3
        while time.monotonic() < end:
            loud.append(login(server, name, password))
            time.sleep(0.05)
        print(f"auth: {memory(server)['auth'] / MIB:.0f} MiB in the flood")
        flood.wait()
        for what, times in ("quiet", quiet), ("flood", loud):
            print(f"{what}: median {statistics.median(times):.0f} ms, "
                  f"longest {max(times):.0f} ms, of {len(times)}")
        ratio = statistics.median(loud) / statistics.median(quiet)
        print(f"ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
