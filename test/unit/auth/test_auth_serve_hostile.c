/* Gates in the hands of a stranger, and an auth that is none: whatever they say, the others are served. */
#include "remote_rig.h"

#include "auth/auth_serve_private.h"

#include <dirent.h>

#define PLACED "} mail { path /srv/%n } policy { login-delay 60s"

static const char users[] = "anna:{PLAIN}hers\nben:{PLAIN}his\n";

enum { REQUESTS = 300 };

/* One end of a pair, and what comes in there. */
struct stranger {
    struct pf_ipc *ipc;
    struct pf_ipc_ask asks[REQUESTS];
    unsigned asked, answered, failed, notices, requests;
    uint64_t request;  /* the last one */
    uint16_t last_kind;
    enum pf_code last_code; /* of the last verdict */
    bool gone;
};

static void noticed(void *self, struct pf_ipc_frame *frame)
{
    (void)frame;
    ((struct stranger *)self)->notices++;
}

static void requested(void *self, uint64_t id, struct pf_ipc_frame *frame)
{
    struct stranger *s = self;

    s->requests++;
    s->request = id;
    s->last_kind = frame->kind;
}

static void gone(void *self, const struct pf_err *why)
{
    (void)why;
    ((struct stranger *)self)->gone = true;
}

static struct stranger *of_ask; /* whose asks complete now */

static void answered(struct pf_ipc_ask *ask)
{
    struct pf_auth_wire_verdict v;

    of_ask->failed += ask->why != NULL;
    of_ask->answered += ask->why == NULL;
    if (!ask->why && ask->answer->kind == PF_AUTH_WIRE_VERDICT) {
        assert_true(pf_auth_wire_get_verdict(ask->answer->payload, &v));
        of_ask->last_code = v.err.code;
    }
}

static void stranger_take(struct rig *r, struct stranger *s, int fd)
{
    static const struct pf_ipc_calls calls = {.request = requested, .notice = noticed, .gone = gone};
    const struct pf_ipc_settings settings = {.calls = &calls, .self = s, .any_uid = true};

    memset(s, 0, sizeof *s);
    s->ipc = pf_ipc_new(r->d.b.loop, fd, &settings, NULL);
    assert_non_null(s->ipc);
    of_ask = s;
}

static void stranger_join(struct rig *r, struct stranger *s)
{
    int fds[2];

    assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
    assert_int_equal(pf_auth_serve_gate(r->serve, fds[0], 99, NULL), PF_OK);
    stranger_take(r, s, fds[1]);
}

static void stranger_leave(struct rig *r, struct stranger *s)
{
    pf_ipc_close(s->ipc);
    while (pf_auth_serve_gates(r->serve) > 1)
        pf_loop_turn(r->d.b.loop, true);
    rig_turn(r, 3);
}

static bool ask(struct stranger *s, uint16_t kind, struct pf_bytes payload)
{
    struct pf_ipc_frame frame = {.kind = kind, .payload = payload};

    if (s->asked == REQUESTS)
        return false;
    s->asks[s->asked].done = answered;
    return pf_ipc_ask(s->ipc, &s->asks[s->asked++], &frame) == PF_OK;
}

static void say(struct stranger *s, uint16_t kind, struct pf_bytes payload)
{
    struct pf_ipc_frame frame = {.kind = kind, .payload = payload};

    pf_ipc_notice(s->ipc, &frame);
}

static void is_dropped(struct rig *r, struct stranger *s)
{
    for (unsigned i = 0; !s->gone && i < 1000; i++)
        pf_loop_turn(r->d.b.loop, false);
    assert_true(s->gone);
    assert_int_equal(r->troubles, 1);
    assert_non_null(strstr(r->trouble.log, "gate 99"));
    r->troubles = 0;
    stranger_leave(r, s);
}

static void others_are_served(struct rig *r)
{
    assert_int_equal(pf_auth_serve_gates(r->serve), 1);
    assert_int_equal(try_login(&r->d.b, "anna", "hers"), PF_OK);
}

struct form {
    unsigned char at[2048];
    struct pf_span span;
};

static struct pf_bytes check_form(struct form *f, uint64_t number, const char *mechanism)
{
    struct pf_auth_wire_check c = {.number = number, .way = PF_AUTH_BY_PASSWORD, .name = PF_LIT("anna"),
                                   .secret = PF_LIT("hers"), .peer = PF_LIT("192.0.2.1"), .tls = true};

    if (mechanism) {
        c.way = PF_AUTH_BY_SASL;
        c.mechanism = pf_bytes_of(mechanism);
        c.name = c.secret = PF_LIT("");
    }
    f->span = (struct pf_span){f->at, 0, sizeof f->at};
    assert_true(pf_auth_wire_put_check(&f->span, &c));
    return pf_span_bytes(&f->span);
}

static struct pf_bytes step_form(struct form *f, uint64_t number)
{
    struct pf_auth_wire_step s = {number, true, PF_LIT("\0anna\0hers")};

