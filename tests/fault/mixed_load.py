# SPDX-License-Identifier: Apache-2.0
"""Mixed load with a model of what was acknowledged, for tests that let
something go wrong meanwhile.

A Game has a server, accounts and players. Each player minds its own messages,
so that it knows what there must be: what was acknowledged; and of the one
command that was cut off, all or nothing. Clerks append, flag, copy, move and
expunge by IMAP in one account; postmen deliver by LMTP to several accounts and
delete by POP3. After every break a player looks at all of its messages and
compares (settle). The game knows of all players: a UID means one message for
ever, UIDs and mod-sequences only grow."""
import itertools
import json
import os
import random
import re
import signal
import socket
import threading
import time

import delivering
from delivering import DOMAIN, Lmtp
from harness import eventually
from people import message

BOXES = ("INBOX", "other")
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "work")
# What a player's look of all its messages may cost.
MANY = 60


class Gone(Exception):
    """The connection ended before the answer."""


class Imap:
    """IMAP by hand: what imaplib does not tell is told here."""

    # A role that died leaves sessions that are there and cannot be served.
    unavailable_is_gone = True

    def __init__(self, server, account):
        try:
            raw = socket.create_connection(
                ("127.0.0.1", server.imaps_port), timeout=60)
            self.sock = server.context.wrap_socket(
                raw, server_hostname="localhost")
            self.file = self.sock.makefile("rb")
            self.port = self.sock.getsockname()[1]
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
        tag, data = self.command(command, literal)
        self.send(data)
        return self.answer(tag)

    def command(self, command, literal):
        self.tags += 1
        tag = b"t%d " % self.tags
        data = tag + command.encode()
        if literal is not None:
            data += b" {%d+}\r\n" % len(literal) + literal
        return tag, data + b"\r\n"

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError as e:
            raise Gone from e

    def answer(self, tag):
        untagged = []
        try:
            while not (line := self._line()).startswith(tag):
                if line.startswith(b"* BYE"):
                    raise Gone(line)
                untagged.append(line)
        except OSError as e:
            raise Gone from e
        status, _, text = line[len(tag):].decode().partition(" ")
        if "[UNAVAILABLE]" in text and self.unavailable_is_gone:
            raise Gone(text)
        return status, text, untagged

    def close(self):
        self.sock.close()


