/* PostgreSQL, without ever waiting longer than a question may: libpq is only used where it does not block. What
 * cannot be helped is a name of a host that must be looked up; an address or a socket needs none.
 *
 * The server, too, is told how long a query may take, so that one that was given up does not go on there. */
#include "auth/auth_sql.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

#define STATEMENT "postfach"

struct pg {
    PGconn *link;
    const struct pf_sql *sql;
};

static const struct pf_sql_driver driver;

static void close_pg(void *connection)
{
    struct pg *pg = connection;

    PQfinish(pg->link);
    free(pg);
}

/* Nobody listens: what concerns us comes as an error. */
static void ignore(void *self, const PGresult *result)
{
    (void)self;
    (void)result;
}

static enum pf_code late(const char *doing, struct pf_err *err)
{
    return pf_fail(err, PF_TEMP, ETIMEDOUT, driver.kind, "postgresql: %s: no answer in time", doing);
}

static bool has_option(const char *connect, const char *name)
{
    PQconninfoOption *options = PQconninfoParse(connect, NULL);
    bool has = false;

    for (PQconninfoOption *o = options; o && o->keyword; o++)
        has |= strcmp(o->keyword, name) == 0 && o->val;
    PQconninfoFree(options);
    return has;
}

static enum pf_code look(const struct pf_conf_userdb *userdb, struct pf_err *err)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(userdb->connect, &why);

    if (!options)
        pf_fail(err, PF_CONFIG, 0, driver.kind, "userdb postgresql: connect: %.*s",
                why ? (int)strcspn(why, "\n") : 9, why ? why : "no memory");
    PQconninfoFree(options);
    PQfreemem(why);
    return options ? PF_OK : PF_CONFIG;
}

/* Later ones win. A CA that is named is there to be used: then the server must prove its name. */
static PGconn *start(const struct pf_sql *sql, const char *secret)
{
    const struct pf_conf_userdb *userdb = sql->userdb;
    bool verify = userdb->ca && !has_option(userdb->connect, "sslmode");
    const char *keys[] = {"dbname", "fallback_application_name", "client_encoding", "password", "sslrootcert",
                          "sslmode", NULL};
    const char *values[] = {userdb->connect, "postfach", "UTF8", secret, userdb->ca,
                            verify ? "verify-full" : NULL, NULL};

    return PQconnectStartParams(keys, values, 1);
}

static enum pf_code finish(struct pg *pg, pf_time deadline, struct pf_err *err)
{
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;

    if (PQstatus(pg->link) == CONNECTION_BAD)
        return pf_sql_fail(&driver, "connect", PQerrorMessage(pg->link), err);
    while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
        short wanted = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;

        if (!pf_sql_wait(PQsocket(pg->link), wanted, deadline))
            return late("connect", err);
        next = PQconnectPoll(pg->link);
    }
    if (next != PGRES_POLLING_OK)
        return pf_sql_fail(&driver, "connect", PQerrorMessage(pg->link), err);
    return PQsetnonblocking(pg->link, 1) == 0 ? PF_OK : pf_sql_fail(&driver, "connect", "no memory", err);
}

/* Sends what waits, and reads until a result is there; false when it is too late, or the link is broken. */
static bool await(struct pg *pg, pf_time deadline)
{
    int unsent = PQflush(pg->link);

    while (unsent >= 0 && (unsent > 0 || PQisBusy(pg->link))) {
        if (!pf_sql_wait(PQsocket(pg->link), unsent > 0 ? POLLIN | POLLOUT : POLLIN, deadline) ||
            !PQconsumeInput(pg->link))
            return false;
        unsent = PQflush(pg->link);
    }
    return unsent == 0;
}

/* The first result, to be cleared, with the rest read and thrown away; NULL when it did not come. */
static PGresult *first_result(struct pg *pg, pf_time deadline)
{
    PGresult *first = NULL, *next;

    while (await(pg, deadline)) {
        next = PQgetResult(pg->link);
        if (!next)
            return first;
        if (first)
            PQclear(next);
        else
            first = next;
    }
    PQclear(first);
    return NULL;
}

/* One step of what comes before questions; PQclear is the caller's. */
static PGresult *do_step(struct pg *pg, int sent, const char *doing, pf_time deadline, struct pf_err *err)
{
    PGresult *result = sent ? first_result(pg, deadline) : NULL;
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return result;
    if (pf_sql_now() >= deadline)
        late(doing, err);
    else
        pf_sql_fail(&driver, doing, result ? PQresultErrorMessage(result) : PQerrorMessage(pg->link), err);
    PQclear(result);
    return NULL;
}

static void names_of(const PGresult *result, struct pf_sql_row *row)
{
    row->count = 0;
    for (int i = 0; i < PQnfields(result) && i < PF_SQL_COLUMNS; i++)
        row->names[row->count++] = pf_bytes_of(PQfname(result, i));
}

static enum pf_code look_at_query(const struct pf_sql *sql, const PGresult *described, struct pf_err *err)
{
    struct pf_sql_row row;

    if (PQnparams(described) != (int)sql->query.count)
        return pf_sql_fail(&driver, "query", "it has parameters other than :user, :name and :domain", err);
    if (PQnfields(described) > PF_SQL_COLUMNS)
        return pf_sql_fail(&driver, "query", "it has too many columns", err);
    names_of(described, &row);
    return pf_sql_row_look(&driver, &row, err);
}

static enum pf_code prepare(struct pg *pg, pf_time deadline, struct pf_err *err)
{
    char limit[24];
    const char *values[] = {limit};
    PGresult *result;
    enum pf_code code;
    int sent;

