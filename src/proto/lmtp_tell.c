#include <assert.h>

#include "proto/lmtp_data.h"
#include "proto/lmtp_server.h"

static void ask_rcpt(const struct pf_lmtp_server *e, struct pf_lmtp_ask *ask)
{
    ask->sender = pf_keep_bytes(&e->sender);
    ask->address = pf_lmtp_rcpts_tried(&e->rcpts);
    ask->size = e->size;
    ask->recipient = e->rcpts.count;
    ask->utf8 = e->utf8;
}

static void ask_begin(const struct pf_lmtp_server *e, struct pf_lmtp_ask *ask)
{
    ask->helo = e->told_helo.set ? pf_keep_bytes(&e->told_helo) : pf_keep_bytes(&e->helo);
    ask->sender = pf_keep_bytes(&e->sender);
    ask->size = e->size;
    ask->recipients = e->rcpts.count;
    ask->utf8 = e->utf8;
}

static void ask_xclient(const struct pf_lmtp_server *e, struct pf_lmtp_ask *ask)
{
    ask->xclient = (const struct pf_xclient *)(const void *)e->xclient.at;
}

static void ask_close(const struct pf_lmtp_server *e, struct pf_lmtp_ask *ask)
{
    ask->close = e->close;
}

bool pf_lmtp_server_ask(struct pf_lmtp_server *e, struct pf_lmtp_ask *out_ask)
{
    static void (*const fill[])(const struct pf_lmtp_server *, struct pf_lmtp_ask *) = {
        [PF_LMTP_ASK_RCPT] = ask_rcpt,
        [PF_LMTP_ASK_BEGIN] = ask_begin,
        [PF_LMTP_ASK_SEAL] = ask_begin,
        [PF_LMTP_ASK_CLOSE] = ask_close,
        [PF_LMTP_ASK_XCLIENT] = ask_xclient,
    };

    if (e->drop_due) {
        e->drop_due = false;
        pf_keep_drop(&e->old_helo);
        pf_keep_drop(&e->old_sender);
        *out_ask = (struct pf_lmtp_ask){.kind = PF_LMTP_ASK_DROP};
        return true;
    }
    if (!e->asking || e->shown)
        return false;
    e->shown = true;
    *out_ask = (struct pf_lmtp_ask){.kind = e->asked};
    if (fill[e->asked])
        fill[e->asked](e, out_ask);
    return true;
}

static struct pf_lmtp_answer answer_of(const struct pf_err *err)
{
    return pf_lmtp_answer_of(err->code, err->say);
}

static void told_rcpt(struct pf_lmtp_server *e, const struct pf_lmtp_tell *tell)
{
    static const struct pf_lmtp_answer good = {250, "2.1.5", "ok"};
    struct pf_bytes address = pf_lmtp_rcpts_tried(&e->rcpts);
    struct pf_lmtp_answer no;

    e->asking = false;
    if (tell->err.code != PF_OK) {
        no = answer_of(&tell->err);
        pf_lmtp_reply(&e->out.span, &no, address);
        return;
    }
    pf_lmtp_reply(&e->out.span, &good, address);
    pf_lmtp_rcpts_accept(&e->rcpts);
    e->state = PF_LMTP_IN_RCPT;
    e->held = true;
    e->bad_row = 0;
}

static void told_begun(struct pf_lmtp_server *e, const struct pf_lmtp_tell *tell)
{
    static const struct pf_lmtp_answer go = {354, "", "send the message, end with a line that is one dot"};
    struct pf_lmtp_answer no = answer_of(&tell->err);
    bool good = tell->err.code == PF_OK;

    e->asking = false;
    if (!e->asks_data) {
        if (!good)
            pf_lmtp_data_fail(e, &no);
        pf_lmtp_data_begin_chunk(e);
    } else if (good) {
        pf_lmtp_good(e, &go);
        pf_lmtp_data_begin(e);
    } else {
        pf_lmtp_say(e, &no);
    }
}

static void told_sealed(struct pf_lmtp_server *e, const struct pf_lmtp_tell *tell)
{
    pf_lmtp_rcpts_settle(&e->rcpts, tell->recipient, &tell->err);
    if (--e->unsealed)
        return;
    e->asking = false;
    e->held = false;
}

/* What was said before TLS is not to be believed, the name of the client neither (RFC 3207 section
 * 4.2). */
static void told_tls(struct pf_lmtp_server *e, const struct pf_lmtp_tell *tell)
{
    e->asking = false;
    if (tell->err.code != PF_OK) {
        pf_lmtp_close(e, "tls");
        return;
    }
    e->tls = true;
    e->state = PF_LMTP_IN_NEW;
    pf_keep_drop(&e->helo);
}

/* The session begins anew, with another client. */
static void told_xclient(struct pf_lmtp_server *e, const struct pf_lmtp_tell *tell)
{
    struct pf_lmtp_answer no = answer_of(&tell->err);

    e->asking = false;
    pf_keep_drop(&e->xclient);
    if (tell->err.code != PF_OK) {
        pf_lmtp_say(e, &no);
        return;
    }
    e->told = true;
    e->bad_row = 0;
    e->state = PF_LMTP_IN_NEW;
    pf_keep_drop(&e->helo);
    pf_lmtp_banner(e);
}

void pf_lmtp_server_tell(struct pf_lmtp_server *e, const struct pf_lmtp_tell *tell, pf_time now)
{
    static const struct {
        enum pf_lmtp_ask_kind asked;
        void (*told)(struct pf_lmtp_server *, const struct pf_lmtp_tell *);
    } answers[] = {
        [PF_LMTP_TELL_RCPT] = {PF_LMTP_ASK_RCPT, told_rcpt},
        [PF_LMTP_TELL_BEGUN] = {PF_LMTP_ASK_BEGIN, told_begun},
        [PF_LMTP_TELL_SEALED] = {PF_LMTP_ASK_SEAL, told_sealed},
        [PF_LMTP_TELL_TLS] = {PF_LMTP_ASK_TLS, told_tls},
        [PF_LMTP_TELL_XCLIENT] = {PF_LMTP_ASK_XCLIENT, told_xclient},
    };

    /* The session ended while the world was still busy with the last question. */
    if (e->closing)
        return;
    assert(e->asking && e->shown && answers[tell->kind].asked == e->asked);
    e->now = e->idle_from = now;
    answers[tell->kind].told(e, tell);
    pf_lmtp_leave(e);
}

void pf_lmtp_server_text_failed(struct pf_lmtp_server *e, const struct pf_err *err, pf_time now)
{
    bool sealing = e->asking && e->asked == PF_LMTP_ASK_SEAL;
    struct pf_lmtp_answer why = answer_of(err);

    assert(err->code != PF_OK && !(sealing && e->shown));
    e->now = now;
    /* The session, or the message, ended in between: DROP said so, or says so. */
    if (e->closing || !e->held)
        return;
    pf_lmtp_data_fail(e, &why);
    if (sealing) {
        e->asking = false;
        e->unsealed = 0;
    }
    pf_lmtp_leave(e);
}
