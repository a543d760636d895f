#include "store/conform.h"

#include "store/laws.h"
#include "unit/cm.h"

#include <postfach/dot.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Removes what is in the folder, and folders in it. */
static void clear(int folder)
{
    DIR *dir = fdopendir(folder);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        int below;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) == 0)
            continue;
        below = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(below >= 0);
        clear(below);
        assert_int_equal(unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR), 0);
    }
    closedir(dir);
}

static bool make_folder(struct world *w)
{
    const char *top = getenv("TMPDIR");

    if (!w->rig->folder) {
        snprintf(w->folder, sizeof w->folder, "/nowhere");
        return true;
    }
    snprintf(w->folder, sizeof w->folder, "%s/postfach-XXXXXX", top && strlen(top) < 40 ? top : "/tmp");
    return mkdtemp(w->folder) != NULL;
}

bool world_make(struct world *w, const struct rig *rig)
{
    *w = (struct world){.rig = rig};
    if (!make_folder(w))
        return false;
    for (unsigned i = 0; i < WORLD_BOXES; i++)
        snprintf(w->paths[i], WORLD_PATH, "%s/%u", w->folder, i);
    w->drive.loop = pf_loop_new(NULL);
    w->pool = w->drive.loop ? pf_pool_new(w->drive.loop, "conform", 2, 64, NULL) : NULL;
    return w->pool && rig->make(w);
}

static void remove_folder(const struct world *w)
{
    int folder;

    if (!w->rig->folder)
        return;
    folder = open(w->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(folder >= 0);
    clear(folder);
    assert_int_equal(rmdir(w->folder), 0);
}

bool world_break(struct world *w)
{
    bool whole = !w->drive.store || w->drive.store->held == 0;

    if (whole) { /* else a test ended half-way: it is reported only when this returns */
        pf_store_free(w->drive.store);
        pf_pool_free(w->pool);
        pf_loop_free(w->drive.loop);
        if (w->rig->break_down)
            w->rig->break_down(w);
    }
    remove_folder(w);
    return whole;
}

void world_restart(struct world *w)
{
    if (!w->rig->lasting)
        return;
    pf_store_free(w->drive.store);
    w->drive.store = NULL;
    assert_true(w->rig->make(w));
}

struct pf_box_where at_box(const struct world *w, unsigned box)
{
    static const char *const users[WORLD_BOXES] = {"ada", "ben", "cyd"};
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (struct pf_box_where){
        .user = users[box], .path = w->paths[box], .now = now.tv_sec, .expire_days = -1};
}

struct pf_parcel_seal put(struct world *w, unsigned box, struct pf_bytes message)
{
    struct pf_box_where where = at_box(w, box);
    struct pf_parcel_seal s;

    assert_int_equal(drive_deliver(&w->drive, &where, message, 65536, &s), PF_OK);
    return s;
}

void put_many(struct world *w, unsigned box, unsigned count)
{
    char text[40];

    for (unsigned i = 0; i < count; i++) {
        snprintf(text, sizeof text, "message %u\n", i);
        put(w, box, pf_bytes_of(text));
    }
}

struct pf_box_open enter(struct world *w, unsigned box)
{
    struct pf_box_where where = at_box(w, box);
    struct pf_box_open o;

    if (drive_open_where(&w->drive, &where, &o) != PF_OK)
        fail_msg("cannot open %s: %s", where.path, o.op.err.log);
    return o;
}

void leave(struct world *w, struct pf_box_open *o)
{
    drive_close(&w->drive, o->box);
    o->box = NULL;
}

void expect_text(struct world *w, struct pf_box_open *o, uint32_t index, struct pf_bytes text, size_t piece)
{
    struct drive_text got;

    assert_int_equal(drive_fetch(&w->drive, o->box, index, piece, &got), PF_OK);
    assert_int_equal(got.len, text.len);
    assert_true(pf_bytes_equal(pf_bytes_from(got.at, got.len), text));
    free(got.at);
}

void expect_uidl(const struct pf_box_open *o, uint32_t index, const char *uidl)
{
    struct pf_bytes got = pf_listing_uidl(&o->listing, index);

    if (!pf_bytes_equal(got, pf_bytes_of(uidl)))
        fail_msg("message %u has UIDL %.*s, not %s", index + 1, (int)got.len, (const char *)got.at, uidl);
}

void expunge_mask(struct world *w, struct pf_box_open *o, uint64_t mask)
{
    struct pf_marks marks = {&mask, o->listing.count};
    struct pf_box_expunge e;

    assert_true(o->listing.count <= 64);
    assert_int_equal(drive_expunge(&w->drive, o->box, &marks, &e), PF_OK);
    assert_int_equal(e.removed, __builtin_popcountll(mask));
    assert_int_equal(e.failed, 0);
}

uint64_t wire_octets(struct pf_bytes text)
{
    struct pf_dot dot;

    pf_dot_init(&dot);
    pf_dot_measure(&dot, text);
    pf_dot_measure_end(&dot);
    return dot.octets;
}

uint32_t roll(struct dice *d, uint32_t below)
{
    uint64_t z = (d->state += 0x9e3779b97f4a7c15u);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) % below);
}

static const struct rig *the_rig;

static int setup(void **state)
{
    static struct world world;

    *state = &world;
    return world_make(&world, the_rig) ? 0 : -1;
}

static int teardown(void **state)
{
    return world_break(*state) ? 0 : -1;
}

int conform(const struct rig *rig)
{
    const struct CMUnitTest tests[] = {
#define LAW(name) cmocka_unit_test_setup_teardown(name, setup, teardown),
#include "store/conform.def"
#undef LAW
    };

    the_rig = rig;
    return RUN(tests);
}
