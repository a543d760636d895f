#include "exchange_bench.h"

#include <sodium.h>

/* SCRAM against the examples of the RFCs and against GNU SASL's client. The library takes its nonce from
 * gsasl_nonce and writes it with gsasl_base64_to; both calls go through the program's own symbols, and
 * the second is answered here, so that the server says the nonce of an example. */
static const char *fixed_nonce;

__attribute__((visibility("default"))) int gsasl_base64_to(const char *in, size_t inlen, char **out,
                                                           size_t *outlen);

int gsasl_base64_to(const char *in, size_t inlen, char **out, size_t *outlen)
{
    size_t room = sodium_base64_encoded_len(inlen, sodium_base64_VARIANT_ORIGINAL);
    bool fixed = fixed_nonce && inlen == 18;

    *out = malloc(fixed ? strlen(fixed_nonce) + 1 : room);
    if (!*out)
        return GSASL_MALLOC_ERROR;
    if (fixed)
        memcpy(*out, fixed_nonce, strlen(fixed_nonce) + 1);
    else
        sodium_bin2base64(*out, room, (const unsigned char *)in, inlen, sodium_base64_VARIANT_ORIGINAL);
    if (outlen)
        *outlen = strlen(*out);
    return GSASL_OK;
}

static const char exporter[] = "0123456789abcdef0123456789abcdef", uniq[] = "abcdefghijkl";

struct example {
    const char *mechanism, *name, *nonce, *first, *challenge, *final, *word;
};

static const struct example examples[] = {
    {"SCRAM-SHA-1", "user", "3rfcNHYJY1ZVvWVs7j", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
     "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
     "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
     "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    {"SCRAM-SHA-256", "user", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+"
     "Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
};

static enum pf_code pencil(void *self, struct pf_bytes name, enum pf_password_form form,
                           struct pf_scram_keys *out, struct pf_err *err)
{
    (void)self;
    (void)err;
    assert_true(pf_bytes_equal(name, PF_LIT("user")));
    return pf_password_scram(form == PF_FORM_SCRAM_SHA_1 ? PENCIL_1 : PENCIL_256, form, NULL, out);
}

static void begin_example(struct bench *b, const struct example *x)
{
    bench_setup(b, x->mechanism);
    b->settings.world.scram = pencil;
    fixed_nonce = x->nonce;
    bench_begin(b);
    fixed_nonce = NULL;
    assert_int_equal(bench_say(b, pf_bytes_of(x->first)), PF_EXCHANGE_CHALLENGE);
    bench_is(b->told.challenge, x->challenge);
}

static void scr_023_025_examples_of_rfc_5802_and_rfc_7677(void **state)
{
    struct bench b;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        begin_example(&b, &examples[i]);
        assert_int_equal(bench_say(&b, pf_bytes_of(examples[i].final)), PF_EXCHANGE_CHALLENGE);
        bench_is(b.told.challenge, examples[i].word);
        assert_int_equal(b.told.name.len, 0); /* not yet */
        assert_int_equal(bench_say(&b, PF_LIT("")), PF_EXCHANGE_PROVED);
        bench_is(b.told.name, "user");
        assert_false(b.told.spent);
        assert_int_equal(bench_say(&b, PF_LIT("")), PF_EXCHANGE_FAILED);
        bench_end(&b);
    }
}

static void auth_017_the_last_word_wants_an_empty_answer(void **state)
{
    struct bench b;

    (void)state;
    begin_example(&b, &examples[0]);
    bench_say(&b, pf_bytes_of(examples[0].final));
    assert_int_equal(bench_say(&b, PF_LIT("v=")), PF_EXCHANGE_FAILED);
    assert_int_equal(b.err.code, PF_SYNTAX);
    bench_end(&b);
}

