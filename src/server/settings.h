/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings: the one table of everything that can be configured. A row makes
 * the field of struct config, the parser and checker of the value, what is
 * sent to the roles, what a reload compares, the entry in culver.conf(5) and
 * the line in the example file. To add a setting, add a row.
 *
 * Every value has one text form, used for defaults, messages and between
 * processes: "true", "20000", "64mb", "30min", a word, a path, addresses or
 * words separated by spaces.
 *
 *	S(field, name, kind, default, allowed, reload, example, help)
 *
 * field	in struct config
 * name		full dotted name in the file
 * kind		see enum setting_kind
 * default	as text; relative paths are against the current directory
 * allowed	numbers: "least..most"; words: "one|other", in the order of the
 *		enum, also for lists of them; paths: words that are not taken
 *		as a path; text: "" or "nonempty"
 * reload	1: SIGHUP applies it; 0: needs a restart
 * example	value in the example file; "" shows the default, commented out
 * help		one line, without a full stop
 */
#ifndef SERVER_SETTINGS_H
#define SERVER_SETTINGS_H

#include "base/buf.h"
#include "base/log.h"
#include "base/mechanism.h"
#include "base/str.h"
#include "net/networks.h"

#include <sys/socket.h>

/* clang-format off */
#define SETTINGS_TABLE(S)                                                      \
S(state, "state", PATH, "/var/lib/culver", "", 0, "/var/lib/culver",           \
  "directory of the mail store, the accounts and the control socket")          \
                                                                               \
S(listen_imap, "listen.imap", ADDRESSES, "", "", 0, "0.0.0.0:143 [::]:143",    \
  "addresses for IMAP, where clients begin TLS with STARTTLS")                 \
S(listen_imaps, "listen.imaps", ADDRESSES, "", "", 0, "0.0.0.0:993 [::]:993",  \
  "addresses for IMAP inside TLS")                                             \
S(listen_lmtp, "listen.lmtp", ADDRESSES, "", "", 0, "",                        \
  "addresses for LMTP, by which a mail transport delivers")                    \
S(listen_pop3, "listen.pop3", ADDRESSES, "", "", 0, "0.0.0.0:110 [::]:110",    \
  "addresses for POP3, where clients begin TLS with STLS")                     \
S(listen_pop3s, "listen.pop3s", ADDRESSES, "", "", 0, "0.0.0.0:995 [::]:995",  \
  "addresses for POP3 inside TLS")                                             \
S(listen_socket_mode, "listen.socket_mode", ENUM, "0660", "0600|0660|0666", 0, \
  "", "permissions of Unix sockets that are listened on")                      \
S(listen_socket_group, "listen.socket_group", TEXT, "", "", 0, "",             \
  "group (name or number) of Unix sockets; empty: as who starts the server")   \
                                                                               \
S(tls_certificate, "tls.certificate", PATH, "", "", 1,                         \
  "/etc/culver/cert.pem",                                                      \
  "certificate chain in PEM, the server's own certificate first")              \
S(tls_key, "tls.key", PATH, "", "", 1, "/etc/culver/key.pem",                  \
  "private key in PEM, without a passphrase")                                  \
S(tls_minimum, "tls.minimum", ENUM, "1.2", "1.2|1.3", 1, "",                   \
  "oldest TLS version that is accepted")                                       \
S(tls_ciphers, "tls.ciphers", TEXT, "", "", 1, "",                             \
  "cipher list for TLS 1.2 as in openssl-ciphers(1); empty: OpenSSL's own")    \
                                                                               \
S(tls_client_ca, "tls.client_ca", PATH, "", "", 1, "",                         \
  "authorities in PEM whose client certificates identify people; empty: none") \
S(tls_client_identity, "tls.client_identity", ENUM, "email", "email|cn|dns",   \
  1, "", "what of a client certificate is the account's name")                 \
                                                                               \
S(proxy_networks, "proxy.networks", NETWORKS, "", "", 1, "",                   \
  "proxies, whose connections begin with a PROXY header, version 2")           \
                                                                               \
