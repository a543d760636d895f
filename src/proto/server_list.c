#include "proto/server_list.h"

#include "base/text.h"
#include "proto/b64.h"
#include "proto/reply.h"
#include "proto/server.h"

enum {
    LIST_ROW = 10 + 1 + 20 + 2,          /* number, space, octets, CRLF */
    UIDL_ROW = 10 + 1 + PF_UIDL_MAX + 2, /* number, space, UIDL, CRLF */
    LAST = 3                             /* the dot and CRLF */
};

static void finish(struct pf_pop3_server *e)
{
    pf_span_put(&e->out.span, PF_LIT(".\r\n"));
    e->producing = PF_PRODUCE_NOTHING;
}

/* The lines that were made before: few go with what stands in the buffer already, and with the last dot, in one send;
 * many are sent from where they lie. */
static void from_text(struct pf_pop3_server *e, struct pf_bytes text)
{
    if (pf_span_room(&e->out.span) < text.len + LAST || !pf_span_put(&e->out.span, text))
        pf_server_out_follow(&e->out, text);
    e->cursor = e->drop.listing.count;
}

static void rows(struct pf_pop3_server *e, bool uidl)
{
    const struct pf_listing *listing = &e->drop.listing;
    const struct pf_listing_kept *kept = e->drop.left == listing->count ? listing->kept : NULL;
    struct pf_span *s = &e->out.span;
    size_t need = uidl ? UIDL_ROW : LIST_ROW;

    if (e->cursor == 0 && kept && kept->list.len)
        from_text(e, uidl ? kept->uidl : kept->list);
    while (pf_server_out_room(&e->out, need)) {
        uint32_t i = e->cursor = pf_drop_next(&e->drop, e->cursor);

        if (i == listing->count) {
            finish(e);
            return;
        }
        pf_span_decimal(s, (uint64_t)i + 1);
        pf_span_put(s, PF_LIT(" "));
        if (uidl)
            pf_span_put(s, pf_listing_uidl(listing, i));
        else
            pf_span_decimal(s, listing->rows[i].octets);
        pf_span_put(s, PF_LIT("\r\n"));
        e->cursor++;
    }
}

/* A line of CAPA; what does not fit in 512 octets (RFC 2449 section 5) is left out. */
static void capa_line(struct pf_pop3_server *e, struct pf_bytes tag, struct pf_bytes value)
{
    if (tag.len + 1 + value.len + 2 > PF_REPLY_MAX)
        return;
    pf_span_put(&e->out.span, tag);
    if (value.len) {
        pf_span_put(&e->out.span, PF_LIT(" "));
        pf_span_put(&e->out.span, value);
    }
    pf_span_put(&e->out.span, PF_LIT("\r\n"));
}

static void capa_number(struct pf_pop3_server *e, struct pf_bytes tag, int64_t number, bool differs)
{
    unsigned char room[32];
    struct pf_span text = {room, 0, sizeof room};

    if (number < 0)
        pf_span_put(&text, PF_LIT("NEVER"));
    else
        pf_span_decimal(&text, (uint64_t)number);
    if (differs)
        pf_span_put(&text, PF_LIT(" USER"));
    capa_line(e, tag, pf_span_bytes(&text));
}

/* Can it be used now? */
static bool usable(const struct pf_pop3_server *e, size_t index)
{
    return pf_server_offers(e, index) &&
           (!e->set->mechanisms[index].plaintext || pf_server_may_show_secrets(e));
}

static void capa_sasl(struct pf_pop3_server *e)
{
    unsigned char room[PF_REPLY_MAX - 7]; /* without "SASL " and CRLF */
    struct pf_span text = {room, 0, sizeof room};

    for (size_t i = 0; i < e->set->mechanism_count; i++) {
        const char *name = e->set->mechanisms[i].name;
        size_t len = strlen(name);

        if (!usable(e, i) || pf_span_room(&text) < len + 1)
            continue;
        if (text.len)
            pf_span_put(&text, PF_LIT(" "));
        pf_span_put(&text, pf_bytes_from(name, len));
    }
    if (text.len)
        capa_line(e, PF_LIT("SASL"), pf_span_bytes(&text));
}

static void capa_expire(struct pf_pop3_server *e)
{
    if (e->state == PF_IN_T)
        capa_number(e, PF_LIT("EXPIRE"), e->expire_days, false);
    else
        capa_number(e, PF_LIT("EXPIRE"), e->set->expire_days, e->set->expire_differs);
}

