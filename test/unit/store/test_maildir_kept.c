#include "unit/store/test_maildir_rig.h"

#include "store/maildir/kept.h"
#include "store/maildir/lock.h"
#include <postfach/pop3_server.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MANY = PF_MAILDIR_KEPT_LEAST + 36 };

static const char text[] = "Subject: a\n\nbody\n"; /* 17 octets, 20 on the wire */

static struct pf_maildir *maildir_of(struct rig *r)
{
    return (struct pf_maildir *)r->twin;
}

static void much_mail(struct rig *r)
{
    char name[64];

    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "cur/%d.M1P1.h,S=17,W=20:2,S", 1000 + i);
        rig_put(r, name, text);
    }
}

/* As a loop asks: without waiting for anything. */
static enum pf_code open_now(struct rig *r, struct session *s, bool shared)
{
    const struct pf_box_where where = {.user = "anna", .path = r->path, .now = r->now, .expire_days = r->expire_days,
                                       .shared = shared};
    struct pf_twin_opened opened = {0};
    enum pf_code code = r->twin->kind->box_open(r->twin, &where, false, &opened, &s->err);

    s->box = opened.box;
    s->listing = opened.listing;
    return code;
}

/* Whether the file system of these tests is one that is asked on the loop. */
static bool is_near(struct rig *r)
{
    struct pf_maildir_kept *k = pf_maildir_kept_take(&maildir_of(r)->keeper, maildir_of(r)->seed, r->path);
    bool near = k && k->near;

    assert_non_null(k);
    pf_maildir_kept_put(&maildir_of(r)->keeper, k);
    return near;
}

static void rest(struct rig *r, int sessions)
{
    struct session s;

    for (int i = 0; i < sessions; i++) {
        rig_open(r, &s);
        rig_close(&s);
    }
}

static void the_next_session_takes_what_the_last_one_knew(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    much_mail(r);
    rest(r, 1);
    assert_int_equal(unlink(rig_at(r, "postfach-cache")), 0);
    rig_open(r, &s);
    assert_int_equal(s.box->counts.cached, 1);
    assert_int_equal(s.box->counts.scans, 0);
    assert_int_equal(s.listing.count, MANY);
    assert_int_equal(s.listing.octets, MANY * 20);
    rig_reads_as(&s, MANY - 1, text);
    rig_close(&s);
}

static void the_second_that_finds_nothing_new_has_the_lines_ready(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;
    bool near;

    much_mail(r);
    rest(r, 1);
    near = is_near(r);
    assert_int_equal(open_now(r, &s, false), PF_AGAIN); /* what is to be made takes time */
    rig_open(r, &s);
    assert_non_null(s.listing.kept);
    assert_memory_equal(s.listing.kept->list.at, "1 20\r\n2 20\r\n", 12);
    assert_memory_equal(s.listing.kept->uidl.at, "1 1000.M1P1.h,S=17,W=20\r\n2 1001.", 32);
    assert_int_equal(s.listing.kept->memory, -1); /* nobody asked for it */
    rig_reads_as(&s, 17, text);
    s.listing.kept->audited = true;
    rig_close(&s);
    assert_int_equal(open_now(r, &s, false), near ? PF_OK : PF_AGAIN);
    if (!near)
        rig_open(r, &s);
    assert_true(s.listing.kept->audited);
    assert_int_equal(s.listing.count, MANY);
    rig_reads_as(&s, 17, text);
    assert_int_equal(pf_maildir_box_leave(s.box), near);
    if (!near)
        rig_close(&s);
}

