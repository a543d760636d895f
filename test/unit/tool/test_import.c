#include "unit/conf/told.h"

#include "conf/accounts.h"
#include "tool/import.h"

#include <stdlib.h>

static char *text;

/* What is written, read back: it must be good. */
static struct pf_accounts *import(const char *from)
{
    size_t len = 0;
    FILE *to;
    struct pf_err err = {0};
    struct told told = {0};
    struct pf_accounts *accounts;
    enum pf_code code;

    free(text);
    text = NULL;
    to = open_memstream(&text, &len);
    assert_non_null(to);
    code = pf_import(pf_bytes_of(from), to, &err);
    assert_int_equal(fclose(to), 0);
    assert_string_equal(err.log, "");
    assert_int_equal(code, PF_OK);
    accounts = pf_accounts_parse("a", pf_bytes_of(text), "/home/joe", told_report, &told);
    assert_string_equal(told.text, "");
    return accounts;
}

static void bad(const char *from, const char *expected)
{
    struct pf_err err = {0};
    FILE *to = fopen("/dev/null", "we");

    assert_int_equal(pf_import(pf_bytes_of(from), to, &err), PF_SYNTAX);
    assert_string_equal(err.log, expected);
    fclose(to);
}

static void fetchmail_entries_become_accounts(void **state)
{
    struct pf_accounts *accounts = import(
        "# mine\nset daemon 300\nset logfile = \"/var/log/x\"\ndefaults proto pop3 timeout 60\n"
        "poll pop.example.org via mail.example.org port 1995 with\n  user 'joe@example.org' there has "
        "password "
        "\"se\\\"cret\" is joe here, options ssl keep fetchall limit 5000, mda \"/usr/bin/maildrop -d "
        "joe\"\n"
        "  user ann, with pass x, is ann; nokeep postconnect \"sync\" smtphost mx/2525\n"
        "skip imap.example.org protocol IMAP user joe pass y\nskip old.example.org user bob pass z\n");
    const struct pf_account *a = &accounts->list[0], *b = &accounts->list[1], *c = &accounts->list[2];

    assert_int_equal(accounts->count, 3);
    assert_string_equal(a->name, "pop.example.org");
    assert_string_equal(a->server, "mail.example.org");
    assert_int_equal(a->port, 1995);
    assert_int_equal(a->tls, PF_ACCOUNT_IMPLICIT);
    assert_string_equal(a->user, "joe@example.org");
    assert_string_equal(a->password, "se\"cret");
    assert_int_equal(a->keep_days, -1);
    assert_int_equal(a->fetch, PF_ACCOUNT_ALL);
    assert_int_equal(a->size_limit, 5000);
    assert_string_equal(a->command[2], "/usr/bin/maildrop -d joe");
    assert_int_equal(a->poll, 300);
    assert_int_equal(a->answer_time, 60000);
    assert_string_equal(b->name, "pop.example.org-2");
    assert_int_equal(b->keep_days, 0);
    assert_string_equal(b->smtp, "mx:2525");
    assert_string_equal(b->recipient, "ann");
    assert_false(c->enabled);
    assert_int_equal(c->tls, PF_ACCOUNT_STARTTLS);
    assert_non_null(strstr(text, "# not carried over: postconnect sync\n"));
    assert_non_null(strstr(text, "# not carried over: set logfile\n"));
    assert_non_null(
        strstr(text, "# imap.example.org: left out, for it speaks another protocol than POP3\n"));
    pf_accounts_free(accounts);
    (void)state;
}

static void fetchmail_defaults_hold_tls_too(void **state)
{
    struct pf_accounts *accounts =
        import("defaults proto pop3 user me ssl keep\npoll a\npoll b user c no ssl user d\n"
               "defaults proto pop3 nossl\npoll e user f ssl user g\npoll h sslproto '' user i\npoll j "
               "user k\n");
    static const enum pf_account_tls tls[] = {
        PF_ACCOUNT_IMPLICIT, PF_ACCOUNT_STARTTLS, PF_ACCOUNT_IMPLICIT, PF_ACCOUNT_IMPLICIT,
        PF_ACCOUNT_STARTTLS, PF_ACCOUNT_PLAIN,    PF_ACCOUNT_STARTTLS};

    assert_int_equal(accounts->count, 7);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(accounts->list[i].tls, tls[i]);
    assert_string_equal(accounts->list[0].user, "me");
    assert_int_equal(accounts->list[0].keep_days, -1);
    assert_true(strstr(text, "plain text") > strstr(text, "account b {"));
    pf_accounts_free(accounts);
    (void)state;
}

