#include "tool/ctl.h"

#include "tool/control.h"
#include "tool/safe.h"
#include "tool/table.h"

#include <getopt.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    COLUMNS = 8,
    FIELDS = 9,  /* of a line of SESSIONS */
    WAIT = 60,   /* seconds: a reload that asks a database may take some */
    REQUEST = 512
};

static const char usage[] =
    "usage: postfach ctl [-c FILE | --socket PATH] COMMAND\n"
    "  sessions [--json]  who is here\n"
    "  kick ID|USER       ends a session, or all of a user; --user when a user's name is a number\n"
    "  reload             reads the settings anew, and says what is wrong with them\n"
    "  stats              what was counted\n"
    "  metrics            the same, as Prometheus reads it\n"
    "FILE names the socket: listen unix:/PATH { protocol control }\n";

struct ctl {
    const char *conf_file, *socket;
    struct pf_conf *conf;
    bool json, user;
    FILE *stream;
    char *line; /* the last that was read */
    size_t room;
};

static int complain(const char *text, const char *about)
{
    fputs("postfach ctl: ", stderr);
    pf_tool_print_safe(stderr, text, false);
    if (about) {
        fputs(": ", stderr);
        pf_tool_print_safe(stderr, about, false);
    }
    fputc('\n', stderr);
    return pf_verdict(PF_TEMP)->exit_status;
}

static bool dial(struct ctl *ctl, const char *path)
{
    struct timeval wait = {.tv_sec = WAIT};
    const char *why = "no memory";
    int fd = pf_control_dial(path, false, &why);

    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
        ctl->stream = fdopen(fd, "r+");
        if (!ctl->stream)
            close(fd);
    }
    if (!ctl->stream)
        complain(why, path);
    return ctl->stream;
}

/* The next line without its end; NULL at the dot, or when the answer breaks off: then *out_broken. */
static char *next_line(struct ctl *ctl, bool *out_broken)
{
    ssize_t len = getline(&ctl->line, &ctl->room, ctl->stream);

    *out_broken = len <= 0 || ctl->line[len - 1] != '\n';
    if (*out_broken)
        return NULL;
    ctl->line[len - 1] = 0;
    return strcmp(ctl->line, ".") == 0 ? NULL : ctl->line;
}

static int broken(void)
{
    return complain("the server gave no whole answer: only root and its user may ask", NULL);
}

static int print_lines(struct ctl *ctl, FILE *to)
{
    bool cut = false;
    const char *line;

    while ((line = next_line(ctl, &cut))) {
        pf_tool_print_safe(to, line, true);
        fputc('\n', to);
    }
    return cut ? broken() : 0;
}

static bool split(char *line, char *fields[FIELDS])
{
    for (size_t i = 0; i < FIELDS; i++) {
        fields[i] = line;
        line = line ? strchr(line, '\t') : NULL;
        if (line)
            *line++ = 0;
        else if (i + 1 < FIELDS)
            return false;
    }
    return !line;
}

/* Seconds as "5s", "12m", "3h", "2d": how long is enough to see. */
static const char *age(const char *seconds, char *room, size_t cap)
{
    unsigned long long n = strtoull(seconds, NULL, 10);

    if (n < 120)
        snprintf(room, cap, "%llus", n);
    else if (n < 7200)
        snprintf(room, cap, "%llum", n / 60);
    else if (n < 172800)
        snprintf(room, cap, "%lluh", n / 3600);
    else
        snprintf(room, cap, "%llud", n / 86400);
    return room;
}

static bool add_row(struct pf_table *table, char *fields[FIELDS])
{
    char old[32], idle[32], times[80], mail[80];
    const char *cells[COLUMNS] = {fields[0], fields[1], fields[2], fields[3], fields[4], times, mail, fields[8]};

    snprintf(times, sizeof times, "%s/%s", age(fields[5], old, sizeof old), age(fields[6], idle, sizeof idle));
    snprintf(mail, sizeof mail, "%.20s", fields[7]);
    return pf_table_add(table, cells);
}

/* The server puts '?' for what is not printable ASCII, so only two octets want care. */
static void print_json_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static void print_json(char *fields[FIELDS], bool first)
{
    static const struct {
        const char *name;
        bool number;
    } names[FIELDS] = {{"id", true},        {"user", false},  {"address", false},  {"tls", false}, {"state", false},
                       {"age", true},       {"idle", true},   {"messages", true},  {"sent", true}};

    fputs(first ? "\n  {" : ",\n  {", stdout);
    for (size_t i = 0; i < FIELDS; i++) {
        printf("%s\"%s\": ", i ? ", " : "", names[i].name);
        if (names[i].number && !strchr(fields[i], '.'))
            printf("%llu", strtoull(fields[i], NULL, 10));
        else if (i == 1 && strcmp(fields[i], "-") == 0)
            fputs("null", stdout);
        else
            print_json_text(fields[i]);
    }
    putchar('}');
}

