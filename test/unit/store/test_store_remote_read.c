/* Whole messages that are read ahead: for whom, how many, and when they are given. */
#include "base/purse.h"
#include "store/drive.h"
#include "sys/slot_listing.h"
#include "unit/cm.h"
#include "unit/store/farstore.h"

#include <stdlib.h>
#include <unistd.h>

enum { STORE = 5, COUNT = 200, OCTETS = 4000, ROUNDS = 20 };

static struct drive drive;
static struct pf_purse *purse;
static struct pf_box *box;
static pf_time skipped;

pf_time __real_pf_loop_now(const struct pf_loop *);
pf_time __wrap_pf_loop_now(const struct pf_loop *loop);

pf_time __wrap_pf_loop_now(const struct pf_loop *loop)
{
    return __real_pf_loop_now(loop) + skipped;
}

static void turn(void)
{
    for (int i = 0; i < ROUNDS; i++)
        pf_loop_turn(drive.loop, false);
}

static void far_has_messages(uint64_t octets)
{
    static struct pf_row rows[COUNT];
    static char uidls[COUNT * 8];
    struct pf_listing l = {.rows = rows, .uidls = (unsigned char *)uidls, .count = COUNT};

    for (uint32_t i = 0; i < COUNT; i++) {
        rows[i] = (struct pf_row){.octets = octets, .uidl_at = i * 7, .uidl_len = 7};
        snprintf(uidls + (size_t)i * 7, 8, "%07u", i);
        l.octets += octets;
    }
    assert_int_equal(pf_slot_listing_make(&l, false, &far.fd, NULL), PF_OK);
    far.say[PF_STORE_OPEN].open.how = PF_STORE_LISTING_IN_MEMORY;
}

static int up(void **state)
{
    struct pf_box_where where = drive_where("/m/anna");
    struct pf_box_open o;

    (void)state;
    memset(&far, 0, sizeof far);
    skipped = 0;
    drive.loop = pf_loop_new(NULL);
    purse = pf_purse_new();
    drive.store = pf_store_remote_new(drive.loop, purse, &(struct pf_store_remote_calls){0}, NULL);
    far.say[PF_STORE_OPEN].open.box = 1;
    far.say[PF_STORE_READ].read = (struct pf_store_say_read){.got = OCTETS, .last = true};
    far_has_messages(OCTETS);
    far_joins(&drive, STORE);
    where.pass = pf_purse_put(purse, STORE, PF_LIT("ticket"), pf_loop_now(drive.loop));
    assert_int_equal(drive_open_where(&drive, &where, &o), PF_OK);
    close(far.fd);
    far.fd = -1;
    far.whole = true;
    box = o.box;
    return 0;
}

static int down(void **state)
{
    (void)state;
    drive_close(&drive, box);
    pf_store_free(drive.store);
    pf_ipc_close(far.ipc);
    turn();
    pf_slots_free(far.slots);
    pf_purse_free(purse);
    pf_loop_free(drive.loop);
    return 0;
}

/* That message whole, of this store's octets; how many requests it took. */
static unsigned takes(uint32_t index)
{
    static unsigned char octets[65536];
    struct pf_box_read r = {.at = octets, .cap = sizeof octets, .index = index};
    unsigned before = far.asked[PF_STORE_READ];

    assert_int_equal(drive_read(&drive, box, &r), PF_OK);
    assert_int_equal(r.got, OCTETS);
    assert_true(r.last && !r.clean);
    for (size_t i = 0; i < OCTETS; i++)
        assert_int_equal(octets[i], 'a' + index % 26);
    turn();
    return far.asked[PF_STORE_READ] - before;
}

static void who_reads_in_order_finds_the_next_there(void **state)
{
    unsigned asked = 0;

    (void)state;
    assert_int_equal(takes(0), 1);
    assert_int_equal(takes(1), 2); /* and the next two are on their way */
    assert_int_equal(far.last.read.index, 2);
    assert_true(far.last.read.more > 0);
    for (uint32_t i = 2; i < COUNT; i++)
        asked += takes(i);
    assert_in_range(asked, 1, COUNT * OCTETS / PF_SLOT_OCTETS + 10);
    assert_int_equal(takes(0), 1);
}

