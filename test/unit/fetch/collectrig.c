#include "collectrig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fakeserver.h"

static atomic_bool slow, full;
static atomic_uint waiting;
static sem_t gate;

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    (void)fd;
    if (atomic_load(&slow)) {
        atomic_fetch_add(&waiting, 1);
        while (sem_wait(&gate) != 0)
            ;
    }
    return 0;
}

int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    return __wrap_fsync(fd);
}

ssize_t __real_write(int fd, const void *at, size_t len);
ssize_t __wrap_write(int fd, const void *at, size_t len);
ssize_t __wrap_write(int fd, const void *at, size_t len)
{
    char link[64], path[256];
    ssize_t n;

    if (!atomic_load(&full))
        return __real_write(fd, at, len);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    if (!strstr(path, "/Mail/tmp/"))
        return __real_write(fd, at, len);
    errno = ENOSPC;
    return -1;
}

void collectrig_disk_waits(bool it)
{
    atomic_store(&slow, it);
    for (unsigned n = it ? 0 : atomic_exchange(&waiting, 0); n; n--)
        sem_post(&gate);
}

void collectrig_disk_full(bool it)
{
    atomic_store(&full, it);
}

static void on_secret(void *self, struct pf_collect *collect, const char *host)
{
    struct collectrig *r = self;

    (void)host;
    r->secrets++;
    if (r->free_at == 1) {
        pf_collect_free(collect);
        r->collect = NULL;
    } else if (!r->no_secret) {
        pf_collect_secret(collect, PF_LIT("secret"), NULL);
    }
}

static void keep_notice(struct collectrig *r, const struct pf_collect_event *event)
{
    size_t len = strlen(r->notices_text);

    r->notices++;
    r->notice = event->err;
    snprintf(r->notices_text + len, sizeof r->notices_text - len, "%s\n", event->err.log);
}

static void keep_folder(struct collectrig *r, const struct pf_collect_event *event)
{
    size_t len = strlen(r->folders);

    r->taken++;
    if (event->folder)
        snprintf(r->folders + len, sizeof r->folders - len, "%s ", event->folder);
}

static void keep_event(struct collectrig *r, const struct pf_collect_event *event)
{
    switch (event->kind) {
    case PF_COLLECT_READY:
        break;
    case PF_COLLECT_LISTED:
        r->listed++;
        r->fresh = event->fresh;
        r->messages = event->messages;
        break;
    case PF_COLLECT_BEGINS:
        r->begun++;
        break;
    case PF_COLLECT_MOVES:
        r->moves++;
        break;
    case PF_COLLECT_TAKEN:
        keep_folder(r, event);
        break;
    case PF_COLLECT_LEFT:
        r->left++;
        r->why = event->why;
        r->left_err = event->err;
        break;
    case PF_COLLECT_DELETED:
        r->deleted += (unsigned)event->number;
        break;
    case PF_COLLECT_NOTICE:
        keep_notice(r, event);
        break;
    }
}

static void on_tell(void *self, struct pf_collect *collect, const struct pf_collect_event *event)
{
    struct collectrig *r = self;
    unsigned kind = (unsigned[]){2, 0, 3, 0, 4, 0, 0, 0}[event->kind];

    keep_event(r, event);
    if (kind && r->free_at == kind) {
        pf_collect_free(collect);
        r->collect = NULL;
        return;
    }
    if ((event->kind == PF_COLLECT_BEGINS && r->begun == r->stop_at_begin) ||
        (event->kind == PF_COLLECT_TAKEN && r->taken == r->stop_at_taken)) {
        pf_collect_stop(collect);
        if (r->stop_twice)
            pf_collect_stop(collect);
    }
}

static void on_gone(void *self, struct pf_collect *collect, const struct pf_err *err)
{
    struct collectrig *r = self;

    r->gones++;
    r->gone = *err;
    if (r->free_at == 5) {
        pf_collect_free(collect);
        r->collect = NULL;
    }
}

static void listen_here(struct collectrig *r)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    snprintf(r->path, sizeof r->path, "%s/s", r->folder);
    memcpy(at.sun_path, r->path, strlen(r->path) + 1);
    r->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(r->listening, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(r->listening, 5), 0);
}

void collectrig_up(struct collectrig *r)
{
    struct pf_err err = {0};

    memset(r, 0, sizeof *r);
    alarm(120);
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    snprintf(r->folder, sizeof r->folder, "/tmp/postfach-collect.XXXXXX");
    assert_non_null(mkdtemp(r->folder));
    snprintf(r->maildir, sizeof r->maildir, "%s/Mail", r->folder);
    snprintf(r->ledger, sizeof r->ledger, "%s/state/work.ledger", r->folder);
    r->line = -1;
    listen_here(r);
    r->loop = pf_loop_new(&err);
    assert_non_null(r->loop);
    r->pool = pf_pool_new(r->loop, "fetch", 2, 16, &err);
    assert_non_null(r->pool);
    pf_account_defaults(&r->account);
    r->account.name = "work";
    r->account.server = r->path;
    r->account.tls = PF_ACCOUNT_PLAIN;
    r->account.user = "anna";
    r->account.maildir = r->maildir;
    r->account.filters = r->filters;
    r->set = (struct pf_collect_settings){
        .loop = r->loop, .pool = r->pool, .account = &r->account, .ledger = r->ledger, .remove = true};
    r->fake.at = calloc(MESSAGES_MOST, sizeof *r->fake.at);
    r->numbers = calloc(MESSAGES_MOST, sizeof *r->numbers);
    assert_non_null(r->numbers);
}

