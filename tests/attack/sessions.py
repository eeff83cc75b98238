# SPDX-License-Identifier: Apache-2.0
"""What clients say that know the language and do not mean well: whole sessions of
IMAP, POP3 and LMTP, made from a grammar and then damaged. A session is a list of
pieces; all of it follows from a seed."""
import random

NUMBERS = [b"0", b"1", b"2", b"3", b"5", b"17", b"4294967295", b"4294967296",
           b"9223372036854775807", b"18446744073709551616", b"-1"]
BYTES = [b"\r", b"\n", b"\r\n", b"\0", b"\xff", b"\"", b"(", b")", b"{", b"}",
         b"{3}\r\n", b"{3+}\r\n", b"\\", b" ", b"*", b"%", b"&", b"\x1b",
         b"+", b"~", b"]", b"[", b"\t", b".", b"\r\n.\r\n", b"$"]


class Maker:
    """Says things."""

    def __init__(self, seed):
        self.chance = random.Random(seed)

    def pick(self, *choices):
        found = self.chance.choice(choices)
        return found() if callable(found) else found

    def some(self, made, most=3, between=b" "):
        return between.join(made() for _ in range(
            self.chance.randint(1, most)))

    def number(self):
        return self.chance.choice(NUMBERS)

    def word(self):
        return self.pick(b"x", b"a", b"hello", b"Subject", b"caf\xc3\xa9",
                         b"\xff", b"a\\b", b"")

    def literal(self, data):
        return self.pick(b"{%d+}\r\n", b"{%d+}\r\n", b"{%d}\r\n") \
            % len(data) + data

    def string(self):
        word = self.word()
        quoted = word.replace(b"\\", b"\\\\")
        return self.pick(b'"%s"' % quoted, lambda: self.literal(word),
                         word or b'""')


