#include "tool/user_token.h"

#include "auth/auth_file.h"
#include "auth/edit.h"
#include "auth/exchange.h"
#include "auth/tokens.h"
#include "base/text.h"
#include "tool/settings.h"
#include "tool/table.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    WORDS_MAX = 3072, /* a line has at most PF_AUTH_LINE_MAX */
    DAYS_MAX = 36500,
    DAY = 24 * 3600,
    FROM_MAX = PF_TOKEN_NETS * (INET6_ADDRSTRLEN + 5)
};

static const char usage[] =
    "usage: postfach user token add USER    a new token; it is printed once\n"
    "       postfach user token list [USER]\n"
    "       postfach user token remove ID   the letters between pf_ and the next _\n"
    "\n"
    "  --read-only        add: nothing is changed in the maildrop\n"
    "  --no-delete        add: no mail is deleted\n"
    "  --from NET,…       add: only from these addresses or networks, as 192.0.2.0/24\n"
    "  --expires WHEN     add: a date (2026-12-31: from its beginning, UTC), or days from now (90d)\n"
    "  --every TIME       add: not more often than that, as 15m or 1h\n"
    "  --folder NAME      add: this folder of the Maildir instead of the inbox\n"
    "  --comment TEXT     add: what it is for\n"
    "  -c FILE            settings (default: /etc/postfach/postfach.conf)\n"
    "  --file FILE        the file of tokens; without it, users { tokens FILE } of the settings\n"
    "\n"
    "A running server sees the change within two seconds. Manual: postfach(1)\n";

struct job {
    const char *conf_file, *file, *from, *expires, *every, *folder, *comment;
    bool read_only, no_delete;
    const char *word; /* USER or ID, or NULL */
    struct pf_conf *conf; /* NULL with --file */
    char user[PF_AUTH_NAME_MAX + 1];
    int64_t now;
};

static int refuse(const char *why, const char *word)
{
    fprintf(stderr, "postfach user token: %s%s\n%s", why, word, usage);
    return pf_verdict(PF_SYNTAX)->exit_status;
}

static int complain(const struct pf_err *err, const char *hint)
{
    fprintf(stderr, "postfach user token: %s\n", err->log);
    if (hint)
        fprintf(stderr, "    hint: %s\n", hint);
    return pf_verdict(err->code)->exit_status;
}

/* Percent-encoded, as a word of a line; other octets than blanks and the sign itself stay readable. */
static bool put_coded(struct pf_span *out, const char *key, const char *text)
{
    bool ok = pf_span_format(out, " %s=", key);

    for (; ok && *text; text++) {
        unsigned char c = (unsigned char)*text;

        ok = c <= 0x20 || c == 0x7f || c == '%' ? pf_span_format(out, "%%%02x", c)
                                                : pf_span_put(out, pf_bytes_from(&c, 1));
    }
    return ok;
}

/* "90d" and the like: a number and a unit. */
static bool take_amount(const char *text, const char *units, uint64_t *out_number, char *out_unit)
{
    size_t len = strlen(text);

    *out_unit = len ? text[len - 1] : 0;
    if (!*out_unit || !strchr(units, *out_unit))
        return false;
    return pf_parse_u64(pf_bytes_from(text, len - 1), out_number);
}

static bool put_expires(const struct job *job, struct pf_span *out)
{
    char date[32], unit;
    uint64_t days;
    time_t when;
    struct tm tm;

    if (!take_amount(job->expires, "d", &days, &unit))
        return put_coded(out, "expires", job->expires);
    when = (time_t)(job->now + (int64_t)(days <= DAYS_MAX ? days : DAYS_MAX) * DAY);
    return gmtime_r(&when, &tm) && strftime(date, sizeof date, "%FT%TZ", &tm) &&
           pf_span_format(out, " expires=%s", date);
}

static bool put_every(const struct job *job, struct pf_span *out)
{
    static const char units[] = "smhd";
    static const unsigned seconds[] = {1, 60, 3600, DAY};
    uint64_t number, all = 0;
    char unit;

    if (!take_amount(job->every, units, &number, &unit))
        return put_coded(out, "every", job->every);
    if (__builtin_mul_overflow(number, seconds[strchr(units, unit) - units], &all))
        all = UINT64_MAX;
    return pf_span_format(out, " every=%llu", (unsigned long long)all);
}

