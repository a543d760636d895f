#include "unit/cm.h"

#include "sys/seal.h"

#include <stdlib.h>
#include <time.h>

static const struct pf_ticket_shown here = {.gate = 1, .store = 2, .now = 1000};

static struct pf_ticket some(void)
{
    return (struct pf_ticket){.user = "anna", .path = "/var/mail/anna", .rights = PF_TICKET_READ, .expire_days = -1,
                              .gate = 1, .store = 2, .session = 7, .expires = 11000};
}

static struct pf_seal *fresh(unsigned char key_octet, size_t window)
{
    unsigned char key[PF_SEAL_KEY];
    struct pf_seal *seal;

    memset(key, key_octet, sizeof key);
    seal = pf_seal_new(key, window, NULL);
    assert_non_null(seal);
    return seal;
}

static struct pf_bytes sealed(struct pf_seal *seal, struct pf_ticket *t, unsigned char *at)
{
    struct pf_span span = {at, 0, PF_SEAL_TICKET_MAX};

    assert_int_equal(pf_seal_put(seal, t, &span, NULL), PF_OK);
    return pf_span_bytes(&span);
}

static void a_ticket_goes_from_one_process_to_the_other_once(void **state)
{
    struct pf_seal *auth = fresh(5, 0), *store = fresh(5, 100);
    unsigned char at[PF_SEAL_TICKET_MAX];
    struct pf_ticket t = some(), got;
    struct pf_bytes b = sealed(auth, &t, at);
    struct pf_err err;

    (void)state;
    assert_int_equal(pf_seal_open(store, b, &here, &got, NULL, NULL), PF_OK);
    assert_string_equal(got.user, t.user);
    assert_string_equal(got.path, t.path);
    assert_true(got.series == t.series && got.serial == t.serial);
    assert_true(got.session == t.session && got.rights == t.rights && got.expires == t.expires);
    assert_int_equal(pf_seal_open(store, b, &here, &got, NULL, &err), PF_PERM);
    assert_string_equal(err.log, "ticket refused: shown before");
    pf_seal_free(auth);
    pf_seal_free(store);
}

static void another_key_and_every_changed_bit_are_refused(void **state)
{
    struct pf_seal *seal = fresh(5, 100), *other = fresh(6, 100);
    unsigned char at[PF_SEAL_TICKET_MAX];
    struct pf_ticket t = some(), got = {.session = 99};
    struct pf_bytes b = sealed(seal, &t, at);
    enum pf_ticket_fault fault;

    (void)state;
    assert_int_equal(pf_seal_open(other, b, &here, &got, &fault, NULL), PF_PERM);
    assert_int_equal(fault, PF_TICKET_FORGED);
    for (size_t bit = 0; bit < b.len * 8; bit++) {
        at[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_int_equal(pf_seal_open(seal, b, &here, &got, &fault, NULL), PF_PERM);
        assert_int_equal(fault, PF_TICKET_FORGED);
        at[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    for (size_t n = 0; n < b.len; n++) {
        assert_int_equal(pf_seal_open(seal, pf_bytes_head(b, n), &here, &got, &fault, NULL), PF_PERM);
        assert_int_equal(fault, n < PF_TICKET_HEAD + PF_SEAL_MAC ? PF_TICKET_CUT : PF_TICKET_FORGED);
    }
    assert_int_equal(got.session, 99);
    /* None of that used it up. */
    assert_int_equal(pf_seal_open(seal, b, &here, &got, &fault, NULL), PF_OK);
    assert_int_equal(fault, PF_TICKET_GOOD);
    pf_seal_free(seal);
    pf_seal_free(other);
}

static void reasons_are_told(void **state)
{
    struct pf_seal *seal = fresh(5, 1);
    unsigned char at[PF_SEAL_TICKET_MAX], late[PF_SEAL_TICKET_MAX];
    struct pf_ticket t = some(), got;
    struct pf_ticket_shown shown = here;
    struct pf_bytes b = sealed(seal, &t, at);
    struct pf_err err;

    (void)state;
    shown.gate = 9;
    assert_int_equal(pf_seal_open(seal, b, &shown, &got, NULL, &err), PF_PERM);
    assert_string_equal(err.log, "ticket refused: made for another gate");
    assert_string_equal(err.say, "");
    shown = here;
    shown.now = 11000;
    assert_int_equal(pf_seal_open(seal, b, &shown, &got, NULL, &err), PF_PERM);
    assert_string_equal(err.log, "ticket refused: expired");
    /* The smallest window looks back at 64. */
    for (int i = 0; i < 64; i++)
        assert_int_equal(pf_seal_open(seal, sealed(seal, &t, late), &here, &got, NULL, NULL), PF_OK);
    assert_int_equal(pf_seal_open(seal, b, &here, &got, NULL, &err), PF_BUSY);
    pf_seal_free(seal);
}

static void what_is_sealed_must_be_lawful_and_fit(void **state)
{
    struct pf_seal *seal = fresh(5, 0);
    unsigned char at[PF_SEAL_TICKET_MAX];
    struct pf_span span = {at, 0, PF_TICKET_HEAD + 4 + 14 + PF_SEAL_MAC - 1};
    struct pf_ticket t = some();

    (void)state;
    assert_int_equal(pf_seal_put(seal, &t, &span, NULL), PF_TOO_LONG);
    assert_int_equal(span.len, 0);
    span.cap++;
    assert_int_equal(pf_seal_put(seal, &t, &span, NULL), PF_OK);
    t.user[0] = 0;
    assert_int_equal(pf_seal_put(seal, &t, &span, NULL), PF_PERM);
    pf_seal_free(seal);
    pf_seal_free(NULL);
}

/* Two tickets of the same words are two tickets. */
static void keys_and_serials_are_fresh(void **state)
{
    unsigned char a[PF_SEAL_KEY], b[PF_SEAL_KEY];
    unsigned char first[PF_SEAL_TICKET_MAX], second[PF_SEAL_TICKET_MAX];
    struct pf_seal *seal = fresh(5, 0);
    struct pf_ticket t = some();
    struct pf_bytes one = sealed(seal, &t, first), two = sealed(seal, &t, second);

    (void)state;
    assert_int_equal(pf_seal_key(a, NULL), PF_OK);
    assert_int_equal(pf_seal_key(b, NULL), PF_OK);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(one.len, two.len);
    assert_memory_not_equal(one.at, two.at, one.len);
    pf_seal_free(seal);
}

static void what_it_costs(void **state)
{
    enum { TIMES = 2000 };
    struct pf_seal *seal = fresh(5, PF_SEAL_WINDOW);
    unsigned char at[PF_SEAL_TICKET_MAX];
    struct pf_ticket t = some(), got;
    clock_t begun = clock();

    (void)state;
    for (int i = 0; i < TIMES; i++)
        assert_int_equal(pf_seal_open(seal, sealed(seal, &t, at), &here, &got, NULL, NULL), PF_OK);
    print_message("# a ticket made and opened: %.2f us\n",
                  (double)(clock() - begun) * 1e6 / CLOCKS_PER_SEC / TIMES);
    pf_seal_free(seal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_ticket_goes_from_one_process_to_the_other_once), T(another_key_and_every_changed_bit_are_refused),
        T(reasons_are_told), T(what_is_sealed_must_be_lawful_and_fit),
        T(keys_and_serials_are_fresh), T(what_it_costs),
    };

    return RUN(tests);
}
