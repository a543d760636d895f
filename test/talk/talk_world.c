#include "talk_play.h"

#include "base/text.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

/* The world of one engine: who may log in, what the maildrop holds, what breaks. */

static struct talk_fault *fault(struct play *p, enum talk_fault_kind kind, uint32_t n)
{
    for (size_t i = 0; i < p->fault_count; i++)
        if (p->faults[i].kind == kind && p->faults[i].n == n && p->faults[i].code != PF_CODES)
            return &p->faults[i];
    return NULL;
}

/* A fault that strikes once; PF_OK when there is none. */
static enum pf_code once(struct play *p, enum talk_fault_kind kind)
{
    struct talk_fault *f = fault(p, kind, 0);
    enum pf_code code = f ? f->code : PF_OK;

    if (f)
        f->code = PF_CODES;
    return code;
}

static void tell(struct play *p, enum pf_tell_kind kind, enum pf_code code)
{
    struct pf_tell t = {.kind = kind};

    if (code != PF_OK)
        pf_fail(&t.err, code, 0, "talk", "as the talk wants it");
    p->open = false;
    pf_pop3_server_tell(p->engine, &t, p->now);
}

static enum pf_code login(struct play *p, struct pf_bytes name, struct pf_bytes secret)
{
    const struct talk *t = p->talk;
    size_t count = t->user_count ? t->user_count : 1;
    enum pf_code code = once(p, TALK_FAIL_AUTH);

    for (size_t i = 0; i < count && code == PF_OK; i++)
        if (pf_bytes_equal(t->users[i].name, name))
            return pf_bytes_equal(t->users[i].secret, secret) ? PF_OK : PF_AUTH;
    return code == PF_OK ? PF_NO_USER : code;
}

/* authzid NUL authcid NUL password (RFC 4616 section 2); nobody may act for another. */
static enum pf_code plain(struct play *p, struct pf_bytes response)
{
    struct pf_bytes part[3];

    for (int i = 0; i < 3; i++) {
        size_t n = 0;

        while (n < response.len && response.at[n])
            n++;
        if ((n < response.len) != (i < 2))
            return PF_AUTH;
        part[i] = pf_bytes_head(response, n);
        response = pf_bytes_skip(response, n + 1);
    }
    if (!part[1].len || !part[2].len || (part[0].len && !pf_bytes_equal(part[0], part[1])))
        return PF_AUTH;
    return login(p, part[1], part[2]);
}

/* MD5 of timestamp and password (RFC 1939 section 7), in digits of either case. */
static enum pf_code apop(struct play *p)
{
    struct talk_buf text = {0};
    unsigned char digest[16];
    char hex[2 * sizeof digest + 1];
    struct pf_bytes secret = {0};
    enum pf_code code;

    for (size_t i = 0; i < TALK_USERS; i++)
        if (pf_bytes_equal(p->talk->users[i].name, p->ask.name))
            secret = p->talk->users[i].secret;
    talk_put(&text, pf_bytes_of(p->talk->timestamp));
    talk_put(&text, secret);
    if (EVP_Digest(text.at, text.len, digest, NULL, EVP_md5(), NULL) != 1)
        abort();
    talk_buf_free(&text);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    code = once(p, TALK_FAIL_AUTH);
    if (code == PF_OK && (!secret.at || !pf_equal_nocase(p->ask.secret, pf_bytes_of(hex))))
        code = PF_AUTH;
    return code;
}

static void end_exchange(struct play *p, enum pf_code code)
{
    p->sasl = false;
    tell(p, PF_TELL_AUTH, code);
}

/* PLAIN; LOOP, which asks for ever; LATE, whose last word is an empty response, as with SCRAM. */
static void sasl(struct play *p)
{
    struct pf_tell t = {.kind = PF_TELL_CHALLENGE};
    bool plainly = !strcmp(p->ask.mechanism, "PLAIN");

    if (plainly && p->ask.has_response) {
        end_exchange(p, plain(p, p->ask.secret));
        return;
    }
    if (!strcmp(p->ask.mechanism, "LATE") && !p->ask.first) {
        end_exchange(p, p->ask.secret.len ? PF_AUTH : PF_OK);
        return;
    }
    if (!plainly)
        t.challenge = PF_LIT("again");
    p->open = false;
    pf_pop3_server_tell(p->engine, &t, p->now);
}

