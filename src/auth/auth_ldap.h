/* LDAP: users in a directory (RFC 4511), through libldap, which never waits longer than a question may.
 *
 * A user is the one entry that a search below `base` finds with a filter; `attributes` tell which of its attributes
 * mean what. Passwords are judged by a bind as that entry (`method bind`), or read as {SCHEME}hash (`method read`).
 *
 * Laws:
 *   - No entry is PF_NO_USER, two are PF_TEMP, as is everything that is neither.
 *   - A directory compares names without regard to case and, in part, to blanks; so one attribute says how a name is
 *     spelled: that which `attributes` calls `user`, or that which the filter compares with %u. Of several values
 *     the one counts that is the name but for its case.
 *   - Names stand in a filter with every octet escaped that means something there (RFC 4515 section 3).
 *   - A bind with an empty password, or as nobody, proves nothing (RFC 4513 section 5.1.2), and is never sent.
 *   - Binds as users are made on connections of their own: those for searches stay who they are.
 *   - TLS is started before anything is asked, with a certificate that must be good for the name in the URL; without
 *     TLS only ldapi:// and this machine's own addresses are spoken to, unless `starttls no`.
 *   - Neither libldap's files nor its variables in the environment have a say. Referrals are not followed.
 *   - URLs are tried in their order, each for its part of the time; one that fails is left alone for a second, then
 *     for two, at most for 16. A connection that lives is kept, wherever it leads. */
#ifndef POSTFACH_AUTH_AUTH_LDAP_H
#define POSTFACH_AUTH_AUTH_LDAP_H

#include "auth/auth_links.h"
#include "auth/auth_source.h"

#include <ldap.h>

extern const struct pf_auth_source pf_auth_ldap_source;

enum {
    PF_LDAP_URLS = 8,
    PF_LDAP_WORDS = 24,       /* attributes that mean something */
    PF_LDAP_TEXT_MAX = 1024,  /* of a setting */
    PF_LDAP_FILTER_MAX = 4096 /* with names in it, all of whose octets may be escaped */
};

/* auth_ldap_words.c: what settings mean. Nothing here waits. */

struct pf_ldap_words {
    size_t count;
    struct pf_ldap_word {
        const char *attribute, *field;
    } of[PF_LDAP_WORDS];
    char *attributes[PF_LDAP_WORDS + 1]; /* to be asked for, each once, NULL behind the last */
    const char *filter;
    char room[PF_LDAP_TEXT_MAX + 1], spelled[PF_LDAP_TEXT_MAX + 1];
};

/* PF_OK or PF_CONFIG. The words point into themselves: not to be copied. */
enum pf_code pf_ldap_words(const struct pf_conf_userdb *, struct pf_ldap_words *out, struct pf_err *err);
/* The filter for a name, with a NUL behind it; false without room. */
bool pf_ldap_filter(const char *filter, struct pf_bytes name, struct pf_span *out);
/* Is this URL of this machine: ldapi://, or an address or name of the loopback? */
bool pf_ldap_is_local(const LDAPURLDesc *);

struct pf_ldap_url {
    const char *text;
    bool tls; /* to be started */
    struct pf_links_rest rest;
};

struct pf_ldap {
    const struct pf_conf_userdb *userdb;
    struct pf_ldap_words words;
    struct pf_links *searches, *binds; /* `binds` NULL: passwords are read */
    size_t url_count;
    struct pf_ldap_url urls[PF_LDAP_URLS];
    char room[PF_LDAP_TEXT_MAX + 1];
};

/* auth_ldap_link.c: connections. */

/* The URLs of `connect`: PF_OK or PF_CONFIG. */
enum pf_code pf_ldap_urls(struct pf_ldap *, struct pf_err *err);
/* A connection, and where it leads. */
struct pf_ldap_link {
    LDAP *ld;
    struct pf_ldap_url *url;
};
/* Connected, with TLS where it must be, and not bound; NULL with err: PF_TEMP. */
struct pf_ldap_link *pf_ldap_connect(struct pf_ldap *, pf_time deadline, struct pf_err *err);
void pf_ldap_close(void *link);
/* It gave an answer: its URL may be used. */
void pf_ldap_well(struct pf_ldap_link *);
/* A simple bind; neither may be empty. LDAP's own result code. */
int pf_ldap_bind(struct pf_ldap_link *, const char *dn, struct pf_bytes secret, pf_time deadline);
/* The next message about a question; NULL, and LDAP's own result code. */
LDAPMessage *pf_ldap_await(LDAP *, int id, pf_time deadline, int *out_failed);
/* What a failure is for pf_links_driver.ask: PF_TEMP, PF_GONE or PF_BUSY. A server that gave no answer in time is
 * left alone as one that cannot be reached. */
enum pf_code pf_ldap_fail(struct pf_ldap_link *, const char *doing, int failed, struct pf_err *err);

#endif
