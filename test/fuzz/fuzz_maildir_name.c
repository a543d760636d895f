/* Names of messages: what is said of a name is true of its octets, and marking one as seen keeps
 * all the rest. */
#include "store/maildir/name.h"

#include <postfach/listing.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_thing)
{
    if (!true_thing)
        abort();
}

static void check_base(struct pf_bytes name, const struct pf_maildir_name *n)
{
    must(n->base_len >= 1 && n->base_len <= name.len);
    must(name.at[0] == ':' || !memchr(name.at, ':', n->base_len));
    must(n->base_len == name.len || name.at[n->base_len] == ':');
    if (n->by_form) {
        must(n->base_len <= PF_UIDL_MAX && name.at[0] >= '0' && name.at[0] <= '9');
        for (size_t i = 0; i < n->base_len; i++)
            must(name.at[i] >= 0x21 && name.at[i] <= 0x7e);
        must(n->has_arrival && n->arrival >= 0);
    }
    must(!n->has_size || n->size < 1000000000000000000u);
    must(!n->has_wire || n->wire < 1000000000000000000u);
}

static void check_mark(struct pf_bytes name, const struct pf_maildir_name *n)
{
    unsigned char room[PF_MAILDIR_NAME_MAX], again[PF_MAILDIR_NAME_MAX];
    struct pf_span out = {room, 0, sizeof room}, more = {again, 0, sizeof again};
    struct pf_maildir_name marked;

    if (!pf_maildir_name_mark_seen(name, &out)) {
        must(out.len == 0);
        return;
    }
    must(!n->seen);
    must(out.len == name.len + 1 || out.len == name.len + 4);
    pf_maildir_name_parse(pf_span_bytes(&out), &marked);
    must(marked.seen && marked.base_len == n->base_len && marked.by_form == n->by_form);
    must(memcmp(room, name.at, n->base_len) == 0);
    must(!pf_maildir_name_mark_seen(pf_span_bytes(&out), &more));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_bytes name = pf_bytes_from(data, size);
    struct pf_maildir_name n;

    if (size == 0 || size > PF_MAILDIR_NAME_MAX)
        return 0;
    pf_maildir_name_parse(name, &n);
    check_base(name, &n);
    check_mark(name, &n);
    must(pf_maildir_name_order(name, name) == 0);
    must(pf_maildir_name_order(pf_bytes_head(name, size / 2), name) < 0);
    return 0;
}
