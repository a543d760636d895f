#include "session/guest_journal.h"

#include "session/guest.h"
#include "session/journal_now.h"
#include "session/proxied.h"

#include <stdio.h>
#include <stdlib.h>

static struct pf_journal_record record(const struct pf_guest_session *g, enum pf_journal_event event)
{
    struct pf_journal_record r = {.event = event, .at = pf_journal_now()};

    r.number[PF_JOURNAL_SESSION] = g->id;
    r.text[PF_JOURNAL_MAILDROP] = pf_bytes_of(g->user->maildrop);
    r.text[PF_JOURNAL_USER] = pf_bytes_of(g->user->name);
    r.text[PF_JOURNAL_ADDRESS] = pf_bytes_of(g->journal.address);
    r.text[PF_JOURNAL_TLS] = pf_bytes_of(g->journal.tls);
    r.text[PF_JOURNAL_MECHANISM] = pf_bytes_of(g->mechanism);
    r.text[PF_JOURNAL_TOKEN] = pf_bytes_of(g->user->token);
    r.text[PF_JOURNAL_MASTER] = pf_bytes_of(g->user->master);
    return r;
}

static struct pf_journal_record record_of_mail(const struct pf_guest_session *g, enum pf_journal_event event,
                                               uint32_t index)
{
    struct pf_journal_record r = record(g, event);

    r.number[PF_JOURNAL_OCTETS] = g->journal.listing.rows[index].octets;
    r.text[PF_JOURNAL_UIDL] = pf_listing_uidl(&g->journal.listing, index);
    return r;
}

void pf_guest_journal_opened(struct pf_guest_session *g)
{
    struct pf_guest_journal *j = &g->journal;
    struct pf_journal_record r;
    struct pf_proxied_text told;

    j->sink = g->hall->journal;
    if (!j->sink)
        return;
    j->listing = g->op.open.listing;
    j->opened = pf_journal_now();
    if (g->conn) { /* else it went meanwhile; what expired did so all the same */
        snprintf(j->address, sizeof j->address, "%s", pf_conn_info(g->conn)->peer);
        snprintf(j->tls, sizeof j->tls, "%s", pf_proxied_tls(pf_conn_info(g->conn), &told));
    }
    if (g->expired == 0)
        return;
    r = record(g, PF_JOURNAL_expired);
    r.number[PF_JOURNAL_COUNT] = g->expired;
    r.number[PF_JOURNAL_DAYS] = (uint64_t)g->expire_days;
    pf_journal_put(j->sink, &r);
}

static uint64_t counted(const struct pf_guest_session *g)
{
    return pf_pop3_server_stats(g->engine)->fetched_octets;
}

/* Where the next octet of an answer will stand. */
static uint64_t place(const struct pf_guest_session *g)
{
    return g->sent + pf_pop3_server_out(g->engine).len;
}

/* Octets of the connection that the client's machine has for sure. What waits is counted as TLS has it, which is
 * more. */
static uint64_t confirmed(const struct pf_guest_session *g)
{
    uint64_t waiting = pf_conn_waiting(g->conn);

    return waiting < g->sent ? g->sent - waiting : 0;
}

/* Of the answer under way, as far as is known; stuffed dots count as octets of the message. */
static uint64_t octets_taken(const struct pf_guest_session *g)
{
    const struct pf_guest_journal *j = &g->journal;
    uint64_t octets = j->listing.rows[j->index].octets, all = confirmed(g);
    int line = snprintf(NULL, 0, "+OK %llu octets\r\n", (unsigned long long)octets);
    uint64_t begin = j->begin + (uint64_t)line, taken = all > begin ? all - begin : 0;

    return taken < octets ? taken : octets;
}

static void tell_cut(struct pf_guest_session *g, const struct pf_err *err, const char *end)
{
    struct pf_guest_journal *j = &g->journal;
    struct pf_journal_record r = record_of_mail(g, PF_JOURNAL_cut, j->index);

    j->open = false;
    if (j->top)
        return;
    r.number[PF_JOURNAL_SENT] = octets_taken(g);
    if (err) {
        r.text[PF_JOURNAL_CODE] = pf_bytes_of(pf_verdict(err->code)->name);
        r.text[PF_JOURNAL_WHY] = pf_bytes_of(err->log);
    }
    if (end)
        r.text[PF_JOURNAL_END] = pf_bytes_of(end);
    pf_journal_put(j->sink, &r);
}

