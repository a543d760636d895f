#include "conf/reader.h"

#include "conf/number.h"
#include "conf/roots.h"
#include "conf/value.h"

static size_t index_of(enum pf_conf_block block, const char *name)
{
    return (size_t)(pf_conf_row_find(block, pf_bytes_of(name)) - pf_conf_rows);
}

static void check_first_pair(struct pf_conf_reader *r)
{
    const struct pf_conf_place *certificate = &r->seen[index_of(PF_CONF_BLOCK_tls, "certificate")];
    const struct pf_conf_place *key = &r->seen[index_of(PF_CONF_BLOCK_tls, "key")];

    if (certificate->source && !key->source)
        pf_conf_hint(
            pf_conf_wrong(&r->mistakes, certificate, "`certificate` stands here without its `key`"),
            "name the file with its private key: key FILE");
    if (key->source && !certificate->source)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, key, "`key` stands here without its `certificate`"),
                     "name the file with the certificate: certificate FILE");
    if (!certificate->source || !key->source)
        return;
    memmove(r->pairs + 1, r->pairs, r->pair_count * sizeof r->pairs[0]);
    r->pairs[0] = r->draft.first;
    r->pair_count++;
}

static void check_certificate(struct pf_conf_reader *r, size_t index)
{
    const struct pf_conf_listen *listen = &r->listens[index];
    const struct pf_conf_place *place = &r->listen_places[index];

    if (r->pair_count || r->tls_unclear || listen->certificate || listen->key ||
        r->seen[index_of(PF_CONF_BLOCK_tls, "certificate")].source ||
        r->seen[index_of(PF_CONF_BLOCK_tls, "key")].source)
        return;
    if (listen->tls != PF_CONF_TLS_NONE)
        pf_conf_hint(
            pf_conf_wrong(&r->mistakes, place, "this listener speaks TLS, and there is no certificate"),
            "add tls { certificate FILE; key FILE }, or write `tls none` for this listener");
    else if (listen->tls_on_plain == PF_CONF_AUTO_SERVE)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, place,
                                   "`tls-on-plain serve` speaks TLS, and there is no certificate"),
                     "add tls { certificate FILE; key FILE }, or write `tls-on-plain tell`");
}

static bool overlap(const char *a, const char *b)
{
    return strcmp(a, b) == 0 ||
           (a[0] != '/' && b[0] != '/' && (strcmp(a, "any") == 0 || strcmp(b, "any") == 0));
}

static void check_twice(struct pf_conf_reader *r, size_t index)
{
    const struct pf_conf_listen *listen = &r->listens[index];
    bool fixed = listen->port != 0 || listen->address[0] == '/';
    char text[PF_CONF_PLACE_TEXT];

    pf_conf_address_text(listen, text);
    for (size_t i = 0; i < index && fixed; i++) {
        const struct pf_conf_place *first = &r->listen_places[i], *place = &r->listen_places[index];
        struct pf_conf_record *record;

        if (r->listens[i].port != listen->port || !overlap(r->listens[i].address, listen->address))
            continue;
        if (strcmp(r->listens[i].address, listen->address) == 0)
            record = pf_conf_wrong(&r->mistakes, place, "%s is listened to twice", text);
        else
            record = pf_conf_wrong(&r->mistakes, place, "%s is listened to already: `any` is all of IPv4 and IPv6",
                                   text);
        if (first->source == place->source)
            pf_conf_hint(record, "the first time on line %u", first->line);
        else
            pf_conf_hint(record, "the first time in %s on line %u", first->source->name, first->line);
        return;
    }
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* Doors for the administrator stand where no stranger comes by. */
static void check_door(struct pf_conf_reader *r, size_t index)
{
    const struct pf_conf_listen *listen = &r->listens[index];
    const struct pf_conf_place *place = &r->listen_places[index];
    bool control = listen->protocol == PF_CONF_CONTROL, file = listen->address[0] == '/';

    if (!control && listen->protocol != PF_CONF_METRICS)
        return;
    if (control && !file)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, place, "`protocol control` is for unix sockets only"),
                     "as in: listen unix:/run/postfach/control { protocol control }");
    else if (!file && !is_loopback(listen->address))
        pf_conf_hint(pf_conf_wrong(&r->mistakes, place, "`protocol metrics` is for loopback and unix sockets only"),
                     "as in: listen 127.0.0.1:9110 { protocol metrics }");
    if (control && listen->mode != PF_CONF_MODE_600)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, place, "a control socket is for its owner only"),
                     "leave `mode` out, or write `mode 600`");
    if (listen->tls != PF_CONF_TLS_NONE)
        pf_conf_hint(pf_conf_wrong(&r->mistakes, place, "control and metrics speak no TLS"),
                     "leave `tls` out, or write `tls none`");
}

