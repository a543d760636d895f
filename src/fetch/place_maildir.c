#include "fetch/place_maildir.h"

#include "store/maildir/mix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char where[] = "place_maildir";

enum {
    NAMES = 8,     /* a name that is taken already is a wonder; eight are a fault */
    RETRY_MS = 20, /* the pool's queue was full */
};

static struct pf_maildir *names_of(struct pf_place_maildir *m)
{
    return (struct pf_maildir *)m->store;
}

static struct pf_place_maildir *maildir_of(struct pf_place *p)
{
    return p->kind_private;
}

static enum pf_code begin(struct pf_place *p, struct pf_letter *l, struct pf_err *err)
{
    struct pf_place_maildir *m = maildir_of(p);
    struct pf_place_letter *more = calloc(1, sizeof *more);
    char name[PF_UIDL_MAX + 1];
    int sys = EEXIST;

    l->more = more;
    if (!more)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for a letter");
    for (int i = 0; i < NAMES && sys == EEXIST; i++) {
        pf_maildir_born(names_of(m), time(NULL), &more->birth);
        pf_maildir_birth_name(&more->birth, names_of(m)->host, PF_MAILDIR_NO_SIZE, 0, name);
        if (!pf_place_tmp_name(name, l->name))
            return pf_fail(err, PF_IO, 0, where, "no name for a letter");
        l->file.fd = openat(m->tmp, l->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        sys = l->file.fd < 0 ? errno : 0;
    }
    if (sys)
        l->name[0] = 0; /* not ours */
    else if (!pf_maildir_give(m->root, l->file.fd))
        sys = errno;
    return sys ? pf_place_trouble(err, sys, p->text, "begun") : PF_OK;
}

static enum pf_code end(struct pf_place *p, struct pf_letter *l, const char *folder, struct pf_err *err)
{
    struct pf_place_maildir *m = maildir_of(p);
    struct pf_place_letter *more = l->more;
    struct pf_place_record record = {.mark = m->mark};

