#include "unit/cm.h"

#include "auth/auth_source.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

static enum pf_code check(struct pf_conf_userdb userdb, const char *says)
{
    struct pf_err err = {0};
    enum pf_code code;

    userdb.timeout = 5000;
    userdb.connections = 1;
    code = pf_auth_source_check(&userdb, &err);
    assert_int_equal(err.code, code);
    if (!strstr(err.log, says))
        assert_string_equal(err.log, says);
    return code;
}

static void what_can_be_asked_now(void **state)
{
    char dir[] = "/tmp/pf-source-XXXXXX", file[64];
    struct pf_conf_userdb userdb = {.kind = PF_CONF_USERDB_SQLITE,
                                    .path = file,
                                    .query = "SELECT hash AS password FROM users WHERE name = :user"};
    sqlite3 *db;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/users.db", dir);
    assert_int_equal(check(userdb, "No such file"), PF_TEMP);
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE users (name, hash)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(check(userdb, ""), PF_OK);
    userdb.query = "SELECT name AS maildrop FROM users WHERE name = :user";
    assert_int_equal(check(userdb, "no column `password`"), PF_TEMP);
    userdb.query = "SELECT :usr";
    assert_int_equal(check(userdb, "unknown placeholder"), PF_CONFIG);
    assert_int_equal(unlink(file), 0);
    userdb = (struct pf_conf_userdb){.kind = PF_CONF_USERDB_FILE, .path = file};
    assert_int_not_equal(check(userdb, "No such file"), PF_OK);
    close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_int_equal(check(userdb, ""), PF_OK);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {T(what_can_be_asked_now)};

    return RUN(tests);
}
