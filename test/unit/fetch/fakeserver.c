#include "fakeserver.h"

#include "collectrig.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void put(struct collectrig *r, const char *text, size_t len)
{
    if (r->out_at == r->out_len)
        r->out_at = r->out_len = 0;
    if (r->out_cap - r->out_len < len) {
        r->out_cap = (r->out_len + len) * 2;
        r->out = realloc(r->out, r->out_cap);
        assert_non_null(r->out);
    }
    memcpy(r->out + r->out_len, text, len);
    r->out_len += len;
}

static void say(struct collectrig *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct collectrig *r, const char *format, ...)
{
    char text[600];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof text - 2, format, args);
    va_end(args);
    memcpy(text + len, "\r\n", 2);
    put(r, text, (size_t)len + 2);
}

static struct message *message_of(struct collectrig *r, unsigned long number)
{
    if (number == 0 || number > r->number_count || r->numbers[number - 1] == SIZE_MAX)
        return NULL;
    return &r->fake.at[r->numbers[number - 1]];
}

static void begin(struct collectrig *r)
{
    struct fake *f = &r->fake;

    r->number_count = r->in_len = 0;
    r->out_at = r->out_len = 0;
    r->hang_up = r->greeted = false;
    f->sessions++;
    for (size_t i = 0; i < f->count; i++)
        if (!f->at[i].deleted && (!f->list_most || r->number_count < f->list_most))
            r->numbers[r->number_count++] = i;
    say(r, "+OK made up");
}

static void list(struct collectrig *r, bool uids)
{
    struct fake *f = &r->fake;

    if (uids && f->uidl_answer) {
        say(r, "%s", f->uidl_answer);
        return;
    }
    if ((uids && f->no_uidl) || (!uids && f->list_refused) ||
        (!uids && f->empty_list_refused && r->number_count == 0)) {
        say(r, "-ERR no such thing");
        return;
    }
    say(r, "+OK");
    for (size_t i = 0; i < r->number_count; i++) {
        const struct message *m = message_of(r, i + 1);

        if (!m)
            continue;
        if (uids && m->uid[0])
            say(r, "%zu %s", i + 1, m->uid);
        else if (!uids)
            say(r, "%zu %lld", i + 1, (long long)strlen(m->text) + (long long)m->apart);
    }
    if (!uids && f->cut_at_list) {
        f->cut_at_list = false;
        r->hang_up = true;
        return;
    }
    say(r, ".");
}

static void put_message(struct collectrig *r, const char *text, bool head_only, size_t most)
{
    say(r, "+OK");
    while (*text && most) {
        const char *end = strstr(text, "\n");
        size_t len = end ? (size_t)(end + 1 - text) : strlen(text);

        if (len > most)
            len = most;
        if (*text == '.' && !r->fake.unstuffed)
            put(r, ".", 1);
        put(r, text, len);
        most -= len;
        if (head_only && text[0] == '\r')
            break;
        text += len;
    }
    if (most)
        say(r, ".");
}

static void retr(struct collectrig *r, unsigned long number, bool top)
{
    struct fake *f = &r->fake;
    struct message *m = message_of(r, number);

    if (top && f->no_top)
        say(r, "-ERR no such command");
    else if (!m)
        say(r, "-ERR no such message");
    else if (!top && m->refuses)
        say(r, "-ERR it is damaged");
    else if (!top && f->cut_retr == number)
        put_message(r, m->text, false, strlen(m->text) / 2), r->hang_up = true;
    else
        put_message(r, m->text, top, SIZE_MAX);
    f->retrs += !top;
    f->tops += top;
    if (!top && f->cut_after && f->cut_after == f->retrs) {
        f->cut_after = 0;
        r->hang_up = true;
    }
}