    if (pf_place_folder_name(folder, record.folder, err)) {
        err->code = PF_TEMP; /* other letters go elsewhere */
        return PF_TEMP;
    }
    more->folder = pf_place_folder_of(m, record.folder);
    if (!more->folder)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for a folder");
    pf_maildir_birth_name(&more->birth, names_of(m)->host, l->file.size, pf_crlf_total(&l->file.crlf),
                          record.name);
    if (!pf_place_record_put(&record, l->record))
        return pf_fail(err, PF_TEMP, 0, where, "the name of folder \"%s\" is too long", folder);
    /* Writing to the disk begins now, so that the sync of the group finds little to do. */
    (void)sync_file_range(l->file.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return PF_OK;
}

static void drop(struct pf_place *p, struct pf_letter *l)
{
    if (l->name[0])
        unlinkat(maildir_of(p)->tmp, l->name, 0);
    free(l->more);
}

static void tell_group(struct pf_place_maildir *m)
{
    for (size_t i = 0; i < m->group_count; i++)
        pf_place_told(m->place, m->group[i]);
    m->group_count = 0;
}

static void tell_settled(struct pf_place_maildir *m)
{
    struct pf_place *p = m->place;
    struct pf_err err = m->err;
    bool knows = true;

    for (size_t i = 0; i < m->old_count; i++)
        knows = pf_ledger_learn(p->settings.ledger, &m->olds[i].note, 1) && knows;
    free(m->olds);
    m->olds = NULL;
    m->old_count = 0;
    m->settling = false;
    if (!knows && !err.code)
        pf_fail(&err, PF_NO_MEMORY, 0, where, "no memory to remember what was fetched");
    if (err.code)
        pf_place_break(p, &err);
    if (p->broken.code)
        err = p->broken;
    p->settings.settled(p->settings.self, m->again, &err);
}

static void job_work(struct pf_job *job)
{
    struct pf_place_maildir *m =
        (struct pf_place_maildir *)(void *)((char *)job - offsetof(struct pf_place_maildir, job));

    m->err = (struct pf_err){0};
    if (m->settling)
        pf_place_settle_olds(m);
    else
        pf_place_group(m);
    sem_post(&m->worked);
}

static void job_done(struct pf_job *job)
{
    struct pf_place_maildir *m =
        (struct pf_place_maildir *)(void *)((char *)job - offsetof(struct pf_place_maildir, job));
    struct pf_place *p = m->place;

    if (!p->freed) {
        sem_wait(&m->worked);
        if (m->err.code) {
            m->dead = true;
            pf_place_break(p, &m->err);
        }
        if (m->settling)
            tell_settled(m);
        else
            tell_group(m);
        if (p->line)
            pf_place_wake(p);
    }
    pf_place_release(p);
}

/* What comes behind a break of the disk is not tried any more. */
static void fail_line(struct pf_place *p)
{
    struct pf_letter *l;

    while ((l = pf_place_next(p))) {
        if (!l->err.code)
            l->err = p->broken;
        pf_place_told(p, l);
    }
}

static void submit(struct pf_place_maildir *m)
{
    struct pf_place *p = m->place;

    if (pf_pool_submit(p->settings.pool, &m->job))
        p->holds++;
    else
        pf_timer_set(m->retry, pf_loop_now(p->settings.loop) + RETRY_MS);
}

static void work(struct pf_place *p)
{
    struct pf_place_maildir *m = maildir_of(p);
    struct pf_letter *l;

    if (m->job.busy)
        return;
    /* Where one cannot be written because the disk is full, those that were whole before still come. */
    if (!m->settling && !m->group_count && m->dead) {
        fail_line(p);
        return;
    }
    while (!m->settling && m->group_count < PF_PLACE_MOST && (l = pf_place_next(p)))
        m->group[m->group_count++] = l;
    if (m->settling || m->group_count)
        submit(m);
}

static void retry(struct pf_timer *timer, void *self)
{
    (void)timer;
    work(self);
}

static void settle(struct pf_place *p)
{
    struct pf_place_maildir *m = maildir_of(p);

    m->settling = true;
    m->again = 0;
    if (!pf_place_olds(p->settings.ledger, &m->olds, &m->old_count)) {
        struct pf_err err;

        pf_fail(&err, PF_NO_MEMORY, 0, where, "no memory to settle what an earlier run left");
        pf_place_break(p, &err);
    }
    pf_place_wake(p);
}

static void close_one(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void maildir_free(struct pf_place *p)
{
    struct pf_place_maildir *m = maildir_of(p);
    struct pf_letter *l;

    if (m->job.busy)
        sem_wait(&m->worked);
    for (size_t i = 0; i < m->group_count; i++) {
        l = m->group[i];
        l->next = p->line;
        p->line = l;
    }
    while ((l = pf_place_next(p)))
        pf_place_lost(l);
    while (m->folders) {
        struct pf_place_folder *f = m->folders;

        m->folders = f->next;
        close_one(f->fresh);
        close_one(f->root);
        free(f);
    }
    pf_timer_free(m->retry);
    free(m->olds);
    close_one(m->tmp);
    close_one(m->root);
    if (m->store)
        m->store->kind->free(m->store);
}

static const struct pf_place_kind kind = {
    .begin = begin, .end = end, .drop = drop, .work = work, .settle = settle, .free = maildir_free};

/* The holder of a new Maildir must be there: who mistypes a path wants no tree of folders. */
static enum pf_code check_holder(const char *path, struct pf_err *err)
{
    char holder[PATH_MAX];
    size_t len = strlen(path);
    struct stat st;

    if (len >= sizeof holder || path[0] != '/')
        return pf_fail(err, PF_CONFIG, 0, where, "%s is no absolute path of a Maildir", path);
    memcpy(holder, path, len + 1);
    while (len > 1 && holder[len - 1] == '/')
        holder[--len] = 0;
    if (stat(holder, &st) == 0)
        return PF_OK; /* what it is, opening it tells */
    while (len > 1 && holder[len - 1] != '/')
        holder[--len] = 0;
    if (stat(holder, &st) == 0 && S_ISDIR(st.st_mode))
        return PF_OK;
    return pf_fail(err, PF_CONFIG, errno, where,
                   "%s is missing, where the Maildir %s would be made: make it first, "
                   "or see to the path",
                   holder, path);
}

static enum pf_code check_folders(const struct pf_account *a, struct pf_err *err)
{
    char room[PF_PLACE_FOLDER_MAX + 1];
    enum pf_code code = PF_OK;

    for (size_t i = 0; i < a->filter_count && !code; i++) {
        if (a->filters[i].action == PF_ACCOUNT_FOLDER)
            code = pf_place_folder_name(a->filters[i].folder, room, err);
    }
    return code;
}

static enum pf_code open_all(struct pf_place *p, struct pf_place_maildir *m, struct pf_err *err)
{
    const struct pf_maildir_settings settings = {.follow_root = true, .create = true};
    struct pf_place_folder *inbox;
    enum pf_code code = check_holder(m->path, err);

    if (!code)
        code = check_folders(p->settings.account, err);
    if (code)
        return code;
    m->store = pf_maildir_new(&settings, err);
    if (!m->store)
        return err->code;
    m->retry = pf_timer_new(p->settings.loop, retry, p);
    inbox = pf_place_folder_of(m, "");
    if (!m->retry || !inbox)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for the place of mail");
    code = pf_maildir_root_open(&settings, m->path, true, &m->root, err);
    if (!code)
        code = pf_maildir_folder_open(m->root, m->path, "tmp", true, &m->tmp, err);
    return code ? code : pf_place_folder_open(m, inbox, err);
}

static void say_text(struct pf_place *p, const char *path)
{
    const char *home = getenv("HOME");
    size_t len = home ? strlen(home) : 0;

    if (len > 1 && strncmp(path, home, len) == 0 && path[len] == '/')
        snprintf(p->text, sizeof p->text, "~%s", path + len);
    else
        snprintf(p->text, sizeof p->text, "%s", path);
}

enum pf_code pf_place_maildir(struct pf_place *p, struct pf_err *err)
{
    struct pf_place_maildir *m = calloc(1, sizeof *m);
    enum pf_code code;

    if (!m)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for the place of mail");
    p->kind = &kind;
    p->kind_private = m;
    m->place = p;
    m->path = p->settings.account->maildir;
    m->root = m->tmp = -1;
    m->job.work = job_work;
    m->job.done = job_done;
    m->mark = (uint32_t)pf_maildir_sum(m->path, strlen(m->path));
    sem_init(&m->worked, 0, 0);
    say_text(p, m->path);
    code = open_all(p, m, err);
    if (code)
        maildir_free(p);
    return code;
}
