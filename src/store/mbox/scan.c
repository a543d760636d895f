#include "store/mbox/scan.h"

#include "base/crlf.h"
#include "base/text.h"
#include "store/mbox/digest.h"
#include "store/mbox/from.h"
#include "store/mbox/head.h"
#include "store/mbox/length.h"
#include "store/mbox/lines.h"
#include "store/mbox/quote.h"

#include <errno.h>
#include <stdlib.h>

static const char where[] = "mbox_scan";

enum { TOUCH_EVERY = 1 << 20 }; /* octets: milliseconds, or a second on a bad day */

/* The pass as it stands. */
struct pass {
    const struct pf_mbox_scanner *how;
    struct pf_mbox_mails *mails;
    struct pf_mbox_locks *locks;
    uint64_t touch_at; /* when the pass is there, look at the clock */
    struct pf_mbox_mail mail;
    bool in_mail, in_head, skip_fold; /* the lines that continue a note go with it */
    bool pseudo_subject, pseudo_imap;
    bool mid_line;       /* of the text as counted in `same` */
    struct pf_mbox_length length;
    uint64_t believe_to; /* Content-Length proved that no message begins before */
    struct pf_bytes gap; /* an empty line that may belong to the message or not */
    uint64_t gap_at;
    struct pf_crlf crlf;
    struct pf_mbox_digest sum, same; /* all; without notes */
    struct pf_mbox_quote quote;
    struct pf_span plain; /* room for what quoting makes */
    unsigned char uidl[PF_UIDL_MAX];
    size_t uidl_len;
};

static uint64_t sum_of(const struct pf_mbox_scanner *how, struct pf_bytes b)
{
    struct pf_mbox_digest d;
    uint64_t sum[2];

    while (b.len && (b.at[b.len - 1] == '\n' || b.at[b.len - 1] == '\r'))
        b.len--;
    pf_mbox_digest_init(&d, how->seed);
    pf_mbox_digest_add(&d, b);
    pf_mbox_digest_end(&d, sum);
    return sum[0];
}

/* At the end of the file a line is whole without LF, for who appends next gives it one; a CR there is text. */
static bool is_from(struct pf_bytes line, int64_t *out_arrival)
{
    return line.len && line.at[line.len - 1] != '\r' && pf_mbox_from(line, out_arrival);
}

bool pf_mbox_is_from(const struct pf_mbox_piece *piece, bool last, int64_t *out_arrival)
{
    return piece->begins && (piece->ends || last) && is_from(piece->text, out_arrival);
}

bool pf_mbox_from_stands(const struct pf_mbox_scanner *how, uint64_t at, uint64_t *out_sum)
{
    unsigned char line[PF_MBOX_FROM_MAX];
    int64_t got, arrival;
    struct pf_bytes b;

    if (at >= how->size)
        return false;
    got = pf_mbox_read_at(how->fd, line, sizeof line, at);
    if (got <= 0)
        return false;
    b = pf_bytes_from(line, (size_t)got);
    b = pf_bytes_head(b, pf_find(b, '\n') + 1);
    if (!is_from(b, &arrival))
        return false;
    *out_sum = sum_of(how, b);
    return true;
}

static void serve(struct pass *p, struct pf_bytes b)
{
    pf_crlf_add(&p->crlf, b);
    pf_mbox_digest_add(&p->sum, b);
}

/* Octets of the message, as they stand in the file. */
static void count(struct pass *p, struct pf_bytes b, bool note)
{
    if (!note && b.len) {
        pf_mbox_digest_add(&p->same, b);
        p->mid_line = b.at[b.len - 1] != '\n';
    }
    if (p->quote.how == PF_MBOX_AS_IS) {
        serve(p, b);
        return;
    }
    p->plain.len = 0;
    pf_mbox_quote_add(&p->quote, b, &p->plain);
    serve(p, pf_span_bytes(&p->plain));
}

/* The message ends at this offset of the file. */
static bool finish(struct pass *p, uint64_t end)
{
    uint64_t sum[2];

    if (!p->in_mail)
        return true;
    p->plain.len = 0;
    pf_mbox_quote_end(&p->quote, &p->plain);
    serve(p, pf_span_bytes(&p->plain));
    if (p->mid_line) /* whoever appends gives the last line its end: that is no other message */
        pf_mbox_digest_add(&p->same, p->crlf.after_cr ? PF_LIT("\r\n") : PF_LIT("\n"));
    pf_mbox_digest_end(&p->sum, sum);
    pf_mbox_digest_end(&p->same, p->mail.id);
    p->mail.sum = sum[0];
    p->mail.len = end - p->mail.text_at;
    p->mail.octets = pf_crlf_total(&p->crlf);
    if (p->pseudo_subject && p->pseudo_imap && !p->mails->count) /* MB-011: only at the head */
        p->mail.flags |= PF_MBOX_HIDDEN;
    p->in_mail = false;
    return pf_mbox_mails_add(p->mails, &p->mail, pf_bytes_from(p->uidl, p->uidl_len));
}

static void begin(struct pass *p, const struct pf_mbox_piece *piece, int64_t arrival)
{
    p->mail = (struct pf_mbox_mail){
        .from_at = piece->at,
        .text_at = piece->at + piece->text.len,
        .from_sum = sum_of(p->how, piece->text),
        .arrival = arrival,
    };
    p->in_mail = p->in_head = true;
    p->skip_fold = p->pseudo_subject = p->pseudo_imap = p->mid_line = false;
    p->gap.len = 0;
    p->believe_to = 0;
    p->crlf = (struct pf_crlf){0};
    pf_mbox_digest_init(&p->sum, p->how->seed);
    pf_mbox_digest_init(&p->same, p->how->seed);
    p->quote = (struct pf_mbox_quote){.how = p->how->unquote ? PF_MBOX_UNQUOTE_RD : PF_MBOX_AS_IS};
    p->uidl_len = 0;
}

