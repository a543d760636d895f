/* Every allocation of the engine fails once, for n = 1, 2, 3 …: it never crashes, and the client
 * gets an honest -ERR or the end of the session. */
#include "unit/cm.h"

#include "unit/scarce.h"

#include "unit/proto/world.h"

struct stage {
    struct pf_pop3_server *engine;
    const struct pf_listing *listing;
    unsigned char *buffer;
    char heard[16384]; /* no allocation of the stage's own while one may fail */
    size_t len;
    unsigned good, bad;
    bool closed;
    enum pf_close why;
};

static void answer(struct stage *s, const struct pf_ask *ask)
{
    struct pf_tell tell = {.kind = PF_TELL_AUTH, .challenge = PF_LIT("challenge")};

    switch (ask->kind) {
    case PF_ASK_CANCEL:
        return;
    case PF_ASK_CLOSE:
        s->closed = true;
        s->why = ask->close;
        return;
    case PF_ASK_PASS:
    case PF_ASK_APOP:
        break;
    case PF_ASK_SASL:
        tell.kind = ask->has_response && ask->secret.len > 3 ? PF_TELL_AUTH : PF_TELL_CHALLENGE;
        tell.err.code = PF_AUTH;
        break;
    case PF_ASK_OPEN:
        tell.kind = PF_TELL_OPEN;
        tell.listing = *s->listing;
        break;
    case PF_ASK_TLS:
        tell.kind = PF_TELL_TLS;
        break;
    case PF_ASK_BODY:
        pf_pop3_server_body(s->engine, PF_LIT("x\n"), false);
        tell.kind = PF_TELL_BODY;
        break;
    case PF_ASK_XCLIENT:
        tell.kind = PF_TELL_XCLIENT;
        break;
    case PF_ASK_COMMIT:
        tell.kind = PF_TELL_COMMIT;
        break;
    }
    pf_pop3_server_tell(s->engine, &tell, 1);
}

static void hear(struct stage *s)
{
    struct pf_bytes out = pf_pop3_server_out(s->engine);

    assert_true(s->len + out.len < sizeof s->heard);
    if (out.len)
        memcpy(s->heard + s->len, out.at, out.len);
    s->len += out.len;
    s->heard[s->len] = 0;
    pf_pop3_server_sent(s->engine, out.len, 1);
}

static void say(struct stage *s, const char *text, size_t step)
{
    size_t at = 0, len = strlen(text);
    bool moved = true;

    while (moved && !s->closed) {
        size_t n = len - at < step ? len - at : step;
        size_t taken = pf_pop3_server_feed(s->engine, pf_bytes_from(text + at, n), 1);
        struct pf_ask ask;
        bool asked = pf_pop3_server_ask(s->engine, &ask);

        if (asked)
            answer(s, &ask);
        hear(s);
        at += taken;
        moved = taken || asked;
    }
}

static bool stamped; /* APOP is offered */

/* The n-th allocation fails: true while there is an n-th. */
static bool run(unsigned long n, const char *text, size_t step, const struct pf_listing *listing,
                struct stage *s)
{
    static unsigned char buffer[PF_POP3_OUT_MIN];
    struct world w;

    world_init(&w);
    *s = (struct stage){.listing = listing};
    failed = false;
    countdown = n;
    s->engine = pf_pop3_server_new(&w.settings, true, 0);
    if (s->engine) {
        pf_pop3_server_xclient(s->engine);
        if (stamped)
            pf_pop3_server_apop(s->engine, "<1896.697170952@dbc.mtview.ca.us>");
        pf_pop3_server_lend(s->engine, buffer, sizeof buffer);
        say(s, text, step);
        pf_pop3_server_free(s->engine);
    }
    countdown = 0;
    return failed;
}

/* Each failure shows: as -ERR [SYS/TEMP], or as an end for want of memory, never as silence. */
static void each(const char *text, size_t step, unsigned long at_least)
{
    struct world_message message = {.stored = "x\n"};
    struct pf_listing listing = world_listing(&message, 1);
    static struct stage whole, s;
    unsigned long n;

    assert_false(run(0, text, step, &listing, &whole));
    for (n = 1; run(n, text, step, &listing, &s); n++) {
        if (!s.engine)
            continue;
        assert_non_null(strstr(s.heard, "-ERR [SYS/TEMP] server is short of memory"));
        if (s.why != PF_CLOSE_MEMORY)
            assert_true(s.closed && s.why == whole.why);
    }
    assert_true(n > at_least);
    assert_string_equal(s.heard, whole.heard);
    world_listing_free(&listing);
}

