#include "conf/networks.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <string.h>

enum { OCTETS = 16, BITS = 128, MAPPED = 96 /* bits before an IPv4 address that is mapped into IPv6 */ };

struct network {
    unsigned char address[OCTETS];
    unsigned bits;
};

/* As IPv6; how many bits of it are not the text's own, or -1. */
static int read_address(struct pf_bytes word, unsigned char out[OCTETS])
{
    static const unsigned char prefix[12] = {[10] = 0xff, [11] = 0xff};
    char text[INET6_ADDRSTRLEN] = "";

    if (word.len == 0 || word.len >= sizeof text || memchr(word.at, 0, word.len))
        return -1;
    memcpy(text, word.at, word.len);
    if (inet_pton(AF_INET6, text, out) == 1)
        return 0;
    memcpy(out, prefix, sizeof prefix);
    return inet_pton(AF_INET, text, out + sizeof prefix) == 1 ? MAPPED : -1;
}

static bool inside(const unsigned char address[OCTETS], const struct network *net)
{
    size_t whole = net->bits / 8;
    unsigned rest = net->bits % 8;

    if (memcmp(address, net->address, whole) != 0)
        return false;
    return rest == 0 || (address[whole] ^ net->address[whole]) >> (8 - rest) == 0;
}

static bool has_bits_behind(const struct network *net)
{
    for (unsigned bit = net->bits; bit < BITS; bit++)
        if (net->address[bit / 8] & (0x80u >> bit % 8))
            return true;
    return false;
}

static const char *read_network(struct pf_bytes word, struct network *out)
{
    size_t slash = pf_find(word, '/');
    int before = read_address(pf_bytes_head(word, slash), out->address);
    uint64_t bits = BITS;

    if (before < 0)
        return "is no numeric address";
    if (slash < word.len && (!pf_parse_u64(pf_bytes_skip(word, slash + 1), &bits) || bits > (uint64_t)(BITS - before)))
        return "has a wrong prefix length";
    out->bits = slash < word.len ? (unsigned)bits + (unsigned)before : BITS;
    return has_bits_behind(out) ? "has bits behind its prefix: write 192.0.2.0/24, not 192.0.2.7/24" : NULL;
}

static struct pf_bytes next_word(struct pf_bytes *text)
{
    struct pf_bytes word;

    while (text->len && text->at[0] == ' ')
        *text = pf_bytes_skip(*text, 1);
    word = pf_bytes_head(*text, pf_find(*text, ' '));
    *text = pf_bytes_skip(*text, word.len);
    return word;
}

struct pf_bytes pf_conf_networks_wrong(const char *networks, const char **out_why)
{
    struct pf_bytes text = pf_bytes_of(networks), word;
    struct network net;

    while ((word = next_word(&text)).len) {
        const char *why = read_network(word, &net);

        if (why) {
            *out_why = why;
            return word;
        }
    }
    return word;
}

bool pf_conf_networks_hold(const char *networks, const char *address)
{
    static const struct network mapped = {{[10] = 0xff, [11] = 0xff}, MAPPED};
    struct pf_bytes text = pf_bytes_of(networks), word;
    unsigned char octets[OCTETS];
    struct network net;

    /* A zone ("fe80::1%eth0") is no part of the address. */
    if (read_address(pf_bytes_head(pf_bytes_of(address), strcspn(address, "%")), octets) < 0)
        return false;
    while ((word = next_word(&text)).len)
        if (!read_network(word, &net) && inside(octets, &net) && !(inside(octets, &mapped) && net.bits < MAPPED))
            return true;
    return false;
}
