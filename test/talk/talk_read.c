#include "talk.h"
#include "talk_set.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS_MAX = 2000, LINE_OCTETS = 8192 };

struct reading {
    struct talk *talk;
    const char *boxes;
    unsigned line;
};

typedef const char *(*directive)(struct reading *, const char *rest);

static struct talk_step *add(struct reading *r, enum talk_kind kind)
{
    struct talk *t = r->talk;
    struct talk_step *step = &t->steps[t->count < STEPS_MAX ? t->count++ : STEPS_MAX - 1];

    *step = (struct talk_step){.kind = kind, .line = r->line, .n = -1};
    return step;
}

static const char *add_text(struct reading *r, enum talk_kind kind, const char *text, bool crlf)
{
    struct talk_step *step = add(r, kind);
    bool wild = kind != TALK_SEND && kind != TALK_KEPT;
    char *whole = talk_alloc(&r->talk->pool, strlen(text) + 5);

    snprintf(whole, strlen(text) + 5, "%s%s", text, crlf ? "\\r\\n" : "");
    return talk_text_read(&r->talk->pool, pf_bytes_of(whole), wild, &r->talk->box, &step->text);
}

static const char *client(struct reading *r, const char *rest)
{
    return add_text(r, TALK_SEND, rest, true);
}

static const char *client_raw(struct reading *r, const char *rest)
{
    return add_text(r, TALK_SEND, rest, false);
}

static const char *of_message(struct reading *r, enum talk_kind kind, const char *numbers)
{
    struct talk_step *step;
    char *end;
    unsigned long n = strtoul(numbers, &end, 10);

    if (n < 1 || n > r->talk->box.count)
        return "no such message in the box";
    step = add(r, kind);
    step->n = (int64_t)n;
    step->at = kind == TALK_TOP ? strtoull(end, &end, 10) : 0;
    return *end ? "numbers were expected" : NULL;
}

static const char *server(struct reading *r, const char *rest)
{
    if (!strcmp(rest, "...")) {
        add(r, TALK_ANY);
        return NULL;
    }
    if (!strncmp(rest, "@message ", 9))
        return of_message(r, TALK_MESSAGE, rest + 9);
    if (!strncmp(rest, "@top ", 5))
        return of_message(r, TALK_TOP, rest + 5);
    if (!strncmp(rest, "@begin ", 7))
        return of_message(r, TALK_BEGIN, rest + 7);
    return add_text(r, TALK_EXPECT, rest, false);
}

static const char *server_has(struct reading *r, const char *rest)
{
    return add_text(r, TALK_HAS, rest, false);
}

static const char *server_lacks(struct reading *r, const char *rest)
{
    return add_text(r, TALK_LACKS, rest, false);
}

static const char *box(struct reading *r, const char *rest)
{
    char path[1024];

    if (r->talk->box.messages)
        return "a talk has one box";
    if (!strncmp(rest, "sizes ", 6))
        return talk_box_sizes(&r->talk->pool, pf_bytes_of(rest + 6), &r->talk->box);
    snprintf(path, sizeof path, "%s/%s.box", r->boxes, rest);
    return talk_box_read(&r->talk->pool, path, &r->talk->box);
}

static const char *user(struct reading *r, const char *rest)
{
    struct talk *t = r->talk;
    struct talk_user *u = &t->users[t->user_count];
    const char *space = strchr(rest, ' ');
    struct talk_text name, secret;
    const char *wrong;

    if (!space || t->user_count == TALK_USERS)
        return "user NAME SECRET";
    wrong = talk_text_read(&t->pool, pf_bytes_from(rest, (size_t)(space - rest)), false, NULL, &name);
    if (!wrong)
        wrong = talk_text_read(&t->pool, pf_bytes_of(space + 1), false, NULL, &secret);
    if (wrong)
        return wrong;
    u->name = talk_text_bytes(&t->pool, &name);
    u->secret = talk_text_bytes(&t->pool, &secret);
    t->user_count++;
    return NULL;
}

static const char *set(struct reading *r, const char *rest)
{
    return talk_set(r->talk, rest);
}

static const char *tls(struct reading *r, const char *rest)
{
    r->talk->tls = !strcmp(rest, "on");
    return r->talk->tls ? NULL : "tls on";
}

