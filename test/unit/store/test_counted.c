#include "unit/cm.h"

#include "store/counted.h"
#include "store/drive.h"
#include "store/memory.h"

#include <stdlib.h>

static struct drive d;
static struct pf_stats *stats;

static uint64_t calls(const char *operation)
{
    return pf_stats_value(stats, PF_STAT_store_work_seconds, operation, NULL);
}

static void each_call_is_counted_once(void **state)
{
    struct pf_box_where where = drive_where("/a");
    struct pf_store *memory;
    struct pf_box_open o;
    struct pf_parcel *parcel;
    struct drive_text text;

    (void)state;
    d.loop = pf_loop_new(NULL);
    stats = pf_stats_new(NULL);
    memory = pf_memory_new(d.loop);
    d.store = pf_counted_new(memory, stats, NULL);
    assert_non_null(d.store);
    assert_int_equal(pf_memory_add(memory, "/a", PF_LIT("one\n"), "u1", NULL), PF_OK);
    assert_int_equal(drive_open(&d, "/a", &o), PF_OK);
    assert_int_equal(drive_fetch(&d, o.box, 0, 3, &text), PF_OK);
    free(text.at);
    drive_close(&d, o.box);
    assert_int_equal(drive_begin(&d, &where, &parcel), PF_OK);
    drive_drop(&d, parcel);
    assert_true(calls("open") == 1 && calls("read") >= 1 && calls("close") == 1);
    assert_true(calls("begin") == 1 && calls("drop") == 1 && calls("seal") == 0 && calls("other") == 0);
    pf_store_free(d.store);
    pf_stats_free(stats);
    pf_loop_free(d.loop);
}

static void no_store_stays_none(void **state)
{
    struct pf_err err = {.code = PF_CONFIG};

    (void)state;
    assert_null(pf_counted_new(NULL, NULL, &err));
    assert_int_equal(err.code, PF_CONFIG); /* what the other one said */
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(each_call_is_counted_once), T(no_store_stays_none)};

    return RUN(tests);
}
