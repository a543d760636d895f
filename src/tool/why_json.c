#include "tool/client_json.h"
#include "tool/why_parts.h"

static void put_number(struct pf_client_json *j, enum pf_journal_number n, uint64_t number)
{
    if (n == PF_JOURNAL_OPENED && number <= INT64_MAX)
        pf_client_json_ms(j, pf_journal_number_name(n), (int64_t)number);
    else
        pf_client_json_number(j, pf_journal_number_name(n), number);
}

void pf_why_json(const struct pf_journal_record *r, FILE *to)
{
    struct pf_client_json j;

    pf_client_json_begin(&j, to);
    pf_client_json_ms(&j, "at", r->at);
    pf_client_json_text(&j, "event", pf_journal_event_name(r->event));
    for (unsigned i = 0; i < PF_JOURNAL_NUMBERS; i++)
        if (r->number[i])
            put_number(&j, (enum pf_journal_number)i, r->number[i]);
    for (unsigned i = 0; i < PF_JOURNAL_TEXTS; i++)
        if (r->text[i].len)
            pf_client_json_bytes(&j, pf_journal_text_name((enum pf_journal_text)i), r->text[i]);
    pf_client_json_end(&j);
}
