#include "auth/auth_remote_private.h"

#include "base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    /* ms: a failure's delay may be set to five minutes; a database that hangs as long serves nobody. */
    ANSWER_WITHIN = 6 * 60 * 1000,
    OWED_AGAIN = 50, /* ms until ends are told anew that found the socket full */
    LOOK_AGAIN = 1000, /* ms between two looks whether an answer is overdue */
    LOGINS = 131072  /* rows of the LOGIN-DELAY table, 3 MiB that are touched as they fill */
};

static_assert((PF_AUTH_WIRE_TALKS & (PF_AUTH_WIRE_TALKS - 1)) == 0, "numbers name places by their low bits");

static struct pf_auth_remote *remote_of(struct pf_auth *door)
{
    return (struct pf_auth_remote *)door;
}

static const struct pf_auth_remote *seen(const struct pf_auth *door)
{
    return (const struct pf_auth_remote *)door;
}

/* Numbers */

uint64_t pf_auth_remote_number(struct pf_auth_remote *r)
{
    if (r->place_count == 0)
        return 0;
    return ++r->generation * PF_AUTH_WIRE_TALKS + r->places[--r->place_count];
}

void pf_auth_remote_number_free(struct pf_auth_remote *r, uint64_t number)
{
    assert(r->place_count < PF_AUTH_WIRE_TALKS);
    r->places[r->place_count++] = (uint16_t)(number & (PF_AUTH_WIRE_TALKS - 1));
}

static void all_numbers_are_free(struct pf_auth_remote *r)
{
    r->owed_count = r->place_count = 0;
    for (unsigned i = PF_AUTH_WIRE_TALKS; i > 0; i--)
        r->places[r->place_count++] = (uint16_t)(i - 1);
}

static void set_timer(struct pf_auth_remote *r)
{
    const struct pf_auth_remote_wait *first = TAILQ_FIRST(&r->waits);
    pf_time now = pf_loop_now(r->loop), at = first ? first->since + ANSWER_WITHIN : PF_NEVER;

    if (at < now + LOOK_AGAIN)
        at = now + LOOK_AGAIN;
    if (r->owed_count && now + OWED_AGAIN < at)
        at = now + OWED_AGAIN;
    pf_timer_set(r->timer, at);
}

static enum pf_code tell_end(struct pf_auth_remote *r, uint64_t number)
{
    unsigned char form[8];
    struct pf_span span = {form, 0, sizeof form};
    struct pf_ipc_frame frame = {.kind = PF_AUTH_WIRE_END};
    bool good = pf_auth_wire_put_end(&span, number);

    assert(good);
    frame.payload = pf_span_bytes(&span);
    return pf_ipc_notice(r->ipc, &frame);
}

void pf_auth_remote_end(struct pf_auth_remote *r, uint64_t number)
{
    enum pf_code code = r->ipc ? tell_end(r, number) : PF_TEMP;

    if (code == PF_OK) {
        pf_auth_remote_number_free(r, number);
    } else if (code != PF_TEMP) {
        r->owed[r->owed_count++] = number;
        set_timer(r);
    }
}

static void pay(struct pf_auth_remote *r)
{
    while (r->owed_count && r->ipc && tell_end(r, r->owed[r->owed_count - 1]) == PF_OK)
        pf_auth_remote_number_free(r, r->owed[--r->owed_count]);
}

static void fire(struct pf_timer *timer, void *self)
{
    struct pf_auth_remote *r = self;
    const struct pf_auth_remote_wait *first = TAILQ_FIRST(&r->waits);

    (void)timer;
    pay(r);
    if (first && pf_loop_now(r->loop) - first->since >= ANSWER_WITHIN)
        pf_ipc_drop(first->ask.ipc, "no answer in time");
    if (first || r->owed_count)
        set_timer(r);
}

/* Questions */

