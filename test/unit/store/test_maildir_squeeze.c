/* Squeezing undone: the text comes out as it went in, by pieces of any size, and no bit is wrong unseen. */
#include "unit/store/test_maildir_pack.h"

#include "store/maildir/squeeze.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const char text[] = PACK_TEXT;

/* Unpacks a file in memory by pieces; the errno. */
static int unpack(const struct pack *v, size_t cap, unsigned char *to, size_t *out_len)
{
    int fd = memfd_create("squeezed", MFD_CLOEXEC), bad = 0;
    struct pf_maildir_squeeze *s;
    bool end = false;

    assert_int_equal(write(fd, v->at, v->len), (ssize_t)v->len);
    s = pf_maildir_squeeze_new(fd, pf_bytes_from(v->at, v->len));
    assert_non_null(s);
    *out_len = 0;
    while (!bad && !end) {
        size_t got = SIZE_MAX;

        bad = pf_maildir_squeeze_read(s, to + *out_len, cap, &got, &end);
        if (bad)
            break;
        assert_true(got == cap || end);
        *out_len += got;
        assert_true(*out_len <= PACK_ROOM / 2);
        assert_int_equal(pf_maildir_squeeze_at(s), *out_len);
    }
    assert_int_equal(bad != 0, pf_maildir_squeeze_fault(s)[0] != 0);
    pf_maildir_squeeze_free(s);
    close(fd);
    return bad;
}

static void every_bit_counts(void **state)
{
    unsigned char *room = malloc(PACK_ROOM);

    (void)state;
    assert_non_null(room);
    for (enum pack_kind kind = PACK_GZIP; kind < PACK_KINDS; kind++) {
        struct pack v;
        size_t len = 0;

        pack_make(kind, text, &v);
        assert_int_equal(unpack(&v, 7, room, &len), 0);
        for (size_t bit = kind == PACK_GZIP ? 16 : 32; bit < v.len * 8; bit++) {
            struct pack bad = v;

            bad.at[bit / 8] ^= (unsigned char)(1 << bit % 8);
            if (unpack(&bad, 4096, room, &len) != 0)
                continue; /* what passes may differ in a header's time stamp, not in its text */
            assert_int_equal(len, strlen(text));
            assert_memory_equal(room, text, len);
        }
    }
    free(room);
}

static void append(struct pack *v, const void *at, size_t len)
{
    assert_true(v->len + len <= sizeof v->at);
    memcpy(v->at + v->len, at, len);
    v->len += len;
}

static void members_follow_one_another_and_garbage_does_not(void **state)
{
    static const char *const garbage[] = {"x", "\n", "\x1f", "\x1f\x8b", "\x28\xb5\x2f\xfd", "garbage behind"};
    unsigned char *room = malloc(PACK_ROOM);

    (void)state;
    assert_non_null(room);
    for (enum pack_kind kind = PACK_GZIP; kind < PACK_KINDS; kind++) {
        struct pack v, more;
        size_t len = 0;

        pack_make(kind, text, &v);
        pack_make(kind, "more\n", &more);
        append(&v, more.at, more.len);
        assert_int_equal(unpack(&v, 1, room, &len), 0);
        assert_int_equal(len, strlen(text) + 5);
        assert_memory_equal(room + strlen(text), "more\n", 5);
        for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
            struct pack bad = v;

            append(&bad, garbage[i], strlen(garbage[i]));
            assert_int_equal(unpack(&bad, 7, room, &len), EBADMSG);
        }
        append(&v, "", 1); /* NULs as of a tape's block are garbage too */
        assert_int_equal(unpack(&v, 7, room, &len), EBADMSG);
        pack_make(kind, "", &v);
        assert_int_equal(unpack(&v, 7, room, &len), 0);
        assert_int_equal(len, 0);
    }
    free(room);
}

static void plain_mail_is_never_taken_for_squeezed(void **state)
{
    (void)state;
    assert_false(pf_maildir_squeeze_is((struct pf_bytes){0}));
    assert_false(pf_maildir_squeeze_is(PF_LIT("\x1f")));
    assert_false(pf_maildir_squeeze_is(PF_LIT("\x28\xb5\x2f")));
    assert_false(pf_maildir_squeeze_is(PF_LIT("From: a")));
    assert_false(pf_maildir_squeeze_is(PF_LIT("(S: a\n")));
    assert_true(pf_maildir_squeeze_is(PF_LIT("\x1f\x8b")));
    assert_true(pf_maildir_squeeze_is(PF_LIT("\x28\xb5\x2f\xfd")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_bit_counts),
        T(members_follow_one_another_and_garbage_does_not),
        T(plain_mail_is_never_taken_for_squeezed),
    };

    return RUN(tests);
}
