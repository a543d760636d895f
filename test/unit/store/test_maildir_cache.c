#include "unit/store/test_maildir_rig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char text[] = "Subject: a\n\nbody\n"; /* 17 octets, 20 on the wire */

static const struct pf_maildir_settings with_cache = {.cache = true, .host = "h"};
static const struct pf_maildir_settings without_cache = {.host = "h"};

static void some_mail(struct rig *r)
{
    rig_put(r, "cur/1.M1P1.h:2,S", text);
    rig_put(r, "cur/2.M1P1.h,S=17:2,", text);
    rig_put(r, "new/3.M1P1.h,S=17,W=20", text);
    rig_put(r, "new/msg.4", text);
}

static void expect_some_mail(struct session *s)
{
    static const char *const uidls[] = {"1.M1P1.h", "2.M1P1.h,S=17", "3.M1P1.h,S=17,W=20"};

    assert_int_equal(s->listing.count, 4);
    assert_int_equal(s->listing.octets, 80);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(s->listing.rows[i].octets, 20);
        if (i < 3)
            assert_string_equal(rig_uidl(s, i), uidls[i]);
    }
    assert_int_equal(s->listing.rows[0].flags, PF_ROW_SEEN);
}

static void md_023_counted_sizes_are_kept(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    some_mail(r);
    rig_open(r, &s);
    expect_some_mail(&s);
    assert_int_equal(s.box->counts.opens, 3);
    rig_close(&s);
    rig_put(r, "new/5.M1P1.h,S=17,W=20", text); /* the folder changed, so it is read again */
    rig_open(r, &s);
    assert_int_equal(s.listing.count, 5);
    assert_int_equal(s.box->counts.cached, 0);
    assert_int_equal(s.box->counts.scans, 1);
    assert_int_equal(s.box->counts.opens, 0);
    assert_int_equal(s.box->counts.stats, 1); /* msg.4, whose name may come again */
    rig_close(&s);
}

static void an_unchanged_maildrop_is_not_read(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    some_mail(r);
    rig_open(r, &s);
    rig_close(&s);
    for (int i = 0; i < 3; i++) {
        rig_open(r, &s);
        expect_some_mail(&s);
        assert_int_equal(s.box->counts.cached, 1);
        assert_int_equal(s.box->counts.scans + s.box->counts.stats + s.box->counts.opens, 0);
        for (uint32_t k = 0; k < 4; k++)
            rig_reads_as(&s, k, text);
        rig_close(&s);
    }
}

static void sizes_in_names_open_nothing(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    rig_put(r, "new/3.M1P1.h,S=17,W=20", text);
    rig_put(r, "cur/4.M1P1.h,W=20,S=17:2,S", text);
    rig_store(r, &without_cache, 0);
    rig_open(r, &s);
    assert_int_equal(s.listing.octets, 40);
    assert_int_equal(s.box->counts.stats + s.box->counts.opens, 0);
    rig_close(&s);
    assert_false(rig_has(r, "postfach-cache"));
}

/* A change within the grain of a folder's time stamps leaves them as they were: a cache of a folder
 * that had just been changed when it was scanned proves nothing. */
static void racy_folders_are_read_again(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    some_mail(r);
    rig_store(r, &with_cache, 0);
    for (int i = 0; i < 2; i++) {
        rig_open(r, &s);
        assert_int_equal(s.box->counts.cached, 0);
        assert_int_equal(s.box->counts.scans, 1);
        assert_int_equal(s.box->counts.opens, i ? 0 : 3); /* but it still knows the sizes */
        rig_close(&s);
    }
    rig_store(r, &with_cache, 1);
    rig_open(r, &s);
    assert_int_equal(s.box->counts.cached, 0);
    rig_close(&s);
    rig_store(r, &with_cache, 10); /* old enough to prove it, but the cache is from before */
    rig_open(r, &s);
    assert_int_equal(s.box->counts.cached, 0);
    rig_close(&s);
    rig_open(r, &s);
    assert_int_equal(s.box->counts.cached, 1);
    rig_close(&s);
}

/* Mtime can be set by hand, ctime cannot. */
static void a_folder_time_that_was_set_back_does_not_deceive(void **state)
{
    struct rig *r = rig_of(state);
    struct timespec times[2];
    struct session s;
    struct stat st;

    some_mail(r);
    rig_open(r, &s);
    rig_close(&s);
    assert_int_equal(stat(rig_at(r, "new"), &st), 0);
    rig_put(r, "new/5.M1P1.h", text);
    times[0] = times[1] = st.st_mtim;
    assert_int_equal(utimensat(AT_FDCWD, rig_at(r, "new"), times, 0), 0);
    rig_open(r, &s);
    assert_int_equal(s.listing.count, 5);
    rig_close(&s);
}

