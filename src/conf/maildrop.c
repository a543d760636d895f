#include "conf/conf.h"

#include "base/text.h"
#include "conf/domains.h"

#include <stdlib.h>

/* A part of a name that can be one part of a path and cannot leave it. */
static bool is_safe(struct pf_bytes part)
{
    if (part.len == 0 || part.at[0] == '.')
        return false;
    for (size_t i = 0; i < part.len; i++)
        if (part.at[i] == '/' || part.at[i] < 0x20 || part.at[i] == 0x7f)
            return false;
    return true;
}

/* A local part may hold an @, a domain cannot: the last one divides. */
static size_t divide(struct pf_bytes name)
{
    size_t at = name.len;

    while (at > 0 && name.at[at - 1] != '@')
        at--;
    return at ? at - 1 : name.len;
}

/* A user's name in its three uses. */
struct name {
    struct pf_bytes whole, local, domain;
    bool has_domain;
};

/* What the octet behind a percent sign stands for; the reader saw to it that it is one of these. */
static struct pf_bytes part_of(const struct name *name, char c)
{
    return c == 'u' ? name->whole : c == 'n' ? name->local : c == 'd' ? name->domain : PF_LIT("%");
}

/* The next piece of the template with its parts put in; false at the end. */
static bool next_piece(const char **template, const struct name *name, struct pf_bytes *out_piece)
{
    const char *at = *template;

    if (!*at)
        return false;
    *out_piece = *at == '%' ? part_of(name, at[1]) : pf_bytes_from(at, strcspn(at, "%"));
    *template += *at == '%' ? 2 : out_piece->len;
    return true;
}

int pf_conf_domains_order(const void *a, const void *b)
{
    const struct pf_conf_domain *one = a, *other = b;

    return strcasecmp(one->name, other->name);
}

const struct pf_conf_domain *pf_conf_domain_of(const struct pf_conf *conf, struct pf_bytes user)
{
    char name[256]; /* a block's name is a host name: nothing longer is found */
    struct pf_bytes domain = pf_bytes_skip(user, divide(user) + 1);
    const struct pf_conf_domain key = {.name = name};

    if (!conf->domain_count || !domain.len || domain.len >= sizeof name)
        return NULL;
    memcpy(name, domain.at, domain.len);
    name[domain.len] = 0;
    return bsearch(&key, conf->domain_blocks, conf->domain_count, sizeof key, pf_conf_domains_order);
}

/* Values below 0 are not set. */
static uint64_t choose(int64_t own, int64_t domain, uint64_t all)
{
    if (own)
        return own < 0 ? 0 : (uint64_t)own;
    return domain < 0 ? all : (uint64_t)domain;
}

struct pf_conf_quota pf_conf_quota(const struct pf_conf *conf, const char *user, int64_t own_octets,
                                   int64_t own_messages)
{
    const struct pf_conf_domain *domain = pf_conf_domain_of(conf, pf_bytes_of(user));

    return (struct pf_conf_quota){choose(own_octets, domain ? domain->quota_octets : -1, conf->quota_octets),
                                  choose(own_messages, domain ? domain->quota_messages : -1,
                                         conf->quota_messages)};
}

bool pf_conf_maildrop(const struct pf_conf *conf, const char *user, char *out_path, size_t cap)
{
    struct pf_bytes whole = pf_bytes_of(user), piece;
    size_t at = divide(whole), len = 0;
    struct name name = {whole, pf_bytes_head(whole, at), pf_bytes_skip(whole, at + 1), at < whole.len};
    const struct pf_conf_domain *domain = pf_conf_domain_of(conf, whole);
    const char *const chosen = domain && domain->path ? domain->path : conf->mail_path, *template = chosen;

    if (!is_safe(name.local) || (name.has_domain && !is_safe(name.domain)))
        return false;
    while (next_piece(&template, &name, &piece)) {
        if (piece.len == 0) /* %d of a name without a domain */
            return false;
        len += piece.len;
    }
    if (len >= cap)
        return false;
    template = chosen;
    for (char *to = out_path; next_piece(&template, &name, &piece); to += piece.len)
        memcpy(to, piece.at, piece.len);
    out_path[len] = 0;
    return true;
}
