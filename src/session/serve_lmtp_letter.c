#include "session/serve_lmtp_carrier.h"

#include "session/proxied.h"

#include "auth/right.h"
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void describe(const struct pf_err *err, char *text, size_t cap)
{
    snprintf(text, cap, "%s: %s", err->where ? err->where : "?", err->log);
}

static void log_failed(const struct pf_letter *l, struct pf_log *log, struct pf_bytes recipient,
                       const struct pf_err *err)
{
    char text[PF_ERR_LOG + 60];
    struct pf_field fields[] = {
        PF_BYTES_FIELD("recipient", recipient),
        PF_TEXT_FIELD("sender", l && l->sender ? l->sender : NULL),
        PF_TEXT_FIELD("code", pf_verdict(err->code)->name),
        PF_TEXT_FIELD("err", text),
        PF_TEXT_FIELD("id", l ? l->id : NULL),
    };

    describe(err, text, sizeof text);
    pf_log_event(log, PF_EVENT_delivery_failed, fields, sizeof fields / sizeof fields[0]);
}

/* A letter is logged where it began, and one that never did where its carrier is now. */
static void failed(struct pf_carrier *c, const struct pf_letter *l, const struct pf_carrier_refused *what,
                   const struct pf_err *err)
{
    c->failed++;
    pf_carrier_journal_refused(c, l, what, err);
    pf_stats_count(c->dock->stats, PF_STAT_deliveries_total, pf_verdict(err->code)->name, NULL, 1);
    log_failed(l, l ? l->log : c->dock->parts.log, what->recipient, err);
}

static void begun(void *self)
{
    struct pf_letter *l = self;
    struct pf_lmtp_tell tell = {.kind = PF_LMTP_TELL_BEGUN};

    pf_carrier_tell(l->carrier, &tell);
    pf_carrier_soon(l->carrier);
}

static void written(void *self)
{
    struct pf_carrier *c = ((struct pf_letter *)self)->carrier;

    c->writing = false;
    if (c->seal_wanted)
        pf_carrier_ask_seal(c);
    pf_carrier_soon(c);
}

static void stored(void *self, const struct pf_post_stored *s)
{
    struct pf_letter *l = self;
    uint64_t ms = (uint64_t)(pf_loop_now(l->carrier->dock->parts.loop) - l->began);
    struct pf_field fields[] = {
        PF_TEXT_FIELD("user", s->user),
        PF_BYTES_FIELD("recipient", pf_post_address(l->post, s->recipient)),
        PF_TEXT_FIELD("sender", l->sender),
        PF_NUMBER_FIELD("octets", s->octets),
        PF_TEXT_FIELD("uidl", s->uidl),
        PF_NUMBER_FIELD("ms", ms),
        PF_TEXT_FIELD("id", l->id),
    };

    pf_stats_count(l->carrier->dock->stats, PF_STAT_delivered_octets_total, NULL, NULL, s->octets);
    pf_stats_took(l->carrier->dock->stats, PF_STAT_delivery_seconds, NULL, ms);
    pf_log_event(l->log, PF_EVENT_delivered, fields, sizeof fields / sizeof fields[0]);
    pf_carrier_journal_delivered(l, s);
}

static bool bounces(const struct pf_carrier *c)
{
    return c->generation->conf->quota_over == PF_CONF_OVER_BOUNCE;
}

static void tell_rcpt(struct pf_carrier *c, const char *user, const struct pf_err *err)
{
    struct pf_lmtp_tell tell = {.kind = PF_LMTP_TELL_RCPT, .err = *err};
    const struct pf_carrier_refused what = {c->lookup.address, user, c->rcpt_sender};

    pf_post_soften(&tell.err);
    pf_post_bounce(&tell.err, bounces(c));
    if (tell.err.code != PF_OK)
        failed(c, c->letter, &what, &tell.err);
    pf_carrier_tell(c, &tell);
}

static void asked(void *self, const struct pf_err *err)
{
    struct pf_letter *l = self;
    const char *name = pf_post_user(l->post, pf_post_recipients(l->post) - 1);
    char user[PF_AUTH_NAME_MAX + 1]; /* the post forgets it */

    snprintf(user, sizeof user, "%s", name ? name : "");
    if (err->code != PF_OK)
        pf_post_forget_last(l->post);
    tell_rcpt(l->carrier, user, err);
    pf_carrier_soon(l->carrier);
}

static void forget(struct pf_carrier *c)
{
    struct pf_letter *l = c->letter;

    c->letter = NULL;
    c->writing = c->seal_wanted = false;
    pf_post_free(l->post);
}

static void sealed(void *self, unsigned recipient, const struct pf_err *err)
{
    struct pf_letter *l = self;
    struct pf_carrier *c = l->carrier;
    struct pf_lmtp_tell tell = {.kind = PF_LMTP_TELL_SEALED, .err = *err, .recipient = recipient};
    const struct pf_carrier_refused what = {.recipient = pf_post_address(l->post, recipient),
                                            .user = pf_post_user(l->post, recipient)};

    pf_post_bounce(&tell.err, bounces(c));
    if (err->code == PF_OK) {
        c->delivered++;
        pf_stats_count(c->dock->stats, PF_STAT_deliveries_total, "OK", NULL, 1);
    } else {
        failed(c, l, &what, &tell.err);
    }
    if (--l->untold == 0)
        forget(c);
    pf_lmtp_server_tell(c->engine, &tell, pf_loop_now(c->dock->parts.loop));
    if (!c->letter)
        c->question = false;
    pf_carrier_soon(c);
}

static void gone(void *self)
{
    struct pf_letter *l = self;
    struct pf_carrier *c = l->carrier;

    free(l->sender);
    free(l->helo);
    free(l);
    c->letters--;
    pf_carrier_soon(c);
}

