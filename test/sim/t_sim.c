/* t_sim [FIRST [LAST]]: plays the seeds from FIRST to LAST; without arguments those that a test run has
 * time for. SIM_TRACE=1 tells every step of it. A seed that failed once fails always. */
#include "sim.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SEEDS = 200,
    BATCH = 50,       /* seeds for one process, so that a crash names its seed */
    LAST_ROUNDS = 100000
};

/* What the process that plays shares with the one that waits for it. */
struct board {
    uint64_t seed;
    unsigned step;
    struct sim_counts counts;
};

static struct board *board;
static bool trace;

void sim_fail(const struct sim *s, const char *format, ...)
{
    va_list list;

    printf("# seed %llu, step %u, turn %llu: ", (unsigned long long)s->seed, s->step,
           (unsigned long long)s->turn);
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    printf("\n");
    fflush(stdout);
    unlink(s->users);
    rmdir(s->dir);
    _exit(1);
}

void sim_trace(const struct sim *s, const char *format, ...)
{
    va_list list;

    if (!trace)
        return;
    printf("# %5u %6llu ", s->step, (unsigned long long)s->turn);
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    printf("\n");
}

static unsigned here(const struct sim *s)
{
    unsigned count = 0;

    for (unsigned i = 0; i < s->client_count; i++)
        count += s->clients[i]->fd >= 0;
    return count;
}

static void tick(struct sim *s)
{
    pf_time by = 1 + (pf_time)sim_pick(s, 200);

    if (sim_chance(s, 4))
        by = sim_chance(s, 50) ? 61 * 1000 : 11 * 60 * 1000;
    sim_trace(s, "%lld ms go by", (long long)by);
    s->clock += by;
    if (by > 1000)
        for (unsigned i = 0; i < s->client_count; i++)
            s->clients[i]->excused = true;
}

static void happen(struct sim *s)
{
    struct sim_drop *drop = &s->drops[sim_pick(s, SIM_USERS)];
    unsigned die = sim_pick(s, 100);
    struct pf_err err;

    if (die < 25)
        sim_deliver(s, drop);
    else if (die < 40)
        sim_parcel_begin(s, drop);
    else if (die < 60)
        sim_fault(s);
    else if (die < 62)
        pf_faulty_clear(s->store);
    else if (die < 80)
        tick(s);
    else if (die < 82)
        pf_hall_settings(s->hall, s->conf, NULL, &err);
    if (s->client_count < SIM_CLIENTS && here(s) < SIM_AT_ONCE && sim_chance(s, 30))
        sim_client_new(s);
}

static void act(struct sim *s, struct sim_client *c)
{
    unsigned die = sim_pick(s, 1000);

    if (die < 4 || (c->eof && die < 500))
        sim_client_leave(c);
    else if (die < 8)
        sim_client_half_close(c);
    else if (die < 200)
        sim_say(c);
    else if (die < 600)
        sim_client_send(c, sim_chance(s, 40) ? 1 + sim_pick(s, 12) : 100000);
    else if (!c->slow || sim_chance(s, 20))
        sim_client_read(c, c->slow || sim_chance(s, 20) ? 1 + sim_pick(s, 500) : 100000);
}

/* One of those who are here, or NULL. */
static struct sim_client *somebody(struct sim *s)
{
    unsigned left = here(s) ? sim_pick(s, here(s)) : 0;

    for (unsigned i = 0; i < s->client_count; i++)
        if (s->clients[i]->fd >= 0 && left-- == 0)
            return s->clients[i];
    return NULL;
}

static void play_step(struct sim *s)
{
    struct sim_client *c = somebody(s);

    if (sim_chance(s, 8) || !c)
        happen(s);
    else
        act(s, c);
    for (unsigned turns = sim_pick(s, 4); turns; turns--)
        sim_turn(s);
    if (sim_chance(s, 3))
        sim_settle(s);
    sim_check_counts(s);
}

/* What a client would get if it only went on: sends what it has begun, and reads to the end. */
static bool go_on(struct sim *s)
{
    bool moved = false;

    for (unsigned i = 0; i < s->client_count; i++) {
        moved |= sim_client_send(s->clients[i], 100000);
        moved |= sim_client_read(s->clients[i], 100000);
    }
    sim_settle(s);
    return moved;
}

