/* Client: what the commands that call somebody else's server have in common (fetch, ls, show, save, rm,
 * explore).
 *
 * Which account is meant (a name of accounts.conf, a URL, an address), where its secret comes from, and
 * the options that all of them take. Secrets that block (a command, a keyring, a token's server) are had
 * on a thread of the pool; a person is asked on the main thread, one question at a time, before a screen
 * is opened. */
#ifndef POSTFACH_TOOL_CLIENT_H
#define POSTFACH_TOOL_CLIENT_H

#include "conf/accounts.h"
#include "fetch/reach.h"
#include "sys/loop.h"
#include "sys/pool.h"
#include "tool/secret.h"

struct pf_client {
    struct pf_loop *loop;
    struct pf_pool *pool;
    struct pf_accounts *accounts; /* NULL: there is no file, and none was named */
    const char *file, *home, *terminal;
    char file_room[1024];
    struct pf_secret_way way;
    struct pf_client_asked *asked; /* private */
};

/* Options that pf_client_option takes: -c FILE, and for a URL or an address: --starttls, --plain, --ca
 * FILE, --pins PINS,
 * --insecure, --dane, --mechanisms LIST, --password-file FILE, --password-command CMD (split at blanks,
 * no shell),
 * --token-command CMD. */
struct pf_client_options {
    const char *file;
    struct pf_account account; /* from pf_account_defaults, then by the options */
    bool touched;              /* one of account's was given */
    const char *tls;           /* the option that said how TLS begins, or NULL */
    struct pf_reach_room room;
    const char *words[PF_ACCOUNT_WORDS_MOST + 1];
    char words_room[1024];
};

void pf_client_options_init(struct pf_client_options *);
/* 1: taken; 2: taken with its value (argv[1]); 0: not one of these; -1: its value is missing or wrong,
 * said on stderr. */
int pf_client_option(struct pf_client_options *, int argc, char **argv);
/* A command's words, split at blanks, NULL behind the last; false: none, or too many or too long. */
bool pf_client_split(const char *text, char *room, size_t cap,
                     const char *words[PF_ACCOUNT_WORDS_MOST + 1]);
/* How TLS begins is said by one option, `word`. False: another one says otherwise, which was told. */
bool pf_client_say_tls(struct pf_client_options *, const char *word, enum pf_account_tls);
/* The lines of a usage text about them. */
const char *pf_client_help(void);
/* Tells on stderr that a command line is wrong, and where the help is: `postfach WHAT: why word`. The exit
 * status. */
int pf_client_refuse(const char *what, const char *why, const char *word);

/* Loop, pool, accounts file. On failure everything was said on stderr; the exit status is returned, else
 * 0. */
int pf_client_open(struct pf_client *, const struct pf_client_options *);
void pf_client_close(struct pf_client *);
/* The account of that name, or made from a URL or an address. NULL: said on stderr. Texts live as long
 * as both. */
const struct pf_account *pf_client_account(struct pf_client *, struct pf_client_options *,
                                           const char *word);

/* Tells a person on stderr where anybody's certificate will do; once, before the server is called. */
void pf_client_tell_unchecked(const struct pf_account *);

/* Tells an error on stderr, `postfach WHAT: NAME: ...` (either may be NULL), and gives the exit status. */
int pf_client_complain(const char *what, const char *name, const struct pf_err *);

/* The exit status at the end: what was told on stdout has to be there, or it is another one, and said why. */
int pf_client_told(const char *what, int status);

/* Asks a person for the secret of an account, where one will be needed that no source has; for before a
 * screen is opened and the loop runs. It is kept until the client is closed. PF_OK also when there is
 * nothing to ask; PF_CANCELLED: the person did not want to. */
enum pf_code pf_client_ask(struct pf_client *, const struct pf_account *, struct pf_err *);
/* Wipes what persons said; pf_client_close does it, too. */
void pf_client_forget(struct pf_client *);

/* For `secret` of a reach or a collect: has it and gives it to `give`, on a later turn; a person who was
 * not asked before is asked then, and the loop waits. It must live until then; `give` NULL: nobody wants
 * it any more. */
struct pf_client_secret {
    struct pf_job job;
    struct pf_client *client;
    const struct pf_account *account;
    char host[256];
    struct pf_secret secret;
    struct pf_err err;
    void (*give)(void *self, struct pf_bytes secret, const struct pf_err *);
    void *self;
    struct pf_later later; /* private */
    bool under_way;        /* private */
};
void pf_client_secret(struct pf_client_secret *, struct pf_client *, const struct pf_account *,
                      const char *host);
/* Nobody wants it any more, and its memory goes: waits until nothing of it is under way. Not from inside
 * of the loop. */
void pf_client_secret_drop(struct pf_client_secret *);

#endif
