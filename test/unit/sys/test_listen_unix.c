#include "unit/cm.h"

#include "sys/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[64], path[96];
static struct pf_loop *loop;
static int accepted_fd;

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/postfach-listen.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/socket", dir);
    loop = pf_loop_new(NULL);
    accepted_fd = -1;
    return loop ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    if (accepted_fd >= 0)
        close(accepted_fd);
    while (pf_loop_turn(loop, true))
        ;
    pf_loop_free(loop);
    return rmdir(dir); /* fails when anything was left */
}

static void take(void *self, int fd)
{
    (void)self;
    accepted_fd = fd;
}

static struct pf_listen *open_it(struct pf_err *err)
{
    return pf_listen_open(loop, &(struct pf_listen_place){path, 0, 4, 0660, NULL}, take, NULL, err);
}

static int call(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    if (connect(fd, (struct sockaddr *)&name, sizeof name) == 0)
        return fd;
    close(fd);
    return -1;
}

static void a_socket_has_its_mode_and_goes_with_its_listener(void **state)
{
    struct pf_listen *listener = open_it(NULL);
    struct stat st;
    int fd;

    (void)state;
    assert_non_null(listener);
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    fd = call();
    assert_true(fd >= 0);
    while (accepted_fd < 0)
        pf_loop_turn(loop, true);
    assert_true(fcntl(accepted_fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    pf_listen_free(listener);
    assert_int_equal(lstat(path, &st), -1);
    assert_int_equal(errno, ENOENT);
}

/* What a killed server left. */
static void a_stale_socket_is_replaced(void **state)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
    struct pf_listen *listener;

    (void)state;
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    assert_int_equal(bind(stale, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(stale, 1), 0);
    close(stale);
    assert_int_equal(call(), -1);
    listener = open_it(NULL);
    assert_non_null(listener);
    fd = call();
    assert_true(fd >= 0);
    close(fd);
    pf_listen_free(listener);
}

static void what_is_in_use_or_no_socket_is_left_alone(void **state)
{
    struct pf_listen *first = open_it(NULL);
    struct pf_err err;
    struct stat st;
    int fd;

    (void)state;
    assert_null(open_it(&err));
    assert_int_equal(err.code, PF_CONFIG);
    assert_non_null(strstr(err.log, "another program listens on"));
    fd = call();
    assert_true(fd >= 0);
    close(fd);
    pf_listen_free(first);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    assert_null(open_it(&err));
    assert_non_null(strstr(err.log, "is no socket"));
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
}

static void a_socket_that_took_our_place_is_not_removed(void **state)
{
    struct pf_listen *first = open_it(NULL), *second;
    char aside[128];
    struct stat st;

    (void)state;
    snprintf(aside, sizeof aside, "%s.aside", path);
    assert_int_equal(rename(path, aside), 0);
    second = open_it(NULL);
    assert_non_null(second);
    pf_listen_free(first);
    assert_int_equal(lstat(path, &st), 0);
    pf_listen_free(second);
    assert_int_equal(lstat(path, &st), -1);
    assert_int_equal(unlink(aside), 0);
}

static void places_that_cannot_be(void **state)
{
    char large[200];
    struct pf_err err;

    (void)state;
    memset(large, 'a', sizeof large);
    large[0] = '/';
    large[sizeof large - 1] = 0;
    assert_null(pf_listen_open(loop, &(struct pf_listen_place){large, 0, 4, 0600, NULL}, take, NULL, &err));
    assert_int_equal(err.code, PF_CONFIG);
    assert_null(
        pf_listen_open(loop, &(struct pf_listen_place){"/nonexistent/x", 0, 4, 0600, NULL}, take, NULL, &err));
    assert_int_equal(err.sys, ENOENT);
}

#define L(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        L(a_socket_has_its_mode_and_goes_with_its_listener),
        L(a_stale_socket_is_replaced),
        L(what_is_in_use_or_no_socket_is_left_alone),
        L(a_socket_that_took_our_place_is_not_removed),
        L(places_that_cannot_be),
    };

    return RUN(tests);
}
