/* What a stored password is good for, besides being compared. */
#include "auth/password_scheme.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum pf_password_form pf_password_form(const char *stored)
{
    struct pf_stored parts;

    if (pf_scheme_take_apart(stored, &parts) || parts.scheme->look(&parts))
        return PF_FORM_OTHER;
    if (parts.scheme->check == pf_plain_check)
        return PF_FORM_PLAIN;
    if (parts.scheme->check != pf_scram_check)
        return PF_FORM_OTHER;
    return parts.scheme->digest == EVP_sha1 ? PF_FORM_SCRAM_SHA_1 : PF_FORM_SCRAM_SHA_256;
}

bool pf_password_plain(const char *stored, char *out_text, size_t cap)
{
    char text[PF_HASH_MAX + 1];
    struct pf_stored parts;
    size_t len;
    bool plain = pf_password_form(stored) == PF_FORM_PLAIN && !pf_scheme_take_apart(stored, &parts) &&
                 pf_plain_decode(&parts, text, sizeof text) && (len = strlen(text)) < cap;

    if (plain)
        memcpy(out_text, text, len + 1);
    pf_wipe(text, sizeof text);
    return plain;
}

/* The number behind `key`, or 0. */
static size_t number_behind(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    uint64_t number = 0;

    if (at)
        at += strlen(key);
    return at && pf_parse_u64(pf_bytes_from(at, strspn(at, "0123456789")), &number) ? (size_t)number : 0;
}

/* "$y$jNr$…": N and r as password_crypt.c reads them; look() has seen that they are in bounds. */
static size_t yescrypt_memory(const char *hash)
{
    static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *params = strchr(hash + 1, '$') + 1;
    size_t n = (size_t)(strchr(digits, params[1]) - digits),
           r = (size_t)(strchr(digits, params[2]) - digits);

    return ((size_t)128 << (n + 1)) * (r + 1);
}

size_t pf_password_memory(const char *stored)
{
    enum { LITTLE = 64 << 10 }; /* crypt(3) takes a structure of 32 KiB for any hash */
    struct pf_stored parts;

    if (pf_scheme_take_apart(stored, &parts) || parts.scheme->look(&parts))
        return 0; /* it will not be computed */
    if (parts.scheme->check == pf_argon2_check)
        return LITTLE + 1024 * number_behind(parts.hash, "$m=");
    if (parts.scheme->check == pf_crypt_check &&
        (!strncmp(parts.hash, "$y$", 3) || !strncmp(parts.hash, "$gy$", 4)))
        return LITTLE + yescrypt_memory(parts.hash);
    return LITTLE;
}
