# SPDX-License-Identifier: Apache-2.0
"""The outside: real servers of accounts, on loopback, in directories of their
own; and people who log in."""
import base64
import hashlib
import imaplib
import json
import os
import pathlib
import pwd
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time

from harness import Server, eventually, free_port, make_certificate

QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}


class Directory:
    """A temporary one that everybody may read."""

    def __init__(self, owner=None):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="culver-out-"))
        self.path.chmod(0o755)
        if owner:
            os.chown(self.path, owner.pw_uid, owner.pw_gid)

    def write(self, name, text):
        """In one step, as an editor does."""
        fresh = self.path / (name + ".new")
        fresh.write_text(text)
        fresh.chmod(0o644)
        fresh.rename(self.path / name)
        return self.path / name

    def close(self):
        shutil.rmtree(self.path, ignore_errors=True)


def ssha(password):
    """What slapd and Culver both know."""
    salt = os.urandom(8)
    digest = hashlib.sha1(password.encode() + salt).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


def complaints(settings):
    """What `culver check` says of them; it must refuse them."""
    server = Server(settings)
    try:
        done = server.culver("check", check=False)
        assert done.returncode == 2, done.stdout + done.stderr
        return done.stderr
    finally:
        shutil.rmtree(server.directory)


# -------- LDAP --------

SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/libexec:/usr/bin:/sbin")
SUFFIX = "dc=example,dc=org"
READER = f"cn=reader,{SUFFIX}"


class Slapd:
    """OpenLDAP with the entries of an LDIF text."""

    def __init__(self, ldif):
        self.home = Directory()
        self.port, self.tls_port = free_port(), free_port()
        make_certificate(self.home.path)
        (self.home.path / "cert.pem").chmod(0o644)
        (self.home.path / "db").mkdir()
        self.home.write("slapd.conf", f"""
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {self.home.path}/pid
TLSCertificateFile {self.home.path}/cert.pem
TLSCertificateKeyFile {self.home.path}/key.pem
database mdb
suffix "{SUFFIX}"
directory {self.home.path}/db
access to attrs=userPassword
    by dn.exact="{READER}" read
    by anonymous auth
    by * none
access to *
    by dn.exact="{READER}" read
    by * none
""")
        self.home.write("all.ldif", ldif)
        self.process = None
        subprocess.run([SLAPD, "-T", "add", "-f", self.conf, "-l",
                        self.home.path / "all.ldif"], check=True, **QUIET)
        self.start()

    @property
    def conf(self):
        return self.home.path / "slapd.conf"

    @property
    def uri(self):
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_uri(self):
        return f"ldaps://127.0.0.1:{self.tls_port}"

    def start(self):
        self.process = subprocess.Popen(
            [SLAPD, "-d", "0", "-f", self.conf, "-h",
             f"{self.uri} {self.tls_uri}"], **QUIET)
        eventually(lambda: connects(self.port), "slapd listens")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def close(self):
        self.stop()
        self.home.close()


def connects(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


# -------- PostgreSQL --------

def postgres_programs():
    """The newest version's, or None."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"),
                   key=lambda p: int(p.parts[4]))
    return found[-1].parent if found else None


class Postgres:
    """A server on a Unix socket; as root it runs as the user postgres."""

    def __init__(self):
        self.bin = postgres_programs()
        owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self.prefix = ["setpriv", "--reuid", "postgres", "--regid", "postgres",
                       "--clear-groups"] if owner else []
        self.home = Directory(owner)
        self.data = self.home.path / "data"
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", "admin",
                 "--no-sync", "-E", "UTF8", "--locale=C")
        self.start()

    def run(self, program, *arguments):
        done = subprocess.run(
            [*self.prefix, self.bin / program, *map(str, arguments)],
            cwd=self.home.path, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout

    def start(self):
        options = f"-k {self.home.path} -c listen_addresses= -c fsync=off"
        # Not a pipe: the server would keep it.
        done = subprocess.run(
            [*self.prefix, self.bin / "pg_ctl", "-D", self.data, "-w", "-l",
             self.home.path / "log", "-o", options, "start"],
            cwd=self.home.path, stdin=subprocess.DEVNULL, **QUIET)
        assert done.returncode == 0, (self.home.path / "log").read_text()

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def sql(self, text, user="admin"):
        subprocess.run(
            [self.bin / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-h",
             self.home.path, "-U", user, "postgres"],
            input=text, text=True, check=True, stdout=subprocess.DEVNULL)

    def close(self):
        self.stop()
        self.home.close()


# -------- people --------

def quoted(text):
    """For IMAP and for the configuration alike."""
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def login(server, name, password):
    """"ok", or the response code of the refusal ("AUTHENTICATIONFAILED")."""
    imap = imaplib.IMAP4("127.0.0.1", server.imap_port, timeout=60)
    try:
        # imaplib quotes the password only.
        imap.login(quoted(name), password)
    except imaplib.IMAP4.error as error:
        text = str(error)
        return text[text.index("[") + 1:text.index("]")]
    finally:
        try:
            imap.logout()
        except (imaplib.IMAP4.error, OSError):
            pass
    return "ok"


def mail_to(server, address):
    """What LMTP answers to the recipient: 250, 550, 451."""
    with smtplib.LMTP("127.0.0.1", server.lmtp_port) as lmtp:
        lmtp.ehlo("test.example.org")
        lmtp.mail("sender@example.org")
        return lmtp.rcpt(address)[0]


def quota(server, name, password):
    """The account's, after a login; bytes."""
    assert login(server, name, password) == "ok"
    shown = server.culver("account", "show", name, "--json").stdout
    return json.loads(shown)["quota"]


def comes_back(server, name, password):
    """Until the source is asked again. A right password may be remembered, a
    wrong one never is."""
    eventually(lambda: login(server, name, "wrong") == NO,
               f"{name} is known again")
    assert login(server, name, password) == "ok"


NO, AWAY, EXPIRED = "AUTHENTICATIONFAILED", "UNAVAILABLE", "EXPIRED"
