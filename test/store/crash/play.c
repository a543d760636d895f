#include "store/crash/crash.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_POINTS = 4 }; /* of a scenario; they touch no file, so a few stand for all */

static const char *const hows[] = {
    [CRASH_NOT] = "undisturbed",         [CRASH_KILL_BEFORE] = "killed before",
    [CRASH_KILL_AFTER] = "killed after", [CRASH_TEAR] = "killed in the middle of",
    [CRASH_SHORT] = "half of",           [CRASH_FAIL] = "failing",
};

static void run(void *scene)
{
    struct crash_scene *s = scene;

    s->scenario->run(s);
}

static void describe(struct crash_scene *s, const struct crash_point *p, const char *call)
{
    snprintf(s->point, sizeof s->point, "%s call %u, %s%s%s%s", hows[p->how], p->number, call,
             p->how == CRASH_FAIL ? " with " : "", p->how == CRASH_FAIL ? crash_error_name(p->error) : "",
             p->lasting ? ", and all that follow" : "");
}

/* The long form: every point there is. */
static bool try_all(void)
{
    return getenv("POSTFACH_CRASH_ALL") != NULL;
}

/* Whether the point is among those of the short form: the same ones in each run with the same seed. */
static bool is_drawn(struct crash_scene *s, const struct crash_point *p)
{
    const char *seed = getenv("POSTFACH_CRASH_SEED");
    unsigned of = p->how == CRASH_FAIL ? s->scenario->of_errors : s->scenario->of_kills;
    uint64_t x = ++s->draws * UINT64_C(0x9e3779b97f4a7c15) ^ (seed ? strtoull(seed, NULL, 10) : 1);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return try_all() || of < 2 || (x ^ x >> 31) % of == 0;
}

static void try_point(struct crash_scene *s, const struct crash_point *p, const char *call)
{
    struct crash_end end;

    if (!is_drawn(s, p))
        return;
    describe(s, p, call);
    crash_scene_build(s);
    crash_trace(p, run, s, NULL, &end);
    s->counts.points++;
    if (end.trouble[0])
        crash_complain(s, &s->counts.other, "%s", end.trouble);
    if (!end.hit && !p->memory)
        crash_complain(s, &s->counts.other, "the point was not reached");
    crash_verify(s);
}

static bool is_write(const struct crash_call *c)
{
    return strcmp(c->row->name, "write") == 0 || strcmp(c->row->name, "pwrite64") == 0;
}

static void fail_call(struct crash_scene *s, const struct crash_call *c)
{
    for (unsigned bit = 1; bit < 1u << CRASH_ERRORS; bit <<= 1) {
        struct crash_point p = {CRASH_FAIL, false, false, c->number, crash_errno(bit)};

        if (!(c->errors & bit))
            continue;
        try_point(s, &p, c->row->name);
        p.lasting = bit == CRASH_NO_SPACE || (bit == CRASH_IO && try_all());
        if (p.lasting) /* the disk stays full, or broken */
            try_point(s, &p, c->row->name);
    }
}

static void try_call(struct crash_scene *s, const struct crash_call *c)
{
    struct crash_point p = {.number = c->number};
    bool halves = is_write(c) && c->args[2] > 1;
    /* Behind a call that changes nothing the disk is as it is before the next one. */
    bool changes = c->errors & CRASH_NO_SPACE || try_all();

    for (p.how = CRASH_KILL_BEFORE; p.how <= CRASH_SHORT; p.how++)
        if (p.how == CRASH_KILL_BEFORE || (p.how == CRASH_KILL_AFTER && changes) || halves)
            try_point(s, &p, c->row->name);
    fail_call(s, c);
}

/* Memory is asked for in other places in each build. */
static void try_memory(struct crash_scene *s, uint32_t count)
{
    uint32_t step = try_all() ? 1 : count / MEMORY_POINTS + 1;

    for (uint32_t number = 1; number <= count; number += step)
        for (enum crash_how how = CRASH_KILL_BEFORE; how <= CRASH_KILL_AFTER; how++)
            try_point(s, &(struct crash_point){.how = how, .memory = true, .number = number}, "memory");
}

static void check_acknowledged(struct crash_scene *s)
{
    const struct crash_told *t = s->told;
    uint32_t removed = (uint32_t)__builtin_popcount(s->scenario->remove);

    if (t->open || t->expunge || t->deliver || (t->expunging && t->removed != removed) ||
        (!t->opened && !t->delivered))
        crash_complain(s, &s->counts.other, "an undisturbed run failed");
}

void crash_play(const struct crash_scenario *scenario, struct crash_counts *out_counts)
{
    static const struct crash_point none = {.how = CRASH_NOT};
    static struct crash_record record;
    struct crash_scene s;
    struct crash_end end;

    crash_scene_init(&s, scenario);
    describe(&s, &none, "");
    crash_scene_build(&s);
    crash_trace(&none, run, &s, &record, &end);
    if (end.trouble[0] || !end.finished)
        crash_complain(&s, &s.counts.other, "%s", end.trouble);
    check_acknowledged(&s);
    crash_order(&s, &record);
    crash_verify(&s);
    for (uint32_t i = 0; i < record.count; i++)
        if (record.calls[i].row)
            try_call(&s, &record.calls[i]);
    try_memory(&s, record.memory);
    *out_counts = s.counts;
    crash_scene_done(&s);
}

static bool is_good(const struct crash_scenario *sc, const struct crash_counts *c)
{
    return c->points > (sc->of_kills > 1 ? 4 : 20) && !c->losses && !c->duplicates && !c->torn && !c->uidls &&
           !c->leftovers && !c->order && !c->other;
}

/* Parent and child take turns all the time: on one processor that costs a switch, on two a wait until the
 * other one wakes up. */
void crash_one_processor(void)
{
    int here = sched_getcpu();
    cpu_set_t set;

    CPU_ZERO(&set);
    if (here >= 0 && here < CPU_SETSIZE) {
        CPU_SET((size_t)here, &set);
        (void)sched_setaffinity(0, sizeof set, &set);
    }
}

int crash_main(const struct crash_scenario *scenarios, uint32_t count)
{
    const char *why = crash_impossible();
    struct crash_counts c;
    bool all = true;

    if (why) {
        printf("1..0 # SKIP system calls cannot be traced: %s\n", why);
        return 0;
    }
    crash_one_processor();
    printf("1..%u\n", count);
    for (uint32_t i = 0; i < count; i++) {
        crash_play(&scenarios[i], &c);
        all = all && is_good(&scenarios[i], &c);
        printf("%s %u - %s: %u points tried, %u losses, %u duplicates, %u torn; %u wrong UIDLs, %u leftovers, "
               "%u out of order, %u other\n", is_good(&scenarios[i], &c) ? "ok" : "not ok", i + 1, scenarios[i].name,
               c.points, c.losses, c.duplicates, c.torn, c.uidls, c.leftovers, c.order, c.other);
    }
    return !all;
}
