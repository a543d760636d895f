/* MariaDB (and MySQL), by MariaDB's own library.
 *
 * Its functions block, each read at most as long as it was told at the beginning, in whole seconds; so the server is
 * told, too, how long a query may take, to the millisecond. A server that dies is noticed at once; one that
 * falls silent costs up to a second more than `timeout` for each step of a connection. */
#include "auth/auth_sql.h"
#include "auth/auth_sql_url.h"
#include "base/text.h"

#include <mysql.h>
#include <errmsg.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <threads.h>

/* MYSQL_CLIENT_AUTHENTICATION_PLUGIN, whose header wants one that is not installed. */
enum { LOGIN_PLUGIN = 2 };

enum { CELL = PF_AUTH_PATH_MAX * 2 + 1 }; /* octets of a value; what is longer is no value of ours */

/* What the server said that a new connection may cure: it was killed, or does not know the statement any more. */
enum { KILLED = 1927, SHUTDOWN = 1053, UNKNOWN_STATEMENT = 1243, REPREPARE = 1615, DISCONNECTED = 4031 };

struct cell {
    unsigned long len;
    my_bool null, cut;
    char text[CELL];
};

struct maria {
    MYSQL *link;
    MYSQL_STMT *statement;
    MYSQL_RES *names;
    const struct pf_sql *sql;
    struct cell *cells;
    unsigned count;
};

static const struct pf_sql_driver driver;

static void start_library(void)
{
    mysql_library_init(0, NULL, NULL);
}

static enum pf_code look(const struct pf_conf_userdb *userdb, struct pf_err *err)
{
    static once_flag once = ONCE_FLAG_INIT;
    struct pf_sql_url url;

    call_once(&once, start_library);
    return pf_sql_url_parse(pf_bytes_of(userdb->connect), &url, err);
}

/* The socket first: what is still on its way is not waited for. */
static void close_maria(void *connection)
{
    struct maria *maria = connection;

    if (maria->link && maria->statement)
        shutdown((int)mysql_get_socket(maria->link), SHUT_RDWR);
    if (maria->names)
        mysql_free_result(maria->names);
    if (maria->statement)
        mysql_stmt_close(maria->statement);
    if (maria->link)
        mysql_close(maria->link);
    if (maria->cells)
        pf_wipe(maria->cells, maria->count * sizeof *maria->cells);
    free(maria->cells);
    free(maria);
}

