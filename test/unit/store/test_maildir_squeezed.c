/* Maildirs with squeezed messages among others: listed, read, removed; and what is damaged never ends well. */
#include "unit/store/test_maildir_pack.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char text[] = PACK_TEXT;

static void comes_out(struct session *s, uint32_t index)
{
    static const size_t caps[] = {1, 7, 64, 4096};

    for (size_t i = 0; i < 4; i++) {
        unsigned char room[4096];
        struct pf_span out = {room, 0, sizeof room};

        assert_int_equal(rig_read(s, index, caps[i], &out), PF_OK);
        assert_int_equal(out.len, strlen(text));
        assert_memory_equal(room, text, out.len);
    }
    rig_reads_as(s, index, text);
}

static void all_names_serve_the_text(void **state)
{
    struct rig *r = rig_of(state);

    for (int fields = 0; fields < 4; fields++)
        for (enum pack_kind kind = PACK_GZIP; kind < PACK_KINDS; kind++) {
            const char *name = pack_name("cur/2.M1P1.h", text, fields & 1, fields & 2);
            struct pack v;
            struct session s;

            pack_make(kind, text, &v);
            pack_put(r, name, v.at, v.len);
            rig_put(r, "cur/1.M1P1.h,S=4,W=5", "one\n");
            rig_put(r, "new/3.M1P1.h", "three\n");
            for (int turn = 0; turn < 3; turn++) { /* counted, from the cache, counted again */
                rig_open(r, &s);
                assert_int_equal(s.listing.count, 3);
                assert_int_equal(s.listing.rows[1].octets, pack_wire(text));
                rig_reads_as(&s, 0, "one\n");
                comes_out(&s, 1);
                rig_reads_as(&s, 2, "three\n");
                rig_close(&s);
                if (turn == 1)
                    unlink(rig_at(r, "postfach-cache"));
            }
            rig_open(r, &s);
            assert_int_equal(rig_expunge(&s, 1, NULL), PF_OK);
            rig_close(&s);
            assert_false(rig_has(r, name));
            unlink(rig_at(r, "postfach-cache"));
        }
}

static void names_with_both_sizes_are_believed_and_others_counted_once(void **state)
{
    struct rig *r = rig_of(state);
    struct pack v;
    struct session s;

    pack_make(PACK_GZIP, text, &v);
    pack_put(r, pack_name("cur/1.M1P1.h", text, true, true), v.at, v.len);
    rig_open(r, &s);
    assert_int_equal(s.box->counts.stats + s.box->counts.opens, 0);
    rig_close(&s);
    pack_put(r, pack_name("cur/2.M1P1.h", text, true, false), v.at, v.len);
    pack_put(r, "cur/msg.3", v.at, v.len);
    rig_open(r, &s);
    assert_int_equal(s.box->counts.opens, 2);
    rig_close(&s);
    rig_put(r, "new/4.M1P1.h", "four\n"); /* the folder changes; the cache still knows the sizes */
    rig_open(r, &s);
    assert_int_equal(s.box->counts.opens, 1);
    comes_out(&s, 1);
    rig_close(&s);
}

/* An administrator compresses what lies there and keeps the time, as Dovecot's manual advises. */
static void compressing_in_place_keeps_the_uidl(void **state)
{
    struct rig *r = rig_of(state);
    char uidls[3][PF_UIDL_MAX + 1], names[3][128];
    struct pack v;
    struct session s;

    memcpy(names[0], pack_name("cur/1.M1P1.h", text, true, true), 128);
    memcpy(names[1], pack_name("cur/2.M1P1.h", text, false, false), 128);
    memcpy(names[2], "cur/msg.3", sizeof "cur/msg.3");
    for (int i = 0; i < 3; i++)
        pack_put(r, names[i], text, strlen(text));
    rig_open(r, &s);
    assert_int_equal(s.listing.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        memcpy(uidls[i], rig_uidl(&s, i), sizeof uidls[i]);
        rig_reads_as(&s, i, text);
    }
    pack_make(PACK_ZSTD, text, &v);
    for (int i = 0; i < 3; i++) {
        pack_put(r, "tmp/z", v.at, v.len);
        rig_move(r, "tmp/z", names[i]);
    }
    comes_out(&s, 1); /* even in the session that saw it plain */
    rig_close(&s);
    for (int turn = 0; turn < 3; turn++) {
        rig_open(r, &s);
        for (uint32_t i = 0; i < 3; i++) {
            assert_string_equal(rig_uidl(&s, i), uidls[i]);
            comes_out(&s, i);
        }
        rig_close(&s);
        if (turn == 1) { /* and back */
            pack_put(r, "tmp/z", text, strlen(text));
            rig_move(r, "tmp/z", names[1]);
        }
    }
}

