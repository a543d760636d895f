#include "sim.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINES_MAX = 4000 }; /* some 300 KiB: no buffer of the server holds it */

/* splitmix64: one word of state, every seed is good. */
uint64_t sim_random(struct sim *s)
{
    uint64_t z = s->state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

unsigned sim_pick(struct sim *s, unsigned below)
{
    return (unsigned)(sim_random(s) % below);
}

bool sim_chance(struct sim *s, unsigned percent)
{
    return sim_pick(s, 100) < percent;
}

void sim_put(struct sim_text *t, const void *from, size_t len)
{
    if (len > t->cap - t->len) {
        t->cap = (t->len + len) * 2 + 64;
        t->at = realloc(t->at, t->cap);
        assert(t->at);
    }
    if (len)
        memcpy(t->at + t->len, from, len);
    t->len += len;
}

void sim_say_text(struct sim_text *t, const char *format, ...)
{
    char line[512];
    va_list list;
    int len;

    va_start(list, format);
    len = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    assert(len >= 0 && (size_t)len < sizeof line);
    sim_put(t, line, (size_t)len);
}

void sim_text_done(struct sim_text *t)
{
    free(t->at);
    *t = (struct sim_text){0};
}

/* Lines as the worst programs write them: dots in front, every kind of end, NUL, lone CR. */
static void invent_line(struct sim *s, struct sim_text *t)
{
    static const char *const ends[] = {"\n", "\n", "\r\n", "\r\n", "\r\r\n", "\n\n", "\r\n\r\n"};
    unsigned len = sim_chance(s, 5) ? sim_pick(s, 3000) : sim_pick(s, 70);
    const char *end = ends[sim_pick(s, sizeof ends / sizeof ends[0])];

    for (unsigned dots = sim_chance(s, 25) ? 1 + sim_pick(s, 3) : 0; dots; dots--)
        sim_put(t, ".", 1);
    for (unsigned i = 0; i < len; i += 8) {
        uint64_t word = sim_random(s); /* eight letters at once; now and then any octets */
        uint64_t any = word % 61 == 0 ? word : (word & 0x1f1f1f1f1f1f1f1fu) + 0x4040404040404040u;

        sim_put(t, &any, len - i < 8 ? len - i : 8);
    }
    sim_put(t, end, strlen(end));
}

/* The oracle: octet by octet, as RFC 1939 section 3 says it, and nothing of the server's. */
static void make_wire(struct sim_message *m)
{
    unsigned char *to = m->wire.at = malloc(m->text.len * 3 + 2);
    uint64_t dots = 0;
    bool begin = true;

    assert(to);
    for (size_t i = 0; i < m->text.len; i++) {
        unsigned char c = m->text.at[i];

        if (begin && c == '.') {
            *to++ = '.';
            dots++;
        }
        if (c == '\n' && (i == 0 || m->text.at[i - 1] != '\r'))
            *to++ = '\r';
        *to++ = c;
        begin = c == '\n';
    }
    if (!begin) {
        *to++ = '\r';
        *to++ = '\n';
    }
    m->wire.len = m->wire.cap = (size_t)(to - m->wire.at);
    m->octets = m->wire.len - dots;
}

struct sim_message *sim_message_new(struct sim *s)
{
    struct sim_message *m = calloc(1, sizeof *m);
    unsigned lines = sim_pick(s, sim_chance(s, 88) ? 30 : sim_chance(s, 60) ? 900 : LINES_MAX);

    assert(m);
    for (unsigned i = 0; i < lines; i++)
        invent_line(s, &m->text);
    if (m->text.len && sim_chance(s, 30))
        m->text.len -= 1 + sim_pick(s, m->text.len > 3 ? 3 : 1);
    make_wire(m);
    return m;
}

void sim_message_free(struct sim_message *m)
{
    sim_text_done(&m->text);
    sim_text_done(&m->wire);
    free(m);
}

bool sim_top(const struct sim_message *m, unsigned lines, struct sim_text *out)
{
    size_t at = 0;
    bool in_body = false;

    /* Whether a lone CR in front of a missing line end makes an empty line, nobody can say. */
    if (m->text.len && m->text.at[m->text.len - 1] == '\r')
        return false;
    while (at < m->wire.len && (!in_body || lines)) {
        const unsigned char *end = memchr(m->wire.at + at, '\n', m->wire.len - at);
        size_t len = (size_t)(end - (m->wire.at + at)) + 1;

        sim_put(out, m->wire.at + at, len);
        at += len;
        if (in_body)
            lines--;
        else
            in_body = len == 2;
    }
    if (!in_body && lines == 0)
        sim_put(out, "\r\n", 2);
    sim_put(out, ".\r\n", 3);
    return true;
}
