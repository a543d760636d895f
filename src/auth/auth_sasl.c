#include "auth/auth_sasl.h"

#include "auth/password.h"
#include "base/text.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BINDING = 64 };

/* What lives from the first step of an exchange to its end. It keeps the users it began with. */
struct pf_auth_talk {
    struct pf_auth_tables *tables;
    struct pf_auth_work *work; /* the step that is under way */
    struct pf_exchange *exchange;
    struct pf_exchange_settings settings;
    bool refused, refused_before; /* in this step; in an earlier one */
    bool offered; /* else it fails at its first step */
    char mechanism[24], certificate[PF_AUTH_NAME_MAX + 1];
    unsigned char exporter[BINDING], unique[BINDING];
};

/* The stored password of a user who may log in here and now. */
static enum pf_code stored_of(const struct pf_auth_work *work, struct pf_bytes name, struct pf_auth_found *found,
                              struct pf_err *err)
{
    struct pf_auth_quest quest = {.peer = work->peer, .tls = work->tls};
    char prepared[PF_AUTH_NAME_MAX + 1];
    enum pf_code code;

    if (!pf_saslprep(name, prepared, sizeof prepared) || !pf_auth_name_ok(pf_bytes_of(prepared)))
        return PF_NO_USER;
    quest.name = pf_bytes_of(prepared);
    quest.acts_for = pf_exchange_acts_for(work->talk->exchange); /* then it is the master's own secret */
    code = pf_auth_find(work->tables, &quest, found, err);
    if (code != PF_OK)
        return code;
    return found->nologin || !found->stored || (found->entry.user.needs_tls && !work->tls) ? PF_NO_USER : PF_OK;
}

/* A salt for users whose password itself is stored: the same each time. */
static void salt_of(const struct pf_auth_work *work, struct pf_bytes name, unsigned char out[16])
{
    crypto_generichash(out, 16, name.at, name.len, pf_auth_tables_site_key(work->tables), PF_AUTH_SITE_KEY);
}

/* Who is not there must look like who is, and cost the same (SCR-019): the rounds of most users, and the
 * computing that a stored password needs where most are stored so. */
static void look_like_others(const struct pf_auth_work *work, enum pf_password_form form,
                             const unsigned char salt[16], struct pf_scram_keys *out)
{
    const char *most = pf_auth_tables_stand_in(work->tables);
    enum pf_password_form stored = pf_password_form(most);
    struct pf_scram_keys keys;

    if (stored == PF_FORM_PLAIN)
        pf_password_scram(most, form, salt, &keys);
    if ((stored == PF_FORM_SCRAM_SHA_1 || stored == PF_FORM_SCRAM_SHA_256) &&
        pf_password_scram(most, stored, salt, &keys) == PF_OK)
        out->iterations = keys.iterations;
    pf_wipe(&keys, sizeof keys);
}

static enum pf_code scram(void *self, struct pf_bytes name, enum pf_password_form form, struct pf_scram_keys *out,
                          struct pf_err *err)
{
    const struct pf_auth_work *work = ((struct pf_auth_talk *)self)->work;
    struct pf_auth_found found = {0};
    unsigned char salt[16];
    enum pf_code code = stored_of(work, name, &found, err);

    salt_of(work, name, salt);
    if (code == PF_OK)
        code = pf_password_scram(found.stored, form, salt, out);
    pf_wipe(&found, sizeof found);
    if (code == PF_AUTH)
        code = PF_NO_USER;
    if (code == PF_NO_USER)
        look_like_others(work, form, salt, out);
    return code;
}

static enum pf_code plain(void *self, struct pf_bytes name, char *out_text, size_t cap, struct pf_err *err)
{
    struct pf_auth_found found = {0};
    enum pf_code code = stored_of(((struct pf_auth_talk *)self)->work, name, &found, err);

    if (code == PF_OK && !pf_password_plain(found.stored, out_text, cap))
        code = PF_NO_USER;
    pf_wipe(&found, sizeof found);
    return code;
}

/* The realm whose principals are users by their first part alone: the one of the settings, or the domain of this
 * host, in whatever case. */
static bool is_our_realm(const struct pf_auth_tables *tables, struct pf_bytes realm)
{
    const struct pf_conf *conf = pf_auth_tables_settings(tables)->conf;
    const char *ours = conf ? conf->realm : NULL, *dot = conf ? strchr(conf->hostname, '.') : NULL;

    if (!ours && dot)
        ours = dot + 1;
    return ours && pf_equal_nocase(pf_bytes_of(ours), realm);
}

