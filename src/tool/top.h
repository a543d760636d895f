/* `postfach top`: who is at the running server and what it does, as a page that renews itself; and the place to
 * end a session from. Without a terminal, or with --once, the page is printed. */
#ifndef POSTFACH_TOOL_TOP_H
#define POSTFACH_TOOL_TOP_H

int pf_tool_top(int argc, char **argv);

#endif
