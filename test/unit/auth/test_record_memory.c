/* Each allocation of tokens, of the record and of a file's edit fails once. */
#include "auth_bench.h"

#include "auth/edit.h"
#include "auth/record.h"
#include "auth/throttle.h"
#include "auth/tokens.h"

#include "unit/scarce.h"

#define ZEROS "{SHA256}0000000000000000000000000000000000000000000000000000000000000000"

static void tokens_are_read_whole_or_not_at_all(void **state)
{
    struct pf_auth_stamp stamp;
    struct pf_tokens *tokens;
    struct pf_err err;
    struct bench b;
    unsigned n = 0;

    (void)state;
    bench_setup(&b, "anna:aaaaaaaa:" ZEROS ":\nbert:bbbbbbbb:" ZEROS ":\n");
    do {
        countdown = ++n;
        err = (struct pf_err){0};
        tokens = pf_tokens_open(b.file, &stamp, &err);
        assert_true(tokens || err.code == PF_NO_MEMORY);
    } while (!tokens);
    countdown = 0;
    assert_int_equal(n, 5); /* text, tokens, rows, index */
    assert_int_equal(pf_tokens_count(tokens), 2);
    pf_tokens_free(tokens);
    unlink(b.file);
    assert_int_equal(rmdir(b.dir), 0);
}

static void a_record_is_opened_or_refused(void **state)
{
    struct pf_loop *loop = pf_loop_new(NULL);
    struct pf_pool *pool = pf_pool_new(loop, "record", 1, 4, NULL);
    struct pf_record *record;
    struct pf_err err;
    struct bench b;
    unsigned n = 0;

    (void)state;
    bench_setup(&b, "anna\tlast=2026-11-22T08:00:01Z,192.0.2.1\n");
    do {
        countdown = ++n;
        err = (struct pf_err){0};
        record = pf_record_new(loop, pool, b.file, &err);
        assert_true(record || err.code == PF_NO_MEMORY);
    } while (!record);
    assert_true(n > 4);
    for (unsigned i = 1; i < 6; i++) {
        countdown = i;
        pf_record_note(record, "bert", "192.0.2.1", 1U << PF_RECORD_APOP, 1795334400 + i);
        countdown = 0;
    }
    pf_record_free(record);
    pf_pool_free(pool);
    pf_loop_free(loop);
    unlink(b.file);
    assert_int_equal(rmdir(b.dir), 0);
}

static void rows_are_read_whole_or_not_at_all(void **state)
{
    struct pf_record_row *rows = NULL;
    enum pf_code code;
    struct bench b;
    unsigned n = 0;
    size_t count;

    (void)state;
    bench_setup(&b, "anna\tlast=2026-11-22T08:00:01Z,192.0.2.1\nbert\tapop=2026-11-22T08:00:01Z,192.0.2.1\n");
    do {
        countdown = ++n;
        code = pf_record_read(b.file, &rows, &count, NULL);
    } while (code != PF_OK && n < 100);
    countdown = 0;
    assert_int_equal(code, PF_OK);
    assert_true(n > 3);
    assert_int_equal(count, 2);
    pf_record_rows_free(rows, count);
    unlink(b.file);
    assert_int_equal(rmdir(b.dir), 0);
}

static enum pf_code any(const char *path, char *text, size_t len, struct pf_err *err)
{
    (void)path;
    (void)len;
    (void)err;
    free(text);
    return PF_OK;
}

static enum pf_code append(const char *file)
{
    struct pf_edit edit;
    enum pf_code code = pf_edit_open(&edit, file, false, NULL);

    if (code != PF_OK)
        return code;
    code = pf_edit_append(&edit, PF_LIT("two"), NULL);
    if (code == PF_OK)
        code = pf_edit_save(&edit, any, NULL);
    pf_edit_close(&edit);
    return code;
}

static void an_edit_is_saved_whole_or_not_at_all(void **state)
{
    char text[32] = "";
    struct bench b;
    unsigned n = 0;
    int fd;

    (void)state;
    bench_setup(&b, "one\n");
    do
        countdown = ++n;
    while (append(b.file) != PF_OK && n < 100);
    countdown = 0;
    assert_in_range(n, 3, 99);
    fd = open(b.file, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, text, sizeof text - 1), 8);
    close(fd);
    assert_string_equal(text, "one\ntwo\n");
    unlink(b.file);
    assert_int_equal(rmdir(b.dir), 0);
}

static void a_throttle_is_there_or_not(void **state)
{
    struct pf_throttle *throttle;
    unsigned n = 0;

    (void)state;
    do {
        countdown = ++n;
        throttle = pf_throttle_new();
    } while (!throttle);
    countdown = 0;
    assert_int_equal(n, 4);
    pf_throttle_free(throttle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tokens_are_read_whole_or_not_at_all), T(a_record_is_opened_or_refused),
        T(rows_are_read_whole_or_not_at_all),   T(an_edit_is_saved_whole_or_not_at_all),
        T(a_throttle_is_there_or_not),
    };

    return RUN(tests);
}
