/* A peer that says anything: one end is the room, the other a bare socket. */
#include "unit/cm.h"

#include "sys/ipc_private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MARK = 0x50464652, RANDOM_FRAMES = 3000 };

static struct pf_loop *loop;
static struct pf_ipc *ipc;
static int evil;
static unsigned requests, notices, goners;
static char why[PF_ERR_LOG];

static void request(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    (void)self;
    (void)id;
    (void)frame;
    requests++;
}

static void notice(void *self, struct pf_ipc_frame *frame)
{
    (void)self;
    (void)frame;
    notices++;
}

static void gone(void *self, const struct pf_err *err)
{
    (void)self;
    goners++;
    snprintf(why, sizeof why, "%s", err->log);
}

static void turns(int count)
{
    while (count-- > 0)
        pf_loop_turn(loop, false);
}

static void begin_as(const struct pf_ipc_calls *calls)
{
    int fds[2];

    loop = pf_loop_new(NULL);
    requests = notices = goners = 0;
    why[0] = 0;
    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    ipc = pf_ipc_new(loop, fds[0], &(struct pf_ipc_settings){.calls = calls, .any_uid = true}, NULL);
    assert_non_null(ipc);
    evil = fds[1];
}

static void begin(void)
{
    static const struct pf_ipc_calls calls = {request, notice, gone};

    begin_as(&calls);
}

static void end(void)
{
    pf_ipc_close(ipc);
    close(evil);
    turns(4);
    pf_loop_free(loop);
}

static void say(const struct pf_ipc_head *head, size_t len, const int *fds, unsigned fd_count)
{
    static unsigned char octets[PF_IPC_FRAME_MAX + 64];
    union {
        struct cmsghdr align;
        char octets[CMSG_SPACE(16 * sizeof(int))];
    } control = {0};
    struct iovec part = {octets, len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    memcpy(octets, head, sizeof *head);
    if (fd_count) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        control.align = (struct cmsghdr){CMSG_LEN(fd_count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.align), fds, fd_count * sizeof(int));
    }
    assert_int_equal(sendmsg(evil, &message, MSG_NOSIGNAL), len);
}

static void is_dropped_for(const char *reason)
{
    char byte;

    turns(4);
    assert_int_equal(goners, 1);
    if (!strstr(why, reason))
        fail_msg("%s: not %s", why, reason);
    assert_int_equal(recv(evil, &byte, 1, MSG_DONTWAIT), 0);
    end();
}

static struct pf_ipc_head good(unsigned what)
{
    return (struct pf_ipc_head){.mark = MARK, .kind = 1, .what = (uint8_t)what, .id = what == PF_IPC_NOTICE ? 0 : 5};
}

static void each_wrong_head_drops_the_peer(void **state)
{
    struct pf_ipc_head head;

    (void)state;
#define WITH(what, change, reason) \
    (begin(), head = good(what), change, say(&head, sizeof head, NULL, 0), is_dropped_for(reason))
    WITH(PF_IPC_NOTICE, head.mark++, "wrong head");
    WITH(PF_IPC_NOTICE, head.zero = 1, "wrong head");
    WITH(PF_IPC_NOTICE, head.what = 0, "wrong head");
    WITH(PF_IPC_NOTICE, head.what = 4, "wrong head");
    WITH(PF_IPC_NOTICE, head.length = 1, "another length");
    WITH(PF_IPC_NOTICE, head.fd_count = 1, "another number of descriptors");
    WITH(PF_IPC_NOTICE, head.id = 1, "wrong id");
    WITH(PF_IPC_REQUEST, head.id = 0, "wrong id");
    WITH(PF_IPC_ANSWER, head.id = 0, "wrong id");
    WITH(PF_IPC_ANSWER, head.id = 5, "answer to nothing");
    WITH(PF_IPC_ANSWER, head.id = UINT64_MAX, "answer to nothing");
#undef WITH
}

static void a_good_one_is_taken_until_a_bad_one_comes(void **state)
{
    struct pf_ipc_head one = good(PF_IPC_REQUEST), note = good(PF_IPC_NOTICE);

    (void)state;
    begin();
    say(&one, sizeof one, NULL, 0);
    say(&note, sizeof note, NULL, 0);
    turns(2);
    assert_int_equal(requests, 1);
    assert_int_equal(notices, 1);
    assert_int_equal(goners, 0);
    one.id += PF_IPC_OPEN_MAX; /* another id in the same place */
    say(&one, sizeof one, NULL, 0);
    is_dropped_for("in the place of an open one");
    assert_int_equal(requests, 1);
}

