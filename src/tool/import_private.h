/* What both readers fill, and how it is written. */
#ifndef POSTFACH_TOOL_IMPORT_PRIVATE_H
#define POSTFACH_TOOL_IMPORT_PRIVATE_H

#include "conf/memory.h"
#include "tool/import.h"

enum { PF_IMPORT_ACCOUNTS = 1000, PF_IMPORT_NOTES = 40 };

/* What is not said is NULL or 0. */
struct pf_import_account {
    const char *name, *server, *user, *tls; /* tls: a word of ours */
    const char *password, *password_shell, *ca, *certificate, *key, *server_name, *mechanisms;
    const char *maildir, *mbox, *shell, *lmtp, *smtp, *recipient;
    const char *notes[PF_IMPORT_NOTES]; /* for comments */
    size_t note_count;
    uint64_t port, size_limit, number_limit, poll, answer_time;
    bool keep, all, disabled, unchecked;
    const char *left_out; /* why it becomes a comment */
};

struct pf_import {
    FILE *to;
    struct pf_conf_memory *memory;
    const char *names[PF_IMPORT_ACCOUNTS];
    size_t count;
    struct pf_err *err;
    unsigned line;
};

/* A copy; "" without memory, so that nothing more is said there. */
const char *pf_import_text(struct pf_import *, struct pf_bytes);
void pf_import_note(struct pf_import *, struct pf_import_account *, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Writes one account; false when there are too many. */
bool pf_import_write(struct pf_import *, struct pf_import_account *);

#endif
