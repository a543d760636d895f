#include "session/guest.h"
#include "session/proxied.h"

#include <stdio.h>

void pf_guest_xclient_begin(struct pf_guest_session *g)
{
    if (pf_proxied_hands_on(&g->hall->generation->conf->listens[g->listen], pf_conn_info(g->conn)))
        g->nobody = g->may_xclient = true;
}

void pf_guest_ask_xclient(struct pf_guest_session *g, const struct pf_ask *ask)
{
    const struct pf_xclient *said = ask->xclient;
    struct pf_tell tell = {.kind = PF_TELL_XCLIENT};

    g->may_xclient = false;
    snprintf(g->proxy_session, sizeof g->proxy_session, "%s", said->session);
    tell.transport = pf_proxied_xclient(g->conn, said, &g->generation->conf->listens[g->listen]);
    if (said->from.told)
        pf_hall_name(g, &tell.err);
    if (tell.err.code == PF_OK)
        pf_guest_offer(g, false);
    pf_guest_tell(g, &tell);
}
