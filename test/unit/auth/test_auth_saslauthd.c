#include "unit/cm.h"

#include "auth/auth_saslauthd.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct bench {
    char dir[64];
    struct sockaddr_un address;
    struct pf_conf_userdb userdb;
    void *self;
    struct pf_auth_entry entry;
    struct pf_err err;
    pid_t server;
};

/* A process that says this to everybody, cut in two, after it has read something; NULL: nothing, for ever. */
static void serve(int listener, struct pf_bytes answer)
{
    char request[PF_SASLAUTHD_REQUEST_MAX];

    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (read(fd, request, sizeof request) <= 0 || (answer.at && write(fd, answer.at, 1) != 1) ||
            (answer.at && write(fd, answer.at + 1, answer.len - 1) < 0))
            _exit(1);
        if (answer.at)
            close(fd);
    }
}

static void begin(struct bench *b, struct pf_bytes answer)
{
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *b = (struct bench){.dir = "/tmp/pf-saslauthd-XXXXXX", .address = {.sun_family = AF_UNIX}};
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->address.sun_path, sizeof b->address.sun_path, "%s/mux", b->dir);
    assert_int_equal(bind(listener, (struct sockaddr *)&b->address, sizeof b->address), 0);
    assert_int_equal(listen(listener, 4), 0);
    b->server = fork();
    if (b->server == 0)
        serve(listener, answer);
    close(listener);
    b->userdb = (struct pf_conf_userdb){.kind = PF_CONF_USERDB_SASLAUTHD, .path = b->address.sun_path,
                                        .service = "pop3", .timeout = 5000, .connections = 2};
    b->self = pf_auth_saslauthd_source.open(&b->userdb, NULL, NULL, &b->err);
    assert_non_null(b->self);
}

static void kill_server(struct bench *b)
{
    if (b->server) {
        assert_int_equal(kill(b->server, SIGKILL), 0);
        assert_int_equal(waitpid(b->server, NULL, 0), b->server);
    }
    b->server = 0;
}

static void end(struct bench *b)
{
    kill_server(b);
    pf_auth_saslauthd_source.close(b->self);
    unlink(b->address.sun_path);
    assert_int_equal(rmdir(b->dir), 0);
}

static enum pf_code verify(struct bench *b, const char *name, struct pf_bytes secret)
{
    const struct pf_auth_proof proof = {.name = pf_bytes_of(name), .secret = secret, .peer = "127.0.0.1"};

    b->err = (struct pf_err){0};
    assert_int_equal(pf_auth_saslauthd_source.find(b->self, proof.name, &b->entry, &b->err), PF_OK);
    assert_true(b->entry.verify);
    assert_string_equal(b->entry.user.name, name);
    assert_null(b->entry.stored);
    return pf_auth_saslauthd_source.verify(b->self, &proof, &b->entry, &b->err);
}

static void says(struct pf_bytes answer, enum pf_code code, const char *why)
{
    struct bench b;

    begin(&b, answer);
    assert_int_equal(verify(&b, "anna", PF_LIT("secret")), code);
    assert_int_equal(b.err.code, code);
    if (!strstr(b.err.log, why))
        assert_string_equal(b.err.log, why);
    assert_null(strstr(b.err.log, "secret"));
    end(&b);
}

static void answers(void **state)
{
    (void)state;
    says(PF_LIT("\0\2OK"), PF_OK, "");
    says(PF_LIT("\0\2NO"), PF_AUTH, "NO");
    says(PF_LIT("\0\2OKAY"), PF_OK, ""); /* what is behind the length is not read */
    says(PF_LIT("\0\4OKAY"), PF_TEMP, "OKAY");
    says(PF_LIT("\0\3"), PF_TEMP, "hung up");
    says(PF_LIT("\0\3O"), PF_TEMP, "hung up");
    says(PF_LIT("\0\0"), PF_TEMP, "0 octets");
    says(PF_LIT("\4\1OK"), PF_TEMP, "1025 octets");
    says(PF_LIT("\377\377OK"), PF_TEMP, "65535 octets");
    says(PF_LIT("\0\21NO PAM auth error"), PF_AUTH, "PAM auth error");
}

