#include "tool/fetch_text.h"

#include "base/text.h"
#include "conf/utf8.h"
#include "tool/speech.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    NAME_MOST = 24, /* columns; a longer name is cut, so that the figures stand */
    NAME_LEAST = 10,
    BAR_MOST = 40,
    BAR_LEAST = 8,
    SAMPLE = 500 /* ms; a rate that changes ten times a second cannot be read */
};

const char *pf_fetch_octets(uint64_t octets, char room[PF_FETCH_OCTETS])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    const char *point = pf_say(".", ",");
    size_t unit = 0;
    uint64_t rest = 0;

    for (; octets >= 1000; unit++) {
        rest = octets % 1000 / 100;
        octets /= 1000;
    }
    if (unit && octets < 10)
        snprintf(room, PF_FETCH_OCTETS, "%" PRIu64 "%s%" PRIu64 " %s", octets, point, rest, units[unit]);
    else
        snprintf(room, PF_FETCH_OCTETS, "%" PRIu64 " %s", octets, units[unit]);
    return room;
}

const char *pf_fetch_time(pf_time ms, char room[PF_FETCH_TIME])
{
    int64_t s = (ms + 999) / 1000;

    if (s >= 3600)
        snprintf(room, PF_FETCH_TIME, "%" PRId64 ":%02d:%02d", s / 3600, (int)(s / 60 % 60),
                 (int)(s % 60));
    else
        snprintf(room, PF_FETCH_TIME, "%d:%02d", (int)(s / 60), (int)(s % 60));
    return room;
}

const char *pf_fetch_took(pf_time ms, char room[PF_FETCH_TIME])
{
    if (ms >= 60000)
        return pf_fetch_time(ms, room);
    snprintf(room, PF_FETCH_TIME, "%d%s%d s", (int)(ms / 1000), pf_say(".", ","),
             (int)(ms % 1000 / 100));
    return room;
}

/* Octets of the text's first `columns` columns. */
static size_t head_of(const char *text, size_t columns)
{
    struct pf_bytes rest = pf_bytes_of(text);
    size_t len = rest.len;

    for (; columns && rest.len; columns--) {
        size_t n = pf_conf_utf8(rest);

        rest = pf_bytes_skip(rest, n ? n : 1);
    }
    return len - rest.len;
}

size_t pf_fetch_columns(const char *text)
{
    size_t columns = 0;

    for (struct pf_bytes rest = pf_bytes_of(text); rest.len; columns++) {
        size_t n = pf_conf_utf8(rest);

        rest = pf_bytes_skip(rest, n ? n : 1);
    }
    return columns;
}

void pf_fetch_progress_begin(struct pf_fetch_progress *p)
{
    *p = (struct pf_fetch_progress){.rate = -1};
}

static void close_message(struct pf_fetch_progress *p)
{
    p->base += p->current;
    p->octets = p->base;
    p->current = p->so_far = 0;
}

void pf_fetch_progress_listed(struct pf_fetch_progress *p, uint64_t fresh, uint64_t fresh_octets)
{
    close_message(p);
    p->of_messages = p->messages + fresh;
    p->of_octets = p->base + fresh_octets;
}

void pf_fetch_progress_message(struct pf_fetch_progress *p, uint64_t octets)
{
    close_message(p);
    p->current = octets;
}

void pf_fetch_progress_moves(struct pf_fetch_progress *p, uint64_t so_far)
{
    p->so_far = so_far;
    if (p->current < so_far)
        p->current = so_far; /* more than was told, or nothing was */
    p->octets = p->base + so_far;
}

void pf_fetch_progress_look(struct pf_fetch_progress *p, pf_time now)
{
    double rate;

    if (p->sampled == 0) {
        p->sampled = now;
        p->sampled_octets = p->octets;
    }
    if (now - p->sampled < SAMPLE)
        return;
    rate = (double)(p->octets - p->sampled_octets) * 1000 / (double)(now - p->sampled);
    p->rate = p->rate < 0 ? rate : 0.7 * p->rate + 0.3 * rate;
    p->sampled = now;
    p->sampled_octets = p->octets;
}

