#include "load.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "bench.h"

enum {
    AT_ONCE = 64, /* events of one look */
    OPENING = 64, /* connections that idle guests open at once: less than a listener's queue */
    TURN_MS = 20  /* between two looks at whether somebody sips, or input has ended */
};

struct load {
    const struct load_options *options;
    int poll;
    struct load_guest *guests, *held;
    unsigned guest_count, held_count, alive;
    double seconds, began, heard;
    double *latencies;
    size_t sessions, room;
    uint64_t octets, messages;
    double fetch_seconds;
    double sipped; /* when the turn of the slow came last */
    unsigned turn; /* which of them is next */
};

/* The next user of those that are this guest's, so that no two have the same one. */
static unsigned next_user(const struct load_guest *guest)
{
    const struct load_plan *plan = guest->plan;

    if (!plan->users)
        return guest->number;
    return plan->first + (guest->number - plan->first + plan->guests) % plan->users;
}

static void begin(struct load *load, struct load_guest *guest)
{
    *guest = (struct load_guest){.plan = guest->plan,
                                 .number = guest->number,
                                 .ticket = guest->ticket,
                                 .sums = guest->sums,
                                 .sums_count = guest->sums_count,
                                 .asked = 1};
    load_link_open(guest, load->poll);
    load->alive++;
}

static void note(struct load *load, const struct load_guest *guest)
{
    if (load->sessions == load->room) {
        load->room = load->room ? 2 * load->room : 1024;
        load->latencies = reallocarray(load->latencies, load->room, sizeof *load->latencies);
        bench_need(load->latencies != NULL, "memory");
    }
    load->latencies[load->sessions++] = guest->ended - guest->began;
    if (!guest->plan->fetch || guest->fetch_ended <= guest->fetch_began)
        return;
    load->fetch_seconds += guest->fetch_ended - guest->fetch_began;
    load->octets += guest->fetched;
    load->messages += guest->count < guest->plan->limit ? guest->count : guest->plan->limit;
}

static void over(struct load *load, struct load_guest *guest)
{
    note(load, guest);
    load_link_close(guest);
    load->alive--;
    if (bench_seconds() - load->began >= load->seconds)
        return;
    guest->number = next_user(guest);
    begin(load, guest);
}

/* Each slow guest once in a pause, in turns. */
static void sip(struct load *load)
{
    double now = bench_seconds(), each = (double)load->options->pause_ms / 1000 / load->held_count;

    for (unsigned i = 0; i < load->held_count && load->sipped + each <= now; i++) {
        load_link_sip(&load->held[load->turn], load->options->sip);
        load->turn = (load->turn + 1) % load->held_count;
        load->sipped += each;
    }
}

static bool are_slow(const struct load *load)
{
    return load->held_count && load->held[0].plan->slow;
}

static void look(struct load *load, int wait_ms)
{
    struct epoll_event events[AT_ONCE];
    int n = epoll_wait(load->poll, events, AT_ONCE, wait_ms);

    if (n < 0 && errno == EINTR)
        return;
    bench_need(n >= 0, "epoll");
    for (int i = 0; i < n; i++) {
        struct load_guest *guest = events[i].data.ptr;

        load_link_ready(guest);
        if (guest->state == LOAD_OVER)
            over(load, guest);
    }
    if (n)
        load->heard = bench_seconds();
}

/* Somebody has to say something. */
static void look_for_news(struct load *load)
{
    look(load, are_slow(load) ? TURN_MS : (int)load->options->patience);
    if (are_slow(load))
        sip(load);
    if (bench_seconds() - load->heard < (double)load->options->patience / 1000)
        return;
    fprintf(stderr, "bench: the server is silent\n");
    exit(1);
}

static void report(struct load *load, const char *prefix)
{
    double seconds = load->heard - load->began, p50 = bench_median(load->latencies, load->sessions),
           p99 = load->latencies[load->sessions * 99 / 100];

    if (load->options->values) {
        printf("%ssessions=%zu %sseconds=%.6f %sp50_us=%.1f %sp99_us=%.1f ", prefix, load->sessions,
               prefix, seconds, prefix, p50 * 1e6, prefix, p99 * 1e6);
        printf("%soctets=%llu %smessages=%llu %sfetch_seconds=%.6f\n", prefix,
               (unsigned long long)load->octets, prefix, (unsigned long long)load->messages, prefix,
               load->fetch_seconds);
        return;
    }
    printf("%s%zu sessions in %.3f s: %.0f/s, p50 %.3f ms, p99 %.3f ms\n", prefix[0] ? "alone: " : "",
           load->sessions, seconds, (double)load->sessions / seconds, p50 * 1e3, p99 * 1e3);
    if (load->messages && load->fetch_seconds > 0)
        printf("%llu messages, %.1f MB, %.1f MB/s for each client, %.1f MB/s for all\n",
               (unsigned long long)load->messages, (double)load->octets / 1e6,
               (double)load->octets / 1e6 / load->fetch_seconds, (double)load->octets / 1e6 / seconds);
}

static void drive(struct load *load)
{
    load->sessions = 0;
    load->octets = load->messages = 0;
    load->fetch_seconds = 0;
    load->began = load->heard = bench_seconds();
    for (unsigned i = 0; i < load->guest_count; i++)
        begin(load, &load->guests[i]);
    while (load->alive)
        look_for_news(load);
}

