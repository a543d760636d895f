#include "tool/probe.h"

#include "base/text.h"
#include "sys/dns_srv.h"
#include "tool/probe_mail.h"
#include "tool/probe_options.h"
#include "tool/safe.h"
#include "tool/speech.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    DOORS = 3, /* 995, 110, and the login */
    PATIENCE = 6,
    THREADS = 2, /* one call, which looks a name up and has a secret */
    QUEUE = 16
};

struct probe {
    struct pf_probe_options o;
    struct pf_client client;
    struct pf_probe_wish wish;
    struct pf_account account;
    struct pf_reach_room room;
    bool implicit;
    char host[256];
    struct pf_probe_door *doors[DOORS];
};

/* The server of an address, as RFC 6186 finds it. */
static enum pf_code find_server(struct probe *p, struct pf_err *err)
{
    struct pf_srv_list *list = calloc(1, sizeof *list);
    const char *at = strrchr(p->account.user, '@');
    enum pf_code code = list ? pf_srv_find(at + 1, true, NULL, list, err)
                             : pf_fail(err, PF_NO_MEMORY, 0, "probe", "no memory");

    if (code == PF_OK && list->count == 0)
        code = pf_fail(err, PF_CONFIG, 0, "probe",
                       "%s names no POP3 server in the DNS (SRV): name the host", at + 1);
    if (code == PF_OK) {
        snprintf(p->host, sizeof p->host, "%s", list->at[0].host);
        p->account.server = p->host;
        p->account.port = list->at[0].port;
        p->implicit |= list->at[0].implicit;
    }
    free(list);
    return code;
}

/* HOST and its kind: the probe finds out itself how TLS begins there. */
static bool take_host(struct probe *p, const char *word)
{
    p->account = p->o.client.account;
    p->account.server = p->host;
    return pf_probe_split(word, p->host, &p->account.port);
}

/* Who is meant: an account, a URL and an address are called as by any other command. */
static int choose(struct probe *p)
{
    const char *word = p->o.account_name ? p->o.account_name : p->o.word;
    const struct pf_account *found;
    struct pf_err err;

    if (!p->o.account_name && !strstr(word, "://") && !strchr(word, '@')) {
        if (!take_host(p, word))
            return pf_client_refuse("probe",
                                    pf_say("no HOST, HOST:PORT or [IPv6]:PORT: ",
                                           "weder RECHNER noch RECHNER:PORT noch [IPv6]:PORT: "),
                                    word);
    } else {
        found = pf_client_account(&p->client, &p->o.client, word);
        if (!found)
            return pf_verdict(PF_CONFIG)->exit_status;
        if (pf_reach_way(found, &p->room, &p->account, &err) != PF_OK)
            return pf_client_complain("probe", word, &err);
    }
    if (!p->account.server && find_server(p, &err) != PF_OK)
        return pf_client_complain("probe", p->account.user, &err);
    if (p->o.user)
        p->account.user = p->o.user;
    if (!p->account.name)
        p->account.name = p->account.server;
    p->implicit |= p->account.tls == PF_ACCOUNT_IMPLICIT;
    return 0;
}

/* Each address once, in the order in which a client tries them. */
static enum pf_code look_up(struct pf_probe_wish *w, struct pf_err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    int problem;

    w->local = w->host[0] == '/';
    if (w->local) {
        if (strlen(w->host) >= sizeof w->addresses[0])
            return pf_fail(err, PF_CONFIG, 0, "probe", "the path is too long");
        memcpy(w->addresses[0], w->host, strlen(w->host) + 1);
        w->address_count = 1;
        return PF_OK;
    }
    problem = getaddrinfo(w->host, NULL, &hints, &list);
    if (problem)
        return pf_fail(err, problem == EAI_AGAIN ? PF_TEMP : PF_CONFIG, 0, "probe", "%s: %s", w->host,
                       gai_strerror(problem));
    for (struct addrinfo *a = list; a && w->address_count < PF_PROBE_ADDRESSES; a = a->ai_next)
        if (getnameinfo(a->ai_addr, a->ai_addrlen, w->addresses[w->address_count],
                        sizeof w->addresses[0], NULL, 0, NI_NUMERICHOST) == 0)
            w->address_count++;
    freeaddrinfo(list);
    return PF_OK;
}

static void judge(struct pf_probe_door *door)
{
    const struct pf_probe_check *checks = door->mail ? pf_probe_mail_checks : pf_probe_checks;
    size_t count = door->mail ? pf_probe_mail_check_count : pf_probe_check_count;
    const bool there[] = {[PF_PROBE_ALWAYS] = door->connected,
                          [PF_PROBE_TALKS] = door->greeted,
                          [PF_PROBE_SAFE] = door->tls.done,
                          [PF_PROBE_MAILS] = door->mail,
                          [PF_PROBE_MAILS_IN] = door->mail && door->mail->in};

    door->findings = calloc(count, sizeof *door->findings);
    for (size_t i = 0; door->findings && i < count; i++) {
        struct pf_probe_finding *f = &door->findings[door->finding_count];

        if (!there[checks[i].when])
            continue;
        f->check = &checks[i];
        f->proof[0] = 0;
        f->verdict = checks[i].judge(door, &checks[i], f->proof);
        door->finding_count += f->verdict != PF_PROBE_SKIP;
    }
}

static struct pf_probe_door *add_door(struct probe *p, size_t at, unsigned port, bool implicit)
{
    struct pf_probe_door *door = calloc(1, sizeof *door);

    p->doors[at] = door;
    if (!door)
        return NULL;
    door->wish = &p->wish;
    door->port = port;
    door->implicit = implicit;
    return door;
}

