# SPDX-License-Identifier: Apache-2.0
"""Reads transcripts, plays them to a server, and compares what it says.

README.md in this folder describes the format. In short:

    C: a1 SELECT INBOX          what the client sends (C2: a second client)
    S~: * 3 EXISTS              what the server says; S~ lines next to each
    S~: * 1 RECENT              other may come in any order
    S: a1 OK [READ-WRITE] …     the words after a code are not compared

Answers are compared as IMAP means them: a string is the same quoted or as a
literal, flags and attributes are sets, FETCH and STATUS items may stand in any
order. Nothing else may come than what is written.
"""
import base64
import dataclasses
import pathlib
import re
import select
import socket
import ssl
import time

TIMEOUT = 20


class Mismatch(Exception):
    """The server said something else than the transcript."""


class Malformed(Exception):
    """The transcript itself (or an answer) cannot be read."""


# ---------------------------------------------------------------- the file

@dataclasses.dataclass
class Step:
    """One thing to do. kind: "send", "expect" or "do" (a directive)."""
    kind: str
    line: int
    conn: int = 1
    parts: list = dataclasses.field(default_factory=list)
    mode: str = ""          # of expect: "" in order, "~" any order, "?" may
    words: list = dataclasses.field(default_factory=list)
    block: bytes = None     # of do: the lines that followed with "|"
    raw: bytes = b""         # of do: as it was written


ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[\\rnt0])")


def unescape(data):
    table = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}
    return ESCAPE.sub(lambda m: table.get(m[1]) or bytes([int(m[1][1:], 16)]),
                      data)


def directive_words(text):
    """Words; "quoted ones" and (parenthesised ones) are one word each."""
    return [m[1] if m[1] is not None else m[0]
            for m in re.finditer(r'"([^"]*)"|\([^)]*\)|\S+', text)]


