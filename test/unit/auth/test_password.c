#include "unit/cm.h"

#include "auth/password.h"
#include "auth/password_scheme.h"
#include <stdlib.h>

/* All of one password, made by `doveadm pw`, `mkpasswd`, `openssl passwd` and `argon2`. */
static const char phrase[] = "pass word:\xc3\xa9";

struct vector {
    const char *stored;
    bool weak;
};

static const struct vector vectors[] = {
    {"$y$j9T$85wuJ51V6Gnpq.VJvRqT91$VsWoo7BHEsKuPrPwhSiVRDdK5ziKpQhnCJwn4dUwgU/", false},
    {"{YESCRYPT}$y$j75$C49KAl4EiTbR1eck/w3Eq1$HnuLWBhlHyDhvMjPblDVnHEtRzDYvWs.u/XSJ4l7875", false},
    {"{CRYPT}$gy$j9T$/EObXnf1ixGYLlXqROeCh/$nwO8/vkOyh.SipaTPPyUZYI.aCfv7DtpVWAytW8Md52", false},
    {"{BLF-CRYPT}$2y$05$6EaFa/TcVc3aSeRD9SEUE.imtBjwM2EylZbdE1maq5CX3NYhKyWT.", false},
    {"{BCRYPT}$2b$05$mjMWi.G3KIAUjVXYLawjL.hhZIkPpsU7Tp4uqWNpjhDs4zMDRdVHi", false},
    {"$2a$05$xFIAVMGXNGcQx7shR7UbL.GO2Wo8toQOxTMCJI2TCA.DcIH3L9rx2", false},
    {"{CRYPT}$2y$05$Bv7MzLLnps6w5q/TaH20au0Yp5EovbtUPMFdRZClYi79vDRWNYM1a", false},
    {"{SHA512-CRYPT}$6$Gt.FqBlC3aype9nw$Rr03cYAEZgSjPxF/6JcLPPkZTBxRkrUcF/BtZC.c2c0Vzi4k0ZADye/"
     "7JrjRSXVYkPkSBvC1oVFY2DGp54bQ91",
     false},
    {"$6$saltsalt$4wvVl1Kx6AEAgQxaQ7Ti5V036ewA/msfsIeGzViv0Pv7IrZI5FeK/C5/"
     "W93hNKzRMtpyLnKghqnvFZLvbVT2M.",
     false},
    {"{SHA256-CRYPT}$5$UGzgcNkJEKRGgdMj$YMMeqSRNc6Uo0vFMlZ3IOBSUPuEGDUaG6Uztq57rMAA", false},
    {"$5$saltsalt$PpQiESK.rRD5TglY/ICEkdSItafWWfM20C1t7OlPIg0", false},
    {"{ARGON2ID}$argon2id$v=19$m=256,t=2,p=2$c2FsdHNhbHRzYWx0$/2sO+tHzsV7taJ08Wg3Qtyri3dLe7ZRhb8kgpz/"
     "xjs8",
     false},
    {"{ARGON2I}$argon2i$v=19$m=256,t=3,p=1$c2FsdHNhbHRzYWx0$S+2JS9ggYi0txa5Mguy2JVMbZtIfhXBFUG0awhCxYuM",
     false},
    {"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$6K5bCc3XpEsgV9PBrGqnDg$H2pVCUp41wRaInfhRmBXo4j/"
     "U39l53/W8olGKoxOkI0",
     false},
    {"{PBKDF2}$1$XKR1VkKJ83TrXWBS$5000$ad8f59c31456b16867f3e16987b021727819458a", false},
    {"{SSHA}/c6xAjF+BVewiWLReMiMh9AyfCkgIKqu", false},
    {"{ssha256}yb+XvzGsss37UH5sdiy75IsCcZ41NFJmtMJBaJJrznqjlnJa", false},
    {"{SSHA256.B64}wUG/pfaBuDYO54BOLOzdv4RXjiqfjPZik67d3x1gu5HGTWYi", false},
    {"{SSHA512}lgdTzAtDQsjWTceNsP/8dLhhibBSqno5cUf7Wbn0/"
     "p6R2TQ2GEOO2kc+xS36JosFCsZgoytB5kZ1K5zFi0mdj0mxUKg=",
     false},
    {"{SSHA512.HEX}"
     "22936b6e52abdd715461ee9213d6d12daf88b91a2e39a98f74538f2b7734329229a5e8dcada54324024c3b672b"
     "18f4f0296123da9f48b80967838e186f0be17bad5d1d2c",
     false},
    {"{SHA}rc7YdzOUBx8rVgC9m8cAK7FkgFw=", true},
    {"{SHA1}rc7YdzOUBx8rVgC9m8cAK7FkgFw=", true},
    {"{SHA256}G7cdZOLUrz8nOrX/gVPgHwGY1kwZIjb+0CD4gocLXk4=", true},
    {"{SHA256.HEX}1bb71d64e2d4af3f273ab5ff8153e01f0198d64c192236fed020f882870b5e4e", true},
    {"{SHA256}1bb71d64e2d4af3f273ab5ff8153e01f0198d64c192236fed020f882870b5e4e", true},
    {"{SHA512}y86Q8s2O6tmup7+beBi1svtZ0+FD/E557DSn4zghsbypvTYSKzcoCgLoctr7c07tqxljC/1BPYzQgCzFcU+xfg==",
     true},
    {"{LDAP-MD5}VSznJmEdW3RN+an+5UxQWg==", true},
    {"{PLAIN-MD5}552ce726611d5b744df9a9fee54c505a", true},
    {"{SMD5}rm0H1oVaV1KZKCDoD7xB0o7GOYs=", true},
    {"{MD5-CRYPT}$1$walvLGbF$ffBbvlILSlzDy/8crTF1M.", true},
    {"{MD5}$1$76ijN5ir$ovox5w7BZK/H4lo7jfg/h0", true},
    {"{CRYPT}$1$0cWywpVv$swVmGhsVtFttiXHTaGEDo0", true},
    {"{DES-CRYPT}D/eGsEc.oTRSg", true},
    {"t6lcFXHWTOa3.", true},
    {"{SCRAM-SHA-1}4096,qGcPHb6/8wQb9ZTNff48fQ==,rTUsFID75u72GqQX/yMhy8wnHBs=,5njLACa6jdKqSUjjbSHhQY/4oqk=",
     false},
    {"{SCRAM-SHA-256}4096,X37PLyZbg2pZS4uTaOT9Fg==,tfKHptc/se/iG1MmAaScy8eu5SYXudGbTERgjKOIe1U=,"
     "E5M1/eDrFvSM6Qyb8ZcwKWELUPbC+04jBIdRZfBXKZU=",
     false},
    {"{PLAIN.B64}cGFzcyB3b3JkOsOp", true},
    {"{CLEARTEXT.HEX}7061737320776f72643ac3a9", true},
    {"{PLAIN}pass word:\xc3\xa9", true},
    {"{CLEARTEXT}pass word:\xc3\xa9", true},
};