enum pf_code pf_auth_remote_ask(struct pf_auth_remote_wait *wait, uint16_t kind, size_t len, struct pf_err *err)
{
    struct pf_auth_remote *r = wait->remote;
    struct pf_ipc_frame frame = {.kind = kind, .payload = pf_bytes_from(r->buffer, len)};
    enum pf_code code = r->ipc ? pf_ipc_ask(r->ipc, &wait->ask, &frame) : PF_TEMP;
    bool first = TAILQ_EMPTY(&r->waits);

    pf_wipe(r->buffer, len);
    if (code == PF_BUSY)
        return pf_fail(err, PF_BUSY, 0, "auth", "too many questions wait for auth");
    if (code != PF_OK)
        return pf_fail(err, PF_TEMP, 0, "auth", "auth cannot be asked: %s",
                       code == PF_NO_MEMORY ? "no memory" : "it is not there");
    wait->since = pf_loop_now(r->loop);
    TAILQ_INSERT_TAIL(&r->waits, wait, link);
    if (first)
        set_timer(r);
    return PF_OK;
}

void pf_auth_remote_bad(struct pf_auth_remote_wait *wait, struct pf_err *err)
{
    pf_ipc_drop(wait->ask.ipc, "an answer that is none");
    pf_fail(err, PF_TEMP, 0, "auth", "auth said what it cannot say");
}

bool pf_auth_remote_answered(struct pf_auth_remote_wait *wait, uint16_t kind, struct pf_err *err)
{
    TAILQ_REMOVE(&wait->remote->waits, wait, link);
    if (wait->ask.why)
        pf_fail(err, PF_TEMP, 0, "auth", "no answer: %s", wait->ask.why);
    else if (wait->ask.answer->kind != kind)
        pf_auth_remote_bad(wait, err);
    else
        return true;
    return false;
}

/* It lies in the buffer of the frames, which is written over by the next one only. */
void pf_auth_remote_wipe(struct pf_auth_remote_wait *wait)
{
    struct pf_bytes payload = wait->ask.answer->payload;

    pf_wipe((void *)(uintptr_t)payload.at, payload.len);
}

void pf_auth_remote_abandon(struct pf_auth_remote_wait *wait)
{
    TAILQ_REMOVE(&wait->remote->waits, wait, link);
    pf_ipc_abandon(&wait->ask);
}

/* What is known without asking */

static uint64_t offer(const struct pf_auth *door, const struct pf_auth_link *link)
{
    return seen(door)->offer.masks[pf_auth_wire_offer_index(link)];
}

static bool binds(const struct pf_auth *door)
{
    return seen(door)->offer.binds;
}

static bool offers_apop(const struct pf_auth *door)
{
    return seen(door)->offer.apop;
}

/* NULL without memory: then nobody is locked out. */
static struct pf_recent_row *login_of(struct pf_auth_remote *r, const char *user)
{
    if (!r->logins)
        r->logins = pf_recent_new(LOGINS);
    if (!r->logins)
        return NULL;
    return pf_recent_take(r->logins, pf_recent_key(r->logins, 'l', pf_bytes_of(user), PF_LIT("")));
}

void pf_auth_remote_noted(struct pf_auth_remote *r, const char *user, pf_time at)
{
    struct pf_recent_row *row = at ? login_of(r, user) : NULL;

    if (row && row->at < at)
        row->at = at;
}

/* When the socket is full only this gate knows of the login: the delay is kept less strictly, and nobody waits. */
static void tell_noted(struct pf_auth_remote *r, const char *user)
{
    unsigned char form[PF_AUTH_NAME_MAX + 8];
    struct pf_span span = {form, 0, sizeof form};
    struct pf_ipc_frame frame = {.kind = PF_AUTH_WIRE_NOTED};

    if (!r->ipc || !pf_auth_wire_put_noted(&span, user))
        return;
    frame.payload = pf_span_bytes(&span);
    pf_ipc_notice(r->ipc, &frame);
}