/* The engine found out by itself that the octets are not those of the listing. */
static void tell_not_whole(struct pf_guest_session *g)
{
    struct pf_err err;

    pf_fail(&err, PF_CHANGED, 0, "body", "what was read is not what was listed");
    tell_cut(g, &err, NULL);
}

void pf_guest_journal_body(struct pf_guest_session *g, const struct pf_ask *ask)
{
    struct pf_guest_journal *j = &g->journal;

    if (!j->sink)
        return;
    if (j->open)
        tell_not_whole(g);
    j->open = true;
    j->top = ask->top;
    j->index = ask->index;
    j->begin = place(g);
    j->before = counted(g);
}

/* At the time when it was sent, for it may be told behind the deletion of its message. */
static struct pf_journal_record record_of_answer(const struct pf_guest_session *g, enum pf_journal_event event,
                                                 const struct pf_guest_answer *a)
{
    struct pf_journal_record r = record(g, event);

    r.at = a->at;
    r.number[PF_JOURNAL_OCTETS] = a->octets;
    r.text[PF_JOURNAL_UIDL] = pf_bytes_from(a->uidl, a->uidl_len);
    return r;
}

static void tell_answer(struct pf_guest_session *g, const struct pf_guest_answer *a, uint64_t unconfirmed)
{
    struct pf_journal_record r = record_of_answer(g, a->top ? PF_JOURNAL_topped : PF_JOURNAL_fetched, a);

    r.number[PF_JOURNAL_UNCONFIRMED] = unconfirmed < a->octets ? unconfirmed : a->octets;
    pf_journal_put(g->journal.sink, &r);
}

static void settle(struct pf_guest_session *g)
{
    struct pf_guest_journal *j = &g->journal;
    uint64_t all = j->count ? confirmed(g) : 0;
    unsigned n = 0;

    while (n < j->count && j->answers[n].end <= all)
        tell_answer(g, &j->answers[n++], 0);
    j->count -= n;
    if (n && j->count)
        memmove(j->answers, j->answers + n, j->count * sizeof *j->answers);
}

static bool has_room(struct pf_guest_journal *j)
{
    unsigned room = j->room ? 2 * j->room : PF_GUEST_ANSWERS;
    struct pf_guest_answer *answers;

    if (j->count < j->room)
        return true;
    answers = room <= PF_GUEST_ANSWERS_MOST ? realloc(j->answers, room * sizeof *answers) : NULL;
    if (!answers)
        return false;
    j->answers = answers;
    j->room = room;
    return true;
}

static void fill(const struct pf_guest_session *g, struct pf_guest_answer *a)
{
    const struct pf_guest_journal *j = &g->journal;
    struct pf_bytes uidl = pf_bytes_head(pf_listing_uidl(&j->listing, j->index), PF_UIDL_MAX);

    a->end = place(g);
    a->octets = j->listing.rows[j->index].octets;
    a->at = pf_journal_now();
    a->uidl_len = (unsigned char)uidl.len;
    memcpy(a->uidl, uidl.at, uidl.len);
    a->top = j->top;
}

void pf_guest_journal_look(struct pf_guest_session *g)
{
    struct pf_guest_journal *j = &g->journal;
    struct pf_guest_answer answer;
    uint64_t octets;

    if (!j->open || g->body_open)
        return;
    octets = j->listing.rows[j->index].octets;
    if (octets && counted(g) == j->before) /* the dot waits for room */
        return;
    j->open = false;
    if (j->count == j->room)
        settle(g);
    fill(g, &answer);
    if (has_room(j))
        j->answers[j->count++] = answer;
    else
        tell_answer(g, &answer, octets);
}