static void vectors_of_other_programs_are_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct pf_err err = {0};

        assert_int_equal(pf_password_look(vectors[i].stored, true, &err), PF_OK);
        assert_int_equal(pf_password_check(pf_bytes_of(phrase), vectors[i].stored, true, &err), PF_OK);
        assert_string_equal(err.log, "");
        if (strstr(vectors[i].stored, "m=65536")) /* 64 MiB once is enough */
            continue;
        assert_int_equal(pf_password_check(PF_LIT("Pass word:\xc3\xa9"), vectors[i].stored, true, &err),
                         PF_AUTH);
        assert_int_equal(pf_password_check(PF_LIT(""), vectors[i].stored, true, NULL), PF_AUTH);
    }
}

/* DES crypt looks at eight octets, and so do all that end there; a NUL or a tail must not help
 * elsewhere. */
static void what_does_not_fit_is_wrong(void **state)
{
    unsigned char longer[700];

    (void)state;
    memset(longer, 'a', sizeof longer);
    memcpy(longer, phrase, sizeof phrase); /* with its NUL */
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        if (strstr(vectors[i].stored, "m=65536"))
            continue;
        assert_int_equal(
            pf_password_check(pf_bytes_from(longer, sizeof phrase), vectors[i].stored, true, NULL),
            PF_AUTH);
        assert_int_equal(
            pf_password_check(pf_bytes_from(longer, sizeof longer), vectors[i].stored, true, NULL),
            PF_AUTH);
    }
}

static void weak_schemes_must_be_allowed(void **state)
{
    struct pf_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        assert_int_equal(pf_password_weak(vectors[i].stored), vectors[i].weak);
        assert_int_equal(pf_password_look(vectors[i].stored, false, &err),
                         vectors[i].weak ? PF_CONFIG : PF_OK);
        if (vectors[i].weak)
            assert_int_equal(pf_password_check(pf_bytes_of(phrase), vectors[i].stored, false, &err),
                             PF_CONFIG);
    }
}

