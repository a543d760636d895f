/* Every allocation of a delivery fails once. Whoever is told that he has the message has it whole, and who is
 * told otherwise has it not. */
#include "unit/cm.h"

#include "session/post.h"
#include "store/memory.h"

#include "unit/scarce.h"

#include <unistd.h>

enum { RECIPIENTS = 3 };

static const char *const paths[RECIPIENTS][2] = {{"/m/a", NULL}, {"/m/b", "/m/c"}, {"/m/d", NULL}};

static struct scene {
    struct pf_loop *loop;
    struct pf_store *memory;
    struct pf_post *post;
    unsigned begun, written, stored, gone, told[RECIPIENTS], taken[RECIPIENTS], count;
    uint64_t octets;
    enum pf_code code[RECIPIENTS];
} s;

static void begun(void *self)
{
    (void)self;
    s.begun++;
}

static void written(void *self)
{
    (void)self;
    s.written++;
}

static void stored(void *self, const struct pf_post_stored *what)
{
    static uint64_t whole; /* of the recipient's message: addresses have the same length */

    (void)self;
    if (!whole)
        whole = what->octets;
    if (s.count == RECIPIENTS) /* a single one is named in Received */
        assert_int_equal(what->octets, whole);
    s.stored++;
}

static void sealed(void *self, unsigned recipient, const struct pf_err *err)
{
    (void)self;
    s.told[recipient]++;
    s.code[recipient] = err->code;
}

static void gone(void *self)
{
    (void)self;
    s.gone++;
}

/* Takes a recipient as RCPT does: all of his maildrops, or not at all. */
static void take(unsigned i)
{
    const char *address[] = {"a@x", "b@x", "d@x"};

    if (pf_post_recipient(s.post, pf_bytes_of(address[i]), NULL) != PF_OK)
        return;
    for (int k = 0; k < 2 && paths[i][k]; k++)
        if (pf_post_maildrop(s.post, &(struct pf_post_target){.user = "u", .path = paths[i][k]}, NULL) != PF_OK) {
            pf_post_forget_last(s.post);
            return;
        }
    s.taken[s.count++] = i;
}

static void deliver(void)
{
    const struct pf_post_envelope e = {.sender = PF_LIT("s@x"), .helo = PF_LIT("h"), .peer = "unix",
                                       .hostname = "us", .with = "LMTP", .id = "i", .now = 1700000000};

    s.post = pf_post_new(s.memory, &(struct pf_post_asker){&s, begun, written, stored, sealed, NULL, gone}, NULL);
    for (unsigned i = 0; s.post && i < RECIPIENTS; i++)
        take(i);
    if (!s.post || !s.count)
        return;
    pf_post_begin(s.post, &e);
    while (!s.begun)
        pf_loop_turn(s.loop, true);
    for (unsigned i = 1; i <= 2; i++) {
        pf_post_write(s.post, pf_bytes_of(i == 1 ? "Subject: x\r\n\r\n" : "body\r\n"));
        while (s.written < i)
            pf_loop_turn(s.loop, true);
    }
    pf_post_seal(s.post);
    for (unsigned i = 0; i < s.count; i++)
        while (!s.told[i])
            pf_loop_turn(s.loop, true);
}

static void check_what_was_said(void)
{
    unsigned all = 0;

    for (unsigned i = 0; i < s.count; i++) {
        const char *const *path = paths[s.taken[i]];
        uint32_t one = pf_memory_count(s.memory, path[0]), other = path[1] ? pf_memory_count(s.memory, path[1]) : 0;

        assert_int_equal(s.told[i], 1);
        if (s.code[i] == PF_OK)
            assert_int_equal(one + other, path[1] ? 2 : 1);
        else
            assert_true(one + other <= (path[1] ? 1 : 0)); /* of two seals one may have gone well */
        if (s.code[i] != PF_OK)
            assert_int_equal(s.code[i], PF_NO_MEMORY);
        all += one + other;
    }
    assert_int_equal(all, s.stored);
}

static bool delivery_with_failure(unsigned long n)
{
    memset(&s, 0, sizeof s);
    s.loop = pf_loop_new(NULL);
    s.memory = pf_memory_new(s.loop);
    failed = false;
    countdown = n;
    deliver();
    countdown = 0;
    assert_true(failed || (s.count == RECIPIENTS && s.stored == 4));
    check_what_was_said();
    pf_post_free(s.post);
    while (s.post && !s.gone)
        pf_loop_turn(s.loop, true);
    assert_int_equal(s.gone, s.post != NULL);
    pf_store_free(s.memory);
    while (pf_loop_turn(s.loop, true))
        ;
    pf_loop_free(s.loop);
    return failed;
}

static void every_allocation_fails_once(void **state)
{
    unsigned long n = 0;

    (void)state;
    alarm(60);
    delivery_with_failure(0); /* tells how long the message is */
    while (delivery_with_failure(++n))
        ;
    alarm(0);
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(every_allocation_fails_once)};

    return RUN(tests);
}
