/* Load of deliveries: many senders at once, over LMTP or by a process for each message.
 *
 * Every message bears its number and belongs to the maildrop that its number says, so that whoever reads
 * the maildrops afterwards knows of each one whether it is there, once, and whole. What a server says is
 * believed only as far as it counts: an answer other than the expected one ends the program with
 * status 1. */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static const char usage[] =
    "usage: postfach bench deliver --port PORT --user PATTERN --messages N [options]\n"
    "       postfach bench deliver --user PATTERN --messages N [options] -- PROGRAM [WORD...]\n"
    "  --host HOST       (127.0.0.1), an LMTP server\n"
    "  --socket PATH     in place of host and port\n"
    "  --user PATTERN    recipients; % in it is the number of a maildrop. In a WORD of a program % is "
    "the user, and\n"
    "                    the message comes on standard input\n"
    "  --maildrops N     so many (1); message n goes to n modulo N\n"
    "  --messages N      so many     --first N  the number of the first (0); each bears its own\n"
    "  --octets N        of each (4096), less than 256000\n"
    "  --clients N       at once (1), at most 256\n"
    "  --uid N           the user that programs run as\n";

static const struct option options[] = {
    {"host", 1, NULL, 'H'},      {"port", 1, NULL, 'p'},     {"user", 1, NULL, 'u'},
    {"maildrops", 1, NULL, 'm'}, {"messages", 1, NULL, 'n'}, {"first", 1, NULL, 'f'},
    {"octets", 1, NULL, 'o'},    {"clients", 1, NULL, 'c'},  {"uid", 1, NULL, 'i'},
    {"socket", 1, NULL, 's'},    {"values", 0, NULL, 'v'},   {"help", 0, NULL, 'h'},
    {NULL, 0, NULL, 0}};

enum {
    ROOM = 1 << 18,
    LINE = 1024, /* of an answer */
    WORDS = 32,
    WORD = 512,
    AT_ONCE_MAX = 256,
    SILENCE_MS = 60000 /* a server that says nothing for so long hangs */
};

enum step { GREETING, LHLO, MAIL, RCPT, DATA, TEXT, QUIT, OVER };

struct sender {
    int fd;
    enum step step; /* what is answered next */
    unsigned long number;
    double began;
    char line[LINE];
    size_t len;
    pid_t pid;
};

struct load {
    unsigned long at_once, count, maildrops, first, octets, uid;
    const char *user, *host, *port, *socket;
    struct load_plan plan; /* where to call */
    bool values;
    char **program;
    unsigned long begun, ended;
    double *latencies;
    struct sender senders[AT_ONCE_MAX];
    int poll;
};

/* The text of a message, LF or CRLF, without dots at line starts. */
static size_t make_text(const struct load *load, unsigned long number, const char *end, char room[ROOM])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
                                  "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    size_t len = (size_t)snprintf(room, ROOM,
                                  "From: Anna <anna@example.org>%sTo: Bert <bert@example.org>%s"
                                  "Message-ID: <%lu.bench@example.org>%sSubject: number%s%sNumber %lu%s",
                                  end, end, number, end, end, end, number, end);

    for (unsigned long line = 0; len < load->octets && len < ROOM - 100; line++) {
        memcpy(room + len, letters + (number + line) % 26, 75);
        len += 75;
        len += (size_t)snprintf(room + len, 4, "%s", end);
    }
    return len;
}

static void note(struct load *load, const struct sender *s)
{
    load->latencies[load->ended++] = bench_seconds() - s->began;
}

static void say(struct sender *s, const char *at, size_t len)
{
    while (len) {
        ssize_t put = send(s->fd, at, len, MSG_NOSIGNAL);

        bench_need(put > 0, "send");
        at += put;
        len -= (size_t)put;
    }
}

/* MAIL, RCPT and DATA in one go, as PIPELINING allows (RFC 2920 section 3.1). */
static void next_message(struct load *load, struct sender *s)
{
    char room[2 * LINE], user[LINE];
    int len;

    if (load->begun == load->count) {
        s->step = QUIT;
        say(s, "QUIT\r\n", 6);
        return;
    }
    s->number = load->first + load->begun++;
    s->began = bench_seconds();
    s->step = MAIL;
    load_user(load->user, s->number % load->maildrops, user, sizeof user);
    len = snprintf(room, sizeof room, "MAIL FROM:<anna@example.org>\r\nRCPT TO:<%s>\r\nDATA\r\n", user);
    say(s, room, (size_t)len);
}

