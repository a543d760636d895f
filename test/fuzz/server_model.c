#include "fuzz/server_model.h"

#include <assert.h>
#include <stdlib.h>

#include "base/text.h"

/* Where the reading stands. */
struct reading {
    struct model *m;
    struct pf_bytes said, heard;
    size_t command; /* lines read so far */
    size_t body;    /* bodies read so far */
    bool exchange, truncated, quit;
    uint64_t deleted, fetched, broken; /* a bit a message */
};

static const char *const texts[MODEL_MESSAGES] = {
    "Subject: a\n\n.\n..x\nend", "", "no header end", ".\r\n.\r\n\r\n..\r\n", "a: b\n\n\n\nc\n", NULL};

/* The wire form, octet by octet. */
static void encode(struct pf_bytes in, struct pf_span *out, uint64_t *out_octets)
{
    uint64_t dots = 0;
    bool start = true;

    for (size_t i = 0; i < in.len; i++) {
        if (start && in.at[i] == '.') {
            pf_span_put(out, PF_LIT("."));
            dots++;
        }
        if (in.at[i] == '\n' && (i == 0 || in.at[i - 1] != '\r'))
            pf_span_put(out, PF_LIT("\r"));
        assert(pf_span_put(out, pf_bytes_from(in.at + i, 1)));
        start = in.at[i] == '\n';
    }
    if (!start)
        pf_span_put(out, PF_LIT("\r\n"));
    *out_octets = out->len - dots;
}

/* Made once: they are the same in each run. */
static const struct model_message *message(uint32_t i)
{
    static struct model_message made[MODEL_MESSAGES];
    static unsigned char big[12000], wires[MODEL_MESSAGES][MODEL_WIRE];
    struct pf_span wire = {wires[i], 0, MODEL_WIRE};

    if (made[i].wire.at)
        return &made[i];
    for (size_t k = 0; k < sizeof big; k++)
        big[k] = k % 71 == 70 ? '\n' : k % 71 == 0 ? '.' : 'x';
    made[i].stored = texts[i] ? pf_bytes_of(texts[i]) : pf_bytes_from(big, sizeof big);
    encode(made[i].stored, &wire, &made[i].octets);
    made[i].wire = pf_span_bytes(&wire);
    return &made[i];
}

static void add(struct model *m, uint32_t i, struct pf_row *row)
{
    m->messages[i] = *message(i);
    *row = (struct pf_row){.octets = m->messages[i].octets, .uidl_at = i, .uidl_len = 1};
    m->listing.octets += row->octets;
}

struct model *model_new(bool expire, size_t line_max, size_t sasl_line_max)
{
    struct model *m = calloc(1, sizeof *m);
    struct pf_row *rows = calloc(MODEL_MESSAGES, sizeof *rows);

    assert(m && rows);
    m->expire = expire;
    m->line_max = line_max;
    m->sasl_line_max = sasl_line_max;
    for (uint32_t i = 0; i < MODEL_MESSAGES; i++)
        add(m, i, &rows[i]);
    m->listing.rows = rows;
    m->listing.uidls = (const unsigned char *)"abcdef";
    m->listing.count = MODEL_MESSAGES;
    return m;
}

void model_free(struct model *m)
{
    free((void *)(uintptr_t)m->listing.rows);
    free(m->heard);
    free(m);
}

void model_said(struct model *m, struct pf_bytes b)
{
    assert(b.len <= sizeof m->said - m->said_len);
    if (b.len)
        memcpy(m->said + m->said_len, b.at, b.len);
    m->said_len += b.len;
}

void model_hear(struct model *m, struct pf_bytes b)
{
    if (m->heard_cap - m->heard_len < b.len) {
        m->heard_cap = 2 * m->heard_cap + b.len;
        m->heard = realloc(m->heard, m->heard_cap);
        assert(m->heard);
    }
    memcpy(m->heard + m->heard_len, b.at, b.len);
    m->heard_len += b.len;
}

static size_t lines_said(const struct model *m)
{
    size_t lines = 0;

    for (size_t i = 0; i < m->said_len; i++)
        lines += m->said[i] == '\n';
    return lines;
}

void model_body(struct model *m, const struct pf_ask *ask, bool vouched)
{
    assert(m->body_count < MODEL_BODIES && ask->index < m->listing.count);
    assert(ask->octets == m->listing.rows[ask->index].octets);
    m->bodies[m->body_count++] = (struct model_body){lines_said(m) - 1, ask->index, vouched};
}

