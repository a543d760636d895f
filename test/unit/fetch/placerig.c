#include "unit/fetch/placerig.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct placerig *placerig_of(void **state)
{
    return *state;
}

static int remove_one(const char *path, const struct stat *st, int what, struct FTW *walk)
{
    (void)st, (void)what, (void)walk;
    return remove(path);
}

void placerig_start(struct placerig *r)
{
    r->loop = pf_loop_new(NULL);
    r->pool = pf_pool_new(r->loop, "disk", 2, 64, NULL);
    assert_non_null(r->loop);
    assert_non_null(r->pool);
}

void placerig_stop(struct placerig *r)
{
    pf_pool_free(r->pool);
    while (pf_loop_turn(r->loop, false))
        ;
    pf_loop_free(r->loop);
}

int placerig_begin(void **state)
{
    struct placerig *r = calloc(1, sizeof *r);
    const char *tmp = getenv("TMPDIR");

    assert_non_null(r);
    snprintf(r->home, sizeof r->home, "%s/pfplace.XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    assert_non_null(mkdtemp(r->home));
    snprintf(r->maildir, sizeof r->maildir, "%s/Mail", r->home);
    snprintf(r->ledger_path, sizeof r->ledger_path, "%s/state/a.ledger", r->home);
    snprintf(r->spool, sizeof r->spool, "%s/spool", r->home);
    placerig_start(r);
    pf_account_defaults(&r->account);
    r->account.name = "work";
    r->account.maildir = r->maildir;
    *state = r;
    return 0;
}

int placerig_end(void **state)
{
    struct placerig *r = *state;

    placerig_close(r);
    placerig_stop(r);
    nftw(r->home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(r);
    return 0;
}

static void done(void *self, void *letter_of, const struct pf_err *err)
{
    struct placerig *r = self;

    assert_false(r->inside);
    assert_true(r->told_count < PLACERIG_TOLD);
    r->told[r->told_count].of = (long)(intptr_t)letter_of;
    r->told[r->told_count++].err = *err;
}

static void settled(void *self, size_t again, const struct pf_err *err)
{
    struct placerig *r = self;

    assert_false(r->inside);
    r->settled_count++;
    r->again = again;
    r->settled = *err;
}

bool placerig_open(struct placerig *r)
{
    struct pf_place_settings settings = {
        .loop = r->loop,
        .pool = r->pool,
        .account = &r->account,
        .spool = r->spool,
        .carrier = r->carrier,
        .done = done,
        .settled = settled,
        .self = r,
    };
    struct pf_err err = {0};

    r->told_count = r->settled_count = 0;
    r->made = (struct pf_err){0};
    if (pf_ledger_open(r->ledger_path, "joe@pop.example.org", 20000, &r->ledger, &err))
        fail_msg("%s", err.log);
    settings.ledger = r->ledger;
    if (r->before)
        r->before();
    r->place = pf_place_new(&settings, &r->made);
    if (!r->place)
        return false;
    r->inside = true;
    pf_place_settle(r->place);
    r->inside = false;
    while (!r->settled_count)
        pf_loop_turn(r->loop, true);
    return true;
}

void placerig_close(struct placerig *r)
{
    pf_place_free(r->place);
    r->place = NULL;
    pf_ledger_close(r->ledger);
    r->ledger = NULL;
}

struct pf_ledger_note placerig_note(long of, enum pf_ledger_state state, const char *name, char room[32])
{
    struct pf_ledger_note note = {.state = state, .when = time(NULL), .octets = 100};

    snprintf(room, 32, "uid-%ld", of);
    note.uid = pf_bytes_of(room);
    note.name = pf_bytes_of(name);
    memset(note.head, 'a', sizeof note.head);
    return note;
}

struct pf_letter *placerig_write(struct placerig *r, long of, const char *text, size_t cut,
                                 struct pf_err *err)
{
    char room[32];
    struct pf_ledger_note identity = placerig_note(of, PF_LEDGER_GONE, "", room);
    struct pf_bytes rest = pf_bytes_of(text);
    struct pf_letter *l;
    enum pf_code code = PF_OK;

    r->inside = true;
    l = pf_place_begin(r->place, &identity, (void *)(intptr_t)of, err);
    while (l && rest.len && !code) {
        struct pf_bytes piece = pf_bytes_head(rest, cut ? cut : rest.len);

        code = pf_letter_write(l, piece, err);
        rest = pf_bytes_skip(rest, piece.len);
    }
    if (code)
        pf_letter_drop(l);
    r->inside = false;
    return code ? NULL : l;
}

void placerig_end_letter(struct placerig *r, struct pf_letter *l, const char *folder)
{
    unsigned char head[PF_LEDGER_HEAD];

    memset(head, 'a', sizeof head);
    r->inside = true;
    pf_letter_end(l, head, 100, folder);
    r->inside = false;
}

void placerig_wait(struct placerig *r, unsigned told)
{
    while (r->told_count < told)
        pf_loop_turn(r->loop, true);
}

enum pf_code placerig_deliver(struct placerig *r, long of, const char *text, const char *folder)
{
    struct pf_err err = {0};
    struct pf_letter *l = placerig_write(r, of, text, 0, &err);
    unsigned before = r->told_count;

    if (!l)
        return err.code;
    placerig_end_letter(r, l, folder);
    placerig_wait(r, before + 1);
    assert_int_equal(r->told[before].of, of);
    return r->told[before].err.code;
}

enum pf_ledger_state placerig_state(struct placerig *r, long of)
{
    struct pf_ledger_note note;
    char room[32];

    snprintf(room, sizeof room, "uid-%ld", of);
    return pf_ledger_find(r->ledger, pf_bytes_of(room), &note) ? note.state : PF_LEDGER_GONE;
}

const char *placerig_at(struct placerig *r, const char *name)
{
    static char rooms[4][512];
    static unsigned turn;
    char *room = rooms[turn++ % 4];

    snprintf(room, sizeof rooms[0], "%s/%s", r->home, name);
    return room;
}

static unsigned look(struct placerig *r, const char *folder, char last[256])
{
    DIR *dir = opendir(placerig_at(r, folder));
    struct dirent *entry;
    unsigned count = 0;

    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        snprintf(last, 256, "%s", entry->d_name);
    }
    if (dir)
        closedir(dir);
    return count;
}

unsigned placerig_count(struct placerig *r, const char *folder)
{
    char last[256];

    return look(r, folder, last);
}

const char *placerig_only(struct placerig *r, const char *folder, char *text, size_t cap)
{
    static char name[256];
    char path[512];
    ssize_t len;
    int fd;

    assert_int_equal(look(r, folder, name), 1);
    snprintf(path, sizeof path, "%s/%s", placerig_at(r, folder), name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    len = read(fd, text, cap - 1);
    assert_true(len >= 0);
    text[len] = 0;
    close(fd);
    return name;
}

void placerig_clear(struct placerig *r, const char *folder)
{
    char last[256], path[512];

    while (look(r, folder, last)) {
        snprintf(path, sizeof path, "%s/%s", placerig_at(r, folder), last);
        assert_int_equal(unlink(path), 0);
    }
}
