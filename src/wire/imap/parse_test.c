/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "wire/imap/parse.h"
#include "wire/imap/print.h"

enum { REV1, REV2 = IMAP_UTF8, ACCEPT = IMAP_UTF8 | IMAP_UTF8_ALONE };

static const struct {
	unsigned dialect;
	const char *text;
	const char *printed; /* NULL: as it was */
	const char *why;
} accepted[] = {
	/* tag, command names */
	{REV1, "1.2;<>!|^~] NOOP", NULL, "a tag may have all but specials"},
	{REV1, "a nOoP", "a NOOP", "any case"},
	{REV1, "a uid fetch 1 flags", "a UID FETCH 1 (FLAGS)", "any case"},
	{REV1, "a NOOP ", "a NOOP", "tolerate_trailing_space"},
	{REV1, "a SELECT INBOX ", "a SELECT INBOX", "tolerate_trailing_space"},
	{REV1, "a LIST \"\" * ", "a LIST \"\" \"*\"",
		"tolerate_trailing_space where an option could follow"},
	/* astring, string, quoted, literal */
	{REV1, "a LOGIN a]b \"c\"", "a LOGIN a]b c",
		"ASTRING-CHAR has resp-specials"},
	{REV1, "a LOGIN \"\" \"\"", NULL, "empty strings"},
	{REV1, "a LOGIN {0}\r\n {0+}\r\n", "a LOGIN \"\" \"\"",
		"empty literals"},
	{REV1, "a LOGIN \"a\\\"b\\\\c\" d", NULL, "escapes"},
	{REV1, "a LOGIN \"\t\1\x7f\" d", NULL,
		"TEXT-CHAR has controls but CR, LF, NUL"},
	{REV1, "a LOGIN {3}\r\na\r\n d", "a LOGIN {3}\r\na\r\n d",
		"line ends in a literal"},
	{REV1, "a LOGIN {3}\na\"\\ d", "a LOGIN \"a\\\"\\\\\" d",
		"tolerate_bare_lf: a literal's head"},
	{REV1, "a LOGIN nil NIL", "a LOGIN \"nil\" \"NIL\"",
		"NIL is a string like any where there is no nstring"},
	{REV1, "a LOGIN {2}\r\n\xc3\xa9 {1}\r\n\xff",
		"a LOGIN {2}\r\n\xc3\xa9 {1}\r\n\xff", "8-bit in literals"},
	{REV1, "a LOGIN \"\xc3\xa9\" x", "a LOGIN {2}\r\n\xc3\xa9 x",
		"tolerate_utf8_quoted: curl, mbsync"},
	{REV2, "a SELECT \"\xc3\xa9\"", NULL, "UTF-8 in quoted strings"},
	/* authenticate, enable, id */
	{REV1, "a AUTHENTICATE PLAIN", NULL, "without initial response"},
	{REV1, "a AUTHENTICATE SCRAM-SHA-256 =", NULL, "an empty one"},
	{REV1, "a AUTHENTICATE PLAIN AGEAYg==", NULL, "RFC 4959"},
	{REV1, "a ENABLE IMAP4rev2 UTF8=ACCEPT", NULL, ""},
	{REV1, "a ID NIL", NULL, "RFC 2971"},
	{REV1, "a ID ()", "a ID NIL", "an empty list"},
	{REV1, "a ID (\"name\" \"x\" \"version\" nil)",
		"a ID (\"name\" \"x\" \"version\" NIL)", "NIL values"},
	{REV1, "a ID ({4+}\r\nname {1+}\r\nx)", "a ID (\"name\" \"x\")",
		"literals"},
	/* select, create, rename, ... */
	{REV1, "a SELECT INBOX (CONDSTORE)", NULL, "RFC 4466 select-params"},
	{REV1,
		"a SELECT INBOX (QRESYNC (67890007 20050715194045000"
		" 41,43:211,214:541 (1,3:5 2,4:6)))",
		NULL, "RFC 7162"},
	{REV1, "a CREATE a/b/", NULL, "a trailing separator"},
	{REV1, "a CREATE x (USE ())", "a CREATE x", "RFC 6154: no attribute"},
	{REV1, "a CREATE x (use (\\sent \\DRAFTS))",
		"a CREATE x (USE (\\Drafts \\Sent))", "any case, any order"},
	{REV1, "a CREATE x (USE (\\Foo))", "a CREATE x (USE (\\Unknown))",
		"use-attr-ext"},
	{REV1, "a CREATE x (USE (\\All \\Foo))",
		"a CREATE x (USE (\\All \\Unknown))", "use-attr-ext"},
	{REV1, "a RENAME {1+}\r\na \"b c\"", "a RENAME a \"b c\"", ""},
	{REV1, "a DELETE &AOk-", NULL, "modified UTF-7"},
	{REV1, "a DELETE &Jjo!", NULL,
		"a name that cannot be is no error of syntax"},
	{REV1, "a SUBSCRIBE #news.comp", NULL, ""},
	{REV1, "a UNSUBSCRIBE \"\"", NULL, "nor is the empty one"},
	/* list, lsub, status */
	{REV1, "a LIST \"\" %*]", "a LIST \"\" \"%*]\"", "list-char"},
	{REV1, "a LIST \"\" (a b) RETURN ()", "a LIST \"\" (\"a\" \"b\")",
		"RFC 5258"},
	{REV1,
		"a LIST (SPECIAL-USE SUBSCRIBED) \"\" * RETURN "
		"(status (size recent) special-use subscribed)",
		"a LIST (SUBSCRIBED SPECIAL-USE) \"\" (\"*\") RETURN "
		"(SUBSCRIBED SPECIAL-USE STATUS (RECENT SIZE))",
		"RFC 6154, RFC 5819"},
	{REV1, "a LIST \"\" \"*\" RETURN (STATUS (MESSAGES))",
		"a LIST \"\" (\"*\") RETURN (STATUS (MESSAGES))", "alone"},
	{REV1, "a LSUB {2+}\r\na/ \"%\"", "a LSUB a/ \"%\"", ""},
	{REV1,
		"a STATUS x (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN"
		" DELETED SIZE)",
		NULL, "all items"},
	/* append */
	{REV1, "a APPEND x {5}", "a APPEND x () {5}", "the least"},
	{REV1, "a APPEND x () \"01-Feb-2020 10:00:00 -0330\" ~{5+}",
		"a APPEND x () \" 1-Feb-2020 10:00:00 -0330\" ~{5+}",
		"date-time, literal8"},
	{REV1, "a APPEND x (\\Seen foo \\Recent \\seen FOO) {0}",
		"a APPEND x (\\Seen foo) {0}",
		"tolerate_recent: imapsync; repetitions"},
	{REV1, "a APPEND x CATENATE (TEXT {5}",
		"a APPEND x () CATENATE (TEXT {5}", "RFC 4469"},
	{REV1, "a APPEND x (\\Seen) catenate (url /a/;UID=1 text ~{5+}",
		"a APPEND x (\\Seen) CATENATE (URL /a/;UID=1 TEXT ~{5+}",
		"a URL, and a text that may have NULs"},
	{REV1, "a APPEND x CATENATE (URL \"b c\" URL {3+}\r\n\"x\")",
		"a APPEND x () CATENATE (URL \"b c\" URL \"\\\"x\\\"\")",
		"only URLs, which the executor looks at"},
	{REV1,
		"a APPEND x () CATENATE (URL y) \"01-Feb-2020 10:00:00 +0000\""
		" CATENATE (URL z) (\\Seen) {5}",
		"a APPEND x () CATENATE (URL y) () \" 1-Feb-2020 10:00:00 "
		"+0000\" CATENATE (URL z) (\\Seen) {5}",
		"several messages"},
	{REV1, "a REPLACE 4 x CATENATE (URL y)",
		"a REPLACE 4 x () CATENATE (URL y)", "RFC 8508 section 4.2"},
	{REV1, "a APPEND x UTF8 (~{5}", "a APPEND x () UTF8 (~{5}",
		"RFC 6855, also before ENABLE"},
	{ACCEPT, "a APPEND \"\xc3\xa9\" (\\Seen) utf8 (~{5+}",
		"a APPEND \"\xc3\xa9\" (\\Seen) UTF8 (~{5+}", "any case"},
	{ACCEPT, "a APPEND x CATENATE (UTF8 (~{5}",
		"a APPEND x () CATENATE (UTF8 (~{5}", "RFC 6855"},
	{ACCEPT, "a APPEND x CATENATE (URL y UTF8 (~{5}",
		"a APPEND x () CATENATE (URL y UTF8 (~{5}", "RFC 6855"},
	{REV1, "a APPEND {1+}\r\nx {5}", "a APPEND x () {5}",
		"the name as a literal"},
	/* search */
	{REV1,
		"a SEARCH ALL ANSWERED DELETED DRAFT FLAGGED NEW OLD RECENT "
		"SEEN"
		" UNANSWERED UNDELETED UNDRAFT UNFLAGGED UNSEEN",
		NULL, "flags"},
	{REV1, "a SEARCH BCC a BODY b CC c FROM d SUBJECT e TEXT f TO g",
		"a SEARCH BCC \"a\" BODY \"b\" CC \"c\" FROM \"d\" SUBJECT "
		"\"e\""
		" TEXT \"f\" TO \"g\"",
		"strings"},
	{REV1,
		"a SEARCH BEFORE 1-Jan-2000 ON \"2-Feb-2001\" SINCE 31-dec-1999"
		" SENTBEFORE 1-Jan-2000 SENTON 01-Jan-2000 SENTSINCE "
		"1-Jan-2000",
		"a SEARCH BEFORE 1-Jan-2000 ON 2-Feb-2001 SINCE 31-Dec-1999"
		" SENTBEFORE 1-Jan-2000 SENTON 1-Jan-2000 SENTSINCE 1-Jan-2000",
		"dates"},
	{REV1, "a SEARCH HEADER Message-ID <a@b> HEADER x \"\"",
		"a SEARCH HEADER \"Message-ID\" \"<a@b>\" HEADER \"x\" \"\"",
		"header fields; the empty string"},
	{REV1, "a SEARCH KEYWORD $Junk UNKEYWORD foo", NULL, ""},
	{REV1, "a SEARCH LARGER 0 SMALLER 9223372036854775807", NULL,
		"63 bits"},
	{REV1, "a SEARCH 1,5:* UID 4:2 $ UID $", NULL, "sets"},
	{REV1, "a SEARCH OR NOT SEEN (FLAGGED DRAFT) (ALL)", NULL,
		"NOT, OR, groups"},
	{REV1, "a SEARCH CHARSET \"us-ascii\" ALL",
		"a SEARCH CHARSET UTF-8 ALL", "a quoted charset"},
	{REV1, "a SEARCH CHARSET ISO-8859-1 SUBJECT {1}\r\n\xe9",
		"a SEARCH CHARSET UTF-8 SUBJECT {2}\r\n\xc3\xa9", "converted"},
	{REV1, "a SEARCH CHARSET UTF-8 SUBJECT \"\xc3\xa9\"",
		"a SEARCH CHARSET UTF-8 SUBJECT {2}\r\n\xc3\xa9",
		"tolerate_utf8_quoted: imaplib"},
	{REV1, "a SEARCH SUBJECT {1}\r\n\xe9",
		"a SEARCH CHARSET UTF-8 SUBJECT {2}\r\n\xc3\xa9",
		"tolerate_unlabelled: not UTF-8"},
	{REV1, "a SEARCH SUBJECT {2}\r\n\xc3\xa9",
		"a SEARCH CHARSET UTF-8 SUBJECT {2}\r\n\xc3\xa9",
		"tolerate_unlabelled: UTF-8"},
	{REV1, "a SORT (SUBJECT REVERSE DATE) utf-8 SINCE 1-feb-1994",
		"a SORT (SUBJECT REVERSE DATE) UTF-8 SINCE 1-Feb-1994",
		"RFC 5256"},
	{REV1,
		"a UID SORT (ARRIVAL CC DATE FROM SIZE SUBJECT TO DISPLAYFROM "
		"REVERSE DISPLAYTO) UTF-8 NOT SEEN 1:3",
		NULL, "all keys"},
	{REV1, "a SORT (reverse date DATE REVERSE DATE SIZE) \"US-ASCII\" ALL",
		"a SORT (REVERSE DATE SIZE) UTF-8 ALL",
		"a key that stood before decides nothing"},
	{REV1, "a SORT (SUBJECT) ISO-8859-1 SUBJECT {1}\r\n\xe9",
		"a SORT (SUBJECT) UTF-8 SUBJECT {2}\r\n\xc3\xa9", "converted"},
	{REV1, "a UID SORT RETURN () (REVERSE DATE) UTF-8 UNDELETED",
		"a UID SORT RETURN (ALL) (REVERSE DATE) UTF-8 UNDELETED",
		"RFC 5267"},
	{REV1, "a SORT RETURN (MIN MAX ALL COUNT SAVE) (TO) UTF-8 MODSEQ 5",
		NULL, ""},
	{REV1, "a thread orderedsubject UTF-8 SINCE 5-MAR-2000",
		"a THREAD ORDEREDSUBJECT UTF-8 SINCE 5-Mar-2000", ""},
	{REV1, "a UID THREAD REFERENCES US-ASCII TEXT \"gewp\"",
		"a UID THREAD REFERENCES UTF-8 TEXT \"gewp\"", ""},
	{REV1, "a SEARCH RETURN (MIN MAX ALL COUNT SAVE) ALL", NULL,
		"RFC 4731, RFC 5182"},
	{ACCEPT, "a SEARCH SUBJECT \"\xc3\xa9\"",
		"a SEARCH SUBJECT {2}\r\n\xc3\xa9", "RFC 6855"},
	{ACCEPT, "a SORT (DATE) UTF-8 SUBJECT \"\xc3\xa9\"",
		"a SORT (DATE) UTF-8 SUBJECT {2}\r\n\xc3\xa9",
		"SORT always tells a charset"},
	{REV2, "a SEARCH CHARSET UTF-8 ALL", NULL, "RFC 9051"},
	{REV1, "a UID SEARCH RETURN () CHARSET UTF-8 ALL",
		"a UID SEARCH RETURN (ALL) CHARSET UTF-8 ALL", ""},
	/* fetch */
	{REV1, "a FETCH 1 ALL",
		"a FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)", ""},
	{REV1, "a FETCH 1 FAST", "a FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)",
		""},
	{REV1, "a FETCH $ (UID BODY BODYSTRUCTURE ENVELOPE)",
		"a FETCH $ (ENVELOPE BODY BODYSTRUCTURE UID)", ""},
	{REV1, "a FETCH 1 (RFC822 RFC822.HEADER RFC822.TEXT)", NULL, ""},
	{REV1, "a FETCH 1 (BODY[] BODY.PEEK[] BODY[1] BODY[1.2.3])", NULL, ""},
	{REV1,
		"a FETCH 1 (BODY[HEADER] BODY[TEXT] BODY[1.MIME]"
		" BODY[4.2.HEADER] BODY.PEEK[4.TEXT])",
		NULL, "section-text"},
	{REV1,
		"a FETCH 1 (BODY[HEADER.FIELDS (To {2+}\r\ncc \"b c\")]"
		" BODY.PEEK[2.header.fields.not (x)])",
		"a FETCH 1 (BODY[HEADER.FIELDS (To cc \"b c\")]"
		" BODY.PEEK[2.HEADER.FIELDS.NOT (x)])",
		"header-list"},
	{REV1,
		"a FETCH 1 (BODY[]<0.1> BODY.PEEK[TEXT]"
		"<9223372036854775807.9223372036854775807>)",
		NULL, "partial"},
	{REV1,
		"a FETCH 1 (BINARY[1] BINARY.PEEK[1.2]<5.6> BINARY.SIZE[]"
		" BINARY[]<1.1>)",
		NULL, "RFC 3516"},
	{REV1, "a FETCH 1 BODY[1]", "a FETCH 1 (BODY[1])", "one alone"},
	{REV1, "a FETCH 1 BODY", "a FETCH 1 (BODY)", "is no section"},
	{REV1, "a FETCH 1 (FLAGS FLAGS)", "a FETCH 1 (FLAGS)", "repeated"},
	{REV1, "a UID FETCH 1 (FLAGS) (CHANGEDSINCE 12345 VANISHED)", NULL,
		"RFC 4466 fetch-modifiers, RFC 7162"},
	{REV1, "a FETCH 1 FAST (CHANGEDSINCE 0)",
		"a FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE) (CHANGEDSINCE 0)",
		"RFC 7162 has numbers from 1 on"},
	{REV1, "a UID FETCH 1 (FLAGS) (PARTIAL -1:-30 CHANGEDSINCE 5)", NULL,
		"RFC 9394"},
	{REV1, "a FETCH 1 (FLAGS MODSEQ)", NULL, "RFC 7162"},
	{REV1, "a COMPRESS DEFLATE", NULL, "RFC 4978"},
	{REV1,
		"a NOTIFY SET STATUS (SELECTED-DELAYED (MessageNew "
		"MessageExpunge FlagChange)) (INBOXES (MailboxName "
		"SubscriptionChange)) (SUBSCRIBED NONE) (MAILBOXES (a b/c) "
		"(MailboxMetadataChange ServerMetadataChange))",
		NULL, "RFC 5465"},
	{REV1, "a NOTIFY SET (PERSONAL (FooChange MailboxName))",
		"a NOTIFY SET (PERSONAL (MailboxName UnknownEvent))",
		"event-ext: NO [BADEVENT]"},
	{REV1, "a SEARCH RETURN (PARTIAL -1:-2 UPDATE(FLAGS UID)) ALL",
		"a SEARCH RETURN (PARTIAL -1:-2 UPDATE (FLAGS UID)) ALL",
		"RFC 5465's grammar has no space, its example one"},
	{REV1, "a SEARCH RETURN (UPDATE SAVE) ALL",
		"a SEARCH RETURN (SAVE UPDATE) ALL", "RFC 5267"},
	{REV1, "a CANCELUPDATE \"B01\" \"B02\"", NULL, "RFC 5267"},
	{REV1,
		"a ESEARCH IN (SELECTED INBOXES PERSONAL SUBSCRIBED SUBTREE "
		"(a b/c) MAILBOXES (d) SUBTREE-ONE (e)) RETURN (MIN) CHARSET "
		"UTF-8 ALL",
		NULL, "RFC 7377"},
	{REV1, "a ESEARCH ALL", NULL, "the selected mailbox"},
	{REV1, "a ESEARCH RETURN () 1:4", "a ESEARCH RETURN (ALL) 1:4", ""},
	{REV1, "a SEARCH MODSEQ \"/flags/\\\\draft\" all 620162338", NULL,
		"RFC 7162"},
	{REV1, "a SEARCH OR NOT MODSEQ 720162338 LARGER 50000", NULL, ""},
	/* store, copy, expunge */
	{REV1, "a STORE 1 FLAGS ()", NULL, "removes all"},
	{REV1, "a STORE 1 -flags.silent \\SEEN foo",
		"a STORE 1 -FLAGS.SILENT (\\Seen foo)", "without parentheses"},
	{REV1,
		"a STORE 1 +FLAGS (\\Answered \\Flagged \\Deleted \\Seen "
		"\\Draft"
		" $MDNSent)",
		NULL, "all flags"},
	{REV1, "a UID STORE 1:* (UNCHANGEDSINCE 12121230045) +FLAGS (\\Seen)",
		NULL, "RFC 4466 store-modifiers, RFC 7162"},
	{REV1, "a UID MOVE 4294967295:1 x", NULL, "either order"},
	{REV1, "a EXPUNGE", NULL, ""},
	{REV1, "a UID EXPUNGE 1,2,3,2:9", NULL, ""},
};