static void fetchmail_globals_are_told(void **state)
{
    struct pf_accounts *accounts =
        import("set no bouncemail\nset no spambounce\nset no syslog\nset no invisible\nset no showdots\n"
               "set no softbounce\nset syslog\nset properties \"a\"\nset postmaster joe set daemon "
               "60\npoll x user y");

    assert_int_equal(accounts->count, 1);
    assert_int_equal(accounts->list[0].poll, 60);
    assert_non_null(strstr(text, "# not carried over: set no bouncemail\n"));
    assert_non_null(strstr(text, "# not carried over: set properties\n"));
    pf_accounts_free(accounts);
    (void)state;
}

/* As fetchmail --configdump says that it understands them. */
static void fetchmail_names_are_whose_they_are(void **state)
{
    struct pf_accounts *accounts = import(
        "poll x proto pop3 service pop3s user b with password c; is here\n"
        "poll y envelope 2 Delivered-To user me to anna=anne bob=bob here pass keep options keep\n"
        "poll z user loc here has pass with and is remo there\npoll w user p is * here user q is r and "
        "s keep");
    const struct pf_account *list = accounts->list;

    assert_int_equal(accounts->count, 5);
    assert_string_equal(list[0].recipient, "here");
    assert_int_equal(list[0].port, 995);
    assert_null(strstr(text, "carried over: is"));
    assert_string_equal(list[1].user, "me");
    assert_string_equal(list[1].recipient, "anne");
    assert_string_equal(list[1].password, "keep");
    assert_int_equal(list[1].keep_days, -1);
    assert_non_null(strstr(text, "# not carried over: envelope Delivered-To\n"));
    assert_non_null(strstr(
        text, "# fetchmail told the mail of several people apart here: now all of it is anne's\n"));
    assert_string_equal(list[2].user, "remo");
    assert_string_equal(list[2].recipient, "loc");
    assert_string_equal(list[2].password, "with");
    assert_string_equal(list[3].recipient, "p");
    assert_string_equal(list[4].recipient, "r");
    assert_int_equal(list[4].keep_days, -1);
    pf_accounts_free(accounts);
    (void)state;
}

static void fetchmail_mistakes_have_their_line(void **state)
{
    bad("poll x user a\npasword b", "line 2: this is no word of fetchmail's settings");
    bad("poll", "line 1: an entry needs the server's name");
    bad("set daemon\n\nuser x", "line 3: an option stands before the first poll, skip or defaults");
    bad("poll x user \"a", "line 1: a quote is not closed");
    bad("poll x no user", "line 1: behind `no` an option belongs that can be off");
    bad("poll x port pop4", "line 1: a number is missing");
    bad("set no daemon", "line 1: behind `set no` an option belongs that can be off");
    (void)state;
}

