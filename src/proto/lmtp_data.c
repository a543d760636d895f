#include "proto/lmtp_data.h"

#include "base/text.h"
#include "proto/lmtp_server.h"

static const struct pf_lmtp_answer faults[] = {
    [PF_LMTP_TEXT_BARE] = {550, "5.5.2", "lines of the text must end in CRLF, and CR and LF stand nowhere else"},
    [PF_LMTP_TEXT_TOO_LARGE] = {552, "5.3.4", "message is too large"},
};

void pf_lmtp_data_fail(struct pf_lmtp_server *e, const struct pf_lmtp_answer *why)
{
    struct pf_span say = {(unsigned char *)e->whole_say, 0, sizeof e->whole_say - 1};

    if (e->whole.code)
        return;
    pf_span_put(&say, pf_bytes_head(pf_bytes_of(why->text), say.cap));
    say.at[say.len] = 0;
    e->whole = (struct pf_lmtp_answer){why->code, why->status, e->whole_say};
    pf_lmtp_let_go(e);
}

/* The last octet of DATA or of a chunk was taken. */
static void over(struct pf_lmtp_server *e)
{
    bool whole_text = e->receiving == PF_LMTP_DATA || e->last;

    e->receiving = PF_LMTP_COMMANDS;
    e->owing = whole_text ? PF_LMTP_OWES_ALL : PF_LMTP_OWES_CHUNK;
    if (!whole_text)
        return;
    pf_lmtp_text_end(&e->text);
    if (e->text.fault)
        pf_lmtp_data_fail(e, &faults[e->text.fault]);
    e->next = 0;
    if (e->whole.code)
        return;
    e->unsealed = e->rcpts.count;
    pf_lmtp_ask_for(e, PF_LMTP_ASK_SEAL);
}

static void over_if_done(struct pf_lmtp_server *e)
{
    if (e->receiving == PF_LMTP_DATA ? e->text.undo.done : e->text.left == 0)
        over(e);
}

void pf_lmtp_data_begin(struct pf_lmtp_server *e)
{
    e->receiving = PF_LMTP_DATA;
}

void pf_lmtp_data_begin_chunk(struct pf_lmtp_server *e)
{
    if (e->state & (PF_LMTP_IN_MAIL | PF_LMTP_IN_RCPT))
        e->state = PF_LMTP_IN_BDAT;
    e->receiving = PF_LMTP_CHUNK;
    if (e->whole.code && e->text.left > PF_LMTP_SWALLOW_MAX) {
        e->hang_up = true;
        e->text.left = 0;
    }
    over_if_done(e);
}

size_t pf_lmtp_data_take(struct pf_lmtp_server *e, struct pf_bytes in, struct pf_span *into)
{
    size_t taken = e->receiving == PF_LMTP_DATA ? pf_lmtp_text_data(&e->text, in, into)
                                                : pf_lmtp_text_chunk(&e->text, in, into);

    if (e->text.fault)
        pf_lmtp_data_fail(e, &faults[e->text.fault]);
    if (taken)
        over_if_done(e);
    return taken;
}

size_t pf_lmtp_data_take_away(struct pf_lmtp_server *e, struct pf_bytes in)
{
    size_t taken = e->receiving == PF_LMTP_DATA ? pf_lmtp_text_data_away(&e->text, in)
                                                : pf_lmtp_text_chunk_away(&e->text, in);

    if (taken)
        over_if_done(e);
    return taken;
}

/* A chunk out of order is the client's mistake; a text that cannot be delivered is not. */
static void say_whole(struct pf_lmtp_server *e)
{
    if (e->whole.code == 503)
        pf_lmtp_bad(e, &e->whole);
    else
        pf_lmtp_say(e, &e->whole);
}

static void chunk(struct pf_lmtp_server *e)
{
    static const struct pf_lmtp_answer taken = {250, "2.0.0", "chunk received"};

    e->owing = PF_LMTP_OWES_NOTHING;
    if (!e->whole.code) {
        pf_lmtp_good(e, &taken);
        return;
    }
    say_whole(e);
    /* Outside of a transaction nothing is spoilt by it. */
    if (e->state & (PF_LMTP_IN_NEW | PF_LMTP_IN_READY))
        e->whole.code = 0;
}

static void done(struct pf_lmtp_server *e)
{
    e->owing = PF_LMTP_OWES_NOTHING;
    pf_lmtp_reset(e);
}

static bool one_of_many(struct pf_lmtp_server *e)
{
    struct pf_lmtp_answer a = e->whole;

    if (!a.code) {
        if (!e->rcpts.rows[e->next].known)
            return false;
        a = pf_lmtp_rcpts_answer(&e->rcpts, e->next);
    }
    if (a.code < 300)
        e->bad_row = 0;
    pf_lmtp_reply(&e->out.span, &a, pf_lmtp_rcpts_address(&e->rcpts, e->next));
    e->next++;
    return true;
}

/* False when the next reply is not known yet. */
static bool behind_text(struct pf_lmtp_server *e)
{
    struct pf_lmtp_answer worst;

    if (!e->set->smtp && e->next < e->rcpts.count)
        return one_of_many(e);
    if (e->set->smtp) {
        if (e->unsealed)
            return false;
        if (e->whole.code) {
            say_whole(e);
        } else {
            worst = pf_lmtp_rcpts_worst(&e->rcpts);
            if (worst.code < 300)
                e->bad_row = 0;
            pf_lmtp_say(e, &worst);
        }
    } else if (e->rcpts.count == 0) {
        e->bad_row++; /* BDAT LAST for nobody: no reply, but no good command either */
    }
    done(e);
    return true;
}

void pf_lmtp_data_produce(struct pf_lmtp_server *e)
{
    while (e->owing && pf_server_out_room(&e->out, PF_LMTP_REPLY_MAX)) {
        if (e->owing == PF_LMTP_OWES_CHUNK)
            chunk(e);
        else if (!behind_text(e))
            return;
    }
}
