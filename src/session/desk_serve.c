#include "session/desk_serve.h"

#include "session/desk_wire.h"

#include <stdlib.h>
#include <unistd.h>

struct pf_desk_serve {
    struct pf_desk_serve_parts parts;
    struct pf_ipc *ipc; /* NULL: the desk is gone */
    unsigned char room[PF_DESK_PAYLOAD_MAX]; /* of the answer that is being made */
};

static void look(struct pf_desk_serve *s)
{
    if (s->parts.people)
        s->parts.people->look(s->parts.people_self, s->parts.stats);
    if (s->parts.look)
        s->parts.look(s->parts.self, s->parts.stats);
}

static bool put_session(void *to, const struct pf_ctl_session *session)
{
    struct pf_span *out = to;

    /* The first octet says whether there are more than fit. */
    out->at[0] = !pf_desk_put_session(out, session);
    return !out->at[0];
}

static bool make_sessions(struct pf_desk_serve *s, struct pf_bytes payload, struct pf_span *out)
{
    uint64_t before;

    if (!s->parts.people || !pf_desk_get_before(payload, &before))
        return false;
    out->at[out->len++] = 0;
    s->parts.people->walk(s->parts.people_self, before, put_session, out);
    return true;
}

static bool make_kick(struct pf_desk_serve *s, struct pf_bytes payload, struct pf_span *out)
{
    struct pf_ctl_who who;

    if (!s->parts.people || !pf_desk_get_who(payload, &who))
        return false;
    pf_desk_put_count(out, s->parts.people->kick(s->parts.people_self, &who));
    return true;
}

static bool make_stats(struct pf_desk_serve *s, struct pf_bytes payload, struct pf_span *out)
{
    if (payload.len)
        return false;
    look(s);
    return pf_stats_pack(s->parts.stats, s->parts.role, out);
}

static void request(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    struct pf_desk_serve *s = self;
    struct pf_span out = {s->room, 0, sizeof s->room};
    struct pf_ipc_frame answer = {.kind = frame->kind};
    bool good = false;

    switch (frame->kind) {
    case PF_DESK_SESSIONS:
        good = make_sessions(s, frame->payload, &out);
        break;
    case PF_DESK_KICK:
        good = make_kick(s, frame->payload, &out);
        break;
    case PF_DESK_STATS:
        good = make_stats(s, frame->payload, &out);
        break;
    }
    if (!good) {
        pf_ipc_drop(s->ipc, "not a question of the desk");
        return;
    }
    answer.payload = pf_span_bytes(&out);
    pf_ipc_answer(s->ipc, id, &answer);
}

static void gone(void *self, const struct pf_err *err)
{
    struct pf_desk_serve *s = self;

    pf_ipc_close(s->ipc);
    s->ipc = NULL;
    if (s->parts.gone)
        s->parts.gone(s->parts.self, err);
}

struct pf_desk_serve *pf_desk_serve_new(const struct pf_desk_serve_parts *parts, int fd, struct pf_err *err)
{
    static const struct pf_ipc_calls calls = {.request = request, .gone = gone};
    struct pf_ipc_settings settings = {.calls = &calls, .any_uid = true}; /* the keeper gave us the descriptor */
    struct pf_desk_serve *s = calloc(1, sizeof *s);

    if (!s) {
        close(fd);
        pf_fail(err, PF_NO_MEMORY, 0, "desk", "no memory");
        return NULL;
    }
    s->parts = *parts;
    settings.self = s;
    s->ipc = pf_ipc_new(parts->loop, fd, &settings, err);
    if (s->ipc)
        return s;
    free(s);
    return NULL;
}

/* Where it cannot be sent, the desk keeps what it was told last. */
void pf_desk_serve_bye(struct pf_desk_serve *s)
{
    struct pf_span out = {s->room, 0, sizeof s->room};
    struct pf_ipc_frame frame = {.kind = PF_DESK_BYE};

    if (!s->ipc || !make_stats(s, (struct pf_bytes){0}, &out))
        return;
    frame.payload = pf_span_bytes(&out);
    pf_ipc_notice(s->ipc, &frame);
}

void pf_desk_serve_free(struct pf_desk_serve *s)
{
    if (s && s->ipc)
        pf_ipc_close(s->ipc);
    free(s);
}
