# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the roles at random moments while several clients of one account
append, flag, copy, move and expunge. Each client minds its own messages, so
that it knows what there must be: what was acknowledged; and of the one command
that a kill cut off, all or nothing. CULVER_KILLS=300 for a long run,
CULVER_SEED to begin elsewhere."""
import os
import random
import re
import signal
import socket
import threading
import time

from harness import eventually
from people import message

BOXES = ("INBOX", "other")
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "work")


class Gone(Exception):
    """The connection ended before the answer."""


class Imap:
    """IMAP by hand: what imaplib does not tell is told here."""

    def __init__(self, server, account):
        try:
            raw = socket.create_connection(
                ("127.0.0.1", server.imaps_port), timeout=60)
            self.sock = server.context.wrap_socket(
                raw, server_hostname="localhost")
            self.file = self.sock.makefile("rb")
            self.tags = 0
            self._line()
        except OSError as e:
            raise Gone from e
        status, text, _ = self.do(f"LOGIN {account[0]} {account[1]}")
        if status != "OK":
            raise Gone(text)

    def _line(self):
        line = self.file.readline()
        while (m := re.search(rb"\{(\d+)\}\r\n$", line)):
            line += self.file.read(int(m[1])) + self.file.readline()
        if not line.endswith(b"\r\n"):
            raise Gone
        return line

    def do(self, command, literal=None):
        """(status, text, untagged lines)"""
        self.tags += 1
        tag = b"t%d " % self.tags
        data = tag + command.encode()
        if literal is not None:
            data += b" {%d+}\r\n" % len(literal) + literal
        untagged = []
        try:
            self.sock.sendall(data + b"\r\n")
            while not (line := self._line()).startswith(tag):
                if line.startswith(b"* BYE"):
                    raise Gone(line)
                untagged.append(line)
        except OSError as e:
            raise Gone from e
        status, _, text = line[len(tag):].decode().partition(" ")
        if "[UNAVAILABLE]" in text:
            raise Gone(text)
        return status, text, untagged

    def close(self):
        self.sock.close()


def numbers(text):
    """UIDs of a set."""
    out = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        out += range(int(first), int(last or first) + 1)
    return out


class Player(threading.Thread):
    """What it has: {(box, uid): (number, flags)}."""

    def __init__(self, game, index):
        super().__init__(daemon=True)
        self.game, self.index = game, index
        self.random = random.Random(game.seed * 100 + index)
        self.has = {}
        self.pending = None     # what was asked and not answered
        self.number = index * 1_000_000
        self.done = 0
        self.trouble = None
        self.stopping = threading.Event()

    def run(self):
        try:
            while not self.stopping.is_set():
                try:
                    self._connected()
                except Gone:
                    time.sleep(0.02)
        except Exception as trouble:    # told by the main thread
            self.trouble = trouble

    def _connected(self):
        imap = Imap(self.game.server, self.game.account)
        try:
            self.settle(imap)
            while not self.stopping.is_set():
                self.play(imap)
                self.done += 1
        finally:
            imap.close()

    # What is there.

    def look(self, imap):
        found = {}
        for box in BOXES:
            assert imap.do(f"EXAMINE {box}")[0] == "OK"
            status, text, lines = imap.do(
                "UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            assert status == "OK", text
            for line in lines:
                m = re.search(rb"Subject: Message (\d+)", line)
                if not m or int(m[1]) // 1_000_000 != self.index:
                    continue
                uid = int(re.search(rb"UID (\d+)", line)[1])
                flags = re.search(rb"FLAGS \(([^)]*)\)", line)[1].decode()
                found[box, uid] = (int(m[1]), frozenset(
                    f for f in flags.split() if f != "\\Recent"))
        return found

    @staticmethod
    def shape(has):
        """Without UIDs: what is where, how often."""
        return sorted((box, number, sorted(flags))
                      for (box, _), (number, flags) in has.items())

    def settle(self, imap):
        """After a break: the command that was cut off happened, or not."""
        found = self.look(imap)
        allowed = [self.has] + ([self.pending] if self.pending else [])
        shape = self.shape(found)
        assert shape in [self.shape(a) for a in allowed], (
            f"client {self.index}: has {shape},\n"
            f"allowed {[self.shape(a) for a in allowed]}")
        for key, (number, _) in found.items():
            self.game.used(key, number)
            if key in self.has:
                assert self.has[key][0] == number, key
        self.has, self.pending = found, None

    # What it does.

    def ask(self, imap, after, command, literal=None):
        self.pending = after
        status, text, lines = imap.do(command, literal)
        assert status == "OK", (command, text)
        return text, lines

    def answered(self, has):
        self.has, self.pending = has, None

    def pick(self):
        box = self.random.choice(BOXES)
        uids = [u for b, u in self.has if b == box]
        self.random.shuffle(uids)
        return box, sorted(uids[:self.random.randint(1, 6)])

    def append(self, imap):
        self.number += 1
        box = self.random.choice(BOXES)
        flags = frozenset(self.random.sample(FLAGS, 2))
        value = (self.number, flags)
        body = "x" * self.random.choice((10, 3000, 600_000))
        text, _ = self.ask(
            imap, {**self.has, (box, -1): value},
            f"APPEND {box} ({' '.join(flags)})",
            message(self.number, body=body))
        uid = int(re.search(r"\[APPENDUID \d+ (\d+)\]", text)[1])
        self.game.used((box, uid), self.number)
        self.answered({**self.has, (box, uid): value})

    def store(self, imap):
        box, uids = self.pick()
        if not uids:
            return
        flag = self.random.choice(FLAGS)
        after = dict(self.has)
        for uid in uids:
            number, flags = after[box, uid]
            after[box, uid] = (number, flags ^ {flag})
        groups = {"+": [], "-": []}
        for uid in uids:
            on = flag in self.has[box, uid][1]
            groups["-" if on else "+"].append(uid)
        assert imap.do(f"SELECT {box}")[0] == "OK"
        for sign, some in groups.items():
            if not some:
                continue
            step = {**self.has, **{(box, u): after[box, u] for u in some}}
            self.ask(imap, step, "UID STORE {} {}FLAGS.SILENT ({})".format(
                ",".join(map(str, some)), sign, flag))
            self.answered(step)

    def copy(self, imap):
        box, uids = self.pick()
        if not uids or len(self.has) > 60:
            return
        move = self.random.random() < 0.5
        to = self.random.choice(BOXES)
        after = {k: v for k, v in self.has.items()
                 if not (move and k[0] == box and k[1] in uids)}
        cut_off = {**after, **{(to, -u): self.has[box, u] for u in uids}}
        assert imap.do(f"SELECT {box}")[0] == "OK"
        text, lines = self.ask(imap, cut_off, "UID {} {} {}".format(
            "MOVE" if move else "COPY", ",".join(map(str, uids)), to))
        told = b"".join(lines).decode() + text
        m = re.search(r"\[COPYUID \d+ ([\d:,]+) ([\d:,]+)\]", told)
        source, target = numbers(m[1]), numbers(m[2])
        assert source == uids, (source, uids)
        for old, new in zip(source, target):
            after[to, new] = self.has[box, old]
            self.game.used((to, new), after[to, new][0])
        self.answered(after)

    def expunge(self, imap):
        box, uids = self.pick()
        if not uids:
            return
        text = ",".join(map(str, uids))
        deleted = {**self.has, **{
            (box, u): (self.has[box, u][0],
                       self.has[box, u][1] | {"\\Deleted"}) for u in uids}}
        assert imap.do(f"SELECT {box}")[0] == "OK"
        self.ask(imap, deleted, f"UID STORE {text} +FLAGS.SILENT (\\Deleted)")
        self.answered(deleted)
        after = {k: v for k, v in self.has.items()
                 if not (k[0] == box and k[1] in uids)}
        self.ask(imap, after, f"UID EXPUNGE {text}")
        self.answered(after)

    def play(self, imap):
        act = self.random.choices(
            (self.append, self.store, self.copy, self.expunge),
            (4, 4, 3, 2))[0]
        act(imap)


class Game:
    def __init__(self, server, seed, players):
        self.server, self.seed = server, seed
        self.account = server.account()
        self.lock = threading.Lock()
        self.uids = {}
        imap = Imap(server, self.account)
        assert imap.do("CREATE other")[0] == "OK"
        imap.close()
        self.players = [Player(self, i) for i in range(1, players + 1)]
        for player in self.players:
            player.start()

    def used(self, key, number):
        """A UID means one message for ever."""
        with self.lock:
            assert self.uids.setdefault(key, number) == number, \
                f"{key} was message {self.uids[key]}, and is {number}"

    def check_players(self):
        for player in self.players:
            if player.trouble:
                raise player.trouble

    def progress(self, more):
        goal = [p.done + more for p in self.players]

        def enough():
            self.check_players()
            return all(p.done >= n for p, n in zip(self.players, goal))
        eventually(enough, f"{more} more commands of each", timeout=120)

    def end(self):
        for player in self.players:
            player.stopping.set()
        for player in self.players:
            player.join(60)
        self.check_players()
        for player in self.players:
            assert not player.is_alive()
        eventually(self.settle, "a look at what is there")

    def settle(self):
        try:
            imap = Imap(self.server, self.account)
            for player in self.players:
                player.settle(imap)
            imap.close()
        except Gone:
            return False
        return True


def test_mixed_load_and_kills(own_server):
    server = own_server
    seed = int(os.environ.get("CULVER_SEED", "1"))
    kills = int(os.environ.get("CULVER_KILLS", "10"))
    chance = random.Random(seed)
    game = Game(server, seed, players=4)
    try:
        for _ in range(kills):
            game.progress(chance.randint(1, 4))
            time.sleep(chance.random() * 0.05)
            role = chance.choice(("mail", "mail", "mail", "front", "auth"))
            victims = [pid for name, pid in server.children().items()
                       if role in name]
            if victims:
                os.kill(chance.choice(victims), signal.SIGKILL)
        game.progress(1)
        game.end()
    except BaseException:
        print(f"seed {seed}")
        raise
    assert server.process.poll() is None
    server.culver("verify")
