/* Addresses of the envelope: the path of MAIL and RCPT (RFC 5321 section 4.1.2, RFC 6531 section
 * 3.3).
 *
 * What comes out is what the world works with: without brackets, without the source route (ignored,
 * RFC 5321 appendix C), and with one spelling for each local part: "a b"@x keeps its quotes,
 * "ab"@x loses them, "a\b"@x loses the backslash (section 4.1.2: quote only where it is needed).
 * The case of letters stays as it is; who compares decides what it means. No control octet gets
 * through, so an address may be put into a header line or a reply as it is. */
#ifndef POSTFACH_PROTO_LMTP_ADDRESS_H
#define POSTFACH_PROTO_LMTP_ADDRESS_H

#include <postfach/bytes.h>

enum {
    /* RFC 5321 section 4.5.3.1 asks for 64 and 255; return addresses that encode the recipient
     * (VERP, SRS) have longer local parts. */
    PF_LMTP_LOCAL_MAX = 256,
    PF_LMTP_DOMAIN_MAX = 255,
    PF_LMTP_ADDRESS_MAX = PF_LMTP_LOCAL_MAX + 1 + PF_LMTP_DOMAIN_MAX
};

enum pf_lmtp_path_fault { PF_LMTP_PATH_GOOD, PF_LMTP_PATH_SYNTAX, PF_LMTP_PATH_TOO_LONG };

enum pf_lmtp_path_kind { PF_LMTP_REVERSE, PF_LMTP_FORWARD };

struct pf_lmtp_path {
    unsigned char room[PF_LMTP_ADDRESS_MAX];
    struct pf_span address; /* over room; empty for <>, "postmaster" (small) for <Postmaster> */
    struct pf_bytes rest;   /* of the input, behind the '>' */
    bool utf8;              /* octets beyond ASCII (valid UTF-8): needs SMTPUTF8 */
};

/* Reads "<...>" at the start of `in`. A reverse path may be empty, a forward path may be
 * "postmaster" in any case (RFC 5321 section 4.5.1). *out_path holds pointers to itself: it is not
 * to be copied. */
enum pf_lmtp_path_fault pf_lmtp_path_read(struct pf_bytes in, enum pf_lmtp_path_kind,
                                          struct pf_lmtp_path *out_path);

#endif
