# SPDX-License-Identifier: Apache-2.0
"""A real server for tests: its own state, certificate, ports and accounts."""
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CULVER = pathlib.Path(os.environ.get("CULVER", ROOT / "build" / "culver"))
READY_TIMEOUT = 60

# What a sanitizer or a failed assertion writes.
TROUBLE = re.compile(
    r"AddressSanitizer|ThreadSanitizer|LeakSanitizer|runtime error:"
    r"|Assertion .* failed|SUMMARY: ", re.M)


def _with_us():
    """What makes a server end when the tests are killed. The kernel looks at
    the thread that started it."""
    if threading.current_thread() is threading.main_thread():
        return ["setpriv", "--pdeathsig", "KILL"]
    return []


_given_ports = set()


def free_port():
    """None that was given before: one server asks for several."""
    while True:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        if port not in _given_ports:
            _given_ports.add(port)
            return port


def corpus_root():
    """The real messages, or None."""
    path = os.environ.get("CULVER_CORPUS")
    return pathlib.Path(path) if path and os.path.isdir(path) else None


def make_certificate(directory):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", directory / "key.pem", "-out", directory / "cert.pem"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def libconfig(settings):
    """{"limits.literal": '"1kb"'} as libconfig text."""
    tree = {}
    for name, value in settings.items():
        node = tree
        *groups, last = name.split(".")
        for group in groups:
            node = node.setdefault(group, {})
        node[last] = value

    def text(node):
        return "".join(
            f"{k} = {{ {text(v)}}};\n" if isinstance(v, dict)
            else f"{k} = {v};\n" for k, v in node.items())
    return text(tree)


