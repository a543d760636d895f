#include "unit/conf/folder.h"
#include "unit/conf/told.h"

/* Reads a file of the folder, which must have these mistakes; names come without the folder. */
static void read_bad(struct folder *f, const char *name, const char *expected)
{
    struct told told = {.files = true};
    char text[sizeof told.text] = "";
    size_t len = strlen(f->path) + 1, used = 0;

    assert_null(pf_conf_read(folder_path(f, name), told_report, &told));
    for (const char *c = told.text; *c;) {
        bool here = strncmp(c, f->path, len - 1) == 0 && c[len - 1] == '/';

        c += here ? len : 0;
        text[used++] = *c++;
    }
    assert_string_equal(text, expected);
}

static struct pf_conf *read_good(struct folder *f, const char *name)
{
    struct told told = {0};
    struct pf_conf *conf = pf_conf_read(folder_path(f, name), told_report, &told);

    assert_string_equal(told.text, "");
    assert_non_null(conf);
    return conf;
}

static void a_file_is_looked_for_beside_the_one_that_names_it(void **state)
{
    struct folder f;
    struct pf_conf *c;
    char text[700];

    (void)state;
    folder_make(&f);
    snprintf(text, sizeof text,
             "version 1\ninclude one.conf\ninclude \"%s/two.conf\"\ntimes { idle 11m }", f.path);
    folder_write(&f, "main.conf", text);
    folder_write(&f, "one.conf", "version 1; listen 127.0.0.1:1 { tls none }; times { login 7s }");
    folder_write(&f, "two.conf", "listen 127.0.0.1:2 { tls none }\n# the end");
    c = read_good(&f, "main.conf");
    assert_int_equal(c->listen_count, 2);
    assert_int_equal(c->listens[1].port, 2);
    assert_int_equal(c->login_time, 7000);
    assert_int_equal(c->idle_time, 660000);
    pf_conf_free(c);
    folder_remove(&f);
}

static void mistakes_come_in_the_order_of_reading(void **state)
{
    struct folder f;

    (void)state;
    folder_make(&f);
    folder_write(&f, "main.conf", "a 1\ninclude one.conf\nlog { debug yes }\nlisten 1.2.3.4:5\nb 1");
    folder_write(&f, "one.conf",
                 "c 1\n# a comment, longer than what stands before the include\nlog {\n debug no");
    read_bad(&f, "main.conf",
             "main.conf:1:1: unknown setting `a` (postfach.conf(5) lists all settings)\n"
             "one.conf:1:1: unknown setting `c` (postfach.conf(5) lists all settings)\n"
             "one.conf:3:1: the block `log` has no closing `}` (put a } behind its last setting)\n"
             "main.conf:3:7: `debug` is set twice (the first time in one.conf on line 4, column 2)\n"
             "main.conf:4:1: this listener speaks TLS, and there is no certificate (add tls { "
             "certificate FILE; key "
             "FILE }, or write `tls none` for this listener)\n"
             "main.conf:5:1: unknown setting `b` (postfach.conf(5) lists all settings)\n");
    folder_write(&f, "two.conf", "listen 1.2.3.4:5 { tls none }");
    folder_write(&f, "main.conf", "include two.conf\nlisten 1.2.3.4:5 { tls none }\ninclude two.conf");
    read_bad(&f, "main.conf",
             "main.conf:2:1: 1.2.3.4:5 is listened to twice (the first time in two.conf on line 1)\n"
             "two.conf:1:1: 1.2.3.4:5 is listened to twice (the first time in two.conf on line 1)\n");
    folder_remove(&f);
}

static void what_cannot_be_included_is_told(void **state)
{
    struct folder f;

    (void)state;
    folder_make(&f);
    folder_write(&f, "main.conf",
                 "include none.conf\ninclude main.conf\ninclude .\ninclude \"\"\ninclude\ninclude a b");
    read_bad(&f, "main.conf",
             "main.conf:1:9: cannot read `none.conf`: No such file or directory (the file is looked for "
             "at none.conf)\n"
             "main.conf:2:9: `main.conf` includes itself\n"
             "main.conf:3:9: cannot read `.`: Is a directory (the file is looked for at .)\n"
             "main.conf:4:9: `include` must not be empty\n"
             "main.conf:5:1: `include` lacks its value (as in: include more.conf)\n"
             "main.conf:6:11: `include` takes one value (settings on one line need a `;` between them, "
             "a value with "
             "spaces needs quotes)\n");
    folder_write(&f, "main.conf", "include other.conf");
    folder_write(&f, "other.conf", "log { debug yes }\ninclude main.conf");
    read_bad(&f, "main.conf", "other.conf:2:9: `main.conf` includes itself\n");
    folder_remove(&f);
}

static void files_go_eight_deep(void **state)
{
    struct folder f;
    char name[32], text[64];

    (void)state;
    folder_make(&f);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "%d.conf", i);
        snprintf(text, sizeof text, i < 8 ? "include %d.conf" : "# %d", i + 1);
        folder_write(&f, name, text);
    }
    pf_conf_free(read_good(&f, "0.conf"));
    folder_write(&f, "8.conf", "include 9.conf");
    read_bad(&f, "0.conf", "8.conf:1:9: files include each other more than 8 deep\n");
    folder_remove(&f);
}

static void there_are_at_most_a_hundred_files(void **state)
{
    struct folder f;
    char text[2048] = "";
    size_t len = 0;

    (void)state;
    folder_make(&f);
    for (int i = 0; i < 100; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "include x.conf\n");
    folder_write(&f, "x.conf", "");
    folder_write(&f, "main.conf", text);
    read_bad(&f, "main.conf", "main.conf:100:9: there are more than 100 files\n");
    folder_remove(&f);
}

static void what_is_no_text_file_is_told(void **state)
{
    struct folder f;
    FILE *large;

    (void)state;
    folder_make(&f);
    read_bad(&f, "none.conf", "none.conf:1:1: cannot read the file: No such file or directory\n");
    read_bad(&f, ".", ".:1:1: cannot read the file: Is a directory\n");
    assert_int_equal(mkfifo(folder_path(&f, "fifo"), 0600), 0);
    read_bad(&f, "fifo", "fifo:1:1: cannot read the file: Not a regular file\n");
    large = fopen(folder_path(&f, "large"), "we");
    assert_non_null(large);
    assert_int_equal(ftruncate(fileno(large), (1 << 20) + 1), 0);
    fclose(large);
    read_bad(&f, "large", "large:1:1: cannot read the file: File too large\n");
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_file_is_looked_for_beside_the_one_that_names_it),
        T(mistakes_come_in_the_order_of_reading),
        T(what_cannot_be_included_is_told),
        T(files_go_eight_deep),
        T(there_are_at_most_a_hundred_files),
        T(what_is_no_text_file_is_told),
    };

    return RUN(tests);
}