/* Begins with a blank unless it is empty. */
static enum pf_code put_words(const struct job *job, struct pf_span *out, struct pf_err *err)
{
    bool ok = !job->read_only || pf_span_put(out, PF_LIT(" read-only"));

    ok = ok && (!job->no_delete || pf_span_put(out, PF_LIT(" no-delete")));
    ok = ok && (!job->from || put_coded(out, "from", job->from));
    ok = ok && (!job->expires || put_expires(job, out));
    ok = ok && (!job->every || put_every(job, out));
    ok = ok && (!job->folder || put_coded(out, "folder", job->folder));
    ok = ok && (!job->comment || put_coded(out, "comment", job->comment));
    ok = ok && pf_span_put(out, PF_LIT("\0"));
    return ok ? PF_OK : pf_fail(err, PF_SYNTAX, 0, "token", "all this is too long for one line");
}

static bool file_has(const char *path, const char *user)
{
    struct pf_auth_stamp stamp;
    struct pf_auth_entry entry;
    struct pf_err err = {0};
    size_t len;
    char *text = pf_auth_file_read(path, &len, &stamp, &err);
    struct pf_auth_file *file = text ? pf_auth_file_parse(path, text, len, true, &err) : NULL;
    bool has = file && pf_auth_file_find(file, pf_bytes_of(user), &entry) == PF_OK;

    if (!file)
        fprintf(stderr, "postfach user token: %s\n", err.log);
    pf_auth_file_free(file);
    return has;
}

/* A token for nobody is no harm, and perhaps the user comes tomorrow: a word of warning is enough. */
static void warn_of_user(const struct job *job)
{
    const struct pf_conf *conf = job->conf;
    bool has, others = false;

    if (!conf)
        return;
    has = conf->password_file && file_has(conf->password_file, job->user);
    for (size_t i = 0; i < conf->userdb_count && !has; i++) {
        if (conf->userdbs[i].kind == PF_CONF_USERDB_FILE)
            has = file_has(conf->userdbs[i].path, job->user);
        else
            others = true;
    }
    if (!has)
        fprintf(stderr, "postfach user token: warning: there is no user %s in the files of users%s\n", job->user,
                others ? "; other sources were not asked" : "");
}

static enum pf_code check(const char *path, char *text, size_t len, struct pf_err *err)
{
    struct pf_err why = {0};
    struct pf_tokens *tokens = pf_tokens_parse(path, text, len, &why);

    pf_tokens_free(tokens);
    return tokens ? PF_OK : pf_fail(err, why.code, why.sys, why.where, "%s", why.log);
}

static enum pf_code save(const struct job *job, struct pf_bytes line, struct pf_err *err)
{
    struct pf_edit *edit = malloc(sizeof *edit);
    enum pf_code code;

    if (!edit)
        return pf_fail(err, PF_NO_MEMORY, 0, "token", "no memory");
    code = pf_edit_open(edit, job->file, true, err);
    if (code == PF_OK) {
        code = pf_edit_append(edit, line, err);
        if (code == PF_OK)
            code = pf_edit_save(edit, check, err);
        pf_edit_close(edit);
    }
    free(edit);
    return code;
}

static enum pf_code add_token(struct job *job, char *out_token, struct pf_err *err)
{
    unsigned char words[WORDS_MAX], line[PF_AUTH_LINE_MAX];
    struct pf_span span = {words, 0, sizeof words}, out = {line, 0, sizeof line};
    struct pf_token_order order = {.user = job->user, .now = job->now};
    enum pf_code code = put_words(job, &span, err);

    if (code != PF_OK)
        return code;
    order.words = (const char *)words + (span.len > 1);
    code = pf_token_make(&order, out_token, &out, err);
    return code == PF_OK ? save(job, pf_span_bytes(&out), err) : code;
}

