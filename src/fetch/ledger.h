/* The ledger: what is known of each message of one account, so that none is lost and none comes twice.
 *
 * One file for each account, append-only text that a person can read:
 *
 *   postfach-ledger 1
 *   who joe@pop.example.org *…
 *   will 1732290000 4711 5f3c…(32 digits) NAME UID *1a2b3c4d
 *   done 1732290001 4711 5f3c… - UID *…
 *   settled *…
 *   fetched 4711 1732290001 *…
 *
 * A record is a state, seconds since 1970, octets, the header's digest, a name and the UID, with what is
 * no printable octet percent-encoded and `-` for nothing, then (as behind `who` and `settled`) a CRC-32
 * of the line before the `*`. Records belong to the `who` above them; `settled` ends what stands under
 * others; `fetched` says how many were delivered by what a rewrite has left out, and when the last one was.
 *
 * The order of things is the proof:
 *   - `will` is on disk before the message can be found at its place;
 *   - `done` is written once it is there for good, and DELE is said only after that;
 *   - `gone` only when the server answered +OK to the QUIT behind the DELE, or a complete UIDL lacks it.
 *   - what may be a torso (fewer octets than the server told) becomes `skipped` instead of `done`, and
 * `done` when the session's end has acquitted it: so it is not deleted by whoever comes after a kill.
 * So a run that is killed anywhere leaves at most some `will` without an end, and who finds one asks the
 * place (fetch/place.h) what became of it.
 *
 * Laws:
 *   - No ledger, no session: one that cannot be read, written or understood is PF_DAMAGED or PF_IO with
 * a hint, never an empty one. A last line that was torn by a power cut is no damage: it is cut off.
 *   - One at a time: a lock on PATH.lock, which dies with its holders. A carrier (fetch/carry.h) that
 * outlives its killed master inherits it, so the next run waits until the message under way has ended.
 *   - Records of another `who` are not this maildrop's: their UIDs mean nothing here. They are kept as
 * `elsewhere`, to be recognised by header and octets when a server was renamed, until a session has
 * ended well.
 *   - The file is rewritten (new file, synced, renamed) only in open, and only when most of it is dead.
 *   - Memory belongs to the loop's thread; pf_ledger_write touches the file alone and may run on a
 * thread of a pool, one call at a time. */
#ifndef POSTFACH_FETCH_LEDGER_H
#define POSTFACH_FETCH_LEDGER_H

#include <postfach/bytes.h>
#include <postfach/err.h>
#include <postfach/pop3_client.h>

enum pf_ledger_state {
    PF_LEDGER_GONE,    /* as if it had never been; in find: not known */
    PF_LEDGER_WILL,    /* was about to be delivered */
    PF_LEDGER_DONE,    /* delivered */
    PF_LEDGER_SKIPPED, /* a filter did not want it; or it is delivered, and may be a torso */
    PF_LEDGER_REFUSED  /* the place will never take it: it stays on the server, and is not tried again */
};

enum {
    PF_LEDGER_HEAD = 16,     /* octets of a header's digest */
    PF_LEDGER_UID_MAX = 512, /* RFC 1939 has 70; longer ones are digested by the plan */
    PF_LEDGER_NAME_MAX = 255,
    PF_LEDGER_WHO_MAX = 768,
    PF_LEDGER_LINE_MAX =
        2400 /* octets of a line with its newline: the longest texts, all of them encoded */
};

/* What is to be noted, or is known. Views. */
struct pf_ledger_note {
    enum pf_ledger_state state;
    int64_t when;                       /* seconds since 1970 */
    uint64_t octets;                    /* as LIST told, or PF_OCTETS_UNKNOWN */
    unsigned char head[PF_LEDGER_HEAD]; /* zeros: not known */
    struct pf_bytes uid;                /* 1..PF_LEDGER_UID_MAX octets */
    struct pf_bytes name;               /* WILL: what the place needs to find it again; REFUSED: why; else empty */
};

/* Begins the name of a WILL whose message may be a torso: what is there is SKIPPED then, not DONE. */
#define PF_LEDGER_DOUBT "short/"
/* Takes that beginning off; true: it was there. */
bool pf_ledger_doubted(struct pf_ledger_note *will);

struct pf_ledger;

/* Opens or begins the ledger at `path` (its folders are made, mode 0700, the file 0600) for the maildrop
 * `who`. Waits up to `wait` ms for the lock, then PF_IN_USE with the holder's pid. Blocks: for a thread
 * of a pool. */
enum pf_code pf_ledger_open(const char *path, const char *who, pf_time wait, struct pf_ledger **out,
                            struct pf_err *);
/* Reads one that others may hold, without the lock; for who only looks. No file: an empty one. */
enum pf_code pf_ledger_look(const char *path, const char *who, struct pf_ledger **out, struct pf_err *);
/* Unlocks explicitly. NULL is allowed. */
void pf_ledger_close(struct pf_ledger *);

/* The newest record of that UID; false: not known. The views live until the next learn. */
bool pf_ledger_find(const struct pf_ledger *, struct pf_bytes uid, struct pf_ledger_note *out);
size_t pf_ledger_count(
    const struct pf_ledger *); /* of known ones, in the order in which they became known */
void pf_ledger_at(const struct pf_ledger *, size_t i, struct pf_ledger_note *out);
/* How many were ever delivered here, under any `who`, as far as the file had it when it was opened, and when the last
 * one was; 0: never. */
uint64_t pf_ledger_delivered(const struct pf_ledger *, int64_t *out_last);
/* Those of another `who`, the same way. */
size_t pf_ledger_elsewhere_count(const struct pf_ledger *);
void pf_ledger_elsewhere_at(const struct pf_ledger *, size_t i, struct pf_ledger_note *out);

/* Appends records with one write; `sync`: they are on disk when it returns. After an error (PF_IO, or
 * PF_NO_SPACE) nothing more can be written (PF_IO each time): what is on disk is not known any more.
 * Only PF_NO_MEMORY, PF_SYNTAX (a note that cannot be said) and PF_STATE (it was only looked at) come
 * before anything was tried, and
 * change nothing. */
enum pf_code pf_ledger_write(struct pf_ledger *, const struct pf_ledger_note *, size_t n, bool sync,
                             struct pf_err *);
/* Takes what was written, here or by a carrier, into memory. False: no memory, and it knows less than
 * the file. */
bool pf_ledger_learn(struct pf_ledger *, const struct pf_ledger_note *, size_t n);
/* A session with a complete UIDL has ended well: what was elsewhere is forgotten (in file and memory).
 */
enum pf_code pf_ledger_settled(struct pf_ledger *, struct pf_err *);

/* For a carrier: descriptors to be inherited (close-on-exec here), the file's (O_APPEND) and the lock's.
 */
int pf_ledger_fd(const struct pf_ledger *);
int pf_ledger_lock_fd(const struct pf_ledger *);
/* Whole lines to the file's end with one write, synced when asked for; what does not fit is taken back.
 * For a carrier, which has the descriptor alone; after an error nothing more may be written. */
enum pf_code pf_ledger_append(int fd, struct pf_bytes lines, bool sync, struct pf_err *);
/* A record as the line that stands in the file, with its newline; false: it does not fit or cannot be
 * said. */
bool pf_ledger_line(const struct pf_ledger_note *, struct pf_span *out);
/* The other way round; `line` without its newline. `room` holds decoded UID and name. PF_SYNTAX: it is
 * none. */
enum pf_code pf_ledger_parse(struct pf_bytes line,
                             unsigned char room[PF_LEDGER_UID_MAX + PF_LEDGER_NAME_MAX],
                             struct pf_ledger_note *out);

#endif
