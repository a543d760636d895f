#include "auth/auth_dovecot.h"

#include "auth/auth_entry.h"
#include "auth/auth_links.h"
#include "auth/auth_socket.h"
#include "base/text.h"
#include "sys/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define KIND "dovecot"

enum { NO_PROCESS = 1U << 30 /* process ids are below 2^22 */ };

struct dovecot {
    const struct pf_conf_userdb *userdb;
    struct pf_links *logins, *users; /* `users` NULL: it knows none */
};

struct link {
    int fd;
    unsigned id;       /* of the last question */
    size_t len, taken; /* octets in `room`, and of those, what was read */
    unsigned char room[PF_DOVECOT_LINE_MAX];
};

/* One of the two. */
struct question {
    const struct dovecot *dovecot;
    const struct pf_auth_proof *proof; /* NULL: only about the user */
    struct pf_bytes name;
    struct pf_auth_entry *entry;
};

static void close_link(void *connection)
{
    struct link *link = connection;

    close(link->fd);
    pf_wipe(link->room, sizeof link->room);
    free(link);
}

/* PF_OK; PF_GONE: it hung up; PF_BUSY: too late, or too long. */
static enum pf_code read_line(struct link *link, struct pf_bytes *out_line, pf_time deadline, struct pf_err *err)
{
    for (;;) {
        struct pf_bytes there = pf_bytes_from(link->room + link->taken, link->len - link->taken);
        size_t end = pf_find(there, '\n');
        ssize_t got;

        if (end < there.len) {
            *out_line = pf_bytes_head(there, end);
            link->taken += end + 1;
            return PF_OK;
        }
        memmove(link->room, there.at, there.len);
        link->len = there.len;
        link->taken = 0;
        if (link->len == sizeof link->room) {
            pf_fail(err, PF_TEMP, 0, KIND, KIND ": a line that is too long");
            return PF_BUSY;
        }
        got = pf_socket_receive(link->fd, link->room + link->len, sizeof link->room - link->len, deadline);
        if (got <= 0) {
            bool late = got < 0 && errno == ETIMEDOUT;

            pf_fail(err, PF_TEMP, got ? errno : 0, KIND, KIND ": %s", late ? "no answer in time" : "it hung up");
            return late ? PF_BUSY : PF_GONE;
        }
        link->len += (size_t)got;
    }
}

static enum pf_code send_text(struct link *link, struct pf_bytes text, pf_time deadline, struct pf_err *err)
{
    if (pf_socket_send(link->fd, text, deadline))
        return PF_OK;
    pf_fail(err, PF_TEMP, errno, KIND, KIND ": %s", strerror(errno));
    return errno == ETIMEDOUT ? PF_BUSY : PF_GONE;
}

static enum pf_code greet(struct link *link, bool users, pf_time deadline, struct pf_err *err)
{
    unsigned char room[64];
    struct pf_span text = {room, 0, sizeof room};
    struct pf_dovecot_hello hello = {0};
    struct pf_bytes line;
    uint32_t number;
    enum pf_code code = pf_random((unsigned char *)&number, sizeof number, err);

    if (code != PF_OK)
        return code;
    pf_span_put(&text, PF_LIT("VERSION\t1\t1\n"));
    if (!users)
        pf_span_format(&text, "CPID\t%u\n", NO_PROCESS | (number & (NO_PROCESS - 1)));
    code = send_text(link, pf_span_bytes(&text), deadline, err);
    for (int n = 0; n < PF_DOVECOT_LINES_MAX && code == PF_OK && !hello.done; n++) {
        code = read_line(link, &line, deadline, err);
        if (code == PF_OK)
            code = pf_dovecot_hello(&hello, line, users, err);
    }
    if (code == PF_OK && !hello.done)
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": its greeting does not end");
    return code;
}

static void *open_link(const char *path, bool users, pf_time deadline, struct pf_err *err)
{
    struct link *link = calloc(1, sizeof *link);

    if (!link) {
        pf_fail(err, PF_TEMP, ENOMEM, KIND, KIND ": no memory for a connection");
        return NULL;
    }
    link->fd = pf_socket_connect(KIND, path, deadline, err);
    if (link->fd < 0) {
        free(link);
        return NULL;
    }
    if (greet(link, users, deadline, err) == PF_OK)
        return link;
    close_link(link);
    return NULL;
}

static void *open_logins(void *source, pf_time deadline, struct pf_err *err)
{
    return open_link(((struct dovecot *)source)->userdb->path, false, deadline, err);
}

