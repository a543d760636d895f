#include "fetch/place_carry.h"

#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char where[] = "place_carry";

static struct pf_place_carry *carry_of(struct pf_place *p)
{
    return p->kind_private;
}

enum pf_code pf_place_spool_open(struct pf_place_carry *c, struct pf_err *err)
{
    const char *path = c->place->settings.spool;

    if (c->spool >= 0)
        return PF_OK;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return pf_place_trouble(err, errno, path, "kept");
    c->spool = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return c->spool < 0 ? pf_place_trouble(err, errno, path, "kept") : PF_OK;
}

static enum pf_code begin_digest(struct pf_place_carry *c, struct pf_place_carried *more,
                                 struct pf_err *err)
{
    if (strcmp(c->kind, "mbox") != 0)
        return PF_OK;
    more->digest = EVP_MD_CTX_new();
    if (more->digest && EVP_DigestInit_ex(more->digest, EVP_sha256(), NULL) == 1)
        return PF_OK;
    return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for a digest");
}

static enum pf_code begin(struct pf_place *p, struct pf_letter *l, struct pf_err *err)
{
    struct pf_place_carry *c = carry_of(p);
    struct pf_place_carried *more = calloc(1, sizeof *more);
    enum pf_code code;

    l->more = more;
    if (!more)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for a letter");
    more->letter = l;
    code = begin_digest(c, more, err);
    if (!code)
        code = pf_place_spool_open(c, err);
    if (code)
        return code;
    snprintf(l->name, sizeof l->name, "%ld-%u", (long)getpid(), ++c->number);
    /* One that an earlier process of that number left is litter: nobody else can hold the ledger. */
    l->file.fd = openat(c->spool, l->name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (l->file.fd >= 0)
        return PF_OK;
    l->name[0] = 0;
    return pf_place_trouble(err, errno, p->settings.spool, "kept");
}

static void wrote(struct pf_letter *l, struct pf_bytes text)
{
    struct pf_place_carried *more = l->more;

    if (more->digest)
        EVP_DigestUpdate(more->digest, text.at, text.len);
}

/* What is in an mbox ends with a line's end. */
static bool end_digest(struct pf_letter *l)
{
    struct pf_place_carried *more = l->more;
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct pf_span out = {(unsigned char *)l->record, 0, sizeof l->record - 1};

    if (l->file.crlf.mid_line)
        EVP_DigestUpdate(more->digest, "\n", 1);
    if (EVP_DigestFinal_ex(more->digest, sum, &len) != 1)
        return false;
    pf_span_put(&out, PF_LIT(PF_CARRY_DIGEST));
    for (unsigned i = 0; i < len; i++)
        pf_span_format(&out, "%02x", sum[i]);
    l->record[out.len] = 0;
    return true;
}

static enum pf_code end(struct pf_place *p, struct pf_letter *l, const char *folder, struct pf_err *err)
{
    struct pf_place_carried *more = l->more;
    int fd = l->file.fd;

