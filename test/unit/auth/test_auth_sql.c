/* What all databases share, with a driver that does as it is told. */
#include "unit/cm.h"

#include "auth/auth_sql.h"
#include "auth/password.h"

#include <stdlib.h>
#include <unistd.h>

static struct {
    bool reachable;
    enum pf_code answers[8]; /* to one question after the other */
    size_t next;
    unsigned opened, closed, asked;
    char user[64], name[64], domain[64];
} db;

static void *open_it(const struct pf_sql *sql, pf_time deadline, struct pf_err *err)
{
    (void)sql;
    (void)deadline;
    db.opened++;
    if (db.reachable)
        return &db;
    pf_fail(err, PF_TEMP, 0, "test", "it is down");
    return NULL;
}

static enum pf_code ask(void *connection, const struct pf_sql_question *question, struct pf_auth_entry *out_entry,
                        struct pf_err *err)
{
    enum pf_code code = db.answers[db.next++ % 8];

    assert_ptr_equal(connection, &db);
    assert_string_equal(out_entry->user.name, question->parts[PF_SQL_USER]);
    snprintf(db.user, sizeof db.user, "%s", question->parts[PF_SQL_USER]);
    snprintf(db.name, sizeof db.name, "%s", question->parts[PF_SQL_NAME]);
    snprintf(db.domain, sizeof db.domain, "%s", question->parts[PF_SQL_DOMAIN]);
    db.asked++;
    if (code != PF_OK && code != PF_NO_USER)
        pf_fail(err, PF_TEMP, 0, "test", "it said %d", code);
    return code;
}

static void close_it(void *connection)
{
    assert_ptr_equal(connection, &db);
    db.closed++;
}

static const struct pf_sql_driver driver = {
    .kind = "testdb", .dialect = PF_SQL_SQLITE, .open = open_it, .ask = ask, .close = close_it};
static const struct pf_sql_driver folding = {.kind = "testdb", .folds = true};
static const struct pf_conf_userdb userdb = {.query = "SELECT :user", .connections = 2, .timeout = 5000};

static struct pf_sql *start(bool reachable)
{
    struct pf_err err = {0};
    struct pf_sql *sql;

    memset(&db, 0, sizeof db);
    db.reachable = reachable;
    sql = pf_sql_open(&driver, &userdb, &err);
    assert_string_equal(err.log, "");
    assert_int_equal(db.opened, 0); /* nobody asked yet */
    return sql;
}

static enum pf_code find(struct pf_sql *sql, struct pf_err *err)
{
    struct pf_auth_entry entry;

    *err = (struct pf_err){0};
    return pf_sql_find(sql, PF_LIT("anna@example.org"), &entry, err);
}

static void a_connection_is_kept(void **state)
{
    struct pf_sql *sql = start(true);
    struct pf_err err;

    (void)state;
    assert_int_equal(pf_sql_forms(sql), PF_FORM_ANY);
    db.answers[1] = PF_NO_USER;
    db.answers[2] = PF_TEMP;
    assert_int_equal(find(sql, &err), PF_OK);
    assert_int_equal(find(sql, &err), PF_NO_USER);
    assert_int_equal(find(sql, &err), PF_TEMP);
    assert_int_equal(find(sql, &err), PF_OK);
    assert_string_equal(db.user, "anna@example.org");
    assert_string_equal(db.name, "anna");
    assert_string_equal(db.domain, "example.org");
    assert_int_equal(db.opened, 1);
    pf_sql_close(sql);
    assert_int_equal(db.closed, 1);
}

static void a_dead_one_is_replaced_once_without_a_word(void **state)
{
    struct pf_sql *sql = start(true);
    struct pf_err err;

    (void)state;
    assert_int_equal(find(sql, &err), PF_OK);
    db.answers[1] = PF_GONE;
    assert_int_equal(find(sql, &err), PF_OK);
    assert_int_equal(db.opened, 2);
    db.answers[3] = db.answers[4] = PF_GONE;
    assert_int_equal(find(sql, &err), PF_TEMP); /* the new one fails, too */
    assert_int_equal(err.code, PF_TEMP);
    assert_int_equal(db.opened, 3);
    assert_int_equal(db.closed, 3);
    db.answers[5] = PF_BUSY; /* too late: no second try */
    assert_int_equal(find(sql, &err), PF_TEMP);
    assert_int_equal(db.opened, 4);
    assert_int_equal(db.closed, 4);
    pf_sql_close(sql);
}

static void who_is_down_is_left_alone(void **state)
{
    struct pf_sql *sql = start(false);
    struct pf_err err;

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(find(sql, &err), PF_TEMP);
    assert_int_equal(db.opened, 1);
    assert_non_null(strstr(err.log, "testdb: could not be used a moment ago"));
    assert_true(sql->retry > pf_sql_now());
    assert_true(sql->retry <= pf_sql_now() + PF_SQL_DOWN);
    sql->retry = pf_sql_now(); /* the second is over */
    db.reachable = true;
    assert_int_equal(find(sql, &err), PF_OK);
    assert_int_equal(sql->retry, 0);
    assert_int_equal(db.asked, 1);
    pf_sql_close(sql);
}

