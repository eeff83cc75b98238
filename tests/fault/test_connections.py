# SPDX-License-Identifier: Apache-2.0
"""Many idle connections and many busy ones for long: after warm-up neither
memory nor descriptors grow. Idle ones are logged in and wait in IDLE, some over
TLS; busy ones do something again and again, by IMAP, POP3 and LMTP, and come and
go. CULVER_IDLE, CULVER_BUSY, CULVER_SECONDS."""
import asyncio
import os
import pathlib
import random
import re
import resource
import statistics
import time

from daemons import Directory, ssha
from delivering import DOMAIN, LmtpServer
from people import message
from soaking import SOAKING, Progress, bound, seed

ACCOUNTS = 50
TLS_EVERY = 20      # idle connection is over TLS
ROUNDS = 30         # commands of a busy connection before it comes anew
RENEWAL = 20 * 60   # seconds: RFC 2177 has "at least every 29 minutes"
RENEWERS = 20       # renew, each its share: one waits long among the busy
# What a role may hold more after the warm-up than at its end: caches of
# RocksDB and malloc fill up for long, so the short form only sees leaks that
# are plain.
GROWTH = 0.05 if SOAKING else 0.25
SLACK = 16 << 20


class Line:
    """A connection of a text protocol."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.tags = 0

    @classmethod
    async def dial(cls, port, tls=None):
        return cls(*await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, limit=1 << 22,
            server_hostname="localhost" if tls else None))

    async def line(self):
        line = await self.reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError(line)
        return line

    async def say(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def imap(self, command, status=b"OK"):
        self.tags += 1
        tag = b"x%d " % self.tags
        await self.say(tag + command + b"\r\n")
        said = b""
        while True:
            line = await self.line()
            said += line
            if line.startswith(tag):
                assert line.startswith(tag + status), (command[:80], line)
                return said

    def close(self):
        self.writer.close()


async def idle_session(load, number, kept):
    tls = load.server.context if number % TLS_EVERY == 0 else None
    port = load.server.imaps_port if tls else load.server.imap_port
    async with load.dialing:
        line = await Line.dial(port, tls)
        await line.line()
        name, password = load.accounts[number % ACCOUNTS]
        await line.imap(f"LOGIN {name} {password}".encode())
        # A mailbox where little happens: those who wait would all be told.
        await line.imap(b"SELECT quiet")
        await line.say(b"i IDLE\r\n")
        await line.line()
    kept.append(line)


async def renew(lines):
    """IDLE anew, one after another, each after so many seconds."""
    due = time.monotonic()
    while True:
        for line in lines:
            due += RENEWAL / len(lines)
            await asyncio.sleep(due - time.monotonic())
            await line.say(b"DONE\r\n")
            assert (await line.line()).startswith(b"i OK")
            await line.say(b"i IDLE\r\n")
            assert (await line.line()).startswith(b"+")


async def by_imap(load, chance, name, password):
    line = await Line.dial(load.server.imap_port)
    await line.line()
    await line.imap(f"LOGIN {name} {password}".encode())
    await line.imap(b"SELECT INBOX")
    for _ in range(ROUNDS):
        load.done += 1
        act = chance.randrange(8)
        if act == 0:
            data = message(chance.randrange(10**6),
                           body="x" * chance.choice((100, 5000, 50000)))
            await line.imap(b"APPEND INBOX {%d+}\r\n" % len(data) + data)
        elif act == 1:
            await line.imap(b"UID STORE 1:* FLAGS.SILENT (\\Seen)")
        elif act == 2:
            await line.imap(b"UID FETCH 1:* (FLAGS ENVELOPE)")
        elif act == 3:
            await line.imap(b"UID FETCH * (BODY.PEEK[])")
        elif act == 4:
            await line.imap(b"SEARCH SUBJECT Message TEXT example")
        elif act == 5:
            await line.imap(b"STATUS quiet (MESSAGES UNSEEN)")
        elif act == 6:
            await line.imap(b"NOOP")
        else:
            said = await line.imap(b"UID SEARCH RETURN (MIN COUNT) ALL")
            if int(re.search(rb"COUNT (\d+)", said)[1]) > 50:
                first = int(re.search(rb"MIN (\d+)", said)[1])
                await line.imap(b"UID STORE %d:%d +FLAGS.SILENT (\\Deleted)"
                                % (first, first + 25))
                await line.imap(b"EXPUNGE")
    await line.imap(b"LOGOUT")
    line.close()


async def by_pop3(load, chance, name, password):
    line = await Line.dial(load.server.pop3_port)
    for command in (None, f"USER {name}", f"PASS {password}", "STAT",
                    "LIST", "RETR 1", "DELE 1", "QUIT"):
        load.done += 1
        if command:
            await line.say(command.encode() + b"\r\n")
        said = await line.line()
        if command in ("LIST", "RETR 1") and said.startswith(b"+OK"):
            while await line.line() != b".\r\n":
                pass
    line.close()


async def by_lmtp(load, chance, name, password):
    line = await Line.dial(load.server.lmtp_port)
    await line.line()
    await line.say(b"LHLO x\r\n")
    while (await line.line())[3:4] == b"-":
        pass
    for _ in range(5):
        load.done += 1
        await line.say(f"MAIL FROM:<x@y>\r\nRCPT TO:<{name}@{DOMAIN}>\r\n"
                       "DATA\r\n".encode())
        codes = [(await line.line())[:3] for _ in range(3)]
        assert codes == [b"250", b"250", b"354"], codes
        await line.say(message(chance.randrange(10**6)) + b".\r\n")
        said = await line.line()
        assert said.startswith(b"250"), said
    await line.say(b"QUIT\r\n")
    await line.line()
    line.close()


async def busy_session(load, number):
    chance = random.Random(seed() * 10**6 + number)
    while not load.over:
        account = load.accounts[chance.randrange(ACCOUNTS)]
        act = chance.choices((by_imap, by_pop3, by_lmtp), (6, 2, 1))[0]
        await act(load, chance, *account)


def held(server):
    """{pid: (role, memory, descriptors)}"""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text().rsplit(")", 1)[1].split()
            words = (path / "cmdline").read_bytes().split(b"\0")
            if int(stat[1]) != server.process.pid or b"--role" not in words:
                continue
            text = (path / "smaps_rollup").read_text()
            found[path.name] = (
                words[words.index(b"--role") + 1].decode(),
                1024 * int(re.search(r"Pss_Anon: +(\d+)", text)[1]),
                len(os.listdir(path / "fd")))
        except OSError:
            continue
    return found


class Load:
    def __init__(self, server, accounts, progress):
        self.server, self.accounts = server, accounts
        self.progress = progress
        self.dialing = asyncio.Semaphore(50)
        self.done, self.over = 0, False
        self.samples = []

    async def run(self, idle, busy, seconds):
        kept = []
        for name, password in self.accounts:
            line = await Line.dial(self.server.imap_port)
            await line.line()
            await line.imap(f"LOGIN {name} {password}".encode())
            await line.imap(b"CREATE quiet")
            await line.imap(b"LOGOUT")
            line.close()
        await asyncio.gather(
            *(idle_session(self, n, kept) for n in range(idle)))
        self.progress.tell(f"{len(kept)} idle connections")
        tasks = [asyncio.create_task(busy_session(self, n))
                 for n in range(busy)]
        renewing = [asyncio.create_task(renew(kept[n::RENEWERS]))
                    for n in range(min(idle, RENEWERS))]
        try:
            await self.watch([*tasks, *renewing], seconds)
        finally:
            self.over = True
            for task in renewing:
                task.cancel()
            await asyncio.wait(tasks, timeout=120)
        for task in tasks:
            task.result()
        for line in kept:
            assert not line.reader.at_eof()
            line.close()

    async def watch(self, tasks, seconds):
        begun = self.progress.seconds()
        while self.progress.seconds() - begun < seconds:
            for task in tasks:
                if task.done():
                    task.result()
            self.samples.append(held(self.server))
            self.progress.maybe(f"{self.done} commands, " + ", ".join(
                f"{role} {memory >> 20} MiB {fds} descriptors"
                for role, memory, fds in self.samples[-1].values()))
            await asyncio.sleep(seconds / 60)

    def check_growth(self):
        """The second third against the last; nobody was started anew."""
        third = len(self.samples) // 3
        before, after = self.samples[third:2 * third], self.samples[2 * third:]
        assert all(s.keys() == before[0].keys() for s in before + after)
        for pid, (role, _, _) in before[0].items():
            for column, slack, name in ((1, SLACK, "bytes"),
                                        (2, 100, "descriptors")):
                was, now = (statistics.median(s[pid][column] for s in some)
                            for some in (before, after))
                self.progress.tell(f"{role}: {was:.0f} {name}, then {now:.0f}")
                assert now <= was * (1 + GROWTH) + slack, \
                    f"{role} grew from {was} to {now} {name}"


def test_connections():
    idle = bound("IDLE", 300, 10_000)
    busy = bound("BUSY", 60, 1_000)
    seconds = bound("SECONDS", 12, 3600)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = max(most[0], idle + 2 * busy + 1000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (want, max(most[1], want)))
    home = Directory()
    people = [f"p{n}" for n in range(ACCOUNTS)]
    path = home.write("passwd", "".join(
        f"{name}:{ssha('right')}::::::\n" for name in people))
    server = LmtpServer({"accounts.sources": '["passwd"]',
                         "passwd.file": f'"{path}"'}).start()
    try:
        load = Load(server, [(name, "right") for name in people],
                    Progress("connections", every=30))
        asyncio.run(load.run(idle, busy, seconds))
        load.check_growth()
        server.culver("verify")
        load.progress.tell(f"{idle} idle, {busy} busy: {load.done} commands")
    finally:
        server.close()
        home.close()
