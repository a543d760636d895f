#include "fetch/reach_private.h"

#include "base/text.h"

#include <stdio.h>

enum { NAME, SERVER, USER, MECHANISM }; /* which text is where in the room */

static const char *keep(struct pf_reach_room *room, int where, const char *text)
{
    snprintf(room->text[where], sizeof room->text[where], "%s", text);
    return room->text[where];
}

static enum pf_account_tls as_said(enum pf_call_tls tls)
{
    return tls == PF_CALL_IMPLICIT ? PF_ACCOUNT_IMPLICIT
           : tls == PF_CALL_STLS   ? PF_ACCOUNT_STARTTLS
                                   : PF_ACCOUNT_PLAIN;
}

static enum pf_code fill_server(const struct pf_pop_url *url, struct pf_reach_room *room,
                                struct pf_account *out, struct pf_err *err)
{
    enum pf_call_tls tls;
    enum pf_code code = pf_reach_tls(out->tls, url, url->port ? url->port : out->port, &tls, err);

    if (code)
        return code;
    out->tls = as_said(tls);
    out->server = keep(room, SERVER, url->host);
    if (url->port)
        out->port = url->port;
    if (url->auth[0] && url->auth[0] != '*')
        out->mechanisms = keep(room, MECHANISM, url->auth + (url->auth[0] == '+'));
    return PF_OK;
}

enum pf_code pf_reach_word(const char *word, const struct pf_account *base, struct pf_reach_room *room,
                           struct pf_account *out, struct pf_err *err)
{
    struct pf_account made = *base;
    struct pf_pop_url url;
    enum pf_code code = pf_pop_url_parse(pf_bytes_of(word), &url, err);

    if (code)
        return code;
    if (url.kind == PF_POP_URL_ADDRESS)
        made.server = NULL;
    else
        code = fill_server(&url, room, &made, err);
    if (code)
        return code;
    if (url.user[0])
        made.user = keep(room, USER, url.user);
    keep(room, NAME, url.host);
    if (url.kind == PF_POP_URL_ADDRESS)
        keep(room, NAME, url.user);
    else if (made.user)
        snprintf(room->text[NAME], sizeof room->text[NAME], "%.127s@%.127s", made.user, url.host);
    made.name = room->text[NAME];
    *out = made;
    return PF_OK;
}

enum pf_code pf_reach_way(const struct pf_account *account, struct pf_reach_room *room,
                          struct pf_account *out, struct pf_err *err)
{
    struct pf_reach_place place;
    struct pf_account made = *account;
    enum pf_code code = pf_reach_place(account, true, &place, err);

    if (code)
        return code;
    if (!made.user && place.user)
        made.user = keep(room, USER, place.user);
    if (!made.mechanisms && place.mechanisms)
        made.mechanisms = keep(room, MECHANISM, place.mechanisms);
    if (!place.domain[0]) {
        made.tls = as_said(place.tls);
        made.server = place.path ? place.path : keep(room, SERVER, place.host);
        made.port = place.port;
    }
    *out = made;
    return PF_OK;
}
