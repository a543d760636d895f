#include "tool_bench.h"

#include "auth/tokens.h"
#include "tool/user.h"
#include <postfach/err.h>
#include <time.h>

#define RUN_TOOL(b, ...) bench_run(b, pf_tool_user, (const char *const[]){"user", "token", __VA_ARGS__, NULL})

static struct pf_tokens *read_tokens(const struct bench *b)
{
    struct pf_auth_stamp stamp;
    struct pf_err err = {0};
    struct pf_tokens *tokens = pf_tokens_open(b->file, &stamp, &err);

    assert_string_equal(err.log, "");
    assert_non_null(tokens);
    return tokens;
}

static void a_token_is_printed_alone_and_works(void **state)
{
    const struct pf_token *token;
    struct pf_tokens *tokens;
    struct bench b;
    struct stat st;
    int64_t now = time(NULL);

    (void)state;
    bench_setup(&b, "tokens", NULL);
    assert_int_equal(RUN_TOOL(&b, "add", "anna", "--file", b.file, "--read-only", "--from", "192.0.2.0/24,2001:db8::1",
                              "--expires", "90d", "--every", "15m", "--folder", "Sent Items", "--comment",
                              "archive: 100%"),
                     0);
    assert_int_equal(strlen(b.out), 39); /* the token and a line end */
    b.out[38] = 0;
    assert_true(pf_token_form(pf_bytes_of(b.out)));
    assert_null(strstr(b.err, b.out + 12)); /* the secret is on one output only */
    bench_expect(b.err, "is new");
    assert_int_equal(stat(b.file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    tokens = read_tokens(&b);
    token = pf_tokens_find(tokens, PF_LIT("anna"), pf_bytes_of(b.out));
    assert_non_null(token);
    assert_true(token->read_only && !token->no_delete);
    assert_int_equal(token->net_count, 2);
    assert_in_range(token->expires, now + 90 * 86400, now + 90 * 86400 + 60);
    assert_in_range(token->created, now, now + 60);
    assert_int_equal(token->every, 900);
    assert_string_equal(token->folder, "Sent Items");
    assert_string_equal(token->comment, "archive: 100%");
    pf_tokens_free(tokens);
    bench_teardown(&b);
}

static void the_list_marks_what_has_expired(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "tokens", "# mine\n");
    assert_int_equal(RUN_TOOL(&b, "add", "anna", "--file", b.file, "--expires", "2001-02-03", "--no-delete"), 0);
    assert_int_equal(RUN_TOOL(&b, "add", "bert", "--file", b.file, "--comment", "j\xc3\xbcrgen\xc2\x9b"), 0);
    assert_int_equal(RUN_TOOL(&b, "list", "--file", b.file), 0);
    bench_expect(b.out, "anna  no-delete  anywhere  EXPIRED 2001-02-03 00:00  -\n");
    bench_expect(b.out, "bert  all        anywhere  never                     j\xc3\xbcrgen?\n");
    assert_int_equal(RUN_TOOL(&b, "list", "bert", "--file", b.file), 0);
    assert_null(strstr(b.out, "anna"));
    assert_int_equal(RUN_TOOL(&b, "list", "carl", "--file", b.file), 0);
    assert_string_equal(b.out, "");
    bench_expect(b.err, "there are none");
    bench_teardown(&b);
}

static void one_is_removed_and_the_rest_stays(void **state)
{
    static const char zeros[] = "{SHA256}0000000000000000000000000000000000000000000000000000000000000000:";
    char text[1000], have[1000];
    struct bench b;
    struct stat st;

    (void)state;
    snprintf(text, sizeof text, "# a:aaaaaaaa:\nanna:aaaaaaaa:%s\r\nbert:bbbbbbbb:%sread-only\n#end", zeros, zeros);
    bench_setup(&b, "tokens", text);
    assert_int_equal(chmod(b.file, 0640), 0);
    assert_int_equal(RUN_TOOL(&b, "remove", "aaaaaaaa", "--file", b.file), 0);
    assert_string_equal(b.out, "");
    bench_get(b.file, have, sizeof have);
    snprintf(text, sizeof text, "# a:aaaaaaaa:\nbert:bbbbbbbb:%sread-only\n#end", zeros);
    assert_string_equal(have, text);
    assert_int_equal(stat(b.file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(RUN_TOOL(&b, "remove", "aaaaaaaa", "--file", b.file), 67);
    bench_expect(b.err, "there is no token aaaaaaaa");
    bench_expect(b.err, "hint: ");
    assert_int_equal(RUN_TOOL(&b, "remove", "", "--file", b.file), 67);
    bench_get(b.file, have, sizeof have);
    assert_string_equal(have, text);
    bench_teardown(&b);
}

static void mistakes_change_nothing(void **state)
{
    static const struct {
        const char *option, *value, *why;
    } cases[] = {
        {"--from", "localhost", "numeric addresses"},  {"--from", "10.0.0.1 no-delete", "numeric addresses"},
        {"--expires", "tomorrow", "wants a date"},     {"--expires", "d", "wants a date"},
        {"--every", "0", "every="},                    {"--every", "1y", "every="},
        {"--every", "99999999999999999999d", "every="}, {"--every", "99999999999999999d", "every="},
        {"--folder", "../x", "folder="},               {"--comment", "a\nb", "comment="},
    };
    struct bench b;

    (void)state;
    bench_setup(&b, "tokens", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(RUN_TOOL(&b, "add", "anna", "--file", b.file, cases[i].option, cases[i].value), 64);
        assert_string_equal(b.out, "");
        bench_expect(b.err, cases[i].why);
        assert_int_not_equal(access(b.file, F_OK), 0);
    }
    assert_int_equal(RUN_TOOL(&b, "add", "an:na", "--file", b.file), 64);
    assert_int_equal(RUN_TOOL(&b, "add", "--file", b.file), 64);
    assert_int_equal(RUN_TOOL(&b, "add", "anna", "bert", "--file", b.file), 64);
    assert_int_equal(RUN_TOOL(&b, "list", "--read-only", "--file", b.file), 64);
    assert_int_equal(RUN_TOOL(&b, "eat"), 64);
    assert_int_equal(RUN_TOOL(&b, "list", "--file", b.file), 78);
    assert_int_equal(rmdir(b.dir), 0);
}

/* What somebody broke by hand is not made worse. */
static void a_broken_file_is_not_touched(void **state)
{
    char have[1000];
    struct bench b;

    (void)state;
    bench_setup(&b, "tokens", "nonsense\n");
    assert_int_equal(RUN_TOOL(&b, "add", "anna", "--file", b.file), 78);
    bench_expect(b.err, "line 1: a line is user:id:digest:words");
    assert_string_equal(b.out, "");
    bench_get(b.file, have, sizeof have);
    assert_string_equal(have, "nonsense\n");
    bench_teardown(&b);
}

static void the_settings_name_the_file_and_the_users(void **state)
{
    char conf[200], users[200], text[600];
    struct bench b;

    (void)state;
    bench_setup(&b, "tokens", NULL);
    snprintf(conf, sizeof conf, "%s/conf", b.dir);
    snprintf(users, sizeof users, "%s/users", b.dir);
    bench_put(users, "anna:*\n");
    snprintf(text, sizeof text, "hostname localhost\nusers { password-file %s }\n", users);
    bench_put(conf, text);
    assert_int_equal(RUN_TOOL(&b, "add", "anna", "-c", conf), 78);
    bench_expect(b.err, "hint: write users { tokens");
    snprintf(text, sizeof text, "hostname localhost\nusers { password-file %s; tokens %s }\n", users, b.file);
    bench_put(conf, text);
    assert_int_equal(RUN_TOOL(&b, "add", "anna", "-c", conf), 0);
    assert_null(strstr(b.err, "warning"));
    assert_int_equal(RUN_TOOL(&b, "add", "bert", "-c", conf), 0);
    bench_expect(b.err, "warning: there is no user bert");
    bench_put(conf, "users { tokens }\n");
    assert_int_equal(RUN_TOOL(&b, "list", "-c", conf), 78);
    unlink(conf);
    unlink(users);
    bench_teardown(&b);
}

static void help_is_on_the_standard_output(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "tokens", NULL);
    assert_int_equal(RUN_TOOL(&b, "--help"), 0);
    bench_expect(b.out, "usage: postfach user token add");
    assert_int_equal(RUN_TOOL(&b, "add", "--help"), 0);
    bench_expect(b.out, "--expires");
    assert_int_equal(rmdir(b.dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_token_is_printed_alone_and_works),
        T(the_list_marks_what_has_expired),
        T(one_is_removed_and_the_rest_stays),
        T(mistakes_change_nothing),
        T(a_broken_file_is_not_touched),
        T(the_settings_name_the_file_and_the_users),
        T(help_is_on_the_standard_output),
    };

    return RUN(tests);
}
