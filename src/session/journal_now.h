/* The time of a record: ms since 1970. */
#ifndef POSTFACH_SESSION_JOURNAL_NOW_H
#define POSTFACH_SESSION_JOURNAL_NOW_H

#include <stdint.h>
#include <time.h>

static inline int64_t pf_journal_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
