#include "conf/reading.h"

#include "base/text.h"
#include "conf/value.h"

enum pf_conf_block pf_conf_here(const struct pf_conf_reading *r)
{
    return r->depth ? r->frames[r->depth - 1].block : PF_CONF_BLOCK_top;
}

static struct pf_conf_mistakes *mistakes(struct pf_conf_reading *r)
{
    return &r->reader->mistakes;
}

static void read_statement(struct pf_conf_reading *r, struct pf_conf_statement *s)
{
    struct pf_conf_token token;

    *s = (struct pf_conf_statement){0};
    for (;;) {
        token = pf_conf_lex_next(&r->lex);
        s->bad = s->bad || token.bad;
        if (token.kind == PF_CONF_WORD) {
            if (s->count < PF_CONF_WORDS)
                s->words[s->count] = token;
            s->count++;
        } else if (token.kind != PF_CONF_END || s->count) {
            s->end = token;
            return;
        }
    }
}

static void set_defaults(struct pf_conf_reader *reader, enum pf_conf_block block)
{
    for (size_t i = 0; i < PF_CONF_ROWS; i++)
        if (pf_conf_rows[i].block == block) {
            pf_conf_default(&pf_conf_rows[i], &reader->draft);
            reader->seen[i] = (struct pf_conf_place){0};
        }
}

static bool seen(const struct pf_conf_reader *reader, enum pf_conf_block block, const char *name)
{
    const struct pf_conf_row *row = pf_conf_row_find(block, pf_bytes_of(name));

    return reader->seen[row - pf_conf_rows].source;
}

/* The listener's head; true when it can be served. */
static bool begin_listen(struct pf_conf_reading *r, const struct pf_conf_statement *s)
{
    struct pf_conf_input in = {s->words[1].text, &s->words[1].place, mistakes(r), &r->reader->keep};

    set_defaults(r->reader, PF_CONF_BLOCK_listen);
    if (s->bad)
        return false;
    if (s->count < 2) {
        pf_conf_hint(pf_conf_wrong(mistakes(r), &s->words[0].place, "`listen` lacks its address"),
                     "as in: listen 0.0.0.0:110");
        return false;
    }
    return pf_conf_address_read(&in, &r->reader->draft.listen) && !pf_conf_too_many(r, s, 2);
}

static void default_tls(struct pf_conf_listen *listen)
{
    enum { PORT_POP3S = 995 }; /* RFC 8314 section 7.2 */

    if (listen->protocol == PF_CONF_LMTP || listen->protocol >= PF_CONF_CONTROL || listen->address[0] == '/')
        listen->tls = PF_CONF_TLS_NONE;
    else if (listen->port == PORT_POP3S && listen->protocol == PF_CONF_POP3)
        listen->tls = PF_CONF_TLS_IMPLICIT;
}

static void end_listen(struct pf_conf_reading *r, const struct pf_conf_token *head)
{
    struct pf_conf_reader *reader = r->reader;

    if (!seen(reader, PF_CONF_BLOCK_listen, "tls"))
        default_tls(&reader->draft.listen);
    pf_conf_check_proxy(reader, &head->place);
    if (reader->draft.listen.protocol == PF_CONF_CONTROL && !seen(reader, PF_CONF_BLOCK_listen, "mode"))
        reader->draft.listen.mode = PF_CONF_MODE_600;
    if (reader->listen_count == PF_CONF_LISTENS) {
        pf_conf_wrong(mistakes(r), &head->place, "there are more than %d listeners", PF_CONF_LISTENS);
        return;
    }
    pf_conf_profile_keep(reader);
    reader->listens[reader->listen_count] = reader->draft.listen;
    reader->listen_places[reader->listen_count++] = head->place;
}

static void end_pair(struct pf_conf_reading *r, const struct pf_conf_token *head)
{
    struct pf_conf_reader *reader = r->reader;
    bool certificate = seen(reader, PF_CONF_BLOCK_pair, "certificate");
    bool key = seen(reader, PF_CONF_BLOCK_pair, "key");

    reader->tls_unclear = true; /* until it is in the list, which is looked at first */
    if (!certificate || !key)
        pf_conf_wrong(mistakes(r), &head->place, "`pair` lacks its `%s`",
                      certificate ? "key" : "certificate");
    else if (reader->pair_count == PF_CONF_PAIRS - 1) /* one is for that in tls itself */
        pf_conf_wrong(mistakes(r), &head->place, "there are more than %d pairs", PF_CONF_PAIRS - 1);
    else
        reader->pairs[reader->pair_count++] = reader->draft.pair;
}

