#include "sys/tls.h"

#include "base/text.h"
#include "sys/tls_private.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum {
    NAME_CAP = 256,       /* a DNS name has at most 253 octets */
    DESCRIBE_NAMES = 600, /* names shown: the date after them must not be crowded out */
    DESCRIBE_CAP = 1024   /* one line of a log */
};

struct name {
    char *text; /* lower case; "*.example.org" for a wildcard */
    size_t pair;
};

struct pf_tls {
    atomic_uint holds;
    struct pf_tls_tickets *tickets;
    struct pf_tls_clients *clients; /* NULL: nobody is asked for a certificate */
    bool common_name;
    SSL_CTX **contexts; /* one per pair */
    size_t pair_count;
    struct name *names; /* sorted */
    size_t name_count;
    struct attached *attached;
    size_t attached_count;
};

struct attached {
    size_t listen;
    struct pf_tls *tls;
};

const char *pf_tls_reason(void)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return reason ? reason : "unknown trouble";
}

static int by_name(const void *a, const void *b)
{
    const struct name *left = a, *right = b;
    int order = strcmp(left->text, right->text);

    if (order == 0 && left->pair != right->pair)
        return left->pair < right->pair ? -1 : 1;
    return order;
}

static int is_name(const void *text, const void *name)
{
    return strcmp(text, ((const struct name *)name)->text);
}

static const struct name *find(const struct pf_tls *tls, const char *text)
{
    return tls->name_count == 0 ? NULL
                                : bsearch(text, tls->names, tls->name_count, sizeof tls->names[0], is_name);
}

/* The name itself, or a wildcard in place of its left-most label. */
static const struct name *choose(const struct pf_tls *tls, const char *asked)
{
    char text[NAME_CAP];
    size_t len = strlen(asked);
    const struct name *name;
    char *dot;

    if (len > 0 && asked[len - 1] == '.')
        len--;
    if (len == 0 || len >= sizeof text || asked[0] == '*')
        return NULL;
    for (size_t i = 0; i < len; i++)
        text[i] = (char)pf_lower((unsigned char)asked[i]);
    text[len] = 0;
    name = find(tls, text);
    dot = strchr(text, '.');
    if (name || !dot || dot == text)
        return name;
    dot[-1] = '*';
    return find(tls, dot - 1);
}

/* TLS-031: a name we do not have gets the default certificate. */
static int servername(SSL *ssl, int *alert, void *self)
{
    const struct pf_tls *tls = self;
    const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct name *name = asked ? choose(tls, asked) : NULL;

    (void)alert;
    if (!name)
        return SSL_TLSEXT_ERR_NOACK;
    if (SSL_set_SSL_CTX(ssl, tls->contexts[name->pair]))
        return SSL_TLSEXT_ERR_OK;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                      EVP_MAC_CTX *mac, int encrypt)
{
    const struct pf_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct pf_tls_ticket ticket = {name, iv, cipher, mac};

    return pf_tls_tickets_use(tls->tickets, ssl, &ticket, encrypt != 0);
}

static enum pf_code set_policy(SSL_CTX *ctx, struct pf_tls *tls, const struct pf_tls_settings *settings,
                               struct pf_err *err)
{
    enum pf_code code = pf_tls_policy_set(ctx, settings, tls->clients, err);

    if (code != PF_OK)
        return code;
    SSL_CTX_set_timeout(ctx, pf_tls_tickets_life(tls->tickets));
    SSL_CTX_set_app_data(ctx, tls);
    SSL_CTX_set_tlsext_servername_callback(ctx, servername);
    SSL_CTX_set_tlsext_servername_arg(ctx, tls);
    if (SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key) != 1)
        return pf_fail(err, PF_CONFIG, 0, __func__, "cannot set up TLS: %s", pf_tls_reason());
    return tls->clients ? pf_tls_clients_ask(tls->clients, ctx, err) : PF_OK;
}

static enum pf_code add_pair(struct pf_tls *tls, const struct pf_tls_settings *settings, size_t index,
                             struct pf_err *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    enum pf_code code;

    if (!ctx)
        return pf_fail(err, PF_NO_MEMORY, 0, __func__, "cannot set up TLS: %s", pf_tls_reason());
    tls->contexts[tls->pair_count++] = ctx;
    code = set_policy(ctx, tls, settings, err);
    return code == PF_OK ? pf_tls_load(ctx, &settings->pairs[index], err) : code;
}

/* What may stand for a host: no NUL inside, a wildcard as the whole left-most label only. */
static bool is_host(struct pf_bytes name)
{
    struct pf_bytes rest = name;

    if (name.len > 2 && name.at[0] == '*' && name.at[1] == '.')
        rest = pf_bytes_skip(name, 2);
    return rest.len > 0 && rest.len < NAME_CAP - 2 && pf_find(rest, 0) == rest.len &&
           pf_find(rest, '*') == rest.len;
}

static enum pf_code add_name(struct pf_tls *tls, const GENERAL_NAME *general, size_t pair)
{
    struct pf_bytes host;
    struct name *name = &tls->names[tls->name_count];

