/* Every allocation from a mail server's arrival to its end fails once. A 250 behind the text means that the
 * message is there, and nothing is ever there that no recipient was accepted for. */
#include "unit/cm.h"

#include "session/serve_lmtp.h"
#include "store/memory.h"

#include "unit/scarce.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static struct scene {
    char users[64], got[8192];
    struct pf_conf *conf;
    struct pf_loop *loop;
    struct pf_store *memory;
    struct pf_lookup *lookup;
    struct pf_dock *dock;
    bool emptied;
} s;

static void write_users(void)
{
    static const char text[] = "anna:{PLAIN}x\nbob:{PLAIN}x\n";
    int fd;

    snprintf(s.users, sizeof s.users, "/tmp/postfach-dock.XXXXXX");
    fd = mkostemp(s.users, 02000000);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
}

static void up(void)
{
    static const char text[] = "hostname us.example\nlisten 127.0.0.1:0 { protocol lmtp; tls none }\n"
                               "mail { path /m/%n }\n";
    struct pf_lookup_settings lookup = {.fold = true};
    struct pf_dock_parts parts;

    memset(&s, 0, sizeof s);
    alarm(60);
    write_users();
    s.conf = pf_conf_parse("test", pf_bytes_of(text), NULL, NULL);
    assert_non_null(s.conf);
    s.loop = pf_loop_new(NULL);
    s.memory = pf_memory_new(s.loop);
    lookup.users = (struct pf_auth_settings){.password_file = s.users, .hashes_at_once = 1, .allow_weak_schemes = true};
    s.lookup = pf_lookup_new(s.loop, &lookup, NULL);
    parts = (struct pf_dock_parts){s.loop, NULL, s.lookup, s.memory};
    s.dock = pf_dock_new(&parts, NULL);
    assert_int_equal(pf_dock_settings(s.dock, s.conf, NULL, NULL), PF_OK);
}

static void note_emptied(void *self)
{
    (void)self;
    s.emptied = true;
}

static void down(void)
{
    pf_dock_close(s.dock, 0, note_emptied, NULL);
    while (!s.emptied)
        pf_loop_turn(s.loop, true);
    pf_dock_free(s.dock);
    pf_lookup_free(s.lookup);
    pf_store_free(s.memory);
    while (pf_loop_turn(s.loop, true))
        ;
    pf_loop_free(s.loop);
    pf_conf_free(s.conf);
    unlink(s.users);
    alarm(0);
}

/* A whole conversation, written at once; what the server says until it closes. */
static const char *converse(const char *all)
{
    size_t len = 0;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(send(pair[0], all, strlen(all), MSG_NOSIGNAL), strlen(all));
    pf_dock_carrier(s.dock, pair[1], 0);
    for (;;) {
        ssize_t n = recv(pair[0], s.got + len, sizeof s.got - 1 - len, 0);

        if (n == 0 || (n < 0 && errno != EAGAIN))
            break;
        if (n > 0)
            len += (size_t)n;
        else
            pf_loop_turn(s.loop, false);
    }
    s.got[len] = 0;
    close(pair[0]);
    while (pf_dock_count(s.dock))
        pf_loop_turn(s.loop, true);
    return s.got;
}

static unsigned occurrences(const char *text, const char *what)
{
    unsigned count = 0;

    for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
        count++;
    return count;
}

/* Replies to the text come behind 354. */
static void check(const char *got)
{
    const char *text = strstr(got, "\r\n354 ");
    unsigned stored = pf_memory_count(s.memory, "/m/anna") + pf_memory_count(s.memory, "/m/bob");
    unsigned accepted = occurrences(got, "250 2.1.5");

    if (!text) {
        assert_int_equal(stored, 0);
        return;
    }
    assert_true(stored <= 2);
    assert_true(occurrences(text, "\r\n250 2.0.0") <= stored);
    assert_null(strstr(got, "\r\n55")); /* nothing is refused for ever */
    assert_true(accepted <= 2);
    if (strstr(text, "\r\n221")) /* the conversation went to its end: each has his answer */
        assert_int_equal(occurrences(text, "\r\n250 2.0.0"), stored);
}

static const char conversation[] = "LHLO h\r\nMAIL FROM:<s@x>\r\nRCPT TO:<anna@x>\r\nRCPT TO:<bob@x>\r\nDATA\r\n"
                                   "Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n";

static bool conversation_with_failure(unsigned long n)
{
    bool some;

    up();
    failed = false;
    countdown = n;
    check(converse(conversation));
    countdown = 0;
    some = failed;
    if (!some)
        assert_int_equal(pf_memory_count(s.memory, "/m/bob"), 1);
    converse(conversation); /* the next one is served as if nothing had been */
    assert_int_equal(occurrences(s.got, "\r\n250 2.0.0"), 2);
    down();
    return some;
}

static void every_allocation_fails_once(void **state)
{
    unsigned long n = 1;

    (void)state;
    while (conversation_with_failure(n))
        n++;
    assert_true(n > 20);
}

static void settings_are_kept_when_there_is_no_memory_for_new_ones(void **state)
{
    struct pf_dock_parts parts = {0};
    struct pf_err err;

    (void)state;
    up();
    countdown = 1;
    assert_int_equal(pf_dock_settings(s.dock, s.conf, NULL, &err), PF_NO_MEMORY);
    countdown = 1;
    assert_null(pf_dock_new(&parts, &err));
    assert_int_equal(err.code, PF_NO_MEMORY);
    countdown = 0;
    converse(conversation);
    assert_int_equal(occurrences(s.got, "\r\n250 2.0.0"), 2);
    down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_allocation_fails_once),
        T(settings_are_kept_when_there_is_no_memory_for_new_ones),
    };

    return RUN(tests);
}
