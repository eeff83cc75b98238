/* SPDX-License-Identifier: Apache-2.0 */
/* PROXY headers: whatever comes, no byte beyond what was asked for is needed,
 * and more bytes behind the header change nothing. */
#include "net/proxy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str input = str_of((const char *)data, size);
	struct proxy_header whole, piece;
	const char *why;
	size_t n = 0, asked = 0;
	enum err err = proxy_parse(input, &whole, &n, &why), again = ERR_AGAIN;

	if (n > PROXY_MAX && err != ERR_TOOBIG)
		abort();
	for (size_t have = 0; again == ERR_AGAIN;) {
		again = proxy_parse(
			str_take(input, have), &piece, &asked, &why);
		if (again == ERR_AGAIN && asked <= have)
			abort();
		if (have == size)
			break;
		have = asked < size ? asked : size;
	}
	if (err != again || (!err && (whole.told != piece.told || asked != n)))
		abort();
	return 0;
}
