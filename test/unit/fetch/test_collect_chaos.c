/* Whatever line and server do, and whenever the run is given up: in the end every message is there once.
 *
 * Faults are drawn by a seed, which a failure names; runs go on until the last one, which has none. */
#include "collectrig.h"

enum { SEEDS = 40, MESSAGES = 40, RUNS = 5 };

static struct collectrig r;
static uint64_t state;

static unsigned draw(unsigned below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % below;
}

static bool one_in(unsigned n)
{
    return draw(n) == 0;
}

static void draw_server(void)
{
    static const char *const quits[] = {"", "-ERR [SYS/TEMP] not all of it", NULL, NULL};
    struct fake *f = &r.fake;

    f->cut_after = one_in(2) ? 1 + draw(MESSAGES) : 0;
    f->cut_retr = one_in(3) ? 1 + draw(MESSAGES) : 0;
    f->cut_at_dele = one_in(3);
    f->cut_at_list = one_in(6);
    f->quit_answer = quits[draw(4)];
    f->no_pipelining = one_in(4);
    f->list_refused = one_in(8);
    for (size_t i = 0; i < f->count; i++) {
        f->at[i].refuses = one_in(10);
        f->at[i].refuses_delete = one_in(10);
    }
}

static void draw_account(void)
{
    r.account.keep_days = one_in(3) ? -1 : 0;
    r.account.order = one_in(2) ? PF_ACCOUNT_NEWEST : PF_ACCOUNT_OLDEST;
    r.account.number_limit = one_in(3) ? 1 + draw(20) : 0;
    r.account.window = draw(3);
    r.stop_at_taken = one_in(3) ? 1 + draw(20) : 0;
    r.stop_at_begin = one_in(3) ? 1 + draw(20) : 0;
    r.stop_twice = one_in(2);
}

/* A run that may be given up between any two turns. */
static void run_for_a_while(void)
{
    unsigned turns = one_in(2) ? 1 + draw(60) : 100000;

    collectrig_begin(&r);
    while (r.collect && !r.gones && turns--)
        collectrig_turn(&r);
    pf_collect_free(r.collect);
    r.collect = NULL;
}

static void calm(void)
{
    struct fake *f = &r.fake;

    f->cut_after = f->cut_retr = f->list_most = 0;
    f->cut_at_dele = f->cut_at_list = f->list_refused = false;
    f->quit_answer = NULL;
    for (size_t i = 0; i < f->count; i++)
        f->at[i].refuses = f->at[i].refuses_delete = false;
    r.account.keep_days = 0;
    r.account.number_limit = 0;
    r.stop_at_taken = r.stop_at_begin = 0;
}

static void play(uint64_t seed)
{
    char text[64];

    state = seed;
    collectrig_up(&r);
    r.fake.no_uidl = one_in(4);
    r.fake.no_top = one_in(4);
    r.fake.list_most = one_in(3) ? 1 + draw(MESSAGES) : 0; /* the same each time, as servers have it */
    collectrig_fill(&r, MESSAGES);
    for (int run = 0; run < RUNS; run++) {
        draw_server();
        draw_account();
        run_for_a_while();
    }
    calm();
    collectrig_run(&r);
    if (r.gone.code != PF_OK)
        fail_msg("seed %ju: %s", (uintmax_t)seed, r.gone.log);
    for (size_t i = 1; i <= MESSAGES; i++) {
        snprintf(text, sizeof text, "\nbody %zu of them\n", i);
        if (collectrig_mails_with(&r, text) != 1)
            fail_msg("seed %ju: message %zu is there %zu times", (uintmax_t)seed, i,
                     collectrig_mails_with(&r, text));
    }
    if (collectrig_on_server(&r))
        fail_msg("seed %ju: the server has %zu still", (uintmax_t)seed, collectrig_on_server(&r));
    collectrig_down(&r);
}

static void in_the_end_every_message_is_there_once(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        play(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_the_end_every_message_is_there_once),
    };

    return RUN(tests);
}
