#include "unit/cm.h"

#include "auth/exchange.h"
#include <stdlib.h>

struct result {
    enum pf_exchange_step step;
    struct pf_exchange_told told;
    struct pf_err err;
    struct pf_exchange *exchange;
};

static void step(struct result *r, struct pf_bytes message)
{
    struct pf_exchange *exchange =
        pf_exchange_new(&(struct pf_exchange_settings){.mechanism = "PLAIN"}, &r->err);

    *r = (struct result){.exchange = exchange};
    assert_non_null(exchange);
    r->step = pf_exchange_step(exchange, message, true, &r->told, &r->err);
}

static void expect(struct pf_bytes message, const char *name, const char *secret)
{
    struct result r;

    step(&r, message);
    assert_int_equal(r.step, PF_EXCHANGE_CHECK);
    assert_true(pf_bytes_equal(r.told.name, pf_bytes_of(name)));
    assert_true(pf_bytes_equal(r.told.secret, pf_bytes_of(secret)));
    pf_exchange_free(r.exchange);
}

static void refuse(struct pf_bytes message, enum pf_code code)
{
    struct result r;

    step(&r, message);
    assert_int_equal(r.step, PF_EXCHANGE_FAILED);
    assert_int_equal(r.err.code, code);
    assert_int_equal(r.told.secret.len + r.told.acts_for.len, 0);
    pf_exchange_free(r.exchange);
}

/* RFC 5034 section 6, decoded. */
static void plain_007_vectors_of_rfc_5034(void **state)
{
    (void)state;
    expect(PF_LIT("\0test\0test"), "test", "test");
    expect(PF_LIT("test\0test\0test"), "test", "test");
}

/* RFC 4616 section 4, decoded. */
static void plain_008_vector_of_rfc_4616(void **state)
{
    (void)state;
    expect(PF_LIT("\0tim\0tanstaaftanstaaf"), "tim", "tanstaaftanstaaf");
}

static void plain_001_004_malformed_is_a_syntax_error(void **state)
{
    (void)state;
    refuse(PF_LIT(""), PF_SYNTAX);
    refuse(PF_LIT("tim"), PF_SYNTAX);
    refuse(PF_LIT("\0tim"), PF_SYNTAX);
    refuse(PF_LIT("\0tim\0secret\0"), PF_SYNTAX);
    refuse(PF_LIT("\0\0\0\0"), PF_SYNTAX);
}

static void plain_002_empty_parts_fail(void **state)
{
    (void)state;
    refuse(PF_LIT("\0\0secret"), PF_AUTH);
    refuse(PF_LIT("\0tim\0"), PF_AUTH);
    refuse(PF_LIT("\0\0"), PF_AUTH);
}

static void plain_003_parts_of_255_octets_and_more(void **state)
{
    unsigned char message[3 * 1024 + 2];
    char part[1025];

    (void)state;
    for (size_t len = 255; len <= 1024; len += 769) {
        memset(message, 'a', sizeof message);
        message[len] = message[2 * len + 1] = 0;
        memset(part, 'a', len);
        part[len] = 0;
        expect(pf_bytes_from(message, 3 * len + 2), part, part);
    }
    memset(message, 'a', sizeof message);
    message[0] = message[1026] = 0;
    refuse(pf_bytes_from(message, 1026 + 2), PF_AUTH); /* a name of 1025 */
}

static void plain_005_who_acts_for_another_says_so(void **state)
{
    struct result r;

    (void)state;
    step(&r, PF_LIT("admin\0tim\0secret"));
    assert_int_equal(r.step, PF_EXCHANGE_CHECK);
    assert_true(pf_bytes_equal(r.told.name, PF_LIT("tim")));
    assert_true(pf_bytes_equal(r.told.acts_for, PF_LIT("admin")));
    pf_exchange_free(r.exchange);
    step(&r, PF_LIT("tim\0tim\0secret"));
    assert_int_equal(r.told.acts_for.len, 0);
    pf_exchange_free(r.exchange);
    refuse(PF_LIT("a\x07\0tim\0secret"), PF_AUTH);
    refuse(PF_LIT("\xc2\xad\0tim\0secret"), PF_AUTH); /* nothing is left of it */
    expect(PF_LIT("tim\0tim\0secret"), "tim", "secret");
    expect(PF_LIT("t\xc2\xadim\0tim\0secret"), "tim", "secret"); /* the same after SASLprep */
}

