/* A mail server that says what a test wants: a process of its own on a socket. */
#ifndef POSTFACH_TEST_FAKEMTA_H
#define POSTFACH_TEST_FAKEMTA_H

#include <sys/types.h>

enum { FAKEMTA_MAILS = 6 };

/* Replies without their CRLF; NULL: the good one; "": the connection is closed instead. Those of a
 * message by its number, counted by MAIL over all connections. */
struct fakemta {
    const char *greeting, *hello /* to LHLO and EHLO */, *helo;
    const char *mail[FAKEMTA_MAILS], *rcpt[FAKEMTA_MAILS], *data[FAKEMTA_MAILS], *end[FAKEMTA_MAILS];
    unsigned text_most; /* octets of a text, and then the connection is closed; 0: all */
};

/* Listens on the socket `path`, or where that is NULL on a port of 127.0.0.1, and writes down everything
 * that it hears. */
pid_t fakemta_start(const struct fakemta *, const char *path, const char *log, unsigned *out_port);
void fakemta_stop(pid_t);

#endif
