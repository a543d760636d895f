/* Every system call that a delivery and a session make fails once; and at every one of them the process is
 * killed once. Afterwards nothing may be lost that was not marked, nothing delivered that was not
 * said so, and no UIDL may be another one. */
#include "unit/store/test_maildir_pack.h"

#include "store/maildir/parcel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned countdown; /* 0: none fails */
static bool happened;
static bool deadly;

static bool fails(void)
{
    if (!countdown || --countdown)
        return false;
    happened = true;
    if (deadly)
        _exit(9);
    errno = EIO;
    return true;
}

/* A call that the linker sends here first (meson.build has the list). Meson asks for 64 bit file
 * offsets, so these are the names that libc gives such calls. */
#define WRAP(type, name, parameters, arguments)  \
    type __real_##name parameters;               \
    type __wrap_##name parameters;               \
    type __wrap_##name parameters                \
    {                                            \
        return fails() ? -1 : __real_##name arguments; \
    }

WRAP(int, fsync, (int fd), (fd))
WRAP(int, ftruncate64, (int fd, off_t len), (fd, len))
WRAP(int, linkat, (int a, const char *from, int b, const char *to, int how), (a, from, b, to, how))
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, unlinkat, (int dir, const char *name, int how), (dir, name, how))
WRAP(int, fstat64, (int fd, struct stat *st), (fd, st))
WRAP(int, fstatat64, (int dir, const char *name, struct stat *st, int how), (dir, name, st, how))
WRAP(ssize_t, write, (int fd, const void *at, size_t len), (fd, at, len))
WRAP(ssize_t, pwrite64, (int fd, const void *at, size_t len, off_t to), (fd, at, len, to))
WRAP(ssize_t, pread64, (int fd, void *at, size_t len, off_t from), (fd, at, len, from))
WRAP(ssize_t, preadv64v2, (int fd, const struct iovec *v, int n, off_t from, int how),
     (fd, v, n, from, how))
WRAP(ssize_t, getdents64, (int fd, void *at, size_t len), (fd, at, len))
WRAP(off_t, lseek64, (int fd, off_t to, int how), (fd, to, how))

int __real_openat64(int, const char *, int, ...);
int __wrap_openat64(int, const char *, int, ...);
int __wrap_openat64(int dir, const char *name, int flags, ...)
{
    return fails() ? -1 : __real_openat64(dir, name, flags, 0600);
}

/* A descriptor is closed even when close reports a failure. */
int __real_close(int);
int __wrap_close(int);
int __wrap_close(int fd)
{
    bool bad = fails();
    int done = __real_close(fd);

    return bad ? (errno = EIO, -1) : done;
}

static const char *const texts[] = {"one\n", "two\ntwo\n", "three\n", "four\n"};

static void put_mail(struct rig *r)
{
    static const char *const names[] = {"cur/1.M1P1.h:2,S", "new/2.M1P1.h,S=8,W=10", "new/3.M1P1.h",
                                        "cur/msg.4"};

    for (int i = 0; i < 4; i++) {
        if (rig_has(r, names[i]))
            unlink(rig_at(r, names[i]));
        if (i % 2) { /* the second and the fourth lie there compressed */
            struct pack v;

            pack_make(i == 1 ? PACK_GZIP : PACK_ZSTD, texts[i], &v);
            pack_put(r, names[i], v.at, v.len);
        } else {
            rig_put(r, names[i], texts[i]);
        }
    }
    rig_touch(r, "cur/msg.4", 4);
    unlink(rig_at(r, "postfach-cache"));
    unlink(rig_at(r, "postfach-uidl"));
}

struct outcome {
    enum pf_code open;
    enum pf_code expunge;
    char uidl[PF_UIDL_MAX + 1]; /* of the fourth message, as a client saw it; "" when it did not */
};

/* Reads all, removes the first and the third; tells at once what a client gets to know. */
static void session(struct rig *r, int tell)
{
    struct outcome o = {.expunge = PF_CODES};
    unsigned char room[64];
    struct pf_span out = {room, 0, sizeof room};
    struct session s;
    uint64_t words[1] = {5};

    o.open = rig_try_open(r, &s);
    if (o.open == PF_OK) {
        struct pf_marks marks = {words, s.listing.count};
        struct pf_box_expunge op = {.remove = &marks};

        memcpy(o.uidl, rig_uidl(&s, 3), sizeof o.uidl);
        (void)!__real_write(tell, &o, sizeof o);
        for (uint32_t i = 0; i < 4; i++)
            if (rig_read(&s, i, 3, &out) == PF_OK)
                assert_true(out.len == strlen(texts[i]) && memcmp(room, texts[i], out.len) == 0);
        o.expunge = pf_maildir_box_expunge(s.box, &op, &s.err);
        (void)!__real_write(tell, &o, sizeof o);
        rig_close(&s);
    }
    (void)!__real_write(tell, &o, sizeof o);
}

/* What was told last; false when nothing was. */
static bool told(int from, struct outcome *out)
{
    bool any = false;

    while (read(from, out, sizeof *out) == sizeof *out)
        any = true;
    return any;
}

