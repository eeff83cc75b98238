/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stddef.h>

static const char *const words[] = {
#define X(name, text) [name] = text,
	ERR_TABLE(X)
#undef X
};

const char *err_words(enum err e)
{
	size_t i = (size_t)e;

	return i < sizeof words / sizeof *words ? words[i] : "unknown error";
}

enum err err_from_errno(int number)
{
	switch (number) {
	case 0:
		return OK;
	case EAGAIN:
	case EINTR:
		return ERR_AGAIN;
	case ENOSPC:
	case EDQUOT:
		return ERR_NOSPACE;
	case ENOENT:
	case ENOTDIR:
		return ERR_NOTFOUND;
	case EEXIST:
		return ERR_EXISTS;
	case EACCES:
	case EPERM:
		return ERR_DENIED;
	case EROFS:
		return ERR_READONLY;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return ERR_UNAVAILABLE;
	case EPIPE:
	case ECONNRESET:
	case ECONNABORTED:
	case ETIMEDOUT:
		return ERR_CLOSED;
	case EADDRINUSE:
		return ERR_INUSE;
	case EINVAL:
		return ERR_INVALID;
	default:
		return ERR_IO;
	}
}
