#include "session/post.h"

#include "base/text.h"

#include <assert.h>
#include <stdlib.h>

/* A piece of text that parcels are writing; a slow one may hold it longer than the post. */
struct piece {
    unsigned holds;
    size_t len;
    unsigned char at[PF_POST_PIECE + PF_POST_HELD];
};

struct parcel {
    struct pf_post *post;
    struct parcel *next;
    unsigned recipient;
    struct pf_parcel *parcel; /* as long as the store has it */
    bool busy;                /* an op is under way */
    bool awaited;             /* the present step ends when this has ended */
    struct piece *piece;      /* being written */
    unsigned char *head;      /* being written, from malloc */
    union {
        struct pf_store_op op;
        struct pf_parcel_begin begin;
        struct pf_parcel_write write;
        struct pf_parcel_seal seal;
        struct pf_parcel_drop drop;
    } op;
    struct pf_box_where where;
    char *user, *path;
};

struct recipient {
    struct pf_bytes address; /* from malloc */
    struct pf_err err;
    unsigned sealing; /* parcels */
    bool told;
};

struct pf_post {
    struct pf_store *store;
    struct pf_post_asker asker;
    struct recipient *recipients;
    unsigned count;
    struct parcel *parcels;
    struct pf_post_envelope envelope; /* only during begin */
    struct pf_post_text text;
    struct piece *piece;
    struct pf_timer *slow;
    unsigned awaited;
    enum { GATHER, BEGIN, WRITE, LAST_WRITE, SEAL } step;
    bool stepping, dying;
    struct pf_later later;
};

static void settle(struct pf_post *post);

static struct recipient *owner(const struct parcel *p)
{
    return &p->post->recipients[p->recipient];
}

static void piece_drop(struct piece **piece)
{
    if (*piece && --(*piece)->holds == 0)
        free(*piece);
    *piece = NULL;
}

static void let_go(struct parcel *p)
{
    piece_drop(&p->piece);
    free(p->head);
    p->head = NULL;
    p->busy = false;
}

static void no_longer_awaited(struct parcel *p)
{
    if (p->awaited)
        p->post->awaited--;
    p->awaited = false;
}

static void fail(struct parcel *p, const struct pf_err *err)
{
    struct recipient *r = owner(p);

    if (r->err.code == PF_OK) {
        r->err = *err;
        pf_post_soften(&r->err);
    }
    no_longer_awaited(p);
}

static void dropped(struct pf_store_op *op)
{
    struct parcel *p = (struct parcel *)(void *)((char *)op - offsetof(struct parcel, op));

    let_go(p);
    p->parcel = NULL;
    settle(p->post);
}

/* Parcels of recipients who have failed, and all when nobody asks any more. */
static void drop_hopeless(struct pf_post *post)
{
    for (struct parcel *p = post->parcels; p; p = p->next) {
        if (!p->parcel || p->busy || (owner(p)->err.code == PF_OK && !post->dying))
            continue;
        no_longer_awaited(p);
        p->busy = true;
        p->op.drop = (struct pf_parcel_drop){.op.done = dropped};
        pf_parcel_drop(p->parcel, &p->op.drop);
    }
}

static void written(struct pf_store_op *op)
{
    struct parcel *p = (struct parcel *)(void *)((char *)op - offsetof(struct parcel, op));

    let_go(p);
    if (op->err.code != PF_OK)
        fail(p, &op->err);
    no_longer_awaited(p);
    settle(p->post);
}

static void write_parcel(struct parcel *p, struct pf_bytes bytes)
{
    p->busy = true;
    p->op.write = (struct pf_parcel_write){.op.done = written, .bytes = bytes};
    pf_parcel_write(p->parcel, &p->op.write);
}

static enum pf_code write_head(struct parcel *p, struct pf_err *err)
{
    struct pf_span span = {malloc(PF_POST_HEAD_MAX), 0, PF_POST_HEAD_MAX};
    enum pf_code code = span.at ? pf_post_head(&p->post->envelope, owner(p)->address, &span, err)
                                : pf_fail(err, PF_NO_MEMORY, 0, "post", "no memory for a head");

    if (code == PF_OK) {
        p->head = span.at;
        write_parcel(p, pf_span_bytes(&span));
    } else {
        free(span.at);
    }
    return code;
}

static void parcel_begun(struct pf_store_op *op)
{
    struct parcel *p = (struct parcel *)(void *)((char *)op - offsetof(struct parcel, op));
    struct pf_err err = op->err;

    p->busy = false;
    if (err.code == PF_OK)
        p->parcel = p->op.begin.parcel;
    if (err.code == PF_OK && p->awaited && owner(p)->err.code == PF_OK && !p->post->dying)
        write_head(p, &err);
    if (err.code != PF_OK)
        fail(p, &err);
    settle(p->post);
}

