#include "session/proxied.h"

#include "conf/networks.h"

#include <stdio.h>

bool pf_proxied_trusts(const struct pf_conf_listen *listen, const struct pf_conn_info *info)
{
    return listen->address[0] == '/' || (listen->proxy_from && pf_conf_networks_hold(listen->proxy_from, info->peer));
}

static void tell(struct pf_conn *conn, const struct pf_proxy *header, const struct pf_conf_listen *listen)
{
    struct pf_conn_told told = {.peer_port = header->from.port, .local_port = header->to.port};

    memcpy(told.peer, header->from.address, sizeof told.peer);
    memcpy(told.local, header->to.address, sizeof told.local);
    if (header->told)
        pf_conn_told(conn, &told);
    if (header->tls && listen->proxy_tls)
        pf_conn_told_tls(conn, header->tls_version, header->tls_cipher, header->tls_name);
}

/* Looks first: what lies behind the header is not ours, and may be TLS. */
enum pf_proxied_state pf_proxied_read(struct pf_proxied *p, struct pf_conn *conn, const struct pf_conf_listen *listen)
{
    struct pf_proxy header;

    for (;;) {
        enum pf_proxy_state state;
        size_t seen = 0, taken = 0;
        enum pf_io io = pf_conn_peek(conn, p->at + p->len, PF_PROXY_HEADER_MAX - p->len, &seen, NULL);

        if (io != PF_IO_DONE)
            return io == PF_IO_WAIT ? PF_PROXIED_MORE : PF_PROXIED_GONE;
        state = pf_proxy_read(pf_bytes_from(p->at, p->len + seen), &header);
        if (state == PF_PROXY_BAD) {
            p->why = header.wrong;
            return PF_PROXIED_BAD;
        }
        if (state == PF_PROXY_DONE)
            seen = header.len - p->len;
        if (pf_conn_read(conn, p->at + p->len, seen, &taken, NULL) != PF_IO_DONE)
            return PF_PROXIED_GONE;
        p->len += taken;
        if (state != PF_PROXY_DONE || taken < seen)
            continue;
        p->told = header.told;
        tell(conn, &header, listen);
        return PF_PROXIED_DONE;
    }
}

bool pf_proxied_hands_on(const struct pf_conf_listen *listen, const struct pf_conn_info *info)
{
    return listen->xclient_from && pf_conf_networks_hold(listen->xclient_from, info->peer);
}

enum pf_xclient_transport pf_proxied_xclient(struct pf_conn *conn, const struct pf_xclient *said,
                                             const struct pf_conf_listen *listen)
{
    struct pf_conn_told told = {.peer_port = said->from.port, .local_port = said->to.port,
                                .only_peer = !said->to.told};
    enum pf_xclient_transport transport = said->transport;

    memcpy(told.peer, said->from.address, sizeof told.peer);
    memcpy(told.local, said->to.address, sizeof told.local);
    if (said->from.told)
        pf_conn_told(conn, &told);
    if (transport == PF_XCLIENT_TLS && !listen->proxy_tls)
        transport = PF_XCLIENT_UNSAID;
    if (transport == PF_XCLIENT_TLS)
        pf_conn_told_tls(conn, (struct pf_bytes){0}, (struct pf_bytes){0}, (struct pf_bytes){0});
    else if (transport == PF_XCLIENT_INSECURE)
        pf_conn_told_plain(conn);
    return transport;
}

bool pf_proxied_encrypted(const struct pf_conn_info *info)
{
    return (info->tls || info->told_tls) && !info->told_plain;
}

const char *pf_proxied_version(const struct pf_conn_info *info)
{
    if (info->tls)
        return info->told_plain ? NULL : info->tls_version;
    return info->told_version[0] ? info->told_version : NULL;
}

bool pf_proxied_old(const struct pf_conn_info *info)
{
    const char *version = pf_proxied_version(info);

    return version && (strncmp(version, "SSL", 3) == 0 || strcmp(version, "TLSv1") == 0 ||
                       strcmp(version, "TLSv1.0") == 0 || strcmp(version, "TLSv1.1") == 0);
}

const char *pf_proxied_cipher(const struct pf_conn_info *info)
{
    if (info->tls)
        return info->told_plain ? NULL : info->tls_cipher;
    return info->told_cipher[0] ? info->told_cipher : NULL;
}

const char *pf_proxied_tls(const struct pf_conn_info *info, struct pf_proxied_text *room)
{
    if (info->told_plain)
        return "none (proxy)";
    if (info->tls || !info->told_tls)
        return info->tls ? info->tls_version : "none";
    snprintf(room->text, sizeof room->text, "%s (proxy)", info->told_version[0] ? info->told_version : "TLS");
    return room->text;
}
