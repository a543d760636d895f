#include "unit/cm.h"

#include "auth/quota_words.h"

static void expect(bool (*read)(const char *, int64_t *, int64_t *), const char *text, int64_t octets,
                   int64_t messages)
{
    int64_t got[2] = {0, 0};

    assert_true(read(text, &got[0], &got[1]));
    assert_int_equal(got[0], octets);
    assert_int_equal(got[1], messages);
}

static void refuse(bool (*read)(const char *, int64_t *, int64_t *), const char *text)
{
    int64_t got[2] = {7, 8};

    assert_false(read(text, &got[0], &got[1]));
    assert_int_equal(got[0], 7);
    assert_int_equal(got[1], 8);
}

static void our_own_words(void **state)
{
    (void)state;
    expect(pf_quota_words, "1000", 1000, 0);
    expect(pf_quota_words, "1000,20", 1000, 20);
    expect(pf_quota_words, "1k", 1024, 0);
    expect(pf_quota_words, "3G,0", INT64_C(3) << 30, -1);
    expect(pf_quota_words, "0", -1, 0);
    expect(pf_quota_words, "0,5", -1, 5);
    expect(pf_quota_words, "1t", INT64_C(1) << 40, 0);
    static const char *const bad[] = {"", ",", "1,", ",1", "x", "-1", "1x", "1,2,3", "1,2k", "1 ", "k", "1kk",
                                      "99999999999999999999", "16777216t", "1.5g"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse(pf_quota_words, bad[i]);
}

static void rules_of_dovecot(void **state)
{
    (void)state;
    expect(pf_quota_rule, "*:storage=1G", INT64_C(1) << 30, 0);
    expect(pf_quota_rule, "*:storage=100", 100 * 1024, 0);
    expect(pf_quota_rule, "*:storage=100B", 100, 0);
    expect(pf_quota_rule, "*:bytes=100", 100, 0);
    expect(pf_quota_rule, "*:bytes=2M", 2 << 20, 0);
    expect(pf_quota_rule, "*:messages=7", 0, 7);
    expect(pf_quota_rule, "*:storage=1M:messages=7", 1 << 20, 7);
    expect(pf_quota_rule, "*:Storage=0:messages=0", -1, -1);
    expect(pf_quota_rule, "Trash:storage=+100M", 0, 0);
    expect(pf_quota_rule, "Trash:ignore", 0, 0);
    static const char *const bad[] = {"", "*", "*:", "*:storage", "*:storage=", "*:storage=+10%", "*:ignore",
                                      "*:messages=7k", "*:storage=1G:", "*:storage=1G messages=1", "1G"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse(pf_quota_rule, bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(our_own_words),
        T(rules_of_dovecot),
    };

    return RUN(tests);
}