static void what_is_shared_has_a_descriptor(void **state)
{
    struct rig *r = rig_of(state);
    const struct pf_box_where where = {.user = "anna", .path = r->path, .expire_days = PF_EXPIRE_NEVER, .shared = true};
    struct pf_twin_opened opened = {0};
    struct pf_slot_listing mapped;
    struct pf_err err;

    much_mail(r);
    rest(r, 1);
    assert_int_equal(r->twin->kind->box_open(r->twin, &where, true, &opened, &err), PF_OK);
    assert_true(opened.listing.kept->memory >= 0);
    assert_int_equal(pf_slot_listing_map(opened.listing.kept->memory, PF_SLOT_LISTING_MAX, &mapped, &err), PF_OK);
    assert_int_equal(mapped.listing.count, MANY);
    assert_true(pf_bytes_equal(mapped.kept.uidl, opened.listing.kept->uidl));
    pf_slot_listing_done(&mapped);
    r->twin->kind->box_close(opened.box);
    assert_int_equal(atomic_load(&maildir_of(r)->keeper.descriptors), 1);
    pf_maildir_kept_empty(&maildir_of(r)->keeper);
    assert_int_equal(atomic_load(&maildir_of(r)->keeper.descriptors), 0);
    assert_int_equal(atomic_load(&maildir_of(r)->keeper.octets), 0);
}

/* Whatever others did meanwhile is seen, and the loop is not asked to read it. */
static void a_change_is_never_missed(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    much_mail(r);
    rest(r, 2);
    rig_put(r, "new/5000.M1P1.h,S=17,W=20", text);
    assert_int_equal(open_now(r, &s, false), PF_AGAIN);
    rig_open(r, &s);
    assert_int_equal(s.listing.count, MANY + 1);
    assert_int_equal(s.box->counts.cached, 0);
    rig_close(&s);
    rest(r, 2);
    rig_remove(r, "cur/1000.M1P1.h,S=17,W=20:2,S");
    rig_open(r, &s);
    assert_int_equal(s.listing.count, MANY);
    assert_string_equal(rig_uidl(&s, 0), "1001.M1P1.h,S=17,W=20");
    rig_close(&s);
    rest(r, 2);
    rig_move(r, "new/5000.M1P1.h,S=17,W=20", "cur/5000.M1P1.h,S=17,W=20:2,S");
    rig_open(r, &s);
    assert_int_equal(s.box->counts.cached, 0);
    rig_reads_as(&s, MANY - 1, text);
    rig_close(&s);
}

static void what_was_changed_is_read_anew(void **state)
{
    struct rig *r = rig_of(state);
    struct pf_box_expunge op;
    struct session s;

    much_mail(r);
    rest(r, 2);
    rig_open(r, &s);
    assert_int_equal(rig_expunge(&s, 0, &op), PF_OK);
    assert_false(pf_maildir_box_leave(s.box));
    rig_close(&s);
    assert_int_equal(open_now(r, &s, false), PF_AGAIN);
    rig_open(r, &s);
    assert_int_equal(s.box->counts.cached, 0);
    assert_int_equal(s.listing.count, MANY - 1);
    rig_close(&s);
}

static void it_belongs_to_who_has_the_maildrop(void **state)
{
    struct rig *r = rig_of(state);
    struct session first, second = {0};

    much_mail(r);
    rest(r, 2);
    rig_open(r, &first);
    assert_int_equal(open_now(r, &second, false), PF_AGAIN); /* nothing is kept: it is out */
    assert_int_equal(rig_try_open(r, &second), PF_IN_USE);
    rig_reads_as(&first, 0, text);
    rig_close(&first);
    rig_open(r, &second);
    assert_int_equal(second.box->counts.cached, 1);
    assert_non_null(second.listing.kept);
    rig_close(&second);
}

static void a_lock_of_another_process_is_told_at_once(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;
    int root, lock;

    much_mail(r);
    rest(r, 2);
    if (!is_near(r))
        skip();
    assert_int_equal(pf_maildir_root_open(&(struct pf_maildir_settings){0}, r->path, false, &root, NULL), PF_OK);
    assert_int_equal(pf_maildir_lock(root, r->path, &lock, NULL), PF_OK);
    assert_int_equal(open_now(r, &s, false), PF_IN_USE);
    pf_maildir_unlock(lock);
    close(root);
    rig_open(r, &s); /* and what was kept may be gone, but nothing else */
    assert_int_equal(s.listing.count, MANY);
    rig_close(&s);
}

static void without_memory_for_it_nothing_is_kept(void **state)
{
    const struct pf_maildir_settings none = {.cache = true, .host = "h"};
    const struct pf_maildir_settings little = {.cache = true, .keep = 1000, .host = "h"};
    struct rig *r = rig_of(state);
    struct session s;

    much_mail(r);
    for (int i = 0; i < 2; i++) {
        rig_store(r, i ? &little : &none, 10);
        rest(r, 3);
        assert_int_equal(atomic_load(&maildir_of(r)->keeper.octets), 0);
        rig_open(r, &s);
        assert_null(s.listing.kept);
        assert_int_equal(s.listing.count, MANY);
        rig_close(&s);
    }
}