static void names_that_nobody_has_are_not_asked_for(void **state)
{
    struct pf_sql *sql = start(true);
    struct pf_auth_entry entry;
    static char longest[PF_AUTH_NAME_MAX + 1];

    (void)state;
    memset(longest, 'a', sizeof longest);
    assert_int_equal(pf_sql_find(sql, pf_bytes_from(longest, sizeof longest), &entry, NULL), PF_NO_USER);
    assert_int_equal(pf_sql_find(sql, PF_LIT(""), &entry, NULL), PF_NO_USER);
    assert_int_equal(pf_sql_find(sql, PF_LIT("a\0b"), &entry, NULL), PF_NO_USER);
    assert_int_equal(db.opened, 0);
    assert_int_equal(pf_sql_find(sql, pf_bytes_from(longest, sizeof longest - 1), &entry, NULL), PF_OK);
    pf_sql_close(sql);
}

static void a_bad_query_is_told_at_once(void **state)
{
    static const struct pf_conf_userdb bad = {.query = "SELECT :usr", .connections = 1, .timeout = 5000};
    struct pf_err err = {0};

    (void)state;
    assert_null(pf_sql_open(&driver, &bad, &err));
    assert_int_equal(err.code, PF_CONFIG);
}

static struct pf_sql_row row_of(const char *const *names, const char *const *values)
{
    struct pf_sql_row row = {0};

    for (; names[row.count]; row.count++) {
        row.names[row.count] = pf_bytes_of(names[row.count]);
        if (values && values[row.count])
            row.values[row.count] = pf_bytes_of(values[row.count]);
    }
    return row;
}

static void columns_must_mean_something(void **state)
{
    static const struct {
        const char *names[4], *says;
        bool folds;
    } table[] = {
        {{"password"}, "", false},
        {{"PassWord", "MAILDROP", "userdb_Whatever"}, "", false},
        {{"maildrop"}, "no column `password`", false},
        {{"password", "maildir"}, "`maildir` means nothing", false},
        {{"password", "PASSWORD"}, "is there twice", false},
        {{"password", ""}, "`` means nothing", false},
        {{"password", "a\nb"}, "`a?b` means nothing", false},
        {{"password"}, "no column `user`", true},
        {{"password", "user"}, "", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct pf_sql_row row = row_of(table[i].names, NULL);
        struct pf_err err = {0};

        assert_int_equal(pf_sql_row_look(table[i].folds ? &folding : &driver, &row, &err),
                         table[i].says[0] ? PF_TEMP : PF_OK);
        if (!strstr(err.log, table[i].says))
            assert_string_equal(err.log, table[i].says);
    }
}

static void nothing_is_as_if_it_was_not_there(void **state)
{
    static const char *const names[] = {"password", "MAILDROP", "expire", "nologin", "user", NULL};
    static const char *const nulls[] = {"{PLAIN}x", NULL, "", NULL, NULL};
    struct pf_sql_row row = row_of(names, nulls);
    struct pf_auth_entry entry = {.user = {.name = "anna", .expire_days = -2}};

    (void)state;
    assert_int_equal(pf_sql_row_take(&driver, &row, &entry, NULL), PF_OK);
    assert_string_equal(entry.stored, "{PLAIN}x");
    assert_string_equal(entry.user.name, "anna");
    assert_int_equal(entry.user.expire_days, -2);
    assert_false(entry.nologin);
    row.values[0] = pf_bytes_from(NULL, 0);
    assert_int_equal(pf_sql_row_take(&driver, &row, &entry, NULL), PF_OK);
    assert_true(entry.nologin);
}

static void the_first_line_is_the_secret(void **state)
{
    static const struct {
        const char *text, *secret;
    } table[] = {{"secret\n", "secret"}, {"two words\r\nmore\n", "two words"}, {"x", "x"}, {"", NULL}, {"\nx\n", NULL}};
    char file[] = "/tmp/pf-secret-XXXXXX", secret[PF_SQL_SECRET_MAX + 1], text[3000];
    int fd = mkstemp(file);
    const struct pf_conf_userdb with = {.secret_file = file}, without = {0};
    struct pf_sql sql = {.driver = &driver, .userdb = &with};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, table[i].text, strlen(table[i].text), 0), strlen(table[i].text));
        assert_int_equal(pf_sql_secret(&sql, secret, NULL), table[i].secret ? PF_OK : PF_TEMP);
        assert_string_equal(secret, table[i].secret ? table[i].secret : "");
    }
    memset(text, 'x', sizeof text);
    assert_int_equal(pwrite(fd, text, sizeof text, 0), sizeof text);
    assert_int_equal(pf_sql_secret(&sql, secret, NULL), PF_TEMP);
    close(fd);
    unlink(file);
    assert_int_equal(pf_sql_secret(&sql, secret, NULL), PF_TEMP);
    sql.userdb = &without;
    assert_int_equal(pf_sql_secret(&sql, secret, NULL), PF_OK);
    assert_string_equal(secret, "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(a_connection_is_kept),
        T(a_dead_one_is_replaced_once_without_a_word),
        T(who_is_down_is_left_alone),
        T(names_that_nobody_has_are_not_asked_for),
        T(a_bad_query_is_told_at_once),
        T(columns_must_mean_something),
        T(nothing_is_as_if_it_was_not_there),
        T(the_first_line_is_the_secret),
    };

    return RUN(tests);
}