static void any_change_of_a_folder_is_seen(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    some_mail(r);
    rig_open(r, &s);
    rig_close(&s);
    rig_move(r, "new/3.M1P1.h,S=17,W=20", "cur/3.M1P1.h,S=17,W=20:2,S");
    rig_open(r, &s);
    assert_int_equal(s.listing.count, 4);
    assert_int_equal(s.listing.rows[2].flags, PF_ROW_SEEN);
    rig_close(&s);
    rig_remove(r, "cur/1.M1P1.h:2,S");
    rig_open(r, &s);
    assert_int_equal(s.listing.count, 3);
    assert_string_equal(rig_uidl(&s, 0), "2.M1P1.h,S=17");
    assert_int_equal(s.box->counts.scans, 2); /* md_017: looked for once more */
    rig_close(&s);
    rig_open(r, &s);
    assert_int_equal(s.box->counts.cached, 1);
    rig_close(&s);
}

static void a_file_replaced_under_its_name_is_found(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    some_mail(r);
    rig_open(r, &s);
    rig_close(&s);
    rig_put(r, "tmp/x", "Subject: longer\n\nbody\n");
    rig_touch(r, "tmp/x", 1600000000);
    rig_move(r, "tmp/x", "cur/1.M1P1.h:2,S");
    rig_open(r, &s);
    assert_int_equal(s.listing.count, 4);
    assert_string_not_equal(rig_uidl(&s, 0), "1.M1P1.h"); /* md_026 */
    rig_reads_as(&s, 0, "Subject: longer\n\nbody\n");
    rig_close(&s);
}

/* A maildrop that was copied, cache and all, has new times everywhere but the same messages. */
static void a_copied_maildrop_keeps_its_uidls(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    some_mail(r);
    rig_remove(r, "new/msg.4");
    rig_open(r, &s);
    rig_close(&s);
    rig_move(r, "cur", "cur-old");
    assert_int_equal(mkdir(rig_at(r, "cur"), 0700), 0);
    rig_put(r, "cur/1.M1P1.h:2,S", text);
    rig_touch(r, "cur/1.M1P1.h:2,S", 1600000000);
    rig_put(r, "cur/2.M1P1.h,S=17:2,", text);
    rig_touch(r, "cur/2.M1P1.h,S=17:2,", 1600000000);
    rig_open(r, &s);
    assert_int_equal(s.listing.count, 3);
    assert_string_equal(rig_uidl(&s, 0), "1.M1P1.h");
    assert_string_equal(rig_uidl(&s, 1), "2.M1P1.h,S=17");
    rig_close(&s);
}

static void nothing_is_listed_that_only_the_cache_knows(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    some_mail(r);
    rig_open(r, &s);
    rig_close(&s);
    rig_remove(r, "cur/1.M1P1.h:2,S");
    rig_remove(r, "cur/2.M1P1.h,S=17:2,");
    rig_remove(r, "new/3.M1P1.h,S=17,W=20");
    rig_remove(r, "new/msg.4");
    rig_open(r, &s);
    assert_int_equal(s.listing.count, 0);
    rig_close(&s);
}

