#include "proto/pop3_client.h"

#include "base/text.h"

enum { UID_MAX = 70 };

/* Drops the blanks in front; notes more of them than `usual`. */
static struct pf_bytes behind_blanks(struct pf_pop3_client *e, struct pf_bytes text, size_t usual)
{
    size_t n = 0;

    while (n < text.len && (text.at[n] == ' ' || text.at[n] == '\t'))
        n++;
    if (n > usual || (n && text.at[0] == '\t'))
        e->odd |= PF_ODD_SPACE;
    return pf_bytes_skip(text, n);
}

static struct pf_bytes without_tail(struct pf_pop3_client *e, struct pf_bytes text)
{
    size_t len = text.len;

    while (text.len && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
        text.len--;
    if (text.len < len)
        e->odd |= PF_ODD_SPACE;
    return text;
}

/* A decimal number; what follows is a blank or the end. */
static bool number(struct pf_bytes *text, uint64_t *out)
{
    size_t n = 0;

    while (n < text->len && pf_is_digit(text->at[n]))
        n++;
    if ((n < text->len && text->at[n] != ' ' && text->at[n] != '\t') ||
        !pf_parse_u64(pf_bytes_head(*text, n), out))
        return false;
    *text = pf_bytes_skip(*text, n);
    return true;
}

/* 32 bits with a sign, as a program prints them that counts so. */
static bool negative(struct pf_pop3_client *e, struct pf_bytes *text, uint64_t *out)
{
    struct pf_bytes digits = *text;
    uint64_t value = 0;

    if (text->len == 0 || text->at[0] != '-')
        return false;
    digits = pf_bytes_skip(digits, 1);
    if (!number(&digits, &value) || value == 0 || value > (uint64_t)1 << 31)
        return false;
    *out = ((uint64_t)1 << 32) - value;
    *text = digits;
    e->odd |= PF_ODD_WRAPPED;
    return true;
}

static void two_numbers(struct pf_pop3_client *e, struct pf_bytes text, bool stat, struct pf_heard *h)
{
    uint64_t first = 0, second = 0;

    text = without_tail(e, behind_blanks(e, text, 0));
    if (!number(&text, &first)) {
        e->odd |= PF_ODD_FORM;
        return;
    }
    text = behind_blanks(e, text, 1);
    if (!number(&text, &second) && !(stat && negative(e, &text, &second))) {
        e->odd |= PF_ODD_FORM;
        return;
    }
    if (text.len)
        e->odd |= PF_ODD_EXTRA;
    h->parsed = true;
    h->number = first;
    h->octets = second;
}

/* RFC 1939 section 7. Other octets are kept, but for those that no file or screen should meet. */
static bool judge_uid(struct pf_pop3_client *e, struct pf_bytes uid)
{
    bool control = false;

    if (uid.len == 0 || uid.len > UID_MAX)
        e->odd |= PF_ODD_UID;
    for (size_t i = 0; i < uid.len; i++) {
        if (uid.at[i] <= 0x20 || uid.at[i] > 0x7e)
            e->odd |= PF_ODD_UID;
        control |= uid.at[i] < 0x20 || uid.at[i] == 0x7f;
    }
    return uid.len && !control;
}

static void number_and_uid(struct pf_pop3_client *e, struct pf_bytes text, struct pf_heard *h)
{
    uint64_t first = 0;

    text = without_tail(e, behind_blanks(e, text, 0));
    if (!number(&text, &first)) {
        e->odd |= PF_ODD_FORM;
        return;
    }
    text = behind_blanks(e, text, 1);
    if (!judge_uid(e, text) || e->odd & PF_ODD_LONG) {
        e->odd |= PF_ODD_FORM;
        return;
    }
    h->parsed = true;
    h->number = first;
    h->uid = text;
}

static void judge_number(struct pf_pop3_client *e, uint64_t n)
{
    if (n == 0 || n > UINT32_MAX || (e->stat_known && !e->marked && n > e->stat_count))
        e->odd |= PF_ODD_NUMBER;
}

/* "+OK 120 octets" (RFC 1939 section 5), or any words. */
static uint64_t announced(struct pf_bytes text)
{
    uint64_t octets = 0;

    return number(&text, &octets) ? octets : PF_OCTETS_UNKNOWN;
}

static void only_number(struct pf_pop3_client *e, struct pf_bytes text, struct pf_heard *h)
{
    text = without_tail(e, behind_blanks(e, text, 0));
    h->parsed = number(&text, &h->number);
    e->odd |= !h->parsed ? PF_ODD_FORM : text.len ? PF_ODD_EXTRA : 0;
}

void pf_client_parse_status(struct pf_pop3_client *e, const struct pf_client_slot *slot,
                            struct pf_bytes text, struct pf_heard *h)
{
    switch ((int)slot->verb) {
    case PF_VERB_STAT:
        two_numbers(e, text, true, h);
        return;
    case PF_VERB_LAST:
        only_number(e, text, h);
        return;
    case PF_VERB_RETR:
        h->octets = announced(text);
        h->parsed = h->octets != PF_OCTETS_UNKNOWN;
        return;
    case PF_VERB_TOP:
        h->octets = PF_OCTETS_UNKNOWN;
        return;
    case PF_VERB_LANG:
        h->uid = pf_bytes_head(text, pf_find(text, ' '));
        h->parsed = h->uid.len && !slot->multi;
        return;
    default:
        break;
    }
    if (slot->multi || (slot->verb != PF_VERB_LIST && slot->verb != PF_VERB_UIDL))
        return;
    if (slot->verb == PF_VERB_LIST)
        two_numbers(e, text, false, h);
    else
        number_and_uid(e, text, h);
    if (h->parsed && h->number != slot->number)
        e->odd |= PF_ODD_NUMBER;
}

static void add(struct pf_pop3_client *e, uint64_t octets)
{
    if (__builtin_add_overflow(e->sum, octets, &e->sum)) {
        e->sum = UINT64_MAX;
        e->odd |= PF_ODD_SUM;
    }
}

void pf_client_parse_item(struct pf_pop3_client *e, const struct pf_client_slot *slot,
                          struct pf_bytes line, struct pf_heard *h)
{
    bool numbered = slot->verb == PF_VERB_LIST || slot->verb == PF_VERB_UIDL;

