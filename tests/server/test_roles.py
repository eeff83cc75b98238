# SPDX-License-Identifier: Apache-2.0
"""The master and its roles, as real processes: starting, dying, reloading,
ending; as root and as an ordinary user."""
import imaplib
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import time

import pytest

from harness import AsNobody, Server, make_certificate

ROLES = ("front", "auth", "mail")


@pytest.fixture(params=["me", "nobody"])
def mine(request):
    """A running server for one test."""
    if request.param == "nobody" and os.geteuid() != 0:
        pytest.skip("needs root to become nobody")
    one = (AsNobody if request.param == "nobody" else Server)().start()
    yield one
    one.close()


def wait_for(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)


def wait_for_log(server, pattern, begin=0):
    return wait_for(lambda: re.search(pattern, server.log_text()[begin:]),
                    pattern + "\n" + server.tail())


def login(server):
    name, password = server.account("ann")
    imap = imaplib.IMAP4("127.0.0.1", server.imap_port)
    imap.login(name, password)
    return imap


def status_of(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines()
                if ":\t" in line)


def test_roles_are_confined(mine):
    users = set()
    for role, pid in mine.children().items():
        status = status_of(pid)
        assert status["NoNewPrivs"] == "1", role
        assert status["Seccomp"] == "2", role
        assert int(status["CapEff"], 16) == 0, role
        assert int(status["CapPrm"], 16) == 0, role
        users.add(status["Uid"].split()[0])
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0", limits), role
    assert "0" not in users
    # As root, each has a user of its own.
    master = status_of(mine.process.pid)["Uid"].split()[0]
    assert len(users) == (3 if master == "0" else 1)


def test_master_keeps_little(mine):
    status = status_of(mine.process.pid)
    cap_sys_admin, cap_net_raw, cap_bpf = 1 << 21, 1 << 13, 1 << 39
    assert not int(status["CapBnd"] if status["Uid"].startswith("0")
                   else status["CapEff"], 16) & (
        cap_sys_admin | cap_net_raw | cap_bpf)


def test_state_is_private(mine):
    state = mine.directory / "state"
    for name in ("auth", "mail", "control"):
        mode = (state / name).stat().st_mode
        assert stat.S_IMODE(mode) == 0o700, name
    for name in ("auth", "mail"):
        sock = state / "control" / name
        assert stat.S_ISSOCK(sock.stat().st_mode)
        assert stat.S_IMODE(sock.stat().st_mode) == 0o600


@pytest.mark.parametrize("role", ROLES)
def test_killed_role_comes_back(mine, role):
    login(mine).logout()
    before = mine.children()
    os.kill(before[role], signal.SIGKILL)
    wait_for_log(mine, r'msg="role died".*SIGKILL')
    wait_for_log(mine, r'msg="role is back"')
    # The others still know each other: a login goes through all three.
    imap = login(mine)
    assert imap.select()[0] == "OK"
    assert imap.append("INBOX", None, None, b"Subject: x\r\n\r\ny\r\n")[0] \
        == "OK"
    imap.logout()
    after = mine.children()
    assert after[role] != before[role] or role == "front"
    for other in ROLES:
        if other not in (role, "front"):
            assert after[other] == before[other]


def test_acknowledged_mail_survives_a_kill(mine):
    imap = login(mine)
    imap.append("INBOX", None, None, b"Subject: kept\r\n\r\n1\r\n")
    os.kill(mine.children()["mail"], signal.SIGKILL)
    wait_for_log(mine, r'msg="role is back"')
    imap = login(mine)
    assert imap.select()[1] == [b"1"]
    assert b"Subject: kept" in imap.fetch("1", "(BODY[])")[1][0][1]
    imap.logout()


def test_repeated_death_backs_off(mine):
    for _ in range(3):
        begin = len(mine.log_text())
        os.kill(mine.children()["auth"], signal.SIGKILL)
        wait_for_log(mine, r'msg="role is back"', begin)
    waits = [int(w) for w in re.findall(r"after_ms=(\d+)", mine.log_text())]
    assert waits == sorted(waits) and waits[0] <= 100 < waits[1] < waits[2]


def test_reload_ends_the_wait(mine):
    """Who mended what a role died of need not wait for its time."""
    def kill(times, hurry):
        for _ in range(times):
            begin = len(mine.log_text())
            os.kill(mine.children()["auth"], signal.SIGKILL)
            wait_for_log(mine, "will be started again", begin)
            if hurry:
                mine.process.send_signal(signal.SIGHUP)
            wait_for_log(mine, r'msg="role is back"', begin)
    kill(3, False)
    kill(3, True)
    waits = [int(w) for w in re.findall(r"after_ms=(\d+)", mine.log_text())]
    assert waits[3] > waits[2] > 100
    assert waits[4] <= 100 and waits[5] <= 100


def test_roles_die_with_the_master(mine):
    roles = mine.children()
    mine.process.kill()
    mine.process.wait()
    wait_for(lambda: not any(
        pathlib.Path(f"/proc/{pid}").exists() and
        status_of(pid)["State"][0] not in "ZX"
        for pid in roles.values()), "the end of the roles")
    mine.start()  # and the state directory is free at once
    login(mine).logout()


def test_second_instance_is_refused(mine):
    done = mine.culver("serve", check=False)
    assert done.returncode == 4
    assert f"pid={mine.process.pid}" in done.stderr
    login(mine).logout()


