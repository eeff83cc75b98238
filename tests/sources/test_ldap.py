# SPDX-License-Identifier: Apache-2.0
"""Accounts in an LDAP directory."""
import shutil

import pytest

from daemons import (AWAY, NO, READER, SLAPD, SUFFIX, Slapd, comes_back,
                     complaints, login, mail_to, quota, quoted, ssha)
from harness import Server, eventually

pytestmark = pytest.mark.skipif(not SLAPD, reason="no slapd")


def person(uid, password, more=""):
    return f"""dn: uid={uid},ou=people,{SUFFIX}
objectClass: inetOrgPerson
uid: {uid}
cn: {uid}
sn: {uid}
{more}{f"userPassword: {password}" if password else ""}
""".rstrip() + "\n"


LDIF = "\n".join([
    f"dn: {SUFFIX}\nobjectClass: domain\ndc: example\n",
    f"dn: ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: people\n",
    f"dn: {READER}\nobjectClass: organizationalRole\n"
    "objectClass: simpleSecurityObject\ncn: reader\nuserPassword: readme\n",
    person("anna", "right",
           "mail: anna@example.org\nemployeeNumber: 2M\n"),
    person("bert", "right", "title: TRUE\n"),
    person("carl", "right", "employeeType: lmtp\nemployeeType: pop3\n"),
    person("dora", ""),
    person("tw1", "right", "mail: twice@example.org\n"),
    person("tw2", "right", "mail: twice@example.org\n"),
    person("hash", ssha("right")),
])


@pytest.fixture(scope="module")
def slapd():
    one = Slapd(LDIF)
    yield one
    one.close()


def settings_for(slapd, method="bind", uri=None, **more):
    return {
        "accounts.sources": '["ldap", "builtin"]',
        "accounts.timeout": '"2s"',
        "ldap.uri": quoted(uri or slapd.uri),
        "ldap.bind_dn": quoted(READER),
        "ldap.bind_password": '"readme"',
        "ldap.base": quoted(SUFFIX),
        "ldap.filter": '"(&(objectClass=inetOrgPerson)(|(uid=%n)(mail=%u)))"',
        "ldap.method": quoted(method),
        "ldap.attribute_quota": '"employeeNumber"',
        "ldap.attribute_disabled": '"title"',
        "ldap.attribute_services": '"employeeType"',
        **{f"ldap.{k}": v for k, v in more.items()},
    }


@pytest.fixture(scope="module", params=["bind", "compare", "hash"])
def server(request, slapd):
    one = Server(settings_for(slapd, request.param)).start()
    one.method = request.param
    yield one
    one.close()


@pytest.mark.parametrize("name, password, answer", [
    ("anna", "right", "ok"),
    ("ANNA", "right", "ok"),
    ("anna@example.org", "right", "ok"),
    ("anna", "wrong", NO),
    ("anna", "", NO),
    ("dora", "", NO),
    ("dora", "x", NO),
    ("nobody", "right", NO),
    ("*", "right", NO),
    ("*)(uid=*", "right", NO),
    ("anna)(uid=*", "right", NO),
    ("twice@example.org", "right", AWAY),
])
def test_logins(server, name, password, answer):
    assert login(server, name, password) == answer


def test_a_hash(server):
    """Not by compare, which is with what is stored."""
    answer = NO if server.method == "compare" else "ok"
    assert login(server, "hash", "right") == answer
    assert login(server, "hash", "wrong") == NO


def test_switches(server):
    assert login(server, "bert", "wrong") == NO
    assert login(server, "bert", "right") != "ok"
    assert login(server, "carl", "wrong") == NO
    assert login(server, "carl", "right") != "ok"


def test_quota_comes_along(server):
    assert quota(server, "anna", "right") == 2097152


def test_both_names_are_one_account(server):
    login(server, "anna", "right")
    login(server, "anna@example.org", "right")
    names = server.culver("account", "list").stdout
    assert "anna" in names and "anna@example.org" not in names


def test_mail_comes_before_the_first_login(slapd, server):
    assert mail_to(server, "tw1@example.org") == 250
    assert "tw1" in server.culver("account", "list").stdout
    assert mail_to(server, "nobody@example.org") == 550
    assert mail_to(server, '"*"@example.org') == 550
    slapd.stop()
    try:
        assert mail_to(server, "tw2@example.org") == 451
        assert mail_to(server, "tw1@example.org") == 250
    finally:
        slapd.start()
    eventually(lambda: mail_to(server, "tw2@example.org") == 250, "tw2")


def test_builtin_accounts_come_second(server):
    name, password = server.account("zita")
    assert login(server, name, password) == "ok"


def test_away_and_back(slapd, server):
    assert login(server, "anna", "right") == "ok"
    slapd.stop()
    try:
        assert login(server, "anna", "wrong") == AWAY
        assert login(server, "other", "right") == AWAY
    finally:
        slapd.start()
    comes_back(server, "anna", "right")


@pytest.mark.parametrize("starttls", [False, True])
def test_tls(slapd, starttls):
    uri = slapd.uri if starttls else slapd.tls_uri
    more = {"starttls": "true" if starttls else "false"}
    ca = quoted(slapd.home.path / "cert.pem")
    one = Server(settings_for(slapd, uri=uri, ca=ca, **more)).start()
    try:
        assert login(one, "anna", "right") == "ok"
        assert login(one, "anna", "wrong") == NO
    finally:
        one.close()


@pytest.mark.parametrize("starttls", [False, True])
def test_a_certificate_of_nobody_is_refused(slapd, starttls):
    uri = slapd.uri if starttls else slapd.tls_uri
    more = {"starttls": "true" if starttls else "false"}
    one = Server(settings_for(slapd, uri=uri, **more)).start()
    try:
        assert login(one, "anna", "right") == AWAY
    finally:
        one.close()


def test_wrong_service_password_is_told(slapd):
    one = Server(settings_for(slapd, bind_password='"wrong"')).start()
    try:
        eventually(lambda: "refuses ldap.bind_dn" in one.log_text(), "told")
        assert login(one, "anna", "right") == AWAY
    finally:
        one.close()


@pytest.mark.parametrize("setting, value, words", [
    ("filter", '"(uid=%s)"', "write %u"),
    ("filter", '"(uid=%n"', "not whole"),
    ("filter", '"(uid=bob)"', "nobody in particular"),
    ("uri", '"http://x"', "ldaps://HOST"),
    ("base", '""', "missing"),
    ("bind_password", '""', "missing"),
])
def test_wrong_settings_are_refused(slapd, setting, value, words):
    said = complaints({**settings_for(slapd), f"ldap.{setting}": value})
    assert words in said and f"ldap.{setting}" in said


def test_clear_text_is_warned_of(slapd):
    one = Server(settings_for(slapd, uri="ldap://ldap.example.org"))
    done = one.culver("check")
    shutil.rmtree(one.directory)
    assert "in clear" in done.stderr and "warning" in done.stderr


def test_secrets_that_everybody_can_read_are_warned_of(slapd):
    one = Server(settings_for(slapd))
    one.config.chmod(0o644)
    open_to_all = one.culver("check").stderr
    one.config.chmod(0o640)
    closed = one.culver("check").stderr
    shutil.rmtree(one.directory)
    assert "everybody can read" in open_to_all
    assert "ldap.bind_password" in open_to_all and "readme" not in open_to_all
    assert "everybody can read" not in closed
