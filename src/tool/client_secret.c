#include "tool/client.h"

#include "base/text.h"
#include "proto/pop_url.h"
#include "tool/speech.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    QUESTION = 400, /* names of 255 octets each are cut */
    KEY = 2048      /* name, user and server of an account */
};

/* What persons said; few, and each for the whole run. Known by text, since accounts may be read anew. */
struct pf_client_asked {
    struct pf_client_asked *next;
    char key[KEY];
    struct pf_secret secret;
};

static void key_of(const struct pf_account *a, char key[KEY])
{
    snprintf(key, KEY, "%s\n%s\n%s", a->name ? a->name : "", a->user ? a->user : "",
             a->server ? a->server : "");
}

static const struct pf_secret *asked(const struct pf_client *c, const struct pf_account *a)
{
    char key[KEY];

    key_of(a, key);
    for (const struct pf_client_asked *at = c->asked; at; at = at->next)
        if (strcmp(at->key, key) == 0)
            return &at->secret;
    return NULL;
}

void pf_client_forget(struct pf_client *c)
{
    while (c->asked) {
        struct pf_client_asked *next = c->asked->next;

        pf_secret_wipe(&c->asked->secret);
        free(c->asked);
        c->asked = next;
    }
}

static bool has_source(const struct pf_account *a)
{
    return a->password || a->password_file || a->password_command || a->keyring || a->token_command ||
           a->token_url;
}

/* Logins that prove who they are by other means. */
static bool needs_secret(const struct pf_account *a)
{
    static const char *const without[] = {"EXTERNAL", "GSSAPI", "ANONYMOUS"};

    if (!a->user)
        return false;
    for (size_t i = 0; a->mechanisms && i < sizeof without / sizeof without[0]; i++)
        if (pf_equal_nocase(pf_bytes_of(a->mechanisms), pf_bytes_of(without[i])))
            return false;
    return true;
}

/* The server's name as far as the account tells it: for ~/.netrc and for the question. */
static void host_of(const struct pf_account *a, char host[256])
{
    const char *from = a->server ? a->server : a->user ? strrchr(a->user, '@') : NULL;
    struct pf_pop_url url;

    if (a->server && strstr(a->server, "://") &&
        pf_pop_url_parse(pf_bytes_of(a->server), &url, NULL) == PF_OK)
        from = url.host;
    snprintf(host, 256, "%s", from ? from + (from[0] == '@') : "?");
}

static enum pf_code ask(struct pf_client *c, const struct pf_account *a, const char *host,
                        struct pf_secret *out, struct pf_err *err)
{
    char text[QUESTION], both[KEY];

    snprintf(both, sizeof both, "%s@%s", a->user ? a->user : "?", host);
    if (a->name && strcmp(a->name, a->user ? a->user : "") != 0 && strcmp(a->name, both) != 0)
        snprintf(text, sizeof text, pf_say("%s: password of %s at %s: ", "%s: Passwort von %s bei %s: "),
                 a->name, a->user ? a->user : "?", host);
    else
        snprintf(text, sizeof text, pf_say("Password of %s at %s: ", "Passwort von %s bei %s: "),
                 a->user ? a->user : "?", host);
    return pf_secret_ask(c->terminal, text, out, err);
}

static struct pf_secret_way quiet_way(const struct pf_client *c, const char *host)
{
    struct pf_secret_way way = c->way;

    way.host = host;
    way.terminal = NULL;
    return way;
}

enum pf_code pf_client_ask(struct pf_client *c, const struct pf_account *a, struct pf_err *err)
{
    struct pf_client_asked *mine;
    struct pf_secret_way way;
    enum pf_code code;
    char host[256];

    if (!needs_secret(a) || has_source(a) || !a->ask || !c->terminal || asked(c, a))
        return PF_OK;
    mine = calloc(1, sizeof *mine);
    if (!mine)
        return pf_fail(err, PF_NO_MEMORY, 0, "client", "out of memory");
    host_of(a, host);
    way = quiet_way(c, host);
    code = pf_secret_get(a, &way, &mine->secret, err); /* ~/.netrc */
    if (code == PF_AUTH)
        code = ask(c, a, host, &mine->secret, err);
    if (code != PF_OK) {
        free(mine);
        return code;
    }
    key_of(a, mine->key);
    mine->next = c->asked;
    c->asked = mine;
    return PF_OK;
}

/* Who takes it may free `s`. */
static void hand_over(struct pf_client_secret *s)
{
    struct pf_secret secret = s->secret;
    struct pf_err err = s->err;

    pf_secret_wipe(&s->secret);
    s->under_way = false;
    if (s->give)
        s->give(s->self, pf_bytes_from(secret.text, secret.len), err.code ? &err : NULL);
    pf_secret_wipe(&secret);
}

static void hand_over_later(struct pf_later *later)
{
    hand_over((struct pf_client_secret *)((char *)later - offsetof(struct pf_client_secret, later)));
}

static struct pf_client_secret *of_job(struct pf_job *job)
{
    return (struct pf_client_secret *)((char *)job - offsetof(struct pf_client_secret, job));
}

static void work(struct pf_job *job)
{
    struct pf_client_secret *s = of_job(job);
    struct pf_secret_way way = quiet_way(s->client, s->host);

    s->err.code = pf_secret_get(s->account, &way, &s->secret, &s->err);
}

static void done(struct pf_job *job)
{
    struct pf_client_secret *s = of_job(job);
    const struct pf_account *a = s->account;

    if (s->give && s->err.code == PF_AUTH && !has_source(a) && a->ask && s->client->terminal)
        s->err.code = ask(s->client, a, s->host, &s->secret, &s->err);
    hand_over(s);
}

void pf_client_secret(struct pf_client_secret *s, struct pf_client *c, const struct pf_account *a,
                      const char *host)
{
    const struct pf_secret *known = asked(c, a);

    s->client = c;
    s->account = a;
    snprintf(s->host, sizeof s->host, "%s", host ? host : "");
    s->secret.len = 0;
    s->err = (struct pf_err){0};
    s->job = (struct pf_job){.work = work, .done = done};
    s->later = (struct pf_later){.run = hand_over_later};
    s->under_way = true;
    if (!known && pf_pool_submit(c->pool, &s->job))
        return;
    if (known)
        s->secret = *known;
    else
        pf_fail(&s->err, PF_BUSY, 0, "client", "too much is asked for at once");
    pf_loop_later(c->loop, &s->later);
}

void pf_client_secret_drop(struct pf_client_secret *s)
{
    s->give = NULL;
    while (s->under_way)
        pf_loop_turn(s->client->loop, true);
}
