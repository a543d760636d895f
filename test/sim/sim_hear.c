#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    LINE_MAX_OCTETS = 512, /* RFC 1939 section 3 */
    PATIENCE_BEFORE = 10,  /* errors in a row, the settings' default before login */
    LOGIN_TRIES = 10
};

static const char *const verbs[] = {
    "USER", "PASS", "AUTH", "AUTH begin", "AUTH response", "AUTH cancel", "AUTH list", "CAPA", "STAT",
    "LIST", "LIST n", "UIDL", "UIDL n", "RETR", "TOP", "DELE", "RSET", "NOOP", "LAST", "QUIT", "bad",
};

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

_Noreturn static void wrong(const struct sim_client *c, const struct sim_command *q, const char *line)
{
    sim_fail(c->sim, "client %u: %s %u answered \"%s\"; deleted %" PRIx64 " broken %" PRIx64 " of %u", c->number,
             verbs[q->verb], q->number, line, c->deleted, c->broken, c->listed);
}

static bool valid(const struct sim_client *c, unsigned number)
{
    return c->logged_in && number >= 1 && number <= c->listed && !(c->deleted >> (number - 1) & 1);
}

static void demand(const struct sim_client *c, const struct sim_command *q, const char *line, const char *want)
{
    if (strcmp(line, want) != 0)
        sim_fail(c->sim, "client %u: %s: \"%s\" instead of \"%s\"", c->number, verbs[q->verb], line, want);
}

static void sums(const struct sim_client *c, unsigned *out_count, uint64_t *out_octets)
{
    *out_count = 0;
    *out_octets = 0;
    for (unsigned n = 1; n <= c->listed; n++)
        if (valid(c, n)) {
            ++*out_count;
            *out_octets += c->listing[n - 1]->octets;
        }
}

/* Answers: each is given the line, and whether it is "+OK", and says whether that is right. */

static bool heard_login(struct sim_client *c, unsigned user, bool good, const char *line)
{
    enum pf_code opened;
    unsigned count;
    uint64_t octets;
    char want[80];
    bool ok = begins(line, "+OK");

    (void)user;
    c->failed_logins += !ok;
    if (!good)
        return !ok && begins(line, "-ERR [AUTH]");
    if (c->opens_head == c->opens_tail)
        sim_fail(c->sim, "client %u: a login was answered before the maildrop was opened", c->number);
    opened = c->opens[c->opens_head++ % SIM_OPENS];
    if (begins(line, "-ERR [IN-USE]") != (opened == PF_IN_USE))
        return false;
    if (ok) {
        c->logged_in = true;
        sums(c, &count, &octets);
        snprintf(want, sizeof want, "+OK %u messages (%" PRIu64 " octets)", count, octets);
        if (strcmp(line, want) != 0)
            return false;
    }
    return ok == (opened == PF_OK);
}

static bool heard_before_login(struct sim_client *c, const struct sim_command *q, const char *line)
{
    int named = c->named;
    bool ok = begins(line, "+OK");

    if (q->verb != SIM_CAPA)
        c->named = -1;
    switch ((int)q->verb) {
    case SIM_USER:
        c->named = (int)q->user;
        return ok;
    case SIM_PASS:
        return named < 0 ? !ok : heard_login(c, (unsigned)named, q->good, line);
    case SIM_AUTH:
        return heard_login(c, q->user, q->good, line);
    case SIM_AUTH_BEGIN:
        c->exchange = begins(line, "+ ");
        return c->exchange;
    case SIM_AUTH_RESPONSE:
        return c->exchange ? heard_login(c, q->user, q->good, line) : !ok;
    case SIM_AUTH_LIST:
    case SIM_CAPA:
        c->body = c->open_ended = ok;
        return ok;
    case SIM_QUIT:
        c->quit_answered = true;
        return ok;
    default:
        return !ok;
    }
}

static void want_list(struct sim_client *c, bool uidl)
{
    for (unsigned n = 1; n <= c->listed; n++) {
        if (!valid(c, n))
            continue;
        if (uidl)
            sim_say_text(&c->want, "%u %s\r\n", n, c->listing[n - 1]->uidl);
        else
            sim_say_text(&c->want, "%u %" PRIu64 "\r\n", n, c->listing[n - 1]->octets);
    }
    sim_say_text(&c->want, ".\r\n");
    c->body = true;
}

