#include "auth/auth_sql_slots.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

pf_time pf_sql_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (pf_time)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool pf_sql_wait(int fd, short wanted, pf_time deadline)
{
    struct pollfd poll_fd = {.fd = fd, .events = wanted};
    int ready;

    do {
        pf_time left = deadline - pf_sql_now();

        ready = poll(&poll_fd, 1, left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left);
    } while (ready < 0 && errno == EINTR);
    return ready != 0; /* an error is found by who reads next */
}

struct pf_sql_slots *pf_sql_slots_new(unsigned count, struct pf_err *err)
{
    struct pf_sql_slots *slots = calloc(1, sizeof *slots + count * sizeof slots->of[0]);

    if (!slots) {
        pf_fail(err, PF_NO_MEMORY, ENOMEM, "auth_sql", "no memory for connections");
        return NULL;
    }
    slots->tokens = eventfd(count, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
    if (slots->tokens < 0) {
        pf_fail(err, pf_code_of_errno(errno), errno, "auth_sql", "no eventfd: %s", strerror(errno));
        free(slots);
        return NULL;
    }
    slots->count = count;
    for (unsigned i = 0; i < count; i++)
        atomic_flag_clear(&slots->of[i].busy);
    return slots;
}

static bool take_token(struct pf_sql_slots *slots, pf_time deadline)
{
    uint64_t token;

    do {
        if (read(slots->tokens, &token, sizeof token) == sizeof token)
            return true;
    } while (pf_sql_wait(slots->tokens, POLLIN, deadline)); /* another thread may be quicker: then once more */
    return false;
}

struct pf_sql_slot *pf_sql_slots_take(struct pf_sql_slots *slots, pf_time deadline)
{
    if (!take_token(slots, deadline))
        return NULL;
    for (unsigned i = 0;; i = (i + 1) % slots->count)
        if (!atomic_flag_test_and_set_explicit(&slots->of[i].busy, memory_order_acquire))
            return &slots->of[i];
}

void pf_sql_slots_give(struct pf_sql_slots *slots, struct pf_sql_slot *slot)
{
    const uint64_t token = 1;
    ssize_t put;

    atomic_flag_clear_explicit(&slot->busy, memory_order_release);
    put = write(slots->tokens, &token, sizeof token);
    assert(put == sizeof token); /* the count never comes near its limit */
    (void)put;
}

void pf_sql_slots_free(struct pf_sql_slots *slots)
{
    if (!slots)
        return;
    close(slots->tokens);
    free(slots);
}