    if (general->type != GEN_DNS)
        return PF_OK;
    host = pf_bytes_from(ASN1_STRING_get0_data(general->d.dNSName),
                         (size_t)ASN1_STRING_length(general->d.dNSName));
    if (!is_host(host))
        return PF_OK;
    name->text = malloc(host.len + 1);
    if (!name->text)
        return PF_NO_MEMORY;
    for (size_t i = 0; i < host.len; i++)
        name->text[i] = (char)pf_lower(host.at[i]);
    name->text[host.len] = 0;
    name->pair = pair;
    tls->name_count++;
    return PF_OK;
}

static enum pf_code add_names_of(struct pf_tls *tls, const GENERAL_NAMES *generals, size_t pair)
{
    size_t count = (size_t)sk_GENERAL_NAME_num(generals);
    struct name *names;

    if (count == 0)
        return PF_OK;
    names = reallocarray(tls->names, tls->name_count + count, sizeof *names);
    if (!names)
        return PF_NO_MEMORY;
    tls->names = names;
    for (size_t i = 0; i < count; i++)
        if (add_name(tls, sk_GENERAL_NAME_value(generals, (int)i), pair) != PF_OK)
            return PF_NO_MEMORY;
    return PF_OK;
}

static enum pf_code add_names(struct pf_tls *tls, size_t pair, struct pf_err *err)
{
    const X509 *leaf = SSL_CTX_get0_certificate(tls->contexts[pair]);
    GENERAL_NAMES *generals = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    enum pf_code code = generals ? add_names_of(tls, generals, pair) : PF_OK;

    GENERAL_NAMES_free(generals);
    return code == PF_OK ? code : pf_fail(err, code, 0, __func__, "no memory for a certificate's names");
}

/* A name that two certificates have belongs to the first. */
static void sort_names(struct pf_tls *tls)
{
    size_t kept = 0;

    if (tls->name_count)
        qsort(tls->names, tls->name_count, sizeof tls->names[0], by_name);
    for (size_t i = 0; i < tls->name_count; i++) {
        if (kept && strcmp(tls->names[kept - 1].text, tls->names[i].text) == 0)
            free(tls->names[i].text);
        else
            tls->names[kept++] = tls->names[i];
    }
    tls->name_count = kept;
}

static enum pf_code load(struct pf_tls *tls, const struct pf_tls_settings *settings, struct pf_err *err)
{
    enum pf_code code = PF_OK;

    tls->common_name = settings->client_common_name;
    if (settings->client_ca && !(tls->clients = pf_tls_clients_new(settings->client_ca, err)))
        return err ? err->code : PF_CONFIG;
    tls->contexts = calloc(settings->pair_count, sizeof(SSL_CTX *));
    if (!tls->contexts)
        return pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for TLS");
    for (size_t i = 0; code == PF_OK && i < settings->pair_count; i++) {
        code = add_pair(tls, settings, i, err);
        if (code == PF_OK)
            code = add_names(tls, i, err);
    }
    sort_names(tls);
    return code;
}

struct pf_tls *pf_tls_new(const struct pf_tls_settings *settings, struct pf_tls_tickets *tickets,
                          struct pf_err *err)
{
    struct pf_tls *tls = calloc(1, sizeof *tls);

    if (!tls) {
        pf_fail(err, PF_NO_MEMORY, 0, __func__, "no memory for TLS");
        return NULL;
    }
    assert(settings->pair_count > 0);
    atomic_init(&tls->holds, 1);
    tls->tickets = pf_tls_tickets_hold(tickets);
    ERR_clear_error();
    if (load(tls, settings, err) == PF_OK)
        return tls;
    pf_tls_free(tls);
    return NULL;
}

struct pf_tls *pf_tls_hold(struct pf_tls *tls)
{
    atomic_fetch_add(&tls->holds, 1);
    return tls;
}

void pf_tls_free(struct pf_tls *tls)
{
    if (!tls || atomic_fetch_sub(&tls->holds, 1) != 1)
        return;
    for (size_t i = 0; i < tls->pair_count; i++)
        SSL_CTX_free(tls->contexts[i]);
    for (size_t i = 0; i < tls->name_count; i++)
        free(tls->names[i].text);
    pf_tls_clients_free(tls->clients);
    free(tls->contexts);
    free(tls->names);
    pf_tls_tickets_free(tls->tickets);
    for (size_t i = 0; i < tls->attached_count; i++)
        pf_tls_free(tls->attached[i].tls);
    free(tls->attached);
    free(tls);
}

bool pf_tls_attach(struct pf_tls *tls, size_t listen, struct pf_tls *other)
{
    struct attached *more = reallocarray(tls->attached, tls->attached_count + 1, sizeof *more);

    if (!more)
        return false;
    tls->attached = more;
    tls->attached[tls->attached_count++] = (struct attached){listen, other};
    return true;
}

