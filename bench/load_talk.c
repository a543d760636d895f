#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

void load_fail(const struct load_guest *guest, const char *what)
{
    char user[LOAD_LINE];

    load_user(guest->plan->user ? guest->plan->user : "%", guest->number, user, sizeof user);
    fprintf(stderr, "bench: user %s, step %zu: %s (last line: ", user, guest->answered, what);
    for (size_t i = 0; i < guest->line_len;
         i++) /* a stranger's octets do not reach a terminal as they are */
        fputc(guest->line[i] >= ' ' && guest->line[i] < 127 ? guest->line[i] : '?', stderr);
    fputs(")\n", stderr);
    exit(1);
}

static int format(const struct load_guest *guest, size_t index, char *room, size_t cap)
{
    char user[LOAD_LINE];
    uint64_t message = 0;

    switch (load_plan_step(guest, index, &message)) {
    case LOAD_STLS:
        return snprintf(room, cap, "STLS\r\n");
    case LOAD_USER:
        load_user(guest->plan->user, guest->number, user, sizeof user);
        return snprintf(room, cap, "USER %s\r\n", user);
    case LOAD_PASS:
        return snprintf(room, cap, "PASS %s\r\n", guest->plan->password);
    case LOAD_STAT:
        return snprintf(room, cap, "STAT\r\n");
    case LOAD_LIST:
        return snprintf(room, cap, "LIST\r\n");
    case LOAD_UIDL:
        return snprintf(room, cap, "UIDL\r\n");
    case LOAD_RETR:
        return snprintf(room, cap, "RETR %llu\r\n", (unsigned long long)message + 1);
    case LOAD_DELE:
        return snprintf(room, cap, "DELE %llu\r\n", (unsigned long long)message + 1);
    case LOAD_QUIT:
        return snprintf(room, cap, "QUIT\r\n");
    case LOAD_GREETING:
    case LOAD_END:
        break;
    }
    return 0;
}

static bool of_fetch(enum load_step step)
{
    return step == LOAD_RETR || step == LOAD_DELE;
}

/* Only in a fetch a command may follow another before it is answered; all else waits, as most clients
 * do. */
static bool may_ask(const struct load_guest *guest)
{
    size_t ahead = guest->asked - guest->answered;
    uint64_t message;
    enum load_step next = load_plan_step(guest, guest->asked, &message);

    if (next == LOAD_END)
        return false;
    return ahead == 0 || (of_fetch(next) && of_fetch(load_plan_step(guest, guest->answered, &message)) &&
                          ahead < guest->plan->window);
}

void load_talk_ask(struct load_guest *guest)
{
    char commands[LOAD_COMMANDS];
    size_t len = 0;

    /* A window is filled in one piece when it is empty: a group, as RFC 2449 section 6.6 has it. */
    if (guest->asked > guest->answered)
        return;
    while (may_ask(guest) && len + LOAD_LINE < sizeof commands) {
        if (guest->asked == guest->plan->head_count)
            guest->fetch_began = bench_seconds();
        len += (size_t)format(guest, guest->asked, commands + len, sizeof commands - len);
        guest->asked++;
    }
    if (len)
        load_link_send(guest, commands, len);
}

static void next_step(struct load_guest *guest)
{
    uint64_t message;
    enum load_step done = load_plan_step(guest, guest->answered, &message), next;

    guest->answered++;
    guest->inside = false;
    next = load_plan_step(guest, guest->answered, &message);
    if (of_fetch(done) && !of_fetch(next)) {
        guest->fetch_ended = bench_seconds();
        load_body_check_all(guest);
    }
    if (next != LOAD_END) {
        if (done == LOAD_STLS)
            load_link_shake(guest); /* goes on when that is done */
        else
            load_talk_ask(guest);
        return;
    }
    guest->ended = bench_seconds();
    guest->state = done == LOAD_QUIT ? LOAD_ENDING : LOAD_STAYING;
    if (done == LOAD_STLS)
        load_link_shake(guest);
}

