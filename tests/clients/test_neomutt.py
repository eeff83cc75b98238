# SPDX-License-Identifier: Apache-2.0
"""neomutt in a terminal: keys go in, the screen is read."""
import os
import secrets
import subprocess

import pytest

from harness import eventually
from people import append, fetch_all, login, message, ok

RC = """
set imap_user="{user}" imap_pass="{password}"
set folder="imaps://localhost:{port}/" spoolfile="+INBOX"
set certificate_file="{cert}" ssl_force_tls=yes
set mark_old=no move=no delete=yes confirmappend=no confirmcreate=no
set wait_key=no beep=no sort=mailbox-order imap_passive=no quit=yes
set header_cache="" record="" tmpdir="{tmp}" mail_check=1 timeout=1
set index_format="%4C %Z %s" status_format="-%f- %m messages" pager_stop=yes
set imap_check_subscribed=no imap_list_subscribed=no
set from="ann@example.com" realname="Ann"
"""


class Neomutt:
    def __init__(self, server, account, directory):
        rc = directory / "neomuttrc"
        rc.write_text(RC.format(
            user=account[0], password=account[1], port=server.imaps_port,
            cert=server.directory / "cert.pem", tmp=directory))
        self.socket = "culver-" + secrets.token_hex(6)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y",
                  "30", f"HOME={directory} TERM=screen LANG=C.UTF-8 "
                  f"neomutt -n -F {rc}")

    def tmux(self, *arguments):
        return subprocess.run(
            ["tmux", "-L", self.socket, *arguments], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=20,
            env={k: v for k, v in os.environ.items() if k != "TMUX"})

    def screen(self):
        return self.tmux("capture-pane", "-p").stdout

    def shows(self, text):
        try:
            eventually(lambda: text in self.screen(), text)
        except AssertionError:
            raise AssertionError(f"{text!r} is not on\n{self.screen()}")

    def keys(self, *keys):
        for key in keys:
            self.tmux("send-keys", key)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def ended(self):
        return self.tmux("has-session").returncode != 0

    def close(self):
        self.tmux("kill-server")


@pytest.fixture
def mutt(server, tmp_path):
    account = server.account()
    imap = login(server, account)
    append(imap, "INBOX", *[
        message(i, f"Body {i}.") for i in range(1, 6)])
    ok(imap.create("Filed"))
    client = Neomutt(server, account, tmp_path)
    yield client, imap
    client.close()


def test_a_day(mutt):
    client, imap = mutt
    client.shows("5 messages")
    client.shows("Message 3")
    # Open the second, and go back.
    client.type("2")
    client.keys("Enter", "Enter")
    client.shows("Body 2.")
    client.type("q")
    client.shows("5 messages")
    # Flag the third, delete the fourth, file the fifth.
    client.type("3")
    client.keys("Enter")
    client.type("F")
    client.type("4")
    client.keys("Enter")
    client.type("d")
    client.type("5")
    client.keys("Enter")
    client.type("s")
    client.shows("Save to mailbox")
    client.keys("C-a", "C-k")
    client.type("=Filed")
    client.keys("Enter")
    client.type("$")
    client.shows("3 messages")
    # Search the bodies on the server.
    client.type("/~b 'Body 1'")
    client.keys("Enter")
    client.type("q")
    eventually(client.ended, "neomutt quits")

    assert fetch_all(imap, "Filed") == {1: message(5, "Body 5.")}
    left = fetch_all(imap, "INBOX")
    assert sorted(left) == [1, 2, 3]
    ok(imap.select("INBOX"))
    assert ok(imap.search(None, "SEEN")) == [b"2"]
    assert ok(imap.search(None, "FLAGGED")) == [b"3"]


def test_new_mail_appears(mutt):
    client, imap = mutt
    client.shows("5 messages")
    append(imap, "INBOX", message(77, subject="Just arrived"))
    client.shows("Just arrived")
    client.type("q")
    eventually(client.ended, "neomutt quits")
