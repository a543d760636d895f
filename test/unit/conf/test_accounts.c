#include "unit/conf/told.h"

#include "conf/accounts.h"
#include "conf/accounts_private.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct pf_accounts *good(const char *text)
{
    struct told told = {0};
    struct pf_accounts *accounts = pf_accounts_parse("a.conf", pf_bytes_of(text), "/home/joe", told_report, &told);

    assert_string_equal(told.text, "");
    assert_non_null(accounts);
    return accounts;
}

static void bad(const char *text, const char *expected)
{
    struct told told = {0};

    assert_null(pf_accounts_parse("a.conf", pf_bytes_of(text), "/home/joe", told_report, &told));
    assert_string_equal(told.text, expected);
}

static void nothing_said_is_safe(void **state)
{
    struct pf_accounts *accounts = good("account a { user joe@example.org }");
    const struct pf_account *a = pf_accounts_find(accounts, "a");

    assert_int_equal(accounts->count, 1);
    assert_ptr_equal(a, accounts->list);
    assert_null(pf_accounts_find(accounts, "b"));
    assert_null(a->server);
    assert_int_equal(a->port, 0);
    assert_int_equal(a->tls, PF_ACCOUNT_AUTO);
    assert_true(a->verify && a->enabled && a->ask && a->netrc);
    assert_false(a->dane);
    assert_int_equal(a->keep_days, -1);
    assert_int_equal(a->fetch, PF_ACCOUNT_NEW);
    assert_int_equal(a->connect_time, 30000);
    assert_int_equal(a->answer_time, 120000);
    assert_null(a->password_command);
    assert_null(a->mechanisms);
    pf_accounts_free(accounts);
    (void)state;
}

static void everything_can_be_said(void **state)
{
    struct pf_accounts *accounts = good(
        "version 1\naccount work {\n server [::1] ; port 1995; tls starttls; server-name pop.example.org\n ca "
        "~/ca.pem\n"
        "pins \"aa bb\"; dane yes; user joe; acts-for ann; mechanisms \"SCRAM-SHA-256 PLAIN\"\n"
        "password-command ~/bin/pass show \"mail work\"\n maildir ~/Mail; keep 14d; keep-size 10m; size-limit 1g\n"
        "number-limit 5; fetch all; order newest; poll 5m; enabled no; window 1; state /s\n"
        "connect-time 5s; answer-time 1m\n filter Subject *x* skip\n filter List-Id a?b folder Lists\n }");
    const struct pf_account *a = accounts->list;

    assert_string_equal(a->server, "[::1]");
    assert_int_equal(a->port, 1995);
    assert_int_equal(a->tls, PF_ACCOUNT_STARTTLS);
    assert_string_equal(a->ca, "/home/joe/ca.pem");
    assert_string_equal(a->password_command[0], "/home/joe/bin/pass");
    assert_string_equal(a->password_command[1], "show");
    assert_string_equal(a->password_command[2], "mail work");
    assert_null(a->password_command[3]);
    assert_string_equal(a->maildir, "/home/joe/Mail");
    assert_int_equal(a->keep_days, 14);
    assert_int_equal(a->keep_size, 10 << 20);
    assert_int_equal(a->size_limit, 1 << 30);
    assert_int_equal(a->order, PF_ACCOUNT_NEWEST);
    assert_int_equal(a->poll, 300);
    assert_false(a->enabled);
    assert_int_equal(a->filter_count, 2);
    assert_string_equal(a->filters[1].header, "List-Id");
    assert_string_equal(a->filters[1].pattern, "a?b");
    assert_string_equal(a->filters[1].folder, "Lists");
    assert_int_equal(a->filters[0].action, PF_ACCOUNT_SKIP);
    pf_accounts_free(accounts);
    (void)state;
}

