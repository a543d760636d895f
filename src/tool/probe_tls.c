#include "tool/probe_parts.h"

#include <stdlib.h>

static const int versions[PF_PROBE_VERSIONS] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION,
                                                TLS1_3_VERSION};

void pf_probe_tls_describe(const struct pf_probe_link *link, struct pf_probe_door *door)
{
    struct pf_probe_tls *tls = &door->tls;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(link->ssl);
    const unsigned char *alpn;
    unsigned alpn_len;
    int exchange = cipher ? SSL_CIPHER_get_kx_nid(cipher) : NID_undef;

    snprintf(tls->version, sizeof tls->version, "%s", SSL_get_version(link->ssl));
    snprintf(tls->cipher, sizeof tls->cipher, "%s", SSL_get_cipher_name(link->ssl));
    SSL_get0_alpn_selected(link->ssl, &alpn, &alpn_len);
    pf_probe_escape(tls->alpn, sizeof tls->alpn, pf_bytes_from(alpn, alpn_len));
    tls->forward_secret = exchange == NID_kx_any || exchange == NID_kx_ecdhe || exchange == NID_kx_dhe;
    tls->aead = cipher && SSL_CIPHER_is_aead(cipher);
    tls->bits = cipher ? SSL_CIPHER_get_bits(cipher, NULL) : 0;
    pf_probe_chain_describe(link, door->wish, &tls->chain);
}

/* A handshake of its own for each: which the server would choose tells only the highest. */
static enum pf_probe_version try_version(struct pf_probe_door *door, int version)
{
    const struct pf_probe_tls_wish wish = {
        .name = door->wish->name, .lowest = version, .highest = version};
    enum pf_probe_version result = PF_PROBE_UNTRIED;
    struct pf_probe_link *link;
    struct pf_probe_talk talk = {0};
    struct pf_probe_answer answer;
    struct pf_err err = {0};

    if (door->implicit) {
        link = pf_probe_connect(door->wish->loop, door->address, door->port, door->wish->wait, &err);
        if (link)
            result =
                pf_probe_handshake(link, &wish, &err) == PF_OK ? PF_PROBE_ACCEPTED : PF_PROBE_REFUSED;
        pf_probe_close(link);
    } else {
        link = pf_probe_connect(door->wish->loop, door->address, door->port, door->wish->wait, &err);
        if (link && pf_probe_talk_init(&talk, link, false, false) && pf_probe_greet(&talk)) {
            if (pf_probe_stls(&talk, &wish, &answer, &err))
                result = PF_PROBE_ACCEPTED;
            else if (talk.why == PF_LOST_TLS)
                result = PF_PROBE_REFUSED;
        }
        pf_probe_talk_done(&talk);
    }
    return err.code == PF_CONFIG ? PF_PROBE_UNTRIED : result;
}

void pf_probe_tls_versions(struct pf_probe_door *door)
{
    for (size_t i = 0; i < PF_PROBE_VERSIONS; i++)
        door->tls.versions[i] = try_version(door, versions[i]);
}
