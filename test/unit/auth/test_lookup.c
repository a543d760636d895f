#include "unit/cm.h"

#include "auth/lookup.h"
#include "auth/lookup_aliases.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char dir[64], users_file[96], aliases_file[96];

/* Written long ago, as far as its stamp tells: else it would be taken for one that is being written. */
static void write_file(const char *path, const char *text, int age)
{
    FILE *file = fopen(path, "we");
    struct timespec times[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(utimensat(0, path, times, 0), 0);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/postfach-lookup.XXXXXX");
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

static const char users[] = "anna:{PLAIN}x\nbob@example.org:{PLAIN}x::::::maildrop=/bobs\n"
                            "Carla:{PLAIN}x\na+b:{PLAIN}x\nlocked:!\n";

static struct pf_lookup_settings settings(void)
{
    return (struct pf_lookup_settings){
        .users = {.password_file = users_file, .hashes_at_once = 1, .allow_weak_schemes = true}, .fold = true};
}

static struct pf_recipients *open_with(const char *aliases, const char *domains, bool fold)
{
    struct pf_lookup_settings s = settings();
    struct pf_err err = {0};
    struct pf_recipients *r;

    write_file(users_file, users, 100);
    s.domains = domains;
    s.fold = fold;
    if (aliases) {
        write_file(aliases_file, aliases, 100);
        s.aliases = aliases_file;
    }
    r = pf_recipients_open(&s, &err);
    assert_string_equal(err.log, "");
    assert_non_null(r);
    return r;
}

/* The users found with blanks between, or the verdict's name. */
static const char *who(struct pf_recipients *r, const char *address)
{
    static char text[1000];
    struct pf_found found = {0};
    struct pf_err err;
    enum pf_code code = pf_recipients_find(r, pf_bytes_of(address), &found, &err);

    if (code != PF_OK)
        return pf_verdict(code)->name;
    text[0] = 0;
    for (size_t i = 0; i < found.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", found.users[i].name);
    free(found.users);
    return text;
}

static void s_015_case_of_a_domain_never_matters_of_a_name_by_setting(void **state)
{
    struct pf_recipients *r = open_with(NULL, NULL, true);

    (void)state;
    assert_string_equal(who(r, "anna@any.example"), "anna");
    assert_string_equal(who(r, "ANNA@any.example"), "anna");
    assert_string_equal(who(r, "BOB@EXAMPLE.org"), "bob@example.org");
    assert_string_equal(who(r, "Carla@x"), "Carla");
    assert_string_equal(who(r, "locked@x"), "locked");
    assert_string_equal(who(r, "bob@example.net"), "NO_USER");
    pf_recipients_free(r);
    r = open_with(NULL, NULL, false);
    assert_string_equal(who(r, "ANNA@x"), "NO_USER");
    assert_string_equal(who(r, "bob@EXAMPLE.ORG"), "bob@example.org");
    pf_recipients_free(r);
}

static void names_without_domain_are_users_of_the_domains_served(void **state)
{
    struct pf_recipients *r = open_with(NULL, "one.example two.example", true);

    (void)state;
    assert_string_equal(who(r, "anna@ONE.example"), "anna");
    assert_string_equal(who(r, "anna@two.example"), "anna");
    assert_string_equal(who(r, "anna@three.example"), "NO_USER");
    assert_string_equal(who(r, "anna@one"), "NO_USER");
    assert_string_equal(who(r, "anna"), "anna");
    assert_string_equal(who(r, "bob@example.org"), "bob@example.org");
    pf_recipients_free(r);
}

/* RFC 5233 */
static void s_042_a_detail_belongs_to_the_user_before_it(void **state)
{
    struct pf_recipients *r = open_with(NULL, NULL, true);

    (void)state;
    assert_string_equal(who(r, "anna+lists@x"), "anna");
    assert_string_equal(who(r, "anna+a+b@x"), "anna");
    assert_string_equal(who(r, "bob+x@example.org"), "bob@example.org");
    assert_string_equal(who(r, "a+b@x"), "a+b"); /* who is really called so */
    assert_string_equal(who(r, "+anna@x"), "NO_USER");
    pf_recipients_free(r);
}

static void s_018_quotes_that_are_not_needed_do_not_matter(void **state)
{
    struct pf_recipients *r = open_with(NULL, NULL, true);

    (void)state;
    assert_string_equal(who(r, "\"anna\"@x"), "anna");
    assert_string_equal(who(r, "\"an\\na\"@x"), "anna");
    assert_string_equal(who(r, "\"\"@x"), "NO_USER");
    assert_string_equal(who(r, "\""), "NO_USER");
    pf_recipients_free(r);
}

static void addresses_that_nobody_can_have(void **state)
{
    struct pf_recipients *r = open_with("@example.org: anna\n", NULL, true);
    char large[2000];

    (void)state;
    memset(large, 'a', sizeof large);
    large[sizeof large - 1] = 0;
    assert_string_equal(who(r, ""), "NO_USER");
    assert_string_equal(who(r, "@"), "NO_USER");
    assert_string_equal(who(r, "@example.org"), "NO_USER");
    assert_string_equal(who(r, large), "NO_USER");
    assert_string_equal(who(r, "../anna@x"), "NO_USER");
    assert_string_equal(who(r, "an\nna@x"), "NO_USER");
    pf_recipients_free(r);
}

static void aliases_lead_to_users(void **state)
{
    struct pf_recipients *r = open_with("# all\n\nteam@example.org: anna, bob@example.org ,anna\r\n"
                                        "postmaster : Carla\nall@example.org:team@example.org,postmaster\n"
                                        "anna@example.org: Anna@example.org, bob@example.org\n"
                                        "@rest.example: anna\nghost@x: nobody\n",
                                        NULL, true);

    (void)state;
    assert_string_equal(who(r, "TEAM@Example.org"), "anna bob@example.org");
    assert_string_equal(who(r, "team+x@example.org"), "anna bob@example.org");
    assert_string_equal(who(r, "Postmaster"), "Carla"); /* S-014 */
    assert_string_equal(who(r, "all@example.org"), "anna bob@example.org Carla");
    assert_string_equal(who(r, "anna@example.org"), "anna bob@example.org");
    assert_string_equal(who(r, "whoever@rest.example"), "anna");
    assert_string_equal(who(r, "Carla@rest.example"), "Carla");
    assert_string_equal(who(r, "whoever@else.example"), "NO_USER");
    assert_string_equal(who(r, "ghost@x"), "TEMP"); /* mail waits until the alias is put right */
    pf_recipients_free(r);
}

/* The catch-all of a domain catches its own target, when that is no user. */
static void a_circle_through_a_catch_all_ends(void **state)
{
    struct pf_recipients *r = open_with("@c.example: nobody@c.example\n", NULL, true);

    (void)state;
    assert_string_equal(who(r, "x@c.example"), "TEMP");
    pf_recipients_free(r);
}

static void refuses(const char *text, const char *why)
{
    struct pf_err err = {0};

    assert_null(pf_aliases_parse("f", strdup(text), strlen(text), true, &err));
    assert_int_equal(err.code, PF_CONFIG);
    assert_string_equal(err.log, why);
}

static void mistakes_are_told_with_their_lines(void **state)
{
    (void)state;
    refuses("# x\nanna bob\n",
            "f: 1 bad line, the first is line 2: an alias and its targets have a colon between them");
    refuses("a:\n", "f: 1 bad line, the first is line 1: an address is empty");
    refuses("a: b,,c\n:x\n", "f: 2 bad lines, the first is line 1: an address is empty");
    refuses("a: |/bin/x\n", "f: 1 bad line, the first is line 1: files, programs and :include: are no targets here: "
                            "write the names of users");
    refuses("a: b c\n", "f: 1 bad line, the first is line 1: an address has a blank or a control character in it: "
                        "targets need commas between them");
    refuses("a: @b\n", "f: 1 bad line, the first is line 1: @domain stands left of the colon only");
    refuses("a@: b\n", "f: 1 bad line, the first is line 1: an address has no domain behind its @");
    refuses("a: x\nb: x\nA: y\n", "f: 1 bad line, the first is line 3: this alias stands in the file twice");
    refuses("a: b\nb: c\nc: x, a\n", "f: 1 bad line, the first is line 1: these aliases lead in a circle");
}

static void depth_and_breadth_have_ends(void **state)
{
    char text[4000] = "";
    struct pf_aliases *good;

    (void)state;
    for (int i = 0; i < PF_ALIAS_DEPTH_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "a%d: a%d\n", i, i + 1);
    good = pf_aliases_parse("f", strdup(text), strlen(text), true, NULL);
    assert_non_null(good);
    assert_int_equal(pf_aliases_find(good, PF_LIT("a3"))->count, 1);
    pf_aliases_free(good);
    snprintf(text + strlen(text), sizeof text - strlen(text), "a%d: x\nx: y\n", PF_ALIAS_DEPTH_MAX);
    refuses(text, "f: 1 bad line, the first is line 1: aliases lead to each other more than 10 deep");
    snprintf(text, sizeof text, "a: x");
    for (int i = 0; i < PF_ALIAS_TARGETS_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), ",u%d", i);
    refuses(text, "f: 1 bad line, the first is line 1: an alias has more than 100 targets");
}

/* Each list names the next one fifty times: 50^9 ways, each row walked once. */
static void a_tangle_costs_little(void **state)
{
    char text[8000] = "";

    (void)state;
    for (int i = 0; i < 9; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "t%d: t%d", i, i + 1);
        for (int j = 0; j < 50; j++)
            snprintf(text + strlen(text), sizeof text - strlen(text), ",t%d", i + 1);
        strncat(text, "\n", 2);
    }
    strncat(text, "t9: anna\n", 10);
    {
        struct pf_recipients *r = open_with(text, NULL, true);

        assert_string_equal(who(r, "t0@x"), "TEMP");
        assert_string_equal(who(r, "t9@x"), "anna");
        pf_recipients_free(r);
    }
}

/* A user who was added a moment ago must not bounce, nor one whose file is just being written. */
static void nobody_is_refused_by_what_was_true_before(void **state)
{
    struct pf_recipients *r = open_with("x: anna\n", NULL, true);
    struct pf_err err;

    (void)state;
    assert_string_equal(who(r, "dora@x"), "NO_USER");
    write_file(users_file, "anna:{PLAIN}x\ndora:{PLAIN}x\n", 50);
    assert_string_equal(who(r, "dora@x"), "dora");
    write_file(aliases_file, "new@x: dora\n", 50);
    assert_string_equal(who(r, "new@x"), "dora");
    write_file(users_file, "anna:{PLAIN}x\n", 0);
    assert_string_equal(who(r, "nobody@x"), "TEMP");
    write_file(users_file, "anna:{PLAIN}x\n", 40);
    assert_string_equal(who(r, "nobody@x"), "NO_USER");
    write_file(aliases_file, "broken\n", 30);
    assert_string_equal(who(r, "nobody@x"), "TEMP"); /* the old aliases do not know who is meant to be there now */
    assert_string_equal(who(r, "anna@x"), "anna");
    assert_true(pf_recipients_trouble(r, &err));
    assert_non_null(strstr(err.log, "line 1"));
    assert_false(pf_recipients_trouble(r, &err));
    write_file(aliases_file, "mended@x: anna\n", 25);
    assert_string_equal(who(r, "mended@x"), "anna");
    assert_string_equal(who(r, "nobody@x"), "NO_USER");
    write_file(users_file, "anna\n", 35);
    assert_string_equal(who(r, "nobody@x"), "TEMP");
    assert_true(pf_recipients_trouble(r, &err));
    pf_recipients_free(r);
}

static void a_broken_file_at_the_start_is_an_error(void **state)
{
    struct pf_lookup_settings s = settings();
    struct pf_err err = {0};

    (void)state;
    write_file(users_file, users, 100);
    write_file(aliases_file, "a: a, b\nb: a\n", 100);
    s.aliases = aliases_file;
    assert_null(pf_recipients_open(&s, &err));
    assert_int_equal(err.code, PF_CONFIG);
    unlink(aliases_file);
    assert_null(pf_recipients_open(&s, &err));
    s.aliases = NULL;
    unlink(users_file);
    assert_null(pf_recipients_open(&s, &err));
}

struct asked {
    struct pf_lookup_ask ask;
    unsigned done;
};

static void note(struct pf_lookup_ask *ask)
{
    ((struct asked *)ask)->done++;
}

static void the_door_answers_once_and_later(void **state)
{
    struct pf_lookup_settings s = settings();
    struct pf_loop *loop = pf_loop_new(NULL);
    struct asked one = {.ask = {.done = note, .address = PF_LIT("anna@x")}};
    struct asked two = {.ask = {.done = note, .address = PF_LIT("nobody@x")}};
    struct asked gone = {.ask = {.done = note, .address = PF_LIT("anna@x")}};
    struct pf_lookup *lookup;
    struct pf_err err;

    (void)state;
    write_file(users_file, users, 100);
    lookup = pf_lookup_new(loop, &s, NULL);
    assert_non_null(lookup);
    assert_int_equal(pf_lookup_ask(lookup, &one.ask), PF_OK);
    assert_int_equal(pf_lookup_ask(lookup, &two.ask), PF_OK);
    assert_int_equal(pf_lookup_ask(lookup, &gone.ask), PF_OK);
    pf_lookup_abandon(lookup, &gone.ask);
    assert_int_equal(pf_lookup_reload(lookup, &s, NULL), PF_OK); /* under way they use the old */
    assert_int_equal(one.done + two.done, 0);
    while (!one.done || !two.done)
        pf_loop_turn(loop, true);
    assert_int_equal(one.ask.err.code, PF_OK);
    assert_int_equal(one.ask.count, 1);
    assert_string_equal(one.ask.users[0].name, "anna");
    assert_int_equal(two.ask.err.code, PF_NO_USER);
    assert_string_equal(pf_err_say(&two.ask.err), "no such user here");
    free(one.ask.users);
    one.ask.address = PF_LIT("");
    assert_int_equal(pf_lookup_ask(lookup, &one.ask), PF_NO_USER);
    assert_false(pf_lookup_trouble(lookup, &err));
    s.aliases = "/nonexistent/aliases";
    assert_int_equal(pf_lookup_reload(lookup, &s, &err), PF_CONFIG);
    pf_lookup_free(lookup);
    assert_int_equal(gone.done, 0);
    while (pf_loop_turn(loop, true))
        ;
    pf_loop_free(loop);
}

#define L(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        L(s_015_case_of_a_domain_never_matters_of_a_name_by_setting),
        L(names_without_domain_are_users_of_the_domains_served),
        L(s_042_a_detail_belongs_to_the_user_before_it),
        L(s_018_quotes_that_are_not_needed_do_not_matter),
        L(addresses_that_nobody_can_have),
        L(aliases_lead_to_users),
        L(a_circle_through_a_catch_all_ends),
        T(mistakes_are_told_with_their_lines),
        T(depth_and_breadth_have_ends),
        L(a_tangle_costs_little),
        L(nobody_is_refused_by_what_was_true_before),
        L(a_broken_file_at_the_start_is_an_error),
        L(the_door_answers_once_and_later),
    };

    return RUN(tests);
}