static void plain_006_names_are_prepared_and_passwords_come_as_they_are(void **state)
{
    (void)state;
    expect(PF_LIT("\0\xe2\x85\xa8\0p\xc2\xad"), "IX", "p\xc2\xad");
    refuse(PF_LIT("\0\xc2\xad\0secret"), PF_AUTH); /* nothing is left of it */
    refuse(PF_LIT("\0a\x07\0secret"), PF_AUTH);
    refuse(PF_LIT("\0a\xff\0secret"), PF_AUTH);
    refuse(PF_LIT("\0a\0\xff\xfe"), PF_AUTH);
}

static void without_initial_response_there_is_an_empty_challenge(void **state)
{
    struct result r = {.exchange =
                           pf_exchange_new(&(struct pf_exchange_settings){.mechanism = "plain"}, NULL)};

    (void)state;
    r.step = pf_exchange_step(r.exchange, (struct pf_bytes){0}, false, &r.told, &r.err);
    assert_int_equal(r.step, PF_EXCHANGE_CHALLENGE);
    assert_int_equal(r.told.challenge.len, 0);
    r.step = pf_exchange_step(r.exchange, PF_LIT("\0tim\0secret"), true, &r.told, &r.err);
    assert_int_equal(r.step, PF_EXCHANGE_CHECK);
    assert_true(pf_bytes_equal(r.told.name, PF_LIT("tim")));
    r.step = pf_exchange_step(r.exchange, PF_LIT("\0tom\0secret"), true, &r.told, &r.err);
    assert_int_equal(r.step, PF_EXCHANGE_FAILED);
    pf_exchange_free(r.exchange);
}

static void mechanisms_are_a_list(void **state)
{
    struct pf_err err = {0};
    bool plain = false, shown = false;
    size_t count;
    const struct pf_exchange_mechanism *list = pf_exchange_mechanisms(&count);

    (void)state;
    assert_int_equal(count, 13);
    assert_string_equal(list[0].name, "SCRAM-SHA-256-PLUS");
    for (size_t i = 0; i < count; i++) {
        shown = shown || (list[i].needs & PF_NEED_SHOW && list[i].forms);
        assert_true(!shown || !(list[i].needs & PF_NEED_BINDING)); /* strongest first */
        assert_true(strlen(list[i].name) <= 20);
        if (strcmp(list[i].name, "PLAIN") == 0)
            plain = list[i].usual && list[i].needs == PF_NEED_SHOW && list[i].forms == PF_FORM_ANY;
    }
    assert_true(plain);
    assert_null(pf_exchange_new(&(struct pf_exchange_settings){.mechanism = "CRAM-MD6"}, &err));
    assert_int_equal(err.code, PF_NO_MECH);
    assert_null(pf_exchange_new(&(struct pf_exchange_settings){.mechanism = ""}, &err));
    pf_exchange_free(NULL);
}

static void auth_025_saslprep(void **state)
{
    static const struct {
        const char *in, *out; /* RFC 4013 section 3, and some; NULL: refused */
    } table[] = {
        {"I\xc2\xadX", "IX"},      {"user", "user"}, {"USER", "USER"},       {"\xc2\xaa", "a"},
        {"\xe2\x85\xa8", "IX"},    {"\x07", NULL},   {"\xd8\xa7\x31", NULL}, {"a\xc2\xa0z", "a z"},
        {"e\xcc\x81", "\xc3\xa9"}, {"\xff", NULL},   {"a\xc3", NULL},        {"", ""},
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        bool prepared = pf_saslprep(pf_bytes_of(table[i].in), out, sizeof out);

        assert_int_equal(prepared, table[i].out != NULL);
        if (prepared)
            assert_string_equal(out, table[i].out);
    }
    for (unsigned char c = 0x20; c < 0x7f; c++) { /* the way without the library */
        char text[2] = {(char)c, 0};

        assert_true(pf_saslprep(pf_bytes_of(text), out, sizeof out));
        assert_string_equal(out, text);
    }
    assert_false(pf_saslprep(PF_LIT("a\0b"), out, sizeof out));
    assert_false(pf_saslprep(PF_LIT("abcd"), out, 4));
    assert_true(pf_saslprep(PF_LIT("abc"), out, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(plain_007_vectors_of_rfc_5034),
        T(plain_008_vector_of_rfc_4616),
        T(plain_001_004_malformed_is_a_syntax_error),
        T(plain_002_empty_parts_fail),
        T(plain_003_parts_of_255_octets_and_more),
        T(plain_005_who_acts_for_another_says_so),
        T(plain_006_names_are_prepared_and_passwords_come_as_they_are),
        T(without_initial_response_there_is_an_empty_challenge),
        T(mechanisms_are_a_list),
        T(auth_025_saslprep),
    };

    return RUN(tests);
}
