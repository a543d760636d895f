/* What a gate may do, and what it may not, said by hand. */
#include "unit/cm.h"
#include "unit/store/servegate.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static struct serverig rig;
static struct servegate bad, good; /* good is served on, whatever bad does */

static int up(void **state)
{
    (void)state;
    serverig_up(&rig);
    servegate_come(&rig, &bad, 1);
    servegate_come(&rig, &good, 2);
    return 0;
}

static int down(void **state)
{
    (void)state;
    servegate_leave(&bad);
    servegate_leave(&good);
    serverig_turn(&rig);
    assert_int_equal(pf_store_serve_gates(rig.serve), 0);
    assert_int_equal(pf_store_serve_open(rig.serve), 0);
    serverig_down(&rig);
    return 0;
}

static void anew(void **state)
{
    down(state);
    up(state);
}

static void good_is_served(void)
{
    uint32_t box = servegate_open(&good, PF_TICKET_READ);

    assert_int_equal(good.said.open.count, 3);
    assert_true(servegate_read(&good, box, 0, 0));
    assert_int_equal(good.said.read.got, 5);
    servegate_close(&good, box);
    assert_false(good.gone);
}

/* The bad one was dropped, which was told, and what it had open is closed. */
static void bad_is_dropped(const char *why)
{
    serverig_turn(&rig);
    assert_true(bad.gone);
    assert_int_equal(rig.troubles, 1);
    if (!strstr(rig.trouble, why))
        fail_msg("\"%s\" has not \"%s\"", rig.trouble, why);
    assert_int_equal(pf_store_serve_open(rig.serve), 0);
    assert_int_equal(pf_store_serve_gates(rig.serve), 1);
    assert_int_equal(pf_memory_count(rig.memory, "/m/anna"), 3);
    good_is_served();
}

static void a_gate_is_served(void **state)
{
    uint32_t box = servegate_open(&bad, PF_TICKET_RIGHTS), parcel;
    union pf_store_ask ask = {0};

    (void)state;
    assert_int_equal(bad.said.open.count, 3);
    assert_int_equal(bad.said.open.entry, 0); /* it has served */
    assert_true(servegate_read(&bad, box, 1, 0));
    assert_int_equal(bad.said.read.got, 5);
    assert_false(bad.said.read.last);
    assert_true(servegate_expunge(&bad, box, 5, 2));
    assert_int_equal(bad.said.expunge.removed, 2);
    parcel = servegate_begin(&bad);
    ask.write.parcel = parcel;
    ask.write.text = PF_LIT("new\n");
    assert_true(servegate_ask(&bad, PF_STORE_WRITE, &ask));
    assert_int_equal(pf_store_serve_open(rig.serve), 2);
    assert_true(servegate_number(&bad, PF_STORE_SEAL, parcel));
    assert_int_equal(bad.said.seal.octets, 5);
    servegate_close(&bad, box);
    assert_int_equal(pf_memory_count(rig.memory, "/m/anna"), 2);
    assert_int_equal(rig.idles, 1);
    assert_int_equal(rig.troubles, 0);
}

static void frames_of_no_form_drop_their_gate(void **state)
{
    static const struct {
        uint16_t kind;
        const char *payload;
        size_t len;
    } frames[] = {
        {0, "", 0}, {PF_STORE_OPEN, "", 0}, {PF_STORE_OPEN, "\1\0\0\0\0\0\0\0\0", 9}, {PF_STORE_OPEN, "\0\0\0", 3},
        {PF_STORE_OPEN, "\2\0\0\0\0\0\0\0\1", 9}, {PF_STORE_READ, "short", 5}, {PF_STORE_CLOSE, "\0\0\0\1\0", 5},
        {PF_STORE_CLOSE, "\0\0\1", 3}, {PF_STORE_EXPUNGE, "\0\0\0\1\0\0\0\0\1\0\0\0\0", 13},
        {PF_STORE_WRITE, "\0\0\0\1\0", 5}, {PF_STORE_WANTED, "\0\0\0\0\0\0\0\1\0\1a", 11}, {PF_STORE_FRAMES, "", 0},
        {UINT16_MAX, "x", 1},
    };

    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        assert_false(servegate_raw(&bad, frames[i].kind, pf_bytes_from(frames[i].payload, frames[i].len), -1));
        bad_is_dropped("a request of no form");
        anew(state);
    }
}

static void descriptors_that_nobody_asked_for_drop_their_gate(void **state)
{
    const union pf_store_ask ask = {.number = {1}};

    (void)state;
    assert_false(servegate_ask_with(&bad, PF_STORE_CLOSE, &ask, STDERR_FILENO));
    bad_is_dropped("a descriptor too many or too few");
}

