#include "auth_bench.h"

#include "auth/auth_look.h"

static const char alice[] = "alice:" SESAME "\n";

struct eye {
    struct bench bench;
    struct pf_auth_tables *tables;
    struct pf_auth_look look;
};

static void open_eye(struct eye *eye)
{
    *eye = (struct eye){0};
    bench_setup(&eye->bench, alice);
    eye->tables = pf_auth_tables_open(&eye->bench.settings, NULL);
    assert_non_null(eye->tables);
}

static void close_eye(struct eye *eye)
{
    pf_auth_tables_drop(eye->look.fresh);
    pf_auth_tables_drop(eye->tables);
    unlink(eye->bench.file);
    rmdir(eye->bench.dir);
}

static enum pf_look_verdict look(struct eye *eye, pf_time flux)
{
    pf_auth_tables_drop(eye->look.fresh);
    eye->look = (struct pf_auth_look){
        .tables = eye->tables, .judged = *pf_auth_tables_stamps(eye->tables), .flux = flux};
    pf_auth_look_work(&eye->look.job);
    assert_true((eye->look.verdict == PF_LOOK_NEW) == (eye->look.fresh != NULL));
    assert_true((eye->look.verdict == PF_LOOK_BAD) == (eye->look.err.code != PF_OK));
    return eye->look.verdict;
}

static void nothing_changed_is_the_same(void **state)
{
    struct eye eye;

    (void)state;
    open_eye(&eye);
    assert_int_equal(look(&eye, 0), PF_LOOK_SAME);
    assert_int_equal(look(&eye, PF_LOOK_RESTLESS), PF_LOOK_SAME);
    close_eye(&eye);
}

static void what_was_just_written_is_left_alone_for_a_second(void **state)
{
    struct eye eye;

    (void)state;
    open_eye(&eye);
    bench_write(&eye.bench, "alice:" SESAME "\nbob:" SESAME "\n");
    assert_int_equal(look(&eye, 0), PF_LOOK_BUSY);
    assert_int_equal(look(&eye, PF_LOOK_RESTLESS - 1), PF_LOOK_BUSY);
    assert_int_equal(look(&eye, PF_LOOK_RESTLESS), PF_LOOK_NEW);
    bench_age(&eye.bench, 2);
    assert_int_equal(look(&eye, 0), PF_LOOK_NEW);
    assert_int_equal(pf_auth_tables_count(eye.look.fresh), 2);
    bench_age(&eye.bench, -3600); /* another machine's clock */
    assert_int_equal(look(&eye, 0), PF_LOOK_NEW);
    assert_true(pf_auth_stamps_equal(&eye.look.now, pf_auth_tables_stamps(eye.look.fresh)));
    close_eye(&eye);
}

static void missing_for_a_second_is_bad(void **state)
{
    struct eye eye;

    (void)state;
    open_eye(&eye);
    unlink(eye.bench.file);
    assert_int_equal(look(&eye, 0), PF_LOOK_BUSY);
    assert_int_equal(look(&eye, PF_LOOK_MISSING - 1), PF_LOOK_BUSY);
    assert_int_equal(look(&eye, PF_LOOK_MISSING), PF_LOOK_BAD);
    assert_non_null(strstr(eye.look.err.log, eye.bench.file));
    close_eye(&eye);
}

static void bad_or_without_users_is_bad(void **state)
{
    struct eye eye;

    (void)state;
    open_eye(&eye);
    bench_write(&eye.bench, "alice\n");
    bench_age(&eye.bench, 2);
    assert_int_equal(look(&eye, 0), PF_LOOK_BAD);
    bench_write(&eye.bench, "");
    bench_age(&eye.bench, 2);
    assert_int_equal(look(&eye, 0), PF_LOOK_BAD);
    assert_non_null(strstr(eye.look.err.log, "no users any more"));
    close_eye(&eye);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_changed_is_the_same),
        T(what_was_just_written_is_left_alone_for_a_second),
        T(missing_for_a_second_is_bad),
        T(bad_or_without_users_is_bad),
    };

    return RUN(tests);
}
