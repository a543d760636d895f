/* Queries: the administrator's SQL with :user, :name and :domain in it, made ready for a database.
 *
 * A placeholder becomes a parameter of the prepared statement ($1, ? …), each of its occurrences one of its
 * own, so that a database derives the type of each from where it stands. Names are never pasted into SQL.
 *
 * What stands in a string, a quoted name or a comment is not looked at, and neither is a cast (`::text`).
 * Should the scanner take a string for longer or shorter than the database does (settings can change what a
 * backslash means), the worst that comes of it is a query that the database refuses. */
#ifndef POSTFACH_AUTH_AUTH_SQL_QUERY_H
#define POSTFACH_AUTH_AUTH_SQL_QUERY_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum pf_sql_dialect { PF_SQL_SQLITE, PF_SQL_POSTGRESQL, PF_SQL_MARIADB };

enum pf_sql_part {
    PF_SQL_USER,   /* the whole name */
    PF_SQL_NAME,   /* what stands before the last @ */
    PF_SQL_DOMAIN, /* what stands behind it, or nothing */
    PF_SQL_PARTS
};

enum {
    PF_SQL_QUERY_MAX = 4096, /* as the settings have it */
    PF_SQL_PARAMETERS = 16
};

struct pf_sql_query {
    char text[PF_SQL_QUERY_MAX + 1];
    size_t count;
    enum pf_sql_part parts[PF_SQL_PARAMETERS]; /* what each parameter stands for */
};

/* PF_OK or PF_CONFIG: an unknown word, none at all, too many, or a string or comment without end. */
enum pf_code pf_sql_query_parse(struct pf_bytes sql, enum pf_sql_dialect, struct pf_sql_query *out_query,
                                struct pf_err *err);

/* The parts of a name: views into it. */
void pf_sql_split(struct pf_bytes name, struct pf_bytes out_parts[PF_SQL_PARTS]);

#endif
