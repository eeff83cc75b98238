# SPDX-License-Identifier: Apache-2.0
"""Debian's Dovecot on loopback, serving Maildir++ trees: the other side of
moves. Every user's password is "pw"; user NAME has mail in ROOT/NAME."""
import getpass
import grp
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

from harness import free_port

CONFIG = """
base_dir = {d}/run
state_dir = {d}/state
log_path = {d}/log
protocols = imap
listen = 127.0.0.1
disable_plaintext_auth = no
auth_mechanisms = plain
ssl = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {login}
first_valid_uid = 0
last_valid_uid = 0
mail_location = {location}
mail_max_userip_connections = 1000
passdb {{
  driver = static
  args = password=pw
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service imap {{
  process_limit = 300
}}
"""


class Dovecot:
    """extra: more lines of configuration."""

    def __init__(self, root, location="maildir:~/", extra=""):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.directory.chmod(0o755)
        self.port = free_port()
        root = pathlib.Path(root)
        root.chmod(0o755)
        self.user = getpass.getuser()
        root_user = os.geteuid() == 0
        # Root may not be a mail user: the mail is given to dovecot's own.
        mail = pwd.getpwnam("dovecot") if root_user else pwd.getpwuid(
            os.getuid())
        if root_user:
            for path in [root, *root.rglob("*")]:
                os.chown(path, mail.pw_uid, mail.pw_gid)
        (self.directory / "dovecot.conf").write_text(CONFIG.format(
            d=self.directory, root=root, port=self.port, location=location,
            uid=mail.pw_uid, gid=mail.pw_gid,
            user="dovecot" if root_user else self.user,
            login="dovenull" if root_user else self.user,
            group="dovecot" if root_user else grp.getgrgid(
                os.getgid()).gr_name).replace("last_valid_uid = 0\n", "")
            + extra)
        self.process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", self.directory / "dovecot.conf"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(self.directory / "start.log", "wb"))
        deadline = time.monotonic() + 20

        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                if self.process.poll() is not None or \
                        time.monotonic() > deadline:
                    raise AssertionError(
                        (self.directory / "start.log").read_text())
                time.sleep(0.05)

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        # Seen when the test fails.
        print("".join(line for line in (self.directory / "log")
                      .read_text(errors="replace").splitlines(True)
                      if "Error" in line or "Panic" in line))
        shutil.rmtree(self.directory, ignore_errors=True)
