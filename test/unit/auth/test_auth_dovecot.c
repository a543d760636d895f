#include "unit/cm.h"

#include "auth/auth_dovecot.h"
#include "auth/auth_entry.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct pf_auth_entry entry;
static struct pf_err why;

static enum pf_code login(const char *line)
{
    why = (struct pf_err){0};
    pf_auth_entry_begin(&entry, PF_LIT("anna"));
    return pf_dovecot_login_answer(pf_bytes_of(line), 7, &entry, &why);
}

static enum pf_code user(const char *line)
{
    why = (struct pf_err){0};
    pf_auth_entry_begin(&entry, PF_LIT("anna"));
    return pf_dovecot_user_answer(pf_bytes_of(line), 7, &entry, &why);
}

static void answers_to_logins(void **state)
{
    (void)state;
    assert_int_equal(login("OK\t7\tuser=anna@a.b\tquota=10m\tpass=x\tproxy\tpassword=y"), PF_OK);
    assert_string_equal(entry.user.name, "anna@a.b");
    assert_int_equal(entry.user.quota_octets, 10 << 20);
    assert_null(entry.stored);
    assert_int_equal(login("OK\t7"), PF_OK);
    assert_string_equal(entry.user.name, "anna");
    assert_int_equal(login("OK\t7\tnologin\treason=moved"), PF_OK);
    assert_true(entry.nologin);
    assert_int_equal(login("FAIL\t7\tuser=anna"), PF_AUTH);
    assert_int_equal(login("FAIL\t7"), PF_AUTH);
    assert_int_equal(login("FAIL\t7\tuser=anna\ttemp"), PF_TEMP);
    assert_int_equal(login("FAIL\t7\tcode=temp_fail\treason=\1t"), PF_TEMP);
    assert_int_equal(login("FAIL\t7\tuser_disabled"), PF_AUTH);
    assert_non_null(strstr(why.log, "user_disabled"));
    assert_int_equal(login("FAIL\t7\tauthz"), PF_AUTH);
    assert_int_equal(login("OK\t7\tuser=a/b"), PF_TEMP);
    assert_int_equal(login("OK\t7\tuser=a\1"), PF_TEMP);
    assert_int_equal(login("OK\t7\tquota=much"), PF_TEMP);
    assert_int_equal(login("OK\t7\tforeign=\1x"), PF_OK);
    assert_int_equal(login("NEWS\t7"), PF_AGAIN);
    assert_int_equal(login(""), PF_AGAIN);
    assert_int_equal(login("OK\t8\tuser=anna"), PF_BUSY);
    assert_int_equal(login("OK"), PF_BUSY);
    assert_int_equal(login("OK\t"), PF_BUSY);
    assert_int_equal(login("OK\t-7"), PF_BUSY);
    assert_int_equal(login("CONT\t7\t"), PF_BUSY);
    assert_int_equal(why.code, PF_TEMP);
}

static void answers_about_users(void **state)
{
    (void)state;
    assert_int_equal(user("USER\t7\tanna@a.b\tuid=8\thome=/home/anna\tmail=maildir:~/Maildir:LAYOUT=fs"), PF_OK);
    assert_string_equal(entry.user.name, "anna@a.b");
    assert_string_equal(entry.user.maildrop, "/home/anna/Maildir");
    assert_int_equal(user("USER\t7\tanna\tmail=mbox:~/mail\thome=/h\tquota_rule=*:storage=1M"), PF_OK);
    assert_string_equal(entry.user.maildrop, "mbox:/h/mail");
    assert_int_equal(entry.user.quota_octets, 1 << 20);
    assert_int_equal(user("USER\t7\ta=b\thome=/h"), PF_OK);
    assert_string_equal(entry.user.name, "a=b");
    assert_string_equal(entry.user.maildrop, "");
    assert_int_equal(user("USER\t7\tanna\tmail=mdbox:~/x\thome=/h"), PF_TEMP);
    assert_int_equal(user("USER\t7\tanna\tmail=maildir:~/x"), PF_TEMP);
    assert_int_equal(user("USER\t7\tanna\tmail"), PF_TEMP);
    assert_int_equal(user("USER\t7\tanna\thome=\1q"), PF_TEMP);
    assert_int_equal(user("USER\t7"), PF_TEMP);
    assert_int_equal(user("USER\t7\t"), PF_TEMP);
    assert_int_equal(user("NOTFOUND\t7"), PF_NO_USER);
    assert_int_equal(user("NOTFOUND\t6"), PF_BUSY);
    assert_int_equal(user("FAIL\t7\treason=x"), PF_TEMP);
    assert_int_equal(user("SPID\t7"), PF_AGAIN);
}

