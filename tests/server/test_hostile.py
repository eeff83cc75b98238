# SPDX-License-Identifier: Apache-2.0
"""What clients, files and other commands may do to a server and must not
gain by it."""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest

from harness import Server


@pytest.fixture
def stopped():
    """A server that could run."""
    one = Server()
    yield one
    shutil.rmtree(one.directory)


def greeted(server):
    """A plain connection, and the first line."""
    sock = socket.create_connection(server.address(), timeout=30)
    stream = sock.makefile("rb")
    return sock, stream.readline(), stream


def answer(sock, stream, line):
    """The tagged response to a command with the tag "a"."""
    sock.sendall(b"a " + line.encode() + b"\r\n")
    while not (got := stream.readline()).startswith(b"a "):
        assert got, "closed"
    return got


def test_refused_sessions_are_not_counted():
    """One session too many of an account, more often than there may be
    connections."""
    server = Server({"limits.connections_per_account": "1",
                     "limits.connections": "8"}).start()
    try:
        login = "LOGIN %s %s" % server.account()
        first, _, stream = greeted(server)
        assert answer(first, stream, login).startswith(b"a OK")
        for _ in range(12):
            sock, hello, more = greeted(server)
            assert hello.startswith(b"* OK"), hello
            assert answer(sock, more, login).startswith(b"a NO")
            more.close()
            sock.close()
        assert answer(first, stream, "NOOP").startswith(b"a OK")
        stream.close()
        first.close()
    finally:
        server.close()


def test_bytes_are_counted_once():
    server = Server().start()
    try:
        sock, hello, stream = greeted(server)
        reply = answer(sock, stream, "NOOP")
        figures = json.loads(server.culver("status", "--json").stdout)
        fronts = [p for p in figures["auth"]["processes"]
                  if p["name"].startswith("front")]
        assert sum(p["bytes_out"] for p in fronts) == len(hello + reply)
        assert sum(p["bytes_in"] for p in fronts) == len(b"a NOOP\r\n")
        stream.close()
        sock.close()
    finally:
        server.close()


def test_master_leaves_no_core():
    """It has the private key."""
    server = Server().start()
    try:
        limits = pathlib.Path(
            f"/proc/{server.process.pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0", limits)
    finally:
        server.close()


def test_commands_at_once_without_a_server(stopped):
    """Each starts a private server, or waits; none ends another's."""
    def add(i):
        return stopped.culver("account", "add", f"u{i}", "--password-stdin",
                              stdin="x\n", check=False)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = list(pool.map(add, range(8)))
    assert [(d.returncode, d.stderr) for d in done] == [(0, "")] * 8
    listed = stopped.culver("account", "list").stdout.splitlines()
    assert len(listed) == 8


def maildir(path, names=()):
    for sub in ("cur", "new", "tmp"):
        (path / sub).mkdir(parents=True)
    for name in names:
        (path / "cur" / name).write_bytes(b"Subject: x\r\n\r\nx\r\n")


@pytest.mark.parametrize("name", ["dovecot-uidlist", "dovecot-keywords",
                                  "subscriptions", "cur/1.a.b:2,"])
def test_import_does_not_wait_for_a_pipe(stopped, tmp_path, name):
    box = tmp_path / "box"
    maildir(box, ["2.c.d:2,"])
    os.mkfifo(box / name)
    stopped.account("ann")
    done = subprocess.run(
        [stopped.program, "-c", stopped.config, "import", "--account", "ann",
         box], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "is not a regular file" in done.stderr
    assert done.stdout.startswith("1 messages added")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_import_of_somebody_s_tree_reads_nobody_else_s(stopped, tmp_path):
    """Root moves a user in who has put links to the files of others there."""
    box, other = tmp_path / "box", tmp_path / "other"
    maildir(box, ["1.a.b:2,"])
    maildir(other, ["2.c.d:2,"])
    (tmp_path / "secret").write_text("Subject: of root\n\n")
    (box / "cur" / "3.link.b:2,").symlink_to(tmp_path / "secret")
    os.link(tmp_path / "secret", box / "cur" / "4.hard.b:2,")
    (box / ".Other").symlink_to(other)
    own = tmp_path / "own"
    maildir(own, ["5.e.f:2,"])
    (box / ".Own").symlink_to(own)
    for path in [box, *box.rglob("*"), own, *own.rglob("*")]:
        if path.name[0] not in "34":
            os.chown(path, 12345, 12345, follow_symlinks=False)
    stopped.account("ann")
    done = stopped.culver("import", "--account", "ann", box, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("2 messages added"), done.stdout
    for name in ("3.link", "4.hard", ".Other"):
        assert re.search(rf"{re.escape(name)}.*belongs to somebody else",
                         done.stderr), done.stderr


def test_changes_at_once_keep_each_other(stopped):
    """A password takes long to hash; what is changed meanwhile stays so."""
    server = stopped.start()
    try:
        server.account("ann")

        def ask(request):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(server.directory / "state/control/auth"))
                sock.sendall(json.dumps(request).encode() + b"\n")
                return json.loads(sock.makefile().readline())
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            for state in ("no", "yes") * 4:
                slow = pool.submit(ask, {"cmd": "account.password",
                                         "name": "ann", "password": "x" * 9})
                time.sleep(0.01)
                assert ask({"cmd": "account.set", "name": "ann",
                            "settings": {"enabled": state}})["ok"]
                assert slow.result()["ok"]
                now = ask({"cmd": "account.show", "name": "ann"})
                assert now["account"]["enabled"] == (state == "yes")
    finally:
        server.stop()
