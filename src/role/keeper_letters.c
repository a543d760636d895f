#include "role/keeper_parts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LETTERS_AGAIN = 10 /* ms: a child that starts reads its channel that soon */
};

struct pf_keeper_letter {
    struct pf_keeper_letter *next;
    uint16_t kind;
    int fd;
    size_t len;
    unsigned char payload[PF_CREW_PAYLOAD_MAX];
};

static enum pf_code try(struct pf_keeper_child *c, const struct pf_keeper_letter *letter)
{
    struct pf_ipc_frame frame = {.kind = letter->kind, .payload = pf_bytes_from(letter->payload, letter->len)};

    if (letter->fd >= 0)
        frame.fds[frame.fd_count++] = letter->fd;
    return pf_ipc_room(c->ipc) ? pf_ipc_notice(c->ipc, &frame) : PF_BUSY;
}

static void letter_free(struct pf_keeper_letter *letter)
{
    if (letter->fd >= 0)
        close(letter->fd);
    free(letter);
}

/* What a child that is gone was to read does not matter any more. */
static void again(struct pf_timer *timer, void *self)
{
    struct pf_keeper_child *c = self;

    while (c->letters) {
        struct pf_keeper_letter *letter = c->letters;

        if (c->ipc && try(c, letter) == PF_BUSY) {
            pf_timer_set(timer, pf_loop_now(c->keeper->loop) + LETTERS_AGAIN);
            return;
        }
        c->letters = letter->next;
        letter_free(letter);
    }
}

/* A child that cannot be told what it must know is of no use. */
static void keep(struct pf_keeper_child *c, const struct pf_keeper_letter *letter)
{
    struct pf_keeper_letter *copy = malloc(sizeof *copy), **end = &c->letters;

    if (!c->post)
        c->post = pf_timer_new(c->keeper->loop, again, c);
    if (copy) {
        *copy = *letter;
        copy->fd = letter->fd < 0 ? -1 : fcntl(letter->fd, F_DUPFD_CLOEXEC, 0);
    }
    if (!copy || !c->post || (letter->fd >= 0 && copy->fd < 0)) {
        free(copy);
        pf_keeper_child_kill(c);
        return;
    }
    while (*end)
        end = &(*end)->next;
    copy->next = NULL;
    *end = copy;
    pf_timer_set(c->post, pf_loop_now(c->keeper->loop) + LETTERS_AGAIN);
}

void pf_keeper_send(struct pf_keeper_child *c, const struct pf_crew *crew, int fd)
{
    struct pf_keeper_letter letter = {.kind = (uint16_t)crew->kind, .fd = fd};
    struct pf_span span = {letter.payload, 0, sizeof letter.payload};
    enum pf_code code;

    if (!c->ipc || !pf_crew_write(&span, crew))
        return;
    letter.len = span.len;
    code = c->letters ? PF_BUSY : try(c, &letter);
    if (code == PF_BUSY || code == PF_NO_MEMORY)
        keep(c, &letter);
}

void pf_keeper_letters_free(struct pf_keeper_child *c)
{
    pf_timer_free(c->post);
    c->post = NULL;
    while (c->letters) {
        struct pf_keeper_letter *letter = c->letters;

        c->letters = letter->next;
        letter_free(letter);
    }
}
