/* The list of settings as a table, and words on names.
 *
 * settings.def is the list; this is how the rest of the room sees it. A row knows where its value
 * goes in the draft, so that reading, defaults, comparing and printing need no code per setting. */
#ifndef POSTFACH_CONF_SETTINGS_H
#define POSTFACH_CONF_SETTINGS_H

#include "conf/conf.h"

/* Everything that a row can fill: the settings themselves, and the one listener, pair, userdb or domain
 * that is being read. `first` is the pair that stands directly in tls. */
struct pf_conf_draft {
    struct pf_conf conf;
    struct pf_conf_listen listen;
    struct pf_conf_pair first, pair;
    struct pf_conf_userdb userdb;
    struct pf_conf_domain domain;
};

enum pf_conf_block {
#define PF_BLOCK(id, name, parent, argument, help) PF_CONF_BLOCK_##id,
#include "conf/settings.def"
    PF_CONF_BLOCKS
};

/* Where users stand when nothing is said. */
#define PF_CONF_PASSWORD_FILE "/etc/postfach/users"

enum pf_conf_type {
    PF_CONF_HOST,     /* a host name */
    PF_CONF_NAME,     /* a user of this machine */
    PF_CONF_TEXT,     /* any text without control octets */
    PF_CONF_PATH,     /* absolute */
    PF_CONF_TEMPLATE, /* a path with %u %n %d %% */
    PF_CONF_BOOL,
    PF_CONF_NUMBER,
    PF_CONF_SIZE,     /* octets, with k m g */
    PF_CONF_DURATION, /* ms s m h d, kept in the row's unit */
    PF_CONF_DAYS,     /* "never" (-1) or days */
    PF_CONF_ENUM,     /* one of the words in unit, kept as its index */
    PF_CONF_CHOICE    /* one of the words in unit, kept as text */
};

struct pf_conf_block_row {
    const char *name;
    enum pf_conf_block parent;
    const char *argument, *help;
};

struct pf_conf_row {
    enum pf_conf_block block;
    const char *name;
    enum pf_conf_type type;
    size_t at, size; /* in struct pf_conf_draft */
    const char *initial;
    int64_t min, max;
    const char *unit, *help;
};

enum {
    PF_CONF_ROWS = 0
#define PF_SETTING(block, name, type, field, initial, min, max, unit, help) +1
#include "conf/settings.def"
};

enum {
    PF_CONF_LISTEN_ROWS = 0 /* they stand together */
#define PF_SETTING(block, name, type, field, initial, min, max, unit, help) \
    +((int)PF_CONF_BLOCK_##block == (int)PF_CONF_BLOCK_listen)
#include "conf/settings.def"
};

extern const struct pf_conf_block_row pf_conf_blocks[PF_CONF_BLOCKS];
extern const struct pf_conf_row pf_conf_rows[PF_CONF_ROWS];

/* The setting of that name in the block, or NULL. */
const struct pf_conf_row *pf_conf_row_find(enum pf_conf_block, struct pf_bytes name);
/* The words of an ENUM or CHOICE that may be said. */
const char *pf_conf_row_words(const struct pf_conf_row *);
/* The setting whose value is the row's default, or NULL. */
const struct pf_conf_row *pf_conf_row_source(const struct pf_conf_row *);
/* The block of that name in `parent`, or PF_CONF_BLOCKS. */
enum pf_conf_block pf_conf_block_find(enum pf_conf_block parent, struct pf_bytes name);
/* Why the row's limits are what they are, or "". */
const char *pf_conf_row_reason(const struct pf_conf_row *);
/* Whether a row of the block userdb concerns that kind. */
bool pf_conf_userdb_takes(enum pf_conf_userdb_kind, const struct pf_conf_row *);
/* Whether a row of the block listen says something at that listener. */
bool pf_conf_profile_takes(const struct pf_conf_listen *, const struct pf_conf_row *);
/* True when the type is kept as a C string. */
bool pf_conf_is_text(enum pf_conf_type);

/* How many strokes (insert, drop, replace, swap neighbours) lie between two names. */
size_t pf_conf_distance(struct pf_bytes a, struct pf_bytes b);
/* True when `name` is near enough to `word` for a question, and nearer than *best; sets *best.
 * *best begins as SIZE_MAX. */
bool pf_conf_near(struct pf_bytes name, struct pf_bytes word, size_t *best);

/* Walks over words that are separated by '|': the next one, or a len of 0 at the end. */
struct pf_bytes pf_conf_next_word(const char **words);

#endif
