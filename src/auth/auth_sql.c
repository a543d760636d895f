#include "auth/auth_sql.h"

#include "auth/auth_entry.h"
#include "auth/password.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { COLUMN_MAX = 64 };

/* A question's texts: what libraries want ends with a NUL. */
struct asked {
    struct pf_sql_question question;
    char texts[PF_SQL_PARTS][PF_AUTH_NAME_MAX + 1];
};

void *pf_sql_open(const struct pf_sql_driver *driver, const struct pf_conf_userdb *userdb, struct pf_err *err)
{
    struct pf_sql *sql = calloc(1, sizeof *sql);

    if (!sql) {
        pf_fail(err, PF_NO_MEMORY, ENOMEM, driver->kind, "no memory for a database");
        return NULL;
    }
    sql->driver = driver;
    sql->userdb = userdb;
    if (pf_sql_query_parse(pf_bytes_of(userdb->query), driver->dialect, &sql->query, err) == PF_OK &&
        (!driver->look || driver->look(userdb, err) == PF_OK))
        sql->slots = pf_sql_slots_new(userdb->connections ? userdb->connections : 1, err);
    if (sql->slots)
        return sql;
    free(sql);
    return NULL;
}

void pf_sql_close(void *self)
{
    struct pf_sql *sql = self;

    for (unsigned i = 0; i < sql->slots->count; i++)
        if (sql->slots->of[i].connection)
            sql->driver->close(sql->slots->of[i].connection);
    pf_sql_slots_free(sql->slots);
    free(sql);
}

unsigned pf_sql_forms(const void *self)
{
    (void)self;
    return PF_FORM_ANY;
}

/* May a connection be tried now? Behind a failure only one thread at a time may. */
static bool may_try(struct pf_sql *sql, pf_time now)
{
    pf_time retry = atomic_load(&sql->retry);

    if (sql->driver->local || retry == 0)
        return true;
    return now >= retry &&
           atomic_compare_exchange_strong(&sql->retry, &retry, now + sql->userdb->timeout + PF_SQL_DOWN);
}

static void *open_connection(struct pf_sql *sql, pf_time deadline, struct pf_err *err)
{
    pf_time now = pf_sql_now();
    void *connection;

    if (now >= deadline) {
        pf_fail(err, PF_TEMP, ETIMEDOUT, sql->driver->kind, "%s: no answer in time", sql->driver->kind);
        return NULL;
    }
    if (!may_try(sql, now)) {
        pf_fail(err, PF_TEMP, 0, sql->driver->kind,
                "%s: could not be used a moment ago, and is left alone until it is tried again", sql->driver->kind);
        return NULL;
    }
    connection = sql->driver->open(sql, deadline, err);
    atomic_store(&sql->retry, connection ? 0 : pf_sql_now() + PF_SQL_DOWN);
    return connection;
}

static enum pf_code ask_slot(struct pf_sql *sql, struct pf_sql_slot *slot, const struct asked *asked,
                             struct pf_auth_entry *out_entry, struct pf_err *err)
{
    enum pf_code code = PF_GONE;
    bool fresh = false;

    while (code == PF_GONE && !fresh) {
        fresh = !slot->connection;
        if (fresh)
            slot->connection = open_connection(sql, asked->question.deadline, err);
        if (!slot->connection)
            return PF_TEMP;
        pf_auth_entry_begin(out_entry, pf_bytes_of(asked->question.parts[PF_SQL_USER]));
        code = sql->driver->ask(slot->connection, &asked->question, out_entry, err);
        if (code == PF_GONE || code == PF_BUSY) {
            sql->driver->close(slot->connection);
            slot->connection = NULL;
        }
    }
    return code == PF_OK || code == PF_NO_USER ? code : PF_TEMP;
}

enum pf_code pf_sql_find(void *self, struct pf_bytes name, struct pf_auth_entry *out_entry, struct pf_err *err)
{
    struct pf_sql *sql = self;
    struct asked asked = {.question.deadline = pf_sql_now() + sql->userdb->timeout};
    struct pf_bytes parts[PF_SQL_PARTS];
    struct pf_sql_slot *slot;
    enum pf_code code;

    if (!pf_auth_name_ok(name))
        return PF_NO_USER;
    pf_sql_split(name, parts);
    for (size_t i = 0; i < PF_SQL_PARTS; i++) {
        if (parts[i].len)
            memcpy(asked.texts[i], parts[i].at, parts[i].len);
        asked.question.parts[i] = asked.texts[i];
    }
    slot = pf_sql_slots_take(sql->slots, asked.question.deadline);
    if (!slot)
        return pf_fail(err, PF_TEMP, 0, sql->driver->kind,
                       "%s: all %u connections were busy (userdb connections, timeout)", sql->driver->kind,
                       sql->slots->count);
    code = ask_slot(sql, slot, &asked, out_entry, err);
    pf_sql_slots_give(sql->slots, slot);
    return code;
}

