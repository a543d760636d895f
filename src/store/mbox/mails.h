/* Mails: what is known of the messages of one mbox file, in the order of the file. */
#ifndef POSTFACH_STORE_MBOX_MAILS_H
#define POSTFACH_STORE_MBOX_MAILS_H

#include "store/maildir/uidl_file.h"

#include <postfach/listing.h>

enum {
    PF_MBOX_SEEN = 1,   /* Status says R, or fetched by us */
    PF_MBOX_HIDDEN = 2, /* internal data of other software: not shown, and stays */
    PF_MBOX_FLOAT = 4,  /* a record without place: only UIDL and digest hold */
    PF_MBOX_TAKEN = 8,  /* while records and messages are matched */
    PF_MBOX_GONE = 16   /* removed by this session */
};

struct pf_mbox_mail {
    uint64_t from_at;  /* of the From_ line */
    uint64_t text_at;  /* behind it */
    uint64_t len;      /* octets of text in the file, without the empty line at the end */
    uint64_t octets;   /* on the wire */
    uint64_t sum;      /* of the octets that read hands out: any change shows */
    uint64_t from_sum; /* of the From_ line */
    uint64_t id[2];    /* digest without what mail readers change */
    int64_t arrival;   /* seconds since 1970; 0 unknown */
    uint32_t flags;
    uint32_t uidl_len; /* 0: none yet */
    size_t uidl_at;    /* in text */
};

struct pf_mbox_mails {
    struct pf_mbox_mail *at;
    uint32_t count;
    uint32_t cap;
    struct pf_maildir_text text;
};

/* Adds a copy. False without memory. */
bool pf_mbox_mails_add(struct pf_mbox_mails *, const struct pf_mbox_mail *, struct pf_bytes uidl);
bool pf_mbox_mail_name(struct pf_mbox_mails *, uint32_t index, struct pf_bytes uidl);
void pf_mbox_mails_done(struct pf_mbox_mails *);

static inline struct pf_bytes pf_mbox_uidl(const struct pf_mbox_mails *m, uint32_t index)
{
    return pf_bytes_from(m->text.at + m->at[index].uidl_at, m->at[index].uidl_len);
}

/* 1..70 octets of 0x21..0x7E (RFC 1939 section 7). */
bool pf_mbox_uidl_legal(struct pf_bytes);

#endif
