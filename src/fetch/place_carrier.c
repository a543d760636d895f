#include "fetch/place_carry.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const char where[] = "place_carrier";

enum { PATIENCE = 30000 }; /* ms, for one that has nothing to do to end: it says QUIT to a server */

static enum pf_code too_early(struct pf_err *err)
{
    return pf_fail(
        err, PF_IO, 0, where,
        "the program that carries mail (postfach-carry) ended too early: the next run finds out what "
        "became of the message");
}

static void carrier_gone(void *self, const struct pf_err *reason)
{
    struct pf_place_carry *c = self;
    struct pf_err err;

    (void)reason; /* an end of file, as a rule */
    pf_ipc_close(c->carrier);
    c->carrier = NULL;
    too_early(&err);
    pf_place_break(c->place, &err);
    pf_place_wake(c->place);
}

static enum pf_code start(struct pf_place_carry *c, struct pf_err *err)
{
    static const struct pf_ipc_calls calls = {.gone = carrier_gone};
    const struct pf_ipc_settings settings = {.calls = &calls, .self = c, .any_uid = true};
    enum pf_code code;
    int fd = -1;

    if (c->carrier)
        return PF_OK;
    code = pf_place_spool_open(c, err);
    if (!code)
        code = pf_place_spawn(&c->place->settings, &fd, &c->pid, err);
    if (code)
        return code;
    c->carrier = pf_ipc_new(c->place->settings.loop, fd, &settings, err);
    return c->carrier ? PF_OK : err->code;
}

/* "ended SERIAL CODE TEXT" */
static bool read_answer(struct pf_bytes line, struct pf_err *out)
{
    char room[PF_CARRY_PACKET], name[32] = "";
    int at = 0, code = 0;

    if (line.len >= sizeof room || memchr(line.at, 0, line.len))
        return false;
    memcpy(room, line.at, line.len);
    room[line.len] = 0;
    if (sscanf(room, "ended %*u %31s%n", name, &at) != 1)
        return false;
    while (code < PF_CODES && strcmp(pf_verdict((enum pf_code)code)->name, name) != 0)
        code++;
    pf_fail(out, (enum pf_code)code, 0, where, "%s", room[at] == ' ' ? room + at + 1 : "");
    return code < PF_CODES;
}

/* What the carrier said, or that it says nothing any more. */
static void hear(struct pf_ipc_ask *ask, struct pf_err *out)
{
    if (ask->why)
        too_early(out);
    else if (!read_answer(ask->answer->payload, out))
        pf_fail(out, PF_IO, 0, where,
                "postfach-carry says what cannot be understood: install Postfach as a whole");
}

/* Letters are told in order, whatever the order in which a dying connection ends its requests. */
static void tell(struct pf_place_carry *c)
{
    struct pf_letter *l;

    while ((l = c->first) && !((struct pf_place_carried *)l->more)->asked) {
        c->first = l->next;
        if (!c->first)
            c->first_end = &c->first;
        c->away--;
        pf_place_told(c->place, l);
    }
    pf_place_wake(c->place);
}

static void carried(struct pf_ipc_ask *ask)
{
    struct pf_place_carried *more = (struct pf_place_carried *)(void *)ask;
    struct pf_letter *l = more->letter;
    struct pf_place_carry *c = l->place->kind_private;

    more->asked = false;
    hear(ask, &l->err);
    if (l->err.code == PF_OK)
        l->state = PF_LEDGER_DONE;
    else if (l->err.code == PF_PERM)
        l->state = PF_LEDGER_REFUSED;
    else if (l->err.code != PF_TEMP) {
        l->state = ask->why ? PF_LEDGER_WILL : PF_LEDGER_GONE;
        pf_place_break(c->place, &l->err);
    }
    tell(c);
}

static enum pf_code ask(struct pf_place_carry *c, struct pf_ipc_ask *a, const char *what,
                        const struct pf_ledger_note *note, struct pf_err *err)
{
    unsigned char room[PF_CARRY_PACKET];
    struct pf_span out = {room, 0, sizeof room};
    struct pf_ipc_frame frame = {0};
    enum pf_code code = start(c, err);

    if (code)
        return code;
    if (!pf_span_format(&out, "%s ", what) || !pf_ledger_line(note, &out))
        return pf_fail(err, PF_IO, 0, where, "a record of the ledger cannot be said");
    frame.payload = pf_span_bytes(&out);
    code = pf_ipc_ask(c->carrier, a, &frame);
    if (code == PF_BUSY)
        return pf_fail(err, PF_BUSY, 0, where, "postfach-carry is busy");
    return code ? too_early(err) : PF_OK;
}

