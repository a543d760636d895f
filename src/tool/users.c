#include "tool/users.h"

#include "auth/record.h"
#include "base/text.h"
#include "conf/utf8.h"
#include "tool/settings.h"
#include "tool/table.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <time.h>

enum { DAY = 24 * 3600, SOME_FOUND = 1 };

static const char usage[] =
    "usage: postfach users insecure   who logs in without TLS, with an old TLS, by APOP or CRAM-MD5\n"
    "\n"
    "  --since DAYS  only what happened in the last days\n"
    "  --json        an array of objects instead of a table\n"
    "  -c FILE       settings (default: /etc/postfach/postfach.conf)\n"
    "  --file FILE   the record; without it, users { login-record FILE } of the settings\n"
    "\n"
    "One line for each user and kind of login, the latest first. The status is 0 when there is\n"
    "none, 1 when there are some. Manual: postfach(1)\n";

struct job {
    const char *conf_file, *file;
    int64_t since; /* seconds since 1970 */
    bool json;
};

/* One user's last login of one kind. */
struct found {
    const struct pf_record_row *row;
    size_t kind;
};

static int refuse(const char *why, const char *word)
{
    fprintf(stderr, "postfach users: %s%s\n%s", why, word, usage);
    return pf_verdict(PF_SYNTAX)->exit_status;
}

static int complain(const struct pf_err *err, const char *hint)
{
    fprintf(stderr, "postfach users: %s\n", err->log);
    if (hint)
        fprintf(stderr, "    hint: %s\n", hint);
    return pf_verdict(err->code)->exit_status;
}

static int latest_first(const void *a, const void *b)
{
    const struct found *one = a, *two = b;
    int64_t x = one->row->at[one->kind], y = two->row->at[two->kind];

    if (x != y)
        return x > y ? -1 : 1;
    return one->row != two->row ? strcmp(one->row->user, two->row->user) : one->kind < two->kind ? -1 : 1;
}

/* What is unsafe in the rows, sorted; NULL without memory. */
static struct found *find(const struct pf_record_row *rows, size_t count, int64_t since, size_t *out_count)
{
    struct found *found = reallocarray(NULL, count + 1, sizeof *found * (PF_RECORD_KINDS - 1));

    *out_count = 0;
    for (size_t i = 0; found && i < count; i++)
        for (size_t k = PF_RECORD_LAST + 1; k < PF_RECORD_KINDS; k++)
            if (rows[i].at[k] && rows[i].at[k] >= since)
                found[(*out_count)++] = (struct found){&rows[i], k};
    if (found && *out_count)
        qsort(found, *out_count, sizeof *found, latest_first);
    return found;
}

static void put_date(int64_t at, bool json, char out[32])
{
    time_t when = (time_t)at;
    struct tm tm;

    out[0] = 0;
    if (when && gmtime_r(&when, &tm))
        strftime(out, 32, json ? "\"%FT%TZ\"" : "%F %H:%M", &tm);
}

static bool print_table(const struct found *found, size_t count)
{
    static const char *const head[] = {"WHEN (UTC)", "USER", "HOW", "FROM", "LAST LOGIN"};
    struct pf_table table = {.columns = sizeof head / sizeof head[0]};
    bool ok = pf_table_add(&table, head);

    for (size_t i = 0; ok && i < count; i++) {
        const struct pf_record_row *row = found[i].row;
        char when[32], last[32];
        const char *cells[] = {when, row->user, pf_record_names[found[i].kind], row->from[found[i].kind], last};

        put_date(row->at[found[i].kind], false, when);
        put_date(row->at[PF_RECORD_LAST], false, last);
        ok = pf_table_add(&table, cells);
    }
    if (ok)
        pf_table_print(&table, stdout);
    pf_table_done(&table);
    return ok;
}