void model_commit(struct model *m, const struct pf_ask *ask)
{
    assert(!m->commit);
    m->commit = true;
    m->removed = ask->remove->words[0];
    assert(__builtin_popcountll(m->removed) == (int)ask->remove_count);
}

/* Takes the next line of `from`, with its end. */
static struct pf_bytes next_line(struct pf_bytes *from)
{
    size_t n = pf_find(*from, '\n');
    struct pf_bytes line = pf_bytes_head(*from, n + 1);

    assert(n < from->len);
    *from = pf_bytes_skip(*from, n + 1);
    return line;
}

/* An answer's line: short, printable, ended by CRLF. */
static struct pf_bytes short_line(struct reading *r)
{
    struct pf_bytes line = next_line(&r->heard);

    assert(line.len >= 3 && line.len <= 512 && line.at[line.len - 2] == '\r');
    line.len -= 2;
    for (size_t i = 0; i < line.len; i++)
        assert(line.at[i] >= 0x20 && line.at[i] < 0x7f);
    return line;
}

static bool begins(struct pf_bytes b, struct pf_bytes with)
{
    return b.len >= with.len && pf_bytes_equal(pf_bytes_head(b, with.len), with);
}

/* Is the command this word, and behind it nothing or white space? */
static bool word(struct pf_bytes line, const char *name, bool *out_bare)
{
    size_t len = strlen(name);

    line.len -= line.len >= 2 && line.at[line.len - 2] == '\r' ? 2 : 1;
    while (line.len && (line.at[line.len - 1] == ' ' || line.at[line.len - 1] == '\t'))
        line.len--;
    *out_bare = line.len == len;
    return line.len >= len && pf_equal_nocase(pf_bytes_head(line, len), pf_bytes_of(name)) &&
           (line.len == len || line.at[len] == ' ');
}

static bool is(struct pf_bytes line, const char *name)
{
    bool bare;

    return word(line, name, &bare);
}

static bool is_list(struct pf_bytes line)
{
    static const char *const names[] = {"LIST", "UIDL", "AUTH"};
    bool bare;

    for (size_t i = 0; i < 3; i++)
        if (word(line, names[i], &bare) && bare)
            return true;
    return is(line, "CAPA");
}

static uint64_t number(struct pf_bytes line)
{
    size_t at = pf_find(line, ' ') + 1;
    struct pf_bytes digits = pf_bytes_skip(line, at);
    uint64_t n;

    digits.len = 0;
    while (at + digits.len < line.len && pf_is_digit(line.at[at + digits.len]))
        digits.len++;
    assert(pf_parse_u64(digits, &n));
    return n;
}

static unsigned left(const struct reading *r, uint64_t *out_octets)
{
    unsigned count = 0;

    *out_octets = 0;
    for (uint32_t i = 0; i < MODEL_MESSAGES; i++)
        if (!(r->deleted >> i & 1)) {
            count++;
            *out_octets += r->m->listing.rows[i].octets;
        }
    return count;
}

static void read_list(struct reading *r, struct pf_bytes command)
{
    unsigned rows = 0;
    uint64_t octets;

    for (;;) {
        struct pf_bytes line = short_line(r);

        if (pf_bytes_equal(line, PF_LIT(".")))
            break;
        rows++;
    }
    if (is(command, "LIST") || is(command, "UIDL"))
        assert(rows == left(r, &octets));
}

/* What of the message must have been sent: all, or up to the lines that TOP wanted. */
static size_t wanted(struct pf_bytes wire, struct pf_bytes command, bool *out_no_end)
{
    uint64_t lines = number(pf_bytes_skip(command, pf_find(command, ' ') + 1));
    bool body = false;
    size_t at = 0;

    *out_no_end = false;
    while (at < wire.len && !(body && lines == 0)) {
        size_t n = pf_find(pf_bytes_skip(wire, at), '\n') + 1;

        lines -= body;
        body = body || n == 2;
        at += n;
    }
    *out_no_end = !body && lines == 0;
    return at;
}

static void read_body(struct reading *r, struct pf_bytes command)
{
    static unsigned char room[MODEL_WIRE + 8];
    struct pf_span wire = {room, 0, sizeof room};
    const struct model_body *b = &r->m->bodies[r->body - 1];
    bool retr = is(command, "RETR"), no_end = false, dot;
    size_t len;

    pf_span_put(&wire, r->m->messages[b->index].wire);
    len = retr ? wire.len : wanted(pf_span_bytes(&wire), command, &no_end);
    wire.len = len;
    if (no_end)
        pf_span_put(&wire, PF_LIT("\r\n"));
    pf_span_put(&wire, PF_LIT(".\r\n"));
    dot = begins(r->heard, pf_span_bytes(&wire));
    if (dot) {
        assert(b->vouched || !retr);
        r->heard = pf_bytes_skip(r->heard, wire.len);
        r->fetched |= (uint64_t)retr << b->index;
        return;
    }
    /* Not whole: then it is a beginning of it, and the end of the session. */
    assert(r->m->why == PF_CLOSE_BODY || r->m->why == PF_CLOSE_STALL);
    assert(r->heard.len < wire.len && begins(pf_span_bytes(&wire), r->heard));
    r->heard.len = 0;
    r->truncated = true;
}

