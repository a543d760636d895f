#include "tool/probe.h"

#include "base/text.h"
#include "sys/explain.h"
#include "tool/box.h"
#include "tool/probe_link.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

/* A list of capabilities is some twenty lines; what is longer is no such list. */
enum { CAPABILITIES_MAX = 64 };

enum mode { MODE_BY_PORT, MODE_TLS, MODE_STARTTLS, MODE_PLAIN };

struct probe {
    const char *ca_file;
    enum mode mode;
    char host[256], port[16];
    struct pf_probe_link *link;
    char capabilities[CAPABILITIES_MAX][PF_PROBE_LINE];
    size_t capability_count;
    bool tls;
    unsigned bad;
};

static const char usage[] =
    "usage: postfach probe [--tls | --starttls | --plain] [--ca FILE] HOST[:PORT]\n"
    "Port 995 begins with TLS, any other with plain text and STLS where offered. Never logs in.\n"
    "Manual: postfach(1)\n";

static void finding(struct probe *p, const char *verdict, const char *text, const char *hint)
{
    printf("  %-5s ", verdict);
    pf_tool_print_safe(stdout, text, false);
    putchar('\n');
    if (hint)
        printf("        hint: %s\n", hint);
    p->bad += strcmp(verdict, "bad") == 0;
}

static double ms_since(const struct timespec *then)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) * 1e3 + (double)(now.tv_nsec - then->tv_nsec) / 1e6;
}

static int fail(const struct probe *p, const struct pf_err *err)
{
    char text[PF_EXPLAIN_MAX];

    fprintf(stderr, "postfach probe: %s:%s: %s\n", p->host, p->port, pf_explain(err, text, sizeof text));
    return pf_verdict(err->code)->exit_status;
}

/* A command and the first line of its answer. */
static enum pf_code talk(struct probe *p, const char *command, char line[PF_PROBE_LINE],
                         struct pf_err *err)
{
    enum pf_code code = pf_probe_write(p->link, command, err);

    return code == PF_OK ? pf_probe_read(p->link, line, err) : code;
}

static enum pf_code ask_capabilities(struct probe *p, struct pf_err *err)
{
    char line[PF_PROBE_LINE];
    enum pf_code code = talk(p, "CAPA\r\n", line, err);

    p->capability_count = 0;
    if (code != PF_OK || line[0] != '+')
        return code;
    while ((code = pf_probe_read(p->link, line, err)) == PF_OK && strcmp(line, ".") != 0) {
        if (p->capability_count == CAPABILITIES_MAX)
            return pf_fail(err, PF_LIMIT, 0, "probe", "the list of capabilities does not end");
        memcpy(p->capabilities[p->capability_count++], line, sizeof line);
    }
    return code;
}

static const char *capability(const struct probe *p, const char *tag)
{
    size_t len = strlen(tag);

    for (size_t i = 0; i < p->capability_count; i++)
        if (strncasecmp(p->capabilities[i], tag, len) == 0 &&
            (p->capabilities[i][len] == 0 || p->capabilities[i][len] == ' '))
            return p->capabilities[i];
    return NULL;
}

static void print_capabilities(const struct probe *p, const char *when)
{
    printf("capabilities %s:%s", when, p->capability_count ? "\n" : " none (CAPA is not known)\n");
    for (size_t i = 0; i < p->capability_count; i++) {
        printf("  ");
        pf_tool_print_safe(stdout, p->capabilities[i], false);
        putchar('\n');
    }
}

static enum pf_code start_tls(struct probe *p, struct pf_err *err)
{
    struct pf_probe_tls tls;
    char text[400];
    enum pf_code code = pf_probe_tls(p->link, p->host, p->ca_file, &tls, err);

