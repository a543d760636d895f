/* The control socket's line, and the head of a request for figures. */
#include "base/text.h"
#include "proto/ctl_words.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void a_line(struct pf_bytes in)
{
    struct pf_ctl_request r = pf_ctl_request_of(pf_bytes_head(in, pf_find(in, '\n')));

    assert(r.id == 0 || r.word == PF_CTL_KICK_ID);
    assert(r.gate == 0 || r.word == PF_CTL_KICK_ID);
    if (r.word != PF_CTL_KICK_USER)
        return;
    assert(r.name.at > in.at && r.name.at + r.name.len <= in.at + in.len && r.name.len > 0);
    for (size_t i = 0; i < r.name.len; i++)
        assert(r.name.at[i] > ' ' && r.name.at[i] != 0x7f);
}

static bool has(struct pf_bytes in, const char *text)
{
    return in.len && memmem(in.at, in.len, text, strlen(text));
}

/* What is decided of a beginning stays, whatever comes behind it; and 200 has its reasons. */
static void a_head(struct pf_bytes in)
{
    enum pf_ctl_status whole = pf_ctl_http(in), first = PF_CTL_HTTP_MORE;
    size_t len = 0;

    while (len <= in.len && first == PF_CTL_HTTP_MORE)
        first = pf_ctl_http(pf_bytes_head(in, len++));
    if (first != PF_CTL_HTTP_LARGE)
        assert(first == whole);
    if (whole != PF_CTL_HTTP_OK)
        return;
    assert(pf_bytes_equal(pf_bytes_head(in, 20), PF_LIT("GET /metrics HTTP/1.")));
    assert(has(in, "\r\n\r\n") && len <= in.len + 1);
    in = pf_bytes_head(in, len - 1);
    assert(!memchr(in.at, 0, in.len) && !has(in, "\n "));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *copy = malloc(size ? size : 1); /* of its own, so that a step beyond is seen */
    struct pf_bytes in = {copy, size};

    if (!copy || size > 8192) {
        free(copy);
        return 0;
    }
    if (size)
        memcpy(copy, data, size);
    a_line(in);
    a_head(in);
    free(copy);
    return 0;
}
