#include "tool/box.h"

#include "store/maildir/maildir.h"

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
    struct pf_maildir_entry entry = {.name = "?"};

    pf_maildir_entry(b->box, index, &entry);
    printf("message %" PRIu32 ", ", index + 1);
    pf_tool_print_safe(stdout, entry.name, false);
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
        say(b, index, err.log, "POP3 refuses to send and to delete it; restore the file, or remove it by hand");
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

int pf_tool_box_check(struct pf_tool_box *b, int argc, char **argv)
{
    struct report report = {0};
    struct pf_err err;
    uint32_t litter = 0;
    bool fix = false;

    for (int i = 1; i < argc - 1; i++)
        if (strcmp(argv[i], "--fix") == 0)
            fix = true;
    for (uint32_t i = 0; i < b->listing.count; i++)
        check_message(b, i, &report);
    if (fix) {
        if (pf_maildir_sweep(b->path, (int64_t)time(NULL), &litter, &err) != PF_OK) {
            report.faults++;
            printf("tmp: %s\n", err.log);
        }
        printf("tmp: %" PRIu32 " leftovers of broken deliveries removed\n", litter);
    }
    printf("%s: messages %" PRIu32 ", octets %" PRIu64 ", faults %" PRIu32 ", notes %" PRIu32 "\n", b->path,
           b->listing.count, b->listing.octets, report.faults, report.notes);
    return report.faults ? pf_verdict(PF_DAMAGED)->exit_status : 0;
}
