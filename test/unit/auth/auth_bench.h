/* What the tests of auth share: a password file in a directory of its own, and a door to try. */
#ifndef POSTFACH_TEST_AUTH_BENCH_H
#define POSTFACH_TEST_AUTH_BENCH_H

#include "unit/cm.h"

#include "auth/auth.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* "open sesame", cheap to check. */
#define SESAME "{SSHA}hN5uxFJUEWCPg56kk42tnVCdJ61zYWx0"

struct bench {
    struct pf_loop *loop;
    struct pf_auth *auth;
    struct pf_auth_settings settings;
    char dir[128], file[160];
};

static inline void bench_write(struct bench *b, const char *text)
{
    int fd = open(b->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* As if the last change was so many seconds ago: no test waits for a clock. */
static inline void bench_age(struct bench *b, int seconds)
{
    struct timespec times[2];

    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= seconds;
    times[1] = times[0];
    assert_int_equal(utimensat(AT_FDCWD, b->file, times, 0), 0);
}

static inline void bench_setup(struct bench *b, const char *text)
{
    const char *tmp = getenv("TMPDIR");

    *b = (struct bench){0};
    snprintf(b->dir, sizeof b->dir, "%s/pf-auth-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->file, sizeof b->file, "%s/users", b->dir);
    bench_write(b, text);
    b->settings = (struct pf_auth_settings){.password_file = b->file, .hashes_at_once = 2};
}

static inline void bench_open(struct bench *b, const char *text)
{
    struct pf_err err = {0};

    bench_setup(b, text);
    b->loop = pf_loop_new(&err);
    assert_non_null(b->loop);
    b->auth = pf_auth_new(b->loop, &b->settings, &err);
    assert_string_equal(err.log, "");
    assert_non_null(b->auth);
}

static inline void bench_close(struct bench *b)
{
    pf_auth_free(b->auth);
    pf_loop_free(b->loop);
    unlink(b->file);
    assert_int_equal(rmdir(b->dir), 0);
}

struct
try {
    struct pf_auth_check check;
    int answers;
    pf_time answered;
    struct bench *bench;
};

static inline void try_done(struct pf_auth_check *check)
{
    struct try *t = (struct try *)check;

    t->answers++;
    t->answered = pf_loop_now(t->bench->loop);
}

static inline void try_begin(struct bench *b, struct try *t, const char *name, const char *secret)
{
    *t = (struct try){.check = {.done = try_done,
                                .name = pf_bytes_of(name),
                                .secret = pf_bytes_of(secret),
                                .peer = "192.0.2.1",
                                .tls = true},
                      .bench = b};
    pf_auth_check(b->auth, &t->check);
    assert_int_equal(t->answers, 0);
}

static inline enum pf_code try_end(struct bench *b, struct try *t)
{
    while (t->answers == 0 && pf_loop_turn(b->loop, true))
        ;
    assert_int_equal(t->answers, 1);
    return t->check.err.code;
}

static inline enum pf_code try_login(struct bench *b, const char *name, const char *secret)
{
    struct try t;

    try_begin(b, &t, name, secret);
    return try_end(b, &t);
}

#endif