static const struct {
	unsigned dialect;
	const char *text;
	enum err err;
	size_t at; /* byte of the error, from 0 */
	const char *why;
} rejected[] = {
	{REV1, "", ERR_INVALID, 0, "an empty line"},
	{REV1, " NOOP", ERR_INVALID, 0, "no tag"},
	{REV1, "a+b NOOP", ERR_INVALID, 1, "no + in a tag"},
	{REV1, "* NOOP", ERR_INVALID, 0, "no wildcard"},
	{REV1, "a", ERR_INVALID, 1, "no command"},
	{REV1, "a ", ERR_INVALID, 2, "no command"},
	{REV1, "a  NOOP", ERR_INVALID, 2, "two spaces"},
	{REV1, "a FOO", ERR_NOTFOUND, 2, "unknown"},
	{REV1, "a NOOPX", ERR_NOTFOUND, 2, "unknown"},
	{REV1, "a UID", ERR_INVALID, 5, "UID of what"},
	{REV1, "a UID NOOP", ERR_NOTFOUND, 6, "has no UID form"},
	{REV1, "a UID UID FETCH 1 FLAGS", ERR_NOTFOUND, 6, "nor has UID"},
	{REV1, "a NOOP x", ERR_INVALID, 6, "arguments where there are none"},
	{REV1, "a NOOP  ", ERR_INVALID, 6, "one space is tolerated, not two"},
	{REV1, "a EXPUNGE 1", ERR_INVALID, 9, "a set without UID"},
	{REV1, "a UID EXPUNGE", ERR_INVALID, 13, "no set"},
	/* strings */
	{REV1, "a LOGIN", ERR_INVALID, 7, "no arguments"},
	{REV1, "a LOGIN x", ERR_INVALID, 9, "no password"},
	{REV1, "a LOGIN x y z", ERR_INVALID, 11, "too many arguments"},
	{REV1, "a LOGIN (x) y", ERR_INVALID, 8, "not an astring"},
	{REV1, "a LOGIN x% y", ERR_INVALID, 9, "no wildcard in an atom"},
	{REV1, "a LOGIN \"x y", ERR_INVALID, 12, "not closed"},
	{REV1, "a LOGIN \"x\\y\" y", ERR_INVALID, 11, "not an escape"},
	{REV1, "a LOGIN \"x\ry\" y", ERR_INVALID, 10, "CR in a quoted string"},
	{REV1, "a LOGIN \"x\"y z", ERR_INVALID, 11, "no space"},
	{REV1, "a LOGIN {9}\r\nabc y", ERR_INVALID, 13, "a literal cut off"},
	{REV1, "a LOGIN {1}x y", ERR_INVALID, 11, "no line end"},
	{REV1, "a LOGIN {}\r\n y", ERR_INVALID, 9, "no length"},
	{REV1, "a LOGIN {9223372036854775808}\r\n y", ERR_INVALID, 9,
		"64 bits"},
	{REV1, "a LOGIN ~{1}\r\nx y", ERR_INVALID, 9, "a literal8"},
	{REV1, "a LOGIN \xc3\xa9 y", ERR_INVALID, 8, "8-bit in an atom"},
	{REV1, "a LOGIN \"\xe9\" y", ERR_INVALID, 9, "not UTF-8"},
	{REV1, "a SELECT \"\xc3\xa9\"", ERR_INVALID, 10,
		"8-bit in a quoted string before ENABLE"},
	{REV2, "a SELECT \"\xe9\"", ERR_INVALID, 10, "not UTF-8"},
	{REV2, "a SELECT \xc3\xa9", ERR_INVALID, 9, "8-bit in an atom"},
	/* authenticate, enable, id */
	{REV1, "a AUTHENTICATE", ERR_INVALID, 14, ""},
	{REV1, "a AUTHENTICATE PLAIN a!b", ERR_INVALID, 24, "not base64"},
	{REV1, "a AUTHENTICATE PLAIN a b", ERR_INVALID, 22, ""},
	{REV1, "a ENABLE", ERR_INVALID, 8, "one at least"},
	{REV1, "a ID", ERR_INVALID, 4, ""},
	{REV1, "a ID (\"x\")", ERR_INVALID, 9, "no value"},
	{REV1, "a ID (nil \"x\")", ERR_INVALID, 6, "no name"},
	{REV1, "a ID (\"x\" y)", ERR_INVALID, 10, "not a string"},
	/* mailboxes */
	{REV1, "a SELECT", ERR_INVALID, 8, ""},
	{REV1, "a SELECT x y", ERR_INVALID, 11, "not parameters"},
	{REV1, "a SELECT x ()", ERR_INVALID, 12, "one at least"},
	{REV1, "a SELECT x (5)", ERR_INVALID, 12, "not a name"},
	{REV1, "a SELECT x (A \"b\")", ERR_INVALID, 14, "no quoted value"},
	{REV1, "a SELECT x (A (b)", ERR_INVALID, 17, "not closed"},
	{REV1, "a SELECT x (A B 5 C 1:*,$ D (() (\"q r\" s)))", ERR_INVALID, 43,
		"tagged-ext-val in all its forms, not known"},
	{REV1, "a SELECT x (CONDSTORE 5)", ERR_INVALID, 24, "takes no value"},
	{REV1, "a SELECT x (CONDSTORE CONDSTORE)", ERR_INVALID, 32, "twice"},
	{REV1, "a SELECT x (QRESYNC 5)", ERR_INVALID, 22, "no list"},
	{REV1, "a SELECT x (QRESYNC (0 5))", ERR_INVALID, 26, "UIDVALIDITY 0"},
	{REV1, "a SELECT x (QRESYNC (1 5 $))", ERR_INVALID, 28, "no saved one"},
	{REV1, "a FETCH 1 FAST (PARTIAL 1:5)", ERR_INVALID, 28,
		"only with UID"},
	{REV1, "a UID FETCH 1 FAST (PARTIAL -1:5)", ERR_INVALID, 33,
		"from both ends"},
	{REV1, "a NOTIFY", ERR_INVALID, 8, "neither SET nor NONE"},
	{REV1, "a NOTIFY ALL", ERR_INVALID, 9, "neither SET nor NONE"},
	{REV1, "a NOTIFY NONE x", ERR_INVALID, 13, "nothing follows"},
	{REV1, "a NOTIFY SET", ERR_INVALID, 12, "of what"},
	{REV1, "a NOTIFY SET (all NONE)", ERR_INVALID, 14, "no such filter"},
	{REV1, "a NOTIFY SET (personal ())", ERR_INVALID, 24,
		"one event at least"},
	{REV1, "a NOTIFY SET (personal MessageNew)", ERR_INVALID, 23,
		"events are a list"},
	{REV1, "a NOTIFY SET (personal (MessageNew))", ERR_INVALID, 35,
		"with MessageExpunge"},
	{REV1, "a NOTIFY SET (personal (MessageExpunge))", ERR_INVALID, 39,
		"with MessageNew"},
	{REV1, "a NOTIFY SET (personal (FlagChange))", ERR_INVALID, 35,
		"with both"},
	{REV1, "a NOTIFY SET (selected (MailboxName))", ERR_INVALID, 36,
		"of messages only"},
	{REV1, "a NOTIFY SET (selected NONE) (selected-delayed NONE)",
		ERR_INVALID, 52, "one of the two"},
	{REV1, "a NOTIFY SET (personal (MessageNew (UID) MessageExpunge))",
		ERR_INVALID, 36, "FETCH items of the selected one only"},
	{REV1, "a NOTIFY SET (mailboxes NONE)", ERR_INVALID, 28,
		"which mailboxes"},
	{REV1, "a NOTIFY SET (selected (MessageNew (ALL) MessageExpunge))",
		ERR_INVALID, 36, "no macro"},
	{REV1, "a UID FETCH 1 FAST (FOO 1:5)", ERR_INVALID, 28, "not known"},
	{REV1, "a SEARCH RETURN (UPDATE ()) ALL", ERR_INVALID, 25,
		"one item at least"},
	{REV1, "a SEARCH RETURN (UPDATE (ALL)) ALL", ERR_INVALID, 25,
		"no macro"},
	{REV1, "a CANCELUPDATE", ERR_INVALID, 14, "which"},
	{REV1, "a CANCELUPDATE B01", ERR_INVALID, 15, "quoted"},
	{REV1, "a CANCELUPDATE \"B01\"\"B02\"", ERR_INVALID, 20, "a space"},
	{REV1, "a UID CANCELUPDATE \"B01\"", ERR_NOTFOUND, 6, "no UIDs"},
	{REV1, "a ESEARCH", ERR_INVALID, 9, "for what"},
	{REV1, "a ESEARCH IN ALL", ERR_INVALID, 13, "where"},
	{REV1, "a ESEARCH IN () ALL", ERR_INVALID, 14, "nowhere"},
	{REV1, "a ESEARCH IN (selected-delayed) ALL", ERR_INVALID, 14,
		"section 2.2: only in NOTIFY"},
	{REV1, "a NOTIFY SET (subtree-one x NONE)", ERR_INVALID, 14,
		"only in ESEARCH"},
	{REV1, "a ESEARCH IN (subtree) ALL", ERR_INVALID, 21, "of what"},
	{REV1, "a ESEARCH IN (personal (depth 1)) ALL", ERR_INVALID, 22,
		"no scope options"},
	{REV1, "a ESEARCH IN (personal", ERR_INVALID, 22, "no end"},
	{REV1, "a ESEARCH IN (personal) RETURN (FOO) ALL", ERR_UNSUPPORTED, 32,
		"as SEARCH"},
	{REV1, "a SEARCH RETURN (PARTIAL 1:2 ALL) ALL", ERR_INVALID, 32,
		"one PARTIAL or ALL"},
	{REV1, "a FETCH 1 FAST (CHANGEDSINCE 1 VANISHED)", ERR_INVALID, 40,
		"only with UID"},
	{REV1, "a STORE 1 (UNCHANGEDSINCE (1)) FLAGS ()", ERR_INVALID, 30,
		"no number"},
	{REV1, "a SEARCH MODSEQ \"/flags/x\" 5", ERR_UNSUPPORTED, 27,
		"no type"},
	{REV1, "a REPLACE 4:5 x {5}", ERR_INVALID, 10, "more than one"},
	{REV1, "a GETMETADATA x (/a/b)", ERR_INVALID, 17, "another root"},
	{REV1, "a GETMETADATA x (/privatea/b)", ERR_INVALID, 17, ""},
	{REV1, "a GETMETADATA x (/private)", ERR_INVALID, 17, "no name"},
	{REV1, "a GETMETADATA x /shared/vendor/a", ERR_INVALID, 16,
		"a vendor's root"},
	{REV1, "a GETMETADATA x \"/shared/a*\"", ERR_INVALID, 16, "\"*\""},
	{REV1, "a GETMETADATA x /shared/a/", ERR_INVALID, 16,
		"\"/\" at the end"},
	{REV1, "a SETMETADATA x (/shared//a \"\")", ERR_INVALID, 17, "\"//\""},
	{REV1, "a SETMETADATA x (/shared/a)", ERR_INVALID, 26, "no value"},
	{REV1, "a GETMETADATA (DEPTH 2) x /shared/a", ERR_UNSUPPORTED, 21,
		"no depth"},
	{REV1, "a UID REPLACE $ x {5}", ERR_INVALID, 14, "not the saved one"},
	{REV1, "a CREATE x (FOO)", ERR_UNSUPPORTED, 12, "unknown"},
	{REV1, "a CREATE x (USE \\Sent)", ERR_INVALID, 16, "no list"},
	{REV1, "a CREATE x (USE (Sent))", ERR_INVALID, 17, "no backslash"},
	{REV1, "a DELETE x (y)", ERR_INVALID, 10, "takes no parameters"},
	{REV1, "a RENAME x", ERR_INVALID, 10, ""},
	/* list, status */
	{REV1, "a LIST *", ERR_INVALID, 7, "no wildcard in a reference"},
	{REV1, "a LIST \"\"", ERR_INVALID, 9, "no pattern"},
	{REV1, "a LIST \"\" ()", ERR_INVALID, 11, "no pattern"},
	{REV1, "a LIST (FOO) \"\" *", ERR_UNSUPPORTED, 8,
		"RFC 5258 section 3: BAD"},
	{REV1, "a LIST (RECURSIVEMATCH) \"\" *", ERR_INVALID, 23,
		"RFC 5258: needs a base option"},
	{REV1, "a LIST (REMOTE RECURSIVEMATCH) \"\" *", ERR_INVALID, 30,
		"RFC 5258: REMOTE is none"},
	{REV1, "a LIST (SUBSCRIBED)\"\" *", ERR_INVALID, 19,
		"RFC 5819 section 4 shows it so, in error"},
	{REV1, "a LIST \"\" * RETURN", ERR_INVALID, 18, ""},
	{REV1, "a LIST \"\" * RETURN (FOO)", ERR_UNSUPPORTED, 20, ""},
	{REV1, "a LIST \"\" * RETURN (STATUS)", ERR_INVALID, 26, "no items"},
	{REV1, "a LIST \"\" * FOO (X)", ERR_INVALID, 12, ""},
	{REV1, "a LSUB (SUBSCRIBED) \"\" *", ERR_INVALID, 7, ""},
	{REV1, "a LSUB \"\" (a b)", ERR_INVALID, 10, ""},
	{REV1, "a STATUS x", ERR_INVALID, 10, ""},
	{REV1, "a STATUS x MESSAGES", ERR_INVALID, 11, "no list"},
	{REV1, "a STATUS x ()", ERR_INVALID, 12, "one at least"},
	{REV1, "a STATUS x (FOO)", ERR_UNSUPPORTED, 12, ""},
	/* append */
	{REV1, "a APPEND x", ERR_INVALID, 10, ""},
	{REV1, "a APPEND x \"y\"", ERR_INVALID, 11, "a message as quoted"},
	{ACCEPT, "a APPEND x UTF8 ({5}", ERR_INVALID, 17, "a literal8"},
	{ACCEPT, "a APPEND x UTF8 ~{5}", ERR_INVALID, 16, "in parentheses"},
	{ACCEPT, "a APPEND x UTF8 (UTF8 (~{5}", ERR_INVALID, 17, "once"},
	{ACCEPT, "a APPEND x UTF8 (~{5})", ERR_INVALID, 21, "bytes first"},
	{ACCEPT, "a APPEND x CATENATE (UTF8 {5}", ERR_INVALID, 26, ""},
	{ACCEPT, "a SELECT \"\xc3\"", ERR_INVALID, 10, "no UTF-8"},
	{ACCEPT, "a SELECT \"\xed\xa0\x80\"", ERR_INVALID, 10,
		"a surrogate is no UTF-8"},
	{ACCEPT, "a SELECT \xc3\xa9", ERR_INVALID, 9, "an atom is ASCII"},
	{ACCEPT, "a STORE 1 FLAGS (\xc3\xa9)", ERR_INVALID, 17, ""},
	{REV1, "a APPEND x {5}\r\nhello", ERR_INVALID, 14,
		"the parser never sees the message"},
	{REV1, "a APPEND x \" 1-Feb-2020 10:00:00 -0330\" () {5}", ERR_INVALID,
		40, "wrong order"},
	{REV1, "a APPEND x \"31-Feb-2020 10:00:00 +0000\" {5}", ERR_INVALID, 11,
		"no such day"},
	{REV1, "a APPEND x (\\Foo) {5}", ERR_INVALID, 12, "no such flag"},
	{REV1, "a APPEND x CATENATE", ERR_INVALID, 11, "of nothing"},
	{REV1, "a APPEND x CATENATE ()", ERR_INVALID, 21, "of nothing"},
	{REV1, "a APPEND x CATENATE (URL y", ERR_INVALID, 26, "no end"},
	{REV1, "a APPEND x CATENATE (TEXT \"y\")", ERR_INVALID, 26,
		"a text as quoted"},
	{REV1, "a APPEND x CATENATE (TEXT {1+}\r\nx)", ERR_INVALID, 30,
		"the message is not the parser's"},
	{REV1, "a APPEND x CATENATE (URLx y)", ERR_INVALID, 21, "no part"},
	{REV1, "a APPEND x CATENATE (URL y) x", ERR_INVALID, 28, "no message"},
	{REV1, "a APPEND x CATENATE (URL y) ()", ERR_INVALID, 30, "no message"},
	{REV1, "a REPLACE 4 x CATENATE (URL y) CATENATE (URL z)", ERR_INVALID,
		47, "one message"},
	/* search */
	{REV1, "a SEARCH", ERR_INVALID, 8, ""},
	{REV1, "a SEARCH FOO", ERR_INVALID, 9, "unknown"},
	{REV1, "a SORT (DATE) ALL", ERR_CHARSET, 14, "no charset"},
	{REV1, "a SORT (DATE) UTF-8", ERR_INVALID, 19, "no search key"},
	{REV1, "a SORT () UTF-8 ALL", ERR_INVALID, 8, ""},
	{REV1, "a SORT DATE UTF-8 ALL", ERR_INVALID, 7, ""},
	{REV1, "a SORT (REVERSE) UTF-8 ALL", ERR_UNSUPPORTED, 8, ""},
	{REV1, "a SORT (REVERSE REVERSE DATE) UTF-8 ALL", ERR_UNSUPPORTED, 16,
		""},
	{REV1, "a SORT (BCC) UTF-8 ALL", ERR_UNSUPPORTED, 8, ""},
	{REV1, "a SORT (DATE) FOO-1 ALL", ERR_CHARSET, 14, ""},
	{REV1, "a SORT (DATE) RETURN (ALL) UTF-8 ALL", ERR_CHARSET, 14, ""},
	{REV1, "a THREAD UTF-8 ALL", ERR_UNSUPPORTED, 9, "no algorithm"},
	{REV1, "a THREAD RETURN (ALL) REFERENCES UTF-8 ALL", ERR_UNSUPPORTED, 9,
		"no options"},
	{REV1, "a THREAD REFERENCES UTF-8", ERR_INVALID, 25, ""},
	{REV1, "a SEARCH SUBJECT", ERR_INVALID, 16, ""},
	{REV1, "a SEARCH OR SEEN", ERR_INVALID, 16, ""},
	{REV1, "a SEARCH NOT", ERR_INVALID, 12, ""},
	{REV1, "a SEARCH ()", ERR_INVALID, 10, "an empty group"},
	{REV1, "a SEARCH (SEEN", ERR_INVALID, 14, "not closed"},
	{REV1, "a SEARCH (SEEN) )", ERR_INVALID, 16, ""},
	{REV1, "a SEARCH SINCE 1-Foo-2000", ERR_INVALID, 15, ""},
	{REV1, "a SEARCH LARGER x", ERR_INVALID, 16, ""},
	{REV1, "a SEARCH LARGER 9223372036854775808", ERR_INVALID, 16, ""},
	{REV1, "a SEARCH 0", ERR_INVALID, 9, "no message 0"},
	{REV1, "a SEARCH 1,", ERR_INVALID, 11, ""},
	{REV1, "a SEARCH 4294967296", ERR_INVALID, 19, "33 bits"},
	{REV1, "a SEARCH KEYWORD \\Seen", ERR_INVALID, 17, "no keyword"},
	{REV1, "a SEARCH RETURN (FOO) ALL", ERR_UNSUPPORTED, 17, ""},
	{REV1, "a SEARCH RETURN (MIN)", ERR_INVALID, 21, ""},
	{ACCEPT, "a SEARCH CHARSET UTF-8 ALL", ERR_INVALID, 16,
		"RFC 6855 section 3"},
	{ACCEPT, "a SEARCH CHARSET FOO-1 ALL", ERR_INVALID, 16, ""},
	{ACCEPT, "a UID SEARCH RETURN () CHARSET US-ASCII ALL", ERR_INVALID, 30,
		""},
	{REV1, "a SEARCH CHARSET FOO-1 ALL", ERR_CHARSET, 17,
		"BADCHARSET, even if no string needs it"},
	{REV1, "a SEARCH CHARSET UTF-8", ERR_INVALID, 22, ""},
	/* fetch */
	{REV1, "a FETCH 1", ERR_INVALID, 9, ""},
	{REV1, "a FETCH FLAGS", ERR_INVALID, 8, "no set"},
	{REV1, "a FETCH 1 ()", ERR_INVALID, 11, ""},
	{REV1, "a FETCH 1 (ALL)", ERR_INVALID, 11, "a macro in a list"},
	{REV1, "a FETCH 1 FLAGS UID", ERR_INVALID, 16, "no list"},
	{REV1, "a FETCH 1 FOO", ERR_INVALID, 10, ""},
	{REV1, "a FETCH 1 BODY.PEEK", ERR_INVALID, 10, "needs a section"},
	{REV1, "a FETCH 1 FLAGS[]", ERR_INVALID, 15, "has no section"},
	{REV1, "a FETCH 1 RFC822[]", ERR_INVALID, 10, "has no section"},
	{REV1, "a FETCH 1 BODY[", ERR_INVALID, 15, ""},
	{REV1, "a FETCH 1 BODY[0]", ERR_INVALID, 15, "no part 0"},
	{REV1, "a FETCH 1 BODY[1.]", ERR_INVALID, 17, ""},
	{REV1, "a FETCH 1 BODY[1.FOO]", ERR_INVALID, 17, ""},
	{REV1, "a FETCH 1 BODY[MIME]", ERR_INVALID, 15, "MIME needs a part"},
	{REV1, "a FETCH 1 BODY[HEADER.FIELDS]", ERR_INVALID, 28, "no fields"},
	{REV1, "a FETCH 1 BODY[HEADER.FIELDS ()]", ERR_INVALID, 30, ""},
	{REV1, "a FETCH 1 BODY[]<1>", ERR_INVALID, 18, "no length"},
	{REV1, "a FETCH 1 BODY[]<0.0>", ERR_INVALID, 19, "a length of 0"},
	{REV1, "a FETCH 1 BODY[]<-1.5>", ERR_INVALID, 17, "negative"},
	{REV1, "a FETCH 1 BINARY[HEADER]", ERR_INVALID, 17,
		"section-binary has numbers only"},
	{REV1, "a FETCH 1 BINARY[1.MIME]", ERR_INVALID, 19, ""},
	{REV1, "a FETCH 1 BINARY.SIZE[1]<0.1>", ERR_INVALID, 24, ""},
	{REV1, "a FETCH 1 RFC822.SIZE<0.1>", ERR_INVALID, 21, ""},
	{REV1, "a FETCH 1 FLAGS ()", ERR_INVALID, 17, ""},
	/* store, copy */
	{REV1, "a STORE 1", ERR_INVALID, 9, ""},
	{REV1, "a STORE 1 FLAGS", ERR_INVALID, 15, ""},
	{REV1, "a STORE 1 *FLAGS x", ERR_INVALID, 10, ""},
	{REV1, "a STORE 1 FLAGS (\\Recent)", ERR_INVALID, 16,
		"nobody may set it"},
	{REV1, "a STORE 1 FLAGS \\Foo", ERR_INVALID, 16, "no such flag"},
	{REV1, "a STORE 1 FLAGS (a  b)", ERR_INVALID, 19, "two spaces"},
	{REV1, "a COPY x", ERR_INVALID, 7, "no set"},
	{REV1, "a COPY 1", ERR_INVALID, 8, "no mailbox"},
	{REV1, "a COPY 1:2:3 x", ERR_INVALID, 10, "no set"},
};

