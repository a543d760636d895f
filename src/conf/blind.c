#include "conf/conf.h"

#include "base/text.h"
#include "conf/memory.h"
#include "conf/settings.h"

#include <assert.h>

/* The blocks of which a process that speaks with strangers needs no text: certificates are loaded before. */
static bool is_blind(enum pf_conf_block block)
{
    return block == PF_CONF_BLOCK_tls || block == PF_CONF_BLOCK_pair || block == PF_CONF_BLOCK_users ||
           block == PF_CONF_BLOCK_userdb || block == PF_CONF_BLOCK_oauth;
}

/* A text that was there is there again. */
static bool keep(struct pf_conf_memory **to, const char **text)
{
    return !*text || (*text = pf_conf_memory_text(to, pf_bytes_of(*text)));
}

/* Those of the draft's one listener. */
static bool keep_listen(struct pf_conf_memory **to, struct pf_conf_draft *draft)
{
    bool good = keep(to, &draft->listen.address);

    for (size_t i = 0; i < PF_CONF_ROWS && good; i++)
        if (pf_conf_rows[i].block == PF_CONF_BLOCK_listen && pf_conf_is_text(pf_conf_rows[i].type))
            good = keep(to, (const char **)(void *)((char *)draft + pf_conf_rows[i].at));
    return good;
}

/* The texts of the settings that stand alone, from a draft and back into it. */
static bool keep_rows(struct pf_conf_memory **to, struct pf_conf_draft *draft)
{
    bool good = true;

    for (size_t i = 0; i < PF_CONF_ROWS && good; i++) {
        const struct pf_conf_row *row = &pf_conf_rows[i];
        char *at = (char *)draft + row->at;
        const char *text = NULL;

        if (!pf_conf_is_text(row->type) || row->at >= sizeof draft->conf)
            continue;
        if (!is_blind(row->block)) {
            memcpy(&text, at, sizeof text);
            good = keep(to, &text);
        }
        memcpy(at, &text, sizeof text);
    }
    return good;
}

static bool keep_listens(struct pf_conf_memory **to, struct pf_conf *conf)
{
    struct pf_conf_listen *listens = pf_conf_memory_take(to, conf->listen_count * sizeof *listens + 1);
    bool good = listens;

    for (size_t i = 0; i < conf->listen_count && good; i++) {
        struct pf_conf_draft draft = {.listen = conf->listens[i]};

        draft.listen.certificate = draft.listen.key = NULL;
        good = keep_listen(to, &draft);
        listens[i] = draft.listen;
    }
    conf->listens = listens;
    return good;
}

static bool keep_domains(struct pf_conf_memory **to, struct pf_conf *conf)
{
    struct pf_conf_domain *domains = pf_conf_memory_take(to, conf->domain_count * sizeof *domains + 1);
    bool good = domains;

    for (size_t i = 0; i < conf->domain_count && good; i++) {
        domains[i] = conf->domain_blocks[i];
        good = keep(to, &domains[i].name) && keep(to, &domains[i].path);
    }
    conf->domain_blocks = domains;
    return good;
}

bool pf_conf_blind(struct pf_conf *conf)
{
    struct pf_conf_draft draft = {.conf = *conf};
    struct pf_conf_memory *kept = NULL;
    bool good = keep_rows(&kept, &draft) && keep_listens(&kept, &draft.conf) && keep_domains(&kept, &draft.conf);

    assert(conf->holds == 1);
    if (!good) {
        pf_conf_memory_free(kept);
        return false;
    }
    draft.conf.pairs = NULL;
    draft.conf.userdbs = NULL;
    draft.conf.pair_count = draft.conf.userdb_count = 0;
    pf_conf_memory_wipe(conf->memory); /* in which *conf lies, too */
    draft.conf.memory = pf_conf_memory_join(kept, draft.conf.memory);
    *conf = draft.conf;
    pf_wipe(&draft, sizeof draft);
    return true;
}
