#include "ledger_scene.h"

#include <zlib.h>

/* A ledger as text, grown line by line with right sums. */
static char text[300000];
static size_t len;

static void begin(void)
{
    len = (size_t)snprintf(text, sizeof text, "postfach-ledger 1\n");
}

static void line(const char *words)
{
    len += (size_t)snprintf(text + len, sizeof text - len, "%s *%08lx\n", words,
                            crc32(0, (const unsigned char *)words, (unsigned)strlen(words)));
}

static enum pf_code opens(struct pf_err *err)
{
    struct pf_ledger *l = NULL;
    enum pf_code code = pf_ledger_open(scene_path, "joe", 0, &l, err);

    pf_ledger_close(l);
    return code;
}

static enum pf_code looks(void)
{
    struct pf_ledger *l = NULL;
    enum pf_code code = pf_ledger_look(scene_path, "joe", &l, NULL);

    pf_ledger_close(l);
    return code;
}

/* What one open makes of the file, and that a second one finds nothing more to mend. */
static void assert_told(const char *known)
{
    static char before[300000], after[300000];
    struct pf_ledger *l = NULL;

    assert_int_equal(pf_ledger_look(scene_path, "joe", &l, NULL), PF_OK);
    assert_string_equal(told(l, false), known);
    pf_ledger_close(l);
    l = opened("joe");
    assert_string_equal(told(l, false), known);
    pf_ledger_close(l);
    slurp(before, sizeof before);
    assert_int_equal(opens(NULL), PF_OK);
    slurp(after, sizeof after);
    assert_string_equal(before, after);
}

static void a_record_torn_at_any_octet_is_cut_off(void **state)
{
    size_t from;

    (void)state;
    begin();
    line("who joe");
    line("done 1 2 - - a");
    from = len;
    line("done 1 2 - - b");
    for (size_t end = from; end < len; end++) {
        struct pf_ledger *l;

        spill(text, end);
        assert_told("a=D");
        l = opened("joe");
        put(l, PF_LEDGER_DONE, "c");
        pf_ledger_close(l);
        assert_told("a=D c=D");
    }
    spill(text, len);
    assert_told("a=D b=D");
}

static void a_creation_torn_at_any_octet_begins_anew(void **state)
{
    (void)state;
    begin();
    line("who joe");
    for (size_t end = 0; end < len; end++) {
        spill(text, end);
        assert_told("");
    }
    memset(text + 9, 0, 100);
    spill(text, 9 + 100);
    assert_told("");
}

/* A file system may keep a file's new length and lose its octets. */
static void zeros_at_the_end_are_cut_off(void **state)
{
    size_t from, end;

    (void)state;
    begin();
    line("who joe");
    line("done 1 2 - - a");
    from = len;
    line("done 1 2 - - b");
    line("done 1 2 - - c");
    end = len;
    for (size_t zeros = 1; zeros < 20; zeros++) {
        memset(text + from, 0, zeros);
        spill(text, from + 24);
        assert_told("a=D");
    }
    memset(text + from, 0, end - from);
    spill(text, end);
    assert_told("a=D");
    spill(text, sizeof text); /* longer than any line */
    assert_int_equal(opens(NULL), PF_OK);
    assert_told("a=D");
}

static void damage_in_the_middle_is_told_with_its_line(void **state)
{
    size_t from, next;
    struct pf_err err;
    static char after[300000];

    (void)state;
    begin();
    line("who joe");
    line("done 1 2 - - a");
    from = len;
    line("done 1 2 - - b");
    next = len;
    line("done 1 2 - - c");
    for (size_t at = from; at + 1 < len; at++) {
        char was = text[at];

        text[at] = (char)(was ^ 1);
        spill(text, len);
        assert_int_equal(looks(), PF_DAMAGED);
        assert_int_equal(opens(&err), PF_DAMAGED);
        assert_non_null(strstr(err.log, at < next ? "line 4" : "line 5"));
        assert_non_null(strstr(err.log, "hint:"));
        assert_int_equal(slurp(after, sizeof after), len);
        assert_memory_equal(after, text, len);
        text[at] = was;
    }
    memset(text + from, 0, 10); /* zeros, but good records behind them */
    spill(text, len);
    assert_int_equal(opens(&err), PF_DAMAGED);
}

static void what_is_no_ledger_is_left_alone(void **state)
{
    static const char *const others[] = {"postfach-ledger 2\n",
                                         "postfach-ledger 10\nwho joe\n",
                                         "postfach-ledger 1 \n",
                                         "postfach-ledger 12",
                                         "From joe\n",
                                         "x",
                                         "\n",
                                         "\n\n",
                                         "postfach-ledger 1\ndone 1 2 - - a *00000000\n",
                                         "postfach-ledger 1\n\n"};
    struct pf_err err;
    char after[512];

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        spill(others[i], strlen(others[i]));
        assert_int_equal(looks(), PF_DAMAGED);
        assert_int_equal(opens(&err), PF_DAMAGED);
        assert_non_null(strstr(err.log, "hint:"));
        slurp(after, sizeof after);
        assert_string_equal(after, others[i]);
    }
}

static void records_before_any_who_are_damage(void **state)
{
    (void)state;
    begin();
    line("done 1 2 - - a");
    spill(text, len);
    assert_int_equal(opens(NULL), PF_DAMAGED);
    begin();
    line("settled");
    spill(text, len);
    assert_int_equal(opens(NULL), PF_DAMAGED);
}

static void settled_under_another_who_forgets_ours(void **state)
{
    struct pf_ledger *l;

    (void)state;
    begin();
    line("who joe");
    line("done 1 2 - - a");
    line("who first");
    line("done 1 2 - - b");
    line("who second");
    line("done 1 2 - - c");
    line("settled");
    spill(text, len);
    l = opened("joe");
    assert_string_equal(told(l, false), "");
    assert_string_equal(told(l, true), "c=D");
    pf_ledger_close(l);
}

static void a_line_longer_than_any_of_ours_is_damage(void **state)
{
    struct pf_err err;

    (void)state;
    begin();
    line("who joe");
    memset(text + len, 'x', 200000);
    len += 200000;
    text[len++] = '\n';
    line("done 1 2 - - a");
    spill(text, len);
    assert_int_equal(opens(&err), PF_DAMAGED);
    assert_non_null(strstr(err.log, "line 3"));
}

static void lines_across_pieces_of_reading_are_whole(void **state)
{
    struct pf_ledger *l;
    struct pf_ledger_note seen;
    char words[64];

    (void)state;
    begin();
    line("who joe");
    for (int i = 0; i < 8000; i++) {
        snprintf(words, sizeof words, "done 1 %d - - u%d", i, i);
        line(words);
    }
    spill(text, len);
    l = opened("joe");
    assert_int_equal(pf_ledger_count(l), 8000);
    for (size_t i = 0; i < 8000; i++) {
        pf_ledger_at(l, i, &seen);
        assert_int_equal(seen.octets, i);
    }
    pf_ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        S(a_record_torn_at_any_octet_is_cut_off),
        S(a_creation_torn_at_any_octet_begins_anew),
        S(zeros_at_the_end_are_cut_off),
        S(damage_in_the_middle_is_told_with_its_line),
        S(what_is_no_ledger_is_left_alone),
        S(records_before_any_who_are_damage),
        S(settled_under_another_who_forgets_ours),
        S(a_line_longer_than_any_of_ours_is_damage),
        S(lines_across_pieces_of_reading_are_whole),
    };

    return RUN(tests);
}
