#include "tool/deliver_journal.h"

#include "base/journal.h"
#include "session/journal_now.h"
#include "sys/journal_day.h"

#include <unistd.h>

static struct pf_bytes text(const char *string)
{
    return string ? pf_bytes_of(string) : (struct pf_bytes){0};
}

static struct pf_journal_record record(const struct pf_deliver_told *t)
{
    struct pf_journal_record r = {.event = t->seal ? PF_JOURNAL_delivered : PF_JOURNAL_refused, .at = pf_journal_now()};

    r.number[PF_JOURNAL_PROCESS] = (uint64_t)getpid();
    r.text[PF_JOURNAL_MAILDROP] = text(t->path);
    r.text[PF_JOURNAL_USER] = text(t->user);
    r.text[PF_JOURNAL_MESSAGE_ID] = pf_bytes_from(t->text->message_id, t->text->message_id_len);
    r.text[PF_JOURNAL_SENDER] = text(t->sender[0] ? t->sender : "<>");
    r.text[PF_JOURNAL_RECIPIENT] = text(t->recipient);
    r.text[PF_JOURNAL_VIA] = PF_LIT("deliver");
    if (t->seal) {
        r.number[PF_JOURNAL_OCTETS] = t->seal->octets;
        r.text[PF_JOURNAL_UIDL] = text(t->seal->uidl);
    } else {
        r.text[PF_JOURNAL_CODE] = text(pf_verdict(t->why->code)->name);
        r.text[PF_JOURNAL_WHY] = text(t->why->log);
    }
    return r;
}

enum pf_code pf_deliver_journal(const struct pf_deliver_told *t, struct pf_err *err)
{
    struct pf_journal_day day = {.folder = t->conf->journal_folder, .keep_days = t->conf->journal_keep, .fd = -1};
    unsigned char room[PF_JOURNAL_LINE_MAX];
    struct pf_span line = {room, 0, sizeof room};
    struct pf_journal_record r;
    enum pf_code code;
    size_t taken;

    if (!day.folder)
        return PF_OK;
    r = record(t);
    if (!pf_journal_write(&line, &r))
        return PF_OK; /* a clock before 1970 */
    code = pf_journal_day_write(&day, pf_span_bytes(&line), r.at / 1000, &taken, err);
    pf_journal_day_close(&day);
    return code;
}
