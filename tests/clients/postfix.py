# SPDX-License-Identifier: Apache-2.0
"""Debian's Postfix as an instance of its own: its configuration, queue, data,
log and port are in a directory that is gone afterwards."""
import os
import pathlib
import re
import shutil
import smtplib
import subprocess
import tempfile

import pytest

from delivering import DOMAIN
from harness import eventually, free_port


# As Debian's, without chroot, without what is not needed.
MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def skip_unless_possible():
    if not shutil.which("postfix", path="/usr/sbin:/usr/bin"):
        pytest.skip("Postfix is not installed")
    if os.geteuid():
        pytest.skip("Postfix gives its processes users of their own: "
                    "only root can start it")


class Postfix:
    """Delivers all mail for example.org through `transport`, a value for
    virtual_transport."""

    def __init__(self, transport, **settings):
        self.directory = pathlib.Path(
            tempfile.mkdtemp(prefix="culver-postfix-"))
        self.directory.chmod(0o755)
        self.etc = self.directory / "etc"
        self.log = self.directory / "maillog"
        self.port = free_port()
        self.settings = {
            "compatibility_level": "3.6",
            "queue_directory": self.directory / "queue",
            "data_directory": self.directory / "data",
            "maillog_file": self.log,
            "maillog_file_prefixes": self.directory,
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "myhostname": "mx.example.test",
            "mydestination": "",
            "alias_maps": "",
            "alias_database": "",
            "virtual_mailbox_domains": DOMAIN,
            "virtual_transport": transport,
            "smtputf8_enable": "yes",
            "recipient_delimiter": "+",
            # What was deferred is tried again at once.
            "queue_run_delay": "1s",
            "minimal_backoff_time": "1s",
            "maximal_backoff_time": "1s",
            "transport_retry_time": "1s",
            "maximal_queue_lifetime": "1d",
            "notify_classes": "",
            **settings,
        }
        self.etc.mkdir()
        (self.directory / "queue").mkdir()
        data = self.directory / "data"
        data.mkdir()
        shutil.chown(data, "postfix", "postfix")
        self.configure()
        (self.etc / "master.cf").write_text(MASTER.format(port=self.port))

    def configure(self, **settings):
        self.settings.update(settings)
        (self.etc / "main.cf").write_text("".join(
            f"{k} = {v}\n" for k, v in self.settings.items()))

    def run(self, program, *arguments, check=True, **more):
        done = subprocess.run(
            [program, "-c", str(self.etc), *arguments], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
            env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                 "MAIL_CONFIG": str(self.etc)}, **more)
        assert not check or done.returncode == 0, \
            f"{program} {arguments}: {done.stdout}\n{self.log_text()[-3000:]}"
        return done.stdout

    def start(self):
        try:
            self.run("postfix", "start")
            eventually(self._answers, "Postfix's greeting")
        except BaseException:
            self.close()
            raise
        return self

    def _answers(self):
        try:
            smtplib.SMTP("127.0.0.1", self.port, timeout=5).quit()
            return True
        except OSError:
            return False

    def close(self):
        self.run("postfix", "stop", check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def reload(self, **settings):
        self.configure(**settings)
        self.run("postfix", "reload")

    # mail

    def smtp(self):
        return smtplib.SMTP("127.0.0.1", self.port, timeout=60)

    def send(self, sender, recipients, text, options=()):
        """Over SMTP; the number in its queue."""
        with self.smtp() as smtp:
            smtp.ehlo("sender.example.test")
            refused = smtp.sendmail(sender, recipients, text,
                                    mail_options=options)
            assert not refused, refused

    def sendmail(self, sender, recipients, text):
        """As a program on this machine does."""
        done = subprocess.run(
            ["/usr/sbin/sendmail", "-C", str(self.etc), "-f", sender, "-i",
             *recipients], input=text, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=60,
            env={**os.environ, "MAIL_CONFIG": str(self.etc)})
        assert done.returncode == 0, done.stdout

    def flush(self):
        self.run("postqueue", "-f")

    def queue(self):
        return self.run("postqueue", "-p")

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() \
            else ""

    def results(self, recipient):
        """What became of it: [(status, words)], oldest first."""
        return re.findall(
            rf"to=<{re.escape(recipient)}>.*?status=(\w+) \((.*)\)",
            self.log_text())

    def result(self, recipient, status=None, count=1):
        """The result number `count`; waits for it."""
        def there():
            found = [r for r in self.results(recipient)
                     if status in (None, r[0])]
            return found[count - 1] if len(found) >= count else None
        try:
            return eventually(there, f"{status} for {recipient}", timeout=60)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.log_text()[-4000:]}") from e
