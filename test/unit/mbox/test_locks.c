/* The locks that everybody agrees on: their order, their form, and what they are not. */
#include "unit/mbox/rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char trace[64]; /* K, k: kernel lock of the mbox taken, given back; D, d: dotlock; w: it was renewed */
static ino_t traced;   /* the mbox; 0: nothing is noted */
static bool linked_well;
static bool no_nameless; /* as on NFS */
static int64_t leap; /* seconds that the clock gains with each look at it */

int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __real_linkat(int from, const char *old, int to, const char *fresh, int flags);
int __wrap_linkat(int from, const char *old, int to, const char *fresh, int flags);
int __real_openat64(int folder, const char *name, int flags, ...);
int __wrap_openat64(int folder, const char *name, int flags, ...);
int __real_unlinkat(int folder, const char *name, int flags);
int __wrap_unlinkat(int folder, const char *name, int flags);
int __real_utimensat(int folder, const char *name, const struct timespec *times, int flags);
int __wrap_utimensat(int folder, const char *name, const struct timespec *times, int flags);
int __real_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);

static void note(char c)
{
    size_t len = strlen(trace);

    if (traced && len + 1 < sizeof trace)
        trace[len] = c, trace[len + 1] = 0;
}

int __wrap_fcntl64(int fd, int command, ...)
{
    va_list arguments;
    struct stat st;
    void *argument;

    va_start(arguments, command);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    if (command == F_OFD_SETLK && fstat(fd, &st) == 0 && st.st_ino == traced)
        note(((struct flock *)argument)->l_type == F_UNLCK ? 'k' : 'K');
    return __real_fcntl64(fd, command, argument);
}

int __wrap_openat64(int folder, const char *name, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (!no_nameless || (flags & O_TMPFILE) != O_TMPFILE)
        return __real_openat64(folder, name, flags, mode);
    errno = EOPNOTSUPP;
    return -1;
}

/* LK-003: a file of one's own that nobody else knows, linked; the count of links tells. */
int __wrap_linkat(int from, const char *old, int to, const char *fresh, int flags)
{
    struct stat before, after;
    bool sane = fstatat(from, old, &before, no_nameless ? AT_SYMLINK_NOFOLLOW : 0) == 0 &&
                before.st_nlink == no_nameless && before.st_size > 1;
    int result = __real_linkat(from, old, to, fresh, flags);

    note('D');
    if (result == 0)
        linked_well = sane && fstatat(to, fresh, &after, AT_SYMLINK_NOFOLLOW) == 0 &&
                      after.st_nlink == before.st_nlink + 1 && after.st_ino == before.st_ino &&
                      strcmp(fresh, "box.lock") == 0;
    return result;
}

int __wrap_unlinkat(int folder, const char *name, int flags)
{
    if (strcmp(name, "box.lock") == 0)
        note('d');
    return __real_unlinkat(folder, name, flags);
}

int __wrap_utimensat(int folder, const char *name, const struct timespec *times, int flags)
{
    if (strcmp(name, "box.lock") == 0)
        note('w');
    return __real_utimensat(folder, name, times, flags);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
    static int64_t gained;

    gained += leap;
    if (__real_clock_gettime(clock, t) != 0)
        return -1;
    t->tv_sec += gained;
    return 0;
}

static void trace_on(struct rig *r)
{
    struct stat st;

    assert_int_equal(stat(r->path, &st), 0);
    traced = st.st_ino;
    trace[0] = 0;
}

static void lk_001_kernel_lock_then_dotlock(void **state)
{
    struct rig *r = *state;
    struct pf_parcel_seal seal;

    rig_put(r, RIG_A, "w");
    trace_on(r);
    rig_enter(r, 1);
    assert_string_equal(trace, "KDdk"); /* and none is held while the session lasts: LK-009 */
    trace[0] = 0;
    assert_int_equal(rig_deliver(r, "S: x\n\nb\n", &seal), PF_OK);
    assert_string_equal(trace, "KDdk");
    rig_leave(r);
    traced = 0;
}