    f->span = (struct pf_span){f->at, 0, sizeof f->at};
    assert_true(pf_auth_wire_put_step(&f->span, &s));
    return pf_span_bytes(&f->span);
}

static void a_frame_that_is_none_drops_its_gate(void **state)
{
    struct stranger s;
    struct form f;
    struct rig r;

    (void)state;
    rig_open(&r, PLACED, users);
    for (uint16_t kind = 0; kind < 12; kind++)
        for (unsigned form = 0; form < 4; form++)
            for (int notice = 0; notice < 2; notice++) {
                struct pf_bytes whole = check_form(&f, 5, NULL);
                const struct pf_bytes forms[] = {{0}, pf_bytes_head(whole, 40), pf_bytes_head(whole, 8),
                                                 pf_bytes_from(f.at, sizeof f.at)};

                stranger_join(&r, &s);
                if (notice && kind == PF_AUTH_WIRE_END && form == 2) { /* a number that nobody has: they met */
                    say(&s, kind, forms[form]);
                    rig_turn(&r, 10);
                    assert_false(s.gone);
                    stranger_leave(&r, &s);
                    continue;
                }
                if (notice)
                    say(&s, kind, forms[form]);
                else
                    ask(&s, kind, forms[form]);
                is_dropped(&r, &s);
            }
    others_are_served(&r);
    rig_close(&r);
}

static void numbers_are_the_gate_s_own(void **state)
{
    struct try other = {0};
    struct stranger s;
    struct form f;
    struct rig r;

    (void)state;
    rig_open(&r, PLACED, users);
    assert_int_equal(step(&r.d, &other, "PLAIN", NULL, 0), PF_OK);
    for (uint64_t number = 1; number < 3 * PF_AUTH_WIRE_TALKS; number += 97) { /* whatever the other's is */
        stranger_join(&r, &s);
        ask(&s, PF_AUTH_WIRE_STEP, step_form(&f, number));
        is_dropped(&r, &s);
    }
    stranger_join(&r, &s);
    for (uint64_t number = 1; number < 3 * PF_AUTH_WIRE_TALKS; number++) {
        unsigned char form[8];
        struct pf_span span = {form, 0, sizeof form};

        assert_true(pf_auth_wire_put_end(&span, number));
        say(&s, PF_AUTH_WIRE_END, pf_span_bytes(&span));
        rig_turn(&r, 1);
    }
    assert_false(s.gone);
    stranger_leave(&r, &s);
    assert_int_equal(step(&r.d, &other, "PLAIN", "\0anna\0hers", 10), PF_OK);
    assert_true(other.check.user.pass && !other.check.more);
    rig_close(&r);
}

static void the_same_number_twice(void **state)
{
    struct stranger s;
    struct form f;
    struct rig r;

    (void)state;
    rig_open(&r, PLACED, users);
    stranger_join(&r, &s); /* while the first is being checked */
    r.late = true;
    ask(&s, PF_AUTH_WIRE_CHECK, check_form(&f, 5, NULL));
    ask(&s, PF_AUTH_WIRE_CHECK, check_form(&f, 5 + PF_AUTH_WIRE_TALKS, NULL));
    is_dropped(&r, &s);
    while (r.asked)
        store_named(&r);
    r.late = false;
    stranger_join(&r, &s); /* between two steps */
    ask(&s, PF_AUTH_WIRE_CHECK, check_form(&f, 5, "PLAIN"));
    while (!s.answered)
        pf_loop_turn(r.d.b.loop, true);
    ask(&s, PF_AUTH_WIRE_CHECK, check_form(&f, 5, "PLAIN"));
    is_dropped(&r, &s);
    stranger_join(&r, &s); /* a step in the middle of one */
    ask(&s, PF_AUTH_WIRE_CHECK, check_form(&f, 5, "SCRAM-SHA-256"));
    ask(&s, PF_AUTH_WIRE_STEP, step_form(&f, 5));
    is_dropped(&r, &s);
    stranger_join(&r, &s); /* behind the end of one */
    ask(&s, PF_AUTH_WIRE_CHECK, check_form(&f, 5, NULL));
    while (!s.answered)
        pf_loop_turn(r.d.b.loop, true);
    assert_int_equal(s.last_code, PF_OK);
    ask(&s, PF_AUTH_WIRE_STEP, step_form(&f, 5));
    is_dropped(&r, &s);
    others_are_served(&r);
    rig_close(&r);
}

