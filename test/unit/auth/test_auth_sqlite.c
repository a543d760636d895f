#include "unit/cm.h"

#include "auth/auth_sql.h"
#include "sys/pool.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define USERS                                                                                             \
    "CREATE TABLE users (name TEXT, domain TEXT, hash TEXT, home TEXT);"                                  \
    "INSERT INTO users VALUES ('anna', 'example.org', '{PLAIN}secret', '/mail/anna'),"                    \
    "('bob', 'example.org', NULL, NULL), ('twin', 'example.org', 'a', '/b'), ('twin', 'example.org', 'c', '/d')," \
    "('' , 'example.org', '{PLAIN}empty', NULL);"
#define QUERY "SELECT hash AS password, home AS maildrop FROM users WHERE name = :name AND domain = :domain"

struct bench {
    char dir[64], file[96], other[96];
    struct pf_conf_userdb userdb;
    void *self;
    struct pf_auth_entry entry;
    struct pf_err err;
};

static void run_sql(const char *file, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA synchronous=OFF", NULL, NULL, NULL), SQLITE_OK); /* no test of disks */
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void set_up(struct bench *b, const char *sql, const char *query)
{
    *b = (struct bench){.dir = "/tmp/pf-sqlite-XXXXXX"};
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->file, sizeof b->file, "%s/users.db", b->dir);
    snprintf(b->other, sizeof b->other, "%s/other.db", b->dir);
    b->userdb = (struct pf_conf_userdb){
        .kind = PF_CONF_USERDB_SQLITE, .path = b->file, .query = query, .timeout = 5000, .connections = 2};
    if (sql)
        run_sql(b->file, sql);
    b->self = pf_auth_sqlite_source.open(&b->userdb, NULL, NULL, &b->err);
    assert_string_equal(b->err.log, "");
    assert_non_null(b->self);
}

static void tear_down(struct bench *b)
{
    char name[128];
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};

    pf_auth_sqlite_source.close(b->self);
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", b->file, ends[i]);
        unlink(name);
    }
    assert_int_equal(rmdir(b->dir), 0);
}

static enum pf_code find(struct bench *b, const char *name)
{
    b->err = (struct pf_err){0};
    return pf_auth_sqlite_source.find(b->self, pf_bytes_of(name), &b->entry, &b->err);
}

static void fails(struct bench *b, const char *name, const char *says)
{
    assert_int_equal(find(b, name), PF_TEMP);
    assert_int_equal(b->err.code, PF_TEMP);
    if (!strstr(b->err.log, says))
        assert_string_equal(b->err.log, says);
}

static void users_are_found(void **state)
{
    struct bench b;

    (void)state;
    set_up(&b, USERS, QUERY);
    assert_int_equal(find(&b, "anna@example.org"), PF_OK);
    assert_string_equal(b.entry.user.name, "anna@example.org");
    assert_string_equal(b.entry.user.maildrop, "/mail/anna");
    assert_string_equal(b.entry.stored, "{PLAIN}secret");
    assert_false(b.entry.nologin);
    assert_int_equal(find(&b, "anna"), PF_NO_USER);
    assert_int_equal(find(&b, "ANNA@example.org"), PF_NO_USER);
    assert_int_equal(find(&b, "anna@example.com"), PF_NO_USER);
    assert_int_equal(find(&b, "bob@example.org"), PF_OK);
    assert_true(b.entry.nologin);
    assert_string_equal(b.entry.user.maildrop, "");
    fails(&b, "twin@example.org", "more than one row");
    assert_int_equal(find(&b, "anna@example.org"), PF_OK);
    tear_down(&b);
}

static void names_are_never_sql(void **state)
{
    static const char *const names[] = {"' OR 1=1 --",        "x' OR '1'='1",        "\" OR 1=1 --",
                                        "x@' OR 1=1 --",      "'; DROP TABLE users; --", "anna@example.org' --",
                                        "anna\\' OR 1=1 -- ", "%",                   "%@example.org",
                                        "_nna@example.org",   ":name",               "?1@example.org"};
    struct bench b;

    (void)state;
    set_up(&b, USERS, QUERY);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(find(&b, names[i]), PF_NO_USER);
    assert_int_equal(find(&b, "anna@example.org"), PF_OK);
    run_sql(b.file, "INSERT INTO users VALUES ('o''brien'' OR 1=1 --', 'x', '{PLAIN}irish', NULL)");
    assert_int_equal(find(&b, "o'brien' OR 1=1 --@x"), PF_OK);
    assert_string_equal(b.entry.stored, "{PLAIN}irish");
    tear_down(&b);
}