static void put_dotlock(struct rig *r, long pid)
{
    FILE *file = fopen(rig_beside(r, "box.lock"), "w");

    assert_non_null(file);
    fprintf(file, "%ld\n", pid);
    fclose(file);
}

static void lk_001_the_first_is_given_back_when_the_second_is_taken(void **state)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct rig *r = *state;
    int fd;

    rig_put(r, RIG_A, "w");
    put_dotlock(r, getpid());
    assert_int_equal(rig_try(r), PF_TEMP);
    fd = open(r->path, O_RDWR | O_CLOEXEC);
    assert_int_equal(__real_fcntl64(fd, F_OFD_SETLK, &lock), 0);
    unlink(rig_beside(r, "box.lock"));
    assert_int_equal(rig_try(r), PF_TEMP);
    assert_int_equal(access(rig_beside(r, "box.lock"), F_OK), -1); /* not taken at all then */
    close(fd);
    rig_enter(r, 1);
    rig_leave(r);
}

static void lk_003_the_dotlock_is_a_link_and_nothing_is_left(void **state)
{
    struct rig *r = *state;
    struct dirent *entry;
    DIR *dir;

    rig_put(r, RIG_A, "w");
    for (int i = 0; i < 2; i++) {
        no_nameless = i;
        linked_well = false;
        rig_enter(r, 1);
        rig_leave(r);
        assert_true(linked_well);
    }
    no_nameless = false;
    dir = opendir(r->folder);
    assert_non_null(dir);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.' || strncmp(entry->d_name, ".postfach", 9) == 0)
            assert_string_equal(entry->d_name, "box");
    closedir(dir);
}

static void lk_003_it_is_renewed_while_it_is_held_long(void **state)
{
    struct rig *r = *state;
    struct pf_box_expunge op;
    FILE *file;

    rig_put(r, RIG_A RIG_B, "w");
    file = fopen(r->path, "a");
    assert_non_null(file);
    for (int i = 0; i < 60000; i++)
        fputs("A line of text that is repeated until there are some megabytes of it.\n", file);
    fclose(file);
    trace_on(r);
    leap = 31;
    rig_enter(r, 2);
    leap = 0;
    assert_true(strncmp(trace, "KDwww", 5) == 0); /* while it scans */
    trace[0] = 0;
    leap = 31;
    assert_int_equal(rig_expunge(r, 1, &op), PF_OK);
    leap = 0;
    assert_non_null(strstr(trace, "Dww")); /* while it copies */
    rig_leave(r);
    traced = 0;
}

static void clear(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            __real_unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
}

