#include "unit/cm.h"

#include "proto/lmtp_address.h"

struct row {
    const char *in;
    const char *out; /* NULL: bad syntax */
};

static void check(const struct row *rows, size_t count, enum pf_lmtp_path_kind kind)
{
    for (size_t i = 0; i < count; i++) {
        struct pf_lmtp_path p;
        enum pf_lmtp_path_fault fault = pf_lmtp_path_read(pf_bytes_of(rows[i].in), kind, &p);

        if (!rows[i].out) {
            if (fault != PF_LMTP_PATH_SYNTAX)
                fail_msg("%s was taken", rows[i].in);
            continue;
        }
        if (fault != PF_LMTP_PATH_GOOD)
            fail_msg("%s was refused", rows[i].in);
        assert_true(pf_bytes_equal(pf_span_bytes(&p.address), pf_bytes_of(rows[i].out)));
    }
}

#define CHECK(rows, kind) check(rows, sizeof rows / sizeof rows[0], kind)

static void s_018_local_parts_have_one_spelling(void **state)
{
    static const struct row rows[] = {
        {"<a@b>", "a@b"},
        {"<!#$%&'*+-/=?^_`{|}~9.x@b>", "!#$%&'*+-/=?^_`{|}~9.x@b"},
        {"<\"a\"@b>", "a@b"},
        {"<\"a.b\"@b>", "a.b@b"},
        {"<\"\\a\\.\\b\"@b>", "a.b@b"},
        {"<\"a b\"@b>", "\"a b\"@b"},
        {"<\"a\\ b\"@b>", "\"a b\"@b"},
        {"<\"a\\\"b\"@b>", "\"a\\\"b\"@b"},
        {"<\"a\\\\b\"@b>", "\"a\\\\b\"@b"},
        {"<\"a..b\"@b>", "\"a..b\"@b"},
        {"<\".a\"@b>", "\".a\"@b"},
        {"<\"\"@b>", "\"\"@b"},
        {"<\"a@b>c\"@d>", "\"a@b>c\"@d"},
        {"<.a@b>", NULL},
        {"<a.@b>", NULL},
        {"<a..b@b>", NULL},
        {"<a b@b>", NULL},
        {"<a\"b\"@b>", NULL},
        {"<\"a\"b@b>", NULL},
        {"<\"a@b>", NULL},
        {"<\"a\\\"@b>", NULL},
        {"<\"a\\", NULL},
        {"<\"a\rb\"@b>", NULL},
        {"<@b>", NULL},
        {"<a@>", NULL},
        {"<a>", NULL},
        {"<a(c)@b>", NULL},
    };

    (void)state;
    CHECK(rows, PF_LMTP_REVERSE);
    CHECK(rows, PF_LMTP_FORWARD);
}

static void domains(void **state)
{
    static const struct row rows[] = {
        {"<a@b.example>", "a@b.example"}, {"<a@b-c.d_e.9>", "a@b-c.d_e.9"},
        {"<a@[192.0.2.1]>", "a@[192.0.2.1]"}, {"<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]"},
        {"<a@B.C>", "a@B.C"}, {"<a@b.>", NULL}, {"<a@.b>", NULL}, {"<a@b..c>", NULL}, {"<a@-b>", NULL},
        {"<a@b->", NULL}, {"<a@b-.c>", NULL}, {"<a@[]>", NULL}, {"<a@[1.2>", NULL}, {"<a@[1 2]>", NULL},
        {"<a@b c>", NULL}, {"<a@b@c>", NULL}, {"<a@b", NULL}, {"<a@b\r>", NULL}, {"a@b>", NULL}, {"", NULL},
        {"<", NULL},
    };

    (void)state;
    CHECK(rows, PF_LMTP_FORWARD);
}

static void s_016_routes(void **state)
{
    static const struct row rows[] = {
        {"<@a:b@c>", "b@c"}, {"<@a,@b.d,@[1.2.3.4]:\"b\"@c>", "b@c"}, {"<@a:>", NULL}, {"<@a,b@c>", NULL},
        {"<@a,:b@c>", NULL}, {"<@:b@c>", NULL}, {"<@a,@b@c>", NULL}, {"<@a:@b:c@d>", NULL},
    };

    (void)state;
    CHECK(rows, PF_LMTP_FORWARD);
}

