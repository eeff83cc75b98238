# SPDX-License-Identifier: Apache-2.0
"""Every transcript: to the heart of the server alone, in one process on the
memory engine; then to the whole server in clear, byte by byte, and over TLS.

With TRANSCRIPT_PEER=HOST:PORT:USER:PASSWORD they are played, in clear, to
another server instead: useful to find out whether a transcript is right.
"""
import os
import pathlib
import ssl
import subprocess

import pytest

from harness import CULVER, TROUBLE, corpus_root, shared_server
from lmtp import LmtpPlayer
from pop3 import Pop3Player
from transcript import Malformed, Player, Transcript

HERE = pathlib.Path(__file__).parent
PEER = os.environ.get("TRANSCRIPT_PEER")
IMAPD = CULVER.parent / "tests" / "transcripts" / "imapd"


PLAYERS = {"imap": Player, "pop3": Pop3Player, "lmtp": LmtpPlayer}


def modes_of(path):
    transcript = Transcript(path)
    modes = [m for m in ("plain", "bytes", "tls") if m in transcript.modes]
    if PEER:
        return modes[:1]
    if transcript.after_login_only() and IMAPD.exists():
        modes.insert(0, "heart")
    return modes


CASES = [(path, mode) for path in sorted(HERE.glob("*.txt"))
         for mode in modes_of(path)]


class World:
    """What a Player needs to know of the server; accounts made when asked."""

    def __init__(self, server):
        self.server = server
        self.context = server.context
        self.names = {}

    def address(self, tls):
        return self.server.address(tls)

    def pop3_address(self, tls):
        return self.server.pop3_address(tls)

    @staticmethod
    def pop3_login(name, password, utf8):
        return [b"UTF8"] * utf8 + [
            b"USER " + name.encode(), b"PASS " + password.encode()]

    def lmtp_address(self):
        return "127.0.0.1", self.server.lmtp_port

    lmtp_login = None

    def credentials(self, alias):
        if alias not in self.names:
            self.names[alias] = self.server.account()
        return self.names[alias]

    @staticmethod
    def corpus(path):
        data = (corpus_root() / path.removeprefix("corpus/")).read_bytes()
        return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


class Heart:
    """transcripts/imapd, which believes every login."""
    context = None
    count = 0

    def __init__(self, log):
        self.process = subprocess.Popen(
            [IMAPD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self.port = int(self.process.stdout.readline())

    def address(self, tls):
        return "127.0.0.1", self.port

    pop3_address = address

    @staticmethod
    def pop3_login(name, password, utf8):
        return [b"POP3 " + name.encode() + b" utf8" * utf8]

    def lmtp_address(self):
        return "127.0.0.1", self.port

    lmtp_login = b"LMTP"

    def credentials(self, alias):
        if alias == "guest":
            return f"account{Heart.count}", "guest"
        return f"{alias}{Heart.count}", "x"

    def forget(self, days, entries, later):
        line = f"{days * 86400} {entries} {later * 86400}\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"done\n"

    def close(self):
        self.process.stdin.close()
        return self.process.wait(60)

    corpus = staticmethod(World.corpus)


@pytest.fixture
def heart(tmp_path):
    path = tmp_path / "log"
    with open(path, "wb") as log:
        one = Heart(log)
        yield one
        code = one.close()
    text = path.read_text(errors="replace")
    assert code == 0 and not TROUBLE.search(text), text[-8000:]


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
def test_transcript(path, mode, request):
    transcript = Transcript(path)
    if "corpus" in transcript.needs and not corpus_root():
        pytest.skip("CULVER_CORPUS is not set")
    if transcript.protocol not in PLAYERS:
        raise Malformed(f"{path.name}: {transcript.protocol}?")
    player = PLAYERS[transcript.protocol]
    player(transcript, world_of(transcript, mode, request), mode).play()


def world_of(transcript, mode, request):
    if PEER:
        return Peer()
    if mode == "heart":
        Heart.count += 1
        return request.getfixturevalue("heart")
    settings = dict(transcript.settings)
    if mode == "plain":
        settings["store.engine"] = '"memory"'
    return World(shared_server(**settings))
