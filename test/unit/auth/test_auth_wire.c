/* The payloads between a gate and auth: one form each, and nothing else is read. */
#include "unit/cm.h"

#include "auth/auth_wire.h"

#include <stdlib.h>

static unsigned char room[PF_IPC_PAYLOAD_MAX];
static struct pf_span span;

static struct pf_span *anew(size_t cap)
{
    span = (struct pf_span){room, 0, cap};
    return &span;
}

static struct pf_bytes form(void)
{
    return pf_span_bytes(&span);
}

/* Each shorter one and each longer one is none; the reader sees memory of exactly that size. */
#define ONLY_WHOLE(get, out)                                                                            \
    do {                                                                                                \
        struct pf_bytes whole = form();                                                                 \
                                                                                                        \
        for (size_t n = 0; n <= whole.len + 1; n++) {                                                   \
            unsigned char *copy = calloc(1, n + 1);                                                     \
                                                                                                        \
            assert_non_null(copy);                                                                      \
            memcpy(copy, whole.at, n < whole.len ? n : whole.len);                                      \
            assert_int_equal(get(pf_bytes_from(copy, n), out), n == whole.len);                         \
            free(copy);                                                                                 \
        }                                                                                               \
    } while (0)

static void check_sasl(struct pf_auth_wire_check *c)
{
    *c = (struct pf_auth_wire_check){
        .number = 0x0123456789abcdef, .session = 77, .way = PF_AUTH_BY_SASL, .tls = true, .has_response = true,
        .secret = PF_LIT("\0resp\xff"), .mechanism = PF_LIT("SCRAM-SHA-256-PLUS"), .peer = PF_LIT("2001:db8::1"),
        .tls_version = PF_LIT("TLSv1.3"), .certificate = PF_LIT("anna@example.org"),
        .exporter = PF_LIT("\0exp"), .unique = PF_LIT("uni\0")};
}

static void a_check_comes_as_it_went(void **state)
{
    struct pf_auth_wire_check c, got;

    (void)state;
    check_sasl(&c);
    assert_true(pf_auth_wire_put_check(anew(sizeof room), &c));
    ONLY_WHOLE(pf_auth_wire_get_check, &got);
    assert_true(pf_auth_wire_get_check(form(), &got));
    assert_true(got.number == c.number && got.session == 77 && got.way == PF_AUTH_BY_SASL);
    assert_true(got.tls && got.has_response && got.name.len == 0 && got.timestamp.len == 0);
    assert_true(pf_bytes_equal(got.secret, c.secret) && pf_bytes_equal(got.mechanism, c.mechanism));
    assert_true(pf_bytes_equal(got.peer, c.peer) && pf_bytes_equal(got.tls_version, c.tls_version));
    assert_true(pf_bytes_equal(got.certificate, c.certificate) && pf_bytes_equal(got.exporter, c.exporter));
    assert_true(pf_bytes_equal(got.unique, c.unique));
    c = (struct pf_auth_wire_check){.number = 1, .way = PF_AUTH_BY_APOP, .name = PF_LIT("anna"),
                                    .secret = PF_LIT("digest"), .timestamp = PF_LIT("<1@x>")};
    assert_true(pf_auth_wire_put_check(anew(sizeof room), &c));
    assert_true(pf_auth_wire_get_check(form(), &got));
    assert_true(pf_bytes_equal(got.timestamp, c.timestamp) && pf_bytes_equal(got.name, c.name) && !got.tls);
}

