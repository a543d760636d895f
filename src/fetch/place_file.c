#include "fetch/place_private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { CHUNK = 16384 }; /* a piece of the client engine */

static int put(struct pf_place_file *f, struct pf_bytes text)
{
    struct pf_bytes rest = text;

    while (rest.len) {
        ssize_t n = write(f->fd, rest.at, rest.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? errno : EIO;
        rest = pf_bytes_skip(rest, (size_t)n);
    }
    pf_crlf_add(&f->crlf, text);
    f->size += text.len;
    return 0;
}

static int flush(struct pf_place_file *f, struct pf_span *out,
                 void (*wrote)(struct pf_letter *, struct pf_bytes), struct pf_letter *l)
{
    struct pf_bytes text = pf_span_bytes(out);
    int sys = put(f, text);

    if (!sys && wrote && text.len)
        wrote(l, text);
    out->len = 0;
    return sys;
}

/* Up to the next CR, which is held back: what follows tells what it is. */
static size_t take(struct pf_place_file *f, struct pf_bytes in, struct pf_span *out)
{
    const unsigned char *cr;
    size_t len;

    if (f->cr) {
        f->cr = false;
        if (in.at[0] != '\n')
            pf_span_put(out, PF_LIT("\r"));
    }
    len = pf_span_room(out) < in.len ? pf_span_room(out) : in.len;
    cr = len ? memchr(in.at, '\r', len) : NULL;
    if (cr)
        len = (size_t)(cr - in.at);
    pf_span_put(out, pf_bytes_head(in, len));
    f->cr = cr != NULL;
    return len + f->cr;
}

int pf_place_file_add(struct pf_place_file *f, struct pf_bytes wire,
                      void (*wrote)(struct pf_letter *, struct pf_bytes), struct pf_letter *l)
{
    unsigned char room[CHUNK];
    struct pf_span out = {room, 0, sizeof room};
    int sys = 0;

    while (wire.len && !sys) {
        wire = pf_bytes_skip(wire, take(f, wire, &out));
        if (pf_span_room(&out) < 2)
            sys = flush(f, &out, wrote, l);
    }
    return sys ? sys : flush(f, &out, wrote, l);
}

int pf_place_file_end(struct pf_place_file *f, void (*wrote)(struct pf_letter *, struct pf_bytes),
                      struct pf_letter *l)
{
    unsigned char room[1];
    struct pf_span out = {room, 0, sizeof room};

    if (f->cr)
        pf_span_put(&out, PF_LIT("\r"));
    f->cr = false;
    return flush(f, &out, wrote, l);
}
