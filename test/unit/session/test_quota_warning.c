#include "unit/cm.h"

#include "session/quota_warning.h"

#include <string.h>

static bool due(uint64_t octets, uint64_t messages, uint64_t size, uint64_t used_octets, uint64_t used_messages)
{
    struct pf_quota_warning w = {.target = {"anna", "/m/anna", octets, messages}, .hostname = "mail.example.org",
                                 .percent = 90, .size = size, .used_octets = used_octets,
                                 .used_messages = used_messages};

    return pf_quota_warning_is_due(&w);
}

static void it_is_due_for_who_crosses_the_line(void **state)
{
    (void)state;
    assert_false(due(1000, 0, 100, 899, 5));
    assert_true(due(1000, 0, 100, 900, 5));
    assert_true(due(1000, 0, 100, 999, 5));
    assert_false(due(1000, 0, 99, 999, 5)); /* it was 900 before */
    assert_true(due(1000, 0, 1000, 1000, 1));
    assert_false(due(0, 10, 5, 5000, 8));
    assert_true(due(0, 10, 5, 5000, 9));
    assert_false(due(0, 10, 5, 5000, 10));
    assert_true(due(0, 1, 5, 5, 1));
    assert_true(due(7, 0, 7, 7, 1)); /* 6.3 octets are 7 */
    assert_false(due(7, 0, 6, 6, 1));
}

static void it_comes_once_for_both_limits(void **state)
{
    (void)state;
    assert_true(due(1000, 100, 100, 950, 5));
    assert_false(due(1000, 100, 1, 951, 90)); /* warned of the octets before */
}

static void it_is_never_due_without_a_quota(void **state)
{
    struct pf_quota_warning w = {.target = {"anna", "/m/anna", 10, 0}, .size = 10, .used_octets = 10,
                                 .used_messages = 1};

    (void)state;
    assert_false(pf_quota_warning_is_due(&w)); /* 0 percent */
    w.percent = 90;
    assert_true(pf_quota_warning_is_due(&w));
    w.used_messages = 0; /* the store keeps none */
    assert_false(pf_quota_warning_is_due(&w));
    assert_false(due(0, 0, 10, 10, 1));
}

static void large_numbers_do_not_overflow(void **state)
{
    const uint64_t large = UINT64_C(1) << 60;

    (void)state;
    assert_true(due(large, 0, large / 2, large, 2));
    assert_false(due(large, 0, 5, large / 2, 2));
    assert_true(due(UINT64_MAX, 0, UINT64_MAX, UINT64_MAX, 1));
}

static const char *put(const char *user, const char *hostname)
{
    static unsigned char room[PF_QUOTA_WARNING_MAX + 1];
    struct pf_quota_warning w = {.target = {user, "/m/anna", 100 << 20, 50}, .hostname = hostname,
                                 .percent = 90, .now = 1700000000, .size = 1 << 20, .used_octets = 92 << 20,
                                 .used_messages = 10};
    struct pf_span text = {room, 0, PF_QUOTA_WARNING_MAX};

    assert_true(pf_quota_warning_put(&w, &text));
    room[text.len] = 0;
    return (const char *)room;
}

static void it_says_it_in_two_languages(void **state)
{
    static const char *const parts[] = {
        "Date: Tue, 14 Nov 2023 22:13:20 +0000\n", "\nFrom: postmaster@mail.example.org\n",
        "\nTo: anna@mail.example.org\n",           "\nAuto-Submitted: auto-generated\n",
        "\nMessage-ID: <",                         "Content-Type: text/plain; charset=UTF-8\n",
        "zu 92 % voll",                            "is 92 % full",
        "92.0 / 100.0 MiB",                        "10 / 50 Nachrichten",
        "10 / 50 messages",                        "löschen"};
    const char *text = put("anna", "mail.example.org");

    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        assert_non_null(strstr(text, parts[i]));
    assert_null(strchr(text, '\r'));
    assert_true(strlen(strstr(text, "Message-ID: <")) > 50);
}

static void names_of_every_kind_make_a_sound_head(void **state)
{
    char host[256];

    (void)state;
    assert_non_null(strstr(put("anna@example.org", "us"), "\nTo: anna@example.org\n"));
    assert_non_null(strstr(put("J\xc3\xbcrgen", "us"), "\nTo: undisclosed-recipients:;\n"));
    assert_non_null(strstr(put("a b", "us"), "\nTo: undisclosed-recipients:;\n"));
    memset(host, 'h', sizeof host - 1);
    host[sizeof host - 1] = 0;
    put(host, host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(it_is_due_for_who_crosses_the_line),
        T(it_comes_once_for_both_limits),
        T(it_is_never_due_without_a_quota),
        T(large_numbers_do_not_overflow),
        T(it_says_it_in_two_languages),
        T(names_of_every_kind_make_a_sound_head),
    };

    return RUN(tests);
}
