#include "fetch/reach_private.h"

#include "base/text.h"
#include "base/words.h"

#include <stdio.h>

enum { PORT_STLS = 110, PORT_TLS = 995 };

static const char *contradiction(enum pf_account_tls wanted, const struct pf_pop_url *url, unsigned port)
{
    bool pops = url && url->kind == PF_POP_URL_POPS, pop = url && url->kind == PF_POP_URL_POP;
    bool later = wanted == PF_ACCOUNT_STARTTLS || wanted == PF_ACCOUNT_PLAIN;

    if (pops && later)
        return PF_WORDS(
            "pops:// begins with TLS, and `tls` says that it does not: write pop://, or leave `tls` "
            "out");
    if (pop && wanted == PF_ACCOUNT_IMPLICIT)
        return PF_WORDS("pop:// begins in plain text, and `tls` says implicit: write pops://");
    if (port == PORT_TLS && (pop || later))
        return PF_WORDS("port 995 begins with TLS: STLS and plain text are for port 110");
    return NULL;
}

enum pf_code pf_reach_tls(enum pf_account_tls wanted, const struct pf_pop_url *url, unsigned port,
                          enum pf_call_tls *out, struct pf_err *err)
{
    const char *wrong = contradiction(wanted, url, port);

    if (wrong)
        return pf_fail(err, PF_CONFIG, 0, "reach", "%s", pf_words(wrong));
    if (wanted == PF_ACCOUNT_AUTO) {
        bool later = url ? url->kind == PF_POP_URL_POP : port == PORT_STLS;

        wanted = later ? PF_ACCOUNT_STARTTLS : PF_ACCOUNT_IMPLICIT;
    }
    *out = wanted == PF_ACCOUNT_IMPLICIT   ? PF_CALL_IMPLICIT
           : wanted == PF_ACCOUNT_STARTTLS ? PF_CALL_STLS
                                           : PF_CALL_PLAIN;
    return PF_OK;
}

static enum pf_code read_url(const struct pf_account *a, struct pf_reach_place *out, struct pf_err *err)
{
    struct pf_pop_url url;
    struct pf_err why = {0};

    if (pf_pop_url_parse(pf_bytes_of(a->server), &url, &why) != PF_OK)
        return pf_fail(err, PF_SYNTAX, 0, "reach", "server %.100s: %s", a->server, why.log);
    if (url.kind == PF_POP_URL_ADDRESS)
        return pf_fail(err, PF_CONFIG, 0, "reach",
                       "server %.100s is an address: write it as `user`, and leave `server` out",
                       a->server);
    if (a->user && url.user[0] && strcmp(a->user, url.user) != 0)
        return pf_fail(err, PF_CONFIG, 0, "reach", "`server` and `user` name two users: %.80s and %.80s",
                       url.user, a->user);
    if (a->port && url.port && a->port != url.port)
        return pf_fail(err, PF_CONFIG, 0, "reach", "`server` and `port` name two ports: %u and %u",
                       url.port, a->port);
    out->port = url.port ? url.port : a->port;
    memcpy(out->host, url.host, sizeof out->host);
    memcpy(out->url_user, url.user, sizeof out->url_user);
    memcpy(out->url_auth, url.auth, sizeof out->url_auth);
    return pf_reach_tls(a->tls, &url, out->port, &out->tls, err);
}

static enum pf_code read_host(const struct pf_account *a, struct pf_reach_place *out, struct pf_err *err)
{
    struct pf_bytes host = pf_bytes_of(a->server);

    out->port = a->port;
    if (host.at[0] == '/') {
        out->path = a->server;
    } else if (host.len >= sizeof out->host || (!pf_pop_url_is_host(host) && !pf_pop_url_is_six(host))) {
        return pf_fail(err, PF_CONFIG, 0, "reach",
                       "server %.100s is no name, address, path or URL (a port stands in `port`)",
                       a->server);
    } else {
        for (size_t i = 0; i < host.len; i++)
            out->host[i] = (char)pf_lower(host.at[i]);
        out->host[host.len] = 0;
    }
    return pf_reach_tls(a->tls, NULL, out->port, &out->tls, err);
}

static enum pf_code read_domain(const struct pf_account *a, struct pf_reach_place *out,
                                struct pf_err *err)
{
    const char *at = a->user ? strrchr(a->user, '@') : NULL;

    if (!at || !at[1] || !pf_pop_url_is_host(pf_bytes_of(at + 1)))
        return pf_fail(
            err, PF_CONFIG, 0, "reach",
            "no server: it can be left out only where `user` is an address, as joe@example.org");
    if (a->port)
        return pf_fail(
            err, PF_CONFIG, 0, "reach",
            "a port without a server: where the domain names the server, it names the port, too");
    for (size_t i = 0; at[i]; i++)
        out->domain[i] = (char)pf_lower((unsigned char)at[i + 1]);
    return PF_OK;
}

/* RFC 2384 section 4: `*` is any mechanism, `+` stands before what is none of SASL. */
static const char *mechanism_of(const char *auth)
{
    if (!auth[0] || auth[0] == '*')
        return NULL;
    return auth[0] == '+' ? auth + 1 : auth;
}

enum pf_code pf_reach_place(const struct pf_account *a, bool anonymous, struct pf_reach_place *out,
                            struct pf_err *err)
{
    enum pf_code code;

    memset(out, 0, sizeof *out);
    if (!a->server)
        code = read_domain(a, out, err);
    else if (strstr(a->server, "://"))
        code = read_url(a, out, err);
    else
        code = read_host(a, out, err);
    if (code)
        return code;
    out->user = a->user ? a->user : out->url_user[0] ? out->url_user : NULL;
    out->mechanisms = a->mechanisms ? a->mechanisms : mechanism_of(out->url_auth);
    if (!out->user && !anonymous)
        return pf_fail(err, PF_CONFIG, 0, "reach",
                       "nobody to log in as: name a `user`, as in pops://joe@%.100s",
                       out->host[0] ? out->host : "example.org");
    return PF_OK;
}
