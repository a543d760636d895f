/* OAUTHBEARER (RFC 7628) and XOAUTH2: the messages, both sides, without a socket.
 *
 * OAUTHBEARER: "n,a=user@example.org,^Ahost=H^Aport=P^Aauth=Bearer TOKEN^A^A"
 * XOAUTH2:     "user=USER^Aauth=Bearer TOKEN^A^A"            (^A is octet 1) */
#ifndef POSTFACH_PROTO_OAUTH_H
#define POSTFACH_PROTO_OAUTH_H

#include <postfach/bytes.h>
#include <postfach/err.h>

enum pf_oauth_dialect { PF_OAUTHBEARER, PF_XOAUTH2 };

/* Views into the message; `user` is decoded (=2C, =3D) into `room`. */
struct pf_oauth_message {
    struct pf_bytes user, token, host, port; /* empty where not given */
    char room[256];
};

/* PF_OK or PF_SYNTAX (what is wrong is in err->log, never the token). */
enum pf_code pf_oauth_read(enum pf_oauth_dialect, struct pf_bytes message, struct pf_oauth_message *out,
                           struct pf_err *err);
/* The client's first message. False when it does not fit or a part cannot be said. */
bool pf_oauth_write(enum pf_oauth_dialect, const struct pf_oauth_message *, struct pf_span *out);
/* The server's word on a refused token, as JSON (RFC 7628 section 3.2.2). */
bool pf_oauth_refusal(enum pf_oauth_dialect, const char *scope, const char *configuration,
                      struct pf_span *out);

#endif
