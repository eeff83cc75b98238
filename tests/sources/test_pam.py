# SPDX-License-Identifier: Apache-2.0
"""Accounts that PAM knows: real modules, among them one that starts a program
as pam_unix does."""
import pathlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from daemons import AWAY, NO, Directory, login, mail_to
from harness import Server

MODULES = [p for p in pathlib.Path("/usr/lib").glob("*/security/pam_exec.so")]
pytestmark = pytest.mark.skipif(not MODULES, reason="no PAM modules")

# What is asked comes in by the environment and, the password, by a pipe.
CHECK = r"""
password=$(tr -d '\0')
case $PAM_USER:$password in
anna:right|old:right|closed:right) ;;
host:right) [ "$PAM_RHOST" = 127.0.0.1 ] || exit 1 ;;
*) exit 1 ;;
esac
exit 0
"""

SERVICE = """
auth [success=1 default=ignore] pam_succeed_if.so quiet user != away
auth requisite pam_debug.so auth=authinfo_unavail
auth [success=1 default=ignore] pam_exec.so expose_authtok quiet /bin/sh {check}
auth requisite pam_deny.so
auth required pam_permit.so
account [success=ignore default=1] pam_succeed_if.so quiet user = old
account requisite pam_debug.so acct=acct_expired
account [success=ignore default=1] pam_succeed_if.so quiet user = closed
account requisite pam_debug.so acct=perm_denied
account required pam_permit.so
"""


@pytest.fixture(scope="module")
def server():
    home = Directory()
    check = home.write("check", CHECK)
    home.write("culver", SERVICE.format(check=check))
    one = Server({"accounts.sources": '["builtin", "pam"]',
                  "pam.directory": f'"{home.path}"'}).start()
    yield one
    one.close()
    home.close()


@pytest.mark.parametrize("name, password, answer", [
    ("anna", "right", "ok"),
    ("anna", "wrong", NO),
    ("anna", "", NO),
    ("nobody-at-all", "right", NO),
    ("host", "right", "ok"),
    ("away", "right", AWAY),
    ("root", "right", NO),
    ("$(touch x)", "right", NO),
])
def test_logins(server, name, password, answer):
    assert login(server, name, password) == answer


def test_the_systems_own_users_get_no_mail(server):
    for name in ("root", "daemon", "nobody"):
        assert mail_to(server, f"{name}@example.org") == 550


def test_expired_and_locked(server):
    assert login(server, "old", "wrong") == NO
    assert login(server, "old", "right") == "EXPIRED"
    assert login(server, "closed", "right") != "ok"


def test_many_at_once(server):
    people = [("anna", "right", "ok"), ("host", "right", "ok"),
              ("anna", "wrong", NO), ("nobody-here", "right", NO)] * 4
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda p: login(server, *p[:2]), people))
    assert answers == [p[2] for p in people]
