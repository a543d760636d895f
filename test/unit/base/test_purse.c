#include "unit/cm.h"

#include "base/purse.h"

enum { SOON = 1000 };

static struct pf_purse *purse;

static int begin(void **state)
{
    (void)state;
    purse = pf_purse_new();
    return purse ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    pf_purse_free(purse);
    return 0;
}

static void a_ticket_comes_back_as_it_was(void **state)
{
    unsigned char text[] = "ticket \0 of one";
    struct pf_pass pass;
    uint64_t number = pf_purse_put(purse, 7, pf_bytes_from(text, sizeof text), SOON);

    (void)state;
    memset(text, 'x', sizeof text); /* it was copied */
    assert_int_not_equal(number, 0);
    assert_true(pf_purse_look(purse, number, SOON, &pass));
    assert_int_equal(pass.store, 7);
    assert_int_equal(pass.entry, 0);
    assert_int_equal(pass.ticket.len, sizeof text);
    assert_memory_equal(pass.ticket.at, "ticket \0 of one", sizeof text);
}

static void numbers_are_never_used_anew(void **state)
{
    uint64_t last = 0;
    struct pf_pass pass;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        uint64_t number = pf_purse_put(purse, 1, PF_LIT("t"), SOON);

        assert_true(number > last);
        last = number;
        pf_purse_drop(purse, number);
        assert_false(pf_purse_look(purse, number, SOON, &pass));
    }
    assert_false(pf_purse_look(purse, 0, SOON, &pass));
    assert_false(pf_purse_look(purse, last + 1, SOON, &pass));
}

static void an_entry_takes_the_place_of_the_ticket(void **state)
{
    uint64_t number = pf_purse_put(purse, 3, PF_LIT("secret"), SOON);
    struct pf_pass pass;

    (void)state;
    pf_purse_entered(purse, number, 99);
    assert_true(pf_purse_look(purse, number, SOON, &pass));
    assert_int_equal(pass.entry, 99);
    assert_int_equal(pass.store, 3);
    assert_int_equal(pass.ticket.len, 0);
    pf_purse_entered(purse, number, 0); /* the store does not know it any more */
    assert_false(pf_purse_look(purse, number, SOON, &pass));
    pf_purse_entered(purse, number, 5);
    assert_false(pf_purse_look(purse, number, SOON, &pass));
    pf_purse_drop(purse, number);
}

static void what_nobody_used_is_gone(void **state)
{
    uint64_t used = pf_purse_put(purse, 1, PF_LIT("a"), SOON);
    uint64_t unused = pf_purse_put(purse, 1, PF_LIT("b"), SOON);
    struct pf_pass pass;

    (void)state;
    assert_true(pf_purse_look(purse, used, SOON + PF_PURSE_LIFE - 1, &pass));
    assert_true(pf_purse_look(purse, used, SOON + PF_PURSE_LIFE, &pass));
    assert_false(pf_purse_look(purse, unused, SOON + PF_PURSE_LIFE, &pass));
    assert_false(pf_purse_look(purse, unused, SOON, &pass)); /* for good */
    assert_true(pf_purse_put(purse, 1, PF_LIT("c"), SOON + 2 * PF_PURSE_LIFE) != 0);
    assert_false(pf_purse_look(purse, used, SOON, &pass)); /* swept by the put */
}

static void a_full_purse_forgets_what_was_not_used_for_longest(void **state)
{
    static uint64_t numbers[PF_PURSE_MOST];
    struct pf_pass pass;
    uint64_t more;

    (void)state;
    for (unsigned i = 0; i < PF_PURSE_MOST; i++)
        numbers[i] = pf_purse_put(purse, i, PF_LIT("t"), SOON);
    assert_true(pf_purse_look(purse, numbers[0], SOON, &pass));
    more = pf_purse_put(purse, 5, PF_LIT("more"), SOON);
    assert_true(pf_purse_look(purse, more, SOON, &pass));
    assert_false(pf_purse_look(purse, numbers[1], SOON, &pass));
    for (unsigned i = 0; i < PF_PURSE_MOST; i++)
        if (i != 1) {
            assert_true(pf_purse_look(purse, numbers[i], SOON, &pass));
            assert_int_equal(pass.store, i);
        }
}

static void ends_empty_and_none(void **state)
{
    struct pf_pass pass;
    uint64_t number = pf_purse_put(purse, 1, PF_LIT(""), SOON);

    (void)state;
    assert_true(pf_purse_look(purse, number, SOON, &pass));
    assert_int_equal(pass.ticket.len, 0);
    pf_purse_free(NULL);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_ticket_comes_back_as_it_was),
        EACH(numbers_are_never_used_anew),
        EACH(an_entry_takes_the_place_of_the_ticket),
        EACH(what_nobody_used_is_gone),
        EACH(a_full_purse_forgets_what_was_not_used_for_longest),
        EACH(ends_empty_and_none),
    };

    return RUN(tests);
}
