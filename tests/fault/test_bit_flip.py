# SPDX-License-Identifier: Apache-2.0
"""Bits of what is stored are wrong: in a table, in a file of large values, or in
the log. Whose message that is, is said by `culver verify`, and in the log when
a client reads it; everything else is served, and mail goes on coming in. If it
is one bit, it is put right, and nothing is lost."""
import base64
import os
import re
import time

import pytest

from delivering import DOMAIN, Lmtp, LmtpServer
from harness import eventually
from mixed_load import Gone, Imap, Pop3, kill_all
from people import message


SMALL = 100


def random_text(size):
    """What does not compress stands in the files as it is."""
    lines = [base64.b64encode(os.urandom(45)).decode()
             for _ in range(size // 60 + 1)]
    return "\r\n".join(lines)


# What is turned of a byte. Two bits are not put right.
ONE_BIT, TWO_BITS = 0x04, 0x05


def flip(server, pattern, names, bits=TWO_BITS):
    """Of these bytes, in the file that has them."""
    for path in sorted((server.directory / "state" / "mail").glob(names)):
        data = bytearray(path.read_bytes())
        # A table's compression may find four bytes of them elsewhere.
        at = max(data.find(pattern[i:i + 12])
                 for i in range(0, len(pattern) - 11, 4))
        if at >= 0:
            data[at + 5] ^= bits
            with open(path, "r+b") as f:
                f.write(data)
            return path.name
    raise AssertionError(f"nothing like this in {names}")


class People:
    """Two accounts with some mail. The first one's INBOX has what is too large
    for a table's block; its mailbox of small ones, of which many share one."""

    def __init__(self, server):
        self.server = server
        self.ann, self.bob = server.account(), server.account()
        self.bodies, self.small = {}, {}
        imap = Imap(server, self.ann)
        for uid in range(1, 8):
            size = 600_000 if uid == 6 else 6000
            body = random_text(size)
            self.bodies[uid] = body
            assert imap.do("APPEND INBOX", message(uid, body=body))[0] == "OK"
        assert imap.do("CREATE small")[0] == "OK"
        for uid in range(1, SMALL + 1):
            body = self.small[uid] = random_text(600)
            assert imap.do("APPEND small", message(uid, body=body))[0] == "OK"
        imap.close()
        imap = Imap(server, self.bob)
        assert imap.do("APPEND INBOX", message(9))[0] == "OK"
        imap.close()

    @staticmethod
    def pattern(body, place):
        """Some bytes of the message: of that line."""
        return body.split("\r\n")[place].encode()[8:48]

    def settle_down(self):
        """The log into tables."""
        for _ in range(2):
            self.server.stop()
            self.server.start()
        self.server.stop()


@pytest.fixture
def home():
    server = LmtpServer().start()
    yield server
    if server.process.poll() is None:
        server.stop()
    server.start()
    server.close()


def read_all(server, account, expected, mailbox="INBOX", some=False):
    """Reads each message; those that can be are those. some: of them."""
    imap = Imap(server, account)
    status, text, _ = imap.do(f"SELECT {mailbox}")
    assert status == "OK", text + server.tail()
    status, text, lines = imap.do("UID FETCH 1:* (BODY.PEEK[])")
    got = {int(re.search(rb"UID (\d+)", line)[1]) for line in lines
           if b"BODY[]" in line}
    imap.close()
    assert got >= expected and (some or got == expected), got
    return status, text


def goes_on(server, people, damaged):
    """All but the damaged message is there, and mail comes in and goes."""
    status, text = read_all(server, people.bob, {1}, some=True)
    assert status == "OK", text
    rest = set(range(1, 8)) - damaged
    assert damaged or people.small
    try:
        status, text = read_all(server, people.ann, rest, some=True)
    except Gone:
        # In the middle of a large one: only the first time.
        status, text = read_all(server, people.ann, rest, some=True)
    assert not damaged or (status == "NO" and "[CORRUPTION]" in text), text
    searches(server, people.ann, rest, damaged)
    pop3 = Pop3(server, people.ann)
    for uid in range(1, 8):
        line = pop3.do(f"RETR {uid}")
        assert line.startswith(b"-ERR [SYS/PERM]" if uid in damaged
                               else b"+OK"), line
        if line.startswith(b"+OK"):
            pop3.lines()
    assert pop3.do("QUIT").startswith(b"+OK")
    assert comes_in(server, people.ann) and comes_in(server, people.bob)


def searches(server, account, found, damaged):
    """Those that cannot be read are told, the others found, and sorted."""
    imap = Imap(server, account)
    assert imap.do("SELECT INBOX")[0] == "OK"
    status, text, lines = imap.do("UID SEARCH TEXT Message NOT BODY nonesuch")
    assert status == "OK", text
    said = b"".join(lines).decode()
    (line,) = re.findall(r"\* SEARCH([ \d]*)", said)
    assert set(map(int, line.split())) >= found, said
    assert not set(map(int, line.split())) & damaged, said
    (told,) = re.findall(r"NO \[CORRUPTION\].*UID ([\d:,]+)", said) or [""]
    assert told == ",".join(map(str, sorted(damaged))), said
    for command in ("UID SORT (SUBJECT) UTF-8 ALL",
                    "UID THREAD REFERENCES UTF-8 ALL"):
        assert imap.do(command)[0] == "OK", command
    imap.close()


def said_in_log(server, people, mailbox, uid):
    found = [line for line in server.log_text().splitlines()
             if "message is damaged" in line]
    assert any(f"account={people.ann[0]}" in line and f"mailbox={mailbox}" in line
               and f"uid={uid} " in line for line in found), found


def comes_in(server, account):
    lmtp = Lmtp(server)
    ((code, text),) = lmtp.deliver(
        "x@example.net", [f"{account[0]}@{DOMAIN}"], message(20))
    lmtp.quit()
    assert code == 250 or 400 <= code < 500, text
    return code == 250


def is_clean(server):
    return server.culver("verify", check=False).returncode == 0


def delete(server, account, mailbox, uids):
    imap = Imap(server, account)
    assert imap.do(f"SELECT {mailbox}")[0] == "OK"
    text = ",".join(map(str, uids))
    assert imap.do(f"UID STORE {text} +FLAGS (\\Deleted)")[0] == "OK"
    assert imap.do(f"UID EXPUNGE {text}")[0] == "OK"
    imap.close()


def problems(server, account):
    """What verify says of this account; it says nothing of others."""
    done = server.culver("verify", check=False)
    assert done.returncode == 1
    lines = done.stdout.splitlines()[:-1]
    assert all(line.startswith(f"{account[0]}: ") for line in lines), lines
    return lines


@pytest.mark.parametrize("uid, place", [(5, 0), (6, 0), (6, -3)],
                         ids=["whole", "at-its-beginning", "at-its-end"])
def test_value(home, uid, place):
    people = People(home)
    people.settle_down()
    flip(home, people.pattern(people.bodies[uid], place), "*.blob")
    home.start()
    goes_on(home, people, {uid})
    said_in_log(home, people, "INBOX", uid)
    lines = problems(home, people.ann)
    assert len(lines) == 1, lines
    (line,) = lines
    assert line.startswith(
        f"{people.ann[0]}: INBOX UID {uid}: its bytes cannot be read"), line
    # Who has it elsewhere deletes it, and that is that.
    delete(home, people.ann, "INBOX", [uid])
    eventually(lambda: is_clean(home), "a clean store")


def test_table(home):
    """A block has several small messages."""
    uid = SMALL // 2
    people = People(home)
    people.settle_down()
    flip(home, people.pattern(people.small[uid], -2), "*.sst")
    home.start()
    # The first write may be what RocksDB tells of it.
    eventually(lambda: comes_in(home, people.ann), "a delivery")
    goes_on(home, people, set())
    lines = problems(home, people.ann)
    damaged = {int(m[1]) for line in lines
               if (m := re.search(r": small UID (\d+): its bytes", line))}
    assert uid in damaged and len(damaged) < SMALL / 2, lines
    status, text = read_all(home, people.ann, set(people.small) - damaged,
                            "small")
    assert status == "NO" and "[CORRUPTION]" in text, text
    said_in_log(home, people, "small", uid)


def test_compaction_meets_damage(home):
    """RocksDB then writes no more; here mail goes on coming in."""
    people = People(home)
    people.settle_down()
    flip(home, people.pattern(people.small[SMALL // 2], -2), "*.sst")

    def is_met():
        if home.process.poll() is None:
            home.stop()
        home.start()
        for account in (people.ann, people.bob):
            eventually(lambda: comes_in(home, account), "a delivery")
        return "nothing is compacted any more" in home.log_text()
    eventually(is_met, "damage met while compacting", timeout=60)
    for _ in range(3):
        eventually(lambda: comes_in(home, people.bob), "a delivery")
    goes_on(home, people, set())


def status_of(server, account, mailbox):
    imap = Imap(server, account)
    said = imap.do(f"STATUS {mailbox} (UIDNEXT HIGHESTMODSEQ)")[2]
    imap.close()
    return [int(re.search(word + rb" (\d+)", said[0])[1])
            for word in (b"UIDNEXT", b"HIGHESTMODSEQ")]


def test_log(home):
    """A power cut leaves a log that ends early; this one goes on behind the
    damage, so it is no power cut: two writes are lost, and said to be."""
    people = People(home)
    imap = Imap(home, people.ann)
    assert imap.do("SELECT INBOX (CONDSTORE)")[0] == "OK"
    imap.close()
    before = status_of(home, people.ann, "small")
    kill_all(home)
    flip(home, people.pattern(people.bodies[5], 0), "*.log")
    flip(home, people.pattern(people.small[50], 0), "*.log")
    home.start()
    assert "the log is damaged" in home.log_text()
    assert "the log lost a change of this" in home.log_text()
    status, text = read_all(home, people.ann, set(people.small) - {50}, "small")
    assert status == "NO" and "[CORRUPTION]" in text, text
    goes_on(home, people, {5})
    # What was given out does not come again.
    after = status_of(home, people.ann, "small")
    assert all(b > a + 1000 for a, b in zip(before, after)), (before, after)
    done = home.culver("verify", check=False)
    said = done.stdout.splitlines()
    assert done.returncode == 1
    assert any(line.startswith("the store: the log was damaged")
               for line in said), said
    for mailbox, uid in (("INBOX", 5), ("small", 50)):
        assert any(line.startswith(f"{people.ann[0]}: {mailbox} UID {uid}: ")
                   for line in said), said
    assert any(line.startswith(f"{people.ann[0]}: small: the damaged log lost")
               for line in said), said
    assert not any(line.startswith(people.bob[0]) for line in said), said
    # It moves on once; deleted elsewhere and the note removed, all is well.
    home.stop()
    home.start()
    assert status_of(home, people.ann, "small") == after
    delete(home, people.ann, "INBOX", [5])
    delete(home, people.ann, "small", [50])
    os.unlink(home.directory / "state" / "mail" / "LOST-WRITES")
    eventually(lambda: is_clean(home), "a clean store")


def test_last_of_the_log(home):
    """Of the last write nobody can tell whether it was acknowledged; it is left
    out, and its UID does not come again."""
    people = People(home)
    body = random_text(300)
    imap = Imap(home, people.bob)
    assert imap.do("APPEND INBOX", message(77, body=body))[0] == "OK"
    imap.close()
    uidnext, modseq = status_of(home, people.bob, "INBOX")
    kill_all(home)
    flip(home, people.pattern(body, 0), "*.log")
    home.start()
    assert "the log's end cannot be read" in home.log_text()
    assert "the log is damaged" not in home.log_text()
    read_all(home, people.ann, set(people.bodies))
    read_all(home, people.bob, {1})
    again = status_of(home, people.bob, "INBOX")
    assert again[0] >= uidnext and again[1] >= modseq, again
    home.culver("verify")


def test_end_of_the_log(home):
    """As a power cut leaves it."""
    people = People(home)
    kill_all(home)
    (path,) = (home.directory / "state" / "mail").glob("*.log")
    os.truncate(path, path.stat().st_size - 3)
    home.start()
    assert "the log is damaged" not in home.log_text()
    read_all(home, people.ann, set(people.bodies))
    home.culver("verify")


MANY = 3000


def import_many(server, account):
    """So many that a table's blocks have nothing but their memberships."""
    path = server.directory / "many.mbox"
    with open(path, "w") as f:
        for number in range(1, MANY + 1):
            f.write(f"From x@example.net Mon Jan  5 10:00:00 2026\n"
                    f"Subject: Number {number}\nStatus: RO\n\nText\n\n")
    server.culver("import", "--account", account[0], "--mailbox", "many",
                  str(path))


def greatest_table(server):
    tables = (server.directory / "state" / "mail").glob("*.sst")
    return max(tables, key=lambda p: p.stat().st_size)


def flip_at(server, place, bits=TWO_BITS):
    """There, in the greatest table."""
    path = greatest_table(server)
    with open(path, "r+b") as f:
        f.seek(place)
        byte = f.read(1)[0]
        f.seek(place)
        f.write(bytes([byte ^ bits]))


def subjects(server, account):
    """By UID."""
    imap = Imap(server, account)
    status, text, _ = imap.do("SELECT many")
    assert status == "OK", text + server.tail()
    uidvalidity = status_words(imap, "UIDVALIDITY")
    _, _, lines = imap.do("UID FETCH 1:* (ENVELOPE)")
    imap.close()
    found = {int(m[1]): m[2] for line in lines if (m := re.search(
        rb'UID (\d+).*"(Number \d+)"', line))}
    return uidvalidity, found


def status_words(imap, *words):
    _, _, lines = imap.do(f"STATUS many ({' '.join(words)})")
    return [int(re.search(w.encode() + rb" (\d+)", lines[0])[1])
            for w in words]


@pytest.mark.parametrize("met", [False, True], ids=["", "while-compacting"])
def test_members(home, met):
    """A table's block with nothing but memberships: their mailbox is refused,
    for clients would take them for expunged; and it is repaired."""
    people = People(home)
    import_many(home, people.ann)
    before = subjects(home, people.ann)
    assert len(before[1]) == MANY
    people.settle_down()
    flip_at(home, 20_000)
    home.start()
    if met:
        def is_met():
            home.stop()
            home.start()
            return "nothing is compacted any more" in home.log_text() or (
                comes_in(home, people.bob) and False)
        eventually(is_met, "damage met while compacting", timeout=60)
    imap = Imap(home, people.ann)
    status, text, _ = imap.do("SELECT many")
    assert status == "NO" and "[CORRUPTION]" in text, text
    assert "culver repair" in text, text
    assert status_words(imap, "MESSAGES", "UNSEEN") == [MANY, 0]
    assert any(b" many" in line for line in imap.do('LIST "" *')[2])
    # It may not have been the last one: nothing goes where nobody knows.
    imap.close()
    goes_on(home, people, set())
    said = [line for line in home.log_text().splitlines()
            if "flags and numbers of messages are damaged" in line]
    assert any("mailbox=many" in line for line in said), said
    lines = problems(home, people.ann)
    damaged = [m for line in lines if (m := re.search(
        r": many: UIDs (\d+) to (\d+) are damaged", line))]
    assert damaged, lines
    out = home.directory / "exported"
    done = home.culver("export", "--account", people.ann[0], out, check=False)
    assert done.returncode == 1 and "culver repair" in done.stderr, done
    assert len(list(out.glob("**/cur/*"))) >= len(people.small), done
    plan = home.culver("repair").stdout
    assert "messages are given back with their UIDs, 0 with new ones" in plan
    assert "repair --write" in plan
    assert problems(home, people.ann) == lines
    done = home.culver("repair", "--write").stdout
    assert " 0 are lost" in done, done
    home.culver("verify")
    assert subjects(home, people.ann) == before
    goes_on(home, people, set())
    # And of what compaction stopped at, nothing is left.
    for _ in range(6):
        home.stop()
        home.start()
        comes_in(home, people.bob)
    since = home.log_text().split("a damaged table was mended")[-1]
    assert "nothing is compacted any more" not in since
    home.culver("verify")
    assert subjects(home, people.ann) == before
    assert "to be done, 0 would be lost" in home.culver("repair").stdout


def test_anywhere(home):
    """Many bits, wherever they are: what is repaired is whole, and what is not
    are messages whose bytes are gone."""
    people = People(home)
    import_many(home, people.ann)
    people.settle_down()
    size = greatest_table(home).stat().st_size
    # What stands behind the data is of no record.
    for place in range(1000, size * 7 // 10, max(size // 12, 20_000)):
        flip_at(home, place)
    home.start()
    said = home.culver("repair", "--write").stdout
    left = home.culver("verify", check=False).stdout.splitlines()[:-1]
    others = [line for line in left if not re.search(
        "its (bytes cannot be read|message is missing)", line)]
    assert not others, (others, said)
    home.stop()
    home.start()
    again = home.culver("repair").stdout.splitlines()
    assert not [line for line in again if "mended" in line], again
    assert home.culver("verify", check=False).stdout.splitlines()[:-1] == left
    assert comes_in(home, people.ann) and comes_in(home, people.bob)


def can_be_read(server, account):
    imap = Imap(server, account)
    assert imap.do("SELECT INBOX")[0] == "OK"
    try:
        return imap.do("UID FETCH 1:* (BODY.PEEK[])")[0] == "OK"
    except Gone:
        return False
    finally:
        imap.close()


def is_as_before(server, people, many):
    """All of it, and nothing is wrong."""
    for account, expected in ((people.ann, set(people.bodies)),
                              (people.bob, {1})):
        read_all(server, account, expected, some=True)
    read_all(server, people.ann, set(people.small), "small")
    if many:
        assert subjects(server, people.ann) == many
    server.culver("verify")
    assert "to be done, 0 would be lost" in server.culver("repair").stdout


def puts_right(server):
    """A dry run says it, and changes nothing; then it is done."""
    for arguments in ([], ["--write"]):
        said = server.culver("repair", *arguments, check=False).stdout
        assert re.search("a wrong bit of |one bit of them", said), said
        assert re.search(r", 0 (would be|are) lost", said), said
        assert "given back" not in said and "mended" not in said, said
    return said


@pytest.mark.parametrize("uid, place", [(5, 0), (6, -3)],
                         ids=["of-one-record", "of-the-last-of-many"])
def test_one_bit_of_a_value(home, uid, place):
    people = People(home)
    people.settle_down()
    flip(home, people.pattern(people.bodies[uid], place), "*.blob", ONE_BIT)
    home.start()
    (line,) = problems(home, people.ann)
    assert f"INBOX UID {uid}: its bytes cannot be read" in line, line
    said = puts_right(home)
    assert f"{people.ann[0]}: INBOX UID {uid}: its bytes are written" in said
    is_as_before(home, people, None)


def test_one_bit_of_a_table(home):
    people = People(home)
    people.settle_down()
    flip(home, people.pattern(people.small[SMALL // 2], -2), "*.sst", ONE_BIT)
    home.start()
    eventually(lambda: comes_in(home, people.ann), "a delivery")
    puts_right(home)
    is_as_before(home, people, None)


def test_one_bit_anywhere(home):
    """Of records, and of what holds the table together; also what would keep
    the store from being opened."""
    people = People(home)
    import_many(home, people.ann)
    many = subjects(home, people.ann)
    people.settle_down()
    path = greatest_table(home)
    size, whole = path.stat().st_size, path.read_bytes()
    places = list(range(1000, size - 60, max(size // 12, 20_000)))
    for place in [*places, size - 5]:
        flip_at(home, place, ONE_BIT)
    home.start()
    assert "a bit was wrong and was put right" in home.log_text()
    assert path.read_bytes()[-53:] == whole[-53:]
    puts_right(home)
    is_as_before(home, people, many)


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def end_of_index(path):
    """Where the last block of a table's index ends, but for its trailer: the
    block that says where these are follows, and of that the footer says it."""
    data = path.read_bytes()
    at = len(data) - 53 + 1
    for _ in range(2):  # of the metaindex
        _, at = varint(data, at)
    return varint(data, at)[0] - 5


def test_one_bit_behind_another(home):
    """Of records that are not met, for a bit of the index is wrong, too."""
    people = People(home)
    # The index's last block is of the last account.
    import_many(home, people.bob)
    many = subjects(home, people.bob)
    # Compacted: of new tables the index is read when they are opened.
    for _ in range(6):
        people.settle_down()
        home.start()
        comes_in(home, people.ann)
    home.stop()
    path = greatest_table(home)
    size = path.stat().st_size
    flip_at(home, end_of_index(path) - 20, ONE_BIT)
    for place in range(size // 2, size * 95 // 100, 20_000):
        flip_at(home, place, ONE_BIT)
    home.start()
    said = home.culver("repair", "--write", check=False).stdout
    assert " 0 are lost" in said and "mended" not in said, said
    assert subjects(home, people.bob) == many
    is_as_before(home, people, None)


def test_one_bit_and_whole_ones(home):
    """Between two that are damaged there are others: of them nothing is said,
    and they are not written anew."""
    people = People(home)
    imap = Imap(home, people.ann)
    more = {uid: random_text(6000) for uid in range(8, 40)}
    for uid, body in more.items():
        assert imap.do("APPEND INBOX", message(uid, body=body))[0] == "OK"
    imap.close()
    # Where no numbers are, keys that are tried lead to the second one.
    delete(home, people.ann, "INBOX", range(12, 36))
    time.sleep(1)  # until their bytes are gone; else this shows less
    people.settle_down()
    for body in (people.bodies[2], more[36]):
        flip(home, people.pattern(body, 0), "*.blob", ONE_BIT)
    home.start()
    said = home.culver("repair", check=False).stdout
    assert len(re.findall("one bit of them", said)) == 2, said
    puts_right(home)
    for uid in range(12, 36):
        del more[uid]
    read_all(home, people.ann, {*people.bodies, *more})


def test_one_bit_and_two(home):
    """Nothing is given up for what is wrong elsewhere: a message whose bytes
    are wrong by a bit is whole, beside one that is lost."""
    people = People(home)
    people.settle_down()
    one, lost = SMALL // 4, SMALL * 3 // 4
    flip(home, people.pattern(people.small[one], -2), "*.sst", ONE_BIT)
    flip(home, people.pattern(people.small[lost], -2), "*.sst")
    flip(home, people.pattern(people.bodies[5], 0), "*.blob", ONE_BIT)
    flip(home, people.pattern(people.bodies[4], 0), "*.blob")
    home.start()
    eventually(lambda: comes_in(home, people.ann), "a delivery")
    plans = [home.culver("repair", check=False).stdout for _ in range(2)]
    assert plans[0] == plans[1] and "more is damaged" in plans[0], plans
    home.culver("repair", "--write", check=False)
    read_all(home, people.ann, set(people.bodies) - {4}, some=True)
    gone = {int(m[1]) for line in problems(home, people.ann)
            if (m := re.search(r": small UID (\d+): its", line))}
    assert lost in gone and one not in gone and len(gone) < SMALL / 2, gone
    read_all(home, people.ann, set(people.small) - gone, "small")


@pytest.mark.parametrize("names", ["CURRENT", "MANIFEST-*", "*.blob"])
def test_one_bit_of_a_frame(home, names):
    people = People(home)
    people.settle_down()
    for place in (3, 12):
        for path in (home.directory / "state" / "mail").glob(names):
            data = bytearray(path.read_bytes())
            data[place] ^= 0x40
            path.write_bytes(data)
        home.start()
        # Of a blob file's it is when it cannot be read that it is looked at.
        eventually(lambda: can_be_read(home, people.ann), "what was there")
        is_as_before(home, people, None)
        home.stop()


def test_one_bit_of_the_log(home):
    people = People(home)
    body = random_text(300)
    imap = Imap(home, people.bob)
    assert imap.do("APPEND INBOX", message(77, body=body))[0] == "OK"
    imap.close()
    kill_all(home)
    for text in (people.bodies[5], people.small[50], body):
        flip(home, people.pattern(text, 0), "*.log", ONE_BIT)
    home.start()
    assert "a bit was wrong and was put right" in home.log_text()
    assert "the log is damaged" not in home.log_text()
    assert "cannot be read" not in home.log_text()
    read_all(home, people.bob, {1, 2})
    is_as_before(home, people, None)


def test_too_much_to_try(home):
    """Of large values that are damaged by more than a bit, not all are tried:
    writers of the account wait meanwhile. It says so, and loses nothing else."""
    people = People(home)
    people.settle_down()
    # Each of the message's records.
    for line in range(500, 600_000 // 62, 1000):
        flip(home, people.pattern(people.bodies[6], line), "*.blob")
    home.start()
    said = home.culver("repair", "--write", check=False).stdout
    assert "by more than a bit where it was looked" in said, said
    assert "written anew" not in said, said
    goes_on(home, people, {6})
