/* The gate's side: stores that come late, that do not answer, that say what cannot be; more calls than a link has room
 * for; and what is read ahead. Time is a number that the tests move. */
#include "unit/cm.h"
#include "unit/store/farstore.h"

#include "sys/slot_listing.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { STORE = 7, MANY = 3000, ROUNDS = 24 };

static struct drive drive;
static struct pf_purse *purse;
static pf_time skipped; /* how far the tests' clock is ahead */

pf_time __real_pf_loop_now(const struct pf_loop *);
void __real_pf_timer_set(struct pf_timer *, pf_time);
pf_time __wrap_pf_loop_now(const struct pf_loop *loop);
void __wrap_pf_timer_set(struct pf_timer *timer, pf_time at);

pf_time __wrap_pf_loop_now(const struct pf_loop *loop)
{
    return __real_pf_loop_now(loop) + skipped;
}

static struct pf_timer *last_timer;
static pf_time last_time;

void __wrap_pf_timer_set(struct pf_timer *timer, pf_time at)
{
    last_timer = timer;
    last_time = at;
    __real_pf_timer_set(timer, at == PF_NEVER ? at : at - skipped);
}

/* What was set last comes now. */
static void time_passes(void)
{
    skipped += last_time - __wrap_pf_loop_now(drive.loop);
    __real_pf_timer_set(last_timer, 1);
}

static void turn(void)
{
    for (int i = 0; i < ROUNDS; i++)
        pf_loop_turn(drive.loop, false);
}

static unsigned deaths;

static void died(void *self, uint32_t number, const struct pf_err *err)
{
    (void)self;
    assert_int_equal(number, STORE);
    assert_int_not_equal(err->code, PF_OK);
    deaths++;
}

static int up(void **state)
{
    (void)state;
    skipped = 0;
    deaths = 0;
    memset(&far, 0, sizeof far);
    far.fd = -1;
    drive.loop = pf_loop_new(NULL);
    purse = pf_purse_new();
    drive.store = pf_store_remote_new(drive.loop, purse, &(struct pf_store_remote_calls){.gone = died}, NULL);
    far.say[PF_STORE_OPEN].open.box = 1;
    far.say[PF_STORE_READ].read.got = 5;
    far.say[PF_STORE_BEGIN].begin = (struct pf_store_say_begin){.entry = 3, .parcel = 2};
    far.say[PF_STORE_SEAL].seal.uidl = PF_LIT("u");
    return drive.store && purse ? 0 : -1;
}

static int down(void **state)
{
    (void)state;
    pf_store_free(drive.store);
    if (far.ipc)
        pf_ipc_close(far.ipc);
    turn();
    pf_slots_free(far.slots);
    pf_purse_free(purse);
    pf_loop_free(drive.loop);
    return 0;
}

static struct pf_box_where with_pass(void)
{
    struct pf_box_where where = drive_where("/m/anna");

    where.pass = pf_purse_put(purse, STORE, PF_LIT("ticket"), pf_loop_now(drive.loop));
    return where;
}

static struct pf_box_open begin_open(void)
{
    struct pf_box_open o = {.where = with_pass()};

    return o;
}

static struct pf_box *open_box(void)
{
    struct pf_box_where where = with_pass();
    struct pf_box_open o;

    assert_int_equal(drive_open_where(&drive, &where, &o), PF_OK);
    return o.box;
}

/* A listing of that many messages, in sealed memory. */
static void far_has(uint32_t count)
{
    struct pf_row *rows = calloc(count, sizeof *rows);
    unsigned char *uidls = malloc(count * 8);
    struct pf_listing l = {.rows = rows, .uidls = uidls, .count = count, .octets = 0};

    assert_true(rows && uidls);
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = (struct pf_row){.octets = 1, .uidl_at = i * 7, .uidl_len = 7};
        snprintf((char *)uidls + (size_t)i * 7, 8, "%07u", i);
        l.octets++;
    }
    assert_int_equal(pf_slot_listing_make(&l, false, &far.fd, NULL), PF_OK);
    far.say[PF_STORE_OPEN].open.how = PF_STORE_LISTING_IN_MEMORY;
    free(rows);
    free(uidls);
}

static struct pf_box *open_with(uint32_t count)
{
    struct pf_box *box;

