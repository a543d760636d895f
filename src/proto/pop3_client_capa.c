#include "proto/pop3_client.h"

#include "base/text.h"

/* Cuts the next word off; blanks of any number stand between two. */
static struct pf_bytes word(struct pf_bytes *line)
{
    struct pf_bytes found;
    size_t n = 0;

    while (line->len && (line->at[0] == ' ' || line->at[0] == '\t'))
        *line = pf_bytes_skip(*line, 1);
    while (n < line->len && line->at[n] != ' ' && line->at[n] != '\t')
        n++;
    found = pf_bytes_head(*line, n);
    *line = pf_bytes_skip(*line, n);
    return found;
}

static const struct {
    const char *tag;
    unsigned can, can_user; /* `can_user` when the word USER is among its arguments */
} tags[] = {
    {"TOP", PF_CAN_TOP, 0},
    {"USER", PF_CAN_USER, 0},
    {"UIDL", PF_CAN_UIDL, 0},
    {"SASL", PF_CAN_SASL, 0},
    {"STLS", PF_CAN_STLS, 0},
    {"PIPELINING", PF_CAN_PIPELINING, 0},
    {"RESP-CODES", PF_CAN_RESP_CODES, 0},
    {"AUTH-RESP-CODE", PF_CAN_AUTH_RESP_CODE, 0},
    {"UTF8", PF_CAN_UTF8, PF_CAN_UTF8_USER},
    {"LANG", PF_CAN_LANG, 0},
    {"LOGIN-DELAY", PF_CAN_LOGIN_DELAY, PF_CAN_LOGIN_DELAY_USER},
    {"EXPIRE", PF_CAN_EXPIRE, PF_CAN_EXPIRE_USER},
};

static void mechanisms(struct pf_pop3_offer *offer, struct pf_bytes rest)
{
    struct pf_bytes name;

    offer->mechanisms_len = 0;
    while ((name = word(&rest)).len) {
        bool first = offer->mechanisms_len == 0;

        if (offer->mechanisms_len + !first + name.len > PF_CAN_MECHANISMS)
            break;
        if (!first)
            offer->mechanisms[offer->mechanisms_len++] = ' ';
        for (size_t i = 0; i < name.len; i++) {
            unsigned char c = pf_lower(name.at[i]);

            offer->mechanisms[offer->mechanisms_len++] =
                (char)(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
        }
    }
    offer->mechanisms[offer->mechanisms_len] = 0;
}

static void number(struct pf_pop3_offer *offer, unsigned can, struct pf_bytes text)
{
    uint64_t value = 0;
    bool good = pf_parse_u64(text, &value);

    if (can == PF_CAN_LOGIN_DELAY)
        offer->login_delay = !good ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    if (can == PF_CAN_EXPIRE) /* what cannot be read promises nothing */
        offer->expire_days = pf_equal_nocase(text, PF_LIT("NEVER")) ? -1
                             : !good                                ? 0
                             : value > INT32_MAX                    ? INT32_MAX
                                                                    : (int64_t)value;
}

void pf_client_capability(struct pf_pop3_offer *offer, struct pf_bytes line)
{
    struct pf_bytes rest = line, tag = word(&rest), argument;
    size_t i = 0;

    while (i < sizeof tags / sizeof tags[0] && !pf_equal_nocase(tag, pf_bytes_of(tags[i].tag)))
        i++;
    if (i == sizeof tags / sizeof tags[0])
        return;
    offer->can |= tags[i].can;
    if (tags[i].can == PF_CAN_SASL) {
        mechanisms(offer, rest);
        return;
    }
    argument = word(&rest);
    number(offer, tags[i].can, argument);
    for (; argument.len; argument = word(&rest))
        if (pf_equal_nocase(argument, PF_LIT("USER")))
            offer->can |= tags[i].can_user;
}

bool pf_pop3_client_offers(const struct pf_pop3_client *e, const char *mechanism)
{
    struct pf_bytes rest = pf_bytes_from(e->offer.mechanisms, e->offer.mechanisms_len), name;

    while ((name = word(&rest)).len)
        if (pf_bytes_equal(name, pf_bytes_of(mechanism)))
            return true;
    return false;
}

/* Visible ASCII with one '@' in the middle, and short enough. */
static bool is_message_id(struct pf_bytes text)
{
    struct pf_bytes inner;
    size_t at;

    if (text.len < 5 || text.len > PF_CAN_TIMESTAMP)
        return false;
    inner = pf_bytes_from(text.at + 1, text.len - 2);
    for (size_t i = 0; i < inner.len; i++)
        if (inner.at[i] <= 0x20 || inner.at[i] >= 0x7f || inner.at[i] == '<')
            return false;
    at = pf_find(inner, '@');
    return at > 0 && at + 1 < inner.len &&
           pf_find(pf_bytes_skip(inner, at + 1), '@') == inner.len - at - 1;
}

struct pf_bytes pf_client_timestamp_in(struct pf_bytes text)
{
    struct pf_bytes found = {0};

    for (size_t at = pf_find(text, '<'); at < text.len;) {
        struct pf_bytes rest = pf_bytes_skip(text, at), one;
        size_t end = pf_find(rest, '>');

        if (end == rest.len)
            break;
        one = pf_bytes_head(rest, end + 1);
        if (is_message_id(one))
            found = one;
        at++;
        at += pf_find(pf_bytes_skip(text, at), '<');
    }
    return found;
}
