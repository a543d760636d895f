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

static uint64_t key_of(const struct pf_recent *r, unsigned number)
{
    return pf_recent_key(r, 'n', pf_bytes_from(&number, sizeof number), PF_LIT(""));
}

static unsigned found(struct pf_recent *r, unsigned count)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct pf_recent_row *row = pf_recent_find(r, key_of(r, i));

        if (row)
            assert_int_equal(row->value, i);
        sum += row != NULL;
    }
    return sum;
}

static void put(struct pf_recent *r, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        struct pf_recent_row *row = pf_recent_take(r, key_of(r, i));

        row->at = 1 + (pf_time)i;
        row->value = i;
    }
}

/* Pages that nobody needs yet are not touched; and all of it serves who needs it. */
static void few_lie_close_together(void **state)
{
    enum { ROWS = 131072, FEW = 4000, MANY = 80000 };
    struct pf_recent *r = pf_recent_new(ROWS);
    const char *first = NULL, *last = NULL;

    (void)state;
    put(r, 0, FEW);
    assert_int_equal(found(r, FEW), FEW);
    for (unsigned i = 0; i < FEW; i++) {
        const char *row = (const char *)pf_recent_find(r, key_of(r, i));

        first = !first || row < first ? row : first;
        last = row > last ? row : last;
    }
    assert_true(last - first < (long)(ROWS / 4 * sizeof(struct pf_recent_row)));
    put(r, FEW, MANY);
    assert_true(found(r, MANY) > MANY / 100 * 97);
    pf_recent_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(rows_are_found_again),
        T(keys_tell_sense_and_texts_apart),
        T(the_oldest_is_forgotten),
        T(few_lie_close_together),
    };

    return RUN(tests);
}
