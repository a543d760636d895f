#include "unit/cm.h"

#include "sys/ipc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MANY = PF_IPC_OPEN_MAX + PF_IPC_QUEUE + 8 };

/* One end: what it heard. */
struct end {
    struct pf_ipc *ipc;
    unsigned requests, notices, gone, answers;
    uint64_t ids[MANY];
    bool echo; /* answers at once */
    bool close_on_gone;
    int kept;           /* a descriptor that was taken */
    size_t length;
    unsigned char first, last;
    char why[PF_ERR_LOG];
};

struct question {
    struct pf_ipc_ask ask;
    struct end *end;
    unsigned done;
    enum pf_code code;
    size_t length;
    uint16_t kind;
};

static struct pf_loop *loop;

static void look(struct end *end, struct pf_ipc_frame *frame)
{
    end->length = frame->payload.len;
    if (frame->payload.len) {
        assert_int_equal((uintptr_t)frame->payload.at % 8, 0);
        end->first = frame->payload.at[0];
        end->last = frame->payload.at[frame->payload.len - 1];
    }
    if (frame->fd_count) {
        assert_true(fcntl(frame->fds[0], F_GETFD) & FD_CLOEXEC);
        end->kept = frame->fds[0];
        frame->fds[0] = -1;
    }
}

static void request(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    struct end *end = self;

    look(end, frame);
    end->ids[end->requests++] = id;
    if (end->echo)
        pf_ipc_answer(end->ipc, id, frame);
}

static void notice(void *self, struct pf_ipc_frame *frame)
{
    struct end *end = self;

    look(end, frame);
    end->notices++;
}

static void gone(void *self, const struct pf_err *err)
{
    struct end *end = self;

    end->gone++;
    snprintf(end->why, sizeof end->why, "%s", err->log);
    if (end->close_on_gone) {
        pf_ipc_close(end->ipc);
        end->ipc = NULL;
    }
}

static const struct pf_ipc_calls calls = {request, notice, gone};

static void take_over(struct end *end, int fd)
{
    struct pf_ipc_settings settings = {.calls = &calls, .self = end, .uid = getuid()};

    *end = (struct end){.kept = -1};
    end->ipc = pf_ipc_new(loop, fd, &settings, NULL);
    assert_non_null(end->ipc);
    assert_int_equal(pf_ipc_pid(end->ipc), getpid());
}

static void setup(struct end *a, struct end *b)
{
    int fds[2];

    loop = pf_loop_new(NULL);
    assert_non_null(loop);
    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    take_over(a, fds[0]);
    take_over(b, fds[1]);
}

static void turns(int count)
{
    while (count-- > 0)
        pf_loop_turn(loop, false);
}

static void teardown(struct end *a, struct end *b)
{
    if (a->ipc)
        pf_ipc_close(a->ipc);
    if (b->ipc)
        pf_ipc_close(b->ipc);
    turns(4);
    pf_loop_free(loop);
}

static void answered(struct pf_ipc_ask *ask)
{
    struct question *q = (struct question *)ask;

    q->done++;
    q->end->answers++;
    q->code = ask->why ? PF_TEMP : PF_OK;
    q->length = ask->answer ? ask->answer->payload.len : 0;
    q->kind = ask->answer ? ask->answer->kind : 0;
}

static enum pf_code put(struct end *end, struct question *q, const struct pf_ipc_frame *frame)
{
    *q = (struct question){.ask.done = answered, .end = end, .code = PF_CODES};
    return pf_ipc_ask(end->ipc, &q->ask, frame);
}

static void a_request_is_answered_on_a_later_turn(void **state)
{
    struct pf_ipc_frame frame = {.kind = 7, .payload = PF_LIT("hello")};
    struct end a, b;
    struct question q;

    (void)state;
    setup(&a, &b);
    b.echo = true;
    assert_int_equal(put(&a, &q, &frame), PF_OK);
    assert_int_equal(q.done, 0);
    turns(4);
    assert_int_equal(q.done, 1);
    assert_int_equal(q.code, PF_OK);
    assert_int_equal(q.length, 5);
    assert_int_equal(q.kind, 7);
    assert_int_equal(b.requests, 1);
    assert_int_equal(pf_ipc_notice(b.ipc, &frame), PF_OK);
    turns(2);
    assert_int_equal(a.notices, 1);
    assert_int_equal(a.first, 'h');
    teardown(&a, &b);
    assert_int_equal(a.gone + b.gone, 0);
}

