#include "auth_bench.h"

#include "auth/tokens.h"

/* The digest is that of sha256sum(1). */
#define TOKEN "pf_0123abcd_0123456789abcdefghjkmnpqrs"
#define DIGEST "{SHA256}2c5f203fccbe4728f32dcea1dd10fc56ac78af0fbfb4ed91c92735caf881a68e"
#define LINE "anna:0123abcd:" DIGEST ":"

static struct pf_tokens *parse(const char *text, struct pf_err *err)
{
    size_t len = strlen(text);
    char *copy = malloc(len + 1);

    memcpy(copy, text, len);
    return pf_tokens_parse("tokens", copy, len, err);
}

static struct pf_tokens *good(const char *text)
{
    struct pf_err err = {0};
    struct pf_tokens *tokens = parse(text, &err);

    assert_string_equal(err.log, "");
    assert_non_null(tokens);
    return tokens;
}

static void bad(const char *text, const char *why)
{
    struct pf_err err = {0};

    assert_null(parse(text, &err));
    assert_int_equal(err.code, PF_CONFIG);
    if (!strstr(err.log, why))
        assert_string_equal(err.log, why);
}

static void a_line_says_it_all(void **state)
{
    struct pf_tokens *tokens =
        good("# keys\n\n" LINE "read-only no-delete  from=192.0.2.0/24,2001:db8::1 expires=2026-11-27T10:00:00Z "
             "every=900 folder=Lists.R%c3%bc comment=for%20the%20archive%3a%201 created=2026-11-22T08:00:00Z\r\n");
    const struct pf_token *token = pf_tokens_at(tokens, 0);

    (void)state;
    assert_int_equal(pf_tokens_count(tokens), 1);
    assert_string_equal(token->user, "anna");
    assert_string_equal(token->id, "0123abcd");
    assert_true(token->read_only && token->no_delete);
    assert_int_equal(token->net_count, 2);
    assert_int_equal(token->nets[0].bits, 120);
    assert_int_equal(token->nets[1].bits, 128);
    assert_int_equal(token->expires, 1795773600);
    assert_int_equal(token->created, 1795334400);
    assert_int_equal(token->every, 900);
    assert_string_equal(token->folder, "Lists.R\xc3\xbc");
    assert_string_equal(token->comment, "for the archive: 1");
    pf_tokens_free(tokens);
    tokens = good(LINE);
    token = pf_tokens_at(tokens, 0);
    assert_ptr_equal(pf_tokens_find(tokens, PF_LIT("anna"), PF_LIT(TOKEN)), token);
    assert_false(token->read_only || token->no_delete || token->net_count || token->expires || token->every ||
                 token->created || token->folder[0] || token->comment[0]);
    pf_tokens_free(tokens);
    tokens = good("");
    assert_int_equal(pf_tokens_count(tokens), 0);
    assert_null(pf_tokens_find(tokens, PF_LIT("anna"), PF_LIT(TOKEN)));
    pf_tokens_free(tokens);
}

