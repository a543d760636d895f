/* Accounts: whose mail is fetched from where, and where it goes.
 *
 * The client's own file (~/.config/postfach/accounts.conf), in the grammar of the server's and with the same telling
 * of mistakes (conf/conf.h):
 *
 *   defaults { maildir ~/Mail; keep 14d }
 *   account work {
 *       server pop.example.org
 *       user joe@example.org
 *       password-command pass show mail/work
 *       filter List-Id *announce* folder Lists
 *   }
 *
 * The list of settings is accounts.def. `defaults` is for the accounts behind it. Of settings that exclude each other
 * (where the secret comes from, where mail goes) a block has one, and what an account says outdoes the defaults.
 *
 * An account is immutable. Texts of an account live as long as the accounts; a secret in it is wiped with them. */
#ifndef POSTFACH_CONF_ACCOUNTS_H
#define POSTFACH_CONF_ACCOUNTS_H

#include "conf/conf.h"

enum pf_account_tls { PF_ACCOUNT_AUTO, PF_ACCOUNT_IMPLICIT, PF_ACCOUNT_STARTTLS, PF_ACCOUNT_PLAIN };
enum pf_account_action { PF_ACCOUNT_SKIP, PF_ACCOUNT_DELETE, PF_ACCOUNT_FOLDER };

/* A rule on a line of the header; the first that matches decides. */
struct pf_account_filter {
    const char *header;  /* its name, without the colon */
    const char *pattern; /* `*` and `?` as a shell has them; without regard to case */
    enum pf_account_action action;
    const char *folder; /* FOLDER: below the maildir */
};

enum {
    PF_ACCOUNTS_MOST = 1000,       /* each is a connection's worth of memory when all are fetched */
    PF_ACCOUNT_FILTERS_MOST = 100, /* each is asked of every message */
    PF_ACCOUNT_WORDS_MOST = 64     /* of a command */
};

/* What is not set is NULL, 0 or false where nothing else is said. A command is words with a NULL behind. */
struct pf_account {
    const char *name;
    const char *server;
    unsigned port;
    enum pf_account_tls tls;
    const char *server_name, *ca, *pins;
    bool dane, verify;
    const char *certificate, *key;
    const char *user, *acts_for, *mechanisms;
    const char *password, *password_file;
    const char *const *password_command, *const *keyring, *const *token_command;
    const char *token_url, *client_id, *client_secret_file, *refresh_token_file, *token_scope;
    bool netrc, ask;
    const char *maildir, *mbox, *lmtp, *smtp;
    const char *const *command;
    const char *recipient, *sender;
    int32_t keep_days; /* -1: all, 0: none */
    uint64_t keep_size, size_limit;
    unsigned number_limit;
    enum pf_account_fetch { PF_ACCOUNT_NEW, PF_ACCOUNT_ALL } fetch;
    enum pf_account_order { PF_ACCOUNT_OLDEST, PF_ACCOUNT_NEWEST } order;
    int64_t poll; /* seconds */
    bool enabled;
    unsigned window;
    const char *state;
    int64_t connect_time, answer_time; /* ms */
    const struct pf_account_filter *filters;
    size_t filter_count;
};

struct pf_accounts {
    const struct pf_account *list; /* in the order of the file */
    size_t count;
    struct pf_conf_memory *memory; /* private */
};

/* Reads the file and what it includes; NULL when there is any mistake, and all were reported then. `home` is for ~/ at
 * a path's beginning, or NULL. A file with `password` in it must be its owner's alone (no rights for group and
 * others). */
struct pf_accounts *pf_accounts_read(const char *file, const char *home,
                                     void (*report)(void *, const struct pf_conf_mistake *), void *self);
/* The same from memory; `include` is refused. */
struct pf_accounts *pf_accounts_parse(const char *name, struct pf_bytes text, const char *home,
                                      void (*report)(void *, const struct pf_conf_mistake *), void *self);
/* The account of that name, or NULL. */
const struct pf_account *pf_accounts_find(const struct pf_accounts *, const char *name);
void pf_accounts_free(struct pf_accounts *); /* NULL is allowed */
/* HOST:PORT, [ADDRESS]:PORT, or unix:/PATH. */
bool pf_account_is_door(const char *text);
/* What can stand in an envelope: no blank, no control character, no angle bracket. */
bool pf_account_is_mailbox(const char *text);
/* What an account is that says nothing: the defaults of the list. */
void pf_account_defaults(struct pf_account *out);

#endif
