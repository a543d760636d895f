/* The reader: statements and blocks of one or more files into a draft.
 *
 * Reads on after every mistake. Three things keep one mistake from becoming many: a statement with a
 * bad word says nothing more, an unknown block is skipped whole, and where a file has too few `}`, a
 * block of the outermost level inside of another one ends that one. */
#ifndef POSTFACH_CONF_READER_H
#define POSTFACH_CONF_READER_H

#include "conf/lex.h"
#include "conf/settings.h"

enum {
    PF_CONF_LISTENS = PF_CONF_LISTENS_MOST,
    PF_CONF_PAIRS = 64,
    PF_CONF_DOMAINS = 4096, /* each is compared with all others while the file is read */
    PF_CONF_DEPTH = 8,  /* files within files */
    PF_CONF_FILES = 100 /* all files together: depth alone does not bound their number */
};

struct pf_conf_reader {
    struct pf_conf_draft draft;
    struct pf_conf_mistakes mistakes;
    struct pf_conf_memory *keep, *scratch; /* for the settings; for the reading alone */
    struct pf_conf_listen listens[PF_CONF_LISTENS];
    struct pf_conf_place listen_places[PF_CONF_LISTENS];
    struct pf_conf_place listen_seen[PF_CONF_LISTENS][PF_CONF_LISTEN_ROWS]; /* as `seen`, for each */
    size_t listen_count;
    struct pf_conf_pair pairs[PF_CONF_PAIRS];
    size_t pair_count;
    struct pf_conf_userdb userdbs[PF_CONF_USERDBS];
    size_t userdb_count;
    struct pf_conf_domain *domains; /* in scratch */
    size_t domain_count, domain_cap;
    struct pf_conf_place seen[PF_CONF_ROWS]; /* where each was set; source NULL: not yet */
    bool spoilt[PF_CONF_ROWS];               /* set, but not to a value */
    bool tls_unclear;                        /* something was wrong where certificates could be */
    bool include;                            /* allowed */
    unsigned files;
};

/* Reads a source and all that it includes. source->base, where its order begins, moves with each
 * include; returns where it ends. */
uint64_t pf_conf_reader_read(struct pf_conf_reader *, struct pf_conf_source *);
/* A userdb block at its end: whether it has what its kind needs, and nothing that it has no use for. */
bool pf_conf_check_userdb(struct pf_conf_reader *, const struct pf_conf_place *head);
/* A listener at its end: whom it may believe the client's address (`proxy`). */
void pf_conf_check_proxy(struct pf_conf_reader *, const struct pf_conf_place *head);
/* A listener's profile: what it says itself is kept apart from what it takes over. */
void pf_conf_profile_keep(struct pf_conf_reader *);
/* Where the listener of that index says it, or NULL. */
const struct pf_conf_place *pf_conf_profile_said(const struct pf_conf_reader *, size_t index, const char *name);
/* What does not go with what the settings say for all, or with what is spoken there. */
void pf_conf_profile_check(struct pf_conf_reader *, size_t index);
/* What a listener does not say is what the settings say for all; when these are final. */
void pf_conf_profiles_inherit(struct pf_conf_reader *);
/* What only the whole can show; also sets what is the value of another setting. */
void pf_conf_reader_check(struct pf_conf_reader *);

#endif
