#include "tool/explore_view.h"

#include "tool/speech.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    HEAD = 3,        /* lines above the list: who, what, titles */
    NARROW = 72,     /* columns; with fewer the date is short */
    TINY = 48,       /* with fewer there is no size either */
    PANE_SHARE = 2,  /* the preview takes one part of so many */
    PANE_LEAST = 12, /* rows of a screen with a preview */
    FROM_SHARE = 4,
    NOTE_LINES = 3
};

const char *pf_explore_sort_name(enum pf_explore_sort sort)
{
    switch (sort) {
    case PF_EXPLORE_BY_NUMBER:
        return pf_say("number", "Nummer");
    case PF_EXPLORE_BY_DATE:
        return pf_say("date", "Datum");
    case PF_EXPLORE_BY_SIZE:
        return pf_say("size", "Größe");
    case PF_EXPLORE_BY_FROM:
        return pf_say("from", "Absender");
    case PF_EXPLORE_BY_SUBJECT:
        return pf_say("subject", "Betreff");
    case PF_EXPLORE_SORTS:
        break;
    }
    return "";
}

const char *pf_explore_help(void)
{
    return pf_say("Messages\n"
                  "  up, down, page up, page down, home, end   choose\n"
                  "  Enter   read                    v   read its source\n"
                  "  p, Space   preview below        /   search; n, N the next, the previous one\n"
                  "  <, >   sort by another column   r   turn the order round\n"
                  "  f   show only what has a text; empty shows all\n"
                  "  d   mark for deletion           u   take the mark away\n"
                  "  D   mark all that are shown     U   take all marks away\n"
                  "  w   write the message to a file\n"
                  "  R   look again: a new connection, new mail\n"
                  "  t   talk: what was said to the server and answered\n"
                  "\nReading\n"
                  "  up, down, page up, page down, Space, home, end   move\n"
                  "  /   search; n, N next, previous    v   source, text\n"
                  "  s   save an attachment             w   write the message to a file\n"
                  "  d   mark for deletion, u take the mark away\n"
                  "  J, K   the message below, above    q, Escape   back to the list\n"
                  "\nLeaving\n"
                  "  q   asks first when messages are marked; only then anything is deleted\n"
                  "  Q   leaves at once and deletes nothing\n",
                  "Nachrichten\n"
                  "  auf, ab, Bild auf, Bild ab, Pos1, Ende   wählen\n"
                  "  Eingabe   lesen                 v   im Quelltext lesen\n"
                  "  p, Leertaste   Vorschau         /   suchen; n, N weiter, zurück\n"
                  "  <, >   andere Spalte ordnet     r   Ordnung umdrehen\n"
                  "  f   nur zeigen, was einen Text enthält; leer zeigt alle\n"
                  "  d   zum Löschen vormerken       u   nicht mehr vormerken\n"
                  "  D   alle gezeigten vormerken    U   keine mehr vormerken\n"
                  "  w   Nachricht in eine Datei schreiben\n"
                  "  R   neu nachsehen: neue Verbindung, neue Post\n"
                  "  t   was dem Server gesagt und von ihm geantwortet wurde\n"
                  "\nLesen\n"
                  "  auf, ab, Bild auf, Bild ab, Leertaste, Pos1, Ende   bewegen\n"
                  "  /   suchen; n, N weiter, zurück    v   Quelltext, Text\n"
                  "  s   Anhang speichern               w   Nachricht in eine Datei schreiben\n"
                  "  d   zum Löschen vormerken, u nicht mehr\n"
                  "  J, K   nächste, vorige             q, Escape   zurück zur Liste\n"
                  "\nVerlassen\n"
                  "  q   fragt, wenn Nachrichten vorgemerkt sind; erst dann wird gelöscht\n"
                  "  Q   verlässt sofort und löscht nichts\n");
}

/* Panes */

void pf_explore_pane_set(struct pf_explore_pane *pane, const char *text)
{
    pane->text = text;
    pane->columns = 0;
    pane->top = 0;
    pane->lines.count = 0;
}

void pf_explore_pane_scroll(struct pf_explore_pane *pane, long lines, size_t height)
{
    size_t most = pane->lines.count > height ? pane->lines.count - height : 0;
    size_t by = (size_t)(lines < 0 ? -lines : lines);

    if (lines < 0)
        pane->top -= by < pane->top ? by : pane->top;
    else
        pane->top += by < most ? by : most;
    if (pane->top > most)
        pane->top = most;
}

