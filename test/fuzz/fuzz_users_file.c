/* Password files: what is read can be found, what is found was meant, and what is wrong is said. The
 * first octet says whether weak schemes are allowed. */
#include "auth/auth_file.h"
#include "auth/exchange.h"
#include "auth/password.h"
#include <postfach/pop3_server.h>

#include <stdlib.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const struct pf_auth_entry *entry, struct pf_bytes name, bool weak)
{
    const struct pf_user *user = &entry->user;
    char prepared[PF_AUTH_NAME_MAX + 1];

    must(pf_bytes_equal(name, pf_bytes_of(user->name)));
    must(pf_auth_name_ok(name) && pf_saslprep(name, prepared, sizeof prepared));
    must(strcmp(prepared, user->name) == 0);
    must(user->maildrop[0] == 0 || user->maildrop[0] == '/');
    must(strstr(user->maildrop, "/../") == NULL);
    must(user->expire_days >= -2 && user->login_delay >= -2);
    must(entry->nologin || pf_password_look(entry->stored, weak, NULL) == PF_OK);
    must(entry->nologin || weak || !pf_password_weak(entry->stored));
}

/* Every line that is no comment is a user who is found by what stands before its colon. */
static size_t check_lines(const struct pf_auth_file *file, struct pf_bytes text, bool weak)
{
    size_t users = 0;

    while (text.len) {
        const unsigned char *lf = memchr(text.at, '\n', text.len);
        size_t len = lf ? (size_t)(lf - text.at) : text.len;
        const unsigned char *colon = len && text.at[0] != '#' ? memchr(text.at, ':', len) : NULL;

        if (colon) {
            struct pf_bytes name = pf_bytes_head(text, (size_t)(colon - text.at));
            struct pf_auth_entry entry = {0};

            must(pf_auth_file_find(file, name, &entry) == PF_OK);
            check_entry(&entry, name, weak);
            users++;
        }
        text = pf_bytes_skip(text, len + 1);
    }
    return users;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_err err = {0};
    struct pf_auth_file *file;
    struct pf_auth_entry entry = {0};
    char *copy;
    bool weak;

    if (size == 0)
        return 0;
    weak = data[0] & 1;
    data++, size--;
    copy = malloc(size + 1);
    must(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    file = pf_auth_file_parse("users", copy, size, weak, &err);
    must(file ? err.code == PF_OK : err.code == PF_CONFIG && strstr(err.log, "line") != NULL);
    if (!file)
        return 0;
    must(check_lines(file, pf_bytes_from(data, size), weak) == pf_auth_file_count(file));
    must(pf_auth_file_find(file, PF_LIT("a/b"), &entry) == PF_NO_USER);
    if (pf_auth_file_common(file))
        must(pf_password_look(pf_auth_file_common(file), weak, NULL) == PF_OK);
    pf_auth_file_free(file);
    return 0;
}
