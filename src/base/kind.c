#include "base/kind.h"

static const char *const names[PF_KINDS] = {[PF_KIND_MAILDIR] = "maildir", [PF_KIND_MBOX] = "mbox"};

const char *pf_kind_name(enum pf_kind kind)
{
    return names[kind];
}

enum pf_kind pf_kind_of(struct pf_bytes place, struct pf_bytes *out_path)
{
    for (unsigned i = 0; i < PF_KINDS; i++) {
        struct pf_bytes name = pf_bytes_of(names[i]);

        if (place.len > name.len && place.at[name.len] == ':' && memcmp(place.at, name.at, name.len) == 0) {
            *out_path = pf_bytes_skip(place, name.len + 1);
            return (enum pf_kind)i;
        }
    }
    *out_path = place;
    return PF_KIND_MAILDIR;
}
