#include "tool/look_parts.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Events */

static void keep_piece(struct pf_look *l, struct pf_bytes piece)
{
    size_t room = sizeof l->head_room - l->head.len;

    if (piece.len > room)
        piece.len = room;
    if (piece.len)
        memcpy(l->head_room + l->head.len, piece.at, piece.len);
    l->head = pf_bytes_from(l->head_room, l->head.len + piece.len);
}

static void said(struct pf_look *l)
{
    l->waiting++;
    l->ahead |= l->waiting > 1 && (pf_call_offer(l->call)->can & PF_CAN_PIPELINING);
}

/* As many heads as the server takes at once. */
static void ask_heads(struct pf_look *l)
{
    for (; l->next < l->count && !l->no_top; l->next++) {
        struct pf_look_row *row = &l->rows[l->next];

        if (row->headed || !l->verb->wants_head(l, l->next))
            continue;
        if (pf_call_say(l->call, &(struct pf_pop3_command){.verb = PF_VERB_TOP,
                                                           .number = row->number,
                                                           .tag = l->next}) != PF_OK)
            return;
        said(l);
    }
}

/* A server without TOP refuses the first already; one that has it may lack a message. */
static void head_ended(struct pf_look *l, const struct pf_heard *heard)
{
    struct pf_look_row *row = &l->rows[heard->tag];

    if (l->lost)
        return;
    row->headed = true;
    if (heard->end == PF_END_WHOLE) {
        pf_look_head(l->head, row);
        l->heads++;
    } else if (l->heads == 0) {
        l->no_top = true;
    }
    l->head.len = 0;
    ask_heads(l);
}

/* From the end: a server that numbers anew behind each DELE (QS-020) deletes no other message then. */
static void ask_deletes(struct pf_look *l)
{
    for (; l->next > 0; l->next--) {
        struct pf_look_row *row = &l->rows[l->next - 1];

        if (!row->chosen)
            continue;
        if (pf_call_say(l->call, &(struct pf_pop3_command){.verb = PF_VERB_DELE,
                                                           .number = row->number,
                                                           .tag = l->next - 1}) != PF_OK)
            return;
        l->waiting++;
    }
}

static void delete_ended(struct pf_look *l, const struct pf_heard *heard)
{
    struct pf_look_row *row = &l->rows[heard->tag];

    row->deleted = heard->end == PF_END_WHOLE;
    if (l->lost)
        return;
    if (!row->deleted)
        l->told(l, row->number, heard->text);
    ask_deletes(l);
}

static void hear_item(struct pf_look *l, const struct pf_heard *heard)
{
    struct pf_look_row *row;

    if (!heard->parsed || heard->number == 0)
        return;
    if (heard->verb == PF_VERB_LIST) {
        l->no_memory |= !pf_look_row_add(l, heard->number, heard->octets);
        return;
    }
    row = pf_look_row_find(l, heard->number);
    if (!row) { /* LIST was refused, or its size can be no number */
        row = pf_look_row_add(l, heard->number, PF_OCTETS_UNKNOWN);
        l->no_memory |= !row;
    }
    if (row && !row->uid) {
        row->uid = pf_text_copy(heard->uid);
        l->no_memory |= !row->uid;
    }
}

static void note_answer(struct pf_look *l, const struct pf_heard *heard)
{
    /* PF_SYNTAX is what is no POP3; a refusal is some. */
    enum pf_code code = heard->code == PF_OK || heard->code == PF_SYNTAX ? PF_PERM : heard->code;
    struct pf_bytes why = pf_bytes_head(heard->text, 200);

    l->asked.coded = heard->coded;
    if (heard->end == PF_END_WHOLE)
        l->asked.err.code = PF_OK;
    else if (heard->verb == PF_VERB_RETR)
        pf_fail(&l->asked.err, code, 0, "look",
                pf_say("the server does not give message %" PRIu64 ": %.*s",
                       "der Server gibt Nachricht %" PRIu64 " nicht: %.*s"),
                heard->number, (int)why.len, why.at);
    else
        pf_fail(&l->asked.err, code, 0, "look",
                pf_say("the server refuses: %.*s", "der Server lehnt ab: %.*s"), (int)why.len, why.at);
}

