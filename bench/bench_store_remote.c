/* What a store in another process costs, beside the same store in this one: opening and closing maildrops, and
 * reading messages. CPU is that of both processes. */
#include "base/purse.h"
#include "bench.h"
#include "store/lift.h"
#include "store/maildir/maildir.h"
#include "store/store_remote.h"
#include "store/store_serve.h"
#include "sys/ipc.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STORE = 2,
    GATE = 1,
    PATH_ROOM = 200,
    PIECE = 65536,
    WINDOW = 1 << 20, /* nonces: more logins a second than any server has */
    RUNS = 7          /* odd */
};

static const unsigned char key[PF_SEAL_KEY] = {1};
static char place[PATH_ROOM / 2];

struct side {
    const char *name;
    struct pf_loop *loop;
    struct pf_pool *pool;
    struct pf_store *store;
    struct pf_purse *purse; /* remote */
    struct pf_seal *seal;
    pid_t child;
    clockid_t child_clock;
};

static struct pf_store *maildir_on(struct pf_loop *loop, struct pf_pool **out_pool)
{
    const struct pf_maildir_settings settings = {.create = true, .cache = true, .host = "bench.example"};

    *out_pool = pf_pool_new(loop, "bench", 4, 64, NULL);
    bench_need(*out_pool != NULL, "pool");
    return pf_lift_new(loop, *out_pool, pf_maildir_new(&settings, NULL), NULL);
}

/* Until it is killed. */
static void serve(int fd)
{
    struct pf_store_serve_parts parts = {.loop = pf_loop_new(NULL), .number = STORE};
    struct pf_store_serve *server;
    struct pf_pool *pool;

    parts.store = maildir_on(parts.loop, &pool);
    parts.seal = pf_seal_new(key, WINDOW, NULL);
    server = pf_store_serve_new(&parts, NULL);
    bench_need(pf_store_serve_gate(server, fd, GATE, NULL) == PF_OK, "gate");
    pf_loop_run(parts.loop);
    _exit(0);
}

static void make_direct(struct side *side)
{
    *side = (struct side){.name = "direct", .loop = pf_loop_new(NULL), .child = -1};
    side->store = maildir_on(side->loop, &side->pool);
}

static void make_remote(struct side *side)
{
    int fds[2];

    bench_need(pf_ipc_pair(fds, NULL) == PF_OK, "pair");
    *side = (struct side){.name = "remote", .child = fork()};
    bench_need(side->child >= 0, "fork");
    if (side->child == 0) {
        close(fds[1]);
        serve(fds[0]);
    }
    close(fds[0]);
    bench_need(clock_getcpuclockid(side->child, &side->child_clock) == 0, "clock");
    side->loop = pf_loop_new(NULL);
    side->purse = pf_purse_new();
    side->seal = pf_seal_new(key, 0, NULL);
    side->store = pf_store_remote_new(side->loop, side->purse, NULL, NULL);
    bench_need(pf_store_remote_join(side->store, STORE, fds[1], NULL) == PF_OK, "join");
}

static uint64_t pass_for(struct side *side, const char *path)
{
    struct pf_ticket t = {.user = "bench", .rights = PF_TICKET_RIGHTS, .expire_days = -1, .gate = GATE,
                          .store = STORE, .session = 1, .expires = pf_loop_now_fresh(side->loop) + 30000};
    unsigned char room[PF_SEAL_TICKET_MAX];
    struct pf_span span = {room, 0, sizeof room};

    if (!side->purse)
        return 0;
    snprintf(t.path, sizeof t.path, "%s", path);
    bench_need(pf_seal_put(side->seal, &t, &span, NULL) == PF_OK, "ticket");
    return pf_purse_put(side->purse, STORE, pf_span_bytes(&span), pf_loop_now(side->loop));
}

static bool pending;

static void done(struct pf_store_op *op)
{
    pending = false;
    if (op->err.code != PF_OK)
        fprintf(stderr, "%s\n", op->err.log);
    bench_need(op->err.code == PF_OK, "op");
}

static void finish(struct side *side)
{
    while (pending)
        pf_loop_turn(side->loop, true);
}

static struct pf_box *open_box(struct side *side, const char *path, uint32_t count)
{
    struct pf_box_open o = {.op.done = done, .where = {.user = "bench", .path = path, .now = time(NULL),
                                                       .expire_days = -1, .pass = pass_for(side, path)}};

    pending = true;
    pf_box_open(side->store, &o);
    finish(side);
    bench_need(o.listing.count == count, "listing");
    return o.box;
}

static void close_box(struct side *side, struct pf_box *box)
{
    struct pf_box_close c = {.op.done = done};

    pending = true;
    pf_box_close(box, &c);
    finish(side);
}

static void read_message(struct side *side, struct pf_box *box, uint64_t size)
{
    static unsigned char piece[PIECE];
    struct pf_box_read r = {0};
    uint64_t got = 0;

    do {
        r = (struct pf_box_read){.op.done = done, .offset = got, .at = piece, .cap = sizeof piece};
        pending = true;
        pf_box_read(box, &r);
        finish(side);
        got += r.got;
    } while (!r.last);
    bench_need(got == size, "size");
}

