# SPDX-License-Identifier: Apache-2.0
"""Accounts, app passwords and aliases from the command line."""
import concurrent.futures
import imaplib
import json
import re
import shutil
import sqlite3
import time

import pytest

from harness import Server


@pytest.fixture(scope="module")
def running():
    server = Server().start()
    yield server
    server.close()


@pytest.fixture
def stopped():
    server = Server()
    yield server
    shutil.rmtree(server.directory)


def shown(server, name):
    out = server.culver("account", "show", name).stdout
    return dict(line.split("=", 1) for line in out.splitlines())


def attempt(server, name, password):
    imap = imaplib.IMAP4("127.0.0.1", server.imap_port)
    try:
        imap.login(name, password)
        imap.logout()
        return "OK"
    except imaplib.IMAP4.error as error:
        imap.shutdown()
        return str(error)


def add(server, *names):
    for name in names:
        server.culver("account", "add", name, "--no-password")


def refused(server, *arguments):
    done = server.culver(*arguments, check=False)
    assert done.returncode == 1, (arguments, done)
    return done.stderr


def test_settings_at_once(running):
    one = running
    one.culver("account", "add", "set1", "--password-stdin", "quota=2gb",
               "pop3=off", "master=yes", "detail=no", stdin="x\n")
    account = shown(one, "set1")
    assert account["quota"] == "2gb" and account["pop3"] == "no"
    assert account["master"] == "yes" and account["detail"] == "no"
    assert account["source"] == "builtin" and account["imap"] == "yes"
    one.culver("account", "set", "set1", "pop3=on", "lmtp=off", "master=no",
               "submission=off", "detail=yes", "quota=none")
    account = shown(one, "set1")
    assert (account["pop3"], account["lmtp"], account["submission"]) == (
        "yes", "no", "no")
    assert (account["master"], account["detail"], account["quota"]) == (
        "no", "yes", "none")
    # one wrong word changes nothing
    refused(one, "account", "set", "set1", "pop3=off", "colour=red")
    assert shown(one, "set1")["pop3"] == "yes"


def test_outside_sources(running):
    one = running
    one.culver("account", "add", "out1", "source=ldap")
    account = shown(one, "out1")
    assert account["source"] == "ldap" and account["password"] == "no"
    done = one.culver("account", "password", "out1", "--password-stdin",
                      stdin="x\n", check=False)
    assert done.returncode == 1 and "source=builtin" in done.stderr
    one.culver("account", "set", "out1", "source=builtin")
    one.culver("account", "password", "out1", "--password-stdin", stdin="x\n")
    one.culver("account", "set", "out1", "source=pam")
    assert shown(one, "out1")["password"] == "no"
    assert "builtin, passwd, pam, ldap, sql, oauth" in refused(
        one, "account", "set", "out1", "source=nis")


def test_json(running):
    one = running
    add(one, "json1", "json2")
    one.culver("account", "set", "json2", "pop3=off")
    one.culver("alias", "add", "j@example.org", "json1", "json2")
    one.culver("account", "app-password", "add", "json1", "Ann's phone",
               "scope=imap,pop3", "expires=90d")
    listed = json.loads(one.culver("account", "list", "--json").stdout)
    by_name = {account["name"]: account for account in listed}
    assert by_name["json1"]["enabled"] is True
    assert by_name["json2"]["protocols"]["pop3"] is False
    account = json.loads(
        one.culver("account", "show", "json1", "--json").stdout)
    assert account["aliases"] == ["j@example.org"]
    (password,) = account["app_passwords"]
    assert password["app_password"] == "Ann's phone"
    assert password["scope"] == ["imap", "pop3"]
    assert abs(password["expires"] - time.time() - 90 * 86400) < 600
    assert "hash" not in json.dumps(account)
    assert "hash" not in json.dumps(listed)
    assert json.loads(one.culver(
        "alias", "list", "json2", "--json").stdout) == [
            {"alias": "j@example.org", "account": "json2"}]
    assert json.loads(one.culver(
        "account", "app-password", "list", "json2", "--json").stdout) == []
    text = one.culver("account", "show", "json1").stdout
    assert "alias=j@example.org\n" in text
    assert "app-password=Ann's phone\n" in text


