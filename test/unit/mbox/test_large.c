/* A large mbox that nobody touched opens without being read: counted in octets, not in seconds. */
#include "unit/mbox/rig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define LARGE (INT64_C(5) << 29) /* two and a half GiB: beyond 31 bits; nearly all of it is a hole */

enum { FEW = 16384 }; /* octets that an open may read: first lines, and the state */

static uint64_t octets_read;

ssize_t __real_pread64(int fd, void *at, size_t len, off_t from);
ssize_t __wrap_pread64(int fd, void *at, size_t len, off_t from);
ssize_t __real_preadv64v2(int fd, const struct iovec *v, int count, off_t from, int flags);
ssize_t __wrap_preadv64v2(int fd, const struct iovec *v, int count, off_t from, int flags);
ssize_t __real_read(int fd, void *at, size_t len);
ssize_t __wrap_read(int fd, void *at, size_t len);
void *__real_mmap64(void *at, size_t len, int rights, int flags, int fd, off_t from);
void *__wrap_mmap64(void *at, size_t len, int rights, int flags, int fd, off_t from);

static ssize_t counted(ssize_t got)
{
    if (got > 0)
        octets_read += (uint64_t)got;
    return got;
}

ssize_t __wrap_pread64(int fd, void *at, size_t len, off_t from)
{
    return counted(__real_pread64(fd, at, len, from));
}

ssize_t __wrap_preadv64v2(int fd, const struct iovec *v, int count, off_t from, int flags)
{
    return counted(__real_preadv64v2(fd, v, count, from, flags));
}

ssize_t __wrap_read(int fd, void *at, size_t len)
{
    return counted(__real_read(fd, at, len));
}

void *__wrap_mmap64(void *at, size_t len, int rights, int flags, int fd, off_t from)
{
    if (fd >= 0)
        octets_read += len;
    return __real_mmap64(at, len, rights, flags, fd, from);
}

static uint64_t size_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

/* A, a message with a hole of this size, and C. */
static void put_large(struct rig *r, int64_t hole, uint64_t out_at[3])
{
    int fd;

    rig_put(r, RIG_A "From ben Mon Jan  1 00:00:01 2001\nSubject: b\n\n", "w");
    out_at[0] = 0;
    out_at[1] = strlen(RIG_A);
    fd = open(r->path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size_of(r->path) + hole), 0);
    close(fd);
    rig_put(r, "\n\n" RIG_C, "a");
    out_at[2] = size_of(r->path) - strlen(RIG_C);
}

/* The state as a session would have left it; scanning a hole of gigabytes takes too long for a test that is run
 * every day. */
static void put_state(struct rig *r, const uint64_t at[3])
{
    struct pf_mbox_state s = {.seed = {1, 2}, .scanned = true, .settled = true};
    struct pf_mbox_mails none = {0};
    struct pf_mbox_scanner how = {.path = r->path, .size = size_of(r->path), .seed = s.seed};
    struct pf_mbox_place place;
    struct stat st;

    how.fd = open(r->path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pf_mbox_place_open(&place, &r->settings, r->path, NULL), PF_OK);
    assert_int_equal(fstat(how.fd, &st), 0);
    pf_mbox_stamp_of(&st, &s.stamp);
    for (int i = 0; i < 3; i++) {
        struct pf_mbox_mail m = {.from_at = at[i], .text_at = at[i] + strlen("From ada Mon Jan  1 00:00:00 2001\n")};
        char uidl[2] = {(char)('a' + i), 0};

        m.len = (i < 2 ? at[i + 1] : how.size) - m.text_at - 1;
        m.octets = m.len + 3;
        m.id[0] = (uint64_t)i;
        assert_true(pf_mbox_from_stands(&how, m.from_at, &m.from_sum));
        assert_true(pf_mbox_mails_add(&s.mails, &m, pf_bytes_of(uidl)));
    }
    assert_int_equal(pf_mbox_state_save(&place, &s, &s.mails, &none, NULL), PF_OK);
    pf_mbox_state_done(&s);
    pf_mbox_place_close(&place);
    close(how.fd);
}

static void lk_009_two_gigabytes_unchanged_are_not_read(void **state)
{
    struct rig *r = *state;
    uint64_t at[3];

    put_large(r, LARGE, at);
    put_state(r, at);
    octets_read = 0;
    rig_enter(r, 3);
    assert_in_range(octets_read, 1, FEW);
    assert_int_equal(r->o.box->counts.scans, 0);
    assert_true(r->o.listing.rows[1].octets > (uint64_t)LARGE && r->o.listing.octets > (uint64_t)LARGE);
    assert_string_equal(rig_uidl(r, 2), "c");
    rig_leave(r);
    assert_in_range(octets_read, 1, FEW);
}

static void lk_009_and_what_was_added_is_all_that_is_read(void **state)
{
    struct rig *r = *state;
    uint64_t at[3];

    put_large(r, LARGE, at);
    put_state(r, at);
    rig_put(r, RIG_A, "a");
    octets_read = 0;
    rig_enter(r, 4);
    assert_in_range(octets_read, strlen(RIG_C RIG_A), FEW);
    assert_int_equal(r->o.box->counts.scanned, strlen(RIG_C RIG_A));
    assert_string_equal(rig_uidl(r, 1), "b");
    rig_reads(r, 3, "Subject: a\n\nalpha\n"); /* beyond 31 bits */
    rig_leave(r);
}

/* The same from a real first session, in a size that can be read whole. */
static void lk_009_what_a_session_found_serves_the_next(void **state)
{
    struct rig *r = *state;
    uint64_t at[3], size;
    struct pf_parcel_seal seal;

    put_large(r, 16 << 20, at);
    size = size_of(r->path);
    octets_read = 0;
    rig_enter(r, 3);
    assert_in_range(octets_read, size, size + FEW); /* once */
    rig_leave(r);
    octets_read = 0;
    rig_enter(r, 3);
    assert_in_range(octets_read, 1, FEW);
    rig_leave(r);
    octets_read = 0;
    assert_int_equal(rig_deliver(r, "S: n\n\nnew\n", &seal), PF_OK);
    rig_enter(r, 4);
    assert_in_range(octets_read, 1, FEW);
    assert_string_equal(rig_uidl(r, 3), seal.uidl);
    rig_leave(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG(lk_009_two_gigabytes_unchanged_are_not_read),
        RIG(lk_009_and_what_was_added_is_all_that_is_read),
        RIG(lk_009_what_a_session_found_serves_the_next),
    };

    return RUN(tests);
}
