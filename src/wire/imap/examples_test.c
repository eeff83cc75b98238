/* SPDX-License-Identifier: Apache-2.0 */
/* Every command that the RFCs show ("C: "), each once. */
#include "base/test.h"
#include "wire/imap/parse.h"
#include "wire/imap/print.h"

static const struct {
	int rfc;
	const char *text;
	const char *printed; /* NULL: as it was */
} rows[] = {
	{3501, "abcd CAPABILITY", NULL},
	{3501, "efgh STARTTLS", NULL},
	{3501, "a002 NOOP", NULL},
	{3501, "A023 LOGOUT", NULL},
	{3501, "a004 LOGIN joe password", NULL},
	{3501, "A001 AUTHENTICATE GSSAPI", NULL},
	{3501, "a001 LOGIN SMITH SESAME", NULL},
	{3501, "A142 SELECT INBOX", NULL},
	{3501, "A932 EXAMINE blurdybloop", NULL},
	{3501, "A003 CREATE owatagusiam/", NULL},
	{3501, "A004 CREATE owatagusiam/blurdybloop", NULL},
	{3501, "A683 DELETE blurdybloop", NULL},
	{3501, "A684 DELETE foo", NULL},
	{3501, "A685 DELETE foo/bar", NULL},
	{3501, "A686 LIST \"\" *", "A686 LIST \"\" \"*\""},
	{3501, "A86 LIST \"\" %", "A86 LIST \"\" \"%\""},
	{3501, "A683 RENAME blurdybloop sarasoop", NULL},
	{3501, "A684 RENAME foo zowie", NULL},
	{3501, "Z433 RENAME INBOX old-mail", NULL},
	{3501, "A002 SUBSCRIBE #news.comp.mail.mime", NULL},
	{3501, "A002 UNSUBSCRIBE #news.comp.mail.mime", NULL},
	{3501, "A101 LIST \"\" \"\"", NULL},
	{3501, "A102 LIST #news.comp.mail.misc \"\"", NULL},
	{3501, "A103 LIST /usr/staff/jones \"\"", NULL},
	{3501, "A202 LIST ~/Mail/ %", "A202 LIST ~/Mail/ \"%\""},
	{3501, "A002 LSUB \"#news.\" \"comp.mail.*\"",
		"A002 LSUB #news. \"comp.mail.*\""},
	{3501, "A003 LSUB \"#news.\" \"comp.%\"",
		"A003 LSUB #news. \"comp.%\""},
	{3501, "A042 STATUS blurdybloop (UIDNEXT MESSAGES)",
		"A042 STATUS blurdybloop (MESSAGES UIDNEXT)"},
	{3501, "A003 APPEND saved-messages (\\Seen) {310}", NULL},
	{3501, "FXXZ CHECK", NULL},
	{3501, "A341 CLOSE", NULL},
	{3501, "A202 EXPUNGE", NULL},
	{3501, "A282 SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"", NULL},
	{3501, "A283 SEARCH TEXT \"string not in mailbox\"", NULL},
	{3501, "A284 SEARCH CHARSET UTF-8 TEXT {6}\r\nXXXXXX",
		"A284 SEARCH CHARSET UTF-8 TEXT \"XXXXXX\""},
	{3501, "A654 FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])", NULL},
	{3501, "A003 STORE 2:4 +FLAGS (\\Deleted)", NULL},
	{3501, "A003 COPY 2:4 MEETING", NULL},
	{3501, "A999 UID FETCH 4827313:4828442 FLAGS",
		"A999 UID FETCH 4827313:4828442 (FLAGS)"},
	{3501, "A001 LOGIN fred blurdybloop", NULL},
	{3501, "A222 COPY 1:2 owatagusiam", NULL},
	{3501, "A223 COPY 3:200 blurdybloop", NULL},
	{3501, "A001 LOGIN {11}\r\nFRED FOOBAR {7}\r\nfat man",
		"A001 LOGIN \"FRED FOOBAR\" \"fat man\""},
	{3501, "a002 select inbox", "a002 SELECT inbox"},
	{3501, "a003 fetch 12 full",
		"a003 FETCH 12 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY)"},
	{3501, "a004 fetch 12 body[header]", "a004 FETCH 12 (BODY[HEADER])"},
	{3501, "a005 store 12 +flags \\deleted",
		"a005 STORE 12 +FLAGS (\\Deleted)"},
	{3501, "a006 logout", "a006 LOGOUT"},
	{9051, "a004 AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=", NULL},
	{9051, "A01 AUTHENTICATE PLAIN", NULL},
	{9051, "A01 AUTHENTICATE EXTERNAL =", NULL},
	{9051, "t2 ENABLE CONDSTORE X-GOOD-IDEA", NULL},
	{9051, "a1 ENABLE CONDSTORE", NULL},
	{9051, "A143 SELECT Drafts", NULL},
	{9051, "A005 CREATE NonNormalized", NULL},
	{9051, "1001 RENAME X Y", NULL},
	{9051, "1002 SUBSCRIBE Y", NULL},
	{9051, "1003 UNSUBSCRIBE X", NULL},
	{9051, "A01 LIST \"\" \"*\"", NULL},
	{9051, "A02 LIST (SUBSCRIBED) \"\" \"*\"",
		"A02 LIST (SUBSCRIBED) \"\" (\"*\")"},
	{9051, "A03 LIST () \"\" \"%\" RETURN (CHILDREN)",
		"A03 LIST \"\" (\"%\") RETURN (CHILDREN)"},
	{9051, "A04 LIST (REMOTE) \"\" \"%\" RETURN (CHILDREN)",
		"A04 LIST (REMOTE) \"\" (\"%\") RETURN (CHILDREN)"},
	{9051, "A05 LIST (REMOTE SUBSCRIBED) \"\" \"*\"",
		"A05 LIST (SUBSCRIBED REMOTE) \"\" (\"*\")"},
	{9051, "A06 LIST (REMOTE) \"\" \"*\" RETURN (SUBSCRIBED)",
		"A06 LIST (REMOTE) \"\" (\"*\") RETURN (SUBSCRIBED)"},
	{9051, "CA3 LIST \"\" \"%\" RETURN (CHILDREN)",
		"CA3 LIST \"\" (\"%\") RETURN (CHILDREN)"},
	{9051, "C04 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\"",
		"C04 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (\"%\")"},
	{9051,
		"C04 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\" RETURN "
		"(CHILDREN)",
		"C04 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (\"%\") RETURN "
		"(CHILDREN)"},
	{9051, "D03 LIST (RECURSIVEMATCH SUBSCRIBED) \"\" \"*2\"",
		"D03 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (\"*2\")"},
	{9051, "D03 LIST (RECURSIVEMATCH SUBSCRIBED) \"\" \"*\"",
		"D03 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (\"*\")"},
	{9051, "a1 LIST \"\" (\"foo\")", NULL},
	{9051, "a2 LIST (SUBSCRIBED) \"\" \"foo/*\"",
		"a2 LIST (SUBSCRIBED) \"\" (\"foo/*\")"},
	{9051, "a3 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" foo RETURN (CHILDREN)",
		"a3 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (\"foo\") RETURN "
		"(CHILDREN)"},
	{9051, "a1 LIST (REMOTE) \"\" *", "a1 LIST (REMOTE) \"\" (\"*\")"},
	{9051, "a2 LIST () \"\" %", "a2 LIST \"\" (\"%\")"},
	{9051, "a3 LIST (REMOTE) \"\" %", "a3 LIST (REMOTE) \"\" (\"%\")"},
	{9051, "a3.1 LIST \"\" (% music/rock)",
		"a3.1 LIST \"\" (\"%\" \"music/rock\")"},
	{9051, "A01 LIST \"\" % RETURN (STATUS (MESSAGES UNSEEN))",
		"A01 LIST \"\" (\"%\") RETURN (STATUS (MESSAGES UNSEEN))"},
	{9051,
		"A02 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" % RETURN (STATUS "
		"(MESSAGES))",
		"A02 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (\"%\") RETURN "
		"(STATUS (MESSAGES))"},
	{9051, "A001 NAMESPACE", NULL},
	{9051, "A002 CREATE \"INBOX.Sent Mail\"", NULL},
	{9051, "A002 LIST (SPECIAL-USE) \"\" \"*\"",
		"A002 LIST (SPECIAL-USE) \"\" (\"*\")"},
	{9051, "A003 LIST (SPECIAL-USE) \"#mh/\" \"*\"",
		"A003 LIST (SPECIAL-USE) #mh/ (\"*\")"},
	{9051, "A004 CREATE \"Sent Mail\"", NULL},
	{9051, "A005 CREATE \"Delete Items\"", NULL},
	{9051, "A006 CREATE \"#mh/Deleted Items\"", NULL},
	{9051, "A002 LIST \"\" \"Other Users/%\"", NULL},
	{9051, "A002 LIST \"\" \"#Users/%\"", NULL},
	{9051, "A003 LIST \"\" \"#Users/Mike/%\"", NULL},
	{9051, "A002 LIST \"\" \"~mark/%\"", NULL},
	{9051, "A003 APPEND saved-messages (\\Seen) {326}", NULL},
	{9051, "A003 APPEND saved-messages (\\Seen) {297+}", NULL},
	{9051, "A004 COPY 2:4 meeting", NULL},
	{9051, "A005 UID COPY 305:310 meeting", NULL},
	{9051, "A006 COPY 2 funny", NULL},
	{9051, "A007 SELECT funny", NULL},
	{9051, "A002 IDLE", NULL},
	{9051, "A003 FETCH 4 ALL",
		"A003 FETCH 4 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"},
	{9051, "A005 FETCH 3 ALL",
		"A005 FETCH 3 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"},
	{9051, "A342 UNSELECT", NULL},
	{9051,
		"A282 SEARCH RETURN (MIN COUNT) FLAGGED SINCE 1-Feb-1994 NOT "
		"FROM \"Smith\"",
		NULL},
	{9051,
		"A283 SEARCH RETURN () FLAGGED SINCE 1-Feb-1994 NOT FROM "
		"\"Smith\"",
		"A283 SEARCH RETURN (ALL) FLAGGED SINCE 1-Feb-1994 NOT FROM "
		"\"Smith\""},
	{9051,
		"A285 SEARCH CHARSET UTF-8 TEXT "
		"{12}\r\n\xd0\xbe\xd1\x82\xd0\xbf\xd1\x83\xd1\x81\xd0\xba",
		NULL},
	{9051, "A284 SEARCH RETURN (MIN) UNSEEN", NULL},
	{9051, "A285 UID SEARCH RETURN (MIN MAX) 1:5000", NULL},
	{9051, "A286 SEARCH RETURN (COUNT) DELETED", NULL},
	{9051,
		"A282 SEARCH RETURN (SAVE) FLAGGED SINCE 1-Feb-1994 NOT FROM "
		"\"Smith\"",
		NULL},
	{9051, "A283 FETCH $ (UID INTERNALDATE FLAGS BODY.PEEK[HEADER])",
		"A283 FETCH $ (FLAGS INTERNALDATE UID BODY.PEEK[HEADER])"},
	{9051, "A300 SEARCH RETURN (SAVE) SINCE 1-Jan-2004 NOT FROM \"Smith\"",
		NULL},
	{9051, "A301 UID SEARCH UID $ SMALLER 4096", NULL},
	{9051, "A301 UID SEARCH $ SMALLER 4096", NULL},
	{9051, "P282 SEARCH RETURN (SAVE) SINCE 1-Feb-1994 NOT FROM \"Smith\"",
		NULL},
	{9051,
		"P283 SEARCH CHARSET UTF-8 (OR $ 1,3000:3021) TEXT "
		"{8+}\r\n\xd0\xbc\xd0\xb0\xd1\x82\xd1\x8c",
		"P283 SEARCH CHARSET UTF-8 (OR $ 1,3000:3021) TEXT "
		"{8}\r\n\xd0\xbc\xd0\xb0\xd1\x82\xd1\x8c"},
	{9051,
		"B283 SEARCH RETURN (SAVE) CHARSET KOI8-R (OR $ 1,3000:3021) "
		"TEXT {4}\r\nXXXX",
		"B283 SEARCH RETURN (SAVE) CHARSET UTF-8 (OR $ 1,3000:3021) "
		"TEXT \"XXXX\""},
	{9051, "E282 SEARCH RETURN (SAVE) SINCE 28-Oct-2006 NOT FROM \"Eric\"",
		NULL},
	{9051, "E283 COPY $ \"Other Messages\"", NULL},
	{9051, "F282 SEARCH RETURN (SAVE) KEYWORD $Junk", NULL},
	{9051, "F283 COPY $ \"Junk\"", "F283 COPY $ Junk"},
	{9051, "F284 STORE $ +FLAGS.Silent (\\Deleted)",
		"F284 STORE $ +FLAGS.SILENT (\\Deleted)"},
	{9051, "G283 SEARCH RETURN (ALL) SINCE 28-Oct-2006 FROM \"Eric\"",
		NULL},
	{9051, "H283 SEARCH RETURN (SAVE) SINCE 28-Oct-2006 FROM \"Eric\"",
		NULL},
	{9051, "C282 SEARCH RETURN (ALL) SINCE 12-Feb-2006 NOT FROM \"Smith\"",
		NULL},
	{9051,
		"C283 SEARCH RETURN (ALL SAVE) SINCE 12-Feb-2006 NOT FROM "
		"\"Smith\"",
		NULL},
	{9051,
		"C284 SEARCH RETURN (SAVE MIN) SINCE 12-Feb-2006 NOT FROM "
		"\"Smith\"",
		"C284 SEARCH RETURN (MIN SAVE) SINCE 12-Feb-2006 NOT FROM "
		"\"Smith\""},
	{9051,
		"C285 SEARCH RETURN (MAX SAVE MIN) SINCE 12-Feb-2006 NOT FROM "
		"\"Smith\"",
		"C285 SEARCH RETURN (MIN MAX SAVE) SINCE 12-Feb-2006 NOT FROM "
		"\"Smith\""},
	{9051,
		"C286 SEARCH RETURN (MAX SAVE MIN COUNT) SINCE 12-Feb-2006 NOT "
		"FROM \"Smith\"",
		"C286 SEARCH RETURN (MIN MAX COUNT SAVE) SINCE 12-Feb-2006 NOT "
		"FROM \"Smith\""},
	{9051,
		"C286 SEARCH RETURN (ALL SAVE MIN) SINCE 12-Feb-2006 NOT FROM "
		"\"Smith\"",
		"C286 SEARCH RETURN (MIN ALL SAVE) SINCE 12-Feb-2006 NOT FROM "
		"\"Smith\""},
	{9051, "a UID MOVE 42:69 foo", NULL},
	{9051, "A003 UID EXPUNGE 3000:3002", NULL},
	{9051, "o356 RENAME this that", NULL},
	{9051, "b LOGIN \"fred\" \"foo\"", "b LOGIN fred foo"},
	{9051, "l create \"///////\"", "l CREATE ///////"},
	{9051, "k1 select \"/archive/projects/experiment-iv\"",
		"k1 SELECT /archive/projects/experiment-iv"},
	{9051, "k2 status \"/archive/projects/experiment-iv\" (messages)",
		"k2 STATUS /archive/projects/experiment-iv (MESSAGES)"},
	{9051, "e login \"fred\" \"foo\"", "e LOGIN fred foo"},
	{9051, "h search from maria@example.com",
		"h SEARCH FROM \"maria@example.com\""},
	{9051, "m356 DELETE Notes", NULL},
	{9051, "g delete \"/archive/projects/experiment-iv\"",
		"g DELETE /archive/projects/experiment-iv"},
	{9051, "n1 uid copy 1:* oldmail", "n1 UID COPY 1:* oldmail"},
	{9051,
		"A001 AUTHENTICATE SCRAM-SHA-256 "
		"biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=",
		NULL},
	{9051, "babc ENABLE IMAP4rev2", NULL},
	{4315, "A003 APPEND saved-messages (\\Seen) {297}", NULL},
	{5466, "a SEARCH UID 300:900 FILTER on-the-road SINCE \"3-Dec-2002\"",
		"a SEARCH UID 300:900 FILTER on-the-road SINCE 3-Dec-2002"},
	{5466,
		"a007 SETMETADATA \"\" (\"/private/filters/values/on-the-road\""
		" \"OR SMALLER 5000 FROM \\\"boss@example.com\\\"\")",
		"a007 SETMETADATA \"\" (/private/filters/values/on-the-road"
		" \"OR SMALLER 5000 FROM \\\"boss@example.com\\\"\")"},
	{4469,
		"A003 APPEND Drafts (\\Seen \\Draft $MDNSent) CATENATE "
		"(URL "
		"\"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER\" "
		"TEXT {42}",
		"A003 APPEND Drafts (\\Seen \\Draft $MDNSent) CATENATE "
		"(URL /Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER "
		"TEXT {42}"},
	{4469,
		"A003 APPEND Drafts (\\Seen \\Draft $MDNSent) CATENATE "
		"(TEXT {738}",
		NULL},
	{4469, "A003 APPEND Sent (\\Seen $MDNSent) CATENATE (TEXT {541}", NULL},
	/* RFC 5550 has "FLAGS" before the flags, and these in another
	 * order. */
	{5550,
		"A0052 APPEND Sent (\\Seen \\Draft $MDNSent) CATENATE "
		"(TEXT {475}",
		NULL},
	{8508, "A011 UID REPLACE 3002 Drafts CATENATE (TEXT {71}",
		"A011 UID REPLACE 3002 Drafts () CATENATE (TEXT {71}"},
	{5258, "BBB LIST \"\" (\"INBOX\" \"Drafts\" \"Sent/%\")", NULL},
	{5258, "a1 LIST \"\" (\"foo\" \"foo/*\")", NULL},
	{5182, "A283 FETCH $ (UID INTERNALDATE FLAGS RFC822.HEADER)",
		"A283 FETCH $ (FLAGS INTERNALDATE UID RFC822.HEADER)"},
	{5182,
		"P283 SEARCH CHARSET UTF-8 (OR $ 1,3000:3021) TEXT "
		"{8}\r\nYYYYYYYY",
		"P283 SEARCH CHARSET UTF-8 (OR $ 1,3000:3021) TEXT "
		"\"YYYYYYYY\""},
	{5182, "B283 SEARCH CHARSET KOI8-R (OR $ 1,3000:3021) TEXT {4}\r\nXXXX",
		"B283 SEARCH CHARSET UTF-8 (OR $ 1,3000:3021) TEXT \"XXXX\""},
	{6154, "t1 LIST \"\" \"%\"", NULL},
	{6154, "t2 LIST \"\" \"%\" RETURN (SPECIAL-USE)",
		"t2 LIST \"\" (\"%\") RETURN (SPECIAL-USE)"},
	{6154, "t2 CREATE MySpecial (USE (\\Drafts \\Sent))", NULL},
	{6154, "t3 CREATE Everything (USE (\\All))", NULL},
	{7888, "A001 LOGIN {11+}\r\nFRED FOOBAR {7+}\r\nfat man",
		"A001 LOGIN \"FRED FOOBAR\" \"fat man\""},
	{7888, "A001 LOGIN \"FRED FOOBAR\" \"fat man\"", NULL},
	{8438, "A01 STATUS frop (MESSAGES SIZE UIDNEXT)",
		"A01 STATUS frop (MESSAGES UIDNEXT SIZE)"},
	{8438, "A02 SELECT \"frop\"", "A02 SELECT frop"},
	{8438, "A03 FETCH 1:* (RFC822.SIZE)", NULL},
	{8438, "A04 LIST \"\" % RETURN (STATUS (MESSAGES SIZE))",
		"A04 LIST \"\" (\"%\") RETURN (STATUS (MESSAGES SIZE))"},
	{9394,
		"A01 UID SEARCH RETURN (PARTIAL -1:-100) UNDELETED UNKEYWORD "
		"$Junk",
		NULL},
	{9394,
		"A02 UID SEARCH RETURN (PARTIAL 23500:24000) UNDELETED "
		"UNKEYWORD $Junk",
		NULL},
	{5465,
		"a notify set (mailboxes INBOX (Messagenew messageExpunge)) "
		"(personal (SubscriptionChange))",
		"a NOTIFY SET (MAILBOXES (INBOX) (MessageNew MessageExpunge)) "
		"(PERSONAL (SubscriptionChange))"},
	{5465,
		"a notify set (selected (Messagenew (uid flags) "
		"messageExpunge)) (personal (MessageNew FlagChange "
		"MessageExpunge))",
		"a NOTIFY SET (SELECTED (MessageNew (FLAGS UID) "
		"MessageExpunge)) (PERSONAL (MessageNew MessageExpunge "
		"FlagChange))"},
	/* Section 3.1's, as the grammar and section 5 have it. */
	{5465,
		"b notify set status (selected (MessageNew (uid "
		"body.peek[header.fields (from to subject)]) MessageExpunge)) "
		"(subtree Lists (MessageNew MessageExpunge))",
		"b NOTIFY SET STATUS (SELECTED (MessageNew (UID "
		"BODY.PEEK[HEADER.FIELDS (from to subject)]) MessageExpunge)) "
		"(SUBTREE (Lists) (MessageNew MessageExpunge))"},
	{5465, "a NOTIFY NONE", NULL},
	{5465,
		"a00 SEARCH RETURN (COUNT UPDATE (UID BODY[HEADER.FIELDS (TO "
		"FROM SUBJECT)])) FROM \"boss\"",
		NULL},
	{5267, "A01 SEARCH RETURN (CONTEXT COUNT) UNDELETED UNKEYWORD $Junk",
		"A01 SEARCH RETURN (COUNT CONTEXT) UNDELETED UNKEYWORD $Junk"},
	{5267, "B01 UID SEARCH RETURN (UPDATE COUNT) DELETED KEYWORD $Junk",
		"B01 UID SEARCH RETURN (COUNT UPDATE) DELETED KEYWORD $Junk"},
	/* Section 4.3.1's, with the sort-criteria that the grammar asks for. */
	{5267,
		"B02 UID SORT RETURN (UPDATE COUNT) (SUBJECT) UTF-8 KEYWORD "
		"$Junk",
		"B02 UID SORT RETURN (COUNT UPDATE) (SUBJECT) UTF-8 KEYWORD "
		"$Junk"},
	{5267, "B04 CANCELUPDATE \"B01\"", NULL},
	{7377, "tag1 UID ESEARCH FROM \"frobozz\" 1:100",
		"tag1 ESEARCH FROM \"frobozz\" 1:100"},
	{7377,
		"tag1 ESEARCH IN (mailboxes \"folder1\" subtree \"folder2\") "
		"unseen",
		"tag1 ESEARCH IN (MAILBOXES (folder1) SUBTREE (folder2)) "
		"UNSEEN"},
	{7377,
		"tag2 ESEARCH IN (mailboxes \"folder1\" subtree-one "
		"\"folder2\") subject \"chad\"",
		"tag2 ESEARCH IN (MAILBOXES (folder1) SUBTREE-ONE (folder2)) "
		"SUBJECT \"chad\""},
	{9394, "10 UID FETCH 25900:26600 (UID FLAGS) (PARTIAL -1:-3)",
		"10 UID FETCH 25900:26600 (FLAGS UID) (PARTIAL -1:-3)"},
	{9394,
		"101 UID FETCH 25900:26600 (UID FLAGS) (PARTIAL -1:-30 "
		"CHANGEDSINCE 98305)",
		"101 UID FETCH 25900:26600 (FLAGS UID) (PARTIAL -1:-30 "
		"CHANGEDSINCE 98305)"},
	{8508, "A003 REPLACE 4 Drafts (\\Seen \\Draft) {312}", NULL},
	{8508, "A004 UID REPLACE 2000 Drafts (\\Seen \\Draft) {350}", NULL},
	{5464, "a GETMETADATA \"\" /shared/comment",
		"a GETMETADATA \"\" (/shared/comment)"},
	{5464, "a GETMETADATA \"INBOX\" (/shared/comment /private/comment)",
		"a GETMETADATA INBOX (/shared/comment /private/comment)"},
	{5464,
		"a GETMETADATA \"INBOX\" (MAXSIZE 1024) (/shared/comment "
		"/private/comment)",
		"a GETMETADATA (DEPTH 0 MAXSIZE 1024) INBOX (/shared/comment "
		"/private/comment)"},
	{5464, "a GETMETADATA \"INBOX\" (DEPTH 1) (/private/filters/values)",
		"a GETMETADATA (DEPTH 1) INBOX (/private/filters/values)"},
	{5464, "a SETMETADATA INBOX (/private/comment {3}\r\na\r\n)",
		"a SETMETADATA INBOX (/private/comment {3}\r\na\r\n)"},
	{5464, "a SETMETADATA INBOX (/private/comment NIL)", NULL},
	{5464,
		"a SETMETADATA INBOX (/private/comment \"My new comment\" "
		"/shared/comment \"This one is for you!\")",
		NULL},
	{5464, "a GETMETADATA \"INBOX\" /private/comment /shared/comment",
		"a GETMETADATA INBOX (/private/comment /shared/comment)"},
	{9590,
		"A01 LIST \"\" % RETURN (METADATA "
		"(\"/shared/vendor/cmu/cyrus-imapd/color\"))",
		"A01 LIST \"\" (\"%\") RETURN (METADATA "
		"(/shared/vendor/cmu/cyrus-imapd/color))"},
	{9738, "12 UID SEARCH UIDAFTER 25000 UNDELETED", NULL},
	{9586, "01 ENABLE UIDONLY", NULL},
	{9586, "07 FETCH 10000:14589 (UID FLAGS)",
		"07 FETCH 10000:14589 (FLAGS UID)"},
	{9586, "15 UID move 597 \"Archives/2023/2023-05\"",
		"15 UID MOVE 597 Archives/2023/2023-05"},
};

static void print(const char *text, struct buf *out)
{
	struct arena arena;
	struct imap_command cmd;

	arena_init(&arena, 65536);
	assert_ok(imap_parse(&arena, str_c(text), false, &cmd));
	imap_print_command(out, &cmd, false);
	arena_fini(&arena);
}

static void test_examples(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *printed =
			rows[i].printed ? rows[i].printed : rows[i].text;
		struct buf out = BUF_UNBOUNDED;

		print(rows[i].text, &out);
		assert_str(buf_str(&out), printed);
		buf_reset(&out);
		print(printed, &out);
		assert_str(buf_str(&out), printed);
		buf_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