class Server:
    """culver serve in a directory of its own."""

    def __init__(self, settings=None, program=CULVER):
        self.program = pathlib.Path(program)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="culver-test-"))
        # Roles that gave up root must be able to come here.
        self.directory.chmod(0o755)
        self.config = self.directory / "culver.conf"
        self.log = self.directory / "log"
        self.imap_port, self.imaps_port = free_port(), free_port()
        self.pop3_port, self.pop3s_port = free_port(), free_port()
        self.lmtp_port = free_port()
        make_certificate(self.directory)
        self.settings = {
            "state": f'"{self.directory}/state"',
            "listen.imap": f'["127.0.0.1:{self.imap_port}"]',
            "listen.imaps": f'["127.0.0.1:{self.imaps_port}"]',
            "listen.lmtp": f'["127.0.0.1:{self.lmtp_port}"]',
            "listen.pop3": f'["127.0.0.1:{self.pop3_port}"]',
            "listen.pop3s": f'["127.0.0.1:{self.pop3s_port}"]',
            "tls.certificate": f'"{self.directory}/cert.pem"',
            "tls.key": f'"{self.directory}/key.pem"',
            "login.plaintext_without_tls": "true",
            "log.level": '"info"',
            "limits.connections_per_address": "20000",
            "limits.connections_per_account": "20000",
            # Each account's keys are made of its password; thousands are.
            "login.scram_iterations": "4096",
        }
        self.settings.update(settings or {})
        self.write_config()
        self.process = None
        self.accounts = {}

    def write_config(self):
        self.config.write_text(libconfig(self.settings))

    # life

    def start(self):
        try:
            return self._start()
        except BaseException:
            if self.process:
                self.kill()
            shutil.rmtree(self.directory, ignore_errors=True)
            raise

    def _start(self):
        self.log_file = open(self.log, "ab")
        begun = self.log.stat().st_size
        self.process = subprocess.Popen(
            [*_with_us(), self.program, "-c", self.config, "serve"],
            cwd=self.directory,
            stdin=subprocess.DEVNULL, stdout=self.log_file,
            stderr=self.log_file, start_new_session=True)
        deadline = time.monotonic() + READY_TIMEOUT
        while not re.search(r'msg="?ready"?(\s|$)', self.log_text()[begun:]):
            if self.process.poll() is not None:
                raise AssertionError(
                    f"the server ended with {self.process.returncode}:\n"
                    f"{self.log_text()[begun:][-4000:]}")
            if time.monotonic() > deadline:
                raise AssertionError("not ready:\n" + self.log_text()[-4000:])
            time.sleep(0.02)
        return self

    def stop(self):
        """Drains and ends; the exit must be clean."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(
                    "still there 30 s after SIGTERM:\n" + self.tail())
        self.log_file.close()
        assert self.process.returncode == 0, \
            f"exit {self.process.returncode}:\n{self.tail()}"

    def kill(self):
        """The whole server at once, as if the power went."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def close(self):
        """stop(), then no trouble may stand in the log; cleans up."""
        try:
            self.stop()
            self.check_log()
        finally:
            if self.process.poll() is None:
                self.kill()
            shutil.rmtree(self.directory, ignore_errors=True)

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self):
        return self.log_text()[-6000:]

    def check_log(self):
        text = self.log_text()
        found = TROUBLE.search(text)
        assert not found, text[max(0, found.start() - 1000):][:8000]

    def processes(self):
        """[(role name, pid)], from the arguments of the master's children; there
        are several of front."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                stat = (path / "stat").read_text().rsplit(")", 1)[1].split()
                words = (path / "cmdline").read_bytes().split(b"\0")
                title = (path / "comm").read_text().strip()
            except OSError:
                continue
            if int(stat[1]) == self.process.pid and stat[0] != "Z":
                name = title
                if b"--role" in words:
                    name = words[words.index(b"--role") + 1].decode()
                found.append((name, int(path.name)))
        return sorted(found, key=lambda role: role[1])

    def children(self):
        """{role name: pid}; of front the youngest."""
        return dict(self.processes())

    # accounts and the command line

    def culver(self, *arguments, stdin=None, check=True, **more):
        done = subprocess.run(
            [str(self.program), "-c", str(self.config),
             *[str(a) for a in arguments]],
            input=stdin, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=self.directory, timeout=600, **more)
        if check:
            assert done.returncode == 0, \
                f"culver {arguments}: exit {done.returncode}\n" \
                f"{done.stdout[-2000:]}{done.stderr[-4000:]}\n{self.tail()[-800:]}"
        return done

    def knows(self, command):
        """Whether this program has the command."""
        out = self.culver("--help", check=False).stdout
        return bool(re.search(rf"^  {command} ", out, re.M))

    def account(self, name=None):
        """A new account; (name, password)."""
        name = name or "u" + secrets.token_hex(5)
        if name not in self.accounts:
            password = secrets.token_urlsafe(9)
            self.culver("account", "add", name, "--password-stdin",
                        stdin=password + "\n")
            self.accounts[name] = password
        return name, self.accounts[name]

    # how to reach it

    def address(self, tls=False):
        return "127.0.0.1", self.imaps_port if tls else self.imap_port

    def pop3_address(self, tls=False):
        return "127.0.0.1", self.pop3s_port if tls else self.pop3_port

    @property
    def context(self):
        context = ssl.create_default_context(
            cafile=str(self.directory / "cert.pem"))
        return context


class AsNobody(Server):
    """The server of an ordinary user. The program is copied to where that
    user may go."""

    def __init__(self, settings=None):
        super().__init__(settings)
        copy = self.directory / "culver"
        shutil.copy(self.program, copy)
        self.program = self.directory / "run"
        self.program.write_text(
            "#!/bin/sh\nexec setpriv --reuid 65534 --regid 65534 "
            f'--clear-groups {copy} "$@"\n')
        self.program.chmod(0o755)
        for path in [self.directory, *self.directory.iterdir()]:
            os.chown(path, 65534, 65534)


_servers = {}


def shared_server(**settings):
    """One server for all tests that want these settings."""
    key = tuple(sorted(settings.items()))
    if key not in _servers:
        _servers[key] = Server(settings).start()
    server = _servers[key]
    assert server.process.poll() is None, "the server died:\n" + server.tail()
    return server


def close_shared():
    """Ends them all; what went wrong, as text."""
    errors = []
    for server in _servers.values():
        try:
            server.close()
        except AssertionError as error:
            errors.append(str(error))
    _servers.clear()
    return "\n".join(errors)


def eventually(condition, what, timeout=30):
    """Waits until condition() is true; gives what it gave."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)