static void a_session_survives_any_allocation_that_fails(void **state)
{
    static const char text[] = "XCLIENT ADDR=192.0.2.7 TTL=3\r\nUSER nobody\r\nCAPA\r\n"
                               "AUTH PLAIN\r\nZm9v\r\n*\r\nAUTH PLAIN AGFsaWNlAHg=\r\n"
                               "USER alice\r\nPASS a secret\r\nSTAT\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n";

    (void)state;
    each(text, sizeof text, 5);
    each(text, 1, 5);
}

static void long_lines_survive_any_allocation_that_fails(void **state)
{
    static char text[9000];

    (void)state;
    memset(text, 'A', sizeof text - 1);
    memcpy(text, "AUTH PLAIN ", 11);
    memcpy(text + 8011, "\r\nQUIT\r\n", 9);
    each(text, 100, 6);
}

/* Without memory for the timestamp there is no APOP, and the greeting does not pretend. */
static void apop_survives_any_allocation_that_fails(void **state)
{
    static const char text[] = "APOP alice c4c9334bac560ecc979e58001b3e22fb\r\nSTAT\r\nQUIT\r\n";
    struct world_message message = {.stored = "x\n"};
    struct pf_listing listing = world_listing(&message, 1);
    static struct stage s;
    unsigned long n;
    unsigned refused = 0;

    (void)state;
    stamped = true;
    for (n = 1; run(n, text, sizeof text, &listing, &s); n++) {
        bool offered = s.engine && strstr(s.heard, "@dbc.mtview.ca.us>\r\n");

        if (!s.engine)
            continue;
        refused += !offered;
        assert_non_null(strstr(s.heard, offered ? "-ERR [SYS/TEMP] server is short of memory"
                                                : "-ERR command is not offered here"));
    }
    stamped = false;
    assert_true(n > 4 && refused == 1);
    assert_non_null(strstr(s.heard, "+OK 1 "));
    world_listing_free(&listing);
}

static void after_login_nothing_is_allocated(void **state)
{
    static const char login[] = "USER alice\r\nPASS a secret\r\n";
    static const char work[] = "STAT\r\nLIST\r\nUIDL\r\nLIST 1\r\nUIDL 1\r\nRETR 1\r\nTOP 1 4294967295\r\nDELE 1\r\n"
                               "RSET\r\nNOOP\r\nLAST\r\nCAPA\r\nRETR 1\r\nfoo\r\nQUIT\r\n";
    static unsigned char buffer[PF_POP3_OUT_MIN];
    struct world_message message = {.stored = "x\n"};
    struct pf_listing listing = world_listing(&message, 1);
    struct stage s = {.listing = &listing};
    struct world w;

    (void)state;
    world_init(&w);
    for (size_t step = 1; step < sizeof work; step += 11) {
        s = (struct stage){.listing = &listing};
        s.engine = pf_pop3_server_new(&w.settings, true, 0);
        assert_non_null(s.engine);
        pf_pop3_server_lend(s.engine, buffer, sizeof buffer);
        say(&s, login, sizeof login);
        failed = false;
        countdown = 1;
        say(&s, work, step);
        assert_false(failed);
        countdown = 0;
        assert_true(s.closed && s.why == PF_CLOSE_QUIT);
        pf_pop3_server_free(s.engine);
    }
    world_listing_free(&listing);
}

static void a_refusal_survives_without_memory(void **state)
{
    struct pf_err why = {.code = PF_BUSY, .say = "not today"};
    unsigned char buffer[PF_POP3_OUT_MIN];
    struct pf_pop3_server *e;
    struct world w;

    (void)state;
    world_init(&w);
    e = pf_pop3_server_new(&w.settings, true, 0);
    countdown = 1;
    pf_pop3_server_refuse(e, &why);
    countdown = 0;
    pf_pop3_server_lend(e, buffer, sizeof buffer);
    assert_true(pf_bytes_equal(pf_pop3_server_out(e),
                               PF_LIT("-ERR [SYS/TEMP] server is busy, try again later\r\n")));
    pf_pop3_server_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_session_survives_any_allocation_that_fails), T(long_lines_survive_any_allocation_that_fails),
        T(apop_survives_any_allocation_that_fails),
        T(after_login_nothing_is_allocated), T(a_refusal_survives_without_memory),
    };

    return RUN(tests);
}
