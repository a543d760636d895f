#include "unit/conf/told.h"

static void a_missing_brace_is_told_at_the_block_that_lacks_it(void **state)
{
    (void)state;
    told_bad("tls {\n certificate /a\n key /b\n",
             "1:1: the block `tls` has no closing `}` (put a } behind its last setting)\n");
    told_bad(
        "log { debug yes }\nusers {\n weak-schemes no\nmail {\n path /m/%u\n}\nlog {\n to syslog\n}\n",
        "2:1: the block `users` has no closing `}` (put a } behind its last setting)\n");
    told_bad("tls {\n  pair {\n    certificate /a\n    key /b\n}\nusers {\n}\n",
             "2:3: the block `pair` has no closing `}` (put a } behind its last setting)\n");
    told_bad("tls {\n  pair {\n    certificate /a\n    key /b\n}\n",
             "2:3: the block `pair` has no closing `}` (put a } behind its last setting)\n");
    told_bad("tls {\n  pair {\n    certificate /a\n    key /b\n\nlog { debug yes }\n",
             "1:1: the block `tls` has no closing `}` (put a } behind its last setting)\n"
             "2:3: the block `pair` has no closing `}` (put a } behind its last setting)\n");
    told_bad("lgo {\n x\nlog { debug yes }\n",
             "1:1: unknown block `lgo` (did you mean `log`?)\n"
             "1:1: the block `lgo` has no closing `}` (put a } behind its last setting)\n");
}

static void stray_braces_are_mistakes(void **state)
{
    (void)state;
    told_bad("log {\n}\n}\nlog { debug what }", "3:1: this `}` closes no block (remove it)\n"
                                                "4:13: `what` is neither yes nor no\n");
    told_bad("{ a b }\nlog { debug yes }", "1:1: a `{` without a name before it\n");
    told_bad("log\n{\n debug yes\n}\n",
             "1:1: the `{` of `log` is on another line (put it behind `log`)\n");
    told_bad("log\ndebug yes\n}\nhostname a",
             "1:1: `log` is a block and lacks its `{` (as in: log { ... })\n");
    told_bad("listen 127.0.0.1:1\n tls none\n}\n",
             "1:1: `listen` is a block and lacks its `{` (as in: listen ADDRESS:PORT { ... })\n");
    told_bad("log\n", "1:1: `log` is a block and lacks its `{` (as in: log { ... })\n");
}

static void blocks_and_settings_are_not_mixed_up(void **state)
{
    (void)state;
    told_bad("times { idle 10m { x } }\nlog yes { debug yes }\nlisten { tls none }\n",
             "1:9: `idle` is a setting, not a block (write its value without braces)\n"
             "2:5: `log` takes no value\n"
             "3:1: `listen` lacks its address (as in: listen 0.0.0.0:110)\n");
    told_bad(
        "listen 127.0.0.1:1 127.0.0.1:2 { tls none }\n",
        "1:20: `listen` takes one value (settings on one line need a `;` between them, a value with "
        "spaces needs quotes)\n");
}

static void an_unknown_block_is_skipped_whole(void **state)
{
    (void)state;
    told_bad(
        "lisen 1.2.3.4:110 { tls ssl; foo { bar; { } } }\nlog { debug maybe }\nlog { x y { } }\n"
        "users { x y { } }\n",
        "1:1: unknown block `lisen` (did you mean `listen`?)\n"
        "2:13: `maybe` is neither yes nor no\n"
        "3:7: unknown block `x` in `log` (`log` knows to, facility, debug)\n"
        "4:9: unknown block `x` in `users` (`users` knows password-file, "
        "aliases, domains, ignore-case, hashes-at-once, failure-delay, "
        "failure-delay-max, weak-schemes, hash-memory, lookups-at-once, cache-time, "
        "cache-entries, mechanisms, apop, tokens, login-record and more)\n");
}

