/* The carrier: a process that takes messages from a spool to where they belong, and outlives its master.
 *
 * A command, an LMTP or SMTP server, an mbox: their delivery is a moment that a fetcher cannot make
 * atomic with its own record. So it is done by `postfach-carry`, one for an account's run: when the
 * fetcher is killed, the carrier finishes the message under way, writes its record, and ends; since it
 * has inherited the ledger's lock, the next run waits for that moment and finds the truth. Only when the
 * carrier is killed, too (or the power goes) between delivery and record, one message may come twice,
 * never none; an mbox is searched then, and it comes once.
 *
 * The program is started with the place on its command line, descriptor 0 a pair to its master, 3 the
 * ledger's file, 4 its lock; what it has to tell people goes to its master. On the pair go frames
 * (sys/ipc.h); a request is one line of text, and so is its answer:
 *
 *   carry SERIAL FILE RECORD   deliver that file of the spool; RECORD is the ledger's line (`will`), which
 *                              is written first
 *   settle SERIAL RECORD       an earlier run's `will`: is it there?
 *   ended SERIAL CODE TEXT     the answer to either; CODE is a name of verdict.def
 *
 * To deliver: PF_OK, PF_PERM (the place refuses this message for good), PF_TEMP (this message not now);
 * anything else is the reason why no message can be delivered now. To settle: PF_OK it is there, PF_GONE
 * it is not, PF_AGAIN nobody can say, else it could not be found out and stays as it is.
 *
 * It answers in order. It writes `will`, and `done`, `refused` (PF_PERM) or `gone` (else: next time),
 * synced, before it answers, and removes the file of the spool. The master's end of the pair closed: it
 * ends after the message under way, and removes the files of those that it was told of and has not begun.
 *
 * Exit statuses of a command: 0 delivered; 64 to 68, 70, 76, 77 and 78 (sysexits(3)) refused; all others,
 * killed by a signal, longer than ten minutes: temporary. The one table is in carry_command.c, and in
 * postfach-fetch(1). */
#ifndef POSTFACH_FETCH_CARRY_H
#define POSTFACH_FETCH_CARRY_H

#include "conf/accounts.h"
#include "fetch/ledger.h"

/* How the name of a `will` of an mbox begins; SHA-256 of the text, which ends with a line's end, follows. */
#define PF_CARRY_DIGEST "sha256:"

enum { PF_CARRY_PACKET = 8192, PF_CARRY_LEDGER = 3, PF_CARRY_LOCK = 4 };

/* What one kind of place does with one message; blocks. */
struct pf_carry_kind {
    const char *name; /* command, mbox, lmtp, smtp */
    enum pf_code (*open)(const struct pf_account *, void **out_state, struct pf_err *);
    enum pf_code (*deliver)(void *state, int file, const struct pf_ledger_note *, struct pf_err *);
    /* NULL: nobody can say */
    enum pf_code (*settle)(void *state, const struct pf_ledger_note *, struct pf_err *);
    void (*close)(void *state);
};

extern const struct pf_carry_kind pf_carry_command, pf_carry_mbox, pf_carry_lmtp, pf_carry_smtp;

#endif
