#include "sys/tls_private.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
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
    bool seeded;
    unsigned char seed[PF_TLS_SEED];
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

/* What a key is made of, as one string of octets. */
struct material {
    unsigned char name[NAME_OCTETS], cipher[32], mac[32];
};

/* What tells the keys of one seed apart, in HKDF's `info`. */
struct purpose {
    char name[16];
    uint64_t rotate, period;
};

static bool derive(const struct pf_tls_tickets *tickets, struct purpose purpose, struct material *out)
{
    char digest[] = "SHA256";
    unsigned char seed[PF_TLS_SEED];
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, seed, sizeof seed),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, &purpose, sizeof purpose),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    bool good;

    memcpy(seed, tickets->seed, sizeof seed);
    good = context && EVP_KDF_derive(context, (unsigned char *)out, sizeof *out, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    OPENSSL_cleanse(seed, sizeof seed);
    return good;
}

static bool derive_key(const struct pf_tls_tickets *tickets, int64_t period, struct key *out_key)
{
    struct purpose purpose = {"session tickets", (uint64_t)tickets->rotate, (uint64_t)period};
    struct material material;

    *out_key = (struct key){.born = 0};
    if (period < 0) /* before the machine was started */
        return true;
    if (!derive(tickets, purpose, &material))
        return false;
    out_key->born = period ? period * tickets->rotate : 1;
    memcpy(out_key->name, material.name, sizeof material.name);
    memcpy(out_key->cipher, material.cipher, sizeof material.cipher);
    memcpy(out_key->mac, material.mac, sizeof material.mac);
    OPENSSL_cleanse(&material, sizeof material);
    return true;
}

/* The keys of a seed are those of now, whoever asks; so they must be made before one is looked for. The lock is
 * held. */
static bool turn(struct pf_tls_tickets *tickets)
{
    int64_t period = now(tickets) / tickets->rotate;
    struct key fresh[KEYS];
    bool good = true;

    if (!tickets->seeded || tickets->keys[0].born == (period ? period * tickets->rotate : 1))
        return true;
    for (int i = 0; i < KEYS && good; i++)
        good = derive_key(tickets, period - i, &fresh[i]);
    if (good)
        memcpy(tickets->keys, fresh, sizeof fresh);
    OPENSSL_cleanse(fresh, sizeof fresh);
    return good;
}

static struct pf_tls_tickets *make(unsigned rotate, struct pf_err *err)
{
    struct pf_tls_tickets *tickets = OPENSSL_zalloc(sizeof *tickets);

    if (!tickets || !(tickets->lock = CRYPTO_THREAD_lock_new())) {
        OPENSSL_free(tickets);
        pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for ticket keys");
        return NULL;
    }
    atomic_init(&tickets->holds, 1);
    tickets->rotate = rotate ? rotate : 1;
    return tickets;
}

struct pf_tls_tickets *pf_tls_tickets_new(unsigned rotate, struct pf_err *err)
{
    struct pf_tls_tickets *tickets = make(rotate, err);

    if (!tickets || make_key(&tickets->keys[0], now(tickets)))
        return tickets;
    pf_tls_tickets_free(tickets);
    pf_fail(err, PF_TEMP, 0, __func__, "no random octets for ticket keys");
    return NULL;
}

struct pf_tls_tickets *pf_tls_tickets_new_seeded(const unsigned char seed[PF_TLS_SEED], unsigned rotate,
                                                 struct pf_err *err)
{
    struct pf_tls_tickets *tickets = make(rotate, err);

    if (!tickets)
        return NULL;
    tickets->seeded = true;
    memcpy(tickets->seed, seed, sizeof tickets->seed);
    if (turn(tickets))
        return tickets;
    pf_tls_tickets_free(tickets);
    pf_fail(err, PF_NO_MEMORY, 0, __func__, "no keys can be derived for tickets");
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
    bool ok = turn(tickets);

    if (!tickets->seeded && at - tickets->keys[0].born >= tickets->rotate) {
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

    if (CRYPTO_THREAD_write_lock(tickets->lock) != 1)
        return -1;
    found = turn(tickets) && find(tickets, ticket->name, &key, &renew);
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