/* Each final message is right but for one thing. */
static void scr_005_006_what_is_not_quite_the_final_message_fails(void **state)
{
#define NONCE "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j"
#define PROOF ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
    static const struct {
        const char *text;
        enum pf_code code;
    } bad[] = {
        {"c=biws," NONCE "x" PROOF, PF_AUTH},
        {"c=biws,r=fyko+d2lbbFgONRv9qkxdawL" PROOF, PF_AUTH},
        {"c=biws,r=3rfcNHYJY1ZVvWVs7j" PROOF, PF_AUTH},
        {"c=eSws," NONCE PROOF, PF_AUTH},
        {"c=cCws," NONCE PROOF, PF_AUTH},
        {"c=biwsAA==," NONCE PROOF, PF_AUTH},
        {"c=biws," NONCE ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Tt=", PF_SYNTAX}, /* bits that stand for nothing */
        {"c=biws," NONCE ",p=w0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", PF_AUTH},
        {"c=biws," NONCE ",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Q==", PF_SYNTAX},
        {"c=biws," NONCE PROOF ",x=y", PF_SYNTAX},
        {"c=biws," NONCE PROOF ",", PF_SYNTAX},
        {"c=biws," NONCE PROOF "\n", PF_SYNTAX},
        {"c=biws," NONCE ",m=x" PROOF, PF_SYNTAX},
        {"c=biws," NONCE ",x" PROOF, PF_SYNTAX},
        {"c=biws," NONCE ",=x" PROOF, PF_SYNTAX},
        {"c=biws," NONCE ",x=y" PROOF, PF_AUTH}, /* allowed, but the proof is of another text */
        {"c=," NONCE PROOF, PF_SYNTAX},
        {"c=biw," NONCE PROOF, PF_SYNTAX},
        {"c=biws", PF_SYNTAX},
        {"c=biws," NONCE, PF_SYNTAX},
        {NONCE ",c=biws" PROOF, PF_SYNTAX},
        {"", PF_SYNTAX},
        {"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", PF_SYNTAX},
    };
    struct bench b;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        begin_example(&b, &examples[0]);
        assert_int_equal(bench_say(&b, pf_bytes_of(bad[i].text)), PF_EXCHANGE_FAILED);
        assert_int_equal(b.err.code, bad[i].code);
        bench_is(b.told.name, "user");
        assert_int_equal(bench_say(&b, pf_bytes_of(examples[0].final)),
                         PF_EXCHANGE_FAILED); /* no second try */
        bench_end(&b);
    }
    begin_example(&b, &examples[0]);
    assert_int_equal(bench_say(&b, PF_LIT("c=biws," NONCE PROOF "\0")), PF_EXCHANGE_FAILED);
    assert_int_equal(b.err.code, PF_SYNTAX);
    bench_end(&b);
}

static const char *const malformed[] = {
    "",
    "n",
    "n,",
    "n,,",
    "n,,n=user",
    "n,,n=user,r=",
    "n,,n=,r=abc",
    "n,,n=us=er,r=abc",
    "n,,n=user=,r=abc",
    "n,,n=user=2,r=abc",
    "n,,n=user=2c,r=abc",
    "n,,n=user=3d,r=abc",
    "n,,n=user=20,r=abc",
    "n,a=b=41,n=user,r=abc",
    "n,a=,n=user,r=abc",
    "n,b=x,n=user,r=abc",
    "n,,m=x,n=user,r=abc",
    "n,,n=user,r=abc,m=x",
    "n,,n=user,r=abc,",
    "n,,n=user,r=abc,x",
    "n,,n=user,r=abc,x=",
    "n,,n=user,r=abc,1=x",
    "n,,n=user,r=a bc",
    "n,,n=user,r=a\x7f",
    "n,,n=user,r=a\xc3\xa9",
    "n,,r=abc,n=user",
    "N,,n=user,r=abc",
    "x,,n=user,r=abc",
    ",,n=user,r=abc",
    "n=x,,n=user,r=abc",
    "p,,n=user,r=abc",
    "p=,,n=user,r=abc",
    "p=tls exporter,,n=user,r=abc",
    "user",
};

