/* A line on the terminal for each account under way, drawn anew at most ten times a second. What is said
 * for good (sums, errors) takes the place of the bars, and they are drawn below it. */
#include "tool/fetch.h"

#include "tool/speech.h"

#include <sys/ioctl.h>
#include <unistd.h>

enum { REDRAW = 100 /* ms */, COLUMNS = 80, ROWS = 24 };

static void size_of_screen(size_t *columns, size_t *rows)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;

    *columns = known && size.ws_col ? size.ws_col : COLUMNS;
    *rows = known && size.ws_row ? size.ws_row : ROWS;
}

static const char *doing(const struct pf_fetch_run *run)
{
    if (run->fetch->stops)
        return pf_say("ending; what came is kept (once more: at once)",
                      "beende; was da ist, bleibt (noch einmal: sofort)");
    switch (run->phase) {
    case PF_FETCH_CALLS:
        return pf_say("connecting …", "verbinde …");
    case PF_FETCH_LISTS:
        return pf_say("looking …", "sehe nach …");
    case PF_FETCH_ENDS:
        return run->progress.of_messages ? NULL : pf_say("ending …", "beende …");
    case PF_FETCH_RESTS:
    case PF_FETCH_QUEUED:
    case PF_FETCH_COMES:
        break;
    }
    return NULL;
}

static void erase(struct pf_fetch *f)
{
    if (f->drawn)
        printf("\r\x1b[%uA\x1b[J", f->drawn);
    f->drawn = 0;
}

static void draw(struct pf_fetch *f)
{
    pf_time now = pf_loop_now(f->client.loop);
    char line[PF_FETCH_LINE];
    size_t columns, rows;

    size_of_screen(&columns, &rows);
    for (struct pf_fetch_run *run = f->runs; run; run = run->next) {
        if (run->phase == PF_FETCH_RESTS || run->phase == PF_FETCH_QUEUED)
            continue;
        pf_fetch_progress_look(&run->progress, now);
        if (f->drawn + 1 >= rows)
            continue;
        pf_fetch_bar(run->name, &run->progress, doing(run), columns - 1, line);
        puts(line);
        f->drawn++;
    }
}

/* One write for all of it, so that nobody sees a screen half drawn. */
static void redraw(struct pf_fetch *f)
{
    erase(f);
    draw(f);
    fflush(stdout);
}

static void fired(struct pf_timer *timer, void *self)
{
    struct pf_fetch *f = self;

    redraw(f);
    if (f->running)
        pf_timer_set(timer, pf_loop_now(f->client.loop) + REDRAW);
}

static void begin(struct pf_fetch_run *run)
{
    static char room[65536]; /* a whole screen */
    struct pf_fetch *f = run->fetch;

    if (f->redraw)
        return;
    setvbuf(stdout, room, _IOFBF, sizeof room);
    f->redraw = pf_timer_new(f->client.loop, fired, f);
    if (f->redraw)
        pf_timer_set(f->redraw, pf_loop_now(f->client.loop) + REDRAW);
}

static void event(struct pf_fetch_run *run, const struct pf_collect_event *e)
{
    struct pf_fetch *f = run->fetch;

    if (e->kind != PF_COLLECT_NOTICE && !(e->kind == PF_COLLECT_LEFT && e->err.code != PF_OK))
        return;
    erase(f);
    fflush(stdout);
    pf_fetch_say_notice(run, e);
}

static void end(struct pf_fetch_run *run)
{
    struct pf_fetch *f = run->fetch;

    erase(f);
    fflush(stdout);
    pf_fetch_say_more(run);
    if (run->err.code == PF_OK || pf_fetch_is_news(run))
        pf_fetch_say_sums(run, stdout);
    fflush(stdout);
    if (run->err.code != PF_OK && !(f->stops && run->err.code == PF_CANCELLED))
        pf_fetch_say_error(run);
    draw(f);
    fflush(stdout);
    if (f->redraw && f->running)
        pf_timer_set(f->redraw, pf_loop_now(f->client.loop) + REDRAW);
}

static void finish(struct pf_fetch *f)
{
    erase(f);
    fflush(stdout);
    pf_timer_free(f->redraw);
    f->redraw = NULL;
}

const struct pf_fetch_show pf_fetch_show_bars = {begin, event, end, finish};
