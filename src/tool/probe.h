/* `postfach probe`: what a POP3 server tells a stranger.
 *
 * Connects, greets, asks for capabilities before and after TLS, looks at the
 * certificate as a client would, measures answers, and closes with QUIT; it
 * never logs in. Then it says what that means: each finding with a verdict
 * (good, note, bad) and a hint. Everything the server says is shown with
 * control octets replaced. */
#ifndef POSTFACH_TOOL_PROBE_H
#define POSTFACH_TOOL_PROBE_H

int pf_tool_probe(int argc, char **argv);

#endif
