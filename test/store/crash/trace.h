/* Trace: runs a function in a child and stops it at one of its system calls.
 *
 * The parent follows the child with ptrace, sees each call when it begins and
 * when it ends, and counts. At the point that was asked for it ends the
 * child with SIGKILL (before the call did anything, or when it has done all),
 * lets the call fail with an errno that the kernel could have given, or lets
 * a write do only half of its work. What the child does before and after its
 * own work, and what the sanitizers do at start and end, is left out: the
 * child says "begin" and "end" by a call without effect, getppid with
 * arguments that only the parent looks at. In the same way it says what it
 * was told by the store, so that these promises have a place in the sequence of calls.
 *
 * Calls are of two sorts, counted apart: those about files, and those by which
 * the allocator, libc and the sanitizers get memory. The latter differ from
 * build to build, can be killed at, and are never made to fail. */
#ifndef POSTFACH_TEST_STORE_CRASH_TRACE_H
#define POSTFACH_TEST_STORE_CRASH_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    CRASH_CALLS = 1024,    /* of one scenario; more is a mistake in it */
    CRASH_WORDS = 192,     /* a path below a temporary folder, with room */
    /* errors that a call may give, as bits */
    CRASH_NO_SPACE = 1,
    CRASH_IO = 2,
    CRASH_QUOTA = 4,
    CRASH_NO_FILES = 8,
    CRASH_ERRORS = 4 /* how many */
};

enum crash_marker {
    CRASH_NO_MARKER,
    CRASH_BEGIN,
    CRASH_END,
    CRASH_LISTED,  /* the listing was handed out */
    CRASH_REMOVED, /* "removed" was said */
    CRASH_SEALED   /* "delivered" was said */
};

/* What the paths are among the arguments. */
enum crash_shape {
    CRASH_PLAIN,
    CRASH_FD,      /* a descriptor */
    CRASH_AT,      /* folder, name */
    CRASH_AT_AT,   /* folder, name, folder, name */
    CRASH_PATH,    /* a name */
    CRASH_PATH_PATH
};

/* One sort of call. */
struct crash_row {
    long number;
    const char *name;
    enum crash_shape shape;
    unsigned errors;
    bool memory;
};

struct crash_call {
    const struct crash_row *row; /* NULL: a marker */
    enum crash_marker marker;
    uint32_t number; /* from 1, among the calls of its sort */
    unsigned errors; /* that this one may give */
    uint64_t args[6];
    int64_t result;
    bool existed; /* what `a` names, before the call */
    char a[CRASH_WORDS]; /* paths; "" where there are none */
    char b[CRASH_WORDS];
};

/* An undisturbed run. Calls about memory are only counted. */
struct crash_record {
    struct crash_call calls[CRASH_CALLS];
    uint32_t count;
    uint32_t memory;
};

enum crash_how { CRASH_NOT, CRASH_KILL_BEFORE, CRASH_KILL_AFTER, CRASH_TEAR, CRASH_SHORT, CRASH_FAIL };

struct crash_point {
    enum crash_how how; /* TEAR: half of a write, then death; SHORT: half of it, and life goes on */
    bool memory;        /* `number` counts the calls about memory */
    bool lasting;       /* FAIL: so does every later call that may give this error */
    uint32_t number;
    int error; /* FAIL: the errno */
};

struct crash_end {
    bool hit;        /* the point was reached */
    bool finished;   /* the child came to its end by itself */
    char trouble[160]; /* "" unless something else happened than was asked for */
};

/* Why this machine cannot trace, or NULL when it can. */
const char *crash_impossible(void);

/* `run` is called in the child. `record` may be NULL. */
void crash_trace(const struct crash_point *, void (*run)(void *), void *arg,
                 struct crash_record *record, struct crash_end *out_end);

/* Whether this is the child. */
extern bool crash_child;

/* For the child. */
void crash_mark(enum crash_marker);

/* calls.c: the row of a call, and which errors it may give with these arguments. */
const struct crash_row *crash_row(long number, const uint64_t args[6]);
unsigned crash_errors(const struct crash_row *, const uint64_t args[6]);
int crash_errno(unsigned bit);
const char *crash_error_name(int error);

/* regs.c: false when this processor is not known here. */
bool crash_regs_known(void);
bool crash_regs_skip(pid_t);                  /* at the begin: the call does nothing */
bool crash_regs_third(pid_t, uint64_t value); /* at the begin: another third argument */
bool crash_regs_result(pid_t, int64_t value); /* at the end: another result */

#endif