static void whoever_is_ended_is_answered(void **state)
{
    unsigned char form[8];
    struct pf_span span = {form, 0, sizeof form};
    struct stranger s;
    struct form f;
    struct rig r;

    (void)state;
    rig_open(&r, PLACED, users);
    stranger_join(&r, &s);
    r.late = true;
    ask(&s, PF_AUTH_WIRE_CHECK, check_form(&f, 5, NULL));
    while (!r.asked)
        pf_loop_turn(r.d.b.loop, true);
    assert_true(pf_auth_wire_put_end(&span, 5));
    say(&s, PF_AUTH_WIRE_END, pf_span_bytes(&span));
    while (!s.answered)
        pf_loop_turn(r.d.b.loop, true);
    assert_int_equal(s.last_code, PF_CANCELLED);
    store_named(&r);
    r.late = false;
    ask(&s, PF_AUTH_WIRE_CHECK, check_form(&f, 5, NULL)); /* its place is free */
    while (s.answered < 2)
        pf_loop_turn(r.d.b.loop, true);
    assert_int_equal(s.last_code, PF_OK);
    stranger_leave(&r, &s);
    others_are_served(&r);
    rig_close(&r);
}

static unsigned descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void nobody_sends_descriptors(void **state)
{
    struct pf_ipc_frame frame = {.kind = PF_AUTH_WIRE_CHECK, .fd_count = 2, .fds = {0, 1}};
    struct stranger s;
    struct form f;
    struct rig r;
    unsigned before;

    (void)state;
    rig_open(&r, PLACED, users);
    before = descriptors();
    stranger_join(&r, &s);
    frame.payload = check_form(&f, 5, NULL);
    s.asks[0].done = answered;
    assert_int_equal(pf_ipc_ask(s.ipc, &s.asks[0], &frame), PF_OK);
    is_dropped(&r, &s);
    assert_int_equal(descriptors(), before);
    others_are_served(&r);
    rig_close(&r);
}

/* Everything that a gate may say, cut, changed and mixed; each dice throw is told by its seed. */
static void nonsense_of_all_kinds(void **state)
{
    uint32_t seed = 1;
    struct stranger s;
    struct form f;
    struct rig r;

    (void)state;
    rig_open(&r, PLACED, users);
    for (unsigned round = 0; round < 400; round++) {
        stranger_join(&r, &s);
        for (unsigned i = 0; i < 6 && !s.gone; i++) {
            struct pf_bytes whole = check_form(&f, 1 + (seed >> 8) % 4, seed & 64 ? "PLAIN" : NULL);

            seed = seed * 1664525 + 1013904223;
            if (seed & 1 << 9)
                whole = step_form(&f, 1 + (seed >> 8) % 4);
            if (seed >> 30 == 0)
                f.at[(seed >> 4) % whole.len] ^= (unsigned char)(1u << (seed >> 20) % 8);
            if (seed & 1 << 15)
                ask(&s, (uint16_t)(1 + (seed >> 16) % 3), whole);
            else
                say(&s, (uint16_t)(6 + (seed >> 16) % 2), pf_bytes_head(whole, (seed >> 3) % 9));
            rig_turn(&r, (seed >> 24) % 4);
        }
        stranger_leave(&r, &s);
        assert_int_equal(pf_auth_serve_gates(r.serve), 1);
    }
    others_are_served(&r);
    rig_close(&r);
}

/* The other way round: who says he is auth. */
static void an_answer_that_is_none_is_temp(void **state)
{
    struct pf_auth_wire_verdict more = {.more = true, .challenge = PF_LIT("x")};
    struct pf_ipc_frame answer = {0};
    struct stranger s;
    struct form f;
    struct rig r;
    struct try t;
    int fds[2];

    (void)state;
    rig_open(&r, PLACED, users);
    for (unsigned round = 0; round < 4; round++) {
        assert_int_equal(pf_ipc_pair(fds, NULL), PF_OK);
        stranger_take(&r, &s, fds[0]);
        assert_int_equal(pf_auth_remote_join(r.remotes[0], fds[1], NULL), PF_OK);
        try_begin(&r.d.b, &t, "anna", "hers");
        while (!s.requests)
            pf_loop_turn(r.d.b.loop, true);
        f.span = (struct pf_span){f.at, 0, sizeof f.at};
        assert_true(pf_auth_wire_put_verdict(&f.span, &more)); /* to a password there are no challenges */
        answer.kind = (uint16_t)(round == 1 ? PF_AUTH_WIRE_USERS : PF_AUTH_WIRE_VERDICT);
        answer.payload = pf_bytes_head(pf_span_bytes(&f.span), round == 2 ? 9 : round == 3 ? 0 : f.span.len);
        pf_ipc_answer(s.ipc, s.request, &answer);
        assert_int_equal(try_end(&r.d.b, &t), PF_TEMP);
        while (!s.gone)
            pf_loop_turn(r.d.b.loop, true);
        pf_ipc_close(s.ipc);
        assert_int_equal(try_login(&r.d.b, "anna", "hers"), PF_TEMP);
    }
    rig_join(&r, 0);
    assert_int_equal(try_login(&r.d.b, "anna", "hers"), PF_OK);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_frame_that_is_none_drops_its_gate),
        T(numbers_are_the_gate_s_own),
        T(the_same_number_twice),
        T(whoever_is_ended_is_answered),
        T(nobody_sends_descriptors),
        T(nonsense_of_all_kinds),
        T(an_answer_that_is_none_is_temp),
    };

    return RUN(tests);
}
