#include "tool/explore_parts.h"

#include "tool/speech.h"

#include <stdio.h>
#include <string.h>

/* Questions */

void pf_explore_ask(struct pf_explore_live *l, enum pf_explore_asking what, const char *question,
                    const char *typed)
{
    struct pf_explore_view *v = &l->view;

    l->asking = what;
    snprintf(v->question, sizeof v->question, "%s", question);
    snprintf(v->typed, sizeof v->typed, "%s", typed ? typed : "");
    v->types = typed != NULL;
    v->note[0] = 0;
}

static void answered(struct pf_explore_live *l)
{
    l->asking = PF_EXPLORE_ASKS_NOTHING;
    l->view.question[0] = 0;
}

static void search(struct pf_explore_live *l, int step)
{
    struct pf_explore_view *v = &l->view;
    bool reads = v->mode == PF_EXPLORE_READS;
    const char *needle = reads ? l->reader_needle : v->list.needle;

    if (!needle[0])
        pf_explore_note(l, "%s", pf_say("/ searches", "/ sucht"));
    else if (!(reads ? pf_explore_pane_search(&v->reader, needle, step)
                     : pf_explore_list_search(&v->list, step)))
        pf_explore_note(l, pf_say("not found: %s", "nicht gefunden: %s"), needle);
}

static void take_typed(struct pf_explore_live *l)
{
    struct pf_explore_view *v = &l->view;
    enum pf_explore_asking was = l->asking;
    bool reads = v->mode == PF_EXPLORE_READS;
    char typed[PF_EXPLORE_WORDS];

    memcpy(typed, v->typed, sizeof typed);
    answered(l);
    if (was == PF_EXPLORE_ASKS_NEEDLE) {
        snprintf(reads ? l->reader_needle : v->list.needle, PF_EXPLORE_NEEDLE, "%.*s",
                 PF_EXPLORE_NEEDLE - 1, typed);
        if (typed[0])
            search(l, 1);
    } else if (was == PF_EXPLORE_ASKS_FILTER) {
        snprintf(v->list.filter, sizeof v->list.filter, "%.*s", PF_EXPLORE_NEEDLE - 1, typed);
        pf_explore_list_order(&v->list);
    } else if (was == PF_EXPLORE_ASKS_PART) {
        pf_explore_ask_part_file(l, typed);
    } else {
        pf_explore_save(l, was == PF_EXPLORE_ASKS_PART_FILE, typed);
    }
}

static void erase(char *typed)
{
    size_t len = strlen(typed);

    while (len && ((unsigned char)typed[--len] & 0xc0) == 0x80)
        continue;
    typed[len] = 0;
}

static void type(struct pf_explore_live *l, enum pf_explore_key key, const char *character)
{
    char *typed = l->view.typed;
    size_t len = strlen(typed);

    if (key == PF_EXPLORE_KEY_ENTER)
        take_typed(l);
    else if (key == PF_EXPLORE_KEY_ESCAPE)
        answered(l);
    else if (key == PF_EXPLORE_KEY_ERASE)
        erase(typed);
    else if (key == PF_EXPLORE_KEY_CLEAR)
        typed[0] = 0;
    else if (key == PF_EXPLORE_KEY_TEXT && len + strlen(character) < sizeof l->view.typed)
        memcpy(typed + len, character, strlen(character) + 1);
}

static void confirm(struct pf_explore_live *l, enum pf_explore_key key, const char *character)
{
    char c = key == PF_EXPLORE_KEY_TEXT ? character[0] : 0;

    answered(l);
    if (c == 'y' || c == 'Y' || (pf_tool_german() && (c == 'j' || c == 'J')))
        pf_explore_leave(l, PF_EXPLORE_DELETES);
    else if (c == 'n' || c == 'N')
        pf_explore_leave(l, PF_EXPLORE_LEAVES);
    else
        pf_explore_note(l, "%s", pf_say("nothing was deleted", "nichts wurde gelöscht"));
}

