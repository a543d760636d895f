/* The state beside an mbox that nobody touched: whatever it holds, the listing is the one that the file alone gives,
 * but for UIDLs, which are legal and unique, and a removal takes what was marked. First octet: 0 when the others
 * are the state, else they change the state that a session wrote: place, what to do, octet. */
#include "fuzz/mbox_place.h"

#include "store/mbox/box.h"

#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STATE_MAX = 1 << 16, TEXT_MAX = 1024, COUNT = 4 };

struct state {
    size_t len;
    unsigned char at[STATE_MAX];
};

#define DATE " Mon Jan  1 00:00:00 2001\n"
#define HIDDEN "From M" DATE "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1\n\nnotes\n\n"
#define FIRST "From ada" DATE
#define SECOND "From ben" DATE
#define THIRD "From cyd" DATE
#define FOURTH "From dot" DATE
static const char *const texts[COUNT] = {"X-UIDL: one\n\nalpha\n", "Status: RO\nSubject: b\n\nbeta\n", "",
                                         "Subject: d\n\n.dot\n\nno end"};
static const uint64_t octets[COUNT] = {22, 32, 0, 30};
static char path[80], state_path[120];
static struct state honest;

static void put(const char *name, struct pf_bytes b)
{
    int fd;

    unlink(name);
    fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, b.at, b.len) == (ssize_t)b.len && close(fd) == 0);
}

static struct pf_bytes get(const char *name, struct state *s)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, s->at, STATE_MAX);

    must(got >= 0 && got < STATE_MAX && close(fd) == 0);
    s->len = (size_t)got;
    return pf_bytes_from(s->at, s->len);
}

static void put_box(void)
{
    char text[TEXT_MAX];

    snprintf(text, sizeof text, "%s%s%s\n%s%s\n%s%s\n%s%s", HIDDEN, FIRST, texts[0], SECOND, texts[1], THIRD, texts[2],
             FOURTH, texts[3]);
    put(path, pf_bytes_of(text));
}

static enum pf_code box_open(struct pf_twin *twin, struct pf_twin_opened *o)
{
    const struct pf_box_where where = {.user = "ada", .path = path, .now = 1700000000, .expire_days = -1};

    *o = (struct pf_twin_opened){0};
    return pf_mbox_box_open(twin, &where, true, o, NULL);
}

static void lists_right(const struct pf_twin_opened *o)
{
    must(o->listing.count == COUNT && o->listing.octets == octets[0] + octets[1] + octets[2] + octets[3]);
    for (uint32_t i = 0; i < COUNT; i++) {
        unsigned char got[TEXT_MAX];
        struct pf_box_read op = {.index = i, .at = got, .cap = sizeof got};
        struct pf_bytes uidl = pf_listing_uidl(&o->listing, i);

        must(pf_mbox_uidl_legal(uidl) && o->listing.rows[i].octets == octets[i]);
        for (uint32_t k = 0; k < i; k++)
            must(!pf_bytes_equal(uidl, pf_listing_uidl(&o->listing, k)));
        must(pf_mbox_box_read(o->box, &op, true, NULL) == PF_OK && op.last);
        must(pf_bytes_equal(pf_bytes_from(got, op.got), pf_bytes_of(texts[i])));
    }
}

static void removes_the_first(const struct pf_twin_opened *o)
{
    static struct state now;
    char text[TEXT_MAX];
    uint64_t mask = 1;
    struct pf_marks marks = {&mask, COUNT};
    struct pf_box_expunge op = {.remove = &marks};

    must(pf_mbox_box_expunge(o->box, &op, NULL) == PF_OK && op.removed == 1);
    snprintf(text, sizeof text, "%s%s%s\n%s%s\n%s%s", HIDDEN, SECOND, texts[1], THIRD, texts[2], FOURTH, texts[3]);
    must(pf_bytes_equal(get(path, &now), pf_bytes_of(text)));
}

static void enter(struct pf_twin *twin)
{
    struct pf_twin_opened o;

    if (!folder[0]) {
        snprintf(folder, sizeof folder, "%s/pf-fuzz-mbox-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        must(mkdtemp(folder) != NULL);
        snprintf(path, sizeof path, "%s/box", folder);
        snprintf(state_path, sizeof state_path, "%s/.box.postfach-state", folder);
        must(atexit(leave) == 0);
    }
    put_box(); /* its times are in the state */
    unlink(state_path);
    must(box_open(twin, &o) == PF_OK);
    lists_right(&o);
    pf_mbox_box_close(o.box);
    get(state_path, &honest);
}

/* One change: an octet or a line is changed, put in, or taken out. */
static void change(struct state *s, const uint8_t how[4])
{
    size_t at = s->len ? (size_t)(how[0] << 8 | how[1]) % s->len : 0;
    size_t line = at;

    while (line < s->len && s->at[line] != '\n')
        line++;
    line += line < s->len;
    if (how[2] % 5 == 0 && s->len) {
        s->at[at] ^= how[3];
    } else if (how[2] % 5 == 1 && s->len) {
        s->at[at] = how[3];
    } else if (how[2] % 5 == 2) { /* a line, or its end, is doubled */
        if (s->len + (line - at) >= STATE_MAX)
            return;
        memmove(s->at + line, s->at + at, s->len - at);
        s->len += line - at;
    } else if (how[2] % 5 == 3) {
        memmove(s->at + at, s->at + line, s->len - line);
        s->len -= line - at;
    } else if (how[3] > 250) {
        s->len = at;
    }
}

static void run(struct pf_twin *twin, const uint8_t *data, size_t size)
{
    static struct state s;
    struct pf_twin_opened o;
    enum pf_code code;

    s = honest;
    if (!data[0]) {
        s.len = size - 1;
        memcpy(s.at, data + 1, s.len);
    }
    for (size_t i = 1; data[0] && i + 4 <= size; i += 4)
        change(&s, data + i);
    put(state_path, pf_bytes_from(s.at, s.len));
    for (int i = 0; i < 2; i++) { /* and by the state that the first one made of it */
        code = box_open(twin, &o);
        must(code == PF_OK || (code == PF_PERM && !i));
        if (code)
            return;
        lists_right(&o);
        if (i)
            removes_the_first(&o);
        pf_mbox_box_close(o.box);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct pf_mbox_settings settings = {.dotlock = true};
    struct pf_twin *twin;

    if (size < 1 || size > STATE_MAX / 2)
        return 0;
    twin = pf_mbox_new(&settings, NULL);
    must(twin != NULL);
    ((struct pf_mbox *)twin)->clock_ahead = INT64_C(10000000000);
    enter(twin);
    run(twin, data, size);
    twin->kind->free(twin);
    return 0;
}
