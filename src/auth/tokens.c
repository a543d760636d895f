#include "auth/tokens.h"

#include "auth/auth_file.h"
#include "auth/line_file.h"
#include "auth/token_line.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

struct pf_tokens {
    char *text;
    size_t len;
    struct pf_token *rows;
    size_t count;
    struct pf_line_index index; /* by id */
};

static const char *id_of(const void *rows, uint32_t number)
{
    return ((const struct pf_token *)rows)[number - 1].id;
}

static const char *add(struct pf_tokens *tokens, const struct pf_token *row)
{
    uint32_t *slot = pf_line_index_slot(&tokens->index, pf_bytes_of(row->id));

    if (*slot)
        return "this id stands in the file twice";
    tokens->rows[tokens->count++] = *row;
    *slot = (uint32_t)tokens->count;
    return NULL;
}

static const char *take(void *self, char *line)
{
    struct pf_token row;
    const char *wrong = pf_token_line(line, &row);

    return wrong ? wrong : add(self, &row);
}

static bool make_room(struct pf_tokens *tokens)
{
    size_t most = pf_line_file_most(tokens->text, tokens->len);

    tokens->rows = calloc(most, sizeof tokens->rows[0]);
    tokens->index = (struct pf_line_index){.name_of = id_of, .records = tokens->rows};
    return tokens->rows && pf_line_index_init(&tokens->index, most);
}

struct pf_tokens *pf_tokens_parse(const char *name, char *text, size_t len, struct pf_err *err)
{
    struct pf_tokens *tokens = calloc(1, sizeof *tokens);
    const struct pf_line_file lines = {name, "tokens", PF_AUTH_LINE_MAX, take, tokens};
    enum pf_code code = PF_NO_MEMORY;

    if (tokens) {
        tokens->text = text;
        tokens->len = len;
    } else {
        free(text);
    }
    if (!tokens || !make_room(tokens))
        pf_fail(err, PF_NO_MEMORY, ENOMEM, "tokens", "no memory for the tokens");
    else
        code = pf_line_file_read(&lines, text, len, err);
    if (code == PF_OK)
        return tokens;
    pf_tokens_free(tokens);
    return NULL;
}

void pf_tokens_free(struct pf_tokens *tokens)
{
    if (!tokens)
        return;
    free(tokens->text);
    free(tokens->rows);
    pf_line_index_done(&tokens->index);
    free(tokens);
}

size_t pf_tokens_count(const struct pf_tokens *tokens)
{
    return tokens->count;
}

const struct pf_token *pf_tokens_at(const struct pf_tokens *tokens, size_t index)
{
    return &tokens->rows[index];
}

/* An id that is not there costs the same as a wrong secret. */
const struct pf_token *pf_tokens_find(const struct pf_tokens *tokens, struct pf_bytes user,
                                      struct pf_bytes secret)
{
    static const struct pf_token nobody = {.user = ""};
    const struct pf_token *row = &nobody;
    unsigned char digest[32];
    uint32_t number;
    bool right;

    if (!pf_token_form(secret))
        return NULL;
    number = *pf_line_index_slot(&tokens->index, pf_bytes_head(pf_bytes_skip(secret, 3), PF_TOKEN_ID));
    if (number && pf_bytes_equal(user, pf_bytes_of(tokens->rows[number - 1].user)))
        row = &tokens->rows[number - 1];
    pf_token_digest(secret, digest);
    right = pf_equal_secret(pf_bytes_from(digest, sizeof digest), pf_bytes_from(row->digest, sizeof row->digest));
    pf_wipe(digest, sizeof digest);
    return right && row != &nobody ? row : NULL;
}

const char *pf_token_barred(const struct pf_token *token, const char *peer, int64_t now)
{
    if (token->expires && now >= token->expires)
        return "this token has expired";
    if (!pf_token_from(token, peer))
        return "this token may not be used from there";
    return NULL;
}

static size_t count_expired(const struct pf_tokens *tokens)
{
    int64_t now = time(NULL);
    size_t expired = 0;

    for (size_t i = 0; i < tokens->count; i++)
        expired += tokens->rows[i].expires && now >= tokens->rows[i].expires;
    return expired;
}

struct pf_tokens *pf_tokens_open(const char *path, struct pf_auth_stamp *out_stamp, struct pf_err *err)
{
    size_t len;
    char *text = pf_auth_file_read(path, &len, out_stamp, err);

    return text ? pf_tokens_parse(path, text, len, err) : NULL;
}

enum pf_code pf_tokens_check(const char *path, char *out_warning, struct pf_err *err)
{
    struct pf_auth_stamp stamp;
    struct pf_err why = {0};
    struct pf_tokens *tokens = pf_tokens_open(path, &stamp, &why);
    struct stat st;
    size_t expired;

    out_warning[0] = 0;
    if (!tokens)
        return pf_fail(err, why.code, why.sys, why.where, "%s", why.log);
    expired = count_expired(tokens);
    if (stat(path, &st) == 0 && (st.st_mode & S_IRWXO))
        snprintf(out_warning, PF_ERR_LOG, "%s: others may look at it (mode %03o): chmod o= it", path,
                 st.st_mode & 0777);
    else if (expired)
        snprintf(out_warning, PF_ERR_LOG, "%s: %zu token%s expired: postfach user token list", path, expired,
                 expired == 1 ? " has" : "s have");
    pf_tokens_free(tokens);
    return PF_OK;
}
