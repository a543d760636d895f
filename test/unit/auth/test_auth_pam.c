#include "unit/cm.h"

#include "auth/auth_entry.h"
#include "auth/auth_pam.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct pf_auth_entry entry;
static struct pf_err why;

static enum pf_code says(struct pf_bytes line, int status)
{
    why = (struct pf_err){0};
    pf_auth_entry_begin(&entry, PF_LIT("anna"));
    return pf_pam_answer(line, status, &entry, &why);
}

static void answers_and_statuses(void **state)
{
    (void)state;
    assert_int_equal(says(PF_LIT("yes Anna\n"), 0), PF_OK);
    assert_string_equal(entry.user.name, "Anna");
    assert_int_equal(says(PF_LIT("no Authentication failure\n"), 1 << 8), PF_AUTH);
    assert_int_equal(says(PF_LIT("trouble x\n"), 75 << 8), PF_TEMP);
    assert_int_equal(says(PF_LIT("yes anna\n"), 1 << 8), PF_TEMP);
    assert_int_equal(says(PF_LIT("yes anna\n"), 9), PF_TEMP);
    assert_int_equal(says(PF_LIT("no x\n"), 0), PF_TEMP);
    assert_int_equal(says(PF_LIT(""), 0), PF_TEMP); /* a module that ends the process */
    assert_int_equal(says(PF_LIT(""), 1 << 8), PF_TEMP);
    assert_int_equal(says(PF_LIT("yes anna"), 0), PF_TEMP);
    assert_int_equal(says(PF_LIT("yes anna\nno\n"), 0), PF_TEMP);
    assert_int_equal(says(PF_LIT("yes \n"), 0), PF_TEMP);
    assert_int_equal(says(PF_LIT("yes ../x\n"), 0), PF_TEMP);
    assert_int_equal(says(PF_LIT("\n"), 0), PF_TEMP);
    assert_int_equal(why.code, PF_TEMP);
}

/* A helper of ours: what it does is a line of shell. */
static enum pf_code asks(const char *script, pf_time timeout)
{
    char dir[] = "/tmp/pf-pam-XXXXXX", path[64];
    const struct pf_conf_userdb userdb = {.service = "pop3", .timeout = timeout, .connections = 1};
    const struct pf_auth_proof proof = {.name = PF_LIT("anna"), .secret = PF_LIT("secret"), .peer = "192.0.2.1"};
    enum pf_code code;
    FILE *file;
    void *self;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/helper", dir);
    assert_non_null(file = fopen(path, "we"));
    fprintf(file, "#!/bin/sh\n%s\n", script);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0700), 0);
    assert_int_equal(setenv("POSTFACH_PAM", path, 1), 0);
    why = (struct pf_err){0};
    assert_non_null(self = pf_auth_pam_source.open(&userdb, NULL, NULL, &why));
    pf_auth_entry_begin(&entry, PF_LIT("anna"));
    code = pf_auth_pam_source.verify(self, &proof, &entry, &why);
    pf_auth_pam_source.close(self);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
    return code;
}

static void helpers(void **state)
{
    (void)state;
    assert_int_equal(asks("cat >/dev/null; echo yes anna", 60000), PF_OK);
    assert_int_equal(asks("cat >/dev/null; echo no wrong; exit 1", 60000), PF_AUTH);
    assert_int_equal(asks("[ \"$(tr '\\000-\\037' .)\" = ..pop3..anna..secret..192.0.2.1 ] && echo yes anna",
                          60000), PF_OK);
    assert_int_equal(asks("exit 0", 60000), PF_TEMP); /* which also reads nothing */
    assert_int_equal(asks("kill -9 $$", 60000), PF_TEMP);
    assert_non_null(strstr(why.log, "signal 9"));
    assert_int_equal(asks("sleep 60 & wait", 100), PF_TEMP);
    assert_non_null(strstr(why.log, "no answer in time"));
    assert_int_equal(asks("env | grep -v -E '^(PATH|LC_ALL|PWD|SHLVL|_|OLDPWD)=' >&2 && exit 3; echo yes anna",
                          60000), PF_OK);
    assert_int_equal(asks("[ -e /proc/self/fd/3 ] && exit 3; echo yes anna", 60000), PF_OK);
}

static void passwords_that_nobody_has(void **state)
{
    const struct pf_conf_userdb userdb = {.service = "pop3", .timeout = 1000};
    struct pf_auth_proof proof = {.name = PF_LIT("anna"), .secret = PF_LIT("a\0b"), .peer = "unix"};
    void *self;

    (void)state;
    assert_int_equal(setenv("POSTFACH_PAM", "/bin/false", 1), 0);
    assert_non_null(self = pf_auth_pam_source.open(&userdb, NULL, NULL, &why));
    assert_int_equal(pf_auth_pam_source.verify(self, &proof, &entry, &why), PF_AUTH);
    proof.secret.len = 0;
    assert_int_equal(pf_auth_pam_source.verify(self, &proof, &entry, &why), PF_AUTH);
    assert_int_equal(pf_auth_pam_source.find(self, PF_LIT("root"), &entry, &why), PF_NO_USER);
    assert_int_equal(pf_auth_pam_source.find(self, PF_LIT("nobody"), &entry, &why), PF_NO_USER);
    assert_int_equal(pf_auth_pam_source.find(self, PF_LIT("no such user"), &entry, &why), PF_NO_USER);
    pf_auth_pam_source.close(self);
    assert_int_equal(setenv("POSTFACH_PAM", "/nowhere", 1), 0);
    assert_null(pf_auth_pam_source.open(&userdb, NULL, NULL, &why));
    assert_int_equal(why.code, PF_CONFIG);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {T(answers_and_statuses), T(helpers), T(passwords_that_nobody_has)};

    return RUN(tests);
}
