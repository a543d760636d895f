#include "unit/cm.h"

#include <stdlib.h>

#include "unit/proto/client_desk.h"

/* One piece of memory for a session, whatever the server says. */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);

static int allowed = 1000;

void *__wrap_malloc(size_t size)
{
    return allowed-- > 0 ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    (void)count, (void)size;
    return NULL;
}

void *__wrap_realloc(void *at, size_t size)
{
    (void)at, (void)size;
    return NULL;
}

static void no_memory_no_engine(void **state)
{
    struct pf_pop3_client_settings settings;

    (void)state;
    pf_pop3_client_settings_init(&settings);
    allowed = 0;
    assert_null(pf_pop3_client_new(&settings, true, 1));
    allowed = 1000;
}

static bool hear(struct pf_pop3_client *e, struct pf_bytes said)
{
    struct pf_heard h = {0};

    while (said.len) {
        said = pf_bytes_skip(said, pf_pop3_client_feed(e, said, 1));
        while (pf_pop3_client_event(e, &h))
            continue;
    }
    return h.kind == PF_HEARD_END && h.end == PF_END_WHOLE;
}

static bool ask(struct pf_pop3_client *e, struct pf_pop3_command c, struct pf_bytes answer)
{
    if (pf_pop3_client_say(e, &c, 1) != PF_OK)
        return false;
    pf_pop3_client_sent(e, pf_pop3_client_out(e).len, 1);
    return hear(e, answer);
}

static void a_session_without_further_memory(void **state)
{
    static unsigned char piece[1 << 16];
    struct pf_pop3_client_settings settings;
    struct pf_pop3_client *e;

    (void)state;
    memset(piece, 'x', sizeof piece);
    pf_pop3_client_settings_init(&settings);
    e = pf_pop3_client_new(&settings, true, 1);
    assert_non_null(e);
    allowed = 0;
    hear(e, PF_LIT("+OK\r\n"));
    assert_true(
        ask(e, (struct pf_pop3_command){.verb = PF_VERB_CAPA}, PF_LIT("+OK\r\nSASL PLAIN\r\n.\r\n")));
    assert_true(
        ask(e, (struct pf_pop3_command){.verb = PF_VERB_USER, .name = PF_LIT("a")}, PF_LIT("+OK\r\n")));
    assert_true(ask(e, (struct pf_pop3_command){.verb = PF_VERB_PASS}, PF_LIT("+OK\r\n")));
    assert_false(ask(e, (struct pf_pop3_command){.verb = PF_VERB_UIDL}, PF_LIT("+OK\r\n1 a\r\n")));
    for (int i = 0; i < 100000; i++)
        hear(e, PF_LIT("1 a\r\n"));
    assert_true(hear(e, PF_LIT(".\r\n")));
    assert_false(ask(e, (struct pf_pop3_command){.verb = PF_VERB_RETR, .number = 1}, PF_LIT("+OK\r\n")));
    for (int i = 0; i < 100; i++)
        hear(e, pf_bytes_from(piece, sizeof piece));
    assert_true(hear(e, PF_LIT("\r\n.\r\n")));
    allowed = 1000;
    pf_pop3_client_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(no_memory_no_engine), T(a_session_without_further_memory)};
    return RUN(tests);
}
