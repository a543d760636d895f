#include "unit/cm.h"

#include "session/post.h"
#include "store/faulty.h"
#include "store/memory.h"

#include <stdlib.h>
#include <unistd.h>

enum { MOST = 100 };

struct scene {
    struct pf_loop *loop;
    struct pf_store *memory, *store;
    struct pf_post *post;
    unsigned begun, written, stored, gone, told[MOST], asked;
    enum pf_code code[MOST], answer;
};

static void begun(void *self)
{
    ((struct scene *)self)->begun++;
}

static void written(void *self)
{
    ((struct scene *)self)->written++;
}

static void stored(void *self, const struct pf_post_stored *what)
{
    assert_true(what->uidl[0] && what->octets > 0);
    ((struct scene *)self)->stored++;
}

static void sealed(void *self, unsigned recipient, const struct pf_err *err)
{
    struct scene *s = self;

    s->told[recipient]++;
    s->code[recipient] = err->code;
}

static void asked(void *self, const struct pf_err *err)
{
    struct scene *s = self;

    s->asked++;
    s->answer = err->code;
    if (err->code != PF_OK)
        pf_post_forget_last(s->post);
}

static void gone(void *self)
{
    ((struct scene *)self)->gone++;
}

static void up(struct scene *s)
{
    *s = (struct scene){.loop = pf_loop_new(NULL)};
    alarm(60);
    s->memory = pf_memory_new(s->loop);
    s->store = pf_faulty_new(s->memory);
    s->post = pf_post_new(s->store, &(struct pf_post_asker){s, begun, written, stored, sealed, asked, gone}, NULL);
    assert_non_null(s->post);
}

/* The store asserts that it holds nothing any more. */
static void down(struct scene *s)
{
    pf_post_free(s->post);
    assert_int_equal(s->gone, 0);
    while (!s->gone)
        pf_loop_turn(s->loop, true);
    assert_int_equal(s->gone, 1);
    pf_store_free(s->store);
    while (pf_loop_turn(s->loop, true))
        ;
    pf_loop_free(s->loop);
    alarm(0);
}

static void recipient(struct scene *s, const char *address, const char *path)
{
    assert_int_equal(pf_post_recipient(s->post, pf_bytes_of(address), NULL), PF_OK);
    if (path)
        assert_int_equal(
            pf_post_maildrop(s->post, &(struct pf_post_target){.user = address, .path = path}, NULL), PF_OK);
}

static void begin(struct scene *s)
{
    const struct pf_post_envelope e = {.sender = PF_LIT("s@x"), .helo = PF_LIT("h"), .peer = "unix",
                                       .hostname = "us", .with = "LMTP", .id = "i", .now = 1700000000};

    pf_post_begin(s->post, &e);
    assert_int_equal(s->begun, 0); /* never inside the asking */
    while (!s->begun)
        pf_loop_turn(s->loop, true);
}

static void text(struct scene *s, const char *piece)
{
    unsigned before = s->written;

    pf_post_write(s->post, pf_bytes_of(piece));
    assert_int_equal(s->written, before);
    while (s->written == before)
        pf_loop_turn(s->loop, true);
}

static void seal(struct scene *s)
{
    pf_post_seal(s->post);
    for (unsigned i = 0; i < pf_post_recipients(s->post); i++) {
        while (!s->told[i])
            pf_loop_turn(s->loop, true);
        assert_int_equal(s->told[i], 1);
    }
}

static void l_008_one_text_reaches_everybody(void **state)
{
    struct scene s;
    char path[MOST][20];

    (void)state;
    up(&s);
    for (int i = 0; i < MOST; i++) {
        snprintf(path[i], sizeof path[i], "/m/%d", i);
        recipient(&s, path[i], path[i]);
    }
    begin(&s);
    text(&s, "Subject: x\r");
    text(&s, "\n\r\nbody\r\n");
    assert_int_equal(pf_memory_count(s.memory, path[0]), 0);
    seal(&s);
    for (int i = 0; i < MOST; i++) {
        assert_int_equal(s.code[i], PF_OK);
        assert_int_equal(pf_memory_count(s.memory, path[i]), 1);
    }
    assert_int_equal(s.stored, MOST);
    down(&s);
}

