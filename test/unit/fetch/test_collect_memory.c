/* Wherever a run finds no memory: it ends, says so, and the next one brings every message once. */
#include "collectrig.h"

#include <stdlib.h>

static struct collectrig r;
static unsigned long left; /* allocations until one fails; 0: none does */
static bool armed, struck;

static bool fails(void)
{
    if (!armed || left == 0 || --left > 0)
        return false;
    struck = true;
    return true;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__real_realloc(void *at, size_t n);
void *__wrap_realloc(void *at, size_t n);
void *__wrap_realloc(void *at, size_t n)
{
    return fails() ? NULL : __real_realloc(at, n);
}

static void secret(void *self, struct pf_collect *collect, const char *host)
{
    (void)self, (void)host;
    pf_collect_secret(collect, PF_LIT("secret"), NULL);
}

static void tell(void *self, struct pf_collect *collect, const struct pf_collect_event *event)
{
    (void)self, (void)collect, (void)event;
}

static void gone(void *self, struct pf_collect *collect, const struct pf_err *err)
{
    (void)self, (void)collect;
    r.gones++;
    r.gone = *err;
}

/* The server's own allocations do not count. */
static void turn(void)
{
    armed = false;
    collectrig_serve(&r);
    armed = true;
    pf_loop_turn(r.loop, false);
    armed = false;
}

static void run_short(unsigned long n)
{
    static const struct pf_collect_calls calls = {secret, tell, gone};
    struct pf_err err = {0};

    left = n;
    struck = false;
    r.gones = 0;
    armed = true;
    r.collect = pf_collect_new(&r.set, &calls, &r, &err);
    armed = false;
    while (r.collect && !r.gones)
        turn();
    if (!r.collect)
        assert_int_not_equal(err.code, PF_OK);
    pf_collect_free(r.collect);
    r.collect = NULL;
    left = 0;
}

static void each_allocation_may_fail_once(const char *const *subjects, size_t count)
{
    unsigned long n = 1;
    bool more = true;

    for (; more; n++) {
        collectrig_up(&r);
        r.account.keep_days = 0;
        r.filters[0] = (struct pf_account_filter){"Subject", "unwanted", PF_ACCOUNT_SKIP, NULL};
        r.filters[1] = (struct pf_account_filter){"Subject", "work", PF_ACCOUNT_FOLDER, "Work"};
        r.account.filter_count = 2;
        for (size_t i = 0; i < count; i++) {
            char text[96], uid[8];

            snprintf(uid, sizeof uid, "u%zu", i % 4); /* the fifth has the first one's */
            snprintf(text, sizeof text, "Subject: %s\r\n\r\nbody %zu\r\n", subjects[i], i);
            collectrig_add(&r, uid, text);
        }
        run_short(n);
        more = struck;
        if (!more)
            assert_int_equal(r.gone.code, PF_OK);
        run_short(0);
        if (r.gone.code != PF_OK)
            fail_msg("allocation %lu: %s", n, r.gone.log);
        if (collectrig_mails(&r, NULL) != 3 || collectrig_mails(&r, ".Work") != 1)
            fail_msg("allocation %lu: %zu and %zu mails", n, collectrig_mails(&r, NULL),
                     collectrig_mails(&r, ".Work"));
        assert_int_equal(collectrig_on_server(&r), 1);
        run_short(0);
        assert_int_equal(collectrig_mails(&r, NULL), 3);
        collectrig_down(&r);
    }
    assert_true(n > 50);
}

static void no_memory_loses_nothing_and_doubles_nothing(void **state)
{
    static const char *const subjects[] = {"one", "unwanted", "work", "two", "three"};

    (void)state;
    each_allocation_may_fail_once(subjects, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_memory_loses_nothing_and_doubles_nothing),
    };

    return RUN(tests);
}