def test_app_passwords(running):
    one = running
    add(one, "app1", "app2")
    made = one.culver("account", "app-password", "add", "app1",
                      "phone").stdout
    assert re.fullmatch(r"([a-z2-9]{5}-){3}[a-z2-9]{5}\n", made)
    password = made.strip()
    one.culver("account", "app-password", "add", "app1", "sender",
               "scope=submission", "expires=2999-12-31")
    listed = one.culver("account", "app-password", "list", "app1").stdout
    lines = listed.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["phone", "all"], ["sender", "submission"]]
    assert "expires never" in lines[0] and "expires 2999-12-31" in lines[1]
    assert password not in listed
    assert "already" in refused(
        one, "account", "app-password", "add", "app1", "phone")
    one.culver("account", "app-password", "remove", "app1", "phone")
    assert 'no app password "phone"' in refused(
        one, "account", "app-password", "remove", "app1", "phone")
    assert password not in one.log_text()
    assert 'msg="app password added" account=app1 label=phone' in \
        one.log_text()


def test_app_passwords_log_in(running):
    one = running
    one.culver("account", "add", "app4", "--password-stdin", stdin="Taube\n")
    made = {}
    for label, scope in (("all", "all"), ("imap", "imap,sieve"),
                         ("pop3", "pop3")):
        made[label] = one.culver("account", "app-password", "add", "app4",
                                 label, f"scope={scope}").stdout.strip()
    assert attempt(one, "app4", "Taube") == "OK"
    assert attempt(one, "app4", made["all"]) == "OK"
    assert attempt(one, "APP4", made["imap"].upper().replace("-", "")) == "OK"
    assert attempt(one, "app4", made["pop3"]) != "OK"
    listed = json.loads(one.culver("account", "app-password", "list", "app4",
                                   "--json").stdout)
    used = {entry["app_password"]: entry["last_used"] for entry in listed}
    assert abs(used["imap"] - time.time()) < 600 and used["pop3"] == 0
    one.culver("account", "app-password", "remove", "app4", "imap")
    assert "AUTHENTICATIONFAILED" in attempt(one, "app4", made["imap"])
    one.culver("account", "set", "app4", "enabled=no")
    assert "disabled" in attempt(one, "app4", made["all"])


def test_scram_keys(running):
    """Made with the password; a hash from elsewhere has none, or is one."""
    one = running
    one.culver("account", "add", "scram1", "--password-stdin", stdin="Taube\n")
    assert shown(one, "scram1")["scram"] == "SCRAM-SHA-1,SCRAM-SHA-256"
    one.culver("account", "set", "scram1", "password-hash={BLF-CRYPT}"
               "$2b$05$abcdefghijklmnopqrstuu3ZjBqFUWMtoRF99dgr7LvDlj2rsCA46")
    assert shown(one, "scram1")["scram"] == "no"
    # RFC 7677 section 3's example: the password is "pencil"
    one.culver("account", "set", "scram1", "password-hash={SCRAM-SHA-256}"
               "4096,W22ZaJ0SNY7soEsUEjb6gQ==,"
               "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
               "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=")
    account = shown(one, "scram1")
    assert account["scram"] == "SCRAM-SHA-256"
    assert account["password"] == "yes"
    assert attempt(one, "scram1", "pencil") == "OK"
    assert "AUTHENTICATIONFAILED" in attempt(one, "scram1", "Taube")


