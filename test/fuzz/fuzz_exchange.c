/* SASL exchanges. The first octet says whether there is an initial response; the rest is one response,
 * or several with 0xff between them (which UTF-8 never holds). */
#include "auth/exchange.h"

#include <stdlib.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Who is to be checked: one name that SASLprep leaves as it is, from a message of exactly two NULs,
 * with the password as it came. */
static void check_result(struct pf_bytes message, struct pf_bytes name, struct pf_bytes secret)
{
    char prepared[PF_EXCHANGE_PART_MAX + 1];
    size_t nuls = 0;

    for (size_t i = 0; i < message.len; i++)
        nuls += message.at[i] == 0;
    must(nuls == 2);
    must(name.len > 0 && name.len <= PF_EXCHANGE_PART_MAX && secret.len > 0);
    must(memchr(name.at, 0, name.len) == NULL && memchr(secret.at, 0, secret.len) == NULL);
    must(secret.len < message.len);
    must(memcmp(message.at + message.len - secret.len, secret.at, secret.len) == 0);
    must(message.at[message.len - secret.len - 1] == 0);
    must(pf_saslprep(name, prepared, sizeof prepared));
    must(pf_bytes_equal(name, pf_bytes_of(prepared)));
}

static enum pf_exchange_step step(struct pf_exchange *exchange, struct pf_bytes message,
                                  bool has_response)
{
    struct pf_exchange_told told = {0};
    struct pf_err err = {0};
    enum pf_exchange_step result =
        pf_exchange_step(exchange, message, has_response, &told, &err);

    must(has_response || (result == PF_EXCHANGE_CHALLENGE && told.challenge.len == 0));
    if (result == PF_EXCHANGE_FAILED)
        must(err.code == PF_AUTH || err.code == PF_SYNTAX);
    if (result == PF_EXCHANGE_CHECK)
        check_result(message, told.name, told.secret);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_exchange *exchange;
    struct pf_bytes rest;
    unsigned checks = 0;

    if (size == 0)
        return 0;
    exchange = pf_exchange_new(&(struct pf_exchange_settings){.mechanism = "PLAIN"}, NULL);
    must(exchange != NULL);
    if (data[0] & 1)
        step(exchange, (struct pf_bytes){0}, false);
    rest = pf_bytes_from(data + 1, size - 1);
    do {
        const unsigned char *end = rest.len ? memchr(rest.at, 0xff, rest.len) : NULL;
        size_t len = end ? (size_t)(end - rest.at) : rest.len;

        checks += step(exchange, pf_bytes_head(rest, len), true) == PF_EXCHANGE_CHECK;
        rest = pf_bytes_skip(rest, len + 1);
    } while (rest.len);
    must(checks <= 1); /* an exchange ends once */
    pf_exchange_free(exchange);
    return 0;
}
