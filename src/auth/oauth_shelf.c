#include "auth/oauth_shelf.h"

#include "auth/oauth_http.h"
#include "auth/oauth_json.h"
#include "auth/oauth_lock.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    FILE_EVERY = 1,     /* seconds between looks at a file */
    UNKNOWN_EVERY = 60, /* … at a URL for an unknown key, so that strangers cannot make us knock there */
    NOTHING_EVERY = 5, /* … at a URL as long as there are no keys at all */
    SLACK = 1000       /* ms that a look may take beyond the time of its request */
};

struct pf_oauth_shelf {
    const struct pf_conf_oauth *conf;
    bool url;
    _Atomic int64_t looked; /* when the last look was */
    _Atomic int64_t asked;  /* … for an unknown key; regular ones do not put it off */
    atomic_int looking;     /* whoever sets it looks; also a futex */
    struct stat stamp;      /* of the file; the looker's */
    uint64_t numbers;       /* the looker's */
    atomic_flag lock;       /* for what follows */
    struct pf_oauth_keys *current;
    struct pf_err trouble; /* of the last look; PF_OK: none */
};

static bool same_stamp(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static enum pf_code read_open(int fd, const char *path, struct pf_span *text, struct pf_err *err)
{
    ssize_t got = 1;

    text->at = malloc(PF_OAUTH_JSON_MAX);
    text->cap = PF_OAUTH_JSON_MAX;
    if (!text->at)
        return pf_fail(err, PF_NO_MEMORY, ENOMEM, "oauth", "no memory to read %s", path);
    while (got > 0 && text->len < text->cap) {
        got = read(fd, text->at + text->len, text->cap - text->len);
        text->len += got > 0 ? (size_t)got : 0;
    }
    if (got < 0)
        return pf_fail(err, PF_TEMP, errno, "oauth", "%s: %s", path, strerror(errno));
    return text->len < text->cap ? PF_OK
                                 : pf_fail(err, PF_CONFIG, 0, "oauth", "%s: longer than 1 MiB", path);
}

/* PF_AGAIN: it is the one that is there already. */
static enum pf_code read_file(struct pf_oauth_shelf *shelf, struct pf_span *text, struct pf_err *err)
{
    const char *path = shelf->conf->keys;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    enum pf_code code = PF_AGAIN;
    struct stat stamp;

    if (fd < 0)
        return pf_fail(err, PF_CONFIG, errno, "oauth", "keys %s: %s", path, strerror(errno));
    if (fstat(fd, &stamp) != 0 || !S_ISREG(stamp.st_mode))
        code = pf_fail(err, PF_CONFIG, 0, "oauth", "keys %s: not a regular file", path);
    else if (!same_stamp(&stamp, &shelf->stamp))
        code = read_open(fd, path, text, err);
    close(fd);
    if (code == PF_OK)
        shelf->stamp = stamp;
    return code;
}

static enum pf_code fetch(const struct pf_conf_oauth *conf, struct pf_span *text, struct pf_err *err)
{
    const struct pf_oauth_call call = {.url = conf->keys, .ca = conf->ca, .timeout = conf->timeout};
    struct pf_oauth_answer answer = {0};
    enum pf_code code = pf_oauth_http(&call, &answer, err);

    *text = (struct pf_span){answer.at, answer.len, answer.len};
    if (code == PF_OK && answer.status != 200)
        code = pf_fail(err, PF_TEMP, 0, "oauth", "keys %s: the server answers with HTTP status %ld",
                       conf->keys, answer.status);
    return code;
}

static void put(struct pf_oauth_shelf *shelf, struct pf_oauth_keys *keys, const struct pf_err *trouble)
{
    struct pf_oauth_keys *old = NULL;

    pf_oauth_lock(&shelf->lock);
    shelf->trouble = *trouble;
    if (keys) {
        old = shelf->current;
        shelf->current = keys;
        if (old && --old->holds)
            old = NULL;
    }
    pf_oauth_unlock(&shelf->lock);
    pf_oauth_keys_free(old);
}

static enum pf_code look(struct pf_oauth_shelf *shelf, struct pf_err *err)
{
    struct pf_err trouble = {0};
    struct pf_span text = {0};
    struct pf_oauth_keys *keys = NULL;
    enum pf_code code =
        shelf->url ? fetch(shelf->conf, &text, &trouble) : read_file(shelf, &text, &trouble);

    if (code == PF_OK) {
        keys = pf_oauth_keys_read(pf_span_bytes(&text), !shelf->url, &trouble);
        code = keys ? PF_OK : trouble.code;
        if (!keys) /* it is read anew until it is right */
            shelf->stamp = (struct stat){0};
    }
    if (keys) {
        keys->holds = 1;
        keys->number = ++shelf->numbers;
    }
    if (text.at) /* a file may hold secrets */
        pf_wipe(text.at, text.len);
    free(text.at);
    put(shelf, keys, &trouble);
    if (err && trouble.code != PF_OK)
        *err = trouble;
    return code == PF_AGAIN ? PF_OK : code;
}

/* The wait for a thread that looks; it ends with its look, or with the time that one may take. */
static void wait_for_look(struct pf_oauth_shelf *shelf)
{
    int64_t ms = shelf->conf->timeout + SLACK;
    const struct timespec limit = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (syscall(SYS_futex, &shelf->looking, FUTEX_WAIT_PRIVATE, 1, &limit, NULL, 0) == -1 &&
           errno == EINTR)
        ;
}

static bool due(_Atomic int64_t *last, int64_t now, int64_t every)
{
    int64_t was = atomic_load(last);

    return now - was >= every || now < was; /* a clock that was set back */
}

static bool in_trouble(struct pf_oauth_shelf *shelf)
{
    bool is;

    pf_oauth_lock(&shelf->lock);
    is = shelf->trouble.code != PF_OK;
    pf_oauth_unlock(&shelf->lock);
    return is;
}

/* Who finds a server that does not answer under way to another thread does not wait for it, too. */
static void look_when_due(struct pf_oauth_shelf *shelf, _Atomic int64_t *last, int64_t now,
                          int64_t every)
{
    bool unknown = last == &shelf->asked;

    if (!due(last, now, every))
        return;
    if (atomic_exchange(&shelf->looking, 1) == 0) {
        if (due(last, now, every)) {
            look(shelf, NULL);
            atomic_store(&shelf->looked, now);
            atomic_store(last, now);
        }
        atomic_store(&shelf->looking, 0);
        syscall(SYS_futex, &shelf->looking, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
    } else if (unknown && !in_trouble(shelf)) {
        wait_for_look(shelf);
    }
}

static bool is_url(const char *text)
{
    return strstr(text, "://") != NULL;
}

struct pf_oauth_shelf *pf_oauth_shelf_new(const struct pf_conf_oauth *conf, struct pf_err *err)
{
    struct pf_oauth_shelf *shelf = calloc(1, sizeof *shelf);
    enum pf_code code;

    if (!shelf) {
        pf_fail(err, PF_NO_MEMORY, 0, "oauth", "no memory for keys");
        return NULL;
    }
    shelf->conf = conf;
    shelf->url = is_url(conf->keys);
    atomic_flag_clear(&shelf->lock);
    code = shelf->url ? pf_oauth_url_check(conf->keys, err) : look(shelf, err);
    if (shelf->url && code == PF_OK)
        look(shelf, NULL);
    atomic_store(&shelf->looked, (int64_t)time(NULL));
    if (code == PF_OK)
        return shelf;
    pf_oauth_shelf_free(shelf);
    return NULL;
}

void pf_oauth_shelf_free(struct pf_oauth_shelf *shelf)
{
    if (shelf)
        pf_oauth_keys_free(shelf->current);
    free(shelf);
}

static int64_t pace(struct pf_oauth_shelf *shelf)
{
    bool nothing, troubled;

    if (!shelf->url)
        return FILE_EVERY;
    pf_oauth_lock(&shelf->lock);
    nothing = !shelf->current;
    troubled = shelf->trouble.code != PF_OK;
    pf_oauth_unlock(&shelf->lock);
    if (nothing)
        return NOTHING_EVERY;
    return troubled && shelf->conf->refresh > UNKNOWN_EVERY ? UNKNOWN_EVERY : shelf->conf->refresh;
}

const struct pf_oauth_keys *pf_oauth_shelf_hold(struct pf_oauth_shelf *shelf, int64_t now,
                                                struct pf_err *err)
{
    struct pf_oauth_keys *keys;
    struct pf_err trouble;

    look_when_due(shelf, &shelf->looked, now, pace(shelf));
    pf_oauth_lock(&shelf->lock);
    keys = shelf->current;
    if (keys)
        keys->holds++;
    trouble = shelf->trouble;
    pf_oauth_unlock(&shelf->lock);
    if (!keys)
        pf_fail(err, PF_TEMP, trouble.sys, "oauth", "%s", trouble.log);
    return keys;
}

void pf_oauth_shelf_drop(struct pf_oauth_shelf *shelf, const struct pf_oauth_keys *keys)
{
    struct pf_oauth_keys *mine = (struct pf_oauth_keys *)(uintptr_t)keys;
    bool last;

    pf_oauth_lock(&shelf->lock);
    last = --mine->holds == 0;
    pf_oauth_unlock(&shelf->lock);
    if (last)
        pf_oauth_keys_free(mine);
}

enum pf_code pf_oauth_shelf_again(struct pf_oauth_shelf *shelf, uint64_t number, int64_t now,
                                  struct pf_err *err)
{
    struct pf_err trouble;
    bool another;

    if (shelf->url)
        look_when_due(shelf, &shelf->asked, now, UNKNOWN_EVERY);
    pf_oauth_lock(&shelf->lock);
    another = shelf->current->number != number;
    trouble = shelf->trouble;
    pf_oauth_unlock(&shelf->lock);
    if (another)
        return PF_OK;
    return trouble.code == PF_OK ? PF_AUTH
                                 : pf_fail(err, PF_TEMP, trouble.sys, "oauth", "%s", trouble.log);
}
