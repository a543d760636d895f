#include "auth/initiate_rows.h"

#include "base/text.h"
#include "base/words.h"

#include <stdlib.h>

enum {
    PASSWORD = PF_INITIATE_PASSWORD,
    SHOWN = PF_INITIATE_PASSWORD | PF_INITIATE_SHOWS,
    BOUND = PF_INITIATE_PASSWORD | PF_INITIATE_BINDING,
    TOKEN = PF_INITIATE_TOKEN | PF_INITIATE_SHOWS
};

/* Name, needs; then the row: name in the library or NULL, step. What binds to the channel or needs no
 * password comes first; what shows a password to the server behind what does not. */
#define MECHANISMS(X)                                                                                   \
    X("SCRAM-SHA-256-PLUS", BOUND, NULL, scram)                                                         \
    X("SCRAM-SHA-1-PLUS", BOUND, NULL, scram)                                                           \
    X("EXTERNAL", PF_INITIATE_CERTIFICATE, NULL, external)                                              \
    X("GSSAPI", PF_INITIATE_TICKET, "GSSAPI", library)                                                  \
    X("SCRAM-SHA-256", PASSWORD, NULL, scram)                                                           \
    X("SCRAM-SHA-1", PASSWORD, NULL, scram)                                                             \
    X("OAUTHBEARER", TOKEN, NULL, bearer)                                                               \
    X("XOAUTH2", TOKEN, NULL, bearer)                                                                   \
    X("DIGEST-MD5", PASSWORD, "DIGEST-MD5", library)                                                    \
    X("CRAM-MD5", PASSWORD, NULL, cram)                                                                 \
    X("PLAIN", SHOWN, NULL, plain)                                                                      \
    X("LOGIN", SHOWN, NULL, login)                                                                      \
    X("ANONYMOUS", 0, NULL, anonymous)

#define MECHANISM(name, needs, library, step) {name, needs},
static const struct pf_initiate_mechanism mechanisms[] = {MECHANISMS(MECHANISM)};

#define ROW(name, needs, library, step) {{name, needs}, library, pf_initiate_##step},
static const struct pf_initiate_row rows[] = {MECHANISMS(ROW)};

enum { COUNT = sizeof rows / sizeof rows[0] };

const struct pf_initiate_mechanism *pf_initiate_mechanisms(size_t *out_count)
{
    *out_count = COUNT;
    return mechanisms;
}

enum pf_initiate_step pf_initiate_failed(struct pf_err *err, enum pf_code code, const char *why)
{
    pf_fail(err, code, 0, "initiate", "%s", pf_words(why));
    return PF_INITIATE_FAILED;
}

enum pf_initiate_step pf_initiate_send_text(const struct pf_initiate *i,
                                            struct pf_initiate_told *out_told)
{
    out_told->response = pf_span_bytes(&i->text);
    return PF_INITIATE_SEND;
}

static const struct pf_initiate_row *find(const char *name)
{
    for (size_t i = 0; i < COUNT; i++)
        if (pf_equal_nocase(pf_bytes_of(name), pf_bytes_of(rows[i].mechanism.name)))
            return &rows[i];
    return NULL;
}

/* The settings have what the mechanism cannot be spoken without. */
static bool can_be_spoken(const struct pf_initiate_settings *s, const struct pf_initiate_row *row)
{
    unsigned needs = row->mechanism.needs;

    if (needs & PF_INITIATE_BINDING && s->exporter.len + s->unique.len == 0)
        return false;
    if (needs & PF_INITIATE_PASSWORD && (s->name.len == 0 || s->secret.len == 0))
        return false;
    if (needs & PF_INITIATE_TOKEN && s->secret.len == 0)
        return false;
    return s->hostname || !row->library;
}

static bool is_part(struct pf_bytes part, size_t most)
{
    return part.len <= most && pf_find(part, 0) == part.len;
}

static enum pf_code judge(const struct pf_initiate_settings *s, const struct pf_initiate_row *row,
                          struct pf_err *err)
{
    size_t most =
        row && row->mechanism.needs & PF_INITIATE_TOKEN ? PF_INITIATE_TOKEN_MAX : PF_INITIATE_PART_MAX;

    if (!row)
        return pf_fail(err, PF_NO_MECH, 0, "initiate", "a mechanism that is not spoken here");
    if (!can_be_spoken(s, row))
        return pf_fail(err, PF_NO_MECH, 0, "initiate", "%s lacks what it needs", row->mechanism.name);
    if (!is_part(s->name, PF_INITIATE_PART_MAX) || !is_part(s->acts_for, PF_INITIATE_PART_MAX) ||
        !is_part(s->secret, most))
        return pf_fail(err, PF_SYNTAX, 0, "initiate", "a name or a secret is too long, or holds a NUL");
    return PF_OK;
}

/* Room for any response of our own: in a name each octet may become three, and base64 makes four of
 * three. */
static size_t room_for(const struct pf_initiate_settings *s)
{
    return 4 * (s->name.len + s->acts_for.len) + s->secret.len +
           (s->hostname ? strlen(s->hostname) : 0) + PF_INITIATE_OTHERS;
}

struct pf_initiate *pf_initiate_new(const struct pf_initiate_settings *settings, struct pf_err *err)
{
    const struct pf_initiate_row *row = find(settings->mechanism);
    size_t room = room_for(settings);
    struct pf_initiate *i;

    if (judge(settings, row, err) != PF_OK)
        return NULL;
    i = calloc(1, sizeof *i + room);
    if (!i) {
        pf_fail(err, PF_NO_MEMORY, 0, "initiate", "no memory for an exchange");
        return NULL;
    }
    i->settings = *settings;
    i->row = row;
    i->text = (struct pf_span){(unsigned char *)(i + 1), 0, room};
    if (!row->library || pf_initiate_library_begin(i, err) == PF_OK)
        return i;
    pf_initiate_free(i);
    return NULL;
}

void pf_initiate_free(struct pf_initiate *i)
{
    if (!i)
        return;
    pf_initiate_library_forget(i);
    pf_initiate_library_end(i);
    pf_wipe(i, sizeof *i + i->text.cap);
    free(i);
}

enum pf_initiate_step pf_initiate_step(struct pf_initiate *i, struct pf_bytes challenge,
                                       struct pf_initiate_told *out_told, struct pf_err *err)
{
    enum pf_initiate_step result;

    *out_told = (struct pf_initiate_told){.spent = i->spent};
    /* Servers that answer PLAIN with the prompt of LOGIN exist (IMail): the password is said once. */
    if (i->ended || (i->content && i->row->step != pf_initiate_bearer))
        result =
            pf_initiate_failed(err, PF_AUTH, "the server goes on asking behind the end of the exchange");
    else if (challenge.len > PF_INITIATE_CHALLENGE_MAX)
        result = pf_initiate_failed(err, PF_SYNTAX, "a challenge that is longer than any");
    else
        result = i->row->step(i, challenge, out_told, err);
    i->turn++;
    out_told->spent = i->spent;
    if (result == PF_INITIATE_FAILED) {
        i->ended = true;
        i->content = false;
        out_told->response = (struct pf_bytes){0};
    }
    return result;
}

bool pf_initiate_content(const struct pf_initiate *i)
{
    return i->content;
}