static void dele(struct collectrig *r, unsigned long number)
{
    struct message *m = message_of(r, number);

    r->fake.deles++;
    if (!m || m->hidden || m->refuses_delete) {
        say(r, "-ERR not that one");
        return;
    }
    m->hidden = true;
    say(r, "+OK");
    if (r->fake.cut_at_dele) {
        r->fake.cut_at_dele = false;
        r->hang_up = true;
    }
    for (size_t i = number; r->fake.renumbers && i < r->number_count; i++)
        r->numbers[i - 1] = r->numbers[i];
    r->number_count -= r->fake.renumbers;
}

static void quit(struct collectrig *r)
{
    const char *answer = r->fake.quit_answer;

    r->fake.quits++;
    r->hang_up = true;
    for (size_t i = 0; i < r->fake.count && !answer; i++)
        r->fake.at[i].deleted |= r->fake.at[i].hidden;
    if (!answer || *answer)
        say(r, "%s", answer ? answer : "+OK bye");
}

static void capa(struct collectrig *r)
{
    const struct fake *f = &r->fake;

    if (f->no_capa) {
        say(r, "-ERR what?");
        return;
    }
    say(r, "+OK\r\nUSER\r\nRESP-CODES%s%s%s", f->no_pipelining ? "" : "\r\nPIPELINING",
        f->no_uidl ? "" : "\r\nUIDL", f->no_top ? "" : "\r\nTOP");
    if (f->login_delay)
        say(r, "LOGIN-DELAY %u", f->login_delay);
    say(r, ".");
}

static void obey(struct collectrig *r, const char *line)
{
    unsigned long number = strtoul(line + 4, NULL, 10);

    if (!strncmp(line, "CAPA", 4))
        capa(r);
    else if (!strncmp(line, "USER", 4))
        say(r, "+OK");
    else if (!strncmp(line, "PASS", 4))
        say(r, "%s", r->fake.login_answer ? r->fake.login_answer : "+OK");
    else if (!strncmp(line, "STAT", 4))
        say(r, "+OK %zu 1000", r->number_count);
    else if (!strncmp(line, "LIST", 4))
        list(r, false);
    else if (!strncmp(line, "UIDL", 4))
        list(r, true);
    else if (!strncmp(line, "RETR", 4))
        retr(r, number, false);
    else if (!strncmp(line, "TOP ", 4))
        retr(r, number, true);
    else if (!strncmp(line, "DELE", 4))
        dele(r, number);
    else if (!strncmp(line, "QUIT", 4))
        quit(r);
    else
        say(r, "-ERR what?");
}

static void hang_up(struct collectrig *r)
{
    close(r->line);
    r->line = -1;
    for (size_t i = 0; i < r->fake.count; i++)
        r->fake.at[i].hidden = false;
}

static void read_lines(struct collectrig *r)
{
    char *end;
    ssize_t n = read(r->line, r->in + r->in_len, sizeof r->in - 1 - r->in_len);
    bool burst = false;

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        hang_up(r);
        return;
    }
    r->in_len += n > 0 ? (size_t)n : 0;
    r->in[r->in_len] = 0;
    while (!r->hang_up && (end = strchr(r->in, '\n'))) {
        *end = 0;
        if (!burst)
            obey(r, r->in);
        burst |= r->fake.first_of_burst || (r->fake.first_of_retrs && !strncmp(r->in, "RETR", 4));
        r->in_len -= (size_t)(end + 1 - r->in);
        memmove(r->in, end + 1, r->in_len + 1);
    }
}

static void write_out(struct collectrig *r)
{
    ssize_t n = 1;

    while (n > 0 && r->out_at < r->out_len) {
        n = send(r->line, r->out + r->out_at, r->out_len - r->out_at, MSG_NOSIGNAL);
        r->out_at += n > 0 ? (size_t)n : 0;
    }
    if ((n < 0 && errno != EAGAIN) || (r->out_at == r->out_len && r->hang_up))
        hang_up(r);
}

void fake_turn(struct collectrig *r)
{
    if (r->line < 0) {
        r->line = accept4(r->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (r->line < 0)
            return;
        begin(r);
    }
    if (!r->hang_up && r->out_len - r->out_at < 1 << 20)
        read_lines(r);
    if (r->line >= 0)
        write_out(r);
}
