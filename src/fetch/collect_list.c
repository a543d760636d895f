/* What the server has: LIST and UIDL, and TOP where the plan wants to look. */
#include "fetch/collect_private.h"

static const char where[] = "collect";

enum {
    TRIES = 2 /* refusals of TOP before any came, after which it is asked for no more */
};

/* The server's words to a refusal. */
static void refused(const struct pf_heard *heard, const char *what, struct pf_err *err)
{
    pf_fail(err, heard->coded ? heard->code : PF_PERM, 0, where, "%s was refused%s%.*s", what,
            heard->text.len ? ": " : "", (int)(heard->text.len > 200 ? 200 : heard->text.len),
            (const char *)heard->text.at);
}

static void begin_plan(struct pf_collect *c)
{
    /* CAPA that has no TOP is no proof; whether there is one, the first that is asked for tells. */
    c->s.plan = pf_plan_new(&c->account, c->ledger, true);
    if (!c->s.plan)
        pf_collect_no_memory(c);
}

void pf_collect_list(struct pf_collect *c)
{
    static const enum pf_pop3_verb verbs[] = {PF_VERB_LIST, PF_VERB_UIDL, PF_VERB_STAT};
    unsigned most = c->s.list_err.code != PF_OK && c->s.asked >= 2 ? 3 : 2;

    if (!c->s.plan)
        begin_plan(c);
    while (!c->hard && c->s.asked < most) {
        struct pf_pop3_command command = {.verb = verbs[c->s.asked]};

        if (pf_collect_say(c, &command) != PF_OK)
            return;
        c->s.asked++;
    }
}

static void take_item(struct pf_collect *c, const struct pf_heard *heard)
{
    enum pf_code code = PF_OK;
    struct pf_err err;

    if (heard->verb == PF_VERB_UIDL && !heard->parsed)
        c->s.uids_odd = true;
    if (!heard->parsed)
        return;
    if (heard->verb == PF_VERB_LIST)
        code = pf_plan_octets(c->s.plan, heard->number, heard->octets);
    else if (heard->verb == PF_VERB_UIDL)
        code = pf_plan_uid(c->s.plan, heard->number, heard->uid);
    if (code == PF_NO_MEMORY)
        pf_collect_no_memory(c);
    else if (code != PF_OK)
        pf_collect_blame(
            c,
            (pf_fail(&err, PF_LIMIT, 0, where, "the server lists more than %d messages", PF_PLAN_MOST),
             &err),
            true);
}

static void take_end(struct pf_collect *c, const struct pf_heard *heard)
{
    bool whole = heard->end == PF_END_WHOLE, no = heard->end == PF_END_REFUSED;
    struct pf_err err = {0};

    if (heard->verb == PF_VERB_LIST) {
        c->s.list_whole = whole;
        if (no)
            refused(heard, "LIST", &c->s.list_err);
    } else if (heard->verb == PF_VERB_UIDL) {
        c->s.uids_whole = whole;
        c->s.uids_refused = no;
        if (no)
            refused(heard, "UIDL", &err);
    } else if (whole && heard->parsed && heard->number == 0) {
        c->s.list_err = (struct pf_err){0}; /* QS-018: -ERR to LIST of an empty maildrop */
        c->s.list_whole = c->s.uids_whole = true;
    }
    /* What the server says by a code is trouble of the moment. Without one UIDL is unknown to it. */
    if (no && heard->coded)
        pf_collect_blame(c, heard->verb == PF_VERB_LIST ? &c->s.list_err : &err, true);
}

void pf_collect_list_heard(struct pf_collect *c, const struct pf_heard *heard)
{
    if (heard->kind == PF_HEARD_ITEM && !c->hard)
        take_item(c, heard);
    else if (heard->kind == PF_HEARD_END)
        take_end(c, heard);
}

void pf_collect_listed(struct pf_collect *c)
{
    const struct pf_pop3_offer *offer = pf_call_offer(c->call);

    c->s.rationed = offer->login_delay > 0;
    c->sums.login_delay = offer->login_delay;
    if (!c->s.list_whole && !c->s.uids_whole) {
        pf_collect_blame(c, &c->s.list_err, true);
        return;
    }
    /* Where logins are rationed a session takes all. */
    if (c->set.mode == PF_COLLECT_FETCH && !c->s.rationed)
        pf_plan_limits(c->s.plan, PF_COLLECT_SESSION, PF_COLLECT_SESSION);
    if (c->set.mode == PF_COLLECT_ADOPT) /* a server that numbers anew one day asks for headers */
        pf_plan_look_at_all(c->s.plan);
    pf_plan_except(c->s.plan, &c->taken);
    if (pf_plan_make(c->s.plan) != PF_OK) {
        pf_collect_no_memory(c);
        return;
    }
    c->stage = PF_STAGE_LOOKS;
    if (pf_plan_renumbered(c->s.plan) && !pf_ledger_count(c->ledger))
        pf_collect_notice(c, PF_CHANGED,
                          "the account has another server, port or user than before; messages that were "
                          "fetched there are known again by their UIDs, headers and sizes");
    else if (pf_plan_renumbered(c->s.plan))
        pf_collect_notice(
            c, PF_CHANGED,
            "the server has a new UID for every message; those that were fetched before are "
            "known again by their headers and sizes");
}

void pf_collect_look(struct pf_collect *c)
{
    for (; c->s.look < pf_plan_count(c->s.plan); c->s.look++) {
        struct pf_plan_row *row = pf_plan_at(c->s.plan, c->s.look);
        struct pf_pop3_command command = {.verb = PF_VERB_TOP, .number = row->number, .tag = c->s.look};

        if (row->what != PF_PLAN_LOOK)
            continue;
        if (!c->s.looked && c->s.look_refused >= TRIES) {
            pf_plan_looked(c->s.plan, row, NULL);
            continue;
        }
        if (!c->s.looked && c->s.flying) /* a server that has no TOP is not asked a thousand times */
            return;
        if (pf_collect_say(c, &command) != PF_OK)
            return;
    }
}

void pf_collect_look_heard(struct pf_collect *c, const struct pf_heard *heard)
{
    struct pf_plan_row *row;

    if (heard->kind == PF_HEARD_BEGIN)
        pf_head_begin(c->head);
    if (heard->kind == PF_HEARD_PIECE)
        pf_head_feed(c->head, heard->bytes);
    if (heard->kind != PF_HEARD_END || heard->verb != PF_VERB_TOP)
        return;
    row = pf_plan_at(c->s.plan, heard->tag);
    if (heard->end == PF_END_WHOLE) {
        c->s.looked++;
        pf_plan_looked(c->s.plan, row, c->head);
    } else {
        c->s.look_refused++;
        pf_plan_looked(c->s.plan, row, NULL);
    }
}
