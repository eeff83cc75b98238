/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sources: makes the sources that lookup.h describes. The settings' texts are
 * copied. No function blocks or opens a connection: that comes with the first
 * question, or with prepare.
 */
#ifndef LOOKUP_SOURCES_H
#define LOOKUP_SOURCES_H

#include "lookup/lookup.h"

/* What all have in common. */
struct lookup_limits {
	unsigned connections; /* kept open, at most */
	unsigned timeout_ms;  /* for each step of a question */
};

/* A file; passwd.c */
struct lookup_source *lookup_passwd_new(const char *path);

/* PAM; pam.c */
struct lookup_pam_settings {
	const char *service;
	const char *directory;	      /* of services' files; "": the system's */
	uint64_t first_uid, last_uid; /* users of the system that count */
};
struct lookup_source *lookup_pam_new(const struct lookup_pam_settings *);

/* PostgreSQL; sql.c */
struct lookup_sql_settings {
	struct lookup_limits limits;
	const char *connection; /* libpq's conninfo; a secret */
	const char *user_query; /* checked: template_check_query */
};
struct lookup_source *lookup_sql_new(const struct lookup_sql_settings *);

/* LDAP version 3 (RFC 4511); ldap.c */
enum lookup_ldap_method {
	LDAP_BIND,    /* as the entry that was found, with the password */
	LDAP_COMPARE, /* the password with a value of attribute_hash */
	LDAP_HASH,    /* read attribute_hash; auth verifies it */
};
enum lookup_ldap_scope { LDAP_SUBTREE, LDAP_ONELEVEL, LDAP_ENTRY };

struct lookup_ldap_settings {
	struct lookup_limits limits;
	const char *uri; /* one or more, separated by spaces */
	bool starttls;
	const char *ca;		   /* file of certificates; "": the system's */
	const char *bind_dn;	   /* "": searches are anonymous */
	const char *bind_password; /* a secret */
	const char *base;
	enum lookup_ldap_scope scope;
	const char *filter; /* checked: template_check_filter */
	enum lookup_ldap_method method;
	/* "": none */
	const char *attribute_name, *attribute_hash, *attribute_quota,
		*attribute_disabled, *attribute_services;
};
/* Not before LDAPNOINIT is in the environment: nothing but these settings
 * counts. */
struct lookup_source *lookup_ldap_new(const struct lookup_ldap_settings *);

/* Tokens of OAuth 2.0 (RFC 6750); oauth.c. One of jwks_file, jwks_url and
 * introspection_url is given, the others are "". */
struct lookup_oauth_settings {
	struct lookup_limits limits;
	const char *jwks_file;
	const char *jwks_url;
	const char *introspection_url;
	const char *client_id;
	const char *client_secret; /* a secret */
	const char *ca;		   /* file of certificates; "": the system's */
	/* jwt.h; "": not checked */
	const char *issuer, *audience, *scope;
	const char *claim; /* with the account's name */
};
struct lookup_source *lookup_oauth_new(const struct lookup_oauth_settings *);

#endif