static void mpop_accounts_are_read(void **state)
{
    struct pf_accounts *accounts = import("# comment\ndefaults\ntls on\ntls_starttls "
                                          "off\ntls_trust_file /etc/ca.pem\n\naccount work\nhost "
                                          "pop.example.org\n"
                                          "user joe\npasswordeval \"pass mail/work\"\nport 1995\nkeep "
                                          "on\ndelivery maildir,~/Mail\nauth scram-sha-1\n"
                                          "account priv : work\nuser ann\ntls_starttls on\nkeep "
                                          "off\nonly_new off\ndelivery mda,\"/usr/bin/maildrop -f "
                                          "%F\"\n"
                                          "account old\nhost h\ntls off\nkillsize 100\n");
    const struct pf_account *a = pf_accounts_find(accounts, "work"),
                            *b = pf_accounts_find(accounts, "priv"),
                            *c = pf_accounts_find(accounts, "old");

    assert_int_equal(accounts->count, 3);
    assert_string_equal(a->server, "pop.example.org");
    assert_string_equal(a->password_command[0], "/bin/sh");
    assert_string_equal(a->password_command[2], "pass mail/work");
    assert_int_equal(a->tls, PF_ACCOUNT_IMPLICIT);
    assert_string_equal(a->ca, "/etc/ca.pem");
    assert_string_equal(a->maildir, "/home/joe/Mail");
    assert_string_equal(a->mechanisms, "SCRAM-SHA-1");
    assert_int_equal(a->keep_days, -1);
    assert_int_equal(b->port, 1995);
    assert_string_equal(b->user, "ann");
    assert_int_equal(b->tls, PF_ACCOUNT_STARTTLS);
    assert_int_equal(b->fetch, PF_ACCOUNT_ALL);
    assert_int_equal(b->keep_days, 0);
    assert_null(b->command);
    assert_non_null(strstr(text, "must be put in by hand"));
    assert_int_equal(c->tls, PF_ACCOUNT_PLAIN);
    assert_non_null(strstr(text, "# not carried over: killsize 100\n"));
    pf_accounts_free(accounts);
    bad("account\n", "line 1: an account needs a name");
    bad("account a : b\n", "line 1: there is no such account to take from");
    bad("account a\n\x01\n", "line 2: this is no line of mpop's settings");
    bad("\n\x01\n", "this is neither a file of fetchmail nor one of mpop");
    bad("host x\naccount a\n", "this is neither a file of fetchmail nor one of mpop");
    (void)state;
}

static void mpop_delivers_as_its_files_say(void **state)
{
    struct pf_accounts *accounts = import(
        "defaults\nhost h\ndelivery exchange /x\naccount a\ndelivery maildir ~/Mail\nskipsize 500k\n"
        "account b : a\ndelivery\tmbox \"/tmp/a b\"\nskipsize off\naccount c : b\ndelivery mda procmail "
        "-d x\n"
        "skipsize 3m\naccount d:c\nskipsize 0\naccount e\naccount f : e\nuser joe\n"
        "account \"default : a\"\naccount g : a , b\n");
    const struct pf_account *list = accounts->list;

    assert_int_equal(accounts->count, 7);
    assert_string_equal(list[0].maildir, "/home/joe/Mail");
    assert_int_equal(list[0].size_limit, 500 * 1024);
    assert_string_equal(list[1].mbox, "/tmp/a b");
    assert_null(list[1].maildir);
    assert_int_equal(list[1].size_limit, 0);
    assert_string_equal(list[2].command[2], "procmail -d x");
    assert_int_equal(list[2].size_limit, 3 << 20);
    assert_int_equal(list[3].size_limit, 0);
    assert_non_null(strstr(text, "# not carried over: skipsize 0\n"));
    assert_non_null(strstr(text, "# default: left out, for it is the same"));
    assert_non_null(strstr(text, "# not carried over: account g : a , b\n"));
    /* e and f, which take it from defaults; the others say another one. */
    assert_non_null(
        strstr(strstr(text, "exchange /x\n") + 1, "# not carried over: delivery exchange /x\n"));
    assert_true(strstr(text, "exchange") > strstr(text, "account e {"));
    pf_accounts_free(accounts);
    free(text);
    text = NULL;
    (void)state;
}

static void what_cannot_be_said_is_a_comment(void **state)
{
    struct pf_accounts *accounts =
        import("poll x user \"a\\nb\" pass '}' mda \"relative\" sslcert c ssl");

    assert_int_equal(accounts->count, 1);
    assert_null(accounts->list[0].user);
    assert_string_equal(accounts->list[0].password, "}");
    assert_non_null(strstr(text, "# user: the value is empty, too long or has control characters\n"));
    pf_accounts_free(accounts);
    free(text);
    text = NULL;
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(fetchmail_entries_become_accounts),  T(fetchmail_defaults_hold_tls_too),
        T(fetchmail_globals_are_told),         T(fetchmail_names_are_whose_they_are),
        T(fetchmail_mistakes_have_their_line), T(mpop_accounts_are_read),
        T(mpop_delivers_as_its_files_say),     T(what_cannot_be_said_is_a_comment)};

    return RUN(tests);
}
