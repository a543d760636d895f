#include "store/maildir/squeeze.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Input and output are views; zlib then promises not to write through the former. */
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    INPUT = 16384,
    /* What zstd itself reads without being asked for more: its levels up to 22 write windows up to
     * 2^27. Memory for one is touched only as far as the text is long. */
    WINDOW_LOG_MAX = 27,
    GZIP_ONLY = 16 + MAX_WBITS
};

/* Bombs. What MTAs let in is rarely above 64 MiB, and may shrink to anything (a zeroed disk image,
 * base64). Longer text that shrinks to less than a 256th, and text beyond 4 GiB, is no mail. */
#define FREE_TEXT ((uint64_t)64 << 20)
#define RATIO_MAX 256
#define TEXT_MAX ((uint64_t)4 << 30)

struct pf_maildir_squeeze {
    int fd;
    bool eof;
    bool between; /* a member or frame has ended, and no other has begun */
    bool begun;
    const char *fault;
    uint64_t taken; /* octets of the file that came into `input` */
    uint64_t made;
    z_stream gzip;
    ZSTD_DStream *zstd; /* NULL: it is gzip */
    bool framed;        /* inside a frame of zstd: */
    uint64_t frame_from; /* text before it */
    unsigned long long frame_len; /* as its head promises, or one of ZSTD_CONTENTSIZE_... */
    size_t at, len; /* in `input` */
    unsigned char input[INPUT];
};

static bool is_gzip(struct pf_bytes head)
{
    return head.len >= 2 && head.at[0] == 0x1f && head.at[1] == 0x8b;
}

static bool is_zstd(struct pf_bytes head)
{
    static const unsigned char magic[PF_MAILDIR_MAGIC] = {0x28, 0xb5, 0x2f, 0xfd};

    return head.len >= sizeof magic && memcmp(head.at, magic, sizeof magic) == 0;
}

bool pf_maildir_squeeze_is(struct pf_bytes head)
{
    return is_gzip(head) || is_zstd(head);
}

static bool begin(struct pf_maildir_squeeze *s, struct pf_bytes head)
{
    if (!is_zstd(head))
        return s->begun = inflateInit2(&s->gzip, GZIP_ONLY) == Z_OK;
    s->zstd = ZSTD_createDStream();
    return s->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax,
                                                           WINDOW_LOG_MAX));
}

struct pf_maildir_squeeze *pf_maildir_squeeze_new(int fd, struct pf_bytes head)
{
    struct pf_maildir_squeeze *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->fd = fd;
    if (begin(s, head))
        return s;
    pf_maildir_squeeze_free(s);
    return NULL;
}

void pf_maildir_squeeze_free(struct pf_maildir_squeeze *s)
{
    if (!s)
        return;
    if (s->begun)
        inflateEnd(&s->gzip);
    ZSTD_freeDStream(s->zstd);
    free(s);
}

static int faulty(struct pf_maildir_squeeze *s, const char *fault)
{
    s->fault = fault;
    return EBADMSG;
}

static int refill(struct pf_maildir_squeeze *s)
{
    ssize_t got;

    do
        got = pread(s->fd, s->input, sizeof s->input, (off_t)s->taken);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno;
    s->eof = got == 0;
    s->at = 0;
    s->len = (size_t)got;
    s->taken += (uint64_t)got;
    return 0;
}

/* One step of gzip; *got counts on. Another member may follow an ended one (RFC 1952 section 2.2). */
static int step_gzip(struct pf_maildir_squeeze *s, unsigned char *at, size_t cap, size_t *got)
{
    uInt room = cap - *got < INPUT ? (uInt)(cap - *got) : INPUT;
    int code;

    if (s->between && inflateReset(&s->gzip) != Z_OK)
        return faulty(s, "its gzip data cannot be read");
    s->between = false;
    s->gzip.next_in = s->input + s->at;
    s->gzip.avail_in = (uInt)(s->len - s->at);
    s->gzip.next_out = at + *got;
    s->gzip.avail_out = room;
    code = inflate(&s->gzip, Z_NO_FLUSH);
    s->at = s->len - s->gzip.avail_in;
    *got += room - s->gzip.avail_out;
    s->between = code == Z_STREAM_END;
    if (code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR)
        return 0;
    return code == Z_MEM_ERROR ? ENOMEM : faulty(s, "its gzip data is damaged");
}

