/* Tickets and entries: what is shown, what it gives a right to, and what is refused. */
#include "unit/cm.h"
#include "unit/store/servegate.h"

#include "base/purse.h"

#include <time.h>

static struct serverig rig;
static time_t skipped; /* how far the clock is ahead */

time_t __real_time(time_t *out);
time_t __wrap_time(time_t *out);

time_t __wrap_time(time_t *out)
{
    return __real_time(out) + skipped;
}
static struct servegate gate, other;

static int up(void **state)
{
    (void)state;
    serverig_up(&rig);
    servegate_come(&rig, &gate, 1);
    servegate_come(&rig, &other, 2);
    return 0;
}

static int down(void **state)
{
    (void)state;
    assert_false(gate.gone); /* a refused ticket is no reason to drop a gate */
    servegate_leave(&gate);
    servegate_leave(&other);
    serverig_down(&rig);
    return 0;
}

static enum pf_code show(struct servegate *who, struct pf_bytes ticket, uint64_t entry)
{
    const union pf_store_ask ask = {.open.show = {.ticket = ticket, .entry = entry}};

    assert_true(servegate_ask(who, PF_STORE_OPEN, &ask));
    return who->said.verdict.code;
}

static void is_refused(struct servegate *who, struct pf_bytes ticket, uint64_t entry, const char *why)
{
    unsigned troubles = rig.troubles;

    assert_int_equal(show(who, ticket, entry), PF_PERM);
    assert_int_equal(who->said.open.entry, 0);
    assert_int_equal(pf_store_serve_open(rig.serve), 0);
    assert_int_equal(rig.troubles, troubles + 1);
    if (!strstr(rig.trouble, why))
        fail_msg("\"%s\" has not \"%s\"", rig.trouble, why);
    assert_null(strstr(rig.trouble, "/m/anna"));
    assert_int_equal(who->said.verdict.say.len, 0);
    assert_null(memmem(who->said.verdict.log.at, who->said.verdict.log.len, "/m/", 3));
}

static void tickets_that_are_not_good_are_refused(void **state)
{
    struct pf_ticket ticket = servegate_ticket(&gate);
    unsigned char copy[PF_SEAL_TICKET_MAX];
    struct pf_bytes sealed = servegate_seal(&rig, &ticket);

    (void)state;
    memcpy(copy, sealed.at, sealed.len);
    copy[20] ^= 1;
    is_refused(&gate, pf_bytes_from(copy, sealed.len), 0, "gate 1: ticket refused: not sealed with our key");
    is_refused(&gate, pf_bytes_head(sealed, sealed.len - 1), 0, "ticket refused");
    is_refused(&gate, PF_LIT("x"), 0, "ticket refused");
    is_refused(&other, sealed, 0, "gate 2: ticket refused: made for another gate");
    ticket = servegate_ticket(&gate);
    ticket.store = SERVE_NUMBER + 1;
    is_refused(&gate, servegate_seal(&rig, &ticket), 0, "made for another store");
    ticket = servegate_ticket(&gate);
    ticket.expires = pf_loop_now_fresh(rig.loop);
    is_refused(&gate, servegate_seal(&rig, &ticket), 0, "expired");
    ticket = servegate_ticket(&gate);
    ticket.expires += PF_TICKET_LIFE_MAX;
    is_refused(&gate, servegate_seal(&rig, &ticket), 0, "good for longer");
}

static void a_ticket_opens_once(void **state)
{
    struct pf_ticket ticket = servegate_ticket(&gate);
    struct pf_bytes sealed = servegate_seal(&rig, &ticket);

    (void)state;
    assert_int_equal(show(&gate, sealed, 0), PF_OK);
    servegate_close(&gate, gate.said.open.box);
    is_refused(&gate, sealed, 0, "shown before");
    is_refused(&gate, sealed, 0, "shown before");
}

/* A login that found the maildrop locked comes again with its entry; when it is in, that has served. */
static void an_entry_opens_until_it_has_served(void **state)
{
    struct pf_ticket ticket = servegate_ticket(&gate);
    uint32_t box = servegate_open(&other, PF_TICKET_READ);
    uint64_t entry;

    (void)state;
    assert_int_equal(show(&gate, servegate_seal(&rig, &ticket), 0), PF_IN_USE);
    entry = gate.said.open.entry;
    assert_int_not_equal(entry, 0);
    assert_int_equal(show(&gate, PF_LIT(""), entry), PF_IN_USE);
    assert_int_equal(gate.said.open.entry, entry);
    servegate_close(&other, box);
    is_refused(&other, PF_LIT(""), entry, "an entry was shown that is not there"); /* it is another gate's */
    assert_int_equal(show(&gate, PF_LIT(""), entry), PF_OK);
    assert_int_equal(gate.said.open.entry, 0);
    servegate_close(&gate, gate.said.open.box);
    is_refused(&gate, PF_LIT(""), entry, "an entry was shown that is not there");
    is_refused(&gate, PF_LIT(""), UINT64_MAX, "an entry was shown that is not there");
}

