#include "session/guest.h"
#include "session/proxied.h"

#include <assert.h>

static_assert((size_t)PF_PROXY_HEADER_MAX <= PF_SHELF_SMALL, "a header fits into the input buffer");

/* The proxy is ours: that it does not do what it is set up for is for the administrator to see. */
static void complain(struct pf_guest_session *g, const char *why)
{
    struct pf_field fields[] = {PF_TEXT_FIELD("what", "PROXY header"),
                                PF_TEXT_FIELD("address", pf_conn_info(g->conn)->peer), PF_TEXT_FIELD("err", why)};

    pf_log_event(g->hall->parts.log, PF_EVENT_trouble, fields, 3);
    pf_guest_depart(g, PF_CLOSE_REFUSED, true);
}

/* The timer that stops slow headers goes on until what comes next sets it. */
static void done(struct pf_guest_session *g, bool told)
{
    pf_shelf_give(&g->hall->shelf, PF_SHELF_OF_SMALL, g->in);
    g->in = NULL;
    g->in_len = 0;
    g->nobody = !told;
    if (!pf_hall_enter(g)) {
        pf_guest_depart(g, PF_CLOSE_REFUSED, false);
        return;
    }
    g->proxying = false;
    pf_guest_welcome(g);
}

void pf_guest_proxy_wake(struct pf_guest_session *g)
{
    struct pf_proxied proxied = {.len = g->in_len};

    if (!g->in)
        g->in = pf_shelf_take(&g->hall->shelf, PF_SHELF_OF_SMALL);
    proxied.at = g->in;
    if (!g->in) {
        pf_guest_depart(g, PF_CLOSE_MEMORY, true);
        return;
    }
    switch (pf_proxied_read(&proxied, g->conn, &g->generation->conf->listens[g->listen])) {
    case PF_PROXIED_MORE:
        g->in_len = proxied.len;
        break;
    case PF_PROXIED_DONE:
        done(g, proxied.told);
        break;
    case PF_PROXIED_BAD:
        complain(g, proxied.why);
        break;
    case PF_PROXIED_GONE: /* proxies look in this way whether somebody is here */
        pf_guest_depart(g, PF_CLOSE_EOF, true);
        break;
    }
}

void pf_guest_proxy_late(struct pf_guest_session *g)
{
    complain(g, "it did not come in time");
}

void pf_guest_proxy_begin(struct pf_guest_session *g)
{
    pf_conn_want(g->conn, PF_CONN_READ);
    pf_timer_set(g->timer, g->came + g->generation->conf->listens[g->listen].first_command_time);
}
