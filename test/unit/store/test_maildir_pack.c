#include "unit/store/test_maildir_pack.h"

#include "base/crlf.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static size_t gzip(const void *from, size_t len, unsigned char *to, size_t cap)
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)from, .avail_in = (uInt)len, .next_out = to,
                  .avail_out = (uInt)cap};

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&z), Z_OK);
    return z.total_out;
}

size_t pack_zstd(const void *from, size_t len, unsigned char *to, size_t cap)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    size_t made;

    assert_non_null(c);
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1)));
    made = ZSTD_compress2(c, to, cap, from, len);
    assert_false(ZSTD_isError(made));
    ZSTD_freeCCtx(c);
    return made;
}

void pack_make(enum pack_kind kind, const char *from, struct pack *v)
{
    v->len = (kind == PACK_GZIP ? gzip : pack_zstd)(from, strlen(from), v->at, sizeof v->at);
}

void pack_put(struct rig *r, const char *name, const void *at, size_t len)
{
    int fd = open(rig_at(r, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, at, len), (ssize_t)len);
    close(fd);
    rig_touch(r, name, PACK_WHEN);
}

uint64_t pack_wire(const char *plain)
{
    struct pf_crlf crlf = {0};

    pf_crlf_add(&crlf, pf_bytes_of(plain));
    return pf_crlf_total(&crlf);
}

const char *pack_name(const char *stem, const char *plain, bool size, bool wire)
{
    static char name[128];
    int len = snprintf(name, sizeof name, "%s", stem);

    if (size)
        len += snprintf(name + len, sizeof name - (size_t)len, ",S=%zu", strlen(plain));
    if (wire)
        snprintf(name + len, sizeof name - (size_t)len, ",W=%llu", (unsigned long long)pack_wire(plain));
    return name;
}
