#include "unit/cm.h"

#include "auth/auth_ldap.h"

static struct pf_ldap_words words;
static struct pf_err why;

static enum pf_code reads(const char *filter, const char *attributes, enum pf_conf_ldap compare)
{
    const struct pf_conf_userdb userdb = {.filter = filter, .attributes = attributes, .compare = compare};

    why = (struct pf_err){0};
    return pf_ldap_words(&userdb, &words, &why);
}

static const char *attribute(const char *field)
{
    for (size_t i = 0; i < words.count; i++)
        if (strcmp(words.of[i].field, field) == 0)
            return words.of[i].attribute;
    return "";
}

static void attributes(void **state)
{
    (void)state;
    assert_int_equal(reads(NULL, NULL, PF_CONF_LDAP_BIND), PF_OK);
    assert_int_equal(words.count, 1);
    assert_string_equal(attribute("user"), "uid");
    assert_string_equal(words.attributes[0], "uid");
    assert_null(words.attributes[1]);
    assert_int_equal(reads(NULL, " box=maildrop,\tq=quota  box=userdb_mail ", PF_CONF_LDAP_READ), PF_OK);
    assert_string_equal(attribute("maildrop"), "box");
    assert_string_equal(attribute("quota"), "q");
    assert_string_equal(attribute("password"), "userPassword");
    assert_string_equal(attribute("user"), "uid");
    assert_null(words.attributes[4]); /* box, q, userPassword, uid */
    assert_non_null(words.attributes[3]);
    assert_int_equal(reads("(mail;lang-de=%u)", "cr=password", PF_CONF_LDAP_READ), PF_OK);
    assert_string_equal(attribute("user"), "mail;lang-de");
    assert_string_equal(attribute("password"), "cr");
    assert_int_equal(reads("(uid=%n)", "mail=user", PF_CONF_LDAP_BIND), PF_OK);
    assert_string_equal(attribute("user"), "mail");
}

static void settings_that_cannot_be(void **state)
{
    static const char *const maps[] = {"x=nothing", "x", "=quota", "x=", "a=quota b=quota", "p=password", "a=b=quota"};
    static const char *const filters[] = {"uid=%u", "(uid=anna)", "(uid=%x)", "(uid=%u)(%", "(uid=%n)", "(|(uid~=%u))",
                                          "(uid=%u*)", ""};

    (void)state;
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        if (reads(NULL, maps[i], PF_CONF_LDAP_BIND) != PF_CONFIG || why.code != PF_CONFIG)
            assert_string_equal(maps[i], "refused");
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        if (reads(filters[i], NULL, PF_CONF_LDAP_BIND) != PF_CONFIG || why.code != PF_CONFIG)
            assert_string_equal(filters[i], "refused");
}

static void becomes(const char *filter, struct pf_bytes name, const char *wanted)
{
    unsigned char room[PF_LDAP_FILTER_MAX];
    struct pf_span out = {room, 0, sizeof room};

    assert_true(pf_ldap_filter(filter, name, &out));
    assert_string_equal(room, wanted);
    assert_int_equal(out.len, strlen(wanted) + 1);
}

static void names_in_filters(void **state)
{
    unsigned char room[10];
    struct pf_span out = {room, 0, sizeof room};

    (void)state;
    becomes("(uid=%u)", PF_LIT("anna@a.b"), "(uid=anna@a.b)");
    becomes("(&(a=%n)(b=%d)(c=%u)(d=%%))", PF_LIT("x@y@z"), "(&(a=x@y)(b=z)(c=x@y@z)(d=%))");
    becomes("(a=%d)", PF_LIT("anna"), "(a=)");
    becomes("(uid=%u)", PF_LIT("*"), "(uid=\\2A)");
    becomes("(uid=%u)", PF_LIT(")(uid=*"), "(uid=\\29\\28uid=\\2A)");
    becomes("(uid=%u)", PF_LIT("a\0b\\"), "(uid=a\\00b\\5C)");
    becomes("(uid=%u)", PF_LIT("%n%u"), "(uid=%n%u)"); /* a name is not looked at again */
    assert_false(pf_ldap_filter("(uid=%u)", PF_LIT("****"), &out));
    out.len = 0;
    assert_true(pf_ldap_filter("(uid=%u)", PF_LIT("abc"), &out));
    out.len = 0;
    assert_false(pf_ldap_filter("(uid=%u)", PF_LIT("abcd"), &out)); /* no room for the NUL */
}

