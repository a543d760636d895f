#include "tool/why_parts.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    MAILS = 50,  /* a screen or two; the newest */
    REFUSED = 20 /* and runs of expiry */
};

struct mail {
    struct pf_bytes maildrop, uidl;
    const struct pf_journal_record *first; /* of it */
};

struct user {
    const struct pf_why *why;
    struct mail *mails;
    size_t mail_count;
    uint64_t sessions, refused, alone, whole, deleted, waiting, expired;
    const struct pf_journal_record *last; /* session */
};

static int by_mail(const void *a, const void *b)
{
    const struct mail *x = a, *y = b;
    const struct pf_bytes left[] = {x->maildrop, x->uidl}, right[] = {y->maildrop, y->uidl};

    for (int i = 0; i < 2; i++) {
        size_t len = left[i].len < right[i].len ? left[i].len : right[i].len;
        int order = len ? memcmp(left[i].at, right[i].at, len) : 0;

        if (order || left[i].len != right[i].len)
            return order ? order : left[i].len > right[i].len ? 1 : -1;
    }
    return x->first > y->first ? 1 : x->first < y->first ? -1 : 0;
}

static int by_time(const void *a, const void *b)
{
    const struct mail *x = a, *y = b;

    return x->first > y->first ? 1 : -1; /* records lie in order of time */
}

/* What is of no single mail. */
static bool stands_alone(const struct pf_journal_record *r)
{
    return r->event == PF_JOURNAL_refused || r->event == PF_JOURNAL_expired;
}

/* Each mail once, by its first record. */
static bool gather(struct user *u)
{
    size_t kept = 0;

    u->mails = calloc(u->why->count + 1, sizeof *u->mails);
    if (!u->mails)
        return false;
    for (size_t i = 0; i < u->why->count; i++) {
        const struct pf_journal_record *r = &u->why->kept[i].r;

        u->refused += r->event == PF_JOURNAL_refused;
        u->alone += stands_alone(r);
        u->sessions += r->event == PF_JOURNAL_session;
        u->last = r->event == PF_JOURNAL_session ? r : u->last;
        if (r->text[PF_JOURNAL_UIDL].len)
            u->mails[u->mail_count++] = (struct mail){r->text[PF_JOURNAL_MAILDROP], r->text[PF_JOURNAL_UIDL], r};
    }
    qsort(u->mails, u->mail_count, sizeof *u->mails, by_mail);
    for (size_t i = 0; i < u->mail_count; i++)
        if (i == 0 || !pf_bytes_equal(u->mails[i].uidl, u->mails[i - 1].uidl) ||
            !pf_bytes_equal(u->mails[i].maildrop, u->mails[i - 1].maildrop))
            u->mails[kept++] = u->mails[i];
    u->mail_count = kept;
    qsort(u->mails, kept, sizeof *u->mails, by_time);
    return true;
}

static void tell_refused(const struct user *u, FILE *to)
{
    uint64_t skip = u->alone > REFUSED ? u->alone - REFUSED : 0;

    for (size_t i = 0; i < u->why->count; i++) {
        const struct pf_journal_record *r = &u->why->kept[i].r;

        if (!stands_alone(r))
            continue;
        if (skip)
            skip--;
        else
            pf_why_tell_record(r, to);
    }
}

static void tell_mail(struct user *u, const struct mail *mail, FILE *to)
{
    struct pf_why_mail m;
    char room[PF_WHY_TIME];

    pf_why_judge(u->why, mail->maildrop, mail->uidl, &m);
    u->deleted += m.deleted != NULL;
    u->whole += m.whole || m.unsure;
    u->expired += m.expired && !m.deleted;
    u->waiting += !m.deleted && !m.expired && !m.whole && !m.unsure;
    fprintf(to, "%s  ", pf_why_time(mail->first->at, room));
    pf_why_put(mail->first->text[PF_JOURNAL_MESSAGE_ID], to);
    if (mail->first->text[PF_JOURNAL_MESSAGE_ID].len)
        fputs(", ", to);
    fputs("UIDL ", to);
    pf_why_put(mail->uidl, to);
    fprintf(to, ", %" PRIu64 " octets", mail->first->number[PF_JOURNAL_OCTETS]);
    if (mail->first->text[PF_JOURNAL_SENDER].len) {
        fputs(", envelope sender ", to);
        pf_why_put(mail->first->text[PF_JOURNAL_SENDER], to);
    }
    fputs(". ", to);
    pf_why_answer(u->why, &m, to);
}

static void tell_end(const struct user *u, size_t shown, FILE *to)
{
    char room[PF_WHY_TIME];

    if (u->last) {
        fprintf(to, "%" PRIu64 " session%s, and this was the last:\n", u->sessions, u->sessions == 1 ? "" : "s");
        pf_why_tell_record(u->last, to);
    }
    fprintf(to, "%s%zu mail%s%s: %" PRIu64 " sent whole, %" PRIu64 " deleted, %" PRIu64 " expired, %" PRIu64
            " not fetched; %" PRIu64 " refused; ", shown < u->mail_count ? "Of the last " : "", shown,
            shown == 1 ? "" : "s", shown < u->mail_count ? " above" : "", u->whole, u->deleted, u->expired, u->waiting,
            u->refused);
    if (u->last)
        fprintf(to, "last seen on %s.\n", pf_why_time(u->last->at, room));
    else
        fprintf(to, "no session ended.\n");
}

void pf_why_tell_user(const struct pf_why *w, struct pf_bytes user, FILE *to)
{
    struct user u = {.why = w};
    size_t from;

    if (!gather(&u)) {
        fputs("There is no memory for this.\n", to);
        return;
    }
    from = u.mail_count > MAILS ? u.mail_count - MAILS : 0;
    if (u.alone)
        fputs("Refused or expired, of ", to), pf_why_put(user, to), fputs(":\n", to);
    tell_refused(&u, to);
    if (u.mail_count)
        fputs("Mails of ", to), pf_why_put(user, to);
    if (from)
        fprintf(to, ", the last %d of %zu", MAILS, u.mail_count);
    if (u.mail_count)
        fputs(":\n", to);
    for (size_t i = from; i < u.mail_count; i++)
        tell_mail(&u, &u.mails[i], to);
    tell_end(&u, u.mail_count - from, to);
    free(u.mails);
}
