#include "unit/cm.h"

#include "auth/auth_sql_url.h"

static void urls_that_are_understood(void **state)
{
    static const struct {
        const char *text;
        struct pf_sql_url is;
    } table[] = {
        {"mariadb://pf@localhost/mail", {"pf", "localhost", "mail", "", 0, false}},
        {"mysql://pf@127.0.0.1:3307/mail", {"pf", "127.0.0.1", "mail", "", 3307, false}},
        {"mariadb://pf@db.example/mail", {"pf", "db.example", "mail", "", 0, true}},
        {"mariadb://pf@db.example/mail?tls=no", {"pf", "db.example", "mail", "", 0, false}},
        {"mariadb://pf@localhost/mail?tls=yes", {"pf", "localhost", "mail", "", 0, true}},
        {"mariadb://pf@[::1]:1/m", {"pf", "::1", "m", "", 1, false}},
        {"mariadb://pf@[2001:db8::1]/m", {"pf", "2001:db8::1", "m", "", 0, true}},
        {"mariadb://pf@/mail?socket=/run/a.sock", {"pf", "", "mail", "/run/a.sock", 0, false}},
        {"mariadb://p%66%40x@h/%6Dail?tls=no", {"pf@x", "h", "mail", "", 0, false}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct pf_sql_url url;
        struct pf_err err = {0};

        pf_sql_url_parse(pf_bytes_of(table[i].text), &url, &err);
        assert_string_equal(err.log, "");
        assert_string_equal(url.user, table[i].is.user);
        assert_string_equal(url.host, table[i].is.host);
        assert_string_equal(url.database, table[i].is.database);
        assert_string_equal(url.socket, table[i].is.socket);
        assert_int_equal(url.port, table[i].is.port);
        assert_int_equal(url.tls, table[i].is.tls);
    }
}

static void urls_that_are_not(void **state)
{
    static const struct {
        const char *text, *says;
    } table[] = {
        {"", "no URL"},
        {"postgresql://a@b/c", "no URL"},
        {"mariadb:a@b/c", "no URL"},
        {"mariadb://b/c", "no user"},
        {"mariadb://@b/c", "no user"},
        {"mariadb://a:secret@b/c", "secret-file"},
        {"mariadb://a@b:0/c", "host or port"},
        {"mariadb://a@b:65536/c", "host or port"},
        {"mariadb://a@b:x/c", "host or port"},
        {"mariadb://a@[::1/c", "host or port"},
        {"mariadb://a@[::1]x/c", "host or port"},
        {"mariadb://a@b", "no database"},
        {"mariadb://a@b/", "no database"},
        {"mariadb://a@b/c/d", "no database"},
        {"mariadb://a@b/%00", "no database"},
        {"mariadb://a@b/%4", "no database"},
        {"mariadb://a@b/%zz", "no database"},
        {"mariadb://a@/c", "either a host or a socket"},
        {"mariadb://a@b/c?socket=/x", "either a host or a socket"},
        {"mariadb://a@/c?socket=x", "option"},
        {"mariadb://a@b/c?tls=maybe", "option"},
        {"mariadb://a@b/c?ssl=yes", "option"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct pf_sql_url url;
        struct pf_err err = {0};

        assert_int_equal(pf_sql_url_parse(pf_bytes_of(table[i].text), &url, &err), PF_CONFIG);
        if (!strstr(err.log, table[i].says))
            assert_string_equal(err.log, table[i].says);
        assert_null(strstr(err.log, "a:secret"));
    }
}

static void parts_have_an_end(void **state)
{
    char text[600];
    struct pf_sql_url url;

    (void)state;
    for (int len = 250; len < 260; len++) {
        snprintf(text, sizeof text, "mariadb://%0*d@h/m?tls=no", len, 7);
        assert_int_equal(pf_sql_url_parse(pf_bytes_of(text), &url, NULL), len < PF_SQL_URL_PART ? PF_OK : PF_CONFIG);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {T(urls_that_are_understood), T(urls_that_are_not), T(parts_have_an_end)};

    return RUN(tests);
}
