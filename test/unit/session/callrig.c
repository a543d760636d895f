#include "unit/cm.h"

#include "callrig.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void no_mistake(void *self, const struct pf_conf_mistake *mistake)
{
    (void)self;
    fail_msg("%s %s", mistake->text, mistake->hint);
}

void callrig_cert(struct callrig *r, const char *cert)
{
    struct pf_auth_settings auth;
    struct pf_tls *tls = certs_tls(cert);
    struct pf_err err = {0};
    struct pf_conf *conf;
    char text[3000];

    snprintf(text, sizeof text,
             "hostname test.example\n"
             "listen 127.0.0.1:0 { tls none; plaintext-login yes }\nlisten 127.0.0.1:0 { tls none; "
             "plaintext-login yes }\n"
             "listen 127.0.0.1:0 { tls starttls }\nlisten 127.0.0.1:0 { tls implicit }\n"
             "tls { certificate %s; key %s; client-ca %s; client-name common-name }\n"
             "users { password-file %s; weak-schemes yes; failure-delay 0; failure-delay-max 0; apop "
             "yes; mechanisms \"PLAIN LOGIN "
             "CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS "
             "EXTERNAL ANONYMOUS\" }\n"
             "mail { path /m/%%n }\ntimes { tls-peek 0 }\n",
             certs_path("good.pem"), certs_path("good.key"), certs_path("ca.pem"), r->rig.users);
    conf = pf_conf_parse("test", pf_bytes_of(text), no_mistake, NULL);
    assert_non_null(conf);
    auth = (struct pf_auth_settings){
        .password_file = r->rig.users, .hashes_at_once = 1, .allow_weak_schemes = true, .conf = conf};
    assert_int_equal(pf_auth_reload(r->rig.auth, &auth, &err), PF_OK);
    assert_int_equal(pf_hall_settings(r->rig.hall, conf, tls, &err), PF_OK);
    pf_conf_free(conf);
    pf_tls_free(tls);
}

static void listen_here(struct callrig *r)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    snprintf(r->path, sizeof r->path, "%s/s", r->rig.dir);
    memcpy(at.sun_path, r->path, strlen(r->path) + 1);
    r->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(r->listening, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(r->listening, 5), 0);
}

void callrig_up(struct callrig *r)
{
    struct pf_err err = {0};

    memset(r, 0, sizeof *r);
    rig_up(&r->rig, "");
    rig_add(&r->rig, "Subject: a\n\nbody\n", "u1");
    rig_add(&r->rig, "Subject: b\n\n.\n", "u2");
    callrig_cert(r, "good");
    listen_here(r);
    r->pool = pf_pool_new(r->rig.loop, "call", 1, 8, &err);
    assert_non_null(r->pool);
    r->stranger = r->inner = -1;
    r->listener = AT_TLS;
    r->password = "secret";
    r->quit_when_ready = true;
    r->account = (struct pf_call_account){
        .host = r->path, .tls = PF_CALL_IMPLICIT, .server_name = "test.example", .user = "anna"};
    pf_pop3_client_settings_init(&r->account.engine);
}

static void leave(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void callrig_down(struct callrig *r)
{
    pf_call_free(r->call);
    leave(&r->stranger);
    leave(&r->inner);
    leave(&r->listening);
    while (pf_hall_count(r->rig.hall))
        pf_loop_turn(r->rig.loop, true);
    pf_pool_free(r->pool);
    unlink(r->path);
    rig_down(&r->rig);
}

/* One line of a script for each line that came. */
static void play(struct callrig *r)
{
    char *end;
    ssize_t n = read(r->stranger, r->heard + r->heard_len, sizeof r->heard - 1 - r->heard_len);

    if (n == 0 || (n < 0 && errno != EAGAIN))
        leave(&r->stranger);
    if (n <= 0)
        return;
    for (end = r->heard + r->heard_len; n; n--, end++, r->heard_len++)
        if (*end == '\n' && *r->script) {
            const char *says = *r->script++;

            if (!*says)
                leave(&r->stranger);
            else
                assert_true(send(r->stranger, says, strlen(says), MSG_NOSIGNAL) > 0);
        }
}

static void carry(int *from, int *to, size_t most, size_t *passed)
{
    char text[4096];
    size_t room = most - *passed < sizeof text ? most - *passed : sizeof text;
    ssize_t n = room ? read(*from, text, room) : -1;

    if (n > 0) {
        *passed += (size_t)n;
        assert_int_equal(send(*to, text, (size_t)n, MSG_NOSIGNAL), n);
    } else if (room && (n == 0 || errno != EAGAIN)) {
        leave(from);
        leave(to);
    }
}

static void relay(struct callrig *r)
{
    size_t up = 0;

    if (r->stranger >= 0 && r->inner >= 0)
        carry(&r->stranger, &r->inner, SIZE_MAX, &up);
    if (r->stranger >= 0 && r->inner >= 0)
        carry(&r->inner, &r->stranger, r->let_through, &r->passed);
    if (r->cut && r->passed == r->let_through) {
        leave(&r->stranger);
        leave(&r->inner);
    }
}

static void welcome(struct callrig *r, int fd)
{
    int pair[2];

    if (r->script) {
        r->stranger = fd;
        if (*r->script)
            assert_true(send(fd, *r->script, strlen(*r->script), MSG_NOSIGNAL) > 0);
        r->script++;
    } else if (r->between) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
        r->stranger = fd;
        r->inner = pair[0];
        pf_hall_guest(r->rig.hall, pair[1], r->listener);
    } else {
        pf_hall_guest(r->rig.hall, fd, r->listener);
    }
}

