#include "unit/cm.h"

#include "proto/lmtp_reply.h"
#include "proto/lmtp_rcpts.h"

static void s_022_every_verdict_has_a_code_of_its_class(void **state)
{
    (void)state;
    for (unsigned code = 0; code < PF_CODES; code++) {
        struct pf_lmtp_answer a = pf_lmtp_answer_of((enum pf_code)code, "");

        assert_int_equal(a.code / 100, a.status[0] - '0');
        assert_true(*a.text && (code == PF_AUTH || !strstr(a.text, "password")));
    }
}

static void l_018_codes_of_verdicts(void **state)
{
    static const struct {
        enum pf_code code;
        unsigned reply;
    } rows[] = {
        {PF_OK, 250},      {PF_OVER_QUOTA, 452}, {PF_NO_SPACE, 452}, {PF_IN_USE, 450}, {PF_IO, 451},   {PF_TEMP, 451},
        {PF_BUSY, 451},    {PF_NO_USER, 550},    {PF_NO_BOX, 550},   {PF_PERM, 554},   {PF_NO_MEMORY, 451},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(pf_lmtp_answer_of(rows[i].code, "").code, rows[i].reply);
}

static void s_002_replies_have_at_most_512_octets(void **state)
{
    unsigned char room[PF_LMTP_REPLY_MAX];
    char text[600], address[PF_LMTP_REPLY_ADDRESS_MAX + 1];
    struct pf_span s = {room, 0, sizeof room};
    struct pf_lmtp_answer a = {550, "5.1.1", text};

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[599] = 0;
    memset(address, 'a', sizeof address);
    pf_lmtp_reply(&s, &a, pf_bytes_from(address, PF_LMTP_REPLY_ADDRESS_MAX));
    assert_int_equal(s.len, PF_LMTP_REPLY_MAX);
    assert_memory_equal(room + 510, "\r\n", 2);
    s.len = 0;
    a.text = "no\r\n250 ok\t\xc3";
    pf_lmtp_reply(&s, &a, pf_bytes_from(address, sizeof address));
    assert_int_equal(s.len, 24);
    assert_memory_equal(room, "550 5.1.1 no??250 ok??\r\n", 24);
}

static void results_in_any_order_and_the_worst(void **state)
{
    struct pf_lmtp_rcpts r = {0};
    struct pf_err err = {.code = PF_NO_USER, .say = "gone away"};

    (void)state;
    for (int i = 0; i < 40; i++) {
        assert_true(pf_lmtp_rcpts_try(&r, PF_LIT("somebody@example.org")));
        assert_true(pf_bytes_equal(pf_lmtp_rcpts_tried(&r), PF_LIT("somebody@example.org")));
        pf_lmtp_rcpts_accept(&r);
        assert_true(pf_lmtp_rcpts_try(&r, PF_LIT("refused@x"))); /* and forgotten */
    }
    assert_int_equal(r.count, 40);
    assert_true(pf_bytes_equal(pf_lmtp_rcpts_address(&r, 39), PF_LIT("somebody@example.org")));
    pf_lmtp_rcpts_settle(&r, 7, &err);
    assert_string_equal(pf_lmtp_rcpts_answer(&r, 7).text, "gone away");
    err = (struct pf_err){.code = PF_OK};
    for (unsigned i = 0; i < 40; i++)
        if (!r.rows[i].known && i != 9)
            pf_lmtp_rcpts_settle(&r, i, &err);
    err.code = PF_IO;
    pf_lmtp_rcpts_settle(&r, 9, &err);
    assert_int_equal(pf_lmtp_rcpts_worst(&r).code, 451);
    r.rows[9].code = PF_OK;
    assert_int_equal(pf_lmtp_rcpts_worst(&r).code, 550);
    r.rows[7].code = PF_OK;
    assert_int_equal(pf_lmtp_rcpts_worst(&r).code, 250);
    pf_lmtp_rcpts_drop(&r);
    assert_int_equal(r.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(s_022_every_verdict_has_a_code_of_its_class),
        T(l_018_codes_of_verdicts),
        T(s_002_replies_have_at_most_512_octets),
        T(results_in_any_order_and_the_worst),
    };

    return RUN(tests);
}
