/* The URL of a database server: mariadb://user@host:3306/name, or mariadb://user@/name?socket=/path; mysql:// is the
 * same. Octets of any part may be written %XX. There is no password in it: that stands in the secret-file.
 *
 * Options behind the `?`, with `&` between them: `socket`, a path; `tls`, yes or no: without it there is TLS, and
 * the server must prove its name, when it is another machine. */
#ifndef POSTFACH_AUTH_AUTH_SQL_URL_H
#define POSTFACH_AUTH_AUTH_SQL_URL_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum { PF_SQL_URL_PART = 256 };

struct pf_sql_url {
    char user[PF_SQL_URL_PART], host[PF_SQL_URL_PART], database[PF_SQL_URL_PART], socket[PF_SQL_URL_PART];
    unsigned port; /* 0: the usual one */
    bool tls;
};

/* PF_OK or PF_CONFIG. */
enum pf_code pf_sql_url_parse(struct pf_bytes text, struct pf_sql_url *out_url, struct pf_err *err);

#endif
