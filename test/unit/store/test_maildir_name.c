#include "unit/cm.h"

#include "store/maildir/name.h"

static struct pf_maildir_name parse(const char *text)
{
    struct pf_maildir_name name;

    pf_maildir_name_parse(pf_bytes_of(text), &name);
    return name;
}

static void md_004_agreed_forms_are_unique(void **state)
{
    static const char *const good[] = {
        "1700000000.M48211P4242Q1.mx", "1700000000.4242.mx", "1700000000.4242_3.mx",
        "1700000000.V801I2f3M5.mx.example", "1700000000.H5P6.mx", "1700000000.R77.mx,S=5,W=6",
        "1700000000_0.4242.mx,U=5", "123.M4P5.host,S=6:2,S", "1.#5M6.h",
    };
    static const char *const bad[] = {
        "msg.123", "1700000000", "1700000000.", "1700000000.mx", "1700000000.4242", "1700000000.4242.",
        "1700000000.4242.,S=5", "1700000000..mx", "1700000000.abc.mx", "x1700000000.5.mx",
        "1700000000_.5.mx", "1700000000.5 6.mx", "1700000000.5.m x", "1700000000.5.m\xe4x",
        "17000000000001.5.mx", "hello.eml",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!parse(good[i]).by_form)
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (parse(bad[i]).by_form)
            fail_msg("%s", bad[i]);
}

static void p3_050_only_70_octets_are_a_uidl(void **state)
{
    char text[80] = "1700000000.M1P2.";

    (void)state;
    memset(text + 16, 'h', 70 - 16);
    assert_true(parse(text).by_form);
    text[70] = 'h';
    assert_false(parse(text).by_form);
    text[70] = ':';
    assert_true(parse(text).by_form);
}

static void md_016_base_name_ends_at_the_colon(void **state)
{
    (void)state;
    assert_int_equal(parse("1.M2.h:2,S").base_len, 6);
    assert_int_equal(parse("1.M2.h").base_len, 6);
    assert_int_equal(parse(":2,S").base_len, 4);
    assert_int_equal(parse("a:1,x:2,y").base_len, 1);
}

static void md_018_arrival_has_microseconds(void **state)
{
    (void)state;
    assert_true(parse("1700000000.M48211P4.h").has_arrival);
    assert_int_equal(parse("1700000000.M48211P4.h").arrival, 1700000000048211);
    assert_int_equal(parse("1700000000.V5I6M7P4.h").arrival, 1700000000000007);
    assert_int_equal(parse("1700000000.M4821100P4.h").arrival, 1700000000000000);
    assert_int_equal(parse("1700000000.4.M99.h").arrival, 1700000000000000);
    assert_int_equal(parse("999999999999.5.h").arrival, 999999999999000000);
    assert_false(parse("1700000000").has_arrival);
    assert_false(parse("1700000000x.5").has_arrival);
    assert_false(parse("9999999999999.5.h").has_arrival);
    assert_false(parse("msg.5").has_arrival);
}

static void md_020_sizes_stand_in_any_order(void **state)
{
    struct pf_maildir_name name = parse("1.M2.h,W=12,X=3,S=10:2,S");

    (void)state;
    assert_true(name.has_size && name.has_wire);
    assert_int_equal(name.size, 10);
    assert_int_equal(name.wire, 12);
    assert_true(parse("1.M2.h,S=0").has_size);
    assert_false(parse("1.M2.h:2,S=5").has_size);
    assert_false(parse("1.M2.h,S=5").has_wire);
}

static void md_021_sizes_are_plain_decimal(void **state)
{
    static const char *const bad[] = {"1.M2.h,S=",   "1.M2.h,S=1x", "1.M2.h,S=-1", "1.M2.h,S= 1",
                                      "1.M2.h,S=0x1", "1.M2.h,s=1", "1.M2.h,S",
                                      "1.M2.h,S=1111111111111111111", "1.M2.hS=1"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (parse(bad[i]).has_size)
            fail_msg("%s", bad[i]);
    assert_true(pf_maildir_plausible(0, 0));
    assert_false(pf_maildir_plausible(0, 1));
    assert_true(pf_maildir_plausible(1, 3));
    assert_true(pf_maildir_plausible(10, 20));
    assert_false(pf_maildir_plausible(10, 22));
    assert_false(pf_maildir_plausible(10, 9));
    assert_false(pf_maildir_plausible(10, UINT64_MAX));
}

static void md_012_seen_is_a_flag_of_kind_two(void **state)
{
    (void)state;
    assert_true(parse("1.M2.h:2,S").seen);
    assert_true(parse("1.M2.h:2,FRSab").seen);
    assert_false(parse("1.M2.h:2,").seen);
    assert_false(parse("1.M2.h:2,F,S").seen);
    assert_false(parse("1.M2.h:1,S").seen);
    assert_false(parse("1.M2.hS").seen);
}

static void marked(const char *name, const char *want)
{
    unsigned char room[256];
    struct pf_span out = {room, 0, sizeof room};

    if (!pf_maildir_name_mark_seen(pf_bytes_of(name), &out)) {
        assert_null(want);
        assert_int_equal(out.len, 0);
        return;
    }
    assert_non_null(want);
    assert_int_equal(out.len, strlen(want));
    assert_memory_equal(room, want, out.len);
}

static void md_013_marking_keeps_order_and_strange_flags(void **state)
{
    (void)state;
    marked("1.M2.h", "1.M2.h:2,S");
    marked("1.M2.h:2,", "1.M2.h:2,S");
    marked("1.M2.h:2,FRT", "1.M2.h:2,FRST");
    marked("1.M2.h:2,DFab", "1.M2.h:2,DFSab");
    marked("1.M2.h:2,F,more=S", "1.M2.h:2,FS,more=S");
}

static void md_011_other_kinds_of_info_are_left_alone(void **state)
{
    char longest[256];

    (void)state;
    marked("1.M2.h:1,x", NULL);
    marked("1.M2.h:2", NULL);
    marked("1.M2.h:", NULL);
    marked("1.M2.h:2,S", NULL);
    memset(longest, 'x', sizeof longest);
    longest[252] = 0;
    marked(longest, NULL);
}

static void md_018_names_order_as_octets(void **state)
{
    (void)state;
    assert_true(pf_maildir_name_order(PF_LIT("a"), PF_LIT("b")) < 0);
    assert_true(pf_maildir_name_order(PF_LIT("\xff"), PF_LIT("b")) > 0);
    assert_true(pf_maildir_name_order(PF_LIT("a"), PF_LIT("ab")) < 0);
    assert_true(pf_maildir_name_order(PF_LIT("ab"), PF_LIT("a")) > 0);
    assert_int_equal(pf_maildir_name_order(PF_LIT("ab"), PF_LIT("ab")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(md_004_agreed_forms_are_unique), T(p3_050_only_70_octets_are_a_uidl),
        T(md_016_base_name_ends_at_the_colon), T(md_018_arrival_has_microseconds),
        T(md_020_sizes_stand_in_any_order), T(md_021_sizes_are_plain_decimal),
        T(md_012_seen_is_a_flag_of_kind_two), T(md_013_marking_keeps_order_and_strange_flags),
        T(md_011_other_kinds_of_info_are_left_alone), T(md_018_names_order_as_octets),
    };

    return RUN(tests);
}
