#include "fetch/carry_private.h"

#include "base/text.h"
#include "sys/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char where[] = "carry";

enum { WORDS_LEAST = 7, FILE_MAX = 255 };

struct carrier {
    struct pf_account account;
    const struct pf_carry_kind *kind;
    void *state;
    int spool;
    struct pf_loop *loop;
    struct pf_ipc *ipc;
    struct pf_err broken; /* the ledger cannot be written: nothing more is delivered */
};

/* A request's parts; the record's views are into room. */
struct request {
    uint64_t serial;
    char file[FILE_MAX + 1]; /* "": to settle */
    struct pf_bytes line;    /* the record as it is to be written, with its newline */
    struct pf_ledger_note note;
    bool doubt; /* what is delivered may be a torso */
    unsigned char room[PF_LEDGER_UID_MAX + PF_LEDGER_NAME_MAX];
};

pf_time pf_carry_now(void)
{
    struct timespec t = {0};

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct pf_bytes next_word(struct pf_bytes *rest)
{
    size_t len = pf_find(*rest, ' ');
    struct pf_bytes word = pf_bytes_head(*rest, len);

    *rest = pf_bytes_skip(*rest, len + 1);
    return word;
}

static bool read_request(struct pf_bytes in, struct request *q)
{
    struct pf_bytes verb = next_word(&in), file;
    bool carry = pf_bytes_equal(verb, PF_LIT("carry"));

    if ((!carry && !pf_bytes_equal(verb, PF_LIT("settle"))) || !pf_parse_u64(next_word(&in), &q->serial))
        return false;
    file = carry ? next_word(&in) : (struct pf_bytes){0};
    if (carry &&
        (!file.len || file.len > FILE_MAX || file.at[0] == '.' || memchr(file.at, '/', file.len)))
        return false;
    pf_text_safe(q->file, sizeof q->file, file);
    q->line = in;
    if (!in.len || in.at[in.len - 1] != '\n' ||
        pf_ledger_parse(pf_bytes_head(in, in.len - 1), q->room, &q->note))
        return false;
    q->doubt = pf_ledger_doubted(&q->note);
    return true;
}

static enum pf_code write_lines(struct carrier *c, struct pf_bytes lines, struct pf_err *err)
{
    if (!c->broken.code && pf_ledger_append(PF_CARRY_LEDGER, lines, true, &c->broken))
        c->broken.code = c->broken.code == PF_NO_SPACE ? PF_NO_SPACE : PF_IO;
    if (c->broken.code)
        *err = c->broken;
    return c->broken.code;
}

/* `why`: of one that is refused. */
static enum pf_code write_state(struct carrier *c, const struct request *q, enum pf_ledger_state state,
                                const char *why, struct pf_err *err)
{
    unsigned char room[PF_LEDGER_LINE_MAX];
    struct pf_span out = {room, 0, sizeof room};
    struct pf_ledger_note note = q->note;

    note.state = state == PF_LEDGER_DONE && q->doubt ? PF_LEDGER_SKIPPED : state;
    note.when = time(NULL);
    note.name = pf_bytes_head(pf_bytes_of(why), PF_LEDGER_NAME_MAX);
    if (!pf_ledger_line(&note, &out))
        return pf_fail(err, PF_IO, 0, where, "a record of the ledger cannot be said");
    return write_lines(c, pf_span_bytes(&out), err);
}

/* Delivered or not: the record says it before anybody is told. */
static enum pf_code deliver(struct carrier *c, const struct request *q, int file, struct pf_err *err)
{
    struct pf_err lost;
    enum pf_code code = c->kind->deliver(c->state, file, &q->note, err);
    enum pf_ledger_state state = code == PF_OK     ? PF_LEDGER_DONE
                                 : code == PF_PERM ? PF_LEDGER_REFUSED
                                                   : PF_LEDGER_GONE;

    if (!write_state(c, q, state, code == PF_PERM ? err->log : "", &lost))
        return code;
    *err = lost;
    return err->code;
}

static enum pf_code carry(struct carrier *c, const struct request *q, struct pf_err *err)
{
    int file = openat(c->spool, q->file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    enum pf_code code;

    if (file < 0)
        return pf_fail(err, PF_IO, errno, where, "a message in the spool cannot be read: %s",
                       strerror(errno));
    code = write_lines(c, q->line, err);
    if (!code)
        code = deliver(c, q, file, err);
    close(file);
    unlinkat(c->spool, q->file, 0);
    return code;
}

static enum pf_code settle(struct carrier *c, const struct request *q, struct pf_err *err)
{
    struct pf_err lost;
    enum pf_code code = c->kind->settle ? c->kind->settle(c->state, &q->note, err)
                                        : pf_fail(err, PF_AGAIN, 0, where, "nobody can say");

    if (code != PF_OK && code != PF_GONE && code != PF_AGAIN)
        return code;
    if (!write_state(c, q, code == PF_OK ? PF_LEDGER_DONE : PF_LEDGER_GONE, "", &lost))
        return code;
    *err = lost;
    return err->code;
}

/* The master's end is closed: what it had said and was not begun is not delivered. */
static bool orphaned(void)
{
    struct pollfd end = {.fd = STDIN_FILENO};

    return poll(&end, 1, 0) == 1 && (end.revents & (POLLHUP | POLLERR));
}

static void answer(struct carrier *c, uint64_t id, uint64_t serial, const struct pf_err *err)
{
    char text[PF_CARRY_PACKET];
    struct pf_ipc_frame frame = {0};
    int len = snprintf(text, sizeof text, "ended %" PRIu64 " %s %s", serial, pf_verdict(err->code)->name,
                       err->log);

    frame.payload = pf_bytes_from(text, (size_t)len);
    pf_ipc_answer(c->ipc, id, &frame);
}

static void request(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    struct carrier *c = self;
    struct request q = {0};
    struct pf_err err = {0};

    if (!read_request(frame->payload, &q)) {
        pf_ipc_drop(c->ipc, "what cannot be understood");
        return;
    }
    if (orphaned()) {
        if (q.file[0])
            unlinkat(c->spool, q.file, 0);
        pf_fail(&err, PF_IO, 0, where, "the program that fetches has ended");
    } else if ((q.file[0] ? carry(c, &q, &err) : settle(c, &q, &err)) == PF_OK) {
        err = (struct pf_err){0};
    }
    answer(c, id, q.serial, &err);
}

static void gone(void *self, const struct pf_err *err)
{
    struct carrier *c = self;

    (void)err;
    pf_ipc_close(c->ipc);
    c->ipc = NULL;
    pf_loop_stop(c->loop);
}

static const struct pf_carry_kind *kind_of(const char *name)
{
    static const struct pf_carry_kind *const kinds[] = {&pf_carry_command, &pf_carry_mbox,
                                                        &pf_carry_lmtp, &pf_carry_smtp};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    }
    return NULL;
}

/* --spool DIR --account NAME KIND WORD... */
static bool read_words(struct carrier *c, int argc, char **argv)
{
    struct pf_account *a = &c->account;

    pf_account_defaults(a);
    a->maildir = a->mbox = a->lmtp = a->smtp = NULL;
    if (argc < WORDS_LEAST || strcmp(argv[1], "--spool") != 0 || strcmp(argv[3], "--account") != 0)
        return false;
    c->kind = kind_of(argv[5]);
    a->name = argv[4];
    c->spool = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->kind == &pf_carry_command) {
        a->command =
            strcmp(argv[6], "--") == 0 && argc > WORDS_LEAST ? (const char *const *)&argv[7] : NULL;
        return c->spool >= 0 && a->command;
    }
    if (c->kind == &pf_carry_mbox) {
        a->mbox = argv[6];
        a->state = argv[2]; /* where an mbox in a folder of others has its state */
    } else if (c->kind == &pf_carry_lmtp) {
        a->lmtp = argv[6];
    } else {
        a->smtp = argv[6];
    }
    a->recipient = argc > 7 ? argv[7] : NULL;
    a->sender = argc > 8 ? argv[8] : NULL;
    return c->spool >= 0 && c->kind;
}

