/* The administrator's doors on socket pairs: every allocation fails once, callers who do half of what they should. */
#include "unit/cm.h"

#include "hallrig.h"
#include "session/ctl.h"
#include "session/ctl_local.h"

#include "unit/scarce.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct rig rig;
static struct client client;
static struct pf_ctl_source *source;
static struct pf_ctl *ctl;
static struct pf_dock *dock;
static struct pf_stats *stats;

static bool reload(void *self, void (*tell)(void *to, const char *line), void *to)
{
    (void)self;
    tell(to, "x:1:1: a mistake");
    return false;
}

static void up(void)
{
    struct pf_dock_parts dock_parts = {0};
    struct pf_ctl_local_parts local;
    struct pf_ctl_parts parts;

    rig_up(&rig, "");
    dock_parts.loop = rig.loop;
    dock = pf_dock_new(&dock_parts, NULL);
    stats = pf_stats_new(NULL);
    local = (struct pf_ctl_local_parts){
        .loop = rig.loop, .hall = rig.hall, .dock = dock, .stats = stats, .reload = reload};
    source = pf_ctl_local_new(&local, NULL);
    parts = (struct pf_ctl_parts){.loop = rig.loop, .log = &rig.log, .source = source};
    ctl = pf_ctl_new(&parts, NULL);
    assert_true(dock && stats && ctl);
    pf_hall_stats(rig.hall, stats);
}

static void down(void)
{
    pf_ctl_free(ctl);
    pf_ctl_source_free(source);
    pf_dock_free(dock);
    rig_down(&rig);
    pf_stats_free(stats);
}

static int call(enum pf_ctl_door door)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    pf_ctl_caller(ctl, pair[0], door);
    return pair[1];
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* All until the other side closes. */
static const char *hear(int fd)
{
    static char got[1 << 18];
    size_t len = 0;
    ssize_t n;

    while ((n = read(fd, got + len, sizeof got - 1 - len)) != 0) {
        if (n > 0)
            len += (size_t)n;
        else
            pf_loop_turn(rig.loop, false);
    }
    got[len] = 0;
    close(fd);
    return got;
}

static const char *answer(const char *text)
{
    int fd = call(PF_CTL_DOOR_CONTROL);

    say(fd, text);
    shutdown(fd, SHUT_WR);
    return hear(fd);
}

static void lines_are_answered_one_by_one(void **state)
{
    int fd;

    (void)state;
    up();
    fd = call(PF_CTL_DOOR_CONTROL);
    for (const char *c = "RELOAD\r\nKICK ID 3\nSESSIONS\n"; *c; c++) {
        assert_int_equal(write(fd, c, 1), 1);
        pf_loop_turn(rig.loop, false);
    }
    shutdown(fd, SHUT_WR);
    assert_string_equal(hear(fd), "-the settings were not taken on, the old ones stay in force\nx:1:1: a mistake\n.\n"
                                  "-no such session\n.\n+sessions\n.\n");
    down();
}

static void a_session_is_seen_counted_and_kicked(void **state)
{
    const char *got;

    (void)state;
    up();
    rig_add(&rig, "Subject: a\n\nbody\n", "u1");
    client_come(&rig, &client);
    client_login(&client);
    got = answer("SESSIONS\n");
    assert_non_null(strstr(got, "+sessions\n1\tanna\tunix\tnone\ttransaction\t0\t0\t1\t0\n.\n"));
    got = answer("SESSIONS ALL\n");
    assert_non_null(strstr(got, "+sessions\n1\tanna\tunix\tnone\ttransaction\t0\t0\t1\t0\t0\t"));
    assert_non_null(strstr(got, "\tPASS\n.\n"));
    assert_string_equal(answer("KICK ID 3.1\n"), "-no such session\n.\n");
    assert_string_equal(answer("KICK USER anna\n"), "+kicked 1\n.\n");
    assert_string_equal(answer("KICK USER anna\n"), "-no such session\n.\n");
    client_eof(&client);
    client_leave(&client);
    while (pf_hall_count(rig.hall))
        pf_loop_turn(rig.loop, false);
    assert_non_null(strstr(rig.logged, " id=1 end=kicked\n"));
    assert_int_equal(pf_stats_value(stats, PF_STAT_sessions_total, "kicked", NULL), 1);
    assert_int_equal(pf_stats_value(stats, PF_STAT_logins_total, "USER", "OK"), 1);
    assert_int_equal(pf_stats_value(stats, PF_STAT_store_seconds, "open", NULL), 1);
    assert_int_equal(pf_stats_value(stats, PF_STAT_store_seconds, "close", NULL), 1);
    down();
}

static void who_leaves_early_is_let_go(void **state)
{
    int fd;

    (void)state;
    up();
    fd = call(PF_CTL_DOOR_CONTROL);
    say(fd, "METRICS\nMETRICS\nMETRICS\nSTA");
    pf_loop_turn(rig.loop, false);
    close(fd);
    fd = call(PF_CTL_DOOR_METRICS);
    say(fd, "GET /metr");
    pf_loop_turn(rig.loop, false);
    close(fd);
    for (unsigned i = 0; i < 40; i++) { /* more than may be there at once */
        fd = call(PF_CTL_DOOR_METRICS);
        say(fd, "GET /metrics HTTP/1.0\r\n\r\n");
        assert_int_equal(strncmp(hear(fd), "HTTP/1.1 200 OK\r\n", 17), 0);
    }
    fd = call(PF_CTL_DOOR_CONTROL); /* still there at the end */
    down();
    close(fd);
}

static bool with_failure(unsigned long n)
{
    const char *got;
    int fd;

    up();
    failed = false;
    countdown = n;
    fd = call(PF_CTL_DOOR_CONTROL);
    if (write(fd, "METRICS\nRELOAD\n", 15) == 15)
        shutdown(fd, SHUT_WR);
    got = hear(fd);
    countdown = 0;
    /* All of an answer, or its dot is missing. */
    assert_true(failed || strstr(got, "\n.\n-the settings were not taken on, the old ones stay in force\n"));
    assert_string_equal(answer("SESSIONS\n"), "+sessions\n.\n");
    down();
    return failed;
}

static void every_allocation_fails_once(void **state)
{
    unsigned long n = 1;

    (void)state;
    while (with_failure(n))
        n++;
    assert_true(n > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(lines_are_answered_one_by_one), T(a_session_is_seen_counted_and_kicked),
                                       T(who_leaves_early_is_let_go), T(every_allocation_fails_once)};

    return RUN(tests);
}