static void check_after(struct rig *r, const struct outcome *o)
{
    bool seen[4] = {0};
    struct session s;

    rig_open(r, &s);
    for (uint32_t i = 0; i < s.listing.count; i++) {
        const char *uidl = rig_uidl(&s, i);
        int which = uidl[0] >= '1' && uidl[0] <= '3' ? uidl[0] - '1' : 3;

        assert_false(seen[which]);
        seen[which] = true;
        rig_reads_as(&s, i, texts[which]);
        if (which == 3 && o->uidl[0])
            assert_string_equal(uidl, o->uidl);
    }
    assert_true(seen[1] && seen[3]);
    if (o->expunge == PF_OK)
        assert_false(seen[0] || seen[2]);
    rig_close(&s);
}

static void one_session(struct rig *r, unsigned n)
{
    struct outcome o = {.expunge = PF_CODES};
    int pipes[2];
    pid_t child = 0;

    put_mail(r);
    assert_int_equal(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
    happened = false;
    if (deadly)
        child = fork();
    if (child == 0) {
        countdown = n;
        session(r, pipes[1]);
        countdown = 0;
        if (deadly)
            _exit(0);
    }
    if (deadly) {
        int status = 0;

        assert_int_equal(waitpid(child, &status, 0), child);
        happened = WIFEXITED(status) && WEXITSTATUS(status) == 9;
        assert_true(happened || status == 0);
    }
    told(pipes[0], &o);
    close(pipes[0]);
    close(pipes[1]);
    check_after(r, &o);
}

static void sessions(struct rig *r, bool die)
{
    unsigned n = 0;

    deadly = die;
    do {
        one_session(r, ++n);
        assert_true(n < 1000);
    } while (happened);
    deadly = false;
    assert_true(n > 40);
}

static void a_session_survives_any_failing_call(void **state)
{
    sessions(rig_of(state), false);
}

static void a_killed_session_loses_only_what_was_marked(void **state)
{
    sessions(rig_of(state), true);
}

static enum pf_code deliver(struct rig *r, struct pf_parcel_seal *op)
{
    const struct pf_box_where where = {.user = "anna", .path = r->path, .now = r->now};
    struct pf_twin_parcel *p;
    struct pf_err err;
    enum pf_code code = pf_maildir_parcel_begin(r->twin, &where, &p, &err);

    if (code)
        return code;
    code = pf_maildir_parcel_write(p, PF_LIT("Subject: a\n\n"), &err);
    if (!code)
        code = pf_maildir_parcel_write(p, PF_LIT("body\n"), &err);
    if (code) {
        pf_maildir_parcel_drop(p);
        return code;
    }
    return pf_maildir_parcel_seal(p, op, &err);
}

/* Litter in tmp is allowed, and goes: each piece would be one more call for the next sweep. */
static void clear(struct rig *r)
{
    DIR *tmp = opendir(rig_at(r, "tmp"));
    struct dirent *entry;
    struct session s;

    assert_non_null(tmp);
    while ((entry = readdir(tmp)))
        unlinkat(dirfd(tmp), entry->d_name, 0);
    closedir(tmp);

    rig_open(r, &s);
    assert_int_equal(rig_expunge(&s, -1, NULL), PF_OK);
    rig_close(&s);
}

static void a_delivery_is_told_as_it_went(void **state)
{
    struct rig *r = rig_of(state);
    unsigned n = 0;

    do {
        struct pf_parcel_seal op;
        struct session s;
        enum pf_code code;

        happened = false;
        countdown = ++n;
        code = deliver(r, &op);
        countdown = 0;
        rig_open(r, &s);
        assert_int_equal(s.listing.count, code == PF_OK);
        if (s.listing.count) {
            assert_string_equal(rig_uidl(&s, 0), op.uidl);
            rig_reads_as(&s, 0, "Subject: a\n\nbody\n");
        }
        rig_close(&s);
        clear(r);
        assert_true(n < 100);
    } while (happened);
    assert_true(n > 10);
}

static void a_killed_delivery_is_whole_or_not_there(void **state)
{
    struct rig *r = rig_of(state);
    int status = 0x900;

    for (unsigned n = 1; status; n++) {
        struct pf_parcel_seal op;
        struct session s;
        pid_t child = fork();

        if (child == 0) {
            deadly = true;
            countdown = n;
            _exit(deliver(r, &op) == PF_OK ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(status == 0 || WEXITSTATUS(status) == 9);
        rig_open(r, &s);
        assert_true(s.listing.count <= 1);
        assert_true(s.listing.count == 1 || status);
        if (s.listing.count)
            rig_reads_as(&s, 0, "Subject: a\n\nbody\n");
        rig_close(&s);
        clear(r);
        assert_true(n < 100);
    }
}

#define R(f) cmocka_unit_test_setup_teardown(f, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        R(a_session_survives_any_failing_call), R(a_killed_session_loses_only_what_was_marked),
        R(a_delivery_is_told_as_it_went), R(a_killed_delivery_is_whole_or_not_there),
    };

    return RUN(tests);
}
