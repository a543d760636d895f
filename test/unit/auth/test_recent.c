#include "unit/cm.h"

#include "auth/recent.h"

static void rows_are_found_again(void **state)
{
    struct pf_recent *r = pf_recent_new(64);
    uint64_t key = pf_recent_key(r, 'n', PF_LIT("alice"), PF_LIT(""));

    (void)state;
    assert_null(pf_recent_find(r, key));
    pf_recent_take(r, key)->at = 5;
    pf_recent_take(r, key)->value = 7;
    assert_int_equal(pf_recent_find(r, key)->value, 7);
    assert_int_equal(pf_recent_find(r, key)->at, 5);
    pf_recent_free(r);
    pf_recent_free(NULL);
}

static void keys_tell_sense_and_texts_apart(void **state)
{
    struct pf_recent *r = pf_recent_new(8), *other = pf_recent_new(8);
    uint64_t key = pf_recent_key(r, 'a', PF_LIT("xy"), PF_LIT("z"));

    (void)state;
    assert_true(key == pf_recent_key(r, 'a', PF_LIT("xy"), PF_LIT("z")));
    assert_true(key != pf_recent_key(r, 'b', PF_LIT("xy"), PF_LIT("z")));
    assert_true(key != pf_recent_key(r, 'a', PF_LIT("x"), PF_LIT("yz")));
    assert_true(key != pf_recent_key(r, 'a', PF_LIT("z"), PF_LIT("xy")));
    assert_true(key !=
                pf_recent_key(other, 'a', PF_LIT("xy"), PF_LIT("z"))); /* each has its own secret */
    pf_recent_free(r);
    pf_recent_free(other);
}

static void the_oldest_is_forgotten(void **state)
{
    struct pf_recent *r = pf_recent_new(8);

    (void)state;
    for (uint64_t key = 1; key <= 8; key++)
        pf_recent_take(r, key)->at = (pf_time)(key == 1 ? 100 : key);
    pf_recent_take(r, 9)->at = 101;
    assert_non_null(pf_recent_find(r, 1));
    assert_null(pf_recent_find(r, 2));
    for (uint64_t key = 3; key <= 9; key++)
        assert_non_null(pf_recent_find(r, key));
    pf_recent_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(rows_are_found_again),
        T(keys_tell_sense_and_texts_apart),
        T(the_oldest_is_forgotten),
    };

    return RUN(tests);
}
