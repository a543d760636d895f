/* Which paths the settings lead to; that the kernel keeps to them is seen in test/role. */
#include "unit/cm.h"
#include "unit/conf/told.h"

#include "role/jail.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static const char *below(const char *name)
{
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, 256, "%s/%s", folder, name);
    return path;
}

static struct pf_conf *settings(const char *format, ...) __attribute__((format(printf, 1, 2)));
static struct pf_conf *settings(const char *format, ...)
{
    char text[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return told_good(text);
}

static struct pf_jail_paths paths_of(enum pf_sandbox_role role, struct pf_conf *conf)
{
    struct pf_jail_paths paths;

    assert_int_equal(pf_jail_paths_of(role, conf, &paths, NULL), PF_OK);
    pf_conf_free(conf);
    return paths;
}

/* '-' not there, 'r' to be read, 'w' to be written to. */
static char right(const struct pf_jail_paths *paths, const char *path)
{
    for (size_t i = 0; i < paths->count; i++)
        if (strcmp(paths->list[i].path, path) == 0)
            return paths->list[i].write ? 'w' : 'r';
    return '-';
}

static void a_store_has_the_folders_above_maildrops(void **state)
{
    struct pf_jail_paths paths = paths_of(
        PF_SANDBOX_STORE, settings("mail { path %s/%%u; state-folder %s; roots \"%s\" }\ndomain x.example { path "
                                   "mbox:%s/%%n }\nusers { password-file %s }",
                                   below("mail"), below("state"), below("more"), below("other"), below("users/u")));

    (void)state;
    assert_int_equal(right(&paths, below("mail")), 'w');
    assert_int_equal(right(&paths, below("state")), 'w');
    assert_int_equal(right(&paths, below("more")), 'w');
    assert_int_equal(right(&paths, below("other")), 'w');
    assert_int_equal(paths.count, 4);
    assert_false(paths.network || paths.sockets);
    pf_jail_paths_free(&paths);
}

static void a_folder_that_is_to_be_made_can_be_made(void **state)
{
    struct pf_jail_paths paths = paths_of(PF_SANDBOX_STORE, settings("mail { path %s/%%d/%%n }", below("mail/a/b")));

    (void)state;
    assert_int_equal(right(&paths, below("mail")), 'w');
    assert_int_equal(paths.count, 1);
    pf_jail_paths_free(&paths);
}

static void a_mistake_never_opens_the_root(void **state)
{
    struct pf_jail_paths paths = paths_of(PF_SANDBOX_STORE, settings("mail { path /no-such-folder-at-all/x/%%u }"));

    (void)state;
    assert_int_equal(right(&paths, "/"), '-');
    assert_int_equal(right(&paths, "/no-such-folder-at-all/x"), 'w');
    pf_jail_paths_free(&paths);
}

static void auth_has_the_folders_of_its_files(void **state)
{
    struct pf_jail_paths paths =
        paths_of(PF_SANDBOX_AUTH, settings("users { password-file %s; tokens %s; login-record %s; aliases %s }\n"
                                           "userdb sqlite { path %s; query \"select :user\" }\nmail { path %s/%%u }",
                                           below("users/u"), below("tokens/t"), below("record/r"), below("link"),
                                           below("lite/db"), below("mail")));

    (void)state;
    assert_int_equal(right(&paths, below("users")), 'r');
    assert_int_equal(right(&paths, below("tokens")), 'r');
    assert_int_equal(right(&paths, below("record")), 'w');
    assert_int_equal(right(&paths, below("lite")), 'w');
    assert_int_equal(right(&paths, folder), 'r');          /* where the link stands */
    assert_int_equal(right(&paths, below("other")), 'r');  /* and where it leads */
    assert_int_equal(right(&paths, below("mail")), '-');
    assert_int_equal(right(&paths, "/etc"), '-');
    assert_false(paths.network || paths.sockets);
    pf_jail_paths_free(&paths);
}

static void auth_has_network_only_for_who_is_behind_it(void **state)
{
    static const struct {
        const char *text;
        bool sockets, network;
    } cases[] = {
        {"userdb file { path /etc/x/u }", false, false},
        {"userdb pam { service x }", true, false},
        {"userdb dovecot { path /run/x }", true, false},
        {"userdb saslauthd { path /run/x }", true, false},
        {"userdb postgresql { connect \"host=/run/p dbname=x\"; query \"select :user\" }", true, false},
        {"userdb postgresql { connect \"host=db dbname=x\"; query \"select :user\" }", true, true},
        {"userdb postgresql { connect \"host=/run/p,db dbname=x\"; query \"select :user\" }", true, true},
        {"userdb mariadb { connect mariadb://u@/n?socket=/run/m; query \"select :user\" }", true, false},
        {"userdb mariadb { connect mariadb://u@db/n; query \"select :user\" }", true, true},
        {"userdb ldap { connect ldapi://%2frun%2fl; base dc=x }", true, false},
        {"userdb ldap { connect \"ldapi:/// ldaps://d\"; base dc=x }", true, true},
        {"oauth { issuer https://i; keys /etc/x/keys }", false, false},
        {"oauth { issuer https://i; keys https://i/keys }", false, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pf_jail_paths paths = paths_of(PF_SANDBOX_AUTH, told_good(cases[i].text));

        if (paths.network != cases[i].network ||
            (paths.sockets || paths.network) != (cases[i].sockets || cases[i].network))
            fail_msg("%s: sockets %d, network %d", cases[i].text, paths.sockets, paths.network);
        assert_true(!paths.network || right(&paths, "/etc") == 'r');
        pf_jail_paths_free(&paths);
    }
}

static void files_that_a_connection_string_names_are_there(void **state)
{
    struct pf_jail_paths paths = paths_of(
        PF_SANDBOX_AUTH,
        settings("userdb postgresql { connect \"host=db sslrootcert=%s sslkey='%s'\"; query \"select :user\" "
                 "}\nuserdb mariadb { connect \"mariadb://u@db/n?ssl_ca=%s\"; query \"select :user\" }",
                 below("tls/ca.pem"), below("users/key"), below("tokens/x")));

    (void)state;
    assert_int_equal(right(&paths, below("tls")), 'r');
    assert_int_equal(right(&paths, below("users")), 'r');
    assert_int_equal(right(&paths, below("tokens")), 'r');
    pf_jail_paths_free(&paths);
}

static void gate_and_keeper_have_no_list(void **state)
{
    struct pf_jail_paths gate = paths_of(PF_SANDBOX_GATE, told_good("mail { path /m/%u }")),
                         keeper = paths_of(PF_SANDBOX_KEEPER, told_good("userdb pam { service x }"));

    (void)state;
    assert_int_equal(gate.count + keeper.count, 0);
    assert_false(gate.network || gate.sockets || keeper.network || keeper.sockets);
}

static int prepare(void **state)
{
    static const char *const folders[] = {"mail", "state", "more", "other", "users", "tokens", "record", "lite", "tls"};
    const char *top = getenv("TMPDIR");
    int fd;

    (void)state;
    snprintf(folder, sizeof folder, "%s/pf-jail.XXXXXX", top && strlen(top) < 40 ? top : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (mkdir(below(folders[i]), 0755) != 0)
            return -1;
    fd = open(below("other/aliases"), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    return fd < 0 || close(fd) != 0 ? -1 : symlink(below("other/aliases"), below("link"));
}

static int clean_up(void **state)
{
    static const char *const names[] = {"link",  "other/aliases", "mail", "state",  "more", "other",
                                        "users", "tokens",        "record", "lite", "tls"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (remove(below(names[i])) != 0)
            return -1;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(a_store_has_the_folders_above_maildrops),
                                       T(a_folder_that_is_to_be_made_can_be_made),
                                       T(a_mistake_never_opens_the_root),
                                       T(auth_has_the_folders_of_its_files),
                                       T(auth_has_network_only_for_who_is_behind_it),
                                       T(files_that_a_connection_string_names_are_there),
                                       T(gate_and_keeper_have_no_list)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, prepare, clean_up);
}