static void sealed(struct pf_store_op *op)
{
    struct parcel *p = (struct parcel *)(void *)((char *)op - offsetof(struct parcel, op));
    struct pf_post *post = p->post;

    let_go(p);
    p->parcel = NULL;
    owner(p)->sealing--;
    if (op->err.code == PF_OK) {
        struct pf_post_stored stored = {p->recipient, p->user, p->op.seal.uidl, p->op.seal.octets};

        post->asker.stored(post->asker.self, &stored);
    } else {
        fail(p, &op->err);
    }
    settle(post);
}

static void seal_parcel(struct parcel *p)
{
    owner(p)->sealing++;
    p->busy = true;
    p->op.seal = (struct pf_parcel_seal){.op.done = sealed};
    pf_parcel_seal(p->parcel, &p->op.seal);
}

/* Seals are not awaited together: each recipient is told for himself. */
static void start_seals(struct pf_post *post)
{
    post->step = SEAL;
    if (post->text.received > PF_POST_RECEIVED_MAX)
        for (unsigned i = 0; i < post->count; i++)
            if (post->recipients[i].err.code == PF_OK)
                pf_post_loop(&post->recipients[i].err, "too many Received fields");
    drop_hopeless(post);
    for (struct parcel *p = post->parcels; p; p = p->next)
        if (owner(p)->err.code == PF_OK)
            seal_parcel(p);
    for (unsigned i = 0; i < post->count; i++) /* who has no maildrop has not got it */
        if (post->recipients[i].err.code == PF_OK && !post->recipients[i].sealing)
            pf_fail(&post->recipients[i].err, PF_TEMP, 0, "post", "a recipient without a maildrop");
}

static void end_step(struct pf_post *post)
{
    post->stepping = false;
    pf_timer_clear(post->slow);
    if (post->step == BEGIN)
        post->asker.begun(post->asker.self);
    else if (post->step == WRITE)
        post->asker.written(post->asker.self);
    else if (post->step == LAST_WRITE)
        start_seals(post);
}

static void tell_recipients(struct pf_post *post)
{
    for (unsigned i = 0; i < post->count && !post->dying; i++) {
        struct recipient *r = &post->recipients[i];

        if (r->told || r->sealing)
            continue;
        r->told = true;
        post->asker.sealed(post->asker.self, i, &r->err);
    }
}

static void parcel_free(struct parcel *p)
{
    free(p->user);
    free(p->path);
    free(p);
}

static void address_free(struct recipient *r)
{
    unsigned char *address = (unsigned char *)(uintptr_t)r->address.at;

    free(address);
}

static void post_free(struct pf_post *post)
{
    for (struct parcel *p = post->parcels, *next; p; p = next) {
        next = p->next;
        parcel_free(p);
    }
    for (unsigned i = 0; i < post->count; i++)
        address_free(&post->recipients[i]);
    free(post->recipients);
    piece_drop(&post->piece);
    pf_timer_free(post->slow);
    free(post);
}

static bool store_holds(const struct pf_post *post)
{
    for (const struct parcel *p = post->parcels; p; p = p->next)
        if (p->busy || p->parcel)
            return true;
    return false;
}

static void look_around(struct pf_later *later)
{
    struct pf_post *post = (struct pf_post *)(void *)((char *)later - offsetof(struct pf_post, later));
    struct pf_post_asker asker = post->asker;

    drop_hopeless(post);
    if (!post->dying && post->stepping && post->awaited == 0)
        end_step(post);
    if (!post->dying && post->step == SEAL)
        tell_recipients(post);
    if (!post->dying || store_holds(post))
        return;
    if (!post->later.queued) /* else asked for once more, from inside an answer */
        post_free(post), asker.gone(asker.self);
}

/* What follows from a change is done on a turn of its own. */
static void settle(struct pf_post *post)
{
    if (!post->later.queued)
        pf_loop_later(post->store->loop, &post->later);
}

static void too_slow(struct pf_timer *timer, void *self)
{
    struct pf_post *post = self;
    struct pf_err err;

    (void)timer;
    pf_fail(&err, PF_TEMP, 0, "post", "the store took longer than %d s for a piece", PF_POST_SLOW / 1000);
    for (struct parcel *p = post->parcels; p; p = p->next)
        if (p->awaited)
            fail(p, &err);
    settle(post);
}

static void delivered_to(void *self, struct pf_bytes address)
{
    struct pf_post *post = self;

    for (unsigned i = 0; i < post->count; i++) {
        struct recipient *r = &post->recipients[i];

        if (r->err.code == PF_OK && pf_equal_nocase(r->address, address))
            pf_post_loop(&r->err, "Delivered-To names the recipient already");
    }
}

struct pf_post *pf_post_new(struct pf_store *store, const struct pf_post_asker *asker, struct pf_err *err)
{
    struct pf_post *post = calloc(1, sizeof *post);

    if (post) {
        post->store = store;
        post->asker = *asker;
        post->later.run = look_around;
        pf_post_text_init(&post->text);
        post->text.delivered_to = delivered_to;
        post->text.self = post;
        post->slow = pf_timer_new(store->loop, too_slow, post);
        post->piece = calloc(1, sizeof *post->piece);
        if (post->piece)
            post->piece->holds = 1;
    }
    if (post && post->slow && post->piece)
        return post;
    if (post)
        post_free(post);
    pf_fail(err, PF_NO_MEMORY, 0, "post", "no memory for a message");
    return NULL;
}