struct pf_tls *pf_tls_at(struct pf_tls *tls, size_t listen)
{
    for (size_t i = 0; tls && i < tls->attached_count; i++)
        if (tls->attached[i].listen == listen)
            return tls->attached[i].tls;
    return tls;
}

static bool put_names(struct pf_span *out, const struct pf_tls *tls, size_t pair)
{
    size_t count = 0;

    for (size_t i = 0; i < tls->name_count; i++)
        if (tls->names[i].pair == pair && !pf_span_format(out, count++ ? ", %s" : "%s", tls->names[i].text))
            return false;
    return count > 0 || pf_span_put(out, PF_LIT("no DNS names"));
}

static void put_name(struct pf_span *out, const char *words, const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len = 0;

    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
        len = BIO_get_mem_data(bio, &text);
    if (len > 0 && pf_span_put(out, pf_bytes_of(words)))
        pf_span_put(out, pf_bytes_head(pf_bytes_from(text, (size_t)len), pf_span_room(out)));
    BIO_free(bio);
}

static bool put_date(struct pf_span *out, const char *words, const ASN1_TIME *date)
{
    struct tm tm;
    char text[sizeof "2026-11-22"] = "?";

    if (ASN1_TIME_to_tm(date, &tm) == 1)
        strftime(text, sizeof text, "%F", &tm);
    return pf_span_format(out, "; %s %s", words, text);
}

static void put_validity(struct pf_span *out, const X509 *leaf)
{
    const ASN1_TIME *from = X509_get0_notBefore(leaf), *until = X509_get0_notAfter(leaf);
    int days = 0, seconds = 0;

    if (X509_cmp_current_time(from) > 0)
        put_date(out, "NOT VALID before", from);
    else if (X509_cmp_current_time(until) < 0)
        put_date(out, "EXPIRED", until);
    else if (ASN1_TIME_diff(&days, &seconds, NULL, until) == 1 && put_date(out, "valid until", until))
        pf_span_format(out, ", %d days left", days);
}

/* Who may sign certificates of clients. */
static bool describe_signer(const struct pf_tls *tls, size_t index, char *out_text, size_t cap)
{
    unsigned char text[DESCRIBE_CAP];
    struct pf_span out = {text, 0, sizeof text};
    const X509 *signer = pf_tls_clients_at(tls->clients, index);

    if (!signer)
        return false;
    pf_span_put(&out, PF_LIT("signs certificates of clients"));
    put_validity(&out, signer);
    put_name(&out, "; ", X509_get_subject_name(signer));
    pf_text_safe(out_text, cap, pf_span_bytes(&out));
    return true;
}

static bool describe_pair(const struct pf_tls *tls, size_t index, char *out_text, size_t cap)
{
    unsigned char text[DESCRIBE_CAP];
    struct pf_span out = {text, 0, DESCRIBE_NAMES};
    const X509 *leaf = SSL_CTX_get0_certificate(tls->contexts[index]);

    if (!put_names(&out, tls, index)) {
        out.cap = sizeof text;
        pf_span_put(&out, PF_LIT(" and more"));
    }
    out.cap = sizeof text;
    put_validity(&out, leaf);
    put_name(&out, "; issued by ", X509_get_issuer_name(leaf));
    pf_text_safe(out_text, cap, pf_span_bytes(&out));
    return true;
}

/* The certificates that listeners have for themselves. */
static bool describe_attached(const struct pf_tls *tls, size_t index, char *out_text, size_t cap)
{
    for (size_t i = 0; i < tls->attached_count; i++) {
        const struct pf_tls *other = tls->attached[i].tls;

        if (X509_cmp(SSL_CTX_get0_certificate(other->contexts[0]), SSL_CTX_get0_certificate(tls->contexts[0])) != 0 &&
            index-- == 0)
            return describe_pair(other, 0, out_text, cap);
    }
    return false;
}

bool pf_tls_describe(const struct pf_tls *tls, size_t index, char *out_text, size_t cap)
{
    size_t signers = 0;

    if (index < tls->pair_count)
        return describe_pair(tls, index, out_text, cap);
    index -= tls->pair_count;
    if (describe_signer(tls, index, out_text, cap))
        return true;
    while (pf_tls_clients_at(tls->clients, signers))
        signers++;
    return describe_attached(tls, index - signers, out_text, cap);
}

/* On resumption the certificate comes out of the ticket: its chain was verified when the session was
 * made, under the same signers (the mark), but its time may be over by now. */
void pf_tls_client(const struct pf_tls *tls, const SSL *ssl, char out_name[PF_TLS_NAME])
{
    const X509 *leaf = SSL_get0_peer_certificate(ssl);
    time_t now = time(NULL);

    out_name[0] = 0;
    if (tls->clients && leaf && SSL_get_verify_result(ssl) == X509_V_OK &&
        X509_cmp_time(X509_get0_notAfter(leaf), &now) > 0)
        pf_tls_clients_name(leaf, tls->common_name, out_name);
}

void *pf_tls_context(const struct pf_tls *tls)
{
    return tls->contexts[0];
}