static const char *const useless[] = {
    "",
    "secret",
    "{",
    "{}",
    "{}x",
    "{NONE}x",
    "{PLAIN}",
    "{PLAIN.B64}",
    "{PLAIN.B64}cGFz=",
    "{PLAIN.B64}YQBi", /* a NUL inside */
    "{PLAIN.HEX}7",
    "{SCRAM-SHA-1}",
    "{SCRAM-SHA-1}4096",
    "{SCRAM-SHA-1}4096,qGcPHb6/8wQb9ZTNff48fQ==,rTUsFID75u72GqQX/yMhy8wnHBs=",
    "{SCRAM-SHA-1}4096,,rTUsFID75u72GqQX/yMhy8wnHBs=,5njLACa6jdKqSUjjbSHhQY/4oqk=",
    "{SCRAM-SHA-1}4096,qGcPHb6/8wQb9ZTNff48fQ==,rTUsFID75u72GqQX/yMhy8wnHBs=,5njLACa6jdKqSUjjbSHhQY/4oqk=,",
    "{SCRAM-SHA-1}4096,qGcPHb6/8wQb9ZTNff48fQ==,rTUsFID75u72GqQX/yMhy8wnHBt=,5njLACa6jdKqSUjjbSHhQY/4oqk=",
    "{SCRAM-SHA-1}0,qGcPHb6/8wQb9ZTNff48fQ==,rTUsFID75u72GqQX/yMhy8wnHBs=,5njLACa6jdKqSUjjbSHhQY/4oqk=",
    "{SCRAM-SHA-1}10000001,qGcPHb6/8wQb9ZTNff48fQ==,rTUsFID75u72GqQX/yMhy8wnHBs=,5njLACa6jdKqSUjjbSHhQY/4oqk=",
    "{SCRAM-SHA-256}4096,qGcPHb6/8wQb9ZTNff48fQ==,rTUsFID75u72GqQX/yMhy8wnHBs=,5njLACa6jdKqSUjjbSHhQY/4oqk=",
    "{SSHA}",
    "{SSHA}%%%%",
    "{SSHA}AAAA",
    "{SSHA.OCT}/c6x",
    "{SHA}/c6xAjF+BVewiWLReMiMh9AyfCkgIKqu",
    "{SHA256}zz",
    "{CRYPT}x",
    "{YESCRYPT}x",
    "$y$",
    "$6$",
    "$2b$05$",
    "$2b$31$mjMWi.G3KIAUjVXYLawjL.hhZIkPpsU7Tp4uqWNpjhDs4zMDRdVHi",
    "$y$jRT$85wuJ51V6Gnpq.VJvRqT91$VsWoo7BHEsKuPrPwhSiVRDdK5ziKpQhnCJwn4dUwgU/",
    "$y$jzT$85wuJ51V6Gnpq.VJvRqT91$VsWoo7BHEsKuPrPwhSiVRDdK5ziKpQhnCJwn4dUwgU/",
    "$6$rounds=999999999$saltsalt$4wvVl1Kx6AEAgQxaQ7Ti5V036ewA/msfsIeGzViv0Pv7IrZI5FeK",
    "$6$rounds=x$saltsaltsaltsaltsalt",
    "$argon2id$v=19$m=4194304,t=2,p=2$c2FsdHNhbHRzYWx0$/2sO+tHzsV7taJ08Wg3Qtyri3dLe7ZRhb8kgpz/xjs8",
    "$argon2id$v=19$m=256,t=4294967295,p=2$c2FsdHNhbHRzYWx0$/2sO+tHzsV7taJ08Wg3Qtyri3dLe7ZRhb8kgpz/"
    "xjs8",
    "$argon2id$v=19$m=1048576,t=4096,p=1$c2FsdHNhbHRzYWx0$/2sO+tHzsV7taJ08Wg3Qtyri3dLe7ZRhb8kgpz/"
    "xjs8",
    "$argon2id$v=16$m=256,t=2,p=2$c2FsdHNhbHRzYWx0$/2sO+tHzsV7taJ08Wg3Qtyri3dLe7ZRhb8kgpz/xjs8",
    "$argon2id$v=19$m=256,t=2$c2FsdHNhbHRzYWx0$/2sO",
    "$argon2id$",
    "$argon2d$v=19$m=256,t=2,p=2$c2Fs$/2sO",
    "{PBKDF2}$1$salt$5000$ad8f",
    "{PBKDF2}$1$salt",
    "{PBKDF2}$2$salt$1$00",
    "{PBKDF2}",
    "{PBKDF2}$1$XKR1VkKJ83TrXWBS$5000000000$ad8f59c31456b16867f3e16987b021727819458a",
    "{PBKDF2}$1$XKR1VkKJ83TrXWBS$0$ad8f59c31456b16867f3e16987b021727819458a",
    "$7$CU..../....VyoPuG10FauEx0l10WeXN/$a486gf39ciQNHVPlLgFRzFQINWk.Aw5kIJyhpHvhfR8",
    "*",
    "!$6$x",
};

/* A slip in the file must not cost hours or gigabytes. */
static void unknown_damaged_and_boundless_is_config(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof useless / sizeof useless[0]; i++) {
        struct pf_err err = {0};
        uint64_t before = pf_password_computed();

        assert_int_equal(pf_password_check(pf_bytes_of("secret"), useless[i], true, &err), PF_CONFIG);
        assert_string_not_equal(err.log, "");
        assert_true(pf_password_computed() == before);
    }
}