S(login_plaintext_without_tls, "login.plaintext_without_tls", BOOL, "false",   \
  "", 1, "",                                                                   \
  "accept passwords over connections that are not encrypted")                  \
S(login_mechanisms, "login.mechanisms", WORDS, "auto", LOGIN_MECHANISMS, 1,    \
  "",                                                                          \
  "SASL mechanisms that are offered; auto: those that work for everybody "      \
  "here, which POP3's APOP is not")\
S(login_anonymous, "login.anonymous", TEXT, "", "", 1, "",                     \
  "account that guests may read, by ANONYMOUS; empty: none")                   \
S(login_cache, "login.cache", TIME, "5min", "0ms..1d", 1, "",                  \
  "time in which a password that was right is neither hashed again nor asked " \
  "of its source; 0: none")                                                    \
S(login_rehash, "login.rehash", BOOL, "true", "", 1, "",                       \
  "replace weak hashes when their owners log in with the password")            \
S(login_scram, "login.scram", BOOL, "true", "", 1, "",                         \
  "keep keys for SCRAM beside the hashes of passwords")                        \
S(login_scram_iterations, "login.scram_iterations", INT, "65536",              \
  "4096..1000000", 1, "",                                                      \
  "work that clients do at a login with SCRAM, and who tries stolen keys")     \
S(login_master_users, "login.master_users", BOOL, "false", "", 1, "",          \
  "accounts with the master flag may log in as others (USER*MASTER)")          \
S(login_master_separator, "login.master_separator", TEXT, "*", "nonempty", 1,  \
  "", "what stands between the user's name and the master's")                  \
                                                                               \
S(log_level, "log.level", LEVEL, "info", LEVELS, 1, "",                        \
  "least important lines that are logged")                                     \
S(log_format, "log.format", ENUM, "logfmt", "logfmt|json", 1, "",              \
  "form of a log line")                                                        \
S(log_destination, "log.destination", PATH, "stderr", "stderr", 1, "",         \
  "\"stderr\", or a file that lines are appended to")                          \
S(log_imap, "log.imap", TOPIC, "default", TOPIC_LEVELS, 1, "",                 \
  "level of IMAP sessions; default: as log.level")                             \
S(log_lmtp, "log.lmtp", TOPIC, "default", TOPIC_LEVELS, 1, "",                 \
  "level of LMTP sessions; default: as log.level")                             \
S(log_pop3, "log.pop3", TOPIC, "default", TOPIC_LEVELS, 1, "",                 \
  "level of POP3 sessions; default: as log.level")                             \
S(log_auth, "log.auth", TOPIC, "default", TOPIC_LEVELS, 1, "",                 \
  "level of logins and credentials; default: as log.level")                    \
S(log_store, "log.store", TOPIC, "default", TOPIC_LEVELS, 1, "",               \
  "level of the mail store; default: as log.level")                            \
S(log_net, "log.net", TOPIC, "default", TOPIC_LEVELS, 1, "",                   \
  "level of connections; default: as log.level")                               \
S(log_tls, "log.tls", TOPIC, "default", TOPIC_LEVELS, 1, "",                   \
  "level of TLS; default: as log.level")                                       \
S(log_server, "log.server", TOPIC, "default", TOPIC_LEVELS, 1, "",             \
  "level of processes and configuration; default: as log.level")               \
S(log_control, "log.control", TOPIC, "default", TOPIC_LEVELS, 1, "",           \
  "level of the control socket; default: as log.level")                        \
                                                                               \
S(limits_connections, "limits.connections", INT, "20000", "1..1000000", 1, "", \
  "connections at a time, all protocols together")                             \
S(limits_connections_per_address, "limits.connections_per_address", INT,       \
  "100", "1..1000000", 1, "",                                                  \
  "connections at a time from one address (IPv6: one /64), LMTP aside")        \
S(limits_connections_per_account, "limits.connections_per_account", INT,       \
  "100", "1..1000000", 1, "",                                                  \
  "sessions at a time of one account")                                         \
S(limits_literal, "limits.literal", SIZE, "64mb", "64kb..2gb", 1, "",          \
  "largest message that is accepted")                                          \
S(limits_line, "limits.line", SIZE, "64kb", "8kb..16mb", 1, "",                \
  "longest command line of a session")                                         \
