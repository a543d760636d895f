/* Lines: whatever the cuts of the input, what is found are the lines that a look at the whole input
 * finds. The first three octets choose limits and cuts. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proto/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 3 };

/* What the whole input says of its next line: its end, and what should be found. */
struct expected {
    struct pf_bytes line;
    bool too_long, ended;
    size_t taken;
};

static struct expected look(struct pf_bytes in, const struct pf_line_limits *limits)
{
    size_t n = pf_find(in, '\n');
    struct expected e = {.line = pf_bytes_head(in, n), .ended = n < in.len, .taken = n + 1};
    bool auth = n >= 4 && pf_equal_nocase(pf_bytes_head(in, 4), PF_LIT("AUTH"));

    e.too_long = n + 1 > (auth ? limits->auth : limits->plain);
    if (e.line.len && e.line.at[e.line.len - 1] == '\r')
        e.line.len--;
    return e;
}

static void check(const struct pf_line_got *got, const struct expected *e)
{
    assert(e->ended);
    assert(got->end == (e->too_long ? PF_LINE_TOO_LONG : PF_LINE_WHOLE));
    if (!e->too_long)
        assert(pf_bytes_equal(got->line, e->line));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_bytes in = pf_bytes_from(data, size);
    struct pf_line_limits limits;
    struct pf_line line;
    size_t begun = 0;

    if (size < HEAD)
        return 0;
    limits = (struct pf_line_limits){8u + data[0], 8u + data[0] + data[1]};
    in = pf_bytes_skip(in, HEAD);
    pf_line_init(&line);
    for (size_t at = 0; at < in.len;) {
        struct pf_bytes rest = pf_bytes_skip(in, at);
        size_t n = data[2] ? 1 + (at * 7 + data[2]) % data[2] : rest.len;
        struct pf_line_got got;
        struct expected e = look(pf_bytes_skip(in, begun), &limits);
        unsigned char *copy;

        n = n < rest.len ? n : rest.len;
        copy = malloc(n);
        assert(copy);
        memcpy(copy, rest.at, n);
        pf_line_take(&line, pf_bytes_from(copy, n), &limits, &got);
        assert(got.taken > 0 && got.taken <= n && got.end != PF_LINE_NO_MEMORY);
        assert(line.cap <= 2 * (limits.auth + PF_LINE_FIRST));
        at += got.taken;
        if (got.end != PF_LINE_PART) {
            check(&got, &e);
            assert(at == begun + e.taken);
            begun = at;
            pf_line_done(&line);
        } else {
            assert(!e.ended || at < begun + e.taken);
        }
        free(copy);
    }
    pf_line_done(&line);
    return 0;
}
