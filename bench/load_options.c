/* The command line of `postfach bench`. */
#include "load.h"

#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "bench.h"

static const char usage[] =
    "usage: postfach bench MODE --port PORT --user PATTERN --password-file FILE [options]\n"
    "  poll     connect, log in, STAT, QUIT, over and over; with --lists LIST and UIDL, too\n"
    "  fetch    every message of a maildrop, RETR after RETR; with --delete they are deleted: they are "
    "lost then\n"
    "  idle     clients that connect, and with --login log in, and wait: until input ends, or for --ms\n"
    "  slow     clients that log in, fetch a message, and read it slowly: as idle\n"
    "  mixed    polls, first alone, then while --hold clients are idle or slow\n"
    "  deliver  messages by LMTP, or by a program for each; postfach bench deliver --help\n"
    "\n"
    "  --host HOST           (127.0.0.1)       --port PORT (110)\n"
    "  --tls full|resumed    from the first octet; the certificate is not looked at. resumed: all but "
    "the first\n"
    "                        session of each client must be\n"
    "  --stls                the same behind STLS\n"
    "  --user PATTERN        % in it is the number of a client: each has a maildrop of its own\n"
    "  --first N             the number of the first one (0)\n"
    "  --users N             poll: each session is the next one's of so many, a multiple of the "
    "clients\n"
    "  --prime               poll, fetch: each client has a session first that does not count; then "
    "says\n"
    "                        \"ready\", and goes on at a line of input\n"
    "  --from HOST           the address that clients come from\n"
    "  --quick-ack           acknowledges at once: some servers wait for that before they go on\n"
    "  --password WORD | --password-file FILE    for all; its first line\n"
    "  --clients N           at once (1)\n"
    "  --ms N                no new session after so many milliseconds (0: one for each client)\n"
    "  --lists               LIST and UIDL, too\n"
    "  --count N --octets N  what STAT has to say; otherwise its word is taken\n"
    "  --loose               the octets of STAT and LIST need not be those that come\n"
    "  --folder DIR          fetch: the messages that are to come, a file each, in the order of their "
    "names\n"
    "  --messages N          fetch: the first N of each maildrop\n"
    "  --pipeline N          fetch: N commands at once (1)\n"
    "  --delete              fetch: DELE behind each RETR\n"
    "  --login               idle: log in\n"
    "  --hold N --held-as greeted|idle|slow      mixed: so many clients that wait (idle: logged in)\n"
    "  --held-user PATTERN --held-first N        mixed: who they are; else users behind those that "
    "poll\n"
    "  --sip N --pause MS    slow: N octets (512) each MS (10000)\n"
    "  --patience MS         a server that is silent for so long hangs (20000)\n"
    "  --values              for programs: name=value\n"
    "A wrong answer ends all, with status 1. Measure servers that are yours. Manual: postfach(1)\n";

enum {
    OPT_FIRST = 256,
    OPT_USERS,
    OPT_FROM,
    OPT_PRIME,
    OPT_QUICK_ACK,
    OPT_LOOSE,
    OPT_HOLD,
    OPT_HELD_AS,
    OPT_HELD_USER,
    OPT_HELD_FIRST,
    OPT_SIP,
    OPT_PAUSE,
    OPT_PATIENCE,
    OPT_VALUES,
    OPT_HELP,
    OPT_PASSWORD_FILE
};

