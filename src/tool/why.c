#include "tool/why.h"

#include "base/text.h"
#include "tool/settings.h"
#include "tool/why_parts.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <time.h>

enum {
    NOTHING_KNOWN = 1,
    DEFAULT_DAYS = 30,
    ID_MOST = 996,
    MAILDROPS = 16 /* whose mails are told at once; a message to more is asked for with --user */
};

static const char usage[] =
    "usage: postfach why [--since TIME] [--until TIME] [--json] MESSAGE-ID|UIDL|USER\n"
    "\n"
    "  MESSAGE-ID    as in '<4711@shop.example>': what became of this mail\n"
    "  UIDL          the same, where the client or `postfach box ls` tells that\n"
    "  USER          a user's mails and sessions, or an address's refused mail\n"
    "\n"
    "  --since TIME  7d, 12h, 90m ago, or 2026-11-01, or 2026-11-01T08:00 (default: 30d)\n"
    "  --until TIME  the same (default: now)\n"
    "  --user USER   of a mail that many got, only what concerns this one\n"
    "  --json        the records themselves, an object in each line\n"
    "  -c FILE       settings (default: /etc/postfach/postfach.conf)\n"
    "  --journal DIR the folder of the journal; without it journal { folder DIR } of the settings\n"
    "\n"
    "The last line is the answer. The status is 1 when nothing is known. Manual: postfach(1)\n";

struct job {
    struct pf_why why;
    struct pf_conf *conf;
    const char *conf_file, *user;
    const char *asked;    /* as it stands on the command line */
    struct pf_bytes what; /* without brackets */
    bool json, bracketed, as_user;
    int64_t now;
    struct pf_bytes maildrop; /* of the scan under way */
    size_t first_count;       /* records kept by the first scan */
};

/* A record has 998 octets of a Message-ID at most (journal.def), one of them a bracket; no more are compared. */
static struct pf_bytes without_brackets(struct pf_bytes b)
{
    bool ended = b.len >= 2 && b.at[b.len - 1] == '>';

    if (ended && b.at[0] == '<')
        b = pf_bytes_from(b.at + 1, b.len - 2);
    else if (b.len == ID_MOST + 2 && b.at[0] == '<')
        b = pf_bytes_skip(b, 1);
    return pf_bytes_head(b, ID_MOST);
}

static bool is_id(const struct job *j, const struct pf_journal_record *r)
{
    return pf_bytes_equal(without_brackets(r->text[PF_JOURNAL_MESSAGE_ID]), j->what);
}

static bool is_mail(const struct job *j, const struct pf_journal_record *r)
{
    return is_id(j, r) || (!j->bracketed && pf_bytes_equal(r->text[PF_JOURNAL_UIDL], j->what));
}

/* The address itself, or what stands in front of its @. */
static bool is_recipient(const struct job *j, const struct pf_journal_record *r)
{
    struct pf_bytes address = r->text[PF_JOURNAL_RECIPIENT];
    struct pf_bytes local = pf_bytes_head(address, pf_find(address, '@'));

    return r->event == PF_JOURNAL_refused && (pf_equal_nocase(address, j->what) || pf_equal_nocase(local, j->what));
}

static bool is_user(const struct job *j, const struct pf_journal_record *r)
{
    return !j->bracketed && (pf_bytes_equal(r->text[PF_JOURNAL_USER], j->what) || is_recipient(j, r));
}

static bool concerns(const struct job *j, const struct pf_journal_record *r)
{
    return !j->user || pf_bytes_equal(r->text[PF_JOURNAL_USER], pf_bytes_of(j->user));
}

static bool wanted_first(void *self, const struct pf_journal_record *r)
{
    const struct job *j = self;

    return concerns(j, r) && (is_mail(j, r) || is_user(j, r));
}

/* Of the maildrop: the mails that the first scan found, and all that concerns every mail there. */
static bool wanted_second(void *self, const struct pf_journal_record *r)
{
    const struct job *j = self;

    if (!pf_bytes_equal(r->text[PF_JOURNAL_MAILDROP], j->maildrop))
        return false;
    if (r->event == PF_JOURNAL_session || r->event == PF_JOURNAL_expired)
        return true;
    for (size_t i = 0; i < j->first_count; i++) {
        const struct pf_journal_record *of = &j->why.kept[i].r;

        if (of->text[PF_JOURNAL_UIDL].len && pf_bytes_equal(of->text[PF_JOURNAL_UIDL], r->text[PF_JOURNAL_UIDL]) &&
            pf_bytes_equal(of->text[PF_JOURNAL_MAILDROP], j->maildrop))
            return true;
    }
    return false;
}