static int sweep(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void collectrig_down(struct collectrig *r)
{
    pf_collect_free(r->collect);
    if (r->line >= 0)
        close(r->line);
    close(r->listening);
    pf_pool_free(r->pool);
    while (pf_loop_turn(r->loop, true))
        ;
    pf_loop_free(r->loop);
    for (size_t i = 0; i < r->fake.count; i++)
        free(r->fake.at[i].text);
    free(r->fake.at);
    free(r->numbers);
    free(r->out);
    assert_int_equal(nftw(r->folder, sweep, 8, FTW_DEPTH | FTW_PHYS), 0);
    alarm(0);
}

struct message *collectrig_add(struct collectrig *r, const char *uid, const char *text)
{
    struct message *m = &r->fake.at[r->fake.count++];

    assert_true(r->fake.count <= MESSAGES_MOST);
    *m = (struct message){0};
    snprintf(m->uid, sizeof m->uid, "%s", uid);
    m->text = strdup(text);
    assert_non_null(m->text);
    return m;
}

void collectrig_fill(struct collectrig *r, size_t n)
{
    char uid[24], text[128];

    for (size_t i = 1; i <= n; i++) {
        snprintf(uid, sizeof uid, "u%zu", i);
        snprintf(text, sizeof text, "Message-ID: <%zu@x>\r\nSubject: number %zu\r\n\r\nbody %zu of them\r\n", i, i, i);
        collectrig_add(r, uid, text);
    }
}

void collectrig_serve(struct collectrig *r)
{
    if (!r->own_server)
        fake_turn(r);
    sched_yield();
}

void collectrig_turn(struct collectrig *r)
{
    collectrig_serve(r);
    pf_loop_turn(r->loop, false);
}

static void forget_events(struct collectrig *r)
{
    r->secrets = r->gones = r->begun = r->taken = r->left = r->notices = r->deleted = 0;
    r->moves = r->listed = 0;
    r->notices_text[0] = r->folders[0] = 0;
    r->gone = r->left_err = r->notice = (struct pf_err){0};
    r->fake.sessions = r->fake.retrs = r->fake.tops = r->fake.deles = r->fake.quits = 0;
}

void collectrig_begin(struct collectrig *r)
{
    static const struct pf_collect_calls calls = {on_secret, on_tell, on_gone};
    struct pf_err err = {0};

    pf_collect_free(r->collect);
    forget_events(r);
    r->collect = pf_collect_new(&r->set, &calls, r, &err);
    if (!r->collect)
        fail_msg("%s", err.log);
}

void collectrig_run(struct collectrig *r)
{
    collectrig_begin(r);
    collectrig_end(r);
}

void collectrig_end(struct collectrig *r)
{
    while (r->collect && !r->gones)
        collectrig_turn(r);
    assert_int_equal(r->gones <= 1, 1);
}

void collectrig_good(struct collectrig *r)
{
    collectrig_run(r);
    if (r->gone.code != PF_OK)
        fail_msg("%s: %s", pf_verdict(r->gone.code)->name, r->gone.log);
}

void collectrig_code(struct collectrig *r, enum pf_code code, const char *word)
{
    collectrig_run(r);
    if (r->gone.code != code || !strstr(r->gone.log, word))
        fail_msg("%s: %s", pf_verdict(r->gone.code)->name, r->gone.log);
}

static bool holds(int at, const char *name, const char *text)
{
    char room[65536];
    int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, room, sizeof room - 1) : -1;

    assert_true(n >= 0);
    close(fd);
    room[n] = 0;
    return strstr(room, text) != NULL;
}

static size_t count_mails(struct collectrig *r, const char *folder, const char *text)
{
    char path[256];
    struct dirent *entry;
    size_t count = 0;
    DIR *dir;

    snprintf(path, sizeof path, "%s/%s%snew", r->maildir, folder ? folder : "", folder ? "/" : "");
    dir = opendir(path);
    while (dir && (entry = readdir(dir)))
        count += entry->d_name[0] != '.' && (!text || holds(dirfd(dir), entry->d_name, text));
    if (dir)
        closedir(dir);
    return count;
}

size_t collectrig_mails(struct collectrig *r, const char *folder)
{
    return count_mails(r, folder, NULL);
}

size_t collectrig_mails_with(struct collectrig *r, const char *text)
{
    return count_mails(r, NULL, text);
}

size_t collectrig_on_server(const struct collectrig *r)
{
    size_t count = 0;

    for (size_t i = 0; i < r->fake.count; i++)
        count += !r->fake.at[i].deleted;
    return count;
}

enum pf_ledger_state collectrig_known(struct collectrig *r, const char *uid)
{
    enum pf_ledger_state state = PF_LEDGER_GONE;
    struct pf_ledger *ledger = NULL;
    struct pf_ledger_note note;
    struct pf_err err = {0};
    char who[256];

    snprintf(who, sizeof who, "anna@%s", r->path);
    if (pf_ledger_look(r->ledger, who, &ledger, &err) != PF_OK)
        fail_msg("%s", err.log);
    assert_int_equal(pf_ledger_elsewhere_count(ledger), 0);
    if (pf_ledger_find(ledger, pf_bytes_of(uid), &note))
        state = note.state;
    pf_ledger_close(ledger);
    return state;
}
