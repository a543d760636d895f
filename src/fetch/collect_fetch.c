/* RETR: messages come, get their names, and go to the place. */
#include "fetch/collect_private.h"

#include <stdlib.h>

static const char where[] = "collect";

static uint64_t expected(const struct pf_plan_row *row)
{
    return row->octets == PF_OCTETS_UNKNOWN ? PF_COLLECT_UNTOLD : row->octets;
}

/* Where a message is a flood: so far over what was told that no way of counting explains it. */
static uint64_t most_of(const struct pf_collect *c, const struct pf_plan_row *row)
{
    uint64_t told = row->octets == PF_OCTETS_UNKNOWN ? c->account.size_limit : row->octets, most;

    if (row->octets == PF_OCTETS_UNKNOWN && !told)
        return 0;
    return __builtin_mul_overflow(told, 2, &most) ||
                   __builtin_add_overflow(most, PF_COLLECT_SLACK, &most)
               ? 0
               : most;
}

void pf_collect_fetch(struct pf_collect *c)
{
    while (c->s.next < c->s.order_count) {
        const struct pf_plan_row *row = pf_plan_at(c->s.plan, c->s.order[c->s.next]);
        const struct pf_pop3_command command = {.verb = PF_VERB_RETR,
                                                .number = row->number,
                                                .tag = c->s.next,
                                                .expect = row->octets,
                                                .octets_max = most_of(c, row)};
        uint64_t ahead;

        if (__builtin_add_overflow(c->s.ahead, expected(row), &ahead))
            ahead = UINT64_MAX;
        if ((c->s.flying && ahead > PF_COLLECT_AHEAD) || pf_collect_say(c, &command) != PF_OK)
            return;
        c->s.ahead = ahead;
        c->s.next++;
    }
}

void pf_collect_left(struct pf_collect *c, const struct pf_plan_row *row, const struct pf_err *err)
{
    struct pf_collect_event event = {.kind = PF_COLLECT_LEFT,
                                     .number = row->number,
                                     .octets = row->octets,
                                     .uid = row->uid,
                                     .why = row->why};

    if (err)
        event.err = *err;
    pf_collect_tell(c, &event);
}

void pf_collect_drop_under(struct pf_collect *c)
{
    pf_letter_drop(c->s.under.letter);
    free(c->s.under.early);
    c->s.under = (struct pf_collect_under){0};
}

/* It is not to be delivered. `err`: because of that. */
static void discard(struct pf_collect *c, const struct pf_err *err)
{
    struct pf_collect_under *u = &c->s.under;

    pf_letter_drop(u->letter);
    u->letter = NULL;
    u->discard = true;
    if (!err)
        return;
    u->err = *err;
    pf_collect_blame(c, err, err->code != PF_TEMP && err->code != PF_PERM);
}

static void open_letter(struct pf_collect *c)
{
    struct pf_collect_under *u = &c->s.under;
    const struct pf_ledger_note note = {.octets = u->row->octets, .uid = u->row->identity};
    struct pf_err err = {0};

    u->letter = pf_place_begin(c->place, &note, u->row, &err);
    if (!u->letter)
        discard(c, &err);
}

static void put(struct pf_collect *c, struct pf_bytes piece)
{
    struct pf_err err = {0};

    if (c->s.under.letter && piece.len && pf_letter_write(c->s.under.letter, piece, &err) != PF_OK)
        discard(c, &err);
}

/* The header is there: a filter may decide, and who has no name gets one. */
static void meet(struct pf_collect *c)
{
    struct pf_collect_under *u = &c->s.under;
    struct pf_plan_row *row = u->row;
    unsigned char digest[PF_LEDGER_HEAD];

    u->head_done = true;
    pf_head_digest(c->head, digest);
    row->filter = pf_head_filter(c->head, &c->account);
    if (!row->identity.len) {
        if (pf_plan_identify(c->s.plan, row, digest)) {
            u->discard = true;
            return;
        }
        if (!row->identity.len)
            pf_collect_no_memory(c);
    }
    memcpy(row->head, digest, sizeof digest);
    if (row->filter && row->filter->action != PF_ACCOUNT_FOLDER) {
        row->what = PF_PLAN_LEAVE;
        row->why = row->filter->action == PF_ACCOUNT_SKIP ? PF_PLAN_FILTERED : PF_PLAN_UNWANTED;
        discard(c, NULL);
    } else if (!u->letter && !u->discard && !c->hard) {
        open_letter(c);
        put(c, pf_bytes_from(u->early, u->early_len));
    }
}

