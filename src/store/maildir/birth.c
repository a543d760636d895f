#include "store/maildir/parcel.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum {
    SECOND = 1000000,       /* in microseconds */
    CLOCKS_AGREE = 5,       /* seconds: an op may have waited that long for a thread */
    STANDSTILL = 2 * SECOND, /* a clock that went back further was set */
    NUMBERS = 10000,        /* four digits; time, process and random tell the rest */
    RANDOM_BITS = 24
};

/* Never the same time twice, and never back by a little: max(when, last + 1). */
static int64_t after_last(struct pf_maildir *maildir, int64_t when)
{
    int64_t last = atomic_load(&maildir->last_birth), next;

    do
        next = when <= last && last - when < STANDSTILL ? last + 1 : when;
    while (!atomic_compare_exchange_weak(&maildir->last_birth, &last, next));
    return next;
}

void pf_maildir_born(struct pf_maildir *maildir, int64_t now, struct pf_maildir_birth *out_birth)
{
    struct timespec t = {0};
    uint32_t random = 0;
    int64_t seconds;

    clock_gettime(CLOCK_REALTIME, &t);
    seconds = now - t.tv_sec < CLOCKS_AGREE && t.tv_sec - now < CLOCKS_AGREE ? t.tv_sec : now;
    if (seconds < 0)
        seconds = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = (uint32_t)t.tv_nsec; /* the other parts are unique without it */
    *out_birth = (struct pf_maildir_birth){
        .micros = after_last(maildir, seconds * SECOND + t.tv_nsec / 1000),
        .pid = (uint32_t)getpid(),
        .number = atomic_fetch_add(&maildir->births, 1) % NUMBERS,
        .random = random >> (32 - RANDOM_BITS),
    };
}

void pf_maildir_birth_name(const struct pf_maildir_birth *b, const char *host, uint64_t size,
                           uint64_t wire, char room[PF_UIDL_MAX + 1])
{
    char sizes[64] = "";
    size_t left;
    int len, tail = 0;

    if (size != PF_MAILDIR_NO_SIZE)
        tail = snprintf(sizes, sizeof sizes, ",S=%" PRIu64 ",W=%" PRIu64, size, wire);
    len = snprintf(room, PF_UIDL_MAX + 1, "%" PRId64 ".M%dP%" PRIu32 "Q%" PRIu32 "R%06" PRIx32 ".",
                   b->micros / SECOND, (int)(b->micros % SECOND), b->pid, b->number, b->random);
    left = (size_t)(PF_UIDL_MAX - len);
    if ((size_t)tail >= left) { /* files beyond 10^12 octets: the next open counts */
        sizes[0] = 0;
        tail = 0;
    }
    snprintf(room + len, left + 1, "%.*s%s", (int)left - tail, host, sizes);
}

char *pf_maildir_host(const char *host)
{
    char text[PF_UIDL_MAX + 1]; /* more is never used */
    struct pf_span out = {(unsigned char *)text, 0, PF_UIDL_MAX};

    for (; *host; host++) {
        bool plain = (*host >= 'a' && *host <= 'z') || (*host >= 'A' && *host <= 'Z') ||
                     (*host >= '0' && *host <= '9') || *host == '-' || *host == '.';
        struct pf_bytes c = plain          ? pf_bytes_from(host, 1)
                            : *host == '/' ? PF_LIT("\\057")
                            : *host == ':' ? PF_LIT("\\072")
                                           : PF_LIT("_");

        if (!pf_span_put(&out, c))
            break;
    }
    if (!out.len)
        pf_span_put(&out, PF_LIT("localhost"));
    return strndup(text, out.len);
}
