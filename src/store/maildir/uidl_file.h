/* The UIDL list as a file: lines, head, append and rewrite. uidl.h says what it is for. */
#ifndef POSTFACH_STORE_MAILDIR_UIDL_FILE_H
#define POSTFACH_STORE_MAILDIR_UIDL_FILE_H

#include "store/maildir/uidl.h"

enum { PF_MAILDIR_BASE_MAX = 255 };

struct pf_maildir_line {
    struct pf_bytes uidl;
    struct pf_bytes base;
    uint64_t size;
    int64_t mtime;
};

/* Adds octets; false, and unchanged, when memory lacks. */
bool pf_maildir_text_put(struct pf_maildir_text *, struct pf_bytes);

/* A line without its LF. False when it is none; base is a view of `room`. */
bool pf_maildir_line_parse(struct pf_bytes text, unsigned char room[PF_MAILDIR_BASE_MAX],
                           struct pf_maildir_line *out_line);
bool pf_maildir_line_put(struct pf_maildir_text *, const struct pf_maildir_line *);

/* The whole file; a missing one is empty. The caller frees out_text->at. */
enum pf_code pf_maildir_uidl_load(int root, const char *path, struct pf_maildir_text *out_text,
                                  struct pf_err *err);

/* The whole lines behind the head, and how many octets of the file are good: 0 when even the head
 * was torn. A file that is something else, or of a later version, is an error: it may hold
 * identities that we must not lose. */
enum pf_code pf_maildir_uidl_lines(struct pf_bytes text, const char *path,
                                   struct pf_bytes *out_lines, size_t *out_good,
                                   struct pf_err *err);

/* Writes lines behind the good octets (with a head where there are none) and syncs. On failure the
 * file is as it was. */
enum pf_code pf_maildir_uidl_append(int root, const char *path, size_t good,
                                    const struct pf_maildir_text *lines, struct pf_err *err);

/* A new file with these lines takes the place of the old one, synced. */
enum pf_code pf_maildir_uidl_replace(int root, const char *path,
                                     const struct pf_maildir_text *lines, struct pf_err *err);

#endif