static double cpu_of(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double cpu(const struct side *side)
{
    return cpu_of(CLOCK_PROCESS_CPUTIME_ID) + (side->child > 0 ? cpu_of(side->child_clock) : 0);
}

struct task {
    const char *name;
    uint32_t messages; /* in its maildrop */
    uint64_t size;     /* of its messages */
    bool reads;        /* else opens and closes */
    unsigned times;
    char path[PATH_ROOM];
};

static void once(struct side *side, const struct task *task)
{
    struct pf_box *box = open_box(side, task->path, task->messages);

    for (unsigned i = 0; i < task->times && task->reads; i++)
        read_message(side, box, task->size);
    close_box(side, box);
    for (unsigned i = 1; i < task->times && !task->reads; i++)
        close_box(side, open_box(side, task->path, task->messages));
}

static void measure(struct side *sides, const struct task *task)
{
    double wall[2][RUNS], used[2][RUNS];

    for (int run = -1; run < RUNS; run++)
        for (int s = 0; s < 2; s++) {
            double from = bench_seconds(), cpu_from = cpu(&sides[s]);

            once(&sides[s], task);
            if (run < 0)
                continue; /* what is cold */
            wall[s][run] = (bench_seconds() - from) * 1e6 / task->times;
            used[s][run] = (cpu(&sides[s]) - cpu_from) / task->times;
        }
    printf("%-28s", task->name);
    for (int s = 0; s < 2; s++)
        printf(" %10.1f %10.1f", bench_median(wall[s], RUNS), bench_median(used[s], RUNS));
    printf("\n");
    fflush(stdout);
}

static void make_message(const struct task *task, uint32_t number)
{
    static const char line[] = "0123456789012345678901234567890123456789012345678901234567890123456789012345678\n";
    char path[PATH_ROOM * 2];
    uint64_t left = task->size;
    FILE *file;

    snprintf(path, sizeof path, "%s/cur/%u.M%uP7Q%u.mx,S=%llu:2,S", task->path, 1700000000 + number, number, number,
             (unsigned long long)task->size);
    file = fopen(path, "we");
    bench_need(file != NULL, path);
    for (; left > 0; left -= left < sizeof line - 1 ? left : sizeof line - 1)
        fwrite(line, 1, left < sizeof line - 1 ? left : sizeof line - 1, file);
    bench_need(fclose(file) == 0, path);
}

static void make_drop(struct task *task, unsigned number)
{
    static const char *const folders[] = {"", "/tmp", "/new", "/cur"};
    char path[PATH_ROOM * 2];

    snprintf(task->path, sizeof task->path, "%s/%u", place, number);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", task->path, folders[i]);
        bench_need(mkdir(path, 0700) == 0, path);
    }
    for (uint32_t i = 0; i < task->messages; i++)
        make_message(task, i);
}

static void remove_place(void)
{
    char command[PATH_ROOM];
    pid_t child = fork();
    int status;

    snprintf(command, sizeof command, "%s", place);
    if (child == 0) {
        execlp("rm", "rm", "-rf", command, (char *)NULL);
        _exit(1);
    }
    waitpid(child, &status, 0);
}

int main(void)
{
    struct task tasks[] = {
        {"open+close, empty", 0, 0, false, 2000, ""},
        {"open+close, 10 messages", 10, 100, false, 1000, ""},
        {"open+close, 100 messages", 100, 100, false, 500, ""},
        {"open+close, 400 messages", 400, 100, false, 200, ""},
        {"open+close, 800 messages", 800, 100, false, 200, ""},
        {"open+close, 1600 messages", 1600, 100, false, 100, ""},
        {"open+close, 10000 messages", 10000, 100, false, 20, ""},
        {"read 4 KiB", 1, 4096, true, 2000, ""},
        {"read 100 KiB", 1, 100 * 1024, true, 500, ""},
        {"read 20 MiB", 1, 20 << 20, true, 10, ""},
    };
    struct side sides[2];
    const char *tmp = getenv("TMPDIR");

    snprintf(place, sizeof place, "%.60s/pf-bench-XXXXXX", tmp ? tmp : "/tmp");
    bench_need(mkdtemp(place) != NULL, place);
    atexit(remove_place);
    make_remote(&sides[1]); /* before there are threads */
    make_direct(&sides[0]);
    for (unsigned i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        make_drop(&tasks[i], i);
    printf("# microseconds for one: on the clock, and of CPU\n");
    printf("%-28s %10s %10s %10s %10s\n", "# what", "direct", "cpu", "remote", "cpu");
    sleep(3); /* the cache of a Maildir trusts only folders that rested for two seconds */
    for (unsigned i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        measure(sides, &tasks[i]);
    kill(sides[1].child, SIGKILL);
    waitpid(sides[1].child, NULL, 0);
    return 0;
}
