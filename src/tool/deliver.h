/* `postfach deliver`: a message from the standard input into a maildrop, for mail servers that start a
 * program for each message.
 *
 * The exit status is all that the mail server acts on: 0 only when the message is on disk for
 * everybody it is for; 75 for whatever may be better later, also what an administrator must mend
 * first, so that mail waits; 67 for an unknown user, 65 for a message that can never be delivered, 64 for a wrong
 * command line. Before the whole message was read nothing is sealed. */
#ifndef POSTFACH_TOOL_DELIVER_H
#define POSTFACH_TOOL_DELIVER_H

int pf_tool_deliver(int argc, char **argv);

#endif