def test_changes_at_once(running):
    """What many administrators change at a time, all is changed."""
    one = running
    add(one, "many")
    words = [["account", "set", "many", f"{name}=off"]
             for name in ("imap", "pop3", "lmtp", "submission", "sieve")]
    words += [["account", "set", "many", "quota=1gb"],
              ["account", "set", "many", "master=yes"],
              ["alias", "add", "many@example.org", "many"],
              ["account", "app-password", "add", "many", "phone"]]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(one.culver, *each) for each in words]:
            done.result()
    account = shown(one, "many")
    assert [account[name] for name in (
        "imap", "pop3", "lmtp", "submission", "sieve", "jmap", "quota",
        "master", "alias", "app-password")] == [
            "no", "no", "no", "no", "no", "yes", "1gb", "yes",
            "many@example.org", "phone"]


APP_PASSWORDS_REFUSED = [
    (["account", "app-password", "add", "app3"], 2, "which label"),
    (["account", "app-password", "add"], 2, "which account"),
    (["account", "app-password", "add", "nobody", "x"], 1, "no account"),
    (["account", "app-password", "add", "app3", "x", "colour=red"], 2,
     "scope expires"),
    (["account", "app-password", "add", "app3", "x", "scope"], 2, "KEY="),
    (["account", "app-password", "add", "app3", "x", "scope="], 1, "imap"),
    (["account", "app-password", "add", "app3", "x", "scope=imap,"], 1,
     "protocol"),
    (["account", "app-password", "add", "app3", "x", "scope=gopher"], 1,
     "gopher"),
    (["account", "app-password", "add", "app3", "x", "expires=soon"], 1,
     "2027-01-01"),
    (["account", "app-password", "add", "app3", "x", "expires=2020-01-01"],
     1, "past"),
    (["account", "app-password", "add", "app3", "x", "expires=2999-02-30"],
     1, "never"),
    (["account", "app-password", "add", "app3", "x", "expires=0d"], 1,
     "past"),
    (["account", "app-password", "add", "app3", "x",
      "expires=99999999999999999999d"], 1, "never"),
    (["account", "app-password", "add", "app3", ""], 1, "label"),
    (["account", "app-password", "add", "app3", "a\nb"], 1, "label"),
    (["account", "app-password", "add", "app3", "x" * 65], 1, "64 bytes"),
    (["account", "app-password", "remove", "app3", "x"], 1, "no app"),
    (["account", "app-password", "remove", "app3"], 2, "which label"),
    (["account", "app-password", "list", "nobody"], 1, "no account"),
    (["account", "app-password"], 2, "account app-password list"),
    (["alias", "add", "x@example.org"], 2, "to which account"),
    (["alias", "add"], 2, "which address"),
    (["alias", "add", "x@example.org", "nobody"], 1, "no account nobody"),
    (["alias", "add", "x@", "app3"], 1, "not an address"),
    (["alias", "add", "a b@example.org", "app3"], 1, "not an address"),
    (["alias", "add", "a@b@c", "app3"], 1, "not an address"),
    (["alias", "add", "x@example.org\n", "app3"], 1, "not an address"),
    (["alias", "add", "app3", "app3"], 1, "there is an account app3"),
    (["alias", "remove", "x@example.org"], 1, "no alias x@example.org"),
    (["alias", "list", "a", "b"], 2, "too many"),
    (["alias"], 2, "alias list"),
]


def test_refusals(running):
    one = running
    add(one, "app3")
    for arguments, code, words in APP_PASSWORDS_REFUSED:
        done = one.culver(*arguments, check=False)
        assert (done.returncode, words in done.stderr) == (code, True), \
            (arguments, done)


def test_aliases(running):
    one = running
    add(one, "al1", "al2", "al3@example.org")
    one.culver("alias", "add", "Info@EXAMPLE.net", "al1", "al2")
    one.culver("alias", "add", "@Bücher.example", "al3@example.org")
    one.culver("alias", "add", '"john smith"@example.net', "al1")
    listed = one.culver("alias", "list").stdout
    assert {tuple(line.rsplit(None, 1)) for line in listed.splitlines()} >= {
        ("info@example.net", "al1"), ("info@example.net", "al2"),
        ('"john smith"@example.net', "al1"),
        ("@bücher.example", "al3@example.org")}
    assert one.culver("alias", "list", "@xn--bcher-kva.example").stdout.split(
    ) == ["@bücher.example", "al3@example.org"]
    one.culver("alias", "remove", "info@example.net", "al1")
    assert "does not go to al1" in refused(
        one, "alias", "remove", "info@example.net", "al1")
    assert one.culver("alias", "list", "info@example.net").stdout.split() == [
        "info@example.net", "al2"]
    one.culver("alias", "remove", '"john smith"@EXAMPLE.net')
    one.culver("account", "remove", "al2")
    assert one.culver("alias", "list", "info@example.net").stdout == ""


