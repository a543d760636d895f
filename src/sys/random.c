/* Apart from tls.c: who wants random octets wants no TLS. */
#include "sys/tls.h"

#include <openssl/err.h>
#include <openssl/rand.h>

enum pf_code pf_random(unsigned char *at, size_t len, struct pf_err *err)
{
    const char *reason;

    if (RAND_priv_bytes_ex(NULL, at, len, 0) == 1)
        return PF_OK;
    reason = ERR_reason_error_string(ERR_get_error());
    return pf_fail(err, PF_TEMP, 0, __func__, "no random octets: %s", reason ? reason : "unknown");
}