/* A server may have none. One that has needs no LIST; what is refused by a code is trouble of the
 * moment. */
static void uidl_ended(struct pf_look *l, const struct pf_heard *heard)
{
    if (heard->end == PF_END_WHOLE && !l->asked.coded)
        l->asked.err.code = PF_OK;
}

static void on_heard(void *self, struct pf_reach *reach, struct pf_call *call,
                     const struct pf_heard *heard)
{
    struct pf_look *l = self;

    (void)reach;
    (void)call;
    if (heard->kind == PF_HEARD_ITEM) {
        hear_item(l, heard);
    } else if (heard->kind == PF_HEARD_PIECE && heard->verb == PF_VERB_TOP) {
        keep_piece(l, heard->bytes);
    } else if (heard->kind == PF_HEARD_PIECE && l->asked.take) {
        l->asked.take(l->asked.self, heard->bytes);
    } else if (heard->kind == PF_HEARD_END) {
        l->waiting--;
        l->lost |= heard->lost != PF_LOST_NOT;
        if (heard->verb == PF_VERB_LIST || heard->verb == PF_VERB_UIDL)
            pf_look_rows_sort(l);
        l->confirmed = heard->verb == PF_VERB_QUIT && heard->end == PF_END_WHOLE;
        if (heard->verb == PF_VERB_TOP)
            head_ended(l, heard);
        else if (heard->verb == PF_VERB_DELE)
            delete_ended(l, heard);
        else if (heard->verb == PF_VERB_UIDL)
            uidl_ended(l, heard);
        else
            note_answer(l, heard);
    }
}

static void on_ready(void *self, struct pf_reach *reach, struct pf_call *call)
{
    struct pf_look *l = self;

    (void)reach;
    l->call = call;
}

static void on_gone(void *self, struct pf_reach *reach, const struct pf_err *err)
{
    struct pf_look *l = self;

    (void)reach;
    l->call = NULL;
    l->gone = true;
    l->gone_err = *err;
}

static void give(void *self, struct pf_bytes secret, const struct pf_err *err)
{
    struct pf_look *l = self;

    pf_reach_secret(l->reach, secret, err);
}

static void on_secret(void *self, struct pf_reach *reach, const char *host)
{
    struct pf_look *l = self;

    (void)reach;
    l->secret.give = give;
    l->secret.self = l;
    pf_client_secret(&l->secret, &l->client, l->account, host);
}

/* Waiting */

static void hang_up(struct pf_look *l)
{
    l->secret.give = NULL;
    while (l->secret.job.busy || l->secret.later.queued)
        pf_loop_turn(l->client.loop, true);
    pf_reach_free(l->reach);
    l->reach = NULL;
    l->call = NULL;
}

/* Until everything was answered; an error when the connection ended before. */
static enum pf_code wait_for_answers(struct pf_look *l, struct pf_err *err)
{
    while (!l->gone && (l->waiting || l->lost))
        pf_loop_turn(l->client.loop, true);
    if (l->waiting == 0 && !l->lost && !l->no_memory)
        return PF_OK;
    if (l->no_memory)
        return pf_fail(err, PF_NO_MEMORY, 0, "look", "no memory for the list");
    *err = l->gone_err;
    if (err->code == PF_OK)
        pf_fail(err, PF_TEMP, 0, "look", "the session has ended");
    return err->code;
}

static enum pf_code say(struct pf_look *l, const struct pf_pop3_command *command, struct pf_err *err)
{
    enum pf_code code = l->call ? pf_call_say(l->call, command) : PF_STATE;

    if (code == PF_OK)
        said(l);
    else if (l->gone && l->gone_err.code != PF_OK)
        *err = l->gone_err;
    else
        pf_fail(err, PF_TEMP, 0, "look", "nothing more can be said to the server");
    return code == PF_OK ? PF_OK : err->code;
}

enum pf_code pf_look_do(struct pf_look *l, const struct pf_pop3_command *command,
                        void (*take)(void *self, struct pf_bytes), void *self, struct pf_err *err)
{
    enum pf_code code;

    l->asked = (struct pf_look_asked){.take = take, .self = self};
    code = say(l, command, err);
    if (code == PF_OK)
        code = wait_for_answers(l, err);
    l->asked.take = NULL;
    if (code == PF_OK && l->asked.err.code != PF_OK) {
        *err = l->asked.err;
        code = err->code;
    }
    return code;
}

