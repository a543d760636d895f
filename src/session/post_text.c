#include "session/post_text.h"

#include "base/text.h"

#include <assert.h>
#include <time.h>

static const char return_path[] = "return-path:";
static const char from_line[] = "From ?"; /* `?` is any octet but a colon */

void pf_post_text_init(struct pf_post_text *t)
{
    memset(t, 0, sizeof *t);
    t->top = t->first_line = true;
}

static void put(struct pf_span *out, struct pf_bytes b)
{
    bool fits = pf_span_put(out, b);

    assert(fits);
    (void)fits;
}

static void put_octet(struct pf_span *out, unsigned char c)
{
    put(out, pf_bytes_from(&c, 1));
}

static struct pf_bytes trim(struct pf_bytes b)
{
    while (b.len && (b.at[0] == ' ' || b.at[0] == '\t'))
        b = pf_bytes_skip(b, 1);
    while (b.len && (b.at[b.len - 1] == ' ' || b.at[b.len - 1] == '\t'))
        b.len--;
    return b;
}

/* The length of the field's name, or 0 when this is no field (RFC 5322 section 2.2, and blanks before
 * the colon as section 4.5 has them). */
static size_t name_len(struct pf_bytes field)
{
    size_t len = 0, at;

    while (len < field.len && field.at[len] > 0x20 && field.at[len] < 0x7f && field.at[len] != ':')
        len++;
    at = len;
    while (at < field.len && (field.at[at] == ' ' || field.at[at] == '\t'))
        at++;
    return at < field.len && field.at[at] == ':' ? len : 0;
}

/* Up to the bracket that ends it: a comment may follow (RFC 5322 section 3.6.4). */
static void keep_id(struct pf_post_text *t, struct pf_bytes value)
{
    size_t end = value.len && value.at[0] == '<' ? pf_find(value, '>') : value.len;
    struct pf_bytes id = pf_bytes_head(pf_bytes_head(value, end + 1), PF_POST_ID_MAX);

    if (t->message_id_len || id.len == 0)
        return;
    memcpy(t->message_id, id.at, id.len);
    t->message_id_len = id.len;
}

static void end_field(struct pf_post_text *t)
{
    struct pf_bytes field = pf_bytes_from(t->field, t->field_len);
    struct pf_bytes name = pf_bytes_head(field, name_len(field)), value;

    t->field_len = 0;
    if (name.len == 0)
        return;
    value = trim(pf_bytes_skip(field, pf_find(field, ':') + 1));
    if (pf_equal_nocase(name, PF_LIT("Received")))
        t->received++;
    if (pf_equal_nocase(name, PF_LIT("Message-ID")))
        keep_id(t, value);
    if (!pf_equal_nocase(name, PF_LIT("Delivered-To")) || (t->below_received && !t->received))
        return;
    if (value.len > 2 && value.at[0] == '<' && value.at[value.len - 1] == '>')
        value = pf_bytes_from(value.at + 1, value.len - 2);
    if (t->delivered_to)
        t->delivered_to(t->self, value);
}

static void release(struct pf_post_text *t, struct pf_span *out)
{
    put(out, pf_bytes_from(t->held, t->held_len));
    t->held_len = 0;
    t->deciding = false;
}

static void drop_line(struct pf_post_text *t)
{
    t->dropping = true;
    t->deciding = false;
    t->held_len = 0;
}

static bool differs(const struct pf_post_text *t, unsigned char c)
{
    char want = t->pattern[t->held_len];

    if (want == '?')
        return c == ':';
    return (t->pattern == from_line ? c : pf_lower(c)) != (unsigned char)want;
}

/* One more octet of a line that may have to go: its beginning waits until that is known. "From :" is a
 * field of old times (RFC 5322 section 4.5.2), not mbox's line. */
static void decide(struct pf_post_text *t, unsigned char c, struct pf_span *out)
{
    bool other;

    if (t->held_len == 0 && t->pattern == from_line && c != 'F')
        t->pattern = return_path;
    other = differs(t, c);
    t->held[t->held_len++] = c;
    if (other) {
        t->top = false;
        release(t, out);
    } else if (t->held_len == strlen(t->pattern)) {
        drop_line(t);
    }
}

static void begin_line(struct pf_post_text *t, unsigned char c)
{
    t->continued = c == ' ' || c == '\t';
    if (t->continued) {
        t->top = t->dropping; /* a first line that continues nothing stays, and what follows is not on top */
        return;
    }
    end_field(t);
    t->dropping = false;
    t->deciding = t->top;
    t->pattern = t->first_line && t->from_line ? from_line : return_path;
}

static void end_line(struct pf_post_text *t)
{
    struct pf_bytes field = pf_bytes_from(t->field, t->field_len);
    bool postmark = t->first_line && field.len >= 5 &&
                    (memcmp(field.at, "From ", 5) == 0 || memcmp(field.at, ">From", 5) == 0);

    if (t->line_len == 1)
        t->body = true;
    else if (!t->continued && !t->dropping && !postmark && name_len(field) == 0)
        t->body = true;
    t->first_line = false;
    t->line_len = 0;
}

