#include "tool/client.h"

#include "sys/explain.h"
#include "tool/safe.h"
#include "tool/speech.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

/* A look-up of a name or a program that gives a password holds a thread for as long as it takes; others
 * must not wait behind it, nor the disk. */
enum { THREADS = 8, QUEUE = 4096 };

static void print_mistake(void *self, const struct pf_conf_mistake *mistake)
{
    (void)self;
    pf_conf_print_mistake(stderr, mistake);
}

int pf_client_complain(const char *what, const char *name, const struct pf_err *err)
{
    char text[PF_EXPLAIN_MAX];

    fprintf(stderr, "postfach%s%s: ", what ? " " : "", what ? what : "");
    if (name) {
        pf_tool_print_safe(stderr, name, false);
        fputs(": ", stderr);
    }
    pf_tool_print_safe(stderr, pf_explain(err, text, sizeof text), false);
    fputc('\n', stderr);
    return pf_verdict(err->code)->exit_status;
}

int pf_client_told(const char *what, int status)
{
    struct pf_err err;

    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno == EPIPE) /* who read it has enough */
        return status ? status : pf_verdict(PF_IO)->exit_status;
    pf_fail(&err, PF_IO, errno, "client", "standard output");
    return pf_client_complain(what, NULL, &err);
}

/* Where the accounts are when nobody says it; false: there is no such place. */
static bool usual_file(struct pf_client *c)
{
    const char *folder = getenv("XDG_CONFIG_HOME");
    int len = -1;

    if (folder && folder[0] == '/')
        len = snprintf(c->file_room, sizeof c->file_room, "%s/postfach/accounts.conf", folder);
    else if (c->home)
        len = snprintf(c->file_room, sizeof c->file_room, "%s/.config/postfach/accounts.conf", c->home);
    c->file = c->file_room;
    return len > 0 && (size_t)len < sizeof c->file_room;
}

static enum pf_code read_accounts(struct pf_client *c, const char *file)
{
    c->file = file;
    if (!file && (!usual_file(c) || (access(c->file, F_OK) != 0 && errno == ENOENT)))
        return PF_OK;
    c->accounts = pf_accounts_read(c->file, c->home, print_mistake, NULL);
    return c->accounts ? PF_OK : PF_CONFIG;
}

static enum pf_code open_loop(struct pf_client *c, struct pf_err *err)
{
    c->loop = pf_loop_new(err);
    if (c->loop)
        c->pool = pf_pool_new(c->loop, "client", THREADS, QUEUE, err);
    return c->pool ? PF_OK : err->code;
}

/* The system's words, too, are those of the person, in its letters; a locale that is not installed
 * leaves them as they are. */
static void take_locale(void)
{
    if (!pf_tool_speaks_to_persons())
        return;
    setlocale(LC_MESSAGES, "");
    if (strcmp(setlocale(LC_CTYPE, NULL), "C") == 0)
        setlocale(LC_CTYPE, "");
}

int pf_client_open(struct pf_client *c, const struct pf_client_options *o)
{
    const char *home = getenv("HOME");
    struct pf_err err;
    int status = 0;

    take_locale();
    *c = (struct pf_client){.home = home && home[0] == '/' ? home : NULL};
    /* Where nobody sits, nobody is asked: a test or a cron job may have a terminal that is somebody
     * else's. */
    if (isatty(STDIN_FILENO) || isatty(STDERR_FILENO))
        c->terminal = "/dev/tty";
    c->way = (struct pf_secret_way){.home = c->home};
    if (read_accounts(c, o->file) != PF_OK)
        status = pf_verdict(PF_CONFIG)->exit_status;
    else if (open_loop(c, &err) != PF_OK)
        status = pf_client_complain(NULL, NULL, &err);
    if (status)
        pf_client_close(c);
    return status;
}

void pf_client_close(struct pf_client *c)
{
    if (c->pool)
        pf_pool_free(c->pool);
    if (c->loop)
        pf_loop_free(c->loop);
    pf_client_forget(c);
    pf_accounts_free(c->accounts);
    *c = (struct pf_client){0};
}

static void tell_unknown(const struct pf_client *c, const char *word)
{
    fputs(pf_say("postfach: there is no account `", "postfach: es gibt kein Konto `"), stderr);
    pf_tool_print_safe(stderr, word, false);
    if (!c->accounts) {
        fprintf(
            stderr,
            pf_say(
                "`, and no file of accounts (%s)\n"
                "    hint: write that file, postfach-accounts(5), or name a URL or an address: "
                "pops://USER@HOST\n",
                "`, und keine Datei mit Konten (%s)\n"
                "    Tipp: die Datei anlegen, postfach-accounts(5), oder eine URL oder Adresse nennen: "
                "pops://NAME@RECHNER\n"),
            c->file[0] ? c->file : pf_say("HOME is not set", "HOME ist nicht gesetzt"));
        return;
    }
    fprintf(stderr, pf_say("` in %s; there are:", "` in %s; es gibt:"), c->file);
    for (size_t i = 0; i < c->accounts->count && i < 20; i++)
        fprintf(stderr, " %s", c->accounts->list[i].name);
    fputs(c->accounts->count > 20 ? " …\n" : "\n", stderr);
}

static const struct pf_account *from_word(struct pf_client_options *o, const char *word)
{
    struct pf_account base = o->account;
    struct pf_err err;

    if (pf_reach_word(word, &base, &o->room, &o->account, &err) == PF_OK)
        return &o->account;
    pf_client_complain(NULL, word, &err);
    return NULL;
}

void pf_client_tell_unchecked(const struct pf_account *a)
{
    if (a->verify || a->tls == PF_ACCOUNT_PLAIN)
        return;
    fputs("postfach: ", stderr);
    pf_tool_print_safe(stderr, a->name, false);
    fputs(pf_say(": the certificate is not checked: this may be anybody's server\n",
                 ": das Zertifikat wird nicht geprüft: das kann irgendjemands Server sein\n"),
          stderr);
}

const struct pf_account *pf_client_account(struct pf_client *c, struct pf_client_options *o,
                                           const char *word)
{
    const struct pf_account *found = c->accounts ? pf_accounts_find(c->accounts, word) : NULL;

    if (!found && (strstr(word, "://") || strchr(word, '@')))
        return from_word(o, word);
    if (!found) {
        tell_unknown(c, word);
        return NULL;
    }
    if (!o->touched)
        return found;
    fprintf(stderr,
            pf_say("postfach: %s has its own settings: write what shall differ into %s\n",
                   "postfach: %s hat eigene Einstellungen: was anders sein soll, gehört in %s\n"),
            found->name, c->file);
    return NULL;
}
