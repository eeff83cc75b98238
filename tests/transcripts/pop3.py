# SPDX-License-Identifier: Apache-2.0
"""Transcripts that speak POP3: every line of an answer stands for itself.

    @protocol pop3              (and `@dialect utf8`: UTF8 before the login)
    C: RETR 1
    S: +OK x                    the words are free, but there must be some
    S: ...                      any lines up to "."
    S: .

A code is compared, and where none is written none may come. Mail comes and is
looked at by IMAP: `@message`, `@messages`, and `@imap COMMAND` with the
untagged answers that must come behind "|".
"""
import re
import time

from transcript import (TIMEOUT, Connection, Mismatch, Player, match_response,
                        match_text, show, unescape)

STATUS = re.compile(rb"(\+OK|-ERR)(?: (\[[^\]]*\])(?= |$))?(?: (.*))?$", re.S)


def match_line(want, got, variables):
    w, g = STATUS.match(want), STATUS.match(got)
    if bool(w) != bool(g):
        return False
    if not w:
        # "+ " asks for a response; editors drop the space.
        return match_text(b"+ " if want == b"+" else want, got, variables)
    if len(got) > 510:
        raise Mismatch(f"a first line of {len(got)} octets")
    if w[1] != g[1] or (w[2] or b"").upper() != (g[2] or b"").upper():
        return False
    if w[3] == b"x":
        return bool((g[3] or b"").strip())
    return match_text(w[3] or b"", g[3] or b"", variables)


class Pop3Connection(Connection):
    def read_response(self, timeout=TIMEOUT):
        return [("line", self.read_line(time.monotonic() + timeout))]


class Pop3Player(Player):
    def _connect(self, number, tls=None):
        if tls is None:
            tls = self.mode == "tls"
        self.connections[number] = Pop3Connection(
            self.world.pop3_address(tls), self.world.context if tls else None,
            split=self.mode == "bytes")

    def _login(self, connection, alias="account", enable=True):
        if not isinstance(connection, Pop3Connection):
            super()._login(connection, alias, False)
            return
        name, password = self.world.credentials(alias)
        lines = self.world.pop3_login(
            name, password, self.transcript.dialect == "utf8")
        split, connection.split = connection.split, False
        self._must(connection, None)
        for line in lines:
            self._must(connection, line)
        connection.split = split

    def _must(self, connection, line):
        if line is not None:
            connection.send(line + b"\r\n")
        got = connection.read_response()
        if not got[0][1].startswith(b"+OK"):
            raise Mismatch(f"{line!r}: {show(got)}")

    def _match(self, want, got):
        trial = dict(self.variables)
        if match_line(want[0][1], got[0][1], trial):
            self.variables.update(trial)
            return True
        return False

    def _may_ignore(self, got):
        return False

    def _skip_untagged(self, step):
        got = self.aside.pop(step.conn, None) or self._read(step.conn)
        while got[0][1] != b".":
            got = self._read(step.conn)
        self.aside[step.conn] = got

    def do_imap(self, step, *_):
        """@imap COMMAND, with what it must answer behind "|"."""
        command = step.raw.split(b" ", 1)[1]
        got = self._setup(self._fill_in(command))
        if step.block is None:
            return
        want = [line for line in step.block.split(b"\r\n") if line]
        for line in want:
            if not got or not match_response(
                    [("line", line)], got.pop(0), self.variables):
                raise Mismatch(f"{command!r} does not say {line!r}")
        if got:
            raise Mismatch(f"{command!r} says more: {show(got[0])}")

    def do_raw(self, step, mailbox, *_):
        """@raw MAILBOX bytes with escapes: a message, just so."""
        body = unescape(step.raw.split(b" ", 2)[2])
        self._append(mailbox, "()", None, body)
