#include "unit/cm.h"

#include "store/drive.h"
#include "unit/store/rogue.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct drive d;
static struct rogue rogue;
static unsigned char octet[8];

static int make(void **state)
{
    (void)state;
    d.loop = pf_loop_new(NULL);
    if (!d.loop)
        return -1;
    rogue_init(&rogue, d.loop);
    d.store = &rogue.base;
    return 0;
}

static int break_down(void **state)
{
    (void)state;
    pf_store_free(d.store);
    pf_loop_free(d.loop);
    return 0;
}

/* Runs `breach` in a child, which must end in the assertion that holds the text `law`. */
static void dies(void (*breach)(void), const char *law)
{
    char said[1024] = "";
    size_t len = 0;
    ssize_t got;
    int status, ends[2];
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        breach();
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], said + len, sizeof said - 1 - len)) > 0)
        len += (size_t)got;
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || !strstr(said, law))
        fail_msg("no abort for \"%s\": status %#x, \"%s\"", law, (unsigned)status, said);
}

static struct pf_box *open_it(void)
{
    static struct pf_box_open o;

    assert_int_equal(drive_open(&d, "/box", &o), PF_OK);
    return o.box;
}

static enum pf_code read_at(struct pf_box *box, uint32_t index, uint64_t offset)
{
    struct pf_box_read r = {.index = index, .offset = offset, .at = octet, .cap = 1};

    return drive_read(&d, box, &r);
}

static void read_a_piece(void)
{
    read_at(open_it(), 0, 0);
}

/* Callers' breaches. */

static void two_reads_at_once(void)
{
    struct pf_box *box = open_it();
    static struct pf_box_read a = {.at = octet, .cap = 1}, b = {.index = 1, .at = octet, .cap = 1};

    drive_ready(&a.op);
    drive_ready(&b.op);
    pf_box_read(box, &a);
    pf_box_read(box, &b);
}

static void two_writes_at_once(void)
{
    struct pf_box_where where = drive_where("/box");
    struct pf_parcel *parcel = NULL;
    static struct pf_parcel_write a, b;

    drive_begin(&d, &where, &parcel);
    drive_ready(&a.op);
    drive_ready(&b.op);
    pf_parcel_write(parcel, &a);
    pf_parcel_write(parcel, &b);
}

static void no_room(void)
{
    struct pf_box_read r = {.at = octet};

    drive_read(&d, open_it(), &r);
}

static void beyond_the_listing(void)
{
    read_at(open_it(), 2, 0);
}

static void from_the_middle(void)
{
    read_at(open_it(), 0, 1);
}

static void beyond_the_end(void)
{
    struct pf_box *box = open_it();

    read_at(box, 0, 0);
    read_at(box, 0, 1);
}

static void read_while_closing(void)
{
    struct pf_box *box = open_it();
    static struct pf_box_close c;

    drive_ready(&c.op);
    pf_box_close(box, &c);
    read_at(box, 0, 0);
}

static void marks_of_another_listing(void)
{
    uint64_t word = 1;
    struct pf_marks marks = {&word, 3};
    struct pf_box_expunge e;

    drive_expunge(&d, open_it(), &marks, &e);
}

static void without_done(void)
{
    static struct pf_box_open o = {.where = {.user = "u", .path = "/box"}};

    pf_box_open(d.store, &o);
}

static void free_with_an_open_box(void)
{
    open_it();
    pf_store_free(d.store);
}

static void write_after_a_failed_write(void)
{
    struct pf_box_where where = drive_where("/box");
    struct pf_parcel *parcel = NULL;

    drive_begin(&d, &where, &parcel);
    rogue.breach = ROGUE_FAIL;
    drive_write(&d, parcel, PF_LIT("x"));
    drive_write(&d, parcel, PF_LIT("y"));
}

static void seal_after_a_failed_write(void)
{
    struct pf_box_where where = drive_where("/box");
    struct pf_parcel *parcel = NULL;
    struct pf_parcel_seal s;

    drive_begin(&d, &where, &parcel);
    rogue.breach = ROGUE_FAIL;
    drive_write(&d, parcel, PF_LIT("x"));
    drive_seal(&d, parcel, &s);
}

static void callers_breaches_end_the_process(void **state)
{
    (void)state;
    dies(two_reads_at_once, "!w->op");
    dies(two_writes_at_once, "!w->op");
    dies(no_room, "cap > 0");
    dies(beyond_the_listing, "index < w->count");
    dies(from_the_middle, "offset == 0");
    dies(beyond_the_end, "offset == 0");
    dies(read_while_closing, "!w->op");
    dies(marks_of_another_listing, "count == w->count");
    dies(without_done, "op->done");
    dies(free_with_an_open_box, "held == 0");
    dies(write_after_a_failed_write, "!w->spoiled");
    dies(seal_after_a_failed_write, "!w->spoiled");
}