static void numbers_of_others_drop_their_gate(void **state)
{
    static const uint32_t numbers[] = {0, 1, 2, 16, 17, UINT32_MAX};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        for (unsigned kind = PF_STORE_CLOSE; kind < PF_STORE_WANTED; kind++) {
            if (kind != PF_STORE_CLOSE && kind != PF_STORE_SEAL && kind != PF_STORE_DROP)
                continue;
            servegate_close(&good, servegate_open(&good, PF_TICKET_READ));
            assert_false(servegate_number(&bad, kind, numbers[i]));
            bad_is_dropped("a number of no box or parcel of its own");
            anew(state);
        }
}

static void a_box_is_no_parcel(void **state)
{
    uint32_t box = servegate_open(&bad, PF_TICKET_RIGHTS);

    (void)state;
    assert_false(servegate_number(&bad, PF_STORE_SEAL, box));
    bad_is_dropped("a number of no box or parcel of its own");
}

static void a_request_behind_one_that_is_under_way_drops(void **state)
{
    const union pf_store_ask ask = {.number = {servegate_open(&bad, PF_TICKET_RIGHTS)}};

    (void)state;
    servegate_send(&bad, PF_STORE_CLOSE, &ask);
    assert_false(servegate_number(&bad, PF_STORE_CLOSE, ask.number.number));
    bad_is_dropped("a request behind one that is under way");
}

static void reads_out_of_order_drop(void **state)
{
    static const struct {
        uint32_t index;
        uint64_t offset;
    } reads[] = {{3, 0}, {UINT32_MAX, 0}, {0, 1}, {0, 4}, {0, 6}, {1, 5}, {0, UINT64_MAX}};

    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        uint32_t box = servegate_open(&bad, PF_TICKET_RIGHTS);

        assert_true(servegate_read(&bad, box, 0, 0));
        assert_int_equal(bad.said.read.got, 5);
        assert_false(servegate_read(&bad, box, reads[i].index, reads[i].offset));
        bad_is_dropped("a read out of order");
        anew(state);
    }
}

static void nothing_is_read_behind_the_end(void **state)
{
    uint32_t box = servegate_open(&bad, PF_TICKET_RIGHTS);
    uint64_t offset = 0;

    (void)state;
    do {
        assert_true(servegate_read(&bad, box, 2, offset));
        offset += bad.said.read.got;
    } while (!bad.said.read.last);
    assert_int_equal(offset, 17);
    assert_false(servegate_read(&bad, box, 2, offset));
    bad_is_dropped("a read out of order");
}

static void whole_messages_come_together(void **state)
{
    static const char text[] = "Subject: a\n\nbody\n"; /* of each of the three */
    uint32_t box = servegate_open(&good, PF_TICKET_READ);
    unsigned char at[256];

    (void)state;
    assert_true(servegate_read_more(&good, box, 0, PF_STORE_FURTHER, at)); /* more than there are */
    assert_int_equal(good.said.verdict.code, PF_OK);
    assert_true(good.said.read.got == 17 && good.said.read.last);
    assert_int_equal(good.said.read.more, 2);
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(at + 17 * i, text, 17);
    assert_int_equal(good.said.read.further[1].got, 17);
    assert_true(servegate_read_more(&good, box, 1, 1, at));
    assert_int_equal(good.said.read.more, 1);
    servegate_close(&good, box);
}

/* READ of a box that is open, with these. */
static void read_with(uint32_t slot, uint32_t arena, int fd, const char *why)
{
    union pf_store_ask ask = {.read = {.cap = 5, .slot = slot, .arena = arena}};

    ask.read.box = servegate_open(&bad, PF_TICKET_RIGHTS);
    assert_false(servegate_ask_with(&bad, PF_STORE_READ, &ask, fd));
    bad_is_dropped(why);
}

static void slots_that_are_not_its_own_drop(void **state)
{
    int plain = memfd_create("plain", MFD_CLOEXEC);

    read_with(0, 0, -1, "a slot before there were any");
    anew(state);
    read_with(SERVE_SLOTS, SERVE_SLOTS, pf_slots_fd(bad.slots), "a slot that it has not");
    anew(state);
    read_with(0, SERVE_SLOTS, -1, "a descriptor too many or too few");
    anew(state);
    read_with(0, 0, pf_slots_fd(bad.slots), "a descriptor too many or too few");
    anew(state);
    read_with(0, SERVE_SLOTS + 1, pf_slots_fd(bad.slots), "memory for slots has");
    anew(state);
    read_with(0, UINT32_MAX, pf_slots_fd(bad.slots), "more or less than there may be");
    anew(state);
    assert_int_equal(ftruncate(plain, SERVE_SLOTS * PF_SLOT_OCTETS), 0);
    read_with(0, SERVE_SLOTS, plain, "has not the seals");
    close(plain);
}

static void slots_come_once(void **state)
{
    uint32_t box = servegate_open(&bad, PF_TICKET_RIGHTS);
    const union pf_store_ask ask = {.read = {.box = box, .cap = 5, .arena = SERVE_SLOTS}};

    (void)state;
    assert_true(servegate_read(&bad, box, 0, 0));
    assert_false(servegate_ask_with(&bad, PF_STORE_READ, &ask, pf_slots_fd(bad.slots)));
    bad_is_dropped("slots for the second time");
}

