/* A folder of files for one test, gone afterwards. */
#ifndef POSTFACH_TEST_CONF_FOLDER_H
#define POSTFACH_TEST_CONF_FOLDER_H

#include "unit/cm.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
    char path[256], file[640];
};

static inline void folder_make(struct folder *f)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(f->path, sizeof f->path, "%s/pf-conf-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->path));
}

/* The path of a name in the folder; overwritten by the next call. */
static inline const char *folder_path(struct folder *f, const char *name)
{
    snprintf(f->file, sizeof f->file, "%s/%s", f->path, name);
    return f->file;
}

static inline void folder_write(struct folder *f, const char *name, const char *text)
{
    FILE *file = fopen(folder_path(f, name), "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline void folder_remove(struct folder *f)
{
    DIR *dir = opendir(f->path);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            assert_int_equal(remove(folder_path(f, entry->d_name)), 0);
    closedir(dir);
    assert_int_equal(rmdir(f->path), 0);
}

#endif
