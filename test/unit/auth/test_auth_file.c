#include "auth_bench.h"

#include "auth/auth_file.h"
#include <postfach/pop3_server.h>

static struct pf_auth_file *parse(const char *text, size_t len, bool weak, struct pf_err *err)
{
    char *copy = malloc(len + 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    return pf_auth_file_parse("users", copy, len, weak, err);
}

static void good(const char *text, size_t count)
{
    struct pf_err err = {0};
    struct pf_auth_file *file = parse(text, strlen(text), false, &err);

    assert_string_equal(err.log, "");
    assert_non_null(file);
    assert_int_equal(pf_auth_file_count(file), count);
    pf_auth_file_free(file);
}

static void bad(const char *text, size_t len, const char *says)
{
    struct pf_err err = {0};

    assert_null(parse(text, len, false, &err));
    assert_int_equal(err.code, PF_CONFIG);
    if (!strstr(err.log, says))
        assert_string_equal(err.log, says);
}

static void forms_that_are_read(void **state)
{
    (void)state;
    good("", 0);
    good("\n\n  \t\n# a comment:x\n", 0);
    good("alice:" SESAME, 1);
    good("alice:" SESAME "\r\nbob:" SESAME "\r\n\r\n", 2);
    good("alice:" SESAME "::::::\nbob:" SESAME ":1000:1000:Bob, Room 7:/home/bob:/bin/sh\n", 2);
    good("alice:" SESAME ":::\nlocked:!\nstar:*LK*\n#bob:x\n", 3);
    good("alice:" SESAME
         "::::::  nologin  expire=never \t login_delay=0 userdb_quota_rule=*:storage=1G\n",
         1);
    good("Alice:" SESAME "\nalice:" SESAME "\n", 2);
}

static void every_mistake_is_counted_and_the_first_is_shown(void **state)
{
    static const char three[] = "# users\nalice:" SESAME "\nbob\n\n:x\ncarol:{NONE}x\n";
    char longer[PF_AUTH_LINE_MAX + 100];

    (void)state;
    bad(three, strlen(three), "users: 3 bad lines, the first is line 3: no password");
    bad("alice:" SESAME "\nalice:" SESAME "\n", 2 * sizeof("alice:" SESAME),
        "line 2: this name stands in the file twice");
    bad("a\0b:x\n", 6, "1 bad line, the first is line 1: a NUL");
    memset(longer, 'a', sizeof longer);
    longer[1] = ':';
    bad(longer, sizeof longer, "too long");
}

static void mistakes(void **state)
{
    static const struct {
        const char *text, *says;
    } table[] = {
        {"alice:", "no password"},
        {"alice::x", "no password"},
        {"a/b:" SESAME, "a name is"},
        {".a:" SESAME, "a name is"},
        {"a\x7f:" SESAME, "a name is"},
        {"a\xff:" SESAME, "this name can never match"},
        {"e\xcc\x81:" SESAME, "this name can never match"},
        {"alice:{PLAIN}abc", "weak password scheme PLAIN"},
        {"alice:abc", "no kind that is known"},
        {"alice:" SESAME ":::::::maildrop=/a", "too many colons"},
        {"alice:" SESAME "::::::maildrop=a", "absolute"},
        {"alice:" SESAME "::::::maildrop=", "absolute"},
        {"alice:" SESAME "::::::maildrop=/a/../b", "'..'"},
        {"alice:" SESAME "::::::maildrop=/a/..", "'..'"},
        {"alice:" SESAME "::::::maildrop", "lacks its =value"},
        {"alice:" SESAME "::::::userdb_mail=mdbox:/a", "maildir:/path or mbox:/path"},
        {"alice:" SESAME "::::::userdb_mail=/a", "maildir:/path or mbox:/path"},
        {"alice:" SESAME "::::::maildrop=mbox:a", "absolute"},
        {"alice:" SESAME "::::::maildrop=mbox:", "absolute"},
        {"alice:" SESAME "::::::maildrop=mbox:/a/", "is a file"},
        {"alice:" SESAME "::::::maildrop=mbox:/a/..", "'..'"},
        {"alice:" SESAME "::::::maildrop=mbox:/../a", "'..'"},
        {"alice:" SESAME "::::::userdb_mail=maildir:~/a", "absolute"},
        {"alice:" SESAME "::::::quota=x", "quota is"},
        {"alice:" SESAME "::::::quota", "lacks its =value"},
        {"alice:" SESAME "::::::userdb_quota_rule=1G", "userdb_quota_rule is"},
        {"alice:" SESAME "::::::expire=-1", "expire"},
        {"alice:" SESAME "::::::expire=99999999999", "expire"},
        {"alice:" SESAME "::::::expire", "lacks its =value"},
        {"alice:" SESAME "::::::login_delay=1m", "login_delay"},
        {"alice:" SESAME "::::::login_delay=99999999", "login_delay"},
        {"alice:" SESAME "::::::needs_tls=maybe", "needs_tls"},
        {"alice:" SESAME "::::::needs_tls", "lacks its =value"},
        {"alice:" SESAME "::::::nologin=perhaps", "nologin"},
        {"alice:" SESAME "::::::allow_nets=192.0.2.0/24", "unknown word"},
        {"alice:" SESAME "::::::maildropp=/a", "unknown word"},
        {"alice:" SESAME "::::::=", "unknown word"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        bad(table[i].text, strlen(table[i].text), table[i].says);
}

static void find(const struct pf_auth_file *file, const char *name, struct pf_auth_entry *out)
{
    *out = (struct pf_auth_entry){0};
    assert_int_equal(pf_auth_file_find(file, pf_bytes_of(name), out), PF_OK);
    assert_string_equal(out->user.name, name);
}

static void words_of_the_last_field(void **state)
{
    static const char text[] =
        "a:" SESAME ":1:1::/home/a:/bin/sh:maildrop=/mail/a:b expire=30 needs_tls=yes login_delay=600\n"
        "b:" SESAME "::::::userdb_mail=maildir:/mail/b:LAYOUT=fs expire=never needs_tls=no nologin=n\n"
        "c:" SESAME "::::::nologin\n"
        "d:!" SESAME "\n"
        "e:" SESAME "\n";
    struct pf_auth_file *file = parse(text, strlen(text), false, NULL);
    struct pf_auth_entry entry;

    (void)state;
    find(file, "a", &entry);
    assert_string_equal(entry.user.maildrop, "/mail/a:b");
    assert_int_equal(entry.user.expire_days, 30);
    assert_int_equal(entry.user.login_delay, 600);
    assert_true(entry.user.needs_tls);
    assert_false(entry.nologin);
    assert_string_equal(entry.stored, SESAME);
    find(file, "b", &entry);
    assert_string_equal(entry.user.maildrop, "/mail/b");
    assert_int_equal(entry.user.expire_days, PF_EXPIRE_NEVER);
    assert_false(entry.user.needs_tls || entry.nologin);
    find(file, "c", &entry);
    assert_true(entry.nologin);
    find(file, "d", &entry);
    assert_true(entry.nologin);
    find(file, "e", &entry);
    assert_int_equal(entry.user.expire_days, -2);
    assert_int_equal(entry.user.login_delay, -2);
    assert_string_equal(entry.user.maildrop, "");
    assert_int_equal(pf_auth_file_find(file, PF_LIT("A"), &entry), PF_NO_USER);
    assert_int_equal(pf_auth_file_find(file, PF_LIT(""), &entry), PF_NO_USER);
    assert_true(pf_auth_file_some_need_tls(file));
    pf_auth_file_free(file);
}

static void a_maildrop_may_bear_its_kind(void **state)
{
    static const char text[] = "a:" SESAME "::::::maildrop=mbox:/var/mail/a\n"
                               "b:" SESAME "::::::maildrop=maildir:/mail/b\n"
                               "c:" SESAME "::::::userdb_mail=mbox:/home/c/mail:INBOX=/var/mail/c:LAYOUT=fs\n"
                               "d:" SESAME "::::::userdb_mail=mbox:/var/mail/d\n";
    static const char *const drops[] = {"mbox:/var/mail/a", "/mail/b", "mbox:/var/mail/c", "mbox:/var/mail/d"};
    struct pf_auth_file *file = parse(text, strlen(text), false, NULL);
    struct pf_auth_entry entry;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        pf_auth_file_at(file, i, &entry);
        assert_string_equal(entry.user.maildrop, drops[i]);
    }
    pf_auth_file_free(file);
}

static void a_user_may_have_his_own_quota(void **state)
{
    static const char text[] = "a:" SESAME "::::::quota=1g,100\n"
                               "b:" SESAME "::::::userdb_quota_rule=*:storage=100 userdb_quota_rule2=Trash:ignore\n"
                               "c:" SESAME "::::::quota=0\n"
                               "d:" SESAME "\n";
    static const int64_t quotas[][2] = {{1 << 30, 100}, {102400, 0}, {-1, 0}, {0, 0}};
    struct pf_auth_file *file = parse(text, strlen(text), false, NULL);
    struct pf_auth_entry entry;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        pf_auth_file_at(file, i, &entry);
        assert_int_equal(entry.user.quota_octets, quotas[i][0]);
        assert_int_equal(entry.user.quota_messages, quotas[i][1]);
    }
    pf_auth_file_free(file);
}

/* The stand-in for names that do not exist costs what most users' passwords do. */
static void the_most_common_class_is_the_stand_in(void **state)
{
    static const char text[] = "a:" SESAME "\n"
                               "b:$2b$05$mjMWi.G3KIAUjVXYLawjL.hhZIkPpsU7Tp4uqWNpjhDs4zMDRdVHi\n"
                               "c:{BCRYPT}$2b$06$mjMWi.G3KIAUjVXYLawjL.hhZIkPpsU7Tp4uqWNpjhDs4zMDRdVHi\n"
                               "d:{CRYPT}$2b$06$zzMWi.G3KIAUjVXYLawjL.hhZIkPpsU7Tp4uqWNpjhDs4zMDRdVHi\n"
                               "e:!" SESAME "\nf:*\n";
    struct pf_auth_file *file = parse(text, strlen(text), false, NULL),
                        *none = parse("e:*\n", 4, false, NULL);

    (void)state;
    assert_non_null(strstr(pf_auth_file_common(file), "$2b$06$"));
    assert_null(pf_auth_file_common(none));
    pf_auth_file_free(file);
    pf_auth_file_free(none);
}

static void a_hundred_thousand_users(void **state)
{
    enum { MANY = 100000, EACH = 80 };
    char *text = malloc((size_t)MANY * EACH), *at = text, name[32];
    struct pf_auth_file *file;
    struct pf_auth_entry entry;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < MANY; i++)
        at += snprintf(at, EACH, "user%d@example.org:" SESAME "\n", i);
    file = pf_auth_file_parse("users", text, (size_t)(at - text), false, NULL);
    assert_non_null(file);
    for (int i = 0; i < MANY; i += 997) {
        snprintf(name, sizeof name, "user%d@example.org", i);
        find(file, name, &entry);
    }
    assert_int_equal(pf_auth_file_find(file, PF_LIT("user100000@example.org"), &entry), PF_NO_USER);
    pf_auth_file_free(file);
}

