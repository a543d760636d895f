#include "tool/why_parts.h"

#include <inttypes.h>
#include <stdlib.h>

void pf_why_put(struct pf_bytes text, FILE *to)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] >= 0x20 && text.at[i] < 0x7f)
            fputc(text.at[i], to);
        else
            fprintf(to, "%%%02X", text.at[i]);
}

static bool has(const struct pf_journal_record *r, enum pf_journal_text text)
{
    return r->text[text].len > 0;
}

static void put(const struct pf_journal_record *r, enum pf_journal_text text, FILE *to)
{
    pf_why_put(r->text[text], to);
}

/* `before`, the text and `after`, where there is one. */
static void put_with(const struct pf_journal_record *r, enum pf_journal_text text, const char *before,
                     const char *after, FILE *to)
{
    if (!has(r, text))
        return;
    fputs(before, to);
    put(r, text, to);
    fputs(after, to);
}

static const char *when(int64_t at, char room[PF_WHY_TIME])
{
    return pf_why_time(at, room);
}

/* How it was brought, for what was delivered or refused. */
static void put_way(const struct pf_journal_record *r, FILE *to)
{
    bool here = pf_bytes_equal(r->text[PF_JOURNAL_ADDRESS], PF_LIT("unix"));

    if (pf_bytes_equal(r->text[PF_JOURNAL_VIA], PF_LIT("deliver"))) {
        fputs(" by postfach deliver", to);
    } else {
        put_with(r, PF_JOURNAL_VIA, " by ", "", to);
        if (here)
            fputs(" through the unix socket", to);
        else
            put_with(r, PF_JOURNAL_ADDRESS, " from ", "", to);
        put_with(r, PF_JOURNAL_HELO, " (", ")", to);
    }
    put_with(r, PF_JOURNAL_SENDER, "; envelope sender ", "", to);
}

static void put_delivered(const struct pf_journal_record *r, FILE *to)
{
    fputs("Delivered to ", to);
    put(r, PF_JOURNAL_USER, to);
    put_with(r, PF_JOURNAL_RECIPIENT, " for ", "", to);
    fprintf(to, ", %" PRIu64 " octets, ", r->number[PF_JOURNAL_OCTETS]);
    fputs("UIDL ", to);
    put(r, PF_JOURNAL_UIDL, to);
    fputc(',', to);
    put_way(r, to);
    put_with(r, PF_JOURNAL_MAILDROP, "; maildrop ", "", to);
}

static void put_cause(const struct pf_journal_record *r, FILE *to)
{
    static const struct {
        const char *code, *words;
    } causes[] = {{"OVER_QUOTA", "the maildrop is over its quota"},
                  {"FULL", "the maildrop is over its quota"},
                  {"NO_USER", "there is no such user"},
                  {"NO_SPACE", "the disk is full"},
                  {"TOO_LONG", "it is too large"},
                  {"LOOP", "it was here before, and goes in a circle"}};

    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
        if (pf_bytes_equal(r->text[PF_JOURNAL_CODE], pf_bytes_of(causes[i].code)))
            fprintf(to, "%s ", causes[i].words);
    fputc('[', to);
    put_with(r, PF_JOURNAL_CODE, "", has(r, PF_JOURNAL_WHY) ? ": " : "", to);
    put(r, PF_JOURNAL_WHY, to);
    fputc(']', to);
}

static void put_refused(const struct pf_journal_record *r, FILE *to)
{
    fputs("Refused for ", to);
    put(r, PF_JOURNAL_RECIPIENT, to);
    put_with(r, PF_JOURNAL_USER, " (user ", ")", to);
    fputs(", because ", to);
    put_cause(r, to);
    fputs("; brought", to);
    put_way(r, to);
}

