/* Ctl words: what is asked of the control socket, and of the port for figures.
 *
 * The control socket takes a line: SESSIONS, SESSIONS ALL, KICK ID number or gate.number, KICK USER name,
 * RELOAD, STATS, or METRICS; words are in capitals, with one space between
 * them, the line ends in LF or CRLF. The port for figures takes one request of
 * HTTP/1.0 or 1.1 (RFC 9112), which must be GET /metrics; whatever else is
 * sent there is refused by the strictest reading: a request that two programs
 * could read in two ways is none. Nothing is kept between calls. */
#ifndef POSTFACH_PROTO_CTL_WORDS_H
#define POSTFACH_PROTO_CTL_WORDS_H

#include <postfach/bytes.h>

enum {
    PF_CTL_LINE_MAX = 512,  /* with its end: KICK USER and the longest name of a user, which has 255 octets */
    PF_CTL_HEAD_MAX = 4096, /* of a request: Prometheus sends 300 octets, a browser 1000 */
    PF_CTL_FIELDS_MAX = 64  /* of its head */
};

enum pf_ctl_word {
    PF_CTL_BAD,
    PF_CTL_SESSIONS,
    PF_CTL_KICK_ID,
    PF_CTL_KICK_USER,
    PF_CTL_RELOAD,
    PF_CTL_STATS,
    PF_CTL_METRICS,
    PF_CTL_SESSIONS_ALL /* with all that is known of each */
};

struct pf_ctl_request {
    enum pf_ctl_word word;
    uint64_t id;           /* PF_CTL_KICK_ID */
    struct pf_bytes name;  /* PF_CTL_KICK_USER: a view into the line */
    uint32_t gate;         /* PF_CTL_KICK_ID: what stands before the dot; 0: there is none */
};

/* `line` is without its LF; a CR at its end is taken off. */
struct pf_ctl_request pf_ctl_request_of(struct pf_bytes line);

/* What is to be answered to the head of a request, as far as it has come; 0: its end is not here yet. */
enum pf_ctl_status {
    PF_CTL_HTTP_MORE = 0,
    PF_CTL_HTTP_OK = 200,
    PF_CTL_HTTP_BAD = 400,
    PF_CTL_HTTP_NOT_FOUND = 404,
    PF_CTL_HTTP_METHOD = 405,
    PF_CTL_HTTP_LARGE = 431,
    PF_CTL_HTTP_VERSION = 505
};
enum pf_ctl_status pf_ctl_http(struct pf_bytes head);
/* "200 OK" and so on. */
const char *pf_ctl_http_text(enum pf_ctl_status);

#endif
