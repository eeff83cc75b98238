# SPDX-License-Identifier: Apache-2.0
"""The power goes at random moments: what was acknowledged until then is there
when the server starts on what the medium has (power_loss.py says what that may
be, and what it cannot show), accounts included; what was not acknowledged is
there whole or not at all. The mail is brought and changed by the mixed load,
with recorder.c under the real server."""
import os
import random
import secrets
import shutil
import threading

import pytest

from mixed_load import Game, Imap, kill_all
from people import message
from power_loss import POLICIES, Disk
from preloaded import PreloadedServer
from soaking import SOAKING, Progress, bound, seed

class RecordedServer(PreloadedServer):
    def __init__(self):
        super().__init__("recorder.c", {"CULVER_RECORD": "record"})
        self.record = self.directory / "record"

    def now(self):
        return os.stat(self.record).st_size

    def replace_files(self, found):
        """Its state becomes what a cut left."""
        for role, files in found.items():
            where = self.directory / "state" / role
            owner = where.stat()
            for path in where.iterdir():
                path.unlink()
            for name, content in files.items():
                (where / name).write_bytes(content)
                os.chown(where / name, owner.st_uid, owner.st_gid)
                (where / name).chmod(0o600)


class Registrar(threading.Thread):
    """Adds accounts, and gives them new passwords."""

    def __init__(self, server, known):
        super().__init__(daemon=True)
        self.server = server
        self.stopping = threading.Event()
        self.known = known      # (moment, account)
        self.trouble = None

    def run(self):
        try:
            while not self.stopping.wait(0.2):
                name = "r" + secrets.token_hex(4)
                for command in ("add", "password"):
                    password = secrets.token_urlsafe(9)
                    self.server.culver("account", command, name,
                                       "--password-stdin",
                                       stdin=password + "\n")
                self.known.append((self.server.now(), (name, password)))
        except BaseException as trouble:
            self.trouble = trouble

    def end(self):
        self.stopping.set()
        self.join(60)
        if self.trouble:
            raise self.trouble


@pytest.fixture
def recorded():
    if os.getuid() != 0:
        pytest.skip("the roles' files belong to other users")
    server = RecordedServer().start()
    yield server
    if server.process.poll() is None:
        server.kill()
    server.log_file.close()
    shutil.rmtree(server.directory)


def at_moment(timeline, moment):
    """What is acknowledged, and what may be there too."""
    last = None
    for when, has, pending in timeline:
        if when > moment:
            break
        last = has, pending
    return last


def check_cut(server, game, known, moment):
    """Starts on what the cut left, and looks at all of it."""
    game.tops, game.modseqs = {}, {}
    for player in game.players:
        for when, has, _ in player.timeline:
            if when <= moment:
                for account, box, uid in has:
                    key = account, box
                    game.tops[key] = max(game.tops.get(key, 0), uid)
    server.start()
    for player in game.players:
        player.modseqs, player.port = {}, None
        player.has, player.pending = at_moment(player.timeline, moment)
        player.timeline_before, player.timeline = player.timeline, []
        player.settle()
        player.timeline = player.timeline_before
    for _, account in [k for k in known if k[0] <= moment][-1:]:
        Imap(server, account).close()
    imap = Imap(server, game.accounts[0])
    status, text, _ = imap.do("APPEND INBOX", message(9_000_000))
    assert status == "OK", text
    imap.close()
    server.culver("verify")
    assert "the log is damaged" not in server.log_text()
    kill_all(server)


def play(server, commands):
    """Some load, and in the middle of it a start."""
    accounts = [server.account(), server.account()]
    game = Game(server, seed(), accounts, clerks=3, postmen=1,
                clock=server.now)
    known = []
    game.begin()
    for part in range(2):
        registrar = Registrar(server, known)
        registrar.start()
        game.progress(commands // 2)
        registrar.end()
        if part == 0:
            kill_all(server)
            server.start()
    game.end()
    end = server.now()
    kill_all(server)
    # Everybody had looked by then.
    begun = max(p.timeline[0][0] for p in game.players)
    return game, known, begun, end


def test_power_loss(recorded):
    server = recorded
    cuts = bound("CUTS", 12, 400)
    chance = random.Random(seed())
    progress = Progress("power loss")
    game, known, begun, end = play(server, 2000 if SOAKING else 200)
    server.program = server.real_program
    disk = Disk(server.record)
    moments = sorted(chance.randint(begun, end) for _ in range(cuts))
    for n, moment in enumerate(moments):
        policy = POLICIES[n % len(POLICIES)]
        disk.feed(moment)
        server.replace_files(disk.after_cut(policy, chance))
        try:
            check_cut(server, game, known, moment)
        except BaseException:
            print(f"seed {seed()}, cut {n} at {moment} of {end}, {policy}\n"
                  f"{server.tail()}")
            raise
        progress.maybe(f"{n + 1} of {cuts} cuts")
    progress.tell(f"{cuts} cuts in {end >> 20} MiB of record with "
                  f"{disk.counts['S']} syncs, {game}")
