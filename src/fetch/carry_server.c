/* LMTP (RFC 2033) and SMTP (RFC 5321): one connection for a run, one recipient.
 *
 * What a server says about the message (the answer to its text, or that it is too large) is that
 * message's; what it says before, about us, our sender or our recipient, would be said to every other
 * message, too, and ends the run: a name that is mistyped in the settings must not have all mail refused
 * for good. */
#include "fetch/carry_private.h"

#include "base/text.h"
#include "sys/proc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char where[] = "carry_server";

enum {
    /* ms: RFC 5321 section 4.5.3.2 */
    WAIT_GREETING = 300000,
    WAIT_COMMAND = 300000,
    WAIT_DATA = 120000,
    WAIT_BLOCK = 180000,
    WAIT_END = 600000,
    WAIT_QUIT = 2000, /* nothing depends on it */
    CHUNK = 16384,
    HELLO_LINES = 200
};

struct server {
    struct pf_carry_link link;
    const char *to, *recipient, *sender;
    bool lmtp;
    bool used; /* one did, and did not end well: RSET */
    bool pipelining, eight_bit, size;
    char host[256];
};

static bool is_address(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text <= ' ' || *text == 0x7f || *text == '<' || *text == '>')
            return false;
    }
    return true;
}

static enum pf_code server_open(const char *to, const struct pf_account *a, void **out_state,
                                struct pf_err *err)
{
    struct server *s;

    if (!a->recipient || !a->recipient[0] || !is_address(a->recipient) ||
        (a->sender && !is_address(a->sender)))
        return pf_fail(err, PF_CONFIG, 0, where,
                       "recipient and sender of %s must be addresses without blanks", to);
    s = calloc(1, sizeof *s);
    if (!s)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for %s", to);
    s->link.fd = -1;
    s->to = to;
    s->lmtp = a->lmtp != NULL;
    s->recipient = a->recipient;
    s->sender = a->sender ? a->sender : "";
    pf_proc_hostname(s->host, sizeof s->host);
    *out_state = s;
    return PF_OK;
}

static enum pf_code lmtp_open(const struct pf_account *a, void **out_state, struct pf_err *err)
{
    return server_open(a->lmtp, a, out_state, err);
}

static enum pf_code smtp_open(const struct pf_account *a, void **out_state, struct pf_err *err)
{
    return server_open(a->smtp, a, out_state, err);
}

static enum pf_code say(struct server *s, const char *line, struct pf_err *err)
{
    return pf_carry_link_send(&s->link, pf_bytes_of(line), WAIT_COMMAND, err);
}

static void note_offer(struct server *s, const char *line)
{
    struct pf_bytes word = pf_bytes_of(strlen(line) > 4 ? line + 4 : "");

    word.len = pf_find(word, ' ');
    s->pipelining = s->pipelining || pf_equal_nocase(word, PF_LIT("PIPELINING"));
    s->eight_bit = s->eight_bit || pf_equal_nocase(word, PF_LIT("8BITMIME"));
    s->size = s->size || pf_equal_nocase(word, PF_LIT("SIZE"));
}

/* LHLO, EHLO or HELO; *out_code is what the server said. */
static enum pf_code hello(struct server *s, const char *verb, struct pf_carry_reply *r,
                          struct pf_err *err)
{
    char line[300];
    bool more = true;
    enum pf_code code;

    snprintf(line, sizeof line, "%s %s\r\n", verb, s->host);
    s->pipelining = s->eight_bit = s->size = false;
    code = say(s, line, err);
    for (int i = 0; more && !code; i++) {
        code = i < HELLO_LINES ? pf_carry_link_line(&s->link, r, &more, WAIT_COMMAND, err)
                               : pf_fail(err, PF_SYNTAX, 0, where, "%s: a reply without an end", s->to);
        if (!code && i && r->code == 250)
            note_offer(s, r->text);
    }
    return code;
}

/* About us, so about every message. */
static enum pf_code refused(const struct server *s, const struct pf_carry_reply *r, const char *what,
                            struct pf_err *err)
{
    return pf_carry_link_said(&s->link, r, what, r->code >= 500 ? PF_CONFIG : PF_AGAIN, err);
}

static enum pf_code introduce(struct server *s, struct pf_err *err)
{
    struct pf_carry_reply r = {0};
    enum pf_code code = pf_carry_link_reply(&s->link, &r, WAIT_GREETING, err);