/* Announced before login for some users, it is announced after it for all, with the true value. */
static void capa_login_delay(struct pf_pop3_server *e)
{
    bool announced = e->set->login_delay || e->set->login_delay_differs;

    if (e->state == PF_IN_T && (announced || e->login_delay))
        capa_number(e, PF_LIT("LOGIN-DELAY"), e->login_delay, false);
    else if (announced)
        capa_number(e, PF_LIT("LOGIN-DELAY"), e->set->login_delay, e->set->login_delay_differs);
}

static void capa_stls(struct pf_pop3_server *e)
{
    if (e->set->stls && !e->tls && !e->told && e->state != PF_IN_T)
        capa_line(e, PF_LIT("STLS"), PF_LIT(""));
}

static void capa_xclient(struct pf_pop3_server *e)
{
    if (e->xclient && e->state != PF_IN_T)
        capa_line(e, PF_LIT("XCLIENT"), PF_LIT(""));
}

static void capa_user(struct pf_pop3_server *e)
{
    if (pf_server_may_show_secrets(e))
        capa_line(e, PF_LIT("USER"), PF_LIT(""));
}

static void capa_implementation(struct pf_pop3_server *e)
{
    if (e->set->implementation)
        capa_line(e, PF_LIT("IMPLEMENTATION"), pf_bytes_of(e->set->implementation));
}

static void capa(struct pf_pop3_server *e)
{
    static const struct {
        const char *fixed;
        void (*line)(struct pf_pop3_server *);
    } lines[] = {
        {"TOP", NULL},          {"UIDL", NULL},           {NULL, capa_user},
        {NULL, capa_sasl},      {NULL, capa_stls},        {"RESP-CODES", NULL},
        {"AUTH-RESP-CODE", NULL}, {"PIPELINING", NULL},   {NULL, capa_expire},
        {NULL, capa_login_delay}, {NULL, capa_implementation}, {NULL, capa_xclient},
    };

    while (pf_server_out_room(&e->out, PF_REPLY_MAX)) {
        if (e->cursor == sizeof lines / sizeof lines[0]) {
            finish(e);
            return;
        }
        if (lines[e->cursor].fixed)
            capa_line(e, pf_bytes_of(lines[e->cursor].fixed), PF_LIT(""));
        else
            lines[e->cursor].line(e);
        e->cursor++;
    }
}

static void mechanisms(struct pf_pop3_server *e)
{
    while (pf_server_out_room(&e->out, PF_REPLY_MAX)) {
        if (e->cursor == e->set->mechanism_count) {
            finish(e);
            return;
        }
        if (usable(e, e->cursor))
            capa_line(e, pf_bytes_of(e->set->mechanisms[e->cursor].name), PF_LIT(""));
        e->cursor++;
    }
}

/* Base64 of the kept challenge, whole groups of three octets at a time. */
static void challenge(struct pf_pop3_server *e)
{
    while (pf_server_out_room(&e->out, PF_REPLY_MAX)) {
        struct pf_bytes rest = pf_bytes_skip(pf_keep_bytes(&e->secret), e->cursor);
        struct pf_bytes piece = pf_bytes_head(rest, PF_REPLY_MAX / 8 * 3);

        pf_b64_encode(piece, &e->out.span);
        e->cursor += (uint32_t)piece.len;
        if (piece.len == rest.len) {
            pf_span_put(&e->out.span, PF_LIT("\r\n"));
            pf_keep_drop(&e->secret);
            e->producing = PF_PRODUCE_NOTHING;
            return;
        }
    }
}

void pf_server_produce_from(struct pf_pop3_server *e, enum pf_produce what)
{
    e->producing = what;
    e->cursor = 0;
    pf_server_produce(e);
}

void pf_server_produce(struct pf_pop3_server *e)
{
    switch (e->producing) {
    case PF_PRODUCE_NOTHING:
        return;
    case PF_PRODUCE_LIST:
        rows(e, false);
        return;
    case PF_PRODUCE_UIDL:
        rows(e, true);
        return;
    case PF_PRODUCE_CAPA:
        capa(e);
        return;
    case PF_PRODUCE_MECHANISMS:
        mechanisms(e);
        return;
    case PF_PRODUCE_CHALLENGE:
        challenge(e);
        return;
    case PF_PRODUCE_BODY_END:
        pf_server_body_finish(e);
        return;
    }
}
