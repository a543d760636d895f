#include "unit/store/test_maildir_rig.h"

#include "store/maildir/scan.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char text[] = "a\n";

struct scene {
    struct pf_maildir_dirs dirs;
    struct pf_maildir_counts counts;
    struct pf_maildir_scanner scanner;
    struct pf_maildir_scan scan;
};

static void look(struct rig *r, struct scene *c)
{
    const struct pf_maildir_settings settings = {0};
    struct pf_err err;

    *c = (struct scene){.dirs = PF_MAILDIR_NO_DIRS};
    assert_int_equal(pf_maildir_dirs_open(&settings, r->path, &c->dirs, &err), PF_OK);
    c->scanner = (struct pf_maildir_scanner){&c->dirs, r->path, 7, &c->counts};
    assert_int_equal(pf_maildir_scan(&c->scanner, &c->scan, &err), PF_OK);
}

static void leave(struct scene *c)
{
    pf_maildir_image_done(&c->scan.image);
    pf_maildir_dirs_close(&c->dirs);
}

static void a_quiet_folder_is_read_once(void **state)
{
    struct rig *r = rig_of(state);
    struct scene c;

    rig_put(r, "new/1.M1P1.h", text);
    rig_put(r, "cur/2.M1P1.h:2,S", text);
    look(r, &c);
    assert_true(c.scan.quiet);
    assert_int_equal(c.counts.scans, 1);
    assert_int_equal(c.scan.image.count, 2);
    leave(&c);
}

static void md_028_a_scan_under_dovecots_lock_is_not_believed(void **state)
{
    struct rig *r = rig_of(state);
    struct scene c;

    rig_put(r, "new/1.M1P1.h", text);
    rig_put(r, "dovecot-uidlist.lock", "");
    look(r, &c);
    assert_false(c.scan.quiet);
    assert_true(c.counts.scans > 1 && c.counts.scans < 20);
    assert_int_equal(c.scan.image.count, 1);
    leave(&c);
    rig_touch(r, "dovecot-uidlist.lock", time(NULL) - 200);
    look(r, &c);
    assert_true(c.scan.quiet);
    assert_int_equal(c.counts.scans, 1);
    leave(&c);
}

static void joined_scans_have_every_message_once(void **state)
{
    struct rig *r = rig_of(state);
    struct scene first, second;
    struct pf_err err;

    rig_put(r, "new/1.M1P1.h", text);
    rig_put(r, "cur/2.M1P1.h:2,", text);
    look(r, &first);
    rig_move(r, "new/1.M1P1.h", "cur/1.M1P1.h:2,S");
    rig_remove(r, "cur/2.M1P1.h:2,");
    rig_put(r, "cur/3.M1P1.h", text);
    look(r, &second);
    assert_int_equal(pf_maildir_scan_join(&second.scanner, &second.scan.image, &first.scan.image, &err),
                     PF_OK);
    assert_int_equal(second.scan.image.count, 3);
    for (uint32_t i = 0; i < 3; i++)
        if (pf_maildir_image_base(&second.scan.image, i).at[0] == '1')
            assert_true(pf_maildir_image_in_cur(&second.scan.image, i));
    leave(&first);
    leave(&second);
}

static void put_many(struct rig *r, int count)
{
    char name[64];

    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "cur/%d.M1P1.h:2,", 1700000000 + i);
        rig_put(r, name, text);
    }
}

/* Gives and takes the flag S until it is killed. */
static void rename_for_ever(struct rig *r, int count)
{
    char plain[64], seen[64], from[512];

    for (unsigned round = 0;; round++)
        for (int i = 0; i < count; i++) {
            snprintf(plain, sizeof plain, "cur/%d.M1P1.h:2,", 1700000000 + i);
            snprintf(seen, sizeof seen, "cur/%d.M1P1.h:2,S", 1700000000 + i);
            snprintf(from, sizeof from, "%s", rig_at(r, round & 1 ? seen : plain));
            if (rename(from, rig_at(r, round & 1 ? plain : seen)) != 0)
                _exit(1);
        }
}

static void md_017_no_message_is_lost_to_renames(void **state)
{
    enum { MESSAGES = 300, LOOKS = 20 };
    struct rig *r = rig_of(state);
    struct session s;
    pid_t child;

    put_many(r, MESSAGES);
    rig_open(r, &s);
    assert_int_equal(s.listing.count, MESSAGES);
    rig_close(&s);
    child = fork();
    if (child == 0)
        rename_for_ever(r, MESSAGES);
    for (int i = 0; i < LOOKS; i++) {
        rig_open(r, &s);
        assert_true(s.listing.count >= MESSAGES - 1); /* one name may be between its two */
        assert_true(s.listing.count <= MESSAGES);
        for (uint32_t k = 0; k < s.listing.count; k++)
            assert_int_equal(pf_listing_uidl(&s.listing, k).len, 17);
        rig_close(&s);
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    rig_open(r, &s);
    assert_int_equal(s.listing.count, MESSAGES);
    for (uint32_t k = 0; k < MESSAGES; k += 50)
        rig_reads_as(&s, k, text);
    rig_close(&s);
}

static void a_big_maildrop_is_listed_whole(void **state)
{
    struct rig *r = rig_of(state);
    struct scene c;

    put_many(r, 3000); /* more than one buffer of directory entries */
    look(r, &c);
    assert_int_equal(c.scan.image.count, 3000);
    leave(&c);
}

#define R(f) cmocka_unit_test_setup_teardown(f, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        R(a_quiet_folder_is_read_once), R(md_028_a_scan_under_dovecots_lock_is_not_believed),
        R(joined_scans_have_every_message_once), R(md_017_no_message_is_lost_to_renames),
        R(a_big_maildrop_is_listed_whole),
    };

    return RUN(tests);
}
