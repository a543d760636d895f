#include "sys/tls_private.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <time.h>

enum {
    KEYS = 3, /* one that encrypts, two that still decrypt */
    NAME_OCTETS = 16,
    LIFE_MAX = 7 * 24 * 3600 /* RFC 8446 section 4.6.1 */
};

struct key {
    unsigned char name[NAME_OCTETS]; /* on the wire; tells which key to decrypt with */
    unsigned char cipher[32], mac[32];
    int64_t born; /* seconds; 0 is no key */
};

struct pf_tls_tickets {
    atomic_uint holds;
    CRYPTO_RWLOCK *lock; /* for all that follows */
    int64_t rotate, aged;
    struct key keys[KEYS]; /* newest first */
};

static int64_t now(const struct pf_tls_tickets *tickets)
{
    struct timespec time;

    clock_gettime(CLOCK_BOOTTIME, &time); /* a key grows old in a suspended machine too */
    return (int64_t)time.tv_sec + 1 + tickets->aged;
}

static bool make_key(struct key *key, int64_t born)
{
    key->born = born;
    return RAND_bytes(key->name, sizeof key->name) == 1 &&
           RAND_priv_bytes(key->cipher, sizeof key->cipher) == 1 &&
           RAND_priv_bytes(key->mac, sizeof key->mac) == 1;
}

struct pf_tls_tickets *pf_tls_tickets_new(unsigned rotate, struct pf_err *err)
{
    struct pf_tls_tickets *tickets = OPENSSL_zalloc(sizeof *tickets);

    if (!tickets || !(tickets->lock = CRYPTO_THREAD_lock_new())) {
        OPENSSL_free(tickets);
        pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for ticket keys");
        return NULL;
    }
    atomic_init(&tickets->holds, 1);
    tickets->rotate = rotate ? rotate : 1;
    if (make_key(&tickets->keys[0], now(tickets)))
        return tickets;
    pf_tls_tickets_free(tickets);
    pf_fail(err, PF_TEMP, 0, __func__, "no random octets for ticket keys");
    return NULL;
}

struct pf_tls_tickets *pf_tls_tickets_hold(struct pf_tls_tickets *tickets)
{
    atomic_fetch_add(&tickets->holds, 1);
    return tickets;
}

void pf_tls_tickets_free(struct pf_tls_tickets *tickets)
{
    if (!tickets || atomic_fetch_sub(&tickets->holds, 1) != 1)
        return;
    CRYPTO_THREAD_lock_free(tickets->lock);
    OPENSSL_clear_free(tickets, sizeof *tickets);
}

void pf_tls_tickets_age(struct pf_tls_tickets *tickets, unsigned seconds)
{
    if (CRYPTO_THREAD_write_lock(tickets->lock) != 1)
        return;
    tickets->aged += seconds;
    CRYPTO_THREAD_unlock(tickets->lock);
}

long pf_tls_tickets_life(const struct pf_tls_tickets *tickets)
{
    int64_t life = (KEYS - 1) * tickets->rotate;

    return life < LIFE_MAX ? (long)life : LIFE_MAX;
}

/* A key that encrypts, made when the newest one is too old; false when there is no randomness. */
static bool newest(struct pf_tls_tickets *tickets, struct key *out_key)
{
    int64_t at = now(tickets);
    struct key fresh;
    bool ok = true;

    if (at - tickets->keys[0].born >= tickets->rotate) {
        ok = make_key(&fresh, at);
        if (ok) {
            memmove(&tickets->keys[1], &tickets->keys[0], (KEYS - 1) * sizeof tickets->keys[0]);
            tickets->keys[0] = fresh;
        }
        OPENSSL_cleanse(&fresh, sizeof fresh);
    }
    *out_key = tickets->keys[0];
    return ok;
}

static bool find(const struct pf_tls_tickets *tickets, const unsigned char *name, struct key *out_key,
                 bool *out_renew)
{
    int64_t at = now(tickets);

    for (size_t i = 0; i < KEYS; i++) {
        const struct key *key = &tickets->keys[i];

        if (!key->born || memcmp(key->name, name, NAME_OCTETS) != 0 || at - key->born >= KEYS * tickets->rotate)
            continue;
        *out_key = *key;
        *out_renew = i > 0 || at - key->born >= tickets->rotate;
        return true;
    }
    return false;
}

static bool set_mac(EVP_MAC_CTX *mac, struct key *key)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static bool set_up(struct key *key, struct pf_tls_ticket *ticket, bool encrypt)
{
    return EVP_CipherInit_ex2(ticket->cipher, EVP_aes_256_cbc(), key->cipher, ticket->iv, encrypt, NULL) == 1 &&
           set_mac(ticket->mac, key);
}

static int encrypt_with(struct pf_tls_tickets *tickets, struct pf_tls_ticket *ticket)
{
    struct key key;
    bool ok;

    if (CRYPTO_THREAD_write_lock(tickets->lock) != 1)
        return -1;
    ok = newest(tickets, &key);
    CRYPTO_THREAD_unlock(tickets->lock);
    ok = ok && RAND_bytes(ticket->iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
         set_up(&key, ticket, true);
    memcpy(ticket->name, key.name, NAME_OCTETS);
    OPENSSL_cleanse(&key, sizeof key);
    return ok ? 1 : -1;
}

/* A TLS 1.3 ticket serves once (RFC 8446 section C.4), so its user always gets a new one; else only
 * when the key is no longer the newest. */
static int decrypt_with(struct pf_tls_tickets *tickets, SSL *ssl, struct pf_tls_ticket *ticket)
{
    struct key key;
    bool found, renew;
    int result;

    if (CRYPTO_THREAD_read_lock(tickets->lock) != 1)
        return -1;
    found = find(tickets, ticket->name, &key, &renew);
    CRYPTO_THREAD_unlock(tickets->lock);
    if (!found)
        return 0;
    result = renew || SSL_version(ssl) >= TLS1_3_VERSION ? 2 : 1;
    if (!set_up(&key, ticket, false))
        result = -1;
    OPENSSL_cleanse(&key, sizeof key);
    return result;
}

int pf_tls_tickets_use(struct pf_tls_tickets *tickets, SSL *ssl, struct pf_tls_ticket *ticket, bool encrypt)
{
    return encrypt ? encrypt_with(tickets, ticket) : decrypt_with(tickets, ssl, ticket);
}