static const struct option options[] = {{"host", 1, NULL, 'H'},
                                        {"port", 1, NULL, 'p'},
                                        {"tls", 1, NULL, 't'},
                                        {"stls", 0, NULL, 'S'},
                                        {"user", 1, NULL, 'u'},
                                        {"first", 1, NULL, OPT_FIRST},
                                        {"users", 1, NULL, OPT_USERS},
                                        {"from", 1, NULL, OPT_FROM},
                                        {"prime", 0, NULL, OPT_PRIME},
                                        {"quick-ack", 0, NULL, OPT_QUICK_ACK},
                                        {"password", 1, NULL, 'P'},
                                        {"password-file", 1, NULL, OPT_PASSWORD_FILE},
                                        {"clients", 1, NULL, 'c'},
                                        {"ms", 1, NULL, 's'},
                                        {"lists", 0, NULL, 'l'},
                                        {"count", 1, NULL, 'n'},
                                        {"octets", 1, NULL, 'o'},
                                        {"loose", 0, NULL, OPT_LOOSE},
                                        {"folder", 1, NULL, 'f'},
                                        {"messages", 1, NULL, 'm'},
                                        {"pipeline", 1, NULL, 'w'},
                                        {"delete", 0, NULL, 'd'},
                                        {"login", 0, NULL, 'a'},
                                        {"hold", 1, NULL, OPT_HOLD},
                                        {"held-as", 1, NULL, OPT_HELD_AS},
                                        {"held-user", 1, NULL, OPT_HELD_USER},
                                        {"held-first", 1, NULL, OPT_HELD_FIRST},
                                        {"sip", 1, NULL, OPT_SIP},
                                        {"pause", 1, NULL, OPT_PAUSE},
                                        {"patience", 1, NULL, OPT_PATIENCE},
                                        {"values", 0, NULL, OPT_VALUES},
                                        {"help", 0, NULL, OPT_HELP},
                                        {NULL, 0, NULL, 0}};

static _Noreturn void wrong(const char *what)
{
    fprintf(stderr, "bench: %s; postfach bench --help\n", what);
    exit(EX_USAGE);
}

unsigned long load_whole(const char *text)
{
    char *rest;
    unsigned long value;

    errno = 0;
    value = strtoul(text, &rest, 10);
    if (rest == text || *rest || errno || *text == '-' || value > 1000000000)
        wrong(text);
    return value;
}

static void set_tls(const char *word, struct load_plan *plan)
{
    static const char *const words[] = {
        [LOAD_PLAIN] = "plain", [LOAD_FULL] = "full", [LOAD_RESUMED] = "resumed"};

    for (enum load_tls tls = LOAD_PLAIN; tls <= LOAD_RESUMED; tls++)
        if (strcmp(word, words[tls]) == 0) {
            plan->tls = tls;
            return;
        }
    wrong("--tls is plain, full or resumed");
}

void load_user(const char *pattern, unsigned long number, char *room, size_t cap)
{
    const char *mark = strchr(pattern, '%');

    if (mark)
        snprintf(room, cap, "%.*s%lu%s", (int)(mark - pattern), pattern, number, mark + 1);
    else
        snprintf(room, cap, "%s", pattern);
}

socklen_t load_resolve(const char *host, const char *port, struct sockaddr_storage *out)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    socklen_t len;
    int status = getaddrinfo(host, port, &hints, &found);

    if (status) {
        fprintf(stderr, "bench: %s port %s: %s\n", host, port, gai_strerror(status));
        exit(EX_NOHOST);
    }
    memcpy(out, found->ai_addr, found->ai_addrlen);
    len = found->ai_addrlen;
    freeaddrinfo(found);
    return len;
}

static const char *first_line_of(const char *path)
{
    static char line[LOAD_LINE / 2];
    FILE *file = fopen(path, "re");

    bench_need(file && fgets(line, sizeof line, file), path);
    fclose(file);
    line[strcspn(line, "\r\n")] = 0;
    return line;
}

static void set_plan(int option, struct load_plan *plan)
{
    switch (option) {
    case 't':
        set_tls(optarg, plan);
        break;
    case 'S':
        plan->stls = true;
        break;
    case OPT_FIRST:
        plan->first = (unsigned)load_whole(optarg);
        break;
    case OPT_USERS:
        plan->users = (unsigned)load_whole(optarg);
        break;
    case OPT_FROM:
        plan->from_len = load_resolve(optarg, "0", &plan->from);
        break;
    case OPT_QUICK_ACK:
        plan->hasty = true;
        break;
    case 'P':
        plan->password = optarg;
        break;
    case OPT_PASSWORD_FILE:
        plan->password = first_line_of(optarg);
        break;
    case 'n':
        plan->count = load_whole(optarg);
        plan->expected = true;
        break;
    case 'o':
        plan->octets = load_whole(optarg);
        plan->expected = true;
        break;
    case OPT_LOOSE:
        plan->loose = true;
        break;
    case 'm':
        plan->limit = load_whole(optarg);
        break;
    case 'w':
        plan->window = load_whole(optarg);
        break;
    case 'd':
        plan->erase = true;
        break;
    case OPT_HELP:
        fputs(usage, stdout);
        exit(0);
    default:
        fputs(usage, stderr);
        exit(EX_USAGE);
    }
}

