# SPDX-License-Identifier: Apache-2.0
"""Every transcript, as it stands: in clear, byte by byte, and over TLS.

With TRANSCRIPT_PEER=HOST:PORT:USER:PASSWORD they are played, in clear, to
another server instead: useful to find out whether a transcript is right.
"""
import os
import pathlib
import ssl

import pytest

from harness import corpus_root, shared_server
from transcript import Player, Transcript

HERE = pathlib.Path(__file__).parent
PEER = os.environ.get("TRANSCRIPT_PEER")
CASES = [(path, mode) for path in sorted(HERE.glob("*.txt"))
         for mode in ("plain", "bytes", "tls")
         if mode in Transcript(path).modes and (mode == "plain" or not PEER)]


class World:
    """What a Player needs to know of the server; accounts made when asked."""

    def __init__(self, server):
        self.server = server
        self.context = server.context
        self.names = {}

    def address(self, tls):
        return self.server.address(tls)

    def credentials(self, alias):
        if alias not in self.names:
            self.names[alias] = self.server.account()
        return self.names[alias]

    @staticmethod
    def corpus(path):
        data = (corpus_root() / path.removeprefix("corpus/")).read_bytes()
        return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


class Peer:
    """Some other server. Its users are USER1, USER2, …, one per play."""
    context = ssl.create_default_context()
    count = 0

    def __init__(self):
        self.host, self.port, self.user, self.password = PEER.split(":")
        Peer.count += 1
        self.number = Peer.count

    def address(self, tls):
        return self.host, int(self.port)

    def credentials(self, alias):
        return (f"{self.user}{os.getpid()}-{self.number}-{alias}",
                self.password)

    corpus = staticmethod(World.corpus)


def test_there_are_transcripts():
    assert len(CASES) > 20


@pytest.mark.parametrize(
    "path, mode", CASES, ids=[f"{p.stem}-{m}" for p, m in CASES])
def test_transcript(path, mode):
    transcript = Transcript(path)
    if "corpus" in transcript.needs and not corpus_root():
        pytest.skip("CULVER_CORPUS is not set")
    settings = dict(transcript.settings)
    if mode == "plain":
        # The engine that is the specification; the others play on RocksDB.
        settings["store.engine"] = '"memory"'
    world = Peer() if PEER else World(shared_server(**settings))
    Player(transcript, world, mode).play()
