/* Verdicts on a maildrop, and what of it is told. */
#include "tool/probe_mail.h"

#include "base/text.h"
#include "tool/safe.h"
#include "tool/speech.h"

#include <inttypes.h>
#include <stdlib.h>

#define NOTHING (void)check, (void)door, (void)proof

static enum pf_probe_verdict good_if(bool good)
{
    return good ? PF_PROBE_GOOD : PF_PROBE_BAD;
}

/* Whether it was answered at all; that it was not is told once, of the session. */
static bool answered(const struct pf_probe_answer *a)
{
    return a->end == PF_END_WHOLE || a->end == PF_END_REFUSED;
}

static enum pf_probe_verdict expect(const struct pf_probe_answer *a, enum pf_end end, char *proof)
{
    if (!answered(a))
        return PF_PROBE_SKIP;
    snprintf(proof, PF_PROBE_PROOF, "%s %s", a->end == PF_END_WHOLE ? "+OK" : "-ERR", a->text);
    return good_if(a->end == end);
}

/* Until QUIT the server has nothing to close. */
PF_PROBE_JUDGE(session)
{
    const struct pf_probe_mail *m = door->mail;

    NOTHING;
    pf_probe_escape(proof, PF_PROBE_PROOF, pf_bytes_of(m->err.log));
    return good_if(answered(&m->quit) || m->quit.lost == PF_LOST_QUIT);
}

PF_PROBE_JUDGE(login)
{
    const struct pf_probe_mail *m = door->mail;

    NOTHING;
    if (m->in)
        snprintf(proof, PF_PROBE_PROOF, "%s", m->mechanism);
    else
        pf_probe_escape(proof, PF_PROBE_PROOF,
                        pf_bytes_of(m->err.log[0] ? m->err.log : pf_err_say(&m->err)));
    return good_if(m->in);
}

PF_PROBE_JUDGE(login_capa)
{
    static const char *const goes[] = {"STLS", "SASL", "USER", "LOGIN-DELAY",
                                       "EXPIRE"}; /* by nature, or per user */
    const struct pf_probe_lines *out = pf_probe_offers(door->before),
                                *in = &door->capa[PF_PROBE_LOGGED_IN];
    struct pf_span span = {(unsigned char *)proof, 0, PF_PROBE_PROOF - 1};

    NOTHING;
    if (!door->capa_known[PF_PROBE_LOGGED_IN] || !out->count)
        return PF_PROBE_SKIP;
    for (size_t i = 0; i < out->count; i++) {
        char tag[PF_PROBE_LINE];
        bool may_go = false;

        snprintf(tag, sizeof tag, "%.*s", (int)strcspn(out->at[i], " "), out->at[i]);
        for (size_t k = 0; k < sizeof goes / sizeof goes[0]; k++)
            may_go |= pf_equal_nocase(pf_bytes_of(tag), pf_bytes_of(goes[k]));
        if (!may_go && !pf_probe_capability(in, tag))
            pf_span_format(&span, "%s%s", span.len ? " " : "", tag);
    }
    proof[span.len] = 0;
    return span.len ? PF_PROBE_NOTE : PF_PROBE_GOOD;
}

PF_PROBE_JUDGE(stat_list)
{
    const struct pf_probe_mail *m = door->mail;

    NOTHING;
    if (!answered(&m->stat) || !answered(&m->list))
        return PF_PROBE_SKIP;
    if (m->stat.end != PF_END_WHOLE || m->list.end != PF_END_WHOLE) {
        snprintf(proof, PF_PROBE_PROOF, "STAT: %s, LIST: %s", m->stat.text, m->list.text);
        return PF_PROBE_BAD;
    }
    if (m->count == PF_PROBE_MESSAGES)
        return PF_PROBE_SKIP;
    snprintf(proof, PF_PROBE_PROOF, "STAT: %" PRIu64 " %" PRIu64 ", LIST: %zu %" PRIu64, m->stat_count,
             m->stat_octets, m->count, m->list_sum);
    return good_if(m->stat_count == m->count && m->stat_octets == m->list_sum);
}

