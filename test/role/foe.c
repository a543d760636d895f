/* foe SETTINGS AUTH STORE SEED FRAMES: a gate in the hands of a stranger, beside an honest one.
 *
 * The programs of auth and store are the real ones, in their jails. First it shows tickets that it must not have any
 * use of: forged, shown before, another gate's, expired. Then it sends frames: what an honest gate once sent,
 * changed in every way that came to mind, from a generator with a seed; it is dropped often, and comes again under a
 * new number. It must gain nothing, and the honest gate must be served all the time. The user is anna, with the
 * password secret. */
#include "role/crewing.h"

#include "auth/auth_wire.h"
#include "store/store_wire.h"
#include "sys/ipc_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    POOL = 64,           /* frames of the honest gate */
    FRAME = PF_IPC_FRAME_MAX,
    LONGEST = 128 * 1024, /* more than a frame may have */
    REACTION = 4,         /* ms */
    EVERY = 100,         /* frames between two honest sessions */
    TRIES = 500          /* tickets */
};

struct pool {
    unsigned char *at[POOL];
    size_t len[POOL];
    unsigned count;
};

struct foe {
    struct crewing *crew;
    int fds[2]; /* at auth, at the store; -1: dropped */
    uint32_t number;
    uint64_t random;
    unsigned sent, dropped, answered;
};

static struct pool pools[2];    /* for auth, for the store */
static int recorded[2] = {-1, -1}; /* descriptors whose frames are kept */

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

static void record(struct pool *pool, const struct msghdr *message)
{
    size_t len = message->msg_iov[0].iov_len + message->msg_iov[1].iov_len;

    if (pool->count == POOL)
        return;
    MUST(message->msg_iovlen == 2 && (pool->at[pool->count] = malloc(len)));
    memcpy(pool->at[pool->count], message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
    if (message->msg_iov[1].iov_len)
        memcpy(pool->at[pool->count] + message->msg_iov[0].iov_len, message->msg_iov[1].iov_base,
               message->msg_iov[1].iov_len);
    pool->len[pool->count++] = len;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    for (int i = 0; i < 2; i++)
        if (fd == recorded[i])
            record(&pools[i], message);
    return __real_sendmsg(fd, message, flags);
}

/* SplitMix64: the same seed, the same attack. */
static uint64_t chance(struct foe *foe, uint64_t below)
{
    uint64_t z = foe->random += 0x9E3779B97F4A7C15;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return (z ^ z >> 31) % below;
}

static void come(struct foe *foe)
{
    for (int i = 0; i < 2; i++)
        if (foe->fds[i] >= 0)
            close(foe->fds[i]);
    foe->number = crewing_join(foe->crew, &foe->fds[0], &foe->fds[1]);
    for (int i = 0; i < 2; i++)
        pf_loop_turn(foe->crew->loop, false);
}

/* One change of a frame in `room`; its new length. */
static size_t change(struct foe *foe, unsigned char *room, size_t len, const struct pool *pool)
{
    static const unsigned char edges[] = {0, 1, 0x7f, 0x80, 0xff, 0xfe, '/', 0x20};
    size_t at = len ? chance(foe, len) : 0, other = chance(foe, pool->count);

    switch (chance(foe, 8)) {
    case 0:
        room[at] ^= (unsigned char)(1 << chance(foe, 8));
        return len;
    case 1:
        room[at] = edges[chance(foe, sizeof edges)];
        return len;
    case 2:
        return at;
    case 3: /* longer, with its length in the head, or not */
        for (size_t i = 0; i < 64 && len < FRAME; i++)
            room[len++] = (unsigned char)chance(foe, 256);
        break;
    case 4:
        memset(room + at, edges[chance(foe, sizeof edges)], len - at < 8 ? len - at : 8);
        return len;
    case 5: /* the head of one, the rest of another */
        if (len >= sizeof(struct pf_ipc_head) && pool->len[other] > sizeof(struct pf_ipc_head)) {
            len = pool->len[other];
            memcpy(room + sizeof(struct pf_ipc_head), pool->at[other] + sizeof(struct pf_ipc_head),
                   len - sizeof(struct pf_ipc_head));
        }
        break;
    case 6:
        if (len >= sizeof(struct pf_ipc_head))
            ((struct pf_ipc_head *)(void *)room)->kind = (uint16_t)chance(foe, 12);
        return len;
    default:
        if (len >= sizeof(struct pf_ipc_head))
            ((struct pf_ipc_head *)(void *)room)->what = (uint8_t)chance(foe, 5);
        return len;
    }
    if (len >= sizeof(struct pf_ipc_head) && chance(foe, 2))
        ((struct pf_ipc_head *)(void *)room)->length = (uint32_t)(len - sizeof(struct pf_ipc_head));
    return len;
}

/* Now and then descriptors, as many as the head says or not. */
static void throw(struct foe *foe, int to, const unsigned char *room, size_t len)
{
    union {
        struct cmsghdr align;
        char octets[CMSG_SPACE(8 * sizeof(int))];
    } control = {.octets = {0}};
    struct iovec part = {(void *)(uintptr_t)room, len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    unsigned count = chance(foe, 8) ? 0 : 1 + (unsigned)chance(foe, 6);
    int null = count ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
    struct cmsghdr *head;

    if (count) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        head = CMSG_FIRSTHDR(&message);
        *head = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int))};
        for (unsigned i = 0; i < count; i++)
            memcpy(CMSG_DATA(head) + i * sizeof(int), &null, sizeof null);
    }
    if (__real_sendmsg(foe->fds[to], &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
        (errno == EPIPE || errno == ECONNRESET)) {
        close(foe->fds[to]);
        foe->fds[to] = -1;
        foe->dropped++;
    }
    if (null >= 0)
        close(null);
    foe->sent++;
}

