#include "auth/auth_dovecot.h"

#include "auth/auth_entry.h"
#include "base/text.h"
#include "proto/b64.h"

#include <stdio.h>

#define KIND "dovecot"

enum { SHOWN = 100 /* octets of what was said, for the log */ };

static const struct {
    unsigned char octet, letter;
} escapes[] = {{0, '0'}, {1, '1'}, {'\t', 't'}, {'\r', 'r'}, {'\n', 'n'}};

bool pf_dovecot_escape(struct pf_bytes text, struct pf_span *out)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char pair[2] = {text.at[i]};
        size_t len = 1;

        for (size_t e = 0; e < sizeof escapes / sizeof escapes[0]; e++)
            if (text.at[i] == escapes[e].octet) {
                pair[0] = 1;
                pair[len++] = escapes[e].letter;
            }
        if (!pf_span_put(out, pf_bytes_from(pair, len)))
            return false;
    }
    return true;
}

static bool unescape_one(unsigned char letter, struct pf_span *out)
{
    for (size_t e = 0; e < sizeof escapes / sizeof escapes[0]; e++)
        if (letter == escapes[e].letter)
            return pf_span_put(out, pf_bytes_from(&escapes[e].octet, 1));
    return false;
}

bool pf_dovecot_unescape(struct pf_bytes field, struct pf_span *out)
{
    while (field.len) {
        size_t plain = pf_find(field, 1);

        if (!pf_span_put(out, pf_bytes_head(field, plain)))
            return false;
        field = pf_bytes_skip(field, plain);
        if (field.len == 0)
            break;
        if (field.len < 2 || !unescape_one(field.at[1], out))
            return false;
        field = pf_bytes_skip(field, 2);
    }
    return true;
}

/* Fields have tabs between them; false behind the last. */
static bool next(struct pf_bytes *rest, struct pf_bytes *out_field)
{
    size_t tab;

    if (!rest->at)
        return false;
    tab = pf_find(*rest, '\t');
    *out_field = pf_bytes_head(*rest, tab);
    *rest = tab < rest->len ? pf_bytes_skip(*rest, tab + 1) : (struct pf_bytes){0};
    return true;
}

static enum pf_code wrong(struct pf_bytes line, const char *what, struct pf_err *err)
{
    char safe[SHOWN];
    struct pf_bytes word = pf_bytes_head(line, pf_find(line, '\t'));

    pf_text_safe(safe, sizeof safe, word);
    return pf_fail(err, PF_TEMP, 0, KIND, KIND ": an answer `%s` that %s", safe, what);
}

enum pf_code pf_dovecot_hello(struct pf_dovecot_hello *hello, struct pf_bytes line, bool users, struct pf_err *err)
{
    struct pf_bytes rest = line, word = {0}, value = {0};

    next(&rest, &word);
    next(&rest, &value);
    if (pf_bytes_equal(word, PF_LIT("VERSION"))) {
        if (!pf_bytes_equal(value, PF_LIT("1")))
            return wrong(line, "speaks of a version that is not 1", err);
        hello->version = true;
    } else if (pf_bytes_equal(word, PF_LIT("MECH")) && users) {
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": user-path is no socket whose name ends in -userdb");
    } else if (pf_bytes_equal(word, PF_LIT("MECH"))) {
        hello->plain |= pf_bytes_equal(value, PF_LIT("PLAIN"));
    } else if (pf_bytes_equal(word, users ? PF_LIT("SPID") : PF_LIT("DONE"))) {
        hello->done = true;
    }
    if (hello->done && !hello->version)
        return wrong(line, "came before VERSION", err);
    if (hello->done && !users && !hello->plain)
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": the mechanism PLAIN is not offered (auth_mechanisms)");
    return PF_OK;
}

/* The number behind the first word. */
static bool has_id(struct pf_bytes *rest, unsigned id)
{
    struct pf_bytes field;
    uint64_t number;

    return next(rest, &field) && pf_parse_u64(field, &number) && number == id;
}

/* name=value, or a name; the value without escapes. */
struct pair {
    struct pf_bytes name, value;
    unsigned char room[PF_AUTH_VALUE_MAX];
};

