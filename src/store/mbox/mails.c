#include "store/mbox/mails.h"

#include <stdlib.h>

static bool room(struct pf_mbox_mails *m)
{
    uint32_t cap = m->cap + m->cap / 2 + 16;
    struct pf_mbox_mail *at;

    if (m->count < m->cap)
        return true;
    at = cap > m->cap && cap < UINT32_MAX / 2 ? reallocarray(m->at, cap, sizeof *at) : NULL;
    if (!at)
        return false;
    m->at = at;
    m->cap = cap;
    return true;
}

bool pf_mbox_mails_add(struct pf_mbox_mails *m, const struct pf_mbox_mail *mail, struct pf_bytes uidl)
{
    if (!room(m))
        return false;
    m->at[m->count] = *mail;
    m->at[m->count].uidl_len = 0;
    m->at[m->count].uidl_at = 0;
    m->count++;
    if (!uidl.len || pf_mbox_mail_name(m, m->count - 1, uidl))
        return true;
    m->count--;
    return false;
}

bool pf_mbox_mail_name(struct pf_mbox_mails *m, uint32_t index, struct pf_bytes uidl)
{
    size_t at = m->text.len;

    if (!pf_maildir_text_put(&m->text, uidl))
        return false;
    m->at[index].uidl_at = at;
    m->at[index].uidl_len = (uint32_t)uidl.len;
    return true;
}

void pf_mbox_mails_done(struct pf_mbox_mails *m)
{
    free(m->at);
    free(m->text.at);
    *m = (struct pf_mbox_mails){0};
}

bool pf_mbox_uidl_legal(struct pf_bytes b)
{
    if (!b.len || b.len > PF_UIDL_MAX)
        return false;
    for (size_t i = 0; i < b.len; i++)
        if (b.at[i] < 0x21 || b.at[i] > 0x7e)
            return false;
    return true;
}
