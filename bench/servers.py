# SPDX-License-Identifier: Apache-2.0
"""The servers that are compared: each with a state of its own on free loopback
ports, accounts u0000 and on with the password "pw", in clear or with a cheap hash, and
the same kind of certificate. All need root; why one cannot run says missing()."""
import base64
import hashlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import time
import warnings

from rows import ACCOUNTS, HASHED_USER

with warnings.catch_warnings():
    # Debian 12's Python has it.
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from harness import (CULVER, Server, eventually, free_port,  # noqa: E402
                     make_certificate)

TICKS = os.sysconf("SC_CLK_TCK")


def children_of_all():
    """{parent: [children]} of all processes."""
    tree = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if words[0] != "Z":
            tree.setdefault(int(words[1]), []).append(int(path.parent.name))
    return tree


def process_seconds(pid):
    """Processor time of a process, its threads that ended included, to the
    nanosecond; and that of its children that ended, in ticks."""
    try:
        own = time.clock_gettime((~pid << 3) | 2)
        words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(
            ")", 1)[1].split()
    except OSError:
        return 0
    return own + (int(words[13]) + int(words[14])) / TICKS


def wait_port(port, process=None, log=None):
    import socket

    def answers():
        if process and process.poll() is not None:
            raise AssertionError("the server ended: " +
                                 (log.read_text(errors="replace")[-2000:]
                                  if log and log.exists() else ""))
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return True
        except OSError:
            return False
    eventually(answers, f"port {port} answers", 60)


def remove(directory):
    """100,000 files take minutes to remove, on some disks: nobody waits."""
    subprocess.Popen(["nice", "rm", "-rf", directory],
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL, start_new_session=True)


class Peer:
    """What all have: name, ports (imap, imaps, pop3, lmtp), data (its mail),
    domain (of LMTP recipients)."""
    domain = ""
    cheap = "{PLAIN}pw"
    multiappend = True
    extra_pids = ()

    def __init__(self, directory, accounts):
        self.directory = directory / self.name
        self.accounts = accounts
        self.process = None

    def fresh_ports(self):
        self.imap, self.imaps = free_port(), free_port()
        self.pop3, self.lmtp = free_port(), free_port()

    def pids(self):
        """Its master and what descends from that."""
        tree, found = children_of_all(), [self.master(), *self.extra_pids]
        for pid in found:
            found += tree.get(pid, [])
        return found

    def master(self):
        return self.process.pid

    def cpu(self):
        """Seconds so far."""
        return sum(process_seconds(pid) for pid in self.pids())

    def pss(self):
        """Bytes of all its processes."""
        total = 0
        for pid in self.pids():
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in text.splitlines()
                         if line.startswith("Pss:"))
        return 1024 * total

    def disk(self):
        """Bytes that its files take, indexes and logs included."""
        return sum(path.lstat().st_blocks * 512
                   for path in self.data.rglob("*"))

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def restart(self):
        self.stop()
        self.start()

    def close(self):
        self.stop()
        remove(self.directory)

    def passwd(self):
        """Lines for all accounts; those from HASHED_USER on, as far as the
        rows use them, have the hash that the server makes by default."""
        hashed = crypt.crypt("pw", self.salt)
        return "".join(
            f"{name}:{hashed if HASHED_USER <= i < ACCOUNTS else self.cheap}"
            "::::::\n"
            for i, name in enumerate(self.names()))

    def names(self):
        return [f"u{i:04}" for i in range(self.accounts)]


class Culver(Peer):
    name = "culver"
    salt = "$y$j9T$abcdefghijklmnop"
    # What comes in as it is would get the default hash.
    cheap = ("{SHA256}"
             + base64.b64encode(hashlib.sha256(b"pw").digest()).decode())
    domain = "@example.com"
    settings = {
        "limits.connections": "50000",
        "limits.connections_per_address": "50000",
        "limits.connections_per_account": "50000",
        # Mailboxes of a million are copied by one command.
        "limits.copy": "1000000",
        # The hash stays cheap.
        "login.rehash": "false",
        "login.scram": "false",
    }

    def __init__(self, directory, accounts):
        super().__init__(directory, accounts)
        self.server = Server(self.settings)
        self.directory = self.server.directory
        self.data = self.directory / "state"
        self.imap, self.imaps = self.server.imap_port, self.server.imaps_port
        self.pop3, self.lmtp = self.server.pop3_port, self.server.lmtp_port

    @staticmethod
    def missing():
        return None if CULVER.exists() else f"{CULVER} is not built"

    def start(self):
        self.server.start()
        self.process = self.server.process
        if not (self.directory / "users").exists():
            (self.directory / "users").write_text(self.passwd())
            self.server.culver("account", "import-passwd",
                               self.directory / "users")
        return self

    def close(self):
        self.stop()
        self.server.check_log()
        remove(self.directory)


