#include "store/maildir/image.h"

#include "base/text.h"
#include "store/maildir/name.h"

#include <stdlib.h>

/* Offsets have 32 bits: four million names of full length would be a GiB. */
enum { MESSAGES_MAX = 8000000 };
#define BLOB_MAX ((uint32_t)1 << 31)

void pf_maildir_image_done(struct pf_maildir_image *m)
{
    if (m->loaded) {
        free(m->loaded);
    } else {
        free(m->rows);
        free(m->files);
        free(m->blob);
    }
    *m = (struct pf_maildir_image){0};
}

static uint32_t grown(uint32_t cap, uint32_t least, uint32_t most)
{
    uint64_t next = (uint64_t)cap + cap / 2;

    if (next < least)
        next = least;
    return next > most ? most : (uint32_t)next;
}

static enum pf_code too_large(struct pf_err *err)
{
    return pf_fail(err, PF_PERM, 0, "maildir_image",
                   "more than %d messages, or 2 GiB of names: archive some of them", MESSAGES_MAX);
}

static enum pf_code no_memory(struct pf_err *err)
{
    return pf_fail(err, PF_NO_MEMORY, 0, "maildir_image", "no memory for a list of messages");
}

static enum pf_code room_for_text(struct pf_maildir_image *m, size_t len, struct pf_err *err)
{
    uint32_t cap;
    char *blob;

    if (len > BLOB_MAX - m->blob_len)
        return too_large(err);
    if (len <= m->blob_cap - m->blob_len)
        return PF_OK;
    cap = grown(m->blob_cap, m->blob_len + (uint32_t)len + 1024, BLOB_MAX);
    blob = realloc(m->blob, cap);
    if (!blob)
        return no_memory(err);
    m->blob = blob;
    m->blob_cap = cap;
    return PF_OK;
}

static void put_text(struct pf_maildir_image *m, struct pf_bytes text)
{
    if (text.len)
        memcpy(m->blob + m->blob_len, text.at, text.len);
    m->blob_len += (uint32_t)text.len;
}

static enum pf_code room_for_file(struct pf_maildir_image *m, struct pf_err *err)
{
    struct pf_maildir_file *files;
    uint32_t cap;

    if (m->count < m->cap)
        return PF_OK;
    if (m->count >= MESSAGES_MAX)
        return too_large(err);
    cap = grown(m->cap, m->cap + 16, MESSAGES_MAX);
    files = reallocarray(m->files, cap, sizeof *files);
    if (!files)
        return no_memory(err);
    m->files = files;
    m->cap = cap;
    return PF_OK;
}

enum pf_code pf_maildir_image_add(struct pf_maildir_image *m, const char *folder,
                                  struct pf_bytes name, uint64_t ino, struct pf_err *err)
{
    size_t base_len = pf_find(name, ':');
    enum pf_code code = room_for_file(m, err);

    if (!code)
        code = room_for_text(m, PF_MAILDIR_FOLDER_LEN + name.len + 1, err);
    if (code)
        return code;
    m->files[m->count++] = (struct pf_maildir_file){
        .ino = ino,
        .size = PF_MAILDIR_NO_SIZE,
        .mtime = PF_MAILDIR_NO_TIME,
        .name_at = m->blob_len,
        .name_len = (uint8_t)name.len,
        .base_len = (uint8_t)(base_len ? base_len : name.len),
    };
    put_text(m, pf_bytes_from(folder, PF_MAILDIR_FOLDER_LEN));
    put_text(m, name);
    put_text(m, pf_bytes_from("", 1));
    return PF_OK;
}

enum pf_code pf_maildir_image_text(struct pf_maildir_image *m, struct pf_bytes text,
                                   uint32_t *out_at, struct pf_err *err)
{
    enum pf_code code = room_for_text(m, text.len, err);

    if (code)
        return code;
    *out_at = m->blob_len;
    put_text(m, text);
    return PF_OK;
}

void pf_maildir_image_drop(struct pf_maildir_image *m, const struct pf_marks *gone)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < m->count; i++) {
        if (pf_marks_has(gone, i)) {
            m->octets -= m->rows[i].octets;
            continue;
        }
        m->rows[kept] = m->rows[i];
        m->files[kept++] = m->files[i];
    }
    m->count = kept;
}
