/* Rows: what stands behind exchange.h, for src/auth/exchange*.c only.
 *
 * Each mechanism is a row of one table (exchange.c): what it needs, its name in GNU SASL or that it is
 * ours, and the function that takes one step. The frame copies the response, keeps count of the steps,
 * hears the answer to a server's last word, and ends the exchange; a row sees a response that is no
 * longer than it may be, and never one behind the end.
 *
 * Why a mechanism that the library has is ours all the same:
 *   - CRAM-MD5: the library's challenge is "<digits.0@localhost>", and cannot be given.
 *   - LOGIN: its prompts are not those that old clients look for, and it takes no initial response.
 *   - EXTERNAL and ANONYMOUS: it copies the message and asks back; the checks (UTF-8, NUL, lengths,
 *     an empty trace) are left to the caller, and nothing else is there. */
#ifndef POSTFACH_AUTH_EXCHANGE_ROWS_H
#define POSTFACH_AUTH_EXCHANGE_ROWS_H

#include "auth/exchange.h"

struct Gsasl;
struct Gsasl_session;

struct pf_exchange_row {
    const char *library; /* its name in GNU SASL, or NULL */
    enum pf_exchange_step (*step)(struct pf_exchange *, struct pf_exchange_told *out_told,
                                  struct pf_err *err);
    int (*ask)(struct pf_exchange *, int property); /* what the library asks back; or NULL */
    enum pf_password_form form;                     /* SCRAM: of the keys */
    bool server_first; /* an initial response is a mistake (RFC 5034 section 4) */
};

enum {
    PF_EXCHANGE_TEXT = 4096,  /* the refusal of OAuth holds a scope and a URL of the settings */
    PF_EXCHANGE_SECRET = 1024 /* a stored password; password files hold none that is longer */
};

struct pf_exchange {
    struct pf_exchange_settings settings;
    const struct pf_exchange_mechanism *mechanism;
    const struct pf_exchange_row *row;
    unsigned turn; /* steps before this one */
    bool ended;
    bool last_word; /* was said: an empty response proves the name */
    bool refused;   /* OAuth: the refusal was said: whatever comes is the end */
    struct pf_err refusal;
    bool known;           /* the name has what the mechanism needs; else the proof fails */
    bool spent;           /* the exporter's value was used */
    bool captured;        /* the library told all it knows */
    enum pf_code trouble; /* why a callback failed, told in *err; PF_OK: it did not */
    struct pf_err *err;   /* of this step */

    unsigned char *message; /* the response; a NUL stands behind it */
    size_t message_len;
    bool present; /* there is a response, be it empty */

    struct Gsasl *library;
    struct Gsasl_session *session;
    char *output; /* of the last step */
    size_t output_len;

    char name[PF_EXCHANGE_PART_MAX + 1], acts_for[PF_EXCHANGE_PART_MAX + 1]; /* prepared */
    struct pf_scram_keys keys;
    unsigned char text[PF_EXCHANGE_TEXT]; /* challenges of our own */
    size_t text_len;
};

enum pf_exchange_step pf_exchange_failed(struct pf_err *err, enum pf_code code, const char *why);
enum pf_exchange_step pf_exchange_challenge(struct pf_bytes, struct pf_exchange_told *out_told);
struct pf_bytes pf_exchange_message(const struct pf_exchange *);

/* Who it is, and for whom he acts, prepared (RFC 4013); false when SASLprep refuses it or leaves
 * nothing. Who acts for himself acts for nobody else. */
bool pf_exchange_set_name(struct pf_exchange *, struct pf_bytes name);
bool pf_exchange_set_acts_for(struct pf_exchange *, struct pf_bytes name); /* empty: for himself */
/* The password of `name` from the world, or random text for nobody (`known` tells), into `out`. PF_OK,
 * PF_TEMP, PF_NO_MEMORY. */
enum pf_code pf_exchange_password(struct pf_exchange *, char out_text[PF_EXCHANGE_SECRET],
                                  struct pf_err *err);

/* exchange_gsasl.c */
bool pf_exchange_library_begin(struct pf_exchange *);
void pf_exchange_library_end(struct pf_exchange *); /* wipes */
void pf_exchange_library_forget(struct pf_exchange *);
/* One step with the message. FAILED, or CHALLENGE with the output, or CHECK when the library is content.
 */
enum pf_exchange_step pf_exchange_library_step(struct pf_exchange *, struct pf_exchange_told *out_told,
                                               struct pf_err *err);

/* exchange_words.c: SCRAM's messages (RFC 5802 section 7), stricter than the library. */
struct pf_scram_first {
    unsigned char flag;            /* 'n', 'y' or 'p' */
    struct pf_bytes binding;       /* with 'p': the name behind it */
    struct pf_bytes authzid, name; /* as they came: =2C and =3D */
};
/* NULL, or what is wrong. */
const char *pf_scram_read_first(struct pf_bytes message, struct pf_scram_first *out);
const char *pf_scram_read_final(struct pf_bytes message, size_t key_len);
/* Decodes into `out` of PF_EXCHANGE_PART_MAX octets; false when it does not fit. */
bool pf_scram_unescape(struct pf_bytes in, unsigned char *out, size_t *out_len);

/* The rows' steps. */
enum pf_exchange_step pf_exchange_plain(struct pf_exchange *, struct pf_exchange_told *,
                                        struct pf_err *);
enum pf_exchange_step pf_exchange_login(struct pf_exchange *, struct pf_exchange_told *,
                                        struct pf_err *);
enum pf_exchange_step pf_exchange_cram(struct pf_exchange *, struct pf_exchange_told *, struct pf_err *);
enum pf_exchange_step pf_exchange_digest(struct pf_exchange *, struct pf_exchange_told *,
                                         struct pf_err *);
enum pf_exchange_step pf_exchange_scram(struct pf_exchange *, struct pf_exchange_told *,
                                        struct pf_err *);
enum pf_exchange_step pf_exchange_external(struct pf_exchange *, struct pf_exchange_told *,
                                           struct pf_err *);
enum pf_exchange_step pf_exchange_anonymous(struct pf_exchange *, struct pf_exchange_told *,
                                            struct pf_err *);
enum pf_exchange_step pf_exchange_gssapi(struct pf_exchange *, struct pf_exchange_told *,
                                         struct pf_err *);
enum pf_exchange_step pf_exchange_bearer(struct pf_exchange *, struct pf_exchange_told *,
                                         struct pf_err *);
int pf_exchange_plain_ask(struct pf_exchange *, int property);
int pf_exchange_digest_ask(struct pf_exchange *, int property);
int pf_exchange_gssapi_ask(struct pf_exchange *, int property);

#endif
