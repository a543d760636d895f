/* Helper: a subcommand that is a program of its own.
 *
 * `postfach` loads nothing itself, so that no word costs what another one needs: each is done by a second program,
 * `postfach-NAME`, beside this one (the build folder) or in libexec, which takes this one's place
 * (doc/why/11-deliver-start.md). One program may serve several words. */
#ifndef POSTFACH_TOOL_HELPER_H
#define POSTFACH_TOOL_HELPER_H

/* Runs postfach-PROGRAM with the arguments from argv[0], the word, on. Returns only when it cannot be started: says
 * why, and gives the exit status. */
int pf_tool_helper(const char *program, char **argv);

#endif
