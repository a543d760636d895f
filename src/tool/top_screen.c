#include "tool/top_screen.h"

#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const helps[] = {
    "up, down, page up, page down, home, end   choose a session",
    "k   end the chosen session; what it marked for removal stays",
    "K   end all sessions of its user",
    "/   only sessions with a text in user or address; empty shows all",
    "<, >   sort by another column           r   turn the order round",
    "i   seconds between two looks           space   look now",
    "h   this help                           q   leave",
    "",
    "GOT: messages sent whole. IN, OUT: octets, without those of TLS. CMD: the last command.",
    "Octets and messages per second are those of sessions that go on, too.",
};

enum { TITLES = PF_TOP_HEAD_LINES, FIRST_ROW = TITLES + 1, ESCAPE = 27, DELETE = 127, CLEAR = 'U' & 0x1f };

bool pf_top_screen_begin(void)
{
    const char *kind = getenv("TERM");
    SCREEN *screen;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || !kind || !kind[0] || strcmp(kind, "dumb") == 0)
        return false;
    screen = newterm(NULL, stdout, stdin);
    if (!screen)
        return false;
    cbreak();
    noecho();
    nonl();
    nodelay(stdscr, true);
    keypad(stdscr, true);
    set_escdelay(50); /* ms: a key's sequence comes at once, and Escape alone is a key here */
    curs_set(0);
    return true;
}

void pf_top_screen_end(void)
{
    endwin();
}

static enum pf_top_key special(int key)
{
    static const struct {
        int code;
        enum pf_top_key key;
    } keys[] = {{KEY_UP, PF_TOP_KEY_UP},         {KEY_DOWN, PF_TOP_KEY_DOWN},   {KEY_PPAGE, PF_TOP_KEY_PAGE_UP},
                {KEY_NPAGE, PF_TOP_KEY_PAGE_DOWN}, {KEY_HOME, PF_TOP_KEY_HOME},   {KEY_END, PF_TOP_KEY_END},
                {KEY_ENTER, PF_TOP_KEY_ENTER},   {'\r', PF_TOP_KEY_ENTER},      {'\n', PF_TOP_KEY_ENTER},
                {KEY_BACKSPACE, PF_TOP_KEY_ERASE}, {'\b', PF_TOP_KEY_ERASE},      {DELETE, PF_TOP_KEY_ERASE},
                {CLEAR, PF_TOP_KEY_CLEAR},         {ESCAPE, PF_TOP_KEY_ESCAPE},     {KEY_RESIZE, PF_TOP_KEY_RESIZE}};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (keys[i].code == key)
            return keys[i].key;
    return PF_TOP_KEY_OTHER;
}

enum pf_top_key pf_top_screen_key(char *out_letter)
{
    int key = getch();

    if (key == ERR)
        return PF_TOP_KEY_NONE;
    if (key < ' ' || key > '~')
        return special(key);
    *out_letter = (char)key;
    return PF_TOP_KEY_TEXT;
}

size_t pf_top_screen_rows(void)
{
    return LINES > FIRST_ROW + 1 ? (size_t)(LINES - FIRST_ROW - 1) : 0;
}

static void put(int row, const char *text, attr_t how)
{
    if (row < 0 || row >= LINES)
        return;
    attrset(how);
    mvaddnstr(row, 0, text, COLS);
    clrtoeol();
    if (how & A_REVERSE)
        mvchgat(row, 0, -1, how, 0, NULL);
    attrset(A_NORMAL);
}

/* The page of rows that the cursor is on. */
static void draw_rows(const struct pf_top_view *view)
{
    size_t rows = pf_top_screen_rows(), first = rows ? view->cursor / rows * rows : 0;
    char line[PF_TOP_LINE];

    for (size_t i = 0; i < rows && first + i < view->count; i++) {
        pf_top_view_row(view, first + i, (size_t)COLS, line);
        put(FIRST_ROW + (int)i, line, first + i == view->cursor ? A_REVERSE : A_NORMAL);
    }
}

void pf_top_screen_draw(const struct pf_top_view *view, int64_t now, const char *foot, bool asks, bool help)
{
    char line[PF_TOP_LINE];

    erase();
    for (unsigned i = 0; i < PF_TOP_HEAD_LINES; i++) {
        pf_top_view_head(view, i, now, line);
        put((int)i, line, i == 0 || line[0] == '!' ? A_BOLD : A_NORMAL);
    }
    for (size_t i = 0; help && i < sizeof helps / sizeof helps[0]; i++)
        put(FIRST_ROW + (int)i, helps[i], A_NORMAL);
    if (!help) {
        pf_top_view_titles(view, (size_t)COLS, line);
        put(TITLES, line, A_UNDERLINE);
        draw_rows(view);
    }
    put(LINES - 1, foot, asks ? A_BOLD : A_NORMAL);
    curs_set(asks ? 1 : 0);
    move(LINES - 1, (int)strlen(foot) < COLS ? (int)strlen(foot) : COLS - 1);
    refresh();
}