/* A line of the pane as a text of its own; cut at the room. */
static void line_of(const struct pf_explore_pane *pane, size_t index, char room[PF_EXPLORE_LINE_MAX])
{
    const struct pf_explore_piece *piece = &pane->lines.list[index];

    snprintf(room, PF_EXPLORE_LINE_MAX, "%.*s", (int)piece->len, pane->text + piece->at);
}

bool pf_explore_pane_search(struct pf_explore_pane *pane, const char *needle, int step)
{
    size_t n = pane->lines.count, at = pane->top;
    char line[PF_EXPLORE_LINE_MAX];

    for (size_t i = 0; i < n; i++) {
        at = step > 0 ? (at + 1) % n : (at + n - 1) % n;
        line_of(pane, at, line);
        if (pf_explore_has(line, needle)) {
            pane->top = at;
            return true;
        }
    }
    return false;
}

/* Frames */

/* Sets a line; what is in it is made safe here, so that nothing else can come to a screen. */
static void put(struct pf_explore_frame *frame, size_t row, enum pf_explore_style style,
                const char *text)
{
    char room[PF_EXPLORE_LINE_MAX], *safe;

    if (row >= frame->rows)
        return;
    safe = pf_explore_clean(pf_bytes_of(text), PF_EXPLORE_LINE, PF_EXPLORE_LINE_MAX - 1);
    pf_explore_fit(room, sizeof room, safe ? safe : "", frame->columns, style != PF_EXPLORE_PLAIN);
    free(safe);
    free(frame->text[row]);
    frame->text[row] = strdup(room);
    frame->style[row] = (unsigned char)style;
}

struct columns {
    bool size, long_date;
    size_t from, subject;
};

static struct columns columns_of(unsigned width)
{
    struct columns c = {.size = width >= TINY, .long_date = width >= NARROW};
    size_t fixed = 2 + 6 + (c.long_date ? 17 : 6) + (c.size ? 6 : 0);
    size_t rest = width > fixed ? width - fixed : 0;

    c.from = rest / FROM_SHARE > 30 ? 30 : rest / FROM_SHARE;
    if (c.from < 12)
        c.from = rest < 12 ? rest : 12;
    c.subject = rest > c.from + 1 ? rest - c.from - 1 : 0;
    return c;
}

static void date_of(int64_t date, bool long_date, char out[20])
{
    time_t when = (time_t)date;
    struct tm tm;

    out[0] = 0;
    if (date && localtime_r(&when, &tm))
        strftime(out, 20, long_date ? "%Y-%m-%d %H:%M" : "%m-%d", &tm);
    if (!out[0])
        snprintf(out, 20, "-");
}

static const char *or_else(const char *text, const char *other)
{
    return text && text[0] ? text : other;
}

static void draw_row(const struct pf_explore_view *v, struct pf_explore_frame *frame, size_t row,
                     size_t index)
{
    const struct pf_explore_row *r = &v->list.rows[v->list.shown[index]];
    struct columns c = columns_of(frame->columns);
    char line[PF_EXPLORE_LINE_MAX], part[PF_EXPLORE_LINE_MAX], date[20], size[8];
    const char *none = r->head == PF_EXPLORE_HEAD ? "-" : r->head == PF_EXPLORE_HEADLESS ? "?" : "";
    int n;

    date_of(r->date, c.long_date, date);
    pf_explore_size(r->octets, size);
    pf_explore_fit(part, sizeof part, or_else(r->from, none), c.from, true);
    n = snprintf(line, sizeof line, "%c%6" PRIu64 " %-*s", r->marked ? 'D' : ' ', r->number,
                 c.long_date ? 16 : 5, date);
    if (c.size)
        n += snprintf(line + n, sizeof line - (size_t)n, " %5s", size);
    n += snprintf(line + n, sizeof line - (size_t)n, " %s ", part);
    pf_explore_fit(part, sizeof part, or_else(r->subject, none), c.subject, true);
    snprintf(line + n, sizeof line - (size_t)n, "%s", part);
    put(frame, row,
        index == v->list.cursor ? PF_EXPLORE_CHOSEN
        : r->marked             ? PF_EXPLORE_BOLD
                                : PF_EXPLORE_PLAIN,
        line);
}

static void draw_titles(struct pf_explore_frame *frame)
{
    struct columns c = columns_of(frame->columns);
    char line[PF_EXPLORE_LINE_MAX], from[PF_EXPLORE_WORDS];
    int n;

    pf_explore_fit(from, sizeof from, pf_say("From", "Von"), c.from, true);
    n = snprintf(line, sizeof line, " %6s %-*s", pf_say("No.", "Nr."), c.long_date ? 16 : 5,
                 pf_say("Date", "Datum"));
    if (c.size)
        n += snprintf(line + n, sizeof line - (size_t)n, " %s", pf_say(" Size", "Größe"));
    snprintf(line + n, sizeof line - (size_t)n, " %s %s", from, pf_say("Subject", "Betreff"));
    put(frame, 2, PF_EXPLORE_TITLES, line);
}

