#include "sim.h"

#include <assert.h>

enum {
    GROUP_MAX = 12,
    FLOOD_MAX = 6000,
    AHEAD_MAX = 64 /* a group more still fits into the queue */
};

/* A command joins the queue; its text ends with its line end. */
static void command(struct sim_client *c, struct sim_command q, const char *line)
{
    size_t before = c->out.len;

    assert(c->tail - c->head < SIM_QUEUE);
    sim_say_text(&c->out, "%s%s", line, sim_chance(c->sim, 15) ? "\n" : "\r\n");
    c->made += c->out.len - before;
    q.end = c->made;
    c->queue[c->tail++ % SIM_QUEUE] = q;
    c->sim->counts.commands++;
}

static void simple(struct sim_client *c, enum sim_verb verb, const char *line)
{
    command(c, (struct sim_command){.verb = verb}, line);
}

static void numbered(struct sim_client *c, enum sim_verb verb, const char *word)
{
    unsigned range = c->listed ? c->listed + 2 : 6;
    struct sim_command q = {.verb = verb, .number = sim_pick(c->sim, range)};
    char line[64];

    if (verb == SIM_TOP) {
        q.lines = sim_chance(c->sim, 30) ? 0 : sim_pick(c->sim, 40);
        snprintf(line, sizeof line, "%s %u %u", word, q.number, q.lines);
    } else {
        snprintf(line, sizeof line, "%s %u", word, q.number);
    }
    command(c, q, line);
}

static void bad(struct sim_client *c)
{
    static const char *const lines[] = {
        "", "X", "RETR", "RETR 1 2", "RETR x", "DELE", "DELE -1", "DELE 99999999999999999999", "TOP 1",
        "TOP 1 x", "USER", "PASSWORD x", "RETR 4294967297", "LIST 0", "DELE 0", "UTF8", "LANG", "STLS",
        "APOP a b", "XTND XMIT", "AUTH NONE", "AUTH PLAIN !", "quit?", "\x16\x16 \x01", "UIDL 77777", " RETR 1",
    };

    if (sim_chance(c->sim, 10)) {
        char line[500];
        size_t len = 1 + sim_pick(c->sim, sizeof line - 1);

        memset(line, 'y', len);
        line[len - 1] = 0;
        simple(c, SIM_BAD, line);
        return;
    }
    simple(c, SIM_BAD, lines[sim_pick(c->sim, sizeof lines / sizeof lines[0])]);
}

static void base64(const char *text, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        unsigned n = (unsigned)(unsigned char)text[i] << 16;

        n |= i + 1 < len ? (unsigned)(unsigned char)text[i + 1] << 8 : 0;
        n |= i + 2 < len ? (unsigned)(unsigned char)text[i + 2] : 0;
        *out++ = digits[n >> 18];
        *out++ = digits[n >> 12 & 63];
        *out++ = i + 1 < len ? digits[n >> 6 & 63] : '=';
        *out++ = i + 2 < len ? digits[n & 63] : '=';
    }
    *out = 0;
}

static void say_plain(struct sim_client *c, unsigned user, bool good)
{
    struct sim_command q = {.verb = SIM_AUTH, .user = user, .good = good};
    char plain[40], text[64], line[96];
    int len = snprintf(plain, sizeof plain, "%cu%u%c%s", 0, user, 0, good ? "secret" : "wrong");

    base64(plain, (size_t)len, text);
    switch (sim_pick(c->sim, 4)) {
    case 0:
    case 1:
        snprintf(line, sizeof line, "AUTH PLAIN %s", text);
        command(c, q, line);
        break;
    case 2:
        simple(c, SIM_AUTH_BEGIN, "auth plain");
        q.verb = SIM_AUTH_RESPONSE;
        command(c, q, text);
        break;
    default:
        simple(c, SIM_AUTH_BEGIN, "AUTH PLAIN");
        simple(c, SIM_AUTH_CANCEL, "*");
        break;
    }
}

