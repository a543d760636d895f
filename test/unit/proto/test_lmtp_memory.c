/* Every allocation of the LMTP engine fails once, for n = 1, 2, 3 …: it never crashes, nothing is lost without
 * a word, and the client gets an honest 4xx or the end of the session. */
#include "unit/cm.h"

#include "unit/scarce.h"

#include <postfach/lmtp_server.h>

struct stage {
    struct pf_lmtp_server *engine;
    unsigned char buffer[PF_LMTP_OUT_MIN];
    char heard[8192];
    size_t len;
    unsigned accepted, sealed;
    bool closed;
};

static void hear(struct stage *s)
{
    struct pf_bytes out = pf_lmtp_server_out(s->engine);

    assert_true(s->len + out.len < sizeof s->heard);
    if (out.len)
        memcpy(s->heard + s->len, out.at, out.len);
    s->len += out.len;
    pf_lmtp_server_sent(s->engine, out.len, 1);
}

static void answer(struct stage *s, const struct pf_lmtp_ask *ask)
{
    struct pf_lmtp_tell tell = {.kind = PF_LMTP_TELL_RCPT};

    s->closed = s->closed || ask->kind == PF_LMTP_ASK_CLOSE;
    if (ask->kind == PF_LMTP_ASK_RCPT)
        s->accepted++;
    else if (ask->kind == PF_LMTP_ASK_BEGIN)
        tell.kind = PF_LMTP_TELL_BEGUN;
    else if (ask->kind == PF_LMTP_ASK_XCLIENT)
        tell.kind = PF_LMTP_TELL_XCLIENT;
    else if (ask->kind == PF_LMTP_ASK_SEAL)
        tell = (struct pf_lmtp_tell){.kind = PF_LMTP_TELL_SEALED, .err = {.code = PF_TEMP, .say = "no luck"}};
    else
        return;
    for (unsigned i = 0; i < (ask->kind == PF_LMTP_ASK_SEAL ? ask->recipients : 1); i++) {
        tell.recipient = i;
        s->sealed += ask->kind == PF_LMTP_ASK_SEAL;
        pf_lmtp_server_tell(s->engine, &tell, 1);
    }
}

static void play(struct stage *s, struct pf_bytes said)
{
    unsigned char text[256];

    pf_lmtp_server_lend(s->engine, s->buffer, sizeof s->buffer);
    while (said.len && !s->closed) {
        struct pf_span into = {text, 0, sizeof text};
        struct pf_lmtp_ask ask;

        said = pf_bytes_skip(said, pf_lmtp_server_feed_text(s->engine, pf_bytes_head(said, 100), &into, 1));
        hear(s);
        while (pf_lmtp_server_ask(s->engine, &ask))
            answer(s, &ask);
        hear(s);
    }
    s->heard[s->len] = 0;
}

#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789"
#define RCPT "RCPT TO:<" LONG "@x>\r\n"

static const char said[] = "XCLIENT ADDR=192.0.2.7 HELO=h\r\nLHLO c\r\nMAIL FROM:<a@b>\r\n"
                           RCPT RCPT RCPT RCPT RCPT RCPT
                           "DATA\r\nabc\r\n.\r\nLHLO d\r\nMAIL FROM:<a@b>\r\n" RCPT "RSET\r\nQUIT\r\n";

/* A 4xx for the command that failed; or only the words of one reply were lost. */
static bool honest(const struct stage *s)
{
    return strstr(s->heard, "\n451 4.3.0 server is short") || strstr(s->heard, "\n421 4.3.0 server is short") ||
           (s->sealed == 6 && strstr(s->heard, "\n451 4.3.0 <" LONG "@x> temporary trouble"));
}

static void each_allocation_fails_once(void **state)
{
    static struct stage s;
    unsigned n = 0;

    (void)state;
    do {
        struct pf_lmtp_server_settings set;

        pf_lmtp_server_settings_init(&set);
        s = (struct stage){0};
        failed = false;
        countdown = ++n;
        s.engine = pf_lmtp_server_new(&set, false, 1);
        if (s.engine) {
            pf_lmtp_server_xclient(s.engine);
            play(&s, pf_bytes_of(said));
            assert_true(s.closed);
            if (failed)
                assert_true(honest(&s));
            pf_lmtp_server_free(s.engine);
        } else {
            assert_int_equal(n, 1);
        }
        countdown = 0;
    } while (failed);
    assert_true(n > 12);
}

/* Text, however much of it, costs no allocation. */
static void text_needs_no_memory(void **state)
{
    struct pf_lmtp_server_settings set;
    static struct stage s;
    unsigned char text[256];
    unsigned long before;

    (void)state;
    pf_lmtp_server_settings_init(&set);
    s = (struct stage){.engine = pf_lmtp_server_new(&set, false, 1)};
    play(&s, PF_LIT("LHLO c\r\nMAIL FROM:<a@b>\r\n" RCPT "DATA\r\n"));
    before = calls;
    for (int i = 0; i < 1000; i++) {
        struct pf_span into = {text, 0, sizeof text};

        assert_int_equal(pf_lmtp_server_feed_text(s.engine, PF_LIT("..abcdef\r\n"), &into, 1), 10);
        assert_int_equal(into.len, 9);
    }
    assert_int_equal(calls, before);
    pf_lmtp_server_free(s.engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(each_allocation_fails_once), T(text_needs_no_memory)};

    return RUN(tests);
}
