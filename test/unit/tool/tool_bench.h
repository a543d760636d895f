/* What the tests of tools share: a folder of their own, and a run of a tool whose both outputs are kept. */
#ifndef POSTFACH_TEST_TOOL_BENCH_H
#define POSTFACH_TEST_TOOL_BENCH_H

#include "unit/cm.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct bench {
    char dir[128], file[160];
    char out[8192], err[8192];
};

static inline void bench_put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static inline void bench_get(const char *path, char *out, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, out, cap - 1);

    assert_true(fd >= 0 && n >= 0);
    out[n] = 0;
    close(fd);
}

static inline void bench_setup(struct bench *b, const char *name, const char *text)
{
    const char *tmp = getenv("TMPDIR");

    *b = (struct bench){0};
    snprintf(b->dir, sizeof b->dir, "%s/pf-tool-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->file, sizeof b->file, "%s/%s", b->dir, name);
    if (text)
        bench_put(b->file, text);
}

static inline void bench_teardown(struct bench *b)
{
    unlink(b->file);
    assert_int_equal(rmdir(b->dir), 0);
}

static inline void bench_catch(const char *dir, int number, char *out, size_t cap)
{
    char path[200];

    snprintf(path, sizeof path, "%s/.output%d", dir, number);
    bench_get(path, out, cap);
    unlink(path);
}

/* Its exit status; the words end with NULL. Files take the outputs, so that no pipe fills up. */
static inline int bench_run(struct bench *b, int (*tool)(int, char **), const char *const words[])
{
    char *argv[24] = {NULL}, path[200];
    int argc = 0, status;
    pid_t pid;

    for (; words[argc]; argc++)
        argv[argc] = strdup(words[argc]);
    pid = fork();
    if (pid == 0) {
        for (int i = 1; i <= 2; i++) {
            snprintf(path, sizeof path, "%s/.output%d", b->dir, i);
            dup2(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), i);
        }
        status = tool(argc, argv);
        fflush(NULL);
        _exit(status);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    bench_catch(b->dir, 1, b->out, sizeof b->out);
    bench_catch(b->dir, 2, b->err, sizeof b->err);
    while (argc)
        free(argv[--argc]);
    return WEXITSTATUS(status);
}

static inline void bench_expect(const char *text, const char *part)
{
    if (!strstr(text, part))
        assert_string_equal(text, part);
}

#endif
