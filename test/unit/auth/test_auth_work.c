#include "auth_bench.h"

#include "auth/auth_work.h"
#include "auth/password.h"

/* Half a millisecond each. */
#define CHEAP_CRYPT                                                                                     \
    "$6$rounds=1000$saltsalt$/IiX/CoEcxCZ9SksEXnbjfCT1LGvD4z5OpJkaFYl/T37OAwuKZ8I8BixDhruhPLkw6lS7dw/"  \
    "6wQWgQnGo7lLg/"

static struct pf_auth_tables *tables_of(struct bench *b, const char *text)
{
    struct pf_auth_tables *tables;

    bench_setup(b, text);
    tables = pf_auth_tables_open(&b->settings, NULL);
    assert_non_null(tables);
    return tables;
}

static void clean(struct bench *b, struct pf_auth_tables *tables)
{
    pf_auth_tables_drop(tables);
    unlink(b->file);
    rmdir(b->dir);
}

static struct pf_auth_work run(const struct pf_auth_tables *tables, const char *name, const char *secret)
{
    struct pf_auth_work work = {.tables = tables,
                                .judged = *pf_auth_tables_stamps(tables),
                                .name = pf_bytes_of(name),
                                .secret = pf_bytes_of(secret),
                                .tls = true};

    pf_auth_work_run(&work);
    return work;
}

static int by_size(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static int64_t took(const struct pf_auth_tables *tables, const char *name, const char *secret)
{
    struct timespec before, after;

    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(run(tables, name, secret).err.code, PF_AUTH);
    clock_gettime(CLOCK_MONOTONIC, &after);
    return (after.tv_sec - before.tv_sec) * 1000000000 + (after.tv_nsec - before.tv_nsec);
}

/* Counting hashes (test_auth.c) is the proof; this sees what counting does not. Turn and turn about, so
 * that a busy machine slows both. */
static void p3_065_unknown_takes_as_long_as_wrong(void **state)
{
    enum { TIMES = 401 };
    static int64_t wrong[TIMES], unknown[TIMES];
    struct bench b;
    struct pf_auth_tables *tables =
        tables_of(&b, "alice:" CHEAP_CRYPT "\nbob:" CHEAP_CRYPT "\ncarol:" SESAME "\n");

    (void)state;
    for (int i = 0; i < TIMES; i++) {
        wrong[i] = took(tables, "alice", "wrong");
        unknown[i] = took(tables, "nobody", "wrong");
    }
    qsort(wrong, TIMES, sizeof wrong[0], by_size);
    qsort(unknown, TIMES, sizeof unknown[0], by_size);
    assert_true(wrong[TIMES / 2] < 2 * unknown[TIMES / 2]);
    assert_true(unknown[TIMES / 2] < 2 * wrong[TIMES / 2]);
    clean(&b, tables);
}

static void reasons_are_for_the_log_alone(void **state)
{
    static const struct {
        const char *name, *log;
    } table[] = {
        {"nobody", "unknown user"},
        {"alice", "wrong password"},
        {"barred", "may not log in"},
        {"locked", "may not log in"},
    };
    struct bench b;
    struct pf_auth_tables *tables =
        tables_of(&b, "alice:" SESAME "\nbarred:" SESAME "::::::nologin\nlocked:*" SESAME "\n");

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct pf_auth_work work = run(tables, table[i].name, "wrong");

        assert_int_equal(work.err.code, PF_AUTH);
        assert_non_null(strstr(work.err.log, table[i].log));
        assert_string_equal(work.err.say, "");
        assert_false(work.stale);
    }
    assert_int_equal(run(tables, "barred", "open sesame").err.code, PF_AUTH);
    assert_int_equal(run(tables, "alice", "open sesame").err.code, PF_OK);
    clean(&b, tables);
}

/* The stand-in is somebody's hash: his password opens no other door. */
static void the_stand_in_lets_nobody_in(void **state)
{
    struct bench b;
    struct pf_auth_tables *tables = tables_of(&b, "alice:" SESAME "\n"), *none;

    (void)state;
    assert_int_equal(run(tables, "nobody", "open sesame").err.code, PF_AUTH);
    clean(&b, tables);
    none = tables_of(&b, "# nobody yet\n");
    assert_int_equal(run(none, "nobody", "pass word:\xc3\xa9").err.code, PF_AUTH);
    clean(&b, none);
}

static void a_failure_notices_that_the_file_changed(void **state)
{
    struct bench b;
    struct pf_auth_tables *tables = tables_of(&b, "alice:" SESAME "\n");

    (void)state;
    bench_age(&b, 100);
    assert_true(run(tables, "alice", "wrong").stale);
    assert_false(run(tables, "alice", "open sesame").stale);
    clean(&b, tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(p3_065_unknown_takes_as_long_as_wrong),
        T(reasons_are_for_the_log_alone),
        T(the_stand_in_lets_nobody_in),
        T(a_failure_notices_that_the_file_changed),
    };

    return RUN(tests);
}
