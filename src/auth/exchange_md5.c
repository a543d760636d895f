/* CRAM-MD5 (RFC 2195) and APOP (RFC 1939 section 7): a digest of a fresh text and the password. */
#include "auth/exchange_rows.h"

#include "base/text.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

enum { HEX = 32, DIGEST = 16 };

/* "<random.time@host>", as a msg-id (RFC 2195 section 2); fresh each time. */
static enum pf_exchange_step challenge(struct pf_exchange *exchange, struct pf_exchange_told *out_told,
                                       struct pf_err *err)
{
    struct pf_span text = {exchange->text, 0, sizeof exchange->text};
    uint64_t random;

    randombytes_buf(&random, sizeof random);
    if (!pf_span_format(&text, "<%llu.%lld@%s>", (unsigned long long)random,
                        (long long)exchange->settings.now, exchange->settings.hostname))
        return pf_exchange_failed(err, PF_TEMP, "the host's name is too long");
    exchange->text_len = text.len;
    return pf_exchange_challenge(pf_span_bytes(&text), out_told);
}

/* RFC 1939 section 7, RFC 2195 section 2: lower-case hexadecimal. */
static bool equal_hex(const unsigned char raw[DIGEST], struct pf_bytes hex)
{
    char text[HEX + 1];

    sodium_bin2hex(text, sizeof text, raw, DIGEST);
    return pf_equal_secret(pf_bytes_of(text), hex);
}

static bool keyed(const struct pf_exchange *exchange, const char *password, struct pf_bytes hex)
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool equal = HMAC(EVP_md5(), password, (int)strlen(password), exchange->text, exchange->text_len,
                      raw, &len) &&
                 len == DIGEST && equal_hex(raw, hex);

    pf_wipe(raw, sizeof raw);
    return equal;
}

/* Nothing says whether the password is prepared before it becomes the key; clients do either. Both
 * are computed, also when the first is right. */
static bool is_right(const struct pf_exchange *exchange, const char *password, struct pf_bytes hex)
{
    char prepared[PF_EXCHANGE_SECRET];
    bool as_it_is = keyed(exchange, password, hex), as_prepared = false;

    if (pf_saslprep(pf_bytes_of(password), prepared, sizeof prepared))
        as_prepared = keyed(exchange, prepared, hex);
    pf_wipe(prepared, sizeof prepared);
    return as_it_is || as_prepared;
}

enum pf_exchange_step pf_exchange_cram(struct pf_exchange *exchange, struct pf_exchange_told *out_told,
                                       struct pf_err *err)
{
    struct pf_bytes message = pf_exchange_message(exchange);
    char password[PF_EXCHANGE_SECRET];
    enum pf_code code;
    bool right;

    if (exchange->turn == 0)
        return challenge(exchange, out_told, err);
    /* The name may hold blanks: the digest stands behind the last one. */
    if (message.len < HEX + 2 || message.at[message.len - HEX - 1] != ' ')
        return pf_exchange_failed(err, PF_SYNTAX, "this is no message of the mechanism CRAM-MD5");
    if (!pf_exchange_set_name(exchange, pf_bytes_head(message, message.len - HEX - 1)))
        return pf_exchange_failed(err, PF_AUTH, "a name that SASLprep refuses");
    code = pf_exchange_password(exchange, password, err);
    if (code != PF_OK)
        return PF_EXCHANGE_FAILED;
    right = is_right(exchange, password, pf_bytes_skip(message, message.len - HEX));
    pf_wipe(password, sizeof password);
    if (!right || !exchange->known)
        return pf_exchange_failed(err, PF_AUTH, "wrong password");
    out_told->name = pf_bytes_of(exchange->name);
    return PF_EXCHANGE_PROVED;
}

bool pf_exchange_apop(const char *timestamp, const char *password, struct pf_bytes digest)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char raw[EVP_MAX_MD_SIZE];
    bool equal = context && EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1 &&
                 EVP_DigestUpdate(context, timestamp, strlen(timestamp)) == 1 &&
                 EVP_DigestUpdate(context, password, strlen(password)) == 1 &&
                 EVP_DigestFinal_ex(context, raw, NULL) == 1 && equal_hex(raw, digest);

    EVP_MD_CTX_free(context);
    pf_wipe(raw, sizeof raw);
    return equal;
}
