/* Records about certificates: what an answer says, where it is asked for, and what it is worth. */
#include "unit/cm.h"

#include "dns_double.h"
#include "sys/dns_tlsa.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const unsigned char digest[32] = {1, 2, 3};
static struct pf_tlsa_list list;

#define TLSA(owner, first)                                                                              \
    .name = owner, .type = DNS_TLSA, .numbers = {first, 1, 1}, .data = digest, .len = 32

static const struct dns_record table[] = {
    {.name = "pop.example.org", .type = DNS_A, .data = "\1\2\3\4", .len = 4},
    {TLSA("_995._tcp.pop.example.org", 3)},
    {TLSA("_995._tcp.pop.example.org", 2)},
    {TLSA("_995._tcp.open.example.org", 3), .insecure = true},
    {.name = "_995._tcp.far.example.org", .type = DNS_CNAME, .target = "tlsa.example.net"},
    {TLSA("tlsa.example.net", 3)},
    /* Aliases of a host: with records at their end, without, one that is not vouched for. */
    {.name = "alias.example.org", .type = DNS_CNAME, .target = "pop.example.org"},
    {TLSA("_995._tcp.alias.example.org", 1)},
    {.name = "bare.example.org", .type = DNS_CNAME, .target = "none.example.org"},
    {.name = "none.example.org", .type = DNS_A, .data = "\1\2\3\4", .len = 4},
    {TLSA("_995._tcp.bare.example.org", 1)},
    {.name = "weak.example.org", .type = DNS_CNAME, .target = "pop.example.org", .insecure = true},
    {TLSA("_995._tcp.weak.example.org", 1)},
    {.name = "fails.example.org", .type = DNS_FAILS},
    {.name = "half.example.org", .type = DNS_A, .data = "\1\2\3\4", .len = 4},
    {.name = "_995._tcp.half.example.org", .type = DNS_FAILS},
    {.name = "bad.example.org", .type = DNS_A, .data = "\1\2\3\4", .len = 4},
    {.name = "_995._tcp.bad.example.org", .type = DNS_TLSA, .numbers = {3, 1, 1}},
    {0}};
static struct dns_double dns;

static int set_up(void **state)
{
    (void)state;
    dns_start(&dns, table);
    dns_trust();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dns_stop(&dns);
    return 0;
}

static enum pf_code find(const char *host)
{
    struct pf_err err = {0};

    return pf_tlsa_find(host, 995, &dns.resolver, &list, &err);
}

static void tls_044_records_are_found_and_vouched_for(void **state)
{
    (void)state;
    assert_int_equal(find("pop.example.org"), PF_OK);
    assert_int_equal(list.count, 2);
    assert_true(list.vouched);
    assert_int_equal(list.at[0].usage, 3);
    assert_int_equal(list.at[1].usage, 2);
    assert_int_equal(list.at[1].selector, 1);
    assert_int_equal(list.at[1].matching, 1);
    assert_int_equal(list.at[1].data.len, 32);
    assert_memory_equal(list.at[1].data.at, digest, 32);
    assert_string_equal(list.base, "pop.example.org");
}

static void tls_044_nobody_vouches_without_dnssec(void **state)
{
    (void)state;
    assert_int_equal(find("open.example.org"), PF_OK);
    assert_int_equal(list.count, 1);
    assert_false(list.vouched);
}

/* The C library reads its options once, so this is another program: resolv.conf does not trust the
 * resolver, and its word is nothing. */
static int distrust(const char *port)
{
    struct pf_srv_resolver resolver = {"127.0.0.1", (unsigned)strtoul(port, NULL, 10)};

    if (pf_tlsa_find("pop.example.org", 995, &resolver, &list, NULL) != PF_OK)
        return 1;
    return list.count == 2 && !list.vouched ? 0 : 2;
}