/* What came back must be no, of either. A lookup may be answered with the right to deliver, which every gate has. */
static void judge(int from, const struct pf_ipc_head *head, const struct pf_ipc_frame *frame)
{
    struct pf_auth_wire_verdict verdict;
    union pf_store_say said;

    if (head->what != PF_IPC_ANSWER)
        return;
    if (from == 0 && frame->kind == PF_AUTH_WIRE_VERDICT && pf_auth_wire_get_verdict(frame->payload, &verdict))
        MUST(verdict.more || (verdict.err.code != PF_OK && !verdict.bearer.store));
    if (from == 1 && pf_store_wire_get_say(frame->payload, frame->kind, &said))
        MUST(said.verdict.code != PF_OK || frame->kind == PF_STORE_CLOSE || frame->kind == PF_STORE_DROP);
    MUST(from == 0 || frame->fd_count == 0);
}

static void listen_to(struct foe *foe, int from)
{
    static unsigned char room[FRAME];
    struct pf_ipc_frame frame;
    struct pf_ipc_head head;
    const char *why;

    while (foe->fds[from] >= 0)
        switch (pf_ipc_wire_receive(foe->fds[from], room, &head, &frame, &why)) {
        case PF_IPC_GOT:
            judge(from, &head, &frame);
            pf_ipc_close_fds(frame.fds, frame.fd_count);
            foe->answered++;
            break;
        case PF_IPC_NOTHING:
            return;
        case PF_IPC_END:
        case PF_IPC_BAD:
            close(foe->fds[from]);
            foe->fds[from] = -1;
            foe->dropped++;
            break;
        }
}

static void attack_once(struct foe *foe)
{
    static unsigned char room[LONGEST];
    int to = (int)chance(foe, 2);
    const struct pool *pool = &pools[to];
    size_t which = chance(foe, pool->count), len = pool->len[which];

    memcpy(room, pool->at[which], len);
    for (uint64_t changes = chance(foe, 4); changes; changes--)
        len = change(foe, room, len, pool);
    if (chance(foe, 200) == 0)
        len = 1 + chance(foe, LONGEST - 1);
    throw(foe, to, room, len);
    /* Most frames get an answer or an end at once; those behind an end would be lost. */
    if (foe->fds[to] >= 0)
        (void)poll(&(struct pollfd){.fd = foe->fds[to], .events = POLLIN}, 1, REACTION);
    listen_to(foe, to);
    if (foe->fds[0] < 0 || foe->fds[1] < 0)
        come(foe);
}

/* A ticket in a purse of that gate, as if auth had given it; whether the store opens for it. */
static bool shown(struct crewing *crew, struct gate *gate, struct pf_bytes ticket)
{
    uint64_t pass = pf_purse_put(gate->purse, crew->store.number, ticket, clock_now());

    MUST(pass);
    return gate_read(crew, gate, pass);
}

/* As auth would make it, but for what `spoil` does. */
static struct pf_bytes made(struct crewing *crew, struct pf_seal *seal, const struct pf_ticket *like,
                            unsigned char room[PF_SEAL_TICKET_MAX])
{
    struct pf_ticket ticket = *like;
    struct pf_span span = {room, 0, PF_SEAL_TICKET_MAX};

    (void)crew;
    MUST(pf_seal_put(seal, &ticket, &span, NULL) == PF_OK);
    return pf_span_bytes(&span);
}

/* With the key, which no gate has: to see that what is refused is refused for the one thing that is wrong. */
static void tickets_of_our_own(struct crewing *crew, struct gate *gate, const char *path)
{
    struct pf_seal *seal = pf_seal_new(crew->key, 0, NULL), *other;
    struct pf_ticket good = {.user = "anna", .rights = PF_TICKET_RIGHTS, .expire_days = -1, .gate = gate->number,
                             .store = crew->store.number, .session = 1, .expires = clock_now() + 30000},
                     bad;
    unsigned char room[PF_SEAL_TICKET_MAX], key[PF_SEAL_KEY] = {1};

    snprintf(good.path, sizeof good.path, "%s", path);
    MUST(seal && shown(crew, gate, made(crew, seal, &good, room)));
    MUST(!shown(crew, gate, pf_bytes_from(room, made(crew, seal, &good, room).len - 1)));
    bad = good, bad.expires = clock_now() - 1;
    MUST(!shown(crew, gate, made(crew, seal, &bad, room)));
    bad = good, bad.gate++;
    MUST(!shown(crew, gate, made(crew, seal, &bad, room)));
    bad = good, bad.store++;
    MUST(!shown(crew, gate, made(crew, seal, &bad, room)));
    bad = good, bad.expires = clock_now() + 10 * PF_TICKET_LIFE_MAX;
    MUST(!shown(crew, gate, made(crew, seal, &bad, room)));
    other = pf_seal_new(key, 0, NULL);
    MUST(other && !shown(crew, gate, made(crew, other, &good, room)));
    pf_seal_free(other);
    pf_seal_free(seal);
    printf("# tickets: expired, long-lived, of another gate, store or key, and cut: refused\n");
}

