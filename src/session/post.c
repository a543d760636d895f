#include "session/post_parts.h"

#include "base/text.h"
#include "session/quota_warning.h"

#include <assert.h>
#include <stdlib.h>

static struct pf_post_person *owner(const struct pf_post_parcel *p)
{
    return &p->post->recipients[p->recipient];
}

static void piece_drop(struct pf_post_piece **piece)
{
    if (*piece && --(*piece)->holds == 0)
        free(*piece);
    *piece = NULL;
}

static void let_go(struct pf_post_parcel *p)
{
    piece_drop(&p->piece);
    free(p->head);
    p->head = NULL;
    p->busy = false;
}

void pf_post_no_longer_awaited(struct pf_post_parcel *p)
{
    if (p->awaited)
        p->post->awaited--;
    p->awaited = false;
}

void pf_post_fail_parcel(struct pf_post_parcel *p, const struct pf_err *err)
{
    struct pf_post_person *r = owner(p);

    if (r->err.code == PF_OK) {
        r->err = *err;
        pf_post_soften(&r->err);
    }
    pf_post_no_longer_awaited(p);
}

static void dropped(struct pf_store_op *op)
{
    struct pf_post_parcel *p = (struct pf_post_parcel *)(void *)((char *)op - offsetof(struct pf_post_parcel, op));

    let_go(p);
    p->parcel = NULL;
    pf_post_settle(p->post);
}

/* Parcels of recipients who have failed, and all when nobody asks any more. */
static void drop_hopeless(struct pf_post *post)
{
    for (struct pf_post_parcel *p = post->parcels; p; p = p->next) {
        if (!p->parcel || p->busy || (owner(p)->err.code == PF_OK && !post->dying))
            continue;
        pf_post_no_longer_awaited(p);
        p->busy = true;
        p->op.drop = (struct pf_parcel_drop){.op.done = dropped};
        pf_parcel_drop(p->parcel, &p->op.drop);
    }
}

static void written(struct pf_store_op *op)
{
    struct pf_post_parcel *p = (struct pf_post_parcel *)(void *)((char *)op - offsetof(struct pf_post_parcel, op));

    let_go(p);
    if (op->err.code != PF_OK)
        pf_post_fail_parcel(p, &op->err);
    pf_post_no_longer_awaited(p);
    pf_post_settle(p->post);
}

static void write_parcel(struct pf_post_parcel *p, struct pf_bytes bytes)
{
    p->busy = true;
    p->op.write = (struct pf_parcel_write){.op.done = written, .bytes = bytes};
    pf_parcel_write(p->parcel, &p->op.write);
}

static enum pf_code make_head(struct pf_post_parcel *p, struct pf_err *err)
{
    struct pf_span span = {malloc(PF_POST_HEAD_MAX), 0, PF_POST_HEAD_MAX};
    enum pf_code code = span.at ? pf_post_head(&p->post->envelope, owner(p)->address, &span, err)
                                : pf_fail(err, PF_NO_MEMORY, 0, "post", "no memory for a head");

    if (code == PF_OK) {
        p->head = span.at;
        p->head_len = span.len;
    } else {
        free(span.at);
    }
    return code;
}

/* A lone parcel's head waits for the first piece, and both are one write: one way to a store in another process, not
 * two. With others the piece is shared, and is not copied for each. */
static enum pf_code begin_head(struct pf_post_parcel *p, struct pf_err *err)
{
    enum pf_code code = make_head(p, err);

    if (code == PF_OK && p == p->post->parcels && !p->next)
        pf_post_no_longer_awaited(p);
    else if (code == PF_OK)
        write_parcel(p, pf_bytes_from(p->head, p->head_len));
    return code;
}