static void set(int option, struct load_options *out)
{
    switch (option) {
    case 'H':
        out->host = optarg;
        break;
    case 'p':
        out->port = optarg;
        break;
    case 'u':
        out->user = optarg;
        break;
    case 'c':
        out->clients = (unsigned)load_whole(optarg);
        break;
    case 's':
        out->ms = load_whole(optarg);
        break;
    case 'l':
        out->lists = true;
        break;
    case 'f':
        out->folder = optarg;
        break;
    case 'a':
        out->login = true;
        break;
    case OPT_HOLD:
        out->held = (unsigned)load_whole(optarg);
        break;
    case OPT_HELD_AS:
        out->held_as = optarg;
        break;
    case OPT_HELD_USER:
        out->held_user = optarg;
        break;
    case OPT_HELD_FIRST:
        out->held_first = (unsigned)load_whole(optarg);
        break;
    case OPT_SIP:
        out->sip = load_whole(optarg);
        break;
    case OPT_PAUSE:
        out->pause_ms = load_whole(optarg);
        break;
    case OPT_PATIENCE:
        out->patience = load_whole(optarg);
        break;
    case OPT_PRIME:
        out->prime = true;
        break;
    case OPT_VALUES:
        out->values = true;
        break;
    default:
        set_plan(option, &out->plan);
    }
}

static void check(const struct load_options *o)
{
    bool greeted = strcmp(o->mode, "idle") == 0 && !o->login;

    if (o->clients == 0 || o->plan.window == 0 || o->sip == 0 || o->pause_ms == 0 || o->patience == 0)
        wrong("a number is at least 1");
    if (!greeted && (!o->user || !o->plan.password))
        wrong("--user and --password-file say who logs in");
    if (!greeted && o->clients > 1 && !strchr(o->user, '%'))
        wrong("more than one client: --user needs a % for the number of each");
    if (o->plan.stls && o->plan.tls == LOAD_PLAIN)
        wrong("--stls goes with --tls full or --tls resumed");
    if (o->plan.erase && o->plan.messages == NULL && o->ms)
        wrong("--delete is for one session of each client, without --ms");
    if (o->plan.users && (strcmp(o->mode, "poll") != 0 || o->plan.users % o->clients))
        wrong("--users is for polls, and a multiple of the clients");
    if ((o->user && strlen(o->user) > 255) || (o->plan.password && strlen(o->plan.password) > 255))
        wrong("a name or password is longer than a command may be");
}

void load_read_options(struct load_options *out, int count, char **words)
{
    int option;

    *out = (struct load_options){.mode = count > 1 ? words[1] : "",
                                 .host = "127.0.0.1",
                                 .port = "110",
                                 .held_as = "idle",
                                 .clients = 1,
                                 .sip = 512,
                                 .pause_ms = 10000,
                                 .patience = 20000,
                                 .plan = {.window = 1, .limit = UINT64_MAX}};
    optind = out->mode[0] == '-' ? 1 : 2;
    while ((option = getopt_long(count, words, "H:p:t:Su:P:c:s:n:o:f:m:w:lad", options, NULL)) != -1)
        set(option, out);
    if (optind != count)
        wrong(words[optind < count ? optind : count - 1]);
    check(out);
    out->plan.user = out->user;
    out->plan.guests = out->clients;
    out->plan.to_len = load_resolve(out->host, out->port, &out->plan.to);
}