/* "never" is the longest of all. */
static int64_t days(int32_t value)
{
    return value < 0 ? INT64_MAX : value;
}

static void check_order(struct pf_conf_reader *r, size_t small, size_t large, const int64_t values[2])
{
    const struct pf_conf_row *less = &pf_conf_rows[small], *more = &pf_conf_rows[large];
    const struct pf_conf_place *place = &r->seen[small];
    char text[2][PF_CONF_NUMBER_TEXT];

    if (values[0] <= values[1] || r->spoilt[small] || r->spoilt[large])
        return;
    if (!place->source || (r->seen[large].source && r->seen[large].order > place->order))
        place = &r->seen[large];
    for (size_t i = 0; i < 2; i++)
        pf_conf_number_text(less, values[i] == INT64_MAX ? -1 : values[i], text[i]);
    pf_conf_hint(pf_conf_wrong(&r->mistakes, place, "`%s` (%s) is more than `%s` (%s)", less->name,
                               text[0], more->name, text[1]),
                 "`%s` is the upper limit of `%s`", more->name, less->name);
}

static void check_orders(struct pf_conf_reader *r)
{
    const struct pf_conf *c = &r->draft.conf;

    check_order(r, index_of(PF_CONF_BLOCK_policy, "expire-min"),
                index_of(PF_CONF_BLOCK_policy, "expire"),
                (int64_t[]){days(c->expire_min), days(c->expire_days)});
    check_order(r, index_of(PF_CONF_BLOCK_policy, "login-delay"),
                index_of(PF_CONF_BLOCK_policy, "login-delay-max"),
                (int64_t[]){c->login_delay, c->login_delay_max});
    check_order(r, index_of(PF_CONF_BLOCK_users, "failure-delay"),
                index_of(PF_CONF_BLOCK_users, "failure-delay-max"),
                (int64_t[]){c->failure_delay, c->failure_delay_max});
}

static void check_roots(struct pf_conf_reader *r)
{
    const struct pf_conf_place *place = &r->seen[index_of(PF_CONF_BLOCK_mail, "roots")];
    struct pf_bytes word;
    const char *why = r->draft.conf.mail_roots ? pf_conf_roots_wrong(r->draft.conf.mail_roots, &word) : NULL;

    if (why) {
        struct pf_conf_shown shown = pf_conf_shown(word);

        pf_conf_hint(pf_conf_wrong(&r->mistakes, place, "`roots`: `%s` %s", shown.text, why),
                     "as in: roots \"/srv/mail /home\"");
    }
}

void pf_conf_reader_check(struct pf_conf_reader *r)
{
    for (size_t i = 0; i < PF_CONF_ROWS; i++)
        if (pf_conf_rows[i].initial[0] == '=' && !r->seen[i].source)
            pf_conf_default(&pf_conf_rows[i], &r->draft);
    check_first_pair(r);
    for (size_t i = 0; i < r->listen_count; i++) {
        check_twice(r, i);
        check_certificate(r, i);
        check_door(r, i);
        pf_conf_profile_check(r, i);
    }
    check_orders(r);
    check_roots(r);
}