/* Whatever fails, whenever: it is one recipient's, and the others have their mail. */
static void l_018_a_fault_fails_its_recipient_alone(void **state)
{
    static const enum pf_fault_at places[] = {PF_FAULT_BEGIN, PF_FAULT_WRITE, PF_FAULT_SEAL};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (unsigned number = 1; number <= 3; number++) {
            const struct pf_fault fault = {.at = places[i], .number = number, .index = -1, .code = PF_NO_SPACE};
            unsigned failed = 0;
            struct scene s;

            up(&s);
            recipient(&s, "a@x", "/m/a");
            recipient(&s, "b@x", "/m/b");
            recipient(&s, "c@x", "/m/c");
            pf_faulty_add(s.store, &fault);
            begin(&s);
            text(&s, "Subject: x\r\n\r\nbody\r\n");
            seal(&s);
            for (unsigned r = 0; r < 3; r++)
                failed += s.code[r] == PF_NO_SPACE;
            assert_int_equal(failed, 1);
            assert_int_equal(s.stored, 2);
            assert_int_equal(pf_memory_count(s.memory, "/m/a") + pf_memory_count(s.memory, "/m/b") +
                                 pf_memory_count(s.memory, "/m/c"), 2);
            down(&s);
        }
}

/* Head and first piece are one write; without a text the head alone is. */
static void a_lone_recipient_costs_one_write(void **state)
{
    const struct pf_fault second = {.at = PF_FAULT_WRITE, .number = 2, .index = -1, .code = PF_NO_SPACE};

    (void)state;
    for (int pieces = 0; pieces < 3; pieces++) {
        struct scene s;

        up(&s);
        recipient(&s, "a@x", "/m/a");
        pf_faulty_add(s.store, &second);
        begin(&s);
        for (int i = 0; i < pieces; i++)
            text(&s, "Subject: x\r\n\r\nbody\r\n");
        seal(&s);
        assert_int_equal(s.code[0], pieces < 2 ? PF_OK : PF_NO_SPACE);
        assert_int_equal(pf_memory_count(s.memory, "/m/a"), pieces < 2);
        down(&s);
    }
}

static void a_lone_recipient_given_up_leaves_nothing(void **state)
{
    struct scene s;

    (void)state;
    up(&s);
    recipient(&s, "a@x", "/m/a");
    begin(&s);
    down(&s);
    assert_int_equal(s.stored, 0);
}

static void when_all_fail_all_are_told(void **state)
{
    const struct pf_fault fault = {.at = PF_FAULT_BEGIN, .index = -1, .code = PF_NO_BOX};
    struct scene s;

    (void)state;
    up(&s);
    recipient(&s, "a@x", "/m/a");
    recipient(&s, "b@x", "/m/b");
    pf_faulty_add(s.store, &fault);
    begin(&s);
    text(&s, "x\r\n");
    seal(&s);
    assert_int_equal(s.code[0], PF_TEMP); /* a person can mend it: mail waits */
    assert_int_equal(s.code[1], PF_TEMP);
    down(&s);
}

static void an_alias_is_all_or_nothing_until_the_seals(void **state)
{
    const struct pf_fault fault = {.at = PF_FAULT_BEGIN, .number = 1, .index = -1, .code = PF_OVER_QUOTA};
    struct scene s;

    (void)state;
    up(&s);
    recipient(&s, "team@x", "/m/a");
    assert_int_equal(pf_post_maildrop(s.post, &(struct pf_post_target){.user = "b", .path = "/m/b"}, NULL), PF_OK);
    recipient(&s, "gone@x", "/m/gone");
    pf_post_forget_last(s.post);
    pf_faulty_add(s.store, &fault);
    begin(&s);
    text(&s, "x\r\n");
    seal(&s);
    assert_int_equal(s.code[0], PF_OVER_QUOTA);
    assert_int_equal(pf_memory_count(s.memory, "/m/a") + pf_memory_count(s.memory, "/m/b"), 0);
    assert_int_equal(pf_memory_count(s.memory, "/m/gone"), 0);
    down(&s);
}