    if (code != PF_OK)
        return code;
    p->tls = true;
    printf("tls: %s, %s%s%s\n", tls.version, tls.cipher, tls.alpn[0] ? ", ALPN " : "", tls.alpn);
    printf("certificate: ");
    pf_tool_print_safe(stdout, tls.subject, false);
    printf("\n  issued by ");
    pf_tool_print_safe(stdout, tls.issuer, false);
    printf("\n  for ");
    pf_tool_print_safe(stdout, tls.names, false);
    printf("\n  %d day%s left, %u sent\n", tls.days_left, tls.days_left == 1 ? "" : "s", tls.chain);
    if (tls.verified) {
        finding(p, "good", "a client that checks certificates accepts this one", NULL);
    } else {
        snprintf(text, sizeof text, "a client that checks certificates refuses: %s", tls.problem);
        finding(p, "bad", text,
                tls.chain < 2 ? "is the intermediate certificate missing in the server's chain file?"
                              : "does the certificate name this host, and is its authority known?");
    }
    if (tls.days_left < 14)
        finding(p, "bad", "the certificate ends within two weeks", "renew it, then reload the server");
    return PF_OK;
}

static enum pf_code greet(struct probe *p, struct pf_err *err)
{
    char line[PF_PROBE_LINE];
    struct timespec then;
    enum pf_code code;

    clock_gettime(CLOCK_MONOTONIC, &then);
    code = pf_probe_read(p->link, line, err);
    if (code != PF_OK)
        return code;
    printf("greeting: ");
    pf_tool_print_safe(stdout, line, false);
    printf(" (%.1f ms)\n", ms_since(&then));
    if (strncmp(line, "+OK", 3) != 0)
        return pf_fail(err, PF_TEMP, 0, "probe", "this is no POP3 greeting");
    if (strchr(line, '<') && strchr(line, '@') && strchr(line, '>'))
        finding(p, "note", "the greeting offers APOP, whose MD5 has been broken", "prefer TLS with PASS or AUTH");
    return PF_OK;
}

/* Two commands in one write: does each get its answer? */
static enum pf_code try_pipelining(struct probe *p, struct pf_err *err)
{
    char line[PF_PROBE_LINE];
    struct timespec then;
    enum pf_code code;

    clock_gettime(CLOCK_MONOTONIC, &then);
    code = talk(p, "NOOP\r\nXPROBE\r\n", line, err);
    if (code == PF_OK)
        code = pf_probe_read(p->link, line, err);
    if (code == PF_OK) {
        printf("latency: %.1f ms for two commands at once\n", ms_since(&then));
        finding(p, capability(p, "PIPELINING") ? "good" : "note",
                capability(p, "PIPELINING") ? "PIPELINING is announced and works"
                                            : "pipelined commands work, but are not announced", NULL);
    } else if (capability(p, "PIPELINING")) {
        finding(p, "bad", "PIPELINING is announced, but a second command got no answer", NULL);
    }
    return code;
}

static void judge(struct probe *p)
{
    static const struct {
        const char *tag, *without;
    } wanted[] = {
        {"UIDL", "clients cannot leave mail on the server without fetching it twice"},
        {"TOP", "clients cannot look at headers first"},
        {"RESP-CODES", "clients must guess from the text why a login failed"},
        {"AUTH-RESP-CODE", "clients cannot tell a wrong password from a broken server"},
    };
    char text[200];

    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!capability(p, wanted[i].tag)) {
            snprintf(text, sizeof text, "%s is not announced: %s", wanted[i].tag, wanted[i].without);
            finding(p, "note", text, NULL);
        }
    if (!p->tls && (capability(p, "USER") || capability(p, "SASL PLAIN")))
        finding(p, "bad", "passwords are accepted without TLS", "refuse them, or allow them on one listener only");
    if (!p->tls && !capability(p, "STLS"))
        finding(p, "note", "no TLS here: neither from the start nor by STLS", "port 995 may have it");
}

static enum pf_code upgrade(struct probe *p, struct pf_err *err)
{
    char line[PF_PROBE_LINE];
    enum pf_code code = talk(p, "STLS\r\n", line, err);

    if (code != PF_OK)
        return code;
    if (line[0] != '+')
        return pf_fail(err, PF_TEMP, 0, "probe", "STLS was refused: %s", line);
    if (pf_probe_pending(p->link))
        finding(p, "bad", "octets follow the answer to STLS in plain text", "somebody may be injecting answers");
    code = start_tls(p, err);
    if (code == PF_OK)
        code = ask_capabilities(p, err);
    if (code == PF_OK)
        print_capabilities(p, "after STLS");
    if (code == PF_OK && capability(p, "STLS"))
        finding(p, "note", "STLS is still announced although TLS is up", NULL);
    return code;
}

