#include "conf/host.h"
#include "conf/value.h"

/* The settings of one block as they are to be printed. */
struct show {
    const struct pf_conf_draft *now, *initial;
    FILE *to;
    bool all;
};

static bool is_shown(const struct show *s, const struct pf_conf_row *row)
{
    return s->all || !pf_conf_value_equal(row, s->now, s->initial);
}

static void show_row(const struct show *s, const struct pf_conf_row *row, const char *indent)
{
    if (!pf_conf_value_is_set(row, s->now)) {
        fprintf(s->to, "%s# %s is not set\n", indent, row->name);
        return;
    }
    fprintf(s->to, "%s%s ", indent, row->name);
    pf_conf_value_print(row, s->now, s->to);
    fputc('\n', s->to);
}

static void show_rows(const struct show *s, enum pf_conf_block block, const char *indent)
{
    for (size_t i = 0; i < PF_CONF_ROWS; i++)
        if (pf_conf_rows[i].block == block && is_shown(s, &pf_conf_rows[i]))
            show_row(s, &pf_conf_rows[i], indent);
}

static bool any_shown(const struct show *s, enum pf_conf_block block)
{
    for (size_t i = 0; i < PF_CONF_ROWS; i++)
        if (pf_conf_rows[i].block == block && is_shown(s, &pf_conf_rows[i]))
            return true;
    return false;
}

static void show_listen(struct show *s, const struct pf_conf_listen *listen)
{
    struct pf_conf_draft now = {.listen = *listen}, initial = *s->initial;
    struct show here = {&now, &initial, s->to, s->all};
    char text[PF_CONF_PLACE_TEXT];

    pf_conf_address_text(listen, text);
    initial.conf = s->now->conf;
    for (size_t i = 0; i < PF_CONF_ROWS; i++) /* what it does not say is what is said for all */
        if (pf_conf_rows[i].block == PF_CONF_BLOCK_listen && pf_conf_row_source(&pf_conf_rows[i]))
            pf_conf_default(&pf_conf_rows[i], &initial);
    /* How TLS begins is always told: its default hangs on the port. */
    initial.listen.tls = (enum pf_conf_tls) - 1;
    fputs("listen ", s->to);
    if (listen->address[0] == '/') /* a path may hold what the grammar uses for itself */
        pf_conf_text_print(text, s->to);
    else
        fputs(text, s->to);
    fputs(" {\n", s->to);
    for (size_t i = 0; i < PF_CONF_ROWS; i++)
        if (pf_conf_rows[i].block == PF_CONF_BLOCK_listen && is_shown(&here, &pf_conf_rows[i]) &&
            pf_conf_profile_takes(listen, &pf_conf_rows[i]))
            show_row(&here, &pf_conf_rows[i], "    ");
    fprintf(s->to, "}\n");
}

static void show_pairs(struct show *s, const struct pf_conf *conf)
{
    for (size_t i = 1; i < conf->pair_count; i++) {
        struct pf_conf_draft now = {.pair = conf->pairs[i]}, initial = {0};
        struct show here = {&now, &initial, s->to, s->all};

        fprintf(s->to, "    pair {\n");
        show_rows(&here, PF_CONF_BLOCK_pair, "        ");
        fprintf(s->to, "    }\n");
    }
}

static void show_userdb(struct show *s, const struct pf_conf_userdb *userdb)
{
    static const char *const kinds[] = {"file", "sqlite", "postgresql", "mariadb", "ldap", "pam", "dovecot",
                                        "saslauthd"}; /* as the enum */
    struct pf_conf_draft now = {.userdb = *userdb};
    struct show here = {&now, s->initial, s->to, s->all};

    fprintf(s->to, "userdb %s {\n", kinds[userdb->kind]);
    for (size_t i = 0; i < PF_CONF_ROWS; i++)
        if (pf_conf_rows[i].block == PF_CONF_BLOCK_userdb && is_shown(&here, &pf_conf_rows[i]) &&
            pf_conf_userdb_takes(userdb->kind, &pf_conf_rows[i]))
            show_row(&here, &pf_conf_rows[i], "    ");
    fprintf(s->to, "}\n");
}

static void show_domain(struct show *s, const struct pf_conf_domain *domain)
{
    struct pf_conf_draft now = {.domain = *domain};
    struct show here = {&now, s->initial, s->to, s->all};

    fprintf(s->to, "domain %s {\n", domain->name);
    show_rows(&here, PF_CONF_BLOCK_domain, "    ");
    fprintf(s->to, "}\n");
}

static void show_block(struct show *s, const struct pf_conf *conf, enum pf_conf_block block)
{
    if (!any_shown(s, block))
        return;
    fprintf(s->to, "%s {\n", pf_conf_blocks[block].name);
    show_rows(s, block, "    ");
    if (block == PF_CONF_BLOCK_tls)
        show_pairs(s, conf);
    fprintf(s->to, "}\n");
}

/* The defaults; those that are another setting's value are that setting's value now. */
static void set_initial(struct pf_conf_draft *initial, const struct pf_conf_draft *now)
{
    struct pf_conf_draft derived = *now;

    for (size_t i = 0; i < PF_CONF_ROWS; i++)
        pf_conf_default(&pf_conf_rows[i], initial);
    for (size_t i = 0; i < PF_CONF_ROWS; i++)
        if (pf_conf_rows[i].initial[0] == '=') {
            pf_conf_default(&pf_conf_rows[i], &derived);
            memcpy((char *)initial + pf_conf_rows[i].at, (char *)&derived + pf_conf_rows[i].at,
                   pf_conf_rows[i].size);
        }
}

void pf_conf_show(const struct pf_conf *conf, FILE *to, bool all)
{
    struct pf_conf_draft now = {.conf = *conf}, initial = {0};
    struct show s = {&now, &initial, to, all};
    char machine[PF_CONF_HOST_TEXT];

    if (conf->pair_count)
        now.first = conf->pairs[0];
    set_initial(&initial, &now);
    pf_conf_machine(machine);
    initial.conf.hostname = machine;
    initial.conf.password_file = conf->userdb_count ? NULL : PF_CONF_PASSWORD_FILE;
    show_rows(&s, PF_CONF_BLOCK_top, "");
    for (size_t i = 0; i < conf->listen_count; i++)
        show_listen(&s, &conf->listens[i]);
    for (unsigned i = PF_CONF_BLOCK_tls; i < PF_CONF_BLOCKS; i++)
        if (i != PF_CONF_BLOCK_pair && i != PF_CONF_BLOCK_userdb && i != PF_CONF_BLOCK_domain)
            show_block(&s, conf, (enum pf_conf_block)i);
    for (size_t i = 0; i < conf->userdb_count; i++)
        show_userdb(&s, &conf->userdbs[i]);
    for (size_t i = 0; i < conf->domain_count; i++)
        show_domain(&s, &conf->domain_blocks[i]);
}
