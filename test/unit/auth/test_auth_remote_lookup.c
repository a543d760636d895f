/* Recipients, asked for in another process: users by the page, each with a ticket to deliver. */
#include "remote_rig.h"

#include "auth/auth_serve_private.h"
#include "sys/ipc.h"

enum { MANY = PF_LOOKUP_USERS_MAX, LINE = 1400, FLOOD = 300 };

struct looked {
    struct pf_lookup_ask ask; /* the first member */
    int answers;
};

static void looked_done(struct pf_lookup_ask *ask)
{
    ((struct looked *)ask)->answers++;
}

static void look_begin(struct rig *r, struct looked *l, const char *address)
{
    *l = (struct looked){.ask = {.done = looked_done, .address = pf_bytes_of(address)}};
    assert_int_equal(pf_lookup_ask(pf_auth_remote_lookup(r->remotes[0]), &l->ask), PF_OK);
    assert_int_equal(l->answers, 0);
}

static enum pf_code look_end(struct rig *r, struct looked *l)
{
    while (!l->answers)
        pf_loop_turn(r->d.b.loop, true);
    assert_int_equal(l->answers, 1);
    return l->ask.err.code;
}

static enum pf_code look_up(struct rig *r, struct looked *l, const char *address)
{
    look_begin(r, l, address);
    return look_end(r, l);
}

/* Users u0…u99 with names and paths so long that no page holds all of them, and an alias for all. */
static void rig_many(struct rig *r, char file[64])
{
    char *users = calloc(MANY, LINE), long_name[130], path[700];
    size_t len = 0;
    FILE *aliases;

    snprintf(file, 64, "/tmp/pf-remote-aliases-%d", (int)getpid());
    aliases = fopen(file, "we");
    assert_true(users && aliases);
    memset(long_name, 'x', sizeof long_name - 1);
    memset(path, 'y', sizeof path - 1);
    long_name[sizeof long_name - 1] = path[sizeof path - 1] = 0;
    fputs("all:", aliases);
    for (unsigned i = 0; i < MANY; i++) {
        len += (size_t)snprintf(users + len, LINE, "u%u%s:{PLAIN}x::::::maildrop=/%s/%u\n", i, long_name, path, i);
        fprintf(aliases, "%s u%u%s", i ? "," : "", i, long_name);
    }
    fputs("\n", aliases);
    assert_int_equal(fclose(aliases), 0);
    rig_open(r, "} mail { path /srv/%n", "anna:{PLAIN}hers\n");
    bench_write(&r->d.b, users);
    free(users);
    r->lookup_settings.aliases = file;
    assert_int_equal(pf_lookup_reload(r->lookup, &r->lookup_settings, NULL), PF_OK);
}

static void a_recipient_comes_with_a_ticket_to_deliver(void **state)
{
    struct pf_ticket ticket;
    struct looked l;
    struct rig r;

    (void)state;
    rig_open(&r, "} mail { path /srv/%n; quota-octets 5k; quota-messages 9", "anna:{PLAIN}hers\n");
    assert_int_equal(look_up(&r, &l, "anna@example.org"), PF_OK);
    assert_int_equal(l.ask.count, 1);
    assert_string_equal(l.ask.users[0].name, "anna");
    ticket = rig_ticket(&r, 0, l.ask.users[0].pass);
    assert_int_equal(ticket.rights, PF_TICKET_DELIVER);
    assert_string_equal(ticket.path, "/srv/anna");
    assert_int_equal(ticket.quota_octets, 5120);
    assert_int_equal(ticket.quota_messages, 9);
    free(l.ask.users);
    assert_int_equal(look_up(&r, &l, "nobody@example.org"), PF_NO_USER);
    assert_true(l.ask.err.log[0]);
    rig_close(&r);
}

static void a_hundred_users_come_on_pages(void **state)
{
    struct looked l;
    char file[64];
    struct rig r;

    (void)state;
    rig_many(&r, file);
    assert_int_equal(look_up(&r, &l, "all"), PF_OK);
    assert_int_equal(l.ask.count, MANY);
    assert_true(r.store_asks > MANY); /* each page asks for those from it on */
    for (unsigned i = 0; i < MANY; i++) {
        char number[8];

        snprintf(number, sizeof number, "u%ux", i);
        assert_memory_equal(l.ask.users[i].name, number, strlen(number));
        assert_string_equal(rig_ticket(&r, 0, l.ask.users[i].pass).user, l.ask.users[i].name);
    }
    free(l.ask.users);
    unlink(file);
    rig_close(&r);
}

