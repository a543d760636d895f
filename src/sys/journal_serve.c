#include "sys/journal_serve.h"

#include "base/text.h"

static const char *look_at(struct pf_bytes line, uint64_t process, int64_t now)
{
    unsigned char room_at[PF_JOURNAL_LINE_MAX];
    struct pf_span room = {room_at, 0, sizeof room_at};
    struct pf_journal_record r;

    if (line.len >= PF_JOURNAL_LINE_MAX || pf_journal_read(line, &room, &r) != PF_JOURNAL_GOOD)
        return "a line of its journal is no record";
    if (r.number[PF_JOURNAL_PROCESS] != process)
        return "a record of its journal speaks for another process";
    if (r.at < now - PF_JOURNAL_SERVE_OLD || r.at > now + PF_JOURNAL_SERVE_AHEAD)
        return "a record of its journal is of another time";
    return NULL;
}

const char *pf_journal_serve(struct pf_journal_sink *to, uint64_t process, struct pf_bytes lines, int64_t now)
{
    const char *why = NULL;

    while (lines.len && !why) {
        size_t len = pf_find(lines, '\n');

        if (len == lines.len)
            return "the last line of its journal has no end";
        why = look_at(pf_bytes_head(lines, len), process, now);
        if (!why)
            to->put(to, pf_bytes_head(lines, len + 1));
        lines = pf_bytes_skip(lines, len + 1);
    }
    return why;
}