static void make_listing(struct play *p, struct pf_listing *l)
{
    const struct talk_box *box = &p->talk->box;
    uint32_t at = 0;

    talk_world_done(p);
    p->rows = calloc(box->count + 1, sizeof *p->rows);
    p->numbers = calloc(box->count + 1, sizeof *p->numbers);
    p->uidls = calloc(box->count + 1, PF_UIDL_MAX);
    if (!p->rows || !p->numbers || !p->uidls)
        abort();
    for (uint32_t i = 0; i < box->count; i++) {
        const struct talk_message *m = &box->messages[i];
        struct pf_bytes uid = pf_bytes_of(m->uid);

        if (m->gone)
            continue;
        memcpy(p->uidls + at, uid.at, uid.len);
        p->rows[p->row_count] = (struct pf_row){.octets = m->octets,
                                                .uidl_at = at,
                                                .uidl_len = (uint8_t)uid.len,
                                                .flags = m->seen ? PF_ROW_SEEN : 0};
        p->numbers[p->row_count++] = i;
        at += (uint32_t)uid.len;
        l->octets += m->octets;
    }
    l->rows = p->rows;
    l->uidls = p->uidls;
    l->count = p->row_count;
}

static void open_box(struct play *p)
{
    struct pf_tell t = {.kind = PF_TELL_OPEN};
    enum pf_code code = once(p, TALK_FAIL_OPEN);
    const struct talk *talk = p->talk;

    if (code != PF_OK) {
        tell(p, PF_TELL_OPEN, code);
        return;
    }
    make_listing(p, &t.listing);
    t.expire_days = talk->user_expire;
    if (t.expire_days == INT32_MIN)
        t.expire_days = talk->settings.expire_days;
    t.login_delay = talk->user_login_delay;
    if (t.login_delay == UINT32_MAX)
        t.login_delay = talk->settings.login_delay;
    t.no_delete = talk->no_delete;
    p->open = false;
    pf_pop3_server_tell(p->engine, &t, p->now);
}

static void begin_body(struct play *p)
{
    const struct talk_message *m;
    const struct talk_fault *f;
    uint32_t n;

    if (p->ask.index >= p->row_count) {
        talk_wrong(p, "asks for the body of index %u of %u", p->ask.index, p->row_count);
        return;
    }
    n = p->numbers[p->ask.index] + 1;
    m = &p->talk->box.messages[n - 1];
    if (p->ask.octets != m->octets)
        talk_wrong(p, "asks for %llu octets of message %u", (unsigned long long)p->ask.octets, n);
    p->body_clean = p->cut == TALK_RANDOM && talk_dice(p, 2);
    p->body_code = PF_OK;
    p->body = m->stored;
    if ((f = fault(p, TALK_FAIL_READ, n)) || (f = fault(p, TALK_FAIL_SHORT, n))) {
        p->body = pf_bytes_head(m->stored, f->at);
        p->body_code = f->code;
        p->body_clean = false;
    } else if ((f = fault(p, TALK_FAIL_LONG, n))) {
        p->body_mem = malloc(m->stored.len + f->at);
        if (!p->body_mem)
            abort();
        memcpy(p->body_mem, m->stored.at, m->stored.len);
        memset(p->body_mem + m->stored.len, 'x', f->at);
        p->body = pf_bytes_from(p->body_mem, m->stored.len + f->at);
        p->body_clean = false;
    } else if (p->body_clean) {
        p->body = m->wire;
    }
}

static void commit(struct play *p)
{
    enum pf_code code = once(p, TALK_FAIL_EXPUNGE);
    uint32_t count = 0;
    bool kept_one = false;

    for (uint32_t i = 0; i < p->row_count; i++) {
        struct talk_message *m = &p->talk->box.messages[p->numbers[i]];

        if (code == PF_OK && p->talk->mark_seen && pf_marks_has(p->ask.seen, i))
            m->seen = true;
        if (!pf_marks_has(p->ask.remove, i))
            continue;
        count++;
        if (code == PF_OK || (code == PF_PARTIAL && kept_one))
            m->gone = true;
        kept_one = true;
    }
    if (count != p->ask.remove_count)
        talk_wrong(p, "remove_count is %u, marks are %u", p->ask.remove_count, count);
    tell(p, PF_TELL_COMMIT, code);
}

static bool carry(struct play *p)
{
    static const size_t most[] = {SIZE_MAX, SIZE_MAX, 1, 8192};
    size_t piece = most[p->cut], took;
    unsigned char *copy;

    if (!pf_pop3_server_body_wanted(p->engine) || !p->body.len) {
        tell(p, PF_TELL_BODY, pf_pop3_server_body_wanted(p->engine) ? p->body_code : PF_OK);
        free(p->body_mem);
        p->body_mem = NULL;
        return true;
    }
    if (p->cut == TALK_RANDOM)
        piece = 1 + talk_dice(p, piece);
    if (piece > p->body.len)
        piece = p->body.len;
    copy = malloc(piece); /* of exact size: a read past its end is seen by the sanitizer */
    if (!copy)
        abort();
    memcpy(copy, p->body.at, piece);
    took = pf_pop3_server_body(p->engine, pf_bytes_from(copy, piece), p->body_clean);
    free(copy);
    if (took > piece)
        talk_wrong(p, "body took %zu of %zu octets", took, piece);
    p->body = pf_bytes_skip(p->body, took);
    return took > 0;
}

