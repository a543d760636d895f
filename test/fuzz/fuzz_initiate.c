/* SASL's client side: a server that says anything. The first octet chooses the mechanism, the rest are
 * its challenges, divided by LF; '#' stands for our nonce.
 *
 * Who does not know the password never makes a mechanism content that proves the server; nothing is
 * answered behind a failure; a response is no longer than it may be, and shows the password where that
 * is the mechanism's way only. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth/initiate.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SAID = 8192, LINE = 4096, DIGITS = 4 };

#define SECRET "Pa55-w0rd-of-the-fuzzer"

static const char *const names[] = {"SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS",
                                    "DIGEST-MD5",  "CRAM-MD5",      "PLAIN",
                                    "LOGIN",       "XOAUTH2",       "OAUTHBEARER"};

enum { PROVING = 4, SHOWING = 5, COUNT = sizeof names / sizeof names[0] };

/* Ten million iterations are allowed, and take too long here. */
static bool takes_long(struct pf_bytes said)
{
    size_t digits = 0;

    for (size_t i = 0; i < said.len; i++) {
        digits = pf_is_digit(said.at[i]) ? digits + 1 : 0;
        if (digits > DIGITS)
            return true;
    }
    return false;
}

static struct pf_bytes nonce_in(struct pf_bytes response, unsigned char room[64])
{
    const unsigned char *at = response.len ? memmem(response.at, response.len, ",r=", 3) : NULL;
    struct pf_bytes nonce = {0};

    if (at)
        nonce = pf_bytes_skip(response, (size_t)(at + 3 - response.at));
    assert(nonce.len <= 64);
    if (nonce.len)
        memcpy(room, nonce.at, nonce.len);
    return pf_bytes_from(room, nonce.len);
}

static struct pf_bytes with_nonce(struct pf_bytes line, struct pf_bytes nonce, unsigned char room[LINE])
{
    struct pf_span out = {room, 0, LINE};

    for (size_t i = 0; i < line.len; i++)
        if (!pf_span_put(&out, line.at[i] == '#' ? nonce : pf_bytes_from(line.at + i, 1)))
            break;
    return pf_span_bytes(&out);
}

static bool shows_secret(struct pf_bytes text)
{
    return text.len && memmem(text.at, text.len, SECRET, sizeof SECRET - 1);
}

/* `known`: the server itself has said the password (the fuzzer reads what it is compared with), and a nonce goes back
 * as it came. */
static void check(const struct pf_initiate *client, unsigned which, enum pf_initiate_step step, bool known,
                  const struct pf_initiate_told *told)
{
    assert(which >= PROVING || !pf_initiate_content(client));
    assert(step != PF_INITIATE_FAILED || (!pf_initiate_content(client) && told->response.len == 0));
    assert(told->response.len <= SAID);
    if (which < SHOWING && !known)
        assert(!shows_secret(told->response));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned which = size ? data[0] % COUNT : 0;
    struct pf_initiate_settings settings = {.mechanism = names[which],
                                            .name = PF_LIT("alice"),
                                            .secret = PF_LIT(SECRET),
                                            .hostname = "pop.example.org",
                                            .exporter = PF_LIT("0123456789abcdef0123456789abcdef")};
    struct pf_bytes said = pf_bytes_from(data + 1, size ? size - 1 : 0), nonce;
    struct pf_initiate_told told;
    struct pf_initiate *client;
    struct pf_err err = {0};
    unsigned char room[LINE], kept[64];
    enum pf_initiate_step step;
    bool known = shows_secret(said);

    if (size == 0 || size > SAID || takes_long(said))
        return 0;
    client = pf_initiate_new(&settings, &err);
    assert(client);
    step = pf_initiate_step(client, (struct pf_bytes){0}, &told, &err);
    assert(step == (which == 3 || which == 4 || which == 6 ? PF_INITIATE_WAIT : PF_INITIATE_SEND));
    nonce = nonce_in(told.response, kept);
    check(client, which, step, known, &told);
    while (said.len) {
        size_t n = pf_find(said, '\n');
        enum pf_initiate_step before = step;

        step = pf_initiate_step(client, with_nonce(pf_bytes_head(said, n), nonce, room), &told, &err);
        assert(before != PF_INITIATE_FAILED || step == PF_INITIATE_FAILED);
        check(client, which, step, known, &told);
        said = pf_bytes_skip(said, n + 1);
    }
    pf_initiate_free(client);
    return 0;
}