/* libuv knows descriptors by their numbers: what a dropped peer leaves behind must not take the next one's. */
static void a_number_that_is_used_anew_is_watched(void **state)
{
    struct pf_ipc_frame frame = {.kind = 7};
    struct end a, b, c, d;
    struct question q;
    int fds[2];

    (void)state;
    setup(&a, &b);
    pf_ipc_drop(a.ipc, "nonsense");
    pf_ipc_drop(b.ipc, "nonsense");
    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    take_over(&c, fds[0]);
    take_over(&d, fds[1]);
    d.echo = true;
    turns(2);
    assert_int_equal(a.gone + b.gone, 2);
    pf_ipc_close(a.ipc);
    pf_ipc_close(b.ipc);
    turns(4);
    assert_int_equal(put(&c, &q, &frame), PF_OK);
    turns(4);
    assert_int_equal(q.done, 1);
    assert_int_equal(q.code, PF_OK);
    teardown(&c, &d);
}

static void answers_may_come_in_any_order(void **state)
{
    struct pf_ipc_frame frame = {.kind = 1};
    struct end a, b;
    struct question q[3];

    (void)state;
    setup(&a, &b);
    for (int i = 0; i < 3; i++)
        assert_int_equal(put(&a, &q[i], &frame), PF_OK);
    turns(2);
    assert_int_equal(b.requests, 3);
    for (unsigned i = 3; i-- > 0;) {
        frame.kind = (uint16_t)(10 + i);
        pf_ipc_answer(b.ipc, b.ids[i], &frame);
        turns(2);
        for (unsigned k = 0; k < 3; k++)
            assert_int_equal(q[k].done, k >= i);
        assert_int_equal(q[i].kind, 10 + i);
    }
    teardown(&a, &b);
}

