/* SIGHUP in the one process, whole: pf_single_run with ports, users, guests; only the loop is turned by the test. */
#include "unit/cm.h"

#include "role/setup.h"
#include "role/single.h"
#include "sys/log_sink.h"

#include "unit/scarce.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct pf_loop *the_loop;
static void (*script)(void);
static bool stopped;
static unsigned reloads, refused, traces, logs, stores; /* of the last two: alive */
static struct pf_store *alive[40];
static char home[64], conf_file[96], got[8192];

void __wrap_pf_loop_run(struct pf_loop *loop);
void __wrap_pf_loop_stop(struct pf_loop *loop);
void __wrap_pf_proc_harden(void);
struct pf_log *__wrap_pf_setup_log(const struct pf_conf *conf, struct pf_err *err);
void __real_pf_log_free(struct pf_log *log);
void __wrap_pf_log_free(struct pf_log *log);
struct pf_store *__real_pf_setup_store(const struct pf_conf *, struct pf_loop *, struct pf_pool *, struct pf_log *,
                                       struct pf_err *);
struct pf_store *__wrap_pf_setup_store(const struct pf_conf *, struct pf_loop *, struct pf_pool *, struct pf_log *,
                                       struct pf_err *);
void __real_pf_store_free(struct pf_store *store);
void __wrap_pf_store_free(struct pf_store *store);

void __wrap_pf_loop_run(struct pf_loop *loop)
{
    the_loop = loop;
    script();
    stopped = false;
    raise(SIGTERM);
    while (!stopped)
        pf_loop_turn(loop, true);
}

void __wrap_pf_loop_stop(struct pf_loop *loop)
{
    (void)loop;
    stopped = true;
}

void __wrap_pf_proc_harden(void) /* the leak checker looks at us as a debugger does */
{
}

static void note(struct pf_log *log, enum pf_event event, enum pf_level level, const char *line,
                 const struct pf_field *fields, size_t count)
{
    (void)log, (void)level, (void)line, (void)fields, (void)count;
    reloads += event == PF_EVENT_reload;
    refused += event == PF_EVENT_reload_failed;
    traces += event == PF_EVENT_store;
}

struct pf_log *__wrap_pf_setup_log(const struct pf_conf *conf, struct pf_err *err)
{
    struct pf_log *log = __wrap_malloc(sizeof *log);

    if (!log) {
        pf_fail(err, PF_NO_MEMORY, 0, "log", "no memory");
        return NULL;
    }
    *log = (struct pf_log){conf->log_debug ? PF_LOG_DEBUG : PF_LOG_INFO, note};
    logs++;
    return log;
}

void __wrap_pf_log_free(struct pf_log *log)
{
    logs--;
    __real_pf_log_free(log);
}

struct pf_store *__wrap_pf_setup_store(const struct pf_conf *conf, struct pf_loop *loop, struct pf_pool *pool,
                                       struct pf_log *log, struct pf_err *err)
{
    struct pf_store *store = __real_pf_setup_store(conf, loop, pool, log, err);

    for (size_t i = 0; store && i < sizeof alive / sizeof alive[0]; i++)
        if (!alive[i]) {
            alive[i] = store;
            stores++;
            return store;
        }
    assert_null(store);
    return NULL;
}

void __wrap_pf_store_free(struct pf_store *store)
{
    for (size_t i = 0; store && i < sizeof alive / sizeof alive[0]; i++)
        if (alive[i] == store) { /* not one that is inside of another */
            alive[i] = NULL;
            stores--;
        }
    __real_pf_store_free(store);
}

static const char *in(const char *name)
{
    static char path[2][128];
    static unsigned turn;

    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", home, name);
    return path[turn];
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(in(name), "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Settings `x` ('a' or 'b'), which differ in all that a reload can change. */
static void write_conf(char x)
{
    char text[1024];

    snprintf(text, sizeof text,
             "hostname %c.example\nport-file %s/ports\n"
             "listen 127.0.0.1:0 { tls none; plaintext-login yes }\n"
             "listen unix:%s/%c.sock { protocol lmtp; tls none }\n"
             "users { password-file %s/users.%c; weak-schemes yes; failure-delay 0; hashes-at-once %d }\n"
             "mail { path %s/mail/%%n; create yes }\n"
             "log { debug %s }\n",
             x, home, home, x, home, x, x == 'a' ? 1 : 3, home, x == 'a' ? "yes" : "no");
    write_file("conf", text);
}

static void reload(void)
{
    unsigned before = reloads + refused;

    raise(SIGHUP);
    while (reloads + refused == before)
        pf_loop_turn(the_loop, true);
}

static unsigned port(void)
{
    unsigned number = 0;
    FILE *file = fopen(in("ports"), "re");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "pop3 127.0.0.1 %u", &number), 1);
    fclose(file);
    return number;
}

static int come_in(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port()),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static int come_in_at(char x)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    snprintf(to.sun_path, sizeof to.sun_path, "%s/%c.sock", home, x);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Sends, then turns the loop until a whole answer came: its last line has no '-' behind the code. */
static const char *say(int fd, const char *text)
{
    size_t len = 0, line = 0;

    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    for (;;) {
        ssize_t n = recv(fd, got + len, 1, 0);

        assert_true(n != 0 && len + 2 < sizeof got);
        if (n < 0) {
            assert_int_equal(errno, EAGAIN);
            pf_loop_turn(the_loop, false);
            continue;
        }
        if (got[len++] != '\n')
            continue;
        got[len] = 0;
        if (got[line + 3] != '-')
            return got;
        line = len;
    }
}