static void the_table_is_bounded(void **state)
{
    enum { MOST = 100000, MAILDROPS = 3000 };
    struct pf_maildir_keeper *keeper = calloc(1, sizeof *keeper);
    struct rig *r = rig_of(state);
    unsigned here = 0;

    keeper->most = MOST;
    for (int i = 0; i < MAILDROPS; i++) {
        char path[32];

        snprintf(path, sizeof path, "/mail/%d", i);
        pf_maildir_kept_put(keeper, pf_maildir_kept_new(7, path, AT_FDCWD));
        assert_true(atomic_load(&keeper->octets) <= MOST);
    }
    for (int i = 0; i < MAILDROPS; i++) {
        char path[32];
        struct pf_maildir_kept *k;

        snprintf(path, sizeof path, "/mail/%d", i);
        k = pf_maildir_kept_take(keeper, 7, path);
        if (k)
            assert_string_equal(k->path, path);
        here += k != NULL;
        pf_maildir_kept_free(keeper, k);
    }
    (void)r;
    assert_true(here > MOST / 1000 && here < MOST / sizeof(struct pf_maildir_kept));
    assert_int_equal(atomic_load(&keeper->octets), 0);
    free(keeper);
}

enum { THREADS = 4, PATHS = 24, ROUNDS = 20000 };

static struct pf_maildir_keeper *crowd;
static _Atomic int holders[PATHS];
static _Atomic int wrong;

/* Who takes one has it alone. */
static void *come_and_go(void *seed)
{
    unsigned dice = *(unsigned *)seed;

    for (int i = 0; i < ROUNDS; i++) {
        unsigned which = (dice = dice * 1103515245 + 12345) >> 16 & 0xffff;
        struct pf_maildir_kept *k;
        char path[16];

        which %= PATHS;
        snprintf(path, sizeof path, "/m/%u", which);
        k = pf_maildir_kept_take(crowd, 7, path);
        if (!k)
            continue;
        if (strcmp(k->path, path) != 0 || atomic_fetch_add(&holders[which], 1) != 0)
            atomic_fetch_add(&wrong, 1);
        atomic_fetch_sub(&holders[which], 1);
        pf_maildir_kept_put(crowd, k);
    }
    return NULL;
}

static void threads_do_not_meet_in_it(void **state)
{
    unsigned seeds[THREADS];
    pthread_t threads[THREADS];

    (void)state;
    crowd = calloc(1, sizeof *crowd);
    crowd->most = 1 << 20;
    for (unsigned i = 0; i < PATHS; i++) {
        char path[16];

        snprintf(path, sizeof path, "/m/%u", i);
        pf_maildir_kept_put(crowd, pf_maildir_kept_new(7, path, AT_FDCWD));
    }
    for (unsigned i = 0; i < THREADS; i++) {
        seeds[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &seeds[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(wrong, 0);
    pf_maildir_kept_empty(crowd);
    assert_int_equal(atomic_load(&crowd->octets), 0);
    free(crowd);
}

static int begin(void **state)
{
    const struct pf_maildir_settings settings = {.cache = true, .keep = 1 << 20, .host = "h"};
    int bad = rig_begin(state);

    if (!bad)
        rig_store(rig_of(state), &settings, 10);
    return bad;
}

#define R(name) cmocka_unit_test_setup_teardown(name, begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        R(the_next_session_takes_what_the_last_one_knew),
        R(the_second_that_finds_nothing_new_has_the_lines_ready),
        R(what_is_shared_has_a_descriptor),
        R(a_change_is_never_missed),
        R(what_was_changed_is_read_anew),
        R(it_belongs_to_who_has_the_maildrop),
        R(a_lock_of_another_process_is_told_at_once),
        R(without_memory_for_it_nothing_is_kept),
        R(the_table_is_bounded),
        R(threads_do_not_meet_in_it),
    };

    return RUN(tests);
}
