#include "tool/top_live.h"

#include "tool/top_screen.h"

#include <ctype.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    PATIENCE = 30 * 1000, /* ms: as top.c */
    NOTE_TIME = 5 * 1000, /* ms that an outcome stands in the last line */
    FOOT = 256,
    REQUEST = 400
};

static const char keys[] = "q leave  h help  / filter  < > sort  r turn  k kick  i interval  space now";

enum asking { ASK_NOTHING, ASK_FILTER, ASK_INTERVAL, ASK_KICK };

struct live {
    struct pf_top_view *view;
    struct pf_top_link page, order; /* what is asked of the server: a page, a kick */
    pf_time asked_at, next_at;      /* of the page */
    pf_time order_at;
    enum asking asking;
    char typed[PF_TOP_FILTER];
    char request[REQUEST];          /* of the kick that is to be confirmed */
    char question[FOOT];
    char note[FOOT];
    pf_time note_until;
    bool help, leave, changed;
};

static volatile sig_atomic_t told_to_leave;

static void on_signal(int number)
{
    (void)number;
    told_to_leave = 1;
}

static pf_time now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (pf_time)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool pf_top_interval(const char *text, double *out_seconds)
{
    char *end;
    double seconds;

    if (!isdigit((unsigned char)text[0]) && text[0] != '.')
        return false;
    seconds = strtod(text, &end);
    if (*end || !(seconds >= 0.2 && seconds <= 3600))
        return false;
    *out_seconds = seconds;
    return true;
}

static void note(struct live *l, const char *text)
{
    snprintf(l->note, sizeof l->note, "%s", text);
    l->note_until = now_ms() + NOTE_TIME;
    l->changed = true;
}

/* Pages */

static void come_again(struct live *l, const char *trouble)
{
    l->view->trouble = trouble;
    l->next_at = now_ms() + (pf_time)(l->view->interval * 1000);
    l->changed = true;
}

static void ask_page(struct live *l)
{
    const char *why;

    if (l->page.fd >= 0)
        return;
    if (pf_top_link_ask(&l->page, l->view->socket, PF_TOP_REQUEST, &why))
        l->asked_at = now_ms();
    else
        come_again(l, why);
}

static void read_page(struct live *l)
{
    struct pf_top_page page;
    char *text;
    size_t len;

    if (!pf_top_link_read(&l->page, &text, &len))
        return;
    if (text && pf_top_page_read(&page, text, len)) {
        come_again(l, pf_top_view_take(l->view, &page, now_ms()) ? NULL : "no memory");
        return;
    }
    come_again(l, "the server gave no whole answer: only root and its user may ask");
}

/* Kicks */

static void send_order(struct live *l)
{
    const char *why;

    if (l->order.fd >= 0)
        note(l, "the server has not answered the last one yet");
    else if (!pf_top_link_ask(&l->order, l->view->socket, l->request, &why))
        note(l, why);
    else
        l->order_at = now_ms();
}

