#include "sys/dns_private.h"

#include "base/text.h"

enum { TYPE_CNAME = 5, CLASS_IN = 1, HEAD = 12, JUMPS_MAX = 64, CHAIN_MAX = 8 };

bool pf_dns_take16(struct pf_dns_message *m, unsigned *out_number)
{
    if (m->all.len - m->at < 2)
        return false;
    *out_number = (unsigned)m->all.at[m->at] << 8 | m->all.at[m->at + 1];
    m->at += 2;
    return true;
}

/* One label onto the name; octets that no host name has spoil it rather than be guessed about. */
static bool put_label(struct pf_bytes label, struct pf_span *name)
{
    if (name->len && !pf_span_put(name, PF_LIT(".")))
        return false;
    for (size_t i = 0; i < label.len; i++) {
        unsigned char c = pf_lower(label.at[i]);

        if (!pf_is_digit(c) && (c < 'a' || c > 'z') && c != '-' && c != '_')
            return false;
        if (!pf_span_put(name, pf_bytes_from(&c, 1)))
            return false;
    }
    return true;
}

/* RFC 1035 section 4.1.4; a pointer leads backwards only, so that none leads in a circle. */
bool pf_dns_take_name(struct pf_dns_message *m, char out_name[PF_SRV_NAME])
{
    struct pf_span name = {(unsigned char *)out_name, 0, PF_SRV_NAME - 1};
    size_t at = m->at, least = m->at;
    bool jumped = false;

    for (int jumps = 0; at < m->all.len;) {
        size_t len = m->all.at[at];

        if (len == 0) {
            m->at = jumped ? m->at : at + 1;
            out_name[name.len] = 0;
            return true;
        }
        if (len >= 0xc0) {
            if (at + 1 >= m->all.len || ++jumps > JUMPS_MAX)
                return false;
            m->at = jumped ? m->at : at + 2;
            jumped = true;
            at = (len & 0x3f) << 8 | m->all.at[at + 1];
            if (at >= least)
                return false;
            least = at;
            continue;
        }
        if (len > 63 || m->all.len - at - 1 < len ||
            !put_label(pf_bytes_from(m->all.at + at + 1, len), &name))
            return false;
        at += 1 + len;
    }
    return false;
}

struct record {
    char owner[PF_SRV_NAME];
    unsigned type, class;
    size_t end;
};

static bool take_head(struct pf_dns_message *m, struct record *r)
{
    unsigned life[2], len;

    if (!pf_dns_take_name(m, r->owner) || !pf_dns_take16(m, &r->type) || !pf_dns_take16(m, &r->class) ||
        !pf_dns_take16(m, &life[0]) || !pf_dns_take16(m, &life[1]) || !pf_dns_take16(m, &len) ||
        m->all.len - m->at < len)
        return false;
    r->end = m->at + len;
    return true;
}

static bool take_records(struct pf_dns_message *m, unsigned count, struct pf_dns_wish *wish)
{
    char target[PF_SRV_NAME];
    struct record r;
    int chain = 0;

    for (unsigned i = 0; i < count; i++) {
        bool ours;

        if (!take_head(m, &r))
            return false;
        ours = r.class == CLASS_IN && pf_equal_nocase(pf_bytes_of(r.owner), pf_bytes_of(wish->final));
        if (ours && r.type == TYPE_CNAME && ++chain <= CHAIN_MAX) {
            if (!pf_dns_take_name(m, target) || m->at != r.end)
                return false;
            memcpy(wish->final, target, sizeof wish->final);
        } else if (ours && r.type == wish->type &&
                   (!wish->take(wish->self, m, r.end) || m->at != r.end)) {
            return false;
        }
        m->at = r.end;
    }
    return true;
}

enum pf_code pf_dns_read(struct pf_bytes answer, struct pf_dns_wish *wish, struct pf_err *err)
{
    struct pf_dns_message m = {answer, HEAD};
    unsigned counts[2], kind[2];
    char asked[PF_SRV_NAME];
    size_t len = strlen(wish->name);

    if (answer.len < HEAD || !(answer.at[2] & 0x80) || len >= sizeof wish->final)
        return pf_fail(err, PF_TEMP, 0, "dns", "%s: this is no answer of DNS", wish->name);
    memcpy(wish->final, wish->name, len + 1);
    wish->vouched = answer.at[3] & 0x20; /* AD, RFC 4035 section 3.2.3 */
    counts[0] = (unsigned)answer.at[4] << 8 | answer.at[5];
    counts[1] = (unsigned)answer.at[6] << 8 | answer.at[7];
    for (unsigned i = 0; i < counts[0]; i++)
        if (!pf_dns_take_name(&m, asked) || !pf_dns_take16(&m, &kind[0]) || !pf_dns_take16(&m, &kind[1]))
            return pf_fail(err, PF_TEMP, 0, "dns", "%s: the answer of DNS is damaged", wish->name);
    if (!take_records(&m, counts[1], wish))
        return pf_fail(err, PF_TEMP, 0, "dns", "%s: the answer of DNS is damaged", wish->name);
    return PF_OK;
}