def idling(server, name, password):
    imap = imaplib.IMAP4("127.0.0.1", server.imap_port)
    imap.login(name, password)
    imap.select()
    return imap


def is_ended(imap):
    """Within the deadline the server says BYE and closes."""
    imap.sock.settimeout(30)
    try:
        while imap.readline():
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    imap.shutdown()
    return True


def lives(imap):
    return imap.noop()[0] == "OK"


ENDS = [
    # what is done, whether sessions end
    (["account", "set", "NAME", "imap=off"], False),
    (["account", "set", "NAME", "quota=1gb", "--now"], False),
    (["account", "set", "NAME", "pop3=off", "--now"], False),
    (["account", "set", "NAME", "imap=off", "--now"], True),
    (["account", "set", "NAME", "imap=on"], None),
    (["account", "set", "NAME", "enabled=no"], True),
    (["account", "set", "NAME", "enabled=yes"], None),
    (["account", "app-password", "remove", "NAME", "phone", "--now"], True),
    (["account", "set", "NAME", "password-hash="], True),
    (["account", "password", "NAME", "--password-stdin"], True),
    (["account", "remove", "NAME"], True),
]


def test_sessions_end(running):
    one = running
    name, password = "ends", "Taube"
    one.culver("account", "add", name, "--password-stdin", stdin=password)
    one.culver("account", "app-password", "add", name, "phone")
    add(one, "other")
    one.culver("account", "password", "other", "--password-stdin",
               stdin=password)
    bystander = idling(one, "other", password)
    session = idling(one, name, password)
    for arguments, ends in ENDS:
        words = [name if word == "NAME" else word for word in arguments]
        one.culver(*words, stdin=password + "\n")
        if ends:
            assert is_ended(session), arguments
        elif ends is False:
            assert lives(session), arguments
        if ends and "remove" not in words[1:2] and "enabled=no" not in words \
                and "imap=off" not in words and "password-hash=" not in words:
            session = idling(one, name, password)
        elif ends is None:
            session = idling(one, name, password)
        elif "password-hash=" in words:
            one.culver("account", "password", name, "--password-stdin",
                       stdin=password)
            session = idling(one, name, password)
    assert lives(bystander)
    bystander.logout()


def test_recent_failures(running):
    one = running
    one.culver("account", "add", "fail1", "--password-stdin", stdin="x\n")
    assert attempt(one, "fail1", "secret word") != "OK"
    imap = imaplib.IMAP4("127.0.0.1", one.imap_port)
    plain = "\0nobody\x9b2J\x1b[2J\0secret word".encode()
    with pytest.raises(imaplib.IMAP4.error):
        imap.authenticate("PLAIN", lambda _: plain)
    imap.logout()
    status = one.culver("status", "--json").stdout
    failures = json.loads(status)["auth"]["failures"]
    named = {failure["account"]: failure for failure in failures}
    failure = named["fail1"]
    assert failure["protocol"] == "imap" and "password" in failure["reason"]
    assert failure["remote"].startswith("127.0.0.1")
    assert failure["mechanism"] == "PLAIN"
    assert abs(failure["time"] - time.time()) < 600
    text = one.culver("status").stdout
    assert re.search(r"fail1 +127\.0\.0\.1.* PLAIN", text)
    assert "\x9b" not in text and "\x1b" not in text
    assert "secret word" not in status + text + one.log_text()