static void one_mistake_makes_the_file_bad(void **state)
{
    static const char *const cases[][2] = {
        {"anna", "user:id:digest:words"},
        {"anna:0123abcd:" DIGEST, "user:id:digest:words"},
        {":0123abcd:" DIGEST ":", "1 to 255 octets"},
        {"../x:0123abcd:" DIGEST ":", "begins with no dot"},
        {"an\xff" "na:0123abcd:" DIGEST ":", "SASLprep"},
        {"anna:0123abc:" DIGEST ":", "eight letters"},
        {"anna:0123abcde:" DIGEST ":", "eight letters"},
        {"anna:0123abc-:" DIGEST ":", "eight letters"},
        {"anna:0123abcd:{SHA256}00:", "64 hexadecimal"},
        {"anna:0123abcd:{SHA512}" "2c5f203fccbe4728f32dcea1dd10fc56ac78af0fbfb4ed91c92735caf881a68e:", "64 hexa"},
        {"anna:0123abcd:{SHA256}" "gc5f203fccbe4728f32dcea1dd10fc56ac78af0fbfb4ed91c92735caf881a68e:", "64 hexa"},
        {LINE "readonly", "unknown word"},
        {LINE "read-only=yes", "no value"},
        {LINE "from", "wants a value"},
        {LINE "no-delete no-delete", "twice"},
        {LINE "from=", "numeric addresses"},
        {LINE "from=192.0.2.1,", "numeric addresses"},
        {LINE "from=mail.example.org", "numeric addresses"},
        {LINE "from=192.0.2.0/33", "longer than the address"},
        {LINE "from=2001:db8::/129", "longer than the address"},
        {LINE "from=192.0.2.0/", "no number"},
        {LINE "from=192.0.2.7/24", "behind its prefix"},
        {LINE "from=2001:db8::1/64", "behind its prefix"},
        {LINE "from=1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,"
              "1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1", "more than 16"},
        {LINE "expires=2026-02-29", "wants a date"},
        {LINE "expires=2026-11-31", "wants a date"},
        {LINE "expires=2026-1-1", "wants a date"},
        {LINE "expires=2026-11-22T25:00:00Z", "wants a date"},
        {LINE "expires=2026-11-22T10:00:00+01", "wants a date"},
        {LINE "expires=1969-12-31", "wants a date"},
        {LINE "expires=tomorrow", "wants a date"},
        {LINE "created=2026", "created="},
        {LINE "every=0", "every="},
        {LINE "every=15m", "every="},
        {LINE "every=2678401", "every="},
        {LINE "folder=", "folder="},
        {LINE "folder=../x", "folder="},
        {LINE "folder=a..b", "folder="},
        {LINE "folder=a.", "folder="},
        {LINE "folder=.a", "folder="},
        {LINE "folder=a%2fb", "folder="},
        {LINE "folder=~root", "folder="},
        {LINE "comment=%zz", "comment="},
        {LINE "comment=%", "comment="},
        {LINE "comment=%0a", "comment="},
        {LINE "comment=%00", "comment="},
        {LINE "comment=%1b[2J", "comment="},
        {LINE "comment=\x1b", "comment="},
        {LINE "\nbert:0123abcd:" DIGEST ":", "line 2: this id stands in the file twice"},
        {"# x\n" LINE "\nbert\ncarl", "2 bad lines, the first is line 3: a line is"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        bad(cases[i][0], cases[i][1]);
}

static void odd_octets_make_the_file_bad(void **state)
{
    struct pf_err err = {0};
    char *text = malloc(6000);

    (void)state;
    memset(text, 'a', 5000);
    assert_null(pf_tokens_parse("tokens", text, 5000, &err));
    assert_non_null(strstr(err.log, "too long"));
    text = malloc(8);
    memcpy(text, "a:b\0c:d", 7);
    assert_null(pf_tokens_parse("tokens", text, 7, &err));
    assert_non_null(strstr(err.log, "NUL"));
}

static struct pf_token with_from(const char *from, struct pf_tokens **out)
{
    char line[400];

    snprintf(line, sizeof line, LINE "from=%s", from);
    *out = good(line);
    return *pf_tokens_at(*out, 0);
}

static void networks_let_in_whom_they_hold(void **state)
{
    static const struct {
        const char *from, *peer;
        bool in;
    } cases[] = {
        {"192.0.2.0/24", "192.0.2.255", true},      {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.0/24", "::ffff:192.0.2.9", true}, {"::ffff:192.0.2.0/120", "192.0.2.9", true},
        {"192.0.2.128/25", "192.0.2.127", false},   {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},          {"0.0.0.0/0", "203.0.113.7", true},
        {"0.0.0.0/0", "2001:db8::1", false},        {"::/0", "2001:db8::1", true},
        {"::/0", "192.0.2.1", false},               {"::/0,0.0.0.0/0", "192.0.2.1", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true}, {"2001:db8::/33", "2001:db8:8000::1", false},
        {"fe80::/10", "fe80::1%eth0", true},        {"192.0.2.1", "unix", false},
        {"0.0.0.0/0", NULL, false},                 {"0.0.0.0/0", "", false},
        {"10.0.0.0/8,192.0.2.1", "192.0.2.1", true}, {"10.0.0.0/8", "192.0.2.1 ", false},
        {"::/0", "2001:db8::1111:2222:3333:4444:5555:6666:7777:8888:9999", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pf_tokens *tokens;
        struct pf_token token = with_from(cases[i].from, &tokens);
        const char *barred = pf_token_barred(&token, cases[i].peer, 0);

        if ((barred == NULL) != cases[i].in)
            fail_msg("%s from %s", cases[i].peer, cases[i].from);
        if (barred)
            assert_non_null(strstr(barred, "from there"));
        pf_tokens_free(tokens);
    }
}

static void a_token_expires_to_the_second(void **state)
{
    struct pf_tokens *tokens = good(LINE "expires=2026-11-27");
    const struct pf_token *token = pf_tokens_at(tokens, 0);

    (void)state;
    assert_null(pf_token_barred(token, "192.0.2.1", 1795737599));
    assert_non_null(strstr(pf_token_barred(token, "192.0.2.1", 1795737600), "expired"));
    pf_tokens_free(tokens);
    tokens = good(LINE);
    assert_null(pf_token_barred(pf_tokens_at(tokens, 0), NULL, INT64_MAX));
    pf_tokens_free(tokens);
}

static void the_form_is_exact(void **state)
{
    static const char *const not[] = {
        "", "pf_", "open sesame", "pf_0123abcd_0123456789abcdefghjkmnpqr", "pf_0123abcd_0123456789abcdefghjkmnpqrst",
        "PF_0123abcd_0123456789abcdefghjkmnpqrs", "pf_0123abcd-0123456789abcdefghjkmnpqrs",
        "pf_0123abc__0123456789abcdefghjkmnpqrs", "pf_0123abcd_0123456789abcdefghjkmnpqr ",
    };

    (void)state;
    assert_true(pf_token_form(PF_LIT(TOKEN)));
    for (size_t i = 0; i < sizeof not / sizeof not[0]; i++)
        assert_false(pf_token_form(pf_bytes_of(not[i])));
    assert_false(pf_token_form((struct pf_bytes){0}));
}

static void make(const char *user, const char *words, char token[PF_TOKEN_MAX], char line[600])
{
    struct pf_token_order order = {.user = user, .words = words, .now = 1795334400};
    struct pf_span span = {(unsigned char *)line, 0, 599};
    struct pf_err err = {0};

    assert_int_equal(pf_token_make(&order, token, &span, &err), PF_OK);
    line[span.len] = 0;
}

static void what_is_made_is_found_again_by_its_user_alone(void **state)
{
    char one[PF_TOKEN_MAX], two[PF_TOKEN_MAX], wrong[PF_TOKEN_MAX], line[600], other[600], text[1300];
    struct pf_tokens *tokens;

    (void)state;
    make("anna", "read-only comment=x", one, line);
    make("bert@example.org", "", two, other);
    assert_true(pf_token_form(pf_bytes_of(one)) && pf_token_form(pf_bytes_of(two)));
    assert_string_not_equal(one, two);
    assert_null(strpbrk(one + 3, "ilouILOU"));
    assert_null(strstr(line, one + 12)); /* the secret is not in the file */
    assert_non_null(strstr(line, " created=2026-11-22T08:00:00Z"));
    snprintf(text, sizeof text, "%s\n%s\n", line, other);
    tokens = good(text);
    assert_ptr_equal(pf_tokens_find(tokens, PF_LIT("anna"), pf_bytes_of(one)), pf_tokens_at(tokens, 0));
    assert_ptr_equal(pf_tokens_find(tokens, PF_LIT("bert@example.org"), pf_bytes_of(two)), pf_tokens_at(tokens, 1));
    assert_null(pf_tokens_find(tokens, PF_LIT("bert@example.org"), pf_bytes_of(one)));
    assert_null(pf_tokens_find(tokens, PF_LIT("Anna"), pf_bytes_of(one)));
    assert_null(pf_tokens_find(tokens, PF_LIT(""), pf_bytes_of(one)));
    for (size_t i = 3; i < strlen(one); i++) {
        memcpy(wrong, one, sizeof wrong);
        wrong[i] = wrong[i] == 'x' ? 'y' : 'x';
        assert_null(pf_tokens_find(tokens, PF_LIT("anna"), pf_bytes_of(wrong)));
    }
    pf_tokens_free(tokens);
}

/* An id that is not there is compared with a digest of zeros, and would be found by who knows its preimage. */
static void a_digest_of_zeros_is_no_way_in(void **state)
{
    struct pf_tokens *tokens = good("anna:0123abcd:{SHA256}"
                                    "0000000000000000000000000000000000000000000000000000000000000000:");

    (void)state;
    assert_null(pf_tokens_find(tokens, PF_LIT("anna"), PF_LIT(TOKEN)));
    assert_null(pf_tokens_find(tokens, PF_LIT("anna"), PF_LIT("open sesame")));
    pf_tokens_free(tokens);
}

static void a_wrong_order_makes_nothing(void **state)
{
    static const struct {
        const char *user, *words;
        enum pf_code code;
    } cases[] = {
        {"anna", "readonly", PF_SYNTAX},      {"anna", "from=localhost", PF_SYNTAX},
        {"an:na", "", PF_SYNTAX},             {"", "", PF_SYNTAX},
        {"anna", "created=2026-11-22", PF_SYNTAX}, {"anna", "comment=x\nroot:x", PF_SYNTAX},
        {"#anna", "", PF_SYNTAX},             {"an\nna", "", PF_SYNTAX},
    };
    char token[PF_TOKEN_MAX] = "", line[600];
    struct pf_err err;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pf_token_order order = {.user = cases[i].user, .words = cases[i].words};
        struct pf_span span = {(unsigned char *)line, 0, sizeof line};

        assert_int_equal(pf_token_make(&order, token, &span, &err), cases[i].code);
        assert_int_equal(span.len, 0);
        assert_string_equal(token, "");
        span.cap = 40;
        assert_int_not_equal(pf_token_make(&order, token, &span, &err), PF_OK);
        assert_int_equal(span.len, 0);
    }
}

static void ids_are_found_among_many(void **state)
{
    enum { MANY = 20000 };
    char *text = malloc((size_t)MANY * 100), token[PF_TOKEN_MAX] = TOKEN;
    struct pf_tokens *tokens;
    size_t len = 0;

    (void)state;
    for (int i = 0; i < MANY; i++)
        len += (size_t)snprintf(text + len, 100, "anna:%08d:%s:\n", i, DIGEST);
    tokens = pf_tokens_parse("many", text, len, NULL);
    assert_non_null(tokens);
    assert_int_equal(pf_tokens_count(tokens), MANY);
    assert_null(pf_tokens_find(tokens, PF_LIT("anna"), pf_bytes_of(token)));
    for (int i = 0; i < MANY; i += 999) {
        snprintf(token, sizeof token, "pf_%08d_0123456789abcdefghjkmnpqrs", i);
        assert_null(pf_tokens_find(tokens, PF_LIT("anna"), pf_bytes_of(token))); /* another token's digest */
    }
    pf_tokens_free(tokens);
}

static void check_warns(void **state)
{
    char warning[PF_ERR_LOG];
    struct pf_err err;
    struct bench b;

    (void)state;
    bench_setup(&b, LINE "\n");
    assert_int_equal(pf_tokens_check(b.file, warning, &err), PF_OK);
    assert_string_equal(warning, "");
    assert_int_equal(chmod(b.file, 0644), 0);
    assert_int_equal(pf_tokens_check(b.file, warning, &err), PF_OK);
    assert_non_null(strstr(warning, "mode 644"));
    assert_int_equal(chmod(b.file, 0640), 0);
    bench_write(&b, LINE "expires=2001-01-01\n");
    assert_int_equal(pf_tokens_check(b.file, warning, &err), PF_OK);
    assert_non_null(strstr(warning, "1 token has expired"));
    bench_write(&b, LINE "expires=whenever\n");
    assert_int_equal(pf_tokens_check(b.file, warning, &err), PF_CONFIG);
    assert_non_null(strstr(err.log, "line 1: expires="));
    unlink(b.file);
    assert_int_equal(pf_tokens_check(b.file, warning, &err), PF_CONFIG);
    assert_non_null(strstr(err.log, "No such file"));
    assert_int_equal(rmdir(b.dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_line_says_it_all),
        T(one_mistake_makes_the_file_bad),
        T(odd_octets_make_the_file_bad),
        T(networks_let_in_whom_they_hold),
        T(a_token_expires_to_the_second),
        T(the_form_is_exact),
        T(what_is_made_is_found_again_by_its_user_alone),
        T(a_digest_of_zeros_is_no_way_in),
        T(a_wrong_order_makes_nothing),
        T(ids_are_found_among_many),
        T(check_warns),
    };

    return RUN(tests);
}
