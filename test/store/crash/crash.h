/* Crash: scenarios, what a child was told, and what must be on disk afterwards.
 *
 * A scene is a maildrop of five messages that is built anew for each point. A
 * child does one scenario in it by the blocking twin of a store, and writes
 * down what the store said to it in memory that it shares with its parent. It
 * is stopped or disturbed at one of its system calls (trace.h); then the parent opens
 * the maildrop as the next session would, twice, and compares:
 *
 *   - a message that nobody marked is there, once, octet for octet, under the
 *     UIDL that anybody was ever told;
 *   - a message whose removal was acknowledged is gone; before the removal began
 *     it is there;
 *   - a message whose delivery was acknowledged is there, once; else once or not at all;
 *   - nothing else is there: no half message, nothing that cannot be read;
 *   - no UIDL stands for two messages;
 *   - the lock is free, and what was left behind goes by the sweep.
 *
 * Each breach is counted as a loss, a duplicate (which is also a message that came back), torn, a wrong UIDL, a
 * leftover, or "other"; all have to be 0. Messages are told apart by
 * their text, so all texts differ, also in length. */
#ifndef POSTFACH_TEST_STORE_CRASH_H
#define POSTFACH_TEST_STORE_CRASH_H

#include "store/crash/trace.h"
#include "store/lift.h"

enum {
    CRASH_MAILS = 6,
    CRASH_PARCEL = 5, /* the last one comes by the delivery */
    CRASH_TEXT_MAX = 8192,
    CRASH_HOME = 128,
    CRASH_NOW = 1700864003 /* ten days behind the second message */
};

/* What a scene can be told by its number. */
struct crash_mail {
    const char *text;
    int64_t arrival; /* seconds since 1970 */
};
extern const struct crash_mail crash_mails[CRASH_MAILS];
/* Octets of files that are not as long as their text, for a row of what could not be read; 0: as long. */
extern uint64_t crash_stored[CRASH_MAILS];

struct crash_told {
    bool opened, expunging, expunged, delivering, delivered;
    enum pf_code open, expunge, deliver;
    uint32_t listed; /* bits of messages */
    uint32_t removed;
    uint32_t misread; /* bodies that were vouched for and wrong */
    uint32_t strange; /* rows of no known size */
    char uidl[CRASH_MAILS][PF_UIDL_MAX + 1];
};

struct crash_scene;

/* A store, and what is particular about it. */
struct crash_kind {
    struct pf_twin *(*make)(void);
    bool line_ends; /* a last line without an end gets one */
    /* A maildrop of the five messages as other programs leave it. */
    void (*put)(struct crash_scene *);
    /* Sweeps, and says what is left that should not be: "" for nothing. */
    void (*sweep)(struct crash_scene *, char room[CRASH_WORDS]);
    /* Whether promises hang on this name (relative to the home): messages and UIDLs, not caches. */
    bool (*matters)(const char *name);
    /* Whether it is the name of a message, so that a rename to another such name loses nothing. */
    bool (*message)(const char *name);
};

struct crash_scenario {
    const char *name;
    const struct crash_kind *kind;
    void (*run)(struct crash_scene *);
    void (*before)(struct crash_scene *); /* NULL, or more preparation */
    bool empty;          /* there is no maildrop yet */
    bool known;          /* an earlier session stored UIDLs and cache */
    bool read;           /* the session reads all it lists */
    bool meant;          /* breaches are meant: they are counted without a word */
    unsigned of_kills;   /* in the short form one of so many points is tried where it dies, */
    unsigned of_errors;  /* and of those where a call fails; 0: all */
    uint32_t remove;     /* marks, as bits */
    uint32_t seen;
    uint32_t old;        /* goes by expiry, as bits */
    int32_t expire_days; /* 0: none */
    const char *steps[16]; /* what an undisturbed run does, in this order ("call path [path]", fnmatch) */
};

struct crash_counts {
    uint32_t points, losses, duplicates, torn, uidls, leftovers, order, other;
};

struct crash_scene {
    const struct crash_scenario *scenario;
    struct crash_told *told; /* shared with the child */
    struct pf_twin *twin;
    struct crash_counts counts;
    uint64_t draws; /* for the short form */
    char root[CRASH_HOME];     /* everything is in it */
    char home[CRASH_HOME + 8]; /* made anew for each point */
    char path[CRASH_HOME + 16]; /* the maildrop: "box" in it */
    char point[CRASH_WORDS]; /* in words, for complaints */
    char uidl[CRASH_MAILS][PF_UIDL_MAX + 1]; /* as the earlier session was told */
};

/* scene.c */
void crash_scene_init(struct crash_scene *, const struct crash_scenario *);
void crash_scene_build(struct crash_scene *);
void crash_scene_done(struct crash_scene *);
void crash_put_file(const char *path, const char *text, int64_t mtime);
struct pf_box_where crash_where(const struct crash_scene *, int32_t expire_days);
/* -1: none of them. */
int crash_mail_by_text(const struct crash_scene *, struct pf_bytes);
int crash_mail_by_size(uint64_t octets);
/* The message's text into room; its length, or -1 when the store refuses it. */
int64_t crash_read(struct crash_scene *, struct pf_twin_box *, uint32_t index,
                   unsigned char room[CRASH_TEXT_MAX]);
_Noreturn void crash_stop(const char *what); /* the test itself cannot go on: a bail out with errno */

/* child.c: what children do. */
void crash_run_delivery(struct crash_scene *);
void crash_run_session(struct crash_scene *); /* open, perhaps read, expunge, close */

/* verify.c */
void crash_verify(struct crash_scene *);
void crash_complain(struct crash_scene *, uint32_t *count, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* order.c: whether what was promised in an undisturbed run would outlast a power cut. */
void crash_order(struct crash_scene *, const struct crash_record *);

/* play.c: all points of a scenario; and main for a table of them, in TAP. */
void crash_play(const struct crash_scenario *, struct crash_counts *out_counts);
void crash_one_processor(void);
int crash_main(const struct crash_scenario *, uint32_t count);

/* maildir.c, mbox.c */
extern const struct crash_kind crash_maildir;
extern const struct crash_kind crash_mbox;

#endif