static void s_013_a_circle_ends_for_whom_it_is_one(void **state)
{
    char received[102 * 14] = "";
    struct scene s;

    (void)state;
    up(&s);
    recipient(&s, "a@x", "/m/a");
    recipient(&s, "b@x", "/m/b");
    begin(&s);
    text(&s, "Delivered-To: A@X\r\n\r\nDelivered-To: b@x\r\n");
    seal(&s);
    assert_int_equal(s.code[0], PF_LOOP);
    assert_int_equal(s.code[1], PF_OK);
    assert_int_equal(pf_memory_count(s.memory, "/m/a"), 0);
    down(&s);
    for (int i = 0; i < 101; i++)
        memcpy(received + strlen(received), "Received: x\r\n", 14);
    up(&s);
    recipient(&s, "a@x", "/m/a");
    begin(&s);
    text(&s, received);
    seal(&s);
    assert_int_equal(s.code[0], PF_LOOP);
    down(&s);
}

static void l_020_a_post_given_up_leaves_nothing(void **state)
{
    (void)state;
    for (int stage = 0; stage < 4; stage++) {
        struct scene s;

        up(&s);
        recipient(&s, "a@x", "/m/a");
        recipient(&s, "b@x", "/m/b");
        if (stage == 1) {
            const struct pf_post_envelope e = {.peer = "unix", .hostname = "us", .with = "LMTP", .id = "i"};

            pf_post_begin(s.post, &e);
        } else if (stage > 1) {
            begin(&s);
        }
        if (stage == 3)
            pf_post_write(s.post, PF_LIT("half\r\n"));
        down(&s);
        assert_int_equal(s.told[0] + s.told[1] + s.stored, 0);
    }
}

static void a_recipient_without_a_maildrop_is_never_told_that_it_went_well(void **state)
{
    struct scene s;

    (void)state;
    up(&s);
    recipient(&s, "a@x", NULL);
    begin(&s);
    seal(&s);
    assert_int_equal(s.code[0], PF_TEMP);
    down(&s);
}

static void full(struct scene *s, const char *address, const char *path, uint64_t octets, uint64_t messages)
{
    assert_int_equal(pf_post_recipient(s->post, pf_bytes_of(address), NULL), PF_OK);
    assert_int_equal(pf_post_maildrop(s->post, &(struct pf_post_target){address, path, octets, messages, 0}, NULL),
                     PF_OK);
}

static enum pf_code ask(struct scene *s, uint64_t size)
{
    unsigned before = s->asked;

    pf_post_ask(s->post, size, 1700000000);
    assert_int_equal(s->asked, before);
    while (s->asked == before)
        pf_loop_turn(s->loop, true);
    return s->answer;
}

static void l_018_who_has_no_room_is_told_at_once_and_the_others_get_it(void **state)
{
    struct scene s;

    (void)state;
    up(&s);
    full(&s, "a@x", "/m/a", 100000, 0);
    assert_int_equal(ask(&s, 5000), PF_OK);
    full(&s, "b@x", "/m/b", 4000, 0);
    assert_int_equal(ask(&s, 5000), PF_OVER_QUOTA);
    full(&s, "c@x", "/m/c", 4000, 0);
    assert_int_equal(ask(&s, 0), PF_OK);
    assert_int_equal(pf_post_recipients(s.post), 2);
    begin(&s);
    for (unsigned i = 0; i < 100; i++)
        text(&s, "\r\nSubject: longer than was said, all in all\r\n");
    seal(&s);
    assert_int_equal(s.code[0], PF_OK);
    assert_int_equal(s.code[1], PF_OVER_QUOTA);
    assert_int_equal(pf_memory_count(s.memory, "/m/a"), 1);
    assert_int_equal(pf_memory_count(s.memory, "/m/b") + pf_memory_count(s.memory, "/m/c"), 0);
    down(&s);
}