static void a_check_that_cannot_be_is_neither_written_nor_read(void **state)
{
    struct pf_auth_wire_check good, got, bad[14];
    size_t len;

    (void)state;
    check_sasl(&good);
    for (size_t i = 0; i < 14; i++)
        bad[i] = good;
    bad[0].number = 0;
    bad[1].name = PF_LIT("anna");
    bad[2].timestamp = PF_LIT("<1@x>");
    bad[3].mechanism = PF_LIT("");
    bad[4].has_response = false;
    bad[5].mechanism = PF_LIT("PLA\0IN");
    bad[6].peer = PF_LIT("\0");
    bad[7].certificate = PF_LIT("a\0b");
    bad[8].tls_version = PF_LIT("TLSv1.3 and much more than any version of TLS");
    bad[9].exporter = pf_bytes_from(room, PF_AUTH_WIRE_BINDING_MAX + 1);
    bad[10].secret = pf_bytes_from(room, PF_AUTH_WIRE_SECRET_MAX + 1);
    bad[11].way = PF_AUTH_BY_PASSWORD; /* with a mechanism */
    bad[12].way = (enum pf_auth_way)3;
    bad[13].mechanism = pf_bytes_from("0123456789012345678901234567890123456789012345678901234567890123", 64);
    for (size_t i = 0; i < 14; i++) {
        if (i == 12)
            continue;
        assert_false(pf_auth_wire_put_check(anew(sizeof room), &bad[i]));
        assert_int_equal(span.len, 0);
    }
    assert_true(pf_auth_wire_put_check(anew(sizeof room), &good));
    len = span.len;
    room[16] = 3; /* a way that is none */
    assert_false(pf_auth_wire_get_check(form(), &got));
    room[16] = PF_AUTH_BY_PASSWORD;
    assert_false(pf_auth_wire_get_check(form(), &got));
    room[16] = PF_AUTH_BY_SASL;
    room[17] |= 4; /* a flag that is none */
    assert_false(pf_auth_wire_get_check(form(), &got));
    for (size_t cap = 0; cap < len; cap++) {
        assert_false(pf_auth_wire_put_check(anew(cap), &good));
        assert_int_equal(span.len, 0);
    }
}

static void the_longest_of_all_fits_a_frame(void **state)
{
    static unsigned char text[PF_AUTH_WIRE_SECRET_MAX];
    struct pf_auth_wire_check c = {.number = 1, .way = PF_AUTH_BY_SASL, .has_response = true}, got;
    struct pf_auth_wire_step s = {1, true, {text, sizeof text}}, step;

    (void)state;
    memset(text, 'x', sizeof text);
    c.secret = pf_bytes_from(text, PF_AUTH_WIRE_SECRET_MAX);
    c.mechanism = pf_bytes_from(text, PF_AUTH_WIRE_MECHANISM_MAX);
    c.peer = pf_bytes_from(text, PF_AUTH_WIRE_PEER_MAX);
    c.tls_version = pf_bytes_from(text, PF_AUTH_WIRE_VERSION_MAX);
    c.certificate = pf_bytes_from(text, PF_AUTH_NAME_MAX);
    c.exporter = c.unique = pf_bytes_from(text, PF_AUTH_WIRE_BINDING_MAX);
    assert_true(pf_auth_wire_put_check(anew(sizeof room), &c));
    assert_true(pf_auth_wire_get_check(form(), &got) && got.secret.len == PF_AUTH_WIRE_SECRET_MAX);
    c = (struct pf_auth_wire_check){.number = 1, .name = pf_bytes_from(text, PF_AUTH_WIRE_NAME_MAX),
                                    .secret = pf_bytes_from(text, PF_AUTH_WIRE_SECRET_MAX)};
    assert_true(pf_auth_wire_put_check(anew(sizeof room), &c));
    assert_true(pf_auth_wire_put_step(anew(sizeof room), &s));
    assert_true(pf_auth_wire_get_step(form(), &step) && step.response.len == sizeof text);
}

