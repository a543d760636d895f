#include "proto/lmtp_cmd.h"

#include "base/text.h"
#include "proto/lmtp_address.h"
#include "proto/lmtp_data.h"
#include "proto/lmtp_params.h"
#include "proto/lmtp_server.h"
#include "proto/xclient.h"

enum { HOST_MAX = 255 };

static const struct pf_lmtp_answer ok = {250, "2.0.0", "ok"};
static const struct pf_lmtp_answer not_now = {503, "5.5.1", "command is not valid now"};
static const struct pf_lmtp_answer too_large = {552, "5.3.4", "message is too large"};
static const struct pf_lmtp_answer no_memory = {451, "4.3.0", "server is short of memory, try again later"};

/* LHLO and EHLO at any time act as RSET (RFC 5321 section 4.1.4). */
static bool greeted_by(struct pf_lmtp_server *e, struct pf_bytes name)
{
    static const struct pf_lmtp_answer bad_name = {501, "5.5.4", "say the name of your host"};
    struct pf_keep helo = {0};

    if (!pf_xclient_host(name)) {
        pf_lmtp_bad(e, &bad_name);
        return false;
    }
    if (!pf_keep_set(&helo, name)) {
        pf_lmtp_say(e, &no_memory);
        return false;
    }
    pf_lmtp_reset(e);
    if (e->drop_due)
        e->old_helo = e->helo;
    else
        pf_keep_drop(&e->helo);
    e->helo = helo;
    e->state = PF_LMTP_IN_READY;
    e->bad_row = 0;
    return true;
}

static struct pf_bytes hostname(const struct pf_lmtp_server *e)
{
    return pf_bytes_head(pf_bytes_of(e->set->hostname), HOST_MAX);
}

static void ehlo(struct pf_lmtp_server *e, struct pf_bytes name)
{
    struct pf_span *s = &e->out.span;

    if (!greeted_by(e, name))
        return;
    pf_span_put(s, PF_LIT("250-"));
    pf_span_put(s, hostname(e));
    pf_span_put(s, PF_LIT("\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"));
    if (e->set->starttls && !e->tls && !e->told)
        pf_span_put(s, PF_LIT("250-STARTTLS\r\n"));
    if (e->proxied)
        pf_span_put(s, PF_LIT("250-XCLIENT ADDR PORT DESTADDR DESTPORT HELO SESSION TTL CLIENT-TRANSPORT\r\n"));
    pf_span_put(s, PF_LIT("250-CHUNKING\r\n250 SIZE "));
    pf_span_decimal(s, e->set->size_max);
    pf_span_put(s, PF_LIT("\r\n"));
}

static void helo(struct pf_lmtp_server *e, struct pf_bytes name)
{
    struct pf_span *s = &e->out.span;

    if (!greeted_by(e, name))
        return;
    pf_span_put(s, PF_LIT("250 "));
    pf_span_put(s, hostname(e));
    pf_span_put(s, PF_LIT("\r\n"));
}

/* "FROM:" or "TO:", and what follows; one space there is no mistake. */
static bool behind(struct pf_bytes *rest, struct pf_bytes prefix)
{
    if (!pf_equal_nocase(pf_bytes_head(*rest, prefix.len), prefix))
        return false;
    *rest = pf_bytes_skip(*rest, prefix.len);
    if (rest->len && rest->at[0] == ' ')
        *rest = pf_bytes_skip(*rest, 1);
    return true;
}

static bool refused_path(struct pf_lmtp_server *e, enum pf_lmtp_path_fault fault, const char *status)
{
    const struct pf_lmtp_answer syntax = {501, status, "bad syntax of the address"};
    const struct pf_lmtp_answer too_long = {553, status, "address is too long"};

    if (fault == PF_LMTP_PATH_SYNTAX)
        pf_lmtp_bad(e, &syntax);
    else if (fault == PF_LMTP_PATH_TOO_LONG)
        pf_lmtp_bad(e, &too_long);
    return fault != PF_LMTP_PATH_GOOD;
}

static bool refused_utf8(struct pf_lmtp_server *e, bool needed, bool given)
{
    static const struct pf_lmtp_answer need = {553, "5.6.7", "this address needs SMTPUTF8"};

    if (needed && !given)
        pf_lmtp_bad(e, &need);
    return needed && !given;
}

