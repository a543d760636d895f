#include "role/child.h"

#include "base/text.h"
#include "role/setup.h"
#include "role/sheet.h"
#include "sys/explain.h"
#include "sys/log_sink.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void begin(struct pf_child *c, struct pf_crew *crew, int sheet)
{
    c->conf = pf_sheet_read(sheet, &c->fault);
    close(sheet);
    memcpy(c->secret, crew->secret, sizeof c->secret);
    c->tells = crew->number;
    pf_wipe(crew, sizeof *crew);
    c->begun = true;
}

static void notice(void *self, struct pf_ipc_frame *frame)
{
    struct pf_child *c = self;
    struct pf_crew crew;
    int fd;

    if (!pf_crew_read(frame, &crew) || (crew.kind == PF_CREW_START) == c->begun) {
        pf_ipc_drop(c->keeper, c->begun ? "a frame that is none" : "no start, or one of another version");
        return;
    }
    fd = frame->fd_count ? frame->fds[0] : -1;
    if (crew.kind == PF_CREW_PING) {
        crew.kind = PF_CREW_PONG;
        pf_child_say(c, &crew);
        return;
    }
    if (!c->begun)
        begin(c, &crew, fd);
    else if (!c->part->told(c, &crew, fd)) {
        pf_ipc_drop(c->keeper, "a frame for another role");
        return;
    }
    frame->fds[0] = -1;
}

static void gone(void *self, const struct pf_err *err)
{
    struct pf_child *c = self;

    pf_ipc_close(c->keeper);
    c->keeper = NULL;
    if (!c->ready) {
        c->fault = *err;
        return;
    }
    pf_child_trouble(c, "the keeper is gone", err);
    c->part->orphaned(c);
}

/* The channel, and what comes by it first. */
static enum pf_code meet(struct pf_child *c, struct pf_err *err)
{
    static const struct pf_ipc_calls calls = {.notice = notice, .gone = gone};
    const struct pf_ipc_settings settings = {.calls = &calls, .self = c, .uid = getuid()};

    if (fcntl(PF_CREW_CHANNEL, F_SETFD, FD_CLOEXEC) != 0)
        return pf_fail(err, PF_CONFIG, 0, "child", "there is no channel: this program is started by postfachd");
    c->loop = pf_loop_new(err);
    c->keeper = c->loop ? pf_ipc_new(c->loop, PF_CREW_CHANNEL, &settings, err) : NULL;
    if (!c->keeper)
        return err->code;
    while (!c->begun && c->keeper)
        pf_loop_turn(c->loop, true);
    if (c->fault.code == PF_OK)
        return PF_OK;
    *err = c->fault;
    return err->code;
}

static enum pf_code become(struct pf_child *c, struct pf_err *err)
{
    const char *user = geteuid() == 0 ? c->part->user(c) : NULL;
    enum pf_code code = user ? pf_proc_become(user, err) : PF_OK;

    pf_proc_harden(); /* another user may be dumped again */
    if (code == PF_OK && c->owner && (geteuid() == 0 || (c->by_root && geteuid() < c->conf->first_uid)))
        return pf_fail(err, PF_PERM, 0, "child", "no store for user number %u", (unsigned)geteuid());
    return code;
}

static enum pf_code enter(struct pf_child *c, struct pf_err *err)
{
    struct pf_jail_needs needs = {.name = pf_crew_role_name(c->part->role)};
    enum pf_code code = c->part->jail ? c->part->jail(c, &needs, err) : PF_OK;

    return code == PF_OK ? pf_jail_enter(c->part->sandbox, c->conf, &needs, c->log, err) : code;
}

static enum pf_code work(struct pf_child *c, struct pf_err *err)
{
    enum pf_code code = c->part->build(c, err);

    if (code != PF_OK)
        return code;
    c->ready = true;
    pf_child_say(c, &(struct pf_crew){.kind = PF_CREW_READY});
    if (!c->keeper)
        return pf_fail(err, PF_TEMP, 0, "child", "the keeper is gone");
    pf_loop_run(c->loop);
    return PF_OK;
}

