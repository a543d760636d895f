#include "tool/explore_screen.h"

#include <ncurses.h>
#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { ESCAPE = 27, DELETE = 127, REDRAW = 'L' & 0x1f, CLEAR = 'U' & 0x1f };

/* A locale that is set and not installed would leave letters out; that of UTF-8 is everywhere. */
static void set_locale(void)
{
    const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    if (setlocale(LC_CTYPE, ""))
        return;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);

        if (value && *value) {
            if (strcasestr(value, "UTF-8") || strcasestr(value, "utf8"))
                setlocale(LC_CTYPE, "C.UTF-8");
            return;
        }
    }
}

bool pf_explore_screen_can(void)
{
    const char *kind = getenv("TERM");

    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && kind && kind[0] && strcmp(kind, "dumb") != 0;
}

bool pf_explore_screen_begin(void)
{
    set_locale();
    if (!pf_explore_screen_can() || !newterm(NULL, stdout, stdin))
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

void pf_explore_screen_end(void)
{
    endwin();
}

void pf_explore_screen_size(struct pf_explore_frame *frame)
{
    frame->rows = LINES < PF_EXPLORE_ROWS_MAX ? (unsigned)LINES : PF_EXPLORE_ROWS_MAX;
    frame->columns = COLS < PF_EXPLORE_COLUMNS_MAX ? (unsigned)COLS : PF_EXPLORE_COLUMNS_MAX;
}

void pf_explore_screen_resize(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col)
        resizeterm(size.ws_row, size.ws_col);
    keypad(stdscr, true);
}

static attr_t attribute(unsigned char style)
{
    switch ((enum pf_explore_style)style) {
    case PF_EXPLORE_BOLD:
        return A_BOLD;
    case PF_EXPLORE_TITLES:
        return A_UNDERLINE;
    case PF_EXPLORE_CHOSEN:
        return A_REVERSE;
    case PF_EXPLORE_BAR:
        return A_REVERSE | A_BOLD;
    case PF_EXPLORE_PLAIN:
        break;
    }
    return A_NORMAL;
}

void pf_explore_screen_draw(const struct pf_explore_frame *frame)
{
    erase();
    for (unsigned i = 0; i < frame->rows; i++)
        if (frame->text[i]) {
            attrset(attribute(frame->style[i]));
            mvaddstr((int)i, 0, frame->text[i]);
        }
    attrset(A_NORMAL);
    curs_set(frame->asks ? 1 : 0);
    if (frame->rows)
        move((int)frame->rows - 1,
             (int)(frame->cursor < frame->columns ? frame->cursor : frame->columns - 1));
    refresh();
}

static enum pf_explore_key special(wint_t key)
{
    static const struct {
        wint_t code;
        enum pf_explore_key key;
    } keys[] = {{KEY_UP, PF_EXPLORE_KEY_UP},         {KEY_DOWN, PF_EXPLORE_KEY_DOWN},
                {KEY_PPAGE, PF_EXPLORE_KEY_PAGE_UP}, {KEY_NPAGE, PF_EXPLORE_KEY_PAGE_DOWN},
                {KEY_HOME, PF_EXPLORE_KEY_HOME},     {KEY_END, PF_EXPLORE_KEY_END},
                {KEY_ENTER, PF_EXPLORE_KEY_ENTER},   {KEY_BACKSPACE, PF_EXPLORE_KEY_ERASE}};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (keys[i].code == key)
            return keys[i].key;
    return PF_EXPLORE_KEY_OTHER;
}

enum pf_explore_key pf_explore_screen_key(char out[8])
{
    wint_t key;
    mbstate_t state = {0};
    char octets[MB_LEN_MAX];
    size_t n;
    int kind = get_wch(&key);

    if (kind == ERR)
        return PF_EXPLORE_KEY_NONE;
    if (kind == KEY_CODE_YES)
        return special(key);
    if (key == '\r' || key == '\n')
        return PF_EXPLORE_KEY_ENTER;
    if (key == '\b' || key == DELETE)
        return PF_EXPLORE_KEY_ERASE;
    if (key == CLEAR)
        return PF_EXPLORE_KEY_CLEAR;
    if (key == ESCAPE)
        return PF_EXPLORE_KEY_ESCAPE;
    if (key == REDRAW)
        clearok(curscr, true);
    if (key < ' ')
        return PF_EXPLORE_KEY_OTHER;
    n = wcrtomb(octets, (wchar_t)key, &state);
    if (n == (size_t)-1 || n == 0 || n >= 8)
        return PF_EXPLORE_KEY_OTHER;
    memcpy(out, octets, n);
    out[n] = 0;
    return PF_EXPLORE_KEY_TEXT;
}