static void *open_users(void *source, pf_time deadline, struct pf_err *err)
{
    return open_link(((struct dovecot *)source)->userdb->user_path, true, deadline, err);
}

static enum pf_code read_answer(struct link *link, const struct question *q, pf_time deadline, struct pf_err *err)
{
    enum pf_code code = PF_AGAIN;

    for (int n = 0; n < PF_DOVECOT_LINES_MAX && code == PF_AGAIN; n++) {
        struct pf_bytes line;

        code = read_line(link, &line, deadline, err);
        if (code != PF_OK)
            return code;
        code = q->proof ? pf_dovecot_login_answer(line, link->id, q->entry, err)
                        : pf_dovecot_user_answer(line, link->id, q->entry, err);
    }
    if (code != PF_AGAIN)
        return code;
    pf_fail(err, PF_TEMP, 0, KIND, KIND ": much was said, and no answer");
    return PF_BUSY;
}

static enum pf_code ask(void *connection, void *question, pf_time deadline, struct pf_err *err)
{
    struct link *link = connection;
    const struct question *q = question;
    const char *service = q->dovecot->userdb->service ? q->dovecot->userdb->service : "pop3";
    unsigned char room[PF_DOVECOT_LINE_MAX];
    struct pf_span text = {room, 0, sizeof room};
    enum pf_code code = PF_AUTH;

    link->id = link->id == INT32_MAX ? 1 : link->id + 1;
    if (q->proof ? pf_dovecot_login_question(q->proof, service, link->id, &text)
                 : pf_dovecot_user_question(q->name, service, link->id, &text))
        code = send_text(link, pf_span_bytes(&text), deadline, err);
    else
        pf_fail(err, PF_AUTH, 0, KIND, KIND ": a password that is too long");
    pf_wipe(room, sizeof room);
    return code == PF_OK ? read_answer(link, q, deadline, err) : code;
}

static const struct pf_links_driver login_driver = {
    .kind = KIND, .open = open_logins, .ask = ask, .close = close_link};
static const struct pf_links_driver user_driver = {
    .kind = KIND, .open = open_users, .ask = ask, .close = close_link};

static void close_source(void *opened)
{
    struct dovecot *self = opened;

    pf_links_free(self->logins);
    pf_links_free(self->users);
    free(self);
}

static void *open_source(const struct pf_conf_userdb *userdb, const struct pf_auth_settings *settings,
                         struct pf_auth_stamp *out_stamp, struct pf_err *err)
{
    struct dovecot *self;

    (void)settings;
    (void)out_stamp;
    if (pf_socket_look(KIND, userdb->path, err) != PF_OK ||
        (userdb->user_path && pf_socket_look(KIND, userdb->user_path, err) != PF_OK))
        return NULL;
    self = calloc(1, sizeof *self);
    if (!self) {
        pf_fail(err, PF_NO_MEMORY, ENOMEM, KIND, "no memory for a userdb");
        return NULL;
    }
    self->userdb = userdb;
    self->logins = pf_links_new(&login_driver, self, userdb, err);
    if (self->logins && userdb->user_path)
        self->users = pf_links_new(&user_driver, self, userdb, err);
    if (self->logins && (self->users || !userdb->user_path))
        return self;
    close_source(self);
    return NULL;
}

static enum pf_code find(void *opened, struct pf_bytes name, struct pf_auth_entry *out, struct pf_err *err)
{
    struct dovecot *self = opened;
    struct question question = {.dovecot = self, .name = name, .entry = out};

    if (!pf_auth_name_ok(name))
        return PF_NO_USER;
    pf_auth_entry_begin(out, name);
    out->verify = true;
    return self->users ? pf_links_ask(self->users, &question, err) : PF_OK;
}

static enum pf_code verify(void *opened, const struct pf_auth_proof *proof, struct pf_auth_entry *entry,
                           struct pf_err *err)
{
    struct dovecot *self = opened;
    struct question question = {.dovecot = self, .proof = proof, .entry = entry};

    if (proof->secret.len == 0 || pf_find(proof->secret, 0) < proof->secret.len)
        return pf_fail(err, PF_AUTH, 0, KIND, KIND ": a password that nobody can have");
    return pf_links_ask(self->logins, &question, err);
}

static bool knows(const void *opened)
{
    const struct dovecot *self = opened;

    return self->users != NULL;
}

const struct pf_auth_source pf_auth_dovecot_source = {
    .kind = KIND,
    .open = open_source,
    .close = close_source,
    .find = find,
    .verify = verify,
    .knows = knows,
};