class Transcript:
    """A file, read. .steps in order; .settings and .dialect for the server."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.protocol = "imap"
        self.dialect = "rev1"
        self.settings = {}
        self.needs = set()
        self.modes = {"plain", "tls", "bytes"}
        self.steps = []
        for number, raw in enumerate(
                self.path.read_bytes().split(b"\n"), start=1):
            self._read_line(number, raw)

    def after_login_only(self):
        """Nothing in it is about settings, TLS or what comes before login."""
        return not self.settings and not any(
            s.kind == "do" and {"nologin", "tls"} & set(s.words)
            for s in self.steps)

    def _read_line(self, number, raw):
        if not raw.strip() or raw.startswith(b"#"):
            return
        if raw.startswith(b"@"):
            self._directive(number, raw[1:].decode())
            return
        if raw.startswith(b"|"):
            last = self.steps[-1]
            last.block = (last.block or b"") + raw[1:].removeprefix(
                b" ") + b"\r\n"
            return
        match = re.match(rb"([CS])(\d*)([~?]?)([:|>])(?: (.*))?$", raw)
        if not match:
            raise Malformed(f"{self.path.name}:{number}: {raw!r}")
        side, conn, mode, sort, text = match.groups()
        conn = int(conn or 1)
        text = text or b""
        if sort != b":":
            self._block(number, side, conn, sort, text)
        elif side == b"C":
            self._send(number, conn, text)
        else:
            self._expect(number, conn, mode.decode(), text)

    def _directive(self, number, text):
        words = directive_words(text)
        if words[0] == "dialect":
            self.dialect = words[1]
        elif words[0] == "protocol":
            self.protocol = words[1]
        elif words[0] == "setting":
            name, value = text.split(None, 1)[1].split("=", 1)
            self.settings[name.strip()] = value.strip()
        elif words[0] == "needs":
            self.needs.update(words[1:])
        elif words[0] == "modes":
            self.modes = set(words[1:])
        else:
            self.steps.append(Step("do", number, words=words,
                                   raw=text.encode()))

    def _block(self, number, side, conn, sort, text):
        kind = "send" if side == b"C" else "expect"
        if not self.steps or self.steps[-1].kind != kind or \
                self.steps[-1].conn != conn:
            if kind == "expect":
                raise Malformed(f"{self.path.name}:{number}: a block first")
            self.steps.append(Step("send", number, conn))
        parts = self.steps[-1].parts
        text = text + b"\r\n" if sort == b"|" else unescape(text)
        if parts and parts[-1][0] == "bytes":
            parts[-1] = ("bytes", parts[-1][1] + text)
        else:
            parts.append(("bytes", text))

    def _send(self, number, conn, text):
        last = self.steps[-1] if self.steps else None
        if not (last and last.kind == "send" and last.conn == conn):
            last = Step("send", number, conn)
            self.steps.append(last)
        last.parts.append(("line", text))

    def _expect(self, number, conn, mode, text):
        last = self.steps[-1] if self.steps else None
        if last and last.kind == "expect" and last.parts and \
                last.parts[-1][0] == "bytes" and last.conn == conn:
            last.parts.append(("line", text))   # after a literal
        else:
            self.steps.append(Step("expect", number, conn,
                                   [("line", text)], mode))


# ------------------------------------------------------- answers as trees

class Atom(str):
    pass


class Text(bytes):
    """A string, quoted or literal."""


class Tokens:
    """Reads parts (bytes of a line, and literals between) as a tree. Lists
    are Python lists. `pattern` lets {{…}} and escapes stand in it."""

    def __init__(self, parts, pattern=False):
        self.parts = parts
        self.pattern = pattern
        self.part = self.at = 0

    def _here(self):
        return self.parts[self.part][1]

    def _peek(self):
        if self.part < len(self.parts) and self.parts[self.part][0] == "line" \
                and self.at < len(self._here()):
            return self._here()[self.at:self.at + 1]
        return b""

    def _literal(self):
        """At "{n}" that ends a line, with the bytes as the next part."""
        match = re.compile(rb"~?\{\d*\}$").match(self._here(), self.at)
        if not match or self.part + 1 >= len(self.parts):
            return None
        value = Text(self.parts[self.part + 1][1])
        if match[0][:1] == b"~" and not self.pattern and b"\0" not in value:
            raise Malformed("literal8 without NUL")     # RFC 3516 section 4.3
        self.part += 2
        self.at = 0
        return value

    def all(self, closer=b""):
        out = []
        while True:
            c = self._peek()
            if c == b" ":
                self.at += 1
            elif c == closer or c == b"":
                if c != closer:
                    raise Malformed("list without end")
                self.at += len(c)
                return out
            elif c == b"(":
                self.at += 1
                out.append(self.all(b")"))
            else:
                out.append(self._one(c))

    def _one(self, c):
        if c == b'"':
            return self._quoted()
        if c in (b"{", b"~"):
            literal = self._literal()
            if literal is not None:
                return literal
        return self._atom()

    def _quoted(self):
        out = b""
        self.at += 1
        while True:
            c = self._peek()
            if c == b"":
                raise Malformed("quoted string without end")
            if self.pattern and self._here().startswith(b"{{", self.at):
                end = self._here().index(b"}}", self.at) + 2
                out += self._here()[self.at:end]
                self.at = end
                continue
            self.at += 1
            if c == b'"':
                return Text(out)
            if c == b"\\":
                if self.pattern:
                    match = ESCAPE.match(self._here(), self.at - 1)
                    if match:
                        out += unescape(match[0])
                        self.at += len(match[0]) - 1
                        continue
                c = self._peek()
                self.at += 1
            out += c

    def _atom(self):
        start = self.at
        line = self._here()
        depth = 0
        while self.at < len(line):
            if self.pattern and line.startswith(b"{{", self.at):
                self.at = line.index(b"}}", self.at) + 2
                continue
            c = line[self.at:self.at + 1]
            if c == b"[":
                depth += 1
            elif c == b"]":
                depth -= 1
            elif depth <= 0 and c in (b" ", b"(", b")"):
                break
            self.at += 1
        if self.at == start:
            raise Malformed(f"cannot read {line[start:]!r}")
        return Atom(line[start:self.at].decode("utf-8", "surrogateescape"))


def raw(value):
    if isinstance(value, bytes):
        return bytes(value)
    return str(value).encode("utf-8", "surrogateescape")


HOLE = re.compile(rb"\{\{(.*?)\}\}")


def hole_regex(inner, variables):
    """The regular expression that one {{…}} stands for, and its name."""
    if inner == b"*":
        return rb".*", None
    if inner.startswith(b"re:"):
        return inner[3:], None
    name, _, wanted = inner.partition(b"=")
    name = name.decode()
    if name in variables:
        return re.escape(raw(variables[name])), None
    return wanted or rb"[^ ()\[\]\r\n]+", name


def match_text(pattern, actual, variables):
    """Compares bytes with a pattern that may have holes; captures."""
    names, regex, at = [], b"", 0
    for hole in HOLE.finditer(pattern):
        part, name = hole_regex(hole[1], variables)
        regex += re.escape(pattern[at:hole.start()])
        if name:
            regex += b"(?P<g%d>" % len(names) + part + b")"
            names.append(name)
        else:
            regex += b"(?:" + part + b")"
        at = hole.end()
    regex += re.escape(pattern[at:])
    match = re.fullmatch(regex, actual, re.S)
    if not match:
        return False
    for i, name in enumerate(names):
        variables[name] = match[f"g{i}"].decode("utf-8", "surrogateescape")
    return True


def is_any(token):
    return isinstance(token, Atom) and token == "{{*}}"


def match_value(want, got, variables):
    if is_any(want):
        return True
    if isinstance(want, list):
        return isinstance(got, list) and match_list(want, got, variables)
    if isinstance(got, list):
        return False
    if isinstance(want, Text) != isinstance(got, Text) and \
            not HOLE.fullmatch(raw(want)):
        return False
    return match_text(raw(want), raw(got), variables)


def match_list(want, got, variables):
    """In order; "..." stands for any rest."""
    for i, token in enumerate(want):
        if token == "...":
            return True
        if i >= len(got) or not match_value(token, got[i], variables):
            return False
    return len(want) == len(got)


def match_set(want, got, variables):
    """In any order; "..." lets others be there."""
    left = list(got)
    for token in want:
        if token == "...":
            return True
        for candidate in left:
            trial = dict(variables)
            same = candidate if "{{" in str(token) else fold(candidate)
            if match_value(fold(token), same, trial):
                variables.update(trial)
                left.remove(candidate)
                break
        else:
            return False
    return not left


def fold(token):
    """Flags, attributes and item names ignore case."""
    if isinstance(token, Atom) and "{{" not in token:
        return Atom(token.upper())
    return token


def pairs(items):
    """name value name value … as a list of lists; "..." alone."""
    out, i = [], 0
    while i < len(items):
        if items[i] == "...":
            out.append(items[i])
            i += 1
        else:
            out.append([fold(items[i]), *items[i + 1:i + 2]])
            i += 2
    return out


SETS = {"FLAGS", "PERMANENTFLAGS", "RETURN"}


def match_pairs(want, got, variables):
    if is_any(want):
        return True
    if not isinstance(want, list) or not isinstance(got, list):
        return False
    left = pairs(got)
    for item in pairs(want):
        if item == "...":
            return True
        for candidate in left:
            trial = dict(variables)
            if match_value(item[0], candidate[0], trial) and \
                    match_item(item, candidate, trial):
                variables.update(trial)
                left.remove(candidate)
                break
        else:
            return False
    return not left


def match_item(want, got, variables):
    if len(want) != len(got):
        return False
    if len(want) == 1:
        return True
    if want[0] in SETS and isinstance(want[1], list) and \
            isinstance(got[1], list):
        return match_set(want[1], got[1], variables)
    return match_value(want[1], got[1], variables)


def match_name(want, got, variables):
    """Mailbox names may be atoms or strings."""
    if is_any(want):
        return True
    if isinstance(got, list):
        return False
    return match_text(raw(want), raw(got), variables)


STATUS = re.compile(
    rb"(\S+) ((?:\|?(?:OK|NO|BAD|BYE|PREAUTH)\b)+)"
    rb"(?: \[(.*?)\](?= |$))?(?: (.*))?$", re.S)


def match_code(want, got, variables):
    """A response code: its words; PERMANENTFLAGS as a set."""
    want = Tokens([("line", want)], True).all()
    got = Tokens([("line", got)]).all()
    if want[0] == "PERMANENTFLAGS" and len(want) == len(got) == 2:
        return got[0] == want[0] and match_set(want[1], got[1], variables)
    if want[0] in ("CAPABILITY", "BADCHARSET") and got[0] == want[0]:
        flat = got[1] if len(got) > 1 and isinstance(got[1], list) else got[1:]
        mine = want[1] if len(want) > 1 and isinstance(want[1], list) \
            else want[1:]
        return match_set(mine, flat, variables)
    return match_list(want, got, variables)


def match_status(want, got, variables):
    """Words are free but must be there. Without a code in the transcript, NO,
    BAD and BYE may have one; OK may not."""
    w, g = STATUS.match(want), STATUS.match(got)
    if not w or not g or not match_text(w[1], g[1], variables) or \
            g[2] not in w[2].split(b"|"):
        return False
    if not (g[4] or b"").strip():
        raise Mismatch(f"no text for people in {got!r}")
    if w[3] is None:
        return g[3] is None or g[2] in (b"NO", b"BAD", b"BYE")
    return g[3] is not None and match_code(w[3], g[3], variables)


def match_response(want, got, variables):
    """want, got: parts. Captures into variables only when it matches."""
    trial = dict(variables)
    if _match_response(want, got, trial):
        variables.update(trial)
        return True
    return False


def _match_response(want, got, variables):
    wline, gline = want[0][1], got[0][1]
    if wline.startswith(b"+"):
        return gline.startswith(b"+") and (
            wline[1:].strip() == b"" or
            match_text(wline[1:].strip(), gline[1:].strip(), variables))
    if STATUS.match(wline) or STATUS.match(gline):
        return match_status(wline, gline, variables)
    w, g = Tokens(want, True).all(), Tokens(got).all()
    kind = next((i for i, t in enumerate(w[1:3], 1)
                 if isinstance(t, Atom) and t.isalpha()), 1)
    if len(w) <= kind or len(g) <= kind or \
            not match_list(w[:kind + 1], g[:kind + 1], variables):
        return False
    return match_data(w[kind], w[kind + 1:], g[kind + 1:], variables)


def same_kind(want, got):
    """LIST's extended data: names of items may be atoms or strings."""
    if isinstance(want, list) and isinstance(got, list):
        return [Text(raw(g)) if isinstance(w, Text) and isinstance(g, Atom)
                else same_kind(w, g) for w, g in zip(want, got)] + \
            got[len(want):]
    return got


