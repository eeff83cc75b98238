/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/imap/capability.h"
#include "base/alloc.h"

/* When a row is announced: all that it names must be so. */
enum condition {
	BEFORE_LOGIN = 1 << 0,
	AFTER_LOGIN = 1 << 1,
	/* One of the two above is enough. */
	ALWAYS = BEFORE_LOGIN | AFTER_LOGIN,
	CAN_START_TLS = 1 << 2,
	PASSWORD_REFUSED = 1 << 4,
	LITERAL_PLUS = 1 << 5,
	LITERAL_MINUS = 1 << 6,
	MAY_LEAVE = 1 << 7,
};

/* Before login the list is short: it goes to everybody who connects. Clients
 * that never ask again (Python's imaplib) look for ENABLE and IDLE in it. */
static const struct {
	const char *name;
	unsigned when; /* enum condition */
} table[] = {
	{"IMAP4rev2", ALWAYS},		      /* RFC 9051 */
	{"IMAP4rev1", ALWAYS},		      /* RFC 3501 */
	{"LITERAL+", ALWAYS | LITERAL_PLUS},  /* RFC 7888 */
	{"LITERAL-", ALWAYS | LITERAL_MINUS}, /* RFC 7888 */
	{"SASL-IR", ALWAYS},		      /* RFC 4959 */
	{"ID", ALWAYS},			      /* RFC 2971 */
	{"ENABLE", ALWAYS},		      /* RFC 5161 */
	{"IDLE", ALWAYS},		      /* RFC 2177 */
	{"STARTTLS", BEFORE_LOGIN | CAN_START_TLS},
	{"LOGINDISABLED", BEFORE_LOGIN | PASSWORD_REFUSED},
	{"NAMESPACE", AFTER_LOGIN},	   /* RFC 2342 */
	{"CHILDREN", AFTER_LOGIN},	   /* RFC 3348 */
	{"FILTERS", AFTER_LOGIN},	   /* RFC 5466 */
	{"UNSELECT", AFTER_LOGIN},	   /* RFC 3691 */
	{"UIDPLUS", AFTER_LOGIN},	   /* RFC 4315 */
	{"ESEARCH", AFTER_LOGIN},	   /* RFC 4731 */
	{"SEARCHRES", AFTER_LOGIN},	   /* RFC 5182 */
	{"LIST-EXTENDED", AFTER_LOGIN},	   /* RFC 5258 */
	{"LIST-STATUS", AFTER_LOGIN},	   /* RFC 5819 */
	{"STATUS=SIZE", AFTER_LOGIN},	   /* RFC 8438 */
	{"MOVE", AFTER_LOGIN},		   /* RFC 6851 */
	{"BINARY", AFTER_LOGIN},	   /* RFC 3516 */
	{"CONDSTORE", AFTER_LOGIN},	   /* RFC 7162 */
	{"QRESYNC", AFTER_LOGIN},	   /* RFC 7162 */
	{"NOTIFY", AFTER_LOGIN},	   /* RFC 5465 */
	{"MULTIAPPEND", AFTER_LOGIN},	   /* RFC 3502 */
	{"CATENATE", AFTER_LOGIN},	   /* RFC 4469 */
	{"URL-PARTIAL", AFTER_LOGIN},	   /* RFC 5550 */
	{"COMPRESS=DEFLATE", AFTER_LOGIN}, /* RFC 4978 */
	{"OBJECTID", AFTER_LOGIN},	   /* RFC 8474 */
	{"SAVEDATE", AFTER_LOGIN},	   /* RFC 8514 */
	{"WITHIN", AFTER_LOGIN},	   /* RFC 5032 */
	{"PREVIEW", AFTER_LOGIN},	   /* RFC 8970 */
	{"REPLACE", AFTER_LOGIN},	   /* RFC 8508 */
	{"METADATA", AFTER_LOGIN},	   /* RFC 5464 */
	{"LIST-METADATA", AFTER_LOGIN},	   /* RFC 9590 */
	{"INPROGRESS", AFTER_LOGIN},	   /* RFC 9585 */
	{"PARTIAL", AFTER_LOGIN},	   /* RFC 9394 */
	{"UIDONLY", AFTER_LOGIN},	   /* RFC 9586 */
	{"SORT", AFTER_LOGIN},		   /* RFC 5256 */
	{"SORT=DISPLAY", AFTER_LOGIN},	   /* RFC 5957 */
	{"ESORT", AFTER_LOGIN},		   /* RFC 5267 */
	{"UNAUTHENTICATE", AFTER_LOGIN | MAY_LEAVE},
	{"THREAD=ORDEREDSUBJECT", AFTER_LOGIN},
	{"THREAD=REFERENCES", AFTER_LOGIN},  /* RFC 5256 */
	{"CONTEXT=SEARCH", AFTER_LOGIN},     /* RFC 5267 */
	{"CONTEXT=SORT", AFTER_LOGIN},	     /* RFC 5267 */
	{"MULTISEARCH", AFTER_LOGIN},	     /* RFC 7377 */
	{"UTF8=ACCEPT", AFTER_LOGIN},	     /* RFC 6855 */
	{"I18NLEVEL=1", AFTER_LOGIN},	     /* RFC 5255 */
	{"SPECIAL-USE", AFTER_LOGIN},	     /* RFC 6154 */
	{"CREATE-SPECIAL-USE", AFTER_LOGIN}, /* RFC 6154 */
};

static unsigned conditions_of(const struct imap_capability_view *view)
{
	unsigned so = view->authenticated ? AFTER_LOGIN : BEFORE_LOGIN;

	if (view->tls_available && !view->tls)
		so |= CAN_START_TLS;
	if (!imap_capability_password(view))
		so |= PASSWORD_REFUSED;
	if (view->unauthenticate) /* RFC 8437 */
		so |= MAY_LEAVE;
	so |= view->literal_minus ? LITERAL_MINUS : LITERAL_PLUS;
	return so;
}

void imap_put_capabilities(
	struct buf *out, const struct imap_capability_view *view)
{
	unsigned so = conditions_of(view);
	const char *space = "";

	for (size_t i = 0; i < COUNT_OF(table); i++) {
		unsigned when = table[i].when;

		if (!(when & so & ALWAYS) || (when & ~so & ~(unsigned)ALWAYS))
			continue;
		buf_addf(out, "%s%s", space, table[i].name);
		space = " ";
	}
	if (view->append_limit) /* RFC 7889 */
		buf_addf(out, " APPENDLIMIT=%llu",
			(unsigned long long)view->append_limit);
	if (view->message_limit) /* RFC 9738 */
		buf_addf(out, " MESSAGELIMIT=%u", view->message_limit);
	else if (view->save_limit)
		buf_addf(out, " SAVELIMIT=%u", view->save_limit);
	for (size_t i = 0; !view->authenticated && i < MECHANISM_COUNT; i++)
		if (mechanisms[i].bit & view->mechanisms)
			buf_addf(out, "%sAUTH=%s", space, mechanisms[i].name);
}
