/* Squeezed messages for tests, made by zlib and zstd themselves. */
#ifndef POSTFACH_TEST_MAILDIR_PACK_H
#define POSTFACH_TEST_MAILDIR_PACK_H

#include "unit/store/test_maildir_rig.h"

enum pack_kind { PACK_GZIP, PACK_ZSTD, PACK_KINDS };

enum { PACK_ROOM = 1 << 16, PACK_WHEN = 1600000000 };

/* Text that shrinks, with long lines, both line ends and a dot. */
#define PACK_TEXT                                                                  \
    "Subject: a\nX-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"  \
    "X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"   \
    "\n.body body body body body body body\r\nbody body body body end\n"

struct pack {
    unsigned char at[PACK_ROOM];
    size_t len;
};

void pack_make(enum pack_kind, const char *plain, struct pack *);
/* With a check sum; octets made. */
size_t pack_zstd(const void *from, size_t len, unsigned char *to, size_t cap);

/* Writes a file of the maildrop, with the time PACK_WHEN. */
void pack_put(struct rig *, const char *name, const void *at, size_t len);

uint64_t pack_wire(const char *plain);
/* The name of a squeezed `plain`, with the fields that are wanted; lives until the next call. */
const char *pack_name(const char *stem, const char *plain, bool size, bool wire);

#endif