static enum pf_code greets(const char *const *lines, bool users, bool done)
{
    struct pf_dovecot_hello hello = {0};
    enum pf_code code = PF_OK;

    for (size_t i = 0; lines[i] && code == PF_OK; i++)
        code = pf_dovecot_hello(&hello, pf_bytes_of(lines[i]), users, NULL);
    assert_int_equal(code == PF_OK && hello.done, done);
    return code;
}

static void greetings(void **state)
{
    static const char *const good[] = {"VERSION\t1\t2", "MECH\tPLAIN\tplaintext", "SPID\t4", "X", "DONE", NULL};
    static const char *const other[] = {"VERSION\t2\t0", "MECH\tPLAIN", "DONE", NULL};
    static const char *const none[] = {"MECH\tPLAIN", "DONE", NULL};
    static const char *const no_plain[] = {"VERSION\t1\t2", "MECH\tSCRAM-SHA-1", "DONE", NULL};
    static const char *const users[] = {"VERSION\t1\t1", "SPID\t4", NULL};

    (void)state;
    assert_int_equal(greets(good, false, true), PF_OK);
    assert_int_equal(greets(other, false, false), PF_TEMP);
    assert_int_equal(greets(none, false, false), PF_TEMP);
    assert_int_equal(greets(no_plain, false, false), PF_TEMP);
    assert_int_equal(greets(users, true, true), PF_OK);
    assert_int_equal(greets(users, false, false), PF_OK);
    assert_int_equal(greets(good, true, false), PF_TEMP);
}

static void is_line(const struct pf_span *line, const char *wanted)
{
    assert_int_equal(line->len, strlen(wanted));
    assert_memory_equal(line->at, wanted, line->len);
}

static void questions(void **state)
{
    struct pf_auth_proof proof = {
        .name = PF_LIT("anna"), .secret = PF_LIT("secret"), .peer = "fe80::1%eth0", .tls = true};
    unsigned char room[200];
    struct pf_span out = {room, 0, sizeof room};

    (void)state;
    assert_true(pf_dovecot_login_question(&proof, "pop3", 1, &out));
    is_line(&out, "AUTH\t1\tPLAIN\tservice=pop3\tsecured\tno-penalty\tnologin\trip=fe80::1\tresp=AGFubmEAc2VjcmV0\n");
    out.len = 0;
    proof.peer = "unix";
    proof.tls = false;
    assert_true(pf_dovecot_login_question(&proof, "a\tb", 2, &out));
    is_line(&out, "AUTH\t2\tPLAIN\tservice=a\1tb\tno-penalty\tnologin\tresp=AGFubmEAc2VjcmV0\n");
    out.len = 0;
    assert_true(pf_dovecot_user_question(PF_LIT("a\tb\n\1\r\0c"), "pop3", 3, &out));
    is_line(&out, "USER\t3\ta\1tb\1n\0011\1r\0010c\tservice=pop3\n");
    out = (struct pf_span){room, 0, 10};
    assert_false(pf_dovecot_login_question(&proof, "pop3", 1, &out));
}

