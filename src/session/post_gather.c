#include "session/post_parts.h"

#include <assert.h>
#include <stdlib.h>

struct pf_box_where pf_post_where(const struct pf_post_target *t, int64_t now)
{
    return (struct pf_box_where){.user = t->user,
                                 .path = t->path,
                                 .now = now,
                                 .expire_days = -1,
                                 .quota_octets = t->quota_octets,
                                 .quota_messages = t->quota_messages,
                                 .pass = t->pass};
}

void pf_post_parcel_free(struct pf_post_parcel *p)
{
    free((void *)(uintptr_t)p->target.user);
    free((void *)(uintptr_t)p->target.path);
    free(p);
}

void pf_post_person_done(struct pf_post_person *r)
{
    free((void *)(uintptr_t)r->address.at);
}

enum pf_code pf_post_recipient(struct pf_post *post, struct pf_bytes address, struct pf_err *err)
{
    struct pf_post_person *more = realloc(post->recipients, (post->count + 1) * sizeof *more);
    unsigned char *copy = malloc(address.len + 1);

    assert(post->step == PF_POST_GATHER);
    if (more)
        post->recipients = more;
    if (!more || !copy) {
        free(copy);
        return pf_fail(err, PF_NO_MEMORY, 0, "post", "no memory for a recipient");
    }
    if (address.len)
        memcpy(copy, address.at, address.len);
    more[post->count++] = (struct pf_post_person){.address = pf_bytes_from(copy, address.len)};
    return PF_OK;
}

enum pf_code pf_post_maildrop(struct pf_post *post, const struct pf_post_target *target, struct pf_err *err)
{
    struct pf_post_parcel *p = calloc(1, sizeof *p);
    char *user = strdup(target->user), *path = strdup(target->path);

    assert(post->step == PF_POST_GATHER && post->count);
    if (!p || !user || !path) {
        free(p);
        free(user);
        free(path);
        return pf_fail(err, PF_NO_MEMORY, 0, "post", "no memory for a recipient");
    }
    *p = (struct pf_post_parcel){
        .post = post, .next = post->parcels, .recipient = post->count - 1, .target = *target};
    p->target.user = user;
    p->target.path = path;
    post->parcels = p;
    return PF_OK;
}

/* One that the store is still busy with is freed with the post. */
static void disown(struct pf_post *post, struct pf_post_parcel *p)
{
    if (!p->busy) {
        pf_post_parcel_free(p);
        return;
    }
    p->orphan = true;
    p->next = post->orphans;
    post->orphans = p;
}

void pf_post_forget_last(struct pf_post *post)
{
    struct pf_post_parcel *p;

    assert(post->step == PF_POST_GATHER && post->count);
    post->count--;
    pf_post_person_done(&post->recipients[post->count]);
    while ((p = post->parcels) && p->recipient == post->count) {
        post->parcels = p->next;
        disown(post, p);
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

const char *pf_post_user(const struct pf_post *post, unsigned recipient)
{
    for (const struct pf_post_parcel *p = post->parcels; p; p = p->next)
        if (p->recipient == recipient)
            return p->target.user;
    return NULL;
}

struct pf_bytes pf_post_message_id(const struct pf_post *post)
{
    return pf_bytes_from(post->text.message_id, post->text.message_id_len);
}

static void asked(struct pf_store_op *op)
{
    struct pf_post_parcel *p = (struct pf_post_parcel *)(void *)((char *)op - offsetof(struct pf_post_parcel, op));

    p->busy = false;
    if (p->awaited && op->err.code != PF_OK)
        pf_post_fail_parcel(p, &op->err);
    if (!p->orphan)
        pf_post_no_longer_awaited(p);
    pf_post_settle(p->post);
}

void pf_post_ask(struct pf_post *post, uint64_t size, int64_t now)
{
    assert(post->step == PF_POST_GATHER && post->count && !post->dying);
    post->step = PF_POST_ASK;
    for (struct pf_post_parcel *p = post->parcels; p && p->recipient == post->count - 1; p = p->next) {
        pf_post_await(p);
        p->busy = true;
        p->op.begin = (struct pf_parcel_begin){
            .op.done = asked, .where = pf_post_where(&p->target, now), .ask = true, .size = size};
        pf_parcel_begin(post->store, &p->op.begin);
    }
    pf_post_start_step(post);
}

void pf_post_end_ask(struct pf_post *post)
{
    struct pf_err err = post->recipients[post->count - 1].err;

    post->step = PF_POST_GATHER;
    post->asker.asked(post->asker.self, &err);
}
