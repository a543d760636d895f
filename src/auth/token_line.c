#include "auth/token_line.h"

#include "auth/exchange.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <strings.h>
#include <time.h>

enum {
    EVERY_MAX = 31 * 24 * 3600, /* who may come less often than monthly needs another kind of limit */
    MAPPED = 96                 /* bits before an IPv4 address in its IPv4-mapped form */
};

static const char prefix[] = "{SHA256}";
static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

void pf_token_digest(struct pf_bytes token, unsigned char out[32])
{
    crypto_hash_sha256(out, token.at, token.len);
}

static bool alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, pf_lower((unsigned char)c)) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* In place; false for a bad escape, and for a control character in whatever spelling. */
static bool percent_decode(char *text)
{
    char *to = text;

    for (const char *at = text; *at; at++) {
        char c = *at;

        if (c == '%') {
            int high = hex(at[1]), low = high < 0 ? -1 : hex(at[2]);

            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            at += 2;
        }
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return false;
        *to++ = c;
    }
    *to = 0;
    return true;
}

/* Digits as the pattern has them (N), all else literally. */
static bool numbers(const char *text, const char *pattern, int *out)
{
    for (; *pattern; pattern++, text++) {
        if (*pattern != 'N' && *pattern != *text)
            return false;
        if (*pattern == 'N') {
            if (!pf_is_digit((unsigned char)*text))
                return false;
            *out = *out * 10 + (*text - '0');
        } else {
            out++;
        }
    }
    return true;
}

/* A date that exists, or one with a time. */
static bool take_time(const char *text, int64_t *out)
{
    int parts[8] = {0};
    bool whole = strlen(text) == 20;
    struct tm tm, back;
    time_t seconds;

    if ((!whole && strlen(text) != 10) ||
        !numbers(text, whole ? "NNNN-NN-NNTNN:NN:NNZ" : "NNNN-NN-NN", parts))
        return false;
    tm = (struct tm){.tm_year = parts[0] - 1900, .tm_mon = parts[1] - 1, .tm_mday = parts[2],
                     .tm_hour = parts[3], .tm_min = parts[4], .tm_sec = parts[5]};
    back = tm;
    seconds = timegm(&back);
    if (seconds <= 0 || back.tm_mon != tm.tm_mon || back.tm_mday != tm.tm_mday ||
        back.tm_hour != tm.tm_hour || back.tm_min != tm.tm_min || back.tm_sec != tm.tm_sec)
        return false;
    *out = seconds;
    return true;
}

static const char *take_created(char *value, struct pf_token *out)
{
    return take_time(value, &out->created) ? NULL : "created= wants YYYY-MM-DDTHH:MM:SSZ";
}

static const char *take_expires(char *value, struct pf_token *out)
{
    return take_time(value, &out->expires) ? NULL
                                           : "expires= wants a date, YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ";
}

static const char *take_every(char *value, struct pf_token *out)
{
    uint64_t seconds;

    if (!pf_parse_u64(pf_bytes_of(value), &seconds) || seconds < 1 || seconds > EVERY_MAX)
        return "every= wants seconds, from 1 to those of 31 days";
    out->every = (unsigned)seconds;
    return NULL;
}

static const char *take_comment(char *value, struct pf_token *out)
{
    out->comment = value;
    return percent_decode(value) ? NULL : "comment= has a bad %-escape, or a control character";
}

/* Levels with dots between them, none empty, none that would leave its place. */
static bool is_folder(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= PF_AUTH_NAME_MAX && name[0] != '.' && name[0] != '~' && name[len - 1] != '.' &&
           !strstr(name, "..") && !strchr(name, '/');
}

static const char *take_folder(char *value, struct pf_token *out)
{
    if (!percent_decode(value) || !is_folder(value))
        return "folder= wants a folder of a Maildir, with dots between levels and without '/'";
    out->folder = strcasecmp(value, "INBOX") == 0 ? "" : value;
    return NULL;
}

static bool inside(const unsigned char *address, const struct pf_token_net *net)
{
    unsigned whole = net->bits / 8, rest = net->bits % 8;

    return memcmp(address, net->at, whole) == 0 &&
           (rest == 0 || (address[whole] ^ net->at[whole]) >> (8 - rest) == 0);
}

/* An address as 16 octets; how many bits stand before what its own family has, or -1. */
static int take_address(const char *text, unsigned char out[16])
{
    memcpy(out, mapped, sizeof mapped);
    if (inet_pton(AF_INET, text, out + sizeof mapped) == 1)
        return MAPPED;
    return inet_pton(AF_INET6, text, out) == 1 ? 0 : -1;
}

static bool is_mapped(const unsigned char *address)
{
    return memcmp(address, mapped, sizeof mapped) == 0;
}

static const char *take_net(char *text, struct pf_token_net *out)
{
    char *slash = strchr(text, '/');
    struct pf_token_net rest = {.bits = 0};
    uint64_t bits;
    int before;

    if (slash)
        *slash++ = 0;
    before = take_address(text, out->at);
    if (before < 0)
        return "from= wants numeric addresses, with /PREFIX for networks, and commas between them";
    bits = 128 - (unsigned)before;
    if (slash && (!pf_parse_u64(pf_bytes_of(slash), &bits) || bits > 128 - (unsigned)before))
        return "from= has a prefix that is no number, or longer than the address";
    out->bits = (unsigned)bits + (unsigned)before;
    memcpy(rest.at, out->at, sizeof rest.at);
    for (unsigned i = out->bits; i < 128; i++)
        rest.at[i / 8] &= (unsigned char)~(0x80U >> i % 8);
    return memcmp(rest.at, out->at, sizeof rest.at) == 0
               ? NULL
               : "from= has a network with bits behind its prefix: write 192.0.2.0/24, not 192.0.2.7/24";
}