/* From where, and as whom. */
static void put_session(const struct pf_journal_record *r, FILE *to)
{
    put_with(r, PF_JOURNAL_ADDRESS, " from ", "", to);
    fputs(" by ", to);
    put(r, PF_JOURNAL_USER, to);
    fprintf(to, " (session %" PRIu64 ".%" PRIu64, r->number[PF_JOURNAL_PROCESS], r->number[PF_JOURNAL_SESSION]);
    put_with(r, PF_JOURNAL_MECHANISM, ", ", "", to);
    if (pf_bytes_equal(r->text[PF_JOURNAL_TLS], PF_LIT("none")))
        fputs(", no TLS", to);
    else
        put_with(r, PF_JOURNAL_TLS, ", ", "", to);
    put_with(r, PF_JOURNAL_TOKEN, ", token ", "", to);
    put_with(r, PF_JOURNAL_MASTER, ", through master user ", "", to);
    fputc(')', to);
}

static void put_fetched(const struct pf_journal_record *r, FILE *to)
{
    fprintf(to, "Fetched whole, %" PRIu64 " octets,", r->number[PF_JOURNAL_OCTETS]);
    put_session(r, to);
    if (r->number[PF_JOURNAL_UNCONFIRMED])
        fprintf(to, "; the last %" PRIu64 " octets were still on their way when the session ended",
                r->number[PF_JOURNAL_UNCONFIRMED]);
}

static void put_cut(const struct pf_journal_record *r, FILE *to)
{
    static const struct {
        const char *end, *words;
    } ends[] = {{"eof", "the client ended the connection"},
                {"stall", "the client did not take more"},
                {"kicked", "the session was ended by the administrator"},
                {"shutdown", "the server was stopped"}};

    fprintf(to, "Cut off: the client's machine acknowledged %" PRIu64 " of %" PRIu64 " octets",
            r->number[PF_JOURNAL_SENT], r->number[PF_JOURNAL_OCTETS]);
    if (has(r, PF_JOURNAL_CODE)) {
        fputs(", because of ", to);
        put_cause(r, to);
    } else {
        fputs(", then ", to);
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
            if (pf_bytes_equal(r->text[PF_JOURNAL_END], pf_bytes_of(ends[i].end)))
                fprintf(to, "%s ", ends[i].words);
        put_with(r, PF_JOURNAL_END, "[", "]", to);
    }
    fputc(';', to);
    put_session(r, to);
}

static void put_deleted(const struct pf_journal_record *r, FILE *to)
{
    bool expire = pf_bytes_equal(r->text[PF_JOURNAL_VIA], PF_LIT("expire"));

    fputs(expire ? "Removed for good at QUIT, as mail here is when it was fetched (expire 0),"
                 : "Deleted for good", to);
    put_session(r, to);
}

/* The store did not come to say how far it got, or said that it got half the way. */
static bool is_unknown(const struct pf_journal_record *kept)
{
    return pf_bytes_equal(kept->text[PF_JOURNAL_CODE], PF_LIT("TEMP")) ||
           pf_bytes_equal(kept->text[PF_JOURNAL_CODE], PF_LIT("PARTIAL"));
}

static void put_kept(const struct pf_journal_record *r, FILE *to)
{
    fputs(is_unknown(r) ? "Whether it was deleted is not known, because of " : "Deleting it failed, because of ", to);
    put_cause(r, to);
    put_session(r, to);
}

static void put_session_end(const struct pf_journal_record *r, FILE *to)
{
    fprintf(to, "Session ended [");
    put(r, PF_JOURNAL_END, to);
    fprintf(to, "]: %" PRIu64 " messages listed, %" PRIu64 " fetched, %" PRIu64 " deleted;",
            r->number[PF_JOURNAL_COUNT], r->number[PF_JOURNAL_FETCHED], r->number[PF_JOURNAL_DELETED]);
    put_session(r, to);
}

static void put_expired(const struct pf_journal_record *r, FILE *to)
{
    fprintf(to, "Expired: %" PRIu64 " messages older than %" PRIu64 " days were removed at a login",
            r->number[PF_JOURNAL_COUNT], r->number[PF_JOURNAL_DAYS]);
    put_session(r, to);
}

