#include "unit/cm.h"

#include "store/drive.h"
#include "store/lift.h"

#include <semaphore.h>
#include <stdlib.h>
#include <threads.h>

/* A twin without mail that notes who was called on which thread. Calls that may block wait for
 * `gate` as long as `holds` is set. */
struct twin {
    struct pf_twin base;
    thrd_t loop_thread;
    sem_t gate;
    bool holds;
    bool can_try;     /* answers without blocking where it is asked to */
    bool quiet;       /* fails without a reason */
    enum pf_code fails;
    unsigned on_loop, on_thread; /* calls; one thread at a time */
    unsigned dropped, sealed, closed, freed;
    unsigned writes;
    unsigned char text[100000]; /* that was written */
    size_t text_len;
    enum pf_code write_fails;
    bool ready; /* an ask needs no look */
};

static struct twin twin;
static struct drive d;
static struct pf_pool *pool;

static enum pf_code called(bool may_block, struct pf_err *err)
{
    if (thrd_equal(thrd_current(), twin.loop_thread))
        twin.on_loop++;
    else
        twin.on_thread++;
    if (!may_block && !twin.can_try)
        return pf_fail(err, PF_AGAIN, 0, "twin", "this must not be seen");
    if (may_block && twin.holds)
        sem_wait(&twin.gate);
    if (twin.fails != PF_OK && !twin.quiet)
        return pf_fail(err, twin.fails, 5, "twin", "the reason");
    return twin.fails;
}

static enum pf_code box_open(struct pf_twin *t, const struct pf_box_where *where, bool may_block,
                             struct pf_twin_opened *out_opened, struct pf_err *err)
{
    static const struct pf_row rows[] = {{.octets = 3, .uidl_len = 1}};
    enum pf_code code = called(may_block, err);

    assert_string_equal(where->path, "/box");
    if (code != PF_OK)
        return code;
    out_opened->box = (struct pf_twin_box *)t;
    out_opened->listing = (struct pf_listing){
        .rows = rows, .uidls = (const unsigned char *)"u", .count = 1, .octets = 3};
    out_opened->expired = 4;
    return PF_OK;
}

static enum pf_code box_read(struct pf_twin_box *b, struct pf_box_read *r, bool may_block, struct pf_err *err)
{
    enum pf_code code = called(may_block, err);

    (void)b;
    if (code != PF_OK)
        return code;
    r->at[0] = 'x';
    r->got = 1;
    r->last = r->clean = true;
    return PF_OK;
}

static enum pf_code box_expunge(struct pf_twin_box *b, struct pf_box_expunge *e, struct pf_err *err)
{
    (void)b;
    e->removed = 1;
    return called(true, err);
}

static void box_close(struct pf_twin_box *b)
{
    (void)b;
    twin.closed++;
    called(true, NULL);
}

static enum pf_code parcel_begin(struct pf_twin *t, const struct pf_box_where *where,
                                 struct pf_twin_parcel **out_parcel, struct pf_err *err)
{
    enum pf_code code = called(true, err);

    assert_string_equal(where->path, "/box");
    if (code == PF_OK)
        *out_parcel = (struct pf_twin_parcel *)t;
    return code;
}

static enum pf_code parcel_write(struct pf_twin_parcel *p, struct pf_bytes bytes, struct pf_err *err)
{
    (void)p;
    assert_true(bytes.len <= sizeof twin.text - twin.text_len);
    memcpy(twin.text + twin.text_len, bytes.at, bytes.len);
    twin.text_len += bytes.len;
    twin.writes++;
    if (twin.write_fails != PF_OK)
        return pf_fail(err, twin.write_fails, 28, "twin", "no room");
    return called(true, err);
}

static enum pf_code parcel_seal(struct pf_twin_parcel *p, struct pf_parcel_seal *s, struct pf_err *err)
{
    (void)p;
    twin.sealed++;
    memcpy(s->uidl, "new", 4);
    s->octets = 7;
    return called(true, err);
}

static void parcel_drop(struct pf_twin_parcel *p)
{
    (void)p;
    twin.dropped++;
    called(true, NULL);
}

static void twin_free(struct pf_twin *t)
{
    (void)t;
    twin.freed++;
}

static bool parcel_ready(struct pf_twin *t, const struct pf_box_where *where)
{
    (void)t;
    assert_string_equal(where->path, "/box");
    return twin.ready;
}