static void say_text(struct load *load, struct sender *s)
{
    char room[ROOM];
    size_t len = make_text(load, s->number, "\r\n", room);

    memcpy(room + len, ".\r\n", 3);
    say(s, room, len + 3);
}

static void answered(struct load *load, struct sender *s)
{
    static const char *const codes[] = {"220", "250", "250", "250", "354", "250", "221"};

    if (strncmp(s->line, codes[s->step], 3) != 0) {
        fprintf(stderr, "load_deliver: step %d, message %lu: %s\n", s->step, s->number, s->line);
        exit(1);
    }
    if (s->line[3] == '-')
        return;
    s->step++;
    if (s->step == LHLO)
        say(s, "LHLO bench.example\r\n", 20);
    else if (s->step == TEXT)
        say_text(load, s);
    else if (s->step == QUIT)
        note(load, s);
    if (s->step == MAIL || s->step == QUIT)
        next_message(load, s);
}

static void ready(struct load *load, struct sender *s)
{
    char room[4096];
    ssize_t got = recv(s->fd, room, sizeof room, 0);

    bench_need(got > 0, "the server hung up");
    for (ssize_t i = 0; i < got; i++) {
        bench_need(s->len < LINE - 1, "an answer is too long");
        s->line[s->len++] = room[i];
        if (room[i] != '\n')
            continue;
        s->line[s->len] = 0;
        s->len = 0;
        answered(load, s);
    }
}

static void dial(struct load *load, struct sender *s)
{
    const struct sockaddr *to = (const struct sockaddr *)&load->plan.to;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};

    s->fd = socket(load->plan.to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bench_need(s->fd >= 0 && connect(s->fd, to, load->plan.to_len) == 0, "connect");
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    bench_need(epoll_ctl(load->poll, EPOLL_CTL_ADD, s->fd, &event) == 0, "epoll");
}

/* All are connected before the clock starts: with senders that hold their connections it is no part of
 * a delivery, and a server that starts a process for each would be measured by that. */
static void talk_until(struct load *load, enum step step)
{
    struct epoll_event events[AT_ONCE_MAX];
    unsigned long there = 0;

    while (there < load->at_once) {
        int n = epoll_wait(load->poll, events, AT_ONCE_MAX, SILENCE_MS);

        bench_need(n > 0, "the server is silent");
        for (int i = 0; i < n; i++) {
            struct sender *s = events[i].data.ptr;

            if (s->step < step)
                ready(load, s);
        }
        there = 0;
        for (unsigned long i = 0; i < load->at_once; i++)
            there += load->senders[i].step >= step;
    }
}

static double deliver_by_lmtp(struct load *load)
{
    double began;

    for (unsigned long i = 0; i < load->at_once; i++)
        dial(load, &load->senders[i]);
    talk_until(load, LHLO);
    began = bench_seconds();
    talk_until(load, OVER);
    return bench_seconds() - began;
}

static void start(struct load *load, struct sender *s)
{
    static char words[WORDS][WORD];
    char room[ROOM], *argv[WORDS + 1] = {NULL};
    posix_spawn_file_actions_t actions;
    int text = memfd_create("message", MFD_CLOEXEC);
    size_t len;

    s->number = load->first + load->begun++;
    s->began = bench_seconds();
    len = make_text(load, s->number, "\n", room);
    bench_need(text >= 0 && write(text, room, len) == (ssize_t)len && lseek(text, 0, SEEK_SET) == 0,
               "message");
    for (int i = 0; load->program[i] && i < WORDS; i++) {
        if (strcmp(load->program[i], "%") == 0)
            load_user(load->user, s->number % load->maildrops, words[i], WORD);
        else
            snprintf(words[i], WORD, "%s", load->program[i]);
        argv[i] = words[i];
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, text, STDIN_FILENO);
    errno = posix_spawn(&s->pid, argv[0], &actions, NULL, argv, environ);
    bench_need(errno == 0, argv[0]);
    posix_spawn_file_actions_destroy(&actions);
    close(text);
}

