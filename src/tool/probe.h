/* `postfach probe`: what a POP3 server is, and what of it is not as it must be.
 *
 * It calls as a client would, knocks at the doors that a client never tries, and tells for each thing
 * that it looks at whether it is good, worth a note, or bad, with the place in the RFC and the octets
 * that prove it. Without --user it never logs in; with it, it reads, and deletes nothing. It is a
 * program of its own, postfach-probe, so that who delivers does not load what it needs.
 *
 *     probe.c             the command line, the doors, the order of it all
 *     probe_door.c        a visit; probe_link.c, probe_talk.c: how
 *     probe_tls.c, probe_chain.c   what TLS and certificates show
 *     probe_mail.c        what a login shows
 *     probe_rows.c        the table of checks; probe_judge*.c, probe_try.c: what they do
 *     probe_report.c, probe_json.c   telling it */
#ifndef POSTFACH_TOOL_PROBE_H
#define POSTFACH_TOOL_PROBE_H

int pf_tool_probe(int argc, char **argv);

#endif
