/* `postfach box`: a maildrop as a POP3 client would see it, without a server.
 *
 * Opens the maildrop through the same store as the server, under the same
 * lock, so that what it says is what a session would get. Text from mail
 * reaches the terminal with control octets replaced: a subject must not be
 * able to speak to the terminal. */
#ifndef POSTFACH_TOOL_BOX_H
#define POSTFACH_TOOL_BOX_H

#include "store/lift.h"
#include <stdio.h>

int pf_tool_box(int argc, char **argv);

/* For the files of this subcommand. */
struct pf_tool_box {
    struct pf_twin *twin;
    struct pf_twin_box *box;
    struct pf_listing listing;
    const char *path;
};

/* Reads a whole message through the store, piece by piece, into a function; the store's verdict. */
enum pf_code pf_tool_box_read(struct pf_tool_box *, uint32_t index,
                              void (*take)(void *self, struct pf_bytes piece), void *self,
                              struct pf_err *err);
/* Prints UTF-8 text without control characters (newlines and tabs stay when `lines`). */
void pf_tool_print_safe(FILE *to, const char *text, bool lines);

int pf_tool_box_ls(struct pf_tool_box *, int argc, char **argv);
int pf_tool_box_show(struct pf_tool_box *, int argc, char **argv);
int pf_tool_box_check(struct pf_tool_box *, int argc, char **argv);

/* The quota of Maildir++. Needs no open maildrop, and so no lock. */
int pf_tool_box_quota(const char *path);
/* The same below the sum of ls; prints nothing where there is no limit. */
void pf_tool_box_quota_line(const char *path);

/* Says on standard error what went wrong; the exit status. */
int pf_tool_box_complain(const struct pf_err *err);

#endif