enum pf_code pf_look_fetch(struct pf_look *l, const struct pf_look_row *row,
                           void (*take)(void *self, struct pf_bytes), void *self, struct pf_err *err)
{
    return pf_look_do(
        l, &(struct pf_pop3_command){.verb = PF_VERB_RETR, .number = row->number, .expect = row->octets},
        take, self, err);
}

/* The beginning */

static enum pf_code list(struct pf_look *l, struct pf_err *err)
{
    enum pf_code code;

    l->asked = (struct pf_look_asked){0};
    code = say(l, &(struct pf_pop3_command){.verb = PF_VERB_LIST}, err);
    if (code == PF_OK)
        code = say(l, &(struct pf_pop3_command){.verb = PF_VERB_UIDL}, err);
    if (code == PF_OK)
        code = wait_for_answers(l, err);
    if (code == PF_OK && l->asked.err.code != PF_OK) {
        *err = l->asked.err;
        code = err->code;
    }
    return code;
}

static enum pf_code reach(struct pf_look *l, enum pf_pipelining pipelining, struct pf_err *err)
{
    static const struct pf_reach_calls calls = {on_secret, on_ready, on_heard, on_gone};
    const struct pf_reach_settings set = {.loop = l->client.loop,
                                          .pool = l->client.pool,
                                          .account = l->account,
                                          .pipelining = pipelining,
                                          .keep_crlf = l->verb->crlf};

    l->gone = l->lost = l->no_top = l->ahead = false;
    l->waiting = 0;
    l->next = l->heads = l->head.len = 0;
    l->reach = pf_reach_new(&set, &calls, l, err);
    if (!l->reach)
        return err->code;
    while (!l->call && !l->gone)
        pf_loop_turn(l->client.loop, true);
    if (l->gone)
        *err = l->gone_err;
    return l->gone ? err->code : PF_OK;
}

/* Everything before the verb does its work; *out_status where the verb itself refuses. */
static enum pf_code attempt(struct pf_look *l, enum pf_pipelining pipelining, int *out_status,
                            struct pf_err *err)
{
    enum pf_code code = reach(l, pipelining, err);

    if (code == PF_OK)
        code = list(l, err);
    if (code == PF_OK && l->verb->choose)
        *out_status = l->verb->choose(l);
    if (code == PF_OK && *out_status == 0 && l->verb->wants_head) {
        ask_heads(l);
        code = wait_for_answers(l, err);
    }
    return code;
}

/* A server that dies of commands that are sent ahead is called once more, and gets one at a time
 * (QS-024). */
int pf_look_begin(struct pf_look *l)
{
    struct pf_err err = {0};
    int status = 0;

    if (pf_client_ask(&l->client, l->account, &err) != PF_OK)
        return pf_look_complain(l, &err);
    if (attempt(l, PF_PIPELINE_IF_OFFERED, &status, &err) == PF_OK)
        return status;
    if (l->reach && l->gone && (l->ahead || pf_reach_facts(l->reach)->ahead_lost)) {
        hang_up(l);
        pf_look_rows_free(l);
        if (attempt(l, PF_PIPELINE_NEVER, &status, &err) == PF_OK)
            return status;
    }
    return pf_look_complain(l, &err);
}

bool pf_look_delete(struct pf_look *l,
                    void (*told)(struct pf_look *, uint64_t number, struct pf_bytes why))
{
    struct pf_err err;

    l->told = told;
    l->next = l->count;
    if (l->call)
        ask_deletes(l);
    return l->call && wait_for_answers(l, &err) == PF_OK;
}

bool pf_look_quit(struct pf_look *l)
{
    struct pf_err err;

    return pf_look_do(l, &(struct pf_pop3_command){.verb = PF_VERB_QUIT}, NULL, NULL, &err) == PF_OK &&
           l->confirmed;
}

void pf_look_end(struct pf_look *l)
{
    if (l->reach)
        hang_up(l);
    pf_look_rows_free(l);
}
