#include "tool_bench.h"

#include "tool/users.h"
#include <time.h>

#define RUN_TOOL(b, ...) bench_run(b, pf_tool_users, (const char *const[]){"users", __VA_ARGS__, NULL})

static const char record[] =
    "anna\tlast=2026-11-22T08:00:01Z,192.0.2.1\tapop=2020-01-01T00:00:00Z,unix\n"
    "bert\"\\\xc2\x9b\xff\tplaintext=2026-11-20T00:00:00Z,2001:db8::1\told-tls=2026-11-21T00:00:00Z,192.0.2.2\n"
    "carl\tlast=2026-11-22T09:00:01Z,192.0.2.3\n"
    "dora\tlast=2026-11-22T09:00:01Z,192.0.2.3\tcram-md5=2026-11-20T00:00:00Z,192.0.2.3\n";

static void the_latest_stand_first(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "record", record);
    assert_int_equal(RUN_TOOL(&b, "insecure", "--file", b.file), 1);
    assert_string_equal(b.out, "WHEN (UTC)        USER      HOW        FROM         LAST LOGIN\n"
                               "2026-11-21 00:00  bert\"\\??  old-tls    192.0.2.2    -\n"
                               "2026-11-20 00:00  bert\"\\??  plaintext  2001:db8::1  -\n"
                               "2026-11-20 00:00  dora      cram-md5   192.0.2.3    2026-11-22 09:00\n"
                               "2020-01-01 00:00  anna      apop       unix         2026-11-22 08:00\n");
    assert_string_equal(b.err, "");
    bench_teardown(&b);
}

static void json_is_escaped(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "record", record);
    assert_int_equal(RUN_TOOL(&b, "insecure", "--json", "--file", b.file), 1);
    bench_expect(b.out, "[\n{\"user\": \"bert\\\"\\\\\\u009b\\ufffd\", \"how\": \"old-tls\", \"when\": "
                        "\"2026-11-21T00:00:00Z\", \"from\": \"192.0.2.2\", \"last_login\": null},\n");
    bench_expect(b.out, "{\"user\": \"anna\", \"how\": \"apop\", \"when\": \"2020-01-01T00:00:00Z\", "
                        "\"from\": \"unix\", \"last_login\": \"2026-11-22T08:00:01Z\"}\n]\n");
    bench_put(b.file, "carl\tlast=2026-11-22T09:00:01Z,192.0.2.3\n");
    assert_int_equal(RUN_TOOL(&b, "insecure", "--json", "--file", b.file), 0);
    assert_string_equal(b.out, "[]\n");
    bench_teardown(&b);
}

static void since_counts_days_back(void **state)
{
    time_t yesterday = time(NULL) - 86400 - 60;
    char text[200], date[32];
    struct bench b;
    struct tm tm;

    (void)state;
    strftime(date, sizeof date, "%FT%TZ", gmtime_r(&yesterday, &tm));
    snprintf(text, sizeof text, "anna\tplaintext=%s,::1\nbert\tapop=2001-01-01T00:00:00Z,::1\n", date);
    bench_setup(&b, "record", text);
    assert_int_equal(RUN_TOOL(&b, "insecure", "--file", b.file, "--since", "2"), 1);
    bench_expect(b.out, "anna");
    assert_null(strstr(b.out, "bert"));
    assert_int_equal(RUN_TOOL(&b, "insecure", "--file", b.file, "--since", "1"), 0);
    bench_expect(b.out, "nobody");
    assert_int_equal(RUN_TOOL(&b, "insecure", "--file", b.file, "--since", "soon"), 64);
    bench_teardown(&b);
}

static void nobody_is_said_and_good(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "record", "");
    assert_int_equal(RUN_TOOL(&b, "insecure", "--file", b.file), 0);
    assert_string_equal(b.out, "nobody: all of 0 users log in safely\n");
    bench_teardown(&b);
}

/* Not to be taken for "nobody": the file is missing or broken, or the settings have none. */
static void trouble_is_no_answer(void **state)
{
    char conf[200], text[300];
    struct bench b;

    (void)state;
    bench_setup(&b, "record", "nonsense");
    assert_int_equal(RUN_TOOL(&b, "insecure", "--file", b.file), 65);
    assert_string_equal(b.out, "");
    unlink(b.file);
    assert_int_equal(RUN_TOOL(&b, "insecure", "--file", b.file), 78);
    bench_expect(b.err, "hint: the server writes it");
    snprintf(conf, sizeof conf, "%s/conf", b.dir);
    bench_put(conf, "hostname localhost\n");
    assert_int_equal(RUN_TOOL(&b, "insecure", "-c", conf), 78);
    bench_expect(b.err, "hint: write users { login-record");
    snprintf(text, sizeof text, "users { login-record %s }\n", b.file);
    bench_put(conf, text);
    bench_put(b.file, record);
    assert_int_equal(RUN_TOOL(&b, "insecure", "-c", conf), 1);
    bench_put(conf, "nonsense\n");
    assert_int_equal(RUN_TOOL(&b, "insecure", "-c", conf), 78);
    unlink(conf);
    bench_teardown(&b);
}

static void mistakes_are_told(void **state)
{
    struct bench b;

    (void)state;
    bench_setup(&b, "record", NULL);
    assert_int_equal(RUN_TOOL(&b, "eat"), 64);
    assert_int_equal(bench_run(&b, pf_tool_users, (const char *const[]){"users", NULL}), 64);
    bench_expect(b.err, "usage: ");
    assert_int_equal(RUN_TOOL(&b, "insecure", "--color"), 64);
    assert_int_equal(RUN_TOOL(&b, "--help"), 0);
    bench_expect(b.out, "usage: ");
    assert_int_equal(rmdir(b.dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_latest_stand_first),
        T(json_is_escaped),
        T(since_counts_days_back),
        T(nobody_is_said_and_good),
        T(trouble_is_no_answer),
        T(mistakes_are_told),
    };

    return RUN(tests);
}
