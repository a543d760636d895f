#include "tool/explore_live.h"

#include "sys/explain.h"
#include "tool/explore_parts.h"
#include "tool/speech.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    NOTE_TIME = 8 * 1000, /* ms that a note stands */
    FRAME_TIME =
        30, /* ms between two frames: what comes from the server may come thousand times a second */
    SORT_TIME = 300,        /* ms between two orders while heads are coming */
    EMPTY_READS_MOST = 100, /* a terminal that is readable and says nothing is gone */
    TICK = 1000
};

void pf_explore_changed(struct pf_explore_live *l)
{
    pf_time now = pf_loop_now(l->client->loop);

    if (l->screen)
        pf_timer_set(l->draw_timer, l->drawn + FRAME_TIME > now ? l->drawn + FRAME_TIME : now);
}

void pf_explore_note(struct pf_explore_live *l, const char *format, ...)
{
    char text[PF_EXPLORE_WORDS * 2], *safe;
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    safe = pf_explore_clean(pf_bytes_of(text), PF_EXPLORE_LINE, sizeof l->view.note - 1);
    snprintf(l->view.note, sizeof l->view.note, "%s", safe ? safe : "");
    free(safe);
    l->note_until = pf_loop_now(l->client->loop) + NOTE_TIME;
    pf_explore_changed(l);
}

void pf_explore_complain(struct pf_explore_live *l, const char *what, const struct pf_err *err)
{
    char text[PF_EXPLAIN_MAX];

    pf_explore_note(l, "%s: %s", what, pf_explain(err, text, sizeof text));
}

void pf_explore_stop(struct pf_explore_live *l)
{
    l->over = true;
    pf_loop_stop(l->client->loop);
}

/* What goes on, for the right end of a line. True: it changes with time alone. */
static bool tell_state(struct pf_explore_live *l)
{
    const struct pf_explore_list *list = &l->view.list;
    char *out = l->view.state, got[8], all[8];
    pf_time now = pf_loop_now(l->client->loop), at = pf_explore_link_call_time(l->link);
    size_t cap = sizeof l->view.state;

    out[0] = 0;
    if (l->leaving == PF_EXPLORE_DELETES && !at) {
        snprintf(out, cap, pf_say("deleting: %zu of %zu", "löscht: %zu von %zu"), l->deletes,
                 list->marked);
    } else if (at) {
        snprintf(out, cap, pf_say("calls again in %lld s", "ruft wieder an in %lld s"),
                 (long long)(at > now ? (at - now + 999) / 1000 : 0));
        return true;
    } else if (!pf_explore_link_is_calling(l->link)) {
        snprintf(out, cap, "%s",
                 pf_say("no connection: R calls again", "keine Verbindung: R ruft wieder an"));
    } else if (!pf_explore_link_is_up(l->link)) {
        snprintf(out, cap, pf_say("listing: %zu", "Liste: %zu"), l->incoming.count);
    } else if (l->reading.comes) {
        pf_explore_size(l->reading.got, got);
        pf_explore_size(l->reading.octets, all);
        snprintf(out, cap, pf_say("reading %s of %s", "liest %s von %s"), got, all);
    } else if (list->heads < list->count && !l->no_top) {
        snprintf(out, cap, pf_say("heads: %zu of %zu", "Köpfe: %zu von %zu"), list->heads, list->count);
    }
    return false;
}

static void draw(struct pf_timer *timer, void *self)
{
    struct pf_explore_live *l = self;
    pf_time now = pf_loop_now(l->client->loop), next = PF_NEVER;

    (void)timer;
    if (!l->screen || l->over)
        return;
    if (l->note_until && now >= l->note_until)
        l->view.note[0] = 0, l->note_until = 0;
    if (l->note_until)
        next = l->note_until;
    if (l->sorts_soon && now >= l->sorted + SORT_TIME) {
        pf_explore_list_order(&l->view.list);
        l->sorts_soon = false;
        l->sorted = now;
    } else if (l->sorts_soon && l->sorted + SORT_TIME < next) {
        next = l->sorted + SORT_TIME;
    }
    if (tell_state(l) && now + TICK < next)
        next = now + TICK;
    l->view.letter = l->page == PF_EXPLORE_LETTER_PAGE;
    l->view.deletes = l->leaving == PF_EXPLORE_DELETES;
    pf_explore_screen_size(&l->frame);
    pf_explore_view_draw(&l->view, &l->frame);
    pf_explore_screen_draw(&l->frame);
    l->drawn = pf_loop_now_fresh(l->client->loop);
    pf_timer_set(l->draw_timer, next);
    pf_explore_link_poke(
        l->link); /* other rows may be on the screen, and their heads are wanted first */
}

/* The keyboard: a thread waits for it, the loop reads it. */

static struct pf_explore_live *of_key_job(struct pf_job *job)
{
    return (struct pf_explore_live *)((char *)job - offsetof(struct pf_explore_live, key_job));
}

static void wait_for_keys(struct pf_job *job)
{
    struct pf_explore_live *l = of_key_job(job);
    struct pollfd waits[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = l->wake, .events = POLLIN}};

    while (poll(waits, 2, -1) < 0 && errno == EINTR)
        continue;
    l->hung_up = waits[0].revents & (POLLHUP | POLLERR | POLLNVAL);
}

