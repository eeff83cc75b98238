# SPDX-License-Identifier: Apache-2.0
"""The command line: the same with a server and without one."""
import imaplib
import json
import os
import pty
import re
import select
import shutil
import time

import pytest

from harness import Server


@pytest.fixture(params=["running", "stopped"])
def one(request):
    """A server that runs, or could."""
    server = Server()
    if request.param == "running":
        server.start()
    yield server
    if server.process:
        server.close()
    else:
        shutil.rmtree(server.directory)


def shown(server, name):
    out = server.culver("account", "show", name).stdout
    return dict(line.split("=", 1) for line in out.splitlines())


def test_account_life(one):
    one.culver("account", "add", "Ann@Example.org", "--password-stdin",
               "--quota", "10gb", stdin="Taube\n")
    one.culver("account", "add", "--password-stdin", "bob", stdin="x")
    listed = one.culver("account", "list").stdout
    assert [line.split()[0] for line in listed.splitlines()] == [
        "ann@example.org", "bob"]
    account = shown(one, "ANN@example.ORG")
    assert account["quota"] == "10gb"
    assert account["enabled"] == "yes" and account["password"] == "yes"
    one.culver("account", "set", "bob", "quota=500mb", "enabled=no",
               "imap=off")
    account = shown(one, "bob")
    assert (account["quota"], account["enabled"], account["imap"]) == (
        "500mb", "no", "no")
    one.culver("account", "password", "bob", "--password-stdin", stdin="y\n")
    one.culver("account", "remove", "bob")
    done = one.culver("account", "show", "bob", check=False)
    assert done.returncode == 1
    assert done.stderr == "culver: there is no account bob\n"


REFUSED = [
    # arguments, standard input, exit code, words on standard error
    (["account", "add", "ann", "--password-stdin"], "x\n", 1, "already"),
    (["account", "add", "a b", "--password-stdin"], "x\n", 1, "name"),
    (["account", "add", "-ann", "--password-stdin"], "x\n", 2, "no option"),
    (["account", "add", "--password-stdin", "--", "-ann"], "x\n", 1, "name"),
    (["account", "add", "eve", "--password-stdin"], "\n", 2, "no password"),
    (["account", "add", "eve", "--password-stdin"], "a\tb\n", 1, "password"),
    (["account", "add", "eve", "--password-stdin", "--quota", "1x"], "x\n", 1,
     "500mb"),
    (["account", "add", "eve", "--password-stdin", "--quota"], "x\n", 2,
     "--quota needs a value"),
    (["account", "add"], "", 2, "which account"),
    (["account", "add", "a", "b"], "", 2, "KEY=VALUE"),
    (["account", "set", "ann"], "", 2, "usage"),
    (["account", "set", "ann", "quota"], "", 2, "KEY=VALUE"),
    (["account", "set", "ann", "colour=red"], "", 1, "quota enabled"),
    (["account", "set", "ann", "enabled=maybe"], "", 1, "yes or no"),
    (["account", "set", "ann", "password-hash=Taube"], "", 1, "crypt"),
    (["account", "set", "eve", "quota=1mb"], "", 1, "no account eve"),
    (["account", "password", "eve", "--password-stdin"], "x\n", 1, "no acc"),
    (["account", "remove", "eve"], "", 1, "no account eve"),
    (["account", "list", "x"], "", 2, "no arguments"),
    (["account", "lost"], "", 2, "account list"),
    (["acount", "list"], "", 2, "no command acount"),
    (["serve", "x"], "", 2, "no arguments"),
    ([], "", 2, "usage"),
]


def test_refusals(one):
    one.culver("account", "add", "ann", "--password-stdin", stdin="x\n")
    for arguments, stdin, code, words in REFUSED:
        done = one.culver(*arguments, stdin=stdin, check=False)
        assert (done.returncode, words in done.stderr) == (code, True), \
            (arguments, done)


def test_imported_hash_logs_in():
    one = Server().start()
    try:
        one.culver("account", "add", "ann", "--password-stdin", stdin="x\n")
        one.culver("account", "set", "ann", "password-hash={BLF-CRYPT}"
                   "$2b$05$abcdefghijklmnopqrstuu"
                   "3ZjBqFUWMtoRF99dgr7LvDlj2rsCA46")
        imap = imaplib.IMAP4("127.0.0.1", one.imap_port)
        imap.login("ann", "Taube")
        imap.logout()
    finally:
        one.close()


def attempt(server, name, password):
    imap = imaplib.IMAP4("127.0.0.1", server.imap_port)
    try:
        imap.login(name, password)
        imap.logout()
        return "OK"
    except imaplib.IMAP4.error as error:
        imap.shutdown()
        return str(error)


def test_changes_reach_logins():
    one = Server().start()
    try:
        name, password = one.account("ann")
        assert attempt(one, name, password) == "OK"
        assert attempt(one, "ANN", password) == "OK"
        assert "AUTHENTICATIONFAILED" in attempt(one, name, "wrong")
        assert "AUTHENTICATIONFAILED" in attempt(one, "nobody", password)
        one.culver("account", "set", name, "imap=no")
        assert "may not use" in attempt(one, name, password)
        assert "AUTHENTICATIONFAILED" in attempt(one, name, "wrong")
        one.culver("account", "set", name, "imap=yes", "enabled=no")
        assert "disabled" in attempt(one, name, password)
        one.culver("account", "set", name, "enabled=yes")
        one.culver("account", "password", name, "--password-stdin",
                   stdin="new one\n")
        assert "AUTHENTICATIONFAILED" in attempt(one, name, password)
        assert attempt(one, name, "new one") == "OK"
        log = one.log_text()
        assert password not in log and "new one" not in log
        lines = re.findall(r'.*msg="?login.*', log)
        assert len(lines) == 9
        for field in ("protocol=imap", "remote=127.0.0.1", "mechanism=PLAIN",
                      "tls=", "reason=", "account="):
            assert all(field in line for line in lines), field
    finally:
        one.close()


