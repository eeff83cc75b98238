# SPDX-License-Identifier: Apache-2.0
"""The transcript format itself: what matches, and what must not."""
import pathlib

import pytest

from transcript import Malformed, Mismatch, Transcript, match_response

# expected, said, does it match, why
ROWS = [
    ("* 3 EXISTS", "* 3 EXISTS", True, "the same"),
    ("* 3 EXISTS", "* 4 EXISTS", False, "another number"),
    ("* 3 EXISTS", "* 3 EXPUNGE", False, "another word"),
    ("* 1 FETCH (UID 1 FLAGS (\\Seen \\Draft))",
     "* 1 FETCH (FLAGS (\\Draft \\Seen) UID 1)", True, "sets and pairs"),
    ("* 1 FETCH (FLAGS (\\Seen))", "* 1 FETCH (FLAGS (\\Seen \\Draft))",
     False, "a flag too many"),
    ("* 1 FETCH (FLAGS (\\Seen ...))", "* 1 FETCH (FLAGS (\\Draft \\Seen))",
     True, "others allowed"),
    ("* 1 FETCH (FLAGS (\\Seen))", "* 1 FETCH (FLAGS ())", False,
     "a flag missing"),
    ("* 1 FETCH (UID 1)", "* 1 FETCH (UID 1 FLAGS ())", False,
     "an item too many"),
    ("* 1 FETCH (UID 1 ...)", "* 1 FETCH (UID 1 FLAGS ())", True,
     "other items allowed"),
    ("* 1 FETCH (BODY[] \"a\\r\\n\")", "* 1 FETCH (BODY[] \"a\")", False,
     "other bytes"),
    ("* 1 FETCH (BODY[HEADER.FIELDS (A B)] \"x\")",
     "* 1 FETCH (BODY[HEADER.FIELDS (a b)] \"x\")", True, "case of a section"),
    ("* 1 FETCH (X NIL)", "* 1 FETCH (X \"NIL\")", False,
     "NIL is not a string"),
    ("* LIST (\\HasChildren) \"/\" \"a b\"", "* LIST (\\haschildren) \"/\" "
     "\"a b\"", True, "attributes ignore case"),
    ("* LIST () \"/\" INBOX", "* LIST () \"/\" \"INBOX\"", True,
     "a name, quoted or not"),
    ("* LIST () \"/\" a", "* LIST () \"/\" A", False, "names keep case"),
    ("* LIST () \"/\" a (\"CHILDINFO\" (\"X\"))", "* LIST () \"/\" a", False,
     "extended data missing"),
    ("* SEARCH 1 2", "* SEARCH 2 1", True, "a set of numbers"),
    ("* SEARCH 1", "* SEARCH 1 2", False, "a number too many"),
    ("* SEARCH", "* SEARCH 1", False, "none, but one came"),
    ("* ESEARCH (TAG \"a\") UID MIN 1 MAX 2",
     "* ESEARCH (TAG \"a\") UID MAX 2 MIN 1", True, "in any order"),
    ("* ESEARCH (TAG \"a\") ALL 1", "* ESEARCH (TAG \"a\") UID ALL 1", False,
     "UID or not"),
    ("* CAPABILITY A B ...", "* CAPABILITY B C A", True, "others allowed"),
    ("* CAPABILITY A B", "* CAPABILITY B C A", False, "and here not"),
    ("a OK x", "a OK all other words", True, "words are free"),
    ("a OK x", "a OK", False, "but there must be some"),
    ("a OK x", "a OK [READ-ONLY] x", False, "a code where none was expected"),
    ("a OK [READ-ONLY] x", "a OK x", False, "a code missing"),
    ("a NO x", "a NO [NONEXISTENT] x", True, "NO may have one"),
    ("a NO [NONEXISTENT] x", "a NO [NOPERM] x", False, "another code"),
    ("a NO x", "a BAD x", False, "NO is not BAD"),
    ("a NO|BAD x", "a BAD x", True, "either"),
    ("a NO|BAD x", "a NO [LIMIT] x", True, "either, with a code"),
    ("a OK x", "b OK x", False, "another tag"),
    ("a OK [COPYUID {{v}} 1 2] x", "a OK [COPYUID 77 1 2] x", True, "a hole"),
    ("a OK [COPYUID {{known}} 1 2] x", "a OK [COPYUID 77 1 2] x", False,
     "a hole that was filled before"),
    ("+", "+ OK go on", True, "continuation, words free"),
    ("+", "* OK go on", False, "no continuation"),
    ("* 1 FETCH ({{*}} 5)", "* 1 FETCH (A 5)", True, "any one token"),
    ("* STATUS a (X 1 Y 2)", "* STATUS a (Y 2 X 1)", True, "pairs"),
    ("* STATUS a (X 1)", "* STATUS a (X 1 Y 2)", False, "a pair too many"),
]


@pytest.mark.parametrize("want, got, expected, why", ROWS,
                         ids=[row[3] for row in ROWS])
def test_match(want, got, expected, why):
    variables = {"known": "5"}
    try:
        result = match_response([("line", want.encode())],
                                [("line", got.encode())], variables)
    except (Mismatch, Malformed):
        result = False
    assert result == expected


def test_literal_equals_quoted():
    got = [("line", b"* 1 FETCH (BODY[] {3}"), ("bytes", b"a\r\n"),
           ("line", b")")]
    want = [("line", b'* 1 FETCH (BODY[] "a\\r\\n")')]
    assert match_response(want, got, {})
    assert not match_response([("line", b'* 1 FETCH (BODY[] "a")')], got, {})


def test_capture():
    variables = {}
    assert match_response([("line", b"* OK [UIDVALIDITY {{v}}] x")],
                          [("line", b"* OK [UIDVALIDITY 12] y")], variables)
    assert variables == {"v": "12"}


def test_every_transcript_reads():
    here = pathlib.Path(__file__).parent
    for path in here.glob("*.txt"):
        transcript = Transcript(path)
        sends = [s for s in transcript.steps if s.kind == "send"]
        tagged = [s for s in transcript.steps if s.kind == "expect"]
        assert sends and tagged, path.name
        for step in tagged:
            if step.parts != [("line", b"...")]:
                # Reads as a response: it matches itself or has holes.
                assert step.parts[0][0] == "line"
