/* Rows: what stands behind initiate.h, for src/auth/initiate*.c only.
 *
 * Each mechanism is a row: what it needs, its name in GNU SASL or that it is ours, and the function that
 * takes one step. The frame counts the steps, bounds challenges, and ends the initiate at a failure.
 *
 * Why SCRAM is ours, though the library has it: a client that could bind to the channel must say "y"
 * when the server offers no -PLUS (RFC 5802 section 6), and the library's client says "n", or nothing at
 * all when it is given the data to bind to. The others of ours are a line of text each. */
#ifndef POSTFACH_AUTH_INITIATE_ROWS_H
#define POSTFACH_AUTH_INITIATE_ROWS_H

#include "auth/initiate.h"

struct Gsasl;
struct Gsasl_session;

struct pf_initiate_row {
    struct pf_initiate_mechanism mechanism;
    const char *library; /* its name in GNU SASL, or NULL */
    enum pf_initiate_step (*step)(struct pf_initiate *, struct pf_bytes challenge,
                                  struct pf_initiate_told *, struct pf_err *err);
};

enum {
    PF_INITIATE_CHALLENGE_MAX = 65536,
    PF_INITIATE_OTHERS = 6144 /* beside names and secret: a server's nonce, a binding, words */
};

struct pf_initiate {
    struct pf_initiate_settings settings;
    const struct pf_initiate_row *row;
    unsigned turn; /* steps before this one */
    bool content, ended, spent;
    struct pf_span text; /* responses of our own */
    struct Gsasl *library;
    struct Gsasl_session *session;
    char *output; /* of the library's last step */
    size_t output_len;
    struct pf_bytes header, bare, nonce; /* SCRAM: parts of our first message, in `text` */
    unsigned char signature[32];         /* SCRAM: the server's, as it must be */
};

enum pf_initiate_step pf_initiate_failed(struct pf_err *err, enum pf_code code, const char *why);
/* `text` is the response. */
enum pf_initiate_step pf_initiate_send_text(const struct pf_initiate *, struct pf_initiate_told *);

/* initiate_gsasl.c */
enum pf_code pf_initiate_library_begin(struct pf_initiate *, struct pf_err *err);
void pf_initiate_library_forget(struct pf_initiate *); /* the last output */
void pf_initiate_library_end(struct pf_initiate *);    /* wipes */
enum pf_initiate_step pf_initiate_scram(struct pf_initiate *, struct pf_bytes, struct pf_initiate_told *,
                                        struct pf_err *);
enum pf_initiate_step pf_initiate_library(struct pf_initiate *, struct pf_bytes,
                                          struct pf_initiate_told *, struct pf_err *);

/* initiate_scram.c */
enum pf_initiate_step pf_initiate_scram(struct pf_initiate *, struct pf_bytes, struct pf_initiate_told *,
                                        struct pf_err *);

/* initiate_simple.c */
enum pf_initiate_step pf_initiate_plain(struct pf_initiate *, struct pf_bytes, struct pf_initiate_told *,
                                        struct pf_err *);
enum pf_initiate_step pf_initiate_login(struct pf_initiate *, struct pf_bytes, struct pf_initiate_told *,
                                        struct pf_err *);
enum pf_initiate_step pf_initiate_cram(struct pf_initiate *, struct pf_bytes, struct pf_initiate_told *,
                                       struct pf_err *);
enum pf_initiate_step pf_initiate_external(struct pf_initiate *, struct pf_bytes,
                                           struct pf_initiate_told *, struct pf_err *);
enum pf_initiate_step pf_initiate_anonymous(struct pf_initiate *, struct pf_bytes,
                                            struct pf_initiate_told *, struct pf_err *);
enum pf_initiate_step pf_initiate_bearer(struct pf_initiate *, struct pf_bytes,
                                         struct pf_initiate_told *, struct pf_err *);

#endif
