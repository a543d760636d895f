#include "unit/cm.h"

#include "auth/auth_links.h"

struct server {
    bool up;
    unsigned opened, closed, asked;
    enum pf_code says[4];
};
static struct server server;
static int connection;

static void *open_it(void *source, pf_time deadline, struct pf_err *err)
{
    assert_ptr_equal(source, &server);
    assert_true(deadline > pf_sql_now());
    server.opened++;
    if (server.up)
        return &connection;
    pf_fail(err, PF_TEMP, 0, "door", "nobody is in");
    return NULL;
}

static enum pf_code ask_it(void *link, void *question, pf_time deadline, struct pf_err *err)
{
    enum pf_code code = server.says[server.asked++ % 4];

    assert_ptr_equal(link, &connection);
    assert_string_equal(question, "who?");
    assert_true(deadline > pf_sql_now());
    if (code != PF_OK && code != PF_NO_USER)
        pf_fail(err, code == PF_AUTH ? PF_AUTH : PF_TEMP, 0, "door", "no");
    return code;
}

static void close_it(void *link)
{
    assert_ptr_equal(link, &connection);
    server.closed++;
}

static const struct pf_links_driver driver = {.kind = "door", .open = open_it, .ask = ask_it, .close = close_it};
static char question[] = "who?";

static struct pf_links *begin(void)
{
    static const struct pf_conf_userdb userdb = {.timeout = 60000, .connections = 1};
    struct pf_err err = {0};
    struct pf_links *links = pf_links_new(&driver, &server, &userdb, &err);

    server = (struct server){.up = true};
    assert_non_null(links);
    return links;
}

static void a_connection_is_kept(void **state)
{
    struct pf_links *links = begin();
    struct pf_err err = {0};

    (void)state;
    server.says[1] = PF_AUTH;
    server.says[2] = PF_NO_USER;
    server.says[3] = PF_TEMP;
    assert_int_equal(pf_links_ask(links, question, &err), PF_OK);
    assert_int_equal(pf_links_ask(links, question, &err), PF_AUTH);
    assert_int_equal(pf_links_ask(links, question, &err), PF_NO_USER);
    assert_int_equal(pf_links_ask(links, question, &err), PF_TEMP);
    assert_int_equal(server.opened, 1);
    assert_int_equal(server.closed, 0);
    pf_links_free(links);
    assert_int_equal(server.closed, 1);
    pf_links_free(NULL);
}

static void what_died_is_replaced_once(void **state)
{
    struct pf_links *links = begin();
    struct pf_err err = {0};

    (void)state;
    server.says[1] = PF_GONE;
    assert_int_equal(pf_links_ask(links, question, &err), PF_OK);
    assert_int_equal(pf_links_ask(links, question, &err), PF_OK);
    assert_int_equal(server.opened, 2);
    server.says[3] = server.says[0] = PF_GONE;
    assert_int_equal(pf_links_ask(links, question, &err), PF_TEMP);
    assert_int_equal(server.opened, 3);
    assert_int_equal(server.asked, 5);
    server.says[1] = PF_BUSY;
    assert_int_equal(pf_links_ask(links, question, &err), PF_TEMP); /* too late for another try */
    assert_int_equal(server.asked, 6);
    assert_int_equal(server.closed, server.opened);
    pf_links_free(links);
}

static void who_is_away_is_left_alone(void **state)
{
    struct pf_links *links = begin();
    struct pf_err err = {0};

    (void)state;
    server.up = false;
    assert_int_equal(pf_links_ask(links, question, &err), PF_TEMP);
    assert_string_equal(err.log, "nobody is in");
    assert_int_equal(pf_links_ask(links, question, &err), PF_TEMP);
    assert_non_null(strstr(err.log, "left alone"));
    assert_int_equal(server.opened, 1);
    pf_links_free(links);
}

static void rests_grow_and_end(void **state)
{
    struct pf_links_rest rest = {0};
    pf_time before = pf_sql_now();

    (void)state;
    assert_true(pf_links_may(&rest, 10));
    assert_true(pf_links_may(&rest, 10));
    pf_links_went(&rest, false);
    assert_false(pf_links_may(&rest, 10));
    assert_in_range(rest.retry, before + PF_LINKS_DOWN, pf_sql_now() + PF_LINKS_DOWN);
    for (int i = 0; i < 10; i++)
        pf_links_went(&rest, false);
    assert_in_range(rest.retry, before + PF_LINKS_DOWN_MAX, pf_sql_now() + PF_LINKS_DOWN_MAX);
    rest.retry = 1; /* long ago */
    assert_true(pf_links_may(&rest, 60000));
    assert_false(pf_links_may(&rest, 60000)); /* one thread tries it */
    pf_links_went(&rest, true);
    assert_true(pf_links_may(&rest, 10));
    pf_links_went(&rest, false);
    assert_in_range(rest.retry, before + PF_LINKS_DOWN, pf_sql_now() + PF_LINKS_DOWN);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {T(a_connection_is_kept), T(what_died_is_replaced_once),
                                              T(who_is_away_is_left_alone), T(rests_grow_and_end)};

    return RUN(tests);
}
