#include "sys/tls_private.h"

#include "base/words.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A chain of twenty RSA 8192 certificates stays far below. */
enum { FILE_MAX_OCTETS = 1024 * 1024 };

void pf_tls_file_forget(struct pf_tls_file *file)
{
    OPENSSL_clear_free(file->at, file->len);
}

static bool fill(int fd, struct pf_tls_file *file)
{
    size_t got = 0;

    while (got < file->len) {
        ssize_t n = read(fd, file->at + got, file->len - got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

static enum pf_code read_open(int fd, const char *what, const char *path, struct pf_tls_file *out_file,
                              struct pf_err *err)
{
    struct pf_tls_file file;
    struct stat status;

    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return pf_fail(err, PF_CONFIG, 0, __func__, "%s %s is not a regular file", what, path);
    if (status.st_size <= 0 || status.st_size > FILE_MAX_OCTETS)
        return pf_fail(err, PF_CONFIG, 0, __func__, "%s %s is %s", what, path,
                       status.st_size <= 0 ? pf_words("empty") : pf_words("far too long"));
    file.len = (size_t)status.st_size;
    file.at = OPENSSL_malloc(file.len);
    if (!file.at)
        return pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for %s %s", what, path);
    if (!fill(fd, &file)) {
        pf_tls_file_forget(&file);
        return pf_fail(err, PF_CONFIG, errno, __func__, "%s %s cannot be read", what, path);
    }
    *out_file = file;
    return PF_OK;
}

/* O_NONBLOCK, so that a FIFO in a file's place is refused rather than waited for. */
enum pf_code pf_tls_file_read(const char *what, const char *path, struct pf_tls_file *out_file,
                              struct pf_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    enum pf_code code;

    if (fd < 0)
        return pf_fail(err, PF_CONFIG, errno, __func__, "%s %s cannot be opened: %s", pf_words(what), path,
                       strerror(errno));
    code = read_open(fd, pf_words(what), path, out_file, err);
    close(fd);
    return code;
}

int pf_tls_no_passphrase(char *buffer, int size, int writing, void *asked)
{
    (void)writing;
    if (size > 0)
        buffer[0] = 0;
    *(bool *)asked = true;
    return -1;
}

bool pf_tls_file_ended(void)
{
    unsigned long last = ERR_peek_last_error();

    return ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
}

static enum pf_code load_leaf(SSL_CTX *ctx, BIO *bio, const char *path, struct pf_err *err)
{
    bool asked = false;
    X509 *leaf = PEM_read_bio_X509_AUX(bio, NULL, pf_tls_no_passphrase, &asked);
    int taken;

    if (!leaf && pf_tls_file_ended())
        return pf_fail(err, PF_CONFIG, 0, __func__, "certificate file %s holds no PEM certificate", path);
    if (!leaf)
        return pf_fail(err, PF_CONFIG, 0, __func__, "the certificate in %s is damaged: %s", path,
                       pf_tls_reason());
    taken = SSL_CTX_use_certificate(ctx, leaf);
    X509_free(leaf);
    if (taken != 1)
        return pf_fail(err, PF_CONFIG, 0, __func__, "the certificate in %s cannot be used: %s", path,
                       pf_tls_reason());
    return PF_OK;
}

static enum pf_code load_rest(SSL_CTX *ctx, BIO *bio, const char *path, struct pf_err *err)
{
    bool asked = false;
    X509 *next;

    while ((next = PEM_read_bio_X509(bio, NULL, pf_tls_no_passphrase, &asked)))
        if (SSL_CTX_add0_chain_cert(ctx, next) != 1) {
            X509_free(next);
            return pf_fail(err, PF_CONFIG, 0, __func__, "the chain in %s cannot be used: %s", path,
                           pf_tls_reason());
        }
    if (!pf_tls_file_ended())
        return pf_fail(err, PF_CONFIG, 0, __func__, "the chain in %s is damaged: %s", path,
                       pf_tls_reason());
    return PF_OK;
}

static enum pf_code load_chain(SSL_CTX *ctx, const char *path, struct pf_err *err)
{
    struct pf_tls_file file;
    enum pf_code code = pf_tls_file_read("certificate file", path, &file, err);
    BIO *bio;

    if (code != PF_OK)
        return code;
    bio = BIO_new_mem_buf(file.at, (int)file.len);
    code = bio ? load_leaf(ctx, bio, path, err)
               : pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for %s", path);
    if (code == PF_OK)
        code = load_rest(ctx, bio, path, err);
    BIO_free(bio);
    pf_tls_file_forget(&file);
    return code;
}

static enum pf_code use_key(SSL_CTX *ctx, EVP_PKEY *key, const struct pf_tls_pair *pair,
                            struct pf_err *err)
{
    const X509 *leaf = SSL_CTX_get0_certificate(ctx);

    if (X509_check_private_key(leaf, key) != 1)
        return pf_fail(err, PF_CONFIG, 0, __func__, "the key in %s does not belong to the certificate in %s",
                       pair->key, pair->certificate);
    if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
        return pf_fail(err, PF_CONFIG, 0, __func__, "the key in %s cannot be used: %s", pair->key,
                       pf_tls_reason());
    return PF_OK;
}

static EVP_PKEY *parse_key(const struct pf_tls_file *file, bool *out_asked)
{
    BIO *bio = BIO_new_mem_buf(file->at, (int)file->len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, pf_tls_no_passphrase, out_asked) : NULL;

    BIO_free(bio);
    return key;
}

static enum pf_code load_key(SSL_CTX *ctx, const struct pf_tls_pair *pair, struct pf_err *err)
{
    struct pf_tls_file file;
    enum pf_code code = pf_tls_file_read("key file", pair->key, &file, err);
    bool asked = false;
    EVP_PKEY *key;

    if (code != PF_OK)
        return code;
    key = parse_key(&file, &asked);
    pf_tls_file_forget(&file);
    if (key)
        code = use_key(ctx, key, pair, err);
    else if (asked)
        code = pf_fail(err, PF_CONFIG, 0, __func__,
                       "the key in %s is encrypted with a passphrase: store it without one", pair->key);
    else
        code = pf_fail(err, PF_CONFIG, 0, __func__, "key file %s holds no PEM private key", pair->key);
    EVP_PKEY_free(key);
    return code;
}

enum pf_code pf_tls_load(SSL_CTX *ctx, const struct pf_tls_pair *pair, struct pf_err *err)
{
    enum pf_code code;

    ERR_clear_error();
    code = load_chain(ctx, pair->certificate, err);
    ERR_clear_error();
    if (code == PF_OK)
        code = load_key(ctx, pair, err);
    ERR_clear_error();
    return code;
}
