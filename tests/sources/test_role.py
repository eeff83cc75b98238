# SPDX-License-Identifier: Apache-2.0
"""The role that asks: when it runs, what its end costs, and servers that accept
connections and then say nothing."""
import os
import pathlib
import signal
import socket

import pytest

from daemons import AWAY, NO, Directory, login, quoted, ssha
from harness import Server, eventually


@pytest.fixture(scope="module")
def home():
    one = Directory()
    one.write("passwd", f"anna:{ssha('right')}\n")
    yield one
    one.close()


@pytest.fixture
def server(home):
    one = Server({"accounts.sources": '["builtin", "passwd"]',
                  "passwd.file": quoted(home.path / "passwd")}).start()
    yield one
    one.close()


def test_it_runs_only_when_needed(server):
    assert "lookup" in server.children()
    plain = Server().start()
    assert "lookup" not in plain.children()
    plain.close()


def test_its_death_is_not_ours(server):
    name, password = server.account("zita")
    os.kill(server.children()["lookup"], signal.SIGKILL)
    assert login(server, name, password) == "ok"
    eventually(lambda: login(server, "anna", "right") == "ok", "it is back")
    assert login(server, "anna", "wrong") == NO


def test_auths_death_is_not_its(server):
    before = server.children()["lookup"]
    assert login(server, "anna", "right") == "ok"
    os.kill(server.children()["auth"], signal.SIGKILL)
    eventually(lambda: login(server, "anna", "right") == "ok", "auth is back")
    assert server.children()["lookup"] == before


def test_it_holds_no_files_of_others(server):
    """Neither the store, nor accounts, nor the lock of the state."""
    pid = server.children()["lookup"]
    try:
        held = [os.readlink(p) for p in
                pathlib.Path(f"/proc/{pid}/fd").iterdir()]
    except PermissionError:
        pytest.skip("not root: the role's descriptors cannot be seen")
    assert held
    assert not [path for path in held if str(server.directory) in path
                and not path.endswith(("/log", "/empty"))]


@pytest.fixture
def silent():
    """A port that accepts and never answers."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(64)
        yield sock.getsockname()[1]


@pytest.mark.parametrize("source, settings, words", [
    ("ldap", {"ldap.uri": "ldap://127.0.0.1:{}", "ldap.base": "dc=x"},
     "directory cannot be reached"),
    ("ldap", {"ldap.uri": "ldaps://127.0.0.1:{}", "ldap.base": "dc=x"},
     "directory cannot be reached"),
    ("sql", {"sql.connection": "host=127.0.0.1 port={} user=x sslmode=disable",
             "sql.user_query": "SELECT hash FROM a WHERE n = $1"},
     "database cannot be reached"),
])
def test_silence_is_no_answer(silent, source, settings, words):
    one = Server({
        "accounts.sources": f'["builtin", "{source}"]',
        "accounts.timeout": '"1s"',
        **{k: quoted(v.format(silent)) for k, v in settings.items()}}).start()
    try:
        assert login(one, "anna", "right") == AWAY
        eventually(lambda: words in one.log_text(), words)
        name, password = one.account("zita")
        assert login(one, name, password) == "ok"
    finally:
        one.close()