/* Without a port, and without a word on TLS, both usual ones. */
static bool visit_doors(struct probe *p)
{
    bool both = !p->account.port && !p->wish.local && p->wish.mode == PF_PROBE_AUTO;
    unsigned port = p->account.port ? p->account.port : p->implicit || both ? 995 : 110;
    bool implicit = p->implicit || (p->wish.mode == PF_PROBE_AUTO && port == 995);

    if (!add_door(p, 0, p->wish.local ? 0 : port, implicit) || (both && !add_door(p, 1, 110, false)))
        return false;
    for (size_t i = 0; i < DOORS && p->doors[i]; i++) {
        pf_probe_door_visit(p->doors[i]);
        judge(p->doors[i]);
    }
    return true;
}

/* Through the first door that has TLS, or the first at all: whether it may be without, the call decides.
 */
static bool log_in(struct probe *p)
{
    struct pf_probe_door *best = NULL, *door;
    size_t at = 0;

    for (; at < DOORS && p->doors[at]; at++)
        if (p->doors[at]->greeted && (!best || (!best->tls.done && p->doors[at]->tls.done)))
            best = p->doors[at];
    if (!best || !p->account.user)
        return true;
    door = add_door(p, at, best->port, best->implicit);
    if (!door)
        return false;
    door->mail = calloc(1, sizeof *door->mail);
    if (!door->mail)
        return false;
    door->before = best;
    door->connected = true;
    door->address = best->address;
    door->tls_ms = door->greeting_ms = door->latency_ms = door->connect_ms = -1;
    p->account.port = best->port;
    p->account.tls = best->implicit                   ? PF_ACCOUNT_IMPLICIT
                     : p->wish.mode == PF_PROBE_PLAIN ? PF_ACCOUNT_PLAIN
                                                      : PF_ACCOUNT_STARTTLS;
    p->account.connect_time = p->wish.wait;
    p->account.answer_time = PATIENCE * p->wish.wait; /* a maildrop may have to be read first */
    pf_probe_mail_visit(door, &p->client, &p->account);
    judge(door);
    return true;
}

static int tell(struct probe *p)
{
    size_t counts[PF_PROBE_BAD + 1], count = 0;
    const struct pf_probe_door *first = p->doors[0], *last;

    while (count < DOORS && p->doors[count])
        count++;
    last = p->doors[count - 1];
    if (p->wish.json)
        pf_probe_json(&p->wish, p->doors, count, stdout);
    for (size_t i = 0; i < count && !p->wish.json; i++)
        pf_probe_report(p->doors[i], stdout);
    if (!p->wish.json)
        pf_probe_grade_report(p->doors, count, stdout);
    if (pf_client_told("probe", 0))
        return pf_verdict(PF_IO)->exit_status;
    if (pf_probe_grade(p->doors, count, counts)[0] == '-')
        return pf_client_complain("probe", p->wish.host, &first->err);
    if (last->mail && !last->mail->in)
        return pf_verdict(last->mail->err.code)->exit_status;
    return counts[PF_PROBE_BAD] ? 1 : 0;
}

static int run(struct probe *p)
{
    struct pf_err err;
    int status = choose(p);

    if (status)
        return status;
    p->wish.host = p->account.server;
    p->wish.wait = p->o.wait;
    p->wish.messages = p->o.messages;
    p->wish.json = p->o.json;
    p->wish.name = p->o.name                ? p->o.name
                   : p->account.server_name ? p->account.server_name
                                            : p->wish.host;
    p->wish.ca = p->account.ca;
    p->wish.loop = p->client.loop;
    p->account.server_name = p->o.name ? p->o.name : p->account.server_name;
    p->wish.mode = p->implicit                             ? PF_PROBE_TLS
                   : p->account.tls == PF_ACCOUNT_STARTTLS ? PF_PROBE_STARTTLS
                   : p->account.tls == PF_ACCOUNT_PLAIN    ? PF_PROBE_PLAIN
                                                           : PF_PROBE_AUTO;
    if (look_up(&p->wish, &err) != PF_OK)
        return pf_client_complain("probe", NULL, &err);
    if (!visit_doors(p) || !log_in(p)) {
        pf_fail(&err, PF_NO_MEMORY, 0, "probe", "no memory");
        return pf_client_complain("probe", NULL, &err);
    }
    return tell(p);
}

static void done(struct probe *p)
{
    for (size_t i = 0; i < DOORS; i++) {
        if (p->doors[i]) {
            pf_probe_mail_free(p->doors[i]->mail);
            free(p->doors[i]->findings);
        }
        free(p->doors[i]);
    }
    free(p);
}

/* Somebody's file of accounts, and mistakes in it, are nothing to who asks about a host. */
static int open_alone(struct pf_client *c)
{
    const char *home = getenv("HOME");
    struct pf_err err;

    c->home = home && home[0] == '/' ? home : NULL;
    c->way = (struct pf_secret_way){.home = c->home};
    if (isatty(STDIN_FILENO) || isatty(STDERR_FILENO))
        c->terminal = "/dev/tty";
    c->loop = pf_loop_new(&err);
    c->pool = c->loop ? pf_pool_new(c->loop, "client", THREADS, QUEUE, &err) : NULL;
    if (c->pool)
        return 0;
    pf_client_close(c);
    return pf_client_complain("probe", NULL, &err);
}

int pf_tool_probe(int argc, char **argv)
{
    struct probe *p;
    int status;

    p = calloc(1, sizeof *p);
    if (!p)
        return pf_verdict(PF_NO_MEMORY)->exit_status;
    if (!pf_probe_options(&p->o, argc, argv, &status)) {
        done(p);
        return status;
    }
    status = p->o.account_name ? pf_client_open(&p->client, &p->o.client) : open_alone(&p->client);
    if (status == 0) {
        status = run(p);
        pf_client_close(&p->client);
    }
    done(p);
    return status;
}