static const struct pf_twin_kind kind = {"test",       box_open,     box_read,    box_expunge, box_close,
                                         parcel_begin, parcel_write, parcel_seal, parcel_drop, twin_free,
                                         NULL,         NULL,         parcel_ready};

/* One thread, and no place to wait: one job fills the pool. */
static int make(void **state)
{
    (void)state;
    twin = (struct twin){.base.kind = &kind, .loop_thread = thrd_current()};
    sem_init(&twin.gate, 0, 0);
    d.loop = pf_loop_new(NULL);
    pool = d.loop ? pf_pool_new(d.loop, "test", 1, 0, NULL) : NULL;
    d.store = pool ? pf_lift_new(d.loop, pool, &twin.base, NULL) : NULL;
    return d.store ? 0 : -1;
}

static int break_down(void **state)
{
    (void)state;
    pf_store_free(d.store);
    pf_pool_free(pool);
    pf_loop_free(d.loop);
    sem_destroy(&twin.gate);
    return twin.freed == 1 ? 0 : -1;
}

static unsigned char octet;

static void ready_read(struct pf_box_read *r)
{
    *r = (struct pf_box_read){.at = &octet, .cap = 1};
    drive_ready(&r->op);
}

static struct pf_box *open_one(void)
{
    struct pf_box_open o;

    assert_int_equal(drive_open(&d, "/box", &o), PF_OK);
    assert_int_equal(o.listing.octets, 3);
    assert_int_equal(o.expired, 4);
    return o.box;
}

static void what_can_be_tried_is_done_on_the_loop(void **state)
{
    struct pf_box *box;
    struct pf_box_read r;

    (void)state;
    twin.can_try = true;
    box = open_one();
    ready_read(&r);
    pf_box_read(box, &r);
    assert_int_equal(drive_wait(&d, &r.op), PF_OK);
    assert_true(r.got == 1 && r.last && r.clean && octet == 'x');
    assert_int_equal(twin.on_thread, 0);
    assert_int_equal(twin.on_loop, 2);
    drive_close(&d, box);
    assert_int_equal(twin.on_thread, 1);
}

static void what_would_block_is_done_in_the_pool(void **state)
{
    struct pf_box *box = open_one();
    struct pf_box_read r;
    uint64_t word = 1;
    struct pf_marks marks = {&word, 1};
    struct pf_box_expunge e;

    (void)state;
    ready_read(&r);
    assert_int_equal(drive_read(&d, box, &r), PF_OK);
    assert_string_equal(r.op.err.log, "");
    assert_int_equal(drive_expunge(&d, box, &marks, &e), PF_OK);
    assert_int_equal(e.removed, 1);
    drive_close(&d, box);
    assert_int_equal(twin.on_loop, 2); /* the tries */
    assert_int_equal(twin.on_thread, 4);
}

static void parcels_go_through_the_pool(void **state)
{
    struct pf_box_where where = drive_where("/box");
    struct pf_parcel_seal s;
    struct pf_parcel *parcel;

    (void)state;
    assert_int_equal(drive_deliver(&d, &where, PF_LIT("fives"), 5, &s), PF_OK);
    assert_string_equal(s.uidl, "new");
    assert_int_equal(s.octets, 7);
    assert_int_equal(drive_begin(&d, &where, &parcel), PF_OK);
    drive_drop(&d, parcel);
    assert_int_equal(twin.on_loop, 0);
    assert_int_equal(twin.on_thread, 5);
    assert_int_equal(twin.dropped, 1);
}

/* One thread is woken for all of a small message. */
static void small_pieces_are_written_with_the_seal(void **state)
{
    struct pf_box_where where = drive_where("/box");
    struct pf_parcel_seal s;
    struct pf_parcel *parcel;

    (void)state;
    assert_int_equal(drive_begin(&d, &where, &parcel), PF_OK);
    assert_int_equal(drive_write(&d, parcel, PF_LIT("one,")), PF_OK);
    assert_int_equal(drive_write(&d, parcel, PF_LIT("two,")), PF_OK);
    assert_int_equal(drive_write(&d, parcel, PF_LIT("three")), PF_OK);
    assert_int_equal(twin.writes, 0);
    assert_int_equal(drive_seal(&d, parcel, &s), PF_OK);
    assert_int_equal(twin.writes, 1);
    assert_int_equal(twin.text_len, 13);
    assert_memory_equal(twin.text, "one,two,three", 13);
    assert_int_equal(drive_begin(&d, &where, &parcel), PF_OK);
    assert_int_equal(drive_write(&d, parcel, PF_LIT("never")), PF_OK);
    drive_drop(&d, parcel);
    assert_int_equal(twin.writes, 1);
    assert_int_equal(twin.on_loop, 0);
}