class Imap(Maker):
    def set(self):
        return self.pick(b"1", b"1:*", b"*", b"$", b"2,4:7", self.number,
                         lambda: self.number() + b":" + self.number(),
                         lambda: self.set() + b"," + self.set())

    def box(self):
        return self.pick(b"INBOX", b"INBOX", b"box", b"a/b", b"a/b/c",
                         b'"&AOQ-"', self.string)

    def flags(self):
        return b"(%s)" % self.pick(b"", b"\\Seen", b"\\Deleted",
                                   b"\\Deleted k1", b"\\Flagged $Junk k2 k3")

    def message(self):
        return self.pick(
            b"a: b\r\n\r\nc", b"x", b"Subject: x\r\n\r\n" + b"y\r\n" * 500,
            lambda: b"Message-ID: <%s@x>\r\nReferences: <%s@x>\r\n\r\n"
            % (self.number(), self.number()),
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx"
            b"\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>y\r\n--b--\r\n",
            lambda: bytes(self.chance.randbytes(200)))

    def key(self):
        return self.pick(
            b"ALL", b"UNSEEN", b"DELETED", b"KEYWORD k1", b"RECENT",
            lambda: b"NOT " + self.key(),
            lambda: b"OR " + self.key() + b" " + self.key(),
            lambda: b"(" + self.some(self.key) + b")",
            lambda: self.pick(b"SUBJECT ", b"FROM ", b"BODY ", b"TEXT ",
                              b"HEADER x ") + self.string(),
            lambda: b"UID " + self.set(), self.set,
            lambda: b"MODSEQ " + self.number(), b"SINCE 1-Jan-2020",
            lambda: b"LARGER " + self.number(), b"YOUNGER 99")

    def item(self):
        return self.pick(
            b"FLAGS", b"UID", b"ENVELOPE", b"BODYSTRUCTURE", b"BODY[]",
            b"BODY.PEEK[HEADER]", b"BODY[1.MIME]", b"BODY.PEEK[TEXT]<0.9>",
            b"BINARY[1]", b"BINARY.SIZE[1]", b"RFC822.SIZE", b"MODSEQ",
            b"PREVIEW", b"SAVEDATE", b"EMAILID", b"INTERNALDATE", b"RFC822",
            lambda: b"BODY.PEEK[HEADER.FIELDS (%s)]" % self.string(),
            lambda: b"BODY[%s.%s]" % (self.number(), self.number()))

    def returns(self):
        return self.pick(b"", b"RETURN () ", b"RETURN (COUNT) ",
                         b"RETURN (SAVE) ", b"RETURN (MIN MAX ALL) ",
                         b"RETURN (PARTIAL 1:5) ", b"RETURN (UPDATE) ")

    def on_messages(self):
        return self.pick(
            lambda: b"FETCH %s (%s)" % (self.set(), self.some(self.item)),
            lambda: b"FETCH %s FLAGS (CHANGEDSINCE %s)"
            % (self.set(), self.number()),
            lambda: b"STORE %s %sFLAGS%s %s" % (
                self.set(), self.pick(b"", b"+", b"-"),
                self.pick(b"", b".SILENT"), self.flags()),
            lambda: b"STORE %s (UNCHANGEDSINCE %s) +FLAGS %s"
            % (self.set(), self.number(), self.flags()),
            lambda: b"COPY %s %s" % (self.set(), self.box()),
            lambda: b"MOVE %s %s" % (self.set(), self.box()),
            lambda: b"SEARCH %s%s" % (self.returns(), self.some(self.key)),
            lambda: b"SORT %s(SUBJECT REVERSE DATE) UTF-8 %s"
            % (self.returns(), self.key()),
            lambda: b"THREAD %s UTF-8 %s" % (
                self.pick(b"REFERENCES", b"ORDEREDSUBJECT"), self.key()),
            lambda: b"REPLACE %s %s %s" % (self.set(), self.box(),
                                           self.literal(self.message())))

    def command(self):
        return self.pick(
            b"NOOP", b"CHECK", b"CAPABILITY", b"NAMESPACE", b"EXPUNGE",
            b"CLOSE", b"UNSELECT", b"IDLE\r\nDONE", b"ID NIL",
            b"SELECT INBOX", b"SELECT INBOX", b"EXAMINE box",
            lambda: b"SELECT %s (QRESYNC (1 %s))" % (self.box(),
                                                     self.number()),
            lambda: b"ENABLE " + self.pick(b"QRESYNC", b"CONDSTORE",
                                           b"UIDONLY", b"IMAP4rev2",
                                           b"UTF8=ACCEPT"),
            lambda: self.pick(b"CREATE ", b"DELETE ", b"SUBSCRIBE ",
                              b"UNSUBSCRIBE ", b"SELECT ") + self.box(),
            lambda: b"RENAME %s %s" % (self.box(), self.box()),
            lambda: b"LIST (SUBSCRIBED) \"\" (%s *) RETURN (STATUS (SIZE))"
            % self.box(),
            lambda: b"LIST \"\" " + self.pick(b"*", b"%", self.box()),
            lambda: b"STATUS %s (MESSAGES UIDNEXT UNSEEN)" % self.box(),
            lambda: b"APPEND %s %s %s" % (self.box(), self.flags(),
                                          self.literal(self.message())),
            lambda: b"APPEND %s %s %s" % (self.box(),
                                          self.literal(self.message()),
                                          self.literal(self.message())),
            lambda: b"SETMETADATA %s (/private/comment %s)"
            % (self.box(), self.string()),
            lambda: b"GETMETADATA %s (/private/comment /shared/x)"
            % self.box(),
            lambda: b"NOTIFY SET (%s (MessageNew MessageExpunge MailboxName))"
            % self.pick(b"selected", b"personal", b"subtree a"),
            b"NOTIFY NONE", b"UNAUTHENTICATE",
            lambda: b"UID EXPUNGE " + self.set(),
            self.on_messages, self.on_messages, self.on_messages,
            lambda: b"UID " + self.on_messages(),
            lambda: b"UID " + self.on_messages())

    def unit(self):
        return b"a%d " % self.chance.randint(0, 99) + self.command() + b"\r\n"

    def login(self, name, password):
        return self.pick(b"l LOGIN %s %s\r\n" % (name, password),
                         b"l LOGIN {%d+}\r\n%s {%d+}\r\n%s\r\n" % (
                             len(name), name, len(password), password))

    starttls = b"s STARTTLS\r\n"
    compress = b"z COMPRESS DEFLATE\r\n"
    farewell = b"q LOGOUT\r\n"


class Pop3(Maker):
    def unit(self):
        return self.pick(
            b"NOOP", b"STAT", b"LIST", b"UIDL", b"RSET", b"CAPA", b"LANG",
            b"UTF8", b"QUIT",
            lambda: self.pick(b"RETR ", b"DELE ", b"LIST ", b"UIDL ")
            + self.number(),
            lambda: b"TOP %s %s" % (self.number(), self.number()),
            lambda: b"LANG " + self.word(),
            lambda: b"USER " + self.word()) + b"\r\n"

    def login(self, name, password):
        return b"USER %s\r\nPASS %s\r\n" % (name, password)

    starttls = b"STLS\r\n"
    compress = None
    farewell = b"QUIT\r\n"