static void parcel_begun(struct pf_store_op *op)
{
    struct pf_post_parcel *p = (struct pf_post_parcel *)(void *)((char *)op - offsetof(struct pf_post_parcel, op));
    struct pf_err err = op->err;

    p->busy = false;
    if (err.code == PF_OK)
        p->parcel = p->op.begin.parcel;
    if (err.code == PF_OK && p->awaited && owner(p)->err.code == PF_OK && !p->post->dying)
        begin_head(p, &err);
    if (err.code != PF_OK)
        pf_post_fail_parcel(p, &err);
    pf_post_settle(p->post);
}

static void warned(void *self)
{
    struct pf_post *post = self;

    post->warnings--;
    pf_post_settle(post);
}

/* A message from us to who has much mail; the one that is being delivered does not wait for it. */
static void warn(struct pf_post_parcel *p)
{
    struct pf_post *post = p->post;
    struct pf_quota_warning w = {
        .target = p->target,
        .hostname = post->envelope.hostname,
        .percent = post->envelope.quota_warning,
        .now = post->envelope.now,
        .size = p->op.seal.size,
        .used_octets = p->op.seal.used_octets,
        .used_messages = p->op.seal.used_messages,
    };

    if (!pf_quota_warning_is_due(&w))
        return;
    post->warnings++;
    pf_quota_warning_send(post->store, &w, warned, post);
}

static void sealed(struct pf_store_op *op)
{
    struct pf_post_parcel *p = (struct pf_post_parcel *)(void *)((char *)op - offsetof(struct pf_post_parcel, op));
    struct pf_post *post = p->post;

    let_go(p);
    p->parcel = NULL;
    owner(p)->sealing--;
    if (op->err.code == PF_OK) {
        struct pf_post_stored stored = {p->recipient, p->target.user, p->op.seal.uidl, p->op.seal.octets,
                                        p->target.path};

        post->asker.stored(post->asker.self, &stored);
        warn(p);
    } else {
        pf_post_fail_parcel(p, &op->err);
    }
    pf_post_settle(post);
}

static void seal_parcel(struct pf_post_parcel *p)
{
    owner(p)->sealing++;
    p->busy = true;
    p->op.seal = (struct pf_parcel_seal){.op.done = sealed};
    pf_parcel_seal(p->parcel, &p->op.seal);
}

/* Seals are not awaited together: each recipient is told for himself. */
static void start_seals(struct pf_post *post)
{
    post->step = PF_POST_SEAL;
    if (post->text.received > PF_POST_RECEIVED_MAX)
        for (unsigned i = 0; i < post->count; i++)
            if (post->recipients[i].err.code == PF_OK)
                pf_post_loop(&post->recipients[i].err, "too many Received fields");
    drop_hopeless(post);
    for (struct pf_post_parcel *p = post->parcels; p; p = p->next)
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
    if (post->step == PF_POST_ASK)
        pf_post_end_ask(post);
    else if (post->step == PF_POST_BEGIN)
        post->asker.begun(post->asker.self);
    else if (post->step == PF_POST_WRITE)
        post->asker.written(post->asker.self);
    else if (post->step == PF_POST_LAST_WRITE)
        start_seals(post);
}

static void tell_recipients(struct pf_post *post)
{
    for (unsigned i = 0; i < post->count && !post->dying; i++) {
        struct pf_post_person *r = &post->recipients[i];

        if (r->told || r->sealing)
            continue;
        r->told = true;
        post->asker.sealed(post->asker.self, i, &r->err);
    }
}

static void post_free(struct pf_post *post)
{
    for (struct pf_post_parcel *p = post->parcels, *next; p; p = next) {
        next = p->next;
        pf_post_parcel_free(p);
    }
    for (struct pf_post_parcel *p = post->orphans, *next; p; p = next) {
        next = p->next;
        pf_post_parcel_free(p);
    }
    for (unsigned i = 0; i < post->count; i++)
        pf_post_person_done(&post->recipients[i]);
    free(post->recipients);
    piece_drop(&post->piece);
    pf_timer_free(post->slow);
    free(post);
}

static bool store_holds(const struct pf_post *post)
{
    for (const struct pf_post_parcel *p = post->parcels; p; p = p->next)
        if (p->busy || p->parcel)
            return true;
    for (const struct pf_post_parcel *p = post->orphans; p; p = p->next)
        if (p->busy)
            return true;
    return post->warnings > 0;
}