static char *cache_octets(struct rig *r, size_t *out_len)
{
    int fd = open(rig_at(r, "postfach-cache"), O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *octets;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    octets = malloc((size_t)st.st_size + 1);
    assert_non_null(octets);
    assert_int_equal(read(fd, octets, (size_t)st.st_size), st.st_size);
    close(fd);
    *out_len = (size_t)st.st_size;
    return octets;
}

static void damage_anywhere_is_seen(void **state)
{
    struct rig *r = rig_of(state);
    struct pf_maildir_image image;
    struct pf_maildir_state cached;
    struct session s;
    size_t len;
    char *octets;

    some_mail(r);
    rig_open(r, &s);
    rig_close(&s);
    octets = cache_octets(r, &len);
    for (size_t i = 0; i < len; i++)
        for (int bit = 0; bit < 8; bit += 3) {
            octets[i] = (char)(octets[i] ^ 1 << bit);
            assert_false(pf_maildir_cache_parse(octets, len, &image, &cached));
            octets[i] = (char)(octets[i] ^ 1 << bit);
        }
    for (size_t cut = 0; cut < len; cut++)
        assert_false(pf_maildir_cache_parse(octets, cut, &image, &cached));
    assert_true(pf_maildir_cache_parse(octets, len, &image, &cached));
    pf_maildir_image_done(&image); /* had taken the octets over */
}

static void a_damaged_cache_is_made_anew(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;
    size_t len;

    some_mail(r);
    rig_open(r, &s);
    rig_close(&s);
    free(cache_octets(r, &len));
    for (int how = 0; how < 4; how++) {
        if (how == 0)
            assert_int_equal(truncate(rig_at(r, "postfach-cache"), (off_t)len / 2), 0);
        if (how == 1)
            assert_int_equal(truncate(rig_at(r, "postfach-cache"), 0), 0);
        if (how == 2)
            assert_int_equal(truncate(rig_at(r, "postfach-cache"), (off_t)len + 8), 0);
        if (how == 3) {
            rig_remove(r, "postfach-cache");
            assert_int_equal(symlink("/etc/passwd", rig_at(r, "postfach-cache")), 0);
        }
        rig_open(r, &s);
        expect_some_mail(&s);
        assert_int_equal(s.box->counts.cached, 0);
        rig_close(&s);
        rig_open(r, &s);
        assert_int_equal(s.box->counts.cached, 1);
        rig_close(&s);
    }
}

/* The owner of a maildrop can write any cache with a right sum. It may deceive him, but not lead us to
 * files elsewhere. */
static void a_forged_cache_reaches_no_other_file(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;
    size_t len;
    char *octets, *name;
    int fd;

    rig_put(r, "cur/1.M1P1.secretive,S=17,W=20", text);
    rig_put(r, "secret", text);
    rig_open(r, &s);
    rig_close(&s);
    octets = cache_octets(r, &len);
    name = memmem(octets, len, "1.M1P1.secretive,S=17,W=20", 26);
    assert_non_null(name);
    memcpy(name, "../secret\0", 10);
    {
        struct pf_maildir_image image;
        struct pf_maildir_state cached;

        pf_maildir_cache_sum(octets, len);
        assert_true(pf_maildir_cache_parse(octets, len, &image, &cached));
    }
    fd = open(rig_at(r, "postfach-cache"), O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_int_equal(write(fd, octets, len), (ssize_t)len);
    close(fd);
    free(octets);
    rig_open(r, &s);
    assert_int_equal(s.box->counts.cached, 1);
    {
        unsigned char room[64];
        struct pf_span out = {room, 0, sizeof room};

        assert_int_equal(rig_read(&s, 0, 64, &out), PF_GONE);
    }
    assert_int_equal(rig_expunge(&s, 0, NULL), PF_OK);
    rig_close(&s);
    assert_true(rig_has(r, "secret"));
}

static void a_folder_that_cannot_be_written_has_no_cache_but_mail(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    some_mail(r);
    assert_int_equal(mkdir(rig_at(r, "postfach-cache"), 0700), 0);
    for (int i = 0; i < 2; i++) {
        rig_open(r, &s);
        expect_some_mail(&s);
        rig_close(&s);
        assert_false(rig_has(r, "postfach-cache.tmp"));
    }
}

static void a_list_edited_by_hand_is_noticed(void **state)
{
    struct rig *r = rig_of(state);
    struct session s;

    some_mail(r);
    rig_open(r, &s);
    rig_close(&s);
    rig_put(r, "postfach-uidl", "postfach-uidl 1\nimported - - 1.M1P1.h\n");
    rig_open(r, &s);
    assert_string_equal(rig_uidl(&s, 0), "imported");
    rig_close(&s);
}

#define R(f) cmocka_unit_test_setup_teardown(f, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        R(md_023_counted_sizes_are_kept), R(an_unchanged_maildrop_is_not_read),
        R(sizes_in_names_open_nothing), R(racy_folders_are_read_again),
        R(a_folder_time_that_was_set_back_does_not_deceive), R(any_change_of_a_folder_is_seen),
        R(a_file_replaced_under_its_name_is_found), R(a_copied_maildrop_keeps_its_uidls),
        R(nothing_is_listed_that_only_the_cache_knows), R(damage_anywhere_is_seen),
        R(a_damaged_cache_is_made_anew), R(a_forged_cache_reaches_no_other_file),
        R(a_folder_that_cannot_be_written_has_no_cache_but_mail),
        R(a_list_edited_by_hand_is_noticed),
    };

    return RUN(tests);
}
