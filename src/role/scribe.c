/* The journal: the one process that writes what became of each mail (base/journal.h).
 *
 * Gates tell it what happened in their sessions, and it looks at each line before it writes it: a gate that was taken
 * over can say what it likes of its own sessions, and of nobody else's (sys/journal_serve.h). It can write its folder
 * and nothing else. */
#include "role/child.h"
#include "role/setup.h"
#include "role/setup_journal.h"
#include "session/journal_now.h"
#include "sys/journal_serve.h"
#include "sys/pool.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct source {
    struct scribe *scribe;
    struct source *next, **link;
    struct pf_ipc *ipc;
    uint64_t process;
};

struct scribe {
    struct pf_child child;
    struct pf_pool *disk;
    struct pf_journal_file *file;
    struct pf_journal_sink *sink;
    struct source *sources;
    struct pf_sandbox_path path;
    bool leaving;
};

static struct scribe *scribe_of(struct pf_child *child)
{
    return (struct scribe *)(void *)child;
}

static const char *user(const struct pf_child *c)
{
    return c->conf->run_as;
}

/* What it can write is its folder, which must be there before the jail is shut. */
static enum pf_code jail(struct pf_child *c, struct pf_jail_needs *needs, struct pf_err *err)
{
    struct scribe *s = scribe_of(c);

    (void)err;
    if (mkdir(c->conf->journal_folder, 0700) != 0)
        s->path.optional = true; /* it is there, or the first line will tell why it is not */
    s->path.path = c->conf->journal_folder;
    s->path.write = true;
    *needs = (struct pf_jail_needs){.paths = &s->path, .count = 1, .name = "journal", .alone = true};
    return PF_OK;
}

static enum pf_code build(struct pf_child *c, struct pf_err *err)
{
    struct scribe *s = scribe_of(c);

    s->disk = pf_pool_new(c->loop, "pf-disk", 1, 16, err);
    s->file = s->disk ? pf_setup_journal(c->conf, c->loop, s->disk, &c->log, err) : NULL;
    if (!s->file)
        return err->code;
    s->sink = pf_setup_journal_sink(s->file, c->conf);
    return PF_OK;
}

static void end_if_alone(struct scribe *s)
{
    if (s->leaving && !s->sources)
        pf_child_end(&s->child);
}

static void forget(struct source *from)
{
    *from->link = from->next;
    if (from->next)
        from->next->link = from->link;
    pf_ipc_close(from->ipc);
    free(from);
}

static void notice(void *self, struct pf_ipc_frame *frame)
{
    struct source *from = self;
    const char *why = frame->kind == PF_CREW_JOURNAL_LINES && !frame->fd_count
                          ? pf_journal_serve(from->scribe->sink, from->process, frame->payload, pf_journal_now())
                          : "a frame of another kind";

    if (why)
        pf_ipc_drop(from->ipc, why);
}

static void gone(void *self, const struct pf_err *err)
{
    struct source *from = self;
    struct scribe *s = from->scribe;

    if (err->code == PF_PERM)
        pf_child_trouble(&s->child, "journal", err);
    forget(from);
    end_if_alone(s);
}

static void meet(struct scribe *s, uint32_t number, int fd)
{
    static const struct pf_ipc_calls calls = {.notice = notice, .gone = gone};
    struct source *from = calloc(1, sizeof *from);
    const struct pf_ipc_settings settings = {.calls = &calls, .self = from, .any_uid = true};
    struct pf_err err;

    if (!from) {
        close(fd);
        return;
    }
    from->ipc = pf_ipc_new(s->child.loop, fd, &settings, &err);
    if (!from->ipc) {
        pf_child_trouble(&s->child, "journal", &err);
        free(from);
        return;
    }
    from->scribe = s;
    from->process = pf_child_process(&s->child, number);
    from->next = s->sources;
    from->link = &s->sources;
    if (from->next)
        from->next->link = &from->next;
    s->sources = from;
}

static void leave(struct pf_child *c)
{
    scribe_of(c)->leaving = true;
    end_if_alone(scribe_of(c));
}

static bool told(struct pf_child *c, const struct pf_crew *crew, int fd)
{
    if (crew->kind == PF_CREW_PEER && crew->role == PF_CREW_GATE) {
        meet(scribe_of(c), crew->number, fd);
        return true;
    }
    if (crew->kind != PF_CREW_DRAIN)
        return false;
    leave(c);
    return true;
}

static void take_down(struct pf_child *c)
{
    struct scribe *s = scribe_of(c);

    while (s->sources)
        forget(s->sources);
    pf_journal_file_free(s->file);
    if (s->disk)
        pf_pool_free(s->disk);
}

int main(int argc, char **argv)
{
    static const struct pf_child_part part = {.role = PF_CREW_JOURNAL,
                                              .sandbox = PF_SANDBOX_STORE,
                                              .size = sizeof(struct scribe),
                                              .user = user,
                                              .jail = jail,
                                              .build = build,
                                              .told = told,
                                              .orphaned = leave,
                                              .take_down = take_down};

    return pf_child_run(&part, argc, argv);
}
