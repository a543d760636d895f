/* A session, from calling the server to what comes after its end. */
#include "fetch/collect_private.h"

#include <stdio.h>
#include <stdlib.h>

static const char where[] = "collect";

void pf_collect_session_free(struct pf_collect *c)
{
    pf_collect_drop_under(c);
    pf_plan_free(c->s.plan);
    free(c->s.order);
    free(c->s.sizes);
    c->s = (struct pf_collect_session){0};
}

bool pf_collect_ends(const struct pf_collect *c)
{
    return c->stopped || c->hard || c->s.lost || c->s.breaks;
}

enum pf_code pf_collect_say(struct pf_collect *c, const struct pf_pop3_command *command)
{
    unsigned window = c->account.window ? c->account.window : UINT32_MAX;
    enum pf_code code;

    /* Where nothing can be sent ahead nothing is queued, either: who stops would wait for it. */
    if (c->no_pipelining || !(pf_call_offer(c->call)->can & PF_CAN_PIPELINING))
        window = 1;
    if (c->s.flying >= window)
        return PF_AGAIN;
    code = pf_call_say(c->call, command);
    if (code == PF_OK) {
        c->s.flying++;
        c->s.sent_ahead |= c->s.flying > 1;
    } else if (code == PF_STATE) {
        c->s.breaks = true;
    } else if (code != PF_AGAIN) {
        struct pf_err err;

        pf_fail(&err, code, 0, where, "a command cannot be said");
        pf_collect_blame(c, &err, true);
    }
    return code;
}

static void ask_secret(struct pf_collect *c)
{
    c->secret_due = false;
    if (c->has_secret)
        pf_reach_secret(c->reach, pf_bytes_from(c->secret, c->secret_len), NULL);
    else
        c->calls.secret(c->self, c, c->secret_host);
}

/* Nobody logs in before the ledger is open: another run of this account may be under way, and the server
 * would refuse the second. */
static void on_secret(void *self, struct pf_reach *reach, const char *host)
{
    struct pf_collect *c = self;

    (void)reach;
    pf_collect_enter(c);
    snprintf(c->secret_host, sizeof c->secret_host, "%s", host ? host : "");
    c->secret_due = true;
    if (c->stage != PF_STAGE_OPENS)
        ask_secret(c);
    pf_collect_leave(c);
}

static void on_ready(void *self, struct pf_reach *reach, struct pf_call *call)
{
    struct pf_collect *c = self;
    struct pf_collect_event event = {.kind = PF_COLLECT_READY};

    (void)reach;
    pf_collect_enter(c);
    c->call = call;
    c->s.ready = true;
    c->sums.sessions++;
    pf_collect_tell(c, &event);
    pf_collect_go(c);
    pf_collect_leave(c);
}

static void hear(struct pf_collect *c, const struct pf_heard *heard)
{
    if (heard->kind == PF_HEARD_END && c->s.flying)
        c->s.flying--;
    if (heard->kind == PF_HEARD_END && heard->lost != PF_LOST_NOT) {
        c->s.breaks = true;
        c->s.how = heard->lost;
    }
    switch (c->stage) {
    case PF_STAGE_LISTS:
        pf_collect_list_heard(c, heard);
        break;
    case PF_STAGE_LOOKS:
        pf_collect_look_heard(c, heard);
        break;
    case PF_STAGE_FETCHES:
        pf_collect_fetch_heard(c, heard);
        break;
    case PF_STAGE_DELETES:
    case PF_STAGE_QUITS:
        pf_collect_delete_heard(c, heard);
        break;
    case PF_STAGE_OPENS:
    case PF_STAGE_REACHES:
    case PF_STAGE_SETTLES:
    case PF_STAGE_MARKS:
    case PF_STAGE_RECORDS:
    case PF_STAGE_OVER:
        break; /* nothing was asked */
    }
}

