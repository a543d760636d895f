#include "store/kinds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct kinds {
    struct pf_twin base;
    struct pf_twin *twins[PF_KINDS];
    char *roots; /* as pf_conf_roots_list has them, or NULL */
};

/* The shells; what is within belongs to the twin of that kind. */
struct pf_twin_box {
    enum pf_kind kind;
    struct pf_twin *twin;
    struct pf_twin_box *inner;
};

struct pf_twin_parcel {
    struct pf_twin *twin;
    struct pf_twin_parcel *inner;
};

/* The twin that a place belongs to; `where` gets the path alone, which is the end of the same string. */
static enum pf_kind choose(const struct pf_box_where *asked, struct pf_box_where *where)
{
    struct pf_bytes path;
    enum pf_kind kind = pf_kind_of(pf_bytes_of(asked->path), &path);

    *where = *asked;
    where->path = asked->path + (strlen(asked->path) - path.len);
    return kind;
}

static enum pf_code no_memory(const struct pf_box_where *where, struct pf_err *err)
{
    return pf_fail(err, PF_NO_MEMORY, 0, "kinds", "no memory to open %s", where->path);
}

/* A maildrop that the kernel keeps from us, and that lies where a store in a process of its own may not reach: nothing
 * else in the log would tell what to do. */
static enum pf_code explain(const struct pf_twin *twin, const struct pf_box_where *where, enum pf_code code,
                            struct pf_err *err)
{
    const struct kinds *kinds = (const struct kinds *)twin;

    if (code == PF_OK || !err || (err->sys != EACCES && err->sys != EPERM && err->sys != EXDEV) || !kinds->roots ||
        pf_conf_roots_hold(kinds->roots, where->path))
        return code;
    return pf_fail(err, code, err->sys, "kinds", "%s: %s; it lies outside of the folders in which mail path begins: "
                   "name one above it in mail { roots }", where->path, strerror(err->sys));
}

static enum pf_code box_open(struct pf_twin *twin, const struct pf_box_where *asked, bool may_block,
                             struct pf_twin_opened *out_opened, struct pf_err *err)
{
    struct pf_twin_box *box = malloc(sizeof *box);
    struct pf_box_where where;
    struct pf_twin_opened opened;
    enum pf_code code;

    if (!box)
        return no_memory(asked, err);
    box->kind = choose(asked, &where);
    box->twin = ((struct kinds *)twin)->twins[box->kind];
    code = box->twin->kind->box_open(box->twin, &where, may_block, &opened, err);
    if (code != PF_OK) {
        free(box);
        return explain(twin, &where, code, err);
    }
    box->inner = opened.box;
    *out_opened = opened;
    out_opened->box = box;
    return PF_OK;
}

static enum pf_code box_read(struct pf_twin_box *box, struct pf_box_read *op, bool may_block,
                             struct pf_err *err)
{
    return box->twin->kind->box_read(box->inner, op, may_block, err);
}

static enum pf_code box_expunge(struct pf_twin_box *box, struct pf_box_expunge *op, struct pf_err *err)
{
    return box->twin->kind->box_expunge(box->inner, op, err);
}

static void box_close(struct pf_twin_box *box)
{
    box->twin->kind->box_close(box->inner);
    free(box);
}

static bool box_leave(struct pf_twin_box *box)
{
    if (!box->twin->kind->box_leave || !box->twin->kind->box_leave(box->inner))
        return false;
    free(box);
    return true;
}

static enum pf_code parcel_begin(struct pf_twin *twin, const struct pf_box_where *asked,
                                 struct pf_twin_parcel **out_parcel, struct pf_err *err)
{
    struct pf_twin_parcel *parcel = malloc(sizeof *parcel);
    struct pf_box_where where;
    enum pf_code code;

    if (!parcel)
        return no_memory(asked, err);
    parcel->twin = ((struct kinds *)twin)->twins[choose(asked, &where)];
    code = parcel->twin->kind->parcel_begin(parcel->twin, &where, &parcel->inner, err);
    if (code != PF_OK)
        free(parcel);
    else
        *out_parcel = parcel;
    return explain(twin, &where, code, err);
}

static enum pf_code parcel_write(struct pf_twin_parcel *parcel, struct pf_bytes bytes, struct pf_err *err)
{
    return parcel->twin->kind->parcel_write(parcel->inner, bytes, err);
}

