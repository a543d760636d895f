/* What a gate tells the desk, and what the desk asks: whatever is read has exactly one form, and shows no terminal
 * anything but printable ASCII. */
#include "session/desk_wire.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned char room[PF_STATS_PACK_MAX];

static struct pf_span empty(void)
{
    return (struct pf_span){room, 0, sizeof room};
}

static void is_shown(const char *text, size_t max)
{
    size_t len = strlen(text);

    assert(len > 0 && len <= max);
    for (size_t i = 0; i < len; i++)
        assert(text[i] >= ' ' && text[i] <= '~');
}

static void sessions(struct pf_bytes in)
{
    struct pf_ctl_session s;
    struct pf_bytes rest = in;
    uint64_t before = UINT64_MAX;
    char line[PF_CTL_SESSION_LINE];

    while (pf_desk_get_session(&rest, before, &s)) {
        struct pf_span out = empty();
        struct pf_bytes taken = pf_bytes_head(in, in.len - rest.len);

        assert(s.number && s.number < before && s.state < PF_CTL_STATES);
        is_shown(s.user, PF_CTL_NAME_MAX);
        is_shown(s.address, PF_CTL_ADDRESS_MAX);
        is_shown(s.tls, sizeof s.tls - 1);
        is_shown(s.command, sizeof s.command - 1);
        assert(pf_desk_put_session(&out, &s) && pf_bytes_equal(pf_span_bytes(&out), taken));
        s.gate = UINT32_MAX;
        pf_ctl_session_line(&s, true, line);
        assert(strlen(line) + 1 < sizeof line && strlen(strrchr(line, '\t') + 1) == strlen(s.command));
        before = s.number;
        in = rest;
    }
}

static void questions(struct pf_bytes in)
{
    struct pf_span out = empty();
    struct pf_ctl_who who;
    uint64_t before;
    uint32_t count;

    if (pf_desk_get_who(in, &who)) {
        assert((who.number != 0) != (who.name[0] != 0));
        assert(pf_desk_put_who(&out, &who) && pf_bytes_equal(pf_span_bytes(&out), in));
    }
    assert(pf_desk_get_before(in, &before) == (in.len == 8));
    assert(pf_desk_get_count(in, &count) == (in.len == 4));
}

/* The fingerprint of the list is set right, so that seeds outlive a change of the list. */
static void figures(unsigned char *octets, size_t len, char from)
{
    enum { HEAD = 12 };
    struct pf_stats *stats = pf_stats_new(NULL);
    struct pf_bytes in = {octets, len};
    struct pf_span out = empty();

    if (stats && len >= HEAD && pf_stats_pack(stats, from, &out))
        memcpy(octets, room, HEAD);
    out = empty();
    if (stats && pf_stats_unpack(stats, from, in))
        assert(pf_stats_pack(stats, from, &out) && pf_bytes_equal(pf_span_bytes(&out), in));
    pf_stats_free(stats);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *copy = malloc(size ? size : 1); /* of its own, so that a step beyond is seen */
    struct pf_bytes in = {copy, size};

    if (!copy || size > PF_DESK_PAYLOAD_MAX) {
        free(copy);
        return 0;
    }
    if (size)
        memcpy(copy, data, size);
    sessions(in);
    questions(in);
    figures(copy, size, 'g');
    figures(copy, size, 's');
    free(copy);
    return 0;
}