/* Runs as somebody who may not write in the folder. Skips where this cannot be had. */
static void as_a_stranger(struct rig *r, int (*body)(struct rig *))
{
    char states[100];
    int status = -1;
    pid_t child;

    snprintf(states, sizeof states, "%s", rig_beside(r, "states"));
    assert_int_equal(mkdir(states, 0777) | chmod(states, 0777), 0);
    r->settings.state_folder = states;
    rig_renew(r);
    if (!geteuid())
        assert_int_equal(chown(r->path, 65534, 65534), 0);
    assert_int_equal(chmod(r->folder, 0555), 0);
    child = fork();
    assert_true(child >= 0);
    if (!child) {
        if (!geteuid() && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(77);
        _exit(access(r->path, R_OK | W_OK) == 0 && access(r->folder, W_OK) != 0 ? body(r) : 77);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(r->folder, 0755), 0);
    clear(states);
    rmdir(states);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

static int with_dotlock(struct rig *r)
{
    enum pf_code code = rig_try(r);

    if (code != PF_PERM)
        return 10;
    return strstr(r->err.log, "switch dotlocks off") ? 0 : 11;
}

static int without_dotlock(struct rig *r)
{
    struct pf_box_expunge op;
    struct pf_parcel_seal seal;
    unsigned in_place;

    if (rig_try(r) != PF_OK || r->o.listing.count != 2)
        return 20;
    if (rig_expunge(r, 1, &op) != PF_OK || op.removed != 1)
        return 21;
    in_place = r->o.box->counts.in_place;
    rig_leave(r);
    if (in_place != 1 || rig_deliver(r, "S: n\n\nnew\n", &seal) != PF_OK)
        return 22;
    if (rig_try(r) != PF_OK || r->o.listing.count != 2)
        return 23;
    rig_leave(r);
    return 0;
}

static void lk_004_a_folder_that_is_not_writable(void **state)
{
    struct rig *r = *state;

    rig_put(r, RIG_A RIG_B, "w");
    as_a_stranger(r, with_dotlock);
    r->settings.dotlock = false;
    as_a_stranger(r, without_dotlock);
}

/* What others hold: Postfix and Dovecot both locks, procmail and Exim as well, mail.local a dotlock and flock. */
static void lk_005_either_lock_of_others_keeps_us_out(void **state)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct rig *r = *state;
    struct pf_parcel_seal seal;
    int ready[2], go[2], status;
    pid_t child;
    char c;

    rig_put(r, RIG_A, "w");
    put_dotlock(r, getpid());
    assert_int_equal(rig_try(r), PF_TEMP);
    assert_int_equal(rig_deliver(r, "S: x\n\nb\n", &seal), PF_TEMP);
    unlink(rig_beside(r, "box.lock"));
    assert_int_equal(pipe2(ready, O_CLOEXEC) | pipe2(go, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (!child) {
        int fd = open(r->path, O_RDWR | O_CLOEXEC);

        if (__real_fcntl64(fd, F_SETLK, &lock) != 0 || write(ready[1], "r", 1) != 1)
            _exit(1);
        _exit(read(go[0], &c, 1) == 1 ? 0 : 2);
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(rig_try(r), PF_TEMP);
    assert_int_equal(rig_deliver(r, "S: x\n\nb\n", &seal), PF_TEMP);
    rig_holds(r, RIG_A);
    assert_int_equal(write(go[1], "g", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    rig_enter(r, 1);
    rig_leave(r);
    close(ready[0]), close(ready[1]), close(go[0]), close(go[1]);
}

static void lk_007_flock_says_nothing(void **state)
{
    struct rig *r = *state;
    int fd;

    rig_put(r, RIG_A, "w");
    fd = open(r->path, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    rig_enter(r, 1);
    rig_leave(r);
    close(fd);
}

static void lk_008_closing_another_descriptor_frees_nothing(void **state)
{
    struct rig *r = *state;
    struct pf_mbox_place place;
    struct pf_mbox_locks locks;
    int status;
    pid_t child;

    rig_put(r, RIG_A, "w");
    assert_int_equal(pf_mbox_place_open(&place, &r->settings, r->path, NULL), PF_OK);
    assert_int_equal(pf_mbox_lock(&place, &r->settings, &locks, NULL), PF_OK);
    close(open(r->path, O_RDWR | O_CLOEXEC)); /* would free a lock of the POSIX kind */
    child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

        _exit(__real_fcntl64(open(r->path, O_RDWR | O_CLOEXEC), F_SETLK, &lock) == 0 ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(pf_mbox_unlock(&locks));
    pf_mbox_place_close(&place);

    rig_enter(r, 1);
    close(open(rig_beside(r, ".box.postfach-lock"), O_RDWR | O_CLOEXEC));
    {
        struct rig other = *r;

        assert_int_equal(rig_try(&other), PF_IN_USE);
    }
    rig_leave(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG(lk_001_kernel_lock_then_dotlock),
        RIG(lk_001_the_first_is_given_back_when_the_second_is_taken),
        RIG(lk_003_the_dotlock_is_a_link_and_nothing_is_left),
        RIG(lk_003_it_is_renewed_while_it_is_held_long),
        RIG(lk_004_a_folder_that_is_not_writable),
        RIG(lk_005_either_lock_of_others_keeps_us_out),
        RIG(lk_007_flock_says_nothing),
        RIG(lk_008_closing_another_descriptor_frees_nothing),
    };

    return RUN(tests);
}
