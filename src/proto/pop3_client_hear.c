#include "proto/pop3_client.h"

#include <assert.h>

#include "base/text.h"
#include "proto/b64.h"

enum {
    STATUS_MAX = 512, /* octets with CRLF (RFC 1939 section 3, RFC 2449 section 4) */
    BLANKS_MAX = 8,   /* empty lines between two answers: stray line ends of careless servers */
    SMALL_LIST = 1024 /* lines of CAPA, AUTH, LANG */
};

struct status {
    bool good;
    struct pf_bytes text, code;
};

struct pf_bytes pf_client_line(struct pf_pop3_client *e)
{
    struct pf_bytes line = pf_bytes_from(e->room, e->line_len);
    bool whole = e->line_octets == e->line_len;

    if (!e->line_cr)
        e->odd |= PF_ODD_LF;
    else if (whole)
        line.len--;
    if (e->line_octets + 1 > STATUS_MAX)
        e->odd |= PF_ODD_LONG;
    return line;
}

struct pf_bytes pf_client_clean(struct pf_pop3_client *e, struct pf_bytes text)
{
    unsigned char *at = text.len ? e->room + (text.at - e->room) : e->room;

    for (size_t i = 0; i < text.len; i++) {
        if (at[i] > 0x7f && !e->lang)
            e->odd |= PF_ODD_EIGHT;
        if (at[i] < 0x20 || at[i] == 0x7f) {
            e->odd |= PF_ODD_CONTROL;
            at[i] = '?';
        }
    }
    return text;
}

/* "[SYS/TEMP] text": levels of visible octets, divided by '/' (RFC 2449 sections 3 and 8). */
static void split_code(struct pf_pop3_client *e, struct status *s)
{
    size_t end = pf_find(s->text, ']');

    if (s->text.len == 0 || s->text.at[0] != '[')
        return;
    if (end == s->text.len || end < 2) {
        e->odd |= PF_ODD_CODE;
        return;
    }
    s->code = pf_bytes_skip(pf_bytes_head(s->text, end), 1);
    s->text = pf_bytes_skip(s->text, end + 1);
    if (s->text.len && s->text.at[0] == ' ')
        s->text = pf_bytes_skip(s->text, 1);
}

/* Decided by the first octet (RFC 1939 knows two words; servers know more). */
static bool split_status(struct pf_pop3_client *e, struct pf_bytes line, struct status *out)
{
    static const struct {
        char sign;
        struct pf_bytes word;
    } words[] = {{'+', {(const unsigned char *)"OK", 2}}, {'-', {(const unsigned char *)"ERR", 3}}};

    for (size_t i = 0; i < 2 && line.len; i++) {
        struct pf_bytes rest = pf_bytes_skip(line, 1), word = pf_bytes_head(rest, words[i].word.len);

        if (line.at[0] != words[i].sign)
            continue;
        if (pf_equal_nocase(word, words[i].word))
            rest = pf_bytes_skip(rest, word.len);
        if (!pf_bytes_equal(word, words[i].word) || (rest.len && rest.at[0] != ' '))
            e->odd |= PF_ODD_STATUS;
        if (rest.len && rest.at[0] == ' ')
            rest = pf_bytes_skip(rest, 1);
        *out = (struct status){.good = i == 0, .text = rest};
        split_code(e, out);
        return true;
    }
    return false;
}

static bool level_is(struct pf_bytes code, const char *levels)
{
    struct pf_bytes want = pf_bytes_of(levels);

    return pf_equal_nocase(pf_bytes_head(code, want.len), want) &&
           (code.len == want.len || code.at[want.len] == '/');
}

