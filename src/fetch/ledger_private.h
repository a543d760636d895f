/* The ledger's parts: its text, its table in memory, its files.
 *
 * The table keeps one entry for each UID of each `who`, in the order in which they became known. The
 * hash is keyed with a seed of its own: UIDs are a server's words, and it shall not choose where they
 * fall. An entry that is gone stays where it is, so that the places of others do not change under who
 * walks, until somebody asks for one by its place; then all that are gone are taken out at once. */
#ifndef POSTFACH_FETCH_LEDGER_PRIVATE_H
#define POSTFACH_FETCH_LEDGER_PRIVATE_H

#include "fetch/ledger.h"

#define PF_LEDGER_FIRST "postfach-ledger 1"

/* ---- text ---- */

enum pf_ledger_word {
    PF_LEDGER_RECORD,
    PF_LEDGER_WHO,
    PF_LEDGER_SETTLED,
    PF_LEDGER_FETCHED, /* out_note has how many (octets), and when */
    PF_LEDGER_NONE
};

/* What a line (without its newline) is. `room` holds what its views show. */
enum pf_ledger_word pf_ledger_read_line(struct pf_bytes line, unsigned char room[PF_LEDGER_WHO_MAX],
                                        struct pf_ledger_note *out_note, struct pf_bytes *out_who);
bool pf_ledger_who_line(struct pf_bytes who, struct pf_span *out);
bool pf_ledger_settled_line(struct pf_span *out);
bool pf_ledger_fetched_line(uint64_t number, int64_t last, struct pf_span *out);

/* ---- table ---- */

struct pf_ledger_entry {
    int64_t when;
    uint64_t octets;
    size_t text; /* where name and UID begin */
    uint32_t hash, who;
    uint16_t uid_len;
    uint8_t name_len, state;
    unsigned char head[PF_LEDGER_HEAD];
};

struct pf_ledger_table {
    uint64_t seed[2];
    struct pf_ledger_entry *entries;
    size_t count, cap, live;
    uint32_t *slots; /* an entry's index and one, or 0; as many as a power of two */
    size_t slot_count;
    unsigned char *text, *before; /* before: what it was, for views into it */
    size_t text_len, text_cap;
};

void pf_ledger_table_begin(struct pf_ledger_table *);
void pf_ledger_table_done(struct pf_ledger_table *); /* empty again, and usable */
/* Room for so many octets of text: until settle, views into the table stay readable however much is
 * learned within. So what find and at have shown may itself be learned. */
bool pf_ledger_table_reserve(struct pf_ledger_table *, size_t octets);
void pf_ledger_table_settle(struct pf_ledger_table *);
/* False: no memory; the table is as it was. */
bool pf_ledger_table_learn(struct pf_ledger_table *, uint32_t who, const struct pf_ledger_note *);
bool pf_ledger_table_find(const struct pf_ledger_table *, uint32_t who, struct pf_bytes uid,
                          struct pf_ledger_note *out);
/* Forgets all but what that `who` has. */
void pf_ledger_table_only(struct pf_ledger_table *, uint32_t who);
/* The i-th that lives. */
void pf_ledger_table_at(struct pf_ledger_table *, size_t i, struct pf_ledger_note *out,
                        uint32_t *out_who);

/* ---- files ---- */

/* The path with a suffix, to be freed; NULL: no memory. */
char *pf_ledger_beside(const char *path, const char *suffix);
/* Makes the folders above `path`. */
enum pf_code pf_ledger_folders(const char *path, struct pf_err *);
/* Opens one that must be a plain file of ours which nobody else may write. `flags` are open(2)'s.
 * PF_GONE: there is none (and no O_CREAT). */
enum pf_code pf_ledger_file(const char *path, int flags, int *out_fd, struct pf_err *);
enum pf_code pf_ledger_lock(const char *path, pf_time wait, int *out_fd, struct pf_err *);
void pf_ledger_unlock(int fd);
/* Syncs the folder that holds `path`. */
enum pf_code pf_ledger_sync_folder(const char *path, struct pf_err *);

/* ---- the whole ---- */

struct pf_ledger {
    int fd, lock; /* -1: only looked at */
    bool broken;
    char *path;
    struct pf_bytes who; /* its memory is the ledger's */
    struct pf_ledger_table own, elsewhere;
    char **others; /* the `who` of elsewhere, by number */
    size_t other_count;
    uint64_t delivered; /* ever */
    int64_t last;
    /* of the reading */
    size_t records; /* lines that are one */
    uint64_t whole; /* octets up to and with the last good line */
    bool ours;      /* the last section is `who`'s */
};

/* Reads all of it; PF_DAMAGED with the line's number. A torn end is passed over: `whole` says where it
 * begins. */
enum pf_code pf_ledger_read(struct pf_ledger *, int fd, struct pf_err *);
/* Whether most of what the file has is dead. */
bool pf_ledger_is_mostly_dead(const struct pf_ledger *);
/* Writes what lives into a new file, which takes the old one's place. An error leaves the old one. */
enum pf_code pf_ledger_rewrite(struct pf_ledger *, struct pf_err *);

#endif
