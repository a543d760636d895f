/* PAM: the machine's own users, judged by whatever modules its administrator has put there.
 *
 * Modules are other people's code: they block, fork, take signals and memory, and some end the process. So they
 * never run in the server. Each question starts a helper, `postfach-pam`, in a process group of its own with nothing
 * open but the one socket, and with a clean environment; it is killed with its group when the time is over. What a
 * module has put into a session of its own, as pam_exec(8) does with what it starts, goes on alone.
 *
 * Question: service, user, password and peer's address, each behind its length (two octets, most significant first),
 * then the end of the stream. Answer: one line, `yes NAME`, `no REASON` or `trouble REASON`, and an exit status that
 * must agree with it, because a module that ends the process with exit(0) has not said yes.
 *
 * Laws:
 *   - A user is who getpwnam(3) knows and whose uid is 1000 or greater, but not 65534 (nobody): system users have no
 *     mail here. The shell does not matter: /usr/sbin/nologin is what users have who only get mail.
 *   - The name is what the passwd entry has, and with the answer what PAM made of it. Nothing else is taken: where the
 *     mail is, the settings say.
 *   - The password is told once. A module that asks for more, or for something else, is PF_TEMP.
 *   - A password of the user that has expired is a wrong password.
 *
 * The helper is what was installed (libexecdir), or what the variable POSTFACH_PAM of the server's environment names.
 * It has no rights that the server has not; pam_unix(8) needs those of root or of the group shadow. */
#ifndef POSTFACH_AUTH_AUTH_PAM_H
#define POSTFACH_AUTH_AUTH_PAM_H

#include "auth/auth_source.h"

extern const struct pf_auth_source pf_auth_pam_source;

enum pf_pam_part { PF_PAM_SERVICE, PF_PAM_USER, PF_PAM_SECRET, PF_PAM_PEER, PF_PAM_PARTS };
enum {
    PF_PAM_TEXT_MAX = 1024,
    PF_PAM_REQUEST_MAX = PF_PAM_PARTS * (2 + PF_PAM_TEXT_MAX),
    PF_PAM_ANSWER_MAX = 400 /* octets of the line */
};

/* What the helper's status is; others are PF_TEMP. */
enum { PF_PAM_EXIT_YES = 0, PF_PAM_EXIT_NO = 1, PF_PAM_EXIT_TROUBLE = 75 };

/* What a line and a status (as of waitpid(2)) say: PF_OK with the entry's name, PF_AUTH or PF_TEMP. */
enum pf_code pf_pam_answer(struct pf_bytes line, int status, struct pf_auth_entry *, struct pf_err *err);

#endif
