/* `postfach why`: what became of a mail, from the journal (base/journal.h). */
#ifndef POSTFACH_TOOL_WHY_H
#define POSTFACH_TOOL_WHY_H

int pf_tool_why(int argc, char **argv);

#endif