enum pf_code pf_sql_fail(const struct pf_sql_driver *driver, const char *doing, const char *why, struct pf_err *err)
{
    return pf_fail(err, PF_TEMP, 0, driver->kind, "%s: %s: %.*s", driver->kind, doing, (int)strcspn(why, "\n"), why);
}

enum pf_code pf_sql_ambiguous(const struct pf_sql_driver *driver, struct pf_err *err)
{
    return pf_fail(err, PF_TEMP, 0, driver->kind, "%s: the query gives more than one row for this name", driver->kind);
}

static enum pf_code column_fails(const struct pf_sql_driver *driver, struct pf_bytes name, const char *what,
                                 struct pf_err *err)
{
    char safe[COLUMN_MAX];

    pf_text_safe(safe, sizeof safe, name);
    return pf_fail(err, PF_TEMP, 0, driver->kind, "%s: the query's column `%s` %s", driver->kind, safe, what);
}

/* Which column; the count when there is none. */
static size_t column(const struct pf_sql_row *row, struct pf_bytes name, size_t from)
{
    while (from < row->count && !pf_equal_nocase(row->names[from], name))
        from++;
    return from;
}

/* In small letters: databases say Password where somebody wrote it so. */
static struct pf_bytes folded(struct pf_bytes name, unsigned char room[COLUMN_MAX])
{
    name = pf_bytes_head(name, COLUMN_MAX);
    for (size_t i = 0; i < name.len; i++)
        room[i] = pf_lower(name.at[i]);
    return pf_bytes_from(room, name.len);
}

enum pf_code pf_sql_row_look(const struct pf_sql_driver *driver, const struct pf_sql_row *row, struct pf_err *err)
{
    unsigned char room[COLUMN_MAX];

    for (size_t i = 0; i < row->count; i++) {
        if (!pf_auth_entry_knows(folded(row->names[i], room)))
            return column_fails(driver, row->names[i],
                                "means nothing here; give it a name that the password file knows", err);
        if (column(row, row->names[i], i + 1) < row->count)
            return column_fails(driver, row->names[i], "is there twice", err);
    }
    if (column(row, PF_LIT("password"), 0) == row->count)
        return pf_fail(err, PF_TEMP, 0, driver->kind,
                       "%s: the query has no column `password`; name one so, as in: SELECT hash AS password",
                       driver->kind);
    if (driver->folds && column(row, PF_LIT("user"), 0) == row->count)
        return pf_fail(err, PF_TEMP, 0, driver->kind,
                       "%s: the query has no column `user`; ANNA is anna to this database, so it must say how a "
                       "name is spelled, as in: SELECT name AS user, hash AS password",
                       driver->kind);
    return PF_OK;
}

static bool is_password(struct pf_bytes name)
{
    return pf_bytes_equal(name, PF_LIT("password"));
}

enum pf_code pf_sql_row_take(const struct pf_sql_driver *driver, const struct pf_sql_row *row,
                             struct pf_auth_entry *entry, struct pf_err *err)
{
    enum pf_code code = pf_sql_row_look(driver, row, err);

    for (size_t i = 0; i < row->count && code == PF_OK; i++) {
        unsigned char room[COLUMN_MAX];
        struct pf_bytes name = folded(row->names[i], room);

        if ((row->values[i].len || is_password(name)) && !pf_auth_entry_set(entry, name, row->values[i]))
            code = column_fails(driver, name, "has a value that cannot be, or is too long", err);
    }
    return code;
}

enum pf_code pf_sql_secret(const struct pf_sql *sql, char out_secret[PF_SQL_SECRET_MAX + 1], struct pf_err *err)
{
    const char *path = sql->userdb->secret_file;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    size_t len = 0;
    ssize_t got = 1;

    out_secret[0] = 0;
    if (!path)
        return PF_OK;
    if (fd < 0)
        return pf_fail(err, PF_TEMP, errno, sql->driver->kind, "%s: secret-file %s: %s", sql->driver->kind, path,
                       strerror(errno));
    while (got > 0 && len < PF_SQL_SECRET_MAX) {
        got = read(fd, out_secret + len, PF_SQL_SECRET_MAX - len);
        len += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    out_secret[len] = 0;
    out_secret[strcspn(out_secret, "\r\n")] = 0;
    if (got >= 0 && out_secret[0] && strlen(out_secret) < PF_SQL_SECRET_MAX)
        return PF_OK;
    pf_wipe(out_secret, PF_SQL_SECRET_MAX);
    return pf_fail(err, PF_TEMP, 0, sql->driver->kind,
                   "%s: secret-file %s: its first line is no password of at most %d octets", sql->driver->kind, path,
                   PF_SQL_SECRET_MAX - 1);
}
