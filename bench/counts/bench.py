# SPDX-License-Identifier: Apache-2.0
"""What the scripts here share: a server of their own, a client that costs
little, memory and system calls of the roles, and verdicts."""
import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from harness import Server, eventually  # noqa: E402,F401

KIB, MIB = 1024, 1024 * 1024
# Of "pw": a hash that costs nothing, because hashes are not what is measured.
CHEAP_HASH = "$1$culver$yxyfkHbP2LW2yG9SQGER7."


class Report:
    """Lines "PASS what: value (limit)"; exit() with their verdict."""

    def __init__(self):
        self.failed = 0

    def at_most(self, what, value, limit, unit=""):
        self.line(value <= limit, what, f"{value:,.6g} {unit}".rstrip() +
                  f" (at most {limit:,.6g})")

    def at_least(self, what, value, limit, unit=""):
        self.line(value >= limit, what, f"{value:,.6g} {unit}".rstrip() +
                  f" (at least {limit:,.6g})")

    def line(self, passed, what, value=""):
        self.failed += not passed
        print(f"{'PASS' if passed else 'FAIL'}  {what}: {value}", flush=True)

    def note(self, text):
        print(f"      {text}", flush=True)

    def skip(self, what, why):
        print(f"SKIP  {what}: {why}", flush=True)

    def exit(self):
        sys.exit(1 if self.failed else 0)


class Imap:
    """One connection. Commands give their untagged answer as bytes."""

    def __init__(self, server, tls=False):
        self.sock = socket.create_connection(server.address(tls), 60)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = server.context.wrap_socket(
                self.sock, server_hostname="localhost")
        self.left = b""
        self.tags = 0
        self.inflate = self.deflate = None
        self.until(b"\r\n")

    def receive(self):
        data = self.sock.recv(MIB)
        if not data:
            raise ConnectionError("closed by the server: %r" % self.left[-300:])
        return self.inflate.decompress(data) if self.inflate else data

    def send(self, data):
        if self.deflate:
            data = self.deflate.compress(data) + \
                self.deflate.flush(zlib.Z_SYNC_FLUSH)
        self.sock.sendall(data)

    def compress(self):
        """RFC 4978."""
        self.do(b"COMPRESS DEFLATE")
        self.inflate = zlib.decompressobj(-15)
        self.deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        return self

    def until(self, end):
        """What comes up to and with `end`."""
        parts, tail = [], b""
        data = self.left
        while True:
            at = (tail + data).find(end)
            if at >= 0:
                at += len(end) - len(tail)
                parts.append(data[:at])
                self.left = data[at:]
                return b"".join(parts)
            parts.append(data)
            tail = (tail + data)[-len(end) + 1:] if len(end) > 1 else b""
            data = self.receive()

    def begin(self, text):
        # What no message contains.
        self.tags += 1
        tag = b"$%d$" % self.tags
        self.send(tag + b" " + text + b"\r\n")
        return tag

    def finish(self, tag):
        """The untagged answer of a command that began; it must end in OK."""
        answer = self.until(tag + b" ")[:-len(tag) - 1]
        result = self.until(b"\r\n")
        assert result.startswith(b"OK"), result
        return answer

    def do(self, text):
        return self.finish(self.begin(text))

    def login(self, name, password="pw"):
        self.do(f'LOGIN "{name}" "{password}"'.encode())
        return self

    def append(self, mailbox, data, flags=b""):
        self.do(b"APPEND %s (%s) {%d+}\r\n%s" %
                (mailbox, flags, len(data), data))

    def idle(self):
        self.send(b"I1 IDLE\r\n")
        self.until(b"+ ")
        self.until(b"\r\n")

    def close(self):
        self.sock.close()


class Bench:
    """with Bench() as server: a server with limits out of the way."""

    def __init__(self, **settings):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.server = Server({
            "limits.connections": "50000",
            "limits.connections_per_address": "50000",
            "limits.connections_per_account": "50000",
            "log.level": '"warn"',
            "log.server": '"info"',
            **{k.replace("__", "."): v for k, v in settings.items()},
        })

    def __enter__(self):
        return self.server.start()

    def __exit__(self, kind, *_):
        if kind:
            self.server.kill()
            print(self.server.tail(), file=sys.stderr)
            shutil.rmtree(self.server.directory, ignore_errors=True)
        else:
            self.server.close()


def account(server, name="ann"):
    server.culver("account", "add", name, "--password-stdin", stdin="pw\n")
    server.culver("account", "set", name, f"password-hash={CHEAP_HASH}")
    return name


def make_message(number, body=b"Hello.\r\n"):
    return (b"From: Ann Example <ann@example.com>\r\n"
            b"To: Bob Example <bob@example.com>\r\n"
            b"Subject: Message %d\r\n"
            b"Date: Mon, 1 Jan 2024 10:00:00 +0000\r\n"
            b"Message-ID: <%d@example.com>\r\n\r\n" % (number, number)
            ) + body