PASSWD = """\
# a comment

moved1:{BLF-CRYPT}$2b$05$abcdefghijklmnopqrstuu3ZjBqFUWMtoRF99dgr7LvDlj2rsCA46
moved2@Example.org:{PLAIN}Taube:1000:1000::/home/x::userdb_quota_rule=*:storage=10G
moved3:$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEl8:::::: nologin
moved4::1000:1000::/home/x:/bin/sh:userdb_quota_storage_size=5M
moved1:{PLAIN}x
moved5:{KRB5}nothing
bad name:{PLAIN}x
no colon
moved6:{PLAIN}x::::::userdb_quota_rule=*:storage=many
"""


def test_import_passwd(running):
    one = running
    path = one.directory / "passwd"
    path.write_bytes(PASSWD.encode() + b"m\xff:{PLAIN}x\n")
    words = ["account", "import-passwd", path]
    done = one.culver(*words, "--dry-run", check=False)
    assert done.returncode == 1
    assert "no account" in refused(one, "account", "show", "moved1")
    done = one.culver(*words, check=False)
    assert done.returncode == 1
    assert done.stdout == "4 accounts added, 6 lines passed over\n"
    told = done.stderr.splitlines()
    assert [line.split(":")[2] for line in told] == [
        "7", "8", "9", "10", "11", "12"]
    assert "already" in told[0] and "hash" in told[1] and "name" in told[2]
    assert "colon" in told[3] and "500mb" in told[4] and "UTF-8" in told[5]
    assert attempt(one, "moved1", "Taube") == "OK"
    assert attempt(one, "moved2@example.org", "Taube") == "OK"
    assert shown(one, "moved2@example.org")["quota"] == "10gb"
    assert shown(one, "moved3")["enabled"] == "no"
    assert shown(one, "moved3")["password"] == "yes"
    account = shown(one, "moved4")
    assert account["password"] == "no" and account["quota"] == "5mb"
    path.write_text("moved7:{PLAIN}x\n")
    assert one.culver(*words).stdout == \
        "1 accounts added, 0 lines passed over\n"
    assert "No such file" in refused(
        one, "account", "import-passwd", path.with_name("none"))


def test_without_a_server(stopped):
    one = stopped
    add(one, "ann")
    one.culver("alias", "add", "x@example.org", "ann")
    one.culver("account", "app-password", "add", "ann", "phone")
    one.culver("account", "set", "ann", "enabled=no", "--now")
    assert "alias=x@example.org" in one.culver("account", "show", "ann").stdout


VERSION_1 = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE account (id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE, hash TEXT NOT NULL,
        quota INTEGER NOT NULL, enabled INTEGER NOT NULL,
        denied INTEGER NOT NULL, created INTEGER NOT NULL,
        changed INTEGER NOT NULL) STRICT;
    CREATE TABLE news (serial INTEGER PRIMARY KEY AUTOINCREMENT,
        account INTEGER NOT NULL UNIQUE, removed INTEGER NOT NULL) STRICT;
    PRAGMA user_version = 1;
"""


def test_old_database(stopped):
    """What an earlier release wrote goes on working, accounts and all."""
    one = stopped
    add(one, "new")
    (path,) = one.directory.glob("state/**/accounts.db")
    owner, mode = path.stat(), path.stat().st_mode
    with sqlite3.connect(path) as db:
        rows = db.execute(
            "SELECT id, name, hash, quota, enabled, denied, created, changed"
            " FROM account").fetchall()
    db.close()
    for file in path.parent.glob("accounts.db*"):
        file.unlink()
    db = sqlite3.connect(path)
    db.executescript(VERSION_1)
    db.executemany("INSERT INTO account VALUES(?,?,?,?,?,?,?,?)", rows)
    db.commit()
    db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    path.chmod(mode & 0o777)
    shutil.chown(path, owner.st_uid, owner.st_gid)
    account = shown(one, "new")
    assert account["detail"] == "yes" and account["source"] == "builtin"
    one.culver("alias", "add", "x@example.org", "new")
