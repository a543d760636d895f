/* Settings: one file, read once, then an immutable struct.
 *
 * The grammar is made for people (doc/block/conf.md): statements are words on a line, `name
 * value…`; a block is `name value… { … }`; `;` may stand for a line's end; `#`
 * begins a comment; strings with spaces stand in double quotes. All settings are one
 * list (settings.def), and reader, checker, `postfachd show` and the manual page are made
 * from it. A reading finds all mistakes of a file in one run, each with file, line,
 * column and a hint ("unknown setting `adress`: did you mean `address`?").
 *
 * A `struct pf_conf` is one generation: sessions hold the one they began with, a
 * reload makes a new one, the last to let go frees it. */
#ifndef POSTFACH_CONF_CONF_H
#define POSTFACH_CONF_CONF_H

#include <postfach/bytes.h>
#include <postfach/err.h>
#include <stdio.h>

enum pf_conf_tls { PF_CONF_TLS_NONE, PF_CONF_TLS_STARTTLS, PF_CONF_TLS_IMPLICIT };
/* A client that speaks TLS at once on a port that starts in plain text. */
enum pf_conf_auto { PF_CONF_AUTO_TELL, PF_CONF_AUTO_SERVE };
enum pf_conf_log { PF_CONF_LOG_STDERR, PF_CONF_LOG_SYSLOG, PF_CONF_LOG_JOURNALD };

enum pf_conf_protocol { PF_CONF_POP3, PF_CONF_LMTP, PF_CONF_SMTP, PF_CONF_CONTROL, PF_CONF_METRICS };
enum pf_conf_mode { PF_CONF_MODE_600, PF_CONF_MODE_660, PF_CONF_MODE_666 };

enum pf_conf_tls_minimum { PF_CONF_TLS_1_0, PF_CONF_TLS_1_1, PF_CONF_TLS_1_2, PF_CONF_TLS_1_3 };

enum { PF_CONF_LISTENS_MOST = 64 }; /* each is a socket and a set of engine settings */

struct pf_conf_listen {
    const char *address;       /* numeric, without brackets; "any" is IPv4 and IPv6; or the path of a unix socket:
                                * begins with '/' */
    unsigned port;             /* 0: any free one (tests) */
    enum pf_conf_tls tls;
    enum pf_conf_auto tls_on_plain;
    bool plaintext_login;      /* this listener takes passwords without TLS */
    enum pf_conf_protocol protocol;
    enum pf_conf_mode mode;    /* of a unix socket */
    bool proxy;                /* each connection begins with a header of the PROXY protocol */
    const char *proxy_from;    /* networks that may speak it, or NULL; a unix socket's peers always may */
    const char *xclient_from;  /* networks whose XCLIENT counts, or NULL */
    bool proxy_tls;            /* what the proxy says of the client's TLS counts */
    /* What the listener does not say itself is what the settings say for all. */
    const char *hostname;
    const char *certificate, *key; /* in front of the pairs, or NULL */
    enum pf_conf_tls_minimum tls_minimum;
    const char *tls_ciphers;   /* or NULL */
    const char *mechanisms;    /* as in struct pf_conf, and no others than there */
    bool apop;
    unsigned connections, connections_per_address;
    unsigned bad_before_login, bad_after_login, login_tries;
    int64_t first_command_time, login_time, idle_time; /* ms */
};

struct pf_conf_pair {
    const char *certificate, *key;
};

/* Where users come from: a block `userdb KIND { … }`. Those that a kind has no use for are not set. */
enum pf_conf_userdb_kind {
    PF_CONF_USERDB_FILE,       /* path */
    PF_CONF_USERDB_SQLITE,     /* path, query */
    PF_CONF_USERDB_POSTGRESQL, /* connect, query, secret_file */
    PF_CONF_USERDB_MARIADB,    /* connect, query, secret_file */
    PF_CONF_USERDB_LDAP,       /* connect, base, filter, attributes, bind_dn, secret_file, starttls, ca, compare */
    PF_CONF_USERDB_PAM,        /* service */
    PF_CONF_USERDB_DOVECOT,    /* path, user_path, service */
    PF_CONF_USERDB_SASLAUTHD   /* path, service, realm */
};

enum { PF_CONF_USERDBS = 8 }; /* asked one behind the other */

