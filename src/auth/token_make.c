#include "auth/token_line.h"

#include "auth/auth_file.h"
#include "base/text.h"
#include "sys/tls.h"

#include <stdlib.h>
#include <time.h>

/* 32 letters and digits, so that an octet gives one without bias; no i, l, o and u, which are read as others
 * or make words. */
static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void put_letters(char *to, const unsigned char *random, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = alphabet[random[i] & 31];
}

static enum pf_code make_secret(char out[PF_TOKEN_MAX], struct pf_err *err)
{
    unsigned char random[PF_TOKEN_ID + PF_TOKEN_SECRET];
    enum pf_code code = pf_random(random, sizeof random, err);

    if (code != PF_OK)
        return code;
    memcpy(out, "pf_", 3);
    put_letters(out + 3, random, PF_TOKEN_ID);
    out[3 + PF_TOKEN_ID] = '_';
    put_letters(out + 3 + PF_TOKEN_ID + 1, random + PF_TOKEN_ID, PF_TOKEN_SECRET);
    out[PF_TOKEN_LEN] = 0;
    pf_wipe(random, sizeof random);
    return PF_OK;
}

static bool put_line(const struct pf_token_order *order, const char *token, struct pf_span *out)
{
    unsigned char digest[32];
    char date[32] = "";
    time_t now = (time_t)order->now;
    struct tm tm;
    bool ok;

    pf_token_digest(pf_bytes_of(token), digest);
    if (gmtime_r(&now, &tm))
        strftime(date, sizeof date, "%FT%TZ", &tm);
    ok = pf_span_format(out, "%s:%.*s:{SHA256}", order->user, PF_TOKEN_ID, token + 3);
    for (size_t i = 0; ok && i < sizeof digest; i++)
        ok = pf_span_format(out, "%02x", digest[i]);
    return ok && pf_span_format(out, ":%s%screated=%s", order->words, order->words[0] ? " " : "", date);
}

/* The line as the server will read it. */
static enum pf_code judge(struct pf_bytes line, struct pf_err *err)
{
    struct pf_token token;
    const char *wrong;
    char *copy;

    if (line.len > PF_AUTH_LINE_MAX || memchr(line.at, '\n', line.len) || line.at[0] == '#')
        return pf_fail(err, PF_SYNTAX, 0, "tokens",
                       "a token is one line of at most %d octets, and no comment", PF_AUTH_LINE_MAX);
    copy = pf_text_copy(line);
    if (!copy)
        return pf_fail(err, PF_NO_MEMORY, 0, "tokens", "no memory for a line");
    wrong = pf_token_line(copy, &token);
    free(copy);
    return wrong ? pf_fail(err, PF_SYNTAX, 0, "tokens", "%s", wrong) : PF_OK;
}

enum pf_code pf_token_make(const struct pf_token_order *order, char out_token[PF_TOKEN_MAX],
                           struct pf_span *out_line, struct pf_err *err)
{
    struct pf_span line = {out_line->at + out_line->len, 0, pf_span_room(out_line)};
    char token[PF_TOKEN_MAX];
    enum pf_code code;

    if (strchr(order->user, ':'))
        return pf_fail(err, PF_SYNTAX, 0, "tokens", "a user with a colon in the name can have no token");
    code = make_secret(token, err);
    if (code != PF_OK)
        return code;
    if (!put_line(order, token, &line))
        code = pf_fail(err, PF_TOO_LONG, 0, "tokens", "the line of this token is too long");
    else
        code = judge(pf_span_bytes(&line), err);
    if (code == PF_OK) {
        memcpy(out_token, token, sizeof token);
        out_line->len += line.len;
    }
    pf_wipe(token, sizeof token);
    return code;
}
