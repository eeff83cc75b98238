# SPDX-License-Identifier: Apache-2.0
"""Accounts in PostgreSQL."""
import pytest

from daemons import (AWAY, NO, Postgres, comes_back, complaints, login, mail_to,
                     postgres_programs, quota, quoted, ssha)
from harness import Server, eventually

pytestmark = pytest.mark.skipif(not postgres_programs(),
                                reason="no PostgreSQL")

QUERY = ("SELECT name, hash, quota, enabled, imap FROM account "
         "WHERE name = $1")


@pytest.fixture(scope="module")
def postgres():
    one = Postgres()
    one.sql(f"""
CREATE TABLE account (name text PRIMARY KEY, hash text, quota bigint,
    enabled boolean NOT NULL DEFAULT true, imap boolean);
INSERT INTO account VALUES
    ('anna@example.org', '{ssha("right")}', 1048576, true, NULL),
    ('bert@example.org', '{ssha("right")}', NULL, false, NULL),
    ('carl@example.org', '{ssha("right")}', NULL, true, false),
    ('dora@example.org', NULL, NULL, true, NULL),
    ('emil@example.org', E'{{SSHA512}}\\n', NULL, true, NULL);
CREATE ROLE culver LOGIN;
GRANT SELECT ON account TO culver;
""")
    yield one
    one.close()


def settings_for(postgres, query=QUERY, sources='["builtin", "sql"]'):
    return {
        "accounts.sources": sources,
        "accounts.timeout": '"2s"',
        "sql.connection": quoted(
            f"host={postgres.home.path} user=culver "
            "password=hush dbname=postgres"),
        "sql.user_query": quoted(query),
    }


@pytest.fixture(scope="module")
def server(postgres):
    one = Server(settings_for(postgres)).start()
    yield one
    one.close()


@pytest.mark.parametrize("name, password, answer", [
    ("anna@example.org", "right", "ok"),
    ("Anna@Example.org", "right", "ok"),
    ("anna@example.org", "wrong", NO),
    ("anna@example.org", "", NO),
    ("nobody@example.org", "right", NO),
    ("' OR 1=1 --", "right", NO),
    ("anna@example.org' --", "right", NO),
    ("dora@example.org", "", NO),
    ("dora@example.org", "right", NO),
    ("emil@example.org", "right", AWAY),
])
def test_logins(server, name, password, answer):
    assert login(server, name, password) == answer


def test_switches(server):
    assert login(server, "bert@example.org", "wrong") == NO
    assert login(server, "bert@example.org", "right") != "ok"
    assert login(server, "carl@example.org", "wrong") == NO
    assert login(server, "carl@example.org", "right") != "ok"


def test_quota_comes_along(server):
    assert quota(server, "anna@example.org", "right") == 1048576


def test_mail_comes_before_the_first_login(server):
    assert mail_to(server, "dora@example.org") == 250
    assert mail_to(server, "nobody@example.org") == 550
    assert mail_to(server, "\"' OR 1=1 --\"@example.org") == 550


def test_builtin_accounts_too(server):
    name, password = server.account("zita")
    assert login(server, name, password) == "ok"
    assert login(server, name, "right") == NO


def test_nobody_learns_the_secret(server):
    shown = server.culver("status").stdout + server.log_text()
    assert "hush" not in shown


def test_away_and_back(postgres, server):
    assert login(server, "anna@example.org", "right") == "ok"
    postgres.stop()
    # A login that was verified a moment ago may be remembered.
    assert login(server, "anna@example.org", "wrong") == AWAY
    assert login(server, "other@example.org", "right") == AWAY
    postgres.start()
    comes_back(server, "anna@example.org", "right")


def test_a_table_that_changes(postgres, server):
    assert login(server, "anna@example.org", "wrong") == NO
    postgres.sql("ALTER TABLE account ALTER quota TYPE numeric")
    assert login(server, "anna@example.org", "wrong") == NO
    assert login(server, "anna@example.org", "right") == "ok"


@pytest.mark.parametrize("query, words", [
    ("SELECT name AS nick FROM account WHERE name = $1",
     "a column that cannot be used"),
    ("SELECT name FROM acount WHERE name = $1", "sql.user_query is refused"),
])
def test_a_wrong_query_is_told_at_start(postgres, query, words):
    one = Server(settings_for(postgres, query)).start()
    try:
        eventually(lambda: words in one.log_text(), words)
        assert login(one, "anna@example.org", "right") == AWAY
    finally:
        one.close()


@pytest.mark.parametrize("query, words", [
    ("SELECT hash FROM account WHERE name = '%u'", "write $1"),
    ("SELECT hash FROM account WHERE name = $4", "write $1"),
    ("", "missing"),
])
def test_a_query_without_parameters_is_refused(postgres, query, words):
    said = complaints(settings_for(postgres, query))
    assert words in said and "sql.user_query" in said


def test_a_reload_makes_the_source_anew(postgres):
    one = Server(settings_for(postgres)).start()
    try:
        assert login(one, "anna@example.org", "right") == "ok"
        one.settings["sql.user_query"] = quoted(
            "SELECT hash FROM account WHERE name = $1 || '@example.org'")
        one.write_config()
        one.process.send_signal(1)
        comes_back(one, "anna", "right")
        assert login(one, "anna@example.org", "other") == NO
    finally:
        one.close()
