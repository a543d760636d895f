#include "conf/reader.h"

#include "base/text.h"
#include "conf/value.h"

/* Those that exist, and which of them are offered only where they are named (auth/exchange_mechanisms.def has what
 * stands behind them; a test compares). */
static const char known[] = "PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 "
                            "SCRAM-SHA-256-PLUS EXTERNAL ANONYMOUS GSSAPI OAUTHBEARER XOAUTH2";
static const char by_name_only[] = "LOGIN CRAM-MD5 DIGEST-MD5 ANONYMOUS";

static size_t first_row(void)
{
    size_t i = 0;

    while (pf_conf_rows[i].block != PF_CONF_BLOCK_listen)
        i++;
    return i;
}

void pf_conf_profile_keep(struct pf_conf_reader *r)
{
    memcpy(r->listen_seen[r->listen_count], r->seen + first_row(), sizeof r->listen_seen[0]);
}

const struct pf_conf_place *pf_conf_profile_said(const struct pf_conf_reader *r, size_t index, const char *name)
{
    const struct pf_conf_row *row = pf_conf_row_find(PF_CONF_BLOCK_listen, pf_bytes_of(name));
    const struct pf_conf_place *place = &r->listen_seen[index][(size_t)(row - pf_conf_rows) - first_row()];

    return place->source ? place : NULL;
}

static bool is_old(const struct pf_conf_listen *listen)
{
    return listen->tls_minimum < PF_CONF_TLS_1_2;
}

static void inherit(struct pf_conf_reader *r, size_t index)
{
    struct pf_conf_draft draft = {.conf = r->draft.conf, .listen = r->listens[index]};
    size_t first = first_row();

    for (size_t i = 0; i < PF_CONF_LISTEN_ROWS; i++)
        if (!r->listen_seen[index][i].source && pf_conf_row_source(&pf_conf_rows[first + i]))
            pf_conf_default(&pf_conf_rows[first + i], &draft);
    /* A list for new versions would leave nothing for old ones. */
    if (is_old(&draft.listen) && !pf_conf_profile_said(r, index, "tls-ciphers"))
        draft.listen.tls_ciphers = NULL;
    r->listens[index] = draft.listen;
}

void pf_conf_profiles_inherit(struct pf_conf_reader *r)
{
    for (size_t i = 0; i < r->listen_count; i++)
        inherit(r, i);
}

bool pf_conf_words_hold(const char *words, struct pf_bytes word)
{
    struct pf_bytes rest = pf_bytes_of(words);

    while (rest.len) {
        size_t n = pf_find(rest, ' ');

        if (pf_equal_nocase(pf_bytes_head(rest, n), word))
            return true;
        rest = pf_bytes_skip(rest, n < rest.len ? n + 1 : n);
    }
    return false;
}

static void check_mechanism(struct pf_conf_reader *r, const struct pf_conf_place *place, struct pf_bytes name)
{
    const char *offered = r->draft.conf.mechanisms;
    struct pf_conf_shown shown = pf_conf_shown(name);

    if (offered ? pf_conf_words_hold(offered, name)
                : pf_conf_words_hold(known, name) && !pf_conf_words_hold(by_name_only, name))
        return;
    if (!pf_conf_words_hold(known, name))
        pf_conf_hint(pf_conf_wrong(&r->mistakes, place, "`mechanisms`: there is no mechanism `%s`", shown.text),
                     "postfach.conf(5) lists them, at mechanisms of users");
    else
        pf_conf_hint(pf_conf_wrong(&r->mistakes, place, "`mechanisms`: `%s` is not offered by `users`", shown.text),
                     "a listener offers some of what users { mechanisms } offers: name it there, too");
}

static void check_mechanisms(struct pf_conf_reader *r, size_t index)
{
    const struct pf_conf_place *place = pf_conf_profile_said(r, index, "mechanisms");
    struct pf_bytes rest = pf_bytes_of(place && r->listens[index].mechanisms ? r->listens[index].mechanisms : "");

    while (rest.len) {
        size_t n = pf_find(rest, ' ');

        if (n)
            check_mechanism(r, place, pf_bytes_head(rest, n));
        rest = pf_bytes_skip(rest, n < rest.len ? n + 1 : n);
    }
}

static void check_apop(struct pf_conf_reader *r, size_t index)
{
    const struct pf_conf_place *place = pf_conf_profile_said(r, index, "apop");

    if (place && r->listens[index].apop && !r->draft.conf.apop)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, place, "`apop` is not offered by `users`"),
                     "write `apop yes` there, and `apop no` for the other listeners");
}

static void check_connections(struct pf_conf_reader *r, size_t index)
{
    const struct pf_conf_place *place = pf_conf_profile_said(r, index, "connections");
    unsigned here = r->listens[index].connections, all = r->draft.conf.connections;

    if (place && here > all)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, place, "`connections` (%u) is more than that of `limits` (%u)", here,
                                   all),
                     "that one counts the clients of all listeners together");
}

static void check_own_pair(struct pf_conf_reader *r, size_t index)
{
    const struct pf_conf_place *certificate = pf_conf_profile_said(r, index, "certificate");
    const struct pf_conf_place *key = pf_conf_profile_said(r, index, "key");

    if (certificate && !key)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, certificate, "`certificate` stands here without its `key`"),
                     "name the file with its private key: key FILE");
    if (key && !certificate)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, key, "`key` stands here without its `certificate`"),
                     "name the file with the certificate: certificate FILE");
}

static bool is_one_of(const char *name, const char *const names[])
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names;
}

/* NULL when the row says something there. */
static const char *why_useless(const struct pf_conf_listen *listen, const char *name)
{
    static const char *const of_pop3[] = {"mechanisms", "apop", "connections", "connections-per-address",
                                          "bad-commands-before-login", "bad-commands", "login-tries", "first-command",
                                          "login", "idle", NULL};
    static const char *const of_tls[] = {"certificate", "key", "tls-minimum", "tls-ciphers", NULL};

    if (listen->protocol != PF_CONF_POP3 && is_one_of(name, of_pop3))
        return "it is for listeners that speak pop3";
    if (listen->protocol >= PF_CONF_CONTROL && strcmp(name, "hostname") == 0)
        return "nobody is greeted here";
    if (listen->tls == PF_CONF_TLS_NONE && listen->tls_on_plain == PF_CONF_AUTO_TELL && is_one_of(name, of_tls))
        return "this listener speaks no TLS";
    return NULL;
}

bool pf_conf_profile_takes(const struct pf_conf_listen *listen, const struct pf_conf_row *row)
{
    return !why_useless(listen, row->name);
}

static void check_use(struct pf_conf_reader *r, size_t index)
{
    const struct pf_conf_row *rows = &pf_conf_rows[first_row()];

    for (size_t i = 0; i < PF_CONF_LISTEN_ROWS; i++) {
        const char *why = why_useless(&r->listens[index], rows[i].name);

        if (why && r->listen_seen[index][i].source)
            pf_conf_hint(pf_conf_wrong(&r->mistakes, &r->listen_seen[index][i], "`%s` is of no use here", rows[i].name),
                         "%s", why);
    }
}

void pf_conf_profile_check(struct pf_conf_reader *r, size_t index)
{
    check_use(r, index);
    check_own_pair(r, index);
    check_mechanisms(r, index);
    check_apop(r, index);
    check_connections(r, index);
}
