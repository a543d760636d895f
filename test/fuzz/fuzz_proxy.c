/* The PROXY protocol's header. What is read does not hang on how it comes: until its last octet more is wanted, and
 * octets behind it change nothing. Addresses agree with those of inet_pton, texts lie within the header. */
#include "proto/proxy.h"
#include "proto/proxy_address.h"

#include <arpa/inet.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_thing)
{
    if (!true_thing)
        abort();
}

static void lies_within(struct pf_bytes text, struct pf_bytes header)
{
    must(text.len == 0 || (text.at >= header.at && text.at + text.len <= header.at + header.len));
}

static enum pf_proxy_state read_head(struct pf_bytes b, size_t len, struct pf_proxy *out)
{
    return pf_proxy_read(pf_bytes_head(b, len), out);
}

static void check_done(struct pf_bytes b, const struct pf_proxy *p)
{
    struct pf_bytes header = pf_bytes_head(b, p->len);
    struct pf_proxy again;

    must(p->len > 0 && p->len <= PF_PROXY_HEADER_MAX && p->len <= b.len && !p->wrong);
    must(p->from.port <= 65535 && p->to.port <= 65535);
    lies_within(p->tls_version, header);
    lies_within(p->tls_cipher, header);
    lies_within(p->tls_name, header);
    must(read_head(b, p->len, &again) == PF_PROXY_DONE && again.len == p->len && again.told == p->told);
    for (size_t cut = 0; cut < p->len; cut++)
        must(read_head(b, cut, &again) == PF_PROXY_MORE);
}

/* Bad stays bad, and never was done. */
static void check_bad(struct pf_bytes b, const struct pf_proxy *p)
{
    struct pf_proxy again;
    bool was_bad = false;

    must(p->wrong && !p->told && !p->tls);
    for (size_t cut = 0; cut < b.len && cut <= PF_PROXY_HEADER_MAX; cut++) {
        enum pf_proxy_state state = read_head(b, cut, &again);

        must(state != PF_PROXY_DONE && !(was_bad && state == PF_PROXY_MORE));
        was_bad = state == PF_PROXY_BAD;
    }
}

static void check_addresses(struct pf_bytes b)
{
    unsigned char ours[16], theirs[16];
    char text[64] = "";

    if (b.len == 0 || b.len >= sizeof text || memchr(b.at, 0, b.len))
        return;
    memcpy(text, b.at, b.len);
    if (inet_pton(AF_INET, text, theirs) == 1)
        must(pf_proxy_ipv4(b, ours) && memcmp(ours, theirs, 4) == 0);
    else
        must(!pf_proxy_ipv4(b, ours));
    if (inet_pton(AF_INET6, text, theirs) == 1)
        must(pf_proxy_ipv6(b, ours) && memcmp(ours, theirs, 16) == 0);
    else
        must(!pf_proxy_ipv6(b, ours));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_bytes b = pf_bytes_from(data, size);
    struct pf_proxy p;

    switch (pf_proxy_read(b, &p)) {
    case PF_PROXY_DONE:
        check_done(b, &p);
        break;
    case PF_PROXY_MORE:
        must(size < PF_PROXY_HEADER_MAX);
        break;
    case PF_PROXY_BAD:
        check_bad(b, &p);
        break;
    }
    check_addresses(b);
    return 0;
}