/* GSSAPI tells a principal, and clients commonly ask to act for its first part. */
static void map_principal(const struct pf_auth_talk *talk, struct pf_exchange_told *told)
{
    size_t at = pf_find(told->name, '@');

    if (strcmp(talk->mechanism, "GSSAPI") != 0 || at == told->name.len ||
        !is_our_realm(talk->tables, pf_bytes_skip(told->name, at + 1)))
        return;
    if (pf_bytes_equal(told->acts_for, told->name))
        told->acts_for.len = 0;
    told->name = pf_bytes_head(told->name, at);
    if (pf_bytes_equal(told->acts_for, told->name))
        told->acts_for.len = 0;
}

enum pf_exchange_step pf_auth_sasl_step(struct pf_auth_work *work, struct pf_exchange_told *out_told,
                                        struct pf_err *err)
{
    struct pf_auth_talk *talk = work->talk;
    enum pf_exchange_step step;

    talk->work = work;
    if (!talk->offered)
        pf_fail(err, PF_NO_MECH, 0, "auth", "%s is not offered on this connection", talk->mechanism);
    else if (!talk->exchange)
        talk->exchange = pf_exchange_new(&talk->settings, err);
    if (!talk->exchange)
        return PF_EXCHANGE_FAILED;
    step = pf_exchange_step(talk->exchange, work->response, work->has_response, out_told, err);
    talk->refused_before = talk->refused;
    talk->refused = talk->refused || out_told->refused;
    map_principal(talk, out_told);
    return step;
}

/* NULL: there is none of that name. */
static const struct pf_exchange_mechanism *mechanism_of(struct pf_bytes name)
{
    size_t count;
    const struct pf_exchange_mechanism *all = pf_exchange_mechanisms(&count);

    for (size_t i = 0; i < count; i++)
        if (pf_equal_nocase(name, pf_bytes_of(all[i].name)))
            return &all[i];
    return NULL;
}

static bool offers(uint64_t offer, const char *name)
{
    const struct pf_exchange_mechanism *m = mechanism_of(pf_bytes_of(name));
    size_t count;

    return m && offer >> (m - pf_exchange_mechanisms(&count)) & 1;
}

static struct pf_bytes keep(struct pf_bytes from, unsigned char *room)
{
    size_t len = from.len < BINDING ? from.len : BINDING;

    if (len)
        memcpy(room, from.at, len);
    return pf_bytes_from(room, len);
}

static bool has_plus(uint64_t offer)
{
    size_t count;
    const struct pf_exchange_mechanism *all = pf_exchange_mechanisms(&count);

    for (size_t i = 0; i < count; i++)
        if (offer >> i & 1 && all[i].needs & PF_NEED_BINDING)
            return true;
    return false;
}

struct pf_auth_talk *pf_auth_talk_new(struct pf_auth_tables *tables, const char *mechanism,
                                      const struct pf_auth_link *link)
{
    const struct pf_conf *conf = pf_auth_tables_settings(tables)->conf;
    uint64_t offer = pf_auth_sasl_offer(tables, link);
    struct pf_auth_talk *talk = calloc(1, sizeof *talk);

    if (!talk)
        return NULL;
    talk->tables = pf_auth_tables_hold(tables);
    snprintf(talk->mechanism, sizeof talk->mechanism, "%s", mechanism);
    snprintf(talk->certificate, sizeof talk->certificate, "%s", link->certificate ? link->certificate : "");
    talk->settings = (struct pf_exchange_settings){
        .mechanism = talk->mechanism,
        .world = {.self = talk, .scram = scram, .plain = plain},
        .hostname = conf && conf->hostname ? conf->hostname : "localhost",
        .exporter = keep(link->exporter, talk->exporter),
        .unique = keep(link->unique, talk->unique),
        .plus_offered = has_plus(offer),
        .certificate = talk->certificate[0] ? talk->certificate : NULL,
        .oauth = pf_auth_tables_oauth(tables),
        .oauth_conf = conf ? &conf->oauth : NULL,
        .site_key = pf_auth_tables_site_key(tables),
        .keytab = conf ? conf->keytab : NULL,
        .now = (int64_t)time(NULL),
    };
    talk->offered = offers(offer, mechanism);
    return talk;
}

struct pf_auth_tables *pf_auth_talk_tables(const struct pf_auth_talk *talk)
{
    return talk->tables;
}

