/* The image: all messages of an open maildrop, in a form that can lie in memory and in the cache.
 *
 * Three runs: `rows` is the listing that clients see; `files` says, row by
 * row, what lies on disk; `blob` holds the names, each with its folder in
 * front ("cur/123.M4P5.host:2,S") and a NUL behind, and those UIDLs that are
 * not a part of a name. All references are offsets, so that a cache file is
 * read into one piece of memory and used as it stands: about 120 octets for
 * a message. */
#ifndef POSTFACH_STORE_MAILDIR_IMAGE_H
#define POSTFACH_STORE_MAILDIR_IMAGE_H

#include <postfach/err.h>
#include <postfach/listing.h>

#define PF_MAILDIR_NO_SIZE UINT64_MAX
#define PF_MAILDIR_NO_TIME INT64_MIN

enum {
    PF_MAILDIR_FOLDER_LEN = 4, /* "new/", "cur/" */
    /* flags of a file */
    PF_MAILDIR_COUNTED = 1, /* the wire size was counted in the file: it beats what the name says */
    PF_MAILDIR_DOUBT = 2,   /* a read found it other than known: look at it at the next open */
    PF_MAILDIR_TWIN = 4,    /* the same message lies under a second name too */
    PF_MAILDIR_GONE = 8,    /* found removed by others; this session only */
    PF_MAILDIR_FIXED = 16,  /* its true wire size is kept for the next session; this session only */
    PF_MAILDIR_SQUEEZED = 32 /* the file holds the message squeezed (squeeze.h) */
};

struct pf_maildir_file {
    uint64_t ino;     /* as the directory gives it */
    uint64_t size;    /* stored octets (of a squeezed one: of its text), or PF_MAILDIR_NO_SIZE */
    int64_t mtime;    /* nanoseconds since 1970, or PF_MAILDIR_NO_TIME when nobody looked */
    int64_t arrival;  /* microseconds since 1970 */
    uint32_t name_at; /* in the blob: folder and name */
    uint8_t name_len; /* without the folder */
    uint8_t base_len;
    uint8_t flags;
    uint8_t spare;
};

struct pf_maildir_image {
    struct pf_row *rows; /* NULL while it is being made */
    struct pf_maildir_file *files;
    char *blob;
    uint32_t count;
    uint32_t cap; /* of files */
    uint32_t blob_len;
    uint32_t blob_cap;
    uint64_t octets; /* sum of rows */
    void *loaded;    /* the one allocation that all runs lie in, when it came from the cache */
};

void pf_maildir_image_done(struct pf_maildir_image *);

/* Adds a file of a folder ("new/" or "cur/"). */
enum pf_code pf_maildir_image_add(struct pf_maildir_image *, const char *folder,
                                  struct pf_bytes name, uint64_t ino, struct pf_err *err);

/* Adds octets to the blob. */
enum pf_code pf_maildir_image_text(struct pf_maildir_image *, struct pf_bytes, uint32_t *out_at,
                                   struct pf_err *err);

/* Leaves out the messages that are marked, from rows and files; keeps the order. */
void pf_maildir_image_drop(struct pf_maildir_image *, const struct pf_marks *gone);

static inline struct pf_bytes pf_maildir_image_name(const struct pf_maildir_image *m, uint32_t i)
{
    const struct pf_maildir_file *f = &m->files[i];

    return pf_bytes_from(m->blob + f->name_at + PF_MAILDIR_FOLDER_LEN, f->name_len);
}

static inline struct pf_bytes pf_maildir_image_base(const struct pf_maildir_image *m, uint32_t i)
{
    return pf_bytes_head(pf_maildir_image_name(m, i), m->files[i].base_len);
}

static inline bool pf_maildir_image_in_cur(const struct pf_maildir_image *m, uint32_t i)
{
    return m->blob[m->files[i].name_at] == 'c';
}

#endif