static enum pf_code parcel_seal(struct pf_twin_parcel *parcel, struct pf_parcel_seal *op, struct pf_err *err)
{
    struct pf_twin_parcel shell = *parcel;

    free(parcel);
    return shell.twin->kind->parcel_seal(shell.inner, op, err);
}

static void parcel_drop(struct pf_twin_parcel *parcel)
{
    parcel->twin->kind->parcel_drop(parcel->inner);
    free(parcel);
}

static enum pf_code parcel_ask(struct pf_twin *twin, const struct pf_box_where *asked, uint64_t size,
                               struct pf_err *err)
{
    struct pf_box_where where;
    enum pf_kind kind = choose(asked, &where);

    return explain(twin, &where, pf_twin_ask(((struct kinds *)twin)->twins[kind], &where, size, err), err);
}

static bool parcel_ready(struct pf_twin *twin, const struct pf_box_where *asked)
{
    struct pf_box_where where;
    struct pf_twin *chosen = ((struct kinds *)twin)->twins[choose(asked, &where)];

    return chosen->kind->parcel_ready && chosen->kind->parcel_ready(chosen, &where);
}

static void kinds_free(struct pf_twin *twin)
{
    struct kinds *kinds = (struct kinds *)twin;

    for (unsigned i = 0; i < PF_KINDS; i++)
        if (kinds->twins[i])
            kinds->twins[i]->kind->free(kinds->twins[i]);
    free(kinds->roots);
    free(kinds);
}

static const struct pf_twin_kind kind = {
    .name = "kinds",
    .box_open = box_open,
    .box_read = box_read,
    .box_expunge = box_expunge,
    .box_close = box_close,
    .parcel_begin = parcel_begin,
    .parcel_write = parcel_write,
    .parcel_seal = parcel_seal,
    .parcel_drop = parcel_drop,
    .free = kinds_free,
    .parcel_ask = parcel_ask,
    .box_leave = box_leave,
    .parcel_ready = parcel_ready,
};

struct pf_twin *pf_kinds_new(const struct pf_kinds_settings *settings, struct pf_err *err)
{
    struct kinds *kinds = calloc(1, sizeof *kinds);

    if (!kinds) {
        pf_fail(err, PF_NO_MEMORY, 0, "kinds", "no memory for a store");
        return NULL;
    }
    kinds->base.kind = &kind;
    kinds->roots = settings->roots ? pf_conf_roots_list(settings->roots) : NULL; /* without memory it explains less */
    kinds->twins[PF_KIND_MAILDIR] = pf_maildir_new(&settings->maildir, err);
    if (kinds->twins[PF_KIND_MAILDIR])
        kinds->twins[PF_KIND_MBOX] = pf_mbox_new(&settings->mbox, err);
    if (kinds->twins[PF_KIND_MBOX])
        return &kinds->base;
    kinds_free(&kinds->base);
    return NULL;
}

const struct pf_twin_box *pf_kinds_box(const struct pf_twin_box *box, enum pf_kind *out_kind)
{
    *out_kind = box->kind;
    return box->inner;
}

void pf_kinds_settings(const struct pf_conf *conf, struct pf_kinds_settings *out_settings)
{
    *out_settings = (struct pf_kinds_settings){
        .maildir = {.mark_seen = conf->mark_seen,
                    .follow_root = conf->follow_root,
                    .create = conf->create,
                    .cache = conf->cache,
                    .keep = (size_t)conf->listing_memory},
        .mbox = {.mboxrd = conf->mboxrd,
                 .dotlock = conf->dotlock,
                 .lock_wait = conf->lock_wait,
                 .state_folder = conf->state_folder,
                 .create = conf->create},
        .roots = conf,
    };
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool pf_kinds_differ(const struct pf_conf *a, const struct pf_conf *b)
{
    return a->mark_seen != b->mark_seen || a->follow_root != b->follow_root || a->create != b->create ||
           a->cache != b->cache || a->listing_memory != b->listing_memory ||
           a->mboxrd != b->mboxrd || a->dotlock != b->dotlock ||
           a->lock_wait != b->lock_wait || !same_text(a->state_folder, b->state_folder);
}
