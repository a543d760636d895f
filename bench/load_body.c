/* A message as it comes: its end, its octets, a sum over it, and whether it is the one that it was
 * before. */
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "bench.h"

void load_body_begin(struct load_guest *guest)
{
    guest->place = LOAD_START;
    guest->last = 0;
    guest->body_at = guest->dots = 0;
    guest->sum = 0;
}

/* At the begin of a line, or behind the dot there. Returns how many octets it is done with. */
static size_t begin_of_line(struct load_guest *guest, unsigned char octet)
{
    switch (guest->place) {
    case LOAD_START:
        guest->place = octet == '.' ? LOAD_DOT : LOAD_TEXT;
        return octet == '.';
    case LOAD_DOT:
        guest->place = octet == '\r' ? LOAD_DOT_CR : LOAD_TEXT;
        guest->dots += octet != '\r';
        return octet == '\r';
    case LOAD_DOT_CR:
        if (octet != '\n')
            load_fail(guest, "a line begins with a dot that is not stuffed");
        return 1;
    case LOAD_TEXT:
        break;
    }
    return 0;
}

/* To the end of the line, or of what has come. */
static size_t rest_of_line(struct load_guest *guest, const unsigned char *at, size_t len)
{
    const unsigned char *end = memchr(at, '\n', len);
    size_t part = end ? (size_t)(end - at) + 1 : len;
    unsigned char before = part > 1 ? at[part - 2] : guest->last;

    if (end && before != '\r')
        load_fail(guest, "a line of a message ends without CR");
    guest->last = at[part - 1];
    if (end)
        guest->place = LOAD_START;
    return part;
}

static size_t look_through(struct load_guest *guest, const unsigned char *at, size_t len, bool *out_over)
{
    size_t i = 0;

    while (i < len && !*out_over) {
        if (guest->place == LOAD_TEXT) {
            i += rest_of_line(guest, at + i, len - i);
            continue;
        }
        *out_over = guest->place == LOAD_DOT_CR;
        guest->last = 0;
        i += begin_of_line(guest, at[i]);
    }
    return i;
}

/* The message that is being fetched, from zero. */
static uint64_t current(const struct load_guest *guest)
{
    uint64_t message = 0;

    load_plan_step(guest, guest->answered, &message);
    return message;
}

/* What was fetched once has to come again as it was. */
static void compare(struct load_guest *guest)
{
    uint64_t message = current(guest);

    if (guest->plan->erase)
        return;
    if (guest->sums_count <= message) {
        guest->sums = reallocarray(guest->sums, message + 1, sizeof *guest->sums);
        bench_need(guest->sums != NULL, "memory");
        guest->sums_count = message + 1;
        guest->sums[message] = guest->sum;
    }
    if (guest->sums[message] != guest->sum)
        load_fail(guest, "a message is not what it was before");
}

/* Where its file is known, every octet is held against it. */
static size_t take_known(struct load_guest *guest, const unsigned char *at, size_t len, bool *out_over)
{
    const struct load_message *m = &guest->plan->messages[current(guest)];
    size_t part = m->len - guest->body_at;

    if (part > len)
        part = len;
    if (memcmp(m->wire + guest->body_at, at, part) != 0)
        load_fail(guest, "wrong octets in a message");
    guest->body_at += part;
    *out_over = guest->body_at == m->len;
    if (*out_over)
        guest->fetched += m->len;
    return part;
}

size_t load_body_take(struct load_guest *guest, const unsigned char *at, size_t len, bool *out_over)
{
    size_t part;

    *out_over = false;
    if (guest->plan->messages)
        return take_known(guest, at, len, out_over);
    part = look_through(guest, at, len, out_over);
    guest->sum = (uint32_t)crc32(guest->sum, at, (uInt)part);
    guest->body_at += part;
    if (*out_over) {
        compare(guest);
        guest->fetched += guest->body_at - guest->dots - strlen(".\r\n");
    }
    return part;
}

/* Behind the last message: all of a maildrop has as many octets as STAT said. */
void load_body_check_all(struct load_guest *guest)
{
    if (guest->plan->messages || guest->plan->loose || !guest->plan->fetch ||
        guest->plan->limit < guest->count)
        return;
    if (guest->fetched != guest->octets)
        load_fail(guest, "the messages have not the octets that STAT said (--loose lets that pass)");
}