/* A header line, or one that continues it. Says whether it is a note. */
static bool header(struct pass *p, struct pf_bytes line, uint64_t *out_length)
{
    struct pf_bytes value = {0};
    enum pf_mbox_header kind;

    if (line.at[0] == ' ' || line.at[0] == '\t')
        return p->skip_fold;
    kind = pf_mbox_header(line, &value);
    p->skip_fold = pf_mbox_is_rewritten(kind);
    if (kind == PF_MBOX_STATUS && pf_find(value, 'R') < value.len)
        p->mail.flags |= PF_MBOX_SEEN;
    if (kind == PF_MBOX_CONTENT_LENGTH && !pf_parse_u64(value, out_length))
        *out_length = UINT64_MAX;
    if (kind == PF_MBOX_X_UIDL && pf_mbox_uidl_legal(value)) {
        memcpy(p->uidl, value.at, value.len);
        p->uidl_len = value.len;
    }
    p->pseudo_imap = p->pseudo_imap || kind == PF_MBOX_X_IMAP;
    p->pseudo_subject = p->pseudo_subject ||
        (kind == PF_MBOX_SUBJECT &&
         pf_bytes_equal(value, PF_LIT("DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA")));
    return p->skip_fold;
}

/* False with errno. */
static bool head_ends(struct pass *p, uint64_t body_at, uint64_t length)
{
    p->in_head = false;
    return length == UINT64_MAX || pf_mbox_length_holds(&p->length, body_at, length, &p->believe_to) >= 0;
}

/* A line, or a piece of one, that is no From_ line. False with errno. */
static bool text(struct pass *p, const struct pf_mbox_piece *piece, uint64_t *length)
{
    bool empty = piece->begins && pf_mbox_is_empty(piece->text);
    bool note = p->in_head && p->skip_fold, ok = true;

    if (p->gap.len)
        count(p, p->gap, false);
    p->gap.len = 0;
    if (p->in_head && empty)
        ok = head_ends(p, piece->at + piece->text.len, *length);
    else if (p->in_head && piece->begins)
        note = header(p, piece->text, length);
    if (!empty) {
        count(p, piece->text, note);
        return ok;
    }
    p->gap = piece->text.len == 2 ? PF_LIT("\r\n") : PF_LIT("\n");
    p->gap_at = piece->at;
    return ok;
}

static enum pf_code run(struct pass *p, struct pf_mbox_lines *l, struct pf_err *err)
{
    struct pf_mbox_piece piece;
    bool after_empty = true, ok = true;
    uint64_t length = UINT64_MAX;
    int more = 0;

    while (ok && more >= 0 && (more = pf_mbox_lines_next(l, &piece)) > 0) {
        int64_t arrival;

        if (p->locks && piece.at >= p->touch_at) {
            pf_mbox_lock_touch(p->locks);
            p->touch_at = piece.at + TOUCH_EVERY;
        }
        if (after_empty && piece.at >= p->believe_to && pf_mbox_is_from(&piece, l->at == l->end, &arrival)) {
            ok = finish(p, p->gap.len ? p->gap_at : piece.at);
            begin(p, &piece, arrival);
            length = UINT64_MAX;
            after_empty = false;
            continue;
        }
        after_empty = piece.begins && pf_mbox_is_empty(piece.text);
        if (p->in_mail && !text(p, &piece, &length))
            more = -1;
        else if (!p->in_mail && !after_empty)
            return pf_fail(err, PF_DAMAGED, 0, where,
                           "%s is no mbox: it does not begin with a \"From \" line", p->how->path);
    }
    if (more < 0)
        return pf_fail(err, pf_code_of_errno(errno), errno, where, "%s: %s", p->how->path,
                       strerror(errno));
    ok = ok && finish(p, p->gap.len ? p->gap_at : l->at);
    return ok ? PF_OK : pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to list %s", p->how->path);
}

enum pf_code pf_mbox_scan(const struct pf_mbox_scanner *how, uint64_t from, struct pf_mbox_mails *mails,
                          struct pf_err *err)
{
    return pf_mbox_scan_locked(how, from, NULL, mails, err);
}

enum pf_code pf_mbox_scan_locked(const struct pf_mbox_scanner *how, uint64_t from, struct pf_mbox_locks *locks,
                                 struct pf_mbox_mails *mails, struct pf_err *err)
{
    size_t room = how->unquote ? PF_MBOX_QUOTE_ROOM(PF_MBOX_BUFFER) : 8;
    unsigned char *memory = malloc(2 * PF_MBOX_BUFFER + room);
    struct pass p = {.how = how, .mails = mails, .locks = locks, .length = {.how = how, .locks = locks}};
    struct pf_mbox_lines lines = {.fd = how->fd, .at = from, .end = how->size, .buffer = memory};
    enum pf_code code;

    if (!memory)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory to list %s", how->path);
    p.length.buffer = memory + PF_MBOX_BUFFER;
    p.plain = (struct pf_span){memory + 2 * PF_MBOX_BUFFER, 0, room};
    code = run(&p, &lines, err);
    free(memory);
    return code;
}
