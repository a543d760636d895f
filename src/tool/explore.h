/* postfach explore: a maildrop of somebody's server on a screen. */
#ifndef POSTFACH_TOOL_EXPLORE_H
#define POSTFACH_TOOL_EXPLORE_H

int pf_tool_explore(int argc, char **argv);

#endif