/* Honest tickets in the wrong hands, twice, and changed. */
static void tickets_of_others(struct foe *foe, struct gate *honest, struct gate *thief)
{
    uint64_t pass = gate_login(foe->crew, honest, "anna", "secret");
    unsigned char room[PF_SEAL_TICKET_MAX];
    struct pf_bytes ticket;
    struct pf_pass told;

    MUST(pass && pf_purse_look(honest->purse, pass, clock_now(), &told) && told.ticket.len <= sizeof room);
    memcpy(room, told.ticket.at, told.ticket.len);
    ticket = pf_bytes_from(room, told.ticket.len);
    MUST(!shown(foe->crew, thief, ticket));
    MUST(gate_read(foe->crew, honest, pass)); /* the theft has not burnt it */
    MUST(!shown(foe->crew, honest, ticket));
    MUST(!shown(foe->crew, thief, ticket));
    for (int i = 0; i < TRIES; i++) {
        size_t at = chance(foe, ticket.len);
        unsigned char flip = (unsigned char)(1 << chance(foe, 8));

        room[at] ^= flip;
        MUST(!shown(foe->crew, honest, ticket));
        room[at] ^= flip;
    }
    printf("# tickets: another's, shown before, and %d forged: refused\n", TRIES);
}

static void session(struct crewing *crew, struct gate *gate)
{
    uint64_t pass = gate_login(crew, gate, "anna", "secret");

    MUST(pass && gate_read(crew, gate, pass));
}

/* What an honest gate says; of its logins only a wrong one, since who knows the password may log in. */
static void learn(struct crewing *crew, struct gate *gate)
{
    recorded[0] = gate->auth_fd;
    MUST(gate_login(crew, gate, "anna", "wrong") == 0);
    MUST(gate_login(crew, gate, "nobody-at-all", "secret") == 0);
    recorded[0] = -1;
    recorded[1] = gate->store_fd;
    session(crew, gate);
    recorded[0] = gate->auth_fd;
    MUST(gate_deliver(crew, gate, "anna@example.org"));
    recorded[0] = recorded[1] = -1;
    printf("# learned %u frames for auth and %u for the store\n", pools[0].count, pools[1].count);
    MUST(pools[0].count >= 3 && pools[1].count >= 6);
}

static void attack(struct foe *foe, struct gate *honest, unsigned frames)
{
    pf_time longest = 0;
    unsigned served = 0;

    come(foe);
    while (foe->sent < frames) {
        attack_once(foe);
        if (foe->sent % EVERY == 0) {
            pf_time begin = clock_now();

            session(foe->crew, honest);
            served++;
            longest = clock_now() - begin > longest ? clock_now() - begin : longest;
        }
    }
    for (int i = 0; i < 2; i++)
        listen_to(foe, i);
    printf("# %u frames, %u times dropped, %u answers; %u honest sessions between them, the longest %u ms\n", foe->sent,
           foe->dropped, foe->answered, served, (unsigned)longest);
    MUST(foe->dropped > frames / 10 && foe->answered > 0 && served >= frames / EVERY);
}

int main(int argc, char **argv)
{
    struct crewing crew;
    struct foe foe = {.crew = &crew, .fds = {-1, -1}};
    struct gate honest, thief;
    char path[512];

    setvbuf(stdout, NULL, _IOLBF, 0);
    MUST(argc == 6);
    foe.random = strtoull(argv[4], NULL, 10);
    crewing_start(&crew, argv[1], argv[2], argv[3]);
    gate_open(&crew, &honest);
    gate_open(&crew, &thief);
    MUST(pf_conf_maildrop(crew.conf, "anna", path, sizeof path));
    learn(&crew, &honest);
    tickets_of_our_own(&crew, &honest, path);
    tickets_of_others(&foe, &honest, &thief);
    gate_close(&crew, &thief);
    attack(&foe, &honest, (unsigned)strtoul(argv[5], NULL, 10));
    session(&crew, &honest);
    for (int i = 0; i < 2; i++)
        close(foe.fds[i]);
    gate_close(&crew, &honest);
    crewing_end(&crew);
    for (int i = 0; i < 2; i++)
        while (pools[i].count)
            free(pools[i].at[--pools[i].count]);
    puts("ok");
    return 0;
}