/* A body was asked for by this command: its answer, good or not, is the store's. */
static bool has_body(struct reading *r)
{
    if (r->body == r->m->body_count || r->m->bodies[r->body].command != r->command)
        return false;
    r->body++;
    return true;
}

static void read_good(struct reading *r, struct pf_bytes command, struct pf_bytes answer, bool body)
{
    uint64_t octets;

    if (body) {
        read_body(r, command);
    } else if (is(command, "STAT")) {
        assert(number(answer) == left(r, &octets));
        assert(number(pf_bytes_skip(answer, 4)) == octets);
    } else if (is(command, "DELE")) {
        uint64_t bit = (uint64_t)1 << (number(command) - 1);

        assert(!(r->deleted & bit) && !(r->broken & bit) && !r->m->no_delete);
        r->deleted |= bit;
    } else if (is(command, "RSET")) {
        r->deleted = 0;
    } else if (is_list(command)) {
        read_list(r, command);
    }
    r->quit = is(command, "QUIT");
}

/* A QUIT that was carried out, and not one with control characters behind it, which is no command. */
static bool tells_of_removal(struct pf_bytes answer)
{
    struct pf_bytes words = pf_bytes_of(pf_verdict(PF_PARTIAL)->say);

    return answer.len >= words.len &&
           pf_bytes_equal(pf_bytes_skip(answer, answer.len - words.len), words);
}

static void read_answer(struct reading *r, struct pf_bytes command)
{
    bool body = has_body(r), was = r->exchange;
    struct pf_bytes answer = short_line(r);

    r->exchange = begins(answer, PF_LIT("+ "));
    if (r->exchange) {
        assert(was || is(command, "AUTH"));
    } else if (begins(answer, PF_LIT("+OK "))) {
        if (!was)
            read_good(r, command, answer, body);
    } else {
        assert(begins(answer, PF_LIT("-ERR ")));
        if (body)
            r->broken |= (uint64_t)1 << r->m->bodies[r->body - 1].index;
        r->quit = !was && is(command, "QUIT") && tells_of_removal(answer);
    }
}

static void check_greeting(const struct model *m, struct pf_bytes greeting)
{
    size_t left = pf_find(greeting, '<'), len = strlen(m->timestamp);

    if (!begins(greeting, PF_LIT("+OK POP3")) && !begins(greeting, PF_LIT("+OK [XCLIENT] POP3"))) {
        assert(m->why == PF_CLOSE_SHUTDOWN);
        return;
    }
    assert(left == greeting.len - len);
    assert(pf_bytes_equal(pf_bytes_skip(greeting, left), pf_bytes_of(m->timestamp)));
}

void model_check(struct model *m, const struct pf_pop3_server *engine)
{
    struct reading r = {.m = m, .said = pf_bytes_from(m->said, m->said_len),
                        .heard = pf_bytes_from(m->heard, m->heard_len)};

    check_greeting(m, short_line(&r));
    while (pf_find(r.said, '\n') < r.said.len && r.heard.len) {
        struct pf_bytes command = next_line(&r.said);

        if (m->why == PF_CLOSE_TLS_ON_PLAIN)
            break;
        assert(!r.quit && !r.truncated);
        read_answer(&r, command);
        r.command++;
    }
    if (m->why == PF_CLOSE_SHUTDOWN && r.heard.len)
        assert(begins(short_line(&r), PF_LIT("-ERR [SYS/TEMP] ")));
    if (m->why == PF_CLOSE_TLS_ON_PLAIN)
        assert(begins(short_line(&r), PF_LIT("-ERR [SYS/PERM] ")));
    else
        assert(pf_find(r.said, '\n') == r.said.len || m->why == PF_CLOSE_STALL);
    assert(r.heard.len == 0);
    assert(m->commit == (pf_pop3_server_stats(engine)->quit && pf_pop3_server_stats(engine)->logged_in));
    if (m->commit)
        assert(m->removed == (m->expire && !m->no_delete ? r.deleted | (r.fetched & ~r.broken) : r.deleted));
}