static void empty_and_postmaster(void **state)
{
    static const struct row reverse[] = {{"<>", ""}, {"<postmaster>", NULL}, {"< >", NULL}};
    static const struct row forward[] = {
        {"<>", NULL}, {"<postMASTER>", "postmaster"}, {"<postmasters>", NULL}, {"<postmaster", NULL},
        {"<\"postmaster\">", NULL}, {"<Postmaster@b>", "Postmaster@b"},
    };

    (void)state;
    CHECK(reverse, PF_LMTP_REVERSE);
    CHECK(forward, PF_LMTP_FORWARD);
}

static void s_032_utf8_is_valid_and_known(void **state)
{
    static const struct row good[] = {
        {"<\xc3\xa4@b>", "\xc3\xa4@b"}, {"<a@\xe4\xb8\xad>", "a@\xe4\xb8\xad"},
        {"<\"\xf0\x9f\x93\xac\"@b>", "\xf0\x9f\x93\xac@b"}, {"<\xf4\x8f\xbf\xbf@b>", "\xf4\x8f\xbf\xbf@b"},
    };
    static const struct row bad[] = {
        {"<\xc3@b>", NULL}, {"<\xc0\x80@b>", NULL}, {"<\xe0\x80\x80@b>", NULL}, {"<\xed\xa0\x80@b>", NULL},
        {"<\xf4\x90\x80\x80@b>", NULL}, {"<\xc2\x85@b>", NULL}, {"<\xff@b>", NULL}, {"<a@\x80>", NULL},
        {"<\"\xe4\xb8\"@b>", NULL}, {"<\xe4\xb8", NULL}, {"<\xf0\x9f\x93\x20@b>", NULL}, {"<\"\\\xc3\xa4\"@b>", NULL},
    };
    struct pf_lmtp_path p;

    (void)state;
    CHECK(good, PF_LMTP_FORWARD);
    CHECK(bad, PF_LMTP_FORWARD);
    pf_lmtp_path_read(pf_bytes_of(good[0].in), PF_LMTP_FORWARD, &p);
    assert_true(p.utf8);
    pf_lmtp_path_read(PF_LIT("<a@b> \xc3\xa4"), PF_LMTP_FORWARD, &p);
    assert_false(p.utf8);
    assert_true(pf_bytes_equal(p.rest, PF_LIT(" \xc3\xa4")));
}

/* A local part of so many letters, and so many quotes when there are any. */
static enum pf_lmtp_path_fault long_one(size_t letters, size_t dom, size_t quotes)
{
    char text[2048];
    struct pf_span s = {(unsigned char *)text, 0, sizeof text};
    struct pf_lmtp_path p;
    enum pf_lmtp_path_fault fault;

    pf_span_put(&s, quotes ? PF_LIT("<\"") : PF_LIT("<"));
    for (size_t i = 0; i < quotes; i++)
        pf_span_put(&s, PF_LIT("\\\""));
    for (size_t i = 0; i < letters; i++)
        pf_span_put(&s, PF_LIT("a"));
    pf_span_put(&s, quotes ? PF_LIT("\"@") : PF_LIT("@"));
    for (size_t i = 0; i < dom; i++)
        pf_span_put(&s, PF_LIT("b"));
    pf_span_put(&s, PF_LIT(">"));
    fault = pf_lmtp_path_read(pf_span_bytes(&s), PF_LMTP_FORWARD, &p);
    assert_true(fault != PF_LMTP_PATH_GOOD || p.address.len == s.len - 2);
    return fault;
}

static void s_002_lengths(void **state)
{
    (void)state;
    assert_int_equal(long_one(256, 255, 0), PF_LMTP_PATH_GOOD);
    assert_int_equal(long_one(257, 255, 0), PF_LMTP_PATH_TOO_LONG);
    assert_int_equal(long_one(256, 256, 0), PF_LMTP_PATH_TOO_LONG);
    assert_int_equal(long_one(1000, 900, 0), PF_LMTP_PATH_TOO_LONG);
    /* Backslashes come back, and count: two quotes around 127 with one each. */
    assert_int_equal(long_one(0, 1, 127), PF_LMTP_PATH_GOOD);
    assert_int_equal(long_one(1, 1, 127), PF_LMTP_PATH_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(s_018_local_parts_have_one_spelling), T(domains), T(s_016_routes), T(empty_and_postmaster),
        T(s_032_utf8_is_valid_and_known), T(s_002_lengths),
    };

    return RUN(tests);
}