void callrig_turn(struct callrig *r)
{
    int fd = accept4(r->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0)
        welcome(r, fd);
    if (r->script && r->stranger >= 0)
        play(r);
    if (r->between)
        relay(r);
    pf_loop_turn(r->rig.loop, false);
    sched_yield();
}

static bool free_now(struct callrig *r, int where)
{
    if (r->free_in != where)
        return false;
    pf_call_free(r->call);
    r->call = NULL;
    return true;
}

static void on_secret(void *self, struct pf_call *call)
{
    struct callrig *r = self;

    r->secrets++;
    if (free_now(r, 1))
        return;
    if (r->own_secret)
        return;
    pf_call_secret(call, pf_bytes_of(r->password), NULL);
    assert_int_equal(r->readies, 0);
}

static void on_ready(void *self, struct pf_call *call)
{
    struct callrig *r = self;
    int before = r->ends;

    r->readies++;
    if (free_now(r, 2))
        return;
    if (r->quit_when_ready) {
        assert_int_equal(pf_call_say(call, &(struct pf_pop3_command){.verb = PF_VERB_LIST}), PF_OK);
        assert_int_equal(pf_call_say(call, &(struct pf_pop3_command){.verb = PF_VERB_RETR, .number = 1}),
                         PF_OK);
        assert_int_equal(pf_call_say(call, &(struct pf_pop3_command){.verb = PF_VERB_QUIT}), PF_OK);
        assert_int_equal(pf_call_say(call, &(struct pf_pop3_command){.verb = PF_VERB_NOOP}), PF_STATE);
    }
    assert_int_equal(r->ends, before); /* nothing is heard inside of say */
}

static void on_heard(void *self, struct pf_call *call, const struct pf_heard *heard)
{
    struct callrig *r = self;

    if (r->hold_piece && heard->kind == PF_HEARD_PIECE && !r->piece.len) {
        r->piece = heard->bytes;
        pf_call_hold(call, true);
    }
    r->ends += heard->kind == PF_HEARD_END && heard->end == PF_END_WHOLE;
    free_now(r, 3);
}

static void on_gone(void *self, struct pf_call *call, const struct pf_err *err)
{
    struct callrig *r = self;
    const struct pf_call_facts *facts = pf_call_facts(call);

    r->gones++;
    r->gone = *err;
    snprintf(r->mechanism, sizeof r->mechanism, "%s", facts->logged_in ? facts->mechanism : "");
    snprintf(r->checked, sizeof r->checked, "%s", facts->checked);
    snprintf(r->version, sizeof r->version, "%s", facts->tls_version);
    free_now(r, 4);
}

void callrig_begin(struct callrig *r)
{
    static const struct pf_call_calls calls = {on_secret, on_ready, on_heard, on_gone};
    struct pf_err err = {0};

    r->secrets = r->readies = r->gones = r->ends = 0;
    r->passed = r->heard_len = 0;
    r->gone = (struct pf_err){.code = PF_OK};
    r->call = pf_call_new(r->rig.loop, r->pool, &r->account, &calls, r, &err);
    if (!r->call)
        fail_msg("%s", err.log);
    assert_int_equal(r->gones + r->readies, 0);
}

void callrig_run(struct callrig *r)
{
    callrig_begin(r);
    while (r->call && !r->gones)
        callrig_turn(r);
    for (int i = 0; i < 3; i++)
        callrig_turn(r);
    assert_true(r->gones <= 1);
    if (r->free_in == 0)
        assert_int_equal(r->gones, 1);
    pf_call_free(r->call);
    r->call = NULL;
    leave(&r->stranger);
    leave(&r->inner);
    while (pf_hall_count(r->rig.hall))
        pf_loop_turn(r->rig.loop, true);
}