    if (!code && r.code != 220)
        return refused(s, &r, "a greeting", err);
    if (!code)
        code = hello(s, s->lmtp ? "LHLO" : "EHLO", &r, err);
    if (!code && !s->lmtp && r.code >= 500)
        code = hello(s, "HELO", &r, err);
    if (!code && r.code != 250)
        return refused(s, &r, s->lmtp ? "LHLO" : "EHLO", err);
    return code;
}

static enum pf_code connect_anew(struct server *s, struct pf_err *err)
{
    enum pf_code code = pf_carry_link_open(&s->link, s->to, err);

    if (!code)
        code = introduce(s, err);
    if (code)
        pf_carry_link_close(&s->link);
    s->used = false;
    return code;
}

/* Octets of the file as they will be on the wire, without dots that are stuffed. */
static bool measure(int file, uint64_t *out_octets)
{
    unsigned char in[CHUNK];
    struct pf_dot dot;
    off_t at = 0;
    ssize_t n;

    pf_dot_init(&dot);
    while ((n = pread(file, in, sizeof in, at)) > 0) {
        pf_dot_measure(&dot, pf_bytes_from(in, (size_t)n));
        at += n;
    }
    pf_dot_measure_end(&dot);
    *out_octets = dot.octets;
    return n == 0;
}

/* RSET, MAIL, RCPT and DATA, and what was said to them. */
struct envelope {
    char lines[4][600];
    const char *names[4];
    unsigned count;
    struct pf_carry_reply replies[4];
    unsigned said;
};

static void add(struct envelope *e, const char *name)
{
    e->names[e->count++] = name;
}

static void write_envelope(const struct server *s, uint64_t octets, struct envelope *e)
{
    char size[40] = "";

    e->count = e->said = 0;
    if (s->used) {
        snprintf(e->lines[e->count], sizeof e->lines[0], "RSET\r\n");
        add(e, "RSET");
    }
    if (s->size)
        snprintf(size, sizeof size, " SIZE=%" PRIu64, octets);
    snprintf(e->lines[e->count], sizeof e->lines[0], "MAIL FROM:<%s>%s%s\r\n", s->sender, size,
             s->eight_bit ? " BODY=8BITMIME" : "");
    add(e, "MAIL");
    snprintf(e->lines[e->count], sizeof e->lines[0], "RCPT TO:<%s>\r\n", s->recipient);
    add(e, "RCPT");
    snprintf(e->lines[e->count], sizeof e->lines[0], "DATA\r\n");
    add(e, "DATA");
}

static bool accepted(const struct envelope *e, unsigned i)
{
    return i + 1 == e->count ? e->replies[i].code == 354 : e->replies[i].code / 100 == 2;
}

/* Stops at the first one that is not accepted, unless all were sent ahead. */
static enum pf_code say_envelope(struct server *s, struct envelope *e, struct pf_err *err)
{
    enum pf_code code = PF_OK;

    for (unsigned i = 0; s->pipelining && i < e->count && !code; i++)
        code = say(s, e->lines[i], err);
    for (unsigned i = 0; i < e->count && !code; i++) {
        if (!s->pipelining)
            code = say(s, e->lines[i], err);
        if (!code)
            code = pf_carry_link_reply(&s->link, &e->replies[i],
                                       i + 1 == e->count ? WAIT_DATA : WAIT_COMMAND, err);
        if (code)
            return code;
        e->said = i + 1;
        if (!s->pipelining && !accepted(e, i))
            return PF_OK;
    }
    return code;
}

/* What the first refusal means. */
static enum pf_code judge_envelope(const struct server *s, const struct envelope *e, struct pf_err *err)
{
    for (unsigned i = 0; i < e->said; i++) {
        const struct pf_carry_reply *r = &e->replies[i];

        if (accepted(e, i))
            continue;
        if (i + 1 == e->count || r->code == 552) /* its text, its size */
            return pf_carry_link_said(&s->link, r, e->names[i], r->code >= 500 ? PF_PERM : PF_TEMP, err);
        return refused(s, r, e->names[i], err);
    }
    return PF_OK;
}

static enum pf_code send_text(struct server *s, int file, struct pf_err *err)
{
    unsigned char in[CHUNK], room[2 * CHUNK + 16];
    struct pf_span out = {room, 0, sizeof room};
    struct pf_dot dot;
    enum pf_code code = PF_OK;
    off_t at = 0;
    ssize_t n = 1;

