#include "store/traced.h"

#include "base/text.h"
#include "store/marks.h"
#include "store/wrap.h"

#include <stdlib.h>
#include <time.h>

enum {
    LINE = 512, /* the longest line is an open with a path of PATH octets */
    PATH = 256
};

struct traced {
    struct pf_wrap wrap;
    void (*say)(void *, const char *);
    void *self;
};

static int64_t microseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void put_where(struct pf_span *line, const char *call, const struct pf_box_where *where)
{
    char path[PATH];

    pf_text_safe(path, sizeof path, pf_bytes_of(where->path));
    pf_span_format(line, "%s path=%s ", call, path);
}

static void put_box_call(struct pf_span *line, const struct pf_wrapped *g)
{
    bool good = g->asked.op->err.code == PF_OK;

    if (g->call == PF_WRAP_OPEN) {
        const struct pf_box_open *o = g->asked.open;

        put_where(line, "open", &o->where);
        if (good)
            pf_span_format(line, "messages=%u octets=%llu expired=%u ", o->listing.count,
                           (unsigned long long)o->listing.octets, o->expired);
    } else if (g->call == PF_WRAP_READ) {
        const struct pf_box_read *r = g->asked.read;

        pf_span_format(line, "read index=%u offset=%llu ", r->index, (unsigned long long)r->offset);
        if (good)
            pf_span_format(line, "got=%zu %s%s", r->got, r->last ? "last " : "", r->clean ? "clean " : "");
    } else if (g->call == PF_WRAP_EXPUNGE) {
        const struct pf_box_expunge *e = g->asked.expunge;

        pf_span_format(line, "expunge marked=%u seen=%u removed=%u failed=%u ", pf_marks_count(e->remove),
                       pf_marks_count(e->seen), e->removed, e->failed);
    } else {
        pf_span_format(line, "close ");
    }
}

static void put_parcel_call(struct pf_span *line, const struct pf_wrapped *g)
{
    if (g->call == PF_WRAP_BEGIN)
        put_where(line, "begin", &g->asked.begin->where);
    else if (g->call == PF_WRAP_WRITE)
        pf_span_format(line, "write octets=%zu ", g->asked.write->bytes.len);
    else if (g->call == PF_WRAP_DROP)
        pf_span_format(line, "drop ");
    else if (g->asked.op->err.code == PF_OK)
        pf_span_format(line, "seal uidl=%s octets=%llu ", g->asked.seal->uidl,
                       (unsigned long long)g->asked.seal->octets);
    else
        pf_span_format(line, "seal ");
}

static bool before(struct pf_wrap *w, struct pf_wrapped *g)
{
    (void)w;
    g->begun = microseconds();
    return true;
}

static void after(struct pf_wrap *w, struct pf_wrapped *g)
{
    struct traced *s = (struct traced *)w;
    char text[LINE] = "";
    struct pf_span line = {(unsigned char *)text, 0, sizeof text - 1};

    if (g->call <= PF_WRAP_CLOSE)
        put_box_call(&line, g);
    else
        put_parcel_call(&line, g);
    pf_span_format(&line, "%s %lldus", pf_verdict(g->asked.op->err.code)->name,
                   (long long)(microseconds() - g->begun));
    text[line.len] = '\0';
    s->say(s->self, text);
}

struct pf_store *pf_traced_new(struct pf_store *inner, void (*say)(void *self, const char *line),
                               void *self)
{
    struct traced *s = calloc(1, sizeof *s);

    if (!s) {
        pf_store_free(inner);
        return NULL;
    }
    pf_wrap_init(&s->wrap, inner);
    s->wrap.before = before;
    s->wrap.after = after;
    s->say = say;
    s->self = self;
    return &s->wrap.base;
}
