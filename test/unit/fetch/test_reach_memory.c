/* A reach, by a domain's records, in which each request for memory fails once: it ends once, with an
 * error that says so or that it broke, and leaves nothing behind. */
#include "unit/cm.h"

#include "fetch/reach.h"
#include "reachrig.h"
#include "unit/scarce.h"
#include "unit/session/callrig.h"
#include "unit/sys/dns_double.h"

#include <unistd.h>

static struct callrig r;
static int gones;
static struct pf_err gone;

static void on_secret(void *self, struct pf_reach *reach, const char *host)
{
    (void)self;
    (void)host;
    pf_reach_secret(reach, pf_bytes_of("secret"), NULL);
}

static void on_ready(void *self, struct pf_reach *reach, struct pf_call *call)
{
    (void)self;
    (void)reach;
    pf_call_say(call, &(struct pf_pop3_command){.verb = PF_VERB_QUIT});
}

static void on_heard(void *self, struct pf_reach *reach, struct pf_call *call,
                     const struct pf_heard *heard)
{
    (void)self;
    (void)reach;
    (void)call;
    (void)heard;
}

static void on_gone(void *self, struct pf_reach *reach, const struct pf_err *err)
{
    (void)self;
    (void)reach;
    gones++;
    gone = *err;
}

/* False: no memory to begin with. */
static bool run(const struct pf_reach_settings *set)
{
    static const struct pf_reach_calls mine = {on_secret, on_ready, on_heard, on_gone};
    static const char *const script[] = {"+OK hello\r\n",
                                         "+OK\r\nUSER\r\n.\r\n",
                                         "+OK\r\n",
                                         "+OK\r\n",
                                         "+OK\r\nUSER\r\n.\r\n",
                                         "+OK bye\r\n",
                                         "",
                                         "",
                                         NULL};
    struct pf_reach *reach;

    r.script = script;
    r.heard_len = 0;
    gones = 0;
    reach = pf_reach_new(set, &mine, NULL, &gone);
    if (!reach)
        return false;
    while (!gones)
        callrig_turn(&r);
    pf_reach_free(reach);
    while (r.stranger >= 0)
        callrig_turn(&r);
    for (int i = 0; i < 3; i++)
        callrig_turn(&r);
    assert_int_equal(gones, 1);
    return true;
}

static void each_request_for_memory_may_fail(void **state)
{
    struct dns_record table[] = {
        {.name = "_pop3._tcp.test.example", .type = DNS_SRV, .target = "test.example"}, {0}};
    struct dns_double dns;
    struct pf_account a;
    struct pf_reach_settings set;
    unsigned port;
    unsigned long n = 0, harmless = 0;

    (void)state;
    callrig_up(&r);
    close(r.listening);
    r.listening = reach_tcp(&port, true);
    table[0].numbers[2] = port;
    dns_start(&dns, table);
    pf_account_defaults(&a);
    a.user = "anna@test.example";
    a.tls = PF_ACCOUNT_PLAIN;
    set = (struct pf_reach_settings){
        .loop = r.rig.loop, .pool = r.pool, .account = &a, .resolver = &dns.resolver};
    assert_true(run(&set));
    if (gone.code != PF_OK)
        fail_msg("%s", gone.log);
    for (failed = true; failed; n++) {
        failed = false;
        countdown = n + 1;
        if (!run(&set))
            assert_true(failed);
        countdown = 0;
        if (!failed && gone.code != PF_OK)
            fail_msg("request %lu: %s", n + 1, gone.log);
        harmless += failed && gone.code == PF_OK;
    }
    assert_true(n > 10 && harmless <= 1); /* that of a closing connection, for its patience */
    dns_stop(&dns);
    callrig_down(&r);
}

static int set_up(void **state)
{
    (void)state;
    dns_trust();
    certs_up();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certs_down();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(each_request_for_memory_may_fail)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
