#include "session/quota_warning.h"

#include "base/text.h"

#include <stdlib.h>
#include <sys/random.h>

/* The least usage that is `percent` of the limit: rounded up, without the product that would not fit. */
static uint64_t line_of(uint64_t limit, unsigned percent)
{
    return limit / 100 * percent + (limit % 100 * percent + 99) / 100;
}

static bool is_over(const struct pf_quota_warning *w, uint64_t octets, uint64_t messages)
{
    const struct pf_post_target *t = &w->target;

    return (t->quota_octets && octets >= line_of(t->quota_octets, w->percent)) ||
           (t->quota_messages && messages >= line_of(t->quota_messages, w->percent));
}

bool pf_quota_warning_is_due(const struct pf_quota_warning *w)
{
    return w->percent && w->used_messages && w->used_octets >= w->size &&
           is_over(w, w->used_octets, w->used_messages) &&
           !is_over(w, w->used_octets - w->size, w->used_messages - 1);
}

static unsigned percent_of(uint64_t used, uint64_t limit)
{
    return limit ? (unsigned)((double)used * 100 / (double)limit) : 0;
}

/* The fuller of the two. */
static unsigned percent_used(const struct pf_quota_warning *w)
{
    unsigned octets = percent_of(w->used_octets, w->target.quota_octets);
    unsigned messages = percent_of(w->used_messages, w->target.quota_messages);

    return octets > messages ? octets : messages;
}

/* Names that could need quoting or encoding are left out: the message is in that user's maildrop anyway. */
static bool is_plain(const char *user)
{
    for (const char *c = user; *c; c++)
        if (!(*c >= '0' && *c <= '9') && !(pf_lower((unsigned char)*c) >= 'a' && pf_lower((unsigned char)*c) <= 'z') &&
            !strchr("@._+-", *c))
            return false;
    return true;
}

static bool put_head(const struct pf_quota_warning *w, struct pf_span *out)
{
    uint64_t random[2] = {0};
    const char *user = w->target.user;
    unsigned percent = percent_used(w);
    bool ok = getrandom(random, sizeof random, 0) == sizeof random &&
              pf_span_put(out, PF_LIT("Return-Path: <>\nDate: ")) && pf_post_date(out, w->now) &&
              pf_span_format(out, "\nFrom: postmaster@%s\nTo: ", w->hostname);

    if (ok && is_plain(user))
        ok = pf_span_format(out, strchr(user, '@') ? "%s\n" : "%s@%s\n", user, w->hostname);
    else
        ok = ok && pf_span_put(out, PF_LIT("undisclosed-recipients:;\n"));
    return ok &&
           pf_span_format(out,
                          "Subject: Ihr Postfach ist zu %u %% voll / Your mailbox is %u %% full\n"
                          "Message-ID: <%016llx%016llx@%s>\n"
                          "Auto-Submitted: auto-generated\n"
                          "MIME-Version: 1.0\n"
                          "Content-Type: text/plain; charset=UTF-8\n"
                          "Content-Transfer-Encoding: 8bit\n\n",
                          percent, percent, (unsigned long long)random[0], (unsigned long long)random[1], w->hostname);
}

static bool put_numbers(const struct pf_quota_warning *w, const char *octets, const char *messages, struct pf_span *out)
{
    const double mega = 1 << 20;
    const struct pf_post_target *t = &w->target;
    bool ok = true;

    if (t->quota_octets) {
        ok = pf_span_format(out, "    %.1f / %.1f MiB", (double)w->used_octets / mega,
                            (double)t->quota_octets / mega) &&
             pf_span_put(out, pf_bytes_of(octets));
    }
    if (ok && t->quota_messages) {
        ok = pf_span_format(out, "    %llu / %llu", (unsigned long long)w->used_messages,
                            (unsigned long long)t->quota_messages) &&
             pf_span_put(out, pf_bytes_of(messages));
    }
    return ok;
}

