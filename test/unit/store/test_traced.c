#include "unit/cm.h"

#include "store/drive.h"
#include "store/faulty.h"
#include "store/memory.h"
#include "store/traced.h"

#include <stdlib.h>

static struct drive d;
static struct pf_store *memory, *faulty;
static char line[1024];
static unsigned lines;

static void say(void *self, const char *text)
{
    assert_ptr_equal(self, &lines);
    snprintf(line, sizeof line, "%s", text);
    lines++;
}

static int make(void **state)
{
    (void)state;
    lines = 0;
    d.loop = pf_loop_new(NULL);
    memory = d.loop ? pf_memory_new(d.loop) : NULL;
    faulty = memory ? pf_faulty_new(memory) : NULL;
    d.store = faulty ? pf_traced_new(faulty, say, &lines) : NULL;
    if (!d.store)
        return -1;
    return pf_memory_add(memory, "/a", PF_LIT("one\n"), "u1", NULL) == PF_OK ? 0 : -1;
}

static int break_down(void **state)
{
    (void)state;
    pf_store_free(d.store);
    pf_loop_free(d.loop);
    return 0;
}

/* The last line is `text`, a space, a number and "us"; it was the number-th. */
static void expect(unsigned number, const char *text)
{
    const char *rest = line + strlen(text);
    size_t digits;

    assert_int_equal(lines, number);
    if (strncmp(line, text, strlen(text)) != 0)
        fail_msg("\"%s\" is not \"%s ...us\"", line, text);
    assert_int_equal(rest[0], ' ');
    digits = strspn(rest + 1, "0123456789");
    assert_true(digits > 0);
    assert_string_equal(rest + 1 + digits, "us");
}

static void each_call_is_a_line(void **state)
{
    struct pf_box_where where = drive_where("/a");
    struct pf_box_open o;
    struct pf_box_expunge e;
    struct pf_parcel *parcel;
    struct pf_parcel_seal s;
    struct drive_text text;
    uint64_t word = 1;
    struct pf_marks marks = {&word, 1};
    char sealed[200];

    (void)state;
    assert_int_equal(drive_open(&d, "/a", &o), PF_OK);
    expect(1, "open path=/a messages=1 octets=5 expired=0 OK");
    assert_int_equal(drive_fetch(&d, o.box, 0, 3, &text), PF_OK);
    free(text.at);
    expect(3, "read index=0 offset=3 got=1 last OK");
    assert_int_equal(drive_expunge(&d, o.box, &marks, &e), PF_OK);
    expect(4, "expunge marked=1 seen=0 removed=1 failed=0 OK");
    drive_close(&d, o.box);
    expect(5, "close OK");
    assert_int_equal(drive_begin(&d, &where, &parcel), PF_OK);
    expect(6, "begin path=/a OK");
    assert_int_equal(drive_write(&d, parcel, PF_LIT("two\n")), PF_OK);
    expect(7, "write octets=4 OK");
    assert_int_equal(drive_seal(&d, parcel, &s), PF_OK);
    snprintf(sealed, sizeof sealed, "seal uidl=%s octets=5 OK", s.uidl);
    expect(8, sealed);
    assert_int_equal(drive_begin(&d, &where, &parcel), PF_OK);
    drive_drop(&d, parcel);
    expect(10, "drop OK");
}

static void failures_are_lines_too(void **state)
{
    static const struct pf_fault faults[] = {
        {.at = PF_FAULT_OPEN, .number = 1, .code = PF_IN_USE},
        {.at = PF_FAULT_READ, .number = 1, .index = -1, .code = PF_DAMAGED},
        {.at = PF_FAULT_EXPUNGE, .number = 1, .code = PF_IO},
        {.at = PF_FAULT_BEGIN, .number = 1, .code = PF_OVER_QUOTA},
        {.at = PF_FAULT_SEAL, .number = 1, .code = PF_NO_SPACE},
    };
    struct pf_box_where where = drive_where("/a");
    struct pf_box_open o;
    struct pf_box_expunge e;
    struct pf_parcel_seal s;
    struct drive_text text;

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        pf_faulty_add(faulty, &faults[i]);
    assert_int_equal(drive_open(&d, "/a", &o), PF_IN_USE);
    expect(1, "open path=/a IN_USE");
    assert_int_equal(drive_open(&d, "/a", &o), PF_OK);
    assert_int_equal(drive_fetch(&d, o.box, 0, 3, &text), PF_DAMAGED);
    free(text.at);
    expect(3, "read index=0 offset=0 DAMAGED");
    assert_int_equal(drive_expunge(&d, o.box, NULL, &e), PF_IO);
    expect(4, "expunge marked=0 seen=0 removed=0 failed=0 IO");
    drive_close(&d, o.box);
    assert_int_equal(drive_deliver(&d, &where, PF_LIT("x"), 1, &s), PF_OVER_QUOTA);
    expect(6, "begin path=/a OVER_QUOTA");
    assert_int_equal(drive_deliver(&d, &where, PF_LIT("x"), 1, &s), PF_NO_SPACE);
    expect(9, "seal NO_SPACE");
}

/* A line has an end, and no octet that could start another. */
static void strange_paths_make_one_clean_line(void **state)
{
    char path[3000];
    struct pf_box_open o;

    (void)state;
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    path[1] = '\n';
    path[2] = '\x1b';
    assert_int_equal(drive_open(&d, path, &o), PF_NO_BOX);
    assert_int_equal(lines, 1);
    assert_memory_equal(line, "open path=p??ppp", 16);
    assert_non_null(strstr(line, "p NO_BOX "));
    assert_true(strlen(line) < 512);
}

#define M(name) cmocka_unit_test_setup_teardown(name, make, break_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        M(each_call_is_a_line),
        M(failures_are_lines_too),
        M(strange_paths_make_one_clean_line),
    };

    return RUN(tests);
}
