/* Verdicts on TLS and certificates. */
#include "tool/probe_parts.h"

#include "sys/dns_tlsa.h"

#include <stdlib.h>

#define NOTHING (void)check, (void)door, (void)proof

/* Of days left: renewing by hand takes some, and automatic renewal has failed by then. */
enum { SOON = 14 };

static void prove(char *proof, const char *text)
{
    snprintf(proof, PF_PROBE_PROOF, "%s", text);
}

PF_PROBE_JUDGE(tls_there)
{
    NOTHING;
    if (door->implicit || door->wish->mode == PF_PROBE_PLAIN)
        return PF_PROBE_SKIP;
    return pf_probe_capability(&door->capa[PF_PROBE_BEFORE], "STLS") ? PF_PROBE_GOOD : PF_PROBE_NOTE;
}

PF_PROBE_JUDGE(handshake)
{
    NOTHING;
    if (!door->tls.tried || (!door->implicit && door->stls.end == PF_END_REFUSED))
        return PF_PROBE_SKIP;
    if (door->tls.done)
        snprintf(proof, PF_PROBE_PROOF, "%s, %s", door->tls.version, door->tls.cipher);
    else
        prove(proof, door->tls.problem);
    return door->tls.done ? PF_PROBE_GOOD : PF_PROBE_BAD;
}

static enum pf_probe_version version(const struct pf_probe_door *door,
                                     const struct pf_probe_check *check)
{
    static const char *const names[PF_PROBE_VERSIONS] = {"1.0", "1.1", "1.2", "1.3"};

    for (size_t i = 0; i < PF_PROBE_VERSIONS; i++)
        if (strcmp(names[i], check->word) == 0)
            return door->tls.versions[i];
    return PF_PROBE_UNTRIED;
}

PF_PROBE_JUDGE(old_version)
{
    enum pf_probe_version state = version(door, check);

    (void)proof;
    return state == PF_PROBE_UNTRIED    ? PF_PROBE_SKIP
           : state == PF_PROBE_ACCEPTED ? PF_PROBE_BAD
                                        : PF_PROBE_GOOD;
}

PF_PROBE_JUDGE(new_version)
{
    enum pf_probe_version state = version(door, check);
    const enum pf_probe_version *all = door->tls.versions;

    (void)proof;
    if (state == PF_PROBE_UNTRIED)
        return PF_PROBE_SKIP;
    if (state == PF_PROBE_ACCEPTED)
        return PF_PROBE_GOOD;
    return all[2] == PF_PROBE_ACCEPTED || all[3] == PF_PROBE_ACCEPTED ? PF_PROBE_NOTE : PF_PROBE_BAD;
}

PF_PROBE_JUDGE(cipher)
{
    const struct pf_probe_tls *tls = &door->tls;

    NOTHING;
    prove(proof, tls->cipher);
    if (tls->bits < 128)
        return PF_PROBE_BAD;
    return tls->forward_secret && tls->aead ? PF_PROBE_GOOD : PF_PROBE_NOTE;
}

PF_PROBE_JUDGE(stls)
{
    NOTHING;
    if (door->implicit || !door->tls.tried)
        return PF_PROBE_SKIP;
    prove(proof, door->stls_raw);
    return door->stls.end == PF_END_REFUSED || door->stls.lost == PF_LOST_SMUGGLE ? PF_PROBE_BAD
                                                                                  : PF_PROBE_GOOD;
}

PF_PROBE_JUDGE(stls_inside)
{
    const char *line = pf_probe_capability(&door->capa[PF_PROBE_INSIDE], "STLS");

    NOTHING;
    if (!door->capa_known[PF_PROBE_INSIDE])
        return PF_PROBE_SKIP;
    prove(proof, line ? line : "");
    return line ? PF_PROBE_NOTE : PF_PROBE_GOOD;
}

PF_PROBE_JUDGE(trusted)
{
    const struct pf_probe_chain *chain = &door->tls.chain;

    NOTHING;
    if (chain->trusted)
        return PF_PROBE_GOOD;
    snprintf(proof, PF_PROBE_PROOF, "%s%s", chain->problem,
             chain->self_signed ? " (it is its own issuer)"
             : chain->incomplete
                 ? " (the last certificate sent has an issuer that is neither sent nor known)"
                 : "");
    return PF_PROBE_BAD;
}

