/* Speech: what the client's commands say to people, in German or English by the locale.
 *
 * Both texts stand side by side where they are said, so that neither is forgotten when one is changed,
 * and the compiler checks the formats of both. What lower rooms say about errors has its German in
 * words.def (base/words.h). Words for programs (--json, exit statuses, the ledger) are English always.
 */
#ifndef POSTFACH_TOOL_SPEECH_H
#define POSTFACH_TOOL_SPEECH_H

#include <stdbool.h>

/* By LC_ALL, LC_MESSAGES, LANG, the first that is set: one that begins with "de". */
bool pf_tool_german(void);

/* From now on, also in programs that are started, errors are told in English: a program reads them. For
 * the beginning, before there are threads. */
void pf_tool_speak_to_programs(void);
bool pf_tool_speaks_to_persons(void);

#define pf_say(english, german) (pf_tool_german() ? (german) : (english))

#endif