static int print_sessions(struct ctl *ctl)
{
    static const char *const head[COLUMNS] = {"id",    "user",     "address",  "tls",
                                              "state", "age/idle", "messages", "octets sent"};
    struct pf_table table = {.columns = COLUMNS};
    bool cut = false, good = pf_table_add(&table, head), first = true;
    char *line, *fields[FIELDS];

    if (ctl->json)
        putchar('[');
    while (good && (line = next_line(ctl, &cut))) {
        good = split(line, fields);
        if (good && ctl->json)
            print_json(fields, first);
        else if (good)
            good = add_row(&table, fields);
        first = false;
    }
    if (ctl->json)
        puts(first ? "]" : "\n]");
    else if (good && !cut)
        pf_table_print(&table, stdout);
    pf_table_done(&table);
    return cut || !good ? broken() : 0;
}

/* Behind the first word stands which processes did not answer. */
static void tell_missing(const char *line)
{
    const char *missing = strstr(line, ", without ");

    if (missing)
        complain("not all is told", missing + 2);
}

/* What is told of a mistake belongs where people look for it. */
static int take_answer(struct ctl *ctl, bool sessions)
{
    bool cut = false;
    const char *line = next_line(ctl, &cut);
    int status;

    if (!line)
        return broken();
    if (line[0] != '+') {
        status = complain(line[0] == '-' ? line + 1 : line, NULL);
        print_lines(ctl, stderr);
        return status;
    }
    tell_missing(line);
    if (sessions)
        return print_sessions(ctl);
    if (strncmp(line, "+kicked", 7) == 0 || strncmp(line, "+reloaded", 9) == 0)
        puts(line + 1);
    return print_lines(ctl, stdout);
}

static int ask(struct ctl *ctl, const char *request)
{
    const char *path = pf_control_path("ctl", ctl->socket, ctl->conf_file, &ctl->conf);
    int status = pf_verdict(path ? PF_TEMP : PF_CONFIG)->exit_status;

    if (path && dial(ctl, path)) {
        fprintf(ctl->stream, "%s\n", request);
        status = fflush(ctl->stream) == 0 ? take_answer(ctl, strcmp(request, "SESSIONS") == 0) : broken();
        fclose(ctl->stream);
    }
    free(ctl->line);
    pf_conf_free(ctl->conf);
    return fflush(stdout) == 0 ? status : pf_verdict(PF_IO)->exit_status;
}

static int wrong(void)
{
    fputs(usage, stderr);
    return pf_verdict(PF_SYNTAX)->exit_status;
}

/* number, or gate.number */
static bool is_id(const char *who)
{
    size_t first = strspn(who, "0123456789"), second;

    if (!first || who[first] != '.')
        return first && !who[first];
    second = strspn(who + first + 1, "0123456789");
    return second && !who[first + 1 + second];
}

static int kick(struct ctl *ctl, const char *who)
{
    char request[REQUEST];
    bool id = !ctl->user && is_id(who);

    if (!who[0] || strpbrk(who, " \t\r\n") ||
        (size_t)snprintf(request, sizeof request, "KICK %s %s", id ? "ID" : "USER", who) >= sizeof request - 2)
        return wrong();
    return ask(ctl, request);
}

static int choose(struct ctl *ctl, int argc, char **argv)
{
    static const struct {
        const char *word, *request;
    } commands[] = {{"sessions", "SESSIONS"}, {"reload", "RELOAD"}, {"stats", "STATS"}, {"metrics", "METRICS"}};

    if (argc == 2 && strcmp(argv[0], "kick") == 0)
        return kick(ctl, argv[1]);
    for (size_t i = 0; argc == 1 && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[0], commands[i].word) == 0)
            return ask(ctl, commands[i].request);
    return wrong();
}

int pf_tool_ctl(int argc, char **argv)
{
    static const struct option options[] = {{"socket", required_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"user", no_argument, NULL, 'u'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct ctl ctl = {0};
    int c;

    while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (c) {
        case 'c':
            ctl.conf_file = optarg;
            break;
        case 's':
            ctl.socket = optarg;
            break;
        case 'j':
            ctl.json = true;
            break;
        case 'u':
            ctl.user = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            return wrong();
        }
    }
    return choose(&ctl, argc - optind, argv + optind);
}
