/* Frames between a gate and a store. Whatever is read is the only form of what it says: written again it is the same
 * to the octet, and what it says keeps its bounds; a listing that was taken from a frame is told by the same frame. */
#include "store/store_wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_thing)
{
    if (!true_thing)
        abort();
}

static unsigned char room[PF_IPC_PAYLOAD_MAX];

static void same(const struct pf_span *span, struct pf_bytes b)
{
    must(pf_bytes_equal(pf_span_bytes(span), b));
}

static void within(struct pf_bytes part, struct pf_bytes all)
{
    must(part.len == 0 || (part.at >= all.at && part.at + part.len <= all.at + all.len));
}

static void asked(struct pf_bytes b, uint16_t kind)
{
    struct pf_span span = {room, 0, sizeof room};
    union pf_store_ask ask;

    if (!pf_store_wire_get_ask(b, kind, &ask))
        return;
    must(kind > 0 && kind < PF_STORE_FRAMES);
    must(pf_store_wire_put_ask(&span, (enum pf_store_frame)kind, &ask));
    same(&span, b);
    if (kind == PF_STORE_OPEN)
        must((ask.open.show.entry != 0) != (ask.open.show.ticket.len != 0));
    if (kind == PF_STORE_READ)
        must(ask.read.cap > 0 && ask.read.cap <= PF_SLOT_OCTETS);
    if (kind == PF_STORE_EXPUNGE) {
        within(ask.expunge.remove, b);
        within(ask.expunge.seen, b);
        must(!ask.expunge.has_remove || !ask.expunge.has_seen || ask.expunge.remove.len == ask.expunge.seen.len);
        must(ask.expunge.remove.len % 8 == 0 && ask.expunge.remove.len <= PF_STORE_MARK_WORDS * 8);
    }
    if (kind == PF_STORE_WRITE)
        must(ask.write.in_slot ? ask.write.len > 0 && ask.write.len <= PF_SLOT_OCTETS : ask.write.text.len > 0);
    /* No room, one octet too few: nothing is put. */
    span = (struct pf_span){room, 0, b.len - 1};
    must(!pf_store_wire_put_ask(&span, (enum pf_store_frame)kind, &ask) && span.len == 0);
}

static void listed(const struct pf_store_say_open *open)
{
    struct pf_span span = {room, 0, sizeof room};
    struct pf_listing listing;
    void *block;
    uint64_t sum = 0;

    if (pf_store_wire_listed(open, &listing, &block) != PF_OK)
        return;
    must(listing.count == open->count);
    must(pf_store_wire_list_octets(&listing) == open->listing.len);
    pf_store_wire_list(&span, &listing);
    same(&span, open->listing);
    for (uint32_t i = 0; i < listing.count; i++)
        sum += listing.rows[i].octets;
    must(sum == listing.octets);
    free(block);
}

static void said(struct pf_bytes b, uint16_t kind)
{
    struct pf_span span = {room, 0, sizeof room};
    union pf_store_say say;
    struct pf_err err;

    if (!pf_store_wire_get_say(b, kind, &say))
        return;
    must(pf_store_wire_put_say(&span, (enum pf_store_frame)kind, &say));
    same(&span, b);
    if (kind != PF_STORE_WANTED) {
        pf_store_wire_err(&say.verdict, &err);
        must(err.code == say.verdict.code && strlen(err.say) < PF_ERR_SAY && strlen(err.log) < PF_ERR_LOG);
        must(err.code != PF_OK || (!err.say[0] && !err.log[0] && !err.sys));
    }
    if (kind == PF_STORE_READ && say.verdict.code == PF_OK)
        must(say.read.got <= PF_SLOT_OCTETS && (say.read.got || say.read.last) &&
             (say.read.last ? say.read.more <= PF_STORE_FURTHER : !say.read.more));
    if (kind == PF_STORE_OPEN && say.verdict.code == PF_OK && say.open.how == PF_STORE_LISTING_HERE)
        listed(&say.open);
}

/* The first octet is the kind; the rest is tried as both. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_bytes b;

    if (size == 0 || size > sizeof room)
        return 0;
    b = pf_bytes_from(data + 1, size - 1);
    asked(b, data[0]);
    said(b, data[0]);
    return 0;
}