    far_has(count);
    box = open_box();
    close(far.fd);
    far.fd = -1;
    return box;
}

static void a_store_that_comes_late_is_waited_for(void **state)
{
    struct pf_box_open o = begin_open();

    (void)state;
    drive_ready(&o.op);
    pf_box_open(drive.store, &o);
    turn();
    assert_true(drive_pending(&o.op));
    far_joins(&drive, STORE);
    assert_int_equal(drive_wait(&drive, &o.op), PF_OK);
    assert_int_equal(o.listing.count, 0);
    drive_close(&drive, o.box);
    assert_int_equal(pf_store_remote_stores(drive.store), 1);
}

static void a_store_that_does_not_come_is_not_waited_for_long(void **state)
{
    struct pf_box_open o = begin_open(), other = begin_open();

    (void)state;
    drive_ready(&o.op);
    pf_box_open(drive.store, &o);
    drive_ready(&other.op);
    pf_box_open(drive.store, &other);
    turn();
    assert_true(drive_pending(&o.op) && drive_pending(&other.op));
    time_passes();
    assert_int_equal(drive_wait(&drive, &o.op), PF_TEMP);
    assert_int_equal(drive_wait(&drive, &other.op), PF_TEMP);
    assert_string_equal(o.op.err.say, "");
    assert_non_null(strstr(o.op.err.log, "has not come"));
}

static void without_a_pass_nothing_is_opened(void **state)
{
    struct pf_box_where where = drive_where("/m/anna");
    struct pf_parcel *parcel;
    struct pf_box_open o;

    (void)state;
    far_joins(&drive, STORE);
    assert_int_equal(drive_open_where(&drive, &where, &o), PF_TEMP);
    assert_int_equal(drive_begin(&drive, &where, &parcel), PF_TEMP);
    assert_int_equal(far.asked[PF_STORE_OPEN] + far.asked[PF_STORE_BEGIN], 0);
}

static void a_number_joins_once(void **state)
{
    int fds[2];

    (void)state;
    far_joins(&drive, STORE);
    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    assert_int_equal(pf_store_remote_join(drive.store, STORE, fds[1], NULL), PF_CONFIG);
    assert_int_equal(fcntl(fds[1], F_GETFD), -1); /* it was taken over */
    close(fds[0]);
}

/* The client may come again with a better ticket; why it was refused is for the log. */
static void a_refused_ticket_is_trouble_that_passes(void **state)
{
    struct pf_box_where where = with_pass();
    struct pf_err err;
    struct pf_pass pass;
    struct pf_box_open o;

    (void)state;
    far_joins(&drive, STORE);
    pf_fail(&err, PF_PERM, 0, "serve", "ticket refused: expired");
    far.say[PF_STORE_OPEN].open.verdict = pf_store_wire_verdict(&err);
    assert_int_equal(drive_open_where(&drive, &where, &o), PF_TEMP);
    assert_string_equal(o.op.err.log, "ticket refused: expired");
    assert_false(pf_purse_look(purse, where.pass, 1, &pass));
    where = with_pass();
    far.say[PF_STORE_OPEN].open.entry = 12; /* the ticket was good, and yet */
    assert_int_equal(drive_open_where(&drive, &where, &o), PF_PERM);
    assert_true(pf_purse_look(purse, where.pass, 1, &pass));
    assert_int_equal(pass.entry, 12);
    assert_int_equal(deaths, 0);
}

static void a_store_that_does_not_answer_is_dropped(void **state)
{
    struct pf_box_open o = begin_open();
    struct pf_box *box;
    struct pf_box_read r = {.cap = 5};
    unsigned char octets[5];

    (void)state;
    far_joins(&drive, STORE);
    box = open_with(3);
    far.mute = true;
    r.at = octets;
    drive_ready(&r.op);
    pf_box_read(box, &r);
    drive_ready(&o.op);
    pf_box_open(drive.store, &o);
    turn();
    assert_true(drive_pending(&r.op) && drive_pending(&o.op));
    time_passes();
    assert_int_equal(drive_wait(&drive, &r.op), PF_TEMP);
    assert_int_equal(drive_wait(&drive, &o.op), PF_TEMP);
    turn();
    assert_int_equal(deaths, 1);
    assert_int_equal(pf_store_remote_stores(drive.store), 0);
    r = (struct pf_box_read){.at = octets, .cap = 5};
    assert_int_equal(drive_read(&drive, box, &r), PF_TEMP); /* it is dead */
    drive_close(&drive, box);
}