static bool named_code(struct pf_bytes code, enum pf_code *out_code)
{
    static const struct {
        const char *levels;
        enum pf_code code;
    } known[] = {{"AUTH", PF_AUTH},     {"IN-USE", PF_IN_USE}, {"LOGIN-DELAY", PF_LOGIN_DELAY},
                 {"SYS/TEMP", PF_TEMP}, {"SYS/PERM", PF_PERM}, {"UTF8", PF_STATE}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (level_is(code, known[i].levels)) {
            *out_code = known[i].code;
            return true;
        }
    return false;
}

/* What -ERR without a code most likely means. */
static enum pf_code guess(const struct pf_client_slot *slot)
{
    switch (slot ? (int)slot->verb : PF_VERB_GREETING) {
    case PF_VERB_GREETING:
        return PF_TEMP;
    case PF_VERB_USER:
    case PF_VERB_PASS:
    case PF_VERB_APOP:
    case PF_VERB_AUTH:
        return slot->cancelled ? PF_CANCELLED : PF_AUTH;
    case PF_VERB_RETR:
    case PF_VERB_TOP:
    case PF_VERB_DELE:
        return PF_NO_MESSAGE;
    case PF_VERB_LIST:
    case PF_VERB_UIDL:
        return slot->number ? PF_NO_MESSAGE : PF_SYNTAX;
    case PF_VERB_QUIT:
        return PF_PARTIAL;
    default:
        return PF_SYNTAX;
    }
}

/* RFC 2449 section 6.4: codes are codes where CAPA says so. Before CAPA was heard, what looks like a
 * known one is taken for it: a greeting has no CAPA before it. */
static void judge_code(struct pf_pop3_client *e, const struct status *s, struct pf_heard *h)
{
    bool promised = e->offer.can & (PF_CAN_RESP_CODES | PF_CAN_AUTH_RESP_CODE) || !e->offer.heard;
    const struct pf_client_slot *slot = pf_client_head(e);
    enum pf_code code = PF_OK;

    h->response_code = s->code;
    if (!s->good)
        h->code = guess(slot);
    if (s->code.len && !promised)
        e->odd |= PF_ODD_CODE;
    if (s->good || !s->code.len || !promised || !named_code(s->code, &code))
        return;
    h->code = slot && slot->cancelled ? PF_CANCELLED : code;
    h->coded = true;
}

static void fill(struct pf_pop3_client *e, struct status *s, struct pf_heard *h)
{
    judge_code(e, s, h);
    h->text = pf_client_clean(e, s->text);
    h->response_code = pf_client_clean(e, h->response_code);
    h->odd = e->odd;
}

static void greeting(struct pf_pop3_client *e, struct status *s)
{
    struct pf_heard *h = pf_client_push(e, PF_HEARD_GREETING);
    struct pf_bytes stamp = pf_client_timestamp_in(s->text);

    h->verb = PF_VERB_GREETING;
    h->tag = h->number = 0;
    e->greeted = true;
    if (s->good && stamp.len) {
        memcpy(e->timestamp, stamp.at, stamp.len);
        e->timestamp_len = (unsigned char)stamp.len;
    }
    fill(e, s, h);
    if (!s->good)
        pf_client_lose(e, PF_LOST_REFUSED);
    else
        pf_client_open_window(e);
}

/* "+" and "+ " are empty ones; "+OK" is none. */
static bool is_challenge(const struct pf_client_slot *slot, struct pf_bytes line)
{
    return slot->verb == PF_VERB_AUTH && !slot->multi && line.len && line.at[0] == '+' &&
           (line.len == 1 || line.at[1] == ' ');
}

static void challenge(struct pf_pop3_client *e, struct pf_client_slot *slot, struct pf_bytes line)
{
    struct pf_bytes coded = pf_bytes_skip(line, 2);
    struct pf_span decoded = {e->room, 0, e->set->piece};
    bool whole = e->line_octets == e->line_len;
    struct pf_heard *h;

    /* In place: three octets are written where four were read. RFC 5034 section 4: what cannot be
     * decoded is cancelled. */
    if (!whole || slot->cancelled || ++e->rounds > e->set->sasl_rounds ||
        !pf_b64_decode(coded, &decoded)) {
        if (slot->cancelled)
            pf_client_lose(e, PF_LOST_GARBAGE);
        else
            pf_client_cancel(e);
        return;
    }
    h = pf_client_push(e, PF_HEARD_CHALLENGE);
    h->bytes = pf_span_bytes(&decoded);
    h->initial = slot->initial && e->rounds == 1 && decoded.len == 0;
    e->phase = PF_CLIENT_SASL;
}

static void now_tls(struct pf_pop3_client *e, struct status *s, bool more)
{
    fill(e, s, pf_client_push(e, PF_HEARD_TLS));
    if (more) {
        e->event_count--;
        pf_client_lose(e, PF_LOST_SMUGGLE);
        return;
    }
    e->phase = PF_CLIENT_TLS;
}

static void begin(struct pf_pop3_client *e, struct status *s, const struct pf_client_slot *slot)
{
    struct pf_heard *h = pf_client_push(e, PF_HEARD_BEGIN);
    bool message = slot->verb == PF_VERB_RETR || slot->verb == PF_VERB_TOP;

    pf_client_parse_status(e, slot, s->text, h);
    fill(e, s, h);
    e->items = e->sum = e->last_number = 0;
    e->phase = message ? PF_CLIENT_BODY : PF_CLIENT_ITEMS;
    if (message)
        pf_client_body_begin(e, h->octets);
    if (slot->verb == PF_VERB_CAPA)
        e->offer = (struct pf_pop3_offer){0};
}

/* What an answer of one line changes in the session. */
static void settle(struct pf_pop3_client *e, int verb, bool good, const struct pf_heard *h)
{
    if (verb == PF_VERB_USER)
        e->state = good ? PF_IN_A1 : PF_IN_A0;
    else if (good && (verb == PF_VERB_PASS || verb == PF_VERB_APOP || verb == PF_VERB_AUTH))
        e->state = PF_IN_T;
    else if (verb == PF_VERB_PASS || verb == PF_VERB_APOP || verb == PF_VERB_AUTH)
        e->state = PF_IN_A0;
    if (good && (verb == PF_VERB_DELE || verb == PF_VERB_RSET)) {
        e->marked = verb == PF_VERB_DELE;
        e->stat_known = false;
    }
    if (good && verb == PF_VERB_STAT && h->parsed) {
        e->stat_known = true;
        e->stat_count = h->number;
        e->stat_octets = h->octets;
    }
    if (good && verb == PF_VERB_LANG)
        e->lang = true;
    if (verb == PF_VERB_QUIT)
        pf_client_lose(e, PF_LOST_QUIT);
}

static void single(struct pf_pop3_client *e, struct status *s, const struct pf_client_slot *slot)
{
    struct pf_client_slot was = *slot;
    struct pf_heard fields = {0}, *h;

    if (s->good)
        pf_client_parse_status(e, &was, s->text, &fields);
    judge_code(e, s, &fields);
    h = pf_client_end(e, s->good ? PF_END_WHOLE : PF_END_REFUSED);
    h->parsed = fields.parsed;
    h->number = fields.parsed ? fields.number : was.number;
    h->octets = fields.octets;
    h->uid = fields.uid;
    h->code = fields.code;
    h->coded = fields.coded;
    h->response_code = pf_client_clean(e, fields.response_code);
    h->text = pf_client_clean(e, s->text);
    h->odd = e->odd;
    settle(e, was.multi ? PF_VERB_RAW : was.verb, s->good, h);
    pf_client_open_window(e);
}

void pf_client_status_line(struct pf_pop3_client *e, bool more)
{
    struct pf_client_slot *slot = pf_client_head(e);
    struct pf_bytes line;
    struct status s;

    e->odd = e->blanks ? PF_ODD_BLANK : 0;
    line = pf_client_line(e);
    e->lf = e->odd & PF_ODD_LF;
    if (e->greeted && line.len == 0 && e->blanks < BLANKS_MAX) {
        e->blanks++;
        return;
    }
    e->blanks = 0;
    if (e->unasked) {
        e->farewell = pf_client_clean(e, line);
        pf_client_lose(e, PF_LOST_UNASKED);
    } else if (e->greeted && is_challenge(slot, line)) {
        challenge(e, slot, line);
    } else if (!split_status(e, line, &s)) {
        e->farewell = pf_client_clean(e, line);
        pf_client_lose(e, PF_LOST_GARBAGE);
    } else if (!e->greeted) {
        greeting(e, &s);
    } else if (s.good && slot->verb == PF_VERB_STLS) {
        now_tls(e, &s, more);
    } else if (s.good && slot->multi) {
        begin(e, &s, slot);
    } else {
        single(e, &s, slot);
    }
}

static void list_ended(struct pf_pop3_client *e, const struct pf_client_slot *slot)
{
    struct pf_client_slot was = *slot;
    struct pf_heard *h;

    if (was.verb == PF_VERB_CAPA)
        e->offer.heard = true;
    h = pf_client_end(e, PF_END_WHOLE);
    pf_client_list_end(e, &was, h);
    h->odd = e->odd;
    pf_client_open_window(e);
}

/* A list has no line that could be taken for its end but the end. */
static bool is_last(struct pf_pop3_client *e, struct pf_bytes line)
{
    if (line.len == 0 || line.at[0] != '.')
        return false;
    for (size_t i = 1; i < line.len; i++)
        if (line.at[i] != ' ' && line.at[i] != '\t')
            return false;
    if (line.len > 1)
        e->odd |= PF_ODD_DOT;
    return true;
}

static uint64_t lines_max(const struct pf_pop3_client *e, const struct pf_client_slot *slot)
{
    bool small = slot->verb == PF_VERB_CAPA || slot->verb == PF_VERB_AUTH || slot->verb == PF_VERB_LANG;

    return small && e->set->lines_max > SMALL_LIST ? SMALL_LIST : e->set->lines_max;
}

void pf_client_item_line(struct pf_pop3_client *e)
{
    const struct pf_client_slot *slot = pf_client_head(e);
    unsigned before = e->odd;
    struct pf_bytes line;
    struct pf_heard *h;

    e->odd = 0;
    line = pf_client_line(e);
    if (is_last(e, line)) {
        e->odd |= before;
        list_ended(e, slot);
        return;
    }
    if (e->items == lines_max(e, slot)) {
        pf_client_lose(e, PF_LOST_LIST);
        return;
    }
    if (line.len && line.at[0] == '.') {
        e->odd |= slot->verb == PF_VERB_RAW ? 0 : PF_ODD_DOT;
        line = pf_bytes_skip(line, 1);
    }
    e->items++;
    h = pf_client_push(e, PF_HEARD_ITEM);
    h->bytes = line;
    h->number = 0;
    pf_client_parse_item(e, slot, line, h);
    h->odd = e->odd;
    e->odd |= before;
}
