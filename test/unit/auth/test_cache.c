#include "unit/cm.h"

#include "auth/cache.h"

static struct pf_cache_key key(const struct pf_cache *cache, const char *user, const char *stored, const char *secret)
{
    return pf_cache_key(cache, pf_bytes_of(user), pf_bytes_of(stored), pf_bytes_of(secret));
}

static void what_was_good_is_known_for_a_time(void **state)
{
    struct pf_cache *cache = pf_cache_new(100);
    struct pf_cache_key anna;

    (void)state;
    assert_non_null(cache);
    anna = key(cache, "anna", "$6$x", "secret");
    assert_false(pf_cache_has(cache, anna, 1000, 5000));
    pf_cache_put(cache, anna, 5000);
    assert_true(pf_cache_has(cache, anna, 1000, 5000));
    assert_true(pf_cache_has(cache, anna, 1000, 5999));
    assert_false(pf_cache_has(cache, anna, 1000, 6000));
    pf_cache_free(cache);
}

/* Also where one part takes over what another lost. */
static void another_part_is_another_key(void **state)
{
    static const char *const others[][3] = {{"anna", "$6$x", "Secret"},  {"anna", "$6$y", "secret"},
                                            {"annb", "$6$x", "secret"},  {"anna$", "6$x", "secret"},
                                            {"anna", "$6$xs", "ecret"},  {"", "anna$6$x", "secret"},
                                            {"anna", "$6$xsecret", ""},  {"anna", "", "$6$xsecret"}};
    struct pf_cache *cache = pf_cache_new(100);

    (void)state;
    assert_non_null(cache);
    pf_cache_put(cache, key(cache, "anna", "$6$x", "secret"), 1);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(pf_cache_has(cache, key(cache, others[i][0], others[i][1], others[i][2]), 1000, 1));
    pf_cache_free(cache);
}

static void two_processes_have_two_keys(void **state)
{
    struct pf_cache *one = pf_cache_new(1), *other = pf_cache_new(1);
    struct pf_cache_key a, b;

    (void)state;
    assert_true(one && other);
    a = key(one, "anna", "x", "y");
    b = key(other, "anna", "x", "y");
    assert_memory_not_equal(&a, &b, sizeof a);
    pf_cache_free(one);
    pf_cache_free(other);
}

/* Half of a key right is nothing: 64 bits alone are not believed. */
static void both_halves_count(void **state)
{
    struct pf_cache *cache = pf_cache_new(64);
    struct pf_cache_key anna;

    (void)state;
    assert_non_null(cache);
    anna = key(cache, "anna", "x", "y");
    pf_cache_put(cache, anna, 1);
    anna.half[1] ^= 1;
    assert_false(pf_cache_has(cache, anna, 1000, 1));
    anna.half[1] ^= 1ull << 63 | 1;
    assert_false(pf_cache_has(cache, anna, 1000, 1));
    pf_cache_free(cache);
}

static void it_does_not_grow_and_forgets_the_oldest(void **state)
{
    struct pf_cache *cache = pf_cache_new(64);
    char name[16];
    unsigned known = 0;

    (void)state;
    assert_non_null(cache);
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "u%u", i);
        pf_cache_put(cache, key(cache, name, "x", "y"), (pf_time)i + 1);
    }
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "u%u", i);
        known += pf_cache_has(cache, key(cache, name, "x", "y"), 1000000, 10001);
    }
    assert_in_range(known, 50, 64);
    assert_true(pf_cache_has(cache, key(cache, "u9999", "x", "y"), 1000000, 10001));
    pf_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_was_good_is_known_for_a_time), T(another_part_is_another_key), T(two_processes_have_two_keys),
        T(both_halves_count), T(it_does_not_grow_and_forgets_the_oldest),
    };

    return RUN(tests);
}