struct pf_conf_userdb {
    enum pf_conf_userdb_kind kind;
    const char *path;        /* a file, a database file, or a socket */
    const char *user_path;   /* Dovecot: the socket that knows users (auth-userdb) */
    const char *connect;     /* a connection string as the database's library has it, or LDAP URIs */
    const char *secret_file; /* its first line is the password for `connect` or `bind_dn` */
    const char *query;       /* one row for a user; :user, :name, :domain stand for what is asked */
    const char *base, *filter, *attributes, *bind_dn; /* LDAP */
    enum pf_conf_ldap { PF_CONF_LDAP_BIND, PF_CONF_LDAP_READ } compare; /* LDAP: how a password is checked */
    enum pf_conf_stored { PF_CONF_HASHED, PF_CONF_PLAIN, PF_CONF_SCRAM_1, PF_CONF_SCRAM_256 } stored; /* data bases */
    bool starttls;
    const char *ca;          /* PEM file for TLS to the database; NULL: the system's */
    const char *service;     /* of PAM, saslauthd, Dovecot; default pop3 */
    const char *realm;
    int64_t timeout;         /* ms for one question */
    unsigned connections;    /* open at the same time */
    int64_t cache_time;      /* seconds that a good login is believed without asking again; 0: none */
};

/* What differs for the users of a domain: a block `domain NAME { … }`. */
struct pf_conf_domain {
    const char *name;        /* its case does not matter */
    const char *path;        /* template, or NULL: mail path */
    int32_t expire_days;     /* or -2: as policy says */
    int64_t quota_octets, quota_messages; /* or -1: as mail says */
};

/* Tokens of others (OAuth 2.0): the block `oauth`. */
struct pf_conf_oauth {
    const char *issuer, *audience, *scope; /* NULL: not looked at; at least one of the first two with keys */
    const char *keys;          /* a JWKS: a file, or an https URL */
    const char *introspect;    /* the URL of an RFC 7662 end point, or NULL */
    const char *client_id, *client_secret_file;
    const char *name_claim;    /* which claim is the user's name; "email" */
    const char *configuration; /* URL that a refused client is told (openid-configuration), or NULL */
    const char *ca;
    int64_t timeout;           /* ms */
    int64_t refresh;           /* seconds between looks at `keys` */
};

struct pf_conf {
    const char *hostname;      /* default: the machine's */
    const char *run_as;        /* user to become after binding, or NULL */
    const char *pid_file;      /* or NULL */
    const char *port_file;     /* or NULL: real ports are written here ("pop3 127.0.0.1 40001"), for tests and demos */

    struct pf_conf_listen *listens;
    size_t listen_count;

    struct pf_conf_pair *pairs; /* tls { certificate FILE key FILE } …: first is the default */
    size_t pair_count;
    enum pf_conf_tls_minimum tls_minimum; /* not below 1.2 */
    const char *tls_ciphers;   /* or NULL */
    int64_t ticket_rotate;     /* seconds */
    bool ktls;

    const char *password_file;
    unsigned hashes_at_once;
    int64_t failure_delay, failure_delay_max; /* ms */
    bool weak_schemes;
    const char *aliases;       /* or NULL */
    const char *domains;       /* or NULL: all */
    bool ignore_case;

    struct pf_conf_userdb *userdbs; /* behind password_file, in the order of the file */
    size_t userdb_count;
    struct pf_conf_domain *domain_blocks; /* sorted by name */
    size_t domain_count;
    struct pf_conf_oauth oauth;
    const char *mechanisms;    /* of SASL, with blanks between them, or NULL: the usual ones */
    bool apop;
    const char *tokens;        /* the file of scoped credentials, or NULL */
    const char *login_record;  /* who logged in last and how safely, or NULL */
    const char *master_file;   /* users who may act for others, or NULL */
    const char *master_separator; /* one octet */
    bool folders;              /* user+folder */
    bool sdps;                 /* user@host and user+host, where host is a user */
    const char *default_domain;/* or NULL */
    bool lower_case_logins;
    int64_t cache_time;        /* seconds */
    unsigned cache_entries;
    size_t hash_memory;
    unsigned lookups_at_once;
    unsigned failures_per_address;
    const char *keytab;        /* GSSAPI, or NULL: off */
    const char *realm;         /* or NULL: the domain of the host */
    const char *client_ca;     /* PEM: who may sign client certificates, or NULL */
    enum pf_conf_client_name { PF_CONF_CLIENT_EMAIL, PF_CONF_CLIENT_COMMON_NAME } client_name;

    size_t message_size;
    unsigned recipients, delivery_connections;
    bool bare_line_ends;

    const char *mail_path;     /* template, perhaps with its kind in front (base/kind.h): %u whole name,
                                * %n local part, %d domain; each may be used more than once; %% for a
                                * percent sign */
    bool mark_seen, follow_root, create, cache;
    uint64_t listing_memory; /* octets */
    bool mboxrd, dotlock;
    unsigned lock_wait;        /* seconds */
    const char *state_folder;  /* or NULL: beside the mbox */
    const char *mail_roots;    /* further folders with maildrops (roots.h), with blanks between them, or NULL */
    uint64_t quota_octets, quota_messages; /* 0: none */
    unsigned quota_warning;    /* percent; 0: none */
    enum pf_conf_over { PF_CONF_OVER_LATER, PF_CONF_OVER_BOUNCE } quota_over;

