/* The table of checks: complete, in both languages, and its names fit for programs. */
#include "unit/cm.h"

#include "tool/probe_parts.h"

static void is_text(const struct pf_probe_text *text, bool must)
{
    assert_true(!must || text->en);
    assert_true(!text->en == !text->de);
    if (text->en) {
        assert_true(text->en[0] && text->de[0]);
        assert_string_not_equal(text->en, text->de);
    }
    for (const char *c = text->en ? text->en : ""; *c; c++)
        assert_true(*c >= 0x20 && *c < 0x7f); /* --json */
}

static void is_name(const char *name)
{
    assert_true(name[0]);
    for (const char *c = name; *c; c++)
        assert_true((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-' || *c == '.');
}

static void table(const struct pf_probe_check *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        is_name(rows[i].name);
        is_name(rows[i].section);
        assert_non_null(rows[i].judge);
        is_text(&rows[i].good, false);
        is_text(&rows[i].note, false);
        is_text(&rows[i].bad, false);
        is_text(&rows[i].hint, false);
        assert_true(rows[i].note.en || rows[i].bad.en || rows[i].good.en);
        assert_true(!rows[i].rfc || strncmp(rows[i].rfc, "RFC ", 4) == 0);
        assert_true(!rows[i].grave || rows[i].bad.en);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(rows[i].name, rows[k].name);
        /* A section is told once. */
        for (size_t k = 0; i && k < i - 1; k++)
            assert_true(strcmp(rows[i].section, rows[i - 1].section) == 0 ||
                        strcmp(rows[i].section, rows[k].section) != 0);
    }
}

static void rows_are_complete(void **state)
{
    (void)state;
    assert_true(pf_probe_check_count > 30 && pf_probe_mail_check_count > 10);
    table(pf_probe_checks, pf_probe_check_count);
    table(pf_probe_mail_checks, pf_probe_mail_check_count);
    for (size_t i = 0; i < pf_probe_check_count; i++)
        for (size_t k = 0; k < pf_probe_mail_check_count; k++)
            assert_string_not_equal(pf_probe_checks[i].name, pf_probe_mail_checks[k].name);
}

static void grades_follow_the_worst(void **state)
{
    static const struct pf_probe_check mild = {.name = "mild"}, grave = {.name = "grave", .grave = true};
    static const struct {
        struct pf_probe_finding findings[2];
        const char *grade;
    } cases[] = {
        {{{.check = &grave, .verdict = PF_PROBE_GOOD}, {.check = &mild, .verdict = PF_PROBE_GOOD}}, "A"},
        {{{.check = &grave, .verdict = PF_PROBE_NOTE}, {.check = &mild, .verdict = PF_PROBE_GOOD}}, "B"},
        {{{.check = &grave, .verdict = PF_PROBE_NOTE}, {.check = &mild, .verdict = PF_PROBE_BAD}}, "C"},
        {{{.check = &grave, .verdict = PF_PROBE_BAD}, {.check = &mild, .verdict = PF_PROBE_GOOD}}, "D"},
    };
    static struct pf_probe_door silent, door;
    struct pf_probe_door *const doors[] = {&silent, &door};
    size_t counts[PF_PROBE_BAD + 1];

    (void)state;
    assert_string_equal(pf_probe_grade(doors, 1, counts), "-");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pf_probe_finding findings[2] = {cases[i].findings[0], cases[i].findings[1]};

        door.connected = true;
        door.findings = findings;
        door.finding_count = 2;
        assert_string_equal(pf_probe_grade(doors, 2, counts), cases[i].grade);
        assert_int_equal(counts[PF_PROBE_GOOD] + counts[PF_PROBE_NOTE] + counts[PF_PROBE_BAD], 2);
    }
}

static void no_octet_reaches_a_terminal_as_it_is(void **state)
{
    unsigned char all[256];
    char text[1100], small[8];
    size_t len;

    (void)state;
    for (unsigned i = 0; i < 256; i++)
        all[i] = (unsigned char)i;
    len = pf_probe_escape(text, sizeof text, pf_bytes_from(all, sizeof all));
    assert_int_equal(len, strlen(text));
    for (size_t i = 0; i < len; i++)
        assert_true(text[i] >= 0x20 && text[i] < 0x7f);
    assert_non_null(strstr(text, "\\x00\\x01"));
    assert_non_null(strstr(text, "\\t\\n\\x0B\\x0C\\r\\x0E"));
    assert_non_null(strstr(text, "[\\\\]"));
    assert_non_null(strstr(text, "}~\\x7F\\x80"));
    /* Cut between two, never in one. */
    for (size_t cap = 1; cap <= sizeof small; cap++) {
        len = pf_probe_escape(small, cap, pf_bytes_of("a\x1b\x1b"));
        assert_true(len < cap && (len == 0 || len == 1 || len == 5));
        assert_int_equal(small[len], 0);
    }
}

static void a_capability_is_found_by_its_whole_word(void **state)
{
    static const struct pf_probe_lines lines = {4, {"TOPS", "top", "SASL PLAIN", "STLSX"}};

    (void)state;
    assert_string_equal(pf_probe_capability(&lines, "TOP"), "top");
    assert_string_equal(pf_probe_capability(&lines, "SASL"), "SASL PLAIN");
    assert_null(pf_probe_capability(&lines, "STLS"));
    assert_null(pf_probe_capability(&lines, "SAS"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(rows_are_complete),
        T(grades_follow_the_worst),
        T(no_octet_reaches_a_terminal_as_it_is),
        T(a_capability_is_found_by_its_whole_word),
    };

    return RUN(tests);
}
