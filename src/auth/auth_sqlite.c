/* SQLite: the database is a file that is only read.
 *
 * For each question it is looked whether the path still leads to the file that is open: who replaces a database
 * by rename is understood at once. A database in WAL mode needs its -shm file beside it: where nobody else has
 * it open, it must be possible to make one there. */
#include "auth/auth_sql.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    STEPS = 1000,          /* of SQLite's machine between two looks at the clock */
    LENGTH_MAX = 1024 * 1024 /* octets of a row; no user is that long */
};

struct lite {
    sqlite3 *db;
    sqlite3_stmt *statement;
    const struct pf_sql *sql;
    uint64_t device, inode;
    pf_time deadline; /* of the question that is asked now */
};

static const struct pf_sql_driver driver;

static enum pf_code fails(const struct lite *lite, const char *why, struct pf_err *err)
{
    return pf_sql_fail(&driver, lite->sql->userdb->path, why, err);
}

static void close_lite(void *connection)
{
    struct lite *lite = connection;

    sqlite3_finalize(lite->statement);
    sqlite3_close(lite->db);
    free(lite);
}

static bool look_at_file(const struct lite *lite, struct stat *out)
{
    return stat(lite->sql->userdb->path, out) == 0;
}

static int is_late(void *self)
{
    const struct lite *lite = self;

    return pf_sql_now() >= lite->deadline;
}

static void names_of(sqlite3_stmt *statement, struct pf_sql_row *row)
{
    int count = sqlite3_column_count(statement);

    row->count = 0;
    for (int i = 0; i < count && i < PF_SQL_COLUMNS; i++) {
        const char *name = sqlite3_column_name(statement, i);

        row->names[row->count++] = pf_bytes_of(name ? name : "");
    }
}

static enum pf_code prepare(struct lite *lite, struct pf_err *err)
{
    const struct pf_sql_query *query = &lite->sql->query;
    const char *rest = NULL;
    struct pf_sql_row row;

    if (sqlite3_prepare_v3(lite->db, query->text, -1, SQLITE_PREPARE_PERSISTENT, &lite->statement, &rest) != SQLITE_OK)
        return fails(lite, sqlite3_errmsg(lite->db), err);
    if (!lite->statement || rest[strspn(rest, " \t\r\n;")])
        return fails(lite, "the query is not one statement", err);
    if (sqlite3_bind_parameter_count(lite->statement) != (int)query->count)
        return fails(lite, "the query has parameters other than :user, :name and :domain", err);
    if (!sqlite3_stmt_readonly(lite->statement) || sqlite3_column_count(lite->statement) == 0)
        return fails(lite, "the query does not read users", err);
    if (sqlite3_column_count(lite->statement) > PF_SQL_COLUMNS)
        return fails(lite, "the query has too many columns", err);
    names_of(lite->statement, &row);
    return pf_sql_row_look(&driver, &row, err);
}

