/* SQL: what all databases of users have in common; a database is a driver of three functions.
 *
 * A question (which user is this?) takes a connection out of a bounded set (auth_sql_slots.h), opens it where
 * none is open, runs the prepared query and makes one row of columns into a user. All of that has one deadline,
 * `timeout` after it was asked.
 *
 * Laws:
 *   - No row is PF_NO_USER. Everything that is not one good row is PF_TEMP: two rows, a column without meaning, a value
 *     too long, a NUL in it, a query without a column `password`.
 *   - SQL's NULL leaves a field as if there was no such column; so does empty text. A password that is NULL or
 *     empty lets nobody in.
 *   - A connection that turns out to be dead, or whose statement is no longer good, is replaced once
 *     for the same question. One that was just opened is not.
 *   - A server that could not be reached is left alone for a second, and after that one thread tries it while others
 *     are still told PF_TEMP at once: a server that is down costs a login nothing.
 *
 * A name that is compared without regard to case would be one user's maildrop under several names; so the database
 * says how it is spelled, in the column `user`. Databases that compare so by default must have it. */
#ifndef POSTFACH_AUTH_AUTH_SQL_H
#define POSTFACH_AUTH_AUTH_SQL_H

#include "auth/auth_sql_query.h"
#include "auth/auth_sql_slots.h"
#include "auth/auth_source.h"

enum {
    PF_SQL_COLUMNS = 32,
    PF_SQL_DOWN = 1000,        /* ms that an unreachable server is left alone */
    PF_SQL_SECRET_MAX = 1024
};

/* The columns of an answer. Views live as long as the driver's result. */
struct pf_sql_row {
    size_t count;
    struct pf_bytes names[PF_SQL_COLUMNS];
    struct pf_bytes values[PF_SQL_COLUMNS]; /* `at` NULL: SQL's NULL */
};

struct pf_sql_question {
    const char *parts[PF_SQL_PARTS];
    pf_time deadline;
};

struct pf_sql {
    const struct pf_sql_driver *driver;
    const struct pf_conf_userdb *userdb;
    struct pf_sql_query query;
    struct pf_sql_slots *slots;
    _Atomic pf_time retry; /* 0: all is well; else when a connection may be tried next */
};

struct pf_sql_driver {
    const char *kind;
    enum pf_sql_dialect dialect;
    bool local;      /* to open costs little and waits for nobody: it is tried each time */
    bool folds;      /* compares without regard to case by default */
    /* The settings of `connect`; NULL: nothing to look at. PF_OK or PF_CONFIG. */
    enum pf_code (*look)(const struct pf_conf_userdb *, struct pf_err *err);
    /* A connection with the query prepared and its columns looked at, or NULL with err: PF_TEMP. */
    void *(*open)(const struct pf_sql *, pf_time deadline, struct pf_err *err);
    /* PF_OK with the entry filled, PF_NO_USER; PF_TEMP: the connection is still good. PF_GONE: it is not, a new one may
     * do; PF_BUSY: it is not, and it is too late. With all but the first two err says PF_TEMP. */
    enum pf_code (*ask)(void *connection, const struct pf_sql_question *, struct pf_auth_entry *out_entry,
                        struct pf_err *err);
    void (*close)(void *connection);
};

extern const struct pf_auth_source pf_auth_sqlite_source, pf_auth_postgresql_source, pf_auth_mariadb_source;

/* For those rows. */
void *pf_sql_open(const struct pf_sql_driver *, const struct pf_conf_userdb *, struct pf_err *err);
void pf_sql_close(void *self);
enum pf_code pf_sql_find(void *self, struct pf_bytes name, struct pf_auth_entry *out_entry, struct pf_err *err);
unsigned pf_sql_forms(const void *self);

/* For drivers. */

/* Whether these columns make a user (only names are looked at): PF_OK or PF_TEMP. */
enum pf_code pf_sql_row_look(const struct pf_sql_driver *, const struct pf_sql_row *, struct pf_err *err);
/* Puts them into an entry: PF_OK or PF_TEMP. */
enum pf_code pf_sql_row_take(const struct pf_sql_driver *, const struct pf_sql_row *, struct pf_auth_entry *entry,
                             struct pf_err *err);
/* PF_TEMP: more than one row. */
enum pf_code pf_sql_ambiguous(const struct pf_sql_driver *, struct pf_err *err);
/* PF_TEMP with a library's words, of which the first line is told. */
enum pf_code pf_sql_fail(const struct pf_sql_driver *, const char *doing, const char *why, struct pf_err *err);
/* The first line of the block's secret-file, "" where there is none; to be wiped. PF_OK or PF_TEMP. */
enum pf_code pf_sql_secret(const struct pf_sql *, char out_secret[PF_SQL_SECRET_MAX + 1], struct pf_err *err);

#endif
