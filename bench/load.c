#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench.h"

static const char usage[] =
    "usage: load poll -p PORT [-t plain|full|resumed] [-u USER] [-c GUESTS] [-s MS] [-n COUNT -o OCTETS] [-l]\n"
    "       load retr -p PORT -f FOLDER [-w WINDOW] …      as often as MS allow, one user\n"
    "       load idle -p PORT [-a] …                       GUESTS at once, with -a logged in, until input ends\n";

enum {
    LATENCIES = 1 << 20, /* more sessions than any run has */
    SILENCE_MS = 20000,  /* a server that says nothing for so long hangs */
    AT_ONCE = 64,        /* events of one look */
    OPENING = 64         /* connections that idle guests open at once: less than a listener's queue */
};

struct load {
    struct load_plan plan;
    struct load_guest *guests;
    unsigned guest_count, alive;
    double seconds, began;
    double *latencies;
    size_t sessions;
    double retr_seconds;
    int poll;
};

static unsigned long whole(const char *text)
{
    char *rest;
    unsigned long value = strtoul(text, &rest, 10);

    bench_need(rest != text && *rest == 0, text);
    return value;
}

static enum load_tls tls_of(const char *word)
{
    if (strcmp(word, "full") == 0)
        return LOAD_FULL;
    return strcmp(word, "resumed") == 0 ? LOAD_RESUMED : LOAD_PLAIN;
}

static void begin(struct load *load, struct load_guest *guest)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = guest};

    *guest = (struct load_guest){
        .plan = &load->plan, .number = guest->number, .ticket = guest->ticket, .asked = 1};
    load_link_open(guest);
    bench_need(epoll_ctl(load->poll, EPOLL_CTL_ADD, guest->fd, &event) == 0, "epoll");
    load->alive++;
}

static void note(struct load *load, const struct load_guest *guest)
{
    bench_need(load->sessions < LATENCIES, "too many sessions");
    load->latencies[load->sessions++] = guest->ended - guest->began;
    load->retr_seconds += guest->retr_ended - guest->retr_began;
}

static void look(struct load *load)
{
    struct epoll_event events[AT_ONCE];
    int n = epoll_wait(load->poll, events, AT_ONCE, SILENCE_MS);

    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0) {
        fprintf(stderr, "load: the server is silent\n");
        exit(1);
    }
    for (int i = 0; i < n; i++) {
        struct load_guest *guest = events[i].data.ptr;

        load_link_ready(guest);
        if (guest->state != LOAD_OVER)
            continue;
        note(load, guest);
        load_link_close(guest);
        load->alive--;
        if (bench_seconds() - load->began < load->seconds)
            begin(load, guest);
    }
}

static void report(struct load *load)
{
    double seconds = bench_seconds() - load->began;
    double p50 = bench_median(load->latencies, load->sessions);

    printf("sessions=%zu seconds=%.6f p50_us=%.1f p99_us=%.1f octets=%llu retr_seconds=%.6f\n", load->sessions,
           seconds, p50 * 1e6, load->latencies[load->sessions * 99 / 100] * 1e6,
           (unsigned long long)(load->sessions * load->plan.octets), load->retr_seconds);
}

static void drive(struct load *load)
{
    load->began = bench_seconds();
    for (unsigned i = 0; i < load->guest_count; i++)
        begin(load, &load->guests[i]);
    while (load->alive)
        look(load);
    report(load);
}

static size_t settled(const struct load *load, size_t opened)
{
    size_t count = 0;

    for (size_t i = 0; i < opened; i++)
        count += load->guests[i].state == LOAD_STAYING;
    return count;
}

/* Opens in groups, says "ready", and holds until whoever started it has measured. */
static void hold(struct load *load)
{
    char end;

    for (unsigned opened = 0; opened < load->guest_count;) {
        unsigned to = opened + OPENING < load->guest_count ? opened + OPENING : load->guest_count;

        for (; opened < to; opened++)
            begin(load, &load->guests[opened]);
        while (settled(load, opened) < opened)
            look(load);
    }
    printf("ready\n");
    fflush(stdout);
    while (read(STDIN_FILENO, &end, 1) > 0)
        ;
    for (unsigned i = 0; i < load->guest_count; i++)
        load_link_close(&load->guests[i]);
}

struct options {
    const char *mode, *folder;
    bool lists, login;
};

static void read_options(struct load *load, int count, char **words, struct options *out)
{
    struct load_plan *plan = &load->plan;
    int option;

    *out = (struct options){.mode = count > 1 ? words[1] : ""};
    optind = 2;
    while ((option = getopt(count, words, "p:t:u:c:s:n:o:f:w:la")) != -1)
        switch (option) {
        case 'p': plan->port = (unsigned)whole(optarg); break;
        case 't': plan->tls = tls_of(optarg); break;
        case 'u': plan->user = optarg; break;
        case 'c': load->guest_count = (unsigned)whole(optarg); break;
        case 's': load->seconds = (double)whole(optarg) / 1000; break;
        case 'n': plan->count = whole(optarg); break;
        case 'o': plan->octets = whole(optarg); break;
        case 'f': out->folder = optarg; break;
        case 'w': plan->window = whole(optarg); break;
        case 'l': out->lists = true; break;
        case 'a': out->login = true; break;
        default: fputs(usage, stderr); exit(64);
        }
}

static void make_plan(struct load_plan *plan, const struct options *options)
{
    if (strcmp(options->mode, "poll") == 0) {
        load_plan_poll(plan, options->lists);
    } else if (strcmp(options->mode, "retr") == 0 && options->folder) {
        load_plan_retr(plan, options->folder);
    } else if (strcmp(options->mode, "idle") == 0) {
        load_plan_idle(plan, options->login);
    } else {
        fputs(usage, stderr);
        exit(64);
    }
}

int main(int count, char **words)
{
    struct load load = {.plan = {.user = "u", .password = "secret", .window = 1}, .guest_count = 1};
    struct options options;

    read_options(&load, count, words, &options);
    make_plan(&load.plan, &options);
    load_link_init(&load.plan);
    load.guests = calloc(load.guest_count, sizeof *load.guests);
    load.latencies = bench_memory(LATENCIES * sizeof *load.latencies);
    load.poll = epoll_create1(EPOLL_CLOEXEC);
    bench_need(load.guests && load.poll >= 0, "load");
    for (unsigned i = 0; i < load.guest_count; i++)
        load.guests[i].number = i;
    if (strcmp(options.mode, "idle") == 0)
        hold(&load);
    else
        drive(&load);
    for (unsigned i = 0; i < load.guest_count; i++)
        SSL_SESSION_free(load.guests[i].ticket);
    free(load.guests);
    free(load.latencies);
    close(load.poll);
    load_plan_done(&load.plan);
    return 0;
}
