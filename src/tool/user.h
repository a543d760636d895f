/* `postfach user`: the accounts of a password file, from a shell.
 *
 * add, passwd, remove, list, check. The file is changed in one step and under a
 * lock (auth/users_edit.h), so that a running server never reads half of it;
 * the server notices by itself. Passwords come from the terminal (asked for twice, not shown),
 * from one line of the standard input, or from chance; never from the command
 * line, which every user of the machine can read. */
#ifndef POSTFACH_TOOL_USER_H
#define POSTFACH_TOOL_USER_H

/* argv[0] is "user". An exit status of verdict.def. */
int pf_tool_user(int argc, char **argv);

#endif
