#include "fetch/collect_private.h"

#include "base/text.h"
#include "base/words.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char where[] = "collect";

bool pf_collect_alive(const struct pf_collect *c)
{
    return !c->freed && c->stage != PF_STAGE_OVER;
}

static void release(struct pf_collect *c)
{
    pf_reach_free(c->reach);
    pf_collect_session_free(c);
    pf_place_free(c->place);
    pf_ledger_close(c->ledger);
    pf_collect_notes_done(&c->notes);
    pf_plan_names_done(&c->taken);
    pf_plan_text_done(&c->taken_text);
    pf_head_free(c->head);
    pf_timer_free(c->kick);
    if (c->secret)
        pf_wipe(c->secret, c->secret_len);
    free(c->secret);
    free(c->ledger_path);
    free(c->spool);
    free(c->who);
    free(c);
}

void pf_collect_enter(struct pf_collect *c)
{
    c->depth++;
}

void pf_collect_leave(struct pf_collect *c)
{
    if (--c->depth == 0 && c->freed && !c->job.busy)
        release(c);
}

void pf_collect_leave_place(struct pf_collect *c)
{
    if (--c->depth == 0 && c->freed)
        pf_timer_set(c->kick, pf_loop_now(c->set.loop));
}

void pf_collect_free(struct pf_collect *c)
{
    if (!c)
        return;
    assert(!c->freed);
    pf_collect_enter(c);
    c->freed = true;
    pf_collect_hang_up(c);
    pf_collect_leave(c);
}

static void keep_text(char room[64], const char **text)
{
    snprintf(room, 64, "%s", *text ? *text : "");
    *text = room;
}

static void keep_facts(struct pf_collect *c)
{
    c->facts = *pf_reach_facts(c->reach);
    keep_text(c->facts_text[0], &c->facts.tls_version);
    keep_text(c->facts_text[1], &c->facts.tls_cipher);
    keep_text(c->facts_text[2], &c->facts.mechanism);
    keep_text(c->facts_text[3], &c->facts.checked);
}

void pf_collect_hang_up(struct pf_collect *c)
{
    if (c->reach)
        keep_facts(c);
    pf_reach_free(c->reach);
    c->reach = NULL;
    c->call = NULL;
}

void pf_collect_tell(struct pf_collect *c, const struct pf_collect_event *event)
{
    if (pf_collect_alive(c) && c->calls.tell)
        c->calls.tell(c->self, c, event);
}

void pf_collect_notice(struct pf_collect *c, enum pf_code code, const char *format, ...)
{
    struct pf_collect_event event = {.kind = PF_COLLECT_NOTICE};
    char text[PF_ERR_LOG];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, pf_words(format), args);
    va_end(args);
    pf_fail(&event.err, code, 0, where, "%s", text);
    pf_collect_tell(c, &event);
}

void pf_collect_blame(struct pf_collect *c, const struct pf_err *err, bool hard)
{
    if (c->err.code == PF_OK || (hard && !c->hard))
        c->err = *err;
    c->hard |= hard;
}

void pf_collect_no_memory(struct pf_collect *c)
{
    struct pf_err err;

    pf_fail(&err, PF_NO_MEMORY, 0, where, "no memory for so many messages");
    pf_collect_blame(c, &err, true);
}

void pf_collect_over(struct pf_collect *c)
{
    struct pf_err err = c->err;

    if (!pf_collect_alive(c))
        return;
    if (err.code == PF_OK && c->unfinished)
        pf_fail(&err, PF_CANCELLED, 0, where, "stopped");
    pf_collect_hang_up(c);
    c->stage = PF_STAGE_OVER;
    c->calls.gone(c->self, c, &err);
}

bool pf_collect_took(struct pf_collect *c, struct pf_bytes identity)
{
    struct pf_bytes copy = pf_plan_keep(&c->taken_text, identity);

    return !identity.len || (copy.at && pf_plan_names_put(&c->taken, copy));
}

static void kicked(struct pf_timer *timer, void *self)
{
    struct pf_collect *c = self;

    (void)timer;
    pf_collect_enter(c);
    if (c->job_due && pf_collect_alive(c))
        pf_collect_submit(c);
    pf_collect_go(c);
    pf_collect_leave(c);
}

static char *text_of(const char *a, const char *b)
{
    char *text = NULL;

    return asprintf(&text, "%s%s", a, b) < 0 ? NULL : text;
}

static bool init(struct pf_collect *c)
{
    c->kick = pf_timer_new(c->set.loop, kicked, c);
    c->head = pf_head_new();
    c->ledger_path = text_of(c->set.ledger, "");
    c->spool = text_of(c->set.ledger, ".spool");
    c->account = *c->set.account;
    c->facts.tls_version = c->facts.tls_cipher = c->facts.mechanism = c->facts.checked = "";
    if (c->set.mode == PF_COLLECT_ADOPT) { /* all that is there counts, whatever is wanted of it */
        c->account.filter_count = 0;
        c->account.size_limit = 0;
        c->account.number_limit = 0;
        c->account.fetch = PF_ACCOUNT_NEW;
    }
    return c->kick && c->head && c->ledger_path && c->spool;
}

struct pf_collect *pf_collect_new(const struct pf_collect_settings *settings,
                                  const struct pf_collect_calls *calls, void *self, struct pf_err *err)
{
    struct pf_collect *c = calloc(1, sizeof *c);

    if (!c) {
        pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to fetch mail");
        return NULL;
    }
    c->set = *settings;
    c->calls = *calls;
    c->self = self;
    if (!init(c))
        pf_collect_no_memory(c);
    else
        pf_collect_call(c);
    if (!c->hard) {
        pf_collect_ledger_open(c);
        return c;
    }
    *err = c->err;
    pf_collect_free(c);
    return NULL;
}

void pf_collect_secret(struct pf_collect *c, struct pf_bytes secret, const struct pf_err *err)
{
    unsigned char *copy;

    if (!pf_collect_alive(c) || c->has_secret)
        return;
    pf_collect_enter(c);
    copy = !err || err->code == PF_OK ? malloc(secret.len + 1) : NULL;
    if (copy) {
        if (secret.len)
            memcpy(copy, secret.at, secret.len);
        c->secret = copy;
        c->secret_len = secret.len;
        c->has_secret = true;
    }
    if (c->reach)
        pf_reach_secret(c->reach, secret, err);
    pf_collect_leave(c);
}

void pf_collect_stop(struct pf_collect *c)
{
    if (!pf_collect_alive(c))
        return;
    c->at_once = c->stopped;
    c->stopped = true;
    pf_timer_set(c->kick, pf_loop_now(c->set.loop));
}

const struct pf_collect_sums *pf_collect_sums(const struct pf_collect *c)
{
    return &c->sums;
}

const struct pf_call_facts *pf_collect_facts(const struct pf_collect *c)
{
    return c->reach ? pf_reach_facts(c->reach) : &c->facts;
}
