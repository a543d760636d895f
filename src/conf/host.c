#include "conf/host.h"

#include "base/text.h"

#include <unistd.h>

static bool is_label(struct pf_bytes label)
{
    if (label.len == 0 || label.len > 63 || label.at[0] == '-' || label.at[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        unsigned char c = pf_lower(label.at[i]);

        if (!pf_is_digit(c) && (c < 'a' || c > 'z') && c != '-')
            return false;
    }
    return true;
}

bool pf_conf_is_host(struct pf_bytes name)
{
    if (name.len >= PF_CONF_HOST_TEXT)
        return false;
    for (;;) {
        size_t dot = pf_find(name, '.');

        if (!is_label(pf_bytes_head(name, dot)))
            return false;
        if (dot == name.len)
            return true;
        name = pf_bytes_skip(name, dot + 1);
    }
}

void pf_conf_machine(char out_name[PF_CONF_HOST_TEXT])
{
    char name[PF_CONF_HOST_TEXT] = "";

    if (gethostname(name, sizeof name - 1) != 0 || !pf_conf_is_host(pf_bytes_of(name)))
        memcpy(name, "localhost", sizeof "localhost");
    memcpy(out_name, name, sizeof name);
}