static void on_heard(void *self, struct pf_reach *reach, struct pf_call *call,
                     const struct pf_heard *heard)
{
    struct pf_collect *c = self;

    (void)reach, (void)call;
    pf_collect_enter(c);
    if (pf_collect_alive(c))
        hear(c, heard);
    if (heard->kind == PF_HEARD_END || c->hard)
        pf_collect_go(c);
    pf_collect_leave(c);
}

static void on_gone(void *self, struct pf_reach *reach, const struct pf_err *err)
{
    struct pf_collect *c = self;

    (void)reach;
    pf_collect_enter(c);
    c->s.lost = true;
    c->s.why = *err;
    c->s.flying = 0;
    pf_collect_drop_under(c);
    if (!c->freed)
        pf_collect_hang_up(c);
    pf_collect_go(c);
    pf_collect_leave(c);
}

static bool keep_who(struct pf_collect *c)
{
    if (!c->who)
        c->who = strdup(pf_reach_who(c->reach));
    return c->who != NULL;
}

void pf_collect_call(struct pf_collect *c)
{
    static const struct pf_reach_calls calls = {on_secret, on_ready, on_heard, on_gone};
    const struct pf_reach_settings set = {.loop = c->set.loop,
                                          .pool = c->set.pool,
                                          .account = c->set.account,
                                          .pipelining = c->no_pipelining || c->set.account->window == 1
                                                            ? PF_PIPELINE_NEVER
                                                            : PF_PIPELINE_IF_OFFERED,
                                          .keep_crlf = true,
                                          .eager = true,
                                          .resolver = c->set.resolver};
    struct pf_err err = {0};

    pf_collect_session_free(c);
    c->reach = pf_reach_new(&set, &calls, c, &err);
    if (!c->reach)
        pf_collect_blame(c, &err, true);
    else if (!keep_who(c))
        pf_collect_no_memory(c);
    c->stage = c->ledger ? PF_STAGE_REACHES : PF_STAGE_OPENS;
}

/* The line was cut. It is called once more when that may bring more than this time. */
static bool recalls(struct pf_collect *c)
{
    bool network = c->s.why.code == PF_TEMP || c->s.why.code == PF_SYNTAX || c->s.why.code == PF_LIMIT;

    if (c->stopped || c->hard || c->recalled || c->s.rationed || !network)
        return false;
    if (c->s.sent_ahead)
        c->no_pipelining = c->s.messages <= 1 || c->s.why.code == PF_SYNTAX || c->s.how == PF_LOST_TIME;
    return c->s.messages || c->s.cut_inside || (c->s.sent_ahead && c->no_pipelining);
}

static void call_again(struct pf_collect *c)
{
    if (c->set.account->number_limit && c->set.mode == PF_COLLECT_FETCH)
        c->account.number_limit = c->set.account->number_limit - (unsigned)c->sums.fetched;
    pf_collect_call(c);
    if (c->hard)
        pf_collect_over(c);
}

static bool has_number_left(const struct pf_collect *c)
{
    return !c->set.account->number_limit || c->sums.fetched < c->set.account->number_limit;
}

/* After a session that ended well: whether the server has more for us. */
static bool wants_more(struct pf_collect *c)
{
    c->unfinished |= c->stopped && c->s.enough && has_number_left(c);
    return c->s.enough && c->set.mode == PF_COLLECT_FETCH && !c->stopped && !c->hard && !c->s.rationed &&
           c->s.steps && has_number_left(c);
}

static void end_session(struct pf_collect *c)
{
    if (c->s.quit_whole && c->s.why.code == PF_OK) {
        c->recalled = false;
        if (wants_more(c))
            call_again(c);
        else
            pf_collect_over(c);
    } else if (c->s.ready && has_number_left(c) && recalls(c)) {
        c->recalled = true;
        c->err = (struct pf_err){0}; /* what was refused in this session is asked for in the next */
        c->poison_err = c->s.why;
        pf_collect_notice(c, c->s.why.code, "%s; calling again", c->s.why.log);
        if (pf_collect_alive(c))
            call_again(c);
    } else {
        if (c->s.why.code != PF_OK)
            pf_collect_blame(c, &c->s.why, c->hard);
        pf_collect_over(c);
    }
}