PF_PROBE_JUDGE(list_uidl)
{
    const struct pf_probe_mail *m = door->mail;

    NOTHING;
    if (m->uidl.end != PF_END_WHOLE || m->count == PF_PROBE_MESSAGES)
        return PF_PROBE_SKIP;
    snprintf(proof, PF_PROBE_PROOF, "LIST: %zu, UIDL: %zu%s%s", m->count, m->uid_count,
             m->stray ? ": " : "", m->stray_line);
    return good_if(m->uid_count == m->count && m->stray == 0);
}

static int by_uid(const void *a, const void *b)
{
    const struct pf_probe_message *x = *(const struct pf_probe_message *const *)a,
                                  *y = *(const struct pf_probe_message *const *)b;

    return strcmp(x->uid, y->uid);
}

PF_PROBE_JUDGE(uid_unique)
{
    const struct pf_probe_mail *m = door->mail;
    const struct pf_probe_message **sorted = calloc(m->count + 1, sizeof *sorted);
    enum pf_probe_verdict verdict =
        m->uidl.end == PF_END_WHOLE && sorted ? PF_PROBE_GOOD : PF_PROBE_SKIP;

    NOTHING;
    for (size_t i = 0; sorted && i < m->count; i++)
        sorted[i] = &m->messages[i];
    if (verdict == PF_PROBE_GOOD)
        qsort(sorted, m->count, sizeof *sorted, by_uid);
    for (size_t i = 1; verdict == PF_PROBE_GOOD && i < m->count; i++)
        if (sorted[i]->uid[0] && strcmp(sorted[i]->uid, sorted[i - 1]->uid) == 0) {
            snprintf(proof, PF_PROBE_PROOF, "%" PRIu64 " %s, %" PRIu64 " %s", sorted[i - 1]->number,
                     sorted[i - 1]->uid, sorted[i]->number, sorted[i]->uid);
            verdict = PF_PROBE_BAD;
        }
    free(sorted);
    return verdict;
}

PF_PROBE_JUDGE(uid_form)
{
    NOTHING;
    if (door->mail->uidl.end != PF_END_WHOLE)
        return PF_PROBE_SKIP;
    snprintf(proof, PF_PROBE_PROOF, "%s", door->mail->bad_uid);
    return good_if(!door->mail->bad_uid[0]);
}

static const struct pf_probe_message *message(const struct pf_probe_mail *m, uint64_t number)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->messages[i].number == number)
            return &m->messages[i];
    return NULL;
}

PF_PROBE_JUDGE(singles)
{
    const struct pf_probe_mail *m = door->mail;

    NOTHING;
    for (size_t i = 0; i < m->sample_count; i++) {
        const struct pf_probe_sample *s = &m->sample[i];
        const struct pf_probe_message *in_list = message(m, s->number);
        bool uid = s->uidl.end != PF_END_WHOLE || (in_list && strcmp(in_list->uid, s->uid) == 0);

        if (!answered(&s->list) || !answered(&s->uidl))
            continue;
        if (s->list.end == PF_END_WHOLE && s->list_octets == s->told && uid)
            continue;
        snprintf(proof, PF_PROBE_PROOF, "LIST %" PRIu64 ": %s, UIDL %" PRIu64 ": %s; %" PRIu64 " %s",
                 s->number, s->list.text, s->number, s->uidl.text, s->told, in_list ? in_list->uid : "");
        return PF_PROBE_BAD;
    }
    return m->sample_count ? PF_PROBE_GOOD : PF_PROBE_SKIP;
}

PF_PROBE_JUDGE(sizes)
{
    const struct pf_probe_mail *m = door->mail;

    NOTHING;
    for (size_t i = 0; i < m->sample_count; i++) {
        const struct pf_probe_sample *s = &m->sample[i];

        if (!answered(&s->retr) || (s->retr.end == PF_END_WHOLE && s->came == s->told))
            continue;
        snprintf(proof, PF_PROBE_PROOF,
                 "LIST %" PRIu64 ": %" PRIu64 ", RETR %" PRIu64 ": %" PRIu64 " %s", s->number, s->told,
                 s->number, s->came, s->retr.end == PF_END_WHOLE ? "" : s->retr.text);
        return PF_PROBE_BAD;
    }
    return m->sample_count ? PF_PROBE_GOOD : PF_PROBE_SKIP;
}

