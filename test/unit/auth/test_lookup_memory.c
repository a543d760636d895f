/* Every allocation of a lookup fails once. What may never come of it: that somebody who is here is unknown, for
 * his mail would be sent back. */
#include "unit/cm.h"

#include "auth/lookup.h"

#include "unit/scarce.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char dir[64], users_file[96], aliases_file[96];

static void write_file(const char *path, const char *text, int age)
{
    struct timespec times[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(utimensat(0, path, times, 0), 0);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/postfach-scarce.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(users_file, sizeof users_file, "%s/users", dir);
    snprintf(aliases_file, sizeof aliases_file, "%s/aliases", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(users_file);
    unlink(aliases_file);
    return rmdir(dir);
}

static struct pf_lookup_settings settings(void)
{
    write_file(users_file, "anna:{PLAIN}x\nBob:{PLAIN}x\ncarla@x:{PLAIN}x\n", 100);
    write_file(aliases_file, "all: anna, bob, carla@x\n@y: all\n", 100);
    return (struct pf_lookup_settings){
        .users = {.password_file = users_file, .hashes_at_once = 1, .allow_weak_schemes = true},
        .aliases = aliases_file, .domains = "x z", .fold = true};
}

/* Asks with the n-th allocation failing; PF_OK always brings all who are meant. */
static enum pf_code find(struct pf_recipients *r, const char *address, size_t count)
{
    struct pf_found found = {0};
    struct pf_err err = {0};
    enum pf_code code = pf_recipients_find(r, pf_bytes_of(address), &found, &err);

    assert_int_equal(found.count, code == PF_OK ? count : 0);
    if (code != PF_OK && !failed)
        fail_msg("%s: %s", address, err.log);
    if (code != PF_OK)
        assert_true(code == PF_NO_MEMORY || code == PF_TEMP);
    free(found.users);
    return code;
}

static void opening_fails_whole(void **state)
{
    struct pf_lookup_settings s = settings();
    unsigned long n = 0;

    (void)state;
    do {
        struct pf_err err = {0};
        struct pf_recipients *r;

        failed = false;
        countdown = ++n;
        r = pf_recipients_open(&s, &err);
        countdown = 0;
        assert_int_equal(r == NULL, failed);
        if (!r)
            assert_int_equal(err.code, PF_NO_MEMORY);
        pf_recipients_free(r);
    } while (failed);
    assert_true(n > 10);
}

static void nobody_is_unknown_for_want_of_memory(void **state)
{
    struct pf_lookup_settings s = settings();
    struct pf_recipients *r = pf_recipients_open(&s, NULL);
    unsigned long n = 0;
    enum pf_code code;

    (void)state;
    assert_non_null(r);
    do {
        failed = false;
        countdown = ++n;
        code = find(r, "whoever@y", 3);
        countdown = 0;
        assert_int_equal(code, failed ? PF_NO_MEMORY : PF_OK);
    } while (failed);
    assert_true(n > 3);
    pf_recipients_free(r);
}

/* A file that changed is read anew; when that fails it was not looked at, and is the next time. */
static void a_change_is_not_lost_for_want_of_memory(void **state)
{
    unsigned long n = 0;

    (void)state;
    do {
        struct pf_lookup_settings s = settings();
        struct pf_recipients *r = pf_recipients_open(&s, NULL);
        struct pf_err err;
        enum pf_code code;

        assert_non_null(r);
        write_file(users_file, "anna:{PLAIN}x\nBob:{PLAIN}x\ncarla@x:{PLAIN}x\nDora:{PLAIN}x\n", 50);
        write_file(aliases_file, "all: anna, bob, carla@x, dora\n@y: all\nnew: all\n", 50);
        failed = false;
        countdown = ++n;
        code = find(r, "new@x", 4);
        countdown = 0;
        assert_true(code == PF_OK || failed);
        assert_int_equal(find(r, "new@x", 4), PF_OK);
        assert_true(!failed || code != PF_TEMP || pf_recipients_trouble(r, &err));
        pf_recipients_free(r);
    } while (failed);
    assert_true(n > 10);
}

static void note(struct pf_lookup_ask *ask)
{
    assert_null(ask->state);
}

/* The whole door, its thread included. */
static void the_door_says_why(void **state)
{
    struct pf_lookup_settings s = settings();
    struct pf_loop *loop = pf_loop_new(NULL);
    unsigned long n = 0;
    bool some;

    (void)state;
    do {
        struct pf_lookup_ask ask = {.done = note, .address = PF_LIT("all@x")};
        struct pf_err err = {0};
        struct pf_lookup *lookup;

        failed = false;
        countdown = ++n;
        lookup = pf_lookup_new(loop, &s, &err);
        if (lookup && pf_lookup_reload(lookup, &s, &err) == PF_OK && pf_lookup_ask(lookup, &ask) == PF_OK)
            while (ask.state)
                pf_loop_turn(loop, true);
        countdown = 0;
        some = failed;
        assert_int_equal(ask.count, some ? 0 : 3);
        assert_true(!some || err.code == PF_NO_MEMORY || ask.err.code == PF_NO_MEMORY);
        free(ask.users);
        pf_lookup_free(lookup);
    } while (some);
    assert_true(n > 20);
    while (pf_loop_turn(loop, true))
        ;
    pf_loop_free(loop);
}

#define L(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        L(opening_fails_whole),
        L(nobody_is_unknown_for_want_of_memory),
        L(a_change_is_not_lost_for_want_of_memory),
        L(the_door_says_why),
    };

    return RUN(tests);
}
