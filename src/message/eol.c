/* SPDX-License-Identifier: Apache-2.0 */
#include "message/eol.h"

void eol_add(struct eol *eol, struct buf *out, str bytes)
{
	while (bytes.n) {
		size_t n = str_find_byte(bytes, '\n');
		bool has_cr = n ? bytes.p[n - 1] == '\r' : eol->after_cr;

		buf_add(out, str_take(bytes, n));
		eol->after_cr = has_cr && n == bytes.n;
		if (n < bytes.n) {
			buf_add(out, has_cr ? STR("\n") : STR("\r\n"));
			n++;
		}
		bytes = str_skip(bytes, n);
	}
}