static void reply_to(struct pf_lmtp_server *e, const char *status, struct pf_bytes address)
{
    struct pf_lmtp_answer good = {250, status, "ok"};

    e->bad_row = 0;
    pf_lmtp_reply(&e->out.span, &good, address);
}

static void mail(struct pf_lmtp_server *e, struct pf_bytes rest)
{
    struct pf_lmtp_path path;
    struct pf_lmtp_params params;
    struct pf_lmtp_answer bad;
    bool prefixed = behind(&rest, PF_LIT("FROM:"));

    if (refused_path(e, prefixed ? pf_lmtp_path_read(rest, PF_LMTP_REVERSE, &path) : PF_LMTP_PATH_SYNTAX,
                     prefixed ? "5.1.7" : "5.5.4"))
        return;
    bad = pf_lmtp_params_mail(path.rest, &params);
    if (bad.code)
        pf_lmtp_bad(e, &bad);
    else if (refused_utf8(e, path.utf8, params.utf8))
        return;
    else if (params.size == UINT64_MAX || (e->set->size_max && params.size > e->set->size_max))
        pf_lmtp_say(e, &too_large);
    else if (!pf_keep_set(&e->sender, pf_span_bytes(&path.address)))
        pf_lmtp_say(e, &no_memory);
    else {
        e->size = params.size;
        e->utf8 = params.utf8;
        e->state = PF_LMTP_IN_MAIL;
        reply_to(e, "2.1.0", pf_keep_bytes(&e->sender));
    }
}

static void rcpt(struct pf_lmtp_server *e, struct pf_bytes rest)
{
    static const struct pf_lmtp_answer too_many = {452, "4.5.3", "too many recipients"};
    struct pf_lmtp_path path;
    struct pf_lmtp_answer bad;
    bool prefixed = behind(&rest, PF_LIT("TO:"));

    if (refused_path(e, prefixed ? pf_lmtp_path_read(rest, PF_LMTP_FORWARD, &path) : PF_LMTP_PATH_SYNTAX,
                     prefixed ? "5.1.3" : "5.5.4"))
        return;
    bad = pf_lmtp_params_rcpt(path.rest);
    if (bad.code)
        pf_lmtp_bad(e, &bad);
    else if (refused_utf8(e, path.utf8, e->utf8))
        return;
    else if (e->rcpts.count >= e->set->recipients_max)
        pf_lmtp_say(e, &too_many);
    else if (!pf_lmtp_rcpts_try(&e->rcpts, pf_span_bytes(&path.address)))
        pf_lmtp_say(e, &no_memory);
    else
        pf_lmtp_ask_for(e, PF_LMTP_ASK_RCPT);
}

static void data(struct pf_lmtp_server *e, struct pf_bytes rest)
{
    static const struct pf_lmtp_answer mixed = {503, "5.5.1", "DATA does not go with BDAT, say RSET"};

    (void)rest;
    if (e->state == PF_LMTP_IN_BDAT) {
        pf_lmtp_data_fail(e, &mixed);
        pf_lmtp_bad(e, &mixed);
        return;
    }
    pf_lmtp_text_begin(&e->text, e->set->size_max, e->set->bare_ends);
    e->last = true;
    e->asks_data = true;
    pf_lmtp_ask_for(e, PF_LMTP_ASK_BEGIN);
}

/* "n" or "n LAST" */
static bool chunk_size(struct pf_bytes rest, uint64_t *out_size, bool *out_last)
{
    size_t end = pf_find(rest, ' ');
    struct pf_bytes word = pf_bytes_skip(rest, end);

    while (word.len && word.at[0] == ' ')
        word = pf_bytes_skip(word, 1);
    *out_last = word.len > 0;
    return pf_parse_u64(pf_bytes_head(rest, end), out_size) &&
           (word.len == 0 || pf_equal_nocase(word, PF_LIT("LAST")));
}

/* Nobody knows how many octets follow that are no commands. */
static void lost(struct pf_lmtp_server *e)
{
    static const struct pf_lmtp_answer a = {501, "5.5.4", "BDAT needs a number of octets, and may have LAST"};

    pf_lmtp_say(e, &a);
    pf_lmtp_close(e, "bad");
}

