/* What is too long for a frame: listings in sealed memory, marks in pieces. And kinds of maildrops, whose name in front
 * of a path is not in a ticket's path. */
#include "store/kinds.h"
#include "store/memory.h"
#include "store/remote.h"
#include "unit/cm.h"

#include <stdlib.h>
#include <unistd.h>

enum { MANY = 300001 /* more than marks for one frame */ };

static bool make_memory(struct world *w)
{
    return remote_make(w, pf_memory_new(w->drive.loop));
}

static bool make_kinds(struct world *w)
{
    const struct pf_kinds_settings settings = {.maildir = {.create = true, .host = "test.example"},
                                               .mbox = {.create = true}};
    struct pf_twin *twin = pf_kinds_new(&settings, NULL);

    return remote_make(w, twin ? pf_lift_new(w->drive.loop, w->pool, twin, NULL) : NULL);
}

static void a_large_maildrop_is_listed_and_emptied(void **state)
{
    static const struct rig rig = {.name = "large", .make = make_memory};
    struct pf_marks marks = {calloc(pf_marks_words(MANY), 8), MANY};
    struct pf_box_expunge e;
    struct world w;
    struct pf_box_open o;

    (void)state;
    assert_true(world_make(&w, &rig) && marks.words);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(pf_memory_add(remote_office(&w)->real, w.paths[0], pf_bytes_from(&"ab\n"[i % 2], 2), NULL,
                                       NULL), PF_OK);
    o = enter(&w, 0);
    assert_int_equal(o.listing.count, MANY);
    for (uint32_t i = 0; i < MANY; i += 3)
        pf_marks_set(&marks, i, true);
    pf_marks_set(&marks, MANY - 1, true);
    assert_int_equal(drive_expunge(&w.drive, o.box, &marks, &e), PF_OK);
    assert_int_equal(e.removed, MANY / 3 + 1);
    leave(&w, &o);
    o = enter(&w, 0);
    assert_int_equal(o.listing.count, MANY - e.removed);
    leave(&w, &o);
    free(marks.words);
    assert_true(world_break(&w));
}

static void a_maildrop_of_each_kind_is_found(void **state)
{
    static const struct rig rig = {.name = "kinds", .folder = true, .make = make_kinds};
    static const char *const kinds[WORLD_BOXES] = {"mbox:", "maildir:", ""};
    struct pf_bytes text = PF_LIT("Subject: a\n\nbody\n");
    struct world w;

    (void)state;
    assert_true(world_make(&w, &rig));
    for (unsigned i = 0; i < WORLD_BOXES; i++) {
        char path[WORLD_PATH];
        struct pf_box_open o;

        memcpy(path, w.paths[i], sizeof path);
        snprintf(w.paths[i], sizeof w.paths[i], "%s%.100s", kinds[i], path);
        put(&w, i, text);
        o = enter(&w, i);
        assert_int_equal(o.listing.count, 1);
        expect_text(&w, &o, 0, text, 7);
        leave(&w, &o);
        assert_int_equal(access(path, F_OK), 0);
    }
    assert_true(world_break(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_large_maildrop_is_listed_and_emptied),
        T(a_maildrop_of_each_kind_is_found),
    };

    return RUN(tests);
}
