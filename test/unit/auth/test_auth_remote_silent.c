/* An auth that lives and does not answer. The clock goes as the test wants. */
#include "remote_rig.h"

#include "auth/auth_wire.h"

static pf_time ahead; /* of the real clock */

pf_time __real_pf_loop_now(const struct pf_loop *);
void __real_pf_timer_set(struct pf_timer *, pf_time);
pf_time __wrap_pf_loop_now(const struct pf_loop *);
void __wrap_pf_timer_set(struct pf_timer *, pf_time);

static const struct pf_loop *the_loop;

pf_time __wrap_pf_loop_now(const struct pf_loop *loop)
{
    return __real_pf_loop_now(loop) + ahead;
}

/* Fires soon: whoever is not due sets it anew. */
void __wrap_pf_timer_set(struct pf_timer *timer, pf_time at)
{
    pf_time soon = __real_pf_loop_now(the_loop) + 2;

    __real_pf_timer_set(timer, at == PF_NEVER ? at : soon);
}

static bool is_gone;

static void gone(void *self, const struct pf_err *why)
{
    (void)self;
    (void)why;
    is_gone = true;
}

static void requested(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    (void)id;
    (void)frame;
    ++*(unsigned *)self;
}

static void who_does_not_answer_is_dropped(void **state)
{
    static const struct pf_ipc_calls calls = {.request = requested, .notice = NULL, .gone = gone};
    struct pf_loop *loop = pf_loop_new(NULL);
    struct pf_purse *purse = pf_purse_new();
    unsigned requests = 0;
    const struct pf_ipc_settings settings = {.calls = &calls, .self = &requests, .any_uid = true};
    struct bench b = {.loop = loop};
    struct pf_auth_remote *remote;
    struct try first, second;
    struct pf_err trouble;
    struct pf_ipc *silent;
    int fds[2];

    (void)state;
    the_loop = loop;
    remote = pf_auth_remote_new(loop, purse, NULL);
    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    silent = pf_ipc_new(loop, fds[0], &settings, NULL);
    assert_int_equal(pf_auth_remote_join(remote, fds[1], NULL), PF_OK);
    b.auth = pf_auth_remote_auth(remote);
    try_begin(&b, &first, "anna", "hers");
    while (!requests)
        pf_loop_turn(loop, true);
    ahead += 5 * 60 * 1000; /* as long as the longest delay of a failure */
    try_begin(&b, &second, "anna", "hers");
    for (unsigned i = 0; i < 20; i++)
        pf_loop_turn(loop, true);
    assert_int_equal(first.answers + second.answers, 0);
    ahead += 60 * 1000;
    assert_int_equal(try_end(&b, &first), PF_TEMP);
    assert_int_equal(try_end(&b, &second), PF_TEMP); /* there is nobody any more who could answer it */
    assert_non_null(strstr(first.check.err.log, "no answer in time"));
    while (!is_gone)
        pf_loop_turn(loop, true);
    assert_true(pf_auth_trouble(b.auth, &trouble));
    pf_ipc_close(silent);
    pf_auth_remote_free(remote);
    pf_purse_free(purse);
    while (pf_loop_turn(loop, false))
        ;
    pf_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(who_does_not_answer_is_dropped)};

    return RUN(tests);
}