static void drive_and_tell(struct load *load, const char *prefix)
{
    drive(load);
    report(load, prefix);
}

/* Each client has been there once: whoever measures begins now. */
static void prime(struct load *load)
{
    double seconds = load->seconds;

    load->seconds = 0;
    drive(load);
    load->seconds = seconds;
    puts("ready");
    fflush(stdout);
    while (getchar() != '\n' && !feof(stdin))
        continue;
}

static size_t settled(const struct load_guest *guests, size_t opened)
{
    size_t count = 0;

    for (size_t i = opened < OPENING ? 0 : opened - OPENING; i < opened; i++)
        count += guests[i].state == LOAD_STAYING;
    return count;
}

/* Opens in groups: a listener's queue has an end. */
static void open_all(struct load *load, struct load_guest *guests, unsigned count)
{
    load->heard = bench_seconds();
    for (unsigned opened = 0; opened < count;) {
        unsigned group = count - opened < OPENING ? count - opened : OPENING;

        for (unsigned i = 0; i < group; i++)
            begin(load, &guests[opened++]);
        while (settled(guests, opened) < (opened < OPENING ? opened : OPENING))
            look_for_news(load);
    }
    load->alive -= count; /* they are not waited for */
    load->sipped = bench_seconds();
}

static bool input_ended(void)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char octet;

    return poll(&in, 1, 0) > 0 && read(STDIN_FILENO, &octet, 1) <= 0;
}

/* Says "ready", and holds until whoever started it has measured. */
static void hold(struct load *load)
{
    double end;

    open_all(load, load->held, load->held_count);
    puts("ready");
    fflush(stdout);
    end = bench_seconds() + (double)load->options->ms / 1000;
    while (load->options->ms ? bench_seconds() < end : !input_ended()) {
        look(load, TURN_MS);
        if (are_slow(load))
            sip(load);
    }
}

static struct load_guest *make(const struct load_plan *plan, unsigned count)
{
    struct load_guest *guests = calloc(count ? count : 1, sizeof *guests);

    bench_need(guests != NULL, "memory");
    for (unsigned i = 0; i < count; i++) {
        guests[i].plan = plan;
        guests[i].number = plan->first + i;
        guests[i].fd = -1;
    }
    return guests;
}

static void drop(struct load_guest *guests, unsigned count)
{
    for (unsigned i = 0; guests && i < count; i++) {
        if (guests[i].fd >= 0)
            load_link_close(&guests[i]);
        SSL_SESSION_free(guests[i].ticket);
        free(guests[i].sums);
    }
    free(guests);
}

static void mix(struct load *load, const struct load_options *o, struct load_plan *plan)
{
    struct load_plan held = *plan;

    if (o->held_user)
        held.user = o->held_user;
    held.first = o->held_user ? o->held_first : plan->first + o->clients;
    held.expected = false;
    load_plan_hold(&held, strcmp(o->held_as, "greeted") != 0, strcmp(o->held_as, "slow") == 0);
    load_plan_poll(plan, o->lists);
    load->guests = make(plan, o->clients);
    load->guest_count = o->clients;
    drive_and_tell(load, "alone_");
    load->held = make(&held, o->held);
    open_all(load, load->held, o->held);
    load->held_count = o->held; /* they sip from now on */
    drive_and_tell(load, "");
    drop(load->held, o->held);
    load->held = NULL;
}

static void run(struct load *load, struct load_options *o)
{
    struct load_plan *plan = &o->plan;
    bool slow = strcmp(o->mode, "slow") == 0;

    if (strcmp(o->mode, "mixed") == 0) {
        mix(load, o, plan);
    } else if (slow || strcmp(o->mode, "idle") == 0) {
        load_plan_hold(plan, slow || o->login, slow);
        load->held = make(plan, o->clients);
        load->held_count = o->clients;
        hold(load);
        drop(load->held, o->clients);
        load->held = NULL;
    } else {
        if (strcmp(o->mode, "poll") == 0)
            load_plan_poll(plan, o->lists);
        else
            load_plan_fetch(plan, o->folder);
        load->guests = make(plan, o->clients);
        load->guest_count = o->clients;
        if (o->prime)
            prime(load);
        drive_and_tell(load, "");
    }
}

static bool is_mode(const char *word)
{
    static const char *const modes[] = {"poll", "fetch", "idle", "slow", "mixed"};

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(word, modes[i]) == 0)
            return true;
    return false;
}

int main(int count, char **words)
{
    struct load_options options;
    struct load load = {.options = &options};
    struct rlimit files;

    signal(SIGPIPE, SIG_IGN); /* a closed connection is an error that is told */
    if (count > 1 && strcmp(words[1], "deliver") == 0)
        return load_deliver(count - 1, words + 1);
    load_read_options(&options, count, words);
    if (!is_mode(options.mode)) {
        fprintf(stderr, "bench: what is `%s`? postfach bench --help\n", options.mode);
        return EX_USAGE;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max; /* each client has one */
        setrlimit(RLIMIT_NOFILE, &files);
    }
    load.seconds = (double)options.ms / 1000;
    load_link_init(&options.plan);
    load.poll = epoll_create1(EPOLL_CLOEXEC);
    bench_need(load.poll >= 0, "epoll");
    run(&load, &options);
    drop(load.guests, load.guest_count);
    free(load.latencies);
    close(load.poll);
    load_plan_done(&options.plan);
    return 0;
}
