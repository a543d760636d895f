#include "unit/cm.h"

#include "base/words.h"
#include "tool/speech.h"

#include <postfach/err.h>

#include <inttypes.h>
#include <stdlib.h>

static void speak(const char *all, const char *messages, const char *lang)
{
    setenv("LC_ALL", all, 1);
    setenv("LC_MESSAGES", messages, 1);
    setenv("LANG", lang, 1);
}

static void the_first_that_is_set_decides(void **state)
{
    (void)state;
    speak("", "", "de_DE.UTF-8");
    assert_true(pf_tool_german());
    speak("", "C.UTF-8", "de_DE.UTF-8");
    assert_false(pf_tool_german());
    speak("de", "C", "C");
    assert_true(pf_tool_german());
    speak("den", "de", "de");
    assert_false(pf_tool_german());
    assert_string_equal(pf_say("one", "eins"), "one");
}

static void errors_of_lower_rooms_have_their_german(void **state)
{
    struct pf_err err;

    (void)state;
    speak("de_DE.UTF-8", "", "");
    pf_fail(&err, PF_CONFIG, 0, "dial", "the name %.200s is unknown: is it spelled right?",
            "pop.example.org");
    assert_string_equal(err.log, "der Name pop.example.org ist unbekannt: ist er richtig geschrieben?");
    pf_fail(&err, PF_TEMP, 0, "test", "nobody ever says this: %d", 7);
    assert_string_equal(err.log, "nobody ever says this: 7");
    speak("C", "", "");
    pf_fail(&err, PF_CONFIG, 0, "dial", "the name %.200s is unknown: is it spelled right?",
            "pop.example.org");
    assert_string_equal(err.log, "the name pop.example.org is unknown: is it spelled right?");
}

static void each_row_is_found_by_its_english(void **state)
{
    static const struct {
        const char *english, *german;
    } rows[] = {
#define PF_WORDS_ROW(english, german) {english, german},
#include "tool/words.def"
#undef PF_WORDS_ROW
    };

    (void)state;
    speak("de_AT", "", "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(pf_words(rows[i].english), rows[i].german);
        /* What is put in must have room as well. */
        assert_true(strlen(rows[i].german) < PF_ERR_LOG - 60);
    }
}

static void programs_are_spoken_to_in_english(void **state)
{
    (void)state;
    speak("de_DE.UTF-8", "", "");
    assert_true(pf_tool_speaks_to_persons());
    assert_string_equal(pf_words("given up"), "abgebrochen");
    pf_tool_speak_to_programs();
    assert_false(pf_tool_speaks_to_persons());
    assert_string_equal(pf_words("given up"), "given up");
    assert_string_equal(pf_say("one", "eins"), "eins"); /* what a person reads beside it */
    unsetenv("POSTFACH_WORDS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_first_that_is_set_decides),
        T(errors_of_lower_rooms_have_their_german),
        T(each_row_is_found_by_its_english),
        T(programs_are_spoken_to_in_english),
    };

    return RUN(tests);
}