/* A terminal's ^C and a service's end are the master's business: it closes its end when it is done. */
static void prepare(void)
{
    const char *home = getenv("HOME");

    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit of sizes is an error, not a death */
    fcntl(STDIN_FILENO, F_SETFD, FD_CLOEXEC);
    fcntl(PF_CARRY_LEDGER, F_SETFD, FD_CLOEXEC);
    fcntl(PF_CARRY_LOCK, F_SETFD, FD_CLOEXEC);
    close_range(PF_CARRY_LOCK + 1, UINT_MAX, 0);
    if (!home || home[0] != '/' || chdir(home) != 0)
        (void)!chdir("/");
}

/* Every message fails for the reason for which the kind could not begin. */
static enum pf_code no_deliver(void *state, int file, const struct pf_ledger_note *note,
                               struct pf_err *err)
{
    (void)file, (void)note;
    *err = *(struct pf_err *)state;
    return err->code;
}

static enum pf_code no_settle(void *state, const struct pf_ledger_note *note, struct pf_err *err)
{
    return no_deliver(state, -1, note, err);
}

static void no_close(void *state)
{
    (void)state;
}

static int run(struct carrier *c)
{
    static const struct pf_ipc_calls calls = {.request = request, .gone = gone};
    static const struct pf_carry_kind nothing = {
        .deliver = no_deliver, .settle = no_settle, .close = no_close};
    const struct pf_ipc_settings settings = {.calls = &calls, .self = c, .any_uid = true};
    struct pf_err err = {0};

    c->loop = pf_loop_new(&err);
    c->ipc = c->loop ? pf_ipc_new(c->loop, STDIN_FILENO, &settings, &err) : NULL;
    if (!c->ipc)
        return pf_verdict(err.code)->exit_status;
    if (c->kind->open(&c->account, &c->state, &err)) {
        c->state = &err;
        c->kind = &nothing;
    }
    pf_loop_run(c->loop);
    c->kind->close(c->state);
    if (c->ipc)
        pf_ipc_close(c->ipc);
    return 0;
}

int pf_carry_main(int argc, char **argv)
{
    struct carrier c = {.spool = -1};

    prepare();
    if (!read_words(&c, argc, argv)) {
        fprintf(stderr, "postfach-carry: `postfach fetch' starts this program\n");
        return pf_verdict(PF_SYNTAX)->exit_status;
    }
    return run(&c);
}
