/* Which folders a delivery syncs so that the way to its message lasts. */
#include "unit/store/test_maildir_rig.h"

#include "store/maildir/parcel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SYNCS = 64, HOURS = 2 };

static ino_t synced[SYNCS];
static unsigned sync_count, whole_count;
static ino_t failing; /* the folder whose sync fails */
static bool no_birth, shut;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    assert_true(sync_count < SYNCS);
    synced[sync_count++] = st.st_ino;
    if (st.st_ino != failing)
        return __real_fsync(fd);
    errno = EIO;
    return -1;
}

int __wrap_syncfs(int fd);
int __wrap_syncfs(int fd)
{
    (void)fd;
    whole_count++;
    return 0;
}

int __real_statx(int, const char *, int, unsigned, struct statx *);
int __wrap_statx(int, const char *, int, unsigned, struct statx *);
int __wrap_statx(int dir, const char *name, int flags, unsigned mask, struct statx *st)
{
    int bad = __real_statx(dir, name, flags, mask, st);

    if (no_birth)
        st->stx_mask &= ~STATX_BTIME;
    return bad;
}

int __real_openat64(int, const char *, int, ...);
int __wrap_openat64(int, const char *, int, ...);
int __wrap_openat64(int dir, const char *name, int flags, ...)
{
    if (shut && strcmp(name, "..") == 0) {
        errno = EACCES;
        return -1;
    }
    return __real_openat64(dir, name, flags, 0600);
}

static ino_t inode(struct rig *r, const char *name)
{
    struct stat st;

    assert_int_equal(stat(rig_at(r, name), &st), 0);
    return st.st_ino;
}

static bool was_synced(ino_t ino)
{
    for (unsigned i = 0; i < sync_count; i++)
        if (synced[i] == ino)
            return true;
    return false;
}

static enum pf_code deliver(struct rig *r)
{
    const struct pf_box_where where = {.user = "anna", .path = r->path, .now = r->now};
    struct pf_twin_parcel *p;
    struct pf_parcel_seal op;
    struct pf_err err;
    enum pf_code code;

    sync_count = whole_count = 0;
    code = pf_maildir_parcel_begin(r->twin, &where, &p, &err);
    if (code)
        return code;
    assert_int_equal(pf_maildir_parcel_write(p, PF_LIT("a\n\nb\n"), &err), PF_OK);
    return pf_maildir_parcel_seal(p, &op, &err);
}

static void later(struct rig *r)
{
    ((struct pf_maildir *)r->twin)->clock_ahead = HOURS * INT64_C(3600000000000);
}

/* Nobody has synced what the rig made. */
static void folders_that_somebody_has_just_made_are_synced_once(void **state)
{
    struct rig *r = rig_of(state);

    assert_int_equal(deliver(r), PF_OK);
    assert_true(was_synced(inode(r, "new")));
    assert_true(was_synced(inode(r, "")));
    assert_true(was_synced(inode(r, "..")));
    assert_int_equal(synced[sync_count - 1], inode(r, "new"));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(deliver(r), PF_OK);
        assert_int_equal(sync_count, 2); /* the message, and new */
    }
}

static void a_folder_that_is_made_anew_is_another(void **state)
{
    struct rig *r = rig_of(state);

    assert_int_equal(deliver(r), PF_OK);
    for (int i = 0; i < 2; i++) {
        rig_move(r, "new", i ? "even" : "odd");
        assert_int_equal(mkdir(rig_at(r, "new"), 0700), 0);
        assert_int_equal(deliver(r), PF_OK);
        assert_true(was_synced(inode(r, "")));
    }
}

static void a_maildrop_of_some_hours_costs_two_syncs(void **state)
{
    struct rig *r = rig_of(state);

    later(r);
    assert_int_equal(deliver(r), PF_OK);
    assert_int_equal(sync_count, 2);
    assert_int_equal(whole_count, 0);
}

static void what_cannot_be_synced_is_not_delivered_into(void **state)
{
    struct rig *r = rig_of(state);

    failing = inode(r, "");
    for (int i = 0; i < 2; i++) { /* it is not remembered as synced */
        assert_int_equal(deliver(r), PF_IO);
        assert_int_equal(rig_count(r, "tmp") + rig_count(r, "new"), 0);
    }
    failing = inode(r, "..");
    assert_int_equal(deliver(r), PF_IO);
    failing = 0;
    assert_int_equal(deliver(r), PF_OK);
    assert_true(was_synced(inode(r, "..")));
}

static void without_births_the_age_of_the_holder_tells(void **state)
{
    struct rig *r = rig_of(state);

    no_birth = true;
    for (int i = 0; i < 2; i++) { /* an inode's number alone says too little to be remembered */
        assert_int_equal(deliver(r), PF_OK);
        assert_true(was_synced(inode(r, "")));
    }
    later(r);
    assert_int_equal(deliver(r), PF_OK);
    assert_int_equal(sync_count, 2);
}

/* Mode 0711 above the maildrops is common. */
static void above_what_cannot_be_opened_all_is_synced(void **state)
{
    struct rig *r = rig_of(state);

    shut = true;
    assert_int_equal(deliver(r), PF_OK);
    assert_true(was_synced(inode(r, "")));
    assert_int_equal(whole_count, 1);
    assert_int_equal(deliver(r), PF_OK);
    assert_int_equal(whole_count, 0);
}

static int begin(void **state)
{
    failing = 0;
    no_birth = shut = false;
    sync_count = 0;
    return rig_begin(state);
}

static int end(void **state)
{
    failing = 0;
    no_birth = shut = false;
    sync_count = 0;
    return rig_end(state);
}

#define R(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        R(folders_that_somebody_has_just_made_are_synced_once),
        R(a_folder_that_is_made_anew_is_another),
        R(a_maildrop_of_some_hours_costs_two_syncs),
        R(what_cannot_be_synced_is_not_delivered_into),
        R(without_births_the_age_of_the_holder_tells),
        R(above_what_cannot_be_opened_all_is_synced),
    };

    return RUN(tests);
}
