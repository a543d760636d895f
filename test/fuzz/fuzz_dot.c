/* The first octet says how input is cut, the second how output is; the rest is stored mail for the
 * encoder, and then, as it is, a wire for the way back. */
#include <stdlib.h>

#include <postfach/dot.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void *get(size_t size)
{
    void *memory = malloc(size ? size : 1);

    must(memory != NULL);
    return memory;
}

/* Output pieces are allocated by their exact size: the address sanitizer sees the first octet beyond. */
static struct pf_dot encode_cut(struct pf_bytes in, size_t in_cut, size_t out_cut, struct pf_span *whole)
{
    struct pf_dot d;

    pf_dot_init(&d);
    while (in.len) {
        struct pf_span out = {get(out_cut), 0, out_cut};
        struct pf_bytes piece = pf_bytes_head(in, in_cut);
        size_t taken = pf_dot_encode(&d, piece, &out);

        must(taken <= piece.len && out.len <= out.cap && taken > 0);
        must(taken == piece.len || pf_span_room(&out) < 2);
        must(pf_span_put(whole, pf_span_bytes(&out)));
        in = pf_bytes_skip(in, taken);
        free(out.at);
    }
    must(pf_dot_finish(&d, whole));
    return d;
}

static uint64_t measure_cut(struct pf_bytes in, size_t cut)
{
    struct pf_dot d;

    pf_dot_init(&d);
    for (; in.len; in = pf_bytes_skip(in, cut))
        pf_dot_measure(&d, pf_bytes_head(in, cut));
    pf_dot_measure_end(&d);
    return d.octets;
}

static bool undo_cut(struct pf_bytes in, size_t in_cut, size_t out_cut, struct pf_span *whole)
{
    struct pf_undot u;

    pf_undot_init(&u);
    while (in.len && !u.done) {
        struct pf_span out = {get(out_cut), 0, out_cut};
        size_t taken = pf_undot(&u, pf_bytes_head(in, in_cut), &out);

        must(taken + out.len > 0 && taken <= in.len && out.len <= out.cap);
        must(pf_span_put(whole, pf_span_bytes(&out)));
        in = pf_bytes_skip(in, taken);
        free(out.at);
    }
    must(!u.done || in.len == 0 || pf_undot(&u, in, whole) == 0);
    return u.done && in.len == 0;
}

/* A wire has no LF without CR where text had one, no line that is a dot, and each dot doubled. */
static void check_wire(struct pf_bytes wire)
{
    for (size_t i = 0; i < wire.len; i++) {
        bool starts = i == 0 || wire.at[i - 1] == '\n';

        must(wire.at[i] != '\n' || (i > 0 && wire.at[i - 1] == '\r'));
        must(wire.at[i] != '.' || !starts || (i + 1 < wire.len && wire.at[i + 1] == '.'));
    }
    must(wire.len == 0 || wire.at[wire.len - 1] == '\n');
}

static void check_encoder(struct pf_bytes text, size_t in_cut, size_t out_cut)
{
    size_t room = 2 * text.len + 2;
    struct pf_span twin = {get(room), 0, room}, wire = {get(room + 3), 0, room + 3};
    struct pf_span back = {get(room), 0, room};
    struct pf_dot of_twin = {0}, d = encode_cut(text, in_cut, out_cut, &wire);

    must(pf_dot_encode_scalar(&of_twin, text, &twin) == text.len && pf_dot_finish(&of_twin, &twin));
    must(pf_bytes_equal(pf_span_bytes(&wire), pf_span_bytes(&twin)));
    must(d.octets == of_twin.octets && measure_cut(text, in_cut) == d.octets);
    check_wire(pf_span_bytes(&wire));
    must(pf_span_put(&wire, PF_LIT(".\r\n")));
    must(undo_cut(pf_span_bytes(&wire), out_cut, in_cut, &back));
    must(back.len == d.octets);
    free(back.at);
    free(wire.at);
    free(twin.at);
}

/* Cuts change nothing on the way back either. */
static void check_undot(struct pf_bytes wire, size_t in_cut, size_t out_cut)
{
    struct pf_span whole = {get(wire.len), 0, wire.len}, pieces = {get(wire.len), 0, wire.len};
    bool done = undo_cut(wire, wire.len + 1, wire.len + 1, &whole);

    must(undo_cut(wire, in_cut, out_cut, &pieces) == done);
    must(pf_bytes_equal(pf_span_bytes(&whole), pf_span_bytes(&pieces)));
    free(pieces.at);
    free(whole.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_bytes rest;

    if (size < 2)
        return 0;
    rest = pf_bytes_from(data + 2, size - 2);
    check_encoder(rest, 1 + (size_t)data[0] * 2, 2 + (size_t)data[1] * 2);
    check_undot(rest, 1 + (size_t)data[0] * 2, 1 + (size_t)data[1] * 2);
    return 0;
}
