# SPDX-License-Identifier: Apache-2.0
"""What each role can still do, shown on the roles of a running server as it is
installed: each is taken over as an intruder would take it (attempt.c) and made
to try. The table of docs/security.md is what must come out; once for a server
that root started, once for one that an ordinary user started.

Beside it: which descriptors each role holds, and that no secret lies in the
memory of a role that has no business with it."""
import ctypes
import os
import pathlib
import re
import socket
import subprocess
import time

import pytest

from harness import ROOT, AsNobody, Server, eventually
from people import login

PROGRAM = ROOT / "build" / "tests" / "attack" / "attack-attempt"
ROLES = ("front", "auth", "mail", "lookup")
LANDLOCK_CREATE_RULESET, VERSION = 444, 1


def has_landlock():
    return ctypes.CDLL(None).syscall(
        LANDLOCK_CREATE_RULESET, None, 0, VERSION) > 0


pytestmark = [
    pytest.mark.skipif(
        os.geteuid() != 0,
        reason="only root may take over a process that nobody else may"),
    pytest.mark.skipif(os.uname().machine != "x86_64",
                       reason="attempt.c is written for x86-64"),
    pytest.mark.skipif(
        not has_landlock(),
        reason="without Landlock, lookup and an ordinary user's roles can"
               " read what their user can"),
]


@pytest.fixture(scope="module", autouse=True)
def program():
    subprocess.run(["/usr/bin/ninja", "-C", ROOT / "build",
                    PROGRAM.relative_to(ROOT / "build")],
                   check=True, stdout=subprocess.DEVNULL)


def start(kind):
    one = kind({"accounts.sources": '["builtin", "passwd"]'})
    passwd = one.directory / "passwd"
    passwd.write_text("outsider:{PLAIN}outsider-secret\n")
    passwd.chmod(0o644)
    one.settings["passwd.file"] = f'"{passwd}"'
    one.write_config()
    return one.start()


def is_alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