    snprintf(limit, sizeof limit, "%lld", (long long)pg->sql->userdb->timeout);
    sent = PQsendQueryParams(pg->link, "SELECT set_config('statement_timeout', $1, false)", 1, NULL, values, NULL, NULL,
                             0);
    result = do_step(pg, sent, "statement_timeout", deadline, err);
    if (!result)
        return PF_TEMP;
    PQclear(result);
    result = do_step(pg, PQsendPrepare(pg->link, STATEMENT, pg->sql->query.text, 0, NULL), "query", deadline, err);
    if (!result)
        return PF_TEMP;
    PQclear(result);
    result = do_step(pg, PQsendDescribePrepared(pg->link, STATEMENT), "query", deadline, err);
    if (!result)
        return PF_TEMP;
    code = look_at_query(pg->sql, result, err);
    PQclear(result);
    return code;
}

static void *open_pg(const struct pf_sql *sql, pf_time deadline, struct pf_err *err)
{
    char secret[PF_SQL_SECRET_MAX + 1];
    struct pg *pg = calloc(1, sizeof *pg);

    if (pg && pf_sql_secret(sql, secret, err) == PF_OK) {
        pg->sql = sql;
        pg->link = start(sql, secret[0] ? secret : NULL);
        pf_wipe(secret, sizeof secret);
        if (pg->link)
            PQsetNoticeReceiver(pg->link, ignore, NULL);
        if (!pg->link)
            pf_sql_fail(&driver, "connect", "no memory", err);
        else if (finish(pg, deadline, err) == PF_OK && prepare(pg, deadline, err) == PF_OK)
            return pg;
        PQfinish(pg->link);
    } else if (!pg) {
        pf_sql_fail(&driver, "connect", "no memory", err);
    }
    free(pg);
    return NULL;
}

static enum pf_code take_row(const PGresult *result, struct pf_auth_entry *entry, struct pf_err *err)
{
    struct pf_sql_row row;

    names_of(result, &row);
    for (size_t i = 0; i < row.count; i++) {
        bool null = PQgetisnull(result, 0, (int)i);

        row.values[i] = pf_bytes_from(null ? NULL : PQgetvalue(result, 0, (int)i),
                                      null ? 0 : (size_t)PQgetlength(result, 0, (int)i));
    }
    return pf_sql_row_take(&driver, &row, entry, err);
}

/* The link lives; does the statement, and is this a server for questions? SQLSTATE: 26000 is a statement that is not
 * there (a pooler changed servers), 0A000 a table that changed, classes 08 and 57P a server that leaves. */
static bool is_lost(const struct pg *pg, const PGresult *result)
{
    static const char *const lost[] = {"26000", "0A000", "08", "57P"};
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;

    if (PQstatus(pg->link) != CONNECTION_OK || !state)
        return true;
    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++)
        if (strncmp(state, lost[i], strlen(lost[i])) == 0)
            return true;
    return false;
}

static bool send_question(struct pg *pg, const struct pf_sql_question *question)
{
    const struct pf_sql_query *query = &pg->sql->query;
    const char *values[PF_SQL_PARAMETERS];

    for (size_t i = 0; i < query->count; i++)
        values[i] = question->parts[query->parts[i]];
    return PQsendQueryPrepared(pg->link, STATEMENT, (int)query->count, values, NULL, NULL, 0) &&
                   PQsetSingleRowMode(pg->link);
}

/* Row by row, so that a query that gives a whole table fills no memory. */
static enum pf_code take_result(struct pg *pg, const PGresult *result, enum pf_code so_far, struct pf_auth_entry *entry,
                                struct pf_err *err)
{
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_TUPLES_OK) /* the end of the rows */
        return so_far;
    if (status == PGRES_SINGLE_TUPLE && so_far != PF_NO_USER) {
        pf_sql_ambiguous(&driver, err);
        return PF_BUSY; /* who knows how many are to come */
    }
    if (status == PGRES_SINGLE_TUPLE)
        return take_row(result, entry, err);
    pf_sql_fail(&driver, "query", PQresultErrorMessage(result), err);
    return is_lost(pg, result) ? PF_GONE : PF_TEMP;
}

static enum pf_code ask(void *connection, const struct pf_sql_question *question, struct pf_auth_entry *out_entry,
                        struct pf_err *err)
{
    struct pg *pg = connection;
    enum pf_code code = PF_NO_USER;
    bool sent = send_question(pg, question);

    while (sent && await(pg, question->deadline)) {
        PGresult *result = PQgetResult(pg->link);

        if (!result)
            return code;
        code = take_result(pg, result, code, out_entry, err);
        PQclear(result);
        if (code == PF_GONE || code == PF_BUSY)
            return code;
    }
    if (pf_sql_now() >= question->deadline) {
        late("query", err);
        return PF_BUSY;
    }
    pf_sql_fail(&driver, "query", PQerrorMessage(pg->link), err);
    return PF_GONE;
}

static const struct pf_sql_driver driver = {
    .kind = "postgresql",
    .dialect = PF_SQL_POSTGRESQL,
    .look = look,
    .open = open_pg,
    .ask = ask,
    .close = close_pg,
};

static void *open_source(const struct pf_conf_userdb *userdb, const struct pf_auth_settings *settings,
                         struct pf_auth_stamp *out_stamp, struct pf_err *err)
{
    (void)settings;
    (void)out_stamp;
    return pf_sql_open(&driver, userdb, err);
}

const struct pf_auth_source pf_auth_postgresql_source = {
    .kind = "postgresql",
    .knows_users = true,
    .open = open_source,
    .close = pf_sql_close,
    .find = pf_sql_find,
    .forms = pf_sql_forms,
};
