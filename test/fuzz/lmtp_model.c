#include "fuzz/lmtp_model.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

struct walk {
    const struct model_log *log;
    size_t at, heard, seal;
    unsigned accepted;
    unsigned char *text; /* of the message under way, as it should come out */
    size_t text_len;
    size_t text_from; /* of what was said: the first DATA or BDAT of the message */
    bool bare, after_cr, spoilt, over;
};

enum { NO_REPLY = 0 };

static bool class_shown(const unsigned char *line, size_t len, unsigned code)
{
    bool status = len > 9 && line[5] == '.' && line[7] == '.' && line[9] == ' ';

    return code / 100 == 3 ? !status : status && line[4] == line[0];
}

/* The code of the next reply; NO_REPLY when all were read. 421 ends the conversation. */
static unsigned reply(struct walk *w, bool with_status)
{
    const struct model_log *log = w->log;
    unsigned code = 0;
    bool more = true;

    while (more && w->heard < log->heard_len) {
        const unsigned char *line = log->heard + w->heard;
        const unsigned char *lf = memchr(line, '\n', log->heard_len - w->heard);
        size_t len = lf ? (size_t)(lf - line) + 1 : 0;
        unsigned value;

        assert(len >= 6 && len <= 512 && lf[-1] == '\r');
        value = (unsigned)(line[0] - '0') * 100 + (unsigned)(line[1] - '0') * 10 + (unsigned)(line[2] - '0');
        assert(value >= 200 && value < 600 && (code == 0 || code == value));
        code = value;
        more = line[3] == '-';
        assert(more || line[3] == ' ');
        assert(!with_status || class_shown(line, len, code));
        w->heard += len;
    }
    if (code == 421 || code == NO_REPLY)
        w->over = true;
    return code;
}

static bool word_is(const unsigned char *line, size_t len, const char *word)
{
    size_t n = strlen(word);

    return len >= n && strncasecmp((const char *)line, word, n) == 0 && (len == n || line[n] == ' ');
}

static void note_wire(struct walk *w, const unsigned char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        w->bare = w->bare || (at[i] == '\n') != w->after_cr;
        w->after_cr = at[i] == '\r';
    }
}

static void add_text(struct walk *w, const unsigned char *at, size_t len)
{
    memcpy(w->text + w->text_len, at, len);
    w->text_len += len;
}

static void start_text(struct walk *w)
{
    w->text_len = 0;
    w->text_from = w->at;
    w->bare = w->after_cr = w->spoilt = false;
}

static void new_transaction(struct walk *w)
{
    w->accepted = 0;
    w->text_from = SIZE_MAX;
    w->spoilt = false;
}

static bool world_failed(const struct walk *w)
{
    for (size_t i = 0; i < w->log->fault_count; i++)
        if (w->log->faults[i] >= w->text_from && w->log->faults[i] <= w->at)
            return true;
    return false;
}

static bool is_too_large(const struct walk *w)
{
    return w->log->set.size_max && w->text_len > w->log->set.size_max;
}

static const struct model_seal *sealed(struct walk *w)
{
    const struct model_seal *s = w->log->seals + w->seal;

    if (w->seal == w->log->seal_count || s->at != w->at)
        return NULL;
    w->seal++;
    assert(s->recipients == w->accepted && s->text_len == w->text_len);
    assert(s->text_len == 0 || memcmp(s->text, w->text, s->text_len) == 0);
    return s;
}

/* The replies behind a text that ended at w->at. */
static void behind_text(struct walk *w)
{
    const struct model_seal *s = sealed(w);
    bool bad = ((w->bare || w->after_cr) && !w->log->set.bare_ends) || is_too_large(w) || w->spoilt;
    unsigned good = 0, told = 0;

    assert(!s || !bad);
    assert(s || bad || w->accepted == 0 || world_failed(w));
    for (unsigned i = 0; s && i < s->recipients; i++)
        told += s->codes[i] == PF_OK;
    for (unsigned i = 0; i < (w->log->set.smtp ? 1 : w->accepted) && !w->over; i++) {
        unsigned code = reply(w, true);

        assert(code != NO_REPLY);
        if (!w->log->set.smtp)
            assert((code == 250) == (s && s->codes[i] == PF_OK));
        good += code == 250;
    }
    if (w->log->set.smtp)
        assert((good == 1) == (s && told == s->recipients));
    new_transaction(w);
}

