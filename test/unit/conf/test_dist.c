/* What is shipped beside the program: the example, and the manual page made from the list. */
#include "unit/conf/same_conf.h"
#include "unit/conf/told.h"

#include "conf/man_page.h"

static char example[32768], changed[32768];

static void read_file(const char *path, char *out_text, size_t cap)
{
    FILE *file = fopen(path, "re");
    size_t len;

    assert_non_null(file);
    len = fread(out_text, 1, cap, file);
    assert_in_range(len, 1, cap - 1);
    out_text[len] = 0;
    fclose(file);
}

static void the_example_is_good(void **state)
{
    struct pf_conf *c;

    (void)state;
    read_file(EXAMPLE, example, sizeof example);
    c = told_good(example);
    assert_int_equal(c->listen_count, 4);
    assert_string_equal(c->run_as, "vmail");
    for (size_t i = 0; i < c->listen_count; i++)
        assert_true(c->listens[i].tls != PF_CONF_TLS_NONE && !c->listens[i].plaintext_login);
    pf_conf_free(c);
}

/* A `#` right before a name disables a setting; before a space it is a comment. The `include` names a
 * file that only the administrator has. */
static void enable_all(void)
{
    char *to = changed;

    read_file(EXAMPLE, example, sizeof example);
    for (char *c = example; *c; c++)
        if (*c != '#' || (c != example && c[-1] != '\n') || strncmp(c, "#include", 8) == 0)
            *to++ = *c;
        else if (c[1] == ' ' && c[2] != ' ')
            *to++ = *c;
        else if (c[1] == '\n' || strncmp(c, "#     p", 7) == 0 || strncmp(c, "#     s", 7) == 0)
            *to++ = *c;
    *to = 0;
}

static void what_the_example_disables_is_the_default(void **state)
{
    struct pf_conf *plain, *all;

    (void)state;
    enable_all();
    plain = told_good(example);
    all = told_good(changed);
    for (size_t i = 0; i < PF_CONF_ROWS; i++) {
        const struct pf_conf_row *row = &pf_conf_rows[i];
        struct pf_conf_draft one = {.conf = *plain}, other = {.conf = *all};

        if (row->initial[0])
            assert_true(pf_conf_value_equal(row, &one, &other));
    }
    assert_string_equal(all->hostname, "mail.example.org");
    assert_int_equal(all->listen_count, 11);
    assert_int_equal(all->listens[6].protocol, PF_CONF_LMTP);
    assert_string_equal(all->listens[6].address, "/run/postfach/lmtp");
    assert_int_equal(all->pair_count, 2);
    pf_conf_free(plain);
    pf_conf_free(all);
}

static void the_example_names_every_setting(void **state)
{
    (void)state;
    enable_all();
    for (size_t i = 0; i < PF_CONF_ROWS; i++) {
        char at_line[64], in_line[64];

        snprintf(at_line, sizeof at_line, "\n%s%s ", pf_conf_rows[i].block ? "    " : "",
                 pf_conf_rows[i].name);
        snprintf(in_line, sizeof in_line, " %s ", pf_conf_rows[i].name);
        assert_true(strstr(changed, at_line) || (pf_conf_rows[i].block && strstr(changed, in_line)));
    }
}

static void the_manual_page_is_up_to_date(void **state)
{
    static char kept[65536], made[65536];
    FILE *prose = fopen(PROSE, "re"), *to = fmemopen(made, sizeof made, "w");

    (void)state;
    assert_true(prose && to);
    assert_true(pf_conf_man_page(prose, to));
    fclose(prose);
    assert_int_equal(fclose(to), 0);
    read_file(PAGE, kept, sizeof kept);
    assert_string_equal(kept, made); /* `ninja conf-man-page` makes it anew */
}

static void a_page_without_a_place_for_settings_is_no_page(void **state)
{
    char text[] = ".Dd today\n", made[64];
    FILE *prose = fmemopen(text, sizeof text - 1, "r"), *to = fmemopen(made, sizeof made, "w");

    (void)state;
    assert_true(prose && to);
    assert_false(pf_conf_man_page(prose, to));
    fclose(prose);
    fclose(to);
}

/* The page's lines are broken at single spaces; a backslash would be an escape. */
static void helps_are_plain_sentences(void **state)
{
    (void)state;
    for (size_t i = 0; i < PF_CONF_ROWS; i++) {
        const char *help = pf_conf_rows[i].help;

        assert_null(strstr(help, "  "));
        assert_null(strchr(help, '\\'));
        assert_true(help[0] >= 'A' && help[0] <= 'Z');
        assert_int_equal(help[strlen(help) - 1], '.');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_example_is_good),
        T(what_the_example_disables_is_the_default),
        T(the_example_names_every_setting),
        T(the_manual_page_is_up_to_date),
        T(a_page_without_a_place_for_settings_is_no_page),
        T(helps_are_plain_sentences),
    };

    return RUN(tests);
}