static void read_order(struct live *l)
{
    char *text, *end;
    size_t len;

    if (!pf_top_link_read(&l->order, &text, &len))
        return;
    end = text ? strchr(text, '\n') : NULL;
    if (end)
        *end = 0;
    for (char *c = text; c && *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    note(l, end && (text[0] == '+' || text[0] == '-') ? text + 1 : "the server gave no whole answer");
    free(text);
    l->next_at = now_ms(); /* and see */
}

static void ask_kick(struct live *l, bool all)
{
    const struct pf_top_row *row = l->view->count ? l->view->shown[l->view->cursor] : NULL;
    const char *user = row ? row->text[PF_TOP_USER] : "-";

    if (!row || (all && strcmp(user, "-") == 0)) {
        note(l, row ? "nobody has logged in there: k ends that session alone" : "there is no session");
        return;
    }
    if (all) {
        snprintf(l->request, sizeof l->request, "KICK USER %s\n", user);
        snprintf(l->question, sizeof l->question, "End all sessions of %.150s? (y/n) ", user);
    } else {
        snprintf(l->request, sizeof l->request, "KICK ID %s\n", row->text[PF_TOP_ID]);
        snprintf(l->question, sizeof l->question, "End session %.40s of %.100s from %.50s? (y/n) ",
                 row->text[PF_TOP_ID], user, row->text[PF_TOP_ADDRESS]);
    }
    l->asking = ASK_KICK;
}

/* Keys */

static void begin_typing(struct live *l, enum asking what, const char *question)
{
    l->asking = what;
    l->typed[0] = 0;
    snprintf(l->question, sizeof l->question, "%s", question);
}

static void order_anew(struct live *l)
{
    if (!pf_top_view_order(l->view))
        note(l, "no memory");
}

static void take_typed(struct live *l)
{
    if (l->asking == ASK_FILTER) {
        memcpy(l->view->filter, l->typed, sizeof l->view->filter);
        order_anew(l);
    } else if (pf_top_interval(l->typed, &l->view->interval)) {
        l->next_at = now_ms() + (pf_time)(l->view->interval * 1000);
    } else {
        note(l, "0.2 to 3600 seconds");
    }
    l->asking = ASK_NOTHING;
}

static void type(struct live *l, enum pf_top_key key, char letter)
{
    size_t len = strlen(l->typed);

    if (key == PF_TOP_KEY_ENTER) {
        take_typed(l);
    } else if (key == PF_TOP_KEY_ESCAPE) {
        l->asking = ASK_NOTHING;
    } else if (key == PF_TOP_KEY_ERASE && len) {
        l->typed[len - 1] = 0;
    } else if (key == PF_TOP_KEY_CLEAR) {
        l->typed[0] = 0;
    } else if (key == PF_TOP_KEY_TEXT && len + 1 < sizeof l->typed) {
        l->typed[len] = letter;
        l->typed[len + 1] = 0;
    }
}

static void confirm(struct live *l, enum pf_top_key key, char letter)
{
    if (key == PF_TOP_KEY_RESIZE)
        return;
    l->asking = ASK_NOTHING;
    if (key == PF_TOP_KEY_TEXT && (letter == 'y' || letter == 'Y'))
        send_order(l);
    else
        note(l, "nobody was kicked");
}

static void sort_by(struct live *l, unsigned step)
{
    l->view->sort = (enum pf_top_sort)((l->view->sort + step) % PF_TOP_SORTS);
    order_anew(l);
}

static void command(struct live *l, char letter)
{
    switch (letter) {
    case 'q':
        l->leave = true;
        break;
    case 'h':
    case '?':
        l->help = true;
        break;
    case '/':
        begin_typing(l, ASK_FILTER, "Only with this in user or address: ");
        break;
    case 'i':
        begin_typing(l, ASK_INTERVAL, "Seconds between two looks: ");
        break;
    case 'k':
    case 'K':
        ask_kick(l, letter == 'K');
        break;
    case '>':
        sort_by(l, 1);
        break;
    case '<':
        sort_by(l, PF_TOP_SORTS - 1);
        break;
    case 'r':
        l->view->turned = !l->view->turned;
        order_anew(l);
        break;
    case ' ':
        l->next_at = now_ms();
        break;
    default:
        note(l, "h shows what the keys do");
    }
}

static void move_cursor(struct live *l, enum pf_top_key key)
{
    size_t page = pf_top_screen_rows(), at = l->view->cursor;

    if (key == PF_TOP_KEY_UP)
        at -= at > 0;
    else if (key == PF_TOP_KEY_DOWN)
        at++;
    else if (key == PF_TOP_KEY_PAGE_UP)
        at -= at > page ? page : at;
    else if (key == PF_TOP_KEY_PAGE_DOWN)
        at += page;
    else if (key == PF_TOP_KEY_HOME)
        at = 0;
    else if (key == PF_TOP_KEY_END)
        at = l->view->count;
    pf_top_view_move(l->view, at);
}

static void take_key(struct live *l, enum pf_top_key key, char letter)
{
    l->changed = true;
    if (l->asking == ASK_KICK)
        confirm(l, key, letter);
    else if (l->asking != ASK_NOTHING)
        type(l, key, letter);
    else if (l->help && key != PF_TOP_KEY_RESIZE)
        l->help = false;
    else if (key == PF_TOP_KEY_TEXT)
        command(l, letter);
    else
        move_cursor(l, key);
}

/* The loop */

static void draw(struct live *l)
{
    char foot[FOOT + PF_TOP_FILTER];
    bool asks = l->asking != ASK_NOTHING;

    if (asks)
        snprintf(foot, sizeof foot, "%s%s", l->question, l->asking == ASK_KICK ? "" : l->typed);
    else
        snprintf(foot, sizeof foot, "%s", l->note[0] ? l->note : keys);
    pf_top_screen_draw(l->view, (int64_t)time(NULL), foot, asks, l->help);
    l->changed = false;
}

static void watch_time(struct live *l)
{
    pf_time now = now_ms();

    if (l->note[0] && now >= l->note_until) {
        l->note[0] = 0;
        l->changed = true;
    }
    if (l->page.fd >= 0 && now >= l->asked_at + PATIENCE) {
        pf_top_link_drop(&l->page);
        come_again(l, "the server does not answer");
    }
    if (l->order.fd >= 0 && now >= l->order_at + PATIENCE) {
        pf_top_link_drop(&l->order);
        note(l, "the server does not answer");
    }
    if (l->page.fd < 0 && now >= l->next_at)
        ask_page(l);
}

/* When time has something to say, from now on in ms. */
static int how_long(const struct live *l)
{
    pf_time now = now_ms(), until = l->page.fd < 0 ? l->next_at : l->asked_at + PATIENCE;

    if (l->note[0] && l->note_until < until)
        until = l->note_until;
    if (l->order.fd >= 0 && l->order_at + PATIENCE < until)
        until = l->order_at + PATIENCE;
    return until > now ? (int)(until - now) : 0;
}

static void turn(struct live *l)
{
    struct pollfd waits[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = l->page.fd, .events = POLLIN},
                             {.fd = l->order.fd, .events = POLLIN}};
    enum pf_top_key key;
    char letter = 0;

    poll(waits, 3, how_long(l));
    if (waits[0].revents & (POLLHUP | POLLERR | POLLNVAL))
        l->leave = true;
    if (waits[1].revents)
        read_page(l);
    if (waits[2].revents)
        read_order(l);
    while (!l->leave && (key = pf_top_screen_key(&letter)) != PF_TOP_KEY_NONE)
        take_key(l, key, letter);
    watch_time(l);
}

bool pf_top_live(struct pf_top_view *view, int *out_status)
{
    const struct sigaction leave = {.sa_handler = on_signal};
    struct live l = {.view = view, .page = {.fd = -1}, .order = {.fd = -1}, .changed = true};

    setlocale(LC_CTYPE, "");
    if (!pf_top_screen_begin())
        return false;
    sigaction(SIGINT, &leave, NULL);
    sigaction(SIGTERM, &leave, NULL);
    sigaction(SIGHUP, &leave, NULL);
    l.next_at = now_ms();
    while (!l.leave && !told_to_leave) {
        if (l.changed)
            draw(&l);
        turn(&l);
    }
    pf_top_screen_end();
    pf_top_link_drop(&l.page);
    pf_top_link_drop(&l.order);
    *out_status = 0;
    return true;
}
