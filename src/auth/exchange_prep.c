#include "auth/exchange.h"

#include "base/text.h"

#include <gsasl.h>

/* To printable ASCII SASLprep does nothing; the library takes far longer to find that out. */
static bool is_plain_ascii(struct pf_bytes in)
{
    for (size_t i = 0; i < in.len; i++)
        if (in.at[i] < 0x20 || in.at[i] > 0x7e)
            return false;
    return true;
}

static bool prepare(struct pf_bytes in, char *out_text, size_t cap)
{
    char text[PF_EXCHANGE_PART_MAX + 1], *prepared = NULL;
    bool fits;

    memcpy(text, in.at, in.len);
    text[in.len] = 0;
    fits = gsasl_saslprep(text, GSASL_ALLOW_UNASSIGNED, &prepared, NULL) == GSASL_OK && prepared &&
           strlen(prepared) < cap;
    if (fits)
        memcpy(out_text, prepared, strlen(prepared) + 1);
    if (prepared)
        pf_wipe(prepared, strlen(prepared));
    gsasl_free(prepared);
    pf_wipe(text, sizeof text);
    return fits;
}

bool pf_saslprep(struct pf_bytes in, char *out_text, size_t cap)
{
    if (in.len > PF_EXCHANGE_PART_MAX || pf_find(in, 0) != in.len)
        return false;
    if (!is_plain_ascii(in))
        return prepare(in, out_text, cap);
    if (in.len >= cap)
        return false;
    if (in.len)
        memcpy(out_text, in.at, in.len);
    out_text[in.len] = 0;
    return true;
}