S(limits_command_memory, "limits.command_memory", SIZE, "4mb", "256kb..1gb",   \
  1, "",                                                                       \
  "memory that the words of one command may take")                             \
S(limits_mailboxes_per_account, "limits.mailboxes_per_account", INT, "10000",  \
  "16..1000000", 1, "",                                                        \
  "mailboxes that one account may have")                                       \
S(limits_save, "limits.save", INT, "4096", "1000..65536", 1, "",               \
  "messages that a client may append or copy in one command, as announced "    \
  "(RFC 9738)")                                                                \
S(limits_copy, "limits.copy", INT, "100000", "1000..10000000", 1, "",          \
  "messages that one COPY may have, of clients that do not look at "           \
  "limits.save; the greater of both counts")                                   \
S(limits_annotation, "limits.annotation", SIZE, "16kb", "1kb..64kb", 1, "",    \
  "largest annotation of a mailbox (RFC 5464)")                                \
S(limits_annotations, "limits.annotations", INT, "100", "10..1000", 1, "",     \
  "annotations that one mailbox may have, or an account as a whole")           \
S(limits_recipients, "limits.recipients", INT, "100", "100..10000", 1, "",     \
  "recipients of one delivery (RFC 5321: 100 or more)")                        \
S(limits_login_failures, "limits.login_failures", INT, "5", "1..100", 1, "",   \
  "failed logins after which a connection is closed")                          \
S(limits_handshake_time, "limits.handshake_time", TIME, "30s", "1s..10min", 1, \
  "",                                                                          \
  "time for a TLS handshake")                                                  \
S(limits_login_time, "limits.login_time", TIME, "2min", "5s..30min", 1, "",    \
  "time from connecting to a successful login")                                \
S(limits_autologout, "limits.autologout", TIME, "30min", "30min..7d", 1, "",   \
  "silence after which a session is ended (RFC 9051: 30 minutes or more)")     \
S(limits_stall_time, "limits.stall_time", TIME, "5min", "10s..1d", 1, "",      \
  "time in which a client that is being answered must take some bytes")        \
                                                                               \
S(imap_literal_minus, "imap.literal_minus", BOOL, "false", "", 1, "",          \
  "announce LITERAL- (RFC 7888) in place of LITERAL+")                         \
S(imap_id_name, "imap.id_name", TEXT, "Culver", "", 1, "",                     \
  "name that the ID command tells (RFC 2971); empty: none")                    \
S(imap_progress, "imap.progress", TIME, "12s", "1s..5min", 1, "",              \
  "how often a client that waits for a long command is told how far it is "    \
  "(RFC 9585)")                                                                \
S(imap_messagelimit, "imap.messagelimit", INT, "0", "0..1000000000", 1, "",    \
  "messages that one command may process, the last of more (MESSAGELIMIT, "    \
  "RFC 9738: 1000 or more; clients that do not know it miss mail); 0: any")    \
S(imap_append_8bit, "imap.append_8bit", ENUM, "accept", "accept|refuse", 1,     \
  "", "messages with 8-bit header fields, from clients that have enabled "      \
  "neither UTF8=ACCEPT nor IMAP4rev2 (RFC 6855: refuse)")                      \
S(imap_unauthenticate, "imap.unauthenticate", BOOL, "true", "", 1, "",         \
  "let clients log in as another account on the same connection (RFC 8437)")   \
S(imap_id_version, "imap.id_version", BOOL, "false", "", 1, "",                \
  "tell the version in the answer to ID too")                                  \
                                                                               \
S(server_comment, "server.comment", TEXT, "", "", 1, "",                       \
  "what all users may read of this server as its /shared/comment (RFC 5464)")  \
S(server_admin, "server.admin", TEXT, "", "", 1, "",                           \
  "URI by which its administrator is reached, /shared/admin (RFC 5464): "      \
  "\"mailto:postmaster@example.org\"")                                         \
                                                                               \
S(lmtp_hostname, "lmtp.hostname", TEXT, "", "", 1, "",                         \
  "name in the greeting and in Received fields; empty: the machine's")         \