static void test_accepted(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(accepted); i++) {
		struct arena arena;
		struct imap_command cmd;
		struct buf out = BUF_UNBOUNDED;
		str text = str_c(accepted[i].text);
		enum err e;

		arena_init(&arena, 65536);
		e = imap_parse(&arena, text, accepted[i].dialect, &cmd);
		if (e)
			fail_msg("%s (%s): expected %s at %zu",
				accepted[i].text, accepted[i].why, cmd.expected,
				cmd.at);
		imap_print_command(&out, &cmd, accepted[i].dialect);
		assert_str(buf_str(&out), accepted[i].printed
						  ? accepted[i].printed
						  : accepted[i].text);
		buf_fini(&out);
		arena_fini(&arena);
	}
}

static void test_rejected(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rejected); i++) {
		struct arena arena;
		struct imap_command cmd;
		enum err e;

		arena_init(&arena, 65536);
		e = imap_parse(&arena, str_c(rejected[i].text),
			rejected[i].dialect, &cmd);
		if (e != rejected[i].err || cmd.at != rejected[i].at)
			fail_msg("%s (%s): %s at %zu (%s), expected %s at %zu",
				rejected[i].text, rejected[i].why, err_words(e),
				cmd.at, cmd.expected,
				err_words(rejected[i].err), rejected[i].at);
		arena_fini(&arena);
	}
}