DOVECOT = """
base_dir = {d}/run
state_dir = {d}/state
log_path = {d}/log
protocols = imap pop3 lmtp
listen = 127.0.0.1
disable_plaintext_auth = no
auth_mechanisms = plain
ssl = yes
ssl_cert = <{d}/cert.pem
ssl_key = <{d}/key.pem
default_internal_user = dovecot
default_login_user = dovenull
default_process_limit = 200
default_client_limit = 20000
mail_location = {format}:{d}/mail/%n/{format}
mail_max_userip_connections = 20000
first_valid_uid = {uid}
passdb {{
  driver = passwd-file
  args = scheme=CRYPT username_format=%n {d}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={d}/mail/%n
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  # Performance mode: processes that stay, for many connections each.
  service_count = 0
  process_min_avail = 2
  process_limit = 4
  client_limit = 10000
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  service_count = 0
  process_min_avail = 1
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service auth {{
  client_limit = 30000
}}
service anvil {{
  client_limit = 30000
}}
service imap {{
  process_limit = 12000
  process_min_avail = 2
  # One process serves one session after another; as shipped, one alone.
  service_count = 256
  vsz_limit = 2G
}}
service pop3 {{
  process_limit = 2000
  service_count = 256
}}
service lmtp {{
  process_min_avail = 2
  process_limit = 200
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
"""


class Dovecot(Peer):
    program = "/usr/sbin/dovecot"
    # As doveadm pw makes it.
    salt = "$2y$05$abcdefghijklmnopqrstuu"
    extra = ""

    def __init__(self, directory, accounts):
        super().__init__(directory, accounts)
        self.fresh_ports()
        self.data = self.directory / "mail"
        for name in ("run", "state", "mail"):
            (self.directory / name).mkdir(parents=True)
        make_certificate(self.directory)
        user = pwd.getpwnam("dovecot")
        os.chown(self.data, user.pw_uid, user.pw_gid)
        (self.directory / "users").write_text(self.passwd())
        (self.directory / "dovecot.conf").write_text(DOVECOT.format(
            d=self.directory, format=self.format, uid=user.pw_uid,
            gid=user.pw_gid, imap=self.imap, imaps=self.imaps,
            pop3=self.pop3, lmtp=self.lmtp) + self.extra)

    @classmethod
    def missing(cls):
        if not os.path.exists(cls.program):
            return "Debian's dovecot-imapd is not installed"
        if not os.path.exists("/usr/lib/dovecot/lmtp"):
            return "Debian's dovecot-lmtpd is not installed"
        return None

    def start(self):
        log = self.directory / "start.log"
        self.process = subprocess.Popen(
            [self.program, "-F", "-c", self.directory / "dovecot.conf"],
            stdin=subprocess.DEVNULL, stdout=open(log, "wb"),
            stderr=subprocess.STDOUT)
        wait_port(self.imap, self.process, log)
        return self


class DovecotSdbox(Dovecot):
    name, format = "dovecot-sdbox", "sdbox"


class DovecotMdbox(Dovecot):
    name, format = "dovecot-mdbox", "mdbox"


CYRUS = """
configdirectory: {d}/var
partition-default: {d}/spool
defaultpartition: default
proc_path: {d}/run/proc
mboxname_lockpath: {d}/run/lock
lmtpsocket: {d}/run/socket/lmtp
idlesocket: {d}/run/socket/idle
notifysocket: {d}/run/socket/notify
cyrus_user: dovecot
cyrus_group: dovecot
syslog_prefix: cyrusbench
servername: localhost
admins: cyrus
altnamespace: yes
unixhierarchysep: yes
lmtp_downcase_rcpt: yes
allowplaintext: yes
popminpoll: 0
autocreate_quota: 0
autocreate_post: 1
umask: 077
sieveusehomedir: false
sievedir: {d}/var/sieve
hashimapspool: true
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {d}/sasldb2
sasl_mech_list: PLAIN LOGIN
tls_server_cert: {d}/cert.pem
tls_server_key: {d}/key.pem
tls_session_timeout: 0
duplicatesuppression: no
"""

CYRUS_MASTER = """
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {d}/imapd.conf -r"
  idled cmd="{bin}/idled -C {d}/imapd.conf"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {d}/imapd.conf -U 250" listen="127.0.0.1:{imap}" prefork=4 maxchild=4000 maxfds=4096
  imaps cmd="{bin}/imapd -C {d}/imapd.conf -s -U 250" listen="127.0.0.1:{imaps}" prefork=2 maxchild=4000 maxfds=4096
  pop3 cmd="{bin}/pop3d -C {d}/imapd.conf -U 250" listen="127.0.0.1:{pop3}" prefork=1 maxchild=1000 maxfds=4096
  lmtp cmd="{bin}/lmtpd -C {d}/imapd.conf -a -U 250" listen="127.0.0.1:{lmtp}" prefork=2 maxchild=200 maxfds=4096
}}
EVENTS {{
  checkpoint cmd="{bin}/ctl_cyrusdb -C {d}/imapd.conf -c" period=30
}}
"""