S(lmtp_networks, "lmtp.networks", NETWORKS, "127.0.0.0/8 ::1 unix", "", 1, "", \
  "who may deliver: networks, and \"unix\" for Unix sockets")                  \
S(lmtp_xclient, "lmtp.xclient", NETWORKS, "", "", 1, "",                       \
  "who may tell by XCLIENT where a message came from")                         \
S(lmtp_quota_full, "lmtp.quota_full", ENUM, "452", "452|552", 1, "",           \
  "answer for accounts over quota; 452: the sender tries again, 552: never")   \
S(lmtp_duplicates, "lmtp.duplicates", TIME, "0ms", "0ms..365d", 1, "",         \
  "a Message-ID that comes again within so long is not stored twice; 0: is")  \
                                                                               \
S(pop3_uidl, "pop3.uidl", TEXT, "%08Xu%08Xv", "nonempty", 1, "",               \
  "form of unique-ids: %u UID, %v UIDVALIDITY, %08Xu in hexadecimal")          \
S(pop3_leave, "pop3.leave", ENUM, "expunge", "expunge|trash", 1, "",           \
  "what becomes of messages that POP3 deletes; trash: moved to \\Trash")       \
                                                                               \
S(store_engine, "store.engine", ENUM, "rocksdb", "rocksdb|memory", 0, "",      \
  "where mail is kept; memory: nowhere, for tests")                            \
S(store_cache, "store.cache", SIZE, "128mb", "8mb..1tb", 1, "",                \
  "memory for what was read from the store")                                   \
S(store_answers, "store.answers", SIZE, "16mb", "0b..1tb", 1, "",              \
  "memory for answers to FETCH, SORT and THREAD, for who asks again; 0: none") \
S(store_compression, "store.compression", ENUM, "lz4", "none|lz4", 1, "",      \
  "how messages that come are compressed in the store, but for their headers") \
                                                                               \
S(store_history, "store.history", TIME, "180d", "0ms..36500d", 1, "",          \
  "how long it is known exactly which messages were expunged, for clients "    \
  "that come back (RFC 7162)")                                                 \
S(store_history_entries, "store.history_entries", INT, "1000000",              \
  "0..1000000000", 1, "",                                                      \
  "expunges of each mailbox, the last so many, that are known exactly however " \
  "old they are")                                                              \
                                                                               \
S(users_front, "users.front", TEXT, "culver-front", "nonempty", 0, "",         \
  "user (name or number) of the front role, when started as root")             \
S(users_auth, "users.auth", TEXT, "culver-auth", "nonempty", 0, "",            \
  "user of the auth role, when started as root")                               \
S(users_mail, "users.mail", TEXT, "culver-mail", "nonempty", 0, "",            \
  "user of the mail role, who owns the store, when started as root")           \
S(users_lookup, "users.lookup", TEXT, "culver-lookup", "nonempty", 0, "",      \
  "user of the lookup role, when started as root; keeps its groups")           \
                                                                               \
S(workers_fronts, "workers.fronts", INT, "2", "1..64", 0, "",                  \
  "front processes")                                                           \
S(workers_mail_threads, "workers.mail_threads", INT, "8", "1..256", 0, "",     \
  "threads of the mail role that execute commands")                            \
S(workers_auth_threads, "workers.auth_threads", INT, "2", "1..64", 0, "",      \
  "threads of the auth role that check passwords")                             \
S(workers_lookup_threads, "workers.lookup_threads", INT, "16", "1..256", 0,    \
  "",                                                                          \
  "questions to outside account sources at a time, each with a connection")    \
                                                                               \
S(accounts_sources, "accounts.sources", WORDS, "builtin", ACCOUNT_SOURCES, 0,  \
  "",                                                                          \
  "where accounts are looked up, in this order")                               \
S(accounts_timeout, "accounts.timeout", TIME, "5s", "1s..30s", 1, "",          \
  "time that each step of asking an outside source may take")                  \
S(accounts_domains, "accounts.domains", TEXT, "*", "nonempty", 1,              \
  "",                                                                          \
  "mail domains whose local parts are account names; *: every domain")         \