static enum pf_code read_whole(struct session *s, uint32_t index, const char *want)
{
    unsigned char room[4096];
    struct pf_span out = {room, 0, sizeof room};
    enum pf_code code = rig_read(s, index, 100, &out);

    if (code == PF_OK) {
        assert_int_equal(out.len, strlen(want));
        assert_memory_equal(room, want, out.len);
    } else if (code != PF_DAMAGED && code != PF_CHANGED) {
        fail_msg("%s: %s", pf_verdict(code)->name, s->err.log);
    }
    return code;
}

/* What is done to a file between two sessions that know it (or before the first), time kept. */
static enum pf_code after(struct rig *r, const char *name, const struct pack *good,
                          const struct pack *bad, bool known)
{
    struct session s;
    enum pf_code code;
    int fd;

    unlink(rig_at(r, "postfach-cache"));
    pack_put(r, name, good->at, good->len);
    if (known) {
        rig_open(r, &s);
        comes_out(&s, 0);
        rig_close(&s);
    }
    fd = open(rig_at(r, name), O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bad->at, bad->len), (ssize_t)bad->len);
    close(fd);
    rig_touch(r, name, PACK_WHEN);
    rig_open(r, &s);
    code = read_whole(&s, 0, text);
    rig_close(&s);
    rig_open(r, &s); /* and once more, for a failure may not heal by itself into something wrong */
    assert_in_range(s.listing.octets, 0, 1000);
    assert_int_equal(read_whole(&s, 0, text), code);
    rig_close(&s);
    return code;
}

/* With sizes in the name, or once known, every octet is guarded; a file that nobody knows and whose
 * first octets are wrong is a plain one like others. */
static void every_cut_and_every_flipped_octet_is_found(void **state)
{
    struct rig *r = rig_of(state);

    for (enum pack_kind kind = PACK_GZIP; kind < PACK_KINDS; kind++)
        for (int how = 0; how < 3; how++) { /* sizes in the name; known from before; neither */
            const char *name = pack_name("cur/1.M1P1.h", text, how == 0, how == 0);
            size_t unguarded = how == 2 ? PF_MAILDIR_MAGIC : 0;
            struct pack v;

            pack_make(kind, text, &v);
            for (size_t i = unguarded; i < v.len; i++) {
                struct pack bad = v;

                bad.len = i;
                assert_int_equal(after(r, name, &v, &bad, how == 1), PF_DAMAGED);
                bad.len = v.len;
                bad.at[i] ^= (unsigned char)(1 << i % 8);
                (void)after(r, name, &v, &bad, how == 1);
            }
            unlink(rig_at(r, name));
        }
}

/* 65 MiB of one octet is less than a 256th squeezed; the text that MTAs let in is never refused. */
static void a_bomb_is_refused_and_a_large_mail_is_not(void **state)
{
    enum { MIB = 1 << 20 };
    struct rig *r = rig_of(state);
    unsigned char *plain = calloc(80, MIB), *packed = malloc(MIB);

    assert_non_null(plain);
    assert_non_null(packed);
    for (size_t mib = 60; mib <= 80; mib += 20) {
        struct pf_box_read op = {.at = plain, .cap = 80 * MIB};
        struct session s;
        size_t len;

        memset(plain, 'a', 80 * MIB);
        len = pack_zstd(plain, mib * MIB, packed, MIB);
        pack_put(r, "cur/1.M1P1.h", packed, len);
        rig_open(r, &s);
        memset(plain, 'b', 80 * MIB);
        assert_int_equal(pf_maildir_box_read(s.box, &op, true, &s.err), mib == 60 ? PF_OK : PF_DAMAGED);
        if (mib == 60) {
            op.offset = op.got;
            if (!op.last)
                assert_int_equal(pf_maildir_box_read(s.box, &op, true, &s.err), PF_OK);
            assert_true(op.last && plain[60 * MIB - 1] == 'a' && plain[60 * MIB] == 'b');
        } else {
            assert_non_null(strstr(s.err.log, "more than any message"));
        }
        rig_close(&s);
    }
    free(packed);
    free(plain);
}