static void tls_044_a_resolver_that_is_not_trusted_vouches_for_nothing(void **state)
{
    char port[8], name[] = "t", option[] = "RES_OPTIONS=attempts:1";
    char *argv[] = {name, port, NULL}, *env[] = {option, NULL};
    int status;
    pid_t pid;

    (void)state;
    snprintf(port, sizeof port, "%u", dns.resolver.port);
    pid = fork();
    if (pid == 0) {
        execve("/proc/self/exe", argv, env);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void none_is_told_from_unknown(void **state)
{
    (void)state;
    assert_int_equal(find("none.example.org"), PF_OK);
    assert_int_equal(list.count, 0);
    assert_false(list.vouched);
    assert_string_equal(list.base, "none.example.org");
    assert_int_equal(find("fails.example.org"), PF_TEMP);
    assert_int_equal(find("half.example.org"), PF_TEMP);
    assert_int_equal(list.count, 0);
    assert_int_equal(find("a..b"), PF_SYNTAX);
    assert_int_equal(find(""), PF_SYNTAX);
    assert_int_equal(pf_tlsa_find("a.b", 0, NULL, &list, NULL), PF_SYNTAX);
    assert_int_equal(pf_tlsa_find("a.b", 65536, NULL, &list, NULL), PF_SYNTAX);
}

static void aliases_are_followed(void **state)
{
    (void)state;
    assert_int_equal(find("far.example.org"), PF_OK);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.base, "far.example.org");
    assert_int_equal(find("alias.example.org"), PF_OK);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.base, "pop.example.org");
    assert_int_equal(find("bare.example.org"), PF_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.at[0].usage, 1);
    assert_string_equal(list.base, "bare.example.org");
    assert_int_equal(find("weak.example.org"), PF_OK);
    assert_int_equal(list.at[0].usage, 1);
    assert_string_equal(list.base, "weak.example.org");
    assert_true(list.vouched);
}

static void a_record_without_data_is_one_that_cannot_be_used(void **state)
{
    (void)state;
    assert_int_equal(find("bad.example.org"), PF_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.at[0].data.len, 0);
}

/* An answer with that many records of that many octets, of which `cut` are missing. */
static enum pf_code made_up(unsigned count, unsigned len, size_t cut)
{
    static unsigned char all[PF_SRV_ANSWER];
    static const unsigned char head[12] = {0, 0, 0x81, 0xa0, 0, 0, 0, 0},
                               front[9] = {1, 'n', 0, 0, 52, 0, 1};
    unsigned char *exact;
    size_t at = sizeof head;
    enum pf_code code;

    memcpy(all, head, sizeof head);
    all[6] = (unsigned char)(count >> 8);
    all[7] = (unsigned char)count;
    for (unsigned i = 0; i < count; i++) {
        memcpy(all + at, front, sizeof front);
        memset(all + at + 9, 0, 2);
        all[at + 11] = (unsigned char)(len >> 8);
        all[at + 12] = (unsigned char)len;
        memset(all + at + 13, 3, len);
        at += 13 + len;
    }
    exact = malloc(at - cut);
    memcpy(exact, all, at - cut);
    code = pf_tlsa_answer(pf_bytes_from(exact, at - cut), "n", &list, NULL);
    free(exact);
    return code;
}

static void an_answer_is_read_within_its_bounds(void **state)
{
    (void)state;
    assert_int_equal(made_up(100, 10, 0), PF_OK);
    assert_int_equal(list.count, PF_TLSA_MOST);
    assert_true(list.vouched);
    assert_int_equal(made_up(1, 65000, 0), PF_OK);
    assert_int_equal(list.at[0].data.len, 64997);
    assert_int_equal(made_up(2, 2, 0), PF_TEMP);
    assert_int_equal(list.count, 0);
    for (size_t cut = 1; cut < 2 * (13 + 7) + 12; cut++) {
        assert_int_equal(made_up(2, 7, cut), PF_TEMP);
        assert_int_equal(list.count, 0);
        assert_false(list.vouched);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {T(tls_044_records_are_found_and_vouched_for),
                                       T(tls_044_nobody_vouches_without_dnssec),
                                       T(tls_044_a_resolver_that_is_not_trusted_vouches_for_nothing),
                                       T(none_is_told_from_unknown),
                                       T(aliases_are_followed),
                                       T(a_record_without_data_is_one_that_cannot_be_used),
                                       T(an_answer_is_read_within_its_bounds)};

    if (argc > 1)
        return distrust(argv[1]);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
