/* Tokens: further passwords of a user, each with less power than the password.
 *
 * An archive may fetch and never delete; a ticket system may come from one address only; a key for a
 * test runs out on Friday. Tokens stand in a file of their own, for users of whatever source:
 *
 *     user:id:digest:words
 *
 * `id` is eight letters and digits and also stands in the token (`pf_ID_SECRET`: 26 letters and digits of
 * 130 random bits), so that one line is looked at and a fast digest is enough: `{SHA256}` and the digest of
 * the whole token in 64 hexadecimal digits. An id stands in the file once. Words, with blanks between them:
 *
 *     read-only          nothing is changed: DELE is refused, no marks, no expiry
 *     no-delete          DELE is refused
 *     from=NET[,NET…]    numeric addresses or networks with a prefix length; IPv4-mapped ones count as IPv4
 *     expires=YYYY-MM-DD[THH:MM:SSZ]   UTC; from then on it is refused, with a date alone from its beginning
 *     every=SECONDS      not more often than that
 *     folder=NAME        this folder of the Maildir instead of the inbox; dots between levels, percent-encoded
 *     comment=TEXT       percent-encoded
 *     created=YYYY-MM-DDTHH:MM:SSZ
 *
 * All or nothing, and read anew when it changes, as a file of users is. A word that is not known makes the
 * file bad: a limit must not be ignored silently. */
#ifndef POSTFACH_AUTH_TOKENS_H
#define POSTFACH_AUTH_TOKENS_H

#include "auth/auth_source.h"

struct pf_tokens;

enum { PF_TOKEN_MAX = 64, PF_TOKEN_NETS = 16 };

struct pf_token_net {
    unsigned char at[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;        /* of 128 */
};

struct pf_token {
    const char *user, *id, *comment; /* in the tokens' memory; comment decoded, or "" */
    unsigned char digest[32];
    bool read_only, no_delete;
    struct pf_token_net nets[PF_TOKEN_NETS];
    size_t net_count;
    int64_t created, expires; /* seconds since 1970; 0: not told, never */
    unsigned every;
    const char *folder; /* or "" */
};

/* As pf_auth_file_parse: text is from malloc and owned from now on. */
struct pf_tokens *pf_tokens_parse(const char *name, char *text, size_t len, struct pf_err *err);
void pf_tokens_free(struct pf_tokens *);
size_t pf_tokens_count(const struct pf_tokens *);
const struct pf_token *pf_tokens_at(const struct pf_tokens *, size_t index);

/* True when a secret has the form of a token: it is never compared with passwords then. */
bool pf_token_form(struct pf_bytes secret);
/* The user's token with that secret, in constant time; NULL when there is none. Whether it may be used now is
 * the next question. */
const struct pf_token *pf_tokens_find(const struct pf_tokens *, struct pf_bytes user, struct pf_bytes secret);
/* NULL, or why it may not, for the administrator: expired, not from there. `every` is the caller's. */
const char *pf_token_barred(const struct pf_token *, const char *peer, int64_t now);

/* Reads and parses a file; NULL with err. */
struct pf_tokens *pf_tokens_open(const char *path, struct pf_auth_stamp *out_stamp, struct pf_err *err);
/* For `postfachd check`, as pf_auth_file_check: `out_warning` (PF_ERR_LOG octets) gets what is allowed but
 * unwise (others can read it, tokens that have expired), or "". */
enum pf_code pf_tokens_check(const char *path, char *out_warning, struct pf_err *err);

/* A new token (to be shown once) and its line for the file, without its end; PF_SYNTAX when a word or the
 * user's name is wrong. */
struct pf_token_order {
    const char *user, *words; /* words as above, checked by pf_tokens_parse of the line */
    int64_t now;
};
enum pf_code pf_token_make(const struct pf_token_order *, char out_token[PF_TOKEN_MAX], struct pf_span *out_line,
                           struct pf_err *err);

#endif
