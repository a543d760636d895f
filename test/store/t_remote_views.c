/* Views of a maildrop by recipient, where the view stands in a ticket. */
#include "store/memory.h"
#include "store/remote.h"
#include "store/sifted.h"
#include "unit/cm.h"

static bool make(struct world *w)
{
    struct pf_store *memory = pf_memory_new(w->drive.loop);

    for (int i = 0; memory && i < 3; i++)
        pf_memory_add(memory, w->paths[0],
                      i == 1 ? PF_LIT("Delivered-To: ben@thor\n\nfor ben\n") : PF_LIT("Delivered-To: ada@thor\n\nb\n"),
                      NULL, NULL);
    return remote_make(w, memory ? pf_sifted_new(memory) : NULL);
}

static const struct rig rig = {.name = "views", .make = make};

/* Opened past the front, whose referee has no views; what is asked for besides the pass means nothing. */
static uint32_t count_for(struct world *w, const char *recipient)
{
    struct remote_office *office = remote_office(w);
    struct pf_box_where where = at_box(w, 0);
    struct drive drive = {.loop = w->drive.loop, .store = office->remote};
    struct pf_box_open o;

    where.recipient = recipient;
    where.pass = remote_pass(office, &where);
    where.recipient = "everybody@thor";
    assert_int_equal(drive_open_where(&drive, &where, &o), PF_OK);
    drive_close(&drive, o.box);
    return o.listing.count;
}

static void what_is_shown_is_what_the_ticket_says(void **state)
{
    struct world w;

    (void)state;
    assert_true(world_make(&w, &rig));
    assert_int_equal(count_for(&w, "ada@thor"), 2);
    assert_int_equal(count_for(&w, "ben@thor"), 1);
    assert_int_equal(count_for(&w, "cyd@thor"), 0);
    assert_int_equal(count_for(&w, NULL), 3);
    assert_true(world_break(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(what_is_shown_is_what_the_ticket_says)};

    return RUN(tests);
}
