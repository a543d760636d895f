/* The ledger's file, whatever is in it. First octet: 0 when the others are a line, 1 when they are one
 * that lacks its sum, 2 when they are a file whose lines lack their sums; else they are put over a file
 * that is right, from the place on that the octet says. A line that is read prints back the same. A file
 * that is opened has what looking saw, is whole afterwards, takes a record, and is the same the next
 * time. */
#include "fetch/ledger.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WHO "joe@pop.example.org"

static char folder[64], path[96], lock[96];
static unsigned char room[PF_LEDGER_UID_MAX + PF_LEDGER_NAME_MAX];

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void clean(void)
{
    (void)unlink(path);
    (void)unlink(lock);
    (void)rmdir(folder);
}

static void begin(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%.40s/pf-fuzz-XXXXXX", tmp ? tmp : "/tmp");
    must(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/l", folder);
    snprintf(lock, sizeof lock, "%s/l.lock", folder);
    must(atexit(clean) == 0);
}

static void one_line(struct pf_bytes line)
{
    unsigned char again[PF_LEDGER_LINE_MAX];
    struct pf_span out = {again, 0, sizeof again};
    struct pf_ledger_note n;

    if (pf_ledger_parse(line, room, &n) != PF_OK)
        return;
    must(n.uid.len > 0 && n.uid.len <= PF_LEDGER_UID_MAX && n.name.len <= PF_LEDGER_NAME_MAX);
    must(pf_ledger_line(&n, &out));
    must(out.len == line.len + 1 && memcmp(again, line.at, line.len) == 0 && again[line.len] == '\n');
}

static void put(int flags, struct pf_bytes b)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

    must(fd >= 0 && write(fd, b.at, b.len) == (ssize_t)b.len && close(fd) == 0);
}

/* The line with its right sum, and `end` behind it. */
static struct pf_bytes summed(struct pf_bytes line, const char *end)
{
    static unsigned char whole[8192];
    char sum[16];
    struct pf_span out = {whole, 0, sizeof whole};

    line = pf_bytes_head(line, sizeof whole - sizeof sum);
    snprintf(sum, sizeof sum, " *%08lx%s", crc32(0, line.at, (unsigned)line.len), end);
    must(pf_span_put(&out, line) && pf_span_put(&out, pf_bytes_of(sum)));
    return pf_span_bytes(&out);
}

static void put_lines(struct pf_bytes rest)
{
    put(O_TRUNC, PF_LIT("postfach-ledger 1\n"));
    while (rest.len) {
        const unsigned char *at = memchr(rest.at, '\n', rest.len);
        size_t end = at ? (size_t)(at - rest.at) : rest.len;

        put(O_APPEND, summed(pf_bytes_head(rest, end), "\n"));
        rest = pf_bytes_skip(rest, end + 1);
    }
}

/* A file of three sections, with the octets over it from `at` on; behind them it ends. */
static void make(size_t at, struct pf_bytes over)
{
    static unsigned char good[4096];
    static size_t len;
    static const char *const whos[] = {"old", WHO, "odd", WHO};

    if (!len) {
        (void)unlink(path);
        for (size_t i = 0; i < sizeof whos / sizeof *whos; i++) {
            char uid[] = {'u', (char)('0' + i)};
            struct pf_ledger_note n = {PF_LEDGER_WILL,   7, 8, {9}, pf_bytes_from(uid, 2),
                                       PF_LIT("17.host")};
            struct pf_ledger *l;

            must(pf_ledger_open(path, whos[i], 0, &l, NULL) == PF_OK);
            must(pf_ledger_write(l, &n, 1, false, NULL) == PF_OK);
            n.state = PF_LEDGER_DONE;
            must(pf_ledger_write(l, &n, 1, false, NULL) == PF_OK);
            pf_ledger_close(l);
        }
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = read(fd, good, sizeof good);
        must(n > 0 && close(fd) == 0);
        len = (size_t)n;
    }
    put(O_TRUNC, pf_bytes_head(pf_bytes_from(good, len), at));
    put(O_APPEND, over);
}

static void same(const struct pf_ledger *a, const struct pf_ledger *b)
{
    size_t n = pf_ledger_count(a);

    must(n == pf_ledger_count(b) && pf_ledger_elsewhere_count(a) == pf_ledger_elsewhere_count(b));
    for (size_t i = 0; i < n; i++) {
        struct pf_ledger_note one, two, found;

        pf_ledger_at(a, i, &one);
        pf_ledger_at(b, i, &two);
        must(one.state == two.state && one.state != PF_LEDGER_GONE && one.when == two.when &&
             one.octets == two.octets && pf_bytes_equal(one.uid, two.uid) &&
             pf_bytes_equal(one.name, two.name) && memcmp(one.head, two.head, sizeof one.head) == 0);
        must(pf_ledger_find(a, one.uid, &found) && found.uid.at == one.uid.at);
    }
}

static void one_file(void)
{
    static const struct pf_ledger_note more = {
        PF_LEDGER_DONE, 1, 2, {3}, {(const unsigned char *)"more", 4}, {NULL, 0}};
    struct pf_ledger *looked = NULL, *l = NULL, *again = NULL;
    enum pf_code code = pf_ledger_look(path, WHO, &looked, NULL);

    must(code == PF_OK || code == PF_DAMAGED);
    must(pf_ledger_open(path, WHO, 0, &l, NULL) == code);
    if (code != PF_OK)
        return;
    same(looked, l);
    must(pf_ledger_write(l, &more, 1, false, NULL) == PF_OK && pf_ledger_learn(l, &more, 1));
    pf_ledger_close(looked);
    must(pf_ledger_look(path, WHO, &again, NULL) == PF_OK);
    same(l, again);
    pf_ledger_close(again);
    must(pf_ledger_settled(l, NULL) == PF_OK && pf_ledger_elsewhere_count(l) == 0);
    pf_ledger_close(l);
    must(pf_ledger_open(path, WHO, 0, &l, NULL) == PF_OK && pf_ledger_elsewhere_count(l) == 0);
    must(pf_ledger_find(l, more.uid, &(struct pf_ledger_note){0}));
    pf_ledger_close(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_bytes rest = pf_bytes_skip(pf_bytes_from(data, size), 1);

    if (!*folder)
        begin();
    if (size == 0)
        return 0;
    if (data[0] < 2) {
        one_line(data[0] ? summed(rest, "") : rest);
        return 0;
    }
    if (data[0] == 2)
        put_lines(rest);
    else
        make((data[0] - 3U) * 3U, rest);
    one_file();
    return 0;
}
