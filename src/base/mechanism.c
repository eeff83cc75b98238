/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mechanism.h"
#include "base/alloc.h"

const struct mechanism_row mechanisms[MECHANISM_COUNT] = {
#define X(symbol, name, flags) {name, MECHANISM_##symbol, flags},
	MECHANISM_TABLE(X)
#undef X
};

const struct mechanism_row *mechanism_find(str name)
{
	for (size_t i = 0; i < COUNT_OF(mechanisms); i++)
		if (str_ieq_c(name, mechanisms[i].name))
			return &mechanisms[i];
	return NULL;
}

unsigned mechanisms_usable(const struct mechanism_view *view)
{
	unsigned usable = 0;

	for (size_t i = 0; i < COUNT_OF(mechanisms); i++) {
		unsigned flags = mechanisms[i].flags;

		if (flags & MECHANISM_COMMAND ||
			(flags & MECHANISM_BINDS && !view->tls) ||
			(flags & MECHANISM_CERTIFICATE &&
				!view->has_certificate) ||
			(flags & MECHANISM_SHOWS_SECRET && !view->tls &&
				!view->plaintext))
			continue;
		usable |= mechanisms[i].bit;
	}
	return usable & view->offered;
}