class Lmtp(Maker):
    names = [b"nobody"]

    def address(self):
        return self.pick(lambda: self.chance.choice(self.names), b"nobody@x",
                         lambda: self.chance.choice(self.names) + b"+x@y",
                         b'"a b"@x', b"", b"a@[127.0.0.1]", self.word)

    def unit(self):
        return self.pick(
            b"LHLO x", b"RSET", b"NOOP", b"VRFY x", b"HELP", b"QUIT", b"EHLO x",
            lambda: b"MAIL FROM:<%s>" % self.address(),
            lambda: b"MAIL FROM:<%s> BODY=8BITMIME SIZE=%s SMTPUTF8"
            % (self.address(), self.number()),
            lambda: b"RCPT TO:<%s>" % self.address(),
            lambda: b"RCPT TO:<%s>" % self.chance.choice(self.names),
            lambda: b"RCPT TO:<%s> NOTIFY=NEVER ORCPT=rfc822;%s"
            % (self.address(), self.word()),
            lambda: b"DATA\r\n" + self.text() + b"\r\n.",
            lambda: b"MAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\n%s\r\n."
            % (self.chance.choice(self.names), self.text()),
            self.chunk) + b"\r\n"

    def text(self):
        return self.pick(b"Subject: x\r\n\r\ny", b"", b"..", b".", b"x\n.\ny",
                         b"\r.\r", b"a\r\n..b\r\n.\n",
                         lambda: self.chance.randbytes(300))

    def chunk(self):
        data = self.text()
        return b"BDAT %d%s\r\n" % (len(data), self.pick(b"", b" LAST")) + data

    def login(self, name, password):
        return b"LHLO x\r\n"

    starttls = compress = None
    farewell = b"QUIT\r\n"


MAKERS = {"imap": Imap, "pop3": Pop3, "lmtp": Lmtp}


def damage(chance, unit, units):
    """A unit of the language, not any more."""
    way = chance.randrange(9)
    at = chance.randrange(len(unit) + 1)
    if way == 0:
        return unit[:at] + chance.choice(BYTES) + unit[at:]
    if way == 1:
        return unit[:at]
    if way == 2:
        return unit[:at] + unit[at + chance.randint(1, 4):]
    if way == 3:
        words = unit.split(b" ")
        chance.shuffle(words)
        return b" ".join(words)
    if way == 4:
        words = unit.split(b" ")
        words.insert(chance.randrange(len(words) + 1), chance.choice(words)
                     * chance.choice((1, 2, 50)))
        return b" ".join(words)
    if way == 5:
        other = chance.choice(units)
        return unit[:at] + other[chance.randrange(len(other) + 1):]
    if way == 6:
        return unit[:at] + chance.randbytes(chance.randint(1, 8)) + unit[at:]
    if way == 7:
        return unit * chance.choice((2, 3, 30))
    return unit[:at] + chance.choice(NUMBERS) + unit[at:]


def shortened(piece):
    text = repr(piece)
    return text if len(text) < 1000 else text[:980] + " ... " + text[-15:]


class Session:
    """One client, from its seed on."""

    def __init__(self, seed, accounts, names):
        self.seed = seed
        chance = self.chance = random.Random(seed)
        self.protocol = chance.choice(
            ("imap", "imap", "imap", "imap", "pop3", "lmtp"))
        maker = MAKERS[self.protocol](chance.random())
        maker.names = names
        name, password = chance.choice(accounts)
        self.tls = self.protocol != "lmtp" and chance.random() < 0.2
        self.starttls = maker.starttls if not self.tls and \
            chance.random() < 0.1 else None
        self.compress = maker.compress if chance.random() < 0.1 else None
        self.resets = chance.random() < 0.15
        self.reads = chance.random() < 0.9
        units = [maker.unit() for _ in range(chance.randint(1, 40))]
        damaged = chance.choice((0, 0.1, 0.1, 0.5))
        units = [damage(chance, u, units) if chance.random() < damaged else u
                 for u in units]
        self.login = maker.login(name, password)
        if chance.random() < 0.1:
            self.login = damage(chance, self.login, units)
        if chance.random() < 0.6:
            units.append(maker.farewell)
        self.pieces = list(self.cut(b"".join(units)))

    def cut(self, data):
        """As it comes over a network."""
        most = self.chance.choice((1 << 20, 1 << 20, 3000, 100, 7))
        while data:
            n = self.chance.randint(1, most)
            yield data[:n]
            data = data[n:]

    def __str__(self):
        return (f"{self.protocol}, session {self.seed}: "
                f"tls={self.tls} starttls={bool(self.starttls)} "
                f"compress={bool(self.compress)} resets={self.resets}\n"
                f"  {self.login!r}\n" +
                "".join(f"  {shortened(p)}\n" for p in self.pieces))