/* Digits at the begin of a text; *out_rest is what stands behind them and a space. */
static uint64_t number(const struct load_guest *guest, const char *text, const char **out_rest)
{
    char *rest;
    uint64_t value;

    errno = 0;
    value = strtoull(text, &rest, 10);
    if (rest == text || errno)
        load_fail(guest, "no number");
    *out_rest = *rest == ' ' ? rest + 1 : rest;
    return value;
}

static void take_stat(struct load_guest *guest)
{
    const struct load_plan *plan = guest->plan;
    const char *rest = guest->line + strlen("+OK ");

    guest->count = number(guest, rest, &rest);
    guest->octets = number(guest, rest, &rest);
    if (plan->expected &&
        (guest->count != plan->count || (!plan->loose && guest->octets != plan->octets)))
        load_fail(guest, "wrong answer to STAT");
    if (plan->slow && guest->count == 0)
        load_fail(guest, "no message to read slowly");
}

static void first_line(struct load_guest *guest)
{
    uint64_t message;

    if (strncmp(guest->line, "+OK", 3) != 0)
        load_fail(guest, "not +OK");
    switch (load_plan_step(guest, guest->answered, &message)) {
    case LOAD_STAT:
        take_stat(guest);
        next_step(guest);
        break;
    case LOAD_LIST:
    case LOAD_UIDL:
        guest->inside = true;
        guest->rows = guest->row_octets = 0;
        break;
    case LOAD_RETR:
        guest->inside = true;
        load_body_begin(guest);
        if (guest->plan->slow)
            guest->state = LOAD_STAYING;
        break;
    case LOAD_GREETING:
    case LOAD_STLS:
    case LOAD_USER:
    case LOAD_PASS:
    case LOAD_DELE:
    case LOAD_QUIT:
        next_step(guest);
        break;
    case LOAD_END:
        load_fail(guest, "more than was asked for");
    }
}

static void row(struct load_guest *guest)
{
    uint64_t message;
    bool listing = load_plan_step(guest, guest->answered, &message) == LOAD_LIST;
    const char *rest = guest->line;

    if (strcmp(guest->line, ".") == 0) {
        bool sum = !listing || guest->plan->loose || guest->row_octets == guest->octets;

        if (guest->rows != guest->count || !sum)
            load_fail(guest, "LIST or UIDL does not have the messages of STAT");
        next_step(guest);
        return;
    }
    if (number(guest, rest, &rest) != ++guest->rows)
        load_fail(guest, "LIST or UIDL out of order");
    if (listing)
        guest->row_octets += number(guest, rest, &rest);
    else if (!*rest)
        load_fail(guest, "no UIDL");
}

static size_t take_line(struct load_guest *guest, const unsigned char *at, size_t len)
{
    const unsigned char *end = memchr(at, '\n', len);
    size_t part = end ? (size_t)(end - at) : len;

    if (guest->line_len + part >= sizeof guest->line)
        load_fail(guest, "a line is too long");
    memcpy(guest->line + guest->line_len, at, part);
    guest->line_len += part;
    if (!end)
        return part;
    if (guest->line_len == 0 || guest->line[guest->line_len - 1] != '\r')
        load_fail(guest, "a line ends without CR");
    guest->line[--guest->line_len] = 0;
    if (guest->inside)
        row(guest);
    else
        first_line(guest);
    guest->line_len = 0;
    return part + 1;
}

void load_talk_take(struct load_guest *guest, const unsigned char *at, size_t len)
{
    while (len) {
        uint64_t message;
        enum load_step step = load_plan_step(guest, guest->answered, &message);
        size_t taken;

        if (step == LOAD_END) {
            guest->line_len = len < sizeof guest->line ? len : sizeof guest->line;
            memcpy(guest->line, at, guest->line_len);
            load_fail(guest, "more than was asked for");
        }
        if (guest->inside && step == LOAD_RETR) {
            bool over;

            if (guest->plan->slow) /* whoever sips looks at nothing */
                return;
            taken = load_body_take(guest, at, len, &over);
            if (over)
                next_step(guest);
        } else {
            taken = take_line(guest, at, len);
        }
        at += taken;
        len -= taken;
        if (guest->state == LOAD_SHAKING && len) /* in plain text, behind the answer to STLS */
            load_fail(guest, "octets between STLS and TLS");
    }
}
