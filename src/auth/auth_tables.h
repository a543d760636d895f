/* The sources in force, as one thing that never changes.
 *
 * What pf_auth_new and each reload open is a generation: all configured
 * sources, the settings they were opened with, a stand-in for users that do
 * not exist, and the stamps of the files it was read from. A check holds the
 * generation it began with, so that a reload in the middle of a hash takes
 * nothing away. Holds are counted on the loop's thread; threads of the pool
 * only read. */
#ifndef POSTFACH_AUTH_AUTH_TABLES_H
#define POSTFACH_AUTH_AUTH_TABLES_H

#include "auth/auth_source.h"

enum {
    PF_AUTH_SOURCES = 1 + PF_CONF_USERDBS, /* the password file, and the blocks userdb */
    PF_AUTH_MASTERS = PF_AUTH_SOURCES,     /* further files that are looked at */
    PF_AUTH_TOKENS,
    PF_AUTH_FILES
};

enum { PF_AUTH_SITE_KEY = 32 }; /* octets */

struct pf_auth_stamps {
    struct pf_auth_stamp of[PF_AUTH_FILES];
};

struct pf_auth_file;
struct pf_auth_tables;
struct pf_oauth;
struct pf_tokens;

/* Blocking. One hold is the caller's. */
struct pf_auth_tables *pf_auth_tables_open(const struct pf_auth_settings *, struct pf_err *err);
struct pf_auth_tables *pf_auth_tables_hold(struct pf_auth_tables *);
void pf_auth_tables_drop(struct pf_auth_tables *); /* NULL is allowed */

const struct pf_auth_settings *pf_auth_tables_settings(const struct pf_auth_tables *);
/* PF_OK, PF_NO_USER, PF_TEMP: sources are asked in order, the first that knows the name decides. Those that
 * know no users are passed over. */
enum pf_code pf_auth_tables_find(const struct pf_auth_tables *, struct pf_bytes name,
                                 struct pf_auth_entry *out, struct pf_err *err);

/* One source after the other, for who must ask further when one only guesses. */
struct pf_auth_seat {
    const struct pf_auth_source *row; /* NULL: none at this place */
    const struct pf_conf_userdb *userdb; /* NULL: the password file */
    void *self;
};
struct pf_auth_seat pf_auth_tables_seat(const struct pf_auth_tables *, size_t index); /* < PF_AUTH_SOURCES */
/* All sources are in memory: finding never blocks. */
bool pf_auth_tables_in_memory(const struct pf_auth_tables *);
/* Bits of enum pf_password_form that some user may have. */
unsigned pf_auth_tables_forms(const struct pf_auth_tables *);

/* What is only there for logins; NULL where the settings have none. */
const struct pf_auth_file *pf_auth_tables_masters(const struct pf_auth_tables *);
const struct pf_tokens *pf_auth_tables_tokens(const struct pf_auth_tables *);
struct pf_oauth *pf_auth_tables_oauth(const struct pf_auth_tables *);
/* Octets that only this machine knows, the same after a restart (exchange.h). */
const unsigned char *pf_auth_tables_site_key(const struct pf_auth_tables *);

/* A hash that costs what most users' do. Its answer must be thrown away. */
const char *pf_auth_tables_stand_in(const struct pf_auth_tables *);
bool pf_auth_tables_some_need_tls(const struct pf_auth_tables *);
size_t pf_auth_tables_count(const struct pf_auth_tables *);

/* The stamps it was read with, and those of now (this looks at the files). */
const struct pf_auth_stamps *pf_auth_tables_stamps(const struct pf_auth_tables *);
void pf_auth_tables_stamps_now(const struct pf_auth_settings *, struct pf_auth_stamps *out);
bool pf_auth_stamps_equal(const struct pf_auth_stamps *, const struct pf_auth_stamps *);
/* True when nothing is missing and the last change of every file is a second ago: an editor that
 * writes in place, or removes and writes anew, is through by then. */
bool pf_auth_stamps_quiet(const struct pf_auth_stamps *);

#endif
