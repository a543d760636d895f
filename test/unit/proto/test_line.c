#include "unit/cm.h"

#include <stdlib.h>

#include "proto/line.h"

static const struct pf_line_limits limits = {64, 400};

struct lines {
    struct pf_line line;
    char heard[8192]; /* each line in brackets; "!" for one that is too long */
    bool secret;
};

static void start(struct lines *l)
{
    pf_line_init(&l->line);
    l->heard[0] = 0;
    l->secret = false;
}

static void hear(struct lines *l, const struct pf_line_got *got)
{
    size_t at = strlen(l->heard);

    l->secret = l->secret || got->secret;
    if (got->end == PF_LINE_PART)
        return;
    assert_int_not_equal(got->end, PF_LINE_NO_MEMORY);
    if (got->end == PF_LINE_TOO_LONG)
        snprintf(l->heard + at, sizeof l->heard - at, "!");
    else
        snprintf(l->heard + at, sizeof l->heard - at, "[%.*s]", (int)got->line.len, got->line.at);
    pf_line_done(&l->line);
}

static void give(struct lines *l, const char *text, size_t step)
{
    for (size_t at = 0, len = strlen(text); at < len;) {
        size_t n = len - at < step ? len - at : step;
        struct pf_line_got got;

        pf_line_take(&l->line, pf_bytes_from(text + at, n), &limits, &got);
        assert_true(got.taken > 0 && got.taken <= n);
        hear(l, &got);
        at += got.taken;
    }
}

static void expect(const char *text, const char *heard)
{
    for (size_t step = 1; step < 700; step += step < 10 ? 1 : 37) {
        struct lines l;

        start(&l);
        give(&l, text, step);
        assert_string_equal(l.heard, heard);
        pf_line_done(&l.line);
    }
}

static void w_017_lf_ends_a_line_and_a_lone_cr_never(void **state)
{
    (void)state;
    expect("NOOP\r\nSTAT\nQUIT\r\n", "[NOOP][STAT][QUIT]");
    expect("a\rb\r\n\r\n\n", "[a\rb][][]");
    expect("a\r\r\n", "[a\r]");
    expect("a\r", "");
}

/* `n` octets in all, with the line end. */
static void put_line(char *to, const char *begin, size_t n, const char *end)
{
    size_t used = strlen(begin), tail = strlen(end);

    memcpy(to, begin, used);
    memset(to + used, 'x', n - used - tail);
    memcpy(to + n - tail, end, tail + 1);
}

static void w_008_an_overlong_line_is_one_error_and_its_tail_is_no_command(void **state)
{
    char text[1024], heard[128];

    (void)state;
    put_line(text, "NOOP ", 64, "\r\n");
    snprintf(heard, sizeof heard, "[%.62s]", text);
    expect(text, heard);
    put_line(text, "NOOP ", 65, "\r\n");
    expect(text, "!");
    put_line(text, "NOOP ", 65, "\n");
    expect(text, "!");
    put_line(text, "", 600, "\r\n");
    memcpy(text + 64, "\rQUIT\r", 6);
    memcpy(text + 600, "STAT\r\n", 7);
    expect(text, "![STAT]");
}

static void auth_011_a_line_of_auth_has_a_limit_of_its_own(void **state)
{
    char text[512], heard[512];

    (void)state;
    put_line(text, "auth PLAIN ", 400, "\r\n");
    snprintf(heard, sizeof heard, "[%.398s]", text);
    expect(text, heard);
    put_line(text, "AUTH PLAIN ", 401, "\r\n");
    expect(text, "!");
    put_line(text, "AUT PLAIN ", 100, "\r\n");
    expect(text, "!");
}

static void a_whole_line_is_shown_where_it_lies(void **state)
{
    static const char text[] = "RETR 1\r\nRETR 2\r\n";
    struct pf_line_got got;
    struct pf_line line;

    (void)state;
    pf_line_init(&line);
    pf_line_take(&line, pf_bytes_of(text), &limits, &got);
    assert_int_equal(got.end, PF_LINE_WHOLE);
    assert_ptr_equal(got.line.at, text);
    assert_int_equal(got.taken, 8);
    assert_null(line.heap);
    pf_line_done(&line);
}

static void commands_after_login_need_no_heap(void **state)
{
    struct pf_line_got got;
    struct pf_line line;

    (void)state;
    pf_line_init(&line);
    pf_line_take(&line, PF_LIT("TOP 4294967295 18446744073709551615\r"), &limits, &got);
    assert_int_equal(got.end, PF_LINE_PART);
    assert_null(line.heap);
    pf_line_done(&line);
}

static void secret_lines_are_known_across_cuts_and_wiped(void **state)
{
    static const unsigned char zero[PF_LINE_SMALL];
    struct lines l;

    (void)state;
    start(&l);
    give(&l, "pAsS hid", 1);
    assert_true(l.secret);
    l.secret = false;
    give(&l, "den\r\n", 1);
    assert_true(l.secret);
    assert_string_equal(l.heard, "[pAsS hidden]");
    assert_memory_equal(l.line.small, zero, sizeof zero);
    l.secret = false;
    give(&l, "USER PASS\r\n", 1);
    assert_false(l.secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(w_017_lf_ends_a_line_and_a_lone_cr_never),
        T(w_008_an_overlong_line_is_one_error_and_its_tail_is_no_command),
        T(auth_011_a_line_of_auth_has_a_limit_of_its_own),
        T(a_whole_line_is_shown_where_it_lies),
        T(commands_after_login_need_no_heap),
        T(secret_lines_are_known_across_cuts_and_wiped),
    };

    return RUN(tests);
}