/* Any of these must end the store, and the call, and nothing else. */
static void answers_that_cannot_be_drop_the_store(void **state)
{
    static const struct {
        enum pf_store_frame kind;
        const char *payload;
        size_t len;
    } lies[] = {
        {PF_STORE_OPEN, "", 0},
        {PF_STORE_OPEN, "\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\5", 22}, /* five messages, and no rows */
        {PF_STORE_OPEN, "\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\1", 18},         /* memory, and no descriptor */
        {PF_STORE_READ, "\0\0\0\0\6\1\0", 7},                                 /* more than there was room for */
        {PF_STORE_READ, "\0\0\0\0\0\0\0", 7},                                 /* nothing, and not the end */
        {PF_STORE_EXPUNGE, "\0\0\0\0\2", 5},                                  /* more than was marked */
        {PF_STORE_SEAL, "\0\0\1 \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 36},
        {PF_STORE_WRITE, "\377", 1},
    };

    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct pf_box_where where;
        struct pf_parcel *parcel = NULL;
        struct pf_box *box;
        struct pf_box_open o;
        unsigned char octets[5];
        struct pf_box_read r = {.at = octets, .cap = 5};
        uint64_t mark = 1;
        struct pf_box_expunge e;
        struct pf_parcel_seal s;

        far_joins(&drive, STORE);
        box = open_with(3);
        where = with_pass();
        assert_int_equal(drive_begin(&drive, &where, &parcel), PF_OK);
        far.raw[lies[i].kind] = lies[i].payload;
        far.raw_len[lies[i].kind] = lies[i].len;
        far.say[PF_STORE_OPEN].open.how = PF_STORE_LISTING_HERE;
        where = with_pass();
        if (lies[i].kind == PF_STORE_OPEN)
            assert_int_equal(drive_open_where(&drive, &where, &o), PF_TEMP);
        else if (lies[i].kind == PF_STORE_READ)
            assert_int_equal(drive_read(&drive, box, &r), PF_TEMP);
        else if (lies[i].kind == PF_STORE_EXPUNGE)
            assert_int_equal(drive_expunge(&drive, box, &(struct pf_marks){&mark, 3}, &e), PF_TEMP);
        else if (lies[i].kind == PF_STORE_WRITE)
            assert_int_equal(drive_write(&drive, parcel, PF_LIT("x")), PF_TEMP);
        else
            assert_int_equal(drive_seal(&drive, parcel, &s), PF_TEMP);
        turn();
        assert_int_equal(deaths, 1);
        drive_close(&drive, box);
        if (lies[i].kind != PF_STORE_SEAL)
            drive_drop(&drive, parcel);
        down(state);
        up(state);
    }
}

/* Three thousand at once, where the link takes a thousand: all are answered, in order. */
static void more_calls_than_there_is_room_for_wait(void **state)
{
    static struct pf_box_open opens[MANY];
    unsigned sent;

    (void)state;
    far_joins(&drive, STORE);
    far.mute = true;
    for (unsigned i = 0; i < MANY; i++) {
        opens[i] = begin_open();
        drive_ready(&opens[i].op);
        pf_box_open(drive.store, &opens[i]);
    }
    for (int i = 0; i < 40; i++)
        turn();
    sent = far.asked[PF_STORE_OPEN];
    assert_true(sent > 0 && sent <= PF_IPC_OPEN_MAX);
    far.mute = false;
    for (unsigned i = 0; i < far.waiting; i++)
        far_answer(far.ids[i], PF_STORE_OPEN);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(drive_wait(&drive, &opens[i].op), PF_OK);
    assert_int_equal(far.asked[PF_STORE_OPEN], MANY);
    for (unsigned i = 0; i < MANY; i++)
        drive_close(&drive, opens[i].box);
}

