#include "unit/cm.h"

#include "base/stats.h"

#include <stdlib.h>

enum { HEAD = 16 };

static unsigned char packed[PF_STATS_PACK_MAX];

static struct pf_bytes pack(const struct pf_stats *stats, char from)
{
    struct pf_span out = {packed, 0, sizeof packed};

    assert_true(pf_stats_pack(stats, from, &out));
    return pf_span_bytes(&out);
}

static uint64_t value(const struct pf_stats *stats, enum pf_stat stat)
{
    return pf_stats_value(stats, stat, NULL, NULL);
}

static void what_a_process_counts_comes_through(void **state)
{
    struct pf_stats *gate = pf_stats_new(NULL), *seen = pf_stats_new(NULL);

    (void)state;
    pf_stats_count(gate, PF_STAT_logins_total, "PLAIN", "OK", 7);
    pf_stats_gauge(gate, PF_STAT_sessions, 3);
    pf_stats_took(gate, PF_STAT_store_seconds, "read", 40);
    pf_stats_gauge(gate, PF_STAT_disk_queue, 9); /* a store's, not its own */
    pf_stats_count(seen, PF_STAT_commands_total, NULL, NULL, 5); /* of an earlier look */
    assert_true(pf_stats_unpack(seen, 'g', pack(gate, 'g')));
    assert_int_equal(pf_stats_value(seen, PF_STAT_logins_total, "PLAIN", "OK"), 7);
    assert_int_equal(value(seen, PF_STAT_sessions), 3);
    assert_int_equal(pf_stats_value(seen, PF_STAT_store_seconds, "read", NULL), 1);
    assert_int_equal(value(seen, PF_STAT_disk_queue), 0);
    assert_int_equal(value(seen, PF_STAT_commands_total), 0);
    pf_stats_free(gate);
    pf_stats_free(seen);
}

static void nobody_tells_what_is_not_his(void **state)
{
    struct pf_stats *store = pf_stats_new(NULL), *seen = pf_stats_new(NULL);

    (void)state;
    pf_stats_gauge(store, PF_STAT_disk_queue, 4);
    pf_stats_gauge(seen, PF_STAT_sessions, 2);
    assert_false(pf_stats_unpack(seen, 'g', pack(store, 's')));
    assert_int_equal(value(seen, PF_STAT_sessions), 2);
    assert_int_equal(value(seen, PF_STAT_disk_queue), 0);
    assert_true(pf_stats_unpack(seen, 's', pack(store, 's')));
    assert_int_equal(value(seen, PF_STAT_disk_queue), 4);
    pf_stats_free(store);
    pf_stats_free(seen);
}

/* Any octet changed: refused, or another cell or number that the sender may tell, and nothing else. */
static void what_is_not_exactly_so_is_refused(void **state)
{
    struct pf_stats *store = pf_stats_new(NULL), *seen = pf_stats_new(NULL);
    struct pf_bytes form;
    unsigned char changed[64];
    unsigned refused = 0;

    (void)state;
    pf_stats_gauge(store, PF_STAT_disk_queue, 4);
    form = pack(store, 's');
    for (size_t len = 0; len < form.len; len++)
        assert_false(pf_stats_unpack(seen, 's', pf_bytes_head(form, len)));
    assert_false(pf_stats_unpack(seen, 's', pf_bytes_from(form.at, form.len + 1)));
    assert_true(form.len <= sizeof changed);
    memcpy(changed, form.at, form.len);
    form.at = changed;
    for (size_t i = 0; i < form.len; i++) {
        changed[i] ^= 0x80;
        if (!pf_stats_unpack(seen, 's', form))
            refused++;
        else
            assert_true(i >= HEAD && pf_bytes_equal(pack(seen, 's'), form));
        changed[i] ^= 0x80;
    }
    assert_true(refused >= HEAD + 4);
    changed[form.len - 1] = 0;
    assert_false(pf_stats_unpack(seen, 's', form)); /* nothing counted is not told */
    pf_stats_free(store);
    pf_stats_free(seen);
}

static void sums_and_the_least(void **state)
{
    struct pf_stats *all = pf_stats_new(NULL), *one = pf_stats_new(NULL);

    (void)state;
    pf_stats_gauge(one, PF_STAT_start_time_seconds, 1000);
    pf_stats_gauge(one, PF_STAT_sessions, 2);
    pf_stats_count(one, PF_STAT_commands_total, NULL, NULL, 10);
    pf_stats_took(one, PF_STAT_login_seconds, NULL, 3);
    pf_stats_add(all, one);
    pf_stats_gauge(one, PF_STAT_start_time_seconds, 900);
    pf_stats_add(all, one);
    pf_stats_gauge(one, PF_STAT_start_time_seconds, 0);
    pf_stats_add(all, one);
    assert_int_equal(value(all, PF_STAT_start_time_seconds), 900);
    assert_int_equal(value(all, PF_STAT_sessions), 6);
    assert_int_equal(value(all, PF_STAT_commands_total), 30);
    assert_int_equal(value(all, PF_STAT_login_seconds), 3);
    pf_stats_add_past(all, one);
    assert_int_equal(value(all, PF_STAT_sessions), 6); /* who is gone has none now */
    assert_int_equal(value(all, PF_STAT_commands_total), 40);
    pf_stats_count(one, PF_STAT_commands_total, NULL, NULL, UINT64_MAX - 20);
    pf_stats_add(all, one);
    assert_true(value(all, PF_STAT_commands_total) == UINT64_MAX);
    pf_stats_clear(all);
    assert_int_equal(value(all, PF_STAT_commands_total), 0);
    pf_stats_free(all);
    pf_stats_free(one);
}

static void a_full_house_fits(void **state)
{
    struct pf_stats *gate = pf_stats_new(NULL), *seen = pf_stats_new(NULL);
    struct pf_span small = {packed, 0, PF_STATS_PACK_MAX - 1};

    (void)state;
    for (unsigned code = 0; code < PF_CODES; code++)
        pf_stats_count(gate, PF_STAT_logins_total, "other", pf_verdict(code)->name, UINT64_MAX);
    assert_true(pf_stats_unpack(seen, 'g', pack(gate, 'g')));
    assert_true(pf_stats_value(seen, PF_STAT_logins_total, "other", "OK") ==
                ((uint64_t)1 << PF_STATS_VALUE_BITS) - 1);
    assert_false(pf_stats_pack(gate, 'g', &small));
    assert_int_equal(small.len, 0);
    pf_stats_free(gate);
    pf_stats_free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(what_a_process_counts_comes_through), T(nobody_tells_what_is_not_his),
                                       T(what_is_not_exactly_so_is_refused), T(sums_and_the_least),
                                       T(a_full_house_fits)};

    return RUN(tests);
}
