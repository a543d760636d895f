#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

void load_fail(const struct load_guest *guest, const char *what)
{
    fprintf(stderr, "load: user %u, step %zu of %zu: %s (last line: %.*s)\n", guest->number, guest->answered,
            guest->plan->step_count, what, (int)guest->line_len, guest->line);
    exit(1);
}

static enum load_step step_of(const struct load_guest *guest, size_t index)
{
    return guest->plan->steps[index];
}

static int format(const struct load_guest *guest, size_t index, char *room, size_t cap)
{
    const struct load_plan *plan = guest->plan;

    switch (step_of(guest, index)) {
    case LOAD_GREETING:
        return 0;
    case LOAD_USER:
        return snprintf(room, cap, "USER %s%u\r\n", plan->user, guest->number);
    case LOAD_PASS:
        return snprintf(room, cap, "PASS %s\r\n", plan->password);
    case LOAD_STAT:
        return snprintf(room, cap, "STAT\r\n");
    case LOAD_LIST:
        return snprintf(room, cap, "LIST\r\n");
    case LOAD_UIDL:
        return snprintf(room, cap, "UIDL\r\n");
    case LOAD_RETR:
        return snprintf(room, cap, "RETR %zu\r\n", index - plan->first_retr + 1);
    case LOAD_QUIT:
        return snprintf(room, cap, "QUIT\r\n");
    }
    return 0;
}

/* Only a RETR may follow another before it is answered; all else waits, as most clients do. */
static bool may_ask(const struct load_guest *guest)
{
    size_t ahead = guest->asked - guest->answered;

    if (guest->asked == guest->plan->step_count)
        return false;
    if (ahead == 0)
        return true;
    return step_of(guest, guest->asked) == LOAD_RETR && step_of(guest, guest->answered) == LOAD_RETR &&
           ahead < guest->plan->window;
}

void load_talk_ask(struct load_guest *guest)
{
    char commands[LOAD_COMMANDS];
    size_t len = 0;

    /* A window is filled in one piece when it is empty: a group, as RFC 2449 section 6.6 has it. */
    if (guest->asked > guest->answered)
        return;
    while (may_ask(guest) && len + LOAD_LINE < sizeof commands) {
        if (guest->asked == guest->plan->first_retr)
            guest->retr_began = bench_seconds();
        len += (size_t)format(guest, guest->asked, commands + len, sizeof commands - len);
        guest->asked++;
    }
    if (len)
        load_link_send(guest, commands, len);
}

static void next_step(struct load_guest *guest)
{
    enum load_step done = step_of(guest, guest->answered);

    guest->answered++;
    guest->inside = false;
    if (done == LOAD_RETR)
        guest->retr_ended = bench_seconds();
    if (guest->answered < guest->plan->step_count) {
        load_talk_ask(guest);
        return;
    }
    guest->ended = bench_seconds();
    guest->state = done == LOAD_QUIT ? LOAD_ENDING : LOAD_STAYING;
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

static void check_stat(const struct load_guest *guest)
{
    const char *rest = guest->line + strlen("+OK ");
    uint64_t count = number(guest, rest, &rest), octets = number(guest, rest, &rest);

    if (count != guest->plan->count || octets != guest->plan->octets)
        load_fail(guest, "wrong answer to STAT");
}

static void first_line(struct load_guest *guest)
{
    if (strncmp(guest->line, "+OK", 3) != 0)
        load_fail(guest, "not +OK");
    switch (step_of(guest, guest->answered)) {
    case LOAD_STAT:
        check_stat(guest);
        next_step(guest);
        break;
    case LOAD_LIST:
    case LOAD_UIDL:
    case LOAD_RETR:
        guest->inside = true;
        guest->rows = guest->row_octets = 0;
        guest->body_at = 0;
        break;
    case LOAD_GREETING:
    case LOAD_USER:
    case LOAD_PASS:
    case LOAD_QUIT:
        next_step(guest);
        break;
    }
}

static void row(struct load_guest *guest)
{
    bool listing = step_of(guest, guest->answered) == LOAD_LIST;
    const char *rest = guest->line;

    if (strcmp(guest->line, ".") == 0) {
        if (guest->rows != guest->plan->count || (listing && guest->row_octets != guest->plan->octets))
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

/* Every octet is held against the message's own file. */
static size_t take_body(struct load_guest *guest, const unsigned char *at, size_t len)
{
    const struct load_message *m = &guest->plan->messages[guest->answered - guest->plan->first_retr];
    size_t part = m->len - guest->body_at;

    if (part > len)
        part = len;
    if (memcmp(m->wire + guest->body_at, at, part) != 0)
        load_fail(guest, "wrong octets in a message");
    guest->body_at += part;
    if (guest->body_at == m->len)
        next_step(guest);
    return part;
}

void load_talk_take(struct load_guest *guest, const unsigned char *at, size_t len)
{
    while (len) {
        size_t taken;

        if (guest->answered == guest->plan->step_count)
            load_fail(guest, "more than was asked for");
        if (guest->inside && step_of(guest, guest->answered) == LOAD_RETR)
            taken = take_body(guest, at, len);
        else
            taken = take_line(guest, at, len);
        at += taken;
        len -= taken;
    }
}