/* Nobody may be left out because the users changed between two pages. */
static void users_that_change_between_two_pages(void **state)
{
    struct looked l;
    char file[64];
    struct rig r;
    FILE *aliases;

    (void)state;
    rig_many(&r, file);
    look_begin(&r, &l, "all");
    r.late = true;
    for (unsigned i = 0; i < MANY; i++) { /* the first page */
        while (!r.asked)
            pf_loop_turn(r.d.b.loop, true);
        store_named(&r);
    }
    aliases = fopen(file, "we");
    assert_non_null(aliases);
    fputs("all: anna, ben\n", aliases);
    assert_int_equal(fclose(aliases), 0);
    bench_write(&r.d.b, "anna:{PLAIN}hers\nben:{PLAIN}his\n");
    assert_int_equal(pf_lookup_reload(r.lookup, &r.lookup_settings, NULL), PF_OK);
    r.late = false;
    assert_int_equal(look_end(&r, &l), PF_TEMP);
    assert_null(l.ask.users);
    assert_int_equal(look_up(&r, &l, "all"), PF_OK);
    assert_int_equal(l.ask.count, 2);
    free(l.ask.users);
    unlink(file);
    rig_close(&r);
}

static void without_a_store_mail_waits(void **state)
{
    struct looked l;
    struct rig r;

    (void)state;
    rig_open(&r, "} mail { path /srv/%d/%n", "anna:{PLAIN}hers\nben@b.org:{PLAIN}his\n");
    r.store = 0;
    assert_int_equal(look_up(&r, &l, "ben@b.org"), PF_TEMP);
    assert_int_equal(look_up(&r, &l, "anna"), PF_OK); /* she has no place: delivery will say so */
    assert_int_equal(l.ask.users[0].pass, 0);
    free(l.ask.users);
    rig_close(&r);
}

static void askers_and_gates_go_in_the_middle(void **state)
{
    struct looked first, second;
    struct rig r;

    (void)state;
    rig_open(&r, "} mail { path /srv/%n", "anna:{PLAIN}hers\n");
    look_begin(&r, &first, "anna");
    pf_lookup_abandon(pf_auth_remote_lookup(r.remotes[0]), &first.ask);
    r.late = true;
    look_begin(&r, &second, "anna");
    while (r.asked < 2)
        pf_loop_turn(r.d.b.loop, true);
    store_named(&r); /* of the first: its answer is thrown away */
    rig_turn(&r, 5);
    assert_int_equal(first.answers + second.answers, 0);
    pf_auth_serve_free(r.serve);
    r.serve = NULL;
    assert_int_equal(look_end(&r, &second), PF_TEMP);
    assert_int_equal(first.answers, 0);
    store_named(&r);
    r.late = false;
    rig_serve(&r);
    rig_join(&r, 0);
    look_begin(&r, &first, "anna");
    while (!LIST_FIRST(&r.serve->gates)->lookup_count)
        pf_loop_turn(r.d.b.loop, true);
    pf_auth_serve_free(r.serve); /* while it is looked up */
    r.serve = NULL;
    assert_int_equal(look_end(&r, &first), PF_TEMP);
    rig_close(&r);
}

static void lookups_of_a_gate_are_bounded(void **state)
{
    struct looked *all = calloc(FLOOD, sizeof *all);
    unsigned good = 0;
    struct rig r;

    (void)state;
    assert_non_null(all);
    rig_open(&r, "} mail { path /srv/%n", "anna:{PLAIN}hers\n");
    for (unsigned i = 0; i < FLOOD; i++) {
        all[i] = (struct looked){.ask = {.done = looked_done, .address = PF_LIT("anna")}};
        if (pf_lookup_ask(pf_auth_remote_lookup(r.remotes[0]), &all[i].ask) != PF_OK) {
            assert_int_equal(all[i].ask.err.code, PF_BUSY);
            all[i].answers = -1;
        }
    }
    for (unsigned i = 0; i < FLOOD; i++) {
        enum pf_code code = all[i].answers < 0 ? PF_BUSY : look_end(&r, &all[i]);

        assert_true(code == PF_OK || code == PF_BUSY);
        good += code == PF_OK;
        free(all[i].ask.users);
    }
    assert_true(good > 0);
    assert_int_equal(LIST_FIRST(&r.serve->gates)->lookup_count, 0);
    rig_close(&r);
    free(all);
}