/* A server that we did not want must not get the password in clear text, nor our files. */
static void set_up(struct maria *maria, const struct pf_sql_url *url, pf_time left)
{
    const unsigned seconds = left > 1000 ? (unsigned)((left + 999) / 1000) : 1, no_files = 0;
    const unsigned protocol = url->socket[0] ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP; /* also to localhost */
    const my_bool tls = url->tls || maria->sql->userdb->ca;

    mysql_options(maria->link, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_options(maria->link, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    mysql_options(maria->link, MYSQL_OPT_READ_TIMEOUT, &seconds);
    mysql_options(maria->link, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
    mysql_options(maria->link, MYSQL_OPT_LOCAL_INFILE, &no_files);
    mysql_options(maria->link, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(maria->link, MARIADB_OPT_RESTRICTED_AUTH,
                  "mysql_native_password,client_ed25519,caching_sha2_password,sha256_password,auth_gssapi_client");
    if (!tls)
        return;
    mysql_options(maria->link, MYSQL_OPT_SSL_ENFORCE, &tls);
    mysql_options(maria->link, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &tls);
    if (maria->sql->userdb->ca)
        mysql_options(maria->link, MYSQL_OPT_SSL_CA, maria->sql->userdb->ca);
}

static enum pf_code connect_link(struct maria *maria, pf_time deadline, struct pf_err *err)
{
    char secret[PF_SQL_SECRET_MAX + 1], limit[64];
    struct pf_sql_url url;
    MYSQL *linked;

    if (pf_sql_url_parse(pf_bytes_of(maria->sql->userdb->connect), &url, err) != PF_OK ||
        pf_sql_secret(maria->sql, secret, err) != PF_OK)
        return PF_TEMP;
    set_up(maria, &url, deadline - pf_sql_now());
    linked = mysql_real_connect(maria->link, url.socket[0] ? NULL : url.host, url.user, secret[0] ? secret : NULL,
                                url.database, url.port, url.socket[0] ? url.socket : NULL, 0);
    pf_wipe(secret, sizeof secret);
    if (!linked)
        return pf_sql_fail(&driver, "connect", mysql_error(maria->link), err);
    fcntl((int)mysql_get_socket(maria->link), F_SETFD, FD_CLOEXEC);
    snprintf(limit, sizeof limit, "SET SESSION max_statement_time=%lld.%03lld",
             (long long)maria->sql->userdb->timeout / 1000, (long long)maria->sql->userdb->timeout % 1000);
    mysql_query(maria->link, limit); /* MySQL does not know it: then the read's time limit is all there is */
    return PF_OK;
}

static void names_of(const struct maria *maria, struct pf_sql_row *row)
{
    const MYSQL_FIELD *fields = mysql_fetch_fields(maria->names);

    row->count = maria->count;
    for (unsigned i = 0; i < maria->count; i++)
        row->names[i] = pf_bytes_of(fields[i].name);
}

static bool bind_cells(struct maria *maria)
{
    MYSQL_BIND cells[PF_SQL_COLUMNS] = {0};

    maria->cells = calloc(maria->count, sizeof *maria->cells);
    if (!maria->cells)
        return false;
    for (unsigned i = 0; i < maria->count; i++)
        cells[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
                                .buffer = maria->cells[i].text,
                                .buffer_length = CELL,
                                .length = &maria->cells[i].len,
                                .is_null = &maria->cells[i].null,
                                .error = &maria->cells[i].cut};
    return !mysql_stmt_bind_result(maria->statement, cells);
}

static enum pf_code prepare(struct maria *maria, struct pf_err *err)
{
    const struct pf_sql_query *query = &maria->sql->query;
    struct pf_sql_row row;

    maria->statement = mysql_stmt_init(maria->link);
    if (!maria->statement)
        return pf_sql_fail(&driver, "query", "no memory", err);
    if (mysql_stmt_prepare(maria->statement, query->text, strlen(query->text)))
        return pf_sql_fail(&driver, "query", mysql_stmt_error(maria->statement), err);
    if (mysql_stmt_param_count(maria->statement) != query->count)
        return pf_sql_fail(&driver, "query", "it has parameters other than :user, :name and :domain", err);
    maria->names = mysql_stmt_result_metadata(maria->statement);
    maria->count = maria->names ? mysql_num_fields(maria->names) : 0;
    if (maria->count == 0 || maria->count > PF_SQL_COLUMNS)
        return pf_sql_fail(&driver, "query", "it has no columns, or too many", err);
    names_of(maria, &row);
    if (pf_sql_row_look(&driver, &row, err) != PF_OK)
        return PF_TEMP;
    return bind_cells(maria) ? PF_OK : pf_sql_fail(&driver, "query", "no memory", err);
}

static void *open_maria(const struct pf_sql *sql, pf_time deadline, struct pf_err *err)
{
    struct maria *maria = calloc(1, sizeof *maria);

    if (maria)
        maria->link = mysql_init(NULL);
    if (!maria || !maria->link) {
        pf_sql_fail(&driver, "connect", "no memory", err);
        free(maria);
        return NULL;
    }
    maria->sql = sql;
    if (connect_link(maria, deadline, err) == PF_OK && prepare(maria, err) == PF_OK)
        return maria;
    close_maria(maria);
    return NULL;
}

static bool execute(struct maria *maria, const struct pf_sql_question *question)
{
    const struct pf_sql_query *query = &maria->sql->query;
    char texts[PF_SQL_PARTS][PF_AUTH_NAME_MAX + 1] = {{0}};
    MYSQL_BIND values[PF_SQL_PARAMETERS] = {0};

    for (size_t i = 0; i < PF_SQL_PARTS; i++)
        memcpy(texts[i], question->parts[i], strlen(question->parts[i]));
    for (size_t i = 0; i < query->count; i++)
        values[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
                                 .buffer = texts[query->parts[i]],
                                 .buffer_length = strlen(texts[query->parts[i]])};
    return !mysql_stmt_bind_param(maria->statement, values) && !mysql_stmt_execute(maria->statement);
}

static enum pf_code judge(const struct maria *maria, const struct pf_sql_question *question, struct pf_err *err)
{
    bool of_link = mysql_stmt_errno(maria->statement) == 0; /* what is said between rows stands there */
    unsigned number = of_link ? mysql_errno(maria->link) : mysql_stmt_errno(maria->statement);
    bool lost = number >= CR_MIN_ERROR && number <= CR_MAX_ERROR;

    lost |= number == 0 || number == KILLED || number == SHUTDOWN || number == UNKNOWN_STATEMENT ||
            number == REPREPARE || number == DISCONNECTED || number >= 5000; /* CR_… of MariaDB's own */
    pf_sql_fail(&driver, "query", of_link ? mysql_error(maria->link) : mysql_stmt_error(maria->statement), err);
    if (!lost)
        return PF_TEMP;
    return pf_sql_now() >= question->deadline ? PF_BUSY : PF_GONE;
}

static enum pf_code take_row(const struct maria *maria, struct pf_auth_entry *entry, struct pf_err *err)
{
    struct pf_sql_row row;

    names_of(maria, &row);
    for (unsigned i = 0; i < maria->count; i++) {
        const struct cell *cell = &maria->cells[i];

        if (!cell->null && cell->len >= CELL)
            return pf_sql_fail(&driver, "query", "a column's value is too long", err);
        row.values[i] = pf_bytes_from(cell->null ? NULL : cell->text, cell->null ? 0 : cell->len);
    }
    return pf_sql_row_take(&driver, &row, entry, err);
}

/* The server prepares a statement anew when a table changed; then the columns may be others than those that were
 * looked at and have their cells. */
static bool is_as_it_was(const struct maria *maria)
{
    bool same = mysql_field_count(maria->link) == maria->count;
    MYSQL_RES *now = same ? mysql_stmt_result_metadata(maria->statement) : NULL;

    same = now && mysql_num_fields(now) == maria->count;
    for (unsigned i = 0; same && i < maria->count; i++)
        same = strcmp(mysql_fetch_fields(now)[i].name, mysql_fetch_fields(maria->names)[i].name) == 0;
    if (now)
        mysql_free_result(now);
    return same;
}

/* Rows are fetched one by one: the second is one too many, and who knows how many are to come. */
static enum pf_code fetch(struct maria *maria, const struct pf_sql_question *question, struct pf_auth_entry *entry,
                          struct pf_err *err)
{
    int said = mysql_stmt_fetch(maria->statement);
    enum pf_code code;

    if (said == MYSQL_NO_DATA)
        return PF_NO_USER;
    if (said != 0 && said != MYSQL_DATA_TRUNCATED)
        return judge(maria, question, err);
    code = take_row(maria, entry, err);
    said = mysql_stmt_fetch(maria->statement);
    if (said == MYSQL_NO_DATA)
        return code;
    if (said != 0 && said != MYSQL_DATA_TRUNCATED)
        return judge(maria, question, err);
    pf_sql_ambiguous(&driver, err);
    return PF_BUSY;
}

static enum pf_code ask(void *connection, const struct pf_sql_question *question, struct pf_auth_entry *out_entry,
                        struct pf_err *err)
{
    struct maria *maria = connection;
    enum pf_code code;

    if (!execute(maria, question))
        return judge(maria, question, err);
    if (!is_as_it_was(maria)) {
        pf_sql_fail(&driver, "query", "its columns changed", err);
        return PF_GONE;
    }
    code = fetch(maria, question, out_entry, err);
    if (code != PF_BUSY && code != PF_GONE)
        mysql_stmt_free_result(maria->statement);
    for (unsigned i = 0; i < maria->count; i++)
        pf_wipe(maria->cells[i].text, maria->cells[i].len < CELL ? maria->cells[i].len : CELL);
    return code;
}

static const struct pf_sql_driver driver = {
    .kind = "mariadb",
    .dialect = PF_SQL_MARIADB,
    .folds = true,
    .look = look,
    .open = open_maria,
    .ask = ask,
    .close = close_maria,
};

static void *open_source(const struct pf_conf_userdb *userdb, const struct pf_auth_settings *settings,
                         struct pf_auth_stamp *out_stamp, struct pf_err *err)
{
    (void)settings;
    (void)out_stamp;
    return pf_sql_open(&driver, userdb, err);
}

/* Those of its ways to log in that are files of their own. */
static void preload(void)
{
    static const char *const plugins[] = {"client_ed25519", "caching_sha2_password", "sha256_password",
                                          "auth_gssapi_client"};
    MYSQL *link;

    start_library();
    link = mysql_init(NULL);
    for (size_t i = 0; link && i < sizeof plugins / sizeof *plugins; i++)
        (void)mysql_client_find_plugin(link, plugins[i], LOGIN_PLUGIN);
    if (link)
        mysql_close(link);
}

const struct pf_auth_source pf_auth_mariadb_source = {
    .kind = "mariadb",
    .knows_users = true,
    .open = open_source,
    .close = pf_sql_close,
    .find = pf_sql_find,
    .forms = pf_sql_forms,
    .preload = preload,
};