/* False: the end. `*good` false: a field that cannot be. */
static bool next_pair(struct pf_bytes *rest, struct pair *pair, bool *good)
{
    struct pf_span value = {pair->room, 0, sizeof pair->room};
    struct pf_bytes field;

    if (!next(rest, &field))
        return false;
    pair->name = pf_bytes_head(field, pf_find(field, '='));
    *good = pf_dovecot_unescape(pf_bytes_skip(field, pair->name.len + 1), &value);
    pair->value = pf_span_bytes(&value);
    if (pair->name.len == field.len)
        pair->value = PF_LIT("yes");
    return true;
}

static bool is_about_password(struct pf_bytes name)
{
    return pf_bytes_equal(name, PF_LIT("password"));
}

static enum pf_code field_fails(struct pf_bytes name, struct pf_err *err)
{
    char safe[SHOWN];

    pf_text_safe(safe, sizeof safe, name);
    return pf_fail(err, PF_TEMP, 0, KIND, KIND ": the field `%s` has a value that cannot be used here", safe);
}

static enum pf_code login_ok(struct pf_bytes rest, struct pf_auth_entry *entry, struct pf_err *err)
{
    struct pair pair;
    bool good;

    while (next_pair(&rest, &pair, &good)) {
        if (!pf_auth_entry_knows(pair.name) || is_about_password(pair.name))
            continue;
        if (!good || !pf_auth_entry_set(entry, pair.name, pair.value))
            return field_fails(pair.name, err);
    }
    return PF_OK;
}

/* Versions before 2.3 say `temp`, later ones `code=temp_fail`, and some both. */
static enum pf_code login_fail(struct pf_bytes rest, struct pf_err *err)
{
    bool temp = false, good;
    char reason[SHOWN] = "wrong password, or no such user";
    struct pair pair;

    while (next_pair(&rest, &pair, &good)) {
        bool code = pf_bytes_equal(pair.name, PF_LIT("code"));

        temp |= pf_bytes_equal(pair.name, PF_LIT("temp")) || (code && pf_bytes_equal(pair.value, PF_LIT("temp_fail")));
        if (pf_bytes_equal(pair.name, PF_LIT("user_disabled")) || pf_bytes_equal(pair.name, PF_LIT("pass_expired")))
            pf_text_safe(reason, sizeof reason, pair.name);
        if (code || pf_bytes_equal(pair.name, PF_LIT("reason")))
            pf_text_safe(reason, sizeof reason, pair.value);
    }
    if (temp)
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": it failed there for the moment; its log says why");
    return pf_fail(err, PF_AUTH, 0, KIND, KIND ": %s", reason);
}

enum pf_code pf_dovecot_login_answer(struct pf_bytes line, unsigned id, struct pf_auth_entry *entry, struct pf_err *err)
{
    struct pf_bytes rest = line, word = {0};
    bool ok, fail, more;

    next(&rest, &word);
    ok = pf_bytes_equal(word, PF_LIT("OK"));
    fail = pf_bytes_equal(word, PF_LIT("FAIL"));
    more = pf_bytes_equal(word, PF_LIT("CONT"));
    if (!ok && !fail && !more)
        return PF_AGAIN;
    if (!has_id(&rest, id)) {
        wrong(line, "belongs to another question", err);
        return PF_BUSY;
    }
    if (more) {
        wrong(line, "asks for more than a password", err);
        return PF_BUSY;
    }
    return ok ? login_ok(rest, entry, err) : login_fail(rest, err);
}

/* "maildir:~/Maildir": the path of a home stands for the tilde. */
static bool set_mail(struct pf_auth_entry *entry, struct pf_bytes mail, struct pf_bytes home)
{
    size_t colon = pf_find(mail, ':'), path = colon == mail.len ? 0 : colon + 1;
    unsigned char room[PF_AUTH_VALUE_MAX];
    struct pf_span whole = {room, 0, sizeof room};
    bool at_home = mail.len > path + 1 && mail.at[path] == '~' && mail.at[path + 1] == '/';

    if (at_home && home.len == 0)
        return false;
    return pf_span_put(&whole, pf_bytes_head(mail, path)) && (!at_home || pf_span_put(&whole, home)) &&
           pf_span_put(&whole, pf_bytes_skip(mail, path + at_home)) &&
           pf_auth_entry_set(entry, PF_LIT("userdb_mail"), pf_span_bytes(&whole));
}

