/* SCRAM's messages, read by the grammar of RFC 5802 section 7.
 *
 * What the library takes and the grammar does not: a bare '=' and any =xx in names, NULs (behind which
 * it sees nothing more), empty names, nonces of any octets, extensions that are none, base64 with bits
 * set that stand for nothing, and text behind the proof. */
#include "auth/exchange_rows.h"

#include "base/text.h"

#include <sodium.h>

enum {
    MESSAGE_MAX = 8192, /* two names, each octet written as three, and a nonce */
    NONCE_MAX = 1024    /* it is said again by the server */
};

static bool is_letter(unsigned char c)
{
    return pf_lower(c) >= 'a' && pf_lower(c) <= 'z';
}

static bool comma(struct pf_bytes *rest)
{
    bool is = rest->len && rest->at[0] == ',';

    if (is)
        *rest = pf_bytes_skip(*rest, 1);
    return is;
}

/* "x=value", up to a comma, which stays. */
static bool attribute(struct pf_bytes *rest, unsigned char letter, struct pf_bytes *out_value)
{
    if (rest->len < 3 || rest->at[0] != letter || rest->at[1] != '=' || rest->at[2] == ',')
        return false;
    *out_value = pf_bytes_skip(*rest, 2);
    *out_value = pf_bytes_head(*out_value, pf_find(*out_value, ','));
    *rest = pf_bytes_skip(*rest, 2 + out_value->len);
    return true;
}

/* Optional attributes that nobody knows are read over (section 5.1); `m` is reserved for those that may
 * not be. `stop` ends them. */
static bool extensions(struct pf_bytes *rest, unsigned char stop)
{
    struct pf_bytes value;

    while (rest->len > 1 && rest->at[0] == ',' && rest->at[1] != stop) {
        unsigned char letter = rest->at[1];

        comma(rest);
        if (!is_letter(letter) || letter == 'm' || !attribute(rest, letter, &value))
            return false;
    }
    return true;
}

/* Names: "," is "=2C" and "=" is "=3D", and no other "=" stands there. */
static bool is_saslname(struct pf_bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] == '=' && (i + 2 >= name.len || (memcmp(name.at + i, "=2C", 3) != 0 &&
                                                        memcmp(name.at + i, "=3D", 3) != 0)))
            return false;
    return true;
}

static bool is_nonce(struct pf_bytes nonce)
{
    for (size_t i = 0; i < nonce.len; i++)
        if (nonce.at[i] < 0x21 || nonce.at[i] > 0x7e)
            return false;
    return nonce.len && nonce.len <= NONCE_MAX;
}

static bool is_binding_name(struct pf_bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!is_letter(name.at[i]) && !pf_is_digit(name.at[i]) && name.at[i] != '.' && name.at[i] != '-')
            return false;
    return name.len;
}

static bool read_flag(struct pf_bytes *rest, struct pf_scram_first *out)
{
    if (rest->len == 0)
        return false;
    out->flag = rest->at[0];
    if (out->flag == 'p')
        return attribute(rest, 'p', &out->binding) && is_binding_name(out->binding);
    *rest = pf_bytes_skip(*rest, 1);
    return out->flag == 'n' || out->flag == 'y';
}

const char *pf_scram_read_first(struct pf_bytes message, struct pf_scram_first *out)
{
    struct pf_bytes rest = message, nonce;

    *out = (struct pf_scram_first){0};
    if (message.len > MESSAGE_MAX || pf_find(message, 0) != message.len)
        return "SCRAM: a message too long, or with a NUL";
    if (!read_flag(&rest, out) || !comma(&rest))
        return "SCRAM: no flag of channel binding";
    if (rest.len && rest.at[0] == 'a' && !attribute(&rest, 'a', &out->authzid))
        return "SCRAM: an empty authorization identity";
    if (!comma(&rest))
        return "SCRAM: no end of the header";
    if (rest.len && rest.at[0] == 'm')
        return "SCRAM: extensions-not-supported";
    if (!attribute(&rest, 'n', &out->name) || !is_saslname(out->name) || !is_saslname(out->authzid))
        return "SCRAM: invalid-username-encoding";
    if (!comma(&rest) || !attribute(&rest, 'r', &nonce) || !is_nonce(nonce))
        return "SCRAM: no nonce";
    if (!extensions(&rest, 0) || rest.len)
        return "SCRAM: an extension that is none";
    return NULL;
}

static bool is_base64(struct pf_bytes text, size_t *out_len)
{
    unsigned char raw[MESSAGE_MAX];
    const char *end = NULL;

    return sodium_base642bin(raw, sizeof raw, (const char *)text.at, text.len, NULL, out_len, &end,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           end == (const char *)text.at + text.len;
}

const char *pf_scram_read_final(struct pf_bytes message, size_t key_len)
{
    struct pf_bytes rest = message, binding, nonce, proof;
    size_t len = 0;

    if (message.len > MESSAGE_MAX || pf_find(message, 0) != message.len)
        return "SCRAM: a message too long, or with a NUL";
    if (!attribute(&rest, 'c', &binding) || !is_base64(binding, &len))
        return "SCRAM: no channel binding";
    if (!comma(&rest) || !attribute(&rest, 'r', &nonce) || !is_nonce(nonce))
        return "SCRAM: no nonce";
    if (!extensions(&rest, 'p') || !comma(&rest))
        return "SCRAM: an extension that is none";
    if (!attribute(&rest, 'p', &proof) || rest.len || !is_base64(proof, &len) || len != key_len)
        return "SCRAM: invalid-encoding of the proof";
    return NULL;
}

bool pf_scram_unescape(struct pf_bytes in, unsigned char *out, size_t *out_len)
{
    size_t len = 0;

    for (size_t i = 0; i < in.len; i++) {
        if (len == PF_EXCHANGE_PART_MAX)
            return false;
        out[len] = in.at[i];
        if (in.at[i] == '=') {
            out[len] = in.at[i + 1] == '2' ? ',' : '=';
            i += 2;
        }
        len++;
    }
    *out_len = len;
    return true;
}
