/* Post: one message to many recipients.
 *
 * The text comes once, in pieces, and goes into a parcel for each maildrop it
 * is for; a recipient may have several (an alias). What happens to one recipient
 * concerns no other: a parcel that fails, or that takes longer for a piece than
 * PF_POST_SLOW, fails its recipient, is dropped as soon as the store lets go of
 * it, and the others go on. Parcels are sealed at the same time, and each recipient
 * is told as soon as all of his are on disk. Until the seals a recipient is all
 * or nothing; when one of several seals fails he is told so, and those whose seal
 * went well have the message.
 *
 * A message that was delivered to a recipient before (RFC 5321 section 6.3)
 * fails for him with PF_LOOP.
 *
 * The delivery that brings a maildrop over the percentage of its quota that the envelope names puts one more
 * message into it, which says so (quota_warning.h).
 *
 * One step at a time: begin, then write after write, then seal; the next when the
 * answer to the one before has come. Answers come on a later turn, never inside. */
#ifndef POSTFACH_SESSION_POST_H
#define POSTFACH_SESSION_POST_H

#include "session/post_text.h"
#include "store/store.h"

enum {
    PF_POST_PIECE = 65536, /* the most that one write takes */
    PF_POST_SLOW = 60000   /* ms for one piece: what a mail server waits is some minutes in all */
};

struct pf_post;

struct pf_post_stored {
    unsigned recipient;
    const char *user;
    const char *uidl;
    uint64_t octets;
    const char *path; /* of the maildrop */
};

/* A maildrop that a message is for. */
struct pf_post_target {
    const char *user, *path;
    uint64_t quota_octets, quota_messages; /* 0: no limit */
    uint64_t pass;                         /* as in struct pf_box_where */
};

/* The same for the store. */
struct pf_box_where pf_post_where(const struct pf_post_target *, int64_t now);

struct pf_post_asker {
    void *self; /* lives until `gone` */
    void (*begun)(void *self); /* whoever cannot have it is told by `sealed` */
    void (*written)(void *self);
    void (*stored)(void *self, const struct pf_post_stored *); /* a parcel is on disk; also behind pf_post_free */
    void (*sealed)(void *self, unsigned recipient, const struct pf_err *); /* once for each */
    void (*asked)(void *self, const struct pf_err *); /* would he get it? */
    void (*gone)(void *self); /* behind pf_post_free: the store holds nothing of it any more */
};

struct pf_post *pf_post_new(struct pf_store *, const struct pf_post_asker *, struct pf_err *err);
/* The next recipient; their numbers count from 0. Address and strings are copied. */
enum pf_code pf_post_recipient(struct pf_post *, struct pf_bytes address, struct pf_err *err);
/* A maildrop of the last recipient; strings are copied. */
enum pf_code pf_post_maildrop(struct pf_post *, const struct pf_post_target *, struct pf_err *err);
/* Asks the store whether each maildrop of the last recipient would take a message of `size` octets (0:
 * unknown) now. The next step when the answer, `asked`, has come. */
void pf_post_ask(struct pf_post *, uint64_t size, int64_t now);
/* Takes the last recipient back, also in `asked`. */
void pf_post_forget_last(struct pf_post *);
unsigned pf_post_recipients(const struct pf_post *);
struct pf_bytes pf_post_address(const struct pf_post *, unsigned recipient);
const char *pf_post_user(const struct pf_post *, unsigned recipient); /* one of them, or NULL */
/* Of the text so far; its view lives until the next call. */
struct pf_bytes pf_post_message_id(const struct pf_post *);

/* The envelope's `alone` is set here. */
void pf_post_begin(struct pf_post *, const struct pf_post_envelope *);
/* At most PF_POST_PIECE octets, copied at once. */
void pf_post_write(struct pf_post *, struct pf_bytes text);
void pf_post_seal(struct pf_post *);
/* At any time, also from inside an answer: what is not sealed yet is dropped, seals under way end. */
void pf_post_free(struct pf_post *);

#endif