static void whose_address_it_is(void **state)
{
    static const char *const ours[] = {"ldap://localhost", "ldap://127.1.2.3:4",
                                       "ldap://[::1]", "ldapi://%2Frun%2Fldapi",
                                       "ldap:///", "ldapi:///"};
    static const char *const others[] = {"ldap://127.0.0.1.example.org", "ldap://localhost.example.org",
                                         "ldap://10.0.0.1",
                                         "ldap://0.0.0.0", "ldap://[::2]", "ldap://[::ffff:10.0.0.1]"};

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        LDAPURLDesc *url;

        assert_int_equal(ldap_url_parse(i < 6 ? ours[i] : others[i - 6], &url), LDAP_URL_SUCCESS);
        assert_int_equal(pf_ldap_is_local(url), i < 6);
        ldap_free_urldesc(url);
    }
}

static enum pf_code opens(const char *connect, const char *bind_dn, const char *secret_file)
{
    const struct pf_conf_userdb userdb = {.connect = connect, .base = "dc=x", .bind_dn = bind_dn,
                                          .secret_file = secret_file, .timeout = 1000, .starttls = true};
    void *self;

    why = (struct pf_err){0};
    self = pf_auth_ldap_source.open(&userdb, NULL, NULL, &why);
    if (self)
        pf_auth_ldap_source.close(self);
    assert_int_equal(self == NULL, why.code != PF_OK);
    return why.code;
}

static void urls(void **state)
{
    (void)state;
    assert_int_equal(opens("ldap://a ldaps://b:1  ldapi:///", NULL, NULL), PF_OK);
    assert_int_equal(opens(" ", NULL, NULL), PF_CONFIG);
    assert_int_equal(opens("ldap://a http://b", NULL, NULL), PF_CONFIG);
    assert_int_equal(opens("a", NULL, NULL), PF_CONFIG);
    assert_int_equal(opens("ldap://1 ldap://2 ldap://3 ldap://4 ldap://5 ldap://6 ldap://7 ldap://8 ldap://9", NULL,
                           NULL),
                     PF_CONFIG);
    assert_int_equal(opens("ldap://a", "cn=x", NULL), PF_CONFIG);
    assert_int_equal(opens("ldap://a", "cn=x", "/secret"), PF_OK);
}

static void nothing_empty_is_sent(void **state)
{
    const struct pf_conf_userdb userdb = {.connect = "ldapi://%2Fnowhere", .base = "dc=x", .timeout = 1000};
    struct pf_auth_proof proof = {.name = PF_LIT("anna"), .secret = PF_LIT("")};
    static struct pf_auth_entry entry = {.room = "uid=anna,dc=x"};
    void *self = pf_auth_ldap_source.open(&userdb, NULL, NULL, &why);

    (void)state;
    assert_int_equal(pf_auth_ldap_source.verify(self, &proof, &entry, &why), PF_AUTH);
    assert_int_equal(pf_ldap_bind(NULL, "", PF_LIT("secret"), 1), LDAP_INVALID_CREDENTIALS);
    assert_int_equal(pf_ldap_bind(NULL, "uid=anna", PF_LIT(""), 1), LDAP_INVALID_CREDENTIALS);
    proof.secret = PF_LIT("secret");
    assert_int_equal(pf_auth_ldap_source.verify(self, &proof, &entry, &why), PF_TEMP);
    pf_auth_ldap_source.close(self);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {T(attributes), T(settings_that_cannot_be), T(names_in_filters),
                                              T(whose_address_it_is), T(urls), T(nothing_empty_is_sent)};

    return RUN(tests);
}
