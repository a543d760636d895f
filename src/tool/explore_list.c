#include "tool/explore_list.h"

#include "base/text.h"
#include "tool/explore_text.h"

#include <stdlib.h>

enum {
    DISORDER_MOST = 10000, /* each costs a look at all rows */
    UID_LONG = 16          /* octets of a UID that no server counts up to */
};

bool pf_explore_list_add(struct pf_explore_list *list, uint64_t number, uint64_t octets)
{
    uint64_t sum;
    size_t at = list->count;

    if (at && number <= list->rows[at - 1].number) {
        if (pf_explore_list_find(list, number) || list->disorder++ >= DISORDER_MOST)
            return false;
        while (at && list->rows[at - 1].number > number)
            at--;
    }
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 256;
        struct pf_explore_row *rows =
            room <= UINT32_MAX ? reallocarray(list->rows, room, sizeof *rows) : NULL;

        if (!rows)
            return false;
        list->rows = rows;
        list->room = room;
    }
    memmove(list->rows + at + 1, list->rows + at, (list->count++ - at) * sizeof *list->rows);
    list->rows[at] = (struct pf_explore_row){.number = number, .octets = octets};
    list->octets = __builtin_add_overflow(list->octets, octets, &sum) ? UINT64_MAX : sum;
    return true;
}

struct pf_explore_row *pf_explore_list_find(const struct pf_explore_list *list, uint64_t number)
{
    size_t low = 0, high = list->count;

