# SPDX-License-Identifier: Apache-2.0
"""What becomes of people whom an outside source knows: their first login or
first mail makes an account, which belongs to that source; switches, app
passwords and masters work for it as for any other."""
import smtplib
import sqlite3

import pytest

from daemons import Directory, ssha
from harness import Server
from scram import connect

PEOPLE = ("anna", "bert", "carl", "dora", "emil", "fritz")


@pytest.fixture(scope="module")
def home():
    one = Directory()
    yield one
    one.close()


@pytest.fixture(scope="module")
def server(home):
    path = home.write("passwd", "".join(
        f"{name}:{ssha('right')}\n" for name in PEOPLE))
    one = Server({"accounts.sources": '["builtin", "passwd"]',
                  "passwd.file": f'"{path}"',
                  "login.master_users": "true",
                  "limits.login_failures": "100"}).start()
    yield one
    one.close()


def rows(server):
    path = server.directory / "state" / "auth" / "accounts.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        return dict(db.execute("SELECT name, source FROM account"))


def deliver(server, recipient, text="Subject: first\r\n\r\nhello\r\n"):
    with smtplib.LMTP("127.0.0.1", server.lmtp_port) as lmtp:
        lmtp.sendmail("sender@example.org", [recipient], text)


def login(server, name, password="right"):
    client = connect(server)
    answer = client.plain(name, password)
    client.close()
    return answer.split(" ", 1)[1].split("]")[0]


def test_scram_is_not_offered(server):
    client = connect(server)
    assert client.mechanisms() == {"PLAIN", "LOGIN"}
    client.close()


def test_a_login_makes_the_account(server):
    assert "anna" not in rows(server)
    assert login(server, "anna", "wrong").startswith("NO")
    assert "anna" not in rows(server)
    assert login(server, "Anna").startswith("OK")
    assert rows(server)["anna"] == "passwd"


def test_a_mail_makes_the_account(server):
    assert "bert" not in rows(server)
    deliver(server, "bert+lists@example.org")
    assert rows(server)["bert"] == "passwd"
    client = connect(server)
    assert client.plain("bert", "right").startswith("a OK")
    assert client.command("b STATUS INBOX (MESSAGES)").startswith("b OK")
    assert "(MESSAGES 1)" in client.untagged[0]
    client.close()


def test_nobody_gets_no_account(server):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        deliver(server, "nobody@example.org")
    assert list(refused.value.recipients.values())[0][0] == 550
    assert "nobody" not in rows(server)


def test_a_catch_all_comes_after_the_source(server):
    server.account("rest")
    server.culver("alias", "add", "@example.org", "rest")
    deliver(server, "carl@example.org")
    assert rows(server)["carl"] == "passwd"
    deliver(server, "whoever@example.org")
    assert "whoever" not in rows(server)


def test_a_name_is_of_one_source(server):
    """The earlier source wins, and the later does not get the row."""
    name, password = server.account("dora")
    assert login(server, "dora").startswith("NO")
    assert login(server, "dora", password).startswith("OK")
    assert rows(server)["dora"] == ""


def test_switches_and_app_passwords(server):
    assert login(server, "emil").startswith("OK")
    out = server.culver("account", "app-password", "add", "emil", "phone")
    app = out.stdout.split()[-1]
    assert login(server, "emil", app).startswith("OK")
    server.culver("account", "set", "emil", "imap=off")
    assert login(server, "emil", app) == "NO [AUTHORIZATIONFAILED"
    assert login(server, "emil") == "NO [AUTHORIZATIONFAILED"
    assert login(server, "emil", "wrong") == "NO [AUTHENTICATIONFAILED"


def test_a_master_reaches_who_was_never_here(server):
    name, password = server.account()
    server.culver("account", "set", name, "master=yes")
    assert "fritz" not in rows(server)
    assert login(server, f"fritz*{name}", password).startswith("OK")
    assert rows(server)["fritz"] == "passwd"
    assert login(server, f"nobody*{name}", password).startswith("NO")


@pytest.mark.parametrize("left", ["locked", "gone"])
def test_who_left_the_source_left_with_all_programs(left):
    """App passwords and masters are kept here, but go no further than the
    source lets the person."""
    home = Directory()
    path = home.write("passwd", f"emil:{ssha('right')}\n")
    one = Server({"accounts.sources": '["builtin", "passwd"]',
                  "passwd.file": f'"{path}"',
                  "login.cache": '"0ms"',
                  "login.master_users": "true"}).start()
    try:
        boss, password = one.account()
        one.culver("account", "set", boss, "master=yes")
        assert login(one, "emil").startswith("OK")
        out = one.culver("account", "app-password", "add", "emil", "phone")
        app = out.stdout.split()[-1]
        assert login(one, "emil", app).startswith("OK")
        assert login(one, f"emil*{boss}", password).startswith("OK")
        home.write("passwd", "# nobody\n" if left == "gone" else
                   f"emil:{ssha('right')}::::::nologin\n")
        assert login(one, "emil", app) == "NO [AUTHORIZATIONFAILED"
        assert login(one, f"emil*{boss}", password).startswith("NO")
        assert login(one, "emil").startswith("NO")
    finally:
        one.close()
        home.close()