def match_data(name, w, g, variables):
    if name in ("CAPABILITY", "ENABLED", "SEARCH"):
        return match_set(w, g, variables)
    if name == "FLAGS" and len(w) == len(g) == 1:
        return match_set(w[0], g[0], variables)
    if name in ("LIST", "LSUB") and len(w) >= 3 and len(g) >= 3:
        return match_set(w[0], g[0], variables) and \
            match_value(w[1], g[1], variables) and \
            match_name(w[2], g[2], variables) and \
            match_list(w[3:], [same_kind(*p) for p in zip(w[3:], g[3:])] +
                       g[3 + len(w[3:]):], variables)
    if name in ("STATUS", "METADATA") and len(w) == len(g) == 2 and \
            isinstance(w[1], list) and isinstance(g[1], list):
        return match_name(w[0], g[0], variables) and \
            match_pairs(w[1], g[1], variables)
    if name in ("FETCH", "UIDFETCH") and len(w) == len(g) == 1:
        return match_pairs(w[0], g[0], variables)
    if name == "ESEARCH":
        return match_esearch(w, g, variables)
    return match_list(w, g, variables)


def match_esearch(w, g, variables):
    def split(tokens):
        tag = [t for t in tokens[:1] if isinstance(t, list)]
        rest = tokens[len(tag):]
        uid = rest[:1] if rest[:1] == ["UID"] else []
        return tag, uid, rest[len(uid):]
    (wtag, wuid, wrest), (gtag, guid, grest) = split(w), split(g)
    return match_list(wtag, gtag, variables) and wuid == guid and \
        match_pairs(wrest, grest, variables)


