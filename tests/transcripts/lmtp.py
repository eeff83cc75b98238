# SPDX-License-Identifier: Apache-2.0
"""Transcripts that speak LMTP: every line of an answer stands for itself.

    @protocol lmtp
    C: RCPT TO:<nobody@example.org>
    S: 550 5.1.1 <nobody@example.org> x

Codes are compared, the "-" of a line that goes on, an address if one is
written; other words are free where "x" stands. A connection begins with the
greeting, which is not written, and LHLO with S: 250-... stands for all of its
answer. `{{account}}` and `{{other}}` are local parts of addresses. Mail is
looked at by IMAP, as the account: `@imap COMMAND` (pop3.py).
"""
import re

from pop3 import Pop3Connection, Pop3Player
from transcript import Mismatch, match_text, show

REPLY = re.compile(
    rb"(\d{3})([ -])(?:(\d\.\d{1,3}\.\d{1,3}) )?(?:(<[^>]*>) )?(.*)$", re.S)


def match_reply(want, got, variables):
    w, g = REPLY.match(want), REPLY.match(got)
    if not w or not g or len(got) > 510:
        raise Mismatch(f"no reply line: {want!r}, {got!r}")
    if w.group(1, 2, 3) != g.group(1, 2, 3):
        return False
    # RFC 2034: the same class, and none in 3xx.
    if g[3] and g[3][:1] != g[1][:1]:
        return False
    if w[4] and not match_text(w[4], g[4] or b"", variables):
        return False
    return bool(g[5]) if w[5] == b"x" else \
        match_text(w[5], g[5], variables)


class LmtpPlayer(Pop3Player):
    def _connect(self, number, tls=None):
        connection = Pop3Connection(
            self.world.lmtp_address(), None, split=self.mode == "bytes")
        self.connections[number] = connection
        if self.world.lmtp_login:
            connection.read_response()
            connection.send(self.world.lmtp_login + b"\r\n")
        greeting = connection.read_response()
        if not re.match(rb"220 \S+ LMTP", greeting[0][1]):
            raise Mismatch(f"greeting: {show(greeting)}")

    def _login(self, connection, alias="account", enable=True):
        if not isinstance(connection, Pop3Connection):
            super()._login(connection, alias, False)

    def _match(self, want, got):
        trial = dict(self.variables)
        if match_reply(want[0][1], got[0][1], trial):
            self.variables.update(trial)
            return True
        return False

    def _skip_untagged(self, step):
        raise Mismatch("S: ... is of IMAP and POP3")

    def _expect(self, step):
        """LHLO's answer, and others of several lines, with 250-..."""
        if step.parts != [("line", b"250-...")]:
            return super()._expect(step)
        while self._read(step.conn)[0][1].startswith(b"250-"):
            pass
        return None
