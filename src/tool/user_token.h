/* `postfach user token`: further passwords of a user, each with less power (auth/tokens.h). */
#ifndef POSTFACH_TOOL_USER_TOKEN_H
#define POSTFACH_TOOL_USER_TOKEN_H

/* argv[0] is "token". An exit status of verdict.def. */
int pf_tool_user_token(int argc, char **argv);

#endif
