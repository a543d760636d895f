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

enum pf_code pf_import_wrong(struct pf_import *, const char *what);

/* A run control file of fetchmail is words; what they belong to is known by keywords alone
 * (fetchmail(1), "THE RUN CONTROL FILE"). */
struct pf_import_token {
    char text[2048];
    size_t len;
    bool quoted, end;
};
struct pf_import_words {
    struct pf_import *import;
    struct pf_bytes rest;
    struct pf_import_token token; /* the one that is looked at */
};
/* The next word, whatever it is: where a value or a name is expected. */
enum pf_code pf_import_literal(struct pf_import_words *);
/* The next word that means something. */
enum pf_code pf_import_next(struct pf_import_words *);
bool pf_import_is_noise(const struct pf_import_token *);

enum pf_import_what {
    PF_IMPORT_FLAG,
    PF_IMPORT_ONE,
    PF_IMPORT_MANY,
    PF_IMPORT_TLS,
    PF_IMPORT_PROTOCOL,
    PF_IMPORT_USER,
    PF_IMPORT_NAMES,
    PF_IMPORT_KEEP,
    PF_IMPORT_NO,
    PF_IMPORT_ENTRY,
    PF_IMPORT_SET,
    PF_IMPORT_HOSTS,
};
struct pf_import_keyword {
    const char *name;
    enum pf_import_what what;
    size_t at; /* where its text or number goes, and 1; 0: nowhere, it is told in a comment */
};
/* The keyword, also with `no` right before it; NULL when it is none. */
const struct pf_import_keyword *pf_import_keyword(const struct pf_import_token *, bool *out_no);

/* A copy; "" without memory, so that nothing more is said there. */
const char *pf_import_text(struct pf_import *, struct pf_bytes);
void pf_import_note(struct pf_import *, struct pf_import_account *, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Writes one account; false when there are too many. */
bool pf_import_write(struct pf_import *, struct pf_import_account *);

#endif