static void a_try_leaves_it_to_a_thread(void **state)
{
    struct rig *r = rig_of(state);
    unsigned char room[4096];
    struct pf_box_read op = {.at = room, .cap = 50, .got = 99};
    struct pack v;
    struct session s;

    pack_make(PACK_GZIP, text, &v);
    pack_put(r, pack_name("cur/1.M1P1.h", text, true, true), v.at, v.len);
    rig_open(r, &s);
    while (!op.last) {
        assert_int_equal(pf_maildir_box_read(s.box, &op, false, &s.err), PF_AGAIN);
        assert_int_equal(op.got, 99);
        assert_int_equal(pf_maildir_box_read(s.box, &op, true, &s.err), PF_OK);
        op.at += op.got;
        op.offset += op.got;
        op.got = 99;
    }
    assert_int_equal(op.offset, strlen(text));
    assert_memory_equal(room, text, strlen(text));
    assert_int_equal(s.box->no_try, false);
    rig_close(&s);
}

/* Whoever comes back in the middle (after a failure, or after another message) gets what stands there. */
static void a_read_in_the_middle_goes_on(void **state)
{
    struct rig *r = rig_of(state);
    unsigned char room[4096];
    struct pf_box_read op = {.at = room, .cap = 9, .offset = 20};
    struct pack v;
    struct session s;

    pack_make(PACK_ZSTD, text, &v);
    pack_put(r, "cur/1.M1P1.h", v.at, v.len);
    rig_open(r, &s);
    assert_int_equal(pf_maildir_box_read(s.box, &op, true, &s.err), PF_OK);
    assert_int_equal(op.got, 9);
    assert_memory_equal(room, text + 20, 9);
    op.offset = 3; /* back */
    assert_int_equal(pf_maildir_box_read(s.box, &op, true, &s.err), PF_OK);
    assert_memory_equal(room, text + 3, 9);
    op.offset = 9999;
    assert_int_equal(pf_maildir_box_read(s.box, &op, true, &s.err), PF_CHANGED);
    rig_close(&s);
}

static void a_file_that_changes_while_it_is_read_never_ends_well(void **state)
{
    struct rig *r = rig_of(state);

    for (int how = 0; how < 3; how++) {
        unsigned char room[4096];
        struct pf_box_read op = {.at = room, .cap = 50};
        enum pf_code code = PF_OK;
        struct pack v;
        struct session s;

        pack_make(PACK_GZIP, text, &v);
        pack_put(r, "cur/1.M1P1.h", v.at, v.len);
        rig_open(r, &s);
        assert_int_equal(pf_maildir_box_read(s.box, &op, true, &s.err), PF_OK);
        if (how < 2)
            assert_int_equal(truncate(rig_at(r, "cur/1.M1P1.h"), (off_t)v.len + (how ? 9 : -9)), 0);
        else
            rig_touch(r, "cur/1.M1P1.h", PACK_WHEN + 1);
        while (code == PF_OK) {
            op.offset += op.got;
            code = pf_maildir_box_read(s.box, &op, true, &s.err);
            assert_false(code == PF_OK && op.last);
        }
        assert_int_equal(code, how < 2 ? PF_DAMAGED : PF_CHANGED);
        rig_close(&s);
        unlink(rig_at(r, "postfach-cache"));
    }
}

static void md_021_a_wrong_w_heals_in_squeezed_mail_too(void **state)
{
    struct rig *r = rig_of(state);
    char name[64];
    struct pack v;
    struct session s;

    pack_make(PACK_GZIP, text, &v);
    snprintf(name, sizeof name, "cur/1.M1P1.h,S=%zu,W=%zu", strlen(text), strlen(text) + 1);
    pack_put(r, name, v.at, v.len);
    rig_open(r, &s);
    assert_int_equal(read_whole(&s, 0, text), PF_CHANGED);
    rig_close(&s);
    for (int i = 0; i < 2; i++) {
        rig_open(r, &s);
        assert_string_equal(rig_uidl(&s, 0), name + 4);
        comes_out(&s, 0);
        rig_close(&s);
        rig_put(r, "new/3.M1P1.h", "x\n");
    }
}

#define R(f) cmocka_unit_test_setup_teardown(f, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        R(all_names_serve_the_text),
        R(names_with_both_sizes_are_believed_and_others_counted_once),
        R(compressing_in_place_keeps_the_uidl),
        R(every_cut_and_every_flipped_octet_is_found),
        R(a_bomb_is_refused_and_a_large_mail_is_not),
        R(a_try_leaves_it_to_a_thread),
        R(a_read_in_the_middle_goes_on),
        R(a_file_that_changes_while_it_is_read_never_ends_well),
        R(md_021_a_wrong_w_heals_in_squeezed_mail_too),
    };

    return RUN(tests);
}
