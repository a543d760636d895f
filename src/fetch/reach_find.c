#include "fetch/reach_private.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_wanted(const struct pf_srv *srv, enum pf_account_tls wanted, enum pf_call_tls *out_tls)
{
    *out_tls = srv->implicit                ? PF_CALL_IMPLICIT
               : wanted == PF_ACCOUNT_PLAIN ? PF_CALL_PLAIN
                                            : PF_CALL_STLS;
    return wanted == PF_ACCOUNT_AUTO || srv->implicit == (wanted == PF_ACCOUNT_IMPLICIT);
}

/* Without those that nobody vouches for and that lie elsewhere: anybody on the way may have written
 * them. The first of these is `out_stranger`. */
static void sift(const struct pf_srv_list *from, enum pf_account_tls wanted, struct pf_reach_list *out,
                 const struct pf_srv **out_stranger)
{
    enum pf_call_tls tls;

    out->count = 0;
    *out_stranger = NULL;
    for (size_t i = 0; i < from->count; i++) {
        const struct pf_srv *srv = &from->at[i];
        struct pf_reach_server *one = &out->at[out->count];

        if (!is_wanted(srv, wanted, &tls))
            continue;
        if (!srv->inside && !srv->vouched) {
            *out_stranger = *out_stranger ? *out_stranger : srv;
            continue;
        }
        *one = (struct pf_reach_server){
            .port = srv->port, .tls = tls, .sure = srv->vouched || out->guessed};
        memcpy(one->host, srv->host, sizeof one->host);
        out->count++;
    }
}

static enum pf_code say_stranger(const struct pf_srv *srv, const char *domain, struct pf_err *err)
{
    return pf_fail(
        err, PF_CONFIG, 0, "reach",
        "%.80s is said to have its mail at %.80s port %u, outside of it, and nothing vouches for "
        "that (no DNSSEC): if it is right, write `server %.80s` into the account",
        domain, srv->host, srv->port, srv->host);
}

enum pf_code pf_reach_choose(const struct pf_srv_list *named, const char *domain,
                             enum pf_account_tls wanted, struct pf_reach_list *out, struct pf_err *err)
{
    const struct pf_srv *stranger;
    struct pf_srv_list guesses;

    out->guessed = false;
    sift(named, wanted, out, &stranger);
    if (out->count)
        return PF_OK;
    if (stranger)
        return say_stranger(stranger, domain, err);
    if (named->refused)
        return pf_fail(err, PF_CONFIG, 0, "reach", "%.100s says that it has no POP3 (RFC 6186)", domain);
    if (named->count)
        return pf_fail(err, PF_CONFIG, 0, "reach", "no server of %.100s begins TLS as `tls` wants it",
                       domain);
    out->guessed = true;
    if (!pf_srv_guess(domain, wanted != PF_ACCOUNT_IMPLICIT, &guesses))
        return pf_fail(err, PF_CONFIG, 0, "reach", "%.100s is too long for a domain", domain);
    sift(&guesses, wanted, out, &stranger);
    return PF_OK;
}

static struct pf_reach_search *search_of(struct pf_job *job)
{
    return (struct pf_reach_search *)((char *)job - offsetof(struct pf_reach_search, job));
}

static void work(struct pf_job *job)
{
    struct pf_reach_search *s = search_of(job);
    const struct pf_srv_resolver *resolver = s->other ? &s->resolver : NULL;

    if (s->port)
        pf_tlsa_find(s->name, s->port, resolver, &s->tlsa, &s->err);
    else
        pf_srv_find(s->name, s->plain, resolver, &s->servers, &s->err);
}

enum pf_code pf_reach_search(struct pf_reach *r, const char *name, unsigned port,
                             void (*done)(struct pf_job *), struct pf_err *err)
{
    struct pf_reach_search *s = calloc(1, sizeof *s);

    if (!s)
        return pf_fail(err, PF_NO_MEMORY, 0, "reach", "no memory to look a server up");
    s->reach = r;
    s->port = port;
    s->plain = r->set.account->tls != PF_ACCOUNT_IMPLICIT;
    s->job = (struct pf_job){.work = work, .done = done};
    snprintf(s->name, sizeof s->name, "%s", name);
    if (r->set.resolver) {
        s->other = true;
        snprintf(s->address, sizeof s->address, "%s", r->set.resolver->address);
        s->resolver = (struct pf_srv_resolver){s->address, r->set.resolver->port};
    }
    if (!pf_pool_submit(r->set.pool, &s->job)) {
        free(s);
        return pf_fail(err, PF_BUSY, 0, "reach", "too many look-ups at once");
    }
    r->search = s;
    return PF_OK;
}

void pf_reach_search_drop(struct pf_reach_search *s)
{
    if (s && s->job.busy)
        s->reach = NULL; /* its `done` frees it */
    else
        free(s);
}
