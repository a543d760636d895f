#include "unit/cm.h"

#include "proto/pop_url.h"

static struct pf_pop_url good(const char *text)
{
    struct pf_pop_url url;
    struct pf_err err = {0};
    enum pf_code code = pf_pop_url_parse(pf_bytes_of(text), &url, &err);

    assert_string_equal(err.log, "");
    assert_int_equal(code, PF_OK);
    return url;
}

static void bad(const char *text, const char *expected)
{
    struct pf_pop_url url = {.port = 7};
    struct pf_err err = {0};

    assert_int_equal(pf_pop_url_parse(pf_bytes_of(text), &url, &err), PF_SYNTAX);
    assert_string_equal(err.log, expected);
    assert_int_equal(url.port, 7);
}

static void is(const struct pf_pop_url *url, const char *user, const char *auth, const char *host)
{
    assert_string_equal(url->user, user);
    assert_string_equal(url->auth, auth);
    assert_string_equal(url->host, host);
}

/* The examples of RFC 2384 section 8. */
static void url_001_form(void **state)
{
    struct pf_pop_url url = good("pop://rg@mailsrv.qualcomm.com");

    is(&url, "rg", "*", "mailsrv.qualcomm.com");
    assert_int_equal(url.kind, PF_POP_URL_POP);
    assert_int_equal(url.port, 0);
    url = good("pop://rg;AUTH=+APOP@mail.eudora.com:8110");
    is(&url, "rg", "+APOP", "mail.eudora.com");
    assert_int_equal(url.port, 8110);
    url = good("pop://baz;AUTH=SCRAM-MD5@foo.bar");
    is(&url, "baz", "SCRAM-MD5", "foo.bar");
    url = good("POPS://Pop.Example.ORG:65535");
    is(&url, "", "", "pop.example.org");
    assert_int_equal(url.kind, PF_POP_URL_POPS);
    assert_int_equal(url.port, 65535);
    (void)state;
}

static void url_006_auth_without_case_and_encoded(void **state)
{
    struct pf_pop_url url = good("pop://joe%40example.org;auth=scram-sha-256@h");

    is(&url, "joe@example.org", "SCRAM-SHA-256", "h");
    url = good("pop://a%3Bb%25;AuTh=*@h");
    is(&url, "a;b%", "*", "h");
    url = good("pop://j%C3%B6rg@h");
    is(&url, "j\xc3\xb6rg", "*", "h");
    (void)state;
}

static void ipv6_stands_in_brackets(void **state)
{
    static const char *const no[] = {"",
                                     ":",
                                     "1",
                                     ":::",
                                     "1:2:3:4:5:6:7",
                                     "1:2:3:4:5:6:7:8:9",
                                     "::1::",
                                     "12345::",
                                     "1:2:3:4:5:6:7::8",
                                     "fe80::1%eth0",
                                     "::1.2.3",
                                     "::1.2.3.256",
                                     "1.2.3.4::",
                                     "1:",
                                     ":1",
                                     "::01.2.3.4",
                                     "::g",
                                     "1:2:3:4:5:6:7:"};
    static const char *const yes[] = {"::",
                                      "::1",
                                      "1::",
                                      "1:2:3:4:5:6:7:8",
                                      "::ffff:192.0.2.1",
                                      "2001:DB8::1",
                                      "1:2:3:4:5:6:1.2.3.4",
                                      "1:2:3:4:5:6:7::"};
    struct pf_pop_url url = good("pop://joe@[2001:DB8::1]:1110");

    is(&url, "joe", "*", "2001:db8::1");
    assert_int_equal(url.port, 1110);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_false(pf_pop_url_is_six(pf_bytes_of(no[i])));
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        assert_true(pf_pop_url_is_six(pf_bytes_of(yes[i])));
    (void)state;
}

static void an_address_names_its_domain(void **state)
{
    struct pf_pop_url url = good("Joe.Doe+x@Example.org");

    assert_int_equal(url.kind, PF_POP_URL_ADDRESS);
    is(&url, "Joe.Doe+x@Example.org", "*", "example.org");
    bad("joe", "column 1: neither a URL (pop://HOST, pops://HOST) nor USER@DOMAIN");
    bad("", "column 1: neither a URL (pop://HOST, pops://HOST) nor USER@DOMAIN");
    bad("@x", "column 1: there is no user in front of @");
    bad("joe@", "column 5: this is no domain (other letters: its xn-- form)");
    bad("a b@x", "column 2: this cannot stand in USER@DOMAIN");
    bad("a@b@x", "column 2: this cannot stand in USER@DOMAIN");
    bad("a@[::1]", "column 3: this is no domain (other letters: its xn-- form)");
    (void)state;
}