def fill(server, name, messages, mailbox=b"INBOX"):
    """Appends messages (bytes), not waiting for each answer."""
    imap = Imap(server).login(name)
    waiting = []
    for data in messages:
        waiting.append(imap.begin(
            b"APPEND %s {%d+}\r\n%s" % (mailbox, len(data), data)))
        if len(waiting) == 32:
            imap.finish(waiting.pop(0))
    for tag in waiting:
        imap.finish(tag)
    imap.close()


def fill_up(server, name, count, mailbox=b"INBOX"):
    """At least `count` messages, most of them copies: their bytes are there
    once, but each has its UID, flags and date."""
    fill(server, name, [make_message(i) for i in range(125)], mailbox)
    imap = Imap(server).login(name)
    have = 125
    while have < count:
        imap.do(b"SELECT " + mailbox)
        imap.do(b"COPY 1:%d %s" % (min(have, count - have), mailbox))
        have = min(2 * have, count)
    imap.close()


def store_figures(server):
    """The store's counters since the server began."""
    return json.loads(server.culver("status", "--json").stdout)["mail"]["store"]


class Counting:
    """with Counting(server) as c: ...; then c.store["syncs"] and so on: by how
    much the store's counters rose. Asking itself reads nothing."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.before = store_figures(self.server)
        return self

    def __exit__(self, *_):
        after = store_figures(self.server)
        self.store = {k: after[k] - v for k, v in self.before.items()}


def roles(server):
    """{name: pid} of all processes: master, auth, mail, front 1, front 2."""
    master = server.process.pid
    found, fronts = {"master": master}, 0
    for pid in sorted(map(int, pathlib.Path(
            f"/proc/{master}/task/{master}/children").read_text().split())):
        name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"--role" in words:
            name = words[words.index(b"--role") + 1].decode()
        if "front" in name:
            fronts += 1
            name = f"front {fronts}"
        found[name] = pid
    return found


def memory_of(pid):
    """Bytes of PSS, without pages of files: those of programs and libraries
    change with whatever else runs on the machine. The roles let nobody but
    root look at their maps; for others it is what /proc/PID/status has."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        names = "Pss_Anon|Pss_Shmem"
    except PermissionError:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        names = "RssAnon|RssShmem"
    return KIB * sum(int(kib) for kib in re.findall(
        rf"^(?:{names}):\s+(\d+) kB", text, re.M))


def memory(server):
    """{role: bytes}"""
    return {name: memory_of(pid) for name, pid in roles(server).items()}


def memory_total(server):
    return sum(memory(server).values())


class Peak:
    """with Peak(server) as p: ...; then p.peak: the most memory of each role
    above what it had before, looked at some hundred times a second."""

    def __init__(self, server):
        self.pids = roles(server)

    def __enter__(self):
        self.before = {n: memory_of(p) for n, p in self.pids.items()}
        self.most = dict(self.before)
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while not self.ends.wait(0.005):
            for name, pid in self.pids.items():
                self.most[name] = max(self.most[name], memory_of(pid))

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()
        self.peak = {n: self.most[n] - self.before[n] for n in self.pids}


def can_trace():
    return shutil.which("strace") and os.geteuid() == 0


def traced_or_gone(task):
    """A thread of the pool may end meanwhile."""
    try:
        status = (task / "status").read_text()
    except OSError:
        return True
    return re.search(r"^TracerPid:\s+[1-9]", status, re.M)


class Trace:
    """with Trace(pid, "fdatasync,fsync") as t: ...; then t.lines: the system
    calls of all its threads, finished ones, one a line."""

    def __init__(self, pid, calls, *more):
        self.pid, self.calls, self.more = pid, calls, more

    def __enter__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="culver-trace-")
        self.process = subprocess.Popen(
            ["strace", "-f", "-qq", *self.more, "-e", f"trace={self.calls}",
             "-o", self.file.name, "-p", str(self.pid)],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        # It says nothing with -qq: attached once the kernel says so.
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            eventually(lambda: traced_or_gone(task), "strace is attached")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate()
        text = pathlib.Path(self.file.name).read_text(errors="replace")
        self.file.close()
        self.lines = [line for line in text.splitlines()
                      if not line.rstrip().endswith("<unfinished ...>")]

    def count(self, *names):
        call = re.compile(rf"\b({'|'.join(names)})(\(| resumed)")
        return sum(bool(call.search(line)) for line in self.lines)


def arguments(text, **more):
    """The script's options: --short, and others by default value."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--short", action="store_true",
                        help="smaller numbers, for make test")
    for name, value in more.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    return parser.parse_args()
