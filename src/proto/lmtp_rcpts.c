#include "proto/lmtp_rcpts.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_ROWS = 4, FIRST_TEXT = 256 };

static bool more_rows(struct pf_lmtp_rcpts *r)
{
    unsigned cap = r->cap ? r->cap * 2 : FIRST_ROWS;
    struct pf_lmtp_rcpt *rows = realloc(r->rows, cap * sizeof *rows);

    if (!rows)
        return false;
    r->rows = rows;
    r->cap = cap;
    return true;
}

static bool more_text(struct pf_lmtp_rcpts *r, size_t need)
{
    size_t cap = r->text_cap ? r->text_cap * 2 : FIRST_TEXT;
    unsigned char *text;

    while (cap < need)
        cap *= 2;
    text = realloc(r->text, cap);
    if (!text)
        return false;
    r->text = text;
    r->text_cap = cap;
    return true;
}

bool pf_lmtp_rcpts_try(struct pf_lmtp_rcpts *r, struct pf_bytes address)
{
    if (r->count == r->cap && !more_rows(r))
        return false;
    if (address.len > r->text_cap - r->text_len && !more_text(r, r->text_len + address.len))
        return false;
    if (address.len)
        memcpy(r->text + r->text_len, address.at, address.len);
    r->asked = address.len;
    return true;
}

struct pf_bytes pf_lmtp_rcpts_tried(const struct pf_lmtp_rcpts *r)
{
    return pf_bytes_from(r->text + r->text_len, r->asked);
}

void pf_lmtp_rcpts_accept(struct pf_lmtp_rcpts *r)
{
    assert(r->count < r->cap);
    r->rows[r->count++] = (struct pf_lmtp_rcpt){.at = r->text_len, .len = r->asked};
    r->text_len += r->asked;
    r->asked = 0;
}

struct pf_bytes pf_lmtp_rcpts_address(const struct pf_lmtp_rcpts *r, unsigned index)
{
    return pf_bytes_from(r->text + r->rows[index].at, r->rows[index].len);
}

void pf_lmtp_rcpts_settle(struct pf_lmtp_rcpts *r, unsigned index, const struct pf_err *err)
{
    struct pf_lmtp_rcpt *row;
    size_t len = strlen(err->say);

    assert(index < r->count && !r->rows[index].known);
    row = &r->rows[index];
    row->known = true;
    row->code = err->code;
    if (len && err->code != PF_OK && (row->say = malloc(len + 1)))
        memcpy(row->say, err->say, len + 1);
}

struct pf_lmtp_answer pf_lmtp_rcpts_answer(const struct pf_lmtp_rcpts *r, unsigned index)
{
    const struct pf_lmtp_rcpt *row = &r->rows[index];

    assert(row->known);
    return pf_lmtp_answer_of(row->code, row->say ? row->say : "");
}

static unsigned badness(unsigned code)
{
    static const unsigned of_class[10] = {[4] = 2, [5] = 1};

    return of_class[code / 100 % 10];
}

struct pf_lmtp_answer pf_lmtp_rcpts_worst(const struct pf_lmtp_rcpts *r)
{
    struct pf_lmtp_answer worst = pf_lmtp_answer_of(PF_OK, "");

    for (unsigned i = 0; i < r->count; i++) {
        struct pf_lmtp_answer a = pf_lmtp_rcpts_answer(r, i);

        if (badness(a.code) > badness(worst.code))
            worst = a;
    }
    return worst;
}

void pf_lmtp_rcpts_drop(struct pf_lmtp_rcpts *r)
{
    for (unsigned i = 0; i < r->count; i++)
        free(r->rows[i].say);
    free(r->rows);
    free(r->text);
    *r = (struct pf_lmtp_rcpts){0};
}