class Cyrus(Peer):
    """Debian's packages conflict with Dovecot's, so they are unpacked, not
    installed; an installed one is used as well."""
    name = "cyrus"
    cache = pathlib.Path(os.environ.get("BENCH_CACHE",
                                        "/var/tmp/culver-bench-cyrus"))
    packages = ("cyrus-common", "cyrus-imapd", "cyrus-pop3d")

    def __init__(self, directory, accounts):
        super().__init__(directory, accounts)
        self.fresh_ports()
        self.data = self.directory
        for name in ("user", "quota", "proc", "log", "msg", "ptclient",
                     "socket", "db", "sieve"):
            (self.directory / "var" / name).mkdir(parents=True)
        for name in ("spool", "run/proc", "run/lock", "run/socket"):
            (self.directory / name).mkdir(parents=True)
        make_certificate(self.directory)
        places = {"d": self.directory, "bin": self.programs(),
                  "imap": self.imap, "imaps": self.imaps, "pop3": self.pop3,
                  "lmtp": self.lmtp}
        (self.directory / "imapd.conf").write_text(CYRUS.format(**places))
        (self.directory / "cyrus.conf").write_text(
            CYRUS_MASTER.format(**places))
        for name in [*self.names(), "cyrus"]:
            subprocess.run(["saslpasswd2", "-c", "-p", "-f",
                            self.directory / "sasldb2", "-u", "localhost",
                            name], input=b"pw", check=True)
        user = pwd.getpwnam("dovecot")
        for path in [self.directory, *self.directory.rglob("*")]:
            os.chown(path, user.pw_uid, user.pw_gid)

    @classmethod
    def root(cls):
        return pathlib.Path("/") if os.path.exists(
            "/usr/lib/cyrus/bin/master") else cls.cache

    @classmethod
    def programs(cls):
        return cls.root() / "usr/lib/cyrus/bin"

    @classmethod
    def libraries(cls):
        return {**os.environ, "LD_LIBRARY_PATH": str(next(
            cls.root().glob("usr/lib/*-linux-gnu")))}

    @classmethod
    def missing(cls):
        if not shutil.which("saslpasswd2"):
            return "Debian's sasl2-bin is not installed"
        if not cls.programs().exists():
            cls.cache.mkdir(parents=True, exist_ok=True)
            got = subprocess.run(["apt-get", "download", *cls.packages],
                                 cwd=cls.cache, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True)
            if got.returncode:
                return f"apt-get download: {got.stderr.strip()}"
            for path in cls.cache.glob("*.deb"):
                subprocess.run(["dpkg", "-x", path, cls.cache], check=True)
        lacking = subprocess.run(["ldd", cls.programs() / "imapd"],
                                 env=cls.libraries(), text=True,
                                 stdout=subprocess.PIPE).stdout
        lines = [line.split()[0] for line in lacking.splitlines()
                 if "not found" in line]
        return f"libraries are missing: {' '.join(lines)}" if lines else None

    def start(self):
        log = self.directory / "start.log"
        self.process = subprocess.Popen(
            [self.programs() / "master", "-C", self.directory / "imapd.conf",
             "-M", self.directory / "cyrus.conf",
             "-p", self.directory / "master.pid"],
            cwd=self.directory, env=self.libraries(),
            stdin=subprocess.DEVNULL, stdout=open(log, "wb"),
            stderr=subprocess.STDOUT)
        wait_port(self.imap, self.process, log)
        # It leaves its parent, and is found by its configuration.
        self.extra_pids = self.own_processes("idled")
        return self

    def own_processes(self, program):
        found, own = [], f"{self.directory}/imapd.conf".encode()
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if own in words and words[0].endswith(program.encode()):
                found.append(int(path.parent.name))
        return found

    def disk(self):
        return sum(path.lstat().st_blocks * 512 for name in ("spool", "var")
                   for path in (self.directory / name).rglob("*"))

    def stop(self):
        super().stop()
        for pid in self.extra_pids:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        self.extra_pids = ()


SERVERS = {kind.name: kind
           for kind in (Culver, DovecotSdbox, DovecotMdbox, Cyrus)}
# What PEERS= may name.
GROUPS = {"dovecot": ["dovecot-sdbox", "dovecot-mdbox"]}