static void one_maildrop_of_several_without_room_refuses_the_recipient(void **state)
{
    struct scene s;

    (void)state;
    up(&s);
    full(&s, "team@x", "/m/a", 0, 0);
    assert_int_equal(pf_post_maildrop(s.post, &(struct pf_post_target){"b", "/m/b", 10, 0, 0}, NULL), PF_OK);
    assert_int_equal(ask(&s, 11), PF_OVER_QUOTA);
    assert_int_equal(pf_post_recipients(s.post), 0);
    down(&s);
}

static void a_question_given_up_leaves_nothing(void **state)
{
    struct scene s;

    (void)state;
    up(&s);
    full(&s, "a@x", "/m/a", 10, 0);
    pf_post_ask(s.post, 11, 1700000000);
    down(&s);
    assert_int_equal(s.asked, 0);
}

static void wait_for_mail(struct scene *s, const char *path, unsigned count)
{
    while (s->stored < 1 || pf_memory_count(s->memory, path) < count)
        pf_loop_turn(s->loop, true);
    assert_int_equal(pf_memory_count(s->memory, path), count);
}

static void deliver_once(const struct pf_post_target *to, struct scene *s)
{
    const struct pf_post_envelope e = {.peer = "unix", .hostname = "us", .with = "LMTP", .id = "i",
                                       .now = 1700000000, .quota_warning = 50};

    assert_int_equal(pf_post_recipient(s->post, PF_LIT("a@x"), NULL), PF_OK);
    assert_int_equal(pf_post_maildrop(s->post, to, NULL), PF_OK);
    pf_post_begin(s->post, &e);
    while (!s->begun)
        pf_loop_turn(s->loop, true);
    text(s, "Subject: x\r\n\r\nbody\r\n");
    seal(s);
}

static void the_delivery_that_crosses_the_line_brings_a_warning(void **state)
{
    struct scene s;

    (void)state;
    up(&s);
    deliver_once(&(struct pf_post_target){"a", "/m/a", 0, 2, 0}, &s);
    wait_for_mail(&s, "/m/a", 2);
    assert_int_equal(s.stored, 1); /* the warning is nobody's delivery */
    assert_int_equal(s.code[0], PF_OK);
    down(&s);
}

static void a_warning_goes_on_without_the_post(void **state)
{
    struct scene s;

    (void)state;
    up(&s);
    deliver_once(&(struct pf_post_target){"a", "/m/a", 0, 2, 0}, &s);
    pf_post_free(s.post);
    while (!s.gone)
        pf_loop_turn(s.loop, true);
    assert_int_equal(pf_memory_count(s.memory, "/m/a"), 2);
    pf_store_free(s.store);
    while (pf_loop_turn(s.loop, true))
        ;
    pf_loop_free(s.loop);
    alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(l_008_one_text_reaches_everybody),
        T(l_018_a_fault_fails_its_recipient_alone),
        T(a_lone_recipient_costs_one_write), T(a_lone_recipient_given_up_leaves_nothing),
        T(when_all_fail_all_are_told),
        T(an_alias_is_all_or_nothing_until_the_seals),
        T(s_013_a_circle_ends_for_whom_it_is_one),
        T(l_020_a_post_given_up_leaves_nothing),
        T(a_recipient_without_a_maildrop_is_never_told_that_it_went_well),
        T(l_018_who_has_no_room_is_told_at_once_and_the_others_get_it),
        T(one_maildrop_of_several_without_room_refuses_the_recipient),
        T(a_question_given_up_leaves_nothing),
        T(the_delivery_that_crosses_the_line_brings_a_warning),
        T(a_warning_goes_on_without_the_post),
    };

    return RUN(tests);
}