class Target:
    """A server, and what somebody in one of its roles would like to have."""

    def __init__(self, kind):
        self.server = start(kind)
        self.account = self.server.account()
        imap = login(self.server, self.account)
        imap.append("INBOX", None, None, b"Subject: x\r\n\r\ny\r\n")
        imap.logout()
        self.listener = socket.create_server(("127.0.0.1", 0))

    def close(self):
        self.listener.close()
        self.server.close()

    def restart(self):
        """Whoever was killed would come back by himself, but later each
        time."""
        roles = self.server.processes()
        self.server.kill()
        eventually(lambda: not any(is_alive(pid) for _, pid in roles),
                   "the end of all roles")
        self.server.start()

    def pid(self, role):
        return self.server.children()[role]

    def neighbour(self, role):
        """The next role; the first may have been killed, and comes back."""
        name = ROLES[(ROLES.index(role) + 1) % len(ROLES)]
        return eventually(lambda: self.server.children().get(name),
                          f"{name} is back")

    def state(self, *names):
        """As seen from the root, from the state, and from a role's own
        directory; and out of that."""
        out = []
        for name in names:
            own = name.split("/", 1)[1]
            out += [f"{self.server.directory}/state/{name}", f"/{own}",
                    own, f"../{name}", f"../../{name}"]
        return out

    def arguments(self, attempt, role):
        if attempt == "neighbour":
            return [str(self.neighbour(role))]
        if attempt == "processes":
            return ["/proc/self/maps", f"/proc/{self.neighbour(role)}/mem",
                    "/proc/kcore", "/dev/mem"]
        what = {
            "store": self.state("mail/store/CURRENT", "mail/store/LOCK",
                                "mail/CURRENT"),
            "passwords": self.state("auth/accounts.db"),
            "key": [str(self.server.directory / "key.pem")],
            "configuration": [str(self.server.config)],
            "system": ["/etc/passwd"],
            "shadow": ["/etc/shadow"],
            "elsewhere": ["/tmp/culver-attempt", "/dev/shm/culver-attempt",
                          f"{self.server.directory}/culver-attempt",
                          f"{self.server.directory}/state/culver-attempt"],
            "here": ["./culver-attempt"],
            "program": ["/bin/true"],
            "port": [str(self.listener.getsockname()[1])],
            "control": [f"{self.server.directory}/state/control/auth"],
            "master": [str(self.server.process.pid)],
        }
        return what[attempt] if attempt else []

    def try_once(self, attempt, argument, role):
        """"yes", "no ERRNO" or "killed"."""
        for _ in range(50):
            done = subprocess.run(
                [PROGRAM, str(self.pid(role)), attempt,
                 *self.arguments(argument, role)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                timeout=60, check=False)
            if done.returncode != 3:
                break
            time.sleep(0.02)    # it was at work
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


# Attempt, of attempt.c; what with; what it is called in the table.
TABLE = [
    ("read", "store", "open the mail store"),
    ("read", "passwords", "open the accounts' database"),
    ("read", "key", "read the TLS key's file"),
    ("read", "configuration", "read the configuration"),
    ("read", "system", "read `/etc/passwd`"),
    ("read", "shadow", "read `/etc/shadow`"),
    ("read", "processes", "read memory by `/proc` or `/dev`"),
    ("create", "here", "create a file in its own directory"),
    ("create", "elsewhere", "create a file elsewhere"),
    ("write", "system", "write to `/etc/passwd`"),
    ("symlink", None, "make a symbolic link"),
    ("tcp", "port", "connect by TCP"),
    ("udp", None, "open a UDP socket"),
    ("raw", None, "open a raw socket"),
    ("netlink", None, "open a netlink socket (nf_tables)"),
    ("unix", "control", "connect to the control socket"),
    ("listen", None, "listen on a TCP port"),
    ("execve", "program", "execute a program"),
    ("execveat", "program", "execute one by execveat"),
    ("fork", None, "start a process"),
    ("clone", None, "start one by clone"),
    ("clone3", None, "start one by clone3"),
    ("ptrace", "neighbour", "trace another role"),
    ("ptrace", "master", "trace the master"),
    ("read_memory", "neighbour", "read another role's memory"),
    ("pidfd", "neighbour", "take another role's descriptors"),
    ("signal", "neighbour", "signal another role"),
    ("signal", "master", "signal the master"),
    ("signal_thread", "neighbour", "signal another role's thread"),
    ("setuid", None, "become root"),
    ("chroot", None, "chroot"),
    ("unshare", None, "make a user namespace"),
    ("mount", None, "mount"),
    ("executable_memory", None, "map memory to be written and executed"),
    ("executable_stack", None, "make its stack executable"),
    ("memfd", None, "make a file in memory"),
    ("io_uring", None, "use io_uring"),
    ("bpf", None, "use BPF"),
    ("perf", None, "use performance events"),
    ("keys", None, "use the kernel's keys"),
    ("module", None, "load a kernel module"),
    ("faults", None, "handle its own page faults"),
    ("terminal", None, "type into a terminal"),
    ("core", None, "make itself readable to its user"),
    ("x32", None, "call the kernel by x32 numbers"),
    ("i386", None, "call the kernel by i386 numbers"),
    ("time", None, "ask for the time"),
]


def documented():
    """{what: what each role may}, and in which order they stand."""
    text = (ROOT / "docs" / "security.md").read_text()
    return {line.split(" | ")[0][2:]: line[2:-2].split(" | ")[1:]
            for line in text.splitlines()
            if re.fullmatch(r"\| .*( \| (no|\*\*yes\*\*)){4} \|", line)}


@pytest.fixture(scope="module", params=[Server, AsNobody],
                ids=["by root", "by a user"])
def target(request):
    one = Target(request.param)
    yield one
    one.close()


@pytest.fixture(scope="module")
def outcome(target):
    """{attempt's name: [result of each role]}."""
    results = {}
    for attempt, argument, words in TABLE:
        results[words] = [target.try_once(attempt, argument, role)
                          for role in ROLES]
        if "killed" in results[words]:
            target.restart()
    return results


@pytest.mark.parametrize("row", TABLE, ids=[row[2] for row in TABLE])
def test_attempt(outcome, row):
    """The row of docs/security.md is what was measured."""
    results = outcome[row[2]]
    print(dict(zip(ROLES, results)))
    measured = ["**yes**" if r == "yes" else "no" for r in results]
    assert documented().get(row[2]) == measured, results


def test_table_has_no_other_rows():
    assert list(documented()) == [row[2] for row in TABLE]


def descriptors(pid):
    for path in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            yield os.readlink(path)
        except FileNotFoundError:
            pass


# Sockets, and what the kernel makes of nothing; and the log.
PLAIN = re.compile(r"(socket|pipe|anon_inode|/memfd|/dev/null|/dev/shm).*|.*/log"
                   r"|/(sys/fs/cgroup|proc)/.*")
# Who writes keeps the server's lock until he ends, whatever the master does.
LOCK = "/state/lock"


@pytest.mark.parametrize("role, own", [
    ("front", None), ("lookup", r"/empty$"),
    ("auth", rf"/state/auth(/|$)|{LOCK}$"),
    ("mail", rf"/state/mail(/|$)|{LOCK}$")])
def test_descriptors(target, role, own):
    """Of files, each holds its own; front and lookup hold none."""
    held = [d for d in descriptors(target.pid(role)) if not PLAIN.match(d)]
    for path in held:
        assert own and re.search(own, path), (role, path)
    assert role in ("front", "lookup") or held


def memory_of(pid):
    """All that the process can read."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, \
            open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            span, rights, rest = line.split(None, 2)
            if rights[0] != "r" or rights[1] != "w" or "[v" in rest:
                continue
            start_at, end = (int(x, 16) for x in span.split("-"))
            if end - start_at > 1 << 28:
                continue
            try:
                mem.seek(start_at)
                yield mem.read(end - start_at)
            except (OSError, ValueError, OverflowError):
                pass


def has(pid, needle):
    return any(needle in piece for piece in memory_of(pid))


def test_secrets_stay_where_they_belong(target):
    """A password and what is stored of it, after logins by everybody: the
    password is nowhere, once it was checked; its hash is in auth at most; the
    mail in mail at most."""
    name, password = target.account
    for tls in (True, False):
        imap = login(target.server, target.account, tls=tls)
        imap.select("INBOX")
        imap.append("INBOX", None, None,
                    b"Subject: x\r\n\r\nthe words of a secret letter\r\n")
        imap.fetch("1:*", "(BODY[])")
        imap.logout()
    database = (target.server.directory / "state/auth/accounts.db").read_bytes()
    wal = target.server.directory / "state/auth/accounts.db-wal"
    if wal.exists():
        database += wal.read_bytes()
    stored = re.search(rb"\$(?:y|argon2id)\$[!-~]{20,}", database)[0][:40]
    assert password.encode() not in database
    holders = {"password": set(), "hash": set(), "mail": set()}
    everybody = {**{r: target.pid(r) for r in ROLES},
                 "master": target.server.process.pid}
    for role, pid in everybody.items():
        for what, needle in (("password", password.encode()),
                             ("hash", stored),
                             ("mail", b"the words of a secret letter")):
            if has(pid, needle):
                holders[what].add(role)
    assert holders["password"] == set()
    assert holders["hash"] <= {"auth"}
    # In clear it is mail's; front encrypts it, and forgets.
    assert holders["mail"] <= {"mail", "front"}