static int add(struct job *job)
{
    bool fresh = access(job->file, F_OK) != 0;
    char token[PF_TOKEN_MAX];
    struct pf_err err = {0};

    if (!job->word || !pf_saslprep(pf_bytes_of(job->word), job->user, sizeof job->user) ||
        !pf_auth_name_ok(pf_bytes_of(job->user)) || strchr(job->user, ':') || job->user[0] == '#')
        return refuse("nobody can have this name: ",
                      "1 to 255 octets of UTF-8, no '/' and ':', no dot or '#' first");
    if (add_token(job, token, &err) != PF_OK)
        return complain(&err, NULL);
    warn_of_user(job);
    printf("%s\n", token);
    fprintf(stderr, "postfach user token: this is %.8s; it is shown only now\n", token + 3);
    if (fresh)
        fprintf(stderr, "    hint: %s is new; the user that postfachd runs as must be able to read it\n", job->file);
    pf_wipe(token, sizeof token);
    return 0;
}

static void put_net(struct pf_span *out, const struct pf_token_net *net)
{
    bool four = net->bits >= 96 && memcmp(net->at, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0;
    unsigned bits = four ? net->bits - 96 : net->bits, most = four ? 32 : 128;
    char text[INET6_ADDRSTRLEN] = "";

    inet_ntop(four ? AF_INET : AF_INET6, four ? net->at + 12 : net->at, text, sizeof text);
    pf_span_format(out, "%s%s", out->len ? "," : "", text);
    if (bits < most)
        pf_span_format(out, "/%u", bits);
}

static bool add_row(struct pf_table *table, const struct pf_token *token, int64_t now)
{
    char powers[PF_AUTH_NAME_MAX + 64], from[FROM_MAX], expires[40] = "never";
    struct pf_span out = {(unsigned char *)powers, 0, sizeof powers - 1},
                   nets = {(unsigned char *)from, 0, sizeof from - 1};
    const char *cells[] = {token->id, token->user, powers, from, expires, token->comment};
    time_t when = (time_t)token->expires;
    struct tm tm;

    pf_span_format(&out, "%s", token->read_only ? "read-only" : token->no_delete ? "no-delete" : "all");
    if (token->every)
        pf_span_format(&out, " every=%us", token->every);
    if (token->folder[0])
        pf_span_format(&out, " folder=%s", token->folder);
    powers[out.len] = 0;
    for (size_t i = 0; i < token->net_count; i++)
        put_net(&nets, &token->nets[i]);
    from[nets.len] = 0;
    if (!token->net_count)
        cells[3] = "anywhere";
    if (when && gmtime_r(&when, &tm))
        strftime(expires, sizeof expires, now >= token->expires ? "EXPIRED %F %H:%M" : "%F %H:%M", &tm);
    return pf_table_add(table, cells);
}

static int list(struct job *job)
{
    static const char *const head[] = {"ID", "USER", "POWERS", "FROM", "EXPIRES (UTC)", "COMMENT"};
    struct pf_table table = {.columns = sizeof head / sizeof head[0]};
    struct pf_auth_stamp stamp;
    struct pf_err err = {0};
    struct pf_tokens *tokens = pf_tokens_open(job->file, &stamp, &err);
    bool ok = tokens && pf_table_add(&table, head);

    if (!tokens)
        return complain(&err, "`postfach user token add` makes this file");
    for (size_t i = 0; ok && i < pf_tokens_count(tokens); i++) {
        const struct pf_token *token = pf_tokens_at(tokens, i);

        if (!job->word || strcmp(token->user, job->word) == 0)
            ok = add_row(&table, token, job->now);
    }
    if (ok && table.rows > 1)
        pf_table_print(&table, stdout);
    else if (ok)
        fputs("postfach user token: there are none\n", stderr);
    else
        pf_fail(&err, PF_NO_MEMORY, 0, "token", "no memory for the table");
    pf_table_done(&table);
    pf_tokens_free(tokens);
    return ok ? 0 : complain(&err, NULL);
}

/* The line whose second field is the id. */
static struct pf_bytes line_of(const struct pf_edit *edit, struct pf_bytes id)
{
    struct pf_bytes rest = pf_bytes_from(edit->text, edit->len);

    while (rest.len) {
        struct pf_bytes line = pf_bytes_head(rest, pf_find(rest, '\n'));
        struct pf_bytes field = pf_bytes_skip(line, pf_find(line, ':') + 1);

        if (line.len && line.at[0] != '#' && pf_bytes_equal(pf_bytes_head(field, pf_find(field, ':')), id))
            return line;
        rest = pf_bytes_skip(rest, line.len + 1);
    }
    return (struct pf_bytes){0};
}

static int drop(struct job *job)
{
    struct pf_edit *edit = malloc(sizeof *edit);
    struct pf_err err = {0};
    struct pf_bytes line;
    enum pf_code code;

    if (!edit)
        code = pf_fail(&err, PF_NO_MEMORY, 0, "token", "no memory");
    else
        code = pf_edit_open(edit, job->file, false, &err);
    if (code == PF_OK) {
        line = line_of(edit, pf_bytes_of(job->word));
        code = line.at && job->word[0] ? pf_edit_remove(edit, line, &err)
                                       : pf_fail(&err, PF_NO_USER, 0, "token", "there is no token %s", job->word);
        if (code == PF_OK)
            code = pf_edit_save(edit, check, &err);
        pf_edit_close(edit);
    }
    free(edit);
    return code == PF_OK ? 0 : complain(&err, code == PF_NO_USER ? "`postfach user token list` shows them" : NULL);
}

enum { ADD = 1, WORD = 2, PERHAPS = 4 };

static const struct verb {
    const char *word;
    int (*run)(struct job *);
    unsigned takes;
} verbs[] = {{"add", add, ADD | WORD}, {"list", list, PERHAPS}, {"remove", drop, WORD}};

static const struct option options[] = {
    {"read-only", no_argument, NULL, 'r'},      {"no-delete", no_argument, NULL, 'n'},
    {"from", required_argument, NULL, 'F'},     {"expires", required_argument, NULL, 'e'},
    {"every", required_argument, NULL, 'v'},    {"folder", required_argument, NULL, 'o'},
    {"comment", required_argument, NULL, 'm'},  {"file", required_argument, NULL, 'f'},
    {"help", no_argument, NULL, 'h'},           {0},
};

static bool take_option(struct job *job, const struct verb *verb, int option)
{
    const struct {
        int option;
        const char **to;
    } texts[] = {{'F', &job->from},    {'e', &job->expires}, {'v', &job->every},    {'o', &job->folder},
                 {'m', &job->comment}, {'f', &job->file},    {'c', &job->conf_file}};

    if (option != 'f' && option != 'c' && !(verb->takes & ADD))
        return false;
    job->read_only |= option == 'r';
    job->no_delete |= option == 'n';
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (option == texts[i].option)
            *texts[i].to = optarg;
    return option != '?';
}

/* Where the tokens are: a file that is named needs no settings. */
static int find_file(struct job *job)
{
    struct pf_err err;

    if (job->file)
        return 0;
    job->conf = pf_tool_settings(job->conf_file);
    if (!job->conf) {
        pf_fail(&err, PF_CONFIG, 0, "token", "the settings cannot be used");
        return complain(&err, NULL);
    }
    job->file = job->conf->tokens;
    if (job->file)
        return 0;
    pf_fail(&err, PF_CONFIG, 0, "token", "the settings name no file of tokens");
    return complain(&err, "write users { tokens /etc/postfach/tokens } into them, or name a file with --file");
}

static int run(const struct verb *verb, int argc, char **argv)
{
    struct job job = {.now = time(NULL)};
    int option, status, words;

    optind = 0; /* GNU: begin anew */
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (option == 'h')
            return fputs(usage, stdout) < 0;
        if (!take_option(&job, verb, option))
            return refuse("that option does not go with ", verb->word);
    }
    words = argc - optind;
    if (words > 1 || (words == 0 && verb->takes & WORD))
        return refuse("one word, please: ", verb->word);
    job.word = words ? argv[optind] : NULL;
    status = find_file(&job);
    if (status == 0)
        status = verb->run(&job);
    pf_conf_free(job.conf);
    return status;
}

int pf_tool_user_token(int argc, char **argv)
{
    if (argc < 2)
        return refuse("what shall I do?", "");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return fputs(usage, stdout) < 0;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(argv[1], verbs[i].word) == 0)
            return run(&verbs[i], argc - 1, argv + 1);
    return refuse("unknown: ", argv[1]);
}