S(accounts_postmaster, "accounts.postmaster", TEXT, "", "", 1, "",             \
  "account that gets mail for postmaster, of any domain")                      \
S(accounts_separators, "accounts.separators", TEXT, "+", "", 1, "",            \
  "characters that begin the detail in user+detail; empty: none")              \
                                                                               \
S(passwd_file, "passwd.file", PATH, "", "", 0, "",                             \
  "password file with lines user:hash, in Dovecot's form; read again when "    \
  "it changes")                                                                \
                                                                               \
S(pam_service, "pam.service", TEXT, "culver", "nonempty", 1, "",               \
  "PAM service that logins are verified with")                                 \
S(pam_directory, "pam.directory", PATH, "", "", 0, "",                         \
  "directory of the service's file; empty: the system's, /etc/pam.d")          \
S(pam_first_uid, "pam.first_uid", INT, "1000", "0..4294967294", 1, "",         \
  "users of the system below this one have no mail here and cannot log in")    \
S(pam_last_uid, "pam.last_uid", INT, "60000", "0..4294967294", 1, "",          \
  "users of the system above this one neither")                                \
                                                                               \
S(sql_connection, "sql.connection", SECRET, "", "", 1, "",                     \
  "PostgreSQL database of accounts, as libpq's connection string")             \
S(sql_user_query, "sql.user_query", TEXT, "", "", 1, "",                       \
  "statement that finds an account by $1 (its name), $2 (the part before "     \
  "@) and $3 (the domain)")                                                    \
                                                                               \
S(ldap_uri, "ldap.uri", TEXT, "", "", 1, "",                                   \
  "servers of the directory of accounts, as ldaps://, ldap:// or ldapi:// "    \
  "addresses separated by spaces")                                             \
S(ldap_starttls, "ldap.starttls", BOOL, "false", "", 1, "",                    \
  "begin TLS on ldap:// connections")                                          \
S(ldap_ca, "ldap.ca", PATH, "", "", 0, "",                                     \
  "certificates in PEM that the servers' are checked with; empty: the "        \
  "system's")                                                                  \
S(ldap_bind_dn, "ldap.bind_dn", TEXT, "", "", 1, "",                           \
  "entry to search as; empty: anonymously")                                    \
S(ldap_bind_password, "ldap.bind_password", SECRET, "", "", 1, "",             \
  "password of ldap.bind_dn")                                                  \
S(ldap_base, "ldap.base", TEXT, "", "", 1, "",                                 \
  "entry beneath which accounts are searched")                                 \
S(ldap_scope, "ldap.scope", ENUM, "subtree", "subtree|onelevel|base", 1, "",   \
  "how far beneath ldap.base")                                                 \
S(ldap_filter, "ldap.filter", TEXT, "(uid=%n)", "", 1, "",                     \
  "filter that finds an account by %u (its name), %n (the part before @) "     \
  "and %d (the domain)")                                                       \
S(ldap_method, "ldap.method", ENUM, "bind", "bind|compare|hash", 1, "",        \
  "how a password is verified: bind as the entry, compare it with "            \
  "ldap.attribute_hash, or read the hash there and verify it here")            \
S(ldap_attribute_name, "ldap.attribute_name", TEXT, "uid", "", 1, "",          \
  "attribute with the account's name; empty: the name that was asked for")     \
S(ldap_attribute_hash, "ldap.attribute_hash", TEXT, "userPassword", "", 1, "", \
  "attribute with the password or its hash, for ldap.method \"compare\" "      \
  "and \"hash\"")                                                              \
S(ldap_attribute_quota, "ldap.attribute_quota", TEXT, "", "", 1, "",           \
  "attribute with the quota, in bytes or with a unit (\"5G\")")                \
S(ldap_attribute_disabled, "ldap.attribute_disabled", TEXT, "", "", 1, "",     \
  "attribute that is TRUE when the account is disabled")                       \
S(ldap_attribute_services, "ldap.attribute_services", TEXT, "", "", 1, "",     \
  "attribute with the protocols that may be used (\"imap\"); without it all")  \
                                                                               \