static bool scan_for(struct job *j, struct pf_bytes text, const char *before, const char *after,
                     bool (*wanted)(void *, const struct pf_journal_record *))
{
    unsigned char at[PF_JOURNAL_LINE_MAX];
    struct pf_span needle = {at, 0, sizeof at};
    struct pf_why_want want = {.wanted = wanted, .self = j};

    if (!pf_span_put(&needle, pf_bytes_of(before)) || !pf_journal_escape(&needle, text) ||
        !pf_span_put(&needle, pf_bytes_of(after)))
        return false;
    want.needle = pf_span_bytes(&needle);
    pf_why_scan(&j->why, &want);
    return true;
}

/* The others are forgotten: the name of a user may stand in a Message-ID, and the other way round. */
static void leave(struct job *j, bool (*stays)(const struct job *, const struct pf_journal_record *))
{
    size_t kept = 0;

    for (size_t i = 0; i < j->why.count; i++)
        if (stays(j, &j->why.kept[i].r))
            j->why.kept[kept++] = j->why.kept[i];
        else
            free(j->why.kept[i].memory);
    j->why.count = kept;
}

static bool any(const struct job *j, bool (*is)(const struct job *, const struct pf_journal_record *))
{
    for (size_t i = 0; i < j->why.count; i++)
        if (is(j, &j->why.kept[i].r))
            return true;
    return false;
}

/* The maildrops of what the first scan found; at most MAILDROPS, each once. */
static size_t maildrops(const struct job *j, struct pf_bytes found[MAILDROPS], bool *out_more)
{
    size_t count = 0;

    *out_more = false;
    for (size_t i = 0; i < j->why.count; i++) {
        struct pf_bytes maildrop = j->why.kept[i].r.text[PF_JOURNAL_MAILDROP];
        bool known = !j->why.kept[i].r.text[PF_JOURNAL_UIDL].len;

        for (size_t k = 0; k < count && !known; k++)
            known = pf_bytes_equal(found[k], maildrop);
        *out_more = *out_more || (!known && count == MAILDROPS);
        if (!known && count < MAILDROPS)
            found[count++] = maildrop;
    }
    return count;
}

/* What the first scan found was found again, but for what was refused: that is of no maildrop. */
static void drop_first(struct job *j)
{
    size_t kept = 0;

    for (size_t i = 0; i < j->why.count; i++)
        if (i < j->first_count && j->why.kept[i].r.event != PF_JOURNAL_refused)
            free(j->why.kept[i].memory);
        else
            j->why.kept[kept++] = j->why.kept[i];
    j->why.count = kept;
}

static void follow_mails(struct job *j)
{
    struct pf_bytes found[MAILDROPS];
    bool more;
    size_t count = maildrops(j, found, &more);

    j->first_count = j->why.count;
    for (size_t i = 0; i < count; i++) {
        j->maildrop = found[i];
        scan_for(j, found[i], " maildrop=", " ", wanted_second);
    }
    if (more)
        fprintf(stderr, "postfach why: more than %d maildrops have it; --user USER tells of one\n", MAILDROPS);
    drop_first(j);
}

/* Why there is nothing: what to do about it. */
static int nothing(const struct job *j)
{
    const struct pf_why *w = &j->why;
    char room[PF_WHY_TIME];

    fputs("postfach why: nothing is known of ", stderr);
    pf_why_put(pf_bytes_of(j->asked), stderr);
    fputs(".\n", stderr);
    if (w->sys)
        fprintf(stderr, "    hint: %s cannot be read (%s): root and the server's user can\n", w->folder,
                strerror(w->sys));
    else if (!w->first_day)
        fprintf(stderr, "    hint: %s is empty: has the server written to it yet?\n", w->folder);
    else if (w->first_day * 86400000 > w->since)
        fprintf(stderr, "    hint: the journal begins on %.10s\n", pf_why_time(w->first_day * 86400000, room));
    else
        fprintf(stderr, "    hint: the time from %s on was looked at; --since 90d goes further back\n",
                pf_why_time(w->since, room));
    fputs("    hint: a mail that was refused at once had no Message-ID yet; ask for its user or address. One that\n"
          "          another program put into the maildrop is known by its UIDL only (postfach box ls)\n", stderr);
    return NOTHING_KNOWN;
}