# ------------------------------------------------------------- connections

class Connection:
    """Lines and literals over a socket."""

    def __init__(self, address, context=None, split=False):
        self.sock = socket.create_connection(address, TIMEOUT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.split = split
        self.pending = b""
        self.eof = False
        if context:
            self.start_tls(context)

    def start_tls(self, context):
        self.sock = context.wrap_socket(self.sock, server_hostname="localhost")

    def send(self, data):
        if not self.split:
            self.sock.sendall(data)
            return
        # Every byte of small commands alone; large bodies in odd pieces.
        size = 1 if len(data) < 4096 else 509
        for i in range(0, len(data), size):
            self.sock.sendall(data[i:i + size])

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise Mismatch("the server says nothing more; "
                           f"unread: {self.pending!r}")
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(65536)
        except (TimeoutError, socket.timeout):
            data = None
        except (ConnectionResetError, ssl.SSLError):
            data = b""
        if data == b"":
            self.eof = True
            raise EOFError
        self.pending += data or b""

    def read_line(self, deadline):
        while b"\r\n" not in self.pending:
            self._fill(deadline)
        line, self.pending = self.pending.split(b"\r\n", 1)
        if b"\n" in line or b"\r" in line:
            raise Mismatch(f"a bare CR or LF in {line!r}")
        return line

    def read_bytes(self, size, deadline):
        while len(self.pending) < size:
            self._fill(deadline)
        data, self.pending = self.pending[:size], self.pending[size:]
        return data

    def read_response(self, timeout=TIMEOUT):
        """One response with its literals, as parts."""
        deadline = time.monotonic() + timeout
        parts = []
        while True:
            line = self.read_line(deadline)
            parts.append(("line", line))
            literal = re.search(rb"\{(\d+)\}$", line)
            if not literal:
                return parts
            parts.append(("bytes", self.read_bytes(int(literal[1]), deadline)))

    def waiting(self):
        """Whether something came that nobody read yet."""
        if self.pending:
            return True
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return True
        return bool(select.select([self.sock], [], [], 0)[0])

    def close(self):
        self.sock.close()


def show(parts):
    return b"\n    ".join(p[1] for p in parts).decode("utf-8", "replace")


# ------------------------------------------------------------------ player

class Player:
    """Plays one transcript. `world` gives it: address(tls), context,
    credentials(alias), corpus(path)."""

    def __init__(self, transcript, world, mode):
        self.transcript = transcript
        self.world = world
        self.mode = mode
        self.connections = {}
        self.variables = {}
        self.hidden = None
        self.log = []
        self.aside = {}        # per connection: lines of an S~ group
        for alias in ("account", "other"):
            name, password = world.credentials(alias)
            self.variables[alias] = name
            self.variables[f"{alias}_password"] = password
            self.variables[f"{alias}_plain"] = base64.b64encode(
                f"\0{name}\0{password}".encode()).decode()

    def play(self):
        steps = self.transcript.steps
        index = 0
        try:
            while index < len(steps):
                index = self._step(steps, index)
            self._nothing_left()
        except (Mismatch, Malformed, EOFError, OSError) as trouble:
            step = steps[min(index, len(steps) - 1)]
            words = "the server closed the connection" \
                if isinstance(trouble, EOFError) else str(trouble)
            tail = "\n".join(self.log[-30:])
            raise AssertionError(
                f"{self.transcript.path.name}:{step.line}: {words}\n"
                f"--- dialogue ---\n{tail}") from None
        finally:
            for connection in self.connections.values():
                connection.close()
            if self.hidden:
                self.hidden.close()

    def _step(self, steps, index):
        step = steps[index]
        if step.kind == "send":
            self._send(step)
            return index + 1
        if step.kind == "do":
            getattr(self, "do_" + step.words[0].replace("-", "_"))(
                step, *step.words[1:])
            return index + 1
        if step.mode:
            end = index
            while end < len(steps) and steps[end].kind == "expect" and \
                    steps[end].mode and steps[end].conn == step.conn:
                end += 1
            self._expect_group(steps[index:end],
                               steps[end] if end < len(steps) else None)
            return end
        self._expect(step)
        return index + 1

    def connection(self, number):
        if number not in self.connections:
            self._connect(number)
            self._login(self.connections[number])
        return self.connections[number]

    def _connect(self, number, tls=None):
        if tls is None:
            tls = self.mode == "tls"
        self.connections[number] = Connection(
            self.world.address(tls), self.world.context if tls else None,
            split=self.mode == "bytes")

    def _login(self, connection, alias="account", enable=True):
        connection.read_response()
        name, password = self.world.credentials(alias)
        self._quietly(connection, b'LOGIN "%s" "%s"' %
                      (name.encode(), password.encode()))
        if enable and self.transcript.dialect == "rev2":
            self._quietly(connection, b"ENABLE IMAP4rev2")

    def _quietly(self, connection, command, literal=None):
        """A command of the setup; gives its untagged responses."""
        split, connection.split = connection.split, False
        connection.send(b"setup " + command + b"\r\n")
        out = []
        while True:
            parts = connection.read_response()
            line = parts[0][1]
            if line.startswith(b"+") and literal is not None:
                connection.send(literal + b"\r\n")
            elif line.startswith(b"setup "):
                if not line.startswith(b"setup OK"):
                    raise Mismatch(f"setup: {command!r}: {line!r}")
                connection.split = split
                return out
            else:
                out.append(parts)

    def _setup(self, command, literal=None):
        if not self.hidden:
            self.hidden = Connection(self.world.address(False))
            self._login(self.hidden, enable=False)
        return self._quietly(self.hidden, command, literal)

    # sending

    def _fill_in(self, text):
        def value(match):
            name = match[1].decode()
            if name not in self.variables:
                raise Malformed(f"nothing is known of {{{{{name}}}}}")
            return raw(self.variables[name])
        return HOLE.sub(value, text)

    def _send(self, step):
        """Everything up to a synchronising literal in one piece."""
        connection = self.connection(step.conn)
        out = b""
        for i, (kind, data) in enumerate(step.parts):
            nextone = step.parts[i + 1] if i + 1 < len(step.parts) else None
            if kind == "bytes":
                out += self._fill_in(data)
                continue
            data = self._fill_in(data)
            hole = re.search(rb"\{(\+?)\}$", data)
            wait = False
            if hole and nextone and nextone[0] == "bytes":
                size = len(self._fill_in(nextone[1]))
                data = data[:hole.start()] + b"{%d%s}" % (size, hole[1])
                wait = not hole[1]
            out += data + b"\r\n"
            if wait:
                self._say(step.conn, "C", out)
                connection.send(out)
                out = b""
                parts = connection.read_response()
                self._say(step.conn, "S", show(parts))
                if not parts[0][1].startswith(b"+"):
                    raise Mismatch(f"no continuation but {show(parts)}")
        self._say(step.conn, "C", out)
        connection.send(out)

    def _say(self, number, side, text):
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace").replace("\r\n", "\n")
        text = text.rstrip("\n")
        if len(text) > 1500:
            text = text[:1500] + "…"
        self.log.append(f"{side}{number}: " + text.replace("\n", "\n    "))

    # expecting

    def _read(self, number):
        parts = self.connection(number).read_response()
        self._say(number, "S", show(parts))
        return parts

    def _expect(self, step):
        """One response. rev1 clients may be told "* n RECENT" at any time;
        only where a transcript speaks of it does it matter."""
        if step.parts == [("line", b"...")]:
            return self._skip_untagged(step)
        got = self.aside.pop(step.conn, None) or self._read(step.conn)
        while not self._match(step.parts, got) and \
                self._may_ignore(got):
            got = self._read(step.conn)
        if not self._match(step.parts, got):
            raise Mismatch(f"expected {show(step.parts)}\n  got      "
                           f"{show(got)}")
        return None

    def _match(self, want, got):
        return match_response(want, got, self.variables)

    def _may_ignore(self, got):
        return self.transcript.dialect == "rev1" and \
            re.fullmatch(rb"\* \d+ RECENT", got[0][1])

    def _skip_untagged(self, step):
        """"S: ..." : any untagged responses; the next is set aside."""
        got = self.aside.pop(step.conn, None) or self._read(step.conn)
        while got[0][1].startswith(b"* "):
            got = self._read(step.conn)
        self.aside[step.conn] = got

    def _expect_group(self, group, after):
        """Lines in any order; those with "?" may be missing, and then the
        group ends where what follows it comes."""
        conn = group[0].conn
        left = list(group)
        ends = after and after.kind == "do" and \
            after.words == ["eof", f"C{conn}"]
        while left:
            must = [s for s in left if s.mode != "?"]
            if not must and not ends and not (
                    after and after.kind == "expect" and after.conn == conn):
                return
            try:
                got = self.aside.pop(conn, None) or self._read(conn)
            except EOFError:
                if ends and not must:
                    return
                raise
            for step in left:
                if self._match(step.parts, got):
                    left.remove(step)
                    break
            else:
                if self._may_ignore(got):
                    continue
                if must:
                    wanted = "\n           ".join(show(s.parts) for s in must)
                    raise Mismatch(f"expected {wanted}\n  got      "
                                   f"{show(got)}")
                self.aside[conn] = got
                return

    def _nothing_left(self):
        for number, parts in self.aside.items():
            raise Mismatch(f"S{number} said more: {show(parts)}")
        for number, connection in self.connections.items():
            if not connection.eof and connection.sock.fileno() >= 0 \
                    and connection.waiting():
                try:
                    more = show(connection.read_response(1))
                except EOFError:
                    raise Mismatch(f"S{number} closed the connection")
                raise Mismatch(f"S{number} said more: {more}")

    # directives

    def do_connect(self, step, number, *words):
        """@connect C1 [plain|tls] [nologin] [as other] [rev1]: in its own
        words instead of at its first use."""
        number = int(number.lstrip("C"))
        tls = "tls" in words if {"tls", "plain"} & set(words) else None
        self._connect(number, tls)
        if "nologin" not in words:
            self._login(self.connections[number],
                        words[words.index("as") + 1] if "as" in words
                        else "account", enable="rev1" not in words)

    def do_starttls(self, step, number):
        connection = self.connection(int(number.lstrip("C")))
        if connection.pending:
            raise Mismatch(f"clear text before TLS: {connection.pending!r}")
        connection.start_tls(self.world.context)

    def do_close(self, step, number):
        self.connections.pop(int(number.lstrip("C"))).close()

    def do_send(self, step, number, count):
        """So many bytes of nothing."""
        self.connection(int(number.lstrip("C"))).send(b"x" * int(count))

    def do_eof(self, step, number):
        """The server closes the connection, saying no more."""
        connection = self.connection(int(number.lstrip("C")))
        try:
            got = connection.read_response()
        except EOFError:
            return
        raise Mismatch(f"expected the end, got {show(got)}")

    def do_forget(self, step, days, entries, later):
        self.world.forget(int(days), int(entries), int(later))

    def do_mailbox(self, step, *names):
        for name in names:
            self._setup(b'CREATE "%s"' % name.encode())

    def do_subscribe(self, step, *names):
        for name in names:
            self._setup(b'SUBSCRIBE "%s"' % name.encode())

    def do_delete(self, step, *names):
        for name in names:
            self._setup(b'DELETE "%s"' % name.encode())

    def do_message(self, step, mailbox, *words):
        """@message INBOX [(flags)] ["date"] [from corpus/…], then | lines."""
        flags = next((w for w in words if w.startswith("(")), "()")
        date = next((w for w in words if re.match(r"[ \d]\d-", w)), None)
        if "from" in words:
            body = self.world.corpus(words[words.index("from") + 1])
            self.variables["source"] = body.decode("latin-1")
        else:
            body = step.block or b""
        self._append(mailbox, flags, date, body)

    def do_messages(self, step, mailbox, count):
        for i in range(1, int(count) + 1):
            self._append(mailbox, "()", None, (
                f"From: Ann <ann@example.com>\r\nTo: bob@example.com\r\n"
                f"Subject: Message {i}\r\nDate: Mon, {i} Jan 2024 10:00:00 "
                f"+0000\r\nMessage-ID: <{i}@example.com>\r\n\r\n"
                f"Text {i}.\r\n").encode())

    def _append(self, mailbox, flags, date, body):
        command = f'APPEND "{mailbox}" {flags} '
        if date:
            command += f'"{date}" '
        self._setup(command.encode() + b"{%d}" % len(body), body)

    def do_let(self, step, name, *words):
        """@let name = text"""
        self.variables[name] = " ".join(words[1:])
