#include "tool/explore_parts.h"

#include "tool/speech.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    HEADLESS_MOST = 8, /* refusals of TOP, one after the other, until it is left alone */
    WAIT_FIRST = 1000, /* ms until the second call; then twice as long each time */
    WAIT_MOST = 60 * 1000,
    LIVED =
        10 * 1000 /* ms: a server that hangs up sooner, again and again, is called less and less often */
};

void pf_explore_look(struct pf_explore_live *l)
{
    const struct pf_explore_row *row = pf_explore_list_at(&l->view.list);

    if (!l->view.preview || !row || row->number == l->preview_number)
        return;
    l->preview_number = row->number;
    l->wants_preview = true;
    pf_explore_pane_set(&l->view.below, NULL);
}

static void on_ready(void *self)
{
    struct pf_explore_live *l = self;

    snprintf(l->view.server, sizeof l->view.server, "%s", pf_explore_link_server(l->link));
    snprintf(l->view.who, sizeof l->view.who, "%s", pf_explore_link_who(l->link));
    pf_explore_list_done(&l->incoming);
    l->let_in = true;
    if (!l->screen)
        pf_loop_stop(l->client->loop); /* now there is something to be shown */
    pf_explore_changed(l);
}

static void on_row(void *self, uint64_t number, uint64_t octets)
{
    struct pf_explore_live *l = self;

    pf_explore_list_add(&l->incoming, number, octets);
}

static void on_uid(void *self, uint64_t number, struct pf_bytes uid)
{
    struct pf_explore_live *l = self;

    pf_explore_list_uid(&l->incoming, number, uid);
}

/* The letter and the preview are known by another number now, or not there any more. */
static void renumber(struct pf_explore_live *l)
{
    const struct pf_explore_list *list = &l->view.list;
    struct pf_explore_reading *r = &l->reading;

    r->number = 0;
    for (size_t i = 0; r->uid && i < list->count; i++)
        if (list->rows[i].uid && strcmp(list->rows[i].uid, r->uid) == 0)
            r->number = list->rows[i].number;
    l->preview_number = 0;
    pf_explore_look(l);
}

static void on_listed(void *self)
{
    struct pf_explore_live *l = self;
    size_t lost = pf_explore_list_inherit(&l->incoming, &l->view.list);

    l->view.list = l->incoming;
    l->incoming = (struct pf_explore_list){0};
    l->listed = pf_loop_now(l->client->loop);
    l->delete_at = l->delete_asked = l->deletes = l->refused = 0;
    renumber(l);
    if (lost)
        l->leaving = PF_EXPLORE_STAYS; /* what was said yes to is not what would be deleted */
    if (lost)
        pf_explore_note(
            l,
            pf_say(
                "marks lost: %zu, of messages that are gone or cannot be told from others",
                "Vormerkungen verloren: %zu, von Nachrichten, die weg oder nicht zu unterscheiden sind"),
            lost);
    pf_explore_changed(l);
}

static bool wish(struct pf_explore_wish *out, enum pf_explore_wish_kind kind, uint64_t number,
                 uint64_t octets)
{
    *out = (struct pf_explore_wish){kind, number, octets};
    return true;
}

static bool on_next(void *self, struct pf_explore_wish *out)
{
    struct pf_explore_live *l = self;
    struct pf_explore_row *row;

    if (l->leaving != PF_EXPLORE_STAYS)
        return pf_explore_leave_next(l, out);
    if (l->reading.wanted && !l->reading.number) {
        pf_explore_reading_drop(l);
        pf_explore_note(
            l, "%s", pf_say("there is no such message any more", "diese Nachricht ist nicht mehr da"));
    }
    if (l->reading.wanted) {
        l->reading.wanted = false;
        l->reading.comes = true;
        return wish(out, PF_EXPLORE_WISH_LETTER, l->reading.number, l->reading.octets);
    }
    if (l->wants_preview && !l->preview_comes) {
        l->wants_preview = false;
        l->preview_comes = true;
        return wish(out, PF_EXPLORE_WISH_PREVIEW, l->preview_number, 0);
    }
    row = l->no_top ? NULL
                    : pf_explore_list_next(&l->view.list, l->view.first,
                                           pf_explore_view_height(&l->view, l->frame.rows));
    if (!row)
        return false;
    row->head = PF_EXPLORE_HEAD_ASKED;
    return wish(out, PF_EXPLORE_WISH_HEAD, row->number, 0);
}

static void on_piece(void *self, const struct pf_explore_wish *w, struct pf_bytes piece)
{
    (void)w;
    pf_explore_letter_piece(self, piece);
}