static void reap(struct load *load)
{
    int status;
    pid_t pid = waitpid(-1, &status, 0);

    bench_need(pid > 0, "wait");
    errno = 0;
    bench_need(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a delivery failed");
    for (unsigned long i = 0; i < load->at_once; i++) {
        struct sender *s = &load->senders[i];

        if (s->pid != pid)
            continue;
        note(load, s);
        s->pid = 0;
        if (load->begun < load->count)
            start(load, s);
    }
}

static double deliver_by_program(struct load *load)
{
    double began;

    if (load->uid)
        bench_need(setgroups(0, NULL) == 0 && setgid((gid_t)load->uid) == 0 &&
                       setuid((uid_t)load->uid) == 0,
                   "uid");
    began = bench_seconds();
    for (unsigned long i = 0; i < load->at_once && load->begun < load->count; i++)
        start(load, &load->senders[i]);
    while (load->ended < load->count)
        reap(load);
    return bench_seconds() - began;
}

static void read_options(struct load *load, int count, char **words)
{
    int option;

    while ((option = getopt_long(count, words, "c:n:m:f:o:p:i:u:H:s:v", options, NULL)) != -1)
        switch (option) {
        case 'c':
            load->at_once = load_whole(optarg);
            break;
        case 'n':
            load->count = load_whole(optarg);
            break;
        case 'm':
            load->maildrops = load_whole(optarg);
            break;
        case 'f':
            load->first = load_whole(optarg);
            break;
        case 'o':
            load->octets = load_whole(optarg);
            break;
        case 'p':
            load->port = optarg;
            break;
        case 'H':
            load->host = optarg;
            break;
        case 's':
            load->socket = optarg;
            break;
        case 'i':
            load->uid = load_whole(optarg);
            break;
        case 'u':
            load->user = optarg;
            break;
        case 'v':
            load->values = true;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            fputs(usage, stderr);
            exit(64);
        }
    load->program = words + optind;
    if (load->at_once && load->at_once <= AT_ONCE_MAX && load->count && load->maildrops && load->user &&
        strlen(load->user) < 256 && load->octets < ROOM - 1000 &&
        !!load->port + !!load->socket + !!load->program[0] == 1)
        return;
    fputs(usage, stderr);
    exit(64);
}

static void find_socket(struct load *load)
{
    struct sockaddr_un *to = (struct sockaddr_un *)(void *)&load->plan.to;

    to->sun_family = AF_UNIX;
    bench_need(strlen(load->socket) < sizeof to->sun_path, load->socket);
    memcpy(to->sun_path, load->socket, strlen(load->socket) + 1);
    load->plan.to_len = sizeof *to;
}

static void report(const struct load *load, double seconds)
{
    double p50 = bench_median(load->latencies, load->count),
           p99 = load->latencies[load->count * 99 / 100];
    struct rusage children;

    getrusage(RUSAGE_CHILDREN, &children);
    if (load->values)
        printf("messages=%lu seconds=%.6f p50_us=%.1f p99_us=%.1f children=%.6f\n", load->count, seconds,
               p50 * 1e6, p99 * 1e6,
               (double)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) +
                   (double)(children.ru_utime.tv_usec + children.ru_stime.tv_usec) / 1e6);
    else
        printf("%lu messages in %.3f s: %.0f/s, p50 %.3f ms, p99 %.3f ms\n", load->count, seconds,
               (double)load->count / seconds, p50 * 1e3, p99 * 1e3);
}

int load_deliver(int count, char **words)
{
    static struct load load = {.octets = 4096, .at_once = 1, .maildrops = 1, .host = "127.0.0.1"};
    double seconds;

    read_options(&load, count, words);
    if (load.at_once > load.count)
        load.at_once = load.count;
    if (load.port)
        load.plan.to_len = load_resolve(load.host, load.port, &load.plan.to);
    if (load.socket)
        find_socket(&load);
    load.latencies = bench_memory(load.count * sizeof *load.latencies);
    load.poll = epoll_create1(EPOLL_CLOEXEC);
    seconds = load.program[0] ? deliver_by_program(&load) : deliver_by_lmtp(&load);
    bench_need(load.ended == load.count, "messages are missing");
    report(&load, seconds);
    free(load.latencies);
    close(load.poll);
    return 0;
}
