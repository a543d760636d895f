#include "conf/accounts_private.h"

#include "base/words.h"

#include <sys/stat.h>
#include <unistd.h>

static void wrong(struct pf_accounts_reader *r, const struct pf_conf_place *head, const char *text, const char *hint)
{
    pf_conf_hint(pf_conf_wrong(&r->mistakes, head, "the account `%s` %s", r->account.name, pf_words(text)), "%s",
                 pf_words(hint));
}

bool pf_account_is_door(const char *text)
{
    const char *colon = strrchr(text, ':');
    bool bracket = text[0] == '[' && colon && colon > text && colon[-1] == ']';

    if (strncmp(text, "unix:", 5) == 0)
        return text[5] == '/';
    if (!colon || colon == text || !colon[1] || strlen(colon + 1) > 31 || strpbrk(text, " \t"))
        return false;
    return bracket || memchr(text, ':', (size_t)(colon - text)) == NULL;
}

bool pf_account_is_mailbox(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '<' || *c == '>')
            return false;
    return text[0] != 0;
}

static void check_door(struct pf_accounts_reader *r, const struct pf_conf_place *head)
{
    const struct pf_account *a = &r->account;

    if ((a->lmtp || a->smtp) && !a->recipient)
        wrong(r, head, "has no `recipient`", "lmtp and smtp are told whom mail is for");
    if ((a->lmtp && !pf_account_is_door(a->lmtp)) || (a->smtp && !pf_account_is_door(a->smtp)))
        wrong(r, head, a->smtp ? "has an `smtp` that is no server" : "has an `lmtp` that is no server",
              "write HOST:PORT, [ADDRESS]:PORT or unix:/PATH");
    if (a->recipient && !pf_account_is_mailbox(a->recipient))
        wrong(r, head, "has a `recipient` that is no address", "it stands in angle brackets: no blanks, no brackets");
    if (a->sender && !pf_account_is_mailbox(a->sender))
        wrong(r, head, "has a `sender` that is no address", "it stands in angle brackets: no blanks, no brackets");
}

void pf_accounts_check(struct pf_accounts_reader *r, const struct pf_conf_place *head)
{
    const struct pf_account *a = &r->account;
    bool url = a->server && strstr(a->server, "://");

    if (!a->server && !a->user)
        wrong(r, head, "has neither `server` nor `user`", "the server can be found by a user like joe@example.org");
    else if (!a->server && !strchr(a->user, '@'))
        wrong(r, head, "has no `server`", "it can be left out only where `user` has an @ and the domain");
    if (url && a->port)
        wrong(r, head, "has a URL and a `port`", "put the port into the URL, as pops://pop.example.org:9950");
    if (!a->certificate != !a->key)
        wrong(r, head, a->key ? "has a `key` without its `certificate`" : "has a `certificate` without its `key`", "");
    if (!a->verify && (a->pins || a->dane))
        wrong(r, head, "wants pins or DANE, and `verify no`", "one of them means nothing: remove it");
    if (a->token_url && (!a->client_id || !a->refresh_token_file))
        wrong(r, head, "has a `token-url`, and no `client-id` or no `refresh-token-file`", "");
    check_door(r, head);
    for (size_t i = 0; i < a->filter_count; i++)
        if (a->filters[i].action == PF_ACCOUNT_FOLDER && !a->maildir) {
            wrong(r, head, "has a filter with a folder, and no `maildir`", "folders are those of a Maildir");
            break;
        }
}

void pf_accounts_check_mode(struct pf_accounts_reader *r, const struct pf_conf_place *place)
{
    const struct pf_conf_source *source = place->source;
    struct stat status;

    /* What was read, not what has come to stand there; a text from memory has no inode. */
    if (source->inode == 0 || stat(source->name, &status) != 0 || status.st_ino != source->inode ||
        status.st_dev != source->device)
        return;
    if (status.st_mode & (S_IRWXG | S_IRWXO))
        pf_conf_hint(pf_conf_wrong(&r->mistakes, place, "a password, and others may read this file (mode %03o)",
                                   (unsigned)status.st_mode & 0777u),
                     "chmod 600 the file, or use password-command or keyring");
    else if (status.st_uid != geteuid() && status.st_uid != 0)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, place, "a password, and the file is somebody else's"),
                     "chown the file, or use password-command or keyring");
}
