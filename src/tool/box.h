/* `postfach box`: a maildrop as a POP3 client would see it, without a server.
 *
 * Opens the maildrop through the same store as the server, under the same
 * lock, so that what it says is what a session would get. Text from mail
 * reaches the terminal with control octets replaced: a subject must not be
 * able to speak to the terminal. */
#ifndef POSTFACH_TOOL_BOX_H
#define POSTFACH_TOOL_BOX_H

#include "auth/auth.h"
#include "store/kinds.h"
#include "tool/safe.h"

int pf_tool_box(int argc, char **argv);

/* For the files of this subcommand. */
struct pf_tool_box {
    struct pf_twin *twin;
    struct pf_twin_box *box;
    struct pf_listing listing;
    enum pf_kind kind;
    const char *word;  /* the maildrop as it was asked for */
    const char *which; /* show: the message */
    const char *path;  /* without the kind */
    char place[PF_AUTH_PATH_MAX]; /* with it */
    const char *conf_file;
    struct pf_conf *conf;
    struct pf_user user; /* name "" when the maildrop was named by its path */
    bool raw, fix, recount;
    struct pf_mbox_report mended; /* check --fix of an mbox, before it is opened: that mends, too, and is silent */
    struct pf_err mend_err;
};

/* Reads the settings and finds out which maildrop `word` is. The settings are to be freed in any case. */
enum pf_code pf_tool_box_find(struct pf_tool_box *, struct pf_err *err);

/* Reads a whole message through the store, piece by piece, into a function; the store's verdict. */
enum pf_code pf_tool_box_read(struct pf_tool_box *, uint32_t index,
                              void (*take)(void *self, struct pf_bytes piece), void *self,
                              struct pf_err *err);

int pf_tool_box_ls(struct pf_tool_box *);
int pf_tool_box_show(struct pf_tool_box *);
int pf_tool_box_check(struct pf_tool_box *);
/* check --fix of an mbox, before it is opened. */
void pf_tool_box_mend(struct pf_tool_box *, const struct pf_mbox_settings *);

/* The quota of Maildir++. Needs no open maildrop, and so no lock. */
int pf_tool_box_quota(struct pf_tool_box *);
/* The same below the sum of ls; prints nothing where there is no limit. */
void pf_tool_box_quota_line(struct pf_tool_box *);

/* Says on standard error what went wrong; the exit status. */
int pf_tool_box_complain(const struct pf_err *err);
/* The row as it is on disk; false where the maildrop is no Maildir. */
bool pf_tool_box_entry(const struct pf_tool_box *, uint32_t index, struct pf_maildir_entry *out_entry);

#endif
