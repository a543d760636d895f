/* SCRAM's client (RFC 5802, RFC 7677), from a password. */
#include "auth/initiate_rows.h"

#include "auth/exchange.h"
#include "base/text.h"
#include "proto/b64.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>

enum {
    NONCE = 18, /* octets of random; 24 in base64 */
    SALT_MAX = 1024,
    MESSAGE_MAX = 4096, /* of a server */
    HEADER_MAX = 4096 /* "p=tls-exporter,a=,": a name of 1024, each octet of it three, and the binding */
};

static const EVP_MD *hash_of(const struct pf_initiate *i)
{
    return strstr(i->row->mechanism.name, "SHA-256") ? EVP_sha256() : EVP_sha1();
}

static size_t key_len(const struct pf_initiate *i)
{
    return (size_t)EVP_MD_get_size(hash_of(i));
}

/* Prepared (RFC 4013), ',' as =2C and '=' as =3D (section 5.1). */
static bool put_name(struct pf_span *out, struct pf_bytes name)
{
    char text[PF_INITIATE_PART_MAX + 1];

    if (!pf_saslprep(name, text, sizeof text) || !text[0])
        return false;
    for (const char *c = text; *c; c++) {
        struct pf_bytes part = *c == ','   ? PF_LIT("=2C")
                               : *c == '=' ? PF_LIT("=3D")
                                           : pf_bytes_from(c, 1);

        if (!pf_span_put(out, part))
            return false;
    }
    return true;
}

/* The flag of channel binding (section 6), and for whom it acts. */
static bool put_header(struct pf_initiate *i, struct pf_span *out)
{
    const struct pf_initiate_settings *s = &i->settings;
    bool plus = i->row->mechanism.needs & PF_INITIATE_BINDING, could = s->exporter.len + s->unique.len;
    struct pf_bytes flag = !could || s->plus_offered ? PF_LIT("n,") : PF_LIT("y,");

    if (plus)
        flag = s->exporter.len ? PF_LIT("p=tls-exporter,") : PF_LIT("p=tls-unique,");
    i->spent = plus && s->exporter.len;
    return pf_span_put(out, flag) &&
           (s->acts_for.len == 0 || (pf_span_put(out, PF_LIT("a=")) && put_name(out, s->acts_for))) &&
           pf_span_put(out, PF_LIT(","));
}

static enum pf_initiate_step begin(struct pf_initiate *i, struct pf_initiate_told *out_told,
                                   struct pf_err *err)
{
    unsigned char random[NONCE];
    struct pf_span *out = &i->text;
    size_t header, nonce;
    bool put;

    if (RAND_bytes(random, sizeof random) != 1)
        return pf_initiate_failed(err, PF_TEMP, "SCRAM: no random octets");
    put = put_header(i, out);
    header = out->len;
    put = put && pf_span_put(out, PF_LIT("n=")) && put_name(out, i->settings.name) &&
          pf_span_put(out, PF_LIT(",r="));
    nonce = out->len;
    if (!put || !pf_b64_encode(pf_bytes_from(random, sizeof random), out))
        return pf_initiate_failed(err, PF_SYNTAX, "a name that SASLprep refuses");
    i->header = pf_bytes_head(pf_span_bytes(out), header);
    i->bare = pf_bytes_skip(pf_span_bytes(out), header);
    i->nonce = pf_bytes_skip(pf_span_bytes(out), nonce);
    return pf_initiate_send_text(i, out_told);
}

struct first {
    struct pf_bytes nonce, salt;
    unsigned iterations;
};

/* The attribute behind "x=", up to the comma; false when the message does not go on so. */
static bool attribute(struct pf_bytes *rest, char name, struct pf_bytes *out)
{
    if (rest->len < 2 || rest->at[0] != name || rest->at[1] != '=')
        return false;
    *rest = pf_bytes_skip(*rest, 2);
    *out = pf_bytes_head(*rest, pf_find(*rest, ','));
    *rest = pf_bytes_skip(*rest, out->len + 1);
    return true;
}

/* "r=nonce,s=salt,i=iterations"; NULL, or what is wrong (section 5.1). */
static const char *read_first(const struct pf_initiate *i, struct pf_bytes message, struct first *out)
{
    struct pf_bytes rest = message, count;
    uint64_t iterations = 0;

    if (message.len > MESSAGE_MAX || !attribute(&rest, 'r', &out->nonce) ||
        !attribute(&rest, 's', &out->salt) || !attribute(&rest, 'i', &count))
        return "SCRAM: this is no first message of a server";
    if (out->nonce.len <= i->nonce.len || memcmp(out->nonce.at, i->nonce.at, i->nonce.len) != 0)
        return "SCRAM: the server's nonce does not begin with ours, or is none";
    if (!pf_parse_u64(count, &iterations) || iterations < PF_SCRAM_ITERATIONS_LEAST)
        return "SCRAM: so few iterations that the password could be guessed from our answer";
    if (iterations > PF_SCRAM_ITERATIONS_MOST)
        return "SCRAM: more iterations than anybody computes";
    out->iterations = (unsigned)iterations;
    return NULL;
}

static bool salted_password(const struct pf_initiate *i, const struct first *first,
                            unsigned char out[EVP_MAX_MD_SIZE])
{
    char password[PF_INITIATE_PART_MAX + 1];
    unsigned char room[SALT_MAX];
    struct pf_span salt = {room, 0, sizeof room};
    bool made = pf_saslprep(i->settings.secret, password, sizeof password) &&
                pf_b64_decode(first->salt, &salt) && salt.len &&
                PKCS5_PBKDF2_HMAC(password, (int)strlen(password), room, (int)salt.len,
                                  (int)first->iterations, hash_of(i), (int)key_len(i), out) == 1;

    pf_wipe(password, sizeof password);
    return made;
}