static void footnotes(const struct job *j)
{
    if (j->why.sys)
        fprintf(stderr, "postfach why: a part of the journal could not be read: %s\n", strerror(j->why.sys));
    if (j->why.lost)
        fprintf(stderr, "postfach why: %llu records of this time could not be written, and are missing\n",
                (unsigned long long)j->why.lost);
    if (j->why.full)
        fputs("postfach why: there is more than fits into memory; --since and --until make it less\n", stderr);
}

static int tell(struct job *j)
{
    pf_why_sort(&j->why);
    if (j->json)
        for (size_t i = 0; i < j->why.count; i++)
            pf_why_json(&j->why.kept[i].r, stdout);
    else if (j->as_user)
        pf_why_tell_user(&j->why, j->what, stdout);
    else
        pf_why_tell_mails(&j->why, stdout);
    fflush(stdout);
    footnotes(j);
    return 0;
}

static int answer(struct job *j)
{
    if (!scan_for(j, j->what, "", "", wanted_first))
        return nothing(j);
    if (j->why.count == 0)
        return nothing(j);
    /* A stranger may choose a user's name as his Message-ID. */
    j->as_user = any(j, is_user);
    if (j->as_user && any(j, is_id))
        fputs("postfach why: there is a Message-ID of that name too; write it as '<…>' to ask for it\n", stderr);
    leave(j, j->as_user ? is_user : is_mail);
    if (!j->as_user)
        follow_mails(j);
    return tell(j);
}

static int refuse(const char *why, const char *word)
{
    fprintf(stderr, "postfach why: %s%s\n%s", why, word, usage);
    return pf_verdict(PF_SYNTAX)->exit_status;
}

/* 0, or the status when there is none, which was told. */
static int find_journal(struct job *j)
{
    if (j->why.folder) {
        j->why.all_sessions = true;
        return 0;
    }
    j->conf = pf_tool_settings(j->conf_file);
    if (!j->conf)
        return pf_verdict(PF_CONFIG)->exit_status;
    j->why.folder = j->conf->journal_folder;
    j->why.all_sessions = j->conf->journal_sessions == PF_CONF_SESSIONS_ALL;
    if (j->why.folder)
        return 0;
    fputs("postfach why: no journal is kept, so nothing is known.\n"
          "    hint: add journal { folder /var/lib/postfach/journal } to the settings\n", stderr);
    return NOTHING_KNOWN;
}

static const struct option options[] = {
    {"since", required_argument, NULL, 's'}, {"until", required_argument, NULL, 'e'},
    {"json", no_argument, NULL, 'j'},        {"journal", required_argument, NULL, 'f'},
    {"user", required_argument, NULL, 'u'},  {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0}};

/* 0: go on. */
static int take_option(struct job *j, int option)
{
    switch (option) {
    case 'c':
        j->conf_file = optarg;
        return 0;
    case 'f':
        j->why.folder = optarg;
        return 0;
    case 'j':
        j->json = true;
        return 0;
    case 'u':
        j->user = optarg;
        return 0;
    case 's':
        return pf_why_time_read(optarg, j->now, &j->why.since) ? 0 : refuse("what time is ", optarg);
    case 'e':
        return pf_why_time_read(optarg, j->now, &j->why.until) ? 0 : refuse("what time is ", optarg);
    default:
        return refuse("", "");
    }
}

static int run(struct job *j, int argc, char **argv)
{
    int option, status = 0;

    optind = 1;
    while (status == 0 && (option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        status = take_option(j, option);
    }
    if (status)
        return status;
    if (optind + 1 != argc || argv[optind][0] == 0)
        return refuse("one thing is to be asked for", "");
    j->asked = argv[optind];
    j->what = without_brackets(pf_bytes_of(j->asked));
    j->bracketed = j->what.len < strlen(j->asked);
    status = find_journal(j);
    return status ? status : answer(j);
}

int pf_tool_why(int argc, char **argv)
{
    struct job j = {.now = (int64_t)time(NULL) * 1000};
    int status;

    j.why.since = j.now - (int64_t)DEFAULT_DAYS * 86400000;
    j.why.until = INT64_MAX;
    status = run(&j, argc, argv);
    pf_why_forget(&j.why);
    pf_conf_free(j.conf);
    return status;
}