static bool set_field(struct pf_auth_entry *entry, const struct pair *pair, struct pf_bytes home)
{
    if (pf_bytes_equal(pair->name, PF_LIT("mail")))
        return set_mail(entry, pair->value, home);
    if (pf_bytes_equal(pair->name, PF_LIT("quota_rule")))
        return pf_auth_entry_set(entry, PF_LIT("userdb_quota_rule"), pair->value);
    return !pf_auth_entry_knows(pair->name) || is_about_password(pair->name) ||
           pf_auth_entry_set(entry, pair->name, pair->value);
}

static enum pf_code user_ok(struct pf_bytes rest, struct pf_auth_entry *entry, struct pf_err *err)
{
    struct pair pair, home;
    struct pf_bytes again = rest, at_home = {0};
    bool good;

    while (next_pair(&again, &home, &good))
        if (good && pf_bytes_equal(home.name, PF_LIT("home"))) {
            at_home = home.value;
            break;
        }
    while (next_pair(&rest, &pair, &good))
        if (!good || !set_field(entry, &pair, at_home))
            return field_fails(pair.name, err);
    return PF_OK;
}

/* The first field of what a USER is; a name may hold '='. */
static bool user_name(struct pf_bytes *rest, struct pf_auth_entry *entry)
{
    unsigned char room[PF_AUTH_NAME_MAX];
    struct pf_span name = {room, 0, sizeof room};
    struct pf_bytes field;

    return next(rest, &field) && pf_dovecot_unescape(field, &name) &&
           pf_auth_entry_set(entry, PF_LIT("user"), pf_span_bytes(&name));
}

enum pf_code pf_dovecot_user_answer(struct pf_bytes line, unsigned id, struct pf_auth_entry *entry, struct pf_err *err)
{
    struct pf_bytes rest = line, word = {0};
    bool user, none;

    next(&rest, &word);
    user = pf_bytes_equal(word, PF_LIT("USER"));
    none = pf_bytes_equal(word, PF_LIT("NOTFOUND"));
    if (!user && !none && !pf_bytes_equal(word, PF_LIT("FAIL")))
        return PF_AGAIN;
    if (!has_id(&rest, id)) {
        wrong(line, "belongs to another question", err);
        return PF_BUSY;
    }
    if (none)
        return PF_NO_USER;
    if (!user)
        return pf_fail(err, PF_TEMP, 0, KIND, KIND ": a user could not be looked up there; its log says why");
    return user_name(&rest, entry) ? user_ok(rest, entry, err) : field_fails(PF_LIT("user"), err);
}

static bool put_secret(const struct pf_auth_proof *proof, struct pf_span *out)
{
    unsigned char room[PF_AUTH_NAME_MAX + PF_AUTH_VALUE_MAX];
    struct pf_span plain = {room, 0, sizeof room};
    bool good = pf_span_put(&plain, PF_LIT("\0")) && pf_span_put(&plain, proof->name) &&
                pf_span_put(&plain, PF_LIT("\0")) && pf_span_put(&plain, proof->secret) &&
                pf_b64_encode(pf_span_bytes(&plain), out);

    pf_wipe(room, sizeof room);
    return good;
}

/* `resp` is the last, because so it has to be. */
bool pf_dovecot_login_question(const struct pf_auth_proof *proof, const char *service, unsigned id,
                               struct pf_span *out)
{
    const char *peer = proof->peer ? proof->peer : "";
    bool remote = strchr(peer, '.') || strchr(peer, ':'); /* an address, not "unix" */

    return pf_span_format(out, "AUTH\t%u\tPLAIN\tservice=", id) && pf_dovecot_escape(pf_bytes_of(service), out) &&
           (!proof->tls || pf_span_put(out, PF_LIT("\tsecured"))) &&
           pf_span_put(out, PF_LIT("\tno-penalty\tnologin")) &&
           (!remote || (pf_span_put(out, PF_LIT("\trip=")) &&
                        pf_dovecot_escape(pf_bytes_head(pf_bytes_of(peer), strcspn(peer, "%")), out))) &&
           pf_span_put(out, PF_LIT("\tresp=")) && put_secret(proof, out) && pf_span_put(out, PF_LIT("\n"));
}

bool pf_dovecot_user_question(struct pf_bytes name, const char *service, unsigned id, struct pf_span *out)
{
    return pf_span_format(out, "USER\t%u\t", id) && pf_dovecot_escape(name, out) &&
           pf_span_put(out, PF_LIT("\tservice=")) && pf_dovecot_escape(pf_bytes_of(service), out) &&
           pf_span_put(out, PF_LIT("\n"));
}
