#include "unit/cm.h"

#include "proto/pop3_client.h"

static void cap_006_cap_012_every_capability_is_known(void **state)
{
    static const struct {
        const char *line;
        unsigned can;
        int64_t expire;
        uint32_t delay;
    } rows[] = {
        {"TOP", PF_CAN_TOP, 0, 0},
        {"user", PF_CAN_USER, 0, 0}, /* CAP-006 */
        {"UIDL ", PF_CAN_UIDL, 0, 0},
        {"UIDLX", 0, 0, 0},
        {"STLS", PF_CAN_STLS, 0, 0},
        {"PIPELINING", PF_CAN_PIPELINING, 0, 0},
        {"RESP-CODES", PF_CAN_RESP_CODES, 0, 0},
        {"AUTH-RESP-CODE", PF_CAN_AUTH_RESP_CODE, 0, 0},
        {"UTF8", PF_CAN_UTF8, 0, 0},
        {"UTF8 USER", PF_CAN_UTF8 | PF_CAN_UTF8_USER, 0, 0},
        {"LANG", PF_CAN_LANG, 0, 0},
        {"LOGIN-DELAY 900", PF_CAN_LOGIN_DELAY, 0, 900},
        {"LOGIN-DELAY 900 USER", PF_CAN_LOGIN_DELAY | PF_CAN_LOGIN_DELAY_USER, 0, 900},
        {"LOGIN-DELAY 99999999999", PF_CAN_LOGIN_DELAY, 0, UINT32_MAX},
        {"LOGIN-DELAY", PF_CAN_LOGIN_DELAY, 0, 0},
        {"EXPIRE NEVER", PF_CAN_EXPIRE, -1, 0},
        {"EXPIRE 30 USER", PF_CAN_EXPIRE | PF_CAN_EXPIRE_USER, 30, 0},
        {"EXPIRE 0", PF_CAN_EXPIRE, 0, 0},
        {"EXPIRE -5", PF_CAN_EXPIRE, 0, 0},
        {"EXPIRE 99999999999", PF_CAN_EXPIRE, INT32_MAX, 0},
        {"IMPLEMENTATION Shlemazle-Plotz-v302", 0, 0, 0},
        {"X-PRIVATE", 0, 0, 0},
        {"", 0, 0, 0},
        {"   ", 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pf_pop3_offer offer = {0};

        pf_client_capability(&offer, pf_bytes_of(rows[i].line));
        assert_int_equal(offer.can, rows[i].can);
        assert_int_equal(offer.expire_days, rows[i].expire);
        assert_int_equal(offer.login_delay, rows[i].delay);
    }
}

static void cap_017_mechanisms(void **state)
{
    static char long_line[2000] = "SASL";
    struct pf_pop3_offer offer = {0};

    (void)state;
    pf_client_capability(&offer, PF_LIT("SASL  plain\tCRAM-MD5 "));
    assert_int_equal(offer.can, PF_CAN_SASL);
    assert_string_equal(offer.mechanisms, "PLAIN CRAM-MD5");
    pf_client_capability(&offer, PF_LIT("SASL"));
    assert_string_equal(offer.mechanisms, "");
    memset(long_line + 4, ' ', sizeof long_line - 5);
    for (size_t i = 5; i < sizeof long_line - 5; i += 5)
        memcpy(long_line + i, "ABCD", 4);
    pf_client_capability(&offer, pf_bytes_of(long_line));
    assert_int_equal(offer.mechanisms_len, 509); /* whole names only */
    assert_string_equal(offer.mechanisms + 500, "ABCD ABCD");
}

static void apop_takes_the_last_good_timestamp(void **state)
{
    struct pf_bytes found = pf_client_timestamp_in(PF_LIT("<a@b> <c@d> <e>"));

    (void)state;
    assert_int_equal(found.len, 5);
    assert_memory_equal(found.at, "<c@d>", 5);
    assert_int_equal(pf_client_timestamp_in(PF_LIT("a@b>")).len, 0);
    assert_int_equal(pf_client_timestamp_in(PF_LIT("")).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(cap_006_cap_012_every_capability_is_known),
        T(cap_017_mechanisms),
        T(apop_takes_the_last_good_timestamp),
    };
    return RUN(tests);
}
