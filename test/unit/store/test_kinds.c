/* Maildrops of two kinds behind one store. */
#include "unit/cm.h"

#include "store/audit.h"
#include "store/kinds.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct rig {
    char folder[64];
    char maildir[100], mbox[100];
    struct pf_twin *twin;
    struct pf_err err;
};

static int begin(void **state)
{
    const struct pf_kinds_settings settings = {.maildir = {.create = true, .host = "test.example"},
                                               .mbox = {.dotlock = true, .create = true}};
    struct rig *r = calloc(1, sizeof *r);

    assert_non_null(r);
    snprintf(r->folder, sizeof r->folder, "/tmp/pf-kinds-XXXXXX");
    assert_non_null(mkdtemp(r->folder));
    snprintf(r->maildir, sizeof r->maildir, "%s/Maildir", r->folder);
    snprintf(r->mbox, sizeof r->mbox, "mbox:%s/inbox", r->folder);
    r->twin = pf_kinds_new(&settings, &r->err);
    assert_non_null(r->twin);
    *state = r;
    return 0;
}

static int forget(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

static int end(void **state)
{
    struct rig *r = *state;

    r->twin->kind->free(r->twin);
    assert_int_equal(nftw(r->folder, forget, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(r);
    return 0;
}

static struct pf_box_where at(const char *place)
{
    return (struct pf_box_where){.user = "anna", .path = place, .now = 1700000000, .expire_days = -1};
}

static void deliver(struct rig *r, const char *place, const char *text)
{
    struct pf_box_where where = at(place);
    struct pf_twin_parcel *parcel;
    struct pf_parcel_seal seal = {0};

    assert_int_equal(r->twin->kind->parcel_begin(r->twin, &where, &parcel, &r->err), PF_OK);
    assert_int_equal(r->twin->kind->parcel_write(parcel, pf_bytes_of(text), &r->err), PF_OK);
    assert_int_equal(r->twin->kind->parcel_seal(parcel, &seal, &r->err), PF_OK);
    assert_true(pf_uidl_legal(pf_bytes_of(seal.uidl)));
}

static struct pf_twin_opened enter(struct rig *r, const char *place)
{
    struct pf_box_where where = at(place);
    struct pf_twin_opened opened = {0};

    assert_int_equal(r->twin->kind->box_open(r->twin, &where, true, &opened, &r->err), PF_OK);
    return opened;
}

static void expect_text(struct rig *r, const char *place, const char *text)
{
    struct pf_twin_opened o = enter(r, place);
    unsigned char room[100];
    struct pf_box_read read = {.at = room, .cap = sizeof room};

    assert_int_equal(o.listing.count, 1);
    assert_int_equal(r->twin->kind->box_read(o.box, &read, true, &r->err), PF_OK);
    assert_true(read.last);
    assert_true(pf_bytes_equal(pf_bytes_from(room, read.got), pf_bytes_of(text)));
    r->twin->kind->box_close(o.box);
}

static void each_place_has_its_own_kind(void **state)
{
    struct rig *r = *state;
    char path[120];
    struct stat st;

    deliver(r, r->maildir, "Subject: a\n\nin a Maildir\n");
    deliver(r, r->mbox, "Subject: b\n\nin an mbox\n");
    expect_text(r, r->maildir, "Subject: a\n\nin a Maildir\n");
    expect_text(r, r->mbox, "Subject: b\n\nin an mbox\n");
    snprintf(path, sizeof path, "maildir:%s", r->maildir);
    expect_text(r, path, "Subject: a\n\nin a Maildir\n");
    assert_int_equal(stat(r->mbox + 5, &st), 0);
    assert_true(S_ISREG(st.st_mode));
}

static void the_same_lock_whatever_the_spelling(void **state)
{
    struct rig *r = *state;
    char path[120];
    struct pf_twin_opened o, other;
    struct pf_box_where where = at(path);

    deliver(r, r->maildir, "a\n");
    snprintf(path, sizeof path, "maildir:%s", r->maildir);
    o = enter(r, r->maildir);
    assert_int_equal(r->twin->kind->box_open(r->twin, &where, true, &other, &r->err), PF_IN_USE);
    r->twin->kind->box_close(o.box);
}

static void the_box_within_is_known_by_its_kind(void **state)
{
    struct rig *r = *state;
    struct pf_twin_opened o;
    struct pf_maildir_entry entry;
    const struct pf_twin_box *inner;
    enum pf_kind kind;

    deliver(r, r->maildir, "a\n");
    deliver(r, r->mbox, "Subject: b\n\n");
    o = enter(r, r->maildir);
    inner = pf_kinds_box(o.box, &kind);
    assert_int_equal(kind, PF_KIND_MAILDIR);
    assert_true(pf_maildir_entry(inner, 0, &entry));
    assert_int_equal(strncmp(entry.name, "new/", 4), 0);
    r->twin->kind->box_close(o.box);
    o = enter(r, r->mbox);
    pf_kinds_box(o.box, &kind);
    assert_int_equal(kind, PF_KIND_MBOX);
    r->twin->kind->box_close(o.box);
}

static void failures_are_those_of_the_kind(void **state)
{
    struct rig *r = *state;
    struct pf_twin_opened o;
    struct pf_twin_parcel *parcel;
    struct pf_box_where where = at("mbox:relative");

    assert_int_equal(r->twin->kind->box_open(r->twin, &where, true, &o, &r->err), PF_CONFIG);
    assert_non_null(strstr(r->err.log, "relative"));
    assert_null(strstr(r->err.log, "mbox:"));
    assert_int_equal(r->twin->kind->parcel_begin(r->twin, &where, &parcel, &r->err), PF_CONFIG);
    deliver(r, r->mbox, "Subject: b\n\n");
    where.path = strchr(r->mbox, '/'); /* a file is no Maildir */
    assert_int_equal(r->twin->kind->box_open(r->twin, &where, true, &o, &r->err), PF_NO_BOX);
}

static void a_parcel_can_be_dropped(void **state)
{
    struct rig *r = *state;
    const char *const places[] = {r->maildir, r->mbox};

    for (size_t i = 0; i < 2; i++) {
        struct pf_box_where where = at(places[i]);
        struct pf_twin_parcel *parcel;
        struct pf_twin_opened o;

        deliver(r, places[i], "Subject: b\n\n");
        assert_int_equal(r->twin->kind->parcel_begin(r->twin, &where, &parcel, &r->err), PF_OK);
        r->twin->kind->parcel_drop(parcel);
        o = enter(r, places[i]);
        assert_int_equal(o.listing.count, 1);
        r->twin->kind->box_close(o.box);
    }
}

static void settings_reach_both_kinds(void **state)
{
    struct pf_conf a = {.create = true, .mboxrd = true, .lock_wait = 7, .state_folder = "/x"}, b = a;
    struct pf_kinds_settings s;
    char same[] = "/x";

    (void)state;
    pf_kinds_settings(&a, &s);
    assert_true(s.maildir.create && s.mbox.create && s.mbox.mboxrd && !s.mbox.dotlock);
    assert_int_equal(s.mbox.lock_wait, 7);
    assert_string_equal(s.mbox.state_folder, "/x");
    b.state_folder = same;
    assert_false(pf_kinds_differ(&a, &b));
    b.state_folder = NULL;
    assert_true(pf_kinds_differ(&a, &b));
    b = a;
    b.mboxrd = false;
    assert_true(pf_kinds_differ(&a, &b));
    b = a;
    b.cache = true;
    assert_true(pf_kinds_differ(&a, &b));
}

/* Opens as somebody who may not; what the log says. */
static const char *refused(struct rig *r, struct pf_twin *twin, const char *place)
{
    struct pf_box_where where = at(place);
    struct pf_twin_parcel *parcel;
    struct pf_twin_opened opened;
    enum pf_code code;

    assert_int_equal(seteuid(65534), 0);
    code = twin->kind->box_open(twin, &where, true, &opened, &r->err);
    assert_int_equal(twin->kind->parcel_begin(twin, &where, &parcel, &(struct pf_err){.code = PF_OK}), code);
    assert_int_equal(seteuid(0), 0);
    assert_int_not_equal(code, PF_OK);
    return r->err.log;
}

static void a_refusal_tells_of_roots(void **state)
{
    struct rig *r = *state;
    char root[128], path[128];
    struct pf_conf conf = {.mail_path = root};
    struct pf_kinds_settings settings;
    struct pf_twin *twin;

    if (geteuid() != 0) /* others are refused nothing that they made */
        skip();
    snprintf(root, sizeof root, "/no-such-folder/%%u");
    pf_kinds_settings(&conf, &settings);
    assert_non_null(twin = pf_kinds_new(&settings, &r->err));
    snprintf(path, sizeof path, "%s/Maildir", r->folder);
    assert_non_null(strstr(refused(r, twin, path), "mail { roots }"));
    snprintf(path, sizeof path, "mbox:%s/x/inbox", r->folder);
    assert_non_null(strstr(refused(r, twin, path), "mail { roots }"));
    twin->kind->free(twin);
    conf.mail_roots = r->folder;
    pf_kinds_settings(&conf, &settings);
    assert_non_null(twin = pf_kinds_new(&settings, &r->err));
    snprintf(path, sizeof path, "%s/Maildir", r->folder);
    assert_null(strstr(refused(r, twin, path), "mail { roots }"));
    twin->kind->free(twin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_place_has_its_own_kind, begin, end),
        cmocka_unit_test_setup_teardown(the_same_lock_whatever_the_spelling, begin, end),
        cmocka_unit_test_setup_teardown(the_box_within_is_known_by_its_kind, begin, end),
        cmocka_unit_test_setup_teardown(failures_are_those_of_the_kind, begin, end),
        cmocka_unit_test_setup_teardown(a_parcel_can_be_dropped, begin, end),
        T(settings_reach_both_kinds),
        cmocka_unit_test_setup_teardown(a_refusal_tells_of_roots, begin, end),
    };

    return RUN(tests);
}