/* Each is found at the first question: the file could not be read before. */
static void queries_that_cannot_be(void **state)
{
    static const struct {
        const char *query, *says;
    } table[] = {
        {"SELECT home AS maildrop FROM users WHERE name = :name", "no column `password`"},
        {"SELECT hash AS password, home FROM users WHERE name = :name", "`home` means nothing"},
        {"SELECT hash AS password FROM nowhere WHERE name = :name", "no such table"},
        {"SELEKT :name", "syntax error"},
        {"SELECT hash AS password FROM users WHERE name = :name AND home = ?7", "parameters other than"},
        {"SELECT hash AS password FROM users WHERE name = :name; DELETE FROM users", "not one statement"},
        {"DELETE FROM users WHERE name = :name RETURNING hash AS password", "does not read users"},
        {"SELECT hash AS password, x'6100' AS maildrop FROM users WHERE name = :name", "`maildrop` has a value"},
        {"SELECT hash AS password, 'relative' AS maildrop FROM users WHERE name = :name", "`maildrop` has a value"},
        {"SELECT printf('%.*c', 1100, 'x') AS password FROM users WHERE name = :name", "`password` has a value"},
        {"SELECT 'x' || char(0) || 'y' AS password FROM users WHERE name = :name", "`password` has a value"},
        {"SELECT hash AS password, 'a/b' AS user FROM users WHERE name = :name", "`user` has a value"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct bench b;

        set_up(&b, USERS, table[i].query);
        fails(&b, "anna@example.org", table[i].says);
        tear_down(&b);
    }
}

static void a_slow_query_has_its_time(void **state)
{
    struct bench b;
    pf_time before = pf_sql_now();

    (void)state;
    set_up(&b, USERS,
           "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT hash AS password FROM n, users "
           "WHERE name = :name AND x < 0");
    b.userdb.timeout = 200;
    fails(&b, "anna@example.org", "no answer in time");
    assert_in_range(pf_sql_now() - before, 200, 4000);
    tear_down(&b);
}

static void a_lock_is_waited_for_and_no_wrong_password(void **state)
{
    struct bench b;
    sqlite3 *writer;

    (void)state;
    set_up(&b, USERS, QUERY);
    b.userdb.timeout = 150;
    assert_int_equal(sqlite3_open(b.file, &writer), SQLITE_OK);
    assert_int_equal(sqlite3_exec(writer, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    fails(&b, "anna@example.org", "locked");
    assert_int_equal(sqlite3_exec(writer, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(find(&b, "anna@example.org"), PF_OK);
    assert_int_equal(sqlite3_exec(writer, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    fails(&b, "anna@example.org", "locked"); /* now with an open connection */
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
    assert_int_equal(find(&b, "anna@example.org"), PF_OK);
    tear_down(&b);
}

static void changes_are_seen_at_once(void **state)
{
    struct bench b;

    (void)state;
    set_up(&b, USERS, QUERY);
    assert_int_equal(find(&b, "anna@example.org"), PF_OK);
    run_sql(b.file, "UPDATE users SET hash = '{PLAIN}new' WHERE name = 'anna'");
    assert_int_equal(find(&b, "anna@example.org"), PF_OK);
    assert_string_equal(b.entry.stored, "{PLAIN}new");
    run_sql(b.file, "DELETE FROM users WHERE name = 'anna'");
    assert_int_equal(find(&b, "anna@example.org"), PF_NO_USER);
    run_sql(b.file, "DROP TABLE users");
    fails(&b, "anna@example.org", "no such table");
    run_sql(b.file, USERS);
    assert_int_equal(find(&b, "anna@example.org"), PF_OK);
    tear_down(&b);
}

static void a_replaced_file_is_the_one_that_counts(void **state)
{
    struct bench b;

    (void)state;
    set_up(&b, USERS, QUERY);
    assert_int_equal(find(&b, "anna@example.org"), PF_OK);
    run_sql(b.other, USERS "UPDATE users SET name = 'dora' WHERE name = 'anna'");
    assert_int_equal(rename(b.other, b.file), 0);
    assert_int_equal(find(&b, "anna@example.org"), PF_NO_USER);
    assert_int_equal(find(&b, "dora@example.org"), PF_OK);
    assert_int_equal(unlink(b.file), 0);
    fails(&b, "dora@example.org", "No such file");
    run_sql(b.file, USERS);
    assert_int_equal(find(&b, "anna@example.org"), PF_OK);
    tear_down(&b);
}

static void write_octets(const char *file, off_t at, size_t len)
{
    static const char rubbish[4096] = "this is no database";
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_int_equal(pwrite(fd, rubbish, len, at), len);
    close(fd);
}

static void damage_is_no_wrong_password(void **state)
{
    struct bench b;

    (void)state;
    set_up(&b, NULL, QUERY);
    fails(&b, "anna@example.org", "No such file");
    write_octets(b.file, 0, 4096);
    fails(&b, "anna@example.org", "not a database");
    unlink(b.file);
    run_sql(b.file, USERS);
    assert_int_equal(find(&b, "anna@example.org"), PF_OK);
    write_octets(b.file, 4096, 4096); /* the table's page */
    pf_auth_sqlite_source.close(b.self); /* it remembers what it read */
    b.self = pf_auth_sqlite_source.open(&b.userdb, NULL, NULL, &b.err);
    fails(&b, "anna@example.org", "malformed");
    assert_int_equal(truncate(b.file, 0), 0);
    fails(&b, "anna@example.org", "no such table");
    tear_down(&b);
}

static void a_database_in_wal_mode_is_read_while_it_is_written(void **state)
{
    struct bench b;
    sqlite3 *writer;

    (void)state;
    set_up(&b, "PRAGMA journal_mode=WAL;" USERS, QUERY);
    assert_int_equal(find(&b, "anna@example.org"), PF_OK);
    assert_int_equal(sqlite3_open(b.file, &writer), SQLITE_OK);
    assert_int_equal(sqlite3_exec(writer, "BEGIN IMMEDIATE; DELETE FROM users", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(find(&b, "anna@example.org"), PF_OK);
    assert_int_equal(sqlite3_exec(writer, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(find(&b, "anna@example.org"), PF_NO_USER);
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
    tear_down(&b);
}

static struct bench *crowded;
static _Atomic unsigned found;
static unsigned through;

static void ask_often(struct pf_job *job)
{
    (void)job;
    for (int i = 0; i < 20; i++) {
        struct pf_auth_entry entry;

        found += pf_auth_sqlite_source.find(crowded->self, PF_LIT("anna@example.org"), &entry, NULL) == PF_OK &&
                 strcmp(entry.stored, "{PLAIN}secret") == 0;
    }
}

static void count(struct pf_job *job)
{
    (void)job;
    through++;
}

static void many_threads_and_few_connections(void **state)
{
    static struct pf_job jobs[40];
    struct bench b;
    struct pf_loop *loop = pf_loop_new(NULL);
    struct pf_pool *pool = pf_pool_new(loop, "sqlite", 8, 40, NULL);

    (void)state;
    set_up(&b, USERS, QUERY);
    b.userdb.timeout = 60000;
    crowded = &b;
    for (size_t i = 0; i < 40; i++) {
        jobs[i] = (struct pf_job){.work = ask_often, .done = count};
        assert_true(pf_pool_submit(pool, &jobs[i]));
    }
    while (through < 40 && pf_loop_turn(loop, true))
        ;
    assert_int_equal(found, 40 * 20);
    pf_pool_free(pool);
    pf_loop_free(loop);
    tear_down(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(users_are_found),
        T(names_are_never_sql),
        T(queries_that_cannot_be),
        T(a_slow_query_has_its_time),
        T(a_lock_is_waited_for_and_no_wrong_password),
        T(changes_are_seen_at_once),
        T(a_replaced_file_is_the_one_that_counts),
        T(damage_is_no_wrong_password),
        T(a_database_in_wal_mode_is_read_while_it_is_written),
        T(many_threads_and_few_connections),
    };

    return RUN(tests);
}
