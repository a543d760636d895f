/* Sifted's eye: whether a message was sent to somebody, by the head that its delivery left.
 *
 * The recipient of the envelope is not in the message, but who delivers writes it at the top: Delivered-To
 * (ours, and most), X-Original-To (Postfix), Envelope-To (Exim; perhaps several, with commas). The first of these
 * fields from the top is the last delivery's, ours; what stands below came along and is not asked. An
 * address is the one looked for when local part and domain are the same, upper and lower case alike, quotes and
 * angle brackets aside. A host that is looked for by one label (anna@thor) is also every host whose first label that
 * is (anna@thor.demon.example): the maildrop is that host's, whatever its domain.
 *
 * Caveats: who delivers without any such field is not seen at all. A field of more than LINE octets does not count as
 * sent to anybody. A line that is no field ends the head, as the empty line does, but for the `From ` of an mbox. */
#ifndef POSTFACH_STORE_SIFTED_HEAD_H
#define POSTFACH_STORE_SIFTED_HEAD_H

#include <postfach/bytes.h>

enum {
    PF_SIFTED_HEAD_MAX = 65536, /* octets of a head that are looked at: fields of a delivery are its first lines */
    PF_SIFTED_LINE_MAX = 4096   /* of a field, unfolded: some sixty addresses */
};

enum pf_sifted { PF_SIFTED_MORE, PF_SIFTED_MATCH, PF_SIFTED_OTHER };

struct pf_sifted_head {
    struct pf_bytes local, host; /* who is looked for */
    size_t seen, len;
    size_t first_len; /* of the field's first line; 0: it has not ended. A name and its colon stand in it */
    bool at_start; /* of a line */
    bool first;    /* of the message */
    bool cut;      /* the field did not fit */
    unsigned char line[PF_SIFTED_LINE_MAX];
};

/* `recipient` is local@host, and stays. */
void pf_sifted_head_begin(struct pf_sifted_head *, const char *recipient);
/* A piece of the message, as stored or as sent; MORE: give the next one, or end. */
enum pf_sifted pf_sifted_head_feed(struct pf_sifted_head *, struct pf_bytes piece);
/* There is no next one. Never MORE. */
enum pf_sifted pf_sifted_head_end(struct pf_sifted_head *);

#endif
