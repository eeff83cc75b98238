# SPDX-License-Identifier: Apache-2.0
"""POP3's real clients: Python's poplib, fetchmail, getmail, mpop, curl."""
import imaplib
import poplib
import re
import socket
import struct
import subprocess

import pytest

from delivering import Lmtp
from dovecot import Dovecot
from harness import Server, free_port
from people import (append, crlf, fetch_all, login, message, ok,
                    real_messages)

poplib._MAXLINE = 1 << 20      # its own bound is for lines, not for messages


def begin(server, account, how="tls", utf8=False):
    """A poplib connection of an account, logged in."""
    if how == "tls":
        pop = poplib.POP3_SSL("localhost", server.pop3s_port,
                              context=server.context, timeout=60)
    else:
        pop = poplib.POP3("localhost", server.pop3_port, timeout=60)
    if how == "stls":
        pop.stls(server.context)
    if utf8:
        pop.utf8()
    pop.user(account[0])
    pop.pass_(account[1])
    return pop


def filled(server, *messages):
    account = server.account()
    imap = login(server, account)
    append(imap, "INBOX", *messages)
    imap.logout()
    return account


def left_over(server, account):
    imap = login(server, account)
    out = fetch_all(imap, "INBOX")
    imap.logout()
    return sorted(out.values())


def body_of(answer):
    """What poplib gives as lines."""
    return b"".join(line + b"\r\n" for line in answer[1])


# ---------------------------------------------------------------- poplib

@pytest.mark.parametrize("how", ["tls", "stls", "plain"])
def test_poplib(server, how):
    messages = [message(i, f"Text {i}\r\n.\r\n..") for i in range(5)]
    account = filled(server, *messages)
    pop = begin(server, account, how)
    assert pop.stat() == (5, sum(map(len, messages)))
    assert [line.split()[1] for line in pop.list()[1]] == [
        b"%d" % len(m) for m in messages]
    ids = [line.split()[1] for line in pop.uidl()[1]]
    assert len(set(ids)) == 5 and all(1 <= len(i) <= 70 for i in ids)
    for i, data in enumerate(messages, 1):
        assert body_of(pop.retr(i)) == data
        assert body_of(pop.top(i, 1)).endswith(b"\r\n\r\nText %d\r\n" % (i - 1))
    pop.dele(2)
    with pytest.raises(poplib.error_proto):
        pop.retr(2)
    pop.rset()
    pop.dele(1)
    assert pop.stat()[0] == 4
    pop.quit()
    assert left_over(server, account) == sorted(messages[1:])
    pop = begin(server, account, how)
    assert [line.split()[1] for line in pop.uidl()[1]] == ids[1:]
    pop.quit()


def test_poplib_knows_what_failed(server):
    account = server.account()
    pop = poplib.POP3_SSL("localhost", server.pop3s_port,
                          context=server.context, timeout=60)
    pop.user(account[0])
    with pytest.raises(poplib.error_proto, match=r"-ERR \[AUTH\]"):
        pop.pass_("wrong")
    pop.quit()