static void head_octet(struct pf_post_text *t, unsigned char c, struct pf_span *out)
{
    if (t->line_len == 0)
        begin_line(t, c);
    t->line_len++;
    if (c != '\n' && t->field_len < sizeof t->field)
        t->field[t->field_len++] = c;
    if (t->deciding)
        decide(t, c, out);
    else if (!t->dropping)
        put_octet(out, c);
    if (c == '\n')
        end_line(t);
}

static void any_octet(struct pf_post_text *t, unsigned char c, struct pf_span *out)
{
    if (t->body)
        put_octet(out, c);
    else
        head_octet(t, c, out);
}

static void octet(struct pf_post_text *t, unsigned char c, struct pf_span *out)
{
    if (t->cr && c != '\n')
        any_octet(t, '\r', out);
    t->cr = c == '\r';
    if (!t->cr)
        any_octet(t, c, out);
}

/* The body goes in runs between CRs. */
static void run(struct pf_post_text *t, struct pf_bytes *in, struct pf_span *out)
{
    size_t len = pf_find(*in, '\r');

    if (len == 0 || t->cr) {
        octet(t, in->at[0], out);
        len = 1;
    } else {
        put(out, pf_bytes_head(*in, len));
    }
    *in = pf_bytes_skip(*in, len);
}

void pf_post_text_put(struct pf_post_text *t, struct pf_bytes in, struct pf_span *out)
{
    while (in.len && !t->body) {
        octet(t, in.at[0], out);
        in = pf_bytes_skip(in, 1);
    }
    while (in.len)
        run(t, &in, out);
}

void pf_post_text_end(struct pf_post_text *t, struct pf_span *out)
{
    if (t->cr)
        any_octet(t, '\r', out);
    t->cr = false;
    release(t, out);
    if (!t->body)
        end_field(t);
    t->body = true;
}

/* Control octets would end the field, and begin another. */
static bool put_safe(struct pf_span *out, struct pf_bytes b)
{
    size_t from = out->len;

    if (!pf_span_put(out, b))
        return false;
    for (size_t i = from; i < out->len; i++)
        if (out->at[i] < 0x20 || out->at[i] == 0x7f)
            out->at[i] = '?';
    return true;
}

/* RFC 5322 section 3.3, in UTC; strftime would ask the locale. */
bool pf_post_date(struct pf_span *out, int64_t now)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)now;
    struct tm tm;

    if (!gmtime_r(&seconds, &tm))
        return false;
    return pf_span_format(out, "%.3s, %d %.3s %d %02d:%02d:%02d +0000", days + 3 * tm.tm_wday, tm.tm_mday,
                          months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool put_received(const struct pf_post_envelope *e, struct pf_bytes recipient, struct pf_span *out)
{
    enum { HELO_MAX = 255 }; /* a domain name's length */
    bool good = pf_span_put(out, PF_LIT("Received: from ")) &&
                put_safe(out, e->helo.len ? pf_bytes_head(e->helo, HELO_MAX) : PF_LIT("unknown")) &&
                pf_span_format(out, " (%s%s%s)\n\tby %s (Postfach) with %s id %s", e->peer[0] == 'u' ? "" : "[",
                               e->peer, e->peer[0] == 'u' ? "" : "]", e->hostname, e->with, e->id);

    if (good && e->alone)
        good = pf_span_put(out, PF_LIT("\n\tfor <")) && put_safe(out, recipient) && pf_span_put(out, PF_LIT(">"));
    return good && pf_span_put(out, PF_LIT(";\n\t")) && pf_post_date(out, e->now) && pf_span_put(out, PF_LIT("\n"));
}

enum pf_code pf_post_head(const struct pf_post_envelope *e, struct pf_bytes recipient, struct pf_span *out,
                          struct pf_err *err)
{
    bool good = pf_span_put(out, PF_LIT("Return-Path: <")) && put_safe(out, e->sender) &&
                pf_span_put(out, PF_LIT(">\nDelivered-To: ")) && put_safe(out, recipient) &&
                pf_span_put(out, PF_LIT("\n"));

    if (good && e->with)
        good = put_received(e, recipient, out);
    return good ? PF_OK : pf_fail(err, PF_TOO_LONG, 0, "post", "addresses are too long for a head");
}

void pf_post_soften(struct pf_err *err)
{
    static const enum pf_code ours[] = {PF_NO_BOX, PF_PERM, PF_CONFIG, PF_DAMAGED, PF_AUTH, PF_STATE};

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (err->code == ours[i]) {
            err->code = PF_TEMP;
            err->say[0] = 0;
            return;
        }
}

void pf_post_bounce(struct pf_err *err, bool bounce)
{
    if (bounce && err->code == PF_OVER_QUOTA)
        err->code = PF_FULL;
}

enum pf_code pf_post_loop(struct pf_err *err, const char *why)
{
    return pf_fail(err, PF_LOOP, 0, "post", "%s", why);
}
