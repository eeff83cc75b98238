/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"
#include "base/alloc.h"

#include <stdlib.h>
#include <sys/random.h>

struct secret secret_of(str s)
{
	return (struct secret){xstrndup(s.p ? s.p : "", s.n), s.n};
}

void secret_fini(struct secret *s)
{
	if (s->p)
		secret_wipe(s->p, s->n);
	free(s->p);
	*s = (struct secret){0};
}

bool secret_eq(str a, str b)
{
	unsigned char differ = a.n != b.n;

	/* Over a's length whatever b's is: the time tells nothing of b. */
	for (size_t i = 0; i < a.n; i++)
		differ |= (unsigned char)(a.p[i] ^ (b.n ? b.p[i % b.n] : 0));
	return !differ;
}

void secret_wipe(void *p, size_t n)
{
	if (n) /* p may be NULL then */
		explicit_bzero(p, n);
}

void secret_random(void *p, size_t n)
{
	char *at = p;

	while (n) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0)
			abort();
		at += got;
		n -= (size_t)got;
	}
}