static const char *refuse(struct reading *r, const char *rest)
{
    r->talk->refuse = talk_verdict(rest);
    return r->talk->refuse == PF_CODES ? "unknown verdict" : NULL;
}

static const char *only(struct reading *r, const char *rest)
{
    r->talk->only_live = !strcmp(rest, "live");
    return r->talk->only_live || !strcmp(rest, "engine") ? NULL : "only engine, or only live";
}

#define PLAIN_STEP(name, kind)                                     \
    static const char *name(struct reading *r, const char *rest)   \
    {                                                              \
        add(r, kind);                                              \
        return *rest ? "this directive takes no argument" : NULL;  \
    }

PLAIN_STEP(split, TALK_SPLIT)
PLAIN_STEP(together, TALK_TOGETHER)
PLAIN_STEP(starttls, TALK_STARTTLS)
PLAIN_STEP(half_close, TALK_HALF_CLOSE)
PLAIN_STEP(eof, TALK_EOF)
PLAIN_STEP(stall, TALK_STALL)
PLAIN_STEP(resume, TALK_RESUME)
PLAIN_STEP(shut_down, TALK_SHUTDOWN)
PLAIN_STEP(connect_again, TALK_CONNECT)

static void add_bytes(struct reading *r, enum talk_kind kind, const char *word, struct pf_bytes tail)
{
    struct talk_text *text = &add(r, kind)->text;

    text->at = talk_alloc(&r->talk->pool, (strlen(word) + tail.len + 2) * sizeof *text->at);
    for (const char *c = word; *c; c++)
        text->at[text->len++] = kind == TALK_EXPECT && *c == '*' ? TALK_WILD : (unsigned char)*c;
    for (size_t i = 0; i < tail.len; i++)
        text->at[text->len++] = tail.at[i];
}

/* USER and PASS of the first user, both answered +OK. */
static const char *login(struct reading *r, const char *rest)
{
    const struct talk_user *u = &r->talk->users[0];

    add_bytes(r, TALK_SEND, "USER ", u->name);
    add_bytes(r, TALK_SEND, "\r\n", PF_LIT(""));
    add_bytes(r, TALK_EXPECT, "+OK*", PF_LIT(""));
    add_bytes(r, TALK_SEND, "PASS ", u->secret);
    add_bytes(r, TALK_SEND, "\r\n", PF_LIT(""));
    add_bytes(r, TALK_EXPECT, "+OK*", PF_LIT(""));
    return *rest ? "login takes no argument" : NULL;
}

static const char *wait_for(struct reading *r, const char *rest)
{
    int64_t time = talk_duration(rest);

    add(r, TALK_WAIT)->at = (uint64_t)time;
    return time < 0 ? "wait wants a time such as 61s" : NULL;
}

static const char *closed(struct reading *r, const char *rest)
{
    static const char *const why[] = {"quit", "eof",     "idle",         "login-time", "stall",
                                      "bad",  "tries",   "body",         "tls",        "smuggle",
                                      "tls-on-plain", "shutdown", "refused", "memory", "yielded"};
    struct talk_step *step = add(r, TALK_CLOSED);

    for (unsigned i = 0; i < sizeof why / sizeof why[0]; i++)
        if (!strcmp(why[i], rest))
            step->n = i;
    return *rest && step->n < 0 ? "unknown reason" : NULL;
}

static const char *left(struct reading *r, const char *rest)
{
    char *end;

    add(r, TALK_LEFT)->n = strtol(rest, &end, 10);
    return end == rest || *end ? "left N" : NULL;
}

static const char *deliver(struct reading *r, const char *rest)
{
    return of_message(r, TALK_DELIVER, rest);
}

static const char *kept(struct reading *r, const char *rest)
{
    return add_text(r, TALK_KEPT, rest, false);
}

/* "2 at 4096", then perhaps a verdict. */
static const char *fault_place(struct talk_fault *f, const char *rest)
{
    char *end;
    const char *wrong = "message number, `at`, octet";

    f->n = (uint32_t)strtoul(rest, &end, 10);
    if (!f->n || strncmp(end, " at ", 4))
        return wrong;
    f->at = strtoull(end + 4, &end, 10);
    if (*end == ' ')
        f->code = talk_verdict(end + 1);
    return (*end && *end != ' ') || f->code == PF_CODES ? wrong : NULL;
}