static void end_head(struct pf_explore_live *l, const struct pf_explore_wish *w, enum pf_end end,
                     struct pf_bytes text)
{
    struct pf_explore_list *list = &l->view.list;
    struct pf_explore_row *row = pf_explore_list_find(list, w->number);
    struct pf_explore_mime_head head;

    if (end == PF_END_WHOLE) {
        pf_explore_mime_head(text, &head);
        pf_explore_list_head(list, w->number, head.from, head.subject, head.date);
        free(head.from);
        free(head.subject);
        l->headless = 0;
        l->sorts_soon |=
            list->filter[0] || (list->sort != PF_EXPLORE_BY_NUMBER && list->sort != PF_EXPLORE_BY_SIZE);
    } else if (end == PF_END_REFUSED) {
        pf_explore_list_headless(list, w->number);
        if (++l->headless >= HEADLESS_MOST && !l->no_top) {
            l->no_top = true;
            pf_explore_note(
                l, "%s",
                pf_say("the server has no TOP: From and Subject stay unknown until a mail is read",
                       "der Server kennt kein TOP: Von und Betreff bleiben ungelesen unbekannt"));
        }
    } else if (row && row->head == PF_EXPLORE_HEAD_ASKED) {
        row->head = PF_EXPLORE_NO_HEAD;
    }
}

static void end_preview(struct pf_explore_live *l, const struct pf_explore_wish *w, enum pf_end end,
                        struct pf_bytes text)
{
    struct pf_explore_letter *letter;

    l->preview_comes = false;
    if (w->number != l->preview_number)
        return; /* the cursor went on */
    letter = end == PF_END_WHOLE ? pf_explore_letter_of(text) : NULL;
    free(l->preview);
    l->preview =
        strdup(letter ? pf_explore_letter_text(letter) : pf_say("no preview", "keine Vorschau"));
    pf_explore_letter_free(letter);
    pf_explore_pane_set(&l->view.below, l->preview);
}

static void on_ended(void *self, const struct pf_explore_wish *w, const struct pf_heard *heard,
                     struct pf_bytes text)
{
    struct pf_explore_live *l = self;

    switch (w->kind) {
    case PF_EXPLORE_WISH_HEAD:
        end_head(l, w, heard->end, text);
        break;
    case PF_EXPLORE_WISH_PREVIEW:
        end_preview(l, w, heard->end, text);
        break;
    case PF_EXPLORE_WISH_LETTER:
        pf_explore_letter_end(l, heard);
        break;
    case PF_EXPLORE_WISH_DELETE:
    case PF_EXPLORE_WISH_QUIT:
        pf_explore_leave_ended(l, w, heard);
        break;
    case PF_EXPLORE_WISH_NOOP:
        break;
    }
    pf_explore_changed(l);
}

bool pf_explore_may_pass(enum pf_code code)
{
    enum pf_retry retry = pf_verdict(code)->retry;

    return retry == PF_RETRY_SOON || retry == PF_RETRY_LATER || code == PF_OK;
}

static void on_gone(void *self, const struct pf_err *err)
{
    struct pf_explore_live *l = self;
    pf_time wait;

    l->why = *err;
    if (l->listed && pf_loop_now(l->client->loop) - l->listed >= LIVED)
        l->tries = 0;
    l->listed = 0;
    wait = l->tries == 0 ? 0 : WAIT_FIRST;
    pf_explore_list_unask(&l->view.list);
    l->preview_comes = false;
    l->preview_number = 0;
    if (l->leaving != PF_EXPLORE_STAYS) {
        pf_explore_leave_gone(l, err);
        return;
    }
    if (!l->let_in) { /* the first call of all: told without a screen */
        l->over = true;
        pf_loop_stop(l->client->loop);
        return;
    }
    for (unsigned i = 1; i < l->tries && wait < WAIT_MOST; i++)
        wait *= 2;
    if (err->code != PF_OK)
        pf_explore_complain(l, pf_say("the line is gone", "die Verbindung ist weg"), err);
    if (pf_explore_may_pass(err->code)) {
        l->tries++;
        pf_explore_link_call_in(l->link, wait < WAIT_MOST ? wait : WAIT_MOST);
    }
    pf_explore_changed(l);
}

static void on_said(void *self, bool by_us, const char *line)
{
    struct pf_explore_live *l = self;
    char **place = &l->talk[l->talk_count++ % PF_EXPLORE_TALK];

    free(*place);
    if (asprintf(place, "%c: %s", by_us ? 'C' : 'S', line) < 0)
        *place = NULL;
}

const struct pf_explore_link_calls pf_explore_serving = {
    .ready = on_ready,
    .row = on_row,
    .uid = on_uid,
    .listed = on_listed,
    .next = on_next,
    .piece = on_piece,
    .ended = on_ended,
    .gone = on_gone,
    .said = on_said,
};