static void scr_001_002_013_malformed_first_messages(void **state)
{
    char longer[9000];
    struct bench b;

    (void)state;
    bench_setup(&b, "SCRAM-SHA-1");
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        bench_refuse(&b, pf_bytes_of(malformed[i]), PF_SYNTAX);
    bench_refuse(&b, PF_LIT("n,,n=us\0er,r=abc"), PF_SYNTAX);
    bench_refuse(&b, PF_LIT("n,,n=user,r=abc\0"), PF_SYNTAX);
    bench_refuse(&b,
                 PF_LIT("n,,n=us\x07"
                        "er,r=abc"),
                 PF_AUTH);
    bench_refuse(&b, PF_LIT("n,,n=\xff,r=abc"), PF_AUTH);
    bench_refuse(&b, PF_LIT("n,,n=\xc2\xad,r=abc"), PF_AUTH);
    bench_refuse(&b, PF_LIT("n,a=\xff,n=user,r=abc"), PF_AUTH);
    memset(longer, 'a', sizeof longer);
    memcpy(longer, "n,,n=user,r=", 12);
    bench_refuse(&b, pf_bytes_from(longer, 12 + 1025), PF_SYNTAX);
    bench_refuse(&b, pf_bytes_from(longer, sizeof longer), PF_SYNTAX);
    longer[9] = 'a';
    longer[10] = 'a';
    longer[11] = 'a';
    memcpy(longer + 5 + 1025, ",r=abc", 6);
    bench_refuse(&b, pf_bytes_from(longer, 5 + 1025 + 6), PF_AUTH); /* a name of 1025 */
    assert_int_equal(b.world.asked, 0);
    bench_end(&b);
}

static void scr_004_unknown_attributes_are_read_over(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "SCRAM-SHA-1");
    bench_begin(&b);
    assert_int_equal(bench_say(&b, PF_LIT("n,,n=user,r=abc,x=y,z==,Q=\xc3\xa9")), PF_EXCHANGE_CHALLENGE);
    assert_memory_equal(b.told.challenge.at, "r=abc", 5);
    bench_end(&b);
}

static void give_binding(struct bench *b)
{
    b->settings.exporter = pf_bytes_from(exporter, 32);
    b->settings.unique = pf_bytes_from(uniq, 12);
    b->settings.plus_offered = true;
}

/* RFC 5802 section 6. The library alone lets "p" with a bare name through. */
static void scr_007_008_flags_fit_the_name(void **state)
{
    static const char *const names[] = {"SCRAM-SHA-1", "SCRAM-SHA-256"};
    static const char *const plus[] = {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"};
    struct bench b;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        bench_setup(&b, names[i]);
        bench_begin(&b);
        assert_int_equal(bench_say(&b, PF_LIT("y,,n=alice,r=abc")), PF_EXCHANGE_CHALLENGE);
        bench_refuse(&b, PF_LIT("p=tls-exporter,,n=alice,r=abc"), PF_AUTH);
        give_binding(&b);
        bench_refuse(&b, PF_LIT("y,,n=alice,r=abc"), PF_AUTH); /* a downgrade */
        assert_non_null(strstr(b.err.log, "server-does-support-channel-binding"));
        bench_refuse(&b, PF_LIT("p=tls-exporter,,n=alice,r=abc"), PF_AUTH);
        bench_begin(&b);
        assert_int_equal(bench_say(&b, PF_LIT("n,,n=alice,r=abc")), PF_EXCHANGE_CHALLENGE);
        b.settings.plus_offered = false; /* data can be had, but the name was not offered */
        bench_begin(&b);
        assert_int_equal(bench_say(&b, PF_LIT("y,,n=alice,r=abc")), PF_EXCHANGE_CHALLENGE);
        assert_false(b.told.spent);
        b.settings.mechanism = plus[i];
        bench_refuse(&b, PF_LIT("y,,n=alice,r=abc"), PF_AUTH);
        bench_refuse(&b, PF_LIT("n,,n=alice,r=abc"), PF_AUTH);
        bench_refuse(&b, PF_LIT("p=tls-server-end-point,,n=alice,r=abc"), PF_AUTH);
        bench_refuse(&b, PF_LIT("p=TLS-EXPORTER,,n=alice,r=abc"), PF_AUTH);
        assert_false(b.told.spent);
        b.settings.exporter = (struct pf_bytes){0};
        bench_refuse(&b, PF_LIT("p=tls-exporter,,n=alice,r=abc"), PF_AUTH);
        b.settings.unique = (struct pf_bytes){0};
        assert_null(pf_exchange_new(&b.settings, &b.err));
        assert_int_equal(b.err.code, PF_NO_MECH);
        bench_end(&b);
    }
}