static void put_topped(const struct pf_journal_record *r, FILE *to)
{
    fputs("Its beginning was looked at (TOP)", to);
    put_session(r, to);
}

void pf_why_tell_record(const struct pf_journal_record *r, FILE *to)
{
    static void (*const tellers[PF_JOURNAL_EVENTS])(const struct pf_journal_record *, FILE *) = {
        [PF_JOURNAL_delivered] = put_delivered, [PF_JOURNAL_refused] = put_refused, [PF_JOURNAL_fetched] = put_fetched,
        [PF_JOURNAL_cut] = put_cut,             [PF_JOURNAL_topped] = put_topped,   [PF_JOURNAL_deleted] = put_deleted,
        [PF_JOURNAL_kept] = put_kept,           [PF_JOURNAL_expired] = put_expired,
        [PF_JOURNAL_session] = put_session_end,
    };
    char room[PF_WHY_TIME];

    if (!tellers[r->event])
        return;
    fprintf(to, "%s  ", when(r->at, room));
    tellers[r->event](r, to);
    fputs(".\n", to);
}

static bool is_of(const struct pf_journal_record *r, struct pf_bytes maildrop, struct pf_bytes uidl)
{
    return pf_bytes_equal(r->text[PF_JOURNAL_MAILDROP], maildrop) && pf_bytes_equal(r->text[PF_JOURNAL_UIDL], uidl);
}

static bool same_session(const struct pf_journal_record *a, const struct pf_journal_record *b)
{
    return a->number[PF_JOURNAL_PROCESS] == b->number[PF_JOURNAL_PROCESS] &&
           a->number[PF_JOURNAL_SESSION] == b->number[PF_JOURNAL_SESSION];
}

static void take(struct pf_why_mail *m, const struct pf_journal_record *r)
{
    if (r->event == PF_JOURNAL_delivered)
        m->delivered = r;
    else if (r->event == PF_JOURNAL_fetched && !r->number[PF_JOURNAL_UNCONFIRMED])
        m->whole = r;
    else if (r->event == PF_JOURNAL_fetched)
        m->unsure = r;
    else if (r->event == PF_JOURNAL_cut)
        m->cut = r;
    else if (r->event == PF_JOURNAL_deleted)
        m->deleted = r;
    else if (r->event == PF_JOURNAL_kept)
        m->kept = r;
    else if (r->event == PF_JOURNAL_topped)
        m->topped = r;
    if (r->event != PF_JOURNAL_kept && m->kept && is_unknown(m->kept) && !same_session(r, m->kept))
        m->kept = NULL; /* another session had it in its hands since */
}

/* Mail that is older than the days goes at a login, all of it (store.h); so a mail that was there and old enough
 * is one of them. */
static bool ended_by_age(const struct pf_why_mail *m, const struct pf_journal_record *r)
{
    int64_t days;

    return r->event == PF_JOURNAL_expired && m->delivered && !m->deleted && !m->expired &&
           !__builtin_mul_overflow((int64_t)(r->number[PF_JOURNAL_DAYS] & INT32_MAX), 86400000LL, &days) &&
           m->delivered->at <= r->at - days;
}

/* A session that had it in its list, and was not for a part of the mail only. */
static bool listed_it(const struct pf_why_mail *m, const struct pf_journal_record *r, int64_t from)
{
    int64_t opened = (int64_t)(r->number[PF_JOURNAL_OPENED] & INT64_MAX);

    return r->event == PF_JOURNAL_session && !has(r, PF_JOURNAL_RECIPIENT) && opened >= from &&
           (!m->deleted || opened <= m->deleted->at) &&
           (!m->kept || !is_unknown(m->kept) || opened <= m->kept->at) && (!m->expired || opened < m->expired->at);
}

