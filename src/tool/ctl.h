/* `postfach ctl`: asks the running server through its control socket, who is here, to end a session, to read the
 * settings anew, and what it has counted. */
#ifndef POSTFACH_TOOL_CTL_H
#define POSTFACH_TOOL_CTL_H

int pf_tool_ctl(int argc, char **argv);

#endif
