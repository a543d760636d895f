#include "unit/cm.h"

#include "session/serve_lmtp.h"
#include "store/faulty.h"
#include "store/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct scene {
    char dir[64], users[96], logged[16384], got[4096];
    struct pf_conf *conf;
    struct pf_loop *loop;
    struct pf_store *memory, *store;
    struct pf_lookup *lookup;
    struct pf_dock *dock;
    struct pf_log log;
    bool emptied;
    int fd;
} s;

static void keep_line(struct pf_log *log, enum pf_event event, enum pf_level level, const char *line,
                      const struct pf_field *fields, size_t count)
{
    size_t len = strlen(s.logged);

    (void)log, (void)event, (void)level, (void)fields, (void)count;
    snprintf(s.logged + len, sizeof s.logged - len, "%s\n", line);
}

static void write_users(void)
{
    FILE *file;

    snprintf(s.dir, sizeof s.dir, "/tmp/postfach-dock.XXXXXX");
    assert_non_null(mkdtemp(s.dir));
    snprintf(s.users, sizeof s.users, "%s/users", s.dir);
    file = fopen(s.users, "we");
    assert_non_null(file);
    fprintf(file, "anna:{PLAIN}x\nbob:{PLAIN}x\n");
    assert_int_equal(fclose(file), 0);
}

static void up(const char *extra)
{
    struct pf_lookup_settings lookup = {.fold = true};
    struct pf_dock_parts parts;
    char text[400];

    memset(&s, 0, sizeof s);
    alarm(60);
    write_users();
    snprintf(text, sizeof text, "hostname us.example\nlisten 127.0.0.1:0 { protocol lmtp }\nmail { path /m/%%n }\n%s",
             extra);
    s.conf = pf_conf_parse("test", pf_bytes_of(text), NULL, NULL);
    assert_non_null(s.conf);
    s.loop = pf_loop_new(NULL);
    s.memory = pf_memory_new(s.loop);
    s.store = pf_faulty_new(s.memory);
    lookup.users = (struct pf_auth_settings){.password_file = s.users, .hashes_at_once = 1, .allow_weak_schemes = true};
    s.lookup = pf_lookup_new(s.loop, &lookup, NULL);
    s.log = (struct pf_log){PF_LOG_DEBUG, keep_line};
    parts = (struct pf_dock_parts){s.loop, &s.log, s.lookup, s.store};
    s.dock = pf_dock_new(&parts, NULL);
    assert_non_null(s.dock);
    assert_int_equal(pf_dock_settings(s.dock, s.conf, NULL, NULL), PF_OK);
}

static void come(void)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    s.fd = pair[0];
    pf_dock_carrier(s.dock, pair[1], 0);
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
    assert_int_equal(pf_dock_count(s.dock), 0);
    pf_dock_free(s.dock);
    pf_lookup_free(s.lookup);
    pf_store_free(s.store);
    while (pf_loop_turn(s.loop, true))
        ;
    pf_loop_free(s.loop);
    pf_conf_free(s.conf);
    close(s.fd);
    unlink(s.users);
    rmdir(s.dir);
    alarm(0);
}

/* Sends, then turns the loop until so many line ends came. */
static const char *ask(const char *text, unsigned lines)
{
    size_t len = 0;
    unsigned ends = 0;

    assert_int_equal(write(s.fd, text, strlen(text)), strlen(text));
    while (ends < lines) {
        ssize_t n = read(s.fd, s.got + len, 1);

        assert_false(n == 0);
        if (n < 0 && errno == EAGAIN)
            pf_loop_turn(s.loop, false);
        else
            ends += s.got[len++] == '\n';
    }
    s.got[len] = 0;
    return s.got;
}

static void envelope(void)
{
    come();
    assert_non_null(strstr(ask("", 1), "220 us.example"));
    for (ask("LHLO h\r\n", 1); s.got[3] == '-'; ask("", 1))
        ;
    assert_memory_equal(ask("MAIL FROM:<s@x>\r\n", 1), "250", 3);
    assert_memory_equal(ask("RCPT TO:<anna@x>\r\n", 1), "250", 3);
    assert_memory_equal(ask("RCPT TO:<nobody@x>\r\n", 1), "55", 2);
    assert_memory_equal(ask("RCPT TO:<bob@x>\r\n", 1), "250", 3);
}

static void l_008_each_recipient_has_an_answer_and_an_event(void **state)
{
    const struct pf_fault fault = {.at = PF_FAULT_SEAL, .number = 1, .index = -1, .code = PF_NO_SPACE};
    unsigned mails;

    (void)state;
    up("");
    pf_faulty_add(s.store, &fault);
    envelope();
    assert_memory_equal(ask("DATA\r\n", 1), "354", 3);
    ask("Subject: x\r\n\r\n..body\r\n.\r\n", 2);
    assert_non_null(strstr(s.got, "452 4.3.1"));
    assert_non_null(strstr(s.got, "250 2."));
    mails = pf_memory_count(s.memory, "/m/anna") + pf_memory_count(s.memory, "/m/bob");
    assert_int_equal(mails, 1);
    assert_memory_equal(ask("QUIT\r\n", 1), "221", 3);
    while (pf_dock_count(s.dock))
        pf_loop_turn(s.loop, true);
    assert_non_null(strstr(s.logged, "event=delivered user="));
    assert_non_null(strstr(s.logged, "event=delivery_failed recipient=nobody@x"));
    assert_non_null(strstr(s.logged, "code=NO_SPACE"));
    assert_non_null(strstr(s.logged, "messages=1 delivered=1 failed=2 end=quit"));
    down();
}

/* At every moment the client may vanish, or the server go down: nothing is delivered, nothing is left. */
static void l_020_an_end_at_any_moment_leaves_nothing(void **state)
{
    static const char *const words[] = {"DATA\r\n", "Subject: x\r\n", "\r\nbody\r\n", ".\r"};

    (void)state;
    for (size_t stage = 0; stage <= 4; stage++)
        for (int closing = 0; closing < 2; closing++) {
            up("");
            envelope();
            for (size_t i = 0; i < stage; i++)
                assert_int_equal(write(s.fd, words[i], strlen(words[i])), strlen(words[i]));
            for (int i = 0; i < 3; i++)
                pf_loop_turn(s.loop, false);
            if (!closing) {
                shutdown(s.fd, SHUT_RDWR);
                while (pf_dock_count(s.dock))
                    pf_loop_turn(s.loop, true);
            }
            assert_int_equal(pf_memory_count(s.memory, "/m/anna"), 0);
            down();
            assert_null(strstr(s.logged, "event=delivered"));
        }
}

static void more_connections_than_allowed_are_told_to_wait(void **state)
{
    int first;

    (void)state;
    up("delivery { connections 1 }");
    come();
    first = s.fd;
    come();
    assert_memory_equal(ask("", 1), "421 4.3.2", 9);
    assert_non_null(strstr(s.logged, "event=refused"));
    close(first);
    down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(l_008_each_recipient_has_an_answer_and_an_event),
        T(l_020_an_end_at_any_moment_leaves_nothing),
        T(more_connections_than_allowed_are_told_to_wait),
    };

    return RUN(tests);
}