/* The kind of a userdb; true when there is such a kind. */
static bool begin_userdb(struct pf_conf_reading *r, const struct pf_conf_statement *s)
{
    static const char kinds[] = "file|sqlite|postgresql|mariadb|ldap|pam|dovecot|saslauthd"; /* as the enum */
    struct pf_conf_row kind = {.name = "userdb", .type = PF_CONF_ENUM, .unit = kinds,
                               .at = offsetof(struct pf_conf_draft, userdb.kind),
                               .size = sizeof r->reader->draft.userdb.kind};
    struct pf_conf_input in = {s->words[1].text, &s->words[1].place, mistakes(r), &r->reader->keep};

    set_defaults(r->reader, PF_CONF_BLOCK_userdb);
    if (s->bad)
        return false;
    if (s->count < 2) {
        pf_conf_hint(pf_conf_wrong(mistakes(r), &s->words[0].place, "`userdb` lacks its kind"),
                     "as in: userdb sqlite { ... }");
        return false;
    }
    return pf_conf_value_read(&kind, &in, &r->reader->draft) && !pf_conf_too_many(r, s, 2);
}

static bool begin_domain(struct pf_conf_reading *r, const struct pf_conf_statement *s)
{
    struct pf_conf_row name = {.name = "domain", .type = PF_CONF_HOST, .max = 255,
                               .at = offsetof(struct pf_conf_draft, domain.name), .size = sizeof(char *)};
    struct pf_conf_input in = {s->words[1].text, &s->words[1].place, mistakes(r), &r->reader->keep};

    set_defaults(r->reader, PF_CONF_BLOCK_domain);
    if (s->bad)
        return false;
    if (s->count < 2) {
        pf_conf_hint(pf_conf_wrong(mistakes(r), &s->words[0].place, "`domain` lacks its name"),
                     "as in: domain example.org { ... }");
        return false;
    }
    return pf_conf_value_read(&name, &in, &r->reader->draft) && !pf_conf_too_many(r, s, 2);
}

static void end_userdb(struct pf_conf_reading *r, const struct pf_conf_token *head)
{
    struct pf_conf_reader *reader = r->reader;

    if (reader->userdb_count == PF_CONF_USERDBS)
        pf_conf_wrong(mistakes(r), &head->place, "there are more than %d blocks `userdb`", PF_CONF_USERDBS);
    else if (pf_conf_check_userdb(reader, &head->place))
        reader->userdbs[reader->userdb_count++] = reader->draft.userdb;
}

/* Room for one more domain; false when memory ran out. */
static bool room_for_domain(struct pf_conf_reader *reader)
{
    size_t cap = reader->domain_cap ? reader->domain_cap * 2 : 16;
    struct pf_conf_domain *more;

    if (reader->domain_count < reader->domain_cap)
        return true;
    more = pf_conf_memory_take(&reader->scratch, cap * sizeof *more);
    if (!more)
        return false;
    if (reader->domain_count)
        memcpy(more, reader->domains, reader->domain_count * sizeof *more);
    reader->domains = more;
    reader->domain_cap = cap;
    return true;
}

static void end_domain(struct pf_conf_reading *r, const struct pf_conf_token *head)
{
    struct pf_conf_reader *reader = r->reader;
    struct pf_bytes name = pf_bytes_of(reader->draft.domain.name);

    for (size_t i = 0; i < reader->domain_count; i++)
        if (pf_equal_nocase(name, pf_bytes_of(reader->domains[i].name))) {
            pf_conf_wrong(mistakes(r), &head->place, "there are two blocks for the domain %s",
                          reader->draft.domain.name);
            return;
        }
    if (reader->domain_count == PF_CONF_DOMAINS)
        pf_conf_wrong(mistakes(r), &head->place, "there are more than %d blocks `domain`", PF_CONF_DOMAINS);
    else if (!room_for_domain(reader))
        pf_conf_no_memory(mistakes(r), &head->place);
    else
        reader->domains[reader->domain_count++] = reader->draft.domain;
}

static const struct repeated {
    enum pf_conf_block block;
    bool (*begin)(struct pf_conf_reading *, const struct pf_conf_statement *);
    void (*end)(struct pf_conf_reading *, const struct pf_conf_token *head);
} repeated[] = {
    {PF_CONF_BLOCK_listen, begin_listen, end_listen},
    {PF_CONF_BLOCK_userdb, begin_userdb, end_userdb},
    {PF_CONF_BLOCK_domain, begin_domain, end_domain},
};