S(oauth_jwks_file, "oauth.jwks_file", PATH, "", "", 0, "",                     \
  "public keys of the issuer of tokens, a JWK Set; read again when it "        \
  "changes")                                                                   \
S(oauth_jwks_url, "oauth.jwks_url", TEXT, "", "", 1, "",                       \
  "where these keys are fetched from, hourly")                                 \
S(oauth_introspection_url, "oauth.introspection_url", TEXT, "", "", 1, "",     \
  "where the issuer is asked about each token, in place of keys")              \
S(oauth_client_id, "oauth.client_id", TEXT, "", "", 1, "",                     \
  "name that this server asks under")                                          \
S(oauth_client_secret, "oauth.client_secret", SECRET, "", "", 1, "",           \
  "password of oauth.client_id")                                               \
S(oauth_ca, "oauth.ca", PATH, "", "", 0, "",                                   \
  "certificates in PEM that the issuer's is checked with; empty: the "         \
  "system's")                                                                  \
S(oauth_issuer, "oauth.issuer", TEXT, "", "", 1, "",                           \
  "who must have made a token (its \"iss\"); empty: not checked")              \
S(oauth_audience, "oauth.audience", TEXT, "", "", 1, "",                       \
  "whom a token must be for (its \"aud\"); empty: not checked, for "           \
  "introspection alone")                                                       \
S(oauth_scope, "oauth.scope", TEXT, "", "", 1, "",                             \
  "word that a token's scope must have; empty: any")                           \
S(oauth_claim, "oauth.claim", TEXT, "email", "nonempty", 1, "",                \
  "claim of a token with the account's name")
/* clang-format on */

#define ACCOUNT_SOURCES "builtin|passwd|pam|ldap|sql|oauth"
/* "auto", then the mechanisms in the order of enum mechanism_number. */
#define LOGIN_MECHANISM_WORD(symbol, name, flags) "|" name
#define LOGIN_MECHANISMS "auto" MECHANISM_TABLE(LOGIN_MECHANISM_WORD)
#define LEVELS "error|warn|info|debug"
#define TOPIC_LEVELS LEVELS "|default"

enum setting_kind {
	SETTING_BOOL,	   /* bool */
	SETTING_INT,	   /* uint64_t */
	SETTING_SIZE,	   /* uint64_t, bytes: "64mb"; b kb mb gb tb */
	SETTING_TIME,	   /* uint64_t, milliseconds: "30min"; ms s min h d */
	SETTING_TEXT,	   /* char *, owned, never NULL */
	SETTING_PATH,	   /* char *, absolute once loaded, or "" */
	SETTING_ADDRESSES, /* struct addresses: "127.0.0.1:24 /run/socket" */
	SETTING_NETWORKS,  /* struct networks: "10.0.0.0/8 ::1 unix" */
	SETTING_ENUM,	   /* unsigned: the index of the word */
	SETTING_LEVEL,	   /* unsigned: enum log_level */
	SETTING_TOPIC,	   /* unsigned: enum log_level, or LOG_TOPIC_DEFAULT */
	SETTING_WORDS,	   /* struct words: in the order given, none twice */
	/* char *, owned, never NULL. Only lookup gets it; nothing shows it. */
	SETTING_SECRET,
};

/* The words of ENUM rows, in the order of their rows. */
enum { SOCKET_MODE_0600, SOCKET_MODE_0660, SOCKET_MODE_0666 };
enum { TLS_MINIMUM_1_2, TLS_MINIMUM_1_3 };
enum { LMTP_QUOTA_FULL_452, LMTP_QUOTA_FULL_552 };
/* tls.client_identity is an enum tls_identity. */
enum { STORE_ENGINE_ROCKSDB, STORE_ENGINE_MEMORY };
enum { STORE_COMPRESSION_NONE, STORE_COMPRESSION_LZ4 };
enum { LDAP_SETTING_SUBTREE, LDAP_SETTING_ONELEVEL, LDAP_SETTING_BASE };
enum { LDAP_SETTING_BIND, LDAP_SETTING_COMPARE, LDAP_SETTING_HASH };
/* Outside sources: see lookup/lookup.h. */
enum {
	ACCOUNT_SOURCE_BUILTIN,
	ACCOUNT_SOURCE_PASSWD,
	ACCOUNT_SOURCE_PAM,
	ACCOUNT_SOURCE_LDAP,
	ACCOUNT_SOURCE_SQL,
	ACCOUNT_SOURCE_OAUTH,
};
enum { IMAP_APPEND_8BIT_ACCEPT, IMAP_APPEND_8BIT_REFUSE };
enum { POP3_LEAVE_EXPUNGE, POP3_LEAVE_TRASH };
/* log.format is an enum log_format. */
#define LOG_TOPIC_DEFAULT (LOG_DEBUG + 1u)