/* Else a short one stands at the end of each slot. */
static void within_a_message_whole_pieces_are_read_ahead(void **state)
{
    enum { PIECE = 63488 };
    static unsigned char octets[PIECE];
    struct pf_box_read r = {.at = octets, .cap = PIECE};

    (void)state;
    far.whole = false;
    far.say[PF_STORE_READ].read.got = PIECE;
    far.say[PF_STORE_READ].read.last = false;
    assert_int_equal(drive_read(&drive, box, &r), PF_OK);
    r.offset = PIECE;
    assert_int_equal(drive_read(&drive, box, &r), PF_OK);
    turn();
    assert_int_equal(far.last.read.offset, 2 * PIECE);
    assert_int_equal(far.last.read.cap, PF_SLOT_OCTETS / PIECE * PIECE);
}

static void who_jumps_costs_what_he_asks(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < COUNT / 2; i += 2)
        assert_int_equal(takes(i), 1);
    for (uint32_t i = COUNT; i-- > COUNT / 2;)
        assert_int_equal(takes(i), 1);
    assert_int_equal(takes(7), 1);
    assert_int_equal(takes(7), 1);
}

static void what_is_read_for_nothing_is_no_more_than_what_was_taken(void **state)
{
    (void)state;
    takes(10);
    takes(11);
    assert_in_range(far.last.read.more, 1, 2);
    for (uint32_t i = 12; i < 20; i++)
        takes(i);
    assert_int_equal(takes(50), 1);
    assert_int_equal(takes(51), 2); /* he begins anew */
    assert_in_range(far.last.read.more, 1, 2);
}

static void a_message_that_is_left_out_is_left_out(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 8; i++)
        takes(i);
    far.mute = true; /* nothing is asked that could be answered */
    assert_int_equal(takes(9), 0);
    far.mute = false;
}

static void old_messages_are_read_anew(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        takes(i);
    skipped += 3000;
    assert_int_equal(takes(4), 1);
    assert_int_equal(far.last.read.index, 4);
}

static void more_than_was_asked_for_drops_the_store(void **state)
{
    static unsigned char octets[OCTETS];
    struct pf_box_read r = {.at = octets, .cap = sizeof octets};

    (void)state;
    far.whole = false;
    far.say[PF_STORE_READ].read.more = 1; /* nobody asked for one yet */
    assert_int_equal(drive_read(&drive, box, &r), PF_TEMP);
    turn();
    assert_true(far.gone);
}

static void the_store_may_go_between_two_that_are_there(void **state)
{
    static unsigned char octets[OCTETS];
    struct pf_box_read r = {.at = octets, .cap = sizeof octets, .index = 4};

    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        takes(i);
    pf_ipc_drop(far.ipc, "a test");
    turn();
    assert_int_equal(drive_read(&drive, box, &r), PF_TEMP);
}

/* Slots for reading ahead are had from those who let theirs lie. */
static void idle_guests_keep_nobody_from_it(void **state)
{
    enum { GUESTS = PF_IPC_OPEN_MAX / 2 + 10 };
    static struct pf_box *boxes[GUESTS];
    struct pf_box *first = box;

    (void)state;
    for (unsigned i = 0; i < GUESTS; i++) {
        struct pf_box_where where = drive_where("/m/anna");
        struct pf_box_open o;

        where.pass = pf_purse_put(purse, STORE, PF_LIT("ticket"), pf_loop_now(drive.loop));
        far_has_messages(OCTETS);
        assert_int_equal(drive_open_where(&drive, &where, &o), PF_OK);
        close(far.fd);
        far.fd = -1;
        box = boxes[i] = o.box;
        takes(0);
        assert_int_equal(takes(1), 2);
    }
    assert_int_equal(takes(2), 0);
    box = boxes[0];
    assert_int_equal(takes(2), 2); /* his was taken: he asks, and is again ahead */
    for (unsigned i = 0; i < GUESTS; i++)
        drive_close(&drive, boxes[i]);
    box = first;
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(who_reads_in_order_finds_the_next_there),
        EACH(within_a_message_whole_pieces_are_read_ahead),
        EACH(who_jumps_costs_what_he_asks),
        EACH(what_is_read_for_nothing_is_no_more_than_what_was_taken),
        EACH(a_message_that_is_left_out_is_left_out),
        EACH(old_messages_are_read_anew),
        EACH(more_than_was_asked_for_drops_the_store),
        EACH(idle_guests_keep_nobody_from_it),
        EACH(the_store_may_go_between_two_that_are_there),
    };

    return RUN(tests);
}