static void steps_lookups_and_notices(void **state)
{
    struct pf_auth_wire_step s = {9, true, PF_LIT("r")}, got_step;
    struct pf_auth_wire_lookup l = {3, 12345, PF_LIT("anna@example.org")}, got_lookup;
    struct pf_auth_wire_offer offer = {.binds = true}, got_offer;
    char user[PF_AUTH_NAME_MAX + 1];
    uint64_t number;

    (void)state;
    assert_true(pf_auth_wire_put_step(anew(sizeof room), &s));
    ONLY_WHOLE(pf_auth_wire_get_step, &got_step);
    assert_true(pf_auth_wire_get_step(form(), &got_step) && got_step.number == 9 && got_step.has_response);
    s.has_response = false;
    assert_false(pf_auth_wire_put_step(anew(sizeof room), &s));
    assert_true(pf_auth_wire_put_lookup(anew(sizeof room), &l));
    ONLY_WHOLE(pf_auth_wire_get_lookup, &got_lookup);
    assert_true(pf_auth_wire_get_lookup(form(), &got_lookup) && got_lookup.from == 3 && got_lookup.mark == 12345);
    l.from = 0; /* no answer was before it */
    assert_false(pf_auth_wire_put_lookup(anew(sizeof room), &l));
    l = (struct pf_auth_wire_lookup){PF_LOOKUP_USERS_MAX, 0, PF_LIT("a")};
    assert_false(pf_auth_wire_put_lookup(anew(sizeof room), &l));
    for (unsigned i = 0; i < PF_AUTH_WIRE_OFFERS; i++)
        offer.masks[i] = (uint64_t)i << 60 | i;
    assert_true(pf_auth_wire_put_offer(anew(sizeof room), &offer));
    ONLY_WHOLE(pf_auth_wire_get_offer, &got_offer);
    assert_true(pf_auth_wire_get_offer(form(), &got_offer) && got_offer.binds && !got_offer.apop);
    assert_memory_equal(got_offer.masks, offer.masks, sizeof offer.masks);
    assert_true(pf_auth_wire_put_end(anew(sizeof room), 5));
    ONLY_WHOLE(pf_auth_wire_get_end, &number);
    assert_false(pf_auth_wire_put_end(anew(sizeof room), 0));
    assert_true(pf_auth_wire_put_noted(anew(sizeof room), "anna"));
    ONLY_WHOLE(pf_auth_wire_get_noted, user);
    assert_true(pf_auth_wire_get_noted(form(), user));
    assert_string_equal(user, "anna");
    assert_false(pf_auth_wire_put_noted(anew(sizeof room), ""));
}

static void full_user(struct pf_user *u)
{
    *u = (struct pf_user){.name = "anna", .maildrop = "mbox:/var/mail/anna", .expire_days = -2, .login_delay = 60,
                          .needs_tls = true, .read_only = true, .folder = "a.b", .master = "boss", .token = "t0k",
                          .quota_octets = -1, .quota_messages = INT64_MAX, .recipient = "x@anna.example.org"};
}

static void same_user(const struct pf_user *a, const struct pf_user *b)
{
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->maildrop, b->maildrop);
    assert_string_equal(a->folder, b->folder);
    assert_string_equal(a->master, b->master);
    assert_string_equal(a->token, b->token);
    assert_string_equal(a->recipient, b->recipient);
    assert_int_equal(a->expire_days, b->expire_days);
    assert_int_equal(a->login_delay, b->login_delay);
    assert_true(a->quota_octets == b->quota_octets && a->quota_messages == b->quota_messages);
    assert_true(a->needs_tls == b->needs_tls && a->no_delete == b->no_delete && a->read_only == b->read_only);
}

static void a_verdict_comes_as_it_went(void **state)
{
    struct pf_auth_wire_verdict v = {.spent = true, .last = 4711}, got;

    (void)state;
    full_user(&v.bearer.user);
    v.bearer.store = 7;
    v.bearer.ticket = PF_LIT("\0ticket");
    assert_true(pf_auth_wire_put_verdict(anew(sizeof room), &v));
    ONLY_WHOLE(pf_auth_wire_get_verdict, &got);
    assert_true(pf_auth_wire_get_verdict(form(), &got));
    assert_true(got.err.code == PF_OK && !got.more && got.spent && got.last == 4711 && got.bearer.store == 7);
    assert_true(pf_bytes_equal(got.bearer.ticket, v.bearer.ticket));
    same_user(&got.bearer.user, &v.bearer.user);
    v.bearer.store = 0; /* a ticket for nowhere */
    assert_false(pf_auth_wire_put_verdict(anew(sizeof room), &v));
    v.bearer.ticket = PF_LIT("");
    v.challenge = PF_LIT("x"); /* behind the end */
    assert_false(pf_auth_wire_put_verdict(anew(sizeof room), &v));
    v.more = true;
    assert_true(pf_auth_wire_put_verdict(anew(sizeof room), &v));
    assert_true(pf_auth_wire_get_verdict(form(), &got) && got.more && got.challenge.len == 1);
    assert_string_equal(got.bearer.user.name, "anna");
}