static void short_empty_and_long_datagrams_drop_the_peer(void **state)
{
    struct pf_ipc_head head = good(PF_IPC_NOTICE);

    (void)state;
    begin();
    say(&head, sizeof head - 1, NULL, 0);
    is_dropped_for("whole head");
    begin();
    say(&head, 0, NULL, 0);
    is_dropped_for("gone");
    begin();
    head.length = PF_IPC_PAYLOAD_MAX + 1;
    say(&head, PF_IPC_FRAME_MAX + 1, NULL, 0);
    is_dropped_for("too long");
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void stray_descriptors_are_closed(void **state)
{
    static const struct {
        unsigned said, sent;
        const char *reason;
    } rows[] = {{0, 1, "another number"}, {2, 1, "another number"}, {4, 5, "too many"}, {5, 5, "too many"},
                {16, 16, "could not be taken"}, {255, 3, "another number"}};
    struct pf_ipc_head head = good(PF_IPC_NOTICE);
    int fds[16];

    (void)state;
    for (size_t i = 0; i < 16; i++)
        fds[i] = STDERR_FILENO;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned before;

        begin();
        before = open_descriptors();
        head.fd_count = (uint8_t)rows[i].said;
        say(&head, sizeof head, fds, rows[i].sent);
        turns(4);
        assert_int_equal(open_descriptors(), before); /* our end stays until it is closed for good */
        assert_int_equal(notices, 0);
        is_dropped_for(rows[i].reason);
    }
}

static void who_expects_nothing_takes_nothing(void **state)
{
    static const struct pf_ipc_calls deaf = {.gone = gone};
    struct pf_ipc_head head = good(PF_IPC_REQUEST);

    (void)state;
    begin_as(&deaf);
    say(&head, sizeof head, NULL, 0);
    is_dropped_for("a request, which is not its part");
    begin_as(&deaf);
    head = good(PF_IPC_NOTICE);
    say(&head, sizeof head, NULL, 0);
    is_dropped_for("a notice, which is not its part");
}

static unsigned heard;

static void hear(struct pf_ipc_ask *ask)
{
    assert_true((ask->why == NULL) == (ask->answer != NULL));
    heard++;
}

static void an_answer_is_good_once(void **state)
{
    struct pf_ipc_head head;
    struct pf_ipc_ask ask = {.done = hear};
    char octets[64];

    (void)state;
    begin();
    heard = 0;
    assert_int_equal(pf_ipc_ask(ipc, &ask, &(struct pf_ipc_frame){.kind = 3}), PF_OK);
    assert_int_equal(recv(evil, octets, sizeof octets, 0), sizeof head);
    memcpy(&head, octets, sizeof head);
    head.what = PF_IPC_ANSWER;
    say(&head, sizeof head, NULL, 0);
    say(&head, sizeof head, NULL, 0);
    is_dropped_for("answer to nothing");
    assert_int_equal(heard, 1);
}

static size_t answer_octets;

static void answer_at_once(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    static const unsigned char octets[PF_IPC_PAYLOAD_MAX];

    (void)self;
    (void)frame;
    requests++;
    pf_ipc_answer(ipc, id, &(struct pf_ipc_frame){.kind = 1, .payload = pf_bytes_from(octets, answer_octets)});
}

/* Asks until it is dropped, and never reads. */
static void asks_and_does_not_read(size_t octets, const char *reason, unsigned most)
{
    static const struct pf_ipc_calls calls = {answer_at_once, notice, gone};
    struct pf_ipc_head head = good(PF_IPC_REQUEST);
    char octet;

    begin_as(&calls);
    answer_octets = octets;
    for (head.id = 1; !goners && head.id < 100000; head.id++) {
        say(&head, sizeof head, NULL, 0);
        turns(2);
    }
    assert_in_range(requests, 100, most);
    while (recv(evil, &octet, 1, MSG_DONTWAIT) > 0) /* what was there before */
        ;
    is_dropped_for(reason);
}

static void who_takes_no_answers_is_dropped(void **state)
{
    (void)state;
    asks_and_does_not_read(PF_IPC_PAYLOAD_MAX, "takes no answers", (16 << 20) / PF_IPC_PAYLOAD_MAX + 20);
    asks_and_does_not_read(1, "in the place of an open one", 20000);
}

/* Frames whose octets are nearly right, by a dice that always falls the same: nothing but taking and dropping
 * happens, and what was asked completes once. */
static void anything_may_be_said(void **state)
{
    uint32_t dice = 2463534242u;
    unsigned dropped = 0;

    (void)state;
    for (unsigned i = 0; i < RANDOM_FRAMES;) {
        struct pf_ipc_ask ask = {.done = hear};

        begin();
        heard = 0;
        assert_int_equal(pf_ipc_ask(ipc, &ask, &(struct pf_ipc_frame){.kind = 3}), PF_OK);
        for (; i < RANDOM_FRAMES && !goners; i++) {
            struct pf_ipc_head head = good(1 + i % 3);

            dice ^= dice << 13, dice ^= dice >> 17, dice ^= dice << 5;
            head.id = head.id ? dice % 4096 + 1 : 0;
            if (dice % 8 == 0)
                ((unsigned char *)&head)[dice / 8 % sizeof head] ^= (unsigned char)(dice >> 20);
            say(&head, sizeof head, NULL, 0);
            turns(3);
        }
        dropped += goners;
        end();
        assert_int_equal(heard, 1);
    }
    assert_true(dropped > 100 && dropped < RANDOM_FRAMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_wrong_head_drops_the_peer),    T(a_good_one_is_taken_until_a_bad_one_comes),
        T(short_empty_and_long_datagrams_drop_the_peer), T(stray_descriptors_are_closed),
        T(who_expects_nothing_takes_nothing), T(an_answer_is_good_once),
        T(who_takes_no_answers_is_dropped), T(anything_may_be_said),
    };

    return RUN(tests);
}