static void what_is_made_is_right(void **state)
{
    const char *scheme;
    char stored[PF_HASH_MAX], again[PF_HASH_MAX];

    (void)state;
    for (size_t i = 0; (scheme = pf_password_scheme(i)); i++) {
        char head[40];

        assert_int_equal(pf_password_make(pf_bytes_of(phrase), scheme, stored, sizeof stored, NULL),
                         PF_OK);
        snprintf(head, sizeof head, "{%s}", scheme);
        assert_memory_equal(stored, head, strlen(head));
        assert_int_equal(pf_password_check(pf_bytes_of(phrase), stored, true, NULL), PF_OK);
        assert_int_equal(pf_password_weak(stored), pf_password_scheme_weak(scheme));
        if (pf_password_scheme_weak(scheme))
            continue;
        assert_int_equal(pf_password_make(pf_bytes_of(phrase), scheme, again, sizeof again, NULL),
                         PF_OK);
        assert_string_not_equal(stored, again); /* salted */
    }
    assert_int_equal(pf_password_make(PF_LIT("x"), NULL, stored, sizeof stored, NULL), PF_OK);
    assert_memory_equal(stored, "{YESCRYPT}$y$", 13);
}

static void what_cannot_be_made_is_config(void **state)
{
    unsigned char longer[600];
    char stored[PF_HASH_MAX] = "untouched";
    struct pf_err err = {0};

    (void)state;
    memset(longer, 'a', sizeof longer);
    assert_int_equal(pf_password_make(PF_LIT("x"), "NONE", stored, sizeof stored, &err), PF_CONFIG);
    assert_int_equal(pf_password_make(PF_LIT("x"), "DES-CRYPT", stored, sizeof stored, &err), PF_CONFIG);
    assert_int_equal(pf_password_make(PF_LIT("a\0b"), "YESCRYPT", stored, sizeof stored, &err),
                     PF_CONFIG);
    assert_int_equal(
        pf_password_make(pf_bytes_from(longer, 600), "YESCRYPT", stored, sizeof stored, &err),
        PF_CONFIG);
    assert_int_equal(pf_password_make(PF_LIT(""), "PLAIN", stored, sizeof stored, &err), PF_CONFIG);
    assert_int_equal(pf_password_make(PF_LIT("x"), "SSHA", stored, 20, &err), PF_CONFIG);
    assert_string_equal(stored, "untouched");
}

static void classes_tell_cost_not_salt(void **state)
{
    static const struct {
        const char *stored, *text;
    } table[] = {
        {"{CRYPT}$y$j9T$85wuJ51V6Gnpq.VJvRqT91$VsWoo7BHEsKuPrPwhSiVRDdK5ziKpQhnCJwn4dUwgU/",
         "YESCRYPT $y$j9T"},
        {"$2y$05$6EaFa/TcVc3aSeRD9SEUE.imtBjwM2EylZbdE1maq5CX3NYhKyWT.", "BLF-CRYPT $2y$05"},
        {"$6$saltsalt$4wvVl1Kx6AEAgQxaQ7Ti5V036ewA/", "SHA512-CRYPT "},
        {"$6$rounds=77$saltsalt$4wvVl1Kx6AEAgQxaQ7Ti5V036ewA/", "SHA512-CRYPT $6$rounds=77"},
        {"$argon2id$v=19$m=256,t=2,p=2$c2FsdHNhbHRzYWx0$/2sO", "ARGON2ID $argon2id$v=19$m=256,t=2,p=2"},
        {"{PBKDF2}$1$XKR1VkKJ83TrXWBS$5000$ad8f59c31456b16867f3e16987b021727819458a", "PBKDF2 5000"},
        {"{SSHA}/c6xAjF+BVewiWLReMiMh9AyfCkgIKqu", "SSHA "},
        {"{SCRAM-SHA-256}4096,X37PLyZbg2pZS4uTaOT9Fg==,tfKH,E5M1", "SCRAM-SHA-256 4096"},
        {"{NONE}x", ""},
        {"$y$", "YESCRYPT "},
        {"$2", ""},
        {"$argon2id$v", "ARGON2ID "},
        {"{PBKDF2}$1$", "PBKDF2 "},
    };
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        pf_password_class(table[i].stored, text, sizeof text);
        assert_string_equal(text, table[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(vectors_of_other_programs_are_right),
        T(what_does_not_fit_is_wrong),
        T(weak_schemes_must_be_allowed),
        T(unknown_damaged_and_boundless_is_config),
        T(what_is_made_is_right),
        T(what_cannot_be_made_is_config),
        T(classes_tell_cost_not_salt),
    };

    return RUN(tests);
}