PF_PROBE_JUDGE(named)
{
    const struct pf_probe_chain *chain = &door->tls.chain;

    NOTHING;
    if (!chain->count)
        return PF_PROBE_SKIP;
    prove(proof, chain->at[0].names[0] ? chain->at[0].names : chain->at[0].subject);
    return chain->named ? PF_PROBE_GOOD : chain->named_by_cn_only ? PF_PROBE_NOTE : PF_PROBE_BAD;
}

PF_PROBE_JUDGE(valid)
{
    const struct pf_probe_chain *chain = &door->tls.chain;
    enum pf_probe_verdict worst = PF_PROBE_GOOD;

    NOTHING;
    if (!chain->count)
        return PF_PROBE_SKIP;
    for (size_t i = 0; i < chain->count; i++) {
        const struct pf_probe_certificate *c = &chain->at[i];
        enum pf_probe_verdict verdict = !c->begun || c->days_left < 0 ? PF_PROBE_BAD
                                        : c->days_left < SOON         ? PF_PROBE_NOTE
                                                                      : PF_PROBE_GOOD;

        if (i == 0 || verdict > worst)
            snprintf(proof, PF_PROBE_PROOF, "%s: %s .. %s", c->subject, c->begins, c->ends);
        worst = verdict > worst ? verdict : worst;
    }
    return worst;
}

PF_PROBE_JUDGE(order)
{
    const struct pf_probe_chain *chain = &door->tls.chain;

    NOTHING;
    if (chain->sent < 2)
        return PF_PROBE_SKIP;
    for (size_t i = 0; i < chain->count; i++)
        snprintf(proof + strlen(proof), PF_PROBE_PROOF - strlen(proof), "%s%s", i ? " <- " : "",
                 chain->at[i].subject);
    return chain->in_order ? PF_PROBE_GOOD : PF_PROBE_NOTE;
}

PF_PROBE_JUDGE(key)
{
    const struct pf_probe_chain *chain = &door->tls.chain;

    NOTHING;
    for (size_t i = 0; i < chain->count; i++)
        if (chain->at[i].weak_key) {
            snprintf(proof, PF_PROBE_PROOF, "%s: %s", chain->at[i].subject, chain->at[i].key);
            return PF_PROBE_BAD;
        }
    prove(proof, chain->at[0].key);
    return chain->count ? PF_PROBE_GOOD : PF_PROBE_SKIP;
}

/* A signature of whoever signs himself proves nothing, and so its strength is nothing to anybody. */
PF_PROBE_JUDGE(signature)
{
    const struct pf_probe_chain *chain = &door->tls.chain;

    NOTHING;
    for (size_t i = 0; i < chain->count; i++)
        if (chain->at[i].weak_signature && !chain->at[i].signs_itself) {
            snprintf(proof, PF_PROBE_PROOF, "%s: %s", chain->at[i].subject, chain->at[i].signature);
            return PF_PROBE_BAD;
        }
    prove(proof, chain->at[0].signature);
    return chain->count ? PF_PROBE_GOOD : PF_PROBE_SKIP;
}

static enum pf_probe_verdict by_records(struct pf_probe_door *door, const struct pf_tlsa_list *list,
                                        char *proof)
{
    const struct pf_probe_tls_wish wish = {.name = door->wish->name, .tlsa = list};
    struct pf_probe_talk *talk = malloc(sizeof *talk);
    enum pf_probe_verdict verdict = PF_PROBE_SKIP;

    snprintf(proof, PF_PROBE_PROOF, "_%u._tcp.%s: %zu", door->port, list->base, list->count);
    if (!list->vouched)
        verdict = PF_PROBE_NOTE;
    else if (talk && pf_probe_enter_as(door, false, &wish, talk)) {
        verdict = pf_probe_dane(talk->link) ? PF_PROBE_GOOD : PF_PROBE_BAD;
        pf_probe_talk_done(talk);
    }
    free(talk);
    return verdict;
}

PF_PROBE_JUDGE(dane)
{
    struct pf_tlsa_list *list = malloc(sizeof *list);
    enum pf_probe_verdict verdict = PF_PROBE_SKIP;

    NOTHING;
    if (list && !door->wish->local && !pf_probe_numeric(door->wish->host) &&
        pf_tlsa_find(door->wish->host, door->port, door->wish->resolver, list, NULL) == PF_OK &&
        list->count)
        verdict = by_records(door, list, proof);
    free(list);
    return verdict;
}