static bool keyed(const struct pf_initiate *i, const unsigned char *key, struct pf_bytes text,
                  unsigned char out[EVP_MAX_MD_SIZE])
{
    return HMAC(hash_of(i), key, (int)key_len(i), text.at, text.len, out, NULL) != NULL;
}

/* Section 3: the proof, and the signature that the server must show. */
static bool prove(struct pf_initiate *i, const struct first *first, struct pf_bytes said,
                  unsigned char out_proof[EVP_MAX_MD_SIZE])
{
    unsigned char salted[EVP_MAX_MD_SIZE], key[EVP_MAX_MD_SIZE], stored[EVP_MAX_MD_SIZE],
        mac[EVP_MAX_MD_SIZE];
    bool made = salted_password(i, first, salted) && keyed(i, salted, PF_LIT("Client Key"), key) &&
                EVP_Digest(key, key_len(i), stored, NULL, hash_of(i), NULL) == 1 &&
                keyed(i, stored, said, mac);

    for (size_t n = 0; made && n < key_len(i); n++)
        out_proof[n] = key[n] ^ mac[n];
    made = made && keyed(i, salted, PF_LIT("Server Key"), key) && keyed(i, key, said, mac);
    if (made)
        memcpy(i->signature, mac, key_len(i));
    pf_wipe(salted, sizeof salted);
    pf_wipe(key, sizeof key);
    pf_wipe(stored, sizeof stored);
    return made;
}

/* "c=" header and binding ",r=" the whole nonce. */
static bool put_final(const struct pf_initiate *i, struct pf_bytes nonce, struct pf_span *out)
{
    const struct pf_initiate_settings *s = &i->settings;
    unsigned char room[HEADER_MAX];
    struct pf_span bound = {room, 0, sizeof room};
    bool plus = i->row->mechanism.needs & PF_INITIATE_BINDING;

    return pf_span_put(&bound, i->header) &&
           (!plus || pf_span_put(&bound, s->exporter.len ? s->exporter : s->unique)) &&
           pf_span_put(out, PF_LIT("c=")) && pf_b64_encode(pf_span_bytes(&bound), out) &&
           pf_span_put(out, PF_LIT(",r=")) && pf_span_put(out, nonce);
}

/* AuthMessage is our first message without its header, the server's first, and our final one without the
 * proof. */
static bool answer_in(struct pf_initiate *i, const struct first *first, struct pf_bytes challenge,
                      struct pf_span *said)
{
    unsigned char proof[EVP_MAX_MD_SIZE];
    bool made = pf_span_put(said, i->bare) && pf_span_put(said, PF_LIT(",")) &&
                pf_span_put(said, challenge) && pf_span_put(said, PF_LIT(","));
    size_t final = said->len;

    made = made && put_final(i, first->nonce, said) && prove(i, first, pf_span_bytes(said), proof);
    i->text.len = 0;
    made = made && pf_span_put(&i->text, pf_bytes_skip(pf_span_bytes(said), final)) &&
           pf_span_put(&i->text, PF_LIT(",p=")) &&
           pf_b64_encode(pf_bytes_from(proof, key_len(i)), &i->text);
    pf_wipe(proof, sizeof proof);
    return made;
}

static enum pf_initiate_step answer(struct pf_initiate *i, struct pf_bytes challenge,
                                    struct pf_initiate_told *out_told, struct pf_err *err)
{
    struct first first;
    const char *wrong = read_first(i, challenge, &first);
    struct pf_span said = {NULL, 0, i->bare.len + challenge.len + 2 * HEADER_MAX + MESSAGE_MAX};
    bool made;

    if (wrong)
        return pf_initiate_failed(err, PF_AUTH, wrong);
    said.at = malloc(said.cap);
    if (!said.at)
        return pf_initiate_failed(err, PF_NO_MEMORY, "no memory for an exchange");
    made = answer_in(i, &first, challenge, &said);
    free(said.at);
    if (!made)
        return pf_initiate_failed(err, PF_AUTH, "SCRAM: a salt or a password that cannot be used");
    return pf_initiate_send_text(i, out_told);
}

/* "v=signature": who does not know the password, nor its keys, cannot say that (section 5). */
static enum pf_initiate_step verify(struct pf_initiate *i, struct pf_bytes challenge,
                                    struct pf_initiate_told *out_told, struct pf_err *err)
{
    unsigned char room[EVP_MAX_MD_SIZE + 3];
    struct pf_span signature = {room, 0, sizeof room};
    struct pf_bytes rest = challenge, coded;

    i->text.len = 0;
    if (!attribute(&rest, 'v', &coded) || !pf_b64_decode(coded, &signature) ||
        !pf_equal_secret(pf_span_bytes(&signature), pf_bytes_from(i->signature, key_len(i))))
        return pf_initiate_failed(err, PF_AUTH, "SCRAM: the server does not know the password");
    i->content = true;
    return pf_initiate_send_text(i, out_told);
}

enum pf_initiate_step pf_initiate_scram(struct pf_initiate *i, struct pf_bytes challenge,
                                        struct pf_initiate_told *out_told, struct pf_err *err)
{
    if (i->turn == 0)
        return begin(i, out_told, err);
    if (challenge.len > 1 && memcmp(challenge.at, "e=", 2) == 0) /* also at once (erratum 5271) */
        return pf_initiate_failed(err, PF_AUTH, "SCRAM: the server says that something is wrong");
    return i->turn == 1 ? answer(i, challenge, out_told, err) : verify(i, challenge, out_told, err);
}