static void thousands_of_entries_are_bounded(void **state)
{
    struct pf_ticket ticket;
    union pf_store_ask ask = {.begin.ask = true};
    uint64_t first = 0;
    unsigned busy = 0;

    (void)state;
    for (unsigned i = 0; i < PF_PURSE_MOST + 100; i++) {
        ticket = servegate_ticket(&gate);
        ticket.expires = pf_loop_now_fresh(rig.loop) + 1000; /* so that the window of nonces has room */
        ask.begin.show.ticket = servegate_seal(&rig, &ticket);
        assert_true(servegate_ask(&gate, PF_STORE_BEGIN, &ask));
        busy += gate.said.verdict.code == PF_BUSY;
        if (gate.said.verdict.code == PF_OK && !first)
            first = gate.said.begin.entry;
    }
    assert_true(busy < PF_PURSE_MOST / 4);
    servegate_close(&other, servegate_open(&other, PF_TICKET_READ));
    ask.begin.show = (struct pf_store_show){.entry = first};
    assert_true(servegate_ask(&gate, PF_STORE_BEGIN, &ask));
    assert_true(gate.said.verdict.code == PF_OK || gate.said.verdict.code == PF_PERM);
}

static void rights_are_kept(void **state)
{
    struct pf_ticket ticket = servegate_ticket(&gate);
    union pf_store_ask ask = {0};

    (void)state;
    ticket.rights = PF_TICKET_DELIVER;
    is_refused(&gate, servegate_seal(&rig, &ticket), 0, "without the right to read");
    ticket = servegate_ticket(&gate);
    ticket.rights = PF_TICKET_READ | PF_TICKET_DELETE | PF_TICKET_SEEN;
    ask.begin.show.ticket = servegate_seal(&rig, &ticket);
    assert_true(servegate_ask(&gate, PF_STORE_BEGIN, &ask));
    assert_int_equal(gate.said.verdict.code, PF_PERM);
    assert_non_null(strstr(rig.trouble, "without the right to deliver"));
    assert_int_equal(pf_store_serve_open(rig.serve), 0);
}

static void a_reader_removes_nothing_and_marks_nothing(void **state)
{
    uint32_t box = servegate_open(&gate, PF_TICKET_READ);

    (void)state;
    assert_true(servegate_expunge(&gate, box, 7, 0));
    assert_int_equal(gate.said.verdict.code, PF_PERM);
    assert_int_equal(gate.said.expunge.removed, 0);
    assert_int_equal(rig.troubles, 1);
    assert_true(servegate_expunge(&gate, box, 7, 7));
    assert_int_equal(gate.said.verdict.code, PF_PERM);
    assert_true(servegate_expunge(&gate, box, 0, 7)); /* failing to mark is no error */
    assert_int_equal(gate.said.verdict.code, PF_OK);
    servegate_close(&gate, box);
    assert_int_equal(pf_memory_count(rig.memory, "/m/anna"), 3);
    box = servegate_open(&gate, PF_TICKET_READ | PF_TICKET_SEEN);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(gate.said.open.listing.at[i * 10 + 8], 0); /* the flags of a row */
    assert_true(servegate_expunge(&gate, box, 0, 2));
    servegate_close(&gate, box);
    box = servegate_open(&gate, PF_TICKET_READ);
    assert_int_equal(gate.said.open.listing.at[18], PF_ROW_SEEN);
    servegate_close(&gate, box);
}

static uint32_t expired_with(uint8_t rights)
{
    struct pf_ticket ticket = servegate_ticket(&gate);
    uint32_t expired;

    ticket.expire_days = 1;
    ticket.rights = rights;
    assert_int_equal(show(&gate, servegate_seal(&rig, &ticket), 0), PF_OK);
    expired = gate.said.open.expired;
    servegate_close(&gate, gate.said.open.box);
    return expired;
}

/* What is older than a day goes: not for who may remove nothing. */
static void nothing_expires_for_a_reader(void **state)
{
    (void)state;
    skipped = 10 * 86400;
    assert_int_equal(expired_with(PF_TICKET_READ | PF_TICKET_SEEN | PF_TICKET_DELIVER), 0);
    assert_int_equal(pf_memory_count(rig.memory, "/m/anna"), 3);
    assert_int_equal(expired_with(PF_TICKET_READ | PF_TICKET_DELETE), 3);
    assert_int_equal(pf_memory_count(rig.memory, "/m/anna"), 0);
    skipped = 0;
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(tickets_that_are_not_good_are_refused), EACH(a_ticket_opens_once),
        EACH(an_entry_opens_until_it_has_served),    EACH(thousands_of_entries_are_bounded),
        EACH(rights_are_kept),                       EACH(a_reader_removes_nothing_and_marks_nothing),
        EACH(nothing_expires_for_a_reader),
    };

    return RUN(tests);
}
