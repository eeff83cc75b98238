# SPDX-License-Identifier: Apache-2.0
"""curl, as people use it in scripts."""
import subprocess

from people import append, login, message, ok


def curl(server, account, url="", *arguments, stdin=None, scheme="imaps"):
    port = server.imaps_port if scheme == "imaps" else server.imap_port
    done = subprocess.run(
        ["/usr/bin/curl", "-sS", "--cacert", server.directory / "cert.pem",
         "-u", ":".join(account), f"{scheme}://localhost:{port}/{url}",
         *arguments], input=stdin, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_list_fetch_search(server, tmp_path):
    account = server.account()
    imap = login(server, account)
    append(imap, "INBOX", message(1), message(2, "Needle in it."))
    ok(imap.create("Archive"))
    listing = curl(server, account)
    assert b"INBOX" in listing and b"Archive" in listing
    assert curl(server, account, "INBOX;MAILINDEX=1") == message(1)
    assert curl(server, account, "INBOX;UID=2") == message(2, "Needle in it.")
    assert curl(server, account, "INBOX;UID=2;SECTION=TEXT") == \
        b"Needle in it.\r\n"
    assert curl(server, account, "INBOX?BODY%20needle").split() == [
        b"*", b"SEARCH", b"2"]
    # Upload, flag, move, and see.
    path = tmp_path / "new.eml"
    path.write_bytes(message(3))
    curl(server, account, "Archive", "-T", path)
    assert curl(server, account, "Archive;UID=1") == message(3)
    curl(server, account, "INBOX", "-X", "STORE 1 +FLAGS \\Deleted")
    curl(server, account, "INBOX", "-X", "EXPUNGE")
    assert curl(server, account, "INBOX?ALL").split() == [
        b"*", b"SEARCH", b"1"]


def test_starttls(server):
    account = server.account()
    listing = curl(server, account, "", "--ssl-reqd", scheme="imap")
    assert b"INBOX" in listing


def test_auth_login(server):
    """Where SASL-IR is announced, curl sends the name as an initial response,
    though LOGIN has none."""
    listing = curl(server, server.account(), "", "--login-options",
                   "AUTH=LOGIN")
    assert b"INBOX" in listing
