#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bench.h"
#include "store/maildir/box.h"
#include <postfach/pop3_server.h>

/* What it costs to open a Maildir, with names of three kinds and the cache in four states. */

enum {
    PATH_ROOM = 512,
    FEW_RUNS = 5, /* of large maildrops, where a run takes a second */
    LARGE = 100000,
    BODY_LINES = 30 /* with these a message has 2 KB, of which a mailbox has most */
};

struct kind {
    const char *name;
    void (*write_name)(char *room, uint32_t number, size_t size, size_t wire);
};

struct drop {
    const struct kind *kind;
    char path[PATH_ROOM];
    uint32_t count;
    struct pf_maildir_counts counts; /* of the last open */
};

struct way {
    const char *name;
    bool cache;
    void (*before)(struct drop *);
};

/* The cache trusts only folders that rested for two seconds. */
#define RESTED 3000000000 /* nanoseconds */

static char place[PATH_ROOM / 2];
static char body[BODY_LINES * 70];
static size_t body_len, body_wire;

/* As our own deliveries and Dovecot's are named. */
static void sized(char *room, uint32_t number, size_t size, size_t wire)
{
    snprintf(room, PATH_ROOM / 4, "%u.M%uP77Q%u.mx,S=%zu,W=%zu:2,S", 1700000000 + number, number % 1000000,
             number, size, wire);
}

/* As qmail and Postfix name them: fit as a UIDL, but silent about sizes. */
static void plain(char *room, uint32_t number, size_t size, size_t wire)
{
    (void)size, (void)wire;
    snprintf(room, PATH_ROOM / 4, "%u.V801I%xM%u.mx:2,S", 1700000000 + number, number + 4096,
             number % 1000000);
}

/* As scripts name them: the UIDL has to be made and kept. */
static void script(char *room, uint32_t number, size_t size, size_t wire)
{
    (void)size, (void)wire;
    snprintf(room, PATH_ROOM / 4, "message-%u:2,S", number);
}

static const struct kind kinds[] = {{"sized", sized}, {"plain", plain}, {"script", script}};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void remove_place(void)
{
    remove_tree(place);
}

static void make_body(void)
{
    for (int i = 0; i < BODY_LINES; i++)
        body_len += (size_t)snprintf(body + body_len, sizeof body - body_len, "%066d\n", i);
    body_wire = body_len + BODY_LINES;
}

static void add_message(struct drop *d, const char *folder)
{
    char name[PATH_ROOM / 4], path[2 * PATH_ROOM];
    int fd;

    d->kind->write_name(name, d->count++, body_len, body_wire);
    snprintf(path, sizeof path, "%s/%s/%s", d->path, folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bench_need(fd >= 0 && write(fd, body, body_len) == (ssize_t)body_len && !close(fd), path);
}

static void make_drop(struct drop *d, const struct kind *kind, uint32_t count)
{
    static const char *const folders[] = {"", "/tmp", "/new", "/cur"};
    char path[2 * PATH_ROOM];

    *d = (struct drop){.kind = kind};
    snprintf(d->path, sizeof d->path, "%s/%s-%u", place, kind->name, count);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", d->path, folders[i]);
        bench_need(mkdir(path, 0700) == 0, path);
    }
    while (d->count < count)
        add_message(d, "cur");
}

static void forget_cache(struct drop *d)
{
    char path[2 * PATH_ROOM];

    snprintf(path, sizeof path, "%s/postfach-cache", d->path);
    unlink(path);
}

static void nothing(struct drop *d)
{
    (void)d;
}

static void one_more(struct drop *d)
{
    add_message(d, "new");
}

/* In this order: "first" finds nothing, and leaves UIDLs; "cold" leaves the cache for "warm". */
static const struct way ways[] = {
    {"first", true, nothing},      {"uncached", false, nothing}, {"cold", true, forget_cache},
    {"unchanged", true, nothing}, {"one_new", true, one_more},
};

struct took {
    double open, close; /* seconds; the close writes the cache when there is something to write */
};

static struct took open_once(struct pf_twin *twin, struct drop *d)
{
    const struct pf_box_where where = {
        .user = "bench", .path = d->path, .now = time(NULL), .expire_days = PF_EXPIRE_NEVER};
    struct pf_twin_opened opened;
    struct pf_err err;
    double from = bench_seconds();
    struct took took;

    if (twin->kind->box_open(twin, &where, true, &opened, &err)) {
        fprintf(stderr, "%s\n", err.log);
        exit(1);
    }
    took.open = bench_seconds() - from;
    bench_need(opened.listing.count == d->count && opened.listing.octets == (uint64_t)d->count * body_wire, "listing");
    d->counts = opened.box->counts;
    from = bench_seconds();
    twin->kind->box_close(opened.box);
    took.close = bench_seconds() - from;
    return took;
}

static void measure(struct drop *d, const struct way *way)
{
    const struct pf_maildir_settings settings = {.cache = way->cache};
    struct pf_twin *twin = pf_maildir_new(&settings, NULL);
    const struct pf_maildir_counts *c = &d->counts;
    int runs = way == ways ? 1 : d->count >= LARGE ? FEW_RUNS : BENCH_RUNS;
    double opens[BENCH_RUNS], closes[BENCH_RUNS], ms;

    bench_need(twin != NULL, "maildir");
    ((struct pf_maildir *)(void *)twin)->clock_ahead = RESTED;
    for (int i = 0; i < runs; i++) {
        struct took took;

        way->before(d);
        took = open_once(twin, d);
        opens[i] = took.open;
        closes[i] = took.close;
    }
    ms = bench_median(opens, (size_t)runs) * 1e3;
    printf("%-8s %7u %-10s %9.3f %9.3f %9.3f %6u %7u %7u\n", d->kind->name, d->count, way->name, ms,
           bench_median(closes, (size_t)runs) * 1e3, ms * 1e3 / d->count, c->scans, c->stats, c->opens);
    fflush(stdout);
    twin->kind->free(twin);
}

static void start(void)
{
    const char *tmp = getenv("TMPDIR");
    struct statfs fs;

    snprintf(place, sizeof place, "%s/pf-bench-XXXXXX", tmp ? tmp : "/tmp");
    bench_need(mkdtemp(place) != NULL, place);
    bench_need(atexit(remove_place) == 0 && statfs(place, &fs) == 0, place);
    make_body();
    printf("# file system type 0x%lx; messages of %zu octets, in the page cache\n", (unsigned long)fs.f_type,
           body_len);
    printf("# names  messages cache  open_ms close_ms open_us/message  scans stats opens\n");
}

int main(void)
{
    static const uint32_t counts[] = {1, 1000, 10000, LARGE};

    start();
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            struct drop d;

            make_drop(&d, &kinds[k], counts[c]);
            for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++)
                measure(&d, &ways[w]);
            remove_tree(d.path); /* soon: what is removed early is never written to the disk */
        }
    return 0;
}