static void check_warns_of_what_is_unwise(void **state)
{
    char warning[PF_ERR_LOG];
    struct pf_err err = {0};
    struct bench b;

    (void)state;
    bench_setup(&b, "alice:" SESAME "\n");
    assert_int_equal(pf_auth_file_check(b.file, false, warning, &err), PF_OK);
    assert_string_equal(warning, "");
    chmod(b.file, 0644);
    assert_int_equal(pf_auth_file_check(b.file, false, warning, &err), PF_OK);
    assert_non_null(strstr(warning, "mode 644"));
    chmod(b.file, 0640);
    bench_write(&b, "alice:{PLAIN}x\n");
    assert_int_equal(pf_auth_file_check(b.file, true, warning, &err), PF_OK);
    assert_non_null(strstr(warning, "weak"));
    assert_int_equal(pf_auth_file_check(b.file, false, warning, &err), PF_CONFIG);
    assert_non_null(strstr(err.log, "weak password scheme"));
    unlink(b.file);
    assert_int_equal(pf_auth_file_check(b.file, false, warning, &err), PF_CONFIG);
    assert_int_equal(mkfifo(b.file, 0600), 0);
    assert_int_equal(pf_auth_file_check(b.file, false, warning, &err), PF_CONFIG);
    assert_non_null(strstr(err.log, "no regular file"));
    unlink(b.file);
    rmdir(b.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(forms_that_are_read),
        T(every_mistake_is_counted_and_the_first_is_shown),
        T(mistakes),
        T(words_of_the_last_field),
        T(a_maildrop_may_bear_its_kind),
        T(a_user_may_have_his_own_quota),
        T(the_most_common_class_is_the_stand_in),
        T(a_hundred_thousand_users),
        T(check_warns_of_what_is_unwise),
    };

    return RUN(tests);
}