static bool exceeds(const struct pf_lmtp_server *e)
{
    return e->set->size_max && (e->text.octets > e->set->size_max ||
                                e->text.left > e->set->size_max - e->text.octets);
}

static void bdat(struct pf_lmtp_server *e, struct pf_bytes rest)
{
    static const struct pf_lmtp_answer nobody = {503, "5.5.1", "no valid recipients"};
    uint64_t n;
    bool last;

    if (!chunk_size(rest, &n, &last)) {
        lost(e);
        return;
    }
    if (e->state != PF_LMTP_IN_BDAT)
        pf_lmtp_text_begin(&e->text, e->set->size_max, e->set->bare_ends);
    e->text.left = n;
    e->last = last;
    e->asks_data = false;
    if (e->rcpts.count == 0)
        pf_lmtp_data_fail(e, e->state == PF_LMTP_IN_MAIL ? &nobody : &not_now);
    else if (exceeds(e))
        pf_lmtp_data_fail(e, &too_large);
    if (e->state == PF_LMTP_IN_RCPT && !e->whole.code)
        pf_lmtp_ask_for(e, PF_LMTP_ASK_BEGIN);
    else
        pf_lmtp_data_begin_chunk(e);
}

static void rset(struct pf_lmtp_server *e, struct pf_bytes rest)
{
    (void)rest;
    pf_lmtp_reset(e);
    pf_lmtp_good(e, &ok);
}

static void noop(struct pf_lmtp_server *e, struct pf_bytes rest)
{
    (void)rest;
    pf_lmtp_good(e, &ok);
}

static void quit(struct pf_lmtp_server *e, struct pf_bytes rest)
{
    static const struct pf_lmtp_answer bye = {221, "2.0.0", "bye"};

    (void)rest;
    pf_lmtp_good(e, &bye);
    pf_lmtp_close(e, "quit");
}

static void starttls(struct pf_lmtp_server *e, struct pf_bytes rest)
{
    static const struct pf_lmtp_answer begin = {220, "2.0.0", "begin TLS"};
    static const struct pf_lmtp_answer ahead = {554, "5.5.1", "nothing may follow STARTTLS before its answer"};

    (void)rest;
    /* What was sent in plain text must never be taken for what came under TLS. */
    if (e->behind) {
        pf_lmtp_say(e, &ahead);
        pf_lmtp_close(e, "smuggle");
        return;
    }
    pf_lmtp_good(e, &begin);
    pf_lmtp_ask_for(e, PF_LMTP_ASK_TLS);
}

static void xclient(struct pf_lmtp_server *e, struct pf_bytes rest)
{
    struct pf_xclient said;
    const char *wrong = pf_xclient_read(rest, PF_XCLIENT_XTEXT, &said);
    const struct pf_lmtp_answer bad = {501, "5.5.4", wrong ? wrong : ""};

    if (wrong)
        pf_lmtp_bad(e, &bad);
    else if (!pf_keep_set(&e->xclient, pf_bytes_from(&said, sizeof said)) ||
             (said.helo[0] && !pf_keep_set(&e->told_helo, pf_bytes_of(said.helo))))
        pf_lmtp_say(e, &no_memory);
    else
        pf_lmtp_ask_for(e, PF_LMTP_ASK_XCLIENT);
}

static void vrfy(struct pf_lmtp_server *e, struct pf_bytes rest)
{
    static const struct pf_lmtp_answer maybe = {252, "2.5.0", "not verified, RCPT will tell"};

    (void)rest;
    pf_lmtp_good(e, &maybe);
}

/* What is not a word of this protocol, or of this listener. */
static bool offered(const struct pf_lmtp_server *e, const struct pf_lmtp_word *w)
{
    return !(w->flags & (e->set->smtp ? PF_LMTP_WORD_LMTP : PF_LMTP_WORD_SMTP)) &&
           !(w->flags & PF_LMTP_WORD_NEVER) && (!(w->flags & PF_LMTP_WORD_TLS) || (e->set->starttls && !e->told)) &&
           (!(w->flags & PF_LMTP_WORD_PROXY) || e->proxied);
}