static enum pf_code live(struct pf_child *c, struct pf_err *err)
{
    enum pf_code code = meet(c, err);

    if (code == PF_OK && !(c->log = pf_setup_log(c->conf, err)))
        code = err->code;
    if (code == PF_OK && c->part->take)
        code = c->part->take(c, err);
    if (code == PF_OK)
        code = become(c, err);
    if (code == PF_OK)
        code = enter(c, err);
    return code == PF_OK ? work(c, err) : code;
}

static void say_failure(struct pf_child *c, const struct pf_err *err)
{
    struct pf_crew crew = {.kind = PF_CREW_FAILED, .code = err->code};
    char text[PF_EXPLAIN_MAX];

    snprintf(crew.text, PF_ERR_LOG, "%s", pf_explain(err, text, sizeof text));
    pf_child_say(c, &crew);
}

static void loop_free(struct pf_loop *loop)
{
    while (pf_loop_turn(loop, true)) /* handles that close take a turn */
        ;
    pf_loop_free(loop);
}

static void take_down(struct pf_child *c)
{
    c->part->take_down(c);
    if (c->keeper)
        pf_ipc_close(c->keeper);
    if (c->loop)
        loop_free(c->loop);
    if (c->log)
        pf_log_free(c->log);
    pf_conf_free(c->conf);
    pf_wipe(c->secret, sizeof c->secret);
}

static void deafen(void)
{
    static const int not_ours[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2,
                                   SIGXFSZ /* as in postfachd: an error that can be told */};

    for (size_t i = 0; i < sizeof not_ours / sizeof not_ours[0]; i++)
        signal(not_ours[i], SIG_IGN);
}

int pf_child_run(const struct pf_child_part *part, int argc, char **argv)
{
    struct pf_child *c = calloc(1, part->size);
    struct pf_err err = {0};
    uint64_t number = 0;
    int status = 0;

    deafen();
    pf_proc_harden();
    if (!c || argc < 2 || argc > 3 || !pf_parse_u64(pf_bytes_of(argv[1]), &number) || !number || number > UINT32_MAX) {
        fputs("this program is started by postfachd(8)\n", stderr);
        free(c);
        return pf_verdict(PF_SYNTAX)->exit_status;
    }
    c->part = part;
    c->number = (uint32_t)number;
    c->owner = argc > 2 ? argv[2] : NULL;
    c->by_root = getuid() == 0;
    c->keeper_pid = getppid();
    if (live(c, &err) != PF_OK) {
        say_failure(c, &err);
        status = pf_verdict(err.code)->exit_status;
    } else if (c->fault.code != PF_OK) {
        status = pf_verdict(c->fault.code)->exit_status;
    }
    take_down(c);
    free(c);
    return status;
}

void pf_child_say(struct pf_child *c, const struct pf_crew *crew)
{
    unsigned char payload[PF_CREW_PAYLOAD_MAX];
    struct pf_span span = {payload, 0, sizeof payload};
    struct pf_ipc_frame frame = {.kind = (uint16_t)crew->kind};

    if (!c->keeper || !pf_crew_write(&span, crew))
        return;
    frame.payload = pf_span_bytes(&span);
    pf_ipc_notice(c->keeper, &frame);
}

uint64_t pf_child_process(const struct pf_child *c, uint32_t number)
{
    return (uint64_t)c->keeper_pid << 32 | number;
}

void pf_child_end(struct pf_child *c)
{
    pf_loop_stop(c->loop);
}

void pf_child_trouble(struct pf_child *c, const char *what, const struct pf_err *err)
{
    char text[PF_EXPLAIN_MAX];
    struct pf_field fields[] = {PF_TEXT_FIELD("what", what), PF_TEXT_FIELD("err", pf_explain(err, text, sizeof text))};

    pf_log_event(c->log, PF_EVENT_trouble, fields, 2);
}
