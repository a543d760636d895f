/* The reader of accounts, inside. A row of accounts.def is one of the room's rows (settings.h) whose field lies in
 * struct pf_account instead of the server's draft, so that values are read by the same code (value.h). */
#ifndef POSTFACH_CONF_ACCOUNTS_PRIVATE_H
#define POSTFACH_CONF_ACCOUNTS_PRIVATE_H

#include "conf/accounts.h"
#include "conf/lex.h"
#include "conf/value.h"

enum pf_accounts_group { PF_ACCOUNTS_NONE, PF_ACCOUNTS_SECRET, PF_ACCOUNTS_PLACE };
/* Types that only accounts have. */
enum pf_accounts_type { PF_ACCOUNTS_BASIC, PF_ACCOUNTS_LIST, PF_ACCOUNTS_HOME, PF_ACCOUNTS_KEEP };

struct pf_accounts_row {
    struct pf_conf_row row;
    enum pf_accounts_type type;
    enum pf_accounts_group group;
};

enum {
    PF_ACCOUNTS_ROWS = 0
#define PF_ACCOUNT(name, type, field, initial, min, max, unit, group, help) +1
#include "conf/accounts.def"
#undef PF_ACCOUNT
};

extern const struct pf_accounts_row pf_accounts_rows[PF_ACCOUNTS_ROWS];

struct pf_accounts_statement {
    struct pf_conf_token words[PF_ACCOUNT_WORDS_MOST + 2]; /* the setting's name, and the first word too many */
    size_t count;
    struct pf_conf_token end;
    bool bad;
};

enum pf_accounts_block { PF_ACCOUNTS_TOP, PF_ACCOUNTS_DEFAULTS, PF_ACCOUNTS_ACCOUNT, PF_ACCOUNTS_UNKNOWN };

struct pf_accounts_reader {
    struct pf_conf_mistakes mistakes;
    struct pf_conf_memory *keep, *scratch;
    const char *home;
    struct pf_account defaults, account, list[PF_ACCOUNTS_MOST];
    struct pf_conf_place places[PF_ACCOUNTS_MOST];
    size_t count;
    struct pf_account_filter filters[PF_ACCOUNT_FILTERS_MOST]; /* of the block that is open */
    size_t filter_count;
    struct pf_conf_place seen[PF_ACCOUNTS_ROWS]; /* in it */
    bool include;
    unsigned files, depth;
};

/* The row of that name, or NULL. */
const struct pf_accounts_row *pf_accounts_row_find(struct pf_bytes name);
void pf_accounts_unset(const struct pf_accounts_row *, struct pf_account *);
bool pf_accounts_is_set(const struct pf_accounts_row *, const struct pf_account *);
/* Reads the words behind the setting's name; false when a mistake was told. */
bool pf_accounts_value(struct pf_accounts_reader *, const struct pf_accounts_row *,
                       const struct pf_accounts_statement *, struct pf_account *);
/* A line `filter HEADER PATTERN skip|delete|folder [FOLDER]`. */
void pf_accounts_filter(struct pf_accounts_reader *, const struct pf_accounts_statement *);
/* What a whole account shows. */
void pf_accounts_check(struct pf_accounts_reader *, const struct pf_conf_place *head);
/* A file with a password in it is its owner's alone. */
void pf_accounts_check_mode(struct pf_accounts_reader *, const struct pf_conf_place *);
void pf_accounts_source(struct pf_accounts_reader *, struct pf_conf_source *);

#endif
