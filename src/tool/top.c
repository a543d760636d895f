#include "tool/top.h"

#include "tool/control.h"
#include "tool/top_live.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ANSWER_WITHIN = 30 * 1000, /* ms: a server of several processes takes 6 s at most (session/desk_remote.h) */
    PLAIN_COLUMNS = 160
};

static const char usage[] =
    "usage: postfach top [-c FILE | --socket PATH] [--once] [--interval SECONDS] [--sort COLUMN] [--filter TEXT]\n"
    "  --once      prints one page, as without a terminal\n"
    "  --interval  between two looks, 0.2 to 3600; 2 by default\n"
    "  --sort      age, idle, user, address, messages, in, or out\n"
    "  --filter    only sessions with TEXT in their user or address\n"
    "FILE names the socket: listen unix:/PATH { protocol control }\n";

static int wrong(void)
{
    fputs(usage, stderr);
    return pf_verdict(PF_SYNTAX)->exit_status;
}

static int complain(const char *why, const char *path)
{
    fprintf(stderr, "postfach top: %s: %s\n", why, path);
    return pf_verdict(PF_TEMP)->exit_status;
}

/* Waits for the answer; *out_page is whole then. */
static bool look(const char *path, struct pf_top_page *out_page, const char **out_why)
{
    struct pf_top_link link = {.fd = -1};
    char *text = NULL;
    size_t len = 0;

    if (!pf_top_link_ask(&link, path, PF_TOP_REQUEST, out_why))
        return false;
    *out_why = "the server gave no whole answer: only root and its user may ask";
    for (;;) {
        struct pollfd waits = {.fd = link.fd, .events = POLLIN};

        if (poll(&waits, 1, ANSWER_WITHIN) <= 0) {
            *out_why = "the server does not answer";
            pf_top_link_drop(&link);
            return false;
        }
        if (pf_top_link_read(&link, &text, &len))
            return text && pf_top_page_read(out_page, text, len);
    }
}

static int print_once(struct pf_top_view *view)
{
    struct pf_top_page page;
    char line[PF_TOP_LINE];
    int64_t now = (int64_t)time(NULL);
    const char *why;

    if (!look(view->socket, &page, &why) || !pf_top_view_take(view, &page, 1))
        return complain(why, view->socket);
    for (unsigned i = 0; i < PF_TOP_HEAD_LINES; i++) {
        pf_top_view_head(view, i, now, line);
        if (line[0])
            puts(line);
    }
    pf_top_view_titles(view, PLAIN_COLUMNS, line);
    puts(line);
    for (size_t i = 0; i < view->count; i++) {
        pf_top_view_row(view, i, PLAIN_COLUMNS, line);
        puts(line);
    }
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : pf_verdict(PF_IO)->exit_status;
}

static bool take_sort(struct pf_top_view *view, const char *name)
{
    for (enum pf_top_sort sort = 0; sort < PF_TOP_SORTS; sort++)
        if (strcmp(name, pf_top_sort_name(sort)) == 0) {
            view->sort = sort;
            return true;
        }
    return false;
}

struct options {
    const char *conf_file, *socket;
    bool once, help;
};

static bool take_option(int c, struct options *o, struct pf_top_view *view)
{
    switch (c) {
    case 'c':
        o->conf_file = optarg;
        return true;
    case 's':
        o->socket = optarg;
        return true;
    case 'o':
        o->once = true;
        return true;
    case 'i':
        return pf_top_interval(optarg, &view->interval);
    case 'b':
        return take_sort(view, optarg);
    case 'f':
        return (size_t)snprintf(view->filter, sizeof view->filter, "%s", optarg) < sizeof view->filter;
    case 'h':
        o->help = true;
        return true;
    default:
        return false;
    }
}

static int run(struct pf_top_view *view, bool once)
{
    int status;

    if (!once && pf_top_live(view, &status))
        return status;
    view->interval = 0;
    return print_once(view);
}

int pf_tool_top(int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'}, {"once", no_argument, NULL, 'o'},
        {"interval", required_argument, NULL, 'i'}, {"sort", required_argument, NULL, 'b'},
        {"filter", required_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct pf_top_view view = {.interval = 2};
    struct options o = {0};
    struct pf_conf *conf = NULL;
    int c, status;

    while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1)
        if (!take_option(c, &o, &view))
            return wrong();
    if (o.help) {
        fputs(usage, stdout);
        return 0;
    }
    if (optind < argc)
        return wrong();
    view.socket = pf_control_path("top", o.socket, o.conf_file, &conf);
    status = view.socket ? run(&view, o.once) : pf_verdict(PF_CONFIG)->exit_status;
    pf_top_view_done(&view);
    pf_conf_free(conf);
    return status;
}