static const struct repeated *repeated_of(enum pf_conf_block block)
{
    for (size_t i = 0; i < sizeof repeated / sizeof repeated[0]; i++)
        if (repeated[i].block == block)
            return &repeated[i];
    return NULL;
}

static void push(struct pf_conf_reading *r, enum pf_conf_block block, const struct pf_conf_token *head)
{
    r->frames[r->depth++] = (struct pf_conf_frame){.block = block, .head = *head};
}

static void pop(struct pf_conf_reading *r)
{
    struct pf_conf_frame *frame = &r->frames[--r->depth];
    const struct repeated *row = repeated_of(frame->block);

    if (row && frame->good)
        row->end(r, &frame->head);
    else if (frame->block == PF_CONF_BLOCK_pair)
        end_pair(r, &frame->head);
}

static void tell_open(struct pf_conf_reading *r, const struct pf_conf_token *head)
{
    struct pf_conf_shown name = pf_conf_shown(head->text);

    if (r->suspect.place.source)
        name = pf_conf_shown(r->suspect.text), head = &r->suspect;
    pf_conf_hint(
        pf_conf_wrong(mistakes(r), &head->place, "the block `%s` has no closing `}`", name.text),
        "put a } behind its last setting");
    r->suspect = (struct pf_conf_token){0};
    r->missing--;
}

/* A block of the outermost level within another one, in a file that lacks a `}`: that is where. */
static bool leave_open_blocks(struct pf_conf_reading *r, const struct pf_conf_statement *s)
{
    if (r->depth == 0 || r->missing <= 0 ||
        pf_conf_block_find(PF_CONF_BLOCK_top, s->words[0].text) == PF_CONF_BLOCKS)
        return false;
    while (r->depth) {
        if (r->missing > 0)
            tell_open(r, &r->frames[r->depth - 1].head);
        pop(r);
    }
    return true;
}

static void begin_block(struct pf_conf_reading *r, const struct pf_conf_statement *s,
                        enum pf_conf_block block)
{
    const struct repeated *row = repeated_of(block);

    push(r, block, &s->words[0]);
    if (row) {
        r->frames[r->depth - 1].good = row->begin(r, s);
        return;
    }
    if (block == PF_CONF_BLOCK_pair)
        set_defaults(r->reader, block);
    pf_conf_too_many(r, s, 1);
}

static void open_block(struct pf_conf_reading *r, const struct pf_conf_statement *s)
{
    enum pf_conf_block block = pf_conf_block_find(pf_conf_here(r), s->words[0].text);
    struct pf_conf_shown name = pf_conf_shown(s->words[0].text);

    if (block == PF_CONF_BLOCKS && leave_open_blocks(r, s))
        block = pf_conf_block_find(PF_CONF_BLOCK_top, s->words[0].text);
    if (block != PF_CONF_BLOCKS) {
        begin_block(r, s, block);
        return;
    }
    if (!s->bad && pf_conf_row_find(pf_conf_here(r), s->words[0].text))
        pf_conf_hint(
            pf_conf_wrong(mistakes(r), &s->words[0].place, "`%s` is a setting, not a block", name.text),
            "write its value without braces");
    else if (!s->bad)
        pf_conf_unknown(r, s);
    r->reader->tls_unclear = true;
    push(r, PF_CONF_BLOCKS, &s->words[0]);
}

/* True when the next thing in the file is a `{`, which is taken then. */
static bool take_late_brace(struct pf_conf_reading *r)
{
    struct pf_conf_lex ahead = r->lex;
    struct pf_conf_token token;

    ahead.mistakes = NULL;
    do
        token = pf_conf_lex_next(&ahead);
    while (token.kind == PF_CONF_END);
    if (token.kind != PF_CONF_OPEN)
        return false;
    do
        token = pf_conf_lex_next(&r->lex);
    while (token.kind != PF_CONF_OPEN);
    return true;
}

/* In a file that has a `}` too many: true when the next statement is a setting of the block. */
static bool lost_brace(struct pf_conf_reading *r, enum pf_conf_block block)
{
    struct pf_conf_lex ahead = r->lex;
    struct pf_conf_token name;

    ahead.mistakes = NULL;
    do
        name = pf_conf_lex_next(&ahead);
    while (name.kind == PF_CONF_END);
    if (r->missing >= 0 || name.kind != PF_CONF_WORD || !pf_conf_row_find(block, name.text) ||
        pf_conf_lex_next(&ahead).kind != PF_CONF_WORD)
        return false;
    r->missing++;
    return true;
}