static void say_login(struct sim_client *c)
{
    unsigned user = sim_chance(c->sim, 75) ? c->number % SIM_USERS : sim_pick(c->sim, SIM_USERS);
    bool good = sim_chance(c->sim, 90);
    struct sim_command q = {.verb = SIM_USER, .user = user, .good = good};
    char line[32];

    if (sim_chance(c->sim, 30)) {
        say_plain(c, user, good);
        return;
    }
    snprintf(line, sizeof line, "USER u%u", user);
    command(c, q, line);
    if (sim_chance(c->sim, 10))
        simple(c, SIM_CAPA, "CAPA");
    if (sim_chance(c->sim, 4))
        bad(c);
    q.verb = SIM_PASS;
    command(c, q, good ? "PASS secret" : "PASS wrong");
}

static void say_one(struct sim_client *c)
{
    unsigned die = sim_pick(c->sim, 100);

    if (die < 30)
        numbered(c, SIM_RETR, "RETR");
    else if (die < 55)
        numbered(c, SIM_DELE, "DELE");
    else if (die < 63)
        numbered(c, SIM_TOP, "TOP");
    else if (die < 68)
        simple(c, SIM_UIDL, "UIDL");
    else if (die < 73)
        simple(c, SIM_LIST, "LIST");
    else if (die < 77)
        numbered(c, SIM_LIST_ONE, "LIST");
    else if (die < 81)
        numbered(c, SIM_UIDL_ONE, "UIDL");
    else if (die < 86)
        simple(c, SIM_STAT, "STAT");
    else if (die < 89)
        simple(c, SIM_RSET, "RSET");
    else if (die < 91)
        simple(c, SIM_LAST, "LAST");
    else if (die < 93)
        simple(c, SIM_CAPA, "CAPA");
    else if (die < 94)
        simple(c, SIM_AUTH_LIST, "AUTH");
    else if (die < 96)
        simple(c, SIM_NOOP, "NOOP");
    else if (die < 97)
        say_login(c);
    else
        bad(c);
}

/* A client that does what mail programs do: everything once. */
static void say_all(struct sim_client *c)
{
    unsigned most = c->listed ? c->listed : 5;
    char line[32];

    simple(c, SIM_STAT, "STAT");
    simple(c, SIM_UIDL, "UIDL");
    for (unsigned n = 1; n <= most; n++) {
        struct sim_command q = {.verb = SIM_RETR, .number = n};

        snprintf(line, sizeof line, "RETR %u", n);
        command(c, q, line);
        q.verb = SIM_DELE;
        snprintf(line, sizeof line, "DELE %u", n);
        command(c, q, line);
    }
}

/* More than a turn of the server may take on: the rest must not be forgotten. */
static void say_flood(struct sim_client *c)
{
    unsigned capas = sim_pick(c->sim, 3) * 10;

    for (unsigned count = sim_pick(c->sim, FLOOD_MAX); count; count--)
        if (sim_chance(c->sim, capas))
            simple(c, SIM_CAPA, "CAPA");
        else
            simple(c, SIM_USER, "USER u0");
    sim_client_send(c, c->out.len);
}

static void say_group(struct sim_client *c)
{
    unsigned count = 1 + sim_pick(c->sim, GROUP_MAX);

    if (sim_chance(c->sim, 1)) {
        say_flood(c);
        return;
    }
    if (sim_chance(c->sim, 10)) {
        say_all(c);
        return;
    }
    while (count--)
        if (c->rowdy && sim_chance(c->sim, 60))
            bad(c);
        else
            say_one(c);
}

void sim_say(struct sim_client *c)
{
    bool login = !c->logged_in && (c->tail == 0 || sim_chance(c->sim, 70));

    if (c->quit_made || c->fd < 0 || c->half_closed || c->eof || c->tail - c->head > AHEAD_MAX)
        return;
    if (c->groups == 0) {
        if (sim_chance(c->sim, 85)) {
            simple(c, SIM_QUIT, "QUIT");
            c->quit_made = true;
        } else if (c->out.len == 0) {
            sim_client_half_close(c);
        }
        return;
    }
    c->groups--;
    if (c->tail == 0 && sim_chance(c->sim, 5)) { /* a stranger's buffers are small: it takes many turns */
        say_flood(c);
        return;
    }
    if (login)
        say_login(c);
    if (!login || c->hurried)
        say_group(c);
}