/* Stores' breaches. */

static void deliver_something(void)
{
    struct pf_box_where where = drive_where("/box");
    struct pf_parcel_seal s;

    drive_deliver(&d, &where, PF_LIT("x"), 1, &s);
}

static void drop_a_parcel(void)
{
    struct pf_box_where where = drive_where("/box");
    struct pf_parcel *parcel = NULL;

    drive_begin(&d, &where, &parcel);
    drive_drop(&d, parcel);
}

static void read_and_close(void)
{
    static struct pf_box_read r = {.at = octet, .cap = 1}; /* lives on: the store will touch it */
    struct pf_box *box = open_it();

    drive_read(&d, box, &r);
    drive_close(&d, box);
}

static void expunge_nothing(void)
{
    struct pf_box_expunge e;

    drive_expunge(&d, open_it(), NULL, &e);
}

static void open_and_close(void)
{
    drive_close(&d, open_it());
}

static void stores_breaches_end_the_process(void **state)
{
    static const struct {
        enum rogue_breach breach;
        void (*call)(void);
        const char *law;
    } cases[] = {
        {ROGUE_DONE_INSIDE, read_a_piece, "!w->inside"},
        {ROGUE_DONE_TWICE, read_a_piece, "!op->later.queued"},
        {ROGUE_DONE_AGAIN, read_and_close, "op->referee"},
        {ROGUE_GOT_TOO_MUCH, read_a_piece, "got <= r->cap"},
        {ROGUE_GOT_NOTHING, read_a_piece, "r->got > 0 || r->last"},
        {ROGUE_OPEN_NO_BOX, read_a_piece, "o->box"},
        {ROGUE_OPEN_NO_BOX, drop_a_parcel, "b->parcel"},
        {ROGUE_REMOVES_TOO_MUCH, expunge_nothing, "removed <= marked"},
        {ROGUE_CLOSE_FAILS, open_and_close, "code == PF_OK"},
        {ROGUE_CLOSE_FAILS, drop_a_parcel, "code == PF_OK"},
        {ROGUE_BAD_UIDL, deliver_something, "pf_uidl_legal"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rogue.breach = cases[i].breach;
        dies(cases[i].call, cases[i].law);
    }
}

static void a_failed_read_never_ends_a_message(void **state)
{
    struct pf_box *box = open_it();
    struct pf_box_read r = {.at = octet, .cap = sizeof octet};

    (void)state;
    rogue.breach = ROGUE_FAIL_WITH_LAST;
    assert_int_equal(drive_read(&d, box, &r), PF_IO);
    assert_false(r.last);
    assert_int_equal(r.got, 0);
    rogue.breach = ROGUE_NONE;
    assert_int_equal(read_at(box, 0, 0), PF_OK); /* and the box goes on */
    drive_close(&d, box);
}

static void success_that_left_something_is_partial(void **state)
{
    struct pf_box *box = open_it();
    uint64_t word = UINT64_MAX; /* of two messages */
    struct pf_marks marks = {&word, 2};
    struct pf_box_expunge e;

    (void)state;
    assert_int_equal(drive_expunge(&d, box, &marks, &e), PF_OK);
    assert_true(e.removed == 2 && e.failed == 0);
    rogue.breach = ROGUE_REMOVES_TOO_LITTLE;
    assert_int_equal(drive_expunge(&d, box, &marks, &e), PF_PARTIAL);
    assert_true(e.removed == 1 && e.failed == 1);
    assert_non_null(strstr(e.op.err.log, "1 of 2"));
    drive_close(&d, box);
}

static void what_is_refused_holds_nothing(void **state)
{
    struct pf_box_open o;
    struct pf_box_where where = drive_where("/box");
    struct pf_parcel *parcel = NULL;

    (void)state;
    rogue.breach = ROGUE_OPEN_REFUSED;
    assert_int_equal(drive_open(&d, "/box", &o), PF_IN_USE);
    assert_null(o.box);
    assert_string_equal(o.op.err.where, "rogue");
    assert_int_equal(drive_begin(&d, &where, &parcel), PF_OVER_QUOTA);
    assert_null(parcel);
    assert_int_equal(d.store->held, 0);
}

/* A listing of `count` rows with UIDLs from `uidls` of `len` octets each. */
static void expect_open(const struct pf_row *rows, const char *uidls, uint32_t count, uint64_t octets,
                        const char *complaint)
{
    struct pf_box_open o;

    rogue.listing = (struct pf_listing){
        .rows = rows, .uidls = (const unsigned char *)uidls, .count = count, .octets = octets};
    rogue.opens = rogue.closes = 0;
    if (!complaint) {
        assert_int_equal(drive_open(&d, "/box", &o), PF_OK);
        drive_close(&d, o.box);
        return;
    }
    assert_int_equal(drive_open(&d, "/box", &o), PF_PERM);
    if (!strstr(o.op.err.log, complaint))
        fail_msg("\"%s\" does not hold \"%s\"", o.op.err.log, complaint);
    assert_null(o.box);
    assert_int_equal(o.listing.count, 0);
    assert_int_equal(rogue.opens, 1);
    assert_int_equal(rogue.closes, 1);
    assert_int_equal(d.store->held, 0);
}

static void uidl_rules_are_kept_by_what_a_store_hands_out(void **state)
{
    struct pf_row rows[2] = {{.octets = 3, .uidl_at = 0, .uidl_len = 2}, {.octets = 4, .uidl_at = 2, .uidl_len = 2}};
    char longest[PF_UIDL_MAX + 2];

    (void)state;
    expect_open(rows, "abac", 2, 7, NULL);
    expect_open(rows, "abab", 2, 7, "messages 1 and 2 have the same UIDL ab");
    expect_open(rows, "aba ", 2, 7, "message 2: UIDL");
    expect_open(rows, "\x7f"
                      "bac",
                2, 7, "message 1: UIDL");
    expect_open(rows, "a\xe4"
                      "ac",
                2, 7, "message 1: UIDL");
    expect_open(rows, "!~ac", 2, 7, NULL);
    rows[0].uidl_len = 0;
    expect_open(rows, "abac", 2, 7, "message 1: UIDL of 0");
    memset(longest, 'x', sizeof longest);
    rows[0].uidl_len = PF_UIDL_MAX;
    expect_open(rows, longest, 2, 7, NULL);
    rows[0].uidl_len = PF_UIDL_MAX + 1;
    expect_open(rows, longest, 2, 7, "message 1: UIDL of 71");
    expect_open(NULL, "", 2, 7, "without rows");
    expect_open(NULL, NULL, 0, 0, NULL);
}

static void sums_and_flags_are_checked(void **state)
{
    struct pf_row rows[2] = {{.octets = 3, .uidl_at = 0, .uidl_len = 1}, {.octets = 4, .uidl_at = 1, .uidl_len = 1}};

    (void)state;
    expect_open(rows, "ab", 2, 8, "the sum of sizes is 7, the listing says 8");
    rows[1].flags = PF_ROW_SEEN;
    expect_open(rows, "ab", 2, 7, NULL);
    rows[1].flags = 2;
    expect_open(rows, "ab", 2, 7, "unknown flags");
    rows[1].flags = 0;
    rows[1].octets = UINT64_MAX;
    expect_open(rows, "ab", 2, 2, "overflows at message 2");
}

/* More rows than are looked at in one turn, and the fault in the last. */
static void long_listings_are_checked_to_the_end(void **state)
{
    enum { COUNT = 40000, LEN = 8 };
    struct pf_row *rows = calloc(COUNT, sizeof *rows);
    char *uidls = malloc(COUNT * LEN + 1);

    (void)state;
    assert_true(rows && uidls);
    for (uint32_t i = 0; i < COUNT; i++) {
        rows[i] = (struct pf_row){.octets = i, .uidl_at = i * LEN, .uidl_len = LEN};
        snprintf(uidls + i * LEN, LEN + 1, "%08x", i);
    }
    expect_open(rows, uidls, COUNT, (uint64_t)COUNT * (COUNT - 1) / 2, NULL);
    memcpy(uidls + (COUNT - 1) * LEN, "00000007", LEN);
    expect_open(rows, uidls, COUNT, (uint64_t)COUNT * (COUNT - 1) / 2, "messages 8 and 40000");
    free(rows);
    free(uidls);
}

#define M(name) cmocka_unit_test_setup_teardown(name, make, break_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        M(callers_breaches_end_the_process),
        M(stores_breaches_end_the_process),
        M(a_failed_read_never_ends_a_message),
        M(success_that_left_something_is_partial),
        M(what_is_refused_holds_nothing),
        M(uidl_rules_are_kept_by_what_a_store_hands_out),
        M(sums_and_flags_are_checked),
        M(long_listings_are_checked_to_the_end),
    };

    return RUN(tests);
}