static void data(struct walk *w)
{
    const unsigned char *said = w->log->said;
    unsigned code = reply(w, true);

    if (code != 354) {
        w->spoilt = w->spoilt || (code == 503 && w->text_from != SIZE_MAX); /* not with BDAT */
        return;
    }
    start_text(w);
    for (size_t from = w->at; !w->over;) {
        const unsigned char *end = memmem(said + from, w->log->said_len - from, "\r\n", 2);
        size_t len = end ? (size_t)(end - said) - from : 0;

        if (!end) {
            w->over = true;
            return;
        }
        note_wire(w, said + from, len + 2);
        if (len == 1 && said[from] == '.') {
            w->at = from + 3;
            behind_text(w);
            return;
        }
        add_text(w, said + from + (said[from] == '.'), len + 2 - (said[from] == '.'));
        from += len + 2;
    }
}

/* Digits, and perhaps LAST: true when the line says so. */
static bool chunk_line(const unsigned char *line, size_t len, uint64_t *n, bool *last)
{
    char text[400]; /* the longest line here */
    char *end;

    while (len > 4 && line[4] == ' ')
        line++, len--;
    if (len <= 4 || len - 4 >= sizeof text || line[4] < '0' || line[4] > '9')
        return false;
    memcpy(text, line + 4, len - 4);
    text[len - 4] = 0;
    errno = 0;
    *n = strtoull(text, &end, 10);
    *last = *end == ' ';
    if (strlen(text) != len - 4 || errno == ERANGE)
        return false;
    end += strspn(end, " ");
    return *last ? strcasecmp(end, "LAST") == 0 : *end == 0;
}

static void bdat(struct walk *w, const unsigned char *line, size_t len)
{
    uint64_t n;
    bool last, whole, nobody = w->accepted == 0;

    if (!chunk_line(line, len, &n, &last)) {
        assert(reply(w, true) == 501);
        w->over = true;
        return;
    }
    if (w->text_from == SIZE_MAX)
        start_text(w);
    w->spoilt = w->spoilt || nobody;
    whole = n <= w->log->said_len - w->at;
    if (whole) {
        note_wire(w, w->log->said + w->at, (size_t)n);
        add_text(w, w->log->said + w->at, (size_t)n);
        w->at += (size_t)n;
    } else if (n <= 1u << 30 || w->heard == w->log->heard_len) {
        w->over = true; /* the session ended inside of it */
        return;
    } else {
        w->spoilt = true; /* too much to be read: replies, then the end */
    }
    if (last)
        behind_text(w);
    else
        w->spoilt = reply(w, true) != 250 || w->spoilt;
    w->over = w->over || !whole;
}

static void other(struct walk *w, const unsigned char *line, size_t len)
{
    bool hello = word_is(line, len, "LHLO") || word_is(line, len, "EHLO") || word_is(line, len, "HELO");
    bool mail = word_is(line, len, "MAIL"), rcpt = word_is(line, len, "RCPT");
    bool xclient = word_is(line, len, "XCLIENT");
    size_t before = w->heard;
    unsigned code = reply(w, false);

    if (!(hello && code == 250) && !(xclient && code == 220)) { /* read again, more strictly */
        w->heard = before;
        reply(w, true);
    }
    if ((code == 250 && (hello || mail || word_is(line, len, "RSET"))) || code == 220)
        new_transaction(w);
    w->accepted += rcpt && code == 250;
    w->over = w->over || code == 221 || (code == 554 && !rcpt && !xclient); /* QUIT, or input behind STARTTLS */
}

static void command(struct walk *w)
{
    const unsigned char *line = w->log->said + w->at;
    const unsigned char *lf = memchr(line, '\n', w->log->said_len - w->at);
    size_t len = lf ? (size_t)(lf - line) + 1 : 0;

    if (!lf) {
        w->over = true;
        return;
    }
    w->at += len;
    if (len > w->log->set.line_max) {
        unsigned code = reply(w, true);

        assert(code == 421 || code == (strncasecmp((const char *)line, "BDAT", 4) == 0 ? 501u : 500u));
        w->over = w->over || code == 501;
        return;
    }
    len -= len > 1 && lf[-1] == '\r' ? 2 : 1;
    while (len && (line[len - 1] == ' ' || line[len - 1] == '\t'))
        len--;
    if (word_is(line, len, "DATA"))
        data(w);
    else if (word_is(line, len, "BDAT"))
        bdat(w, line, len);
    else
        other(w, line, len);
}

void model_check(const struct model_log *log)
{
    struct walk w = {.log = log, .text = malloc(log->said_len + 1)};
    unsigned code;

    assert(w.text);
    new_transaction(&w);
    code = reply(&w, false);
    assert(code == 220 || code == 421 || code == NO_REPLY);
    while (!w.over && w.at < log->said_len)
        command(&w);
    /* Nothing but a farewell may come that was not asked for. */
    if (w.heard < log->heard_len)
        assert(reply(&w, true) == 421);
    assert(w.heard == log->heard_len);
    assert(w.seal == log->seal_count);
    free(w.text);
}