bool pf_auth_talk_refused(const struct pf_auth_talk *talk)
{
    return talk->refused_before;
}

const char *pf_auth_talk_mechanism(const struct pf_auth_talk *talk)
{
    return talk->mechanism;
}

void pf_auth_talk_free(struct pf_auth_talk *talk)
{
    if (!talk)
        return;
    pf_exchange_free(talk->exchange);
    pf_auth_tables_drop(talk->tables);
    pf_wipe(talk, sizeof *talk);
    free(talk);
}

/* The next of the settings' list, blanks between names; empty where there are two blanks. */
static struct pf_bytes next_name(struct pf_bytes *rest)
{
    struct pf_bytes name = pf_bytes_head(*rest, pf_find(*rest, ' '));

    *rest = pf_bytes_skip(*rest, name.len + 1);
    return name;
}

/* The list has it; without a list, it is a usual one. */
static bool allowed(const char *list, const struct pf_exchange_mechanism *m)
{
    struct pf_bytes rest = pf_bytes_of(list ? list : "");

    while (rest.len)
        if (pf_equal_nocase(next_name(&rest), pf_bytes_of(m->name)))
            return true;
    return !list && m->usual;
}

enum pf_code pf_auth_sasl_known(const char *list, struct pf_err *err)
{
    struct pf_bytes rest = pf_bytes_of(list ? list : "");

    while (rest.len) {
        struct pf_bytes name = next_name(&rest);
        char text[64];

        pf_text_safe(text, sizeof text, name);
        if (name.len && !mechanism_of(name))
            return pf_fail(err, PF_CONFIG, 0, "auth", "users { mechanisms }: there is no mechanism %s; "
                           "postfach.conf(5) lists them", text);
    }
    return PF_OK;
}

/* Where it can be known, whether somebody stands behind ANONYMOUS. */
static bool has_guest(const struct pf_auth_tables *tables, const struct pf_exchange_mechanism *m)
{
    if (strcmp(m->name, "ANONYMOUS") != 0 || !pf_auth_tables_in_memory(tables))
        return true;

    struct pf_auth_entry entry = {0}; /* not above: to clear thousands of octets for each mechanism is dear */
    struct pf_err err;

    return pf_auth_tables_find(tables, PF_LIT("anonymous"), &entry, &err) == PF_OK;
}

static unsigned had(const struct pf_auth_tables *tables, const struct pf_auth_link *link)
{
    unsigned had = PF_NEED_SHOW; /* the engine sees to that */

    had |= link->tls ? PF_NEED_LINK : 0u;
    had |= link->exporter.len || link->unique.len ? PF_NEED_BINDING : 0u;
    had |= link->certificate ? PF_NEED_CERTIFICATE : 0u;
    had |= pf_auth_tables_oauth(tables) ? PF_NEED_OAUTH : 0u;
    had |= pf_auth_tables_settings(tables)->keytab_ready ? PF_NEED_KEYTAB : 0u;
    return had;
}

uint64_t pf_auth_sasl_offer(const struct pf_auth_tables *tables, const struct pf_auth_link *link)
{
    const struct pf_conf *conf = pf_auth_tables_settings(tables)->conf;
    unsigned have = had(tables, link), forms = pf_auth_tables_forms(tables);
    size_t count;
    const struct pf_exchange_mechanism *all = pf_exchange_mechanisms(&count);
    uint64_t offer = 0;

    for (size_t i = 0; i < count; i++) {
        unsigned needs = all[i].needs & ~(unsigned)PF_NEED_FORM;

        if ((needs & have) == needs && (!(all[i].needs & PF_NEED_FORM) || (all[i].forms & forms)) &&
            allowed(conf ? conf->mechanisms : NULL, &all[i]) && has_guest(tables, &all[i]))
            offer |= (uint64_t)1 << i;
    }
    return offer;
}

bool pf_auth_sasl_binds(const struct pf_auth_tables *tables)
{
    const struct pf_auth_link bound = {.tls = true, .exporter = PF_LIT("any")};

    return has_plus(pf_auth_sasl_offer(tables, &bound));
}

bool pf_auth_sasl_light(const char *mechanism)
{
    const struct pf_exchange_mechanism *m = mechanism_of(pf_bytes_of(mechanism));

    return m && (m->needs & (PF_NEED_SHOW | PF_NEED_OAUTH)) == PF_NEED_SHOW;
}