static void unknown_names_get_the_best_hint_there_is(void **state)
{
    (void)state;
    told_bad(
        "hostnam x\nidle 10m\ntimes { stal 1m; hostname a; zzz 1; line 300 }\nlog { tls { } }\nver 1\n"
        "inclde x\ncertificate /x\nxyzzy 1\n",
        "1:1: unknown setting `hostnam` (did you mean `hostname`?)\n"
        "2:1: unknown setting `idle` (it belongs in times { ... })\n"
        "3:9: unknown setting `stal` in `times` (did you mean `stall`?)\n"
        "3:18: unknown setting `hostname` in `times` (it belongs outside of all blocks)\n"
        "3:30: unknown setting `zzz` in `times` (`times` knows first-command, login, idle, stall, "
        "dead-peer, drain, "
        "tls-peek, delivery-idle)\n"
        "3:37: unknown setting `line` in `times` (it belongs in limits { ... })\n"
        "4:7: unknown block `tls` in `log` (it belongs outside of all blocks)\n"
        "5:1: unknown setting `ver` (postfach.conf(5) lists all settings)\n"
        "6:1: unknown setting `inclde` (did you mean `include`?)\n"
        "7:1: unknown setting `certificate` (it belongs in tls { ... })\n"
        "8:1: unknown setting `xyzzy` (postfach.conf(5) lists all settings)\n");
}

static void values_are_counted(void **state)
{
    (void)state;
    told_bad(
        "hostname\ntimes { idle; login 1m 2m 3m }\nversion\nversion 1 2\npolicy { expire-min }\n",
        "1:1: `hostname` lacks its value\n"
        "2:9: `idle` lacks its value (as in: idle 10m)\n"
        "2:24: `login` takes one value (settings on one line need a `;` between them, a value with "
        "spaces needs quotes)\n"
        "3:1: `version` lacks its value (as in: version 1)\n"
        "4:11: `version` takes one value (settings on one line need a `;` between them, a value with "
        "spaces needs quotes)\n"
        "5:10: `expire-min` lacks its value\n");
}

static void a_setting_twice_names_the_first_place(void **state)
{
    (void)state;
    told_bad("log { debug yes; debug yes }\nlog {\n  debug no\n}\nlisten 127.0.0.1:1 { tls none }\n"
             "listen 127.0.0.1:2 { tls none; plaintext-login no; tls none }\n",
             "1:18: `debug` is set twice (the first time on line 1, column 7)\n"
             "3:3: `debug` is set twice (the first time on line 1, column 7)\n"
             "6:52: `tls` is set twice (the first time on line 6, column 22)\n");
}

static void only_version_1_is_read_and_only_outside(void **state)
{
    (void)state;
    told_bad("version 2\nlog { version 1; include x }\ninclude x\n",
             "1:9: this program does not know version `2` of the file (it knows version 1)\n"
             "2:7: `version` stands outside of all blocks\n"
             "2:18: `include` stands outside of all blocks\n"
             "3:1: `include` is not possible here\n");
}

static void the_first_fifty_mistakes_are_told(void **state)
{
    struct told told = {0};
    char text[2048] = "log {\n"; /* found to be open only at the end, told first */
    size_t len = strlen(text);

    (void)state;
    for (int i = 0; i < 60; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "  debug %d\n", i);
    assert_null(pf_conf_parse("x", pf_bytes_of(text), told_report, &told));
    assert_int_equal(told.count, 50);
    assert_memory_equal(told.text, "1:1: the block `log` has no", 27);
    assert_non_null(strstr(told.text, "\n50:3: "));
    assert_null(strstr(told.text, "\n51:3: "));
}

static void too_many_listeners_and_pairs_are_told(void **state)
{
    struct told told = {0};
    char text[8192];
    size_t len = 0;

    (void)state;
    for (int i = 1; i <= 66; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "listen 127.0.0.1:%d { tls none }\n", i);
    for (int i = 1; i <= 65; i++)
        len +=
            (size_t)snprintf(text + len, sizeof text - len, "tls { pair { certificate /c; key /k } }\n");
    assert_null(pf_conf_parse("x", pf_bytes_of(text), told_report, &told));
    assert_string_equal(told.text, "65:1: there are more than 64 listeners\n"
                                   "66:1: there are more than 64 listeners\n"
                                   "130:7: there are more than 63 pairs\n"
                                   "131:7: there are more than 63 pairs\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_missing_brace_is_told_at_the_block_that_lacks_it),
        T(stray_braces_are_mistakes),
        T(blocks_and_settings_are_not_mixed_up),
        T(an_unknown_block_is_skipped_whole),
        T(unknown_names_get_the_best_hint_there_is),
        T(values_are_counted),
        T(a_setting_twice_names_the_first_place),
        T(only_version_1_is_read_and_only_outside),
        T(the_first_fifty_mistakes_are_told),
        T(too_many_listeners_and_pairs_are_told),
    };

    return RUN(tests);
}