static void read_keys(struct pf_job *job)
{
    struct pf_explore_live *l = of_key_job(job);
    enum pf_explore_key key;
    char character[8] = "";
    bool any = false;

    if (l->over)
        return;
    while (!l->over && (key = pf_explore_screen_key(character)) != PF_EXPLORE_KEY_NONE) {
        any = true;
        pf_explore_key(l, key, character);
    }
    l->empty_reads = any ? 0 : l->empty_reads + 1;
    if (l->hung_up || l->empty_reads > EMPTY_READS_MOST)
        pf_explore_leave(l, PF_EXPLORE_LEAVES);
    else if (!l->over)
        pf_pool_submit(l->keyboard, &l->key_job);
}

static void on_signal(void *self, int number)
{
    struct pf_explore_live *l = self;

    if (number != SIGWINCH && number != SIGCONT) { /* a second one does not wait for a farewell */
        if (l->leaving != PF_EXPLORE_STAYS)
            pf_explore_stop(l);
        pf_explore_leave(l, PF_EXPLORE_LEAVES);
        return;
    }
    pf_explore_screen_resize();
    pf_explore_changed(l);
}

static void on_end(struct pf_timer *timer, void *self)
{
    (void)timer;
    pf_explore_stop(self);
}

/* Life */

static bool set_up(struct pf_explore_live *l, const struct pf_explore_settings *s, struct pf_err *err)
{
    struct pf_loop *loop = s->client->loop;

    l->client = s->client;
    l->account = s->account;
    l->view.list.sort = s->sort;
    l->reading.fd = -1;
    l->key_job = (struct pf_job){.work = wait_for_keys, .done = read_keys};
    l->wake = eventfd(0, EFD_CLOEXEC);
    l->draw_timer = pf_timer_new(loop, draw, l);
    l->end_timer = pf_timer_new(loop, on_end, l);
    l->keyboard = pf_pool_new(loop, "keys", 1, 1, err);
    l->link = pf_explore_link_new(s->client, s->account, s->keep_alive, &pf_explore_serving, l);
    if (l->wake >= 0 && l->draw_timer && l->end_timer && l->keyboard && l->link)
        return true;
    pf_fail(err, PF_NO_MEMORY, 0, "explore", "there is no memory or no descriptor left");
    return false;
}

static void tear_down(struct pf_explore_live *l)
{
    l->over = true;
    if (l->wake >= 0)
        eventfd_write(l->wake, 1);
    pf_explore_link_free(l->link);
    pf_pool_free(l->keyboard);
    pf_timer_free(l->draw_timer);
    pf_timer_free(l->end_timer);
    for (size_t i = 0; i < sizeof l->signals / sizeof l->signals[0]; i++)
        pf_signal_free(l->signals[i]);
    if (l->wake >= 0)
        close(l->wake);
    pf_explore_reading_drop(l);
    for (size_t i = 0; i < PF_EXPLORE_TALK; i++)
        free(l->talk[i]);
    free(l->talk_page);
    free(l->preview);
    pf_explore_list_done(&l->incoming);
    pf_explore_view_done(&l->view);
    pf_explore_frame_done(&l->frame);
}

static bool no_terminal(struct pf_err *err)
{
    pf_fail(err, PF_CONFIG, 0, "explore", "this takes a terminal; `postfach ls` does not");
    return false;
}

/* Until the server knows us: without a screen, so that what goes wrong is told as by any command. */
static bool come_in(struct pf_explore_live *l, struct pf_err *err)
{
    if (!pf_explore_screen_can())
        return no_terminal(err);
    if (pf_client_ask(l->client, l->account, err) != PF_OK)
        return false;
    pf_explore_link_call_in(l->link, 0);
    pf_loop_run(l->client->loop);
    if (l->over && l->why.code == PF_OK)
        pf_fail(&l->why, PF_TEMP, 0, "explore", "the server ended the session");
    *err = l->why;
    return !l->over;
}

static bool show(struct pf_explore_live *l, struct pf_err *err)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT};

    if (!pf_explore_screen_begin())
        return no_terminal(err);
    l->screen = true;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        l->signals[i] = pf_signal_new(l->client->loop, numbers[i], on_signal, l, err);
    pf_pool_submit(l->keyboard, &l->key_job);
    pf_explore_changed(l);
    pf_loop_run(l->client->loop);
    pf_explore_screen_end();
    l->screen = false;
    return true;
}

int pf_explore_live(const struct pf_explore_settings *settings)
{
    struct pf_explore_live *l = calloc(1, sizeof *l);
    struct pf_err err = {.code = PF_NO_MEMORY, .log = "no memory"};
    int status;

    if (!l)
        return pf_client_complain("explore", settings->account->name, &err);
    pf_explore_mime_begin();
    if (set_up(l, settings, &err) && come_in(l, &err) && show(l, &err))
        status = pf_explore_leave_tell(l);
    else
        status = pf_client_complain("explore", settings->account->name, &err);
    tear_down(l);
    free(l);
    return status;
}
