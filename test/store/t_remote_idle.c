/* What an open maildrop holds of the heap on both sides of the frames while nothing is asked of it, in the stack of
 * stores that a store process has. */
#include "store/maildir/maildir.h"
#include "store/remote.h"
#include "store/sifted.h"
#include "unit/cm.h"
#include "unit/held.h"

#include <stdio.h>

enum {
    BOXES = 32,
    BOX = 3300 /* octets, gate and store together; most of it the ops that either may have under way */
};

static bool make(struct world *w)
{
    const struct pf_maildir_settings settings = {
        .create = true, .cache = true, .keep = 1 << 20, .host = "test.example"};
    struct pf_twin *twin = pf_maildir_new(&settings, NULL);
    struct pf_store *lifted = twin ? pf_lift_new(w->drive.loop, w->pool, twin, NULL) : NULL;

    return remote_make(w, lifted ? pf_sifted_new(lifted) : NULL);
}

static void open_all(struct world *w, struct pf_box *boxes[BOXES])
{
    for (int i = 0; i < BOXES; i++) {
        struct pf_box_open o;
        char path[128];

        snprintf(path, sizeof path, "%s/%d", w->folder, i);
        assert_int_equal(drive_open(&w->drive, path, &o), PF_OK);
        boxes[i] = o.box;
    }
    remote_settle(w->drive.loop);
}

static void close_all(struct world *w, struct pf_box *boxes[BOXES])
{
    for (int i = 0; i < BOXES; i++)
        drive_close(&w->drive, boxes[i]);
    remote_settle(w->drive.loop);
}

static void an_idle_maildrop_holds_little(void **state)
{
    static const struct rig rig = {.name = "remote", .folder = true, .make = make};
    struct pf_box *boxes[BOXES];
    struct world w;
    long before, each;

    (void)state;
    assert_true(world_make(&w, &rig));
    for (int i = 0; i < 2; i++) { /* what is kept for the next session */
        open_all(&w, boxes);
        close_all(&w, boxes);
    }
    before = held;
    open_all(&w, boxes);
    each = (held - before) / BOXES;
    print_message("# %ld octets\n", each);
    assert_true(each > 500 && each <= BOX);
    close_all(&w, boxes);
    assert_true(held - before < BOXES * 100);
    assert_true(world_break(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(an_idle_maildrop_holds_little)};

    return RUN(tests);
}
