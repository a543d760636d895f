#include "fetch/place_maildir.h"

#include <inttypes.h>
#include <stdio.h>

enum { MARK = 8 };

bool pf_place_tmp_name(const char *name, char room[PF_UIDL_MAX + 1])
{
    const char *dot = strchr(name, '.');
    size_t len;

    dot = dot ? strchr(dot + 1, '.') : NULL;
    len = dot ? (size_t)(dot - name) : 0;
    if (!len || len > PF_UIDL_MAX || name[0] == '.')
        return false;
    memcpy(room, name, len);
    room[len] = 0;
    return true;
}

bool pf_place_record_put(const struct pf_place_record *r, char room[PF_LEDGER_NAME_MAX + 1])
{
    int len = snprintf(room, PF_LEDGER_NAME_MAX + 1, "%08" PRIx32 "/%s/%s", r->mark, r->folder, r->name);

    return len > 0 && len <= PF_LEDGER_NAME_MAX;
}

static bool get_mark(struct pf_bytes in, uint32_t *out_mark)
{
    uint32_t mark = 0;

    for (size_t i = 0; i < MARK; i++) {
        unsigned char c = in.at[i];
        bool digit = c >= '0' && c <= '9';

        if (!digit && !(c >= 'a' && c <= 'f'))
            return false;
        mark = mark << 4 | (uint32_t)(digit ? c - '0' : c - 'a' + 10);
    }
    *out_mark = mark;
    return true;
}

/* Up to `end`, or to the end of the record; nothing that is no plain name. */
static bool get_part(struct pf_bytes in, size_t cap, char *room)
{
    if (in.len > cap || memchr(in.at, 0, in.len) || memchr(in.at, '/', in.len))
        return false;
    memcpy(room, in.at, in.len);
    room[in.len] = 0;
    return true;
}

bool pf_place_record_get(struct pf_bytes in, struct pf_place_record *out)
{
    const unsigned char *slash;
    size_t folder;

    if (in.len < MARK + 2 || in.at[MARK] != '/' || !get_mark(in, &out->mark))
        return false;
    in = pf_bytes_skip(in, MARK + 1);
    slash = memchr(in.at, '/', in.len);
    if (!slash)
        return false;
    folder = (size_t)(slash - in.at);
    return get_part(pf_bytes_head(in, folder), PF_PLACE_FOLDER_MAX, out->folder) &&
           (!folder || (out->folder[0] == '.' && out->folder[1] && out->folder[1] != '.')) &&
           get_part(pf_bytes_skip(in, folder + 1), PF_UIDL_MAX, out->name) &&
           pf_place_tmp_name(out->name, out->tmp);
}