static void a_large_piece_follows_what_was_collected(void **state)
{
    static unsigned char large[40000], middle[20000];
    struct pf_box_where where = drive_where("/box");
    struct pf_parcel_seal s;
    struct pf_parcel *parcel;

    (void)state;
    memset(large, 'l', sizeof large);
    memset(middle, 'm', sizeof middle);
    assert_int_equal(drive_begin(&d, &where, &parcel), PF_OK);
    assert_int_equal(drive_write(&d, parcel, PF_LIT("head")), PF_OK);
    assert_int_equal(drive_write(&d, parcel, pf_bytes_from(large, sizeof large)), PF_OK);
    assert_int_equal(twin.writes, 2);
    assert_int_equal(twin.text_len, 40004);
    assert_memory_equal(twin.text, "headl", 5);
    assert_int_equal(drive_write(&d, parcel, pf_bytes_from(middle, sizeof middle)), PF_OK);
    assert_int_equal(twin.writes, 2);
    assert_int_equal(drive_write(&d, parcel, pf_bytes_from(middle, sizeof middle)), PF_OK); /* together too much */
    assert_int_equal(twin.writes, 4);
    assert_int_equal(drive_write(&d, parcel, PF_LIT("tail")), PF_OK);
    assert_int_equal(drive_seal(&d, parcel, &s), PF_OK);
    assert_int_equal(twin.text_len, 80008);
    assert_memory_equal(twin.text + 40003, "lmm", 3);
    assert_memory_equal(twin.text + 80003, "mtail", 5);
}

static void a_write_that_fails_is_told_at_the_seal(void **state)
{
    struct pf_box_where where = drive_where("/box");
    struct pf_parcel_seal s;
    struct pf_parcel *parcel;

    (void)state;
    twin.write_fails = PF_NO_SPACE;
    assert_int_equal(drive_begin(&d, &where, &parcel), PF_OK);
    assert_int_equal(drive_write(&d, parcel, PF_LIT("fives")), PF_OK);
    assert_int_equal(drive_seal(&d, parcel, &s), PF_NO_SPACE);
    assert_string_equal(s.op.err.log, "no room");
    assert_int_equal(twin.sealed, 0);
    assert_int_equal(twin.dropped, 1);
}

static void who_is_ready_is_asked_on_the_loop(void **state)
{
    struct pf_parcel_begin b = {.where = drive_where("/box"), .ask = true};

    (void)state;
    twin.ready = true;
    drive_ready(&b.op);
    pf_parcel_begin(d.store, &b);
    assert_int_equal(drive_wait(&d, &b.op), PF_OK);
    assert_int_equal(twin.on_thread, 0);
    twin.ready = false;
    b = (struct pf_parcel_begin){.where = drive_where("/box"), .ask = true};
    drive_ready(&b.op);
    pf_parcel_begin(d.store, &b);
    assert_int_equal(drive_wait(&d, &b.op), PF_OK);
    assert_int_equal(twin.on_thread, 2); /* begun, and dropped */
}

static void errors_arrive_as_the_twin_filled_them(void **state)
{
    struct pf_box *box = open_one();
    struct pf_box_open o;
    struct pf_box_read r;

    (void)state;
    twin.fails = PF_CHANGED;
    ready_read(&r);
    assert_int_equal(drive_read(&d, box, &r), PF_CHANGED);
    assert_string_equal(r.op.err.log, "the reason");
    assert_int_equal(r.op.err.sys, 5);
    twin.quiet = true;
    ready_read(&r);
    assert_int_equal(drive_read(&d, box, &r), PF_CHANGED);
    assert_non_null(strstr(r.op.err.log, "test gave no reason"));
    assert_int_equal(drive_open(&d, "/box", &o), PF_CHANGED);
    twin.can_try = true; /* the same, refused on the loop */
    assert_int_equal(drive_open(&d, "/box", &o), PF_CHANGED);
    assert_null(o.box);
    twin.fails = PF_OK;
    drive_close(&d, box);
}