static enum pf_code walk(struct probe *p, struct pf_err *err)
{
    char line[PF_PROBE_LINE];
    enum pf_code code = PF_OK;

    if (p->mode == MODE_TLS)
        code = start_tls(p, err);
    if (code == PF_OK)
        code = greet(p, err);
    if (code == PF_OK)
        code = ask_capabilities(p, err);
    if (code != PF_OK)
        return code;
    print_capabilities(p, p->tls ? "inside TLS" : "before TLS");
    if (p->mode == MODE_STARTTLS || (p->mode == MODE_BY_PORT && capability(p, "STLS")))
        code = upgrade(p, err);
    if (code == PF_OK)
        code = try_pipelining(p, err);
    judge(p);
    if (code == PF_OK)
        code = talk(p, "QUIT\r\n", line, err);
    if (code == PF_OK && line[0] != '+')
        finding(p, "note", "QUIT before login was not answered with +OK", NULL);
    return code;
}

static bool split(struct probe *p, const char *target)
{
    const char *colon = strrchr(target, ':');
    bool bracket = target[0] == '[';
    size_t len = strlen(target);

    if (bracket) {
        const char *end = strchr(target, ']');

        if (!end || (end[1] && end[1] != ':'))
            return false;
        colon = end[1] ? end + 1 : NULL;
        target++;
        len = (size_t)(end - target);
    } else if (colon && strchr(target, ':') == colon) {
        len = (size_t)(colon - target);
    } else {
        colon = NULL; /* none, or a bare IPv6 address */
    }
    if (len == 0 || len >= sizeof p->host || (colon && strlen(colon + 1) >= sizeof p->port))
        return false;
    memcpy(p->host, target, len);
    p->host[len] = 0;
    snprintf(p->port, sizeof p->port, "%s",
             colon ? colon + 1 : p->mode == MODE_BY_PORT || p->mode == MODE_TLS ? "995" : "110");
    if (p->mode == MODE_BY_PORT && strcmp(p->port, "995") == 0)
        p->mode = MODE_TLS;
    return true;
}

static int run(struct probe *p)
{
    struct pf_err err;
    int status = 0;

    p->link = pf_probe_connect(p->host, p->port, &err);
    if (!p->link)
        return fail(p, &err);
    printf("%s, port %s\n", p->host, p->port);
    if (walk(p, &err) != PF_OK)
        status = fail(p, &err);
    pf_probe_close(p->link);
    if (status == 0)
        printf("verdict: %s\n", p->bad ? "something is bad, see above" : "nothing bad");
    return status ? status : p->bad ? 1 : 0;
}

static int parse(struct probe *p, int argc, char **argv, const char **out_target)
{
    static const struct {
        const char *word;
        enum mode mode;
    } modes[] = {{"--tls", MODE_TLS}, {"--starttls", MODE_STARTTLS}, {"--plain", MODE_PLAIN}};

    for (int i = 1; i < argc; i++) {
        size_t m = 0;

        while (m < 3 && strcmp(argv[i], modes[m].word) != 0)
            m++;
        if (m < 3)
            p->mode = modes[m].mode;
        else if (strcmp(argv[i], "--ca") == 0 && i + 1 < argc)
            p->ca_file = argv[++i];
        else if (argv[i][0] == '-' || *out_target)
            return -1;
        else
            *out_target = argv[i];
    }
    return *out_target && split(p, *out_target) ? 0 : -1;
}

int pf_tool_probe(int argc, char **argv)
{
    const char *target = NULL;
    struct probe *p;
    int status;

    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return 0;
    }
    p = calloc(1, sizeof *p);
    if (!p)
        return pf_verdict(PF_NO_MEMORY)->exit_status;
    if (parse(p, argc, argv, &target) == 0) {
        status = run(p);
    } else {
        fputs(usage, stderr);
        status = pf_verdict(PF_SYNTAX)->exit_status;
    }
    free(p);
    return status;
}
