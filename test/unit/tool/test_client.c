#include "unit/cm.h"

#include "tool/client.h"

#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], path[128];
static struct pf_client client;
static struct pf_client_options options;

static void put(const char *name, const char *text, mode_t mode)
{
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static int make(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/pf-client.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    setenv("HOME", folder, 1);
    setenv("LC_ALL", "C", 1);
    unsetenv("XDG_CONFIG_HOME");
    pf_client_options_init(&options);
    return 0;
}

static int drop(void **state)
{
    static const char *const names[] = {"accounts.conf",    "secret",
                                        ".netrc",           ".config/postfach/accounts.conf",
                                        ".config/postfach", ".config"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        remove(path);
    }
    return rmdir(folder);
}

static int option(const char *a, const char *b)
{
    char one[200], two[200], *argv[] = {one, two, NULL};

    snprintf(one, sizeof one, "%s", a);
    snprintf(two, sizeof two, "%s", b ? b : "");
    return pf_client_option(&options, b ? 2 : 1, argv);
}

static void options_fill_an_account(void **state)
{
    static char file[] = "--password-file", name[] = "/f", ca[] = "--ca=/c",
                command[] = "--password-command", words[] = " pass  show x ";
    char *argv[] = {file, name, ca, command, words, NULL};

    assert_int_equal(option("--starttls", NULL), 1);
    assert_int_equal(options.account.tls, PF_ACCOUNT_STARTTLS);
    assert_int_equal(option("--insecure", "x"), 1);
    assert_false(options.account.verify);
    assert_int_equal(option("--dane", NULL), 1);
    assert_true(options.account.dane);
    assert_int_equal(pf_client_option(&options, 5, argv), 2);
    assert_string_equal(options.account.password_file, "/f");
    assert_int_equal(pf_client_option(&options, 3, argv + 2), 1);
    assert_string_equal(options.account.ca, "/c");
    assert_int_equal(pf_client_option(&options, 2, argv + 3), 2);
    assert_null(options.account.password_file); /* the last source counts */
    assert_string_equal(options.account.password_command[0], "pass");
    assert_string_equal(options.account.password_command[2], "x");
    assert_null(options.account.password_command[3]);
    assert_true(options.touched);
    (void)state;
}

static void other_options_are_left(void **state)
{
    assert_int_equal(option("--json", NULL), 0);
    assert_int_equal(option("--starttls=yes", NULL), 0);
    assert_int_equal(option("--starttl", NULL), 0);
    assert_int_equal(option("joe@example.org", NULL), 0);
    assert_int_equal(option("--ca", NULL), -1);
    assert_int_equal(option("--password-command", "   "), -1);
    assert_false(options.touched && options.account.tls != PF_ACCOUNT_AUTO);
    (void)state;
}

static void words_are_bounded(void **state)
{
    const char *words[PF_ACCOUNT_WORDS_MOST + 1];
    char room[256], many[2 * PF_ACCOUNT_WORDS_MOST + 3] = "";

    for (size_t i = 0; i <= PF_ACCOUNT_WORDS_MOST; i++)
        memcpy(many + 2 * i, "a ", 3);
    assert_false(pf_client_split(many, room, sizeof room, words));
    many[2 * PF_ACCOUNT_WORDS_MOST] = 0;
    assert_true(pf_client_split(many, room, sizeof room, words));
    assert_null(words[PF_ACCOUNT_WORDS_MOST]);
    assert_false(pf_client_split("abc", room, 3, words));
    assert_true(pf_client_split("abc", room, 4, words));
    (void)state;
}

static void accounts_are_found(void **state)
{
    const struct pf_account *a;

    put("accounts.conf",
        "account work { server pop.example.org; user joe }\naccount a@b { server h; user u }\n", 0600);
    options.file = path;
    assert_int_equal(pf_client_open(&client, &options), 0);
    a = pf_client_account(&client, &options, "work");
    assert_non_null(a);
    assert_string_equal(a->server, "pop.example.org");
    assert_string_equal(pf_client_account(&client, &options, "a@b")->server,
                        "h"); /* a name comes first */
    assert_null(pf_client_account(&client, &options, "wrok"));
    assert_null(pf_client_account(&client, &options, "pops://joe@"));
    options.account.verify = false;
    options.touched = true;
    assert_null(pf_client_account(&client, &options, "work")); /* it has settings of its own */
    a = pf_client_account(&client, &options, "pops://joe%40x@pop.example.com:9950");
    assert_non_null(a);
    assert_string_equal(a->user, "joe@x");
    assert_string_equal(a->server, "pop.example.com");
    assert_int_equal(a->port, 9950);
    assert_false(a->verify);
    pf_client_close(&client);
    (void)state;
}

static void the_usual_file_need_not_be(void **state)
{
    assert_int_equal(pf_client_open(&client, &options), 0);
    assert_null(client.accounts);
    assert_non_null(pf_client_account(&client, &options, "joe@example.org"));
    assert_null(pf_client_account(&client, &options, "work"));
    pf_client_close(&client);
    snprintf(path, sizeof path, "%s/.config", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/.config/postfach", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    put(".config/postfach/accounts.conf", "account work { user joe@example.org }\n", 0600);
    assert_int_equal(pf_client_open(&client, &options), 0);
    assert_non_null(pf_client_account(&client, &options, "work"));
    pf_client_close(&client);
    put(".config/postfach/accounts.conf", "acount work { }\n", 0600);
    assert_int_equal(pf_client_open(&client, &options), 78);
    snprintf(path, sizeof path, "%s/none", folder);
    options.file = path; /* one that is named must be there */
    assert_int_equal(pf_client_open(&client, &options), 78);
    (void)state;
}

struct got {
    int calls;
    enum pf_code code;
    char text[64];
};

static void give(void *self, struct pf_bytes secret, const struct pf_err *err)
{
    struct got *got = self;

    got->calls++;
    got->code = err ? err->code : PF_OK;
    snprintf(got->text, sizeof got->text, "%.*s", (int)secret.len, (const char *)secret.at);
}

static struct got secret_of(const struct pf_account *a)
{
    struct pf_client_secret secret;
    struct got got = {0};

    secret.give = give;
    secret.self = &got;
    pf_client_secret(&secret, &client, a, "pop.example.org");
    assert_int_equal(got.calls, 0); /* never inside the asking */
    while (!got.calls)
        pf_loop_turn(client.loop, true);
    assert_int_equal(secret.secret.len, 0);
    assert_int_equal(secret.secret.text[0], 0); /* wiped */
    return got;
}

static void secrets_come_on_a_later_turn(void **state)
{
    struct pf_account a;
    struct got got;

    pf_account_defaults(&a);
    a.user = "joe";
    a.server = "pop.example.org";
    put("secret", "hunter2\n", 0600);
    assert_int_equal(pf_client_open(&client, &options), 0);
    client.terminal = NULL;
    got = secret_of(&a);
    assert_int_equal(got.code, PF_AUTH);
    a.password_file = path;
    got = secret_of(&a);
    assert_int_equal(got.code, PF_OK);
    assert_string_equal(got.text, "hunter2");
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(secret_of(&a).code, PF_CONFIG);
    a.password_file = NULL;
    put(".netrc", "machine pop.example.org login joe password n", 0600);
    assert_string_equal(secret_of(&a).text, "n");
    pf_client_close(&client);
    (void)state;
}

/* In a child, which has the terminal; its status tells whether all was as it should be. */
static int answer(const char *terminal)
{
    struct pf_account a, again;
    struct pf_err err;
    struct got got;

    pf_account_defaults(&a);
    a.name = "work";
    a.user = "joe";
    a.server = "pops://pop.example.org";
    again = a;
    if (pf_client_open(&client, &options) != 0)
        return 1;
    client.terminal = terminal;
    if (pf_client_ask(&client, &a, &err) != PF_OK || pf_client_ask(&client, &again, &err) != PF_OK)
        return 2; /* the second asks nobody */
    got = secret_of(&again);
    again.user = "jim";
    client.terminal = NULL;
    if (secret_of(&again).code != PF_AUTH)
        return 3;
    pf_client_close(&client);
    return got.code == PF_OK && strcmp(got.text, "hunter2") == 0 ? 7 : 4;
}

static void a_person_is_asked_once(void **state)
{
    static const char question[] = "work: password of joe at pop.example.org: ";
    char name[64], said[256] = "";
    int master, slave, status;
    size_t have = 0;
    pid_t pid;

    assert_int_equal(openpty(&master, &slave, name, NULL, NULL), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(answer(name));
    while (!strstr(said, question)) {
        ssize_t got = read(master, said + have, sizeof said - 1 - have);

        assert_true(got > 0);
        have += (size_t)got;
    }
    assert_int_equal(write(master, "hunter2\n", 8), 8);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    close(master);
    close(slave);
    (void)state;
}

#define TF(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {TF(options_fill_an_account),    TF(other_options_are_left),
                                       TF(words_are_bounded),          TF(accounts_are_found),
                                       TF(the_usual_file_need_not_be), TF(secrets_come_on_a_later_turn),
                                       TF(a_person_is_asked_once)};

    return RUN(tests);
}
