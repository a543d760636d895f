#include "unit/store/test_maildir_rig.h"

#include "base/crlf.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct rig *rig_of(void **state)
{
    return *state;
}

const char *rig_at(struct rig *r, const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", r->path, name);
    return path;
}

void rig_store(struct rig *r, const struct pf_maildir_settings *settings, int ahead)
{
    if (r->twin)
        r->twin->kind->free(r->twin);
    r->twin = pf_maildir_new(settings, NULL);
    assert_non_null(r->twin);
    ((struct pf_maildir *)r->twin)->clock_ahead = ahead * INT64_C(1000000000);
}

int rig_begin(void **state)
{
    const struct pf_maildir_settings settings = {.cache = true, .host = "test.example"};
    const char *tmp = getenv("TMPDIR");
    struct rig *r = calloc(1, sizeof *r);

    assert_non_null(r);
    snprintf(r->home, sizeof r->home, "%s/pf-maildir-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(r->home));
    snprintf(r->path, sizeof r->path, "%s/box", r->home);
    assert_int_equal(mkdir(r->path, 0700), 0);
    assert_int_equal(mkdir(rig_at(r, "tmp"), 0700), 0);
    assert_int_equal(mkdir(rig_at(r, "new"), 0700), 0);
    assert_int_equal(mkdir(rig_at(r, "cur"), 0700), 0);
    r->now = 1700000000;
    r->expire_days = -1;
    rig_store(r, &settings, 10);
    *state = r;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

int rig_end(void **state)
{
    struct rig *r = *state;

    r->twin->kind->free(r->twin);
    nftw(r->home, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(r);
    return 0;
}

void rig_put(struct rig *r, const char *name, const char *text)
{
    int fd = open(rig_at(r, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

void rig_move(struct rig *r, const char *from, const char *to)
{
    char old[512];

    snprintf(old, sizeof old, "%s", rig_at(r, from));
    assert_int_equal(rename(old, rig_at(r, to)), 0);
}

void rig_remove(struct rig *r, const char *name)
{
    assert_int_equal(unlink(rig_at(r, name)), 0);
}

bool rig_has(struct rig *r, const char *name)
{
    return access(rig_at(r, name), F_OK) == 0;
}

unsigned rig_count(struct rig *r, const char *folder)
{
    DIR *dir = opendir(rig_at(r, folder));
    struct dirent *entry;
    unsigned count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

void rig_touch(struct rig *r, const char *name, int64_t when)
{
    const struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};

    assert_int_equal(utimensat(AT_FDCWD, rig_at(r, name), times, AT_SYMLINK_NOFOLLOW), 0);
}

enum pf_code rig_try_open(struct rig *r, struct session *s)
{
    const struct pf_box_where where = {
        .user = "anna", .path = r->path, .now = r->now, .expire_days = r->expire_days};
    struct pf_twin_opened opened = {0};
    enum pf_code code;

    *s = (struct session){0};
    code = r->twin->kind->box_open(r->twin, &where, true, &opened, &s->err);
    s->box = opened.box;
    s->listing = opened.listing;
    s->expired = opened.expired;
    return code;
}

void rig_open(struct rig *r, struct session *s)
{
    enum pf_code code = rig_try_open(r, s);

    if (code)
        fail_msg("%s: %s", pf_verdict(code)->name, s->err.log);
}

void rig_close(struct session *s)
{
    pf_maildir_box_close(s->box);
    *s = (struct session){0};
}

enum pf_code rig_read(struct session *s, uint32_t index, size_t cap, struct pf_span *out)
{
    struct pf_box_read op = {.index = index};

    out->len = 0;
    while (!op.last) {
        enum pf_code code;

        op.at = out->at + out->len;
        op.cap = pf_span_room(out) < cap ? pf_span_room(out) : cap;
        assert_true(op.cap > 0);
        code = pf_maildir_box_read(s->box, &op, true, &s->err);
        if (code)
            return code;
        assert_true(op.got > 0 || op.last);
        out->len += op.got;
        op.offset += op.got;
    }
    return PF_OK;
}

void rig_reads_as(struct session *s, uint32_t index, const char *text)
{
    unsigned char room[4096];
    struct pf_span out = {room, 0, sizeof room};
    struct pf_crlf crlf = {0};
    enum pf_code code = rig_read(s, index, sizeof room, &out);

    if (code)
        fail_msg("%s: %s", pf_verdict(code)->name, s->err.log);
    assert_int_equal(out.len, strlen(text));
    assert_memory_equal(room, text, out.len);
    pf_crlf_add(&crlf, pf_span_bytes(&out));
    assert_int_equal(pf_crlf_total(&crlf), s->listing.rows[index].octets);
}

enum pf_code rig_expunge(struct session *s, int64_t index, struct pf_box_expunge *out_op)
{
    uint64_t words[64] = {0};
    struct pf_marks marks = {words, s->listing.count};
    struct pf_box_expunge op = {.remove = &marks};
    enum pf_code code;

    assert_true(s->listing.count <= 64 * 64);
    for (uint32_t i = 0; i < s->listing.count; i++)
        if (index < 0 || i == index)
            pf_marks_set(&marks, i, true);
    code = pf_maildir_box_expunge(s->box, &op, &s->err);
    if (out_op)
        *out_op = op;
    return code;
}

const char *rig_uidl(const struct session *s, uint32_t index)
{
    static char texts[2][PF_UIDL_MAX + 1];
    static int turn;
    struct pf_bytes uidl;

    assert_true(index < s->listing.count);
    uidl = pf_listing_uidl(&s->listing, index);
    turn = !turn;
    memcpy(texts[turn], uidl.at, uidl.len);
    texts[turn][uidl.len] = 0;
    return texts[turn];
}
