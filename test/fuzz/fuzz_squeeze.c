/* Squeezed files: whatever lies there, pieces of one octet, of seven and of 4096 give the same text and the
 * same verdict; and a file that ends well is refused as soon as it is cut or something stands behind it. */
#include "store/maildir/squeeze.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 16 }; /* what is longer is compared up to here */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

__attribute__((noinline)) static void must(bool true_thing)
{
    if (!true_thing)
        abort();
}

struct outcome {
    int bad;
    bool whole;
    size_t len;
    unsigned char text[TEXT_MAX];
};

static void unpack(int fd, struct pf_bytes head, size_t cap, struct outcome *o)
{
    struct pf_maildir_squeeze *s = pf_maildir_squeeze_new(fd, head);

    must(s != NULL);
    o->bad = 0;
    o->whole = false;
    o->len = 0;
    while (!o->bad && !o->whole && o->len + cap <= TEXT_MAX) {
        size_t got = SIZE_MAX;

        o->bad = pf_maildir_squeeze_read(s, o->text + o->len, cap, &got, &o->whole);
        if (o->bad)
            break;
        must(got <= cap && (got == cap || o->whole));
        o->len += got;
        must(pf_maildir_squeeze_at(s) == o->len);
    }
    if (o->bad) { /* and stays so */
        size_t got = 0;
        bool end = false;

        must(o->bad == EBADMSG || o->bad == ENOMEM);
        must(o->bad != EBADMSG || pf_maildir_squeeze_read(s, o->text, 1, &got, &end) == EBADMSG);
        must(!end && got == 0);
    }
    pf_maildir_squeeze_free(s);
}

static void all_sizes_agree(int fd, struct pf_bytes head, struct outcome *first)
{
    static struct outcome other;
    static const size_t caps[] = {7, 4096};

    unpack(fd, head, 1, first);
    for (size_t i = 0; i < 2; i++) {
        size_t len;

        unpack(fd, head, caps[i], &other);
        len = other.len < first->len ? other.len : first->len;
        must(memcmp(other.text, first->text, len) == 0);
        if (first->len >= TEXT_MAX - 2 * 4096)
            continue;
        must(other.whole == first->whole);
        must(!first->whole || other.len == first->len);
    }
}

static int file_of(const uint8_t *data, size_t size)
{
    int fd = memfd_create("squeezed", MFD_CLOEXEC);

    must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome first, harmed;
    struct pf_bytes head = pf_bytes_from(data, size);
    int fd;

    if (!pf_maildir_squeeze_is(head))
        return 0;
    fd = file_of(data, size);
    all_sizes_agree(fd, head, &first);
    if (first.whole) {
        must(pwrite(fd, "x", 1, (off_t)size) == 1);
        unpack(fd, head, 4096, &harmed);
        must(harmed.bad != 0 || !harmed.whole);
        must(ftruncate(fd, (off_t)size - 1) == 0);
        unpack(fd, head, 4096, &harmed);
        must(harmed.bad != 0 || !harmed.whole);
    }
    close(fd);
    return 0;
}