static const char *take_from(char *value, struct pf_token *out)
{
    const char *wrong = NULL;

    for (char *next = value; next && !wrong; value = next) {
        next = strchr(value, ',');
        if (next)
            *next++ = 0;
        if (out->net_count == PF_TOKEN_NETS)
            return "from= has more than 16 networks";
        wrong = take_net(value, &out->nets[out->net_count++]);
    }
    return wrong;
}

bool pf_token_from(const struct pf_token *token, const char *peer)
{
    char text[INET6_ADDRSTRLEN] = "";
    unsigned char address[16];
    size_t len = peer ? strcspn(peer, "%") : 0;

    if (token->net_count == 0)
        return true;
    if (len == 0 || len >= sizeof text)
        return false;
    memcpy(text, peer, len);
    if (take_address(text, address) < 0)
        return false;
    for (size_t i = 0; i < token->net_count; i++)
        /* ::/0 is every IPv6 address; that IPv4 is mapped into it is nobody's intention. */
        if (inside(address, &token->nets[i]) && !(is_mapped(address) && token->nets[i].bits < MAPPED))
            return true;
    return false;
}

static const char *take_read_only(char *value, struct pf_token *out)
{
    (void)value;
    out->read_only = true;
    return NULL;
}

static const char *take_no_delete(char *value, struct pf_token *out)
{
    (void)value;
    out->no_delete = true;
    return NULL;
}

static const struct {
    const char *word;
    bool has_value;
    const char *(*take)(char *value, struct pf_token *out);
} words[] = {
    {"read-only", false, take_read_only}, {"no-delete", false, take_no_delete}, {"from", true, take_from},
    {"expires", true, take_expires},      {"every", true, take_every},          {"folder", true, take_folder},
    {"comment", true, take_comment},      {"created", true, take_created},
};

static const char *take_word(char *word, unsigned *seen, struct pf_token *out)
{
    char *value = strchr(word, '=');

    if (value)
        *value++ = 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(word, words[i].word) != 0)
            continue;
        if (words[i].has_value != (value != NULL))
            return value ? "read-only and no-delete take no value" : "this word wants a value behind '='";
        if (*seen & 1U << i)
            return "a word stands in this line twice";
        *seen |= 1U << i;
        return words[i].take(value, out);
    }
    return "unknown word: read-only, no-delete, from=, expires=, every=, folder=, comment= and created= are known";
}

static const char *take_words(char *at, struct pf_token *out)
{
    const char *wrong = NULL;
    unsigned seen = 0;

    while (!wrong && *(at += strspn(at, " \t"))) {
        char *word = at;

        at += strcspn(at, " \t");
        if (*at)
            *at++ = 0;
        wrong = take_word(word, &seen, out);
    }
    return wrong;
}

static const char *take_user(const char *user)
{
    char prepared[PF_AUTH_NAME_MAX + 1];

    if (!pf_auth_name_ok(pf_bytes_of(user)))
        return "a user is 1 to 255 octets, without '/' and control characters, and begins with no dot";
    if (!pf_saslprep(pf_bytes_of(user), prepared, sizeof prepared) || strcmp(prepared, user) != 0)
        return "this user can never match: it is not UTF-8 in the form of SASLprep (RFC 4013)";
    return NULL;
}

static const char *take_id(const char *id)
{
    for (size_t i = 0; i < PF_TOKEN_ID; i++)
        if (!alphanumeric(id[i]))
            return "an id is eight letters and digits";
    return id[PF_TOKEN_ID] ? "an id is eight letters and digits" : NULL;
}

static const char *take_digest(const char *text, unsigned char out[32])
{
    if (strncmp(text, prefix, sizeof prefix - 1) != 0 || strlen(text) != sizeof prefix - 1 + 64)
        return "the digest is {SHA256} and 64 hexadecimal digits";
    text += sizeof prefix - 1;
    for (size_t i = 0; i < 32; i++) {
        int high = hex(text[2 * i]), low = hex(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return "the digest is {SHA256} and 64 hexadecimal digits";
        out[i] = (unsigned char)(high * 16 + low);
    }
    return NULL;
}

const char *pf_token_line(char *line, struct pf_token *out)
{
    char *fields[4] = {line};
    const char *wrong;

    for (size_t i = 1; i < 4; i++) {
        fields[i] = strchr(fields[i - 1], ':');
        if (!fields[i])
            return "a line is user:id:digest:words";
        *fields[i]++ = 0;
    }
    *out = (struct pf_token){.user = line, .id = fields[1], .comment = "", .folder = ""};
    wrong = take_user(line);
    if (!wrong)
        wrong = take_id(fields[1]);
    if (!wrong)
        wrong = take_digest(fields[2], out->digest);
    return wrong ? wrong : take_words(fields[3], out);
}

bool pf_token_form(struct pf_bytes secret)
{
    if (secret.len != PF_TOKEN_LEN || memcmp(secret.at, "pf_", 3) != 0)
        return false;
    for (size_t i = 3; i < PF_TOKEN_LEN; i++)
        if (i == 3 + PF_TOKEN_ID ? secret.at[i] != '_' : !alphanumeric((char)secret.at[i]))
            return false;
    return true;
}