bool pf_quota_warning_put(const struct pf_quota_warning *w, struct pf_span *out)
{
    return put_head(w, out) &&
           pf_span_format(out, "Ihr Postfach ist zu %u %% voll:\n\n", percent_used(w)) &&
           put_numbers(w, "\n", " Nachrichten\n", out) &&
           pf_span_put(out, PF_LIT("\nIst es ganz voll, kommt keine weitere Post mehr an. Bitte löschen Sie, was Sie\n"
                                   "nicht mehr brauchen, oder lassen Sie Ihr Mailprogramm Nachrichten vom Server\n"
                                   "entfernen, sobald sie abgeholt sind.\n\n")) &&
           pf_span_format(out, "Your mailbox is %u %% full:\n\n", percent_used(w)) &&
           put_numbers(w, "\n", " messages\n", out) &&
           pf_span_put(out, PF_LIT("\nOnce it is full, no more mail will arrive. Please delete what you no longer\n"
                                   "need, or let your mail program remove messages from the server when it has\n"
                                   "fetched them.\n"));
}

/* The message on its way into the store. */
struct sending {
    struct pf_store *store;
    void (*done)(void *self);
    void *self;
    char *user, *path;
    struct pf_parcel *parcel;
    struct pf_later later;
    union {
        struct pf_store_op op;
        struct pf_parcel_begin begin;
        struct pf_parcel_write write;
        struct pf_parcel_seal seal;
        struct pf_parcel_drop drop;
    } op;
    struct pf_span text;
    unsigned char room[PF_QUOTA_WARNING_MAX];
};

static void finish(struct sending *s)
{
    void (*done)(void *) = s->done;
    void *self = s->self;

    free(s->user);
    free(s->path);
    free(s);
    done(self);
}

static struct sending *of(struct pf_store_op *op)
{
    return (struct sending *)(void *)((char *)op - offsetof(struct sending, op));
}

static void ended(struct pf_store_op *op)
{
    finish(of(op));
}

static void written(struct pf_store_op *op)
{
    struct sending *s = of(op);

    if (op->err.code != PF_OK) {
        s->op.drop = (struct pf_parcel_drop){.op.done = ended};
        pf_parcel_drop(s->parcel, &s->op.drop);
        return;
    }
    s->op.seal = (struct pf_parcel_seal){.op.done = ended};
    pf_parcel_seal(s->parcel, &s->op.seal);
}

static void begun(struct pf_store_op *op)
{
    struct sending *s = of(op);

    if (op->err.code != PF_OK) {
        finish(s);
        return;
    }
    s->parcel = s->op.begin.parcel;
    s->op.write = (struct pf_parcel_write){.op.done = written, .bytes = pf_span_bytes(&s->text)};
    pf_parcel_write(s->parcel, &s->op.write);
}

static void give_up(struct pf_later *later)
{
    finish((struct sending *)(void *)((char *)later - offsetof(struct sending, later)));
}

void pf_quota_warning_send(struct pf_store *store, const struct pf_quota_warning *w, void (*done)(void *self),
                           void *self)
{
    struct sending *s = calloc(1, sizeof *s);
    struct pf_post_target target = {0};

    if (!s) {
        done(self);
        return;
    }
    *s = (struct sending){.store = store, .done = done, .self = self};
    s->user = strdup(w->target.user);
    s->path = strdup(w->target.path);
    s->text = (struct pf_span){s->room, 0, sizeof s->room};
    if (!s->user || !s->path || !pf_quota_warning_put(w, &s->text)) {
        s->later.run = give_up;
        pf_loop_later(store->loop, &s->later);
        return;
    }
    target.user = s->user;
    target.path = s->path;
    target.pass = w->target.pass;
    s->op.begin = (struct pf_parcel_begin){.op.done = begun, .where = pf_post_where(&target, w->now)};
    pf_parcel_begin(store, &s->op.begin);
}
