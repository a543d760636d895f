#include "auth/exchange_rows.h"

#include "base/text.h"

#include <sodium.h>
#include <stdlib.h>

#define PF_MECHANISM(name, needs, forms, usual, library, step, ask, form, first)                        \
    {library, pf_exchange_##step, ask, form, first},
static const struct pf_exchange_row rows[] = {
#include "auth/exchange_mechanisms.def"
};
#undef PF_MECHANISM

enum pf_exchange_step pf_exchange_failed(struct pf_err *err, enum pf_code code, const char *why)
{
    pf_fail(err, code, 0, "exchange", "%s", why);
    return PF_EXCHANGE_FAILED;
}

enum pf_exchange_step pf_exchange_challenge(struct pf_bytes text, struct pf_exchange_told *out_told)
{
    out_told->challenge = text;
    return PF_EXCHANGE_CHALLENGE;
}

struct pf_bytes pf_exchange_message(const struct pf_exchange *exchange)
{
    return pf_bytes_from(exchange->message, exchange->message_len);
}

bool pf_exchange_set_name(struct pf_exchange *exchange, struct pf_bytes name)
{
    return pf_saslprep(name, exchange->name, sizeof exchange->name) && exchange->name[0];
}

bool pf_exchange_set_acts_for(struct pf_exchange *exchange, struct pf_bytes name)
{
    exchange->acts_for[0] = 0;
    if (name.len == 0)
        return true;
    if (!pf_saslprep(name, exchange->acts_for, sizeof exchange->acts_for) || !exchange->acts_for[0])
        return false;
    if (strcmp(exchange->acts_for, exchange->name) == 0)
        exchange->acts_for[0] = 0;
    return true;
}

struct pf_bytes pf_exchange_acts_for(const struct pf_exchange *exchange)
{
    return pf_bytes_of(exchange->acts_for);
}

enum pf_code pf_exchange_password(struct pf_exchange *exchange, char out_text[PF_EXCHANGE_SECRET],
                                  struct pf_err *err)
{
    const struct pf_exchange_world *world = &exchange->settings.world;
    unsigned char nobody[16];
    enum pf_code code = PF_NO_USER;

    if (world->plain)
        code = world->plain(world->self, pf_bytes_of(exchange->name), out_text, PF_EXCHANGE_SECRET, err);
    exchange->known = code == PF_OK;
    if (code == PF_OK || code != PF_NO_USER)
        return code;
    randombytes_buf(nobody, sizeof nobody);
    sodium_bin2hex(out_text, PF_EXCHANGE_SECRET, nobody, sizeof nobody);
    return PF_OK;
}

static const struct pf_exchange_mechanism *find(const char *name, size_t *out_index)
{
    size_t count;
    const struct pf_exchange_mechanism *all = pf_exchange_mechanisms(&count);

    for (size_t i = 0; i < count; i++)
        if (pf_equal_nocase(pf_bytes_of(name), pf_bytes_of(all[i].name))) {
            *out_index = i;
            return &all[i];
        }
    return NULL;
}

/* The settings have what the mechanism cannot be spoken without; TLS and forms are auth.c's to know. */
static bool can_be_spoken(const struct pf_exchange_settings *settings, unsigned needs)
{
    if (needs & PF_NEED_BINDING && settings->exporter.len + settings->unique.len == 0)
        return false;
    if (needs & PF_NEED_CERTIFICATE && !settings->certificate)
        return false;
    if (needs & PF_NEED_OAUTH && (!settings->oauth || !settings->oauth_conf))
        return false;
    if (needs & PF_NEED_KEYTAB && (!settings->keytab || !settings->hostname))
        return false;
    return !(needs & PF_NEED_FORM) || (settings->site_key && settings->hostname);
}

struct pf_exchange *pf_exchange_new(const struct pf_exchange_settings *settings, struct pf_err *err)
{
    size_t index = 0;
    const struct pf_exchange_mechanism *found = find(settings->mechanism, &index);
    struct pf_exchange *exchange;

    if (!found) {
        pf_fail(err, PF_NO_MECH, 0, "exchange", "a mechanism that is not spoken here");
        return NULL;
    }
    if (!can_be_spoken(settings, found->needs) || sodium_init() < 0) {
        pf_fail(err, PF_NO_MECH, 0, "exchange", "%s lacks what it needs on this connection", found->name);
        return NULL;
    }
    exchange = calloc(1, sizeof *exchange);
    if (exchange) {
        exchange->settings = *settings;
        exchange->settings.mechanism = found->name;
        exchange->mechanism = found;
        exchange->row = &rows[index];
    }
    if (exchange && (!rows[index].library || pf_exchange_library_begin(exchange)))
        return exchange;
    pf_exchange_free(exchange);
    pf_fail(err, PF_NO_MEMORY, 0, "exchange", "no memory for an exchange");
    return NULL;
}

static void forget(struct pf_exchange *exchange)
{
    if (exchange->message)
        pf_wipe(exchange->message, exchange->message_len);
    free(exchange->message);
    exchange->message = NULL;
    exchange->message_len = 0;
    pf_exchange_library_forget(exchange);
}

void pf_exchange_free(struct pf_exchange *exchange)
{
    if (!exchange)
        return;
    forget(exchange);
    pf_exchange_library_end(exchange);
    pf_wipe(exchange, sizeof *exchange);
    free(exchange);
}

static bool keep(struct pf_exchange *exchange, struct pf_bytes response)
{
    exchange->message = malloc(response.len + 1);
    if (!exchange->message)
        return false;
    if (response.len)
        memcpy(exchange->message, response.at, response.len);
    exchange->message[response.len] = 0;
    exchange->message_len = response.len;
    return true;
}

/* RFC 5034 section 4: data that comes with success are a challenge, which is answered by an empty line.
 */
static enum pf_exchange_step hear_last_answer(struct pf_exchange *exchange,
                                              struct pf_exchange_told *out_told, struct pf_err *err)
{
    if (exchange->message_len)
        return pf_exchange_failed(err, PF_SYNTAX, "the answer to the server's last word is not empty");
    out_told->name = pf_bytes_of(exchange->name);
    out_told->acts_for = pf_bytes_of(exchange->acts_for);
    return PF_EXCHANGE_PROVED;
}

static enum pf_exchange_step step(struct pf_exchange *exchange, struct pf_bytes response,
                                  struct pf_exchange_told *out_told, struct pf_err *err)
{
    if (exchange->ended)
        return pf_exchange_failed(err, PF_SYNTAX, "a response behind the end of the exchange");
    if (response.len > PF_EXCHANGE_MESSAGE_MAX)
        return pf_exchange_failed(err, PF_AUTH, "a response that is longer than any");
    if (exchange->turn == 0 && exchange->row->server_first && exchange->present)
        return pf_exchange_failed(err, PF_SYNTAX, "an initial response where the server speaks first");
    if (exchange->turn == 0 && !exchange->row->server_first && !exchange->present &&
        exchange->row->step != pf_exchange_login)
        return pf_exchange_challenge((struct pf_bytes){0}, out_told); /* it asks the client to begin */
    if (!keep(exchange, response))
        return pf_exchange_failed(err, PF_NO_MEMORY, "no memory for an exchange");
    if (exchange->last_word)
        return hear_last_answer(exchange, out_told, err);
    return exchange->row->step(exchange, out_told, err);
}

enum pf_exchange_step pf_exchange_step(struct pf_exchange *exchange, struct pf_bytes response,
                                       bool has_response, struct pf_exchange_told *out_told,
                                       struct pf_err *err)
{
    enum pf_exchange_step result;
    struct pf_err unheard = {0};

    if (!err)
        err = &unheard;
    *out_told = (struct pf_exchange_told){0};
    forget(exchange);
    exchange->err = err;
    exchange->present = has_response || exchange->turn > 0;
    result = step(exchange, response, out_told, err);
    exchange->turn++;
    exchange->ended = result != PF_EXCHANGE_CHALLENGE;
    out_told->spent = exchange->spent;
    if (result == PF_EXCHANGE_FAILED) {
        out_told->challenge = out_told->secret = out_told->acts_for = (struct pf_bytes){0};
        out_told->name = pf_bytes_of(exchange->name);
    }
    return result;
}