static void set_up(struct lite *lite)
{
    sqlite3_extended_result_codes(lite->db, 1);
    sqlite3_db_config(lite->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(lite->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_limit(lite->db, SQLITE_LIMIT_LENGTH, LENGTH_MAX);
    /* There may be no folder for files of its own (role/jail.h). */
    (void)sqlite3_exec(lite->db, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
    sqlite3_progress_handler(lite->db, STEPS, is_late, lite);
}

/* For what is left of the time: a writer holds its lock for moments. */
static void begin(struct lite *lite, pf_time deadline)
{
    pf_time left = deadline - pf_sql_now();

    lite->deadline = deadline;
    sqlite3_busy_timeout(lite->db, left > 1 ? (int)left : 1);
}

static void *open_lite(const struct pf_sql *sql, pf_time deadline, struct pf_err *err)
{
    struct lite *lite = calloc(1, sizeof *lite);
    struct stat before, after;

    if (!lite) {
        pf_fail(err, PF_TEMP, ENOMEM, driver.kind, "no memory for a connection");
        return NULL;
    }
    lite->sql = sql;
    if (!look_at_file(lite, &before)) {
        pf_fail(err, PF_TEMP, errno, driver.kind, "sqlite: %s: %s", sql->userdb->path, strerror(errno));
    } else if (sqlite3_open_v2(sql->userdb->path, &lite->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
               SQLITE_OK) {
        fails(lite, lite->db ? sqlite3_errmsg(lite->db) : "no memory", err);
    } else {
        set_up(lite);
        begin(lite, deadline);
        if (prepare(lite, err) == PF_OK) {
            if (look_at_file(lite, &after) && after.st_dev == before.st_dev && after.st_ino == before.st_ino) {
                lite->device = after.st_dev;
                lite->inode = after.st_ino;
                return lite;
            }
            fails(lite, "the file is being replaced", err);
        }
    }
    close_lite(lite);
    return NULL;
}

static bool bind(struct lite *lite, const struct pf_sql_question *question)
{
    const struct pf_sql_query *query = &lite->sql->query;
    bool bound = true;

    for (size_t i = 0; i < query->count; i++)
        bound &= sqlite3_bind_text(lite->statement, (int)i + 1, question->parts[query->parts[i]], -1, SQLITE_STATIC) ==
                 SQLITE_OK;
    return bound;
}

static enum pf_code take_row(struct lite *lite, struct pf_auth_entry *entry, struct pf_err *err)
{
    struct pf_sql_row row;

    names_of(lite->statement, &row); /* the table may have changed since it was prepared */
    for (size_t i = 0; i < row.count; i++) {
        bool null = sqlite3_column_type(lite->statement, (int)i) == SQLITE_NULL;
        const unsigned char *text = sqlite3_column_text(lite->statement, (int)i);

        if (!text && !null)
            return fails(lite, "no memory", err);
        row.values[i] = pf_bytes_from(text, text ? (size_t)sqlite3_column_bytes(lite->statement, (int)i) : 0);
    }
    return pf_sql_row_take(&driver, &row, entry, err);
}

/* What SQLite said instead of a row. */
static enum pf_code judge(const struct lite *lite, int said, struct pf_err *err)
{
    int kind = said & 0xff;

    if (kind == SQLITE_DONE)
        return PF_NO_USER;
    fails(lite, kind == SQLITE_INTERRUPT ? "no answer in time" : sqlite3_errmsg(lite->db), err);
    return kind == SQLITE_INTERRUPT || kind == SQLITE_BUSY || kind == SQLITE_LOCKED ? PF_TEMP : PF_GONE;
}

static enum pf_code step(struct lite *lite, struct pf_auth_entry *entry, struct pf_err *err)
{
    int said = sqlite3_step(lite->statement);
    enum pf_code code;

    if (said != SQLITE_ROW)
        return judge(lite, said, err);
    code = take_row(lite, entry, err);
    if (code != PF_OK)
        return code;
    said = sqlite3_step(lite->statement);
    if (said == SQLITE_ROW)
        return pf_sql_ambiguous(&driver, err);
    return said == SQLITE_DONE ? PF_OK : judge(lite, said, err);
}

static enum pf_code ask(void *connection, const struct pf_sql_question *question, struct pf_auth_entry *out_entry,
                        struct pf_err *err)
{
    struct lite *lite = connection;
    struct stat now;
    enum pf_code code;

    if (!look_at_file(lite, &now) || now.st_dev != lite->device || now.st_ino != lite->inode) {
        fails(lite, "the file was replaced", err);
        return PF_GONE;
    }
    begin(lite, question->deadline);
    if (bind(lite, question)) {
        code = step(lite, out_entry, err);
    } else {
        fails(lite, sqlite3_errmsg(lite->db), err);
        code = PF_GONE;
    }
    sqlite3_reset(lite->statement);
    sqlite3_clear_bindings(lite->statement);
    return code;
}

static const struct pf_sql_driver driver = {
    .kind = "sqlite",
    .dialect = PF_SQL_SQLITE,
    .local = true,
    .open = open_lite,
    .ask = ask,
    .close = close_lite,
};

static void *open_source(const struct pf_conf_userdb *userdb, const struct pf_auth_settings *settings,
                         struct pf_auth_stamp *out_stamp, struct pf_err *err)
{
    (void)settings;
    (void)out_stamp;
    return pf_sql_open(&driver, userdb, err);
}

const struct pf_auth_source pf_auth_sqlite_source = {
    .kind = "sqlite",
    .knows_users = true,
    .open = open_source,
    .close = pf_sql_close,
    .find = pf_sql_find,
    .forms = pf_sql_forms,
};
