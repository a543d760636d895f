#include "session/ctl_text.h"

#include <stdlib.h>

enum { FIRST_ROOM = 4096 };

void pf_ctl_put_bytes(struct pf_ctl_text *text, struct pf_bytes b)
{
    size_t room = text->room ? text->room : FIRST_ROOM;
    char *at;

    while (room - text->len < b.len && room < PF_CTL_TEXT_MAX)
        room *= 2;
    if (text->failed || room - text->len < b.len) {
        text->failed = true;
        return;
    }
    at = room == text->room ? text->at : realloc(text->at, room);
    if (!at) {
        text->failed = true;
        return;
    }
    text->at = at;
    text->room = room;
    if (b.len)
        memcpy(text->at + text->len, b.at, b.len);
    text->len += b.len;
}

void pf_ctl_put(void *text, const char *line)
{
    pf_ctl_put_bytes(text, pf_bytes_of(line));
    pf_ctl_put_bytes(text, PF_LIT("\n"));
}

struct pf_bytes pf_ctl_text_bytes(const struct pf_ctl_text *text)
{
    return text->len ? pf_bytes_from(text->at, text->len) : (struct pf_bytes){0};
}

void pf_ctl_text_done(struct pf_ctl_text *text)
{
    free(text->at);
    *text = (struct pf_ctl_text){0};
}