static bool login_due(struct pf_auth *door, const char *user, unsigned delay, pf_time now)
{
    struct pf_auth_remote *r = remote_of(door);
    struct pf_recent_row *row = delay ? login_of(r, user) : NULL;

    if (!row)
        return true;
    if (row->at && now - row->at < (pf_time)delay * 1000)
        return false;
    row->at = now;
    tell_noted(r, user);
    return true;
}

static bool trouble(struct pf_auth *door, struct pf_err *out_err)
{
    struct pf_auth_remote *r = remote_of(door);

    if (r->trouble.code == PF_OK)
        return false;
    *out_err = r->trouble;
    r->trouble = (struct pf_err){0};
    return true;
}

/* Who hashes counts those who wait for it. */
static unsigned waiting(const struct pf_auth *door)
{
    (void)door;
    return 0;
}

static const struct pf_auth_kind kind = {pf_auth_remote_check, pf_auth_remote_leave, pf_auth_remote_forget,
                                         offer,                binds,                offers_apop,
                                         login_due,            trouble,              waiting};

/* Life */

static void noticed(void *self, struct pf_ipc_frame *frame)
{
    struct pf_auth_remote *r = self;

    if (frame->kind == PF_AUTH_WIRE_OFFER && pf_auth_wire_get_offer(frame->payload, &r->offer))
        r->told = true;
    else
        pf_ipc_drop(r->ipc, "a notice that is none");
}

static void leave(struct pf_auth_remote *r)
{
    pf_ipc_close(r->ipc);
    r->ipc = NULL;
    r->told = false;
    r->owed_count = 0; /* the next one knows of no login */
}

static void gone(void *self, const struct pf_err *why)
{
    struct pf_auth_remote *r = self;

    pf_fail(&r->trouble, PF_TEMP, why->sys, "auth", "auth is gone: %s", why->log);
    leave(r);
}

struct pf_auth_remote *pf_auth_remote_new(struct pf_loop *loop, struct pf_purse *purse, struct pf_err *err)
{
    struct pf_auth_remote *r = calloc(1, sizeof *r);

    if (r) {
        r->auth.kind = &kind;
        r->lookup.kind = &pf_auth_remote_lookup_kind;
        r->loop = loop;
        r->purse = purse;
        TAILQ_INIT(&r->waits);
        r->feeder = pf_auth_feeder_new(loop);
        r->timer = pf_timer_new(loop, fire, r);
    }
    if (r && r->feeder && r->timer)
        return r;
    pf_auth_remote_free(r);
    pf_fail(err, PF_NO_MEMORY, 0, "auth", "no memory for logins");
    return NULL;
}

enum pf_code pf_auth_remote_join(struct pf_auth_remote *r, int fd, struct pf_err *err)
{
    static const struct pf_ipc_calls calls = {.notice = noticed, .gone = gone};
    const struct pf_ipc_settings settings = {.calls = &calls, .self = r, .any_uid = true};
    struct pf_err why = {0};
    struct pf_ipc *ipc = pf_ipc_new(r->loop, fd, &settings, &why);

    if (!ipc)
        return pf_fail(err, why.code, why.sys, why.where, "%s", why.log);
    if (r->ipc)
        leave(r);
    r->ipc = ipc;
    r->joined++;
    all_numbers_are_free(r);
    return PF_OK;
}

bool pf_auth_remote_ready(const struct pf_auth_remote *r)
{
    return r->told;
}

struct pf_auth *pf_auth_remote_auth(struct pf_auth_remote *r)
{
    return &r->auth;
}

struct pf_lookup *pf_auth_remote_lookup(struct pf_auth_remote *r)
{
    return &r->lookup;
}

void pf_auth_remote_free(struct pf_auth_remote *r)
{
    if (!r)
        return;
    assert(TAILQ_EMPTY(&r->waits));
    if (r->ipc)
        pf_ipc_close(r->ipc);
    pf_auth_feeder_free(r->feeder);
    pf_timer_free(r->timer);
    pf_recent_free(r->logins);
    free(r);
}