static enum pf_code make_letter(struct pf_carrier *c, struct pf_err *err)
{
    struct pf_letter *l = calloc(1, sizeof *l);
    struct pf_post_asker asker = {l, begun, written, stored, sealed, asked, gone};

    if (l)
        l->post = pf_post_new(c->store, &asker, err);
    if (!l || !l->post) {
        free(l);
        return pf_fail(err, PF_NO_MEMORY, 0, "lmtp", "no memory for a message");
    }
    l->carrier = c;
    l->log = c->dock->parts.log;
    l->began = pf_loop_now(c->dock->parts.loop);
    snprintf(l->id, sizeof l->id, "%llx.%x.%llx", (unsigned long long)time(NULL), (unsigned)getpid(),
             (unsigned long long)++c->dock->letters);
    c->letter = l;
    c->letters++;
    return PF_OK;
}

static enum pf_code add_maildrop(struct pf_carrier *c, const struct pf_user *user, struct pf_err *err)
{
    struct pf_right right;
    struct pf_post_target target = {.user = user->name, .path = right.path, .pass = user->pass};
    enum pf_code code = pf_right_of(c->generation->conf, user, &right, err);

    if (code != PF_OK)
        return code;
    target.quota_octets = right.quota_octets;
    target.quota_messages = right.quota_messages;
    return pf_post_maildrop(c->letter->post, &target, err);
}

static enum pf_code add_recipient(struct pf_carrier *c, struct pf_err *err)
{
    enum pf_code code = c->letter ? PF_OK : make_letter(c, err);

    if (code == PF_OK)
        code = pf_post_recipient(c->letter->post, c->lookup.address, err);
    if (code != PF_OK)
        return code;
    for (size_t i = 0; i < c->lookup.count && code == PF_OK; i++)
        code = add_maildrop(c, &c->lookup.users[i], err);
    if (code != PF_OK)
        pf_post_forget_last(c->letter->post);
    return code;
}

/* Who he is is known: now, has he room? */
static void ask_store(struct pf_carrier *c)
{
    struct pf_err err = c->lookup.err;

    if (err.code == PF_OK)
        add_recipient(c, &err);
    free(c->lookup.users);
    c->lookup.users = NULL;
    if (err.code == PF_OK)
        pf_post_ask(c->letter->post, c->rcpt_size, (int64_t)time(NULL));
    else
        tell_rcpt(c, NULL, &err);
}

static void looked(struct pf_lookup_ask *ask)
{
    struct pf_carrier *c = (struct pf_carrier *)(void *)((char *)ask - offsetof(struct pf_carrier, lookup));
    struct pf_err trouble;

    c->looking = false;
    if (pf_lookup_trouble(c->dock->parts.lookup, &trouble)) {
        struct pf_field fields[] = {PF_TEXT_FIELD("what", "recipients not read anew"),
                                    PF_TEXT_FIELD("err", trouble.log)};

        pf_log_event(c->dock->parts.log, PF_EVENT_trouble, fields, 2);
    }
    ask_store(c);
    pf_carrier_soon(c);
}

void pf_carrier_ask_rcpt(struct pf_carrier *c, const struct pf_lmtp_ask *ask)
{
    c->rcpt_size = ask->size;
    c->rcpt_sender = ask->sender;
    c->lookup = (struct pf_lookup_ask){.done = looked, .address = ask->address};
    c->looking = pf_lookup_ask(c->dock->parts.lookup, &c->lookup) == PF_OK;
    if (!c->looking)
        tell_rcpt(c, NULL, &c->lookup.err);
}

/* NULL without memory: then log and journal do not name it. */
static char *copy(struct pf_bytes text)
{
    char *at = calloc(1, text.len + 1);

    if (at && text.len)
        memcpy(at, text.at, text.len);
    return at;
}

void pf_carrier_ask_begin(struct pf_carrier *c, const struct pf_lmtp_ask *ask)
{
    static const char *const names[2][2][2] = {{{"LMTP", "LMTPS"}, {"UTF8LMTP", "UTF8LMTPS"}},
                                               {{"ESMTP", "ESMTPS"}, {"UTF8SMTP", "UTF8SMTPS"}}};
    const struct pf_conn_info *info = pf_conn_info(c->conn);
    bool smtp = c->generation->engines[c->listen].smtp;
    struct pf_letter *l = c->letter;
    struct pf_post_envelope envelope = {
        .sender = ask->sender, .helo = ask->helo, .peer = info->peer, .hostname = c->generation->conf->hostname,
        .with = names[smtp][ask->utf8][pf_proxied_encrypted(info)], .id = l->id, .now = (int64_t)time(NULL),
        .quota_warning = c->generation->conf->quota_warning};

    assert(ask->recipients == pf_post_recipients(l->post));
    l->untold = ask->recipients;
    l->sender = copy(ask->sender);
    l->helo = copy(ask->helo);
    snprintf(l->address, sizeof l->address, "%s", info->peer);
    snprintf(l->via, sizeof l->via, "%s", envelope.with);
    c->messages++;
    pf_post_begin(l->post, &envelope);
}

void pf_carrier_write(struct pf_carrier *c, struct pf_bytes text)
{
    if (!c->letter || text.len == 0)
        return;
    c->writing = true;
    pf_post_write(c->letter->post, text);
}

void pf_carrier_ask_seal(struct pf_carrier *c)
{
    c->seal_wanted = c->writing;
    if (!c->writing)
        pf_post_seal(c->letter->post);
}

void pf_carrier_drop(struct pf_carrier *c)
{
    if (c->looking)
        pf_lookup_abandon(c->dock->parts.lookup, &c->lookup);
    c->looking = false;
    if (!c->letter)
        return;
    pf_carrier_journal_dropped(c->letter);
    forget(c);
}
