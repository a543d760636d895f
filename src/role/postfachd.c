#include "conf/conf.h"
#include "role/check.h"
#include "role/keeper.h"
#include "role/single.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *const default_file = "/etc/postfach/postfach.conf";

static const char usage[] =
    "usage: postfachd [-f FILE]               serve, in the foreground, as several processes\n"
    "       postfachd --single [-f FILE]      serve in one process\n"
    "       postfachd check [-f FILE]         read the settings and try what they name\n"
    "       postfachd show [--all] [-f FILE]  print the settings in force\n"
    "       postfachd --version | --help\n"
    "FILE is /etc/postfach/postfach.conf unless named. Manual: postfachd(8), postfach.conf(5)\n";

static void print_mistake(void *self, const struct pf_conf_mistake *mistake)
{
    (void)self;
    pf_conf_print_mistake(stderr, mistake);
}

static int show(const char *file, bool all)
{
    struct pf_conf *conf = pf_conf_read(file, print_mistake, NULL);

    if (!conf)
        return pf_verdict(PF_CONFIG)->exit_status;
    pf_conf_show(conf, stdout, all);
    pf_conf_free(conf);
    return 0;
}

enum verb { VERB_NONE /* serve */, VERB_SINGLE, VERB_CHECK, VERB_SHOW, VERB_VERSION, VERB_HELP };

static const struct {
    const char *word;
    enum verb verb;
} verbs[] = {
    {"--single", VERB_SINGLE}, {"check", VERB_CHECK},    {"show", VERB_SHOW},
    {"--version", VERB_VERSION}, {"--help", VERB_HELP}, {"-h", VERB_HELP},
};

static enum verb find(const char *word)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(word, verbs[i].word) == 0)
            return verbs[i].verb;
    return VERB_NONE;
}

static int refuse(const char *word)
{
    if (word)
        fprintf(stderr, "postfachd: what is `%s`?\n", word);
    fputs(usage, stderr);
    return pf_verdict(PF_SYNTAX)->exit_status;
}

int main(int argc, char **argv)
{
    const char *file = default_file;
    enum verb verb = VERB_NONE;
    bool all = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-f") == 0 && i + 1 < argc)
            file = argv[++i];
        else if (strcmp(argv[i], "--all") == 0)
            all = true;
        else if (verb != VERB_NONE || (verb = find(argv[i])) == VERB_NONE)
            return refuse(argv[i]);
    }
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error that can be told, and mail waits */
    switch (verb) {
    case VERB_SINGLE:
        return pf_single_run(file);
    case VERB_NONE:
        return pf_keeper_run(file);
    case VERB_CHECK:
        return pf_check_run(file);
    case VERB_SHOW:
        return show(file, all);
    case VERB_VERSION:
        printf("postfachd %s\n", PF_VERSION);
        return 0;
    case VERB_HELP:
        fputs(usage, stdout);
        return 0;
    }
    return refuse(NULL);
}