    if (slot->verb == PF_VERB_CAPA)
        pf_client_capability(&e->offer, line);
    if (!numbered)
        return;
    if (pf_equal_nocase(pf_bytes_head(line, 4),
                        PF_LIT("+OK "))) { /* Maillennium, in front of each line */
        e->odd |= PF_ODD_STATUS;
        line = pf_bytes_skip(line, 4);
    }
    if (slot->verb == PF_VERB_LIST)
        two_numbers(e, line, false, h);
    else
        number_and_uid(e, line, h);
    if (!h->parsed)
        return;
    judge_number(e, h->number);
    if (h->number <= e->last_number)
        e->odd |= PF_ODD_ORDER;
    e->last_number = h->number;
    if (slot->verb == PF_VERB_LIST)
        add(e, h->octets);
}

/* What LIST adds up to against what STAT told. */
static void compare(struct pf_pop3_client *e)
{
    if (e->items == e->stat_count && e->sum == e->stat_octets)
        return;
    if (e->items == e->stat_count && e->sum > UINT32_MAX && (e->sum & UINT32_MAX) == e->stat_octets)
        e->odd |= PF_ODD_WRAPPED;
    else
        e->odd |= PF_ODD_SUM;
}

void pf_client_list_end(struct pf_pop3_client *e, const struct pf_client_slot *slot, struct pf_heard *h)
{
    h->number = e->items;
    h->parsed = true;
    if (slot->verb != PF_VERB_LIST)
        return;
    h->octets = e->sum;
    if (e->stat_known)
        compare(e);
}
