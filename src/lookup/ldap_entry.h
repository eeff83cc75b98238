/* SPDX-License-Identifier: Apache-2.0 */
/* ldap_entry: an entry of a directory, which is not trusted, as a person.
 * Pure: ldap.c fills the struct from what libldap gives. */
#ifndef LOOKUP_LDAP_ENTRY_H
#define LOOKUP_LDAP_ENTRY_H

#include "lookup/person.h"

#define LDAP_VALUES_MAX 32

/* Of one attribute; what is beyond the bound is left out. */
struct ldap_values {
	str list[LDAP_VALUES_MAX];
	size_t count;
};

/* Attributes that are not configured have no values. */
struct ldap_entry {
	bool want_name; /* ldap.attribute_name is configured */
	struct ldap_values name;
	struct ldap_values hash;
	struct ldap_values quota;
	struct ldap_values disabled; /* TRUE or FALSE (RFC 4517 3.3.3) */
	struct ldap_values services; /* protocols that may be used, if any */
};

/*
 * Of several names the one that was asked for counts, in any case; without it
 * ERR_INVALID, as without a name that is wanted. The first hash counts.
 * *wrong_r is what makes no sense.
 */
MUST enum err ldap_entry_read(const struct ldap_entry *, str asked,
	struct lookup_person *person_r, const char **wrong_r);

#endif
