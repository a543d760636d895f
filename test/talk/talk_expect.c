#include "talk_play.h"

enum { SHOWN = 200, STATUS_MAX = 512 };

struct comparing {
    struct play *play;
    const struct talk_step *steps;
    size_t at, to;
    struct pf_bytes out; /* not yet compared */
};

static void differs(struct comparing *c, const struct talk_step *step, const char *what)
{
    char got[SHOWN];

    c->play->line = step->line;
    talk_wrong(c->play, "%s, but got: %s", what, talk_show(got, sizeof got, c->out));
}

/* A line without its CRLF; false when there is no whole one. */
static bool first_line(struct pf_bytes in, struct pf_bytes *out_line)
{
    for (size_t i = 0; i + 1 < in.len; i++)
        if (in.at[i] == '\r' && in.at[i + 1] == '\n') {
            *out_line = pf_bytes_head(in, i);
            return true;
        }
    return false;
}

static bool begins(const struct talk_text *pattern, const char *word)
{
    size_t i = 0;

    while (word[i] && i < pattern->len && pattern->at[i] == (unsigned char)word[i])
        i++;
    return !word[i];
}

/* RFC 2449 section 3, read strictly: at most 512 octets with CRLF, printable ASCII. */
static bool good_status(struct pf_bytes line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.at[i] < 0x20 || line.at[i] > 0x7e)
            return false;
    return line.len + 2 <= STATUS_MAX;
}

static void one_line(struct comparing *c, const struct talk_step *step)
{
    struct pf_bytes line;

    if (!first_line(c->out, &line))
        differs(c, step, "a line was expected");
    else if (!talk_text_matches(&step->text, line))
        differs(c, step, "another line was expected");
    else if ((begins(&step->text, "+OK") || begins(&step->text, "-ERR")) && !good_status(line))
        differs(c, step, "a status line is too long or not printable");
    else
        c->out = pf_bytes_skip(c->out, line.len + 2);
}

static void octets(struct comparing *c, const struct talk_step *step)
{
    const struct talk_message *m = &c->play->talk->box.messages[step->n - 1];
    struct pf_bytes want = step->kind == TALK_TOP ? talk_top(m, step->at) : m->wire;
    size_t same = 0;

    while (same < want.len && same < c->out.len && want.at[same] == c->out.at[same])
        same++;
    c->out = pf_bytes_skip(c->out, same);
    if (step->kind == TALK_BEGIN && (c->out.len || same == want.len))
        differs(c, step, "a true beginning of the message was expected and nothing more");
    else if (step->kind != TALK_BEGIN && same < want.len)
        differs(c, step, "the message goes on otherwise");
}

/* How many lines before the one that `until` wants; false when it does not come. */
static bool find(struct pf_bytes out, const struct talk_step *until, struct pf_bytes *out_before)
{
    struct pf_bytes rest = out, line;

    while (first_line(rest, &line)) {
        if (until && talk_text_matches(&until->text, line)) {
            *out_before = pf_bytes_head(out, out.len - rest.len);
            return true;
        }
        rest = pf_bytes_skip(rest, line.len + 2);
    }
    *out_before = out;
    return !until && !rest.len;
}

static bool has(struct pf_bytes lines, const struct talk_text *pattern)
{
    struct pf_bytes line;

    for (; first_line(lines, &line); lines = pf_bytes_skip(lines, line.len + 2))
        if (talk_text_matches(pattern, line))
            return true;
    return false;
}

/* `...` with its conditions. */
static void any_lines(struct comparing *c)
{
    const struct talk_step *any = &c->steps[c->at], *until = NULL;
    struct pf_bytes lines;
    size_t end = c->at + 1;

    while (end < c->to && (c->steps[end].kind == TALK_HAS || c->steps[end].kind == TALK_LACKS))
        end++;
    if (end < c->to && c->steps[end].kind == TALK_EXPECT)
        until = &c->steps[end];
    if (!find(c->out, until, &lines)) {
        differs(c, until ? until : any, "the line behind `...` does not come");
        return;
    }
    for (size_t i = c->at + 1; i < end; i++) {
        bool wanted = c->steps[i].kind == TALK_HAS;

        if (has(lines, &c->steps[i].text) == wanted)
            continue;
        differs(c, &c->steps[i], wanted ? "a line is missing" : "a line is there");
        return;
    }
    c->out = pf_bytes_skip(c->out, lines.len);
    c->at = end - 1;
}

void talk_expect(struct play *p, size_t from, size_t to)
{
    struct comparing c = {p, p->talk->steps, from, to, talk_bytes(&p->out)};

    for (; c.at < to && !p->why[0]; c.at++) {
        const struct talk_step *step = &c.steps[c.at];

        if (step->kind == TALK_EXPECT)
            one_line(&c, step);
        else if (step->kind == TALK_ANY)
            any_lines(&c);
        else if (step->kind == TALK_MESSAGE || step->kind == TALK_TOP || step->kind == TALK_BEGIN)
            octets(&c, step);
    }
    if (!p->why[0] && c.out.len) {
        c.at = to > from ? to - 1 : from;
        if (c.at == p->talk->count)
            c.at--;
        differs(&c, &c.steps[c.at], "nothing more was expected");
    }
    p->out.len = 0;
}
