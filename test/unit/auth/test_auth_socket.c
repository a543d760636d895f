#include "unit/cm.h"

#include "auth/auth_socket.h"
#include "auth/auth_sql_slots.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct bench {
    char dir[64];
    struct sockaddr_un address;
    int listener;
    struct pf_err err;
};

static void set_up(struct bench *b)
{
    *b = (struct bench){.dir = "/tmp/pf-socket-XXXXXX", .address = {.sun_family = AF_UNIX}};
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->address.sun_path, sizeof b->address.sun_path, "%s/s", b->dir);
    b->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(b->listener, (struct sockaddr *)&b->address, sizeof b->address), 0);
    assert_int_equal(listen(b->listener, 0), 0);
}

static void tear_down(struct bench *b)
{
    close(b->listener);
    unlink(b->address.sun_path);
    assert_int_equal(rmdir(b->dir), 0);
}

static int dial(struct bench *b, pf_time time)
{
    b->err = (struct pf_err){0};
    return pf_socket_connect("door", b->address.sun_path, pf_sql_now() + time, &b->err);
}

static void bytes_go_both_ways(void **state)
{
    struct bench b;
    char text[8];
    int fd, other;

    (void)state;
    set_up(&b);
    fd = dial(&b, 60000);
    assert_true(fd >= 0);
    other = accept(b.listener, NULL, NULL);
    assert_true(pf_socket_send(fd, PF_LIT("hello"), pf_sql_now() + 60000));
    assert_int_equal(pf_socket_receive(other, text, sizeof text, pf_sql_now() + 60000), 5);
    assert_memory_equal(text, "hello", 5);
    assert_true(pf_socket_send(other, PF_LIT("you"), pf_sql_now() + 60000));
    close(other);
    assert_int_equal(pf_socket_receive(fd, text, sizeof text, pf_sql_now()), 3);
    assert_int_equal(pf_socket_receive(fd, text, sizeof text, pf_sql_now()), 0);
    assert_false(pf_socket_send(fd, PF_LIT("late"), pf_sql_now())); /* and no signal */
    assert_int_equal(errno, EPIPE);
    close(fd);
    tear_down(&b);
}

static void nothing_takes_longer_than_it_may(void **state)
{
    static const unsigned char many[1 << 20];
    struct bench b;
    int fds[8], count = 0;
    char octet;

    (void)state;
    set_up(&b);
    fds[count++] = dial(&b, 60000);
    assert_int_equal(pf_socket_receive(fds[0], &octet, 1, pf_sql_now() + 20), -1);
    assert_int_equal(errno, ETIMEDOUT);
    assert_false(pf_socket_send(fds[0], pf_bytes_from(many, sizeof many), pf_sql_now() + 20));
    assert_int_equal(errno, ETIMEDOUT);
    while (fds[count - 1] >= 0 && count < 8) /* until the queue of those that nobody accepts is full */
        fds[count++] = dial(&b, 20);
    assert_int_equal(fds[count - 1], -1);
    assert_int_equal(b.err.code, PF_TEMP);
    assert_int_equal(b.err.sys, ETIMEDOUT);
    while (count--)
        if (fds[count] >= 0)
            close(fds[count]);
    tear_down(&b);
}

static void who_is_not_there(void **state)
{
    char path[200];
    struct bench b;

    (void)state;
    set_up(&b);
    unlink(b.address.sun_path);
    assert_int_equal(dial(&b, 1000), -1);
    assert_int_equal(b.err.code, PF_TEMP);
    assert_int_equal(b.err.sys, ENOENT);
    assert_non_null(strstr(b.err.log, b.address.sun_path));
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = 0;
    assert_int_equal(pf_socket_look("door", path, &b.err), PF_CONFIG);
    assert_int_equal(pf_socket_connect("door", path, pf_sql_now(), &b.err), -1);
    path[sizeof b.address.sun_path - 1] = 0;
    assert_int_equal(pf_socket_look("door", path, &b.err), PF_OK);
    tear_down(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {T(bytes_go_both_ways), T(nothing_takes_longer_than_it_may),
                                              T(who_is_not_there)};

    return RUN(tests);
}