def test_removed_account_ends_and_its_mail_goes():
    one = Server().start()
    try:
        name, password = one.account("ann")
        imap = imaplib.IMAP4("127.0.0.1", one.imap_port)
        imap.login(name, password)
        imap.append("INBOX", None, None, b"Subject: x\r\n\r\ny\r\n")
        one.culver("account", "remove", name)
        with pytest.raises(imaplib.IMAP4.abort):
            for _ in range(100):
                imap.noop()
                time.sleep(0.05)
        one.culver("account", "add", name, "--password-stdin", stdin="x\n")
        imap = imaplib.IMAP4("127.0.0.1", one.imap_port)
        imap.login(name, "x")
        assert imap.select()[1] == [b"0"]
        imap.logout()
    finally:
        one.close()


def test_removal_without_mail_is_told_later():
    """Removed while no server runs: gone all the same."""
    one = Server().start()
    try:
        name, password = one.account("ann")
        imap = imaplib.IMAP4("127.0.0.1", one.imap_port)
        imap.login(name, password)
        imap.append("INBOX", None, None, b"Subject: x\r\n\r\ny\r\n")
        imap.logout()
        one.stop()
        one.culver("account", "remove", name)
        one.culver("account", "add", name, "--password-stdin", stdin="x\n")
        one.start()
        imap = imaplib.IMAP4("127.0.0.1", one.imap_port)
        imap.login(name, "x")
        assert imap.select()[1] == [b"0"]
        imap.logout()
    finally:
        one.close()


def test_status():
    one = Server()
    try:
        done = one.culver("status", check=False)
        assert (done.returncode, done.stderr) == (
            3, "culver: the server does not run\n")
        one.start()
        assert attempt(one, *one.account("ann")) == "OK"
        figures = json.loads(one.culver("status", "--json").stdout)
        assert figures["auth"]["accounts"] == 1
        assert figures["auth"]["logins_ok"] == 1
        names = [p["name"] for p in figures["auth"]["processes"]]
        assert names == ["front0", "front1", "auth", "mail"]
        assert sum(p["connections_total"]
                   for p in figures["auth"]["processes"]) == 1
        assert figures["mail"]["store"]["writes"] > 0
        text = one.culver("status").stdout
        assert "front1" in text and "1 accounts" in text
    finally:
        one.close()


def test_check():
    one = Server()
    try:
        assert one.culver("check").stdout.endswith("no errors\n")
        one.settings["limits.litteral"] = '"1mb"'
        one.settings["log.level"] = '"loud"'
        one.write_config()
        done = one.culver("check", check=False)
        assert done.returncode == 2
        assert "limits.literal" in done.stderr  # the suggestion
        assert len(re.findall(r"^\S+culver.conf:\d+: ", done.stderr,
                              re.M)) == 2
        assert one.culver("serve", check=False).returncode == 2
        done = one.culver("account", "list", check=False)
        assert done.returncode == 2
        one.config.unlink()
        assert one.culver("check", check=False).returncode == 2
    finally:
        shutil.rmtree(one.directory)


def test_help():
    one = Server()
    try:
        text = one.culver("--help").stdout
        for command in ("serve", "check", "account add", "account remove",
                        "status"):
            assert f"  {command}" in text
            more = one.culver(*command.split(), "--help").stdout
            assert more.startswith(f"usage: culver [-c FILE] {command}")
            assert "Exit codes: 0 done" in more
        assert "account show" in one.culver("account", "--help").stdout
        assert re.fullmatch(r"culver \d+\.\d+\.\d+\n",
                            one.culver("--version").stdout)
    finally:
        shutil.rmtree(one.directory)


def talk(program, arguments, dialogue):
    """Runs it on a terminal of its own; what stood there, and the status."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(program, [str(program), *arguments])
    text = b""
    for expected, answer in [*dialogue, (None, None)]:
        while expected is None or not re.search(expected.encode(), text):
            ready, _, _ = select.select([terminal], [], [], 60)
            assert ready, text
            try:
                more = os.read(terminal, 1000)
            except OSError:
                more = b""
            if not more:
                assert expected is None, text
                break
            text += more
        if answer is not None:
            os.write(terminal, answer.encode() + b"\n")
    os.close(terminal)
    return text.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_password_on_the_terminal():
    one = Server().start()
    try:
        add = ["-c", str(one.config), "account", "add"]
        text, code = talk(one.program, [*add, "ann"],
                          [("Password", "Taube"), ("again", "Taube")])
        assert code == 0, text
        assert "Taube" not in text  # no echo
        assert attempt(one, "ann", "Taube") == "OK"
        text, code = talk(one.program, [*add, "bob"],
                          [("Password", "Taube"), ("again", "Tauben")])
        assert code == 1 and "differ" in text
        text, code = talk(one.program, [*add, "bob"], [("Password", "")])
        assert code == 0, text
        made_up = re.search(r"password is: (\S+)", text)[1]
        assert len(made_up) >= 20
        assert attempt(one, "bob", made_up) == "OK"
    finally:
        one.close()


def test_without_terminal_or_stdin(one):
    done = one.culver("account", "add", "ann", check=False, stdin="",
                      start_new_session=True)
    assert done.returncode == 2
    assert "--password-stdin" in done.stderr