    (void)folder; /* only a Maildir has some */
    l->file.fd = -1;
    if (close(fd) != 0)
        return pf_place_trouble(err, errno, p->settings.spool, "kept");
    if (!more->digest)
        snprintf(l->record, sizeof l->record, "%s", carry_of(p)->kind);
    else if (!end_digest(l))
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for a digest");
    return PF_OK;
}

static void drop(struct pf_place *p, struct pf_letter *l)
{
    struct pf_place_carried *more = l->more;

    if (l->name[0])
        unlinkat(carry_of(p)->spool, l->name, 0);
    if (more && more->asked)
        pf_ipc_abandon(&more->ask);
    if (more)
        EVP_MD_CTX_free(more->digest);
    free(more);
}

/* In order: one that failed here waits for those that the carrier has. */
static void work(struct pf_place *p)
{
    struct pf_place_carry *c = carry_of(p);
    struct pf_letter *l;

    while (!c->settling && (l = p->line)) {
        struct pf_err err;

        if (!l->err.code && p->broken.code)
            l->err = p->broken;
        if (l->err.code) {
            if (c->away)
                return;
            pf_place_told(p, pf_place_next(p));
        } else if (!pf_place_carrier_send(c, l, &err)) {
            pf_place_next(p);
            *c->first_end = l;
            c->first_end = &l->next;
            c->away++;
        } else if (err.code == PF_BUSY && c->away) {
            return;
        } else {
            pf_place_break(p, &err);
        }
    }
    if (c->settling)
        pf_place_carrier_settle(c);
}

/* As `begin` names them. */
static bool is_ours(const char *name)
{
    size_t pid = strspn(name, "0123456789");
    const char *number = name + pid + 1;

    return pid && name[pid] == '-' && *number && !number[strspn(number, "0123456789")];
}

/* What killed runs left there: who holds the ledger's lock is alone with it, for their carriers held it,
 * too. It is fetched again, or was carried. */
static void sweep(const struct pf_place *p)
{
    const char *path = p->settings.spool;
    int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    if (!folder && fd >= 0)
        close(fd);
    while (folder && (entry = readdir(folder)))
        if (is_ours(entry->d_name))
            unlinkat(fd, entry->d_name, 0);
    if (folder)
        closedir(folder);
}

static void settle(struct pf_place *p)
{
    struct pf_place_carry *c = carry_of(p);
    struct pf_err err;

    sweep(p);
    c->settling = true;
    if (!pf_place_olds(p->settings.ledger, &c->olds, &c->old_count)) {
        pf_fail(&err, PF_NO_MEMORY, 0, where, "no memory to settle what an earlier run left");
        pf_place_break(p, &err);
    }
    pf_place_wake(p);
}

static void carry_free(struct pf_place *p)
{
    struct pf_place_carry *c = carry_of(p);
    struct pf_letter *l;

    pf_place_carrier_end(c);
    while ((l = c->first)) {
        c->first = l->next;
        pf_place_lost(l);
    }
    while ((l = pf_place_next(p)))
        pf_place_lost(l);
    free(c->olds);
    if (c->spool >= 0)
        close(c->spool);
}

static const struct pf_place_kind kind = {.begin = begin,
                                          .end = end,
                                          .drop = drop,
                                          .work = work,
                                          .settle = settle,
                                          .free = carry_free,
                                          .wrote = wrote};

static enum pf_code check(const struct pf_account *a, const char **out_kind, struct pf_err *err)
{
    *out_kind = a->mbox ? "mbox" : a->command ? "command" : a->lmtp ? "lmtp" : a->smtp ? "smtp" : NULL;
    if (!*out_kind)
        return pf_fail(err, PF_CONFIG, 0, where,
                       "account %s does not say where mail goes: set maildir, or one of "
                       "mbox, command, lmtp and smtp",
                       a->name);
    if ((a->lmtp || a->smtp) && !a->mbox && !a->command && !a->recipient)
        return pf_fail(err, PF_CONFIG, 0, where,
                       "account %s does not say whom %s is told: set recipient", a->name, *out_kind);
    for (size_t i = 0; i < a->filter_count; i++) {
        if (a->filters[i].action == PF_ACCOUNT_FOLDER)
            return pf_fail(err, PF_CONFIG, 0, where,
                           "account %s: a filter's folder is one of a Maildir, and mail goes "
                           "to %s",
                           a->name, *out_kind);
    }
    return PF_OK;
}

enum pf_code pf_place_carried(struct pf_place *p, struct pf_err *err)
{
    const char *name;
    enum pf_code code = check(p->settings.account, &name, err);
    struct pf_place_carry *c = code ? NULL : calloc(1, sizeof *c);

    if (code)
        return code;
    if (!c)
        return pf_fail(err, PF_NO_MEMORY, 0, where, "no memory for the place of mail");
    p->kind = &kind;
    p->kind_private = c;
    c->place = p;
    c->kind = name;
    c->spool = -1;
    c->first_end = &c->first;
    pf_place_carry_text(p->settings.account, p->text, sizeof p->text);
    return PF_OK;
}