static void an_account_outdoes_the_defaults(void **state)
{
    struct pf_accounts *accounts = good("defaults { maildir ~/M; password-file /p; keep none; filter A b delete }\n"
                                        "account a { server x; mbox ~/box; filter C d skip }\n"
                                        "account b { server y; password-command p; keep all }\n");
    const struct pf_account *a = &accounts->list[0], *b = &accounts->list[1];

    assert_null(a->maildir);
    assert_string_equal(a->mbox, "/home/joe/box");
    assert_string_equal(a->password_file, "/p");
    assert_int_equal(a->keep_days, 0);
    assert_int_equal(a->filter_count, 2);
    assert_string_equal(a->filters[0].header, "C");
    assert_int_equal(a->filters[1].action, PF_ACCOUNT_DELETE);
    assert_string_equal(b->maildir, "/home/joe/M");
    assert_null(b->password_file);
    assert_string_equal(b->password_command[0], "p");
    assert_int_equal(b->keep_days, -1);
    pf_accounts_free(accounts);
    (void)state;
}

static void mistakes_are_told_at_their_place(void **state)
{
    bad("account a {\n  server x\n  usr joe\n}", "3:3: `usr` is no setting (did you mean `user`?)\n");
    bad("account a { server x; keep some }", "1:28: `some` says not what stays (write all, none, or days as 14d)\n");
    bad("account a { server x; poll 5 }",
        "1:28: `5` has no unit (if these are seconds, write 5s; the units are ms, s, m, h and d)\n");
    bad("account a { server x; tls yes }",
        "1:27: `tls` cannot be `yes` (it can be auto, implicit, starttls or none)\n");
    bad("account a { server x; server y }", "1:23: `server` is set twice (the first time on line 1, column 13)\n");
    bad("account a { server x; maildir /a; mbox /b }",
        "1:35: `mbox` excludes another setting of this block (there is `maildir` on line 1: keep one of them)\n");
    bad("account a { server x; maildir M }", "1:31: `M` is not an absolute path (begin with /)\n");
    bad("account a { server x; keyring service }",
        "1:23: `keyring` wants pairs of an attribute and its value (as in: keyring service mail user joe)\n");
    bad("account a { server x; user \"a\\x01b\" }", "1:28: `a?b` has a control character in it\n");
    bad("account a { server x; user }", "1:23: `user` lacks its value\n");
    bad("account a { server x; user a b }",
        "1:30: `user` takes one value (settings on one line need a `;` between them, a "
        "value with spaces needs quotes)\n");
    bad("account a { server x; filter A b }",
        "1:23: `filter` wants a header, a pattern and what to do (as in: filter List-Id "
        "*announce* folder Lists, or with skip or delete at the end)\n");
    bad("account a { server x; maildir /m; filter A b folder ../x }",
        "1:53: `../x` is no name of a folder (it has no slash in it and begins with no dot)\n");
    (void)state;
}

static void blocks_are_told_too(void **state)
{
    bad("acount a { x y { } }\nserver x",
        "1:1: `acount` is no block (there are account NAME { ... } and defaults { ... })\n"
        "2:1: `server` is no setting here (it belongs in account NAME { ... } or defaults { ... })\n");
    bad("account { server x }", "1:1: `account` wants one name (as in: account work { ... })\n");
    bad("account a\n", "1:1: `account` is a block and lacks its `{` (put it at the end of this line)\n");
    bad("account ../a { server x }",
        "1:9: `../a` cannot be an account's name (up to 64 octets without blanks and slashes, not "
        "beginning with - or .)\n");
    bad("account a { server x }\naccount a { server x }", "2:9: `a` is an account already (a.conf, line 1)\n");
    bad("account a { server x\naccount b { server x }",
        "1:1: `account` has no closing `}` (put a } behind its last setting)\n");
    bad("account a { server x }\n}", "2:1: this `}` closes no block (remove it)\n");
    bad("account a { server x; tls { } }",
        "1:27: there are no blocks within an account (write a setting and its value without "
        "braces)\n");
    bad("include b", "1:1: `include` is not possible here\n");
    bad("version 2", "1:1: `version` can only be 1 (as in: version 1)\n");
    bad("{ }", "1:1: a `{` without a name before it\n");
    (void)state;
}

