/* PLAIN, LOGIN, EXTERNAL, ANONYMOUS, CRAM-MD5, the two of OAuth, and APOP: a line of text each. */
#include "auth/initiate_rows.h"

#include "base/text.h"
#include "proto/oauth.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { DIGEST = 16 };

static void wipe_text(struct pf_initiate *i)
{
    pf_wipe(i->text.at, i->text.len);
    i->text.len = 0;
}

enum pf_initiate_step pf_initiate_plain(struct pf_initiate *i, struct pf_bytes challenge,
                                        struct pf_initiate_told *out_told, struct pf_err *err)
{
    const struct pf_initiate_settings *s = &i->settings;

    (void)challenge;
    if (!pf_span_put(&i->text, s->acts_for) || !pf_span_put(&i->text, pf_bytes_from("", 1)) ||
        !pf_span_put(&i->text, s->name) || !pf_span_put(&i->text, pf_bytes_from("", 1)) ||
        !pf_span_put(&i->text, s->secret))
        return pf_initiate_failed(err, PF_SYNTAX, "a message that does not fit");
    i->content = true;
    return pf_initiate_send_text(i, out_told);
}

/* Never standardised; prompts differ, their order does not. */
enum pf_initiate_step pf_initiate_login(struct pf_initiate *i, struct pf_bytes challenge,
                                        struct pf_initiate_told *out_told, struct pf_err *err)
{
    (void)challenge;
    wipe_text(i);
    if (i->turn == 0)
        return PF_INITIATE_WAIT;
    if (!pf_span_put(&i->text, i->turn == 1 ? i->settings.name : i->settings.secret))
        return pf_initiate_failed(err, PF_SYNTAX, "a message that does not fit");
    i->content = i->turn == 2;
    return pf_initiate_send_text(i, out_told);
}

enum pf_initiate_step pf_initiate_external(struct pf_initiate *i, struct pf_bytes challenge,
                                           struct pf_initiate_told *out_told, struct pf_err *err)
{
    (void)challenge;
    (void)err;
    pf_span_put(&i->text, i->settings.acts_for);
    i->content = true;
    return pf_initiate_send_text(i, out_told);
}

enum pf_initiate_step pf_initiate_anonymous(struct pf_initiate *i, struct pf_bytes challenge,
                                            struct pf_initiate_told *out_told, struct pf_err *err)
{
    (void)challenge;
    (void)err;
    pf_span_put(&i->text, i->settings.name);
    i->content = true;
    return pf_initiate_send_text(i, out_told);
}

static bool put_hex(const unsigned char *raw, size_t len, struct pf_span *out)
{
    for (size_t k = 0; k < len; k++)
        if (!pf_span_format(out, "%02x", raw[k]))
            return false;
    return true;
}

/* RFC 2195 section 2: name, blank, HMAC-MD5 of the challenge in lower-case digits. */
enum pf_initiate_step pf_initiate_cram(struct pf_initiate *i, struct pf_bytes challenge,
                                       struct pf_initiate_told *out_told, struct pf_err *err)
{
    struct pf_bytes key = i->settings.secret;
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool made;

    if (i->turn == 0)
        return PF_INITIATE_WAIT;
    if (challenge.len == 0)
        return pf_initiate_failed(err, PF_SYNTAX,
                                  "an empty challenge, which anybody could have answered before");
    made =
        HMAC(EVP_md5(), key.at, (int)key.len, challenge.at, challenge.len, raw, &len) && len == DIGEST;
    made = made && pf_span_put(&i->text, i->settings.name) && pf_span_put(&i->text, PF_LIT(" ")) &&
           put_hex(raw, DIGEST, &i->text);
    pf_wipe(raw, sizeof raw);
    if (!made)
        return pf_initiate_failed(err, PF_TEMP, "no digest could be made");
    i->content = true;
    return pf_initiate_send_text(i, out_told);
}

/* RFC 7628 section 3.2.3: the refusal is a challenge, and wants an answer before -ERR can come. */
static enum pf_initiate_step hear_refusal(struct pf_initiate *i, enum pf_oauth_dialect dialect,
                                          struct pf_bytes challenge, struct pf_initiate_told *out_told)
{
    wipe_text(i);
    if (dialect == PF_OAUTHBEARER)
        pf_span_put(&i->text, PF_LIT("\1"));
    i->content = false;
    i->ended = true;
    out_told->refused = true;
    out_told->refusal = challenge;
    return pf_initiate_send_text(i, out_told);
}

enum pf_initiate_step pf_initiate_bearer(struct pf_initiate *i, struct pf_bytes challenge,
                                         struct pf_initiate_told *out_told, struct pf_err *err)
{
    const struct pf_initiate_settings *s = &i->settings;
    enum pf_oauth_dialect dialect =
        strcmp(i->row->mechanism.name, "OAUTHBEARER") == 0 ? PF_OAUTHBEARER : PF_XOAUTH2;
    struct pf_oauth_message message = {.user = s->acts_for.len ? s->acts_for : s->name,
                                       .token = s->secret};

    if (i->turn)
        return hear_refusal(i, dialect, challenge, out_told);
    if (dialect == PF_OAUTHBEARER && s->hostname)
        message.host = pf_bytes_of(s->hostname);
    if (dialect == PF_OAUTHBEARER && s->port)
        message.port = pf_bytes_of(s->port);
    if (!pf_oauth_write(dialect, &message, &i->text))
        return pf_initiate_failed(err, PF_SYNTAX, "a token or a name that cannot be said");
    i->content = true;
    return pf_initiate_send_text(i, out_told);
}

bool pf_initiate_apop(struct pf_bytes timestamp, struct pf_bytes password, char out_hex[33])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char raw[EVP_MAX_MD_SIZE];
    struct pf_span hex = {(unsigned char *)out_hex, 0, 2 * DIGEST};
    bool made = context && EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1 &&
                EVP_DigestUpdate(context, timestamp.at, timestamp.len) == 1 &&
                EVP_DigestUpdate(context, password.at, password.len) == 1 &&
                EVP_DigestFinal_ex(context, raw, NULL) == 1 && put_hex(raw, DIGEST, &hex);

    out_hex[made ? 2 * DIGEST : 0] = 0;
    EVP_MD_CTX_free(context);
    pf_wipe(raw, sizeof raw);
    return made;
}
