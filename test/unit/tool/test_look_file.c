/* Files of `postfach save`: whole or not there, under names of their own, over no other. */
#include "unit/cm.h"

#include "tool/explore_save.h"
#include "tool/look_parts.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static bool has_proc;

int __wrap_access(const char *path, int mode);
int __real_access(const char *path, int mode);

/* Without /proc a file gets its name otherwise. */
int __wrap_access(const char *path, int mode)
{
    return strcmp(path, "/proc/self/fd") == 0 && !has_proc ? -1 : __real_access(path, mode);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/postfach-look.XXXXXX");
    assert_non_null(mkdtemp(folder));
    has_proc = true;
    return 0;
}

static int tear_down(void **state)
{
    DIR *dir = opendir(folder);
    char path[400];

    (void)state;
    for (struct dirent *entry; (entry = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    closedir(dir);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static unsigned how_many(void)
{
    DIR *dir = opendir(folder);
    unsigned count = 0;

    for (struct dirent *entry; (entry = readdir(dir));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

static void holds(const char *name, const char *text)
{
    char path[400], got[100] = "";
    struct stat status;
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "re");
    if (!file)
        fail_msg("no %s", path);
    assert_int_equal(fread(got, 1, sizeof got - 1, file), strlen(text));
    assert_string_equal(got, text);
    assert_int_equal(fstat(fileno(file), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    fclose(file);
}

static void keep(const char *name, const char *ending, const char *text, const char *as)
{
    struct pf_look_file file;
    struct pf_err err = {0};
    char got[PF_LOOK_NAME];

    assert_int_equal(pf_look_file_begin(&file, folder, &err), PF_OK);
    pf_look_file_take(&file, pf_bytes_of(text));
    if (pf_look_file_keep(&file, name, ending, got, &err) != PF_OK)
        fail_msg("%s", err.log);
    assert_string_equal(got, as);
    holds(as, text);
}

static void names_are_their_own(void **state)
{
    for (int round = 0; round < 2; round++) {
        has_proc = round == 0;
        keep("a", ".eml", "1", "a.eml");
        keep("a", ".eml", "2", "a-2.eml");
        keep("a.pdf", "", "3", "a.pdf");
        keep("a.pdf", "", "4", "a-2.pdf");
        keep("a.pdf", "", "5", "a-3.pdf");
        keep("noending", "", "6", "noending");
        keep("noending", "", "7", "noending-2");
        keep(".hidden", "", "8", ".hidden");
        keep(".hidden", "", "9", ".hidden-2");
        holds("a.eml", "1");
        assert_int_equal(how_many(), 9);
        tear_down(state);
        assert_int_equal(mkdir(folder, 0700), 0);
    }
}

static void a_long_name_is_cut_between_characters(void **state)
{
    char name[PF_EXPLORE_NAME] = "x", got[PF_LOOK_NAME];
    struct pf_look_file file;
    size_t len = 1;

    (void)state;
    for (; len + 2 < sizeof name; len += 2)
        memcpy(name + len, "\xc3\xbc", 3);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pf_look_file_begin(&file, folder, NULL), PF_OK);
        assert_int_equal(pf_look_file_keep(&file, name, ".eml", got, NULL), PF_OK);
        assert_true(strlen(got) < PF_EXPLORE_NAME);
        assert_memory_equal(strchr(got, i ? '-' : '.') - 2, "\xc3\xbc", 2);
    }
}

static void what_is_dropped_was_never_there(void **state)
{
    struct pf_look_file file;
    struct pf_err err = {0};
    char got[PF_LOOK_NAME];

    (void)state;
    for (int round = 0; round < 2; round++) {
        has_proc = round == 0;
        assert_int_equal(pf_look_file_begin(&file, folder, &err), PF_OK);
        pf_look_file_take(&file, pf_bytes_of("x"));
        assert_int_equal(how_many(), round);
        pf_look_file_drop(&file);
        assert_int_equal(pf_look_file_begin(&file, folder, &err), PF_OK);
        pf_fail(&file.err, PF_NO_SPACE, ENOSPC, "t", "full");
        pf_look_file_take(&file, pf_bytes_of("x"));
        assert_int_equal(pf_look_file_keep(&file, "a", ".eml", got, &err), PF_NO_SPACE);
        assert_int_equal(how_many(), 0);
    }
    assert_int_equal(pf_look_file_begin(&file, "/nowhere/at/all", &err), PF_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_name_is_cut_between_characters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_dropped_was_never_there, set_up, tear_down)};

    return RUN(tests);
}