static void a_full_pool_is_busy(void **state)
{
    struct pf_box *a = open_one(), *b = open_one();
    struct pf_box_where where = drive_where("/box");
    struct pf_parcel *parcel = NULL;
    struct pf_box_read held, r;
    struct pf_box_open o;
    struct pf_box_expunge e;

    (void)state;
    twin.holds = true;
    ready_read(&held);
    pf_box_read(a, &held);
    ready_read(&r);
    assert_int_equal(drive_read(&d, b, &r), PF_BUSY);
    assert_int_equal(drive_open(&d, "/box", &o), PF_BUSY);
    assert_null(o.box);
    assert_int_equal(drive_begin(&d, &where, &parcel), PF_BUSY);
    assert_int_equal(drive_expunge(&d, b, NULL, &e), PF_BUSY);
    assert_true(drive_pending(&held.op));
    sem_post(&twin.gate);
    assert_int_equal(drive_wait(&d, &held.op), PF_OK);
    twin.holds = false;
    ready_read(&r);
    assert_int_equal(drive_read(&d, b, &r), PF_OK); /* and the box goes on */
    drive_close(&d, a);
    drive_close(&d, b);
}

/* Our own job in the pool wakes those that wait for a place. */
static void closing_waits_for_a_place(void **state)
{
    struct pf_box *a = open_one(), *b = open_one(), *c = open_one();
    struct pf_box_close first = {0}, second = {0};
    struct pf_box_read held;

    (void)state;
    twin.holds = true;
    ready_read(&held);
    pf_box_read(a, &held);
    drive_ready(&first.op);
    drive_ready(&second.op);
    pf_box_close(b, &first);
    pf_box_close(c, &second);
    for (int i = 0; i < 5; i++)
        pf_loop_turn(d.loop, false);
    assert_true(drive_pending(&first.op) && drive_pending(&second.op));
    for (int i = 0; i < 3; i++)
        sem_post(&twin.gate);
    assert_int_equal(drive_wait(&d, &second.op), PF_OK);
    assert_false(drive_pending(&first.op));
    assert_false(drive_pending(&held.op));
    twin.holds = false;
    drive_close(&d, a);
    assert_int_equal(twin.closed, 3);
    assert_int_equal(twin.on_loop, 4); /* three opens and a read were tried, nothing else */
}

struct foreign {
    struct pf_job job;
    bool done;
};

static void foreign_work(struct pf_job *job)
{
    (void)job;
    sem_wait(&twin.gate);
}

static void foreign_done(struct pf_job *job)
{
    ((struct foreign *)job)->done = true;
}

/* Nobody would wake us: the last resort is the loop itself. */
static void closing_succeeds_in_a_pool_full_of_others(void **state)
{
    struct pf_box *box = open_one();
    struct pf_box_where where = drive_where("/box");
    struct pf_parcel *sealed, *dropped;
    struct pf_parcel_seal s;
    struct foreign other = {.job = {.work = foreign_work, .done = foreign_done}};

    (void)state;
    assert_int_equal(drive_begin(&d, &where, &sealed), PF_OK);
    assert_int_equal(drive_begin(&d, &where, &dropped), PF_OK);
    assert_true(pf_pool_submit(pool, &other.job));
    drive_close(&d, box);
    assert_int_equal(twin.closed, 1);
    assert_int_equal(drive_seal(&d, sealed, &s), PF_BUSY);
    assert_int_equal(twin.sealed, 0);
    assert_int_equal(twin.dropped, 1); /* nothing stays of it */
    drive_drop(&d, dropped);
    assert_int_equal(twin.dropped, 2);
    assert_false(other.done);
    sem_post(&twin.gate);
    while (!other.done)
        pf_loop_turn(d.loop, true);
}

#define M(name) cmocka_unit_test_setup_teardown(name, make, break_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        M(what_can_be_tried_is_done_on_the_loop), M(what_would_block_is_done_in_the_pool),
        M(parcels_go_through_the_pool),           M(errors_arrive_as_the_twin_filled_them),
        M(a_full_pool_is_busy),                   M(closing_waits_for_a_place),
        M(closing_succeeds_in_a_pool_full_of_others), M(small_pieces_are_written_with_the_seal),
        M(a_large_piece_follows_what_was_collected),  M(a_write_that_fails_is_told_at_the_seal),
        M(who_is_ready_is_asked_on_the_loop),
    };

    return RUN(tests);
}
