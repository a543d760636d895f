/* Any octets as an answer of DNS about a certificate: records lie in the list's room, in order and
 * without gaps; a bad answer leaves nothing; what nobody can vouch for is not vouched for. */
#include "sys/dns_tlsa.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pf_tlsa_list list;
    size_t used = 0;

    list.count = 3;
    list.vouched = true;
    if (pf_tlsa_answer(pf_bytes_from(data, size), "_995._tcp.pop.example.org", &list, NULL)) {
        must(list.count == 0 && !list.vouched && list.used == 0);
        return 0;
    }
    must(list.count <= PF_TLSA_MOST && list.used <= size);
    must(!list.vouched || (list.count && data[3] & 0x20));
    for (size_t i = 0; i < list.count; i++) {
        must(list.at[i].data.at == list.room + used);
        used += list.at[i].data.len;
        must(used <= list.used);
    }
    must(used == list.used);
    return 0;
}