static bool to(struct pf_collect *c, enum pf_collect_stage stage)
{
    c->stage = stage;
    return true;
}

static bool step_begin(struct pf_collect *c)
{
    if (c->s.lost) {
        end_session(c);
        return true;
    }
    if (c->hard || c->stopped) {
        pf_collect_over(c);
        return true;
    }
    if (c->stage == PF_STAGE_OPENS) {
        if (!c->ledger || !c->place_ready)
            return false;
        c->stage = PF_STAGE_REACHES;
        if (c->secret_due)
            ask_secret(c);
        return true;
    }
    return c->s.ready && to(c, PF_STAGE_LISTS);
}

static bool step_list(struct pf_collect *c)
{
    if (!pf_collect_ends(c) && c->stage == PF_STAGE_LOOKS)
        pf_collect_look(c);
    else if (!pf_collect_ends(c))
        pf_collect_list(c);
    if (c->s.flying)
        return false;
    c->unfinished |= c->stopped;
    if (pf_collect_ends(c))
        return to(c, PF_STAGE_SETTLES);
    if (c->stage == PF_STAGE_LISTS)
        pf_collect_listed(c);
    else
        pf_collect_decide(c);
    return true;
}

static bool step_fetch(struct pf_collect *c)
{
    if (!pf_collect_ends(c))
        pf_collect_fetch(c);
    if (c->s.flying && !(pf_collect_ends(c) && c->hard && c->s.ahead > 2 * PF_COLLECT_AHEAD))
        return false;
    c->unfinished |= c->stopped && c->s.next < c->s.order_count;
    if (c->s.flying) { /* one that is large, and nobody wants it any more */
        pf_collect_drop_under(c);
        pf_collect_hang_up(c);
        c->s.lost = true;
        c->s.flying = 0;
    }
    return pf_collect_ends(c) || c->s.next == c->s.order_count ? to(c, PF_STAGE_SETTLES) : false;
}

static bool step_end(struct pf_collect *c)
{
    switch ((int)c->stage) {
    case PF_STAGE_SETTLES:
        if (c->place && pf_place_waiting(c->place))
            return false;
        pf_collect_mark(c);
        pf_collect_write(c, PF_STAGE_MARKS);
        return true;
    case PF_STAGE_MARKS:
        if (c->s.lost)
            return to(c, PF_STAGE_RECORDS);
        pf_collect_remove(c);
        return to(c, PF_STAGE_DELETES);
    case PF_STAGE_DELETES:
        if (c->s.lost)
            return to(c, PF_STAGE_RECORDS);
        pf_collect_delete(c);
        return c->stage != PF_STAGE_DELETES;
    case PF_STAGE_QUITS:
        if (!c->s.lost)
            return false;
        if (c->s.quit_whole && c->s.why.code == PF_OK)
            pf_collect_record(c);
        pf_collect_write(c, PF_STAGE_RECORDS);
        return true;
    default:
        end_session(c);
        return true;
    }
}

static bool step(struct pf_collect *c)
{
    if (c->stage <= PF_STAGE_REACHES)
        return step_begin(c);
    if (c->stage <= PF_STAGE_LOOKS)
        return step_list(c);
    if (c->stage <= PF_STAGE_FETCHES)
        return step_fetch(c);
    return step_end(c);
}

void pf_collect_go(struct pf_collect *c)
{
    bool more = true;

    while (more && pf_collect_alive(c)) {
        if (c->at_once || (c->stopped && c->stage <= PF_STAGE_REACHES)) {
            c->unfinished = true;
            pf_collect_over(c);
        } else {
            more = !c->job.busy && !c->job_due && (c->s.lost || !c->s.breaks) && step(c);
        }
    }
}
