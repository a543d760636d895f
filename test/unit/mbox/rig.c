#include "unit/mbox/rig.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

int rig_begin(void **state)
{
    const char *tmp = getenv("TMPDIR");
    struct rig *r = calloc(1, sizeof *r);

    assert_non_null(r);
    snprintf(r->folder, sizeof r->folder, "%s/pf-mbox-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    assert_non_null(mkdtemp(r->folder));
    snprintf(r->path, sizeof r->path, "%s/box", r->folder);
    r->settings = (struct pf_mbox_settings){.dotlock = true, .lock_wait = 0, .create = true};
    rig_renew(r);
    *state = r;
    return 0;
}

int rig_end(void **state)
{
    struct rig *r = *state;
    DIR *dir = opendir(r->folder);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    assert_int_equal(rmdir(r->folder), 0);
    r->twin->kind->free(r->twin);
    free(r);
    return 0;
}

void rig_renew(struct rig *r)
{
    if (r->twin)
        r->twin->kind->free(r->twin);
    r->twin = pf_mbox_new(&r->settings, NULL);
    assert_non_null(r->twin);
    ((struct pf_mbox *)r->twin)->clock_ahead = 10 * INT64_C(1000000000);
}

const char *rig_beside(const struct rig *r, const char *name)
{
    static char paths[4][160];
    static unsigned turn;

    turn = (turn + 1) % 4;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", r->folder, name);
    return paths[turn];
}

void rig_put(const struct rig *r, const char *text, const char *mode)
{
    FILE *file = fopen(r->path, mode);

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void rig_put_octets(const struct rig *r, struct pf_bytes b)
{
    FILE *file = fopen(r->path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(b.at, 1, b.len, file), b.len);
    assert_int_equal(fclose(file), 0);
}

size_t rig_get(const char *path, char out_text[RIG_TEXT])
{
    FILE *file = fopen(path, "r");
    size_t len;

    assert_non_null(file);
    len = fread(out_text, 1, RIG_TEXT - 1, file);
    out_text[len] = 0;
    fclose(file);
    return len;
}

void rig_holds(const struct rig *r, const char *text)
{
    char got[RIG_TEXT];

    rig_get(r->path, got);
    assert_string_equal(got, text);
}

enum pf_code rig_try(struct rig *r)
{
    const struct pf_box_where where = {.user = "ada", .path = r->path, .now = RIG_NOW, .expire_days = -1};

    r->o = (struct pf_twin_opened){0};
    return r->twin->kind->box_open(r->twin, &where, true, &r->o, &r->err);
}

void rig_enter(struct rig *r, uint32_t count)
{
    assert_int_equal(rig_try(r), PF_OK);
    assert_int_equal(r->o.listing.count, count);
}

void rig_leave(struct rig *r)
{
    r->twin->kind->box_close(r->o.box);
    r->o.box = NULL;
}

const char *rig_uidl(struct rig *r, uint32_t index)
{
    static char texts[8][PF_UIDL_MAX + 1];
    static unsigned turn;
    struct pf_bytes b = pf_listing_uidl(&r->o.listing, index);

    assert_in_range(b.len, 1, PF_UIDL_MAX);
    turn = (turn + 1) % 8;
    memcpy(texts[turn], b.at, b.len);
    texts[turn][b.len] = 0;
    return texts[turn];
}

enum pf_code rig_fetch(struct rig *r, uint32_t index, size_t cap, char out_text[RIG_TEXT])
{
    struct pf_box_read op = {.index = index};
    enum pf_code code;

    do {
        op.at = (unsigned char *)out_text + op.offset;
        op.cap = RIG_TEXT - 1 - (size_t)op.offset < cap ? RIG_TEXT - 1 - (size_t)op.offset : cap;
        assert_true(op.cap > 0);
        code = r->twin->kind->box_read(r->o.box, &op, true, &r->err);
        op.offset += code ? 0 : op.got;
    } while (!code && !op.last);
    out_text[op.offset] = 0;
    return code;
}

void rig_reads(struct rig *r, uint32_t index, const char *text)
{
    char got[RIG_TEXT];
    struct pf_crlf crlf = {0};

    assert_int_equal(rig_fetch(r, index, 7, got), PF_OK);
    assert_string_equal(got, text);
    pf_crlf_add(&crlf, pf_bytes_of(text));
    assert_int_equal(r->o.listing.rows[index].octets, pf_crlf_total(&crlf));
}

enum pf_code rig_expunge(struct rig *r, uint64_t mask, struct pf_box_expunge *out_op)
{
    struct pf_marks marks = {&mask, r->o.listing.count};
    enum pf_code code;

    *out_op = (struct pf_box_expunge){.remove = &marks};
    code = r->twin->kind->box_expunge(r->o.box, out_op, &r->err);
    out_op->remove = NULL;
    return code;
}

enum pf_code rig_deliver(struct rig *r, const char *text, struct pf_parcel_seal *out_op)
{
    const struct pf_box_where where = {.user = "ada", .path = r->path, .now = RIG_NOW, .expire_days = -1};
    struct pf_twin_parcel *p = NULL;
    enum pf_code code = r->twin->kind->parcel_begin(r->twin, &where, &p, &r->err);

    *out_op = (struct pf_parcel_seal){0};
    if (code)
        return code;
    code = r->twin->kind->parcel_write(p, pf_bytes_of(text), &r->err);
    if (!code)
        return r->twin->kind->parcel_seal(p, out_op, &r->err);
    r->twin->kind->parcel_drop(p);
    return code;
}