static void help(struct pf_lmtp_server *e, struct pf_bytes rest)
{
    char words[256];
    struct pf_span s = {(unsigned char *)words, 0, sizeof words - 1};
    struct pf_lmtp_answer a = {214, "2.0.0", words};

    (void)rest;
    for (unsigned id = 0; id < PF_LMTP_WORDS; id++) {
        const struct pf_lmtp_word *w = pf_lmtp_word((enum pf_lmtp_word_id)id);

        if (!offered(e, w))
            continue;
        if (s.len)
            pf_span_put(&s, PF_LIT(" "));
        pf_span_put(&s, pf_bytes_of(w->name));
    }
    words[s.len] = 0;
    pf_lmtp_good(e, &a);
}

static void refused(struct pf_lmtp_server *e, struct pf_bytes rest)
{
    static const struct pf_lmtp_answer a = {502, "5.5.1", "command is not offered here"};

    (void)rest;
    pf_lmtp_bad(e, &a);
}

static const struct pf_lmtp_answer *why_not_now(const struct pf_lmtp_server *e, const struct pf_lmtp_word *w)
{
    static const struct pf_lmtp_answer first_lhlo = {503, "5.5.1", "say LHLO first"};
    static const struct pf_lmtp_answer first_ehlo = {503, "5.5.1", "say EHLO first"};
    static const struct pf_lmtp_answer nobody = {503, "5.5.1", "no valid recipients"};
    static const struct pf_lmtp_answer nested = {503, "5.5.1", "a message is under way, say RSET to drop it"};

    if (e->state == PF_LMTP_IN_NEW)
        return e->set->smtp ? &first_ehlo : &first_lhlo;
    if (w->id == PF_LMTP_WORD_MAIL_ID)
        return &nested;
    return w->id == PF_LMTP_WORD_DATA_ID && e->state == PF_LMTP_IN_MAIL ? &nobody : &not_now;
}

/* Whether the table lets the command pass; NULL when it does. */
static const struct pf_lmtp_answer *forbidden(const struct pf_lmtp_server *e, const struct pf_lmtp_line *l)
{
    static const struct pf_lmtp_answer unknown = {500, "5.5.2", "command not understood"};
    static const struct pf_lmtp_answer foreign = {500, "5.5.1", "not a command of this protocol"};
    static const struct pf_lmtp_answer control = {501, "5.5.2", "control octets are not allowed"};
    static const struct pf_lmtp_answer arguments = {501, "5.5.4", "wrong number of arguments"};
    const struct pf_lmtp_word *w = l->word;

    if (!w || (w->flags & PF_LMTP_WORD_PROXY && !e->proxied))
        return &unknown;
    if (w->flags & (e->set->smtp ? PF_LMTP_WORD_LMTP : PF_LMTP_WORD_SMTP))
        return &foreign;
    if (l->control)
        return &control;
    if (!offered(e, w))
        return NULL;
    if (!(w->states & e->state) || (w->flags & PF_LMTP_WORD_TLS && e->tls))
        return why_not_now(e, w);
    if ((w->arguments == PF_LMTP_NONE && l->rest.len) || (w->arguments == PF_LMTP_SOME && !l->rest.len))
        return &arguments;
    return NULL;
}

void pf_lmtp_command(struct pf_lmtp_server *e, struct pf_bytes line)
{
    static void (*const handlers[PF_LMTP_WORDS])(struct pf_lmtp_server *, struct pf_bytes) = {
#define PF_LMTP_WORD(word, states, arguments, flags, server) server,
#include <postfach/lmtp_words.def>
#undef PF_LMTP_WORD
    };
    const struct pf_lmtp_answer *no;
    struct pf_lmtp_line l;

    pf_lmtp_line_split(line, &l);
    no = forbidden(e, &l);
    if (no && l.word && l.word->flags & PF_LMTP_WORD_TEXT)
        lost(e);
    else if (no)
        pf_lmtp_bad(e, no);
    else if (!offered(e, l.word))
        refused(e, l.rest);
    else
        handlers[l.word->id](e, l.rest);
}

void pf_lmtp_command_too_long(struct pf_lmtp_server *e, struct pf_bytes begins)
{
    static const struct pf_lmtp_answer a = {500, "5.5.2", "line too long"};

    if (pf_equal_nocase(begins, PF_LIT("BDAT")))
        lost(e);
    else
        pf_lmtp_bad(e, &a);
}