/* The name of a block, and no `{` behind it. Only a listener may be so short. */
static void short_block(struct pf_conf_reading *r, const struct pf_conf_statement *s,
                        enum pf_conf_block block)
{
    const char *name = pf_conf_blocks[block].name;
    bool late = s->end.kind == PF_CONF_END && take_late_brace(r);
    bool lost = s->end.kind == PF_CONF_END && !late && lost_brace(r, block);

    if (late && !s->bad)
        pf_conf_hint(
            pf_conf_wrong(mistakes(r), &s->words[0].place, "the `{` of `%s` is on another line", name),
            "put it behind `%s`", name);
    else if (!s->bad && (lost || block != PF_CONF_BLOCK_listen))
        pf_conf_hint(
            pf_conf_wrong(mistakes(r), &s->words[0].place, "`%s` is a block and lacks its `{`", name),
            "as in: %s %s%s{ ... }", name, pf_conf_blocks[block].argument,
            pf_conf_blocks[block].argument[0] ? " " : "");
    r->reader->tls_unclear = r->reader->tls_unclear || block == PF_CONF_BLOCK_tls;
    if (late || lost || block == PF_CONF_BLOCK_listen)
        begin_block(r, s, block);
    if (!late && !lost && block == PF_CONF_BLOCK_listen)
        pop(r);
}

static void close_block(struct pf_conf_reading *r, const struct pf_conf_token *brace)
{
    struct pf_conf_frame *frame = r->depth ? &r->frames[r->depth - 1] : NULL;
    unsigned column;

    if (!frame) {
        if (!brace->bad)
            pf_conf_hint(pf_conf_wrong(mistakes(r), &brace->place, "this `}` closes no block"),
                         "remove it");
        return;
    }
    if (brace->leads && r->depth > 1 && !r->suspect.place.source) {
        column = pf_conf_column(&brace->place);
        if (column != pf_conf_column(&frame->head.place) && column == pf_conf_column(&frame[-1].head.place))
            r->suspect = frame->head;
    }
    pop(r);
}

static void lone_brace(struct pf_conf_reading *r, const struct pf_conf_token *brace)
{
    if (!brace->bad)
        pf_conf_wrong(mistakes(r), &brace->place, "a `{` without a name before it");
    r->reader->tls_unclear = true;
    push(r, PF_CONF_BLOCKS, brace);
}

/* Within an unknown block only braces count. */
static void skip(struct pf_conf_reading *r, const struct pf_conf_statement *s)
{
    struct pf_conf_frame *frame = &r->frames[r->depth - 1];

    if (s->end.kind == PF_CONF_OPEN && !(s->count && leave_open_blocks(r, s)))
        frame->inner++;
    else if (s->end.kind == PF_CONF_OPEN)
        begin_block(r, s, pf_conf_block_find(PF_CONF_BLOCK_top, s->words[0].text));
    else if (s->end.kind == PF_CONF_CLOSE && frame->inner)
        frame->inner--;
    else if (s->end.kind == PF_CONF_CLOSE)
        close_block(r, &s->end);
}

static void take(struct pf_conf_reading *r, const struct pf_conf_statement *s)
{
    enum pf_conf_block block = PF_CONF_BLOCKS;

    if (s->count)
        block = pf_conf_block_find(pf_conf_here(r), s->words[0].text);
    if (s->end.kind == PF_CONF_OPEN && s->count)
        open_block(r, s);
    else if (s->end.kind == PF_CONF_OPEN)
        lone_brace(r, &s->end);
    else if (block != PF_CONF_BLOCKS)
        short_block(r, s, block);
    else if (s->count)
        pf_conf_setting(r, s);
    if (s->end.kind == PF_CONF_CLOSE)
        close_block(r, &s->end);
}

uint64_t pf_conf_reader_read(struct pf_conf_reader *reader, struct pf_conf_source *source)
{
    struct pf_conf_reading r = {.reader = reader, .source = source};
    struct pf_conf_statement s;

    r.missing = pf_conf_lex_open(source);
    pf_conf_lex_init(&r.lex, source, &reader->mistakes, &reader->scratch);
    do {
        read_statement(&r, &s);
        if (pf_conf_here(&r) == PF_CONF_BLOCKS)
            skip(&r, &s);
        else
            take(&r, &s);
    } while (s.end.kind != PF_CONF_EOF);
    while (r.depth) {
        tell_open(&r, &r.frames[r.depth - 1].head);
        pop(&r);
    }
    return source->base + source->text.len + 1;
}