/* RFC 8259 section 7; what is no UTF-8 becomes U+FFFD. */
static void print_json_text(const char *text)
{
    struct pf_bytes rest = pf_bytes_of(text);

    putchar('"');
    while (rest.len) {
        size_t len = pf_conf_utf8(rest);

        if (len == 0)
            fputs("\\ufffd", stdout);
        else if (pf_conf_is_control(rest))
            printf("\\u%04x", len == 1 ? rest.at[0] : rest.at[1]); /* C1 is C2 80 to C2 9F */
        else if (rest.at[0] == '"' || rest.at[0] == '\\')
            printf("\\%c", rest.at[0]);
        else
            fwrite(rest.at, 1, len, stdout);
        rest = pf_bytes_skip(rest, len ? len : 1);
    }
    putchar('"');
}

static void print_json(const struct found *found, size_t count)
{
    putchar('[');
    for (size_t i = 0; i < count; i++) {
        const struct pf_record_row *row = found[i].row;
        char when[32], last[32];

        put_date(row->at[found[i].kind], true, when);
        put_date(row->at[PF_RECORD_LAST], true, last);
        printf("%s\n{\"user\": ", i ? "," : "");
        print_json_text(row->user);
        printf(", \"how\": \"%s\", \"when\": %s, \"from\": ", pf_record_names[found[i].kind], when);
        print_json_text(row->from[found[i].kind]);
        printf(", \"last_login\": %s}", last[0] ? last : "null");
    }
    puts(count ? "\n]" : "]");
}

static int show(const struct job *job, const struct pf_record_row *rows, size_t row_count)
{
    size_t count;
    struct found *found = find(rows, row_count, job->since, &count);
    struct pf_err err;
    bool ok = found != NULL;

    if (ok && job->json)
        print_json(found, count);
    else if (ok && count)
        ok = print_table(found, count);
    else if (ok)
        printf("nobody: all of %zu users log in safely%s\n", row_count, job->since ? ", as far as was asked" : "");
    free(found);
    if (ok)
        return count ? SOME_FOUND : 0;
    pf_fail(&err, PF_NO_MEMORY, 0, "users", "no memory for the table");
    return complain(&err, NULL);
}

static const char *hint_of(const struct pf_err *err)
{
    return err->sys == ENOENT ? "the server writes it a moment after the first login; is users { login-record } "
                                "in force since then?"
                              : NULL;
}

static int insecure(struct job *job)
{
    struct pf_conf *conf = job->file ? NULL : pf_tool_settings(job->conf_file);
    struct pf_record_row *rows = NULL;
    struct pf_err err = {0};
    const char *hint = NULL;
    size_t count = 0;
    int status;

    if (conf)
        job->file = conf->login_record;
    if (!conf && !job->file) {
        pf_fail(&err, PF_CONFIG, 0, "users", "the settings cannot be used");
    } else if (!job->file) {
        pf_fail(&err, PF_CONFIG, 0, "users", "no record of logins is kept");
        hint = "write users { login-record /var/lib/postfach/logins } into the settings and wait some days";
    } else if (pf_record_read(job->file, &rows, &count, &err) != PF_OK) {
        hint = hint_of(&err);
    }
    status = err.code == PF_OK ? show(job, rows, count) : complain(&err, hint);
    pf_record_rows_free(rows, count);
    pf_conf_free(conf);
    return status;
}

static const struct option options[] = {
    {"since", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'}, {"file", required_argument, NULL, 'f'},
    {"help", no_argument, NULL, 'h'},        {0},
};

int pf_tool_users(int argc, char **argv)
{
    struct job job = {0};
    uint64_t days;
    int option;

    optind = 0; /* GNU: begin anew */
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (option == 'h')
            return fputs(usage, stdout) < 0;
        else if (option == 'j')
            job.json = true;
        else if (option == 'c')
            job.conf_file = optarg;
        else if (option == 'f')
            job.file = optarg;
        else if (option != 's' || !pf_parse_u64(pf_bytes_of(optarg), &days) || days > 100000)
            return refuse("an option that is unknown, or wants a number of days", "");
        else
            job.since = time(NULL) - (int64_t)days * DAY;
    }
    if (argc - optind != 1 || strcmp(argv[optind], "insecure") != 0)
        return refuse(argc == optind ? "what shall I do?" : "unknown: ", argc == optind ? "" : argv[optind]);
    return insecure(&job);
}