static void ask_leave(struct pf_explore_live *l)
{
    size_t marked = l->view.list.marked;
    char question[PF_EXPLORE_WORDS];

    if (!marked) {
        pf_explore_leave(l, PF_EXPLORE_LEAVES);
        return;
    }
    if (marked == 1)
        snprintf(question, sizeof question, "%s",
                 pf_say("Delete 1 message? y: delete and leave, n: leave, Escape: stay ",
                        "1 Nachricht löschen? j: löschen und Ende, n: Ende, Escape: bleiben "));
    else
        snprintf(question, sizeof question,
                 pf_say("Delete %zu messages? y: delete and leave, n: leave, Escape: stay ",
                        "%zu Nachrichten löschen? j: löschen und Ende, n: Ende, Escape: bleiben "),
                 marked);
    pf_explore_ask(l, PF_EXPLORE_ASKS_LEAVE, question, NULL);
}

/* Marks */

static void mark(struct pf_explore_live *l, bool marked)
{
    struct pf_explore_list *list = &l->view.list;
    bool reads = l->view.mode == PF_EXPLORE_READS;
    struct pf_explore_row *row = reads ? pf_explore_reading_row(l) : pf_explore_list_at(list);

    if (!row) {
        pf_explore_note(
            l, "%s", pf_say("there is no such message any more", "diese Nachricht ist nicht mehr da"));
        return;
    }
    pf_explore_list_mark(list, row, marked);
    if (reads)
        pf_explore_title(l);
    if (reads)
        pf_explore_note(l, "%s",
                        marked ? pf_say("marked for deletion", "zum Löschen vorgemerkt")
                               : pf_say("not marked any more", "nicht mehr vorgemerkt"));
    else
        pf_explore_list_move(list, list->cursor + 1);
}

static void sort_by(struct pf_explore_live *l, unsigned step)
{
    struct pf_explore_list *list = &l->view.list;

    list->sort = (enum pf_explore_sort)((list->sort + step) % PF_EXPLORE_SORTS);
    pf_explore_list_order(list);
}

static void look_again(struct pf_explore_live *l)
{
    if (l->reading.comes || l->reading.wanted)
        pf_explore_reading_drop(l);
    pf_explore_list_unask(&l->view.list);
    l->preview_comes = false;
    l->tries = 0;
    pf_explore_link_call_in(l->link, 0);
}

/* What a key does in both modes; false: it is none of these. */
static bool common_command(struct pf_explore_live *l, char c)
{
    switch (c) {
    case 'Q':
        pf_explore_leave(l, PF_EXPLORE_LEAVES);
        return true;
    case '/':
        pf_explore_ask(l, PF_EXPLORE_ASKS_NEEDLE, pf_say("Search: ", "Suche: "), "");
        return true;
    case 'n':
        search(l, 1);
        return true;
    case 'N':
        search(l, -1);
        return true;
    default:
        return false;
    }
}

static void list_command(struct pf_explore_live *l, char c)
{
    struct pf_explore_view *v = &l->view;

    switch (c) {
    case 'q':
        ask_leave(l);
        break;
    case '?':
    case 'h':
        pf_explore_open_page(l, PF_EXPLORE_HELP_PAGE);
        break;
    case 't':
        pf_explore_open_page(l, PF_EXPLORE_TALK_PAGE);
        break;
    case 'v':
        pf_explore_read(l, false);
        if (v->mode == PF_EXPLORE_READS)
            pf_explore_source(l);
        break;
    case 'w':
        pf_explore_read(l, true);
        break;
    case 'p':
    case ' ':
        v->preview = !v->preview;
        l->preview_number = 0;
        break;
    case 'f':
        pf_explore_ask(
            l, PF_EXPLORE_ASKS_FILTER,
            pf_say("Only with this in From, Subject, UID: ", "Nur mit diesem in Von, Betreff, UID: "),
            v->list.filter);
        break;
    case 'd':
    case 'u':
        mark(l, c == 'd');
        break;
    case 'D':
    case 'U':
        pf_explore_list_mark_all(&v->list, c == 'D');
        break;
    case '<':
    case '>':
        sort_by(l, c == '>' ? 1 : PF_EXPLORE_SORTS - 1);
        break;
    case 'r':
        v->list.turned = !v->list.turned;
        pf_explore_list_order(&v->list);
        break;
    case 'R':
        look_again(l);
        break;
    default:
        pf_explore_note(l, "%s", pf_say("? shows what the keys do", "? zeigt, was die Tasten tun"));
    }
}