class Pop3:
    def __init__(self, server, account):
        try:
            self.sock = socket.create_connection(server.pop3_address(), 60)
            self.file = self.sock.makefile("rb")
        except OSError as e:
            raise Gone from e
        self._line()
        for line in (f"USER {account[0]}", f"PASS {account[1]}"):
            if not self.do(line).startswith(b"+OK"):
                raise Gone

    def _line(self):
        try:
            line = self.file.readline()
        except OSError as e:
            raise Gone from e
        if not line.endswith(b"\r\n"):
            raise Gone
        return line

    def do(self, *commands):
        """The first answer of the last one; the rest said +OK."""
        try:
            self.sock.sendall("".join(f"{c}\r\n" for c in commands).encode())
        except OSError as e:
            raise Gone from e
        for _ in commands[1:]:
            line = self._line()
            assert line.startswith(b"+OK"), line
        return self._line()

    def lines(self):
        out = []
        while (line := self._line()) != b".\r\n":
            out.append(line)
        return out

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
    """What it has: {(account, box, uid): (number, flags)}; a UID below zero is
    one that it was not told."""

    def __init__(self, game, index):
        super().__init__(daemon=True)
        self.game, self.index = game, index
        self.random = random.Random(game.seed * 100 + index)
        self.has, self.modseqs = {}, {}
        self.pending = ()       # what there may be too, until the answer
        self.port = None        # where the pending command came from
        self.timeline = []      # (moment, has, pending), if the game has time
        self.number = index * 1_000_000
        self.done = self.breaks = 0
        self.trouble = None
        self.stopping = threading.Event()

    def run(self):
        try:
            while not self.stopping.is_set():
                try:
                    self.connected()
                except (Gone, delivering.Gone):
                    self.breaks += 1
                    time.sleep(0.02)
        except BaseException as trouble:    # told by the main thread
            self.trouble = trouble

    def played(self):
        self.done += 1

    # What is there.

    def accounts(self):
        raise NotImplementedError

    def look_at(self, imap, account, box, found):
        modseq = self.game.select(imap, account, box)
        status, text, lines = imap.do(
            "UID FETCH 1:* (FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        assert status == "OK", text
        for line in lines:
            m = re.search(rb"Subject: Message (\d+)", line)
            if not m or int(m[1]) // 1_000_000 != self.index:
                continue
            key = account, box, int(re.search(rb"UID (\d+)", line)[1])
            flags = re.search(rb"FLAGS \(([^)]*)\)", line)[1].decode()
            value = int(m[1]), frozenset(
                f for f in flags.split() if f != "\\Recent")
            found[key] = value
            self.check_modseq(
                key, value, int(re.search(rb"MODSEQ \((\d+)\)", line)[1]),
                modseq)

    def check_modseq(self, key, value, modseq, highest):
        was, had = self.modseqs.get(key, (0, None))
        assert modseq > was or (modseq == was and value == had), \
            f"{key}: {had} at {was}, {value} at {modseq}"
        assert not highest or modseq <= highest, (key, modseq, highest)
        self.modseqs[key] = modseq, value

    def look(self):
        found = {}
        for account in self.accounts():
            imap = Imap(self.game.server, account)
            try:
                for box in BOXES:
                    self.look_at(imap, account, box, found)
            finally:
                imap.close()
        return found

    def wait_for_leftover(self):
        """Front died; mail may still be at the command that came through it."""
        remote = f"127.0.0.1:{self.port}"

        def is_over():
            done = self.game.server.culver("status", "--json", check=False)
            if done.returncode:
                return False
            mail = json.loads(done.stdout).get("mail") or {}
            return all(s["remote"] != remote for s in mail.get("sessions", []))
        eventually(is_over, "the end of a session without its client")

    @staticmethod
    def fits(found, expected):
        """The keys that are known are as they were; the others are what is
        expected, wherever."""
        new = sorted((a, b, n, sorted(f)) for (a, b, u), (n, f) in
                     found.items() if (a, b, u) not in expected)
        untold = sorted((a, b, n, sorted(f)) for (a, b, u), (n, f) in
                        expected.items() if u < 0)
        return new == untold and all(
            found.get(k) == v for k, v in expected.items() if k[2] > 0)

    def settle(self):
        """After a break: the command that was cut off happened, or not."""
        if self.pending:
            self.wait_for_leftover()
        found = self.look()
        allowed = [self.has, *self.pending]
        assert any(self.fits(found, a) for a in allowed), (
            f"player {self.index}: has {found},\nallowed {allowed}")
        for key, (number, _) in found.items():
            self.game.used(key, number)
        self.answered(found)

    # What it does.

    def asking(self, *alternatives):
        self.pending = alternatives
        self.note()

    def answered(self, has):
        self.has, self.pending = has, ()
        self.note()

    def note(self):
        if self.game.clock:
            self.timeline.append((self.game.clock(), self.has, self.pending))

    def new_number(self):
        self.number += 1
        return self.number

    def new_message(self, number):
        return message(
            number, body="x" * self.random.choice((10, 3000, 600_000)))


class Clerk(Player):
    """IMAP in one account."""

    def __init__(self, game, index):
        super().__init__(game, index)
        self.account = game.accounts[index % len(game.accounts)]

    def accounts(self):
        return [self.account]

    def connected(self):
        self.settle()
        imap = Imap(self.game.server, self.account)
        self.port = imap.port
        try:
            while not self.stopping.is_set():
                act = self.random.choices(
                    (self.append, self.append_some, self.store, self.copy,
                     self.expunge), (3, 1, 4, 3, 2))[0]
                act(imap)
                self.played()
        finally:
            imap.close()

    def ask(self, imap, after, command, literal=None):
        self.asking(after)
        status, text, lines = imap.do(command, literal)
        assert status == "OK", (command, text)
        return text, lines

    def pick(self):
        box = self.random.choice(BOXES)
        uids = [u for _, b, u in self.has if b == box]
        self.random.shuffle(uids)
        return box, sorted(uids[:self.random.randint(1, 6)])

    def append(self, imap):
        number = self.new_number()
        box = self.random.choice(BOXES)
        value = number, frozenset(self.random.sample(FLAGS, 2))
        top = self.game.top(self.account, box)
        text, _ = self.ask(
            imap, {**self.has, (self.account, box, -1): value},
            f"APPEND {box} ({' '.join(value[1])})", self.new_message(number))
        uid = int(re.search(r"\[APPENDUID \d+ (\d+)\]", text)[1])
        assert uid > top, f"UID {uid} after {top}"
        self.game.used((self.account, box, uid), number)
        self.answered({**self.has, (self.account, box, uid): value})

    def append_some(self, imap):
        """Sent at once: the first ones may be there without the others."""
        box, start = self.random.choice(BOXES), dict(self.has)
        steps, tags, data = [dict(start)], [], b""
        for i in range(self.random.randint(2, 6)):
            number = self.new_number()
            flag = self.random.choice(FLAGS)
            steps.append({**steps[-1], (self.account, box, -1 - i):
                          (number, frozenset([flag]))})
            tag, more = imap.command(f"APPEND {box} ({flag})",
                                     self.new_message(number))
            tags.append(tag)
            data += more
        self.asking(*steps[1:])
        imap.send(data)
        for i, tag in enumerate(tags):
            status, text, _ = imap.answer(tag)
            assert status == "OK", text
            uid = int(re.search(r"\[APPENDUID \d+ (\d+)\]", text)[1])
            for step in steps[i + 1:]:
                value = step.pop((self.account, box, -1 - i))
                step[self.account, box, uid] = value
            self.game.used((self.account, box, uid), value[0])
            self.answered(steps[i + 1])
            self.asking(*steps[i + 2:])

    def store(self, imap):
        box, uids = self.pick()
        if not uids:
            return
        flag = self.random.choice(FLAGS)
        groups = {"+": [], "-": []}
        for uid in uids:
            on = flag in self.has[self.account, box, uid][1]
            groups["-" if on else "+"].append(uid)
        self.game.select(imap, self.account, box)
        for sign, some in groups.items():
            if some:
                self.store_group(imap, box, some, sign, flag)

    def store_group(self, imap, box, uids, sign, flag):
        step = dict(self.has)
        for uid in uids:
            number, flags = step[self.account, box, uid]
            step[self.account, box, uid] = number, flags ^ {flag}
        _, lines = self.ask(imap, step, "UID STORE {} {}FLAGS.SILENT ({})".format(
            ",".join(map(str, uids)), sign, flag))
        told = b"".join(lines)
        for uid in uids:
            m = re.search(rb"UID %d MODSEQ \((\d+)\)" % uid, told) or \
                re.search(rb"MODSEQ \((\d+)\) UID %d\b" % uid, told)
            if m:
                key = self.account, box, uid
                self.check_modseq(key, step[key], int(m[1]), None)
        self.answered(step)

    def copy(self, imap):
        box, uids = self.pick()
        if not uids or len(self.has) > MANY:
            return
        move = self.random.random() < 0.5
        to, account = self.random.choice(BOXES), self.account
        after = {k: v for k, v in self.has.items()
                 if not (move and k[1] == box and k[2] in uids)}
        cut_off = {**after, **{
            (account, to, -u): self.has[account, box, u] for u in uids}}
        self.game.select(imap, account, box)
        top = self.game.top(account, to)
        text, lines = self.ask(imap, cut_off, "UID {} {} {}".format(
            "MOVE" if move else "COPY", ",".join(map(str, uids)), to))
        told = b"".join(lines).decode() + text
        m = re.search(r"\[COPYUID \d+ ([\d:,]+) ([\d:,]+)\]", told)
        source, target = numbers(m[1]), numbers(m[2])
        assert source == uids, (source, uids)
        assert target[0] > top, (target, top)
        for old, new in zip(source, target):
            after[account, to, new] = self.has[account, box, old]
            self.game.used((account, to, new), after[account, to, new][0])
        self.answered(after)

    def expunge(self, imap):
        box, uids = self.pick()
        if not uids:
            return
        text = ",".join(map(str, uids))
        keys = [(self.account, box, u) for u in uids]
        deleted = {**self.has, **{
            k: (self.has[k][0], self.has[k][1] | {"\\Deleted"}) for k in keys}}
        self.game.select(imap, self.account, box)
        self.ask(imap, deleted, f"UID STORE {text} +FLAGS.SILENT (\\Deleted)")
        self.answered(deleted)
        after = {k: v for k, v in self.has.items() if k not in keys}
        self.ask(imap, after, f"UID EXPUNGE {text}")
        self.answered(after)


class Postman(Player):
    """Delivers to some of the accounts, and deletes what it brought."""

    def accounts(self):
        return self.game.accounts

    def connected(self):
        self.settle()
        try:
            lmtp = Lmtp(self.game.server)
        except delivering.Refused as e:
            assert 400 <= e.code < 500, e
            raise Gone from e
        try:
            while not self.stopping.is_set():
                if len(self.has) > MANY or self.random.random() < 0.3:
                    self.delete()
                else:
                    self.deliver(lmtp)
                self.played()
        finally:
            lmtp.close()

    def deliver(self, lmtp):
        to = self.random.sample(
            self.game.accounts, self.random.randint(1, len(self.game.accounts)))
        number = self.new_number()
        # Each of them happens, or not.
        new = {(a, "INBOX", -number): (number, frozenset()) for a in to}
        self.asking(*(
            {**self.has, **{k: new[k] for k in some}}
            for n in range(1, len(to) + 1)
            for some in itertools.combinations(new, n)))
        try:
            answers = lmtp.deliver("x@example.net",
                                   [f"{a[0]}@{DOMAIN}" for a in to],
                                   self.new_message(number))
        except delivering.Refused as e:
            assert 400 <= e.code < 500, e
            raise Gone from e
        got = dict(self.has)
        for key, (code, text) in zip(new, answers):
            assert code == 250 or 400 <= code < 500, (code, text)
            if code == 250:
                got[key] = new[key]
        self.answered(got)
        if any(code != 250 for code, _ in answers):
            raise Gone

    def delete(self):
        account = self.random.choice(self.game.accounts)
        mine = {n for (a, _, _), (n, _) in self.has.items() if a == account}
        if not mine:
            return
        pop3 = Pop3(self.game.server, account)
        try:
            self.mark_some(pop3, account, mine)
        finally:
            pop3.close()

    def mark_some(self, pop3, account, mine):
        """The last messages are its own more likely than others."""
        count = int(pop3.do("STAT").split()[1])
        marked = set()
        for n in range(count, max(0, count - 8), -1):
            assert pop3.do(f"TOP {n} 0").startswith(b"+OK")
            m = re.search(rb"Subject: Message (\d+)", b"".join(pop3.lines()))
            if int(m[1]) in mine and self.random.random() < 0.8:
                assert pop3.do(f"DELE {n}").startswith(b"+OK")
                marked.add(int(m[1]))
        after = {k: v for k, v in self.has.items()
                 if not (k[0] == account and v[0] in marked)}
        self.asking(after)
        line = pop3.do("QUIT")
        if not line.startswith(b"+OK"):
            raise Gone(line)
        self.answered(after)


class Game:
    """Let it begin(), disturb it, and end() it. With a clock, players note
    at which moment they knew what."""

    def __init__(self, server, seed, accounts, clerks=4, postmen=2, clock=None):
        self.server, self.seed, self.accounts = server, seed, accounts
        self.clock = clock
        self.lock = threading.Lock()
        self.uids, self.tops, self.modseqs = {}, {}, {}
        self.validity = {}
        for account in accounts:
            imap = Imap(server, account)
            assert imap.do("CREATE other")[0] == "OK"
            imap.close()
        self.players = [Clerk(self, i) for i in range(1, clerks + 1)] + [
            Postman(self, i) for i in range(clerks + 1, clerks + postmen + 1)]

    def begin(self):
        for player in self.players:
            player.start()
        return self

    @property
    def done(self):
        return sum(p.done for p in self.players)

    # What holds for all.

    def used(self, key, number):
        """A UID means one message for ever."""
        with self.lock:
            assert self.uids.setdefault(key, number) == number, \
                f"{key} was message {self.uids[key]}, and is {number}"
            self.tops[key[:2]] = max(self.tops.get(key[:2], 0), key[2])

    def top(self, account, box):
        """No UID given from now on is below."""
        with self.lock:
            return self.tops.get((account, box), 0)

    def select(self, imap, account, box):
        """HIGHESTMODSEQ, which only grows, as UIDNEXT does."""
        with self.lock:
            least = self.modseqs.get((account, box), 0)
            top = self.tops.get((account, box), 0)
        status, text, lines = imap.do(f"SELECT {box} (CONDSTORE)")
        assert status == "OK", text
        said = b"".join(lines)
        modseq, uidnext, validity = (
            int(re.search(rb"\[%s (\d+)\]" % word, said)[1])
            for word in (b"HIGHESTMODSEQ", b"UIDNEXT", b"UIDVALIDITY"))
        assert modseq >= least, f"{account}, {box}: {modseq} after {least}"
        assert uidnext > top, f"{account}, {box}: UIDNEXT {uidnext}, had {top}"
        with self.lock:
            key = account, box
            self.modseqs[key] = max(modseq, self.modseqs.get(key, 0))
            assert self.validity.setdefault(key, validity) == validity
        return modseq

    def check_players(self):
        for player in self.players:
            if player.trouble:
                raise player.trouble

    def progress(self, more, each=False):
        """So many more commands, of each player or of all together."""
        goal = [p.done + more for p in self.players]
        total = self.done + more

        def enough():
            self.check_players()
            if each:
                return all(p.done >= n for p, n in zip(self.players, goal))
            return self.done >= total
        eventually(enough, f"{more} more commands", timeout=180)

    def stop(self):
        for player in self.players:
            player.stopping.set()
        for player in self.players:
            player.join(120)
        self.check_players()
        for player in self.players:
            assert not player.is_alive()

    def settle(self):
        """Every player finds what there must be."""
        def settled():
            try:
                for player in self.players:
                    player.settle()
            except Gone:
                return False
            return True
        eventually(settled, "a look at what is there", timeout=120)

    def end(self):
        self.stop()
        self.settle()

    def __str__(self):
        return (f"{self.done} commands, "
                f"{sum(p.breaks for p in self.players)} cut off, "
                f"{len(self.uids)} UIDs")


def wait_for_end(roles):
    eventually(lambda: not any(map(is_running, roles.values())),
               "the end of all roles")


def kill_all(server):
    """kill -9 of everything at once."""
    roles = server.children()
    server.kill()
    wait_for_end(roles)


def kill_role(server, role):
    """kill -9; False when it is not there just now. The master takes all with
    it, and the server is started again."""
    roles = server.children()
    if role == "master":
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        wait_for_end(roles)
        server.start()
        return True
    victims = [pid for name, pid in roles.items() if name == role]
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
    return bool(victims)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False