PF_PROBE_JUDGE(top)
{
    const struct pf_probe_mail *m = door->mail;
    bool none = true;

    NOTHING;
    for (size_t i = 0; i < m->sample_count; i++) {
        const struct pf_probe_sample *s = &m->sample[i];

        if (s->top.end != PF_END_WHOLE)
            continue;
        none = false;
        if (s->top_body == 0 && !(s->top.odd & PF_ODD_TWICE))
            continue;
        snprintf(proof, PF_PROBE_PROOF, "TOP %" PRIu64 " 0: %" PRIu64 ", %" PRIu64, s->number,
                 s->top_octets, s->top_body);
        return PF_PROBE_BAD;
    }
    return none ? PF_PROBE_SKIP : PF_PROBE_GOOD;
}

PF_PROBE_JUDGE(beyond)
{
    NOTHING;
    return expect(&door->mail->beyond, PF_END_REFUSED, proof);
}

PF_PROBE_JUDGE(noop)
{
    NOTHING;
    return expect(&door->mail->noop, PF_END_WHOLE, proof);
}

PF_PROBE_JUDGE(ahead)
{
    const struct pf_probe_mail *m = door->mail;

    NOTHING;
    if (!m->pipelining)
        return PF_PROBE_SKIP;
    snprintf(proof, PF_PROBE_PROOF, "%.120s; %.120s; %.120s; %.120s", m->ahead[0].text, m->ahead[1].text,
             m->ahead[2].text, m->ahead[3].text);
    return good_if(m->ahead[0].end == PF_END_WHOLE && m->ahead[1].end == PF_END_REFUSED &&
                   m->ahead[2].end == PF_END_WHOLE && m->ahead[3].end == PF_END_WHOLE);
}

PF_PROBE_JUDGE(expire)
{
    const char *line = pf_probe_capability(&door->capa[PF_PROBE_LOGGED_IN], "EXPIRE");

    NOTHING;
    if (!line)
        return PF_PROBE_SKIP;
    snprintf(proof, PF_PROBE_PROOF, "%s", line);
    return strncasecmp(line, "EXPIRE 0", 8) == 0 && (line[8] == 0 || line[8] == ' ') ? PF_PROBE_NOTE
                                                                                     : PF_PROBE_GOOD;
}

PF_PROBE_JUDGE(mail_quit)
{
    NOTHING;
    return expect(&door->mail->quit, PF_END_WHOLE, proof);
}

void pf_probe_mail_report(const struct pf_probe_door *door, FILE *to)
{
    const struct pf_probe_mail *m = door->mail;

    fputs(pf_say("login as ", "Anmeldung als "), to);
    pf_tool_print_safe(to, m->who ? m->who : "", false);
    if (!m->in) {
        fputc('\n', to);
        return;
    }
    fprintf(to, ": %s, %s %u, %.1f ms", m->mechanism, pf_say("port", "Port"), door->port,
            (double)(m->facts.logged_in - (m->facts.encrypted ? m->facts.encrypted : m->facts.greeted)));
    if (m->noop_ms >= 0)
        fprintf(to, ", NOOP %.1f ms", m->noop_ms);
    fprintf(to, "\n  %" PRIu64 " %s, %" PRIu64 " %s", m->stat_count, pf_say("messages", "Nachrichten"),
            m->stat_octets, pf_say("octets", "Octets"));
    if (m->last.end == PF_END_WHOLE)
        fprintf(to, ", LAST %" PRIu64, m->last_number);
    fputc('\n', to);
}

void pf_probe_mail_json(const struct pf_probe_door *door, FILE *to)
{
    const struct pf_probe_mail *m = door->mail;

    fprintf(to, ",\"login\":{\"done\":%s", m->in ? "true" : "false");
    if (m->in) {
        fprintf(to, ",\"mechanism\":\"%s\",\"certificate\":\"%s\"", m->mechanism, m->checked);
        fprintf(to, ",\"messages\":%" PRIu64 ",\"octets\":%" PRIu64 ",\"fetched\":%zu", m->stat_count,
                m->stat_octets, m->sample_count);
        if (m->noop_ms >= 0)
            fprintf(to, ",\"noop_ms\":%.1f", m->noop_ms);
        if (m->last.end == PF_END_WHOLE)
            fprintf(to, ",\"last\":%" PRIu64, m->last_number);
    }
    fputc('}', to);
}
