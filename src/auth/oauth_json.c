#include "auth/oauth_json.h"

/* Counts brackets outside of strings; whether they match is the parser's to say. */
static bool shallow(struct pf_bytes text)
{
    size_t depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = text.at[i];

        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            depth++;
        else if (!quoted && (c == '}' || c == ']') && depth)
            depth--;
        if (depth > PF_OAUTH_DEPTH_MAX)
            return false;
    }
    return true;
}

json_t *pf_oauth_json(struct pf_bytes text)
{
    json_t *value;

    if (!text.len || text.len > PF_OAUTH_JSON_MAX || !shallow(text))
        return NULL;
    value = json_loadb((const char *)text.at, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

bool pf_oauth_json_text(const json_t *object, const char *name, struct pf_bytes *out)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_string(value))
        return false;
    *out = pf_bytes_from(json_string_value(value), json_string_length(value));
    return true;
}

/* 64: not one of them. */
static unsigned sextet(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '-' ? 62 : c == '_' ? 63 : 64;
}

bool pf_oauth_base64url(struct pf_bytes in, struct pf_span *out)
{
    unsigned packed = 0, bits = 0;

    if (in.len % 4 == 1 || pf_span_room(out) < in.len / 4 * 3 + (in.len % 4 ? in.len % 4 - 1 : 0))
        return false;
    for (size_t i = 0; i < in.len; i++) {
        unsigned value = sextet(in.at[i]);

        if (value == 64)
            return false;
        packed = (packed << 6 | value) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out->at[out->len++] = (unsigned char)(packed >> bits);
        }
    }
    return (packed & ((1u << bits) - 1)) == 0;
}