static void mistakes_have_their_column(void **state)
{
    bad("http://x", "column 1: the URL of a maildrop begins with pop:// or pops://");
    bad("pop3s://x", "column 1: the URL of a maildrop begins with pop:// or pops://");
    bad("pop://", "column 7: the host is missing");
    bad("pop://joe@", "column 11: the host is missing");
    bad("pop://@h", "column 7: there is no user in front of @");
    bad("pop://;AUTH=*@h", "column 7: there is no user in front of ;");
    bad("pop://joe:secret@h", "column 10: a URL of a maildrop has no room for a password (: itself is %3A)");
    bad("pop://joe@x.org@h", "column 10: an @ in the user's name is written as %40");
    bad("pop://a b@h", "column 8: this must be percent-encoded, as %XX");
    bad("pop://a%4@h", "column 8: behind % two hexadecimal digits belong (% itself is %25)");
    bad("pop://a%00@h", "column 8: a control character");
    bad("pop://a;TYPE=x@h", "column 8: behind ; only AUTH=MECHANISM is known");
    bad("pop://a;AUTH=@h", "column 14: a SASL mechanism, * or +APOP belongs here");
    bad("pop://a;AUTH=+XPOP@h", "column 14: a SASL mechanism, * or +APOP belongs here");
    bad("pop://h:0", "column 9: a port is a number from 1 to 65535");
    bad("pop://h:65536", "column 9: a port is a number from 1 to 65535");
    bad("pop://h:", "column 9: a port is a number from 1 to 65535");
    bad("pop://h/", "column 8: a URL of a maildrop ends with host and port");
    bad("pop://h:110/", "column 12: a URL of a maildrop ends with host and port");
    bad("pop://-h", "column 7: this is no host name (other letters: its xn-- form)");
    bad("pop://::1", "column 7: an IPv6 address needs brackets, as [::1]");
    bad("pop://[::1", "column 7: the bracket is not closed");
    bad("pop://[pop]", "column 8: between brackets belongs an IPv6 address");
    bad("pop://[::1]x", "column 12: a : and a port, or the end, belongs here");
    (void)state;
}

static void lengths_have_an_end(void **state)
{
    char text[PF_POP_URL_MAX + 8];
    struct pf_pop_url url;
    struct pf_err err;

    memset(text, 'a', sizeof text);
    memcpy(text, "pop://", 6);
    memcpy(text + 6 + 255, "@h", 3);
    is(&(struct pf_pop_url){0}, "", "", "");
    assert_int_equal(pf_pop_url_parse(pf_bytes_of(text), &url, &err), PF_OK);
    assert_int_equal(strlen(url.user), 255);
    memcpy(text + 6 + 255, "a@h", 4);
    bad(text, "column 262: this is too long");
    memset(text, 'a', sizeof text);
    assert_int_equal(pf_pop_url_parse(pf_bytes_from(text, sizeof text), &url, &err), PF_SYNTAX);
    assert_string_equal(err.log, "column 2049: this is too long");
    (void)state;
}

static void printing_reads_back(void **state)
{
    static const char *const texts[] = {"pop://joe%40example.org;AUTH=SCRAM-SHA-1@h:1110", "pops://[::1]:995",
                                        "pop://h", "pops://a%3B%25@h", "joe@example.org"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct pf_pop_url url = good(texts[i]);
        unsigned char room[128];
        struct pf_span out = {room, 0, sizeof room};

        assert_true(pf_pop_url_print(&url, &out));
        assert_true(pf_bytes_equal(pf_span_bytes(&out), pf_bytes_of(texts[i])));
        for (size_t cap = 0; cap < strlen(texts[i]); cap++) {
            out = (struct pf_span){room, 0, cap};
            assert_false(pf_pop_url_print(&url, &out));
        }
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(url_001_form),
                                       T(url_006_auth_without_case_and_encoded),
                                       T(ipv6_stands_in_brackets),
                                       T(an_address_names_its_domain),
                                       T(mistakes_have_their_column),
                                       T(lengths_have_an_end),
                                       T(printing_reads_back)};

    return RUN(tests);
}
