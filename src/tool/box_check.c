#include "tool/box.h"

#include <postfach/dot.h>

#include <inttypes.h>
#include <time.h>

/* Python's poplib, which many pollers use, refuses longer lines (with their CRLF). */
enum { POPLIB_LINE_MAX = 2048 };

struct sums {
    struct pf_dot dot;
    uint64_t line, longest, nuls;
};

static void add(void *self, struct pf_bytes piece)
{
    struct sums *s = self;

    pf_dot_measure(&s->dot, piece);
    for (size_t i = 0; i < piece.len; i++) {
        s->line = piece.at[i] == '\n' ? 0 : s->line + 1;
        if (s->line > s->longest)
            s->longest = s->line;
        s->nuls += piece.at[i] == 0;
    }
}

struct report {
    uint32_t faults, notes;
};

static void say(struct pf_tool_box *b, uint32_t index, const char *what, const char *hint)
{
    struct pf_bytes uidl = pf_listing_uidl(&b->listing, index);
    struct pf_maildir_entry entry;

    printf("message %" PRIu32 ", ", index + 1);
    if (pf_tool_box_entry(b, index, &entry))
        pf_tool_print_safe(stdout, entry.name, false);
    else
        printf("UIDL %.*s", (int)uidl.len, (const char *)uidl.at);
    printf(": %s\n    %s\n", what, hint);
}

static void check_message(struct pf_tool_box *b, uint32_t index, struct report *report)
{
    struct sums sums = {0};
    struct pf_err err;
    uint64_t promised = b->listing.rows[index].octets;
    char text[160];

    pf_dot_init(&sums.dot);
    if (pf_tool_box_read(b, index, add, &sums, &err) != PF_OK) {
        report->faults++;
        say(b, index, err.log, "POP3 refuses to send and to delete it; restore it, or remove it by hand");
        return;
    }
    pf_dot_measure_end(&sums.dot);
    if (sums.dot.octets != promised) {
        report->faults++;
        snprintf(text, sizeof text, "has %" PRIu64 " octets on the wire, listed are %" PRIu64,
                 sums.dot.octets, promised);
        say(b, index, text, "the next login will know better; if this stays, the name's ,W= is wrong");
    }
    if (sums.longest + 2 > POPLIB_LINE_MAX) {
        report->notes++;
        snprintf(text, sizeof text, "has a line of %" PRIu64 " octets", sums.longest);
        say(b, index, text, "note: sent as it is, but Python's poplib refuses lines over 2048");
    }
    if (sums.nuls) {
        report->notes++;
        snprintf(text, sizeof text, "has %" PRIu64 " NUL octets", sums.nuls);
        say(b, index, text, "note: sent as they are, but Outlook hangs on them");
    }
}

static void sweep_maildir(struct pf_tool_box *b, struct report *report)
{
    uint32_t litter = 0;
    struct pf_err err;

    if (pf_maildir_sweep(b->path, (int64_t)time(NULL), &litter, &err) != PF_OK) {
        report->faults++;
        printf("tmp: %s\n", err.log);
    }
    printf("tmp: %" PRIu32 " leftovers of broken deliveries removed\n", litter);
}

void pf_tool_box_mend(struct pf_tool_box *b, const struct pf_mbox_settings *settings)
{
    if (pf_mbox_check(settings, b->path, (int64_t)time(NULL), &b->mended, &b->mend_err) == PF_OK)
        b->mend_err.code = PF_OK;
}

static void tell_mended(const struct pf_tool_box *b, struct report *report)
{
    const struct pf_mbox_report *r = &b->mended;

    if (b->mend_err.code != PF_OK) {
        report->faults++;
        printf("beside: %s\n", b->mend_err.log);
        return;
    }
    printf("beside: %" PRIu32 " leftovers of killed processes removed\n", r->litter);
    if (r->torn)
        puts("beside: a delivery was killed; what there was of a torn message is taken away, a whole one stays");
    if (r->unfinished)
        puts("beside: a crash stopped the removal of messages; it is brought to its end");
    if (!r->old_journals)
        return;
    report->notes++;
    printf("beside: %" PRIu32 " old journals, the first is ", r->old_journals);
    pf_tool_print_safe(stdout, r->old_journal, false);
    puts("\n    note: each may hold mail that the mbox lacks: compare (`sed 1d` shows it), and remove it by hand");
}

int pf_tool_box_check(struct pf_tool_box *b)
{
    struct report report = {0};

    for (uint32_t i = 0; i < b->listing.count; i++)
        check_message(b, i, &report);
    if (b->fix && b->kind == PF_KIND_MBOX)
        tell_mended(b, &report);
    else if (b->fix)
        sweep_maildir(b, &report);
    printf("%s: messages %" PRIu32 ", octets %" PRIu64 ", faults %" PRIu32 ", notes %" PRIu32 "\n", b->path,
           b->listing.count, b->listing.octets, report.faults, report.notes);
    return report.faults ? pf_verdict(PF_DAMAGED)->exit_status : 0;
}