def test_reload(mine):
    imap = login(mine)
    imap.enable("METADATA")
    begin = len(mine.log_text())
    mine.settings["login.plaintext_without_tls"] = "false"
    mine.settings["workers.fronts"] = "7"
    mine.settings["server.comment"] = '"New here"'
    mine.write_config()
    mine.process.send_signal(signal.SIGHUP)
    wait_for_log(mine, 'msg="configuration reloaded"', begin)
    text = mine.log_text()[begin:]
    assert re.search(
        r'"setting changed".*login.plaintext_without_tls', text)
    assert re.search(r'"setting changes with the next start only".*'
                     r'workers.fronts', text)
    assert imap.noop()[0] == "OK"  # sessions stay
    # And are told what the administrator changed, once the mail role has it.
    wait_for(lambda: imap.noop() and imap.response("METADATA")[1] == [
        b'"" /shared/comment'], "the new comment")
    wait_for(lambda: "LOGINDISABLED" in imaplib.IMAP4(
        "127.0.0.1", mine.imap_port).capabilities, "the new setting")


def test_broken_file_changes_nothing(mine):
    imap = login(mine)
    begin = len(mine.log_text())
    sound = mine.config.read_text()
    mine.config.write_text(
        sound.replace('plaintext_without_tls = true',
                      'plaintext_without_tls = false') +
        "nonsense = 1;\nlog = {")
    mine.process.send_signal(signal.SIGHUP)
    wait_for_log(mine, "configuration is kept as it was", begin)
    text = mine.log_text()[begin:]
    assert "file=" in text and "line=" in text
    assert "configuration reloaded" not in text
    assert imap.noop()[0] == "OK"
    login(mine).logout()
    mine.config.write_text(sound)


def test_new_certificate(mine):
    begin = len(mine.log_text())

    def served():
        return ssl.get_server_certificate(("127.0.0.1", mine.imaps_port))
    before = served()
    owner = mine.config.stat().st_uid
    make_certificate(mine.directory)
    for name in ("cert.pem", "key.pem"):
        os.chown(mine.directory / name, owner, -1)
    mine.process.send_signal(signal.SIGHUP)
    wait_for_log(mine, 'msg="configuration reloaded"', begin)
    wait_for(lambda: served() != before, "the new certificate")


def test_log_file_is_reopened(mine):
    owner = mine.config.stat().st_uid
    path = mine.directory / "other.log"
    path.touch()
    os.chown(path, owner, -1)
    mine.settings["log.destination"] = f'"{path}"'
    mine.write_config()
    mine.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "configuration reloaded" in path.read_text(), "the log")
    login(mine).logout()
    wait_for(lambda: "role=auth" in path.read_text(), "the role's line")
    path.rename(mine.directory / "old.log")
    path.touch()
    os.chown(path, owner, -1)
    mine.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "configuration reloaded" in path.read_text(), "the log")
    del mine.settings["log.destination"]
    mine.write_config()
    mine.process.send_signal(signal.SIGHUP)
    wait_for(lambda: mine.log_text().count("configuration reloaded") > 0,
             "the log of before")


def test_sessions_are_told_of_the_end(mine):
    imap = login(mine)
    mine.stop()
    with pytest.raises(imaplib.IMAP4.abort):
        imap.noop()


def test_start_fails_as_a_whole():
    """A store that cannot be opened: no half server."""
    one = Server()
    try:
        (one.directory / "state").mkdir()
        one.settings["listen.imap"] = '["192.0.2.1:1143"]'
        one.write_config()
        done = one.culver("serve", check=False)
        assert done.returncode == 1
        assert "192.0.2.1:1143" in done.stderr
        one.settings["listen.imap"] = "[]"
        one.write_config()
        (one.directory / "state/auth").mkdir(exist_ok=True)
        (one.directory / "state/auth/accounts.db").write_text("rubbish " * 99)
        done = one.culver("serve", check=False)
        assert done.returncode == 1
        assert "start failed" in done.stderr
        assert "not a database" in done.stderr
    finally:
        shutil.rmtree(one.directory)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_state_changes_hands():
    """First as an ordinary user, then as root: the mail is still there."""
    one = AsNobody().start()
    try:
        login(one).append("INBOX", None, None, b"Subject: x\r\n\r\ny\r\n")
        one.stop()
        one.program = one.directory / "culver"
        one.start()
        imap = login(one)
        assert imap.select()[1] == [b"1"]
        imap.logout()
        owner = (one.directory / "state/mail").stat().st_uid
        assert owner not in (0, 65534)
    finally:
        one.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_tree_that_no_role_may_enter():
    """As root, with everything below a directory that is closed to others."""
    one = Server()
    one.directory.chmod(0o700)
    one.start()
    try:
        imap = login(one)
        assert imap.select()[0] == "OK"
        imap.logout()
    finally:
        one.close()


def test_says_ready_at_any_level():
    one = Server({"log.level": '"error"'})
    try:
        one.start()     # which waits for the line
        assert one.log_text().count("msg=ready") == 1
    finally:
        one.close()


def test_notifies_the_service_manager():
    one = Server()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        path = one.directory / "notify"
        sock.bind(str(path))
        sock.settimeout(30)
        process = subprocess.Popen(
            [one.program, "-c", one.config, "serve"],
            stderr=subprocess.DEVNULL,
            env={**os.environ, "NOTIFY_SOCKET": str(path)})
        try:
            assert sock.recv(200) == b"READY=1"
            process.send_signal(signal.SIGHUP)
            assert sock.recv(200).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert sock.recv(200) == b"READY=1"
            process.terminate()
            assert sock.recv(200) == b"STOPPING=1"
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(one.directory)