pf_time pf_fetch_progress_left(const struct pf_fetch_progress *p)
{
    double ms;

    if (p->rate < 1 || p->of_octets <= p->octets)
        return -1;
    ms = (double)(p->of_octets - p->octets) / p->rate * 1000;
    return ms < 360000000 ? (pf_time)ms : -1; /* a hundred hours are no estimate */
}

/* Parts in a thousand. */
static unsigned share(const struct pf_fetch_progress *p)
{
    uint64_t have = p->of_octets ? p->octets : p->messages,
             all = p->of_octets ? p->of_octets : p->of_messages;

    if (all == 0 || have >= all)
        return all ? 1000 : 0;
    return (unsigned)((double)have / (double)all * 1000);
}

static void put_name(struct pf_span *out, const char *name, size_t columns)
{
    size_t have = pf_fetch_columns(name);

    pf_span_put(out, pf_bytes_from(name, head_of(name, columns)));
    for (; have < columns; have++)
        pf_span_put(out, PF_LIT(" "));
}

static void put_graph(struct pf_span *out, unsigned parts, size_t columns)
{
    size_t inner = columns - 3, full = inner * parts / 1000;

    pf_span_put(out, PF_LIT(" ["));
    for (size_t i = 0; i < inner; i++)
        pf_span_put(out, i < full ? PF_LIT("#") : PF_LIT("."));
    pf_span_put(out, PF_LIT("]"));
}

/* The figures, the most wanted first: each is shown when it and those before it fit. */
static size_t figures(const struct pf_fetch_progress *p, size_t room, char text[PF_FETCH_LINE])
{
    char a[PF_FETCH_OCTETS], b[PF_FETCH_OCTETS], left[PF_FETCH_TIME], part[4][64];
    struct pf_span out = {(unsigned char *)text, 0, PF_FETCH_LINE - 1};
    size_t columns = 0;

    snprintf(part[0], sizeof part[0], " %3u %%", share(p) / 10);
    snprintf(part[1], sizeof part[1], "  %" PRIu64 "/%" PRIu64, p->messages, p->of_messages);
    snprintf(part[2], sizeof part[2], pf_say("  %s of %s", "  %s von %s"), pf_fetch_octets(p->octets, a),
             pf_fetch_octets(p->of_octets, b));
    part[3][0] = 0;
    if (p->rate >= 0)
        snprintf(part[3], sizeof part[3], "  %s/s  %s", pf_fetch_octets((uint64_t)p->rate, a),
                 pf_fetch_progress_left(p) < 0 ? "-:--"
                                               : pf_fetch_time(pf_fetch_progress_left(p), left));
    for (size_t i = 0; i < 4; i++) {
        size_t more = pf_fetch_columns(part[i]);

        if (columns + more > room)
            break;
        pf_span_put(&out, pf_bytes_of(part[i]));
        columns += more;
    }
    text[out.len] = 0;
    return columns;
}

void pf_fetch_bar(const char *name, const struct pf_fetch_progress *p, const char *doing, size_t width,
                  char line[PF_FETCH_LINE])
{
    struct pf_span out = {(unsigned char *)line, 0, PF_FETCH_LINE - 1};
    size_t wide = pf_fetch_columns(name), taken;
    char text[PF_FETCH_LINE];

    if (width > PF_FETCH_LINE / 4 - 1)
        width = PF_FETCH_LINE / 4 - 1;
    wide = wide > NAME_MOST ? NAME_MOST : wide < NAME_LEAST ? NAME_LEAST : wide;
    wide = wide > width ? width : wide;
    put_name(&out, name, wide);
    if (doing) {
        pf_span_put(&out, PF_LIT(" "));
        pf_span_put(&out, pf_bytes_from(doing, head_of(doing, width > wide + 1 ? width - wide - 1 : 0)));
        line[width > wide ? out.len : wide] = 0;
        return;
    }
    taken = width - wide > BAR_LEAST ? figures(p, width - wide - BAR_LEAST, text) : 0;
    if (width - wide - taken >= BAR_LEAST)
        put_graph(&out, share(p), width - wide - taken < BAR_MOST ? width - wide - taken : BAR_MOST);
    if (taken)
        pf_span_put(&out, pf_bytes_of(text));
    line[out.len] = 0;
}