/* A frame's head may promise its size; zstd itself does not hold a stream to that when an empty block
 * ends it early. */
static int enter_frame(struct pf_maildir_squeeze *s)
{
    unsigned char head[18]; /* the longest there is (RFC 8878 section 3.1.1.1) */
    ssize_t got = pread(s->fd, head, sizeof head, (off_t)(s->taken - (s->len - s->at)));

    if (got < 0)
        return errno;
    s->framed = true;
    s->frame_from = s->made;
    s->frame_len = ZSTD_getFrameContentSize(head, (size_t)got);
    return 0;
}

static int leave_frame(struct pf_maildir_squeeze *s, size_t more)
{
    s->framed = false;
    s->between = true;
    if (s->frame_len < ZSTD_CONTENTSIZE_ERROR && s->made + more - s->frame_from != s->frame_len)
        return faulty(s, "its zstd data is not as long as it says");
    return 0;
}

static int step_zstd(struct pf_maildir_squeeze *s, unsigned char *at, size_t cap, size_t *got)
{
    int bad = s->framed ? 0 : enter_frame(s);
    ZSTD_inBuffer in = {s->input, s->len, s->at};
    ZSTD_outBuffer out = {at, cap, *got};
    size_t code;

    if (bad)
        return bad;
    code = ZSTD_decompressStream(s->zstd, &out, &in);
    s->at = in.pos;
    s->between = false;
    if (code == 0)
        bad = leave_frame(s, out.pos - *got);
    *got = out.pos;
    if (!ZSTD_isError(code))
        return bad;
    if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
        return ENOMEM;
    if (ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge)
        return faulty(s, "its zstd window is larger than 128 MiB");
    return faulty(s, "its zstd data is damaged");
}

static bool is_bomb(const struct pf_maildir_squeeze *s)
{
    uint64_t used = s->taken - (s->len - s->at);

    return s->made > TEXT_MAX || (s->made > FREE_TEXT && s->made / RATIO_MAX > used);
}

static int step(struct pf_maildir_squeeze *s, unsigned char *at, size_t cap, size_t *got,
                bool *end)
{
    size_t before = *got, from;
    int bad = s->at == s->len && !s->eof ? refill(s) : 0;

    if (bad)
        return bad;
    from = s->at;
    *end = s->between && s->at == s->len;
    if (*end)
        return 0;
    bad = s->zstd ? step_zstd(s, at, cap, got) : step_gzip(s, at, cap, got);
    s->made += *got - before;
    if (!bad && is_bomb(s))
        return faulty(s, "it unpacks to more than any message has");
    if (!bad && *got == before && s->at == from && !s->between)
        return faulty(s, "it is cut");
    return bad;
}

int pf_maildir_squeeze_read(struct pf_maildir_squeeze *s, unsigned char *at, size_t cap,
                            size_t *out_got, bool *out_end)
{
    size_t got = 0;
    bool end = false;
    int bad = s->fault ? EBADMSG : 0;

    while (!bad && !end && got < cap)
        bad = step(s, at, cap, &got, &end);
    if (bad)
        return bad;
    *out_got = got;
    *out_end = end;
    return 0;
}

uint64_t pf_maildir_squeeze_at(const struct pf_maildir_squeeze *s)
{
    return s->made;
}

const char *pf_maildir_squeeze_fault(const struct pf_maildir_squeeze *s)
{
    return s->fault ? s->fault : "";
}
