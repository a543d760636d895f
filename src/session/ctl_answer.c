#include "session/ctl_answer.h"

#include <assert.h>
#include <stdio.h>

enum { LINE = 400 /* the head of an answer of HTTP */ };

static_assert((int)PF_CTL_LINE_MAX > (int)PF_CTL_NAME_MAX, "names that are longer than any user's come in, too");

static void wish_kick(const struct pf_ctl_request *r, struct pf_ctl_who *who)
{
    *who = (struct pf_ctl_who){.gate = r->gate, .number = r->id};
    if (r->word == PF_CTL_KICK_USER && r->name.len <= PF_CTL_NAME_MAX)
        memcpy(who->name, r->name.at, r->name.len);
}

bool pf_ctl_wish(const struct pf_ctl_request *r, struct pf_ctl_ask *ask, struct pf_ctl_text *out)
{
    switch (r->word) {
    case PF_CTL_BAD:
        pf_ctl_put(out, "-not understood\n.");
        return false;
    case PF_CTL_SESSIONS:
    case PF_CTL_SESSIONS_ALL:
        ask->wish = PF_CTL_WISH_SESSIONS;
        ask->all = r->word == PF_CTL_SESSIONS_ALL;
        return true;
    case PF_CTL_KICK_ID:
    case PF_CTL_KICK_USER:
        ask->wish = PF_CTL_WISH_KICK;
        wish_kick(r, &ask->who);
        if (ask->who.number || ask->who.name[0])
            return true;
        pf_ctl_put(out, "-no such session\n."); /* ids count from one */
        return false;
    case PF_CTL_RELOAD:
        ask->wish = PF_CTL_WISH_RELOAD;
        return true;
    case PF_CTL_STATS:
    case PF_CTL_METRICS:
        ask->wish = PF_CTL_WISH_STATS;
        return true;
    }
    return false;
}

/* A line that began well, and who did not answer. */
static void put_head(struct pf_ctl_text *out, const char *word, const struct pf_ctl_ask *ask)
{
    pf_ctl_put_bytes(out, pf_bytes_of(word));
    if (ask->missing.len) {
        pf_ctl_put_bytes(out, PF_LIT(", without "));
        pf_ctl_put_bytes(out, pf_ctl_text_bytes(&ask->missing));
    }
    pf_ctl_put_bytes(out, PF_LIT("\n"));
}

static void put_kicked(struct pf_ctl_text *out, const struct pf_ctl_ask *ask)
{
    char line[64];

    snprintf(line, sizeof line, "+kicked %llu", (unsigned long long)ask->kicked);
    put_head(out, ask->kicked ? line : "-no such session", ask);
}

static void put_stats(struct pf_ctl_text *out, const struct pf_ctl_ask *ask, bool people)
{
    if (!ask->stats) {
        out->failed = true;
        return;
    }
    put_head(out, people ? "+stats" : "+metrics", ask);
    (people ? pf_stats_tell : pf_stats_write)(ask->stats, pf_ctl_put, out);
}

void pf_ctl_answer(enum pf_ctl_word word, struct pf_ctl_ask *ask, struct pf_ctl_text *out)
{
    switch (ask->wish) {
    case PF_CTL_WISH_SESSIONS:
        put_head(out, "+sessions", ask);
        break;
    case PF_CTL_WISH_KICK:
        put_kicked(out, ask);
        break;
    case PF_CTL_WISH_STATS:
        put_stats(out, ask, word == PF_CTL_STATS);
        break;
    case PF_CTL_WISH_RELOAD: /* what was told comes behind the line that says how it went */
        put_head(out, ask->good ? "+reloaded" : "-the settings were not taken on, the old ones stay in force", ask);
        break;
    }
    pf_ctl_put_bytes(out, pf_ctl_text_bytes(&ask->text));
    out->failed = out->failed || ask->text.failed || ask->missing.failed;
    pf_ctl_put(out, ".");
}

void pf_ctl_answer_http(enum pf_ctl_status status, struct pf_ctl_ask *ask, struct pf_ctl_text *out)
{
    struct pf_ctl_text text = {0};
    char head[LINE];

    if (ask && ask->stats)
        pf_stats_write(ask->stats, pf_ctl_put, &text);
    else if (ask)
        out->failed = true;
    else
        pf_ctl_put(&text, pf_ctl_http_text(status));
    snprintf(head, sizeof head,
             "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
             "Content-Length: %zu\r\nCache-Control: no-store\r\n%sConnection: close\r\n\r\n",
             pf_ctl_http_text(status), text.len, status == PF_CTL_HTTP_METHOD ? "Allow: GET\r\n" : "");
    pf_ctl_put_bytes(out, pf_bytes_of(head));
    pf_ctl_put_bytes(out, pf_ctl_text_bytes(&text));
    out->failed = out->failed || text.failed;
    pf_ctl_text_done(&text);
}
