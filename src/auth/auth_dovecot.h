/* Dovecot: users and passwords that another server's auth process knows, through its sockets.
 *
 * Passwords are judged by an `auth-client` socket (`path`), with the mechanism PLAIN of its protocol; users are told
 * by an `auth-userdb` socket (`user_path`). Both speak in lines of fields with tabs between them, version 1.
 * Where there is no `user_path`, everybody is a user to `find`, and only `verify` tells.
 *
 * Laws:
 *   - FAIL is a wrong password unless it says `temp`; NOTFOUND is no user; FAIL about a user is PF_TEMP.
 *   - An answer has the number of its question, or the connection is dropped. So it is after a line that
 *     is too long, and after a question that was given up: nobody ever reads what was meant for somebody else.
 *   - The name is what Dovecot says it is (`user`). Fields that mean something here are taken (`mail` and
 *     `quota_rule`, and what the password file knows); a `mail` that is neither a Maildir nor an mbox is PF_TEMP.
 *     `home` alone says nothing about where the mail is.
 *   - A connection names itself by a random number where the protocol wants a process id, because Dovecot takes one
 *     connection for each; it is greater than any process id, so that it is nobody's.
 *   - Nobody logs in there afterwards (nologin): no request is kept waiting for that.
 *   - Dovecot is told not to punish the address (no-penalty): here failures are counted, too. It still answers a
 *     wrong password late (auth_failure_delay), and so long a connection is taken. */
#ifndef POSTFACH_AUTH_AUTH_DOVECOT_H
#define POSTFACH_AUTH_AUTH_DOVECOT_H

#include "auth/auth_source.h"

enum {
    PF_DOVECOT_LINE_MAX = 8192, /* Dovecot's own limit */
    PF_DOVECOT_LINES_MAX = 256  /* of a greeting */
};

extern const struct pf_auth_source pf_auth_dovecot_source;

/* auth_dovecot_line.c: what lines mean (without their ends). Nothing here waits. */

/* What a server says first. All zero before. */
struct pf_dovecot_hello {
    bool version, plain, done;
};
/* PF_OK, or PF_TEMP with err. `users`: it is an auth-userdb socket. */
enum pf_code pf_dovecot_hello(struct pf_dovecot_hello *, struct pf_bytes line, bool users, struct pf_err *err);

/* The answers to a question: PF_AGAIN when the line is none (what is not known is read over), PF_BUSY with err when it
 * is against the protocol; else what auth_source.h says. */
enum pf_code pf_dovecot_login_answer(struct pf_bytes line, unsigned id, struct pf_auth_entry *, struct pf_err *err);
enum pf_code pf_dovecot_user_answer(struct pf_bytes line, unsigned id, struct pf_auth_entry *, struct pf_err *err);

/* Questions, with their ends; false when there is no room. */
bool pf_dovecot_login_question(const struct pf_auth_proof *, const char *service, unsigned id, struct pf_span *out);
bool pf_dovecot_user_question(struct pf_bytes name, const char *service, unsigned id, struct pf_span *out);

/* A field with its escapes undone (\001 and 0, 1, t, r, n); false for other escapes, or without room. */
bool pf_dovecot_unescape(struct pf_bytes field, struct pf_span *out);
bool pf_dovecot_escape(struct pf_bytes text, struct pf_span *out);

#endif
