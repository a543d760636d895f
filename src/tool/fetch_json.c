/* What happens, for programs: one object on a line, with an `event` and mostly an `account`. Names here
 * are promised in postfach-fetch(1): they may be added to, and none changes. */
#include "tool/fetch.h"

#include "tool/client_json.h"

static void open_event(struct pf_client_json *j, const char *name, const struct pf_fetch_run *run)
{
    pf_client_json_begin(j, stdout);
    pf_client_json_text(j, "event", name);
    if (run)
        pf_client_json_text(j, "account", run->name);
}

static void put_octets(struct pf_client_json *j, const char *name, uint64_t octets)
{
    if (octets == PF_OCTETS_UNKNOWN)
        pf_client_json_text(j, name, NULL);
    else
        pf_client_json_number(j, name, octets);
}

static void put_error(struct pf_client_json *j, const struct pf_err *err)
{
    pf_client_json_text(j, "code", pf_verdict(err->code)->name);
    pf_client_json_text(j, "text", err->log);
}

static void put_message(struct pf_client_json *j, const struct pf_collect_event *e)
{
    pf_client_json_number(j, "number", e->number);
    pf_client_json_bytes(j, "uid", e->uid);
    put_octets(j, "octets", e->octets);
}

static void begin(struct pf_fetch_run *run)
{
    struct pf_client_json j;

    open_event(&j, "begin", run);
    pf_client_json_end(&j);
}

static void ready(const struct pf_fetch_run *run)
{
    const struct pf_call_facts *facts = pf_collect_facts(run->collect);
    struct pf_client_json j;

    open_event(&j, "ready", run);
    pf_client_json_text(&j, "address", facts->address);
    pf_client_json_number(&j, "port", facts->port);
    pf_client_json_text(&j, "tls", facts->tls_version);
    pf_client_json_text(&j, "cipher", facts->tls_cipher);
    pf_client_json_text(&j, "checked", facts->checked);
    pf_client_json_text(&j, "mechanism", facts->mechanism);
    pf_client_json_end(&j);
}

static void listed(const struct pf_fetch_run *run, const struct pf_collect_event *e)
{
    struct pf_client_json j;

    open_event(&j, "listed", run);
    pf_client_json_number(&j, "messages", e->messages);
    put_octets(&j, "octets", e->octets);
    pf_client_json_number(&j, "fresh", e->fresh);
    put_octets(&j, "fresh_octets", e->fresh_octets);
    pf_client_json_end(&j);
}

static void of_message(const struct pf_fetch_run *run, const char *name,
                       const struct pf_collect_event *e)
{
    struct pf_client_json j;

    open_event(&j, name, run);
    put_message(&j, e);
    if (e->kind == PF_COLLECT_TAKEN && e->folder)
        pf_client_json_text(&j, "folder", e->folder);
    if (e->kind == PF_COLLECT_MOVES)
        pf_client_json_number(&j, "so_far", e->so_far);
    if (e->kind == PF_COLLECT_LEFT) {
        pf_client_json_text(&j, "why", pf_fetch_why(e->why));
        if (e->err.code != PF_OK)
            put_error(&j, &e->err);
    }
    pf_client_json_end(&j);
}

static void event(struct pf_fetch_run *run, const struct pf_collect_event *e)
{
    struct pf_client_json j;

    switch (e->kind) {
    case PF_COLLECT_READY:
        ready(run);
        break;
    case PF_COLLECT_LISTED:
        listed(run, e);
        break;
    case PF_COLLECT_BEGINS:
        if (run->fetch->options->mode == PF_COLLECT_DRY)
            of_message(run, "would_fetch", e);
        else if (run->fetch->options->verbose)
            of_message(run, "begins", e);
        break;
    case PF_COLLECT_MOVES:
        if (run->fetch->options->verbose)
            of_message(run, "moves", e);
        break;
    case PF_COLLECT_TAKEN:
        of_message(run, "taken", e);
        break;
    case PF_COLLECT_LEFT:
        of_message(run, pf_fetch_would_delete(run, e) ? "would_delete" : "left", e);
        break;
    case PF_COLLECT_DELETED:
        open_event(&j, "deleted", run);
        pf_client_json_number(&j, "messages", e->number);
        pf_client_json_end(&j);
        break;
    case PF_COLLECT_NOTICE:
        open_event(&j, "notice", run);
        put_error(&j, &e->err);
        pf_client_json_end(&j);
        break;
    }
}

static void end(struct pf_fetch_run *run)
{
    const struct pf_collect_sums *s = &run->sums;
    struct pf_client_json j;

    open_event(&j, "end", run);
    put_error(&j, &run->err);
    pf_client_json_number(&j, "status", (uint64_t)pf_fetch_status_of(run->err.code));
    pf_client_json_number(&j, "listed", s->listed);
    pf_client_json_number(&j, "fetched", s->fetched);
    pf_client_json_number(&j, "octets", s->octets);
    pf_client_json_number(&j, "skipped", s->skipped);
    pf_client_json_number(&j, "refused", s->refused);
    pf_client_json_number(&j, "deleted", s->deleted);
    pf_client_json_number(&j, "delete_refused", s->delete_refused);
    pf_client_json_number(&j, "left_large", s->left_large);
    pf_client_json_number(&j, "again", s->again);
    pf_client_json_number(&j, "sessions", s->sessions);
    pf_client_json_number(&j, "milliseconds",
                          (uint64_t)(pf_loop_now(run->fetch->client.loop) - run->began));
    if (run->rest != PF_NEVER)
        pf_client_json_number(&j, "next_in_milliseconds", (uint64_t)run->rest);
    pf_client_json_end(&j);
    run->fetch->total.fetched += s->fetched;
    run->fetch->total.octets += s->octets;
    run->fetch->total.deleted += s->deleted;
    run->fetch->total.refused += s->refused;
}

static void finish(struct pf_fetch *f)
{
    uint64_t accounts = 0, failed = 0;
    struct pf_client_json j;

    for (const struct pf_fetch_run *run = f->runs; run; run = run->next) {
        accounts++;
        failed += run->err.code != PF_OK || !run->counted;
    }
    open_event(&j, "summary", NULL);
    pf_client_json_number(&j, "accounts", accounts);
    pf_client_json_number(&j, "failed", failed);
    pf_client_json_number(&j, "fetched", f->total.fetched);
    pf_client_json_number(&j, "octets", f->total.octets);
    pf_client_json_number(&j, "deleted", f->total.deleted);
    pf_client_json_number(&j, "refused", f->total.refused);
    pf_client_json_number(&j, "status", (uint64_t)f->worst);
    pf_client_json_end(&j);
}

const struct pf_fetch_show pf_fetch_show_json = {begin, event, end, finish};