static bool heard_one(struct sim_client *c, const struct sim_command *q, const char *line)
{
    char want[120];

    if (!valid(c, q->number))
        return begins(line, "-ERR");
    if (q->verb == SIM_LIST_ONE)
        snprintf(want, sizeof want, "+OK %u %" PRIu64, q->number, c->listing[q->number - 1]->octets);
    else
        snprintf(want, sizeof want, "+OK %u %s", q->number, c->listing[q->number - 1]->uidl);
    demand(c, q, line, want);
    return true;
}

/* A message that could not be read was struck by a fault, and is not deleted in this session. */
static bool heard_message(struct sim_client *c, const struct sim_command *q, const char *line)
{
    const struct sim_message *m;

    if (!valid(c, q->number))
        return begins(line, "-ERR");
    m = c->listing[q->number - 1];
    if (begins(line, "-ERR")) {
        c->broken |= (uint64_t)1 << (q->number - 1);
        return c->struck_reads[q->number - 1]-- > 0;
    }
    c->body = true;
    if (q->verb == SIM_TOP) {
        c->open_ended = !sim_top(m, q->lines, &c->want);
        return begins(line, "+OK");
    }
    sim_put(&c->want, m->wire.at, m->wire.len);
    sim_put(&c->want, ".\r\n", 3);
    return begins(line, "+OK") && strtoull(line + 4, NULL, 10) == m->octets;
}

static bool heard_dele(struct sim_client *c, const struct sim_command *q, bool ok)
{
    uint64_t bit;

    if (!valid(c, q->number))
        return !ok;
    bit = (uint64_t)1 << (q->number - 1);
    if (!ok)
        return c->broken & bit;
    if (c->broken & bit)
        return false;
    c->deleted |= bit;
    return true;
}

static bool heard_quit(struct sim_client *c, bool ok)
{
    uint64_t marks = c->deleted | (c->sim->expire_0 ? c->fetched & ~c->broken : 0);

    c->quit_answered = true;
    c->sim->counts.quits++;
    if (marks == 0)
        return ok;
    return c->committed && c->marks == marks && ok == (c->commit_code == PF_OK);
}

static bool heard_stat(const struct sim_client *c, const struct sim_command *q, const char *line)
{
    unsigned count;
    uint64_t octets;
    char want[64];

    sums(c, &count, &octets);
    snprintf(want, sizeof want, "+OK %u %" PRIu64, count, octets);
    demand(c, q, line, want);
    return true;
}

static bool heard_in_session(struct sim_client *c, const struct sim_command *q, const char *line)
{
    bool ok = begins(line, "+OK");

    switch ((int)q->verb) {
    case SIM_STAT:
        return heard_stat(c, q, line);
    case SIM_LIST:
    case SIM_UIDL:
        want_list(c, q->verb == SIM_UIDL);
        return ok;
    case SIM_LIST_ONE:
    case SIM_UIDL_ONE:
        return heard_one(c, q, line);
    case SIM_RETR:
    case SIM_TOP:
        return heard_message(c, q, line);
    case SIM_DELE:
        return heard_dele(c, q, ok);
    case SIM_RSET:
        c->deleted = 0;
        return ok;
    case SIM_CAPA:
        c->body = c->open_ended = true;
        return ok;
    case SIM_NOOP:
    case SIM_LAST:
        return ok;
    case SIM_QUIT:
        return heard_quit(c, ok);
    default:
        return !ok;
    }
}

static void answered(struct sim_client *c)
{
    const struct sim_command *q = &c->queue[c->head % SIM_QUEUE];

    if (q->verb == SIM_RETR && c->body) {
        c->fetched |= (uint64_t)1 << (q->number - 1);
        c->sim->counts.bodies++;
    }
    c->sim->counts.answers++;
    c->body = c->open_ended = false;
    c->want.len = c->want_at = 0;
    c->ended = c->quit_answered;
    c->head++;
}

/* Lines that end a session may come in place of any answer, and one of them without a question. */
static bool heard_farewell(struct sim_client *c, const char *line)
{
    bool down = c->sim->closing && begins(line, "-ERR [SYS/TEMP] server is going down");
    bool many = begins(line, "-ERR [SYS/PERM] too many errors") && c->errors_in_a_row + 1 >= PATIENCE_BEFORE;
    bool tries = begins(line, "-ERR [SYS/PERM] too many failed logins") && c->failed_logins + 1 >= LOGIN_TRIES;

    if (!down && !many && !tries)
        return false;
    c->ended = c->excused = true;
    return true;
}