/* Two texts in a line, one at each end; the right one gives way. */
static void put_both(struct pf_explore_frame *frame, size_t row, enum pf_explore_style style,
                     const char *left, const char *right)
{
    char line[PF_EXPLORE_LINE_MAX];
    size_t a = pf_explore_width(left), b = pf_explore_width(right);
    int gap = a + b + 2 <= frame->columns ? (int)(frame->columns - a - b) : 2;

    snprintf(line, sizeof line, "%s%*s%s", left, right[0] ? gap : 0, "", right);
    put(frame, row, style, line);
}

static void draw_counts(const struct pf_explore_view *v, struct pf_explore_frame *frame)
{
    const struct pf_explore_list *l = &v->list;
    char line[1024], size[8];
    int n;

    pf_explore_size(l->octets, size);
    n = snprintf(line, sizeof line,
                 pf_say("%zu message%s, %s octets; by %s%s", "%zu Nachricht%s, %s Oktette; nach %s%s"),
                 l->count, l->count == 1 ? "" : pf_say("s", "en"), size, pf_explore_sort_name(l->sort),
                 l->turned ? pf_say(", turned", ", umgekehrt") : "");
    if (l->marked) {
        pf_explore_size(l->marked_octets, size);
        n += snprintf(line + n, sizeof line - (size_t)n,
                      pf_say("; %zu marked, %s", "; %zu vorgemerkt, %s"), l->marked, size);
    }
    if (l->filter[0])
        snprintf(line + n, sizeof line - (size_t)n, pf_say("; only \"%s\": %zu", "; nur \"%s\": %zu"),
                 l->filter, l->shown_count);
    put_both(frame, 1, PF_EXPLORE_PLAIN, line, v->state);
}

static size_t pane_rows(const struct pf_explore_view *v, unsigned rows)
{
    return v->preview && rows >= PANE_LEAST ? rows / PANE_SHARE : 0;
}

size_t pf_explore_view_height(const struct pf_explore_view *v, unsigned rows)
{
    size_t other = v->mode == PF_EXPLORE_READS ? 2 : HEAD + 1 + pane_rows(v, rows);

    return rows > other ? rows - other : 0;
}

static void draw_pane(struct pf_explore_pane *pane, struct pf_explore_frame *frame, size_t row,
                      size_t height)
{
    char line[PF_EXPLORE_LINE_MAX];

    if (!pane->text) {
        put(frame, row, PF_EXPLORE_PLAIN, pf_say("...", "..."));
        return;
    }
    if (pane->columns != frame->columns) {
        size_t at = pane->top < pane->lines.count ? pane->lines.list[pane->top].at
                    : pane->top                   ? SIZE_MAX
                                                  : 0;

        pf_explore_wrap(&pane->lines, pane->text, frame->columns);
        pane->columns = frame->columns;
        for (pane->top = 0;
             pane->top + 1 < pane->lines.count && pane->lines.list[pane->top + 1].at <= at;)
            pane->top++;
    }
    pf_explore_pane_scroll(pane, 0, height);
    for (size_t i = 0; i < height && pane->top + i < pane->lines.count; i++) {
        line_of(pane, pane->top + i, line);
        put(frame, row + i, PF_EXPLORE_PLAIN, line);
    }
}

static void draw_list(struct pf_explore_view *v, struct pf_explore_frame *frame)
{
    size_t height = pf_explore_view_height(v, frame->rows), pane = pane_rows(v, frame->rows);

    put_both(frame, 0, PF_EXPLORE_BAR, v->who, v->server);
    draw_counts(v, frame);
    draw_titles(frame);
    if (v->list.cursor < v->first)
        v->first = v->list.cursor;
    if (height && v->list.cursor >= v->first + height)
        v->first = v->list.cursor - height + 1;
    if (v->first + height > v->list.shown_count)
        v->first = v->list.shown_count > height ? v->list.shown_count - height : 0;
    for (size_t i = 0; i < height && v->first + i < v->list.shown_count; i++)
        draw_row(v, frame, HEAD + i, v->first + i);
    if (pane) {
        put(frame, HEAD + height, PF_EXPLORE_BAR, pf_say("Preview", "Vorschau"));
        draw_pane(&v->below, frame, HEAD + height + 1, pane - 1);
    }
}

