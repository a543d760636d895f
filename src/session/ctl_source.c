#include "session/ctl_source.h"

#include <assert.h>
#include <stdio.h>

static const char *const states[] = {
    [PF_CTL_STATE_EARLY] = "early",
    [PF_CTL_STATE_TLS] = "tls",
    [PF_CTL_STATE_LOGIN] = "login",
    [PF_CTL_STATE_TRANSACTION] = "transaction",
    [PF_CTL_STATE_SENDING] = "sending",
    [PF_CTL_STATE_UPDATE] = "update",
};
static_assert(sizeof states / sizeof states[0] == PF_CTL_STATES, "each has a name");

enum { ID = 32 /* two numbers and a dot */ };

static const char *id_of(const struct pf_ctl_session *s, char *room)
{
    unsigned long long number = s->number;

    if (s->gate)
        snprintf(room, ID, "%u.%llu", s->gate, number);
    else
        snprintf(room, ID, "%llu", number);
    return room;
}

void pf_ctl_session_line(const struct pf_ctl_session *s, bool all, char line[PF_CTL_SESSION_LINE])
{
    char id[ID];
    int len = snprintf(line, PF_CTL_SESSION_LINE, "%s\t%s\t%s\t%s\t%s\t%llu\t%llu\t%u\t%llu", id_of(s, id), s->user,
                       s->address, s->tls, states[s->state], (unsigned long long)s->age / 1000,
                       (unsigned long long)s->idle / 1000, s->messages, (unsigned long long)s->octets);

    if (all)
        snprintf(line + len, PF_CTL_SESSION_LINE - (size_t)len, "\t%u\t%llu\t%llu\t%s", s->fetched,
                 (unsigned long long)s->received, (unsigned long long)s->sent, s->command);
}

void pf_ctl_ask(struct pf_ctl_source *source, struct pf_ctl_ask *ask)
{
    assert(!ask->source);
    ask->source = source;
    source->calls->ask(source, ask);
}

void pf_ctl_abandon(struct pf_ctl_ask *ask)
{
    struct pf_ctl_source *source = ask->source;

    ask->source = NULL;
    if (source)
        source->calls->abandon(source, ask);
}

void pf_ctl_answered(struct pf_ctl_ask *ask)
{
    ask->source = NULL;
    ask->done(ask);
}

void pf_ctl_ask_done(struct pf_ctl_ask *ask)
{
    pf_ctl_text_done(&ask->text);
    pf_ctl_text_done(&ask->missing);
    pf_stats_free(ask->stats);
    ask->stats = NULL;
}

void pf_ctl_source_free(struct pf_ctl_source *source)
{
    if (source)
        source->calls->free(source);
}
