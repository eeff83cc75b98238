/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbox_status: an mbox file has no place for flags but the message's own
 * header, where each program writes fields of its own:
 *
 *	Status: RO			R seen, D deleted (UW, Dovecot, mutt)
 *	X-Status: AFDT			answered, flagged, deleted, draft
 *	X-Keywords: $Forwarded work	keywords
 *	X-Mozilla-Status: 0011		bits, in hexadecimal (Thunderbird)
 *	X-Mozilla-Status2: 00800000
 *	X-Mozilla-Keys: $label1		keywords
 */
#ifndef MESSAGE_MBOX_STATUS_H
#define MESSAGE_MBOX_STATUS_H

#include "message/flags.h"

struct mbox_status {
	bool known; /* there was one of these fields */
	struct flag_list flags;
	/* Deleted, but the file was not compacted yet: nobody sees it. */
	bool is_expunged;
	/* UW's first message, "FOLDER INTERNAL DATA", which is no mail. */
	bool is_folder_data;
};

/* head: the message's bytes up to the end of its header, or more. Keywords
 * that cannot be one in IMAP, and those over the limit, are left out; the
 * others are copied to the arena. */
void mbox_status_parse(struct arena *, str head, struct mbox_status *status_r);

#endif