/* A process that greets, and says this to whatever it is asked; then it ends the connection or stays silent. */
static pid_t serve(const struct sockaddr_un *address, struct pf_bytes says)
{
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
    char room[1000];
    pid_t pid;

    assert_int_equal(bind(listener, (const struct sockaddr *)address, sizeof *address), 0);
    assert_int_equal(listen(listener, 4), 0);
    pid = fork();
    if (pid) {
        close(listener);
        return pid;
    }
    for (;;) {
        fd = accept(listener, NULL, NULL);
        if (write(fd, "VERSION\t1\t1\nMECH\tPLAIN\nDONE\n", 28) != 28)
            _exit(1);
        while (read(fd, room, sizeof room) > 0)
            if (memmem(room, sizeof room, "AUTH\t", 5)) {
                memset(room, 0, sizeof room);
                if (says.len == 0 || write(fd, says.at, says.len) < 0)
                    break;
            }
        if (says.at)
            close(fd);
    }
}

static void asks(struct pf_bytes says, enum pf_code wanted, const char *log)
{
    char dir[] = "/tmp/pf-dovecot-XXXXXX";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct pf_conf_userdb userdb = {.path = address.sun_path, .timeout = says.at ? 5000 : 100, .connections = 1};
    const struct pf_auth_proof proof = {.name = PF_LIT("anna"), .secret = PF_LIT("secret"), .peer = "unix"};
    pid_t pid;
    void *self;

    assert_non_null(mkdtemp(dir));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/auth", dir);
    pid = serve(&address, says);
    self = pf_auth_dovecot_source.open(&userdb, NULL, NULL, &why);
    assert_false(pf_auth_source_knows(&pf_auth_dovecot_source, self));
    for (int n = 0; n < 2; n++) {
        why = (struct pf_err){0};
        assert_int_equal(pf_auth_dovecot_source.find(self, proof.name, &entry, &why), PF_OK);
        assert_int_equal(pf_auth_dovecot_source.verify(self, &proof, &entry, &why), n == 0 ? wanted : PF_TEMP);
        if (n == 0 && !strstr(why.log, log))
            assert_string_equal(why.log, log);
    }
    pf_auth_dovecot_source.close(self);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    unlink(address.sun_path);
    assert_int_equal(rmdir(dir), 0);
}

static void connections(void **state)
{
    static unsigned char many[PF_DOVECOT_LINE_MAX + 1];

    (void)state;
    asks(PF_LIT("OK\t1\tuser=anna\n"), PF_OK, ""); /* the second question's number is 2, so that this is no answer */
    asks(PF_LIT("OK\t2\tuser=anna\n"), PF_TEMP, "another question");
    asks(PF_LIT("FAIL\t1\n"), PF_AUTH, "");
    asks(PF_LIT(""), PF_TEMP, "hung up");
    asks((struct pf_bytes){0}, PF_TEMP, "no answer in time");
    memset(many, 'x', sizeof many);
    asks(pf_bytes_from(many, sizeof many), PF_TEMP, "too long");
}

static void passwords_that_nobody_has(void **state)
{
    const struct pf_conf_userdb userdb = {.path = "/nowhere", .timeout = 100};
    struct pf_auth_proof proof = {.name = PF_LIT("anna"), .secret = PF_LIT("secret\0x"), .peer = "unix"};
    void *self = pf_auth_dovecot_source.open(&userdb, NULL, NULL, &why);

    (void)state;
    assert_int_equal(pf_auth_dovecot_source.verify(self, &proof, &entry, &why), PF_AUTH);
    proof.secret.len = 0;
    assert_int_equal(pf_auth_dovecot_source.verify(self, &proof, &entry, &why), PF_AUTH);
    proof.secret.len = 6;
    assert_int_equal(pf_auth_dovecot_source.verify(self, &proof, &entry, &why), PF_TEMP);
    pf_auth_dovecot_source.close(self);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {T(answers_to_logins), T(answers_about_users), T(greetings),
                                              T(questions), T(connections), T(passwords_that_nobody_has)};

    return RUN(tests);
}