def test_real_mail(server, corpus):
    """Every byte, and the size before it was asked for. Messages of odd line
    ends too."""
    data = [(corpus / path).read_bytes() for path, count
            in real_messages(corpus) if count == 1]
    data = [d for d in data if d and not d.startswith(b"From ")][:150]
    assert data
    account = filled(server, *data)
    pop = begin(server, account, utf8=True)
    sizes = [int(line.split()[1]) for line in pop.list()[1]]
    for i, (sent, size) in enumerate(zip(data, sizes), 1):
        # Python's imaplib makes every end of a line CR LF.
        want = crlf(sent.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        if not want.endswith(b"\r\n"):
            want += b"\r\n"
        got = body_of(pop.retr(i))
        assert len(got) == size
        assert got == want
    assert pop.stat() == (len(data), sum(sizes))
    pop.quit()


def deliver(server, account, messages):
    """As they are, whatever bytes they consist of."""
    client = Lmtp(server)
    for data in messages:
        client.send(b"MAIL FROM:<a@b> BODY=BINARYMIME\r\n"
                    b"RCPT TO:<%s@x>\r\nBDAT %d LAST\r\n"
                    % (account[0].encode(), len(data)) + data)
        for _ in range(3):
            client.expect(client.answer(), 250)
    client.quit()


def test_all_real_mail(server, corpus):
    """Bare CR and LF, NUL, no end of the last line: LIST, RETR and STAT tell
    what is sent, and each line that was is one."""
    data = [(corpus / path).read_bytes() for path, _ in real_messages(corpus)]
    account = server.account()
    deliver(server, account, data)
    pop = begin(server, account, "plain", utf8=True)
    sizes = [int(line.split()[1]) for line in pop.list()[1]]
    assert pop.stat() == (len(data), sum(sizes))
    for i, (sent, size) in enumerate(zip(data, sizes), 1):
        answer = pop.retr(i)
        got = body_of(answer)
        assert len(got) == size == int(answer[0].split()[1]), i
        want = re.sub(rb"(?<!\r)\n", b"\r\n", sent)
        if want and not want.endswith(b"\r\n"):
            want += b"\r\n"
        assert got.endswith(want), i
        # In front of it is what the delivery added, whole lines.
        assert got[:len(got) - len(want)].endswith(b"+0000\r\n"), i
    pop.quit()


def test_gone_without_a_word(server):
    """Nothing is deleted without QUIT, however the connection ends."""
    messages = [message(i) for i in range(3)]
    account = filled(server, *messages)
    for end in ("close", "rst", "half"):
        pop = begin(server, account, "plain")
        for i in range(1, 4):
            pop.dele(i)
        if end == "half":
            pop.sock.sendall(b"QUI")
        if end == "rst":
            pop.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
        pop.file.close()
        pop.sock.close()
    assert len(left_over(server, account)) == 3


# ----------------------------------------------------------- other clients

def run(*arguments, **more):
    done = subprocess.run([str(a) for a in arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120, **more)
    assert done.returncode == 0, done.stdout.decode(errors="replace")
    return done.stdout


def without_trace(data):
    """Lines that a client adds in front are not the server's matter."""
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    while lines and lines[0].split(b":")[0] in (
            b"Return-Path", b"Delivered-To", b"Received", b"X-getmail-retrieved"
            ) or lines[0][:1] in b"\t ":
        lines.pop(0)
    return b"\n".join(lines).rstrip(b"\n")


def mails_of(maildir):
    return sorted(without_trace(path.read_bytes())
                  for path in maildir.glob("new/*"))


def plain(messages):
    return sorted(m.replace(b"\r\n", b"\n").rstrip(b"\n") for m in messages)


@pytest.mark.parametrize("tls", ["ssl", "stls"])
def test_fetchmail(server, tmp_path, tls):
    """Fetches and deletes."""
    messages = [message(i, ".\r\nText.") for i in range(4)]
    account = filled(server, *messages)
    port = server.pop3s_port if tls == "ssl" else server.pop3_port
    how = "ssl" if tls == "ssl" else "sslproto TLS1.2+"
    rc = tmp_path / "rc"
    spool = tmp_path / "spool"
    rc.write_text(
        f"poll localhost protocol POP3 service {port} uidl\n"
        f"  user \"{account[0]}\" password \"{account[1]}\" {how}\n"
        f"  sslcertck sslcertfile {server.directory}/cert.pem\n"
        f"  fetchall mda \"cat >>{spool}; echo =====END >>{spool}\"\n")
    rc.chmod(0o600)
    run("fetchmail", "-f", rc, "--idfile", tmp_path / "ids", "--pidfile",
        tmp_path / "pid", "--nosyslog", "--invisible", "-vv",
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    got = spool.read_bytes().split(b"=====END\n")
    assert sorted(without_trace(m) for m in got if m.strip()) == plain(
        messages)
    assert left_over(server, account) == []


def test_getmail(server, tmp_path):
    """Leaves what it fetched, and knows it by its unique-id the next time."""
    messages = [message(i) for i in range(3)]
    account = filled(server, *messages)
    maildir = tmp_path / "mail"
    for name in ("new", "cur", "tmp"):
        (maildir / name).mkdir(parents=True)
    rc = tmp_path / "getmailrc"
    rc.write_text(f"""[retriever]
type = SimplePOP3SSLRetriever
server = localhost
port = {server.pop3s_port}
username = {account[0]}
password = {account[1]}
ca_certs = {server.directory}/cert.pem
[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat >{maildir}/new/$$")
unixfrom = false
allow_root_commands = true
[options]
delete = false
read_all = false
""")
    for more in (message(10), message(11)):
        run("getmail", "--getmaildir", tmp_path, "--rcfile", rc,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
        assert mails_of(maildir) == plain(messages)
        messages.append(more)
        imap = login(server, account)
        append(imap, "INBOX", more)
        imap.logout()
    assert len(left_over(server, account)) == 5


def test_mpop(server, tmp_path):
    """With pipelining, which it uses when CAPA says so; deletes."""
    messages = [message(i) for i in range(40)]
    account = filled(server, *messages)
    maildir = tmp_path / "mail"
    for name in ("new", "cur", "tmp"):
        (maildir / name).mkdir(parents=True)
    rc = tmp_path / "mpoprc"
    rc.write_text(f"""defaults
tls on
tls_trust_file {server.directory}/cert.pem
account x
host localhost
port {server.pop3_port}
tls_starttls on
user {account[0]}
password {account[1]}
auth plain
pipelining on
keep off
uidls_file {tmp_path}/uidls
delivery maildir {maildir}
account default : x
""")
    rc.chmod(0o600)
    run("mpop", "-C", rc, env={"HOME": str(tmp_path),
                               "PATH": "/usr/bin:/bin"})
    assert mails_of(maildir) == plain(messages)
    assert left_over(server, account) == []


def curl(server, account, path, *arguments, scheme="pop3s"):
    port = server.pop3s_port if scheme == "pop3s" else server.pop3_port
    return run("curl", "-sS", "--cacert", server.directory / "cert.pem", "-u",
               ":".join(account), f"{scheme}://localhost:{port}/{path}",
               *arguments)


def test_curl(server):
    messages = [message(1, ".dot\r\n."), message(2)]
    account = filled(server, *messages)
    assert curl(server, account, "").split() == [
        b"1", b"%d" % len(messages[0]), b"2", b"%d" % len(messages[1])]
    assert curl(server, account, "1") == messages[0]
    assert curl(server, account, "2", "--ssl-reqd",
                scheme="pop3") == messages[1]
    assert curl(server, account, "", "-X", "UIDL").count(b"\r\n") == 2
    assert curl(server, account, "1", "--login-options", "AUTH=PLAIN",
                "--sasl-ir") == messages[0]
    curl(server, account, "1", "-X", "DELE", "-I")
    assert left_over(server, account) == [messages[1]]


# ------------------------------------------------------------ side by side

def test_imap_meanwhile(server):
    """IMAP's sessions see at once what POP3 deleted and fetched."""
    account = filled(server, message(1), message(2), message(3))
    imap = login(server, account)
    ok(imap.select("INBOX"))
    pop = begin(server, account)
    pop.retr(1)
    pop.dele(2)
    pop.quit()
    imap.noop()
    assert imap.untagged_responses["EXPUNGE"][-1] == b"2"
    assert ok(imap.search(None, "SEEN")) == [b"1"]
    imap.logout()


# --------------------------------------------------- moving in from Dovecot

POP3_TOO = """
protocols = imap pop3
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
"""


def pop3_of_dovecot(port):
    pop = poplib.POP3("127.0.0.1", port, timeout=60)
    pop.user("ann")
    pop.pass_("pw")
    return pop


def seen(pop):
    """What a client that moves remembers, and is to find again."""
    return ([line.split()[1] for line in pop.uidl()[1]],
            [line.split()[1] for line in pop.list()[1]],
            [body_of(pop.retr(i + 1)) for i in range(pop.stat()[0])],
            [body_of(pop.top(i + 1, 2)) for i in range(pop.stat()[0])])


def test_same_as_dovecot(server, homes):
    """The same unique-ids, sizes and bytes, after moving in; so no client
    fetches again what it has."""
    port = free_port()
    dovecot = Dovecot(homes, extra=POP3_TOO.format(port=port))
    try:
        imap = imaplib.IMAP4("127.0.0.1", dovecot.port, timeout=60)
        imap.login("ann", "pw")
        append(imap, "INBOX", *[message(i, ".\r\n..\r\nText.")
                                for i in range(12)])
        ok(imap.append("INBOX", None, None, message(99) + b"no end"))
        ok(imap.select("INBOX"))
        ok(imap.uid("STORE", "2,5", "+FLAGS", "(\\Deleted)"))
        ok(imap.expunge())
        imap.logout()
        there = pop3_of_dovecot(port)
        before = seen(there)
        there.quit()
    finally:
        dovecot.close()
    account = server.account()
    server.culver("import", "--account", account[0], homes / "ann")
    pop = begin(server, account)
    after = seen(pop)
    # Dovecot sends the end that the last line lacks, and does not count it.
    assert int(after[1].pop()) == int(before[1].pop()) + 2
    assert after == before
    pop.quit()


def test_own_unique_ids(server, tmp_path):
    """Those that Dovecot keeps by message (after a move to it from elsewhere)
    stay, through import, export and import again."""
    maildir = tmp_path / "mail"
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True)
    for i in (1, 2, 3):
        (maildir / "cur" / f"170000000{i}.M{i}P1.host:2,").write_bytes(
            message(i))
    (maildir / "dovecot-uidlist").write_text(
        "3 V1275660208 N9\n"
        "4 PUIDL-a.1 W100 :1700000001.M1P1.host\n"
        "5 :1700000002.M2P1.host\n"
        f"8 P{'x' * 71} :1700000003.M3P1.host\n")
    first = server.account()
    server.culver("import", "--account", first[0], maildir)
    pop = begin(server, first)
    ids = [line.split()[1] for line in pop.uidl()[1]]
    assert ids == [b"UIDL-a.1", b"000000054c0907b0", b"000000084c0907b0"]
    assert pop.uidl(1) == b"+OK 1 UIDL-a.1"
    pop.quit()
    server.culver("export", "--account", first[0], tmp_path / "out")
    second = server.account()
    server.culver("import", "--account", second[0], tmp_path / "out")
    pop = begin(server, second)
    assert [line.split()[1] for line in pop.uidl()[1]] == ids
    pop.dele(1)
    pop.quit()
    imap = login(server, second)
    ok(imap.select("INBOX"))
    ok(imap.copy("1:2", "INBOX"))
    imap.logout()
    pop = begin(server, second)
    assert len({line.split()[1] for line in pop.uidl()[1]}) == 4
    pop.quit()
    server.culver("verify")


# ------------------------------------------------------------------- APOP

def test_apop():
    """Only when login.mechanisms names it, and only for passwords that are
    kept as they are. The timestamp is another each time, and stays with
    STLS."""
    server = Server({"login.mechanisms": '["auto", "APOP"]'}).start()
    try:
        name, password = server.account()
        pop = poplib.POP3("localhost", server.pop3_port, timeout=60)
        first = pop.getwelcome()
        assert b"APOP" not in b" ".join(
            w.encode() for w in pop.capa().get("SASL", []))
        with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
            pop.apop(name, password)
        server.culver("account", "set", name,
                      f"password-hash={{PLAIN}}{password}")
        with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
            pop.apop(name, "wrong")
        with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
            pop.apop("nobody-of-this-name", password)
        pop.apop(name, password)
        assert pop.stat() == (0, 0)
        pop.quit()
        pop = poplib.POP3("localhost", server.pop3_port, timeout=60)
        assert pop.getwelcome() != first
        pop.stls(server.context)
        pop.apop(name, password)
        pop.quit()
    finally:
        server.close()


def test_no_apop(server):
    account = server.account()
    pop = poplib.POP3("localhost", server.pop3_port, timeout=60)
    assert b"<" not in pop.getwelcome()
    with pytest.raises(poplib.error_proto):
        pop.apop(*account)
    with pytest.raises(poplib.error_proto, match="-ERR"):
        pop._shortcmd("APOP x 00112233445566778899aabbccddeeff")
    pop.close()