/* What a proxy says of TLS is believed, too. */
static void believe(struct play *p)
{
    struct pf_tell t = {.kind = PF_TELL_XCLIENT, .transport = p->ask.xclient->transport};

    if (!p->ask.xclient->from.told)
        pf_fail(&t.err, PF_BUSY, 0, "talk", "as the talk wants it");
    p->open = false;
    pf_pop3_server_tell(p->engine, &t, p->now);
}

static bool answer(struct play *p)
{
    switch (p->ask.kind) {
    case PF_ASK_PASS:
        tell(p, PF_TELL_AUTH, login(p, p->ask.name, p->ask.secret));
        return true;
    case PF_ASK_APOP:
        tell(p, PF_TELL_AUTH, apop(p));
        return true;
    case PF_ASK_SASL:
        sasl(p);
        return true;
    case PF_ASK_OPEN:
        open_box(p);
        return true;
    case PF_ASK_BODY:
        return carry(p);
    case PF_ASK_COMMIT:
        commit(p);
        return true;
    case PF_ASK_XCLIENT:
        believe(p);
        return true;
    case PF_ASK_TLS: /* waits for the client: talk_world_tls */
    case PF_ASK_CANCEL:
    case PF_ASK_CLOSE:
    default:
        return false;
    }
}

/* An exchange begins once, and only what has begun can be given up. */
static void follow_exchange(struct play *p)
{
    if (p->ask.kind == PF_ASK_SASL && p->ask.first == p->sasl)
        talk_wrong(p, "%s an exchange", p->sasl ? "begins another within" : "goes on without");
    else if (p->ask.kind == PF_ASK_CANCEL && !p->sasl)
        talk_wrong(p, "gives up what has not begun");
    else if ((p->ask.kind == PF_ASK_PASS || p->ask.kind == PF_ASK_APOP) && p->sasl)
        talk_wrong(p, "asks for a password within an exchange");
    p->sasl = p->ask.kind == PF_ASK_SASL;
}

static void take_up(struct play *p)
{
    bool secret = p->ask.kind == PF_ASK_PASS || p->ask.kind == PF_ASK_APOP ||
                  (p->ask.kind == PF_ASK_SASL && p->ask.has_response);

    follow_exchange(p);
    if (secret && !p->secret_taken)
        talk_wrong(p, "asks with a secret, but never said that it took one");
    if (secret)
        p->secret_taken = false;
    p->open = p->ask.kind != PF_ASK_CANCEL && p->ask.kind != PF_ASK_CLOSE;
    p->late = p->cut == TALK_RANDOM ? (unsigned)talk_dice(p, 3) : 0;
    if (p->ask.kind == PF_ASK_CLOSE) {
        p->closing = true;
        p->why_closed = p->ask.close;
    }
    if (p->ask.kind == PF_ASK_TLS)
        p->tls_wanted = true;
    if (p->ask.kind == PF_ASK_BODY)
        begin_body(p);
}

/* While a question is open only one other may come: to close, because the client does not take the
 * body that it asked for. */
static bool cut_off(struct play *p)
{
    struct pf_ask other;

    if (!pf_pop3_server_ask(p->engine, &other))
        return false;
    if (p->ask.kind != PF_ASK_BODY || other.kind != PF_ASK_CLOSE || other.close != PF_CLOSE_STALL)
        talk_wrong(p, "asks %d while %d is open", other.kind, p->ask.kind);
    p->ask = other;
    take_up(p);
    return true;
}

bool talk_world(struct play *p)
{

    if (p->closing || p->why[0])
        return false;
    if (!p->open) {
        if (!pf_pop3_server_ask(p->engine, &p->ask))
            return false;
        take_up(p);
        return true;
    }
    if (cut_off(p))
        return true;
    if (p->ask.kind != PF_ASK_BODY && pf_pop3_server_deadline(p->engine) != PF_NEVER)
        talk_wrong(p, "has a deadline while question %d is open", p->ask.kind);
    if (p->late) {
        p->late--;
        return true;
    }
    return answer(p);
}

void talk_world_tls(struct play *p)
{
    enum pf_code code = once(p, TALK_FAIL_TLS);

    if (!p->tls_wanted) {
        talk_wrong(p, "did not ask for TLS");
        return;
    }
    p->tls_wanted = false;
    p->tls_active = code == PF_OK;
    talk_drive_offer(p);
    tell(p, PF_TELL_TLS, code);
}

void talk_world_connect(struct play *p)
{
    p->open = p->closing = p->closed = p->tls_wanted = p->secret_taken = p->sasl = false;
    p->tls_active = p->talk->tls;
}

void talk_world_done(struct play *p)
{
    free(p->rows);
    free(p->uidls);
    free(p->numbers);
    free(p->body_mem);
    p->rows = NULL;
    p->uidls = NULL;
    p->numbers = NULL;
    p->body_mem = NULL;
    p->row_count = 0;
}
