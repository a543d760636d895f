/* Answers of Dovecot: whatever comes, a line is none, an answer, or against the protocol; an answer to another question
 * never counts; what is escaped comes back the same. The first octet chooses what is looked at. */
#include "auth/auth_dovecot.h"
#include "auth/auth_entry.h"

#include <stdlib.h>

enum { ID = 7, ROOM = 1 << 14 };

static void must(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool begins(struct pf_bytes line, const char *word)
{
    return pf_bytes_equal(pf_bytes_head(line, strlen(word)), pf_bytes_of(word));
}

static void check_login(struct pf_bytes line)
{
    struct pf_auth_entry entry;
    struct pf_err err = {0};
    enum pf_code code;

    pf_auth_entry_begin(&entry, PF_LIT("anna"));
    code = pf_dovecot_login_answer(line, ID, &entry, &err);
    must(code != PF_OK || begins(line, "OK\t7") || begins(line, "OK\t0"));
    must(code != PF_AUTH || begins(line, "FAIL\t7") || begins(line, "FAIL\t0"));
    must(code == PF_OK || code == PF_AUTH || code == PF_TEMP || code == PF_BUSY || code == PF_AGAIN);
    must((code == PF_OK || code == PF_AGAIN) == (err.code == PF_OK));
    must(pf_auth_name_ok(pf_bytes_of(entry.user.name)) && !entry.stored);
    must(pf_dovecot_login_answer(line, ID + 1, &entry, NULL) != PF_OK || code != PF_OK);
}

static void check_user(struct pf_bytes line)
{
    struct pf_auth_entry entry;
    struct pf_err err = {0};
    enum pf_code code;

    pf_auth_entry_begin(&entry, PF_LIT("anna"));
    code = pf_dovecot_user_answer(line, ID, &entry, &err);
    must(code != PF_OK || begins(line, "USER\t7") || begins(line, "USER\t0"));
    must(code != PF_NO_USER || begins(line, "NOTFOUND\t"));
    must(code == PF_OK || code == PF_NO_USER || code == PF_TEMP || code == PF_BUSY || code == PF_AGAIN);
    must(pf_auth_name_ok(pf_bytes_of(entry.user.name)) && !entry.stored);
    must(!strstr(entry.user.maildrop, "/../"));
    must(pf_dovecot_user_answer(line, ID + 1, &entry, NULL) != PF_OK || code != PF_OK);
}

static void check_hello(struct pf_bytes lines, bool users)
{
    struct pf_dovecot_hello hello = {0};
    enum pf_code code = PF_OK;

    while (lines.len && code == PF_OK && !hello.done) {
        const unsigned char *end = memchr(lines.at, '\n', lines.len);
        size_t len = end ? (size_t)(end - lines.at) : lines.len;

        code = pf_dovecot_hello(&hello, pf_bytes_head(lines, len), users, NULL);
        lines = pf_bytes_skip(lines, len + 1);
    }
    must(code != PF_OK || !hello.done || (hello.version && (users || hello.plain)));
}

static void check_escapes(struct pf_bytes text)
{
    static unsigned char one[ROOM], two[ROOM];
    struct pf_span escaped = {one, 0, ROOM}, plain = {two, 0, ROOM};

    if (!pf_dovecot_escape(text, &escaped))
        return;
    for (size_t i = 0; i < escaped.len; i++)
        must(one[i] != '\t' && one[i] != '\n' && one[i] != 0);
    must(pf_dovecot_unescape(pf_span_bytes(&escaped), &plain));
    must(pf_bytes_equal(pf_span_bytes(&plain), text));
    plain.len = 0;
    if (pf_dovecot_unescape(text, &plain))
        must(plain.len <= text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pf_bytes text = pf_bytes_from(data, size);
    unsigned char way = size ? data[0] : 0;

    text = pf_bytes_skip(text, 1);
    switch (way % 5) {
    case 0:
        check_login(text);
        break;
    case 1:
        check_user(text);
        break;
    case 2:
    case 3:
        check_hello(text, way % 5 == 3);
        break;
    default:
        check_escapes(text);
    }
    return 0;
}
