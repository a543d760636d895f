#include "unit/cm.h"

#include "auth/auth_entry.h"

static bool set(struct pf_auth_entry *entry, const char *field, const char *value)
{
    return pf_auth_entry_set(entry, pf_bytes_of(field), pf_bytes_of(value));
}

static void nothing_is_said_at_the_beginning(void **state)
{
    struct pf_auth_entry entry;

    (void)state;
    memset(&entry, 0x55, sizeof entry);
    pf_auth_entry_begin(&entry, PF_LIT("anna"));
    assert_string_equal(entry.user.name, "anna");
    assert_string_equal(entry.user.maildrop, "");
    assert_int_equal(entry.user.expire_days, -2);
    assert_int_equal(entry.user.login_delay, -2);
    assert_int_equal(entry.user.quota_octets, 0);
    assert_false(entry.user.needs_tls || entry.nologin || entry.verify);
    assert_null(entry.stored);
}

static void each_field_has_its_place(void **state)
{
    struct pf_auth_entry entry;

    (void)state;
    pf_auth_entry_begin(&entry, PF_LIT("anna"));
    assert_true(set(&entry, "user", "Anna"));
    assert_true(set(&entry, "password", "{PLAIN}x"));
    assert_true(set(&entry, "maildrop", "mbox:/mail/anna"));
    assert_true(set(&entry, "quota", "1k,5"));
    assert_true(set(&entry, "expire", "30"));
    assert_true(set(&entry, "login_delay", "600"));
    assert_true(set(&entry, "needs_tls", "T"));
    assert_true(set(&entry, "userdb_home", "/home/anna"));
    assert_string_equal(entry.user.name, "Anna");
    assert_string_equal(entry.stored, "{PLAIN}x");
    assert_ptr_equal(entry.stored, entry.room);
    assert_string_equal(entry.user.maildrop, "mbox:/mail/anna");
    assert_int_equal(entry.user.quota_octets, 1024);
    assert_int_equal(entry.user.quota_messages, 5);
    assert_int_equal(entry.user.expire_days, 30);
    assert_int_equal(entry.user.login_delay, 600);
    assert_true(entry.user.needs_tls);
    assert_false(entry.nologin);
    assert_true(set(&entry, "expire", "never"));
    assert_int_equal(entry.user.expire_days, -1);
    assert_true(set(&entry, "userdb_mail", "maildir:/mail/b:LAYOUT=fs"));
    assert_string_equal(entry.user.maildrop, "/mail/b");
    assert_true(set(&entry, "userdb_mail", "mbox:/mail:INBOX=/var/mail/c:INDEX=/x"));
    assert_string_equal(entry.user.maildrop, "mbox:/var/mail/c");
    assert_true(set(&entry, "userdb_quota_rule", "*:bytes=2K"));
    assert_int_equal(entry.user.quota_octets, 2048);
}

static void what_is_said_stays_when_another_word_is_wrong(void **state)
{
    static const struct {
        const char *field, *value;
    } wrong[] = {{"maildrop", "a"},        {"maildrop", "/a/../b"}, {"maildrop", "/a\nb"}, {"maildrop", ""},
                 {"expire", "-1"},         {"expire", "9.5"},       {"login_delay", "1m"}, {"needs_tls", "maybe"},
                 {"needs_tls", ""},        {"nologin", "2"},        {"quota", "x"},        {"user", ""},
                 {"user", "../x"},         {"user", "a/b"},         {"user", ".a"},        {"password", "a\nb"},
                 {"allow_nets", "::1"},    {"Maildrop", "/a"},      {"", "x"},             {"userdb", "x"},
                 {"userdb_mail", "imap:x"}};
    struct pf_auth_entry entry, before;

    (void)state;
    pf_auth_entry_begin(&entry, PF_LIT("anna"));
    assert_true(set(&entry, "maildrop", "/mail/anna") && set(&entry, "expire", "7"));
    before = entry;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (set(&entry, wrong[i].field, wrong[i].value))
            fail_msg("%s=%s", wrong[i].field, wrong[i].value);
        assert_memory_equal(&entry, &before, sizeof entry);
    }
}

static void truths_of_databases(void **state)
{
    static const struct {
        const char *text;
        bool is;
    } table[] = {{"yes", true}, {"y", true},  {"TRUE", true},   {"t", true},  {"1", true},
                 {"no", false}, {"N", false}, {"False", false}, {"f", false}, {"0", false}};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct pf_auth_entry entry;

        pf_auth_entry_begin(&entry, PF_LIT("anna"));
        entry.user.needs_tls = !table[i].is;
        assert_true(set(&entry, "needs_tls", table[i].text) && set(&entry, "nologin", table[i].text));
        assert_int_equal(entry.user.needs_tls, table[i].is);
        assert_int_equal(entry.nologin, table[i].is);
    }
}

static void a_locked_password_stays_locked(void **state)
{
    static const char *const locked[] = {"", "!", "!{PLAIN}x", "*LK*"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct pf_auth_entry entry;

        pf_auth_entry_begin(&entry, PF_LIT("anna"));
        assert_true(set(&entry, "password", locked[i]));
        assert_true(set(&entry, "nologin", "no"));
        assert_true(entry.nologin);
        assert_non_null(entry.stored);
    }
}

static void values_have_room_or_are_refused(void **state)
{
    static char text[PF_AUTH_VALUE_MAX + 2];
    struct pf_auth_entry entry;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[0] = '/';
    pf_auth_entry_begin(&entry, PF_LIT("anna"));
    for (size_t len = 1; len < sizeof text; len++) {
        struct pf_bytes value = pf_bytes_from(text, len);

        assert_int_equal(pf_auth_entry_set(&entry, PF_LIT("maildrop"), value), len < PF_AUTH_PATH_MAX);
        assert_int_equal(pf_auth_entry_set(&entry, PF_LIT("password"), value), len <= PF_AUTH_STORED_MAX);
        assert_int_equal(pf_auth_entry_set(&entry, PF_LIT("userdb_x"), value), len <= PF_AUTH_VALUE_MAX);
        value.at++;
        value.len--;
        assert_int_equal(pf_auth_entry_set(&entry, PF_LIT("user"), value), len > 1 && len <= PF_AUTH_NAME_MAX + 1);
    }
    assert_false(pf_auth_entry_set(&entry, PF_LIT("password"), pf_bytes_from("a\0b", 3)));
    assert_int_equal(strlen(entry.stored), PF_AUTH_STORED_MAX);
}

static void what_is_known(void **state)
{
    (void)state;
    assert_true(pf_auth_entry_knows(PF_LIT("user")) && pf_auth_entry_knows(PF_LIT("password")));
    assert_true(pf_auth_entry_knows(PF_LIT("userdb_anything")) && pf_auth_entry_knows(PF_LIT("nologin")));
    assert_false(pf_auth_entry_knows(PF_LIT("")) || pf_auth_entry_knows(PF_LIT("passwor")) ||
                 pf_auth_entry_knows(PF_LIT("maildrops")) || pf_auth_entry_knows(PF_LIT("xuserdb_")));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(nothing_is_said_at_the_beginning),
        T(each_field_has_its_place),
        T(what_is_said_stays_when_another_word_is_wrong),
        T(truths_of_databases),
        T(a_locked_password_stays_locked),
        T(values_have_room_or_are_refused),
        T(what_is_known),
    };

    return RUN(tests);
}