static void the_whole_must_go_together(void **state)
{
    bad("account a { }",
        "1:1: the account `a` has neither `server` nor `user` (the server can be found by a user like "
        "joe@example.org)\n");
    bad("account a { user joe }",
        "1:1: the account `a` has no `server` (it can be left out only where `user` has an @ and the domain)\n");
    bad("account a { server pop://h; port 7 }",
        "1:1: the account `a` has a URL and a `port` (put the port into the URL, as pops://pop.example.org:9950)\n");
    bad("account a { server h; key /k }", "1:1: the account `a` has a `key` without its `certificate`\n");
    bad("account a { server h; lmtp h:24 }",
        "1:1: the account `a` has no `recipient` (lmtp and smtp are told whom mail is for)\n");
    bad("account a { server h; dane yes; verify no }",
        "1:1: the account `a` wants pins or DANE, and `verify no` (one of them means nothing: remove it)\n");
    bad("account a { server h; token-url https://x }",
        "1:1: the account `a` has a `token-url`, and no `client-id` or no `refresh-token-file`\n");
    bad("account a { server h; mbox /m; filter A b folder c }",
        "1:1: the account `a` has a filter with a folder, and no `maildir` (folders are those of a Maildir)\n");
    (void)state;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void a_password_is_for_its_owner_only(void **state)
{
    char folder[] = "/tmp/pf-accounts.XXXXXX", path[64], other[64];
    struct told told = {0};
    struct pf_accounts *accounts;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/main", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    write_file(path, "include other\naccount a { server x; keep none }\n", 0644);
    write_file(other, "account b { server x; password secret }\n", 0640);
    assert_null(pf_accounts_read(path, NULL, told_report, &told));
    assert_string_equal(told.text,
                        "1:23: a password, and others may read this file (mode 640) (chmod 600 the file, or use "
                        "password-command or keyring)\n");
    assert_int_equal(chmod(other, 0600), 0);
    accounts = pf_accounts_read(path, NULL, told_report, &told);
    assert_non_null(accounts);
    assert_int_equal(accounts->count, 2);
    assert_string_equal(pf_accounts_find(accounts, "b")->password, "secret");
    pf_accounts_free(accounts);
    write_file(other, "include main\n", 0600);
    told = (struct told){0};
    assert_null(pf_accounts_read(path, NULL, told_report, &told));
    assert_string_equal(told.text, "1:9: `main` includes itself\n");
    assert_int_equal(unlink(path) | unlink(other) | rmdir(folder), 0);
    told = (struct told){0};
    assert_null(pf_accounts_read(path, NULL, told_report, &told));
    assert_string_equal(told.text, "1:1: cannot read the file: No such file or directory\n");
    (void)state;
}

/* Every default of the list reads as a value of its setting. */
static void defaults_are_values(void **state)
{
    char text[256];

    for (size_t i = 0; i < PF_ACCOUNTS_ROWS; i++) {
        const struct pf_conf_row *row = &pf_accounts_rows[i].row;

        assert_true(row->help[0]);
        if (!row->initial[0])
            continue;
        snprintf(text, sizeof text, "account a { %s%s %s }", strcmp(row->name, "server") ? "server x; " : "",
                 row->name, row->initial);
        pf_accounts_free(good(text));
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(nothing_said_is_safe),
                                       T(everything_can_be_said),
                                       T(an_account_outdoes_the_defaults),
                                       T(mistakes_are_told_at_their_place),
                                       T(blocks_are_told_too),
                                       T(the_whole_must_go_together),
                                       T(a_password_is_for_its_owner_only),
                                       T(defaults_are_values)};

    return RUN(tests);
}