static void test_nul(void **unused)
{
	static const struct {
		str text;
		size_t at;
	} rows[] = {
		{STR_LIT("a LOGIN {1}\r\n\0 y"), 14},
		{STR_LIT("a LOGIN \"\0\" y"), 9},
		{STR_LIT("a LOGIN \0 y"), 8},
		{STR_LIT("a LOGIN \"\\\0\" y"), 10},
		{STR_LIT("a NOOP\0"), 6},
		{STR_LIT("a\0 NOOP"), 1},
		/* In UTF-16 every letter of ASCII has one. */
		{STR_LIT("a SEARCH CHARSET UTF-16BE TEXT {2}\r\n\x00\x41"), 38},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena;
		struct imap_command cmd;

		arena_init(&arena, 65536);
		assert_int_equal(imap_parse(&arena, rows[i].text, false, &cmd),
			ERR_INVALID);
		assert_int_equal(cmd.at, rows[i].at);
		arena_fini(&arena);
	}
}

static void test_tags(void **unused)
{
	static const struct {
		const char *text;
		const char *tag;
	} rows[] = {
		{"a FOO", "a"},
		{"a1 LOGIN", "a1"},
		{"a", "a"},
		{"", "*"},
		{" a", "*"},
		{"a\tNOOP", "*"},
		{"a+b NOOP", "*"},
		{"\"a\" NOOP", "*"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena;
		struct imap_command cmd;

		arena_init(&arena, 65536);
		assert_int_not_equal(
			imap_parse(&arena, str_c(rows[i].text), false, &cmd),
			OK);
		assert_str(cmd.tag, rows[i].tag);
		assert_str(imap_parse_tag(str_c(rows[i].text)), rows[i].tag);
		arena_fini(&arena);
	}
}

static void test_mailbox_names(void **unused)
{
	static const struct {
		unsigned dialect;
		const char *text;
		const char *name; /* NULL: absent */
		const char *why;
	} rows[] = {
		{REV1, "a SELECT inBox", "INBOX", "any case"},
		{REV1, "a SELECT inBox/x", "INBOX/x", ""},
		{REV1, "a SELECT &AOk-", "\xc3\xa9", "RFC 3501 section 5.1.3"},
		{REV2, "a SELECT &AOk-", "&AOk-", "RFC 9051 section 5.1"},
		{REV2, "a SELECT \"e\xcc\x81\"", "\xc3\xa9", "NFC"},
		{REV2, "a SELECT {2+}\r\n\xc3\xa9", "\xc3\xa9", "a literal"},
		{REV1, "a SELECT {2+}\r\n\xc3\xa9", NULL,
			"8-bit is no modified UTF-7"},
		{REV2, "a SELECT {1+}\r\n\xe9", NULL, "not UTF-8"},
		{REV1, "a SELECT &Jjo!", NULL, "RFC 9051 appendix A.1"},
		{REV1, "a SELECT a&b", NULL, "a bare &"},
		{REV1, "a SELECT \"\"", NULL, "the empty name"},
		{REV1, "a SELECT a//b", NULL, "an empty component"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena;
		struct imap_command cmd;

		arena_init(&arena, 65536);
		assert_ok(imap_parse(
			&arena, str_c(rows[i].text), rows[i].dialect, &cmd));
		if (rows[i].name)
			assert_str(cmd.select.mailbox.name, rows[i].name);
		assert_int_equal(
			str_is_none(cmd.select.mailbox.name), !rows[i].name);
		assert_int_equal(cmd.select.mailbox.err,
			rows[i].name ? OK : ERR_INVALID);
		arena_fini(&arena);
	}
}

static void test_patterns(void **unused)
{
	static const struct {
		unsigned dialect;
		const char *text;
		const char *pattern; /* NULL: absent */
	} rows[] = {
		{REV1, "a LIST \"\" \"\"", ""},
		{REV1, "a LIST \"\" *", "*"},
		{REV1, "a LIST a/ %/b", "a/%/b"},
		{REV1, "a LIST &AOk-/ &AOk-%*", "\xc3\xa9/\xc3\xa9*"},
		{REV2, "a LIST \"\" \"e\xcc\x81%\"", "\xc3\xa9%"},
		{REV1, "a LIST \"\" a&b*", NULL},
		{REV1, "a LIST a&b *", NULL},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena;
		struct imap_command cmd;

		arena_init(&arena, 65536);
		assert_ok(imap_parse(
			&arena, str_c(rows[i].text), rows[i].dialect, &cmd));
		if (rows[i].pattern)
			assert_str(cmd.list.patterns->pattern, rows[i].pattern);
		assert_int_equal(str_is_none(cmd.list.patterns->pattern),
			!rows[i].pattern);
		assert_false(cmd.list.extended);
		arena_fini(&arena);
	}
}

/* head, then `repeated` so often, then tail */
static enum err parse_repeated(size_t budget, const char *head,
	const char *repeated, size_t times, const char *tail)
{
	struct buf text = BUF_UNBOUNDED;
	struct arena arena;
	struct imap_command cmd;
	enum err e;

	buf_add_c(&text, head);
	for (size_t i = 0; i < times; i++)
		buf_add_c(&text, repeated);
	buf_add_c(&text, tail);
	arena_init(&arena, budget);
	e = imap_parse(&arena, buf_str(&text), false, &cmd);
	/* The parser has stopped; one allocation may have passed the budget,
	 * and is in proportion to the text. */
	assert_true(arena.used < budget + 4096 + 8 * text.n);
	arena_fini(&arena);
	buf_fini(&text);
	return e;
}

static void test_bombs(void **unused)
{
	const size_t m = 1 << 20;

	(void)unused;
	assert_ok(parse_repeated(
		m, "a SEARCH ", "NOT ", SEARCH_DEPTH_MAX - 2, "SEEN"));
	assert_ok(parse_repeated(
		m, "a SEARCH ", "OR SEEN ", SEARCH_DEPTH_MAX - 2, "SEEN"));
	assert_int_equal(parse_repeated(m, "a SEARCH ", "NOT ", 10000, "SEEN"),
		ERR_LIMIT);
	assert_int_equal(
		parse_repeated(m, "a SEARCH ", "(", 10000, "SEEN"), ERR_LIMIT);
	assert_int_equal(parse_repeated(m, "a SEARCH ", "OR (", 10000, "SEEN"),
		ERR_LIMIT);
	assert_int_equal(parse_repeated(m, "a SEARCH SEEN", " SEEN", 10000, ""),
		ERR_LIMIT);
	assert_int_equal(
		parse_repeated(m, "a SELECT x (A ", "(", 10000, ""), ERR_LIMIT);
	assert_int_equal(
		parse_repeated(m, "a FETCH 1 BODY[1", ".1", 10000, "]"),
		ERR_LIMIT);
	assert_int_equal(
		parse_repeated(8192, "a FETCH 1 (UID", " BODY[]", 10000, ")"),
		ERR_LIMIT);
	assert_int_equal(
		parse_repeated(8192, "a FETCH 1", ",1", 10000, " FLAGS"),
		ERR_LIMIT);
	assert_int_equal(
		parse_repeated(8192, "a ENABLE", " X", 10000, ""), ERR_LIMIT);
	assert_int_equal(
		parse_repeated(8192, "a LIST \"\" (a", " a", 10000, ")"),
		ERR_LIMIT);
	assert_int_equal(parse_repeated(8192, "a FETCH 1 BODY[HEADER.FIELDS (a",
				 " a", 10000, ")]"),
		ERR_LIMIT);
	assert_int_equal(
		parse_repeated(m, "a STORE 1 FLAGS (a", " \\Seen", 10000, ")"),
		OK);
}

static void test_keywords(void **unused)
{
	struct buf text = BUF_UNBOUNDED;
	struct arena arena;
	struct imap_command cmd;

	(void)unused;
	buf_add_c(&text, "a STORE 1 FLAGS");
	for (int i = 0; i < FLAGS_KEYWORD_MAX + 1; i++)
		buf_addf(&text, " k%d", i);
	arena_init(&arena, 65536);
	assert_int_equal(
		imap_parse(&arena, buf_str(&text), false, &cmd), ERR_LIMIT);
	arena_fini(&arena);
	buf_fini(&text);
}

static void test_filters(void **unused)
{
	static const struct {
		str text;
		enum err err;
		const char *printed;
	} rows[] = {
		{STR_LIT("OR SMALLER 5000 FROM \"boss@example.com\""), OK,
			"OR SMALLER 5000 FROM \"boss@example.com\""},
		{STR_LIT("from a (TO {1}\r\nb) FILTER c UID 1:*"), OK,
			"FROM \"a\" (TO \"b\") FILTER c UID 1:*"},
		{STR_LIT("SUBJECT \"\xc3\xa9\""), OK,
			"SUBJECT {2}\r\n\xc3\xa9"},
		{STR_LIT("SUBJECT \"\xe9\""), ERR_INVALID, NULL},
		{STR_LIT("SUBJECT {1}\r\n\xe9"), ERR_INVALID, NULL},
		{STR_LIT("OR SMALLER"), ERR_INVALID, NULL},
		{STR_LIT(""), ERR_INVALID, NULL},
		{STR_LIT(" ALL"), ERR_INVALID, NULL},
		{STR_LIT("ALL "), ERR_INVALID, NULL},
		{STR_LIT("ALL\r\n"), ERR_INVALID, NULL},
		{STR_LIT("SUBJECT {1}\r\n\0"), ERR_INVALID, NULL},
		{STR_LIT("MODSEQ \"/flags/\\\\seen\" some 3"), ERR_UNSUPPORTED,
			NULL},
		{STR_LIT("MODSEQ \"/flags/\xc3\xa9\" all 3"), ERR_INVALID,
			NULL},
		{STR_LIT("CHARSET UTF-8 ALL"), ERR_INVALID, NULL},
		{STR_LIT("FILTER a/b"), ERR_INVALID, NULL},
		{STR_LIT("FILTER \"a\""), ERR_INVALID, NULL},
	};
	struct search_node *where;
	struct arena arena;
	struct buf out = BUF_UNBOUNDED;
	unsigned keys = 0;

	(void)unused;
	arena_init(&arena, 65536);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum err e = imap_parse_filter(
			&arena, rows[i].text, 0, &keys, &where);

		if (e != rows[i].err)
			fail_msg("%.*s", STR_ARG(rows[i].text));
		buf_reset(&out);
		if (!e)
			search_tree_print(&out, where);
		if (!e)
			assert_str(buf_str(&out), rows[i].printed);
	}
	/* Where it stands counts, and what was there before. */
	assert_ok(imap_parse_filter(
		&arena, STR("NOT ALL"), SEARCH_DEPTH_MAX - 2, &keys, &where));
	assert_int_equal(imap_parse_filter(&arena, STR("NOT ALL"),
				 SEARCH_DEPTH_MAX - 1, &keys, &where),
		ERR_LIMIT);
	keys = SEARCH_KEYS_MAX - 2;
	assert_ok(imap_parse_filter(&arena, STR("ALL ALL"), 0, &keys, &where));
	assert_int_equal(keys, SEARCH_KEYS_MAX);
	assert_int_equal(
		imap_parse_filter(&arena, STR("ALL"), 0, &keys, &where),
		ERR_LIMIT);
	assert_true(imap_is_filter_name(STR("on-the-road")));
	assert_false(imap_is_filter_name(STR("")));
	assert_false(imap_is_filter_name(STR("a]")));
	arena_fini(&arena);
	buf_fini(&out);
}

static void test_append_expects(void **unused)
{
	const enum imap_append_at start = IMAP_APPEND_AT_START,
				  options = IMAP_APPEND_AT_OPTIONS,
				  list = IMAP_APPEND_AT_LIST,
				  utf8 = IMAP_APPEND_AT_UTF8,
				  part = IMAP_APPEND_AT_UTF8_PART;
	const struct {
		enum imap_append_at at;
		const char *text;
		enum imap_append_expects expected;
		enum imap_append_at behind;
	} rows[] = {
		{start, "a APPEND ", IMAP_APPEND_MAILBOX, options},
		{start, "a UID REPLACE 3 ", IMAP_APPEND_MAILBOX, options},
		{start, "a append x ", IMAP_APPEND_MESSAGE, options},
		{start, "a APPEND \"\xc3\xa9\" ", IMAP_APPEND_MESSAGE, options},
		{start, "a APPEND x (\\Seen) \" 1-Feb-2020 10:00:00 +0000\" ",
			IMAP_APPEND_MESSAGE, options},
		{start, "a APPEND x", IMAP_APPEND_NOTHING, start},
		{start, "a APPEND", IMAP_APPEND_NOTHING, start},
		{start, "a APPEND x (\\Seen)", IMAP_APPEND_NOTHING, start},
		{start, "a APPEND x (", IMAP_APPEND_NOTHING, start},
		{start, "a APPEND x y ", IMAP_APPEND_NOTHING, start},
		{start, "a APPEND x  ", IMAP_APPEND_NOTHING, start},
		{start, "a FETCH ", IMAP_APPEND_NOTHING, start},
		{start, "a APPEND x CATENATE (TEXT ", IMAP_APPEND_MESSAGE,
			list},
		{start, "a APPEND x () catenate (url ", IMAP_APPEND_URL, list},
		{start, "a REPLACE 1 x CATENATE (URL y TEXT ",
			IMAP_APPEND_MESSAGE, list},
		{start, "a APPEND x CATENATE (URL y) (\\Seen) ",
			IMAP_APPEND_MESSAGE, options},
		{start, "a APPEND x CATENATE (URL y) CATENATE (URL ",
			IMAP_APPEND_URL, list},
		{start, "a APPEND x CATENATE ", IMAP_APPEND_NOTHING, start},
		{start, "a APPEND x CATENATE (", IMAP_APPEND_NOTHING, start},
		{start, "a APPEND x CATENATE (URL y ", IMAP_APPEND_NOTHING,
			start},
		{start, "a APPEND x CATENATE (URL y)", IMAP_APPEND_NOTHING,
			start},
		{start, "a APPEND x CATENATE (BLURB ", IMAP_APPEND_NOTHING,
			start},
		{options, " ", IMAP_APPEND_MESSAGE, options},
		{options, " (\\Seen) ", IMAP_APPEND_MESSAGE, options},
		{options, " CATENATE (TEXT ", IMAP_APPEND_MESSAGE, list},
		{options, "", IMAP_APPEND_NOTHING, options},
		{options, " x ", IMAP_APPEND_NOTHING, options},
		{options, " TEXT ", IMAP_APPEND_NOTHING, options},
		{list, " TEXT ", IMAP_APPEND_MESSAGE, list},
		{list, " URL y URL ", IMAP_APPEND_URL, list},
		{list, ") ", IMAP_APPEND_MESSAGE, options},
		{list, ") (\\Seen) CATENATE (TEXT ", IMAP_APPEND_MESSAGE, list},
		{list, ")", IMAP_APPEND_NOTHING, list},
		{list, " ", IMAP_APPEND_NOTHING, list},
		{list, "TEXT ", IMAP_APPEND_NOTHING, list},
		{list, " (\\Seen) ", IMAP_APPEND_NOTHING, list},
		{start, "a APPEND x UTF8 (", IMAP_APPEND_MESSAGE, utf8},
		{start, "a append x () utf8 (", IMAP_APPEND_MESSAGE, utf8},
		{start, "a APPEND x UTF8 ", IMAP_APPEND_NOTHING, start},
		{start, "a APPEND x CATENATE (URL y UTF8 (",
			IMAP_APPEND_MESSAGE, part},
		{utf8, ") ", IMAP_APPEND_MESSAGE, options},
		{utf8, ") UTF8 (", IMAP_APPEND_MESSAGE, utf8},
		{utf8, " ", IMAP_APPEND_NOTHING, utf8},
		{utf8, ") TEXT ", IMAP_APPEND_NOTHING, utf8},
		{utf8, ")) ", IMAP_APPEND_NOTHING, utf8},
		{part, ")) ", IMAP_APPEND_MESSAGE, options},
		{part, ") UTF8 (", IMAP_APPEND_MESSAGE, part},
		{part, ") TEXT ", IMAP_APPEND_MESSAGE, list},
		{part, " TEXT ", IMAP_APPEND_NOTHING, part},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum imap_append_at at = rows[i].at;

		if (imap_append_expects(&at, str_c(rows[i].text)) !=
				rows[i].expected ||
			at != rows[i].behind)
			fail_msg("%s", rows[i].text);
	}
}

static void test_append_next(void **unused)
{
	static const struct {
		const char *text;
		enum imap_append_at at;
		enum err err;
		const char *why;
	} rows[] = {
		{"", IMAP_APPEND_AT_OPTIONS, OK, "the end"},
		{" x", IMAP_APPEND_AT_OPTIONS, ERR_INVALID, "no message"},
		{" ", IMAP_APPEND_AT_OPTIONS, ERR_INVALID, "no message"},
		{")", IMAP_APPEND_AT_OPTIONS, ERR_INVALID, "no list"},
		{" URL x", IMAP_APPEND_AT_OPTIONS, ERR_INVALID, "no list"},
		{"", IMAP_APPEND_AT_LIST, ERR_INVALID, "no end"},
		{" ", IMAP_APPEND_AT_LIST, ERR_INVALID, "no end"},
		{")", IMAP_APPEND_AT_LIST, OK, "the end"},
		{") ", IMAP_APPEND_AT_LIST, ERR_INVALID, "no message"},
		{" URL x)", IMAP_APPEND_AT_LIST, OK, "a part"},
		{" URL x) URL y", IMAP_APPEND_AT_LIST, ERR_INVALID, "no list"},
		{" URL x", IMAP_APPEND_AT_LIST, ERR_INVALID, "no end"},
		{" TEXT {3}", IMAP_APPEND_AT_LIST, OK, "a part"},
		{" {3}", IMAP_APPEND_AT_LIST, ERR_INVALID, "no part"},
		{") {3}", IMAP_APPEND_AT_LIST, OK, "a message"},
		{")", IMAP_APPEND_AT_UTF8, OK, "the end"},
		{"", IMAP_APPEND_AT_UTF8, ERR_INVALID, "no end"},
		{" {3}", IMAP_APPEND_AT_UTF8, ERR_INVALID, "no end"},
		{" URL x)", IMAP_APPEND_AT_UTF8, ERR_INVALID, "no list"},
		{") (\\Seen) {3}", IMAP_APPEND_AT_UTF8, OK, "a message"},
		{") UTF8 (~{3}", IMAP_APPEND_AT_UTF8, OK, "a message"},
		{") UTF8 ({3}", IMAP_APPEND_AT_UTF8, ERR_INVALID,
			"no literal8"},
		{") UTF8 ~{3}", IMAP_APPEND_AT_UTF8, ERR_INVALID, "no list"},
		{"))", IMAP_APPEND_AT_UTF8, ERR_INVALID, "two lists"},
		{"))", IMAP_APPEND_AT_UTF8_PART, OK, "two lists"},
		{")", IMAP_APPEND_AT_UTF8_PART, ERR_INVALID, "two lists"},
		{") URL x)", IMAP_APPEND_AT_UTF8_PART, OK, "a part"},
		{") UTF8 (~{3}", IMAP_APPEND_AT_UTF8_PART, OK, "a part"},
		{") {3}", IMAP_APPEND_AT_UTF8_PART, ERR_INVALID, "no part"},
		{")) {3}", IMAP_APPEND_AT_UTF8_PART, OK, "a message"},
	};
	struct arena arena;
	struct imap_command c = {
		.verb = IMAP_APPEND, .append.at = IMAP_APPEND_AT_OPTIONS};
	const struct imap_append *a = &c.append;

	(void)unused;
	arena_init(&arena, 16384);
	assert_ok(imap_parse_append_next(
		&arena, STR(" (\\Seen) ~{20+}"), false, &c));
	assert_int_equal(a->at, IMAP_APPEND_AT_OPTIONS);
	assert_int_equal(a->messages->flags.system, FLAG_SEEN);
	assert_false(a->messages->has_date || a->messages->continues);
	assert_true(a->has_literal);
	assert_int_equal(a->size, 20);
	assert_true(a->binary && !a->sync);
	c.append.at = IMAP_APPEND_AT_LIST;
	assert_ok(imap_parse_append_next(&arena,
		STR(" URL x URL y) (\\Seen) CATENATE (URL z)"), false, &c));
	assert_true(a->messages->continues);
	assert_str(a->messages->urls->next->url, "y");
	assert_false(a->messages->next->continues || a->has_literal);
	assert_str(a->messages->next->urls->url, "z");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		c.append.at = rows[i].at;
		if (imap_parse_append_next(&arena, str_c(rows[i].text), false,
			    &c) != rows[i].err)
			fail_msg("%s: %s", rows[i].text, rows[i].why);
	}
	c.verb = IMAP_REPLACE;
	c.append.at = IMAP_APPEND_AT_LIST;
	assert_ok(imap_parse_append_next(
		&arena, STR(" URL x TEXT {3}"), false, &c));
	assert_int_equal(
		imap_parse_append_next(&arena, STR(") {3}"), false, &c),
		ERR_INVALID);
	c.append.at = IMAP_APPEND_AT_OPTIONS;
	assert_int_equal(imap_parse_append_next(&arena, STR(" {3}"), false, &c),
		ERR_INVALID);
	arena_fini(&arena);
}

static void test_wipe(void **unused)
{
	char text[] = "a LOGIN fred \"secret\"";
	struct arena arena;
	struct imap_command cmd;

	(void)unused;
	arena_init(&arena, 4096);
	assert_ok(imap_parse(&arena, str_c(text), false, &cmd));
	assert_str(cmd.login.password, "secret");
	imap_command_wipe(&cmd);
	assert_int_equal(strlen(text), 14);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_rejected),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_mailbox_names),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_keywords),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_append_expects),
		cmocka_unit_test(test_append_next),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