static void where_no_mail_is_taken(void **state)
{
    struct looked l;
    struct rig r;

    (void)state;
    rig_open(&r, "", "anna:{PLAIN}hers\n");
    pf_auth_serve_free(r.serve);
    pf_lookup_free(r.lookup);
    r.lookup = NULL;
    rig_serve(&r);
    rig_join(&r, 0);
    assert_int_equal(look_up(&r, &l, "anna"), PF_TEMP);
    rig_close(&r);
}

static void what_cannot_be_asked_is_not_taken(void **state)
{
    static const unsigned char long_one[PF_AUTH_WIRE_ADDRESS_MAX + 1] = "x";
    struct pf_lookup_ask none = {0}, too_long = {.address = {long_one, sizeof long_one}};
    struct pf_lookup *lookup;
    struct pf_err err;
    struct looked l;
    struct rig r;

    (void)state;
    rig_open(&r, "} mail { path /srv/%n", "anna:{PLAIN}hers\n");
    lookup = pf_auth_remote_lookup(r.remotes[0]);
    assert_int_equal(pf_lookup_ask(lookup, &none), PF_NO_USER);
    assert_int_equal(pf_lookup_ask(lookup, &too_long), PF_NO_USER);
    look_begin(&r, &l, "nobody");
    assert_int_equal(look_end(&r, &l), PF_NO_USER);
    assert_false(pf_lookup_trouble(lookup, &err)); /* auth's to tell */
    rig_close(&r);
}

/* Somebody who says he is auth, and answers once. */
struct liar {
    struct pf_ipc *ipc;
    struct pf_bytes answer;
    bool gone;
};

static void lie(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    struct liar *liar = self;
    struct pf_ipc_frame answer = {.kind = PF_AUTH_WIRE_USERS, .payload = liar->answer};

    (void)frame;
    pf_ipc_answer(liar->ipc, id, &answer);
}

static void liar_gone(void *self, const struct pf_err *why)
{
    (void)why;
    ((struct liar *)self)->gone = true;
}

static enum pf_code ask_liar(struct rig *r, struct pf_bytes answer, bool *out_dropped)
{
    static const struct pf_ipc_calls calls = {.request = lie, .gone = liar_gone};
    struct liar liar = {.answer = answer};
    const struct pf_ipc_settings settings = {.calls = &calls, .self = &liar, .any_uid = true};
    struct looked l;
    int fds[2];

    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    liar.ipc = pf_ipc_new(r->d.b.loop, fds[0], &settings, NULL);
    assert_non_null(liar.ipc);
    assert_int_equal(pf_auth_remote_join(r->remotes[0], fds[1], NULL), PF_OK);
    look_up(r, &l, "anna");
    rig_turn(r, 10);
    *out_dropped = liar.gone;
    pf_ipc_close(liar.ipc);
    rig_turn(r, 10);
    assert_true(l.ask.err.code == PF_OK || !l.ask.users);
    free(l.ask.users);
    return l.ask.err.code;
}

static void pages_that_are_none(void **state)
{
    unsigned char room[8192];
    struct pf_span page = {room, 0, sizeof room};
    struct pf_auth_wire_users u = {.total = 2, .mark = 1};
    struct pf_auth_wire_bearer bearer = {.user.name = "anna"};
    bool dropped;
    struct rig r;

    (void)state;
    rig_open(&r, "", "anna:{PLAIN}hers\n");
    assert_int_equal(ask_liar(&r, PF_LIT("nonsense"), &dropped), PF_TEMP);
    assert_true(dropped);
    assert_true(pf_auth_wire_put_users(&page, &u) && pf_auth_wire_put_bearer(&page, &bearer));
    assert_int_equal(ask_liar(&r, pf_span_bytes(&page), &dropped), PF_OK); /* the same page twice is two users */
    assert_false(dropped);
    u.total = 3;
    page.len = 0;
    assert_true(pf_auth_wire_put_users(&page, &u) && pf_auth_wire_put_bearer(&page, &bearer) &&
                pf_auth_wire_put_bearer(&page, &bearer)); /* and twice of these are too many */
    assert_int_equal(ask_liar(&r, pf_span_bytes(&page), &dropped), PF_TEMP);
    assert_true(dropped);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_recipient_comes_with_a_ticket_to_deliver),
        T(a_hundred_users_come_on_pages),
        T(users_that_change_between_two_pages),
        T(without_a_store_mail_waits),
        T(askers_and_gates_go_in_the_middle),
        T(lookups_of_a_gate_are_bounded),
        T(where_no_mail_is_taken),
        T(what_cannot_be_asked_is_not_taken),
        T(pages_that_are_none),
    };

    return RUN(tests);
}