static void draw_reader(struct pf_explore_view *v, struct pf_explore_frame *frame)
{
    size_t height = pf_explore_view_height(v, frame->rows), last;
    char where[64] = "";

    draw_pane(&v->reader, frame, 1, height);
    last =
        v->reader.top + height < v->reader.lines.count ? v->reader.top + height : v->reader.lines.count;
    if (v->reader.text && v->reader.lines.count)
        snprintf(where, sizeof where, "%zu-%zu/%zu", v->reader.top + 1, last, v->reader.lines.count);
    put_both(frame, 0, PF_EXPLORE_BAR, v->title, v->state[0] ? v->state : where);
}

static const char *keys_of(const struct pf_explore_view *v)
{
    if (v->deletes)
        return pf_say("Q give up: delete nothing", "Q abbrechen: nichts löschen");
    if (v->mode == PF_EXPLORE_READS && !v->letter)
        return pf_say("q back  / search", "q zurück  / suchen");
    if (v->mode == PF_EXPLORE_READS)
        return pf_say("q back  ? help  / search  s save attachment  w write  v source  d mark",
                      "q zurück  ? Hilfe  / suchen  s Anhang  w schreiben  v Quelltext  d vormerken");
    return pf_say("q leave  ? help  Enter read  p preview  d/u mark  / search  f filter  <> sort",
                  "q Ende  ? Hilfe  Eingabe lesen  p Vorschau  d/u vormerken  / suchen  f Filter  "
                  "<> ordnen");
}

/* As many keys as there is room for; the others are on the page that ? shows. */
static void put_keys(const struct pf_explore_view *v, struct pf_explore_frame *frame)
{
    char keys[PF_EXPLORE_WORDS];
    char *end;

    snprintf(keys, sizeof keys, "%s", keys_of(v));
    while (pf_explore_width(keys) > frame->columns && (end = strrchr(keys, ' ')) != NULL) {
        while (end > keys && end[-1] != ' ') /* a key of two words goes whole */
            end--;
        while (end > keys && end[-1] == ' ')
            end--;
        *end = 0;
    }
    put(frame, frame->rows - 1, PF_EXPLORE_PLAIN, keys);
}

/* A sentence may have more words than a line has room for; why something failed stands at its end. */
static void put_note(const struct pf_explore_view *v, struct pf_explore_frame *frame)
{
    struct pf_explore_pane pane = {.text = v->note};
    size_t count;

    pf_explore_wrap(&pane.lines, v->note, frame->columns);
    count = pane.lines.count < NOTE_LINES ? pane.lines.count : NOTE_LINES;
    if (count > frame->rows)
        count = frame->rows;
    for (size_t i = 0; i < count; i++) {
        char line[PF_EXPLORE_LINE_MAX];

        line_of(&pane, i, line);
        put(frame, frame->rows - count + i, PF_EXPLORE_PLAIN, line);
    }
    pf_explore_lines_done(&pane.lines);
}

/* A long answer shows its end, where the cursor is. */
static void put_question(const struct pf_explore_view *v, struct pf_explore_frame *frame)
{
    char text[PF_EXPLORE_WORDS * 2];
    size_t at = 0, len;

    snprintf(text, sizeof text, "%s%s", v->question, v->types ? v->typed : "");
    while (text[at] && pf_explore_width(text + at) >= frame->columns) {
        pf_explore_cell(text + at, &len);
        at += len;
    }
    put(frame, frame->rows - 1, PF_EXPLORE_BOLD, text + at);
    frame->cursor = (unsigned)pf_explore_width(text + at);
}

void pf_explore_view_draw(struct pf_explore_view *v, struct pf_explore_frame *frame)
{
    for (unsigned i = 0; i < PF_EXPLORE_ROWS_MAX; i++) {
        free(frame->text[i]);
        frame->text[i] = NULL;
        frame->style[i] = PF_EXPLORE_PLAIN;
    }
    frame->asks = v->question[0] != 0;
    if (!frame->rows)
        return;
    if (v->mode == PF_EXPLORE_READS)
        draw_reader(v, frame);
    else
        draw_list(v, frame);
    if (frame->asks)
        put_question(v, frame);
    else if (v->note[0])
        put_note(v, frame);
    else
        put_keys(v, frame);
}

void pf_explore_view_done(struct pf_explore_view *v)
{
    pf_explore_list_done(&v->list);
    pf_explore_lines_done(&v->below.lines);
    pf_explore_lines_done(&v->reader.lines);
}

void pf_explore_frame_done(struct pf_explore_frame *frame)
{
    for (unsigned i = 0; i < PF_EXPLORE_ROWS_MAX; i++) {
        free(frame->text[i]);
        frame->text[i] = NULL;
    }
}