/* Where to listen. */
struct listen_address {
	struct sockaddr_storage sock;
	socklen_t size;
	char text[112]; /* "127.0.0.1:1143", "[::1]:1143", "/run/socket" */
};

struct addresses {
	struct listen_address *list; /* owned */
	size_t count;
};

/* Indexes of words of the row, in the order in which they were given. */
#define SETTING_WORDS_MAX 16
struct words {
	unsigned char list[SETTING_WORDS_MAX];
	size_t count;
};

#define SETTING_TYPE_BOOL bool
#define SETTING_TYPE_INT uint64_t
#define SETTING_TYPE_SIZE uint64_t
#define SETTING_TYPE_TIME uint64_t
#define SETTING_TYPE_TEXT char *
#define SETTING_TYPE_PATH char *
#define SETTING_TYPE_ADDRESSES struct addresses
#define SETTING_TYPE_NETWORKS struct networks
#define SETTING_TYPE_ENUM unsigned
#define SETTING_TYPE_LEVEL unsigned
#define SETTING_TYPE_TOPIC unsigned
#define SETTING_TYPE_WORDS struct words
#define SETTING_TYPE_SECRET char *

/* config->limits_connections and so on. */
struct config {
#define S(field, name, kind, def, allowed, reload, example, help)              \
	SETTING_TYPE_##kind field;
	SETTINGS_TABLE(S)
#undef S
};

struct setting {
	const char *name;
	enum setting_kind kind;
	const char *def;
	const char *allowed;
	bool reload;
	const char *example;
	const char *help;
	size_t offset; /* of the field in struct config */
};

extern const struct setting settings[];
extern const size_t settings_count;

/* NULL when there is none of that name. */
const struct setting *setting_find(str name);
/* The closest name by edit distance, for "did you mean"; NULL when none is
 * near. Also finds the right name in the wrong group. */
const struct setting *setting_suggest(str name);
/* Edit distance, where a wrong group costs one. */
size_t setting_name_distance(str wrong, str right);

/* Reads the text form into *config, where the old value is freed. On
 * ERR_INVALID or ERR_LIMIT nothing changes and `why` (may be NULL) says what is
 * wrong and what to write instead. Paths are taken as they are. */
MUST enum err setting_parse(const struct setting *, str text,
	struct config *config, struct buf *why);
/* Appends the text form; "(secret)" in place of a secret that is not empty. */
void setting_print(const struct setting *, const struct config *, struct buf *);
/* Appends what setting_parse reads, secrets too: not for people. */
void setting_write(const struct setting *, const struct config *, struct buf *);
/* Given in the file as a list, in brackets. */
bool setting_is_list(const struct setting *);
/* Frees what the field holds (and wipes secrets). */
void setting_clear(const struct setting *, struct config *);
/* Whether the list has the word with that index. */
bool words_have(const struct words *, unsigned word);

/* "127.0.0.1:1143", "[::1]:1143"; port 0 lets the kernel choose. An absolute
 * path, also with "unix:" before it, is that of a Unix socket. */
MUST enum err listen_address_parse(str text, struct listen_address *address_r);
/* Both cannot be bound at a time: the same, or one is the wildcard of the
 * other. Port 0 meets nothing. */
bool listen_address_overlaps(
	const struct listen_address *, const struct listen_address *);

/* The body of culver.conf(5)'s SETTINGS section, in man(7) macros. */
void settings_print_man(struct buf *);
/* A file that can be used after adapting it. */
void settings_print_example(struct buf *);

#endif
