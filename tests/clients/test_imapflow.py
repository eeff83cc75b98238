# SPDX-License-Identifier: Apache-2.0
"""imapflow (npm) with QRESYNC: a mailbox and a directory are made to agree
both ways, offline in between; a second run asks for nothing.

npm is not in tools/packages.txt: Debian's conflicts with other builds of
Node.js, which bring their own. Without it, or without its registry, this is
skipped."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from people import append, fetch_all, login, message, ok

SOURCE = pathlib.Path(__file__).parent / "imapflow"
# What it says to come in, to open the mailbox, and to go.
COMING_AND_GOING = re.compile(
    r"\S+ (?:CAPABILITY|ID .*|NAMESPACE|LOGIN .*|AUTHENTICATE .*|ENABLE .*|"
    r"COMPRESS DEFLATE|LIST .*|LSUB .*|SELECT INBOX.*|LOGOUT)")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """mirror.mjs with its packages, installed once as the lock file says."""
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            pytest.skip(f"there is no {tool} (Debian: nodejs, npm)")
    directory = tmp_path_factory.mktemp("imapflow")
    for name in ("package.json", "package-lock.json", "mirror.mjs"):
        shutil.copy(SOURCE / name, directory)
    done = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts",
         "--fetch-retries=1"], cwd=directory, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=300)
    if done.returncode:
        pytest.skip("npm could not install imapflow: " + done.stdout[-500:])
    return directory / "mirror.mjs"


class Mirror:
    def __init__(self, program, server, account, directory):
        self.program, self.directory = program, directory
        directory.mkdir()
        self.environment = {
            **os.environ, "HOST": "localhost", "PORT": str(server.imaps_port),
            "CA": str(server.directory / "cert.pem"), "NAME": account[0],
            "PASSWORD": account[1]}

    def run(self):
        """The commands that it sent, but for those of coming and going."""
        done = subprocess.run(
            ["node", self.program, self.directory], env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=120)
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        self.said = done.stdout.splitlines()
        return [line for line in self.said
                if not COMING_AND_GOING.fullmatch(line)]

    def check_transfers_nothing(self):
        def state():
            return {p.name: p.read_bytes() for p in self.directory.iterdir()}
        before = state()
        assert self.run() == []
        base = json.loads(before["base.json"])
        select = (f"SELECT INBOX (QRESYNC ({base['uidValidity']} "
                  f"{base['highest']}))")
        assert any(line.endswith(select) for line in self.said), self.said
        assert state() == before

    def uids(self):
        return sorted(int(p.stem) for p in self.directory.glob("*.eml"))

    def flags(self, change=None):
        path = self.directory / "flags.json"
        flags = json.loads(path.read_text())
        if change:
            flags.update(change)
            path.write_text(json.dumps(flags))
        return flags


def agree(mirror, imap):
    far = fetch_all(imap, "INBOX")
    assert mirror.uids() == sorted(far)
    flags = mirror.flags()
    for line in ok(imap.uid("FETCH", "1:*", "(FLAGS)")):
        uid = re.search(rb"UID (\d+)", line)[1].decode()
        words = re.search(rb"FLAGS \(([^)]*)\)", line)[1].decode().split()
        assert sorted(set(words) - {"\\Recent"}) == flags.pop(uid)
        path = mirror.directory / f"{uid}.eml"
        assert path.read_bytes() == far[int(uid)]
    assert not flags


def test_two_ways(program, server, tmp_path):
    account = server.account()
    imap = login(server, account)
    append(imap, "INBOX", *[message(i) for i in range(1, 21)])
    mirror = Mirror(program, server, account, tmp_path / "mail")
    assert any("UID FETCH" in line for line in mirror.run())
    assert mirror.uids() == list(range(1, 21))
    mirror.check_transfers_nothing()

    # It is offline; both sides change.
    mirror.flags({"1": ["\\Flagged", "\\Seen"], "2": ["work"]})
    (mirror.directory / "3.eml").unlink()
    (mirror.directory / "4.eml").unlink()
    (mirror.directory / "a.new").write_bytes(message(30))
    ok(imap.select("INBOX"))
    ok(imap.uid("STORE", "5:7", "+FLAGS", "(\\Answered)"))
    ok(imap.uid("STORE", "8:9", "+FLAGS", "(\\Deleted)"))
    ok(imap.expunge())
    append(imap, "INBOX", message(21), message(22), flags="(\\Draft)")
    asked = mirror.run()
    assert not any("1:*" in line for line in asked)
    agree(mirror, imap)
    assert mirror.uids() == [1, 2, *range(5, 8), *range(10, 24)]
    assert mirror.flags()["6"] == ["\\Answered"]
    mirror.check_transfers_nothing()

    # Only there, only here.
    ok(imap.select("INBOX"))
    ok(imap.uid("STORE", "1:*", "FLAGS", "(\\Seen)"))
    ok(imap.uid("STORE", "10", "+FLAGS", "(\\Deleted)"))
    ok(imap.expunge())
    assert mirror.run() == []
    agree(mirror, imap)
    (mirror.directory / "11.eml").unlink()
    mirror.run()
    agree(mirror, imap)
    mirror.check_transfers_nothing()