    enum pf_conf_owner { PF_CONF_OWNER_SHARED, PF_CONF_OWNER_USER } mail_owner;
    uint32_t first_uid;
    unsigned gates;            /* 0: one on each processor */
    const char *gate_user, *auth_user; /* or NULL: run_as */
    int64_t process_patience;          /* ms */

    int32_t expire_days, expire_min;        /* -1 never; expire_min: the smallest any user may have */
    uint32_t login_delay, login_delay_max;  /* seconds */
    bool last, implementation;

    unsigned connections, connections_per_address;
    size_t line_max, sasl_line_max, memory_before_login;
    unsigned bad_before_login, bad_after_login, login_tries, sasl_rounds;
    unsigned disk_threads, disk_queue;

    int64_t first_command_time, login_time, idle_time, stall_time, drain_time, tls_peek_time,
        delivery_idle_time, dead_peer_time, idle_yield_time; /* ms; idle_yield_time 0: never */

    enum pf_conf_log log_to;
    const char *log_facility;  /* syslog: "mail" */
    bool log_debug;

    const char *journal_folder; /* or NULL: none is kept */
    int32_t journal_keep;       /* days, -1 for ever */
    size_t journal_memory;
    enum pf_conf_sessions { PF_CONF_SESSIONS_ALL, PF_CONF_SESSIONS_BUSY } journal_sessions;

    unsigned holds;            /* private */
    struct pf_conf_memory *memory; /* private */
};

/* Where the reader's complaints go: one call each, in file order. */
struct pf_conf_mistake {
    const char *file;
    unsigned line, column; /* from one */
    const char *text;      /* what is wrong */
    const char *hint;      /* what to do, or "" */
    const char *source;    /* the line's text, to show with a caret */
};

/* Reads `file` (and what it includes). NULL when there is any mistake; all of them were reported
 * then. Also checks what only the whole can show: a TLS listener without a certificate, idle time
 * under 10 minutes, a listener twice, a template without %u or %n, ranges. Files that are
 * named need not exist for a reading; `postfachd check` looks at them in its own step. */
struct pf_conf *pf_conf_read(const char *file, void (*report)(void *, const struct pf_conf_mistake *),
                             void *self);
/* The same from memory; `include` is refused. For tests and fuzzing. */
struct pf_conf *pf_conf_parse(const char *name, struct pf_bytes text,
                              void (*report)(void *, const struct pf_conf_mistake *), void *self);
struct pf_conf *pf_conf_hold(struct pf_conf *);
void pf_conf_free(struct pf_conf *); /* gives one hold back; NULL is allowed */
/* Takes out of a generation what a process that speaks with strangers must not know: where users come from and how
 * those sources are asked, files of users, secrets, certificates' keys and tokens. All texts are wiped where they
 * lie; those that sessions read stand elsewhere afterwards, so nobody may have kept one before, or hold the
 * generation (asserted). False without memory, with nothing changed. */
bool pf_conf_blind(struct pf_conf *);

/* Prints the settings in force in the file's own grammar: reading that back gives the same. Values
 * that differ from the defaults only, unless `all`. */
void pf_conf_show(const struct pf_conf *, FILE *to, bool all);

/* Prints a mistake for people: "file:3:9: text", the line, a caret, the hint. */
void pf_conf_print_mistake(FILE *to, const struct pf_conf_mistake *);

/* Whether the word is one of those in a text with blanks between them, as `mechanisms`; without regard to case. */
bool pf_conf_words_hold(const char *words, struct pf_bytes word);

/* The block of the user's domain, or NULL. */
const struct pf_conf_domain *pf_conf_domain_of(const struct pf_conf *, struct pf_bytes user);
/* The maildrop of a user name by the template of his domain or of all; false when it does not fit, or when
 * a part of the name is empty or would leave its directory ('/', leading '.'). */
bool pf_conf_maildrop(const struct pf_conf *, const char *user, char *out_path, size_t cap);

struct pf_conf_quota {
    uint64_t octets, messages; /* 0: no limit */
};
/* What a user's maildrop may hold: what he has of his own (0: nothing is said, -1: no limit), else his
 * domain's, else that of all; octets and messages each for itself. */
struct pf_conf_quota pf_conf_quota(const struct pf_conf *, const char *user, int64_t own_octets,
                                   int64_t own_messages);

#endif