/* A message without a name waits in memory until its header has come, or so much of it. */
static void keep_early(struct pf_collect *c, struct pf_bytes piece)
{
    struct pf_collect_under *u = &c->s.under;
    struct pf_bytes part = pf_bytes_head(piece, PF_COLLECT_HEAD_MOST - u->early_len);
    unsigned char *at = realloc(u->early, u->early_len + part.len + 1);
    bool more;

    if (!at) {
        pf_collect_no_memory(c);
        u->discard = true;
        return;
    }
    u->early = at;
    if (part.len)
        memcpy(at + u->early_len, part.at, part.len);
    u->early_len += part.len;
    more = pf_head_feed(c->head, part);
    if (more && u->early_len < PF_COLLECT_HEAD_MOST)
        return;
    meet(c);
    put(c, pf_bytes_skip(piece, part.len));
}

static void count_lines(struct pf_collect_under *u, struct pf_bytes piece)
{
    const unsigned char *at = piece.at, *end = piece.at + piece.len;

    if (u->line_begins && piece.len && *at == '.')
        u->dots++;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        u->lines++;
        u->dots += ++at < end && *at == '.';
    }
    if (piece.len)
        u->line_begins = piece.at[piece.len - 1] == '\n';
}

static void tell_moves(struct pf_collect *c)
{
    struct pf_collect_under *u = &c->s.under;
    pf_time now = pf_loop_now(c->set.loop);
    const struct pf_collect_event event = {.kind = PF_COLLECT_MOVES,
                                           .number = u->row->number,
                                           .octets = u->row->octets,
                                           .uid = u->row->uid,
                                           .so_far = u->so_far};

    if (now - u->moved < PF_COLLECT_MOVES_EVERY)
        return;
    u->moved = now;
    pf_collect_tell(c, &event);
}

static void take_piece(struct pf_collect *c, struct pf_bytes piece)
{
    struct pf_collect_under *u = &c->s.under;

    u->so_far += piece.len;
    if (u->discard)
        return;
    count_lines(u, piece);
    if (!u->letter) {
        keep_early(c, piece);
    } else {
        put(c, piece);
        if (!u->discard && !u->head_done && !pf_head_feed(c->head, piece))
            meet(c);
    }
    tell_moves(c);
}

static void begin(struct pf_collect *c, const struct pf_heard *heard)
{
    struct pf_collect_under *u = &c->s.under;
    struct pf_collect_event event = {.kind = PF_COLLECT_BEGINS};

    pf_collect_drop_under(c);
    u->begun = true;
    u->line_begins = true;
    u->at = heard->tag;
    u->row = pf_plan_at(c->s.plan, c->s.order[u->at]);
    u->moved = pf_loop_now(c->set.loop);
    if (pf_collect_ends(c)) { /* it was asked for ahead */
        c->unfinished |= c->stopped;
        u->discard = true;
        return;
    }
    pf_head_begin(c->head);
    event.number = u->row->number;
    event.octets = u->row->octets;
    event.uid = u->row->uid;
    pf_collect_tell(c, &event);
    if (u->row->identity.len)
        open_letter(c);
}