enum pf_code pf_place_carrier_send(struct pf_place_carry *c, struct pf_letter *l, struct pf_err *err)
{
    struct pf_place_carried *more = l->more;
    struct pf_ledger_note note = pf_place_note(l, PF_LEDGER_WILL);
    char what[PF_LEDGER_NAME_MAX + 64];
    enum pf_code code;

    snprintf(what, sizeof what, "carry %" PRIu64 " %s", ++c->serial, l->name);
    more->ask.done = carried;
    code = ask(c, &more->ask, what, &note, err);
    more->asked = !code;
    return code;
}

static void settled(struct pf_place_carry *c)
{
    struct pf_place *p = c->place;
    struct pf_err err = p->broken;

    c->settling = false;
    free(c->olds);
    c->olds = NULL;
    p->settings.settled(p->settings.self, c->again, &err);
    pf_place_wake(p);
}

static void settled_one(struct pf_ipc_ask *a)
{
    struct pf_place_carry *c =
        (struct pf_place_carry *)(void *)((char *)a - offsetof(struct pf_place_carry, ask));
    struct pf_ledger_note *note = &c->olds[c->old_next].note;
    struct pf_err err;

    c->asking = false;
    hear(a, &err);
    if (err.code != PF_OK && err.code != PF_GONE && err.code != PF_AGAIN) {
        pf_place_break(c->place, &err);
    } else {
        note->state = err.code != PF_OK         ? PF_LEDGER_GONE
                      : pf_ledger_doubted(note) ? PF_LEDGER_SKIPPED
                                                : PF_LEDGER_DONE;
        note->name = (struct pf_bytes){0};
        c->again += err.code != PF_OK;
        c->old_next++;
        if (!pf_ledger_learn(c->place->settings.ledger, note, 1)) {
            pf_fail(&err, PF_NO_MEMORY, 0, where, "no memory to remember what was fetched");
            pf_place_break(c->place, &err);
        }
    }
    pf_place_wake(c->place);
}

void pf_place_carrier_settle(struct pf_place_carry *c)
{
    char what[64];
    struct pf_err err;

    if (c->asking)
        return;
    if (c->old_next == c->old_count || c->place->broken.code) {
        settled(c);
        return;
    }
    snprintf(what, sizeof what, "settle %" PRIu64, ++c->serial);
    c->ask.done = settled_one;
    if (!ask(c, &c->ask, what, &c->olds[c->old_next].note, &err)) {
        c->asking = true;
        return;
    }
    pf_place_break(c->place, &err);
    settled(c);
}

/* The ledger's close would unlock it for the carrier, too, for both have one lock. So it gets another
 * descriptor under that number, and the lock is the carrier's alone. */
static void leave_lock(struct pf_place_carry *c)
{
    int lock = pf_ledger_lock_fd(c->place->settings.ledger);
    int other = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (other < 0)
        return;
    (void)dup3(other, lock, O_CLOEXEC);
    close(other);
}

/* One that is no more must be no zombie either: locks of others name it, and it would seem to be alive.
 */
static bool reap(pid_t pid, int wait)
{
    struct pollfd end = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    pid_t ended;

    if (end.fd >= 0) {
        (void)poll(&end, 1, wait);
        close(end.fd);
    }
    do
        ended = waitpid(pid, NULL, WNOHANG);
    while (ended < 0 && errno == EINTR);
    return ended != 0;
}

void pf_place_carrier_end(struct pf_place_carry *c)
{
    bool works = c->carrier && (c->away || c->asking);

    if (c->asking)
        pf_ipc_abandon(&c->ask);
    for (struct pf_letter *l = c->first; l; l = l->next) {
        struct pf_place_carried *more = l->more;

        if (more->asked)
            pf_ipc_abandon(&more->ask);
        more->asked = false;
    }
    if (c->carrier)
        pf_ipc_close(c->carrier);
    c->carrier = NULL;
    if (c->pid > 0 && !reap(c->pid, works ? 0 : PATIENCE))
        leave_lock(c);
}
