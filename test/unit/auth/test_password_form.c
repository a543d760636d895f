#include "unit/cm.h"

#include "auth/password.h"

/* "pencil", with salt and iterations of RFC 5802 section 5 and RFC 7677 section 3. */
#define PENCIL_1                                                                                        \
    "{SCRAM-SHA-1}4096,QSXCR+Q6sek8bf92,6dlGYMOdZcOPutkcNY8U2g7vK9Y=,D+CSWLOshSulAsxiupA+qs2/fTE="
#define PENCIL_256                                                                                      \
    "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="         \
    ",wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static void forms(void **state)
{
    static const struct {
        const char *stored;
        enum pf_password_form form;
    } table[] = {
        {"{PLAIN}x", PF_FORM_PLAIN},
        {"{CLEARTEXT}x", PF_FORM_PLAIN},
        {"{clear}x", PF_FORM_PLAIN},
        {"{PLAIN.B64}eA==", PF_FORM_PLAIN},
        {PENCIL_1, PF_FORM_SCRAM_SHA_1},
        {PENCIL_256, PF_FORM_SCRAM_SHA_256},
        {"{PLAIN}", PF_FORM_OTHER},
        {"", PF_FORM_OTHER},
        {"{NONE}x", PF_FORM_OTHER},
        {"{SCRAM-SHA-1}x", PF_FORM_OTHER},
        {"{SHA}rc7YdzOUBx8rVgC9m8cAK7FkgFw=", PF_FORM_OTHER},
        {"$2y$05$6EaFa/TcVc3aSeRD9SEUE.imtBjwM2EylZbdE1maq5CX3NYhKyWT.", PF_FORM_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(pf_password_form(table[i].stored), table[i].form);
}

static void the_password_itself(void **state)
{
    char text[16] = "untouched";

    (void)state;
    assert_false(pf_password_plain(PENCIL_1, text, sizeof text));
    assert_false(pf_password_plain("{PLAIN.HEX}zz", text, sizeof text));
    assert_false(pf_password_plain("{PLAIN}0123456789abcdef", text, sizeof text));
    assert_string_equal(text, "untouched");
    assert_true(pf_password_plain("{PLAIN}0123456789abcde", text, sizeof text));
    assert_string_equal(text, "0123456789abcde");
    assert_true(pf_password_plain("{PLAIN.HEX}c3A9", text, sizeof text));
    assert_string_equal(text, "\xc3\xa9");
}

static void scr_024_026_keys_of_the_examples(void **state)
{
    static const unsigned char salt[16] = "0123456789abcdef";
    struct pf_scram_keys keys = {.iterations = 7};

    (void)state;
    assert_int_equal(pf_password_scram(PENCIL_1, PF_FORM_SCRAM_SHA_256, salt, &keys), PF_AUTH);
    assert_int_equal(
        pf_password_scram("{SHA}rc7YdzOUBx8rVgC9m8cAK7FkgFw=", PF_FORM_SCRAM_SHA_1, salt, &keys),
        PF_AUTH);
    assert_int_equal(keys.iterations, 7);
    assert_int_equal(pf_password_scram(PENCIL_1, PF_FORM_SCRAM_SHA_1, salt, &keys), PF_OK);
    assert_int_equal(keys.iterations, 4096);
    assert_int_equal(keys.key_len, 20);
    assert_int_equal(keys.salt_len, 12);
    assert_memory_equal(keys.stored_key, "\xe9\xd9\x46\x60\xc3\x9d\x65\xc3", 8);
    assert_int_equal(pf_password_scram(PENCIL_256, PF_FORM_SCRAM_SHA_256, salt, &keys), PF_OK);
    assert_int_equal(keys.key_len, 32);
    assert_int_equal(keys.salt_len, 16);
    /* A login that shows the password works against keys. */
    assert_int_equal(pf_password_check(PF_LIT("pencil"), PENCIL_1, false, NULL), PF_OK);
    assert_int_equal(pf_password_check(PF_LIT("pencil"), PENCIL_256, false, NULL), PF_OK);
    assert_int_equal(pf_password_check(PF_LIT("pencils"), PENCIL_256, false, NULL), PF_AUTH);
    assert_int_equal(pf_password_check(PF_LIT("pen\xc2\xad"
                                              "cil"),
                                       PENCIL_256, false, NULL),
                     PF_OK); /* SASLprep */
}

static void scr_012_keys_of_a_plain_password_have_ten_thousand_iterations(void **state)
{
    static const unsigned char salt[16] = "0123456789abcdef";
    struct pf_scram_keys one, other;

    (void)state;
    assert_int_equal(pf_password_scram("{PLAIN}pencil", PF_FORM_SCRAM_SHA_256, salt, &one), PF_OK);
    assert_int_equal(one.iterations, 10000);
    assert_int_equal(one.key_len, 32);
    assert_int_equal(one.salt_len, 16);
    assert_memory_equal(one.salt, salt, 16);
    assert_int_equal(
        pf_password_scram("{PLAIN.HEX}70656ec2ad63696c", PF_FORM_SCRAM_SHA_256, salt, &other), PF_OK);
    assert_memory_equal(&one, &other, sizeof one); /* prepared */
    assert_int_equal(pf_password_scram("{PLAIN}pencil", PF_FORM_SCRAM_SHA_1, salt, &other), PF_OK);
    assert_int_equal(other.key_len, 20);
}

static void scr_012_new_keys(void **state)
{
    char stored[256];

    (void)state;
    assert_int_equal(pf_password_make(PF_LIT("pencil"), "SCRAM-SHA-256", stored, sizeof stored, NULL),
                     PF_OK);
    assert_memory_equal(stored, "{SCRAM-SHA-256}10000,", 21);
    assert_int_equal(pf_password_form(stored), PF_FORM_SCRAM_SHA_256);
    assert_int_equal(pf_password_make(PF_LIT(""), "SCRAM-SHA-256", stored, sizeof stored, NULL),
                     PF_CONFIG);
    assert_int_equal(pf_password_make(PF_LIT("a\0b"), "SCRAM-SHA-1", stored, sizeof stored, NULL),
                     PF_CONFIG);
}

static void memory_of_a_check(void **state)
{
    const size_t little = 64 << 10, mebi = 1 << 20;

    (void)state;
    assert_int_equal(pf_password_memory("{PLAIN}x"), little);
    assert_int_equal(pf_password_memory("{NONE}x"), 0);
    assert_int_equal(pf_password_memory("$2b$31$mjMWi.G3KIAUjVXYLawjL.hhZIkPpsU7Tp4uqWNpjhDs4zMDRdVHi"),
                     0);
    assert_int_equal(
        pf_password_memory("$y$j9T$85wuJ51V6Gnpq.VJvRqT91$VsWoo7BHEsKuPrPwhSiVRDdK5ziKpQhnCJwn4dUwgU/"),
        little + 16 * mebi);
    assert_int_equal(
        pf_password_memory(
            "{CRYPT}$gy$j9T$/EObXnf1ixGYLlXqROeCh/$nwO8/vkOyh.SipaTPPyUZYI.aCfv7DtpVWAytW8Md52"),
        little + 16 * mebi);
    assert_int_equal(
        pf_password_memory("{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$6K5bCc3XpEsgV9PBrGqnDg$"
                           "H2pVCUp41wRaInfhRmBXo4j/U39l53/W8olGKoxOkI0"),
        little + 64 * mebi);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(forms),
        T(the_password_itself),
        T(scr_024_026_keys_of_the_examples),
        T(scr_012_keys_of_a_plain_password_have_ten_thousand_iterations),
        T(scr_012_new_keys),
        T(memory_of_a_check),
    };

    return RUN(tests);
}