    pf_dot_init(&dot);
    while (!code && n) {
        struct pf_bytes rest;

        n = pread(file, in, sizeof in, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return pf_fail(err, PF_IO, errno, where, "a message in the spool cannot be read: %s",
                           strerror(errno));
        at += n;
        for (rest = pf_bytes_from(in, (size_t)n); rest.len && !code; out.len = 0) {
            rest = pf_bytes_skip(rest, pf_dot_encode(&dot, rest, &out));
            code = pf_carry_link_send(&s->link, pf_span_bytes(&out), WAIT_BLOCK, err);
        }
    }
    if (code)
        return code;
    pf_dot_finish(&dot, &out);
    pf_span_put(&out, PF_LIT(".\r\n"));
    return pf_carry_link_send(&s->link, pf_span_bytes(&out), WAIT_BLOCK, err);
}

/* A server that ended the conversation in the middle of a text may have said why. */
static enum pf_code hear_end(struct server *s, enum pf_code sent, struct pf_err *err)
{
    struct pf_carry_reply r = {0};
    struct pf_err nothing;
    enum pf_code code =
        pf_carry_link_reply(&s->link, &r, sent ? WAIT_QUIT : WAIT_END, sent ? &nothing : err);

    if (sent)
        pf_carry_link_close(&s->link);
    if (code)
        return sent ? sent : code;
    if (!sent && r.code / 100 == 2)
        return PF_OK;
    if (r.code == 421) /* it goes: for all */
        return pf_carry_link_said(&s->link, &r, "the message", PF_AGAIN, err);
    if (r.code < 400)
        return pf_carry_link_said(&s->link, &r, "the message", PF_SYNTAX, err);
    return pf_carry_link_said(&s->link, &r, "the message", r.code >= 500 ? PF_PERM : PF_TEMP, err);
}

/* *out_early: the connection went before anything of the message was said. */
static enum pf_code talk(struct server *s, int file, bool *out_early, struct pf_err *err)
{
    struct envelope e;
    uint64_t octets = 0;
    enum pf_code code;

    memset(&e, 0, sizeof e);
    *out_early = false;
    if (!measure(file, &octets))
        return pf_fail(err, PF_IO, errno, where, "a message in the spool cannot be read: %s",
                       strerror(errno));
    write_envelope(s, octets, &e);
    s->used = true;
    code = say_envelope(s, &e, err);
    *out_early = code == PF_AGAIN || (e.said && e.replies[0].code == 421);
    if (code)
        return code;
    code = judge_envelope(s, &e, err);
    if (code && e.said == e.count && e.replies[e.count - 1].code == 354)
        pf_carry_link_close(&s->link); /* no text follows; an empty one would be a message */
    if (code)
        return code;
    code = send_text(s, file, err);
    code = code == PF_IO ? code : hear_end(s, code, err);
    s->used = code != PF_OK;
    return code;
}

static enum pf_code server_deliver(void *state, int file, const struct pf_ledger_note *note,
                                   struct pf_err *err)
{
    struct server *s = state;
    enum pf_code code = PF_OK;
    bool early = true, old = s->link.fd >= 0;

    (void)note;
    /* A server may end a conversation that was silent for long: it is called again once. */
    for (int i = 0; i < 2 && early; i++) {
        early = false;
        if (s->link.fd < 0)
            code = connect_anew(s, err);
        if (!code || s->link.fd >= 0)
            code = talk(s, file, &early, err);
        if (code && code != PF_TEMP && code != PF_PERM)
            pf_carry_link_close(&s->link);
        early = early && old;
        old = false;
    }
    return code;
}

static void server_close(void *state)
{
    struct server *s = state;
    struct pf_carry_reply r;
    struct pf_err err;

    if (s->link.fd >= 0 && !pf_carry_link_send(&s->link, PF_LIT("QUIT\r\n"), WAIT_QUIT, &err))
        (void)pf_carry_link_reply(&s->link, &r, WAIT_QUIT, &err);
    pf_carry_link_close(&s->link);
    free(s);
}

const struct pf_carry_kind pf_carry_lmtp = {"lmtp", lmtp_open, server_deliver, NULL, server_close};
const struct pf_carry_kind pf_carry_smtp = {"smtp", smtp_open, server_deliver, NULL, server_close};
