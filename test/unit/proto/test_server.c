#include "unit/cm.h"

#include <stdlib.h>

#include "unit/proto/world.h"

static const char vector[] = "Subject: a\n\n.\n..x\nend";

static const char dialogue[] =
    "AUTH\r\nCAPA\r\nuser  alice\r\nPASS wrong\r\nNOOP\r\nAUTH PLAIN =\r\nAUTH PLAIN\r\n*\r\n"
    "USER alice\r\nCAPA\r\nPASS secret\r\nCAPA\r\nSTAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nRETR 3\r\nTOP 1 0\r\n"
    "TOP 1 1\r\nTOP 1 99\r\nTOP 3 2\nDELE 2\r\nLIST 2\r\nUIDL 001\r\nfoo\r\nDELE 3\r\nRSET\r\nRETR 2\r\n"
    "STAT \r\nLAST\r\nDELE 1\r\nUIDL\r\nRETR 4\r\nDELE 4\r\nQUIT\r\nSTAT\r\n";

static void setup(struct world *w, const char *big)
{
    world_init(w);
    w->messages[0].stored = vector;
    w->messages[1].stored = "a\n\nb\n";
    w->messages[2].stored = big;
    w->messages[3] = (struct world_message){.stored = vector, .fails = PF_IO, .fails_at = 9};
}

static char *played(const char *big, size_t cut, size_t body, size_t take, size_t lent)
{
    struct world w;
    char *heard;

    setup(&w, big);
    w.cut = cut;
    w.body = body;
    w.take = take;
    w.lent = lent;
    w.borrow = cut != 0;
    w.dice += (uint32_t)(cut + body + lent);
    world_start(&w);
    world_say(&w, dialogue);
    assert_true(w.closed);
    assert_int_equal(w.why, PF_CLOSE_QUIT);
    heard = w.out;
    w.out = NULL;
    world_end(&w);
    return heard;
}

static void a_dialogue_is_the_same_at_any_cut(void **state)
{
    static const size_t rules[] = {0, 1, SIZE_MAX};
    char big[9001];
    char *whole;

    (void)state;
    for (size_t i = 0; i + 1 < sizeof big; i++)
        big[i] = (i % 61 == 60) ? '\n' : i % 17 == 0 ? '.' : 'x';
    big[sizeof big - 1] = 0;
    whole = played(big, 0, 0, 0, 65536);
    assert_non_null(strstr(whole, "\r\n+OK 4 messages ("));
    for (size_t c = 0; c < 3; c++)
        for (size_t b = 0; b < 3; b++)
            for (size_t t = 0; t < 3; t++)
                for (size_t lent = 4096; lent <= 30000; lent += 5001) {
                    char *again = played(big, rules[c], rules[b], rules[t], lent);

                    assert_string_equal(again, whole);
                    free(again);
                }
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(a_dialogue_is_the_same_at_any_cut)};

    return RUN(tests);
}
