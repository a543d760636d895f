#include "tool/speech.h"

#include "base/words.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char for_programs[] = "POSTFACH_WORDS"; /* of the environment; "en" */

bool pf_tool_german(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strncmp(value, "de", 2) == 0 && (!value[2] || strchr("_.@", value[2]));
    }
    return false;
}

void pf_tool_speak_to_programs(void)
{
    setenv(for_programs, "en", 1);
}

bool pf_tool_speaks_to_persons(void)
{
    const char *value = getenv(for_programs);

    return !value || strcmp(value, "en") != 0;
}

const char *pf_words_catalogue(const char *english)
{
    static const struct {
        const char *english, *german;
    } rows[] = {
#define PF_WORDS_ROW(english, german) {english, german},
#include "tool/words.def"
#undef PF_WORDS_ROW
    };

    if (!pf_tool_german() || !pf_tool_speaks_to_persons())
        return english;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].english, english) == 0)
            return rows[i].german;
    return english;
}
