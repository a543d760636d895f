#include "auth_bench.h"

#include "auth/users_edit.h"
#include <dirent.h>
#include <sys/wait.h>

static void read_back(struct bench *b, char *out, size_t cap)
{
    int fd = open(b->file, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, out, cap - 1);

    assert_true(n >= 0);
    out[n] = 0;
    close(fd);
}

static void expect_file(struct bench *b, const char *text)
{
    char have[4096];

    read_back(b, have, sizeof have);
    assert_string_equal(have, text);
}

/* Nothing but the file itself may be in the directory. */
static void expect_no_litter(struct bench *b)
{
    DIR *dir = opendir(b->dir);
    struct dirent *entry;
    int count = 0;

    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.' || entry->d_name[1] > '.';
    closedir(dir);
    assert_int_equal(count, access(b->file, F_OK) == 0);
}

static void drop(struct bench *b)
{
    expect_no_litter(b);
    unlink(b->file);
    assert_int_equal(rmdir(b->dir), 0);
}

static const char before[] =
    "# our users\n\nalice:" SESAME ":1:2:::/bin/sh:expire=7\r\n#bob:x\nbob:" SESAME;

static void comments_order_and_fields_stay(void **state)
{
    struct pf_err err = {0};
    struct pf_users *users;
    struct bench b;

    (void)state;
    bench_setup(&b, before);
    users = pf_users_open(b.file, false, &err);
    assert_non_null(users);
    assert_true(pf_users_has(users, "alice") && pf_users_has(users, "bob"));
    assert_false(pf_users_has(users, "#bob") || pf_users_has(users, "carol") || pf_users_has(users, ""));
    assert_int_equal(pf_users_add(users, "carol", "*", "maildrop=/m", &err), PF_OK);
    assert_int_equal(pf_users_password(users, "alice", "!a", &err), PF_OK);
    assert_int_equal(pf_users_password(users, "bob", "!b", &err), PF_OK);
    assert_int_equal(pf_users_add(users, "dave", "*", "", &err), PF_OK);
    assert_int_equal(pf_users_save(users, &err), PF_OK);
    pf_users_close(users);
    expect_file(&b, "# our users\n\nalice:!a:1:2:::/bin/sh:expire=7\r\n#bob:x\nbob:!b\n"
                    "carol:*::::::maildrop=/m\ndave:*\n");
    users = pf_users_open(b.file, false, &err);
    assert_int_equal(pf_users_remove(users, "alice", &err), PF_OK);
    assert_int_equal(pf_users_remove(users, "dave", &err), PF_OK);
    assert_int_equal(pf_users_save(users, &err), PF_OK);
    pf_users_close(users);
    expect_file(&b, "# our users\n\n#bob:x\nbob:!b\ncarol:*::::::maildrop=/m\n");
    drop(&b);
}

static void line_ends_are_kept(void **state)
{
    struct pf_users *users;
    struct bench b;

    (void)state;
    bench_setup(&b, "a:*\r\nb:*");
    users = pf_users_open(b.file, false, NULL);
    assert_int_equal(pf_users_password(users, "a", "!x", NULL), PF_OK);
    assert_int_equal(pf_users_remove(users, "b", NULL), PF_OK);
    assert_int_equal(pf_users_save(users, NULL), PF_OK);
    pf_users_close(users);
    expect_file(&b, "a:!x\r\n");
    drop(&b);
}

static void what_cannot_be_says_so_and_changes_nothing(void **state)
{
    struct pf_err err = {0};
    struct pf_users *users;
    struct bench b;

    (void)state;
    bench_setup(&b, before);
    users = pf_users_open(b.file, false, &err);
    assert_int_equal(pf_users_add(users, "bob", "*", "", &err), PF_STATE);
    assert_int_equal(pf_users_password(users, "carol", "*", &err), PF_NO_USER);
    assert_int_equal(pf_users_remove(users, "carol", &err), PF_NO_USER);
    assert_int_equal(pf_users_add(users, "carol", "nonsense", "", &err), PF_OK);
    assert_int_equal(pf_users_save(users, &err), PF_CONFIG); /* the server would not read it */
    assert_non_null(strstr(err.log, "line 6"));
    pf_users_close(users);
    expect_file(&b, before);
    drop(&b);
}

static void mode_and_links_are_kept(void **state)
{
    struct pf_users *users;
    struct stat st;
    char link[200];
    struct bench b;

    (void)state;
    bench_setup(&b, "a:*\n");
    chmod(b.file, 0640);
    snprintf(link, sizeof link, "%s-link", b.dir);
    assert_int_equal(symlink(b.file, link), 0);
    users = pf_users_open(link, false, NULL);
    assert_int_equal(pf_users_add(users, "b", "*", "", NULL), PF_OK);
    assert_int_equal(pf_users_save(users, NULL), PF_OK);
    pf_users_close(users);
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat(b.file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    expect_file(&b, "a:*\nb:*\n");
    unlink(link);
    drop(&b);
}

static void a_missing_file_is_made_only_when_saved(void **state)
{
    struct pf_err err = {0};
    struct pf_users *users;
    struct stat st;
    struct bench b;

    (void)state;
    bench_setup(&b, "");
    unlink(b.file);
    assert_null(pf_users_open(b.file, false, &err));
    assert_int_equal(err.code, PF_CONFIG);
    users = pf_users_open(b.file, true, &err);
    assert_non_null(users);
    pf_users_close(users);
    assert_int_equal(access(b.file, F_OK), -1);
    users = pf_users_open(b.file, true, &err);
    assert_int_equal(pf_users_add(users, "a", "*", "", &err), PF_OK);
    assert_int_equal(pf_users_save(users, &err), PF_OK);
    pf_users_close(users);
    expect_file(&b, "a:*\n");
    assert_int_equal(stat(b.file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_null(pf_users_open("/nonexistent/users", true, &err));
    assert_null(pf_users_open(b.dir, false, &err));
    drop(&b);
}

/* Each adds its own user; the lock makes them wait for each other, so that no one is lost. */
static void many_at_once_lose_nobody(void **state)
{
    enum { MANY = 8, EACH = 5 };
    struct pf_users *users;
    char name[32];
    int status;
    struct bench b;

    (void)state;
    bench_setup(&b, "a:*\n");
    for (int i = 0; i < MANY; i++) {
        if (fork())
            continue;
        for (int n = 0; n < EACH; n++) {
            snprintf(name, sizeof name, "u%d-%d", i, n);
            users = pf_users_open(b.file, false, NULL);
            if (!users || pf_users_add(users, name, "*", "", NULL) || pf_users_save(users, NULL))
                _exit(1);
            pf_users_close(users);
        }
        _exit(0);
    }
    for (int i = 0; i < MANY; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    users = pf_users_open(b.file, false, NULL);
    for (int i = 0; i < MANY * EACH; i++) {
        snprintf(name, sizeof name, "u%d-%d", i / EACH, i % EACH);
        assert_true(pf_users_has(users, name));
    }
    pf_users_close(users);
    drop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(comments_order_and_fields_stay),
        T(line_ends_are_kept),
        T(what_cannot_be_says_so_and_changes_nothing),
        T(mode_and_links_are_kept),
        T(a_missing_file_is_made_only_when_saved),
        T(many_at_once_lose_nobody),
    };

    return RUN(tests);
}