static void a_refusal_tells_nothing_of_the_user(void **state)
{
    struct pf_auth_wire_verdict v = {.last = 1}, got;

    (void)state;
    full_user(&v.bearer.user);
    v.bearer.store = 7;
    v.bearer.ticket = PF_LIT("ticket");
    pf_fail(&v.err, PF_AUTH, 13, "work", "wrong password of %s", "anna");
    snprintf(v.err.say, sizeof v.err.say, "no");
    assert_true(pf_auth_wire_put_verdict(anew(sizeof room), &v));
    ONLY_WHOLE(pf_auth_wire_get_verdict, &got);
    assert_true(pf_auth_wire_get_verdict(form(), &got));
    assert_int_equal(got.err.code, PF_AUTH);
    assert_int_equal(got.err.sys, 13);
    assert_string_equal(got.err.log, "wrong password of anna");
    assert_string_equal(got.err.say, "no");
    assert_string_equal(got.bearer.user.name, "anna");
    assert_true(!got.bearer.user.maildrop[0] && !got.bearer.store && !got.bearer.ticket.len && !got.last);
    room[0] = 0xff; /* a code that is none */
    assert_false(pf_auth_wire_get_verdict(form(), &got));
    room[0] = room[1] = 0; /* PF_OK with texts */
    assert_false(pf_auth_wire_get_verdict(form(), &got));
}

static void a_page_has_as_many_users_as_it_says(void **state)
{
    struct pf_auth_wire_bearer bearer = {.store = 3, .ticket = PF_LIT("t")}, got_bearer;
    struct pf_auth_wire_users u = {.total = 2, .mark = 99}, got;
    struct pf_bytes page;

    (void)state;
    full_user(&bearer.user);
    assert_true(pf_auth_wire_put_users(anew(sizeof room), &u));
    assert_false(pf_auth_wire_get_users(form(), &got)); /* nobody */
    assert_true(pf_auth_wire_put_bearer(&span, &bearer));
    assert_true(pf_auth_wire_get_users(form(), &got) && got.total == 2 && got.mark == 99);
    ONLY_WHOLE(pf_auth_wire_get_users, &got);
    bearer.user.no_delete = true;
    assert_true(pf_auth_wire_put_bearer(&span, &bearer));
    assert_true(pf_auth_wire_get_users(form(), &got));
    page = got.page;
    assert_true(pf_auth_wire_bearer_next(&page, &got_bearer) && !got_bearer.user.no_delete);
    assert_true(pf_auth_wire_bearer_next(&page, &got_bearer) && got_bearer.user.no_delete);
    same_user(&got_bearer.user, &bearer.user);
    assert_false(pf_auth_wire_bearer_next(&page, &got_bearer));
    assert_true(pf_auth_wire_put_bearer(&span, &bearer));
    assert_false(pf_auth_wire_get_users(form(), &got)); /* one too many */
    bearer.user.name[0] = 0;
    assert_false(pf_auth_wire_put_bearer(anew(sizeof room), &bearer));
    u.total = PF_LOOKUP_USERS_MAX + 1;
    assert_false(pf_auth_wire_put_users(anew(sizeof room), &u));
    pf_fail(&u.err, PF_NO_USER, 0, "x", "nobody");
    assert_true(pf_auth_wire_put_users(anew(sizeof room), &u));
    ONLY_WHOLE(pf_auth_wire_get_users, &got);
    assert_true(pf_auth_wire_get_users(form(), &got) && got.err.code == PF_NO_USER && !got.total);
}

static void every_connection_has_its_mask(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PF_AUTH_WIRE_OFFERS; i++) {
        struct pf_auth_link link = pf_auth_wire_offer_link(i);

        assert_int_equal(pf_auth_wire_offer_index(&link), i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_check_comes_as_it_went),
        T(a_check_that_cannot_be_is_neither_written_nor_read),
        T(the_longest_of_all_fits_a_frame),
        T(steps_lookups_and_notices),
        T(a_verdict_comes_as_it_went),
        T(a_refusal_tells_nothing_of_the_user),
        T(a_page_has_as_many_users_as_it_says),
        T(every_connection_has_its_mask),
    };

    return RUN(tests);
}