static const char *truncated(struct reading *r, const char *rest)
{
    struct talk_fault *f = &add(r, TALK_FAULT)->fault;

    *f = (struct talk_fault){.kind = TALK_FAIL_SHORT, .code = PF_OK};
    return fault_place(f, rest);
}

static const char *lengthened(struct reading *r, const char *rest)
{
    struct talk_fault *f = &add(r, TALK_FAULT)->fault;

    *f = (struct talk_fault){.kind = TALK_FAIL_LONG, .code = PF_OK};
    return fault_place(f, rest);
}

static const char *vanished(struct reading *r, const char *rest)
{
    struct talk_fault *f = &add(r, TALK_FAULT)->fault;

    *f = (struct talk_fault){.kind = TALK_FAIL_READ, .code = PF_GONE};
    f->n = (uint32_t)strtoul(rest, NULL, 10);
    return f->n ? NULL : "vanish N";
}

static const char *fail(struct reading *r, const char *rest)
{
    static const struct {
        const char *word;
        enum talk_fault_kind kind;
        enum pf_code code;
    } kinds[] = {{"auth", TALK_FAIL_AUTH, PF_TEMP},          {"open", TALK_FAIL_OPEN, PF_TEMP},
                 {"expunge", TALK_FAIL_EXPUNGE, PF_PARTIAL}, {"tls", TALK_FAIL_TLS, PF_PERM},
                 {"read", TALK_FAIL_READ, PF_IO}};
    size_t len = strcspn(rest, " ");

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct talk_fault *f;

        if (strlen(kinds[i].word) != len || strncmp(kinds[i].word, rest, len))
            continue;
        f = &add(r, TALK_FAULT)->fault;
        *f = (struct talk_fault){.kind = kinds[i].kind, .code = kinds[i].code};
        rest += len + (rest[len] == ' ');
        if (f->kind == TALK_FAIL_READ)
            return fault_place(f, rest);
        if (*rest)
            f->code = talk_verdict(rest);
        return f->code == PF_CODES ? "unknown verdict" : NULL;
    }
    return "fail auth, open, expunge, tls or read";
}

static const struct {
    const char *word;
    directive read;
} directives[] = {
    {"C:", client},         {"C~", client_raw},  {"S:", server},         {"S?", server_has},
    {"S!", server_lacks},   {"box", box},        {"user", user},         {"set", set},
    {"tls", tls},           {"refuse", refuse},  {"only", only},         {"login", login},
    {"split", split},       {"together", together}, {"starttls", starttls}, {"half-close", half_close},
    {"eof", eof},           {"stall", stall},    {"resume", resume},     {"shutdown", shut_down},
    {"connect", connect_again}, {"wait", wait_for}, {"closed", closed},  {"left", left},
    {"kept", kept},         {"truncate", truncated}, {"lengthen", lengthened}, {"vanish", vanished},
    {"deliver", deliver},   {"fail", fail},
};

static const char *read_line(struct reading *r, char *at)
{
    size_t len = strcspn(at, "\n");

    at[len] = '\0';
    if (!len || *at == '#')
        return NULL;
    if (at[len - 1] == ' ' || at[len - 1] == '\t')
        return "a line ends with white space (write \\s)";
    len = strcspn(at, " ");
    for (size_t i = 0; i < sizeof directives / sizeof directives[0]; i++)
        if (strlen(directives[i].word) == len && !strncmp(directives[i].word, at, len))
            return directives[i].read(r, at + len + (at[len] == ' '));
    return "unknown directive";
}

bool talk_read(struct talk *out_talk, const char *path, const char *boxes)
{
    struct reading r = {out_talk, boxes, 0};
    FILE *file = fopen(path, "re");
    char at[LINE_OCTETS];
    const char *wrong = file ? NULL : "cannot open";

    *out_talk = (struct talk){.path = path};
    talk_set_defaults(out_talk);
    out_talk->steps = talk_alloc(&out_talk->pool, STEPS_MAX * sizeof *out_talk->steps);
    while (!wrong && fgets(at, sizeof at, file)) {
        r.line++;
        wrong = read_line(&r, at);
    }
    if (file)
        fclose(file);
    out_talk->bad_line = r.line;
    snprintf(out_talk->why, sizeof out_talk->why, "%s", wrong ? wrong : "");
    return !wrong;
}

void talk_free(struct talk *t)
{
    talk_pool_free(&t->pool);
    *t = (struct talk){0};
}