/* Once it is asked for, the exporter's value is spent, whatever becomes of the exchange (RFC 9266
 * section 4.1). */
static void scr_030_an_exporter_that_was_used_is_told(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "SCRAM-SHA-256-PLUS");
    give_binding(&b);
    bench_begin(&b);
    assert_int_equal(bench_say(&b, PF_LIT("p=tls-exporter,,n=alice,r=abc")), PF_EXCHANGE_CHALLENGE);
    assert_true(b.told.spent);
    assert_int_equal(bench_say(&b, PF_LIT("nonsense")), PF_EXCHANGE_FAILED);
    assert_true(b.told.spent);
    bench_begin(&b);
    assert_int_equal(bench_say(&b, PF_LIT("p=tls-unique,,n=alice,r=abc")), PF_EXCHANGE_CHALLENGE);
    assert_false(b.told.spent);
    bench_end(&b);
}

static void bind_client(struct bench *b, Gsasl_property property, const char *base64)
{
    bench_client(b, "alice", "wonderland");
    gsasl_property_set(b->client, property, base64);
    bench_talk(b);
    gsasl_finish(b->client);
    gsasl_done(b->library);
    b->client = NULL;
    b->library = NULL;
}

static void scr_027_both_kinds_of_channel_binding_with_the_librarys_client(void **state)
{
    static const char *const plus[] = {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"};
    const char *right = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const char *wrong = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWc=";
    struct bench b;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        bench_setup(&b, plus[i]);
        give_binding(&b);
        bind_client(&b, GSASL_CB_TLS_EXPORTER, right);
        assert_int_equal(b.step, PF_EXCHANGE_PROVED);
        assert_true(b.told.spent);
        bind_client(&b, GSASL_CB_TLS_EXPORTER, wrong);
        assert_int_equal(b.step, PF_EXCHANGE_FAILED);
        assert_int_equal(b.err.code, PF_AUTH);
        bind_client(&b, GSASL_CB_TLS_UNIQUE, "YWJjZGVmZ2hpamts");
        assert_int_equal(b.step, PF_EXCHANGE_PROVED);
        bind_client(&b, GSASL_CB_TLS_UNIQUE, "YWJjZGVmZ2hpamtt");
        assert_int_equal(b.step, PF_EXCHANGE_FAILED);
        bench_end(&b);
    }
}

static void scr_020_logins_with_the_librarys_client(void **state)
{
    static const char *const names[] = {"SCRAM-SHA-1", "SCRAM-SHA-256"};
    struct bench b;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        bench_setup(&b, names[i]);
        assert_int_equal(bench_login(&b, i ? "user256" : "user", "pencil"), PF_EXCHANGE_PROVED);
        assert_int_equal(bench_login(&b, i ? "user256" : "user", "Pencil"), PF_EXCHANGE_FAILED);
        assert_int_equal(b.err.code, PF_AUTH);
        assert_int_equal(bench_login(&b, i ? "user" : "user256", "pencil"),
                         PF_EXCHANGE_FAILED); /* keys of the other */
        assert_int_equal(bench_login(&b, "alice", "wonderland"), PF_EXCHANGE_PROVED);
        assert_int_equal(bench_login(&b, "b, c=d", "pass word"), PF_EXCHANGE_PROVED);
        bench_is(b.told.name, "b, c=d");
        assert_int_equal(bench_login(&b, "\xc3\xa9mile", "g\xc3\xa9rminal"), PF_EXCHANGE_PROVED);
        assert_int_equal(bench_login(&b, "hashed", "x"), PF_EXCHANGE_FAILED);
        assert_int_equal(bench_login(&b, "nobody", "x"), PF_EXCHANGE_FAILED);
        assert_int_equal(b.err.code, PF_AUTH);
        assert_string_equal(b.err.log, "Error authenticating user"); /* as for a wrong password */
        b.world.trouble = PF_TEMP;
        assert_int_equal(bench_login(&b, "alice", "wonderland"), PF_EXCHANGE_FAILED);
        assert_int_equal(b.err.code, PF_TEMP);
        bench_end(&b);
    }
}