void pf_guest_journal_failed(struct pf_guest_session *g, const struct pf_err *err)
{
    if (g->journal.open && g->conn)
        tell_cut(g, err, NULL);
}

/* No command is taken before the answer has its dot: one that is still without it will never have one. */
void pf_guest_journal_settle(struct pf_guest_session *g)
{
    if (g->journal.open && !g->body_open)
        tell_not_whole(g);
    settle(g);
}

/* What was sent, and has not arrived while anybody looked. */
static void end_answers(struct pf_guest_session *g, bool abrupt)
{
    struct pf_guest_journal *j = &g->journal;
    uint64_t all;

    settle(g);
    all = j->count ? confirmed(g) : 0;
    for (unsigned i = 0; i < j->count; i++) {
        const struct pf_guest_answer *a = &j->answers[i];
        uint64_t missing = a->end - all < a->octets ? a->end - all : a->octets;
        struct pf_journal_record r = record_of_answer(g, PF_JOURNAL_cut, a);

        if (!abrupt) { /* the kernel goes on sending */
            tell_answer(g, a, missing);
        } else if (!a->top) {
            r.number[PF_JOURNAL_SENT] = a->octets - missing;
            r.text[PF_JOURNAL_END] = pf_bytes_of(pf_guest_end(g));
            pf_journal_put(j->sink, &r);
        }
    }
    j->count = 0;
}

static void tell_session(struct pf_guest_session *g)
{
    const struct pf_pop3_server_stats *s = pf_pop3_server_stats(g->engine);
    struct pf_journal_record r = record(g, PF_JOURNAL_session);
    bool busy = s->fetched || s->topped || g->removed || s->fetched_octets;

    if (!busy && g->generation->conf->journal_sessions == PF_CONF_SESSIONS_BUSY)
        return;
    r.number[PF_JOURNAL_OCTETS] = s->octets;
    r.number[PF_JOURNAL_SENT] = s->fetched_octets;
    r.number[PF_JOURNAL_COUNT] = s->messages;
    r.number[PF_JOURNAL_OPENED] = (uint64_t)g->journal.opened;
    r.number[PF_JOURNAL_FETCHED] = s->fetched;
    r.number[PF_JOURNAL_TOPPED] = s->topped;
    r.number[PF_JOURNAL_DELETED] = g->removed;
    r.text[PF_JOURNAL_RECIPIENT] = pf_bytes_of(g->user->recipient);
    r.text[PF_JOURNAL_END] = pf_bytes_of(pf_guest_end(g));
    pf_journal_put(g->journal.sink, &r);
}

void pf_guest_journal_end(struct pf_guest_session *g, bool abrupt)
{
    struct pf_guest_journal *j = &g->journal;

    if (j->sink && g->engine && pf_pop3_server_stats(g->engine)->logged_in) {
        end_answers(g, abrupt);
        if (j->open && g->close == PF_CLOSE_BODY)
            tell_not_whole(g);
        else if (j->open)
            tell_cut(g, NULL, pf_guest_end(g));
        tell_session(g);
    }
    free(j->answers);
    j->answers = NULL;
    j->count = j->room = 0;
}

void pf_guest_journal_expunged(struct pf_guest_session *g, const struct pf_err *err)
{
    const struct pf_marks *remove = g->op.expunge.remove;
    bool gone = err->code == PF_OK;

    for (uint32_t i = 0; g->journal.sink && i < remove->count; i++) {
        struct pf_journal_record r;

        if (!pf_marks_has(remove, i))
            continue;
        r = record_of_mail(g, gone ? PF_JOURNAL_deleted : PF_JOURNAL_kept, i);
        if (g->expire_days == 0)
            r.text[PF_JOURNAL_VIA] = PF_LIT("expire");
        if (!gone) {
            r.number[PF_JOURNAL_DELETED] = g->op.expunge.removed; /* some are gone, and nobody says which */
            r.text[PF_JOURNAL_CODE] = pf_bytes_of(pf_verdict(err->code)->name);
            r.text[PF_JOURNAL_WHY] = pf_bytes_of(err->log);
        }
        pf_journal_put(g->journal.sink, &r);
    }
}
