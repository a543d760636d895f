/* Every allocation of a purse fails once. */
#include "unit/cm.h"
#include "unit/scarce.h"

#include "base/purse.h"

static void without_memory_there_is_no_pass_and_nothing_is_lost(void **state)
{
    struct pf_purse *purse;
    struct pf_pass pass;
    uint64_t before;
    unsigned long tried = 0;

    (void)state;
    countdown = 1;
    assert_null(pf_purse_new());
    purse = pf_purse_new();
    assert_non_null(purse);
    before = pf_purse_put(purse, 1, PF_LIT("before"), 1);
    do {
        failed = false;
        countdown = ++tried;
        assert_true((pf_purse_put(purse, 1, PF_LIT("now"), 1) == 0) == failed);
        countdown = 0;
        assert_true(pf_purse_look(purse, before, 1, &pass));
    } while (tried < 2);
    countdown = 3;
    assert_int_not_equal(pf_purse_put(purse, 1, PF_LIT("now"), 1), 0); /* two allocations, no more */
    countdown = 0;
    pf_purse_free(purse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(without_memory_there_is_no_pass_and_nothing_is_lost)};

    return RUN(tests);
}
