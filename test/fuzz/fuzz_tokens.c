/* Files of tokens, and of the record of logins: what is read was meant, what is wrong is said, and no digest that
 * is not that of what was shown lets anybody in. The first octet says which file. */
#include "auth/auth_source.h"
#include "auth/record.h"
#include "auth/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool printable(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static void check_folder(const char *folder)
{
    size_t len = strlen(folder);

    must(len <= PF_AUTH_NAME_MAX && printable(folder));
    must(!strchr(folder, '/') && !strstr(folder, "..") && folder[0] != '.' && folder[0] != '~');
    must(len == 0 || folder[len - 1] != '.');
}

static void check_row(const struct pf_tokens *tokens, const struct pf_token *token)
{
    char secret[PF_TOKEN_MAX];

    must(pf_auth_name_ok(pf_bytes_of(token->user)) && strlen(token->id) == 8);
    must(printable(token->comment) && token->created >= 0 && token->expires >= 0);
    check_folder(token->folder);
    must(token->net_count <= PF_TOKEN_NETS);
    for (size_t i = 0; i < token->net_count; i++)
        must(token->nets[i].bits <= 128);
    must(!token->net_count || pf_token_barred(token, "unix", 0));
    must(token->net_count || !pf_token_barred(token, "unix", 0));
    must(!token->expires || pf_token_barred(token, "192.0.2.1", token->expires));
    snprintf(secret, sizeof secret, "pf_%s_%026d", token->id, 0);
    must(pf_token_form(pf_bytes_of(secret)));
    must(!pf_tokens_find(tokens, pf_bytes_of(token->user), pf_bytes_of(secret)));
}

static void try_tokens(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct pf_err err = {0};
    struct pf_tokens *tokens;

    must(text != NULL);
    if (size)
        memcpy(text, data, size);
    tokens = pf_tokens_parse("tokens", text, size, &err);
    must(tokens ? err.code == PF_OK : err.code == PF_CONFIG && strstr(err.log, "line"));
    for (size_t i = 0; tokens && i < pf_tokens_count(tokens); i++)
        check_row(tokens, pf_tokens_at(tokens, i));
    pf_tokens_free(tokens);
}

/* Words of an order are the administrator's; whatever they are, a line that is made can be read, and its token
 * is found. */
static void try_order(const uint8_t *data, size_t size)
{
    char words[600], token[PF_TOKEN_MAX], line[2000];
    struct pf_span out = {(unsigned char *)line, 0, sizeof line - 1};
    struct pf_token_order order = {.user = "anna", .words = words, .now = 1795334400};
    struct pf_tokens *tokens;

    if (size >= sizeof words)
        size = sizeof words - 1;
    memcpy(words, data, size);
    words[size] = 0;
    if (pf_token_make(&order, token, &out, NULL) != PF_OK) {
        must(out.len == 0);
        return;
    }
    tokens = pf_tokens_parse("made", memcpy(malloc(out.len + 1), line, out.len), out.len, NULL);
    must(tokens && pf_tokens_count(tokens) == 1);
    must(pf_tokens_find(tokens, PF_LIT("anna"), pf_bytes_of(token)) == pf_tokens_at(tokens, 0));
    pf_tokens_free(tokens);
}

static void try_record(const uint8_t *data, size_t size)
{
    struct pf_record_row *rows;
    struct pf_err err = {0};
    char path[64];
    size_t count;
    int fd = memfd_create("record", MFD_CLOEXEC);

    must(fd >= 0 && (size == 0 || write(fd, data, size) == (ssize_t)size));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (pf_record_read(path, &rows, &count, &err) == PF_OK) {
        for (size_t i = 0; i < count; i++) {
            must(pf_auth_name_ok(pf_bytes_of(rows[i].user)));
            for (size_t k = 0; k < PF_RECORD_KINDS; k++)
                must(rows[i].at[k] >= 0 && printable(rows[i].from[k]) && !rows[i].at[k] == !rows[i].from[k][0]);
        }
        pf_record_rows_free(rows, count);
    } else {
        must(err.code == PF_DAMAGED && strstr(err.log, "line"));
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == 'r')
        try_record(data + 1, size - 1);
    else if (data[0] == 'w')
        try_order(data + 1, size - 1);
    else
        try_tokens(data + 1, size - 1);
    return 0;
}