    if (number && number <= list->count && list->rows[number - 1].number == number)
        return &list->rows[number - 1]; /* numbers have no holes, but with some servers */
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (list->rows[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < list->count && list->rows[low].number == number ? &list->rows[low] : NULL;
}

bool pf_explore_list_uid(struct pf_explore_list *list, uint64_t number, struct pf_bytes uid)
{
    struct pf_explore_row *row = pf_explore_list_find(list, number);

    if (!row || row->uid || uid.len > PF_EXPLORE_UID_MAX || pf_find(uid, 0) < uid.len)
        return false;
    row->uid = pf_text_copy(uid);
    return row->uid != NULL;
}

static size_t cut(const char *text, size_t most)
{
    size_t len = strnlen(text, most + 1);

    if (len <= most)
        return len;
    for (len = most; len && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
        continue;
    return len;
}

static void note_head(struct pf_explore_list *list, struct pf_explore_row *row,
                      enum pf_explore_head head)
{
    if (row->head != PF_EXPLORE_HEAD && row->head != PF_EXPLORE_HEADLESS)
        list->heads++;
    row->head = (unsigned char)head;
}

bool pf_explore_list_head(struct pf_explore_list *list, uint64_t number, const char *from,
                          const char *subject, int64_t date)
{
    struct pf_explore_row *row = pf_explore_list_find(list, number);
    size_t from_len = from ? cut(from, PF_EXPLORE_FROM_MAX) : 0;
    size_t subject_len = subject ? cut(subject, PF_EXPLORE_SUBJECT_MAX) : 0;
    char *text = row ? malloc(from_len + subject_len + 2) : NULL;

    if (!text)
        return false;
    if (from_len)
        memcpy(text, from, from_len);
    text[from_len] = 0;
    if (subject_len)
        memcpy(text + from_len + 1, subject, subject_len);
    text[from_len + 1 + subject_len] = 0;
    free(row->from);
    row->from = text;
    row->subject = text + from_len + 1;
    row->date = date;
    note_head(list, row, PF_EXPLORE_HEAD);
    return true;
}

void pf_explore_list_headless(struct pf_explore_list *list, uint64_t number)
{
    struct pf_explore_row *row = pf_explore_list_find(list, number);

    if (row)
        note_head(list, row, PF_EXPLORE_HEADLESS);
}

void pf_explore_list_unask(struct pf_explore_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->rows[i].head == PF_EXPLORE_HEAD_ASKED)
            list->rows[i].head = PF_EXPLORE_NO_HEAD;
    list->hint = 0;
}

/* Order */

static int by_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_texts(const struct pf_explore_row *a, const struct pf_explore_row *b, bool subjects)
{
    if (!a->from || !b->from)
        return (a->from == NULL) - (b->from == NULL);
    return subjects ? pf_explore_compare(a->subject, b->subject) : pf_explore_compare(a->from, b->from);
}

static int compare(const void *x, const void *y, void *self)
{
    const struct pf_explore_list *list = self;
    const struct pf_explore_row *a = &list->rows[*(const uint32_t *)x],
                                *b = &list->rows[*(const uint32_t *)y];
    int order = 0;

    if (list->sort == PF_EXPLORE_BY_DATE)
        order = (a->date < b->date) - (a->date > b->date);
    else if (list->sort == PF_EXPLORE_BY_SIZE)
        order = by_numbers(b->octets, a->octets);
    else if (list->sort == PF_EXPLORE_BY_FROM || list->sort == PF_EXPLORE_BY_SUBJECT)
        order = by_texts(a, b, list->sort == PF_EXPLORE_BY_SUBJECT);
    if (order == 0)
        order = by_numbers(b->number, a->number);
    return list->turned ? -order : order;
}

bool pf_explore_row_has(const struct pf_explore_row *row, const char *needle)
{
    return (row->from && (pf_explore_has(row->from, needle) || pf_explore_has(row->subject, needle))) ||
           (row->uid && pf_explore_has(row->uid, needle));
}

bool pf_explore_list_order(struct pf_explore_list *list)
{
    uint32_t chosen = list->cursor < list->shown_count ? list->shown[list->cursor] : 0;
    uint32_t *shown = reallocarray(list->shown, list->count + 1, sizeof *shown);
    size_t n = 0;
    bool had_row = list->shown_count > 0;

    if (!shown)
        return false;
    list->shown = shown;
    for (size_t i = 0; i < list->count; i++)
        if (!list->filter[0] || pf_explore_row_has(&list->rows[i], list->filter))
            shown[n++] = (uint32_t)i;
    list->shown_count = n;
    qsort_r(shown, n, sizeof *shown, compare, list);
    for (size_t i = 0; had_row && i < n; i++)
        if (shown[i] == chosen) {
            list->cursor = i;
            return true;
        }
    pf_explore_list_move(list, had_row ? list->cursor : 0);
    return true;
}

void pf_explore_list_move(struct pf_explore_list *list, size_t to)
{
    list->cursor = list->shown_count == 0 ? 0 : to < list->shown_count ? to : list->shown_count - 1;
}

struct pf_explore_row *pf_explore_list_at(const struct pf_explore_list *list)
{
    return list->cursor < list->shown_count ? &list->rows[list->shown[list->cursor]] : NULL;
}

/* Marks */

void pf_explore_list_mark(struct pf_explore_list *list, struct pf_explore_row *row, bool marked)
{
    if (row->marked == marked)
        return;
    row->marked = marked;
    list->marked += marked ? 1 : SIZE_MAX;
    list->marked_octets += marked ? row->octets : -row->octets;
}

void pf_explore_list_mark_all(struct pf_explore_list *list, bool marked)
{
    if (marked)
        for (size_t i = 0; i < list->shown_count; i++)
            pf_explore_list_mark(list, &list->rows[list->shown[i]], true);
    else
        for (size_t i = 0; i < list->count; i++)
            pf_explore_list_mark(list, &list->rows[i], false);
}

bool pf_explore_list_search(struct pf_explore_list *list, int step)
{
    size_t n = list->shown_count, at = list->cursor;

    for (size_t i = 0; i < n; i++) {
        at = step > 0 ? (at + 1) % n : (at + n - 1) % n;
        if (pf_explore_row_has(&list->rows[list->shown[at]], list->needle)) {
            list->cursor = at;
            return true;
        }
    }
    return false;
}

struct pf_explore_row *pf_explore_list_next(struct pf_explore_list *list, size_t first, size_t rows)
{
    for (size_t i = first; i < list->shown_count && i - first < rows; i++)
        if (list->rows[list->shown[i]].head == PF_EXPLORE_NO_HEAD)
            return &list->rows[list->shown[i]];
    /* The rest from the newest on. */
    for (; list->hint < list->count; list->hint++) {
        struct pf_explore_row *row = &list->rows[list->count - 1 - list->hint];

        if (row->head == PF_EXPLORE_NO_HEAD)
            return row;
    }
    return NULL;
}

/* Another connection */

static int by_uid(const void *x, const void *y)
{
    const struct pf_explore_row *const *a = x, *const *b = y;

    return strcmp((*a)->uid, (*b)->uid);
}

/* Rows with a UID that no other has, by it; NULL without memory. */
static struct pf_explore_row **known(struct pf_explore_list *list, size_t *out_count)
{
    struct pf_explore_row **rows = reallocarray(NULL, list->count + 1, sizeof *rows);
    size_t n = 0, kept = 0;

    if (!rows)
        return NULL;
    for (size_t i = 0; i < list->count; i++)
        if (list->rows[i].uid)
            rows[n++] = &list->rows[i];
    qsort(rows, n, sizeof *rows, by_uid);
    for (size_t i = 0; i < n;) {
        size_t same = i + 1;

        while (same < n && strcmp(rows[same]->uid, rows[i]->uid) == 0)
            same++;
        if (same == i + 1)
            rows[kept++] = rows[i];
        i = same;
    }
    *out_count = kept;
    return rows;
}

static void hand_over(struct pf_explore_list *list, struct pf_explore_row *to,
                      struct pf_explore_row *from)
{
    /* What was counted may be given to another message later; what is as long as a digest is not. Some
     * servers add lines of their own to a message that was looked at. */
    if (to->octets != from->octets && strlen(to->uid) < UID_LONG)
        return;
    if (from->head == PF_EXPLORE_HEAD) {
        to->from = from->from;
        to->subject = from->subject;
        to->date = from->date;
        from->from = NULL;
        note_head(list, to, PF_EXPLORE_HEAD);
    }
    pf_explore_list_mark(list, to, from->marked);
}

size_t pf_explore_list_inherit(struct pf_explore_list *list, struct pf_explore_list *old)
{
    const struct pf_explore_row *chosen = pf_explore_list_at(old);
    size_t count = 0, old_count = 0, lost, cursor = 0;
    struct pf_explore_row **ours = known(list, &count), **theirs = known(old, &old_count);

    list->sort = old->sort;
    list->turned = old->turned;
    memcpy(list->filter, old->filter, sizeof list->filter);
    memcpy(list->needle, old->needle, sizeof list->needle);
    for (size_t i = 0, j = 0; ours && theirs && i < count && j < old_count;) {
        int order = strcmp(ours[i]->uid, theirs[j]->uid);

        if (order == 0) {
            if (theirs[j] == chosen)
                cursor = (size_t)(ours[i] - list->rows) + 1;
            hand_over(list, ours[i], theirs[j]);
        }
        i += order <= 0;
        j += order >= 0;
    }
    lost = old->marked - list->marked;
    pf_explore_list_order(list);
    for (size_t i = 0; cursor && i < list->shown_count; i++)
        if (list->shown[i] == cursor - 1)
            list->cursor = i;
    free(ours);
    free(theirs);
    pf_explore_list_done(old);
    return lost;
}

void pf_explore_list_done(struct pf_explore_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->rows[i].uid);
        free(list->rows[i].from);
    }
    free(list->rows);
    free(list->shown);
    *list = (struct pf_explore_list){0};
}