static bool log_in(int fd, char x)
{
    char line[32];

    snprintf(line, sizeof line, "USER user%c\r\n", x);
    say(fd, line);
    return strstr(say(fd, "PASS x\r\n"), "+OK") == got;
}

static bool has_recipient(int fd, char x)
{
    char line[40];

    snprintf(line, sizeof line, "RCPT TO:<user%c@x>\r\n", x);
    return strncmp(say(fd, line), "250", 3) == 0;
}

/* Asks every part of the server which settings it lives by: 'x' must be all that is found. */
static void all_live_by(char x)
{
    char greeting[32], other = x == 'a' ? 'b' : 'a';
    unsigned before = traces;
    int fd = come_in();

    snprintf(greeting, sizeof greeting, " %c.example ", x);
    assert_non_null(strstr(say(fd, ""), greeting));
    assert_false(log_in(fd, other));
    assert_true(log_in(fd, x));
    assert_int_equal(traces > before, x == 'a');
    say(fd, "QUIT\r\n");
    close(fd);
    assert_int_equal(come_in_at(other), -1);
    fd = come_in_at(x);
    assert_true(fd >= 0);
    assert_non_null(strstr(say(fd, ""), greeting));
    say(fd, "LHLO h\r\n");
    say(fd, "MAIL FROM:<>\r\n");
    assert_true(has_recipient(fd, x));
    assert_false(has_recipient(fd, other));
    close(fd);
}

static void every_allocation_of_a_reload_fails(void)
{
    unsigned long n = 0;
    unsigned olds = 0;

    all_live_by('a');
    do {
        unsigned before = reloads;

        write_conf('b');
        failed = false;
        countdown = ++n;
        reload();
        countdown = 0;
        olds += reloads == before;
        all_live_by(reloads == before ? 'a' : 'b');
        if (reloads > before && failed) { /* it could do without */
            write_conf('a');
            reload();
        }
    } while (failed);
    assert_true(olds > 20);
    assert_true(logs <= 2 && stores <= 2); /* this and the one before */
}

/* What cannot fail for want of memory: a port that is taken, a certificate or users that are not there. */
static void settings_that_cannot_be_taken_on_change_nothing(void)
{
    static const char *const wrong[] = {
        "tls { certificate /nowhere/a.pem; key /nowhere/a.key }\n",
        "listen unix:/nowhere/c.sock { protocol lmtp; tls none }\n",
        "users { aliases /nowhere/aliases }\n",
        "users { password-file /nowhere/users }\n",
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        unsigned before = refused;
        FILE *file;

        write_conf('b');
        file = fopen(conf_file, "ae");
        assert_non_null(file);
        fputs(wrong[i], file);
        assert_int_equal(fclose(file), 0);
        reload();
        assert_true(refused > before);
        all_live_by('a');
        assert_int_equal(logs, 1);
        assert_int_equal(stores, 1);
    }
}

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : 0;
}

static void turn_over(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        write_conf(i % 2 ? 'a' : 'b');
        reload();
        while (pf_loop_turn(the_loop, false) && i == count) /* handles that close */
            ;
    }
}

static void old_logs_and_stores_go_with_their_last_guest(void)
{
    size_t before;
    int fd;

    turn_over(10);
    all_live_by('a');
    turn_over(2);
    before = allocated();
    turn_over(50);
    assert_in_range(allocated(), 0, before + 1024);
    assert_int_equal(logs, 1);
    assert_int_equal(stores, 1);
    fd = come_in();
    say(fd, "");
    assert_true(log_in(fd, 'a'));
    turn_over(6);
    assert_int_equal(logs, 7); /* he may use any of them */
    assert_int_equal(stores, 7);
    assert_non_null(strstr(say(fd, "NOOP\r\n"), "+OK"));
    say(fd, "QUIT\r\n");
    close(fd);
    while (stores > 1) /* without another reload: the timer looks */
        pf_loop_turn(the_loop, true);
    assert_int_equal(logs, 1);
    all_live_by('a');
}

static void run(void (*what)(void))
{
    sigset_t none;

    memset(alive, 0, sizeof alive);
    snprintf(home, sizeof home, "/tmp/postfach-reload.XXXXXX");
    assert_non_null(mkdtemp(home));
    assert_int_equal(mkdir(in("mail"), 0700), 0);
    assert_int_equal(mkdir(in("mail/usera"), 0700), 0);
    assert_int_equal(mkdir(in("mail/userb"), 0700), 0);
    snprintf(conf_file, sizeof conf_file, "%s/conf", home);
    write_file("users.a", "usera:{PLAIN}x\n");
    write_file("users.b", "userb:{PLAIN}x\n");
    write_conf('a');
    reloads = refused = traces = logs = stores = 0;
    script = what;
    alarm(120);
    assert_int_equal(pf_single_run(conf_file), 0);
    alarm(0);
    sigemptyset(&none); /* the server ends deaf */
    sigprocmask(SIG_SETMASK, &none, NULL);
    assert_int_equal(logs, 0);
    assert_int_equal(stores, 0);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static void remove_home(void)
{
    assert_int_equal(nftw(home, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void a_reload_without_memory_is_all_or_nothing(void **state)
{
    (void)state;
    run(every_allocation_of_a_reload_fails);
    remove_home();
}

static void bad_settings_change_nothing(void **state)
{
    (void)state;
    run(settings_that_cannot_be_taken_on_change_nothing);
    remove_home();
}

static void fifty_reloads_leave_nothing_behind(void **state)
{
    (void)state;
    run(old_logs_and_stores_go_with_their_last_guest);
    remove_home();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_reload_without_memory_is_all_or_nothing),
        T(bad_settings_change_nothing),
        T(fifty_reloads_leave_nothing_behind),
    };

    return RUN(tests);
}