void pf_why_judge(const struct pf_why *w, struct pf_bytes maildrop, struct pf_bytes uidl, struct pf_why_mail *out)
{
    struct pf_why_mail m = {0};
    int64_t from = INT64_MAX;

    for (size_t i = 0; i < w->count; i++) {
        const struct pf_journal_record *r = &w->kept[i].r;

        if (is_of(r, maildrop, uidl)) {
            take(&m, r);
            from = r->at < from ? r->at : from;
        } else if (pf_bytes_equal(r->text[PF_JOURNAL_MAILDROP], maildrop) && ended_by_age(&m, r)) {
            m.expired = r;
        }
    }
    for (size_t i = 0; i < w->count; i++) {
        const struct pf_journal_record *r = &w->kept[i].r;

        if (pf_bytes_equal(r->text[PF_JOURNAL_MAILDROP], maildrop) && listed_it(&m, r, from)) {
            m.listed++;
            m.last_listed = r;
        }
    }
    *out = m;
}

static void put_moment(const char *words, const struct pf_journal_record *r, FILE *to)
{
    char room[PF_WHY_TIME];

    fprintf(to, "%s on %s", words, when(r->at, room));
    put_with(r, PF_JOURNAL_ADDRESS, " from ", "", to);
}

static void answer_deleted(const struct pf_why_mail *m, FILE *to)
{
    const struct pf_journal_record *fetched = m->whole ? m->whole : m->unsure;

    if (!fetched) {
        put_moment("It was deleted", m->deleted, to);
        fputs(m->cut ? ", although it was never fetched whole." : " without having been fetched.", to);
        return;
    }
    put_moment(m->whole ? "It was fetched whole" : "It was sent", fetched, to);
    if (!m->whole)
        fputs(" (whether all of it arrived is not known)", to);
    if (same_session(fetched, m->deleted))
        fputs(" and deleted by the same session.", to);
    else
        put_moment(" and deleted by another session", m->deleted, to), fputc('.', to);
}

static void answer_fetched(const struct pf_why_mail *m, FILE *to)
{
    if (m->whole)
        put_moment("It was fetched whole", m->whole, to);
    else
        put_moment("It was sent", m->unsure, to);
    if (!m->whole)
        fputs(", but whether all of it arrived is not known", to);
    if (m->expired)
        put_moment("; it was removed by its age", m->expired, to);
    else if (m->kept)
        put_moment(is_unknown(m->kept) ? "; whether it was deleted is not known since a try"
                                       : "; deleting it failed", m->kept, to);
    else
        fputs("; nobody deleted it since, so it should still be in the maildrop", to);
    fputc('.', to);
}

static void answer_waiting(const struct pf_why *w, const struct pf_why_mail *m, FILE *to)
{
    char room[PF_WHY_TIME];

    if (m->kept && is_unknown(m->kept)) {
        put_moment("Whether it was deleted is not known since a try", m->kept, to);
        fputs(m->cut ? "; it was never fetched whole." : "; no session is known to have fetched it.", to);
    } else if (m->cut) {
        put_moment("It was never fetched whole; the last try,", m->cut, to);
        fprintf(to, ", got %" PRIu64 " of %" PRIu64 " octets. It should still be in the maildrop.",
                m->cut->number[PF_JOURNAL_SENT], m->cut->number[PF_JOURNAL_OCTETS]);
    } else if (m->listed) {
        fprintf(to, "It should be in the maildrop: %u session%s listed it, the last on %s", m->listed,
                m->listed == 1 ? "" : "s", when(m->last_listed->at, room));
        put_with(m->last_listed, PF_JOURNAL_ADDRESS, " from ", "", to);
        fputs(", and none fetched it.", to);
    } else {
        fprintf(to, "It should be in the maildrop: no %ssession is known to have fetched it.",
                w->all_sessions ? "" : "session that moved mail, and no other is told by the settings, no ");
    }
}

void pf_why_answer(const struct pf_why *w, const struct pf_why_mail *m, FILE *to)
{
    if (m->deleted) {
        answer_deleted(m, to);
    } else if (m->whole || m->unsure) {
        answer_fetched(m, to);
    } else if (m->expired) {
        put_moment("It was removed by its age", m->expired, to);
        fputs(m->cut ? ", and was never fetched whole." : ", and nobody had fetched it.", to);
    } else {
        answer_waiting(w, m, to);
    }
    fputc('\n', to);
}

