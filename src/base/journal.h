/* The journal: what became of each mail, a record for each thing that happened to it.
 *
 * A log tells how a server is; the journal answers one question of a customer: where is my mail? So its records
 * name mails (maildrop and UIDL, and the Message-ID where it came in), and `postfach why` puts them together.
 *
 *     J1 7CC1EBFD 1763814182123 fetched process=1191 session=7 octets=4711 maildrop=/var/mail/anna uidl=x1 user=anna
 *
 * One record is one line of printable ASCII: version, check sum of all that follows, milliseconds since 1970, event,
 * fields in the order of journal.def. In a text every octet that is not 0x21..0x7E, and '%', stands as %XX; so
 * whatever a stranger puts into a name or a Message-ID, it ends neither its field nor its line. One record has one
 * form only, and the reader takes nothing else: what it takes, the writer would have written.
 *
 * The check sum tells a line that was torn by a crash or a full disk from a whole one. It is no seal: who may write
 * the file may write what he likes.
 *
 * There is no field for a secret, and nothing of a message but its Message-ID.
 *
 * This room is form alone. Records go into a *sink*, which takes lines and never waits: a file
 * (sys/journal_file.h), or another process (sys/journal_remote.h). */
#ifndef POSTFACH_BASE_JOURNAL_H
#define POSTFACH_BASE_JOURNAL_H

#include <postfach/bytes.h>

enum pf_journal_event {
#define PF_JOURNAL_EVENT(name) PF_JOURNAL_##name,
#include "base/journal.def"
    PF_JOURNAL_EVENTS
};

enum pf_journal_number {
#define PF_JOURNAL_NUMBER(id, name) PF_JOURNAL_##id,
#include "base/journal.def"
    PF_JOURNAL_NUMBERS
};

enum pf_journal_text {
#define PF_JOURNAL_TEXT(id, name, most) PF_JOURNAL_##id,
#include "base/journal.def"
    PF_JOURNAL_TEXTS
};

enum {
    PF_JOURNAL_HEAD_MAX = 3 + 9 + 16 + 16, /* version, sum, time, event, each with its blank */
    /* The longest line with its end: all texts full of octets that take three. A name has at most 16. */
    PF_JOURNAL_LINE_MAX = PF_JOURNAL_HEAD_MAX + 1
#define PF_JOURNAL_NUMBER(id, name) + 18 + 20
#define PF_JOURNAL_TEXT(id, name, most) + 18 + 3 * (most)
#include "base/journal.def"
};

struct pf_journal_record {
    enum pf_journal_event event;
    int64_t at; /* ms since 1970, 0 to the end of the year 9999 */
    uint64_t number[PF_JOURNAL_NUMBERS];
    struct pf_bytes text[PF_JOURNAL_TEXTS];
};

const char *pf_journal_event_name(enum pf_journal_event);
const char *pf_journal_number_name(enum pf_journal_number);
const char *pf_journal_text_name(enum pf_journal_text);

/* Puts the line with its end; false, with nothing put, when the room (PF_JOURNAL_LINE_MAX always suffices) or the
 * time does not do. */
bool pf_journal_write(struct pf_span *, const struct pf_journal_record *);
/* Puts a text as it stands in a line, for who looks for it in there. */
bool pf_journal_escape(struct pf_span *, struct pf_bytes text);

enum pf_journal_fault {
    PF_JOURNAL_GOOD,
    PF_JOURNAL_OTHER, /* of another version, or no record at all */
    PF_JOURNAL_TORN,  /* the sum is wrong */
    PF_JOURNAL_MALFORMED
};

/* Reads a line without its end. Texts of *out point into `line`, or into `room`, which has room for line.len octets
 * and is overwritten. *out is touched only with PF_JOURNAL_GOOD. */
enum pf_journal_fault pf_journal_read(struct pf_bytes line, struct pf_span *room, struct pf_journal_record *out);

/* Takes whole lines with their ends, keeps or drops them, and never waits. */
struct pf_journal_sink {
    void (*put)(struct pf_journal_sink *, struct pf_bytes line);
    uint64_t process; /* the number by which this process's sessions are known; never 0 */
};

/* Writes the record with the sink's process into it; NULL is no journal. */
void pf_journal_put(struct pf_journal_sink *, struct pf_journal_record *);

/* Lines that wait for a sink's other side: bounded, and when there are too many the oldest go. */
struct pf_journal_tray {
    unsigned char *at;
    size_t len, cap, most;
    uint64_t lost; /* lines; whoever tells of them sets it to 0 */
};

void pf_journal_tray_put(struct pf_journal_tray *, struct pf_bytes line);
/* The first n octets, which end with a line's end, are done with. */
void pf_journal_tray_took(struct pf_journal_tray *, size_t n);
void pf_journal_tray_done(struct pf_journal_tray *);

#endif
