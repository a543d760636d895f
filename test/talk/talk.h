/* Talks: conversations as data (README.md explains the format to people).
 *
 * talk_text reads the escapes, talk_box the maildrops, talk_read a whole talk
 * into a list of steps; talk_world answers what an engine asks, talk_drive moves octets in
 * one of several ways of cutting them, talk_expect compares what came out, and
 * talk_play walks the steps. Everything read from one talk lies in one pool. */
#ifndef POSTFACH_TEST_TALK_H
#define POSTFACH_TEST_TALK_H

#include <postfach/bytes.h>
#include <postfach/err.h>
#include <postfach/pop3_server.h>

enum {
    TALK_WILD = 256,  /* '*' in a pattern: any text within the line */
    TALK_USERS = 4,   /* users of one talk */
    TALK_FAULTS = 8,  /* faults of one talk */
    TALK_BOX = 64,    /* messages of one box */
    TALK_WHY = 600    /* a failure in words */
};

struct talk_pool {
    struct talk_chunk *chunks;
};

/* Zeroed memory that lives until the pool is freed; never NULL. */
void *talk_alloc(struct talk_pool *, size_t n);
char *talk_keep(struct talk_pool *, struct pf_bytes);
void talk_pool_free(struct talk_pool *);

/* A buffer that grows; `talk_buf_free` gives it back. */
struct talk_buf {
    unsigned char *at;
    size_t len, cap;
};

void talk_put(struct talk_buf *, struct pf_bytes);
void talk_drop(struct talk_buf *, size_t n); /* the first n octets */
void talk_buf_free(struct talk_buf *);

static inline struct pf_bytes talk_bytes(const struct talk_buf *b)
{
    return pf_bytes_from(b->at, b->len);
}

/* Octets, or TALK_WILD. */
struct talk_text {
    uint16_t *at;
    size_t len;
};

struct talk_message {
    const char *uid;
    struct pf_bytes stored; /* as the box gives it */
    struct pf_bytes wire;   /* CRLF, stuffed, with the last line's end, without the final dot */
    uint64_t octets;        /* as LIST must say */
    bool seen, gone;        /* fetched in, removed by an earlier session */
};

struct talk_box {
    struct talk_message *messages;
    uint32_t count;
    uint32_t first_count; /* before any `deliver` */
    bool sizes_only;      /* no bodies: `box sizes` */
};

/* Reads octets with escapes; NULL or what is wrong with them. `wild` makes a '*' TALK_WILD.
 * `box` may be NULL: then \uid{} is refused. */
const char *talk_text_read(struct talk_pool *, struct pf_bytes from, bool wild,
                           const struct talk_box *box, struct talk_text *out_text);
struct pf_bytes talk_text_bytes(struct talk_pool *, const struct talk_text *);
bool talk_text_matches(const struct talk_text *pattern, struct pf_bytes line);
/* For messages: printable, cut when long. */
const char *talk_show(char *to, size_t cap, struct pf_bytes);

/* NULL or what is wrong. `sizes`: "5000000000 1 ...". */
const char *talk_box_read(struct talk_pool *, const char *path, struct talk_box *out_box);
const char *talk_box_sizes(struct talk_pool *, struct pf_bytes sizes, struct talk_box *out_box);
/* The wire form of the header, the blank line and k lines of the body. */
struct pf_bytes talk_top(const struct talk_message *, uint64_t k);

enum talk_kind {
    TALK_SEND,     /* text */
    TALK_EXPECT,   /* text: one line */
    TALK_ANY,      /* lines up to the next TALK_EXPECT */
    TALK_HAS,      /* text: among the lines of the TALK_ANY before */
    TALK_LACKS,    /* text: not among them */
    TALK_MESSAGE,  /* message n */
    TALK_TOP,      /* message n, k = at */
    TALK_BEGIN,    /* a true beginning of message n, and nothing more */
    TALK_SPLIT,
    TALK_TOGETHER,
    TALK_STARTTLS,
    TALK_HALF_CLOSE,
    TALK_EOF,
    TALK_WAIT,     /* at: milliseconds */
    TALK_STALL,
    TALK_RESUME,
    TALK_SHUTDOWN,
    TALK_CLOSED,   /* n: enum pf_close, or -1 */
    TALK_CONNECT,
    TALK_LEFT,     /* n */
    TALK_KEPT,     /* text: numbers */
    TALK_DELIVER,  /* a copy of message n arrives */
    TALK_FAULT     /* fault */
};

enum talk_fault_kind {
    TALK_FAIL_AUTH,
    TALK_FAIL_OPEN,
    TALK_FAIL_EXPUNGE,
    TALK_FAIL_TLS,
    TALK_FAIL_READ,  /* message n ends at octet `at` with an error */
    TALK_FAIL_SHORT, /* it ends there, and the store calls that whole */
    TALK_FAIL_LONG   /* the store gives `at` octets more */
};

struct talk_fault {
    enum talk_fault_kind kind;
    uint32_t n;
    uint64_t at;
    enum pf_code code;
};

struct talk_step {
    enum talk_kind kind;
    unsigned line;
    struct talk_text text;
    struct talk_fault fault;
    int64_t n;
    uint64_t at;
};

struct talk_user {
    struct pf_bytes name, secret;
};

struct talk {
    struct talk_pool pool;
    const char *path;
    struct talk_step *steps;
    size_t count;
    struct talk_box box;
    struct talk_user users[TALK_USERS];
    size_t user_count;          /* 0: one named anna, with the password secret */
    struct pf_pop3_server_settings settings;
    struct pf_pop3_mechanism mechanisms[4];
    int32_t user_expire;        /* what tell OPEN says */
    uint32_t user_login_delay;
    bool xclient;               /* offered; the world refuses one without ADDR */
    const char *timestamp;      /* of APOP; NULL: it is not offered */
    const char *offer;          /* names of mechanisms; NULL: all */
    const char *offer_in_tls;   /* the same inside TLS; NULL: as before it */
    bool no_delete;
    bool tls;                   /* begins inside TLS */
    bool mark_seen;             /* the store remembers what RETR sent (LAST) */
    bool only_live;
    enum pf_code refuse;        /* PF_OK: a normal greeting */
    unsigned bad_line;          /* where reading failed */
    char why[TALK_WHY];         /* why it failed, else "" */
};

/* False: talk.why says why. talk_free in any case. `boxes` is the folder of the .box files. */
bool talk_read(struct talk *out_talk, const char *path, const char *boxes);
void talk_free(struct talk *);

#endif