/* Sessions that looked at the list and left between two records of the mail, in one line. */
struct looks {
    unsigned count;
    const struct pf_journal_record *first, *last;
};

static void tell_looks(struct looks *l, FILE *to)
{
    char room[PF_WHY_TIME];

    if (l->count == 1)
        fprintf(to, "%s  Listed by a session", when(l->last->at, room));
    else if (l->count)
        fprintf(to, "%s  Listed by %u sessions since then, this the last:", when(l->last->at, room), l->count);
    if (l->count) {
        put_session(l->last, to);
        fputs(", which did not fetch it.\n", to);
    }
    *l = (struct looks){0};
}

/* Most sessions look at the list and go; of these nothing else has to be looked for. */
static bool only_looked(const struct pf_journal_record *session)
{
    return !session->number[PF_JOURNAL_FETCHED] && !session->number[PF_JOURNAL_TOPPED] &&
           !session->number[PF_JOURNAL_DELETED] && !session->number[PF_JOURNAL_SENT] &&
           pf_bytes_equal(session->text[PF_JOURNAL_END], PF_LIT("quit"));
}

/* The session told something of this mail itself. */
static bool touched(const struct pf_why *w, const struct pf_journal_record *session, struct pf_bytes maildrop,
                    struct pf_bytes uidl)
{
    if (only_looked(session))
        return false;
    for (size_t i = 0; i < w->count; i++)
        if (is_of(&w->kept[i].r, maildrop, uidl) && w->kept[i].r.event != PF_JOURNAL_delivered &&
            same_session(&w->kept[i].r, session))
            return true;
    return false;
}

static void tell_mail(const struct pf_why *w, struct pf_bytes maildrop, struct pf_bytes uidl, FILE *to)
{
    struct pf_why_mail m;
    struct looks looks = {0};
    int64_t from = INT64_MAX;

    pf_why_judge(w, maildrop, uidl, &m);
    for (size_t i = 0; i < w->count; i++) {
        const struct pf_journal_record *r = &w->kept[i].r;

        if (is_of(r, maildrop, uidl)) {
            tell_looks(&looks, to);
            pf_why_tell_record(r, to);
            from = from == INT64_MAX ? r->at : from;
        } else if (r == m.expired) {
            tell_looks(&looks, to);
            pf_why_tell_record(r, to);
        } else if (pf_bytes_equal(r->text[PF_JOURNAL_MAILDROP], maildrop) && listed_it(&m, r, from) &&
                   !touched(w, r, maildrop, uidl)) {
            looks.count++;
            looks.last = r;
        }
    }
    tell_looks(&looks, to);
    pf_why_answer(w, &m, to);
}

/* Whether an earlier record is of the same mail. */
static bool was_told(const struct pf_why *w, size_t index)
{
    const struct pf_journal_record *r = &w->kept[index].r;

    for (size_t i = 0; i < index; i++)
        if (is_of(&w->kept[i].r, r->text[PF_JOURNAL_MAILDROP], r->text[PF_JOURNAL_UIDL]))
            return true;
    return false;
}

void pf_why_tell_mails(const struct pf_why *w, FILE *to)
{
    bool first = true, refused = false;

    for (size_t i = 0; i < w->count; i++) {
        const struct pf_journal_record *r = &w->kept[i].r;

        if (r->event == PF_JOURNAL_refused)
            pf_why_tell_record(r, to), refused = true;
    }
    for (size_t i = 0; i < w->count; i++) {
        const struct pf_journal_record *r = &w->kept[i].r;

        if (!has(r, PF_JOURNAL_UIDL) || was_told(w, i))
            continue;
        if (!first || refused)
            fputc('\n', to);
        first = false;
        tell_mail(w, r->text[PF_JOURNAL_MAILDROP], r->text[PF_JOURNAL_UIDL], to);
    }
    if (first && refused)
        fputs("It was refused, and is in no maildrop.\n", to);
}
