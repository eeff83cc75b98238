# SPDX-License-Identifier: Apache-2.0
"""Accounts in a password file."""
import pytest

from daemons import AWAY, NO, Directory, login, mail_to, quota, ssha
from harness import Server, eventually


@pytest.fixture(scope="module")
def home():
    one = Directory()
    yield one
    one.close()


def lines(password="right"):
    return f"""# people
anna:{ssha(password)}:1000:1000:Anna:/home/anna::userdb_quota_rule=*:storage=1M
bert:{ssha(password)}:::::: nologin
carl:{ssha(password)}::::::allow_nets=192.0.2.0/24
dora:{ssha(password)}::::::allow_nets=127.0.0.0/8,::1
broken
"""


@pytest.fixture(scope="module")
def server(home):
    path = home.write("passwd", lines())
    one = Server({"accounts.sources": '["builtin", "passwd"]',
                  "passwd.file": f'"{path}"'}).start()
    yield one
    one.close()


@pytest.mark.parametrize("name, password, answer", [
    ("anna", "right", "ok"),
    ("anna", "wrong", NO),
    ("anna", "", NO),
    ("nobody", "right", NO),
    ("broken", "", NO),
    ("anna:", "right", NO),
    ("carl", "right", NO),
    ("dora", "right", "ok"),
])
def test_logins(server, name, password, answer):
    assert login(server, name, password) == answer


def test_no_login(server):
    assert login(server, "bert", "right") != "ok"


def test_quota_comes_along(server):
    assert quota(server, "anna", "right") == 1048576


def test_mail_comes_before_the_first_login(server):
    assert mail_to(server, "carl@example.org") == 250
    assert mail_to(server, "nobody@example.org") == 550


def test_wrong_lines_are_told(server):
    assert "line=6" in server.log_text()


def test_a_builtin_account_comes_first(server):
    name, password = server.account("dorothea")
    assert login(server, name, password) == "ok"


def test_the_file_changes(home, server):
    home.write("passwd", lines("other"))
    assert login(server, "dora", "other") == "ok"
    assert login(server, "anna", "wrong") == NO
    (home.path / "passwd").unlink()
    assert login(server, "anna", "wrong") == AWAY
    home.write("passwd", lines())
    assert login(server, "anna", "right") == "ok"
