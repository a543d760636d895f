#include "conf/networks.h"
#include "conf/reader.h"

static const struct pf_conf_place *seen(const struct pf_conf_reader *r, const char *name)
{
    const struct pf_conf_place *place =
        &r->seen[pf_conf_row_find(PF_CONF_BLOCK_listen, pf_bytes_of(name)) - pf_conf_rows];

    return place->source ? place : NULL;
}

static void check_networks(struct pf_conf_reader *r, const char *name, const char *networks)
{
    const char *why = NULL;
    struct pf_bytes word = networks ? pf_conf_networks_wrong(networks, &why) : (struct pf_bytes){0};
    struct pf_conf_shown shown = pf_conf_shown(word);

    if (word.len)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, seen(r, name), "`%s`: `%s` %s", name, shown.text, why),
                     "as in: %s \"10.0.0.0/8 ::1/128\"", name);
}

/* Two ways to say the same, and the second would be believed of whom the first brought. */
static void check_xclient(struct pf_conf_reader *r)
{
    const struct pf_conf_listen *listen = &r->draft.listen;
    const struct pf_conf_place *from = seen(r, "xclient-from");

    if (!from)
        return;
    check_networks(r, "xclient-from", listen->xclient_from);
    if (listen->proxy)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, from, "`xclient-from` does not go with `proxy yes`"),
                     "give each kind of proxy a listener of its own");
    else if (listen->address[0] == '/' || listen->protocol >= PF_CONF_CONTROL)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, from, "`xclient-from` is of no use here"),
                     "it is for ports where pop3, lmtp or smtp is spoken");
}

void pf_conf_check_proxy(struct pf_conf_reader *r, const struct pf_conf_place *head)
{
    static const char *const wants_proxy[] = {"proxy-from", "proxy-tls"};
    const struct pf_conf_listen *listen = &r->draft.listen;
    const struct pf_conf_place *from = seen(r, "proxy-from");

    if (from)
        check_networks(r, "proxy-from", listen->proxy_from);
    check_xclient(r);
    if (listen->proxy && listen->address[0] != '/' && !from)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, head, "`proxy yes` lacks its `proxy-from`"),
                     "name who may tell the addresses of others, as in: proxy-from \"10.0.0.0/8 ::1/128\"");
    for (size_t i = 0; i < 2 && !listen->proxy && !seen(r, "proxy"); i++)
        if (seen(r, wants_proxy[i]) && !(i == 1 && listen->xclient_from))
            pf_conf_hint(pf_conf_wrong(&r->mistakes, seen(r, wants_proxy[i]), "`%s` is of no use here", wants_proxy[i]),
                         i ? "it wants `proxy yes` or `xclient-from`" : "it wants `proxy yes`");
}
