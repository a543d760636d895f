#include "conf/networks.h"
#include "conf/reader.h"

static const struct pf_conf_place *seen(const struct pf_conf_reader *r, const char *name)
{
    const struct pf_conf_place *place =
        &r->seen[pf_conf_row_find(PF_CONF_BLOCK_listen, pf_bytes_of(name)) - pf_conf_rows];

    return place->source ? place : NULL;
}

static void check_networks(struct pf_conf_reader *r, const struct pf_conf_place *place)
{
    const char *networks = r->draft.listen.proxy_from, *why = NULL;
    struct pf_bytes word = networks ? pf_conf_networks_wrong(networks, &why) : (struct pf_bytes){0};
    struct pf_conf_shown shown = pf_conf_shown(word);

    if (word.len)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, place, "`proxy-from`: `%s` %s", shown.text, why),
                     "as in: proxy-from \"10.0.0.0/8 ::1/128\"");
}

void pf_conf_check_proxy(struct pf_conf_reader *r, const struct pf_conf_place *head)
{
    static const char *const wants_proxy[] = {"proxy-from", "proxy-tls"};
    const struct pf_conf_listen *listen = &r->draft.listen;
    const struct pf_conf_place *from = seen(r, "proxy-from");

    if (from)
        check_networks(r, from);
    if (listen->proxy && listen->address[0] != '/' && !from)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, head, "`proxy yes` lacks its `proxy-from`"),
                     "name who may tell the addresses of others, as in: proxy-from \"10.0.0.0/8 ::1/128\"");
    for (size_t i = 0; i < 2 && !listen->proxy && !seen(r, "proxy"); i++)
        if (seen(r, wants_proxy[i]))
            pf_conf_hint(pf_conf_wrong(&r->mistakes, seen(r, wants_proxy[i]), "`%s` is of no use here", wants_proxy[i]),
                         "it wants `proxy yes`");
}
