/* `postfach users`: what a running server knows of its users.
 *
 * insecure: who still logs in without TLS, with an old TLS, by APOP or by CRAM-MD5, from the record that the
 * server keeps (auth/record.h); to know whom it would shut out to forbid that. */
#ifndef POSTFACH_TOOL_USERS_H
#define POSTFACH_TOOL_USERS_H

/* argv[0] is "users". 0: nobody; 1: somebody; else an exit status of verdict.def. */
int pf_tool_users(int argc, char **argv);

#endif
