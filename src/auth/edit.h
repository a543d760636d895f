/* Edit: one change of a text file that a running server reads, as `postfach user` makes it.
 *
 * The file is locked (an open-file-description lock on the file itself; who waited looks again whether
 * the path still leads to it), read, changed in memory with all comments and the order of lines kept,
 * and saved in one step: a new file beside it with the same mode and owner, on disk, then renamed over
 * it. A crash leaves the old file or the new one; a server that reads it sees one of them whole. What the
 * file's own reader would refuse is not saved. */
#ifndef POSTFACH_AUTH_EDIT_H
#define POSTFACH_AUTH_EDIT_H

#include <limits.h>
#include <postfach/bytes.h>
#include <postfach/err.h>
#include <sys/stat.h>

struct pf_edit {
    char path[PATH_MAX]; /* without symlinks: the file is replaced, not a link to it */
    int fd;              /* locked */
    struct stat st;
    bool created;
    char *text;
    size_t len;
};

/* Waits for the lock. With `create` a missing file is made, readable by its owner alone; it is removed
 * again when nothing is saved. On failure nothing is left to close. */
enum pf_code pf_edit_open(struct pf_edit *, const char *path, bool create, struct pf_err *err);
/* Gives the lock back; what was not saved is lost. */
void pf_edit_close(struct pf_edit *);

/* Puts `count` pieces in the place of `old`, which is a part of the text. */
enum pf_code pf_edit_replace(struct pf_edit *, struct pf_bytes old, const struct pf_bytes *pieces,
                             size_t count, struct pf_err *err);
/* A line, given without its end, behind the last one. */
enum pf_code pf_edit_append(struct pf_edit *, struct pf_bytes line, struct pf_err *err);
/* Removes a line, given without its end. */
enum pf_code pf_edit_remove(struct pf_edit *, struct pf_bytes line, struct pf_err *err);

/* `check` gets a copy of the text from malloc, which is its own, with room for one octet more. */
enum pf_code pf_edit_save(struct pf_edit *,
                          enum pf_code (*check)(const char *path, char *text, size_t len, struct pf_err *err),
                          struct pf_err *err);

/* Writes a file's name to disk: syncs the folder that holds it. */
bool pf_edit_sync_folder(const char *path);

#endif
