/* Where ctl has its answers from: this process (ctl_local.h), or all processes of the server (desk_remote.h).
 *
 * Four things are asked: who is here, somebody is to go, what was counted, and
 * that the settings are read anew. An ask is embedded in its asker, completes
 * exactly once, on a later turn, and can be abandoned before. What it brings is
 * the asker's, who frees it by pf_ctl_ask_done.
 *
 * An answer may lack something: a process that is asked and does not say
 * anything in time is named in `missing`, and the rest is told. */
#ifndef POSTFACH_SESSION_CTL_SOURCE_H
#define POSTFACH_SESSION_CTL_SOURCE_H

#include "base/stats.h"
#include "session/ctl_text.h"
#include <postfach/err.h>

struct pf_ctl_source;

enum {
    PF_CTL_NAME_MAX = 256,       /* a user's name, as auth has it */
    PF_CTL_ADDRESS_MAX = 63,     /* as struct pf_conn_info has it */
    PF_CTL_SESSION_LINE = 600    /* two texts and a dozen numbers */
};

/* A session as it is now. Texts are printable ASCII, and never empty. */
struct pf_ctl_session {
    uint32_t gate;        /* which process has it; 0: there is but one */
    uint64_t number;      /* of that process, from one */
    enum pf_ctl_state {
        PF_CTL_STATE_EARLY, PF_CTL_STATE_TLS, PF_CTL_STATE_LOGIN, PF_CTL_STATE_TRANSACTION, PF_CTL_STATE_SENDING,
        PF_CTL_STATE_UPDATE, PF_CTL_STATES
    } state;
    uint64_t age, idle;   /* ms; idle counts from when the client last sent something */
    uint32_t messages;    /* in the maildrop */
    uint32_t fetched;     /* messages sent whole */
    uint64_t octets;      /* of messages sent */
    uint64_t received, sent; /* octets that came and went, without those of TLS */
    char user[PF_CTL_NAME_MAX + 1]; /* "-" before the login */
    char address[PF_CTL_ADDRESS_MAX + 1];
    char tls[16];         /* "TLSv1.3", "none" */
    char command[16];     /* the last; "-" before the first */
};

/* Its line for the control socket, with tabs: id user address tls state age idle messages octets, times in
 * seconds; with `all` also fetched, received, sent, command. */
void pf_ctl_session_line(const struct pf_ctl_session *, bool all, char line[PF_CTL_SESSION_LINE]);

struct pf_ctl_who {          /* is to go */
    uint32_t gate;           /* with `number`; 0: no gate was named */
    uint64_t number;         /* 0: all sessions of `name` */
    char name[PF_CTL_NAME_MAX + 1];
};

enum pf_ctl_wish { PF_CTL_WISH_SESSIONS, PF_CTL_WISH_KICK, PF_CTL_WISH_STATS, PF_CTL_WISH_RELOAD };

struct pf_ctl_ask {
    void (*done)(struct pf_ctl_ask *);
    enum pf_ctl_wish wish;
    bool all;                /* SESSIONS: lines with all that is known */
    struct pf_ctl_who who;   /* KICK */
    /* out */
    uint64_t kicked;         /* how many */
    bool good;               /* RELOAD: the new settings are in force */
    struct pf_ctl_text text; /* SESSIONS: their lines; RELOAD: a line for each mistake */
    struct pf_stats *stats;  /* STATS; NULL without memory */
    struct pf_ctl_text missing; /* who did not answer, with ", " between them; empty: nobody */
    /* private */
    struct pf_ctl_source *source; /* while it is under way */
    struct pf_ctl_ask *next;
    void *state;
};

/* What a source is made of: the first thing in its own struct. */
struct pf_ctl_source {
    const struct pf_ctl_source_calls {
        void (*ask)(struct pf_ctl_source *, struct pf_ctl_ask *);
        void (*abandon)(struct pf_ctl_source *, struct pf_ctl_ask *);
        void (*free)(struct pf_ctl_source *);
    } *calls;
};

/* Begins; what stands in the part that is asked, and `done`, is set by the asker, the rest is nothing. */
void pf_ctl_ask(struct pf_ctl_source *, struct pf_ctl_ask *);
/* `done` is not called. Nothing happens when none is under way. */
void pf_ctl_abandon(struct pf_ctl_ask *);
/* For sources: it is complete. */
void pf_ctl_answered(struct pf_ctl_ask *);
/* Frees what an answer brought. */
void pf_ctl_ask_done(struct pf_ctl_ask *);
/* Only when nothing is asked any more; NULL is allowed. */
void pf_ctl_source_free(struct pf_ctl_source *);

/* Who has sessions: the hall of this process (ctl_hall.h), so that who has none does not link it. */
struct pf_ctl_people {
    /* Shows sessions whose number is lower than `before`, the highest first, as long as `see` wants more. */
    void (*walk)(void *self, uint64_t before, bool (*see)(void *to, const struct pf_ctl_session *), void *to);
    /* How many were ended. `gate` of who is not looked at. */
    uint32_t (*kick)(void *self, const struct pf_ctl_who *);
    /* Sets the gauges. */
    void (*look)(void *self, struct pf_stats *);
};

#endif
