#include "unit/cm.h"

#include "conf/settings.h"

static size_t distance(const char *a, const char *b)
{
    return pf_conf_distance(pf_bytes_of(a), pf_bytes_of(b));
}

static void distance_counts_strokes(void **state)
{
    char longer[34];

    (void)state;
    assert_int_equal(distance("", ""), 0);
    assert_int_equal(distance("abc", ""), 3);
    assert_int_equal(distance("", "abc"), 3);
    assert_int_equal(distance("adress", "address"), 1);
    assert_int_equal(distance("lsat", "last"), 1);
    assert_int_equal(distance("idel", "idle"), 1);
    assert_int_equal(distance("kitten", "sitting"), 3);
    assert_int_equal(distance("ca", "abc"), 3);
    memset(longer, 'a', sizeof longer);
    longer[33] = 0;
    assert_true(distance(longer, "a") == SIZE_MAX && distance("a", longer) == SIZE_MAX);
    longer[32] = 0;
    assert_int_equal(distance(longer, "a"), 31);
}

static void near_names_are_near(void **state)
{
    size_t best = SIZE_MAX;

    (void)state;
    assert_false(pf_conf_near(PF_LIT("to"), PF_LIT("xy"), &best));
    assert_false(pf_conf_near(PF_LIT("a"), PF_LIT("b"), &best)); /* nothing of it is left */
    assert_false(pf_conf_near(PF_LIT("connections"), PF_LIT(""), &best));
    assert_true(pf_conf_near(PF_LIT("connections"), PF_LIT("conections"), &best));
    assert_int_equal(best, 1);
    assert_false(
        pf_conf_near(PF_LIT("collections"), PF_LIT("conections"), &best)); /* farther than the best */
}

static void every_name_is_found_in_its_block_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < PF_CONF_ROWS; i++) {
        const struct pf_conf_row *row = &pf_conf_rows[i];

        assert_ptr_equal(pf_conf_row_find(row->block, pf_bytes_of(row->name)),
                         row); /* none is there twice */
        assert_int_equal(pf_conf_block_find(row->block, pf_bytes_of(row->name)), PF_CONF_BLOCKS);
        assert_true(strlen(row->name) <= 32 && strlen(row->help) > 0);
    }
    assert_null(pf_conf_row_find(PF_CONF_BLOCK_top, PF_LIT("idle")));
    assert_int_equal(pf_conf_block_find(PF_CONF_BLOCK_top, PF_LIT("tls")), PF_CONF_BLOCK_tls);
    assert_int_equal(pf_conf_block_find(PF_CONF_BLOCK_tls, PF_LIT("pair")), PF_CONF_BLOCK_pair);
    assert_int_equal(pf_conf_block_find(PF_CONF_BLOCK_top, PF_LIT("pair")), PF_CONF_BLOCKS);
    assert_int_equal(pf_conf_block_find(PF_CONF_BLOCK_top, PF_LIT("")), PF_CONF_BLOCKS);
}

/* A field that no row fills would stay zero for ever. */
static void rows_fit_the_types_of_their_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < PF_CONF_ROWS; i++) {
        const struct pf_conf_row *row = &pf_conf_rows[i];

        if (pf_conf_is_text(row->type))
            assert_int_equal(row->size, sizeof(char *));
        else if (row->type == PF_CONF_BOOL)
            assert_int_equal(row->size, sizeof(bool));
        else if (row->type == PF_CONF_DAYS)
            assert_int_equal(row->size, sizeof(int32_t));
        else if (row->size == sizeof(uint32_t))
            assert_true(row->max <= UINT32_MAX);
        assert_true(row->min <= row->max);
        if (row->type == PF_CONF_DURATION)
            assert_true(strcmp(row->unit, "s") == 0 || strcmp(row->unit, "ms") == 0);
        for (size_t j = 0; j < i; j++)
            assert_true(row->at != pf_conf_rows[j].at);
    }
}

static void words_are_walked(void **state)
{
    const char *words = "a|bc";

    (void)state;
    assert_true(pf_bytes_equal(pf_conf_next_word(&words), PF_LIT("a")));
    assert_true(pf_bytes_equal(pf_conf_next_word(&words), PF_LIT("bc")));
    assert_int_equal(pf_conf_next_word(&words).len, 0);
    assert_int_equal(pf_conf_next_word(&words).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(distance_counts_strokes),
        T(near_names_are_near),
        T(every_name_is_found_in_its_block_only),
        T(rows_fit_the_types_of_their_fields),
        T(words_are_walked),
    };

    return RUN(tests);
}