static void look_around(struct pf_later *later)
{
    struct pf_post *post = (struct pf_post *)(void *)((char *)later - offsetof(struct pf_post, later));
    struct pf_post_asker asker = post->asker;

    drop_hopeless(post);
    if (!post->dying && post->stepping && post->awaited == 0)
        end_step(post);
    if (!post->dying && post->step == PF_POST_SEAL)
        tell_recipients(post);
    if (!post->dying || store_holds(post))
        return;
    if (!post->later.queued) /* else asked for once more, from inside an answer */
        post_free(post), asker.gone(asker.self);
}

/* What follows from a change is done on a turn of its own. */
void pf_post_settle(struct pf_post *post)
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
    for (struct pf_post_parcel *p = post->parcels; p; p = p->next)
        if (p->awaited)
            pf_post_fail_parcel(p, &err);
    pf_post_settle(post);
}

static void delivered_to(void *self, struct pf_bytes address)
{
    struct pf_post *post = self;

    for (unsigned i = 0; i < post->count; i++) {
        struct pf_post_person *r = &post->recipients[i];

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

void pf_post_await(struct pf_post_parcel *p)
{
    p->awaited = true;
    p->post->awaited++;
}

void pf_post_start_step(struct pf_post *post)
{
    post->stepping = true;
    pf_timer_set(post->slow, pf_loop_now(post->store->loop) + PF_POST_SLOW);
    pf_post_settle(post);
}

void pf_post_begin(struct pf_post *post, const struct pf_post_envelope *envelope)
{
    assert(post->step == PF_POST_GATHER && post->count && !post->dying);
    post->step = PF_POST_BEGIN;
    post->envelope = *envelope;
    post->envelope.alone = post->count == 1;
    for (struct pf_post_parcel *p = post->parcels; p; p = p->next) {
        pf_post_await(p);
        p->busy = true;
        p->op.begin = (struct pf_parcel_begin){
            .op.done = parcel_begun,
            .where = pf_post_where(&p->target, envelope->now)};
        pf_parcel_begin(post->store, &p->op.begin);
    }
    pf_post_start_step(post);
}

/* A piece that nobody else holds; NULL without memory. */
static struct pf_post_piece *fresh_piece(struct pf_post *post)
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

static void write_joined(struct pf_post_parcel *p, const struct pf_post_piece *piece)
{
    unsigned char *both = realloc(p->head, p->head_len + piece->len);
    struct pf_err err;

    if (!both) {
        pf_fail(&err, PF_NO_MEMORY, 0, "post", "no memory for a message");
        pf_post_fail_parcel(p, &err);
        return;
    }
    memcpy(both + p->head_len, piece->at, piece->len);
    p->head = both;
    write_parcel(p, pf_bytes_from(both, p->head_len + piece->len));
}

static void write_piece(struct pf_post *post)
{
    for (struct pf_post_parcel *p = post->parcels; p; p = p->next) {
        if (!p->parcel || p->busy || owner(p)->err.code != PF_OK || (post->piece->len == 0 && !p->head))
            continue;
        pf_post_await(p);
        if (p->head) {
            write_joined(p, post->piece);
            continue;
        }
        p->piece = post->piece;
        p->piece->holds++;
        write_parcel(p, pf_bytes_from(p->piece->at, p->piece->len));
    }
}

static void put(struct pf_post *post, struct pf_bytes text, bool last)
{
    struct pf_post_piece *piece = fresh_piece(post);
    struct pf_span span = {piece ? piece->at : NULL, 0, PF_POST_PIECE + PF_POST_HELD};

    assert(!post->stepping && !post->dying && text.len <= PF_POST_PIECE);
    post->step = last ? PF_POST_LAST_WRITE : PF_POST_WRITE;
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
    pf_post_start_step(post);
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
    pf_post_settle(post);
}
