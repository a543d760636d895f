/* A folder for one ledger, and short words for notes. One file of a program includes it. */
#ifndef POSTFACH_TEST_LEDGER_SCENE_H
#define POSTFACH_TEST_LEDGER_SCENE_H

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/cm.h"

#include "fetch/ledger.h"

static char scene_folder[PATH_MAX], scene_path[PATH_MAX];

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(path);
}

__attribute__((unused)) static int scene_begin(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    snprintf(scene_folder, sizeof scene_folder, "%.400s/pf-ledger-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(scene_folder))
        return -1;
    snprintf(scene_path, sizeof scene_path, "%.450s/joe.ledger", scene_folder);
    return 0;
}

__attribute__((unused)) static int scene_end(void **state)
{
    (void)state;
    return nftw(scene_folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#define S(name) cmocka_unit_test_setup_teardown(name, scene_begin, scene_end)

__attribute__((unused)) static struct pf_ledger_note note(enum pf_ledger_state state, const char *uid,
                                                          const char *name)
{
    struct pf_ledger_note n = {.state = state, .when = 1732290000, .octets = 4711, .head = {1, 2, 0xab}};

    n.uid = pf_bytes_of(uid);
    n.name = pf_bytes_of(name);
    return n;
}

__attribute__((unused)) static struct pf_ledger *opened(const char *who)
{
    struct pf_ledger *l = NULL;
    struct pf_err err = {0};

    if (pf_ledger_open(scene_path, who, 0, &l, &err) != PF_OK)
        fail_msg("%s", err.log);
    return l;
}

/* Written and learned. */
__attribute__((unused)) static void put(struct pf_ledger *l, enum pf_ledger_state state, const char *uid)
{
    struct pf_ledger_note n = note(state, uid, state == PF_LEDGER_WILL ? "1732.M1.host" : "");

    assert_int_equal(pf_ledger_write(l, &n, 1, false, NULL), PF_OK);
    assert_true(pf_ledger_learn(l, &n, 1));
}

/* What is known, as "uid=state uid=state". */
__attribute__((unused)) static const char *told(const struct pf_ledger *l, bool elsewhere)
{
    static char text[4096];
    size_t n = elsewhere ? pf_ledger_elsewhere_count(l) : pf_ledger_count(l), used = 0;

    text[0] = 0;
    for (size_t i = 0; i < n; i++) {
        struct pf_ledger_note seen;

        (elsewhere ? pf_ledger_elsewhere_at : pf_ledger_at)(l, i, &seen);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s=%c", i ? " " : "",
                                 (int)seen.uid.len, (const char *)seen.uid.at, "GWDSR"[seen.state]);
    }
    return text;
}

__attribute__((unused)) static size_t slurp(char *room, size_t cap)
{
    int fd = open(scene_path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, room, cap - 1);

    assert_true(fd >= 0 && n >= 0);
    close(fd);
    room[n] = 0;
    return (size_t)n;
}

__attribute__((unused)) static void spill(const char *text, size_t len)
{
    int fd = open(scene_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

#endif