enum pf_code pf_post_recipient(struct pf_post *post, struct pf_bytes address, struct pf_err *err)
{
    struct recipient *more = realloc(post->recipients, (post->count + 1) * sizeof *more);
    unsigned char *copy = malloc(address.len + 1);

    assert(post->step == GATHER);
    if (more)
        post->recipients = more;
    if (!more || !copy) {
        free(copy);
        return pf_fail(err, PF_NO_MEMORY, 0, "post", "no memory for a recipient");
    }
    if (address.len)
        memcpy(copy, address.at, address.len);
    more[post->count++] = (struct recipient){.address = pf_bytes_from(copy, address.len)};
    return PF_OK;
}

enum pf_code pf_post_maildrop(struct pf_post *post, const char *user, const char *path, struct pf_err *err)
{
    struct parcel *p = calloc(1, sizeof *p);
    char *users = strdup(user), *paths = strdup(path);

    assert(post->step == GATHER && post->count);
    if (!p || !users || !paths) {
        free(p);
        free(users);
        free(paths);
        return pf_fail(err, PF_NO_MEMORY, 0, "post", "no memory for a recipient");
    }
    *p = (struct parcel){.post = post, .next = post->parcels, .recipient = post->count - 1, .user = users,
                         .path = paths};
    post->parcels = p;
    return PF_OK;
}

void pf_post_forget_last(struct pf_post *post)
{
    struct parcel *p;

    assert(post->step == GATHER && post->count);
    post->count--;
    address_free(&post->recipients[post->count]);
    while ((p = post->parcels) && p->recipient == post->count) {
        post->parcels = p->next;
        parcel_free(p);
    }
}

unsigned pf_post_recipients(const struct pf_post *post)
{
    return post->count;
}

struct pf_bytes pf_post_address(const struct pf_post *post, unsigned recipient)
{
    return post->recipients[recipient].address;
}

static void await(struct pf_post *post, struct parcel *p)
{
    p->awaited = true;
    post->awaited++;
}

static void start_step(struct pf_post *post)
{
    post->stepping = true;
    pf_timer_set(post->slow, pf_loop_now(post->store->loop) + PF_POST_SLOW);
    settle(post);
}

void pf_post_begin(struct pf_post *post, const struct pf_post_envelope *envelope)
{
    assert(post->step == GATHER && post->count && !post->dying);
    post->step = BEGIN;
    post->envelope = *envelope;
    post->envelope.alone = post->count == 1;
    for (struct parcel *p = post->parcels; p; p = p->next) {
        await(post, p);
        p->busy = true;
        p->op.begin = (struct pf_parcel_begin){
            .op.done = parcel_begun,
            .where = {.user = p->user, .path = p->path, .now = envelope->now, .expire_days = -1}};
        pf_parcel_begin(post->store, &p->op.begin);
    }
    start_step(post);
}

/* A piece that nobody else holds; NULL without memory. */
static struct piece *fresh_piece(struct pf_post *post)
{
    if (post->piece && post->piece->holds > 1)
        piece_drop(&post->piece);
    if (!post->piece) {
        post->piece = malloc(sizeof *post->piece);
        if (post->piece)
            post->piece->holds = 1;
    }
    return post->piece;
}

static void write_piece(struct pf_post *post)
{
    for (struct parcel *p = post->parcels; p && post->piece->len; p = p->next) {
        if (!p->parcel || p->busy || owner(p)->err.code != PF_OK)
            continue;
        await(post, p);
        p->piece = post->piece;
        p->piece->holds++;
        write_parcel(p, pf_bytes_from(p->piece->at, p->piece->len));
    }
}

static void put(struct pf_post *post, struct pf_bytes text, bool last)
{
    struct piece *piece = fresh_piece(post);
    struct pf_span span = {piece ? piece->at : NULL, 0, PF_POST_PIECE + PF_POST_HELD};

    assert(!post->stepping && !post->dying && text.len <= PF_POST_PIECE);
    post->step = last ? LAST_WRITE : WRITE;
    if (piece) {
        if (last)
            pf_post_text_end(&post->text, &span);
        else
            pf_post_text_put(&post->text, text, &span);
        piece->len = span.len;
        write_piece(post);
    }
    for (unsigned i = 0; !piece && i < post->count; i++)
        pf_fail(&post->recipients[i].err, PF_NO_MEMORY, 0, "post", "no memory for a message");
    start_step(post);
}

void pf_post_write(struct pf_post *post, struct pf_bytes text)
{
    put(post, text, false);
}

void pf_post_seal(struct pf_post *post)
{
    put(post, (struct pf_bytes){0}, true);
}

void pf_post_free(struct pf_post *post)
{
    if (!post)
        return;
    post->dying = true;
    pf_timer_clear(post->slow);
    settle(post);
}