static void scr_017_who_acts_for_another_says_so(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "SCRAM-SHA-256");
    bench_client(&b, "alice", "wonderland");
    gsasl_property_set(b.client, GSASL_AUTHZID, "b, c=d");
    assert_int_equal(bench_talk(&b), PF_EXCHANGE_PROVED);
    bench_is(b.told.name, "alice");
    bench_is(b.told.acts_for, "b, c=d");
    bench_end(&b);
    bench_client(&b, "alice", "wonderland");
    gsasl_property_set(b.client, GSASL_AUTHZID, "alice");
    assert_int_equal(bench_talk(&b), PF_EXCHANGE_PROVED);
    assert_int_equal(b.told.acts_for.len, 0);
    bench_end(&b);
}

/* Salt and iterations as they are told to `name`. */
static void salt_of(struct bench *b, const char *name, char out_text[256])
{
    char message[128];
    const unsigned char *at;

    snprintf(message, sizeof message, "n,,n=%s,r=abc", name);
    bench_begin(b);
    assert_int_equal(bench_say(b, pf_bytes_of(message)), PF_EXCHANGE_CHALLENGE);
    at = memmem(b->told.challenge.at, b->told.challenge.len, ",s=", 3);
    assert_non_null(at);
    snprintf(out_text, 256, "%.*s", (int)(b->told.challenge.at + b->told.challenge.len - at),
             (const char *)at);
}

static enum pf_code nobody_but_often_5000(void *self, struct pf_bytes name, enum pf_password_form form,
                                          struct pf_scram_keys *out, struct pf_err *err)
{
    (void)self;
    (void)name;
    (void)form;
    (void)err;
    out->iterations = 5000;
    return PF_NO_USER;
}

static void scr_019_nobody_gets_the_same_salt_each_time(void **state)
{
    char first[256], again[256], known[256];
    struct bench b;

    (void)state;
    bench_setup(&b, "SCRAM-SHA-256");
    salt_of(&b, "nobody", first);
    salt_of(&b, "nobody", again);
    assert_string_equal(first, again);
    salt_of(&b, "n\xc2\xadobody", again); /* the same after SASLprep */
    assert_string_equal(first, again);
    salt_of(&b, "nobodY", again);
    assert_string_not_equal(first, again);
    salt_of(&b, "hashed", again);
    assert_string_not_equal(first, again);
    salt_of(&b, "alice", known);
    assert_int_equal(strlen(first), strlen(known)); /* and looks like anybody's */
    assert_string_equal(strstr(first, ",i="), strstr(known, ",i="));
    b.settings.site_key = (const unsigned char *)"another key of thirty-two octets";
    salt_of(&b, "nobody", again);
    assert_string_not_equal(first, again);
    b.settings.world.scram = nobody_but_often_5000;
    salt_of(&b, "nobody", again);
    assert_string_equal(strstr(again, ",i="), ",i=5000");
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(scr_023_025_examples_of_rfc_5802_and_rfc_7677),
        T(auth_017_the_last_word_wants_an_empty_answer),
        T(scr_005_006_what_is_not_quite_the_final_message_fails),
        T(scr_001_002_013_malformed_first_messages),
        T(scr_004_unknown_attributes_are_read_over),
        T(scr_007_008_flags_fit_the_name),
        T(scr_030_an_exporter_that_was_used_is_told),
        T(scr_027_both_kinds_of_channel_binding_with_the_librarys_client),
        T(scr_020_logins_with_the_librarys_client),
        T(scr_017_who_acts_for_another_says_so),
        T(scr_019_nobody_gets_the_same_salt_each_time),
    };

    return RUN(tests);
}
