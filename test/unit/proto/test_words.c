#include "unit/cm.h"

#include <postfach/err.h>

#include "base/text.h"
#include "proto/words.h"

static const struct pf_word *find(const char *keyword)
{
    return pf_word_find(pf_bytes_of(keyword));
}

static void w_002_keywords_match_without_regard_to_case(void **state)
{
    (void)state;
    assert_ptr_equal(find("RETR"), find("retr"));
    assert_ptr_equal(find("RETR"), find("rEtR"));
    assert_int_equal(find("utf8")->id, PF_WORD_UTF8);
    assert_int_equal(find("xsender")->id, PF_WORD_XSENDER);
}

static void what_is_no_word_is_not_found(void **state)
{
    static const char *const none[] = {"", "R", "RET", "RETRX", "XSENDERSX", "RETR:", "TOP\x01", "\xd2\x45TR",
                                       "2ETR", "retr "};

    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_null(find(none[i]));
    assert_null(pf_word_find(pf_bytes_from("TOP\0", 4)));
}

static void every_row_is_sound(void **state)
{
    static const char *const names[PF_WORDS] = {
#define PF_WORD(word, states, min, max, shape, flags, offer, server) #word,
#include <postfach/pop3_words.def>
#undef PF_WORD
    };

    (void)state;
    for (size_t i = 0; i < PF_WORDS; i++) {
        const struct pf_word *w = find(names[i]);

        assert_non_null(w);
        assert_int_equal(w->id, i);
        assert_true(w->min <= w->max && w->states != 0);
        assert_true(w->shape != PF_SHAPE_MULTI_IF_BARE || w->min == 0);
    }
}

static void p3_007_only_these_answers_have_many_lines(void **state)
{
    static const char *const single[] = {"DELE", "STAT", "NOOP", "QUIT", "USER", "PASS", "STLS", "RSET",
                                         "LAST", "APOP"};

    (void)state;
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        assert_int_equal(find(single[i])->shape, PF_SHAPE_SINGLE);
    assert_int_equal(find("RETR")->shape, PF_SHAPE_MULTI);
    assert_int_equal(find("TOP")->shape, PF_SHAPE_MULTI);
    assert_int_equal(find("CAPA")->shape, PF_SHAPE_MULTI);
    assert_int_equal(find("LIST")->shape, PF_SHAPE_MULTI_IF_BARE);
    assert_int_equal(find("UIDL")->shape, PF_SHAPE_MULTI_IF_BARE);
    assert_int_equal(find("AUTH")->shape, PF_SHAPE_MULTI_IF_BARE);
}

static void p3_006_the_minimal_commands_are_offered(void **state)
{
    static const char *const must[] = {"STAT", "LIST", "RETR", "DELE", "NOOP", "RSET", "QUIT"};

    (void)state;
    for (size_t i = 0; i < sizeof must / sizeof must[0]; i++) {
        assert_int_equal(find(must[i])->offer, PF_OFFER_ALWAYS);
        assert_true(find(must[i])->states & PF_IN_T);
    }
    assert_int_equal(find("USER")->offer, PF_OFFER_ALWAYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(w_002_keywords_match_without_regard_to_case), T(what_is_no_word_is_not_found),
        T(every_row_is_sound), T(p3_007_only_these_answers_have_many_lines),
        T(p3_006_the_minimal_commands_are_offered),
    };

    return RUN(tests);
}
