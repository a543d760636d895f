#include "auth/auth_saslauthd.h"

#include "auth/auth_entry.h"
#include "auth/auth_socket.h"
#include "auth/auth_sql_slots.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define KIND "saslauthd"

struct saslauthd {
    const struct pf_conf_userdb *userdb;
    struct pf_sql_slots *slots; /* nothing is in them: only so many ask at a time */
};

static void *open_source(const struct pf_conf_userdb *userdb, const struct pf_auth_settings *settings,
                         struct pf_auth_stamp *out_stamp, struct pf_err *err)
{
    struct saslauthd *self;

    (void)settings;
    (void)out_stamp;
    if (pf_socket_look(KIND, userdb->path, err) != PF_OK)
        return NULL;
    self = calloc(1, sizeof *self);
    if (!self) {
        pf_fail(err, PF_NO_MEMORY, ENOMEM, KIND, "no memory for a userdb");
        return NULL;
    }
    self->userdb = userdb;
    self->slots = pf_sql_slots_new(userdb->connections ? userdb->connections : 1, err);
    if (self->slots)
        return self;
    free(self);
    return NULL;
}

static void close_source(void *opened)
{
    struct saslauthd *self = opened;

    pf_sql_slots_free(self->slots);
    free(self);
}

static enum pf_code find(void *self, struct pf_bytes name, struct pf_auth_entry *out, struct pf_err *err)
{
    (void)self;
    (void)err;
    if (!pf_auth_name_ok(name))
        return PF_NO_USER;
    pf_auth_entry_begin(out, name);
    out->verify = true;
    return PF_OK;
}

static bool put(struct pf_span *out, struct pf_bytes text)
{
    const unsigned char length[] = {(unsigned char)(text.len >> 8), (unsigned char)text.len};

    return text.len <= PF_SASLAUTHD_TEXT_MAX && pf_find(text, 0) == text.len &&
           pf_span_put(out, pf_bytes_from(length, sizeof length)) && pf_span_put(out, text);
}

static struct pf_bytes without_realm(struct pf_bytes name, struct pf_bytes realm)
{
    size_t local;

    if (realm.len == 0 || name.len <= realm.len + 1)
        return name;
    local = name.len - realm.len - 1;
    return name.at[local] == '@' && pf_equal_nocase(pf_bytes_skip(name, local + 1), realm) ? pf_bytes_head(name, local)
                                                                                          : name;
}

bool pf_saslauthd_request(const struct pf_conf_userdb *userdb, struct pf_bytes name, struct pf_bytes secret,
                          struct pf_span *out_request)
{
    struct pf_bytes realm = pf_bytes_of(userdb->realm ? userdb->realm : "");

    return secret.len && put(out_request, without_realm(name, realm)) && put(out_request, secret) &&
           put(out_request, pf_bytes_of(userdb->service ? userdb->service : "")) && put(out_request, realm);
}

/* What saslauthd's mechanisms say when they could not ask whom they were to ask. */
static bool is_trouble(struct pf_bytes reason)
{
    static const char *const troubles[] = {"internal", "PAM start error", "[ALERT]", "lookup failure", "permission"};

    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++)
        if (memmem(reason.at, reason.len, troubles[i], strlen(troubles[i])))
            return true;
    return false;
}

enum pf_code pf_saslauthd_answer(struct pf_bytes answer, struct pf_err *err)
{
    char safe[PF_ERR_LOG / 2];
    struct pf_bytes word = pf_bytes_head(answer, 2), reason = pf_bytes_skip(answer, 3);

    pf_text_safe(safe, sizeof safe, answer);
    if (answer.len > 2 && answer.at[2] != ' ' && answer.at[2] != 0)
        word = PF_LIT("");
    if (pf_bytes_equal(word, PF_LIT("OK")))
        return PF_OK;
    if (!pf_bytes_equal(word, PF_LIT("NO")))
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": an answer that is none: `%s`", safe);
    if (reason.len && is_trouble(reason))
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": %s", safe);
    return pf_fail(err, PF_AUTH, 0, KIND, KIND ": %s", safe);
}

static enum pf_code lost(const char *doing, ssize_t got, struct pf_err *err)
{
    return pf_fail(err, PF_TEMP, got ? errno : 0, KIND, KIND ": %s: %s", doing,
                   got == 0           ? "it hung up"
                   : errno == ETIMEDOUT ? "no answer in time"
                                        : strerror(errno));
}

/* The length, and as many octets; what comes behind them is nobody's. */
static enum pf_code read_answer(int fd, pf_time deadline, struct pf_err *err)
{
    unsigned char answer[2 + PF_SASLAUTHD_ANSWER_MAX];
    size_t len = 0, wanted = 2;

    while (len < wanted) {
        ssize_t got = pf_socket_receive(fd, answer + len, wanted - len, deadline);

        if (got <= 0)
            return lost("answer", got, err);
        len += (size_t)got;
        if (len == 2) {
            wanted += (size_t)answer[0] << 8 | answer[1];
            if (wanted > sizeof answer || wanted == 2)
                return pf_fail(err, PF_TEMP, 0, KIND, KIND ": an answer of %zu octets", wanted - 2);
        }
    }
    return pf_saslauthd_answer(pf_bytes_from(answer + 2, len - 2), err);
}

static enum pf_code ask(const struct saslauthd *self, struct pf_bytes request, pf_time deadline, struct pf_err *err)
{
    int fd = pf_socket_connect(KIND, self->userdb->path, deadline, err);
    enum pf_code code;

    if (fd < 0)
        return PF_TEMP;
    code = pf_socket_send(fd, request, deadline) ? read_answer(fd, deadline, err) : lost("question", -1, err);
    close(fd);
    return code;
}

static enum pf_code verify(void *opened, const struct pf_auth_proof *proof, struct pf_auth_entry *entry,
                           struct pf_err *err)
{
    struct saslauthd *self = opened;
    unsigned char room[PF_SASLAUTHD_REQUEST_MAX];
    struct pf_span request = {room, 0, sizeof room};
    pf_time deadline = pf_sql_now() + self->userdb->timeout;
    struct pf_sql_slot *slot;
    enum pf_code code = PF_AUTH;

    (void)entry;
    if (pf_saslauthd_request(self->userdb, proof->name, proof->secret, &request)) {
        slot = pf_sql_slots_take(self->slots, deadline);
        if (slot) {
            code = ask(self, pf_span_bytes(&request), deadline, err);
            pf_sql_slots_give(self->slots, slot);
        } else {
            code = pf_fail(err, PF_TEMP, 0, KIND, KIND ": all %u connections were busy (userdb connections, timeout)",
                           self->slots->count);
        }
    } else {
        pf_fail(err, PF_AUTH, 0, KIND, KIND ": a name or password that it cannot be asked about");
    }
    pf_wipe(room, sizeof room);
    return code;
}

const struct pf_auth_source pf_auth_saslauthd_source = {
    .kind = KIND,
    .open = open_source,
    .close = close_source,
    .find = find,
    .verify = verify,
};