static void marks_that_do_not_fit_drop(void **state)
{
    uint64_t words[2] = {1, 1};
    union pf_store_ask asks[] = {
        {.expunge = {.has_remove = true, .remove = pf_bytes_from(words, 16)}},
        {.expunge = {.has_remove = true, .first = 1, .remove = pf_bytes_from(words, 8)}},
        {.expunge = {.has_remove = true, .more = true, .remove = pf_bytes_from(words, 8)}},
        {.expunge = {.has_seen = true, .first = UINT32_MAX, .seen = pf_bytes_from(words, 8)}},
    };

    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        asks[i].expunge.box = servegate_open(&bad, PF_TICKET_RIGHTS);
        assert_false(servegate_ask(&bad, PF_STORE_EXPUNGE, &asks[i]));
        bad_is_dropped("marks that do not fit the listing");
        anew(state);
    }
}

static void behind_a_failed_write_only_drop_is_allowed(void **state)
{
    const struct pf_fault fault = {.at = PF_FAULT_WRITE, .number = 1, .index = -1, .code = PF_NO_SPACE};

    for (int i = 0; i < 3; i++) {
        union pf_store_ask ask = {.write = {.text = PF_LIT("text\n")}};
        uint32_t parcel = servegate_begin(&bad);

        ask.write.parcel = parcel;
        pf_faulty_add(rig.store, &fault);
        assert_true(servegate_ask(&bad, PF_STORE_WRITE, &ask));
        assert_int_equal(bad.said.verdict.code, PF_NO_SPACE);
        if (i == 0) {
            assert_true(servegate_number(&bad, PF_STORE_DROP, parcel));
            assert_int_equal(bad.said.verdict.code, PF_OK);
            continue;
        }
        assert_false(i == 1 ? servegate_ask(&bad, PF_STORE_WRITE, &ask)
                            : servegate_number(&bad, PF_STORE_SEAL, parcel));
        bad_is_dropped("of a message that could not be written");
        anew(state);
    }
}

static void a_gate_that_dies_leaves_nothing(void **state)
{
    const union pf_store_ask text = {.write = {.parcel = servegate_begin(&bad), .text = PF_LIT("half a mess")}};
    uint32_t box = servegate_open(&bad, PF_TICKET_RIGHTS);

    (void)state;
    assert_int_not_equal(box, 0);
    assert_true(servegate_ask(&bad, PF_STORE_WRITE, &text));
    pf_ipc_drop(bad.ipc, "the test");
    serverig_turn(&rig);
    assert_int_equal(pf_store_serve_open(rig.serve), 0);
    assert_int_equal(pf_store_serve_gates(rig.serve), 1);
    assert_int_equal(pf_memory_count(rig.memory, "/m/anna"), 3);
    assert_int_equal(rig.troubles, 0); /* it only died */
    good_is_served();
}

/* What the store has under way ends first. */
static void a_gate_that_dies_with_requests_under_way_leaves_nothing(void **state)
{
    for (unsigned kind = PF_STORE_READ; kind < PF_STORE_WANTED; kind++) {
        bool parcels = kind >= PF_STORE_WRITE;
        uint32_t number;
        union pf_store_ask ask = {.number = {1}};

        if (kind == PF_STORE_BEGIN || kind == PF_STORE_READ || kind == PF_STORE_EXPUNGE)
            continue;
        number = parcels ? servegate_begin(&bad) : servegate_open(&bad, PF_TICKET_RIGHTS);
        if (kind == PF_STORE_WRITE)
            ask.write = (struct pf_store_ask_write){.parcel = number, .text = PF_LIT("x")};
        else
            ask.number.number = number;
        servegate_send(&bad, kind, &ask);
        pf_ipc_close(bad.ipc);
        serverig_turn(&rig);
        assert_int_equal(pf_store_serve_open(rig.serve), 0);
        pf_slots_free(bad.slots);
        servegate_come(&rig, &bad, 1 + kind * 10);
        assert_false(good.gone);
    }
    (void)state;
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_gate_is_served),
        EACH(frames_of_no_form_drop_their_gate),
        EACH(descriptors_that_nobody_asked_for_drop_their_gate),
        EACH(numbers_of_others_drop_their_gate),
        EACH(a_box_is_no_parcel),
        EACH(a_request_behind_one_that_is_under_way_drops),
        EACH(reads_out_of_order_drop),
        EACH(nothing_is_read_behind_the_end),
        EACH(whole_messages_come_together),
        EACH(slots_that_are_not_its_own_drop),
        EACH(slots_come_once),
        EACH(marks_that_do_not_fit_drop),
        EACH(behind_a_failed_write_only_drop_is_allowed),
        EACH(a_gate_that_dies_leaves_nothing),
        EACH(a_gate_that_dies_with_requests_under_way_leaves_nothing),
    };

    return RUN(tests);
}