static void step_letter(struct pf_explore_live *l, bool down)
{
    struct pf_explore_list *list = &l->view.list;
    size_t at = list->cursor;

    pf_explore_list_move(list, down ? at + 1 : at - (at > 0));
    if (list->cursor != at)
        pf_explore_read(l, false);
}

static void letter_command(struct pf_explore_live *l, char c)
{
    switch (c) {
    case 'v':
        l->reading.raw = !l->reading.raw;
        pf_explore_open_page(l, PF_EXPLORE_LETTER_PAGE);
        break;
    case 's':
        pf_explore_ask_part(l);
        break;
    case 'w':
        pf_explore_ask_letter_file(l);
        break;
    case 'd':
    case 'u':
        mark(l, c == 'd');
        break;
    case 'J':
    case 'K':
        step_letter(l, c == 'J');
        break;
    default:
        pf_explore_note(l, "%s", pf_say("q leads back to the list", "q führt zur Liste zurück"));
    }
}

static void reader_command(struct pf_explore_live *l, char c)
{
    struct pf_explore_view *v = &l->view;
    size_t height = pf_explore_view_height(v, l->frame.rows);

    if (c == 'q')
        pf_explore_close_page(l);
    else if (c == ' ')
        pf_explore_pane_scroll(&v->reader, (long)height, height);
    else if (l->page == PF_EXPLORE_LETTER_PAGE)
        letter_command(l, c);
    else
        pf_explore_close_page(l);
}

/* How far a key moves, where a page has `page` lines. */
static long distance(enum pf_explore_key key, size_t page)
{
    switch (key) {
    case PF_EXPLORE_KEY_UP:
        return -1;
    case PF_EXPLORE_KEY_DOWN:
        return 1;
    case PF_EXPLORE_KEY_PAGE_UP:
        return -(long)page;
    case PF_EXPLORE_KEY_PAGE_DOWN:
        return (long)page;
    case PF_EXPLORE_KEY_HOME:
        return INT32_MIN;
    case PF_EXPLORE_KEY_END:
        return INT32_MAX;
    case PF_EXPLORE_KEY_NONE:
    case PF_EXPLORE_KEY_TEXT:
    case PF_EXPLORE_KEY_ENTER:
    case PF_EXPLORE_KEY_ERASE:
    case PF_EXPLORE_KEY_CLEAR:
    case PF_EXPLORE_KEY_ESCAPE:
    case PF_EXPLORE_KEY_OTHER:
        break;
    }
    return 0;
}

static void move(struct pf_explore_live *l, enum pf_explore_key key)
{
    struct pf_explore_view *v = &l->view;
    size_t height = pf_explore_view_height(v, l->frame.rows), at = v->list.cursor;
    long by = distance(key, height);

    if (v->mode == PF_EXPLORE_READS && key == PF_EXPLORE_KEY_ESCAPE)
        pf_explore_close_page(l);
    else if (v->mode == PF_EXPLORE_READS)
        pf_explore_pane_scroll(&v->reader, by, height);
    else if (key == PF_EXPLORE_KEY_ENTER)
        pf_explore_read(l, false);
    else if (by < 0)
        pf_explore_list_move(&v->list, at - ((size_t)-by < at ? (size_t)-by : at));
    else
        pf_explore_list_move(&v->list, at + (size_t)by);
}

void pf_explore_key(struct pf_explore_live *l, enum pf_explore_key key, const char *character)
{
    l->view.note[0] = 0;
    if (l->leaving != PF_EXPLORE_STAYS) {
        if (key == PF_EXPLORE_KEY_TEXT && character[0] == 'Q')
            pf_explore_stop(l);
    } else if (l->asking == PF_EXPLORE_ASKS_LEAVE) {
        confirm(l, key, character);
    } else if (l->asking != PF_EXPLORE_ASKS_NOTHING) {
        type(l, key, character);
    } else if (key != PF_EXPLORE_KEY_TEXT) {
        move(l, key);
    } else if (!common_command(l, character[0])) {
        if (l->view.mode == PF_EXPLORE_READS)
            reader_command(l, character[0]);
        else
            list_command(l, character[0]);
    }
    pf_explore_look(l);
    pf_explore_changed(l);
}