/* Who reads in order finds the next piece there; who reads one piece has cost one. */
static void the_next_piece_is_read_ahead(void **state)
{
    static unsigned char octets[65536];
    struct pf_box_read r = {.at = octets, .cap = sizeof octets};
    struct pf_box *box;

    (void)state;
    far_joins(&drive, STORE);
    box = open_with(3);
    far.say[PF_STORE_READ].read.got = sizeof octets;
    assert_int_equal(drive_read(&drive, box, &r), PF_OK);
    turn();
    assert_int_equal(far.asked[PF_STORE_READ], 1);
    for (unsigned i = 1; i < 10; i++) {
        r = (struct pf_box_read){.at = octets, .cap = sizeof octets, .offset = 65536u * i};
        assert_int_equal(drive_read(&drive, box, &r), PF_OK);
        assert_int_equal(r.got, sizeof octets);
        assert_int_equal(octets[0], 'a' + (int)i);
        assert_int_equal(octets[65535], 'a' + (int)i);
        turn();
        assert_int_equal(far.asked[PF_STORE_READ], i + 2);
    }
    r = (struct pf_box_read){.at = octets, .cap = 7, .index = 1}; /* another message: what is ahead is forgotten */
    far.say[PF_STORE_READ].read.got = 7;
    assert_int_equal(drive_read(&drive, box, &r), PF_OK);
    assert_int_equal(r.got, 7);
    turn();
    assert_int_equal(far.asked[PF_STORE_READ], 12);
    drive_close(&drive, box);
    assert_int_equal(far.asked[PF_STORE_CLOSE], 1);
}

/* A close that comes while a piece is being read ahead waits for it. */
static void a_box_has_one_call_at_a_time(void **state)
{
    unsigned char octets[5];
    struct pf_box_read r = {.at = octets, .cap = 5};
    struct pf_box_close c = {0};
    struct pf_box *box;

    (void)state;
    far_joins(&drive, STORE);
    box = open_with(3);
    assert_int_equal(drive_read(&drive, box, &r), PF_OK);
    r = (struct pf_box_read){.at = octets, .cap = 5, .offset = 5};
    far.mute = true;
    drive_ready(&r.op);
    pf_box_read(box, &r);
    turn();
    assert_int_equal(far.waiting, 1);
    far_answer(far.ids[0], PF_STORE_READ);
    assert_int_equal(drive_wait(&drive, &r.op), PF_OK);
    turn();
    assert_int_equal(far.waiting, 2); /* ahead */
    drive_ready(&c.op);
    pf_box_close(box, &c);
    turn();
    assert_int_equal(far.asked[PF_STORE_CLOSE], 0);
    far.mute = false;
    far_answer(far.ids[1], PF_STORE_READ);
    assert_int_equal(drive_wait(&drive, &c.op), PF_OK);
    assert_int_equal(far.asked[PF_STORE_CLOSE], 1);
}

static void marks_of_a_large_maildrop_come_in_pieces(void **state)
{
    enum { COUNT = 1000003 };
    struct pf_marks marks = {malloc(pf_marks_words(COUNT) * 8), COUNT};
    struct pf_box_expunge e;
    struct pf_box *box;

    (void)state;
    assert_non_null(marks.words);
    memset(marks.words, 0xFF, pf_marks_words(COUNT) * 8); /* also behind the last message */
    far_joins(&drive, STORE);
    box = open_with(COUNT);
    far.say[PF_STORE_EXPUNGE].expunge.removed = COUNT;
    assert_int_equal(drive_expunge(&drive, box, &marks, &e), PF_OK);
    assert_int_equal(e.removed, COUNT);
    assert_int_equal(far.bits, COUNT);
    assert_int_equal(far.pieces, 4);
    drive_close(&drive, box);
    free(marks.words);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_store_that_comes_late_is_waited_for),
        EACH(a_store_that_does_not_come_is_not_waited_for_long),
        EACH(without_a_pass_nothing_is_opened),
        EACH(a_number_joins_once),
        EACH(a_refused_ticket_is_trouble_that_passes),
        EACH(a_store_that_does_not_answer_is_dropped),
        EACH(answers_that_cannot_be_drop_the_store),
        EACH(more_calls_than_there_is_room_for_wait),
        EACH(the_next_piece_is_read_ahead),
        EACH(a_box_has_one_call_at_a_time),
        EACH(marks_of_a_large_maildrop_come_in_pieces),
    };

    return RUN(tests);
}
