#include "sys/journal_file.h"

#include "sys/journal_day.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { AGAIN = 1000 /* ms until a write that failed is tried again */ };

struct pf_journal_file {
    struct pf_journal_sink sink;
    struct pf_loop *loop;
    struct pf_pool *pool;
    struct pf_journal_file_settings set;
    char folder[PATH_MAX]; /* as the settings have it; "": off */
    struct pf_journal_tray coming;
    struct pf_later later;
    struct pf_timer *timer;
    bool waiting; /* for the timer */
    bool told;    /* of the present run of failures */
    bool dying;

    struct pf_job job; /* what follows is the thread's while the job is busy */
    struct pf_journal_tray going;
    struct pf_journal_day day;
    char day_folder[PATH_MAX];
    bool reopen;
    int64_t now;
    size_t taken;
    struct pf_err err;
};

static int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void tell(struct pf_journal_file *f, const struct pf_err *err)
{
    if (!f->told && f->set.trouble && !f->dying)
        f->set.trouble(f->set.self, err);
    f->told = true;
}

static void write_out(struct pf_journal_file *f)
{
    if (f->reopen)
        pf_journal_day_close(&f->day);
    f->reopen = false;
    f->err.code = PF_OK;
    pf_journal_day_write(&f->day, pf_bytes_from(f->going.at, f->going.len), f->now / 1000, &f->taken, &f->err);
}

static void work(struct pf_job *job)
{
    write_out((struct pf_journal_file *)(void *)((char *)job - offsetof(struct pf_journal_file, job)));
}

/* How many are missing stands where they are missing. */
static void tell_lost(struct pf_journal_file *f)
{
    struct pf_journal_record r = {.event = PF_JOURNAL_lost, .at = f->now};
    unsigned char room[PF_JOURNAL_LINE_MAX];
    struct pf_span span = {room, 0, sizeof room};

    if (f->going.lost == 0)
        return;
    r.number[PF_JOURNAL_PROCESS] = f->sink.process;
    r.number[PF_JOURNAL_COUNT] = f->going.lost;
    if (pf_journal_write(&span, &r))
        pf_journal_tray_put(&f->going, pf_span_bytes(&span));
    f->going.lost = 0;
}

/* False when there is nothing to write. */
static bool load(struct pf_journal_file *f)
{
    f->now = f->set.now();
    if (f->going.len == 0) {
        struct pf_journal_tray empty = f->going;

        f->going = f->coming;
        f->coming = empty;
        f->coming.most = f->set.memory;
        tell_lost(f);
    }
    if (strcmp(f->folder, f->day_folder) != 0) {
        snprintf(f->day_folder, sizeof f->day_folder, "%s", f->folder);
        f->reopen = true;
    }
    f->day.keep_days = f->set.keep_days;
    if (!f->folder[0])
        f->going.len = f->going.lost = 0;
    return f->going.len > 0;
}

static void end(struct pf_journal_file *f)
{
    if (f->job.busy || f->later.queued)
        return;
    while (load(f)) { /* what waited, and perhaps a second batch that came meanwhile */
        write_out(f);
        pf_journal_tray_took(&f->going, f->taken);
        if (f->err.code != PF_OK)
            break;
    }
    pf_journal_day_close(&f->day);
    pf_journal_tray_done(&f->coming);
    pf_journal_tray_done(&f->going);
    free(f);
}

static void wait_a_while(struct pf_journal_file *f)
{
    f->waiting = true;
    pf_timer_set(f->timer, pf_loop_now(f->loop) + AGAIN);
}

static void flush(struct pf_later *later)
{
    struct pf_journal_file *f =
        (struct pf_journal_file *)(void *)((char *)later - offsetof(struct pf_journal_file, later));

    if (f->dying)
        end(f);
    else if (!f->job.busy && !f->waiting && load(f) && !pf_pool_submit(f->pool, &f->job))
        wait_a_while(f);
}

static void soon(struct pf_journal_file *f)
{
    if (!f->later.queued && !f->job.busy && !f->waiting)
        pf_loop_later(f->loop, &f->later);
}

static void done(struct pf_job *job)
{
    struct pf_journal_file *f =
        (struct pf_journal_file *)(void *)((char *)job - offsetof(struct pf_journal_file, job));

    pf_journal_tray_took(&f->going, f->taken);
    if (f->dying) {
        end(f);
        return;
    }
    if (f->err.code != PF_OK) {
        tell(f, &f->err);
        wait_a_while(f);
        return;
    }
    f->told = f->told && f->coming.lost;
    if (f->going.len || f->coming.len)
        soon(f);
}

static void again(struct pf_timer *timer, void *self)
{
    struct pf_journal_file *f = self;

    (void)timer;
    f->waiting = false;
    soon(f);
}

static void put(struct pf_journal_sink *sink, struct pf_bytes line)
{
    struct pf_journal_file *f = (struct pf_journal_file *)(void *)sink;
    struct pf_err err;

    if (!f->folder[0] || f->dying)
        return;
    pf_journal_tray_put(&f->coming, line);
    if (f->coming.lost && !f->told) {
        pf_fail(&err, PF_BUSY, 0, "journal", "records are lost: %s takes too long to write", f->folder);
        tell(f, &err);
    }
    soon(f);
}

void pf_journal_file_settings(struct pf_journal_file *f, const struct pf_journal_file_settings *s)
{
    f->set = *s;
    f->set.folder = NULL; /* it is in f->folder */
    if (!f->set.now)
        f->set.now = clock_ms;
    f->coming.most = s->memory;
    snprintf(f->folder, sizeof f->folder, "%s", s->folder ? s->folder : "");
    f->sink.process = s->process;
}

struct pf_journal_file *pf_journal_file_new(struct pf_loop *loop, struct pf_pool *pool,
                                            const struct pf_journal_file_settings *s, struct pf_err *err)
{
    struct pf_journal_file *f = calloc(1, sizeof *f);

    if (f)
        f->timer = pf_timer_new(loop, again, f);
    if (!f || !f->timer) {
        free(f);
        pf_fail(err, PF_NO_MEMORY, 0, "journal", "no memory");
        return NULL;
    }
    f->loop = loop;
    f->pool = pool;
    f->sink.put = put;
    f->later.run = flush;
    f->job = (struct pf_job){.work = work, .done = done};
    f->day = (struct pf_journal_day){.folder = f->day_folder, .fd = -1};
    f->going.most = s->memory;
    pf_journal_file_settings(f, s);
    return f;
}

struct pf_journal_sink *pf_journal_file_sink(struct pf_journal_file *f)
{
    return &f->sink;
}

void pf_journal_file_free(struct pf_journal_file *f)
{
    if (!f)
        return;
    f->dying = true;
    pf_timer_free(f->timer);
    f->timer = NULL;
    end(f);
}
