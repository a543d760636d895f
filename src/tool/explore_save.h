/* Files that a person saves mail to: names that are safe, and nothing that is there is ever written
 * over. */
#ifndef POSTFACH_TOOL_EXPLORE_SAVE_H
#define POSTFACH_TOOL_EXPLORE_SAVE_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum {
    PF_EXPLORE_NAME = 128, /* octets of a name of our making, with its NUL: fits every file system */
    PF_EXPLORE_PATH = 1024
};

/* A file's name from what a stranger called it: no folder, no dot at the beginning, nothing but
 * printable characters; `fallback` where nothing is left. What is long loses its middle, not its ending.
 */
void pf_explore_name(const char *theirs, const char *fallback, char out[PF_EXPLORE_NAME]);
/* The same name, or with -2, -3 … before its ending, so that there is no such file in this folder. */
void pf_explore_name_free(char name[PF_EXPLORE_NAME]);

/* A new file, for its owner alone; -1: err says why (PF_PERM with EEXIST: it is there). "~/" at the
 * beginning is the home. */
int pf_explore_create(const char *path, const char *home, char out_path[PF_EXPLORE_PATH],
                      struct pf_err *);
/* Ends it: `good` and written to disk, or it is removed again. Closes fd. */
enum pf_code pf_explore_created(int fd, const char *path, bool good, struct pf_err *);
/* Copies a file of ours into it, from its beginning. */
enum pf_code pf_explore_copy(int from, int to, struct pf_err *);

#endif
