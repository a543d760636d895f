#include "tool/speech.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

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
