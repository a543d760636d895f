#include "tool/explore_parts.h"

#include "sys/explain.h"
#include "tool/safe.h"
#include "tool/speech.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    FAREWELL = 1500, /* ms that a server has for an answer to QUIT on which nothing hangs */
    TRIES = 5        /* calls to get marked messages deleted */
};

void pf_explore_leave(struct pf_explore_live *l, enum pf_explore_leaving how)
{
    bool up = l->link && pf_explore_link_is_up(l->link);

    if (l->leaving == PF_EXPLORE_DELETES) {
        if (how == PF_EXPLORE_LEAVES)
            pf_explore_stop(l); /* without QUIT: what it would confirm is not wanted any more */
        return;
    }
    if (l->leaving != PF_EXPLORE_STAYS)
        return;
    l->leaving = how;
    l->delete_at = l->delete_asked = l->deletes = l->refused = 0;
    l->tries = 0;
    l->why = (struct pf_err){0};
    if (how == PF_EXPLORE_LEAVES && (!up || l->reading.comes)) {
        pf_explore_stop(l); /* nothing was asked of the server that would have to be confirmed */
    } else if (how == PF_EXPLORE_LEAVES) {
        pf_timer_set(l->end_timer, pf_loop_now(l->client->loop) + FAREWELL);
        pf_explore_link_poke(l->link);
    } else if (up) {
        pf_explore_link_poke(l->link);
    } else {
        pf_explore_link_call_in(l->link, 0);
    }
    pf_explore_changed(l);
}

bool pf_explore_leave_next(struct pf_explore_live *l, struct pf_explore_wish *out)
{
    const struct pf_explore_list *list = &l->view.list;

    for (; l->leaving == PF_EXPLORE_DELETES && l->delete_at < list->count; l->delete_at++)
        if (list->rows[l->delete_at].marked) {
            l->delete_asked++;
            *out = (struct pf_explore_wish){.kind = PF_EXPLORE_WISH_DELETE,
                                            .number = list->rows[l->delete_at++].number};
            return true;
        }
    if (l->quit_asked || l->deletes + l->refused < l->delete_asked)
        return false; /* so it is known whether QUIT was said at all */
    l->quit_asked = true;
    *out = (struct pf_explore_wish){.kind = PF_EXPLORE_WISH_QUIT};
    return true;
}

void pf_explore_leave_ended(struct pf_explore_live *l, const struct pf_explore_wish *w,
                            const struct pf_heard *heard)
{
    if (w->kind == PF_EXPLORE_WISH_DELETE) {
        l->deletes += heard->end == PF_END_WHOLE;
        l->refused += heard->end == PF_END_REFUSED;
        return;
    }
    l->quit_ended = true;
    l->quit = heard->end;
    pf_explore_note(l, "%.*s", (int)heard->text.len, (const char *)heard->text.at);
    memcpy(l->quit_text, l->view.note, sizeof l->quit_text);
}

void pf_explore_leave_gone(struct pf_explore_live *l, const struct pf_err *err)
{
    bool told = l->quit_ended && l->quit != PF_END_UNSENT; /* the server may have heard QUIT */

    if (l->leaving == PF_EXPLORE_DELETES && !told && ++l->tries < TRIES &&
        pf_explore_may_pass(err->code)) {
        if (err->code != PF_OK)
            pf_explore_complain(l, pf_say("the line is gone", "die Verbindung ist weg"), err);
        l->quit_asked = l->quit_ended = false; /* what was not confirmed is undone: all anew */
        pf_explore_link_call_in(l->link, l->tries == 1 ? 0 : (pf_time)l->tries * 1000);
        pf_explore_changed(l);
        return;
    }
    pf_explore_stop(l);
}

static void print(FILE *to, const char *text)
{
    pf_tool_print_safe(to, text, true);
    fputc('\n', to);
}

static int not_deleted(const struct pf_explore_live *l)
{
    char text[PF_EXPLAIN_MAX];

    fputs(pf_say("nothing was deleted: ", "nichts wurde gelöscht: "), stderr);
    print(stderr, l->why.code ? pf_explain(&l->why, text, sizeof text)
                              : pf_say("it was given up before", "es wurde vorher abgebrochen"));
    return pf_verdict(l->why.code ? l->why.code : PF_TEMP)->exit_status;
}

int pf_explore_leave_tell(const struct pf_explore_live *l)
{
    if (l->leaving != PF_EXPLORE_DELETES)
        return 0;
    if (!l->quit_asked || (l->quit_ended && l->quit == PF_END_UNSENT))
        return not_deleted(l);
    if (!l->quit_ended || l->quit == PF_END_CUT) {
        print(stderr,
              pf_say("whether anything was deleted is unknown: the server did not answer QUIT",
                     "ob etwas gelöscht wurde, ist unbekannt: der Server hat QUIT nicht beantwortet"));
        return pf_verdict(PF_TEMP)->exit_status;
    }
    if (l->quit == PF_END_REFUSED) {
        fputs(pf_say("not all was deleted; the server says: ",
                     "nicht alles wurde gelöscht; der Server sagt: "),
              stderr);
        print(stderr, l->quit_text);
        return pf_verdict(PF_PARTIAL)->exit_status;
    }
    printf(l->deletes == 1 ? pf_say("%zu message deleted\n", "%zu Nachricht gelöscht\n")
                           : pf_say("%zu messages deleted\n", "%zu Nachrichten gelöscht\n"),
           l->deletes);
    if (!l->refused)
        return 0;
    fprintf(stderr,
            pf_say("%zu messages stay: the server refused\n",
                   "%zu Nachrichten bleiben: der Server weigert sich\n"),
            l->refused);
    return pf_verdict(PF_PARTIAL)->exit_status;
}