/* It came whole. */
static void finish(struct pf_collect *c, const struct pf_heard *heard)
{
    struct pf_collect_under *u = &c->s.under;
    const struct pf_account_filter *filter;

    if (!u->discard && !u->head_done)
        meet(c);
    if (u->discard || !u->letter) {
        bool left = u->row->what == PF_PLAN_LEAVE && u->row->why != PF_PLAN_KNOWN;

        c->s.steps += left;
        c->sums.skipped += left && (u->row->why == PF_PLAN_FILTERED || u->row->why == PF_PLAN_UNWANTED);
        c->sums.unwanted += left && u->row->why == PF_PLAN_UNWANTED && c->set.remove;
        if (left || u->err.code != PF_OK)
            pf_collect_left(c, u->row, &u->err);
        return;
    }
    c->s.sizes[u->at] = (struct pf_collect_size){.came_whole = true,
                                                 .told = u->row->octets,
                                                 .came = heard->octets,
                                                 .lines = u->lines,
                                                 .dots = u->dots};
    filter = u->row->filter;
    u->row->came = heard->octets;
    pf_letter_end(u->letter, u->row->head, heard->octets, filter ? filter->folder : NULL);
    u->letter = NULL;
    if (pf_place_waiting(c->place) >= PF_PLACE_MOST && c->call && !c->s.held) {
        c->s.held = true;
        pf_call_hold(c->call, true);
    }
}

/* Where the line was cut, and what is not to be tried again in this run. */
static void note_cut(struct pf_collect *c)
{
    c->s.cut_inside = true;
    c->poison = pf_plan_keep(&c->taken_text, c->s.under.row->identity);
}

static void end(struct pf_collect *c, const struct pf_heard *heard)
{
    const struct pf_plan_row *row = pf_plan_at(c->s.plan, c->s.order[heard->tag]);
    struct pf_err err;

    c->s.ahead -= c->s.ahead < expected(row) ? c->s.ahead : expected(row);
    c->s.messages += heard->end == PF_END_WHOLE;
    if (heard->end == PF_END_WHOLE && c->s.under.begun) {
        finish(c, heard);
    } else if (heard->end == PF_END_CUT && c->s.under.begun) {
        note_cut(c);
    } else if (heard->end == PF_END_REFUSED) {
        pf_fail(&err, heard->coded ? heard->code : PF_TEMP, 0, where, "message %ju was refused%s%.*s",
                (uintmax_t)row->number, heard->text.len ? ": " : "",
                (int)(heard->text.len > 200 ? 200 : heard->text.len), (const char *)heard->text.at);
        pf_collect_blame(c, &err, false);
        pf_collect_left(c, row, &err);
    }
    pf_collect_drop_under(c);
}

void pf_collect_fetch_heard(struct pf_collect *c, const struct pf_heard *heard)
{
    if (heard->verb != PF_VERB_RETR)
        return;
    if (heard->kind == PF_HEARD_BEGIN)
        begin(c, heard);
    else if (heard->kind == PF_HEARD_PIECE && c->s.under.begun)
        take_piece(c, heard->bytes);
    else if (heard->kind == PF_HEARD_END)
        end(c, heard);
}

static void taken(struct pf_collect *c, struct pf_plan_row *row)
{
    struct pf_collect_event event = {
        .kind = PF_COLLECT_TAKEN, .number = row->number, .octets = row->octets, .uid = row->uid};

    event.folder = row->filter ? row->filter->folder : NULL;
    row->taken = true;
    c->s.steps++;
    c->sums.fetched++;
    c->sums.octets += row->came;
    if (c->account.fetch == PF_ACCOUNT_ALL && !pf_collect_took(c, row->identity))
        pf_collect_no_memory(c);
    pf_collect_tell(c, &event);
}

void pf_collect_letter_done(void *self, void *letter_of, const struct pf_err *err)
{
    struct pf_collect *c = self;
    struct pf_plan_row *row = letter_of;
    bool told = false; /* the place is broken, for the letters before as for this one */

    pf_collect_enter(c);
    if (err->code == PF_OK) {
        taken(c, row);
    } else {
        if (err->code == PF_PERM) {
            row->what = PF_PLAN_LEAVE;
            row->why = PF_PLAN_REFUSED;
            c->sums.refused++;
            c->s.steps++;
        } else {
            told = c->hard && strcmp(c->err.log, err->log) == 0;
            pf_collect_blame(c, err, err->code != PF_TEMP);
        }
        if (!told)
            pf_collect_left(c, row, err);
    }
    if (c->s.held && c->call && pf_place_waiting(c->place) < PF_PLACE_MOST) {
        c->s.held = false;
        pf_call_hold(c->call, false);
    }
    pf_collect_go(c);
    pf_collect_leave_place(c);
}