static void finish(struct sim *s)
{
    s->patient = sim_chance(s, 50);
    sim_settle(s);
    for (unsigned rounds = 0; go_on(s); rounds++)
        if (rounds == LAST_ROUNDS)
            sim_fail(s, "octets without end");
    for (unsigned i = 0; i < s->client_count; i++) {
        const struct sim_client *c = s->clients[i];

        if (c->fd < 0 || c->eof)
            continue;
        if (c->head != c->told || c->body || c->ended || c->half_closed || !c->greeted || c->out.len)
            sim_fail(s, "client %u waits for ever: %u answers are missing%s%s", c->number, c->told - c->head,
                     c->ended ? ", the end" : "", c->out.len ? ", its input is not taken" : "");
    }
}

/* The server goes down while everybody is in the middle of something. */
static void shut_down(struct sim *s)
{
    pf_time grace = sim_chance(s, 40) ? 0 : 30000;

    s->counts.shutdowns++;
    for (unsigned i = 0; i < s->client_count; i++) {
        sim_say(s->clients[i]);
        sim_client_send(s->clients[i], 100000);
    }
    for (unsigned turns = sim_pick(s, 8); turns; turns--)
        sim_turn(s);
    sim_close_hall(s, grace);
    if (sim_chance(s, 40)) {
        sim_turn(s);
        s->clock += grace;
    }
}

static void play(uint64_t seed)
{
    struct sim *s = calloc(1, sizeof *s);
    unsigned steps, last;

    board->seed = seed;
    sim_up(s, seed);
    steps = 200 + sim_pick(s, 1500);
    for (unsigned i = sim_pick(s, 30); i; i--)
        sim_deliver(s, &s->drops[sim_pick(s, SIM_USERS)]);
    for (unsigned i = 1 + sim_pick(s, SIM_AT_ONCE); i; i--)
        sim_client_new(s);
    last = sim_chance(s, 40) ? 1 + sim_pick(s, steps) : 0;
    for (s->step = 1; s->step <= steps; board->step = s->step++) {
        play_step(s);
        if (s->step == last)
            shut_down(s);
    }
    finish(s);
    sim_down(s);
    for (size_t i = 0; i < sizeof s->counts / sizeof(unsigned long); i++)
        ((unsigned long *)&board->counts)[i] += ((const unsigned long *)&s->counts)[i];
    free(s);
}

/* A process for a few seeds: true when all went well. */
static bool play_range(uint64_t first, uint64_t last)
{
    int status = 0;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        alarm((unsigned)(60 + (last - first + 1))); /* a world that stands still is killed, and that tells */
        for (uint64_t seed = first; seed <= last; seed++)
            play(seed);
        exit(0);
    }
    if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
        return true;
    printf("# seeds %llu to %llu: status %d at seed %llu, step %u\n", (unsigned long long)first,
           (unsigned long long)last, status, (unsigned long long)board->seed, board->step);
    return false;
}

static void tell(const struct sim_counts *n)
{
    printf("# %lu commands, %lu answers, %lu messages read, %lu quits, %lu removed, %lu delivered\n", n->commands,
           n->answers, n->bodies, n->quits, n->removed, n->deliveries);
    printf("# %lu faults struck, %lu bodies cut, %lu hang-ups, %lu times in use, %lu shutdowns, %lu turns\n",
           n->faults, n->cuts, n->hangups, n->in_use, n->shutdowns, n->turns);
}

static bool number(const char *word, uint64_t *out_number)
{
    return pf_parse_u64(pf_bytes_of(word), out_number);
}

int main(int argc, char **argv)
{
    uint64_t first = 1, last = SEEDS;
    bool ok = true;

    trace = getenv("SIM_TRACE") != NULL;
    if (argc > 3 || (argc > 1 && !number(argv[1], &first)) || (argc > 2 && !number(argv[2], &last))) {
        fprintf(stderr, "usage: t_sim [FIRST-SEED [LAST-SEED]]\n");
        return 64;
    }
    if (argc == 2)
        last = first;
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return 71;
    printf("1..1\n# seeds %llu to %llu\n", (unsigned long long)first, (unsigned long long)last);
    for (uint64_t at = first; at <= last && ok; at += BATCH)
        ok = play_range(at, last - at < BATCH ? last : at + BATCH - 1);
    tell(&board->counts);
    printf("%s 1 - a simulated day loses no message\n", ok ? "ok" : "not ok");
    return !ok;
}
