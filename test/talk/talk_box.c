#include "talk.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_MAX_OCTETS = 4096 };

/* The oracle of wire form, written as RFC 1939 sections 3 and 11 say it and shared with nothing in
 * the product: octet by octet, one state. */
static void make_wire(struct talk_pool *pool, struct talk_message *m)
{
    unsigned char *wire = talk_alloc(pool, m->stored.len * 2 + 2);
    unsigned char last = '\n'; /* as if a line had just ended */
    size_t n = 0, stuffed = 0;

    for (size_t i = 0; i < m->stored.len; i++) {
        unsigned char c = m->stored.at[i];

        if (c == '.' && last == '\n') {
            wire[n++] = '.';
            stuffed++;
        }
        if (c == '\n' && last != '\r')
            wire[n++] = '\r';
        wire[n++] = c;
        last = c;
    }
    if (last != '\n') {
        wire[n++] = '\r';
        wire[n++] = '\n';
    }
    m->wire = pf_bytes_from(wire, n);
    m->octets = n - stuffed;
}

struct pf_bytes talk_top(const struct talk_message *m, uint64_t k)
{
    struct pf_bytes w = m->wire;
    size_t i = 0, start = 0;
    bool body = false;

    for (; i < w.len; i++) {
        if (w.at[i] != '\n')
            continue;
        if (body && k-- == 1)
            return pf_bytes_head(w, i + 1);
        if (!body && i == start + 1 && w.at[start] == '\r')
            body = true;
        if (body && k == 0)
            return pf_bytes_head(w, i + 1);
        start = i + 1;
    }
    return w;
}

struct building {
    struct talk_pool *pool;
    struct talk_box *box;
    struct talk_buf body;
};

static void finish(struct building *b)
{
    struct talk_message *m;

    if (!b->box->count)
        return;
    m = &b->box->messages[b->box->count - 1];
    m->stored = pf_bytes_from(talk_keep(b->pool, talk_bytes(&b->body)), b->body.len);
    make_wire(b->pool, m);
    b->body.len = 0;
}

static const char *begin(struct building *b, const char *uid)
{
    struct talk_message *m;
    char made[16];

    finish(b);
    if (b->box->count == TALK_BOX)
        return "too many messages in a box";
    m = &b->box->messages[b->box->count++];
    snprintf(made, sizeof made, "u%u", b->box->count);
    while (*uid == ' ')
        uid++;
    m->uid = talk_keep(b->pool, pf_bytes_of(*uid ? uid : made));
    return NULL;
}

static const char *line(struct building *b, char *at)
{
    struct talk_text text;
    const char *wrong;

    at[strcspn(at, "\n")] = '\0';
    if (!*at || *at == '#')
        return NULL;
    if (!strncmp(at, "message", 7))
        return begin(b, at + 7);
    if (!strncmp(at, "empty", 5)) /* says on purpose that there is no message, or no octet */
        return NULL;
    if (at[0] != ':' || at[1] != ' ' || !b->box->count)
        return "a box has lines `message [uid]` and `: octets`";
    wrong = talk_text_read(b->pool, pf_bytes_of(at + 2), false, NULL, &text);
    talk_put(&b->body, talk_text_bytes(b->pool, &text));
    return wrong;
}

const char *talk_box_read(struct talk_pool *pool, const char *path, struct talk_box *out_box)
{
    struct building b = {.pool = pool, .box = out_box};
    FILE *file = fopen(path, "re");
    char at[LINE_MAX_OCTETS];
    const char *wrong = NULL;

    if (!file)
        return "no such box";
    out_box->messages = talk_alloc(pool, TALK_BOX * sizeof *out_box->messages);
    while (!wrong && fgets(at, sizeof at, file))
        wrong = line(&b, at);
    finish(&b);
    out_box->first_count = out_box->count;
    talk_buf_free(&b.body);
    fclose(file);
    return wrong;
}

const char *talk_box_sizes(struct talk_pool *pool, struct pf_bytes sizes, struct talk_box *out_box)
{
    char *at = talk_keep(pool, sizes), *end;
    char uid[16];

    out_box->sizes_only = true;
    out_box->messages = talk_alloc(pool, TALK_BOX * sizeof *out_box->messages);
    while (*at) {
        struct talk_message *m = &out_box->messages[out_box->count];

        if (out_box->count == TALK_BOX || !isdigit((unsigned char)*at))
            return "box sizes wants numbers";
        m->octets = strtoull(at, &end, 10);
        out_box->count++;
        snprintf(uid, sizeof uid, "u%u", out_box->count);
        m->uid = talk_keep(pool, pf_bytes_of(uid));
        at = end;
        while (*at == ' ')
            at++;
    }
    return NULL;
}
