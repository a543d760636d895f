#include "unit/cm.h"

#include "tool/fetch.h"

#include <stdlib.h>

static struct pf_fetch_options options;
static char room[32][64];

/* The words, split at blanks; 0 or the exit status. */
static int read_line(const char *line)
{
    static char *argv[33];
    int argc = 1;

    argv[0] = room[0];
    memcpy(room[0], "fetch", 6);
    for (line += strspn(line, " "); *line; line += strspn(line, " ")) {
        size_t len = strcspn(line, " ");

        snprintf(room[argc], sizeof room[argc], "%.*s", (int)len, line);
        argv[argc] = room[argc];
        argc++;
        line += len;
    }
    argv[argc] = NULL;
    return pf_fetch_options(&options, argc, argv);
}

static void words_and_options_may_be_mixed(void **state)
{
    assert_int_equal(read_line("work --json home -v --jobs=3 -j 4 -- --not"), 0);
    assert_int_equal(options.word_count, 3);
    assert_string_equal(options.words[0], "work");
    assert_string_equal(options.words[1], "home");
    assert_string_equal(options.words[2], "--not");
    assert_true(options.json && options.verbose && !options.daemon);
    assert_int_equal(options.jobs, 4);
    assert_int_equal(options.mode, PF_COLLECT_FETCH);
    assert_int_equal(read_line("-n --no-delete -d"), 0);
    assert_int_equal(options.mode, PF_COLLECT_DRY);
    assert_true(options.no_delete && options.daemon && !options.client.touched);
    assert_int_equal(options.jobs, PF_FETCH_JOBS);
    (void)state;
}

static void settings_are_those_of_accounts(void **state)
{
    struct pf_account a;

    pf_account_defaults(&a);
    a.size_limit = 5;
    assert_int_equal(read_line("--keep 14d --poll 5m --number-limit 7 --order newest"), 0);
    pf_fetch_override(&options, &a);
    assert_int_equal(a.keep_days, 14);
    assert_int_equal(a.poll, 300);
    assert_int_equal(a.number_limit, 7);
    assert_int_equal(a.order, PF_ACCOUNT_NEWEST);
    assert_int_equal(a.size_limit, 5); /* not said, not changed */
    assert_int_equal(read_line("--keep none --size-limit 64k"), 0);
    pf_fetch_override(&options, &a);
    assert_int_equal(a.keep_days, 0);
    assert_int_equal(a.size_limit, 65536);
    (void)state;
}

static void mistakes_end_it(void **state)
{
    static const char *const wrong[] = {"--jsn",
                                        "--json=yes",
                                        "--jobs",
                                        "--jobs 0",
                                        "--jobs 1001",
                                        "--jobs 2x",
                                        "--keep often",
                                        "--keep 3d;",
                                        "--keep",
                                        "--order up",
                                        "--maildir",
                                        "--maildir=",
                                        "--json --quiet",
                                        "--maildir a --mbox b",
                                        "--size-limit 1;user",
                                        "-x"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(read_line(wrong[i]), 64);
    (void)state;
}

static void places_are_whole_paths(void **state)
{
    char here[PATH_MAX], whole[PATH_MAX + 8];

    assert_non_null(realpath(".", here));
    snprintf(whole, sizeof whole, "%s/Mail", here);
    assert_int_equal(read_line("--maildir Mail --state /s pops://h"), 0);
    assert_string_equal(options.client.account.maildir, whole);
    assert_string_equal(options.client.account.state, "/s");
    assert_true(options.client.touched);
    assert_int_equal(read_line("--lmtp=h:24 --recipient joe@h"), 0);
    assert_null(options.client.account.maildir);
    assert_string_equal(options.client.account.lmtp, "h:24");
    assert_string_equal(options.client.account.recipient, "joe@h");
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(words_and_options_may_be_mixed),
                                       T(settings_are_those_of_accounts), T(mistakes_end_it),
                                       T(places_are_whole_paths)};

    setenv("LC_ALL", "C", 1);
    return RUN(tests);
}
