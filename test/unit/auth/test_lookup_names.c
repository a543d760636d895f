#include "unit/cm.h"

#include "auth/lookup.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char users_file[64];

static void write_users(const char *text, int age)
{
    struct timespec times[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
    FILE *file = fopen(users_file, "we");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(utimensat(0, users_file, times, 0), 0);
}

static struct pf_lookup_settings settings(bool fold)
{
    return (struct pf_lookup_settings){
        .users = {.password_file = users_file, .hashes_at_once = 1, .allow_weak_schemes = true}, .fold = fold};
}

static int set_up(void **state)
{
    int fd;

    (void)state;
    snprintf(users_file, sizeof users_file, "/tmp/postfach-names.XXXXXX");
    fd = mkostemp(users_file, 02000000);
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(users_file);
}

static struct pf_recipients *open_with(const char *users, bool fold)
{
    struct pf_lookup_settings s = settings(fold);
    struct pf_recipients *r;

    write_users(users, 100);
    r = pf_recipients_open(&s, NULL);
    assert_non_null(r);
    return r;
}

static const char *who(struct pf_recipients *r, const char *address)
{
    static char name[PF_AUTH_NAME_MAX + 1];
    struct pf_found found = {0};
    enum pf_code code = pf_recipients_find(r, pf_bytes_of(address), &found, NULL);

    if (code != PF_OK)
        return pf_verdict(code)->name;
    assert_int_equal(found.count, 1);
    memcpy(name, found.users[0].name, sizeof name);
    free(found.users);
    return name;
}

static void s_015_a_user_with_capitals_gets_mail_in_any_case(void **state)
{
    struct pf_recipients *r =
        open_with("Anna:{PLAIN}x\nbob:{PLAIN}x\nCarla@Example.ORG:{PLAIN}x\nA.B@x:{PLAIN}x\n", true);

    (void)state;
    assert_string_equal(who(r, "anna@any.example"), "Anna");
    assert_string_equal(who(r, "ANNA@any.example"), "Anna");
    assert_string_equal(who(r, "Anna"), "Anna");
    assert_string_equal(who(r, "anna+lists@any.example"), "Anna");
    assert_string_equal(who(r, "BOB@x"), "bob");
    assert_string_equal(who(r, "carla@example.org"), "Carla@Example.ORG");
    assert_string_equal(who(r, "CARLA@EXAMPLE.ORG"), "Carla@Example.ORG");
    assert_string_equal(who(r, "a.b@x"), "A.B@x");
    assert_string_equal(who(r, "carla@example.com"), "NO_USER");
    assert_string_equal(who(r, "ann@x"), "NO_USER");
    assert_string_equal(who(r, "annab@x"), "NO_USER");
    pf_recipients_free(r);
}

static void s_015_without_folding_only_the_domain_may_differ(void **state)
{
    struct pf_recipients *r = open_with("Anna:{PLAIN}x\nCarla@Example.ORG:{PLAIN}x\n", false);

    (void)state;
    assert_string_equal(who(r, "anna@x"), "NO_USER");
    assert_string_equal(who(r, "Anna@x"), "Anna");
    assert_string_equal(who(r, "Carla@example.org"), "Carla@Example.ORG");
    assert_string_equal(who(r, "carla@example.org"), "NO_USER");
    pf_recipients_free(r);
}

/* Whoever is written exactly so has it; then whoever is in lower case; nobody guesses between others. */
static void two_users_who_differ_in_case_only(void **state)
{
    struct pf_recipients *r = open_with("ANNA:{PLAIN}x\nAnna:{PLAIN}x\nBob:{PLAIN}x\nbob:{PLAIN}x\n", true);

    (void)state;
    assert_string_equal(who(r, "Anna@x"), "Anna");
    assert_string_equal(who(r, "ANNA@x"), "ANNA");
    assert_string_equal(who(r, "anna@x"), "TEMP");
    assert_string_equal(who(r, "Bob@x"), "Bob");
    assert_string_equal(who(r, "bOB@x"), "bob");
    pf_recipients_free(r);
}

static void names_follow_the_file(void **state)
{
    struct pf_recipients *r = open_with("bob:{PLAIN}x\n", true);

    (void)state;
    assert_string_equal(who(r, "anna@x"), "NO_USER");
    write_users("bob:{PLAIN}x\nAnna:{PLAIN}x\n", 50);
    assert_string_equal(who(r, "anna@x"), "Anna");
    pf_recipients_free(r);
}

static void many_names_are_all_found(void **state)
{
    enum { COUNT = 5000 };
    char *text = malloc(COUNT * 40), name[40];
    struct pf_recipients *r;
    size_t len = 0;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < COUNT; i++)
        len += (size_t)snprintf(text + len, 40, "User%d@X.example:{PLAIN}x\n", i * 7919 % COUNT);
    r = open_with(text, true);
    for (int i = 0; i < COUNT; i += 7) {
        snprintf(name, sizeof name, "uSER%d@x.EXAMPLE", i);
        assert_memory_equal(who(r, name), "User", 4);
    }
    pf_recipients_free(r);
    free(text);
}

static void note(struct pf_lookup_ask *ask)
{
    assert_null(ask->state);
}

/* The door without settings keeps no users, refuses nobody for good, and takes settings later. */
static void nobody_is_in_memory_where_no_mail_comes(void **state)
{
    struct pf_loop *loop = pf_loop_new(NULL);
    struct pf_lookup *lookup = pf_lookup_new(loop, NULL, NULL);
    struct pf_lookup_settings s = settings(true);
    enum pf_code want[] = {PF_TEMP, PF_OK, PF_TEMP};

    (void)state;
    assert_non_null(lookup);
    write_users("anna:{PLAIN}x\n", 100);
    for (int i = 0; i < 3; i++) {
        struct pf_lookup_generation *g = pf_lookup_prepare(i == 1 ? &s : NULL, NULL);
        struct pf_lookup_ask ask = {.done = note, .address = PF_LIT("anna@x")};

        assert_non_null(g);
        pf_lookup_take(lookup, g);
        assert_int_equal(pf_lookup_ask(lookup, &ask), PF_OK);
        while (ask.state)
            pf_loop_turn(loop, true);
        assert_int_equal(ask.err.code, want[i]);
        assert_int_equal(ask.count, i == 1);
        free(ask.users);
    }
    pf_lookup_free(lookup);
    while (pf_loop_turn(loop, true))
        ;
    pf_loop_free(loop);
}

#define L(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        L(s_015_a_user_with_capitals_gets_mail_in_any_case),
        L(s_015_without_folding_only_the_domain_may_differ),
        L(two_users_who_differ_in_case_only),
        L(names_follow_the_file),
        L(many_names_are_all_found),
        L(nobody_is_in_memory_where_no_mail_comes),
    };

    return RUN(tests);
}