static void heard_line(struct sim_client *c, const char *line)
{
    const struct sim_command *q = &c->queue[c->head % SIM_QUEUE];
    bool in_session = c->logged_in;

    sim_trace(c->sim, "client %u hears \"%s\" (%s %u)", c->number, line,
              c->head == c->told ? "nothing asked" : verbs[q->verb], q->number);
    if (c->ended)
        sim_fail(c->sim, "client %u: \"%s\" behind the end", c->number, line);
    if (heard_farewell(c, line))
        return;
    if (!c->greeted) {
        c->greeted = begins(line, "+OK POP3 ");
        if (!c->greeted)
            sim_fail(c->sim, "client %u is greeted with \"%s\"", c->number, line);
        return;
    }
    if (c->head == c->told)
        sim_fail(c->sim, "client %u: \"%s\" answers nothing", c->number, line);
    if (begins(line, "+OK"))
        c->errors_in_a_row = 0;
    c->errors_in_a_row += begins(line, "-ERR");
    if (!(in_session ? heard_in_session(c, q, line) : heard_before_login(c, q, line)))
        wrong(c, q, line);
    if (!c->body)
        answered(c);
}

/* True when the answer is complete. */
static bool hear_body(struct sim_client *c)
{
    const unsigned char *at = c->in.at + c->in_at;
    size_t len = c->in.len - c->in_at;

    if (c->open_ended) {
        const unsigned char *end = len >= 3 && memcmp(at, ".\r\n", 3) == 0 ? at - 2 : NULL;

        if (!end)
            end = memmem(at, len, "\r\n.\r\n", 5);
        if (end)
            c->in_at += (size_t)(end + 5 - at);
        return end != NULL;
    }
    if (len > c->want.len - c->want_at)
        len = c->want.len - c->want_at;
    if (len && memcmp(at, c->want.at + c->want_at, len) != 0)
        sim_fail(c->sim, "client %u: %s %u brings other octets", c->number,
                 verbs[c->queue[c->head % SIM_QUEUE].verb], c->queue[c->head % SIM_QUEUE].number);
    c->want_at += len;
    c->in_at += len;
    return c->want_at == c->want.len;
}

/* False when there is no whole line. */
static bool hear_line(struct sim_client *c)
{
    char line[LINE_MAX_OCTETS + 1];
    const unsigned char *at = c->in.at + c->in_at;
    const unsigned char *end = memchr(at, '\n', c->in.len - c->in_at);
    size_t len = end ? (size_t)(end - at) + 1 : c->in.len - c->in_at;

    if (len > LINE_MAX_OCTETS)
        sim_fail(c->sim, "client %u: a line of more than %d octets", c->number, LINE_MAX_OCTETS);
    if (!end)
        return false;
    if (len < 2 || end[-1] != '\r')
        sim_fail(c->sim, "client %u: a line that ends without CRLF", c->number);
    memcpy(line, at, len - 2);
    line[len - 2] = 0;
    c->in_at += len;
    heard_line(c, line);
    return true;
}

void sim_hear(struct sim_client *c)
{
    while (c->in_at < c->in.len) {
        if (c->body && !hear_body(c))
            break;
        if (c->body)
            answered(c);
        else if (!hear_line(c))
            break;
    }
    if (c->in_at == c->in.len)
        c->in_at = c->in.len = 0;
}

/* A body that ends without its dot: only after a fault. */
static bool cut_by_fault(struct sim_client *c)
{
    const struct sim_command *q = &c->queue[c->head % SIM_QUEUE];

    if (!c->body || (q->verb != SIM_RETR && q->verb != SIM_TOP))
        return false;
    c->sim->counts.cuts++;
    return c->struck_reads[q->number - 1] > 0;
}

void sim_hear_end(struct sim_client *c)
{
    sim_trace(c->sim, "client %u: end of the connection", c->number);
    if (cut_by_fault(c) || sim_client_excused(c) || c->ended)
        return;
    if (c->in.len || c->head != c->told || !c->greeted)
        sim_fail(c->sim, "client %u: the server left %u commands without an answer", c->number,
                 c->told - c->head);
    if (!c->half_closed)
        sim_fail(c->sim, "client %u: the server left for no reason", c->number);
}