static void reasons(void **state)
{
    static const struct {
        const char *answer;
        enum pf_code code;
    } table[] = {
        {"OK", PF_OK},
        {"OK remote authentication successful", PF_OK},
        {"NO ", PF_AUTH},
        {"NO Incorrect password", PF_AUTH},
        {"NO PAM acct error", PF_AUTH},
        {"NO Account expired", PF_AUTH},
        {"NO remote server rejected your credentials", PF_AUTH},
        {"NO PAM start error", PF_TEMP},
        {"NO [ALERT] Couldn't contact remote authentication server", PF_TEMP},
        {"NO internal mechanism failure", PF_TEMP},
        {"NO saslauthd internal error", PF_TEMP},
        {"NO Username lookup failure: Input/output error", PF_TEMP},
        {"NO Insufficient permission to access NIS authentication database (saslauthd)", PF_TEMP},
        {"", PF_TEMP},
        {"O", PF_TEMP},
        {"ok", PF_TEMP},
        {"NOT", PF_TEMP},
        {" OK", PF_TEMP},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct pf_err err = {0};

        assert_int_equal(pf_saslauthd_answer(pf_bytes_of(table[i].answer), &err), table[i].code);
        assert_int_equal(err.code, table[i].code);
    }
    assert_int_equal(pf_saslauthd_answer(PF_LIT("OK\0"), NULL), PF_OK);
    assert_int_equal(pf_saslauthd_answer(PF_LIT("OK\n\1\377"), NULL), PF_TEMP);
}

static void asks(const char *realm, const char *name, struct pf_bytes wanted)
{
    const struct pf_conf_userdb userdb = {.service = "pop3", .realm = realm};
    unsigned char room[PF_SASLAUTHD_REQUEST_MAX];
    struct pf_span out = {room, 0, sizeof room};

    assert_true(pf_saslauthd_request(&userdb, pf_bytes_of(name), PF_LIT("\303\244"), &out));
    assert_int_equal(out.len, wanted.len);
    assert_memory_equal(out.at, wanted.at, wanted.len);
}

static void questions(void **state)
{
    (void)state;
    asks(NULL, "anna", PF_LIT("\0\4anna\0\2\303\244\0\4pop3\0\0"));
    asks(NULL, "anna@a.b", PF_LIT("\0\10anna@a.b\0\2\303\244\0\4pop3\0\0"));
    asks("a.b", "anna", PF_LIT("\0\4anna\0\2\303\244\0\4pop3\0\3a.b"));
    asks("a.b", "anna@A.B", PF_LIT("\0\4anna\0\2\303\244\0\4pop3\0\3a.b"));
    asks("a.b", "anna@c.a.b", PF_LIT("\0\12anna@c.a.b\0\2\303\244\0\4pop3\0\3a.b"));
    asks("a.b", "anna@cxb", PF_LIT("\0\10anna@cxb\0\2\303\244\0\4pop3\0\3a.b"));
    asks("a.b", "@a.b", PF_LIT("\0\4@a.b\0\2\303\244\0\4pop3\0\3a.b"));
    asks("a.b", "a.b", PF_LIT("\0\3a.b\0\2\303\244\0\4pop3\0\3a.b"));
}

static void what_cannot_be_asked_is_wrong(void **state)
{
    unsigned char many[PF_SASLAUTHD_TEXT_MAX + 1];
    struct bench b;

    (void)state;
    memset(many, 'x', sizeof many);
    begin(&b, PF_LIT("\0\2OK"));
    assert_int_equal(verify(&b, "anna", PF_LIT("secret\0and more")), PF_AUTH);
    assert_int_equal(verify(&b, "anna", PF_LIT("")), PF_AUTH);
    assert_int_equal(verify(&b, "anna", pf_bytes_from(many, sizeof many)), PF_AUTH);
    assert_int_equal(verify(&b, "anna", pf_bytes_from(many, sizeof many - 1)), PF_OK);
    assert_int_equal(pf_auth_saslauthd_source.find(b.self, PF_LIT("a/b"), &b.entry, &b.err), PF_NO_USER);
    end(&b);
}

static void who_says_nothing_or_is_away(void **state)
{
    struct bench b;

    (void)state;
    begin(&b, (struct pf_bytes){0});
    b.userdb.timeout = 50;
    assert_int_equal(verify(&b, "anna", PF_LIT("secret")), PF_TEMP);
    assert_non_null(strstr(b.err.log, "no answer in time"));
    kill_server(&b);
    assert_int_equal(verify(&b, "anna", PF_LIT("secret")), PF_TEMP);
    assert_non_null(strstr(b.err.log, b.address.sun_path));
    end(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {T(answers), T(reasons), T(questions), T(what_cannot_be_asked_is_wrong),
                                              T(who_says_nothing_or_is_away)};

    return RUN(tests);
}
