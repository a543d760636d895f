/* Speech: what the client's commands say to people, in German or English by the locale.
 *
 * Both texts stand side by side where they are said, so that neither is forgotten when one is changed,
 * and the compiler checks the formats of both. Words for programs (--json, exit statuses, the ledger)
 * are English always. */
#ifndef POSTFACH_TOOL_SPEECH_H
#define POSTFACH_TOOL_SPEECH_H

#include <stdbool.h>

/* By LC_ALL, LC_MESSAGES, LANG, the first that is set: one that begins with "de". */
bool pf_tool_german(void);

#define pf_say(english, german) (pf_tool_german() ? (german) : (english))

#endif
