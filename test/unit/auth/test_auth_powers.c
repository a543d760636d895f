/* The door: scoped credentials, addresses that fail without end, and the record of who came how. */
#include "door.h"

#include "auth/record.h"
#include "auth/tokens.h"

/* A token of anna's with these words; its text is told. */
static void write_token(const char *file, const char *words, char out_token[PF_TOKEN_MAX])
{
    const struct pf_token_order order = {.user = "anna", .words = words, .now = time(NULL)};
    unsigned char line[1024];
    struct pf_span span = {line, 0, sizeof line};
    struct pf_err err = {0};
    FILE *to = fopen(file, "we");

    assert_non_null(to);
    assert_int_equal(pf_token_make(&order, out_token, &span, &err), PF_OK);
    assert_string_equal(err.log, "");
    fprintf(to, "%.*s\n", (int)span.len, (char *)line);
    assert_int_equal(fclose(to), 0);
}

static enum pf_code token_login(struct door *d, struct try *t, const char *name, const char *token)
{
    try_begin(&d->b, t, name, token);
    return try_end(&d->b, t);
}

static void a_token_lets_in_and_may_do_less(void **state)
{
    char file[64], extra[128], token[PF_TOKEN_MAX], wrong[PF_TOKEN_MAX];
    struct door d;
    struct try t;

    (void)state;
    snprintf(file, sizeof file, "/tmp/pf-tokens-%d", (int)getpid());
    snprintf(extra, sizeof extra, "tokens %s", file);
    write_token(file, "read-only from=192.0.2.0/24 folder=lists", token);
    door_open(&d, extra, "anna:{PLAIN}hers\nbob:{PLAIN}his\n");
    assert_int_equal(token_login(&d, &t, "anna", token), PF_OK);
    assert_true(t.check.user.read_only && t.check.user.no_delete);
    assert_string_equal(t.check.user.folder, "lists");
    assert_true(strstr(token, t.check.user.token) && t.check.user.token[0]);
    memcpy(wrong, token, sizeof wrong);
    wrong[strlen(wrong) - 1] ^= 1;
    assert_int_equal(token_login(&d, &t, "anna", wrong), PF_AUTH);
    assert_int_equal(token_login(&d, &t, "bob", token), PF_AUTH);
    assert_int_equal(token_login(&d, &t, "nobody", token), PF_AUTH);
    assert_int_equal(token_login(&d, &t, "anna*boss", token), PF_AUTH);
    assert_int_equal(token_login(&d, &t, "anna", "hers"), PF_OK);
    assert_string_equal(t.check.user.token, "");
    assert_false(t.check.user.read_only || t.check.user.no_delete);
    door_close(&d);
    write_token(file, "from=198.51.100.7", token);
    door_open(&d, extra, "anna:{PLAIN}hers\n");
    assert_int_equal(token_login(&d, &t, "anna", token), PF_AUTH);
    door_close(&d);
    write_token(file, "every=3600 no-delete", token);
    door_open(&d, extra, "anna:{PLAIN}hers\n");
    assert_int_equal(token_login(&d, &t, "anna", token), PF_OK);
    assert_true(t.check.user.no_delete && !t.check.user.read_only);
    assert_int_equal(token_login(&d, &t, "anna", token), PF_LOGIN_DELAY);
    assert_int_equal(token_login(&d, &t, "anna", "hers"), PF_OK);
    door_close(&d);
    unlink(file);
}

/* An address that fails without end, and one of its users who is known there. */
static void who_fails_too_often_is_not_looked_at(void **state)
{
    struct door d;
    struct try t;

    (void)state;
    door_open(&d, "failures-per-address 5; cache-time 0", "anna:" CHEAP_CRYPT "\nbob:" CHEAP_CRYPT "\n");
    assert_int_equal(try_login(&d.b, "anna", "open sesame"), PF_OK);
    for (int i = 0; i < 6; i++)
        assert_int_equal(try_login(&d.b, "nobody", "x"), PF_AUTH);
    assert_int_equal(cost(&d, "bob", "open sesame", PF_BUSY), LIGHT);
    assert_int_equal(cost(&d, "anna", "open sesame", PF_OK), HASH);
    try_begin(&d.b, &t, "bob", "open sesame");
    assert_int_equal(try_end(&d.b, &t), PF_BUSY);
    assert_string_equal(t.check.err.log, "too many failures from this address: not looked at");
    door_close(&d);
}

static void who_came_how_is_recorded(void **state)
{
    static const char digest[] = "c4c9334bac560ecc979e58001b3e22fb";
    char file[64], extra[128];
    struct pf_record_row *rows;
    struct pf_err err = {0};
    struct try t = {0};
    struct door d;
    size_t count;

    (void)state;
    snprintf(file, sizeof file, "/tmp/pf-record-%d", (int)getpid());
    snprintf(extra, sizeof extra, "login-record %s; apop yes", file);
    door_open(&d, extra, "anna:{PLAIN}hers\nmrose:{PLAIN}tanstaaf\n");
    pf_auth_free(d.b.auth);
    d.b.settings.pool = pf_pool_new(d.b.loop, "disk", 1, 10, &err);
    d.b.auth = pf_auth_new(d.b.loop, &d.b.settings, &err);
    assert_non_null(d.b.auth);
    assert_int_equal(try_login(&d.b, "anna", "hers"), PF_OK);
    assert_int_equal(apop(&d, "mrose", digest), PF_OK);
    t.check.link.tls = false;
    assert_int_equal(step(&d, &t, "PLAIN", "\0mrose\0wrong", 12), PF_AUTH);
    pf_auth_free(d.b.auth);
    d.b.auth = NULL;
    pf_pool_free(d.b.settings.pool);
    assert_int_equal(pf_record_read(file, &rows, &count, &err), PF_OK);
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].user, "anna");
    assert_true(rows[0].at[PF_RECORD_LAST] && !rows[0].at[PF_RECORD_PLAINTEXT]);
    assert_string_equal(rows[0].from[PF_RECORD_LAST], "192.0.2.1");
    assert_true(rows[1].at[PF_RECORD_APOP] && !rows[1].at[PF_RECORD_PLAINTEXT]);
    pf_record_rows_free(rows, count);
    unlink(file);
    door_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_token_lets_in_and_may_do_less),
        T(who_fails_too_often_is_not_looked_at),
        T(who_came_how_is_recorded),
    };

    return RUN(tests);
}
