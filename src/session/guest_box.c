#include "session/guest.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

static struct pf_guest_session *guest_of(struct pf_store_op *op)
{
    /* Every member of the union begins with its op. */
    return (struct pf_guest_session *)(void *)((char *)op - offsetof(struct pf_guest_session, op));
}

/* Without memory its texts are lost, never its verdict. */
static const struct pf_err bare[PF_CODES] = {
#define PF_VERDICT(name, pop3, lmtp, exit, retry, say) [PF_##name] = {.code = PF_##name},
#include <postfach/verdict.def>
#undef PF_VERDICT
};

static void forget_err(struct pf_guest_session *g)
{
    if (g->box_err && g->box_err != &bare[g->box_err->code])
        free((void *)(uintptr_t)g->box_err);
    g->box_err = NULL;
}

static void keep_err(struct pf_guest_session *g, const struct pf_err *err)
{
    struct pf_err *kept = malloc(sizeof *kept);

    forget_err(g);
    if (kept)
        *kept = *err;
    g->box_err = kept ? kept : &bare[err->code];
}

static void box_closed(struct pf_store_op *op)
{
    struct pf_guest_session *g = guest_of(op);
    struct pf_tell tell = {0};

    if (g->box_err)
        tell.err = *g->box_err;
    forget_err(g);
    g->op_busy = false;
    pf_guest_count_op(g, "close", &op->err);
    g->box = NULL;
    pf_hold_freed(g);
    if (g->stage == PF_STAGE_GONE) {
        pf_guest_release(g);
        return;
    }
    assert(g->after_close != PF_AFTER_NOTHING);
    tell.kind = g->after_close == PF_AFTER_COMMIT ? PF_TELL_COMMIT : PF_TELL_OPEN;
    pf_guest_tell(g, &tell);
    pf_guest_turn(g);
}

static void close_box(struct pf_guest_session *g)
{
    g->op.close = (struct pf_box_close){.op.done = box_closed};
    g->op_busy = true;
    g->op_began = pf_guest_now(g);
    pf_box_close(g->box, &g->op.close);
}

void pf_guest_release(struct pf_guest_session *g)
{
    if (g->op_busy)
        return;
    if (g->box)
        close_box(g);
    else
        pf_hall_bury(g);
}

/* True when the guest left meanwhile: then the box only wants closing. */
static bool gone(struct pf_guest_session *g)
{
    if (g->stage != PF_STAGE_GONE)
        return false;
    pf_guest_release(g);
    return true;
}

void pf_guest_refuse_open(struct pf_guest_session *g, const struct pf_err *err)
{
    struct pf_tell tell = {.kind = PF_TELL_OPEN, .err = *err};

    pf_guest_log_login_failed(g, err, pf_bytes_of(pf_guest_name(g)));
    if (!g->box) {
        pf_guest_tell(g, &tell);
        return;
    }
    keep_err(g, err);
    g->after_close = PF_AFTER_REFUSE;
    close_box(g);
}

static void box_opened(struct pf_store_op *op)
{
    struct pf_guest_session *g = guest_of(op);
    struct pf_tell tell = {.kind = PF_TELL_OPEN, .listing = g->op.open.listing,
                           .expire_days = g->expire_days, .login_delay = g->login_delay,
                           .no_delete = g->user->no_delete || g->user->read_only};
    struct pf_err err = op->err;

    g->op_busy = false;
    pf_guest_count_op(g, "open", &op->err);
    if (err.code == PF_OK) {
        g->box = g->op.open.box;
        g->expired = g->op.open.expired;
        pf_hold_taken(g);
        pf_guest_journal_opened(g);
    }
    if (gone(g) || pf_hold_wait(g, &err))
        return;
    /* RFC 2449 section 6.5 counts from the last good login, so only a login that would be good is
     * noted: the delay is looked at behind the lock. */
    if (err.code == PF_OK && !pf_auth_login_due(g->hall->parts.auth, g->user->name, g->login_delay,
                                                pf_guest_now(g)))
        pf_fail(&err, PF_LOGIN_DELAY, 0, "login", "last login less than %u seconds ago",
                (unsigned)g->login_delay);
    if (err.code != PF_OK) {
        pf_guest_refuse_open(g, &err);
    } else {
        pf_guest_tell(g, &tell);
    }
    pf_guest_turn(g);
}

void pf_guest_open_box(struct pf_guest_session *g)
{
    g->op.open = (struct pf_box_open){
        .op.done = box_opened,
        .where = {.user = g->user->name, .path = g->user->maildrop, .now = (int64_t)time(NULL),
                  .expire_days = g->expire_days, .recipient = g->user->recipient[0] ? g->user->recipient : NULL,
                  .pass = g->user->pass},
    };
    g->op_busy = true;
    g->op_began = pf_guest_now(g);
    pf_box_open(g->hall->parts.store, &g->op.open);
}

