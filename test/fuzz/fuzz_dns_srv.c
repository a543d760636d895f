/* Any octets as an answer of DNS: what comes of it can be connected to, and is in bounds; a bad answer changes
 * nothing; the order keeps every record and sorts priorities. */
#include "sys/dns_srv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static uint32_t draw(void *self, uint32_t below)
{
    const uint8_t *seed = self;

    return *seed % below;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_srv_list list = {.count = 1, .at = {{.host = "kept", .port = 7}}};
    uint64_t before = 0, after = 0;
    uint8_t seed = size ? data[size - 1] : 0;

    if (pf_srv_answer(pf_bytes_from(data, size), "_pop3s._tcp.example.org", "example.org", &list, NULL)) {
        must(list.count == 1 && !list.refused);
        return 0;
    }
    must(list.count >= 1 && list.count <= PF_SRV_MOST && strcmp(list.at[0].host, "kept") == 0);
    for (size_t i = 1; i < list.count; i++) {
        must(list.at[i].host[0] && list.at[i].port >= 1 && list.at[i].port <= 65535);
        for (const char *c = list.at[i].host; *c; c++)
            must((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' || *c == '.');
        before += list.at[i].port * 65537ULL + list.at[i].weight;
    }
    pf_srv_order(&list, 1, draw, &seed);
    for (size_t i = 1; i < list.count; i++) {
        must(i == 1 || list.at[i - 1].priority <= list.at[i].priority);
        after += list.at[i].port * 65537ULL + list.at[i].weight;
    }
    must(before == after);
    return 0;
}
