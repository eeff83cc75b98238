# SPDX-License-Identifier: Apache-2.0
"""kill -9 of every role at random moments under mixed load: nothing that was
acknowledged is missing, nothing is there twice, no UID is used again,
mod-sequences grow, and what is stored agrees with itself."""
import collections
import random
import time

import pytest

from daemons import Directory, ssha
from delivering import LmtpServer
from mixed_load import Game, kill_role
from soaking import Progress, bound, seed

ROLES = ("master", "front", "auth", "lookup", "mail")


@pytest.fixture
def peopled():
    """A server with somebody of its own and somebody whom lookup knows."""
    home = Directory()
    path = home.write("passwd", f"outsider:{ssha('right')}::::::\n")
    server = LmtpServer({"accounts.sources": '["builtin", "passwd"]',
                         "passwd.file": f'"{path}"'}).start()
    yield server, [server.account(), server.account(), ("outsider", "right")]
    server.close()
    home.close()


def next_roles(chance):
    """Mail twice as often. After the master has gone nobody is waited for
    longer than at first, so it goes once in each round."""
    roles = [*ROLES, "mail"]
    while True:
        chance.shuffle(roles)
        yield from roles


def test_kills(peopled):
    server, accounts = peopled
    kills = bound("KILLS", 12, 1000)
    chance = random.Random(seed())
    progress = Progress("kills")
    killed = collections.Counter()
    game = Game(server, seed(), accounts).begin()
    roles = next_roles(chance)
    try:
        while killed.total() < kills:
            game.progress(chance.randint(1, 12))
            time.sleep(chance.random() * 0.05)
            role = next(roles)
            killed[role] += kill_role(server, role)
            progress.maybe(f"{killed.total()} of {kills} kills, {game}")
        game.progress(1, each=True)
        game.end()
    except BaseException:
        print(f"seed {seed()}")
        raise
    assert server.process.poll() is None
    assert set(killed) == set(ROLES)
    server.culver("verify")
    progress.tell(f"{dict(killed)}, {game}")