static void end_body(struct pf_guest_session *g, const struct pf_err *err)
{
    struct pf_tell tell = {.kind = PF_TELL_BODY};

    if (err) {
        tell.err = *err;
        pf_guest_log_trouble(g, "message not sent whole", err);
        pf_guest_journal_failed(g, err);
    }
    pf_shelf_give(&g->hall->shelf, PF_SHELF_OF_LARGE, g->body);
    g->body = NULL;
    g->body_len = 0;
    pf_guest_tell(g, &tell);
}

static void piece_read(struct pf_store_op *op)
{
    struct pf_guest_session *g = guest_of(op);
    const struct pf_box_read *read = &g->op.read;

    g->op_busy = false;
    pf_guest_count_op(g, "read", &op->err);
    if (g->stage == PF_STAGE_GONE) {
        pf_shelf_give(&g->hall->shelf, PF_SHELF_OF_LARGE, g->body);
        g->body = NULL;
        pf_guest_release(g);
        return;
    }
    if (op->err.code != PF_OK) {
        end_body(g, &op->err);
    } else {
        g->body_at = 0;
        g->body_len = read->got;
        g->body_offset += read->got;
        g->body_last = read->last;
        g->body_clean = read->clean;
    }
    pf_guest_turn(g);
}

static void read_piece(struct pf_guest_session *g)
{
    g->op.read = (struct pf_box_read){.op.done = piece_read, .index = g->body_index,
                                      .offset = g->body_offset, .at = g->body, .cap = PF_SHELF_PIECE};
    g->op_busy = true;
    g->op_began = pf_guest_now(g);
    pf_box_read(g->box, &g->op.read);
}

void pf_guest_ask_body(struct pf_guest_session *g, const struct pf_ask *ask)
{
    struct pf_err err;

    pf_guest_journal_body(g, ask);
    g->body_open = true;
    g->body_index = ask->index;
    g->body_offset = 0;
    g->body_len = 0;
    g->body_last = false;
    g->body = pf_shelf_take(&g->hall->shelf, PF_SHELF_OF_LARGE);
    if (!g->body) {
        pf_fail(&err, PF_NO_MEMORY, 0, "body", "no memory for a buffer");
        end_body(g, &err);
        return;
    }
    read_piece(g);
}

bool pf_guest_carry_body(struct pf_guest_session *g)
{
    size_t taken = 0;

    if (!g->body_open || g->op_busy)
        return false;
    if (g->body_len) {
        taken = pf_pop3_server_body(g->engine, pf_bytes_from(g->body + g->body_at, g->body_len),
                                    g->body_clean);
        g->body_at += taken;
        g->body_len -= taken;
    }
    if (!pf_pop3_server_body_wanted(g->engine) || (g->body_len == 0 && g->body_last))
        end_body(g, NULL);
    else if (g->body_len == 0)
        read_piece(g);
    else
        return taken > 0;
    return true;
}

static bool any(const struct pf_marks *marks)
{
    for (size_t i = 0; i < pf_marks_words(marks->count); i++)
        if (marks->words[i])
            return true;
    return false;
}

static void expunged(struct pf_store_op *op)
{
    struct pf_guest_session *g = guest_of(op);
    bool removing = any(g->op.expunge.remove);

    g->op_busy = false;
    pf_guest_count_op(g, "expunge", &op->err);
    g->removed = g->op.expunge.removed;
    if (removing)
        pf_guest_journal_expunged(g, &op->err);
    /* Who deleted nothing is not told that something was not removed: failing to mark is no error. */
    if (removing && op->err.code != PF_OK)
        keep_err(g, &op->err);
    if (op->err.code != PF_OK && g->stage != PF_STAGE_GONE)
        pf_guest_log_trouble(g, removing ? "deleted messages not removed" : "messages not marked as seen",
                             &op->err);
    if (gone(g))
        return;
    g->after_close = PF_AFTER_COMMIT;
    close_box(g);
}

void pf_guest_ask_commit(struct pf_guest_session *g, const struct pf_ask *ask)
{
    bool mark = g->generation->conf->mark_seen && !g->user->read_only && any(ask->seen);

    pf_guest_journal_settle(g);
    forget_err(g);
    if (ask->remove_count == 0 && !mark) {
        g->after_close = PF_AFTER_COMMIT;
        close_box(g);
        return;
    }
    g->op.expunge = (struct pf_box_expunge){
        .op.done = expunged, .remove = ask->remove, .seen = mark ? ask->seen : NULL};
    g->op_busy = true;
    g->op_began = pf_guest_now(g);
    pf_box_expunge(g->box, &g->op.expunge);
}
