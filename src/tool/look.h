/* `postfach ls`, `show`, `save`, `rm`: somebody else's maildrop, message by message.
 *
 * They take an account's name, a URL or an address, and messages by number or by UID. A number means
 * something only within one session, so it is resolved in the session that acts on it; `uid:` before a
 * UID says that it is none. What is not asked for is not fetched: ls has heads by TOP, never messages.
 *
 * Nothing that a server or a mail says reaches a terminal as it is. */
#ifndef POSTFACH_TOOL_LOOK_H
#define POSTFACH_TOOL_LOOK_H

int pf_tool_ls(int argc, char **argv);
int pf_tool_show(int argc, char **argv);
int pf_tool_save(int argc, char **argv);
int pf_tool_rm(int argc, char **argv);

#endif
