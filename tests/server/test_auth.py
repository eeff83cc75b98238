# SPDX-License-Identifier: Apache-2.0
"""Who may come in: mechanisms, app passwords, master users, what ends a
session, what a flood of wrong passwords does, and what the log says of it."""
import base64
import concurrent.futures
import json
import re
import select
import socket
import sqlite3
import ssl
import struct
import subprocess

import pytest

from harness import Server, eventually
from scram import Client, Scram, connect

SCRAM = ("SCRAM-SHA-1", "SCRAM-SHA-256")


def sha512_of(password):
    return subprocess.run(
        ["openssl", "passwd", "-6", "-salt", "saltsalt", password],
        check=True, capture_output=True, text=True).stdout.strip()


def attempts(server, begin=0):
    """The log's lines of attempts, as dictionaries."""
    found = []
    for line in server.log_text()[begin:].splitlines():
        if re.search(r'msg=(login |"login refused")', line):
            found.append({k: v.strip('"') for k, v in re.findall(
                r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)', line)})
    return found


def last_attempt(server, name):
    return [a for a in attempts(server) if a["account"] == name][-1]


def row_of(server, name):
    """What the database has of an account, without disturbing it."""
    path = server.directory / "state" / "auth" / "accounts.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        return db.execute(
            "SELECT * FROM account WHERE name = ?", (name,)).fetchone()


@pytest.fixture(scope="module")
def one():
    server = Server({"log.level": '"debug"', "login.master_users": "true",
                     "login.anonymous": '"guest"',
                     "limits.login_failures": "100"}).start()
    yield server
    server.close()


# ------------------------------------------------------------ mechanisms

def test_password_mechanisms(one):
    name, password = one.account()
    for way in ("plain", "login"):
        client = connect(one)
        assert getattr(client, way)(name, password).startswith("a OK"), way
        assert client.command("b NOOP").startswith("b OK")
        client.close()
        client = connect(one)
        assert getattr(client, way)(name, password + "x").startswith(
            "a NO [AUTHENTICATIONFAILED]"), way
        client.close()
    assert last_attempt(one, name)["mechanism"] == "LOGIN"


@pytest.mark.parametrize("mechanism", SCRAM)
def test_scram(one, mechanism):
    name, password = one.account()
    client = connect(one)
    assert mechanism in client.mechanisms()
    assert client.scram(mechanism, name, password).startswith("a OK")
    assert client.command("b SELECT INBOX").startswith("b OK")
    client.close()
    client = connect(one)
    assert client.scram(mechanism, name, "wrong").startswith("a NO")
    assert last_attempt(one, name)["reason"]
    # In the same connection, another exchange.
    assert client.scram(mechanism, name, password).startswith("a OK")
    client.close()


def test_who_hangs_up_after_a_right_proof_is_logged(one):
    """SCRAM tells that the password is right before it lets anybody in."""
    name, password = one.account()
    client = connect(one)
    exchange = Scram("SCRAM-SHA-256", name, password)
    client.send("a AUTHENTICATE SCRAM-SHA-256")
    client.line()
    client.send(base64.b64encode(exchange.first()).decode())
    server_first = base64.b64decode(client.line()[1:].strip())
    client.send(base64.b64encode(exchange.final(server_first)).decode())
    verifier = base64.b64decode(client.line()[1:].strip())
    assert verifier == exchange.signature
    client.close()
    eventually(lambda: [a for a in attempts(one) if a["account"] == name],
               "it is in the log")
    assert last_attempt(one, name)["reason"] == "hung up after a right proof"


def test_scram_tells_no_names(one):
    """An account that is not there has a salt as stable as one that is, and
    as many iterations."""
    name, _ = one.account()
    seen = {}
    for who in (name, name, "nobody-1", "nobody-1", "nobody-2"):
        client = connect(one)
        answer = client.scram("SCRAM-SHA-256", who, "wrong")
        fields = client.exchange.fields
        seen.setdefault(who, []).append(
            (fields["s"], fields["i"], answer))
        client.close()
    assert len(set(seen[name])) == len(set(seen["nobody-1"])) == 1
    salts = {who: rows[0][0] for who, rows in seen.items()}
    assert len(set(salts.values())) == 3
    assert len({len(base64.b64decode(s)) for s in salts.values()}) == 1
    assert len({rows[0][1:] for rows in seen.values()}) == 1


def exporter(server, run):
    """Calls run(client, keying material) over a TLS 1.3 connection that
    openssl makes, since Python tells no tls-exporter."""
    process = subprocess.Popen(
        ["openssl", "s_client", "-connect", "%s:%d" % server.address(True),
         "-tls1_3", "-nocommands", "-ign_eof",
         "-keymatexport", "EXPORTER-Channel-Binding",
         "-keymatexportlen", "32"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL)

    class Pipe:
        def makefile(self, _):
            return process.stdout

        def sendall(self, data):
            process.stdin.write(data)
            process.stdin.flush()

        def close(self):
            process.kill()
            process.wait()

    try:
        for line in process.stdout:
            if line.startswith(b"    Keying material: "):
                key = bytes.fromhex(line.split()[-1].decode())
            if line.startswith(b"---") and "key" in locals():
                break
        return run(Client(Pipe()), key)
    finally:
        process.kill()
        process.communicate()


def greeting_of(client):
    while not client.greeting.startswith("* OK"):
        client.greeting = client.line()


@pytest.mark.parametrize("mechanism", SCRAM)
def test_scram_plus_tls13(one, mechanism):
    name, password = one.account()

    def right(client, key):
        greeting_of(client)
        return client.scram(mechanism + "-PLUS", name, password,
                            binding=("tls-exporter", key))

    def wrong(client, key):
        greeting_of(client)
        return client.scram(mechanism + "-PLUS", name, password,
                            binding=("tls-exporter", bytes(32)))

    assert exporter(one, right).startswith("a OK")
    assert last_attempt(one, name)["mechanism"] == mechanism + "-PLUS"
    assert last_attempt(one, name)["tls"] == "TLSv1.3"
    assert exporter(one, wrong).startswith("a NO")


def tls12(server):
    context = server.context
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


@pytest.mark.parametrize("mechanism", SCRAM)
def test_scram_plus_tls12(one, mechanism):
    name, password = one.account()
    client = connect(one, True, tls12(one))
    unique = client.sock.get_channel_binding("tls-unique")
    assert mechanism + "-PLUS" in client.mechanisms()
    assert client.scram(mechanism + "-PLUS", name, password,
                        binding=("tls-unique", unique)).startswith("a OK")
    client.close()
    # Somebody in the middle has another connection.
    client = connect(one, True, tls12(one))
    assert client.scram(mechanism + "-PLUS", name, password,
                        binding=("tls-unique", unique)).startswith("a NO")
    client.close()


def test_hidden_plus_is_found_out(one):
    """RFC 5802 section 6: the client could bind, and was told that the server
    cannot."""
    name, password = one.account()
    client = connect(one, True)
    assert not client.scram(
        "SCRAM-SHA-256", name, password, flag="y").startswith("a OK")
    client.close()
    # Without TLS there is none to hide.
    client = connect(one)
    assert client.scram(
        "SCRAM-SHA-256", name, password, flag="y").startswith("a OK")
    client.close()


def test_anonymous_reads_only(one):
    one.account("guest")
    client = connect(one)
    assert "ANONYMOUS" in client.mechanisms()
    assert client.authenticate("ANONYMOUS", b"me@example.org").startswith(
        "a OK")
    assert client.command("b SELECT INBOX").startswith("b OK [READ-ONLY]")
    assert client.command("c CREATE mine").startswith("c NO")
    client.close()


def test_not_offered_is_refused():
    server = Server({"login.mechanisms": '["SCRAM-SHA-256"]'}).start()
    try:
        name, password = server.account()
        client = connect(server)
        assert client.mechanisms() == {"SCRAM-SHA-256"}
        assert not client.plain(name, password).startswith("a OK")
        assert not client.command(
            f"b LOGIN {name} {password}").startswith("b OK")
        assert client.scram("SCRAM-SHA-256", name, password).startswith("a OK")
        client.close()
    finally:
        server.close()


def test_scram_is_for_all_or_none(own_server):
    """Offered while everybody has keys; a login with the password makes those
    that are missing, and a better hash."""
    server = own_server
    server.account()
    offered = set(SCRAM)
    client = connect(server)
    assert offered < client.mechanisms()
    server.culver("account", "add", "moved", "--no-password")
    server.culver("account", "set", "moved",
                  f"password-hash={sha512_of('moved')}")
    eventually(lambda: not offered & connect(server).mechanisms(),
               "SCRAM is not offered")
    assert client.command("l LOGIN moved moved").startswith("l OK")
    client.close()
    eventually(lambda: offered < connect(server).mechanisms(),
               "SCRAM is offered again")
    row = row_of(server, "moved")
    assert row["hash"].startswith("$y$")
    for mechanism in SCRAM:
        client = connect(server)
        assert client.scram(mechanism, "moved", "moved").startswith("a OK")
        client.close()
    client = connect(server)
    assert client.command("l LOGIN moved moved").startswith("l OK")
    client.close()


def test_rehash_can_be_off():
    server = Server({"login.rehash": "false"}).start()
    try:
        server.culver("account", "add", "moved", "--no-password")
        made = sha512_of("moved")
        server.culver("account", "set", "moved", f"password-hash={made}")
        client = connect(server)
        assert client.command("l LOGIN moved moved").startswith("l OK")
        client.close()
        server.stop()
        assert row_of(server, "moved")["hash"] == made
    finally:
        server.close()


# --------------------------------------------------------- app passwords

def app_password(server, name, label, *more):
    out = server.culver("account", "app-password", "add", name, label,
                        *more).stdout
    return re.search(r"\b[a-z0-9]{4,}(-[a-z0-9]{4,})+\b", out)[0]


def test_app_passwords(one):
    name, password = one.account()
    phone = app_password(one, name, "phone")
    pop = app_password(one, name, "old-program", "scope=pop3")
    client = connect(one)
    assert client.plain(name, pop).startswith("a NO [AUTHORIZATIONFAILED]")
    assert client.scram("SCRAM-SHA-256", name, phone).startswith("a NO")
    assert client.plain(name, phone).startswith("a OK")
    client.close()
    assert last_attempt(one, name)["app"] == "phone"
    one.culver("account", "app-password", "remove", name, "phone")
    client = connect(one)
    assert client.plain(name, phone).startswith("a NO [AUTHENTICATIONFAILED]")
    assert client.plain(name, password).startswith("a OK")
    client.close()


# ---------------------------------------------------------- master users

def test_master_users(one):
    user, _ = one.account()
    master, password = one.account()
    other, other_password = one.account()
    one.culver("account", "set", master, "master=yes")
    client = connect(one)
    for refused in ((f"{user}*{master}", "wrong", ""),
                    (f"{user}*{other}", other_password, ""),
                    (f"nobody*{master}", password, ""),
                    (other, other_password, user)):
        assert client.plain(*refused).startswith(
            "a NO [AUTHENTICATIONFAILED] Authentication failed"), refused
    assert client.plain(f"{user}*{master}", password).startswith("a OK")
    assert client.command("b SELECT INBOX").startswith("b OK")
    client.close()
    attempt = last_attempt(one, user)
    assert attempt["master"] == master and attempt["result"] == "ok"
    client = connect(one)
    assert client.plain(master, password, user).startswith("a OK")
    client.close()
    # An app password is its program's, for its own account.
    client = connect(one)
    assert client.plain(f"{user}*{master}",
                        app_password(one, master, "x")).startswith("a NO")
    # What is off for the user is off for who comes in their place.
    one.culver("account", "set", user, "imap=off")
    assert client.plain(f"{user}*{master}", password).startswith(
        "a NO [AUTHORIZATIONFAILED]")
    client.close()


def test_master_users_are_off(server):
    user, _ = server.account()
    master, password = server.account()
    server.culver("account", "set", master, "master=yes")
    client = connect(server)
    assert client.plain(f"{user}*{master}", password).startswith("a NO")
    assert client.plain(master, password, user).startswith("a NO")
    client.close()


# ------------------------------------------------- the cache, and the end

def test_remembered_until_it_changes(one):
    name, password = one.account()

    def login(secret):
        client = connect(one)
        answer = client.plain(name, secret)
        client.close()
        return answer.split()[1], last_attempt(one, name)["reason"]

    assert login(password) == ("OK", "")
    assert login(password) == ("OK", "remembered")
    assert login(password + "x")[0] == "NO"
    one.culver("account", "password", name, "--password-stdin",
               stdin="another\n")
    assert login(password) == ("NO", "wrong password")
    assert login("another") == ("OK", "")
    assert login("another") == ("OK", "remembered")
    one.culver("account", "set", name, "enabled=no")
    assert login("another") == ("NO", "account is disabled")
    assert login("wrong") == ("NO", "wrong password")


@pytest.mark.parametrize("change", ["password", "disable", "remove"])
def test_sessions_end(one, change):
    name, password = one.account()
    client, other = connect(one), connect(one)
    assert client.plain(name, password).startswith("a OK")
    somebody = one.account()
    assert other.plain(*somebody).startswith("a OK")
    if change == "password":
        one.culver("account", "password", name, "--password-stdin",
                   stdin="new\n")
    elif change == "disable":
        one.culver("account", "set", name, "enabled=no")
    else:
        one.culver("account", "remove", name)
    lines = client.file.read().decode().splitlines()
    assert all(line.startswith("* ") for line in lines)
    assert other.command("b NOOP").startswith("b OK")
    other.close()
    again = connect(one)
    assert again.plain(name, password).startswith("a NO")
    again.close()
    client.close()


def test_refusals_tell_nothing(one):
    """Unknown, without a password, disabled: only who has the password is
    told more."""
    name, password = one.account()
    one.culver("account", "add", "no-password", "--no-password")
    disabled, disabled_password = one.account()
    one.culver("account", "set", disabled, "enabled=no")
    answers = set()
    for who in (name, "no-password", disabled, "nobody-at-all", "böse name*"):
        client = connect(one)
        answers.add(client.plain(who, "wrong"))
        client.close()
    assert answers == {"a NO [AUTHENTICATIONFAILED] Authentication failed"}
    client = connect(one)
    assert "disabled" in client.plain(disabled, disabled_password)
    client.close()


def test_recent_failures(one):
    client = connect(one)
    assert client.plain("who-was-it", "wrong").startswith("a NO")
    client.close()
    status = json.loads(one.culver("status", "--json").stdout)
    failure = status["auth"]["failures"][0]
    assert failure["account"] == "who-was-it"
    assert failure["protocol"] == "imap"
    assert failure["mechanism"] == "PLAIN"
    assert failure["reason"] == "unknown account"


# -------------------------------------------------------------- guessing

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def proxied(source):
    """A PROXY header, version 2."""
    return SIGNATURE + b"\x21\x11\0\x0c" + socket.inet_aton(source) \
        + socket.inet_aton("198.51.100.2") + struct.pack(">HH", 54321, 143)


@pytest.fixture(scope="module")
def guarded():
    server = Server({"proxy.networks": '["127.0.0.0/8"]',
                     "login.cache": '"0ms"', "workers.auth_threads": "1",
                     "limits.login_time": '"10min"',
                     "limits.login_failures": "100"}).start()
    yield server
    server.close()


def test_failures_cost_time(guarded):
    """By account, whoever guesses and however; SCRAM's guesses too. Who logged
    in from an address before does not wait there."""
    name, password = guarded.account()
    trusted = connect(guarded, first=proxied("192.0.2.1"))
    assert trusted.plain(name, password).startswith("a OK")
    trusted.close()
    ways = [lambda c: c.plain(name, "wrong"),
            lambda c: c.scram("SCRAM-SHA-256", name, "wrong")]
    for i in range(5):
        client = connect(guarded, first=proxied(f"203.0.113.{i}"))
        assert ways[i % 2](client).startswith("a NO")
        client.close()
    waited = [int(a["ms"]) for a in attempts(guarded)
              if a["account"] == name and a["result"] != "ok"]
    # Three are free, then 250 ms, 500 ms after the last one's end: what passed
    # between them may be taken off, so only the sum of both counts.
    assert len(waited) == 5
    trusted = connect(guarded, first=proxied("192.0.2.1"))
    assert trusted.plain(name, password).startswith("a OK")
    trusted.close()
    assert last_attempt(guarded, name)["result"] == "ok"


def flood(server, count):
    """Wrong logins, of unknown names, each from an address of its own."""
    def begin(i):
        client = connect(server, first=proxied(
            f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"))
        client.send(f"a LOGIN stranger{i} wrong")
        return client.sock
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return list(pool.map(begin, range(count)))


def reset(sock):
    """Hangs up, so that the other side notices at once."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()


def answered(socks):
    poll = select.poll()
    for sock in socks:
        poll.register(sock, select.POLLIN)
    return len(poll.poll(0))


def queued(server):
    status = json.loads(server.culver("status", "--json").stdout)
    return sum(p["logins_queued"] for p in status["auth"]["processes"])


def test_flood_does_not_reach_who_is_known(guarded):
    """Strangers queue up until their queue is full; who has logged in from
    their address before is answered while nearly all of them wait."""
    name, password = guarded.account()
    known = proxied("192.0.2.7")
    client = connect(guarded, first=known)
    assert client.plain(name, password).startswith("a OK")
    client.close()
    socks = flood(guarded, 400)
    try:
        # The queue has an end: who comes too late is told so.
        eventually(lambda: answered(socks) >= 100, "the queue is full")
        before = answered(socks)
        client = connect(guarded, first=known)
        assert client.plain(name, password).startswith("a OK")
        after = answered(socks)
        client.close()
        waiting = len(socks) - after
        assert waiting >= 64, (before, after)
        assert after - before < 64, (before, after)
        busy = [a for a in attempts(guarded)
                if a["reason"] == "too many logins at once"]
        assert len(busy) >= 100
    finally:
        for sock in socks:
            reset(sock)
    # Those that hung up are not hashed.
    eventually(lambda: queued(guarded) == 0, "the queue is empty", 120)
    # But each was a quick look, and counts.
    assert any(a["reason"] == "hung up before it was verified"
               for a in attempts(guarded))


def test_guesses_in_a_flood_count():
    """Hanging up before one's turn is no way to guess at passwords that are
    remembered: a flood keeps the queue long, each guess takes a moment."""
    server = Server({"proxy.networks": '["127.0.0.0/8"]',
                     "workers.auth_threads": "1",
                     "limits.login_time": '"10min"'}).start()
    socks = []
    try:
        name, password = server.account()
        client = connect(server, first=proxied("192.0.2.1"))
        assert client.plain(name, password).startswith("a OK")
        client.close()
        socks = flood(server, 250)
        for i in range(4):
            client = connect(server, first=proxied(f"203.0.113.{i}"))
            client.send(f"a LOGIN {name} wrong{i}")
            eventually(lambda: queued(server) > 0, "it waits")
            reset(client.sock)
        eventually(lambda: len([a for a in attempts(server)
                                if a["account"] == name
                                and a["result"] != "ok"]) == 4,
                   "all are in the log, as what they are")
    finally:
        for sock in socks:
            sock.close()
        server.close()


# -------------------------------------------------------------- secrets

def test_log_has_no_secret():
    """A whole run at the level debug, with every kind of secret."""
    server = Server({"log.level": '"debug"', "login.master_users": "true"})
    server.start()
    try:
        name, password = server.account()
        app = app_password(server, name, "phone")
        server.culver("account", "set", name, "master=yes")
        user, _ = server.account()
        secrets = [password, app, app.replace("-", ""), "wr0ng-guess",
                   "t0ken-t0ken"]
        for way in ("plain", "login"):
            for secret in (password, app, "wr0ng-guess"):
                client = connect(server)
                getattr(client, way)(name, secret)
                client.close()
        client = connect(server)
        client.command(f"a LOGIN {name} wr0ng-guess")
        client.plain(f"{user}*{name}", password)
        client.close()
        for mechanism in SCRAM:
            client = connect(server)
            assert client.scram(mechanism, name, password).startswith("a OK")
            secrets += [client.exchange.fields["s"],
                        base64.b64encode(client.challenges[2][2:]).decode()]
            client.close()
        client = connect(server)
        client.send("a AUTHENTICATE XOAUTH2 " + base64.b64encode(
            f"user={name}\1auth=Bearer t0ken-t0ken\1\1".encode()).decode())
        client.line()
        client.close()
        server.culver("account", "password", name, "--password-stdin",
                      stdin="changed-it\n")
        secrets += ["changed-it"]
        row = row_of(server, name)
        secrets += [row["hash"], row["scram256"].split(",")[2]]
        server.stop()
        text = server.log_text()
        encoded = [base64.b64encode(s.encode()).decode().rstrip("=")
                   for s in secrets]
        for secret in secrets + encoded:
            assert secret not in text, secret
    finally:
        server.close()
