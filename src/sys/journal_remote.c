#include "sys/journal_remote.h"

#include <stdlib.h>
#include <time.h>

enum { AGAIN = 100 /* ms until a socket that was full is tried again */ };

struct pf_journal_remote {
    struct pf_journal_sink sink;
    struct pf_loop *loop;
    struct pf_ipc *ipc; /* or NULL */
    struct pf_journal_remote_settings set;
    struct pf_journal_tray tray;
    struct pf_later later;
    struct pf_timer *timer;
    bool waiting, dying;
};

static int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void tell_lost(struct pf_journal_remote *r)
{
    struct pf_journal_record record = {.event = PF_JOURNAL_lost, .at = r->set.now()};
    unsigned char room[PF_JOURNAL_LINE_MAX];
    struct pf_span span = {room, 0, sizeof room};

    if (r->tray.lost == 0)
        return;
    record.number[PF_JOURNAL_PROCESS] = r->sink.process;
    record.number[PF_JOURNAL_COUNT] = r->tray.lost;
    r->tray.lost = 0;
    if (pf_journal_write(&span, &record))
        pf_journal_tray_put(&r->tray, pf_span_bytes(&span));
}

/* The whole lines that one frame takes. */
static size_t piece(const struct pf_journal_tray *tray)
{
    size_t n = tray->len;
    const unsigned char *end;

    if (n <= PF_IPC_PAYLOAD_MAX)
        return n;
    end = memrchr(tray->at, '\n', PF_IPC_PAYLOAD_MAX); /* a line is shorter than a frame */
    return end ? (size_t)(end + 1 - tray->at) : n;
}

static void send_all(struct pf_journal_remote *r)
{
    enum pf_code code = PF_OK;

    while (r->ipc && r->tray.len && code == PF_OK) {
        struct pf_ipc_frame frame = {.kind = r->set.kind};
        size_t n = piece(&r->tray);

        frame.payload = pf_bytes_from(r->tray.at, n);
        code = pf_ipc_notice(r->ipc, &frame);
        if (code == PF_OK)
            pf_journal_tray_took(&r->tray, n);
        if (code == PF_OK && r->tray.len == 0)
            tell_lost(r);
    }
    if (code == PF_OK || r->dying)
        return;
    r->waiting = true;
    pf_timer_set(r->timer, pf_loop_now(r->loop) + AGAIN);
}

static void end(struct pf_journal_remote *r)
{
    if (r->later.queued)
        return;
    pf_journal_tray_done(&r->tray);
    free(r);
}

static void flush(struct pf_later *later)
{
    struct pf_journal_remote *r =
        (struct pf_journal_remote *)(void *)((char *)later - offsetof(struct pf_journal_remote, later));

    if (r->dying)
        end(r);
    else if (!r->waiting)
        send_all(r);
}

static void soon(struct pf_journal_remote *r)
{
    if (!r->later.queued && !r->waiting && r->ipc && r->tray.len)
        pf_loop_later(r->loop, &r->later);
}

static void again(struct pf_timer *timer, void *self)
{
    struct pf_journal_remote *r = self;

    (void)timer;
    r->waiting = false;
    soon(r);
}

static void put(struct pf_journal_sink *sink, struct pf_bytes line)
{
    struct pf_journal_remote *r = (struct pf_journal_remote *)(void *)sink;

    if (r->dying)
        return;
    pf_journal_tray_put(&r->tray, line);
    soon(r);
}

struct pf_journal_remote *pf_journal_remote_new(struct pf_loop *loop, const struct pf_journal_remote_settings *s,
                                                struct pf_err *err)
{
    struct pf_journal_remote *r = calloc(1, sizeof *r);

    if (r)
        r->timer = pf_timer_new(loop, again, r);
    if (!r || !r->timer) {
        free(r);
        pf_fail(err, PF_NO_MEMORY, 0, "journal", "no memory");
        return NULL;
    }
    r->loop = loop;
    r->set = *s;
    if (!s->now)
        r->set.now = clock_ms;
    r->sink = (struct pf_journal_sink){put, s->process};
    r->tray.most = s->memory;
    r->later.run = flush;
    return r;
}

void pf_journal_remote_to(struct pf_journal_remote *r, struct pf_ipc *ipc)
{
    r->ipc = ipc;
    soon(r);
}

struct pf_journal_sink *pf_journal_remote_sink(struct pf_journal_remote *r)
{
    return &r->sink;
}

void pf_journal_remote_free(struct pf_journal_remote *r)
{
    if (!r)
        return;
    r->dying = true;
    send_all(r);
    pf_timer_free(r->timer);
    r->timer = NULL;
    end(r);
}
