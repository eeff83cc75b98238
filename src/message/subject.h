/* SPDX-License-Identifier: Apache-2.0 */
/* subject: the base subject by which SORT and THREAD compare, exactly as RFC
 * 5256 section 2.1 finds it. */
#ifndef MESSAGE_SUBJECT_H
#define MESSAGE_SUBJECT_H

#include "base/arena.h"

/* From a subject that is decoded to UTF-8 and unfolded. *reply_r: what was
 * removed says that the message is a reply or forward (section 3, THREAD). */
str subject_base(struct arena *, str decoded, bool *reply_r);

#endif