static void the_longest_payload_crosses_and_none_that_is_longer(void **state)
{
    unsigned char *long_one = calloc(1, PF_IPC_PAYLOAD_MAX + 1);
    struct pf_ipc_frame frame = {.kind = 1, .payload = {long_one, PF_IPC_PAYLOAD_MAX}};
    struct end a, b;

    (void)state;
    setup(&a, &b);
    long_one[0] = 'a';
    long_one[PF_IPC_PAYLOAD_MAX - 1] = 'z';
    assert_int_equal(pf_ipc_notice(a.ipc, &frame), PF_OK);
    turns(2);
    assert_int_equal(b.length, PF_IPC_PAYLOAD_MAX);
    assert_true(b.first == 'a' && b.last == 'z');
    frame.payload.len++;
    assert_int_equal(pf_ipc_notice(a.ipc, &frame), PF_TOO_LONG);
    teardown(&a, &b);
    free(long_one);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void descriptors_cross_and_what_nobody_takes_is_closed(void **state)
{
    struct pf_ipc_frame frame = {.kind = 1, .fd_count = PF_IPC_FDS_MAX};
    struct end a, b;
    unsigned before;
    char text[4] = "";
    int fd = memfd_create("test", MFD_CLOEXEC);

    (void)state;
    setup(&a, &b);
    assert_int_equal(write(fd, "abc", 3), 3);
    for (unsigned i = 0; i < PF_IPC_FDS_MAX; i++)
        frame.fds[i] = fd;
    before = open_descriptors();
    assert_int_equal(pf_ipc_notice(a.ipc, &frame), PF_OK);
    turns(2);
    assert_int_equal(b.notices, 1);
    assert_int_equal(open_descriptors(), before + 1); /* the one that was kept */
    assert_int_equal(pread(b.kept, text, 3, 0), 3);
    assert_string_equal(text, "abc");
    close(b.kept);
    close(fd);
    teardown(&a, &b);
}

/* The peer does not read: the socket takes some, the queue takes more, then there is no room; and all that was
 * taken arrives, in order, when it reads again. */
static void a_full_socket_says_no_and_loses_nothing(void **state)
{
    static unsigned char octets[16384];
    struct pf_ipc_frame frame = {.kind = 1, .payload = {octets, sizeof octets}, .fd_count = 1};
    struct end a, b;
    unsigned taken = 0;

    (void)state;
    setup(&a, &b);
    frame.fds[0] = memfd_create("test", MFD_CLOEXEC);
    while (taken < MANY && pf_ipc_room(a.ipc)) {
        octets[0] = (unsigned char)taken;
        assert_int_equal(pf_ipc_notice(a.ipc, &frame), PF_OK);
        taken++;
    }
    assert_true(taken > PF_IPC_QUEUE && taken < MANY);
    assert_int_equal(pf_ipc_notice(a.ipc, &frame), PF_BUSY);
    close(frame.fds[0]);
    for (unsigned heard = 0; heard < taken;) {
        turns(1);
        if (b.kept >= 0)
            close(b.kept);
        b.kept = -1;
        assert_true(b.notices >= heard);
        heard = b.notices;
        if (heard)
            assert_int_equal(b.first, (unsigned char)(heard - 1));
    }
    assert_int_equal(pf_ipc_room(a.ipc), PF_IPC_QUEUE);
    teardown(&a, &b);
}

static void open_requests_are_bounded(void **state)
{
    struct pf_ipc_frame frame = {.kind = 1};
    struct question *q = calloc(MANY, sizeof *q);
    struct end a, b;
    unsigned taken = 0;

    (void)state;
    setup(&a, &b);
    while (taken < MANY && put(&a, &q[taken], &frame) == PF_OK)
        taken++, turns(1);
    assert_int_equal(taken, PF_IPC_OPEN_MAX);
    assert_int_equal(pf_ipc_room(a.ipc), 0);
    for (unsigned i = 0; i < b.requests; i++)
        pf_ipc_answer(b.ipc, b.ids[i], &frame);
    turns(200);
    assert_int_equal(a.answers, PF_IPC_OPEN_MAX);
    assert_int_equal(put(&a, &q[0], &frame), PF_OK);
    turns(2);
    assert_int_equal(b.requests, PF_IPC_OPEN_MAX + 1);
    assert_int_equal(b.gone, 0);
    teardown(&a, &b);
    free(q);
}

static void an_abandoned_request_is_not_heard_of(void **state)
{
    struct pf_ipc_frame frame = {.kind = 1};
    struct question q;
    struct end a, b;

    (void)state;
    setup(&a, &b);
    assert_int_equal(put(&a, &q, &frame), PF_OK);
    pf_ipc_abandon(&q.ask);
    turns(2);
    pf_ipc_answer(b.ipc, b.ids[0], &frame);
    turns(2);
    assert_int_equal(q.done, 0);
    assert_int_equal(a.gone, 0);
    teardown(&a, &b);
}

/* One answer was sent before the death, one was not: one OK, one PF_TEMP, then `gone`, each once. */
static void death_completes_what_is_open_and_is_told_once(void **state)
{
    struct pf_ipc_frame frame = {.kind = 1};
    struct question q[3];
    struct end a, b;

    (void)state;
    setup(&a, &b);
    a.close_on_gone = true;
    assert_int_equal(put(&a, &q[0], &frame), PF_OK);
    assert_int_equal(put(&a, &q[1], &frame), PF_OK);
    turns(2);
    pf_ipc_answer(b.ipc, b.ids[0], &frame);
    /* It dies with this one unread. */
    assert_int_equal(put(&a, &q[2], &frame), PF_OK);
    pf_ipc_close(b.ipc);
    b.ipc = NULL;
    turns(1);
    turns(4);
    assert_int_equal(q[0].code, PF_OK);
    assert_int_equal(q[1].code, PF_TEMP);
    assert_int_equal(q[2].code, PF_TEMP);
    for (int i = 0; i < 3; i++)
        assert_int_equal(q[i].done, 1);
    assert_int_equal(a.gone, 1);
    assert_int_equal(b.gone, 0);
    teardown(&a, &b);
}

static void death_is_seen_by_who_sends_too(void **state)
{
    struct pf_ipc_frame frame = {.kind = 1};
    struct question q[2];
    struct end a, b;

    (void)state;
    setup(&a, &b);
    assert_int_equal(put(&a, &q[0], &frame), PF_OK);
    turns(2);
    pf_ipc_answer(b.ipc, b.ids[0], &frame);
    pf_ipc_close(b.ipc);
    b.ipc = NULL;
    assert_int_equal(put(&a, &q[1], &frame), PF_TEMP); /* not taken */
    assert_int_equal(pf_ipc_room(a.ipc), 0);
    assert_int_equal(q[0].done, 0);
    turns(4);
    assert_int_equal(q[0].done, 1);
    assert_int_equal(q[0].code, PF_OK); /* it had been sent before */
    assert_int_equal(q[1].done, 0);
    assert_int_equal(a.gone, 1);
    teardown(&a, &b);
}

/* More than is read in one turn, and frames of ours that it never read: the kernel says "error" first. */
static void all_that_the_dead_sent_is_read(void **state)
{
    struct pf_ipc_frame frame = {.kind = 1};
    struct end a, b;

    (void)state;
    setup(&a, &b);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pf_ipc_notice(b.ipc, &frame), PF_OK);
    assert_int_equal(pf_ipc_notice(a.ipc, &frame), PF_OK);
    pf_ipc_close(b.ipc);
    b.ipc = NULL;
    turns(20);
    assert_int_equal(a.notices, 100);
    assert_int_equal(a.gone, 1);
    teardown(&a, &b);
}

