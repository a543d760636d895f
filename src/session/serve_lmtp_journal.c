#include "session/journal_now.h"
#include "session/serve_lmtp_carrier.h"

static struct pf_journal_record record(const struct pf_letter *l, enum pf_journal_event event)
{
    struct pf_journal_record r = {.event = event, .at = pf_journal_now()};

    if (!l)
        return r;
    r.text[PF_JOURNAL_MESSAGE_ID] = pf_post_message_id(l->post);
    r.text[PF_JOURNAL_SENDER] = l->sender ? pf_bytes_of(l->sender[0] ? l->sender : "<>") : (struct pf_bytes){0};
    r.text[PF_JOURNAL_ADDRESS] = pf_bytes_of(l->address);
    r.text[PF_JOURNAL_HELO] = l->helo ? pf_bytes_of(l->helo) : (struct pf_bytes){0};
    r.text[PF_JOURNAL_VIA] = pf_bytes_of(l->via);
    return r;
}

void pf_carrier_journal_delivered(const struct pf_letter *l, const struct pf_post_stored *s)
{
    struct pf_journal_record r = record(l, PF_JOURNAL_delivered);

    r.number[PF_JOURNAL_OCTETS] = s->octets;
    r.text[PF_JOURNAL_MAILDROP] = pf_bytes_of(s->path);
    r.text[PF_JOURNAL_UIDL] = pf_bytes_of(s->uidl);
    r.text[PF_JOURNAL_USER] = pf_bytes_of(s->user);
    r.text[PF_JOURNAL_RECIPIENT] = pf_post_address(l->post, s->recipient);
    pf_journal_put(l->carrier->dock->journal, &r);
}

void pf_carrier_journal_refused(const struct pf_carrier *c, const struct pf_letter *l,
                                const struct pf_carrier_refused *what, const struct pf_err *err)
{
    struct pf_journal_record r = record(l && l->untold ? l : NULL, PF_JOURNAL_refused);

    if (!r.text[PF_JOURNAL_VIA].len) { /* at RCPT, before there is a text */
        r.text[PF_JOURNAL_SENDER] = what->sender.len ? what->sender : PF_LIT("<>");
        r.text[PF_JOURNAL_VIA] = c->generation->engines[c->listen].smtp ? PF_LIT("SMTP") : PF_LIT("LMTP");
        r.text[PF_JOURNAL_ADDRESS] = pf_bytes_of(pf_conn_info(c->conn)->peer);
    }
    if (what->user)
        r.text[PF_JOURNAL_USER] = pf_bytes_of(what->user);
    r.text[PF_JOURNAL_RECIPIENT] = what->recipient;
    r.text[PF_JOURNAL_CODE] = pf_bytes_of(pf_verdict(err->code)->name);
    r.text[PF_JOURNAL_WHY] = pf_bytes_of(err->log);
    pf_journal_put(c->dock->journal, &r);
}

/* Before the seals all recipients are untold, and share what became of the text. */
void pf_carrier_journal_dropped(const struct pf_letter *l)
{
    if (l->untold == 0 || l->untold != pf_post_recipients(l->post))
        return;
    for (unsigned i = 0; i < l->untold; i++) {
        struct pf_journal_record r = record(l, PF_JOURNAL_refused);
        const char *user = pf_post_user(l->post, i);

        r.text[PF_JOURNAL_USER] = user ? pf_bytes_of(user) : (struct pf_bytes){0};
        r.text[PF_JOURNAL_RECIPIENT] = pf_post_address(l->post, i);
        r.text[PF_JOURNAL_WHY] =
            PF_LIT("its text did not come to its end: too large, out of order, or the connection broke");
        pf_journal_put(l->carrier->dock->journal, &r);
    }
}