static void closing_completes_what_is_open_later(void **state)
{
    struct pf_ipc_frame frame = {.kind = 1};
    struct question q;
    struct end a, b;

    (void)state;
    setup(&a, &b);
    assert_int_equal(put(&a, &q, &frame), PF_OK);
    pf_ipc_close(a.ipc);
    a.ipc = NULL;
    assert_int_equal(q.done, 0);
    turns(3);
    assert_int_equal(q.done, 1);
    assert_int_equal(q.code, PF_TEMP);
    assert_int_equal(a.gone, 0);
    assert_int_equal(b.gone, 1);
    teardown(&a, &b);
}

static void only_sockets_of_the_right_user_are_taken(void **state)
{
    struct pf_ipc_settings settings = {.calls = &calls, .uid = getuid() + 1};
    struct pf_err err;
    int fds[2];

    (void)state;
    loop = pf_loop_new(NULL);
    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    assert_null(pf_ipc_new(loop, fds[0], &settings, &err));
    assert_int_equal(err.code, PF_PERM);
    assert_int_equal(fcntl(fds[0], F_GETFD), -1);
    close(fds[1]);
    assert_null(pf_ipc_new(loop, memfd_create("test", MFD_CLOEXEC), &settings, &err));
    assert_int_equal(err.code, PF_CONFIG);
    pf_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_request_is_answered_on_a_later_turn),
        T(a_number_that_is_used_anew_is_watched),
        T(answers_may_come_in_any_order),
        T(the_longest_payload_crosses_and_none_that_is_longer),
        T(descriptors_cross_and_what_nobody_takes_is_closed),
        T(a_full_socket_says_no_and_loses_nothing),
        T(open_requests_are_bounded),
        T(an_abandoned_request_is_not_heard_of),
        T(death_completes_what_is_open_and_is_told_once),
        T(death_is_seen_by_who_sends_too),
        T(all_that_the_dead_sent_is_read),
        T(closing_completes_what_is_open_later),
        T(only_sockets_of_the_right_user_are_taken),
    };

    return RUN(tests);
}
